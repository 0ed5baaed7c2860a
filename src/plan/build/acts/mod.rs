//! Acts on devices: those of the documents, and those that the ledger follows although their documents are gone
//! (design section 5). PURE.
//!
//! | room | purpose |
//! |---|---|
//! | `find` | which record at which tenant a serial is, and which token lists it |
//! | `next` | what `apply` does with an act |
//! | `hand_over` | its checkpoints, and what of them the ordinary planner does |
//! | `asked` | what has to be read for a plan with acts |

mod asked;
mod find;
pub(super) mod hand_over;
mod next;

use std::collections::BTreeMap;

use super::Input;
use super::apple::Apple;
use crate::acts::evidence::{self, Told};
use crate::acts::support;
use crate::acts::{ActState, Promise, digest};
use crate::escrow::Recipients;
use crate::model::act::{ActContent, Os, Record};
use crate::model::clock::Timestamp;
use crate::model::desired::DeviceAction;
use crate::model::live::{Cause, Fact};
use crate::model::{ActId, ActionKind, Epoch, Name, Realm, Serial};
use crate::plan::acts::UNSEALED;
use crate::plan::{ActDevice, ActNext, Blocked, Note, Plan, PlannedAct, Step};

pub use asked::{ActReads, asked};
use find::{Found, Places};

/// The devices that each document with `where` picks now; a reason where that is not known.
pub(super) type Picked<'a> = BTreeMap<&'a Name, Result<Vec<Serial>, String>>;

/// What the documents select on Apple's side.
pub(super) fn pick<'a>(input: &Input<'a>, apple: &Apple<'a>) -> Picked<'a> {
    let selections = input.desired.actions.values().filter_map(|one| Some((one, one.selected.as_ref()?)));
    selections.map(|(document, conditions)| (&document.name, apple.picked(conditions))).collect()
}

/// One act with what its document says, where that is still there.
struct Asked<'a> {
    id: ActId,
    kind: ActionKind,
    content: Option<&'a ActContent>,
    /// Of its content.
    digest: String,
    expires: Timestamp,
    requested_at: Timestamp,
}

/// Plans all acts. `plan` has the steps of this run already: they come first.
pub(super) fn plan<'a>(input: &Input<'a>, plan: &mut Plan, picked: &Picked<'a>) {
    let open = input.ledger.acts.open().next().is_some();
    if input.desired.actions.is_empty() && !open {
        return;
    }
    let mut acts = Vec::new();
    let mut blocked = Vec::new();
    {
        let places = Places::of(input);
        let steps = steps_of(plan);
        let ground = Ground { input, places, steps };
        for document in input.desired.actions.values() {
            match ground.serials(document, picked) {
                Ok(serials) => acts.extend(serials.into_iter().filter_map(|one| ground.asked(document, one))),
                Err(reason) => blocked.push(unknown_selection(input, document, reason)),
            }
        }
        let gone = input.ledger.acts.open().filter(|(id, _)| !ground.is_named(id, picked));
        acts.extend(gone.filter_map(|(id, _)| ground.without_document(id)));
    }
    acts.sort_by(|a, b| (a.class, &a.id).cmp(&(b.class, &b.id)));
    plan.acts = acts;
    plan.blocked.extend(blocked);
}

fn unknown_selection(input: &Input<'_>, document: &DeviceAction, reason: String) -> Blocked {
    let organisation = input.desired.organisations.keys().next().cloned();
    let connection = input.desired.connections.keys().next().cloned();
    let none = || Realm::Mdm(document.name.clone());
    Blocked {
        connection: organisation.map(Realm::Apple).or(connection.map(Realm::Mdm)).unwrap_or_else(none),
        token: None,
        address: None,
        cause: Cause::Unavailable,
        rule: Some("A-1".to_owned()),
        reason: format!("the devices that DeviceAction/{} selects are not known: {reason}", document.name),
        next: "run it again; or name the serials".to_owned(),
    }
}

/// The steps of a plan that concern a device, by serial.
fn steps_of(plan: &Plan) -> BTreeMap<Serial, Vec<&Step>> {
    let mut by_serial: BTreeMap<Serial, Vec<&Step>> = BTreeMap::new();
    for step in &plan.steps {
        for serial in step.action.each_serial() {
            by_serial.entry(*serial).or_default().push(step);
        }
    }
    by_serial
}

/// What all acts of a plan are judged over.
pub(super) struct Ground<'g, 'a> {
    input: &'g Input<'a>,
    places: Places<'a>,
    steps: BTreeMap<Serial, Vec<&'g Step>>,
}

impl<'a> Ground<'_, 'a> {
    /// The serials of a document. What was bound is bound, also where conditions pick others by now.
    fn serials(&self, document: &DeviceAction, picked: &Picked<'a>) -> Result<Vec<Serial>, String> {
        if document.selected.is_none() {
            return Ok(document.devices.iter().map(|one| one.serial).collect());
        }
        if let Some(bound) = self.input.ledger.acts.action(&document.name) {
            return Ok(bound.serials.iter().copied().collect());
        }
        picked.get(&document.name).cloned().unwrap_or_else(|| Err("Apple's side was not asked".to_owned()))
    }

    /// Whether a document names the act, or may.
    fn is_named(&self, id: &ActId, picked: &Picked<'a>) -> bool {
        let Some(document) = self.input.desired.actions.get(&id.action) else { return false };
        self.serials(document, picked).map_or(true, |serials| serials.contains(&id.serial))
    }

    /// An act that a document asks for; `None` where it has ended and nothing is to be said.
    fn asked(&self, document: &'a DeviceAction, serial: Serial) -> Option<PlannedAct> {
        let content = &document.content;
        let asked = Asked {
            id: document.act(serial),
            kind: content.kind,
            content: Some(content),
            digest: digest::content(content),
            expires: content.expires,
            requested_at: content.requested_at,
        };
        self.plan_one(&asked)
    }

    /// An act whose document is gone, or does not name the serial any more.
    fn without_document(&self, id: &ActId) -> Option<PlannedAct> {
        let bound = self.input.ledger.acts.action(&id.action)?;
        let asked = Asked {
            id: id.clone(),
            kind: bound.kind,
            content: None,
            digest: bound.content.clone(),
            expires: bound.expires,
            requested_at: bound.requested_at,
        };
        self.plan_one(&asked)
    }

    fn plan_one(&self, asked: &Asked<'a>) -> Option<PlannedAct> {
        let Asked { id, kind, content, digest, expires, requested_at } = asked;
        let known = self.input.ledger.acts.act(id);
        let sent = known.and_then(|record| record.promises.last());
        let under_way = known.is_some_and(|record| record.state.is_under_way() || record.has_wiped());
        let found = match (*kind, sent.filter(|_| under_way)) {
            (ActionKind::Release, _) => self.places.at_apple(id.serial),
            // What was sent is looked for where it was sent.
            (_, Some(promise)) => self.places.promised(&promise.tenant, id.serial, &promise.epoch.record),
            (_, None) => self.places.find(id.serial),
        };
        let decided = next::decide(self, asked, &found)?;
        // A release is found at Apple; people know the device by its record.
        let at_mdm = matches!(found, Found::AtApple { .. }).then(|| self.places.find(id.serial));
        let seen = match at_mdm.as_ref().unwrap_or(&found) {
            Found::One { record, .. } => Some(*record),
            _ => None,
        };
        let recorded = match &found {
            Found::One { record, .. } => Some(*record),
            _ => None,
        };
        let known_of_it = seen.is_none().then(|| self.places.known_otherwise(&found));
        let realm = found.realm().cloned();
        let tenant = sent.map(|promise| promise.tenant.clone()).or_else(|| found.tenant().map(str::to_owned));
        let token = self.places.token_of(id.serial, tenant.as_deref());
        let os = recorded.map(|record| record.os).or_else(|| self.places.os_at_apple(id.serial));
        let epoch = known.and_then(|record| record.epoch().cloned()).or_else(|| found.epoch());
        let digest = digest::act(
            self.input.ledger.id,
            tenant.as_deref().unwrap_or_default(),
            id,
            digest,
            epoch.as_ref(),
        );
        let mut notes = decided.notes;
        notes.extend(notes_of(*kind, os));
        let begins = known.is_none_or(|record| record.promises.is_empty());
        if let (true, Some(realm), Some(record)) = (begins, &realm, seen) {
            notes.extend(self.unsealed(*kind, realm, record));
        }
        notes.extend(sent.and_then(|promise| self.seen(asked, promise)));
        Some(PlannedAct {
            id: id.clone(),
            kind: *kind,
            class: kind.class(),
            connection: realm,
            tenant,
            token,
            epoch,
            device: seen.map(device),
            known: known_of_it,
            state: known.map_or(ActState::Waiting, |record| record.state),
            next: decided.next,
            needs: decided.needs,
            does: os.and_then(|os| support::does(*kind, os)).map(str::to_owned),
            reason: content.and_then(|content| content.reason.clone()),
            requested_at: *requested_at,
            expires: *expires,
            notes,
            digest,
        })
    }
}

impl Ground<'_, '_> {
    /// L-4: the code that an act hangs on cannot be sealed to those whom the documents name.
    fn unsealed(&self, kind: ActionKind, realm: &Realm, record: &Record) -> Option<Note> {
        let Realm::Mdm(name) = realm else { return None };
        if !kind.needs_safeguard() || record.supervised == Some(false) {
            return None;
        }
        let desired = self.input.desired;
        let fleet = || desired.fleet.escrow.as_ref().map(|escrow| escrow.recipients.as_slice());
        let named = desired.connections.get(name).and_then(|one| one.escrow.as_deref()).or_else(fleet);
        let why = match named.map(Recipients::of) {
            None => "neither `Fleet.escrow` nor the connection's policy names recipients".to_owned(),
            Some(Ok(recipients)) => recipients.check(self.input.now).err()?.to_string(),
            Some(Err(errors)) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        };
        let text = format!(
            "{UNSEALED}: {why}; where Apple says that there is no lock it goes all the same, and the code is lost"
        );
        Some(Note::new("L-4", text))
    }

    /// What the lists tell already of an act that is under way, and no apply has written down yet.
    fn seen(&self, asked: &Asked<'_>, promise: &Promise) -> Option<Note> {
        // Of a lift Apple's word counts, which is asked by who writes it down.
        if asked.kind == ActionKind::DisableActivationLock {
            return None;
        }
        let input = self.input;
        let (realm, records) = self.places.records_at(&promise.tenant)?;
        let others = self.places.elsewhere(&promise.tenant, asked.id.serial);
        let audits = input.live.audits.get(realm).and_then(Fact::known);
        let audits = audits.and_then(|audits| audits.get(&promise.epoch.record));
        let audits = audits.map(Vec::as_slice).unwrap_or_default();
        let (book, content) = (&input.ledger.acts, asked.content);
        let told = evidence::of(book, &asked.id, content, Some(records), &others, audits, input.now);
        let (_, Told { to, evidence }) = told.into_iter().next_back()?;
        Some(Note::new("L-8", format!("seen: {to}: {evidence}; the next apply writes it down")))
    }
}

fn device(record: &Record) -> ActDevice {
    ActDevice {
        name: record.name.clone(),
        model: record.model.clone(),
        os: record.os,
        os_version: record.os_version.clone(),
        user: record.user.clone(),
        supervised: record.supervised,
    }
}

/// What everybody should know who asks for it.
fn notes_of(kind: ActionKind, os: Option<Os>) -> Vec<Note> {
    let is_apple = !matches!(os, Some(Os::Android | Os::Windows));
    match kind {
        ActionKind::Retire if is_apple => vec![
            Note::new("D-1", "to enroll it again, reset it on the device and go through the setup assistant"),
            Note::new("S-5", "while its token has it at Apple, it is listed again after the next full sync"),
        ],
        ActionKind::DeleteRecord if is_apple => vec![
            Note::new("S-5", "while its token has it at Apple, it is listed again after the next full sync"),
            Note::new("D-3", "to take it out of the organisation at Apple is `release`"),
        ],
        ActionKind::Wipe if is_apple => {
            vec![Note::new(
                "L-5",
                "where an Activation Lock is on, the sealed bypass code is entered as the password, with an empty user name",
            )]
        }
        ActionKind::DisableActivationLock => {
            vec![Note::new("L-6", "the lock comes back as soon as somebody opens Find My on it")]
        }
        ActionKind::Lock if matches!(os, Some(Os::Ios | Os::Ipados | Os::Visionos | Os::Android)) => {
            vec![Note::new("R-1", "without a passcode on the device it only turns the screen off")]
        }
        _ => Vec::new(),
    }
}

/// The epoch of a device in its organisation at Apple, as a release is for it.
fn epoch_at_apple(serial: Serial, added: i64) -> Option<Epoch> {
    let enrolled = Timestamp::from_second(added).ok().filter(|_| added > 0)?;
    Some(Epoch { record: crate::model::act::RecordId(serial.to_string()), enrolled })
}

/// What `apply` does with an act, and what goes with that.
struct Decided {
    next: ActNext,
    needs: Vec<String>,
    notes: Vec<Note>,
}

impl Decided {
    fn only(next: ActNext) -> Self {
        Self { next, needs: Vec::new(), notes: Vec::new() }
    }
}
