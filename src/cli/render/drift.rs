//! What moved outside.

use std::fmt::Write as _;

use serde::Serialize;

use super::JSON_VERSION;
use super::grouping;
use super::step::{self, Gated};
use super::text::{BOLD, HINT, NOTE, QUIET, count, labelled, paint, some_of};
use crate::plan::drift::Drift;
use crate::plan::{Blocked, Plan, Step};

const INDENT: usize = 6;
const LABEL: usize = 6;

/// How many undecided steps a line names.
const NAMES_SHOWN: usize = 5;

/// The drift as a section: what would put it back. `how` says what becomes of it.
pub fn section(steps: &[Step], undecided: &[String], how: &str) -> String {
    let mut out = String::new();
    let heading = paint(BOLD, "Moved outside since the last apply");
    let _ = writeln!(out, "{heading} {}", paint(QUIET, format_args!("({how})")));
    let gated = Gated::new(&[]);
    for (at, group) in grouping::grouped(steps.iter()).iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        step::group(&mut out, group, &gated);
    }
    out.push('\n');
    undecided_lines(&mut out, undecided);
    out
}

// Writing to a String does not fail.
fn undecided_lines(out: &mut String, undecided: &[String]) {
    if undecided.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", paint(BOLD, "Drift, or a new wish"));
    let _ = writeln!(out, "  {} {}", paint(NOTE, "="), some_of(undecided.iter(), NAMES_SHOWN));
    let why = "the documents of their tokens changed since they were last applied in full, and what was in force before is not remembered device by device";
    labelled(out, INDENT, paint(QUIET, "why"), LABEL, why);
    labelled(out, INDENT, paint(HINT, "next"), LABEL, "see `espalier plan`");
    out.push('\n');
}

/// The drift for people; `blocked` is what could not be compared.
pub fn text(drift: &Drift, blocked: &str) -> String {
    let Drift { plan, undecided } = drift;
    let mut out = blocked.to_owned();
    if plan.steps.is_empty() {
        undecided_lines(&mut out, undecided);
        let rest = if plan.blocked.is_empty() { "" } else { " of what could be read" };
        let _ = writeln!(out, "{}", paint(BOLD, format!("No drift{rest}.")));
        return out;
    }
    out.push_str(&section(&plan.steps, undecided, "as `espalier apply` would put it back"));
    let steps = count(plan.steps.len() as u64, "step");
    let _ = writeln!(out, "{} {steps} would put it back.", paint(BOLD, "Drift:"));
    out
}

/// The drift as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// What would put back what moved outside.
    pub steps: &'a [Step],
    /// Ids of steps of the plan that may be drift or a new wish: the documents of their tokens changed
    /// since they were last applied in full.
    pub undecided: &'a [String],
    /// What could not be compared, and why.
    pub blocked: &'a [Blocked],
}

/// Shows the drift as JSON.
pub fn json(drift: &Drift) -> String {
    let Drift { plan: Plan { steps, blocked, .. }, undecided } = drift;
    let view = DriftJson { version: JSON_VERSION, steps, undecided, blocked };
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&view).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::text::plain;
    use super::*;

    #[test]
    fn what_cannot_be_told_apart_is_named_so() {
        let plan = super::super::plan::tests::whole_plan();
        let undecided = vec!["assign EnrollmentProfile/ipads@school".to_owned()];
        let drift = Drift { plan, undecided };
        let shown = plain(&text(&drift, ""));
        for part in ["Moved outside", "Drift, or a new wish", "assign EnrollmentProfile/ipads@school"] {
            assert!(shown.contains(part), "{shown}");
        }
        let none = Drift { plan: Plan::default(), undecided: drift.undecided };
        let shown = plain(&text(&none, ""));
        assert!(shown.ends_with("No drift.\n") && shown.contains("a new wish"), "{shown}");
    }
}
