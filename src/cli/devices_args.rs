//! The arguments of `devices`, and what follows from them alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::args::NarrowArgs;
use super::duration;
use super::error::CommandError;
use super::exit::ExitCode;
use super::filter::Conditions;
use super::values::TableFormat;
use crate::model::Serial;

/// `devices`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Conditions of one key are alternatives, several keys have to hold together: order, model, \
    family, source (apple, reseller, manuallyAdded), service (a name, an id, or none).\n\n\
    Activation Lock costs Apple's API a call per device. What does not fit into --calls is shown as an \
    earlier run was told, with its age; what nobody was ever told is unknown.\n\n\
    Examples:\n  espalier devices fleet --unassigned --format csv > unassigned.csv\n  \
    espalier devices fleet --where order=W1234567,family=ipad\n  \
    espalier devices fleet --activation-lock C02X0001,C02X0002"
)]
pub struct DevicesArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Only devices that are at no service, or on a token without a profile
    #[arg(long)]
    pub unassigned: bool,
    /// Only devices that meet these conditions; may be repeated, or several parted by commas
    #[arg(long = "where", value_name = "KEY=VALUE")]
    pub conditions: Vec<Conditions>,
    /// Show Activation Lock, of these devices or of all that are listed
    #[arg(long, value_name = "SERIAL", num_args = 0.., value_delimiter = ',')]
    pub activation_lock: Option<Vec<String>>,
    /// The most calls that are spent on Activation Lock [default: those of a minute]
    #[arg(long, value_name = "N", requires = "activation_lock")]
    pub calls: Option<u32>,
    /// Rest on what an earlier run read of Apple Business or School, if it is no older than this
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_age: Option<Duration>,
    /// How to show them
    #[arg(long, value_enum, default_value_t)]
    pub format: TableFormat,
    /// Which part of the fleet.
    #[command(flatten)]
    pub narrow: NarrowArgs,
}

impl DevicesArgs {
    /// The folder, and the serials of `--activation-lock`: `None` without that option, none named for
    /// `Some` of an empty list. A folder that stands behind the option is no serial.
    ///
    /// # Errors
    /// [`ExitCode::Usage`] for a serial that is none.
    pub fn folder_and_serials(&self) -> Result<(PathBuf, Option<Vec<Serial>>), CommandError> {
        let Some(mut named) = self.activation_lock.clone() else { return Ok((self.folder.clone(), None)) };
        let mut folder = self.folder.clone();
        let is_folder = |text: &String| Serial::new(text).is_none() && Path::new(text).is_dir();
        if folder == Path::new(".")
            && let Some(last) = named.pop_if(|last| is_folder(last))
        {
            folder = PathBuf::from(last);
        }
        Ok((folder, Some(serials(&named)?)))
    }
}

/// The serials of `--activation-lock`, as the command line has them.
///
/// # Errors
/// [`ExitCode::Usage`] for one that is none.
fn serials(texts: &[String]) -> Result<Vec<Serial>, CommandError> {
    let serial = |text: &String| {
        Serial::new(&text.trim().to_ascii_uppercase()).ok_or_else(|| {
            CommandError::new(ExitCode::Usage, format!("`{text}` is no serial number"))
                .hint("a serial number has letters and digits only, at most 15 of them (L-2)")
        })
    };
    let mut all = texts.iter().map(serial).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser as _;

    fn args(line: &[&str]) -> DevicesArgs {
        let line = ["espalier", "devices"].iter().chain(line);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Devices(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn l2_serials_stand_behind_the_option_and_a_folder_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let of = |line: &[&str]| args(line).folder_and_serials().unwrap();
        let serial = |text| Serial::new(text).unwrap();
        assert_eq!(of(&[folder]), (PathBuf::from(folder), None));
        assert_eq!(of(&[folder, "--activation-lock"]), (PathBuf::from(folder), Some(Vec::new())));
        assert_eq!(of(&["--activation-lock", folder]), (PathBuf::from(folder), Some(Vec::new())));
        assert_eq!(
            of(&["--activation-lock", "C02X0002,c02x0001", "C02X0001", folder]),
            (PathBuf::from(folder), Some(vec![serial("C02X0001"), serial("C02X0002")]))
        );
        let error = args(&[folder, "--activation-lock", "C02-X"]).folder_and_serials().unwrap_err();
        assert_eq!((error.code, error.hints.len()), (ExitCode::Usage, 1), "{error:?}");
    }

    #[test]
    fn calls_belong_to_the_lock_and_conditions_are_read() {
        let refused = Cli::try_parse_from(["espalier", "devices", "--calls", "3"]);
        assert!(refused.is_err());
        let read = args(&["--where", "family=ipad,order=W1", "--where", "service=none"]);
        assert_eq!(read.conditions.len(), 2);
        assert!(Cli::try_parse_from(["espalier", "devices", "--where", "size=1"]).is_err());
    }
}
