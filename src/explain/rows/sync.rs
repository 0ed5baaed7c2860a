//! Rows S: synchronisation between Apple and the MDM.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "S-1",
        title: "the delta sync that runs by itself",
        fact: "Intune fetches what changed at Apple every 12 hours (24 in older editions).",
        does: "It counts in when the plan predicts when a serial number that Intune does not show yet will be there.",
        served: &[Served::Property("`plan` says until when waiting serials appear by themselves")],
        fields: &["DeviceAssignment.devices"],
        source: Source::Enrollment,
    },
    Row {
        id: "S-2",
        title: "a sync by hand, every 15 minutes at most",
        fact: "A delta sync can be asked for at most once in 15 minutes, and such a sync gets 15 minutes to finish.",
        does: "espalier asks for one only when serials that the documents name are missing, never sooner than allowed and never again for the same ones. It waits within `--wait`, else says at what time the next run can go on.",
        served: &[Served::Property(
            "`plan` and `apply` ask for a sync at its time and once for the same serials",
        )],
        fields: &["DeviceAssignment.devices"],
        source: Source::Enrollment,
    },
    Row {
        id: "S-3",
        title: "a full sync, every 7 days at most",
        fact: "A full sync fetches the complete list of the serial numbers that are assigned to the MDM server, at most once in 7 days.",
        does: "espalier never asks Intune for one: Graph offers only the plain sync, and Intune decides which of the two it is. For direct tokens the list will be read in full at least every 7 days.",
        served: &[
            Served::Documentation(
                "A device that was unassigned at Apple leaves Intune with a full sync at the latest, so up to 7 days after. Until then Intune's list, and every plan that rests on it, still shows the device.",
            ),
            Served::Later("the direct connection to Apple"),
        ],
        fields: &[],
        source: Source::Enrollment,
    },
    Row {
        id: "S-4",
        title: "a failed delta makes the next one full",
        fact: "When a delta sync fails for any reason, the next one is a full sync.",
        does: "Intune holds to this by itself; the direct connection to Apple will follow the same rule.",
        served: &[
            Served::Documentation(
                "`status` shows the error code of a token's last sync. After a failure the next sync takes longer, for it fetches every device: see S-7 for how long.",
            ),
            Served::Later("the direct connection to Apple"),
        ],
        fields: &[],
        source: Source::Enrollment,
    },
    Row {
        id: "S-5",
        title: "a deleted device comes back",
        fact: "A device that is deleted in the MDM but still assigned to its token at Apple comes back with the next full sync.",
        does: "Where Apple's side is known, devices that the MDM does not list and that Apple still assigns to its token are told. `deleteRecord` of a device that an assignment still names warns so, unless another document unassigns it; `retire` of one notes it.",
        served: &[
            Served::Rule,
            Served::Documentation(
                "To be rid of a device for good, first unassign it at Apple (`unassign: true`) or release it, then delete it in the MDM. Releasing cannot be undone (D-3).",
            ),
            Served::Property(
                "`plan` tells devices that Apple still assigns to a token which no longer lists them",
            ),
        ],
        fields: &["DeviceAction.action", "DeviceAction.devices"],
        source: Source::Enrollment,
    },
    Row {
        id: "S-6",
        title: "released devices stay listed",
        fact: "A device that was released from Apple Business or School Manager can stay listed for 30 to 45 days; it is reported as removed.",
        does: "Such devices are told as released: by the MDM's own mark, and where Apple's side is known by what the organisation lists. They are no drift, get no profile, hold no deletion back, and are removed by hand only when somebody asks.",
        served: &[Served::Property("`plan` and `devices` tell released devices apart and give them nothing")],
        fields: &["DeviceAssignment.devices"],
        source: Source::Enrollment,
    },
    Row {
        id: "S-7",
        title: "how fast Apple hands devices over",
        fact: "Apple hands over about 3,000 devices a minute. After a sync, wait for devices/3000 minutes before the next.",
        does: "The plan gives the estimate for a token's devices, and the progress of a sync is measured by it.",
        served: &[Served::Property("`plan` estimates how long a sync of the token takes")],
        fields: &["DeviceAssignment.devices"],
        source: Source::Enrollment,
    },
];
