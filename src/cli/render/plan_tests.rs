use std::collections::BTreeMap;

use super::super::text::plain;
use super::*;
use crate::diff::FieldChange;
use crate::model::clock::Timestamp;
use crate::model::live::Cause;
use crate::model::{Address, Fields, Name, ProfileId, Realm, Serial, TokenId, Value};
use crate::plan::{AssignGroup, Class, Effect, Forecast, Note, Plan, Reason, Relation, Stop, Waiting, When};

pub(in crate::cli::render) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn serials_of(from: u32, count: u32) -> Vec<Serial> {
    (from..from + count).map(|n| Serial::new(&format!("C02X{n:04}")).unwrap()).collect()
}

pub(in crate::cli::render) fn step(token: &str, action: Action, reason: Reason, class: Class) -> Step {
    let address = Address::profile(&name("ipads"), &name(token));
    Step {
        id: format!("{} {address}", action.verb()),
        address,
        connection: Realm::Mdm(name("tenant")),
        token_id: TokenId(format!("id-of-{token}")),
        object: None,
        name: "iPads of the school".to_owned(),
        platform: Some(crate::model::Platform::Ios),
        action,
        reason,
        class,
        effect: Effect::default(),
        needs: Vec::new(),
        prove_first: false,
        not_before: None,
        notes: Vec::new(),
        fingerprint: String::new(),
    }
}

fn update(token: &str, when: When, feel: u64, after_reset: u64, at_activation: u64) -> Step {
    let changes = vec![
        FieldChange {
            field: "department".into(),
            before: Value::text("the old lab"),
            after: Value::text("the new lab"),
        },
        FieldChange { field: "supervised".into(), before: Value::Bool(false), after: Value::Bool(true) },
    ];
    let action = Action::UpdateProfile { changes, adopt: false, vpp_token: None };
    Step {
        object: Some(ProfileId("9bb2e1a6-1111-2222-3333-444455556666".to_owned())),
        effect: Effect { when, feel, after_reset, at_activation },
        notes: vec![Note::new("P-28", "enrolled devices take a profile at activation only")],
        ..step(token, action, Reason::ManifestChanged, Class::Disruptive)
    }
}

fn saved(plan: &Plan) -> SavedPlan {
    SavedPlan::new(plan, Some("4f64367".to_owned()), Timestamp::UNIX_EPOCH)
}

fn show(plan: &Plan, view: PlanView) -> String {
    plain(&text(&saved(plan), view)).replace(saved(plan).digest.as_str(), "[digest]")
}

#[test]
fn nothing_to_do_is_one_line() {
    let plan = Plan::default();
    let as_wished = Some(AsWished { objects: 3, devices: 1_200 });
    insta::assert_snapshot!(
        show(&plan, PlanView { as_wished, ..PlanView::default() }),
        @"No changes. 3 objects and 1,200 devices are as the documents say."
    );
    insta::assert_snapshot!(show(&plan, PlanView::default()), @"No changes.");
}

#[test]
fn one_change_over_many_tokens_is_shown_once() {
    let mut first = update("aspen", When::NextActivation, 0, 120, 14);
    first.prove_first = true;
    let mut second = update("birch", When::NextActivation, 0, 1, 0);
    second.needs = vec![first.id.clone()];
    let other = update("cedar", When::NextCheckIn, 212, 120, 14);
    let mut other_text = other.clone();
    if let Action::UpdateProfile { changes, .. } = &mut other_text.action {
        changes.pop();
    }
    let plan = Plan { steps: vec![first, second, other_text], ..Plan::default() };
    insta::assert_snapshot!(show(&plan, PlanView::default()), @r#"
        Updates
          ~ update EnrollmentProfile/ipads on 2 tokens  "iPads of the school"
              ~ department  "the old lab" -> "the new lab"
              ~ supervised  false -> true
              where  tenant, on 2 tokens: aspen, birch
              why    changed in the documents
              class  disruptive
              felt   at next activation; 121 enrolled devices keep what they have until
                     they are wiped; 14 take it at activation
              first  aspen, read back before the others start
              note   P-28: enrolled devices take a profile at activation only

          ~ update EnrollmentProfile/ipads@cedar  "iPads of the school"
              ~ department  "the old lab" -> "the new lab"
              where  tenant, token cedar, id 9bb2e1a6-1111-2222-3333-444455556666
              why    changed in the documents
              class  disruptive
              felt   at next check-in by 212 enrolled devices; 120 enrolled devices keep
                     what they have until they are wiped; 14 take it at activation
              note   P-28: enrolled devices take a profile at activation only

        Plan: 0 to create, 3 to update, 0 devices to assign, 0 to delete.
        About 0 writes and 0 reads, 0 s.
        Digest [digest]
        "#);
}

#[test]
fn everything_said_of_seventy_tokens_is_said_once() {
    let tokens: Vec<String> = (0..70).map(|n| format!("t{n:02}")).collect();
    let mut plan = Plan::default();
    for token in &tokens {
        let create = step(
            token,
            Action::CreateProfile {
                fields: Fields::from([("supervised".into(), Value::Bool(true))]),
                vpp_token: None,
            },
            Reason::New,
            Class::Safe,
        );
        let groups = vec![AssignGroup {
            from: None,
            from_name: None,
            relation: Relation::Other,
            serials: serials_of(0, 2),
        }];
        let assign = Action::Assign { groups, after_sync: false };
        let mut assign = step(token, assign, Reason::Assigned, Class::Safe);
        assign.needs = vec![create.id.clone()];
        plan.stops.push(Stop {
            gate: format!("limit/assign/{token}"),
            reason: format!("assign on {token}: 2 devices, at most 1 allowed"),
            next: format!("allow it with `--override limit/assign/{token}=DIGEST`"),
            steps: vec![assign.id.clone()],
        });
        plan.steps.extend([create, assign]);
        plan.blocked.push(Blocked {
            connection: Realm::Mdm(name("tenant")),
            token: Some(name(token)),
            address: Some(Address::profile(&name("kiosk"), &name(token))),
            cause: Cause::Manifest,
            rule: Some("P-14".to_owned()),
            reason: format!("EnrollmentProfile/kiosk@{token} would be refused"),
            next: "see the document".to_owned(),
        });
        plan.waiting.push(Waiting {
            token: Some(name(token)),
            profile: Some(name("ipads")),
            assignment: None,
            serials: serials_of(10, 1),
            reason: "a sync with Apple shows them".to_owned(),
            until: None,
        });
        plan.left_alone.push(LeftAlone { token: name(token), ..left("Former", token, true) });
        let place = crate::diag::Place { file: "t.yaml".into(), line: 1, column: 1 };
        let severity = crate::diag::Severity::Warn;
        let finding =
            crate::diag::Diagnostic::by_row("T-6", severity, place, format!("{token} expires soon"));
        plan.findings.push(finding.for_tokens([name(token)]));
    }
    insta::assert_snapshot!(show(&plan, PlanView::default()), @r#"
        Blocked and unknown
          ! EnrollmentProfile/kiosk on 70 tokens
              on     70 tokens: t00, t01, t02, t03, t04 and 65 more
              why    P-14: EnrollmentProfile/kiosk@TOKEN would be refused
              next   see the document

        Creates
          + create EnrollmentProfile/ipads on 70 tokens  "iPads of the school"
              + supervised  true
              where  tenant, on 70 tokens: t00, t01, t02, t03, t04 and 65 more
              why    not at the service yet
              class  safe
              felt   by no device

        Actions
          + assign EnrollmentProfile/ipads on 70 tokens  "iPads of the school"
              give   140 devices (none) -> "iPads of the school": C02X0000, C02X0001,
                     C02X0000, C02X0001, C02X0000 and 135 more
              where  tenant, on 70 tokens: t00 (2), t01 (2), t02 (2), t03 (2), t04 (2)
                     and 65 more
              why    named serials have another profile or none
              class  safe
              felt   by no device
              after  create EnrollmentProfile/ipads@TOKEN
              gate   stopped by limit/assign/TOKEN

        Waiting
          = 70 serials for EnrollmentProfile/ipads on 70 tokens
              on     70 tokens: t00, t01, t02, t03, t04 and 65 more
              for    a sync with Apple shows them
              which  C02X0010, C02X0010, C02X0010, C02X0010, C02X0010 and 65 more

        Left alone  70 profiles
          = profile on 70 tokens: Former
              on     70 tokens: t00, t01, t02, t03, t04 and 65 more
              why    no document names it

        Findings
          ! warn T-6 t.yaml:1:1
               TOKEN expires soon
              on     70 tokens: t00, t01, t02, t03, t04 and 65 more

        Gates that stop apply
          ! limit/assign/TOKEN
              on     70 tokens: t00, t01, t02, t03, t04 and 65 more
              why    assign on TOKEN: 2 devices, at most 1 allowed
              stops  assign EnrollmentProfile/ipads@TOKEN
              next   allow it with `--override limit/assign/TOKEN=DIGEST`

        Plan: 70 to create, 0 to update, 140 devices to assign, 0 to delete; 70 blocked, 70 steps stopped by gates, 70 waiting.
        About 0 writes and 0 reads, 0 s.
        Digest [digest]
        "#);
}

#[test]
fn all_sections_in_their_order() {
    let plan = whole_plan();
    insta::assert_snapshot!(show(&plan, PlanView { with_origin: true, ..PlanView::default() }), @r#"
        Made 1970-01-01T00:00:00Z from commit 4f64367, can be applied until 1970-01-01T01:00:00Z.

        Blocked and unknown
          ! EnrollmentToken/branch
              why    T-6: the token expired 3 days ago
                     (request id \u{1b}[31m42)
              next   renew it in the Intune portal

        Destructive
          - delete EnrollmentProfile/old@school  "Old"
              where  tenant, token school
              why    the document says state: absent
              class  destructive
              felt   by no device
              gate   stopped by limit/delete/school

        Creates
          + create EnrollmentProfile/ipads@school  "iPads of the school"
              + displayName          "iPads of the school"
              + supervised           true
              + userAffinity         none
              + setupAssistant.hide  2 screens: privacy, siri
              + setupAssistant.show  1 screen: location
              where  tenant, token school
              why    not at the service yet
              class  safe
              felt   by no device

        Actions
          ~ make the default EnrollmentProfile/ipads@school  "iPads of the school"
              set    "Kiosk" -> "iPads of the school"
              where  tenant, token school
              why    changed in the documents
              class  safe
              felt   by no device

          + assign EnrollmentProfile/ipads@school  "iPads of the school"
              give   7 devices (none) -> "iPads of the school": C02X0000, C02X0001,
                     C02X0002, C02X0003, C02X0004 and 2 more
              give   1 device "Kiosk" -> "iPads of the school": C02X0020
              where  tenant, token school
              why    named serials have another profile or none
              class  disruptive
              felt   at next activation; 1 enrolled device keeps what it has until it is
                     wiped; 7 take it at activation
              after  create EnrollmentProfile/ipads@school

          = sync EnrollmentToken/school  "iPads of the school"
              for    3 serials wait: C02X0040, C02X0041, C02X0042
              where  tenant, token school
              why    named serials are not at Intune yet
              class  safe
              felt   at next sync with Apple
              wait   not before 1970-01-01T00:00:00Z

        Waiting
          = 3 serials for EnrollmentProfile/ipads@school
              for    a sync with Apple shows them
              which  C02X0040, C02X0041, C02X0042

        Left alone  2 profiles
          = profile on school: Former  (78)
              why    no document names it
          `plan --show-unmanaged` lists what was never managed

        Gates that stop apply
          ! limit/delete/school
              why    delete on school: 1 of 4 profiles, allowed 0
              stops  delete EnrollmentProfile/old@school
              next   split the change, or override this gate

        Plan: 1 to create, 0 to update, 8 devices to assign, 1 default to set, 1 token to sync, 1 to delete; 1 blocked, 1 step stopped by gates, 3 waiting.
        About 5 writes and 2 reads, 4 s.
        Digest [digest]
        "#);
    let unmanaged = show(&plan, PlanView { show_unmanaged: true, ..PlanView::default() });
    assert!(unmanaged.contains("profile on school: Kiosk  (77)"), "{unmanaged}");
}

#[test]
fn colours_mark_what_happens() {
    let plan = Plan { steps: vec![update("aspen", When::Never, 0, 0, 0)], ..Plan::default() };
    let coloured = text(&saved(&plan), PlanView::default());
    let first_lines: Vec<&str> = coloured.lines().take(4).collect();
    insta::assert_snapshot!(first_lines.join("\n").replace('\x1b', "^"), @r#"
        ^[1mUpdates^[0m
          ^[33m~^[0m update ^[1mEnrollmentProfile/ipads@aspen^[0m  ^[2m"iPads of the school"^[0m
              ^[33m~^[0m department  "the ^[1m^[4m^[31mold^[0m lab" -> "the ^[1m^[4m^[32mnew^[0m lab"
              ^[33m~^[0m supervised  false -> true
        "#);
}

/// A plan with something in every section.
pub(in crate::cli) fn whole_plan() -> Plan {
    let fields = Fields::from([
        ("displayName".into(), Value::text("iPads of the school")),
        ("userAffinity".into(), Value::text("none")),
        ("department".into(), Value::None),
        ("supervised".into(), Value::Bool(true)),
        ("setupAssistant.siri".into(), Value::text("hide")),
        ("setupAssistant.privacy".into(), Value::text("hide")),
        ("setupAssistant.location".into(), Value::text("show")),
    ]);
    let create = step("school", Action::CreateProfile { fields, vpp_token: None }, Reason::New, Class::Safe);
    let groups = vec![
        AssignGroup { from: None, from_name: None, relation: Relation::Other, serials: serials_of(0, 7) },
        AssignGroup {
            from: Some(ProfileId("77".to_owned())),
            from_name: Some("Kiosk".to_owned()),
            relation: Relation::Other,
            serials: serials_of(20, 1),
        },
    ];
    let assign = Action::Assign { groups, after_sync: false };
    let assign = Step {
        needs: vec![create.id.clone()],
        effect: Effect { when: When::NextActivation, feel: 0, after_reset: 1, at_activation: 7 },
        ..step("school", assign, Reason::Assigned, Class::Disruptive)
    };
    let default = Action::SetDefault { from: None, from_name: Some("Kiosk".to_owned()) };
    let default = step("school", default, Reason::ManifestChanged, Class::Safe);
    let mut delete = step("school", Action::DeleteProfile, Reason::StateAbsent, Class::Destructive);
    delete.address = Address::profile(&name("old"), &name("school"));
    delete.id = format!("delete {}", delete.address);
    delete.name = "Old".to_owned();
    let sync = Action::Sync { serials: serials_of(40, 3) };
    let mut sync = step("school", sync, Reason::SerialsWait, Class::Safe);
    sync.address = Address::token(&name("school"));
    sync.effect.when = When::NextSync;
    sync.not_before = Some(Timestamp::UNIX_EPOCH);
    let stop = Stop {
        gate: "limit/delete/school".to_owned(),
        reason: "delete on school: 1 of 4 profiles, allowed 0".to_owned(),
        next: "split the change, or override this gate".to_owned(),
        steps: vec![delete.id.clone()],
    };
    Plan {
        tenants: BTreeMap::from([(Realm::Mdm(name("tenant")), "t".to_owned())]),
        steps: vec![create, default, assign, sync, delete],
        blocked: vec![Blocked {
            connection: Realm::Mdm(name("tenant")),
            token: Some(name("branch")),
            address: None,
            cause: Cause::Credentials,
            rule: Some("T-6".to_owned()),
            reason: "the token expired 3 days ago\n(request id \x1b[31m42)".to_owned(),
            next: "renew it in the Intune portal".to_owned(),
        }],
        waiting: vec![Waiting {
            token: Some(name("school")),
            profile: Some(name("ipads")),
            assignment: None,
            serials: serials_of(40, 3),
            reason: "a sync with Apple shows them".to_owned(),
            until: None,
        }],
        left_alone: vec![left("Kiosk", "77", false), left("Former", "78", true)],
        stops: vec![stop],
        forecast: Forecast { writes: 5, reads: 2, seconds: 4, ..Forecast::default() },
        ..Plan::default()
    }
}

fn left(display_name: &str, id: &str, was_managed: bool) -> LeftAlone {
    LeftAlone {
        token: name("school"),
        what: "profile".to_owned(),
        name: display_name.to_owned(),
        id: id.to_owned(),
        count: 1,
        why: "no document names it".to_owned(),
        was_managed,
    }
}
