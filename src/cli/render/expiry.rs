//! What expires beside the enrollment tokens: VPP tokens and the push certificate (P-4, T-12).

use serde::Serialize;

use super::status::Health;
use super::text::{clean, count};
use crate::model::Realm;
use crate::model::clock::Timestamp;

/// What kind of thing expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expiring {
    /// The Apple MDM push certificate (T-12).
    PushCertificate,
    /// A VPP token that a document names (P-4).
    VppToken,
}

/// Something of a tenant that has to be renewed in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryRow {
    /// What it is.
    pub what: Expiring,
    /// The `Connection` document.
    #[schemars(with = "String")]
    pub connection: Realm,
    /// Its display name; null where it has none.
    pub name: Option<String>,
    /// The Apple account that renews it; null where the service does not say.
    pub apple_id: Option<String>,
    /// When it expires; null where that is not known.
    #[schemars(with = "Option<String>")]
    pub expires: Option<Timestamp>,
    /// Whole days until then, negative when it is past; null where it is not known.
    pub days_to_expiry: Option<i64>,
    /// It expires within `Fleet.expiryWarning`, or has expired.
    pub expiry_warning: bool,
    /// What else is the matter with it: it is missing, could not be read, or is not valid.
    pub trouble: Option<Trouble>,
}

/// What is the matter, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What is the matter.
    pub reason: String,
    /// What to do next.
    pub next: String,
}

impl ExpiryRow {
    /// How the row is.
    pub fn health(&self) -> Health {
        if self.days_to_expiry.is_some_and(|days| days < 0) {
            Health::Bad
        } else if self.expiry_warning || self.trouble.is_some() {
            Health::Attention
        } else {
            Health::Fine
        }
    }

    /// What it is called in a table.
    pub fn label(&self) -> String {
        match (self.what, &self.name) {
            (Expiring::PushCertificate, _) => "push certificate".to_owned(),
            (Expiring::VppToken, Some(name)) => format!("VPP {}", clean(name)),
            (Expiring::VppToken, None) => "VPP token".to_owned(),
        }
    }

    /// What is the matter, each with what to do.
    pub fn matters(&self) -> Vec<(String, String)> {
        let mut matters = Vec::new();
        if let Some(Trouble { reason, next }) = &self.trouble {
            matters.push((reason.clone(), next.clone()));
        }
        let (thing, row, next) = match self.what {
            Expiring::PushCertificate => (
                "the Apple MDM push certificate",
                "T-12",
                "renew it with the same Apple account, never with another one: every device would have to enroll again",
            ),
            Expiring::VppToken => (
                "the VPP token",
                "P-4",
                "renew it in Apple Business and upload it to Intune; devices that wait for Company Portal are blocked once it has expired",
            ),
        };
        let next = match &self.apple_id {
            Some(account) => format!("{next} (Apple account {})", clean(account)),
            None => next.to_owned(),
        };
        match self.days_to_expiry {
            Some(days) if days < 0 => {
                matters.push((
                    format!("{thing} expired {} ago ({row})", count(days.unsigned_abs(), "day")),
                    next,
                ));
            }
            Some(days) if self.expiry_warning => {
                matters.push((
                    format!("{thing} expires in {} ({row})", count(days.unsigned_abs(), "day")),
                    next,
                ));
            }
            _ => {}
        }
        matters
    }
}
