//! What must hold, whatever happened: judged by the documents as they were written, the commits as they were made,
//! and the world's own history. No line of this is shared with the code that it judges.

mod ends;
mod gates;
mod once;
mod secrets;
mod sends;

use espalier::ledger::LedgerView;
use espalier::model::Serial;

use super::chronicle::{Chronicle, Sent};
use super::paper::{Act, Kind};
use super::stage::Stage;

pub use ends::is_calm;

/// How a line of what was said begins that is itself a finding.
pub const BROKEN: &str = "BROKEN: ";

/// What is wrong after an operation.
pub fn so_far(chronicle: &Chronicle) -> Vec<String> {
    let mut broken: Vec<String> =
        chronicle.said.iter().filter_map(|line| Some(line.strip_prefix(BROKEN)?.to_owned())).collect();
    broken.extend(sends::broken(chronicle));
    if broken.is_empty() {
        broken.extend(once::broken(chronicle));
    }
    broken
}

/// What is wrong once the world has come to rest.
pub fn at_rest(chronicle: &Chronicle, stage: &Stage, view: Option<LedgerView>) -> Vec<String> {
    view.map_or_else(Vec::new, |view| ends::broken(chronicle, stage, &view))
}

/// Whether what an act asks for took place by a request of ours.
pub fn took_place(chronicle: &Chronicle, stage: &Stage, name: &str, serial: Serial) -> bool {
    ends::took_place(chronicle, stage, name, serial)
}

/// The documents of its run that a request may have come of: of its kind, and of the device.
pub fn candidates<'c>(chronicle: &'c Chronicle, sent: &Sent) -> Vec<(&'c String, &'c Act)> {
    let run = &chronicle.runs[sent.run];
    let serial = shown_serial(chronicle, sent);
    let leads = |kind: Kind| match sent.action {
        Some(action) => kind.requests().contains(&action),
        None => kind == Kind::Release,
    };
    run.tree.acts.iter().filter(|(_, act)| act.serials.contains(&serial) && leads(act.kind)).collect()
}

/// The serial under which a service showed the device of a request.
pub fn shown_serial(chronicle: &Chronicle, sent: &Sent) -> Serial {
    let devices = &chronicle.runs[sent.run].before.devices;
    let record =
        devices.get(&sent.serial).and_then(|seen| seen.live.iter().find(|one| one.id == sent.record));
    record.map_or(sent.serial, |record| record.shows)
}

/// A request in words.
pub fn words(sent: &Sent) -> String {
    let what = sent.action.map_or("release".to_owned(), |action| format!("{action:?}"));
    format!("{what} of {} at {} (run {})", sent.serial, sent.at, sent.run)
}
