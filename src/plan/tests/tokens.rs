//! Tokens: missing, claimed twice, renamed, tagged (T-1, T-5), and gone (T-9).

use super::world::*;
use crate::model::Platform;
use crate::model::ProfileId;
use crate::model::live::{Cause, Fact, ProfileKind};
use crate::model::{Address, Realm};
use crate::plan::{Action, Bookkeeping, Class};

fn school() -> Address {
    Address::token(&name("school"))
}

#[test]
fn t1_a_token_that_the_tenant_lacks_blocks_with_the_way_through_the_portal() {
    let mut world = World::new().settled();
    world.edit_tokens(Vec::clear);
    let plan = world.plan();
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.rule.as_deref()), (Cause::Credentials, Some("T-1")));
    assert!(blocked.next.contains("portal"), "{}", blocked.next);
    assert!(plan.steps.is_empty());
}

#[test]
fn two_live_tokens_of_one_name_block_with_both_ids() {
    let mut world = World::new().settled();
    world.disown(&school());
    world.edit_tokens(|all| {
        let mut twin = all[0].clone();
        twin.id = token_id("twin");
        all.push(twin);
    });
    let plan = world.plan();
    assert!(blocked(&plan).reason.contains(&guid("school")) && blocked(&plan).reason.contains(&guid("twin")));
}

#[test]
fn two_documents_of_one_live_token_both_block() {
    let mut world = World::new();
    world.profile("kiosk", "{matchLabels: {}}", "");
    let mut world = world.settled();
    world.disown(&school());
    world.token("annex", "contoso", "displayName: Annex\nformerly: [school]");
    let plan = world.plan();
    let tokens: Vec<_> = plan.blocked.iter().filter_map(|blocked| blocked.token.clone()).collect();
    assert_eq!(tokens, [name("annex"), name("school")]);
    assert!(plan.steps.is_empty());
    // The ledger's id is certain, a former name is not.
    let mut world = World::new().settled();
    world.token("annex", "contoso", "displayName: Annex\nformerly: [school]");
    assert_eq!(blocked(&world.plan()).token, Some(name("annex")));
}

#[test]
fn two_documents_of_one_live_token_block_through_two_connections_too() {
    // One tenant, once by its id and once by its domain.
    let mut world = World::new();
    world.profile("kiosk", "{matchLabels: {}}", "");
    let mut world = world.settled();
    world.disown(&school()).disown(&at("kiosk", "school"));
    world.connection("again", "contoso.onmicrosoft.com").token("twin", "again", "displayName: school");
    let mut tenant = world.tenant().clone();
    tenant.tenant_id = "contoso.onmicrosoft.com".to_owned();
    world.live.tenants.insert(Realm::Mdm(name("again")), tenant);
    let plan = world.plan();
    let tokens: Vec<_> = plan.blocked.iter().filter_map(|blocked| blocked.token.clone()).collect();
    assert_eq!(tokens, [name("twin"), name("school")]);
    assert!(plan.steps.is_empty() && plan.adopted.is_empty());
}

#[test]
fn a_token_of_ours_that_is_renamed_outside_is_renamed_back() {
    let mut world = World::new().settled();
    world.edit_token("school", |token| token.name = "Schule".to_owned());
    let plan = world.plan();
    assert_eq!(lines(&plan), "update EnrollmentToken/school: Differs, safe\n");
}

#[test]
fn a_token_by_a_former_name_is_taken_over_by_a_disruptive_step() {
    let mut world = World::new().settled();
    world.disown(&school());
    world.token("school", "contoso", "displayName: New\nformerly: [school]");
    assert_eq!(lines(&world.plan()), "update EnrollmentToken/school: Adopted, disruptive\n");
    // An id of another token in the ledger makes this one no less foreign.
    let mut world = World::new().settled();
    world.owned(&school()).token_id = token_id("an earlier one");
    world.token("school", "contoso", "displayName: New\nformerly: [school]");
    assert_eq!(lines(&world.plan()), "update EnrollmentToken/school: Adopted, disruptive\n");
}

#[test]
fn an_equal_token_is_adopted_without_a_step() {
    let mut world = World::new().settled();
    world.disown(&school());
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(plan.adopted[0].address, school());
}

#[test]
fn a_token_by_id_without_a_wished_name_keeps_its_name() {
    let mut world = World::new().settled();
    world.edit_token("school", |token| token.name = "Whatever".to_owned());
    world.token("school", "contoso", &format!("id: {}", guid("school").to_uppercase()));
    assert!(world.plan().steps.is_empty());
    world.token("school", "contoso", &format!("id: {}\ndisplayName: Wished", guid("school")));
    assert_eq!(ids(&world.plan()), ["update EnrollmentToken/school"]);
}

#[test]
fn t5_scope_tags_are_an_exact_list_by_name_and_the_inheritance_is_told() {
    let mut world = World::new().settled();
    world.token("school", "contoso", "scopeTags: [Berlin]");
    let plan = world.plan();
    let step = step(&plan, "update EnrollmentToken/school");
    let Action::UpdateToken { changes, scope_tag_ids } = &step.action else { panic!("{step:?}") };
    assert_eq!(scope_tag_ids.as_deref(), Some(&["7".to_owned()][..]));
    assert_eq!(format!("{} -> {}", changes[0].before, changes[0].after), "[\"Default\"] -> [\"Berlin\"]");
    assert!(step.notes.iter().any(|note| note.rule == "T-5"));
    world.edit_token("school", |token| token.scope_tag_ids = vec!["7".to_owned()]);
    assert!(world.plan().steps.is_empty());
    // Missing is nobody's business.
    world.token("school", "contoso", "");
    assert!(world.plan().steps.is_empty());
}

#[test]
fn t5_a_scope_tag_that_is_not_there_or_there_twice_blocks_the_token_object() {
    let mut world = World::new().settled();
    world.token("school", "contoso", "scopeTags: [Hamburg]");
    let plan = world.plan();
    assert_eq!((blocked(&plan).cause, blocked(&plan).address.clone()), (Cause::Manifest, Some(school())));
    assert!(blocked(&plan).reason.contains("Hamburg"));
    assert!(plan.steps.is_empty());
}

#[test]
fn a_connection_without_a_token_document_is_not_spoken_of() {
    let mut world = World::new();
    world.connection("unused", "11111111-0c3e-4f7b-b8a4-2e9d5c7f1a36");
    let plan = world.settled().plan();
    assert_eq!(plan.tenants.len(), 1);
}

// --- T-9 ---

/// A token to be deleted, with one profile that goes too.
fn to_be_deleted() -> World {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "");
    let mut world = world.settled();
    world.token("school", "contoso", "state: absent\nprune: created");
    world.remove("EnrollmentProfile", "kiosk");
    world
}

#[test]
fn t9_the_token_goes_last_after_its_profiles() {
    insta::assert_snapshot!(lines(&to_be_deleted().plan()), @r"
    delete EnrollmentProfile/kiosk@school: Pruned, destructive, proves
    delete EnrollmentToken/school: StateAbsent, destructive, after delete EnrollmentProfile/kiosk@school
    ");
    let mut world = to_be_deleted();
    world.profile("kiosk", "[school]", "state: absent");
    insta::assert_snapshot!(lines(&world.plan()), @r"
    delete EnrollmentProfile/kiosk@school: StateAbsent, destructive, proves
    delete EnrollmentToken/school: StateAbsent, destructive, after delete EnrollmentProfile/kiosk@school
    ");
}

#[test]
fn t9_each_thing_that_remains_under_it_blocks_the_token() {
    type Obstacle = fn(&mut World);
    let obstacles: [(&str, Obstacle); 6] = [
        ("1 device ", |world| {
            world.device("school", "C02A0001", None);
        }),
        ("a default profile", |world| {
            world.edit_token("school", |token| {
                token.default_ios = Fact::Known(Some(ProfileId("x".to_owned())))
            });
        }),
        ("1 enrollment profile ", |world| {
            world.edit_profiles("school", |all| all.push(stranger("school", "theirs")));
        }),
        ("1 enrollment profile ", |world| {
            world.edit_profiles("school", |all| {
                let mut mac = stranger("school", "mac");
                mac.kind = ProfileKind::Classic(Platform::Macos);
                all.push(mac);
            });
        }),
        ("1 enrollment profile ", |world| {
            world.token("school", "contoso", "state: absent\nprune: never");
        }),
        ("1 enrollment profile ", |world| {
            world.profile("kiosk", "[school]", "");
        }),
    ];
    for (what, put) in obstacles {
        let mut world = to_be_deleted();
        put(&mut world);
        let plan = world.plan();
        let blocked = plan.blocked.iter().find(|one| one.address == Some(school())).unwrap();
        assert_eq!((blocked.cause, blocked.rule.as_deref()), (Cause::Manifest, Some("T-9")), "{what}");
        assert!(blocked.reason.contains(what), "{} does not tell {what}", blocked.reason);
        assert!(!ids(&plan).contains(&"delete EnrollmentToken/school"));
    }
}

#[test]
fn t9_an_unknown_default_is_an_obstacle_with_its_own_cause() {
    let mut world = to_be_deleted();
    world.edit_token("school", |token| {
        token.default_ios = Fact::Unknown(unknown(Cause::Unavailable));
    });
    world.edit_profile("kiosk", "school", |profile| profile.is_default = None);
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!((blocked(&plan).cause, blocked(&plan).rule.as_deref()), (Cause::Unavailable, Some("T-9")));
}

#[test]
fn t9_a_profile_that_devices_have_is_an_obstacle_of_its_own() {
    let mut world = to_be_deleted();
    world.profile("kiosk", "[school]", "state: absent");
    world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    let rules: Vec<_> = plan.blocked.iter().map(|one| one.rule.as_deref()).collect();
    assert_eq!(rules, [Some("T-9"), Some("T-9")], "the profile and the token");
}

#[test]
fn a_token_that_is_to_be_gone_and_is_gone_is_as_wished() {
    let mut world = to_be_deleted();
    world.edit_tokens(Vec::clear);
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty(), "{plan:#?}");
    assert!(
        plan.bookkeeping
            .iter()
            .any(|one| matches!(one, Bookkeeping::Gone { address, .. } if *address == school()))
    );
    world.token("school", "contoso", &format!("state: absent\nid: {}", guid("school")));
    assert!(world.plan().blocked.is_empty());
}

#[test]
fn under_a_token_to_be_deleted_nothing_is_made_and_nobody_waits() {
    let mut world = to_be_deleted();
    world.profile("fresh", "[school]", "");
    world.assignment("carts", "fresh", "C02A0001", "");
    let plan = world.plan();
    assert!(plan.waiting.is_empty(), "{:#?}", plan.waiting);
    assert!(plan.steps.iter().all(|step| step.class == Class::Destructive), "{:?}", ids(&plan));
}

#[test]
fn a_removed_token_document_deletes_nothing() {
    let mut world = World::new();
    world.token("office", "contoso", "");
    world.profile("kiosk", "[school]", "");
    let mut world = world.settled();
    world.remove("EnrollmentToken", "school").remove("EnrollmentProfile", "kiosk");
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
}
