//! Acts in a plan file, in its digest, and in the forecast.

use super::world::*;
use crate::model::clock::after;
use crate::plan::file::{LIFETIME, LIFETIME_DESTRUCTIVE, PlanFileError, SavedPlan, digest_of};
use crate::plan::tests::world::ago;

#[test]
fn acts_survive_the_file_and_count_in_its_digest() {
    let world = asked("wipe");
    let plan = world.plan();
    let saved = SavedPlan::new(&plan, None, world.now);
    let read = SavedPlan::from_json(&saved.to_json()).unwrap();
    assert_eq!(read.acts, plan.acts);
    assert_eq!(read.into_plan().acts, plan.acts);
    let plain = digest_of(&plan);
    // Another life, another content, another kind: another digest.
    let mut life = asked("wipe");
    edit_record(&mut life, |record| record.enrolled = Some(ago(7200)));
    let mut content = asked("wipe");
    content.edit("DeviceAction/lost", "lost on the bus", "stolen");
    for other in [&life, &content, &asked("retire"), &world_without()] {
        assert_ne!(digest_of(&other.plan()), plain);
    }
    // Texts and times are not in it.
    let mut seen = asked("wipe");
    edit_record(&mut seen, |record| {
        record.name = "another name".to_owned();
        record.last_sync = Some(ago(1));
    });
    seen.now = after(seen.now, std::time::Duration::from_secs(60));
    assert_eq!(digest_of(&seen.plan()), plain);
}

fn world_without() -> crate::plan::tests::world::World {
    world()
}

#[test]
fn a_plan_that_destroys_lives_an_hour() {
    let wipe = asked("wipe");
    let saved = SavedPlan::new(&wipe.plan(), None, wipe.now);
    assert_eq!(saved.expires, after(wipe.now, LIFETIME_DESTRUCTIVE));
    let mut longer = saved;
    longer.expires = after(wipe.now, LIFETIME);
    assert_eq!(SavedPlan::from_json(&longer.to_json()), Err(PlanFileError::Tampered));
    let lock = asked("lock");
    assert_eq!(SavedPlan::new(&lock.plan(), None, lock.now).expires, after(lock.now, LIFETIME));
}

#[test]
fn an_act_that_was_slipped_in_is_found() {
    let world = asked("lock");
    let mut saved = SavedPlan::new(&world.plan(), None, world.now);
    saved.acts.clear();
    assert_eq!(SavedPlan::from_json(&saved.to_json()), Err(PlanFileError::Tampered));
}

#[test]
fn the_forecast_counts_acts() {
    let nothing = world().plan().forecast;
    assert_eq!((nothing.reads, nothing.writes), (0, 0));
    // One look and one request; a wipe reads the code, too.
    let lock = asked("lock").plan().forecast;
    assert_eq!((lock.reads, lock.writes), (1, 1));
    let wipe = asked("wipe").plan().forecast;
    assert_eq!((wipe.reads, wipe.writes), (2, 1));
    // What nobody loses anything by goes in batches of twenty.
    let mut many = world();
    ask_as(&mut many, "many", "sync", "C02A0001, C02A0002, C02A0003", "");
    assert_eq!(many.plan().forecast.writes, 1);
}
