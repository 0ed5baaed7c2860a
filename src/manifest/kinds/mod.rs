//! The field tables of all kinds (manifests.md): names, types, meanings, and what belongs to a
//! later version and is refused as such.

mod action;
mod apple;
mod profile;
mod token;

use super::shape::{Field, OneOf, Shape, Type, Word, field, later, never, word};
use crate::model::Kind;

pub use action::DEVICE_ACTION;
pub use profile::ENROLLMENT_PROFILE;
pub use token::ENROLLMENT_TOKEN;

/// The one `apiVersion`.
pub const API_VERSION: &str = "espalier.dev/v1alpha1";

/// The fields of a kind's `spec`.
pub const fn spec_of(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Fleet => &FLEET,
        Kind::Connection => &CONNECTION,
        Kind::EnrollmentToken => &ENROLLMENT_TOKEN,
        Kind::EnrollmentProfile => &ENROLLMENT_PROFILE,
        Kind::DeviceAssignment => &DEVICE_ASSIGNMENT,
        Kind::DeviceAction => &DEVICE_ACTION,
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
)
.default("`metadata.name`");
const ID: Field = field("id", Type::Filled, "Picks the live object when two carry the name.");
const FORMERLY: Field =
    field("formerly", Type::List(&Type::Filled), "Earlier display names: a rename, not a delete and create.");
const STATE: Field = field(
    "state",
    Type::Word(&[word("present"), word("absent")]),
    "`present` (default), or `absent`: deletes it, in order, with its checks.",
)
.default("present");
const ACKNOWLEDGE: Field = field(
    "acknowledge",
    Type::List(&Type::Object(&ACKNOWLEDGEMENT)),
    "Warnings and grandfathered findings known to the team: counted, not shouted, until their date.",
);

const ACKNOWLEDGEMENT: Shape = Shape {
    doc: "A warning or grandfathered finding known to the team.",
    fields: &[
        field("rule", Type::Filled, "The requirement row or diagnostic code, e.g. `P-6`.").required(),
        field("reason", Type::Filled, "Why it is accepted.").required(),
        field("until", Type::Time, "Until when: a date, or a time in RFC 3339.").required(),
    ],
    one_of: &[],
};

/// Steps, and every action.
const LIMIT_KINDS: &[Word] = &[
    word("create"),
    word("update"),
    word("delete"),
    word("assign"),
    word("reassign"),
    word("unassign"),
    word("sync"),
    word("playSound"),
    word("locate"),
    word("escrowBypassCode"),
    word("lock"),
    word("enableLostMode"),
    word("disableLostMode"),
    word("restart"),
    word("shutDown"),
    word("rename"),
    word("logOutSharedIpadUser"),
    word("clearPasscode"),
    word("disableActivationLock"),
    word("retire"),
    word("deleteRecord"),
    word("deleteSharedIpadUser"),
    word("wipe"),
    word("handOver"),
    word("release"),
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
        CSV_WHERE,
    ],
    one_of: &[],
};

const CSV_WHERE: Field = field(
    "where",
    Type::Map(&Type::Text),
    "Only rows whose columns have these values, exactly but for blanks around them; others are not looked at.",
);

const DEVICES_CSV: Shape = Shape {
    doc: CSV.doc,
    fields: &[
        CSV.fields[0],
        CSV.fields[1],
        CSV_WHERE,
        field(
            "profileColumn",
            Type::Filled,
            "The heading of a column with the `metadata.name` of each device's profile; an empty cell means `profile`.",
        ),
    ],
    one_of: &[],
};

const WATCH: Shape = Shape {
    doc: "What `espalier watch` may do by itself; gates always hold.",
    fields: &[
        field(
            "onCommit",
            Type::Word(&[word("plan"), word("apply")]),
            "When documents change: `plan` (default) shows the plan, `apply` applies it.",
        ),
        field(
            "onDrift",
            Type::Word(&[word("report"), word("heal")]),
            "When something moved outside: `report` (default) shows it, `heal` puts it back to what was last applied.",
        ),
        field(
            "actions",
            Type::Word(&[word("off"), word("approved")]),
            "Device actions: `off` (default) sends none and follows those that were sent; `approved` sends those that no gate stops.",
        ),
        field("resync", Type::Duration, "How often everything is read anew, by default 1h; at least 1m."),
    ],
    one_of: &[],
};

const RECIPIENTS: Field = field(
    "recipients",
    Type::List(&Type::Path),
    "X.509 certificates of who can open what is sealed: files in PEM, one certificate each, RSA from 2048 bits or EC (P-256, P-384, P-521).",
)
.required();

const ESCROW: Shape = Shape {
    doc: "To whom secrets of devices are sealed: bypass codes, PINs, temporary passcodes, locations (L-4).",
    fields: &[
        RECIPIENTS,
        field(
            "onEnrollment",
            Type::Bool,
            "Whether the bypass code of every supervised device is sealed once per life, since it can be read for a limited time only.",
        )
        .default("false"),
    ],
    one_of: &[],
};

const TENANTS_ESCROW: Shape = Shape {
    doc: "To whom secrets of this tenant's devices are sealed, instead of the Fleet's recipients (L-4).",
    fields: &[RECIPIENTS, never("onEnrollment", "write it in `escrow` of the Fleet: it is for all tenants")],
    one_of: &[],
};

const CLASSES: &[Word] = &[word("safe"), word("disruptive"), word("destructive"), word("irreversible")];

const WINDOW: Shape = Shape {
    doc: "When classes may run: it begins as cron says on the clocks of a zone, and lasts.",
    fields: &[
        field(
            "allow",
            Type::Filled,
            "When it opens for its classes, which run at no other time: five fields of cron.",
        )
        .no_null("a window has its time"),
        field(
            "deny",
            Type::Filled,
            "When it shuts for its classes, whatever another allows: five fields of cron.",
        )
        .no_null("a window has its time"),
        field("for", Type::Duration, "How long it lasts, 1m to 31d.").required(),
        field("timezone", Type::Filled, "A name of IANA's database, like `Europe/Berlin` or `UTC`.")
            .required(),
        field("classes", Type::List(&Type::Word(CLASSES)), "The classes of steps and acts that it is about.")
            .required(),
    ],
    one_of: &[OneOf { names: &["allow", "deny"], required: true }],
};

const APPROVALS: Shape = Shape {
    doc: "Who has to agree: SSH signatures by other persons than the commit's author.",
    fields: &[
        field(
            "signers",
            Type::Path,
            "The file with those who may sign, in OpenSSH's allowed-signers format.",
        )
        .required(),
        field("classes", Type::List(&Type::Word(CLASSES)), "The classes that need it.")
            .default("destructive, irreversible"),
        field("count", Type::Int(1, 100), "How many persons have to sign.").default("1"),
        field("validFor", Type::Duration, "How long a signature is good for, at most 90d.").default("72h"),
    ],
    one_of: &[],
};

/// `Fleet.spec`.
pub const FLEET: Shape = Shape {
    doc: "One per folder: ledger, limits, protection.",
    fields: &[
        field("ledger", Type::Object(&LEDGER), "The fleet's one ledger.").required(),
        field("escrow", Type::Object(&ESCROW), "To whom secrets of devices are sealed (L-4).")
            .no_null("leave it out where nothing is to be sealed"),
        field(
            "limits",
            Type::WordMap(LIMIT_KINDS, &Type::Object(&LIMIT)),
            "Bounds per token and kind of step or action; those of class destructive and above count over 24 hours.",
        )
        .default("update 20 %/50, delete 10 %/5, reassign 10 %/200, unassign 10 %/100, clearPasscode 5, retire 5, deleteRecord 5, wipe 1, handOver 5, release 1"),
        field("protected", Type::Object(&PROTECTED), "Never touched by disruptive or higher classes."),
        field("windows", Type::List(&Type::Object(&WINDOW)), "When which classes may run; a class that none names is free, and `deny` wins."),
        field("approvals", Type::Object(&APPROVALS), "Who has to agree before grave steps and acts.")
            .no_null("leave it out where nobody is asked"),
        field(
            "expiryWarning",
            Type::Duration,
            "From when on expiry dates warn, by default 30d (T-6, T-12, P-4).",
        )
        .default("30d"),
        field(
            "screens",
            Type::Filled,
            "The catalogue edition that `otherwise` expands to; a newer espalier changes nothing until it is raised.",
        )
        .default("the newest edition that this espalier knows"),
        field("watch", Type::Object(&WATCH), "The daemon's switches."),
        ACKNOWLEDGE,
    ],
    one_of: &[],
};

const NO_SOURCE: &str = "a credential needs a source";

const CERTIFICATE: Shape = Shape {
    doc: "A certificate of the application and its private key.",
    fields: &[field(
        "pem",
        Type::Secret,
        "A PEM text with the RSA private key (PKCS#8 or PKCS#1, not encrypted) and its certificate, in any order.",
    )
    .required()],
    one_of: &[],
};

const GITHUB_OIDC: Shape = Shape {
    doc: "The id token of the GitHub workflow; it needs no fields, only `permissions: id-token: write` in the workflow.",
    fields: &[],
    one_of: &[],
};

const MANAGED_IDENTITY: Shape = Shape {
    doc: "The identity that Azure gives to the machine or app that espalier runs on.",
    fields: &[field(
        "clientId",
        Type::Guid,
        "The client id of a user-assigned identity; without it the machine's own identity.",
    )
    .no_null("leave it out for the machine's own identity")],
    one_of: &[],
};

const CREDENTIAL: Shape = Shape {
    doc: "How to prove who we are: exactly one.",
    fields: &[
        field("clientSecret", Type::Secret, "A client secret of the application.").no_null(NO_SOURCE),
        field(
            "certificate",
            Type::Object(&CERTIFICATE),
            "A certificate of the application: `{pem: secret}`.",
        )
        .no_null(NO_SOURCE),
        field(
            "federatedTokenFile",
            Type::Path,
            "A file with a token of a trusted issuer, read anew at every sign-in.",
        )
        .no_null(NO_SOURCE),
        field("githubOidc", Type::Object(&GITHUB_OIDC), "The id token of a GitHub workflow: `{}`.")
            .no_null("write `{}`"),
        field(
            "managedIdentity",
            Type::Object(&MANAGED_IDENTITY),
            "A managed identity of Azure: `{}`, or `{clientId: …}`.",
        )
        .no_null("write `{}`"),
    ],
    one_of: &[OneOf {
        names: &["clientSecret", "certificate", "federatedTokenFile", "githubOidc", "managedIdentity"],
        required: true,
    }],
};

const INTUNE: Shape = Shape {
    doc: "A Microsoft Intune tenant, reached through Microsoft Graph.",
    fields: &[
        field("tenantId", Type::Tenant, "The tenant's id: a GUID, or one of its verified domain names.")
            .required(),
        field("clientId", Type::Guid, "The application's (client) id: a GUID.").required(),
        field("credential", Type::Object(&CREDENTIAL), "How to sign in: exactly one.").required(),
        field(
            "cloud",
            Type::Word(&[word("global"), word("usGov"), word("usDod"), word("china")]),
            "The cloud of the tenant: `global` (default), `usGov` (GCC High), `usDod`, `china` (21Vianet).",
        )
        .default("global"),
        field("assignBatch", Type::Int(1, 1000), "Serials in one assignment request, 100 by default.")
            .default("100"),
    ],
    one_of: &[],
};

const ENDPOINTS: Shape = Shape {
    doc: "Other hosts for the services, honoured only where the runner allows it.",
    fields: &[
        field("graph", Type::Origin, "Microsoft Graph."),
        field("login", Type::Origin, "Entra's token service."),
        field("business", Type::Origin, "The Apple Business API."),
        field("school", Type::Origin, "The Apple School Manager API."),
        field("account", Type::Origin, "Apple's token service."),
        later("dep", "Apple's enrollment service."),
        later("unlock", "Apple's unlock service."),
    ],
    one_of: &[],
};

const POLICY: Shape = Shape {
    doc: "Narrows the Fleet for this tenant or organisation; it can only be stricter.",
    fields: &[
        field("escrow", Type::Object(&TENANTS_ESCROW), "To whom secrets of its devices are sealed (L-4).")
            .no_null("leave it out for the Fleet's"),
        field(
            "limits",
            Type::WordMap(LIMIT_KINDS, &Type::Object(&LIMIT)),
            "Bounds per token and kind of step or action.",
        ),
        field("protected", Type::Object(&PROTECTED), "Never touched by disruptive or higher classes."),
        field(
            "windows",
            Type::List(&Type::Object(&WINDOW)),
            "When which classes may run; a class that none names is free, and `deny` wins.",
        ),
        field("approvals", Type::Object(&APPROVALS), "Who has to agree before grave steps and acts.")
            .no_null("leave it out where nobody is asked"),
    ],
    one_of: &[],
};

/// `Connection.spec`.
pub const CONNECTION: Shape = Shape {
    doc: "A tenant, or an organisation at Apple, and how to sign in there.",
    fields: &[
        field("intune", Type::Object(&INTUNE), "Microsoft Intune.").no_null("a connection needs its service"),
        field("appleBusiness", Type::Object(&apple::BUSINESS), "Apple Business.")
            .no_null("a connection needs its service"),
        field("appleSchool", Type::Object(&apple::SCHOOL), "Apple School Manager.")
            .no_null("a connection needs its service"),
        later("nanomdm", "NanoMDM."),
        field("endpoints", Type::Object(&ENDPOINTS), "Other hosts, only where ESPALIER_ALLOW=endpoints."),
        field("policy", Type::Object(&POLICY), "Narrows the Fleet for this tenant or organisation."),
        ACKNOWLEDGE,
    ],
    one_of: &[OneOf { names: &["intune", "appleBusiness", "appleSchool", "nanomdm"], required: true }],
};

const DEVICES: Shape = Shape {
    doc: "The devices: at least one of the fields (A-1).",
    fields: &[
        field("serials", Type::Serials, "Serial numbers, named outright."),
        field("csv", Type::Object(&DEVICES_CSV), "Serial numbers in a CSV file, named outright."),
        field("where", Type::Object(&apple::WHERE), "Devices by what Apple's side knows of them.")
            .no_null("leave it out to select none"),
    ],
    one_of: &[],
};

/// `DeviceAssignment.spec`.
pub const DEVICE_ASSIGNMENT: Shape = Shape {
    doc: "Where devices are at Apple, and which profile they get.",
    fields: &[
        later("displayName", "Assignments have no name at a service."),
        later("id", "Assignments have no id at a service."),
        later("formerly", "Assignments have no name at a service."),
        later("state", "Removing an assignment leaves its devices as they are."),
        ACKNOWLEDGE,
        field("devices", Type::Object(&DEVICES), "The devices.").required(),
        field(
            "token",
            Type::Name,
            "The devices' token. One with `apple`: they are moved to its service (A-2); else only devices that are on it.",
        )
        .no_null("leave it out for all tokens of the profile"),
        field("tokens", Type::Object(&MATCH_LABELS), "Only devices on these tokens: {matchLabels}.")
            .no_null("leave it out for all tokens of the profile"),
        field("unassign", Type::Bool, "`true`: takes the devices off their service at Apple (A-2).")
            .no_null("leave it out to leave them where they are"),
        field("profile", Type::Name, "The EnrollmentProfile document that the devices get.")
            .no_null("leave it out where only `token` is meant"),
        field("profiles", Type::Object(&apple::FAMILY_PROFILES), "Profiles by device family.")
            .no_null("leave it out where only `token` is meant"),
        field(
            "moveBy",
            Type::Object(&apple::MOVE_BY),
            "A migration with a deadline for devices that are enrolled already (A-11); needs `token`.",
        )
        .no_null("leave it out for no deadline; one that was set before is cancelled then"),
    ],
    one_of: &[
        OneOf { names: &["token", "tokens", "unassign"], required: false },
        OneOf { names: &["profile", "profiles"], required: false },
    ],
};
