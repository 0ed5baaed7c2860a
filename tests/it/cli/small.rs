//! The examples, from validation to the second apply that finds nothing to do.

use std::path::Path;

use serde_json::Value;

use super::operations;
use crate::support::TestEnv;

/// One sign-in, and each list once.
const LEAST: [(&str, u64); 6] = [
    ("deviceManagement.applePushNotificationCertificate.get", 1),
    ("deviceManagement.depOnboardingSettings.get", 1),
    ("deviceManagement.depOnboardingSettings.item.enrollmentProfiles.get", 1),
    ("deviceManagement.depOnboardingSettings.item.importedAppleDeviceIdentities.get", 1),
    ("deviceManagement.roleScopeTags.get", 1),
    ("token", 1),
];

fn least() -> Vec<(String, u64)> {
    LEAST.map(|(operation, count)| (operation.to_owned(), count)).to_vec()
}

#[test]
fn every_example_is_in_order_and_comes_to_rest() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(examples).expect("there are examples") {
        let entry = entry.expect("a folder that can be read");
        // Not every example is a fleet.
        if !entry.path().join("fleet.yaml").is_file() {
            continue;
        }
        seen += 1;
        let env = TestEnv::with_example(&entry.file_name().to_string_lossy());
        env.run(["validate"]).expect(0);
        env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
        env.run(["apply", "--sim", "--yes"]).expect(0);
        env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
        let calls: Vec<Value> =
            serde_json::from_str(&env.read(".espalier/sim/calls.json")).expect("a list of calls");
        assert!(calls.iter().all(|call| call["kind"] == "read"), "a plan only reads: {calls:?}");
    }
    assert!(seen > 0, "no example was found");
}

#[test]
fn a_second_apply_writes_nothing_and_reads_each_list_once() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(2);
    assert_eq!(operations(&server.calls()), least());
    let first = env.run(["apply", &server.flag(), "--yes"]).expect(0);
    assert!(first.stdout.contains("Apply: 7 committed."), "{}", first.stdout);
    assert!(server.count("write") > 0);

    server.forget_calls();
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    assert_eq!((server.count("write"), operations(&server.calls())), (0, least()));
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
}

#[test]
fn what_is_changed_in_the_portal_is_planned_back() {
    let (env, server) = super::applied();
    server.portal(&serde_json::json!({
        "do": "patchProfile", "token": super::TOKEN, "profile": "Kiosk",
        "members": { "supportDepartment": "Somebody else" },
    }));
    let plan = env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
    assert!(plan.stdout.contains("No changes."), "no document speaks of the department: {}", plan.stdout);

    server.portal(&serde_json::json!({
        "do": "patchProfile", "token": super::TOKEN, "profile": "Kiosk",
        "members": { "profileRemovalDisabled": false },
    }));
    let plan = env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(2);
    for part in ["update EnrollmentProfile/kiosk@main", "lockedEnrollment", "drifted", "1 to update"] {
        assert!(plan.stdout.contains(part), "no `{part}` in:\n{}", plan.stdout);
    }
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
}
