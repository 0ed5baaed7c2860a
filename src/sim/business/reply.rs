//! Answers and refusals in the shapes of Apple Business and Apple School.

use serde_json::{Value, json};

/// The body of an answer, and how it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/json`
    #[default]
    Json,
    /// `text/html`, as a front end answers.
    Html,
    /// `text/csv`
    Csv,
    /// `application/xml`, as a storage answers.
    Xml,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Html => "text/html",
            Form::Csv => "text/csv",
            Form::Xml => "application/xml",
        }
    }
}

/// An answer before it goes out.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    pub form: Form,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Whether the body ends in the middle, and the line with it.
    pub cut: bool,
    /// The file name that a download suggests.
    pub file: Option<String>,
}

impl Reply {
    /// JSON.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string().into_bytes())
    }

    /// A body that is JSON already.
    pub(super) fn text(status: u16, body: Vec<u8>) -> Self {
        Self { status, body, ..Self::default() }
    }

    /// 204
    pub(super) fn no_content() -> Self {
        Self { status: 204, ..Self::default() }
    }
}

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A member of the body.
    Pointer(String),
    /// A parameter of the query.
    Parameter(String),
}

/// Why the API will not do it.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub source: Option<Source>,
    pub retry_after: Option<u32>,
    /// Whether a front end answers in HTML.
    pub html: bool,
}

/// Codes that the reference marks as made up; the real ones are not known.
const UNAUTHORIZED: &str = "UNAUTHORIZED";
const TOO_MANY: &str = "RATE_LIMIT_EXCEEDED";
const UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";
const PATH: &str = "PATH_ERROR.NOT_FOUND";

impl Refusal {
    pub(super) fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), source: None, retry_after: None, html: false }
    }

    /// 400 about a parameter of the query.
    pub(super) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let title = "A parameter has an invalid value";
        let source = Some(Source::Parameter(name.to_owned()));
        Self { source, ..Self::new(400, "PARAMETER_ERROR.INVALID", title, detail) }
    }

    /// 400: the body is no JSON. The code is made up.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(400, "ENTITY_INVALID", "The request body is not valid", detail)
    }

    /// 422: the body is JSON of another shape. When the API answers 422 is not documented.
    pub(super) fn shape(pointer: &str, detail: impl Into<String>) -> Self {
        let source = Some(Source::Pointer(pointer.to_owned()));
        Self {
            source,
            ..Self::new(422, "ENTITY_UNPROCESSABLE", "The request entity cannot be processed", detail)
        }
    }

    /// 409 about an attribute.
    pub(super) fn attribute(name: &str, detail: impl Into<String>) -> Self {
        let source = Some(Source::Pointer(format!("/data/attributes/{name}")));
        let title = "An attribute value is invalid";
        Self { source, ..Self::new(409, "ENTITY_ERROR.ATTRIBUTE.INVALID", title, detail) }
    }

    /// 409 about a relationship.
    pub(super) fn relationship(path: &str, detail: impl Into<String>) -> Self {
        let source = Some(Source::Pointer(format!("/data/relationships/{path}")));
        let title = "A relationship value is invalid";
        Self { source, ..Self::new(409, "ENTITY_ERROR.RELATIONSHIP.INVALID", title, detail) }
    }

    /// 409: something else has to happen first.
    pub(super) fn precondition(detail: impl Into<String>) -> Self {
        Self::new(409, "FAILED_PRECONDITION", "A precondition is not met", detail)
    }

    /// 404 about a resource.
    pub(super) fn not_found(resource: &str, id: &str) -> Self {
        let detail = format!("There is no resource of type '{resource}' with id '{id}'");
        Self::new(404, "NOT_FOUND", "The specified resource does not exist", detail)
    }

    /// 404 about a path.
    pub(super) fn no_path() -> Self {
        Self::new(404, PATH, "The URL path is not valid", "The path provided does not match a resource")
    }

    /// 403: the resource does not do that.
    pub(super) fn not_allowed(resource: &str, operation: &str, allowed: &[&str]) -> Self {
        let allowed = match allowed {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        let detail = format!(
            "The resource '{resource}' does not allow '{operation}'. Allowed operations are: {allowed}"
        );
        Self::new(403, "FORBIDDEN_ERROR", "The given operation is not allowed", detail)
    }

    /// 401
    pub(super) fn unauthorized() -> Self {
        Self::new(401, UNAUTHORIZED, "Authentication is required", "The bearer token is missing or not valid")
    }

    /// 406
    pub(super) fn not_acceptable() -> Self {
        let detail = "The request has to accept application/json";
        Self::new(406, "NOT_ACCEPTABLE", "The media type is not acceptable", detail)
    }

    /// 415. That the type of a body is checked at all is made up.
    pub(super) fn media_type() -> Self {
        let detail = "The body has to be application/json";
        Self::new(415, "UNSUPPORTED_MEDIA_TYPE", "The media type is not supported", detail)
    }

    /// The refusal that belongs to a status that a fault or a limit demands.
    pub(super) fn of_status(status: u16, retry_after: Option<u32>) -> Self {
        let refusal = match status {
            401 => Self::unauthorized(),
            403 => Self::new(
                403,
                "FORBIDDEN_ERROR",
                "The request is forbidden",
                "The role of the API account does not permit this request",
            ),
            404 => Self::new(404, "NOT_FOUND", "The specified resource does not exist", "It was not found"),
            429 => Self::new(429, TOO_MANY, "The request rate limit was exceeded", "Try again later"),
            500 => Self::new(
                500,
                "UNEXPECTED_ERROR",
                "An unexpected error occurred",
                "An unexpected error occurred on the server side",
            ),
            _ => Self::new(status, UNAVAILABLE, "The service is unavailable", "Try again later"),
        };
        // A gateway is no part of the API: it answers pages.
        Self { retry_after, html: matches!(status, 502..=504), ..refusal }
    }

    /// The answer that says so. `id` is that of the request.
    pub(super) fn reply(self, id: &str) -> Reply {
        let retry_after = self.retry_after;
        if self.html {
            let (status, title) = (self.status, self.title);
            let page = format!(
                "<html>\n<head><title>{status} {title}</title></head>\n<body><h1>{status}</h1></body>\n</html>\n"
            );
            let reply = Reply::text(status, page.into_bytes());
            return Reply { form: Form::Html, retry_after, ..reply };
        }
        let mut error = json!({
            "id": id, "status": self.status.to_string(), "code": self.code, "title": self.title,
            "detail": self.detail,
        });
        match self.source {
            Some(Source::Pointer(pointer)) => error["source"] = json!({"pointer": pointer}),
            Some(Source::Parameter(name)) => error["source"] = json!({"parameter": name}),
            None => {}
        }
        Reply { retry_after, ..Reply::json(self.status, &json!({"errors": [error]})) }
    }
}
