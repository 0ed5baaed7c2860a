//! Rows R: remote lock and passcode.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "R-1",
        title: "remote lock needs a passcode",
        fact: "Remote lock works only when the device has a PIN or passcode already.",
        does: "The plan says so beside each `lock` of an iPhone or iPad: no service tells whether a passcode is set. A Mac gets a PIN with the lock, which is sealed.",
        served: &[Served::Property("`plan` tells it beside each `lock`")],
        fields: &["DeviceAction.action"],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-2",
        title: "where remote lock works",
        fact: "By the guide of 2017: iOS, Android, Windows 10 Mobile, Windows Phone 8 and 8.1 yes; Windows RT 8.1 and Windows 8.1 yes if the current user enrolled the device; macOS and Windows 10 desktop no. Of newer platforms the API's own documentation tells.",
        does: "One support table, with source and date per cell, says which action works on which platform, supervised or not, whose device, from which version on. A target that does not fit is refused with its cell.",
        served: &[Served::Property(
            "the support table, asked when an act is planned and again before it is sent",
        )],
        fields: &["DeviceAction.action"],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-3",
        title: "what a passcode reset does where",
        fact: "By the guide of 2017: iOS clears the passcode and makes no new one; Android before 7.0 sets a temporary one; Windows 10 Mobile, Windows Phone 8 and 8.1 yes; macOS, Windows RT 8.1, Windows 8.1 and Windows 10 desktop no.",
        does: "As R-2. The plan tells what `clearPasscode` does on that platform; a temporary passcode is sealed like a bypass code, and never goes to a log.",
        served: &[Served::Property("`plan` tells what the action does on the device's platform")],
        fields: &["DeviceAction.action", "Fleet.escrow"],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-4",
        title: "two sorts of records that cannot be locked",
        fact: "Computers that the Intune software client manages cannot be locked or reset. Devices that are managed through Exchange ActiveSync only are offered as targets by the guide of 2017; no source confirms that for Graph.",
        does: "Both are refused, each with its reason.",
        served: &[Served::Property("the support table refuses both, each with its reason")],
        fields: &["DeviceAction.action"],
        source: Source::LockAndPasscode,
    },
    Row {
        id: "R-5",
        title: "further actions",
        fact: "The same guides name wipe, retire, selective wipe (it removes company data only) and sync.",
        does: "All are actions of `DeviceAction`; selective wipe is `retire`. The portal's labels and Graph's names are taken as aliases: `remoteLock` is `lock`, `resetPasscode` is `clearPasscode`, `removeCompanyData` is `retire`.",
        served: &[Served::Property("`DeviceAction.action` takes each of them, by every name that it has")],
        fields: &["DeviceAction.action"],
        source: Source::LockAndPasscode,
    },
];
