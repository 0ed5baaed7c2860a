//! The acts of a fleet, folded from the log; and which entry may follow which.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{ActEvent, ApprovedBy, Leg};
use super::mutation::Rule;
use super::safeguard::SafeguardKind;
use super::state::ActState;
use crate::model::clock::Timestamp;
use crate::model::{ActId, ActionKind, Class, Epoch, Name, Sealed, SealedKind, Serial};

/// What was bound when a document was seen for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundAction {
    /// What is done.
    pub kind: ActionKind,
    /// `sha256:` and hex over the content.
    pub content: String,
    /// `requestedAt`
    pub requested_at: Timestamp,
    /// Not sent from this instant on.
    pub expires: Timestamp,
    /// The devices.
    pub serials: BTreeSet<Serial>,
    /// The commit of the folder; `None` outside git.
    pub commit: Option<String>,
    /// The entry with the gates that were applied then; `None` before the first full apply.
    pub gates: Option<i64>,
    /// When that was.
    pub at: Timestamp,
}

/// A request that was promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The number of its entry.
    pub row: i64,
    /// Which request of the act.
    pub leg: Leg,
    /// When.
    pub at: Timestamp,
    /// The tenant that got it.
    pub tenant: String,
    /// The token whose limit it counts for.
    pub token: Option<Name>,
    /// The life of the device that it was for.
    pub epoch: Epoch,
    /// What stood for the device's code.
    pub safeguard: SafeguardKind,
    /// `sha256:` and hex over the request.
    pub request: String,
    /// Where it stands.
    pub state: ActState,
    /// When it came into that state.
    pub since: Timestamp,
    /// The id of the approval that it waits for, or was sent under.
    pub approval: Option<String>,
    /// Who agreed here.
    pub approved_by: Vec<ApprovedBy>,
    /// What its state rests on, for people.
    pub evidence: String,
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRecord {
    /// Where its life stands.
    pub state: ActState,
    /// Since when.
    pub since: Timestamp,
    /// What that rests on, for people.
    pub evidence: String,
    /// Its requests, oldest first.
    pub promises: Vec<Promise>,
}

impl ActRecord {
    /// One that was just seen.
    fn new(at: Timestamp) -> Self {
        Self { state: ActState::Waiting, since: at, evidence: String::new(), promises: Vec::new() }
    }

    /// The newest promise of a leg.
    pub fn leg(&self, leg: Leg) -> Option<&Promise> {
        self.promises.iter().rev().find(|promise| promise.leg == leg)
    }

    /// Whether it is a hand-over whose wipe took place: what is left is to see the next life, and the record of the
    /// former one.
    pub fn has_wiped(&self) -> bool {
        self.leg(Leg::Wipe).is_some_and(|wipe| wipe.state == ActState::Done)
    }

    /// The newest promise of a leg that left, or may have left.
    pub fn left(&self, leg: Leg) -> Option<&Promise> {
        self.leg(leg).filter(|promise| promise.state != ActState::Waiting)
    }

    /// Whether a hand-over that has begun can still be given up: its wipe was not sent, and nobody waits for what
    /// a lift of the lock comes to. Nothing that was moved is put back by that.
    pub fn may_be_given_up(&self) -> bool {
        matches!(self.state, ActState::Sent | ActState::Acknowledged)
            && self.left(Leg::Wipe).is_none()
            && self.left(Leg::Lift).is_none_or(|lift| lift.state.has_ended())
    }

    /// The life of the device that the act was bound to with its first promise.
    pub fn epoch(&self) -> Option<&Epoch> {
        self.promises.first().map(|promise| &promise.epoch)
    }
}

/// A sealed secret of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The number of its entry.
    pub row: i64,
    /// The tenant that showed it.
    pub tenant: String,
    /// The life of the device that it is of.
    pub epoch: Epoch,
    /// The act that it belongs to.
    pub act: Option<ActId>,
    /// When it was read.
    pub read: Timestamp,
    /// It.
    pub sealed: Sealed,
    /// Who opened or exported it, when, and why.
    pub revealed: Vec<(Timestamp, String, String)>,
}

/// Every act that the ledger knows. Nothing is ever taken out: an identity is for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActBook {
    actions: BTreeMap<Name, BoundAction>,
    acts: BTreeMap<ActId, ActRecord>,
    sealed: BTreeMap<Serial, Vec<SealedRow>>,
    restored: Option<Timestamp>,
}

/// An entry that cannot follow those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActRefusal {
    /// The document was seen before.
    #[error("DeviceAction/{0} is bound already; a new act takes a new name")]
    Rebound(Name),
    /// The act is of no document that was seen, or of a serial that it did not name then.
    #[error("{0} was never bound")]
    NotBound(ActId),
    /// The act was sent before, or has ended.
    #[error("{act} is {state}; an act is sent once")]
    Spent {
        /// The act.
        act: ActId,
        /// Where it stands.
        state: ActState,
    },
    /// What is sent again under an approval is another request, or another approval.
    #[error("{0} is sent again as another request than the one that was approved")]
    NotIdentical(ActId),
    /// Nothing stands for the device's code.
    #[error("{0} has no sealed code, proof or waiver")]
    NoSafeguard(ActId),
    /// Another destructive act of the device is under way or unknown.
    #[error("{act} cannot be sent while {other} is {state}")]
    Overlap {
        /// The act.
        act: ActId,
        /// The one in the way.
        other: ActId,
        /// Where that one stands.
        state: ActState,
    },
    /// The table does not know the transition.
    #[error("{act} is {from} and cannot become {to}")]
    Transition {
        /// The act.
        act: ActId,
        /// Where it stands.
        from: ActState,
        /// Where it was to go.
        to: ActState,
    },
    /// The checkpoints of a hand-over come in order.
    #[error("{act}: its {leg} comes before its time")]
    Leg {
        /// The act.
        act: ActId,
        /// The request.
        leg: Leg,
    },
    /// There is no such sealed entry.
    #[error("entry {0} holds no sealed secret of this device")]
    NotSealed(i64),
}

fn is_code_of(row: &SealedRow, epoch: &Epoch) -> bool {
    row.epoch == *epoch && row.sealed.kind == SealedKind::BypassCode
}

impl ActBook {
    /// What was bound under a name; `None`: it was never seen.
    pub fn action(&self, name: &Name) -> Option<&BoundAction> {
        self.actions.get(name)
    }

    /// Every document that was ever seen.
    pub fn actions(&self) -> impl Iterator<Item = (&Name, &BoundAction)> {
        self.actions.iter()
    }

    /// An act; `None`: it was never bound.
    pub fn act(&self, id: &ActId) -> Option<&ActRecord> {
        self.acts.get(id)
    }

    /// Every act with its record.
    pub fn acts(&self) -> impl Iterator<Item = (&ActId, &ActRecord)> {
        self.acts.iter()
    }

    /// The acts that have not ended.
    pub fn open(&self) -> impl Iterator<Item = (&ActId, &ActRecord)> {
        self.acts.iter().filter(|(_, act)| !act.state.has_ended())
    }

    /// What is done by an act that was bound.
    pub fn kind(&self, id: &ActId) -> Option<ActionKind> {
        self.actions.get(&id.action).map(|bound| bound.kind)
    }

    /// Whether an act as a whole may come into a state by what happened to it: by the table, and of a hand-over on
    /// its way also to an end before its wipe. False for one that was never bound.
    pub fn may_become(&self, id: &ActId, to: ActState) -> bool {
        let gives_up = |act: &ActRecord| {
            self.kind(id) == Some(ActionKind::HandOver)
                && matches!(to, ActState::Cancelled | ActState::Expired)
                && act.may_be_given_up()
        };
        // What was wiped is handed over or lost, and is given up by nobody.
        let is_too_late =
            |act: &ActRecord| matches!(to, ActState::Cancelled | ActState::Expired) && act.has_wiped();
        self.act(id).is_some_and(|act| (act.state.may_become(to) || gives_up(act)) && !is_too_late(act))
    }

    /// Whether a person may say what came of an act: only where nobody else can tell. `born`: of the ledger, later
    /// where it was put back from a copy.
    ///
    /// - its answer was lost, or a dead run promised it and nobody answered;
    /// - the MDM wants approval for it and named no request that could be followed;
    /// - unknown history: nothing was sent by this ledger, and it was requested before the ledger's birth;
    /// - a hand-over on its way whose time is over, and of which no request is followed.
    pub fn may_resolve(&self, id: &ActId, born: Timestamp, now: Timestamp) -> bool {
        let (Some(act), Some(bound)) = (self.act(id), self.actions.get(&id.action)) else { return false };
        match act.state {
            ActState::Unknown | ActState::Promised => true,
            ActState::ApprovalElsewhere => act.promises.last().is_some_and(|one| one.approval.is_none()),
            ActState::Waiting | ActState::NeedsApproval => bound.requested_at < born,
            ActState::Sent | ActState::Acknowledged => {
                let is_followed = |leg: Leg| act.leg(leg).is_some_and(|promise| promise.state.is_under_way());
                bound.kind == ActionKind::HandOver
                    && now >= bound.expires
                    && ![Leg::Lift, Leg::Wipe, Leg::OldRecord].into_iter().any(is_followed)
            }
            _ => false,
        }
    }

    /// When the ledger was put back from a copy the last time.
    pub fn restored(&self) -> Option<Timestamp> {
        self.restored
    }

    /// Everything that was sealed of a device, oldest first.
    pub fn sealed_of(&self, serial: &Serial) -> &[SealedRow] {
        self.sealed.get(serial).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everything that was sealed, by device.
    pub fn sealed(&self) -> impl Iterator<Item = (&Serial, &SealedRow)> {
        self.sealed.iter().flat_map(|(serial, rows)| rows.iter().map(move |row| (serial, row)))
    }

    /// The newest bypass code of one life of a device.
    pub fn code_of(&self, serial: &Serial, epoch: &Epoch) -> Option<&SealedRow> {
        self.sealed_of(serial).iter().rev().find(|row| is_code_of(row, epoch))
    }

    /// The newest bypass code of one life of a device, in the newest entry that these people can open: the same code
    /// may be sealed more than once.
    pub fn code_for(
        &self,
        serial: &Serial,
        epoch: &Epoch,
        can_open: impl Fn(&Sealed) -> bool,
    ) -> Option<&SealedRow> {
        let newest = self.code_of(serial, epoch)?;
        let print = newest.sealed.fingerprint.as_ref();
        let mut rows = self.sealed_of(serial).iter().rev().filter(|row| is_code_of(row, epoch));
        rows.find(|row| {
            let is_same =
                row.row == newest.row || (print.is_some() && row.sealed.fingerprint.as_ref() == print);
            is_same && can_open(&row.sealed)
        })
    }

    /// A destructive act of a device, other than `but`, of which a request is on its way or may have had its
    /// effect.
    pub fn destroying(&self, serial: &Serial, but: &ActId) -> Option<(&ActId, &ActRecord)> {
        self.acts.iter().find(|(id, act)| {
            id.serial == *serial
                && *id != but
                && self.kind(id).is_some_and(|kind| kind.class() >= Class::Destructive)
                && (act.state.is_under_way() || act.state == ActState::ApprovalElsewhere)
        })
    }

    /// The acts of which a request was promised since an instant and was not proven to have stayed here, each
    /// once, with its kind and the request that counts: what limits over a rolling time count. A hand-over counts
    /// from its first request on; what was sent again under an approval from when that was.
    pub fn promised_since(&self, since: Timestamp) -> impl Iterator<Item = (&ActId, ActionKind, &Promise)> {
        self.acts.iter().filter_map(move |(id, act)| {
            let kind = self.kind(id)?;
            let mut left = act.promises.iter().filter(|promise| promise.state != ActState::Waiting);
            let counts = if kind == ActionKind::HandOver { left.next() } else { left.next_back() }?;
            (counts.at >= since).then_some((id, kind, counts))
        })
    }

    /// Every request of a tenant that was promised since an instant and was not proven to have stayed here, with
    /// what it does: what the service's own quotas count.
    pub fn requests_since<'b>(
        &'b self,
        tenant: &'b str,
        since: Timestamp,
    ) -> impl Iterator<Item = (&'b ActId, ActionKind, &'b Promise)> {
        self.acts.iter().flat_map(move |(id, act)| {
            let kind = self.kind(id);
            act.promises.iter().filter_map(move |promise| {
                let counts = promise.state != ActState::Waiting
                    && promise.at >= since
                    && promise.tenant.eq_ignore_ascii_case(tenant);
                let kind = super::evidence::kind_of(kind?, promise.leg);
                // The first checkpoint of a hand-over sends nothing.
                (counts && kind != ActionKind::HandOver).then_some((id, kind, promise))
            })
        })
    }

    /// Takes the next entry. After an error the value is not to be used any more.
    ///
    /// # Errors
    /// The entry cannot follow those before it.
    pub fn take(&mut self, row: i64, at: Timestamp, event: ActEvent) -> Result<(), ActRefusal> {
        match event {
            ActEvent::Bound { action, kind, content, requested_at, expires, serials, commit, gates } => {
                if self.actions.contains_key(&action) {
                    return Err(ActRefusal::Rebound(action));
                }
                for serial in &serials {
                    let id = ActId { action: action.clone(), serial: *serial };
                    self.acts.insert(id, ActRecord::new(at));
                }
                let serials = serials.into_iter().collect();
                let bound = BoundAction { kind, content, requested_at, expires, serials, commit, gates, at };
                self.actions.insert(action, bound);
                Ok(())
            }
            ActEvent::Promised {
                act,
                leg,
                tenant,
                token,
                epoch,
                safeguard,
                sealed,
                request,
                approved_elsewhere,
                approved_by,
            } => {
                self.may_promise(&act, leg, &safeguard, &request, approved_elsewhere.as_deref())?;
                if let Some(sealed) = sealed {
                    let kept = SealedRow {
                        row,
                        tenant: tenant.clone(),
                        epoch: epoch.clone(),
                        act: Some(act.clone()),
                        read: at,
                        sealed,
                        revealed: Vec::new(),
                    };
                    self.sealed.entry(act.serial).or_default().push(kept);
                }
                let promise = Promise {
                    row,
                    leg,
                    at,
                    tenant,
                    token,
                    epoch,
                    safeguard,
                    request,
                    state: ActState::Promised,
                    since: at,
                    approval: approved_elsewhere,
                    approved_by,
                    evidence: String::new(),
                };
                let seen = ActRecord::new(at);
                let record = self.acts.entry(act).or_insert(seen);
                record.promises.push(promise);
                (record.state, record.since) = (ActState::Promised, at);
                record.evidence.clear();
                Ok(())
            }
            ActEvent::Moved { act, leg, to, evidence, approval } => {
                self.shift(at, act, leg, to, evidence, approval)
            }
            ActEvent::Sealed { serial, tenant, epoch, act, read, sealed } => {
                let kept = SealedRow { row, tenant, epoch, act, read, sealed, revealed: Vec::new() };
                self.sealed.entry(serial).or_default().push(kept);
                Ok(())
            }
            ActEvent::Revealed { serial, row, who, why } => {
                let rows = self.sealed.get_mut(&serial).map(Vec::as_mut_slice).unwrap_or_default();
                let found = rows.iter_mut().find(|one| one.row == row).ok_or(ActRefusal::NotSealed(row))?;
                found.revealed.push((at, who, why));
                Ok(())
            }
            ActEvent::Resolved { act, to, who, why } => {
                let evidence = format!("resolved by {who}: {why}");
                let Some(record) = self.acts.get_mut(&act) else { return Err(ActRefusal::NotBound(act)) };
                let from = record.state;
                // A person may end whatever is open. What was sent cannot be called back by that.
                let calls_back = matches!(to, ActState::Cancelled | ActState::Expired);
                let fits = to.has_ended() && !from.has_ended() && !(from.is_under_way() && calls_back);
                if !fits {
                    return Err(ActRefusal::Transition { act, from, to });
                }
                (record.state, record.since, record.evidence) = (to, at, evidence.clone());
                for promise in record.promises.iter_mut().filter(|promise| !promise.state.has_ended()) {
                    // What never left does not count, whatever became of the act.
                    if promise.state != ActState::Waiting {
                        (promise.state, promise.since) = (to, at);
                        promise.evidence.clone_from(&evidence);
                    }
                }
                Ok(())
            }
            ActEvent::Restored { who: _, why: _, rewritten: _ } => {
                self.restored = Some(at);
                Ok(())
            }
        }
    }

    fn may_promise(
        &self,
        act: &ActId,
        leg: Leg,
        safeguard: &SafeguardKind,
        request: &str,
        approval: Option<&str>,
    ) -> Result<(), ActRefusal> {
        let added = ActRecord::new(Timestamp::MIN);
        let known = self.acts.get(act).or_else(|| (!Rule::Serials.in_force()).then_some(&added));
        let (Some(record), Some(kind)) = (known, self.kind(act)) else {
            return Err(ActRefusal::NotBound(act.clone()));
        };
        let spent = || Err(ActRefusal::Spent { act: act.clone(), state: record.state });
        if kind != ActionKind::HandOver && leg != Leg::Whole {
            return Err(ActRefusal::Leg { act: act.clone(), leg });
        }
        match (record.state, approval) {
            // A hand-over begins with its first checkpoint.
            (ActState::Waiting | ActState::NeedsApproval, None) if leg != Leg::Whole => {
                return Err(ActRefusal::Leg { act: act.clone(), leg });
            }
            (ActState::Waiting | ActState::NeedsApproval, None) => {}
            // The same request once more, under the approval that it waited for.
            (ActState::ApprovalElsewhere, Some(code)) => {
                let before = record.leg(leg);
                let same =
                    before.is_some_and(|one| one.request == request && one.approval.as_deref() == Some(code));
                if Rule::Identical.stops(!same) {
                    return Err(ActRefusal::NotIdentical(act.clone()));
                }
            }
            // A hand-over goes from request to request, each sent once.
            (ActState::Sent | ActState::Acknowledged, None)
                if kind == ActionKind::HandOver && leg != Leg::Whole =>
            {
                let in_order = match leg {
                    Leg::Whole => false,
                    // A wipe that never left leaves time for the lock to come back.
                    Leg::Lift => {
                        let stayed = |wipe: &Promise| wipe.state == ActState::Waiting;
                        record.leg(Leg::Whole).is_some() && record.leg(Leg::Wipe).is_none_or(stayed)
                    }
                    Leg::Wipe => record.leg(Leg::Whole).is_some(),
                    Leg::OldRecord => record.leg(Leg::Wipe).is_some_and(|wipe| wipe.state == ActState::Done),
                };
                if !in_order {
                    return Err(ActRefusal::Leg { act: act.clone(), leg });
                }
                // The lock can come back while a hand-over is under way (L-6): the lift alone may be sent again.
                let sent = record.leg(leg).is_some_and(|one| one.state != ActState::Waiting);
                if Rule::Once.stops(sent && leg != Leg::Lift) {
                    return spent();
                }
            }
            (ActState::Cancelled, None) if !Rule::Tombstone.in_force() => {}
            _ if !Rule::Once.in_force() => {}
            _ => return spent(),
        }
        if Rule::Safeguard.stops(kind.needs_safeguard() && *safeguard == SafeguardKind::NotNeeded) {
            return Err(ActRefusal::NoSafeguard(act.clone()));
        }
        if kind.class() >= Class::Destructive
            && let Some((other, record)) = self.destroying(&act.serial, act)
            && Rule::Overlap.in_force()
        {
            let (other, state) = (other.clone(), record.state);
            return Err(ActRefusal::Overlap { act: act.clone(), other, state });
        }
        Ok(())
    }

    fn shift(
        &mut self,
        at: Timestamp,
        act: ActId,
        leg: Leg,
        to: ActState,
        evidence: String,
        approval: Option<String>,
    ) -> Result<(), ActRefusal> {
        let kind = self.kind(&act);
        let whole_may = self.may_become(&act, to);
        let Some(record) = self.acts.get_mut(&act) else { return Err(ActRefusal::NotBound(act)) };
        let is_part = kind == Some(ActionKind::HandOver) && leg != Leg::Whole;
        let promise = record.promises.iter_mut().rev().find(|promise| promise.leg == leg);
        let from = match (&promise, is_part) {
            // What has ended as a whole stays ended.
            (Some(_), true) if record.state.has_ended() => record.state,
            (Some(promise), true) => promise.state,
            (None, true) => return Err(ActRefusal::Leg { act, leg }),
            (_, false) => record.state,
        };
        let may = if is_part { from.may_become(to) } else { whole_may };
        if !may {
            return Err(ActRefusal::Transition { act, from, to });
        }
        if let Some(promise) = promise {
            (promise.state, promise.since) = (to, at);
            promise.evidence.clone_from(&evidence);
            if approval.is_some() {
                promise.approval = approval;
            }
        }
        // What comes of an earlier request says nothing of the whole once a later one has left.
        let left = |leg: Leg| record.leg(leg).is_some_and(|one| one.state != ActState::Waiting);
        let is_behind = match leg {
            Leg::Lift => left(Leg::Wipe),
            Leg::Wipe => left(Leg::OldRecord),
            Leg::Whole | Leg::OldRecord => false,
        };
        if is_part && is_behind {
            return Ok(());
        }
        // Of a hand-over a request that ended well, or never left, leaves the whole on its way. So does a removal of
        // the former record that ended badly: the device is in its next life whatever became of that record.
        let whole = match (is_part, to) {
            (false, to) => to,
            (true, to) if leg == Leg::OldRecord && to.has_ended() => ActState::Acknowledged,
            (true, ActState::Done | ActState::Sent | ActState::Acknowledged | ActState::Waiting) => {
                ActState::Acknowledged
            }
            (true, to) => to,
        };
        (record.state, record.since, record.evidence) = (whole, at, evidence);
        Ok(())
    }
}
