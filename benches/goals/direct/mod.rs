//! G4, G5, G7 and the calls of G6 for tokens that espalier holds itself.

mod bare;
mod calls;
mod fleet;
mod read;
mod writes;

use crate::table::Table;
use crate::{Extent, Failure};

pub use bare::{WORD as BARE, run as run_bare};
pub use fleet::{WORD as WORLD, run as write_world};

/// G4 and G5.
pub fn measure_reads(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    read::measure(extent, table)
}

/// G6.
pub fn measure_calls(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    calls::measure(extent, table)
}

/// G7.
pub fn measure_writes(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    writes::measure(extent, table)
}
