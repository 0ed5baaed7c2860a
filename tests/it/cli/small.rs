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
        // Its acts end in several applies: `story` plays them.
        if entry.file_name() == "helpdesk" {
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

/// The operations on the records of devices, with what the service remembers of actions on them.
fn about_records(calls: &[Value]) -> Vec<(String, u64)> {
    let mut all = operations(calls);
    all.retain(|(operation, _)| operation.contains("managedDevices") || operation.contains("Audits"));
    all
}

#[test]
fn a_folder_without_acts_asks_for_no_record_and_needs_no_right_to_read_them() {
    let (env, server) = super::applied();
    let flag = server.flag();
    for command in ["plan", "apply", "status", "drift"] {
        server.forget_calls();
        let mut args = vec![command, flag.as_str()];
        args.extend((command == "apply").then_some("--yes"));
        env.run(args).expect(0);
        assert_eq!(about_records(&server.calls()), [], "{command}");
        if ["plan", "apply"].contains(&command) {
            assert_eq!(operations(&server.calls()), least(), "{command}");
        }
    }
    // Who shows devices says what each is, where that may be read.
    let refused = "deviceManagement.managedDevices.get";
    server.fault(&serde_json::json!({ "fault": "403", "operation": refused }));
    let shown = env.run(["devices", &flag, "--format", "json"]).expect(0);
    assert!(shown.stderr.contains("are left out, since no document here needs them"), "{}", shown.stderr);
    assert_eq!(shown.json()["complete"], true);
    // A folder that hangs on them is told that they are missing.
    env.write(
        "lost.yaml",
        "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {name: lost}\nspec:\n  action: lock\n  devices: {serials: [C02A0001XXXX]}\n  requestedAt: 2026-10-01T08:00:00Z\n  reason: lost\n",
    );
    env.run(["devices", &flag, "--format", "json"]).expect(8);
}
