//! Stories by chance.

mod courses;

use serde_json::{Value, json};

use super::chance::Chance;
use super::op::{Change, Death, Draft, Expected, Gate, Op};
use super::paper::Kind;
use super::scene::{Scene, TENANTS, TOKENS, serial, user};

/// The story of a seed.
pub fn story(scene: &Scene) -> Vec<Op> {
    let mut chance = Chance::of(scene.seed, "story");
    let mut ops = Vec::new();
    // Most fleets were applied once before anybody asks for anything.
    if chance.percent(80) {
        settle(scene, &mut chance, &mut ops, None);
    }
    if chance.percent(35) {
        ops.push(Op::Write(draft(scene, &mut chance)));
    }
    courses::course(scene, &mut chance, &mut ops);
    for _ in 0..chance.within(0, 2) {
        next(scene, &mut chance, &mut ops);
    }
    ops
}

/// What is written is committed, mostly, and applied.
fn settle(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>, death: Option<Death>) {
    if scene.git && chance.percent(88) {
        ops.push(Op::Commit(chance.below(4)));
    }
    let fault = if chance.percent(22) { Some(fault(scene, chance)) } else { None };
    ops.push(Op::Apply { death, fault });
}

fn draft(scene: &Scene, chance: &mut Chance) -> Draft {
    let kind = chance.weighed(&[
        (9, Kind::Wipe),
        (5, Kind::Retire),
        (5, Kind::DeleteRecord),
        (if scene.apple { 5 } else { 0 }, Kind::Release),
        (if scene.apple { 8 } else { 0 }, Kind::HandOver),
        (3, Kind::DisableActivationLock),
        (3, Kind::ClearPasscode),
        (2, Kind::Lock),
        (2, Kind::Restart),
        (2, Kind::Rename),
        (2, Kind::EnableLostMode),
        (1, Kind::DisableLostMode),
        (1, Kind::Locate),
        (1, Kind::PlaySound),
        (2, Kind::Sync),
        (1, Kind::ShutDown),
        (1, Kind::EscrowBypassCode),
        (1, Kind::LogOutSharedIpadUser),
        (1, Kind::DeleteSharedIpadUser),
    ]);
    let from_now = match chance.below(20) {
        0 if chance.percent(30) => 1200,
        1 => 240,
        2 if chance.percent(50) => -86_400 * chance.within(1, 60),
        3..=5 => -chance.within(1, 26) * 3600,
        _ => -chance.within(0, 600),
    };
    let expected = chance.weighed(&[
        (9, Expected::Nothing),
        (5, Expected::Right),
        (1, Expected::WrongModel),
        (1, Expected::WrongUser),
        (1, Expected::WrongName),
    ]);
    Draft {
        kind,
        device: chance.below(scene.devices.len()),
        devices: if chance.percent(75) { 1 } else { 2 },
        from_now,
        expires_after: *chance.of_all(&[1, 12, 168, 168, 168, 2000]),
        expected,
        waiver: chance.percent(45),
        to: chance.below(scene.tokens().count().saturating_sub(1)) + 1,
        picks: chance.percent(30),
        pin: chance.percent(30),
    }
}

fn death(chance: &mut Chance) -> Option<Death> {
    let after = chance.percent(60);
    match chance.below(10) {
        0 => Some(Death::Write { nth: chance.within(1, 3) as u64, after }),
        1 => Some(Death::Ledger { nth: chance.within(1, 7) as u64, after }),
        _ => None,
    }
}

fn next(scene: &Scene, chance: &mut Chance, ops: &mut Vec<Op>) {
    let any = chance.below(64);
    match chance.below(100) {
        0..=17 => {
            ops.push(Op::Write(draft(scene, chance)));
            if chance.percent(70) {
                let death = death(chance);
                settle(scene, chance, ops, death);
            }
        }
        18..=37 => {
            let death = death(chance);
            settle(scene, chance, ops, death);
        }
        38..=42 => {
            ops.push(Op::Remove(any));
            if chance.percent(70) {
                settle(scene, chance, ops, None);
            }
        }
        43..=45 => {
            ops.push(Op::PutBack(any));
            settle(scene, chance, ops, None);
        }
        46 => ops.push(Op::Copy(any)),
        47..=49 => {
            let change = match chance.below(5) {
                0 => Change::Reason,
                1 => Change::Requested,
                2 => Change::Expires(2000),
                3 => Change::Waiver,
                _ => Change::Expect,
            };
            ops.push(Op::Change(any, change));
            settle(scene, chance, ops, None);
        }
        50..=51 => ops.push(Op::AddSerial(any, chance.below(8))),
        52 => ops.push(Op::DropSerial(any)),
        53..=60 => {
            ops.push(Op::Fleet(gate(chance)));
            // In the same commit as an act: what it allows must not count for it.
            if chance.percent(60) {
                ops.push(Op::Write(draft(scene, chance)));
                settle(scene, chance, ops, None);
            }
        }
        61 => {
            ops.push(Op::Break(true));
            settle(scene, chance, ops, None);
            ops.push(Op::Break(false));
        }
        62..=64 if scene.git => {
            ops.push(Op::Checkout(chance.below(5)));
            ops.push(Op::Apply { death: None, fault: None });
        }
        65..=66 => ops.push(Op::ApplyNarrowed),
        62..=69 => {
            for _ in 0..chance.within(1, 2) {
                let ago = *chance.of_all(&[0, 0, 60, 7200, 80 * 3600]);
                ops.push(Op::Sign { person: chance.below(4), act: any, ago });
            }
            ops.push(Op::Apply { death: None, fault: None });
        }
        70 if chance.percent(50) => ops.push(Op::Resolve(any)),
        70 => ops.push(Op::Cancel(any)),
        71..=73 => {
            ops.push(Op::Decide(chance.weighed(&[(6, "approve"), (1, "reject"), (1, "cancel")])));
            ops.push(Op::Apply { death: death(chance), fault: None });
        }
        74..=83 => ops.push(Op::Pass(
            *chance.of_all(&[30, 90, 300, 700, 3600, 8000, 30_000, 90_000, 260_000, 700_000]),
        )),
        84..=95 => ops.push(portal(scene, chance)),
        96 => ops.push(Op::ShowOtherSerial(any)),
        97 if chance.percent(50) => ops.extend([Op::SavePlan, Op::ApplySaved { death: None }]),
        97 => ops.push(Op::ApplyOverridden),
        98 => ops.push(Op::PutCopyBack { declared: chance.percent(70) }),
        _ => ops.push(Op::OtherLedger),
    }
}

fn gate(chance: &mut Chance) -> Gate {
    let at = chance.below(8);
    match chance.below(17) {
        13 => Gate::Window(chance.within(0, 23), chance.within(2, 9)),
        14 => Gate::DropWindow,
        15 => Gate::ProtectToken(at),
        16 => Gate::Escrow(chance.percent(70)),
        0..=2 => Gate::Limit(Kind::Wipe, chance.within(0, 20) as u64),
        3 => Gate::Limit(*chance.of_all(&[Kind::Retire, Kind::DeleteRecord, Kind::HandOver]), 1),
        4 => Gate::Protect(at),
        5..=6 => Gate::Unprotect(at),
        7 => Gate::UnprotectTokens,
        8 => Gate::DropApprovals,
        9 => Gate::Ask(*chance.of_all(&[0b0110, 0b1110, 0b1111]), 1),
        10 => Gate::AddSigner(at),
        11 => Gate::RemoveSigner(at),
        _ => Gate::OnEnrollment(chance.percent(50)),
    }
}

fn portal(scene: &Scene, chance: &mut Chance) -> Op {
    let at = chance.below(scene.devices.len());
    let serial = serial(at);
    let token = TOKENS[scene.devices[at].token].1;
    let others: Vec<&str> =
        scene.tokens().map(|(_, display, _)| display).filter(|one| *one != token).collect();
    let change: Value = match chance.below(17) {
        0 => json!({"do": "changeDevice", "serial": serial, "off": true}),
        1..=3 => json!({"do": "changeDevice", "serial": serial, "off": false, "reach": "online"}),
        4 => json!({"do": "changeDevice", "serial": serial, "reach": "offline"}),
        5 => json!({"do": "wipe", "token": token, "serials": [serial]}),
        6..=7 => json!({"do": "setUpDevice", "serial": serial, "sameRecord": chance.percent(50),
                        "keepOldRecord": chance.percent(30)}),
        8 => json!({"do": "duplicateRecord", "serial": serial}),
        9..=10 => json!({"do": "setDeviceLock", "serials": [serial],
                         "lock": chance.of_all(&["USER", "NONE", "NONE", "MDM"])}),
        11 => json!({"do": "changeDevice", "serial": serial, "user": user(at + 40)}),
        12 => json!({"do": "changeDevice", "serial": serial, "supervised": chance.percent(70)}),
        13 => json!({"do": "changeDevice", "serial": serial, "codeAvailable": chance.percent(50)}),
        14 => json!({"do": "moveToToken", "serials": [serial], "token": chance.of_all(&others)}),
        15 => json!({"do": "requestAction", "device": serial,
                     "action": chance.of_all(&["wipe", "retire", "syncDevice", "remoteLock"])}),
        _ => json!({"do": "changeDeviceBehaviour", "tenant": TENANTS[0],
                    "behaviour": {"approvals": ["deviceWipe", "deviceDelete"]}}),
    };
    Op::Portal(change)
}

fn fault(scene: &Scene, chance: &mut Chance) -> Value {
    let when = if chance.percent(65) { "after" } else { "before" };
    let nth = chance.within(1, 2);
    match chance.below(12) {
        0..=2 => json!({"fault": "cut", "kind": "write", "nth": nth, "when": when}),
        3..=4 => {
            json!({"fault": chance.of_all(&["500", "502", "504"]), "kind": "write", "nth": nth, "when": when})
        }
        5 => json!({"fault": "garbage", "kind": "write", "nth": nth}),
        6 => json!({"fault": "ghost-records"}),
        7 => json!({"fault": "other-serial"}),
        8 => json!({"fault": chance.of_all(&["empty-results", "stale-results", "no-result-secrets"])}),
        9 => json!({"fault": "429", "kind": "write", "nth": nth}),
        10 => json!({"fault": "random", "seed": scene.seed, "rate": 0.1}),
        _ => json!({"fault": "403", "kind": "write", "nth": nth, "times": 1}),
    }
}
