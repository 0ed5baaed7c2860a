//! What reading back shows of a step that was sent.

use crate::apply::ItemCounts;
use crate::apply::verify::{Seen, lists_of, look};
use crate::model::live::{Cause, Fact};
use crate::model::{Platform, ProfileId, Value};
use crate::plan::tests::world::*;
use crate::plan::{Plan, Step};

fn otherwise(seen: Result<Seen, &crate::model::live::Unknown>) -> (String, Option<ItemCounts>) {
    match seen {
        Ok(Seen::Otherwise(why, items)) => (why, items),
        other => panic!("{other:?}"),
    }
}

fn find<'p>(plan: &'p Plan, verb: &str) -> &'p Step {
    plan.steps.iter().find(|step| step.action.verb() == verb).unwrap()
}

#[test]
fn each_action_is_seen_in_the_list_that_holds_it() {
    let plan = everything().plan();
    let lists = |verb: &str| {
        let lists = lists_of(&find(&plan, verb).action);
        (lists.tokens, lists.profiles, lists.devices)
    };
    assert_eq!(lists("create"), (false, true, false));
    assert_eq!(lists("delete"), (false, true, false));
    assert_eq!(lists("default"), (true, false, false));
    assert_eq!(lists("assign"), (false, false, true));
    assert_eq!(lists("assign-after-sync"), (false, false, true));
    assert_eq!(lists("sync"), (false, false, false));
    for step in plan.steps.iter().filter(|step| step.action.verb() == "update") {
        let lists = lists_of(&step.action);
        assert_eq!(
            (lists.tokens, lists.profiles),
            (step.address.token.is_none(), step.address.token.is_some())
        );
    }
}

#[test]
fn before_anything_is_sent_no_step_is_as_wished() {
    let mut world = everything();
    let plan = world.plan();
    for step in &plan.steps {
        assert!(matches!(look(step, None, world.tenant()), Ok(Seen::Otherwise(..))), "{}", step.id);
    }
}

#[test]
fn a_create_is_seen_in_full_in_part_twice_or_not_at_all() {
    let mut world = everything();
    let plan = world.plan();
    let step = find(&plan, "create");
    assert_eq!(otherwise(look(step, None, world.tenant())).0, "it is not in the list");
    let fields = world.desired().profiles[&name("new")].created[&name("school")].clone();
    world.edit_profiles("school", |all| all.push(live_profile(profile_id("new", "school"), fields)));
    assert_eq!(look(step, None, world.tenant()), Ok(Seen::AsWished(None)));
    world.set("new", "school", "supervised", Value::Bool(false));
    let (why, _) = otherwise(look(step, None, world.tenant()));
    assert_eq!(why, "the service shows otherwise: supervised is false, not true");
    world.set("new", "school", "supervised", Value::Bool(true));
    let twin = live_profile(
        profile_id("twin", "school"),
        world.desired().profiles[&name("new")].created[&name("school")].clone(),
    );
    world.edit_profiles("school", |all| all.push(twin));
    assert_eq!(otherwise(look(step, None, world.tenant())).0, "several objects carry the name");
}

#[test]
fn a_default_of_a_profile_that_this_run_made_is_seen_by_its_new_id() {
    let mut world = everything();
    let plan = world.plan();
    let step = find(&plan, "default");
    let made = ProfileId(guid("made"));
    assert!(matches!(look(step, Some(&made), world.tenant()), Ok(Seen::Otherwise(..))));
    world.edit_token("school", |token| token.default_ios = Fact::Known(Some(ProfileId(guid("made")))));
    assert_eq!(look(step, Some(&made), world.tenant()), Ok(Seen::AsWished(None)));
    assert!(matches!(look(step, None, world.tenant()), Ok(Seen::Otherwise(..))));
}

#[test]
fn a3_each_device_of_an_assignment_is_told() {
    let mut world = World::new();
    world.profile("main", "[school]", "");
    let mut world = world.settled();
    let serials = ["C02A0001", "C02B0001", "C02C0001"];
    for serial in serials {
        world.device("school", serial, None);
    }
    world.assignment("carts", "main", &serials.join(", "), "");
    let plan = world.plan();
    let step = find(&plan, "assign");
    let main = || Some(profile_id("main", "school"));
    world.edit_device("school", serials[0], |device| device.profile = main());
    world.edit_devices("school", |all| all.retain(|device| device.serial != serials[2]));
    let (why, items) = otherwise(look(step, None, world.tenant()));
    assert_eq!(why, "2 devices do not show the profile");
    let items = items.unwrap();
    assert_eq!(
        (items.committed, items.failed, items.waiting),
        (1, vec![serial(serials[1])], vec![serial(serials[2])])
    );
    world.edit_device("school", serials[1], |device| device.profile = main());
    world.device("school", serials[2], main());
    let all = ItemCounts { committed: 3, ..ItemCounts::default() };
    assert_eq!(look(step, None, world.tenant()), Ok(Seen::AsWished(Some(all))));
}

#[test]
fn a_profile_without_an_id_is_had_by_no_device() {
    let mut world = everything();
    let plan = world.plan();
    let step = find(&plan, "assign");
    assert_eq!(step.object, None);
    world.edit_device("school", "C02A0001", |device| device.profile = None);
    let (_, items) = otherwise(look(step, None, world.tenant()));
    assert_eq!(items.unwrap().committed, 0);
}

#[test]
fn what_could_not_be_read_is_not_told() {
    let mut world = everything();
    let plan = world.plan();
    let why = || unknown(Cause::Unavailable);
    let tenant = world.tenant();
    tenant.tokens = Fact::Unknown(why());
    tenant.profiles.insert(token_id("school"), Fact::Unknown(why()));
    tenant.devices.insert(token_id("school"), Fact::Unknown(why()));
    for step in plan.steps.iter().filter(|step| step.action.verb() != "sync") {
        assert!(look(step, Some(&profile_id("new", "school")), tenant).is_err(), "{}", step.id);
    }
}

#[test]
fn p32_a_device_of_another_platform_that_a_sync_brings_was_not_sent_and_does_not_fail() {
    let mut world = everything();
    let plan = world.plan();
    let step = find(&plan, "assign-after-sync");
    let made = profile_id("new", "school");
    world.device("school", "C02NEW01", None);
    let (_, items) = otherwise(look(step, Some(&made), world.tenant()));
    assert_eq!(items.unwrap().failed, [serial("C02NEW01")], "it was sent");
    world.edit_device("school", "C02NEW01", |device| device.platform = Some(Platform::Macos));
    let (_, items) = otherwise(look(step, Some(&made), world.tenant()));
    let items = items.unwrap();
    assert_eq!((items.failed, items.waiting), (vec![], vec![serial("C02NEW01")]));
}
