//! G4: a full read of 200,000 devices with the snapshot kept, beside the bare reader and depsyncer.
//! G5: sixteen tokens side by side at 100 ms a call.

use std::process::Command;

use serde_json::json;

use super::bare;
use super::fleet::{Fleet, Shape, service};
use crate::child::{Cost, expect};
use crate::serve::Server;
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

const TIMES: usize = 5;
const PAGE: usize = 1000;
/// Milliseconds that each call takes in G5.
const DELAY: u64 = 100;
/// Tokens that are read at once.
const SIDE_BY_SIDE: usize = 8;

/// Measures both.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    full_read(extent, table)?;
    side_by_side(extent, table)
}

fn full_read(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let fleet = Fleet::new(Shape { tokens: 1, profiles: 0, devices: extent.of(200_000) })?;
    let server = Server::start_world(&fleet.world(), &fleet.documents())?;
    let flag = server.flag();
    let token = server.credentials(&service(0))?;
    let clock = server.clock()?.to_string();
    let once = || -> Result<[Cost; 3], Failure> {
        fleet.forget_cache()?;
        let full = expect(&mut fleet.espalier(&["plan", &flag]), &[0])?;
        let delta = expect(&mut fleet.espalier(&["plan", &flag]), &[0])?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([bare::WORD, &server.addresses.dep, &token]).env("BARE_CLOCK", &clock);
        Ok([full, delta, expect(&mut command, &[0])?])
    };
    let mut costs = once()?;
    for _ in 1..TIMES {
        let next = once()?;
        let ([a, b, c], [d, e, f]) = (costs, next);
        costs = [a.cheaper(d), b.cheaper(e), c.cheaper(f)];
    }
    let [full, delta, bare] = costs;
    let devices = fleet.shape.devices;
    table.goal(
        "G4",
        format!("full read of {devices} devices, snapshot kept: CPU"),
        format!(
            "{:.3} s CPU, {:.3} s wall, {:.1} MiB",
            full.seconds(),
            full.wall.as_secs_f64(),
            full.mebibytes()
        ),
        format!(
            "bare: {:.3} s CPU, {:.3} s wall, {:.1} MiB",
            bare.seconds(),
            bare.wall.as_secs_f64(),
            bare.mebibytes()
        ),
        Reach { figure: full.seconds(), most: 1.3 * bare.seconds() + 0.1, unit: "s" },
    );
    table.note(
        "G4",
        format!("delta plan after it, {devices} devices in the snapshot"),
        format!(
            "{:.3} s CPU, {:.3} s wall, {:.1} MiB",
            delta.seconds(),
            delta.wall.as_secs_f64(),
            delta.mebibytes()
        ),
    );
    Ok(())
}

fn side_by_side(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let (tokens, on_token) = (16, extent.of(12_500));
    let fleet = Fleet::new(Shape { tokens, profiles: 0, devices: tokens * on_token })?;
    let server = Server::start_world(&fleet.world(), &fleet.documents())?;
    let slow = json!({ "fault": "slow", "delayMs": DELAY, "times": 0 });
    server.post("faults", &slow)?;
    let flag = server.flag();
    let once = || -> Result<Cost, Failure> {
        fleet.forget_cache()?;
        expect(&mut fleet.espalier(&["plan", &flag]), &[0])
    };
    let mut cost = once()?;
    for _ in 1..3 {
        let next = once()?;
        if next.wall < cost.wall {
            cost = next;
        }
    }
    let calls = tokens * (1 + on_token.div_ceil(PAGE));
    let least = calls as f64 * DELAY as f64 / 1000.0 / SIDE_BY_SIDE as f64;
    table.goal(
        "G5",
        format!("{tokens} tokens of {on_token} devices, {DELAY} ms a call"),
        format!("{:.2} s wall, {:.3} s CPU", cost.wall.as_secs_f64(), cost.seconds()),
        format!("{calls} calls, {SIDE_BY_SIDE} at once: {least:.2} s"),
        Reach { figure: cost.wall.as_secs_f64() / least, most: 1.25, unit: "times" },
    );
    Ok(())
}
