//! `DeviceAction.options`: each belongs to one action, or two.

use super::Form;
use crate::manifest::value::{Item, Object, Read};
use crate::model::act::{ActOptions, Obliteration};
use crate::model::{ActionKind, Name, SecretRef};

/// Which options an action has; those that it cannot do without are marked.
pub const fn options_of(kind: ActionKind) -> &'static [(&'static str, bool)] {
    match kind {
        ActionKind::Wipe => &[("keepDataPlan", false), ("pin", false), ("obliteration", false)],
        ActionKind::EnableLostMode => &[("message", true), ("phoneNumber", true), ("footnote", false)],
        ActionKind::Rename => &[("name", true)],
        ActionKind::PlaySound => &[("minutes", false)],
        ActionKind::DeleteSharedIpadUser => &[("user", true)],
        ActionKind::HandOver => &[("token", true), ("profile", true)],
        _ => &[],
    }
}

/// The longest name that a device keeps whole.
const LONGEST_NAME: usize = 63;

/// Reads the options of a document's action; nothing where one is missing or refused.
pub fn read(form: &mut Form) -> Option<ActOptions> {
    let none = Object::new(form.places.document.clone());
    let options = form.spec.object("options").unwrap_or(&none);
    foreign(form, options);
    if !is_whole(form, options) {
        return None;
    }
    let text = |name| options.text(name).set().cloned();
    Some(match form.kind {
        ActionKind::Wipe => ActOptions::Wipe {
            keep_data_plan: options.bool("keepDataPlan").set() != Some(&false),
            pin: match options.items.get("pin") {
                Some(item) => Some(secret(form, item)?),
                None => None,
            },
            obliteration: options.word("obliteration").set().and_then(|word| obliteration(word)),
            return_to_service: None,
        },
        ActionKind::Lock => ActOptions::Lock { message: None, phone_number: None },
        ActionKind::EnableLostMode => ActOptions::LostMode {
            message: text("message")?,
            phone_number: text("phoneNumber")?,
            footnote: text("footnote"),
        },
        ActionKind::Rename => ActOptions::Rename { name: device_name(form, options)? },
        ActionKind::PlaySound => {
            let minutes = options.int("minutes").set().and_then(|minutes| u32::try_from(*minutes).ok());
            ActOptions::PlaySound { minutes }
        }
        ActionKind::DeleteSharedIpadUser => ActOptions::SharedIpadUser { user: user(form, options)? },
        ActionKind::HandOver => {
            let name = |field| -> Option<Name> { options.name(field).set().cloned() };
            ActOptions::HandOver { token: name("token")?, profile: name("profile")? }
        }
        _ => ActOptions::None,
    })
}

/// Refuses options of other actions, each with the action that has it.
fn foreign(form: &mut Form, options: &Object) {
    let kind = form.kind;
    let has = |kind, name: &str| options_of(kind).iter().any(|(option, _)| *option == name);
    for (name, item) in options.items.iter().filter(|(name, _)| !has(kind, name)) {
        let (message, next) = match (kind, *name) {
            (ActionKind::Lock, "message" | "phoneNumber" | "footnote") => (
                format!(
                    "`options.{name}` is not carried by Microsoft Intune: its lock has no text for the screen"
                ),
                "remove it; `enableLostMode` shows a message and a number on iPhones and iPads".to_owned(),
            ),
            _ => {
                let owners: Vec<String> = ActionKind::ALL
                    .into_iter()
                    .filter(|kind| has(*kind, name))
                    .map(|kind| format!("`{kind}`"))
                    .collect();
                let message =
                    format!("`options.{name}` stands beside `action: {kind}`, which has no such option");
                (message, format!("remove it; it is of {}", owners.join(", ")))
            }
        };
        form.refuse("bad-value", &item.place, message, next);
    }
}

/// Whether everything is there that the action needs.
fn is_whole(form: &mut Form, options: &Object) -> bool {
    let mut is_whole = true;
    for (name, _) in options_of(form.kind).iter().filter(|(_, needed)| *needed) {
        match options.items.get(name) {
            None => {
                is_whole = false;
                let message = format!("`options.{name}` is missing: `{}` needs it", form.kind);
                let place = options.place.clone();
                form.refuse("missing-field", &place, message, format!("add `{name}: …` to `options`"));
            }
            Some(item) => is_whole &= !matches!(item.read, Read::Bad),
        }
    }
    is_whole
}

fn secret(form: &mut Form, item: &Item) -> Option<SecretRef> {
    let Read::Secret(secret) = &item.read else { return None };
    form.context.secret(secret.clone(), &item.place)
}

fn obliteration(word: &str) -> Option<Obliteration> {
    Some(match word {
        "default" => Obliteration::Default,
        "doNotObliterate" => Obliteration::DoNotObliterate,
        "obliterateWithWarning" => Obliteration::ObliterateWithWarning,
        "always" => Obliteration::Always,
        _ => return None,
    })
}

/// Letters, digits and hyphens, not digits only (reference intune-graph section 5.3).
fn device_name(form: &mut Form, options: &Object) -> Option<String> {
    let item = options.items.get("name")?;
    let name = options.text("name").set()?.clone();
    let why = if !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '-') {
        "it holds other signs than letters, digits and hyphens"
    } else if name.chars().all(|one| one.is_ascii_digit()) {
        "it is made of digits only"
    } else if name.len() > LONGEST_NAME {
        "it is longer than 63 signs"
    } else {
        return Some(name);
    };
    let message = format!("`options.name` is no name that a device takes: {why}");
    form.refuse("bad-value", &item.place, message, "write a name like `IPAD-0042`");
    None
}

fn user(form: &mut Form, options: &Object) -> Option<String> {
    let item = options.items.get("user")?;
    let user = options.text("user").set()?.clone();
    let is_principal =
        user.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    if is_principal && !user.contains(char::is_whitespace) {
        return Some(user);
    }
    let message = "`options.user` is no principal name of a user".to_owned();
    form.refuse(
        "bad-value",
        &item.place,
        message,
        "write it as the MDM shows it, like `anna@school.example`",
    );
    None
}
