//! The client of Apple Business and Apple School against the simulator: what it asks, how often, and
//! what it makes of everything that the service is known to do. Every exchange is held to the contracts.

mod reads;
mod secrets;
mod signing_in;
mod writes;

use std::collections::BTreeMap;

use espalier::provider::business::{
    BusinessActuator, BusinessClient, BusinessObserver, BusinessSettings, Families, Snapshot,
};
use espalier::sim::{Options, Seed, Sim, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::business::{self, BUSINESS};
use crate::support::contract::business::BusinessJudge;
use crate::support::contract::dep::Side;

/// A simulator and a folder.
struct Stand {
    sim: Sim,
    folder: TempDir,
}

impl Stand {
    /// With these members of the organisation at Business, in the words of the seed.
    async fn new(business: &Value) -> Self {
        Self::of(&business::seed("2026-11-02T08:00:00Z", business, &business::unlimited()), None).await
    }

    /// The usual organisation, whose API refuses nothing for being asked too often.
    async fn unlimited() -> Self {
        Self::new(&business::unlimited()).await
    }

    /// With so many rows on a page at most.
    async fn of(seed: &Seed, page_size: Option<usize>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut options = Options::new(World::from_seed(seed));
        options.record = Some(folder.path().join("exchanges.jsonl"));
        options.page_size = page_size;
        Self { sim: Sim::start(options).await.expect("ports on loopback"), folder }
    }

    fn settings(&self) -> BusinessSettings {
        business::settings(&self.sim, BUSINESS)
    }

    fn client(&self) -> BusinessClient {
        business::client(self.settings())
    }

    fn observer(&self) -> BusinessObserver {
        BusinessObserver::new(self.client())
    }

    fn actuator(&self) -> BusinessActuator {
        BusinessActuator::new(self.client())
    }

    async fn snapshot(&self, families: &Families) -> Snapshot {
        self.observer().snapshot(families, &mut |_| {}).await
    }

    fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"))
    }

    /// How often each operation was asked for, since the calls were last forgotten.
    fn calls(&self) -> BTreeMap<String, u64> {
        let calls = self.sim.calls().into_iter();
        calls.map(|call| (format!("{} {}", call.service, call.operation), call.count)).collect()
    }

    fn asked(&self, call: &str) -> u64 {
        self.calls().get(call).copied().unwrap_or(0)
    }

    fn made(&self) -> u64 {
        self.sim.with_world(|world| world.organization(BUSINESS).expect("it is there").activities_made)
    }

    /// Ends, and holds everything recorded to the contracts.
    async fn judged(self) {
        self.judged_by(Side::Both).await;
    }

    async fn judged_by(self, side: Side) {
        self.sim.stop().await.expect("the simulator stops");
        let Some(judge) = BusinessJudge::from_env() else { return };
        let faults = judge.file(&self.folder.path().join("exchanges.jsonl"), side);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// An organisation with so many generated devices on each of its services, and so many on none.
fn fleet(on_services: &[u32], on_none: u32) -> Value {
    let names: Vec<String> = (0..on_services.len()).map(|at| format!("S{at}")).collect();
    let services: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    let mut generated: Vec<Value> = names
        .iter()
        .zip(on_services)
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| json!({"count": count, "service": name}))
        .collect();
    if on_none > 0 {
        generated.push(json!({"count": on_none}));
    }
    json!({
        "services": services, "devices": [], "generated": generated,
        "behaviour": {"getPerMinute": 0, "postPerHour": 0},
    })
}
