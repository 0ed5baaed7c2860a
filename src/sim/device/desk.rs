//! A tenant's desk for device actions: what it accepts, what it refuses for today, and what waits for a
//! second person.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::action::Particulars;
use super::record::{Act, ActState, ManagementState, Standing};
use super::{Found, Handset, ManagedAction};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::world::World;

/// The window of quotas, in seconds.
const DAY: i64 = 86_400;

/// What a tenant's Intune keeps about device actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceDesk {
    /// How it behaves.
    #[serde(skip_serializing_if = "DeviceBehaviour::is_usual")]
    pub behaviour: DeviceBehaviour,
    /// Requests for approval, in the order of their making.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalRequest>,
    /// When actions with a quota were accepted, for a day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spent: Vec<(Timestamp, ManagedAction)>,
    /// Devices whose record was deleted: the next full sync brings them back for enrollment (S-5).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub deleted: BTreeSet<Serial>,
}

/// How a tenant's Intune behaves about devices where its description leaves it open. What is absent in
/// JSON is the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeviceBehaviour {
    /// Wipes within 24 hours; absent: 500.
    pub wipes_per_day: u32,
    /// Retires within 24 hours; absent: 1000.
    pub retires_per_day: u32,
    /// Deleted records within 24 hours; absent: 1000.
    pub deletes_per_day: u32,
    /// Status of a refusal by these; absent: 429. What the real one is nobody wrote down.
    pub quota_status: u16,
    /// Operations that need a second person's approval; absent: none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub approvals: BTreeSet<PolicyType>,
    /// Status of the refusal that brings the approval code: 403, 412 or 400; absent: 403.
    pub approval_status: u16,
    /// How `actionName` of results is spelled; absent: as `remoteAction`.
    pub action_names: ActionNames,
    /// Seconds until somebody sets a wiped device up again; 0: nobody does. Absent: 7200.
    pub set_up_after: u32,
    /// Whether a device that enrolls again keeps the id of its record; absent: no.
    pub same_record: bool,
    /// Seconds for which a record is still read after its wipe or retire is done; absent: 30.
    pub record_stays: u32,
}

impl Default for DeviceBehaviour {
    fn default() -> Self {
        Self {
            wipes_per_day: 500,
            retires_per_day: 1000,
            deletes_per_day: 1000,
            quota_status: 429,
            approvals: BTreeSet::new(),
            approval_status: 403,
            action_names: ActionNames::RemoteAction,
            set_up_after: 7200,
            same_record: false,
            record_stays: 30,
        }
    }
}

impl DeviceDesk {
    /// A desk on which nothing is.
    pub fn new(behaviour: Option<DeviceBehaviour>) -> Self {
        Self { behaviour: behaviour.unwrap_or_default(), ..Self::default() }
    }

    /// Whether nothing is on it.
    pub fn is_bare(&self) -> bool {
        *self == Self::default()
    }
}

impl DeviceBehaviour {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// How many actions of a kind are accepted in a day; `None`: any number.
    fn quota(&self, action: ManagedAction) -> Option<u32> {
        match action {
            ManagedAction::Wipe => Some(self.wipes_per_day),
            ManagedAction::Retire => Some(self.retires_per_day),
            ManagedAction::Delete => Some(self.deletes_per_day),
            _ => None,
        }
    }
}

/// How `actionName` is spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActionNames {
    /// As the member of `remoteAction`, where there is one: `factoryReset`.
    #[default]
    RemoteAction,
    /// As the route: `wipe`.
    Route,
}

/// `operationApprovalPolicyType`, as far as devices are meant.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum PolicyType {
    /// `deviceWipe`
    DeviceWipe,
    /// `deviceRetire`
    DeviceRetire,
    /// `deviceDelete`
    DeviceDelete,
}

impl PolicyType {
    /// The policy that an action falls under.
    pub fn of(action: ManagedAction) -> Option<Self> {
        match action {
            ManagedAction::Wipe => Some(PolicyType::DeviceWipe),
            ManagedAction::Retire => Some(PolicyType::DeviceRetire),
            ManagedAction::Delete => Some(PolicyType::DeviceDelete),
            _ => None,
        }
    }
}

/// A request that waits, or waited, for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRequest {
    /// Its id, which is the approval code.
    pub id: String,
    /// What kind of operation.
    pub policy: PolicyType,
    /// The id of the record that it is about.
    pub record: String,
    /// SHA-256 of the request, in hex: method, path and body.
    pub digest: String,
    /// Why it was asked for.
    pub justification: String,
    /// When it was made.
    pub requested: Timestamp,
    /// When it changed.
    pub modified: Timestamp,
    /// When nothing can be done with it any more.
    pub expires: Timestamp,
    /// What became of it; that it expired follows from the clock.
    pub status: ApprovalStatus,
    /// Why it was decided so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// `operationApprovalRequestStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ApprovalStatus {
    /// Nobody has looked at it.
    NeedsApproval,
    /// It may be sent again.
    Approved,
    /// A person said no.
    Rejected,
    /// Who asked took it back.
    Cancelled,
    /// It was sent again.
    Completed,
    /// Its time is over.
    Expired,
}

impl World {
    /// The quota that an action would exceed now; `None`: it may be accepted.
    pub(in crate::sim) fn exceeded_quota(&self, tenant: usize, action: ManagedAction) -> Option<u32> {
        let desk = &self.tenants[tenant].device_desk;
        let quota = desk.behaviour.quota(action)?;
        let since = self.now.as_second() - DAY;
        let of_day = |(at, what): &&(Timestamp, ManagedAction)| *what == action && at.as_second() > since;
        (desk.spent.iter().filter(of_day).count() >= quota as usize).then_some(quota)
    }

    /// Accepts an action: it waits for the device. Returns its number.
    pub(in crate::sim) fn accept_action(
        &mut self,
        tenant: usize,
        found: Found,
        action: ManagedAction,
        particulars: Particulars,
        by_person: bool,
    ) -> u64 {
        let now = self.now;
        self.handsets.numbers += 1;
        let number = self.handsets.numbers;
        let desk = &mut self.tenants[tenant].device_desk;
        if desk.behaviour.quota(action).is_some() {
            desk.spent.retain(|(at, _)| at.as_second() > now.as_second() - DAY);
            desk.spent.push((now, action));
        }
        if action == ManagedAction::Delete {
            desk.deleted.insert(found.serial);
        }
        let act = Act {
            number,
            action,
            requested: now,
            by_person,
            silent: false,
            state: ActState::Pending,
            updated: now,
            ends: None,
            outcome: None,
            forgotten: false,
            particulars,
        };
        self.with_handset(&found.serial, |world, handset| {
            world.note_request(&found.serial, handset, found.number, &act);
            world.enqueue(found, handset, act);
        });
        number
    }

    /// Accepts an action for a record behind which there is no device: nothing will come of it.
    pub(in crate::sim) fn accept_for_nobody(&mut self, found: Found, id: &str, action: ManagedAction) {
        self.handsets.numbers += 1;
        let number = self.handsets.numbers;
        self.note_lost_request(&found.serial, found.number, id, number, action);
    }

    fn enqueue(&mut self, found: Found, handset: &mut Handset, mut act: Act) {
        let now = self.now;
        let (number, action) = (act.number, act.action);
        let managed = handset.managed == Some(found.number);
        if action == ManagedAction::Delete {
            // The server side is done at once; the device has not heard of it.
            act.becomes(ActState::Done, now);
            self.note_deletion(&found.serial, handset, found.number, &act);
        }
        let Some(record) = handset.record_mut(found.number) else { return };
        if action.overtakes() {
            record.cancel_others(number, now);
        }
        for earlier in record.acts.iter_mut().filter(|one| one.action == ManagedAction::RemoteLock) {
            earlier.forgotten = true;
        }
        let retire =
            Act { action: ManagedAction::Retire, silent: true, state: ActState::Pending, ..act.clone() };
        record.acts.push(act);
        match action {
            ManagedAction::Wipe => record.state = ManagementState::WipePending,
            ManagedAction::Retire => record.state = ManagementState::RetirePending,
            ManagedAction::Delete => {
                record.state = ManagementState::DeletePending;
                record.leaves = None;
                record.standing = if managed { Standing::Hidden } else { Standing::Gone };
                if managed {
                    self.handsets.numbers += 1;
                    record.acts.push(Act { number: self.handsets.numbers, ..retire });
                }
            }
            _ => {}
        }
        if managed {
            self.call(&found.serial, handset);
        }
    }
}
