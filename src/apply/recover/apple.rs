//! What an earlier run left open in Apple Business or Apple School Manager. PURE.

use super::super::executor::apple::batch::About;
use crate::diag::words::count;
use crate::ledger::{Event, Intent, LedgerView};
use crate::model::clock::Timestamp;
use crate::model::desired::LimitKind;
use crate::model::live::Live;
use crate::model::organisation::{ActivityState, Belongs, LiveOrganisation, LiveService, OrgDevices};
use crate::model::{Serial, ServiceId};

/// The words of what is sent to an organisation.
const WORDS: [&str; 10] = [
    "assignService",
    "migrate",
    "unassignService",
    "updateDeadline",
    "cancelMigration",
    "dropFamilies",
    "takeFamilies",
    "createService",
    "renameService",
    "deleteService",
];

/// Whether an intent with this word was sent to an organisation.
pub(super) fn is_apples(word: &str) -> bool {
    WORDS.contains(&word)
}

/// What came of one intent; `None` where that cannot be told.
pub(super) fn look_up(intent: &Intent, live: &Live, view: &LedgerView) -> Option<(String, Vec<Event>)> {
    let organisation = live.organisations.values().find(|one| one.tenant == intent.tenant)?;
    // What an earlier run read shows nothing of what was sent after it.
    if organisation.reused {
        return None;
    }
    match intent.write.as_str() {
        "createService" => made(intent, organisation, view),
        "deleteService" => {
            let service = intent.service.as_ref()?;
            let gone = organisation.services.known()?.by_id(service).is_err();
            let counted = gone.then(|| Event::Destroyed {
                address: intent.address.clone(),
                token: intent.address.domain().clone(),
                kind: LimitKind::Delete,
                count: 1,
            });
            let note = if gone { "gone: it had its effect" } else { "still there: it had no effect" };
            Some((note.to_owned(), counted.into_iter().collect()))
        }
        "dropFamilies" | "takeFamilies" | "renameService" => {
            organisation.services.known()?;
            Some(("read again: the live state tells".to_owned(), Vec::new()))
        }
        _ => devices(intent, organisation.devices.known()?),
    }
}

/// The service of the promised name that no token is known to have.
fn made(intent: &Intent, organisation: &LiveOrganisation, view: &LedgerView) -> Option<(String, Vec<Event>)> {
    let name = intent.name.as_ref()?;
    let is_known = |service: &LiveService| view.apple.services.values().any(|one| one.id == service.id);
    let named: Vec<&LiveService> = organisation
        .services
        .known()?
        .iter()
        .filter(|service| service.name == *name && !is_known(service))
        .collect();
    Some(match named.as_slice() {
        [] => ("not found: it had no effect".to_owned(), Vec::new()),
        [only] => {
            let known = Event::ServiceKnown {
                token: intent.address.clone(),
                tenant: intent.tenant.clone(),
                service: only.id.clone(),
                name: name.clone(),
                made: true,
            };
            ("found: it had its effect".to_owned(), vec![known])
        }
        _ => {
            let note = "several services carry the name: a person has to tell which one is meant";
            (note.to_owned(), Vec::new())
        }
    })
}

/// What an activity whose answer was lost did with its devices, as the lists show.
fn devices(intent: &Intent, devices: &OrgDevices) -> Option<(String, Vec<Event>)> {
    let is_at = |serial: &Serial, service: &ServiceId| {
        devices.find(serial).is_some_and(|device| devices.service_of(device) == Belongs::To(service))
    };
    // While the lists contradict each other it may still be at work.
    let is_unclear = |serial: &Serial| {
        devices.find(serial).is_some_and(|device| devices.service_of(device) == Belongs::Unclear)
    };
    if intent.serials.iter().any(is_unclear) {
        return None;
    }
    let all = &intent.serials;
    let note = |found: usize| match found {
        0 => "not found: it had no effect".to_owned(),
        found => format!("found: it had its effect on {found} of {}", count(all.len(), "device")),
    };
    match (intent.write.as_str(), &intent.service) {
        ("assignService" | "migrate", Some(to)) => {
            let there: Vec<Serial> = all.iter().filter(|serial| is_at(serial, to)).copied().collect();
            let asked = if intent.write == "migrate" { asked(intent, devices, &there) } else { Vec::new() };
            Some((note(there.len()), asked))
        }
        ("unassignService", Some(from)) => {
            let gone: Vec<Serial> = all.iter().filter(|serial| !is_at(serial, from)).copied().collect();
            let about = About {
                tenant: &intent.tenant,
                address: &intent.address,
                write: &intent.write,
                serials: all,
            };
            Some((note(gone.len()), about.taken(gone.len()).into_iter().collect()))
        }
        _ => Some(("read again: the live state tells".to_owned(), Vec::new())),
    }
}

/// The migrations that a lost request asked for, by the deadlines that the devices' records show.
fn asked(intent: &Intent, devices: &OrgDevices, there: &[Serial]) -> Vec<Event> {
    let mut by_deadline: std::collections::BTreeMap<Timestamp, Vec<Serial>> = Default::default();
    for serial in there {
        let migration = devices.find(serial).map(|device| devices.migration_of(device));
        if let Some(deadline) = migration.and_then(|migration| migration.deadline) {
            by_deadline.entry(deadline).or_default().push(*serial);
        }
    }
    let event = |(deadline, serials)| Event::MigrationAsked {
        tenant: intent.tenant.clone(),
        assignment: intent.address.name.clone(),
        deadline,
        serials,
    };
    by_deadline.into_iter().map(event).collect()
}

/// The ends of activities that were seen to end while everything was read. Their logs were not fetched:
/// the lists tell what became of the devices.
pub(super) fn ended(view: &LedgerView, live: &Live) -> Vec<Event> {
    let mut events = Vec::new();
    for organisation in live.organisations.values() {
        for (id, known) in view.apple.open_activities(&organisation.tenant) {
            let state = match organisation.activities.get(id).and_then(|state| state.known()) {
                None | Some(ActivityState::Running(_)) => continue,
                Some(ActivityState::Forgotten) if is_young(known.accepted, organisation.read_at) => continue,
                Some(state) => state,
            };
            let about = About {
                tenant: &known.tenant,
                address: &known.address,
                write: &known.write,
                serials: &known.serials,
            };
            events.extend(about.ended(id, state, &[]));
        }
    }
    events
}

fn is_young(accepted: Timestamp, now: Timestamp) -> bool {
    crate::model::clock::between(accepted, now) < super::super::executor::apple::life::TOO_YOUNG
}
