//! G7: 10,000 assignments over 50 profiles.

use super::fleet::{Fleet, Shape};
use crate::child::expect;
use crate::serve::Server;
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

const PROFILES: usize = 50;
const TIMES: usize = 5;

/// Measures one apply from nothing, several times.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let devices = extent.of(10_000);
    let mut best: Option<(crate::child::Cost, u64, u64)> = None;
    for _ in 0..TIMES {
        let fleet = Fleet::new(Shape { tokens: 1, profiles: PROFILES, devices })?;
        let server = Server::start_world(&fleet.world(), &fleet.documents())?;
        let flag = server.flag();
        expect(&mut fleet.espalier(&["plan", &flag]), &[0])?;
        let before = fleet.kept()?;
        server.take_counts()?;
        let cost = expect(&mut fleet.espalier(&["apply", "--yes", &flag]), &[0])?;
        let assigns = server.count_of("dep", "profile.devices.post")?;
        let written = fleet.kept()?.saturating_sub(before);
        best = Some(match best {
            Some(before) if before.0.cpu <= cost.cpu => before,
            _ => (cost, assigns, written),
        });
    }
    let Some((cost, assigns, written)) = best else { return Ok(()) };
    let what = format!("apply {devices} assignments over {PROFILES} profiles");
    table.goal(
        "G7",
        format!("{what}: CPU"),
        format!("{:.3} s CPU, {:.3} s wall", cost.seconds(), cost.wall.as_secs_f64()),
        "Terraform 1.11: 1,000 take 36.7 s",
        Reach { figure: cost.seconds(), most: 0.3, unit: "s" },
    );
    table.goal(
        "G7",
        format!("{what}: calls"),
        format!("{assigns} assign calls"),
        "",
        Reach { figure: assigns as f64, most: PROFILES as f64, unit: "calls" },
    );
    table.goal(
        "G7",
        format!("{what}: kept on disk"),
        format!("{written} bytes"),
        "Terraform writes 0.68 GB for 1,000",
        Reach { figure: written as f64 / devices as f64, most: 300.0, unit: "bytes a device" },
    );
    Ok(())
}
