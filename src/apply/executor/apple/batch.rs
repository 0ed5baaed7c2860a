//! From steps to activities: one for each destination and thousand devices, whatever steps they come
//! from. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::super::journal::word;
use crate::ledger::{Event, LedgerView, NewIntent};
use crate::model::clock::Timestamp;
use crate::model::desired::LimitKind;
use crate::model::organisation::{ActivityRow, ActivityState};
use crate::model::{ActivityId, Address, Kind, Name, Realm, Serial, ServiceId};
use crate::plan::{Action, ServiceAction, Step};
use crate::provider::business::MOST_SERIALS;
use crate::provider::{AppleWrite, Trouble};

/// What an activity does with its devices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// Points them at a service.
    Assign { to: ServiceId, deadline: Option<Timestamp> },
    /// Takes them off one.
    Unassign { from: ServiceId },
    /// Changes when their migrations have to be done.
    UpdateDeadline(Timestamp),
    /// Cancels their migrations.
    CancelMigration,
}

impl Deed {
    /// What a step does with devices; `None` for what it does to a service.
    pub fn of(action: &ServiceAction) -> Option<Self> {
        Some(match action {
            ServiceAction::Assign { id, deadline, .. } => {
                Deed::Assign { to: id.clone(), deadline: *deadline }
            }
            ServiceAction::Unassign { id, .. } => Deed::Unassign { from: id.clone() },
            ServiceAction::UpdateDeadline { deadline, .. } => Deed::UpdateDeadline(*deadline),
            ServiceAction::CancelMigration { .. } => Deed::CancelMigration,
            ServiceAction::DropFamilies { .. }
            | ServiceAction::TakeFamilies { .. }
            | ServiceAction::Create { .. }
            | ServiceAction::Rename { .. }
            | ServiceAction::Delete { .. } => return None,
        })
    }

    fn service(&self) -> Option<&ServiceId> {
        match self {
            Deed::Assign { to: id, .. } | Deed::Unassign { from: id } => Some(id),
            Deed::UpdateDeadline(_) | Deed::CancelMigration => None,
        }
    }

    /// The deadline that it gives devices.
    fn deadline(&self) -> Option<Timestamp> {
        match self {
            Deed::Assign { deadline, .. } => *deadline,
            Deed::UpdateDeadline(deadline) => Some(*deadline),
            Deed::Unassign { .. } | Deed::CancelMigration => None,
        }
    }
}

/// The devices of one activity, and how far it is.
#[derive(Debug)]
pub(super) struct Batch {
    pub org: Realm,
    /// The organisation's client id: under it the ledger knows it.
    pub tenant: String,
    pub address: Address,
    /// The operation's word in the ledger.
    pub word: &'static str,
    /// Which share of the devices of one destination.
    pub part: u32,
    pub deed: Deed,
    /// Ascending.
    pub serials: Vec<Serial>,
    /// The services that they leave.
    pub left: BTreeSet<ServiceId>,
    /// The documents that wish migrations, by device; empty where none is asked for.
    pub asked_by: HashMap<Serial, Name>,
    pub stage: Stage,
    /// Its intent, once there is one.
    pub intent: Option<i64>,
    /// It was sent twice already.
    pub sent_again: bool,
}

/// How far an activity is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Not sent yet.
    Ready,
    /// The run was told to end before it.
    Interrupted,
    /// Refused, or not sent: proven to have no effect.
    Without(Trouble),
    /// The budget has no room for it, or Apple asked for patience.
    PutOff(Trouble),
    /// The answer was lost; until the instant nobody can tell what it did.
    Lost { trouble: Trouble, until: Timestamp },
    /// The answer was lost, and the lists show that it had its effect.
    Found,
    /// Apple took it on. `words`: how far it was when last seen, or why that is not known.
    Running { id: ActivityId, accepted: Timestamp, words: String },
    /// It ended.
    Ended { state: ActivityState, issues: BTreeMap<Serial, String>, told: HashSet<Serial> },
}

impl Batch {
    /// The request.
    pub fn write(&self) -> AppleWrite {
        let serials = self.serials.clone();
        match &self.deed {
            Deed::Assign { to, deadline } => {
                AppleWrite::Assign { to: to.clone(), deadline: *deadline, serials }
            }
            Deed::Unassign { from } => AppleWrite::Unassign { from: from.clone(), serials },
            Deed::UpdateDeadline(deadline) => AppleWrite::UpdateDeadline { deadline: *deadline, serials },
            Deed::CancelMigration => AppleWrite::CancelMigration { serials },
        }
    }

    /// The promise to send it.
    pub fn intent(&self) -> NewIntent {
        NewIntent {
            address: self.address.clone(),
            tenant: self.tenant.clone(),
            write: self.word.to_owned(),
            part: self.part,
            name: None,
            object: None,
            platform: None,
            items: self.serials.len() as u64,
            service: self.deed.service().cloned(),
            serials: self.serials.clone(),
        }
    }

    /// The services whose lists tell what came of it.
    pub fn concerned(&self) -> impl Iterator<Item = &ServiceId> {
        self.deed.service().into_iter().chain(&self.left)
    }

    /// The facts of its being taken on.
    pub fn accepted(&self, activity: Option<&ActivityId>, serials: &[Serial]) -> Vec<Event> {
        let mut events = Vec::new();
        if let (Some(intent), Some(activity)) = (self.intent, activity) {
            events.push(Event::ActivityAccepted { intent, activity: activity.clone() });
        }
        let Some(deadline) = self.deed.deadline() else { return events };
        let mut by_document: BTreeMap<&Name, Vec<Serial>> = BTreeMap::new();
        for serial in serials {
            let document = self.asked_by.get(serial).unwrap_or(&self.address.name);
            by_document.entry(document).or_default().push(*serial);
        }
        events.extend(by_document.into_iter().map(|(assignment, serials)| Event::MigrationAsked {
            tenant: self.tenant.clone(),
            assignment: assignment.clone(),
            deadline,
            serials,
        }));
        events
    }

    /// Takes what was seen of an activity that ended, and gives the facts that follow.
    pub fn end(
        &mut self,
        id: &ActivityId,
        state: ActivityState,
        rows: Option<Vec<ActivityRow>>,
    ) -> Vec<Event> {
        let rows = rows.unwrap_or_default();
        let told: HashSet<Serial> = rows.iter().map(|row| row.serial).collect();
        let issues = issues(&self.serials, rows);
        let about =
            About { tenant: &self.tenant, address: &self.address, write: self.word, serials: &self.serials };
        let events = about.ended(id, &state, &issues);
        self.stage = Stage::Ended { state, issues: issues.into_iter().collect(), told };
        events
    }
}

/// The issues that a log tells of these devices.
pub(in crate::apply) fn issues(serials: &[Serial], rows: Vec<ActivityRow>) -> Vec<(Serial, String)> {
    let own = |row: ActivityRow| Some((row.serial, row.issue?));
    rows.into_iter().filter_map(own).filter(|(serial, _)| serials.binary_search(serial).is_ok()).collect()
}

/// What an activity was about.
#[derive(Clone, Copy)]
pub(in crate::apply) struct About<'a> {
    pub tenant: &'a str,
    pub address: &'a Address,
    pub write: &'a str,
    pub serials: &'a [Serial],
}

impl About<'_> {
    /// The facts of its end. What an activity did without anybody seeing it is counted as done: the
    /// limits are the stricter for it.
    pub fn ended(&self, id: &ActivityId, state: &ActivityState, issues: &[(Serial, String)]) -> Vec<Event> {
        let with_issue: HashSet<&Serial> = issues.iter().map(|(serial, _)| serial).collect();
        let done: Vec<Serial> =
            self.serials.iter().filter(|serial| !with_issue.contains(serial)).copied().collect();
        let over = |serials: Vec<Serial>| Event::MigrationOver { tenant: self.tenant.to_owned(), serials };
        let mut events =
            vec![Event::ActivityEnded { activity: id.clone(), state: words(state), issues: issues.to_vec() }];
        match self.write {
            "unassignService" => events.extend(self.taken(done.len())),
            "migrate" if !issues.is_empty() => {
                events.push(over(issues.iter().map(|(serial, _)| *serial).collect()));
            }
            "cancelMigration" if !matches!(state, ActivityState::Broken(_)) && !done.is_empty() => {
                events.push(over(done));
            }
            _ => {}
        }
        events
    }

    /// So many devices lost their service: counted by the limits.
    pub fn taken(&self, count: usize) -> Option<Event> {
        (count > 0).then(|| Event::Destroyed {
            address: self.address.clone(),
            token: self.address.domain().clone(),
            kind: LimitKind::Unassign,
            count: count as u64,
        })
    }
}

/// Apple's words of how far an activity is.
pub(in crate::apply) fn words(state: &ActivityState) -> String {
    match state {
        ActivityState::Running(words) => format!("IN_PROGRESS, {words}"),
        ActivityState::Succeeded => "COMPLETED, COMPLETED_WITH_SUCCESS".to_owned(),
        ActivityState::EndedWithIssues(words) => format!("COMPLETED, {words}"),
        ActivityState::Broken(words) => words.clone(),
        ActivityState::Forgotten => "not known at Apple any more".to_owned(),
    }
}

/// Which of the batches has a device of a step.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// By device: its batch.
    pub of: HashMap<Serial, usize>,
    /// Not sent: an earlier activity has them, or may have.
    pub held: Vec<Serial>,
}

/// Cuts steps into activities. Devices that an unsettled intent or an open activity has are left out.
pub(super) fn cut<'r>(
    steps: &[&'r Step],
    tenant_of: impl Fn(&Step) -> String,
    wished_by: impl Fn(&Serial) -> Option<Name>,
    ledger: &LedgerView,
) -> (Vec<Batch>, BTreeMap<&'r str, Share>) {
    /// What is sent together.
    type Key<'k> = (&'k Realm, &'k Address, Deed);
    let mut places: BTreeMap<Key<'r>, usize> = BTreeMap::new();
    // In the order of the plan: what the budget has no room for is what comes last there.
    let mut wanted: Vec<Wanted<'r>> = Vec::new();
    let mut shares: BTreeMap<&'r str, Share> = BTreeMap::new();
    let mut busy: BTreeMap<String, HashSet<Serial>> = BTreeMap::new();
    for step in steps {
        let Action::Service(action) = &step.action else { continue };
        let Some(deed) = Deed::of(action) else { continue };
        let tenant = tenant_of(step);
        let busy = busy.entry(tenant.clone()).or_insert_with(|| busy_in(&tenant, ledger));
        let (held, free): (Vec<Serial>, Vec<Serial>) =
            action.serials().copied().partition(|serial| busy.contains(serial));
        let place = *places.entry((&step.connection, &step.address, deed.clone())).or_insert_with(|| {
            wanted.push(Wanted {
                org: &step.connection,
                address: &step.address,
                deed,
                tenant,
                word: word(&step.action),
                devices: BTreeMap::new(),
                left: BTreeSet::new(),
            });
            wanted.len() - 1
        });
        let one = &mut wanted[place];
        if let ServiceAction::Assign { groups, .. } = action {
            one.left.extend(groups.iter().filter_map(|group| group.from.clone()));
        }
        one.devices.extend(free.into_iter().map(|serial| (serial, step.id.as_str())));
        shares.insert(&step.id, Share { of: HashMap::new(), held });
    }
    let mut batches = Vec::new();
    for one in wanted {
        let devices: Vec<(Serial, &str)> = one.devices.into_iter().collect();
        for (part, chunk) in (0..).zip(devices.chunks(MOST_SERIALS)) {
            for (serial, step) in chunk {
                if let Some(share) = shares.get_mut(step) {
                    share.of.insert(*serial, batches.len());
                }
            }
            let asked_by = match (one.deed.deadline(), one.address.kind) {
                (Some(_), Kind::EnrollmentToken) => {
                    chunk.iter().filter_map(|(serial, _)| Some((*serial, wished_by(serial)?))).collect()
                }
                // The document is what it is about.
                _ => HashMap::new(),
            };
            batches.push(Batch {
                org: one.org.clone(),
                tenant: one.tenant.clone(),
                address: one.address.clone(),
                word: one.word,
                part,
                deed: one.deed.clone(),
                serials: chunk.iter().map(|(serial, _)| *serial).collect(),
                left: one.left.clone(),
                asked_by,
                stage: Stage::Ready,
                intent: None,
                sent_again: false,
            });
        }
    }
    (batches, shares)
}

/// The devices of one destination, with the step that each is from.
struct Wanted<'r> {
    org: &'r Realm,
    address: &'r Address,
    deed: Deed,
    tenant: String,
    word: &'static str,
    devices: BTreeMap<Serial, &'r str>,
    left: BTreeSet<ServiceId>,
}

fn busy_in(tenant: &str, ledger: &LedgerView) -> HashSet<Serial> {
    let unsettled = ledger.unsettled.iter().filter(|intent| intent.tenant == tenant);
    let open = ledger.apple.open_activities(tenant);
    unsettled
        .flat_map(|intent| &intent.serials)
        .chain(open.flat_map(|(_, activity)| &activity.serials))
        .copied()
        .collect()
}
