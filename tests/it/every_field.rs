//! Fields of both platforms through the whole loop: documents, plan, apply, read-back, ledger.

use espalier::apply::StepOutcome;
use espalier::engine::Wants;
use espalier::model::live::Fact;
use espalier::model::{Name, Realm};
use espalier::plan::Action;
use espalier::plan::file::SavedPlan;
use espalier::progress::NoProgress;
use espalier::sim::Fault;

use crate::support::desk::Desk;
use crate::support::folder::Folder;

/// What a simulated service gets in the place of a secret.
const SIMULATED: &str = "not-the-secret";

const MACS: &str = "
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: macs}
spec:
  tokens: [main]
  platform: macos
  description: Laptops
  userAffinity: user
  authentication: setupAssistantLegacy
  lockedEnrollment: true
  awaitConfiguration: true
  department: IT
  setupAssistant: {hide: [siri, fileVault, appearance], show: [iCloudStorage]}
  localAdmin: {userName: ladmin, fullName: Local Admin, password: {env: ESPALIER_TEST_ADMIN}, hidden: true, rotateEveryDays: 90, rotateAfterRetrievalHours: 2}
  primaryAccount: {create: true, standardUser: true, prefill: true, userName: '{{partialupn}}', fullName: '{{username}}', restrictEditing: false}
  platformSso: true
  networkTether: false
  autoAdvance: false
";

const IPHONES: &str = "
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: iphones}
spec:
  tokens: [main]
  platform: ios
  userAffinity: user
  authentication: companyPortal
  companyPortal: {install: true, vppToken: Field apps, singleAppMode: true}
  cellularActivationUrl: https://carrier.example/activate
";

fn fault(name: &str) -> Fault {
    serde_json::from_value(serde_json::json!({ "fault": name })).expect("a fault")
}

/// Whether the simulated service has this password in its only profile of a Mac.
fn has_password(desk: &Desk, password: &str) -> bool {
    desk.sim.with_world(|world| {
        world.tenants[0].tokens[0].profiles.values().any(|profile| profile.has_admin_password(password))
    })
}

#[tokio::test]
async fn both_platforms_close_the_loop_with_their_defaults() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    folder.write("  defaultProfiles: {ios: iphones, macos: macs}", &format!("{MACS}{IPHONES}"));
    let report = folder.apply(&desk).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(report.steps.len(), 4, "two profiles and two defaults");
    folder.plan_is_empty(&desk).await;
    // The environment does not have the variable: no secret was looked for, and none is anywhere.
    assert!(std::env::var_os("ESPALIER_TEST_ADMIN").is_none());
    assert!(has_password(&desk, SIMULATED));
    assert!(
        folder.holds("env ESPALIER_TEST_ADMIN") && !folder.holds(SIMULATED),
        "the ledger has the reference"
    );
}

#[tokio::test]
async fn a_password_is_sent_again_for_another_reference_only() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    folder.write("", MACS);
    assert_eq!(folder.apply(&desk).await.exit_code(), 0);
    desk.sim.with_world(|world| {
        for profile in world.tenants[0].tokens[0].profiles.values_mut() {
            profile.set_admin_password(Some("set in the portal"));
        }
    });
    folder.plan_is_empty(&desk).await;
    folder.write("", &MACS.replace("ESPALIER_TEST_ADMIN", "ESPALIER_TEST_ADMIN_2027"));
    let plan = folder.plan(&desk).await;
    let [step] = plan.steps.as_slice() else { panic!("{plan:#?}") };
    let Action::UpdateProfile { changes, .. } = &step.action else { panic!("{step:#?}") };
    assert_eq!(
        changes.iter().map(|change| change.field.as_ref()).collect::<Vec<_>>(),
        ["localAdmin.password"]
    );
    let saved = SavedPlan::new(&plan, None, step.not_before.unwrap_or_default()).to_json();
    assert!(saved.contains("env ESPALIER_TEST_ADMIN_2027") && !saved.contains(SIMULATED));
    assert!(!has_password(&desk, SIMULATED), "planning sends nothing");
    let report = folder.apply(&desk).await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert!(has_password(&desk, SIMULATED));
    folder.plan_is_empty(&desk).await;
}

#[tokio::test]
async fn account_settings_that_the_service_empties_are_a_failure_and_drift() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    folder.write("", MACS);
    assert_eq!(folder.apply(&desk).await.exit_code(), 0);
    desk.sim.add_fault(fault("reset-accounts"));
    folder.write("", &MACS.replace("Local Admin", "Helpdesk"));
    let report = folder.apply(&desk).await;
    assert_ne!(report.exit_code(), 0, "{report:#?}");
    let StepOutcome::Failed { reason, .. } = &report.steps[0].outcome else { panic!("{report:#?}") };
    assert!(reason.contains("emptied account settings") && reason.contains("localAdmin"), "{reason}");
    let plan = folder.plan(&desk).await;
    assert_eq!(plan.steps.len(), 1, "what was emptied is planned again: {plan:#?}");
}

#[tokio::test]
async fn account_settings_emptied_by_a_change_of_something_else_are_a_failure() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    folder.write("", MACS);
    assert_eq!(folder.apply(&desk).await.exit_code(), 0);
    desk.sim.add_fault(fault("reset-accounts"));
    folder.write("", &MACS.replace("  platform: macos\n", "  platform: macos\n  departmentPhone: \"112\"\n"));
    let report = folder.apply(&desk).await;
    let StepOutcome::Failed { reason, .. } = &report.steps[0].outcome else { panic!("{report:#?}") };
    assert!(reason.contains("emptied account settings") && reason.contains("localAdmin"), "{reason}");
    desk.sim.clear_faults();
    assert_eq!(folder.apply(&desk).await.exit_code(), 0);
    assert!(has_password(&desk, SIMULATED), "the password goes with the account that is made again");
    folder.plan_is_empty(&desk).await;
}

#[tokio::test]
async fn p4_a_vpp_token_of_another_name_blocks_its_profile_only() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    folder.write("", &format!("{MACS}{}", IPHONES.replace("Field apps", "Feild apps")));
    let plan = folder.plan(&desk).await;
    assert_eq!(plan.steps.len(), 1, "the Macs");
    let [blocked] = plan.blocked.as_slice() else { panic!("{plan:#?}") };
    assert_eq!(blocked.rule.as_deref(), Some("P-4"));
    assert!(blocked.next.contains("did you mean \"Field apps\"?"), "{}", blocked.next);
}

#[tokio::test]
async fn t12_vpp_tokens_and_the_push_certificate_are_read_for_who_asks() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    folder.write("", MACS);
    let read = |wants: Wants| {
        let (desk, folder) = (&desk, &folder);
        async move {
            let mut session = folder.open(desk).await;
            session.also_read(wants);
            let (_, observed) = session.plan(&NoProgress).await.unwrap_or_else(|error| panic!("{error}"));
            observed.live.tenants[&Realm::Mdm(Name::new("tenant").expect("a name"))].clone()
        }
    };
    let plain = read(Wants::default()).await;
    assert!(plain.vpp_tokens.is_none() && plain.push_certificate.is_none(), "nobody needs them");
    let asked = read(Wants { vpp_tokens: true, push_certificate: true, ..Wants::default() }).await;
    let vpp_tokens = asked.vpp_tokens.as_ref().and_then(Fact::known).expect("VPP tokens");
    assert_eq!(vpp_tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["Field apps"]);
    assert!(!format!("{asked:?}").contains("sim-vpp-secret-"));
    let certificate = asked.push_certificate.as_ref().and_then(Fact::known).expect("a certificate");
    assert!(certificate.as_ref().is_some_and(|certificate| certificate.expires.is_some()));
}
