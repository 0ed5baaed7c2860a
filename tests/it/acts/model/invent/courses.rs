//! Courses: a few operations in the order in which people make them, so that stories by chance come to the end of
//! what takes several runs. What happens besides is left to chance.

use serde_json::json;

use super::super::chance::Chance;
use super::super::op::{Draft, Expected, Gate, Op};
use super::super::paper::Kind;
use super::super::scene::{Device, Scene, TENANTS, serial};
use super::{death, draft, fault, gate, next, settle};

const APPLY: Op = Op::Apply { death: None, fault: None };

/// What a course is about.
#[derive(Clone, Copy)]
enum Course {
    HandOver,
    Release,
    Wipe,
    Removal,
    Approval,
    Override,
    SavedPlan,
    Restore,
    Elsewhere,
    LostMode,
    Doubt,
    Overtaking,
    Mild,
    Ending,
    Commits,
}

/// One course, and what it leaves to chance.
pub fn course(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let at_apple = |weight| if scene.apple { weight } else { 0 };
    let course = chance.weighed(&[
        (at_apple(14), Course::HandOver),
        (at_apple(10), Course::Release),
        (12, Course::Wipe),
        (10, Course::Removal),
        (7, Course::Approval),
        (5, Course::Override),
        (8, Course::SavedPlan),
        (10, Course::Restore),
        (6, Course::Elsewhere),
        (9, Course::LostMode),
        (8, Course::Doubt),
        (5, Course::Overtaking),
        (10, Course::Mild),
        (4, Course::Ending),
        (if scene.git { 20 } else { 0 }, Course::Commits),
    ]);
    match course {
        Course::HandOver => hand_over(scene, chance, ops),
        Course::Release => release(scene, chance, ops),
        Course::Wipe => {
            let wishes_mac = chance.percent(60);
            let at =
                fit(scene, chance, |one| (one.family == "Mac") == wishes_mac && one.profile && one.enrolled);
            ops.push(Op::Write(Draft { pin: chance.percent(85), ..asks(chance, Kind::Wipe, at) }));
            let dies = death(chance);
            settle(scene, chance, ops, dies);
            ops.extend([Op::Pass(200), APPLY]);
        }
        Course::Removal => {
            let kind = *chance.of_all(&[Kind::Retire, Kind::DeleteRecord]);
            let at = fit(scene, chance, |one| one.enrolled);
            ops.push(Op::Write(asks(chance, kind, at)));
            let dies = death(chance);
            settle(scene, chance, ops, dies);
            ops.extend([Op::Pass(200), APPLY]);
        }
        Course::Approval => approval(scene, chance, ops),
        Course::Override => {
            let kind = *chance.of_all(&[Kind::Wipe, Kind::Retire, Kind::DeleteRecord]);
            ops.push(Op::Fleet(Gate::Limit(kind, 0)));
            settle(scene, chance, ops, None);
            let at = fit(scene, chance, |one| one.enrolled && one.profile);
            ops.push(Op::Write(asks(chance, kind, at)));
            settle(scene, chance, ops, None);
            ops.push(Op::ApplyOverridden);
        }
        Course::SavedPlan => saved_plan(scene, chance, ops),
        Course::Restore => {
            let kind = grave(chance);
            let at = fit(scene, chance, |one| one.enrolled && one.profile);
            ops.push(Op::KeepCopy);
            ops.push(Op::Write(asks(chance, kind, at)));
            settle(scene, chance, ops, None);
            if chance.percent(40) {
                next(scene, chance, ops);
            }
            ops.push(Op::PutCopyBack { declared: chance.percent(50) });
            ops.push(APPLY);
            if chance.percent(40) {
                ops.push(Op::Write(draft(scene, chance)));
            }
            settle(scene, chance, ops, None);
        }
        Course::Elsewhere => {
            let kind = *chance.of_all(&[Kind::Wipe, Kind::Retire, Kind::DeleteRecord]);
            let at = fit(scene, chance, |one| one.enrolled && one.profile);
            ops.push(wants_approval());
            ops.push(Op::Write(asks(chance, kind, at)));
            settle(scene, chance, ops, None);
            if chance.percent(30) {
                next(scene, chance, ops);
            }
            ops.push(Op::Decide(chance.weighed(&[(6, "approve"), (1, "reject"), (1, "cancel")])));
            ops.push(Op::Apply { death: death(chance), fault: None });
        }
        Course::LostMode => {
            let at = fit(scene, chance, |one| one.supervised && one.family != "Mac" && one.enrolled);
            ops.push(Op::Write(asks(chance, Kind::EnableLostMode, at)));
            settle(scene, chance, ops, None);
            ops.extend([Op::Pass(60), APPLY]);
            let first = *chance.of_all(&[Kind::Locate, Kind::PlaySound]);
            ops.push(Op::Write(asks(chance, first, at)));
            settle(scene, chance, ops, None);
            if chance.percent(60) {
                ops.push(Op::Write(asks(chance, Kind::DisableLostMode, at)));
                settle(scene, chance, ops, None);
            }
        }
        Course::Doubt => {
            let at = fit(scene, chance, |one| one.enrolled && one.profile);
            let kind = grave(chance);
            ops.push(Op::Write(asks(chance, kind, at)));
            if scene.git {
                ops.push(Op::Commit(0));
            }
            let broken = *chance.of_all(&["cut", "500", "504", "garbage"]);
            let when = if chance.percent(65) { "after" } else { "before" };
            let fault = json!({"fault": broken, "kind": "write", "nth": 1, "when": when});
            ops.push(Op::Apply { death: None, fault: Some(fault) });
            if chance.percent(60) {
                ops.extend([Op::Resolve(0), APPLY]);
            }
        }
        Course::Overtaking => {
            let at = fit(scene, chance, |one| one.enrolled && one.profile);
            ops.push(Op::Portal(json!({"do": "changeDevice", "serial": serial(at), "reach": "offline"})));
            let first = *chance.of_all(&[Kind::ClearPasscode, Kind::Lock, Kind::Sync, Kind::Restart]);
            ops.push(Op::Write(asks(chance, first, at)));
            settle(scene, chance, ops, None);
            ops.push(Op::Write(asks(chance, Kind::Wipe, at)));
            settle(scene, chance, ops, None);
            ops.push(Op::Portal(json!({"do": "changeDevice", "serial": serial(at), "reach": "online"})));
            ops.extend([Op::Pass(700), APPLY]);
        }
        Course::Commits => commits(scene, chance, ops),
        Course::Mild => mild(scene, chance, ops),
        Course::Ending => {
            // It stands still, is taken out, and a person says that it is over.
            let at = chance.below(scene.devices.len());
            let kind = grave(chance);
            let wrong = Draft { expected: Expected::WrongUser, ..asks(chance, kind, at) };
            ops.push(Op::Write(wrong));
            settle(scene, chance, ops, None);
            ops.extend([Op::Remove(0), Op::Cancel(0)]);
            settle(scene, chance, ops, None);
            ops.push(Op::PutBack(0));
            settle(scene, chance, ops, None);
        }
    }
}

fn wants_approval() -> Op {
    Op::Portal(json!({"do": "changeDeviceBehaviour", "tenant": TENANTS[0],
                      "behaviour": {"approvals": ["deviceWipe", "deviceRetire", "deviceDelete"]}}))
}

fn grave(chance: &mut Chance) -> Kind {
    *chance.of_all(&[Kind::Wipe, Kind::Wipe, Kind::Retire, Kind::DeleteRecord])
}

/// A device of which something holds, where there is one.
fn fit(scene: &Scene, chance: &mut Chance, holds: impl Fn(&Device) -> bool) -> usize {
    let first = chance.below(scene.devices.len());
    let mut all = (0..scene.devices.len()).map(|more| (first + more) % scene.devices.len());
    all.find(|at| holds(&scene.devices[*at])).unwrap_or(first)
}

/// A document that little is wrong with.
fn asks(chance: &mut Chance, kind: Kind, device: usize) -> Draft {
    Draft {
        kind,
        device,
        devices: 1,
        from_now: -chance.within(0, 300),
        expires_after: *chance.of_all(&[168, 168, 2000]),
        expected: if chance.percent(30) { Expected::Right } else { Expected::Nothing },
        waiver: chance.percent(35),
        to: chance.below(2) + 1,
        picks: false,
        pin: false,
    }
}

fn hand_over(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let at = fit(scene, chance, |one| {
        one.enrolled && one.supervised && one.profile && !one.shared && one.family != "Mac" && one.token != 1
    });
    if chance.percent(20) {
        ops.push(wants_approval());
    }
    if chance.percent(30) {
        ops.push(Op::Portal(json!({"do": "setDeviceLock", "serials": [serial(at)], "lock": "USER"})));
    }
    ops.push(Op::Write(Draft { to: 1, ..asks(chance, Kind::HandOver, at) }));
    settle(scene, chance, ops, None);
    let dies = death(chance);
    ops.extend([Op::Apply { death: dies, fault: None }, Op::Pass(3700), APPLY]);
    if chance.percent(25) {
        next(scene, chance, ops);
    }
    let trouble = if chance.percent(20) { Some(fault(scene, chance)) } else { None };
    ops.extend([Op::Pass(700), Op::Apply { death: None, fault: trouble }]);
    ops.extend([APPLY, Op::Decide("approve"), APPLY, Op::Pass(120)]);
    if chance.percent(60) {
        ops.push(Op::Portal(json!({"do": "setUpDevice", "serial": serial(at),
                                   "sameRecord": chance.percent(40), "keepOldRecord": chance.percent(50)})));
    }
    ops.push(APPLY);
}

fn release(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let at = fit(scene, chance, |one| one.lock == "NONE");
    if chance.percent(80) {
        ops.push(Op::Portal(json!({"do": "setDeviceLock", "serials": [serial(at)], "lock": "NONE"})));
    }
    ops.push(Op::Write(asks(chance, Kind::Release, at)));
    let dies = death(chance);
    settle(scene, chance, ops, dies);
    ops.extend([Op::Pass(*chance.of_all(&[60, 700, 4000])), APPLY]);
}

/// People are asked, and agree: enough of them or too few, in time or too late, the author among them.
fn approval(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let (people, count) = *chance.of_all(&[(0b0110, 1), (0b1110, 1), (0b1111, 2), (0b0110, 2)]);
    ops.push(Op::Fleet(Gate::Ask(people, count)));
    settle(scene, chance, ops, None);
    let at = fit(scene, chance, |one| one.enrolled && one.profile);
    let kind = grave(chance);
    ops.push(Op::Write(asks(chance, kind, at)));
    if scene.git {
        ops.push(Op::Commit(chance.below(4)));
    }
    ops.push(APPLY);
    for _ in 0..chance.within(1, 3) {
        let ago = *chance.of_all(&[0, 0, 60, 7200, 80 * 3600]);
        ops.push(Op::Sign { person: chance.below(4), act: 0, ago });
    }
    ops.push(APPLY);
}

/// A plan is saved, looked at, and applied: at once, or after something has changed.
fn saved_plan(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let at = fit(scene, chance, |one| one.enrolled && one.profile);
    let kind = grave(chance);
    ops.push(Op::Write(asks(chance, kind, at)));
    if scene.git {
        ops.push(Op::Commit(chance.below(4)));
    }
    ops.push(Op::SavePlan);
    match chance.below(13) {
        0..=1 => ops.push(Op::Pass(4000)),
        6 => ops.push(Op::Remove(0)),
        2 => ops.push(Op::Write(draft(scene, chance))),
        3 => ops.push(Op::Fleet(Gate::Protect(at))),
        4 => ops.push(Op::Portal(json!({"do": "setUpDevice", "serial": serial(at), "sameRecord": true}))),
        5 => settle(scene, chance, ops, None),
        _ => {}
    }
    if scene.git && chance.percent(25) {
        ops.push(Op::Commit(chance.below(4)));
    }
    ops.push(Op::ApplySaved { death: death(chance) });
    if chance.percent(30) {
        ops.push(Op::ApplySaved { death: None });
    }
}

/// Forth and back: what an older commit asks for, and what it does not know yet.
fn commits(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    for _ in 0..2 {
        let kind = grave(chance);
        let at = fit(scene, chance, |one| one.enrolled && one.profile);
        ops.push(Op::Write(asks(chance, kind, at)));
        if chance.percent(40) {
            ops.push(Op::Fleet(gate(chance)));
        }
        ops.extend([Op::Commit(chance.below(4)), APPLY]);
    }
    ops.extend([Op::Checkout(chance.below(2) + 1), APPLY]);
    if chance.percent(50) {
        ops.push(Op::Write(draft(scene, chance)));
        ops.extend([Op::Commit(chance.below(4)), APPLY]);
    }
    ops.extend([Op::Checkout(0), APPLY]);
}

/// What destroys nothing, on devices that can do it.
fn mild(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let shared = [Kind::LogOutSharedIpadUser, Kind::DeleteSharedIpadUser];
    let others = [
        Kind::Sync,
        Kind::EscrowBypassCode,
        Kind::Lock,
        Kind::Restart,
        Kind::ShutDown,
        Kind::Rename,
        Kind::ClearPasscode,
        Kind::DisableActivationLock,
    ];
    for _ in 0..2 {
        let on_shared = chance.percent(35);
        let kind = if on_shared { *chance.of_all(&shared) } else { *chance.of_all(&others) };
        let at = fit(scene, chance, |one| one.enrolled && one.supervised && one.shared == on_shared);
        if kind == Kind::DisableActivationLock {
            ops.push(Op::Portal(json!({"do": "setDeviceLock", "serials": [serial(at)], "lock": "USER"})));
        }
        ops.push(Op::Write(Draft { picks: chance.percent(70), ..asks(chance, kind, at) }));
    }
    let dies = death(chance);
    settle(scene, chance, ops, dies);
    ops.extend([Op::Pass(100), APPLY]);
}
