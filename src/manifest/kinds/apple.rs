//! The fields that speak of Apple Business and Apple School Manager.

use super::super::shape::{Field, Shape, Type, Word, field, word};

/// The product families of services.
const FAMILIES: &[Word] =
    &[IPHONE, IPAD, word("ipod").label(&["iPod", "iPod touch"]), MAC, APPLE_TV, WATCH, VISION];

/// The product families of devices: an iPod is none of them.
const FAMILIES_OF_DEVICES: &[Word] = &[IPHONE, IPAD, MAC, APPLE_TV, WATCH, VISION];

const IPHONE: Word = word("iphone").label(&["iPhone"]);
const IPAD: Word = word("ipad").label(&["iPad"]);
const MAC: Word = word("mac").label(&["Mac"]);
const APPLE_TV: Word = word("appleTv").label(&["AppleTV", "APPLE_TV", "Apple TV"]);
const WATCH: Word = word("watch").label(&["Watch", "Apple Watch"]);
const VISION: Word = word("vision").label(&["Vision", "Apple Vision", "Apple Vision Pro"]);

const SOURCES: &[Word] = &[
    word("apple").label(&["APPLE"]),
    word("reseller").label(&["RESELLER"]),
    word("manuallyAdded").label(&["MANUALLY_ADDED", "Manually Added"]),
];

const KEY_ID: Field = field("keyId", Type::Filled, "The id of the account's key: a UUID.").required();
const PRIVATE_KEY: Field = field(
    "privateKey",
    Type::Secret,
    "The account's private key, which can be downloaded once: EC P-256 in PEM, not encrypted.",
)
.required();
const GET_PER_MINUTE: Field = field(
    "getPerMinute",
    Type::Int(1, 1000),
    "Reads in any minute, 20 by default: Apple publishes no figure, and refuses for a while what is too much.",
)
.default("20");
const POST_PER_HOUR: Field = field(
    "postPerHour",
    Type::Int(1, 1000),
    "Writes in any hour, 10 by default: what does not fit is left for the next run.",
)
.default("10");
const SEND_KEY_ID: Field = field(
    "sendKeyId",
    Type::Bool,
    "Whether the sign-in names the key, as Apple asks for (default); false where Apple answers `invalid_client` to it.",
)
.default("true");

/// `Connection.appleBusiness`.
pub const BUSINESS: Shape = Shape {
    doc: "An organisation in Apple Business, reached through an API account of it.",
    fields: &[
        field("clientId", Type::Filled, "The API account's client id: `BUSINESSAPI.` and a UUID.").required(),
        KEY_ID,
        PRIVATE_KEY,
        GET_PER_MINUTE,
        POST_PER_HOUR,
        SEND_KEY_ID,
    ],
    one_of: &[],
};

/// `Connection.appleSchool`.
pub const SCHOOL: Shape = Shape {
    doc: "An organisation in Apple School Manager, reached through an API account of it.",
    fields: &[
        field("clientId", Type::Filled, "The API account's client id: `SCHOOLAPI.` and a UUID.").required(),
        KEY_ID,
        PRIVATE_KEY,
        GET_PER_MINUTE,
        POST_PER_HOUR,
        SEND_KEY_ID,
    ],
    one_of: &[],
};

/// `EnrollmentToken.apple`.
pub const SERVICE: Shape = Shape {
    doc: "The device management service at Apple (\"MDM server\") that the token belongs to (A-2).",
    fields: &[
        field("connection", Type::Name, "The Connection with `appleBusiness` or `appleSchool`.").required(),
        field("service", Type::Filled, "The service's name there, exactly.").required(),
    ],
    one_of: &[],
};

/// `EnrollmentToken.defaultFor`.
pub const DEFAULT_FOR: Field = field(
    "defaultFor",
    Type::List(&Type::Word(FAMILIES)),
    "Product families whose new devices Apple gives to this service by itself (A-2): only with `apple`, in Apple Business; null and [] are none.",
);

const NO_NULL: &str = "leave it out to ask for nothing";

/// `DeviceAssignment.devices.where`.
pub const WHERE: Shape = Shape {
    doc: "Devices by what Apple's side knows of them: all given conditions must hold, within one any of its values. Matches only devices that are unassigned or on a token of this folder (A-1).",
    fields: &[
        field("orderNumbers", Type::List(&Type::Filled), "Order numbers.").no_null(NO_NULL),
        field(
            "models",
            Type::List(&Type::Filled),
            "Models: the marketing name (`iPad Air (M2)`) or the identifier (`iPad14,8`), whatever the case.",
        )
        .no_null(NO_NULL),
        field("productFamilies", Type::List(&Type::Word(FAMILIES_OF_DEVICES)), "Product families.")
            .no_null(NO_NULL),
        field(
            "purchaseSources",
            Type::List(&Type::Word(SOURCES)),
            "How devices came to the organisation: `apple`, `reseller`, `manuallyAdded` (with Apple Configurator, A-5).",
        )
        .no_null(NO_NULL),
        field("unassigned", Type::Bool, "`true`: only devices that no service has; needs `token`.")
            .no_null(NO_NULL),
    ],
    one_of: &[],
};

const NO_PROFILE: &str = "leave it out for devices that get no profile here";

/// `DeviceAssignment.profiles`.
pub const FAMILY_PROFILES: Shape = Shape {
    doc: "Profiles by device family: EnrollmentProfile documents. A watch has none.",
    fields: &[
        field("iphone", Type::Name, "What iPhones get; no Shared iPad (P-14).").no_null(NO_PROFILE),
        field("ipad", Type::Name, "What iPads get.").no_null(NO_PROFILE),
        field("mac", Type::Name, "What Macs get.").no_null(NO_PROFILE),
        field("appleTv", Type::Name, "What Apple TVs get.").no_null(NO_PROFILE),
        field("vision", Type::Name, "What Apple Visions get.").no_null(NO_PROFILE),
    ],
    one_of: &[],
};

/// `DeviceAssignment.moveBy`.
pub const MOVE_BY: Shape = Shape {
    doc: "Asks devices that are enrolled elsewhere to migrate (A-11): iOS, iPadOS and macOS 26.",
    fields: &[field(
        "deadline",
        Type::Time,
        "Until when: a time in RFC 3339, or a date, at most 90 days ahead. A time that has passed enforces at once.",
    )
    .required()],
    one_of: &[],
};
