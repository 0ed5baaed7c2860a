//! The values of options that are more than a text. PURE.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

/// Where the simulated world comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimSource {
    /// `--sim`: made from the documents, kept in their folder.
    Folder,
    /// `--sim=WORLD.json`.
    World(PathBuf),
    /// `--sim=URL`: the control address of a running simulator.
    Url(String),
}

impl FromStr for SimSource {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "" => SimSource::Folder,
            url if url.starts_with("http://") || url.starts_with("https://") => {
                SimSource::Url(url.to_owned())
            }
            path => SimSource::World(PathBuf::from(path)),
        })
    }
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--format` of commands with two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema` has its shape
    Json,
}

/// `--format` of `devices`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema devices` has its shape
    Json,
    /// For spreadsheets
    Csv,
}

/// `--override GATE=DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The gate's name, as the plan tells it.
    pub gate: String,
    /// The plan's digest.
    pub digest: String,
}

/// Why a text is no digest or override.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// Not the shape of a digest.
    #[error("`{0}` is not a digest: sha256: and 64 hexadecimal digits, as the plan shows it")]
    Digest(String),
    /// Not the shape of an override.
    #[error("`{0}` is not GATE=DIGEST, as in limit/update/school=sha256:…")]
    Override(String),
}

/// Takes a digest as a plan shows it.
///
/// # Errors
/// [`InvalidDigest::Digest`].
pub fn parse_digest(text: &str) -> Result<String, InvalidDigest> {
    let is_hex =
        |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match text.strip_prefix("sha256:") {
        Some(hex) if is_hex(hex) => Ok(text.to_owned()),
        _ => Err(InvalidDigest::Digest(text.to_owned())),
    }
}

impl FromStr for Override {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        match text.split_once('=') {
            Some((gate, digest)) if !gate.is_empty() => {
                Ok(Self { gate: gate.to_owned(), digest: parse_digest(digest)? })
            }
            _ => Err(InvalidDigest::Override(text.to_owned())),
        }
    }
}
