//! What went wrong at Apple Business or Apple School Manager, in words that tell where, why and what to
//! do next.
//!
//! [`super::refusal`] holds the table from Apple's answers to these faults.

use std::fmt;

use crate::http::NoAnswer;
use crate::http::redact::Redactor;
use crate::model::clock::Timestamp;
use crate::model::live::{Cause, Unknown};
use crate::provider::ended::ServiceFailure;
use crate::provider::member::why_unreadable;

/// What was being done when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Getting a bearer (`POST /auth/oauth2/token`).
    SignIn,
    /// Listing all devices (`GET /v1/orgDevices`).
    ReadDevices,
    /// Reading one device.
    ReadDevice,
    /// Asking which service one device belongs to.
    ReadAssignedService,
    /// Asking for the Activation Lock of one device.
    ReadActivationLock,
    /// Listing the device management services (`GET /v1/mdmServers`).
    ReadServices,
    /// Reading one service: the only way to its default families.
    ReadService,
    /// Listing the serials of one service.
    ReadLinkages,
    /// Asking how far an activity is.
    ReadActivity,
    /// Fetching the log of an ended activity from its storage host.
    ReadLog,
    /// Beginning an activity (`POST /v1/orgDeviceActivities`).
    BeginActivity,
    /// Beginning the activity that gives a device up for good.
    Release,
    /// Making a service.
    CreateService,
    /// Changing a service.
    ChangeService,
    /// Deleting a service.
    DeleteService,
}

impl Operation {
    /// What the role of the API account has to allow (reference section 11).
    pub const fn permission(self) -> &'static str {
        match self {
            Operation::BeginActivity => "assign devices to device management services",
            Operation::Release => "release devices",
            Operation::ChangeService | Operation::CreateService | Operation::DeleteService => {
                "manage device management services and their default platforms"
            }
            _ => "view device management services",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::SignIn => "signing in to Apple's account service",
            Operation::ReadDevices => "listing the organisation's devices",
            Operation::ReadDevice => "reading one device of the organisation",
            Operation::ReadAssignedService => "asking which service a device belongs to",
            Operation::ReadActivationLock => "asking for a device's Activation Lock",
            Operation::ReadServices => "listing the device management services",
            Operation::ReadService => "reading a device management service",
            Operation::ReadLinkages => "listing the devices of a service",
            Operation::ReadActivity => "asking how far a device activity is",
            Operation::ReadLog => "fetching the log of a device activity",
            Operation::BeginActivity => "beginning a device activity",
            Operation::Release => "releasing a device",
            Operation::CreateService => "making a device management service",
            Operation::ChangeService => "changing a device management service",
            Operation::DeleteService => "deleting a device management service",
        })
    }
}

/// The kinds of failure, each with a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `invalid_client`: the key was revoked, or key id and client id are not its own.
    ClientRefused,
    /// `invalid_scope`: the API account is of the other edition.
    ScopeRefused,
    /// The token endpoint finds the request for a bearer wrong.
    AssertionRefused,
    /// This machine's clock and Apple's differ by more than two minutes.
    ClockSkew,
    /// The token endpoint gave no reason, as it does when bearers are asked for too often, or said 429.
    AccountThrottled,
    /// A bearer was refused right after it was given.
    BearerRefused,
    /// The role of the API account does not allow it.
    RoleLacks,
    /// The API does not have this operation, or not in this edition.
    NotSupported,
    /// The organisation has not accepted Apple's current terms.
    TermsNotAccepted,
    /// `INCLUDED_MDM_NOT_ENABLED`
    BuiltInOff,
    /// What the request names is not there.
    NotFound,
    /// 406: the request did not say that JSON is welcome, or something on the way took that out.
    NotAcceptable,
    /// `PARAMETER_ERROR…`
    ParameterRefused,
    /// `ENTITY_ERROR.ATTRIBUTE…`
    AttributeRefused,
    /// `ENTITY_ERROR.RELATIONSHIP…`
    RelationshipRefused,
    /// `FAILED_PRECONDITION`
    PreconditionFailed,
    /// Any other 409.
    Conflict,
    /// Apple finds a request wrong that this program thought right.
    RequestMalformed,
    /// The calls of the hour are used up: nothing was sent.
    BudgetSpent,
    /// Apple asked for patience, and the wait allowed was used up.
    Throttled,
    /// Apple's service failed (408, 5xx).
    ServiceUnavailable,
    /// No connection came about.
    Unreachable,
    /// The connection broke, or no answer came in time.
    AnswerLost,
    /// An answer cannot be read.
    AnswerUnreadable,
    /// An answer that the service never gives: a redirect, a 404 that is not its own.
    AnswerUnexpected,
    /// The next page lies at another origin.
    ForeignPage,
    /// The pages lead back to one that was read.
    PagesRepeat,
    /// The address of an activity's log has expired.
    LogExpired,
    /// The log of an activity cannot be read.
    LogUnreadable,
    /// The address of a log is none that may be fetched.
    LogAddress,
    /// The request cannot be made: it was never sent.
    NotSendable,
}

impl Fault {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Fault::ClientRefused => "api-account-refused",
            Fault::ScopeRefused => "api-scope-refused",
            Fault::AssertionRefused => "api-assertion-refused",
            Fault::ClockSkew => "clock-skew",
            Fault::AccountThrottled => "account-throttled",
            Fault::BearerRefused => "bearer-refused",
            Fault::RoleLacks => "api-role-lacks",
            Fault::NotSupported => "api-operation-not-supported",
            Fault::TermsNotAccepted => "organisation-terms-not-accepted",
            Fault::BuiltInOff => "built-in-management-off",
            Fault::NotFound => "not-in-organisation",
            Fault::NotAcceptable => "answer-not-acceptable",
            Fault::ParameterRefused => "api-parameter-refused",
            Fault::AttributeRefused => "api-attribute-refused",
            Fault::RelationshipRefused => "api-relationship-refused",
            Fault::PreconditionFailed => "api-precondition-failed",
            Fault::Conflict => "api-conflict",
            Fault::RequestMalformed => "api-request-malformed",
            Fault::BudgetSpent => "api-budget-spent",
            Fault::Throttled => "api-throttled",
            Fault::ServiceUnavailable => "api-unavailable",
            Fault::Unreachable => "api-unreachable",
            Fault::AnswerLost => "api-answer-lost",
            Fault::AnswerUnreadable => "api-answer-unreadable",
            Fault::AnswerUnexpected => "api-answer-unexpected",
            Fault::ForeignPage => "page-at-another-origin",
            Fault::PagesRepeat => "pages-repeat",
            Fault::LogExpired => "activity-log-expired",
            Fault::LogUnreadable => "activity-log-unreadable",
            Fault::LogAddress => "activity-log-address",
            Fault::NotSendable => "api-request-not-sendable",
        }
    }

    /// The kind of trouble; decides the exit code.
    pub const fn cause(&self) -> Cause {
        match self {
            Fault::ClientRefused
            | Fault::ScopeRefused
            | Fault::AssertionRefused
            | Fault::ClockSkew
            | Fault::BearerRefused
            | Fault::RoleLacks
            | Fault::TermsNotAccepted
            | Fault::BuiltInOff => Cause::Credentials,
            Fault::AttributeRefused | Fault::PreconditionFailed | Fault::Conflict => Cause::Manifest,
            Fault::NotSupported
            | Fault::NotAcceptable
            | Fault::ParameterRefused
            | Fault::RelationshipRefused
            | Fault::RequestMalformed
            | Fault::NotSendable => Cause::Refused,
            Fault::AccountThrottled | Fault::BudgetSpent | Fault::Throttled => Cause::Throttled,
            Fault::NotFound
            | Fault::ServiceUnavailable
            | Fault::Unreachable
            | Fault::AnswerLost
            | Fault::AnswerUnreadable
            | Fault::AnswerUnexpected
            | Fault::ForeignPage
            | Fault::PagesRepeat
            | Fault::LogExpired
            | Fault::LogUnreadable
            | Fault::LogAddress => Cause::Unavailable,
        }
    }

    /// What to do next, where the answer itself does not say it more exactly.
    pub(super) const fn next(&self) -> &'static str {
        match self {
            Fault::ClientRefused => {
                "see in Apple's portal under API whether the key was revoked, and whether `clientId` and `keyId` are those of `privateKey`; if all are right, try `sendKeyId: false`, which some organisations need"
            }
            Fault::ScopeRefused => {
                "a `clientId` that begins with BUSINESSAPI belongs under `appleBusiness`, one with SCHOOLAPI under `appleSchool`: correct the connection"
            }
            Fault::AssertionRefused => {
                "check `clientId` and `keyId` of the connection; if both are right, update espalier or report this with the message"
            }
            Fault::ClockSkew => {
                "set this machine's clock right (NTP), then run again; the key itself may be good"
            }
            Fault::AccountThrottled => {
                "wait some minutes and run again; runs that share the folder's cache share one bearer"
            }
            Fault::BearerRefused => {
                "run again; if it lasts, see in Apple's portal under API whether the account was changed or removed"
            }
            Fault::RoleLacks => {
                "give the API account a role in Apple's portal that allows it, then run again"
            }
            Fault::NotSupported => {
                "take it out of the documents, or do it in Apple's portal: this organisation's API cannot do it"
            }
            Fault::TermsNotAccepted => {
                "an administrator has to accept the new terms in Apple's portal, then run again"
            }
            Fault::BuiltInOff => {
                "switch on the built-in device management in Apple's portal, or leave it out"
            }
            Fault::NotFound => "it may have gone in between; plan again",
            Fault::NotAcceptable => "see whether a proxy changes the request's header fields, then run again",
            Fault::ParameterRefused | Fault::RequestMalformed => {
                "update espalier; if it lasts, report this with the message"
            }
            Fault::AttributeRefused => "change what the message names in the document, then plan again",
            Fault::RelationshipRefused => {
                "see whether service and devices are still in the organisation, then plan again"
            }
            Fault::PreconditionFailed => {
                "first take the devices and the default families off the service, then plan again"
            }
            Fault::Conflict => {
                "see in Apple's portal what stands against it (a family that another service holds, a deadline more than 90 days ahead), then plan again"
            }
            Fault::BudgetSpent => "run again then; `postPerHour` of the connection is the limit",
            Fault::Throttled => "run again later or allow a longer wait",
            Fault::ServiceUnavailable | Fault::AnswerLost | Fault::AnswerUnreadable => {
                "run again later; if it lasts, see Apple's system status page"
            }
            Fault::Unreachable => "check the network, the proxy and the host name, then run again",
            Fault::AnswerUnexpected => {
                "see whether a proxy answers in Apple's place, and check the address of the service, then run again"
            }
            Fault::ForeignPage => {
                "credentials are not sent there; see whether a proxy rewrites links, and report it to Apple's support otherwise"
            }
            Fault::PagesRepeat => "run again; if it lasts, report it to Apple's support",
            Fault::LogExpired => {
                "nothing: the services' own lists tell what became of the devices; logs are kept for about an hour"
            }
            Fault::LogUnreadable | Fault::LogAddress => {
                "nothing: the services' own lists tell what became of the devices; if it lasts, report it"
            }
            Fault::NotSendable => "see the message; if it does not help, report it",
        }
    }
}

/// A failed operation. No text in it holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} failed{}{}: {message}{}", Status(*.status), ServiceCode(.service_code), Request(.request_id))]
pub struct BusinessError {
    /// What was being done.
    pub operation: Operation,
    /// The kind of failure.
    pub fault: Fault,
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// Apple's own code, e.g. `ENTITY_ERROR.RELATIONSHIP.INVALID`; `None` where the answer held none.
    pub service_code: Option<String>,
    /// What happened, in words; at most 500 characters.
    pub message: String,
    /// The id under which Apple's support finds the request (`X-Apple-Request-UUID`).
    pub request_id: Option<Box<str>>,
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// What to do next.
    pub next: &'static str,
    /// The instant before which the request is not to be sent: that of the next free call, or what
    /// Apple asked for. `None`: any time.
    pub not_before: Option<Timestamp>,
}

struct Status(Option<u16>);
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |status| write!(f, " with status {status}"))
    }
}

struct ServiceCode<'a>(&'a Option<String>);
impl fmt::Display for ServiceCode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}

struct Request<'a>(&'a Option<Box<str>>);
impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |id| write!(f, " (request id {id})"))
    }
}

impl From<BusinessError> for Unknown {
    fn from(error: BusinessError) -> Self {
        let reason = format!("{error} [{}]", error.code());
        Unknown { cause: error.cause, reason, next: error.next.to_owned() }
    }
}

impl BusinessError {
    /// The stable code of its kind, e.g. `api-role-lacks`.
    pub const fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// An error that espalier itself noticed; `message` must hold no text of an answer.
    pub(super) fn own(operation: Operation, fault: Fault, message: impl Into<String>) -> Self {
        Self {
            operation,
            fault,
            status: None,
            service_code: None,
            message: message.into(),
            request_id: None,
            cause: fault.cause(),
            next: fault.next(),
            not_before: None,
        }
    }

    /// No answer came.
    pub(super) fn no_answer(operation: Operation, failure: &NoAnswer, redactor: &Redactor) -> Self {
        let fault = match failure {
            NoAnswer::NotConnected(_) => Fault::Unreachable,
            NoAnswer::TimedOut | NoAnswer::Cut(_) => Fault::AnswerLost,
            NoAnswer::TooLong(_) => Fault::AnswerUnreadable,
        };
        Self::own(operation, fault, redactor.clean(&failure.to_string()))
    }

    /// A successful answer that cannot be read.
    pub(super) fn unreadable(operation: Operation, error: &serde_json::Error) -> Self {
        Self::own(operation, Fault::AnswerUnreadable, why_unreadable(error))
    }
}

impl ServiceFailure for BusinessError {
    fn cause(&self) -> Cause {
        self.cause
    }

    fn lost(mut self) -> Self {
        self.cause = Cause::LostAnswer;
        self.next = "run again: what the request did is read back first";
        self
    }
}
