//! What the service refuses in a profile's body (reference sections 3.2 to 3.6, quirks 2, 5, 7).

use serde_json::{Map, Value};

use super::members::{self, Shape};
use super::reply::Refusal;

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

/// Checks what was written, and the whole profile that would come of it.
///
/// # Errors
/// A refusal that names the rule.
pub(super) fn check(
    kind: &str,
    written: &Map<String, Value>,
    whole: &Map<String, Value>,
) -> Result<(), Refusal> {
    let yes = |name: &str| whole.get(name).and_then(Value::as_bool).unwrap_or(false);
    let refuse = |text: &str| Err(Refusal::told(text.to_owned()));
    if whole.get("displayName").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        return refuse("DisplayName must not be empty.");
    }
    if yes("enableAuthenticationViaCompanyPortal")
        && yes("requireCompanyPortalOnSetupAssistantEnrolledDevices")
    {
        return refuse(
            "EnableAuthenticationViaCompanyPortal and RequireCompanyPortalOnSetupAssistantEnrolledDevices \
             cannot both be true.",
        );
    }
    if !yes("isMandatory") && !yes("requiresUserAuthentication") {
        return refuse("IsMandatory must be true when RequiresUserAuthentication is false.");
    }
    if !yes("isMandatory") && yes("autoAdvanceSetupEnabled") {
        return refuse("IsMandatory must be true when AutoAdvanceSetupEnabled is true.");
    }
    if yes("usePlatformSSODuringSetupAssistant") && yes("configurationWebUrl") {
        return refuse("UsePlatformSSODuringSetupAssistant cannot be true when ConfigurationWebUrl is true.");
    }
    if let Some(keys) = written.get("enabledSkipKeys").and_then(Value::as_array) {
        for key in keys.iter().filter_map(Value::as_str) {
            if ["Privacy", "Registration"].contains(&key) {
                return refuse(&format!("'{key}' is not a valid value of EnabledSkipKeys."));
            }
        }
    }
    let template = written.get("deviceNameTemplate").and_then(Value::as_str).unwrap_or_default();
    if template.chars().count() > LONGEST_NAME_TEMPLATE {
        return refuse("DeviceNameTemplate must not be longer than 63 characters.");
    }
    let certificates = written.get("managementCertificates").and_then(Value::as_array);
    if members::shape(kind, "managementCertificates") == Some(Shape::Certificates)
        && certificates.is_some_and(|items| items.len() > MOST_CERTIFICATES)
    {
        return refuse("ManagementCertificates must not have more than 10 elements.");
    }
    Ok(())
}
