//! The table itself: every action on every platform.
//!
//! The older documentation (2017) stands in `formerly` wherever a newer source says otherwise.

use crate::model::ActionKind;
use crate::model::act::Os;

/// The platforms, in the order of the table.
pub(super) const OSES: [Os; 8] =
    [Os::Ios, Os::Ipados, Os::Macos, Os::Tvos, Os::Visionos, Os::Android, Os::Windows, Os::Other];

/// What an action needs of a device beside its platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It is supervised.
    Supervised,
    /// It belongs to the organisation.
    Company,
    /// It belongs to a person.
    Personal,
    /// Lost mode is on.
    LostMode,
    /// It was enrolled through Apple's automated enrollment.
    Automated,
    /// It is enrolled as a dedicated device.
    Dedicated,
    /// Its version is this one or a later one.
    From(u32, u32),
}

impl Need {
    /// In words, after "it needs".
    pub(super) fn words(self) -> String {
        match self {
            Need::Supervised => "supervision".to_owned(),
            Need::Company => "to be the organisation's own device".to_owned(),
            Need::Personal => "to be a person's own device".to_owned(),
            Need::LostMode => "lost mode".to_owned(),
            Need::Automated => "automated device enrollment".to_owned(),
            Need::Dedicated => "to be a dedicated device".to_owned(),
            Need::From(major, minor) => format!("version {major}.{minor} or later"),
        }
    }
}

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It does this, where all of that is met.
    Does(&'static str, &'static [Need]),
    /// It cannot, because.
    Not(&'static str),
    /// Sources disagree or are silent.
    Unsure(&'static str),
}

/// One row: an action on some platforms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    kind: ActionKind,
    oses: &'static [Os],
    pub says: Says,
    pub formerly: &'static str,
    pub source: &'static str,
    pub date: &'static str,
    pub row: &'static str,
}

/// The row of an action on a platform. Each has exactly one: a test holds the table to it.
pub(super) fn row(kind: ActionKind, os: Os) -> &'static Row {
    static SILENT: Row = Row {
        kind: ActionKind::Sync,
        oses: &[],
        says: Says::Unsure("no source says what it does there"),
        formerly: "",
        source: INDEX,
        date: "2026-08",
        row: "R-2",
    };
    ROWS.iter().find(|row| row.kind == kind && row.oses.contains(&os)).unwrap_or(&SILENT)
}

/// Every row.
#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = (ActionKind, &'static [Os])> {
    ROWS.iter().map(|row| (row.kind, row.oses))
}

const INDEX: &str = "Intune documentation, device actions";

const fn at(
    kind: ActionKind,
    oses: &'static [Os],
    says: Says,
    row: &'static str,
    source: &'static str,
) -> Row {
    Row { kind, oses, says, formerly: "", source, date: "2026-08", row }
}

const fn once(formerly: &'static str, row: Row) -> Row {
    Row { formerly, ..row }
}

use ActionKind as K;
use Need::{Automated, Company, Dedicated, From, LostMode, Personal, Supervised};
use Os::{Android, Ios, Ipados, Macos, Other, Tvos, Visionos, Windows};
use Says::{Does, Not, Unsure};

const MOBILE: &[Os] = &[Ios, Ipados];
const NOT_LISTED: Says = Not("the platform is not among those that the action is documented for");
const NOT_KNOWN: Says = Unsure("this version does not know the platform");
const LOCK: &str = "Intune documentation, remote lock";
const PASSCODE: &str = "Intune documentation, reset or remove passcode";
const ACTIVATION: &str = "Intune documentation, disable Activation Lock";
const WIPE: &str = "Intune documentation, wipe";
const RETIRE: &str = "Intune documentation, retire";
const DELETE: &str = "Intune documentation, delete";
const RESTART: &str = "Intune documentation, restart";
const SHUT_DOWN: &str = "Intune documentation, shut down";
const RENAME: &str = "Intune documentation, rename";
const LOST: &str = "Intune documentation, lost mode";
const LOCATE: &str = "Intune documentation, locate device";
const SOUND: &str = "Intune documentation, play lost mode sound";
const SHARED: &str = "Intune documentation, Shared iPad actions";
const ORGANISATION: &str = "Apple Business API, releaseDevices";

const ROWS: &[Row] = &[
    at(
        K::Sync,
        &[Ios, Ipados, Macos, Tvos, Visionos, Android, Windows, Other],
        Does("asks the device to check in", &[]),
        "R-5",
        INDEX,
    ),
    at(
        K::PlaySound,
        MOBILE,
        Does("plays a sound, also where the device is muted", &[LostMode]),
        "R-2",
        SOUND,
    ),
    at(K::PlaySound, &[Android], Does("plays a sound", &[Dedicated]), "R-2", SOUND),
    at(K::PlaySound, &[Macos, Tvos, Visionos, Windows], NOT_LISTED, "R-2", SOUND),
    at(K::PlaySound, &[Other], NOT_KNOWN, "R-2", SOUND),
    at(
        K::Locate,
        MOBILE,
        Does("asks where the device is; the answer is sealed to the escrow", &[LostMode]),
        "R-2",
        LOCATE,
    ),
    at(
        K::Locate,
        &[Android, Windows],
        Does("asks where the device is; the answer is sealed to the escrow", &[]),
        "R-2",
        LOCATE,
    ),
    at(K::Locate, &[Macos, Tvos, Visionos], NOT_LISTED, "R-2", LOCATE),
    at(K::Locate, &[Other], NOT_KNOWN, "R-2", LOCATE),
    at(
        K::EscrowBypassCode,
        MOBILE,
        Does(
            "reads its Activation Lock bypass code and seals it; nothing is sent to the device (L-4)",
            &[Supervised],
        ),
        "L-3",
        ACTIVATION,
    ),
    at(
        K::EscrowBypassCode,
        &[Macos],
        Does(
            "reads its Activation Lock bypass code and seals it; nothing is sent to the Mac (L-4)",
            &[Automated],
        ),
        "L-3",
        ACTIVATION,
    ),
    at(K::EscrowBypassCode, &[Tvos, Visionos, Android, Windows], NOT_LISTED, "L-3", ACTIVATION),
    at(K::EscrowBypassCode, &[Other], NOT_KNOWN, "L-3", ACTIVATION),
    at(K::Lock, MOBILE, Does("locks the screen, where a passcode is set (R-1)", &[]), "R-2", LOCK),
    once(
        "no (2017)",
        at(
            K::Lock,
            &[Macos],
            Does("locks the Mac with a PIN that Intune makes; the PIN is sealed to the escrow", &[]),
            "R-2",
            LOCK,
        ),
    ),
    at(
        K::Lock,
        &[Visionos],
        Does("locks the screen, where a passcode is set (R-1)", &[From(2, 0)]),
        "R-2",
        LOCK,
    ),
    once(
        "yes, without distinction (2017)",
        at(
            K::Lock,
            &[Android],
            Does("locks the screen, where a passcode is set (R-1)", &[Company]),
            "R-2",
            LOCK,
        ),
    ),
    at(K::Lock, &[Tvos], NOT_LISTED, "R-2", LOCK),
    once(
        "Windows 10 Mobile, Windows Phone 8 and 8.1 yes; Windows RT 8.1 and Windows 8.1 where the current user enrolled it; Windows 10 desktop no (2017)",
        at(K::Lock, &[Windows], NOT_LISTED, "R-2", LOCK),
    ),
    at(K::Lock, &[Other], NOT_KNOWN, "R-2", LOCK),
    at(
        K::EnableLostMode,
        MOBILE,
        Does("turns lost mode on: locked with a message, and it can be located", &[Supervised]),
        "R-2",
        LOST,
    ),
    at(K::EnableLostMode, &[Macos, Tvos, Visionos, Android, Windows], NOT_LISTED, "R-2", LOST),
    at(K::EnableLostMode, &[Other], NOT_KNOWN, "R-2", LOST),
    at(K::DisableLostMode, MOBILE, Does("turns lost mode off", &[Supervised, LostMode]), "R-2", LOST),
    at(K::DisableLostMode, &[Macos, Tvos, Visionos, Android, Windows], NOT_LISTED, "R-2", LOST),
    at(K::DisableLostMode, &[Other], NOT_KNOWN, "R-2", LOST),
    at(
        K::Restart,
        MOBILE,
        Does(
            "restarts it; with a passcode it does not rejoin Wi-Fi until somebody unlocks it",
            &[Supervised],
        ),
        "R-2",
        RESTART,
    ),
    at(K::Restart, &[Tvos], Does("restarts it", &[Supervised]), "R-2", RESTART),
    at(K::Restart, &[Macos, Windows], Does("restarts it", &[]), "R-2", RESTART),
    at(K::Restart, &[Android], Does("restarts it", &[Company]), "R-2", RESTART),
    at(K::Restart, &[Visionos], NOT_LISTED, "R-2", RESTART),
    at(K::Restart, &[Other], NOT_KNOWN, "R-2", RESTART),
    at(
        K::ShutDown,
        MOBILE,
        Does("turns it off: nothing reaches it until somebody turns it on", &[Supervised]),
        "R-2",
        SHUT_DOWN,
    ),
    at(
        K::ShutDown,
        &[Macos],
        Does("turns it off: nothing reaches it until somebody turns it on", &[]),
        "R-2",
        SHUT_DOWN,
    ),
    at(K::ShutDown, &[Tvos, Visionos, Android, Windows], NOT_LISTED, "R-2", SHUT_DOWN),
    at(K::ShutDown, &[Other], NOT_KNOWN, "R-2", SHUT_DOWN),
    at(
        K::Rename,
        &[Ios, Ipados, Tvos],
        Does(
            "renames it; a name template of its profile takes that back at the next sync (P-22)",
            &[Supervised],
        ),
        "R-2",
        RENAME,
    ),
    at(
        K::Rename,
        &[Macos],
        Does(
            "renames it; a name template of its profile takes that back at the next sync (P-22)",
            &[Company],
        ),
        "R-2",
        RENAME,
    ),
    at(K::Rename, &[Windows], Does("renames it", &[Company]), "R-2", RENAME),
    at(
        K::Rename,
        &[Android],
        Does("renames its record at the MDM, and not the device", &[Company]),
        "R-2",
        RENAME,
    ),
    at(K::Rename, &[Visionos], NOT_LISTED, "R-2", RENAME),
    at(K::Rename, &[Other], NOT_KNOWN, "R-2", RENAME),
    at(
        K::LogOutSharedIpadUser,
        &[Ipados],
        Does("signs the active user of a Shared iPad out", &[Supervised, From(13, 4)]),
        "P-14",
        SHARED,
    ),
    at(
        K::LogOutSharedIpadUser,
        &[Ios, Macos, Tvos, Visionos, Android, Windows],
        Not("only iPads are shared"),
        "P-14",
        SHARED,
    ),
    at(K::LogOutSharedIpadUser, &[Other], NOT_KNOWN, "P-14", SHARED),
    once(
        "iOS yes (2017)",
        at(
            K::ClearPasscode,
            MOBILE,
            Does("removes the passcode; no new one is set (R-3)", &[]),
            "R-3",
            PASSCODE,
        ),
    ),
    at(
        K::ClearPasscode,
        &[Visionos],
        Unsure("the list of actions names the platform and the action's own page does not"),
        "R-3",
        PASSCODE,
    ),
    once(
        "before Android 7.0 only (2017)",
        at(
            K::ClearPasscode,
            &[Android],
            Does(
                "sets a temporary passcode, which is sealed to the escrow; it needs a passcode policy (R-3)",
                &[],
            ),
            "R-3",
            PASSCODE,
        ),
    ),
    at(K::ClearPasscode, &[Macos, Tvos], NOT_LISTED, "R-3", PASSCODE),
    once(
        "Windows 10 Mobile, Windows Phone 8 and 8.1 yes; Windows RT 8.1, Windows 8.1 and Windows 10 desktop no (2017)",
        at(K::ClearPasscode, &[Windows], NOT_LISTED, "R-3", PASSCODE),
    ),
    at(K::ClearPasscode, &[Other], NOT_KNOWN, "R-3", PASSCODE),
    at(
        K::DisableActivationLock,
        MOBILE,
        Does(
            "lifts the Activation Lock; it comes back as soon as somebody opens Find My (L-6)",
            &[Supervised, From(8, 0)],
        ),
        "L-3",
        ACTIVATION,
    ),
    at(
        K::DisableActivationLock,
        &[Macos],
        Does(
            "lifts the Activation Lock; it comes back as soon as somebody opens Find My (L-6)",
            &[Automated],
        ),
        "L-3",
        ACTIVATION,
    ),
    at(K::DisableActivationLock, &[Tvos, Visionos, Android, Windows], NOT_LISTED, "L-3", ACTIVATION),
    at(K::DisableActivationLock, &[Other], NOT_KNOWN, "L-3", ACTIVATION),
    at(
        K::Retire,
        &[Ios, Ipados, Macos, Tvos, Visionos, Windows],
        Does("removes company data and management, and leaves what is personal (R-5)", &[]),
        "R-5",
        RETIRE,
    ),
    at(
        K::Retire,
        &[Android],
        Does("removes company data and management, and leaves what is personal (R-5)", &[Personal]),
        "R-5",
        RETIRE,
    ),
    at(K::Retire, &[Other], NOT_KNOWN, "R-5", RETIRE),
    at(
        K::DeleteRecord,
        &[Ios, Ipados, Macos, Tvos, Visionos, Windows],
        Does("retires the device and hides its record at once; that is no release at Apple (D-3)", &[]),
        "D-3",
        DELETE,
    ),
    at(
        K::DeleteRecord,
        &[Android],
        Not(
            "on a device of the organisation it would wipe it, and for others no source says; `wipe` and `retire` say what they do",
        ),
        "D-3",
        DELETE,
    ),
    at(K::DeleteRecord, &[Other], NOT_KNOWN, "D-3", DELETE),
    at(
        K::DeleteSharedIpadUser,
        &[Ipados],
        Does(
            "deletes the user, with what is not yet in the cloud, from a Shared iPad",
            &[Supervised, From(13, 4)],
        ),
        "P-14",
        SHARED,
    ),
    at(
        K::DeleteSharedIpadUser,
        &[Ios, Macos, Tvos, Visionos, Android, Windows],
        Not("only iPads are shared"),
        "P-14",
        SHARED,
    ),
    at(K::DeleteSharedIpadUser, &[Other], NOT_KNOWN, "P-14", SHARED),
    at(
        K::Wipe,
        MOBILE,
        Does(
            "erases it to the factory's state; the data plan of an eSIM is kept unless the document says otherwise",
            &[],
        ),
        "R-5",
        WIPE,
    ),
    at(
        K::Wipe,
        &[Macos],
        Does("erases the Mac; where the document gives a PIN, it asks for that afterwards", &[]),
        "R-5",
        WIPE,
    ),
    at(K::Wipe, &[Tvos], Does("erases it to the factory's state", &[From(10, 2)]), "R-5", WIPE),
    at(K::Wipe, &[Visionos], Does("erases it to the factory's state", &[From(1, 1)]), "R-5", WIPE),
    at(K::Wipe, &[Windows], Does("erases it to the factory's state", &[]), "R-5", WIPE),
    at(K::Wipe, &[Android], Does("erases it to the factory's state", &[Company]), "R-5", WIPE),
    at(K::Wipe, &[Other], NOT_KNOWN, "R-5", WIPE),
    at(
        K::HandOver,
        MOBILE,
        Does(
            "moves it to the other token and profile, lifts the Activation Lock and erases it; it enrolls anew",
            &[Supervised, From(8, 0)],
        ),
        "A-7",
        ACTIVATION,
    ),
    at(
        K::HandOver,
        &[Macos],
        Does(
            "moves it to the other token and profile, lifts the Activation Lock and erases it; it enrolls anew",
            &[Automated],
        ),
        "A-7",
        ACTIVATION,
    ),
    at(
        K::HandOver,
        &[Tvos, Visionos, Android, Windows],
        Not("the MDM cannot lift an Activation Lock there"),
        "A-7",
        ACTIVATION,
    ),
    at(K::HandOver, &[Other], NOT_KNOWN, "A-7", ACTIVATION),
    at(
        K::Release,
        &[Ios, Ipados, Macos, Tvos, Visionos],
        Does("takes the device out of the organisation at Apple, for good", &[]),
        "S-6",
        ORGANISATION,
    ),
    at(
        K::Release,
        &[Android, Windows],
        Not("only Apple's devices are in an organisation at Apple"),
        "S-6",
        ORGANISATION,
    ),
    at(K::Release, &[Other], NOT_KNOWN, "S-6", ORGANISATION),
];
