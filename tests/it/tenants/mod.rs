//! One baseline over many tenants: order of the rollout, refusals that repeat themselves, policies,
//! parts of the fleet, and a tenant that is broken among seventy.

mod narrowing;
mod policy;
mod provider;
mod refusals;
mod rollout;

use espalier::apply::{ApplyReport, StepOutcome};
use espalier::sim::World;

use crate::faults::stand::Stand;
use crate::support::tenants::Tenants;

/// The folder and the services of some tenants.
async fn stand(tenants: &Tenants) -> Stand {
    Stand::new(&tenants.documents(), tenants.world(), 100).await
}

/// The tokens that have the profile `name`, in the order in which it was made there.
fn made(world: &World, name: &str) -> Vec<String> {
    let tokens = world.tenants.iter().flat_map(|tenant| &tenant.tokens);
    let mut made: Vec<(u32, String)> = tokens
        .flat_map(|token| token.profiles.values().map(|profile| (profile, token.name.clone())))
        .filter(|(profile, _)| profile.display_name() == name)
        .map(|(profile, token)| (profile.birth, token))
        .collect();
    made.sort();
    made.into_iter().map(|(_, token)| token).collect()
}

/// `Token 0` and so on.
fn tokens(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|at| format!("Token {at}")).collect()
}

/// The first word of each outcome, in the order of the steps.
fn words(report: &ApplyReport) -> Vec<&'static str> {
    report
        .steps
        .iter()
        .map(|step| match &step.outcome {
            StepOutcome::Committed => "committed",
            StepOutcome::AlreadyAsWished => "as wished",
            StepOutcome::Failed { .. } => "failed",
            StepOutcome::Unknown { .. } => "unknown",
            StepOutcome::Unconfirmed { .. } => "unconfirmed",
            StepOutcome::Skipped { .. } => "skipped",
            StepOutcome::HeldBack { .. } => "held back",
            StepOutcome::Pending { .. } => "pending",
            StepOutcome::Stopped { .. } => "stopped",
        })
        .collect()
}
