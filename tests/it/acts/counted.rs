//! Reads and writes per device are those that the service forces, and no more: counted by the simulator, for
//! every kind of action, on one device and on many. What a folder costs without acts is taken off.

use std::collections::BTreeMap;
use std::time::Duration;

use espalier::acts::ActState;
use espalier::sim::SeedTenant;
use serde_json::json;

use super::departments::{TO_LOBBY, two_departments};
use super::ground::{self, Ground, IPHONE, device};

type Calls = BTreeMap<String, i64>;

/// Limits that let all of them go.
const LIMITS: &str = "  escrow: {recipients: [escrow.pem]}
  limits:
    clearPasscode: {count: 100}
    disableActivationLock: {count: 100}
    retire: {count: 100}
    deleteRecord: {count: 100}
    deleteSharedIpadUser: {count: 100}
    wipe: {count: 100}
    handOver: {count: 100}
    release: {count: 100}
";

/// What the second apply has to read to see what came of it, beside the list of records: one call per tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Follows {
    /// The record is gone, so that the tenant's audits are asked, once.
    audits: bool,
    /// It made a secret, which is shown by its record alone: a call per device.
    secret: bool,
    /// Apple's own word counts: a call per device, since no list shows locks.
    lock: bool,
}

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Class safe and disruptive: records are read ten to a `$batch`, since each costs two of its twenty requests
    /// (the record, and who else has its serial); then up to twenty requests share another one.
    Shared,
    /// From class destructive up: nothing comes between the read and the request, so each device has its own.
    Alone,
    /// Nothing is sent: the code is read, then the record.
    Nothing,
}

struct Case {
    kind: &'static str,
    request: &'static str,
    way: Way,
    /// Something is lost with the device's code: it is read and sealed first, and shown by its record alone.
    code: bool,
    /// Apple's word on the lock is asked for before.
    lock: bool,
    follows: Follows,
    more: &'static str,
}

const AUDITS: Follows = Follows { audits: true, secret: false, lock: false };
const NONE: Follows = Follows { audits: false, secret: false, lock: false };

const fn shared(kind: &'static str, request: &'static str, more: &'static str) -> Case {
    Case { kind, request, way: Way::Shared, code: false, lock: false, follows: NONE, more }
}

const fn alone(kind: &'static str, request: &'static str, code: bool, follows: Follows) -> Case {
    Case { kind, request, way: Way::Alone, code, lock: false, follows, more: "" }
}

/// All kinds but hand-over and release, which have their own tests below.
const CASES: [Case; 17] = [
    shared("sync", "syncDevice.post", ""),
    shared("playSound", "playLostModeSound.post", ""),
    Case { follows: Follows { secret: true, ..NONE }, ..shared("locate", "locateDevice.post", "") },
    shared("lock", "remoteLock.post", ""),
    shared("enableLostMode", "enableLostMode.post", "  options: {message: Lost, phoneNumber: '+49 30 1'}\n"),
    shared("disableLostMode", "disableLostMode.post", ""),
    shared("restart", "rebootNow.post", ""),
    shared("shutDown", "shutDown.post", ""),
    shared("rename", "setDeviceName.post", "  options: {name: LOBBY}\n"),
    shared("logOutSharedIpadUser", "logoutSharedAppleDeviceActiveUser.post", ""),
    Case { way: Way::Nothing, ..alone("escrowBypassCode", "", true, NONE) },
    alone("clearPasscode", "resetPasscode.post", false, NONE),
    Case {
        more: "  physicallyInHand: true\n",
        lock: true,
        ..alone("disableActivationLock", "bypassActivationLock.post", true, Follows { lock: true, ..NONE })
    },
    alone("retire", "retire.post", false, AUDITS),
    alone("deleteRecord", "delete", true, AUDITS),
    Case {
        more: "  options: {user: ben@school.example}\n",
        ..alone("deleteSharedIpadUser", "deleteUserFromSharedAppleDevice.post", false, NONE)
    },
    alone("wipe", "wipe.post", true, AUDITS),
];

impl Case {
    /// What the apply that sends it asks, beside what every apply of the folder does.
    fn sending(&self, devices: i64) -> Calls {
        let mut calls = Calls::from([
            // The list of records, once for the tenant.
            ("records.get".to_owned(), 1),
            // Right before the request: the record by its id, and the records of its serial, in one `$batch`.
            ("$batch/records.item.get".to_owned(), devices),
            ("$batch/records.get".to_owned(), devices),
        ]);
        let request = format!("records.item.{}", self.request);
        match self.way {
            Way::Shared => {
                let (full, rest) = (devices / 20, devices % 20);
                let reads = full * 2 + (rest + 9) / 10;
                let (together, single) = if rest == 1 { (full, 1) } else { (full + i64::from(rest > 0), 0) };
                calls.insert("$batch".to_owned(), reads + together);
                calls.insert(format!("$batch/{request}"), devices - single);
                calls.insert(request, single);
            }
            Way::Alone => {
                calls.insert("$batch".to_owned(), devices);
                calls.insert(request, devices);
            }
            Way::Nothing => drop(calls.insert("$batch".to_owned(), devices)),
        }
        if self.code {
            calls.insert("records.item.get".to_owned(), devices);
        }
        if self.lock {
            calls.insert("read activation lock".to_owned(), devices);
        }
        calls.retain(|_, count| *count != 0);
        calls
    }

    /// What the next apply asks, which finds that all of them are done.
    fn following(&self, devices: i64) -> Calls {
        let mut calls = Calls::new();
        // Sealing needs nothing of the device: it was done in the run itself.
        if self.way == Way::Nothing {
            return calls;
        }
        calls.insert("records.get".to_owned(), 1);
        let Follows { audits, secret, lock } = self.follows;
        calls.extend(audits.then(|| ("remoteActionAudits.get".to_owned(), 1)));
        calls.extend(secret.then(|| ("records.item.get".to_owned(), devices)));
        calls.extend(lock.then(|| ("read activation lock".to_owned(), devices)));
        calls
    }
}

/// A tenant with so many devices that get an action, and one that gets none.
async fn crowd(kind: &str, count: usize) -> (Ground, Vec<String>) {
    let all: Vec<String> = (1..=count).map(|number| format!("DMPCCCCCCC{number:02}")).collect();
    let seed = |tenant: &mut SeedTenant| {
        tenant.devices = vec![device(IPHONE, "iPhone", "iPhone 15")];
        for serial in &all {
            let mut one = device(serial, "iPad", "iPad (10th generation)");
            if kind.contains("Shared") {
                one.shared = Some(true);
                one.users = vec!["anna@school.example".to_owned(), "ben@school.example".to_owned()];
            }
            tenant.devices.push(one);
        }
    };
    let at_apple = matches!(kind, "disableActivationLock" | "handOver" | "release");
    let mut ground = match at_apple {
        true => two_departments(seed).await,
        false => Ground::with(seed).await,
    };
    // Of a hand-over no other document says where the device belongs.
    let named = if kind == "handOver" { Vec::new() } else { all.clone() };
    let named: Vec<&str> = named.iter().map(String::as_str).chain([IPHONE]).collect();
    let fleet = ground::fleet(LIMITS).replace(
        &format!("[{}, {IPHONE}, {}]", ground::IPAD, ground::SHARED),
        &format!("[{}]", named.join(", ")),
    );
    // There are no Macs.
    let (fleet, _) = fleet.rsplit_once("---\n").expect("several documents");
    let linked = "spec: {mdm: tenant, apple: {connection: apple, service: Intune main}}\n";
    let fleet = if at_apple { fleet.replace("spec: {mdm: tenant}\n", linked) } else { fleet.to_owned() };
    ground.put("fleet.yaml", &fleet);
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    // What is asked while a run waits for devices is counted by itself.
    ground.wait = Duration::ZERO;
    let before: &[&str] = match kind {
        "playSound" | "locate" | "disableLostMode" => &["enableLostMode"],
        _ => &[],
    };
    for action in before {
        let change = |serial| json!({ "do": "requestAction", "device": serial, "action": action });
        ground.portal(&all.iter().map(change).collect()).await;
    }
    if matches!(kind, "disableActivationLock" | "handOver") {
        ground.portal(&json!([{ "do": "setDeviceLock", "serials": all, "lock": "USER" }])).await;
    }
    ground.pass(Duration::from_secs(3600)).await;
    (ground, all)
}

/// What one apply asks beyond `usual`; the signing in is left out, for bearers end by the clock.
async fn asked(ground: &Ground, usual: &Calls) -> (Calls, bool) {
    ground.forget_calls();
    let report = ground.apply().await;
    let mut calls = ground.calls();
    for (name, count) in usual {
        *calls.entry(name.clone()).or_default() -= count;
    }
    calls.retain(|name, count| *count != 0 && name != "token");
    (calls, report.acts.iter().any(|act| act.sent))
}

async fn every_call_is_forced(case: &Case, count: usize) {
    let Case { kind, .. } = case;
    let devices = i64::try_from(count).expect("some devices");
    let (ground, all) = crowd(kind, count).await;
    let (usual, _) = asked(&ground, &Calls::new()).await;
    let serials: Vec<&str> = all.iter().map(String::as_str).collect();
    ground.asks("one", kind, &serials, case.more);
    let (calls, sent) = asked(&ground, &usual).await;
    assert_eq!((calls, sent), (case.sending(devices), true), "{kind} on {count}, when it is sent");
    ground.pass(Duration::from_secs(2 * 3600)).await;
    let (calls, sent) = asked(&ground, &usual).await;
    assert_eq!((calls, sent), (case.following(devices), false), "{kind} on {count}, when it is followed");
    for serial in &serials {
        assert_eq!(ground.state("one", serial), ActState::Done, "{kind} on {serial}");
    }
    ground.pass(Duration::from_secs(2 * 3600)).await;
    let (calls, sent) = asked(&ground, &usual).await;
    assert_eq!((calls, sent), (Calls::new(), false), "{kind} on {count}: what has ended costs nothing");
}

#[tokio::test]
async fn every_call_for_one_device_is_forced_by_the_service() {
    for case in &CASES {
        every_call_is_forced(case, 1).await;
    }
}

#[tokio::test]
async fn calls_for_twenty_five_devices_that_share_batches_grow_as_the_service_forces() {
    for case in CASES.iter().filter(|case| case.way == Way::Shared) {
        every_call_is_forced(case, 25).await;
    }
}

#[tokio::test]
async fn calls_for_twenty_five_devices_one_by_one_grow_as_the_service_forces() {
    for case in CASES.iter().filter(|case| case.way != Way::Shared) {
        every_call_is_forced(case, 25).await;
    }
}

#[tokio::test]
async fn a_last_single_request_shares_no_batch() {
    let sync = &CASES[0];
    for count in [2, 20, 21] {
        every_call_is_forced(sync, count).await;
    }
}

#[tokio::test]
async fn waiting_for_devices_reads_those_alone_that_have_not_answered() {
    let (mut ground, all) = crowd("sync", 25).await;
    let (usual, _) = asked(&ground, &Calls::new()).await;
    let serials: Vec<&str> = all.iter().map(String::as_str).collect();
    ground.asks("one", "sync", &serials, "");
    ground.wait = Duration::from_secs(600);
    let (calls, _) = asked(&ground, &usual).await;
    let of = |name: &str| calls.get(name).copied().unwrap_or_default();
    assert_eq!(of("records.get"), 1, "the list is not read again: {calls:?}");
    assert_eq!(of("remoteActionAudits.get"), 0, "{calls:?}");
    assert_eq!(of("$batch/records.item.get"), of("$batch/records.get"), "always both: {calls:?}");
    // An online device has answered after 23 seconds at the latest; looks come after 5, 15 and 30.
    let looks = of("$batch/records.item.get") - 25;
    assert!((25..=3 * 25).contains(&looks), "{calls:?}");
    assert!(of("$batch") <= 5 + 3 * 3, "ten to a batch: {calls:?}");
    for serial in serials {
        assert_eq!(ground.state("one", serial), ActState::Done);
    }
}

#[tokio::test]
async fn waiting_for_a_second_person_costs_a_look_at_each_request() {
    let wipe = CASES.iter().find(|case| case.kind == "wipe").expect("wipes");
    let (ground, all) = crowd("wipe", 2).await;
    let behaviour = json!({ "approvals": ["deviceWipe"] });
    let change = json!({ "do": "changeDeviceBehaviour", "tenant": ground::TENANT, "behaviour": behaviour });
    ground.portal(&json!([change])).await;
    let (usual, _) = asked(&ground, &Calls::new()).await;
    let serials: Vec<&str> = all.iter().map(String::as_str).collect();
    ground.asks("one", "wipe", &serials, "");
    // The request itself is what asks for approval.
    assert_eq!(asked(&ground, &usual).await, (wipe.sending(2), true));
    let looks = Calls::from([("operationApprovalRequests.get".to_owned(), 2), ("records.get".to_owned(), 1)]);
    for _ in 0..2 {
        ground.pass(Duration::from_secs(3600)).await;
        assert_eq!(asked(&ground, &usual).await, (looks.clone(), false), "nothing else is read meanwhile");
    }
    let approve = json!({ "do": "decideApproval", "tenant": ground::TENANT, "decision": "approve" });
    ground.portal(&json!([approve])).await;
    let mut again = wipe.sending(2);
    again.insert("operationApprovalRequests.get".to_owned(), 2);
    assert_eq!(
        asked(&ground, &usual).await,
        (again, true),
        "the same again, with all that is checked before"
    );
    ground.pass(Duration::from_secs(2 * 3600)).await;
    assert_eq!(asked(&ground, &usual).await, (wipe.following(2), false));
}

#[tokio::test]
async fn what_is_not_sent_costs_the_list_alone_and_no_code() {
    let list = Calls::from([("records.get".to_owned(), 1)]);
    let no_wipes = LIMITS.replace("wipe: {count: 100}", "wipe: {count: 0}");
    let shut = format!(
        "{LIMITS}  windows: [{{allow: '0 1 * * *', for: 1h, timezone: UTC, classes: [destructive]}}]\n"
    );
    for (why, limits, more) in [
        ("a limit", no_wipes.as_str(), ""),
        ("a window", shut.as_str(), ""),
        ("another device than expected", LIMITS, "  expect"),
        ("its time is over", LIMITS, "  expiresAfter: 1h\n"),
    ] {
        let (ground, all) = crowd("wipe", 2).await;
        let fleet = std::fs::read_to_string(ground.folder().join("fleet.yaml")).expect("the fleet");
        ground.put("fleet.yaml", &fleet.replace(LIMITS, limits));
        let (usual, _) = asked(&ground, &Calls::new()).await;
        let serials: Vec<&str> = all.iter().map(String::as_str).collect();
        ground.asks("one", "wipe", &serials, if more == "  expect" { "" } else { more });
        if more == "  expect" {
            let text = std::fs::read_to_string(ground.folder().join("one.yaml")).expect("the document");
            ground.put("one.yaml", &text.replace("]}\n", "], expect: {model: iPhone 4}}\n"));
        }
        assert_eq!(asked(&ground, &usual).await, (list.clone(), false), "{why}");
        for serial in &serials {
            assert_eq!(ground.world()["history"]["devices"][serial]["codeReads"], json!(null), "{why}");
            assert_eq!(ground.requests(serial, "wipe"), 0, "{why}");
        }
    }
}

#[tokio::test]
async fn a_release_asks_apple_for_each_device_alone() {
    for count in [1, 3] {
        let devices = i64::try_from(count).expect("some devices");
        let (ground, all) = crowd("release", count).await;
        let (usual, _) = asked(&ground, &Calls::new()).await;
        let serials: Vec<&str> = all.iter().map(String::as_str).collect();
        ground.asks("sold", "release", &serials, "");
        let (calls, sent) = asked(&ground, &usual).await;
        let wanted = [
            // Right before it: the device and its lock, neither of which a list shows as it is now; before that
            // the lock, on which hangs whether there is anything to plan.
            ("read activation lock", 2 * devices),
            ("read device", devices),
            // In which life it is, the MDM's list tells, and the record once more right before; with its code.
            ("records.get", 1),
            ("$batch", devices),
            ("$batch/records.get", devices),
            ("$batch/records.item.get", devices),
            ("records.item.get", devices),
            // Each is durable in the ledger before it is sent.
            ("create activity", devices),
        ];
        let wanted = wanted.into_iter().map(|(name, count)| (name.to_owned(), count)).collect::<Calls>();
        assert_eq!((calls, sent), (wanted, true), "{count}");
        ground.pass(Duration::from_secs(2 * 3600)).await;
        let (calls, sent) = asked(&ground, &usual).await;
        // Apple's own word on each: lists show a released device late.
        assert_eq!((calls, sent), (Calls::from([("read device".to_owned(), devices)]), false), "{count}");
        ground.pass(Duration::from_secs(2 * 3600)).await;
        let (calls, sent) = asked(&ground, &usual).await;
        assert_eq!((calls.values().any(|count| *count > 0), sent), (false, false), "{calls:?}");
    }
}

#[tokio::test]
async fn a_hand_over_asks_of_each_device_what_each_of_its_requests_forces() {
    for count in [1, 3] {
        let devices = i64::try_from(count).expect("some devices");
        let (ground, all) = crowd("handOver", count).await;
        let (usual, _) = asked(&ground, &Calls::new()).await;
        let serials: Vec<&str> = all.iter().map(String::as_str).collect();
        ground.asks("to-lobby", "handOver", &serials, TO_LOBBY);
        let (mut total, mut rounds) = (Calls::new(), 0);
        loop {
            let (calls, _) = asked(&ground, &usual).await;
            for (name, count) in calls {
                *total.entry(name).or_default() += count;
            }
            rounds += 1;
            if serials.iter().all(|serial| ground.state("to-lobby", serial) == ActState::Done) {
                break;
            }
            assert!(rounds < 12, "{total:?}");
            ground.pass(Duration::from_secs(2 * 3600)).await;
        }
        let of = |name: &str| total.get(name).copied().unwrap_or_default();
        let each = |name: &str, times: i64, why: &str| {
            assert_eq!(of(name), times * devices, "{name} of {count}: {why}; {total:?}");
        };
        each("records.item.bypassActivationLock.post", 1, "the lock is lifted once");
        each("records.item.wipe.post", 1, "it is wiped once");
        each("$batch/records.item.get", 3, "before it begins, before the lift, before the wipe");
        each("$batch/records.get", 3, "and who else has its serial, each time");
        each("records.item.get", 3, "the code, each time: one that changed meanwhile would be lost");
        for (name, why) in [
            ("create activity", "all are moved in one"),
            ("depOnboardingSettings.item.syncWithAppleDeviceEnrollmentProgram.post", "one sync sees all"),
            (
                "depOnboardingSettings.item.enrollmentProfiles.item.updateDeviceProfileAssignment.post",
                "all get their profile in one",
            ),
        ] {
            assert_eq!(of(name), 1, "{name} of {count}: {why}; {total:?}");
        }
        assert!(of("records.get") <= rounds, "one list a round: {total:?}");
        assert!(of("remoteActionAudits.get") <= rounds, "one list a round: {total:?}");
        // Before the lift, after it, before the wipe; and in each look.
        assert!(of("read activation lock") <= (rounds + 3) * devices, "{total:?}");
        let (calls, sent) = asked(&ground, &usual).await;
        assert!(calls.values().all(|count| *count <= 0) && !sent, "what has ended costs nothing: {calls:?}");
    }
}
