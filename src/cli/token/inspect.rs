//! `token inspect`: what is in a `.p7m`, for whom, and until when. Never a secret.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::args::InspectArgs;
use super::{Folder, read_file, words};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::cli::values::Format;
use crate::engine::FolderState;
use crate::model::clock::Timestamp;
use crate::model::{Secret, ServerToken};
use crate::server_token::held::Held;
use crate::server_token::store::Store;
use crate::server_token::{Envelope, KeyPair, Recipient, TokenFileError};

/// What `token inspect --format json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenJson {
    /// The version of this shape.
    pub version: u32,
    /// Whom the file is encrypted for.
    pub recipients: Vec<RecipientJson>,
    /// The cipher of its content, as an object identifier.
    pub cipher: String,
    /// The pair that opened it.
    pub pair: PairJson,
    /// When the token expires (T-6).
    pub expires: Option<Timestamp>,
    /// Whole days until then; negative ones since.
    pub days_to_expiry: Option<i64>,
    /// What each secret begins with, and how long it is.
    pub secrets: SecretsJson,
    /// Members that do not look like Apple's.
    pub unusual: Vec<String>,
}

/// Whom a file is encrypted for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipientJson {
    /// The issuer of the certificate; absent where the file names it otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The certificate's serial number, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The certificate's key identifier, hexadecimal, where the file names that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

/// The pair that opened a file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairJson {
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// Where it was found.
    pub found: String,
}

/// The masks of a token's secrets.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretsJson {
    /// `consumer_key`
    pub consumer_key: MaskJson,
    /// `consumer_secret`
    pub consumer_secret: MaskJson,
    /// `access_token`
    pub access_token: MaskJson,
    /// `access_secret`
    pub access_secret: MaskJson,
}

/// All that is shown of a secret.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MaskJson {
    /// `CK_`, `CS_`, `AT_` or `AS_`; empty where it begins otherwise.
    pub prefix: String,
    /// Its characters.
    pub length: usize,
}

/// Shows a file.
///
/// # Errors
/// The file is none, or no pair at hand opens it (exit 8).
pub(super) fn run(args: &InspectArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let envelope = Envelope::read(&read_file(&args.file)?)?;
    let (pair, found) = match (&args.key, &args.cert) {
        (Some(key), Some(cert)) => (named(key, cert)?, key.display().to_string()),
        _ => at_hand(&envelope, args, global, ui)?,
    };
    let token = envelope.open(&pair)?;
    let shown = describe(&envelope, &pair, found, &token, Timestamp::now());
    match args.format {
        Format::Json => ui.print(&(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n"))?,
        Format::Text => ui.print(&text(&shown))?,
    }
    Ok(ExitCode::Done)
}

fn named(key: &Path, cert: &Path) -> Result<KeyPair, CommandError> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| CommandError::file("read", path, &error));
    let text = String::from_utf8(read(key)?).unwrap_or_default();
    Ok(KeyPair::read(&Secret::new(text), &read(cert)?)?)
}

/// The pair that opens the file, among those that wait in the folder and those that its documents
/// name.
fn at_hand(
    envelope: &Envelope,
    args: &InspectArgs,
    global: &GlobalArgs,
    ui: &Ui,
) -> Result<(KeyPair, String), CommandError> {
    let settings = setup::settings(global, &args.folder, "token inspect")?;
    let store = Store::new(FolderState::of(&settings).tokens_dir());
    let mut held = Vec::new();
    for (_, pending) in store.all()? {
        if envelope.is_for(&pending.pair) {
            let found = pending.folder.display().to_string();
            return Ok((pending.pair, found));
        }
        held.push(pending.pair.recipient());
    }
    if global.sim.is_none() {
        // What is in the folder otherwise matters only where no pair was found yet.
        let folder = Folder::read(&args.folder, global, "token inspect", ui)?;
        for (name, token) in &folder.desired.tokens {
            let Some(direct) = &token.direct else { continue };
            let settings = &folder.settings;
            let held_by =
                Held { folder: &settings.folder, allow: settings.allow, store: &store, token: name, direct };
            match held_by.pair() {
                Ok(pair) if envelope.is_for(&pair) => {
                    return Ok((pair, format!("EnrollmentToken/{name}")));
                }
                Ok(pair) => held.push(pair.recipient()),
                Err(error) => ui.warn(&format!("the pair of EnrollmentToken/{name} was not tried: {error}")),
            }
        }
    }
    Err(TokenFileError::OtherCertificate { file: envelope.recipients().to_vec(), held }.into())
}

fn describe(
    envelope: &Envelope,
    pair: &KeyPair,
    found: String,
    token: &ServerToken,
    now: Timestamp,
) -> TokenJson {
    let recipients = envelope.recipients().iter().map(|recipient| match recipient.clone() {
        Recipient::Certificate { issuer, serial } => {
            RecipientJson { issuer: Some(issuer), serial: Some(serial), key_id: None }
        }
        Recipient::KeyId(key_id) => RecipientJson { issuer: None, serial: None, key_id: Some(key_id) },
        Recipient::Other => RecipientJson { issuer: None, serial: None, key_id: None },
    });
    let [consumer_key, consumer_secret, access_token, access_secret] = token.secrets().map(|secret| {
        let (prefix, length) = words::mask(secret);
        MaskJson { prefix: prefix.to_owned(), length }
    });
    TokenJson {
        version: 1,
        recipients: recipients.collect(),
        cipher: envelope.cipher().to_owned(),
        pair: PairJson { fingerprint: pair.fingerprint(), found },
        expires: token.expires,
        days_to_expiry: token.expires.map(|end| words::days(now, end)),
        secrets: SecretsJson { consumer_key, consumer_secret, access_token, access_secret },
        unusual: token.oddities().into_iter().map(str::to_owned).collect(),
    }
}

fn text(shown: &TokenJson) -> String {
    let TokenJson { version: _, recipients, cipher, pair, expires, days_to_expiry, secrets, unusual } = shown;
    let mut text = "Server token from Apple\n".to_owned();
    for recipient in recipients {
        let (issuer, serial) = (recipient.issuer.as_deref(), recipient.serial.as_deref());
        text += &match (issuer, serial, &recipient.key_id) {
            (Some(issuer), Some(serial), _) => {
                format!("  for              issuer {issuer}, serial {serial}\n")
            }
            (_, _, Some(id)) => format!("  for              key id {id}\n"),
            _ => "  for              a holder without a certificate\n".to_owned(),
        };
    }
    text +=
        &format!("  opened by        {} ({}…)\n", pair.found, pair.fingerprint.get(..16).unwrap_or_default());
    text += &format!("  cipher           {}\n", cipher_name(cipher));
    if let (Some(end), Some(days)) = (expires, days_to_expiry) {
        let left = if *days < 0 { "it has expired".to_owned() } else { format!("{days} days left") };
        text += &format!("  expires          {}, {left}\n", end.strftime("%Y-%m-%d %H:%M UTC"));
    }
    let masks = [
        ("consumer_key", &secrets.consumer_key),
        ("consumer_secret", &secrets.consumer_secret),
        ("access_token", &secrets.access_token),
        ("access_secret", &secrets.access_secret),
    ];
    for (name, mask) in masks {
        text += &format!("  {name:<16} {}…, {} characters\n", mask.prefix, mask.length);
    }
    if !unusual.is_empty() {
        text += &format!("  unusual          {} begin otherwise than Apple's do\n", unusual.join(", "));
    }
    text += "Which server at Apple it belongs to only Apple tells: `token import` asks.\n";
    text
}

fn cipher_name(oid: &str) -> &str {
    match oid {
        "2.16.840.1.101.3.4.1.2" => "AES-128-CBC",
        "2.16.840.1.101.3.4.1.22" => "AES-192-CBC",
        "2.16.840.1.101.3.4.1.42" => "AES-256-CBC",
        "2.16.840.1.101.3.4.1.6" => "AES-128-GCM",
        "2.16.840.1.101.3.4.1.26" => "AES-192-GCM",
        "2.16.840.1.101.3.4.1.46" => "AES-256-GCM",
        "1.2.840.113549.3.7" => "DES-EDE3-CBC",
        other => other,
    }
}
