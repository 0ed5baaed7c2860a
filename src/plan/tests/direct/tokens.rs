//! The token itself: which server it leads to, and what stops it.

use super::world::*;
use crate::ledger::Server;
use crate::model::live::{Cause, Fact, Unknown};
use crate::plan::tests::world::{ago, at, blocked, ids, name, unknown};

#[test]
fn the_server_may_have_any_name_and_the_token_is_taken_over() {
    let mut world = World::new();
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
    assert_eq!(plan.adopted.len(), 1);
    world.apply(&plan);
    assert!(world.plan().adopted.is_empty());
    assert_eq!(plan.tenants.values().next().unwrap(), "SERVER-SCHOOL");
}

#[test]
fn t2_an_id_says_which_server_it_shall_be() {
    let mut world = World::new();
    world.document("school").identity.id = Some("7F3E-11".to_owned());
    let one = blocked(&world.plan()).clone();
    assert!(one.rule.as_deref() == Some("T-2") && one.reason.contains("7F3E-11"), "{one:?}");
    let server = Server {
        token_id: id_of("school"),
        server: "7f3e11".to_owned(),
        name: None,
        org: None,
        apple_id: None,
        credentials: String::new(),
    };
    world.ledger.servers.insert(name("school"), server);
    assert!(world.plan().blocked.is_empty(), "with or without dashes");
}

#[test]
fn two_documents_of_one_server_block_both() {
    let mut world = World::new();
    world.token("office");
    let mut live = world.live();
    let one = live.tenants.values().next().unwrap().clone();
    live.tenants.values_mut().for_each(|tenant| *tenant = one.clone());
    let plan = world.plan_over(&live);
    assert_eq!((plan.blocked.len(), plan.adopted.len()), (2, 0));
}

#[test]
fn t6_an_expired_token_stops_everything_on_it_and_nothing_beside() {
    let mut world = World::new();
    world.token("office").profile("pupils", &["office", "school"], &[]);
    world.server("school").expires = Some(ago(60));
    let plan = world.plan();
    let one = blocked(&plan);
    assert_eq!((one.cause, one.rule.as_deref()), (Cause::Credentials, Some("T-6")));
    assert_eq!((one.token.as_ref(), &one.address), (Some(&name("school")), &None));
    assert!(one.next.contains("token renew school"));
    assert_eq!(ids(&plan), ["define EnrollmentProfile/pupils@office"]);
}

#[test]
fn t8_where_apple_says_why_it_refuses_the_token_its_reason_goes_before_the_end_of_its_file() {
    let mut world = World::new();
    world.server("school").expires = Some(ago(60));
    assert!(blocked(&world.plan()).reason.contains("[token-expired]"));
    let mut live = world.live();
    let tenant = live.tenants.values_mut().next().unwrap();
    // By a clock that is a year ahead a good token looks expired; to renew it would end it.
    let skewed = Unknown {
        cause: Cause::Credentials,
        reason: "the clocks differ [clock-skew]".to_owned(),
        next: "set the clock".to_owned(),
    };
    tenant.devices.insert(id_of("school"), Fact::Unknown(skewed.clone()));
    tenant.profiles.insert(id_of("school"), Fact::Unknown(skewed));
    let plan = world.plan_over(&live);
    let one = blocked(&plan);
    assert!(one.reason.contains("[clock-skew]"), "{one:?}");
    assert_eq!(one.next, "set the clock");
}

#[test]
fn what_is_not_known_leads_to_nothing() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).ipad("school", "DLX1", None).default_ipad("school", "pupils");
    for what in 0..4 {
        let mut live = world.live();
        let tenant = live.tenants.values_mut().next().unwrap();
        match what {
            0 => tenant.tokens = Fact::Unknown(unknown(Cause::Credentials)),
            1 => drop(tenant.profiles.insert(id_of("school"), Fact::Unknown(unknown(Cause::Unavailable)))),
            2 => drop(tenant.devices.insert(id_of("school"), Fact::Unknown(unknown(Cause::Throttled)))),
            _ => live.tenants.clear(),
        }
        let plan = world.plan_over(&live);
        assert!(plan.steps.is_empty() && plan.adopted.is_empty() && plan.bookkeeping.is_empty());
        let one = blocked(&plan);
        assert_eq!(one.token.as_ref(), Some(&name("school")), "{one:?}");
    }
}

#[test]
fn a_token_and_its_profiles_are_planned_again_under_another_name_of_its_document() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).ipad("school", "DLX1", None).default_ipad("school", "pupils");
    let mut world = world.settled();
    let object = world.object("pupils", "school");
    let document = world.desired.tokens.remove(&name("school")).unwrap();
    let server = world.servers.remove(&name("school")).unwrap();
    world.token("campus").profile("pupils", &["campus"], &[]);
    world.document("campus").defaults = document.defaults;
    world.servers.insert(name("campus"), server);
    // The server is the same, and with it the token's id.
    let mut live = world.live();
    let tenant = live.tenants.values_mut().next().unwrap();
    let (old, new) = (id_of("school"), id_of("campus"));
    let tokens: Vec<_> = tenant.tokens.known().unwrap().iter().cloned().collect();
    let mut token = tokens[0].clone();
    token.id = old.clone();
    tenant.tokens = Fact::Known(crate::model::live::Complete::after_last_page(vec![token]));
    let (profiles, devices) = (tenant.profiles.remove(&new).unwrap(), tenant.devices.remove(&new).unwrap());
    tenant.profiles.insert(old.clone(), profiles);
    tenant.devices.insert(old, devices);
    let plan = world.plan_over(&live);
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    let resumed = plan.bookkeeping.iter().any(|entry| {
        matches!(entry, crate::plan::Bookkeeping::Resumed { address, object: one, .. }
            if *address == at("pupils", "campus") && *one == object)
    });
    assert!(resumed, "{:?}", plan.bookkeeping);
}
