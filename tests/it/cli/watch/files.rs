//! Saved files: coalesced, in whatever way they are saved; invalid ones leave the last good in force.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::{ids, served, watch_here, watched};
use crate::cli::TOKEN;
use crate::support::{Control, TestEnv, Watching, copy_folder};

#[test]
fn a_saved_file_leads_to_a_new_plan_and_a_hundred_saves_to_few() {
    let (env, mut watching, _control) = watched();
    let text = env.read("profiles.yaml");
    for save in 1..=100 {
        env.write("profiles.yaml", &text.replace("Contoso Training", &format!("Room {save}")));
    }
    let last = "Room 100";
    let mut plans = 0;
    loop {
        let event = watching.event("plan");
        plans += 1;
        assert_eq!(event["repeated"], false, "somebody who saves wants to see the plan");
        if event["plan"].to_string().contains(last) {
            break;
        }
    }
    assert!(plans < 30, "{plans} plans for a hundred saves");
    watching.event("looked");
    // What was saved is seen once.
    assert!(watching.so_far().iter().all(|event| event["event"] != "plan"));

    // A comment only: somebody saved, and sees what it comes to.
    env.write("profiles.yaml", &(env.read("profiles.yaml") + "# a comment\n"));
    assert!(watching.event("plan")["plan"].to_string().contains(last));
}

#[test]
fn an_editor_that_renames_over_a_file_and_a_list_of_serials_are_noticed() {
    let (env, mut watching, _control) = watched();
    let text = env.read("token.yaml").replace("Berlin]", "Berlin, Paris]");
    env.write(".token.yaml.new", &text);
    fs::rename(env.documents().join(".token.yaml.new"), env.documents().join("token.yaml")).expect("renamed");
    assert!(watching.event("plan")["plan"]["steps"].to_string().contains("Paris"));
    watching.event("looked");

    let csv = env.read("devices/shared-ipads.csv");
    let line = csv.lines().nth(1).expect("a device").to_owned();
    env.write("devices/shared-ipads.csv", &csv.replace(&format!("{line}\n"), ""));
    let serial = line.split(',').next().expect("a serial").to_owned();
    let plan = watching.event("plan");
    assert!(!plan["plan"]["steps"].to_string().contains(&serial), "{serial} is still planned");
}

#[test]
fn a_log_beside_the_documents_does_not_have_the_same_findings_told_again() {
    let (env, mut watching, _control) = watched();
    env.write("profiles.yaml", &(env.read("profiles.yaml") + "broken: [\n"));
    watching.event("invalid");
    // As the watch's own output would, had it been led into its folder. Nothing tells that it was
    // seen; were the two seen together, the test would only say less.
    env.write("watch.log", "invalid\n");
    std::thread::sleep(std::time::Duration::from_secs(1));
    env.write("more.yaml", "broken: [\n");
    let next = watching.event("invalid")["diagnostics"].to_string();
    assert!(next.contains("more.yaml"), "told again because of a file that is no document: {next}");
}

#[test]
fn a_mounted_volume_that_swaps_one_link_is_noticed() {
    let example = TestEnv::with_example("small");
    let env = TestEnv::new();
    let folder = env.documents();
    for version in ["..2026_1", "..2026_2"] {
        copy_folder(&example.documents(), &folder.join(version));
    }
    let second = folder.join("..2026_2/profiles.yaml");
    let text = fs::read_to_string(&second).expect("a copy");
    fs::write(&second, text.replace("Contoso Training", "Swapped")).expect("a file of the test's own");
    symlink("..2026_1", folder.join("..data")).expect("a link");
    for name in
        ["fleet.yaml", "connection.yaml", "token.yaml", "profiles.yaml", "assignments.yaml", "devices"]
    {
        symlink(format!("..data/{name}"), folder.join(name)).expect("a link");
    }
    let (mut watching, _control) = watch_here(&env);
    symlink("..2026_2", folder.join("..data_tmp")).expect("a link");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("swapped");
    assert!(watching.event("plan")["plan"].to_string().contains("Swapped"));
}

#[test]
fn an_invalid_edit_keeps_the_last_good_documents_in_force() {
    let env = TestEnv::with_example("small");
    let mut watching = Watching::start(env.command(["watch", "--sim", "--listen", "127.0.0.1:0"]));
    let control = Control(watching.said("Simulator: control "));
    let address = watching.said("Serving http://").split('/').next().expect("an address").to_owned();
    watching.event("looked");
    env.run(["apply", "--yes", &control.flag()]).expect(0);

    env.replace(
        "profiles.yaml",
        "department: Contoso Training",
        "departmnt: Contoso Training\n  sharedIpod: {}",
    );
    let invalid = watching.event("invalid");
    let found = invalid["diagnostics"].as_array().expect("findings").iter();
    let found: Vec<_> = found.filter(|finding| finding["severity"] == "refuse").collect();
    assert_eq!(found.len(), 2, "all that is wrong: {found:#?}");
    let (status, body) = served(&address, "/healthz");
    assert!(status == 200 && body.contains("invalid, the last good ones are in force"), "{status} {body}");
    assert_eq!(served(&address, "/readyz").0, 200);
    assert!(served(&address, "/metrics").1.contains("espalier_documents_valid 0"));

    // A full look goes on with the last good ones, and does not say again what is wrong.
    control.portal(&json!({
        "do": "patchProfile", "token": TOKEN, "profile": "Shared iPads", "members": { "supportDepartment": "X" },
    }));
    control.advance("1h");
    let drift = watching.event("drift");
    assert_eq!(ids(&drift["steps"]), ["update EnrollmentProfile/shared-ipads@main"]);
    let invalid = watching.so_far().into_iter().find(|event| event["event"] == "invalid");
    assert_eq!(invalid, None);

    env.replace(
        "profiles.yaml",
        "departmnt: Contoso Training\n  sharedIpod: {}",
        "department: Contoso Training",
    );
    watching.event("documents");
    watching.event("looked");
    assert!(served(&address, "/metrics").1.contains("espalier_documents_valid 1"));
    assert!(served(&address, "/healthz").1.contains("\"valid\""));
}

#[test]
fn p14_a_rule_that_refuses_one_token_keeps_its_last_good_documents_and_the_others_go_on() {
    let env = TestEnv::with_example("small");
    env.write("second.yaml", super::service::SECOND);
    let (mut watching, control) = watch_here(&env);
    env.run(["apply", "--yes", &control.flag()]).expect(0);
    env.replace("second.yaml", "userAffinity: none", "userAffinity: user\n  sharedIpad: {}");
    let invalid = watching.event("invalid");
    assert_eq!(invalid["tokens"], json!(["second"]));
    assert!(invalid["diagnostics"].to_string().contains("P-14"), "{invalid}");
    env.replace("profiles.yaml", "department: Contoso Training", "department: New wish");
    let looking = watching.event("looking");
    assert_eq!(looking["tokens"], json!(["main"]));
    assert_eq!(watching.event("looked")["planned"], 1);

    control.portal(&json!({
        "do": "patchProfile", "token": "Fabrikam", "profile": "second", "members": { "supportDepartment": "X" },
    }));
    control.advance("1h");
    let drift = watching.event("drift");
    assert_eq!(ids(&drift["steps"]), ["update EnrollmentProfile/second@second"]);
    assert_eq!(watching.event("looked")["blocked"], 0);

    env.replace("second.yaml", "userAffinity: user\n  sharedIpad: {}", "userAffinity: none");
    let documents = watching.event("documents");
    assert_eq!(documents["concerned"], json!(["second"]));
}

#[test]
fn a_start_without_good_documents_ends_and_says_all_that_is_wrong() {
    let env = TestEnv::with_example("small");
    env.replace(
        "profiles.yaml",
        "department: Contoso Training",
        "departmnt: Contoso Training\n  sharedIpod: {}",
    );
    let refused = env.run(["watch", "--sim"]).expect(3);
    for part in ["departmnt", "sharedIpod", "no good ones to watch with"] {
        assert!(refused.stderr.contains(part), "no {part} in {}", refused.stderr);
    }
    let without_ledger = TestEnv::with_example("small");
    let mut command = without_ledger.command(["watch"]);
    command.env("INTUNE_CLIENT_SECRET", "a secret");
    let refused = crate::support::Output::of(&mut command).expect(10);
    assert!(refused.stderr.contains("espalier ledger create"), "{}", refused.stderr);
}
