//! Stories whose end is known: what the oracle lets pass is not only harmless, it is what was asked for.

use std::collections::BTreeMap;
use std::panic::resume_unwind;

use serde_json::json;

use super::op::{Draft, Expected, Gate, Op};
use super::paper::Kind;
use super::play::play;
use super::scene::{Scene, serial};

const APPLY: Op = Op::Apply { death: None, fault: None };

fn asks(kind: Kind) -> Op {
    Op::Write(Draft {
        kind,
        device: 0,
        devices: 1,
        from_now: -60,
        expires_after: 168,
        expected: Expected::Nothing,
        waiver: false,
        to: 1,
        picks: false,
        pin: false,
    })
}

fn at_apple() -> Scene {
    Scene { apple: true, ..Scene::plain(2) }
}

/// Plays a story that goes well, and looks how often what happened in it.
fn told(scene: Scene, ops: Vec<Op>, expected: &[(&str, usize)]) {
    let played = super::roomy().spawn(move || super::runtime().block_on(play(&scene, &ops)));
    let played = played.expect("a thread").join().unwrap_or_else(|panic| resume_unwind(panic));
    let tale = played.tale.join("\n");
    assert!(played.broken.is_empty(), "{}\n{tale}", played.broken.join("\n"));
    let found = |what: &str| played.tally.get(what).copied().unwrap_or(0);
    let found: BTreeMap<&str, usize> = expected.iter().map(|(what, _)| (*what, found(what))).collect();
    let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
    assert_eq!(found, expected, "{:#?}\n{tale}", played.tally);
}

#[test]
fn a_release_takes_place_once() {
    let ops = vec![APPLY, asks(Kind::Release), APPLY, Op::Pass(300), APPLY, APPLY];
    told(at_apple(), ops, &[("accepted release", 1), ("release done", 1)]);
}

#[test]
fn a_hand_over_comes_to_its_end_through_an_approval_elsewhere() {
    let mut scene = at_apple();
    scene.behaviour = json!({"approvals": ["deviceWipe"]});
    scene.devices[0].habits = json!({"setUpAfter": 600, "sameRecord": true});
    let mut ops = vec![APPLY, asks(Kind::HandOver), APPLY];
    ops.extend([Op::Pass(3700), APPLY, Op::Pass(900), APPLY, APPLY, Op::Pass(900), APPLY]);
    ops.extend([Op::Decide("approve"), APPLY, Op::Pass(900), APPLY, Op::Pass(3700), APPLY]);
    let again = "sent again after an approval elsewhere";
    told(scene, ops, &[("accepted handOver", 1), (again, 1), ("handOver done", 1)]);
}

/// The ledger forgot the wipe, and nobody says so; the device came back. What is in git cannot wipe it again.
#[test]
fn a_ledger_that_was_put_back_in_silence_wipes_nothing_again() {
    let mut scene = Scene::plain(2);
    scene.devices[0].habits = json!({"setUpAfter": 60});
    let restored = [Op::PutCopyBack { declared: false }, APPLY, Op::Pass(300), APPLY];
    let mut ops = vec![APPLY, Op::KeepCopy, asks(Kind::Wipe), APPLY, Op::Pass(900), APPLY];
    ops.extend(restored);
    told(scene, ops, &[("accepted wipe", 1), ("wipe done", 0), ("restore not declared", 1)]);
}

#[test]
fn a_ledger_that_was_put_back_and_says_so_holds_what_was_asked_before() {
    let mut ops = vec![APPLY, Op::KeepCopy, asks(Kind::Retire), APPLY, Op::Pass(10)];
    ops.extend([Op::PutCopyBack { declared: true }, APPLY]);
    told(Scene::plain(2), ops, &[("accepted retire", 1), ("retire done", 0), ("restore declared", 1)]);
}

#[test]
fn a_saved_plan_sends_what_was_looked_at() {
    let ops = vec![APPLY, asks(Kind::Wipe), Op::SavePlan, Op::ApplySaved { death: None }];
    told(Scene::plain(2), ops, &[("accepted wipe", 1), ("sent from a saved plan", 1), ("wipe done", 1)]);
}

#[test]
fn a_saved_plan_that_is_too_old_sends_nothing() {
    let apply = Op::ApplySaved { death: None };
    let ops = vec![APPLY, asks(Kind::Wipe), Op::SavePlan, Op::Pass(4000), apply];
    told(Scene::plain(2), ops, &[("saved plan refused 5", 1), ("sent from a saved plan", 0)]);
}

#[test]
fn a_saved_plan_sends_nothing_whose_document_is_gone() {
    let apply = Op::ApplySaved { death: None };
    let ops = vec![APPLY, asks(Kind::Wipe), Op::SavePlan, Op::Remove(0), apply];
    told(Scene::plain(2), ops, &[("accepted wipe", 0)]);
}

/// Looked at before it was protected: what holds at the run counts.
#[test]
fn a_saved_plan_sends_nothing_that_was_protected_since() {
    let apply = Op::ApplySaved { death: None };
    let ops = vec![APPLY, asks(Kind::Wipe), Op::SavePlan, Op::Fleet(Gate::Protect(0)), apply];
    told(Scene::plain(2), ops, &[("accepted wipe", 0)]);
}

#[test]
fn an_override_opens_a_limit_once() {
    let limit = Op::Fleet(Gate::Limit(Kind::Wipe, 0));
    let ops = vec![limit, APPLY, asks(Kind::Wipe), APPLY, Op::ApplyOverridden, APPLY];
    told(Scene::plain(2), ops, &[("accepted wipe", 1), ("sent over an opened limit", 1)]);
}

#[test]
fn an_override_opens_neither_protection_nor_window_nor_approval() {
    for gate in [Gate::Protect(0), Gate::Window(20, 2), Gate::Ask(0b0010, 1)] {
        let ops = vec![Op::Fleet(gate), APPLY, asks(Kind::Wipe), Op::ApplyOverridden, Op::Remove(0)];
        told(Scene::plain(2), ops, &[("accepted wipe", 0)]);
    }
}

#[test]
fn what_a_person_cancelled_no_commit_brings_back() {
    let mut scene = Scene::plain(2);
    scene.devices[0].enrolled = false;
    let mut ops = vec![asks(Kind::Wipe), APPLY, Op::Remove(0), Op::Cancel(0), Op::PutBack(0)];
    ops.extend([Op::Portal(json!({"do": "setUpDevice", "serial": serial(0)})), APPLY]);
    told(scene, ops, &[("accepted wipe", 0), ("wipe cancelled", 1), ("cancelled by a person", 1)]);
}

/// No answer came: what took place is found, and nothing is sent again.
#[test]
fn a_wipe_whose_answer_was_lost_is_found_done() {
    let cut = json!({"fault": "cut", "kind": "write", "nth": 1, "when": "after"});
    let ops = vec![APPLY, asks(Kind::Wipe), Op::Apply { death: None, fault: Some(cut) }, APPLY];
    told(Scene::plain(2), ops, &[("accepted wipe", 1), ("wipe done", 1)]);
}

#[test]
fn conditions_pick_for_what_nobody_feels() {
    let asks = Draft {
        kind: Kind::Sync,
        device: 0,
        devices: 1,
        from_now: -60,
        expires_after: 168,
        expected: Expected::Nothing,
        waiver: false,
        to: 1,
        picks: true,
        pin: false,
    };
    let ops = vec![APPLY, Op::Write(asks), APPLY, Op::Pass(60), APPLY];
    told(at_apple(), ops, &[("accepted sync", 2), ("sent to picked devices", 2), ("sync done", 2)]);
}
