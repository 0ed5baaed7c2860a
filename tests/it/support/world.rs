//! A simulator's world as scenarios compare it: by names, without ids, times and counters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// What a world holds, per token by its name: profiles with all members, defaults, scope tags, and
/// which device has which profile. Two worlds with the same state are equal, however they got there.
///
/// # Panics
///
/// Where the text is no world.
pub fn state_of(world: &Value) -> BTreeMap<String, Value> {
    let mut tokens = BTreeMap::new();
    for tenant in list(&world["tenants"]) {
        let tag_name = |id: &Value| {
            let tag = list(&tenant["scopeTags"]).iter().find(|tag| tag["id"] == *id);
            text(&tag.unwrap_or_else(|| panic!("scope tag {id} is there"))["displayName"]).to_owned()
        };
        for token in list(&tenant["tokens"]) {
            let tags: BTreeSet<String> = list(&token["scopeTagIds"]).iter().map(tag_name).collect();
            let defaults: BTreeMap<&str, String> = members(&token["defaults"])
                .map(|(platform, birth)| (platform, profile_name(token, birth)))
                .collect();
            let mut profiles: Vec<Value> = members(&token["profiles"])
                .map(|(_, profile)| json!([profile["kind"], profile["mirrored"], profile["members"]]))
                .collect();
            profiles.sort_by_key(Value::to_string);
            let devices: BTreeMap<&str, String> = list(&token["devices"])
                .iter()
                .map(|device| (text(&device["serial"]), profile_name(token, &device["profile"])))
                .collect();
            let state = json!({
                "scopeTags": tags, "defaults": defaults, "profiles": profiles, "devices": devices,
                "atApple": token["atApple"],
            });
            let twin = tokens.insert(text(&token["name"]).to_owned(), state);
            assert!(twin.is_none(), "two tokens named {}", token["name"]);
        }
    }
    tokens
}

/// How often a profile of each name was created (`profilesCreated`) or deleted
/// (`profilesDeleted`), over all tokens.
pub fn counted(world: &Value, counter: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (_, names) in members(&world["history"][counter]) {
        for (name, count) in members(names) {
            *counts.entry(name.to_owned()).or_default() += count.as_u64().expect("a count");
        }
    }
    counts
}

/// How many profiles all tokens have.
pub fn profiles(world: &Value) -> usize {
    tokens(world).map(|token| members(&token["profiles"]).count()).sum()
}

/// How many devices have a profile.
pub fn assigned(world: &Value) -> usize {
    let devices = tokens(world).flat_map(|token| list(&token["devices"]));
    devices.filter(|device| device["profile"].as_u64().is_some_and(|birth| birth > 0)).count()
}

fn tokens(world: &Value) -> impl Iterator<Item = &Value> {
    list(&world["tenants"]).iter().flat_map(|tenant| list(&tenant["tokens"]))
}

/// The name of the profile that was born with this number; empty for none.
fn profile_name(token: &Value, birth: &Value) -> String {
    match birth.as_u64() {
        None | Some(0) => String::new(),
        Some(birth) => {
            let profile = &token["profiles"][birth.to_string()];
            profile["members"]["displayName"].as_str().unwrap_or("(gone)").to_owned()
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text instead of {value}"))
}
