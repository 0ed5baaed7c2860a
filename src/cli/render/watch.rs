//! What a watch tells: as text, and as one line of JSON for each event.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::JSON_VERSION;
use super::diagnostics::{self, DiagnosticJson};
use super::drift;
use super::plan::{self, PlanView};
use super::report;
use super::text::{BOLD, ERROR, HINT, QUIET, WARN, clean, count, paint, some_of};
use crate::apply::ApplyReport;
use crate::cli::duration;
use crate::model::Name;
use crate::model::clock::Timestamp;
use crate::model::desired::{OnCommit, OnDrift};
use crate::plan::Step;
use crate::plan::file::SavedPlan;
use crate::watch::Told;
use crate::watch::queue::Why;

/// How many tokens a line names.
const TOKENS_SHOWN: usize = 5;

/// A text, and whether it is a result or said beside the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// For standard output.
    Result(String),
    /// For standard error, unless `--quiet`.
    Aside(String),
    /// For standard error, always.
    Warning(String),
}

/// Shows what was told, for people; `None`: nothing is worth saying.
pub fn text(told: &Told) -> Option<Shown> {
    Some(match told {
        Told::Started { tokens, switches, deaf } => {
            let (commit, drift) = words_of(switches.on_commit, switches.on_drift);
            let resync = duration::words(switches.resync.as_secs());
            let mut line = format!(
                "Watching {} (onCommit: {commit}, onDrift: {drift}, a full look every {resync}).\n",
                count(*tokens as u64, "token")
            );
            if let Some(why) = deaf {
                let _ = writeln!(line, "Files are looked at by a timer only, each 30 s: {}", clean(why));
            }
            Shown::Aside(line)
        }
        Told::Documents { concerned } => Shown::Aside(format!(
            "Documents changed that concern {}.\n",
            some_of(concerned.iter().map(|token| format!("EnrollmentToken/{token}")), TOKENS_SHOWN)
        )),
        Told::Invalid { tokens, findings, sources } => {
            let shown = diagnostics::text(findings, &|file| sources.get(file).map(|text| text.to_string()));
            Shown::Warning(format!("{shown}{}", still_in_force(tokens)))
        }
        Told::Unreadable { error } => Shown::Warning(format!(
            "{}: {}\n{}: {}\n{}",
            paint(ERROR, "error"),
            clean(&error.to_string()),
            paint(HINT, "hint"),
            clean(&error.next()),
            still_in_force(&BTreeSet::new())
        )),
        Told::Looking { tokens, why } => {
            let why: Vec<&str> = why.iter().copied().map(reason).collect();
            Shown::Aside(format!(
                "Looking at {} ({}).\n",
                count(tokens.len() as u64, "token"),
                why.join(", ")
            ))
        }
        Told::Plan { plan, repeated: true } if plan.steps.is_empty() && plan.blocked.is_empty() => {
            return None;
        }
        Told::Plan { plan, repeated: true } => Shown::Aside(format!(
            "As before: {} planned, {} blocked.\n",
            count(plan.steps.len() as u64, "step"),
            plan.blocked.len()
        )),
        Told::Plan { plan, repeated: false } => Shown::Result(plan::text(plan, PlanView::default())),
        Told::Drift { steps, repeated: true, heals: false, .. } => {
            Shown::Aside(format!("As before: {} moved outside.\n", count(steps.len() as u64, "object")))
        }
        Told::Drift { steps, undecided, heals, .. } => {
            let how = if *heals { "it is put back now" } else { "onDrift: report" };
            Shown::Result(drift::section(steps, undecided, how))
        }
        Told::Applied { healed, report, digest: _ } => {
            let what = if *healed { "Put back what moved outside.\n" } else { "" };
            Shown::Result(format!("{what}{}", report::text(report)))
        }
        Told::Held { domain, reason, next, until } => Shown::Warning(format!(
            "{}: {domain} is left alone until {until}: {}\n{}: {}\n",
            paint(WARN, "warning"),
            clean(reason),
            paint(HINT, "hint"),
            clean(next)
        )),
        Told::Retry { error, after } => Shown::Warning(format!(
            "{}: {}\n{}: {}; it is tried again in {}\n",
            paint(WARN, "warning"),
            clean(&error.to_string()),
            paint(HINT, "hint"),
            clean(&error.next()),
            span(*after)
        )),
        Told::Looked { tokens, planned, drift, blocked, took, resync } => Shown::Aside(format!(
            "{} {} in {:.1} s: {} planned, {drift} of them drift, {blocked} blocked; next full look at {resync}.\n",
            paint(QUIET, "Looked at"),
            count(tokens.len() as u64, "token"),
            took.as_secs_f64(),
            count(*planned as u64, "step"),
        )),
        // The signal was answered with a word already.
        Told::Stopping => return None,
    })
}

fn still_in_force(tokens: &BTreeSet<Name>) -> String {
    let whose = match tokens.is_empty() {
        true => String::new(),
        false => {
            let names = tokens.iter().map(|token| format!("EnrollmentToken/{token}"));
            format!(" for {}", some_of(names, TOKENS_SHOWN))
        }
    };
    format!("{}\n", paint(BOLD, format!("The last good documents stay in force{whose}.")))
}

fn span(span: Duration) -> String {
    if span < Duration::from_secs(10) {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        duration::words(span.as_secs())
    }
}

const fn words_of(on_commit: OnCommit, on_drift: OnDrift) -> (&'static str, &'static str) {
    let commit = match on_commit {
        OnCommit::Plan => "plan",
        OnCommit::Apply => "apply",
    };
    let drift = match on_drift {
        OnDrift::Report => "report",
        OnDrift::Heal => "heal",
    };
    (commit, drift)
}

const fn reason(why: Why) -> &'static str {
    match why {
        Why::Start => "the start",
        Why::Documents => "documents changed",
        Why::Resync => "a full look is due",
        Why::BackOff => "its pause has passed",
        Why::Due => "something that was waited for is due",
    }
}

/// An event as JSON: one object per line.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WatchEventJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// When it was told, by the machine's clock.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: WhatJson<'a>,
}

/// What happened.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WhatJson<'a> {
    /// The watch began.
    Started {
        /// How many tokens documents name.
        tokens: usize,
        /// `plan` or `apply`.
        on_commit: &'a str,
        /// `report` or `heal`.
        on_drift: &'a str,
        /// Seconds between two full looks.
        resync_seconds: u64,
        /// Why files are looked at by a timer only; null where the system gives notices.
        deaf: Option<&'a str>,
    },
    /// Documents changed and are in force.
    Documents {
        /// The tokens that are looked at because of it.
        concerned: Vec<&'a str>,
    },
    /// The newest documents are not in order; the last good ones stay in force.
    Invalid {
        /// They stay so for these tokens only, because rules refuse something that concerns no other;
        /// empty: for all.
        tokens: Vec<&'a str>,
        /// Everything that is wrong.
        diagnostics: Vec<DiagnosticJson<'a>>,
        /// Why they cannot be read at all; null where they can.
        error: Option<String>,
    },
    /// A look began.
    Looking {
        /// The tokens.
        tokens: Vec<&'a str>,
        /// Why.
        why: Vec<Why>,
    },
    /// The plan of the documents.
    Plan {
        /// It was told before, word for word.
        repeated: bool,
        /// The plan, as `espalier plan --format json` prints it.
        plan: &'a SavedPlan,
    },
    /// Something moved outside.
    Drift {
        /// It was told before, word for word.
        repeated: bool,
        /// It is put back now.
        heals: bool,
        /// What would put it back.
        steps: &'a [Step],
        /// Steps of the plan that may be drift or a new wish.
        undecided: &'a [String],
    },
    /// Something was applied.
    Applied {
        /// Only what moved outside was put back.
        healed: bool,
        /// The digest of what was applied.
        digest: &'a str,
        /// What came of it.
        report: &'a ApplyReport,
    },
    /// A domain failed and is left alone for a while.
    Held {
        /// `Connection/NAME` or `EnrollmentToken/NAME`.
        domain: String,
        /// What happened.
        reason: &'a str,
        /// What to do.
        next: &'a str,
        /// When it is tried again, by the clock of the services.
        #[schemars(with = "String")]
        until: Timestamp,
    },
    /// Nothing could be done: the lock is held, or the ledger cannot be used.
    Retry {
        /// Why.
        error: String,
        /// What to do.
        next: String,
        /// Seconds until it is tried again.
        seconds: f64,
    },
    /// A look came to its end.
    Looked {
        /// The tokens.
        tokens: Vec<&'a str>,
        /// Steps that are planned and were not done.
        planned: usize,
        /// Steps among them that would put back what moved outside.
        drift: usize,
        /// Domains and objects that are blocked.
        blocked: usize,
        /// How long it took.
        seconds: f64,
        /// When the next full look is due, by the clock of the services.
        #[schemars(with = "String")]
        resync: Timestamp,
    },
    /// It ends after the request that is under way.
    Stopping {},
}

/// One line of JSON, with its end.
pub fn json(told: &Told, at: Timestamp) -> String {
    fn names<'a>(tokens: impl IntoIterator<Item = &'a crate::model::Name>) -> Vec<&'a str> {
        tokens.into_iter().map(|token| token.as_str()).collect()
    }
    let sorted;
    let what = match told {
        Told::Started { tokens, switches, deaf } => {
            let (on_commit, on_drift) = words_of(switches.on_commit, switches.on_drift);
            let resync_seconds = switches.resync.as_secs();
            WhatJson::Started { tokens: *tokens, on_commit, on_drift, resync_seconds, deaf: deaf.as_deref() }
        }
        Told::Documents { concerned } => WhatJson::Documents { concerned: names(concerned) },
        Told::Invalid { tokens, findings, sources: _ } => {
            sorted = findings.clone().sorted();
            WhatJson::Invalid {
                tokens: names(tokens),
                diagnostics: sorted.iter().map(DiagnosticJson::from).collect(),
                error: None,
            }
        }
        Told::Unreadable { error } => {
            WhatJson::Invalid { tokens: Vec::new(), diagnostics: Vec::new(), error: Some(error.to_string()) }
        }
        Told::Looking { tokens, why } => {
            WhatJson::Looking { tokens: names(tokens), why: why.iter().copied().collect() }
        }
        Told::Plan { plan, repeated } => WhatJson::Plan { repeated: *repeated, plan },
        Told::Drift { steps, undecided, heals, repeated } => {
            WhatJson::Drift { repeated: *repeated, heals: *heals, steps, undecided }
        }
        Told::Applied { healed, digest, report } => WhatJson::Applied { healed: *healed, digest, report },
        Told::Held { domain, reason, next, until } => {
            WhatJson::Held { domain: domain.to_string(), reason, next, until: *until }
        }
        Told::Retry { error, after } => {
            WhatJson::Retry { error: error.to_string(), next: error.next(), seconds: after.as_secs_f64() }
        }
        Told::Looked { tokens, planned, drift, blocked, took, resync } => WhatJson::Looked {
            tokens: names(tokens),
            planned: *planned,
            drift: *drift,
            blocked: *blocked,
            seconds: took.as_secs_f64(),
            resync: *resync,
        },
        Told::Stopping => WhatJson::Stopping {},
    };
    // Plain values only: this cannot fail.
    serde_json::to_string(&WatchEventJson { version: JSON_VERSION, at, what }).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;
    use crate::engine::EngineError;
    use crate::model::Realm;
    use crate::model::desired::Watch;
    use crate::watch::backoff::Domain;

    /// One of each kind.
    pub(in crate::cli) fn all() -> Vec<Told> {
        let plan = super::super::plan::tests::whole_plan();
        let token = Name::new("school").unwrap();
        let tokens = BTreeSet::from([token.clone()]);
        let until = Timestamp::UNIX_EPOCH;
        vec![
            Told::Started { tokens: 2, switches: Watch::default(), deaf: None },
            Told::Documents { concerned: tokens.clone() },
            Told::Invalid {
                tokens: BTreeSet::new(),
                findings: super::super::diagnostics::tests::findings(),
                sources: crate::manifest::Sources::new(),
            },
            Told::Unreadable { error: EngineError::Empty("fleet".into()) },
            Told::Looking { tokens: tokens.clone(), why: BTreeSet::from([Why::Start, Why::Due]) },
            Told::Drift {
                steps: plan.steps.clone(),
                undecided: vec!["assign x".to_owned()],
                heals: false,
                repeated: false,
            },
            Told::Plan { plan: Box::new(SavedPlan::new(&plan, None, until)), repeated: false },
            Told::Applied {
                healed: true,
                digest: "sha256:00".to_owned(),
                report: super::super::report::tests::report(),
            },
            Told::Held {
                domain: Domain::Connection(Realm::Mdm(Name::new("contoso").unwrap())),
                reason: "throttled\u{1b}[2J".to_owned(),
                next: "wait".to_owned(),
                until,
            },
            Told::Retry { error: EngineError::Empty("fleet".into()), after: Duration::from_millis(700) },
            Told::Looked {
                tokens,
                planned: 3,
                drift: 1,
                blocked: 0,
                took: Duration::from_millis(420),
                resync: until,
            },
            Told::Stopping,
        ]
    }

    #[test]
    fn every_event_is_one_line_of_json_with_its_name() {
        let lines: Vec<String> = all().iter().map(|told| json(told, Timestamp::UNIX_EPOCH)).collect();
        let names: Vec<String> = lines
            .iter()
            .map(|line| {
                assert_eq!(line.matches('\n').count(), 1, "{line}");
                let read: serde_json::Value = serde_json::from_str(line).unwrap();
                read["event"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(
            names.join(" "),
            "started documents invalid invalid looking drift plan applied held retry looked stopping"
        );
    }

    #[test]
    fn results_and_what_is_said_beside_them_go_apart_and_steer_no_terminal() {
        let shown: Vec<Option<Shown>> = all().iter().map(text).collect();
        let results = shown.iter().filter(|shown| matches!(shown, Some(Shown::Result(_)))).count();
        assert_eq!(results, 3, "drift, plan and what was applied");
        for shown in shown.into_iter().flatten() {
            let (Shown::Result(text) | Shown::Aside(text) | Shown::Warning(text)) = shown;
            assert!(text.ends_with('\n'), "{text:?}");
            assert!(!plain(&text).contains('\u{1b}'), "{text:?}");
        }
    }

    #[test]
    fn what_was_told_before_is_told_in_short() {
        let plan = super::super::plan::tests::whole_plan();
        let steps = plan.steps.len();
        let plan = Box::new(SavedPlan::new(&plan, None, Timestamp::UNIX_EPOCH));
        let Some(Shown::Aside(line)) = text(&Told::Plan { plan, repeated: true }) else { panic!() };
        assert!(line.starts_with(&format!("As before: {steps} steps planned")), "{line}");
        let plan = Box::new(SavedPlan::new(&crate::plan::Plan::default(), None, Timestamp::UNIX_EPOCH));
        assert_eq!(text(&Told::Plan { plan, repeated: true }), None);
    }
}
