//! One step of a plan, or one change over many tokens, as a paragraph.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use anstyle::Style;

use super::change;
use super::text::{
    BOLD, CREATE, DELETE, NOTE, QUIET, UPDATE, count, labelled, labelled_in, number, paint, serials, some_of,
};
use crate::model::{Kind, Name, ProfileId};
use crate::plan::{Action, AssignGroup, Class, Effect, Step, Stop, When};

/// Where the lines below a step's first one begin, and how wide their labels are.
const INDENT: usize = 6;
const LABEL: usize = 6;

/// How many tokens or steps a line names.
const NAMES_SHOWN: usize = 5;

/// The section of the plan in which a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Destructive and irreversible steps.
    Destructive,
    /// Removals that can be undone.
    Removals,
    /// Changes of what exists, adoptions included.
    Updates,
    /// What is made.
    Creates,
    /// Defaults, assignments, syncs.
    Actions,
}

impl Section {
    /// All sections, in the order of the plan.
    pub const ALL: [Section; 5] =
        [Section::Destructive, Section::Removals, Section::Updates, Section::Creates, Section::Actions];

    /// The section of a step.
    pub fn of(step: &Step) -> Self {
        match (&step.action, step.class) {
            (_, Class::Destructive | Class::Irreversible) => Section::Destructive,
            (Action::DeleteToken | Action::DeleteProfile, _) => Section::Removals,
            (Action::UpdateToken { .. } | Action::UpdateProfile { .. }, _) => Section::Updates,
            (Action::CreateProfile { .. }, _) => Section::Creates,
            (Action::SetDefault { .. } | Action::Assign { .. } | Action::Sync { .. }, _) => Section::Actions,
        }
    }

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Section::Destructive => "Destructive",
            Section::Removals => "Removals",
            Section::Updates => "Updates",
            Section::Creates => "Creates",
            Section::Actions => "Actions",
        }
    }
}

/// Puts steps that do the same to the same document on several tokens together. The order is that
/// of each group's first step. Steps that name devices stand alone.
pub fn grouped<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<Vec<&'a Step>> {
    let mut groups: Vec<Vec<&Step>> = Vec::new();
    let mut known: HashMap<(Kind, &Name, String), usize> = HashMap::new();
    for step in steps {
        let Some(sameness) = sameness(step) else {
            groups.push(vec![step]);
            continue;
        };
        match known.entry((step.address.kind, &step.address.name, sameness)) {
            Entry::Occupied(at) => groups[*at.get()].push(step),
            Entry::Vacant(free) => {
                free.insert(groups.len());
                groups.push(vec![step]);
            }
        }
    }
    groups
}

/// What two steps of one document have in common when they differ in their token only; `None` for
/// a step that stands alone.
fn sameness(step: &Step) -> Option<String> {
    let action = match &step.action {
        Action::Assign { .. } | Action::Sync { .. } | Action::UpdateToken { .. } | Action::DeleteToken => {
            return None;
        }
        // Ids differ from token to token although the names agree.
        Action::SetDefault { from: _, from_name } => serde_json::to_string(from_name),
        action @ (Action::CreateProfile { .. } | Action::UpdateProfile { .. } | Action::DeleteProfile) => {
            serde_json::to_string(action)
        }
    };
    let rest = (&step.name, step.action.verb(), step.reason, step.class, step.not_before, &step.notes);
    // Plain values with text keys: both always have a text.
    Some(action.ok()? + &serde_json::to_string(&rest).ok()?)
}

/// Which gates would stop which step, by the step's id.
#[derive(Debug, Default)]
pub struct Gated<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Gated<'a> {
    /// Sorts stops by step.
    pub fn new(stops: &'a [Stop]) -> Self {
        let mut gates: HashMap<&str, Vec<&str>> = HashMap::new();
        for stop in stops {
            for step in &stop.steps {
                gates.entry(step).or_default().push(&stop.gate);
            }
        }
        Self(gates)
    }

    /// The gates that would stop any of the steps, sorted, each once.
    fn of(&self, steps: &[&Step]) -> Vec<&'a str> {
        let mut gates: Vec<&str> =
            steps.iter().filter_map(|step| self.0.get(step.id.as_str())).flatten().copied().collect();
        gates.sort_unstable();
        gates.dedup();
        gates
    }
}

/// Writes a group of steps that do the same, with the gates that would stop any of them.
pub fn group(out: &mut String, steps: &[&Step], gated: &Gated<'_>) {
    let Some(step) = steps.first() else { return };
    head(out, steps, step);
    match &step.action {
        Action::UpdateToken { changes, scope_tag_ids: _ } | Action::UpdateProfile { changes, adopt: _ } => {
            change::changes(out, changes);
        }
        Action::CreateProfile { fields } => change::fields(out, fields),
        Action::Assign { groups, after_sync } => assignment(out, step, groups, *after_sync),
        Action::SetDefault { from, from_name } => {
            let from = former(from.as_ref(), from_name.as_deref());
            let text = format!("{from} -> {:?}", step.name);
            row(out, "set", &text);
        }
        Action::Sync { serials: waiting } => {
            let text = format!("{} wait: {}", count(waiting.len() as u64, "serial"), serials(waiting));
            row(out, "for", &text);
        }
        Action::DeleteToken | Action::DeleteProfile => {}
    }
    place(out, steps);
    row(out, "why", step.reason.words());
    labelled_in(out, INDENT, paint(QUIET, "class"), LABEL, class_style(step.class), &step.class.to_string());
    row(out, "felt", &felt(&together(steps)));
    order(out, steps);
    for note in &step.notes {
        // Rules name themselves at the end of what they say.
        let text = note.text.strip_suffix(&format!(" ({})", note.rule)).unwrap_or(&note.text);
        labelled(out, INDENT, paint(NOTE, "note"), LABEL, &format!("{}: {text}", note.rule));
    }
    let gates = gated.of(steps);
    if !gates.is_empty() {
        let text = format!("stopped by {}", some_of(gates.iter(), NAMES_SHOWN));
        labelled(out, INDENT, paint(DELETE, "gate"), LABEL, &text);
    }
}

/// A line below a step's first one.
fn row(out: &mut String, label: &str, text: &str) {
    labelled(out, INDENT, paint(QUIET, label), LABEL, text);
}

fn head(out: &mut String, steps: &[&Step], step: &Step) {
    let (mark, style) = mark(&step.action);
    let address = match steps {
        [only] => only.address.to_string(),
        several => {
            format!("{}/{} on {}", step.address.kind, step.address.name, count(several.len() as u64, "token"))
        }
    };
    let verb = match step.action {
        Action::Assign { after_sync: true, .. } => "assign after the sync",
        Action::SetDefault { .. } => "make the default",
        ref action => action.verb(),
    };
    // Writing to a String does not fail.
    let _ = write!(out, "  {} {verb} {}", paint(style, mark), paint(BOLD, address));
    if !step.name.is_empty() && step.name != step.address.name.as_str() {
        let _ = write!(out, "  {}", paint(QUIET, format_args!("{:?}", step.name)));
    }
    out.push('\n');
}

/// The mark of an action, readable without colour.
pub const fn mark(action: &Action) -> (&'static str, Style) {
    match action {
        Action::CreateProfile { .. } | Action::Assign { .. } => ("+", CREATE),
        Action::UpdateToken { .. } | Action::UpdateProfile { .. } | Action::SetDefault { .. } => {
            ("~", UPDATE)
        }
        Action::DeleteToken | Action::DeleteProfile => ("-", DELETE),
        Action::Sync { .. } => ("=", NOTE),
    }
}

fn former(id: Option<&ProfileId>, name: Option<&str>) -> String {
    match (name, id) {
        (Some(name), _) => format!("{name:?}"),
        (None, Some(id)) => id.to_string(),
        (None, None) => "(none)".to_owned(),
    }
}

fn assignment(out: &mut String, step: &Step, groups: &[AssignGroup], after_sync: bool) {
    for group in groups {
        let devices = count(group.serials.len() as u64, "device");
        let from = former(group.from.as_ref(), group.from_name.as_deref());
        let text = if after_sync {
            format!("{devices} -> {:?}, once they appear: {}", step.name, serials(&group.serials))
        } else {
            format!("{devices} {from} -> {:?}: {}", step.name, serials(&group.serials))
        };
        row(out, "give", &text);
    }
}

fn place(out: &mut String, steps: &[&Step]) {
    let Some(first) = steps.first() else { return };
    let mut connections: Vec<&str> = steps.iter().map(|step| step.connection.as_str()).collect();
    connections.sort_unstable();
    connections.dedup();
    let connections = some_of(connections.iter(), NAMES_SHOWN);
    let tokens = some_of(steps.iter().map(|step| step.address.domain()), NAMES_SHOWN);
    let word = if steps.len() == 1 { "token" } else { "tokens" };
    let mut text = format!("{connections}, {word} {tokens}");
    if let ([_], Some(object)) = (steps, &first.object) {
        let _ = write!(text, ", id {}", object.key());
    }
    row(out, "where", &text);
}

const fn class_style(class: Class) -> Style {
    match class {
        Class::Safe => Style::new(),
        Class::Disruptive => UPDATE,
        Class::Destructive | Class::Irreversible => DELETE,
    }
}

fn order(out: &mut String, steps: &[&Step]) {
    let own: HashSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    let mut needs: Vec<&str> = steps.iter().flat_map(|step| &step.needs).map(String::as_str).collect();
    needs.retain(|id| !own.contains(id));
    needs.sort_unstable();
    needs.dedup();
    if !needs.is_empty() {
        row(out, "after", &some_of(needs.iter(), 3));
    }
    let proving: Vec<&&Step> = steps.iter().filter(|step| step.prove_first).collect();
    if let ([step], true) = (proving.as_slice(), steps.len() > 1) {
        let text = format!("{}, read back before the others start", step.address.domain());
        row(out, "first", &text);
    }
    if let Some(instant) = steps.first().and_then(|step| step.not_before) {
        row(out, "wait", &format!("not before {instant}"));
    }
}

/// The effect of several steps that do the same.
fn together(steps: &[&Step]) -> Effect {
    steps.iter().map(|step| step.effect).fold(Effect::default(), |all, one| Effect {
        when: if all.when == When::Never { one.when } else { all.when },
        feel: all.feel + one.feel,
        after_reset: all.after_reset + one.after_reset,
        at_activation: all.at_activation + one.at_activation,
    })
}

/// When a step is felt and by how many devices, in words.
pub fn felt(effect: &Effect) -> String {
    let Effect { when, feel, after_reset, at_activation } = *effect;
    let moment = match when {
        When::Never => return "by no device".to_owned(),
        When::Now => "at once",
        When::NextCheckIn => "at next check-in",
        When::NextActivation => "at next activation",
        When::NextSync => "at next sync with Apple",
    };
    let mut parts = Vec::new();
    if feel > 0 {
        parts.push(format!("{moment} by {}", count(feel, "enrolled device")));
    } else {
        parts.push(moment.to_owned());
    }
    if after_reset > 0 {
        let they = if after_reset == 1 {
            "keeps what it has until it is wiped"
        } else {
            "keep what they have until they are wiped"
        };
        parts.push(format!("{} {they}", count(after_reset, "enrolled device")));
    }
    if at_activation > 0 {
        let take = if at_activation == 1 { "takes" } else { "take" };
        parts.push(format!("{} {take} it at activation", number(at_activation)));
    }
    if parts.len() == 1 && feel == 0 && matches!(when, When::NextCheckIn | When::NextActivation) {
        parts.push("no device has it yet".to_owned());
    }
    parts.join("; ")
}
