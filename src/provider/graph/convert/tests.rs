//! `enabledSkipKeys`: sent whole, and only when a screen changes that nothing else carries.

use serde_json::json;

use super::screens::{SKIP_KEYS, field_of, skip_keys};
use super::*;

const IOS: Platform = Platform::Ios;

fn plain() -> Resolved {
    Resolved::default()
}

fn screens(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(screen, word)| (field_of(screen), Value::text(*word))).collect()
}

fn keys(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn sent(changes: &[(&str, &str)], live: &[(&str, &str)], live_keys: &[&str]) -> Option<Json> {
    update_body(IOS, &screens(changes), &screens(live), &keys(live_keys), &plain()).remove(SKIP_KEYS)
}

#[test]
fn p25_a_screen_with_a_boolean_leaves_the_keys_alone() {
    assert_eq!(sent(&[("siri", "hide")], &[("intelligence", "hide")], &["Intelligence"]), None);
}

#[test]
fn p25_the_keys_are_sent_whole_with_those_nobody_knows() {
    let live = [("keyboard", "hide"), ("siri", "hide"), ("passcode", "show"), ("intelligence", "show")];
    let live_keys = ["Keyboard", "Siri", "Future"];
    let all = sent(&[("intelligence", "hide")], &live, &live_keys);
    assert_eq!(all, Some(json!(["Future", "Intelligence", "Keyboard", "Siri"])));
    assert_eq!(sent(&[("keyboard", "show")], &live, &live_keys), Some(json!(["Future", "Siri"])));
    // What changes in the same request is in the keys already.
    let changes = [("keyboard", "show"), ("siri", "show"), ("passcode", "hide")];
    assert_eq!(sent(&changes, &live, &live_keys), Some(json!(["Future", "Passcode"])));
}

#[test]
fn p25_keys_that_the_service_refuses_are_not_sent_back() {
    let live = [("privacy", "hide"), ("intelligence", "show")];
    assert_eq!(sent(&[("intelligence", "hide")], &live, &["Privacy"]), Some(json!(["Intelligence"])));
    let body = create_body(IOS, &screens(&[("privacy", "hide"), ("keyboard", "hide")]), &plain());
    assert_eq!(body[SKIP_KEYS], json!(["Keyboard"]));
    assert_eq!(body["privacyPaneDisabled"], json!(true));
}

#[test]
fn p25_a_create_without_key_only_screens_leaves_the_keys_to_the_service() {
    assert!(!create_body(IOS, &screens(&[("siri", "hide")]), &plain()).contains_key(SKIP_KEYS));
}

#[test]
fn p25_what_is_read_is_not_a_change() {
    let members = json!({ "siriDisabled": true, "passCodeDisabled": false, "enabledSkipKeys": ["Siri", "Keyboard", "Future"] });
    let (fields, keys) = fields_from(IOS, members.as_object().unwrap(), &VppNames::default());
    let word = |screen: &str| fields.get(&field_of(screen)).and_then(Value::as_text).unwrap_or("unknown");
    let words = ["siri", "passcode", "keyboard", "intelligence", "zoom"].map(word);
    assert_eq!(words, ["hide", "show", "hide", "show", "unknown"]);
    assert_eq!(keys, ["Siri", "Keyboard", "Future"]);
    assert_eq!(skip_keys(IOS, &fields, &Fields::new(), &keys), ["Future", "Keyboard", "Siri"]);
}
