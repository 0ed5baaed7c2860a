//! What the faults are called.

use serde::{Deserialize, Serialize};

/// The names, with what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultName {
    /// The bearer is refused this once.
    #[serde(rename = "401")]
    Unauthorized,
    /// The bearer has ended: it is refused from now on.
    ExpiredBearer,
    /// The application lacks the permission for the operation, which the answer names.
    #[serde(rename = "403")]
    Forbidden,
    /// 400 that the resource does not exist, as a tenant can answer that has no push certificate
    /// or no token.
    NoSegment,
    /// Throttled, with or without `retryAfter`.
    #[serde(rename = "429")]
    TooManyRequests,
    /// 500
    #[serde(rename = "500")]
    InternalError,
    /// 502
    #[serde(rename = "502")]
    BadGateway,
    /// 503
    #[serde(rename = "503")]
    Unavailable,
    /// 504
    #[serde(rename = "504")]
    GatewayTimeout,
    /// The connection is closed without an answer. Within a `$batch` the whole batch has none,
    /// and its later requests do not take place.
    Cut,
    /// The answer is withheld until `POST /faults/release` or until the client goes away.
    Hold,
    /// The answer comes late: `delayMs`, or `seconds` of the world.
    Slow,
    /// A created profile is found by id, and listed, only after a while.
    LateVisibility,
    /// PATCH answers 204 without a body, not 200 with one.
    #[serde(rename = "patch-204")]
    Patch204,
    /// Ids of default profiles come with `ECV2_` in front.
    Ecv2,
    /// One page of a list fails.
    PageError,
    /// 200 with JSON that ends in the middle.
    Garbage,
    /// The last row of a page comes again on the next one. At Apple: on a page of a full read.
    DuplicateRows,
    /// A request of a `$batch` is throttled.
    #[serde(rename = "batch-item-429")]
    BatchItem429,
    /// A request of a `$batch` fails with 500.
    #[serde(rename = "batch-item-500")]
    BatchItem500,
    /// Answers carry members that no description knows.
    UnknownMembers,
    /// A written profile keeps no skip key but those that follow from its booleans.
    DropSkipKeys,
    /// A changed macOS profile loses its account members, also those that were written.
    ResetAccounts,
    /// `deviceActionResults` of managed devices is empty.
    EmptyResults,
    /// `deviceActionResults` has of each action the result before the latest request, and none where
    /// there was none.
    StaleResults,
    /// `deviceActionResults` has no PIN and no location.
    NoResultSecrets,
    /// Each managed device has a second record under its serial, with another id and an earlier
    /// enrollment; what is asked of that one is accepted and never happens.
    GhostRecords,
    /// A managed device that is read by its id shows another serial than in lists.
    OtherSerial,
    /// Managed devices do not tell whether they are supervised: `isSupervised` is null.
    NoSupervision,
    /// One of `kinds`, by chance.
    Random,
    /// Apple: the answer carries a new session; the old one is refused from then on.
    RotateSession,
    /// Apple: the session has ended: 401.
    ExpireSession,
    /// Apple: `/session` answers an empty session.
    EmptySession,
    /// Apple: 403 `FORBIDDEN` this once, as for a session that is not known any more.
    #[serde(rename = "forbidden")]
    ForbiddenOnce,
    /// Apple: 403 `T_C_NOT_SIGNED`. Business: 403 that a person has to accept new terms.
    Terms,
    /// Apple: 403 `ACCESS_DENIED`.
    AccessDenied,
    /// Apple: 403 `token_rejected`.
    TokenRejected,
    /// Apple: 403 `signature_invalid`.
    SignatureInvalid,
    /// Apple: 401 `token_expired`.
    TokenExpired,
    /// Apple: the clock of `/session` is ahead of the world's by `seconds`: it dates its answers by it,
    /// and timestamps of the world's clock get 401 `timestamp_refused`.
    ClockSkew,
    /// Apple: `/session` takes any timestamp, for clients whose clock is not the world's.
    AnyTimestamp,
    /// Apple: 400 `USER_AGENT_INVALID`.
    UserAgent,
    /// Apple: a list says that more follows, and repeats the cursor that it was given.
    SameCursor,
    /// Apple: 400 `EXPIRED_CURSOR` on a delta.
    ExpiredCursor,
    /// Apple: 400 `INVALID_CURSOR` on a list.
    InvalidCursor,
    /// Apple: 400 `EXHAUSTED_CURSOR` on a list.
    ExhaustedCursor,
    /// Apple: an assignment answers `THROTTLED`; with `when: after` it took place.
    ThrottleDevices,
    /// Apple: devices of an assignment, a removal or a disowning are answered `FAILED`; with `when:
    /// after` it took place.
    FailDevices,
    /// Apple: the answer to an assignment, a removal, a disowning or a question for details leaves
    /// devices out; with `when: after` it took place.
    MissingSerials,
    /// Apple: an assignment succeeds, and the profile is `removed` at once.
    RemoveProfile,
    /// Apple: a delta leaves devices out, for ever.
    DeltaDrops,
    /// Apple: a full read shows devices that left, with `op_type` `deleted`.
    DeletedRows,
    /// Apple: times that are not there come as empty texts.
    EmptyTimes,
    /// Apple: 403 `APPLE_SEED_FOR_IT_TURNED_OFF` for beta tokens.
    SeedOff,
    /// Business: an activity is `STOPPED`; nothing was done to `serials` (none: all), with `when: after`
    /// everything was.
    ActivityStopped,
    /// Business: an activity is `FAILED`, likewise.
    ActivityFailed,
    /// Business: an activity is `COMPLETED_WITH_FAILURE`: the log says so of `serials` (none: all), to
    /// which nothing was done, with `when: after` everything.
    ActivityFailure,
    /// Business: an activity is `COMPLETED_WITH_SUCCESS`, and nothing was done to `serials` (none: all).
    ActivityLie,
    /// Business: an activity is `COMPLETED_POST_PROCESSING_FAILED`; everything was done.
    ActivityPostProcessing,
    /// Business: an activity goes on for ever.
    ActivityStuck,
    /// Business: the activity is not found.
    ActivityGone,
    /// Business: the log is not found.
    LogGone,
    /// Business: the log's address has expired.
    LogExpired,
    /// Business: an activity with serials that nobody knows is taken, and does nothing for them; otherwise
    /// it is refused with 409.
    SilentSerials,
    /// Business: the token endpoint refuses assertions with a `kid`, and takes those without.
    KidRefused,
    /// Business: the token endpoint answers that it was asked too often, with `status` 429 or 400.
    TokenLimit,
    /// Business: a device without a service has an empty relationship; otherwise there is none (404).
    EmptyRelationship,
    /// Business: members that are lists are texts.
    TextMembers,
    /// Business: addresses that are texts are lists.
    ListMembers,
    /// Business: `purchaseSourceId` is `purchaseSourceUid`, a negative number as text.
    SourceUid,
    /// Business: a single service cannot be read, as before version 2.1.
    NoInstance,
    /// Business: lists say how many rows there are.
    Totals,
    /// Business: the next page of a list is on another host.
    ForeignNext,
    /// Business: a page leaves its first row out, as when a row before it went while the list was read.
    MissingRows,
    /// Business: the answer ends in the middle of its body, and the line is cut.
    CutBody,
    /// Business: 429 with a page of HTML.
    #[serde(rename = "html-429")]
    Html429,
    /// Business: nothing is refused for being asked too often.
    LiftLimits,
    /// Business: `status` of a device changes `seconds` (absent: 30) after the device.
    StatusLag,
    /// Business: likewise the list of a service's devices.
    LinkageLag,
    /// Business: likewise `deviceCount` of a service.
    CountLag,
    /// Business: likewise the service of a single device.
    RelationshipLag,
    /// Apple: as the vendor's own simulator answers: codes in quotation marks, 403 for an unknown
    /// session, and only `application/json;charset=UTF8` and `PUT` are taken.
    Depsim,
}
