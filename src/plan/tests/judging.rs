//! Rules over what is live: what stops a token, what only warns, what stands already.

use super::world::*;
use crate::diag::Severity;
use crate::model::live::{Cause, Complete, Fact, PushCertificate, VppToken};
use crate::model::{Address, Value};
use crate::plan::{Grandfathered, Plan};

fn school() -> Address {
    Address::token(&name("school"))
}

/// Code, severity and message of the findings.
fn told(plan: &Plan) -> Vec<(&'static str, Severity, &str)> {
    plan.findings.iter().map(|one| (one.code, one.severity, one.message.as_str())).collect()
}

fn codes(plan: &Plan) -> Vec<&'static str> {
    plan.findings.iter().map(|one| one.code).collect()
}

/// `C02A0001` waits for a sync.
fn with_a_serial_that_waits() -> World {
    let mut world = World::new();
    world.profile("main", "[school]", "");
    let mut world = world.settled();
    world.assignment("carts", "main", "C02A0001", "");
    world
}

// --- tokens ---

#[test]
fn t4_a_token_of_another_apple_id_warns() {
    let mut world = World::new();
    world.token("school", "contoso", "appleId: ade@contoso.com");
    let mut world = world.settled();
    world.edit_token("school", |token| token.apple_id = Some("boss@contoso.com".to_owned()));
    let plan = world.plan();
    assert_eq!(codes(&plan), ["T-4"]);
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
}

#[test]
fn t6_a_token_near_its_end_warns_by_the_fleets_horizon() {
    let mut world = World::new().settled();
    world.edit_token("school", |token| token.expires = Some(ago(-20 * 86_400)));
    assert_eq!(codes(&world.plan()), ["T-6"]);
    world.edit("fleet", "spec:\n", "spec:\n  expiryWarning: 10d\n");
    assert_eq!(codes(&world.plan()), Vec::<&str>::new());
}

#[test]
fn t6_an_expired_token_is_an_error_and_only_its_sync_is_stopped() {
    let mut world = with_a_serial_that_waits();
    world.profile("fresh", "[school]", "");
    assert_eq!(
        ids(&world.plan()),
        [
            "create EnrollmentProfile/fresh@school",
            "sync EnrollmentToken/school",
            "assign-after-sync EnrollmentProfile/main@school"
        ]
    );
    world.edit_token("school", |token| token.expires = Some(ago(60)));
    let plan = world.plan();
    assert_eq!(ids(&plan), ["create EnrollmentProfile/fresh@school"]);
    let blocked = blocked(&plan);
    assert_eq!((blocked.cause, blocked.rule.as_deref()), (Cause::Credentials, Some("T-6")));
    assert_eq!(blocked.address, Some(school()));
    assert!(plan.waiting[0].reason.contains("has expired"), "{:?}", plan.waiting);
}

#[test]
fn t11_a_token_that_came_back_is_told_as_such() {
    let mut world = World::new().settled();
    world.token("school", "contoso", "state: absent");
    world.ledger.tokens_deleted.insert(name("school"), ago(40 * 86_400));
    let plan = world.plan();
    assert_eq!(codes(&plan), ["T-11"]);
    assert!(told(&plan)[0].2.contains("2026-10-12"), "{:?}", told(&plan));
    world.ledger.tokens_deleted.clear();
    assert_eq!(codes(&world.plan()), Vec::<&str>::new());
}

#[test]
fn t12_a_push_certificate_that_ends_is_a_finding_of_its_connection() {
    let mut world = World::new().settled();
    let push = |expires| PushCertificate { apple_id: None, topic: None, expires };
    world.tenant().push_certificate = Some(Fact::Known(Some(push(Some(ago(-86_400))))));
    let plan = world.plan();
    assert_eq!(codes(&plan), ["T-12"]);
    assert_eq!(&*plan.findings[0].place.file, "Connection-contoso.yaml");
    world.tenant().push_certificate = Some(Fact::Known(None));
    let plan = world.plan();
    assert!(told(&plan)[0].2.contains("has no Apple MDM push certificate"), "{:?}", told(&plan));
}

#[test]
fn t12_a_push_certificate_that_cannot_be_read_blocks_nothing_and_is_told_once() {
    let mut world = World::new().settled();
    world.tenant().push_certificate = Some(Fact::Unknown(unknown(Cause::Credentials)));
    let plan = world.plan();
    assert!(plan.blocked.is_empty() && plan.steps.is_empty(), "{plan:?}");
    assert_eq!(codes(&plan), ["T-12"]);
    assert_eq!(plan.findings[0].severity, Severity::Warn);
    assert!(told(&plan)[0].2.contains("is not known"), "{:?}", told(&plan));
    // Nothing at all can be read: that is said once, of the connection.
    world.tenant().tokens = Fact::Unknown(unknown(Cause::Unavailable));
    assert_eq!(codes(&world.plan()), Vec::<&str>::new());
}

// --- VPP tokens ---

fn vpp(display_name: &str, expires: Option<i64>, updates_apps: bool) -> VppToken {
    VppToken {
        id: guid(display_name),
        name: display_name.to_owned(),
        expires: expires.map(|seconds| ago(-seconds)),
        state: "valid".to_owned(),
        updates_apps: Some(updates_apps),
        apple_id: None,
    }
}

/// A profile that installs Company Portal with the VPP token `Apps`.
fn with_vpp(tokens: Vec<VppToken>) -> World {
    let mut world = World::new();
    world.document(
        "EnrollmentProfile",
        "staff",
        "tokens: [school]\nplatform: ios\nuserAffinity: user\nauthentication: companyPortal\ncompanyPortal: {vppToken: Apps}",
    );
    let mut world = world.settled();
    world.tenant().vpp_tokens = Some(Fact::Known(Complete::after_last_page(tokens)));
    world
}

#[test]
fn p4_an_expired_vpp_token_warns_where_it_stands_and_is_refused_anew() {
    let mut world = with_vpp(vec![vpp("Apps", Some(-60), true)]);
    let plan = world.plan();
    assert_eq!(codes(&plan), ["P-4"]);
    assert!(plan.blocked.is_empty() && plan.steps.is_empty());
    world.set("staff", "school", "companyPortal.vppToken", Value::None);
    let plan = world.plan();
    assert_eq!((blocked(&plan).rule.as_deref(), plan.steps.len()), (Some("P-4"), 0));
    world.delete("staff", "school");
    assert_eq!(blocked(&world.plan()).rule.as_deref(), Some("P-4"));
}

#[test]
fn p4_a_vpp_token_near_its_end_warns_once_for_all_tokens() {
    let mut world = World::new();
    world.token("office", "contoso", "");
    world.document(
        "EnrollmentProfile",
        "staff",
        "tokens: [school, office]\nplatform: ios\nuserAffinity: user\nauthentication: companyPortal\ncompanyPortal: {vppToken: Apps}",
    );
    let mut world = world.settled();
    let tokens = vec![vpp("Apps", Some(86_400), false)];
    world.tenant().vpp_tokens = Some(Fact::Known(Complete::after_last_page(tokens)));
    let plan = world.plan();
    assert_eq!(codes(&plan), ["P-4", "P-34"]);
    assert_eq!(plan.findings[0].tokens, [name("office"), name("school")]);
}

#[test]
fn p34_a_vpp_token_without_automatic_updates_warns() {
    assert_eq!(codes(&with_vpp(vec![vpp("Apps", None, false)]).plan()), ["P-34"]);
    assert_eq!(codes(&with_vpp(vec![vpp("Apps", None, true)]).plan()), Vec::<&str>::new());
    // Which of two is meant is nobody's guess.
    let two = vec![vpp("Apps", None, false), VppToken { id: "x".to_owned(), ..vpp("Apps", None, false) }];
    assert!(!codes(&with_vpp(two).plan()).contains(&"P-34"));
}

// --- resulting objects ---

/// A hand-made profile that is locked and not supervised, with a document that wishes `more`.
fn by_hand(more: &str) -> World {
    let mut world = World::new();
    world.document("EnrollmentProfile", "kiosk", "tokens: [school]\nplatform: ios\nuserAffinity: none");
    let mut world = world.settled();
    world.set("kiosk", "school", "supervised", Value::Bool(false));
    world.set("kiosk", "school", "lockedEnrollment", Value::Bool(true));
    let spec = format!("tokens: [school]\nplatform: ios\nuserAffinity: none\n{more}");
    world.document("EnrollmentProfile", "kiosk", &spec);
    world
}

#[test]
fn p12_what_stands_live_and_is_not_touched_is_grandfathered() {
    let plan = by_hand("").plan();
    assert!(plan.blocked.is_empty() && plan.steps.is_empty(), "{:#?}", plan.blocked);
    let [Grandfathered { rule, address, message, acknowledged: false }] = plan.grandfathered.as_slice()
    else {
        panic!("{:#?}", plan.grandfathered)
    };
    assert_eq!((rule.as_str(), address), ("P-12", &at("kiosk", "school")));
    assert!(message.contains("needs supervision (P-12)"), "{message}");
    // Another field may change beside it.
    let plan = by_hand("department: IT").plan();
    assert_eq!(ids(&plan), ["update EnrollmentProfile/kiosk@school"]);
    assert_eq!(plan.grandfathered.len(), 1);
}

#[test]
fn p12_what_is_touched_is_refused() {
    let mut world = by_hand("lockedEnrollment: true");
    world.set("kiosk", "school", "lockedEnrollment", Value::Bool(false));
    let plan = world.plan();
    assert_eq!((blocked(&plan).rule.as_deref(), plan.steps.len()), (Some("P-12"), 0));
    assert!(plan.grandfathered.is_empty());
}

#[test]
fn p12_a_stated_violation_that_stands_live_is_no_failure() {
    let mut world = by_hand("supervised: false\nlockedEnrollment: true");
    world.findings = crate::rules::check_documents(&world.desired(), world.now);
    assert!(world.findings.refuse());
    let plan = world.plan();
    assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
    assert_eq!(plan.grandfathered.len(), 1);
    let refusal = world.findings.iter().find(|one| one.severity == Severity::Refuse).unwrap().clone();
    assert!(plan.standing().covers(&refusal, |_| true));
    // Where it does not stand, it stops the token as ever.
    world.set("kiosk", "school", "supervised", Value::Bool(true));
    let plan = world.plan();
    assert_eq!(blocked(&plan).rule.as_deref(), Some("P-12"));
    assert!(!plan.standing().covers(&refusal, |_| true));
}

#[test]
fn p11_and_p12_changes_tell_when_devices_take_them() {
    let mut world = by_hand("supervised: true\nlockedEnrollment: false");
    world.device("school", "C02A0001", Some(profile_id("kiosk", "school")));
    let plan = world.plan();
    let notes: Vec<&str> = step(&plan, "update EnrollmentProfile/kiosk@school")
        .notes
        .iter()
        .map(|note| note.rule.as_str())
        .collect();
    assert!(notes.contains(&"P-11") && notes.contains(&"P-12"), "{notes:?}");
}

#[test]
fn p22_a_changed_template_is_judged_for_the_devices_that_have_it() {
    let long = format!("deviceNameTemplate: \"{{{{SERIAL}}}}{}\"", "x".repeat(50));
    let mut world = World::new();
    world.profile("kiosk", "[school]", "deviceNameTemplate: short");
    let mut world = world.settled();
    world.profile("kiosk", "[school]", &long);
    world.device("school", "C02A00000001", Some(profile_id("kiosk", "school")));
    assert_eq!(world.plan().steps.len(), 1);
    world.device("school", "C02A00000000001", Some(profile_id("kiosk", "school")));
    let plan = world.plan();
    assert_eq!(blocked(&plan).rule.as_deref(), Some("P-22"));
    assert!(blocked(&plan).reason.contains("C02A00000000001"));
}

#[test]
fn p36_and_p40_are_explained_beside_the_create() {
    let mut world = World::new().settled();
    world.document(
        "EnrollmentProfile",
        "staff",
        "tokens: [school]\nplatform: ios\nuserAffinity: user\nauthentication: setupAssistantModern\nsetupAssistant: {hide: [siri]}",
    );
    let plan = world.plan();
    let notes: Vec<&str> = step(&plan, "create EnrollmentProfile/staff@school")
        .notes
        .iter()
        .map(|note| note.rule.as_str())
        .collect();
    assert!(notes.contains(&"P-36") && notes.contains(&"P-40") && notes.contains(&"P-3"), "{notes:?}");
}

#[test]
fn p24_department_and_telephone_are_fields_like_others() {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "department: IT\ndepartmentPhone: \"+49 30 1\"");
    let mut world = world.settled();
    world.set("kiosk", "school", "department", Value::None);
    let plan = world.plan();
    let crate::plan::Action::UpdateProfile { changes, .. } =
        &step(&plan, "update EnrollmentProfile/kiosk@school").action
    else {
        panic!("{:?}", plan.steps)
    };
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].field.as_ref(), &changes[0].after), ("department", &Value::text("IT")));
}

// --- syncs ---

#[test]
fn s1_a_waiting_serial_is_expected_with_the_next_sync_by_itself() {
    let plan = with_a_serial_that_waits().plan();
    // The last one was an hour ago, and the next comes twelve hours after it.
    assert_eq!(plan.waiting[0].until, Some(ago(-11 * 3_600)));
}

#[test]
fn s3_for_the_same_serials_no_second_sync_is_asked() {
    let mut world = with_a_serial_that_waits();
    world.ledger.sync_asked.insert(token_id("school"), vec![serial("C02A0001")]);
    assert!(world.plan().steps.is_empty());
}

#[test]
fn s7_a_large_token_waits_as_long_as_apple_needs() {
    let mut world = with_a_serial_that_waits();
    world.edit_token("school", |token| token.last_sync_triggered = Some(ago(60)));
    let sync = |world: &World| step(&world.plan(), "sync EnrollmentToken/school").clone();
    assert_eq!(sync(&world).not_before, Some(ago(60 - 15 * 60)));
    world.devices("school", "X", 89_999, Some(&profile_id("main", "school")));
    let large = sync(&world);
    assert_eq!(large.not_before, Some(ago(60 - 30 * 60)));
    let note = large.notes.iter().find(|note| note.rule == "S-7").unwrap();
    assert!(note.text.contains("30 minutes for a token of 90000"), "{}", note.text);
}
