//! The Apple MDM push certificate (`applePushNotificationCertificate`), a singleton.

use serde_json::{Map, Value, json};

use super::Ask;
use super::reply::{Refusal, Reply};
use super::tokens::single;
use crate::sim::world::Tenant;

const KIND: &str = "applePushNotificationCertificate";

const MEMBERS: [&str; 9] = [
    "id",
    "appleIdentifier",
    "topicIdentifier",
    "lastModifiedDateTime",
    "expirationDateTime",
    "certificateUploadStatus",
    "certificateUploadFailureReason",
    "certificateSerialNumber",
    "certificate",
];

/// GET it. What a tenant without one answers is not published; 404 is taken.
pub(super) fn get(tenant: &Tenant, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    ask.query.check_select(KIND, |name| MEMBERS.contains(&name))?;
    ask.query.check_expand(KIND, &[])?;
    let one = tenant.push_certificate.as_ref();
    let one = one.ok_or_else(|| Refusal::not_found("The MDM push certificate was not found."))?;
    let values = [
        json!(one.id),
        json!(one.apple_identifier),
        json!(one.topic_identifier),
        json!(one.modified),
        json!(one.expires),
        Value::Null,
        Value::Null,
        json!(one.serial_number),
        Value::Null,
    ];
    let members: Map<String, Value> = MEMBERS
        .into_iter()
        .zip(values)
        .filter(|(name, _)| ask.query.wants(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(single(members, "deviceManagement/applePushNotificationCertificate/$entity"))
}
