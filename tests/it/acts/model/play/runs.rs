//! Runs, and what they leave behind: what services accepted meanwhile, what the ledger says.

use std::collections::BTreeSet;

use espalier::engine::Narrowing;
use espalier::ledger::LedgerView;
use espalier::model::Serial;
use espalier::model::clock::Timestamp;
use espalier::plan::file::SavedPlan;
use espalier::progress::NoProgress;
use espalier::sim::device::DeedKind;
use serde_json::Value;

use super::super::chronicle::{Applied, Bound, Ended, LookedAt, Memory, Row, Run, Sent};
use super::super::op::Death;
use super::super::paper::{Act, Kind};
use super::super::stage::{Outcome, Way};
use super::{Play, Saved};

impl Play {
    /// A run, which may die, with a fault of the simulator on for as long as it goes.
    pub(super) async fn apply(
        &mut self,
        narrowing: Narrowing,
        way: Way,
        death: Option<Death>,
        fault: Option<&Value>,
    ) {
        self.stage.write(&self.tree);
        let before = self.look();
        let view = self.view();
        let over = ended_acts(view.as_ref());
        let counts = self.counts();
        let fault_is = |name: &str| fault.is_some_and(|fault| fault["fault"] == name);
        if let Some(fault) = fault {
            self.stage.fault(fault);
        }
        let narrowed = narrowing != Narrowing::Nothing;
        let outcome = self.stage.apply(narrowing, &way, death).await;
        self.stage.sim.clear_faults();
        let ended = match outcome {
            Outcome::Died => Ended::Died,
            Outcome::Refused(error) => {
                self.chronicle.said.push(format!("{error} {error:?} {}", error.next()));
                Ended::Refused { exit: error.exit_code(), why: error.to_string() }
            }
            Outcome::Report(report) => {
                self.chronicle.said.push(format!("{report:?}"));
                self.chronicle.said.push(serde_json::to_string(&report).unwrap_or_default());
                let full = report.blocked.is_empty()
                    && !report.interrupted
                    && report.steps.iter().all(|step| step.outcome.is_done());
                Ended::Well { exit: report.exit_code(), full }
            }
        };
        let looked_at = self.saved.as_ref().filter(|_| matches!(way, Way::Saved(_))).map(|saved| LookedAt {
            at: saved.at,
            commit: saved.commit,
            acts: saved.acts.clone(),
        });
        let run = Run {
            looked_at,
            opened: self.stage.opened(),
            tree: self.tree.clone(),
            commit: self.head,
            behind: self.behind,
            narrowed,
            lineage: self.lineage,
            born: view.or_else(|| self.view()).map_or(Timestamp::MIN, |view| view.born),
            before,
            after: self.look(),
            ended,
            applied: self.applied.clone(),
            begun: self.begun,
            ghosts: fault_is("ghost-records"),
            other_serials: fault_is("other-serial"),
            over,
            signatures: self.chronicle.signatures.len(),
        };
        self.note_run(run, &counts);
    }

    /// How many requests and deeds each device has seen.
    pub(super) fn counts(&self) -> Vec<(Serial, usize, usize)> {
        let serials: Vec<Serial> = self.scene.devices.iter().map(|one| one.serial).collect();
        self.stage.sim.with_world(|world| {
            let of = |serial: Serial| {
                let known = world.history.device(&serial);
                (serial, known.map_or(0, |one| one.requests.len()), known.map_or(0, |one| one.deeds.len()))
            };
            serials.into_iter().map(of).collect()
        })
    }

    /// What a run that put everything into force leaves: a saved plan speaks for the documents of its own
    /// commit only, and beside others the gates of both hold. No gates come into force before the acts that they
    /// are written beside were seen.
    fn newly_applied(&self, at: usize) -> Option<Applied> {
        let run = &self.chronicle.runs[at];
        let before = || run.applied.as_ref().map_or_else(Vec::new, |applied| applied.fleets.clone());
        let saw = |(name, act): (&String, &Act)| {
            act.picks.is_some() || self.chronicle.memory(at).bound.contains_key(name)
        };
        let mut fleets = vec![run.tree.fleet.clone()];
        let mut commit = run.commit;
        if let Some(saved) = run.looked_at.as_ref().filter(|one| one.commit.is_none() || one.commit != commit)
        {
            let applied = run.applied.as_ref().and_then(|applied| applied.commit);
            if let (Some(planned), Some(applied)) = (saved.commit, applied)
                && !self.chronicle.descends(planned, applied)
            {
                return run.applied.clone();
            }
            commit = saved.commit.or(commit);
            fleets.extend(before());
            fleets.dedup();
        }
        if !run.tree.acts.iter().all(saw) {
            fleets = before();
        }
        Some(Applied { commit, fleets })
    }

    /// `plan --out`: what a person then looks at.
    pub(super) async fn save_plan(&mut self) {
        self.stage.write(&self.tree);
        let Ok(session) = self.stage.session(Narrowing::Nothing).await else { return };
        let Ok((plan, _)) = session.plan(&NoProgress).await else { return };
        let at = self.stage.now();
        let text = SavedPlan::new(&plan, session.commit(), at).to_json();
        self.chronicle.said.push(text.clone());
        let shown: Value = serde_json::from_str(&text).unwrap_or_default();
        let sends = |act: &&Value| matches!(act["next"]["do"].as_str(), Some("send" | "resend" | "goOn"));
        let id = |act: &Value| {
            let serial = Serial::new(act["id"]["serial"].as_str()?)?;
            Some((act["id"]["action"].as_str()?.to_owned(), serial))
        };
        let acts = shown["acts"].as_array().into_iter().flatten().filter(sends).filter_map(id).collect();
        self.saved = Some(Saved { text, at, commit: self.head, acts });
    }

    /// `apply FILE`, with the plan that was saved last.
    pub(super) async fn apply_saved(&mut self, death: Option<Death>) {
        if let Some(saved) = self.saved.clone() {
            self.apply(Narrowing::Nothing, Way::Saved(saved.text), death, None).await;
        }
    }

    /// Writes a run down, with what was accepted meanwhile and what the ledger says of it.
    fn note_run(&mut self, run: Run, counts: &[(Serial, usize, usize)]) {
        let at = self.chronicle.runs.len();
        let sent = &mut self.chronicle.sent;
        self.stage.sim.with_world(|world| {
            for (serial, requests, _) in counts {
                let Some(history) = world.history.device(serial) else { continue };
                for request in history.requests[*requests..].iter().filter(|one| !one.by_person) {
                    sent.push(Sent {
                        run: at,
                        serial: *serial,
                        action: Some(request.action),
                        number: request.number,
                        at: request.at,
                        record: request.record.clone(),
                        enrolled: request.enrolled,
                        code_read: request.code_read,
                    });
                }
            }
        });
        let is_forward = self.chronicle.is_forward(&run);
        let is_full = matches!(run.ended, Ended::Well { full: true, .. });
        let looks = matches!(run.ended, Ended::Well { .. }) && !run.narrowed && is_forward;
        let is_part = run.narrowed
            || !is_forward
            || run
                .looked_at
                .as_ref()
                .is_some_and(|saved| saved.commit.is_some() && saved.commit != run.commit);
        let narrowed = run.narrowed;
        self.chronicle.runs.push(run);
        self.memory().runs.insert(at);
        let known = self.chronicle.log.len();
        self.read_log();
        // Whatever became of it: what a run began with, the documents are at from then on.
        let began =
            |row: &Row| ["runStarted", "runFinished"].iter().any(|what| row.entry["event"][what].is_object());
        if !is_part && self.chronicle.log[known..].iter().any(began) {
            self.begun = self.head.or(self.begun);
        }
        if is_full && !narrowed && is_forward {
            self.applied = self.newly_applied(at);
        }
        self.collect_releases();
        if looks {
            self.cancel_removed(at);
        }
    }

    /// Releases take place when Apple gets to them: each is one of the newest promise of such an act.
    pub(super) fn collect_releases(&mut self) {
        let known = |sent: &Vec<Sent>, serial: Serial| {
            sent.iter().filter(|one| one.action.is_none() && one.serial == serial).count()
        };
        for serial in self.scene.devices.iter().map(|one| one.serial).collect::<Vec<_>>() {
            let deeds = self.stage.sim.with_world(|world| world.history.deeds(&serial, DeedKind::Released));
            for _ in known(&self.chronicle.sent, serial)..deeds {
                let is_release = |row: &&Row| {
                    row.act("promised").is_some_and(|one| {
                        let name = one["act"]["action"].as_str().unwrap_or_default();
                        let bound = self.chronicle.memories[self.lineage].bound.get(name);
                        one["act"]["serial"] == serial.as_str()
                            && bound.is_none_or(|bound| bound.content.kind == Kind::Release)
                    })
                };
                let promise = self.chronicle.log.iter().rev().filter(|row| !row.copied).find(is_release);
                let last = self.chronicle.runs.len().saturating_sub(1);
                let (run, at) = promise.map_or((last, self.stage.now()), |row| (row.run, row.at));
                self.chronicle.sent.push(Sent {
                    run,
                    serial,
                    action: None,
                    number: 0,
                    at,
                    record: serial.to_string(),
                    enrolled: Timestamp::MIN,
                    code_read: self.code_was_read(serial),
                });
            }
        }
    }

    fn code_was_read(&self, serial: Serial) -> bool {
        self.stage.sim.with_world(|world| {
            let life = world.handset(&serial).map_or(0, |handset| handset.life);
            world.history.device(&serial).is_some_and(|history| history.code_was_read(life))
        })
    }

    /// What had been seen and is in the folder no more, at a run that looked at all of it.
    fn cancel_removed(&mut self, run: usize) {
        let tree = &self.chronicle.runs[run].tree;
        let Memory { bound, cancelled, .. } = &mut self.chronicle.memories[self.lineage];
        for (name, bound) in bound {
            for serial in &bound.serials {
                let there = tree.acts.get(name).is_some_and(|act| act.serials.contains(serial));
                if !there {
                    cancelled.entry((name.clone(), *serial)).or_insert(run);
                }
            }
        }
    }

    /// Reads what is new in the ledger's log, as SQLite has it.
    pub(super) fn read_log(&mut self) {
        let of_lineage = self.chronicle.log.iter().filter(|row| row.lineage == self.lineage);
        let known = of_lineage.map(|row| row.seq).max().unwrap_or(0);
        let Ok(file) = rusqlite::Connection::open(self.stage.ledger()) else { return };
        let Ok(mut select) = file.prepare("SELECT seq, at, entry FROM log WHERE seq > ? ORDER BY seq") else {
            return;
        };
        let rows = select.query_map([known], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let run = self.chronicle.runs.len().saturating_sub(1);
        for (seq, at, entry) in rows.into_iter().flatten().flatten() {
            let row = Row {
                lineage: self.lineage,
                run,
                copied: false,
                seq,
                at: at.parse().unwrap_or(Timestamp::MIN),
                entry: serde_json::from_str(&entry).unwrap_or_default(),
            };
            if let Some(bound) = row.act("bound")
                && let Some(name) = bound["action"].as_str()
                && let Some(act) = self.chronicle.runs.get(run).and_then(|run| run.tree.acts.get(name))
            {
                let first = Bound::of(run, act, bound);
                self.chronicle.memories[self.lineage].bound.entry(name.to_owned()).or_insert(first);
            }
            self.chronicle.log.push(row);
        }
    }
}

/// The acts that have ended, by what the ledger says.
fn ended_acts(view: Option<&LedgerView>) -> BTreeSet<(String, Serial)> {
    let acts = view.iter().flat_map(|view| view.acts.acts()).filter(|(_, record)| record.state.has_ended());
    acts.map(|(id, _)| (id.action.to_string(), id.serial)).collect()
}
