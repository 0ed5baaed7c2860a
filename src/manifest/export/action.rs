//! A `DeviceAction` as a document, in full: what tests write by chance and read back. PURE.
//!
//! `action new` writes a document as it was asked for, options unread, and lets the reader judge it.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::super::action::EXPIRES_AFTER;
use super::super::kinds::API_VERSION;
use super::Metadata;
use crate::model::act::{ActOptions, Expect, Obliteration};
use crate::model::clock::between;
use crate::model::desired::{DeviceAction, Where};
use crate::model::{Name, SecretRef, Serial};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    action: &'static str,
    devices: Devices<'a>,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    physically_in_hand: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accept_no_bypass_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Options::is_empty")]
    options: Options<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acknowledge: Vec<Known<'a>>,
}

#[derive(Serialize)]
struct Devices<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    serials: Vec<Serial>,
    #[serde(skip_serializing_if = "Expect::is_empty")]
    expect: &'a Expect,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    picked: Option<Picked<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Picked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    order_numbers: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_families: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_sources: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unassigned: Option<bool>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_data_plan: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<Reference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obliteration: Option<Obliteration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footnote: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a Name>,
}

impl Options<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a secret is, as documents write it.
#[derive(Default, PartialEq, Serialize)]
struct Reference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sops: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec: Option<&'a [String]>,
}

#[derive(Serialize)]
struct Known<'a> {
    rule: &'a str,
    reason: &'a str,
    until: String,
}

/// The text of a document that asks for this, without comments; read again it asks for the same. `file` is
/// where it will lie in the documents' folder: what it refers to is written relative to it. What is at its
/// default is left out. Places are not looked at.
///
/// # Errors
/// When the serializer refuses, which no value of this module makes it do.
fn document(action: &DeviceAction, file: &Path) -> Result<String, serde_saphyr::SerializeError> {
    let content = &action.content;
    let expires_after = between(content.requested_at, content.expires);
    let known = action.acknowledge.iter().map(|one| Known {
        rule: &one.rule,
        reason: &one.reason,
        until: one.until.to_string(),
    });
    let spec = Spec {
        action: content.kind.word(),
        devices: Devices {
            serials: action.devices.iter().map(|one| one.serial).collect(),
            expect: &content.expect,
            picked: action.selected.as_ref().map(picked),
        },
        requested_at: content.requested_at.to_string(),
        expires_after: (expires_after != EXPIRES_AFTER).then(|| duration(expires_after)),
        reason: content.reason.as_deref(),
        physically_in_hand: content.physically_in_hand.then_some(true),
        accept_no_bypass_code: content.accept_no_bypass_code.as_deref(),
        options: options(&content.options, file),
        acknowledge: known.collect(),
    };
    let document = Document {
        api_version: API_VERSION,
        kind: "DeviceAction",
        metadata: Metadata { name: &action.name },
        spec,
    };
    // Texts of several lines are quoted: a block scalar would not keep every kind of line end.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false, compact_list_indent: false };
    serde_saphyr::to_string_with_options(&document, options)
}

fn picked(condition: &Where) -> Picked<'_> {
    let families = condition.product_families.as_ref();
    let sources = condition.purchase_sources.as_ref();
    Picked {
        order_numbers: condition.order_numbers.as_deref(),
        models: condition.models.as_deref(),
        product_families: families.map(|all| all.iter().map(|one| one.word()).collect()),
        purchase_sources: sources.map(|all| all.iter().map(|one| one.word()).collect()),
        unassigned: condition.unassigned.then_some(true),
    }
}

fn options<'a>(options: &'a ActOptions, file: &Path) -> Options<'a> {
    let mut written = Options::default();
    match options {
        ActOptions::None => {}
        // No document carries the last one.
        ActOptions::Wipe { keep_data_plan, pin, obliteration, return_to_service: _ } => {
            written.keep_data_plan = (!keep_data_plan).then_some(false);
            written.pin = pin.as_ref().map(|pin| reference(pin, file));
            written.obliteration = *obliteration;
        }
        ActOptions::Lock { message, phone_number } => {
            written.message = message.as_deref();
            written.phone_number = phone_number.as_deref();
        }
        ActOptions::LostMode { message, phone_number, footnote } => {
            written.message = Some(message);
            written.phone_number = Some(phone_number);
            written.footnote = footnote.as_deref();
        }
        ActOptions::Rename { name } => written.name = Some(name),
        ActOptions::PlaySound { minutes } => written.minutes = *minutes,
        ActOptions::SharedIpadUser { user } => written.user = Some(user),
        ActOptions::HandOver { token, profile } => {
            written.token = Some(token);
            written.profile = Some(profile);
        }
    }
    written
}

fn reference<'a>(secret: &'a SecretRef, file: &Path) -> Reference<'a> {
    let none = Reference::default();
    match secret {
        SecretRef::Env(name) => Reference { env: Some(name), ..none },
        SecretRef::File(path) => Reference { file: Some(relative(path, file)), ..none },
        SecretRef::Sops { path, key } => {
            Reference { sops: Some(relative(path, file)), key: Some(key), ..none }
        }
        SecretRef::Exec(words) => Reference { exec: Some(words), ..none },
    }
}

/// A path of the folder as a document at `file` writes it.
fn relative(path: &Path, file: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    let parts = |path: &Path| -> Vec<PathBuf> {
        let kept = path.components().filter(|part| *part != Component::CurDir);
        kept.map(|part| PathBuf::from(part.as_os_str())).collect()
    };
    let (to, from) = (parts(path), parts(file.parent().unwrap_or(Path::new(""))));
    let shared = to.iter().zip(&from).take_while(|(to, from)| to == from).count();
    let up = from[shared..].iter().map(|_| PathBuf::from(".."));
    up.chain(to[shared..].iter().cloned()).collect()
}

/// In the largest unit that says it exactly.
fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [("d", 86_400), ("h", 3600), ("m", 60)];
    match units.into_iter().find(|(_, unit)| seconds.is_multiple_of(*unit)) {
        Some((word, unit)) => format!("{}{word}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
#[path = "action_tests.rs"]
mod tests;
