//! Gates: what they count, when they are exceeded, and that each covers exactly its steps.

use std::collections::BTreeMap;

use super::world::*;
use crate::model::desired::{Gates, Limit, LimitKind};
use crate::model::live::{Complete, EnrollmentState, Fact};
use crate::model::{Realm, Value};
use crate::plan::Plan;

fn limit(kind: LimitKind, percent: Option<u32>, count: Option<u64>) -> Gates {
    Gates { limits: BTreeMap::from([(kind, Limit { percent, count })]), ..nothing() }
}

fn nothing() -> Gates {
    Gates::unbounded()
}

fn plan_with(world: &World, gates: Gates) -> Plan {
    let mut desired = world.desired();
    desired.fleet.gates = gates;
    world.plan_of(&desired)
}

fn gates(plan: &Plan) -> Vec<&str> {
    plan.stops.iter().map(|stop| stop.gate.as_str()).collect()
}

/// `count` profiles on `school`, of which the first `drifted` have drifted in their department.
fn profiles(count: usize, drifted: usize) -> World {
    let mut world = World::new();
    let names: Vec<String> = (0..count).map(|at| format!("p{at:02}")).collect();
    for profile in &names {
        world.profile(profile, "[school]", "department: IT");
    }
    let mut world = world.settled();
    for profile in &names[..drifted] {
        world.set(profile, "school", "department", Value::text("drifted"));
    }
    world
}

#[test]
fn a_percentage_counts_from_ten_live_objects_up() {
    let twenty = || limit(LimitKind::Update, Some(20), None);
    for (count, drifted, is_stopped) in [(9, 9, false), (10, 2, false), (10, 3, true), (15, 3, false)] {
        let plan = plan_with(&profiles(count, drifted), twenty());
        assert_eq!(!plan.stops.is_empty(), is_stopped, "{drifted} of {count}");
        assert_eq!(plan.steps.len(), drifted, "a gate stops apply and never plan");
    }
}

#[test]
fn a_number_counts_at_any_size_and_covers_exactly_its_steps() {
    let mut world = profiles(3, 3);
    world.profile("new", "[school]", "");
    let plan = plan_with(&world, limit(LimitKind::Update, None, Some(2)));
    let [stop] = plan.stops.as_slice() else { panic!("{:?}", plan.stops) };
    assert_eq!(stop.gate, "limit/update/school");
    assert_eq!(stop.steps, ["p00", "p01", "p02"].map(|p| format!("update EnrollmentProfile/{p}@school")));
    assert!(stop.reason.contains("3 profiles, at most 2"), "{}", stop.reason);
    assert!(stop.next.contains("--override limit/update/school=DIGEST"), "{}", stop.next);
    assert!(plan_with(&world, limit(LimitKind::Update, None, Some(3))).stops.is_empty());
    assert_eq!(gates(&plan_with(&world, limit(LimitKind::Create, None, Some(0)))), ["limit/create/school"]);
    assert!(plan_with(&world, limit(LimitKind::Create, None, Some(1))).stops.is_empty());
}

#[test]
fn limits_hold_per_token() {
    let mut world = World::new();
    world.token("office", "contoso", "");
    world.profile("kiosk", "[school, office]", "department: IT");
    let mut world = world.settled();
    for token in ["school", "office"] {
        world.set("kiosk", token, "department", Value::None);
    }
    assert!(plan_with(&world, limit(LimitKind::Update, None, Some(1))).stops.is_empty());
    let plan = plan_with(&world, limit(LimitKind::Update, None, Some(0)));
    assert_eq!(gates(&plan), ["limit/update/office", "limit/update/school"]);
    assert!(plan.stops.iter().all(|stop| stop.steps.len() == 1));
}

#[test]
fn p28_a_template_change_counts_the_devices_that_feel_it() {
    let mut world = profiles(1, 0);
    world.set("p00", "school", "deviceNameTemplate", Value::text("old"));
    world.profile("p00", "[school]", "department: IT\ndeviceNameTemplate: new");
    world.devices("school", "C02", 20, Some(&profile_id("p00", "school")));
    world.edit_devices("school", |all| {
        all.iter_mut().take(5).for_each(|device| device.state = EnrollmentState::Enrolled);
    });
    let of = |percent, count| plan_with(&world, limit(LimitKind::Update, percent, count)).stops;
    assert!(of(None, Some(5)).is_empty());
    assert!(of(None, Some(4))[0].reason.contains("5 devices, at most 4"));
    assert!(of(Some(25), None).is_empty());
    assert!(of(Some(24), None)[0].reason.contains("5 of 20 devices"));
}

#[test]
fn first_and_further_assignments_are_counted_apart() {
    let mut world = World::new();
    world.profile("main", "[school]", "").profile("kiosk", "[school]", "");
    let mut world = world.settled();
    world.device("school", "C02A0001", None).device(
        "school",
        "C02B0001",
        Some(profile_id("kiosk", "school")),
    );
    world.device("school", "C02C0001", Some(profile_id("kiosk", "school")));
    world.assignment("carts", "main", "C02A0001, C02B0001, C02C0001", "");
    for (kind, count) in [(LimitKind::Assign, 1), (LimitKind::Reassign, 2)] {
        assert!(plan_with(&world, limit(kind, None, Some(count))).stops.is_empty());
        let plan = plan_with(&world, limit(kind, None, Some(count - 1)));
        assert_eq!(plan.stops[0].steps, ["assign EnrollmentProfile/main@school"]);
    }
}

#[test]
fn deletions_of_the_last_day_count_with_those_of_the_plan() {
    let mut world = profiles(2, 0);
    world.remove("EnrollmentProfile", "p00").token("school", "contoso", "prune: created");
    let two = || limit(LimitKind::Delete, None, Some(2));
    assert!(plan_with(&world, two()).stops.is_empty());
    world.ledger.destroyed = vec![
        (ago(60), name("school"), LimitKind::Delete, 1),
        (ago(60), name("office"), LimitKind::Delete, 9),
        (ago(60), name("school"), LimitKind::Update, 9),
    ];
    assert!(plan_with(&world, two()).stops.is_empty());
    world.ledger.destroyed.push((ago(90), name("school"), LimitKind::Delete, 1));
    let plan = plan_with(&world, two());
    assert_eq!(plan.stops[0].steps, ["delete EnrollmentProfile/p00@school"]);
    assert!(plan.stops[0].reason.contains("2 of them already deleted"), "{}", plan.stops[0].reason);
}

#[test]
fn a_protected_token_is_only_touched_by_safe_steps() {
    let mut world = profiles(3, 1);
    world.disown(&at("p00", "school"));
    world.remove("EnrollmentProfile", "p02").token("school", "contoso", "prune: created");
    world.set("p01", "school", "department", Value::None);
    let plan = plan_with(&world, Gates { protected_tokens: vec![name("school")], ..nothing() });
    assert_eq!(gates(&plan), ["protected/token/school"]);
    assert_eq!(
        plan.stops[0].steps,
        ["adopt EnrollmentProfile/p00@school", "delete EnrollmentProfile/p02@school"]
    );
    let elsewhere = Gates { protected_tokens: vec![name("office")], ..nothing() };
    assert!(plan_with(&world, elsewhere).stops.is_empty());
}

#[test]
fn a_token_keeps_its_protection_and_its_count_when_its_document_is_renamed() {
    let mut world = profiles(2, 0);
    world.remove("EnrollmentProfile", "p00").remove("EnrollmentProfile", "p01");
    world.remove("EnrollmentToken", "school");
    world.token("renamed", "contoso", "displayName: school\nprune: created");
    world.ledger.destroyed = vec![(ago(60), name("school"), LimitKind::Delete, 1)];
    world.ledger.gates = Some(Gates { protected_tokens: vec![name("school")], ..nothing() });
    let steps = ["delete EnrollmentProfile/p00@school", "delete EnrollmentProfile/p01@school"];
    let plan = plan_with(&world, limit(LimitKind::Delete, None, Some(2)));
    assert_eq!(gates(&plan), ["limit/delete/renamed", "protected/token/renamed"]);
    assert_eq!(plan.stops[0].steps, steps);
    assert_eq!(plan.stops[1].steps, steps);
}

#[test]
fn a_protected_serial_stops_what_it_would_feel_and_nothing_else() {
    let mut world = profiles(2, 0);
    for profile in ["p00", "p01"] {
        world.set(profile, "school", "deviceNameTemplate", Value::text("old"));
        world.profile(profile, "[school]", "department: IT\ndeviceNameTemplate: new");
    }
    world.device("school", "C02A0001", Some(profile_id("p00", "school")));
    world.device("school", "C02B0001", Some(profile_id("p01", "school")));
    let enroll = |device: &mut Device| device.state = EnrollmentState::Enrolled;
    world.edit_device("school", "C02A0001", enroll).edit_device("school", "C02B0001", enroll);
    let protect = || Gates { protected_serials: vec![serial("C02A0001"), serial("C02Z0001")], ..nothing() };
    let plan = plan_with(&world, protect());
    assert_eq!(gates(&plan), ["protected/serial/C02A0001"]);
    assert_eq!(plan.stops[0].steps, ["update EnrollmentProfile/p00@school"]);
    // Not enrolled, it feels nothing; another field is not felt before a reset.
    world.edit_device("school", "C02A0001", |device| device.state = EnrollmentState::NotContacted);
    assert!(plan_with(&world, protect()).stops.is_empty());
    world.edit_device("school", "C02A0001", enroll);
    world.profile("p00", "[school]", "department: HR\ndeviceNameTemplate: old");
    assert!(plan_with(&world, protect()).stops.is_empty());
}

#[test]
fn the_stricter_of_both_records_holds_and_no_commit_disarms_its_own_gates() {
    let world = |applied: Option<Gates>| {
        let mut world = profiles(2, 2);
        world.ledger.gates = applied;
        world
    };
    let loose = || limit(LimitKind::Update, Some(100), Some(50));
    let strict = || limit(LimitKind::Update, None, Some(1));
    assert!(plan_with(&world(None), loose()).stops.is_empty());
    assert_eq!(gates(&plan_with(&world(Some(strict())), loose())), ["limit/update/school"]);
    assert_eq!(gates(&plan_with(&world(Some(loose())), strict())), ["limit/update/school"]);
    assert_eq!(gates(&plan_with(&world(Some(strict())), nothing())), ["limit/update/school"]);
    let mut world = world(Some(Gates { protected_tokens: vec![name("school")], ..nothing() }));
    world.disown(&at("p00", "school"));
    assert_eq!(gates(&plan_with(&world, nothing())), ["protected/token/school"]);
}

#[test]
fn without_a_ledger_only_safe_steps_go() {
    let mut world = profiles(2, 1);
    world.ledger = crate::ledger::LedgerView::none();
    world.profile("new", "[school]", "").profile("p01", "[school]", "state: absent");
    let plan = plan_with(&world, nothing());
    assert_eq!(plan.ledger, None);
    assert_eq!(gates(&plan), ["no-ledger"]);
    assert_eq!(
        plan.stops[0].steps,
        ["adopt EnrollmentProfile/p00@school", "delete EnrollmentProfile/p01@school"]
    );
}

#[test]
fn the_defaults_are_those_of_the_manifest_page() {
    let limits = Gates::default().limits;
    let of = |kind| limits.get(&kind).map(|limit| (limit.percent, limit.count));
    assert_eq!(of(LimitKind::Update), Some((Some(20), Some(50))));
    assert_eq!(of(LimitKind::Delete), Some((Some(10), Some(5))));
    assert_eq!(of(LimitKind::Reassign), Some((Some(10), Some(200))));
    assert_eq!((of(LimitKind::Create), of(LimitKind::Assign)), (None, None));
}

#[test]
fn a_change_of_the_token_itself_counts_as_an_update() {
    let mut world = profiles(2, 2);
    world.edit_token("school", |token| token.name = "Schule".to_owned());
    assert!(plan_with(&world, limit(LimitKind::Update, None, Some(3))).stops.is_empty());
    let plan = plan_with(&world, limit(LimitKind::Update, None, Some(2)));
    assert_eq!(plan.stops[0].steps.len(), 3);
    assert!(plan.stops[0].steps.contains(&"update EnrollmentToken/school".to_owned()));
    assert!(plan.stops[0].reason.contains("3 objects, at most 2"), "{}", plan.stops[0].reason);
}

/// A drifted profile on two tokens of one tenant and on one of another; `policy` is contoso's.
fn tenants(policy: &str) -> World {
    let mut world = World::new();
    world.connection("globex", OTHER_TENANT);
    world.token("office", "contoso", "").token("annex", "globex", "");
    world.profile("kiosk", "{matchLabels: {}}", "department: IT");
    let mut world = world.settled();
    for tenant in world.live.tenants.values_mut() {
        for profiles in tenant.profiles.values_mut() {
            let mut all: Vec<_> = profiles.known().unwrap().iter().cloned().collect();
            all.iter_mut().for_each(|live| drop(live.fields.insert("department".into(), Value::None)));
            *profiles = Fact::Known(Complete::after_last_page(all));
        }
    }
    let document = world.documents.get_mut("Connection/contoso").unwrap();
    *document += &format!("  policy: {{{policy}}}\n");
    world
}

const OTHER_TENANT: &str = "22222222-0c3e-4f7b-b8a4-2e9d5c7f1a36";

#[test]
fn a_policy_narrows_the_fleet_for_its_tenant_figure_by_figure() {
    let world = tenants("limits: {update: {count: 0}}");
    let plan = plan_with(&world, limit(LimitKind::Update, None, Some(5)));
    assert_eq!(gates(&plan), ["limit/update/office", "limit/update/school"]);
    let stop = &plan.stops[0];
    assert!(stop.reason.contains("by Connection/contoso policy.limits"), "{}", stop.reason);
    assert!(stop.next.contains("Connection/contoso policy.limits.update"), "{}", stop.next);
    // The Fleet's figure is the stricter one, or the policy has another.
    let plan = plan_with(&tenants("limits: {update: {count: 3}}"), limit(LimitKind::Update, None, Some(0)));
    assert_eq!(plan.stops.len(), 3);
    assert!(plan.stops.iter().all(|stop| stop.reason.contains("by Fleet.limits")), "{:#?}", plan.stops);
    let plan = plan_with(&tenants("limits: {update: {percent: 1}}"), limit(LimitKind::Update, None, Some(0)));
    assert!(plan.stops[1].reason.contains("by Fleet.limits"), "{:#?}", plan.stops);
    assert!(plan_with(&tenants("limits: {create: {count: 0}}"), nothing()).stops.is_empty());
}

#[test]
fn what_a_policy_protects_adds_up_with_the_fleet() {
    let mut world = tenants("protected: {tokens: [school], serials: [C02A0001]}");
    for token in ["school", "office", "annex"] {
        world.ledger.owned.remove(&at("kiosk", token));
    }
    let plan = plan_with(&world, Gates { protected_tokens: vec![name("annex")], ..nothing() });
    assert_eq!(gates(&plan), ["protected/token/annex", "protected/token/school"]);
    assert!(plan.stops[0].reason.contains("by Fleet.protected.tokens"), "{}", plan.stops[0].reason);
    assert!(plan.stops[1].reason.contains("by Connection/contoso policy.protected.tokens"));
    // A serial: only on tokens of the tenant that protects it.
    let enroll = |device: &mut Device| device.state = EnrollmentState::Enrolled;
    for token in ["office", "annex"] {
        world.device(token, "C02A0001", Some(profile_id("kiosk", token)));
        world.edit_device(token, "C02A0001", enroll);
    }
    world.profile("kiosk", "{matchLabels: {}}", "department: IT\ndeviceNameTemplate: new");
    let plan = plan_with(&world, nothing());
    assert_eq!(gates(&plan), ["protected/serial/C02A0001", "protected/token/school"]);
    assert_eq!(plan.stops[0].steps, ["adopt EnrollmentProfile/kiosk@office"]);
}

#[test]
fn no_commit_disarms_the_policy_that_was_applied() {
    use crate::model::policy::Policy;
    let policy = || Policy {
        connection: name("contoso"),
        tenant: TENANT.to_owned(),
        gates: limit(LimitKind::Update, None, Some(0)),
    };
    let stops = |world: &World| {
        let mut world = world.clone();
        world.ledger.gates = Some(nothing());
        world.ledger.policies = vec![policy()];
        let plan = plan_with(&world, nothing());
        assert!(plan.stops.iter().all(|stop| stop.reason.contains("as last applied in full")));
        gates(&plan).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let here = ["limit/update/office", "limit/update/school"];
    let mut world = tenants("");
    assert_eq!(stops(&world), here);
    assert_eq!(stops(&tenants("limits: {update: {count: 9}}")), here);
    // Nor does a new name of the connection, nor another spelling of its tenant, or both.
    for (connection, tenant) in [("renamed", TENANT), ("contoso", "contoso.com"), ("renamed", "contoso.com")]
    {
        world = tenants("");
        world.remove("Connection", "contoso").connection(connection, tenant);
        for token in ["school", "office"] {
            world.token(token, connection, "");
        }
        let mut live = world.live.tenants.remove(&Realm::Mdm(name("contoso"))).unwrap();
        live.tenant_id = tenant.to_owned();
        world.live.tenants.insert(Realm::Mdm(name(connection)), live);
        assert_eq!(stops(&world), here, "{connection} {tenant}");
    }
}
