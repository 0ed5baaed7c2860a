//! Answers and refusals in Graph's shapes (reference section 8.5).

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::Serial;
use crate::sim::world::World;

/// An answer before it goes out: alone, or as a part of a `$batch`.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// JSON, or plain text for `/$count`; empty for none.
    pub body: Vec<u8>,
    /// Whether the body is plain text.
    pub plain: bool,
    /// `x-msft-approval-code`.
    pub approval_code: Option<String>,
    /// The device whose bypass code the body has, and the number of its record.
    pub reveals: Option<(Serial, u32)>,
}

impl Reply {
    /// An answer with a JSON body.
    pub(in crate::sim) fn json(status: u16, body: &impl Serialize) -> Self {
        // What is serialised here are maps with text keys: it cannot fail.
        Self { status, body: serde_json::to_vec(body).unwrap_or_default(), ..Self::default() }
    }

    /// 204.
    pub(in crate::sim) fn no_content() -> Self {
        Self { status: 204, ..Self::default() }
    }

    /// The number that `/$count` gives.
    pub(in crate::sim) fn number(count: usize) -> Self {
        Self { status: 200, body: count.to_string().into_bytes(), plain: true, ..Self::default() }
    }
}

/// Why the service will not do it.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    /// Whether the message travels as a JSON document within the text.
    wrapped: bool,
    retry_after: Option<u32>,
    approval_code: Option<String>,
}

impl Refusal {
    /// 400 from the gateway: plain text.
    pub(in crate::sim) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: "BadRequest",
            message: message.into(),
            wrapped: false,
            retry_after: None,
            approval_code: None,
        }
    }

    /// 400 from Intune: JSON as text in the message.
    pub(in crate::sim) fn told(message: impl Into<String>) -> Self {
        Self { wrapped: true, ..Self::bad_request(message) }
    }

    /// 404 from Intune.
    pub(in crate::sim) fn not_found(message: impl Into<String>) -> Self {
        Self { status: 404, code: "ResourceNotFound", wrapped: true, ..Self::bad_request(message) }
    }

    /// 404 for a resource that this version of the API does not have.
    pub(in crate::sim) fn not_in_version() -> Self {
        Self { wrapped: false, ..Self::not_found("Resource not found in this version of the API.") }
    }

    /// 400 for a path that is none.
    pub(in crate::sim) fn no_segment(segment: &str) -> Self {
        Self::bad_request(format!("Resource not found for the segment '{segment}'."))
    }

    /// 401.
    pub(in crate::sim) fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: 401, code: "InvalidAuthenticationToken", ..Self::bad_request(message) }
    }

    /// 403 for an application that lacks a permission.
    pub(in crate::sim) fn forbidden(permission: &str) -> Self {
        let told = format!(
            "Application is not authorized to perform this operation. Application must have one of the \
             following scopes: {permission}"
        );
        Self { status: 403, code: "Forbidden", ..Self::told(told) }
    }

    /// 424 for a request of a `$batch` whose dependency failed.
    pub(in crate::sim) fn failed_dependency() -> Self {
        Self { status: 424, code: "FailedDependency", ..Self::bad_request("A request it depends on failed.") }
    }

    /// The refusal that asks for a second person under a code (reference section 8.6).
    pub(in crate::sim) fn needs_approval(status: u16, code: String) -> Self {
        Self {
            status,
            code: if status == 403 { "ApprovalRequired" } else { "BadRequest" },
            approval_code: Some(code),
            ..Self::told("The operation requires approval by another administrator.")
        }
    }

    /// 409 from Intune.
    pub(in crate::sim) fn conflict(message: impl Into<String>) -> Self {
        Self { status: 409, code: "Conflict", ..Self::told(message) }
    }

    /// More than the tenant may ask for in a day. What the real answer is nobody wrote down.
    pub(in crate::sim) fn over_quota(status: u16, message: impl Into<String>) -> Self {
        let code = if status == 429 { "TooManyRequests" } else { "BadRequest" };
        Self { status, code, ..Self::told(message) }
    }

    /// The refusal that belongs to a status that a fault demands.
    pub(in crate::sim) fn of_status(status: u16, retry_after: Option<u32>) -> Self {
        let (code, message, wrapped) = match status {
            401 => ("InvalidAuthenticationToken", "Access token validation failure.", false),
            403 => ("Forbidden", "Insufficient privileges to complete the operation.", false),
            429 => ("TooManyRequests", "Too many requests. Try again later.", true),
            500 => ("InternalServerError", "An internal server error has occurred.", true),
            502 => ("BadGateway", "Bad gateway.", false),
            503 => ("ServiceUnavailable", "The service is temporarily unavailable.", true),
            504 => ("GatewayTimeout", "The gateway timed out.", false),
            _ => ("UnknownError", "", false),
        };
        Self { status, code, wrapped, retry_after, ..Self::bad_request(message) }
    }

    /// The answer that says so. `request_id` is the one that the header carries too.
    pub(in crate::sim) fn reply(&self, world: &World, request_id: &str, client_request_id: &str) -> Reply {
        let message = if self.wrapped {
            let told = json!({
                "_version": 3,
                "Message": format!(
                    "{} - Operation ID (for customer support): {request_id} - Activity ID: {client_request_id} \
                     - Url: https://fef.sim.manage.microsoft.example/DEPService/deviceManagement",
                    self.message
                ),
                "CustomApiErrorPhrase": "",
                "RetryAfter": Value::Null,
                "ErrorSourceService": "",
                "HttpHeaders": "{}",
            });
            format!("{told:#}")
        } else {
            self.message.clone()
        };
        let date = world.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let error = json!({"error": {
            "code": self.code,
            "message": message,
            "innerError": {"date": date, "request-id": request_id, "client-request-id": client_request_id},
        }});
        Reply {
            retry_after: self.retry_after,
            approval_code: self.approval_code.clone(),
            ..Reply::json(self.status, &error)
        }
    }
}
