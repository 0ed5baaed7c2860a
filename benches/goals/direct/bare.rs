//! The bare reader: a session, then page after page into typed rows. No retry, no check, nothing kept.

use std::borrow::Cow;

use openssl::base64::encode_block;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde::Deserialize;
use serde_json::json;

use crate::Failure;

/// The first argument of this binary as the bare reader.
pub const WORD: &str = "bare-direct";

/// A device as a plan needs it.
struct Device {
    serial: String,
    model: String,
    profile: Option<String>,
    is_assigned: bool,
}

#[derive(Deserialize)]
struct Session {
    auth_session_token: String,
}

#[derive(Deserialize)]
struct Page<'a> {
    cursor: String,
    more_to_follow: bool,
    #[serde(borrow)]
    devices: Vec<Row<'a>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    serial_number: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    profile_uuid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    profile_status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Token {
    consumer_key: String,
    consumer_secret: String,
    access_token: String,
    access_secret: String,
}

/// `BASE TOKEN-JSON`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let [base, token] = arguments else { return Err("bare-direct BASE TOKEN".into()) };
    let token: Token = serde_json::from_str(token)?;
    let base = base.trim_end_matches('/');
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let devices = runtime.block_on(read(base, &token))?;
    let held = devices.iter().filter(|one| one.is_assigned && one.profile.is_some()).count();
    let letters: usize = devices.iter().map(|one| one.serial.len() + one.model.len()).sum();
    println!("{} devices, {held} with a profile, {letters} letters", devices.len());
    Ok(())
}

async fn read(base: &str, token: &Token) -> Result<Vec<Device>, Failure> {
    let client = reqwest::Client::builder().no_proxy().user_agent("bare").build()?;
    let url = format!("{base}/session");
    let headers = |request: reqwest::RequestBuilder| {
        request.header("X-Server-Protocol-Version", "10").header("Content-Type", JSON)
    };
    let answer = headers(client.get(&url)).header("Authorization", signed(&url, token)?).send().await?;
    let session: Session = serde_json::from_slice(&answer.error_for_status()?.bytes().await?)?;
    let mut session = session.auth_session_token;
    let mut devices = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let body = match &cursor {
            None => json!({ "limit": 1000 }),
            Some(cursor) => json!({ "cursor": cursor, "limit": 1000 }),
        };
        let request = headers(client.post(format!("{base}/server/devices")))
            .header("X-ADM-Auth-Session", &session)
            .body(body.to_string());
        let answer = request.send().await?.error_for_status()?;
        if let Some(next) = answer.headers().get("X-ADM-Auth-Session") {
            session = next.to_str()?.to_owned();
        }
        let answer = answer.bytes().await?;
        let page: Page<'_> = serde_json::from_slice(&answer)?;
        devices.extend(page.devices.into_iter().map(|row| Device {
            serial: row.serial_number.into_owned(),
            model: row.model.into_owned(),
            profile: row.profile_uuid.map(Cow::into_owned),
            is_assigned: row.profile_status.is_some_and(|status| status == "assigned"),
        }));
        if !page.more_to_follow {
            return Ok(devices);
        }
        cursor = Some(page.cursor);
    }
}

const JSON: &str = "application/json;charset=UTF8";

/// The `Authorization` field of RFC 5849 for a GET without a query.
fn signed(url: &str, token: &Token) -> Result<String, Failure> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    // The simulator's clock stands at its world's beginning.
    let now = std::env::var("BARE_CLOCK").ok().and_then(|text| text.parse().ok()).unwrap_or(now);
    let nonce = format!("{}{now}", std::process::id());
    let fields = [
        ("oauth_consumer_key", token.consumer_key.clone()),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA1".to_owned()),
        ("oauth_timestamp", now.to_string()),
        ("oauth_token", token.access_token.clone()),
        ("oauth_version", "1.0".to_owned()),
    ];
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    let text = format!("GET&{}&{}", percent(url), percent(&pairs.join("&")));
    let key = PKey::hmac(
        format!("{}&{}", percent(&token.consumer_secret), percent(&token.access_secret)).as_bytes(),
    )?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key)?;
    signer.update(text.as_bytes())?;
    let signature = encode_block(&signer.sign_to_vec()?);
    let all: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}=\"{}\"", percent(value))).collect();
    Ok(format!("OAuth {}, oauth_signature=\"{}\"", all.join(", "), percent(&signature)))
}

fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
