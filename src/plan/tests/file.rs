//! The saved plan: whole, sealed, young, and of this fleet; and what its digest covers.

use std::time::Duration;

use serde_json::Value as Json;

use super::world::*;
use crate::model::clock::after;
use crate::model::live::EnrollmentState;
use crate::model::{ProfileId, Realm, Value};
use crate::plan::file::{
    FORMAT, LIFETIME, LIFETIME_DESTRUCTIVE, PlanFileError, SavedPlan, digest_of, sha256,
};
use crate::plan::{Action, Class, Plan, Step};

fn saved() -> SavedPlan {
    let mut world = everything();
    // Something of every section.
    world.profile("twin", "[school]", "");
    world.edit_profiles("school", |all| all.extend([stranger("school", "twin"), stranger("school", "twin")]));
    world.edit_profiles("school", |all| all[2].id = ProfileId(guid("the other twin")));
    world.profile("equal", "[school]", "");
    let equal = world.desired().profiles[&name("equal")].created[&name("school")].clone();
    world.edit_profiles("school", |all| all.push(live_profile(ProfileId(guid("equal")), equal)));
    world.owned(&at("main", "school")).applied.insert("description".into(), Value::text("was here"));
    world.edit_token("school", |token| token.last_sync_triggered = Some(ago(60)));
    world.ledger.gates =
        Some(crate::model::desired::Gates { protected_tokens: vec![name("school")], ..Default::default() });
    let plan = world.plan();
    let sections = [
        plan.blocked.len(),
        plan.waiting.len(),
        plan.adopted.len(),
        plan.left_alone.len(),
        plan.findings.len(),
        plan.stops.len(),
    ];
    assert!(sections.iter().all(|count| *count > 0), "{sections:?}");
    SavedPlan::new(&plan, Some("0123abcd".to_owned()), now())
}

/// The seal that an unchanged program would have put on it.
fn sealed(mut saved: SavedPlan) -> SavedPlan {
    saved.seal = String::new();
    saved.seal = sha256(&serde_json::to_string(&saved).unwrap());
    saved
}

#[test]
fn a_saved_plan_reads_back_and_shows_the_same_plan() {
    let plan = everything().plan();
    let saved = SavedPlan::new(&plan, None, now());
    let read = SavedPlan::from_json(&saved.to_json()).unwrap();
    assert_eq!(read, saved);
    assert_eq!(read.digest, digest_of(&plan));
    let shown = read.into_plan();
    assert_eq!(shown.steps, plan.steps);
    assert_eq!(digest_of(&shown), digest_of(&plan));
    assert_eq!(
        (shown.waiting, shown.left_alone, shown.forecast),
        (plan.waiting, plan.left_alone, plan.forecast)
    );
}

/// Calls `judge` with every version of `whole` in which one leaf, member or element is otherwise.
fn each_mutation(whole: &Json, judge: &mut impl FnMut(&str, &Json)) {
    fn walk(whole: &mut Json, pointer: &str, judge: &mut impl FnMut(&str, &Json)) {
        let here = whole.pointer(pointer).cloned().unwrap();
        let mut with = |whole: &mut Json, other: Json| {
            *whole.pointer_mut(pointer).unwrap() = other;
            judge(pointer, whole);
            *whole.pointer_mut(pointer).unwrap() = here.clone();
        };
        match &here {
            Json::Null => with(whole, Json::from("x")),
            Json::Bool(value) => with(whole, Json::from(!value)),
            Json::Number(number) => with(whole, Json::from(number.as_i64().unwrap() + 1)),
            Json::String(text) => {
                with(whole, Json::from(format!("{text}0")));
                with(whole, Json::from(""));
            }
            Json::Array(items) => {
                for at in 0..items.len() {
                    let mut fewer = items.clone();
                    fewer.remove(at);
                    with(whole, Json::Array(fewer));
                    let mut twice = items.clone();
                    twice.push(items[at].clone());
                    with(whole, Json::Array(twice));
                }
                for at in 0..items.len() {
                    walk(whole, &format!("{pointer}/{at}"), judge);
                }
            }
            Json::Object(members) => {
                for member in members.keys() {
                    let mut fewer = members.clone();
                    fewer.remove(member);
                    with(whole, Json::Object(fewer));
                }
                for member in members.keys() {
                    let member = member.replace('~', "~0").replace('/', "~1");
                    walk(whole, &format!("{pointer}/{member}"), judge);
                }
            }
        }
    }
    walk(&mut whole.clone(), "", judge);
}

#[test]
fn a_plan_that_was_changed_anywhere_is_refused() {
    let saved = saved();
    let whole: Json = serde_json::from_str(&saved.to_json()).unwrap();
    assert!(SavedPlan::from_json(&whole.to_string()).is_ok(), "the order of members does not matter");
    let (mut judged, mut let_through) = (0, Vec::new());
    each_mutation(&whole, &mut |pointer, mutated| {
        judged += 1;
        if SavedPlan::from_json(&mutated.to_string()).is_ok() {
            let_through.push(pointer.to_owned());
        }
    });
    assert!(judged > 300, "{judged}");
    assert!(let_through.is_empty(), "changed and still taken: {let_through:?}");
}

#[test]
fn a_plan_whose_order_was_changed_is_refused() {
    let mut swapped = saved();
    swapped.steps.swap(0, 1);
    assert_eq!(SavedPlan::from_json(&swapped.to_json()), Err(PlanFileError::Tampered));
}

#[test]
fn a_new_seal_hides_neither_other_steps_nor_a_longer_life() {
    let mut other = saved();
    other.steps[0].object = Some(ProfileId("another".to_owned()));
    assert_eq!(SavedPlan::from_json(&sealed(other).to_json()), Err(PlanFileError::Tampered));
    let mut longer = saved();
    longer.expires = after(longer.created, LIFETIME_DESTRUCTIVE + Duration::from_secs(1));
    assert_eq!(SavedPlan::from_json(&sealed(longer).to_json()), Err(PlanFileError::Tampered));
}

#[test]
fn what_is_no_plan_file_and_what_is_of_another_format_are_told_apart() {
    for text in ["", "{}", "[]", "{\"format\": \"1\"}"] {
        assert!(matches!(SavedPlan::from_json(text), Err(PlanFileError::Unreadable(_))), "{text}");
    }
    let newer = saved().to_json().replacen("\"format\": 1", "\"format\": 2", 1);
    assert_eq!(SavedPlan::from_json(&newer), Err(PlanFileError::OtherFormat(FORMAT + 1)));
    let more = saved().to_json().replacen("{", "{\"more\": 1,", 1);
    assert!(matches!(SavedPlan::from_json(&more), Err(PlanFileError::Unreadable(_))));
}

#[test]
fn a_plan_lives_for_a_day_and_a_destructive_one_for_an_hour() {
    let mut world = everything();
    let plan = world.plan();
    assert_eq!(plan.gravest(), Some(Class::Destructive));
    let destructive = SavedPlan::new(&plan, None, now());
    world.token("school", "contoso", "displayName: School\nformerly: [school]");
    let gentle = SavedPlan::new(&world.plan(), None, now());
    for (saved, lifetime) in [(destructive, LIFETIME_DESTRUCTIVE), (gentle, LIFETIME)] {
        let end = after(now(), lifetime);
        assert_eq!(saved.expires, end);
        assert_eq!(saved.check(saved.ledger, now()), Ok(()));
        assert_eq!(saved.check(saved.ledger, after(now(), lifetime - Duration::from_secs(1))), Ok(()));
        assert_eq!(saved.check(saved.ledger, end), Err(PlanFileError::Expired(end)));
    }
    assert_eq!((LIFETIME.as_secs(), LIFETIME_DESTRUCTIVE.as_secs()), (86_400, 3_600));
}

#[test]
fn a_plan_from_the_future_is_refused_beyond_five_minutes_of_skew() {
    let saved = saved();
    assert_eq!(saved.check(saved.ledger, ago(300)), Ok(()));
    assert_eq!(saved.check(saved.ledger, ago(301)), Err(PlanFileError::FromTheFuture(now())));
}

#[test]
fn a_plan_belongs_to_the_folder_of_its_ledger() {
    let saved = saved();
    let other = "11111111-5b0a-4b6e-9a55-3d2b8f1c7e40".parse().ok();
    for folder in [other, None] {
        assert!(matches!(saved.check(folder, now()), Err(PlanFileError::OtherLedger { .. })));
    }
}

// --- the digest ---

fn digest_with(edit: impl FnOnce(&mut Plan)) -> String {
    let mut plan = everything().plan();
    edit(&mut plan);
    digest_of(&plan)
}

#[test]
fn the_digest_changes_with_every_step() {
    let plain = digest_of(&everything().plan());
    let count = everything().plan().steps.len();
    type Edit = fn(&mut Step);
    let edits: [(&str, Edit); 8] = [
        ("id", |step| step.id.push('x')),
        ("address", |step| step.address = at("other", "school")),
        ("connection", |step| step.connection = Realm::Mdm(name("other"))),
        ("token", |step| step.token_id = token_id("other")),
        ("object", |step| step.object = Some(ProfileId("other".to_owned()))),
        ("class", |step| step.class = Class::Irreversible),
        ("action", |step| step.action = Action::Sync { serials: vec![serial("C02Z0001")] }),
        ("fingerprint", |step| step.fingerprint = sha256("other")),
    ];
    for at in 0..count {
        for (what, edit) in edits {
            assert_ne!(digest_with(|plan| edit(&mut plan.steps[at])), plain, "{what} of step {at}");
        }
        assert_ne!(digest_with(|plan| drop(plan.steps.remove(at))), plain);
    }
    assert_ne!(digest_with(|plan| plan.ledger = None), plain);
    assert_ne!(
        digest_with(|plan| drop(plan.tenants.insert(Realm::Mdm(name("contoso")), guid("other")))),
        plain
    );
}

#[test]
fn the_digest_covers_every_value_of_a_change_and_every_serial() {
    let plain = digest_of(&everything().plan());
    let actions: [fn(&mut Action) -> bool; 5] = [
        |action| match action {
            Action::UpdateProfile { changes, .. } => {
                changes[0].before = Value::Int(7);
                true
            }
            _ => false,
        },
        |action| match action {
            Action::UpdateProfile { changes, .. } => {
                changes[0].after = Value::Int(7);
                true
            }
            _ => false,
        },
        |action| match action {
            Action::CreateProfile { fields, .. } => {
                fields.insert("supervised".into(), Value::Bool(false)).is_some()
            }
            _ => false,
        },
        |action| match action {
            Action::Assign { groups, after_sync: false } => {
                groups[0].serials.push(serial("C02Z0001"));
                true
            }
            _ => false,
        },
        |action| match action {
            Action::Assign { groups, after_sync: false } => {
                groups[0].from = None;
                true
            }
            _ => false,
        },
    ];
    for (at, edit) in actions.into_iter().enumerate() {
        let digest = digest_with(|plan| {
            assert!(plan.steps.iter_mut().any(|step| edit(&mut step.action)), "edit {at} found no step");
        });
        assert_ne!(digest, plain, "edit {at}");
    }
}

#[test]
fn the_digest_changes_with_no_time_count_or_text() {
    let plain = digest_of(&everything().plan());
    let told = digest_with(|plan| {
        plan.findings.clear();
        plan.waiting.clear();
        plan.forecast.writes += 1;
        for step in &mut plan.steps {
            step.notes.clear();
            step.effect.feel += 1;
            step.not_before = Some(now());
            match &mut step.action {
                Action::SetDefault { from_name, .. } => *from_name = Some("another name".to_owned()),
                Action::Assign { groups, .. } => groups.iter_mut().for_each(|group| group.from_name = None),
                _ => {}
            }
        }
    });
    assert_eq!(told, plain);
    let mut world = everything();
    world.edit_token("school", |token| {
        token.last_sync_triggered = Some(ago(60));
        token.last_sync_done = Some(ago(30));
        token.synced_devices = 99;
    });
    world.edit_device("school", "C02A0001", |device| device.state = EnrollmentState::Enrolled);
    world.device("school", "C02Q0001", None);
    world.now = ago(-600);
    assert_eq!(digest_of(&world.plan()), plain);
}
