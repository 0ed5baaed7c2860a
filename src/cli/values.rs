//! The values of options that are more than a text. PURE.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;

use super::render::markdown::SMALLEST_SIZE;

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

impl SimSource {
    /// The option as it is written.
    pub fn flag(&self) -> String {
        match self {
            SimSource::Folder => "--sim".to_owned(),
            SimSource::World(path) => format!("--sim={}", path.display()),
            SimSource::Url(url) => format!("--sim={url}"),
        }
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

/// `--format` of `explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PageFormat {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema explain` has its shape
    Json,
    /// For wikis and pull requests
    Markdown,
}

/// `--format` of `validate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FindingsFormat {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema diagnostics` has its shape
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
    /// A code quality report of GitLab
    Gitlab,
}

/// `--format` of `plan`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema plan` has its shape
    Json,
    /// For a comment on a pull request, cut to --max-size
    Markdown,
    /// The findings alone, as SARIF 2.1.0
    Sarif,
    /// The findings alone, as annotations of a GitHub workflow
    Github,
    /// The findings alone, as a code quality report of GitLab
    Gitlab,
}

impl PlanFormat {
    /// The format of the findings, where these are all that is asked for.
    pub const fn of_findings(self) -> Option<FindingsFormat> {
        match self {
            PlanFormat::Text | PlanFormat::Json | PlanFormat::Markdown => None,
            PlanFormat::Sarif => Some(FindingsFormat::Sarif),
            PlanFormat::Github => Some(FindingsFormat::Github),
            PlanFormat::Gitlab => Some(FindingsFormat::Gitlab),
        }
    }
}

/// `--format` of `show` and `apply`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema` has its shape
    Json,
    /// For a comment on a pull request, cut to --max-size
    Markdown,
}

/// Takes a size for `--max-size`.
///
/// # Errors
/// Why it is none, in words.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let digits: String = text.chars().filter(|c| *c != '_' && *c != ',').collect();
    match digits.parse() {
        Ok(size) if size >= SMALLEST_SIZE => Ok(size),
        Ok(_) => Err(format!("the smallest is {SMALLEST_SIZE}: the summary has to fit")),
        Err(_) => Err("it is a number of characters, as in 65000".to_owned()),
    }
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
