//! G6: the calls of every job against the least number.

use crate::child::expect;
use crate::fleet::{Fleet, List, Shape};
use crate::serve::{Counts, Server};
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

/// The page size at Graph.
const PAGE: usize = 1000;
/// Requests in one `$batch`.
const BATCH: usize = 20;
/// Serials in one assignment request: the default of `Connection.intune.assignBatch`.
const ASSIGN: usize = 100;

/// The least calls of one job.
fn least(shape: &Shape) -> [(&'static str, Counts); 4] {
    let Shape { tokens, profiles, devices, .. } = *shape;
    let on_token = devices / tokens;
    let sign_in = 1;
    let token_list = tokens.div_ceil(PAGE) as u64;
    let batches = tokens.div_ceil(BATCH) as u64;
    let further = |rows: usize| (tokens * rows.div_ceil(PAGE).saturating_sub(1)) as u64;
    let read = |profiles: usize| token_list + batches + further(profiles) + batches + further(on_token);
    let requests = tokens * profiles * (on_token / profiles).div_ceil(ASSIGN);
    let writes = (tokens * profiles) as u64 + requests.div_ceil(BATCH) as u64;
    // What was written is read back, each list once. Profiles go to their first token alone and are
    // read back there, all in one go, before the other tokens get them.
    let (proofs, rest) = if tokens > 1 { (1, tokens - 1) } else { (0, 1) };
    let back = proofs + rest.div_ceil(BATCH) as u64 + batches + further(on_token);
    let nothing_written = |reads| Counts { reads, writes: 0 };
    [
        ("plan before anything is there", nothing_written(sign_in + read(0))),
        ("apply of all", Counts { reads: sign_in + read(0) + back, writes }),
        ("plan without changes", nothing_written(sign_in + read(profiles))),
        ("apply without changes", nothing_written(sign_in + read(profiles))),
    ]
}

/// Counts the calls of the jobs over several shapes.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    for (tokens, profiles, devices) in [(1, 2, 4_500), (20, 2, 2_000), (21, 1, 2_100), (45, 3, 135_000)] {
        let devices = extent.of(devices) / (tokens * profiles) * (tokens * profiles);
        let shape = Shape { tokens, profiles, devices, list: List::Csv };
        let fleet = Fleet::new(shape)?;
        let server = Server::start(&fleet)?;
        for (job, least) in least(&shape) {
            let flag = server.flag();
            let arguments: &[&str] =
                if job.starts_with("plan") { &["plan", &flag] } else { &["apply", "--yes", &flag] };
            expect(&mut fleet.espalier(arguments), &[0])?;
            let counts = server.take_counts()?;
            let words = |counts: Counts| format!("{} reads, {} writes", counts.reads, counts.writes);
            table.goal(
                "G6",
                format!("{job}: {tokens} tokens, {profiles} profiles on each, {devices} devices"),
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
