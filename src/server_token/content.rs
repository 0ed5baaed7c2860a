//! The decrypted text: MIME around marker lines around JSON (reference apple-enrollment-api, 1.4). PURE.

use secrecy::{ExposeSecret as _, SecretSlice};

use super::error::TokenFileError;
use super::text::{self, Part};
use crate::model::{Secret, ServerToken};

const MARKERS: [&str; 2] = ["-----BEGIN MESSAGE-----", "-----END MESSAGE-----"];

/// Reads the token out of a decrypted text: header and markers go, on lines of their own or beside
/// text, and what is left is joined without line breaks.
///
/// # Errors
/// [`TokenFileError::NoToken`], without a word of the text.
pub fn token(plain: &SecretSlice<u8>) -> Result<ServerToken, TokenFileError> {
    let no_token = |why: String| TokenFileError::NoToken(why);
    let json = json(plain.expose_secret()).map_err(|why| no_token(why.to_owned()))?;
    ServerToken::from_json(json.reveal()).map_err(|error| no_token(error.to_string()))
}

/// The JSON in a text that may have header and markers. What was kept as a secret's text is read by
/// it too.
fn json(plain: &[u8]) -> Result<Secret, &'static str> {
    let plain = text::plain(plain);
    let part = Part::of(&plain);
    let decoded;
    let body = match part.field("content-transfer-encoding").as_deref() {
        Some("base64") => {
            let octets = text::base64(part.body).ok_or("its base64 cannot be read")?;
            decoded = SecretSlice::from(octets);
            decoded.expose_secret()
        }
        Some("quoted-printable") => return Err("it comes as quoted-printable, which no token does"),
        _ => part.body,
    };
    let body = std::str::from_utf8(body).map_err(|_| "it is no text")?;
    let mut joined = String::with_capacity(body.len());
    body.lines().for_each(|line| joined.push_str(line.trim()));
    let joined = Secret::new(joined);
    let mut rest = joined.reveal();
    // Only around the JSON: a value may have the same text in it.
    if !rest.starts_with('{')
        && let Some((_, after)) = rest.split_once(MARKERS[0])
    {
        rest = after;
    }
    if !rest.ends_with('}')
        && let Some((before, _)) = rest.rsplit_once(MARKERS[1])
    {
        rest = before;
    }
    let rest = rest.trim();
    if !rest.starts_with('{') {
        return Err("there is no JSON in it");
    }
    Ok(Secret::new(rest.to_owned()))
}

/// Reads a token that is held decrypted: as Apple's text, or as the bare JSON.
///
/// # Errors
/// See [`token`].
pub fn held(text: &Secret) -> Result<ServerToken, TokenFileError> {
    token(&SecretSlice::from(text.reveal().as_bytes().to_vec()))
}

/// The text under which a token is stored: JSON with the members that Apple gives.
pub fn stored(token: &ServerToken) -> Secret {
    let [consumer_key, consumer_secret, access_token, access_secret] = token.secrets().map(Secret::reveal);
    let mut members = serde_json::json!({
        "consumer_key": consumer_key,
        "consumer_secret": consumer_secret,
        "access_token": access_token,
        "access_secret": access_secret,
    });
    if let Some(expires) = token.expires {
        members["access_token_expiry"] = serde_json::json!(expires);
    }
    Secret::new(members.to_string() + "\n")
}
