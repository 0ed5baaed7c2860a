//! The ledger: one writer at a time, and without one only what is safe.

use espalier::engine::EngineError;
use espalier::ledger::LedgerError;
use espalier::plan::Class;
use espalier::progress::NoProgress;

use super::fleet;
use super::stand::Stand;

#[tokio::test]
async fn of_two_applies_at_once_the_second_hears_who_holds_the_lock() {
    let stand = Stand::between_editions().await;
    let first = stand.session("espalier apply the-first").await.expect("documents in order");
    let prepared = first.prepare(&NoProgress).await.expect("the lock");
    let second = stand.session("espalier apply the-second").await.expect("documents in order");
    let error = second.prepare(&NoProgress).await.err().expect("the lock is held");
    assert_eq!(error.exit_code(), 10);
    assert!(error.to_string().contains("espalier apply the-first"), "{error}");
    let EngineError::Ledger(LedgerError::Held { holder: Some(holder) }) = error else { panic!("{error:?}") };
    assert_eq!((holder.command.as_str(), holder.pid), ("espalier apply the-first", std::process::id()));
    let report = first.execute(prepared, &NoProgress).await.expect("a ledger that can be written");
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let after = second.prepare(&NoProgress).await.expect("the lock is free");
    assert_eq!(after.plan.steps, []);
}

#[tokio::test]
async fn without_a_ledger_only_safe_steps_are_done_and_nothing_is_deleted() {
    let mut stand = Stand::between_editions().await;
    stand.ledger = false;
    // Nobody remembers that the token was `Main`: by another name it would be no token of ours.
    // And nobody may delete what is under `old`, which would block that token.
    let documents = fleet::second().replace("Main renamed", "Main");
    stand.write(&documents.replace("prune: created\n  state: absent", "prune: created"));
    let plan = stand.plan().await;
    assert!(plan.steps.iter().any(|step| step.class == Class::Destructive), "{:#?}", plan.steps);
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    assert_eq!(report.stops.iter().map(|stop| stop.gate.as_str()).collect::<Vec<_>>(), ["no-ledger"]);
    for (step, result) in plan.steps.iter().zip(&report.steps) {
        assert_eq!(step.id, result.id);
        assert!(step.class == Class::Safe || !result.outcome.is_done(), "{}: {:?}", step.id, result.outcome);
    }
    let history = stand.history();
    assert!(history.profiles_deleted.is_empty() && history.tokens_deleted.is_empty(), "{history:?}");
    assert!(history.profiles_updated.is_empty() && history.tokens_updated.is_empty(), "{history:?}");
    assert!(!history.profiles_created.is_empty() && history.syncs.is_empty(), "{history:?}");
    assert_eq!(stand.never(), [""; 0]);
}
