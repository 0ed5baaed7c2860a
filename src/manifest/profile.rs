//! `EnrollmentProfile` documents to [`Profile`], three states each field.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::certificate;
use super::document::Document;
use super::lower::{Context, identity};
use super::value::{Item, Object, Read};
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::{
    Authentication, Certificate, Pairing, PairingMode, Profile, ProfileSettings, SetupAssistant, SharedIpad,
    TokenSelector, UserAffinity,
};
use crate::model::{Field, Place};

/// Lowers a profile.
pub fn lower(mut document: Document, context: &mut Context) -> Profile {
    let identity = identity(&mut document);
    let spec = &document.spec;
    // Without a selector the document is broken, and only judged.
    let selector = match spec.items.get("tokens").map(|item| &item.read) {
        Some(Read::Tokens(selector, _)) => Some(selector.clone()),
        _ => None,
    };
    let settings = ProfileSettings {
        description: spec.text("description"),
        user_affinity: spec.word("userAffinity").map(|word| match word {
            "user" => UserAffinity::User,
            "entraShared" => UserAffinity::EntraShared,
            _ => UserAffinity::None,
        }),
        authentication: spec.word("authentication").map(|word| match word {
            "setupAssistantLegacy" => Authentication::SetupAssistantLegacy,
            "companyPortal" => Authentication::CompanyPortal,
            _ => Authentication::SetupAssistantModern,
        }),
        supervised: spec.bool("supervised"),
        locked_enrollment: spec.bool("lockedEnrollment"),
        await_configuration: spec.bool("awaitConfiguration"),
        shared_ipad: nested(spec, "sharedIpad").map(shared_ipad),
        pairing: match nested(spec, "pairing") {
            // Nothing is judged about a list of which a part is unknown.
            Field::Set(object) => pairing(object, context).map_or(Field::Missing, Field::Set),
            Field::Null => Field::Null,
            Field::Missing => Field::Missing,
        },
        device_name_template: spec.text("deviceNameTemplate"),
        department: spec.text("department"),
        department_phone: spec.text("departmentPhone"),
        setup_assistant: nested(spec, "setupAssistant").map(|object| setup_assistant(object, context)),
    };
    Profile {
        identity,
        selector: selector.unwrap_or(TokenSelector::Names(Vec::new())),
        tokens: Vec::new(),
        settings,
        wished: BTreeMap::new(),
        created: BTreeMap::new(),
    }
}

fn nested<'o>(spec: &'o Object, name: &str) -> Field<&'o Object> {
    match spec.items.get(name).map(|item| &item.read) {
        Some(Read::Object(object)) => Field::Set(object),
        Some(Read::Null) => Field::Null,
        _ => Field::Missing,
    }
}

fn shared_ipad(object: &Object) -> SharedIpad {
    SharedIpad {
        maximum_cached_users: object.int("maximumCachedUsers"),
        password_after_lock_seconds: object.int("passwordAfterLockSeconds"),
        user_session_timeout_seconds: object.int("userSessionTimeoutSeconds"),
        temporary_session_only: object.bool("temporarySessionOnly"),
        temporary_session_timeout_seconds: object.int("temporarySessionTimeoutSeconds"),
    }
}

fn pairing(object: &Object, context: &mut Context) -> Option<Pairing> {
    let certificates = match object.list("certificates") {
        Field::Missing if object.items.contains_key("certificates") => return None,
        Field::Missing => Field::Missing,
        Field::Null => Field::Null,
        Field::Set(items) => {
            let read: Vec<_> = items.iter().map(|item| certificate(item, context)).collect();
            Field::Set(read.into_iter().collect::<Option<Vec<_>>>()?)
        }
    };
    let mode = object.word("mode").map(|word| match word {
        "denyAll" => PairingMode::DenyAll,
        "allowByCertificate" => PairingMode::AllowByCertificate,
        _ => PairingMode::AllowAll,
    });
    Some(Pairing { mode, certificates })
}

fn certificate(item: &Item, context: &mut Context) -> Option<Certificate> {
    let Read::Text(path) = &item.read else { return None };
    let path = PathBuf::from(path);
    let bytes = match context.source.read(&item.place.file, &path, context.allow) {
        Ok((_, bytes)) => bytes,
        Err(error) => {
            context.unreadable(&item.place, &path, &error);
            return None;
        }
    };
    match certificate::read(path.clone(), &bytes) {
        Ok(certificate) => Some(certificate),
        Err(why) => {
            let message = format!("{} cannot be used: {why} (P-21)", path.display());
            context.found.push(
                Diagnostic::by_row("P-21", Severity::Refuse, item.place.clone(), message)
                    .next("export the host's certificate, without its key, as PEM or DER"),
            );
            None
        }
    }
}

fn setup_assistant(object: &Object, context: &mut Context) -> SetupAssistant {
    let screens = |name: &str| {
        object.list(name).map(|items| {
            let mut seen: Vec<(&'static str, Place)> = Vec::new();
            for item in items {
                if let Read::Word(screen) = item.read
                    && seen.iter().all(|(one, _)| *one != screen)
                {
                    seen.push((screen, item.place.clone()));
                }
            }
            seen
        })
    };
    let (hide, show) = (screens("hide"), screens("show"));
    for (screen, place) in hide.set().into_iter().flatten() {
        if let Some((_, other)) = show.set().into_iter().flatten().find(|(shown, _)| shown == screen) {
            let message = format!("`{screen}` stands under both `hide` and `show` (P-25)");
            context.found.push(
                Diagnostic::by_row("P-25", Severity::Refuse, place.clone(), message)
                    .next("keep one of the two")
                    .and_at(other.clone()),
            );
        }
    }
    let names = |screens: Vec<(&'static str, Place)>| screens.into_iter().map(|(screen, _)| screen).collect();
    SetupAssistant {
        hide: hide.map(names),
        show: show.map(names),
        otherwise_hide: object.word("otherwise").map(|word| word == "hide"),
    }
}
