//! Between Graph's members and the canonical form. PURE.
//!
//! | what | rule |
//! |---|---|
//! | a member that stands for one field | by the table [`crate::model::settings::SETTINGS`] |
//! | `false` | sent as `false`, never left out |
//! | nothing ([`Value::None`]) | a text is sent as null; null and "" are read as nothing |
//! | null in a switch whose default is off | read as off |
//! | members that this version does not know | kept in the live object, never sent |
//! | `isDefault`, `configurationEndpointUrl` | never sent: an action, and the service's own |
//! | account settings of a Mac | sent together, since a change of some may reset the others |
//!
//! ```text
//! bodies  ─┬─ sign_in, accounts, screens ─┬─ reading
//!          └──────── the same members ────┘     └─ objects
//! ```
//!
//! Source: reference intune-graph sections 3.3 to 3.7; polarity of screens and pairing words: field
//! table `graph-classic.tsv`.

mod accounts;
mod bodies;
mod objects;
mod reading;
mod screens;
mod sign_in;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

pub use bodies::{Resolved, create_body, update_body};
pub use objects::{VppNames, profile, push_certificate, scope_tag, token, vpp_token};
pub use reading::fields_from;

use crate::model::{FieldName, Fields, Platform, Value};

/// The type of the classic iOS and iPadOS profile, on POST and PATCH.
pub const IOS_TYPE: &str = "#microsoft.graph.depIOSEnrollmentProfile";

/// The type of the classic macOS profile, likewise.
pub const MACOS_TYPE: &str = "#microsoft.graph.depMacOSEnrollmentProfile";

const AFFINITY: &str = "userAffinity";
const AUTHENTICATION: &str = "authentication";
const INSTALL: &str = "companyPortal.install";
const VPP_TOKEN: &str = "companyPortal.vppToken";
const SHARED_IPAD: &str = "sharedIpad";
const MODE: &str = "pairing.mode";
const CERTIFICATES: &str = "pairing.certificates";
const LOCKED: &str = "lockedEnrollment";
const AUTO_ADVANCE: &str = "autoAdvance";

const SUPERVISED: &str = "supervisedModeEnabled";
const MANDATORY: &str = "isMandatory";
const VPP_TOKEN_ID: &str = "companyPortalVppTokenId";

const PAIRING_MODES: &[(&str, &str)] =
    &[("allowAll", "allow"), ("denyAll", "disallow"), ("allowByCertificate", "requiresCertificate")];

fn name(field: &'static str) -> FieldName {
    Cow::Borrowed(field)
}

fn is_on(fields: &Fields, field: &str) -> bool {
    fields.get(field) == Some(&Value::Bool(true))
}

/// Whether a field belongs to the parts of Shared iPad, which mean nothing while it is off.
fn is_of_shared_ipad(field: &str) -> bool {
    field.starts_with("sharedIpad.")
}

/// A text; nothing is null.
fn write_text(body: &mut Map<String, Json>, member: &str, value: Option<&Value>) {
    match value {
        Some(Value::Text(text)) => drop(body.insert(member.into(), Json::String(text.clone()))),
        Some(Value::None) => drop(body.insert(member.into(), Json::Null)),
        _ => {}
    }
}

fn write_bool(body: &mut Map<String, Json>, member: &str, value: Option<&Value>) {
    if let Some(Value::Bool(value)) = value {
        body.insert(member.into(), Json::Bool(*value));
    }
}

/// What a platform's classic profile says of itself; other platforms have none.
fn type_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Macos => MACOS_TYPE,
        Platform::Ios | Platform::Tvos | Platform::Visionos => IOS_TYPE,
    }
}
