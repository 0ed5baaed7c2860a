//! Bearers: as few as there can be, kept for the next run and for nobody else.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use espalier::provider::business::{BearerFiles, BusinessObserver, Fault};
use serde_json::json;

use super::Stand;
use crate::support::business;
use crate::support::contract::dep::Side;

/// A run of its own, with the store of all.
fn run(stand: &Stand) -> BusinessObserver {
    let mut settings = stand.settings();
    settings.bearers = Arc::new(BearerFiles::new(stand.folder.path().join("cache")));
    BusinessObserver::new(business::client(settings))
}

pub fn bearer_files(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).expect("the cache").map(|entry| entry.expect("an entry").path());
    all.filter(|path| path.extension().is_some_and(|end| end == "bearer")).collect()
}

fn advance(stand: &Stand, seconds: u64) {
    stand.sim.with_world(|world| world.advance(Duration::from_secs(seconds)));
}

#[tokio::test]
async fn runs_within_an_hour_share_one_bearer() {
    let stand = Stand::unlimited().await;
    for _ in 0..3 {
        run(&stand).services().await.expect("an answer");
        advance(&stand, 900);
    }
    assert_eq!(stand.asked("account token"), 1);
    let files = bearer_files(&stand.folder.path().join("cache"));
    assert_eq!(files.len(), 1);
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&files[0]), mode(&stand.folder.path().join("cache"))), (0o600, 0o700));
    // Five minutes before its end another one is asked for.
    advance(&stand, 3300 - 2700);
    run(&stand).services().await.expect("an answer");
    assert_eq!(stand.asked("account token"), 2);
    stand.judged().await;
}

#[tokio::test]
async fn a_bearer_that_is_refused_is_replaced_once() {
    let stand = Stand::unlimited().await;
    for fault in ["401", "expired-bearer"] {
        let observer = run(&stand);
        observer.services().await.expect("an answer");
        stand.sim.forget_calls();
        stand.fault(json!({"fault": fault, "operation": "list services"}));
        observer.services().await.expect("with a new bearer");
        assert_eq!((stand.asked("account token"), stand.asked("business list services")), (1, 2), "{fault}");
        stand.sim.clear_faults();
        // And the new one is kept.
        run(&stand).services().await.expect("an answer");
        assert_eq!(stand.asked("account token"), 1, "{fault}");
    }
    stand.fault(json!({"fault": "401", "times": 0, "operation": "list services"}));
    stand.sim.forget_calls();
    let error = run(&stand).services().await.expect_err("every bearer is refused");
    assert_eq!(error.fault, Fault::BearerRefused, "{error}");
    assert!(
        stand.asked("business list services") <= 2 && stand.asked("account token") <= 1,
        "{:?}",
        stand.calls()
    );
    stand.judged().await;
}

#[tokio::test]
async fn a_store_that_is_damaged_costs_a_sign_in_and_nothing_else() {
    let stand = Stand::unlimited().await;
    run(&stand).services().await.expect("an answer");
    let file = bearer_files(&stand.folder.path().join("cache")).remove(0);
    std::fs::write(&file, "{").expect("the test's own file");
    run(&stand).services().await.expect("an answer");
    assert_eq!(stand.asked("account token"), 2);
    stand.judged().await;
}

#[tokio::test]
async fn why_no_bearer_is_given_is_told() {
    let stand = Stand::unlimited().await;
    let refused = async |settings| {
        let observer = BusinessObserver::new(business::client(settings));
        observer.services().await.expect_err("no bearer").fault
    };
    stand.fault(json!({"fault": "kid-refused"}));
    assert_eq!(refused(stand.settings()).await, Fault::ClientRefused);
    let mut without = stand.settings();
    without.send_key_id = false;
    BusinessObserver::new(business::client(without)).services().await.expect("a bearer");
    stand.sim.clear_faults();

    let mut of_school = stand.settings();
    of_school.edition = espalier::model::Edition::School;
    assert_eq!(refused(of_school).await, Fault::ScopeRefused);
    let mut other_key = stand.settings();
    other_key.sign_in = business::settings(&stand.sim, business::SCHOOL).sign_in;
    assert_eq!(refused(other_key).await, Fault::ClientRefused);
    let mut other_id = stand.settings();
    other_id.key_id = "33333333-0000-4000-8000-000000000000".to_owned();
    assert_eq!(refused(other_id).await, Fault::ClientRefused);
    for status in [429, 400] {
        stand.fault(json!({"fault": "token-limit", "status": status, "times": 0}));
        let fault = refused(stand.settings()).await;
        assert!(matches!(fault, Fault::AccountThrottled | Fault::AssertionRefused), "{status}: {fault:?}");
        stand.sim.clear_faults();
    }
    // The scope was wrong on purpose: nothing is judged but what was answered.
    stand.judged_by(Side::Answers).await;
}
