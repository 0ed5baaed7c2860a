//! Why a certificate is no recipient, why nothing was sealed, and why something does not open.

use std::path::PathBuf;

use openssl::error::ErrorStack;

use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::model::sealed::SealedKind;

/// What to do about a certificate whose time has not come.
pub const NOT_YET: &str =
    "see whether this machine's clock is right; else name a certificate that is valid today";

/// Why nothing can be sealed to a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// There is no recipient at all.
    #[error("nobody is named to whom secrets could be sealed (L-4)")]
    Nobody,
    /// The file holds no certificate.
    #[error("{}: it is no X.509 certificate in PEM or DER", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// The file holds a private key.
    #[error("{}: it holds a private key, which must not lie beside documents", file.display())]
    PrivateKey {
        /// The file.
        file: PathBuf,
    },
    /// The file holds several certificates, and whose key is meant is not said.
    #[error("{}: it holds several certificates", file.display())]
    Several {
        /// The file.
        file: PathBuf,
    },
    /// The key is too weak or of a kind to which nothing is sealed.
    #[error("{}: the key of {name} is {what}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The certificate's subject in one line.
        name: String,
        /// What it is: `an RSA key of 1024 bits`.
        what: String,
    },
    /// The certificate's key usage leaves sealing out, so that a token or card with its key may refuse
    /// to open anything.
    #[error("{}: the key usage of {name} does not allow {missing}", file.display())]
    Usage {
        /// The file.
        file: PathBuf,
        /// The certificate's subject in one line.
        name: String,
        /// `keyEncipherment` or `keyAgreement`.
        missing: &'static str,
    },
    /// The certificate's time cannot be read.
    #[error("{}: the validity of {name} cannot be read", file.display())]
    Validity {
        /// The file.
        file: PathBuf,
        /// The certificate's subject in one line.
        name: String,
    },
    /// The certificate's time is over.
    #[error("{}: the certificate of {name} expired at {at}", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
        /// The certificate's subject in one line.
        name: String,
        /// Its last moment.
        at: Timestamp,
    },
    /// The certificate's time has not come.
    #[error("{}: the certificate of {name} is not valid before {at}", file.display())]
    NotYetValid {
        /// The file.
        file: PathBuf,
        /// The certificate's subject in one line.
        name: String,
        /// Its first moment.
        at: Timestamp,
    },
}

impl RecipientError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nobody => "recipients-missing",
            Self::NoCertificate { .. } | Self::PrivateKey { .. } | Self::Several { .. } => {
                "recipient-unreadable"
            }
            Self::Key { .. } | Self::Usage { .. } | Self::Validity { .. } => "recipient-unusable",
            Self::Expired { .. } | Self::NotYetValid { .. } => "recipient-expired",
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            Self::Nobody => "name at least one certificate under `escrow.recipients`".to_owned(),
            Self::NoCertificate { .. } => "name the PEM file of a recipient's certificate".to_owned(),
            Self::PrivateKey { .. } => {
                "take the key out of the file and of the repository's history, and name the certificate alone"
                    .to_owned()
            }
            Self::Several { .. } => "name one file for each recipient".to_owned(),
            Self::Key { .. } => {
                "take a certificate with an RSA key of at least 2048 bits, or on P-256, P-384 or P-521"
                    .to_owned()
            }
            Self::Usage { missing, .. } => format!(
                "have the certificate issued with {missing}, or without key usage, and name it instead"
            ),
            Self::Validity { .. } => "have the certificate issued again".to_owned(),
            Self::Expired { .. } => {
                "renew the certificate and name the new one; keep the old key, for it opens what was sealed to it"
                    .to_owned()
            }
            Self::NotYetValid { .. } => NOT_YET.to_owned(),
        }
    }
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// One of the recipients may not be sealed to now.
    #[error("nothing is sealed to this recipient: {0}")]
    Recipient(#[source] RecipientError),
    /// The value is empty: unknown, and no code.
    #[error("there is nothing to seal: the {} of {serial} is empty, which says that it is unknown (L-7)", kind.words())]
    Empty {
        /// What it should be.
        kind: SealedKind,
        /// Of which device.
        serial: Serial,
    },
    /// The cryptographic library failed. It names no part of the value.
    #[error("the {} of {serial} cannot be sealed", kind.words())]
    Library {
        /// What should be sealed.
        kind: SealedKind,
        /// Of which device.
        serial: Serial,
        /// What the library says.
        #[source]
        source: ErrorStack,
    },
}

impl SealError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Recipient(error) => error.code(),
            Self::Empty { .. } => "seal-empty",
            Self::Library { .. } => "system",
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            Self::Recipient(error) => error.next(),
            Self::Empty { .. } => {
                "ask the service again; a wipe without a code needs `acceptNoBypassCode` with its reason"
                    .to_owned()
            }
            Self::Library { .. } => "see whether the machine's OpenSSL works".to_owned(),
        }
    }
}

/// Why something sealed does not open. No error holds any part of a key, a passphrase or a content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The text holds no private key.
    #[error("this is no private key in PEM")]
    NoKey,
    /// The key is encrypted, and no passphrase is given.
    #[error("the private key is encrypted and needs its passphrase")]
    NeedsPassphrase,
    /// The passphrase does not open the key.
    #[error("the private key does not open with this passphrase")]
    WrongPassphrase,
    /// The certificate is none of the recipients'.
    #[error("it is not sealed to {name} ({fingerprint}) but to {}", recipients.join(", "))]
    OtherRecipient {
        /// The certificate's subject in one line.
        name: String,
        /// The certificate's fingerprint.
        fingerprint: String,
        /// Whom it is sealed to, as fingerprints.
        recipients: Vec<String>,
    },
    /// Key and certificate do not belong together.
    #[error("the private key does not belong to the certificate of {0}")]
    KeyMismatch(String),
    /// No message of ours: cut, or changed before it could be decrypted.
    #[error("what is sealed cannot be read: it is no CMS message with AES-256-GCM")]
    Unreadable,
    /// It does not decrypt with this key: another's, or what is sealed was changed.
    #[error("it does not open with this key: it was sealed to {}, or was changed since", recipients.join(", "))]
    Refused {
        /// Whom it is sealed to, as fingerprints.
        recipients: Vec<String>,
    },
    /// It decrypts, and what comes out was not sealed here.
    #[error("it opens, and what is in it was not sealed by this program")]
    Content,
    /// What was sealed with the value differs from what the row says.
    #[error("it is sealed as the {member} `{sealed}` and stands in the ledger as `{row}`: it is not shown")]
    OtherDevice {
        /// `serial`, `record` or `kind`.
        member: &'static str,
        /// What was sealed.
        sealed: String,
        /// What the row says.
        row: String,
    },
}

impl OpenError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKey | Self::NeedsPassphrase | Self::WrongPassphrase => "open-key-unusable",
            Self::OtherRecipient { .. } | Self::KeyMismatch(_) => "open-other-recipient",
            Self::Unreadable | Self::Refused { .. } | Self::Content => "open-refused",
            Self::OtherDevice { .. } => "open-other-device",
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            Self::NoKey => "name the PEM file of a recipient's private key",
            Self::NeedsPassphrase => "give the passphrase of the key",
            Self::WrongPassphrase => "give the passphrase that the key was encrypted with",
            Self::OtherRecipient { .. } => "use the certificate and the key of one whom it is sealed to",
            Self::KeyMismatch(_) => "name the private key and the certificate of one pair",
            Self::Unreadable | Self::Content => {
                "see whether the ledger was changed by hand or restored in part (`espalier ledger check`)"
            }
            Self::Refused { .. } => {
                "use the key of one whom it is sealed to; if this is one, take the ledger from its backup"
            }
            Self::OtherDevice { .. } => {
                "somebody changed the ledger: keep it as evidence, and take the row from a backup"
            }
        }
        .to_owned()
    }
}
