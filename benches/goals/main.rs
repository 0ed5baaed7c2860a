//! Measures the goals of speed and size (benches/README.md) and prints a table; asserts nothing
//! about time.
//!
//! Everything is measured on whole processes: the program itself as a child, the simulator as
//! another, and this binary once more as the *bare* program that does only what cannot be left out.
//! Both sides of a ratio run in the same minute on the same machine.

mod bare;
mod calls;
mod child;
mod direct;
mod fleet;
mod growth;
mod organisation;
mod read;
mod serve;
mod start;
mod table;
mod terraform;
mod validate;

use std::process::ExitCode;

use table::Table;

/// What went wrong; a benchmark stops at the first thing.
pub type Failure = Box<dyn std::error::Error>;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The sizes of the goals.
    Full,
    /// A tenth, to see that everything still works (`ESPALIER_BENCH_QUICK=1`).
    Quick,
}

impl Extent {
    /// A size of the goals, or its tenth.
    pub fn of(self, size: usize) -> usize {
        match self {
            Extent::Full => size,
            Extent::Quick => size.div_ceil(10),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.split_first() {
        Some((first, rest)) if first == bare::WORD => bare::run(rest),
        Some((first, rest)) if first == fleet::WORD => fleet::run(rest),
        Some((first, rest)) if first == direct::BARE => direct::run_bare(rest),
        Some((first, rest)) if first == direct::WORLD => direct::write_world(rest),
        Some((first, rest)) if first == organisation::BARE => organisation::run_bare(rest),
        Some((first, rest)) if first == organisation::WORLD => organisation::write_world(rest),
        _ => measure(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Measures the goals that are named (`g1 g3 g4 g5 g6 g7 g8 g9 g12`), or all; `organisation`: what reading
/// one at Apple costs, and its parts of G6 and G8.
fn measure(arguments: &[String]) -> Result<(), Failure> {
    let extent = match std::env::var_os("ESPALIER_BENCH_QUICK") {
        Some(word) if word != "0" => Extent::Quick,
        _ => Extent::Full,
    };
    let named: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |goal: &str| named.is_empty() || named.contains(&goal);
    if cfg!(debug_assertions) {
        eprintln!("warning: the bare programs are not optimised; run this with `cargo bench`");
    }
    let mut table = Table::default();
    if wanted("g9") {
        start::measure(&mut table)?;
    }
    if wanted("g12") {
        validate::measure(extent, &mut table)?;
    }
    if wanted("g1") {
        terraform::measure(extent, &mut table)?;
    }
    if wanted("g6") {
        calls::measure(extent, &mut table)?;
        direct::measure_calls(extent, &mut table)?;
    }
    let organisation = wanted("organisation");
    if organisation || wanted("g6") {
        organisation::measure_calls(extent, &mut table)?;
    }
    if organisation {
        organisation::measure_reads(extent, &mut table)?;
    }
    if wanted("g4") || wanted("g5") {
        direct::measure_reads(extent, &mut table)?;
    }
    if wanted("g7") {
        direct::measure_writes(extent, &mut table)?;
    }
    if wanted("g3") {
        read::measure(extent, &mut table)?;
    }
    if wanted("g8") {
        growth::measure(extent, &mut table)?;
    }
    if organisation || wanted("g8") {
        organisation::measure_growth(extent, &mut table)?;
    }
    print!("{table}");
    Ok(())
}
