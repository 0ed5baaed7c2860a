//! In a simulated world its clock is the time, for documents as for everything else.

use super::{ask, fleet, recipient};
use crate::support::TestEnv;

fn now_of(env: &TestEnv) -> String {
    let stepped = env.run(["sim", "step", "1s"]).expect(0).stdout;
    let (_, time) = stepped.split_once("it is ").expect("the time");
    time.trim().trim_end_matches('.').to_owned()
}

fn lock(env: &TestEnv, name: &str, at: &str, rest: &str) {
    env.write(
        &format!("actions/{name}.yaml"),
        &format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{name: {name}}}\nspec:\n  action: lock\n  devices: {{serials: [SB1MA0000099]}}\n  requestedAt: {at}\n{rest}"
        ),
    );
}

#[test]
fn documents_are_judged_by_the_worlds_clock() {
    let env = fleet();
    // Far from the clock of a machine that runs this.
    env.run(["sim", "step", "400d"]).expect(0);
    let now = now_of(&env);
    lock(&env, "late", &now, "  reason: x\n");
    let judged = env.run(["validate", "--sim"]).expect(0);
    assert!(!judged.stdout.contains("act-expired"), "{}", judged.stdout);

    // What is refused beside it is refused for itself alone.
    lock(&env, "broken", &now, "");
    for args in [["validate", "--sim"].as_slice(), &["plan", "--sim"], &["apply", "--yes", "--sim"]] {
        let refused = env.run(args.iter().copied()).expect(3);
        let all = format!("{}{}", refused.stdout, refused.stderr);
        assert!(all.contains("actions/broken.yaml"), "{args:?}: {all}");
        assert!(!all.contains("requested-ahead") && !all.contains("late.yaml"), "{args:?}: {all}");
    }
    std::fs::remove_file(env.documents().join("actions/broken.yaml")).expect("it is there");
    env.run(["sim", "step", "8d"]).expect(0);
    assert!(env.run(["validate", "--sim"]).expect(0).stdout.contains("act-expired"));
}

#[test]
fn a_simulator_elsewhere_tells_the_time_too() {
    let env = fleet();
    let server = env.serve();
    let flag = server.flag();
    server.post_json("/clock", &serde_json::json!({ "advance": "8760h" }));
    // A day before the one that runs; a year ahead of the folder's own.
    lock(&env, "late", "2027-11-01T08:00:00Z", "  reason: x\n");
    let judged = env.run(["validate", &flag]).expect(0);
    assert!(!judged.stdout.contains("act-expired"), "{}", judged.stdout);
}

#[test]
fn l4_a_recipient_whose_time_comes_is_waited_for_in_the_world() {
    let env = fleet();
    let token = espalier::model::Name::new("recovery").expect("a name");
    let pair = espalier::server_token::KeyPair::generate(
        &token,
        "2027-01-01T00:00:00Z".parse().expect("an instant"),
    )
    .expect("a key pair");
    env.write("recovery.pem", &String::from_utf8(pair.certificate_pem().expect("PEM")).expect("text"));
    let plan = || {
        let told = env.run(["plan", "--sim"]).expect(0).stdout;
        told.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = plan();
    assert!(told.contains("is not valid before"), "{told}");
    assert!(told.contains("espalier sim step"), "{told}");
    assert!(!told.contains("machine's clock"), "{told}");
    recipient(&env, "recovery");
    assert!(!plan().contains("is not valid before"));
}

#[test]
fn what_expired_before_an_apply_saw_it_can_be_archived() {
    let env = fleet();
    let serial = super::a_device(&env);
    ask(&env, "lock", &serial, "missed").expect(0);
    let open = env.run(["action", "archive", "missed", "--sim"]).expect(4);
    assert!(open.stderr.contains("no apply has seen it yet"), "{}", open.stderr);
    env.run(["sim", "step", "8d"]).expect(0);
    env.run(["action", "archive", "missed", "--sim"]).expect(0);
    assert!(!env.documents().join("actions/missed.yaml").exists());
}
