//! Bodies that are sent, held to documents by another hand: a recording brings members that no body
//! may hold.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

use super::super::convert::{self, Resolved, VppNames};
use super::super::wire::{self, Kept, Page, ProfileRecord};
use crate::model::live::{LiveProfile, ProfileKind};
use crate::model::{Fields, Platform, Value, settings};

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
            let profile = convert::profile(kept, &VppNames::default());
            assert_eq!(profile.members, original, "{name}: every member is kept");
            assert_eq!(Some(profile.id.0.as_str()), original["id"].as_str(), "{name}");
            profiles.push((name.clone(), profile));
        }
    }
    profiles
}

/// The classic profiles among them, with their platforms.
fn classic_profiles() -> Vec<(String, Platform, LiveProfile)> {
    let of = |name: &str| {
        let is = |part: &str| name.contains(part);
        match (is("-depiosenrollmentprofile-"), is("-depmacosenrollmentprofile-")) {
            (true, _) => Some(Platform::Ios),
            (_, true) => Some(Platform::Macos),
            _ => None,
        }
    };
    profiles().into_iter().filter_map(|(name, profile)| Some((name.clone(), of(&name)?, profile))).collect()
}

/// Members that the service owns, or that the other platform spells so.
fn never_sent(platform: Platform) -> [&'static str; 4] {
    let other = match platform {
        Platform::Macos => "awaitDeviceConfiguredConfirmation",
        _ => "waitForDeviceConfiguredConfirmation",
    };
    ["id", "isDefault", "configurationEndpointUrl", other]
}

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
        (_, Value::List(_)) => Value::List(vec!["QQ==".to_owned()]),
        (_, Value::None) => Value::text("other"),
    }
}

#[test]
fn every_recorded_profile_is_read_and_keeps_its_members() {
    let classic = classic_profiles();
    for (name, platform, profile) in &classic {
        assert_eq!(profile.kind, ProfileKind::Classic(*platform), "{name}");
        assert_eq!(profile.fields["displayName"].as_text(), Some("Display Name value"), "{name}");
        assert_eq!(profile.fields["setupAssistant.siri"].as_text(), Some("hide"), "{name}");
        let mode = profile.fields.get("pairing.mode").and_then(Value::as_text);
        assert_eq!(mode, (*platform == Platform::Ios).then_some("allowAll"), "{name}");
        let fields = profile.fields.keys().filter_map(|field| settings::setting(field));
        for setting in fields {
            assert!(setting.is_on(*platform), "{name}: {} is of another platform", setting.field);
        }
    }
    for (name, profile) in profiles() {
        let is_classic = classic.iter().any(|(classic, ..)| *classic == name);
        assert_eq!(profile.kind.platform().is_some(), is_classic, "{name}: not ours to manage");
        assert!(is_classic || profile.fields.is_empty(), "{name}");
    }
    for platform in Platform::CLASSIC {
        let count = classic.iter().filter(|(_, one, _)| *one == platform).count();
        assert!(count >= 4 || folder().is_none(), "{platform:?}: get, list, create and update");
    }
}

#[test]
fn a_body_holds_written_members_and_nothing_else_of_a_recording() {
    let resolved = Resolved { vpp_token: Some("9ceb2f92".to_owned()), password: None };
    for (name, platform, profile) in classic_profiles() {
        let mut members = profile.members.clone();
        members.insert("memberOfALaterVersion".into(), json!(true));
        let (fields, keys) = convert::fields_from(platform, &members, &VppNames::default());
        assert_eq!(fields, profile.fields, "{name}: an unknown member says nothing");
        let whole = convert::create_body(platform, &fields, &resolved);
        let sent: BTreeSet<&str> = whole.keys().map(String::as_str).collect();
        assert!(never_sent(platform).iter().all(|member| !sent.contains(member)), "{name}: {sent:?}");
        assert!(!sent.contains("memberOfALaterVersion"), "{name}");
        for (field, value) in &fields {
            let changes = Fields::from([(field.clone(), other(field, value))]);
            let body = convert::update_body(platform, &changes, &fields, &keys, &resolved);
            // The type and the member; the members of the sign-in matrix go together.
            let is_sign_in = matches!(field.as_ref(), "userAffinity" | "authentication");
            // So do those of a Mac's accounts, with what the service forces on beside them.
            let is_account = settings::is_account(field);
            let allowed = if is_sign_in || is_account { 7 } else { 2 };
            assert!(body.len() <= allowed, "{name} {field}: {body:?}");
            assert!(body.len() >= 2, "{name} {field}: nothing is sent");
            let strangers: Vec<&String> = body
                .keys()
                .filter(|member| {
                    never_sent(platform).contains(&member.as_str()) || !sent.contains(member.as_str())
                })
                .filter(|member| !(is_sign_in && *member == "isMandatory"))
                .filter(|member| !(is_account && *member == "waitForDeviceConfiguredConfirmation"))
                .collect();
            assert!(strangers.is_empty(), "{name} {field}: {strangers:?}");
        }
    }
}
