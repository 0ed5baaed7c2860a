//! X.509 certificates: of pairing hosts (P-21), of trusted servers, of direct tokens (T-1). PURE:
//! bytes in.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use openssl::asn1::Asn1Time;
use openssl::x509::X509;

use crate::model::desired::Certificate;

/// Reads one certificate, PEM or DER.
pub fn read(file: PathBuf, bytes: &[u8]) -> Result<Certificate, &'static str> {
    const NONE: &str = "it is no X.509 certificate in PEM or DER";
    let is_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
    if is_pem && bytes.windows(11).any(|window| window == b"PRIVATE KEY") {
        return Err("it holds a private key, which must not be uploaded");
    }
    let certificate = if is_pem {
        let mut all = X509::stack_from_pem(bytes).map_err(|_| NONE)?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => one,
            (Some(_), false) => return Err("it holds several certificates; name one file for each"),
            (None, _) => return Err(NONE),
        }
    } else {
        X509::from_der(bytes).map_err(|_| NONE)?
    };
    let der = certificate.to_der().map_err(|_| NONE)?;
    Ok(Certificate {
        file,
        der_base64: base64::engine::general_purpose::STANDARD.encode(der),
        subject: subject(&certificate),
        not_after: not_after(&certificate).ok_or("its validity cannot be read")?,
    })
}

/// Whether this can be the certificate of a direct token: Apple encrypts to its RSA key.
pub fn of_token(file: &Path, bytes: &[u8]) -> Result<(), &'static str> {
    const NO_KEY: &str = "its public key cannot be read";
    let read = read(file.to_owned(), bytes)?;
    let der = base64::engine::general_purpose::STANDARD.decode(read.der_base64).map_err(|_| NO_KEY)?;
    let key = X509::from_der(&der).and_then(|certificate| certificate.public_key()).map_err(|_| NO_KEY)?;
    if key.rsa().is_err() {
        return Err("its key is not an RSA key, to which alone Apple encrypts a token");
    }
    Ok(())
}

fn subject(certificate: &X509) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let name = entry.object().nid().short_name().unwrap_or("?");
        entry.data().to_string().map(|text| format!("{name}={text}")).ok()
    };
    certificate.subject_name().entries().filter_map(part).collect::<Vec<_>>().join(", ")
}

fn not_after(certificate: &X509) -> Option<jiff::Timestamp> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let span = epoch.diff(certificate.not_after()).ok()?;
    jiff::Timestamp::from_second(i64::from(span.days) * 86_400 + i64::from(span.secs)).ok()
}
