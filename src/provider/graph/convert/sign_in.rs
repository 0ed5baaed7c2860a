//! How people sign in: the matrix of reference section 3.7.

use serde_json::{Map, Value as Json, json};

use super::{AFFINITY, AUTHENTICATION, INSTALL, name};
use crate::model::{Fields, Platform, Value};

pub(super) const REQUIRES_USER: &str = "requiresUserAuthentication";
const VIA_PORTAL: &str = "enableAuthenticationViaCompanyPortal";
const PORTAL_REQUIRED: &str = "requireCompanyPortalOnSetupAssistantEnrolledDevices";
// A boolean in spite of its name.
const WEB_SIGN_IN: &str = "configurationWebUrl";
const SHARED_MODE: &str = "userlessSharedAadModeEnabled";

/// The rows of the sign-in matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignInMethod {
    NoUser,
    EntraShared,
    CompanyPortal,
    Legacy,
    Modern,
}

/// What a body is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

impl SignInMethod {
    /// The row that the fields name; `None` if they name none, as for a user without a method, which
    /// the rules refuse (P-3).
    pub(super) fn of(fields: &Fields) -> Option<Self> {
        match fields.get(AFFINITY)?.as_text()? {
            "none" => Some(Self::NoUser),
            "entraShared" => Some(Self::EntraShared),
            "user" => match fields.get(AUTHENTICATION)?.as_text()? {
                "companyPortal" => Some(Self::CompanyPortal),
                "setupAssistantLegacy" => Some(Self::Legacy),
                "setupAssistantModern" => Some(Self::Modern),
                _ => None,
            },
            _ => None,
        }
    }

    /// Writes the row. `install` is `companyPortal.install`, which only the legacy method has.
    pub(super) fn write(
        self,
        body: &mut Map<String, Json>,
        platform: Platform,
        purpose: Purpose,
        install: Option<bool>,
    ) {
        let create = purpose == Purpose::Create;
        let mut set = |member: &str, value: bool| body.insert(member.into(), json!(value));
        set(REQUIRES_USER, matches!(self, Self::CompanyPortal | Self::Legacy | Self::Modern));
        set(WEB_SIGN_IN, self == Self::Modern);
        if platform == Platform::Ios {
            set(SHARED_MODE, self == Self::EntraShared);
        }
        // With modern sign-in the sources disagree about both Company Portal members. A new profile
        // gets false; what a portal-made one has is not touched.
        if self != Self::Modern || create {
            set(VIA_PORTAL, self == Self::CompanyPortal);
        }
        // Legacy sign-in has the choice, on iOS; unless it is wished a new profile gets false and a
        // live value stays. Beside Company Portal sign-in it must be false, for the service refuses
        // both: what the portal app is signed in with needs no second installation.
        if !matches!(self, Self::Modern | Self::Legacy) || create {
            set(PORTAL_REQUIRED, false);
        }
        self.write_install(body, platform, install);
    }

    /// Writes "Install Company Portal" where the method has the choice.
    pub(super) fn write_install(
        self,
        body: &mut Map<String, Json>,
        platform: Platform,
        install: Option<bool>,
    ) {
        if let (Self::Legacy, Platform::Ios, Some(install)) = (self, platform, install) {
            body.insert(PORTAL_REQUIRED.into(), json!(install));
        }
    }
}

/// Reads the row, and the choice that the legacy method has.
pub(super) fn read(fields: &mut Fields, members: &Map<String, Json>, platform: Platform) {
    let member = |name: &str| members.get(name).and_then(Json::as_bool);
    let Some(with_user) = member(REQUIRES_USER) else { return };
    let (affinity, method) = match with_user {
        false if member(SHARED_MODE) == Some(true) => ("entraShared", Value::None),
        false => ("none", Value::None),
        // Web sign-in decides first: beside it the two others may have any value.
        true if member(WEB_SIGN_IN) == Some(true) => ("user", Value::text("setupAssistantModern")),
        true if member(VIA_PORTAL) == Some(true) => ("user", Value::text("companyPortal")),
        true => ("user", Value::text("setupAssistantLegacy")),
    };
    fields.insert(name(AFFINITY), Value::text(affinity));
    fields.insert(name(AUTHENTICATION), method);
    if platform == Platform::Ios
        && SignInMethod::of(fields) == Some(SignInMethod::Legacy)
        && let Some(install) = member(PORTAL_REQUIRED)
    {
        fields.insert(name(INSTALL), Value::Bool(install));
    }
}
