//! Rows T: enrollment tokens.

use super::{Row, Served, Source};

/// The rows of the section.
pub const ROWS: &[Row] = &[
    Row {
        id: "T-1",
        title: "how a token is made",
        fact: "A token begins with a key pair of the MDM. Its public-key certificate (.pem) is uploaded to Apple Business or School Manager as an MDM server, and Apple's portal gives back an encrypted server token (.p7m).",
        does: "A token that the tenant lacks blocks its documents, with the way to make it in the portal: no source knows how to create one through Graph. `token keygen` makes the key pair of a token that espalier holds itself, or has Intune make the key of one that it holds, and gives the certificate; `token import` takes up what Apple gave for it.",
        served: &[
            Served::Property(
                "`plan` blocks a token that the tenant does not have, and tells the way through the portal",
            ),
            Served::Property("`token keygen` and `token import` make the key and take up the token"),
        ],
        fields: &["EnrollmentToken.mdm", "EnrollmentToken.direct"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-2",
        title: "a procedure left half-way",
        fact: "Giving up between the download of the certificate and the upload of the token invalidates the certificate; the steps then begin again.",
        does: "A key pair waits in `.espalier/tokens` until its .p7m arrives; another `token keygen` adds one and destroys none. `token import` finds the pair that a .p7m is for, and refuses one for another key with the certificates' names and serial numbers. A new key at Intune ends what was begun with the old one, so `token keygen` asks first.",
        served: &[
            Served::Documentation(
                "In Intune's portal, keep the page open between downloading the public key and uploading the token. If it was closed, download a new key, replace it at the MDM server in Apple's portal, and download the token again: the earlier .p7m no longer fits.",
            ),
            Served::Property(
                "`token keygen` keeps every pair that waits, `token import` finds the right one",
            ),
        ],
        fields: &["EnrollmentToken.direct"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-3",
        title: "consent to share data with Apple",
        fact: "Uploading a token asks for explicit consent to send user and device data to Apple.",
        does: "Consent is a field of its own and has to be true where espalier uploads a token, which `token import` does: without it the upload is refused. A plan never uploads one.",
        served: &[
            Served::Documentation(
                "Who uploads a token in Intune's portal ticks \"I agree\" there; Intune shows it afterwards as a property of the token. espalier will never give this consent by itself: it has to stand in a document that somebody reviewed.",
            ),
            Served::Property("`token import` refuses to upload a token whose document does not consent"),
        ],
        fields: &["EnrollmentToken.consentToShareData"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-4",
        title: "the Apple ID of a token",
        fact: "The Apple ID that made a token is stored with it, and a renewal has to use the same one.",
        does: "The Apple ID can be stated; it is compared and never written for an Intune token. A renewal under another one is a warning with the reason.",
        served: &[
            Served::Property(
                "`plan` compares the Apple ID that a document states and never writes it; `token import` warns of a token that another one made",
            ),
            Served::Documentation(
                "Use a managed Apple Account that belongs to the organisation and not to a person who may leave, and write down which one it is. Intune shows it beside the token.",
            ),
        ],
        fields: &["EnrollmentToken.appleId"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-5",
        title: "scope tags are inherited",
        fact: "The scope tags of a token are inherited by its profiles and by the devices that it syncs.",
        does: "They are declared on the token as an exact list, found by name (a tag that is not there, or there twice, blocks the token's own settings and nothing else), and the plan says who inherits them. Leaving out `Default` is noted with what it means.",
        served: &[
            Served::Rule,
            Served::Property("`plan` resolves the tags by name and says what inherits them"),
        ],
        fields: &["EnrollmentToken.scopeTags"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-6",
        title: "a token lasts one year",
        fact: "A token expires after one year; the console shows the date and warns shortly before.",
        does: "Every token's date stands in `status`, worst first, and in the daemon's metrics. The plan warns from `Fleet.expiryWarning` on, 30 days by default, and an expired token is an error: Apple answers it no more.",
        served: &[Served::Property("`status` and `plan` tell what expires and when")],
        fields: &["Fleet.expiryWarning"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-7",
        title: "when a token has to be renewed",
        fact: "A token is renewed each year, when the password of its Apple ID changes, and when the person who made it leaves. Another Apple ID has no effect on devices that are enrolled already.",
        does: "A renewal is an update of the same token, never a deletion and a new one, so that its profiles and assignments stay.",
        served: &[
            Served::Documentation(
                "Renew the token in Intune's portal under its own entry: \"Renew token\", the same MDM server at Apple, a new download, the upload. Never delete the token to make it anew: its profiles, the default and every assignment would go with it. espalier finds the renewed token by its name, or by the id in its ledger, and plans nothing.",
            ),
            Served::Property(
                "`token renew` leads through it, `token import` replaces the token in its place",
            ),
        ],
        fields: &["EnrollmentToken.displayName"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-8",
        title: "a new download ends the old token",
        fact: "Downloading a new server token at Apple at once invalidates the one that is in use. Once downloaded, the renewal has to be finished.",
        does: "This is said wherever a renewal is offered; a stored token that became stale is recognised by its error and explained.",
        served: &[
            Served::Documentation(
                "Do not download a server token at Apple \"to have a look\" or for a second system: from that moment the MDM's syncs fail. If it happened, upload the new .p7m to Intune at once. `status` then shows the next successful sync.",
            ),
            Served::Property("`token keygen` and `token renew` say so before the steps at Apple"),
        ],
        fields: &["EnrollmentToken.direct"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-9",
        title: "what keeps a token from being deleted",
        fact: "A token can be deleted only when no devices are assigned to it, no devices are on its default profile, and no enrollment profiles remain under it.",
        does: "Deletions are ordered: devices, default profile, profiles, the token last. What cannot be removed blocks, with the reason. A profile that devices still have, or that is a default, is never deleted unless the same plan moves them and reads that back.",
        served: &[Served::Property("`plan` orders removals and blocks what something still rests on")],
        fields: &["EnrollmentToken.state", "EnrollmentToken.prune", "EnrollmentProfile.state"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-10",
        title: "limits of tokens and profiles",
        fact: "At most 2,000 tokens per account, 200,000 devices per token, 1,000 profiles per token (100 in older editions), 200,000 devices per profile. Above 200,000 devices a fleet is split over several tokens.",
        does: "The plan counts before anything is sent, refuses what would not fit with the figure, and proposes to split.",
        served: &[Served::Property("`plan` counts profiles per token and devices per profile")],
        fields: &["EnrollmentProfile.tokens", "DeviceAssignment.devices"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-11",
        title: "a deleted token comes back",
        fact: "A deleted token can reappear (2020: one that was deleted in the classic portal before the migration) and has to be deleted again; its devices may still be assigned to it at Apple.",
        does: "A token that came back is told as such, and so are devices at Apple whose service no document names: orphans.",
        served: &[
            Served::Documentation(
                "A token that the documents do not name is left alone and listed with `plan --show-unmanaged`. If one is there that was deleted before, look at its MDM server in Apple's portal: devices that are still assigned to it keep coming back. Assign them to another server first, then delete the token again.",
            ),
            Served::Property("`plan` tells a token that came back, and with Apple's side the orphans"),
        ],
        fields: &["EnrollmentToken.state", "EnrollmentToken.apple"],
        source: Source::Enrollment,
    },
    Row {
        id: "T-12",
        title: "the push certificate",
        fact: "Without an Apple MDM push certificate nothing enrolls. It expires each year and has to be renewed with the same Apple account; under another one every device has to enroll again.",
        does: "Its date stands in `status`, and where the Fleet writes `expiryWarning` in the plan and the metrics as well, beside those of the enrollment and VPP tokens; reading it needs the permission DeviceManagementManagedDevices.Read.All.",
        served: &[Served::Property("`status` and `plan` tell when the push certificate expires")],
        fields: &["Fleet.expiryWarning"],
        source: Source::PushCertificate,
    },
    Row {
        id: "T-13",
        title: "who may renew",
        fact: "Renewing a token needs the portal role Administrator or Device Enrollment Manager (of Apple Business or School Manager).",
        does: "Said wherever a renewal is offered.",
        served: &[
            Served::Documentation(
                "If Apple's portal does not offer the download of a server token, the account lacks the role. An Administrator can give it, or renew in person. espalier needs no role at Apple to work with tokens that Intune holds.",
            ),
            Served::Property("`token keygen` and `token renew` say which role it takes"),
        ],
        fields: &[],
        source: Source::Enrollment,
    },
];
