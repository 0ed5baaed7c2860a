//! One request per identity: the requests that services accepted are laid against the documents that may have
//! led to them, each of which leads to one.

use std::collections::BTreeMap;

use espalier::model::Serial;
use espalier::sim::device::ManagedAction;

use super::super::chronicle::Chronicle;
use super::super::paper::Kind;
use super::{candidates, sends, shown_serial, words};

/// An identity, and which request of it; with the lineage of a ledger that forgot without saying so.
type Slot = (String, Serial, Option<ManagedAction>, usize);

/// Requests beyond what the documents lead to.
pub fn broken(chronicle: &Chronicle) -> Vec<String> {
    let mut taken: BTreeMap<Slot, usize> = BTreeMap::new();
    let mut broken = Vec::new();
    for at in 0..chronicle.sent.len() {
        let mut tried = Vec::new();
        if !place(chronicle, at, &mut taken, &mut tried) {
            broken.push(format!("{} is one more than its documents ask for", words(&chronicle.sent[at])));
        }
    }
    broken
}

/// Finds a place for a request, moving others where they have another one.
fn place(chronicle: &Chronicle, at: usize, taken: &mut BTreeMap<Slot, usize>, tried: &mut Vec<Slot>) -> bool {
    let sent = &chronicle.sent[at];
    let lineage = if chronicle.put_back { chronicle.runs[sent.run].lineage } else { 0 };
    for (name, act) in candidates(chronicle, sent) {
        if !sends::reasons(chronicle, sent, name, act).is_empty() {
            continue;
        }
        // The lock can come back while a hand-over is under way (L-6): it may be lifted again.
        if act.kind == Kind::HandOver && sent.action == Some(ManagedAction::BypassActivationLock) {
            return true;
        }
        let slot = (name.clone(), shown_serial(chronicle, sent), sent.action, lineage);
        if tried.contains(&slot) {
            continue;
        }
        tried.push(slot.clone());
        let free = match taken.get(&slot).copied() {
            None => true,
            Some(other) => place(chronicle, other, taken, tried),
        };
        if free {
            taken.insert(slot, at);
            return true;
        }
    }
    false
}
