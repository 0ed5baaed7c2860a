//! The fields of `EnrollmentProfile`.

use super::super::shape::{Shape, Type, field, later_word, word};
use super::{ACKNOWLEDGE, DISPLAY_NAME, FORMERLY, ID, STATE};

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

const ROLLOUT: Shape = Shape {
    doc: "The order over several tokens.",
    fields: &[field(
        "first",
        Type::List(&Type::Name),
        "Tokens that are applied and read back, one after the other, before the others start.",
    )
    .required()],
    one_of: &[],
};

const COMPANY_PORTAL: Shape = Shape {
    doc: "Company Portal on iPhone and iPad (P-4, P-5, P-34).",
    fields: &[
        field("install", Type::Bool, "Installs Company Portal; with `setupAssistantLegacy` (P-4)."),
        field("vppToken", Type::Filled, "The display name of the VPP token that has the app (P-4)."),
        field(
            "singleAppMode",
            Type::Bool,
            "Locks the device to Company Portal until sign-in; needs `vppToken` (P-5); false by default.",
        ),
    ],
    one_of: &[],
};

const LOCAL_ADMIN: Shape = Shape {
    doc: "The local administrator of a Mac.",
    fields: &[
        field("userName", Type::Filled, "The account's short name.").required(),
        field("fullName", Type::Filled, "The account's full name.").required(),
        field("password", Type::Secret, "Its first password; written, never read back.")
            .no_null("leave it out to leave the password as it is"),
        field("hidden", Type::Bool, "Hidden in Users & Groups; false by default."),
        field(
            "rotateEveryDays",
            Type::Int(1, 180),
            "Days until the password is changed, 1 to 180; null is never.",
        ),
        field(
            "rotateAfterRetrievalHours",
            Type::Int(1, 24),
            "Hours until it is changed after somebody looked it up, 1 to 24; null is never.",
        ),
    ],
    one_of: &[],
};

const PRIMARY_ACCOUNT: Shape = Shape {
    doc: "The first account of a Mac.",
    fields: &[
        field("create", Type::Bool, "Creates it; true by default. False needs `localAdmin`."),
        field("standardUser", Type::Bool, "No administrator; false by default. True needs `localAdmin`."),
        field("prefill", Type::Bool, "Fills the names in; false by default. True needs both names."),
        field(
            "userName",
            Type::Text,
            "The short name, with {{serialNumber}}, {{partialupn}}, {{managedDeviceName}} or {{OnPremisesSamAccountName}}.",
        ),
        field(
            "fullName",
            Type::Text,
            "The full name, with {{username}}, {{serialNumber}} or {{OnPremisesSamAccountName}}.",
        ),
        field(
            "restrictEditing",
            Type::Bool,
            "The user cannot change the names; true by default, counts with `prefill`.",
        ),
    ],
    one_of: &[],
};

const INTUNE_GENERATION: Shape = Shape {
    doc: "What carries the profile at Intune.",
    fields: &[field(
        "generation",
        Type::Word(&[word("classic"), later_word("policy")]),
        "`classic` (default for ios and macos): a classic enrollment profile.",
    )
    .default("classic")],
    one_of: &[],
};

const NO_ADE: &str = "Apple requires it of every profile of a direct token";

const ADE: Shape = Shape {
    doc: "Apple's members that have no other name; profiles of direct tokens (P-32).",
    fields: &[
        field(
            "url",
            Type::Filled,
            "Where devices ask for their enrollment: http or https, at most 2,000 characters.",
        )
        .required()
        .no_null(NO_ADE),
        field(
            "orgMagic",
            Type::Filled,
            "Ties the services of one organisation together; at most 256 characters.",
        )
        .required()
        .no_null(NO_ADE),
        field(
            "configurationWebUrl",
            Type::Text,
            "A sign-in in a web view, which hands out the enrollment: https; iPhone, iPad and Mac.",
        ),
        field("mandatory", Type::Bool, "The user cannot skip enrollment; systems of today never let them."),
        field("supportEmail", Type::Text, "Shown in Setup Assistant; at most 250 characters."),
        field("language", Type::Text, "Language of Setup Assistant: `de`, `haw`; Mac and Apple TV."),
        field("region", Type::Text, "Region of Setup Assistant: `DE`; Mac and Apple TV."),
        field(
            "anchorCertificates",
            Type::List(&Type::Path),
            "X.509 certificates that are trusted for the connection to `url`: PEM or DER files.",
        ),
        field(
            "supervisingHostCertificates",
            Type::List(&Type::Path),
            "Apple's name for `pairing.certificates` beside `pairing.mode: denyAll`: one of the two.",
        ),
        field(
            "returnToService",
            Type::Bool,
            "Rapid Return to Service; iPhone, iPad and Vision with OS 26 and later.",
        ),
        field(
            "ignoreProfileFromBackup",
            Type::Bool,
            "A restored backup brings no profile along; iPhone, iPad and Vision with OS 26 and later.",
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
    doc: "An enrollment profile for the devices of a platform: a classic one of Intune, or one of Apple's for direct tokens.",
    fields: &[
        DISPLAY_NAME,
        ID,
        FORMERLY,
        STATE,
        ACKNOWLEDGE,
        field("tokens", Type::Tokens, "The tokens that carry the profile: names, or {matchLabels}.").required(),
        field("rollout", Type::Object(&ROLLOUT), "The order over several tokens."),
        field(
            "platform",
            Type::Word(&[word("ios"), word("macos"), word("tvos"), word("visionos")]),
            "`ios` is iPhone and iPad, `macos` is Mac; `tvos` and `visionos` on direct tokens (P-32).",
        )
        .required(),
        field("description", Type::Text, "For administrators; users do not see it (P-1). Apple's profiles have no place for it: there it stays in the document."),
        field(
            "userAffinity",
            Type::Word(&[
                word("none").label(&["Enroll without User Affinity"]),
                word("user").label(&["Enroll with User Affinity"]),
                word("entraShared").label(&["Enroll with Microsoft Entra ID shared mode"]),
            ]),
            "With or without a user; required on create at Intune, which alone knows it (P-2).",
        )
        .no_null("it has no default (P-2)"),
        field(
            "authentication",
            Type::Word(&[word("setupAssistantModern").label(&["Setup Assistant with modern authentication"]), word("setupAssistantLegacy").label(&["Setup Assistant (legacy)"]), word("companyPortal").label(&["Company Portal"])]),
            "How the user signs in; required with userAffinity user, refused otherwise (P-3, P-6, P-7, P-33).",
        )
        .no_null("it has no default; leave it out where userAffinity is not user (P-3)"),
        field("companyPortal", Type::Object(&COMPANY_PORTAL), "Installation of Company Portal; iPhone and iPad (P-4, P-5, P-34)."),
        field("supervised", Type::Bool, "Supervision, true by default (P-9 to P-11); iPhone and iPad, on direct tokens every platform."),
        field("lockedEnrollment", Type::Bool, "Hides the removal of management; false by default (P-12)."),
        field("awaitConfiguration", Type::Bool, "Setup Assistant waits for the first configuration; true by default."),
        field("sharedIpad", Type::Object(&SHARED_IPAD), "Shared iPad; null is off (P-14 to P-20)."),
        field("pairing", Type::Object(&PAIRING), "Sync with computers (P-21)."),
        field(
            "deviceNameTemplate",
            Type::Text,
            "Device name, at most 63 characters, with {{SERIAL}} and {{DEVICETYPE}} (P-22).",
        ),
        field("cellularActivationUrl", Type::Text, "The carrier's activation server, for eSIM; iPhone and iPad (P-23, P-39)."),
        field("department", Type::Text, "Shown in Setup Assistant (P-24)."),
        field("departmentPhone", Type::Text, "Shown in Setup Assistant (P-24)."),
        field("setupAssistant", Type::Object(&SETUP_ASSISTANT), "Screens of Setup Assistant (P-25 to P-27, P-36).")
            .no_null("screens have no common default; leave it out to leave them unmanaged"),
        field("localAdmin", Type::Object(&LOCAL_ADMIN), "The local administrator of a Mac; null is none."),
        field("primaryAccount", Type::Object(&PRIMARY_ACCOUNT), "The first account of a Mac."),
        field("platformSso", Type::Bool, "Platform single sign-on during Setup Assistant; Mac; false by default."),
        field("autoAdvance", Type::Bool, "Goes through Setup Assistant by itself; Mac, and Apple TV on direct tokens; false by default."),
        field("networkTether", Type::Bool, "A network tether is required; Mac; false by default."),
        field("intune", Type::Object(&INTUNE_GENERATION), "What carries the profile at Intune."),
        field("ade", Type::Object(&ADE), "Apple's members that have no name above; direct tokens (P-32).").no_null(NO_ADE),
    ],
    one_of: &[],
};
