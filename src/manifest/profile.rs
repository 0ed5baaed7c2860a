//! `EnrollmentProfile` documents to [`Profile`], three states each field.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::certificate;
use super::document::Document;
use super::lower::{Context, identity};
use super::value::{Item, Object, Read};
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::{
    Ade, Authentication, Certificate, CompanyPortal, LocalAdmin, Pairing, PairingMode, PrimaryAccount,
    Profile, ProfileSettings, SetupAssistant, SharedIpad, TokenSelector, UserAffinity,
};
use crate::model::settings::SETTINGS;
use crate::model::{Field, Name, Place, Platform};

/// Apple's name for the certificates of `pairing`, which has no row of its own.
pub const SUPERVISING_HOSTS: &str = "ade.supervisingHostCertificates";

/// Lowers a profile.
pub fn lower(mut document: Document, context: &mut Context) -> Profile {
    let identity = identity(&mut document);
    let spec = &document.spec;
    // Without a selector the document is broken, and only judged.
    let selector = match spec.items.get("tokens").map(|item| &item.read) {
        Some(Read::Tokens(selector, _)) => Some(selector.clone()),
        _ => None,
    };
    // Without a platform the document is broken, and judged as the commonest one.
    let platform = spec.word("platform").set().and_then(|word| Platform::from_word(word));
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
        company_portal: nested(spec, "companyPortal").map(company_portal),
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
        cellular_activation_url: spec.text("cellularActivationUrl"),
        department: spec.text("department"),
        department_phone: spec.text("departmentPhone"),
        setup_assistant: nested(spec, "setupAssistant").map(|object| setup_assistant(object, context)),
        local_admin: nested(spec, "localAdmin").map(|object| local_admin(object, context)),
        primary_account: nested(spec, "primaryAccount").map(primary_account),
        platform_sso: spec.bool("platformSso"),
        auto_advance: spec.bool("autoAdvance"),
        network_tether: spec.bool("networkTether"),
        ade: nested(spec, "ade").map(|object| ade(object, context)),
        // What belongs to an unknown platform is not judged.
        stated: platform.map(|_| stated(spec)).unwrap_or_default(),
    };
    Profile {
        platform: platform.unwrap_or(Platform::Ios),
        rollout_first: spec.object("rollout").map(rollout_first).unwrap_or_default(),
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

/// The settings that are written with a value. Null says that one is not wished, which is true where
/// it does not exist, too.
fn stated(spec: &Object) -> Vec<&'static str> {
    let is_stated = |field: &str| {
        let mut parts = field.split('.').peekable();
        let mut object = spec;
        while let Some(part) = parts.next() {
            match object.items.get(part).map(|item| &item.read) {
                None | Some(Read::Null) => return false,
                Some(Read::Object(within)) if parts.peek().is_some() => object = within,
                Some(_) => {}
            }
        }
        true
    };
    SETTINGS
        .iter()
        .map(|setting| setting.field)
        .chain([SUPERVISING_HOSTS])
        .filter(|field| is_stated(field))
        .collect()
}

fn rollout_first(rollout: &Object) -> Vec<Name> {
    let name = |item: &Item| match &item.read {
        Read::Name(name) => Some(name.clone()),
        _ => None,
    };
    let mut names: Vec<Name> = Vec::new();
    for name in rollout.list("first").set().copied().unwrap_or_default().iter().filter_map(name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn company_portal(object: &Object) -> CompanyPortal {
    CompanyPortal {
        install: object.bool("install"),
        vpp_token: object.text("vppToken"),
        single_app_mode: object.bool("singleAppMode"),
    }
}

fn local_admin(object: &Object, context: &mut Context) -> LocalAdmin {
    let password = match object.items.get("password") {
        Some(Item { read: Read::Secret(secret), place }) => {
            context.secret(secret.clone(), place).map_or(Field::Missing, Field::Set)
        }
        _ => Field::Missing,
    };
    LocalAdmin {
        user_name: object.text("userName"),
        full_name: object.text("fullName"),
        password,
        hidden: object.bool("hidden"),
        rotate_every_days: object.int("rotateEveryDays"),
        rotate_after_retrieval_hours: object.int("rotateAfterRetrievalHours"),
    }
}

fn primary_account(object: &Object) -> PrimaryAccount {
    PrimaryAccount {
        create: object.bool("create"),
        standard_user: object.bool("standardUser"),
        prefill: object.bool("prefill"),
        user_name: object.text("userName"),
        full_name: object.text("fullName"),
        restrict_editing: object.bool("restrictEditing"),
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

fn ade(object: &Object, context: &mut Context) -> Ade {
    let mut files = |name, use_of| certificates(object, name, use_of, context).unwrap_or_default();
    Ade {
        anchor_certificates: files("anchorCertificates", ANCHOR),
        supervising_host_certificates: files("supervisingHostCertificates", HOST),
        url: object.text("url"),
        org_magic: object.text("orgMagic"),
        configuration_web_url: object.text("configurationWebUrl"),
        mandatory: object.bool("mandatory"),
        support_email: object.text("supportEmail"),
        language: object.text("language"),
        region: object.text("region"),
        return_to_service: object.bool("returnToService"),
        ignore_profile_from_backup: object.bool("ignoreProfileFromBackup"),
    }
}

/// The row that a certificate serves, and what to do where it is none.
type Use = (&'static str, &'static str);
const HOST: Use = ("P-21", "export the host's certificate, without its key, as PEM or DER");
const ANCHOR: Use = ("P-32", "export the certificate, without its key, as PEM or DER");

/// Certificates of a list of files; `None` where a part of it was refused.
fn certificates(
    object: &Object,
    name: &str,
    use_of: Use,
    context: &mut Context,
) -> Option<Field<Vec<Certificate>>> {
    match object.list(name) {
        Field::Missing if object.items.contains_key(name) => None,
        Field::Missing => Some(Field::Missing),
        Field::Null => Some(Field::Null),
        Field::Set(items) => {
            let read: Vec<_> = items.iter().map(|item| certificate(item, use_of, context)).collect();
            Some(Field::Set(read.into_iter().collect::<Option<Vec<_>>>()?))
        }
    }
}

fn pairing(object: &Object, context: &mut Context) -> Option<Pairing> {
    let certificates = certificates(object, "certificates", HOST, context)?;
    let mode = object.word("mode").map(|word| match word {
        "denyAll" => PairingMode::DenyAll,
        "allowByCertificate" => PairingMode::AllowByCertificate,
        _ => PairingMode::AllowAll,
    });
    Some(Pairing { mode, certificates })
}

fn certificate(item: &Item, (row, next): Use, context: &mut Context) -> Option<Certificate> {
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
            let message = format!("{} cannot be used: {why} ({row})", path.display());
            context
                .found
                .push(Diagnostic::by_row(row, Severity::Refuse, item.place.clone(), message).next(next));
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
