//! Rows A: assignment.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "A-1",
        title: "how devices are chosen",
        fact: "Devices are chosen by serial number, by order number, or by an uploaded CSV.",
        does: "Serial numbers stand in the document or in a CSV file, whose mishaps are told by line. `where` picks by order number, model, product family and purchase source; it needs Apple's side, for Intune alone does not know them of a device that never enrolled, and it matches only devices that are unassigned or on a token of the folder. `devices` lists what each has.",
        served: &[
            Served::Property("`validate` reads serials and CSV files and tells every mishap"),
            Served::Property("`plan` picks devices by `where` from the lists of Apple's side"),
        ],
        fields: &["DeviceAssignment.devices", "Fleet.protected"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-2",
        title: "devices are assigned to a token at Apple",
        fact: "A device is assigned to an MDM server, and so to a token, in Apple Business or School Manager, which keeps a history of assignments.",
        does: "A token with `apple` names its service there: `token` moves devices to it and `unassign` takes them off theirs, in few activities, with the result per device and a history in the ledger. Devices of services that no token names are moved only where a document names them, and default families of Apple Business follow `defaultFor`. A service has one token, a family one default service: two that claim the same are refused. Without Apple's side no device is moved: a serial on another token is told with its place and left.",
        served: &[
            Served::Property("`validate` refuses tokens that claim the same service or family"),
            Served::Property("`plan` and `apply` move devices at Apple and tell the result of each"),
            Served::Property(
                "`plan` tells a serial that is on another token without Apple's side, and leaves it",
            ),
        ],
        fields: &[
            "DeviceAssignment.token",
            "DeviceAssignment.unassign",
            "EnrollmentToken.apple",
            "EnrollmentToken.defaultFor",
            "Connection.appleBusiness",
            "Connection.appleSchool",
        ],
        source: Source::Enrollment,
    },
    Row {
        id: "A-3",
        title: "a profile is given before enrollment",
        fact: "A profile is assigned to devices before they enroll, also to bare serial numbers.",
        does: "Serials are sent in batches, one profile each. Intune answers no result per device, so the list is read back once per apply and each device is told on its own.",
        served: &[Served::Property("`apply` assigns in batches and reads every device back")],
        fields: &[
            "DeviceAssignment.profile",
            "DeviceAssignment.profiles",
            "DeviceAssignment.devices",
            "Connection.intune.assignBatch",
        ],
        source: Source::Enrollment,
    },
    Row {
        id: "A-4",
        title: "active devices keep what they have",
        fact: "A device that is already active has to be wiped to take a new profile; after the wipe and before the activation is the moment to assign.",
        does: "The plan counts, from the live state, how many devices of each assignment are enrolled and will feel it only after a wipe.",
        served: &[Served::Property("`plan` counts enrolled devices apart")],
        fields: &["DeviceAssignment.profile"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-5",
        title: "devices added with Apple Configurator",
        fact: "Devices that were bought outside the programs can be added to Apple Business or School Manager with Apple Configurator.",
        does: "With Apple's side they are told apart by their purchase source, in `plan` and by `where: {purchaseSources: [manuallyAdded]}`. They come through the token's sync as any other device and are assigned the same way. Serials that an administrator imported for Apple Configurator alone belong to no token and are never touched.",
        served: &[
            Served::Documentation(
                "Prepare the device with Apple Configurator, \"Add to Apple Business Manager\"; then assign it there to the MDM server. It appears after the next sync, and an assignment that names its serial waits until then. During its first 30 days the user can leave management (P-13).",
            ),
            Served::Property("`plan` tells which devices were added by hand, where it knows Apple's side"),
        ],
        fields: &["DeviceAssignment.devices.where.purchaseSources"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-6",
        title: "enrollment restrictions in the way",
        fact: "An enrollment restriction that blocks the platform for all users makes enrollment end with \"invalid profile\".",
        does: "espalier neither reads nor writes enrollment restrictions: no document names them.",
        served: &[Served::Documentation(
            "If devices end in \"invalid profile\" during Setup Assistant, look at Intune's enrollment restrictions (Devices, Enrollment, Device platform restriction): the platform has to be allowed for the users who enroll. To keep private devices out, block \"personally owned\" only; devices of a token count as corporate.",
        )],
        fields: &[],
        source: Source::Enrollment,
    },
    Row {
        id: "A-7",
        title: "a locked device cannot change hands",
        fact: "A device can be given to another department only when its Activation Lock is off.",
        does: "A move to another service of a device that is known to be locked is refused; where nobody knows the lock, it warns. Never-activated devices and moves by a deadline are exempt, and giving a device another profile of the same token changes no owner and is not concerned. Handing over and releasing need the lock known to be off: `handOver` reads it, lifts it and confirms that before it wipes; where it is on or unknown, `release` is refused with the way out.",
        served: &[
            Served::Documentation(
                "Before a device changes hands: sign out of Find My on it, or lift the lock with the bypass code (L-3 to L-6), and only then wipe it. Never-activated devices and moves by migration deadline are not concerned.",
            ),
            Served::Property("`plan` refuses to move a device that is known to be locked"),
        ],
        fields: &["DeviceAssignment.token", "DeviceAction.action"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-8",
        title: "licences",
        fact: "A device with user affinity needs a licensed user; one without needs a device licence, unless a licensed user uses it.",
        does: "Licences are not espalier's to judge: it says so here.",
        served: &[Served::Documentation(
            "With `userAffinity: user`, whoever signs in during Setup Assistant needs an Intune licence, or the enrollment fails at sign-in. For kiosks and shared devices (`userAffinity: none`) buy device licences, or make sure that only licensed users work with them.",
        )],
        fields: &["EnrollmentProfile.userAffinity"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-9",
        title: "two assignments that disagree",
        fact: "A serial number in two assignments that disagree is a mistake of the documents.",
        does: "Refused with both places named. Serials that are named outright win over selected ones; two that agree count once; one that gives the token and one that gives the profile add up.",
        served: &[Served::Property(
            "`validate` refuses serials that two documents claim differently: their profile, their token, their deadline",
        )],
        fields: &["DeviceAssignment.devices", "DeviceAssignment.profile", "DeviceAssignment.token"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-10",
        title: "device enrollment managers",
        fact: "Accounts of device enrollment managers cannot enroll this way.",
        does: "Nothing to judge: documents name no users.",
        served: &[Served::Documentation(
            "A device enrollment manager (an Intune account that may enroll many devices) cannot sign in during Setup Assistant of a device that belongs to a token. Use an ordinary licensed account, or a profile with `userAffinity: none`.",
        )],
        fields: &["EnrollmentProfile.userAffinity"],
        source: Source::Enrollment,
    },
    Row {
        id: "A-11",
        title: "a device of another MDM",
        fact: "A device that another MDM manages has to leave it first, or moves by a migration deadline (OS 26 and later).",
        does: "`moveBy` moves devices with a deadline: at most 90 days ahead, only devices that Apple calls capable of it, changed and cancelled with the document. Where Apple's side tells that a device comes from another service, the plan says that it stays with that MDM until then. Without a deadline, wipe the device after the move: service and profile count from the next activation on. Intune does not know that another MDM holds a device.",
        served: &[Served::Property(
            "`validate` judges deadlines, `plan` and `apply` set, change and cancel them",
        )],
        fields: &["DeviceAssignment.moveBy"],
        source: Source::Enrollment,
    },
];
