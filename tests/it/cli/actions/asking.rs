//! `action new`: which device, what is written, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{a_device, ask, fleet, text};
use crate::support::TestEnv;

fn new(env: &TestEnv, more: &[&str]) -> crate::support::Output {
    let mut args = vec!["action", "new"];
    args.extend(more);
    args.push("--sim");
    env.run(args)
}

#[test]
fn a_device_is_found_and_what_it_is_stands_in_the_document() {
    let env = fleet();
    let all = env.run(["devices", "--sim", "--format", "json"]).expect(0).json();
    let devices = all["devices"].as_array().unwrap();
    // One with a name of its own: templates name several alike.
    let named = |name: &Value| devices.iter().filter(|one| one["mdm"]["record"]["name"] == *name).count();
    let device = devices
        .iter()
        .find(|one| one["mdm"]["record"]["user"].is_string() && named(&one["mdm"]["record"]["name"]) == 1)
        .expect("a device with a user");
    let (serial, record) = (text(&device["serial"]), &device["mdm"]["record"]);
    let name = text(&record["name"]);
    let by_name = new(&env, &["lock", "--name", &name, "--reason", "left: on the train"]).expect(0);
    let user = text(&record["user"]).to_uppercase();
    assert!(by_name.stdout.contains(&format!("user: {}", text(&record["user"]))), "{}", by_name.stdout);
    let day = env.run(["status", "--sim"]).expect(0);
    assert!(day.stdout.contains("TOKEN"));
    let written = fs::read_dir(env.documents().join("actions")).unwrap().next().unwrap().unwrap().path();
    let document = fs::read_to_string(&written).unwrap();
    assert_eq!(by_name.stdout, document);
    let stem = written.file_stem().unwrap().to_string_lossy().into_owned();
    assert!(stem.starts_with(&format!("lock-{}-", serial.to_lowercase())), "{stem}");
    for line in
        [format!("serials: [{serial}]"), "expect:".to_owned(), "reason: \"left: on the train\"".to_owned()]
    {
        assert!(document.contains(&line), "{line}:\n{document}");
    }
    assert!(by_name.stderr.contains("espalier plan"), "{}", by_name.stderr);
    env.run(["validate"]).expect(0);

    // The name is taken: another one is found, and nothing is overwritten.
    new(&env, &["lock", "--user", &user, "--reason", "again"]).expect(0);
    assert!(env.documents().join(format!("actions/{stem}-2.yaml")).exists());
    assert_eq!(fs::read_to_string(&written).unwrap(), document);
    let taken =
        new(&env, &["lock", "--serial", &serial, "--reason", "x", "--name-document", &stem]).expect(64);
    assert!(taken.stderr.contains("action-name-taken"), "{}", taken.stderr);
    env.write("actions/mine.yaml", "# a file of somebody\n");
    let there = ask(&env, "lock", &serial, "mine").expect(64);
    assert!(
        there.stderr.contains("file-exists") && there.stderr.contains("actions/mine.yaml"),
        "{}",
        there.stderr
    );
    assert_eq!(env.read("actions/mine.yaml"), "# a file of somebody\n");
}

#[test]
fn nobody_several_and_wrong_words_are_told_and_nothing_is_written() {
    let env = fleet();
    let serial = a_device(&env);
    let mut near = serial.clone();
    near.replace_range(0..1, if near.starts_with('A') { "B" } else { "A" });
    let unknown = new(&env, &["lock", "--serial", &near, "--reason", "x"]).expect(64);
    assert!(
        unknown.stderr.contains("device-unknown") && unknown.stderr.contains(&serial),
        "{}",
        unknown.stderr
    );
    let wrong = new(&env, &["lock", "--serial", "a b", "--reason", "x"]).expect(64);
    assert!(wrong.stderr.contains("bad-serial-argument"), "{}", wrong.stderr);
    for (args, code) in [
        (vec!["wipe", "--serial", &serial], "reason-missing"),
        (vec!["wipe", "--serial", &serial, "--reason", " "], "reason-missing"),
        (vec!["wipe", "--serial", &serial, "--reason", "x", "--set", "pin=123456"], "plain-secret-argument"),
        (vec!["wipe", "--serial", &serial, "--reason", "x", "--folder", "elsewhere"], "folder-unreadable"),
    ] {
        let output = new(&env, &args);
        assert!(output.stderr.contains(code), "{args:?}: {}", output.stderr);
        assert!(!output.stderr.contains("123456"), "{}", output.stderr);
        assert_ne!(output.code, Some(0));
    }
    new(&env, &["melt", "--serial", &serial, "--reason", "x"]).expect(64);
    new(&env, &["lock", "--reason", "x"]).expect(64);
    new(&env, &["lock", "--serial", &serial, "--user", "ada", "--reason", "x"]).expect(64);
    // What validate would refuse is not left behind.
    let refused = new(&env, &["enableLostMode", "--serial", &serial, "--reason", "x"]).expect(3);
    assert!(refused.stderr.contains("options.message"), "{}", refused.stderr);
    new(
        &env,
        &[
            "handOver",
            "--serial",
            &serial,
            "--reason",
            "x",
            "--set",
            "token=nowhere",
            "--set",
            "profile=kiosk",
        ],
    )
    .expect(3);
    let left = fs::read_dir(env.documents().join("actions")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
}

#[test]
fn what_is_known_and_not_enrolled_is_told_as_that_and_nothing_near_it_is_suggested() {
    let env = fleet();
    let all = env.run(["devices", "--sim", "--format", "json"]).expect(0).json();
    let devices = all["devices"].as_array().unwrap();
    let waits = |one: &&Value| {
        !one["mdm"].is_null() && one["mdm"]["record"].is_null() && one["mdm"]["state"] == "notContacted"
    };
    let device = devices.iter().find(waits).expect("a device that is not enrolled");
    let (serial, token) = (text(&device["serial"]), text(&device["token"]));
    let known = new(&env, &["wipe", "--serial", &serial, "--reason", "x"]).expect(64);
    let told = known.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = format!("{serial} is known on token {token}, not enrolled: the MDM has no record of it");
    assert!(told.contains(&wanted), "{}", known.stderr);
    assert!(told.contains("error[device-not-enrolled]") && !told.contains("did you mean"), "{told}");

    // Near to nothing but a protected device.
    let protected = a_device(&env);
    let mut near = protected.clone();
    near.replace_range(0..1, if near.starts_with('A') { "B" } else { "A" });
    assert!(new(&env, &["lock", "--serial", &near, "--reason", "x"]).stderr.contains(&protected));
    let fleet = env.read("fleet.yaml");
    let more =
        fleet.replace("    serials: [DMPZ0PRTCTD1]", &format!("    serials: [DMPZ0PRTCTD1, {protected}]"));
    assert_ne!(more, fleet);
    env.write("fleet.yaml", &more);
    let unknown = new(&env, &["lock", "--serial", &near, "--reason", "x"]).expect(64);
    assert!(unknown.stderr.contains("device-unknown"), "{}", unknown.stderr);
    assert!(!unknown.stderr.contains(&protected), "{}", unknown.stderr);
}

#[test]
fn a_typo_in_a_kept_world_is_no_device() {
    let env = fleet();
    let typo = "SB1MA000000Q";
    env.write(
        "actions/typo.yaml",
        &format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{name: typo}}\nspec:\n  action: lock\n  devices: {{serials: [{typo}]}}\n  requestedAt: 2026-11-02T08:00:00Z\n  reason: x\n"
        ),
    );
    let plan = env.run(["plan", "--sim"]).expect(0);
    assert!(plan.stdout.contains("no record of it at the MDM"), "{}", plan.stdout);
    env.run(["apply", "--yes", "--sim"]);
    let all = env.run(["devices", "--sim"]).expect(0);
    assert!(!all.stdout.contains(typo), "{}", all.stdout);
}

#[test]
fn what_is_missing_is_told_with_its_argument() {
    let env = fleet();
    let serial = a_device(&env);
    let refused = new(&env, &["enableLostMode", "--serial", &serial, "--reason", "x"]).expect(3);
    assert!(refused.stderr.contains("--set message=… --set phoneNumber=…"), "{}", refused.stderr);
    let refused = new(&env, &["disableActivationLock", "--serial", &serial, "--reason", "x"]).expect(3);
    assert!(refused.stderr.contains("--in-hand"), "{}", refused.stderr);
}

#[test]
fn two_that_fit_are_listed_and_a_twin_stops_by_d3() {
    let env = fleet();
    let server = env.serve();
    let flag = server.flag();
    let devices: Value = env.run(["devices", &flag, "--format", "json"]).expect(0).json();
    let all = devices["devices"].as_array().unwrap();
    let records: Vec<&Value> = all.iter().filter(|one| !one["mdm"]["record"].is_null()).collect();
    let (first, second) = (text(&records[0]["serial"]), text(&records[1]["serial"]));
    for serial in [&first, &second] {
        server.portal(
            &serde_json::json!({ "do": "changeDevice", "serial": serial, "user": "ada@contoso.com" }),
        );
    }
    let several =
        env.run(["action", "new", "lock", "--user", "Ada@contoso.com", "--reason", "x", &flag]).expect(64);
    assert!(several.stderr.contains("device-ambiguous"), "{}", several.stderr);
    assert!(several.stderr.contains(&first) && several.stderr.contains(&second), "{}", several.stderr);
    server.portal(&serde_json::json!({ "do": "duplicateRecord", "serial": first }));
    let twin = env.run(["action", "new", "lock", "--serial", &first, "--reason", "x", &flag]).expect(64);
    assert!(twin.stderr.contains("D-3"), "{}", twin.stderr);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let env = fleet();
    let serial = a_device(&env);
    let folder = env.documents().join("actions");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    let output = ask(&env, "lock", &serial, "mine");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    // Nobody stops root.
    if output.code != Some(0) {
        let output = output.expect(1);
        assert!(
            output.stderr.contains("file-io") && output.stderr.contains("actions/mine.yaml"),
            "{}",
            output.stderr
        );
    }
}
