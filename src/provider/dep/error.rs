//! What went wrong at Apple's enrollment service, in words that tell where, why and what to do next.
//!
//! [`super::refusal`] holds the table from Apple's answers to these faults.

use std::fmt;
use std::time::Duration;

use crate::http::NoAnswer;
use crate::http::redact::Redactor;
use crate::model::live::{Cause, Unknown};
use crate::provider::ended::ServiceFailure;
use crate::provider::member::why_unreadable;

/// What was being done when something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Getting a session (`GET /session`).
    SignIn,
    /// Reading what the server token acts for (`GET /account`).
    ReadAccount,
    /// Reading all devices (`POST /server/devices`).
    ReadDevices,
    /// Reading the changes since a cursor (`POST /devices/sync`).
    ReadChanges,
    /// Reading single devices (`POST /devices`).
    ReadDetails,
    /// Reading a profile (`GET /profile`).
    ReadProfile,
    /// Reading the URL of account-driven enrollment.
    ReadAccountDrivenUrl,
    /// Asking which device a replacement stands for (`GET /device/replacementDetails`).
    ReadReplacement,
    /// Defining a profile (`POST /profile`).
    DefineProfile,
    /// Giving devices a profile (`POST /profile/devices`).
    Assign,
    /// Taking the profile from devices (`DELETE /profile/devices`).
    Remove,
    /// Setting or removing the URL of account-driven enrollment.
    SetAccountDrivenUrl,
    /// Giving devices up for good (`POST /devices/disown`).
    Disown,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::SignIn => "signing in to Apple's enrollment service",
            Operation::ReadAccount => "reading the server token's account",
            Operation::ReadDevices => "reading the devices",
            Operation::ReadChanges => "reading the devices' changes",
            Operation::ReadDetails => "reading single devices",
            Operation::ReadProfile => "reading the enrollment profile",
            Operation::ReadAccountDrivenUrl => "reading the URL of account-driven enrollment",
            Operation::ReadReplacement => "reading what a device replaces",
            Operation::DefineProfile => "defining the enrollment profile",
            Operation::Assign => "assigning devices",
            Operation::Remove => "removing the profile from devices",
            Operation::SetAccountDrivenUrl => "setting the URL of account-driven enrollment",
            Operation::Disown => "disowning devices",
        })
    }
}

/// The kinds of failure, each with a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The token's year is over (T-6).
    TokenExpired,
    /// The token was replaced by a newer download, revoked, or its server was deleted (T-8).
    TokenRejected,
    /// The signature does not fit the token: its secrets are not, or no longer, the right ones.
    SignatureInvalid,
    /// This machine's clock and Apple's differ by more than two minutes.
    ClockSkew,
    /// The organization has not accepted Apple's current terms.
    TermsNotSigned,
    /// The token may not do this.
    AccessDenied,
    /// A session was refused right after it was given.
    SessionRefused,
    /// Apple does not take this program's name (`User-Agent`).
    UserAgentRefused,
    /// Apple finds a request wrong that this program thought right.
    RequestMalformed,
    /// The cursor is older than seven days.
    CursorExpired,
    /// The cursor is no cursor of this server.
    CursorInvalid,
    /// The cursor has nothing left to give.
    CursorExhausted,
    /// More is announced, and the cursor stays where it was.
    CursorStuck,
    /// A value of the profile is refused; the message names its field.
    ProfileRefused,
    /// What the request names is not there.
    NotFound,
    /// The URL of account-driven enrollment is refused.
    AccountDrivenUrlRefused,
    /// This organization cannot do that.
    OrgNotSupported,
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
    /// An answer that the service never gives: a redirect, an unknown status.
    AnswerUnexpected,
    /// The request cannot be made: it was never sent.
    NotSendable,
}

impl Fault {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Fault::TokenExpired => "token-expired",
            Fault::TokenRejected => "token-rejected",
            Fault::SignatureInvalid => "signature-invalid",
            Fault::ClockSkew => "clock-skew",
            Fault::TermsNotSigned => "terms-not-signed",
            Fault::AccessDenied => "access-denied",
            Fault::SessionRefused => "session-refused",
            Fault::UserAgentRefused => "user-agent-refused",
            Fault::RequestMalformed => "request-malformed",
            Fault::CursorExpired => "cursor-expired",
            Fault::CursorInvalid => "cursor-invalid",
            Fault::CursorExhausted => "cursor-exhausted",
            Fault::CursorStuck => "cursor-stuck",
            Fault::ProfileRefused => "profile-refused",
            Fault::NotFound => "not-found-at-apple",
            Fault::AccountDrivenUrlRefused => "account-driven-url-refused",
            Fault::OrgNotSupported => "organization-not-supported",
            Fault::Throttled => "apple-throttled",
            Fault::ServiceUnavailable => "apple-unavailable",
            Fault::Unreachable => "apple-unreachable",
            Fault::AnswerLost => "answer-lost",
            Fault::AnswerUnreadable => "answer-unreadable",
            Fault::AnswerUnexpected => "answer-unexpected",
            Fault::NotSendable => "request-not-sendable",
        }
    }

    /// The kind of trouble; decides the exit code.
    pub const fn cause(&self) -> Cause {
        match self {
            Fault::TokenExpired
            | Fault::TokenRejected
            | Fault::SignatureInvalid
            | Fault::ClockSkew
            | Fault::TermsNotSigned
            | Fault::AccessDenied
            | Fault::SessionRefused => Cause::Credentials,
            Fault::ProfileRefused | Fault::AccountDrivenUrlRefused | Fault::OrgNotSupported => {
                Cause::Manifest
            }
            Fault::UserAgentRefused | Fault::RequestMalformed | Fault::NotSendable => Cause::Refused,
            Fault::Throttled => Cause::Throttled,
            Fault::CursorExpired
            | Fault::CursorInvalid
            | Fault::CursorExhausted
            | Fault::CursorStuck
            | Fault::NotFound
            | Fault::ServiceUnavailable
            | Fault::Unreachable
            | Fault::AnswerLost
            | Fault::AnswerUnreadable
            | Fault::AnswerUnexpected => Cause::Unavailable,
        }
    }

    /// What to do next, where the answer itself does not say it more exactly.
    pub(super) const fn next(&self) -> &'static str {
        match self {
            Fault::TokenExpired => {
                "download a new server token for the same server in Apple Business or School Manager and import it: `espalier token renew` leads through it (T-6)"
            }
            Fault::TokenRejected => {
                "if a newer server token was downloaded in the portal, import that one; otherwise download a new one for the same server and import it with `espalier token import` (T-8)"
            }
            Fault::SignatureInvalid => {
                "check that the stored server token is the last one downloaded and was not altered; otherwise download a new one for the same server and import it with `espalier token import` (T-8)"
            }
            Fault::ClockSkew => {
                "set this machine's clock right (NTP), then run again; the token itself may be good"
            }
            Fault::TermsNotSigned => {
                "an administrator has to accept the new terms in Apple Business or School Manager; the token stays good, then run again"
            }
            Fault::AccessDenied => {
                "see in Apple Business or School Manager what this server may do (disowning and account-driven enrollment are rights of their own), then run again"
            }
            Fault::SessionRefused => "run again; if it lasts, download a new server token and import it",
            Fault::UserAgentRefused | Fault::RequestMalformed => {
                "update espalier; if it lasts, report this with the message"
            }
            Fault::CursorExpired | Fault::CursorInvalid | Fault::CursorExhausted => {
                "read all devices anew; the next plan does so by itself"
            }
            Fault::CursorStuck => "run again; if it lasts, report it to Apple's support",
            Fault::ProfileRefused => {
                "change the field that the message names in the document, then plan again"
            }
            Fault::NotFound => "it may have gone in between; plan again",
            Fault::AccountDrivenUrlRefused => {
                "write a whole https URL in `EnrollmentToken.accountDrivenEnrollmentUrl`, then plan again"
            }
            Fault::OrgNotSupported => {
                "leave `EnrollmentToken.accountDrivenEnrollmentUrl` out: this organization cannot have one"
            }
            Fault::Throttled => "run again later or allow a longer wait",
            Fault::ServiceUnavailable | Fault::AnswerLost | Fault::AnswerUnreadable => {
                "run again later; if it lasts, see Apple's system status page"
            }
            Fault::Unreachable => "check the network, the proxy and the host name, then run again",
            Fault::AnswerUnexpected => {
                "see whether a proxy answers in Apple's place, and check the address of the service, then run again"
            }
            Fault::NotSendable => "see the message; if it does not help, report it",
        }
    }
}

/// A failed operation. No text in it holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} failed{}{}: {message}", Status(*.status), ServiceCode(.service_code))]
pub struct DepError {
    /// What was being done.
    pub operation: Operation,
    /// The kind of failure.
    pub fault: Fault,
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// Apple's own code, e.g. `T_C_NOT_SIGNED`; `None` where the answer held none that looks like one.
    pub service_code: Option<String>,
    /// What happened, in words; at most 500 characters.
    pub message: String,
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// What to do next.
    pub next: String,
    /// How long Apple asked to wait (`Retry-After`); `None`: it did not say.
    pub retry_after: Option<Duration>,
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

impl From<DepError> for Unknown {
    fn from(error: DepError) -> Self {
        Unknown { cause: error.cause, reason: error.to_string(), next: error.next }
    }
}

impl DepError {
    /// The stable code of its kind, e.g. `token-expired`.
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
            cause: fault.cause(),
            next: fault.next().to_owned(),
            retry_after: None,
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

impl ServiceFailure for DepError {
    fn cause(&self) -> Cause {
        self.cause
    }

    fn lost(mut self) -> Self {
        self.cause = Cause::LostAnswer;
        self.next = "run again: what the request did is read back first".to_owned();
        self
    }
}
