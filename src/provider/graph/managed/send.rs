//! Sending a request to a device: once. No answer, no error and no silence has it sent again.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue};

use super::super::batch::MOST;
use super::super::client::{Call, GraphClient, Once};
use super::super::{GraphActuator, Operation, ServiceError};
use super::request::{ApprovalHeader, DeviceCall, DeviceRequest};
use super::wire::is_id;
use crate::http::Answer;
use crate::http::retry::{self, Repeat};
use crate::model::act::ApprovalCode;
use crate::model::clock;
use crate::model::live::Cause;
use crate::provider::outcome::{ActAnswer, Trouble};

const APPROVAL_CODE: &str = "x-msft-approval-code";
const JUSTIFICATION: &str = "x-msft-approval-justification";
/// The longest justification, in characters.
const LONGEST_JUSTIFICATION: usize = 1_024;

/// Requests that share one `$batch`: 1 to 20, none of them destructive, each to a device of its own, since
/// nothing is said about the order in which they are carried out.
#[derive(Debug)]
pub struct ActBatch(Vec<DeviceRequest>);

/// Why requests cannot share a `$batch`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActBatchError {
    /// None, or too many.
    #[error("{0} requests in one batch, and 1 to {MOST} can be")]
    Number(usize),
    /// One that is sent alone.
    #[error("the action {0} is sent alone, never in a batch")]
    Alone(crate::model::ActionKind),
    /// Two to one device.
    #[error("two requests of one batch are to the record {0}, and their order would be left open")]
    SameDevice(String),
}

impl ActBatch {
    /// Requests that share one.
    ///
    /// # Errors
    /// See [`ActBatchError`].
    pub(crate) fn new(requests: Vec<DeviceRequest>) -> Result<Self, ActBatchError> {
        if requests.is_empty() || requests.len() > MOST {
            return Err(ActBatchError::Number(requests.len()));
        }
        if let Some(alone) = requests.iter().find(|request| !request.call.may_be_batched()) {
            return Err(ActBatchError::Alone(alone.call.kind()));
        }
        let mut seen = HashSet::new();
        for request in &requests {
            if !seen.insert(request.record.0.to_ascii_lowercase()) {
                return Err(ActBatchError::SameDevice(request.record.0.clone()));
            }
        }
        Ok(Self(requests))
    }

    /// How many requests; at least 1.
    #[allow(clippy::len_without_is_empty, reason = "there is no empty one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Only [`crate::provider::Actuator`] calls these.
impl GraphActuator {
    /// Sends a request to a device, once. The bearer is renewed before, if its end is near.
    pub(in crate::provider) async fn send_act(&self, request: DeviceRequest) -> ActAnswer {
        let DeviceRequest { record: _, call, approval, until } = &request;
        let operation = Operation::Act(call.kind());
        let Some(sendable) = self.device_call(&request) else {
            return ActAnswer::NotSent(not_an_id(operation).into());
        };
        if let DeviceCall::Wipe(body) = call
            && let Some(code) = body.unlock_code()
        {
            // A service may quote what it refuses.
            self.client().redactor().learn_passing(code);
        }
        let fields = fields(call, approval);
        let ended = self.client().once(&sendable, fields, *until).await;
        answer(self.client(), operation, ended)
    }

    /// Sends a batch of requests, once; what became of each, in their order. None is sent from the earliest
    /// of their ends on.
    pub(in crate::provider) async fn send_acts(&self, batch: ActBatch) -> Vec<ActAnswer> {
        let ActBatch(mut requests) = batch;
        if requests.len() == 1
            && let Some(alone) = requests.pop()
        {
            return vec![self.send_act(alone).await];
        }
        let operations: Vec<Operation> =
            requests.iter().map(|request| Operation::Act(request.call.kind())).collect();
        let Some(calls) =
            requests.iter().map(|request| self.device_call(request)).collect::<Option<Vec<Call>>>()
        else {
            return operations
                .into_iter()
                .map(|operation| ActAnswer::NotSent(not_an_id(operation).into()))
                .collect();
        };
        let until = requests.iter().map(|request| request.until).min();
        let Some(until) = until else { return Vec::new() };
        let ends = self.client().batch_once(&calls, until).await;
        operations
            .into_iter()
            .zip(ends)
            .map(|(operation, ended)| answer(self.client(), operation, ended))
            .collect()
    }

    /// The call of a request; `None`: its record's id is none.
    fn device_call(&self, request: &DeviceRequest) -> Option<Call> {
        let DeviceRequest { record, call, .. } = request;
        if !is_id(&record.0) {
            return None;
        }
        let mut path = vec!["deviceManagement", "managedDevices", &record.0];
        path.extend(call.action());
        let url = self.client().url(&path, None);
        let operation = Operation::Act(call.kind());
        Some(Call::new(operation, call.method(), url, call.body(), Repeat::Never))
    }
}

/// The header fields for those who approve.
fn fields(call: &DeviceCall, approval: &ApprovalHeader) -> HeaderMap {
    let (name, text) = match approval {
        ApprovalHeader::First { justification } => {
            let text: String = justification.trim().chars().take(LONGEST_JUSTIFICATION).collect();
            if text.is_empty() || !call.may_need_approval() {
                return HeaderMap::new();
            }
            (JUSTIFICATION, STANDARD.encode(text))
        }
        ApprovalHeader::Again(code) => (APPROVAL_CODE, code.to_string()),
    };
    let mut fields = HeaderMap::new();
    // Base64 and codes are always values of fields.
    if let Ok(value) = HeaderValue::try_from(text) {
        fields.insert(name, value);
    }
    fields
}

/// What an end says. Only a refusal that is clear is one: what lies between may have been carried out.
fn answer(client: &GraphClient, operation: Operation, ended: Once) -> ActAnswer {
    let answer = match ended {
        Once::Answered(answer) => answer,
        Once::Unsent(error) => return ActAnswer::NotSent(error.into()),
        Once::Silent(error) => return lost(error),
    };
    let now = client.settings().clock.now();
    if answer.is_success() {
        return ActAnswer::Accepted { at: now };
    }
    let (_, error) = client.judge(operation, &answer);
    match answer.status {
        // A timeout, and what proxies say of a caller that went away, prove nothing.
        408 | 499 => lost(error),
        400..500 if wants_approval(&answer, &error) => {
            ActAnswer::ApprovalNeeded { code: answer.header(APPROVAL_CODE).and_then(ApprovalCode::new) }
        }
        400..500 => {
            let pause = retry::retry_after(answer.header("retry-after"), now);
            let not_before = pause.map(|pause| clock::after(now, pause));
            ActAnswer::Refused(Trouble { not_before, ..error.into() })
        }
        _ => lost(error),
    }
}

/// By the header or the code, since the status differs by source (reference section 8.6).
fn wants_approval(answer: &Answer, error: &ServiceError) -> bool {
    answer.header(APPROVAL_CODE).is_some() || error.code.as_deref() == Some("ApprovalRequired")
}

fn lost(error: ServiceError) -> ActAnswer {
    let next = "it is never sent again by itself: see in the Intune portal whether the device got it, then say so with `espalier action resolve`";
    ActAnswer::Lost(ServiceError { cause: Cause::LostAnswer, next: next.to_owned(), ..error }.into())
}

fn not_an_id(operation: Operation) -> ServiceError {
    let message = "the record's id is none, and nothing was sent".to_owned();
    let next = "this is a mistake of espalier: report it with your plan";
    ServiceError::own(operation, Cause::Refused, message, next)
}
