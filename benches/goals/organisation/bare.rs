//! The bare reader: a bearer, then the pages of devices, services and linkages into typed rows, joined by
//! a hash map. No retry, no budget, no check, nothing kept.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use serde::Deserialize;
use serde_json::json;

use super::fleet::{CLIENT, KEY};
use crate::Failure;

/// The first argument of this binary as the bare reader.
pub const WORD: &str = "bare-organisation";

/// A device as a plan needs it.
struct Device {
    serial: String,
    model: String,
    order: Option<String>,
    is_assigned: bool,
}

#[derive(Deserialize)]
struct Bearer {
    access_token: String,
}

#[derive(Deserialize)]
struct Page<Row> {
    data: Vec<Row>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    paging: Paging,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes<'a> {
    #[serde(borrow)]
    device_model: Cow<'a, str>,
    #[serde(borrow)]
    order_number: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// `BUSINESS ACCOUNT PEM NOW`
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let [business, account, pem, now] = arguments else {
        return Err("bare-organisation BUSINESS ACCOUNT PEM NOW".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(read(business.trim_end_matches('/'), account, pem, now.parse()?))
}

async fn read(business: &str, account: &str, pem: &str, now: i64) -> Result<(), Failure> {
    let reader = Reader::sign_in(business, account, pem, now).await?;
    let mut devices = Vec::new();
    let mut next = None;
    loop {
        let body = reader.page("orgDevices", next.as_deref()).await?;
        let page: Page<Row<'_>> = serde_json::from_slice(&body)?;
        devices.extend(page.data.into_iter().map(|row| Device {
            serial: row.id.into_owned(),
            model: row.attributes.device_model.into_owned(),
            order: row.attributes.order_number.map(Cow::into_owned),
            is_assigned: row.attributes.status == "ASSIGNED",
        }));
        next = page.meta.paging.next_cursor;
        if next.is_none() {
            break;
        }
    }
    let body = reader.page("mdmServers", None).await?;
    let services: Page<Link<'_>> = serde_json::from_slice(&body)?;
    let mut linked: HashMap<String, usize> = HashMap::new();
    for (number, service) in services.data.iter().enumerate() {
        let path = format!("mdmServers/{}/relationships/devices", service.id);
        let mut next = None;
        loop {
            let body = reader.page(&path, next.as_deref()).await?;
            let page: Page<Link<'_>> = serde_json::from_slice(&body)?;
            linked.extend(page.data.into_iter().map(|link| (link.id.into_owned(), number)));
            next = page.meta.paging.next_cursor;
            if next.is_none() {
                break;
            }
        }
    }
    let agree = devices.iter().filter(|one| linked.contains_key(&one.serial) == one.is_assigned).count();
    let letters = |one: &Device| one.model.len() + one.order.as_ref().map_or(0, String::len);
    let letters: usize = devices.iter().map(letters).sum();
    println!("{} devices, {} linked, {agree} agree, {letters} letters", devices.len(), linked.len());
    Ok(())
}

struct Reader<'a> {
    client: reqwest::Client,
    business: &'a str,
    bearer: String,
}

impl<'a> Reader<'a> {
    async fn sign_in(business: &'a str, account: &str, pem: &str, now: i64) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().user_agent("bare").build()?;
        let assertion = assertion(pem, now)?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
            ("scope", "business.api"),
        ];
        let url = format!("{}/auth/oauth2/v2/token", account.trim_end_matches('/'));
        let answer = client.post(url).form(&form).send().await?.error_for_status()?;
        let bearer: Bearer = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(Self { client, business, bearer: bearer.access_token })
    }

    async fn page(&self, path: &str, cursor: Option<&str>) -> Result<Vec<u8>, Failure> {
        let url = format!("{}/v1/{path}", self.business);
        let mut request = self.client.get(url).bearer_auth(&self.bearer).query(&[("limit", "1000")]);
        if let Some(cursor) = cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        Ok(request.send().await?.error_for_status()?.bytes().await?.into())
    }
}

/// A JWT with an `ES256` signature.
fn assertion(pem: &str, now: i64) -> Result<String, Failure> {
    let key = PKey::private_key_from_pem(pem.as_bytes())?.ec_key()?;
    let head = json!({ "alg": "ES256", "typ": "JWT", "kid": KEY });
    let claims = json!({
        "iss": CLIENT, "sub": CLIENT, "aud": "https://account.apple.com/auth/oauth2/v2/token",
        "iat": now, "exp": now + 600, "jti": format!("{}-{now}", std::process::id()),
    });
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&head), part(&claims));
    let signature = EcdsaSig::sign(&sha256(signed.as_bytes()), &key)?;
    let mut bytes = signature.r().to_vec_padded(32)?;
    bytes.extend(signature.s().to_vec_padded(32)?);
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}
