//! What documents wish at Apple: moves with a deadline, and, as data, the rules whose checks
//! stand in `manifest` (references, what two documents claim) and in `plan` (what is live).

use super::{ALL, IOS, Needs, Rule, RuleEntry, note, refuse, warn};
use crate::model::clock::Timestamp;
use crate::model::desired::MoveBy;

/// A rule over a move with a deadline, at an instant.
pub type MoveRule = Rule<fn(&MoveBy, Timestamp) -> bool>;

/// How far ahead a deadline may lie (reference apple-business-api section 6.2).
const FURTHEST: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);

/// The rules over deadlines.
pub const MOVES: &[MoveRule] = &[
    Rule {
        entry: refuse(
            "A-11",
            &["moveBy.deadline"],
            "`moveBy.deadline` lies more than 90 days ahead, and Apple takes no such deadline",
            "write a time within 90 days, and move it on later if need be",
        ),
        check: |wish, now| now.checked_add(FURTHEST).is_ok_and(|furthest| wish.deadline > furthest),
    },
    Rule {
        entry: warn(
            "A-11",
            &["moveBy.deadline"],
            "`moveBy.deadline` has passed: what is asked now enforces at once, and no user can put it off",
            "write a later time, or remove `moveBy` once the devices have moved",
        ),
        check: |wish, now| wish.deadline <= now,
    },
];

const WHERE: &[&str] = &["devices.where"];
const DEVICES: &[&str] = &["devices"];
const TOKEN: &[&str] = &["token"];
const LISTS: Needs = Needs::Live("the organisation's devices and services");

/// The rules whose checks stand elsewhere.
pub const RULES: &[RuleEntry] = &[
    refuse(
        "A-1",
        WHERE,
        "`devices.where` has to ask for something: without a condition every device would fit",
        "write a condition",
    ),
    refuse(
        "A-1",
        WHERE,
        "`devices.where` needs Apple's side: Intune alone does not know order and model of a device that never enrolled",
        "add `apple` to a token that is meant, or name the devices",
    ),
    refuse(
        "A-1",
        &["devices.where.unassigned"],
        "`unassigned` picks devices that no service has, and needs the token that they go to",
        "add `token`",
    ),
    warn(
        "A-1",
        &["devices.where.unassigned"],
        "what was moved is no longer `unassigned`, and no longer picked by that document for its profile",
        "take `unassigned` out, or give the profile in a document without it",
    ),
    refuse(
        "A-2",
        &["apple.service"],
        "a service at Apple has one token",
        "name another service, or remove one of the two tokens",
    ),
    refuse(
        "A-2",
        &["defaultFor"],
        "a product family has one default service in an organisation",
        "keep it with one of the two",
    ),
    refuse(
        "A-2",
        &["defaultFor"],
        "`defaultFor` is a setting of a service at Apple, and needs `apple`",
        "add `apple`, or remove `defaultFor`",
    ),
    refuse(
        "A-2",
        &["defaultFor"],
        "default families cannot be set through Apple School Manager: its API changes no services",
        "set the default in the portal",
    ),
    refuse(
        "A-2",
        TOKEN,
        "a document that only moves devices needs a token with `apple`: without it nothing moves",
        "add `apple` to the token, or give a `profile`",
    ),
    refuse(
        "A-2",
        TOKEN,
        "no device is moved to a token whose state is `absent`",
        "name the token that they shall have instead, or keep this one",
    ),
    refuse(
        "A-2",
        &["unassign"],
        "`unassign` needs the Connection of an organisation at Apple",
        "add it, or unassign the devices in Apple's portal",
    ),
    warn(
        "A-2",
        &["defaultFor"],
        "a default family is held by a service that no token of the folder has",
        "take it from that service in Apple's portal, or name the service in a token",
    )
    .over(Needs::Live("the default families of the organisation's services")),
    warn(
        "A-2",
        DEVICES,
        "a serial number is listed by two organisations: which of them has the device is unknown",
        "release it from the one that it has left",
    )
    .over(LISTS),
    note(
        "A-2",
        DEVICES,
        "a device of a service that no token of the folder has is moved only where a document names it",
        "name the device, if it is meant",
    )
    .over(LISTS),
    refuse(
        "A-3",
        &["profiles"],
        "a family's profile has to be for the platform of the family",
        "name a profile of that platform",
    )
    .on(ALL),
    refuse(
        "A-3",
        &["profiles"],
        "`profiles` needs the family of each device, which Intune alone does not know before it enrolls",
        "add `apple` to the token, or write one `profile`",
    )
    .on(ALL),
    refuse(
        "A-3",
        &["devices.where.productFamilies"],
        "a watch has no enrollment profile",
        "take `watch` out",
    )
    .on(ALL),
    note(
        "A-5",
        DEVICES,
        "a device that was added with Apple Configurator",
        "nothing; its user can leave management for 30 days (P-13)",
    )
    .over(LISTS),
    refuse(
        "A-7",
        TOKEN,
        "a device whose Activation Lock is known to be on does not change its service",
        "take the lock off first (L-3 to L-6)",
    )
    .over(Needs::Live("the devices' Activation Lock")),
    warn(
        "A-7",
        TOKEN,
        "a device of which nobody knows whether its Activation Lock is on may be of no use after the move",
        "look at the device, or move it with a deadline",
    )
    .over(Needs::Live("the devices' Activation Lock")),
    refuse(
        "A-9",
        DEVICES,
        "a serial number that one document moves, and of which another wishes what cannot be there, is a mistake",
        "remove it from one of the two",
    ),
    refuse(
        "A-11",
        &["moveBy"],
        "`moveBy` is for devices that are moved at Apple: it needs a token with `apple`",
        "add `token`, or `apple` to the token",
    ),
    note(
        "A-11",
        TOKEN,
        "an enrolled device stays with the other MDM until it is wiped or asked to migrate",
        "wipe it, or write `moveBy`",
    )
    .over(Needs::Live("the device's record at Apple")),
    note(
        "P-13",
        &["lockedEnrollment"],
        "the user of a device that was added by hand can leave management during the first 30 days",
        "nothing; told beside the assignment",
    )
    .on(ALL)
    .over(Needs::Live("the device's record at Apple")),
    refuse(
        "P-14",
        &["sharedIpad"],
        "an iPhone cannot get a profile that makes a Shared iPad",
        "name a profile without `sharedIpad` for iPhones",
    )
    .on(IOS),
    refuse(
        "P-14",
        &["sharedIpad"],
        "a device that is known to be an iPhone cannot get a profile that makes a Shared iPad",
        "give it a profile without `sharedIpad`",
    )
    .on(IOS)
    .over(Needs::Live("the device's record at Apple")),
    note(
        "S-5",
        DEVICES,
        "a device that the MDM no longer lists and that Apple still assigns to its token comes back with the next full sync",
        "unassign it at Apple, if it is to stay away",
    )
    .over(LISTS),
    note(
        "S-6",
        DEVICES,
        "a device that was released at Apple is listed by the MDM for 30 to 45 days still",
        "nothing; take its serial out of the documents",
    )
    .over(LISTS),
    note(
        "T-11",
        &["state"],
        "devices at Apple belong to a service that no token of the folder has",
        "name the service in a token, or assign its devices to another one",
    )
    .over(LISTS),
];
