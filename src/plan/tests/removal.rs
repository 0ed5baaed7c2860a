//! `prune`, `state: absent`, and what protects a profile from both (T-9, P-30).

use super::world::*;
use crate::ledger::How;
use crate::model::live::Cause;
use crate::plan::{Class, Reason};

/// `kiosk` whose document is gone, beside `main`, which stays.
fn orphan(prune: &str) -> World {
    let mut world = World::new();
    world.token("school", "contoso", &format!("prune: {prune}"));
    world.profile("main", "[school]", "").profile("kiosk", "[school]", "");
    let mut world = world.settled();
    world.remove("EnrollmentProfile", "kiosk");
    world
}

#[test]
fn prune_by_origin() {
    #[derive(Debug, PartialEq)]
    enum Fate {
        Goes,
        Stays { was_managed: bool },
    }
    use Fate::{Goes, Stays};
    let (known, foreign) = (Stays { was_managed: true }, Stays { was_managed: false });
    let table = [
        ("never", Some(How::Created), &known),
        ("never", Some(How::Adopted), &known),
        ("never", None, &foreign),
        ("created", Some(How::Created), &Goes),
        ("created", Some(How::Adopted), &known),
        ("created", None, &foreign),
        ("all", Some(How::Created), &Goes),
        ("all", Some(How::Adopted), &Goes),
        ("all", None, &foreign),
    ];
    for (prune, origin, fate) in table {
        let mut world = orphan(prune);
        match origin {
            Some(how) => world.owned(&at("kiosk", "school")).how = how,
            None => {
                world.disown(&at("kiosk", "school"));
            }
        }
        let plan = world.plan();
        assert!(plan.blocked.is_empty());
        let seen = match plan.steps.as_slice() {
            [] => {
                let left = plan.left_alone.iter().find(|left| left.name == "kiosk").unwrap();
                Stays { was_managed: left.was_managed }
            }
            [step] => {
                assert_eq!(step.id, "delete EnrollmentProfile/kiosk@school");
                assert_eq!((step.reason, step.class), (Reason::Pruned, Class::Destructive));
                Goes
            }
            _ => panic!("{:?}", ids(&plan)),
        };
        assert_eq!(seen, *fate, "prune: {prune}, {origin:?}");
    }
}

#[test]
fn t9_a_profile_that_devices_have_is_not_pruned() {
    let mut world = orphan("all");
    world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
    assert!(left(&plan, "kiosk").contains("1 device still has it"));
}

#[test]
fn s6_released_devices_hold_nothing_back() {
    let mut world = orphan("all");
    world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    world.edit_device("school", "C02A0001", |device| device.released = true);
    assert_eq!(ids(&world.plan()), ["delete EnrollmentProfile/kiosk@school"]);
}

#[test]
fn t9_devices_that_the_same_plan_moves_prove_it_before_the_profile_goes() {
    let mut world = orphan("created");
    for serial in ["C02A0001", "C02B0001"] {
        world.device("school", serial, Some(profile_id("kiosk", "school")));
    }
    world.assignment("carts", "main", "C02A0001, C02B0001", "");
    let plan = world.plan();
    insta::assert_snapshot!(lines(&plan), @r"
    assign EnrollmentProfile/main@school: Assigned, safe, proves
    delete EnrollmentProfile/kiosk@school: Pruned, destructive, after assign EnrollmentProfile/main@school
    ");
    // One that is not moved is enough to keep it.
    world.device("school", "C02C0001", Some(profile_id("kiosk", "school")));
    let plan = world.plan();
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/main@school"]);
    assert!(!plan.steps[0].prove_first);
}

#[test]
fn p30_the_default_is_not_pruned_unless_the_same_plan_replaces_it_and_reads_that_back() {
    let mut world = orphan("all");
    let default = Some(profile_id("kiosk", "school"));
    world.edit_token("school", |token| token.default_ios = crate::model::live::Fact::Known(default));
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
    assert!(left(&plan, "kiosk").contains("default"));
    world.token("school", "contoso", "prune: all\ndefaultProfiles: {ios: main}");
    insta::assert_snapshot!(lines(&world.plan()), @r"
    default EnrollmentProfile/main@school: Differs, safe, proves
    delete EnrollmentProfile/kiosk@school: Pruned, destructive, after default EnrollmentProfile/main@school
    ");
}

#[test]
fn a_label_typo_that_deselects_a_token_deletes_nothing() {
    for prune in ["created", "all"] {
        let mut world = World::new();
        world.labelled(
            "EnrollmentToken",
            "school",
            "region: europe",
            &format!("mdm: contoso\nprune: {prune}"),
        );
        world.profile("kiosk", "{matchLabels: {region: europe}}", "");
        let mut world = world.settled();
        world.edit("EnrollmentToken/school", "europe", "eurpoe");
        let plan = world.plan();
        assert!(plan.steps.is_empty() && plan.blocked.is_empty());
        let left = plan.left_alone.iter().find(|left| left.name == "kiosk").unwrap();
        assert!(left.was_managed && left.why.contains("does not select this token any more"));
        // An older address of the same object changes nothing about that.
        let older = world.ledger.owned[&at("kiosk", "school")].clone();
        world.ledger.owned.insert(at("a-former-document", "school"), older);
        assert!(world.plan().steps.is_empty());
    }
}

#[test]
fn t9_state_absent_deletes_even_where_prune_does_not() {
    let mut world = orphan("never");
    world.profile("kiosk", "[school]", "state: absent");
    assert_eq!(lines(&world.plan()), "delete EnrollmentProfile/kiosk@school: StateAbsent, destructive\n");
    // By name too, for a profile that never was ours.
    world.disown(&at("kiosk", "school"));
    assert_eq!(ids(&world.plan()), ["delete EnrollmentProfile/kiosk@school"]);
    // Gone is as wished.
    world.delete("kiosk", "school");
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
}

#[test]
fn state_absent_reaches_the_selected_tokens_only() {
    let mut world = World::new();
    world.token("office", "contoso", "");
    world.profile("kiosk", "[office, school]", "");
    let mut world = world.settled();
    world.profile("kiosk", "[school]", "state: absent");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["delete EnrollmentProfile/kiosk@school"]);
    assert!(left(&plan, "kiosk").contains("does not select this token"));
}

#[test]
fn t9_state_absent_of_a_profile_in_use_blocks_with_the_reason() {
    let mut world = orphan("never");
    world.profile("kiosk", "[school]", "state: absent");
    world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.rule.as_deref()), (Cause::Manifest, Some("T-9")));
    assert_eq!(blocked.address, Some(at("kiosk", "school")));
    assert!(blocked.reason.contains("1 device still has it"));
    assert!(plan.steps.is_empty());
}

#[test]
fn state_absent_keeps_off_what_a_lost_answer_concerns() {
    let mut world = orphan("never");
    world.profile("kiosk", "[school]", "state: absent");
    world.ledger.unsettled.push(intent(at("kiosk", "school"), "deleteProfile", ago(1)));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(blocked(&plan).cause, Cause::LostAnswer);
}

#[test]
fn without_a_ledger_nothing_is_pruned_and_a_deletion_is_stopped() {
    let mut world = orphan("all");
    world.ledger = crate::ledger::LedgerView::none();
    assert!(world.plan().steps.is_empty());
    world.profile("kiosk", "[school]", "state: absent");
    let plan = world.plan();
    assert_eq!(plan.stops.iter().map(|stop| stop.gate.as_str()).collect::<Vec<_>>(), ["no-ledger"]);
}
