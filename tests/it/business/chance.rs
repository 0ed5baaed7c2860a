//! Faults by chance, each run after a seed of its own.
//!
//! `ESPALIER_FAULT_RUNS=2000` makes more runs, `ESPALIER_FAULT_SEED=17` makes that one alone.

use serde_json::json;

use super::faults::wished;
use super::ground::Ground;

/// How many seeds are tried where nobody says.
const RUNS: u64 = 50;

/// How many tests share the seeds, so that they run side by side.
const SHARES: u64 = 2;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// What may happen to a request, and to an activity.
const KINDS: [&str; 12] = [
    "401",
    "expired-bearer",
    "429",
    "html-429",
    "500",
    "502",
    "503",
    "504",
    "cut",
    "garbage",
    "cut-body",
    "slow",
];
const FATES: [&str; 5] =
    ["activity-stopped", "activity-failed", "activity-failure", "activity-lie", "activity-post-processing"];

/// Two runs under faults, then runs without.
async fn broken_by(seed: u64) -> Vec<String> {
    let wished = wished().await;
    let ground = Ground::between_editions().await;
    // Few faults let a run come far; many stop it early.
    let rate = [0.02, 0.05, 0.1, 0.3][(seed % 4) as usize];
    let when = ["before", "after"][(seed / 4 % 2) as usize];
    ground.fault(json!({"fault": "random", "seed": seed, "rate": rate, "when": when, "kinds": KINDS}));
    ground.fault(json!({
        "fault": "random", "seed": seed + 1, "rate": rate, "kinds": FATES, "operation": "create activity",
    }));
    let mut broken = Vec::new();
    for _ in 0..2 {
        let report = ground.apply().await;
        if report.exit_code() == 0 && report.is_complete() && ground.state() != *wished {
            broken.push(format!("called done, and it is not: {:#?}", ground.state()));
        }
        broken.extend(ground.never());
        if !broken.is_empty() {
            broken.push(format!("after {report:?}"));
            break;
        }
    }
    broken.extend(ground.converges(wished).await);
    let again = format!("ESPALIER_FAULT_SEED={seed} cargo test --test it business::chance");
    broken.into_iter().map(|what| format!("{again}: {what}")).collect()
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
