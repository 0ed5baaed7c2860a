//! Reading back: what the service's own lists say of a step. PURE.

use crate::apply::ItemCounts;
use crate::diag::words::{count, form};
use crate::diff;
use crate::model::live::{LiveDevice, LiveProfile, LiveTenant, Unknown};
use crate::model::{FieldName, Fields, Platform, ProfileId, Value, screens, settings};
use crate::plan::before;
use crate::plan::{Action, Step};

/// Which lists show the result of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub tokens: bool,
    pub profiles: bool,
    pub devices: bool,
    pub account_driven_url: bool,
}

/// Which lists show the result of an action.
pub(super) fn lists_of(action: &Action) -> Lists {
    let (tokens, profiles, devices) = match action {
        Action::UpdateToken { .. } | Action::DeleteToken | Action::SetDefault { .. } => (true, false, false),
        Action::CreateProfile { .. } | Action::UpdateProfile { .. } | Action::DeleteProfile => {
            (false, true, false)
        }
        Action::Assign { .. } | Action::Unassign { .. } => (false, false, true),
        Action::SetAccountDrivenUrl { .. } => {
            return Lists { account_driven_url: true, ..Lists::default() };
        }
        // In no list: it is read back by its id.
        Action::Define { .. } => (false, false, false),
        // Read back from the organisation's lists, which are none of a tenant's.
        Action::Service(_) => (false, false, false),
        // A sync is seen in the token's own record, which is polled.
        Action::Sync { .. } => (false, false, false),
    };
    Lists { tokens, profiles, devices, account_driven_url: false }
}

/// What reading back shows of a step that was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// It is as wished.
    AsWished(Option<ItemCounts>),
    /// It is, but for these screens: the service kept no key of them (P-25).
    WithoutScreens(Vec<FieldName>),
    /// It had its effect, and the service emptied account settings of a Mac beside it, in words.
    Reset(String),
    /// It is not, in words.
    Otherwise(String, Option<ItemCounts>),
}

/// As [`look`], and whether a profile has kept its account settings: any change may empty them
/// without a word, whether it was about them or not (reference intune-graph section 3.6). `before` is
/// the profile that an update changed, as it was.
///
/// # Errors
/// The reason, where the list could not be read.
pub(super) fn look_beside<'a>(
    step: &Step,
    object: Option<&ProfileId>,
    before: Option<&LiveProfile>,
    tenant: &'a LiveTenant,
) -> Result<Seen, &'a Unknown> {
    let reset = match &step.action {
        Action::CreateProfile { fields, .. } => {
            let named = before::named(tenant, step)?;
            let only = (named.len() == 1).then(|| &named[0].fields);
            only.and_then(|live| reset(fields, None, live))
        }
        Action::UpdateProfile { changes, .. } => {
            let changes: Fields = changes.iter().map(|c| (c.field.clone(), c.after.clone())).collect();
            let live = before::profile(tenant, step)?.map(|profile| &profile.fields);
            before.zip(live).and_then(|(before, live)| {
                reset(&diff::overlay(&before.fields, &changes), Some(&before.fields), live)
            })
        }
        _ => None,
    };
    match reset {
        Some(words) => Ok(Seen::Reset(words)),
        None => look(step, object, tenant),
    }
}

/// The account settings that are empty although something was sent for them, in words. A list that
/// still shows them as they were `before` is late.
fn reset(sent: &Fields, before: Option<&Fields>, live: &Fields) -> Option<String> {
    let accounts = |fields: &Fields| -> Fields {
        let of = fields.iter().filter(|(field, _)| settings::is_account(field));
        of.map(|(field, value)| (field.clone(), value.clone())).collect()
    };
    if before.is_some_and(|before| accounts(before) == accounts(live)) {
        return None;
    }
    let empty = |change: &diff::FieldChange| {
        change.before == Value::None || (change.field == "localAdmin" && change.before == Value::Bool(false))
    };
    let fields: Vec<String> = diff::compare(&accounts(sent), live)
        .iter()
        .filter(|change| empty(change))
        .map(|change| change.field.to_string())
        .collect();
    (!fields.is_empty()).then(|| {
        format!(
            "the service took the change and emptied account settings: {} (a known fault of it)",
            fields.join(", ")
        )
    })
}

/// Compares a step that was sent with what was read back. `object` is the profile's id as known by
/// now.
///
/// # Errors
/// The reason, where the list could not be read.
pub(super) fn look<'a>(
    step: &Step,
    object: Option<&ProfileId>,
    tenant: &'a LiveTenant,
) -> Result<Seen, &'a Unknown> {
    if let Action::Assign { groups, .. } = &step.action {
        let object = step.object.as_ref().or(object);
        let counts = count_items(step, object, groups.iter().flat_map(|group| &group.serials), tenant)?;
        let amiss = counts.failed.len() + counts.waiting.len();
        return Ok(if amiss == 0 {
            Seen::AsWished(Some(counts))
        } else {
            Seen::Otherwise(
                format!("{} {} not show the profile", count(amiss, "device"), form(amiss, "does", "do")),
                Some(counts),
            )
        });
    }
    let mut step = step.clone();
    if step.object.is_none() {
        step.object = object.cloned();
    }
    if before::is_done(&step, tenant)? {
        return Ok(Seen::AsWished(None));
    }
    let why = match &step.action {
        Action::CreateProfile { fields, .. } => {
            let named = before::named(tenant, &step)?;
            if let [only] = named.as_slice()
                && let Some(screens) = screens_not_taken(fields, &only.fields, step.platform)
            {
                return Ok(Seen::WithoutScreens(screens));
            }
            unmet(fields, named.first().map(|profile| &profile.fields))
        }
        Action::UpdateProfile { changes, .. } => {
            let wished = changes.iter().map(|change| (change.field.clone(), change.after.clone())).collect();
            let live = before::profile(tenant, &step)?.map(|profile| &profile.fields);
            if let Some(screens) = live.and_then(|live| screens_not_taken(&wished, live, step.platform)) {
                return Ok(Seen::WithoutScreens(screens));
            }
            unmet(&wished, live)
        }
        Action::DeleteProfile | Action::DeleteToken => "it is still there".to_owned(),
        Action::SetDefault { .. } => "another profile is still the default".to_owned(),
        Action::UpdateToken { .. } => "the token does not show the change".to_owned(),
        Action::Unassign { .. } => "devices still have a profile".to_owned(),
        Action::Define { .. }
        | Action::Service(_)
        | Action::SetAccountDrivenUrl { .. }
        | Action::Assign { .. }
        | Action::Sync { .. } => "it does not show".to_owned(),
    };
    Ok(Seen::Otherwise(why, None))
}

/// The screens that are not hidden although they should be, where nothing else is otherwise and
/// only skip keys carry them. `None`: something else is otherwise, or nothing is.
fn screens_not_taken(wished: &Fields, live: &Fields, platform: Option<Platform>) -> Option<Vec<FieldName>> {
    let differences = diff::compare(wished, live);
    let is_key_only = |change: &diff::FieldChange| {
        let screen = change.field.strip_prefix("setupAssistant.");
        let by_key = screen.zip(platform).is_some_and(|(screen, one)| screens::is_key_only(screen, one));
        by_key && change.after.as_text() == Some("hide")
    };
    let all = !differences.is_empty() && differences.iter().all(is_key_only);
    all.then(|| differences.into_iter().map(|change| change.field).collect())
}

fn unmet(wished: &Fields, live: Option<&Fields>) -> String {
    let Some(live) = live else { return "it is not in the list".to_owned() };
    let fields: Vec<String> = diff::compare(wished, live)
        .iter()
        .map(|change| format!("{} is {}, not {}", change.field, change.before, change.after))
        .collect();
    match fields.len() {
        0 => "several objects carry the name".to_owned(),
        _ => format!("the service shows otherwise: {}", fields.join("; ")),
    }
}

fn count_items<'a, 's>(
    step: &Step,
    wished: Option<&ProfileId>,
    serials: impl Iterator<Item = &'s crate::model::Serial>,
    tenant: &'a LiveTenant,
) -> Result<ItemCounts, &'a Unknown> {
    let devices = before::devices(tenant, &step.token_id)?;
    // What the sync brought as a device of another platform, or as released, was not sent.
    let was_sent = |device: &LiveDevice| {
        !matches!(step.action, Action::Assign { after_sync: true, .. })
            || (device.platform == step.platform && !device.released)
    };
    let mut counts = ItemCounts::default();
    for serial in serials {
        let device = devices.and_then(|devices| Some((devices, devices.find(serial)?)));
        match device {
            Some((devices, device)) if wished.is_some() && devices.profile_of(device) == wished => {
                counts.committed += 1;
            }
            Some((_, device)) if was_sent(device) => counts.failed.push(*serial),
            _ => counts.waiting.push(*serial),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screens(pairs: &[(&str, &str)]) -> Fields {
        let field =
            |(name, word): &(&str, &str)| (format!("setupAssistant.{name}").into(), Value::text(*word));
        pairs.iter().map(field).collect()
    }

    #[test]
    fn account_settings_that_a_change_emptied_are_told_and_a_late_list_is_not() {
        let admin = |pairs: &[(&'static str, Value)]| -> Fields {
            pairs.iter().map(|(field, value)| ((*field).into(), value.clone())).collect()
        };
        let on = |user: &str, hours: Value| {
            admin(&[
                ("localAdmin", Value::Bool(true)),
                ("localAdmin.userName", Value::text(user)),
                ("localAdmin.password", Value::text("env ADMIN")),
                ("localAdmin.rotateAfterRetrievalHours", hours),
            ])
        };
        let off = admin(&[("localAdmin", Value::Bool(false))]);
        let (before, sent) = (on("ladmin", Value::Int(2)), on("admin", Value::Int(2)));
        assert_eq!(reset(&sent, Some(&before), &sent), None);
        assert_eq!(reset(&sent, Some(&before), &before), None, "late");
        let words = reset(&sent, Some(&before), &off).unwrap();
        assert!(
            words.contains("settings: localAdmin, localAdmin.rotate") && !words.contains("password"),
            "{words}"
        );
        let words = reset(&sent, Some(&before), &on("admin", Value::None)).unwrap();
        assert!(words.contains("settings: localAdmin.rotateAfterRetrievalHours ("), "{words}");
        assert!(reset(&sent, None, &off).is_some(), "a create");
        assert_eq!(reset(&off, Some(&before), &off), None, "as wished");
    }

    #[test]
    fn p25_only_hidden_screens_without_a_boolean_may_be_missing() {
        let live = screens(&[("siri", "show"), ("intelligence", "show"), ("keyboard", "hide")]);
        let taken = |pairs: &[(&str, &str)]| screens_not_taken(&screens(pairs), &live, Some(Platform::Ios));
        assert_eq!(taken(&[("intelligence", "hide")]), Some(vec!["setupAssistant.intelligence".into()]));
        assert_eq!(taken(&[("intelligence", "hide"), ("siri", "hide")]), None, "siri has a boolean");
        assert_eq!(taken(&[("keyboard", "show")]), None, "a key that stays is no key that is refused");
        assert_eq!(taken(&[("intelligence", "show")]), None, "nothing is otherwise");
    }
}
