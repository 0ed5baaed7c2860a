//! Plays a story on its stage and writes the chronicle.

mod documents;
mod ledgers;
mod persons;
mod runs;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use espalier::engine::{Narrowing, Selection};
use espalier::ledger::{Ledger, LedgerView};
use espalier::model::Serial;
use espalier::model::clock::Timestamp;
use espalier::sim::device::ManagedAction;
use jiff::SignedDuration;
use serde_json::json;

use super::chronicle::{Applied, Chronicle, Look, Memory, Row};
use super::op::Op;
use super::oracle;
use super::paper::{Act, LEDGER, Tree};
use super::scene::{self, Scene, TOKENS};
use super::stage::{Stage, Way};

pub use documents::ANOTHER;
pub use tally::to_be_met;

/// A story that is being played.
pub struct Play {
    pub scene: Scene,
    pub stage: Stage,
    pub chronicle: Chronicle,
    /// The folder as it is.
    pub tree: Tree,
    head: Option<usize>,
    /// Whether a newer commit was fetched and is not checked out.
    behind: bool,
    applied: Option<Applied>,
    /// The commit that a run over everything began with last.
    begun: Option<usize>,
    lineage: usize,
    /// Copies of the ledger.
    copies: Vec<Copy>,
    removed: Vec<(String, Act)>,
    written: usize,
    /// The plan that was saved last.
    saved: Option<Saved>,
    /// What happened besides runs.
    met: Vec<&'static str>,
}

/// A copy of the ledger, and what it knows.
#[derive(Clone)]
struct Copy {
    bytes: Vec<u8>,
    applied: Option<Applied>,
    begun: Option<usize>,
    memory: Memory,
}

/// A plan as it lies in its file, and what those who looked at it saw.
#[derive(Clone)]
struct Saved {
    text: String,
    at: Timestamp,
    commit: Option<usize>,
    /// What it would send.
    acts: BTreeSet<(String, Serial)>,
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).expect("times of tests are in range")
}

/// What came of a story.
#[derive(Default)]
pub struct Played {
    /// What is wrong; nothing where all is well.
    pub broken: Vec<String>,
    /// How often what happened: requests that were accepted, states in which acts ended.
    pub tally: BTreeMap<String, usize>,
    /// The runs, and the entries of the ledger; with `ESPALIER_ACTS_SEED` everything that was said besides.
    pub tale: Vec<String>,
}

/// Plays a story, looks after each operation whether all is well, and once more at its end.
pub async fn play(scene: &Scene, ops: &[Op]) -> Played {
    let mut play = Play::begin(scene).await;
    play.chronicle.is_calm = oracle::is_calm(ops, &scene.behaviour);
    let mut broken = Vec::new();
    for op in ops {
        play.op(op).await;
        broken = play.broken();
        if !broken.is_empty() {
            break;
        }
    }
    if broken.is_empty() {
        play.rest().await;
        broken = play.broken();
    }
    if broken.is_empty() {
        broken = oracle::at_rest(&play.chronicle, &play.stage, play.view());
    }
    Played { broken, tally: play.tally(), tale: play.tale() }
}

impl Play {
    pub async fn begin(scene: &Scene) -> Self {
        let stage = Stage::of(scene).await;
        let tree = scene.tree();
        stage.write(&tree);
        Self {
            scene: scene.clone(),
            stage,
            chronicle: Chronicle { memories: vec![Memory::default()], ..Chronicle::default() },
            tree,
            head: None,
            behind: false,
            applied: None,
            begun: None,
            lineage: 0,
            copies: Vec::new(),
            removed: Vec::new(),
            written: 0,
            saved: None,
            met: Vec::new(),
        }
    }

    /// What the oracle says so far.
    pub fn broken(&self) -> Vec<String> {
        oracle::so_far(&self.chronicle)
    }

    /// The runs, and the entries of the ledger.
    fn tale(&self) -> Vec<String> {
        let mut tale = Vec::new();
        for (at, run) in self.chronicle.runs.iter().enumerate() {
            let applied = run.applied.as_ref().map(|applied| applied.commit);
            tale.push(format!(
                "  run {at} at {}: commit {:?} after {applied:?}, {:?}, {:?}",
                run.before.at,
                run.commit,
                run.tree.acts.keys().collect::<Vec<_>>(),
                run.ended
            ));
        }
        let is_told = |row: &&Row| {
            let event = &row.entry["event"];
            ["act", "gatesApplied", "runStarted", "runFinished"].iter().any(|what| event[what].is_object())
        };
        for row in self.chronicle.log.iter().filter(is_told) {
            let mut text = row.entry["event"].to_string();
            text.truncate(text.char_indices().nth(400).map_or(text.len(), |(at, _)| at));
            tale.push(format!("  {}/{} {} {text}", row.lineage, row.seq, row.at));
        }
        if std::env::var_os("ESPALIER_ACTS_SEED").is_some() {
            tale.extend(self.chronicle.said.iter().map(|said| format!("  said: {said}")));
        }
        tale
    }

    fn view(&self) -> Option<LedgerView> {
        let path = self.stage.ledger();
        let id = LEDGER.parse().expect("a UUID");
        let ledger = Ledger::open_read_only(&path, id).ok()?;
        ledger.view(self.stage.now()).ok()
    }

    /// What the ledger that is in place has to know.
    fn memory(&mut self) -> &mut Memory {
        &mut self.chronicle.memories[self.lineage]
    }

    fn look(&self) -> Look {
        let serials: Vec<Serial> = self.scene.devices.iter().map(|one| one.serial).collect();
        self.stage.sim.with_world(|world| Look::of(world, serials.into_iter()))
    }

    fn serial(&self, at: usize) -> Serial {
        self.scene.device(at).serial
    }

    fn nth_act(&self, at: usize) -> Option<String> {
        let count = self.tree.acts.len();
        self.tree.acts.keys().nth(at.checked_rem(count)?).cloned()
    }

    /// Remembers every secret that devices have now: they may not show up anywhere, ever.
    fn note_secrets(&mut self) {
        let serials: Vec<Serial> = self.scene.devices.iter().map(|one| one.serial).collect();
        let secrets = &mut self.chronicle.secrets;
        self.stage.sim.with_world(|world| {
            for serial in &serials {
                secrets.extend(world.bypass_code(serial));
                for request in world.history.device(serial).iter().flat_map(|one| &one.requests) {
                    if request.action == ManagedAction::RemoteLock {
                        secrets.insert(format!("\"{}\"", world.unlock_pin(serial, request.number)));
                    }
                }
            }
        });
        secrets.insert("\"271828\"".to_owned());
        secrets.insert("deviceLocation".to_owned());
        secrets.insert("horizontalAccuracy".to_owned());
    }

    /// Plays one operation.
    pub async fn op(&mut self, op: &Op) {
        self.note_secrets();
        match op {
            Op::Write(draft) => self.draft(*draft),
            Op::Remove(at) => {
                if let Some(name) = self.nth_act(*at)
                    && let Some(act) = self.tree.acts.remove(&name)
                {
                    self.removed.push((name, act));
                }
            }
            Op::PutBack(at) => {
                if let Some(place) = at.checked_rem(self.removed.len()) {
                    let (name, act) = self.removed.remove(place);
                    self.tree.acts.insert(name, act);
                }
            }
            Op::Copy(at) => {
                if let Some(act) = self.nth_act(*at).and_then(|name| self.tree.acts.get(&name)).cloned() {
                    let name = self.new_name();
                    self.tree.acts.insert(name, act);
                }
            }
            Op::Change(at, change) => self.change(*at, *change),
            Op::AddSerial(at, device) => {
                let serial = self.serial(*device);
                if let Some(act) = self.nth_act(*at).and_then(|name| self.tree.acts.get_mut(&name)) {
                    // What its conditions pick nobody adds to.
                    if act.picks.is_none() {
                        act.serials.insert(serial);
                    }
                }
            }
            Op::DropSerial(at) => {
                let act = self.nth_act(*at).and_then(|name| self.tree.acts.get_mut(&name));
                if let Some(act) = act.filter(|act| act.serials.len() > 1 && act.picks.is_none()) {
                    act.serials.pop_first();
                }
            }
            Op::Fleet(gate) => self.gate(*gate),
            Op::Break(broken) => self.tree.broken = *broken,
            Op::Commit(author) => self.commit(*author),
            Op::Fetch => {
                if self.head.is_some() {
                    self.stage.fetch_newer();
                    self.behind = true;
                }
            }
            Op::Checkout(back) => self.checkout(*back),
            Op::Apply { death, fault } => {
                self.apply(Narrowing::Nothing, Way::Plain, *death, fault.as_ref()).await;
            }
            Op::ApplyOverridden => self.apply(Narrowing::Nothing, Way::Overridden, None, None).await,
            Op::SavePlan => self.save_plan().await,
            Op::ApplySaved { death } => self.apply_saved(*death).await,
            Op::Cancel(at) => self.cancel(*at).await,
            Op::ApplyNarrowed => {
                let token = vec![TOKENS[0].0.to_owned()];
                let one = Selection { connections: Vec::new(), tokens: token, labels: Vec::new() };
                self.apply(Narrowing::To(one), Way::Plain, None, None).await;
            }
            Op::Sign { person, act, ago } => self.sign(*person, *act, *ago).await,
            Op::Resolve(at) => self.resolve(*at).await,
            Op::Decide(decision) => {
                for tenant in scene::TENANTS.iter().take(self.scene.tenants) {
                    self.stage
                        .portal(&json!({"do": "decideApproval", "tenant": tenant, "decision": decision}));
                }
            }
            Op::Pass(seconds) => self.stage.pass(seconds.unsigned_abs()).await,
            Op::Portal(change) => {
                self.stage.portal(change);
            }
            Op::ShowOtherSerial(at) => {
                let (mine, other) = (self.serial(*at), self.serial(at + 1));
                let record = self.look().devices.get(&mine).and_then(|seen| seen.live.first().cloned());
                if let Some(record) = record.filter(|_| mine != other) {
                    let shown = if record.shows == mine { Some(other) } else { None };
                    self.stage
                        .portal(&json!({"do": "changeRecord", "record": record.id, "serialNumber": shown}));
                }
            }
            Op::KeepCopy => {
                if let Ok(bytes) = fs::read(self.stage.ledger()) {
                    let (applied, memory) = (self.applied.clone(), self.memory().clone());
                    let begun = self.begun;
                    self.copies.push(Copy { bytes, applied, begun, memory });
                }
            }
            Op::PutCopyBack { declared } => self.put_back(*declared).await,
            Op::OtherLedger => self.other_ledger().await,
        }
        self.stage.write(&self.tree);
        self.collect_releases();
        self.note_secrets();
    }
}
