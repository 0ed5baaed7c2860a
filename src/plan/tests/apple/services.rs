//! Which service a token means: there, renamed, to be made, to be deleted.

use super::world::*;
use crate::model::desired::{Desired, State};
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::organisation::{Edition, ProductFamily};
use crate::model::{ServiceId, TokenId};
use crate::plan::tests::world::{ago, blocked, ids, name, step};
use crate::plan::{Action, Bookkeeping, Class, Plan, Reason, ServiceAction};

fn known(plan: &Plan) -> Vec<(&str, &ServiceId)> {
    let entries = plan.bookkeeping.iter();
    entries
        .filter_map(|entry| match entry {
            Bookkeeping::ServiceKnown { name, service, .. } => Some((name.as_str(), service)),
            _ => None,
        })
        .collect()
}

#[test]
fn a2_a_service_is_found_by_its_name_and_remembered_by_its_id() {
    let mut fleet = Fleet::new();
    fleet.base.ledger.apple.services.clear();
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
    assert_eq!(known(&plan), [("Office", &service_id("Office")), ("School", &service_id("School"))]);
    fleet.apply(&plan);
    assert!(fleet.plan().bookkeeping.is_empty());
}

#[test]
fn a2_two_services_of_a_name_are_told_with_their_ids() {
    let mut fleet = Fleet::new();
    fleet.base.ledger.apple.services.clear();
    let mut twin = service("School");
    twin.id = ServiceId::new("ABCD");
    fleet.org().services.push(twin);
    let plan = fleet.plan();
    let reason = &blocked(&plan).reason;
    assert!(reason.contains("ABCD") && reason.contains(service_id("School").as_str()), "{reason}");
    // The one that the ledger knows is meant.
    fleet.know("school", "School");
    assert!(fleet.plan().blocked.is_empty());
}

#[test]
fn a2_a_known_service_with_another_name_is_renamed_by_whoever_changed_it() {
    let id = "rename-service EnrollmentToken/school";
    let mut fleet = Fleet::new();
    fleet.seat("school", "Pupils");
    let plan = fleet.plan();
    assert_eq!((step(&plan, id).reason, step(&plan, id).name.as_str()), (Reason::ManifestChanged, "Pupils"));
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    fleet.service("Pupils").name = "Portal".to_owned();
    let plan = fleet.plan();
    assert_eq!(step(&plan, id).reason, Reason::Drifted);

    // A name that another service has means that one.
    fleet.org().services.push(service("Pupils"));
    let plan = fleet.plan();
    assert!(plan.step(id).is_none());
    assert!(
        plan.findings.iter().any(|one| one.message.contains("nothing is renamed")),
        "{:#?}",
        plan.findings
    );
}

#[test]
fn a2_school_manager_renames_and_makes_nothing() {
    let mut fleet = Fleet::new();
    fleet.seat("school", "Pupils").org().edition = Edition::School;
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && blocked(&plan).reason.contains("cannot rename"));
    fleet.base.ledger.apple.services.clear();
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && blocked(&plan).next.contains("Apple School Manager"));
}

#[test]
fn t1_a_service_is_made_for_a_direct_token_and_its_token_is_fetched_by_a_person() {
    let mut fleet = Fleet::new();
    fleet.direct("labs", "Labs");
    fleet.ipad("C02A0001", "").route("lab", "labs", &["C02A0001"]);
    let at_apple =
        |plan: &Plan| plan.blocked.iter().filter(|one| one.connection.organisation().is_some()).count();
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && at_apple(&plan) == 1, "the certificate is not known");

    fleet.base.live.certificates.insert(name("labs"), Fact::Known("00ff".to_owned()));
    let plan = fleet.plan();
    let id = "create-service EnrollmentToken/labs";
    assert_eq!(ids(&plan), [id]);
    let made = step(&plan, id);
    assert_eq!(
        (made.class, made.name.as_str(), &made.token_id),
        (Class::Safe, "Labs", &TokenId(String::new()))
    );
    assert_eq!(made.action, Action::Service(ServiceAction::Create { certificate: "00ff".to_owned() }));
    assert!(made.notes[0].text.contains("espalier token import labs"));
    assert!(waits(&plan, "C02A0001").reason.contains("made first"));
    fleet.apply(&plan);
    // The token itself cannot be had yet; what is at Apple goes on.
    let plan = fleet.plan();
    assert_eq!(ids(&plan), ["move EnrollmentToken/labs"]);
}

#[test]
fn a2_a_service_of_intune_is_made_in_the_portal() {
    let mut fleet = Fleet::new();
    fleet.seat("school", "Nobody").base.ledger.apple.services.clear();
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && blocked(&plan).next.contains("Intune"));
    assert_eq!(blocked(&plan).cause, Cause::Manifest);
}

#[test]
fn a2_the_server_token_of_another_service_is_warned_of() {
    let mut fleet = Fleet::new();
    fleet.direct("labs", "Jamf");
    let server = crate::ledger::Server {
        token_id: TokenId("x".to_owned()),
        server: "abcd-ef".to_owned(),
        name: None,
        org: None,
        apple_id: None,
        credentials: String::new(),
    };
    fleet.base.ledger.servers.insert(name("labs"), server.clone());
    let warned = |plan: &Plan| plan.findings.iter().any(|one| one.message.contains("the document decides"));
    assert!(warned(&fleet.plan()));
    let same = service_id("Jamf").to_string().to_lowercase();
    fleet.base.ledger.servers.insert(name("labs"), crate::ledger::Server { server: same, ..server });
    assert!(!warned(&fleet.plan()));
}

/// `office` is wished away, and gone at Intune.
fn absent(fleet: &mut Fleet) -> Desired {
    fleet.base.edit_tokens(|all| all.retain(|one| one.name != "office"));
    let mut desired = fleet.desired();
    desired.tokens.get_mut(&name("office")).unwrap().identity.state = State::Absent;
    fleet.lay_out();
    desired
}

#[test]
fn t9_a_service_goes_last_and_only_without_devices_and_families() {
    let id = "delete-service EnrollmentToken/office";
    let mut fleet = Fleet::new();
    fleet.defaults("Office", &[ProductFamily::Mac]);
    let desired = absent(&mut fleet);
    let plan = fleet.base.plan_of(&desired);
    assert_eq!(ids(&plan), ["drop-families EnrollmentToken/office", id]);
    assert_eq!(step(&plan, id).needs, ["drop-families EnrollmentToken/office"]);
    assert_eq!(step(&plan, id).class, Class::Destructive);
    fleet.apply(&plan);
    fleet.lay_out();
    assert!(fleet.base.plan_of(&desired).steps.is_empty());
}

#[test]
fn s5_a_service_with_devices_stays_for_they_would_come_back() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "Office");
    let desired = absent(&mut fleet);
    let plan = fleet.base.plan_of(&desired);
    assert!(plan.steps.is_empty());
    assert!(blocked(&plan).reason.contains("S-5") && blocked(&plan).rule.as_deref() == Some("T-9"));

    // At Intune it goes, and says so.
    let mut still = fleet.clone();
    still.base.edit_profiles("office", Vec::clear);
    let mut there = still.base.desired();
    for profile in there.profiles.values_mut() {
        profile.tokens.retain(|token| *token != name("office"));
        profile.wished.remove(&name("office"));
    }
    there.organisations = desired.organisations.clone();
    let mut token = desired.tokens[&name("office")].clone();
    token.identity.state = State::Absent;
    there.tokens.insert(name("office"), token);
    let mut tokens: Vec<_> = Fleet::new().base.tenant().tokens.known().unwrap().iter().cloned().collect();
    tokens.retain(|one| one.name == "office");
    still.base.edit_tokens(|all| all.extend(tokens));
    let plan = still.base.plan_of(&there);
    assert!(rows(&plan, "delete EnrollmentToken/office").contains(&"S-5"), "{:#?}", plan.blocked);

    fleet.route("carts", "school", &["C02A0001"]);
    let desired = absent(&mut fleet);
    let plan = fleet.base.plan_of(&desired);
    assert!(blocked(&plan).next.contains("the next run deletes"));
}

#[test]
fn t11_a_service_that_no_document_names_is_an_orphan_and_a_known_one_is_told() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "Jamf").ipad("C02A0002", "Office").ipad("C02A0003", "").ipad("C02A0004", "School");
    let orphans = |plan: &Plan| -> Vec<(String, bool, u64)> {
        let left = plan.left_alone.iter().filter(|one| one.what == "service");
        left.map(|one| (one.name.clone(), one.was_managed, one.count)).collect()
    };
    let plan = fleet.plan();
    assert_eq!(orphans(&plan), [("Jamf".to_owned(), false, 1)]);
    let free = plan.left_alone.iter().find(|one| one.name == "1 device at no service").unwrap();
    assert!(free.why.contains("espalier devices --unassigned"));

    fleet.apple.remove(&name("office"));
    fleet.base.ledger.tokens_deleted.insert(name("office"), ago(86_400));
    let plan = fleet.plan();
    assert_eq!(orphans(&plan), [("Office".to_owned(), true, 1), ("Jamf".to_owned(), false, 1)]);
    let office = plan.left_alone.iter().find(|one| one.name == "Office").unwrap();
    assert!(
        office.why.contains("whose token was deleted on") && office.why.contains("T-11"),
        "{}",
        office.why
    );
}

#[test]
fn t9_a_service_whose_list_is_unclear_is_not_deleted() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::NotContacted).device("C02A0001").unclear = true;
    let desired = absent(&mut fleet);
    let plan = fleet.base.plan_of(&desired);
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
}

#[test]
fn t9_a_direct_token_whose_service_is_proven_gone_blocks_nothing_any_more() {
    let mut fleet = Fleet::new();
    fleet.direct("labs", "Labs");
    let tenant = crate::model::live::LiveTenant {
        tokens: Fact::Unknown(crate::plan::tests::world::unknown(Cause::Credentials)),
        ..fleet.base.tenant().clone()
    };
    fleet.base.live.tenants.insert(crate::model::Realm::Direct(name("labs")), tenant);
    let mut desired = fleet.desired();
    desired.tokens.get_mut(&name("labs")).unwrap().identity.state = State::Absent;
    fleet.lay_out();
    let plan = fleet.base.plan_of(&desired);
    assert!(plan.steps.is_empty() && plan.blocked.is_empty(), "{:#?}", plan.blocked);

    // A list that nobody read proves nothing.
    fleet.base.live.organisations.values_mut().for_each(|live| {
        live.services = Fact::Unknown(crate::plan::tests::world::unknown(Cause::Unavailable));
    });
    let plan = fleet.base.plan_of(&desired);
    assert!(plan.blocked.iter().any(|one| one.token == Some(name("labs"))), "{:#?}", plan.blocked);
}
