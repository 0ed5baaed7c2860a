//! From the document to the archive: done once, followed, cancelled, resolved, told.

use serde_json::json;

use super::{a_device, ask, deeds, enrolled, fleet, recipient, states, text};

#[test]
fn an_act_is_done_once_told_everywhere_and_archived() {
    let env = fleet();
    let serial = a_device(&env);
    ask(&env, "lock", &serial, "lost").expect(0);
    assert_eq!(states(&env, "lost"), ["waiting"]);
    let plan = env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
    for told in [
        &format!("lock DeviceAction/lost  {serial}"),
        "class  disruptive",
        "why    a test",
        "1 action to send",
    ] {
        assert!(plan.stdout.contains(told), "{told}:\n{}", plan.stdout);
    }
    assert!(
        plan.stdout.lines().filter(|line| !line.starts_with("Plan:")).all(|line| line.chars().count() <= 80)
    );
    let markdown = env.run(["plan", "--sim", "--format", "markdown"]).expect(0);
    assert!(markdown.stdout.contains("DeviceAction/lost"), "{}", markdown.stdout);
    let saved = env.run(["plan", "--sim", "-o", "plan.json"]).expect(0);
    let shown = env.run(["show", "plan.json"]).expect(0).stdout;
    assert!(shown.contains("DeviceAction/lost"), "{}", saved.stdout);
    std::fs::remove_file(env.documents().join("plan.json")).unwrap();

    let open = env.run(["action", "archive", "lost", "--sim"]).expect(4);
    assert!(open.stderr.contains("action-open"), "{}", open.stderr);
    let applied = env.run(["apply", "--yes", "--sim"]).expect(0);
    assert!(applied.stdout.contains("1 action done"), "{}", applied.stdout);
    assert_eq!((deeds(&env, &serial, "locked"), states(&env, "lost")), (1, vec!["done".to_owned()]));
    let again = env.run(["apply", "--yes", "--sim"]).expect(0);
    assert!(again.stdout.contains("Nothing to do."), "{}", again.stdout);
    assert_eq!(deeds(&env, &serial, "locked"), 1);

    let journal = env.run(["journal", "--sim", "--act", "lost"]).expect(0).stdout;
    for told in ["DeviceAction/lost seen: lock of 1 device", "promised", "done"] {
        assert!(journal.contains(told), "{told}:\n{journal}");
    }
    let json = env
        .run(["journal", "--sim", "--serial", &serial, "--last", "1", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(json["entries"].as_array().unwrap().len(), 1);
    assert_eq!(json["entries"][0]["act"]["action"], "lost");
    assert!(env.run(["action", "list", "--open", "--sim"]).expect(0).stdout.contains("No actions."));

    // Everything else of its file stays.
    let document = env.read("actions/lost.yaml");
    std::fs::remove_file(env.documents().join("actions/lost.yaml")).unwrap();
    let token = env.read("token.yaml");
    env.write("token.yaml", &format!("{token}---\n{document}"));
    env.run(["action", "archive", "--ended", "--sim"]).expect(0);
    assert_eq!(env.read("token.yaml"), token);
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
    assert_eq!(states(&env, "lost"), ["done"]);
    let taken = ask(&env, "lock", &serial, "lost").expect(64);
    assert!(taken.stderr.contains("action-name-taken"), "{}", taken.stderr);
}

#[test]
fn what_was_not_sent_is_cancelled_for_good() {
    let env = fleet();
    let serial = a_device(&env);
    // A gate that lets no wipe through.
    env.replace("fleet.yaml", "    update: {", "    wipe: { count: 0 }\n    update: {");
    ask(&env, "wipe", &serial, "gone").expect(0);
    let document = env.read("actions/gone.yaml");
    let stopped = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(stopped.stdout.contains("limit/wipe"), "{}", stopped.stdout);
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
    let status = env.run(["status", "--sim"]).expect(0);
    assert!(status.stdout.contains("Actions that have not ended"), "{}", status.stdout);
    let told = env.run(["action", "cancel", "gone", "--sim"]).expect(0);
    assert!(told.stdout.contains("has ended: cancelled since"), "{}", told.stdout);
    assert!(!env.documents().join("actions/gone.yaml").exists());
    env.replace("fleet.yaml", "    wipe: { count: 0 }\n", "");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!(states(&env, "gone"), ["cancelled"]);
    // No commit brings it back.
    env.write("actions/gone.yaml", &document);
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!((deeds(&env, &serial, "wiped"), states(&env, "gone")), (0, vec!["cancelled".to_owned()]));
    let unknown = env.run(["action", "cancel", "gome", "--sim"]).expect(64);
    assert!(unknown.stderr.contains("did you mean `gone`?"), "{}", unknown.stderr);
}

#[test]
fn run_applies_its_document_alone_and_asks() {
    let env = fleet();
    let serial = a_device(&env);
    let run = ["action", "run", "lock", serial.as_str(), "--reason", "the night", "--sim"];
    let nobody = env.run(run).expect(64);
    assert!(nobody.stderr.contains("no-terminal"), "{}", nobody.stderr);
    assert!(!env.documents().join("actions").exists());
    // A change that waits for an apply of its own.
    env.replace("profiles.yaml", "KIOSK-{{SERIAL}}", "KISK-{{SERIAL}}");
    let done = env.run(run.into_iter().chain(["--yes", "--format", "json"])).expect(0);
    let report = done.json();
    assert_eq!(report["acts"][0]["state"], "done", "{}", done.stdout);
    assert_eq!(deeds(&env, &serial, "locked"), 1);
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
}

#[test]
fn a_wipe_seals_its_code_and_who_has_the_key_opens_it() {
    let env = fleet();
    let devices = enrolled(&env);
    let serial = text(&devices[0]["serial"]);
    let locks = env.run(["devices", "--sim", "--format", "json"]).expect(0).json();
    let of = |all: &serde_json::Value| {
        all["devices"].as_array().unwrap().iter().find(|one| one["serial"] == *serial).unwrap().clone()
    };
    assert_eq!(of(&locks)["bypassCode"], "unknown");
    let nothing =
        env.run(["escrow", "reveal", &serial, "--key", "recovery.key", "--reason", "x", "--sim"]).expect(64);
    assert!(nothing.stderr.contains("nothing-sealed"), "{}", nothing.stderr);
    ask(&env, "wipe", &serial, "gone").expect(0);
    env.run(["apply", "--yes", "--sim"]).expect(0);
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!((deeds(&env, &serial, "wiped"), states(&env, "gone")), (1, vec!["done".to_owned()]));

    let list = env.run(["escrow", "list", "--sim", "--format", "json"]).expect(0).json();
    assert_eq!(list["sealed"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["sealed"][0]["files"], json!(["recovery.pem"]));
    recipient(&env, "other");
    let other =
        env.run(["escrow", "reveal", &serial, "--key", "other.key", "--reason", "x", "--sim"]).expect(8);
    assert_eq!(other.stdout, "");
    env.run(["escrow", "reveal", &serial, "--key", "recovery.pem", "--reason", "x", "--sim"]).expect(8);
    env.run(["escrow", "reveal", &serial, "--key", "nowhere", "--reason", "x", "--sim"]).expect(1);
    env.run(["escrow", "reveal", &serial, "--key", "recovery.key", "--reason", "", "--sim"]).expect(64);
    assert!(!env.run(["journal", "--sim"]).expect(0).stdout.contains("revealed"));

    let shown = env
        .run(["escrow", "reveal", &serial, "--key", "recovery.key", "--reason", "it is back", "--sim"])
        .expect(0);
    let code = shown.stdout.trim().to_owned();
    assert!(!code.is_empty() && shown.stdout.lines().count() == 1, "{}", shown.stdout);
    assert!(shown.stderr.contains("L-5") && !shown.stderr.contains(&code), "{}", shown.stderr);
    let journal = env.run(["journal", "--sim", "--serial", &serial]).expect(0).stdout;
    assert!(journal.contains("revealed by") && journal.contains("it is back"), "{journal}");

    let export = env.run(["escrow", "export", "--to", "out", "--sim"]).expect(0);
    let file = env.documents().join(export.stdout.trim());
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let der = std::fs::read(&file).unwrap();
    assert!(!der.windows(code.len()).any(|part| part == code.as_bytes()));
    // No output and no file but the world has the code.
    for args in [
        vec!["journal", "--sim"],
        vec!["journal", "--sim", "--format", "json"],
        vec!["action", "list", "--all", "--sim", "--format", "json"],
        vec!["escrow", "list", "--sim"],
        vec!["plan", "--sim", "--format", "json"],
        vec!["status", "--sim", "--format", "json"],
        vec!["devices", "--sim", "--format", "json"],
    ] {
        let output = env.run(&args);
        assert!(!output.stdout.contains(&code) && !output.stderr.contains(&code), "{args:?}");
    }
}

#[test]
fn what_nobody_asked_for_cannot_be_resolved_and_history_can() {
    let env = fleet();
    let serial = a_device(&env);
    let resolve = |name: &str, reason: &str| {
        env.run(["action", "resolve", name, &serial, "--as", "done", "--reason", reason, "--sim"])
    };
    let unknown = resolve("nothing", "seen");
    assert_eq!(
        unknown.code,
        Some(64),
        "a name that nobody knows is a wrong command line: {}",
        unknown.stderr
    );
    assert!(unknown.stderr.contains("error[action-unknown]"), "{}", unknown.stderr);
    resolve("nothing", " ").expect(64);
    env.run(["action", "resolve", "nothing", &serial, "--as", "sent", "--reason", "x", "--sim"]).expect(64);
    // What was asked for before a ledger was put back is unknown history.
    ask(&env, "lock", &serial, "lost").expect(0);
    env.run(["sim", "step", "1h"]).expect(0);
    let restored = env.run(["ledger", "restored", "--reason", "disk lost", "--sim"]).expect(0);
    assert!(restored.stdout.contains("counts as born"), "{}", restored.stdout);
    let stopped = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(stopped.stdout.contains("action resolve lost"), "{}", stopped.stdout);
    resolve("lost", "it is not locked").expect(0);
    assert_eq!(states(&env, "lost"), ["done"]);
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!(deeds(&env, &serial, "locked"), 0);
}
