//! One step of a plan, or one change over many tokens, as a paragraph.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use anstyle::Style;

use super::alike::without;
use super::change;
use super::grouping::StepGroup;
use super::service;
use super::text::{
    BOLD, CREATE, DELETE, NOTE, QUIET, UPDATE, count, labelled, labelled_in, number, paint, serials, some_of,
};
use crate::model::{Fields, Kind, Name, ProfileId, Serial};
use crate::plan::{
    Action, AssignGroup, Class, Effect, FieldChange, Note, Relation, ServiceAction, Step, Stop, When,
};

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
            (Action::Unassign { .. }, _) => Section::Removals,
            (
                Action::UpdateToken { .. }
                | Action::UpdateProfile { .. }
                | Action::Define { replaces: Some(_), .. }
                | Action::SetAccountDrivenUrl { .. },
                _,
            ) => Section::Updates,
            (Action::CreateProfile { .. } | Action::Define { replaces: None, .. }, _) => Section::Creates,
            (Action::Service(ServiceAction::Create { .. }), _) => Section::Creates,
            (
                Action::Service(
                    ServiceAction::Rename { .. }
                    | ServiceAction::DropFamilies { .. }
                    | ServiceAction::TakeFamilies { .. }
                    | ServiceAction::UpdateDeadline { .. }
                    | ServiceAction::CancelMigration { .. },
                ),
                _,
            ) => Section::Updates,
            (Action::Service(ServiceAction::Unassign { .. } | ServiceAction::Delete { .. }), _) => {
                Section::Removals
            }
            (
                Action::SetDefault { .. }
                | Action::Assign { .. }
                | Action::Service(ServiceAction::Assign { .. })
                | Action::Sync { .. },
                _,
            ) => Section::Actions,
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

    /// The gates that would stop the step or act with this id.
    pub fn gates(&self, id: &str) -> &[&'a str] {
        self.0.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The gates that would stop any of the steps, sorted, each once, with the tokens on which they
    /// do. Where there are several tokens, [`TOKEN`](super::alike::TOKEN) stands for each one's own gate.
    pub fn of<'s>(&self, steps: &[&'s Step]) -> BTreeMap<String, Vec<&'s str>> {
        let mut gates: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for step in steps {
            let token = step.address.domain().as_str();
            for gate in self.0.get(step.id.as_str()).into_iter().flatten() {
                let gate = if steps.len() > 1 { without(gate, token) } else { Cow::Borrowed(*gate) };
                gates.entry(gate.into_owned()).or_default().push(token);
            }
        }
        gates
    }
}

/// Writes a group of steps that do the same, with the gates that would stop any of them.
pub fn group(out: &mut String, group: &StepGroup<'_>, gated: &Gated<'_>) {
    let (step, steps) = (group.first(), group.steps.as_slice());
    head(out, steps, step);
    match &step.action {
        Action::UpdateToken { .. } | Action::UpdateProfile { .. } => {
            change::changes(out, &changes_of(steps));
        }
        Action::Define { replaces: Some(former), .. } => {
            change::changes(out, &changes_of(steps));
            if let [_] = steps {
                row(out, "for", &format!("{former}, which stays as it is"));
            }
        }
        Action::CreateProfile { .. } | Action::Define { replaces: None, .. } => {
            change::fields(out, &fields_of(steps));
        }
        Action::Unassign { .. } => {
            let taken = taken(steps);
            let devices = count(taken.len() as u64, "device");
            row(out, "take", &format!("{:?} off {devices}: {}", step.name, serials(&taken)));
        }
        Action::Service(_) => {
            for service::Row { label, text, serials: all } in service::rows(steps) {
                let which = if all.is_empty() { String::new() } else { format!(": {}", serials(&all)) };
                row(out, label, &format!("{text}{which}"));
            }
        }
        Action::SetAccountDrivenUrl { from, to } => {
            row(out, "set", &format!("{} -> {}", url(from.as_deref()), url(to.as_deref())));
        }
        Action::Assign { groups: _, after_sync } => {
            for given in given(steps) {
                row(out, "give", &given.words(&step.name, *after_sync));
            }
        }
        Action::SetDefault { from, from_name } => {
            let from = former(from.as_ref(), from_name.as_deref());
            let text = format!("{from} -> {:?}", step.name);
            row(out, "set", &text);
        }
        Action::Sync { .. } => {
            let waiting = waiting_for_sync(steps);
            let text = format!("{} wait: {}", count(waiting.len() as u64, "serial"), serials(&waiting));
            row(out, "for", &text);
        }
        Action::DeleteToken | Action::DeleteProfile => {}
    }
    place(out, steps);
    row(out, "why", step.reason.words());
    labelled_in(out, INDENT, paint(QUIET, "class"), LABEL, class_style(step.class), &step.class.to_string());
    row(out, "felt", &felt_by(steps));
    order(out, steps);
    for note in &step.notes {
        let text = format!("{}: {}", note.rule, note_words(steps, note));
        labelled(out, INDENT, paint(NOTE, "note"), LABEL, &text);
    }
    let gates = gated.of(steps);
    if !gates.is_empty() {
        let gates: Vec<String> = gates.iter().map(|(gate, on)| gate_on(gate, on, steps.len())).collect();
        let text = format!("stopped by {}", some_of(gates.iter(), NAMES_SHOWN));
        labelled(out, INDENT, paint(DELETE, "gate"), LABEL, &text);
    }
}

/// A gate, with the tokens on which it stops where that is not all of them.
pub fn gate_on(gate: &str, on: &[&str], steps: usize) -> String {
    if on.len() == steps {
        return gate.to_owned();
    }
    format!("{gate} on {} of {steps} ({})", number(on.len() as u64), some_of(on.iter(), NAMES_SHOWN))
}

/// The changed fields of each step, with its token.
pub fn changes_of<'a>(steps: &[&'a Step]) -> Vec<(&'a str, &'a [FieldChange])> {
    let changes = |step: &'a Step| match &step.action {
        Action::UpdateToken { changes, .. }
        | Action::UpdateProfile { changes, .. }
        | Action::Define { changes, replaces: Some(_), .. } => {
            Some((step.address.domain().as_str(), changes.as_slice()))
        }
        _ => None,
    };
    steps.iter().filter_map(|step| changes(step)).collect()
}

/// The fields of each new object, with its token.
pub fn fields_of<'a>(steps: &[&'a Step]) -> Vec<(&'a str, &'a Fields)> {
    let fields = |step: &'a Step| match &step.action {
        Action::CreateProfile { fields, .. } | Action::Define { fields, replaces: None, .. } => {
            Some((step.address.domain().as_str(), fields))
        }
        _ => None,
    };
    steps.iter().filter_map(|step| fields(step)).collect()
}

/// The serials that the steps ask a sync for.
pub fn waiting_for_sync(steps: &[&Step]) -> Vec<Serial> {
    let waiting = steps.iter().filter_map(|step| match &step.action {
        Action::Sync { serials } => Some(serials),
        _ => None,
    });
    waiting.flatten().copied().collect()
}

/// The serials that the steps take a profile off.
pub fn taken(steps: &[&Step]) -> Vec<Serial> {
    let taken = steps.iter().filter_map(|step| match &step.action {
        Action::Unassign { serials } => Some(serials),
        _ => None,
    });
    taken.flatten().copied().collect()
}

/// A URL, or that there is none.
pub fn url(url: Option<&str>) -> &str {
    url.unwrap_or("(none)")
}

/// Devices that have one profile now and are given another, over all tokens.
#[derive(Clone, Debug)]
pub struct Given {
    /// The profile that they have, in words.
    pub from: String,
    /// The devices.
    pub serials: Vec<Serial>,
}

impl Given {
    fn words(&self, name: &str, after_sync: bool) -> String {
        let Self { from, serials: all } = self;
        let devices = count(all.len() as u64, "device");
        if after_sync {
            format!("{devices} -> {name:?}, once they appear: {}", serials(all))
        } else {
            format!("{devices} {from} -> {name:?}: {}", serials(all))
        }
    }
}

/// What the steps of a group give, by the profile that the devices have.
pub fn given(steps: &[&Step]) -> Vec<Given> {
    let mut all: Vec<Given> = Vec::new();
    for step in steps {
        let Action::Assign { groups, after_sync: _ } = &step.action else { continue };
        for group in groups {
            let from = had(group);
            let at = all.iter().position(|given| given.from == from).unwrap_or_else(|| {
                all.push(Given { from, serials: Vec::new() });
                all.len() - 1
            });
            all[at].serials.extend(&group.serials);
        }
    }
    all
}

/// A note of a group, without the row that it serves.
pub fn note_words<'n>(steps: &[&Step], note: &'n Note) -> Cow<'n, str> {
    // Rules name themselves at the end of what they say.
    let text = note.text.strip_suffix(&format!(" ({})", note.rule)).unwrap_or(&note.text);
    match steps {
        [first, _, ..] => without(text, first.address.domain().as_str()),
        _ => Cow::Borrowed(text),
    }
}

/// A line below a step's first one.
fn row(out: &mut String, label: &str, text: &str) {
    labelled(out, INDENT, paint(QUIET, label), LABEL, text);
}

fn head(out: &mut String, steps: &[&Step], step: &Step) {
    let (mark, style) = mark(&step.action);
    let (verb, subject) = (verb(&step.action), subject(steps));
    // Writing to a String does not fail.
    let _ = write!(out, "  {} {verb} {}", paint(style, mark), paint(BOLD, subject));
    if let Some(names) = names(steps) {
        let _ = write!(out, "  {}", paint(QUIET, names));
    }
    out.push('\n');
}

/// What a step does, in words for its first line.
pub const fn verb(action: &Action) -> &'static str {
    match action {
        Action::Assign { after_sync: true, .. } => "assign after the sync",
        Action::SetDefault { .. } => "make the default",
        Action::SetAccountDrivenUrl { .. } => "set the account-driven URL of",
        Action::Service(action) => service::verb(action),
        action => action.verb(),
    }
}

/// What a group of steps speaks of: an address, or a document and how many tokens.
pub fn subject(steps: &[&Step]) -> String {
    match steps {
        [] => String::new(),
        [only] => only.address.to_string(),
        [first, ..] => {
            let tokens = count(steps.len() as u64, "token");
            match first.address.kind {
                Kind::EnrollmentToken => format!("{} of {tokens}", first.address.kind),
                Kind::DeviceAssignment => {
                    let mut names: Vec<String> = steps.iter().map(|step| step.address.to_string()).collect();
                    names.dedup();
                    some_of(names.iter(), 3)
                }
                kind => format!("{kind}/{} on {tokens}", first.address.name),
            }
        }
    }
}

/// The display names at the service, where they say more than the address.
pub fn names(steps: &[&Step]) -> Option<String> {
    let first = steps.first()?;
    if steps.iter().all(|step| step.name == first.name) {
        let tells = !first.name.is_empty() && first.name != first.address.name.as_str();
        return tells.then(|| format!("{:?}", first.name));
    }
    let mut names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    Some(some_of(names.iter().map(|name| format!("{name:?}")), 3))
}

/// The mark of an action, readable without colour.
pub const fn mark(action: &Action) -> (&'static str, Style) {
    match action {
        Action::CreateProfile { .. } | Action::Define { replaces: None, .. } | Action::Assign { .. } => {
            ("+", CREATE)
        }
        Action::UpdateToken { .. }
        | Action::UpdateProfile { .. }
        | Action::Define { replaces: Some(_), .. }
        | Action::SetAccountDrivenUrl { .. }
        | Action::SetDefault { .. } => ("~", UPDATE),
        Action::Service(action) => match service::mark(action) {
            '+' => ("+", CREATE),
            '-' => ("-", DELETE),
            _ => ("~", UPDATE),
        },
        Action::DeleteToken | Action::DeleteProfile | Action::Unassign { .. } => ("-", DELETE),
        Action::Sync { .. } => ("=", NOTE),
    }
}

/// A profile that devices or a token have now, in words.
pub fn former(id: Option<&ProfileId>, name: Option<&str>) -> String {
    match (name, id) {
        (Some(name), _) => format!("{name:?}"),
        (None, Some(id)) => id.to_string(),
        (None, None) => "(none)".to_owned(),
    }
}

/// What the devices of a group have now, in words.
pub fn had(group: &AssignGroup) -> String {
    match group.relation {
        Relation::Other => former(group.from.as_ref(), group.from_name.as_deref()),
        Relation::Earlier => "(an earlier one)".to_owned(),
        Relation::Removed => "(removed at Apple)".to_owned(),
    }
}

fn place(out: &mut String, steps: &[&Step]) {
    let Some(first) = steps.first() else { return };
    let mut connections: Vec<String> = steps.iter().map(|step| step.connection.carrier()).collect();
    connections.sort_unstable();
    connections.dedup();
    let connections = match connections.as_slice() {
        [one] => (*one).to_owned(),
        several => count(several.len() as u64, "connection"),
    };
    let tokens = some_of(steps.iter().map(|step| token_with_devices(step)), NAMES_SHOWN);
    let mut text = match (steps.len(), service::place(steps)) {
        (1, Some(place)) => place,
        (several, Some(place)) => format!("{place}, for {}: {tokens}", count(several as u64, "token")),
        (1, None) => format!("{connections}, token {}", first.address.domain()),
        (several, None) => format!("{connections}, on {}: {tokens}", count(several as u64, "token")),
    };
    if let ([_], Some(object)) = (steps, &first.object) {
        let _ = write!(text, ", id {}", object.key());
    }
    row(out, "where", &text);
}

/// A step's token, and how many devices the step names there.
pub fn token_with_devices(step: &Step) -> String {
    match step.action.serials() {
        0 => step.address.domain().to_string(),
        serials => format!("{} ({})", step.address.domain(), number(serials as u64)),
    }
}

pub(super) const fn class_style(class: Class) -> Style {
    match class {
        Class::Safe => Style::new(),
        Class::Disruptive => UPDATE,
        Class::Destructive | Class::Irreversible => DELETE,
    }
}

fn order(out: &mut String, steps: &[&Step]) {
    let needs = needs(steps);
    if !needs.is_empty() {
        row(out, "after", &some_of(needs.iter(), 3));
    }
    if let Some(token) = proving(steps) {
        row(out, "first", &format!("{token}, read back before the others start"));
    }
    if let Some(instant) = steps.first().and_then(|step| step.not_before) {
        row(out, "wait", &format!("not before {instant}"));
    }
}

/// The steps that have to be committed before those of the group, with [`TOKEN`](super::alike::TOKEN) for each one's
/// own token where there are several.
pub fn needs(steps: &[&Step]) -> BTreeSet<String> {
    let own: HashSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    let mut needs = BTreeSet::new();
    for step in steps {
        let token = step.address.domain().as_str();
        for id in step.needs.iter().filter(|id| !own.contains(id.as_str())) {
            needs.insert(if steps.len() > 1 { without(id, token).into_owned() } else { id.clone() });
        }
    }
    needs
}

/// The token on which a group of several is tried first.
pub fn proving<'a>(steps: &[&'a Step]) -> Option<&'a Name> {
    let mut proving = steps.iter().filter(|step| step.prove_first);
    match (proving.next(), proving.next()) {
        (Some(step), None) if steps.len() > 1 => Some(step.address.domain()),
        _ => None,
    }
}

/// The effect of several steps that do the same.
pub fn together(steps: &[&Step]) -> Effect {
    steps.iter().map(|step| step.effect).fold(Effect::default(), |all, one| Effect {
        when: if all.when == When::Never { one.when } else { all.when },
        feel: all.feel + one.feel,
        after_reset: all.after_reset + one.after_reset,
        at_activation: all.at_activation + one.at_activation,
    })
}

/// When the steps of a group are felt and by how many devices, in words.
pub fn felt_by(steps: &[&Step]) -> String {
    let effect = together(steps);
    let takes = |action: &Action| {
        matches!(action, Action::Unassign { .. } | Action::Service(ServiceAction::Unassign { .. }))
    };
    if !steps.first().is_some_and(|step| takes(&step.action)) {
        return felt(&effect);
    }
    let mut parts = vec!["at next activation".to_owned()];
    if effect.after_reset > 0 {
        parts.push(format!("by {} once wiped", count(effect.after_reset, "enrolled device")));
    }
    if effect.at_activation > 0 {
        parts.push(format!("by {} not enrolled yet", count(effect.at_activation, "device")));
    }
    parts.join("; ")
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
        When::Deadline => "by the deadline",
        When::NewDevices => "by new devices",
    };
    let mut parts = Vec::new();
    if feel > 0 && when == When::Deadline {
        let they = if feel == 1 { "migrates" } else { "migrate" };
        parts.push(format!("{} {they} by the deadline", count(feel, "enrolled device")));
    } else if feel > 0 {
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
