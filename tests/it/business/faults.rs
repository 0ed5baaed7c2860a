//! Whatever Apple's interfaces do to a run: it says so, moves nothing twice, and a later run ends in what
//! the documents wish.
//!
//! The large matrices are run like a chessboard: `ESPALIER_FAULT_RUNS` fills its other squares.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::ground::{Ground, is_thorough, open};

/// What an undisturbed run leaves.
pub async fn wished() -> &'static BTreeMap<String, String> {
    static WISHED: OnceCell<BTreeMap<String, String>> = OnceCell::const_new();
    WISHED
        .get_or_init(|| async {
            let ground = Ground::between_editions().await;
            let report = ground.apply().await;
            assert!(report.exit_code() == 0 && report.is_complete(), "{report:#?}");
            assert_eq!(ground.rests().await, [""; 0]);
            ground.state()
        })
        .await
}

/// How a run under a fault has to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It overcomes it.
    Overcome,
    /// Nothing is required but that it is not called done where it is not.
    Told,
}

/// One run under a fault, then runs without. Says what is wrong.
async fn broken_by(fault: Value, end: End) -> Vec<String> {
    let wished = wished().await;
    let ground = Ground::between_editions().await;
    let id = ground.fault(fault.clone());
    let report = ground.apply().await;
    let mut broken = Vec::new();
    if ground.struck(&id) {
        let is_as_wished = ground.state() == *wished;
        if report.exit_code() == 0 && report.is_complete() && !is_as_wished {
            broken.push(format!("called done, and it is not: {:#?}", ground.state()));
        }
        if end == End::Overcome && (report.exit_code() != 0 || !is_as_wished) {
            let blocked: Vec<_> = report.blocked.iter().map(|one| &one.reason).collect();
            broken.push(format!("exit {}: {:?} {blocked:?}", report.exit_code(), open(&report)));
        }
    } else {
        broken.push("it never struck".to_owned());
    }
    broken.extend(ground.never());
    if broken.is_empty() {
        broken.extend(ground.converges(wished).await);
    }
    broken.into_iter().map(|what| format!("{fault}: {what}")).collect()
}

async fn none_breaks(cases: impl IntoIterator<Item = (Value, End)>) {
    let mut broken = Vec::new();
    for (fault, end) in cases {
        broken.extend(broken_by(fault, end).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Reads of the API, in the order in which a run makes them.
const READS: [&str; 5] = ["list devices", "list services", "list linkages", "read service", "read activity"];
const WRITES: [&str; 3] = ["create activity", "update service", "delete service"];

/// What hits a request, and when.
const STRIKES: [(&str, &str); 9] = [
    ("401", "before"),
    ("expired-bearer", "before"),
    ("429", "before"),
    ("html-429", "before"),
    ("500", "before"),
    ("503", "after"),
    ("cut", "before"),
    ("cut-body", "after"),
    ("garbage", "after"),
];

/// Every strike on every operation, or every second one.
fn board<'s>(operations: &[&str], strikes: &[(&'s str, &'s str)]) -> Vec<(String, &'s str, &'s str)> {
    let whole = is_thorough();
    let mut cases = Vec::new();
    for (row, operation) in operations.iter().enumerate() {
        let chosen = strikes.iter().enumerate().filter(|(column, _)| whole || (row + column) % 2 == 0);
        cases.extend(chosen.map(|(_, (fault, when))| ((*operation).to_owned(), *fault, *when)));
    }
    cases
}

#[tokio::test]
async fn one_fault_on_a_read_is_overcome() {
    none_breaks(board(&READS, &STRIKES).into_iter().map(|(operation, fault, when)| {
        let end = match fault {
            // What cannot be read is not asked for again at once.
            "garbage" => End::Told,
            _ => End::Overcome,
        };
        (json!({"fault": fault, "operation": operation, "when": when}), end)
    }))
    .await;
}

#[tokio::test]
async fn one_fault_on_a_write_is_overcome_without_a_second_effect() {
    let of = |operation: &str| {
        let operation = operation.to_owned();
        let strikes = [("500", "after"), ("503", "before"), ("cut", "after")];
        STRIKES.into_iter().chain(strikes).map(move |(fault, when)| {
            (json!({"fault": fault, "operation": operation, "when": when}), End::Overcome)
        })
    };
    none_breaks(WRITES.into_iter().flat_map(of)).await;
}

#[tokio::test]
async fn a_fault_that_lasts_is_told_and_a_later_run_ends_as_wished() {
    let strikes = [("503", "before"), ("503", "after"), ("403", "before"), ("cut", "before")];
    let operations = [&READS[..], &WRITES].concat();
    none_breaks(board(&operations, &strikes).into_iter().map(|(operation, fault, when)| {
        (json!({"fault": fault, "operation": operation, "when": when, "times": 0}), End::Told)
    }))
    .await;
}

#[tokio::test]
async fn whatever_becomes_of_an_activity_is_found_out() {
    let fates = ["stopped", "failed", "failure", "lie", "post-processing"];
    let of = |fate: &str| {
        let fault = format!("activity-{fate}");
        ["before", "after"].into_iter().flat_map(move |when| {
            let fault = fault.clone();
            [1, 0].into_iter().map(move |times| {
                (
                    json!({"fault": fault, "operation": "create activity", "when": when, "times": times}),
                    End::Told,
                )
            })
        })
    };
    none_breaks(fates.into_iter().flat_map(of)).await;
}

/// An activity that never ends has its devices for as long as Apple knows it: they are in nobody else's.
#[tokio::test]
async fn an_activity_that_goes_on_for_ever_is_waited_for_until_apple_has_forgotten_it() {
    let wished = wished().await;
    let ground = Ground::between_editions().await;
    ground.fault(json!({"fault": "activity-stuck", "operation": "create activity", "times": 0}));
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 7, "{report:#?}");
    let told = open(&report);
    assert!(told.iter().any(|step| step.contains("IN_PROGRESS")), "{told:?}");
    let sent = ground.history().activities;
    ground.sim.clear_faults();
    for days in [0, 10, 19] {
        ground.pass(Duration::from_secs(days * 86_400 + 3_600)).await;
        let report = ground.apply().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
        assert_eq!(report.waiting, 10, "{report:#?}");
        assert_eq!(ground.history().activities, sent, "nothing is sent while it may be at work");
    }
    // Apple keeps them for 30 days.
    ground.pass(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(ground.converges(wished).await, [""; 0]);
}

#[tokio::test]
async fn activities_and_logs_that_cannot_be_had_are_made_up_for_by_the_lists() {
    let none_of = |fault: &str, operation: &str, times: u64, end: End| {
        (json!({"fault": fault, "operation": operation, "times": times}), end)
    };
    none_breaks([
        none_of("activity-gone", "read activity", 1, End::Overcome),
        none_of("activity-gone", "read activity", 0, End::Told),
        none_of("log-gone", "download log", 0, End::Overcome),
        none_of("log-expired", "download log", 0, End::Overcome),
        none_of("cut-body", "download log", 0, End::Overcome),
        none_of("503", "download log", 0, End::Overcome),
        none_of("garbage", "download log", 0, End::Overcome),
    ])
    .await;
}

#[tokio::test]
async fn every_way_to_answer_is_understood() {
    let way = |fault: &str, end: End| (json!({"fault": fault}), end);
    let lag = |fault: &str, seconds: u32, end: End| (json!({"fault": fault, "seconds": seconds}), end);
    none_breaks([
        way("silent-serials", End::Overcome),
        way("text-members", End::Overcome),
        way("list-members", End::Overcome),
        way("source-uid", End::Overcome),
        way("totals", End::Overcome),
        way("lift-limits", End::Overcome),
        way("duplicate-rows", End::Overcome),
        // Whose defaults they are is not told; what does not depend on it goes on.
        way("no-instance", End::Told),
        way("foreign-next", End::Told),
        way("missing-rows", End::Told),
        way("kid-refused", End::Told),
        way("terms", End::Told),
        lag("status-lag", 60, End::Overcome),
        lag("linkage-lag", 60, End::Overcome),
        lag("count-lag", 60, End::Overcome),
        lag("status-lag", 1_200, End::Told),
        lag("linkage-lag", 1_200, End::Told),
    ])
    .await;
}

#[tokio::test]
async fn the_token_endpoint_is_asked_again_with_patience() {
    let strike = |fault: &str, when: &str, times: u64, end: End| {
        (json!({"fault": fault, "operation": "token", "when": when, "times": times}), end)
    };
    none_breaks([
        strike("token-limit", "before", 1, End::Overcome),
        strike("token-limit", "before", 0, End::Told),
        strike("503", "before", 1, End::Overcome),
        strike("503", "after", 1, End::Overcome),
        strike("cut", "after", 1, End::Overcome),
        strike("503", "before", 0, End::Told),
        strike("garbage", "after", 1, End::Told),
    ])
    .await;
}
