//! Approval elsewhere: Intune's multi admin approval (intune-graph section 8.6).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a request that waits for a second person in the admin centre. It opens nothing by itself: it
/// goes with the identical request once that person has approved.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ApprovalCode(String);

impl ApprovalCode {
    /// The code, if the text is one: 1 to 128 letters, digits, `-`, `_` and `.`, so that it can stand in a
    /// header and in a filter.
    pub fn new(text: &str) -> Option<Self> {
        let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (!text.is_empty() && text.len() <= 128 && text.bytes().all(is_code)).then(|| Self(text.to_owned()))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no approval code.
#[derive(Debug, thiserror::Error)]
#[error("this is no approval code: 1 to 128 letters, digits, hyphens, underscores and dots")]
pub struct InvalidApprovalCode;

impl TryFrom<String> for ApprovalCode {
    type Error = InvalidApprovalCode;
    fn try_from(text: String) -> Result<Self, InvalidApprovalCode> {
        Self::new(&text).ok_or(InvalidApprovalCode)
    }
}

impl From<ApprovalCode> for String {
    fn from(code: ApprovalCode) -> Self {
        code.0
    }
}

impl fmt::Display for ApprovalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far such a request is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalState {
    /// `needsApproval`: nobody has decided.
    NeedsApproval,
    /// `approved`: the identical request may be sent again.
    Approved,
    /// `rejected`
    Rejected,
    /// `cancelled`
    Cancelled,
    /// `completed`: the approved request was sent.
    Completed,
    /// `expired`, after three days.
    Expired,
    /// `unknown`, a word that this version does not know, or no such request is shown: it tells nothing.
    Unknown,
}

impl ApprovalState {
    /// The state of the service's word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "needsApproval" => ApprovalState::NeedsApproval,
            "approved" => ApprovalState::Approved,
            "rejected" => ApprovalState::Rejected,
            "cancelled" => ApprovalState::Cancelled,
            "completed" => ApprovalState::Completed,
            "expired" => ApprovalState::Expired,
            _ => ApprovalState::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fits_a_header_and_a_filter_is_a_code() {
        for code in ["3b0c", "11111111-2222-3333-4444-555555555555", "a_b.c"] {
            assert_eq!(ApprovalCode::new(code).unwrap().as_str(), code);
        }
        for other in ["", "a b", "a' or true", "a\r\nx: y", "ä", &"a".repeat(129)] {
            assert_eq!(ApprovalCode::new(other), None, "{other:?}");
            assert!(serde_json::from_value::<ApprovalCode>(other.into()).is_err(), "{other:?}");
        }
    }
}
