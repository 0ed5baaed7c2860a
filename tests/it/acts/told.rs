//! What people are told of locks, codes and acts, by the commands themselves.

use serde_json::{Value, json};

use super::departments;
use super::ground::{self, IPAD, IPHONE, MAC, REQUESTED};
use crate::support::{SimServer, TestEnv};

/// The tenant of four devices as its documents wish it.
fn tenant() -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    ground::documents(&env, "");
    let server = env.serve_world(&ground::beginning());
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    (env, server)
}

/// The same four devices in an organisation at Apple with two departments.
fn organisation() -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    departments::documents(&env);
    let server = env.serve_world(&departments::beginning());
    env.run(["apply", "--yes", "--wait", "10m", &server.flag()]).expect(0);
    (env, server)
}

fn ask(env: &TestEnv, name: &str, action: &str, serial: &str, more: &str) {
    env.write(&format!("{name}.yaml"), &ground::document(name, action, &[serial], REQUESTED, more));
}

fn apply(env: &TestEnv, server: &SimServer) -> crate::support::Output {
    env.run(["apply", "--yes", "--wait", "10m", &server.flag()])
}

/// An act in `action list`.
fn listed(env: &TestEnv, server: &SimServer, name: &str) -> Value {
    let all = env.run(["action", "list", "--all", &server.flag(), "--format", "json"]).expect(0).json();
    let acts = all["acts"].as_array().expect("acts").clone();
    acts.into_iter().find(|act| act["action"] == name).unwrap_or_else(|| panic!("no {name} in {all:#}"))
}

#[test]
fn l1_the_lock_of_each_device_is_told_with_source_and_age() {
    let (env, server) = organisation();
    server.portal(&json!([
        { "do": "setDeviceLock", "serials": [IPAD], "lock": "USER" },
        { "do": "setDeviceLock", "serials": [MAC], "lock": "MDM" },
        { "do": "setDeviceLock", "serials": [IPHONE], "lock": "NONE" },
    ]));
    let lock = |of: &str| {
        let all = env.run(["devices", "--activation-lock", of, &server.flag(), "--format", "json"]).expect(0);
        let all = all.json();
        let one = all["devices"].as_array().expect("devices").iter().find(|one| one["serial"] == of);
        one.unwrap_or_else(|| panic!("no {of} in {all:#}"))["lock"].clone()
    };
    let (user, mdm, off) = (lock(IPAD), lock(MAC), lock(IPHONE));
    let states = [&user["state"], &mdm["state"], &off["state"]];
    assert_eq!(states, ["byUser", "byMdm", "off"], "{user} {mdm} {off}");
    for told in [&user, &mdm, &off] {
        assert!(told["source"].is_string() && told["at"].is_string(), "{told:#}");
    }
    // A user who opens Find My turns it on, and the report of locked devices shows it.
    server.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "USER" }]));
    assert_eq!(lock(IPHONE)["state"], user["state"]);
    let text = env.run(["devices", "--activation-lock", &server.flag()]).expect(0).stdout;
    assert!(text.contains(IPHONE) && text.contains(IPAD), "{text}");
}

#[test]
fn l5_a_code_that_is_revealed_opens_the_wiped_device_as_it_is_told() {
    let (env, server) = tenant();
    let key = ground::RECIPIENT.0.private_key_to_pem_pkcs8().expect("a PEM");
    env.write("escrow.key", &String::from_utf8(key).expect("a text"));
    server.portal(&json!([{ "do": "setDeviceLock", "serials": [IPAD], "lock": "USER" }]));
    ask(&env, "gone", "wipe", IPAD, "");
    apply(&env, &server);
    server.post_json("/clock", &json!({ "advance": "4h" }));
    apply(&env, &server).expect(0);
    let of = |server: &SimServer| server.world()["history"]["devices"][IPAD]["deeds"].to_string();
    assert!(of(&server).contains("wiped"), "{}", of(&server));
    let revealed = env
        .run(["escrow", "reveal", IPAD, "--key", "escrow.key", "--reason", "it is locked", &server.flag()])
        .expect(0);
    let told = &revealed.stderr;
    assert!(told.contains("leave the Apple Account (user name) empty"), "{told}");
    assert!(told.contains("the code as the password (L-5)"), "{told}");
    let code = revealed.stdout.trim();
    server.portal(&json!([{ "do": "enterBypassCode", "serial": IPAD, "code": code }]));
    // Its lock is off now: it can be set up again.
    server.portal(&json!([{ "do": "setUpDevice", "serial": IPAD }]));
}

#[test]
fn l8_status_follows_every_act_to_its_end() {
    let (env, server) = tenant();
    server.portal(&json!([
        { "do": "changeDevice", "serial": IPAD, "reach": "offline" },
        { "do": "changeDevice", "serial": IPHONE, "habits": { "fails": { "setDeviceName": "before" } } },
    ]));
    ask(&env, "requested", "lock", IPAD, "");
    ask(&env, "failed", "rename", IPHONE, "  options: {name: LOBBY-1}\n");
    ask(&env, "removed", "lock", "DMPUNKNOWN01", "");
    let open = |name: &str| {
        let told = env.run(["status", &server.flag()]).expect(0).stdout;
        let (_, acts) = told.split_once("Actions that have not ended").unwrap_or_default();
        acts.contains(name)
    };
    apply(&env, &server);
    assert_eq!(listed(&env, &server, "requested")["state"], "sent");
    assert_eq!(listed(&env, &server, "removed")["state"], "waiting");
    assert!(open("requested") && open("removed"));
    let failed = listed(&env, &server, "failed");
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert!(failed["evidence"].as_str().is_some_and(|why| why.contains("the MDM says failed")), "{failed:#}");
    assert!(!open("failed"), "it has come to its end");

    // Its document is taken out: what was sent is followed all the same, what was not is cancelled.
    for name in ["requested", "removed"] {
        std::fs::remove_file(env.documents().join(format!("{name}.yaml"))).expect("a document");
    }
    apply(&env, &server).expect(0);
    assert_eq!(listed(&env, &server, "removed")["state"], "cancelled");
    assert!(open("requested") && !open("removed"));

    server.portal(&json!([{ "do": "changeDevice", "serial": IPAD, "reach": "online" }]));
    server.post_json("/clock", &json!({ "advance": "1h" }));
    ask(&env, "unsupported", "deleteSharedIpadUser", IPAD, "  options: {user: anna@school.example}\n");
    apply(&env, &server);
    let done = listed(&env, &server, "requested");
    assert!(
        done["state"] == "done" && done["evidence"].as_str().is_some_and(|why| why.contains("done")),
        "{done:#}"
    );
    assert_eq!(listed(&env, &server, "unsupported")["state"], "notSupported");
    assert!(!open("requested") && !open("unsupported"));
}

#[test]
fn r1_a_plan_says_beside_a_lock_that_it_needs_a_passcode() {
    let (env, server) = tenant();
    ask(&env, "lost", "lock", IPAD, "");
    let pad = env.run(["plan", &server.flag()]).expect(0).stdout;
    assert!(pad.contains("R-1"), "{pad}");
    std::fs::remove_file(env.documents().join("lost.yaml")).expect("a document");
    // A Mac gets a PIN with the lock.
    ask(&env, "mac", "lock", MAC, "");
    let mac = env.run(["plan", &server.flag()]).expect(0).stdout;
    assert!(!mac.contains("R-1") && mac.contains("PIN"), "{mac}");
}

#[test]
fn r3_a_plan_says_what_a_passcode_reset_does_and_refuses_where_there_is_none() {
    let (env, server) = tenant();
    ask(&env, "forgot", "clearPasscode", IPAD, "");
    let plan = env.run(["plan", &server.flag()]).expect(0).stdout;
    let one_line = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(one_line.contains("removes the passcode; no new one is set (R-3)"), "{plan}");
    apply(&env, &server).expect(0);
    assert_eq!(listed(&env, &server, "forgot")["state"], "done");
    let sealed = env.run(["escrow", "list", &server.flag()]).expect(0).stdout;
    assert!(sealed.contains("Nothing is sealed."), "no new passcode was made: {sealed}");

    ask(&env, "mac", "clearPasscode", MAC, "");
    let refused = apply(&env, &server).expect(4);
    assert!(refused.stdout.contains("R-3"), "{}", refused.stdout);
    let requests = &server.world()["history"]["devices"][MAC]["requests"];
    assert!(requests.is_null(), "{requests}");
}

#[test]
fn d2_an_invalid_answer_of_the_scep_server_is_explained_with_the_way_on() {
    let told = TestEnv::new().run(["explain", "D-2"]).expect(0).stdout;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in
        ["SCEP server returned an invalid response", "15 minutes", "Download it again", "factory settings"]
    {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
}
