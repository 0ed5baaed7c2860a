//! `examples/ci`: the scripts that hosts call, run here on the simulator, and against hosts that
//! this test plays.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::http::{Request, Server};
use crate::support::{Output, TestEnv};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci")
}

fn text(file: &str) -> String {
    let path = examples().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn scripts() -> BTreeSet<String> {
    let entries = fs::read_dir(examples().join("scripts")).expect("there are scripts");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// A script in the documents' folder of a test, with nothing of the caller's environment.
fn script(env: &TestEnv, name: &str, args: &[&str], vars: &[(&str, &str)]) -> Output {
    let mut command = Command::new("sh");
    command.arg(examples().join("scripts").join(name)).args(args).current_dir(env.documents());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", env.home()).env("ESPALIER", env!("CARGO_BIN_EXE_espalier"));
    command.env(crate::support::RECORD, env.recording());
    command.envs(vars.iter().copied()).stdin(Stdio::null());
    Output::of(&mut command)
}

const SIM: (&str, &str) = ("ESPALIER_SIM", "yes");

#[test]
fn every_script_is_one_for_a_plain_shell() {
    for name in scripts() {
        let path = examples().join("scripts").join(&name);
        Output::of(Command::new("sh").arg("-n").arg(&path)).expect(0);
        let text = fs::read_to_string(&path).expect("a script");
        assert!(text.starts_with("#!/bin/sh\n") && text.contains("\nset -eu\n"), "{name}");
    }
}

#[test]
fn hosts_call_scripts_that_are_there_by_pinned_actions_with_the_least_permissions() {
    let there = scripts();
    for file in ["github/espalier.yml", "gitlab/.gitlab-ci.yml"] {
        let text = text(file);
        let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(read.is_object(), "{file}");
        let mut called = BTreeSet::new();
        for piece in text.split("sh ci/").skip(1) {
            let name = piece.split_whitespace().next().expect("a name");
            called.insert(name.trim_end_matches(';').to_owned());
        }
        for needed in ["install.sh", "validate.sh", "plan.sh", "comment.sh", "apply.sh"] {
            assert!(called.contains(needed), "{file} does not call {needed}");
        }
        assert!(called.is_subset(&there), "{file} calls {called:?}");
        assert!(text.contains(concat!("ESPALIER_VERSION: ", env!("CARGO_PKG_VERSION"), "\n")), "{file}");
        assert!(!text.contains("dangerous") && !text.contains("--override"), "{file}");
    }
    let workflow: Value = serde_saphyr::from_str(&text("github/espalier.yml")).expect("YAML");
    assert_eq!(workflow["permissions"], json!({}));
    for (name, job) in workflow["jobs"].as_object().expect("jobs") {
        let permissions = job["permissions"].as_object().expect("each job says what it needs");
        assert!(permissions.values().filter(|level| *level == "write").count() <= 1, "{name}");
        for step in job["steps"].as_array().expect("steps") {
            let Some(action) = step["uses"].as_str() else { continue };
            let (_, version) = action.split_once("@v").unwrap_or_else(|| panic!("{action} is not pinned"));
            assert_eq!(version.split('.').count(), 3, "{action} is not pinned to one version");
        }
    }
}

#[test]
fn what_init_writes_is_what_is_tested_here() {
    let env = TestEnv::new();
    env.run(["init", "."]).expect(0);
    assert_eq!(env.read(".github/workflows/espalier.yml"), text("github/espalier.yml"));
    assert_eq!(env.read(".gitlab-ci.yml"), text("gitlab/.gitlab-ci.yml"));
    for name in scripts() {
        assert_eq!(env.read(&format!("ci/{name}")), text(&format!("scripts/{name}")), "{name}");
    }
    env.run(["validate"]).expect(0);
}

#[test]
fn a_change_is_checked_planned_told_and_applied() {
    let env = TestEnv::with_example("small");
    script(&env, "validate.sh", &[], &[]).expect(0);
    let sarif: Value = serde_json::from_str(&env.read("espalier-out/findings.sarif")).expect("SARIF");
    assert_eq!(sarif["version"], "2.1.0");

    script(&env, "plan.sh", &[], &[SIM]).expect(0);
    let plan = env.read("espalier-out/plan.md");
    assert!(plan.contains("3 to create") && plan.contains("Rehearsed on the simulator"), "{plan}");
    let to = ("ESPALIER_COMMENT_FILE", "comment.md");
    script(&env, "comment.sh", &["espalier-out/plan.md"], &[to]).expect(0);
    assert_eq!(env.read("comment.md"), format!("<!-- espalier plan -->\n{plan}"));

    let applied = script(&env, "apply.sh", &[], &[SIM, ("GITHUB_STEP_SUMMARY", "summary.md")]).expect(0);
    assert!(applied.stdout.contains("7 committed"), "{}", applied.stdout);
    assert_eq!(env.read("summary.md"), env.read("espalier-out/apply.md"));

    script(&env, "plan.sh", &[], &[SIM]).expect(0);
    assert!(env.read("espalier-out/plan.md").contains("**No changes."));
    // A digest that nobody saw is not applied.
    let other = format!("sha256:{}", "0".repeat(64));
    script(&env, "apply.sh", &[], &[SIM, ("ESPALIER_EXPECT_DIGEST", &other)]).expect(5);
    let digest = env.run(["plan", "--sim", "--format", "json"]).expect(0).json()["digest"].clone();
    let digest = digest.as_str().expect("a digest");
    script(&env, "apply.sh", &[], &[SIM, ("ESPALIER_EXPECT_DIGEST", digest)]).expect(0);
}

#[test]
fn mistakes_are_shown_beside_their_lines_on_each_host() {
    let env = TestEnv::with_example("small");
    let fleet = env.documents().join("fleet");
    fs::create_dir(&fleet).expect("a folder");
    for entry in fs::read_dir(env.documents()).expect("the folder") {
        let entry = entry.expect("an entry");
        if entry.file_name() != "fleet" {
            fs::rename(entry.path(), fleet.join(entry.file_name())).expect("moved");
        }
    }
    fs::create_dir(env.documents().join(".git")).expect("a folder");
    env.replace("fleet/profiles.yaml", "supervised: true", "supervisd: \"::error::x\"");
    let folder = ("ESPALIER_FOLDER", "fleet");

    let github = script(&env, "validate.sh", &[], &[folder, ("GITHUB_ACTIONS", "true")]).expect(3);
    let error = github.stdout.lines().find(|line| line.starts_with("::error ")).expect("an annotation");
    assert!(error.contains("file=fleet/profiles.yaml,line="), "{error}");
    assert!(error.contains("title=unknown-field::") && error.contains("supervisd"), "{error}");
    // The text form stands between marks that keep it from being read as commands.
    let stopped = github.stdout.find("::stop-commands::").expect("a mark");
    assert!(stopped < github.stdout.find("refuse[unknown-field]").expect("the text"));

    let sarif: Value = serde_json::from_str(&env.read("espalier-out/findings.sarif")).expect("SARIF");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let found = results.iter().find(|result| result["ruleId"] == "unknown-field").expect("the finding");
    let place = &found["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "fleet/profiles.yaml");
    let (start, end) = (&place["region"]["startColumn"], &place["region"]["endColumn"]);
    assert_eq!(end.as_u64().expect("a column") - start.as_u64().expect("a column"), 9, "supervisd");

    script(&env, "validate.sh", &[], &[folder, ("GITLAB_CI", "true")]).expect(3);
    let quality: Value = serde_json::from_str(&env.read("espalier-out/code-quality.json")).expect("JSON");
    let found = quality.as_array().expect("a list").iter().find(|one| one["check_name"] == "unknown-field");
    assert_eq!(found.expect("the finding")["location"]["path"], "fleet/profiles.yaml");

    // No plan is told as such, without what the documents say.
    script(&env, "plan.sh", &[], &[folder, SIM]).expect(3);
    let plan = env.read("espalier-out/plan.md");
    assert!(plan.contains("There is no plan") && plan.contains("exit code 3"), "{plan}");
    assert!(!plan.contains("supervisd"), "{plan}");
    // Who asks a plan for findings gets those, too.
    let output = env.run(["plan", "fleet", "--sim", "--format", "github"]).expect(3);
    assert!(output.stdout.contains("::error file=fleet/profiles.yaml"), "{}", output.stdout);
}

/// Whether the programs are there that `comment.sh` needs beside a shell.
fn can_ask() -> bool {
    let has = |name: &str| {
        let mut command = Command::new(name);
        command.arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let missing: Vec<&str> = ["curl", "jq"].into_iter().filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("ESPALIER_REQUIRE_REAL").is_none(), "{missing:?} are not installed");
    eprintln!("skipped: {missing:?} are not installed");
    false
}

/// What a host was asked to write: its first line without the version, and the comment's text.
type Written = Arc<Mutex<Vec<(String, String)>>>;

/// A host with some comments, which notes what is written.
fn host(comments: Value, token: &'static str) -> (Server, Written) {
    let written: Written = Arc::default();
    let note = Arc::clone(&written);
    let server = Server::start(move |request: &Request| {
        let line = request.head.lines().next().unwrap_or_default();
        let line = line.trim_end_matches(" HTTP/1.1").to_owned();
        if !request.head.lines().any(|header| header == token) {
            return (401, "{}".to_owned());
        }
        if line == "GET /api/v4/user" {
            return (200, json!({ "username": "espalier-bot" }).to_string());
        }
        if line.starts_with("GET ") {
            let all = comments.as_array().expect("a list");
            let page: usize = line.rsplit('=').next().and_then(|page| page.parse().ok()).unwrap_or(1);
            let from = ((page - 1) * 100).min(all.len());
            let to = (page * 100).min(all.len());
            return (200, json!(all[from..to]).to_string());
        }
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let text = body["body"].as_str().unwrap_or_default().to_owned();
        note.lock().expect("not poisoned").push((line, text));
        (200, "{}".to_owned())
    });
    (server, written)
}

fn taken(written: &Written) -> Vec<(String, String)> {
    written.lock().expect("not poisoned").clone()
}

const MARK: &str = "<!-- espalier plan -->";

#[test]
fn one_comment_of_ours_is_made_and_then_changed_on_github() {
    if !can_ask() {
        return;
    }
    let env = TestEnv::new();
    env.write("plan.md", "## espalier plan\n\n\"quoted\" \\ `code`\tend\n");
    let wanted = format!("{MARK}\n{}", env.read("plan.md"));
    let post = |comments: Value| {
        let (server, written) = host(comments, "Authorization: Bearer t0ken");
        let url = server.url().to_owned();
        let vars = [
            ("GITHUB_API_URL", url.as_str()),
            ("GITHUB_REPOSITORY", "org/fleet"),
            ("GITHUB_TOKEN", "t0ken"),
            ("ESPALIER_REQUEST", "7"),
        ];
        let output = script(&env, "comment.sh", &["plan.md"], &vars).expect(0);
        assert!(!output.stdout.contains("t0ken") && !output.stderr.contains("t0ken"));
        taken(&written)
    };
    let comment =
        |id: u64, login: &str, body: &str| json!({ "id": id, "user": { "login": login }, "body": body });

    assert_eq!(post(json!([])), [("POST /repos/org/fleet/issues/7/comments".to_owned(), wanted.clone())]);
    // Somebody else's comment with the mark is not ours, and neither is ours without it.
    let ours = "github-actions[bot]";
    let others = json!([
        comment(1, "mallory", MARK),
        comment(2, ours, "hello"),
        json!({ "id": 3, "user": null, "body": MARK })
    ]);
    assert_eq!(post(others.clone())[0].0, "POST /repos/org/fleet/issues/7/comments");
    // It is found on a later page, too.
    let mut many: Vec<Value> = (10..160).map(|id| comment(id, "mallory", "hello")).collect();
    many.push(comment(200, ours, &format!("{MARK}\nold")));
    assert_eq!(post(json!(many)), [("PATCH /repos/org/fleet/issues/comments/200".to_owned(), wanted)]);
}

#[test]
fn one_note_of_ours_is_made_and_then_changed_on_gitlab() {
    if !can_ask() {
        return;
    }
    let env = TestEnv::new();
    env.write("plan.md", "## espalier plan\n");
    let post = |comments: Value| {
        let (server, written) = host(comments, "PRIVATE-TOKEN: t0ken");
        let url = format!("{}/api/v4", server.url());
        let vars = [
            ("CI_API_V4_URL", url.as_str()),
            ("CI_PROJECT_ID", "12"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("ESPALIER_GITLAB_TOKEN", "t0ken"),
        ];
        script(&env, "comment.sh", &["plan.md"], &vars).expect(0);
        taken(&written)
    };
    let wanted = format!("{MARK}\n## espalier plan\n");
    let notes = "/api/v4/projects/12/merge_requests/7/notes";
    assert_eq!(post(json!([])), [(format!("POST {notes}"), wanted.clone())]);
    let ours = json!([{ "id": 5, "author": { "username": "espalier-bot" }, "body": MARK }]);
    assert_eq!(post(ours), [(format!("PUT {notes}/5"), wanted)]);
}

#[test]
fn without_a_token_no_host_is_asked_and_a_refusal_fails_the_job() {
    if !can_ask() {
        return;
    }
    let env = TestEnv::new();
    env.write("plan.md", "x\n");
    let (server, written) = host(json!([]), "Authorization: Bearer other");
    let url = server.url().to_owned();
    let mut vars =
        vec![("GITHUB_API_URL", url.as_str()), ("GITHUB_REPOSITORY", "org/fleet"), ("ESPALIER_REQUEST", "7")];
    let output = script(&env, "comment.sh", &["plan.md"], &vars).expect(0);
    assert!(output.stderr.contains("there is no token"), "{}", output.stderr);
    assert_eq!(server.asked(), 0);
    vars.push(("GITHUB_TOKEN", "t0ken"));
    let refused = script(&env, "comment.sh", &["plan.md"], &vars);
    assert_ne!(refused.code, Some(0), "{}", refused.stderr);
    assert!(taken(&written).is_empty());
}
