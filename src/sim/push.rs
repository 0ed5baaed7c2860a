//! The Apple MDM push certificate of a tenant (`applePushNotificationCertificate`). Plain data,
//! changed by hand only.

use serde::{Deserialize, Serialize};

use super::world::{Tenant, derive_id};
use crate::model::clock::{Timestamp, after};

/// The push certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushCertificate {
    /// A GUID.
    pub id: String,
    /// `appleIdentifier`.
    pub apple_identifier: String,
    /// `topicIdentifier`.
    pub topic_identifier: String,
    /// `certificateSerialNumber`.
    pub serial_number: String,
    /// `expirationDateTime`.
    pub expires: Timestamp,
    /// `lastModifiedDateTime`.
    pub modified: Timestamp,
}

/// Members of the push certificate to be set, under the service's names; absent ones stay as they
/// are, or get what a new certificate has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PushMembers {
    /// The Apple account.
    #[serde(default)]
    pub apple_identifier: Option<String>,
    /// The topic; another one means that every device enrolls again.
    #[serde(default)]
    pub topic_identifier: Option<String>,
    /// The end; of a new certificate, a year from now.
    #[serde(default)]
    pub expiration_date_time: Option<Timestamp>,
}

impl Tenant {
    /// Sets members of the push certificate, which is made where it is missing.
    pub fn set_push_certificate(&mut self, seed: u64, now: Timestamp, members: PushMembers) {
        let id = derive_id(seed, &format!("{}/push", self.id.to_lowercase())).to_string();
        let one = self.push_certificate.get_or_insert_with(|| PushCertificate {
            apple_identifier: "apple.push@sim.example".to_owned(),
            topic_identifier: format!("com.apple.mgmt.External.{id}"),
            serial_number: id.chars().filter(char::is_ascii_hexdigit).take(16).collect(),
            expires: after(now, std::time::Duration::from_secs(365 * 86_400)),
            modified: now,
            id,
        });
        if let Some(account) = members.apple_identifier {
            one.apple_identifier = account;
        }
        if let Some(topic) = members.topic_identifier {
            one.topic_identifier = topic;
        }
        if let Some(expires) = members.expiration_date_time {
            one.expires = expires;
        }
        one.modified = now;
        self.push_certificate_removed = false;
    }

    /// Takes the push certificate away.
    pub fn remove_push_certificate(&mut self) {
        self.push_certificate = None;
        self.push_certificate_removed = true;
    }

    /// Makes it where a seed's tenant lacks it, unless it was taken away.
    pub(super) fn seed_push_certificate(&mut self, seed: u64, now: Timestamp, wish: Option<&PushMembers>) {
        if self.push_certificate.is_none() && !self.push_certificate_removed {
            self.set_push_certificate(seed, now, wish.cloned().unwrap_or_default());
        }
    }
}
