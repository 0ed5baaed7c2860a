//! Profiles in the canonical form, per token. PURE.

use std::borrow::Cow;

use super::fill;
use crate::model::desired::{
    Authentication, Fleet, Pairing, PairingMode, Profile, SetupAssistant, SharedIpad, Token, UserAffinity,
};
use crate::model::screens::{self, Platform};
use crate::model::{Field, FieldName, Fields, Value};

/// What a token's `values` do not have: the field that asks, and the reason.
pub type Unfilled = Vec<(&'static str, fill::Unfilled)>;

/// The canonical form of what a profile wishes on one token.
pub fn wished(profile: &Profile, token: &Token, edition: &str) -> Result<Fields, Unfilled> {
    let (fields, unfilled) = form(profile, edition, |text| fill::fill(text, &token.values));
    if unfilled.is_empty() { Ok(fields) } else { Err(unfilled) }
}

/// The canonical form of what a profile states, with `${name}` as written: for judging a profile
/// that selects no token.
pub fn stated(profile: &Profile, edition: &str) -> Fields {
    form(profile, edition, |text| Ok(text.to_owned())).0
}

/// The edition that `otherwise` expands to: the Fleet's, or the newest where it names none that is
/// known.
pub fn edition(fleet: &Fleet) -> &str {
    let named = fleet.screens.as_deref().filter(|edition| screens::EDITIONS.contains(edition));
    named.unwrap_or(screens::CURRENT_EDITION)
}

fn form(
    profile: &Profile,
    edition: &str,
    fill: impl Fn(&str) -> Result<String, fill::Unfilled>,
) -> (Fields, Unfilled) {
    let settings = &profile.settings;
    let mut fields = Fields::new();
    let mut unfilled = Unfilled::new();
    let display_name = Field::Set(profile.identity.display_name.clone());
    let texts = [
        ("displayName", &display_name),
        ("description", &settings.description),
        ("deviceNameTemplate", &settings.device_name_template),
        ("department", &settings.department),
        ("departmentPhone", &settings.department_phone),
    ];
    for (name, text) in texts {
        match text {
            Field::Missing => {}
            Field::Null => put(&mut fields, name, Value::None),
            Field::Set(text) => match fill(text) {
                Ok(text) => put(&mut fields, name, Value::text(text)),
                Err(why) => unfilled.push((name, why)),
            },
        }
    }
    let affinity = settings.user_affinity.set().copied();
    if let Some(affinity) = affinity {
        put(&mut fields, "userAffinity", word(affinity_word(affinity)));
    }
    match (settings.authentication.set(), affinity) {
        (Some(authentication), _) => {
            put(&mut fields, "authentication", word(authentication_word(*authentication)))
        }
        (None, Some(UserAffinity::None | UserAffinity::EntraShared)) => {
            put(&mut fields, "authentication", Value::None);
        }
        (None, _) => {}
    }
    let awaits = default_await(settings.shared_ipad.set().is_some(), affinity);
    put_bool(&mut fields, "supervised", &settings.supervised, true);
    put_bool(&mut fields, "lockedEnrollment", &settings.locked_enrollment, false);
    put_bool(&mut fields, "awaitConfiguration", &settings.await_configuration, awaits);
    match &settings.shared_ipad {
        Field::Missing => {}
        Field::Null => put(&mut fields, "sharedIpad", Value::Bool(false)),
        Field::Set(shared) => put_shared_ipad(&mut fields, shared),
    }
    match &settings.pairing {
        Field::Missing => {}
        Field::Null => put(&mut fields, "pairing.mode", word("allowAll")),
        Field::Set(pairing) => put_pairing(&mut fields, pairing),
    }
    if let Field::Set(screens) = &settings.setup_assistant {
        put_screens(&mut fields, screens, edition);
    }
    (fields, unfilled)
}

/// What a create sends: the wishes, and the defaults of the field table for what is missing.
pub fn created(profile: &Profile, wished: &Fields) -> Fields {
    let shared = wished.get("sharedIpad") == Some(&Value::Bool(true));
    let affinity = profile.settings.user_affinity.set().copied();
    let mut fields = wished.clone();
    let mut default = |name: &'static str, value: Value| {
        fields.entry(Cow::Borrowed(name)).or_insert(value);
    };
    default("supervised", Value::Bool(true));
    default("lockedEnrollment", Value::Bool(false));
    default("awaitConfiguration", Value::Bool(default_await(shared, affinity)));
    default("sharedIpad", Value::Bool(false));
    default("pairing.mode", word("allowAll"));
    for text in ["description", "deviceNameTemplate", "department", "departmentPhone"] {
        default(text, Value::None);
    }
    if affinity != Some(UserAffinity::User) {
        default("authentication", Value::None);
    }
    fields
}

/// Waiting is the default, but refused together with a Shared iPad without affinity.
fn default_await(shared: bool, affinity: Option<UserAffinity>) -> bool {
    !(shared && affinity == Some(UserAffinity::None))
}

fn put(fields: &mut Fields, name: impl Into<FieldName>, value: Value) {
    fields.insert(name.into(), value);
}

fn put_bool(fields: &mut Fields, name: &'static str, field: &Field<bool>, default: bool) {
    match field {
        Field::Missing => {}
        Field::Null => put(fields, name, Value::Bool(default)),
        Field::Set(value) => put(fields, name, Value::Bool(*value)),
    }
}

fn word(word: &str) -> Value {
    Value::Text(word.to_owned())
}

fn put_shared_ipad(fields: &mut Fields, shared: &SharedIpad) {
    put(fields, "sharedIpad", Value::Bool(true));
    put_bool(fields, "sharedIpad.temporarySessionOnly", &shared.temporary_session_only, false);
    let number = |field: &Field<i64>, null: Value| match field {
        Field::Missing => None,
        Field::Null => Some(null),
        Field::Set(number) => Some(Value::Int(*number)),
    };
    let mut put_some = |name: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            put(fields, name, value);
        }
    };
    // Temporary sessions cancel the other three (P-18).
    if shared.temporary_session_only.set() != Some(&true) {
        put_some("sharedIpad.maximumCachedUsers", number(&shared.maximum_cached_users, Value::None));
        put_some(
            "sharedIpad.passwordAfterLockSeconds",
            number(&shared.password_after_lock_seconds, Value::None),
        );
        put_some(
            "sharedIpad.userSessionTimeoutSeconds",
            number(&shared.user_session_timeout_seconds, Value::Int(0)),
        );
    }
    put_some(
        "sharedIpad.temporarySessionTimeoutSeconds",
        number(&shared.temporary_session_timeout_seconds, Value::Int(0)),
    );
}

fn put_pairing(fields: &mut Fields, pairing: &Pairing) {
    match &pairing.mode {
        Field::Missing => {}
        Field::Null => put(fields, "pairing.mode", word("allowAll")),
        Field::Set(mode) => put(fields, "pairing.mode", word(pairing_word(*mode))),
    }
    match &pairing.certificates {
        Field::Missing => {}
        Field::Null => put(fields, "pairing.certificates", Value::List(Vec::new())),
        Field::Set(certificates) => {
            let mut list: Vec<String> = certificates.iter().map(|one| one.der_base64.clone()).collect();
            list.sort();
            list.dedup();
            put(fields, "pairing.certificates", Value::List(list));
        }
    }
}

fn put_screens(fields: &mut Fields, screens: &SetupAssistant, edition: &str) {
    if let Field::Set(hide) = screens.otherwise_hide {
        for screen in screens::catalogue(edition, Platform::Ios).into_iter().flatten() {
            put_screen(fields, screen.name, hide);
        }
    }
    let listed = |list: &Field<Vec<&'static str>>| list.set().cloned().unwrap_or_default();
    let on_ios = |name: &&str| screens::lookup(name).is_some_and(|screen| screen.is_on(Platform::Ios));
    for name in listed(&screens.hide).into_iter().filter(on_ios) {
        put_screen(fields, name, true);
    }
    for name in listed(&screens.show).into_iter().filter(on_ios) {
        put_screen(fields, name, false);
    }
}

fn put_screen(fields: &mut Fields, name: &str, hide: bool) {
    put(fields, format!("setupAssistant.{name}"), word(if hide { "hide" } else { "show" }));
}

fn affinity_word(affinity: UserAffinity) -> &'static str {
    match affinity {
        UserAffinity::None => "none",
        UserAffinity::User => "user",
        UserAffinity::EntraShared => "entraShared",
    }
}

fn authentication_word(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::SetupAssistantModern => "setupAssistantModern",
        Authentication::SetupAssistantLegacy => "setupAssistantLegacy",
        Authentication::CompanyPortal => "companyPortal",
    }
}

fn pairing_word(mode: PairingMode) -> &'static str {
    match mode {
        PairingMode::AllowAll => "allowAll",
        PairingMode::DenyAll => "denyAll",
        PairingMode::AllowByCertificate => "allowByCertificate",
    }
}
