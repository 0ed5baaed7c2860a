//! The fields of `EnrollmentToken`.

use super::super::shape::{OneOf, Shape, Type, field, word};
use super::{ACKNOWLEDGE, DISPLAY_NAME, FORMERLY, ID, STATE, apple};

const DIRECT: Shape = Shape {
    doc: "A token that espalier itself holds: its key pair, and what Apple gave for it (T-1).",
    fields: &[
        field(
            "privateKey",
            Type::Secret,
            "The RSA key to which Apple encrypts the token: PEM, not encrypted.",
        )
        .required(),
        field(
            "certificate",
            Type::Path,
            "The file with the key's X.509 certificate, which was uploaded to Apple: PEM or DER.",
        )
        .required(),
        field(
            "serverToken",
            Type::SecretOrPath,
            "The token: the `.p7m` file that Apple gave, or a secret with its text.",
        )
        .required(),
    ],
    one_of: &[],
};

const DEFAULT_PROFILES: Shape = Shape {
    doc: "Default profiles (P-30). At Intune, of newly synced devices by platform; of a direct token, of every device that no assignment claims, by family before platform.",
    fields: &[
        field("ios", Type::Name, "For iPhone and iPad: an EnrollmentProfile document."),
        field("macos", Type::Name, "For Mac: an EnrollmentProfile document."),
        field("tvos", Type::Name, "For Apple TV; direct tokens."),
        field("visionos", Type::Name, "For Apple Vision; direct tokens."),
        field("iphone", Type::Name, "For iPhone, before `ios`; direct tokens."),
        field("ipad", Type::Name, "For iPad, before `ios`; direct tokens."),
        field("mac", Type::Name, "For Mac, before `macos`; direct tokens."),
        field("appleTv", Type::Name, "For Apple TV, before `tvos`; direct tokens."),
        field("vision", Type::Name, "For Apple Vision, before `visionos`; direct tokens."),
    ],
    one_of: &[],
};

/// `EnrollmentToken.spec`.
pub const ENROLLMENT_TOKEN: Shape = Shape {
    doc: "An ADE server token, held by the MDM or by espalier itself.",
    fields: &[
        DISPLAY_NAME,
        ID,
        FORMERLY,
        STATE,
        ACKNOWLEDGE,
        field("mdm", Type::Name, "The Connection that holds the token.").no_null("a token needs its holder"),
        field("direct", Type::Object(&DIRECT), "A token that espalier itself holds (T-1).")
            .no_null("a token needs its holder"),
        field(
            "apple",
            Type::Object(&apple::SERVICE),
            "The device management service at Apple that the token belongs to (A-2).",
        )
        .no_null("leave it out where espalier does not move devices at Apple"),
        field("appleId", Type::Filled, "The Apple ID that made the token: compared, never written (T-4).")
            .no_null("leave it out to compare nothing"),
        field(
            "consentToShareData",
            Type::Bool,
            "Consent to send user and device data to Apple (T-3); tokens of an MDM.",
        )
        .no_null("consent is given or not"),
        field(
            "scopeTags",
            Type::List(&Type::Filled),
            "Scope tags by name, the exact list (T-5); tokens of an MDM.",
        )
        .no_null("scope tags have no default to go back to; write the exact list"),
        field(
            "defaultProfiles",
            Type::Object(&DEFAULT_PROFILES),
            "Default profiles by platform, on direct tokens by family too (P-30); null wishes none, on direct tokens only.",
        )
        .no_null("Intune can replace a default profile, not unset it; on a direct token write null for one platform or family (P-30)"),
        apple::DEFAULT_FOR,
        field("values", Type::Map(&Type::Text), "Fills ${name} in text fields of profiles for this token."),
        field(
            "prune",
            Type::Word(&[word("never"), word("created"), word("all")]),
            "Whether profiles under this token that no document names may be deleted (T-9): `never` (default), `created`, `all`. Apple's service deletes none: on a direct token nothing follows from it.",
        )
        .default("never"),
        field(
            "accountDrivenEnrollmentUrl",
            Type::HttpsUrl,
            "Where account-driven enrollment finds the MDM: https; null is none. Direct tokens.",
        ),
    ],
    one_of: &[OneOf { names: &["mdm", "direct"], required: true }],
};
