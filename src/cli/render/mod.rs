//! Values as text and JSON. PURE: nothing here reads or prints; results are texts, or go to a
//! writer that the caller gives.

pub mod change;
pub mod devices;
pub mod diagnostics;
pub mod plan;
pub mod report;
pub mod status;
pub mod step;
pub mod text;

/// The version of every JSON output. A program that reads one checks it; members may be added
/// without a new version, never removed or given another meaning.
pub const JSON_VERSION: u32 = 1;
