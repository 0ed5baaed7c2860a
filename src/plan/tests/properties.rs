//! What holds for all worlds: equal differs in nothing, applying leaves nothing to do, and the
//! order in which things are told does not matter.

use proptest::prelude::*;

use super::world::*;
use crate::diff::{compare, overlay};
use crate::model::live::{Complete, Fact};
use crate::model::{FieldName, Fields, Scope, Value};
use crate::plan::file::digest_of;
use crate::plan::{Action, Plan, Step};

const FIELDS: [&str; 9] = [
    "department",
    "deviceNameTemplate",
    "supervised",
    "sharedIpad",
    "sharedIpad.temporarySessionOnly",
    "sharedIpad.maximumCachedUsers",
    "sharedIpad.userSessionTimeoutSeconds",
    "pairing.certificates",
    "setupAssistant.siri",
];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        (0i64..3).prop_map(Value::Int),
        "[ab]{1,2}".prop_map(Value::text),
        proptest::collection::vec("[ab]", 0..3).prop_map(Value::List),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    let pair = (proptest::sample::select(&FIELDS[..]), value());
    proptest::collection::vec(pair, 0..9)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (FieldName::Borrowed(name), value)).collect())
}

/// What becomes of a world when its plan is carried out by a service that does what it is told.
fn apply(world: &mut World, plan: &Plan) {
    for step in &plan.steps {
        let token = step.address.domain().to_string();
        let here = |profile: &crate::model::Name| profile_id(profile.as_str(), &token);
        let object = step.object.clone().unwrap_or_else(|| here(&step.address.name));
        match &step.action {
            Action::CreateProfile { fields, .. } => {
                let made = live_profile(object, fields.clone());
                world.edit_profiles(&token, |all| all.push(made));
            }
            Action::UpdateProfile { changes, .. } => {
                let wished: Fields =
                    changes.iter().map(|one| (one.field.clone(), one.after.clone())).collect();
                world.edit_profiles(&token, |all| {
                    let live = all.iter_mut().find(|live| live.id == object).unwrap();
                    live.fields = overlay(&live.fields, &wished);
                    live.name = step.name.clone();
                });
            }
            Action::DeleteProfile => {
                world.edit_profiles(&token, |all| all.retain(|live| live.id != object));
            }
            Action::SetDefault { .. } => {
                world.edit_token(&token, |live| live.default_ios = Fact::Known(Some(object)));
            }
            Action::UpdateToken { scope_tag_ids, .. } => {
                world.edit_token(&token, |live| {
                    live.name = step.name.clone();
                    live.scope_tag_ids = scope_tag_ids.clone().unwrap_or(live.scope_tag_ids.clone());
                });
            }
            Action::Assign { groups, after_sync } => {
                for serial in groups.iter().flat_map(|group| &group.serials) {
                    if *after_sync {
                        world.device(&token, serial.as_str(), None);
                    }
                    let profile = Some(object.clone());
                    world.edit_device(&token, serial.as_str(), |device| device.profile = profile);
                }
            }
            Action::Define { .. } | Action::Unassign { .. } | Action::SetAccountDrivenUrl { .. } => {
                unreachable!("there is no direct token in this world")
            }
            Action::Service(_) | Action::Sync { .. } => {}
            Action::DeleteToken => {
                world.edit_tokens(Vec::clear);
            }
        }
    }
}

/// One thing that a person did in the portal or in the documents.
#[derive(Clone, Debug)]
enum Deed {
    Drift(usize, &'static str, Value),
    Delete(usize),
    Forget(usize),
    Undescribe(usize),
    Default(usize),
    Device(usize, Option<usize>),
}

fn deed() -> impl Strategy<Value = Deed> {
    let text = ["department", "deviceNameTemplate", "displayName"];
    prop_oneof![
        (0..3usize, proptest::sample::select(text.to_vec()), "[a-z]{3}")
            .prop_map(|(at, field, text)| Deed::Drift(at, field, Value::text(text))),
        (0..3usize).prop_map(Deed::Delete),
        (0..3usize).prop_map(Deed::Forget),
        (0..3usize).prop_map(Deed::Undescribe),
        (0..3usize).prop_map(Deed::Default),
        (0..6usize, proptest::option::of(0..3usize)).prop_map(|(at, profile)| Deed::Device(at, profile)),
    ]
}

const PROFILES: [&str; 3] = ["kiosk", "main", "shared"];

/// Documents and a settled world, and then deeds.
fn world(deeds: &[Deed]) -> World {
    let mut world = World::new();
    world.token("office", "contoso", "prune: all");
    world.token("school", "contoso", "prune: all\nscopeTags: [Default]\ndefaultProfiles: {ios: main}");
    for profile in PROFILES {
        world.profile(profile, "[office, school]", "department: IT\ndeviceNameTemplate: T");
    }
    let mut world = world.settled();
    world.assignment("carts", "shared", "C02A0000, C02A0001, C02A0002, C02A0003", "token: school");
    for deed in deeds {
        let id = |at: &usize| profile_id(PROFILES[*at], "school");
        match deed {
            Deed::Drift(at, field, value) => {
                world.edit_profiles("school", |all| {
                    if let Some(live) = all.iter_mut().find(|live| live.id == id(at)) {
                        live.fields.insert(FieldName::Borrowed(field), value.clone());
                        live.name = live.fields["displayName"].as_text().unwrap().to_owned();
                    }
                });
            }
            Deed::Delete(at) => {
                world.edit_profiles("school", |all| all.retain(|live| live.id != id(at)));
            }
            Deed::Forget(at) => drop(
                world
                    .ledger
                    .owned
                    .remove(&crate::model::Address::profile(&name(PROFILES[*at]), &name("school"))),
            ),
            // The default and the assigned profile have to be described.
            Deed::Undescribe(at) if *at == 0 => drop(world.documents.remove("EnrollmentProfile/kiosk")),
            Deed::Undescribe(_) => {}
            Deed::Default(at) => {
                world.edit_token("school", |token| token.default_ios = Fact::Known(Some(id(at))));
            }
            Deed::Device(at, profile) => {
                let serial = format!("C02A000{at}");
                let profile = profile.as_ref().map(id);
                world.edit_devices("school", |all| all.retain(|device| device.serial != serial));
                world.device("school", &serial, profile);
            }
        }
    }
    world
}

/// A step without what follows from the steps beside it.
fn bare(step: &Step) -> Step {
    Step { needs: Vec::new(), prove_first: false, ..step.clone() }
}

fn reversed<T: Clone>(fact: &Fact<Complete<T>>) -> Fact<Complete<T>> {
    match fact {
        Fact::Known(list) => {
            let mut all: Vec<T> = list.iter().cloned().collect();
            all.reverse();
            Fact::Known(Complete::after_last_page(all))
        }
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_object_never_differs_from_itself(object in fields()) {
        prop_assert!(compare(&object, &object).is_empty());
    }

    #[test]
    fn an_object_never_differs_from_what_applying_its_wish_makes(wished in fields(), live in fields()) {
        let result = overlay(&live, &wished);
        prop_assert!(compare(&wished, &result).is_empty(), "{result:?}");
        // Applying again changes nothing.
        prop_assert_eq!(overlay(&result, &wished), result);
    }

    #[test]
    fn a_change_is_told_if_and_only_if_the_values_differ(wished in fields(), live in fields()) {
        for change in compare(&wished, &live) {
            prop_assert_eq!(wished.get(&change.field), Some(&change.after));
            prop_assert_eq!(live.get(&change.field).unwrap_or(&Value::None), &change.before);
            prop_assert_ne!(change.before, change.after);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_second_plan_after_applying_the_first_has_nothing_to_do(deeds in proptest::collection::vec(deed(), 0..6)) {
        let mut world = world(&deeds);
        let first = world.plan();
        // Where something is blocked the plan is partial; what it does is still done with then.
        apply(&mut world, &first);
        for step in &first.steps {
            if let Action::CreateProfile { .. } | Action::UpdateProfile { adopt: true, .. } = &step.action {
                world.ledger.owned.remove(&step.address);
            }
        }
        let second = world.plan();
        let again: Vec<&str> = ids(&second).into_iter().filter(|id| ids(&first).contains(id)).collect();
        prop_assert!(again.is_empty(), "again: {again:?}");
        if first.blocked.is_empty() {
            prop_assert!(!second.steps.iter().any(|step| step.action.verb() != "delete"), "{:?}", ids(&second));
            apply(&mut world, &second);
            let third = world.plan();
            prop_assert!(third.steps.is_empty(), "{:?}", ids(&third));
        }
    }

    #[test]
    fn a_narrowed_plan_is_the_whole_ones_part_and_never_more(
        deeds in proptest::collection::vec(deed(), 0..6),
        first in proptest::option::of(proptest::sample::select(&["office", "school"][..])),
        inside in proptest::sample::select(&["office", "school"][..]),
    ) {
        let mut world = world(&deeds);
        if let Some(first) = first {
            for profile in PROFILES {
                if let Some(text) = world.documents.get_mut(&format!("EnrollmentProfile/{profile}")) {
                    *text += &format!("  rollout: {{first: [{first}]}}\n");
                }
            }
        }
        let whole = world.plan();
        world.scope = Scope::of([name(inside)]);
        let part = world.plan();
        // What lies outside need not even have been read.
        let outside = token_id(if inside == "office" { "school" } else { "office" });
        world.tenant().profiles.remove(&outside);
        world.tenant().devices.remove(&outside);
        let unread = world.plan();
        prop_assert_eq!(&part.steps, &unread.steps);
        prop_assert_eq!(&part.blocked, &unread.blocked);
        prop_assert_eq!(&part.bookkeeping, &unread.bookkeeping);
        prop_assert_eq!(&part.left_alone, &unread.left_alone);

        let is_inside = |step: &&Step| step.address.domain() == &name(inside);
        // A serial that no list shows may be on a token outside: no sync is asked for it.
        let is_refused = |step: &&Step| ["sync", "assign-after-sync"].contains(&step.action.verb());
        let wanted: Vec<_> = whole.steps.iter().filter(|step| is_inside(step) && !is_refused(step)).map(bare).collect();
        let found: Vec<_> = part.steps.iter().map(bare).collect();
        let sorted = |mut all: Vec<Step>| {
            all.sort_by(|a, b| a.id.cmp(&b.id));
            all
        };
        prop_assert_eq!(sorted(found), sorted(wanted));
        prop_assert!(part.bookkeeping.iter().all(|entry| whole.bookkeeping.contains(entry)));
        prop_assert!(part.adopted.iter().all(|one| whole.adopted.contains(one)));
        // Who makes or changes a profile behind a first token outside waits.
        if first.is_some_and(|first| first != inside) {
            let rolled_out = |step: &Step| {
                ["create", "update", "adopt"].contains(&step.action.verb()) && step.address.token.is_some()
            };
            for step in part.steps.iter().filter(|step| rolled_out(step)) {
                prop_assert!(part.stops.iter().any(|stop| stop.steps.contains(&step.id)), "{}", step.id);
            }
        }
    }

    #[test]
    fn the_order_of_documents_and_lists_does_not_matter(deeds in proptest::collection::vec(deed(), 0..6)) {
        let world = world(&deeds);
        let mut turned = world.clone();
        // Documents are read in the order of their files' names.
        turned.documents = world
            .documents
            .iter()
            .enumerate()
            .map(|(at, (_, text))| (format!("{:02}", world.documents.len() - at), text.clone()))
            .collect();
        turned.edit_devices("school", |all| all.reverse());
        let tenant = turned.tenant();
        tenant.tokens = reversed(&tenant.tokens);
        tenant.scope_tags = tenant.scope_tags.as_ref().map(reversed);
        tenant.profiles = tenant.profiles.iter().map(|(id, all)| (id.clone(), reversed(all))).collect();
        let (plan, other) = (world.plan(), turned.plan());
        prop_assert_eq!(&plan.steps, &other.steps);
        prop_assert_eq!(&plan.blocked, &other.blocked);
        prop_assert_eq!(digest_of(&plan), digest_of(&other));
    }

    #[test]
    fn every_step_comes_after_what_it_needs_and_no_id_is_there_twice(deeds in proptest::collection::vec(deed(), 0..8)) {
        let plan = world(&deeds).plan();
        let ids = ids(&plan);
        for (at, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.needs.iter().all(|need| ids[..at].contains(&need.as_str())), "{}", step.id);
            prop_assert!(!ids[..at].contains(&step.id.as_str()), "{} is there twice", step.id);
        }
    }
}
