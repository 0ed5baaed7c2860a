//! What came of an apply, as markdown: what needs a person first. PURE.

use super::escape::{code, html, prose};
use super::{Block, Document, SHORT, entry, folded, row, tokens};
use crate::apply::{ApplyReport, StepResult};
use crate::cli::exit::ExitCode;
use crate::cli::render::act_report::{self, ResultGroup};
use crate::cli::render::alike::{self, Together};
use crate::cli::render::plan::subject;
use crate::cli::render::report::{devices, face, items, result_subject, rows, summary};
use crate::cli::render::text::{count, plain};

/// Shows a report as markdown in at most `limit` bytes. `digest` is the plan's.
pub fn text(report: &ApplyReport, digest: &str, limit: usize) -> String {
    let see = "See everything in the log of this run, or with `--format json`.";
    let mut document = Document::new(see);
    document.head("## espalier apply\n");
    document.head(&format!("**{}**\n", plain(&summary(report))));
    document.head(&format!("- Digest {}", code(digest)));
    document.head(&format!("- Exit code {}", ExitCode::of_apply(report).code()));
    let results = alike::results(&report.steps);
    let (done, open): (Vec<_>, Vec<_>) =
        results.iter().partition(|group| group.first().outcome.is_done() && rows(group).is_empty());
    let acts = act_report::grouped(&report.acts);
    let (open_acts, done_acts): (Vec<_>, Vec<_>) =
        acts.iter().partition(|group| act_report::is_open(group.first()));
    let open = open.into_iter().map(result).chain(open_acts.into_iter().map(act));
    document.section("Not done, or not known", open.collect());
    let blocked = alike::blocked(&report.blocked);
    document.section(
        "Blocked",
        blocked
            .iter()
            .map(|group| {
                let first = group.first();
                let why = row("why", &prose(&group.say(&first.reason)));
                entry(&code(&subject(group)), &[why, row("next", &prose(&group.say(&first.next)))])
            })
            .collect(),
    );
    let stops = act_report::other_stops(report);
    let stops = alike::stops(&stops);
    document.section(
        "Gates",
        stops
            .iter()
            .map(|group| {
                let first = group.first();
                let why = row("why", &prose(&group.say(&first.reason)));
                entry(&code(&group.say(&first.gate)), &[why, row("next", &prose(&group.say(&first.next)))])
            })
            .collect(),
    );
    document.section("Actions", done_acts.into_iter().map(act).collect());
    let summary = format!("{} done", count(done.iter().map(|group| group.all.len() as u64).sum(), "step"));
    document.folded("what is done", summary, done.into_iter().map(done_line).collect());
    document.text(limit)
}

fn result(group: &Together<'_, StepResult>) -> Block {
    let (mark, _, word) = face(&group.first().outcome);
    let told = items(group).map_or(String::new(), |items| format!(", {}", devices(&items)));
    let mut body = String::new();
    for (label, text) in rows(group) {
        body.push_str(&format!("- {}\n", row(label, &prose(&text))));
    }
    body.push('\n');
    if !group.is_one() {
        body.push_str(&tokens(&group.names()));
    }
    let summary = format!("{mark} <b>{word}</b> {}{told}", html(&result_subject(group), SHORT));
    folded(&summary, true, &body)
}

fn act(group: &ResultGroup<'_>) -> Block {
    let first = group.first();
    let (mark, _, word) = act_report::face(first);
    let mut body = String::new();
    for (label, text) in act_report::rows(group) {
        body.push_str(&format!("- {}\n", row(label, &prose(&text))));
    }
    body.push('\n');
    let summary = format!("{mark} <b>{word}</b> {}", html(&group.subject(), SHORT));
    folded(&summary, act_report::is_open(first), &body)
}

fn done_line(group: &Together<'_, StepResult>) -> Block {
    let (_, _, word) = face(&group.first().outcome);
    let told = items(group).map_or(String::new(), |items| format!(", {}", devices(&items)));
    entry(&format!("{word} {}{told}", code(&result_subject(group))), &[])
}
