//! The file of a server token (`.p7m`) as a person downloads it: MIME around base64 around CMS
//! around MIME around JSON, each layer in the forms that were seen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::symm;
use openssl::x509::X509;
use serde::{Deserialize, Serialize};

use super::ServerToken;
use super::indefinite;

/// How long a line of base64 is.
const LINE: usize = 76;

/// In which form a file is downloaded; the default is that of Apple's portal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenFileForm {
    /// How the content is encrypted.
    pub cipher: TokenCipher,
    /// What is around the encrypted message.
    pub container: Container,
    /// How lines end, inside and outside.
    pub newline: Newline,
    /// Whether the lines `-----BEGIN MESSAGE-----` and `-----END MESSAGE-----` are left out.
    pub without_markers: bool,
    /// Whether the JSON is spread over several lines.
    pub folded: bool,
    /// Whether lengths are definite, as DER has them.
    pub definite: bool,
    /// Whether a byte order mark comes first.
    pub byte_order_mark: bool,
}

/// How a file is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenCipher {
    /// AES-128-CBC
    #[default]
    #[serde(rename = "aes-128-cbc")]
    Aes128Cbc,
    /// AES-256-CBC
    #[serde(rename = "aes-256-cbc")]
    Aes256Cbc,
    /// DES-EDE3-CBC
    #[serde(rename = "des-ede3-cbc")]
    TripleDes,
    /// AES-128-GCM, in authenticated-enveloped data.
    #[serde(rename = "aes-128-gcm")]
    Aes128Gcm,
    /// AES-256-GCM, likewise.
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
}

/// What is around an encrypted message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Container {
    /// MIME headers and base64.
    #[default]
    Mime,
    /// Base64 alone.
    Base64,
    /// Nothing: the file is binary.
    Binary,
}

/// How lines end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Newline {
    /// CR LF
    #[default]
    Crlf,
    /// LF
    Lf,
}

/// A downloaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenFile {
    /// Its name.
    pub file_name: String,
    /// Its bytes in base64.
    pub base64: String,
    /// Its text, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl TokenFile {
    /// Encrypts a token for the holder of a certificate's key. `certificate` is base64 of its DER.
    ///
    /// # Errors
    /// When the certificate cannot be used to encrypt.
    pub fn make(
        token: &ServerToken,
        certificate: &str,
        file_name: String,
        form: &TokenFileForm,
    ) -> Result<Self, ErrorStack> {
        let bytes = file(token, certificate, form)?;
        let text = match form.container {
            Container::Binary => None,
            Container::Mime | Container::Base64 => String::from_utf8(bytes.clone()).ok(),
        };
        Ok(Self { file_name, base64: STANDARD.encode(&bytes), text })
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.base64).unwrap_or_default()
    }
}

fn file(token: &ServerToken, certificate: &str, form: &TokenFileForm) -> Result<Vec<u8>, ErrorStack> {
    let line = match form.newline {
        Newline::Crlf => "\r\n",
        Newline::Lf => "\n",
    };
    let certificate = X509::from_der(&STANDARD.decode(certificate).unwrap_or_default())?;
    let mut recipients = Stack::new()?;
    recipients.push(certificate)?;
    let cipher = match form.cipher {
        TokenCipher::Aes128Cbc => symm::Cipher::aes_128_cbc(),
        TokenCipher::Aes256Cbc => symm::Cipher::aes_256_cbc(),
        TokenCipher::TripleDes => symm::Cipher::des_ede3_cbc(),
        TokenCipher::Aes128Gcm => symm::Cipher::aes_128_gcm(),
        TokenCipher::Aes256Gcm => symm::Cipher::aes_256_gcm(),
    };
    let message = message(token, form, line);
    let sealed = CmsContentInfo::encrypt(&recipients, message.as_bytes(), cipher, CMSOptions::BINARY)?;
    let der = sealed.to_der()?;
    let sealed = if form.definite { der } else { indefinite::rewrap(&der).unwrap_or(der) };
    let mut bytes = if form.byte_order_mark { vec![0xef, 0xbb, 0xbf] } else { Vec::new() };
    if form.container == Container::Mime {
        for header in [
            "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data",
            "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment; filename=\"smime.p7m\"",
            "Content-Description: S/MIME Encrypted Message",
            "",
        ] {
            bytes.extend(header.bytes().chain(line.bytes()));
        }
    }
    if form.container == Container::Binary {
        bytes.extend(sealed);
    } else {
        for part in STANDARD.encode(sealed).as_bytes().chunks(LINE) {
            bytes.extend(part.iter().copied().chain(line.bytes()));
        }
    }
    Ok(bytes)
}

/// What is encrypted.
fn message(token: &ServerToken, form: &TokenFileForm, line: &str) -> String {
    // A few texts have no way to fail.
    let json = if form.folded {
        serde_json::to_string_pretty(token).unwrap_or_default().replace('\n', line)
    } else {
        serde_json::to_string(token).unwrap_or_default()
    };
    let (begin, end) = match form.without_markers {
        true => (String::new(), String::new()),
        false => (format!("-----BEGIN MESSAGE-----{line}"), format!("-----END MESSAGE-----{line}")),
    };
    let headers =
        format!("Content-Type: text/plain;charset=UTF-8{line}Content-Transfer-Encoding: 7bit{line}{line}");
    format!("{headers}{begin}{json}{line}{end}")
}
