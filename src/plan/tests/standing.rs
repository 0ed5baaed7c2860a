//! How a step of a saved plan relates to what is live now: the same, done, or changed. What was
//! not read is never the same and never done.

use super::world::*;
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::{ProfileId, Value};
use crate::plan::Step;
use crate::plan::before::{Standing, standing};

/// A world and the step of its plan with this id.
struct Planned {
    world: World,
    step: Step,
}

fn planned(world: &World, id: &str) -> Planned {
    let plan = world.plan();
    Planned { world: world.clone(), step: step(&plan, id).clone() }
}

impl Planned {
    #[track_caller]
    fn becomes(&self, wanted: &Standing, edit: impl FnOnce(&mut World)) {
        let mut world = self.world.clone();
        edit(&mut world);
        assert_eq!(&standing(&self.step, world.tenant()).unwrap(), wanted, "{}", self.step.id);
    }

    #[track_caller]
    fn same(&self, edit: impl FnOnce(&mut World)) {
        self.becomes(&Standing::Same, edit);
    }

    #[track_caller]
    fn done(&self, edit: impl FnOnce(&mut World)) {
        self.becomes(&Standing::Done, edit);
    }

    #[track_caller]
    fn changed(&self, edit: impl FnOnce(&mut World)) {
        self.becomes(&Standing::Changed, edit);
    }

    #[track_caller]
    fn unknown(&self, edit: impl FnOnce(&mut World)) {
        let mut world = self.world.clone();
        edit(&mut world);
        assert!(standing(&self.step, world.tenant()).is_err(), "{}", self.step.id);
    }
}

fn no_tokens(world: &mut World) {
    world.tenant().tokens = Fact::Unknown(unknown(Cause::Unavailable));
}

fn no_profiles(world: &mut World) {
    world.tenant().profiles.insert(token_id("school"), Fact::Unknown(unknown(Cause::Unavailable)));
}

fn no_devices(world: &mut World) {
    world.tenant().devices.insert(token_id("school"), Fact::Unknown(unknown(Cause::Unavailable)));
}

fn school() -> World {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "").profile("main", "[school]", "");
    world.settled()
}

/// The live profile of a document that was applied somewhere else.
fn make(world: &mut World, profile: &str) {
    let fields = world.desired().profiles[&name(profile)].created[&name("school")].clone();
    world.edit_profiles("school", |all| all.push(live_profile(profile_id(profile, "school"), fields)));
}

#[test]
fn a_token_update() {
    let mut world = school();
    world.token("school", "contoso", "displayName: School\nformerly: [school]\nscopeTags: [Berlin]");
    let planned = planned(&world, "update EnrollmentToken/school");
    planned.same(|_| {});
    planned.same(|world| {
        world.edit_token("school", |token| token.last_sync_done = None);
    });
    planned.done(|world| {
        world.edit_token("school", |token| {
            token.name = "School".to_owned();
            token.scope_tag_ids = vec!["7".to_owned()];
        });
    });
    planned.changed(|world| {
        world.edit_token("school", |token| token.name = "School".to_owned());
    });
    planned.changed(|world| {
        world.edit_tokens(Vec::clear);
    });
    planned.unknown(no_tokens);
}

#[test]
fn a_token_deletion() {
    let mut world = World::new().settled();
    world.token("school", "contoso", "state: absent");
    let planned = planned(&world, "delete EnrollmentToken/school");
    planned.same(|_| {});
    planned.done(|world| {
        world.edit_tokens(Vec::clear);
    });
    planned.changed(|world| {
        world.device("school", "C02A0001", None);
    });
    planned.changed(|world| {
        world.edit_profiles("school", |all| all.push(stranger("school", "theirs")));
    });
    planned.changed(|world| {
        let default = Some(ProfileId(guid("theirs")));
        world.edit_token("school", |token| token.default_ios = Fact::Known(default));
    });
    planned.changed(|world| world.tenant().devices.clear());
    planned.changed(|world| world.tenant().profiles.clear());
    planned.unknown(no_tokens);
    planned.unknown(no_profiles);
    planned.unknown(no_devices);
}

#[test]
fn a_create() {
    let mut world = school();
    world.profile("new", "[school]", "department: IT");
    let planned = planned(&world, "create EnrollmentProfile/new@school");
    planned.same(|_| {});
    planned.same(|world| {
        world.edit_profiles("school", |all| all.push(stranger("school", "theirs")));
    });
    planned.done(|world| make(world, "new"));
    planned.changed(|world| {
        make(world, "new");
        world.set("new", "school", "department", Value::None);
    });
    planned.changed(|world| {
        make(world, "new");
        world.edit_profiles("school", |all| all.push(stranger("school", "new")));
    });
    // Not asked for is not empty.
    planned.changed(|world| world.tenant().profiles.clear());
    planned.unknown(no_profiles);
}

#[test]
fn a_profile_update() {
    let mut world = school();
    world.profile("kiosk", "[school]", "department: IT");
    let planned = planned(&world, "update EnrollmentProfile/kiosk@school");
    planned.same(|_| {});
    planned.same(|world| {
        world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    });
    planned.done(|world| {
        world.set("kiosk", "school", "department", Value::text("IT"));
    });
    planned.changed(|world| {
        world.set("kiosk", "school", "department", Value::text("HR"));
    });
    planned.changed(|world| {
        world.set("kiosk", "school", "supervised", Value::Bool(false));
    });
    planned.changed(|world| {
        world.delete("kiosk", "school");
    });
    planned.changed(|world| world.tenant().profiles.clear());
    planned.unknown(no_profiles);
}

#[test]
fn t9_a_profile_deletion_rests_on_who_has_it_and_on_the_default() {
    let mut world = school();
    world.profile("kiosk", "[school]", "state: absent");
    let planned = planned(&world, "delete EnrollmentProfile/kiosk@school");
    let kiosk = || Some(profile_id("kiosk", "school"));
    planned.same(|_| {});
    planned.same(|world| {
        world.device("school", "C02A0001", Some(profile_id("main", "school")));
    });
    planned.done(|world| {
        world.delete("kiosk", "school");
    });
    planned.changed(|world| {
        world.set("kiosk", "school", "department", Value::text("HR"));
    });
    planned.changed(|world| {
        world.device("school", "C02A0001", kiosk());
    });
    planned.changed(|world| {
        world.edit_token("school", |token| token.default_ios = Fact::Known(kiosk()));
    });
    // Not asked for is not gone.
    planned.changed(|world| world.tenant().profiles.clear());
    planned.changed(|world| world.tenant().devices.clear());
    planned.unknown(no_profiles);
    planned.unknown(no_devices);
    planned.unknown(no_tokens);
}

#[test]
fn t9_a_deletion_whose_devices_the_same_plan_moves_stands_until_another_one_comes() {
    let mut world = school();
    world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    world.assignment("carts", "main", "C02A0001", "").profile("kiosk", "[school]", "state: absent");
    let planned = planned(&world, "delete EnrollmentProfile/kiosk@school");
    planned.same(|_| {});
    planned.changed(|world| {
        world.device("school", "C02B0001", Some(profile_id("kiosk", "school")));
    });
}

#[test]
fn p30_a_default() {
    let mut world = school();
    world.token("school", "contoso", "defaultProfiles: {ios: main}");
    let planned = planned(&world, "default EnrollmentProfile/main@school");
    let set = |world: &mut World, profile: &str| {
        let default = Some(profile_id(profile, "school"));
        world.edit_token("school", |token| token.default_ios = Fact::Known(default));
    };
    planned.same(|_| {});
    planned.same(|world| {
        world.device("school", "C02A0001", None);
    });
    planned.done(|world| set(world, "main"));
    planned.changed(|world| set(world, "kiosk"));
    planned.changed(|world| {
        world.edit_tokens(Vec::clear);
    });
    planned.unknown(no_tokens);
    planned.unknown(|world| {
        let why = Fact::Unknown(unknown(Cause::Unavailable));
        world.edit_token("school", |token| token.default_ios = why);
        no_profiles(world);
    });
}

#[test]
fn p30_a_default_of_a_profile_that_is_yet_to_be_made_is_never_done() {
    let mut world = school();
    world.token("school", "contoso", "defaultProfiles: {ios: new}").profile("new", "[school]", "");
    let planned = planned(&world, "default EnrollmentProfile/new@school");
    planned.same(|_| {});
    planned.same(|world| make(world, "new"));
}

#[test]
fn a3_an_assignment() {
    let mut world = school();
    world.device("school", "C02A0001", None);
    world.device("school", "C02B0001", Some(profile_id("kiosk", "school")));
    world.assignment("carts", "main", "C02A0001, C02B0001", "");
    let planned = planned(&world, "assign EnrollmentProfile/main@school");
    let give = |world: &mut World, serial: &str, profile: Option<&str>| {
        let profile = profile.map(|profile| profile_id(profile, "school"));
        world.edit_device("school", serial, |device| device.profile = profile);
    };
    planned.same(|_| {});
    planned.same(|world| {
        world.device("school", "C02C0001", None);
    });
    planned.done(|world| {
        give(world, "C02A0001", Some("main"));
        give(world, "C02B0001", Some("main"));
    });
    planned.changed(|world| give(world, "C02A0001", Some("main")));
    planned.changed(|world| give(world, "C02B0001", None));
    // Gone or released is not "without a profile".
    planned.changed(|world| {
        world.edit_devices("school", |all| all.retain(|device| device.serial != "C02A0001"));
    });
    planned.changed(|world| {
        world.edit_device("school", "C02A0001", |device| device.released = true);
    });
    planned.changed(|world| world.tenant().devices.clear());
    planned.unknown(no_devices);
}

#[test]
fn s2_a_sync_and_what_follows_it_are_never_done_and_need_their_token() {
    let mut world = school();
    world.assignment("carts", "main", "C02A0001", "");
    for id in ["sync EnrollmentToken/school", "assign-after-sync EnrollmentProfile/main@school"] {
        let planned = planned(&world, id);
        planned.same(|_| {});
        planned.same(|world| {
            world.edit_token("school", |token| token.last_sync_done = Some(now()));
        });
        planned.changed(|world| {
            world.edit_tokens(Vec::clear);
        });
        planned.unknown(no_tokens);
    }
}

#[test]
fn a_step_planned_again_has_the_same_fingerprint() {
    let world = everything();
    let (first, second) = (world.plan(), world.plan());
    for (one, other) in first.steps.iter().zip(&second.steps) {
        assert!(one.fingerprint.starts_with("sha256:") && one.fingerprint == other.fingerprint);
        let mut world = world.clone();
        assert_eq!(standing(one, world.tenant()), Ok(Standing::Same), "{}", one.id);
        // Enrollment states are volatile.
        let enroll = |device: &mut Device| device.state = EnrollmentState::Enrolled;
        world.edit_device("school", "C02A0001", enroll);
        assert_eq!(standing(one, world.tenant()), Ok(Standing::Same), "{}", one.id);
    }
}
