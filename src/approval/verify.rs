//! One signature over one statement: whether it is an approval, and whose.

use super::NAMESPACE;
use super::key::KeyFingerprint;
use super::options::{Unfit, shown};
use super::signature::{Signature, SignatureFault};
use super::signers::{AllowedSigners, Line};
use super::statement::{Statement, StatementError};
use crate::model::clock::Timestamp;

/// A statement that an allowed signer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Who may use the key, as the lines of the signers have it that hold now: `anna@example.com`.
    pub principal: String,
    /// The key.
    pub key: KeyFingerprint,
    /// What was signed.
    pub statement: Statement,
}

impl Approved {
    /// When it was signed, as the signer says.
    pub fn at(&self) -> Timestamp {
        self.statement.at()
    }
}

/// Why a signature is no approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is no signature.
    #[error("it is no SSH signature: {0}")]
    NoSignature(String),
    /// It was made for something else.
    #[error(
        "it was made for the namespace `{0}` and not for `{NAMESPACE}`: sign with `ssh-keygen -Y sign -n {NAMESPACE}`"
    )]
    Namespace(String),
    /// Nobody may sign with this key.
    #[error("its key {0} is not among the signers of the last applied commit")]
    UnknownKey(KeyFingerprint),
    /// The signers do not allow the key for this.
    #[error("the signers do not allow the key {0} for `{NAMESPACE}`")]
    KeyNamespace(KeyFingerprint),
    /// The key's time is over.
    #[error("the key {key} of {principal} was valid up to {at}")]
    KeyExpired {
        /// The key.
        key: KeyFingerprint,
        /// Whose it is.
        principal: String,
        /// Its last moment.
        at: Timestamp,
    },
    /// The key's time has not come.
    #[error("the key {key} of {principal} is valid from {at} on")]
    KeyNotYetValid {
        /// The key.
        key: KeyFingerprint,
        /// Whose it is.
        principal: String,
        /// Its first moment.
        at: Timestamp,
    },
    /// It does not belong to the statement, or was changed.
    #[error("the signature is not that of {0} over this statement: one of both was changed")]
    Mismatch(KeyFingerprint),
    /// What was signed is no statement.
    #[error("what is signed is no statement: {0}")]
    Statement(#[from] StatementError),
}

/// Whether a signature over a statement is one of the signers', at this instant.
///
/// The signers' word on a key's validity is compared with `now`: when a statement was signed, the signer
/// alone says.
///
/// # Errors
/// See [`Refusal`].
pub fn verify(
    signers: &AllowedSigners,
    statement: &[u8],
    armor: &[u8],
    now: Timestamp,
) -> Result<Approved, Refusal> {
    let signature = Signature::parse(armor).map_err(|fault| Refusal::NoSignature(words(fault)))?;
    if signature.namespace != NAMESPACE {
        return Err(Refusal::Namespace(shown(&signature.namespace)));
    }
    let key = signature.key.fingerprint();
    let principal = principal(signers.of_key(&signature.key), &key, now)?;
    if !signature.verifies(statement) {
        return Err(Refusal::Mismatch(key));
    }
    Ok(Approved { principal, key, statement: Statement::parse(statement)? })
}

/// Whose key it is by the lines that hold now; else why none does.
fn principal<'s>(
    lines: impl Iterator<Item = &'s Line>,
    key: &KeyFingerprint,
    now: Timestamp,
) -> Result<String, Refusal> {
    let mut holding: Vec<&str> = Vec::new();
    let mut refusal = Refusal::UnknownKey(key.clone());
    for line in lines {
        let principal = line.principals.as_str();
        match line.options.check(NAMESPACE, now) {
            Ok(()) if holding.contains(&principal) => {}
            Ok(()) => holding.push(principal),
            Err(Unfit::Namespace) => refusal = Refusal::KeyNamespace(key.clone()),
            Err(Unfit::Expired(at)) => {
                refusal = Refusal::KeyExpired { key: key.clone(), principal: principal.to_owned(), at };
            }
            Err(Unfit::NotYet(at)) => {
                refusal = Refusal::KeyNotYetValid { key: key.clone(), principal: principal.to_owned(), at };
            }
        }
    }
    if holding.is_empty() { Err(refusal) } else { Ok(holding.join(",")) }
}

fn words(fault: SignatureFault) -> String {
    match fault {
        SignatureFault::Armor => "it is not, alone and whole, what `ssh-keygen -Y sign` writes".to_owned(),
        SignatureFault::Malformed => "it is cut or damaged".to_owned(),
        SignatureFault::Version(version) => format!("it is of version {version}, and 1 is known"),
        SignatureFault::Hash(name) => format!("its hash is `{}`, and not sha256 or sha512", shown(&name)),
        SignatureFault::Key(fault) => fault.to_string(),
    }
}
