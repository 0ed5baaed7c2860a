//! What is known already: grandfathered and acknowledged findings, and what ends.

use serde_json::json;

use super::TOKEN;
use crate::support::TestEnv;

/// A profile that is locked and not supervised, as somebody made it by hand.
const BY_HAND: &str = "
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: { name: by-hand }
spec:
  displayName: By hand
  tokens: [contoso]
  platform: ios
  userAffinity: none
  supervised: false
  lockedEnrollment: true
";

#[test]
fn p12_a_violation_that_stands_live_is_counted_and_fails_nothing() {
    let env = TestEnv::with_example("small");
    let token = env.read("token.yaml");
    let name = token.lines().find_map(|line| line.split_once("name: ")).expect("a name").1;
    let name: String = name.chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '-').collect();
    env.write("by-hand.yaml", &BY_HAND.replace("contoso", &name));
    let server = env.serve();
    // As a wish it is refused: the profile does not stand yet.
    env.run(["validate"]).expect(3);
    env.run(["plan", &server.flag()]).expect(3);
    server.portal(&json!([{ "do": "createProfile", "token": TOKEN, "profile": {
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "By hand",
        "requiresUserAuthentication": false, "isMandatory": true,
        "supervisedModeEnabled": false, "profileRemovalDisabled": true,
    } }]));
    let plan = env.run(["plan", "--format", "json", &server.flag()]).expect(0).json();
    assert_eq!(plan["grandfathered"][0]["rule"], "P-12", "{plan:#}");
    let shown = env.run(["plan", &server.flag()]).expect(0).stdout;
    assert!(shown.contains("1 grandfathered finding P-12"), "{shown}");

    let shown = env.run(["plan", "--format", "markdown", &server.flag()]).expect(0).stdout;
    assert!(shown.contains("- Known: 1 grandfathered finding `(P-12)`"), "{shown}");

    // Acknowledged, it is counted only.
    env.replace(
        "by-hand.yaml",
        "spec:\n",
        "spec:\n  acknowledge: [{ rule: P-12, reason: kiosks, until: 2099-01-31 }]\n",
    );
    let shown = env.run(["plan", &server.flag()]).expect(0).stdout;
    assert!(!shown.contains("grandfathered"), "{shown}");
    assert!(shown.contains("1 acknowledged, next until 2099-01-31 (P-12)"), "{shown}");
}

#[test]
fn t6_a_token_warns_before_its_end_and_is_an_error_after_it() {
    let env = TestEnv::with_example("small");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    env.run(["sim", "step", "350d"]).expect(0);
    let shown = env.run(["plan", "--sim"]).expect(0).stdout;
    assert!(shown.contains("T-6") && shown.contains("the enrollment token expires on"), "{shown}");
    env.run(["sim", "step", "20d"]).expect(0);
    let plan = env.run(["plan", "--sim", "--format", "json"]).expect(8).json();
    assert_eq!(plan["blocked"][0]["rule"], "T-6", "{plan:#}");
    assert_eq!(plan["blocked"][0]["cause"], "credentials", "{plan:#}");
}

#[test]
fn t12_the_plan_warns_of_the_push_certificate_where_the_fleet_says_when() {
    const READS: &str = "deviceManagement.applePushNotificationCertificate.get";
    let env = TestEnv::with_example("small");
    let server = env.serve();
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    let plan = |format: &str| env.run(["plan", "--format", format, &server.flag()]).expect(0).stdout;
    let reads = || {
        let calls = server.calls();
        calls.iter().any(|call| call["operation"] == READS)
    };
    assert!(!plan("text").contains("T-12"), "a year is left");

    let tenant = server.world()["tenants"][0]["id"].clone();
    let ends = json!({ "expirationDateTime": "2020-01-02T03:04:05Z" });
    server.portal(&json!([{ "do": "patchPushCertificate", "tenant": tenant, "members": ends }]));
    for format in ["text", "json", "markdown"] {
        let shown = plan(format);
        assert!(shown.contains("T-12") && shown.contains("expired on 2020-01-02"), "{format}: {shown}");
    }
    server.portal(&json!([{ "do": "removePushCertificate", "tenant": tenant }]));
    assert!(plan("text").contains("has no Apple MDM push certificate"));

    // Who may not read it plans all the same, and hears what is lacking.
    server.fault(&json!({ "fault": "403", "operation": READS, "times": 0 }));
    let shown = env.run(["plan", "--detailed-exitcode", &server.flag()]).expect(0).stdout;
    assert_eq!(shown.matches("certificate expires is not known").count(), 1, "{shown}");
    assert!(shown.contains("DeviceManagementManagedDevices.Read.All"), "{shown}");
    assert!(shown.contains("No changes."), "{shown}");

    // A Fleet that does not ask needs neither the call nor the permission.
    env.replace("fleet.yaml", "  expiryWarning: 30d\n", "");
    server.forget_calls();
    assert!(!plan("text").contains("T-12"));
    assert!(!reads());
    // `status` always asks.
    env.run(["status", &server.flag()]).expect(0);
    assert!(reads());
}
