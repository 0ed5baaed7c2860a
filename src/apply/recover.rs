//! What an earlier run left open: intents whose answer nobody has. PURE.
//!
//! A run that dies leaves promises without an outcome. Once the horizon has passed, a complete read
//! shows what came of them: a profile that a lost create made is recognised by the name that the
//! promise carries, and becomes ours as created. Everything else follows from the live state.

mod apple;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ledger::{
    AskedMigration, Ended, Event, How, Intent, IntentState, KnownService, LedgerView, Ownership,
};
use crate::model::clock::{Timestamp, after};
use crate::model::desired::LimitKind;
use crate::model::live::{Complete, Fact, Live, LiveProfile, LiveTenant, ProfileKind};
use crate::model::{Address, Fields, Name, Platform, TokenId};
use crate::plan::build::HORIZON;
use crate::plan::build::apple::ACTIVITY_HORIZON;

/// What is to be written about old intents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// Intents with their end.
    pub settled: Vec<(i64, IntentState, String)>,
    /// Facts that follow.
    pub events: Vec<Event>,
}

/// Until when the oldest unsettled intents are unknown; `None` when none is.
pub fn unknown_until(view: &LedgerView) -> Option<Timestamp> {
    view.unsettled.iter().map(|intent| after(intent.since, horizon(intent))).max()
}

/// How long nobody can tell what came of an intent.
fn horizon(intent: &Intent) -> Duration {
    if apple::is_apples(&intent.write) { ACTIVITY_HORIZON } else { HORIZON }
}

/// Looks unsettled intents up in what was read, and returns the view as it is then, with what has
/// to be written so that the ledger says the same. Intents within their horizon, and those whose
/// lists are unknown, stay as they are.
pub fn recover(
    view: &LedgerView,
    live: &Live,
    tokens: &BTreeMap<Name, TokenId>,
    now: Timestamp,
) -> (LedgerView, Recovery) {
    let mut view = view.clone();
    let mut recovery = Recovery::default();
    let (ripe, young): (Vec<Intent>, Vec<Intent>) = std::mem::take(&mut view.unsettled)
        .into_iter()
        .partition(|intent| after(intent.since, horizon(intent)) <= now);
    view.unsettled = young;
    for intent in ripe {
        match look_up(&intent, live, tokens, &view) {
            Some((note, events)) => {
                events.iter().for_each(|event| fold(&mut view, event, now));
                recovery.settled.push((intent.id, IntentState::Settled, note));
                recovery.events.extend(events);
            }
            None => view.unsettled.push(intent),
        }
    }
    for event in apple::ended(&view, live) {
        fold(&mut view, &event, now);
        recovery.events.push(event);
    }
    (view, recovery)
}

/// What came of one intent; `None` where that cannot be told.
fn look_up(
    intent: &Intent,
    live: &Live,
    tokens: &BTreeMap<Name, TokenId>,
    view: &LedgerView,
) -> Option<(String, Vec<Event>)> {
    if apple::is_apples(&intent.write) {
        return apple::look_up(intent, live, view);
    }
    let tenant = live.tenants.values().find(|tenant| tenant.tenant_id == intent.tenant)?;
    match intent.write.as_str() {
        "createProfile" => {
            let token_id = tokens.get(intent.address.domain())?;
            let profiles = profiles(tenant, token_id)?;
            let made = made_by(intent, profiles, view);
            let events = made.ok().flatten().map(|profile| Event::Owned {
                address: intent.address.clone(),
                tenant: intent.tenant.clone(),
                token_id: token_id.clone(),
                object: Some(profile.id.clone()),
                how: How::Created,
                name: profile.name.clone(),
            });
            let note = match made {
                Ok(Some(_)) => "found: it had its effect",
                Ok(None) => "not found: it had no effect",
                Err(Several) => "several profiles carry the name: a person has to tell which one is meant",
            };
            Some((note.to_owned(), events.into_iter().collect()))
        }
        "deleteProfile" => {
            let token_id = tokens.get(intent.address.domain())?;
            let profiles = profiles(tenant, token_id)?;
            let object = intent.object.as_ref()?;
            let gone = profiles.by_id(object).is_err();
            Some(deletion(intent, gone))
        }
        "deleteToken" => {
            let owned = view.owned.get(&intent.address);
            let known = tenant.tokens.known()?;
            let gone = match owned {
                Some(owned) => known.by_id(&owned.token_id).is_err(),
                None => !tokens.contains_key(intent.address.domain()),
            };
            Some(deletion(intent, gone))
        }
        // Nobody can look for it; defined again, it leaves a profile behind that no device has.
        "defineProfile" => {
            tenant.tokens.known()?;
            Some(("not known: it is defined again if it is still wished".to_owned(), Vec::new()))
        }
        // Which of the devices it took something from is not known any more: the limits count them all.
        "unassign" => {
            tenant.tokens.known()?;
            let event = Event::Destroyed {
                address: intent.address.clone(),
                token: intent.address.domain().clone(),
                kind: LimitKind::Unassign,
                count: intent.items,
            };
            Some(("read again: the live state tells".to_owned(), vec![event]))
        }
        // The live state says all about the others.
        _ => {
            tenant.tokens.known()?;
            Some(("read again: the live state tells".to_owned(), Vec::new()))
        }
    }
}

fn deletion(intent: &Intent, gone: bool) -> (String, Vec<Event>) {
    if !gone {
        return ("still there: it had no effect".to_owned(), Vec::new());
    }
    let events = vec![
        Event::Disowned { address: intent.address.clone(), why: "its deletion had its effect".to_owned() },
        Event::Destroyed {
            address: intent.address.clone(),
            token: intent.address.domain().clone(),
            kind: LimitKind::Delete,
            count: 1,
        },
    ];
    ("gone: it had its effect".to_owned(), events)
}

fn profiles<'a>(tenant: &'a LiveTenant, token: &TokenId) -> Option<&'a Complete<LiveProfile>> {
    tenant.profiles.get(token).and_then(Fact::known)
}

/// More than one live profile carries the promised name.
#[derive(Clone, Copy)]
struct Several;

/// The one profile of the promised name that is nobody's. Two of them are left to a person: the
/// plan blocks with both ids.
fn made_by<'a>(
    intent: &Intent,
    profiles: &'a Complete<LiveProfile>,
    view: &LedgerView,
) -> Result<Option<&'a LiveProfile>, Several> {
    let Some(name) = intent.name.as_deref() else { return Ok(None) };
    let is_ours =
        |profile: &LiveProfile| view.owned.values().any(|owned| owned.object.as_ref() == Some(&profile.id));
    let is_meant = |profile: &LiveProfile| is_of(&profile.kind, intent.platform) && !is_ours(profile);
    match profiles.named(name, is_meant).unwrap_or_default().as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(Several),
    }
}

/// Whether a live object is a classic profile of the promised platform; any, where the promise is
/// from before there were several.
fn is_of(kind: &ProfileKind, platform: Option<Platform>) -> bool {
    match (kind, platform) {
        (ProfileKind::Classic(live), Some(promised)) => *live == promised,
        (ProfileKind::Classic(_), None) => true,
        _ => false,
    }
}

/// Folds an event of a recovery into the view, as the ledger will when it is written.
fn fold(view: &mut LedgerView, event: &Event, now: Timestamp) {
    match event {
        Event::Owned { address, tenant, token_id, object, how, name } => {
            let owned = Ownership {
                tenant: tenant.clone(),
                token_id: token_id.clone(),
                object: object.clone(),
                how: *how,
                name: name.clone(),
                applied: Fields::new(),
            };
            view.owned.insert(address.clone(), owned);
        }
        Event::Disowned { address, .. } => drop(view.owned.remove(address)),
        // The limits over 24 hours count it in this run already.
        Event::Destroyed { address: _, token, kind, count } => {
            view.destroyed.push((now, token.clone(), *kind, *count));
        }
        Event::ActivityEnded { activity, state, issues } => {
            if let Some(known) = view.apple.activities.get_mut(activity) {
                known.ended = Some(Ended { at: now, state: state.clone(), issues: issues.clone() });
            }
        }
        Event::ServiceKnown { token, tenant, service, name, made } => {
            let known =
                KnownService { tenant: tenant.clone(), id: service.clone(), name: name.clone(), made: *made };
            view.apple.services.insert(token.name.clone(), known);
        }
        Event::MigrationAsked { tenant, assignment, deadline, serials } => {
            let of = view.apple.migrations.entry(tenant.clone()).or_default();
            let one = AskedMigration { assignment: assignment.clone(), deadline: *deadline };
            of.extend(serials.iter().map(|serial| (*serial, one.clone())));
        }
        Event::MigrationOver { tenant, serials } => {
            if let Some(of) = view.apple.migrations.get_mut(tenant) {
                serials.iter().for_each(|serial| drop(of.remove(serial)));
            }
        }
        _ => {}
    }
}

/// The token ids that documents mean, over all connections; the engine's and the recovery's key.
pub fn all_tokens(by_connection: &BTreeMap<Name, BTreeMap<Name, TokenId>>) -> BTreeMap<Name, TokenId> {
    by_connection.values().flatten().map(|(name, id)| (name.clone(), id.clone())).collect()
}

/// Whether an address has an unsettled intent.
pub fn is_unsettled(view: &LedgerView, address: &Address) -> bool {
    view.unsettled.iter().any(|intent| intent.address == *address)
}
