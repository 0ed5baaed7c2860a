//! Rows D: distribution and re-enrollment.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "D-1",
        title: "two ways to enroll again",
        fact: "To enroll a device again, wipe it from the MDM, or retire it and reset it to factory settings by hand; then switch it on and follow Setup Assistant.",
        does: "Both ways will be device actions that tell their next step.",
        served: &[
            Served::Documentation(
                "A changed profile is felt only this way (P-28). Before a wipe of a supervised device have its Activation Lock bypass code at hand (L-4), and see with `espalier devices` which profile the device gets when it comes back.",
            ),
            Served::Later("the device actions `wipe` and `retire`"),
        ],
        fields: &[],
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
        does: "As S-5: deleting a record will say so, and releasing is an action of its own.",
        served: &[
            Served::Documentation(
                "Three things with similar names: *delete* removes the MDM's record, *unassign* takes the device off its MDM server at Apple, *release* gives it up for the organisation for good. Only a device that is sold or lost is released.",
            ),
            Served::Later("the device actions `deleteRecord` and `release`"),
        ],
        fields: &[],
        source: Source::Enrollment,
    },
];
