//! What else has to be on the wire for the service to take a group of the field table: the table
//! says it for manifests (`with`), and only the members of the group itself for the wire.

use std::sync::OnceLock;

use base64::Engine as _;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use serde_json::{Map, Value, json};

use super::fields::{Group, merge, set};

/// The VPP token that the table names.
pub const VPP_TOKEN: (&str, &str) = ("Field apps", "3f2c1b0a-1111-4222-8333-444455556666");

/// A certificate of a host.
#[derive(Debug)]
pub struct HostCertificate {
    /// As in a file.
    pub pem: String,
    /// Base64 of the DER, as on the wire.
    pub base64: String,
}

/// The certificate that stands for the table's placeholder, made once per run.
pub fn certificate() -> &'static HostCertificate {
    static MADE: OnceLock<HostCertificate> = OnceLock::new();
    MADE.get_or_init(|| {
        let x509 = x509();
        HostCertificate {
            pem: String::from_utf8(x509.to_pem().expect("PEM")).expect("PEM is text"),
            base64: base64::engine::general_purpose::STANDARD.encode(x509.to_der().expect("DER")),
        }
    })
}

fn x509() -> X509 {
    let made = || -> Result<X509, openssl::error::ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_text("CN", "host")?;
        let subject = subject.build();
        let mut certificate = X509Builder::new()?;
        certificate.set_subject_name(&subject)?;
        certificate.set_issuer_name(&subject)?;
        certificate.set_pubkey(&key)?;
        let (from, to) = (Asn1Time::from_unix(0)?, Asn1Time::from_unix(4_000_000_000)?);
        certificate.set_not_before(&from)?;
        certificate.set_not_after(&to)?;
        certificate.sign(&key, MessageDigest::sha256())?;
        Ok(certificate.build())
    };
    made().expect("a certificate")
}

/// A profile that the service takes and that says nothing yet.
pub fn base(platform: &str) -> Value {
    let kind = if platform == "macos" { "depMacOSEnrollmentProfile" } else { "depIOSEnrollmentProfile" };
    json!({
        "@odata.type": format!("#microsoft.graph.{kind}"),
        "displayName": "example",
        "requiresUserAuthentication": false,
        "isMandatory": true,
    })
}

/// The members of other rows without which the service refuses those of this group (reference
/// sections 3.5 and 3.6).
pub fn circumstances(group: &Group<'_>) -> Value {
    let mut members = Value::Object(Map::new());
    let mut add = |more: Value| merge(&mut members, &more);
    let path = &group.rows[0].path;
    if path.starts_with("sharedIpad") {
        // The service always has a number of users while it is on.
        add(json!({
            "requiresUserAuthentication": false, "supervisedModeEnabled": true, "enableSharedIPad": true,
            "sharedIPadMaximumUserCount": 10,
        }));
    }
    if path == "sharedIpad.temporarySessionTimeoutSeconds" {
        add(json!({ "forceTemporarySession": true }));
    }
    let by_company_portal = json!({
        "requiresUserAuthentication": true, "enableAuthenticationViaCompanyPortal": true,
    });
    match path.as_str() {
        "companyPortal.install" => add(json!({ "requiresUserAuthentication": true })),
        "companyPortal.vppToken" => add(by_company_portal),
        "companyPortal.singleAppMode" => {
            add(by_company_portal);
            add(json!({ "companyPortalVppTokenId": VPP_TOKEN.1 }));
        }
        "pairing.mode" if group.rows[0].wire == Some(json!("requiresCertificate")) => {
            add(json!({ "managementCertificates": [{ "certificate": certificate().base64 }] }));
        }
        _ => {}
    }
    members
}

/// What a create of all rows of a group sends; keys that the service derives are left out.
pub fn posted(group: &Group<'_>) -> Value {
    let mut object = base(group.platform());
    merge(&mut object, &circumstances(group));
    for row in group.rows.iter().filter(|row| !row.note.derived) {
        if let Some(wire) = &row.wire {
            set(&mut object, &row.member, wire.clone());
        }
    }
    object
}
