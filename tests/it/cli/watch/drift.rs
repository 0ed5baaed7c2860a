//! What moved outside: reported, put back, told apart from what is newly wished.

use serde_json::{Value, json};

use super::{ids, switch, watch_here};
use crate::cli::{TOKEN, applied};
use crate::support::{TestEnv, Watching};

/// Changes that a person makes: a field, a device's profile, the default.
fn meddle() -> Value {
    json!([
        { "do": "patchProfile", "token": TOKEN, "profile": "Kiosk",
          "members": { "profileRemovalDisabled": false } },
        { "do": "assign", "token": TOKEN, "profile": "Standard iPhone and iPad", "serials": ["DMPK1A01LMF5"] },
        { "do": "setDefault", "token": TOKEN, "profile": "Kiosk" },
    ])
}

const MOVED: [&str; 3] = [
    "assign EnrollmentProfile/kiosk@main",
    "default EnrollmentProfile/standard@main",
    "update EnrollmentProfile/kiosk@main",
];

fn sorted(mut ids: Vec<&str>) -> Vec<&str> {
    ids.sort_unstable();
    ids
}

#[test]
fn a_change_in_the_portal_is_reported_at_the_next_resync_and_undone_with_healing_on() {
    let env = TestEnv::with_example("small");
    let (mut watching, control) = watch_here(&env);
    // No lock is held between two looks.
    env.run(["apply", "--yes", &control.flag()]).expect(0);
    control.portal(&meddle());
    control.advance("1h");
    let drift = watching.event("drift");
    assert_eq!((sorted(ids(&drift["steps"])), &drift["heals"]), (MOVED.to_vec(), &json!(false)));
    let looked = watching.event("looked");
    assert_eq!((&looked["planned"], &looked["drift"]), (&json!(3), &json!(3)));
    let moved = env.run(["drift", &control.flag(), "--detailed-exitcode"]).expect(2);
    assert!(moved.stdout.contains("Moved outside since the last apply"), "{}", moved.stdout);
    // Told again in short, as long as nothing changes.
    control.advance("1h");
    assert_eq!(watching.event("drift")["repeated"], true);
    watching.event("looked");

    // Healing, and beside it a wish that is new and stays planned.
    env.replace("profiles.yaml", "department: Contoso Training", "department: New wish");
    watching.event("looked");
    switch(&env, "{ onDrift: heal }");
    let healed = watching.event("applied");
    assert_eq!(healed["healed"], true);
    assert_eq!(sorted(ids(&healed["report"]["steps"])), MOVED);
    let looked = watching.event("looked");
    assert_eq!((&looked["planned"], &looked["drift"]), (&json!(1), &json!(0)), "the new wish stays planned");
    env.replace("profiles.yaml", "department: New wish", "department: Contoso Training");
    assert_eq!(watching.event("looked")["planned"], 0);
    env.run(["drift", &control.flag(), "--detailed-exitcode"]).expect(0);
    env.run(["plan", &control.flag(), "--detailed-exitcode"]).expect(0);

    // From now on at the next resync, without anybody's doing.
    control.portal(&meddle());
    control.advance("1h");
    assert_eq!(sorted(ids(&watching.event("applied")["report"]["steps"])), MOVED);
}

#[test]
fn what_is_committed_is_applied_and_what_moved_is_left_as_it_is_where_the_switches_say_so() {
    let (env, server) = applied();
    switch(&env, "{ onCommit: apply }");
    let mut watching = Watching::start(env.command(["watch", &server.flag()]));
    watching.event("looked");
    server.portal(&meddle());
    env.replace("profiles.yaml", "department: Contoso Training", "department: New wish");
    let applied = watching.event("applied");
    assert_eq!(ids(&applied["report"]["steps"]), ["update EnrollmentProfile/shared-ipads@main"]);
    assert_eq!(applied["healed"], false);
    let looked = watching.event("looked");
    assert_eq!(looked["planned"], 3, "the drift is left");
    // A simulator elsewhere is stepped by somebody else.
    server.post_json("/clock", &json!({ "advance": "1h" }));
    let drift = watching.event("drift");
    assert_eq!(sorted(ids(&drift["steps"])), MOVED);
    let plan = env.run(["drift", &server.flag(), "--format", "json"]).expect(0).json();
    assert_eq!(sorted(ids(&plan["steps"])), MOVED);
}

#[test]
fn gates_hold_for_a_watch_as_for_everybody() {
    let (env, server) = applied();
    env.replace("fleet.yaml", "update: { percent: 20, count: 10 }", "update: { percent: 20, count: 0 }");
    switch(&env, "{ onDrift: heal }");
    let mut watching = Watching::start(env.command(["watch", &server.flag()]));
    watching.event("looked");
    server.portal(&meddle());
    server.post_json("/clock", &json!({ "advance": "1h" }));
    let healed = watching.event("applied");
    let gates = healed["report"]["stops"].to_string();
    assert!(gates.contains("limit/update/main"), "{gates}");
    let outcome = |id: &str| {
        let steps = healed["report"]["steps"].as_array().expect("steps");
        steps.iter().find(|step| step["id"] == id).expect("the step")["outcome"]["is"].clone()
    };
    assert_eq!(outcome("update EnrollmentProfile/kiosk@main"), "stopped");
    assert_eq!(outcome("default EnrollmentProfile/standard@main"), "committed");
}

#[test]
fn drift_that_cannot_be_told_from_a_new_wish_is_named_so() {
    let (env, server) = applied();
    env.run(["drift", &server.flag(), "--detailed-exitcode"]).expect(0);
    env.replace("profiles.yaml", "department: Contoso Training", "department: New wish");
    env.replace("assignments.yaml", "      - DMPK1A02LMF5\n", "");
    server.portal(&meddle());
    let drift =
        env.run(["drift", &server.flag(), "--format", "json", "--detailed-exitcode"]).expect(2).json();
    assert_eq!(sorted(ids(&drift["steps"])), MOVED[1..], "{drift}");
    let undecided: Vec<&str> =
        drift["undecided"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(undecided, MOVED[..1]);
    assert_eq!(server.count("write"), 0);
}
