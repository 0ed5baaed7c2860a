//! Reading back: what the service's own lists say of a step. PURE.

use crate::apply::ItemCounts;
use crate::diff;
use crate::model::live::{LiveTenant, Unknown};
use crate::model::{FieldName, Fields, ProfileId, screens};
use crate::plan::before;
use crate::plan::{Action, Step};

/// Which lists show the result of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub tokens: bool,
    pub profiles: bool,
    pub devices: bool,
}

/// Which lists show the result of an action.
pub(super) fn lists_of(action: &Action) -> Lists {
    let (tokens, profiles, devices) = match action {
        Action::UpdateToken { .. } | Action::DeleteToken | Action::SetDefault { .. } => (true, false, false),
        Action::CreateProfile { .. } | Action::UpdateProfile { .. } | Action::DeleteProfile => {
            (false, true, false)
        }
        Action::Assign { .. } => (false, false, true),
        // A sync is seen in the token's own record, which is polled.
        Action::Sync { .. } => (false, false, false),
    };
    Lists { tokens, profiles, devices }
}

/// What reading back shows of a step that was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// It is as wished.
    AsWished(Option<ItemCounts>),
    /// It is, but for these screens: the service kept no key of them (P-25).
    WithoutScreens(Vec<FieldName>),
    /// It is not, in words.
    Otherwise(String, Option<ItemCounts>),
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
            Seen::Otherwise(format!("{amiss} devices do not show the profile"), Some(counts))
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
        Action::CreateProfile { fields } => {
            let named = before::named(tenant, &step)?;
            if let [only] = named.as_slice()
                && let Some(screens) = screens_not_taken(fields, &only.fields)
            {
                return Ok(Seen::WithoutScreens(screens));
            }
            unmet(fields, named.first().map(|profile| &profile.fields))
        }
        Action::UpdateProfile { changes, .. } => {
            let wished = changes.iter().map(|change| (change.field.clone(), change.after.clone())).collect();
            let live = before::profile(tenant, &step)?.map(|profile| &profile.fields);
            if let Some(screens) = live.and_then(|live| screens_not_taken(&wished, live)) {
                return Ok(Seen::WithoutScreens(screens));
            }
            unmet(&wished, live)
        }
        Action::DeleteProfile | Action::DeleteToken => "it is still there".to_owned(),
        Action::SetDefault { .. } => "another profile is still the default".to_owned(),
        Action::UpdateToken { .. } => "the token does not show the change".to_owned(),
        Action::Assign { .. } | Action::Sync { .. } => "it does not show".to_owned(),
    };
    Ok(Seen::Otherwise(why, None))
}

/// The screens that are not hidden although they should be, where nothing else is otherwise and
/// only skip keys carry them. `None`: something else is otherwise, or nothing is.
fn screens_not_taken(wished: &Fields, live: &Fields) -> Option<Vec<FieldName>> {
    let differences = diff::compare(wished, live);
    let is_key_only = |change: &diff::FieldChange| {
        let screen = change.field.strip_prefix("setupAssistant.");
        screen.is_some_and(screens::is_key_only) && change.after.as_text() == Some("hide")
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
    let mut counts = ItemCounts::default();
    for serial in serials {
        let device = devices.and_then(|devices| Some((devices, devices.find(serial)?)));
        match device {
            Some((devices, device)) if wished.is_some() && devices.profile_of(device) == wished => {
                counts.committed += 1;
            }
            Some(_) => counts.failed.push(*serial),
            None => counts.waiting.push(*serial),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn screens(pairs: &[(&str, &str)]) -> Fields {
        let field =
            |(name, word): &(&str, &str)| (format!("setupAssistant.{name}").into(), Value::text(*word));
        pairs.iter().map(field).collect()
    }

    #[test]
    fn p25_only_hidden_screens_without_a_boolean_may_be_missing() {
        let live = screens(&[("siri", "show"), ("intelligence", "show"), ("keyboard", "hide")]);
        let taken = |pairs: &[(&str, &str)]| screens_not_taken(&screens(pairs), &live);
        assert_eq!(taken(&[("intelligence", "hide")]), Some(vec!["setupAssistant.intelligence".into()]));
        assert_eq!(taken(&[("intelligence", "hide"), ("siri", "hide")]), None, "siri has a boolean");
        assert_eq!(taken(&[("keyboard", "show")]), None, "a key that stays is no key that is refused");
        assert_eq!(taken(&[("intelligence", "show")]), None, "nothing is otherwise");
    }
}
