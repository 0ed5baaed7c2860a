//! G12: `validate` of 200,000 serials, duplicates and references checked, against the parser alone.

use std::process::Command;

use crate::bare;
use crate::child::{Cost, expect};
use crate::fleet::{Fleet, List, Shape};
use crate::table::{Reach, Table};
use crate::{Extent, Failure};

const TIMES: usize = 7;

/// Measures both ways of naming serials.
pub fn measure(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    for (list, in_words) in [(List::Yaml, "YAML"), (List::Csv, "CSV")] {
        let shape = Shape { tokens: 1, profiles: 20, devices: extent.of(200_000), list };
        let fleet = Fleet::new(shape)?;
        let once = || -> Result<[Cost; 2], Failure> {
            let mut parser = Command::new(std::env::current_exe()?);
            parser.args([bare::WORD, "lists", "-", "-"]).arg(fleet.documents());
            Ok([expect(&mut fleet.espalier(&["validate"]), &[0])?, expect(&mut parser, &[0])?])
        };
        let [mut validate, mut parser] = once()?;
        for _ in 1..TIMES {
            let [a, b] = once()?;
            (validate, parser) = (validate.cheaper(a), parser.cheaper(b));
        }
        table.goal(
            "G12",
            format!("validate of {} serials in {in_words}", shape.devices),
            format!("{:.3} s CPU, {:.1} MiB", validate.seconds(), validate.mebibytes()),
            format!("the parser alone: {:.3} s, {:.1} MiB", parser.seconds(), parser.mebibytes()),
            Reach { figure: validate.seconds() / parser.seconds(), most: 1.6, unit: "times" },
        );
    }
    Ok(())
}
