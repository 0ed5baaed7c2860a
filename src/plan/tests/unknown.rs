//! Design section 3: unknown never leads to a create, a delete or an assignment, and a fault stays
//! in its domain.

use super::world::*;
use crate::model::Realm;
use crate::model::live::{Cause, Fact};
use crate::plan::Plan;

/// Two tokens on one connection and a third on another, each with something to do of every kind.
fn busy() -> World {
    let mut world = World::new();
    world.connection("fabrikam", "11111111-0c3e-4f7b-b8a4-2e9d5c7f1a36");
    for (token, connection) in [("school", "contoso"), ("office", "contoso"), ("depot", "fabrikam")] {
        world.token(token, connection, "prune: all\nscopeTags: [Default]\ndefaultProfiles: {ios: main}");
    }
    world.profile("main", "[school, office, depot]", "");
    world.profile("gone", "[school, office, depot]", "");
    let mut world = world.settled();
    world.remove("EnrollmentProfile", "gone");
    world.profile("fresh", "[school, office, depot]", "");
    for token in ["school", "office", "depot"] {
        world.edit(&format!("EnrollmentToken/{token}"), "ios: main", "ios: fresh");
        let serial = format!("C02{}01", token.to_uppercase());
        world.device(token, &serial, None);
        world.assignment(token, "fresh", &serial, &format!("token: {token}"));
    }
    world
}

fn steps_of(plan: &Plan, token: &str) -> Vec<String> {
    let token = name(token);
    plan.steps.iter().filter(|step| *step.address.domain() == token).map(|step| step.id.clone()).collect()
}

fn all_of(token: &str) -> Vec<String> {
    [
        "create EnrollmentProfile/fresh",
        "default EnrollmentProfile/fresh",
        "assign EnrollmentProfile/fresh",
        "delete EnrollmentProfile/gone",
    ]
    .iter()
    .map(|id| format!("{id}@{token}"))
    .collect()
}

#[test]
fn when_everything_is_known_everything_is_planned() {
    let plan = busy().plan();
    assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
    for token in ["school", "office", "depot"] {
        assert_eq!(steps_of(&plan, token), all_of(token));
    }
}

#[test]
fn unknown_tokens_block_their_connection_alone() {
    let mut world = busy();
    world.tenant().tokens = Fact::Unknown(unknown(Cause::Credentials));
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, &blocked.token, blocked.next.as_str()), (Cause::Credentials, &None, "wait"));
    assert!(blocked.reason.contains("it did not answer"));
    assert!(steps_of(&plan, "school").is_empty() && steps_of(&plan, "office").is_empty());
    assert_eq!(steps_of(&plan, "depot"), all_of("depot"));
}

#[test]
fn a_connection_that_was_not_read_is_told_and_nothing_is_planned_there() {
    let mut world = busy();
    world.live.tenants.remove(&Realm::Mdm(name("contoso")));
    let plan = world.plan();
    assert_eq!(blocked(&plan).connection, Realm::Mdm(name("contoso")));
    assert_eq!(plan.steps.len(), 4);
}

#[test]
fn unknown_profiles_block_their_token_alone() {
    let mut world = busy();
    world.tenant().profiles.insert(token_id("school"), Fact::Unknown(unknown(Cause::Throttled)));
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.token.as_ref()), (Cause::Throttled, Some(&name("school"))));
    assert!(steps_of(&plan, "school").is_empty());
    assert_eq!(steps_of(&plan, "office"), all_of("office"));
    assert_eq!(steps_of(&plan, "depot"), all_of("depot"));
}

#[test]
fn unknown_devices_block_their_token_alone() {
    let mut world = busy();
    world.tenant().devices.insert(token_id("school"), Fact::Unknown(unknown(Cause::Unavailable)));
    let plan = world.plan();
    assert_eq!(blocked(&plan).cause, Cause::Unavailable);
    assert!(steps_of(&plan, "school").is_empty());
    assert_eq!(steps_of(&plan, "office"), all_of("office"));
}

#[test]
fn lists_that_were_not_asked_for_are_unknown() {
    for list in ["profiles", "devices"] {
        let mut world = busy();
        match list {
            "profiles" => drop(world.tenant().profiles.remove(&token_id("school"))),
            _ => drop(world.tenant().devices.remove(&token_id("school"))),
        }
        let plan = world.plan();
        assert!(blocked(&plan).reason.contains(list));
        assert!(steps_of(&plan, "school").is_empty());
    }
}

#[test]
fn t5_unknown_scope_tags_block_the_token_object_and_nothing_else() {
    for tags in [None, Some(Fact::Unknown(unknown(Cause::Unavailable)))] {
        let mut world = busy();
        world.edit("EnrollmentToken/school", "[Default]", "[Default, Berlin]");
        world.tenant().scope_tags = tags;
        let plan = world.plan();
        assert!(plan.blocked.iter().all(|blocked| {
            blocked.cause == Cause::Unavailable && blocked.rule.as_deref() == Some("T-5")
        }));
        assert_eq!(plan.blocked.len(), 2, "both tokens of the connection name scope tags");
        assert_eq!(steps_of(&plan, "school"), all_of("school"));
    }
}

#[test]
fn p30_an_unknown_default_is_not_replaced_and_nothing_that_may_be_it_is_deleted() {
    let mut world = busy();
    world.edit_token("school", |token| token.default_ios = Fact::Unknown(unknown(Cause::Unavailable)));
    // A mirror never says whether it is the default, so the profiles do not answer either.
    world.edit_profile("main", "school", |profile| profile.is_default = None);
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.rule.as_deref()), (Cause::Unavailable, Some("P-30")));
    assert_eq!(
        steps_of(&plan, "school"),
        ["create EnrollmentProfile/fresh@school", "assign EnrollmentProfile/fresh@school"]
    );
    assert!(left(&plan, "gone").contains("not known whether it is the default"));
}

#[test]
fn p30_an_unknown_default_stops_state_absent_with_the_cause_of_not_knowing() {
    let mut world = busy();
    world.profile("gone", "[school]", "state: absent");
    world.remove("DeviceAssignment", "school").edit("EnrollmentToken/school", "{ios: fresh}", "{}");
    world.edit_token("school", |token| token.default_ios = Fact::Unknown(unknown(Cause::Throttled)));
    world.edit_profile("main", "school", |profile| profile.is_default = None);
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.address.as_ref()), (Cause::Throttled, Some(&at("gone", "school"))));
    assert!(!ids(&plan).contains(&"delete EnrollmentProfile/gone@school"));
}

#[test]
fn the_profiles_own_word_settles_a_default_that_the_token_does_not_tell() {
    let mut world = busy();
    world.edit_token("school", |token| token.default_ios = Fact::Unknown(unknown(Cause::Unavailable)));
    world.edit_profile("main", "school", |profile| profile.is_default = Some(true));
    let plan = world.plan();
    assert_eq!(steps_of(&plan, "school"), all_of("school"));
}

#[test]
fn a_refused_token_is_blocked_and_the_others_go_on() {
    use crate::diag::{Diagnostic, Place, Severity};
    let mut world = busy();
    let refusal =
        Diagnostic::by_row("P-14", Severity::Refuse, Place::default(), "no").for_tokens([name("school")]);
    world.findings.push(refusal);
    let plan = world.plan();
    assert_eq!((blocked(&plan).cause, &blocked(&plan).token), (Cause::Manifest, &Some(name("school"))));
    assert!(blocked(&plan).reason.contains("P-14"));
    assert!(steps_of(&plan, "school").is_empty());
    assert_eq!(steps_of(&plan, "office"), all_of("office"));
}

#[test]
fn a_lost_answer_blocks_its_object_within_the_horizon_and_no_longer() {
    let mut world = busy();
    world.ledger.unsettled.push(intent(at("fresh", "school"), "createProfile", ago(119)));
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.address.as_ref()), (Cause::LostAnswer, Some(&at("fresh", "school"))));
    assert!(blocked.next.contains("in 1 s"), "{}", blocked.next);
    assert_eq!(steps_of(&plan, "school"), ["delete EnrollmentProfile/gone@school"]);
    world.ledger.unsettled[0].since = ago(120);
    assert_eq!(steps_of(&world.plan(), "school"), all_of("school"));
}

#[test]
fn a_lost_answer_keeps_its_profile_from_being_deleted_under_another_address() {
    let mut world = busy();
    // The document was renamed, which leaves the old address with the object.
    world.profile("gone-too", "[school]", "displayName: gone");
    world.ledger.unsettled.push(intent(at("gone-too", "school"), "updateProfile", ago(10)));
    let plan = world.plan();
    assert!(!ids(&plan).contains(&"delete EnrollmentProfile/gone@school"));
    assert!(left(&plan, "gone").contains("blocked"));
}
