//! What the service refuses in a profile's body (reference sections 3.2 to 3.6, quirks 2, 5, 7).

use serde_json::{Map, Value};
use url::Url;

use super::members;
use super::reply::Refusal;
use crate::sim::vpp::VppToken;

/// The most members of `managementCertificates`.
const MOST_CERTIFICATES: usize = 10;
/// The longest `deviceNameTemplate`, in characters.
const LONGEST_NAME_TEMPLATE: usize = 63;

/// Reads the body of a create or update: the type and the members written.
///
/// # Errors
/// A refusal for a body that is no object, lacks `@odata.type`, or holds a member that the type
/// does not have, that is not writable, or that has another JSON type.
pub(super) fn read(body: &[u8]) -> Result<(String, Map<String, Value>), Refusal> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else {
        return Err(Refusal::bad_request("Unable to read JSON request payload."));
    };
    let Some(Value::String(odata_type)) = members.remove("@odata.type") else {
        return Err(Refusal::bad_request(
            "Cannot create an abstract class: the annotation '@odata.type' is missing.",
        ));
    };
    let kind = members::bare_type(&odata_type).to_owned();
    if !["depIOSEnrollmentProfile", "depMacOSEnrollmentProfile"].contains(&kind.as_str()) {
        return Err(Refusal::told(format!("A profile of type '{odata_type}' cannot be written here.")));
    }
    for (name, value) in &members {
        if ["id", "isDefault", "configurationEndpointUrl"].contains(&name.as_str()) {
            return Err(Refusal::told(format!("The property '{name}' is read-only.")));
        }
        let Some(shape) = members::shape(&kind, name) else {
            return Err(Refusal::bad_request(format!(
                "The property '{name}' does not exist on type 'microsoft.graph.{kind}'."
            )));
        };
        if !shape.fits(value) {
            return Err(Refusal::bad_request(format!(
                "Cannot convert the literal of property '{name}' to the expected type."
            )));
        }
    }
    Ok((kind, members))
}

/// Checks the whole profile that would come of a write.
///
/// `before` is the profile as it is; `None` for a create. What it breaks already it may go on
/// breaking: older versions of the service took it. Only a profile that nobody could enroll with
/// is refused at every write.
///
/// # Errors
/// A refusal that names the rule.
pub(super) fn check(
    kind: &str,
    written: &Map<String, Value>,
    before: Option<&Map<String, Value>>,
    whole: &Map<String, Value>,
) -> Result<(), Refusal> {
    if let Some(keys) = written.get("enabledSkipKeys").and_then(Value::as_array) {
        for key in keys.iter().filter_map(Value::as_str) {
            if ["Privacy", "Registration"].contains(&key) {
                return Err(Refusal::told(format!("'{key}' is not a valid value of EnabledSkipKeys.")));
            }
        }
    }
    let platform: &[Rule] = match kind {
        "depIOSEnrollmentProfile" => IOS,
        "depMacOSEnrollmentProfile" => MACOS,
        _ => &[],
    };
    let (whole, before) = (Whole(whole), before.map(Whole));
    for rule in BOTH.iter().chain(platform).filter(|rule| (rule.is_broken)(&whole)) {
        let forgiven = !rule.always && before.as_ref().is_some_and(|before| (rule.is_broken)(before));
        if !forgiven {
            return Err(Refusal::told(rule.says));
        }
    }
    Ok(())
}

/// Checks that a VPP token that is written is there; null, the empty text and the zero GUID are
/// none.
///
/// # Errors
/// A refusal for a token that the tenant does not have.
pub(super) fn check_vpp_token(written: &Map<String, Value>, tokens: &[VppToken]) -> Result<(), Refusal> {
    let id = written.get("companyPortalVppTokenId").and_then(Value::as_str).unwrap_or_default();
    if is_none(id) || tokens.iter().any(|token| token.id.eq_ignore_ascii_case(id)) {
        return Ok(());
    }
    Err(Refusal::told(format!("CompanyPortalVppTokenId: there is no VPP token with the id '{id}'.")))
}

/// A rule over the members of one profile.
struct Rule {
    /// The refusal.
    says: &'static str,
    /// Whether it is refused also where the profile broke it before.
    always: bool,
    is_broken: fn(&Whole<'_>) -> bool,
}

impl Rule {
    const fn new(says: &'static str, is_broken: fn(&Whole<'_>) -> bool) -> Self {
        Self { says, always: false, is_broken }
    }

    const fn always(self) -> Self {
        Self { always: true, ..self }
    }
}

/// All members of a profile.
struct Whole<'a>(&'a Map<String, Value>);

impl Whole<'_> {
    fn yes(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> i64 {
        self.0.get(name).and_then(Value::as_i64).unwrap_or_default()
    }

    fn count(&self, name: &str) -> usize {
        self.0.get(name).and_then(Value::as_array).map_or(0, Vec::len)
    }

    fn installs_company_portal(&self) -> bool {
        self.yes("enableAuthenticationViaCompanyPortal")
            || self.yes("requireCompanyPortalOnSetupAssistantEnrolledDevices")
    }

    fn names_vpp_token(&self) -> bool {
        !is_none(self.text("companyPortalVppTokenId"))
    }

    /// Whether a member is a number of seconds below 30 that is not "never".
    fn is_too_short(&self, name: &str) -> bool {
        !matches!(self.number(name), 0 | 30..)
    }

    fn rotation(&self, path: &[&str]) -> Option<i64> {
        let setting = self.0.get("depProfileAdminAccountPasswordRotationSetting")?;
        path.iter().try_fold(setting, |place, name| place.get(name))?.as_i64()
    }
}

/// Whether the id of a VPP token means none.
fn is_none(id: &str) -> bool {
    id.is_empty() || id == NO_VPP_TOKEN
}

/// What a portal-made profile carries for no VPP token (reference section 3.5).
const NO_VPP_TOKEN: &str = "00000000-0000-0000-0000-000000000000";

/// Rules of both platforms (reference sections 3.3 and 3.4, quirk 7).
const BOTH: &[Rule] = &[
    Rule::new("DisplayName must not be empty.", |it| it.text("displayName").trim().is_empty()).always(),
    Rule::new(
        "EnableAuthenticationViaCompanyPortal and RequireCompanyPortalOnSetupAssistantEnrolledDevices cannot \
         both be true.",
        |it| {
            it.yes("enableAuthenticationViaCompanyPortal")
                && it.yes("requireCompanyPortalOnSetupAssistantEnrolledDevices")
        },
    ),
    Rule::new("IsMandatory must be true when RequiresUserAuthentication is false.", |it| {
        !it.yes("isMandatory") && !it.yes("requiresUserAuthentication")
    })
    .always(),
    Rule::new("DeviceNameTemplate must not be longer than 63 characters.", |it| {
        it.text("deviceNameTemplate").chars().count() > LONGEST_NAME_TEMPLATE
    }),
];

/// Rules of iOS (reference section 3.5). Locked enrollment of an unsupervised device is none of
/// them: no source says that the service refuses it.
const IOS: &[Rule] = &[
    Rule::new("CompanyPortalVppTokenId needs the Company Portal to be installed.", |it| {
        it.names_vpp_token() && !it.installs_company_portal() && !it.yes("configurationWebUrl")
    }),
    Rule::new(
        "EnableSingleAppEnrollmentMode needs CompanyPortalVppTokenId and the Company Portal to be installed.",
        |it| {
            it.yes("enableSingleAppEnrollmentMode") && !(it.names_vpp_token() && it.installs_company_portal())
        },
    ),
    Rule::new(
        "EnableSharedIPad needs RequiresUserAuthentication false and SupervisedModeEnabled true.",
        |it| {
            it.yes("enableSharedIPad")
                && (it.yes("requiresUserAuthentication") || !it.yes("supervisedModeEnabled"))
        },
    ),
    Rule::new("AwaitDeviceConfiguredConfirmation is not available with EnableSharedIPad.", |it| {
        it.yes("enableSharedIPad")
            && !it.yes("requiresUserAuthentication")
            && it.yes("awaitDeviceConfiguredConfirmation")
    }),
    Rule::new("SharedIPadMaximumUserCount must not be more than 24.", |it| {
        !(0..=24).contains(&it.number("sharedIPadMaximumUserCount"))
    }),
    Rule::new("PasscodeLockGracePeriodInSeconds must be from 0 to 14400.", |it| {
        !(0..=14_400).contains(&it.number("passcodeLockGracePeriodInSeconds"))
    }),
    Rule::new("UserSessionTimeoutInSeconds must be 0 or at least 30.", |it| {
        it.is_too_short("userSessionTimeoutInSeconds")
    }),
    Rule::new("TemporarySessionTimeoutInSeconds must be 0 or at least 30.", |it| {
        it.is_too_short("temporarySessionTimeoutInSeconds")
    }),
    Rule::new("ITunesPairingMode requiresCertificate needs ManagementCertificates.", |it| {
        it.text("iTunesPairingMode") == "requiresCertificate" && it.count("managementCertificates") == 0
    }),
    Rule::new("ManagementCertificates must not have more than 10 elements.", |it| {
        it.count("managementCertificates") > MOST_CERTIFICATES
    }),
    Rule::new("CarrierActivationUrl must be a URL.", |it| {
        let text = it.text("carrierActivationUrl");
        let is_url = Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        !text.is_empty() && !is_url
    }),
];

/// Rules of macOS (reference section 3.6).
const MACOS: &[Rule] = &[
    Rule::new("IsMandatory must be true when AutoAdvanceSetupEnabled is true.", |it| {
        !it.yes("isMandatory") && it.yes("autoAdvanceSetupEnabled")
    })
    .always(),
    Rule::new("UsePlatformSSODuringSetupAssistant cannot be true when ConfigurationWebUrl is true.", |it| {
        it.yes("usePlatformSSODuringSetupAssistant") && it.yes("configurationWebUrl")
    }),
    Rule::new("AutoRotationPeriodInDays must be from 1 to 180.", |it| {
        it.rotation(&["autoRotationPeriodInDays"]).is_some_and(|days| !(1..=180).contains(&days))
    }),
    Rule::new("OnRetrievalDelayAutoRotatePasswordInHours must be from 1 to 24.", |it| {
        let hours = ["depProfileDelayAutoRotationSetting", "onRetrievalDelayAutoRotatePasswordInHours"];
        it.rotation(&hours).is_some_and(|hours| !(1..=24).contains(&hours))
    }),
];
