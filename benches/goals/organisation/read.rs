//! What a plan over an organisation costs: read anew, beside the bare reader of the same pages, and from
//! the kept snapshot.

use std::process::Command;

use super::bare;
use super::fleet::{Begin, CLIENT, Fleet, Limits, Shape};
use crate::child::{Cost, expect};
use crate::serve::Server;
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

/// The bound is that of G3; none is set for an organisation.
const LABEL: &str = "Apple";
const TIMES: usize = 5;
/// Services that have the devices.
const SERVICES: usize = 6;

/// Measures both.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let least = costs(1)?;
    let devices = extent.of(50_000);
    let [full, kept, bare] = costs(devices)?;
    let words = |cost: &Cost| {
        format!(
            "{:.3} s CPU, {:.3} s wall, {:.1} MiB",
            cost.seconds(),
            cost.wall.as_secs_f64(),
            cost.mebibytes()
        )
    };
    table.goal(
        LABEL,
        format!("full read of an organisation of {devices} devices on {SERVICES} services, snapshot kept"),
        words(&full),
        format!("bare: {}", words(&bare)),
        Reach { figure: full.seconds() / bare.seconds(), most: 1.8, unit: "times" },
    );
    table.note(LABEL, "plan from that snapshot (`--max-age`)", words(&kept));
    let of_one = |cost: &Cost, least: &Cost| {
        let more = cost.memory as f64 - least.memory as f64;
        format!(
            "{:.0} bytes a device (an organisation of one device: {:.1} MiB)",
            more / devices as f64,
            least.mebibytes()
        )
    };
    for (what, cost, least) in [
        ("full read", &full, &least[0]),
        ("plan from the snapshot", &kept, &least[1]),
        ("bare reader", &bare, &least[2]),
    ] {
        table.note(LABEL, format!("most memory at once, {what}"), of_one(cost, least));
    }
    Ok(())
}

/// The program with nothing read before, the program with the snapshot of that run, and the bare reader:
/// each the cheapest of several.
fn costs(devices: usize) -> Result<[Cost; 3], Failure> {
    let shape = Shape { begin: Begin::Foreign, limits: Limits::Lifted, ..Shape::read(SERVICES, devices) };
    let fleet = Fleet::new(shape)?;
    let server = Server::start_world(&fleet.world(), &fleet.documents())?;
    let flag = server.flag();
    let key = server.api_key(CLIENT)?;
    let clock = server.clock()?.to_string();
    let once = || -> Result<[Cost; 3], Failure> {
        fleet.forget_cache()?;
        let full = expect(&mut fleet.espalier(&["plan", &flag]), &[0])?;
        let kept = expect(&mut fleet.espalier(&["plan", "--max-age=1h", &flag]), &[0])?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([bare::WORD, &server.addresses.business, &server.addresses.account, &key, &clock]);
        Ok([full, kept, expect(&mut command, &[0])?])
    };
    let mut costs = once()?;
    for _ in 1..TIMES {
        let ([a, b, c], [d, e, f]) = (costs, once()?);
        costs = [a.cheaper(d), b.cheaper(e), c.cheaper(f)];
    }
    Ok(costs)
}
