//! Every act ends in a state that the world confirms.

use espalier::acts::{ActRecord, ActState};
use espalier::ledger::LedgerView;
use espalier::model::Serial;
use espalier::model::clock::Timestamp;
use espalier::sim::World;
use espalier::sim::apple::organization::Lock;
use espalier::sim::device::{DeedKind, ManagedAction};
use jiff::SignedDuration;

use super::super::chronicle::{Chronicle, Ended, LiveRecord, Seen, Sent};
use super::super::op::Op;
use super::super::paper::Kind;
use super::super::stage::Stage;
use super::{candidates, shown_serial};

/// How far clocks may be apart, by what the ledger's evidence allows for.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// The deeds that are what a kind asks for.
fn deeds(kind: Kind) -> Vec<DeedKind> {
    match kind {
        Kind::Release => vec![DeedKind::Released],
        Kind::HandOver => vec![DeedKind::Wiped],
        kind => kind.requests().iter().map(|action| DeedKind::from(*action)).collect(),
    }
}

/// The requests that were accepted for an act, or may have been.
fn sent_for<'c>(chronicle: &'c Chronicle, name: &str, serial: Serial) -> Vec<&'c Sent> {
    let leads = |sent: &&Sent| {
        shown_serial(chronicle, sent) == serial
            && candidates(chronicle, sent).iter().any(|(candidate, _)| *candidate == name)
    };
    chronicle.sent.iter().filter(leads).collect()
}

/// Whether what an act asks for took place by a request that may have been its own.
pub fn took_place(chronicle: &Chronicle, stage: &Stage, name: &str, serial: Serial) -> bool {
    let sent = sent_for(chronicle, name, serial);
    stage.sim.with_world(|world| sent.iter().any(|sent| has_deed(world, sent)))
}

fn has_deed(world: &World, sent: &Sent) -> bool {
    let Some(history) = world.history.device(&sent.serial) else { return false };
    match sent.action {
        None => true,
        Some(_) => history.deeds.iter().any(|deed| deed.request == Some(sent.number)),
    }
}

/// What is wrong with the states in the ledger.
pub fn broken(chronicle: &Chronicle, stage: &Stage, view: &LedgerView) -> Vec<String> {
    let mut broken = super::secrets::broken(chronicle, stage);
    // A last run that could not work left things as they were.
    if !matches!(chronicle.runs.last().map(|run| &run.ended), Some(Ended::Well { .. })) {
        let ended = chronicle.runs.last().map(|run| format!("{:?}", run.ended)).unwrap_or_default();
        broken.push(format!("the world does not come to rest: the last run ended with {ended}"));
        return broken;
    }
    let Some(memory) = chronicle.memories.last() else { return broken };
    for (id, record) in view.acts.acts() {
        let (name, serial) = (id.action.as_str(), id.serial);
        let Some(kind) = view.acts.kind(id).and_then(|kind| Kind::of_word(kind.word())) else { continue };
        // A person's word is the end of it.
        if memory.resolved.contains(&(name.to_owned(), serial)) {
            continue;
        }
        if let Some(why) = wrong(chronicle, stage, name, serial, kind, record) {
            broken.push(format!(
                "{} {name} of {serial} is {} ({}), and {why}",
                kind.word(),
                record.state,
                record.evidence
            ));
        }
    }
    broken
}

fn wrong(
    chronicle: &Chronicle,
    stage: &Stage,
    name: &str,
    serial: Serial,
    kind: Kind,
    record: &ActRecord,
) -> Option<String> {
    let sent = sent_for(chronicle, name, serial);
    // Those that can be no other act's, and that a ledger which was put back remembers.
    let knows = |run: usize| chronicle.memories.last().is_some_and(|memory| memory.runs.contains(&run));
    let own: Vec<&&Sent> =
        sent.iter().filter(|sent| candidates(chronicle, sent).len() == 1 && knows(sent.run)).collect();
    let seen = chronicle.runs.last().and_then(|run| run.after.devices.get(&serial));
    let lies = seen.is_some_and(|seen| seen.results_lie);
    let lied =
        |sent: &Sent| seen.is_some_and(|seen| sent.action.is_some_and(|one| seen.lies_about.contains(&one)));
    stage.sim.with_world(|world| {
        let is_it = |sent: &Sent| kind != Kind::HandOver || sent.action == Some(ManagedAction::Wipe);
        let done = own.iter().find(|sent| is_it(sent) && has_deed(world, sent) && !lied(sent));
        let asked = own.iter().find(|sent| is_it(sent));
        // What tells that it took place stands where everybody can read it.
        let stands = done.filter(|sent| {
            let same = |one: &LiveRecord| one.id == sent.record && one.enrolled == sent.enrolled;
            let last = chronicle.runs.last().and_then(|run| run.before.devices.get(&serial));
            // A hand-over goes on after its wipe.
            let is_all = kind != Kind::HandOver;
            is_all && chronicle.is_calm && !lies && last.is_some_and(|seen| seen.live.iter().any(same))
        });
        match record.state {
            ActState::Promised => Some("nothing may be left half said".to_owned()),
            ActState::Done if own.iter().filter(|sent| is_it(sent)).count() > 1 => {
                Some("services accepted more than one request for it".to_owned())
            }
            ActState::Done => {
                let since = record.promises.first().map_or(record.since, |promise| promise.at);
                (!is_confirmed(world, chronicle, serial, kind, since, seen))
                    .then(|| "the world knows of no such thing".to_owned())
            }
            ActState::Waiting
            | ActState::NeedsApproval
            | ActState::ApprovalElsewhere
            | ActState::Cancelled
            | ActState::Expired => {
                asked.map(|asked| format!("a service accepted a request for it at {}", asked.at))
            }
            ActState::Sent | ActState::Acknowledged | ActState::Lost
                if sent.is_empty() && !kind.requests().is_empty() && kind != Kind::HandOver =>
            {
                Some("no service accepted a request for it".to_owned())
            }
            ActState::Sent | ActState::Acknowledged | ActState::Lost => {
                stands.map(|done| format!("its request of {} took place, as everybody can read", done.at))
            }
            ActState::Failed | ActState::NotSupported => {
                // An error may hide the effect of what erases nothing: that is told as a failure.
                let destroys = matches!(
                    kind,
                    Kind::Wipe | Kind::Retire | Kind::DeleteRecord | Kind::HandOver | Kind::Release
                );
                let done = done.filter(|_| destroys)?;
                Some(format!("its request of {} took place", done.at))
            }
            ActState::Superseded if !lies => {
                let done = done?;
                Some(format!("its request of {} took place", done.at))
            }
            ActState::Unknown => {
                let calm = chronicle.is_calm;
                calm.then(|| "no answer was lost in this story".to_owned())
            }
            _ => None,
        }
    })
}

/// Whether the world shows what a state `done` claims.
fn is_confirmed(
    world: &World,
    chronicle: &Chronicle,
    serial: Serial,
    kind: Kind,
    since: Timestamp,
    seen: Option<&Seen>,
) -> bool {
    let since = since - SKEW;
    let history = world.history.device(&serial);
    let did = history.is_some_and(|history| {
        let kinds = deeds(kind);
        history.deeds.iter().any(|deed| deed.at >= since && kinds.contains(&deed.what))
    });
    if did {
        return true;
    }
    let handset = world.handset(&serial);
    let anew =
        handset.as_ref().is_some_and(|handset| handset.records.iter().any(|record| record.enrolled >= since));
    let Some(seen) = seen else { return false };
    match kind {
        // The same serial was enrolled anew: it was erased, by whomever.
        Kind::Wipe | Kind::HandOver => anew,
        // Its record is gone.
        Kind::Retire | Kind::DeleteRecord => anew || seen.live.is_empty(),
        Kind::EscrowBypassCode => chronicle.log.iter().any(|row| {
            let kept = row.act("sealed").or(row.act("promised"));
            kept.is_some_and(|kept| {
                kept["sealed"]["kind"] == "bypassCode"
                    && (kept["serial"] == serial.as_str() || kept["act"]["serial"] == serial.as_str())
            })
        }),
        Kind::Rename => seen.name.starts_with("Desk-"),
        // Apple says that no lock is on.
        Kind::DisableActivationLock => seen.in_organisation && seen.lock == Lock::None,
        Kind::EnableLostMode | Kind::DisableLostMode | Kind::Sync => true,
        _ => false,
    }
}

/// Whether nothing in a story could lose an answer.
pub fn is_calm(ops: &[Op], behaviour: &serde_json::Value) -> bool {
    let ways = ["approvals", "wipesPerDay", "retiresPerDay", "deletesPerDay"];
    let of_world = ways.iter().any(|way| !behaviour[way].is_null());
    !of_world
        && ops.iter().all(|op| match op {
            Op::Apply { death, fault } => death.is_none() && fault.is_none(),
            Op::Portal(change) => change["do"] != "changeDeviceBehaviour",
            Op::OtherLedger | Op::PutCopyBack { .. } => false,
            _ => true,
        })
}
