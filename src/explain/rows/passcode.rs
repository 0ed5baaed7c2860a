//! Rows R: remote lock and passcode.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "R-1",
        title: "remote lock needs a passcode",
        fact: "Remote lock works only when the device has a PIN or passcode already.",
        does: "Will be checked before the action is sent, where it is known.",
        served: &[Served::Later("the device action `lock`")],
        fields: &[],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-2",
        title: "where remote lock works",
        fact: "By the guide of 2017: iOS, Android, Windows 10 Mobile, Windows Phone 8 and 8.1 yes; Windows RT 8.1 and Windows 8.1 yes if the current user enrolled the device; macOS and Windows 10 desktop no. Of newer platforms the API's own documentation tells.",
        does: "One support table with source and date per cell will refuse a target that cannot be locked, with this row.",
        served: &[Served::Later("the device action `lock`")],
        fields: &[],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-3",
        title: "what a passcode reset does where",
        fact: "By the guide of 2017: iOS clears the passcode and makes no new one; Android before 7.0 sets a temporary one; Windows 10 Mobile, Windows Phone 8 and 8.1 yes; macOS, Windows RT 8.1, Windows 8.1 and Windows 10 desktop no.",
        does: "As R-2. The plan will tell what the action does on that platform; a temporary passcode goes to the escrow and never to a log.",
        served: &[Served::Later("the device action `clearPasscode`")],
        fields: &[],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-4",
        title: "two sorts of records that cannot be locked",
        fact: "Computers that the Intune software client manages cannot be locked or reset. Devices that are managed through Exchange ActiveSync only are offered as targets by the guide of 2017; no source confirms that for Graph.",
        does: "Both will be refused, each with its reason.",
        served: &[Served::Later("device actions")],
        fields: &[],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-5",
        title: "further actions",
        fact: "The same guides name wipe, retire, selective wipe (it removes company data only) and sync.",
        does: "All will be device actions; selective wipe is `retire`.",
        served: &[Served::Later("device actions")],
        fields: &[],
        source: Source::LockAndPasscode,
    },
];
