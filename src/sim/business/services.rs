//! Device management services (`mdmServers`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::x509::X509;
use serde_json::{Map, Value, json};

use super::Ask;
use super::devices::time;
use super::query::{Fields, rows_from};
use super::reply::{Refusal, Reply};
use crate::sim::apple::organization::{Backing, DeviceService, Organization, Row, ServiceType};
use crate::sim::apple::{Family, Service};
use crate::sim::world::World;

/// What may be asked for with `fields[mdmServers]`.
pub(super) const FIELDS: [&str; 11] = [
    "serverName",
    "serverType",
    "status",
    "deviceCount",
    "enableMdmDisownFlag",
    "defaultProductFamilies",
    "lastConnectedDateTime",
    "lastConnectedIp",
    "createdDateTime",
    "updatedDateTime",
    "devices",
];

/// `GET /v1/mdmServers`
pub(super) fn list(here: &Organization, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let (page, fields) = ask.page(Some(("mdmServers", &FIELDS)))?;
    let counts = Counts::of(here, ask, &fields);
    // By number: one that is deleted meanwhile moves no other.
    let rows = |first| {
        let rows = here.services.iter().map(|service| (u64::from(service.number), service));
        rows.skip_while(move |(number, _)| *number < first)
    };
    Ok(ask.list(&page, rows, |out, service| {
        out.push_str(&resource(service, &counts, ask, &fields, false).to_string());
    }))
}

/// `GET /v1/mdmServers/{id}`
pub(super) fn get(here: &Organization, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let fields = ask.fields("mdmServers", &FIELDS)?;
    if ask.ways.no_instance {
        return Err(Refusal::not_allowed("mdmServers", "GET_INSTANCE", &["GET_COLLECTION"]));
    }
    let service = here.service_by_id(id).ok_or_else(|| Refusal::not_found("mdmServers", id))?;
    Ok(single(200, resource(service, &Counts::of(here, ask, &fields), ask, &fields, true), ask, id))
}

fn single(status: u16, data: Value, ask: &Ask<'_>, id: &str) -> Reply {
    let link = ask.address(&format!("/v1/mdmServers/{id}"));
    Reply::json(status, &json!({"data": data, "links": {"self": link}}))
}

/// `GET /v1/mdmServers/{id}/relationships/devices`
pub(super) fn linkages(here: &Organization, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let (page, _) = ask.page(None)?;
    let service = here.service_by_id(id).ok_or_else(|| Refusal::not_found("mdmServers", id))?;
    let (lag, now) = (ask.ways.linkage_lag, ask.now.as_second());
    let has =
        |row: &Row| (!row.is_released() || lag > 0) && here.roster.seen(row, lag, now) == service.number;
    let rows = |first| {
        let rows = rows_from(here.roster.rows(), first).filter(|(_, row)| has(row));
        rows.map(|(at, row)| (at, row.serial))
    };
    Ok(ask.list(&page, rows, |out, serial| {
        for part in ["{\"type\":\"orgDevices\",\"id\":\"", serial.as_str(), "\"}"] {
            out.push_str(part);
        }
    }))
}

/// A service as a resource. The default families are told by the single read alone.
pub(super) fn resource(
    service: &DeviceService,
    counts: &Counts,
    ask: &Ask<'_>,
    fields: &Fields,
    single: bool,
) -> Value {
    let mut attributes = Map::new();
    let mut put = |name: &str, value: Value| {
        if fields.wants(name) {
            attributes.insert(name.to_owned(), value);
        }
    };
    put("serverName", json!(service.name));
    put("serverType", json!(service.kind.as_str()));
    put("status", json!(service.status.as_str()));
    put("deviceCount", json!(counts.of_service(service.number)));
    put("enableMdmDisownFlag", json!(service.disowns));
    put("createdDateTime", json!(time(service.created.as_second())));
    put("updatedDateTime", json!(time(service.updated.as_second())));
    if single {
        put("defaultProductFamilies", families(&service.families));
    }
    // These two may be left out unless they are asked for by name.
    if fields.names("lastConnectedDateTime") {
        put("lastConnectedDateTime", json!(service.connected.map(|at| time(at.as_second()))));
    }
    if fields.names("lastConnectedIp") {
        put("lastConnectedIp", json!(service.connected.map(|_| "192.0.2.10")));
    }
    if ask.ways.unknown_members {
        put("addedNextYear", json!({"values": [1, null, "text"]}));
    }
    let path = format!("/v1/mdmServers/{}", service.id);
    let mut resource = json!({"type": "mdmServers", "id": service.id, "attributes": attributes});
    if fields.wants("devices") {
        let link = ask.address(&format!("{path}/relationships/devices"));
        resource["relationships"] = json!({"devices": {"links": {"self": link}}});
    }
    resource["links"] = json!({"self": ask.address(&path)});
    resource
}

fn families(families: &BTreeSet<Family>) -> Value {
    let mut names: Vec<&str> = families.iter().map(|family| family.as_default()).collect();
    names.sort_unstable();
    json!(names)
}

/// How many devices each service has.
pub(super) struct Counts(BTreeMap<u16, usize>);

impl Counts {
    /// Counts them, where anybody wants to know.
    pub(super) fn of(here: &Organization, ask: &Ask<'_>, fields: &Fields) -> Self {
        let mut counts = BTreeMap::new();
        if fields.wants("deviceCount") {
            let (lag, now) = (ask.ways.count_lag, ask.now.as_second());
            for row in here.roster.rows().iter().filter(|row| !row.is_released() || lag > 0) {
                *counts.entry(here.roster.seen(row, lag, now)).or_default() += 1;
            }
        }
        Self(counts)
    }

    fn of_service(&self, number: u16) -> usize {
        self.0.get(&number).copied().unwrap_or(0)
    }
}

/// What a request writes of a service; absent members stay.
#[derive(Debug, Default)]
struct Written {
    name: Option<String>,
    certificate: Option<Certificate>,
    disowns: Option<bool>,
    families: Option<BTreeSet<Family>>,
}

#[derive(Debug)]
struct Certificate {
    /// SHA-256 of its DER, in hex.
    fingerprint: String,
    /// Base64 of its DER.
    der: String,
}

/// The attributes of a request about services. `id` is the one in the path; `None` for a creation.
fn read(ask: &Ask<'_>, id: Option<&str>) -> Result<Written, Refusal> {
    let data = ask.data("mdmServers")?;
    if let Some(id) = id
        && data.get("id") != Some(&json!(id))
    {
        return Err(Refusal::shape("/data/id", "The id of the body has to be that of the path"));
    }
    let attributes = match data.get("attributes") {
        Some(Value::Object(attributes)) => attributes,
        _ => return Err(Refusal::shape("/data/attributes", "The attributes are missing")),
    };
    if attributes.is_empty() && id.is_some() {
        let detail = "There has to be an attribute to update";
        return Err(Refusal::new(400, "PARAMETER_ERROR.REQUIRED", "A required value is missing", detail));
    }
    let mut written = Written::default();
    for (name, value) in attributes {
        let invalid = || Refusal::attribute(name, format!("The value of '{name}' is not valid"));
        match (name.as_str(), value) {
            ("serverName", Value::String(text)) if !text.trim().is_empty() => {
                written.name = Some(text.clone());
            }
            ("enableMdmDisownFlag", Value::Bool(flag)) => written.disowns = Some(*flag),
            ("serverCertificate", value) => {
                written.certificate = Some(certificate(value).ok_or_else(invalid)?);
            }
            // Seen, and nobody knows why.
            ("defaultProductFamilies", Value::Null) if id.is_some() => {
                return Err(Refusal::of_status(500, None));
            }
            ("defaultProductFamilies", Value::Array(names)) if id.is_some() => {
                let known = |name: &Value| name.as_str().and_then(Family::of_default);
                written.families = Some(names.iter().map(known).collect::<Option<_>>().ok_or_else(invalid)?);
            }
            _ => return Err(invalid()),
        }
    }
    Ok(written)
}

/// Base64 of a certificate's DER, or of its text in PEM: of each somebody says that it is what is
/// wanted.
fn certificate(value: &Value) -> Option<Certificate> {
    value.get("name")?.as_str()?;
    let data = STANDARD.decode(value.get("data")?.as_str()?.trim()).ok()?;
    let certificate = X509::from_der(&data).or_else(|_| X509::from_pem(&data)).ok()?;
    let der = certificate.to_der().ok()?;
    let fingerprint = openssl::sha::sha256(&der).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Certificate { fingerprint, der: STANDARD.encode(der) })
}

/// `POST /v1/mdmServers`
pub(super) fn create(world: &mut World, at: usize, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let fields = ask.fields("mdmServers", &FIELDS)?;
    let written = read(ask, None)?;
    let missing = |name: &str| Refusal::attribute(name, format!("The attribute '{name}' is required"));
    let name = written.name.ok_or_else(|| missing("serverName"))?;
    let certificate = written.certificate.ok_or_else(|| missing("serverCertificate"))?;
    let (seed, now) = (world.seed, world.now);
    let here = &mut world.organizations[at];
    here.add_service(seed, now, &name, ServiceType::Mdm);
    let organization = here.name.clone();
    let Some(made) = here.services.last_mut() else { return Err(Refusal::of_status(500, None)) };
    made.disowns = written.disowns.unwrap_or(false);
    made.certificate = Some(certificate.fingerprint);
    made.backing = Backing::Direct;
    let id = made.id.clone();
    // Its server at the enrollment service, whose token a person has to download.
    let mut server = Service::new(seed, &name, now);
    server.uuid.clone_from(&id);
    server.organization.name = organization;
    server.certificate = Some(certificate.der);
    world.services.push(server);
    *world.history.organizations.services_created.entry(name).or_default() += 1;
    let here = &world.organizations[at];
    let service = here.service_by_id(&id).ok_or_else(|| Refusal::of_status(500, None))?;
    let mut data = resource(service, &Counts::of(here, ask, &fields), ask, &fields, false);
    // Whatever was sent, the answer says so.
    data["attributes"]["enableMdmDisownFlag"] = json!(false);
    Ok(single(201, data, ask, &id))
}

/// `PATCH /v1/mdmServers/{id}`
pub(super) fn update(world: &mut World, at: usize, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let fields = ask.fields("mdmServers", &FIELDS)?;
    let written = read(ask, Some(id))?;
    let now = world.now;
    let here = &mut world.organizations[at];
    let position = here.services.iter().position(|service| service.id == id);
    let position = position.ok_or_else(|| Refusal::not_found("mdmServers", id))?;
    if let Some(families) = &written.families {
        if families.is_empty() && here.services[position].families.is_empty() {
            let detail = "There are no default product families to remove";
            let source =
                Some(super::reply::Source::Pointer("/data/attributes/defaultProductFamilies".into()));
            let title = "An attribute value is invalid";
            return Err(Refusal { source, ..Refusal::new(400, "PARAMETER_ERROR.INVALID", title, detail) });
        }
        let others = here.services.iter().enumerate().filter(|(other, _)| *other != position);
        let held = others.flat_map(|(_, other)| &other.families).find(|family| families.contains(family));
        if let Some(held) = held {
            let detail = format!("Another service is the default for {}", held.as_default());
            return Err(Refusal::attribute("defaultProductFamilies", detail));
        }
    }
    let service = &mut here.services[position];
    let history = &mut world.history.organizations;
    let renamed = written.name.as_ref().is_some_and(|name| *name != service.name);
    let changed = written.certificate.is_some() || written.disowns.is_some() || written.families.is_some();
    if renamed {
        *history.services_renamed.entry(id.to_owned()).or_default() += 1;
    }
    if changed {
        *history.services_changed.entry(id.to_owned()).or_default() += 1;
    }
    if let Some(name) = written.name {
        service.name = name;
    }
    if let Some(certificate) = &written.certificate {
        service.certificate = Some(certificate.fingerprint.clone());
    }
    service.disowns = written.disowns.unwrap_or(service.disowns);
    if let Some(families) = written.families {
        service.families = families;
    }
    service.updated = now;
    let name = service.name.clone();
    if let Some(server) = world.services.iter_mut().find(|server| server.uuid == id) {
        server.name = name;
        if let Some(certificate) = written.certificate {
            server.certificate = Some(certificate.der);
        }
    }
    let here = &world.organizations[at];
    Ok(single(
        200,
        resource(&here.services[position], &Counts::of(here, ask, &fields), ask, &fields, true),
        ask,
        id,
    ))
}

/// `DELETE /v1/mdmServers/{id}`
pub(super) fn delete(world: &mut World, at: usize, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    ask.fields("none", &[])?;
    let here = &mut world.organizations[at];
    let position = here.services.iter().position(|service| service.id == id);
    let position = position.ok_or_else(|| Refusal::not_found("mdmServers", id))?;
    let service = &here.services[position];
    // That Apple's own cannot be deleted is made up.
    if service.kind != ServiceType::Mdm {
        return Err(Refusal::precondition("This service cannot be deleted"));
    }
    if here.roster.present().any(|row| row.service == service.number) {
        return Err(Refusal::precondition("Devices are assigned to the service"));
    }
    if !service.families.is_empty() {
        return Err(Refusal::precondition("The service is the default for product families"));
    }
    world.remove_device_service(at, position);
    world.history.organizations.services_deleted.push(id.to_owned());
    Ok(Reply::no_content())
}
