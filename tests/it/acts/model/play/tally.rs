//! What happened in a story, counted: what stories by chance are worth.

use std::collections::BTreeMap;

use espalier::sim::device::ManagedAction;

use super::super::chronicle::Ended;
use super::super::oracle;
use super::super::paper::{Grave, Kind};
use super::Play;

impl Play {
    /// How often what happened.
    pub(super) fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        let mut count = |what: String| *tally.entry(what).or_insert(0) += 1;
        for sent in &self.chronicle.sent {
            let Some((_, act)) = oracle::candidates(&self.chronicle, sent).into_iter().next() else {
                continue;
            };
            // Of a hand-over the wipe stands for the whole.
            if act.kind == Kind::HandOver && sent.action != Some(ManagedAction::Wipe) {
                if sent.action == Some(ManagedAction::Delete) {
                    count("old record removed".to_owned());
                }
                continue;
            }
            count(format!("accepted {}", act.kind.word()));
            let run = &self.chronicle.runs[sent.run];
            let grave = act.kind.grave() >= Grave::Destructive;
            if act.kind == Kind::Wipe {
                let code = if sent.code_read { "with its code" } else { "without a code" };
                count(format!("wipe {code}"));
            }
            let met = [
                (act.pin, "wipe with a PIN"),
                (act.waiver && grave && !sent.code_read, "sent with a waiver"),
                (act.picks.is_some(), "sent to picked devices"),
                (run.looked_at.is_some(), "sent from a saved plan"),
                (!run.opened.is_empty() && grave, "sent over an opened limit"),
                (run.tree.fleet.window.is_some() && grave, "sent within a window"),
                (run.lineage > 0, "sent after a restore"),
            ];
            met.into_iter().filter(|(holds, _)| *holds).for_each(|(_, what)| count(what.to_owned()));
        }
        for run in &self.chronicle.runs {
            count(match &run.ended {
                Ended::Well { exit, .. } => format!("run exit {exit}"),
                Ended::Refused { exit, .. } if run.looked_at.is_some() => {
                    format!("saved plan refused {exit}")
                }
                Ended::Refused { exit, .. } => format!("run refused {exit}"),
                Ended::Died => "run died".to_owned(),
            });
            if !self.chronicle.is_forward(run) {
                count("run of another commit".to_owned());
            }
        }
        for promised in self.chronicle.log.iter().filter_map(|row| row.act("promised")) {
            if promised["approvedElsewhere"].is_string() {
                count("sent again after an approval elsewhere".to_owned());
            }
            if promised["approvedBy"].as_array().is_some_and(|by| !by.is_empty()) {
                count("sent with signatures".to_owned());
            }
        }
        for what in &self.met {
            count((*what).to_owned());
        }
        let Some(view) = self.view() else { return tally };
        for (id, record) in view.acts.acts() {
            let Some(kind) = view.acts.kind(id) else { continue };
            count(format!("{} {}", kind.word(), record.state));
            count(format!("an act {}", record.state));
        }
        tally
    }
}

/// What stories by chance should meet, each at least once.
pub fn to_be_met() -> Vec<String> {
    let by_request = Kind::ALL.into_iter().filter(|kind| *kind != Kind::EscrowBypassCode);
    let mut all: Vec<String> = by_request.map(|kind| format!("accepted {}", kind.word())).collect();
    let states = ["done", "cancelled", "expired", "superseded", "unknown", "failed", "lost"];
    all.extend(states.map(|state| format!("an act {state}")));
    let destroying = [Kind::Wipe, Kind::Retire, Kind::DeleteRecord, Kind::HandOver, Kind::Release];
    all.extend(destroying.map(|kind| format!("{} done", kind.word())));
    all.extend(
        [
            "escrowBypassCode done",
            "wipe with its code",
            "wipe without a code",
            "wipe with a PIN",
            "sent with a waiver",
            "sent to picked devices",
            "sent from a saved plan",
            "saved plan refused 5",
            "sent over an opened limit",
            "sent within a window",
            "sent after a restore",
            "sent again after an approval elsewhere",
            "sent with signatures",
            "run of another commit",
            "run died",
            "restore declared",
            "restore not declared",
            "another ledger",
            "cancelled by a person",
            "resolved by a person",
        ]
        .map(str::to_owned),
    );
    all
}
