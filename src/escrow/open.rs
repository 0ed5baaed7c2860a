//! Opening what is sealed, and only as what it was sealed.

use openssl::cms::CmsContentInfo;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;

use super::error::OpenError;
use super::key::PrivateKey;
use super::recipient::Recipient;
use super::seal::{About, to_der};
use crate::model::act::RecordId;
use crate::model::clock::Timestamp;
use crate::model::sealed::{Sealed, SealedKind};
use crate::model::{Secret, Serial};

/// `1.2.840.113549.1.9.16.1.23`, authenticated-enveloped-data, as DER.
const AUTH_ENVELOPED: &[u8] = &[6, 11, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 0x10, 1, 0x17];

/// `2.16.840.1.101.3.4.1.46`, AES-256-GCM, as DER.
const AES_256_GCM: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2E];

/// What came out.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it was sealed as.
    pub about: About,
    /// The value.
    pub value: Secret,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    serial: Serial,
    record: RecordId,
    kind: SealedKind,
    read_at: Timestamp,
    value: Secret,
}

/// Opens what is sealed and gives the value, if it was sealed as what the ledger's row says: for the same
/// device and record, and as the same kind. When it was read is told, not compared.
///
/// `certificate` may be left out; it makes the errors more telling.
///
/// # Errors
/// See [`OpenError`]: another's key, something changed, another device's secret in this row.
pub fn open(
    sealed: &Sealed,
    key: &PrivateKey,
    certificate: Option<&Recipient>,
    serial: Serial,
    record: &RecordId,
) -> Result<Opened, OpenError> {
    let recipients = || sealed.recipients.clone();
    if let Some(certificate) = certificate {
        if !certificate.key.public_eq(&key.0) {
            return Err(OpenError::KeyMismatch(certificate.name().to_owned()));
        }
        if !sealed.recipients.iter().any(|one| one == certificate.fingerprint()) {
            return Err(OpenError::OtherRecipient {
                name: certificate.name().to_owned(),
                fingerprint: certificate.fingerprint().to_owned(),
                recipients: recipients(),
            });
        }
    }
    let der = to_der(sealed).filter(|der| is_ours(der)).ok_or(OpenError::Unreadable)?;
    let message = CmsContentInfo::from_der(&der).map_err(|_| OpenError::Unreadable)?;
    let plain = match certificate {
        Some(certificate) => message.decrypt(&key.0, &certificate.certificate),
        // No stranger watches how long this takes, and the cipher tells a wrong key by its tag.
        None => message.decrypt_without_cert_check(&key.0),
    };
    // OpenSSL's own list of errors may be empty here, and says nothing that helps.
    let refused = |_| OpenError::Refused { recipients: recipients() };
    let plain = Zeroizing::new(plain.map_err(refused)?);
    // The parser's words could quote the value.
    let content: Content = serde_json::from_slice(&plain).map_err(|_| OpenError::Content)?;
    let about = About {
        serial: content.serial,
        record: content.record,
        kind: content.kind,
        read_at: content.read_at,
    };
    compare("serial", about.serial.as_str(), serial.as_str())?;
    compare("record", &about.record.0, &record.0)?;
    compare("kind", about.kind.words(), sealed.kind.words())?;
    Ok(Opened { about, value: content.value })
}

/// Whether it is an authenticated message with the one cipher that is sealed with: another would say
/// nothing about who wrote its content.
fn is_ours(der: &[u8]) -> bool {
    let holds = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    // The type stands right after the outer header, whose length has at most five octets.
    let begin = der.get(..der.len().min(6 + AUTH_ENVELOPED.len())).unwrap_or_default();
    begin.windows(AUTH_ENVELOPED.len()).any(|window| window == AUTH_ENVELOPED) && holds(AES_256_GCM)
}

fn compare(member: &'static str, sealed: &str, row: &str) -> Result<(), OpenError> {
    if sealed == row {
        return Ok(());
    }
    // The record's text comes from a service and is shown to people.
    let shown = |text: &str| text.chars().filter(|char| !char.is_control()).take(80).collect();
    Err(OpenError::OtherDevice { member, sealed: shown(sealed), row: shown(row) })
}
