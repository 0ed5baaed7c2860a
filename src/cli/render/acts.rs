//! Acts on devices as paragraphs of a plan: many devices of one document together. PURE.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use anstyle::Style;

use super::alike::instead;
use super::step::{Gated, class_style};
use super::text::{
    BOLD, CREATE, DELETE, ERROR, HINT, NOTE, QUIET, UPDATE, clean, count, labelled, labelled_in, paint,
    some_of,
};
use crate::acts::ActState;
use crate::model::{Class, Serial};
use crate::plan::{ActDevice, ActNext, PlannedAct};

const INDENT: usize = 6;
const LABEL: usize = 6;

/// Stands for a device's serial in what is said of several.
pub const SERIAL: &str = "SERIAL";

/// How many devices a line describes.
const DEVICES_SHOWN: usize = 5;

/// What gates that ask for approvals begin with.
const APPROVAL: &str = "approval/";

/// How many names a line gives.
const NAMES_SHOWN: usize = 5;

/// The section of the plan in which an act stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActSection {
    /// A person has to see to it: it is unknown, or something stands in its way for good.
    Blocked,
    /// Destructive and irreversible ones that are sent, or would be after approval.
    Destructive,
    /// All others that `apply` does something for.
    Actions,
    /// Those that wait, and go on by themselves.
    Waiting,
    /// Those that have ended: counted.
    Ended,
}

impl ActSection {
    /// The section of an act.
    pub fn of(act: &PlannedAct) -> Self {
        if act.state.has_ended() {
            return Self::Ended;
        }
        match &act.next {
            ActNext::Wait { .. } => Self::Waiting,
            ActNext::Stop { .. } if act.state != ActState::NeedsApproval => Self::Blocked,
            ActNext::Send | ActNext::Resend { .. } | ActNext::GoOn { .. } | ActNext::Stop { .. }
                if act.class >= Class::Destructive =>
            {
                Self::Destructive
            }
            _ => Self::Actions,
        }
    }
}

/// Acts of one document of which the same is said; never empty.
#[derive(Clone, Debug)]
pub struct ActGroup<'a> {
    /// The acts, in the order of the plan.
    pub acts: Vec<&'a PlannedAct>,
}

impl<'a> ActGroup<'a> {
    /// The act that speaks for all.
    pub fn first(&self) -> &'a PlannedAct {
        self.acts[0]
    }

    /// Whether it stands for one act only.
    pub fn is_one(&self) -> bool {
        self.acts.len() == 1
    }

    /// A text of the first act, with [`SERIAL`] for its device where it speaks for several.
    pub fn say<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_one() {
            return Cow::Borrowed(text);
        }
        let first = self.first();
        let serial = first.id.serial.to_string();
        let text = instead(text, &serial, SERIAL);
        let Some(device) = &first.device else { return text };
        match instead(&text, &device.name, "NAME") {
            Cow::Borrowed(_) => text,
            Cow::Owned(text) => Cow::Owned(text),
        }
    }

    /// The devices.
    pub fn serials(&self) -> Vec<Serial> {
        self.acts.iter().map(|act| act.id.serial).collect()
    }
}

/// The acts of a section, those of which the same is said together, in the order of each one's first.
pub fn grouped(acts: &[PlannedAct], section: ActSection) -> Vec<ActGroup<'_>> {
    let mut groups: Vec<ActGroup<'_>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for act in acts.iter().filter(|act| ActSection::of(act) == section) {
        match known.entry(shape(act)) {
            Entry::Occupied(at) => groups[*at.get()].acts.push(act),
            Entry::Vacant(free) => {
                free.insert(groups.len());
                groups.push(ActGroup { acts: vec![act] });
            }
        }
    }
    groups
}

/// What acts have in common that are shown as one.
fn shape(act: &PlannedAct) -> String {
    let said = serde_json::json!([
        act.id.action,
        act.kind,
        act.class,
        act.connection,
        act.state,
        act.next,
        act.does,
        act.reason,
        act.notes,
        act.known,
    ])
    .to_string();
    let name = act.device.as_ref().map_or("", |device| device.name.as_str());
    instead(&instead(&said, &act.id.serial.to_string(), SERIAL), name, "NAME").into_owned()
}

/// Writes a group, with the gates that would stop any of it.
pub fn group(out: &mut String, group: &ActGroup<'_>, gated: &Gated<'_>) {
    let first = group.first();
    let (mark, style) = mark(first);
    // Writing to a String does not fail.
    let _ = writeln!(out, "  {} {}", paint(style, mark), head(group));
    for Row { label, text, style } in rows(group, gated) {
        match style {
            Some(style) if label == "class" => {
                labelled_in(out, INDENT, paint(QUIET, label), LABEL, style, &text);
            }
            Some(style) => labelled(out, INDENT, paint(style, label), LABEL, &text),
            None => labelled(out, INDENT, paint(QUIET, label), LABEL, &text),
        }
    }
}

fn head(group: &ActGroup<'_>) -> String {
    let first = group.first();
    let document = paint(BOLD, format!("DeviceAction/{}", first.id.action));
    let told = paint(QUIET, clean(&devices_in_words(group)).into_owned());
    format!("{} {document}  {told}", first.kind)
}

/// The serial, or how many devices.
pub fn devices_in_words(group: &ActGroup<'_>) -> String {
    match group.is_one() {
        true => group.first().id.serial.to_string(),
        false => count(group.acts.len() as u64, "device"),
    }
}

/// The mark of an act, readable without colour.
pub fn mark(act: &PlannedAct) -> (&'static str, Style) {
    match &act.next {
        ActNext::Stop { .. } => ("!", ERROR),
        ActNext::Send | ActNext::Resend { .. } | ActNext::GoOn { .. } => match act.class {
            Class::Safe => ("+", CREATE),
            Class::Disruptive => ("~", UPDATE),
            Class::Destructive | Class::Irreversible => ("-", DELETE),
        },
        ActNext::Follow | ActNext::Wait { .. } | ActNext::End { .. } => ("=", NOTE),
    }
}

/// A line below the first one of a group.
#[derive(Clone, Debug)]
pub struct Row {
    /// At most six letters.
    pub label: &'static str,
    /// What it says.
    pub text: String,
    /// The style of the label, or of the text where the label is `class`.
    pub style: Option<Style>,
}

fn row(label: &'static str, text: impl Into<String>) -> Row {
    Row { label, text: text.into(), style: None }
}

fn shouted(label: &'static str, style: Style, text: impl Into<String>) -> Row {
    Row { label, text: text.into(), style: Some(style) }
}

/// Everything that is said of a group below its first line.
pub fn rows(group: &ActGroup<'_>, gated: &Gated<'_>) -> Vec<Row> {
    let first = group.first();
    let mut rows = vec![devices(group)];
    if let Some(does) = &first.does {
        rows.push(row("does", group.say(does)));
    }
    if let Some(place) = place(group) {
        rows.push(row("where", place));
    }
    if let Some(reason) = &first.reason {
        rows.push(row("why", reason.clone()));
    }
    rows.push(shouted("class", class_style(first.class), first.class.word()));
    if !matches!(first.state, ActState::Waiting) {
        rows.push(row("state", first.state.words()));
    }
    if let Some(code) = code(first) {
        rows.push(row("code", code));
    }
    for note in &first.notes {
        let text = note.text.strip_suffix(&format!(" ({})", note.rule)).unwrap_or(&note.text);
        rows.push(shouted("note", NOTE, format!("{}: {}", note.rule, group.say(text))));
    }
    rows.extend(what_apply_does(group));
    let stopped = stopped(group, gated);
    if !stopped.is_empty() {
        let text = format!("stopped by {}", some_of(stopped.iter(), NAMES_SHOWN));
        rows.push(shouted("gate", DELETE, text));
    }
    let to_approve =
        first.state == ActState::NeedsApproval || stopped.iter().any(|gate| gate.starts_with(APPROVAL));
    if to_approve {
        rows.push(row(
            "digest",
            match group.is_one() {
                true => first.digest.clone(),
                false => format!("one for each of {}; `--format json` has them", devices_in_words(group)),
            },
        ));
    }
    rows
}

/// What stands for the device's bypass code, where the act would destroy it (L-4).
fn code(act: &PlannedAct) -> Option<&'static str> {
    let goes_on = matches!(act.next, ActNext::Send | ActNext::Resend { .. } | ActNext::GoOn { .. });
    let is_new = matches!(act.state, ActState::Waiting | ActState::NeedsApproval);
    // A note says that it cannot be sealed.
    if !act.kind.needs_safeguard() || !goes_on || !is_new || act.is_unsealable() {
        return None;
    }
    Some(match act.device.as_ref().and_then(|device| device.supervised) {
        Some(false) => "L-4: not supervised, so there is no bypass code to keep",
        Some(true) | None => {
            "L-4: its bypass code is sealed with the intent; without it, a proof or a waiver it is not sent"
        }
    })
}

fn what_apply_does(group: &ActGroup<'_>) -> Vec<Row> {
    match &group.first().next {
        ActNext::Send => Vec::new(),
        ActNext::Resend { approval } => {
            vec![row("again", format!("the identical request, if approval {approval} was granted there"))]
        }
        ActNext::GoOn { checkpoint } => vec![row("goes", format!("on with: {}", group.say(checkpoint)))],
        ActNext::Follow => vec![row("then", "apply looks what came of it, and sends nothing")],
        ActNext::Wait { why, until } => {
            let until = until.map_or(String::new(), |until| format!(", at the latest {until}"));
            vec![row("for", format!("{}{until}", group.say(why)))]
        }
        ActNext::Stop { row: rule, why, next } => {
            let rule = rule.as_ref().map_or(String::new(), |rule| format!("{rule}: "));
            let why = shouted("stop", ERROR, format!("{rule}{}", group.say(why)));
            vec![why, shouted("next", HINT, group.say(next))]
        }
        ActNext::End { state, why } => {
            vec![row("ends", format!("as {}, without being sent: {}", state.words(), group.say(why)))]
        }
    }
}

/// Which devices, as far as a line has room.
fn devices(group: &ActGroup<'_>) -> Row {
    if let [act] = group.acts.as_slice() {
        return row("device", known_of(act));
    }
    let each = group.acts.iter().map(|act| match &act.device {
        None => match &act.known {
            Some(known) => format!("{} ({known})", act.id.serial),
            None => act.id.serial.to_string(),
        },
        Some(device) if device.user.is_empty() => format!("{} {:?}", act.id.serial, device.name),
        Some(device) => format!("{} {:?} ({})", act.id.serial, device.name, device.user),
    });
    row("which", some_of(each, DEVICES_SHOWN))
}

/// The device of an act as its record has it, else what is known of it.
pub fn known_of(act: &PlannedAct) -> String {
    match (&act.device, &act.known) {
        (Some(one), _) => device(one),
        (None, Some(known)) => known.clone(),
        (None, None) => "no record of it at the MDM".to_owned(),
    }
}

/// A device, for people: `"Reception", iPad Pro, iPadOS 26.1, of ada@contoso.com, supervised`.
pub fn device(device: &ActDevice) -> String {
    let ActDevice { name, model, os, os_version, user, supervised } = device;
    let mut parts = vec![format!("{name:?}")];
    if !model.is_empty() {
        parts.push(model.clone());
    }
    parts.push(format!("{os} {os_version}").trim_end().to_owned());
    if !user.is_empty() {
        parts.push(format!("of {user}"));
    }
    parts.push(
        match supervised {
            Some(true) => "supervised",
            Some(false) => "not supervised",
            None => "supervision not told",
        }
        .to_owned(),
    );
    parts.join(", ")
}

/// The service, the tokens, and which life of the device.
fn place(group: &ActGroup<'_>) -> Option<String> {
    let first = group.first();
    let mut text = first.connection.as_ref()?.carrier();
    let mut tokens: Vec<&str> =
        group.acts.iter().filter_map(|act| act.token.as_ref()).map(|token| token.as_str()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    match tokens.as_slice() {
        [] => {}
        [token] => {
            let _ = write!(text, ", token {token}");
        }
        tokens => {
            let several = count(tokens.len() as u64, "token");
            let _ = write!(text, ", on {several}: {}", some_of(tokens.iter(), NAMES_SHOWN));
        }
    }
    if let (true, Some(epoch)) = (group.is_one(), &first.epoch) {
        let _ = write!(text, ", {epoch}");
    }
    Some(text)
}

/// The gates that stop any act of the group, each once.
fn stopped(group: &ActGroup<'_>, gated: &Gated<'_>) -> Vec<String> {
    let mut gates: Vec<String> = group
        .acts
        .iter()
        .flat_map(|act| gated.gates(&act.step_id()).iter().map(|gate| (*gate).to_owned()))
        .collect();
    gates.sort_unstable();
    gates.dedup();
    gates
}

/// How many acts of a plan do what, in words for its summary; those that have ended are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActTally {
    /// `apply` sends something.
    pub send: u64,
    /// `apply` looks what came of it, or writes down that it ended.
    pub follow: u64,
    /// They wait.
    pub wait: u64,
    /// People have to agree.
    pub approve: u64,
    /// Another gate stops them.
    pub gated: u64,
    /// A person has to see to it.
    pub stop: u64,
    /// They have ended.
    pub ended: u64,
}

impl ActTally {
    /// Counts, with the gates that would stop them.
    pub fn of(acts: &[PlannedAct], gated: &Gated<'_>) -> Self {
        let mut tally = Self::default();
        for act in acts {
            let gates = gated.gates(&act.step_id());
            let one = match (ActSection::of(act), &act.next) {
                (ActSection::Ended, _) => &mut tally.ended,
                _ if gates.iter().any(|gate| !gate.starts_with(APPROVAL)) => &mut tally.gated,
                _ if !gates.is_empty() => &mut tally.approve,
                (_, ActNext::Send | ActNext::Resend { .. } | ActNext::GoOn { .. }) => &mut tally.send,
                (_, ActNext::Follow | ActNext::End { .. }) => &mut tally.follow,
                (_, ActNext::Wait { .. }) => &mut tally.wait,
                (ActSection::Blocked, ActNext::Stop { .. }) => &mut tally.stop,
                (_, ActNext::Stop { .. }) => &mut tally.approve,
            };
            *one += 1;
        }
        tally
    }

    /// What is not sent, for the end of the summary.
    pub fn rest(&self) -> Vec<String> {
        let told = |number: u64, what: &str| (number > 0).then(|| format!("{} {what}", actions(number)));
        [
            told(self.gated, "stopped by gates"),
            told(self.approve, "to be approved"),
            told(self.stop, "stopped"),
            told(self.wait, "waiting"),
            told(self.follow, "followed"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// `1 action`, `12 actions`: acts, as people count them.
pub fn actions(number: u64) -> String {
    count(number, "action")
}

#[cfg(test)]
#[path = "acts_tests.rs"]
pub(in crate::cli) mod tests;
