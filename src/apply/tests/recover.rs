//! Promises without an outcome: each kind of write, with its effect and without, too young to be
//! told, and where the list that would tell is unknown.

use std::collections::BTreeMap;

use crate::apply::recover::{Recovery, all_tokens, is_unsettled, recover, unknown_until};
use crate::ledger::{Event, How, Intent, IntentState, LedgerView};
use crate::model::desired::LimitKind;
use crate::model::live::{Cause, Fact, ProfileKind};
use crate::model::{Address, Name, TokenId};
use crate::plan::tests::world::*;

fn tokens() -> BTreeMap<Name, TokenId> {
    BTreeMap::from([(name("school"), token_id("school"))])
}

/// `kiosk`, there and ours, and this promise about it.
fn promised(intent: Intent) -> World {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "");
    let mut world = world.settled();
    world.ledger.unsettled.push(intent);
    world
}

fn recovered(world: &World) -> (LedgerView, Recovery) {
    recover(&world.ledger, &world.live, &tokens(), world.now)
}

fn ripe(write: &str) -> Intent {
    let mut intent = intent(at("kiosk", "school"), write, ago(120));
    match write {
        "createProfile" => intent.name = Some("kiosk".to_owned()),
        "deleteProfile" => intent.object = Some(profile_id("kiosk", "school")),
        "deleteToken" => intent.address = Address::token(&name("school")),
        _ => {}
    }
    intent
}

const WRITES: [&str; 8] = [
    "createProfile",
    "updateProfile",
    "deleteProfile",
    "setDefault",
    "assign",
    "sync",
    "updateToken",
    "deleteToken",
];

#[test]
fn within_the_horizon_nothing_is_told_of_any_write() {
    for write in WRITES {
        let mut young = ripe(write);
        young.since = ago(119);
        let world = promised(young);
        let (view, recovery) = recovered(&world);
        assert_eq!(recovery, Recovery::default(), "{write}");
        assert_eq!(view, world.ledger);
        assert_eq!(unknown_until(&view), Some(ago(-1)));
        assert!(is_unsettled(&view, &world.ledger.unsettled[0].address));
        assert!(!is_unsettled(&view, &at("other", "school")));
    }
}

#[test]
fn after_the_horizon_every_write_is_settled_by_looking() {
    for write in WRITES {
        let (view, recovery) = recovered(&promised(ripe(write)));
        let [(5, IntentState::Settled, note)] = recovery.settled.as_slice() else {
            panic!("{write}: {recovery:?}")
        };
        assert!(!note.is_empty());
        assert!(view.unsettled.is_empty(), "{write}");
        assert_eq!(unknown_until(&view), None);
    }
}

#[test]
fn unknown_lists_settle_nothing() {
    for write in WRITES {
        let mut world = promised(ripe(write));
        let unread = || unknown(Cause::Unavailable);
        if write.ends_with("Profile") && write != "updateProfile" {
            world.tenant().profiles.insert(token_id("school"), Fact::Unknown(unread()));
        } else {
            world.tenant().tokens = Fact::Unknown(unread());
        }
        let (view, recovery) = recovered(&world);
        assert_eq!(recovery, Recovery::default(), "{write}");
        assert_eq!(view.unsettled, world.ledger.unsettled);
        // Nor does a tenant that was not read.
        world.live.tenants.clear();
        assert_eq!(recovered(&world).1, Recovery::default(), "{write}");
    }
}

#[test]
fn a_lost_create_that_had_its_effect_is_ours_as_created() {
    let mut world = promised(ripe("createProfile"));
    world.disown(&at("kiosk", "school"));
    let (view, recovery) = recovered(&world);
    let [Event::Owned { address, object, how: How::Created, token_id: id, tenant, name }] =
        recovery.events.as_slice()
    else {
        panic!("{:?}", recovery.events)
    };
    assert_eq!((address, object), (&at("kiosk", "school"), &Some(profile_id("kiosk", "school"))));
    assert_eq!((id, tenant.as_str(), name.as_str()), (&token_id("school"), TENANT, "kiosk"));
    assert!(view.owned[address].how == How::Created && view.owned[address].applied.is_empty());
    // The plan of this run builds on it: nothing is made a second time.
    world.ledger = view;
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.adopted.is_empty(), "{plan:#?}");
}

#[test]
fn a_lost_create_without_effect_is_planned_anew() {
    let mut world = promised(ripe("createProfile"));
    world.disown(&at("kiosk", "school")).delete("kiosk", "school");
    let (view, recovery) = recovered(&world);
    assert!(recovery.events.is_empty() && recovery.settled[0].2.starts_with("not found"));
    world.ledger = view;
    assert_eq!(ids(&world.plan()), ["create EnrollmentProfile/kiosk@school"]);
}

#[test]
fn two_profiles_of_the_promised_name_are_left_to_a_person() {
    let mut world = promised(ripe("createProfile"));
    world.disown(&at("kiosk", "school"));
    world.edit_profiles("school", |all| all.push(stranger("school", "kiosk")));
    let (view, recovery) = recovered(&world);
    assert!(recovery.events.is_empty());
    assert!(recovery.settled[0].2.starts_with("several profiles"), "{}", recovery.settled[0].2);
    world.ledger = view;
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert!(blocked(&plan).reason.contains(&profile_id("kiosk", "school").0));
}

#[test]
fn what_is_ours_already_or_of_another_kind_is_not_what_a_create_made() {
    let mut ours = promised(ripe("createProfile"));
    ours.ledger.unsettled[0].address = at("stand", "school");
    assert!(recovered(&ours).1.events.is_empty());
    let mut mirror = promised(ripe("createProfile"));
    mirror.disown(&at("kiosk", "school"));
    mirror.edit_profile("kiosk", "school", |profile| profile.kind = ProfileKind::Mirror);
    assert!(recovered(&mirror).1.events.is_empty());
}

#[test]
fn two_lost_creates_of_one_name_do_not_both_get_the_profile() {
    let mut world = promised(ripe("createProfile"));
    world.disown(&at("kiosk", "school"));
    let mut other = ripe("createProfile");
    (other.id, other.address) = (6, at("stand", "school"));
    world.ledger.unsettled.push(other);
    let (_, recovery) = recovered(&world);
    assert_eq!((recovery.settled.len(), recovery.events.len()), (2, 1));
}

#[test]
fn a_lost_deletion_that_had_its_effect_is_disowned_and_counts_in_this_runs_limits() {
    let mut world = promised(ripe("deleteProfile"));
    world.delete("kiosk", "school");
    let (view, recovery) = recovered(&world);
    assert!(matches!(
        recovery.events.as_slice(),
        [Event::Disowned { .. }, Event::Destroyed { kind: LimitKind::Delete, count: 1, .. }]
    ));
    assert!(!view.owned.contains_key(&at("kiosk", "school")));
    assert_eq!(view.destroyed, [(now(), name("school"), LimitKind::Delete, 1)]);
}

#[test]
fn a_lost_deletion_without_effect_leaves_everything_as_it_was() {
    for write in ["deleteProfile", "deleteToken"] {
        let world = promised(ripe(write));
        let (view, recovery) = recovered(&world);
        assert!(recovery.events.is_empty(), "{write}");
        assert!(recovery.settled[0].2.starts_with("still there"));
        assert_eq!((view.owned, view.destroyed), (world.ledger.owned, Vec::new()));
    }
}

#[test]
fn a_deletion_promised_without_an_object_is_no_proof() {
    let mut world = promised(ripe("deleteProfile"));
    world.ledger.unsettled[0].object = None;
    assert_eq!(recovered(&world).1, Recovery::default());
}

#[test]
fn a_lost_deletion_of_a_token_that_had_its_effect_is_disowned() {
    let mut world = promised(ripe("deleteToken"));
    world.edit_tokens(Vec::clear);
    let (view, recovery) = recover(&world.ledger, &world.live, &BTreeMap::new(), world.now);
    assert_eq!(recovery.events.len(), 2);
    assert!(!view.owned.contains_key(&Address::token(&name("school"))));
}

#[test]
fn tokens_of_all_connections_are_one_map() {
    let contoso = BTreeMap::from([(name("school"), token_id("school"))]);
    let fabrikam = BTreeMap::from([(name("depot"), token_id("depot"))]);
    let all = all_tokens(&BTreeMap::from([(name("contoso"), contoso), (name("fabrikam"), fabrikam)]));
    assert_eq!(all.keys().collect::<Vec<_>>(), [&name("depot"), &name("school")]);
}
