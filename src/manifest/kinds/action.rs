//! The fields of `DeviceAction`.

use super::super::shape::{Field, OneOf, Shape, Type, Word, field, never, word};
use super::{ACKNOWLEDGE, apple};

/// The actions, the mildest class first, with the portal's labels and Graph's names for them (reference
/// intune-graph sections 5.2 and 5.3).
const ACTIONS: &[Word] = &[
    word("sync").label(&["Sync", "syncDevice"]),
    word("playSound").label(&["Play sound", "Play lost mode sound", "playLostModeSound"]),
    word("locate").label(&["Locate", "Locate device", "locateDevice"]),
    word("escrowBypassCode").label(&["Escrow bypass code"]),
    word("lock").label(&["Lock", "Remote lock", "remoteLock"]),
    word("enableLostMode").label(&["Enable lost mode", "Lost mode", "lostMode"]),
    word("disableLostMode").label(&["Disable lost mode"]),
    word("restart").label(&["Restart", "rebootNow", "reboot"]),
    word("shutDown").label(&["Shut down"]),
    word("rename").label(&["Rename", "Rename device", "setDeviceName"]),
    word("logOutSharedIpadUser").label(&["Logout current user", "logoutSharedAppleDeviceActiveUser"]),
    word("clearPasscode").label(&["Remove passcode", "Reset passcode", "resetPasscode"]),
    word("disableActivationLock").label(&["Disable Activation Lock", "bypassActivationLock"]),
    word("retire").label(&[
        "Retire",
        "Remove company data",
        "removeCompanyData",
        "Selective wipe",
        "selectiveWipe",
    ]),
    word("deleteRecord").label(&["Delete"]),
    word("deleteSharedIpadUser").label(&["Delete user", "deleteUserFromSharedAppleDevice"]),
    word("wipe").label(&["Wipe", "Factory reset", "factoryReset"]),
    word("handOver").label(&["Hand over"]),
    word("release").label(&["Release", "Release device", "Release from organization"]),
];

const NOT_COMPARED: &str = "leave it out to compare nothing";

const EXPECT: Shape = Shape {
    doc: "What the devices have to be: a guard against a mistyped serial number. Whatever differs stops the act of that device.",
    fields: &[
        field("model", Type::Filled, "The model, as the MDM names it.").no_null(NOT_COMPARED),
        field("user", Type::Filled, "The user's principal name at the MDM.").no_null(NOT_COMPARED),
        field("name", Type::Filled, "The device's name at the MDM.").no_null(NOT_COMPARED),
    ],
    one_of: &[],
};

const DEVICES: Shape = Shape {
    doc: "The devices, by serial number; safe actions can pick them at Apple's side as well.",
    fields: &[
        field("serials", Type::Serials, "Serial numbers, each once.").no_null("an act is of a device"),
        field("expect", Type::Object(&EXPECT), "What the devices have to be; beside `serials` only.")
            .no_null("leave it out to expect nothing"),
        field(
            "where",
            Type::Object(&apple::WHERE),
            "Devices by what Apple's side knows of them: for actions of class safe only.",
        )
        .no_null("leave it out and name the devices"),
        never("csv", "name the devices in `serials`: what is done to them is read in the document itself"),
    ],
    one_of: &[OneOf { names: &["serials", "where"], required: true }],
};

const OPTIONS: Shape = Shape {
    doc: "Options of the action; each belongs to one action, or two.",
    fields: &[
        field("keepDataPlan", Type::Bool, "wipe: whether the data plan of an eSIM stays.").default("true"),
        field("pin", Type::Secret, "wipe: six digits that a Mac asks for afterwards.")
            .no_null("leave it out for none"),
        field(
            "obliteration",
            Type::Word(&[
                word("default"),
                word("doNotObliterate"),
                word("obliterateWithWarning"),
                word("always"),
            ]),
            "wipe: what a Mac with Apple silicon or a T2 does when erasing all content fails.",
        )
        .no_null("leave it out for what the device does by itself"),
        never(
            "returnToService",
            "Microsoft Intune carries no such option of a wipe: remove it; the device goes through Setup Assistant again",
        ),
        field("message", Type::Filled, "enableLostMode: what the screen shows.")
            .no_null("it cannot be empty"),
        field("phoneNumber", Type::Filled, "enableLostMode: whom to call.").no_null("it cannot be empty"),
        field("footnote", Type::Filled, "enableLostMode: a line below.").no_null("leave it out for none"),
        field("name", Type::Filled, "rename: letters, digits and hyphens, not digits only.")
            .no_null("it cannot be empty"),
        field("minutes", Type::Int(1, 60), "playSound: how long; without it the service's own time.")
            .no_null("leave it out for the service's own time"),
        field("user", Type::Filled, "deleteSharedIpadUser: the principal name of the user that goes.")
            .no_null("it cannot be empty"),
        field("token", Type::Name, "handOver: the EnrollmentToken document to which the device goes.")
            .no_null("it cannot be empty"),
        field("profile", Type::Name, "handOver: the EnrollmentProfile document that it gets there.")
            .no_null("it cannot be empty"),
    ],
    one_of: &[],
};

const NO_NAME: &str = "remove it: an act has no name and no object at the service";

/// `DeviceAction.action`.
const ACTION: Field = field("action", Type::Word(ACTIONS), "What is done.").required();

/// `DeviceAction.spec`.
pub const DEVICE_ACTION: Shape = Shape {
    doc: "A named request: something is done to devices, once to each, never again under this name.",
    fields: &[
        ACTION,
        field("devices", Type::Object(&DEVICES), "The devices.").required(),
        field(
            "requestedAt",
            Type::Instant,
            "When it was asked for: a time in RFC 3339. The device has to be in the same enrollment since then.",
        )
        .required(),
        field(
            "expiresAfter",
            Type::Duration,
            "How long after `requestedAt` it may still be sent, by default 7d; at most 90d.",
        )
        .default("7d"),
        field("reason", Type::Filled, "Why; required from class disruptive up.")
            .no_null("write why, or leave it out of a safe action"),
        field(
            "physicallyInHand",
            Type::Bool,
            "`true`: the device is in the hands of who asks (L-6). Required for `disableActivationLock` and `handOver`, and only for them.",
        )
        .no_null("write `true`, once the device is there"),
        field(
            "acceptNoBypassCode",
            Type::Filled,
            "Why it may be done without an Activation Lock bypass code in escrow where none can be had (L-4): `wipe`, `release`, `deleteRecord`, `handOver`.",
        )
        .no_null("write the reason, or leave it out"),
        field("options", Type::Object(&OPTIONS), "Options of the action."),
        ACKNOWLEDGE,
        never("displayName", NO_NAME),
        never("id", NO_NAME),
        never("formerly", NO_NAME),
        never("state", "remove the document instead: what was not sent yet is cancelled then, for good"),
    ],
    one_of: &[],
};
