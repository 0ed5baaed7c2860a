//! A secret that was sealed to people with keys: it can be stored anywhere and read by them alone.

use serde::{Deserialize, Serialize};

/// What a sealed text is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum SealedKind {
    /// The code that lifts an Activation Lock (L-4, L-5).
    BypassCode,
    /// The PIN that unlocks a Mac which was locked or wiped.
    UnlockPin,
    /// A passcode that was set for a while.
    Passcode,
    /// Where a device was.
    Location,
}

impl SealedKind {
    /// The word for people.
    pub const fn words(self) -> &'static str {
        match self {
            SealedKind::BypassCode => "Activation Lock bypass code",
            SealedKind::UnlockPin => "unlock PIN",
            SealedKind::Passcode => "temporary passcode",
            SealedKind::Location => "location",
        }
    }
}

/// A sealed secret: CMS in DER, encrypted with AES-256-GCM to X.509 recipients (design section 5). Nothing in
/// it can be read without the key of one of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sealed {
    /// What it is.
    pub kind: SealedKind,
    /// The DER in base64.
    pub cms: String,
    /// SHA-256 of the DER of each recipient's certificate, in lower-case hex.
    pub recipients: Vec<String>,
    /// SHA-256 over the serial and the text, in lower-case hex, to tell whether a device has another code by
    /// now. Only of what is too long to be guessed: a bypass code; absent for PINs and passcodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({}, {} recipients)", self.kind.words(), self.recipients.len())
    }
}
