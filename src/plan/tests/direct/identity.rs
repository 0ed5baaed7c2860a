//! Which profile a document means, and when a new one is defined.

use super::world::*;
use crate::ledger::LedgerView;
use crate::model::live::Cause;
use crate::model::{Field, Platform, Value};
use crate::plan::tests::world::{ago, at, blocked, ids, intent, lines, step};
use crate::plan::{Action, Bookkeeping, Class, Reason, content};

fn it() -> (&'static str, Value) {
    ("department", Value::text("IT"))
}

fn sales() -> Value {
    Value::text("Sales")
}

#[test]
fn a_document_that_nobody_knows_is_defined_and_given() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[it()]).ipad("school", "DLX1", None);
    world.assign("carts", "pupils", "school", &["DLX1"]);
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        "define EnrollmentProfile/pupils@school: New, safe\n\
         assign EnrollmentProfile/pupils@school: Assigned, safe, after define EnrollmentProfile/pupils@school\n"
    );
    let Action::Define { fields, content, replaces: None, changes, adopt: false } = &plan.steps[0].action
    else {
        panic!("{:?}", plan.steps[0])
    };
    assert_eq!(fields["supervised"], Value::Bool(true), "defaults are sent");
    assert_eq!((content, changes.len()), (&content::hash(fields), 0));
    assert!(!fields.contains_key("setupAssistant.siri"), "a screen that nobody speaks of is shown");
    assert!(world.settled().plan().steps.is_empty());
}

#[test]
fn what_nobody_gets_is_defined_all_the_same_and_says_so() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]);
    let plan = world.plan();
    assert_eq!(ids(&plan), ["define EnrollmentProfile/pupils@school"]);
    assert!(plan.steps[0].notes.iter().any(|note| note.text.contains("no device gets it yet")));
    assert!(world.settled().plan().steps.is_empty(), "the ledger remembers it");
}

#[test]
fn p28_a_change_is_a_successor_and_those_who_have_the_former_one_follow() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[it()]).ipads("school", "DLX", 3, None);
    world.default_ipad("school", "pupils");
    let mut world = world.settled();
    world.device("school", "DLX000002").state = crate::model::live::EnrollmentState::Enrolled;
    let former = world.object("pupils", "school");
    world.state("pupils", "department", sales());
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        "replace EnrollmentProfile/pupils@school: ManifestChanged, safe\n\
         assign EnrollmentProfile/pupils@school: Succeeded, safe, after replace EnrollmentProfile/pupils@school\n"
    );
    let Action::Define { replaces, changes, adopt, .. } = &plan.steps[0].action else { panic!() };
    assert_eq!((replaces.as_ref(), changes.len(), adopt), (Some(&former), 1, &false));
    let effect = plan.steps[0].effect;
    assert_eq!((effect.feel, effect.after_reset, effect.at_activation), (0, 1, 2));
    let note = &plan.steps[0].notes[0];
    assert!(note.rule == "P-28" && note.text.contains("3 devices"), "{note:?}");
    assert!(plan.steps[1].notes.iter().any(|note| note.rule == "A-4"));
    assert!(world.settled().plan().steps.is_empty());
}

#[test]
fn what_a_document_leaves_out_stays_as_it_was_applied_last() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[it()]);
    let mut world = world.settled();
    world.profile("pupils", &["school"], &[]);
    assert!(world.plan().steps.is_empty(), "missing is not null");
    world.state("pupils", "department", Value::None);
    let plan = world.plan();
    let Action::Define { changes, .. } = &plan.steps[0].action else { panic!() };
    assert_eq!((&changes[0].before, &changes[0].after), (&Value::text("IT"), &Value::None));
}

#[test]
fn what_apple_has_no_place_for_changes_nothing() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]);
    let mut world = world.settled();
    world.state("pupils", "description", Value::text("for people"));
    world.state("pupils", "setupAssistant.siri", Value::text("show"));
    assert!(world.plan().steps.is_empty());
}

#[test]
fn a_content_that_was_defined_earlier_is_taken_up_again() {
    let mut world = World::new();
    world
        .profile("pupils", &["school"], &[it()])
        .ipads("school", "DLX", 2, None)
        .default_ipad("school", "pupils");
    let mut world = world.settled();
    let first = world.object("pupils", "school");
    world.state("pupils", "department", sales());
    let mut world = world.settled();
    assert_ne!(world.object("pupils", "school"), first);
    world.state("pupils", "department", Value::text("IT"));
    let plan = world.plan();
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/pupils@school"], "nothing is defined");
    assert_eq!(plan.steps[0].object.as_ref(), Some(&first));
    assert!(matches!(plan.bookkeeping.as_slice(), [Bookkeeping::Resumed { object, .. }] if *object == first));
    let world = world.settled();
    assert_eq!(world.object("pupils", "school"), first);
    assert!(world.plan().bookkeeping.is_empty());
}

#[test]
fn a_live_one_that_says_the_same_is_taken_over_with_all_its_fields() {
    let mut world = World::new();
    let stranger = world.stranger("pupils", &[it()]);
    world.ipad("school", "DLX1", Some(stranger.clone())).profile("pupils", &["school"], &[it()]);
    let plan = world.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    let adoption = plan.adopted.iter().find(|one| one.address == at("pupils", "school")).unwrap();
    assert_eq!(adoption.object.as_ref(), Some(&stranger));
    assert_eq!(adoption.fields["supervised"], Value::Bool(true));
    let mut world = world.settled();
    world.state("pupils", "department", sales());
    let plan = world.plan();
    let Action::Define { replaces, adopt: false, .. } = &plan.steps[0].action else { panic!() };
    assert_eq!(replaces.as_ref(), Some(&stranger));
    assert_eq!(serials_of(&plan, "assign EnrollmentProfile/pupils@school"), ["DLX1"]);
}

#[test]
fn one_of_the_same_name_is_taken_over_with_its_changes_by_a_disruptive_step() {
    let mut world = World::new();
    let stranger = world.stranger("Pupils", &[it()]);
    world.ipad("school", "DLX1", Some(stranger.clone()));
    world.profile("pupils", &["school"], &[("displayName", Value::text("Pupils")), ("department", sales())]);
    let plan = world.plan();
    let adopt = step(&plan, "adopt EnrollmentProfile/pupils@school");
    assert_eq!((adopt.class, adopt.reason), (Class::Disruptive, Reason::Adopted));
    let Action::Define { replaces, adopt: true, changes, .. } = &adopt.action else { panic!() };
    assert_eq!((replaces.as_ref(), changes.len()), (Some(&stranger), 1));
    assert_eq!(serials_of(&plan, "assign EnrollmentProfile/pupils@school"), ["DLX1"], "they follow");
    assert!(world.settled().plan().steps.is_empty());
}

#[test]
fn devices_that_did_not_follow_at_once_follow_later() {
    for stranger_before in [true, false] {
        let mut world = World::new();
        let stranger = world.stranger("pupils", &[it()]);
        world.ipads("school", "DLX", 2, Some(&stranger)).profile("pupils", &["school"], &[it()]);
        if stranger_before {
            world.state("pupils", "department", sales());
        } else {
            world = world.settled();
            world.state("pupils", "department", sales());
        }
        let plan = world.plan();
        // The run dies once the profile is defined.
        world.carry_out(&plan, &plan.steps[0].id);
        let again = world.plan();
        assert_eq!(ids(&again), ["assign EnrollmentProfile/pupils@school"]);
        assert_eq!(again.steps[0].reason, Reason::Succeeded);
    }
}

#[test]
fn several_of_the_name_block_with_all_ids_unless_one_says_the_same() {
    let mut world = World::new();
    let (one, other) = (world.stranger("pupils", &[it()]), world.stranger("pupils", &[]));
    world.ipad("school", "DLX1", Some(one.clone())).ipad("school", "DLX2", Some(other.clone()));
    world.profile("pupils", &["school"], &[("department", sales())]);
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    let reason = &blocked(&plan).reason;
    assert!(reason.contains(&one.0) && reason.contains(&other.0), "{reason}");
    world.edit("pupils").identity.id = Some(other.0.to_lowercase());
    let plan = world.plan();
    let Action::Define { replaces, adopt: true, .. } = &plan.steps[0].action else { panic!() };
    assert_eq!(replaces.as_ref(), Some(&other), "the id picks");
    world.edit("pupils").identity.id = None;
    world.state("pupils", "department", Value::text("IT"));
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty(), "one of them says the same");
    assert!(plan.adopted.iter().any(|adoption| adoption.object.as_ref() == Some(&one)));
}

#[test]
fn an_id_that_nobody_has_blocks() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]);
    world.edit("pupils").identity.id = Some(uuid(77).0);
    assert!(blocked(&world.plan()).reason.contains(&uuid(77).0));
    assert!(world.plan().steps.is_empty());
}

#[test]
fn an_id_goes_on_picking_nothing_once_the_document_has_a_successor() {
    let mut world = World::new();
    let stranger = world.stranger("any", &[]);
    world.ipad("school", "DLX1", Some(stranger.clone())).profile("pupils", &["school"], &[it()]);
    world.edit("pupils").identity.id = Some(stranger.0.clone());
    let world = world.settled();
    assert!(world.plan().blocked.is_empty() && world.plan().steps.is_empty());
    assert_eq!(
        world.servers[&crate::plan::tests::world::name("school")].devices[0].profile,
        Some(world.object("pupils", "school"))
    );
}

#[test]
fn p1_a_former_name_counts_as_a_name() {
    let mut world = World::new();
    let stranger = world.stranger("iPads", &[]);
    world.ipad("school", "DLX1", Some(stranger.clone())).profile("pupils", &["school"], &[]);
    world.edit("pupils").identity.formerly = vec!["iPads".to_owned()];
    let plan = world.plan();
    let Action::Define { replaces, adopt: true, .. } = &plan.steps[0].action else { panic!() };
    assert_eq!(replaces.as_ref(), Some(&stranger));
    assert!(plan.steps[0].notes.iter().any(|note| note.rule == "P-1" && note.text.contains("rename")));
}

#[test]
fn two_documents_never_mean_one_profile() {
    let mut world = World::new();
    let stranger = world.stranger("Default", &[]);
    world.ipad("school", "DLX1", Some(stranger.clone()));
    for profile in ["ipads", "macs"] {
        world.profile(profile, &["school"], &[("displayName", Value::text("Default"))]);
    }
    let plan = world.plan();
    assert_eq!((plan.steps.len(), plan.blocked.len()), (0, 2), "one platform: P-1");
    world.edit("macs").platform = Platform::Macos;
    let plan = world.plan();
    assert_eq!((plan.steps.len(), plan.blocked.len(), plan.adopted.len()), (0, 2, 1), "{:#?}", plan.blocked);
    world.edit("ipads").identity.id = Some(stranger.0.clone());
    let plan = world.plan();
    assert!(plan.blocked.is_empty());
    assert_eq!(ids(&plan), ["define EnrollmentProfile/macs@school"]);
}

#[test]
fn a_document_that_is_renamed_keeps_its_profile() {
    let mut world = World::new();
    let spec = [("displayName", Value::text("Pupils")), it()];
    world.profile("pupils", &["school"], &spec).ipad("school", "DLX1", None).assign(
        "a",
        "pupils",
        "school",
        &["DLX1"],
    );
    let mut world = world.settled();
    let object = world.object("pupils", "school");
    world.desired.profiles.clear();
    world.profile("children", &["school"], &spec).assign("a", "children", "school", &["DLX1"]);
    let plan = world.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    world.apply(&plan);
    assert_eq!(world.object("children", "school"), object);
    assert!(!world.ledger.owned.contains_key(&at("pupils", "school")), "it is the heir's");
    assert!(world.plan().bookkeeping.is_empty());
}

#[test]
fn p12_what_apple_would_refuse_stops_the_token() {
    let mut world = World::new();
    world.profile(
        "pupils",
        &["school"],
        &[("supervised", Value::Bool(false)), ("lockedEnrollment", Value::Bool(true))],
    );
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(blocked(&plan).rule.as_deref(), Some("P-12"));
}

#[test]
fn an_answer_that_was_lost_blocks_its_profile_for_a_while() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]);
    world.ledger.unsettled.push(intent(at("pupils", "school"), "defineProfile", ago(10)));
    let plan = world.plan();
    assert_eq!((plan.steps.len(), blocked(&plan).cause), (0, Cause::LostAnswer));
}

#[test]
fn without_a_ledger_nothing_is_defined_for_nobody_would_remember_it() {
    let mut world = World::new();
    world.ledger = LedgerView::none();
    world.profile("pupils", &["school"], &[]).ipad("school", "DLX1", None).default_ipad("school", "pupils");
    let plan = world.plan();
    let [stop] = plan.stops.as_slice() else { panic!("{:?}", plan.stops) };
    assert_eq!((stop.gate.as_str(), stop.steps.len()), ("no-ledger", 1));
    assert!(stop.steps[0].starts_with("define"));
}

#[test]
fn rollout_tries_a_successor_on_its_first_token() {
    let mut world = World::new();
    world.token("office").profile("pupils", &["office", "school"], &[]);
    world.edit("pupils").rollout_first = vec![crate::plan::tests::world::name("school")];
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        "define EnrollmentProfile/pupils@school: New, safe, proves\n\
         define EnrollmentProfile/pupils@office: New, safe, after define EnrollmentProfile/pupils@school\n"
    );
    let mut world = world.settled();
    world.state("pupils", "department", sales());
    let plan = world.plan();
    assert_eq!(ids(&plan)[0], "replace EnrollmentProfile/pupils@school");
    assert!(plan.steps[0].prove_first && plan.steps[1].needs == [plan.steps[0].id.clone()]);
}

#[test]
fn the_url_of_account_driven_enrollment_is_kept_as_stated() {
    let mut world = World::new();
    assert!(world.plan().steps.is_empty(), "missing is nobody's business");
    world.document("school").account_driven_url = Field::Set("https://mdm.example/discover".parse().unwrap());
    let plan = world.plan();
    assert_eq!(lines(&plan), "account-url EnrollmentToken/school: New, safe\n");
    let mut world = world.settled();
    world.document("school").account_driven_url = Field::Null;
    let plan = world.plan();
    assert_eq!(lines(&plan), "account-url EnrollmentToken/school: Differs, disruptive\n");
    let world = world.settled();
    let mut live = world.live();
    live.tenants.values_mut().for_each(|tenant| tenant.account_driven_url = None);
    assert_eq!(blocked(&world.plan_over(&live)).cause, Cause::Unavailable);
}
