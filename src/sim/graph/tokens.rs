//! Enrollment tokens (`depOnboardingSetting`) and role scope tags.

use serde_json::{Map, Value, json};

use super::query::{Query, context_url};
use super::reply::{Refusal, Reply};
use super::route::{DEFAULTS, default_platform};
use super::{Ask, profiles};
use crate::sim::world::{Platform, ScopeTag, Tenant, Token, World};

const MEMBERS: &[&str] = &[
    "id",
    "appleIdentifier",
    "tokenName",
    "tokenType",
    "tokenExpirationDateTime",
    "lastModifiedDateTime",
    "lastSyncTriggeredDateTime",
    "lastSuccessfulSyncDateTime",
    "lastSyncErrorCode",
    "syncedDeviceCount",
    "dataSharingConsentGranted",
    "shareTokenWithSchoolDataSyncService",
    "roleScopeTagIds",
];

/// GET the list.
pub(super) fn list(tenant: &Tenant, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check(&ask.query)?;
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    let rows = tenant.tokens.iter().enumerate().skip(first as usize);
    let rows = rows.map(|(at, token)| (at as u64, row(token, ask)));
    Ok(ask.query.answer(&ask.url(), "deviceManagement/depOnboardingSettings", ask.page_size, rows))
}

/// GET one.
pub(super) fn get(token: &Token, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check(&ask.query)?;
    Ok(single(row(token, ask), "deviceManagement/depOnboardingSettings/$entity"))
}

/// GET the default profile of a platform.
pub(super) fn default(token: &Token, platform: Platform, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let profile = token.defaults.get(&platform).and_then(|birth| token.profiles.get(birth));
    let Some(profile) = profile else {
        return Err(Refusal::not_found("There is no default profile."));
    };
    profiles::check_select(profile, &ask.query)?;
    let row = profiles::Row::new(token, profile, ask).shown_as_default();
    Ok(single(row.to_members(), "deviceManagement/depOnboardingSettings/$entity"))
}

/// PATCH name and scope tags.
pub(super) fn patch(world: &mut World, tenant: usize, token: usize, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let Ok(Value::Object(written)) = serde_json::from_slice::<Value>(ask.body) else {
        return Err(Refusal::bad_request("Unable to read JSON request payload."));
    };
    let mut name = None;
    let mut tags = None;
    for (member, value) in written {
        match (member.as_str(), value) {
            ("@odata.type", Value::String(kind))
                if super::members::bare_type(&kind) == "depOnboardingSetting" => {}
            ("tokenName", Value::String(text)) if !text.trim().is_empty() => name = Some(text),
            ("roleScopeTagIds", Value::Array(ids)) => {
                tags = Some(known_tags(&world.tenants[tenant].scope_tags, &ids)?);
            }
            ("tokenName" | "roleScopeTagIds" | "@odata.type", _) => {
                return Err(Refusal::bad_request(format!("The value of property '{member}' is invalid.")));
            }
            (member, _) if MEMBERS.contains(&member) => {
                return Err(Refusal::told(format!("The property '{member}' is read-only.")));
            }
            _ => {
                return Err(Refusal::bad_request(format!(
                    "The property '{member}' does not exist on type 'microsoft.graph.depOnboardingSetting'."
                )));
            }
        }
    }
    let now = world.now;
    let here = &mut world.tenants[tenant].tokens[token];
    if let Some(name) = name {
        here.name = name;
    }
    if let Some(tags) = tags {
        here.scope_tag_ids = tags;
    }
    here.modified = now;
    let id = here.id.clone();
    *world.history.tokens_updated.entry(id).or_default() += 1;
    if ask.ways.patch_204 {
        return Ok(Reply::no_content());
    }
    let members = row(&world.tenants[tenant].tokens[token], ask);
    Ok(single(members, "deviceManagement/depOnboardingSettings/$entity"))
}

fn known_tags(tags: &[ScopeTag], ids: &[Value]) -> Result<Vec<String>, Refusal> {
    let known = |id: &Value| tags.iter().find(|tag| Some(tag.id.as_str()) == id.as_str());
    ids.iter()
        .map(|id| known(id).map(|tag| tag.id.clone()))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Refusal::told("RoleScopeTagIds names a scope tag that does not exist."))
}

/// DELETE one: refused while anything remains under it (T-9).
pub(super) fn delete(world: &mut World, tenant: usize, token: usize) -> Result<Reply, Refusal> {
    let here = &world.tenants[tenant].tokens[token];
    let devices = here.live_devices();
    if devices > 0 {
        return Err(Refusal::told(format!("The token cannot be deleted: it has {devices} devices.")));
    }
    if !here.defaults.is_empty() {
        return Err(Refusal::told("The token cannot be deleted: it has a default enrollment profile."));
    }
    if !here.profiles.is_empty() {
        let count = here.profiles.len();
        return Err(Refusal::told(format!("The token cannot be deleted: it has {count} profiles.")));
    }
    let gone = world.tenants[tenant].tokens.remove(token);
    let names = &mut world.tenants[tenant].deleted_tokens;
    names.extend(gone.known_as);
    names.extend([gone.name, gone.id.clone()]);
    world.history.tokens_deleted.push(gone.id);
    Ok(Reply::no_content())
}

/// POST a sync.
pub(super) fn sync(world: &mut World, tenant: usize, token: usize) -> Result<Reply, Refusal> {
    let now = world.now;
    let here = &mut world.tenants[tenant].tokens[token];
    if !here.may_sync(now) {
        return Err(Refusal::told(
            "A sync was requested less than 15 minutes ago. Wait before requesting another one.",
        ));
    }
    here.begin_sync(now);
    let id = here.id.clone();
    *world.history.syncs.entry(id).or_default() += 1;
    Ok(Reply::no_content())
}

/// GET scope tags.
pub(super) fn scope_tags(tenant: &Tenant, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check_tag_query(&ask.query)?;
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    // The numbers ascend: a new tag gets the next one.
    let key = |tag: &ScopeTag| tag.id.parse::<u64>().unwrap_or(0);
    let rows = tenant.scope_tags.iter().filter(|tag| key(tag) >= first);
    let rows = rows.map(|tag| (key(tag), tag_row(tag, &ask.query)));
    Ok(ask.query.answer(&ask.url(), "deviceManagement/roleScopeTags", ask.page_size, rows))
}

/// GET one scope tag.
pub(super) fn scope_tag(tenant: &Tenant, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check_tag_query(&ask.query)?;
    let tag = tenant.scope_tags.iter().find(|tag| tag.id == id);
    let tag = tag.ok_or_else(|| Refusal::not_found(format!("The scope tag {id} was not found.")))?;
    Ok(single(tag_row(tag, &ask.query), "deviceManagement/roleScopeTags/$entity"))
}

fn check_tag_query(query: &Query) -> Result<(), Refusal> {
    let known = ["id", "displayName", "description", "isBuiltIn"];
    query.check_select("roleScopeTag", |name| known.contains(&name))?;
    query.check_expand("roleScopeTag", &["assignments"])
}

fn tag_row(tag: &ScopeTag, query: &Query) -> Map<String, Value> {
    let all = [
        ("id", json!(tag.id)),
        ("displayName", json!(tag.display_name)),
        ("description", json!("")),
        ("isBuiltIn", json!(tag.is_built_in)),
    ];
    all.into_iter()
        .filter(|(name, _)| query.wants(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn check(query: &Query) -> Result<(), Refusal> {
    query.check_select("depOnboardingSetting", |name| {
        MEMBERS.contains(&name) || default_platform(name).is_some()
    })?;
    query.check_expand("depOnboardingSetting", &DEFAULTS.map(|(name, _)| name))
}

/// The token as JSON, default profiles in it where they are asked for. A platform without a
/// default has no such member.
fn row(token: &Token, ask: &Ask<'_>) -> Map<String, Value> {
    let all = [
        ("id", json!(token.id)),
        ("appleIdentifier", json!(token.apple_identifier)),
        ("tokenName", json!(token.name)),
        ("tokenType", json!(token.token_type)),
        ("tokenExpirationDateTime", json!(token.expires)),
        ("lastModifiedDateTime", json!(token.modified)),
        ("lastSyncTriggeredDateTime", json!(token.sync.triggered)),
        ("lastSuccessfulSyncDateTime", json!(token.sync.succeeded)),
        ("lastSyncErrorCode", json!(token.sync.error_code)),
        ("syncedDeviceCount", json!(token.devices.len())),
        ("dataSharingConsentGranted", json!(true)),
        ("shareTokenWithSchoolDataSyncService", json!(false)),
        ("roleScopeTagIds", json!(token.scope_tag_ids)),
    ];
    let mut members: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| ask.query.wants(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for (name, platform) in DEFAULTS {
        let profile = token.defaults.get(&platform).and_then(|birth| token.profiles.get(birth));
        if let Some(profile) = profile.filter(|_| ask.query.expand.iter().any(|wish| wish == name)) {
            let plain = Ask { query: Query::default(), ..*ask };
            let row = profiles::Row::new(token, profile, &plain).shown_as_default();
            members.insert(name.to_owned(), Value::Object(row.to_members()));
        }
    }
    members
}

/// A single object with its context.
pub(super) fn single(mut members: Map<String, Value>, context: &str) -> Reply {
    members.insert("@odata.context".to_owned(), json!(context_url(context)));
    Reply::json(200, &members)
}
