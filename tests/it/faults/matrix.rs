//! Each fault on each operation, before and after the effect, once and lasting.

use espalier::cli::exit::ExitCode;
use espalier::sim::world::History;
use serde_json::{Value, json};

use super::fleet::{ALL, MAIN, OLD, OTHER, SECOND};
use super::stand::{Stand, written_although_unknown};

/// An operation of the services, as the simulator names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    SignIn,
    Tokens,
    ScopeTags,
    Profiles,
    Devices,
    /// One token, as a sync is followed by.
    Token,
    UpdateToken,
    DeleteToken,
    CreateProfile,
    UpdateProfile,
    DeleteProfile,
    SetDefault,
    Assign,
    Sync,
    Batch,
}

use Operation as O;

impl Operation {
    fn id(self) -> String {
        let below = match self {
            O::SignIn => return "token".to_owned(),
            O::Batch => return "$batch".to_owned(),
            O::ScopeTags => return "deviceManagement.roleScopeTags.get".to_owned(),
            O::Tokens => "get",
            O::Token => "item.get",
            O::UpdateToken => "item.patch",
            O::DeleteToken => "item.delete",
            O::Sync => "item.syncWithAppleDeviceEnrollmentProgram.post",
            O::Devices => "item.importedAppleDeviceIdentities.get",
            O::Profiles => "item.enrollmentProfiles.get",
            O::CreateProfile => "item.enrollmentProfiles.post",
            O::UpdateProfile => "item.enrollmentProfiles.item.patch",
            O::DeleteProfile => "item.enrollmentProfiles.item.delete",
            O::SetDefault => "item.enrollmentProfiles.item.setDefaultProfile.post",
            O::Assign => "item.enrollmentProfiles.item.updateDeviceProfileAssignment.post",
        };
        format!("deviceManagement.depOnboardingSettings.{below}")
    }

    /// Without its answer nothing is known about what shall be planned.
    fn is_needed_to_plan(self) -> bool {
        matches!(self, O::SignIn | O::Tokens | O::Profiles | O::Devices)
    }
}

/// What hits a request before anything was done.
const BEFORE: [&str; 10] =
    ["401", "expired-bearer", "429", "429 after 7", "500", "502", "503", "504", "cut", "slow"];

/// What hits after everything was done. A 401 or 429 then would be a lie about the effect.
const AFTER: [&str; 7] = ["500", "502", "503", "504", "cut", "slow", "garbage"];

/// What does not end.
const LASTING: [(&str, &str); 8] = [
    ("401", "before"),
    ("429", "before"),
    ("429 after 7", "before"),
    ("503", "before"),
    ("cut", "before"),
    ("503", "after"),
    ("cut", "after"),
    ("garbage", "after"),
];

/// A fault on an operation.
#[derive(Clone, Copy, Debug)]
struct Hit {
    operation: Operation,
    fault: &'static str,
    when: &'static str,
    lasting: bool,
    /// Only under this token.
    within: Option<&'static str>,
}

impl Hit {
    fn json(self) -> Value {
        let name = self.fault.split(' ').next().unwrap_or_default();
        let mut fault = json!({
            "fault": name, "operation": self.operation.id(), "when": self.when,
            "times": if self.lasting { 0 } else { 1 },
        });
        match self.fault {
            "429 after 7" => fault["retryAfter"] = json!(7),
            "slow" => fault["seconds"] = json!(20),
            "late-visibility" => fault["hidden"] = json!(40),
            "page-error cut" => fault["status"] = json!(0),
            _ => {}
        }
        if let Some(token) = self.within {
            fault["within"] = json!(token);
        }
        fault
    }

    /// The exit code of `apply` by design: what a run overcomes within its wait is 0; where nothing
    /// could be read nothing is written, and it is 8 or 9; where something was committed and
    /// something failed, is blocked or unknown it is 6; a sync that is not seen to end is 7.
    fn exit_code(self) -> u8 {
        let ambiguous = matches!(self.fault, "500" | "502" | "503" | "504" | "cut");
        match (self.operation, self.fault, self.lasting) {
            // Entra's 401 is its last word.
            (O::SignIn, "401", false) => 6,
            // Half an answer to a read is an unknown; it strikes one tenant or token.
            (
                O::Tokens | O::ScopeTags | O::Profiles | O::Devices | O::SignIn | O::Batch,
                "garbage",
                false,
            ) => 6,
            // A sync is never sent twice in a run.
            (O::Sync, _, false) if ambiguous && self.when == "before" => 6,
            (_, _, false) => 0,
            (O::Token, _, true) => 7,
            (O::ScopeTags | O::Batch, _, true) => 6,
            (operation, "401", true) if operation.is_needed_to_plan() => 8,
            (operation, _, true) if operation.is_needed_to_plan() => 9,
            // A batch that is cut ends there: the requests after the one that did it do not take place.
            (O::Assign, "cut", true) => 6,
            // The effect took place, and reading back shows it.
            (_, _, true) if self.when == "after" => 0,
            (_, _, true) => 6,
        }
    }
}

/// One run under the fault, then runs without it.
async fn broken_by(hit: Hit, expected: u8) -> Vec<String> {
    let stand = Stand::between_editions().await;
    let id = stand.fault(hit.json());
    let mut broken = Vec::new();
    if matches!(expected, 8 | 9) {
        let plan = stand.plan().await;
        let code = ExitCode::of_plan(&plan.blocked, false, plan.has_changes(), false).code();
        if code != expected || plan.has_changes() {
            broken.push(format!("plan: exit {code}, {} steps", plan.steps.len()));
        }
    }
    let report = stand.apply().await;
    if report.exit_code() != expected {
        let open: Vec<_> = report.steps.iter().filter(|step| !step.outcome.is_done()).collect();
        broken.push(format!(
            "exit {}, not {expected}; open {open:?}, blocked {:?}",
            report.exit_code(),
            report.blocked
        ));
    }
    if stand.sim.fault_hits(&id) == Some(0) {
        broken.push("the fault never struck".to_owned());
    }
    broken.extend(stand.never());
    broken.extend(written_although_unknown(&stand, &report));
    match expected {
        0 => {
            broken.extend(stand.differences(&ALL));
            stand.sim.clear_faults();
            broken.extend(stand.nothing_to_plan().await);
        }
        8 | 9 if stand.history() != History::default() => {
            broken.push(format!("something was written: {:?}", stand.history()));
        }
        _ => {}
    }
    if let Some(token) = hit.within {
        let others: Vec<&str> = ALL.into_iter().filter(|other| *other != token).collect();
        broken.extend(stand.differences(&others));
    }
    if expected != 0 {
        broken.extend(stand.converge().await);
    }
    broken.extend(stand.judge());
    broken.into_iter().map(|what| format!("{hit:?}: {what}")).collect()
}

async fn overcome(hits: impl IntoIterator<Item = Hit>) {
    let mut broken = Vec::new();
    for hit in hits {
        broken.extend(broken_by(hit, hit.exit_code()).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// All faults on one operation.
async fn all_faults_on(operation: Operation) {
    let hit = |fault, when, lasting| Hit { operation, fault, when, lasting, within: None };
    let before = BEFORE.into_iter().map(|fault| hit(fault, "before", false));
    let after = AFTER.into_iter().map(|fault| hit(fault, "after", false));
    let lasting = LASTING.into_iter().map(|(fault, when)| hit(fault, when, true));
    overcome(before.chain(after).chain(lasting)).await;
}

macro_rules! all_faults_on {
    ($($test:ident: $operation:expr;)*) => {
        $(#[tokio::test]
        async fn $test() {
            all_faults_on($operation).await;
        })*
    };
}

all_faults_on! {
    faults_on_signing_in: O::SignIn;
    faults_on_the_list_of_tokens: O::Tokens;
    faults_on_the_scope_tags: O::ScopeTags;
    faults_on_the_profiles: O::Profiles;
    faults_on_the_devices: O::Devices;
    faults_on_looking_after_a_sync: O::Token;
    faults_on_updating_a_token: O::UpdateToken;
    faults_on_deleting_a_token: O::DeleteToken;
    faults_on_creating: O::CreateProfile;
    faults_on_updating: O::UpdateProfile;
    faults_on_deleting: O::DeleteProfile;
    faults_on_setting_the_default: O::SetDefault;
    faults_on_assigning: O::Assign;
    faults_on_a_sync: O::Sync;
    faults_on_batches: O::Batch;
}

#[tokio::test]
async fn faults_on_requests_within_a_batch() {
    let hit = |operation, fault, lasting| Hit { operation, fault, when: "before", lasting, within: None };
    let mut broken = Vec::new();
    for operation in [O::Profiles, O::Devices, O::Assign] {
        for fault in ["batch-item-429", "batch-item-500"] {
            broken.extend(broken_by(hit(operation, fault, false), 0).await);
            // The tenant with one token asks without a batch; what waited for a sync does, too.
            broken.extend(broken_by(hit(operation, fault, true), 6).await);
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn answers_that_differ_without_being_failures_change_nothing() {
    let hit = |operation, fault| Hit { operation, fault, when: "before", lasting: true, within: None };
    let mut broken = Vec::new();
    for (operation, fault) in [
        (O::CreateProfile, "late-visibility"),
        (O::UpdateProfile, "patch-204"),
        (O::UpdateToken, "patch-204"),
        (O::Tokens, "ecv2"),
        (O::Profiles, "ecv2"),
        (O::Devices, "duplicate-rows"),
        (O::Profiles, "duplicate-rows"),
        (O::Tokens, "unknown-members"),
        (O::ScopeTags, "unknown-members"),
        (O::Profiles, "unknown-members"),
        (O::Devices, "unknown-members"),
        (O::CreateProfile, "unknown-members"),
        (O::UpdateProfile, "unknown-members"),
    ] {
        broken.extend(broken_by(hit(operation, fault), 0).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn a_page_that_fails_in_the_middle_makes_its_list_unknown() {
    let mut broken = Vec::new();
    for fault in ["page-error", "page-error cut"] {
        for operation in [O::Devices, O::Profiles] {
            let hit = Hit { operation, fault, when: "before", lasting: false, within: None };
            broken.extend(broken_by(hit, 0).await);
        }
        // Only `main` has more than one page of devices; the others are done.
        let hit = Hit { operation: O::Devices, fault, when: "before", lasting: true, within: Some(MAIN) };
        broken.extend(broken_by(hit, 6).await);
        // The second page of profiles comes with the new one, which cannot be proven then.
        broken.extend(broken_by(Hit { operation: O::Profiles, within: None, ..hit }, 6).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn nothing_is_built_upon_what_could_not_be_read_back() {
    // The plan reads three pages of devices and one of profiles under `main`.
    for (operation, nth) in [(O::Devices, 4), (O::Profiles, 2)] {
        for fault in ["401", "503", "cut"] {
            let stand = Stand::between_editions().await;
            let mut json = Hit { operation, fault, when: "before", lasting: true, within: Some(MAIN) }.json();
            json["nth"] = json!(nth);
            stand.fault(json);
            let report = stand.apply().await;
            assert!(matches!(report.exit_code(), 6 | 7), "{operation:?} {fault}: {report:#?}");
            let history = stand.history();
            let deleted =
                history.profiles_deleted.get(MAIN).is_some_and(|names| names.contains_key("Pruned"));
            assert!(!deleted, "{operation:?} {fault}: devices may still have what was deleted: {report:#?}");
            if operation == O::Profiles {
                let made: Vec<&String> = history.profiles_created.keys().collect();
                assert_eq!(made, [MAIN], "{fault}: other tokens before the first one was proven");
            }
            assert_eq!(stand.converge().await, [""; 0], "{operation:?} {fault}");
        }
    }
}

#[tokio::test]
async fn a_fault_stays_within_its_token() {
    let mut broken = Vec::new();
    for operation in [O::Profiles, O::Devices, O::CreateProfile, O::UpdateProfile, O::Assign] {
        // A cut would take the batch with it, and with that the others.
        for fault in ["401", "429", "503"] {
            let hit = Hit { operation, fault, when: "before", lasting: true, within: Some(SECOND) };
            broken.extend(broken_by(hit, 6).await);
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn a_tenant_that_lets_nobody_in_does_not_stop_the_other() {
    let mut broken = Vec::new();
    for fault in ["401", "429", "503", "cut"] {
        let stand = Stand::between_editions().await;
        let mut json =
            Hit { operation: O::SignIn, fault, when: "before", lasting: true, within: None }.json();
        json["within"] = json!(super::fleet::ONE);
        stand.fault(json);
        assert_eq!(stand.apply().await.exit_code(), 6, "{fault}");
        broken.extend(stand.differences(&[OTHER]));
        broken
            .extend([MAIN, SECOND, OLD].into_iter().filter(|id| !stand.is_untouched(id)).map(str::to_owned));
        broken.extend(stand.converge().await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
