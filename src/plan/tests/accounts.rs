//! The accounts of a Mac: the password goes by its reference and by what the ledger remembers.

use super::world::*;
use crate::ledger::LedgerView;
use crate::model::live::ProfileKind;
use crate::model::{Platform, Value};
use crate::plan::before::{Standing, standing};
use crate::plan::{Action, Plan};

const STEP: &str = "update EnrollmentProfile/macs@school";

/// `macs` on `school` with a local administrator, in order.
fn macs() -> World {
    let mut world = World::new();
    let spec = "tokens: [school]\nplatform: macos\nuserAffinity: user\nauthentication: setupAssistantModern\nlocalAdmin: {userName: ladmin, fullName: Local Admin, password: {env: ADMIN}}";
    world.document("EnrollmentProfile", "macs", spec);
    let mut world = world.settled();
    world.edit_profile("macs", "school", |live| {
        live.kind = ProfileKind::Classic(Platform::Macos);
        // It never comes back.
        assert!(live.fields.remove("localAdmin.password").is_some());
    });
    world
}

fn other_reference(world: &mut World) {
    world.edit("EnrollmentProfile/macs", "env: ADMIN", "env: ADMIN_2027");
}

fn changes(plan: &Plan) -> Vec<String> {
    match plan.steps.as_slice() {
        [] => Vec::new(),
        [only] => match &only.action {
            Action::UpdateProfile { changes, .. } => {
                changes.iter().map(|c| format!("{} {} -> {}", c.field, c.before, c.after)).collect()
            }
            other => panic!("{other:?}"),
        },
        several => panic!("{several:#?}"),
    }
}

fn notes(plan: &Plan) -> usize {
    plan.findings.iter().filter(|finding| finding.code == "write-only").count()
}

#[test]
fn a_password_is_a_change_only_for_another_reference() {
    let plan = macs().plan();
    assert_eq!((changes(&plan).len(), notes(&plan)), (0, 0), "{plan:#?}");
    let mut world = macs();
    other_reference(&mut world);
    let plan = world.plan();
    assert_eq!(changes(&plan), ["localAdmin.password \"env ADMIN\" -> \"env ADMIN_2027\""]);
    assert!(plan.step(STEP).is_some());
}

#[test]
fn a_password_goes_with_an_administrator_that_is_turned_on_again() {
    let mut world = macs();
    world.edit_profile("macs", "school", |live| {
        live.fields.retain(|field, _| !field.starts_with("localAdmin"));
        live.fields.insert("localAdmin".into(), Value::Bool(false));
    });
    let changes = changes(&world.plan());
    assert!(changes.contains(&"localAdmin false -> true".to_owned()), "{changes:?}");
    assert!(changes.contains(&"localAdmin.password (none) -> \"env ADMIN\"".to_owned()), "{changes:?}");
}

#[test]
fn an_administrator_that_is_taken_over_keeps_its_password_and_that_is_told() {
    let mut world = macs();
    world.ledger.owned.remove(&at("macs", "school"));
    let plan = world.plan();
    assert_eq!((plan.steps.len(), plan.adopted.len(), notes(&plan)), (0, 1, 1), "{plan:#?}");
    // Other changes go without it.
    world.set("macs", "school", "localAdmin.fullName", Value::text("Somebody"));
    let plan = world.plan();
    let fields: Vec<String> = match &plan.steps[0].action {
        Action::UpdateProfile { changes, adopt: true, .. } => {
            changes.iter().map(|change| change.field.to_string()).collect()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!((fields, notes(&plan)), (vec!["localAdmin.fullName".to_owned()], 1));
    world.ledger = LedgerView::none();
    assert_eq!(notes(&world.plan()), 1);
}

#[test]
fn a_saved_step_of_a_password_is_never_taken_for_done() {
    let mut world = macs();
    other_reference(&mut world);
    let plan = world.plan();
    assert_eq!(standing(&plan.steps[0], world.tenant()).unwrap(), Standing::Same);
    world.set("macs", "school", "department", Value::text("IT"));
    assert_eq!(standing(&plan.steps[0], world.tenant()).unwrap(), Standing::Changed);
}

#[test]
fn no_secret_is_looked_for_while_planning() {
    // The variable is not set: a plan that asked for it could not be made.
    assert!(std::env::var_os("ADMIN_2027").is_none());
    let mut world = macs();
    other_reference(&mut world);
    let text = format!("{:?}", world.plan());
    assert!(text.contains("env ADMIN_2027"));
}

#[test]
fn a_password_that_is_no_longer_managed_is_not_told_to_be_none() {
    let mut world = macs();
    world.edit("EnrollmentProfile/macs", ", password: {env: ADMIN}", "");
    let plan = world.plan();
    let note = plan.findings.iter().find(|finding| finding.code == "no-longer-managed").expect("a note");
    assert!(
        note.message.starts_with("localAdmin.password") && note.message.ends_with("never comes back"),
        "{note:?}"
    );
}
