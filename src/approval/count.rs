//! Whether enough persons agree: other persons than the author, each once, lately, and to this.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::key::KeyFingerprint;
use super::pattern::PatternList;
use super::signature::Signature;
use super::signers::AllowedSigners;
use super::statement::{Digest, Statement, StatementError};
use super::verify::{Approved, Refusal, verify};
use crate::model::clock::{Timestamp, after};

/// How far a signer's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// A signature file and what it signs, as they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The signature's file, relative to the documents' folder.
    pub file: String,
    /// Both contents, or why one of them could not be read.
    pub content: Result<Signed, String>,
}

/// A statement and the signature beside it, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The statement's file.
    pub statement: Vec<u8>,
    /// The signature's file.
    pub signature: Vec<u8>,
}

/// Whose own approval does not count: the author of the commit, by every name and address that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authors(BTreeSet<String>);

impl Authors {
    /// These names and e-mail addresses, whatever their case.
    pub fn of<I, T>(names: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: AsRef<str>,
    {
        let names = names.into_iter().map(|name| name.as_ref().trim().to_lowercase());
        Self(names.filter(|name| !name.is_empty()).collect())
    }

    /// Nobody is excluded: there is no commit and no author.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// The author whom a list of principals means.
    fn among(&self, principals: &PatternList) -> Option<&str> {
        self.0.iter().find(|name| principals.matches_any_case(name)).map(String::as_str)
    }
}

/// What has to be approved.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The fleet's ledger.
    pub ledger: Uuid,
    /// The digest of the act, or of the plan's grave steps.
    pub digest: &'a Digest,
    /// What statements have to say that they are about; `None`: anything. Who signs reads this line, and
    /// not the digest.
    pub about: Option<&'a str>,
    /// How many persons have to agree.
    pub needed: u32,
    /// How long a signature is good for.
    pub valid_for: Duration,
    /// Whose signatures do not count.
    pub authors: &'a Authors,
}

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The signature's file.
    pub file: String,
    /// Whose it is.
    pub approved: Approved,
}

/// A signature that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCounted {
    /// The signature's file.
    pub file: String,
    /// Why.
    pub why: Why,
}

impl fmt::Display for NotCounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.why)
    }
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A file could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// The file beside it is no statement.
    #[error("the file beside it is no statement: {0}")]
    NoStatement(#[source] StatementError),
    /// It is about another fleet.
    #[error("it is for the ledger {0}, which is another fleet's")]
    OtherLedger(Uuid),
    /// It says something else of what is approved.
    #[error("it says that it is about `{said}`, and its digest is that of `{wanted}`")]
    OtherAbout {
        /// What it says.
        said: String,
        /// What the digest is of.
        wanted: String,
    },
    /// It was made too long ago.
    #[error("it was signed at {at} and was good until {until}: sign again")]
    TooOld {
        /// When it says that it was made.
        at: Timestamp,
        /// When it ceased to count.
        until: Timestamp,
    },
    /// It says that it was made later than now.
    #[error("it says that it was signed at {0}, which is yet to come")]
    Future(Timestamp),
    /// It is not what a signer signed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The signer is the author.
    #[error("{principal} is {author}, the author of the commit: another person has to approve")]
    Author {
        /// The signer.
        principal: String,
        /// The author's name or address that the signer's principals mean.
        author: String,
    },
    /// The signer counts already.
    #[error("{principal} cannot be told from the person of {other}, and counts once")]
    SamePerson {
        /// The signer.
        principal: String,
        /// The file that counts.
        other: String,
    },
}

/// What the signatures that were found come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// How many persons have to agree.
    pub needed: u32,
    /// Those that count, by file.
    pub counted: Vec<Counted>,
    /// Those that do not, by file.
    pub not_counted: Vec<NotCounted>,
    /// How many are about something else: another digest.
    pub others: usize,
}

impl Approvals {
    /// Whether enough persons agree.
    pub fn is_enough(&self) -> bool {
        self.missing() == 0
    }

    /// How many persons more have to agree.
    pub fn missing(&self) -> u32 {
        self.needed.saturating_sub(u32::try_from(self.counted.len()).unwrap_or(u32::MAX))
    }
}

/// `1 of 2 approvals (anna@example.com); approvals/b.sig: …`.
impl fmt::Display for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.needed == 1 { "approval" } else { "approvals" };
        write!(f, "{} of {} {noun}", self.counted.len(), self.needed)?;
        let who: Vec<&str> = self.counted.iter().map(|one| one.approved.principal.as_str()).collect();
        if !who.is_empty() {
            write!(f, " ({})", who.join("; "))?;
        }
        self.not_counted.iter().try_for_each(|one| write!(f, "; {one}"))
    }
}

/// Counts the persons who agree. PURE.
///
/// Two signatures are by different persons where their keys differ and nothing in the signers lets one
/// person hold both: no name that stands with both keys, no other name of such a person, and no pattern
/// for anybody that could mean the other.
pub fn count_approvals(
    signers: &AllowedSigners,
    found: &[Found],
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Approvals {
    let mut approvals = Approvals { needed: wanted.needed, ..Approvals::default() };
    let mut candidates: Vec<(Counted, Person)> = Vec::new();
    for one in found {
        match judge(signers, one, wanted, now) {
            Ok(None) => approvals.others += 1,
            Ok(Some((approved, person))) => {
                candidates.push((Counted { file: one.file.clone(), approved }, person));
            }
            Err(why) => approvals.not_counted.push(NotCounted { file: one.file.clone(), why }),
        }
    }
    // Who is named first: a signature of anybody must not stand in the way of two persons that are known.
    candidates.sort_by(|(a, who), (b, other)| (who.is_open, &a.file).cmp(&(other.is_open, &b.file)));
    let mut persons: Vec<(String, Person)> = Vec::new();
    for (counted, person) in candidates {
        match persons.iter().find(|(_, other)| person.may_be(other)) {
            Some((other, _)) => {
                let why = Why::SamePerson { principal: counted.approved.principal, other: other.clone() };
                approvals.not_counted.push(NotCounted { file: counted.file, why });
            }
            None => {
                persons.push((counted.file.clone(), person));
                approvals.counted.push(counted);
            }
        }
    }
    approvals.counted.sort_by(|a, b| a.file.cmp(&b.file));
    approvals.not_counted.sort_by(|a, b| a.file.cmp(&b.file));
    approvals
}

/// Whether a signature is for this and by a signer; `None` where it is about something else.
fn judge(
    signers: &AllowedSigners,
    found: &Found,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<Option<(Approved, Person)>, Why> {
    let signed = found.content.as_ref().map_err(|reason| Why::Unreadable(reason.clone()))?;
    let statement = Statement::parse(&signed.statement).map_err(Why::NoStatement)?;
    if statement.digest != *wanted.digest {
        return Ok(None);
    }
    if statement.ledger != wanted.ledger {
        return Err(Why::OtherLedger(statement.ledger));
    }
    if let Some(about) = wanted.about.filter(|about| *about != statement.about()) {
        return Err(Why::OtherAbout { said: statement.about().to_owned(), wanted: about.to_owned() });
    }
    let (at, until) = (statement.at(), after(statement.at(), wanted.valid_for));
    if at > after(now, AHEAD) {
        return Err(Why::Future(at));
    }
    if now > until {
        return Err(Why::TooOld { at, until });
    }
    let approved = verify(signers, &signed.statement, &signed.signature, now)?;
    let person = Person::of(signers, &signed.signature, approved.key.clone());
    if let Some(author) = person.lists.iter().find_map(|list| wanted.authors.among(list)) {
        let author = author.to_owned();
        return Err(Why::Author { principal: approved.principal, author });
    }
    Ok(Some((approved, person)))
}

/// All that is known of who signed.
#[derive(Debug)]
struct Person {
    key: KeyFingerprint,
    /// The principals of all lines of the key, those included that do not hold now.
    lists: Vec<PatternList>,
    /// All names of the person, in lower case: those of the key's lines, and what else the signers let the
    /// same people be called.
    names: BTreeSet<String>,
    /// It may be anybody whom a pattern means.
    is_open: bool,
}

impl Person {
    fn of(signers: &AllowedSigners, signature: &[u8], key: KeyFingerprint) -> Self {
        let lines = Signature::parse(signature).map(|signature| signers.of_key(&signature.key).collect());
        let lines: Vec<_> = lines.unwrap_or_default();
        let lists: Vec<PatternList> = lines.iter().map(|line| line.principals.clone()).collect();
        let mut names: BTreeSet<String> = lists.iter().flat_map(PatternList::names).collect();
        // A line with several names calls one person by all of them, and so do two lines with one key.
        loop {
            let before = names.len();
            for line in signers.lines() {
                if line.principals.names().any(|name| names.contains(&name)) {
                    names.extend(signers.of_key(&line.key).flat_map(|line| line.principals.names()));
                }
            }
            if names.len() == before {
                break;
            }
        }
        Self { key, is_open: lists.iter().any(PatternList::is_open), lists, names }
    }

    /// Whether both may be one person.
    fn may_be(&self, other: &Self) -> bool {
        let means = |one: &Self, other: &Self| {
            one.lists.iter().any(|list| other.names.iter().any(|name| list.matches_any_case(name)))
        };
        self.key == other.key
            || self.is_open && other.is_open
            || !self.names.is_disjoint(&other.names)
            || means(self, other)
            || means(other, self)
    }
}
