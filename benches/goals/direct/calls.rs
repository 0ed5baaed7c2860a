//! G6 for direct tokens: the calls of every job against the least number.

use super::fleet::{Fleet, Shape};
use crate::child::expect;
use crate::serve::{Counts, Server};
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

/// Devices on a page, and in an assignment.
const PAGE: usize = 1000;

/// The least calls of one job.
fn least(shape: &Shape) -> [(&'static str, Counts); 4] {
    let Shape { tokens, profiles, devices } = *shape;
    let on_token = devices / tokens;
    let session = tokens as u64;
    let full = (tokens * on_token.div_ceil(PAGE).max(1)) as u64;
    let delta = tokens as u64;
    let writes = (tokens * (profiles + profiles * (on_token / profiles).div_ceil(PAGE))) as u64;
    // Each profile is read back by its id; the devices, each list once. Who a token belongs to is
    // asked by the first apply.
    let back = (tokens * (profiles + on_token.div_ceil(PAGE))) as u64;
    let account = tokens as u64;
    let nothing_written = |reads| Counts { reads, writes: 0 };
    [
        ("plan before anything is there", nothing_written(session + full)),
        ("apply of all", Counts { reads: session + account + delta + back, writes }),
        ("plan without changes", nothing_written(session + delta)),
        ("apply without changes", nothing_written(session + delta)),
    ]
}

/// Counts the calls of the jobs over several shapes.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    for (tokens, profiles, devices) in [(1, 2, 4_500), (20, 2, 4_000), (16, 3, 96_000)] {
        let devices = extent.of(devices) / (tokens * profiles) * (tokens * profiles);
        let shape = Shape { tokens, profiles, devices };
        let fleet = Fleet::new(shape)?;
        let server = Server::start_world(&fleet.world(), &fleet.documents())?;
        for (job, least) in least(&shape) {
            let flag = server.flag();
            let arguments: &[&str] =
                if job.starts_with("plan") { &["plan", &flag] } else { &["apply", "--yes", &flag] };
            expect(&mut fleet.espalier(arguments), &[0])?;
            let counts = server.take_counts()?;
            let words = |counts: Counts| format!("{} reads, {} writes", counts.reads, counts.writes);
            table.goal(
                "G6",
                format!("{job}: {tokens} direct tokens, {profiles} profiles on each, {devices} devices"),
                words(counts),
                format!("least: {}", words(least)),
                Reach {
                    figure: (counts.reads + counts.writes) as f64 / (least.reads + least.writes) as f64,
                    most: 1.0,
                    unit: "times",
                },
            );
        }
    }
    Ok(())
}
