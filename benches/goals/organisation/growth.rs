//! G8 for organisations: plans over devices that documents lead to a service, and moves of them.

use super::fleet::{Begin, Fleet, Limits, Shape};
use crate::child::{Cost, expect};
use crate::growth::{Growth, cheapest};
use crate::serve::Server;
use crate::table::Table;
use crate::{Extent, Failure};

/// Services that devices are led to.
const SERVICES: usize = 6;

/// Measures both.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let mut plans = Growth {
        what: "devices of an organisation that are led to a service",
        jobs: ["plan of all moves", "plan without changes"],
        least: measure_plans(SERVICES)?,
        points: Vec::new(),
    };
    for size in [5_000, 20_000, 50_000].map(|size| extent.of(size)) {
        plans.add(size, measure_plans(size)?, table);
    }
    plans.tell(table);
    let mut moves = Growth {
        what: "devices that change their service",
        jobs: ["apply"],
        least: measure_apply(SERVICES)?,
        points: Vec::new(),
    };
    // The last one, for what the others grow by may be lost in noise.
    for size in [500, 2_000, 5_000, 20_000].map(|size| extent.of(size)) {
        moves.add(size, measure_apply(size)?, table);
    }
    moves.tell(table);
    Ok(())
}

/// An organisation all of whose devices are led to a service.
fn fleet(size: usize, begin: Begin) -> Result<Fleet, Failure> {
    Fleet::new(Shape { routed: size, begin, limits: Limits::Lifted, ..Shape::read(SERVICES, size) })
}

fn measure_plans(size: usize) -> Result<[Cost; 2], Failure> {
    let fleets = [fleet(size, Begin::RoutedNowhere)?, fleet(size, Begin::AtTokens)?];
    let one = |fleet: &Fleet| measure_once(fleet, &["plan"]);
    cheapest(|| Ok([one(&fleets[0])?, one(&fleets[1])?]))
}

fn measure_apply(size: usize) -> Result<[Cost; 1], Failure> {
    let fleet = fleet(size, Begin::RoutedNowhere)?;
    cheapest(|| Ok([measure_once(&fleet, &["apply", "--yes"])?]))
}

/// One command on a fresh world.
fn measure_once(fleet: &Fleet, arguments: &[&str]) -> Result<Cost, Failure> {
    fleet.forget_state()?;
    let server = Server::start_world(&fleet.world(), &fleet.documents())?;
    let flag = server.flag();
    let arguments: Vec<&str> = arguments.iter().copied().chain([flag.as_str()]).collect();
    expect(&mut fleet.espalier(&arguments), &[0])
}
