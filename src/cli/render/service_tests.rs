//! How steps at Apple Business and Apple School Manager read.

use super::super::markdown::plan as markdown;
use super::super::plan::tests::{name, step};
use super::super::plan::{PlanView, text};
use super::super::text::plain;
use super::*;
use crate::model::clock::Timestamp;
use crate::model::{Address, Kind, Realm, ServiceId, TokenId};
use crate::plan::file::SavedPlan;
use crate::plan::{Class, Effect, Note, Plan, Reason, When};

const STORES: &str = "1F97349736CF4614A94F624E705841AD";

fn id() -> ServiceId {
    ServiceId::new(STORES)
}

fn serials(from: u32, count: u32) -> Vec<Serial> {
    (from..from + count).map(|n| Serial::new(&format!("C02X{n:04}")).unwrap()).collect()
}

fn deadline() -> Timestamp {
    "2026-12-01T09:00:00Z".parse().unwrap()
}

fn at(address: Address, service: &str, action: ServiceAction, reason: Reason, class: Class) -> Step {
    let of = step(address.domain().as_str(), Action::Service(action), reason, class);
    Step {
        id: format!("{} {address}", of.action.verb()),
        address,
        connection: Realm::Apple(name("acme")),
        token_id: TokenId(STORES.to_owned()),
        name: service.to_owned(),
        platform: None,
        ..of
    }
}

fn on(token: &str, service: &str, action: ServiceAction, reason: Reason, class: Class) -> Step {
    at(Address::token(&name(token)), service, action, reason, class)
}

fn group(from: Option<&str>, foreign: bool, serials: Vec<Serial>) -> MoveGroup {
    MoveGroup { from: from.map(|_| id()), from_name: from.map(str::to_owned), foreign, serials }
}

fn move_to(token: &str, service: &str, groups: Vec<MoveGroup>) -> Step {
    let action = ServiceAction::Assign { id: id(), groups, deadline: None };
    Step {
        effect: Effect { when: When::NextActivation, feel: 0, after_reset: 2, at_activation: 11 },
        ..on(token, service, action, Reason::Elsewhere, Class::Safe)
    }
}

/// Every kind of step at Apple, once.
fn whole() -> Vec<Step> {
    let groups = vec![
        group(Some("Stores"), false, serials(0, 7)),
        group(None, false, serials(20, 5)),
        group(Some("Old MDM"), true, serials(40, 1)),
    ];
    let mut moved = move_to("school", "School MDM", groups);
    moved.class = Class::Disruptive;
    moved.notes = vec![Note::new("A-7", "1 of them comes from a foreign service")];
    let migrate = ServiceAction::Assign {
        id: id(),
        groups: vec![group(Some("Old MDM"), true, serials(60, 3))],
        deadline: Some(deadline()),
    };
    let mut migrate = on("labs", "Labs MDM", migrate, Reason::Elsewhere, Class::Disruptive);
    migrate.effect = Effect { when: When::Deadline, feel: 3, after_reset: 0, at_activation: 0 };
    let document = Address { kind: Kind::DeviceAssignment, name: name("sold"), token: None };
    let off = ServiceAction::Unassign { id: id(), serials: serials(80, 2) };
    let mut off = at(document.clone(), "Old MDM", off, Reason::Unassigned, Class::Disruptive);
    off.effect = Effect { when: When::NextActivation, feel: 0, after_reset: 1, at_activation: 1 };
    let update = ServiceAction::UpdateDeadline { deadline: deadline(), serials: serials(90, 1) };
    let cancel = ServiceAction::CancelMigration { serials: serials(95, 2) };
    let families = [ProductFamily::Ipad, ProductFamily::AppleTv];
    let drop = ServiceAction::DropFamilies {
        id: id(),
        families: families.to_vec(),
        keeps: vec![ProductFamily::Mac],
    };
    let take = ServiceAction::TakeFamilies { id: id(), families: families.to_vec(), has: families.to_vec() };
    let create = ServiceAction::Create { certificate: "3a4b5c6d7e8f90123456".to_owned() };
    let mut create = on("branch", "Branch MDM", create, Reason::New, Class::Safe);
    create.token_id = TokenId(String::new());
    let rename = ServiceAction::Rename { id: id(), from: "Depot".to_owned() };
    let changed = Reason::ManifestChanged;
    vec![
        create,
        on("depot", "Depot MDM", rename, changed, Class::Safe),
        on("labs", "Labs MDM", drop, changed, Class::Safe),
        on("school", "School MDM", take, changed, Class::Safe),
        moved,
        migrate,
        at(document.clone(), "sold", update, Reason::DeadlineChanged, Class::Disruptive),
        at(document, "sold", cancel, Reason::DeadlineChanged, Class::Safe),
        off,
        on("gone", "Gone", ServiceAction::Delete { id: id() }, Reason::StateAbsent, Class::Destructive),
    ]
}

fn shown(steps: Vec<Step>) -> String {
    let plan = Plan { steps, ..Plan::default() };
    let saved = SavedPlan::new(&plan, None, Timestamp::UNIX_EPOCH);
    plain(&text(&saved, PlanView::default())).replace(saved.digest.as_str(), "[digest]")
}

#[test]
fn a_plan_with_every_step_at_apple() {
    insta::assert_snapshot!(shown(whole()), @r#"
    Destructive
      - delete the service of EnrollmentToken/gone  "Gone"
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    the document says state: absent
          class  destructive
          felt   by no device

    Removals
      - take devices off the service, for DeviceAssignment/sold  "Old MDM"
          take   2 devices off "Old MDM", to no service: C02X0080, C02X0081
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    the documents wish devices off their service
          class  disruptive
          felt   at next activation; by 1 enrolled device once wiped; by 1 device
                 not enrolled yet

    Updates
      ~ rename the service of EnrollmentToken/depot  "Depot MDM"
          set    "Depot" -> "Depot MDM"
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    changed in the documents
          class  safe
          felt   by no device

      ~ take default families off EnrollmentToken/labs  "Labs MDM"
          drop   ipad, appleTv; it keeps mac
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    changed in the documents
          class  safe
          felt   by no device

      ~ give default families to EnrollmentToken/school  "School MDM"
          add    ipad, appleTv; it then has ipad, appleTv
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    changed in the documents
          class  safe
          felt   by no device

      ~ change the deadline, for DeviceAssignment/sold
          set    1 device to migrate by 2026-12-01T09:00:00Z: C02X0090
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    the deadline in the documents changed, or is gone
          class  disruptive
          felt   by no device

      ~ cancel migrations, for DeviceAssignment/sold
          leave  2 devices to stay where they are managed now: C02X0095, C02X0096
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    the deadline in the documents changed, or is gone
          class  safe
          felt   by no device

    Creates
      + create the service of EnrollmentToken/branch  "Branch MDM"
          with   the token's certificate, sha256 3a4b5c6d7e8f…
          where  Apple, organisation acme
          why    not at the service yet
          class  safe
          felt   by no device

    Actions
      + move devices to EnrollmentToken/school  "School MDM"
          move   7 devices from "Stores": C02X0000, C02X0001, C02X0002, C02X0003,
                 C02X0004 and 2 more
          move   5 devices from no service: C02X0020, C02X0021, C02X0022, C02X0023,
                 C02X0024
          move   1 device from the foreign service "Old MDM": C02X0040
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    devices are at another service at Apple, or at none
          class  disruptive
          felt   at next activation; 2 enrolled devices keep what they have until
                 they are wiped; 11 take it at activation
          note   A-7: 1 of them comes from a foreign service

      + migrate devices to EnrollmentToken/labs  "Labs MDM"
          move   3 devices from the foreign service "Old MDM": C02X0060, C02X0061,
                 C02X0062
          by     2026-12-01T09:00:00Z at the latest, when enrolled devices migrate
                 by themselves
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    devices are at another service at Apple, or at none
          class  disruptive
          felt   3 enrolled devices migrate by the deadline

    Plan: 1 to create, 5 to update, 16 devices to move, 0 devices to assign, 2 devices to take off their service, 1 to delete.
    About 0 writes and 0 reads, 0 s.
    Digest [digest]
    "#);
}

#[test]
fn the_same_as_markdown() {
    let plan = Plan { steps: whole(), ..Plan::default() };
    let saved = SavedPlan::new(&plan, None, Timestamp::UNIX_EPOCH);
    let view = markdown::MarkdownView { show_unmanaged: false, as_wished: None, limit: 60_000, see: "" };
    let text = markdown::text(&saved, view);
    let actions = &text[text.find("### Actions").unwrap()..];
    insta::assert_snapshot!(actions, @r#"
    ### Actions

    <details>
    <summary>+ move devices to <code>EnrollmentToken/school</code> <code>&quot;School MDM&quot;</code>, <b>disruptive</b></summary>

    - **move** 7 devices from "Stores"
    - **move** 5 devices from no service
    - **move** 1 device from the foreign service "Old MDM"
    - **where** Apple, organisation acme, service `1F97349736CF4614A94F624E705841AD`
    - **why** devices are at another service at Apple, or at none
    - **felt** at next activation; 2 enrolled devices keep what they have until they are wiped; 11 take it at activation
    - **note** `A-7` 1 of them comes from a foreign service

    <details>
    <summary>13 serials</summary>

    `C02X0000`, `C02X0001`, `C02X0002`, `C02X0003`, `C02X0004`, `C02X0005`, `C02X0006`, `C02X0020`, `C02X0021`, `C02X0022`, `C02X0023`, `C02X0024`, `C02X0040`

    </details>

    </details>

    <details>
    <summary>+ migrate devices to <code>EnrollmentToken/labs</code> <code>&quot;Labs MDM&quot;</code>, <b>disruptive</b></summary>

    - **move** 3 devices from the foreign service "Old MDM"
    - **by** `2026-12-01T09:00:00Z` at the latest, when enrolled devices migrate by themselves
    - **where** Apple, organisation acme, service `1F97349736CF4614A94F624E705841AD`
    - **why** devices are at another service at Apple, or at none
    - **felt** 3 enrolled devices migrate by the deadline

    <details>
    <summary>3 serials</summary>

    `C02X0060`, `C02X0061`, `C02X0062`

    </details>

    </details>
    "#);
    for part in [
        "**take** 2 devices off",
        "`C02X0080`",
        "**add** ipad, appleTv; it then has ipad, appleTv",
        "delete the service of <code>EnrollmentToken/gone</code>",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn moves_alike_over_many_tokens_are_one_and_an_odd_one_stands_apart() {
    let tokens: Vec<String> = (0..40).map(|n| format!("t{n:02}")).collect();
    let mut steps: Vec<Step> = tokens
        .iter()
        .map(|token| move_to(token, &format!("MDM of {token}"), vec![group(None, false, serials(0, 2))]))
        .collect();
    steps.push(move_to("odd", "MDM of odd", vec![group(Some("Old MDM"), true, serials(50, 1))]));
    insta::assert_snapshot!(shown(steps), @r#"
    Actions
      + move devices to EnrollmentToken of 40 tokens  "MDM of t00", "MDM of t01", "MDM of t02" and 37 more
          move   80 devices from no service: C02X0000, C02X0001, C02X0000, C02X0001,
                 C02X0000 and 75 more
          where  Apple, organisation acme, for 40 tokens: t00 (2), t01 (2), t02 (2),
                 t03 (2), t04 (2) and 35 more
          why    devices are at another service at Apple, or at none
          class  safe
          felt   at next activation; 80 enrolled devices keep what they have until
                 they are wiped; 440 take it at activation

      + move devices to EnrollmentToken/odd  "MDM of odd"
          move   1 device from the foreign service "Old MDM": C02X0050
          where  Apple, organisation acme, service 1F97349736CF4614A94F624E705841AD
          why    devices are at another service at Apple, or at none
          class  safe
          felt   at next activation; 2 enrolled devices keep what they have until
                 they are wiped; 11 take it at activation

    Plan: 0 to create, 0 to update, 81 devices to move, 0 devices to assign, 0 to delete.
    About 0 writes and 0 reads, 0 s.
    Digest [digest]
    "#);
}

#[test]
fn json_says_what_moves_from_where() {
    let plan = Plan { steps: whole(), ..Plan::default() };
    let saved = SavedPlan::new(&plan, None, Timestamp::UNIX_EPOCH);
    let json: serde_json::Value = serde_json::from_str(&saved.to_json()).unwrap();
    let moved = &json["steps"].as_array().unwrap()[4];
    assert_eq!(moved["connection"], "apple:acme");
    assert_eq!(moved["action"]["do"], "service");
    assert_eq!(moved["action"]["service"], "assign");
    assert_eq!(moved["action"]["groups"][2]["foreign"], true);
    assert_eq!(moved["action"]["groups"][1].get("from"), None);
    assert_eq!(SavedPlan::from_json(&saved.to_json()), Ok(saved));
}
