//! What programs read: JSON with a schema, worlds, ledgers, starter folders.

use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{TOKEN, applied};
use crate::support::{TestEnv, schema, world};

#[test]
fn json_outputs_hold_to_their_schemas() {
    let (env, server) = applied();
    let flag = server.flag();
    let flag = flag.as_str();
    let json = |args: &[&str]| env.run(args).expect(0).json();
    schema::holds("diagnostics", &json(&["validate", "--format", "json"]));
    schema::holds("plan", &json(&["plan", flag, "--format", "json"]));
    schema::holds("apply-report", &json(&["apply", flag, "--yes", "--format", "json"]));
    schema::holds("status", &json(&["status", flag, "--format", "json"]));
    let devices = json(&["devices", flag, "--format", "json"]);
    schema::holds("devices", &devices);

    let rows = devices["devices"].as_array().expect("a list");
    let kiosk = rows.iter().find(|row| row["serial"] == "DMPK1A01LMF5").expect("a named serial");
    assert_eq!((&kiosk["apple"], kiosk["mdm"].is_object()), (&Value::Null, true), "{kiosk}");
    assert!(kiosk["profile"].to_string().contains("Kiosk"), "{kiosk}");
    let unassigned = json(&["devices", flag, "--unassigned", "--format", "json"]);
    let bare = unassigned["devices"].as_array().expect("a list");
    assert!(bare.len() < rows.len() && bare.iter().all(|row| row["profile"].is_null()), "{bare:?}");

    let csv = env.run(["devices", flag, "--format", "csv"]).expect(0);
    assert_eq!(csv.stdout.lines().count(), rows.len() + 1, "{}", csv.stdout);
    let text = env.run(["devices", flag]).expect(0);
    assert!(text.stdout.contains("DMPK1A01LMF5"), "{}", text.stdout);
}

#[test]
fn a_plan_for_a_pull_request_is_cut_to_what_its_host_takes() {
    let env = TestEnv::with_example("small");
    let most = |size: &str| env.run(["plan", "--sim", "--format", "markdown", "--max-size", size]);
    let whole = most("65000").expect(0).stdout;
    assert!(whole.contains("3 to create") && !whole.contains("Cut to fit"), "{whole}");
    let cut = most("2000").expect(0).stdout;
    assert!(cut.len() <= 2_000 && cut.contains("Cut to fit 2,000 characters"), "{cut}");
    assert!(cut.contains("3 to create"), "the summary is there: {cut}");
    assert_eq!(cut.matches("<details").count(), cut.matches("</details>").count(), "{cut}");
    let refused = most("1999").expect(64);
    assert!(refused.stderr.contains("the smallest is 2000"), "{}", refused.stderr);

    // A saved plan says the same as the plan did, and an apply what came of it.
    env.run(["plan", "--sim", "-o", "plan.json"]).expect(0);
    let shown = env.run(["show", "plan.json", "--format", "markdown"]).expect(0).stdout;
    assert_eq!(shown.lines().nth(2), whole.lines().nth(2));
    let applied = env.run(["apply", "--sim", "--yes", "--format", "markdown"]).expect(0).stdout;
    assert!(applied.contains("**Apply: 7 committed.**") && applied.contains("Exit code 0"), "{applied}");
    let again = env.run(["plan", "--sim", "--format", "markdown"]).expect(0).stdout;
    assert!(again.contains("are as the documents say.**"), "{again}");
}

#[test]
fn a_services_words_in_a_plan_are_text_and_no_markup() {
    let (env, server) = applied();
    let name = "</code></summary><b>@org/team</b> `x`";
    server.portal(&json!({ "do": "patchProfile", "token": TOKEN, "profile": "Kiosk", "members": { "deviceNameTemplate": "[x](http://evil.example)\n/close" } }));
    server.portal(&super::portal_profile(name));
    let flag = server.flag();
    let args = ["plan", "--format", "markdown", "--show-unmanaged", flag.as_str()];
    let text = env.run(args).expect(0).stdout;
    // Within its code span, and within the block of the change.
    assert!(text.contains(&format!("`` {name} ``")), "{text}");
    assert!(text.contains("\n-   [x](http://evil.example)\n-   /close\n"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with(['/', '@'])), "{text}");
}

#[test]
fn the_clock_of_a_kept_world_is_stepped_and_the_world_discarded() {
    let env = TestEnv::with_example("small");
    let days_left = |env: &TestEnv| {
        let status = env.run(["status", "--sim", "--format", "json"]).expect(0).json();
        status["tokens"][0]["daysToExpiry"].as_i64().expect("a number of days")
    };
    env.run(["apply", "--sim", "--yes"]).expect(0);
    let fresh = days_left(&env);
    let stepped = env.run(["sim", "step", "30d"]).expect(0);
    assert!(stepped.stdout.contains("2026-12-02T08:00:00Z"), "{}", stepped.stdout);
    assert_eq!(days_left(&env), fresh - 30);
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
    env.run(["sim", "reset"]).expect(0);
    assert!(!env.documents().join(".espalier/sim/world.json").exists());
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
    assert_eq!(days_left(&env), fresh);
}

#[test]
fn a_given_world_is_begun_with_and_left_as_it_is() {
    let (_env, server) = applied();
    server.portal(&json!({ "do": "deleteProfile", "token": TOKEN, "profile": "Kiosk" }));
    let text = server.world().to_string();
    let other = TestEnv::with_example("small");
    other.write("../world.json", &text);
    let flag = "--sim=../world.json";
    let plan = other.run(["plan", flag, "--detailed-exitcode"]).expect(2);
    assert!(plan.stdout.contains("create EnrollmentProfile/kiosk@main"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("create EnrollmentProfile/standard@main"), "{}", plan.stdout);
    other.run(["apply", flag, "--yes"]).expect(0);
    other.run(["plan", flag, "--detailed-exitcode"]).expect(0);
    assert_eq!(other.read("../world.json"), text);
    // What becomes of it is kept apart from the folder's own world, which is untouched.
    let kept = std::fs::read_dir(other.documents().join(".espalier/sim"))
        .expect("the simulator's folder")
        .map(|entry| entry.expect("an entry").path().join("world.json"))
        .find(|path| path.exists())
        .expect("a kept world");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).expect("a text")).expect("a world");
    other.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
    assert_eq!(world::counted(&kept, "profilesCreated").get("Kiosk"), Some(&2), "one in each life");

    other.write("../world.json", "{}");
    let output = other.run(["plan", flag]).expect(1);
    assert!(output.stderr.contains("world.json"), "{}", output.stderr);
}

#[test]
fn a_ledger_is_made_once_checked_and_read() {
    let env = TestEnv::with_example("small");
    let made = env.run(["ledger", "create"]).expect(0);
    assert!(made.stdout.contains("6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40"), "{}", made.stdout);
    env.run(["ledger", "create"]).expect(1);
    let checked = env.run(["ledger", "check", "--format", "json"]).expect(0).json();
    assert_eq!((&checked["entries"], &checked["problems"]), (&json!(1), &json!([])));
    assert!(env.run(["ledger", "journal"]).expect(0).stdout.contains("born"));

    // The simulator's is another one, and makes itself.
    env.run(["apply", "--sim", "--yes"]).expect(0);
    let journal = env.run(["ledger", "journal", "--sim"]).expect(0).stdout;
    assert!(journal.contains("EnrollmentProfile/kiosk@main"), "{journal}");
    let words = env.run(["ledger", "check", "--sim"]).expect(0).stdout;
    assert!(words.ends_with("It is whole.\n"), "{words}");
    let last = env.run(["ledger", "journal", "--sim", "--last", "2"]).expect(0).stdout;
    assert_eq!(
        last.lines().collect::<Vec<_>>(),
        journal.lines().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>()
    );
    let checked = env.run(["ledger", "check", "--format", "json"]).expect(0).json();
    assert_eq!(checked["entries"], json!(1));
}

#[test]
fn a_starter_folder_is_in_order_and_comes_to_rest() {
    let env = TestEnv::new();
    env.run(["init", "fleet"]).expect(0);
    env.run(["validate", "fleet"]).expect(0);
    env.run(["plan", "fleet", "--sim", "--detailed-exitcode"]).expect(2);
    env.run(["apply", "fleet", "--sim", "--yes"]).expect(0);
    env.run(["plan", "fleet", "--sim", "--detailed-exitcode"]).expect(0);
    let before = env.read("fleet/fleet.yaml");
    env.run(["init", "fleet"]).expect(0);
    assert_eq!(env.read("fleet/fleet.yaml"), before);
}

#[test]
fn shells_and_man_pages_know_every_command() {
    let env = TestEnv::new();
    let commands = ["init", "validate", "plan", "show", "apply", "status", "devices", "sim", "ledger"];
    for shell in ["bash", "zsh", "fish"] {
        let script = env.run(["completions", shell]).expect(0).stdout;
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
    }
    assert!(env.run(["man"]).expect(0).stdout.contains(".TH espalier"));
    env.run(["man", "--output", "pages"]).expect(0);
    for command in commands {
        assert!(env.read(&format!("pages/espalier-{command}.1")).contains(command));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (env, server) = applied();
    for args in [&["devices"][..], &["plan"], &["plan", "--format", "json"], &["status"]] {
        let flag = server.flag();
        let mut command = env.command(args.iter().copied().chain([flag.as_str()]));
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        // Nobody reads a single byte.
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("stderr is piped").read_to_string(&mut stderr).expect("UTF-8");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{args:?}: {stderr}");
    }
}
