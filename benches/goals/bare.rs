//! The bare programs: what a plan cannot do without, and nothing else. No check of anything, no
//! message, no retry; everything is held at once, as the simplest program would.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Failure;
use crate::fleet::{CLIENT, TENANT};

/// The first argument of this binary as a bare program.
pub const WORD: &str = "bare";

/// A device as a plan needs it.
struct Device {
    serial: String,
    profile: Option<String>,
    is_ios: bool,
    is_enrolled: bool,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(borrow)]
    value: Vec<Row<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    serial_number: Cow<'a, str>,
    #[serde(borrow)]
    requested_enrollment_profile_id: Option<&'a str>,
    enrollment_state: &'a str,
    platform: &'a str,
}

#[derive(Deserialize)]
struct Bearer {
    access_token: String,
}

#[derive(Deserialize)]
struct Objects {
    value: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    id: String,
}

/// A `DeviceAssignment`, as far as a bare program looks.
#[derive(Deserialize)]
struct Assignment {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    profile: String,
    devices: Devices,
}

#[derive(Deserialize)]
struct Devices {
    #[serde(default)]
    serials: Vec<String>,
    csv: Option<Csv>,
}

#[derive(Deserialize)]
struct Csv {
    file: String,
    column: String,
}

/// `PART GRAPH LOGIN FOLDER`; the part is `read`, `lists` or `all`.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let [part, graph, login, folder] = arguments else { return Err("bare PART GRAPH LOGIN FOLDER".into()) };
    let wanted = |one: &str| part == one || part == "all";
    let devices = if wanted("read") { read(graph, login)? } else { Vec::new() };
    let lists = if wanted("lists") { lists(Path::new(folder))? } else { Vec::new() };
    let differing = join(&devices, &lists);
    println!("{} devices, {} lists, {differing} differ", devices.len(), lists.len());
    Ok(())
}

/// Signs in and reads all pages of the first token.
fn read(graph: &str, login: &str) -> Result<Vec<Device>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", login.trim_end_matches('/'));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", "any"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let bearer: Bearer = client.post(url).form(&form).send().await?.error_for_status()?.json().await?;
        let get = async |url: String| {
            let answer = client.get(url).bearer_auth(&bearer.access_token).send().await?;
            answer.error_for_status()?.bytes().await
        };
        let tokens = format!("{}/beta/deviceManagement/depOnboardingSettings", graph.trim_end_matches('/'));
        let found: Objects = serde_json::from_slice(&get(tokens.clone()).await?)?;
        let token = found.value.first().ok_or("no token")?;
        let mut next = Some(format!("{tokens}/{}/importedAppleDeviceIdentities", token.id));
        let mut devices = Vec::new();
        while let Some(url) = next {
            let body = get(url).await?;
            let page: Page<'_> = serde_json::from_slice(&body)?;
            devices.extend(page.value.into_iter().map(|row| Device {
                serial: row.serial_number.into_owned(),
                profile: row.requested_enrollment_profile_id.map(str::to_owned),
                is_ios: row.platform == "ios",
                is_enrolled: row.enrollment_state == "enrolled",
            }));
            next = page.next;
        }
        Ok(devices)
    })
}

/// The serials of all assignments, with their profile.
fn lists(folder: &Path) -> Result<Vec<(String, Vec<String>)>, Failure> {
    let mut lists = Vec::new();
    for entry in fs::read_dir(folder.join("devices"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_nodes: 2_000_000, max_events: 4_000_000 },
            with_snippet: false,
        };
        let read: Assignment = serde_saphyr::from_str_with_options(&text, options)?;
        let serials = match read.spec.devices.csv {
            None => read.spec.devices.serials,
            Some(about) => sheet(&folder.join("devices").join(about.file), &about.column)?,
        };
        lists.push((read.spec.profile, serials));
    }
    Ok(lists)
}

fn sheet(path: &Path, column: &str) -> Result<Vec<String>, Failure> {
    let mut reader = csv::Reader::from_path(path)?;
    let at = reader.headers()?.iter().position(|name| name == column).ok_or("no such column")?;
    let mut serials = Vec::new();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row)? {
        serials.push(row.get(at).unwrap_or_default().to_owned());
    }
    Ok(serials)
}

/// Counts the devices that have another profile than most of their list.
fn join(devices: &[Device], lists: &[(String, Vec<String>)]) -> usize {
    let wished: HashMap<&str, &str> = lists
        .iter()
        .flat_map(|(profile, serials)| serials.iter().map(|serial| (serial.as_str(), profile.as_str())))
        .collect();
    // Which id a profile has is learnt from the first device that is to have it.
    let mut ids: HashMap<&str, &str> = HashMap::new();
    devices
        .iter()
        .filter(|device| device.is_ios || device.is_enrolled)
        .filter(|device| {
            let Some(profile) = wished.get(device.serial.as_str()) else { return false };
            let have = device.profile.as_deref().unwrap_or_default();
            *ids.entry(profile).or_insert(have) != have
        })
        .count()
}
