//! The exit codes that have no scenario of their own elsewhere: 1, 6, 7, 8, 9, 64. The others: 0 and
//! 2 in `small`, 3 in `documents`, 4 in `gates`, 5 in `plan_file`, 10 in `lock`.

use serde_json::json;

use crate::crash;
use crate::support::{TestEnv, schema, world};

const TOKENS: &str = "deviceManagement.depOnboardingSettings.get";
const CREATE: &str = "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post";

#[test]
fn six_where_something_was_done_and_something_failed() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    server.fault(&json!({ "fault": "500", "operation": CREATE, "nth": 3, "times": 0 }));
    let report = env.run(["apply", "--yes", &server.flag(), "--format", "json"]).expect(6).json();
    schema::holds("apply-report", &report);
    assert_eq!(report["exitCode"], 6);
    server.delete("/faults");
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    env.run(["plan", "--detailed-exitcode", &server.flag()]).expect(0);
    let created = world::counted(&server.world(), "profilesCreated");
    assert!(created.len() == 3 && created.values().all(|count| *count == 1), "{created:?}");
}

#[test]
fn seven_where_what_was_sent_is_not_confirmed_in_time() {
    let env = TestEnv::with_fleet(crash::FLEET);
    let server = env.serve_world(&crash::beginning());
    // A sync takes its time, and there is none.
    let output = env.run(["apply", "--yes", "--wait", "0s", &server.flag()]).expect(7);
    assert!(output.stdout.contains("unconfirmed sync EnrollmentToken/main"), "{}", output.stdout);
    // Later the serial is there, and no second sync is asked for.
    server.post_json("/clock", &json!({ "advance": "15m" }));
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    env.run(["plan", "--detailed-exitcode", &server.flag()]).expect(0);
    let syncs = &server.world()["history"]["syncs"];
    assert_eq!(syncs.as_object().expect("counters").values().collect::<Vec<_>>(), [&json!(1)]);
}

#[test]
fn eight_where_the_sign_in_is_refused() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    server.fault(&json!({ "fault": "401", "operation": "token", "times": 0 }));
    for args in [&["plan"][..], &["apply", "--yes"], &["devices"], &["status"]] {
        let flag = server.flag();
        let output = env.run(args.iter().copied().chain([flag.as_str()])).expect(8);
        assert!(output.stdout.contains("contoso") || output.stderr.contains("contoso"), "{output:?}");
    }
    assert_eq!(server.count("write"), 0);
}

#[test]
fn nine_where_the_service_is_away_or_throttles_and_nothing_was_written() {
    for fault in ["503", "429"] {
        let env = TestEnv::with_example("small");
        let server = env.serve();
        server.fault(&json!({ "fault": fault, "operation": TOKENS, "times": 0 }));
        for args in [&["plan"][..], &["apply", "--yes"], &["devices"], &["status"]] {
            let flag = server.flag();
            env.run(args.iter().copied().chain([flag.as_str()])).expect(9);
        }
        assert_eq!(server.count("write"), 0);
    }
}

#[test]
fn one_for_what_has_no_code_of_its_own() {
    let env = TestEnv::with_example("small");
    let output = env.run(["plan", "--sim=http://127.0.0.1:9"]).expect(1);
    assert!(output.stderr.contains("no simulator answers"), "{}", output.stderr);
    let output = env.run(["show", "nothing.json"]).expect(1);
    assert!(output.stderr.contains("nothing.json"), "{}", output.stderr);
}

#[test]
fn sixty_four_for_a_wrong_command_line_and_for_nobody_to_ask() {
    let env = TestEnv::with_example("small");
    for args in [&["paln"][..], &["plan", "--nonsense"], &["apply", "--override", "all"], &[]] {
        assert!(!env.run(args).expect(64).stderr.is_empty());
    }
    let output = env.run(["apply", "--sim"]).expect(64);
    assert!(output.stderr.contains("no terminal") && output.stderr.contains("--yes"), "{}", output.stderr);
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
}

#[test]
fn a_world_that_is_not_there_is_no_empty_one() {
    let env = TestEnv::with_example("small");
    env.run(["apply", "--sim", "--yes"]).expect(0);
    for command in ["plan", "apply"] {
        let output = env.run([command, "--sim=nowhere.json"]);
        assert_ne!(output.code, Some(0), "{}", output.stdout);
        assert!(output.stderr.contains("nowhere.json"), "{}", output.stderr);
    }
}
