//! `Fleet`: what holds for all documents of a folder, and what stops an `apply`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Acknowledgement, Places, Window};
use crate::model::{ActionKind, Class, Name, Serial};

/// `Fleet`.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// `metadata.name`.
    pub name: Option<Name>,
    /// `ledger`; `None` only in a folder without a readable `Fleet`.
    pub ledger: Option<LedgerRef>,
    /// What gates allow and protect.
    pub gates: Gates,
    /// `escrow`; `None`: nothing can be sealed, and what needs a sealed code is refused.
    pub escrow: Option<Escrow>,
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

/// `Fleet.escrow`: to whom secrets of devices are sealed (design section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escrow {
    /// `recipients`, at least one.
    pub recipients: Vec<Recipient>,
    /// `onEnrollment`: the bypass code of every supervised device is sealed once per life.
    pub on_enrollment: bool,
}

/// One recipient of sealed secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The file, relative to the documents' folder.
    pub file: PathBuf,
    /// The X.509 certificate in it, in PEM.
    pub pem: String,
}

/// `Fleet.approvals`: who has to agree before grave steps and acts (design section 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approvals {
    /// The text of `signers`, in OpenSSH's allowed-signers format.
    pub signers: String,
    /// `classes`, ascending.
    pub classes: Vec<Class>,
    /// `count`: how many persons.
    pub count: u32,
    /// `validFor`, in seconds.
    pub valid_for: u64,
}

impl Approvals {
    /// How long a signature is good for.
    pub fn valid_for(&self) -> Duration {
        Duration::from_secs(self.valid_for)
    }

    /// The stricter of both in all but the signers, which are `self`'s.
    #[must_use]
    fn stricter(&self, other: &Approvals) -> Approvals {
        Approvals {
            signers: self.signers.clone(),
            classes: union(&self.classes, &other.classes),
            count: self.count.max(other.count),
            valid_for: self.valid_for.min(other.valid_for),
        }
    }
}

/// `Fleet.watch`: the daemon's switches (design section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// `actions: approved`: acts run in the daemon too; else it follows them only.
    pub actions: bool,
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
        Self {
            actions: false,
            on_commit: OnCommit::Plan,
            on_drift: OnDrift::Report,
            resync: Duration::from_secs(3600),
        }
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

/// The kinds of steps and acts that `Fleet.limits` can bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Acts of a kind; from class destructive up counted over a rolling 24 hours.
    Act(ActionKind),
}

impl LimitKind {
    /// Those that are no acts.
    const STEPS: [LimitKind; 6] =
        [Self::Create, Self::Update, Self::Delete, Self::Assign, Self::Reassign, Self::Unassign];

    /// Every kind.
    pub fn all() -> impl Iterator<Item = LimitKind> {
        Self::STEPS.into_iter().chain(ActionKind::ALL.into_iter().map(LimitKind::Act))
    }

    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            LimitKind::Create => "create",
            LimitKind::Update => "update",
            LimitKind::Delete => "delete",
            LimitKind::Assign => "assign",
            LimitKind::Reassign => "reassign",
            LimitKind::Unassign => "unassign",
            LimitKind::Act(kind) => kind.word(),
        }
    }

    /// The kind of a document's word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::all().find(|kind| kind.word() == word)
    }
}

impl Serialize for LimitKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for LimitKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_word(&word)
            .ok_or_else(|| serde::de::Error::custom(format!("`{word}` is no kind of step or action")))
    }
}

impl schemars::JsonSchema for LimitKind {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LimitKind".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words: Vec<&str> = Self::all().map(Self::word).collect();
        schemars::json_schema!({"type": "string", "enum": words})
    }
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

/// `Fleet.limits`, `protected`, `approvals` and `windows`: what stops an `apply`.
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
    /// Who has to agree; `None`: nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
    /// When which classes may run: statements of their own, each of which has to be open. Empty: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Vec<Window>>,
}

impl Default for Gates {
    /// The defaults of manifests.md, "Fleet".
    fn default() -> Self {
        let acts = |kind, count| (LimitKind::Act(kind), Limit { percent: None, count: Some(count) });
        let limit = |percent, count| Limit { percent: Some(percent), count: Some(count) };
        Self {
            limits: BTreeMap::from([
                (LimitKind::Update, limit(20, 50)),
                (LimitKind::Delete, limit(10, 5)),
                (LimitKind::Reassign, limit(10, 200)),
                (LimitKind::Unassign, limit(10, 100)),
                acts(ActionKind::ClearPasscode, 5),
                acts(ActionKind::Retire, 5),
                acts(ActionKind::DeleteRecord, 5),
                acts(ActionKind::Wipe, 1),
                acts(ActionKind::HandOver, 5),
                acts(ActionKind::Release, 1),
            ]),
            protected_serials: Vec::new(),
            protected_tokens: Vec::new(),
            approvals: None,
            windows: Vec::new(),
        }
    }
}

impl Gates {
    /// No bound and no protection: what a policy begins with.
    pub fn unbounded() -> Self {
        Self {
            limits: BTreeMap::new(),
            protected_serials: Vec::new(),
            protected_tokens: Vec::new(),
            approvals: None,
            windows: Vec::new(),
        }
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
            approvals: match (&self.approvals, &other.approvals) {
                // What was applied is `other`: no commit brings its own signers.
                (Some(ours), Some(theirs)) => Some(theirs.stricter(ours)),
                (ours, theirs) => theirs.as_ref().or(ours.as_ref()).cloned(),
            },
            windows: {
                let mut windows = self.windows.clone();
                windows.extend(other.windows.iter().filter(|theirs| !self.windows.contains(theirs)).cloned());
                windows
            },
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
