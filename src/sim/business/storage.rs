//! The storage from which logs are downloaded: another host, which knows no bearer and lets in who
//! has the address, for an hour.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;
use url::form_urlencoded;

use super::reply::{Form, Reply};
use super::{activities, respond};
use crate::model::clock::Timestamp;
use crate::sim::calls::CallKind;
use crate::sim::fault::Asked;
use crate::sim::line::Line;
use crate::sim::record::{self, Exchange, Headers};
use crate::sim::shared::{Cut, Left, Shared};
use crate::sim::world::World;

/// How long an address is good after the activity ended, in seconds, as in Apple's sample.
const GOOD_FOR: i64 = 3600;
const FOLDER: &str = "/activity-logs/";
const OPERATION: &str = "download log";

/// The address of an activity's log.
pub(super) fn address(base: &str, seed: u64, id: &str, ended: Timestamp) -> String {
    let expires = ended.as_second() + GOOD_FOR;
    let path = format!("{FOLDER}{id}/{}", file_name(ended));
    let signature = sign(seed, &path, expires);
    format!("{base}{path}?Expires={expires}&Signature={signature}")
}

fn file_name(ended: Timestamp) -> String {
    format!("ABM-ActivityLog_{}.csv", ended.strftime("%b-%-d-%Y_%-H-%-M-%-S"))
}

fn sign(seed: u64, path: &str, expires: i64) -> String {
    crate::sim::world::derive_id(seed, &format!("storage/{path}/{expires}")).simple().to_string()
}

/// Serves every path of the port.
pub(in crate::sim) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (request, _) = request.into_parts();
    let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
    let answer = match shared.is_stopped() {
        true => Err(Cut),
        false => run(&shared, &request).await,
    };
    shared.record(|| Exchange {
        service: "storage",
        operation: OPERATION,
        method: request.method.as_str(),
        path: path.into(),
        // Who has the signature has the log.
        query: if query.is_empty() { "" } else { "[secret]" },
        request_headers: Headers::of_api(&request.headers),
        request_body: None,
        status: answer.as_ref().ok().map(|reply| reply.status),
        response_body: answer.as_ref().ok().and_then(|reply| record::body(&reply.body)),
        batch: false,
    });
    match answer {
        Ok(reply) if !shared.is_stopped() => respond(reply, &shared),
        _ => {
            line.cut();
            Response::new(Body::empty())
        }
    }
}

async fn run(shared: &Shared, request: &Parts) -> Result<Reply, Cut> {
    let path = request.uri.path();
    shared.calls().count("storage", OPERATION, CallKind::Read);
    let suffering = shared.strike(Asked {
        service: "storage",
        operation: OPERATION,
        kind: CallKind::Read,
        path,
        about: &[],
        in_batch: false,
        page: None,
    });
    match shared.suffer(suffering.before.as_ref()).await? {
        Left::Status { status, retry_after } => {
            return Ok(Reply { retry_after, ..refuse(status, "SlowDown", "Reduce your request rate.") });
        }
        Left::Told { status: 404, .. } => return Ok(no_key()),
        Left::Told { .. } => return Ok(expired()),
        Left::ExpireBearer | Left::Nothing | Left::Garbage => {}
    }
    let mut reply = answer(&shared.world(), request);
    match shared.suffer(suffering.after.as_ref()).await? {
        Left::Garbage => reply.body.truncate(reply.body.len() / 2),
        Left::Status { status, .. } => {
            return Ok(refuse(status, "InternalError", "We encountered an error."));
        }
        _ => {}
    }
    reply.cut = suffering.ways.cut_body;
    Ok(reply)
}

fn answer(world: &World, request: &Parts) -> Reply {
    let path = request.uri.path();
    if request.headers.contains_key(header::AUTHORIZATION) {
        let text = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query \
                    string parameter or the Authorization header should be specified";
        return refuse(400, "InvalidArgument", text);
    }
    if request.method != "GET" {
        return refuse(405, "MethodNotAllowed", "The specified method is not allowed.");
    }
    let query = request.uri.query().unwrap_or_default();
    let given = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let expires = given("Expires").and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    if given("Signature").as_deref() != Some(&sign(world.seed, path, expires)) {
        return refuse(403, "SignatureDoesNotMatch", "The request signature does not match.");
    }
    if expires <= world.now.as_second() {
        return expired();
    }
    let mut parts = path.strip_prefix(FOLDER).unwrap_or_default().split('/');
    let (id, file) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let found = world.organizations.iter().find_map(|here| Some((here, here.activities.get(id)?)));
    match found {
        Some((here, activity)) if activity.is_completed() => Reply {
            form: Form::Csv,
            file: Some(file.to_owned()),
            ..Reply::text(200, activities::log(id, here, activity).into_bytes())
        },
        _ => no_key(),
    }
}

fn no_key() -> Reply {
    refuse(404, "NoSuchKey", "The specified key does not exist.")
}

fn expired() -> Reply {
    refuse(403, "AccessDenied", "Request has expired")
}

fn refuse(status: u16, code: &str, message: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply { form: Form::Xml, ..Reply::text(status, text.into_bytes()) }
}
