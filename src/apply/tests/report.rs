//! The exit code of `apply` (design section 6): 6, else the first that holds of 7, 4, 8, 9, 3, 1.

use crate::apply::report::exit_of;
use crate::apply::{ApplyReport, ItemCounts, StepOutcome, StepResult};
use crate::model::Realm;
use crate::model::live::Cause;
use crate::plan::tests::world::{name, now, serial};
use crate::plan::{Blocked, Stop};

const CAUSES: [(Cause, u8); 6] = [
    (Cause::Credentials, 8),
    (Cause::Unavailable, 9),
    (Cause::Throttled, 9),
    (Cause::LostAnswer, 9),
    (Cause::Manifest, 3),
    (Cause::Refused, 1),
];

fn failed(cause: Cause) -> StepOutcome {
    StepOutcome::Failed { cause, reason: String::new(), next: String::new() }
}

fn unconfirmed() -> StepOutcome {
    StepOutcome::Unconfirmed { reason: String::new() }
}

fn lost() -> StepOutcome {
    StepOutcome::Unknown { reason: String::new(), until: now() }
}

fn stopped() -> StepOutcome {
    StepOutcome::Stopped { gate: "limit/update/school".to_owned() }
}

fn skipped() -> StepOutcome {
    StepOutcome::Skipped { needs: "create x".to_owned() }
}

fn pending() -> StepOutcome {
    StepOutcome::Pending { reason: String::new(), until: None }
}

fn report(outcomes: impl IntoIterator<Item = StepOutcome>) -> ApplyReport {
    let step = |outcome| StepResult {
        id: String::new(),
        token: name("school"),
        outcome,
        items: None,
        not_taken: Vec::new(),
        next: None,
    };
    ApplyReport { steps: outcomes.into_iter().map(step).collect(), ..ApplyReport::default() }
}

fn blocked(mut report: ApplyReport, cause: Cause) -> ApplyReport {
    report.blocked.push(Blocked {
        connection: Realm::Mdm(name("contoso")),
        token: None,
        address: None,
        cause,
        rule: None,
        reason: String::new(),
        next: String::new(),
    });
    report
}

fn code(outcomes: impl IntoIterator<Item = StepOutcome>) -> u8 {
    report(outcomes).exit_code()
}

use StepOutcome::{AlreadyAsWished, Committed};

#[test]
fn all_done_is_0_and_complete() {
    for outcomes in [vec![], vec![Committed], vec![AlreadyAsWished, Committed]] {
        let report = report(outcomes);
        assert_eq!((report.exit_code(), report.is_complete()), (0, true));
    }
}

#[test]
fn each_cause_has_its_code_failed_or_blocked() {
    for (cause, wanted) in CAUSES {
        assert_eq!(exit_of(cause), wanted);
        assert_eq!(code([failed(cause)]), wanted, "{cause:?}");
        let report = blocked(report([AlreadyAsWished]), cause);
        assert_eq!((report.exit_code(), report.is_complete()), (wanted, false), "{cause:?}");
    }
}

#[test]
fn committed_beside_failed_blocked_or_unknown_is_6() {
    for (cause, _) in CAUSES {
        assert_eq!(code([Committed, failed(cause)]), 6);
        assert_eq!(blocked(report([Committed]), cause).exit_code(), 6);
    }
    assert_eq!(code([Committed, lost()]), 6);
    assert_eq!(code([Committed, lost(), stopped(), unconfirmed()]), 6);
}

#[test]
fn what_is_neither_failed_blocked_nor_unknown_makes_no_6() {
    assert_eq!(code([Committed, unconfirmed()]), 7);
    assert_eq!(code([Committed, stopped()]), 4);
    assert_eq!(code([Committed, pending()]), 0);
    assert_eq!(code([AlreadyAsWished, failed(Cause::Refused)]), 1, "nothing was committed");
}

#[test]
fn the_first_that_holds_of_7_4_8_9_3_1() {
    let in_order = [
        (unconfirmed(), 7),
        (stopped(), 4),
        (failed(Cause::Credentials), 8),
        (failed(Cause::Throttled), 9),
        (failed(Cause::Manifest), 3),
        (failed(Cause::Refused), 1),
    ];
    for (at, (first, wanted)) in in_order.iter().enumerate() {
        for (second, _) in &in_order[at..] {
            assert_eq!(code([second.clone(), first.clone()]), *wanted, "{first:?} and {second:?}");
        }
    }
    assert_eq!(code([lost()]), 7);
}

#[test]
fn a_skipped_step_takes_the_code_of_what_it_needed_and_is_never_0() {
    for (cause, wanted) in CAUSES {
        assert_eq!(code([failed(cause), skipped()]), wanted);
    }
    assert_eq!(code([stopped(), skipped()]), 4);
    assert_eq!(code([lost(), skipped()]), 7);
    assert_eq!(code([Committed, stopped(), skipped()]), 4);
    assert_eq!(code([skipped()]), 1);
}

#[test]
fn what_waits_changes_no_exit_code_and_is_not_complete() {
    let mut waits = report([pending()]);
    waits.waiting = 3;
    assert_eq!((waits.exit_code(), waits.is_complete()), (0, false));
    let mut waits = report([Committed]);
    waits.waiting = 3;
    assert_eq!((waits.exit_code(), waits.is_complete()), (0, true));
}

#[test]
fn devices_count_one_by_one() {
    let with_items = |outcome: StepOutcome, items: ItemCounts| {
        let mut report = report([outcome]);
        report.steps[0].items = Some(items);
        report.exit_code()
    };
    let some = |committed, failed: &[&str], unknown: &[&str], waiting: &[&str]| {
        let all = |texts: &[&str]| texts.iter().map(|text| serial(text)).collect();
        ItemCounts {
            committed,
            failed: all(failed),
            unknown: all(unknown),
            waiting: all(waiting),
            cooling: Vec::new(),
        }
    };
    assert_eq!(with_items(Committed, some(2, &[], &[], &[])), 0);
    assert_eq!(with_items(Committed, some(2, &[], &[], &["A1"])), 0, "one that waits is no fault");
    assert_eq!(with_items(unconfirmed(), some(2, &["A1"], &[], &[])), 6);
    assert_eq!(with_items(unconfirmed(), some(0, &["A1"], &[], &[])), 7);
    assert_eq!(with_items(lost(), some(1, &[], &["A1"], &[])), 6);
}

#[test]
fn a_gate_alone_makes_a_run_incomplete() {
    let mut report = report([]);
    report.stops.push(Stop {
        gate: String::new(),
        reason: String::new(),
        next: String::new(),
        steps: vec![],
    });
    assert!(!report.is_complete());
}

#[test]
fn what_equal_refusals_hold_back_is_partly_done() {
    let held = || StepOutcome::HeldBack { reason: String::new() };
    let refused = || failed(Cause::Manifest);
    assert_eq!(code([Committed, refused(), refused(), refused(), held()]), 6);
    assert_eq!(code([refused(), refused(), refused(), held()]), 3);
    assert!(!report([Committed, held()]).is_complete());
}

#[test]
fn what_the_budget_puts_off_is_9_only_where_nothing_was_written() {
    let throttled = |outcomes: Vec<StepOutcome>| ApplyReport { throttled: true, ..report(outcomes) };
    for (outcomes, wanted) in [
        (vec![pending()], 9),
        (vec![AlreadyAsWished, pending()], 9),
        (vec![Committed, pending()], 0),
        (vec![unconfirmed(), pending()], 7),
        (vec![pending(), stopped()], 4),
        (vec![Committed, pending(), failed(Cause::Refused)], 6),
    ] {
        let report = throttled(outcomes);
        assert_eq!((report.exit_code(), report.is_complete()), (wanted, false), "{:?}", report.steps);
    }
    assert_eq!(code([pending()]), 0, "what waits for something else changes nothing");
}
