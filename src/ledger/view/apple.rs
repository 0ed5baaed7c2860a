//! What the log tells of Apple Business and Apple School Manager. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::ledger::event::{Event, Intent};
use crate::model::clock::Timestamp;
use crate::model::{ActivityId, Address, Name, Serial, ServiceId};

/// The device management service that a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownService {
    /// The organisation: the client id of its connection.
    pub tenant: String,
    /// The service.
    pub id: ServiceId,
    /// Its name when it was seen last.
    pub name: String,
    /// Made by espalier.
    pub made: bool,
}

/// An activity that Apple took on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownActivity {
    /// The organisation: the client id of its connection.
    pub tenant: String,
    /// The object for which it was sent.
    pub address: Address,
    /// The operation's word: `assignService`, `unassignService` …
    pub write: String,
    /// The service that devices are pointed at or taken off.
    pub service: Option<ServiceId>,
    /// The devices, ascending.
    pub serials: Vec<Serial>,
    /// When Apple took it on.
    pub accepted: Timestamp,
    /// How it ended; `None` while nobody has seen that.
    pub ended: Option<Ended>,
}

/// How an activity ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// When that was seen.
    pub at: Timestamp,
    /// Apple's words of its state.
    pub state: String,
    /// The devices with issues, with Apple's words.
    pub issues: Vec<(Serial, String)>,
}

/// A migration that espalier asked a device for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedMigration {
    /// The assignment document that wished it.
    pub assignment: Name,
    /// By when.
    pub deadline: Timestamp,
}

/// What is known of organisations at Apple.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppleView {
    /// By token: its service.
    pub services: BTreeMap<Name, KnownService>,
    /// Activities that have not been seen to end; of those that have, the last of each device.
    pub activities: BTreeMap<ActivityId, KnownActivity>,
    /// By organisation and device: migrations that espalier asked for.
    pub migrations: BTreeMap<String, BTreeMap<Serial, AskedMigration>>,
    /// By organisation and key id: when the key was used for the first time.
    pub keys: BTreeMap<String, BTreeMap<String, Timestamp>>,
}

impl AppleView {
    /// The activities that nobody has seen end, of one organisation.
    pub fn open_activities<'v>(
        &'v self,
        tenant: &'v str,
    ) -> impl Iterator<Item = (&'v ActivityId, &'v KnownActivity)> {
        self.activities.iter().filter(move |(_, one)| one.tenant == tenant && one.ended.is_none())
    }
}

/// The view while the log is folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    pub view: AppleView,
    /// Intents with devices that were confirmed, until their activity is named.
    sent: BTreeMap<i64, Intent>,
    /// Intents that have not ended and whose activity is named already.
    named: BTreeSet<i64>,
    /// By activity that was taken on: its intent, and how many devices were in no later one.
    taken: HashMap<ActivityId, (i64, usize)>,
    /// By organisation and device: the activity that it was in last.
    last: HashMap<String, HashMap<Serial, ActivityId>>,
    /// By organisation and device: the intent or activity that nobody has seen end, by the intent's
    /// number.
    held: HashMap<String, HashMap<Serial, i64>>,
}

impl Folded {
    /// The intent that has one of these devices: its answer is not known, or its activity has not been
    /// seen to end.
    pub fn holder(&self, tenant: &str, serials: &[Serial]) -> Option<i64> {
        let held = self.held.get(tenant)?;
        serials.iter().find_map(|serial| held.get(serial)).copied()
    }

    /// Keeps the devices of a promise from every other one.
    pub fn hold(&mut self, tenant: &str, serials: &[Serial], intent: i64) {
        if !serials.is_empty() {
            let held = self.held.entry(tenant.to_owned()).or_default();
            held.extend(serials.iter().map(|serial| (*serial, intent)));
        }
    }

    fn release(&mut self, tenant: &str, serials: &[Serial], intent: i64) {
        let Some(held) = self.held.get_mut(tenant) else { return };
        for serial in serials {
            if held.get(serial) == Some(&intent) {
                held.remove(serial);
            }
        }
        if held.is_empty() {
            self.held.remove(tenant);
        }
    }

    /// Takes the end of an intent: one that was confirmed is remembered, for the name of its activity
    /// comes behind it.
    pub fn ended(&mut self, intent: &Intent, confirmed: bool) {
        if intent.serials.is_empty() || self.named.remove(&intent.id) {
            return;
        }
        self.release(&intent.tenant, &intent.serials, intent.id);
        if confirmed {
            self.sent.insert(intent.id, intent.clone());
        }
    }

    /// Takes an event that is about an organisation; others change nothing. `unsettled` are the intents
    /// that have not ended.
    pub fn take(&mut self, at: Timestamp, event: Event, unsettled: &BTreeMap<i64, Intent>) {
        match event {
            Event::ServiceKnown { token, tenant, service, name, made } => {
                let before = self.view.services.get(&token.name).filter(|one| one.id == service);
                let made = made || before.is_some_and(|one| one.made);
                self.view.services.insert(token.name, KnownService { tenant, id: service, name, made });
            }
            Event::ActivityAccepted { intent, activity } => {
                if let Some(known) = self.sent.remove(&intent) {
                    self.accept(at, activity, known);
                } else if let Some(known) = unsettled.get(&intent) {
                    self.named.insert(intent);
                    self.accept(at, activity, known.clone());
                }
            }
            Event::ActivityEnded { activity, state, issues } => self.end(at, &activity, state, issues),
            Event::MigrationAsked { tenant, assignment, deadline, serials } => {
                let of = self.view.migrations.entry(tenant).or_default();
                let one = |serial| (serial, AskedMigration { assignment: assignment.clone(), deadline });
                of.extend(serials.into_iter().map(one));
            }
            Event::MigrationOver { tenant, serials } => {
                if let Some(of) = self.view.migrations.get_mut(&tenant) {
                    serials.iter().for_each(|serial| drop(of.remove(serial)));
                    if of.is_empty() {
                        self.view.migrations.remove(&tenant);
                    }
                }
            }
            Event::KeyKnown { tenant, key } => {
                self.view.keys.entry(tenant).or_default().entry(key).or_insert(at);
            }
            _ => {}
        }
    }

    fn accept(&mut self, at: Timestamp, activity: ActivityId, intent: Intent) {
        let Intent { id, tenant, address, write, service, serials, .. } = intent;
        self.hold(&tenant, &serials, id);
        self.taken.insert(activity.clone(), (id, serials.len()));
        let last = self.last.entry(tenant.clone()).or_default();
        let mut passed = BTreeSet::new();
        for serial in &serials {
            let Some(before) = last.insert(*serial, activity.clone()) else { continue };
            if let Some((_, left)) = self.taken.get_mut(&before) {
                *left -= 1;
                if *left == 0 {
                    passed.insert(before);
                }
            }
        }
        let known = KnownActivity { tenant, address, write, service, serials, accepted: at, ended: None };
        self.view.activities.insert(activity, known);
        passed.iter().for_each(|before| self.forget(before));
    }

    fn end(&mut self, at: Timestamp, activity: &ActivityId, state: String, issues: Vec<(Serial, String)>) {
        let Some(known) = self.view.activities.get_mut(activity) else { return };
        known.ended = Some(Ended { at, state, issues });
        let (tenant, serials) = (known.tenant.clone(), known.serials.clone());
        if let Some((intent, _)) = self.taken.get(activity) {
            self.release(&tenant, &serials, *intent);
        }
        self.forget(activity);
    }

    /// Forgets an activity that has ended and whose devices were all in later ones.
    fn forget(&mut self, activity: &ActivityId) {
        let is_last = self.taken.get(activity).is_some_and(|(_, left)| *left > 0);
        let is_open = self.view.activities.get(activity).is_some_and(|one| one.ended.is_none());
        if !is_last && !is_open {
            self.taken.remove(activity);
            self.view.activities.remove(activity);
        }
    }
}

#[cfg(test)]
#[path = "apple_tests.rs"]
mod tests;
