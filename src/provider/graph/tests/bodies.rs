//! Bodies that are sent, held to documents by another hand: a recording brings members that no body
//! may hold.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

use super::super::convert;
use super::super::wire::{self, Kept, Page, ProfileRecord};
use crate::model::live::{LiveProfile, ProfileKind};
use crate::model::{Fields, Value};

/// The recorded documents; `None` without contracts, said on stderr.
fn folder() -> Option<PathBuf> {
    let contracts = std::env::var_os("ESPALIER_CONTRACTS").filter(|folder| !folder.is_empty());
    if contracts.is_none() {
        let required = std::env::var("ESPALIER_REQUIRE_REAL").is_ok_and(|value| value == "1");
        assert!(!required, "ESPALIER_CONTRACTS is not set");
        eprintln!("skipped: ESPALIER_CONTRACTS is not set");
    }
    contracts.map(|contracts| PathBuf::from(contracts).join("recorded/graph"))
}

/// The documents whose name holds all of `parts`, at least one.
fn documents(parts: &[&str]) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = folder() else { return Vec::new() };
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| parts.iter().all(|part| name.contains(part)))
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no document is called {parts:?}");
    found
}

/// The objects of a document as they stand there: a list's items, a single one wrapped or bare.
fn objects(body: &[u8]) -> Vec<Map<String, Json>> {
    let document: Map<String, Json> = serde_json::from_slice(body).unwrap();
    match document.get("value") {
        Some(Json::Array(items)) => items.iter().map(|item| item.as_object().unwrap().clone()).collect(),
        Some(Json::Object(inner)) => vec![inner.clone()],
        _ => vec![document],
    }
}

/// The objects of a document as the adapter reads them.
fn read<T: serde::de::DeserializeOwned>(name: &str, body: &[u8]) -> Vec<Kept<T>> {
    let read = match name.contains("-list.") {
        true => serde_json::from_slice::<Page<Kept<T>>>(body).map(|page| page.value),
        false => wire::read_one(body).map(|one| vec![one]),
    };
    read.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn profiles() -> Vec<(String, LiveProfile)> {
    let mut profiles = Vec::new();
    for (name, body) in documents(&["profile-", "intune-enrollment-", ".response."]) {
        if name.contains("exportmobileconfig") {
            continue;
        }
        let originals = objects(&body);
        let kept = read::<ProfileRecord>(&name, &body);
        assert_eq!(kept.len(), originals.len(), "{name}");
        for (kept, original) in kept.into_iter().zip(originals) {
            let profile = convert::profile(kept);
            assert_eq!(profile.members, original, "{name}: every member is kept");
            assert_eq!(Some(profile.id.0.as_str()), original["id"].as_str(), "{name}");
            profiles.push((name.clone(), profile));
        }
    }
    profiles
}

fn ios_profiles() -> Vec<(String, LiveProfile)> {
    let mut ios = profiles();
    ios.retain(|(name, _)| name.contains("-depiosenrollmentprofile-"));
    ios
}

/// Members that the service owns or that this version does not carry.
const NEVER_SENT: [&str; 7] = [
    "id",
    "isDefault",
    "configurationEndpointUrl",
    "companyPortalVppTokenId",
    "enableSingleAppEnrollmentMode",
    "carrierActivationUrl",
    "waitForDeviceConfiguredConfirmation",
];

/// Another value of the same kind.
fn other(field: &str, value: &Value) -> Value {
    match (field, value) {
        ("userAffinity", Value::Text(word)) => Value::text(if word == "none" { "user" } else { "none" }),
        ("authentication", _) => Value::text("companyPortal"),
        ("pairing.mode", Value::Text(word)) => {
            Value::text(if word == "denyAll" { "allowAll" } else { "denyAll" })
        }
        (field, Value::Text(word)) if field.starts_with("setupAssistant.") => {
            Value::text(if word == "hide" { "show" } else { "hide" })
        }
        (_, Value::Text(text)) => Value::Text(format!("{text} 2")),
        (_, Value::Bool(value)) => Value::Bool(!value),
        (_, Value::Int(number)) => Value::Int(number + 1),
        (_, Value::List(_) | Value::None) => Value::List(vec!["QQ==".to_owned()]),
    }
}

#[test]
fn every_recorded_profile_is_read_and_keeps_its_members() {
    let ios = ios_profiles();
    for (name, profile) in &ios {
        assert_eq!(profile.kind, ProfileKind::Ios, "{name}");
        assert_eq!(profile.fields["displayName"].as_text(), Some("Display Name value"), "{name}");
        assert_eq!(profile.fields["setupAssistant.siri"].as_text(), Some("hide"), "{name}");
        assert_eq!(profile.fields["pairing.mode"].as_text(), Some("allowAll"), "{name}");
    }
    for (name, profile) in profiles().iter().filter(|(name, _)| !name.contains("-depiosenrollmentprofile-")) {
        assert_ne!(profile.kind, ProfileKind::Ios, "{name}: not ours to manage");
        assert!(profile.fields.is_empty(), "{name}");
    }
    assert!(ios.len() >= 4 || folder().is_none(), "get, list, create and update");
}

#[test]
fn a_body_holds_written_members_and_nothing_else_of_a_recording() {
    for (name, profile) in ios_profiles() {
        let mut members = profile.members.clone();
        members.insert("memberOfALaterVersion".into(), json!(true));
        let (fields, keys) = convert::fields_from(&members);
        assert_eq!(fields, profile.fields, "{name}: an unknown member says nothing");
        let whole = convert::create_body(&fields);
        let sent: BTreeSet<&str> = whole.keys().map(String::as_str).collect();
        assert!(NEVER_SENT.iter().all(|member| !sent.contains(member)), "{name}: {sent:?}");
        assert!(!sent.contains("memberOfALaterVersion"), "{name}");
        for (field, value) in &fields {
            let changes = Fields::from([(field.clone(), other(field, value))]);
            let body = convert::update_body(&changes, &fields, &keys);
            // The type and the member; the members of the sign-in matrix go together.
            let is_sign_in = matches!(field.as_ref(), "userAffinity" | "authentication");
            let allowed = if is_sign_in { 7 } else { 2 };
            assert!(body.len() <= allowed, "{name} {field}: {body:?}");
            assert!(body.len() >= 2, "{name} {field}: nothing is sent");
            let strangers: Vec<&String> = body
                .keys()
                .filter(|member| NEVER_SENT.contains(&member.as_str()) || !sent.contains(member.as_str()))
                .filter(|member| !(is_sign_in && *member == "isMandatory"))
                .collect();
            assert!(strangers.is_empty(), "{name} {field}: {strangers:?}");
        }
    }
}
