//! What Apple Business and Apple School answer, the refusals of the enrollment service, and what is kept
//! of an organisation.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use espalier::cache::{KeptOrganisation, OrganisationKey, Organisations};
use espalier::http::Answer;
use espalier::http::redact::Redactor;
use espalier::model::Secret;
use espalier::model::clock::Timestamp;
use espalier::model::live::{Complete, Fact};
use espalier::model::organisation::{
    LiveService, OrgDevicesBuilder, OrgRow, ProductFamily, PurchaseSource, ServiceId, ServiceKind,
};
use espalier::provider::{business, dep};
use serde_json::Value;

use super::WORKER;
use super::corpus::plain;
use super::targets::{Group, times, unread};

/// A secret that every connection here has; no answer may have it.
const SECRET: &str = "planted-5f1c0b2a99e84d1ab7c3";
/// Statuses of refusals, of which the first byte of an input chooses one.
const STATUSES: [u16; 16] = [400, 401, 403, 404, 405, 406, 408, 409, 410, 422, 429, 500, 502, 503, 504, 302];

fn now() -> Timestamp {
    "2026-11-02T08:00:00Z".parse().expect("an instant")
}

fn hidden() -> Redactor {
    let redactor = Redactor::default();
    redactor.learn(&Secret::new(SECRET.to_owned()));
    redactor
}

/// The answer that an input stands for.
fn answer(input: &[u8]) -> Answer {
    let (first, body) = input.split_first().unwrap_or((&0, &[]));
    let mut headers = reqwest::header::HeaderMap::new();
    // The upper half says nothing of the pause.
    if first & 0x80 != 0
        && let Ok(value) = reqwest::header::HeaderValue::from_bytes(&body[..body.len().min(32)])
    {
        headers.insert("retry-after", value.clone());
        headers.insert("date", value.clone());
        headers.insert("x-apple-request-uuid", value);
    }
    Answer { status: STATUSES[usize::from(*first) % STATUSES.len()], headers, body: body.to_vec().into() }
}

/// What is told of a refusal is one sentence without the secret.
fn told(code: &str, error: &(dyn std::error::Error + 'static), shown: String) -> String {
    let whole = format!("{error} {shown}");
    assert!(!whole.contains(SECRET), "a refusal has a secret: {whole}");
    assert!(!error.to_string().trim().is_empty(), "a refusal without a word");
    assert!(whole.len() < 64 << 10, "a refusal of {} bytes", whole.len());
    code.to_owned()
}

/// A refusal of the enrollment service.
pub fn dep_refusal(input: &[u8]) -> Result<String, String> {
    let expires = [None, Some(now())][usize::from(input.first().is_some_and(|first| first & 0x40 != 0))];
    let operation = match input.len() % 3 {
        0 => dep::Operation::SignIn,
        1 => dep::Operation::ReadChanges,
        _ => dep::Operation::DefineProfile,
    };
    let error = dep::read_refusal(operation, &answer(input), now(), expires, &hidden());
    let code = told(error.code(), &error, format!("{error:?}"));
    if error.service_code.is_some() { Ok(code) } else { Err(code) }
}

/// A refusal of the API, which may be no document of errors.
pub fn errors(input: &[u8]) -> Result<String, String> {
    let operation = match input.len() % 2 {
        0 => business::Operation::ReadDevices,
        _ => business::Operation::BeginActivity,
    };
    let error = business::read_refusal(operation, &answer(input), now(), &hidden());
    let code = told(error.code(), &error, format!("{error:?}"));
    if error.service_code.is_some() { Ok(code) } else { Err(code) }
}

/// A page of devices.
pub fn devices(input: &[u8]) -> Result<String, String> {
    let (mut rows, mut builder) = (0, OrgDevicesBuilder::default());
    let read = business::read_devices(input, &mut |serial, row| {
        let _ = format!("{serial} {row:?}");
        builder.push(serial, row);
        rows += 1;
    });
    let paging = read.map_err(|error| unread(&error))?;
    let devices = builder.after_last_page();
    assert!(devices.len() + devices.without_serial <= rows, "devices are made up");
    // A list that was cut short must not look whole. Which of two members of one name counts is
    // nobody's rule.
    if ["data", "next", "nextCursor", "links", "meta"].iter().all(|name| times(input, name) <= 1)
        && let Ok(whole) = serde_json::from_slice::<Value>(input)
    {
        assert_eq!(rows, whole["data"].as_array().map_or(0, Vec::len), "rows are lost or made up");
        let told = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        assert_eq!(paging.next, told(&whole["links"]["next"]));
        assert_eq!(paging.cursor, told(&whole["meta"]["paging"]["nextCursor"]));
    }
    Ok(format!("{} {} {}", rows.min(3), paging.next.is_some(), paging.cursor.is_some()))
}

/// The log of an activity.
pub fn log(input: &[u8]) -> Result<String, String> {
    let read = business::ActivityLog::read(input.to_vec().into());
    let log = read.map_err(|error| told(error.code(), &error, format!("{error:?}")))?;
    assert_eq!(log.raw, input, "the text is not kept as it came");
    assert!(log.rows.is_sorted_by(|one, other| one.serial < other.serial), "a device is told twice");
    for row in &log.rows {
        assert_eq!(log.of(&row.serial), Some(row), "a row is not found by its serial");
        assert!(row.issue.as_ref().is_none_or(|issue| !issue.is_empty()), "an issue without a word");
    }
    // Success is said with this word alone.
    let says = input.to_ascii_uppercase().windows(7).any(|word| word == b"SUCCESS");
    assert!(says || log.rows.iter().all(|row| row.issue.is_some()), "success is made up");
    let issues = log.rows.iter().filter(|row| row.issue.is_some()).count();
    Ok(format!("{} {} {}", log.rows.len().min(3), issues.min(3), log.preamble.len().min(3)))
}

/// Where organisations are kept while inputs are tried, and whose they are.
struct Kept {
    all: Organisations,
    key: OrganisationKey,
    file: PathBuf,
    /// As it was saved.
    whole: Vec<u8>,
}

fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        // The folder of the worker's note goes with it; who tries one input leaves a folder.
        let folder = match std::env::var_os(WORKER) {
            Some(folder) => PathBuf::from(folder).join("cache"),
            None => tempfile::tempdir().expect("a temporary folder").keep(),
        };
        let all = Organisations::new(folder.clone());
        let key = OrganisationKey { client_id: "BUSINESSAPI.1".into(), api: "https://api.example".into() };
        all.save(&key, &an_organisation()).expect("a folder that can be written");
        let file = std::fs::read_dir(&folder).expect("the folder").next().expect("a file").expect("an entry");
        let whole = std::fs::read(file.path()).expect("the file");
        Kept { all, key, file: file.path(), whole }
    })
}

fn an_organisation() -> KeptOrganisation {
    let mut builder = OrgDevicesBuilder::default();
    let row = OrgRow {
        model: Some("iPad Pro"),
        product_type: Some("iPad13,4"),
        order: Some("W1"),
        family: Some(ProductFamily::Ipad),
        source: Some(PurchaseSource::Apple),
        source_id: Some("1000"),
        added: Some(now()),
        assigned: Some(true),
        ..OrgRow::default()
    };
    for serial in ["A1", "B2", "C3", "not a serial"] {
        builder.push(serial, &row);
    }
    builder.push("D4", &OrgRow::default());
    let id = ServiceId::new("1F97349736CF4614A94F624E705841AD");
    let service = builder.service(&id);
    ["A1", "B2"].iter().for_each(|serial| builder.link(service, serial));
    let services = vec![LiveService {
        id,
        name: "Lab".into(),
        kind: ServiceKind::Mdm,
        status: Some("ACTIVE".into()),
        device_count: Some(2),
        may_disown: None,
        default_for: Some(Fact::Known(vec![ProductFamily::Ipad])),
        last_connected: Some(now()),
    }];
    let services = Complete::after_last_page(services);
    KeptOrganisation { services, devices: builder.after_last_page(), read_at: now() }
}

/// An organisation as it is kept.
pub fn organisation(input: &[u8]) -> Result<String, String> {
    let Kept { all, key, file, .. } = kept();
    std::fs::write(file, input).expect("the file");
    let day = Duration::from_secs(86_400);
    let read = all.load(key, now(), day).ok_or_else(|| "it is none".to_owned())?;
    let serials: Vec<_> = read.devices.iter().map(|device| device.serial).collect();
    assert!(serials.is_sorted_by(|one, other| one < other), "the devices are not in order, or twice");
    for device in read.devices.iter() {
        let devices = &read.devices;
        let names = [devices.model_of(device), devices.product_type_of(device), devices.source_id_of(device)];
        let others = (devices.order_of(device), devices.migration_of(device));
        let _ = format!("{:?} {names:?} {others:?}", devices.service_of(device));
        assert_eq!(devices.find(&device.serial).map(|found| found.serial), Some(device.serial));
    }
    let _ = format!("{:?} {:?}", read.services, read.devices.count_by_service());
    // What is kept again is read again.
    all.save(key, &read).expect("the file");
    let again = all.load(key, now(), day).expect("what was read can be kept");
    assert_eq!(again.devices.len(), read.devices.len());
    Ok(format!("{} {}", serials.len().min(5), read.services.iter().count().min(3)))
}

/// Refusals of the enrollment service.
pub fn dep_refusals() -> Vec<Group> {
    let texts = [
        "\x02T_C_NOT_SIGNED",
        "\x02\"FORBIDDEN\"",
        "\x01token_expired",
        "\x00EXPIRED_CURSOR",
        "\x00{\"code\":\"CONFIG_URL_INVALID\",\"message\":\"no\"}",
        "\x00{\"error\":\"PROFILE_UUID_REQUIRED\"}",
        "\x0aslow down",
        "\x0b<html><body>planted-5f1c0b2a99e84d1ab7c3</body></html>",
        "\x02planted-5f1c0b2a99e84d1ab7c3",
        "",
    ];
    plain(&texts)
}

/// Documents of errors, and what front ends say instead.
pub fn error_documents() -> Vec<Group> {
    let one = r#"{"id":"1d0a2f6e-0000-4000-8000-000000000001","status":"409","code":"ENTITY_ERROR.RELATIONSHIP.INVALID","title":"t","detail":"planted-5f1c0b2a99e84d1ab7c3 is wrong","source":{"pointer":"/data/relationships/mdmServer"}}"#;
    let texts = [
        format!("\x07{{\"errors\":[{one}]}}"),
        format!("\x07{{\"errors\":[{one},{one},{one},{one},{one}]}}"),
        "\x00{\"errors\":[{\"code\":\"PARAMETER_ERROR.INVALID\",\"detail\":\"d\",\"source\":{\"parameter\":{\"parameter\":\"limit\"}}}]}".to_owned(),
        "\x02{\"errors\":[{\"code\":\"FORBIDDEN_ERROR\",\"detail\":\"The resource 'x' does not allow 'CREATE'. Allowed operations are: GET\"}]}".to_owned(),
        "\x03{\"errors\":[{\"code\":\"NOT_FOUND\"}]}".to_owned(),
        "\x03{\"errors\":[]}".to_owned(),
        "\x0a<html><head><title>429</title></head></html>".to_owned(),
        format!("\x0c<html>{}{SECRET}</html>", "x".repeat(150)),
        "\x01".to_owned(),
    ];
    plain(&texts.each_ref().map(String::as_str))
}

/// Pages of devices in both spellings of what changed.
pub fn device_pages() -> Vec<Group> {
    let device = r#"{"type":"orgDevices","id":"XABC1","attributes":{"serialNumber":"XABC1","addedToOrgDateTime":"2025-04-30T22:05:14.192Z","releasedFromOrgDateTime":null,"updatedDateTime":"2025-05-01T15:33:54.164Z","deviceModel":"iPad Pro","productFamily":"iPad","productType":"iPad13,4","deviceCapacity":"64GB","orderNumber":"","orderDateTime":null,"status":"ASSIGNED","imei":["123456789012345"],"purchaseSourceType":"APPLE","purchaseSourceUid":"-1","isMdmMigrationCapable":true,"mdmMigrationStatus":"REQUESTED","mdmMigrationDeadlineDateTime":"2026-12-01T09:00:00Z","wifiMacAddress":["A","B"]},"relationships":{"assignedServer":{"links":{"self":"https://x/y"}}},"links":{"self":"https://x"}}"#;
    let other =
        device.replace("XABC1", "C\\u0041").replace("\"iPad\"", "\"Robot\"").replace("ASSIGNED", "NEW");
    let texts = [
        format!(
            r#"{{"data":[{device},{other}],"links":{{"self":"https://a","next":"https://a?cursor=MD"}},"meta":{{"paging":{{"limit":2,"nextCursor":"MD"}}}}}}"#
        ),
        format!(
            r#"{{"meta":{{"paging":{{"limit":1000,"total":1}}}},"links":{{"self":"x"}},"data":[{other}]}}"#
        ),
        r#"{"data":[],"links":{"self":"x"}}"#.to_owned(),
        r#"{"data":[{"id":null,"attributes":null}],"links":{"self":"x","next":null},"included":[1,[2]]}"#
            .to_owned(),
        r#"{"data":[]}"#.to_owned(),
        "<html></html>".to_owned(),
    ];
    plain(&texts.each_ref().map(String::as_str))
}

/// Logs of activities.
pub fn logs() -> Vec<Group> {
    let usual = "OPERATION,ASSIGN_DEVICES\r\nACTIVITY_ID,1\r\nSTARTED AT,2026-11-06\r\nSTATUS,COMPLETED\r\n\
        SUB_STATUS,COMPLETED_WITH_ERROR\r\n\r\n\
        serial_number,device_model,operation_status,operation_substatus,timestamp\r\n\
        A1,\"iPad, large\",SUCCESS,,t\r\nB2,Mac,ISSUE,DEVICE_NOT_FOUND\r\nC3,,\r\n";
    let texts = [
        usual.to_owned(),
        format!("\u{feff}{}", usual.replace("\r\n", "\n").replace("serial_number", "\"Serial Number\"")),
        format!("{usual}\r\nSECTION,2\r\n\r\noperation_status,serial_number\r\nISSUE,A1\r\n"),
        "serial_number,other\r\nA1,SUCCESS\r\n".to_owned(),
        "serial_number,operation_status\n\"A1\n,SUCCESS\n".to_owned(),
        "<html></html>".to_owned(),
    ];
    plain(&texts.each_ref().map(String::as_str))
}

/// A kept organisation: whole files, and bodies with the sum that goes with them.
pub fn organisations() -> Vec<Group> {
    let whole = &kept().whole;
    vec![
        Group { inputs: vec![whole.clone(), Vec::new()], wrap: <[u8]>::to_vec },
        Group { inputs: vec![whole[head(whole) + 32..].to_vec()], wrap: with_sum },
    ]
}

/// The first line, with its end.
fn head(whole: &[u8]) -> usize {
    whole.iter().position(|byte| *byte == b'\n').expect("a first line") + 1
}

fn with_sum(body: &[u8]) -> Vec<u8> {
    let whole = &kept().whole;
    [&whole[..head(whole)], &openssl::sha::sha256(body), body].concat()
}
