//! Which device gets which profile, who waits, and when a sync is asked for (A-2 to A-4, A-9, S-2,
//! S-6, P-31, T-10).

use super::world::*;
use crate::ledger::LedgerView;
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::{Platform, ProfileId, Serial};
use crate::plan::{Action, AssignGroup, Bookkeeping, Class, Effect, Plan, Step, When};

const A: &str = "C02A0001";
const B: &str = "C02B0001";
const C: &str = "C02C0001";

/// Profiles `main` and `kiosk`, and nobody who has them.
fn school() -> World {
    let mut world = World::new();
    world.profile("main", "[school]", "").profile("kiosk", "[school]", "");
    world.settled()
}

fn main_id() -> ProfileId {
    profile_id("main", "school")
}

fn groups(step: &Step) -> &[AssignGroup] {
    match &step.action {
        Action::Assign { groups, .. } => groups,
        other => panic!("{other:?} assigns nothing"),
    }
}

fn left_devices(plan: &Plan) -> Vec<(u64, bool, &str)> {
    let devices = plan.left_alone.iter().filter(|left| left.what == "devices");
    devices.map(|left| (left.count, left.was_managed, left.why.as_str())).collect()
}

fn synced(plan: &Plan) -> Vec<Serial> {
    plan.steps
        .iter()
        .find_map(|step| match &step.action {
            Action::Sync { serials } => Some(serials.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

#[test]
fn a3_devices_are_grouped_by_the_profile_that_they_have() {
    let mut world = school();
    world.device("school", B, Some(profile_id("kiosk", "school"))).device("school", A, None);
    world.device("school", C, Some(main_id()));
    world.assignment("carts", "main", &format!("{C}, {B}, {A}"), "");
    let plan = world.plan();
    assert_eq!(lines(&plan), "assign EnrollmentProfile/main@school: Assigned, safe\n");
    let [first, again] = groups(&plan.steps[0]) else { panic!("{:?}", plan.steps) };
    assert_eq!((&first.from, &first.from_name, &first.serials), (&None, &None, &vec![serial(A)]));
    assert_eq!(
        (&again.from, again.from_name.as_deref()),
        (&Some(profile_id("kiosk", "school")), Some("kiosk"))
    );
    assert_eq!(again.serials, [serial(B)], "the one that has it already is in no group");
}

#[test]
fn a3_whoever_has_the_profile_already_needs_no_step() {
    let mut world = World::new();
    world.profile("main", "[school]", "").assignment("carts", "main", A, "");
    let plan = world.settled().plan();
    assert!(plan.steps.is_empty() && plan.waiting.is_empty() && left_devices(&plan).is_empty());
}

#[test]
fn a4_enrolled_devices_are_counted_apart_and_told() {
    let mut world = school();
    world.device("school", A, None).device("school", B, None);
    world.edit_device("school", A, |device| device.state = EnrollmentState::Enrolled);
    world.assignment("carts", "main", &format!("{A}, {B}"), "");
    let plan = world.plan();
    let step = step(&plan, "assign EnrollmentProfile/main@school");
    let effect = Effect { when: When::NextActivation, feel: 0, after_reset: 1, at_activation: 1 };
    assert_eq!((step.effect, step.class), (effect, Class::Safe));
    assert!(step.notes[0].rule == "A-4" && step.notes[0].text.starts_with("1 of them is enrolled"));
    world.edit_device("school", A, |device| device.state = EnrollmentState::NotContacted);
    assert!(world.plan().steps[0].notes.is_empty());
}

#[test]
fn s6_released_devices_get_nothing_and_are_told() {
    let mut world = school();
    world.device("school", A, None);
    world.edit_device("school", A, |device| device.released = true);
    world.assignment("carts", "main", A, "");
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.waiting.is_empty());
    assert!(matches!(left_devices(&plan)[..], [(1, true, why)] if why.contains("S-6")));
}

#[test]
fn s6_a_device_that_left_another_token_waits_on_its_own() {
    let mut world = World::new();
    world.token("office", "contoso", "").profile("main", "[school, office]", "");
    let mut world = world.settled();
    world.device("office", A, None);
    world.edit_device("office", A, |device| device.released = true);
    world.assignment("carts", "main", A, "token: school");
    let plan = world.plan();
    assert_eq!(synced(&plan), [serial(A)]);
    assert!(!plan.left_alone.iter().any(|left| left.why.contains("A-2")), "{:#?}", plan.left_alone);
}

#[test]
fn p32_devices_of_other_platforms_get_no_ios_profile() {
    let mut world = school();
    world.device("school", A, None);
    world.edit_device("school", A, |device| device.platform = None);
    world.assignment("carts", "main", A, "");
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert!(matches!(left_devices(&plan)[..], [(1, true, why)] if why.contains("P-32")));
}

#[test]
fn a2_a_serial_on_another_token_is_told_and_left_and_does_not_wait() {
    let mut world = World::new();
    world.token("office", "contoso", "").profile("main", "[school, office]", "");
    let mut world = world.settled();
    world.device("office", A, None);
    world.assignment("carts", "main", A, "token: school");
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.waiting.is_empty());
    assert!(matches!(left_devices(&plan)[..], [(1, true, why)] if why.contains("A-2")));
    // Without a token it gets its profile wherever it is.
    world.assignment("carts", "main", A, "");
    assert_eq!(ids(&world.plan()), ["assign EnrollmentProfile/main@office"]);
}

#[test]
fn a9_assignments_that_agree_count_once() {
    let mut world = school();
    world.device("school", A, None);
    world.assignment("carts", "main", A, "").assignment("more", "main", A, "");
    let plan = world.plan();
    assert_eq!(groups(&plan.steps[0])[0].serials, [serial(A)]);
    world.edit_devices("school", |all| all.clear());
    assert_eq!(synced(&world.plan()), [serial(A)]);
}

#[test]
fn devices_that_nobody_names_are_counted_and_keep_what_they_have() {
    let mut world = school();
    world.token("school", "contoso", "defaultProfiles: {ios: kiosk}");
    world.edit_token("school", |token| token.default_ios = Fact::Known(Some(profile_id("kiosk", "school"))));
    world.devices("school", "C02M", 2, Some(&main_id()));
    world.devices("school", "C02K", 3, Some(&profile_id("kiosk", "school")));
    world.devices("school", "C02F", 4, Some(&stranger("school", "theirs").id));
    world.devices("school", "C02N", 5, None);
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    let left = left_devices(&plan);
    assert!(left[0].0 == 2 && left[0].1, "with a profile of ours: {left:?}");
    assert!(left[1].0 == 12 && !left[1].1, "the others: {left:?}");
    assert!(left[2].0 == 5 && left[2].2.contains("P-31"), "without any: {left:?}");
}

#[test]
fn p31_devices_without_any_profile_are_reported_with_the_way_to_list_them() {
    let mut world = school();
    world.devices("school", "C02N", 5, None);
    let plan = world.plan();
    let left = left_devices(&plan);
    let without = left.iter().find(|(count, _, why)| *count == 5 && why.contains("P-31")).unwrap();
    assert!(without.1, "always shown, not only with --show-unmanaged");
    assert!(without.2.contains("devices --unassigned"), "{}", without.2);
}

#[test]
fn p32_each_device_gets_the_profile_of_its_own_platform() {
    let mut world = World::new();
    world.profile("main", "[school]", "");
    world.document("EnrollmentProfile", "macs", "tokens: [school]\nplatform: macos\nuserAffinity: none\n");
    let mut world = world.settled();
    world.device("school", A, None).device("school", "C02MAC01", None);
    world.edit_device("school", "C02MAC01", |device| device.platform = Some(Platform::Macos));
    world.assignment("phones", "main", &format!("{A}, C02MAC01"), "");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/main@school"]);
    assert_eq!(groups(&plan.steps[0])[0].serials, [serial(A)]);
    assert!(left_devices(&plan).iter().any(|(count, _, why)| *count == 1 && why.contains("P-32")));
    world.edit("DeviceAssignment/phones", "main", "macs");
    let plan = world.plan();
    assert_eq!(groups(&plan.steps[0])[0].serials, [serial("C02MAC01")]);
}

#[test]
fn the_profile_is_made_before_it_is_given() {
    let mut world = school();
    world.profile("new", "[school]", "").device("school", A, None).assignment("carts", "new", A, "");
    insta::assert_snapshot!(lines(&world.plan()), @r"
    create EnrollmentProfile/new@school: New, safe
    assign EnrollmentProfile/new@school: Assigned, safe, after create EnrollmentProfile/new@school
    ");
}

#[test]
fn a_blocked_profile_is_given_to_nobody() {
    let mut world = school();
    world.device("school", A, None).assignment("carts", "main", &format!("{A}, {B}"), "");
    world.ledger.unsettled.push(intent(at("main", "school"), "updateProfile", ago(1)));
    let plan = world.plan();
    assert_eq!(ids(&plan), ["sync EnrollmentToken/school"]);
}

// --- waiting, S-2 ---

#[test]
fn s2_serials_that_intune_does_not_show_wait_for_one_sync_and_get_their_profile_after_it() {
    let mut world = school();
    world.assignment("carts", "main", &format!("{B}, {A}"), "");
    let plan = world.plan();
    insta::assert_snapshot!(lines(&plan), @r"
    sync EnrollmentToken/school: SerialsWait, safe
    assign-after-sync EnrollmentProfile/main@school: SerialsWait, safe, after sync EnrollmentToken/school
    ");
    assert_eq!(synced(&plan), [serial(A), serial(B)]);
    assert_eq!(groups(&plan.steps[1])[0].serials, [serial(A), serial(B)]);
    let [waiting] = plan.waiting.as_slice() else { panic!("{:?}", plan.waiting) };
    assert_eq!((&waiting.token, &waiting.profile), (&Some(name("school")), &Some(name("main"))));
    // S-1: twelve hours after the last one, which was an hour ago.
    assert_eq!(waiting.until, Some(ago(-11 * 3600)));
    assert!(plan.steps[0].notes.iter().any(|note| note.rule == "S-2"));
}

#[test]
fn s2_a_sync_is_not_asked_again_for_the_same_serials() {
    let mut world = school();
    world.assignment("carts", "main", &format!("{A}, {B}"), "");
    world.ledger.sync_asked.insert(token_id("school"), vec![serial(A), serial(B)]);
    let plan = world.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert_eq!(plan.waiting[0].serials.len(), 2);
    // One more serial asks for itself, and all of them profit.
    world.assignment("carts", "main", &format!("{A}, {B}, {C}"), "");
    let plan = world.plan();
    assert_eq!(synced(&plan), [serial(C)]);
    assert_eq!(groups(&plan.steps[1])[0].serials.len(), 3);
}

#[test]
fn s2_serials_that_appeared_or_that_nobody_names_are_forgotten() {
    let mut world = school();
    world.device("school", A, Some(main_id()));
    world.assignment("carts", "main", &format!("{A}, {B}"), "");
    world.ledger.sync_asked.insert(token_id("school"), vec![serial(A), serial(B), serial(C)]);
    let plan = world.plan();
    let [Bookkeeping::NotWaiting { serials, token_id: id, .. }] = plan.bookkeeping.as_slice() else {
        panic!("{:?}", plan.bookkeeping)
    };
    assert_eq!((serials, id), (&vec![serial(A), serial(C)], &token_id("school")));
}

#[test]
fn s2_a_sync_waits_until_fifteen_minutes_after_the_last_one() {
    let mut world = school();
    world.assignment("carts", "main", A, "");
    for (seconds, not_before) in [(60, Some(ago(60 - 900))), (899, Some(ago(-1))), (900, None), (9000, None)]
    {
        world.edit_token("school", |token| token.last_sync_triggered = Some(ago(seconds)));
        assert_eq!(step(&world.plan(), "sync EnrollmentToken/school").not_before, not_before, "{seconds} s");
    }
}

#[test]
fn s2_without_a_ledger_no_sync_is_asked_for() {
    let mut world = school();
    world.assignment("carts", "main", A, "");
    world.ledger = LedgerView::none();
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.waiting.len() == 1);
}

#[test]
fn s2_after_a_sync_whose_answer_was_lost_none_is_asked_for_at_once() {
    let mut world = school();
    world.assignment("carts", "main", A, "");
    world.ledger.unsettled.push(intent(crate::model::Address::token(&name("school")), "sync", ago(1)));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(blocked(&plan).cause, Cause::LostAnswer);
}

#[test]
fn serials_of_a_token_that_could_not_be_read_do_not_wait() {
    let mut world = World::new();
    world.token("office", "contoso", "").profile("main", "[school, office]", "");
    let mut world = world.settled();
    world.assignment("carts", "main", A, "").assignment("office", "main", B, "token: office");
    let plan = world.plan();
    assert_eq!(plan.waiting.len(), 2);
    world.tenant().devices.insert(token_id("office"), Fact::Unknown(unknown(Cause::Unavailable)));
    let plan = world.plan();
    assert!(plan.waiting.is_empty() && plan.steps.is_empty(), "{:?}", plan.waiting);
}

#[test]
fn serials_of_an_assignment_over_several_tokens_wait_without_a_sync() {
    let mut world = World::new();
    world.token("office", "contoso", "").profile("main", "[school, office]", "");
    let mut world = world.settled();
    world.assignment("carts", "main", A, "");
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!((&plan.waiting[0].token, plan.waiting[0].until), (&None, None));
}

// --- T-10 ---

#[test]
fn t10_a_thousand_profiles_are_the_most_under_a_token() {
    let mut world = school();
    world.edit_profiles("school", |all| {
        (0..997).for_each(|at| all.push(stranger("school", &format!("theirs {at}"))));
    });
    world.profile("a-new", "[school]", "");
    assert_eq!(ids(&world.plan()), ["create EnrollmentProfile/a-new@school"]);
    world.profile("b-new", "[school]", "");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["create EnrollmentProfile/a-new@school"]);
    assert_eq!((blocked(&plan).rule.as_deref(), blocked(&plan).cause), (Some("T-10"), Cause::Manifest));
    assert_eq!(blocked(&plan).address, Some(at("b-new", "school")));
}

#[test]
fn t10_a_profile_of_two_hundred_thousand_devices_takes_no_more() {
    let mut world = school();
    world.edit_devices("school", |all| {
        let device = |serial: String, profile: Option<ProfileId>| Device {
            serial,
            profile,
            state: EnrollmentState::NotContacted,
            released: false,
            platform: Some(crate::model::Platform::Ios),
        };
        all.extend((0..199_999).map(|at| device(format!("D{at:07}"), Some(main_id()))));
        all.extend([A, B].map(|serial| device(serial.to_owned(), None)));
    });
    world.assignment("carts", "main", A, "");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/main@school"]);
    // The token itself is over its limit: a warning, for what stands is not undone.
    assert_eq!(plan.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["T-10"]);
    world.assignment("carts", "main", &format!("{A}, {B}"), "");
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(blocked(&plan).rule.as_deref(), Some("T-10"));
}
