//! A plan for people: sections in the order of design section 4, then what it comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::step::{self, Gated, Section};
use super::text::{
    BOLD, CREATE, DELETE, ERROR, HINT, NOTE, QUIET, WARN, clean, count, labelled, number, paint, serials,
    some_of,
};
use crate::cli::duration;
use crate::plan::file::{SavedFinding, SavedPlan};
use crate::plan::{Action, Blocked, LeftAlone, Step, Stop};

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
    blocked(&mut out, &plan.blocked);
    let gated = Gated::new(&plan.stops);
    for section in Section::ALL {
        steps(&mut out, section, plan, &gated);
    }
    waiting(&mut out, plan);
    adopted(&mut out, plan);
    left_alone(&mut out, &plan.left_alone, view.show_unmanaged);
    findings(&mut out, &plan.findings);
    gates(&mut out, &plan.stops);
    summary(&mut out, plan, view.as_wished);
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

fn blocked(out: &mut String, all: &[Blocked]) {
    if all.is_empty() {
        return;
    }
    heading(out, "Blocked and unknown");
    for one in all {
        let subject = subject(one);
        let _ = writeln!(out, "  {} {}", paint(ERROR, "!"), paint(BOLD, subject));
        let rule = one.rule.as_ref().map_or(String::new(), |rule| format!("{rule}: "));
        labelled(out, INDENT, paint(QUIET, "why"), LABEL, &format!("{rule}{}", one.reason));
        labelled(out, INDENT, paint(HINT, "next"), LABEL, &one.next);
    }
    out.push('\n');
}

/// What a blocked entry speaks of, from the narrowest to the widest.
pub(super) fn subject(blocked: &Blocked) -> String {
    match (&blocked.address, &blocked.token) {
        (Some(address), _) => address.to_string(),
        (None, Some(token)) => format!("EnrollmentToken/{token}"),
        (None, None) => format!("Connection/{}", blocked.connection),
    }
}

fn steps(out: &mut String, section: Section, plan: &SavedPlan, gated: &Gated<'_>) {
    let groups = step::grouped(plan.steps.iter().filter(|step| Section::of(step) == section));
    if groups.is_empty() {
        return;
    }
    heading(out, section.title());
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        step::group(out, group, gated);
    }
    out.push('\n');
}

fn waiting(out: &mut String, plan: &SavedPlan) {
    if plan.waiting.is_empty() {
        return;
    }
    heading(out, "Waiting");
    for one in &plan.waiting {
        let token = one.token.as_ref().map_or(String::new(), |token| format!("@{token}"));
        let devices = count(one.serials.len() as u64, "serial");
        let subject = format!("EnrollmentProfile/{}{token}", one.profile);
        let _ = writeln!(out, "  {} {devices} for {}", paint(NOTE, "="), paint(BOLD, subject));
        let until = one.until.map_or(String::new(), |until| format!(", at the latest {until}"));
        labelled(out, INDENT, paint(QUIET, "for"), LABEL, &format!("{}{until}", one.reason));
        labelled(out, INDENT, paint(QUIET, "which"), LABEL, &serials(&one.serials));
    }
    out.push('\n');
}

fn adopted(out: &mut String, plan: &SavedPlan) {
    if plan.adopted.is_empty() {
        return;
    }
    heading(out, "Taken over as it is");
    let names = some_of(plan.adopted.iter().map(|one| &one.address), 5);
    let _ = writeln!(out, "  {} {names}", paint(NOTE, "="));
    labelled(out, INDENT, paint(QUIET, "why"), LABEL, "exactly as the documents say; nothing is sent");
    out.push('\n');
}

fn left_alone(out: &mut String, all: &[LeftAlone], show_all: bool) {
    if all.is_empty() {
        return;
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for one in all {
        *counts.entry(one.what.trim_end_matches('s')).or_default() += one.count;
    }
    let counts: Vec<String> = counts.iter().map(|(what, number)| count(*number, what)).collect();
    let _ = writeln!(out, "{}  {}", paint(BOLD, "Left alone"), clean(&counts.join(", ")));
    let shown: Vec<&LeftAlone> = all.iter().filter(|one| show_all || one.was_managed).collect();
    for one in &shown {
        let id = if one.id.is_empty() { String::new() } else { format!("  ({})", one.id) };
        let text = format!("{} on {}: {}{id}", one.what, one.token, one.name);
        let _ = writeln!(out, "  {} {}", paint(QUIET, "="), clean(&text));
        labelled(out, INDENT, paint(QUIET, "why"), LABEL, &one.why);
    }
    if shown.len() < all.len() {
        let _ = writeln!(out, "  {}", paint(QUIET, "`plan --show-unmanaged` lists what was never managed"));
    }
    out.push('\n');
}

fn findings(out: &mut String, all: &[SavedFinding]) {
    if all.is_empty() {
        return;
    }
    heading(out, "Findings");
    for finding in all {
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
            paint(QUIET, format_args!("{} {}", clean(&finding.code), clean(&finding.place))),
        );
        labelled(out, INDENT, "", 0, &finding.message);
        labelled(out, INDENT, paint(HINT, "next"), LABEL, &finding.next);
    }
    out.push('\n');
}

fn gates(out: &mut String, stops: &[Stop]) {
    if stops.is_empty() {
        return;
    }
    heading(out, "Gates that stop apply");
    for stop in stops {
        let _ = writeln!(out, "  {} {}", paint(ERROR, "!"), paint(BOLD, clean(&stop.gate)));
        labelled(out, INDENT, paint(QUIET, "why"), LABEL, &stop.reason);
        labelled(out, INDENT, paint(QUIET, "stops"), LABEL, &some_of(stop.steps.iter(), 3));
        labelled(out, INDENT, paint(HINT, "next"), LABEL, &stop.next);
    }
    out.push('\n');
}

/// What the steps come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    create: u64,
    update: u64,
    assign: u64,
    default: u64,
    sync: u64,
    delete: u64,
}

impl Tally {
    fn of(steps: &[Step]) -> Self {
        let mut tally = Self::default();
        for step in steps {
            match &step.action {
                Action::CreateProfile { .. } => tally.create += 1,
                Action::UpdateToken { .. } | Action::UpdateProfile { .. } => tally.update += 1,
                Action::Assign { .. } => tally.assign += step.action.serials() as u64,
                Action::SetDefault { .. } => tally.default += 1,
                Action::Sync { .. } => tally.sync += 1,
                Action::DeleteToken | Action::DeleteProfile => tally.delete += 1,
            }
        }
        tally
    }
}

fn summary(out: &mut String, plan: &SavedPlan, as_wished: Option<AsWished>) {
    if plan.steps.is_empty() {
        no_changes(out, plan, as_wished);
        return;
    }
    let Tally { create, update, assign, default, sync, delete } = Tally::of(&plan.steps);
    let mut parts = vec![
        paint(if create > 0 { CREATE } else { QUIET }, format!("{} to create", number(create))).to_string(),
        paint(if update > 0 { super::text::UPDATE } else { QUIET }, format!("{} to update", number(update)))
            .to_string(),
        paint(if assign > 0 { CREATE } else { QUIET }, format!("{} to assign", count(assign, "device")))
            .to_string(),
    ];
    if default > 0 {
        parts.push(format!("{} to set", count(default, "default")));
    }
    if sync > 0 {
        parts.push(format!("{} to sync", count(sync, "token")));
    }
    parts.push(
        paint(if delete > 0 { DELETE } else { QUIET }, format!("{} to delete", number(delete))).to_string(),
    );
    let _ = writeln!(out, "{} {}{}.", paint(BOLD, "Plan:"), parts.join(", "), rest(plan));
    let forecast = &plan.forecast;
    let _ = writeln!(
        out,
        "About {} and {}, {}.",
        count(forecast.writes, "write"),
        count(forecast.reads, "read"),
        duration::words(forecast.seconds),
    );
    let _ = writeln!(out, "{}", paint(QUIET, format_args!("Digest {}", clean(&plan.digest))));
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
    let stopped: std::collections::BTreeSet<&String> =
        plan.stops.iter().flat_map(|stop| &stop.steps).collect();
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
    if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(in crate::cli) mod tests;
