//! Services that fail, a lock that is held, many looks, and what is served about it all.

use serde_json::{Value, json};

use super::{switch, watch_here, watched};
use crate::cli::applied;
use crate::support::{TestEnv, Watching};

/// A second tenant with a token and a profile of its own.
pub const SECOND: &str = "
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: fabrikam}
spec:
  intune:
    tenantId: 11111111-2222-4333-8444-555555555555
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: {clientSecret: {env: OTHER}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: second}
spec: {displayName: Fabrikam, mdm: fabrikam}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: second}
spec:
  tokens: [second]
  platform: ios
  userAffinity: none
  supervised: true
  department: Fabrikam
";

#[test]
fn a_domain_that_fails_is_left_alone_for_a_while_and_holds_up_nobody() {
    let env = TestEnv::with_example("small");
    env.write("second.yaml", SECOND);
    let (mut watching, control) = watch_here(&env);
    let world = control.get("/world");
    let tokens: Vec<&Value> = world["tenants"]
        .as_array()
        .expect("tenants")
        .iter()
        .flat_map(|tenant| tenant["tokens"].as_array().expect("tokens"))
        .collect();
    let main = tokens.iter().find(|token| token["name"] == super::super::TOKEN).expect("the token");
    control.post(
        "/faults",
        &json!({ "fault": "429", "within": main["id"], "kind": "read", "times": 0, "retryAfter": 1200 }),
    );
    control.post(
        "/faults",
        &json!({ "fault": "batch-item-429", "within": main["id"], "kind": "read", "times": 0, "retryAfter": 1200 }),
    );
    control.advance("1h");
    let held = watching.event("held");
    assert_eq!(held["domain"], "EnrollmentToken/main", "{held}");
    let now: jiff_time::At = jiff_time::of(&control.get("/clock")["now"]);
    assert!(jiff_time::of(&held["until"]) >= now + 1100, "the service asked for 20 minutes: {held}, {now}");
    assert_eq!(watching.event("looked")["blocked"], 1);

    // The other one goes on, and alone.
    env.replace("second.yaml", "department: Fabrikam", "department: Elsewhere");
    let looking = watching.event("looking");
    assert_eq!((&looking["tokens"], &looking["why"]), (&json!(["second"]), &json!(["documents"])));
    assert_eq!(watching.event("looked")["blocked"], 0);

    // The pause passes, and what was wrong is over.
    crate::support::exchange(reqwest::Method::DELETE, &format!("{}/faults", control.0), None);
    control.advance("25m");
    let looking = watching.event("looking");
    assert_eq!((&looking["tokens"], &looking["why"]), (&json!(["main"]), &json!(["backOff"])));
    assert_eq!(watching.event("looked")["blocked"], 0);
}

/// Seconds of an instant as the simulator writes it.
mod jiff_time {
    pub type At = i64;

    pub fn of(value: &serde_json::Value) -> At {
        let text = value.as_str().expect("an instant");
        text.parse::<espalier::model::clock::Timestamp>().expect("RFC 3339").as_second()
    }
}

#[test]
fn a_lock_that_is_held_is_told_and_waited_for() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    server.fault(&json!({
        "id": "held", "fault": "hold", "kind": "write",
        "operation": "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post",
    }));
    let mut other = env.command(["apply", "--yes", &server.flag()]);
    let mut other = other
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    assert!(server.fault_struck("held"));
    switch(&env, "{ onCommit: apply }");
    let mut watching = Watching::start(env.command(["watch", &server.flag()]));
    let retry = watching.event("retry");
    let words = retry["error"].as_str().expect("words");
    assert!(
        words.contains("another run holds the lock") && words.contains(&other.id().to_string()),
        "{words}"
    );
    assert!(retry["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    server.post_json("/faults/release", &json!({}));
    assert!(other.wait().expect("it is a child").success());
    let looked = watching.event("looked");
    assert_eq!((&looked["planned"], &looked["blocked"]), (&json!(0), &json!(0)));
}

#[test]
fn two_hundred_looks_cost_their_reads_and_no_more_memory_or_files() {
    let (env, mut watching, control) = watched();
    env.run(["apply", "--yes", &control.flag()]).expect(0);
    crate::support::exchange(reqwest::Method::DELETE, &format!("{}/calls", control.0), None);
    let mut early = None;
    for look in 1..=200 {
        control.advance("1h");
        let looked = watching.event("looked");
        assert_eq!(looked["planned"], 0, "{looked}");
        if look == 50 {
            early = Some(used(watching.id()));
        }
    }
    let calls = control.get("/calls");
    let count = |kind: &str| -> u64 {
        let calls = calls.as_array().expect("calls").iter().filter(|call| call["kind"] == kind);
        calls.map(|call| call["count"].as_u64().expect("a count")).sum()
    };
    let (reads, writes) = (count("read"), count("write"));
    // A request whose line broke on a busy machine is sent again; a look too many would be six.
    assert!((200 * 6..200 * 6 + 6).contains(&reads), "{reads} reads");
    assert_eq!(writes, 0);
    let ((files, kilobytes), (files_then, kilobytes_then)) = (used(watching.id()), early.expect("it was"));
    assert!(files <= files_then + 2, "{files_then} files after 50 looks, {files} after 200");
    assert!(
        kilobytes < kilobytes_then + kilobytes_then / 5 + 4096,
        "{kilobytes_then} KiB after 50 looks, {kilobytes} after 200"
    );
}

/// Open files and resident KiB of a process.
fn used(process: u32) -> (usize, u64) {
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    let kilobytes = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    (files, kilobytes)
}

#[test]
fn what_is_served_names_tokens_expiry_drift_and_calls() {
    let (env, server) = applied();
    let mut watching = Watching::start(env.command(["watch", &server.flag(), "--listen", "127.0.0.1:0"]));
    let address = watching.said("Serving http://").split('/').next().expect("an address").to_owned();
    watching.event("looked");
    server.portal(&json!({
        "do": "patchProfile", "token": super::super::TOKEN, "profile": "Kiosk",
        "members": { "profileRemovalDisabled": false },
    }));
    server.post_json("/clock", &json!({ "advance": "1h" }));
    watching.event("drift");
    watching.event("looked");
    assert_eq!(super::served(&address, "/readyz").0, 200);
    let (status, text) = super::served(&address, "/metrics");
    assert_eq!(status, 200);
    let of = "connection=\"contoso\",token=\"main\"";
    for line in [
        format!("espalier_drift_steps{{{of}}} 1"),
        format!("espalier_planned_steps{{{of}}} 1"),
        format!("espalier_domain_blocked{{{of}}} 0"),
        format!("espalier_reconciles_total{{{of},outcome=\"ok\"}} 2"),
        "espalier_calls_total{connection=\"contoso\",kind=\"read\"} 12".to_owned(),
        "espalier_calls_total{connection=\"contoso\",kind=\"write\"} 0".to_owned(),
        "espalier_documents_valid 1".to_owned(),
        "espalier_queue_depth 0".to_owned(),
        "espalier_reconcile_seconds_count{connection=\"contoso\"} 2".to_owned(),
    ] {
        assert!(text.lines().any(|known| known == line), "no {line} in:\n{text}");
    }
    // T-6: when the token expires, as the service says it.
    let world = server.world();
    let expires = jiff_time::of(&world["tenants"][0]["tokens"][0]["expires"]);
    let line = format!(
        "espalier_expiry_timestamp_seconds{{kind=\"enrollmentToken\",connection=\"contoso\",name=\"main\"}} {expires}"
    );
    assert!(text.lines().any(|known| known == line), "no {line} in:\n{text}");
    // T-12: likewise the push certificate, since this Fleet says when to warn.
    let expires = jiff_time::of(&world["tenants"][0]["pushCertificate"]["expires"]);
    let line = format!(
        "espalier_expiry_timestamp_seconds{{kind=\"pushCertificate\",connection=\"contoso\",name=\"contoso\"}} {expires}"
    );
    assert!(text.lines().any(|known| known == line), "no {line} in:\n{text}");
    // A simulator's control port is none of it.
    assert_eq!(super::served(&address, "/portal").0, 404);
}
