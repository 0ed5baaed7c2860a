//! `Fleet`: what holds for all documents of a folder, and what stops an `apply`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Acknowledgement, Places};
use crate::model::{Name, Serial};

/// `Fleet`.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// `metadata.name`.
    pub name: Option<Name>,
    /// `ledger`; `None` only in a folder without a readable `Fleet`.
    pub ledger: Option<LedgerRef>,
    /// What gates allow and protect.
    pub gates: Gates,
    /// `expiryWarning` (T-6, T-12, P-4).
    pub expiry_warning: Option<Duration>,
    /// `screens`: the catalogue edition that `otherwise` expands to.
    pub screens: Option<String>,
    /// `acknowledge`.
    pub acknowledge: Vec<Acknowledgement>,
    /// `watch`: what the daemon may do by itself.
    pub watch: Watch,
    /// Where everything stands.
    pub places: Places,
}

/// `Fleet.ledger`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRef {
    /// The fleet's ledger id; another one is exit 10.
    pub id: uuid::Uuid,
    /// The SQLite file, relative to the documents' folder.
    pub sqlite: PathBuf,
}

/// `Fleet.watch`: the daemon's switches (design section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// `onCommit`: what follows when the documents change.
    pub on_commit: OnCommit,
    /// `onDrift`: what follows when something moved outside.
    pub on_drift: OnDrift,
    /// `resync`: how long after one reading of everything the next one is due; at least a minute.
    pub resync: Duration,
}

impl Default for Watch {
    /// The defaults of manifests.md, "Fleet": look, and touch nothing.
    fn default() -> Self {
        Self { on_commit: OnCommit::Plan, on_drift: OnDrift::Report, resync: Duration::from_secs(3600) }
    }
}

/// `Fleet.watch.onCommit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnCommit {
    /// The plan is shown.
    #[default]
    Plan,
    /// What the documents wish is applied, as far as no gate stops it.
    Apply,
}

/// `Fleet.watch.onDrift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnDrift {
    /// What moved outside is shown.
    #[default]
    Report,
    /// It is put back to what was last applied, as far as no gate stops it.
    Heal,
}

/// The kinds of steps that `Fleet.limits` can bound.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum LimitKind {
    /// Objects made.
    Create,
    /// Objects changed, adoptions with changes included.
    Update,
    /// Objects deleted, counted over a rolling 24 hours.
    Delete,
    /// First profile of a device.
    Assign,
    /// Another profile for a device that has one.
    Reassign,
    /// The profile taken off a device, counted over a rolling 24 hours.
    Unassign,
}

/// A bound on one kind of step per token: exceeded when either figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default, schemars::JsonSchema)]
pub struct Limit {
    /// Percent of the live objects, from ten objects up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u32>,
    /// A number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<u64>,
}

/// `Fleet.limits` and `Fleet.protected`: what stops an `apply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates {
    /// Bounds by kind; a kind without an entry is unbounded.
    pub limits: BTreeMap<LimitKind, Limit>,
    /// Serials never touched by disruptive or higher classes, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_serials: Vec<Serial>,
    /// Tokens never touched by disruptive or higher classes, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_tokens: Vec<Name>,
}

impl Default for Gates {
    /// The defaults of manifests.md, "Fleet".
    fn default() -> Self {
        let limit = |percent, count| Limit { percent: Some(percent), count: Some(count) };
        Self {
            limits: BTreeMap::from([
                (LimitKind::Update, limit(20, 50)),
                (LimitKind::Delete, limit(10, 5)),
                (LimitKind::Reassign, limit(10, 200)),
                (LimitKind::Unassign, limit(10, 100)),
            ]),
            protected_serials: Vec::new(),
            protected_tokens: Vec::new(),
        }
    }
}

impl Gates {
    /// No bound and no protection: what a policy begins with.
    pub fn unbounded() -> Self {
        Self { limits: BTreeMap::new(), protected_serials: Vec::new(), protected_tokens: Vec::new() }
    }

    /// The stricter of both, figure by figure; protection adds up. No commit can disarm its own
    /// gates (design section 4).
    pub fn stricter(&self, other: &Gates) -> Gates {
        let mut limits = self.limits.clone();
        for (kind, theirs) in &other.limits {
            let ours = limits.entry(*kind).or_insert(*theirs);
            ours.percent = least(ours.percent, theirs.percent);
            ours.count = least(ours.count, theirs.count);
        }
        Gates {
            limits,
            protected_serials: union(&self.protected_serials, &other.protected_serials),
            protected_tokens: union(&self.protected_tokens, &other.protected_tokens),
        }
    }
}

fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn union<T: Ord + Clone>(a: &[T], b: &[T]) -> Vec<T> {
    let mut all: Vec<T> = a.iter().chain(b).cloned().collect();
    all.sort();
    all.dedup();
    all
}
