//! Profiles in the canonical form, per token. PURE.

use std::borrow::Cow;

use super::fill;
use crate::model::desired::{
    Ade, Authentication, Certificate, CompanyPortal, Fleet, LocalAdmin, Pairing, PairingMode, PrimaryAccount,
    Profile, SetupAssistant, SharedIpad, Token, UserAffinity,
};
use crate::model::settings::{self, SETTINGS, Side};
use crate::model::{Field, FieldName, Fields, Platform, Value, screens};

/// What the names of screens begin with.
const SCREEN: &str = "setupAssistant.";

/// The mode of pairing that has certificates.
const BY_CERTIFICATE: &str = "allowByCertificate";

/// What a token's `values` do not have: the field that asks, and the reason.
pub type Unfilled = Vec<(&'static str, fill::Unfilled)>;

/// The canonical form of what a profile wishes on one token: only what the token's side carries
/// ([`settings::Side`]).
pub fn wished(profile: &Profile, token: &Token, edition: &str) -> Result<Fields, Unfilled> {
    let side = Side::of(&token.realm);
    let (fields, unfilled) = form(profile, side, edition, |text| fill::fill(text, &token.values));
    if unfilled.is_empty() { Ok(fields) } else { Err(unfilled) }
}

/// The canonical form of what a profile states for one side, with `${name}` as written: for judging
/// a profile that selects no token.
pub fn stated(profile: &Profile, side: Side, edition: &str) -> Fields {
    form(profile, side, edition, |text| Ok(text.to_owned())).0
}

/// The texts of a profile in which `${name}` is filled in on a side, as written.
pub fn texts(profile: &Profile, side: Side, edition: &str) -> Vec<String> {
    // Only what the side carries is filled in: what it leaves out asks for nothing.
    let (fields, _) = form(profile, side, edition, |text| Ok(text.to_owned()));
    let carried = fields.into_values().filter_map(|value| match value {
        Value::Text(text) => Some(text),
        _ => None,
    });
    profile.identity.formerly.iter().cloned().chain(carried).collect()
}

/// The edition that `otherwise` expands to: the Fleet's, or the newest where it names none that is
/// known.
pub fn edition(fleet: &Fleet) -> &str {
    let named = fleet.screens.as_deref().filter(|edition| screens::EDITIONS.contains(edition));
    named.unwrap_or(screens::CURRENT_EDITION)
}

fn form(
    profile: &Profile,
    side: Side,
    edition: &str,
    fill: impl Fn(&str) -> Result<String, fill::Unfilled>,
) -> (Fields, Unfilled) {
    let mut form = Form { fields: Fields::new(), unfilled: Unfilled::new(), fill };
    let settings = &profile.settings;
    form.text("displayName", &Field::Set(profile.identity.display_name.clone()));
    form.text("description", &settings.description);
    form.text("deviceNameTemplate", &settings.device_name_template);
    form.text("department", &settings.department);
    form.text("departmentPhone", &settings.department_phone);
    let affinity = settings.user_affinity.set().copied();
    if let Some(affinity) = affinity {
        form.put("userAffinity", word(affinity_word(affinity)));
    }
    match (settings.authentication.set(), affinity) {
        (Some(authentication), _) => {
            form.put("authentication", word(authentication_word(*authentication)));
        }
        (None, Some(UserAffinity::None | UserAffinity::EntraShared)) => {
            form.put("authentication", Value::None);
        }
        (None, _) => {}
    }
    // Apple's profiles know no affinity.
    let affinity = affinity.filter(|_| side == Side::Classic);
    let awaits = default_await(settings.shared_ipad.set().is_some(), affinity);
    form.bool("lockedEnrollment", &settings.locked_enrollment);
    match settings.await_configuration {
        Field::Null => form.put("awaitConfiguration", Value::Bool(awaits)),
        _ => form.bool("awaitConfiguration", &settings.await_configuration),
    }
    form.ios(profile);
    form.macos(profile);
    form.ade(&settings.ade);
    let is_carried = |field: &str| {
        settings::setting(field).is_some_and(|setting| setting.is_carried(side, profile.platform))
    };
    form.fields.retain(|field, _| is_carried(field));
    form.unfilled.retain(|(field, _)| is_carried(field));
    if side == Side::Direct {
        spell_for_apple(&mut form.fields);
    }
    if let Field::Set(screens) = &settings.setup_assistant {
        put_screens(&mut form.fields, screens, edition, side, profile.platform);
    }
    (form.fields, form.unfilled)
}

/// A canonical form in the making.
struct Form<F> {
    fields: Fields,
    unfilled: Unfilled,
    fill: F,
}

impl<F: Fn(&str) -> Result<String, fill::Unfilled>> Form<F> {
    fn put(&mut self, name: &'static str, value: Value) {
        self.fields.insert(Cow::Borrowed(name), value);
    }

    /// `null` is the default of the table of settings.
    fn null(&mut self, name: &'static str) {
        if let Some(preset) = settings::preset(name) {
            self.put(name, preset);
        }
    }

    fn text(&mut self, name: &'static str, text: &Field<String>) {
        match text {
            Field::Missing => {}
            Field::Null => self.null(name),
            Field::Set(text) => match (self.fill)(text) {
                Ok(text) => self.put(name, Value::text(text)),
                Err(why) => self.unfilled.push((name, why)),
            },
        }
    }

    fn bool(&mut self, name: &'static str, field: &Field<bool>) {
        match field {
            Field::Missing => {}
            Field::Null => self.null(name),
            Field::Set(value) => self.put(name, Value::Bool(*value)),
        }
    }

    fn int(&mut self, name: &'static str, field: &Field<i64>) {
        match field {
            Field::Missing => {}
            Field::Null => self.null(name),
            Field::Set(number) => self.put(name, Value::Int(*number)),
        }
    }

    fn ios(&mut self, profile: &Profile) {
        let settings = &profile.settings;
        match &settings.company_portal {
            Field::Missing => {}
            Field::Null => {
                for name in ["companyPortal.install", "companyPortal.vppToken", "companyPortal.singleAppMode"]
                {
                    self.null(name);
                }
            }
            Field::Set(portal) => self.company_portal(portal),
        }
        self.bool("supervised", &settings.supervised);
        match &settings.shared_ipad {
            Field::Missing => {}
            Field::Null => self.null("sharedIpad"),
            Field::Set(shared) => self.shared_ipad(shared),
        }
        match &settings.pairing {
            Field::Missing => {}
            Field::Null => self.null("pairing.mode"),
            Field::Set(pairing) => put_pairing(&mut self.fields, pairing),
        }
        self.text("cellularActivationUrl", &settings.cellular_activation_url);
    }

    fn ade(&mut self, ade: &Field<Ade>) {
        let null = Ade {
            configuration_web_url: Field::Null,
            mandatory: Field::Null,
            support_email: Field::Null,
            language: Field::Null,
            region: Field::Null,
            anchor_certificates: Field::Null,
            return_to_service: Field::Null,
            ignore_profile_from_backup: Field::Null,
            ..Ade::default()
        };
        let ade = match ade {
            Field::Missing => return,
            Field::Null => &null,
            Field::Set(ade) => ade,
        };
        self.text("ade.url", &ade.url);
        self.text("ade.orgMagic", &ade.org_magic);
        self.text("ade.configurationWebUrl", &ade.configuration_web_url);
        self.bool("ade.mandatory", &ade.mandatory);
        self.text("ade.supportEmail", &ade.support_email);
        self.text("ade.language", &ade.language);
        self.text("ade.region", &ade.region);
        put_certificates(&mut self.fields, "ade.anchorCertificates", &ade.anchor_certificates);
        self.bool("ade.returnToService", &ade.return_to_service);
        self.bool("ade.ignoreProfileFromBackup", &ade.ignore_profile_from_backup);
        if ade.supervising_host_certificates.set().is_some_and(|hosts| !hosts.is_empty()) {
            self.put("pairing.mode", word(BY_CERTIFICATE));
            put_certificates(&mut self.fields, "pairing.certificates", &ade.supervising_host_certificates);
        }
    }

    fn company_portal(&mut self, portal: &CompanyPortal) {
        self.bool("companyPortal.install", &portal.install);
        self.text("companyPortal.vppToken", &portal.vpp_token);
        self.bool("companyPortal.singleAppMode", &portal.single_app_mode);
    }

    fn shared_ipad(&mut self, shared: &SharedIpad) {
        self.put("sharedIpad", Value::Bool(true));
        self.bool("sharedIpad.temporarySessionOnly", &shared.temporary_session_only);
        // Temporary sessions cancel the other three (P-18).
        if shared.temporary_session_only.set() != Some(&true) {
            self.int("sharedIpad.maximumCachedUsers", &shared.maximum_cached_users);
            self.int("sharedIpad.passwordAfterLockSeconds", &shared.password_after_lock_seconds);
            self.int("sharedIpad.userSessionTimeoutSeconds", &shared.user_session_timeout_seconds);
        }
        self.int("sharedIpad.temporarySessionTimeoutSeconds", &shared.temporary_session_timeout_seconds);
    }

    fn macos(&mut self, profile: &Profile) {
        let settings = &profile.settings;
        match &settings.local_admin {
            Field::Missing => {}
            Field::Null => self.null("localAdmin"),
            Field::Set(admin) => self.local_admin(admin),
        }
        match &settings.primary_account {
            Field::Missing => {}
            Field::Null => {
                for setting in SETTINGS.iter().filter(|setting| setting.parent() == Some("primaryAccount")) {
                    self.null(setting.field);
                }
            }
            Field::Set(account) => self.primary_account(account),
        }
        self.bool("platformSso", &settings.platform_sso);
        self.bool("autoAdvance", &settings.auto_advance);
        self.bool("networkTether", &settings.network_tether);
    }

    fn local_admin(&mut self, admin: &LocalAdmin) {
        self.put("localAdmin", Value::Bool(true));
        self.text("localAdmin.userName", &admin.user_name);
        self.text("localAdmin.fullName", &admin.full_name);
        // The reference, never the secret.
        if let Field::Set(password) = &admin.password {
            self.put("localAdmin.password", Value::text(password.to_string()));
        }
        self.bool("localAdmin.hidden", &admin.hidden);
        self.int("localAdmin.rotateEveryDays", &admin.rotate_every_days);
        self.int("localAdmin.rotateAfterRetrievalHours", &admin.rotate_after_retrieval_hours);
    }

    fn primary_account(&mut self, account: &PrimaryAccount) {
        self.bool("primaryAccount.create", &account.create);
        self.bool("primaryAccount.standardUser", &account.standard_user);
        self.bool("primaryAccount.prefill", &account.prefill);
        self.text("primaryAccount.userName", &account.user_name);
        self.text("primaryAccount.fullName", &account.full_name);
        self.bool("primaryAccount.restrictEditing", &account.restrict_editing);
    }
}

/// What a create sends: the wishes, and the defaults of the table of settings for what is missing.
/// On a classic profile the fields of an object that is not wished stay out, and so do unlisted
/// screens; Apple's are sent as wholes ([`whole`]).
pub fn created(profile: &Profile, side: Side, wished: &Fields) -> Fields {
    if side == Side::Direct {
        return whole(profile.platform, &Fields::new(), wished);
    }
    let shared = wished.get("sharedIpad") == Some(&Value::Bool(true));
    let affinity = profile.settings.user_affinity.set().copied();
    let wishes = |parent: &str| {
        wished.keys().any(|field| field.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.')))
    };
    let mut fields = wished.clone();
    for setting in SETTINGS.iter().filter(|setting| setting.is_on(profile.platform)) {
        let stays_out = match setting.field {
            "awaitConfiguration" => {
                fields
                    .entry(Cow::Borrowed("awaitConfiguration"))
                    .or_insert(Value::Bool(default_await(shared, affinity)));
                true
            }
            // A member of the sign-in, or of a list that only one mode has.
            "companyPortal.install" | "pairing.certificates" => true,
            "pairing.mode" => false,
            "localAdmin" => true,
            // What the service itself sets while it is on.
            field if field.starts_with("sharedIpad.") => true,
            // A Mac has a first account, wished or not.
            "primaryAccount.create" | "primaryAccount.standardUser" | "primaryAccount.prefill" => false,
            "primaryAccount.restrictEditing" => {
                wished.get("primaryAccount.prefill") != Some(&Value::Bool(true))
            }
            _ => setting.parent().is_some_and(|parent| !wishes(parent)),
        };
        if let (false, Some(preset)) = (stays_out, setting.preset.value()) {
            fields.entry(Cow::Borrowed(setting.field)).or_insert(preset);
        }
    }
    if affinity != Some(UserAffinity::User) {
        fields.entry(Cow::Borrowed("authentication")).or_insert(Value::None);
    }
    fields
}

/// A profile of a direct token as a whole object, which is what Apple's service takes: every setting
/// and every screen that such a profile carries on the platform. What is missing in `wished` is as it
/// was last applied to this address, else its default; unlisted screens are shown. What neither has
/// and no default stands for (`ade.url`) stays out.
pub fn whole(platform: Platform, last_applied: &Fields, wished: &Fields) -> Fields {
    let mut fields = Fields::new();
    for setting in SETTINGS.iter().filter(|setting| setting.is_on_direct(platform)) {
        if let Some(preset) = setting.preset.value() {
            put(&mut fields, setting.field, preset);
        }
    }
    for screen in screens::SCREENS.iter().filter(|screen| screen.is_carried(Side::Direct, platform)) {
        put_screen(&mut fields, screen.name, false);
    }
    // The ledger may hold what another platform's profile had under this address.
    let is_carried = |field: &str| match field.strip_prefix(SCREEN) {
        Some(name) => screens::SCREENS
            .iter()
            .any(|screen| screen.name == name && screen.is_carried(Side::Direct, platform)),
        None => settings::setting(field).is_some_and(|setting| setting.is_on_direct(platform)),
    };
    for (field, value) in last_applied.iter().chain(wished).filter(|(field, _)| is_carried(field)) {
        fields.insert(field.clone(), value.clone());
    }
    spell_for_apple(&mut fields);
    if fields.get("pairing.mode").and_then(Value::as_text).is_some_and(|mode| mode != BY_CERTIFICATE) {
        put(&mut fields, "pairing.certificates", Value::None);
    }
    fields
}

/// An empty list is left out at Apple, as an empty text is: both are nothing.
fn spell_for_apple(fields: &mut Fields) {
    for value in fields.values_mut() {
        if matches!(value, Value::List(items) if items.is_empty()) {
            *value = Value::None;
        }
    }
}

/// Waiting is the default, but refused together with a Shared iPad without affinity.
fn default_await(shared: bool, affinity: Option<UserAffinity>) -> bool {
    !(shared && affinity == Some(UserAffinity::None))
}

fn put(fields: &mut Fields, name: impl Into<FieldName>, value: Value) {
    fields.insert(name.into(), value);
}

fn word(word: &str) -> Value {
    Value::Text(word.to_owned())
}

fn put_pairing(fields: &mut Fields, pairing: &Pairing) {
    match &pairing.mode {
        Field::Missing => {}
        Field::Null => put(fields, "pairing.mode", word("allowAll")),
        Field::Set(mode) => put(fields, "pairing.mode", word(pairing_word(*mode))),
    }
    put_certificates(fields, "pairing.certificates", &pairing.certificates);
}

/// Certificates as a set.
fn put_certificates(fields: &mut Fields, name: &'static str, certificates: &Field<Vec<Certificate>>) {
    match certificates {
        Field::Missing => {}
        Field::Null => put(fields, name, Value::List(Vec::new())),
        Field::Set(certificates) => {
            let mut list: Vec<String> = certificates.iter().map(|one| one.der_base64.clone()).collect();
            list.sort();
            list.dedup();
            put(fields, name, Value::List(list));
        }
    }
}

fn put_screens(fields: &mut Fields, screens: &SetupAssistant, edition: &str, side: Side, platform: Platform) {
    let carried = |screen: &&screens::Screen| screen.is_carried(side, platform);
    if let Field::Set(hide) = screens.otherwise_hide {
        for screen in screens::catalogue(edition, platform).into_iter().flatten().filter(carried) {
            put_screen(fields, screen.name, hide);
        }
    }
    let listed = |list: &Field<Vec<&'static str>>| list.set().cloned().unwrap_or_default();
    let is_there = |name: &&str| screens::lookup(name).as_ref().is_some_and(carried);
    for name in listed(&screens.hide).into_iter().filter(is_there) {
        put_screen(fields, name, true);
    }
    for name in listed(&screens.show).into_iter().filter(is_there) {
        put_screen(fields, name, false);
    }
}

fn put_screen(fields: &mut Fields, name: &str, hide: bool) {
    put(fields, format!("{SCREEN}{name}"), word(if hide { "hide" } else { "show" }));
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
        PairingMode::AllowByCertificate => BY_CERTIFICATE,
    }
}
