//! Acts as a table: where each stands, on what that rests, what comes next. PURE.

use std::fmt::Write as _;

use anstyle::Style;
use serde::Serialize;

use super::JSON_VERSION;
use super::acts::actions;
use super::text::{BOLD, CREATE, ERROR, HINT, NOTE, QUIET, WARN, clean, clip, labelled, on_one_line, paint};
use crate::acts::ActState;
use crate::diag::words::count;
use crate::model::act::Expect;
use crate::model::clock::Timestamp;
use crate::model::{ActionKind, Class, Epoch, Name, Serial};

const INDENT: usize = 6;
const LABEL: usize = 6;

/// One act.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActRow {
    /// The document.
    pub action: Name,
    /// The device.
    pub serial: Serial,
    /// What is done.
    pub kind: ActionKind,
    /// How grave it is.
    pub class: Class,
    /// Where it stands.
    pub state: ActState,
    /// Since when; absent before an apply has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// What its state rests on; empty where nothing was told yet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// The device as the document expects it; absent where it expects nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where its document stands; absent where it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Why it was asked for; absent where the document is gone, or gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub requested_at: Timestamp,
    /// Not sent from this instant on.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// When its first request was promised; absent where nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub sent: Option<Timestamp>,
    /// The life of the device that it was sent for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// What stood for the device's code when it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safeguard: Option<String>,
    /// Who agreed here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// The id of the approval that it waits for, or was sent under, elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_elsewhere: Option<String>,
    /// How many approvals are missing at least: whether those that lie with the documents count, `plan` tells.
    /// Absent where it needs none, or as many were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals_missing: Option<u32>,
    /// Whether an apply has seen it: its content is bound then.
    pub bound: bool,
}

impl ActRow {
    /// A device as a document expects it, for people.
    pub fn expected(expect: &Expect) -> Option<String> {
        let Expect { model, user, name } = expect;
        let name = name.as_ref().map(|name| format!("{name:?}"));
        let parts: Vec<String> = [name, model.clone(), user.clone()].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// What comes next.
    pub fn next(&self) -> String {
        let Self { action, serial, .. } = self;
        match self.state {
            ActState::Waiting if !self.bound => {
                "`espalier plan` says what stands in its way, `espalier apply` sends it".to_owned()
            }
            ActState::Waiting => "any later apply goes on; `espalier plan` says for what it waits".to_owned(),
            ActState::NeedsApproval => {
                let missing = self.approvals_missing.map_or_else(String::new, |missing| {
                    format!("{} missing: ", count(missing as usize, "approval"))
                });
                format!("{missing}somebody else signs it: `espalier action approve {action} {serial}`")
            }
            ActState::ApprovalElsewhere => {
                let which = self.approval_elsewhere.as_ref().map_or(String::new(), |id| format!(" {id}"));
                format!(
                    "a second administrator decides request{which} in Intune (Tenant administration > Multi Admin Approval); a later apply sends it then"
                )
            }
            ActState::Promised | ActState::Sent | ActState::Acknowledged => {
                "any later apply looks what came of it; nothing is sent again".to_owned()
            }
            ActState::Unknown => format!(
                "look at the device, then `espalier action resolve {action} {serial} --as done --reason …` (or failed, lost)"
            ),
            ActState::Lost => "look at the device; to ask anew, write a new document".to_owned(),
            ActState::Failed | ActState::NotSupported | ActState::Expired => {
                "to ask anew, write a new document; this one is never sent again".to_owned()
            }
            ActState::Done | ActState::Superseded | ActState::Cancelled => match self.document {
                Some(_) => format!("`espalier action archive {action}` removes the document"),
                None => String::new(),
            },
        }
    }
}

/// The worst first: what needs a person, what is under way, what waits, what has ended.
pub fn rank(row: &ActRow) -> (u8, std::cmp::Reverse<Class>) {
    rank_of(row.state, row.class)
}

/// As [`rank`], of a state and a class.
pub fn rank_of(state: ActState, class: Class) -> (u8, std::cmp::Reverse<Class>) {
    let rank = match state {
        ActState::Unknown => 0,
        ActState::Promised => 1,
        ActState::ApprovalElsewhere | ActState::NeedsApproval => 2,
        ActState::Sent | ActState::Acknowledged => 3,
        ActState::Waiting => 4,
        ActState::Lost | ActState::Failed | ActState::NotSupported => 5,
        ActState::Expired | ActState::Superseded | ActState::Cancelled => 6,
        ActState::Done => 7,
    };
    (rank, std::cmp::Reverse(class))
}

/// Mark and colour of a state.
pub const fn face(state: ActState) -> (&'static str, Style) {
    match state {
        ActState::Unknown | ActState::Lost => ("?", WARN),
        ActState::Failed | ActState::NotSupported => ("!", ERROR),
        ActState::NeedsApproval | ActState::ApprovalElsewhere => ("!", WARN),
        ActState::Done => ("+", CREATE),
        ActState::Promised | ActState::Sent | ActState::Acknowledged | ActState::Waiting => ("=", NOTE),
        ActState::Expired | ActState::Superseded | ActState::Cancelled => ("-", QUIET),
    }
}

/// Shows acts: a line each, and what there is to say below it. The text has colours.
pub fn text(rows: &[ActRow], all: bool) -> String {
    let mut out = String::new();
    if rows.is_empty() {
        let hint = if all { "" } else { " `espalier action list --all` also shows what has ended." };
        return format!("{}{hint}\n", paint(BOLD, "No actions."));
    }
    for row in rows {
        one(&mut out, row);
    }
    let open = rows.iter().filter(|row| !row.state.has_ended()).count();
    // Writing to a String does not fail.
    let _ = writeln!(out, "\n{} {open} open.", paint(BOLD, format!("{},", actions(rows.len() as u64))));
    out
}

fn one(out: &mut String, row: &ActRow) {
    let (mark, style) = face(row.state);
    let word = paint(style, format!("{:<14}", clip(row.state.words(), 26)));
    let subject = format!("{} DeviceAction/{}  {}", row.kind, row.action, row.serial);
    let _ = writeln!(out, "  {} {word} {}", paint(style, mark), paint(BOLD, on_one_line(&subject)));
    let mut line = |label: &str, text: &str| labelled(out, INDENT, paint(QUIET, label), LABEL, text);
    if let Some(device) = &row.device {
        line("device", device);
    }
    match row.since {
        Some(since) => line("since", &since.to_string()),
        None => line("since", "no apply has seen it yet"),
    }
    if let Some(reason) = &row.reason {
        line("why", reason);
    }
    if !row.evidence.is_empty() {
        line("says", &row.evidence);
    }
    if let Some(safeguard) = row.safeguard.as_ref().filter(|_| row.kind.needs_safeguard()) {
        line("code", &format!("{safeguard} (L-4)"));
    }
    if !row.approved_by.is_empty() {
        line("agreed", &row.approved_by.join(", "));
    }
    if row.sent.is_none() && !row.state.has_ended() {
        line("until", &format!("{}; it is not sent later", row.expires));
    }
    let next = row.next();
    if !next.is_empty() {
        labelled(out, INDENT, paint(HINT, "next"), LABEL, &clean(&next));
    }
}

/// An act that has not ended, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenAct {
    /// The document.
    pub action: Name,
    /// The device.
    pub serial: Serial,
    /// What is done.
    pub kind: ActionKind,
    /// How grave it is.
    pub class: Class,
    /// Where it stands.
    pub state: ActState,
    /// Since when; absent before an apply has seen it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// The service that has the device; absent where none is known to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The token of the folder that lists it; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Name>,
    /// What is in its way, or what it waits for; empty for nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// How many open acts `status` names.
const OPEN_SHOWN: usize = 10;

/// The open acts, worst first; empty for none.
pub fn open_text(acts: &[OpenAct]) -> String {
    let mut out = String::new();
    if acts.is_empty() {
        return out;
    }
    let _ = writeln!(out, "\n{}", paint(BOLD, "Actions that have not ended"));
    for act in acts.iter().take(OPEN_SHOWN) {
        let (mark, style) = face(act.state);
        let subject = format!("{} DeviceAction/{} {}", act.kind, act.action, act.serial);
        let word = paint(style, format!("{:<14}", act.state.words()));
        let _ = writeln!(out, "  {} {word} {}", paint(style, mark), on_one_line(&subject));
        let place = match (&act.token, &act.connection) {
            (Some(token), Some(connection)) => format!("{connection}, token {token}"),
            (Some(token), None) => format!("token {token}"),
            (None, Some(connection)) => connection.clone(),
            (None, None) => String::new(),
        };
        let since = act.since.map_or("no apply has seen it yet".to_owned(), |since| format!("since {since}"));
        let place = if place.is_empty() { since } else { format!("{place}, {since}") };
        labelled(&mut out, INDENT, paint(QUIET, "where"), LABEL, &place);
        if !act.why.is_empty() {
            labelled(&mut out, INDENT, paint(QUIET, "why"), LABEL, &act.why);
        }
    }
    let more = acts.len().saturating_sub(OPEN_SHOWN);
    let more = if more > 0 { format!("and {more} more; ") } else { String::new() };
    let _ = writeln!(
        out,
        "  {}",
        paint(QUIET, format!("{more}`espalier action list --open` says what comes next"))
    );
    out
}

/// Acts as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActsJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// The acts, the worst first.
    pub acts: Vec<ActJson<'a>>,
}

/// One act with what comes next.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ActJson<'a> {
    /// The act.
    #[serde(flatten)]
    pub act: &'a ActRow,
    /// What comes next; empty for nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
}

/// Shows acts as JSON.
pub fn json(rows: &[ActRow]) -> String {
    let acts = rows.iter().map(|act| ActJson { act, next: act.next() }).collect();
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&ActsJson { version: JSON_VERSION, acts }).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;

    /// An act in a state.
    pub(in crate::cli) fn row(state: ActState) -> ActRow {
        let at = Timestamp::UNIX_EPOCH;
        let bound = state != ActState::Waiting;
        ActRow {
            action: Name::new("lost").unwrap(),
            serial: Serial::new("DMPXK0A1").unwrap(),
            kind: ActionKind::Wipe,
            class: Class::Destructive,
            state,
            since: bound.then_some(at),
            evidence: if bound { "as the record says".to_owned() } else { String::new() },
            device: Some("\"Front desk\", iPad Air".to_owned()),
            document: Some("actions/lost.yaml:1:1".to_owned()),
            reason: Some("left on the train".to_owned()),
            requested_at: at,
            expires: at,
            sent: bound.then_some(at),
            epoch: None,
            safeguard: bound.then(|| "code sealed with it".to_owned()),
            approved_by: Vec::new(),
            approval_elsewhere: None,
            approvals_missing: (state == ActState::NeedsApproval).then_some(2),
            bound,
        }
    }

    #[test]
    fn every_state_has_a_face_and_what_is_open_a_next_step() {
        for state in ActState::ALL {
            let row = row(state);
            assert_eq!(face(state).0.len(), 1);
            assert!(state.has_ended() || !row.next().is_empty(), "{state}");
            let shown = plain(&text(&[row], true));
            assert!(shown.contains(state.words()), "{shown}");
            assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        }
    }

    #[test]
    fn an_act_says_where_it_stands_on_what_and_what_comes_next() {
        let shown = plain(&text(&[row(ActState::Unknown), row(ActState::Waiting)], false));
        let expected = [
            "  ? unknown        wipe DeviceAction/lost  DMPXK0A1",
            "      device \"Front desk\", iPad Air",
            "      since  1970-01-01T00:00:00Z",
            "      why    left on the train",
            "      says   as the record says",
            "      code   code sealed with it (L-4)",
            "      next   look at the device, then",
            "  = waiting        wipe DeviceAction/lost  DMPXK0A1",
            "      since  no apply has seen it yet",
            "      until  1970-01-01T00:00:00Z; it is not sent later",
            "2 actions, 2 open.",
        ];
        for line in expected {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let mut rows: Vec<ActRow> = ActState::ALL.into_iter().map(row).collect();
        rows.sort_by_key(rank);
        assert_eq!(rows[0].state, ActState::Unknown);
        assert_eq!(rows.last().unwrap().state, ActState::Done);
    }
}
