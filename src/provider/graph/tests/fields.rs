//! `fields/graph-classic.tsv`: how each manifest value goes over the wire, written by others, held both
//! ways at the canonical level. (How manifests become canonical is tested where that is done.)

use std::collections::BTreeSet;

use super::convert::{VppNames, create_body, fields_from, update_body};
use super::*;
use crate::model::live::{Complete, VppToken};
use crate::model::{Fields, Platform, Secret, Value};

/// The base64 of a certificate; the table leaves it to the test.
const CERTIFICATE: &str = "MIIBplaceholder";

/// The VPP token of the table.
const VPP_TOKEN: (&str, &str) = ("3f2c1b0a-1111-4222-8333-444455556666", "Field apps");

fn vpp_names() -> VppNames {
    let (id, name) = VPP_TOKEN;
    let token = VppToken {
        id: id.to_owned(),
        name: name.to_owned(),
        expires: None,
        state: "valid".to_owned(),
        updates_apps: None,
        apple_id: None,
    };
    VppNames::of(&Complete::after_last_page(vec![token]))
}

/// What stands behind the words of the table.
fn resolved() -> Resolved {
    let password = Some(Secret::new("sample-only".to_owned()));
    Resolved { vpp_token: Some(VPP_TOKEN.0.to_owned()), password }
}

fn body_of(row: &Row) -> serde_json::Map<String, Json> {
    let fields = row.canonical();
    let password = resolved().password.filter(|_| fields.contains_key("localAdmin.password"));
    create_body(row.platform, &fields, &Resolved { password, ..resolved() })
}

struct Row {
    line: usize,
    platform: Platform,
    path: String,
    value: Json,
    member: String,
    wire: Json,
    verified: bool,
    note: String,
}

impl Row {
    fn has(&self, token: &str) -> bool {
        self.note.split(" | ").any(|note| note.trim() == token)
    }

    fn word(&self, token: &str) -> Option<&str> {
        self.note.split(" | ").find_map(|note| note.trim().strip_prefix(token))
    }

    /// The canonical fields that the row's manifest value stands for, with those it needs beside it.
    fn canonical(&self) -> Fields {
        let mut fields = Fields::new();
        if let Some(with) = self.word("with ") {
            flatten("", &serde_json::from_str(with).unwrap(), self.platform, &mut fields);
        }
        let prefix = if self.path == "." { "" } else { self.path.as_str() };
        flatten(prefix, &self.value, self.platform, &mut fields);
        fields
    }
}

/// Writes a piece of a document as canonical fields, as the documents of this module's fields read.
fn flatten(path: &str, value: &Json, platform: Platform, fields: &mut Fields) {
    let mut put = |name: String, value: Value| fields.insert(name.into(), value);
    match (path, value) {
        ("setupAssistant.hide" | "setupAssistant.show", Json::Array(screens)) => {
            let word = path.rsplit('.').next().unwrap();
            for screen in screens {
                put(format!("setupAssistant.{}", screen.as_str().unwrap()), Value::text(word));
            }
        }
        ("setupAssistant.otherwise", Json::String(word)) => {
            for (screen, ..) in screens::screens_of(platform) {
                put(format!("setupAssistant.{screen}"), Value::text(word.as_str()));
            }
        }
        ("pairing.certificates", Json::Array(files)) => {
            put(path.into(), Value::List(files.iter().map(|_| CERTIFICATE.to_owned()).collect()));
        }
        ("sharedIpad" | "localAdmin", Json::Null) => drop(put(path.into(), Value::Bool(false))),
        ("primaryAccount", Json::Null) => {
            for field in ["primaryAccount.userName", "primaryAccount.fullName"] {
                put(field.into(), Value::None);
            }
        }
        ("localAdmin.password", Json::Object(reference)) => {
            let name = reference["env"].as_str().unwrap();
            put(path.into(), Value::Text(format!("env {name}")));
        }
        (_, Json::Object(members)) => {
            if matches!(path, "sharedIpad" | "localAdmin") {
                put(path.into(), Value::Bool(true));
            }
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, platform, fields);
            }
        }
        (_, Json::Bool(value)) => drop(put(path.into(), Value::Bool(*value))),
        (_, Json::Number(number)) => drop(put(path.into(), Value::Int(number.as_i64().unwrap()))),
        (_, Json::String(text)) => drop(put(path.into(), Value::text(text.as_str()))),
        (_, Json::Null) => drop(put(path.into(), Value::None)),
        (_, Json::Array(_)) => panic!("no such list: {path}"),
    }
    for owner in ["sharedIpad", "localAdmin"] {
        if path.strip_prefix(owner).is_some_and(|rest| rest.starts_with('.')) {
            fields.insert(owner.into(), Value::Bool(true));
        }
    }
}

fn rows() -> Vec<Row> {
    let Some(contracts) = contracts() else { return Vec::new() };
    let text = std::fs::read_to_string(contracts.join("fields/graph-classic.tsv")).unwrap();
    let rows: Vec<Row> = text
        .lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let cells: Vec<&str> = line.split('\t').collect();
            let [platform, path, value, member, wire, certainty, ..] = cells[..] else { return None };
            let platform = Platform::from_word(platform)?;
            if path == "platform" {
                return None;
            }
            let wire = wire.replace("<base64 of the DER>", CERTIFICATE);
            let row = Row {
                line: at + 1,
                platform,
                path: path.to_owned(),
                value: serde_json::from_str(value).unwrap(),
                member: member.to_owned(),
                wire: serde_json::from_str(&wire).unwrap(),
                verified: certainty != "unverified",
                note: cells.get(6).copied().unwrap_or_default().to_owned(),
            };
            // A default other than nothing is put in by the lowering, before this module is asked.
            let lowered = row.value.is_null() && !row.wire.is_null() && row.path != "sharedIpad";
            (!lowered && !row.has("back")).then_some(row)
        })
        .collect();
    assert!(rows.len() > 400, "only {} rows", rows.len());
    rows
}

/// Whether the member of the row holds what the row says.
fn holds(row: &Row, found: Option<&Json>) -> bool {
    let keys = |value: Option<&Json>| -> BTreeSet<String> {
        let list = value.and_then(Json::as_array).into_iter().flatten();
        list.filter_map(|key| key.as_str().map(str::to_owned)).collect()
    };
    match row.word("lacks ") {
        Some(key) => !keys(found).contains(key),
        None if row.has("contains") => keys(Some(&row.wire)).is_subset(&keys(found)),
        None => found == Some(&row.wire),
    }
}

/// The member at a dotted path; `@odata.type` is one name.
fn member<'b>(body: &'b serde_json::Map<String, Json>, path: &str) -> Option<&'b Json> {
    let mut names = if path.starts_with('@') { vec![path] } else { path.split('.').collect() }.into_iter();
    let first = body.get(names.next()?);
    names.fold(first, |value, name| value?.get(name))
}

fn put_member(body: &mut serde_json::Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.').filter(|_| !path.starts_with('@')) {
        None => drop(body.insert(path.to_owned(), value)),
        Some((parent, rest)) => {
            let parent = body.entry(parent).or_insert(Json::Null);
            if parent.is_null() {
                *parent = json!({});
            }
            put_member(parent.as_object_mut().unwrap(), rest, value);
        }
    }
}

fn report(unverified: &[usize]) {
    if !unverified.is_empty() {
        eprintln!("unverified rows that do not hold, by line: {unverified:?}");
    }
}

#[test]
fn each_row_holds_on_the_way_to_the_wire() {
    let mut unverified = Vec::new();
    for row in rows() {
        let body = body_of(&row);
        let own_type = if row.platform == Platform::Macos { convert::MACOS_TYPE } else { convert::IOS_TYPE };
        assert_eq!(body["@odata.type"], own_type);
        let left_out = row.has("derived") && !body.contains_key(&row.member);
        if holds(&row, member(&body, &row.member)) || left_out {
            continue;
        }
        assert!(!row.verified, "line {}: {} {} gives {body:?}", row.line, row.path, row.value);
        unverified.push(row.line);
    }
    report(&unverified);
}

#[test]
fn each_row_holds_on_the_way_back() {
    let rows = rows();
    let mut unverified = Vec::new();
    for row in &rows {
        if ["default", "implied", "derived", "one way", "write only"].iter().any(|token| row.has(token)) {
            continue;
        }
        // Rows with one value hold together: all their members are on the object.
        let together = rows.iter().filter(|other| {
            other.platform == row.platform
                && other.path == row.path
                && other.value == row.value
                && other.word("with ") == row.word("with ")
        });
        let mut object = body_of(row);
        for row in together {
            if row.has("contains") || row.word("lacks ").is_some() {
                let keys = object.entry(row.member.as_str()).or_insert(json!([])).as_array_mut().unwrap();
                keys.retain(|key| key.as_str() != row.word("lacks "));
                keys.extend(row.wire.as_array().unwrap().iter().cloned());
            } else {
                put_member(&mut object, &row.member, row.wire.clone());
            }
        }
        let (fields, _) = fields_from(row.platform, &object, &vpp_names());
        for (name, wished) in row.canonical() {
            if fields.get(&name) != Some(&wished) {
                assert!(!row.verified, "line {}: {name} comes back as {:?}", row.line, fields.get(&name));
                unverified.push(row.line);
            }
        }
    }
    report(&unverified);
}

/// What a create sends and the service shows again is what was wished; then nothing is to be changed.
#[test]
fn every_row_reads_back_what_it_sent() {
    for row in rows() {
        let (fields, _) = fields_from(row.platform, &body_of(&row), &vpp_names());
        for (name, value) in row.canonical() {
            // A secret never comes back, and Company Portal sign-in has no choice of installing it.
            let is_one_way =
                name == "localAdmin.password" || (name == "companyPortal.install" && row.has("one way"));
            if !is_one_way {
                assert_eq!(fields.get(&name), Some(&value), "line {}: {name}", row.line);
            }
        }
    }
}

// --- what the table does not say ---

fn update_ios(changes: &Fields, live: &Fields, keys: &[String]) -> serde_json::Map<String, Json> {
    update_body(Platform::Ios, changes, live, keys, &Resolved::default())
}

fn read_ios(members: &Json) -> (Fields, Vec<String>) {
    fields_from(Platform::Ios, members.as_object().unwrap(), &VppNames::default())
}

fn fields(pairs: &[(&'static str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

fn sign_in(affinity: &str, method: &str) -> Fields {
    fields(&[("userAffinity", Value::text(affinity)), ("authentication", Value::text(method))])
}

#[test]
fn p3_modern_sign_in_sends_the_doubtful_members_on_create_only() {
    let portal = "enableAuthenticationViaCompanyPortal";
    let required = "requireCompanyPortalOnSetupAssistantEnrolledDevices";
    let modern = sign_in("user", "setupAssistantModern");
    let body = create_body(Platform::Ios, &modern, &Resolved::default());
    assert_eq!((&body[portal], &body[required]), (&json!(false), &json!(false)));
    let body = update_ios(&modern, &sign_in("none", ""), &[]);
    assert!(!body.contains_key(portal) && !body.contains_key(required), "{body:?}");
    assert_eq!(
        (&body["configurationWebUrl"], &body["requiresUserAuthentication"]),
        (&json!(true), &json!(true))
    );
    assert!(!body.contains_key("isMandatory"));
}

#[test]
fn p3_one_half_of_the_sign_in_takes_the_other_from_the_live_object() {
    let changes = fields(&[("authentication", Value::text("companyPortal"))]);
    let body = update_ios(&changes, &sign_in("user", "setupAssistantLegacy"), &[]);
    assert_eq!(body["enableAuthenticationViaCompanyPortal"], json!(true));
    assert_eq!(body["requireCompanyPortalOnSetupAssistantEnrolledDevices"], json!(false));
    let changes = fields(&[("userAffinity", Value::text("entraShared")), ("authentication", Value::None)]);
    let body = update_ios(&changes, &sign_in("user", "companyPortal"), &[]);
    assert_eq!((&body["userlessSharedAadModeEnabled"], &body["isMandatory"]), (&json!(true), &json!(true)));
}

#[test]
fn an_update_holds_what_changes_and_nothing_else() {
    let mut live = read_ios(&ios_profile("p")).0;
    live.insert("userAffinity".into(), Value::text("user"));
    let changes = fields(&[("department", Value::None), ("lockedEnrollment", Value::Bool(false))]);
    let body = update_ios(&changes, &live, &["Siri".into()]);
    let mut sent = json!({ "@odata.type": convert::IOS_TYPE, "supportDepartment": null, "profileRemovalDisabled": false });
    assert_eq!(Json::Object(body), sent);
    // Where nobody signs in, the service wants to hear that the profile is mandatory.
    live.insert("userAffinity".into(), Value::text("none"));
    sent["isMandatory"] = json!(true);
    assert_eq!(Json::Object(update_ios(&changes, &live, &[])), sent);
}

#[test]
fn p25_a_key_only_screen_sends_all_keys_in_agreement_with_the_booleans() {
    let live = fields(&[
        ("setupAssistant.siri", Value::text("hide")),
        ("setupAssistant.zoom", Value::text("show")),
        ("setupAssistant.privacy", Value::text("hide")),
        ("setupAssistant.appStore", Value::text("hide")),
    ]);
    let changes = fields(&[
        ("setupAssistant.intelligence", Value::text("hide")),
        ("setupAssistant.appStore", Value::text("show")),
        ("setupAssistant.passcode", Value::text("hide")),
    ]);
    let keys: Vec<String> =
        ["Zoom", "AppStore", "Privacy", "Registration", "KeyOfTheFuture"].map(String::from).to_vec();
    let body = update_ios(&changes, &live, &keys);
    assert_eq!(body["enabledSkipKeys"], json!(["Intelligence", "KeyOfTheFuture", "Passcode", "Siri"]));
    assert_eq!(body["passCodeDisabled"], json!(true));
    assert_eq!(body.len(), 3);
    // A screen with a member of its own does not touch the keys.
    let changes = fields(&[("setupAssistant.siri", Value::text("show"))]);
    let body = update_ios(&changes, &live, &keys);
    assert_eq!((body.len(), &body["siriDisabled"]), (2, &json!(false)));
}

#[test]
fn members_of_shared_ipad_travel_only_while_it_is_on() {
    let number = ("sharedIpad.maximumCachedUsers", Value::Int(4));
    let off = fields(&[("sharedIpad", Value::Bool(false)), number.clone()]);
    let body = update_ios(&off, &fields(&[("sharedIpad", Value::Bool(true))]), &[]);
    assert_eq!(body["enableSharedIPad"], json!(false));
    assert!(!body.contains_key("sharedIPadMaximumUserCount"));
    let body = update_ios(&fields(&[number]), &fields(&[("sharedIpad", Value::Bool(true))]), &[]);
    assert_eq!(body["sharedIPadMaximumUserCount"], json!(4));
    let object = json!({ "enableSharedIPad": false, "sharedIPadMaximumUserCount": 10 });
    assert_eq!(read_ios(&object).0.get("sharedIpad.maximumCachedUsers"), None);
}

#[test]
fn what_the_service_does_not_say_is_not_known() {
    let (known, keys) = read_ios(&json!({ "supervisedModeEnabled": "yes" }));
    assert!(keys.is_empty());
    // Texts alone are the same missing and null.
    assert!(known.values().all(|value| *value == Value::None), "{known:?}");
    assert_eq!(known.len(), 6);
}
