//! How a watch ends: between two requests, and the next run finds everything in order.

use serde_json::json;

use super::{switch, watched};
use crate::support::{SimServer, TestEnv, Watching};

/// A watch that applies, caught at its first request that makes a profile.
fn caught() -> (TestEnv, SimServer, Watching) {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    server.fault(&json!({
        "id": "held", "fault": "hold", "kind": "write",
        "operation": "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post",
    }));
    switch(&env, "{ onCommit: apply }");
    let watching = Watching::start(env.command(["watch", &server.flag()]));
    assert!(server.fault_struck("held"));
    (env, server, watching)
}

#[test]
fn a_termination_ends_it_after_the_request_that_is_under_way() {
    let (env, server, mut watching) = caught();
    watching.signal(libc::SIGTERM);
    watching.said("warning: stopping after the request that is under way");
    server.post_json("/faults/release", &json!({}));
    let applied = watching.event("applied");
    assert_eq!(applied["report"]["interrupted"], true);
    let of = |outcome: &str| {
        let steps = applied["report"]["steps"].as_array().expect("steps").iter();
        steps.filter(|step| step["outcome"]["is"] == outcome).count()
    };
    let all = applied["report"]["steps"].as_array().expect("steps").len();
    assert!(of("committed") > 0, "what was under way came to its end: {applied}");
    assert!(of("pending") > 0, "what had not begun did not begin: {applied}");
    assert_eq!(of("committed") + of("pending"), all, "{applied}");
    watching.event("stopping");
    assert_eq!(watching.end(), Some(0));
    // The lock is free, and any later apply goes on.
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_second_signal_ends_it_at_once_with_a_word() {
    let (env, server, mut watching) = caught();
    watching.signal(libc::SIGTERM);
    watching.said("warning: stopping after the request that is under way");
    watching.signal(libc::SIGINT);
    watching.said("warning: ended at once");
    assert_eq!(watching.end(), Some(130));
    server.delete("/faults");
    // What came of the request is found out once services have had the time to show it.
    server.post_json("/clock", &json!({ "advance": "3m" }));
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
}

#[test]
fn an_idle_watch_ends_at_once_and_keeps_its_world() {
    let (env, watching, control) = watched();
    env.run(["apply", "--yes", &control.flag()]).expect(0);
    watching.signal(libc::SIGINT);
    assert_eq!(watching.end(), Some(0));
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_termination_while_reading_leaves_the_reading() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    server.fault(&json!({ "id": "held", "fault": "hold", "kind": "read" }));
    switch(&env, "{ onCommit: apply }");
    let watching = Watching::start(env.command(["watch", &server.flag()]));
    assert!(server.fault_struck("held"));
    watching.signal(libc::SIGTERM);
    assert_eq!(watching.end(), Some(0));
    server.delete("/faults");
    env.run(["apply", "--yes", &server.flag()]).expect(0);
}
