//! What went wrong at the service, in words that tell where, why and what to do next.

use std::fmt;

use base64::Engine as _;
use serde::Deserialize;

use super::quoted::without_secret_members;
use crate::http::redact::Redactor;
use crate::http::{Answer, NoAnswer};
use crate::model::ActionKind;
use crate::model::live::{Cause, Unknown};

/// What was being done when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Getting a bearer from Entra.
    SignIn,
    /// Listing the enrollment tokens.
    ReadTokens,
    /// Reading one enrollment token.
    ReadToken,
    /// Listing the scope tags.
    ReadScopeTags,
    /// Listing the VPP tokens.
    ReadVppTokens,
    /// Reading the Apple MDM push certificate.
    ReadPushCertificate,
    /// Listing a token's profiles.
    ReadProfiles,
    /// Listing a token's device identities.
    ReadDevices,
    /// Reading the key that Apple has to encrypt a token for.
    ReadEncryptionKey,
    /// Listing the managed devices.
    ListRecords,
    /// Reading one managed device, right before something is sent.
    ReadRecord,
    /// Reading a device's Activation Lock bypass code (L-3).
    ReadBypassCode,
    /// Reading what a device's results hold: PINs, passcodes, places.
    ReadActionSecrets,
    /// Listing the tenant's record of remote actions.
    ListAudits,
    /// Asking how far a multi admin approval is.
    ReadApproval,
    /// Changing name or scope tags of a token.
    UpdateToken,
    /// Deleting a token (T-9).
    DeleteToken,
    /// Creating a profile.
    CreateProfile,
    /// Changing a profile.
    UpdateProfile,
    /// Deleting a profile.
    DeleteProfile,
    /// Setting a token's default profile (P-30).
    SetDefault,
    /// Giving devices a profile.
    Assign,
    /// Asking for a sync with Apple (S-2).
    Sync,
    /// Making a new key for a token (T-1).
    GenerateEncryptionKey,
    /// Giving the tenant a renewed token (T-7).
    UploadToken,
    /// Asking for something to be done to a device.
    Act(ActionKind),
}

impl Operation {
    /// The least application permission (reference intune-graph section 7.1).
    pub fn permission(self) -> &'static str {
        match self {
            Operation::SignIn
            | Operation::ReadTokens
            | Operation::ReadToken
            | Operation::ReadProfiles
            | Operation::ReadVppTokens
            | Operation::ReadEncryptionKey
            | Operation::ReadDevices => "DeviceManagementServiceConfig.Read.All",
            Operation::ReadScopeTags => "DeviceManagementRBAC.Read.All",
            // The lesser of the two that its page names.
            Operation::ReadPushCertificate
            | Operation::ListRecords
            | Operation::ReadRecord
            | Operation::ReadBypassCode
            | Operation::ReadActionSecrets
            | Operation::ListAudits => "DeviceManagementManagedDevices.Read.All",
            // The other one that its page names is for configuration.
            Operation::ReadApproval => "DeviceManagementRBAC.Read.All",
            Operation::Act(ActionKind::DeleteRecord) => "DeviceManagementManagedDevices.ReadWrite.All",
            Operation::Act(_) => "DeviceManagementManagedDevices.PrivilegedOperations.All",
            Operation::UpdateToken
            | Operation::DeleteToken
            | Operation::CreateProfile
            | Operation::UpdateProfile
            | Operation::DeleteProfile
            | Operation::SetDefault
            | Operation::Assign
            | Operation::Sync
            | Operation::GenerateEncryptionKey
            | Operation::UploadToken => "DeviceManagementServiceConfig.ReadWrite.All",
        }
    }

    /// Whether it is of the group of resources that the service limits as "Devices" (reference
    /// intune-graph section 8.1).
    pub(super) const fn is_of_devices(self) -> bool {
        matches!(
            self,
            Operation::ReadPushCertificate
                | Operation::ListRecords
                | Operation::ReadRecord
                | Operation::ReadBypassCode
                | Operation::ReadActionSecrets
                | Operation::ListAudits
                | Operation::Act(_)
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::ListRecords => "reading the managed devices",
            Operation::ReadRecord => "reading a managed device",
            Operation::ReadBypassCode => "reading an Activation Lock bypass code",
            Operation::ReadActionSecrets => "reading the results of a device's actions",
            Operation::ListAudits => "reading the record of remote actions",
            Operation::ReadApproval => "asking for a multi admin approval",
            Operation::Act(kind) => return write!(f, "sending the action {kind}"),
            Operation::SignIn => "signing in",
            Operation::ReadTokens => "reading the enrollment tokens",
            Operation::ReadToken => "reading an enrollment token",
            Operation::ReadScopeTags => "reading the scope tags",
            Operation::ReadVppTokens => "reading the VPP tokens",
            Operation::ReadPushCertificate => "reading the Apple MDM push certificate",
            Operation::ReadProfiles => "reading the enrollment profiles",
            Operation::ReadDevices => "reading the device identities",
            Operation::UpdateToken => "updating the enrollment token",
            Operation::DeleteToken => "deleting the enrollment token",
            Operation::CreateProfile => "creating the enrollment profile",
            Operation::UpdateProfile => "updating the enrollment profile",
            Operation::DeleteProfile => "deleting the enrollment profile",
            Operation::SetDefault => "setting the default profile",
            Operation::Assign => "assigning devices",
            Operation::Sync => "asking for a sync with Apple",
            Operation::ReadEncryptionKey => "reading the token's public key",
            Operation::GenerateEncryptionKey => "making a new key for the token",
            Operation::UploadToken => "uploading the renewed token",
        })
    }
}

/// A failed operation. No text in it holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} failed{}{}: {message}{}", Status(*.status), Code(.code), Request(.request_id))]
pub struct ServiceError {
    /// What was being done.
    pub operation: Operation,
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The service's error code, e.g. `ResourceNotFound` or `AADSTS7000215`.
    pub code: Option<String>,
    /// The service's words, or ours; at most 500 characters.
    pub message: String,
    /// The id under which the service's support finds the request.
    pub request_id: Option<String>,
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// What to do next.
    pub next: String,
}

struct Status(Option<u16>);
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |status| write!(f, " with status {status}"))
    }
}

struct Code<'a>(&'a Option<String>);
impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}

struct Request<'a>(&'a Option<String>);
impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |id| write!(f, " (request id {id})"))
    }
}

impl From<ServiceError> for Unknown {
    fn from(error: ServiceError) -> Self {
        Unknown { cause: error.cause, reason: error.to_string(), next: error.next }
    }
}

const TRY_LATER: &str = "run again later; if it lasts, see the tenant's service health";

impl ServiceError {
    /// An error that espalier itself noticed.
    pub(super) fn own(operation: Operation, cause: Cause, message: String, next: &str) -> Self {
        let next = next.to_owned();
        Self { operation, status: None, code: None, message, request_id: None, cause, next }
    }

    /// No answer came.
    pub(super) fn no_answer(operation: Operation, failure: &NoAnswer, redactor: &Redactor) -> Self {
        let next = match failure {
            NoAnswer::NotConnected(_) => "check the network, the proxy and the host name, then run again",
            NoAnswer::TimedOut | NoAnswer::Cut(_) | NoAnswer::TooLong(_) => TRY_LATER,
        };
        Self::own(operation, Cause::Unavailable, redactor.clean(&failure.to_string()), next)
    }

    /// The service answered with something that cannot be read.
    pub(super) fn unreadable(operation: Operation, detail: &str, redactor: &Redactor) -> Self {
        let message = format!("the answer cannot be read: {}", redactor.clean(detail));
        Self::own(operation, Cause::Unavailable, message, TRY_LATER)
    }

    /// The service answered with an error status.
    pub(super) fn from_answer(operation: Operation, answer: &Answer, redactor: &Redactor) -> Self {
        let body = serde_json::from_slice::<Envelope>(&answer.body).unwrap_or_default().error;
        let (message, activity) = in_plain_words(&body.message);
        let clean = |text: &str| redactor.clean(&without_secret_members(text));
        let message = match clean(&message) {
            empty if empty.trim().is_empty() => "the service gave no reason".to_owned(),
            message => message,
        };
        let claims =
            answer.header("www-authenticate").filter(|_| answer.status == 401).and_then(claims_asked);
        let message = match &claims {
            Some(asked) => redactor.clean(&format!("{message} (claims challenge: {asked})")),
            None => message,
        };
        let approval = body.code == "ApprovalRequired" || answer.header("x-msft-approval-code").is_some();
        let refusal = Refusal {
            operation,
            status: answer.status,
            message: &message,
            approval,
            challenged: claims.is_some(),
        };
        let request_id = body
            .inner
            .request_id
            .or_else(|| answer.header("request-id").map(str::to_owned))
            .or(body.inner.client_request_id)
            .or(activity);
        Self {
            operation,
            status: Some(answer.status),
            code: Some(body.code).filter(|code| !code.is_empty()).map(|code| clean(&code)),
            cause: refusal.cause(),
            next: refusal.next(),
            message,
            request_id: request_id.map(|id| clean(&id)),
        }
    }
}

/// What decides the cause of a refusal and the advice.
struct Refusal<'a> {
    operation: Operation,
    status: u16,
    message: &'a str,
    approval: bool,
    /// Entra demands another sign-in than any that an app can offer by itself.
    challenged: bool,
}

impl Refusal<'_> {
    /// A tenant that was never set up for Apple devices answers as if the collection did not exist
    /// (reference intune-graph section 8.5).
    fn without_apple(&self) -> bool {
        self.message.contains("Resource not found for the segment")
    }

    fn cause(&self) -> Cause {
        let about_values = matches!(self.operation, Operation::CreateProfile | Operation::UpdateProfile);
        match self.status {
            _ if self.approval || self.without_apple() => Cause::Credentials,
            401 | 403 => Cause::Credentials,
            429 => Cause::Throttled,
            400 | 422 if about_values => Cause::Manifest,
            _ => Cause::Unavailable,
        }
    }

    fn next(&self) -> String {
        if self.approval {
            return "a multi admin approval policy intercepts this request; exclude the app from the policy or make the change in the portal".into();
        }
        if self.without_apple() {
            return "set up the Apple MDM push certificate and an enrollment token in the Intune portal first".into();
        }
        match self.status {
            401 if self.challenged => {
                "Entra took the bearer back and asks for a stronger sign-in (continuous access evaluation, or Conditional Access for workload identities), which an app cannot give: see whether the app's credentials were revoked or the app disabled, and whether the policy lets it in from this network; then run again".into()
            }
            401 => {
                "the bearer was refused twice; check the app registration and its conditional access".into()
            }
            403 => format!(
                "grant the app the application permission {} and consent to it; check that the tenant has an Intune licence",
                self.operation.permission()
            ),
            429 => "the service asks for patience; run again later or allow a longer wait".into(),
            404 => "somebody may have deleted it in between; plan again".into(),
            400 | 422 if self.cause() == Cause::Manifest => {
                "change the value that the message names in the document, then plan again".into()
            }
            400..500 => {
                "see the message, and give the request id to Microsoft's support if it does not help".into()
            }
            _ => TRY_LATER.into(),
        }
    }
}

/// The names of what a claims challenge asks for; `None` for any other `WWW-Authenticate` field. The
/// field carries them as base64 of `{"access_token": {NAME: …}}`.
fn claims_asked(field: &str) -> Option<String> {
    let claims = field.split_once("claims=\"").map(|(_, rest)| rest);
    let Some(claims) = claims.and_then(|rest| rest.split('"').next()) else {
        return field.contains("insufficient_claims").then(|| "unnamed".to_owned());
    };
    let claims = claims.trim_end_matches('=');
    let engines = base64::engine::general_purpose::STANDARD_NO_PAD;
    let json =
        engines.decode(claims).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let names = json.as_ref().and_then(|json| json.get("access_token")?.as_object());
    let names: Vec<&str> = names.into_iter().flat_map(|asked| asked.keys()).map(String::as_str).collect();
    Some(if names.is_empty() { "unnamed".to_owned() } else { names.join(", ") })
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Body,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Inner,
}

#[derive(Deserialize, Default)]
struct Inner {
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
    #[serde(default, rename = "client-request-id")]
    client_request_id: Option<String>,
}

/// Intune puts a JSON document as text into `message`, whose own `Message` ends with ids and an
/// internal address (reference intune-graph section 8.5). Returns its words, and its activity id.
fn in_plain_words(message: &str) -> (String, Option<String>) {
    #[derive(Deserialize)]
    struct Intune {
        #[serde(rename = "Message")]
        message: String,
    }
    if !message.trim_start().starts_with('{') {
        return (message.to_owned(), None);
    }
    let Ok(Intune { message: text }) = serde_json::from_str(message) else {
        return (message.to_owned(), None);
    };
    let activity = text.split_once("Activity ID: ").and_then(|(_, rest)| rest.split_whitespace().next());
    let words = text.split(" - Operation ID").next().unwrap_or(&text).trim();
    (words.to_owned(), activity.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: serde_json::Value) -> Answer {
        Answer { status, headers: Default::default(), body: body.to_string().into() }
    }

    fn error(operation: Operation, status: u16, body: serde_json::Value) -> ServiceError {
        ServiceError::from_answer(operation, &answer(status, body), &Redactor::default())
    }

    #[test]
    fn json_in_the_message_is_decoded() {
        let inner = serde_json::json!({
            "_version": 3,
            "Message": "The name is taken. - Operation ID (for customer support): 1 - Activity ID: abc-1 - Url: https://fef.internal/x",
            "CustomApiErrorPhrase": ""
        });
        let body = serde_json::json!({ "error": { "code": "BadRequest", "message": inner.to_string() } });
        let error = error(Operation::CreateProfile, 400, body);
        assert_eq!(error.message, "The name is taken.");
        assert_eq!(error.request_id.as_deref(), Some("abc-1"));
        assert_eq!(error.cause, Cause::Manifest);
        assert_eq!(
            error.to_string(),
            "creating the enrollment profile failed with status 400 (BadRequest): The name is taken. (request id abc-1)"
        );
    }

    #[test]
    fn both_spellings_of_the_inner_error_give_the_request_id() {
        for spelling in ["innerError", "innererror"] {
            let body = serde_json::json!({ "error": { "code": "X", "message": "m", spelling: { "request-id": "r-1" } } });
            assert_eq!(error(Operation::ReadTokens, 404, body).request_id.as_deref(), Some("r-1"));
        }
    }

    #[test]
    fn a_missing_permission_is_named() {
        let body = serde_json::json!({ "error": { "code": "Forbidden", "message": "no" } });
        let error = error(Operation::ReadScopeTags, 403, body);
        assert_eq!(error.cause, Cause::Credentials);
        assert!(error.next.contains("DeviceManagementRBAC.Read.All"), "{}", error.next);
    }

    #[test]
    fn a_tenant_without_apple_setup_is_explained() {
        let message = "Resource not found for the segment 'depOnboardingSettings'.";
        let body = serde_json::json!({ "error": { "code": "BadRequest", "message": message } });
        let error = error(Operation::ReadTokens, 400, body);
        assert_eq!(error.cause, Cause::Credentials);
        assert!(error.next.contains("push certificate"), "{}", error.next);
    }

    #[test]
    fn a_claims_challenge_is_explained() {
        for (field, asked) in [
            (
                r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjA0MTA2NjUxIn19fQ==""#,
                "nbf",
            ),
            (r#"Bearer error="insufficient_claims""#, "unnamed"),
            (r#"Bearer error="insufficient_claims", claims="%%%""#, "unnamed"),
        ] {
            let body =
                serde_json::json!({ "error": { "code": "InvalidAuthenticationToken", "message": "no" } });
            let mut answer = answer(401, body);
            answer.headers.insert("www-authenticate", field.parse().unwrap());
            let error = ServiceError::from_answer(Operation::ReadTokens, &answer, &Redactor::default());
            assert_eq!(error.message, format!("no (claims challenge: {asked})"));
            assert!(error.next.contains("Conditional Access for workload identities"), "{}", error.next);
            assert_eq!(error.cause, Cause::Credentials);
        }
        assert_eq!(claims_asked(r#"Bearer realm="x", error="invalid_token""#), None);
    }

    #[test]
    fn an_answer_that_is_no_json_is_an_error_all_the_same() {
        let answer = Answer { status: 502, headers: Default::default(), body: "<html>".into() };
        let error = ServiceError::from_answer(Operation::Assign, &answer, &Redactor::default());
        assert_eq!(error.message, "the service gave no reason");
        assert_eq!(error.cause, Cause::Unavailable);
    }
}
