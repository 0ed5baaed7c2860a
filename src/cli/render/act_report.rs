//! What came of acts on devices in one run: many devices of one document together. PURE.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use anstyle::Style;

use super::act_list::face as state_face;
use super::acts::SERIAL;
use super::alike::instead;
use super::text::{BOLD, ERROR, HINT, NOTE, QUIET, clean, count, labelled, number, paint, serials};
use crate::acts::ActState;
use crate::apply::ApplyReport;
use crate::apply::acts::ActResult;
use crate::model::Serial;
use crate::plan::Stop;

const INDENT: usize = 6;
const LABEL: usize = 6;

/// Results of one document of which the same is said; never empty.
#[derive(Clone, Debug)]
pub struct ResultGroup<'a> {
    /// The results, in the order of the run.
    pub all: Vec<&'a ActResult>,
}

impl<'a> ResultGroup<'a> {
    /// The one that speaks for all.
    pub fn first(&self) -> &'a ActResult {
        self.all[0]
    }

    /// A text of the first one, with [`SERIAL`] for its device where it speaks for several.
    pub fn say<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.all.as_slice() {
            [_] => Cow::Borrowed(text),
            _ => instead(text, &self.first().id.serial.to_string(), SERIAL),
        }
    }

    /// `wipe DeviceAction/lost DMPXK0A1`, or how many devices.
    pub fn subject(&self) -> String {
        let first = self.first();
        match self.all.as_slice() {
            [_] => format!("{} {}", first.kind, first.id),
            all => {
                format!(
                    "{} DeviceAction/{}  {}",
                    first.kind,
                    first.id.action,
                    count(all.len() as u64, "device")
                )
            }
        }
    }

    fn serials(&self) -> Vec<Serial> {
        self.all.iter().map(|one| one.id.serial).collect()
    }
}

/// Puts results together, in the order of each one's first. What had ended before is left out: it is history.
pub fn grouped(results: &[ActResult]) -> Vec<ResultGroup<'_>> {
    let mut groups: Vec<ResultGroup<'_>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let is_news = |one: &&ActResult| !one.before.has_ended() || one.state != one.before;
    for one in results.iter().filter(is_news) {
        let said = serde_json::json!([
            one.id.action,
            one.kind,
            one.before,
            one.state,
            one.sent,
            one.evidence,
            one.waits,
            one.stop,
            one.trouble,
            one.warning,
            one.next
        ])
        .to_string();
        let said = instead(&said, &one.id.serial.to_string(), SERIAL).into_owned();
        match known.entry(said) {
            Entry::Occupied(at) => groups[*at.get()].all.push(one),
            Entry::Vacant(free) => {
                free.insert(groups.len());
                groups.push(ResultGroup { all: vec![one] });
            }
        }
    }
    groups
}

/// Mark, colour and word of a result.
pub fn face(result: &ActResult) -> (&'static str, Style, &'static str) {
    let (mark, style) = state_face(result.state);
    match (&result.stop, result.state) {
        (Some(_), state) if !state.has_ended() && state != ActState::Unknown => ("!", ERROR, "stopped"),
        (_, ActState::ApprovalElsewhere) => (mark, style, "approval"),
        (_, ActState::NeedsApproval) => (mark, style, "approval"),
        (_, ActState::Promised) => ("?", style, "unknown"),
        (_, ActState::Acknowledged) => (mark, style, "under way"),
        (_, ActState::NotSupported) => (mark, style, "impossible"),
        (_, state) => (mark, style, state.words()),
    }
}

/// The gates that stop something else than acts, which tell of theirs themselves.
pub fn other_stops(report: &ApplyReport) -> Vec<Stop> {
    let told = |stop: &Stop, id: &String| {
        report.acts.iter().any(|act| {
            let gate = act.stop.as_ref().and_then(|stopped| stopped.gate.as_ref());
            gate == Some(&stop.gate) && act.step_id() == *id
        })
    };
    let is_other = |stop: &&Stop| stop.steps.is_empty() || !stop.steps.iter().all(|id| told(stop, id));
    report.stops.iter().filter(is_other).cloned().collect()
}

/// Whether somebody has to look at a result.
pub fn is_open(result: &ActResult) -> bool {
    !matches!(result.state, ActState::Done | ActState::Superseded | ActState::Cancelled)
}

/// What more there is to say: label and text.
pub fn rows(group: &ResultGroup<'_>) -> Vec<(&'static str, String)> {
    let first = group.first();
    let mut rows = Vec::new();
    if group.all.len() > 1 {
        rows.push(("which", serials(&group.serials())));
    }
    if !first.evidence.is_empty() {
        rows.push(("says", group.say(&first.evidence).into_owned()));
    }
    if let Some(warning) = &first.warning {
        rows.push(("warns", group.say(warning).into_owned()));
    }
    if let Some(waits) = &first.waits {
        let until = waits.until.map_or(String::new(), |until| format!(", at the latest {until}"));
        rows.push(("for", format!("{}{until}", group.say(&waits.why))));
    }
    if let Some(stop) = &first.stop {
        let row = stop.row.as_ref().map_or(String::new(), |row| format!("{row}: "));
        let gate = stop.gate.as_ref().map_or(String::new(), |gate| format!("gate {}: ", group.say(gate)));
        rows.push(("why", format!("{row}{gate}{}", group.say(&stop.why))));
    }
    let goes_on = matches!(first.state, ActState::Sent | ActState::Acknowledged) && first.next.is_none();
    match &first.next {
        Some(next) => rows.push(("next", group.say(next).into_owned())),
        None if goes_on => {
            rows.push(("next", "any later apply looks what came of it; nothing is sent again".to_owned()))
        }
        None => {}
    }
    rows
}

/// Writes all results.
pub fn text(out: &mut String, results: &[ActResult]) {
    for group in grouped(results) {
        let (mark, style, word) = face(group.first());
        let word = paint(style, format!("{word:<11}"));
        // Writing to a String does not fail.
        let _ = writeln!(out, "  {} {word} {}", paint(style, mark), paint(BOLD, clean(&group.subject())));
        for (label, text) in rows(&group) {
            let style = if label == "next" { HINT } else { QUIET };
            labelled(out, INDENT, paint(style, label), LABEL, &text);
        }
    }
}

/// What acts come to, for the summary: `1 action done, 2 sent, 1 waiting`.
pub fn summary(results: &[ActResult]) -> Vec<String> {
    let groups = grouped(results);
    let all: Vec<&ActResult> = groups.iter().flat_map(|group| group.all.iter().copied()).collect();
    let mut words: Vec<(&str, Style, u64)> = Vec::new();
    for one in &all {
        let (_, style, word) = face(one);
        match words.iter_mut().find(|(known, ..)| *known == word) {
            Some((_, _, number)) => *number += 1,
            None => words.push((word, if word == "waiting" { NOTE } else { style }, 1)),
        }
    }
    let parts = words.into_iter().map(|(word, style, times)| {
        let noun = if times == 1 { "action" } else { "actions" };
        paint(style, format!("{} {noun} {word}", number(times))).to_string()
    });
    parts.collect()
}
