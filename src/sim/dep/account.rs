//! What belongs to the service as a whole: account, account-driven enrollment, beta tokens; and the
//! two calls about one device beside its profile.

use openssl::sha::sha256;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::reply::{Refusal, Reply};
use super::{Ask, route, rows, validate};
use crate::model::Serial;
use crate::sim::apple::{Discovery, Family, OrgVersion, Service};
use crate::sim::world::{AppleHistory, World, derive_id};

/// The systems of `betaEnrollmentTokens`, with a version that there may be.
const BETAS: [(&str, &str); 4] = [
    ("iOS", "iOS 26 AppleSeed Beta"),
    ("OSX", "macOS 26 AppleSeed Beta"),
    ("tvOS", "tvOS 26 AppleSeed Beta"),
    ("watchOS", "watchOS 26 AppleSeed Beta"),
];

/// `GET /account`
pub(super) fn get(service: &Service, ask: &Ask<'_>) -> Reply {
    let organization = &service.organization;
    let mut account = json!({
        "server_name": service.name,
        "server_uuid": service.uuid,
        "admin_id": service.admin_id(),
        "facilitator_id": service.admin_id(),
        "org_name": organization.name,
        "org_email": organization.email,
        "org_phone": organization.phone,
        "org_address": organization.address,
    });
    if ask.version >= 3 {
        account["org_id"] = json!(organization.id);
        account["org_id_hash"] = json!(organization.id_hash);
        account["org_type"] = json!(organization.kind.as_str());
        account["org_version"] = json!(organization.version.as_str());
        let urls = route::paths().into_iter().map(|(uri, methods)| {
            let mut url = json!({"uri": uri, "http_method": methods});
            if matches!(uri, "/server/devices" | "/devices/sync") {
                url["limit"] = json!({"default": ask.default_limit, "maximum": ask.most});
            }
            url
        });
        account["urls"] = Value::Array(urls.collect());
    }
    Reply::json(&account)
}

/// `GET /account-driven-enrollment/profile`
pub(super) fn discovery(service: &Service) -> Result<Reply, Refusal> {
    check_program(service)?;
    let discovery = service.discovery.as_ref().ok_or(Refusal::new(404, "NOT_FOUND"))?;
    let mut updated = String::new();
    rows::push_time(&mut updated, discovery.updated.as_second());
    Ok(Reply::json(&json!({"mdm_service_discovery_url": discovery.url, "last_updated_timestamp": updated})))
}

#[derive(Deserialize)]
struct DiscoveryRequest {
    mdm_service_discovery_url: Option<String>,
}

/// `POST /account-driven-enrollment/profile`
pub(super) fn set_discovery(world: &mut World, at: usize, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check_program(&world.services[at])?;
    let request: DiscoveryRequest = ask.json()?;
    let url = request.mdm_service_discovery_url.filter(|url| !url.is_empty());
    let url = url.ok_or(Refusal::bad("MDM_SERVICE_DISCOVERY_URL_REQUIRED"))?;
    let is_https = url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    if !is_https || !validate::is_url(&url) {
        return Err(Refusal::bad("MDM_SERVICE_DISCOVERY_URL_NOT_VALID"));
    }
    let service = &mut world.services[at];
    service.discovery = Some(Discovery { url, updated: world.now });
    count_discovery(&mut world.history.apple, service);
    Ok(Reply::text(Vec::new()))
}

/// `DELETE /account-driven-enrollment/profile`
pub(super) fn clear_discovery(service: &mut Service, history: &mut AppleHistory) -> Result<Reply, Refusal> {
    check_program(service)?;
    if service.discovery.take().is_some() {
        count_discovery(history, service);
    }
    Ok(Reply::text(Vec::new()))
}

/// Which organizations are not supported is not documented; here it is those of the old programs.
fn check_program(service: &Service) -> Result<(), Refusal> {
    match service.organization.version {
        OrgVersion::V1 => Err(Refusal::bad("ORG_NOT_SUPPORTED")),
        OrgVersion::V2 => Ok(()),
    }
}

fn count_discovery(history: &mut AppleHistory, service: &Service) {
    *history.discovery_changes.entry(service.uuid.clone()).or_default() += 1;
}

/// `GET /os-beta-enrollment/tokens`
pub(super) fn beta_tokens(seed: u64, service: &Service) -> Result<Reply, Refusal> {
    if !service.seed_for_it {
        return Err(Refusal::new(403, "APPLE_SEED_FOR_IT_TURNED_OFF"));
    }
    let organization = &service.organization.id;
    let tokens: Vec<Value> = BETAS
        .iter()
        .map(|(os, title)| {
            let token = derive_id(seed, &format!("beta/{organization}/{os}")).simple().to_string();
            json!({"os": os, "title": title, "token": token})
        })
        .collect();
    Ok(Reply::json(&json!({"betaEnrollmentTokens": tokens, "seedBuildTokens": tokens})))
}

/// `GET /device/replacementDetails`
pub(super) fn replacement(service: &Service, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    if ask.version < 10 {
        return Err(Refusal::new(404, "NOT_FOUND"));
    }
    let device = form_urlencoded::parse(ask.query.as_bytes()).find(|(name, _)| name == "device");
    let device = device.map(|(_, device)| device.into_owned()).filter(|device| !device.is_empty());
    let device = device.ok_or(Refusal::bad("DEVICE_ID_REQUIRED"))?;
    let unknown = Refusal::new(404, "DEVICE_NOT_FOUND");
    let serial = Serial::new(&device).ok_or(unknown)?;
    service.fleet.row(&serial).ok_or(unknown)?;
    let (original, at) = service.fleet.extras(&serial).and_then(|extras| extras.replaces).ok_or(unknown)?;
    let mut date = String::new();
    rows::push_time(&mut date, at);
    date.truncate(10);
    Ok(Reply::json(&json!({
        "serial_number": device, "original_device_serial_number": original, "replacement_date": date,
    })))
}

#[derive(Deserialize)]
struct LockRequest {
    device: Option<String>,
    escrow_key: Option<String>,
    lost_message: Option<String>,
}

/// `POST /device/activationlock`. Which families can be locked beside iPhone and iPad is unverified.
pub(super) fn lock(
    service: &mut Service,
    history: &mut AppleHistory,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let request: LockRequest = ask.json()?;
    let _: Option<String> = request.lost_message;
    let device = request.device.filter(|device| !device.is_empty()).ok_or(Refusal::malformed())?;
    let is_hash = |key: &String| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !request.escrow_key.as_ref().is_none_or(is_hash) {
        return Err(Refusal::malformed());
    }
    let serial = Serial::new(&device);
    let row = serial.and_then(|serial| service.fleet.row(&serial)).cloned();
    let status = match row {
        None => "NOT_ACCESSIBLE",
        Some(_) if service.organization.version == OrgVersion::V1 => "ORG_NOT_SUPPORTED",
        Some(row) if !matches!(row.family(), Family::IPad | Family::IPhone) => "DEVICE_NOT_SUPPORTED",
        Some(row) => {
            let extras = service.fleet.extras_mut(&row.serial);
            if extras.lock.is_some() {
                "DEVICE_ALREADY_LOCKED"
            } else {
                extras.lock = Some(request.escrow_key.map_or_else(String::new, |key| digest(&key)));
                *history.locks.entry(row.serial).or_default() += 1;
                "SUCCESS"
            }
        }
    };
    Ok(Reply::json(&json!({"serial_number": device, "response_status": status})))
}

/// What is kept of an escrow key.
fn digest(key: &str) -> String {
    sha256(key.to_ascii_lowercase().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
