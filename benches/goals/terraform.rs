//! G1: a plan without changes of 10,000 devices against Terraform's of 10,000 resource blocks.
//!
//! Terraform is not run here. Its figures were measured once, on two cores, with version 1.11: 26.9 s of
//! processor time and 1,015 MiB for a plan of 10,000 blocks in which nothing changes.

use crate::child::expect;
use crate::fleet::{Fleet, List, Shape};
use crate::serve::Server;
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

const TERRAFORM_SECONDS: f64 = 26.9;
const TERRAFORM_MEBIBYTES: f64 = 1_015.0;

/// How many times less processor time, and which share of the memory.
const LESS_CPU: f64 = 200.0;
const LESS_MEMORY: f64 = 30.0;

const TIMES: usize = 7;

/// Measures the plan.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let devices = extent.of(10_000);
    let fleet = Fleet::new(Shape { tokens: 1, profiles: 20, devices, list: List::Yaml })?;
    let server = Server::start(&fleet)?;
    let flag = server.flag();
    expect(&mut fleet.espalier(&["apply", "--yes", &flag]), &[0])?;
    let plan = || expect(&mut fleet.espalier(&["plan", "--detailed-exitcode", &flag]), &[0]);
    let mut cost = plan()?;
    for _ in 1..TIMES {
        cost = cost.cheaper(plan()?);
    }
    let what = format!("plan without changes, {devices} devices");
    table.goal(
        "G1",
        format!("{what}: CPU"),
        format!("{:.3} s CPU, {:.3} s wall", cost.seconds(), cost.wall.as_secs_f64()),
        format!(
            "Terraform 1.11: {TERRAFORM_SECONDS} s, {:.0} times as much",
            TERRAFORM_SECONDS / cost.seconds()
        ),
        Reach { figure: cost.seconds(), most: TERRAFORM_SECONDS / LESS_CPU, unit: "s" },
    );
    table.goal(
        "G1",
        format!("{what}: memory"),
        format!("{:.1} MiB", cost.mebibytes()),
        format!(
            "Terraform 1.11: {TERRAFORM_MEBIBYTES} MiB, {:.0} times as much",
            TERRAFORM_MEBIBYTES / cost.mebibytes()
        ),
        Reach { figure: cost.mebibytes(), most: TERRAFORM_MEBIBYTES / LESS_MEMORY, unit: "MiB" },
    );
    Ok(())
}
