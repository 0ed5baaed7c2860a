//! Why a file from Apple gives no token.

use super::p7m::Recipient;

/// Why a `.p7m` gives no token. No error holds any part of the file's content but the names of its
/// recipients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFileError {
    /// Longer than any token file.
    #[error("the file has {0} bytes, and a token file has a few thousand")]
    TooLarge(usize),
    /// Something else; what it looks like.
    #[error("this is no server token file from Apple (.p7m) but {0}")]
    Other(&'static str),
    /// It begins as one and ends too early.
    #[error("the token file is cut off: it ends before its content does")]
    Truncated,
    /// It begins as one and then contradicts itself.
    #[error("the token file is damaged: it begins as one and cannot be read to its end")]
    Damaged,
    /// Encrypted for others.
    #[error("the token file was made for another certificate ({}) than {} ({})", list(.file), if .held.len() == 1 { "the one held here" } else { "those held here" }, list(.held))]
    OtherCertificate {
        /// Whom the file is for.
        file: Vec<Recipient>,
        /// The certificates that were tried.
        held: Vec<Recipient>,
    },
    /// Key and certificate do not belong together.
    #[error("the private key does not belong to the certificate ({0})")]
    KeyMismatch(Recipient),
    /// A cipher that no token file is known to have, by its object identifier.
    #[error("the token file is encrypted by a cipher that espalier does not know ({0})")]
    Cipher(String),
    /// The certificate is the file's, and decrypting fails.
    #[error("the token file cannot be decrypted with the key of its certificate ({0})")]
    Undecryptable(Recipient),
    /// It decrypts, and what comes out is no token.
    #[error("the file decrypts, but what is in it is no server token: {0}")]
    NoToken(String),
}

/// The names of some certificates.
fn list(recipients: &[Recipient]) -> String {
    match recipients {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        several => {
            let names: Vec<String> = several.iter().take(4).map(Recipient::to_string).collect();
            let more = several.len().saturating_sub(4);
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            names.join("; ") + &more
        }
    }
}

impl TokenFileError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "token-file-too-large",
            Self::Other(_) => "token-file-other",
            Self::Truncated => "token-file-truncated",
            Self::Damaged => "token-file-damaged",
            Self::OtherCertificate { .. } => "token-other-certificate",
            Self::KeyMismatch(_) => "token-key-mismatch",
            Self::Cipher(_) => "token-cipher",
            Self::Undecryptable(_) => "token-undecryptable",
            Self::NoToken(_) => "token-content",
        }
    }

    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::TooLarge(_) | Self::Other(_) => {
                "name the file that the portal gave when you downloaded the token; it ends in .p7m"
            }
            Self::Truncated | Self::Damaged => {
                "copy the file again from where it was downloaded to, as it is; if that one is cut off too, download the token anew (which invalidates the one in use, T-8)"
            }
            Self::OtherCertificate { .. } => {
                "use the key pair whose certificate was uploaded for this token, or upload the certificate of this one and download the token again (T-2)"
            }
            Self::KeyMismatch(_) => "name the private key and the certificate of one pair",
            Self::Cipher(_) => "download the token again, and report the cipher if it comes again",
            Self::Undecryptable(_) => {
                "the file may be damaged on its way, or made for another certificate of the same name and number: copy it again, or upload this certificate and download the token again"
            }
            Self::NoToken(_) => {
                "see whether the file is the server token of this service; if it is, download it again"
            }
        }
    }
}
