//! What documents ask to be done to devices: acts (rows L, D, S-5), and the recipients of what is sealed.
//!
//! The documents know neither the devices nor what became of an act: they are judged by what they say, and
//! by what the other documents say of the same serial numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Needs, Rule, RuleEntry, note, refuse, warn};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::escrow;
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, DeviceAction, NamedSerial, Places, Recipient, RouteTo};
use crate::model::{ActionKind, Class, Place, Serial};

/// How far `requestedAt` may lie ahead of the clock (manifests.md, `DeviceAction`).
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// How many serials of one document are told one by one.
const MOST_TOLD: usize = 20;

/// What an act is judged by.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    /// The document.
    pub action: &'a DeviceAction,
    /// Whether anybody is named to whom secrets of devices are sealed.
    pub seals: bool,
    /// The devices of acts that other documents assign, by serial.
    pub assigned: &'a Assigned,
}

/// Where assignments name serials that acts name as well: the place of the first.
pub type Assigned = BTreeMap<Serial, Place>;

/// What a rule tells.
pub struct Said {
    /// The field, for the place.
    field: &'static str,
    /// Another place, instead of the field's.
    place: Option<Place>,
    also: Option<Place>,
    message: String,
}

impl Said {
    fn at(field: &'static str, message: impl Into<String>) -> Option<Self> {
        Some(Self { field, place: None, also: None, message: message.into() })
    }
}

/// A rule over one act.
pub type ActRule = Rule<fn(&Act) -> Option<Said>>;

const ACTION: &[&str] = &["action"];
const WAIVER: &[&str] = &["action", "acceptNoBypassCode", "escrow.recipients"];
const DEVICES: &[&str] = &["devices.serials"];
const RECIPIENTS: &[&str] = &["escrow.recipients"];

/// The rules over one act.
pub const RULES: &[ActRule] = &[
    Rule {
        entry: refuse(
            "L-6",
            &["physicallyInHand"],
            "who lifts an Activation Lock has the device in hand: the lock comes back as soon as Find My is opened again",
            "write `physicallyInHand: true`, once the device is there",
        ),
        check: not_in_hand,
    },
    Rule {
        entry: warn(
            "L-4",
            WAIVER,
            "what takes the bypass code away needs it in escrow first, and nobody is named to whom it could be sealed",
            "add `escrow: {recipients: […]}` to the Fleet; or, where no code can be had, write `acceptNoBypassCode` with the reason",
        ),
        check: cannot_seal,
    },
    Rule {
        entry: warn(
            "L-4",
            WAIVER,
            "the answer of the device is sealed, and nobody is named to whom",
            "add `escrow: {recipients: […]}` to the Fleet",
        ),
        check: answer_for_nobody,
    },
    Rule {
        entry: note(
            "D-1",
            ACTION,
            "a wiped device enrolls again when it is switched on and Setup Assistant is followed; a retired one only after a factory reset on the device",
            "nothing; `plan` tells which profile it gets then",
        ),
        check: enrolls_again,
    },
    Rule {
        entry: note(
            "D-3",
            ACTION,
            "deleting the record of a device does not release it at Apple, and releasing it cannot be undone",
            "nothing, if that is meant; to take a device off its service at Apple write `unassign: true` in an assignment",
        ),
        check: deletes_or_releases,
    },
    Rule {
        entry: warn(
            "S-5",
            DEVICES,
            "a device whose record is deleted while it stays assigned at Apple comes back with the next full sync",
            "take it out of the assignment and write `unassign: true` for it, if it is to stay away",
        ),
        check: comes_back,
    },
    Rule {
        entry: note(
            "S-5",
            DEVICES,
            "a retired device that stays assigned at Apple enrolls again once it is reset",
            "nothing, if that is meant; else take it out of the assignment",
        ),
        check: stays_assigned,
    },
];

/// Rules whose checks stand below or in `manifest`.
pub const OTHERS: &[RuleEntry] = &[
    refuse(
        "L-4",
        RECIPIENTS,
        "a recipient of sealed secrets is an X.509 certificate whose key can be sealed to: RSA from 2048 bits, or EC on P-256, P-384 or P-521",
        "name the file of such a certificate, without its key",
    ),
    EXPIRED,
    refuse(
        "A-2",
        &["options.token"],
        "a hand-over leads to a token of Intune whose service is at Apple, and that stays",
        "name a token with `mdm` and `apple`",
    ),
    refuse(
        "A-3",
        &["options.profile"],
        "what a hand-over gives has to be on the token that it leads to",
        "name a profile whose `tokens` select the token",
    ),
    note(
        "L-7",
        ACTION,
        "a device has a bypass code only after a device-restrictions profile allowed Activation Lock",
        "assign such a profile in Intune, or write `acceptNoBypassCode` with the reason",
    )
    .over(Needs::Live("the device's bypass code")),
];

const EXPIRED: RuleEntry = warn(
    "L-4",
    RECIPIENTS,
    "nothing is sealed to a certificate that is not valid now, so that nothing that needs it is sent",
    "renew the certificate and name the new one; keep the old key, for it opens what was sealed to it",
);

fn not_in_hand(Act { action, .. }: &Act) -> Option<Said> {
    let missing = action.kind().needs_hand() && !action.content.physically_in_hand;
    let message = format!(
        "`{}` needs `physicallyInHand: true`: the lock comes back as soon as Find My is opened again, so the device has to be there",
        action.kind()
    );
    missing.then(|| Said::at("physicallyInHand", message)).flatten()
}

fn cannot_seal(Act { action, seals, .. }: &Act) -> Option<Said> {
    let kind = action.kind();
    if *seals || !kind.needs_safeguard() || action.content.accept_no_bypass_code.is_some() {
        return None;
    }
    Said::at(
        "action",
        format!(
            "`{kind}` first stores the device's bypass code in escrow, and neither the Fleet nor a Connection names `escrow.recipients`: it will go only where the device is unsupervised or Apple reports no lock, and stop at every other"
        ),
    )
}

fn answer_for_nobody(Act { action, seals, .. }: &Act) -> Option<Said> {
    let kind = action.kind();
    let is_sealed = matches!(kind, ActionKind::EscrowBypassCode | ActionKind::Locate);
    (is_sealed && !seals)
        .then(|| {
            let message = format!(
                "what `{kind}` finds out is sealed, and neither the Fleet nor a Connection names `escrow.recipients`: it will not be sent"
            );
            Said::at("action", message)
        })
        .flatten()
}

fn enrolls_again(Act { action, .. }: &Act) -> Option<Said> {
    match action.kind() {
        ActionKind::Wipe => Said::at(
            "action",
            "after the wipe: switch the device on and follow Setup Assistant, then it enrolls again",
        ),
        ActionKind::Retire => Said::at(
            "action",
            "after `retire` the device stays as it is, without company data: to enroll it again, reset it to factory settings on the device and follow Setup Assistant",
        ),
        _ => None,
    }
}

fn deletes_or_releases(Act { action, .. }: &Act) -> Option<Said> {
    match action.kind() {
        ActionKind::DeleteRecord => Said::at(
            "action",
            "`deleteRecord` removes the record at the MDM; the device stays the organisation's at Apple",
        ),
        ActionKind::Release => Said::at(
            "action",
            "`release` gives the device up at Apple for good: no one can put it back but with the device in hand",
        ),
        _ => None,
    }
}

fn comes_back(act: &Act) -> Option<Said> {
    let message =
        "is deleted at the MDM while an assignment still names it: it comes back with the next full sync";
    (act.action.kind() == ActionKind::DeleteRecord).then(|| still_assigned(act, message)).flatten()
}

fn stays_assigned(act: &Act) -> Option<Said> {
    let message = "is retired while an assignment still names it: once it is reset it enrolls again";
    (act.action.kind() == ActionKind::Retire).then(|| still_assigned(act, message)).flatten()
}

/// The first device that an assignment names, and how many more there are.
fn still_assigned(act: &Act, message: &str) -> Option<Said> {
    let named = |device: &&NamedSerial| act.assigned.contains_key(&device.serial);
    let mut both = act.action.devices.iter().filter(named);
    let first = both.next()?;
    let more = match both.count() {
        0 => String::new(),
        more => format!("; and so are {more} more"),
    };
    Some(Said {
        field: "devices.serials",
        place: Some(act.action.places.of_serial(first)),
        also: act.assigned.get(&first.serial).cloned(),
        message: format!("{} {message}{more}", first.serial),
    })
}

/// Judges every act, and the recipients.
pub fn check(desired: &Desired, now: Timestamp, found: &mut Diagnostics) {
    recipients(desired, now, found);
    if desired.actions.is_empty() {
        return;
    }
    let assigned = assigned(desired);
    // Beside a Fleet that cannot be read nothing is known of it.
    let seals = desired.fleet.name.is_none() || all_recipients(desired).next().is_some();
    for action in desired.actions.values() {
        let act = Act { action, seals, assigned: &assigned };
        // Of one that is over nothing more will be done.
        let is_over = action.content.expires <= now;
        for rule in RULES.iter().filter(|rule| !is_over || rule.entry.severity == Severity::Refuse) {
            let Some(Said { field, place, also, message }) = (rule.check)(&act) else { continue };
            let place = place.unwrap_or_else(|| action.places.at(field).clone());
            let mut told = super::documents::told(&rule.entry, place, &message);
            told.also.extend(also);
            found.push(told);
        }
        times(action, now, found);
        if !is_over {
            protected(desired, action, found);
        }
    }
    collisions(desired, now, found);
}

/// Everybody to whom something is sealed, with the places of who names them.
fn all_recipients(desired: &Desired) -> impl Iterator<Item = (&Places, &'static str, &Recipient)> {
    let fleet = desired.fleet.escrow.iter().flat_map(|escrow| &escrow.recipients);
    let fleet = fleet.map(|one| (&desired.fleet.places, "escrow.recipients", one));
    let tenants = desired.connections.values().map(|one| (&one.places, &one.escrow));
    let organisations = desired.organisations.values().map(|one| (&one.places, &one.escrow));
    let policies = tenants.chain(organisations).flat_map(|(places, escrow)| {
        escrow.iter().flatten().map(move |one| (places, "policy.escrow.recipients", one))
    });
    fleet.chain(policies)
}

fn recipients(desired: &Desired, now: Timestamp, found: &mut Diagnostics) {
    for (places, field, recipient) in all_recipients(desired) {
        // What cannot be read was refused by who read it.
        let Ok(read) = escrow::Recipient::parse(&recipient.file, recipient.pem.as_bytes()) else { continue };
        if let Err(error) = read.check(now) {
            let told = super::documents::told(&EXPIRED, places.at(field).clone(), &error.to_string());
            found.push(told.next(error.next()));
        }
    }
}

/// Where assignments name the devices that acts delete or retire. One that is unassigned is none of them.
fn assigned(desired: &Desired) -> Assigned {
    let is_meant =
        |action: &&DeviceAction| matches!(action.kind(), ActionKind::DeleteRecord | ActionKind::Retire);
    let mut meant: BTreeSet<Serial> = desired
        .actions
        .values()
        .filter(is_meant)
        .flat_map(|one| &one.devices)
        .map(|one| one.serial)
        .collect();
    let mut places = Assigned::new();
    if meant.is_empty() {
        return places;
    }
    for route in desired.routes.iter().filter(|route| route.to == RouteTo::Nowhere) {
        route.devices.named.iter().for_each(|one| {
            meant.remove(&one.serial);
        });
    }
    let mut take = |document: &Places, named: &[NamedSerial]| {
        for one in named.iter().filter(|one| meant.contains(&one.serial)) {
            places.entry(one.serial).or_insert_with(|| document.of_serial(one));
        }
    };
    desired.assignments.iter().for_each(|one| take(&one.places, &one.devices));
    desired.selections.iter().for_each(|one| take(&one.places, &one.devices.named));
    desired.routes.iter().for_each(|one| take(&one.places, &one.devices.named));
    places
}

fn times(action: &DeviceAction, now: Timestamp, found: &mut Diagnostics) {
    let content = &action.content;
    let place = action.places.at("requestedAt").clone();
    if now.checked_add(AHEAD).is_ok_and(|latest| content.requested_at > latest) {
        let message = "`requestedAt` lies more than five minutes ahead of the clock";
        let next = "write the time at which it was asked for, not one at which it is to be done";
        found.push(Diagnostic::new("requested-ahead", Severity::Refuse, place, message).next(next));
    } else if content.expires <= now {
        let message =
            format!("the act expired at {}: what was not sent until then never is", shown(content.expires));
        let next = "move the document away with `espalier action archive`; a new act takes a new name";
        found.push(Diagnostic::new("act-expired", Severity::Note, place, message).next(next));
    }
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whose devices acts of class disruptive and above do not touch.
fn protected(desired: &Desired, action: &DeviceAction, found: &mut Diagnostics) {
    if action.kind().class() < Class::Disruptive {
        return;
    }
    let policies = desired
        .connections
        .iter()
        .map(|(name, one)| (name, &one.policy))
        .chain(desired.organisations.iter().map(|(name, one)| (name, &one.policy)));
    let lists = std::iter::once(("the Fleet".to_owned(), &desired.fleet.gates)).chain(
        policies.filter_map(|(name, policy)| Some((format!("the policy of `{name}`"), policy.as_ref()?))),
    );
    let lists: Vec<_> = lists.filter(|(_, gates)| !gates.protected_serials.is_empty()).collect();
    let mut told = 0;
    for device in &action.devices {
        let is_in = |serials: &[Serial]| serials.binary_search(&device.serial).is_ok();
        let Some((whose, _)) = lists.iter().find(|(_, gates)| is_in(&gates.protected_serials)) else {
            continue;
        };
        told += 1;
        if told > MOST_TOLD {
            continue;
        }
        let message = format!("{} is protected by {whose}: the gate will stop this act of it", device.serial);
        let next = "take it out of the document; or out of `protected`, in a commit of its own that is applied first";
        let place = action.places.of_serial(device);
        found.push(Diagnostic::new("act-on-protected", Severity::Warn, place, message).next(next));
    }
}

/// Two documents that ask for something destructive of one device within one time: which comes first is said by
/// neither. That one of them has ended is known to the ledger alone, so that it is said with that reserve.
fn collisions(desired: &Desired, now: Timestamp, found: &mut Diagnostics) {
    let mut asked: BTreeMap<Serial, Vec<(&DeviceAction, &NamedSerial)>> = BTreeMap::new();
    let grave = |one: &&DeviceAction| one.kind().class() >= Class::Destructive && one.content.expires > now;
    for action in desired.actions.values().filter(grave) {
        for device in &action.devices {
            asked.entry(device.serial).or_default().push((action, device));
        }
    }
    let overlap = |a: &DeviceAction, b: &DeviceAction| {
        a.content.requested_at < b.content.expires && b.content.requested_at < a.content.expires
    };
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (serial, acts) in &asked {
        for (at, (first, one)) in acts.iter().enumerate() {
            for (second, other) in acts[at + 1..].iter().filter(|(second, _)| overlap(first, second)) {
                let count = told.entry((first.name.as_str(), second.name.as_str())).or_default();
                *count += 1;
                if *count > MOST_TOLD {
                    continue;
                }
                let message = format!(
                    "`{}` and `{}` ask for `{}` and `{}` of {serial}: unless one of them has ended, neither says which comes first",
                    first.name,
                    second.name,
                    first.kind(),
                    second.kind()
                );
                found.push(
                    Diagnostic::new("acts-collide", Severity::Warn, second.places.of_serial(other), message)
                        .next("where one has ended, move it away with `espalier action archive`; else keep one, and ask for the other once that is done")
                        .and_at(first.places.of_serial(one)),
                );
            }
        }
    }
}
