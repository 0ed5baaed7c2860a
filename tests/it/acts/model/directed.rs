//! One story per rule, in which nothing but that rule stands between a document and a device: all is well while
//! it holds, and the oracle notices when it is broken. Where a second rule stands behind the first one, both are
//! broken, and the story says so.

use std::panic::resume_unwind;

use espalier::acts::Rule;
use espalier::acts::mutation::Broken;
use serde_json::json;

use super::op::{Change, Draft, Expected, Gate, Op};
use super::paper::Kind;
use super::play::{ANOTHER, play};
use super::scene::{Scene, serial};

/// A story, and the rules that have to be broken for it to go wrong.
struct Directed {
    scene: Scene,
    ops: Vec<Op>,
    broken: Vec<Rule>,
    /// What stands before the rule and cannot be broken; `None`: nothing does.
    behind: Option<&'static str>,
}

const APPLY: Op = Op::Apply { death: None, fault: None };

/// A document for the first device that nothing is wrong with.
fn draft(kind: Kind) -> Draft {
    Draft {
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
    }
}

fn write(kind: Kind) -> Op {
    Op::Write(draft(kind))
}

fn faulty(fault: serde_json::Value) -> Op {
    Op::Apply { death: None, fault: Some(fault) }
}

/// A scene with an organisation at Apple, in which hand-overs are possible.
fn at_apple() -> Scene {
    Scene { apple: true, ..Scene::plain(2) }
}

/// The runs of a hand-over until the device is where it goes.
fn hand_over() -> Vec<Op> {
    vec![APPLY, write(Kind::HandOver), APPLY, APPLY, Op::Pass(60), APPLY, Op::Pass(900), APPLY]
}

#[allow(clippy::too_many_lines, reason = "one arm per rule, and none may be missing")]
fn directed(rule: Rule) -> Directed {
    let mut scene = Scene::plain(2);
    let mut broken = vec![rule];
    let mut behind = None;
    let ops = match rule {
        Rule::Once => vec![write(Kind::Restart), APPLY, Op::Pass(300), APPLY, APPLY],
        Rule::Content => {
            let wrong = Draft { expected: Expected::WrongUser, ..draft(Kind::Wipe) };
            vec![Op::Write(wrong), APPLY, Op::Change(0, Change::Expect), APPLY]
        }
        Rule::Serials => vec![write(Kind::Restart), APPLY, Op::AddSerial(0, 1), APPLY],
        // Asked for a little later than now, so that a life that begins meanwhile is not too young for it.
        Rule::Epoch => {
            scene.behaviour = json!({"approvals": ["deviceWipe"], "sameRecord": true});
            vec![
                Op::Write(Draft { from_now: 280, ..draft(Kind::Wipe) }),
                APPLY,
                Op::Portal(json!({"do": "wipe", "token": "Alpha", "serials": [serial(0)]})),
                Op::Pass(60),
                Op::Portal(json!({"do": "setUpDevice", "serial": serial(0), "sameRecord": true})),
                Op::Decide("approve"),
                APPLY,
            ]
        }
        Rule::Life => vec![
            write(Kind::Wipe),
            Op::Portal(json!({"do": "setUpDevice", "serial": serial(0), "sameRecord": true})),
            APPLY,
        ],
        Rule::Birth => {
            vec![APPLY, Op::Write(Draft { from_now: -40 * 3600, ..draft(Kind::Wipe) }), APPLY]
        }
        Rule::Expiry => {
            let late = Draft { from_now: -2 * 3600, expires_after: 1, ..draft(Kind::Wipe) };
            vec![Op::Write(late), APPLY]
        }
        Rule::Future => {
            behind = Some("`requested-ahead` refuses the folder before anything is planned (exit 3)");
            vec![Op::Write(Draft { from_now: 1200, ..draft(Kind::Restart) }), APPLY]
        }
        Rule::Serial => {
            behind = Some("the adapter takes no record that is read by its id and has another serial");
            vec![write(Kind::Retire), faulty(json!({"fault": "other-serial"}))]
        }
        Rule::Unambiguous => {
            let twin = json!({"do": "duplicateRecord", "serial": serial(0)});
            vec![Op::Portal(twin), write(Kind::Retire), APPLY]
        }
        Rule::Expect => {
            vec![Op::Write(Draft { expected: Expected::WrongName, ..draft(Kind::Wipe) }), APPLY]
        }
        Rule::Protection => {
            scene.fleet.serials.insert(serial(0));
            vec![write(Kind::Restart), APPLY]
        }
        Rule::Supervision => {
            // Behind it stands that nothing but a word of the MDM proves that there is no code.
            broken.push(Rule::Safeguard);
            scene.fleet.escrow = false;
            vec![write(Kind::Wipe), faulty(json!({"fault": "no-supervision"}))]
        }
        Rule::Safeguard => {
            scene.fleet.escrow = false;
            vec![write(Kind::Wipe), APPLY]
        }
        // It stands still until its device is another one's; meanwhile it is taken back.
        Rule::Tombstone => vec![
            Op::Write(Draft { expected: Expected::WrongUser, ..draft(Kind::Wipe) }),
            APPLY,
            Op::Remove(0),
            APPLY,
            Op::Portal(json!({"do": "changeDevice", "serial": serial(0), "user": ANOTHER})),
            Op::PutBack(0),
            // Only for open acts are the devices read.
            Op::Write(Draft { device: 1, ..draft(Kind::Sync) }),
            APPLY,
        ],
        Rule::Descent => {
            scene.git = true;
            vec![Op::Commit(0), Op::Commit(0), APPLY, Op::Checkout(1), write(Kind::Restart), APPLY]
        }
        Rule::Validity => {
            scene.git = true;
            vec![write(Kind::Restart), Op::Commit(0), Op::Fetch, APPLY]
        }
        Rule::Gates => {
            scene.fleet.serials.insert(serial(0));
            vec![APPLY, Op::Fleet(Gate::Unprotect(0)), write(Kind::Wipe), APPLY]
        }
        Rule::Signers => vec![
            Op::Fleet(Gate::Ask(0b0010, 1)),
            APPLY,
            Op::Fleet(Gate::AddSigner(2)),
            write(Kind::Wipe),
            Op::Sign { person: 2, act: 0, ago: 0 },
            APPLY,
        ],
        Rule::Approval => vec![Op::Fleet(Gate::Ask(0b0010, 1)), APPLY, write(Kind::Wipe), APPLY],
        Rule::Window => vec![Op::Fleet(Gate::Window(20, 2)), APPLY, write(Kind::Wipe), APPLY],
        Rule::Limit => {
            scene.fleet.limits.insert(Kind::Wipe, 1);
            vec![Op::Write(Draft { devices: 2, ..draft(Kind::Wipe) }), APPLY]
        }
        Rule::Overlap => {
            scene.devices[0].reach = "offline";
            vec![write(Kind::ClearPasscode), APPLY, write(Kind::Wipe), APPLY]
        }
        Rule::NextLife => {
            scene.devices[0].profile = false;
            vec![write(Kind::Wipe), APPLY]
        }
        Rule::LockOff => {
            scene = at_apple();
            scene.devices[0].lock = "USER";
            let mut ops = hand_over();
            ops.extend([
                Op::Portal(json!({"do": "setDeviceLock", "serials": [serial(0)], "lock": "USER"})),
                APPLY,
            ]);
            ops
        }
        // What is asked for decides what is sent: that it changes is caught before.
        Rule::Identical => {
            broken.push(Rule::Content);
            scene.behaviour = json!({"approvals": ["deviceWipe"]});
            vec![write(Kind::Wipe), APPLY, Op::Decide("approve"), Op::Change(0, Change::DropDataPlan), APPLY]
        }
        Rule::ErrorIsUnknown => {
            let refused = json!({"fault": "403", "kind": "write", "when": "after", "times": 1});
            vec![write(Kind::Wipe), faulty(refused)]
        }
        Rule::Support => {
            scene.devices[0].supervised = false;
            vec![write(Kind::EnableLostMode), APPLY]
        }
        Rule::SecondRecord => {
            scene = at_apple();
            scene.behaviour = json!({"recordStays": 1_000_000});
            scene.devices[0].habits = json!({"keepsOldRecord": true, "sameRecord": false, "setUpAfter": 600});
            let mut ops = hand_over();
            ops.extend([
                Op::Pass(120),
                APPLY,
                Op::Pass(900),
                Op::Portal(json!({"do": "duplicateRecord", "serial": serial(0)})),
                APPLY,
            ]);
            ops
        }
    };
    Directed { scene, ops, broken, behind }
}

/// The story of a rule goes well while it is in force, and not when it is broken.
fn is_noticed(rule: Rule) {
    let runtime = super::runtime();
    let Directed { scene, ops, broken, behind } = directed(rule);
    let whole = runtime.block_on(play(&scene, &ops));
    let tale = whole.tale.join("\n");
    assert!(whole.broken.is_empty(), "{rule:?} is in force, and yet:\n{}\n{tale}", whole.broken.join("\n"));
    // Where another rule stands behind it, that one is enough.
    if broken.len() > 1 {
        let _broken = Broken::rule(rule);
        let played = runtime.block_on(play(&scene, &ops));
        let found = played.broken.join("\n");
        assert!(played.broken.is_empty(), "{rule:?} is noticed alone by now: say so in its story:\n{found}");
    }
    let _broken = Broken::rules(&broken);
    let played = runtime.block_on(play(&scene, &ops));
    if let Some(behind) = behind {
        assert!(played.broken.is_empty(), "{behind}, and yet:\n{}", played.broken.join("\n"));
        return;
    }
    assert!(
        !played.broken.is_empty(),
        "nobody notices that {broken:?} is broken:\n{}",
        played.tale.join("\n")
    );
}

macro_rules! directed {
    ($($name:ident: $rule:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let noticed = super::roomy().spawn(|| is_noticed(Rule::$rule)).expect("a thread").join();
            noticed.unwrap_or_else(|panic| resume_unwind(panic));
        })*

        /// Every rule has its story.
        #[test]
        fn no_rule_is_left_out() {
            let told = [$(Rule::$rule),*];
            for rule in Rule::ALL {
                assert!(told.contains(&rule), "{rule:?} has no story");
            }
        }
    };
}

directed! {
    once: Once,
    content: Content,
    serials: Serials,
    epoch: Epoch,
    life: Life,
    birth: Birth,
    expiry: Expiry,
    future: Future,
    serial_of_the_record: Serial,
    unambiguous: Unambiguous,
    expect: Expect,
    protection: Protection,
    supervision: Supervision,
    safeguard: Safeguard,
    tombstone: Tombstone,
    descent: Descent,
    validity: Validity,
    gates: Gates,
    signers: Signers,
    approval: Approval,
    window: Window,
    limit: Limit,
    overlap: Overlap,
    next_life: NextLife,
    lock_off: LockOff,
    identical: Identical,
    error_is_unknown: ErrorIsUnknown,
    support: Support,
    second_record: SecondRecord,
}
