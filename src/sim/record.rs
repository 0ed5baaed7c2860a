//! The record of exchanges, one JSON object per line: what contract tests judge.
//!
//! Bearers and secrets never get in: of the request's headers only the content type, the protocol
//! version, the types that are welcome and the way of authorization are kept, and secret members of
//! bodies are replaced.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use axum::http::{HeaderMap, header};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One exchange.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exchange<'a> {
    /// `graph`, `login`, `github`, `imds`, `identity`, `dep`, `business`, `school`, `account` or `storage`.
    pub service: &'a str,
    /// The operation's id.
    pub operation: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The path, with the version in front also for requests of a `$batch`.
    pub path: std::borrow::Cow<'a, str>,
    /// The raw query; empty without one.
    pub query: &'a str,
    /// The content type of the request, if it had one.
    pub request_headers: Headers<'a>,
    /// The request's JSON, or its text where it is none; null without a body.
    pub request_body: Option<Box<RawValue>>,
    /// Null where no answer left (the line was cut).
    pub status: Option<u16>,
    /// The answer's JSON, or its text where it is none; null without a body.
    pub response_body: Option<Box<RawValue>>,
    /// Whether it was a request of a `$batch`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}

/// The request headers that are kept.
#[derive(Debug, Default, Serialize)]
pub(super) struct Headers<'a> {
    /// `Content-Type`.
    #[serde(rename = "content-type", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'a str>,
    /// `X-Server-Protocol-Version`, which only Apple's enrollment service knows.
    #[serde(rename = "x-server-protocol-version", skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<&'a str>,
    /// `Accept`, of requests to Apple Business and Apple School.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<&'a str>,
    /// The scheme of `Authorization` alone, of requests to Apple Business and Apple School, their token
    /// endpoint and their storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<&'a str>,
}

impl<'a> Headers<'a> {
    /// Those that say how a request to an organisation's API, or beside it, is made.
    pub(super) fn of_api(headers: &'a HeaderMap) -> Self {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        // Without a blank there is no scheme, and the text may be anything.
        let scheme = |text: &'a str| text.split_once(' ').map_or("(none)", |(scheme, _)| scheme);
        Self {
            content_type: text(header::CONTENT_TYPE),
            accept: text(header::ACCEPT),
            authorization: text(header::AUTHORIZATION).map(scheme),
            ..Self::default()
        }
    }
}

/// An open record.
#[derive(Debug)]
pub(super) struct Recorder(BufWriter<File>);

impl Recorder {
    /// Opens the file to append to.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        File::options().create(true).append(true).open(path).map(|file| Self(BufWriter::new(file)))
    }

    /// Appends an exchange and hands it to the system, so that a killed process loses none.
    pub(super) fn write(&mut self, exchange: &Exchange<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, exchange)?;
        self.0.write_all(b"\n")?;
        self.0.flush()
    }
}

/// Members of Graph's and Apple's bodies whose text is a secret.
const SECRETS: [&str; 11] = [
    "adminAccountPassword",
    "depToken",
    "token",
    "auth_session_token",
    "escrow_key",
    "activationLockBypassCode",
    "unlockPin",
    "passcode",
    "macOsUnlockCode",
    "latitude",
    "longitude",
];

/// What stands in a secret's place.
const WITHHELD: &str = "[secret]";

/// A body as JSON: itself, or its text as a JSON string; `None` for an empty one. Secret members
/// are replaced; a text that is no JSON and speaks of one is withheld whole.
pub(super) fn body(bytes: &[u8]) -> Option<Box<RawValue>> {
    if bytes.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    if SECRETS.iter().any(|name| text.contains(&format!("\"{name}\""))) {
        let value = match serde_json::from_slice::<Value>(bytes) {
            Ok(mut value) => {
                withhold(&mut value);
                value
            }
            Err(_) => Value::from(WITHHELD),
        };
        return serde_json::value::to_raw_value(&value).ok();
    }
    match serde_json::from_str::<Box<RawValue>>(&text) {
        Ok(json) if !text.contains('\n') => Some(json),
        // A line is a record: JSON of several lines is written anew.
        Ok(_) => serde_json::from_slice::<Value>(bytes)
            .ok()
            .and_then(|value| serde_json::value::to_raw_value(&value).ok()),
        Err(_) => serde_json::value::to_raw_value(&text).ok(),
    }
}

fn withhold(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if SECRETS.contains(&name.as_str()) && value.is_string() {
                    *value = Value::from(WITHHELD);
                } else if SECRETS.contains(&name.as_str()) && value.is_number() {
                    *value = Value::Null;
                } else {
                    withhold(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(withhold),
        _ => {}
    }
}
