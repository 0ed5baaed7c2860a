//! Answers and refusals in the shapes of Apple's enrollment service: JSON, and bare codes.

use serde::Serialize;

/// An answer before it goes out.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub status: u16,
    /// JSON for 200, a bare code for a refusal.
    pub body: Vec<u8>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// The session to use from now on.
    pub session: Option<String>,
}

impl Reply {
    /// 200 with a JSON body.
    pub(super) fn json(body: &impl Serialize) -> Self {
        // What is serialised here are maps with text keys: it cannot fail.
        Self::text(serde_json::to_vec(body).unwrap_or_default())
    }

    /// 200 with a body that is JSON already.
    pub(super) fn text(body: Vec<u8>) -> Self {
        Self { status: 200, body, ..Self::default() }
    }
}

/// Why the service will not do it: a status and a bare code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub retry_after: Option<u32>,
}

impl Refusal {
    pub(super) const fn new(status: u16, code: &'static str) -> Self {
        Self { status, code, retry_after: None }
    }

    /// 400
    pub(super) const fn bad(code: &'static str) -> Self {
        Self::new(400, code)
    }

    /// The body is no JSON of the right shape.
    pub(super) const fn malformed() -> Self {
        Self::bad("MALFORMED_REQUEST_BODY")
    }

    /// The refusal that belongs to a status that a fault demands. The texts of those of 500 and
    /// above are not documented.
    pub(super) const fn of_status(status: u16, retry_after: Option<u32>) -> Self {
        let code = match status {
            401 => "UNAUTHORIZED",
            403 => "ACCESS_DENIED",
            404 => "NOT_FOUND",
            429 => "TOO_MANY_REQUESTS",
            500 => "Internal Server Error",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            _ => "",
        };
        Self { status, code, retry_after }
    }

    /// The answer that says so. `quoted`: as the vendor's own simulator does.
    pub(super) fn reply(self, quoted: bool) -> Reply {
        let body = if quoted { format!("\"{}\"", self.code) } else { self.code.to_owned() };
        Reply { status: self.status, body: body.into_bytes(), retry_after: self.retry_after, session: None }
    }
}
