//! The log folded into what plan and apply ask of it. PURE.

mod apple;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::event::{Entry, Event, How, Intent, IntentState, NewIntent, Row};
use crate::acts::book::ActRefusal;
use crate::acts::{ActBook, ActEvent};
use crate::model::clock::{Timestamp, between};
use crate::model::desired::{Gates, LimitKind};
use crate::model::policy::Policy;
use crate::model::{Address, Fields, Kind, Name, ProfileId, Serial, TokenId};

pub use apple::{AppleView, AskedMigration, Ended, KnownActivity, KnownService};

/// How long destruction counts for the limits (design section 4).
pub const LIMIT_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// What we know of an object of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ownership {
    /// The tenant that holds it.
    pub tenant: String,
    /// The token under which it lives; for a token, its own id.
    pub token_id: TokenId,
    /// The profile's id; `None` for the token itself.
    pub object: Option<ProfileId>,
    /// Created or adopted.
    pub how: How,
    /// Its display name when it became ours.
    pub name: String,
    /// What was last applied to it; empty where nothing was yet.
    pub applied: Fields,
}

/// What is known of the server at Apple that a direct token belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// The id under which everything of the token is kept.
    pub token_id: TokenId,
    /// `server_uuid`
    pub server: String,
    /// `server_name`
    pub name: Option<String>,
    /// `org_id`
    pub org: Option<String>,
    /// `admin_id` (T-4)
    pub apple_id: Option<String>,
    /// The hash over the credentials with which it was asked.
    pub credentials: String,
}

/// A profile that was defined at Apple's enrollment service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinedProfile {
    /// The document's address.
    pub address: Address,
    /// Its name there.
    pub name: String,
    /// The hash over its normalised content.
    pub content: String,
}

/// A device that is left in peace, because Apple throttled it, failed on it, or left it out of an
/// answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cooling {
    /// The profile that it was to get; another one may be tried at once.
    pub profile: ProfileId,
    /// `THROTTLED`, `FAILED` or `MISSING`.
    pub why: String,
    /// Until when.
    pub until: Timestamp,
    /// How often that happened in a row for this profile.
    pub times: u32,
}

/// The ledger as a plan reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerView {
    /// The fleet's ledger id; nil without a ledger.
    pub id: Uuid,
    /// When the ledger was made, or put back from a copy; the end of time without a ledger, so that no history is claimed.
    pub born: Timestamp,
    /// The number of the last entry; 0 without a ledger.
    pub head: i64,
    /// Our objects.
    pub owned: BTreeMap<Address, Ownership>,
    /// Intents that are open or unknown, oldest first.
    pub unsettled: Vec<Intent>,
    /// The gates of the last run that was applied in full; `None` before the first one.
    pub gates: Option<Gates>,
    /// By token: the hashes of the wishes that were last seen in force there, by their parts.
    pub in_force: BTreeMap<Name, BTreeMap<String, String>>,
    /// The tenants' own gates of that run.
    pub policies: Vec<Policy>,
    /// By token: the waiting serials for which a sync was asked already, sorted.
    pub sync_asked: BTreeMap<TokenId, Vec<Serial>>,
    /// The commit of the last run that was applied in full; `None` before the first one and
    /// outside git.
    pub last_commit: Option<String>,
    /// The commit of the last run over the whole fleet, whatever became of it; `None` as above. Runs of a commit
    /// that is not on the way of what was applied before do not count.
    pub newest_commit: Option<String>,
    /// What was destroyed in the last 24 hours: when, under which token, which limit, how many.
    pub destroyed: Vec<(Timestamp, Name, LimitKind, u64)>,
    /// The tokens that we deleted and that did not become ours again, with the last time (T-11).
    pub tokens_deleted: BTreeMap<Name, Timestamp>,
    /// By direct token: the server at Apple that it belongs to.
    pub servers: BTreeMap<Name, Server>,
    /// By token: when `espalier token import` renewed it last (T-7).
    pub renewed: BTreeMap<Name, Timestamp>,
    /// By direct token: the profiles that were defined there.
    pub defined: BTreeMap<TokenId, BTreeMap<ProfileId, DefinedProfile>>,
    /// By direct token: the devices that are left in peace for a while.
    pub cooling: BTreeMap<TokenId, BTreeMap<Serial, Cooling>>,
    /// Organisations at Apple: services, activities, migrations, keys.
    pub apple: AppleView,
    /// Device actions, and what was sealed.
    pub acts: Arc<ActBook>,
    /// The entry with [`LedgerView::gates`]; `None` before the first.
    pub gates_row: Option<i64>,
    /// The gates that were applied when an act was seen for the first time, by their entry: no later commit
    /// disarms what an act was seen under.
    pub gates_of_acts: Arc<BTreeMap<i64, (Gates, Vec<Policy>)>>,
}

impl LedgerView {
    /// The view without a ledger (`--no-ledger`): nothing is ours, nothing is remembered. Callers
    /// confine themselves to safe classes and delete nothing.
    pub fn none() -> Self {
        Self { id: Uuid::nil(), born: Timestamp::MAX, ..Replay::default().view(Timestamp::MAX) }
    }

    /// Whether this is [`LedgerView::none`].
    pub fn is_none(&self) -> bool {
        self.id.is_nil()
    }

    /// By token, the addresses under which it was ever ours: a document that is renamed does not shake
    /// off what is known of its token.
    pub fn token_names(&self) -> BTreeMap<&TokenId, BTreeSet<Name>> {
        let mut names = BTreeMap::<_, BTreeSet<Name>>::new();
        for (address, owned) in self.owned.iter().filter(|(one, _)| one.kind == Kind::EnrollmentToken) {
            names.entry(&owned.token_id).or_default().insert(address.name.clone());
        }
        names
    }

    /// Folds a whole log, seen at `now`.
    ///
    /// # Errors
    /// The first entry that cannot follow those before it.
    pub fn replay(rows: impl IntoIterator<Item = Row>, now: Timestamp) -> Result<Self, ReplayError> {
        let mut replay = Replay::default();
        rows.into_iter().try_for_each(|row| replay.take(row))?;
        Ok(replay.view(now))
    }
}

/// An entry that cannot follow those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The log does not begin with its birth, or is born twice.
    #[error("a ledger is born once, with its first entry")]
    Birth,
    /// A gap, a repetition or an inversion.
    #[error("entry {expected} was due and entry {found} came")]
    Order {
        /// The number that was due.
        expected: i64,
        /// The number that came.
        found: i64,
    },
    /// Something was applied to an object that is not ours.
    #[error("{address} is not owned, so nothing can have been applied to it")]
    NotOwned {
        /// The object.
        address: Address,
    },
    /// The same write is promised twice, or a device that is in an activity which nobody has seen end.
    #[error("{write} of {address} is already promised by intent {intent}, which nobody has settled")]
    Conflict {
        /// The object.
        address: Address,
        /// The operation's word.
        write: String,
        /// The intent that stands in the way.
        intent: i64,
    },
    /// An entry about an act that cannot follow.
    #[error(transparent)]
    Act(#[from] ActRefusal),
    /// An outcome for an intent that has ended or never was.
    #[error("intent {intent} has ended or never was, so it cannot become {to}")]
    NotOpen {
        /// The number given.
        intent: i64,
        /// The state wished.
        to: IntentState,
    },
    /// A transition that the table does not know.
    #[error("intent {intent} is {from} and cannot become {to}")]
    Transition {
        /// The intent.
        intent: i64,
        /// Its state.
        from: IntentState,
        /// The state wished.
        to: IntentState,
    },
}

/// The log folded so far; takes one entry after the other in time that does not grow with the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    head: i64,
    born: Option<(Uuid, Timestamp)>,
    runs: u64,
    owned: BTreeMap<Address, Ownership>,
    unsettled: BTreeMap<i64, Intent>,
    // Which unsettled intent holds which share of which write. All shares of one write belong to
    // one run, for another run's promise is a conflict.
    claims: BTreeMap<(Address, String, u32), i64>,
    gates: Option<Gates>,
    in_force: BTreeMap<Name, BTreeMap<String, String>>,
    policies: Vec<Policy>,
    sync_asked: BTreeMap<TokenId, BTreeSet<Serial>>,
    last_commit: Option<String>,
    newest_commit: Option<String>,
    destroyed: Vec<(Timestamp, Name, LimitKind, u64)>,
    tokens_deleted: BTreeMap<Name, Timestamp>,
    servers: BTreeMap<Name, Server>,
    renewed: BTreeMap<Name, Timestamp>,
    defined: BTreeMap<TokenId, BTreeMap<ProfileId, DefinedProfile>>,
    cooling: BTreeMap<TokenId, BTreeMap<Serial, Cooling>>,
    apple: apple::Folded,
    acts: Arc<ActBook>,
    gates_row: Option<i64>,
    gates_of_acts: Arc<BTreeMap<i64, (Gates, Vec<Policy>)>>,
}

impl Replay {
    /// The number of the last entry; 0 before the birth.
    pub fn head(&self) -> i64 {
        self.head
    }

    /// How many runs were begun.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Takes the next entry. After an error the value is not to be used any more.
    ///
    /// # Errors
    /// The entry cannot follow those before it.
    pub fn take(&mut self, row: Row) -> Result<(), ReplayError> {
        let expected = self.head + 1;
        if row.seq != expected {
            return Err(ReplayError::Order { expected, found: row.seq });
        }
        let is_birth = matches!(row.entry, Entry::Event(Event::Born { .. }));
        if is_birth != (expected == 1) {
            return Err(ReplayError::Birth);
        }
        match row.entry {
            Entry::Event(Event::Act(act)) => self.act(row.seq, row.at, act)?,
            Entry::Event(event) => self.event(row.seq, row.at, event)?,
            Entry::Intended { run, intent } => self.intend(row.seq, row.at, run, intent)?,
            Entry::Outcome { intent, state, note } => self.settle(row.at, intent, state, note)?,
        }
        self.head = row.seq;
        Ok(())
    }

    /// What a plan reads, seen at `now`.
    pub fn view(&self, now: Timestamp) -> LedgerView {
        let (id, born) = self.born.unwrap_or((Uuid::nil(), Timestamp::MAX));
        // What a copy does not know may have happened: its birth is when it was put back.
        let born = self.acts.restored().map_or(born, |restored| born.max(restored));
        LedgerView {
            id,
            born,
            head: self.head,
            owned: self.owned.clone(),
            unsettled: self.unsettled.values().cloned().collect(),
            gates: self.gates.clone(),
            in_force: self.in_force.clone(),
            policies: self.policies.clone(),
            sync_asked: self
                .sync_asked
                .iter()
                .map(|(token, serials)| (token.clone(), serials.iter().copied().collect()))
                .collect(),
            last_commit: self.last_commit.clone(),
            newest_commit: self.newest_commit.clone(),
            // An entry from the future (a clock that was set back) counts: the stricter reading.
            destroyed: self
                .destroyed
                .iter()
                .filter(|(at, ..)| between(*at, now) < LIMIT_WINDOW)
                .cloned()
                .collect(),
            tokens_deleted: self.tokens_deleted.clone(),
            servers: self.servers.clone(),
            renewed: self.renewed.clone(),
            defined: self.defined.clone(),
            cooling: self.cooling.clone(),
            apple: self.apple.view.clone(),
            acts: Arc::clone(&self.acts),
            gates_row: self.gates_row,
            gates_of_acts: Arc::clone(&self.gates_of_acts),
        }
    }

    fn act(&mut self, seq: i64, at: Timestamp, event: ActEvent) -> Result<(), ReplayError> {
        if let ActEvent::Bound { gates: Some(row), .. } = &event
            && self.gates_row == Some(*row)
            && let Some(gates) = &self.gates
        {
            let kept = Arc::make_mut(&mut self.gates_of_acts);
            kept.entry(*row).or_insert_with(|| (gates.clone(), self.policies.clone()));
        }
        // What was asked for before is unknown history. The commits that the copy knows were applied all the same.
        if matches!(event, ActEvent::Restored { rewritten: true, .. }) {
            (self.last_commit, self.newest_commit) = (None, None);
        }
        Ok(Arc::make_mut(&mut self.acts).take(seq, at, event)?)
    }

    fn take_up(&mut self, commit: Option<String>, part: bool) {
        if commit.is_some() && !part {
            self.newest_commit = commit;
        }
    }

    fn event(&mut self, seq: i64, at: Timestamp, event: Event) -> Result<(), ReplayError> {
        match event {
            Event::Born { fleet } => self.born = Some((fleet, at)),
            Event::RunStarted { run: _, commit, digest: _, manifests: _, part } => {
                self.runs += 1;
                self.take_up(commit, part);
            }
            Event::RunFinished { run: _, complete, commit, part } => {
                if complete {
                    self.last_commit.clone_from(&commit);
                }
                self.take_up(commit, part);
            }
            Event::Owned { address, tenant, token_id, object, how, name } => {
                let next = Ownership { tenant, token_id, object, how, name, applied: Fields::new() };
                self.own(address, next);
            }
            Event::Applied { address, fields } => match self.owned.get_mut(&address) {
                Some(ownership) => ownership.applied = fields,
                None => return Err(ReplayError::NotOwned { address }),
            },
            Event::Disowned { address, why: _ } => self.disown(&address),
            Event::Destroyed { address, token, kind, count } => {
                // Devices that were taken off its service leave it where it is.
                if address.kind == Kind::EnrollmentToken && kind == LimitKind::Delete {
                    self.tokens_deleted.insert(address.name, at);
                }
                self.destroyed.push((at, token, kind, count));
            }
            Event::InForce { token, wishes } => drop(self.in_force.insert(token, wishes)),
            Event::GatesApplied { gates, policies } => {
                // The same gates once more are the same entry: acts that were seen under them stay under them.
                if self.gates.as_ref() != Some(&gates) || self.policies != policies {
                    self.gates_row = Some(seq);
                }
                (self.gates, self.policies) = (Some(gates), policies);
            }
            Event::SyncAsked { token: _, token_id, serials } => {
                self.sync_asked.entry(token_id).or_default().extend(serials);
            }
            Event::NotWaiting { token: _, token_id, serials } => self.stop_waiting(token_id, &serials),
            Event::ServerKnown { token, token_id, server, name, org, apple_id, credentials } => {
                let server = Server { token_id, server, name, org, apple_id, credentials };
                self.servers.insert(token.name, server);
            }
            Event::TokenRenewed { token, apple_id: _, expires: _ } => {
                self.renewed.insert(token.name, at);
            }
            Event::Defined { address, token_id, object, name, content } => {
                let profile = DefinedProfile { address, name, content };
                self.defined.entry(token_id).or_default().insert(object, profile);
            }
            Event::Vanished { token_id, object } => {
                if let Some(defined) = self.defined.get_mut(&token_id) {
                    defined.remove(&object);
                    if defined.is_empty() {
                        self.defined.remove(&token_id);
                    }
                }
                // What was applied last goes on to say what documents leave unsaid.
                for owned in self.owned.values_mut().filter(|owned| owned.token_id == token_id) {
                    owned.object = owned.object.take().filter(|one| *one != object);
                }
            }
            Event::Cooling { token_id, profile, why, until, serials } => {
                let token = self.cooling.entry(token_id).or_default();
                for serial in serials {
                    let before = token.get(&serial).filter(|before| before.profile == profile);
                    let times = before.map_or(1, |before| before.times.saturating_add(1));
                    let cooling = Cooling { profile: profile.clone(), why: why.clone(), until, times };
                    token.insert(serial, cooling);
                }
            }
            Event::Cooled { token_id, serials } => {
                if let Some(token) = self.cooling.get_mut(&token_id) {
                    serials.iter().for_each(|serial| drop(token.remove(serial)));
                    if token.is_empty() {
                        self.cooling.remove(&token_id);
                    }
                }
            }
            // Taken by `act`, for it needs the entry's number.
            Event::Act(_) => {}
            Event::ServiceKnown { .. }
            | Event::ActivityAccepted { .. }
            | Event::ActivityEnded { .. }
            | Event::MigrationAsked { .. }
            | Event::MigrationOver { .. }
            | Event::KeyKnown { .. } => self.apple.take(at, event, &self.unsettled),
        }
        Ok(())
    }

    fn own(&mut self, address: Address, mut next: Ownership) {
        if address.kind == Kind::EnrollmentToken {
            self.tokens_deleted.remove(&address.name);
        }
        // What was applied belongs to the object and not to the address: another object starts anew.
        if let Some(before) = self.owned.remove(&address)
            && before.tenant == next.tenant
            && before.token_id == next.token_id
            && before.object == next.object
        {
            next.applied = before.applied;
        }
        self.owned.insert(address, next);
    }

    fn disown(&mut self, address: &Address) {
        if let Some(gone) = self.owned.remove(address)
            && gone.object.is_none()
        {
            self.sync_asked.remove(&gone.token_id);
        }
    }

    fn stop_waiting(&mut self, token_id: TokenId, serials: &[Serial]) {
        if let Some(waiting) = self.sync_asked.get_mut(&token_id) {
            serials.iter().for_each(|serial| {
                waiting.remove(serial);
            });
            if waiting.is_empty() {
                self.sync_asked.remove(&token_id);
            }
        }
    }

    fn intend(&mut self, id: i64, at: Timestamp, run: Uuid, new: NewIntent) -> Result<(), ReplayError> {
        let key = (new.address.clone(), new.write.clone(), new.part);
        // Of activities any number may be open for one object, and only one for a device.
        let holder = match new.serials.is_empty() {
            true => self.claimed(&key, run),
            false => self.apple.holder(&new.tenant, &new.serials),
        };
        if let Some(intent) = holder {
            return Err(ReplayError::Conflict { address: key.0, write: key.1, intent });
        }
        if new.serials.is_empty() {
            self.claims.insert(key, id);
        }
        self.apple.hold(&new.tenant, &new.serials, id);
        let NewIntent { address, tenant, write, part, name, object, platform, items, service, serials } = new;
        let (state, note) = (IntentState::Open, String::new());
        let intent = Intent {
            id,
            run,
            at,
            since: at,
            address,
            tenant,
            write,
            part,
            name,
            object,
            platform,
            items,
            service,
            serials,
            state,
            note,
        };
        self.unsettled.insert(id, intent);
        Ok(())
    }

    /// The unsettled intent that forbids this one: any of another run for the same write, or one
    /// of this run for the same share of it.
    fn claimed(&self, key: &(Address, String, u32), run: Uuid) -> Option<i64> {
        if let Some(id) = self.claims.get(key) {
            return Some(*id);
        }
        let first = (key.0.clone(), key.1.clone(), 0);
        let (found, id) = self.claims.range(first..).next()?;
        let same_write = found.0 == key.0 && found.1 == key.1;
        let other_run = self.unsettled.get(id).is_none_or(|intent| intent.run != run);
        (same_write && other_run).then_some(*id)
    }

    fn settle(&mut self, at: Timestamp, id: i64, to: IntentState, note: String) -> Result<(), ReplayError> {
        let Some(intent) = self.unsettled.get_mut(&id) else {
            return Err(ReplayError::NotOpen { intent: id, to });
        };
        let from = intent.state;
        let Some(state) = from.next(to) else {
            return Err(ReplayError::Transition { intent: id, from, to });
        };
        (intent.state, intent.since, intent.note) = (state, at, note);
        if !state.is_unsettled()
            && let Some(ended) = self.unsettled.remove(&id)
        {
            self.apple.ended(&ended, state == IntentState::Committed);
            if ended.serials.is_empty() {
                self.claims.remove(&(ended.address, ended.write, ended.part));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
