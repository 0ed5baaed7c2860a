//! G6 for organisations: the calls of every job against the least number.

use super::SERVICES;
use super::fleet::{Begin, Fleet, Shape};
use crate::child::expect;
use crate::serve::{Counts, Server};
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

/// Rows on a page, and devices in an activity.
const PAGE: usize = 1000;

const PLAN: &[&str] = &["plan"];
const PLAN_FROM_CACHE: &[&str] = &["plan", "--max-age=1h"];
const APPLY: &[&str] = &["apply", "--yes"];

/// A command and its least calls.
struct Job {
    what: &'static str,
    arguments: &'static [&'static str],
    least: Counts,
}

/// Counts the calls of the jobs over several shapes.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    for devices in [1_000, 10_000, 50_000] {
        for services in [1, 6, 10] {
            let shape = Shape::read(services, extent.of(devices));
            run(shape, &reads(&shape), table)?;
        }
    }
    let shape = Shape { families: true, ..Shape::read(10, extent.of(10_000)) };
    run(shape, &reads(&shape), table)?;
    for begin in [Begin::RoutedNowhere, Begin::AtTokens] {
        let (devices, routed) = (extent.of(10_000), extent.of(1_000));
        let shape = Shape { routed, shift: 1, begin, ..Shape::read(6, devices) };
        run(shape, &moves(&shape), table)?;
    }
    Ok(())
}

fn pages(rows: usize) -> u64 {
    rows.div_ceil(PAGE).max(1) as u64
}

/// Devices, services, the list of each service, and each service by itself where families matter.
fn snapshot(shape: &Shape, on_services: &[usize]) -> u64 {
    let families = if shape.families { shape.services as u64 } else { 0 };
    pages(shape.devices) + 1 + on_services.iter().map(|rows| pages(*rows)).sum::<u64>() + families
}

fn reads(shape: &Shape) -> Vec<Job> {
    let read = snapshot(shape, &shape.counts().0);
    let job = |what, arguments, reads| Job { what, arguments, least: Counts { reads, writes: 0 } };
    vec![
        job("full read", PLAN, 1 + read),
        job("full read, the bearer kept", PLAN, read),
        job("plan from the kept snapshot", PLAN_FROM_CACHE, 0),
    ]
}

fn moves(shape: &Shape) -> Vec<Job> {
    let (before, after) = shape.counts();
    // One for each destination and thousand devices; each is looked at once, and its log fetched.
    let reached = shape.services.min(shape.routed);
    let on_each = shape.routed.div_ceil(shape.services);
    let activities = (reached * on_each.div_ceil(PAGE)) as u64;
    // Every service is a destination, and its list is read back once.
    let back: u64 = after.iter().map(|rows| pages(*rows)).sum();
    let [what, again] = match shape.begin {
        Begin::RoutedNowhere => ["move from no service", "apply again"],
        Begin::AtTokens | Begin::Foreign => ["move from other services", "apply again"],
    };
    let reads = 1 + snapshot(shape, &before) + 2 * activities + back;
    let read = snapshot(shape, &after);
    vec![
        Job { what, arguments: APPLY, least: Counts { reads, writes: activities } },
        Job { what: again, arguments: APPLY, least: Counts { reads: read, writes: 0 } },
    ]
}

fn run(shape: Shape, jobs: &[Job], table: &mut Table) -> Result<(), Failure> {
    let fleet = Fleet::new(shape)?;
    let server = Server::start_world(&fleet.world(), &fleet.documents())?;
    let flag = server.flag();
    for Job { what, arguments, least } in jobs {
        let arguments: Vec<&str> = arguments.iter().copied().chain([flag.as_str()]).collect();
        expect(&mut fleet.espalier(&arguments), &[0])?;
        let counts = server.take_counts_of(SERVICES)?;
        let words = |counts: &Counts| format!("{} reads, {} writes", counts.reads, counts.writes);
        let Shape { services, devices, routed, families, .. } = shape;
        let families = if families { ", default families" } else { "" };
        let routed = if routed > 0 { format!(", {routed} of them moved") } else { String::new() };
        table.goal(
            "G6",
            format!("{what}: organisation of {devices} devices, {services} services{families}{routed}"),
            words(&counts),
            format!("least: {}", words(least)),
            Reach { figure: over(&counts, least), most: 1.0, unit: "times" },
        );
    }
    Ok(())
}

/// How many times the least; where that is none at all, each call counts.
fn over(counts: &Counts, least: &Counts) -> f64 {
    // Fewer reads make no good of a write too many.
    let of = |calls: u64, least: u64| match least {
        0 => 1.0 + calls as f64,
        least => calls as f64 / least as f64,
    };
    of(counts.reads, least.reads).max(of(counts.writes, least.writes))
}
