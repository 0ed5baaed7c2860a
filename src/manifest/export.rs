//! The way back: a live profile as a document that plans to zero changes. PURE.
//!
//! | live | document |
//! |---|---|
//! | nothing in a text | `null`, the default |
//! | a value that is not known | the field is left out: unmanaged |
//! | a value that no document can hold | left out too, and told in [`Exported::left_out`] |
//! | what temporary sessions cancel (P-18) | left out |
//! | a secret | never comes back: `localAdmin` without its password, unmanaged |
//! | certificates | files beside the document, PEM |
//! | what Apple's service has beyond the platform's settings | left out, told |

#[cfg(test)]
mod action;

use std::path::PathBuf;

use serde::Serialize;

use crate::model::screens::{SCREENS, Screen};
use crate::model::settings::{self, Side};
use crate::model::{Field, FieldName, Fields, Name, Platform, Value};

/// Columns of base64 in PEM (RFC 7468, section 2).
const PEM_COLUMNS: usize = 64;

/// The field that holds the display name of a VPP token.
const VPP_TOKEN: &str = "companyPortal.vppToken";

/// What a live profile becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// `spec` of the document, without `tokens`.
    pub spec: Spec,
    /// Files that `spec` names: path relative to the document, and content.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Known fields that a document cannot say, with the reason: they stay as they are, unmanaged.
    pub left_out: Vec<(FieldName, String)>,
}

/// `EnrollmentProfile.spec`, its fields in the order of manifests.md.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// `displayName`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub display_name: Field<String>,
    /// `tokens`, by name; empty: left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Name>,
    /// `platform`
    pub platform: &'static str,
    /// `description`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub description: Field<String>,
    /// `userAffinity`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub user_affinity: Field<String>,
    /// `authentication`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub authentication: Field<String>,
    /// `companyPortal`; iPhone and iPad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_portal: Option<CompanyPortal>,
    /// `supervised`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub supervised: Field<bool>,
    /// `lockedEnrollment`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub locked_enrollment: Field<bool>,
    /// `awaitConfiguration`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub await_configuration: Field<bool>,
    /// `sharedIpad`; null is off.
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub shared_ipad: Field<SharedIpad>,
    /// `pairing`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,
    /// `deviceNameTemplate`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub device_name_template: Field<String>,
    /// `cellularActivationUrl`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub cellular_activation_url: Field<String>,
    /// `department`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub department: Field<String>,
    /// `departmentPhone`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub department_phone: Field<String>,
    /// `setupAssistant`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_assistant: Option<SetupAssistant>,
    /// `localAdmin`; null is none.
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub local_admin: Field<LocalAdmin>,
    /// `primaryAccount`; Mac.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_account: Option<PrimaryAccount>,
    /// `platformSso`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub platform_sso: Field<bool>,
    /// `autoAdvance`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub auto_advance: Field<bool>,
    /// `networkTether`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub network_tether: Field<bool>,
    /// `ade`; direct tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ade: Option<Ade>,
}

/// `ade`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of manifests.md")]
pub struct Ade {
    pub url: Field<String>,
    pub org_magic: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub configuration_web_url: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub mandatory: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub support_email: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub language: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub region: Field<String>,
    /// Paths, as in [`Exported::files`].
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub anchor_certificates: Field<Vec<PathBuf>>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub return_to_service: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub ignore_profile_from_backup: Field<bool>,
}

/// `companyPortal`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of manifests.md")]
pub struct CompanyPortal {
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub install: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub vpp_token: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub single_app_mode: Field<bool>,
}

/// `localAdmin`, without its password: that never comes back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of manifests.md")]
pub struct LocalAdmin {
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub user_name: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub full_name: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub hidden: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub rotate_every_days: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub rotate_after_retrieval_hours: Field<i64>,
}

/// `primaryAccount`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of manifests.md")]
pub struct PrimaryAccount {
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub create: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub standard_user: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub prefill: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub user_name: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub full_name: Field<String>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub restrict_editing: Field<bool>,
}

/// `sharedIpad`; seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of manifests.md")]
pub struct SharedIpad {
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub maximum_cached_users: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub password_after_lock_seconds: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub user_session_timeout_seconds: Field<i64>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub temporary_session_only: Field<bool>,
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub temporary_session_timeout_seconds: Field<i64>,
}

/// `pairing`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pairing {
    /// `mode`
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub mode: Field<String>,
    /// `certificates`: paths, as in [`Exported::files`].
    #[serde(skip_serializing_if = "Field::is_missing")]
    pub certificates: Field<Vec<PathBuf>>,
}

/// `setupAssistant`: screens by name, in the order of the screen table. An empty list is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SetupAssistant {
    /// `hide`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<&'static str>,
    /// `show`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub show: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a Name,
}

/// The `spec` that wishes what is live on a platform's profile, classic or Apple's. `name` is the
/// `metadata.name` of the document to be; files are called after it.
pub fn spec_of(platform: Platform, fields: &Fields, name: &Name) -> Exported {
    let (fields, left_out) = on_platform(platform, fields);
    let mut export = Export { fields: &fields, left_out };
    let (pairing, mut files) = export.pairing(name);
    let ade = export.ade(name, &mut files);
    let spec = Spec {
        display_name: export.display_name(),
        tokens: Vec::new(),
        platform: platform.word(),
        description: export.text("description"),
        user_affinity: export.word("userAffinity"),
        authentication: export.word("authentication"),
        company_portal: export.company_portal(),
        supervised: export.bool("supervised"),
        locked_enrollment: export.bool("lockedEnrollment"),
        await_configuration: export.bool("awaitConfiguration"),
        shared_ipad: export.shared_ipad(),
        pairing,
        device_name_template: export.text("deviceNameTemplate"),
        cellular_activation_url: export.text("cellularActivationUrl"),
        department: export.text("department"),
        department_phone: export.text("departmentPhone"),
        setup_assistant: export.setup_assistant(),
        local_admin: export.local_admin(),
        primary_account: export.primary_account(),
        platform_sso: export.bool("platformSso"),
        auto_advance: export.bool("autoAdvance"),
        network_tether: export.bool("networkTether"),
        ade,
    };
    Exported { spec, files, left_out: export.left_out }
}

/// The text of a document that carries `exported` on these tokens.
///
/// # Errors
/// When the serializer refuses, which no value of this module makes it do.
pub fn document(
    name: &Name,
    tokens: &[Name],
    exported: &Exported,
) -> Result<String, serde_saphyr::SerializeError> {
    let spec = Spec { tokens: tokens.to_vec(), ..exported.spec.clone() };
    let document = Document {
        api_version: super::kinds::API_VERSION,
        kind: "EnrollmentProfile",
        metadata: Metadata { name },
        spec,
    };
    // Texts of several lines are quoted: a block scalar would not keep every kind of line end.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false, compact_list_indent: false };
    serde_saphyr::to_string_with_options(&document, options)
}

/// What a document of the platform can name, and the rest with the reason.
fn on_platform(platform: Platform, fields: &Fields) -> (Fields, Vec<(FieldName, String)>) {
    let has = |field: &str| match field.strip_prefix("setupAssistant.") {
        Some(name) => SCREENS.iter().any(|screen| screen.name == name && is_on(screen, platform)),
        None => settings::setting(field)
            .is_some_and(|setting| Side::ALL.iter().any(|side| setting.is_carried(*side, platform))),
    };
    let (known, others): (Fields, Fields) =
        fields.iter().map(|(field, value)| (field.clone(), value.clone())).partition(|(field, _)| has(field));
    let told = |(field, _)| (field, format!("documents for {} do not have it", platform.devices()));
    (known, others.into_iter().map(told).collect())
}

fn is_on(screen: &Screen, platform: Platform) -> bool {
    Side::ALL.iter().any(|side| screen.is_carried(*side, platform))
}

struct Export<'f> {
    fields: &'f Fields,
    left_out: Vec<(FieldName, String)>,
}

impl Export<'_> {
    fn leave_out(&mut self, field: &'static str, why: impl Into<String>) {
        self.left_out.push((field.into(), why.into()));
    }

    /// A text in which `${name}` would be filled.
    fn text(&mut self, field: &'static str) -> Field<String> {
        match self.fields.get(field) {
            Some(Value::Text(text)) if text.contains("${") => {
                self.leave_out(field, "it holds `${`, which documents fill from a token's `values`");
                Field::Missing
            }
            Some(Value::Text(text)) => Field::Set(text.clone()),
            Some(Value::None) => Field::Null,
            _ => Field::Missing,
        }
    }

    /// A text that a document cannot have blank.
    fn filled(&mut self, field: &'static str) -> Field<String> {
        match self.text(field) {
            Field::Set(text) if text.trim().is_empty() => {
                self.leave_out(field, "it is blank");
                Field::Missing
            }
            text => text,
        }
    }

    /// The name at the service. A document has no way to wish none: its own name stands for it.
    fn display_name(&mut self) -> Field<String> {
        match self.text("displayName") {
            Field::Null => {
                self.leave_out("displayName", "it is empty, and a document gives every profile a name");
                Field::Missing
            }
            Field::Set(text) if text.trim().is_empty() => {
                self.leave_out("displayName", "it is blank, and a document gives every profile a name");
                Field::Missing
            }
            text => text,
        }
    }

    /// A word of an enum; nothing is no word (P-2, P-3).
    fn word(&self, field: &str) -> Field<String> {
        match self.fields.get(field) {
            Some(Value::Text(word)) => Field::Set(word.clone()),
            _ => Field::Missing,
        }
    }

    fn bool(&self, field: &str) -> Field<bool> {
        self.fields.get(field).and_then(Value::as_bool).map_or(Field::Missing, Field::Set)
    }

    /// A number within the bounds of its field; `null` stands for none where `none_is_null`.
    fn int(&mut self, field: &'static str, bounds: (i64, i64), none_is_null: bool) -> Field<i64> {
        match self.fields.get(field) {
            Some(Value::Int(number)) if (bounds.0..=bounds.1).contains(number) => Field::Set(*number),
            Some(Value::Int(number)) => {
                let why = format!("{number} is not within {} to {}", bounds.0, bounds.1);
                self.leave_out(field, why);
                Field::Missing
            }
            Some(Value::None) if none_is_null => Field::Null,
            _ => Field::Missing,
        }
    }

    fn shared_ipad(&mut self) -> Field<SharedIpad> {
        const TIMEOUT: (i64, i64) = (0, i32::MAX as i64);
        match self.fields.get("sharedIpad") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Field::Null,
            _ => return Field::Missing,
        }
        let mut shared = SharedIpad {
            temporary_session_only: self.bool("sharedIpad.temporarySessionOnly"),
            temporary_session_timeout_seconds: self.int(
                "sharedIpad.temporarySessionTimeoutSeconds",
                TIMEOUT,
                false,
            ),
            ..SharedIpad::default()
        };
        if shared.temporary_session_only != Field::Set(true) {
            shared.maximum_cached_users = self.int("sharedIpad.maximumCachedUsers", (1, 24), false);
            shared.password_after_lock_seconds =
                self.int("sharedIpad.passwordAfterLockSeconds", (0, 14_400), true);
            shared.user_session_timeout_seconds =
                self.int("sharedIpad.userSessionTimeoutSeconds", TIMEOUT, false);
        }
        Field::Set(shared)
    }

    fn company_portal(&mut self) -> Option<CompanyPortal> {
        let vpp_token = match self.fields.get(VPP_TOKEN).and_then(Value::as_text) {
            Some(unnamed) if is_id(unnamed) => {
                let why = format!("the display name of its VPP token ({unnamed}) is not known");
                self.leave_out(VPP_TOKEN, why);
                Field::Missing
            }
            _ => self.filled(VPP_TOKEN),
        };
        let portal = CompanyPortal {
            install: self.bool("companyPortal.install"),
            vpp_token,
            single_app_mode: self.bool("companyPortal.singleAppMode"),
        };
        (portal != CompanyPortal::default()).then_some(portal)
    }

    fn local_admin(&mut self) -> Field<LocalAdmin> {
        match self.fields.get("localAdmin") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Field::Null,
            _ => return Field::Missing,
        }
        let names = (self.filled("localAdmin.userName"), self.filled("localAdmin.fullName"));
        let (user_name @ Field::Set(_), full_name @ Field::Set(_)) = names else {
            self.leave_out("localAdmin", "a document gives it a user name and a full name");
            return Field::Missing;
        };
        Field::Set(LocalAdmin {
            user_name,
            full_name,
            hidden: self.bool("localAdmin.hidden"),
            rotate_every_days: self.int("localAdmin.rotateEveryDays", (1, 180), true),
            rotate_after_retrieval_hours: self.int("localAdmin.rotateAfterRetrievalHours", (1, 24), true),
        })
    }

    fn primary_account(&mut self) -> Option<PrimaryAccount> {
        let account = PrimaryAccount {
            create: self.bool("primaryAccount.create"),
            standard_user: self.bool("primaryAccount.standardUser"),
            prefill: self.bool("primaryAccount.prefill"),
            user_name: self.text("primaryAccount.userName"),
            full_name: self.text("primaryAccount.fullName"),
            restrict_editing: self.bool("primaryAccount.restrictEditing"),
        };
        (account != PrimaryAccount::default()).then_some(account)
    }

    fn pairing(&self, name: &Name) -> (Option<Pairing>, Vec<(PathBuf, Vec<u8>)>) {
        let mut files = Vec::new();
        let mode = self.word("pairing.mode");
        let certificates = self.certificates("pairing.certificates", &name.to_string(), &mut files);
        let known = !(mode.is_missing() && certificates.is_missing());
        (known.then_some(Pairing { mode, certificates }), files)
    }

    /// A list of certificates as files that are called `certs/CALLED-1.pem` and so on.
    fn certificates(
        &self,
        field: &str,
        called: &str,
        files: &mut Vec<(PathBuf, Vec<u8>)>,
    ) -> Field<Vec<PathBuf>> {
        match self.fields.get(field) {
            Some(Value::List(ders)) => {
                let file = |(number, der): (usize, &String)| {
                    (PathBuf::from(format!("certs/{called}-{number}.pem")), pem(der).into_bytes())
                };
                let made: Vec<_> = (1..).zip(ders).map(file).collect();
                let paths = made.iter().map(|(path, _)| path.clone()).collect();
                files.extend(made);
                Field::Set(paths)
            }
            Some(Value::None) => Field::Null,
            _ => Field::Missing,
        }
    }

    fn ade(&mut self, name: &Name, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Option<Ade> {
        let any = self.fields.keys().any(|field| field.starts_with("ade."));
        let needed = any.then(|| (self.filled("ade.url"), self.filled("ade.orgMagic")))?;
        let (url @ Field::Set(_), org_magic @ Field::Set(_)) = needed else {
            self.leave_out("ade", "a document gives it `url` and `orgMagic`");
            return None;
        };
        Some(Ade {
            url,
            org_magic,
            configuration_web_url: self.text("ade.configurationWebUrl"),
            mandatory: self.bool("ade.mandatory"),
            support_email: self.text("ade.supportEmail"),
            language: self.text("ade.language"),
            region: self.text("ade.region"),
            anchor_certificates: self.certificates(
                "ade.anchorCertificates",
                &format!("{name}-anchor"),
                files,
            ),
            return_to_service: self.bool("ade.returnToService"),
            ignore_profile_from_backup: self.bool("ade.ignoreProfileFromBackup"),
        })
    }

    fn setup_assistant(&self) -> Option<SetupAssistant> {
        let mut screens = SetupAssistant::default();
        for screen in SCREENS {
            let field = format!("setupAssistant.{}", screen.name);
            match self.fields.get(field.as_str()).and_then(Value::as_text) {
                Some("hide") => screens.hide.push(screen.name),
                Some("show") => screens.show.push(screen.name),
                _ => {}
            }
        }
        (screens != SetupAssistant::default()).then_some(screens)
    }
}

/// Whether a VPP token is shown by its id, since its name was not read.
fn is_id(shown: &str) -> bool {
    shown.strip_prefix("id ").is_some_and(|id| uuid::Uuid::parse_str(id).is_ok())
}

/// PEM of a certificate that is base64 of its DER already.
fn pem(der_base64: &str) -> String {
    let base64: Vec<char> = der_base64.chars().filter(|one| !one.is_whitespace()).collect();
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in base64.chunks(PEM_COLUMNS) {
        pem.extend(line);
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "export_direct_tests.rs"]
mod direct_tests;
