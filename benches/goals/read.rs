//! G3: a plan without changes against the bare programs in the same run.

use std::process::Command;

use crate::bare;
use crate::child::{Cost, expect};
use crate::fleet::{Fleet, List, Shape};
use crate::serve::Server;
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

const TIMES: usize = 5;
const PROFILES: usize = 20;

/// Measures both ways of naming serials.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    for list in [List::Yaml, List::Csv] {
        measure_list(Shape { tokens: 1, profiles: PROFILES, devices: extent.of(200_000), list }, table)?;
    }
    Ok(())
}

fn measure_list(shape: Shape, table: &mut Table) -> Result<(), Failure> {
    let fleet = Fleet::new(shape)?;
    let server = Server::start(&fleet)?;
    let flag = server.flag();
    expect(&mut fleet.espalier(&["apply", "--yes", &flag]), &[0])?;
    let bare = |part: &str| -> Result<Cost, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([bare::WORD, part, &server.addresses.graph, &server.addresses.login]);
        expect(command.arg(fleet.documents()), &[0])
    };
    let once = || -> Result<[Cost; 4], Failure> {
        let plan = expect(&mut fleet.espalier(&["plan", "--detailed-exitcode", &flag]), &[0])?;
        Ok([plan, bare("read")?, bare("lists")?, bare("all")?])
    };
    // Interleaved, so that a busy minute of the machine strikes both sides.
    let mut costs = once()?;
    for _ in 1..TIMES {
        let next = once()?;
        costs = pairwise(costs, next);
    }
    let [plan, read, lists, all] = costs;
    let what =
        format!("plan without changes, {} devices on one token, {}", shape.devices, in_words(shape.list));
    table.goal(
        "G3",
        format!("{what}: CPU"),
        format!("{:.3} s CPU, {:.3} s wall", plan.seconds(), plan.wall.as_secs_f64()),
        format!(
            "bare: {:.3} s (of it reading alone {:.3} s, lists alone {:.3} s)",
            all.seconds(),
            read.seconds(),
            lists.seconds()
        ),
        Reach { figure: plan.seconds() / all.seconds(), most: 1.8, unit: "times" },
    );
    table.goal(
        "G3",
        format!("{what}: memory"),
        format!("{:.1} MiB", plan.mebibytes()),
        format!("bare: {:.1} MiB reading alone, {:.1} MiB all", read.mebibytes(), all.mebibytes()),
        Reach { figure: plan.mebibytes(), most: 130.0, unit: "MiB" },
    );
    Ok(())
}

fn pairwise(best: [Cost; 4], next: [Cost; 4]) -> [Cost; 4] {
    let ([a, b, c, d], [e, f, g, h]) = (best, next);
    [a.cheaper(e), b.cheaper(f), c.cheaper(g), d.cheaper(h)]
}

fn in_words(list: List) -> &'static str {
    match list {
        List::Yaml => "named in YAML",
        List::Csv => "named in CSV",
    }
}
