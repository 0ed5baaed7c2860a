//! Faults by chance, each run after a seed of its own.
//!
//! `ESPALIER_FAULT_RUNS=2000` makes more runs, `ESPALIER_FAULT_SEED=17` makes that one alone.

use serde_json::json;

use super::fleet::ALL;
use super::stand::{Stand, written_although_unknown};

/// How many seeds are tried where nobody says.
const RUNS: u64 = 200;

/// How many tests share the seeds, so that they run side by side.
const SHARES: u64 = 4;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Two runs under faults, then runs without.
async fn broken_by(seed: u64) -> Vec<String> {
    let stand = Stand::between_editions().await;
    // Few faults let a run come far; many stop it early.
    let rate = [0.02, 0.05, 0.1, 0.3][(seed % 4) as usize];
    let kinds =
        ["401", "expired-bearer", "429", "500", "502", "503", "504", "cut", "garbage", "slow", "page-error"];
    stand.fault(json!({ "fault": "random", "seed": seed, "rate": rate, "kinds": kinds }));
    stand.fault(
        json!({ "fault": "random", "seed": seed, "rate": rate, "kinds": kinds, "operation": "$batch" }),
    );
    let mut broken = Vec::new();
    for run in 0..2 {
        let report = stand.apply().await;
        let differences = stand.differences(&ALL);
        if report.exit_code() == 0 && !differences.is_empty() {
            broken.push(format!("exit 0, and yet {differences:?}"));
        }
        broken.extend(stand.never());
        // What an earlier run wrote stays written.
        if run == 0 {
            broken.extend(written_although_unknown(&stand, &report));
        }
        if !broken.is_empty() {
            broken.push(format!("after {report:?}"));
            break;
        }
    }
    broken.extend(stand.converge().await);
    broken.extend(stand.judge());
    broken
        .into_iter()
        .map(|what| format!("ESPALIER_FAULT_SEED={seed} cargo test faults::chance: {what}"))
        .collect()
}

async fn share(share: u64) {
    let seeds = match number("ESPALIER_FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ESPALIER_FAULT_RUNS").unwrap_or(RUNS),
    };
    let mut broken = Vec::new();
    for seed in seeds.filter(|seed| seed % SHARES == share) {
        broken.extend(broken_by(seed).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn faults_by_chance_first_share() {
    share(0).await;
}

#[tokio::test]
async fn faults_by_chance_second_share() {
    share(1).await;
}

#[tokio::test]
async fn faults_by_chance_third_share() {
    share(2).await;
}

#[tokio::test]
async fn faults_by_chance_fourth_share() {
    share(3).await;
}
