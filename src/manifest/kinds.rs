//! The field tables of all kinds (manifests.md): names, types, meanings, and what belongs to a
//! later version and is refused as such.

use super::shape::{Field, OneOf, Shape, Type, Word, field, later, later_word, word};
use crate::model::Kind;

/// The one `apiVersion`.
pub const API_VERSION: &str = "espalier.dev/v1alpha1";

/// Kinds that manifests.md knows and this version does not carry.
pub const LATER_KINDS: &[&str] = &["DeviceAction"];

/// The fields of a kind's `spec`.
pub const fn spec_of(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Fleet => &FLEET,
        Kind::Connection => &CONNECTION,
        Kind::EnrollmentToken => &ENROLLMENT_TOKEN,
        Kind::EnrollmentProfile => &ENROLLMENT_PROFILE,
        Kind::DeviceAssignment => &DEVICE_ASSIGNMENT,
    }
}

/// `metadata` of every kind.
pub const METADATA: Shape = Shape {
    doc: "Name and labels of the document.",
    fields: &[
        field("name", Type::Name, "The address: [a-z0-9][a-z0-9-]{0,62}, unique per kind.").required(),
        field("labels", Type::Map(&Type::Text), "Labels that `matchLabels` selects by."),
    ],
    one_of: &[],
};

/// `{matchLabels: …}`.
pub const MATCH_LABELS: Shape = Shape {
    doc: "Selects tokens by their labels; all given labels must be equal.",
    fields: &[field("matchLabels", Type::Map(&Type::Text), "The labels that a token must carry.").required()],
    one_of: &[],
};

const DISPLAY_NAME: Field = field(
    "displayName",
    Type::Filled,
    "The name at the service, by default `metadata.name` (P-1). May hold ${name} of a token's values in profiles.",
);
const ID: Field = field("id", Type::Filled, "Picks the live object when two carry the name.");
const FORMERLY: Field =
    field("formerly", Type::List(&Type::Filled), "Earlier display names: a rename, not a delete and create.");
const STATE: Field = field(
    "state",
    Type::Word(&[word("present"), word("absent")]),
    "`present` (default), or `absent`: deletes it, in order, with its checks.",
);
const ACKNOWLEDGE: Field =
    later("acknowledge", "A warning or grandfathered finding known to the team, until a date.");

const LIMIT_KINDS: &[Word] = &[
    word("create"),
    word("update"),
    word("delete"),
    word("assign"),
    word("reassign"),
    later_word("unassign"),
    later_word("clearPasscode"),
    later_word("retire"),
    later_word("deleteRecord"),
    later_word("wipe"),
    later_word("handOver"),
    later_word("release"),
    later_word("sync"),
    later_word("playSound"),
    later_word("locate"),
    later_word("escrowBypassCode"),
    later_word("lock"),
    later_word("enableLostMode"),
    later_word("disableLostMode"),
    later_word("restart"),
    later_word("shutDown"),
    later_word("rename"),
    later_word("logOutSharedIpadUser"),
    later_word("disableActivationLock"),
    later_word("deleteSharedIpadUser"),
];

const LIMIT: Shape = Shape {
    doc: "A bound per token: exceeded when either figure is.",
    fields: &[
        field("percent", Type::Int(0, 100), "Percent of the live objects, from ten objects up."),
        field("count", Type::Int(0, i64::MAX), "A number of objects or devices."),
    ],
    one_of: &[],
};

const SQLITE: Shape = Shape {
    doc: "A ledger in a SQLite file, for one machine.",
    fields: &[field("path", Type::Path, "The file, relative to the documents' folder.").required()],
    one_of: &[],
};

const LEDGER: Shape = Shape {
    doc: "The fleet's one ledger, made by `espalier ledger create`.",
    fields: &[
        field("id", Type::Uuid, "The ledger's id; another one is exit 10.").required(),
        field("sqlite", Type::Object(&SQLITE), "A SQLite file.").no_null("a ledger needs a place"),
        later("git", "A branch of the git repository."),
        later("postgres", "A PostgreSQL database."),
    ],
    one_of: &[OneOf { names: &["sqlite", "git", "postgres"], required: true }],
};

const PROTECTED: Shape = Shape {
    doc: "Never touched by disruptive or higher classes.",
    fields: &[
        field("serials", Type::Serials, "Serial numbers."),
        field("csv", Type::Object(&CSV), "Serial numbers in a CSV file."),
        field("tokens", Type::List(&Type::Name), "Tokens."),
    ],
    one_of: &[],
};

const CSV: Shape = Shape {
    doc: "Serial numbers in a CSV file; delimiter comma, semicolon or tab, UTF-8 or UTF-16.",
    fields: &[
        field("file", Type::Path, "The file, relative to the document.").required(),
        field("column", Type::Filled, "The heading of the column with the serial numbers, exactly.")
            .required(),
        later("where", "Only rows whose columns have these values."),
        later("profileColumn", "The column that names each device's profile."),
    ],
    one_of: &[],
};

/// `Fleet.spec`.
pub const FLEET: Shape = Shape {
    doc: "One per folder: ledger, limits, protection.",
    fields: &[
        field("ledger", Type::Object(&LEDGER), "The fleet's one ledger.").required(),
        later("escrow", "Recipients of sealed codes."),
        field(
            "limits",
            Type::WordMap(LIMIT_KINDS, &Type::Object(&LIMIT)),
            "Bounds per token and kind of step; defaults: update 20 %/50, delete 10 %/5, reassign 10 %/200.",
        ),
        field("protected", Type::Object(&PROTECTED), "Never touched by disruptive or higher classes."),
        later("windows", "When which classes may run."),
        later("approvals", "Signers of destructive steps."),
        field(
            "expiryWarning",
            Type::Duration,
            "From when on expiry dates warn, by default 30d (T-6, T-12, P-4).",
        ),
        field(
            "screens",
            Type::Filled,
            "The catalogue edition that `otherwise` expands to; a newer espalier changes nothing until it is raised.",
        ),
        later("watch", "The daemon's switches."),
        ACKNOWLEDGE,
    ],
    one_of: &[],
};

const CREDENTIAL: Shape = Shape {
    doc: "How to prove who we are: exactly one.",
    fields: &[
        field("clientSecret", Type::Secret, "A client secret of the application.")
            .no_null("a credential needs a source"),
        later("certificate", "A certificate of the application."),
        field(
            "federatedTokenFile",
            Type::Path,
            "A file with a token of a trusted issuer, read anew at every sign-in.",
        )
        .no_null("a credential needs a source"),
        later("githubOidc", "The token of a GitHub workflow."),
        later("managedIdentity", "A managed identity of Azure."),
    ],
    one_of: &[OneOf {
        names: &["clientSecret", "certificate", "federatedTokenFile", "githubOidc", "managedIdentity"],
        required: true,
    }],
};

const INTUNE: Shape = Shape {
    doc: "A Microsoft Intune tenant, reached through Microsoft Graph.",
    fields: &[
        field("tenantId", Type::Filled, "The tenant's id.").required(),
        field("clientId", Type::Filled, "The application's id.").required(),
        field("credential", Type::Object(&CREDENTIAL), "How to sign in: exactly one.").required(),
        field(
            "cloud",
            Type::Word(&[word("global"), later_word("usGov"), later_word("usDod"), later_word("china")]),
            "The national cloud; `global` by default.",
        ),
        field("assignBatch", Type::Int(1, 1000), "Serials in one assignment request, 100 by default."),
    ],
    one_of: &[],
};

const ENDPOINTS: Shape = Shape {
    doc: "Other hosts for the services, honoured only where the runner allows it.",
    fields: &[
        field("graph", Type::Origin, "Microsoft Graph."),
        field("login", Type::Origin, "Entra's token service."),
        later("business", "The Apple Business API."),
        later("school", "The Apple School API."),
        later("account", "Apple's token service."),
        later("dep", "Apple's enrollment service."),
        later("unlock", "Apple's unlock service."),
    ],
    one_of: &[],
};

/// `Connection.spec`.
pub const CONNECTION: Shape = Shape {
    doc: "A tenant and how to sign in there.",
    fields: &[
        field("intune", Type::Object(&INTUNE), "Microsoft Intune.").no_null("a connection needs its service"),
        later("appleBusiness", "Apple Business Manager."),
        later("appleSchool", "Apple School Manager."),
        later("nanomdm", "NanoMDM."),
        field("endpoints", Type::Object(&ENDPOINTS), "Other hosts, only where ESPALIER_ALLOW=endpoints."),
        later("policy", "Narrows the Fleet for this tenant."),
        ACKNOWLEDGE,
    ],
    one_of: &[OneOf { names: &["intune", "appleBusiness", "appleSchool", "nanomdm"], required: true }],
};

const NO_UNSET: &str = "the service can replace a default profile, but not unset it (P-30)";

const DEFAULT_PROFILES: Shape = Shape {
    doc: "The profile that newly synced devices get, by platform (P-30).",
    fields: &[
        field("ios", Type::Name, "For iPhone and iPad: an EnrollmentProfile document.").no_null(NO_UNSET),
        later("macos", "For Mac."),
        later("tvos", "For Apple TV."),
        later("visionos", "For Apple Vision."),
        later("iphone", "For iPhone, direct tokens."),
        later("ipad", "For iPad, direct tokens."),
        later("mac", "For Mac, direct tokens."),
        later("appleTv", "For Apple TV, direct tokens."),
        later("vision", "For Apple Vision, direct tokens."),
    ],
    one_of: &[],
};

/// `EnrollmentToken.spec`.
pub const ENROLLMENT_TOKEN: Shape = Shape {
    doc: "An ADE server token that the MDM holds.",
    fields: &[
        DISPLAY_NAME,
        ID,
        FORMERLY,
        STATE,
        ACKNOWLEDGE,
        field("mdm", Type::Name, "The Connection that holds the token.").no_null("a token needs its holder"),
        later("direct", "A token that espalier itself holds."),
        later("apple", "The device management service at Apple that the token belongs to (A-2)."),
        later("appleId", "The Apple ID that made the token (T-4)."),
        later("consentToShareData", "Consent to send data to Apple (T-3)."),
        field("scopeTags", Type::List(&Type::Filled), "Scope tags by name, the exact list (T-5).")
            .no_null("scope tags have no default to go back to; write the exact list"),
        field("defaultProfiles", Type::Object(&DEFAULT_PROFILES), "Default profiles by platform (P-30).")
            .no_null(NO_UNSET),
        later("defaultFor", "Product families that Apple assigns to this service by default."),
        field("values", Type::Map(&Type::Text), "Fills ${name} in text fields of profiles for this token."),
        field(
            "prune",
            Type::Word(&[word("never"), word("created"), word("all")]),
            "Whether profiles under this token that no document names may be deleted (T-9): `never` (default), `created`, `all`.",
        ),
        later("accountDrivenEnrollmentUrl", "Account-driven enrollment, direct tokens."),
    ],
    one_of: &[OneOf { names: &["mdm", "direct"], required: true }],
};

const NO_CACHE_DEFAULT: &str = "the service sets the number itself and no default is known; leave it out";

const SHARED_IPAD: Shape = Shape {
    doc: "Shared iPad: `{}` is on with the service's values, null is off (P-14 to P-20).",
    fields: &[
        field("maximumCachedUsers", Type::Int(1, 24), "Users kept on the device, 1 to 24 (P-15).")
            .no_null(NO_CACHE_DEFAULT),
        field(
            "passwordAfterLockSeconds",
            Type::Int(0, 14_400),
            "Seconds after screen lock before a password is needed: 0, 60, 300, 900, 3600 or 14400 (P-16).",
        ),
        field(
            "userSessionTimeoutSeconds",
            Type::Int(0, i32::MAX as i64),
            "Seconds of inactivity before sign-out, at least 30; 0 is never (P-17).",
        ),
        field("temporarySessionOnly", Type::Bool, "Guests only (P-18)."),
        field(
            "temporarySessionTimeoutSeconds",
            Type::Int(0, i32::MAX as i64),
            "Seconds of inactivity before a temporary session ends, at least 30; 0 is never (P-19).",
        ),
    ],
    one_of: &[],
};

const PAIRING: Shape = Shape {
    doc: "Sync with computers (P-21).",
    fields: &[
        field(
            "mode",
            Type::Word(&[
                word("allowAll").label(&["Allow All"]),
                word("denyAll").label(&["Deny All"]),
                word("allowByCertificate").label(&["Allow Apple Configurator by certificate"]),
            ]),
            "`allowAll` (default), `denyAll`, or `allowByCertificate`.",
        ),
        field(
            "certificates",
            Type::List(&Type::Path),
            "X.509 certificates of the hosts, at most 10: PEM or DER files.",
        ),
    ],
    one_of: &[],
};

const SETUP_ASSISTANT: Shape = Shape {
    doc: "Screens of Setup Assistant; without `otherwise`, unlisted ones are unmanaged (P-25 to P-27, P-36).",
    fields: &[
        field("hide", Type::List(&Type::Screen), "Screens to skip."),
        field("show", Type::List(&Type::Screen), "Screens to show."),
        field(
            "otherwise",
            Type::Word(&[word("hide"), word("show")]),
            "What becomes of every unlisted screen.",
        ),
    ],
    one_of: &[],
};

/// `EnrollmentProfile.spec`.
pub const ENROLLMENT_PROFILE: Shape = Shape {
    doc: "An enrollment profile for iPhone and iPad.",
    fields: &[
        DISPLAY_NAME,
        ID,
        FORMERLY,
        STATE,
        ACKNOWLEDGE,
        field("tokens", Type::Tokens, "The tokens that carry the profile: names, or {matchLabels}.").required(),
        later("rollout", "Tokens that are applied and read back before the others."),
        field(
            "platform",
            Type::Word(&[word("ios"), later_word("macos"), later_word("tvos"), later_word("visionos")]),
            "`ios` is iPhone and iPad (P-32).",
        )
        .required(),
        field("description", Type::Text, "For administrators; users do not see it (P-1)."),
        field(
            "userAffinity",
            Type::Word(&[
                word("none").label(&["Enroll without User Affinity"]),
                word("user").label(&["Enroll with User Affinity"]),
                word("entraShared").label(&["Enroll with Microsoft Entra ID shared mode"]),
            ]),
            "With or without a user; required on create (P-2).",
        )
        .no_null("it has no default (P-2)"),
        field(
            "authentication",
            Type::Word(&[word("setupAssistantModern").label(&["Setup Assistant with modern authentication"]), word("setupAssistantLegacy").label(&["Setup Assistant (legacy)"]), word("companyPortal").label(&["Company Portal"])]),
            "How the user signs in; required with userAffinity user, refused otherwise (P-3, P-6, P-7, P-33).",
        )
        .no_null("it has no default; leave it out where userAffinity is not user (P-3)"),
        later("companyPortal", "Installation of Company Portal (P-4, P-5, P-34)."),
        field("supervised", Type::Bool, "Supervision, true by default (P-9 to P-11)."),
        field("lockedEnrollment", Type::Bool, "Hides the removal of management; false by default (P-12)."),
        field("awaitConfiguration", Type::Bool, "Setup Assistant waits for the first configuration; true by default."),
        field("sharedIpad", Type::Object(&SHARED_IPAD), "Shared iPad; null is off (P-14 to P-20)."),
        field("pairing", Type::Object(&PAIRING), "Sync with computers (P-21)."),
        field(
            "deviceNameTemplate",
            Type::Text,
            "Device name, at most 63 characters, with {{SERIAL}} and {{DEVICETYPE}} (P-22).",
        ),
        later("cellularActivationUrl", "The carrier's activation server (P-23, P-39)."),
        field("department", Type::Text, "Shown in Setup Assistant (P-24)."),
        field("departmentPhone", Type::Text, "Shown in Setup Assistant (P-24)."),
        field("setupAssistant", Type::Object(&SETUP_ASSISTANT), "Screens of Setup Assistant (P-25 to P-27, P-36).")
            .no_null("screens have no common default; leave it out to leave them unmanaged"),
        later("localAdmin", "The local administrator of a Mac."),
        later("primaryAccount", "The first account of a Mac."),
        later("platformSso", "Platform single sign-on of a Mac."),
        later("autoAdvance", "Auto advance of Mac and Apple TV."),
        later("networkTether", "Network tethering of a Mac."),
        later("intune", "The generation of the Intune profile."),
        later("ade", "Apple's own members, direct tokens."),
    ],
    one_of: &[],
};

const DEVICES: Shape = Shape {
    doc: "The devices: at least one of the fields (A-1).",
    fields: &[
        field("serials", Type::Serials, "Serial numbers, named outright."),
        field("csv", Type::Object(&CSV), "Serial numbers in a CSV file, named outright."),
        later("where", "Devices by order number, model or product family."),
    ],
    one_of: &[],
};

/// `DeviceAssignment.spec`.
pub const DEVICE_ASSIGNMENT: Shape = Shape {
    doc: "Which devices get which profile.",
    fields: &[
        later("displayName", "Assignments have no name at a service."),
        later("id", "Assignments have no id at a service."),
        later("formerly", "Assignments have no name at a service."),
        later("state", "Removing an assignment leaves its devices as they are."),
        ACKNOWLEDGE,
        field("devices", Type::Object(&DEVICES), "The devices.").required(),
        field("token", Type::Name, "Only devices on this token.")
            .no_null("leave it out for all tokens of the profile"),
        field("tokens", Type::Object(&MATCH_LABELS), "Only devices on these tokens: {matchLabels}.")
            .no_null("leave it out for all tokens of the profile"),
        later("unassign", "Takes the devices off their service at Apple."),
        field("profile", Type::Name, "The EnrollmentProfile document that the devices get.")
            .no_null("an assignment needs its profile"),
        later("profiles", "Profiles by device family."),
        later("moveBy", "A migration with a deadline (A-11)."),
    ],
    one_of: &[
        OneOf { names: &["token", "tokens", "unassign"], required: false },
        OneOf { names: &["profile", "profiles"], required: true },
    ],
};
