//! Rows D: distribution and re-enrollment.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "D-1",
        title: "two ways to enroll again",
        fact: "To enroll a device again, wipe it from the MDM, or retire it and reset it to factory settings by hand; then switch it on and follow Setup Assistant.",
        does: "Both ways are acts, `wipe` and `retire`, and each tells its next step. A wipe is refused where the device would come back to no profile.",
        served: &[
            Served::Rule,
            Served::Property("a wipe is planned only where the device's next token and profile are known"),
            Served::Documentation(
                "A changed profile is felt only this way (P-28). A wipe of a supervised device needs its Activation Lock bypass code in escrow (L-4). `espalier devices` shows which profile a device gets when it comes back.",
            ),
        ],
        fields: &["DeviceAction.action"],
        source: Source::Enrollment,
    },
    Row {
        id: "D-2",
        title: "an invalid response of the SCEP server",
        fact: "\"The SCEP server returned an invalid response\": the certificate request of an enrollment is good for 15 minutes.",
        does: "Nothing to judge: it happens on the device.",
        served: &[Served::Documentation(
            "If Setup Assistant says that the SCEP server returned an invalid response, the management profile was downloaded more than 15 minutes before it was installed. Download it again and go on at once; where the device does not offer that, reset it to factory settings and begin anew.",
        )],
        fields: &[],
        source: Source::Enrollment,
    },
    Row {
        id: "D-3",
        title: "deleting is not releasing",
        fact: "Deleting a device from the MDM does not release it at Apple: it comes back with the next full sync (S-5).",
        does: "As S-5: `deleteRecord` says so, and `release` is an action of its own, of class irreversible.",
        served: &[
            Served::Rule,
            Served::Documentation(
                "Three things with similar names: *delete* (`deleteRecord`) removes the MDM's record, *unassign* (`unassign: true` in an assignment) takes the device off its MDM server at Apple, *release* gives it up for the organisation for good. Only a device that is sold or lost is released.",
            ),
        ],
        fields: &["DeviceAction.action"],
        source: Source::Enrollment,
    },
];
