//! Approvals by signature, and ledgers that are not there.

use std::process::Command;

use super::{a_device, ask, deeds, fleet, states};
use crate::support::TestEnv;

/// A key of `ssh-keygen`, which signs.
pub fn key(env: &TestEnv, name: &str) -> bool {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(env.home().join(name))
        .status();
    made.is_ok_and(|status| status.success())
}

#[test]
fn a_signature_of_another_person_lets_a_wipe_go() {
    let env = fleet();
    let serial = a_device(&env);
    if !key(&env, "grace") || !key(&env, "mallory") {
        assert!(std::env::var_os("ESPALIER_REQUIRE_REAL").is_none(), "there is no ssh-keygen");
        eprintln!("skipped: there is no ssh-keygen");
        return;
    }
    let public = std::fs::read_to_string(env.home().join("grace.pub")).expect("a public key");
    let mut words = public.split_whitespace();
    let (kind, key) = (words.next().unwrap(), words.next().unwrap());
    env.write("signers", &format!("grace@contoso.com {kind} {key}\n"));
    let fleet = env.read("fleet.yaml");
    env.write("fleet.yaml", &format!("{fleet}  approvals: {{ signers: signers }}\n"));
    env.run(["apply", "--yes", "--sim"]).expect(0);
    ask(&env, "wipe", &serial, "gone").expect(0);
    let plan = env.run(["plan", "--sim"]).expect(0);
    assert!(plan.stdout.contains(&format!("approval/act/gone/{serial}")), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("digest sha256:") && plan.stdout.contains("action approve gone"),
        "{}",
        plan.stdout
    );
    env.run(["apply", "--yes", "--sim"]).expect(4);
    assert_eq!(deeds(&env, &serial, "wiped"), 0);
    let missing = || {
        let list = env.run(["action", "list", "--sim", "--format", "json"]).expect(0).json();
        list["acts"][0]["approvalsMissing"].as_u64()
    };
    assert_eq!((missing(), states(&env, "gone")), (Some(1), vec!["needsApproval".to_owned()]));
    let list = env.run(["action", "list", "--sim"]).expect(0).stdout;
    assert!(list.contains("needs approval") && list.contains("1 approval missing:"), "{list}");

    // Without a key it tells how; a stranger's signature is told to be one, and does not count.
    let told = env.run(["action", "approve", "gone", "--sim"]).expect(0);
    assert!(
        told.stdout.starts_with("./approvals/") || told.stdout.starts_with("approvals/"),
        "{}",
        told.stdout
    );
    assert!(
        told.stderr.contains("ssh-keygen -Y sign") && told.stderr.contains("espalier-approval@espalier.dev"),
        "{}",
        told.stderr
    );
    let sign = |name: &str| {
        env.run(["sim", "step", "2s"]).expect(0);
        let key = env.home().join(name);
        env.run(["action", "approve", "gone", &serial, "--key", &key.to_string_lossy(), "--sim"])
    };
    let stranger = sign("mallory").expect(0);
    assert!(stranger.stderr.contains("would not count"), "{}", stranger.stderr);
    assert_eq!(missing(), Some(1), "and it is not counted");
    env.run(["apply", "--yes", "--sim"]).expect(4);
    let no_key = sign("nobody").expect(1);
    assert!(no_key.stderr.contains("file-io"), "{}", no_key.stderr);
    let no_private = sign("../documents/signers").expect(1);
    assert!(no_private.stderr.contains("not-signed"), "{}", no_private.stderr);
    sign("grace").expect(0);
    assert_eq!((missing(), states(&env, "gone")), (None, vec!["waiting".to_owned()]));
    env.run(["apply", "--yes", "--sim"]).expect(0);
    assert_eq!((deeds(&env, &serial, "wiped"), states(&env, "gone")), (1, vec!["done".to_owned()]));
    let needless = env.run(["action", "approve", "gone", "--sim"]);
    assert_ne!(needless.code, Some(0));
    let unknown = env.run(["action", "approve", "gome", "--sim"]).expect(64);
    assert!(unknown.stderr.contains("action-unknown"), "{}", unknown.stderr);
}

#[test]
fn without_a_ledger_everything_that_asks_it_is_exit_10() {
    let env = TestEnv::with_example("small");
    for args in [
        vec!["action", "list"],
        vec!["action", "archive", "--ended"],
        vec!["escrow", "list"],
        vec!["journal"],
        vec!["ledger", "check"],
    ] {
        let output = env.run(&args).expect(10);
        assert!(
            output.stderr.contains("ledger-missing") && output.stderr.contains("ledger create"),
            "{args:?}: {}",
            output.stderr
        );
    }
    // A simulator's ledger is not there before its first apply: nothing is known, and that is said.
    assert!(env.run(["action", "list", "--sim"]).expect(0).stdout.contains("No actions."));
    assert!(env.run(["escrow", "list", "--sim"]).expect(0).stdout.contains("Nothing is sealed."));
    assert_eq!(env.run(["journal", "--sim"]).expect(0).stdout, "");
    for args in
        [vec!["action", "list", "nowhere"], vec!["escrow", "list", "nowhere"], vec!["journal", "nowhere"]]
    {
        let output = env.run(&args).expect(3);
        assert!(output.stderr.contains("folder-unreadable"), "{args:?}: {}", output.stderr);
    }
}
