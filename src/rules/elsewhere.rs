//! Rules over what several objects have in common, as data: their checks stand where those are at
//! hand, in `manifest` (references, files, screens by name) and in `plan` (what is live).

use super::{ALL, BOTH, CLASSIC, DIRECT, IOS, Needs, RuleEntry, note, refuse, warn};

const SCREENS: &[&str] = &["setupAssistant"];
const CERTIFICATES: &[&str] = &["pairing.certificates"];
const CSV: &[&str] = &["devices.csv"];
const DEVICES: &[&str] = &["devices"];

/// The rules.
pub const RULES: &[RuleEntry] = &[
    refuse(
        "T-1",
        &["displayName"],
        "the tenant has to have the enrollment token: no source knows how to make one through Graph",
        "make it in the portal (Devices > Enrollment > Apple > Enrollment program tokens), or correct `displayName` or `id`",
    )
    .over(Needs::Live("the list of tokens")),
    refuse(
        "T-1",
        &["direct.certificate"],
        "the certificate of a direct token has to be a readable X.509 certificate with an RSA key",
        "make a key and its certificate with `espalier token keygen`",
    )
    .at(DIRECT),
    warn(
        "T-1",
        &["direct.certificate", "direct.serverToken"],
        "a direct token of which a file is not there yet cannot be used",
        "make the key and its certificate with `espalier token keygen`, and take up what Apple gives for it with `espalier token import`",
    )
    .at(DIRECT),
    refuse(
        "T-3",
        &["consentToShareData"],
        "consent is a field of tokens that an MDM holds: espalier uploads no direct token",
        "remove `consentToShareData`",
    )
    .at(DIRECT),
    refuse(
        "T-5",
        &["scopeTags"],
        "scope tags are of tokens that an MDM holds: Apple's enrollment service has none",
        "remove `scopeTags`",
    )
    .at(DIRECT),
    refuse(
        "T-5",
        &["scopeTags"],
        "each scope tag that a token names has to exist once in the tenant",
        "make it in the portal (Tenant administration > Roles > Scope tags), or correct the name",
    )
    .over(Needs::Live("the scope tags")),
    note(
        "T-5",
        &["scopeTags"],
        "profiles and synced devices of the token inherit its scope tags",
        "nothing; told beside a change",
    )
    .over(Needs::Live("the token's scope tags")),
    refuse(
        "T-9",
        &["state", "prune"],
        "a token goes only once no devices, no default profile and no profiles are under it; a profile only once no devices have it and it is no default",
        "take these away first; the next run deletes it then",
    )
    .over(Needs::Live("the token's profiles, devices and default")),
    refuse(
        "T-10",
        &["tokens"],
        "a token carries 1,000 profiles at most",
        "delete profiles that are not used, or split the fleet over several tokens",
    )
    .over(Needs::Live("the token's profiles")),
    refuse(
        "T-10",
        &["profile"],
        "a profile carries 200,000 devices at most",
        "split the devices over several profiles or tokens",
    )
    .over(Needs::Live("the token's devices")),
    warn("T-10", &[], "a token should carry 200,000 devices at most", "split the fleet over several tokens")
        .over(Needs::Live("the token's devices")),
    note(
        "T-11",
        &["state"],
        "a token that was deleted before is there again: its devices may still be assigned to it at Apple",
        "assign its devices to another service at Apple, then delete it again; or keep it and write `state: present`",
    )
    .over(Needs::Live("the list of tokens, and the ledger")),
    refuse(
        "A-1",
        CSV,
        "a CSV file has to be readable in full, and every row has to have a serial number: one bad line and the file contributes nothing",
        "correct the line that is named",
    ),
    warn("A-1", CSV, "rows that repeat a serial number of the same file", "remove the repeated rows"),
    refuse(
        "A-3",
        &["profile"],
        "an assignment's profile has to be on the tokens that it is assigned on",
        "add the token to `tokens` of the profile, or name another profile",
    ),
    refuse(
        "A-9",
        DEVICES,
        "a serial number in two assignments that disagree is a mistake",
        "remove it from one of the two",
    ),
    note(
        "A-4",
        DEVICES,
        "an enrolled device takes another profile only after a wipe",
        "wipe it, or wait until it is",
    )
    .over(Needs::Live("the devices' enrollment states")),
    refuse(
        "P-1",
        &["displayName"],
        "two profiles of one token cannot have one name: dynamic groups go by it",
        "give one of them another `displayName`",
    )
    .over(Needs::Live("the token's profiles")),
    note(
        "P-1",
        &["displayName"],
        "dynamic groups by enrollmentProfileName go by the profile's name",
        "adapt the groups with the name",
    )
    .over(Needs::Live("the profile's name")),
    refuse(
        "P-4",
        &["companyPortal.vppToken"],
        "a VPP token that a profile names has to exist once in the tenant",
        "write the display name of a VPP token of this tenant, or upload the token in the portal first",
    )
    .on(IOS)
    .over(Needs::Live("the VPP tokens")),
    note(
        "P-11",
        &["supervised"],
        "a device enrolled without supervision becomes supervised only by a wipe or Apple Configurator",
        "nothing; told beside a change",
    )
    .on(IOS)
    .over(Needs::Live("the profile")),
    note(
        "P-12",
        &["lockedEnrollment"],
        "locked enrollment cannot be changed on an enrolled device without a wipe",
        "nothing; told beside a change",
    )
    .over(Needs::Live("the profile")),
    refuse(
        "P-21",
        CERTIFICATES,
        "a pairing certificate has to be a readable X.509 certificate, in PEM or DER",
        "export the host's certificate, without its key, as PEM or DER",
    )
    .on(IOS),
    refuse(
        "P-21",
        CERTIFICATES,
        "a certificate that has expired is not uploaded anew",
        "name a certificate that is valid",
    )
    .on(IOS)
    .over(Needs::Create),
    refuse(
        "P-25",
        SCREENS,
        "a screen for which Apple has no key cannot go to a direct token",
        "take it out of the list, or write a profile of its own for the tokens of an MDM",
    )
    .on(ALL)
    .at(DIRECT),
    refuse(
        "P-25",
        SCREENS,
        "a screen has to be one of the catalogue, by its name, portal label or Apple's key",
        "take the name that is proposed",
    )
    .on(BOTH),
    refuse("P-25", SCREENS, "a screen cannot stand under both `hide` and `show`", "keep one of the two"),
    refuse(
        "P-25",
        &["screens"],
        "`Fleet.screens` has to be a catalogue edition that this version knows",
        "write a known edition",
    ),
    note(
        "P-25",
        &["screens", "setupAssistant.otherwise"],
        "`otherwise` expands to the newest catalogue of screens where the Fleet pins none",
        "pin it in the Fleet with `screens`",
    ),
    note(
        "P-25",
        SCREENS,
        "a screen that was written and does not stay is not taken by this service",
        "leave it for a service that learns it, or take it out of `hide`",
    )
    .over(Needs::Live("the profile")),
    note(
        "P-28",
        &[],
        "a change takes effect on assigned devices only after they are reset and activated again; the device name template at their next check-in",
        "nothing; told beside a change, with the number of devices",
    )
    .over(Needs::Live("the devices of the profile")),
    refuse(
        "P-30",
        &["defaultProfiles"],
        "a default profile has to be for its platform, to be on the token and to stay",
        "name a profile of the platform whose `tokens` select the token",
    ),
    refuse(
        "P-30",
        &["defaultProfiles"],
        "defaults by family, and those for Apple TV and Apple Vision, are of direct tokens",
        "write `ios` or `macos`",
    )
    .at(CLASSIC),
    note(
        "P-30",
        &["defaultProfiles"],
        "a new default profile is for devices that sync from now on; the others keep what they have",
        "nothing; told beside a change",
    )
    .over(Needs::Live("the token's default profile")),
    refuse(
        "P-32",
        &["platform"],
        "a field of another platform has no meaning in the profile",
        "remove it, or write a profile of its own for the other platform",
    ),
    refuse(
        "P-32",
        &["platform"],
        "profiles for Apple TV and Apple Vision cannot go to a token that an MDM holds",
        "select direct tokens only",
    )
    .on(ALL)
    .at(CLASSIC),
    refuse(
        "P-32",
        &[],
        "a field that a token's profiles do not have, Intune's or Apple's, cannot go to that token",
        "remove the field, or write a profile of its own for each kind of token",
    )
    .on(ALL),
    note(
        "P-32",
        &["userAffinity", "authentication", "ade.url", "ade.orgMagic"],
        "what one kind of token demands of a profile is passed over on the other kind",
        "nothing; the profile's other tokens need it",
    )
    .on(ALL),
    refuse(
        "P-32",
        &["ade.anchorCertificates"],
        "a certificate that devices are to trust has to be a readable X.509 certificate, in PEM or DER",
        "export the certificate, without its key, as PEM or DER",
    )
    .on(ALL)
    .at(DIRECT),
    refuse(
        "P-32",
        &["displayName"],
        "a live object of the same name that is no classic profile may be the very one",
        "give the document another `displayName`, or rename the other one in the portal",
    )
    .over(Needs::Live("the token's profiles")),
    note(
        "S-7",
        DEVICES,
        "Apple hands over about 3,000 devices a minute",
        "nothing; the next sync waits for it",
    )
    .over(Needs::Live("the number of the token's devices")),
    note(
        "S-2",
        DEVICES,
        "a sync by hand is allowed once in 15 minutes and takes up to 15 minutes",
        "nothing; it is waited for",
    )
    .over(Needs::Live("the token's last syncs")),
];
