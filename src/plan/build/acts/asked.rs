//! What has to be read for a plan with acts: no list that nobody needs, and no device by itself but where the
//! service forces that.

use std::collections::BTreeSet;

use crate::ledger::LedgerView;
use crate::model::desired::Desired;
use crate::model::{ActionKind, Realm, Scope, Serial};

/// What a plan with acts asks of the services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActReads {
    /// Connections whose records of all devices are needed.
    pub records: BTreeSet<Realm>,
    /// Connections whose memory of actions is needed: something of theirs is under way.
    pub audits: BTreeSet<Realm>,
    /// Devices whose Activation Lock Apple is asked about: one call each.
    pub locks: BTreeSet<Serial>,
    /// Organisations whose devices are needed.
    pub organisations: bool,
}

/// What the acts of the documents, and the open ones of the ledger, need.
pub fn asked(desired: &Desired, ledger: &LedgerView, scope: &Scope) -> ActReads {
    let mut reads = ActReads::default();
    let mut needs_record = false;
    let ended = |id: &crate::model::ActId| ledger.acts.act(id).is_some_and(|one| one.state.has_ended());
    for document in desired.actions.values() {
        let kind = document.kind();
        let mut open = document.acts().filter(|id| !ended(id)).peekable();
        if open.peek().is_none() && document.selected.is_none() {
            continue;
        }
        reads.organisations |= kind == ActionKind::Release || document.selected.is_some();
        // A release, too, before it is sent: which life a device is in, its record tells.
        let is_unsent = |id: crate::model::ActId| {
            ledger.acts.act(&id).is_none_or(|one| !one.state.has_ended() && !one.state.is_under_way())
        };
        needs_record |=
            kind != ActionKind::Release || document.selected.is_some() || document.acts().any(is_unsent);
        // A hand-over reads the lock itself, when it comes to that.
        if kind == ActionKind::Release {
            reads.locks.extend(open.map(|id| id.serial));
        }
    }
    let all = desired.connections.iter();
    let all = all.map(|(name, one)| (Realm::Mdm(name.clone()), one.tenant_id.as_str()));
    let tenants: Vec<(Realm, &str)> = all.collect();
    for (id, act) in ledger.acts.open() {
        needs_record |= ledger.acts.kind(id) != Some(ActionKind::Release);
        for promise in act.promises.iter().filter(|one| one.state.is_under_way()) {
            let leads = |(_, tenant): &&(Realm, &str)| tenant.eq_ignore_ascii_case(&promise.tenant);
            reads.audits.extend(tenants.iter().find(leads).map(|(realm, _)| realm.clone()));
        }
    }
    // A narrowed run sends nothing; what it follows is read all the same.
    let _ = scope;
    if needs_record {
        reads.records = tenants.into_iter().map(|(realm, _)| realm).collect();
    }
    reads
}
