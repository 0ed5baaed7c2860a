//! What the oracle judges by: the documents as they were written, the commits as they were made, the world as it
//! was at the beginning and at the end of each run, and what its services accepted meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use espalier::model::Serial;
use espalier::model::clock::Timestamp;
use espalier::sim::World;
use espalier::sim::apple::organization::Lock;
use espalier::sim::device::{ManagedAction, Standing};
use espalier::sim::world::PendingChange;
use serde_json::Value;

use super::paper::{Act, Fleet, Tree};

/// A record that is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRecord {
    pub tenant: String,
    pub id: String,
    pub enrolled: Timestamp,
    /// The serial that it shows.
    pub shows: Serial,
}

/// A device at an instant.
#[allow(dead_code, reason = "told by Debug where a story fails")]
#[derive(Clone, Debug)]
pub struct Seen {
    pub family: String,
    pub supervised: bool,
    pub shared: bool,
    pub lock: Lock,
    pub code: bool,
    pub name: String,
    pub user: String,
    pub model: String,
    pub life: u32,
    pub live: Vec<LiveRecord>,
    /// The record under which it is managed.
    pub managed: Option<String>,
    /// The display names of the tokens whose lists show it.
    pub listed: BTreeSet<String>,
    /// What it cannot do.
    pub unable: BTreeSet<ManagedAction>,
    /// Whether the token that has it gives it a profile.
    pub comes_back: bool,
    pub in_organisation: bool,
    /// What programs asked of it, and what may still happen.
    pub open: Vec<(u64, ManagedAction)>,
    pub reachable: bool,
    pub results_lie: bool,
    pub lies_about: BTreeSet<ManagedAction>,
}

/// All devices at an instant.
#[derive(Clone, Debug)]
pub struct Look {
    pub at: Timestamp,
    pub devices: BTreeMap<Serial, Seen>,
}

impl Look {
    /// The devices of a scene as they are.
    pub fn of(world: &World, serials: impl Iterator<Item = Serial>) -> Self {
        let devices = serials.filter_map(|serial| Some((serial, seen(world, serial)?))).collect();
        Self { at: world.now, devices }
    }

    /// The records that show a serial, wherever they are.
    pub fn showing(&self, serial: Serial) -> usize {
        self.devices.values().flat_map(|seen| &seen.live).filter(|record| record.shows == serial).count()
    }
}

fn seen(world: &World, serial: Serial) -> Option<Seen> {
    let handset = world.handset(&serial)?;
    let live: Vec<LiveRecord> = handset
        .records
        .iter()
        .filter(|record| record.standing == Standing::Live)
        .map(|record| LiveRecord {
            tenant: record.tenant.clone(),
            id: record.id.clone(),
            enrolled: record.enrolled,
            shows: record.serial.unwrap_or(serial),
        })
        .collect();
    let open = handset.records.iter().flat_map(|record| &record.acts);
    let open = open.filter(|act| act.is_open() && !act.by_person && !act.silent);
    let tokens = world.tenants.iter().flat_map(|tenant| &tenant.tokens);
    let here = tokens.filter_map(|token| Some((token, token.device(&serial)?)));
    let here: Vec<_> = here.collect();
    let shown = here.iter().filter(|(_, device)| !device.released);
    let listed = shown.map(|(token, _)| token.name.clone()).collect();
    let here: Vec<_> = here
        .into_iter()
        .filter(|(token, device)| {
            let leaves = token.pending.get(&serial).map(|pending| pending.change);
            !device.released && !matches!(leaves, Some(PendingChange::Left | PendingChange::Released))
        })
        .collect();
    let organisation = world.organizations.iter().find(|one| one.roster.device(&serial).is_some());
    Some(Seen {
        family: handset.family.as_str().to_owned(),
        supervised: handset.supervised,
        shared: handset.shared,
        lock: world.activation_lock(&serial),
        code: handset.code_available,
        name: handset.name.clone(),
        user: handset.user.as_ref().map_or(String::new(), |user| user.principal_name.clone()),
        model: handset.model.clone(),
        life: handset.life,
        live,
        managed: handset.managing().map(|record| record.id.clone()),
        listed,
        unable: ManagedAction::ROUTES.into_iter().filter(|action| !action.is_supported(&handset)).collect(),
        comes_back: here.iter().any(|(_, device)| device.profile != 0),
        in_organisation: organisation.is_some(),
        open: open.map(|act| (act.number, act.action)).collect(),
        reachable: handset.is_reachable(),
        results_lie: handset.habits.results.is_some(),
        lies_about: handset.habits.fails.keys().copied().collect(),
    })
}

/// How a run ended.
#[allow(dead_code, reason = "told by Debug where a story fails")]
#[derive(Clone, Debug)]
pub enum Ended {
    /// With a report; `full`: all that the documents wish of objects is in force.
    Well { exit: u8, full: bool },
    /// With an error and its exit code.
    Refused { exit: u8, why: String },
    /// In the middle.
    Died,
}

/// What was applied in full last.
#[derive(Clone, Debug)]
pub struct Applied {
    pub commit: Option<usize>,
    /// All of them hold.
    pub fleets: Vec<Fleet>,
}

/// A saved plan, as people saw it before it was applied.
#[derive(Clone, Debug)]
pub struct LookedAt {
    pub at: Timestamp,
    pub commit: Option<usize>,
    /// The acts that it sends.
    pub acts: BTreeSet<(String, Serial)>,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The saved plan that was carried out; `None`: the documents were planned anew.
    pub looked_at: Option<LookedAt>,
    /// Gates that a person opened for this run.
    pub opened: BTreeSet<String>,
    pub tree: Tree,
    /// Its place among the commits; `None` outside git, and before the first one.
    pub commit: Option<usize>,
    /// Whether a newer commit was fetched and is not checked out.
    pub behind: bool,
    pub narrowed: bool,
    /// How often the ledger was put back without a word before this run.
    pub lineage: usize,
    pub born: Timestamp,
    pub before: Look,
    pub after: Look,
    pub ended: Ended,
    /// What was applied in full before it.
    pub applied: Option<Applied>,
    /// The commit that a run over everything began with last before it.
    pub begun: Option<usize>,
    /// Faults that change what records look like.
    pub ghosts: bool,
    pub other_serials: bool,
    /// Acts that had ended when it began, by what the ledger then said.
    pub over: BTreeSet<(String, Serial)>,
    pub signatures: usize,
}

/// A request that a service accepted from a program.
#[allow(dead_code, reason = "told by Debug where a story fails")]
#[derive(Clone, Debug)]
pub struct Sent {
    pub run: usize,
    pub serial: Serial,
    /// `None`: a release at Apple.
    pub action: Option<ManagedAction>,
    pub number: u64,
    pub at: Timestamp,
    pub record: String,
    pub enrolled: Timestamp,
    pub code_read: bool,
}

/// What was bound on first sight.
#[derive(Clone, Debug)]
pub struct Bound {
    pub run: usize,
    pub content: Act,
    pub serials: BTreeSet<Serial>,
}

impl Bound {
    /// What is bound of a document as it was written. Which devices conditions had picked tells the entry of the
    /// ledger; it can name none that does not fit them.
    pub fn of(run: usize, act: &Act, entry: &Value) -> Self {
        let picked = |serial: &Serial| {
            act.picks.is_none()
                || entry["serials"].as_array().into_iter().flatten().any(|one| one == serial.as_str())
        };
        Self { run, content: act.content(), serials: act.serials.iter().copied().filter(picked).collect() }
    }
}

/// A signed approval.
#[derive(Clone, Debug)]
pub struct Signature {
    pub person: usize,
    pub name: String,
    pub serial: Serial,
    /// When it was made, by what it says.
    pub at: Timestamp,
    /// The life of the device that was looked at.
    pub epoch: Option<(String, Timestamp)>,
}

/// A commit.
#[derive(Clone, Debug)]
pub struct Commit {
    pub hash: String,
    pub parent: Option<usize>,
    pub author: usize,
    pub tree: Tree,
}

/// One entry of a ledger's log, as its JSON has it.
#[derive(Clone, Debug)]
pub struct Row {
    pub lineage: usize,
    /// The run after which it was read.
    pub run: usize,
    /// Whether it came with a copy that was put back.
    pub copied: bool,
    pub seq: i64,
    pub at: Timestamp,
    pub entry: Value,
}

impl Row {
    /// The members of an entry about acts: `promised`, `bound`, `moved` …
    pub fn act(&self, what: &str) -> Option<&Value> {
        self.entry.get("event")?.get("act")?.get(what)
    }
}

/// What a ledger has to know of acts; one that was put back knows what the copy knew.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// By name: the first sight.
    pub bound: BTreeMap<String, Bound>,
    /// Acts whose document was gone in a full look at the folder, from this run on.
    pub cancelled: BTreeMap<(String, Serial), usize>,
    /// Acts of which a person said what came of them.
    pub resolved: BTreeSet<(String, Serial)>,
    /// The runs that it remembers.
    pub runs: BTreeSet<usize>,
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    pub runs: Vec<Run>,
    pub sent: Vec<Sent>,
    pub commits: Vec<Commit>,
    pub signatures: Vec<Signature>,
    /// What each lineage of the ledger has to know of acts.
    pub memories: Vec<Memory>,
    /// The newest rows of each lineage.
    pub log: Vec<Row>,
    /// Codes, PINs and places of the world.
    pub secrets: BTreeSet<String>,
    /// Everything that was said: reports, plans, errors, logs.
    pub said: Vec<String>,
    /// Whether the ledger was ever put back without saying so.
    pub put_back: bool,
    /// Whether nothing in the story could lose an answer.
    pub is_calm: bool,
}

impl Chronicle {
    /// Whether a commit is another one or comes of it.
    pub fn descends(&self, commit: usize, from: usize) -> bool {
        let mut at = Some(commit);
        while let Some(here) = at {
            if here == from {
                return true;
            }
            at = self.commits[here].parent;
        }
        false
    }

    /// Those who wrote a document, by the commits up to one.
    pub fn authors(&self, commit: usize, name: &str) -> BTreeSet<usize> {
        let mut authors = BTreeSet::new();
        let mut at = Some(commit);
        while let Some(here) = at.map(|at| &self.commits[at]) {
            let before = here.parent.and_then(|parent| self.commits[parent].tree.acts.get(name));
            if here.tree.acts.get(name) != before {
                authors.insert(here.author);
            }
            at = here.parent;
        }
        authors
    }

    /// What the ledger had to know at a run.
    pub fn memory(&self, run: usize) -> &Memory {
        &self.memories[self.runs[run].lineage]
    }

    /// Whether a run was made from what was applied and begun with last, or from what came of that.
    pub fn is_forward(&self, run: &Run) -> bool {
        let applied = run.applied.as_ref().and_then(|applied| applied.commit);
        let mut before = [applied, run.begun].into_iter().flatten();
        before.all(|before| run.commit.is_some_and(|commit| self.descends(commit, before)))
    }
}
