//! Mistakes in documents that must not cost anything: a typo, a cut file, a removed document.

use crate::support::{Output, SimServer, TestEnv, world};

use super::applied;

/// Applies what a mistake left of the documents. Nothing may be written.
#[track_caller]
fn nothing_happens(env: &TestEnv, server: &SimServer, code: i32) -> Output {
    let before = server.world();
    let plan = env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(code);
    env.run(["apply", &server.flag(), "--yes"]).expect(code);
    let after = server.world();
    assert_eq!(
        (world::profiles(&after), world::assigned(&after)),
        (world::profiles(&before), world::assigned(&before))
    );
    assert_eq!(world::state_of(&after), world::state_of(&before));
    assert_eq!(server.count("write"), 0);
    plan
}

#[track_caller]
fn says(plan: &Output, parts: &[&str]) {
    for part in parts {
        let text = format!("{}{}", plan.stdout, plan.stderr);
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn a_label_typo_deselects_a_token_and_deletes_nothing() {
    let env = TestEnv::with_example("small");
    let text = env.read("profiles.yaml");
    let (others, kiosk) = text.split_once("name: kiosk").expect("the example has a kiosk");
    let kiosk = kiosk.replace("tokens: [main]", "tokens: { matchLabels: { region: europe } }");
    env.write("profiles.yaml", &format!("{others}name: kiosk{kiosk}"));
    let server = env.serve();
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    env.replace("profiles.yaml", "region: europe", "region: eurpoe");
    server.forget_calls();
    let plan = nothing_happens(&env, &server, 0);
    says(&plan, &["selects-no-token", "profiles.yaml:53:11", "region: eurpoe", "No changes."]);
    says(&plan, &["profile on main: Kiosk", "EnrollmentProfile/kiosk does not select this token any more"]);
}

#[test]
fn a_list_that_lost_its_end_takes_no_profile_from_any_device() {
    let (env, server) = applied();
    let list = "devices/shared-ipads.csv";
    let whole = env.read(list);
    let lines: Vec<&str> = whole.lines().collect();
    env.write(list, &(lines[..11].join("\n") + "\n"));
    let plan = nothing_happens(&env, &server, 0);
    says(&plan, &["15 devices with \"Shared iPads\"", "no document names them; they keep the profile"]);

    // Cut within a line: the file contributes nothing, and the folder is not in order.
    let cut = whole.find("GG7T10").expect("the tenth") + "GG7T10QHMF3K,\"iPad".len();
    env.write(list, &whole[..cut]);
    let plan = nothing_happens(&env, &server, 3);
    says(&plan, &["devices/shared-ipads.csv:11:1", "A-1", "never closed", "nothing was sent"]);
}

#[test]
fn a_removed_document_deletes_nothing_that_is_in_use() {
    let (env, server) = applied();
    let keep = |file: &str, name: &str| {
        let text = env.read(file);
        let documents: Vec<&str> =
            text.split("\n---\n").filter(|document| !document.contains(&format!("name: {name}\n"))).collect();
        env.write(file, &(documents.join("\n---\n") + "\n"));
    };
    keep("assignments.yaml", "kiosks");
    nothing_happens(&env, &server, 0);
    // `prune: created` allows the deletion, and its devices do not.
    keep("profiles.yaml", "kiosk");
    let plan = nothing_happens(&env, &server, 0);
    says(&plan, &["profile on main: Kiosk", "to be pruned, but 4 devices still have it"]);

    // The token with everything under it: managed no more, and untouched.
    for file in ["token.yaml", "profiles.yaml", "assignments.yaml"] {
        std::fs::remove_file(env.documents().join(file)).expect("a document of the example");
    }
    nothing_happens(&env, &server, 0);
}

#[test]
fn an_empty_folder_is_no_wish_to_manage_nothing() {
    let (env, server) = applied();
    for file in ["fleet.yaml", "connection.yaml", "token.yaml", "profiles.yaml", "assignments.yaml"] {
        std::fs::remove_file(env.documents().join(file)).expect("a document of the example");
    }
    let before = world::state_of(&server.world());
    for command in ["plan", "apply"] {
        let output = env.run([command, &server.flag()]).expect(3);
        says(&output, &["there are no documents", "--dangerous-allow-empty"]);
    }
    assert_eq!(server.calls(), Vec::<serde_json::Value>::new());
    assert_eq!(world::state_of(&server.world()), before);
}
