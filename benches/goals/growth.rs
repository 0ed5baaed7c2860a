//! G8: how plan and apply grow.

use crate::child::{Cost, expect};
use crate::fleet::{Fleet, List, Shape};
use crate::serve::Server;
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

/// What grows, and the shapes from small to large.
struct Series {
    what: &'static str,
    /// The same kind of fleet at its smallest: what does not grow is taken off.
    least: Shape,
    /// The size that grows, and the shape of that size.
    steps: Vec<(usize, Shape)>,
}

/// What is done to a fleet, in this order.
const JOBS: [&str; 3] = ["plan of all", "apply", "plan without changes"];

/// What each of [`JOBS`] cost at one size.
type Costs = [Cost; 3];

/// Measures the three directions in which fleets grow.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    let of = |size| extent.of(size);
    let shape = |tokens, profiles, devices| Shape { tokens, profiles, devices, list: List::Yaml };
    let series = [
        Series {
            what: "devices",
            least: shape(1, 20, 20),
            steps: [10_000, 50_000, 200_000].map(|size| (of(size), shape(1, 20, of(size)))).into(),
        },
        Series {
            what: "profiles",
            least: shape(1, 1, 1),
            steps: [100, 300, 1_000].map(|size| (of(size), shape(1, of(size), of(size) * 10))).into(),
        },
        Series {
            what: "tokens",
            least: shape(1, 2, 2),
            steps: [10, 100, 500, 2_000].map(|size| (of(size), shape(of(size), 2, of(size) * 10))).into(),
        },
    ];
    series.iter().try_for_each(|series| measure_series(series, table))
}

fn measure_series(series: &Series, table: &mut Table) -> Result<(), Failure> {
    let least = measure_shape(series.least)?;
    let mut growth = Growth { what: series.what, jobs: JOBS, least, points: Vec::new() };
    for (size, shape) in &series.steps {
        growth.add(*size, measure_shape(*shape)?, table);
    }
    growth.tell(table);
    Ok(())
}

/// How the costs of some jobs grow with a size.
pub struct Growth<const N: usize> {
    /// What grows.
    pub what: &'static str,
    /// What is done at each size.
    pub jobs: [&'static str; N],
    /// What the jobs cost at the smallest size: what does not grow is taken off.
    pub least: [Cost; N],
    /// What they cost at each size.
    pub points: Vec<(usize, [Cost; N])>,
}

impl<const N: usize> Growth<N> {
    /// Adds a size, and tells what it cost.
    pub fn add(&mut self, size: usize, costs: [Cost; N], table: &mut Table) {
        for (job, cost) in self.jobs.iter().zip(&costs) {
            table.note(
                "G8",
                format!("{size} {}: {job}", self.what),
                format!(
                    "{:.3} s CPU, {:.0} MiB, {:.2} s wall",
                    cost.seconds(),
                    cost.mebibytes(),
                    cost.wall.as_secs_f64()
                ),
            );
        }
        self.points.push((size, costs));
    }

    /// Tells the exponents.
    pub fn tell(&self, table: &mut Table) {
        for (at, job) in self.jobs.into_iter().enumerate() {
            let start = self.least[at].seconds();
            let more = |costs: &[Cost; N]| (costs[at].seconds() - start).max(1e-4);
            let grown: Vec<(f64, f64)> =
                self.points.iter().map(|(size, costs)| (*size as f64, more(costs))).collect();
            let shown: Vec<String> = grown.iter().map(|(size, cpu)| format!("{size}: {cpu:.3} s")).collect();
            table.goal(
                "G8",
                format!("{job} over {}", self.what),
                shown.join(", "),
                format!("less the smallest fleet's {start:.3} s"),
                Reach { figure: exponent(&above_noise(&grown)), most: 1.1, unit: "exponent" },
            );
        }
    }
}

/// The jobs, each time on a fresh world.
fn measure_shape(shape: Shape) -> Result<Costs, Failure> {
    let fleet = Fleet::new(shape)?;
    cheapest(|| {
        let server = Server::start(&fleet)?;
        let flag = server.flag();
        let plan = || expect(&mut fleet.espalier(&["plan", &flag]), &[0]);
        let first_plan = plan()?;
        let apply = expect(&mut fleet.espalier(&["apply", "--yes", &flag]), &[0])?;
        Ok([first_plan, apply, plan()?])
    })
}

/// The cheapest of several rounds, small fleets more often, for there a busy moment of the machine
/// weighs most.
pub fn cheapest<const N: usize>(
    mut one: impl FnMut() -> Result<[Cost; N], Failure>,
) -> Result<[Cost; N], Failure> {
    const LEAST_ROUNDS: usize = 3;
    const MOST_ROUNDS: usize = 12;
    const ENOUGH_SECONDS: f64 = 4.0;
    let mut least = one()?;
    let mut spent: f64 = least.iter().map(Cost::seconds).sum();
    for round in 1..MOST_ROUNDS {
        if round >= LEAST_ROUNDS && spent > ENOUGH_SECONDS {
            break;
        }
        let next = one()?;
        spent += next.iter().map(Cost::seconds).sum::<f64>();
        let mut next = next.into_iter();
        // Both have as many.
        least = least.map(|cost| match next.next() {
            Some(other) => cost.cheaper(other),
            None => cost,
        });
    }
    Ok(least)
}

/// The points whose growth can be told from noise; the largest two in any case.
fn above_noise(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const NOISE_SECONDS: f64 = 0.01;
    let largest = points.len().saturating_sub(2);
    let told = |(at, (_, seconds)): &(usize, &(f64, f64))| *at >= largest || *seconds >= NOISE_SECONDS;
    points.iter().enumerate().filter(told).map(|(_, point)| *point).collect()
}

/// The slope of the straight line through the logarithms.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), (lx, ly)| (x + lx / count, y + ly / count));
    let (over, under) = logs
        .iter()
        .fold((0.0, 0.0), |(over, under), (lx, ly)| (over + (lx - x) * (ly - y), under + (lx - x).powi(2)));
    over / under
}
