//! Sealing: a value and what it belongs to, encrypted for all recipients at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::symm::Cipher;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use super::error::SealError;
use super::fingerprint::fingerprint;
use super::recipients::Recipients;
use crate::model::act::RecordId;
use crate::model::clock::Timestamp;
use crate::model::sealed::{Sealed, SealedKind};
use crate::model::{Secret, Serial};

/// Digits of base64 in a line of PEM.
const PEM_LINE: usize = 64;

/// What a sealed secret belongs to. Not secret itself: it stands beside what is sealed, and within it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The device.
    pub serial: Serial,
    /// The MDM's record of the device from which it was read.
    pub record: RecordId,
    /// Which secret it is.
    pub kind: SealedKind,
    /// When it was read from the service.
    pub read_at: Timestamp,
}

/// What is within: JSON, as a person finds it after `openssl cms -decrypt`.
#[derive(Serialize)]
struct Content<'a> {
    #[serde(flatten)]
    about: &'a About,
    value: &'a str,
}

/// Seals a value together with what it belongs to, so that every recipient can open it alone.
///
/// # Errors
/// The value is empty, a recipient's certificate is not valid now, or the library fails.
pub fn seal(to: &Recipients, value: &Secret, about: &About, now: Timestamp) -> Result<Sealed, SealError> {
    let (kind, serial) = (about.kind, about.serial);
    if value.reveal().trim().is_empty() {
        return Err(SealError::Empty { kind, serial });
    }
    to.check(now).map_err(SealError::Recipient)?;
    let content = content(about, value);
    let der = encrypt(to, &content).map_err(|source| SealError::Library { kind, serial, source })?;
    let fingerprint = fingerprint(kind, serial, value);
    Ok(Sealed { kind, cms: STANDARD.encode(der), recipients: to.fingerprints(), fingerprint })
}

fn content(about: &About, value: &Secret) -> Zeroizing<Vec<u8>> {
    // Room for every character escaped: a buffer that grows would leave its former self behind.
    let mut json =
        Zeroizing::new(Vec::with_capacity(6 * (value.reveal().len() + about.record.0.len()) + 256));
    let content = Content { about, value: value.reveal() };
    // Texts and an instant: there is nothing that JSON could not hold, and a vector takes all.
    let _ = serde_json::to_writer(&mut *json, &content);
    json
}

fn encrypt(to: &Recipients, content: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut certificates = Stack::new()?;
    for one in to.iter() {
        certificates.push(one.certificate.clone())?;
    }
    // An AEAD cipher makes it an AuthEnvelopedData; as binary, or line ends would be changed.
    CmsContentInfo::encrypt(&certificates, content, Cipher::aes_256_gcm(), CMSOptions::BINARY)?.to_der()
}

/// The CMS message as `openssl cms -decrypt -inform DER` reads it; `None` where the ledger's text is
/// damaged.
pub fn to_der(sealed: &Sealed) -> Option<Vec<u8>> {
    STANDARD.decode(&sealed.cms).ok()
}

/// The CMS message as `openssl cms -decrypt -inform PEM` reads it.
pub fn to_pem(sealed: &Sealed) -> String {
    let mut pem = String::from("-----BEGIN CMS-----\n");
    for line in sealed.cms.as_bytes().chunks(PEM_LINE) {
        pem.extend(line.iter().map(|digit| char::from(*digit)));
        pem.push('\n');
    }
    pem + "-----END CMS-----\n"
}
