//! Rows L: Activation Lock.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "L-1",
        title: "what turns the lock on",
        fact: "Activation Lock turns on by itself when a user opens Find My. From then on the user's Apple ID and password are needed to turn off Find My, to erase the device, or to activate it again.",
        does: "The lock is shown per device, with where that is known from and how old it is.",
        served: &[Served::Property("`devices` shows the lock of each device")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-2",
        title: "the report of locked devices",
        fact: "Administrators need a report of all devices whose lock is on.",
        does: "`devices --activation-lock` lists them in every output format, each with source and age, for Apple's own status costs a call per device, and says how long a refresh takes.",
        served: &[Served::Property("`devices --activation-lock`, with every output format")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-3",
        title: "what the MDM can do with the lock",
        fact: "Of supervised devices (iOS and iPadOS 8.0 and later) the MDM can read the lock's status, fetch the bypass code, and issue it to the device.",
        does: "`disableActivationLock` issues the code, `escrowBypassCode` reads and seals it. Both are refused for a device that is not supervised.",
        served: &[Served::Property(
            "the support table refuses `disableActivationLock` and `escrowBypassCode` where the device is not supervised",
        )],
        fields: &["EnrollmentProfile.supervised", "DeviceAction.action"],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-4",
        title: "save the code before the wipe",
        fact: "The bypass code has to be copied before the device is wiped: a reset removes it from the MDM.",
        does: "`wipe`, `release`, `deleteRecord` and `handOver` of a supervised device go only with its code sealed in the ledger, stored together with the intent. The only proofs that there is nothing to seal are that the device is unsupervised, or Apple's own status \"no lock\", read in the same run. A code that the MDM does not show is unknown; the way on is then `acceptNoBypassCode` with its reason, in the document. The code stands in no log, plan or report: `escrow reveal` shows it, and records who asked.",
        served: &[
            Served::Rule,
            Served::Property(
                "nothing that takes the code away is sent without a receipt, a proof or a reason",
            ),
            Served::Documentation(
                "Seal to the certificates of people, not of a machine: `Fleet.escrow.recipients` names them, and whoever has the key opens what is sealed with `openssl cms`, without espalier. With `onEnrollment: true` every device's code is sealed early, since the MDM can show it for a limited time only. Keep the keys of certificates that have expired: they open what was sealed to them.",
            ),
        ],
        fields: &[
            "Fleet.escrow",
            "Connection.policy.escrow",
            "DeviceAction.action",
            "DeviceAction.acceptNoBypassCode",
        ],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-5",
        title: "how the code is entered",
        fact: "On a wiped device that asks for an Apple ID, the user name stays empty and the bypass code is the password.",
        does: "Told with the code when it is revealed.",
        served: &[Served::Property("`escrow reveal` says how the code is entered")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-6",
        title: "the lock comes back",
        fact: "The lock comes back as soon as Find My is opened again, so it is lifted only with the device physically in hand.",
        does: "`disableActivationLock` and `handOver` need `physicallyInHand: true` in their document; no other action takes it. A hand-over wipes right after the lock was lifted, and reads the lock again if that took longer than ten minutes.",
        served: &[Served::Rule],
        fields: &["DeviceAction.physicallyInHand"],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-7",
        title: "no code without the restriction",
        fact: "A bypass code exists only after a device-restrictions profile has allowed Activation Lock.",
        does: "A device of which the MDM shows no code says so with this reason. That it shows none proves nothing: the code is unknown.",
        served: &[
            Served::Property("an act that needs the code says that there is none, and why that may be"),
            Served::Documentation(
                "In Intune: a configuration profile \"Device restrictions\" with \"Allow Activation Lock\" for supervised devices, assigned before the lock turns on.",
            ),
        ],
        fields: &["DeviceAction.acceptNoBypassCode"],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-8",
        title: "following an unlock to its end",
        fact: "The status of an unlock request can be followed on the device's page.",
        does: "`status` and `action list` follow every act to its end, whatever becomes of its document: waiting, sent, acknowledged, done, failed, not supported, expired, superseded, cancelled, lost, unknown.",
        served: &[Served::Property("`status` follows every act to its end, with its evidence")],
        fields: &["DeviceAction.action"],
        source: Source::ActivationLock,
    },
];
