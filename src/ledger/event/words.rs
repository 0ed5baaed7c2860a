//! What the log says in one line: the words of the journal.

use std::fmt;

use super::{Entry, Event, How};
use crate::diag::words::{count, form};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Born { fleet } => write!(f, "ledger {fleet} born"),
            Event::RunStarted { run, commit, digest: _, manifests: _, part: _ } => {
                write!(f, "run {run} started{}", Commit(commit))
            }
            Event::RunFinished { run, complete, commit, part: _ } => {
                let word = if *complete { "applied in full" } else { "finished in part" };
                write!(f, "run {run} {word}{}", Commit(commit))
            }
            Event::Owned { address, tenant: _, token_id, object, how, name } => {
                let how = match how {
                    How::Created => "created",
                    How::Adopted => "adopted",
                };
                let id = object.as_ref().map_or(token_id.0.as_str(), |object| object.0.as_str());
                write!(f, "{address} {how} as {name:?}, id {id}")
            }
            Event::Applied { address, fields } => write!(f, "{address} applied, {} fields", fields.len()),
            Event::Disowned { address, why } => write!(f, "{address} no longer owned: {why}"),
            Event::Destroyed { address, token, kind: _, count } => {
                write!(f, "{address} destroyed, {count} counted for {token}")
            }
            Event::InForce { token, wishes: _ } => write!(f, "EnrollmentToken/{token} in force"),
            Event::GatesApplied { gates: _, policies: _ } => f.write_str("gates recorded"),
            Event::SyncAsked { token, token_id: _, serials } => {
                write!(f, "{token} sync asked for {} serials", serials.len())
            }
            Event::ServerKnown { token, server, name, .. } => {
                write!(
                    f,
                    "{token} is the token of server {:?} ({server})",
                    name.as_deref().unwrap_or_default()
                )
            }
            Event::TokenRenewed { token, apple_id: _, expires } => match expires {
                Some(expires) => write!(f, "{token} renewed, expires {expires}"),
                None => write!(f, "{token} renewed"),
            },
            Event::Defined { address, object, .. } => write!(f, "{address} defined as {object}"),
            Event::Vanished { object, .. } => write!(f, "{object} is not known at Apple any more"),
            Event::Cooling { why, until, serials, .. } => {
                write!(f, "{} left in peace until {until}: {why}", count(serials.len(), "device"))
            }
            Event::Cooled { serials, .. } => {
                write!(f, "{} no longer left in peace", count(serials.len(), "device"))
            }
            Event::ServiceKnown { token, service, name, .. } => {
                write!(f, "{token} is the token of service {name:?} ({service}) at Apple")
            }
            Event::ActivityAccepted { intent, activity } => {
                write!(f, "intent {intent} is activity {activity} at Apple")
            }
            Event::ActivityEnded { activity, state, issues } if issues.is_empty() => {
                write!(f, "activity {activity} ended: {state}")
            }
            Event::ActivityEnded { activity, state, issues } => {
                write!(f, "activity {activity} ended: {state}, issues with {}", count(issues.len(), "device"))
            }
            Event::MigrationAsked { assignment, deadline, serials, .. } => {
                let (devices, migrate) =
                    (count(serials.len(), "device"), form(serials.len(), "migrates", "migrate"));
                write!(f, "{devices} of DeviceAssignment/{assignment} {migrate} by {deadline}")
            }
            Event::MigrationOver { serials, .. } => {
                write!(f, "{} over", count(serials.len(), "migration"))
            }
            Event::KeyKnown { tenant, key } => write!(f, "API key {key} of {tenant} used first"),
            Event::Act(act) => act.fmt(f),
            Event::NotWaiting { token, token_id: _, serials } => {
                let wait = form(serials.len(), "waits", "wait");
                write!(f, "{token} {} no longer {wait}", count(serials.len(), "serial"))
            }
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Event(event) => event.fmt(f),
            Entry::Intended { run: _, intent } => {
                write!(f, "{} {} intended, {}", intent.address, intent.write, count(intent.items, "item"))
            }
            Entry::Outcome { intent, state, note } if note.is_empty() => write!(f, "intent {intent} {state}"),
            Entry::Outcome { intent, state, note } => write!(f, "intent {intent} {state}: {note}"),
        }
    }
}

struct Commit<'a>(&'a Option<String>);

impl fmt::Display for Commit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(commit) => write!(f, " at commit {commit}"),
            None => Ok(()),
        }
    }
}
