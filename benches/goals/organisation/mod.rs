//! What reading an organisation in Apple Business costs, and its parts of G6 and G8.

mod bare;
mod calls;
mod fleet;
mod growth;
mod read;

use crate::table::Table;
use crate::{Extent, Failure};

pub use bare::{WORD as BARE, run as run_bare};
pub use fleet::{WORD as WORLD, run as write_world};

/// The services of the simulator that an organisation's calls go to: the API, its token endpoint, and the
/// host of the logs.
const SERVICES: &[&str] = &["business", "account", "storage"];

/// G6.
pub fn measure_calls(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    calls::measure(extent, table)
}

/// Reading: processor time and memory.
pub fn measure_reads(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    read::measure(extent, table)
}

/// G8.
pub fn measure_growth(extent: Extent, table: &mut Table) -> Result<(), Failure> {
    growth::measure(extent, table)
}
