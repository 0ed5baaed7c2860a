//! The example documents of Microsoft's own pages: read without an error, no member lost.

use serde::de::DeserializeOwned;

use super::wire::{Kept, PageRead, ProfileRecord, ScopeTagRecord, TokenRecord, read_devices_page, read_one};
use super::*;
use crate::model::Platform;
use crate::model::live::{DevicesBuilder, ProfileKind};

/// Every recorded answer of a resource: its name and text.
fn documents(resource: &str) -> Vec<(String, String)> {
    let Some(contracts) = contracts() else { return Vec::new() };
    let folder = contracts.join("recorded/graph");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let answers =
            ["-get", "-list", "-create", "-update"].map(|end| format!("-{resource}{end}.response.json"));
        if answers.iter().any(|end| name.ends_with(end)) {
            found.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "no document of {resource} in {}", folder.display());
    found
}

/// The objects of a document as they stand in it.
fn objects(text: &str) -> Vec<Json> {
    let mut document: Json = serde_json::from_str(text).unwrap();
    match document.get_mut("value").map(Json::take) {
        Some(Json::Array(items)) => items,
        Some(item) => vec![item],
        None => vec![document],
    }
}

fn kept<T: DeserializeOwned>(name: &str, text: &str) -> Vec<Kept<T>> {
    if name.ends_with("-list.response.json") {
        serde_json::from_str::<wire::Page<Kept<T>>>(text).unwrap().value
    } else {
        vec![read_one(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"))]
    }
}

fn each<T: DeserializeOwned>(resource: &str, mut check: impl FnMut(&str, Kept<T>)) {
    for (name, text) in documents(resource) {
        let (read, stands) = (kept::<T>(&name, &text), objects(&text));
        assert_eq!(read.len(), stands.len(), "{name}");
        for (read, stands) in read.into_iter().zip(stands) {
            assert_eq!(serde_json::to_value(&read).unwrap(), stands, "{name}");
            check(&name, read);
        }
    }
}

#[test]
fn tokens_are_read_and_kept() {
    each::<TokenRecord>("deponboardingsetting", |name, kept| {
        let token = convert::token(kept).unwrap();
        assert!(token.expires.is_some() && token.last_sync_triggered.is_some(), "{name}");
        assert_eq!(token.last_sync_error, 1, "{name}");
    });
}

#[test]
fn profiles_are_read_and_kept() {
    for (resource, kind) in [
        ("depiosenrollmentprofile", Some(ProfileKind::Classic(Platform::Ios))),
        ("depmacosenrollmentprofile", Some(ProfileKind::Classic(Platform::Macos))),
        ("depenrollmentbaseprofile", None),
        ("depenrollmentprofile", None),
        ("enrollmentprofile", None),
    ] {
        each::<ProfileRecord>(resource, |name, kept| {
            let members = kept.members.clone();
            let profile = convert::profile(kept, &convert::VppNames::default());
            assert_eq!(profile.members, members, "{name}");
            match &kind {
                Some(kind) => assert_eq!(&profile.kind, kind, "{name}"),
                None => assert!(matches!(profile.kind, ProfileKind::Other(_)), "{name}: {:?}", profile.kind),
            }
        });
    }
}

#[test]
fn scope_tags_are_read_and_kept() {
    each::<ScopeTagRecord>("rolescopetag", |name, kept| {
        assert!(!convert::scope_tag(kept).name.is_empty(), "{name}");
    });
}

/// Device identities are read leanly and never written back: the same bytes go through the reader of
/// pages without an error.
#[test]
fn device_identities_are_read() {
    for (name, text) in documents("importedappledeviceidentity") {
        let page = json!({ "value": objects(&text) }).to_string();
        let mut rows = DevicesBuilder::default();
        let read = read_devices_page(page.as_bytes(), &mut rows, |_| {}).unwrap();
        assert_eq!(read, PageRead { rows: 1, count: None }, "{name}");
        // The placeholder is no serial number: counted, never matched.
        assert_eq!(rows.after_last_page().without_serial, 1, "{name}");
    }
}
