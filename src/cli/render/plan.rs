//! A plan for people: sections in the order of design section 4, then what it comes to.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::acts::{self, ActGroup, ActSection, ActTally};
use super::alike::{self, TOKENS_SHOWN, Together};
use super::forecast;
use super::grouping::grouped;
use super::step::{self, Gated, Section};
use super::text::{
    BOLD, CREATE, DELETE, ERROR, HINT, NOTE, QUIET, WARN, clean, count, labelled, number, on_one_line, paint,
    serials, some_of,
};
use crate::model::Address;
use crate::plan::file::{SavedFinding, SavedPlan};
use crate::plan::{Action, Blocked, LeftAlone, PlannedAct, ServiceAction, Step, Stop, Waiting};

const INDENT: usize = 6;
const LABEL: usize = 6;

/// How to show a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanView {
    /// List what is left alone one by one, and not only what was managed before.
    pub show_unmanaged: bool,
    /// What is as the documents say, told when nothing is to be done; absent where nobody counted
    /// (a plan from a file).
    pub as_wished: Option<AsWished>,
    /// Tell when the plan was made, from which commit, and until when it can be applied.
    pub with_origin: bool,
}

/// How much is as the documents say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsWished {
    /// Tokens and profiles.
    pub objects: u64,
    /// Devices that an assignment names and that have their profile.
    pub devices: u64,
}

/// Shows a plan. The text has colours; see [`super::text`].
pub fn text(plan: &SavedPlan, view: PlanView) -> String {
    let mut out = String::new();
    if view.with_origin {
        origin(&mut out, plan);
    }
    let gated = Gated::new(&plan.stops);
    blocked(&mut out, &plan.blocked, &acts::grouped(&plan.acts, ActSection::Blocked), &gated);
    for section in Section::ALL {
        steps(&mut out, section, plan, &gated);
    }
    waiting(&mut out, plan, &gated);
    adopted(&mut out, plan);
    left_alone(&mut out, plan, view.show_unmanaged);
    findings(&mut out, &plan.findings);
    super::known::text(&mut out, plan);
    gates(&mut out, &plan.stops);
    summary(&mut out, plan, view.as_wished);
    out
}

/// The acts of a plan alone, with the gates that stop them.
pub fn acts_alone(plan: &SavedPlan) -> String {
    let ids: BTreeSet<String> = plan.acts.iter().map(PlannedAct::step_id).collect();
    let concerns = |stop: &&Stop| stop.steps.iter().any(|step| ids.contains(step));
    let stops: Vec<Stop> = plan.stops.iter().filter(concerns).cloned().collect();
    let gated = Gated::new(&stops);
    let mut out = String::new();
    for section in [ActSection::Blocked, ActSection::Destructive, ActSection::Actions, ActSection::Waiting] {
        for group in acts::grouped(&plan.acts, section) {
            acts::group(&mut out, &group, &gated);
            out.push('\n');
        }
    }
    gates(&mut out, &stops);
    out
}

fn origin(out: &mut String, plan: &SavedPlan) {
    let commit = plan.commit.as_deref().map_or(String::new(), |commit| format!(" from commit {commit}"));
    let text = format!("Made {}{commit}, can be applied until {}.", plan.created, plan.expires);
    let _ = writeln!(out, "{}\n", paint(QUIET, clean(&text)));
}

// In this file, too: writing to a String does not fail.

fn heading(out: &mut String, title: &str) {
    let _ = writeln!(out, "{}", paint(BOLD, title));
}

/// The section of what is blocked alone; empty where nothing is.
pub fn blocked_section(all: &[Blocked]) -> String {
    let mut out = String::new();
    blocked(&mut out, all, &[], &Gated::default());
    out
}

fn blocked(out: &mut String, all: &[Blocked], stopped: &[ActGroup<'_>], gated: &Gated<'_>) {
    if all.is_empty() && stopped.is_empty() {
        return;
    }
    heading(out, "Blocked and unknown");
    for group in alike::blocked(all) {
        let _ = writeln!(out, "  {} {}", paint(ERROR, "!"), paint(BOLD, subject(&group)));
        blocked_rows(out, &group);
    }
    for group in stopped {
        acts::group(out, group, gated);
    }
    out.push('\n');
}

/// The lines below the first one of what is blocked.
pub(super) fn blocked_rows(out: &mut String, group: &Together<'_, Blocked>) {
    let first = group.first();
    on(out, group);
    let rule = first.rule.as_ref().map_or(String::new(), |rule| format!("{rule}: "));
    labelled(out, INDENT, paint(QUIET, "why"), LABEL, &format!("{rule}{}", group.say(&first.reason)));
    labelled(out, INDENT, paint(HINT, "next"), LABEL, &group.say(&first.next));
}

/// Which tokens a line stands for, where it stands for several.
pub(super) fn on<T>(out: &mut String, group: &Together<'_, T>) {
    if !group.is_one() && !group.names().is_empty() {
        labelled(out, INDENT, paint(QUIET, "on"), LABEL, &group.on());
    }
}

/// What a blocked entry speaks of, from the narrowest to the widest.
pub(super) fn subject(group: &Together<'_, Blocked>) -> String {
    let blocked = group.first();
    let several = group.all.len() as u64;
    match (&blocked.address, &blocked.token) {
        (Some(address), _) => several_objects(address, several),
        (None, Some(token)) if group.is_one() => format!("EnrollmentToken/{token}"),
        (None, Some(_)) => count(several, "EnrollmentToken"),
        (None, None) if group.is_one() => blocked.connection.document(),
        (None, None) => count(several, "Connection"),
    }
}

/// An address, or what several with its kind and name are called.
pub(super) fn several_objects(address: &Address, several: u64) -> String {
    match several {
        1 => address.to_string(),
        _ if address.token.is_none() => count(several, address.kind.as_str()),
        _ => format!("{}/{} on {}", address.kind, address.name, count(several, "token")),
    }
}

fn steps(out: &mut String, section: Section, plan: &SavedPlan, gated: &Gated<'_>) {
    let groups = grouped(plan.steps.iter().filter(|step| Section::of(step) == section));
    let acts = acts_of(section, plan);
    if groups.is_empty() && acts.is_empty() {
        return;
    }
    heading(out, section.title());
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        step::group(out, group, gated);
    }
    for (at, group) in acts.iter().enumerate() {
        if at > 0 || !groups.is_empty() {
            out.push('\n');
        }
        acts::group(out, group, gated);
    }
    out.push('\n');
}

/// The acts that stand among the steps of a section.
pub(super) fn acts_of(section: Section, plan: &SavedPlan) -> Vec<ActGroup<'_>> {
    match section {
        Section::Destructive => acts::grouped(&plan.acts, ActSection::Destructive),
        Section::Actions => acts::grouped(&plan.acts, ActSection::Actions),
        Section::Removals | Section::Updates | Section::Creates => Vec::new(),
    }
}

fn waiting(out: &mut String, plan: &SavedPlan, gated: &Gated<'_>) {
    let acts = acts::grouped(&plan.acts, ActSection::Waiting);
    if plan.waiting.is_empty() && acts.is_empty() {
        return;
    }
    heading(out, "Waiting");
    for group in alike::waiting(&plan.waiting) {
        let one = group.first();
        let subject = waiting_subject(&group);
        let _ = writeln!(out, "  {} {}", paint(NOTE, "="), subject);
        on(out, &group);
        let until = one.until.map_or(String::new(), |until| format!(", at the latest {until}"));
        labelled(out, INDENT, paint(QUIET, "for"), LABEL, &format!("{}{until}", group.say(&one.reason)));
        labelled(out, INDENT, paint(QUIET, "which"), LABEL, &serials(&alike::serials(&group)));
    }
    for group in &acts {
        acts::group(out, group, gated);
    }
    out.push('\n');
}

/// How many serials wait, and for what.
fn waiting_subject(group: &Together<'_, Waiting>) -> String {
    let one = group.first();
    let token = match &one.token {
        Some(token) if group.is_one() => format!("@{token}"),
        Some(_) => format!(" on {}", count(group.all.len() as u64, "token")),
        None => String::new(),
    };
    let serials = count(alike::serials(group).len() as u64, "serial");
    let object = match (&one.profile, &one.assignment) {
        (Some(profile), _) => format!("EnrollmentProfile/{profile}{token}"),
        (None, Some(assignment)) => format!("DeviceAssignment/{assignment}{token}"),
        (None, None) => token,
    };
    format!("{serials} for {}", paint(BOLD, object))
}

fn adopted(out: &mut String, plan: &SavedPlan) {
    if plan.adopted.is_empty() {
        return;
    }
    heading(out, "Taken over as it is");
    let groups = alike::adopted(&plan.adopted);
    let names = groups.iter().map(|group| several_objects(&group.first().address, group.all.len() as u64));
    let names = some_of(names, 5);
    let _ = writeln!(out, "  {} {names}", paint(NOTE, "="));
    labelled(out, INDENT, paint(QUIET, "why"), LABEL, "exactly as the documents say; nothing is sent");
    out.push('\n');
}

/// What is left alone, counted: `12 profiles, 300 devices`.
pub(super) fn counts(all: &[LeftAlone]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for one in all {
        *counts.entry(one.what.trim_end_matches('s')).or_default() += one.count;
    }
    let counts: Vec<String> = counts.iter().map(|(what, number)| count(*number, what)).collect();
    counts.join(", ")
}

fn left_alone(out: &mut String, plan: &SavedPlan, show_all: bool) {
    let all = plan.left_alone.as_slice();
    let ended = ActTally::of(&plan.acts, &Gated::default()).ended;
    if all.is_empty() && ended == 0 {
        return;
    }
    let counted = [counts(all), ended_in_words(ended)];
    let counted: Vec<&str> = counted.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let _ = writeln!(out, "{}  {}", paint(BOLD, "Left alone"), clean(&counted.join(", ")));
    let shown: Vec<&LeftAlone> = all.iter().filter(|one| show_all || one.was_managed).collect();
    for group in alike::left_alone(shown.iter().copied()) {
        let one = group.first();
        let id = if one.id.is_empty() || !group.is_one() { String::new() } else { format!("  ({})", one.id) };
        let token =
            if group.is_one() { one.token.to_string() } else { count(group.names().len() as u64, "token") };
        let text = format!("{} on {token}: {}{id}", one.what, alike::left_name(&group));
        let _ = writeln!(out, "  {} {}", paint(QUIET, "="), on_one_line(&text));
        on(out, &group);
        labelled(out, INDENT, paint(QUIET, "why"), LABEL, &group.say(&one.why));
    }
    if shown.len() < all.len() {
        let _ = writeln!(out, "  {}", paint(QUIET, "`plan --show-unmanaged` lists what was never managed"));
    }
    out.push('\n');
}

/// How many acts have ended; empty for none.
pub(super) fn ended_in_words(ended: u64) -> String {
    match ended {
        0 => String::new(),
        1 => "1 action that has ended".to_owned(),
        many => format!("{} that have ended", acts::actions(many)),
    }
}

fn findings(out: &mut String, all: &[SavedFinding]) {
    if all.is_empty() {
        return;
    }
    heading(out, "Findings");
    for group in alike::findings(all) {
        let finding = group.first();
        let (mark, style) = match finding.severity.as_str() {
            "refuse" => ("!", ERROR),
            "warn" => ("!", WARN),
            _ => ("=", NOTE),
        };
        let _ = writeln!(
            out,
            "  {} {} {}",
            paint(style, mark),
            paint(style, clean(&finding.severity)),
            paint(QUIET, format_args!("{} {}", clean(&finding.code), clean(&places(&group)))),
        );
        labelled(out, INDENT, "", 0, &group.say(&finding.message));
        match finding.tokens.as_slice() {
            tokens @ [_, _, ..] => {
                let tokens = format!(
                    "{}: {}",
                    count(tokens.len() as u64, "token"),
                    some_of(tokens.iter(), TOKENS_SHOWN)
                );
                labelled(out, INDENT, paint(QUIET, "on"), LABEL, &tokens);
            }
            _ => on(out, &group),
        }
        labelled(out, INDENT, paint(HINT, "next"), LABEL, &group.say(&finding.next));
    }
    out.push('\n');
}

/// The places of findings that are shown as one.
pub(super) fn places(group: &Together<'_, SavedFinding>) -> String {
    let mut places: Vec<&str> = group.all.iter().map(|one| one.place.as_str()).collect();
    places.dedup();
    some_of(places.iter(), 1)
}

fn gates(out: &mut String, stops: &[Stop]) {
    if stops.is_empty() {
        return;
    }
    heading(out, "Gates that stop apply");
    for group in alike::stops(stops) {
        let _ =
            writeln!(out, "  {} {}", paint(ERROR, "!"), paint(BOLD, clean(&group.say(&group.first().gate))));
        stop_rows(out, &group);
    }
    out.push('\n');
}

/// The lines below the first one of an exceeded gate.
pub(super) fn stop_rows(out: &mut String, group: &Together<'_, Stop>) {
    let stop = group.first();
    on(out, group);
    labelled(out, INDENT, paint(QUIET, "why"), LABEL, &group.say(&stop.reason));
    let steps = stopped_steps(group);
    labelled(out, INDENT, paint(QUIET, "stops"), LABEL, &some_of(steps.iter(), 3));
    labelled(out, INDENT, paint(HINT, "next"), LABEL, &group.say(&stop.next));
}

/// The steps that gates stop, with the token of each gate left out where there are several.
pub(super) fn stopped_steps<'a>(group: &Together<'a, Stop>) -> BTreeSet<Cow<'a, str>> {
    let both = group.all.iter().zip(&group.tokens);
    both.flat_map(|(stop, token)| {
        let token = token.as_deref().filter(|_| !group.is_one()).unwrap_or_default();
        stop.steps.iter().map(move |step| alike::without(step, token))
    })
    .collect()
}

/// What the steps come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub create: u64,
    pub update: u64,
    /// In devices, from one service at Apple to another.
    pub moved: u64,
    /// In devices, off their service at Apple.
    pub off: u64,
    /// In devices.
    pub assign: u64,
    pub default: u64,
    pub sync: u64,
    pub delete: u64,
}

impl Tally {
    pub fn of(steps: &[Step]) -> Self {
        let mut tally = Self::default();
        for step in steps {
            match &step.action {
                Action::CreateProfile { .. } | Action::Define { replaces: None, .. } => tally.create += 1,
                Action::UpdateToken { .. }
                | Action::UpdateProfile { .. }
                | Action::Define { replaces: Some(_), .. }
                | Action::SetAccountDrivenUrl { .. } => tally.update += 1,
                Action::Assign { .. } => tally.assign += step.action.serials() as u64,
                Action::SetDefault { .. } => tally.default += 1,
                Action::Sync { .. } => tally.sync += 1,
                Action::DeleteToken | Action::DeleteProfile => tally.delete += 1,
                Action::Service(ServiceAction::Assign { .. }) => {
                    tally.moved += step.action.serials() as u64;
                }
                Action::Service(ServiceAction::Unassign { .. }) => tally.off += step.action.serials() as u64,
                Action::Service(ServiceAction::Create { .. }) => tally.create += 1,
                Action::Service(ServiceAction::Delete { .. }) => tally.delete += 1,
                Action::Service(_) => tally.update += 1,
                Action::Unassign { .. } => tally.delete += step.action.serials() as u64,
            }
        }
        tally
    }
}

fn summary(out: &mut String, plan: &SavedPlan, as_wished: Option<AsWished>) {
    let sent = ActTally::of(&plan.acts, &Gated::new(&plan.stops)).send;
    if plan.steps.is_empty() && sent == 0 {
        no_changes(out, plan, as_wished);
        if plan.stops.iter().any(|stop| can_be_opened(stop, plan)) {
            digest(out, plan);
        }
        return;
    }
    let Tally { create, update, moved, off, assign, default, sync, delete } = Tally::of(&plan.steps);
    let mut parts = vec![
        paint(if create > 0 { CREATE } else { QUIET }, format!("{} to create", number(create))).to_string(),
        paint(if update > 0 { super::text::UPDATE } else { QUIET }, format!("{} to update", number(update)))
            .to_string(),
    ];
    if moved > 0 {
        parts.push(paint(CREATE, format!("{} to move", count(moved, "device"))).to_string());
    }
    parts.push(
        paint(if assign > 0 { CREATE } else { QUIET }, format!("{} to assign", count(assign, "device")))
            .to_string(),
    );
    if default > 0 {
        parts.push(format!("{} to set", count(default, "default")));
    }
    if sync > 0 {
        parts.push(format!("{} to sync", count(sync, "token")));
    }
    if off > 0 {
        let text = format!("{} to take off their service", count(off, "device"));
        parts.push(paint(DELETE, text).to_string());
    }
    parts.push(
        paint(if delete > 0 { DELETE } else { QUIET }, format!("{} to delete", number(delete))).to_string(),
    );
    if sent > 0 {
        parts.push(paint(BOLD, format!("{} to send", acts::actions(sent))).to_string());
    }
    let _ = writeln!(out, "{} {}{}.", paint(BOLD, "Plan:"), parts.join(", "), rest(plan));
    for line in forecast::lines(&plan.forecast) {
        let _ = writeln!(out, "{line}");
    }
    digest(out, plan);
}

/// What `--expect-digest` and `--override GATE=DIGEST` ask for.
fn digest(out: &mut String, plan: &SavedPlan) {
    let _ = writeln!(out, "{}", paint(QUIET, format_args!("Digest {}", clean(&plan.digest))));
}

/// Whether an override of the gate would let anything go: of acts only a limit can be opened.
fn can_be_opened(stop: &Stop, plan: &SavedPlan) -> bool {
    let is_act = |id: &String| plan.acts.iter().any(|act| act.step_id() == *id);
    stop.may_be_overridden() && (stop.gate.starts_with("limit/") || !stop.steps.iter().all(is_act))
}

/// What a plan comes to, in one line without colours and without its period.
pub(super) fn summed_up(plan: &SavedPlan, as_wished: Option<AsWished>) -> String {
    let mut out = String::new();
    summary(&mut out, plan, as_wished);
    let line = super::text::plain(out.lines().next().unwrap_or_default());
    line.strip_prefix("Plan: ").unwrap_or(&line).trim_end_matches('.').to_owned()
}

fn no_changes(out: &mut String, plan: &SavedPlan, as_wished: Option<AsWished>) {
    let rest = rest(plan);
    let told = match as_wished {
        // Nothing could be read: there is nothing to say of it.
        Some(AsWished { objects: 0, devices: 0 }) if !plan.blocked.is_empty() => String::new(),
        Some(AsWished { objects, devices }) => {
            format!(
                " {} and {} are as the documents say.",
                count(objects, "object"),
                count(devices, "device")
            )
        }
        None => String::new(),
    };
    let _ = writeln!(out, "{}{told}", paint(BOLD, format!("No changes{rest}.")));
}

/// What the summary says of everything that is no step.
fn rest(plan: &SavedPlan) -> String {
    let waiting: usize = plan.waiting.iter().map(|one| one.serials.len()).sum();
    let acts: BTreeSet<String> = plan.acts.iter().map(PlannedAct::step_id).collect();
    let stopped: BTreeSet<&String> =
        plan.stops.iter().flat_map(|stop| &stop.steps).filter(|id| !acts.contains(*id)).collect();
    let mut parts = Vec::new();
    if !plan.blocked.is_empty() {
        parts.push(paint(ERROR, format!("{} blocked", number(plan.blocked.len() as u64))).to_string());
    }
    if !stopped.is_empty() {
        let text = format!("{} stopped by gates", count(stopped.len() as u64, "step"));
        parts.push(paint(ERROR, text).to_string());
    }
    if waiting > 0 {
        parts.push(format!("{} waiting", number(waiting as u64)));
    }
    parts.extend(ActTally::of(&plan.acts, &Gated::new(&plan.stops)).rest());
    if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) }
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod direct_tests;

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(in crate::cli) mod tests;
