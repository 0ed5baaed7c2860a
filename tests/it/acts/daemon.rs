//! `watch` with acts: what it sends by itself, what it waits for, and that it sends nothing twice.

use std::process::Command;

use serde_json::{Value, json};

use super::ground::{self, IPAD, IPHONE, MAC, REQUESTED};
use crate::support::{SimServer, TestEnv, Watching};

const SENDS: &str = "  watch: {actions: approved}\n";

/// The tenant as its documents wish it, with these lines in the `spec` of `Fleet`.
fn settled(more: &str) -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    ground::documents(&env, more);
    let server = env.serve_world(&ground::beginning());
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    (env, server)
}

fn watch(env: &TestEnv, server: &SimServer) -> Watching {
    let mut watching = Watching::start(env.command(["watch", &server.flag()]));
    watching.event("looked");
    watching
}

fn ask(env: &TestEnv, name: &str, action: &str, serial: &str) {
    env.write(&format!("{name}.yaml"), &ground::document(name, action, &[serial], REQUESTED, ""));
}

/// Lets time pass until the next full look, and waits for that.
fn later(server: &SimServer, watching: &mut Watching, span: &str) {
    server.post_json("/clock", &json!({ "advance": span }));
    watching.event("looked");
}

fn of(server: &SimServer, serial: &str, list: &str, member: &str, word: &str) -> usize {
    let world = server.world();
    let all = world["history"]["devices"][serial][list].as_array().cloned().unwrap_or_default();
    all.iter().filter(|one| one[member] == word).count()
}

fn requests(server: &SimServer, serial: &str, action: &str) -> usize {
    of(server, serial, "requests", "action", action)
}

/// What an event tells of an act.
fn told<'e>(event: &'e Value, action: &str) -> &'e Value {
    let acts = event["report"]["acts"].as_array().expect("acts");
    acts.iter()
        .find(|act| act["id"]["action"] == action)
        .unwrap_or_else(|| panic!("no {action} in {event:#}"))
}

/// The state of an act, as the ledger has it.
fn state(env: &TestEnv, server: &SimServer, name: &str) -> Value {
    let all = env.run(["action", "list", "--all", &server.flag(), "--format", "json"]).expect(0).json();
    let acts = all["acts"].as_array().expect("acts");
    acts.iter().find(|act| act["action"] == name).map_or(Value::Null, |act| act["state"].clone())
}

fn stop(watching: Watching) {
    watching.signal(libc::SIGTERM);
    assert_eq!(watching.end(), Some(0));
}

#[test]
fn a_watch_sends_what_is_asked_for_tells_it_and_never_sends_it_again() {
    let (env, server) = settled(SENDS);
    let mut watching = watch(&env, &server);
    ask(&env, "fresh", "sync", IPAD);
    let applied = watching.event("applied");
    let act = told(&applied, "fresh");
    assert_eq!((&act["sent"], &act["state"]), (&json!(true), &json!("done")), "{act:#}");
    watching.event("looked");
    ask(&env, "gone", "wipe", IPHONE);
    let applied = watching.event("applied");
    assert_eq!(told(&applied, "gone")["sent"], true, "{applied:#}");
    watching.event("looked");
    for _ in 0..4 {
        later(&server, &mut watching, "2h");
    }
    stop(watching);
    // Another one goes on where it stopped.
    let mut watching = watch(&env, &server);
    for _ in 0..3 {
        later(&server, &mut watching, "2h");
    }
    let twice = watching.so_far();
    assert!(!twice.iter().any(|event| event["event"] == "applied"), "{twice:#?}");
    stop(watching);
    assert_eq!((requests(&server, IPAD, "syncDevice"), requests(&server, IPHONE, "wipe")), (1, 1));
    assert_eq!(of(&server, IPHONE, "deeds", "what", "wiped"), 1);
    assert_eq!((state(&env, &server, "fresh"), state(&env, &server, "gone")), (json!("done"), json!("done")));
}

#[test]
fn a_watch_whose_switch_is_off_sends_nothing_and_follows_what_others_sent() {
    let (env, server) = settled("");
    server.portal(&json!([{ "do": "changeDevice", "serial": IPAD, "reach": "offline" }]));
    ask(&env, "lost", "lock", IPAD);
    env.run(["apply", "--yes", "--wait", "1s", &server.flag()]).expect(7);
    assert_eq!(requests(&server, IPAD, "remoteLock"), 1);
    ask(&env, "also", "lock", MAC);
    let mut watching = watch(&env, &server);
    later(&server, &mut watching, "2h");
    assert_eq!(requests(&server, MAC, "remoteLock"), 0, "nobody sends it by himself");
    assert_eq!(state(&env, &server, "lost"), "sent");
    server.portal(&json!([{ "do": "changeDevice", "serial": IPAD, "reach": "online" }]));
    // The device answers, and the look after that sees it.
    for _ in 0..2 {
        later(&server, &mut watching, "2h");
    }
    assert_eq!(state(&env, &server, "lost"), "done");
    stop(watching);
    assert_eq!((requests(&server, IPAD, "remoteLock"), requests(&server, MAC, "remoteLock")), (1, 0));
}

#[test]
fn a_watch_keeps_a_wipe_until_its_window_opens_and_while_the_documents_are_not_in_order() {
    let window = "  windows: [{allow: '0 22 * * *', for: 4h, timezone: UTC, classes: [destructive]}]\n";
    let (env, server) = settled(&format!("{SENDS}{window}"));
    ask(&env, "gone", "wipe", IPHONE);
    let mut watching = watch(&env, &server);
    ask(&env, "lost", "lock", IPAD);
    let applied = watching.event("applied");
    assert_eq!(told(&applied, "lost")["sent"], true, "no window is for it");
    watching.event("looked");
    later(&server, &mut watching, "2h");
    assert_eq!(requests(&server, IPHONE, "wipe"), 0);
    // While the newest documents do not validate, nothing is sent, whatever window is open.
    env.write("broken.yaml", "kind: Flet\n");
    watching.event("invalid");
    later(&server, &mut watching, "11h 30m");
    assert_eq!(requests(&server, IPHONE, "wipe"), 0, "22:30, and the newest documents cannot be read");
    std::fs::remove_file(env.documents().join("broken.yaml")).expect("a file of the test's own");
    let applied = watching.event("applied");
    assert_eq!(told(&applied, "gone")["sent"], true, "{applied:#}");
    watching.event("looked");
    for _ in 0..3 {
        later(&server, &mut watching, "5h");
    }
    stop(watching);
    assert_eq!((requests(&server, IPHONE, "wipe"), requests(&server, IPAD, "remoteLock")), (1, 1));
    assert_eq!(state(&env, &server, "gone"), "done");
}

#[test]
fn a_watch_waits_for_the_signature_of_another_person() {
    let env = TestEnv::new();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "grace", "-f"])
        .arg(env.home().join("grace"))
        .status();
    if !made.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("ESPALIER_REQUIRE_REAL").is_none(), "there is no ssh-keygen");
        eprintln!("skipped: there is no ssh-keygen");
        return;
    }
    let public = std::fs::read_to_string(env.home().join("grace.pub")).expect("a public key");
    let key = public.rsplit_once(' ').expect("a comment").0;
    env.write("signers", &format!("grace@contoso.com {key}\n"));
    ground::documents(&env, &format!("{SENDS}  approvals: {{signers: signers}}\n"));
    let server = env.serve_world(&ground::beginning());
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    ask(&env, "gone", "wipe", IPHONE);
    ask(&env, "lost", "lock", IPAD);
    let mut watching = watch(&env, &server);
    for _ in 0..3 {
        later(&server, &mut watching, "1h");
    }
    assert_eq!((requests(&server, IPHONE, "wipe"), requests(&server, IPAD, "remoteLock")), (0, 1));
    let grace = env.home().join("grace");
    let key = grace.to_string_lossy();
    env.run(["action", "approve", "gone", IPHONE, "--key", &key, &server.flag()]).expect(0);
    for _ in 0..4 {
        later(&server, &mut watching, "1h");
    }
    stop(watching);
    assert_eq!((requests(&server, IPHONE, "wipe"), requests(&server, IPAD, "remoteLock")), (1, 1));
    assert_eq!(of(&server, IPHONE, "deeds", "what", "wiped"), 1);
}

#[test]
fn a_document_that_is_taken_out_before_a_watch_may_send_it_is_cancelled_for_good() {
    let window = "  windows: [{allow: '0 22 * * *', for: 4h, timezone: UTC, classes: [destructive]}]\n";
    let (env, server) = settled(&format!("{SENDS}{window}"));
    ask(&env, "gone", "wipe", IPHONE);
    let mut watching = watch(&env, &server);
    assert_eq!(state(&env, &server, "gone"), "waiting");
    std::fs::remove_file(env.documents().join("gone.yaml")).expect("a document");
    watching.event("looked");
    later(&server, &mut watching, "1h");
    assert_eq!(state(&env, &server, "gone"), "cancelled");
    // It comes back, and its window opens: nothing is sent all the same.
    ask(&env, "gone", "wipe", IPHONE);
    watching.event("looked");
    for _ in 0..3 {
        later(&server, &mut watching, "5h");
    }
    stop(watching);
    assert_eq!((requests(&server, IPHONE, "wipe"), state(&env, &server, "gone")), (0, json!("cancelled")));
}

#[test]
fn a_watch_that_is_killed_at_a_wipe_has_sent_it_once() {
    for when in ["before", "after"] {
        let (env, server) = settled(SENDS);
        server.fault(&json!({
            "id": "death", "fault": "hold", "when": when, "kind": "write",
            "operation": "deviceManagement.managedDevices.item.wipe.post",
        }));
        let watching = watch(&env, &server);
        ask(&env, "gone", "wipe", IPHONE);
        assert!(server.fault_struck("death"), "{when}: the request never came");
        watching.signal(libc::SIGKILL);
        assert_eq!(watching.end(), None);
        server.delete("/faults");
        let mut watching = watch(&env, &server);
        for _ in 0..4 {
            later(&server, &mut watching, "2h");
        }
        stop(watching);
        let taken = usize::from(when == "after");
        assert_eq!(requests(&server, IPHONE, "wipe"), taken, "{when}");
        assert_eq!(of(&server, IPHONE, "deeds", "what", "wiped"), taken, "{when}");
        let wanted = if when == "after" { "done" } else { "unknown" };
        assert_eq!(state(&env, &server, "gone"), wanted, "{when}");
    }
}
