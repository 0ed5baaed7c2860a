//! Enrollment profiles under a token.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::query::{Query, context_url};
use super::reply::{Refusal, Reply};
use super::{Ask, members, validate};
use crate::model::Serial;
use crate::model::clock::after;
use crate::sim::world::{Profile, Token, World};

/// The most profiles and policies of a token (T-10).
const MOST_PROFILES: usize = 1000;

const LIST_CONTEXT: &str = "deviceManagement/depOnboardingSettings/enrollmentProfiles";
const ITEM_CONTEXT: &str = "deviceManagement/depOnboardingSettings/enrollmentProfiles/$entity";

/// A profile as it is shown.
pub(super) struct Row<'a> {
    profile: &'a Profile,
    is_default: bool,
    query: &'a Query,
    prefix: &'static str,
    ecv2: bool,
}

impl<'a> Row<'a> {
    pub(super) fn new(token: &Token, profile: &'a Profile, ask: &'a Ask<'_>) -> Self {
        let is_default = token.defaults.values().any(|birth| *birth == profile.birth);
        Self {
            profile,
            is_default: is_default && !profile.mirrored,
            query: &ask.query,
            prefix: "",
            ecv2: ask.ways.ecv2,
        }
    }

    /// As a token's default: the id of a mirrored policy has a prefix there (reference section 3.1),
    /// and some reads put it before any.
    pub(super) fn shown_as_default(mut self) -> Self {
        if (self.ecv2 || self.profile.mirrored) && !self.profile.id.starts_with("ECV2_") {
            self.prefix = "ECV2_";
        }
        self
    }

    /// The row as a value.
    pub(super) fn to_members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("@odata.type", &format_args!("#microsoft.graph.{}", self.profile.kind))?;
        if self.query.wants("id") {
            map.serialize_entry("id", &format_args!("{}{}", self.prefix, self.profile.id))?;
        }
        for (name, value) in self.profile.members.iter().filter(|(name, _)| self.query.wants(name)) {
            map.serialize_entry(name, value)?;
        }
        if members::has_is_default(&self.profile.kind) && self.query.wants("isDefault") {
            map.serialize_entry("isDefault", &self.is_default)?;
        }
        map.end()
    }
}

/// GET the list.
pub(super) fn list(world: &World, token: &Token, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    check_list_select(&ask.query)?;
    ask.query.check_expand("enrollmentProfile", &[])?;
    let first = u32::try_from(ask.query.first_key(ask.ways.duplicate_rows)).unwrap_or(u32::MAX);
    let now = world.now;
    let rows = token.profiles.range(first..).filter(|(_, profile)| profile.listed_from <= now);
    let rows = rows.map(|(birth, profile)| (u64::from(*birth), Row::new(token, profile, ask)));
    Ok(ask.query.answer(&ask.url(), LIST_CONTEXT, ask.page_size, rows))
}

/// Members of any type may be selected from a list that mixes types.
fn check_list_select(query: &Query) -> Result<(), Refusal> {
    query.check_select("enrollmentProfile", |name| {
        ["id", "isDefault"].contains(&name)
            || members::shape("depIOSEnrollmentProfile", name).is_some()
            || members::shape("depMacOSEnrollmentProfile", name).is_some()
            || members::shape("depEnrollmentProfile", name).is_some()
    })
}

/// Refuses a `$select` of members that this profile does not have.
pub(super) fn check_select(profile: &Profile, query: &Query) -> Result<(), Refusal> {
    query.check_expand(&profile.kind, &[])?;
    query.check_select(&profile.kind, |name| {
        ["id", "isDefault"].contains(&name) || profile.members.contains_key(name)
    })
}

/// GET one.
pub(super) fn get(world: &World, token: &Token, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let profile = find(world, token, id)?;
    check_select(profile, &ask.query)?;
    Ok(shown(200, token, profile, ask))
}

fn shown(status: u16, token: &Token, profile: &Profile, ask: &Ask<'_>) -> Reply {
    let mut members = Row::new(token, profile, ask).to_members();
    members.insert("@odata.context".to_owned(), json!(context_url(ITEM_CONTEXT)));
    Reply::json(status, &members)
}

/// The profile, once it is visible.
fn find<'a>(world: &World, token: &'a Token, id: &str) -> Result<&'a Profile, Refusal> {
    token
        .profile(id)
        .filter(|profile| profile.found_from <= world.now)
        .ok_or_else(|| Refusal::not_found("Profile not found"))
}

/// POST a new one.
pub(super) fn create(
    world: &mut World,
    tenant: usize,
    token: usize,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let (kind, mut written) = validate::read(ask.body)?;
    let password = members::take_password(&mut written).flatten();
    let mut whole = written.clone();
    drop_skip_keys(&mut whole, ask);
    members::force_await(&kind, &mut whole, password.is_some());
    members::complete(&kind, &mut whole);
    validate::check(&kind, &written, None, &whole)?;
    validate::check_vpp_token(&written, &world.tenants[tenant].vpp_tokens)?;
    if world.tenants[tenant].tokens[token].profiles.len() >= MOST_PROFILES {
        return Err(Refusal::told("The token has 1000 profiles and cannot have more."));
    }
    let birth = world.next_birth();
    let token_id = world.tenants[tenant].tokens[token].id.clone();
    let id = format!("{token_id}_{}", world.derive_id(&format!("profile/{birth}")));
    let (found, listed) = ask.ways.late.unwrap_or((0, 0));
    let in_seconds = |seconds: u32| after(world.now, Duration::from_secs(u64::from(seconds)));
    let mut profile = Profile {
        id,
        birth,
        kind,
        mirrored: false,
        members: whole,
        admin_password: None,
        found_from: in_seconds(found.max(listed)),
        listed_from: in_seconds(listed),
    };
    if password.is_some() {
        profile.set_admin_password(password.as_deref());
        *world.history.passwords_set.entry(profile.id.clone()).or_default() += 1;
    }
    let name = profile.display_name().to_owned();
    *world.history.profiles_created.entry(token_id).or_default().entry(name).or_default() += 1;
    let here = &mut world.tenants[tenant].tokens[token];
    here.profiles.insert(birth, profile);
    Ok(shown(201, here, &here.profiles[&birth], ask))
}

/// Forgets the written keys, if the service shall; those of booleans are derived anew.
fn drop_skip_keys(whole: &mut Map<String, Value>, ask: &Ask<'_>) {
    if ask.ways.drop_skip_keys {
        whole.remove("enabledSkipKeys");
    }
}

/// PATCH one: members that are not written stay.
pub(super) fn patch(
    world: &mut World,
    tenant: usize,
    token: usize,
    id: &str,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let profile = find(world, &world.tenants[tenant].tokens[token], id)?;
    not_mirrored(profile)?;
    let (kind, mut written) = validate::read(ask.body)?;
    if kind != profile.kind {
        return Err(Refusal::told(format!("The profile is of type '{}'.", profile.kind)));
    }
    let password = members::take_password(&mut written);
    let has_password = password.as_ref().map_or(profile.admin_password.is_some(), Option::is_some);
    let mut whole = profile.members.clone();
    whole.extend(written.clone());
    drop_skip_keys(&mut whole, ask);
    members::force_await(&kind, &mut whole, has_password);
    members::complete(&kind, &mut whole);
    validate::check(&kind, &written, Some(&profile.members), &whole)?;
    validate::check_vpp_token(&written, &world.tenants[tenant].vpp_tokens)?;
    if ask.ways.reset_accounts {
        members::reset_accounts(&kind, &mut whole);
    }
    let (birth, id) = (profile.birth, profile.id.clone());
    if password.as_ref().is_some_and(Option::is_some) {
        *world.history.passwords_set.entry(id.clone()).or_default() += 1;
    }
    *world.history.profiles_updated.entry(id).or_default() += 1;
    let here = &mut world.tenants[tenant].tokens[token];
    if let Some(profile) = here.profiles.get_mut(&birth) {
        profile.members = whole;
        match password {
            _ if ask.ways.reset_accounts => profile.set_admin_password(None),
            Some(password) => profile.set_admin_password(password.as_deref()),
            None => {}
        }
    }
    if ask.ways.patch_204 {
        return Ok(Reply::no_content());
    }
    Ok(shown(200, here, &here.profiles[&birth], ask))
}

/// DELETE one: refused while a device has it as its requested profile, and for the default.
///
/// A default cannot be unset, so the last profile of its platform on a token without devices
/// goes although it is the default: else no token could ever be deleted (T-9).
pub(super) fn delete(world: &mut World, tenant: usize, token: usize, id: &str) -> Result<Reply, Refusal> {
    let here = &world.tenants[tenant].tokens[token];
    let profile = find(world, here, id)?;
    not_mirrored(profile)?;
    let devices = here.devices.iter().filter(|d| d.profile == profile.birth && !d.released).count();
    if devices > 0 {
        return Err(Refusal::told(format!(
            "The profile cannot be deleted: it is assigned to {devices} devices."
        )));
    }
    let is_default = here.defaults.values().any(|birth| *birth == profile.birth);
    let others = here.profiles.values().filter(|p| p.platform() == profile.platform()).count() > 1;
    if is_default && (others || here.live_devices() > 0) {
        return Err(Refusal::told("The profile cannot be deleted: it is the default profile."));
    }
    let (birth, name, token_id) = (profile.birth, profile.display_name().to_owned(), here.id.clone());
    let here = &mut world.tenants[tenant].tokens[token];
    here.remove_profile(birth);
    *world.history.profiles_deleted.entry(token_id).or_default().entry(name).or_default() += 1;
    Ok(Reply::no_content())
}

fn not_mirrored(profile: &Profile) -> Result<(), Refusal> {
    if profile.mirrored {
        return Err(Refusal::told("The profile mirrors an enrollment policy; change the policy."));
    }
    Ok(())
}

/// POST `setDefaultProfile`.
pub(super) fn set_default(
    world: &mut World,
    tenant: usize,
    token: usize,
    id: &str,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    if !ask.body.is_empty()
        && serde_json::from_slice::<Map<String, Value>>(ask.body).is_ok_and(|m| !m.is_empty())
    {
        return Err(Refusal::bad_request("The action 'setDefaultProfile' takes no parameters."));
    }
    let profile = find(world, &world.tenants[tenant].tokens[token], id)?;
    let Some(platform) = profile.platform() else {
        return Err(Refusal::told("A profile of this type cannot be the default."));
    };
    let birth = profile.birth;
    let here = &mut world.tenants[tenant].tokens[token];
    here.defaults.insert(platform, birth);
    let token_id = here.id.clone();
    *world.history.defaults_set.entry(token_id).or_default() += 1;
    Ok(Reply::no_content())
}

/// POST `updateDeviceProfileAssignment`: `deviceIds` are serials; those that the token does not
/// have are ignored without a word (quirk 1, section 3.2).
pub(super) fn assign(
    world: &mut World,
    tenant: usize,
    token: usize,
    id: &str,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let invalid = || Refusal::bad_request("Invalid ODataActionParameter 'deviceIds'");
    let Ok(Value::Object(mut written)) = serde_json::from_slice::<Value>(ask.body) else {
        return Err(Refusal::bad_request("Unable to read JSON request payload."));
    };
    let Some(Value::Array(serials)) = written.remove("deviceIds") else { return Err(invalid()) };
    if let Some(name) = written.keys().next() {
        return Err(Refusal::bad_request(format!(
            "The parameter '{name}' in the request payload is not a valid parameter for the operation \
             'updateDeviceProfileAssignment'."
        )));
    }
    let serials: Option<Vec<&str>> = serials.iter().map(Value::as_str).collect();
    let Some(serials) = serials else { return Err(invalid()) };
    let birth = find(world, &world.tenants[tenant].tokens[token], id)?.birth;
    let now = world.now.as_second();
    for serial in serials.into_iter().filter_map(Serial::new) {
        let device = world.tenants[tenant].tokens[token].device_mut(&serial);
        if let Some(device) = device.filter(|device| !device.released) {
            device.profile = birth;
            device.assigned = now;
            *world.history.assignments.entry(serial).or_default() += 1;
        }
    }
    Ok(Reply::no_content())
}
