//! Limits, protection, approvals and windows, by the Fleets as they were written.

use std::collections::BTreeSet;

use espalier::model::clock::Timestamp;
use jiff::SignedDuration;

use super::super::chronicle::{Chronicle, Sent};
use super::super::paper::{Act, Approvals, Fleet, Grave, Kind, VALID_FOR};
use super::super::scene::TOKENS;
use super::sends::promises;
use super::{candidates, shown_serial};

/// The Fleets whose gates hold.
struct InForce<'c> {
    here: &'c Fleet,
    /// What was applied last, and what was when the act was seen first.
    applied: Vec<&'c Fleet>,
}

impl<'c> InForce<'c> {
    fn of(chronicle: &'c Chronicle, at: usize, name: &str) -> Self {
        let run = &chronicle.runs[at];
        let seen =
            chronicle.memory(at).bound.get(name).and_then(|bound| chronicle.runs[bound.run].applied.as_ref());
        let applied = run.applied.iter().chain(seen).flat_map(|applied| &applied.fleets).collect();
        Self { here: &run.tree.fleet, applied }
    }

    fn all(&self) -> impl Iterator<Item = &'c Fleet> {
        std::iter::once(self.here).chain(self.applied.iter().copied())
    }
}

/// What the gates say against a request.
pub fn reasons(chronicle: &Chronicle, sent: &Sent, name: &str, act: &Act) -> Vec<String> {
    let fleets = InForce::of(chronicle, sent.run, name);
    let mut all = Vec::new();
    if act.kind.grave() >= Grave::Disruptive {
        all.extend(protected(chronicle, sent, &fleets));
    }
    if act.kind.grave() >= Grave::Destructive {
        all.extend(beyond_limit(chronicle, sent, act.kind, &fleets));
        all.extend(not_approved(chronicle, sent, name, act, &fleets));
        all.extend(closed(sent.at, &fleets));
    }
    all
}

fn protected(chronicle: &Chronicle, sent: &Sent, fleets: &InForce<'_>) -> Option<String> {
    let serial = shown_serial(chronicle, sent);
    let seen = chronicle.runs[sent.run].before.devices.get(&sent.serial)?;
    let names: BTreeSet<&str> = TOKENS
        .iter()
        .filter(|(_, display, _)| seen.listed.contains(*display))
        .map(|(name, ..)| *name)
        .collect();
    fleets.all().find_map(|fleet| {
        let token = fleet.tokens.iter().find(|token| names.contains(token.as_str()));
        match (fleet.serials.contains(&serial), token) {
            (true, _) => Some("its serial is protected".to_owned()),
            (false, Some(token)) => Some(format!("its token {token} is protected")),
            (false, None) => None,
        }
    })
}

fn lists<'c>(chronicle: &'c Chronicle, sent: &Sent) -> Option<&'c BTreeSet<String>> {
    Some(&chronicle.runs[sent.run].before.devices.get(&sent.serial)?.listed)
}

fn beyond_limit(chronicle: &Chronicle, sent: &Sent, kind: Kind, fleets: &InForce<'_>) -> Option<String> {
    // Of a hand-over the wipe stands for the whole.
    if kind == Kind::HandOver && sent.action != Some(espalier::sim::device::ManagedAction::Wipe) {
        return None;
    }
    let mine = lists(chronicle, sent)?;
    let tokens = TOKENS.iter().filter(|(_, display, _)| mine.contains(*display));
    let names: Vec<&str> = tokens.map(|(name, ..)| *name).collect();
    let prefix = format!("limit/{}/", kind.word());
    let mut opened =
        chronicle.runs[sent.run].opened.iter().filter_map(|gate| gate.strip_prefix(prefix.as_str()));
    // What no token lists counts at its connection.
    if opened.any(|domain| names.is_empty() || names.contains(&domain)) {
        return None;
    }
    let limit = fleets.all().filter_map(|fleet| fleet.limit(kind)).min()?;
    let lineage = chronicle.runs[sent.run].lineage;
    let since = sent.at - SignedDuration::from_hours(24);
    let same = chronicle.sent.iter().filter(|other| {
        let of_kind = candidates(chronicle, other);
        other.action == sent.action
            && other.at > since
            && other.at <= sent.at
            && chronicle.runs[other.run].lineage == lineage
            && !of_kind.is_empty()
            && of_kind.iter().all(|(_, act)| act.kind == kind)
            && lists(chronicle, other).is_some_and(|theirs| theirs.intersection(mine).next().is_some())
    });
    let count = same.count() as u64;
    (count > limit)
        .then(|| format!("{count} of its kind on one token within 24 hours, and {limit} are allowed"))
}

fn not_approved(
    chronicle: &Chronicle,
    sent: &Sent,
    name: &str,
    act: &Act,
    fleets: &InForce<'_>,
) -> Option<String> {
    let run = &chronicle.runs[sent.run];
    let stated: Vec<&Approvals> = fleets.all().filter_map(|fleet| fleet.approvals.as_ref()).collect();
    let needed = stated.iter().map(|one| one.count).max()?;
    // Never those of the folder itself.
    let theirs: Vec<&Approvals> =
        fleets.applied.iter().filter_map(|fleet| fleet.approvals.as_ref()).collect();
    if theirs.is_empty() {
        return Some("nobody who could sign was applied yet".to_owned());
    }
    let serial = shown_serial(chronicle, sent);
    // A hand-over was approved when it set out.
    let first = promises(chronicle, sent, name).first().map(|row| row.at);
    let at = if act.kind == Kind::HandOver { first.unwrap_or(sent.at) } else { sent.at };
    let authors = run.commit.map_or_else(BTreeSet::new, |commit| chronicle.authors(commit, name));
    let good: BTreeSet<usize> = chronicle.signatures[..run.signatures]
        .iter()
        .filter(|one| one.name == name && one.serial == serial)
        .filter(|one| one.at <= at + SignedDuration::from_mins(5))
        .filter(|one| at <= one.at + SignedDuration::from_hours(VALID_FOR))
        .filter(|one| {
            sent.action.is_none() || one.epoch.as_ref() == Some(&(sent.record.clone(), sent.enrolled))
        })
        .filter(|one| !authors.contains(&one.person))
        .filter(|one| theirs.iter().all(|approvals| approvals.signers.contains(&one.person)))
        .map(|one| one.person)
        .collect();
    (good.len() < needed as usize)
        .then(|| format!("{} people agreed in time who may, and {needed} have to", good.len()))
}

fn closed(at: Timestamp, fleets: &InForce<'_>) -> Option<String> {
    let minute = at.as_second().rem_euclid(86_400) / 60;
    let is_open = |fleet: &Fleet| {
        fleet.window.as_ref().is_none_or(|window| {
            let since = (minute - window.from * 60).rem_euclid(24 * 60);
            since < window.hours * 60
        })
    };
    let all = fleets.all().all(is_open);
    (!all).then(|| "its window was closed".to_owned())
}
