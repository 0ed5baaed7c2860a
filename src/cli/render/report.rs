//! What came of an apply.

use std::fmt::Write as _;

use anstyle::Style;
use serde::Serialize;

use super::JSON_VERSION;
use super::act_report;
use super::alike::{self, TOKEN, Together};
use super::plan::{blocked_rows, on, stop_rows, subject};
use super::text::{
    BOLD, CREATE, ERROR, NOTE, QUIET, UPDATE, WARN, clean, count, labelled, number, paint, serials,
};
use crate::apply::report::EscrowReport;
use crate::apply::{ApplyReport, ItemCounts, StepOutcome, StepResult};
use crate::cli::exit::ExitCode;

const INDENT: usize = 6;
const LABEL: usize = 6;

/// Shows a report: a line per step, more where something is amiss, and what it comes to. The text
/// has colours; see [`super::text`].
pub fn text(report: &ApplyReport) -> String {
    let mut out = String::new();
    for group in alike::results(&report.steps) {
        one(&mut out, &group);
    }
    act_report::text(&mut out, &report.acts);
    if let Some(EscrowReport { failed: 1.., why: Some(why), .. }) = &report.escrow {
        let _ = writeln!(out, "  {} {:<11} {}", paint(WARN, "?"), "not sealed", paint(BOLD, "bypass codes"));
        labelled(&mut out, INDENT, paint(QUIET, "why"), LABEL, why);
    }
    for group in alike::blocked(&report.blocked) {
        let _ = writeln!(out, "  {} {:<11} {}", paint(ERROR, "!"), "blocked", paint(BOLD, subject(&group)));
        blocked_rows(&mut out, &group);
    }
    let stops = act_report::other_stops(report);
    for group in alike::stops(&stops) {
        let gate = group.say(&group.first().gate);
        let _ = writeln!(out, "  {} {:<11} {}", paint(ERROR, "!"), "gate", paint(BOLD, clean(&gate)));
        stop_rows(&mut out, &group);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(report));
    out
}

/// Mark, colour and word of an outcome.
pub(super) const fn face(outcome: &StepOutcome) -> (&'static str, Style, &'static str) {
    match outcome {
        StepOutcome::Committed => ("+", CREATE, "committed"),
        StepOutcome::AlreadyAsWished => ("=", QUIET, "as wished"),
        StepOutcome::Failed { .. } => ("!", ERROR, "failed"),
        StepOutcome::Unknown { .. } => ("?", WARN, "unknown"),
        StepOutcome::Unconfirmed { .. } => ("?", WARN, "unconfirmed"),
        StepOutcome::Skipped { .. } | StepOutcome::HeldBack { .. } => ("-", UPDATE, "skipped"),
        StepOutcome::Pending { .. } => ("=", NOTE, "pending"),
        StepOutcome::Stopped { .. } => ("!", ERROR, "stopped"),
    }
}

// Writing to a String does not fail.
fn one(out: &mut String, group: &Together<'_, StepResult>) {
    let first = group.first();
    let (mark, style, word) = face(&first.outcome);
    let word = paint(style, format!("{word:<11}"));
    let told = items(group).map_or(String::new(), |items| format!("  {}", devices(&items)));
    let subject = result_subject(group);
    let _ = writeln!(out, "  {} {word} {}{}", paint(style, mark), clean(&subject), paint(QUIET, told));
    on(out, group);
    for (label, text) in rows(group) {
        labelled(out, INDENT, paint(QUIET, label), LABEL, &text);
    }
}

/// The step's id, or what it is called over several tokens.
pub(super) fn result_subject(group: &Together<'_, StepResult>) -> String {
    let id = &group.first().id;
    if group.is_one() {
        return id.clone();
    }
    let several = count(group.names().len() as u64, "token");
    let said = group.say(id);
    // `…/PROFILE@TOKEN` of a profile, `…/TOKEN` of the tokens themselves.
    match said.strip_suffix(TOKEN).and_then(|said| said.strip_suffix(['@', '/'])) {
        Some(document) => format!("{document} on {several}"),
        None => format!("{said} on {several}"),
    }
}

/// What came of the devices of all steps.
pub(super) fn items(group: &Together<'_, StepResult>) -> Option<ItemCounts> {
    let all = group.all.iter().filter_map(|step| step.items.as_ref());
    all.cloned().reduce(|mut sum, mut one| {
        sum.committed += one.committed;
        sum.failed.append(&mut one.failed);
        sum.unknown.append(&mut one.unknown);
        sum.waiting.append(&mut one.waiting);
        sum
    })
}

/// What more there is to say: label and text.
pub(super) fn rows(group: &Together<'_, StepResult>) -> Vec<(&'static str, String)> {
    let StepResult { id: _, token: _, outcome, items, not_taken, next } = group.first();
    let mut rows = Vec::new();
    let mut row = |label: &'static str, text: &str| rows.push((label, group.say(text).into_owned()));
    match outcome {
        StepOutcome::Committed | StepOutcome::AlreadyAsWished => {}
        StepOutcome::Failed { cause: _, reason, next } => {
            row("why", reason);
            row("next", next);
        }
        StepOutcome::Unknown { reason, until } => {
            row("why", reason);
            row("next", &format!("apply again after {until}: the lists show by then what came of it"));
        }
        StepOutcome::Unconfirmed { reason } => {
            row("why", reason);
            row("next", "apply again later: it looks first whether it is there by then");
        }
        StepOutcome::Skipped { needs } => row("why", &format!("{needs} was not done")),
        StepOutcome::HeldBack { reason } => row("why", reason),
        StepOutcome::Pending { reason, until } => {
            let until = until.map_or(String::new(), |until| format!(", expected {until}"));
            row("why", &format!("{reason}{until}"));
            row("next", "any later apply goes on");
        }
        StepOutcome::Stopped { gate } => row("why", &format!("gate {gate}")),
    }
    if !not_taken.is_empty() {
        let fields = not_taken.join(", ");
        row("note", &format!("P-25: not taken by this service, and not sent again: {fields}"));
    }
    if let Some(next) = next {
        row("next", next);
    }
    for (label, left) in items.iter().flat_map(left_over) {
        row(label, &serials(left));
    }
    rows
}

pub(super) fn devices(items: &ItemCounts) -> String {
    let ItemCounts { committed, failed, unknown, waiting, cooling } = items;
    let all = committed + failed.len() + unknown.len() + waiting.len() + cooling.len();
    let devices = count(all as u64, "device");
    if *committed == all { devices } else { format!("{} of {devices}", number(*committed as u64)) }
}

/// The serials that did not get what they should, by why.
fn left_over(items: &ItemCounts) -> impl Iterator<Item = (&'static str, &[crate::model::Serial])> {
    [
        ("left", items.failed.as_slice()),
        ("unread", items.unknown.as_slice()),
        ("wait", items.waiting.as_slice()),
        ("later", items.cooling.as_slice()),
    ]
    .into_iter()
    .filter(|(_, serials)| !serials.is_empty())
}

pub(super) fn summary(report: &ApplyReport) -> String {
    let acts = act_report::summary(&report.acts);
    let seals = report.escrow.as_ref().is_some_and(|escrow| escrow.sealed + escrow.none + escrow.failed > 0);
    if report.steps.is_empty() && report.blocked.is_empty() && acts.is_empty() && !seals {
        let adopted = if report.adopted > 0 {
            format!(" {} taken over as it is.", count(report.adopted as u64, "object"))
        } else {
            String::new()
        };
        return format!("{}{adopted}", paint(BOLD, "Nothing to do."));
    }
    let outcomes =
        ["committed", "as wished", "failed", "unknown", "unconfirmed", "skipped", "pending", "stopped"];
    let mut parts: Vec<String> = Vec::new();
    for outcome in outcomes {
        let mut alike =
            report.steps.iter().map(|step| face(&step.outcome)).filter(|(_, _, word)| *word == outcome);
        if let Some((_, style, word)) = alike.next() {
            parts.push(paint(style, format!("{} {word}", 1 + alike.count())).to_string());
        }
    }
    parts.extend(acts);
    if let Some(EscrowReport { sealed, none, failed, why: _ }) = &report.escrow {
        if *sealed > 0 {
            parts.push(format!("{} sealed", count(*sealed as u64, "code")));
        }
        if *none > 0 {
            parts.push(format!("{} without a code to seal (L-7)", count(*none as u64, "device")));
        }
        if *failed > 0 {
            parts.push(paint(WARN, format!("{} not sealed", count(*failed as u64, "code"))).to_string());
        }
    }
    if !report.blocked.is_empty() {
        parts.push(paint(ERROR, format!("{} blocked", report.blocked.len())).to_string());
    }
    if report.adopted > 0 {
        parts.push(format!("{} taken over", report.adopted));
    }
    if report.waiting > 0 {
        parts.push(format!("{} waiting", count(report.waiting as u64, "serial")));
    }
    format!("{} {}.", paint(BOLD, "Apply:"), parts.join(", "))
}

/// A report as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// What the process ends with.
    pub exit_code: u8,
    /// The digest of the plan that was applied.
    pub digest: &'a str,
    /// What came of it.
    #[serde(flatten)]
    pub report: &'a ApplyReport,
}

/// Shows a report as JSON; `digest` is that of the plan.
pub fn json(report: &ApplyReport, digest: &str) -> String {
    let exit_code = ExitCode::of_apply(report).code();
    let view = ReportJson { version: JSON_VERSION, exit_code, digest, report };
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&view).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;
    use crate::model::clock::Timestamp;
    use crate::model::live::Cause;
    use crate::model::{Name, Serial};

    fn result(id: &str, outcome: StepOutcome, items: Option<ItemCounts>) -> StepResult {
        StepResult {
            id: id.to_owned(),
            token: Name::new("school").unwrap(),
            outcome,
            items,
            not_taken: Vec::new(),
            next: None,
        }
    }

    pub(in crate::cli) fn report() -> ApplyReport {
        let serial = |text| Serial::new(text).unwrap();
        let until = Timestamp::UNIX_EPOCH;
        let items = ItemCounts {
            committed: 1_198,
            failed: vec![serial("C02X0001")],
            waiting: vec![serial("C02X0002")],
            unknown: Vec::new(),
            cooling: Vec::new(),
        };
        ApplyReport {
            steps: vec![
                result("create EnrollmentProfile/ipads@school", StepOutcome::Committed, None),
                result("assign EnrollmentProfile/ipads@school", StepOutcome::Committed, Some(items)),
                result("update EnrollmentProfile/kiosk@school", StepOutcome::AlreadyAsWished, None),
                result(
                    "update EnrollmentProfile/carts@school",
                    StepOutcome::Failed {
                        cause: Cause::Refused,
                        reason: "400 BadRequest (request id 42)".to_owned(),
                        next: "look at the field".to_owned(),
                    },
                    None,
                ),
                result(
                    "default EnrollmentProfile/carts@school",
                    StepOutcome::Skipped { needs: "update EnrollmentProfile/carts@school".to_owned() },
                    None,
                ),
                result(
                    "delete a",
                    StepOutcome::Unknown { reason: "the answer was lost".to_owned(), until },
                    None,
                ),
                result("delete b", StepOutcome::Unconfirmed { reason: "not in the list".to_owned() }, None),
                result(
                    "sync EnrollmentToken/school",
                    StepOutcome::Pending {
                        reason: "15 minutes between syncs (S-2)".to_owned(),
                        until: Some(until),
                    },
                    None,
                ),
                result("delete c", StepOutcome::Stopped { gate: "limit/delete/school".to_owned() }, None),
            ],
            adopted: 2,
            waiting: 1,
            ..ApplyReport::default()
        }
    }

    #[test]
    fn every_outcome_has_its_line() {
        insta::assert_snapshot!(plain(&text(&report())), @r#"
          + committed   create EnrollmentProfile/ipads@school
          + committed   assign EnrollmentProfile/ipads@school  1,198 of 1,200 devices
              left   C02X0001
              wait   C02X0002
          = as wished   update EnrollmentProfile/kiosk@school
          ! failed      update EnrollmentProfile/carts@school
              why    400 BadRequest (request id 42)
              next   look at the field
          - skipped     default EnrollmentProfile/carts@school
              why    update EnrollmentProfile/carts@school was not done
          ? unknown     delete a
              why    the answer was lost
              next   apply again after 1970-01-01T00:00:00Z: the lists show by then what
                     came of it
          ? unconfirmed delete b
              why    not in the list
              next   apply again later: it looks first whether it is there by then
          = pending     sync EnrollmentToken/school
              why    15 minutes between syncs (S-2), expected 1970-01-01T00:00:00Z
              next   any later apply goes on
          ! stopped     delete c
              why    gate limit/delete/school

        Apply: 2 committed, 1 as wished, 1 failed, 1 unknown, 1 unconfirmed, 1 skipped, 1 pending, 1 stopped, 2 taken over, 1 serial waiting.
        "#);
    }

    #[test]
    fn outcomes_have_their_colours() {
        let coloured = text(&report());
        let lines: Vec<&str> =
            coloured.lines().filter(|line| line.contains("ipads") || line.contains("carts")).collect();
        insta::assert_snapshot!(lines.join("\n").replace('\x1b', "^"), @r#"
          ^[32m+^[0m ^[32mcommitted  ^[0m create EnrollmentProfile/ipads@school^[2m^[0m
          ^[32m+^[0m ^[32mcommitted  ^[0m assign EnrollmentProfile/ipads@school^[2m  1,198 of 1,200 devices^[0m
          ^[1m^[31m!^[0m ^[1m^[31mfailed     ^[0m update EnrollmentProfile/carts@school^[2m^[0m
          ^[33m-^[0m ^[33mskipped    ^[0m default EnrollmentProfile/carts@school^[2m^[0m
              ^[2mwhy   ^[0m update EnrollmentProfile/carts@school was not done
        "#);
    }

    #[test]
    fn one_result_over_many_tokens_is_one_line_and_another_one_stands_apart() {
        let on = |token: &str, outcome: StepOutcome, items: Option<ItemCounts>| StepResult {
            token: Name::new(token).unwrap(),
            ..result(&format!("assign EnrollmentProfile/ipads@{token}"), outcome, items)
        };
        let gave = |committed| Some(ItemCounts { committed, ..ItemCounts::default() });
        let failed = |token: &str| StepOutcome::Failed {
            cause: Cause::Refused,
            reason: format!("403 for {token}"),
            next: "ask for the permission".to_owned(),
        };
        let left = ItemCounts {
            committed: 3,
            failed: vec![Serial::new("C02X0009").unwrap()],
            ..ItemCounts::default()
        };
        let report = ApplyReport {
            steps: vec![
                on("aspen", StepOutcome::Committed, gave(600)),
                on("birch", failed("birch"), None),
                on("cedar", StepOutcome::Committed, gave(700)),
                on("elder", failed("elder"), None),
                on("fir", StepOutcome::Committed, Some(left)),
            ],
            ..ApplyReport::default()
        };
        insta::assert_snapshot!(plain(&text(&report)), @r#"
          + committed   assign EnrollmentProfile/ipads on 2 tokens  1,300 devices
              on     2 tokens: aspen, cedar
          ! failed      assign EnrollmentProfile/ipads on 2 tokens
              on     2 tokens: birch, elder
              why    403 for TOKEN
              next   ask for the permission
          + committed   assign EnrollmentProfile/ipads@fir  3 of 4 devices
              left   C02X0009

        Apply: 3 committed, 2 failed.
        "#);
    }

    #[test]
    fn nothing_to_do_says_so() {
        let nothing = ApplyReport { adopted: 1, ..ApplyReport::default() };
        assert_eq!(plain(&text(&nothing)), "Nothing to do. 1 object taken over as it is.\n");
    }

    #[test]
    fn json_has_version_and_exit_code() {
        let read: serde_json::Value = serde_json::from_str(&json(&report(), "sha256:00")).unwrap();
        assert_eq!(read["version"], 1);
        assert_eq!(read["exitCode"], 6);
        assert_eq!(read["steps"][3]["outcome"]["is"], "failed");
        assert_eq!(read["digest"], "sha256:00");
    }
}
