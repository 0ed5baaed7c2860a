//! `explain`: what users see of rows, fields, screens and codes.

use serde_json::Value;

use crate::support::{TestEnv, schema};

fn explained(env: &TestEnv, word: &str) -> Value {
    let value = env.run(["explain", word, "--format", "json"]).expect(0).json();
    schema::holds("explain", &value);
    value
}

#[test]
fn a_word_from_any_side_leads_to_its_explanation() {
    let env = TestEnv::new();
    let row = explained(&env, "p-14");
    assert_eq!(row["rows"][0]["id"], "P-14");
    assert!(row["rows"][0]["rules"].as_array().is_some_and(|rules| !rules.is_empty()), "{row}");

    let field = explained(&env, "EnrollmentProfile.sharedIpad.maximumCachedUsers");
    let field = &field["fields"][0];
    assert_eq!(field["portal"], "Maximum cached users");
    assert_eq!(field["members"][0]["member"], "sharedIPadMaximumUserCount");
    assert_eq!(field["platforms"], serde_json::json!(["ios"]));
    assert!(
        field["rows"].as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == "P-15")),
        "{field}"
    );

    // The portal's label and the member lead to the same field.
    for word in ["Locked enrollment", "profileRemovalDisabled", "EnrollmentProfile.lockedEnrollment"] {
        assert_eq!(
            explained(&env, word)["fields"][0]["path"],
            "EnrollmentProfile.lockedEnrollment",
            "{word}"
        );
    }
    for word in ["Biometric", "Touch ID and Face ID", "EnrollmentProfile.setupAssistant.touchIdAndFaceId"] {
        assert_eq!(explained(&env, word)["screens"][0]["name"], "touchIdAndFaceId", "{word}");
    }
    let all = explained(&env, "EnrollmentProfile");
    assert!(all["kinds"][0]["fields"].as_array().is_some_and(|fields| fields.len() > 20), "{all}");

    // Without quotes, as it is read in the portal.
    let text = env.run(["explain", "Touch", "ID", "and", "Face", "ID"]).expect(0).stdout;
    assert!(text.starts_with("touchIdAndFaceId"), "{text}");
}

#[test]
fn the_codes_that_commands_show_are_explained() {
    let env = TestEnv::with_example("small");
    env.write(
        "more.yaml",
        "apiVersion: espalier.dev/v1alpha1\nkind: Fleet\nmetadata: { name: x }\nspec: { colour: 1 }\n",
    );
    let report = env.run(["validate", "--format", "json"]).expect(3).json();
    let findings = report["diagnostics"].as_array().expect("a list");
    assert!(findings.len() > 2, "{report}");
    for finding in findings {
        let code = finding["code"].as_str().expect("a code");
        let text = env.run(["explain", code]).expect(0).stdout;
        assert!(text.starts_with(code), "{code}: {text}");
    }
    for (args, exit, code) in [
        (&["plan", "nowhere"][..], 3, "folder-unreadable"),
        (&["plan"], 3, "documents-refused"),
        (&["show", "nowhere.json"], 1, "file-io"),
        (&["schema", "nothing"], 64, "unknown-schema"),
        (&["plan", "--fast"], 64, "usage"),
        (&["ledger", "check", "nowhere"], 3, "folder-unreadable"),
        (&["plan", "--sim=http://127.0.0.1:1"], 3, "documents-refused"),
    ] {
        let stderr = env.run(args).expect(exit).stderr;
        let shown = stderr.lines().find_map(|line| line.strip_prefix("error[")?.split_once("]: "));
        assert_eq!(shown.map(|(code, _)| code), Some(code), "{args:?}: {stderr}");
        let text = env.run(["explain", code, "--format", "json"]).expect(0).json();
        assert_eq!(text["codes"][0]["exit"], exit, "{args:?}");
    }
}

#[test]
fn the_ledger_and_the_empty_folder_carry_their_codes() {
    let env = TestEnv::with_example("small");
    let missing = env.run(["apply", "--yes"]).expect(10).stderr;
    assert!(missing.contains("error[ledger-missing]: ") && missing.contains("hint: "), "{missing}");
    std::fs::create_dir(env.home().join("empty")).expect("a folder in the test's own home");
    let folder = env.home().join("empty");
    let empty = env.run(["plan", "--sim", &folder.to_string_lossy()]).expect(3).stderr;
    assert!(empty.contains("error[folder-empty]: ") && empty.contains("hint: "), "{empty}");
}

#[test]
fn an_unknown_word_gets_a_proposal() {
    let env = TestEnv::new();
    for (word, near) in [
        ("sharedIpda", "`sharedIpad`"),
        (
            "EnrollmentProfile.sharedIpad.maximumCachedUser",
            "`EnrollmentProfile.sharedIpad.maximumCachedUsers`",
        ),
        ("ledger-mising", "`ledger-missing`"),
    ] {
        let output = env.run(["explain", word]).expect(64);
        assert!(output.stdout.is_empty(), "{}", output.stdout);
        assert!(output.stderr.contains("error[unknown-topic]: "), "{}", output.stderr);
        assert!(output.stderr.contains(&format!("did you mean {near}?")), "{}", output.stderr);
    }
    let stranger = env.run(["explain", "colourfulness"]).expect(64).stderr;
    assert!(
        !stranger.contains("did you mean") && stranger.contains("`espalier explain` lists"),
        "{stranger}"
    );
}

#[test]
fn rows_settings_and_everything_are_listed_in_every_format() {
    let env = TestEnv::new();
    let text = env.run(["explain", "--rows"]).expect(0).stdout;
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|word| word.contains('-'))
        .collect();
    let rows = env.run(["explain", "--rows", "--format", "json"]).expect(0).json();
    schema::holds("explain", &rows);
    let rows = rows["rows"].as_array().expect("a list");
    assert_eq!(ids, rows.iter().map(|row| row["id"].as_str().expect("an id")).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row["served"].as_array().is_some_and(|by| !by.is_empty())));
    for id in &ids {
        assert!(env.run(["explain", id]).expect(0).stdout.starts_with(id), "{id}");
    }
    let markdown = env.run(["explain", "--rows", "--format", "markdown"]).expect(0).stdout;
    assert_eq!(markdown.lines().count(), ids.len() + 2);

    let settings = env.run(["explain", "--settings", "--format", "json"]).expect(0).json();
    schema::holds("explain", &settings);
    assert!(settings["fields"].as_array().is_some_and(|fields| {
        fields.iter().all(|field| {
            let in_the_portal = field["portal"].is_string() && field["members"][0].is_object();
            in_the_portal || field["apple"][0].is_object()
        })
    }));
    let table = env.run(["explain", "--settings", "--format", "markdown"]).expect(0).stdout;
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    assert!(std::fs::read_to_string(readme).expect("the README").contains(&table));
    assert!(env.run(["explain", "--settings"]).expect(0).stdout.contains("enableSharedIPad"));

    assert!(env.run(["explain"]).expect(0).stdout.contains("unknown-field"));
    let everything = env.run(["explain", "--format", "json"]).expect(0).json();
    schema::holds("explain", &everything);
    for sort in ["rows", "kinds", "fields", "screens", "codes"] {
        assert!(everything[sort].as_array().is_some_and(|list| list.len() > 4), "{sort}");
    }
    env.run(["explain", "--rows", "--settings"]).expect(64);
    env.run(["explain", "P-14", "--rows"]).expect(64);
}
