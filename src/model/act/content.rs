//! What a `DeviceAction` document asks for, apart from the devices: what is bound on first sight.

use serde::{Deserialize, Serialize};

use super::ActionKind;
use crate::model::clock::Timestamp;
use crate::model::{Name, SecretRef};

/// `devices.expect`: what the device has to be, as a guard against a mistyped serial. Compared without regard
/// to case; an absent member is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// The model, as the MDM names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The user's principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The device's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Expect {
    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `options` of a wipe: what a Mac with Apple silicon or a T2 does when erasing all content fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Obliteration {
    /// As the device has it.
    Default,
    /// It is not obliterated.
    DoNotObliterate,
    /// It is, with a warning.
    ObliterateWithWarning,
    /// Always.
    Always,
}

/// `options`, per action (manifests.md, `DeviceAction`). Secrets are references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ActOptions {
    /// The action has none, or the document writes none.
    #[default]
    None,
    /// `wipe`
    Wipe {
        /// `keepDataPlan`, of an eSIM; true where the document is silent.
        keep_data_plan: bool,
        /// `pin`: six digits that a Mac asks for afterwards.
        pin: Option<SecretRef>,
        /// `obliteration`, Macs only.
        obliteration: Option<Obliteration>,
        /// `returnToService`
        return_to_service: Option<bool>,
    },
    /// `lock`
    Lock {
        /// `message`
        message: Option<String>,
        /// `phoneNumber`
        phone_number: Option<String>,
    },
    /// `enableLostMode`
    LostMode {
        /// `message`
        message: String,
        /// `phoneNumber`
        phone_number: String,
        /// `footnote`
        footnote: Option<String>,
    },
    /// `rename`
    Rename {
        /// `name`
        name: String,
    },
    /// `playSound`
    PlaySound {
        /// `minutes`
        minutes: Option<u32>,
    },
    /// `deleteSharedIpadUser`
    SharedIpadUser {
        /// `user`: the principal name of the user that is deleted from the device.
        user: String,
    },
    /// `handOver`
    HandOver {
        /// `token`: where the device goes.
        token: Name,
        /// `profile`: what it gets there.
        profile: Name,
    },
}

/// All that a document asks for, but for its serials: bound on first sight, and changed content under the same
/// name is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActContent {
    /// `action`
    pub kind: ActionKind,
    /// `devices.expect`
    pub expect: Expect,
    /// `requestedAt`
    pub requested_at: Timestamp,
    /// `requestedAt` and `expiresAfter` together: not sent from this instant on.
    pub expires: Timestamp,
    /// `reason`; absent only for class safe.
    pub reason: Option<String>,
    /// `physicallyInHand`
    pub physically_in_hand: bool,
    /// `acceptNoBypassCode`: why it may go without an escrowed code.
    pub accept_no_bypass_code: Option<String>,
    /// `options`
    pub options: ActOptions,
}

/// Where a secret is, whole: another one is another content.
fn reference(secret: &SecretRef) -> serde_json::Value {
    match secret {
        SecretRef::Env(name) => serde_json::json!({"env": name}),
        SecretRef::File(path) => serde_json::json!({"file": path.to_string_lossy()}),
        SecretRef::Exec(words) => serde_json::json!({"exec": words}),
        SecretRef::Sops { path, key } => serde_json::json!({"sops": path.to_string_lossy(), "key": key}),
    }
}

impl ActContent {
    /// One text for one content, with every member named: what the digest of an act is made of. A secret is in
    /// it as its reference.
    pub fn canonical(&self) -> String {
        let Self {
            kind,
            expect,
            requested_at,
            expires,
            reason,
            physically_in_hand,
            accept_no_bypass_code,
            options,
        } = self;
        let options = match options {
            ActOptions::None => serde_json::Value::Null,
            ActOptions::Wipe { keep_data_plan, pin, obliteration, return_to_service } => serde_json::json!({
                "keepDataPlan": keep_data_plan,
                "pin": pin.as_ref().map(reference),
                "obliteration": obliteration,
                "returnToService": return_to_service,
            }),
            ActOptions::Lock { message, phone_number } => {
                serde_json::json!({"message": message, "phoneNumber": phone_number})
            }
            ActOptions::LostMode { message, phone_number, footnote } => {
                serde_json::json!({"message": message, "phoneNumber": phone_number, "footnote": footnote})
            }
            ActOptions::Rename { name } => serde_json::json!({"name": name}),
            ActOptions::PlaySound { minutes } => serde_json::json!({"minutes": minutes}),
            ActOptions::SharedIpadUser { user } => serde_json::json!({"user": user}),
            ActOptions::HandOver { token, profile } => {
                serde_json::json!({"token": token, "profile": profile})
            }
        };
        serde_json::json!({
            "action": kind,
            "expect": expect,
            "requestedAt": requested_at,
            "expires": expires,
            "reason": reason,
            "physicallyInHand": physically_in_hand,
            "acceptNoBypassCode": accept_no_bypass_code,
            "options": options,
        })
        .to_string()
    }
}
