//! Routes: who is moved, who waits, who stays and why.

use super::world::*;
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::organisation::{ActivationLock, MigrationStatus, PurchaseSource, ServiceKind};
use crate::model::{Scope, Serial};
use crate::plan::tests::world::{self, ago, blocked, ids, name, serial, step};
use crate::plan::{Action, Class, ServiceAction, When};

#[test]
fn a2_an_unassigned_device_goes_to_its_service_then_a_sync_then_its_profile() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").bring("carts", "main", "school", &["C02A0001"]);
    let plan = fleet.plan();
    assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
    assert_eq!(
        ids(&plan),
        [
            "move EnrollmentToken/school",
            "sync EnrollmentToken/school",
            "assign-after-sync EnrollmentProfile/main@school after move EnrollmentToken/school",
        ]
    );
    let (moved, synced, given) = (&plan.steps[0], &plan.steps[1], &plan.steps[2]);
    assert_eq!((moved.class, moved.effect.when), (Class::Safe, When::NextActivation));
    assert_eq!(moved.token_id.0, service_id("School").as_str());
    assert_eq!(synced.needs, [moved.id.as_str()]);
    assert_eq!(given.needs, [moved.id.as_str(), synced.id.as_str()]);
    fleet.apply(&plan);
    let again = fleet.plan();
    assert!(again.steps.is_empty(), "{:#?}", ids(&again));
}

#[test]
fn a2_where_a_device_is_already_nothing_is_sent() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::NotContacted);
    fleet.bring("carts", "main", "school", &["C02A0001"]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && plan.waiting.is_empty(), "{:#?}", plan);
}

#[test]
fn a2_one_step_for_each_class_of_a_destination_and_both_fit_one_activity() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").held("C02A0002", "Office", EnrollmentState::NotContacted);
    fleet.held("C02A0003", "Office", EnrollmentState::Enrolled).ipad("C02A0004", "Jamf");
    fleet.route("carts", "school", &["C02A0001", "C02A0002", "C02A0003", "C02A0004"]);
    let plan = fleet.plan();
    let (safe, hard) = ("move EnrollmentToken/school", "move EnrollmentToken/school, disruptive");
    assert_eq!(ids(&plan), [safe, hard]);
    assert_eq!(serials_of(&plan, safe), ["C02A0001", "C02A0002"]);
    assert_eq!(serials_of(&plan, hard), ["C02A0003", "C02A0004"]);
    assert_eq!(step(&plan, hard).class, Class::Disruptive);
    let shared = |id: &str| match &step(&plan, id).action {
        Action::Service(action) => action.shared().map(|(kind, id, at)| (kind, id.cloned(), at)),
        other => panic!("{other:?}"),
    };
    assert_eq!(shared(safe), shared(hard));
    let Action::Service(ServiceAction::Assign { groups, .. }) = &step(&plan, hard).action else { panic!() };
    let told: Vec<_> = groups.iter().map(|one| (one.from_name.as_deref().unwrap(), one.foreign)).collect();
    assert!(told.contains(&("Office", false)) && told.contains(&("Jamf", true)), "{told:?}");
    assert!(rows(&plan, hard).contains(&"A-4") && rows(&plan, hard).contains(&"A-11"));
}

#[test]
fn a2_what_the_organisation_does_not_list_waits_and_an_unread_one_leads_to_nothing() {
    let mut fleet = Fleet::new();
    fleet.bring("carts", "main", "school", &["C02NEW01"]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert_eq!(waits(&plan, "C02NEW01").reason, "not in the organisation of Connection/business yet");
    assert_eq!(waits(&plan, "C02NEW01").profile, Some(name("main")));

    fleet.ipad("C02NEW01", "").org().unread = true;
    let plan = fleet.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert_eq!(blocked(&plan).cause, Cause::Unavailable);
    assert!(waits(&plan, "C02NEW01").reason.contains("not known"));
}

#[test]
fn a2_two_organisations_that_list_a_device_are_shown_and_it_is_left() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "");
    let mut other = fleet.org().clone();
    other.devices.remove(&serial("C02A0002"));
    other.services.clear();
    fleet.orgs.insert(name("other"), other);
    fleet.route("carts", "school", &["C02A0001", "C02A0002"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school"), ["C02A0002"]);
    assert!(
        blocked(&plan).reason.contains("two organisations list it")
            && blocked(&plan).reason.contains("C02A0001")
    );

    fleet.org().devices.remove(&serial("C02A0001"));
    let plan = fleet.plan();
    assert!(blocked(&plan).reason.contains("Connection/other"), "{}", blocked(&plan).reason);
}

#[test]
fn a2_what_an_activity_has_or_may_have_rests() {
    let mut fleet = Fleet::new();
    for one in ["C02A0001", "C02A0002", "C02A0003", "C02A0004", "C02A0005", "C02A0006"] {
        fleet.ipad(one, "");
    }
    fleet.device("C02A0004").unclear = true;
    fleet.activity("one", "assignService", "School", &["C02A0001"], None);
    fleet.lost("assignService", "School", &["C02A0002"], 60);
    fleet.activity("two", "assignService", "School", &["C02A0003"], Some(120));
    // These are past their horizon: the lists decide.
    fleet.lost("assignService", "School", &["C02A0005"], 16 * 60);
    fleet.activity("three", "assignService", "School", &["C02A0006"], Some(16 * 60));
    let all = ["C02A0001", "C02A0002", "C02A0003", "C02A0004", "C02A0005", "C02A0006"];
    fleet.route("carts", "school", &all);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school"), ["C02A0005", "C02A0006"]);
    assert!(waits(&plan, "C02A0001").reason.contains("activity one"));
    assert_eq!(waits(&plan, "C02A0002").until, Some(ago(60 - 15 * 60)));
    assert_eq!(waits(&plan, "C02A0003").until, Some(ago(120 - 15 * 60)));
    assert!(waits(&plan, "C02A0004").reason.contains("contradict"));

    // Where a lost one had effect, nothing is left to do.
    fleet.device("C02A0005").service = Some(service_id("School"));
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school"), ["C02A0006"]);
}

#[test]
fn a2_an_activity_that_was_broken_off_or_had_issues_leaves_it_to_the_lists() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "");
    fleet.activity("one", "assignService", "School", &["C02A0001"], Some(60));
    fleet.activity("two", "assignService", "School", &["C02A0002"], Some(60));
    let activities = &mut fleet.base.ledger.apple.activities;
    let mut ended = activities.values_mut().map(|one| one.ended.as_mut().unwrap());
    ended.next().unwrap().state = "STOPPED STOPPING".to_owned();
    let with_issues = ended.next().unwrap();
    with_issues.state = "COMPLETED COMPLETED_WITH_ERROR".to_owned();
    with_issues.issues = vec![(serial("C02A0002"), "ISSUE DEVICE_NOT_FOUND".to_owned())];
    fleet.route("carts", "school", &["C02A0001", "C02A0002"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school").len(), 2);
    assert!(step(&plan, "move EnrollmentToken/school").notes[0].text.contains("issue about 1 of them"));
}

#[test]
fn a2_unassign_takes_devices_off_and_a_foreign_service_only_by_name() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::Enrolled).ipad("C02A0002", "Jamf").ipad("C02A0003", "");
    fleet.route("gone", "", &["C02A0001", "C02A0002", "C02A0003"]);
    let plan = fleet.plan();
    let foreign = format!("take-off DeviceAssignment/gone from {}", service_id("Jamf"));
    assert_eq!(ids(&plan), [foreign.as_str(), "take-off EnrollmentToken/school"]);
    assert!(plan.steps.iter().all(|step| step.class == Class::Destructive));
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    fleet.ipad("C02A0002", "Jamf").ipad("C02A0001", "School");
    fleet.base.scope = Scope::of([name("school")]);
    assert_eq!(ids(&fleet.plan()), ["take-off EnrollmentToken/school"], "a narrowed run");
}

#[test]
fn a2_configurator_and_the_built_in_management_keep_their_devices() {
    for kind in [ServiceKind::BuiltIn, ServiceKind::Configurator] {
        let mut fleet = Fleet::new();
        fleet.ipad("C02A0001", "Jamf").service("Jamf").kind = kind;
        fleet.route("carts", "school", &["C02A0001"]);
        let plan = fleet.plan();
        assert!(plan.steps.is_empty());
        assert_eq!(blocked(&plan).rule.as_deref(), Some("A-2"));
    }
}

#[test]
fn a7_a_device_that_is_known_to_be_locked_is_not_given_away() {
    let mut fleet = Fleet::new();
    for one in ["C02A0001", "C02A0002", "C02A0003"] {
        fleet.held(one, "Office", EnrollmentState::Enrolled);
    }
    fleet.held("C02A0004", "Office", EnrollmentState::NotContacted).ipad("C02A0005", "");
    fleet.lock("C02A0001", ActivationLock::ByUser).lock("C02A0002", ActivationLock::Off);
    fleet.lock("C02A0005", ActivationLock::ByUser);
    let all = ["C02A0001", "C02A0002", "C02A0003", "C02A0004", "C02A0005"];
    fleet.route("carts", "school", &all);
    let plan = fleet.plan();
    let refused = blocked(&plan);
    assert_eq!(refused.rule.as_deref(), Some("A-7"));
    assert!(refused.reason.contains("3 h ago") && refused.reason.contains("C02A0001"), "{}", refused.reason);
    assert!(refused.reason.contains("user's Apple Account"));
    let hard = "move EnrollmentToken/school, disruptive";
    assert_eq!(serials_of(&plan, hard), ["C02A0002", "C02A0003"]);
    let warning = step(&plan, hard).notes.iter().find(|note| note.rule == "A-7").unwrap();
    assert!(warning.text.contains("not known of 1 of them"), "{}", warning.text);
    // Never activated, or at no service: there is nobody whose lock it could be.
    assert!(!rows(&plan, "move EnrollmentToken/school").contains(&"A-7"));

    let desired = fleet.desired();
    let base = &fleet.base;
    let input = crate::plan::build::Input {
        desired: &desired,
        live: &base.live,
        ledger: &base.ledger,
        findings: &base.findings,
        scope: &base.scope,
        origin: &base.origin,
        offered: &base.offered,
        now: base.now,
    };
    let asked: Vec<Serial> = crate::plan::build::apple::locks_to_ask(&input);
    assert_eq!(asked, [serial("C02A0003")]);
}

#[test]
fn a5_and_p13_devices_that_were_added_by_hand_are_counted_where_they_are_moved_and_given_a_profile() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "");
    fleet.held("C02A0003", "School", EnrollmentState::NotContacted);
    fleet.device("C02A0001").source = PurchaseSource::ManuallyAdded;
    fleet.device("C02A0003").source = PurchaseSource::ManuallyAdded;
    fleet.bring("carts", "main", "school", &["C02A0001", "C02A0002"]);
    fleet.assign("kiosks", "kiosk", &["school"], &["C02A0003"]);
    let plan = fleet.plan();
    for id in ["move EnrollmentToken/school", "assign EnrollmentProfile/kiosk@school"] {
        let note = step(&plan, id).notes.iter().find(|note| note.rule == "P-13").unwrap();
        assert!(note.text.starts_with("1 of them was added") && note.text.contains("A-5"), "{}", note.text);
    }
}

#[test]
fn a9_two_selections_that_disagree_block_the_device_with_both_places() {
    let mut fleet = Fleet::new();
    let all = crate::model::desired::Where { unassigned: true, ..Default::default() };
    fleet.ipad("C02A0001", "").ipad("C02A0002", "");
    fleet.select("first", "main", "school", all.clone()).select("second", "main", "office", all);
    fleet.route("named", "school", &["C02A0002"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school"), ["C02A0002"], "named beats selected");
    let apart = blocked(&plan);
    assert_eq!(apart.rule.as_deref(), Some("A-9"));
    assert!(
        apart.reason.contains("first.yaml:7") && apart.reason.contains("second.yaml:7"),
        "{}",
        apart.reason
    );
    assert!(apart.reason.contains("C02A0001"));
}

#[test]
fn a_narrowed_run_moves_to_the_tokens_that_it_works_on_only() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "");
    fleet.route("carts", "school", &["C02A0001"]).route("desks", "office", &["C02A0002"]);
    fleet.base.scope = Scope::of([name("office")]);
    assert_eq!(ids(&fleet.plan()), ["move EnrollmentToken/office"]);
}

#[test]
fn a_migration_of_somebody_else_holds_its_device() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "Office").device("C02A0001").migration.status = Some(MigrationStatus::Requested);
    fleet.route("carts", "school", &["C02A0001"]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && blocked(&plan).reason.contains("somebody else"));
}

#[test]
fn a2_no_device_leaves_its_service_while_it_is_not_known_whether_a_profile_awaits_it() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "Office", EnrollmentState::Enrolled).ipad("C02A0002", "");
    fleet.bring("carts", "kiosk", "school", &["C02A0001", "C02A0002"]);
    assert!(fleet.plan().steps.iter().any(|step| step.id.starts_with("move EnrollmentToken/school")));
    let unread = || world::unknown(Cause::Unavailable);
    let mut no_devices = fleet.clone();
    no_devices.base.tenant().devices.values_mut().for_each(|one| *one = Fact::Unknown(unread()));
    let mut no_profiles = fleet.clone();
    no_profiles.base.tenant().profiles.values_mut().for_each(|one| *one = Fact::Unknown(unread()));
    fleet.base.tenant().tokens = Fact::Unknown(unread());
    for mut fleet in [fleet, no_devices, no_profiles] {
        let plan = fleet.plan();
        assert_eq!(serials_of(&plan, "move EnrollmentToken/school"), ["C02A0002"], "it was nowhere before");
        assert!(waits(&plan, "C02A0001").reason.contains("could not be read"));
        assert!(!plan.blocked.is_empty(), "why is said");
    }
}

#[test]
fn p32_p14_a_device_that_may_not_have_the_profile_is_not_moved_for_it() {
    use crate::model::organisation::ProductFamily;
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "Jamf").ipad("C02A0002", "Jamf");
    fleet.device("C02A0001").family = Some(ProductFamily::Mac);
    fleet.bring("carts", "main", "school", &["C02A0001", "C02A0002"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school, disruptive"), ["C02A0002"]);
    let blocked = plan.blocked.iter().find(|one| one.rule.as_deref() == Some("P-32")).unwrap();
    assert!(blocked.reason.contains("C02A0001"), "{}", blocked.reason);

    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "Jamf").ipad("C02A0002", "Jamf");
    fleet.device("C02A0001").family = Some(ProductFamily::Iphone);
    fleet.base.profile("shared", "[school]", "sharedIpad: {}");
    fleet.bring("carts", "shared", "school", &["C02A0001", "C02A0002"]);
    let plan = fleet.plan();
    assert_eq!(serials_of(&plan, "move EnrollmentToken/school, disruptive"), ["C02A0002"]);
    assert!(plan.blocked.iter().any(|one| one.rule.as_deref() == Some("P-14")), "{:#?}", plan.blocked);
}
