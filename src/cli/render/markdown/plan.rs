//! A plan as markdown: what it comes to, then the sections of design section 4. PURE.

use std::fmt::Write as _;

use super::acts::act_block;
use super::escape::{code, fenced, html, prose};
use super::{Block, Document, SHORT, entry, folded, names, row, tokens};
use crate::cli::render::acts::{self, ActSection, ActTally};
use crate::cli::render::alike::{self, Together};
use crate::cli::render::grouping::{StepGroup, grouped};
use crate::cli::render::plan::{
    AsWished, acts_of, counts, ended_in_words, places, several_objects, stopped_steps, subject, summed_up,
};
use crate::cli::render::step::{
    self, Gated, Section, changes_of, fields_of, gate_on, given, needs, note_words, proving, taken,
    waiting_for_sync,
};
use crate::cli::render::text::{count, some_of};
use crate::cli::render::{change, forecast, known, service};
use crate::plan::file::{SavedFinding, SavedPlan};
use crate::plan::{Action, Blocked, Class, LeftAlone, Stop, Waiting};

/// How many names the summary and a line give.
const NAMES_SHOWN: usize = 3;

/// How many devices a list names; the JSON has all.
const SERIALS_SHOWN: usize = 200;

/// How to show a plan.
#[derive(Clone, Copy, Debug)]
pub struct MarkdownView<'a> {
    /// List what is left alone one by one, and not only what was managed before.
    pub show_unmanaged: bool,
    /// What is as the documents say; absent where nobody counted.
    pub as_wished: Option<AsWished>,
    /// The most bytes that the text may have.
    pub limit: usize,
    /// How to see what was cut: a sentence of ours.
    pub see: &'a str,
}

/// Shows a plan as markdown.
pub fn text(plan: &SavedPlan, view: MarkdownView<'_>) -> String {
    let mut document = Document::new(view.see);
    head(&mut document, plan, view.as_wished);
    let gated = Gated::new(&plan.stops);
    let acts_in = |section| acts::grouped(&plan.acts, section);
    let stopped = acts_in(ActSection::Blocked);
    let blocked = alike::blocked(&plan.blocked).iter().map(blocked).collect::<Vec<_>>().into_iter();
    let stopped = stopped.iter().map(|group| act_block(group, &gated));
    document.section("Blocked and unknown", blocked.chain(stopped).collect());
    for section in Section::ALL {
        let steps = plan.steps.iter().filter(|step| Section::of(step) == section);
        let groups = grouped(steps);
        let acts = acts_of(section, plan);
        let acts = acts.iter().map(|group| act_block(group, &gated));
        let steps = groups.iter().map(|group| steps_block(group, &gated));
        document.section(section.title(), steps.chain(acts).collect());
    }
    let acts = acts_in(ActSection::Waiting);
    let acts = acts.iter().map(|group| act_block(group, &gated));
    let groups = alike::waiting(&plan.waiting);
    document.section("Waiting", groups.iter().map(waiting).chain(acts).collect());
    let adopted = alike::adopted(&plan.adopted);
    let objects = adopted
        .iter()
        .map(|group| entry(&code(&several_objects(&group.first().address, group.all.len() as u64)), &[]));
    let summary =
        format!("{} taken over as they are; nothing is sent", count(plan.adopted.len() as u64, "object"));
    document.folded("objects taken over", summary, objects.collect());
    left_alone(&mut document, &plan.left_alone, view.show_unmanaged);
    let ended = ended_in_words(ActTally::of(&plan.acts, &gated).ended);
    if !ended.is_empty() {
        let told =
            "`espalier action list --all` lists them, `espalier action archive` removes their documents";
        document.folded("actions that have ended", format!("Left alone: {ended}"), vec![entry(told, &[])]);
    }
    document.section("Findings", alike::findings(&plan.findings).iter().map(finding).collect());
    document.section("Gates that stop apply", alike::stops(&plan.stops).iter().map(stop).collect());
    document.text(view.limit)
}

fn head(document: &mut Document, plan: &SavedPlan, as_wished: Option<AsWished>) {
    document.head("## espalier plan\n");
    document.head(&format!("**{}.**\n", summed_up(plan, as_wished)));
    if !plan.stops.is_empty() {
        let groups = alike::stops(&plan.stops);
        let gates = groups.iter().map(|group| {
            let gate = brief(&group.say(&group.first().gate));
            if group.is_one() {
                gate
            } else {
                format!("{gate} on {}", count(group.names().len() as u64, "token"))
            }
        });
        document.head(&format!("- :no_entry: **Gates stop apply**: {}", some_of(gates, NAMES_SHOWN)));
    }
    if !plan.blocked.is_empty() {
        let groups = alike::blocked(&plan.blocked);
        let subjects = groups.iter().map(|group| brief(&subject(group)));
        document.head(&format!("- :warning: **Blocked**: {}", some_of(subjects, NAMES_SHOWN)));
    }
    if let Some(known) = known::line(plan) {
        document.head(&format!("- Known: {}", prose(&known)));
    }
    document.head(&format!("- Digest {}", code(&plan.digest)));
    if !plan.tenants.is_empty() {
        let tenants =
            plan.tenants.iter().map(|(name, id)| format!("{} ({})", brief(&name.to_string()), brief(id)));
        let word = if plan.tenants.len() == 1 { "Tenant" } else { "Tenants" };
        document.head(&format!("- {word} {}", some_of(tenants, NAMES_SHOWN)));
    }
    if let Some(commit) = &plan.commit {
        document.head(&format!("- Commit {}", brief(commit)));
    }
    if !plan.steps.is_empty() {
        let mut lines = forecast::lines(&plan.forecast).into_iter();
        let all = lines.next().unwrap_or_default();
        let all = all.trim_end_matches('.');
        document.head(&format!("- {all}; made {}, can be applied until {}", plan.created, plan.expires));
        for line in lines {
            document.head(&format!("- {}", prose(line.trim_end_matches('.'))));
        }
    }
}

/// A name in the summary, where room is short.
fn brief(text: &str) -> String {
    code(&crate::cli::render::text::clip(text, 64))
}

/// The tokens that a block stands for, folded, where it stands for several.
fn several<T>(group: &Together<'_, T>) -> String {
    if group.is_one() || group.names().is_empty() { String::new() } else { tokens(&group.names()) }
}

fn blocked(group: &Together<'_, Blocked>) -> Block {
    let first = group.first();
    let rule = first.rule.as_ref().map_or(String::new(), |rule| format!("{} ", code(rule)));
    let mut body = list(&[
        row("why", &format!("{rule}{}", prose(&group.say(&first.reason)))),
        row("next", &prose(&group.say(&first.next))),
    ]);
    body.push_str(&several(group));
    folded(&format!(":x: {}", html(&subject(group), SHORT)), true, &body)
}

/// Lines of a list, with an empty line behind them.
fn list(rows: &[String]) -> String {
    let mut out = String::new();
    for row in rows {
        let _ = writeln!(out, "- {row}");
    }
    out.push('\n');
    out
}

fn steps_block(group: &StepGroup<'_>, gated: &Gated<'_>) -> Block {
    let (first, steps) = (group.first(), group.steps.as_slice());
    let mark = step::mark(&first.action).0;
    let mut summary = format!("{mark} {} {}", step::verb(&first.action), html(&step::subject(steps), SHORT));
    if let Some(names) = step::names(steps) {
        let _ = write!(summary, " {}", html(&names, SHORT));
    }
    let gates = gated.of(steps);
    if first.class > Class::Safe {
        let _ = write!(summary, ", <b>{}</b>", first.class);
    }
    if !gates.is_empty() {
        summary.push_str(", <b>stopped by a gate</b>");
    }
    let diff = diff(group);
    let mut body = if diff.is_empty() { String::new() } else { fenced("diff", &diff) };
    let mut rows = Vec::new();
    if let Action::SetDefault { from, from_name } = &first.action {
        let from = step::former(from.as_ref(), from_name.as_deref());
        rows.push(row("set", &format!("{} → {}", code(&from), code(&first.name))));
    }
    if let Action::SetAccountDrivenUrl { from, to } = &first.action {
        let (from, to) = (step::url(from.as_deref()), step::url(to.as_deref()));
        rows.push(row("set", &format!("{} → {}", code(from), code(to))));
    }
    if let (Action::Define { replaces: Some(former), .. }, [_]) = (&first.action, steps) {
        rows.push(row("for", &format!("{}, which stays as it is", code(former.key()))));
    }
    if let Action::Unassign { .. } = &first.action {
        let devices = count(taken(steps).len() as u64, "device");
        rows.push(row("take", &format!("{} off {devices}", code(&first.name))));
    }
    for given in given(steps) {
        let devices = count(given.serials.len() as u64, "device");
        let named = step::names(steps).unwrap_or_else(|| first.name.clone());
        rows.push(row("give", &format!("{devices} {} → {}", code(&given.from), code(&named))));
    }
    for told in service::rows(steps) {
        rows.push(row(told.label, &prose(&told.text)));
    }
    match service::place(steps) {
        Some(place) => rows.push(row("where", &prose(&place))),
        None => {
            let (connections, where_) = place(group);
            rows.push(row("where", &format!("{connections}, {where_}")));
        }
    }
    rows.push(row("why", first.reason.words()));
    rows.push(row("felt", &step::felt_by(steps)));
    let needs = needs(steps);
    if !needs.is_empty() {
        rows.push(row("after", &some_of(needs.iter().map(|id| code(id)), NAMES_SHOWN)));
    }
    if let Some(token) = proving(steps) {
        rows.push(row("first", &format!("{}, read back before the others start", code(token.as_str()))));
    }
    if let Some(instant) = first.not_before {
        rows.push(row("wait", &format!("not before {instant}")));
    }
    for note in &first.notes {
        rows.push(row("note", &format!("{} {}", code(&note.rule), prose(&note_words(steps, note)))));
    }
    if !gates.is_empty() {
        let gates: Vec<String> =
            gates.iter().map(|(gate, on)| code(&gate_on(gate, on, steps.len()))).collect();
        rows.push(row("gate", &format!("stopped by {}", some_of(gates.iter(), NAMES_SHOWN))));
    }
    body.push_str(&list(&rows));
    if steps.len() > 1 {
        let named: Vec<String> = steps.iter().map(|step| step::token_with_devices(step)).collect();
        body.push_str(&tokens(&named));
    }
    let mut serials: Vec<_> = given(steps).into_iter().flat_map(|given| given.serials).collect();
    serials.extend(waiting_for_sync(steps));
    serials.extend(taken(steps));
    serials.extend(service::rows(steps).into_iter().flat_map(|told| told.serials));
    body.push_str(&serial_list(&serials));
    folded(&summary, first.class >= Class::Destructive, &body)
}

/// Serial numbers, folded.
fn serial_list(serials: &[crate::model::Serial]) -> String {
    if serials.is_empty() {
        return String::new();
    }
    let shown = &serials[..serials.len().min(SERIALS_SHOWN)];
    let all = count(serials.len() as u64, "serial");
    let what = if shown.len() == serials.len() { all } else { format!("the first {SERIALS_SHOWN} of {all}") };
    names(&what, shown)
}

/// The connections of a group, and its token or how many.
fn place(group: &StepGroup<'_>) -> (String, String) {
    let steps = &group.steps;
    let mut connections: Vec<String> = steps.iter().map(|step| step.connection.carrier()).collect();
    connections.sort_unstable();
    connections.dedup();
    let connections = some_of(connections.iter().map(|name| code(name)), NAMES_SHOWN);
    let tokens = match (steps.as_slice(), &group.first().object) {
        ([only], None) => format!("token {}", code(only.address.domain().as_str())),
        ([only], Some(object)) => {
            format!("token {}, id {}", code(only.address.domain().as_str()), code(object.key()))
        }
        (several, _) => count(several.len() as u64, "token"),
    };
    (connections, tokens)
}

/// The fields of a group, as the lines of a diff block.
fn diff(group: &StepGroup<'_>) -> String {
    let steps = group.steps.as_slice();
    let mut out = String::new();
    change::diff_changes(&mut out, &changes_of(steps));
    change::diff_fields(&mut out, &fields_of(steps));
    out
}

fn waiting(group: &Together<'_, Waiting>) -> Block {
    let one = group.first();
    let serials = alike::serials(group);
    let until = one.until.map_or(String::new(), |until| format!(", at the latest {until}"));
    let object = match (&one.profile, &one.assignment) {
        (Some(profile), _) => format!("EnrollmentProfile/{profile}"),
        (None, Some(assignment)) => format!("DeviceAssignment/{assignment}"),
        (None, None) => String::new(),
    };
    let profile = match &one.token {
        Some(token) if group.is_one() => format!("{object}@{token}"),
        _ => object,
    };
    let mut body = list(&[row("for", &format!("{}{until}", prose(&group.say(&one.reason))))]);
    body.push_str(&several(group));
    body.push_str(&serial_list(&serials));
    let summary = format!("{} for {}", count(serials.len() as u64, "serial"), html(&profile, SHORT));
    folded(&summary, false, &body)
}

fn left_alone(document: &mut Document, all: &[LeftAlone], show_all: bool) {
    let shown = all.iter().filter(|one| show_all || one.was_managed);
    let blocks = alike::left_alone(shown).into_iter().map(|group| {
        let one = group.first();
        let on = match group.names().len() as u64 {
            1 => code(one.token.as_str()),
            several => count(several, "token"),
        };
        let id = if one.id.is_empty() || !group.is_one() {
            String::new()
        } else {
            format!(" ({})", code(&one.id))
        };
        let name = code(&alike::left_name(&group));
        let rows = [row("why", &prose(&group.say(&one.why)))];
        entry(&format!("{} on {on}: {name}{id}", prose(&one.what)), &rows)
    });
    let mut blocks: Vec<Block> = blocks.collect();
    if blocks.is_empty() && !all.is_empty() {
        blocks.push(entry("never managed; `espalier plan --show-unmanaged` lists them", &[]));
    }
    document.folded("what is left alone", format!("Left alone: {}", counts(all)), blocks);
}

fn finding(group: &Together<'_, SavedFinding>) -> Block {
    let finding = group.first();
    let mark = match finding.severity.as_str() {
        "refuse" => ":x:",
        "warn" => ":warning:",
        _ => ":information_source:",
    };
    let mut rows = vec![row("at", &code(&places(group)))];
    if !finding.next.is_empty() {
        rows.push(row("next", &prose(&group.say(&finding.next))));
    }
    let mut body = format!(
        "{}\n\n{}",
        prose(&format!("{}: {}", finding.code, group.say(&finding.message))),
        list(&rows)
    );
    match finding.tokens.as_slice() {
        all @ [_, _, ..] => body.push_str(&tokens(all)),
        _ => body.push_str(&several(group)),
    }
    let summary =
        format!("{mark} {} {}", html(&finding.code, SHORT), html(&group.say(&finding.message), SHORT));
    folded(&summary, false, &body)
}

fn stop(group: &Together<'_, Stop>) -> Block {
    let stop = group.first();
    let steps = stopped_steps(group);
    let mut body = list(&[
        row("why", &prose(&group.say(&stop.reason))),
        row("stops", &some_of(steps.iter().map(|step| code(step)), NAMES_SHOWN)),
        row("next", &prose(&group.say(&stop.next))),
    ]);
    body.push_str(&several(group));
    let stopped = count(group.all.iter().map(|stop| stop.steps.len() as u64).sum(), "step");
    let summary = format!(":no_entry: {} stops {stopped}", html(&group.say(&stop.gate), SHORT));
    folded(&summary, true, &body)
}
