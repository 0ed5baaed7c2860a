//! What is signed: a statement, in one form only.

use std::fmt;

use openssl::sha::sha256;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::clock::Timestamp;

/// The first line, which names the form.
const HEAD: &str = "espalier approval v1";

/// The longest `about`, in characters.
const LONGEST_ABOUT: usize = 200;

/// The longest statement that is read, in bytes.
pub(super) const LONGEST: usize = 4 << 10;

/// The digest of what is approved: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Digest(String);

impl Digest {
    /// Returns the digest if the text is one exactly.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 64 && digits.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// The digest of a text.
    pub fn of(bytes: &[u8]) -> Self {
        let digits: String = sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("sha256:{digits}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first twelve digits, for names of files.
    pub fn short(&self) -> &str {
        self.0.get(7..19).unwrap_or_default()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = StatementError;
    fn try_from(text: String) -> Result<Self, StatementError> {
        Self::parse(&text).ok_or(StatementError::Line { line: "digest", is: DIGEST_IS })
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

const DIGEST_IS: &str = "`sha256:` and 64 lower-case hexadecimal digits";
const LEDGER_IS: &str = "a UUID in lower case with hyphens";
const ABOUT_IS: &str = "one line of 1 to 200 characters without control characters or white space around it";
const AT_IS: &str = "a time in UTC with whole seconds, like 2026-11-22T10:00:00Z";

/// What somebody agrees to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The fleet's ledger: what is approved for one fleet is not for another.
    pub ledger: Uuid,
    /// The digest of the act, or of the plan's steps.
    pub digest: Digest,
    about: String,
    at: Timestamp,
}

/// Why a text is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// It does not begin as one.
    #[error("it is no statement: its first line is not `{HEAD}`")]
    Head,
    /// A line is missing, is another, or holds something else.
    #[error("the line `{line}` is not {is}")]
    Line {
        /// The word before the colon.
        line: &'static str,
        /// What it has to be.
        is: &'static str,
    },
    /// It goes on after its last line, or the last line does not end.
    #[error("it does not end with the line `at` and one line feed")]
    End,
    /// Far longer than any.
    #[error("it is too long for a statement")]
    TooLong,
}

impl Statement {
    /// Makes a statement; fractions of a second are dropped.
    ///
    /// # Errors
    /// `about` is not one line of 1 to 200 characters.
    pub fn new(ledger: Uuid, digest: Digest, about: &str, at: Timestamp) -> Result<Self, StatementError> {
        let at = Timestamp::from_second(at.as_second())
            .map_err(|_| StatementError::Line { line: "at", is: AT_IS })?;
        if !is_one_line(about) {
            return Err(StatementError::Line { line: "about", is: ABOUT_IS });
        }
        Ok(Self { ledger, digest, about: about.to_owned(), at })
    }

    /// What it is about, for people.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// When it was made, as the signer says.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Its text: exactly this is signed.
    pub fn to_text(&self) -> String {
        let Self { ledger, digest, about, at } = self;
        format!("{HEAD}\nledger: {ledger}\ndigest: {digest}\nabout: {about}\nat: {at}\n")
    }

    /// The name that its file should have below `approvals/`; each signer has a file of their own.
    pub fn file_name(&self) -> String {
        format!("{}-{}", self.digest.short(), self.at.strftime("%Y%m%dT%H%M%SZ"))
    }

    /// Reads a statement. There is one text for each: a space more is an error.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > LONGEST {
            return Err(StatementError::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| StatementError::Head)?;
        let mut lines = text.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(StatementError::Head);
        }
        let mut value = |line: &'static str, is: &'static str| {
            let wrong = StatementError::Line { line, is };
            let found = lines.next().and_then(|found| found.strip_prefix(line)?.strip_prefix(": "));
            found.map(|value| (value, wrong)).ok_or(wrong)
        };
        let (ledger, wrong) = value("ledger", LEDGER_IS)?;
        let ledger: Uuid = ledger.parse().map_err(|_| wrong)?;
        let (digest, wrong) = value("digest", DIGEST_IS)?;
        let digest = Digest::parse(digest).ok_or(wrong)?;
        let (about, _) = value("about", ABOUT_IS)?;
        let (at, wrong) = value("at", AT_IS)?;
        let at: Timestamp = at.parse().map_err(|_| wrong)?;
        if lines.next() != Some("") || lines.next().is_some() {
            return Err(StatementError::End);
        }
        let statement = Self::new(ledger, digest, about, at)?;
        // What parses in another spelling than ours is not what we would have shown to the signer.
        if statement.to_text().as_bytes() == bytes {
            return Ok(statement);
        }
        let is_ledger = text.contains(&format!("\nledger: {ledger}\n"));
        Err(if is_ledger { wrong } else { StatementError::Line { line: "ledger", is: LEDGER_IS } })
    }
}

/// Whether a text is one line, and looks like what it says: no control characters, and none that turn the
/// direction of writing or cannot be seen.
fn is_one_line(text: &str) -> bool {
    let hides = |char: char| {
        char.is_control()
            || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let length = text.chars().count();
    (1..=LONGEST_ABOUT).contains(&length) && text.trim() == text && !text.chars().any(hides)
}
