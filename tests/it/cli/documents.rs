//! Documents with mistakes: all are told at once, and nothing is sent.

use serde_json::Value;

use crate::support::{TestEnv, schema};

/// Ten mistakes, each of another sort.
const TEN: &str = "\
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata:
  name: front-desk
spec:
  displayNam: Front desk
  tokens: [nowhere]
  platform: ios
  userAffinity: everyone
  supervised: \"yes\"
  sharedIpad: { maximumCachedUsers: 99 }
  pairing: { mode: allow }
  autoAdvance: true
  department: [IT]
  lockedEnrollment: maybe
  setupAssistant:
    hide: [sirri]
";

#[test]
fn ten_mistakes_are_told_at_once_with_place_reason_and_next_step() {
    let env = TestEnv::with_example("small");
    env.write("ten.yaml", TEN);
    let server = env.serve();
    let report = env.run(["validate", "--format", "json"]).expect(3).json();
    schema::holds("diagnostics", &report);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let refusals: Vec<&Value> = report["diagnostics"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|finding| finding["severity"] == "refuse")
        .collect();
    let mut lines = Vec::new();
    for finding in &refusals {
        assert_eq!(text(&finding["place"]["file"]), "ten.yaml", "{finding}");
        assert!(!text(&finding["message"]).is_empty() && !text(&finding["next"]).is_empty(), "{finding}");
        assert!(!text(&finding["code"]).is_empty(), "{finding}");
        lines.push(finding["place"]["line"].as_u64().expect("a line"));
    }
    lines.sort_unstable();
    assert_eq!(lines, [6, 7, 9, 10, 11, 12, 13, 14, 15, 17], "{refusals:#?}");

    // The same for those who want to plan or apply, and nothing leaves the machine.
    for command in ["validate", "plan", "apply"] {
        let flag = server.flag();
        let args: Vec<&str> = match command {
            "validate" => vec!["validate"],
            "plan" => vec!["plan", &flag],
            _ => vec!["apply", "--yes", &flag],
        };
        let output = env.run(args).expect(3);
        let shown = format!("{}{}", output.stdout, output.stderr);
        for line in &lines {
            assert!(shown.contains(&format!("--> ten.yaml:{line}:")), "{command}: line {line} in\n{shown}");
        }
        assert_eq!(shown.matches("refuse[").count(), 10, "{command}:\n{shown}");
        assert!(shown.matches("= next: ").count() >= 10, "{command}:\n{shown}");
    }
    assert_eq!(server.calls(), Vec::<Value>::new());
}

#[test]
fn what_a_pull_request_must_not_do_is_refused() {
    let env = TestEnv::with_example("small");
    let text = env.read("connection.yaml");
    for (bad, code) in [
        (text.clone() + "  endpoints: { graph: \"http://127.0.0.1:9\" }\n", "ESPALIER_ALLOW=endpoints"),
        (
            text.replace("{ env: INTUNE_CLIENT_SECRET }", "{ exec: [cat, /etc/hostname] }"),
            "ESPALIER_ALLOW=exec",
        ),
        (text.replace("{ env: INTUNE_CLIENT_SECRET }", "{ file: ../outside }"), "ESPALIER_ALLOW=files"),
    ] {
        env.write("connection.yaml", &bad);
        let output = env.run(["validate"]).expect(3);
        assert!(output.stdout.contains(code), "no `{code}` in:\n{}", output.stdout);
        assert!(output.stdout.contains("connection.yaml:"), "{}", output.stdout);
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_kept_where_a_link_leads_out_of_the_folder() {
    let env = TestEnv::with_example("small");
    let outside = env.home().join("outside");
    std::fs::create_dir_all(&outside).expect("a folder in the test's own home");
    std::fs::create_dir_all(env.documents().join(".espalier")).expect("a folder in the documents'");
    std::os::unix::fs::symlink(&outside, env.documents().join(".espalier/sim")).expect("a link");
    for args in [&["plan", "--sim"][..], &["apply", "--sim", "--yes"], &["sim", "step", "1h"]] {
        let output = env.run(args.to_vec()).expect(3);
        assert!(output.stderr.contains("is a link out of the documents' folder"), "{}", output.stderr);
    }
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
}
