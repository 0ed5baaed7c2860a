//! Values as text and JSON. PURE: nothing here reads or prints; results are texts, or go to a
//! writer that the caller gives.

pub mod act_list;
pub mod act_report;
pub mod acts;
pub mod alike;
pub mod annotations;
pub mod change;
pub mod devices;
pub mod diagnostics;
pub mod doctor;
pub mod drift;
pub mod escrow;
pub mod expiry;
pub mod explain;
pub mod forecast;
pub mod grouping;
pub mod known;
pub mod markdown;
pub mod organisations;
pub mod paths;
pub mod plan;
pub mod report;
pub mod sarif;
pub mod service;
pub mod snippet;
pub mod status;
pub mod step;
pub mod text;
pub mod watch;

/// The version of every JSON output. A program that reads one checks it; members may be added
/// without a new version, never removed or given another meaning.
pub const JSON_VERSION: u32 = 1;
