//! G9: how long a start takes.

use std::process::Command;

use crate::child::{expect, median};
use crate::fleet::{Fleet, List, Shape, espalier};
use crate::table::{Reach, Table};
use crate::{Failure, child};

const TIMES: usize = 50;

/// Measures `--version` and `validate`.
pub fn measure(table: &mut Table) -> Result<(), Failure> {
    let nothing = median(TIMES, || expect(&mut Command::new("/bin/true"), &[0]))?;
    let version = median(TIMES, || expect(espalier().arg("--version"), &[0]))?;
    let empty = tempfile::tempdir()?;
    // A folder without documents is refused; the start is the same.
    let validate_empty = median(TIMES, || child::run(espalier().arg("validate").arg(empty.path())))?;
    let small = Fleet::new(Shape { tokens: 1, profiles: 3, devices: 30, list: List::Yaml })?;
    let validate_small = median(TIMES, || expect(&mut small.espalier(&["validate"]), &[0]))?;
    let both = |cost: &child::Cost| {
        format!("{:.1} ms wall, {:.1} ms CPU", cost.wall.as_secs_f64() * 1e3, cost.seconds() * 1e3)
    };
    let beside = format!("/bin/true: {}", both(&nothing));
    let reach = |figure, most| Reach { figure, most, unit: "ms" };
    table.goal(
        "G9",
        format!("`--version`, median of {TIMES}"),
        both(&version),
        beside.clone(),
        reach(version.wall.as_secs_f64() * 1e3, 6.0),
    );
    for (what, cost) in [("an empty folder", &validate_empty), ("a folder of 8 documents", &validate_small)] {
        table.goal(
            "G9",
            format!("`validate` of {what}, median of {TIMES}"),
            both(cost),
            beside.clone(),
            reach(cost.seconds() * 1e3, 11.0),
        );
    }
    Ok(())
}
