//! Rows L: Activation Lock.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "L-1",
        title: "what turns the lock on",
        fact: "Activation Lock turns on by itself when a user opens Find My. From then on the user's Apple ID and password are needed to turn off Find My, to erase the device, or to activate it again.",
        does: "The lock will be shown per device.",
        served: &[Served::Later("`devices --activation-lock`")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-2",
        title: "the report of locked devices",
        fact: "Administrators need a report of all devices whose lock is on.",
        does: "`devices --activation-lock` will list them in every output format, each with source and age, for Apple's own status costs a call per device, and say how long a refresh takes.",
        served: &[Served::Later("`devices --activation-lock`")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-3",
        title: "what the MDM can do with the lock",
        fact: "Of supervised devices (iOS and iPadOS 8.0 and later) the MDM can read the lock's status, fetch the bypass code, and issue it to the device.",
        does: "Status, code and action will be refused for unsupervised devices.",
        served: &[Served::Later("the device action `disableActivationLock` and the escrow of codes")],
        fields: &["EnrollmentProfile.supervised"],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-4",
        title: "save the code before the wipe",
        fact: "The bypass code has to be copied before the device is wiped: a reset removes it from the MDM.",
        does: "A wipe of a supervised device will first store its code in an encrypted escrow, or be refused. The code will appear in no log, plan or report.",
        served: &[
            Served::Documentation(
                "Until escrow is here: copy the code from the device's hardware page in Intune before you wipe the device, and keep it where secrets are kept.",
            ),
            Served::Later("the escrow of codes, and the device action `wipe`"),
        ],
        fields: &["Fleet.escrow"],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-5",
        title: "how the code is entered",
        fact: "On a wiped device that asks for an Apple ID, the user name stays empty and the bypass code is the password.",
        does: "Will be told with the code when it is revealed.",
        served: &[Served::Later("`escrow reveal`")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-6",
        title: "the lock comes back",
        fact: "The lock comes back as soon as Find My is opened again, so it is lifted only with the device physically in hand.",
        does: "The action will ask for an explicit confirmation in its document.",
        served: &[Served::Later("the device action `disableActivationLock`")],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-7",
        title: "no code without the restriction",
        fact: "A bypass code exists only after a device-restrictions profile has allowed Activation Lock.",
        does: "A device without a code will say so with this reason.",
        served: &[
            Served::Documentation(
                "In Intune: a configuration profile \"Device restrictions\" with \"Allow Activation Lock\" for supervised devices, assigned before the lock turns on.",
            ),
            Served::Later("the escrow of codes"),
        ],
        fields: &[],
        source: Source::ActivationLock,
    },
    Row {
        id: "L-8",
        title: "following an unlock to its end",
        fact: "The status of an unlock request can be followed on the device's page.",
        does: "`status` will follow every action to its end: requested, pending, done, failed, not supported, removed.",
        served: &[Served::Later("device actions")],
        fields: &[],
        source: Source::ActivationLock,
    },
];
