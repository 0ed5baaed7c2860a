//! The arguments of `sim`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::args::FolderArgs;
use super::duration;

/// `sim`.
#[derive(Clone, Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct SimArgs {
    /// What to do with the simulator.
    #[command(subcommand)]
    pub command: SimCommand,
}

/// `sim …`.
#[derive(Clone, Debug, Subcommand)]
pub enum SimCommand {
    /// Serve the simulated services on loopback until interrupted, and print their addresses as JSON
    Serve(SimServeArgs),
    /// Move the clock of the folder's world forward
    Step(SimStepArgs),
    /// Discard the folder's world
    Reset(FolderArgs),
}

/// `sim serve`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Prints one line of JSON: {\"control\": …, \"graph\": …, \"login\": …, …}. The control port is for people and tests; let C be its address:

  curl $C/calls
      what was asked of the services
  curl $C/clock -d '{\"advance\": \"1h\"}'
      let time pass
  curl $C/faults -d '{\"fault\": \"503\", \"times\": 3}'
      let the next three requests fail
  curl $C/portal -d '{\"do\": \"renameProfile\", \"token\": \"School\", \"profile\": \"iPads\", \"to\": \"X\"}'
      change something by hand

`espalier schema sim-control` describes all requests and bodies. Other commands use this simulator with --sim=$C.

Examples:
  espalier sim serve fleet --ports-from 8700
  espalier plan fleet --sim=http://127.0.0.1:8700")]
pub struct SimServeArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Begin with this world instead of the folder's
    #[arg(long, value_name = "FILE")]
    pub world: Option<PathBuf>,
    /// Use this port and those after it, instead of free ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports_from: Option<u16>,
    /// Record every request and its answer in this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// `sim step`.
#[derive(Clone, Debug, Args)]
pub struct SimStepArgs {
    /// How far, like 15m or 30d
    #[arg(value_name = "DURATION", value_parser = duration::parse)]
    pub by: Duration,
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
}
