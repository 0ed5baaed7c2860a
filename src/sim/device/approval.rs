//! Multi Admin Approval (reference section 8.6): the first request is refused with a code, a second
//! person decides, and the identical request with the code is accepted once.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ManagedAction;
use super::desk::{ApprovalRequest, ApprovalStatus, PolicyType};
use crate::model::clock::{Timestamp, after};
use crate::sim::world::World;

/// How long a request waits.
const WAITS: Duration = Duration::from_secs(3 * 86_400);

/// What a request shows at the gate.
pub(in crate::sim) struct Gate<'a> {
    pub action: ManagedAction,
    /// The record's id.
    pub record: &'a str,
    /// SHA-256 of method, path and body, in hex.
    pub digest: String,
    /// `x-msft-approval-justification`.
    pub justification: Option<&'a str>,
    /// `x-msft-approval-code`.
    pub code: Option<&'a str>,
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Approval {
    /// Go on; the request for approval with this id is used up by it.
    Open(Option<String>),
    /// The header with the justification is missing, or is no text in base64.
    NoJustification,
    /// A second person is asked under this code, or was asked and has not answered.
    Asked(String),
    /// Somebody asked already for the same object.
    Busy,
    /// The code is nobody's, or of another request.
    Other,
    /// Nothing comes of the request any more, for this reason.
    Over(ApprovalStatus),
}

impl ApprovalRequest {
    /// Its status at an instant.
    pub fn status_at(&self, now: Timestamp) -> ApprovalStatus {
        match self.status {
            ApprovalStatus::NeedsApproval | ApprovalStatus::Approved if self.expires <= now => {
                ApprovalStatus::Expired
            }
            status => status,
        }
    }
}

impl World {
    /// Asks whether an action needs a second person, and has one.
    pub(in crate::sim) fn ask_for_approval(&mut self, tenant: usize, gate: &Gate<'_>) -> Approval {
        let now = self.now;
        let made = self.tenants[tenant].device_desk.approvals.len();
        let id = self.derive_id(&format!("{}/approval/{made}", self.tenants[tenant].id.to_lowercase()));
        let desk = &mut self.tenants[tenant].device_desk;
        let policy = PolicyType::of(gate.action).filter(|one| desk.behaviour.approvals.contains(one));
        let Some(policy) = policy else { return Approval::Open(None) };
        if let Some(code) = gate.code {
            let known = desk.approvals.iter().find(|one| one.id.eq_ignore_ascii_case(code));
            let Some(known) = known.filter(|one| one.digest == gate.digest) else { return Approval::Other };
            return match known.status_at(now) {
                ApprovalStatus::Approved => Approval::Open(Some(known.id.clone())),
                ApprovalStatus::NeedsApproval => Approval::Asked(known.id.clone()),
                status => Approval::Over(status),
            };
        }
        let decoded = gate.justification.and_then(|text| STANDARD.decode(text.trim()).ok());
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(justification) = decoded.filter(|text| !text.trim().is_empty()) else {
            return Approval::NoJustification;
        };
        let is_open = |one: &&ApprovalRequest| {
            one.record.eq_ignore_ascii_case(gate.record)
                && matches!(one.status_at(now), ApprovalStatus::NeedsApproval | ApprovalStatus::Approved)
        };
        if desk.approvals.iter().any(|one| is_open(&one)) {
            return Approval::Busy;
        }
        desk.approvals.push(ApprovalRequest {
            id: id.to_string(),
            policy,
            record: gate.record.to_owned(),
            digest: gate.digest.clone(),
            justification,
            requested: now,
            modified: now,
            expires: after(now, WAITS),
            status: ApprovalStatus::NeedsApproval,
            decision: None,
        });
        Approval::Asked(id.to_string())
    }

    /// An approved request took place.
    pub(in crate::sim) fn use_up_approval(&mut self, tenant: usize, id: &str) {
        self.decide_approval(tenant, id, ApprovalStatus::Completed, None);
    }

    /// A request for approval is used up, or decided by a person. `false`: there is none that waits.
    pub(in crate::sim) fn decide_approval(
        &mut self,
        tenant: usize,
        id: &str,
        status: ApprovalStatus,
        why: Option<String>,
    ) -> bool {
        let now = self.now;
        let mut all = self.tenants[tenant].device_desk.approvals.iter_mut();
        let open = |one: &&mut ApprovalRequest| {
            let waits = match status {
                ApprovalStatus::Completed => ApprovalStatus::Approved,
                _ => ApprovalStatus::NeedsApproval,
            };
            one.id.eq_ignore_ascii_case(id) && one.status_at(now) == waits
        };
        let Some(request) = all.find(open) else { return false };
        request.status = status;
        request.modified = now;
        if why.is_some() {
            request.decision = why;
        }
        true
    }
}
