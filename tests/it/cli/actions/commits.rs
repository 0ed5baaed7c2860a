//! Whose commits acts run from, and who may approve what somebody else committed.

use std::process::Command;

use super::gates::key;
use super::{a_device, ask, deeds, fleet, states};
use crate::support::TestEnv;

/// The fleet in git, everything that lies there committed by Grace.
fn in_git() -> TestEnv {
    let env = fleet();
    env.write(".gitignore", ".espalier/\n*.key\n");
    git(&env, &["init", "-q", "-b", "main"]);
    commit(&env, "grace", "the fleet");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    env
}

fn git(env: &TestEnv, args: &[&str]) -> String {
    let asked = Command::new("git")
        .arg("-C")
        .arg(env.documents())
        .args(["-c", "user.name=runner", "-c", "user.email=runner@contoso.com", "-c", "commit.gpgsign=false"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git");
    assert!(asked.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8_lossy(&asked.stdout).trim().to_owned()
}

/// Commits everything as somebody; returns the commit.
fn commit(env: &TestEnv, who: &str, message: &str) -> String {
    git(env, &["add", "-A"]);
    let (name, mail) = (format!("user.name={who}"), format!("user.email={who}@contoso.com"));
    git(env, &["-c", &name, "-c", &mail, "commit", "-q", "-m", message]);
    git(env, &["rev-parse", "HEAD"])
}

/// Signers of this name and mail address, and their keys; false: there is no `ssh-keygen`, which fails where every
/// judge is required.
fn signers(env: &TestEnv, names: &[&str]) -> bool {
    let mut lines = String::new();
    for name in names {
        if !key(env, name) {
            assert!(std::env::var_os("ESPALIER_REQUIRE_REAL").is_none(), "there is no ssh-keygen");
            eprintln!("skipped: there is no ssh-keygen");
            return false;
        }
        let public = std::fs::read_to_string(env.home().join(format!("{name}.pub"))).expect("a public key");
        let words: Vec<&str> = public.split_whitespace().take(2).collect();
        lines.push_str(&format!("{name}@contoso.com {}\n", words.join(" ")));
    }
    env.write("signers", &lines);
    let fleet = env.read("fleet.yaml");
    env.write("fleet.yaml", &format!("{fleet}  approvals: {{ signers: signers }}\n"));
    true
}

fn approve(env: &TestEnv, name: &str, who: &str) {
    env.run(["sim", "step", "2s"]).expect(0);
    let key = env.home().join(who);
    env.run(["action", "approve", name, "--key", &key.to_string_lossy(), "--sim"]).expect(0);
}

#[test]
fn a_commit_from_before_one_that_was_applied_in_part_sends_nothing() {
    let env = in_git();
    let serial = a_device(&env);
    ask(&env, "wipe", &serial, "gone").expect(0);
    let with = commit(&env, "grace", "wipe it");
    // It was never applied; the next one takes it back, and is applied in part.
    std::fs::remove_file(env.documents().join("actions/gone.yaml")).expect("the document");
    env.replace("fleet.yaml", "    update: {", "    lock: { count: 0 }\n    update: {");
    ask(&env, "lock", &serial, "locked").expect(0);
    commit(&env, "grace", "lock it instead");
    env.run(["apply", "--yes", "--sim"]).expect(4);
    git(&env, &["checkout", "-q", &with]);
    let stopped = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(stopped.stdout.contains("is older than"), "{}", stopped.stdout);
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
}

#[test]
fn no_gates_are_recorded_while_an_act_of_their_commit_is_not_bound() {
    let env = fleet();
    let serial = a_device(&env);
    env.replace("fleet.yaml", "serials: [DMPZ0PRTCTD1]", &format!("serials: [DMPZ0PRTCTD1, {serial}]"));
    env.write(".gitignore", ".espalier/\n*.key\n");
    git(&env, &["init", "-q", "-b", "main"]);
    commit(&env, "grace", "the fleet");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    // One commit lifts the protection and asks for the wipe; the branch has a newer one, which is not checked out.
    env.replace("fleet.yaml", &format!("serials: [DMPZ0PRTCTD1, {serial}]"), "serials: [DMPZ0PRTCTD1]");
    env.write("later", "");
    ask(&env, "wipe", &serial, "gone").expect(0);
    let first = commit(&env, "mallory", "a harmless change");
    env.write("later", "later\n");
    commit(&env, "grace", "later");
    git(&env, &["branch", "-q", "upstream"]);
    git(&env, &["reset", "-q", "--hard", &first]);
    git(&env, &["branch", "-q", "--set-upstream-to=upstream"]);
    let unread = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(unread.stdout.contains("the newest commit is not valid"), "{}", unread.stdout);
    git(&env, &["merge", "-q", "--ff-only", "upstream"]);
    let stopped = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(stopped.stdout.contains(&format!("protected/serial/{serial}")), "{}", stopped.stdout);
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
}

#[test]
fn a_saved_plan_of_another_branch_moves_nothing_of_what_was_applied_last() {
    let env = in_git();
    let serial = a_device(&env);
    let base = git(&env, &["rev-parse", "HEAD"]);
    git(&env, &["checkout", "-q", "-b", "fork"]);
    env.write("fork", "");
    commit(&env, "mallory", "a fork");
    let plan = env.home().join("plan.json");
    env.run(["plan", "--sim", "-o", &plan.to_string_lossy()]).expect(0);
    git(&env, &["checkout", "-q", "main"]);
    env.write("main", "");
    let main = commit(&env, "grace", "the main way");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    env.run(["apply", &plan.to_string_lossy(), ".", "--yes", "--sim"]);
    assert_ne!(main, base);
    git(&env, &["checkout", "-q", "fork"]);
    ask(&env, "wipe", &serial, "gone").expect(0);
    commit(&env, "mallory", "wipe it");
    let stopped = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(stopped.stdout.contains("does not descend from"), "{}", stopped.stdout);
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
}

#[test]
fn a_ledger_from_a_copy_still_knows_what_was_applied() {
    let env = in_git();
    let serial = a_device(&env);
    let base = git(&env, &["rev-parse", "HEAD"]);
    env.write("newer", "");
    commit(&env, "grace", "newer");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    env.run(["sim", "step", "1h"]).expect(0);
    env.run(["ledger", "restored", "--reason", "the disk died", "--sim"]).expect(0);
    env.run(["sim", "step", "1h"]).expect(0);
    git(&env, &["checkout", "-q", "-b", "older", &base]);
    ask(&env, "lock", &serial, "lost").expect(0);
    commit(&env, "grace", "beside it");
    let stopped = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(stopped.stdout.contains("does not descend from"), "{}", stopped.stdout);
    // Where the history itself is another one, a person says so.
    env.run(["sim", "step", "1h"]).expect(0);
    env.run(["ledger", "restored", "--history-rewritten", "--reason", "a new repository", "--sim"]).expect(0);
    env.run(["sim", "step", "1h"]).expect(0);
    ask(&env, "lock", &serial, "lost-2").expect(0);
    commit(&env, "grace", "once more");
    env.run(["apply", "--yes", "--sim"]);
    assert_eq!((deeds(&env, &serial, "locked"), states(&env, "lost-2")), (1, vec!["done".to_owned()]));
}

#[test]
fn what_was_cancelled_before_any_apply_saw_it_does_not_come_back() {
    let env = in_git();
    let serial = a_device(&env);
    ask(&env, "wipe", &serial, "gone").expect(0);
    commit(&env, "grace", "wipe it");
    let told = env.run(["action", "cancel", "gone", "--reason", "it turned up", "--sim"]).expect(0);
    assert!(told.stdout.contains("cancelled since"), "{}", told.stdout);
    assert_eq!(states(&env, "gone"), ["cancelled"]);
    let journal = env.run(["journal", "--act", "gone", "--sim"]).expect(0);
    assert!(journal.stdout.contains("it turned up"), "{}", journal.stdout);
    git(&env, &["checkout", "-q", "--", "actions/gone.yaml"]);
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!((deeds(&env, &serial, "wiped"), states(&env, "gone")), (0, vec!["cancelled".to_owned()]));
}

#[test]
fn who_commits_an_approval_may_have_given_it_and_who_wrote_the_act_may_not() {
    let env = in_git();
    if !signers(&env, &["grace", "bob"]) {
        return;
    }
    commit(&env, "grace", "signers");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    let serial = a_device(&env);
    ask(&env, "wipe", &serial, "gone").expect(0);
    commit(&env, "grace", "wipe it");
    // Her own does not count; that she moves the text into another file, or that he does, changes nothing.
    approve(&env, "gone", "grace");
    commit(&env, "grace", "approved");
    let own = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(own.stdout.contains("another person has to approve"), "{}", own.stdout);
    let text = env.read("actions/gone.yaml");
    std::fs::remove_file(env.documents().join("actions/gone.yaml")).expect("the document");
    env.write("elsewhere.yaml", &format!("{}{text}", "# a comment that makes it another file\n".repeat(60)));
    commit(&env, "carol", "tidied up");
    let moved = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(moved.stdout.contains("another person has to approve"), "{}", moved.stdout);
    // Whoever commits an approval has not written the act.
    approve(&env, "gone", "bob");
    commit(&env, "bob", "approved");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!((deeds(&env, &serial, "wiped"), states(&env, "gone")), (1, vec!["done".to_owned()]));
}

#[test]
fn where_git_cannot_tell_who_wrote_it_no_approval_counts() {
    let env = in_git();
    if !signers(&env, &["grace", "bob"]) {
        return;
    }
    commit(&env, "grace", "signers");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    let serial = a_device(&env);
    ask(&env, "wipe", &serial, "gone").expect(0);
    commit(&env, "grace", "wipe it");
    approve(&env, "gone", "bob");
    commit(&env, "bob", "approved");
    // A clone of one commit, as a job in CI makes it.
    std::fs::write(env.documents().join(".git/shallow"), git(&env, &["rev-parse", "HEAD"]) + "\n").unwrap();
    let shallow = env.run(["apply", "--yes", "--sim"]).expect(4);
    assert!(
        shallow.stdout.contains("shallow clone") || shallow.stdout.contains("is not known"),
        "{}",
        shallow.stdout
    );
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
    std::fs::remove_file(env.documents().join(".git/shallow")).unwrap();
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!(deeds(&env, &serial, "wiped"), 1);
}

#[test]
fn an_approval_needs_neither_ledger_nor_service_where_there_is_a_plan() {
    let env = in_git();
    if !signers(&env, &["grace", "bob"]) {
        return;
    }
    commit(&env, "grace", "signers");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    let serial = a_device(&env);
    ask(&env, "wipe", &serial, "gone").expect(0);
    commit(&env, "grace", "wipe it");
    let plan = env.home().join("plan.json");
    env.run(["plan", "--sim", "-o", &plan.to_string_lossy()]).expect(0);
    let (plan, key) = (plan.to_string_lossy().into_owned(), env.home().join("bob"));
    let key = key.to_string_lossy();
    let signed = env.run(["action", "approve", "gone", "--plan", &plan, "--key", &key]).expect(0);
    assert!(signed.stderr.contains("Signed by bob@contoso.com"), "{}", signed.stderr);
    let other = env.run(["action", "approve", "gome", "--plan", &plan, "--key", &key]).expect(64);
    assert!(other.stderr.contains("action-unknown"), "{}", other.stderr);
}

#[test]
fn somebody_is_asked_before_anything_is_sent_to_a_device() {
    let env = fleet();
    let serial = a_device(&env);
    ask(&env, "wipe", &serial, "gone").expect(0);
    let nobody = env.run(["apply", "--sim"]).expect(64);
    assert!(nobody.stderr.contains("no-terminal"), "{}", nobody.stderr);
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
}
