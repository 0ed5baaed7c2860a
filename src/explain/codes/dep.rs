//! What Apple's enrollment service refuses, and what keeps it from being asked: words of plans and
//! reports.

use super::{Code, Group};

const fn code(
    code: &'static str,
    exit: u8,
    means: &'static str,
    example: &'static str,
    next: &'static str,
) -> Code {
    Code { code, group: Group::Plan, means, example, next, exit: Some(exit) }
}

/// The codes.
pub const CODES: &[Code] = &[
    code(
        "token-expired",
        8,
        "The server token's year is over (T-6). Apple lets it do nothing any more; devices that are enrolled stay so.",
        "signing in to Apple's enrollment service failed with status 401\n(TOKEN_EXPIRED): the server token has expired",
        "Download a new server token for the same server in Apple Business or School Manager and import it: `espalier token renew` leads through it.",
    ),
    code(
        "token-rejected",
        8,
        "Apple does not take the server token: a newer one was downloaded in the portal, which ends the older at once (T-8), or it was revoked, or its server was deleted.",
        "signing in to Apple's enrollment service failed with status 401\n(TOKEN_REJECTED): Apple rejects the server token: …",
        "If somebody downloaded a newer token, import that one; otherwise download a new one for the same server and import it with `espalier token import`.",
    ),
    code(
        "signature-invalid",
        8,
        "Apple finds the signature of the sign-in wrong: the secrets do not fit the token, because the stored one was altered or replaced by a newer download (T-8). A wrong clock is told apart as `clock-skew`.",
        "signing in to Apple's enrollment service failed with status 403\n(SIGNATURE_INVALID): Apple finds the signature wrong: …",
        "Check that the stored server token is the last one downloaded; otherwise download a new one and import it.",
    ),
    code(
        "clock-skew",
        8,
        "The sign-in was refused, and this machine's clock and Apple's differ by more than two minutes. Signatures carry the time, and one that is off is refused, however good the token is.",
        "signing in to Apple's enrollment service failed with status 401: this\nmachine's clock says 2026-11-06T08:40:00Z and Apple's\n2026-11-06T08:49:37Z: …",
        "Set the machine's clock right (NTP), then run again.",
    ),
    code(
        "terms-not-signed",
        8,
        "Apple has new terms and conditions, and nobody of the organization has accepted them. Until then every call is refused; the token stays good.",
        "reading the devices failed with status 403 (T_C_NOT_SIGNED): the\norganization has not accepted Apple's current terms and conditions",
        "An administrator accepts the terms in Apple Business or School Manager; then run again.",
    ),
    code(
        "access-denied",
        8,
        "Apple does not let this server do what was asked. Some rights belong to a server's record in the portal, such as disowning devices.",
        "reading the devices failed with status 403 (ACCESS_DENIED): Apple does not\nlet this server do that",
        "See in Apple Business or School Manager what the server may do.",
    ),
    code(
        "session-refused",
        8,
        "Apple gave a session and refused it at once, twice. A session that ends is renewed once by itself.",
        "reading the devices failed with status 401: Apple refused a session that\nit had just given",
        "Run again; if it lasts, download a new server token and import it.",
    ),
    code(
        "user-agent-refused",
        1,
        "Apple refuses programs by the name that they give (`User-Agent`), and refused this one.",
        "reading the devices failed with status 400 (USER_AGENT_INVALID): …",
        "Update espalier; if it lasts, report it.",
    ),
    code(
        "request-malformed",
        1,
        "Apple finds a request wrong that this program thought right.",
        "assigning devices failed with status 400 (DEVICE_ID_REQUIRED): Apple finds\nthe request malformed",
        "Update espalier; if it lasts, report it with the message.",
    ),
    code(
        "cursor-expired",
        9,
        "A cursor, the mark up to which changes were read, is good for seven days, and this one is older.",
        "reading the devices' changes failed with status 400 (EXPIRED_CURSOR): the\ncursor is older than seven days",
        "Nothing: all devices are read anew.",
    ),
    code(
        "cursor-invalid",
        9,
        "Apple takes the cursor for none of this server. Cursors belong to one server; another server's token under the same name has none of them.",
        "reading the devices' changes failed with status 400 (INVALID_CURSOR): the\ncursor is none of this server's",
        "Nothing: all devices are read anew.",
    ),
    code(
        "cursor-exhausted",
        9,
        "The cursor has given everything already.",
        "reading the devices' changes failed with status 400 (EXHAUSTED_CURSOR):\nthe cursor has given everything already",
        "Nothing: all devices are read anew.",
    ),
    code(
        "cursor-stuck",
        9,
        "Apple announces more devices under a cursor that was used already. Going on would never end, and the list is not taken for whole.",
        "reading the devices failed: Apple announces more devices under a cursor\nthat was used already",
        "Run again; if it lasts, report it to Apple's support.",
    ),
    code(
        "profile-refused",
        3,
        "Apple refuses a value of the profile. Most limits are checked before anything is sent; this one was not, or it has changed.",
        "defining the enrollment profile failed with status 400\n(CONFIG_URL_INVALID): `ade.url` (Apple's `url`) has to be a URL of at most\n2000 characters once encoded",
        "Change the field that the message names, then plan again.",
    ),
    code(
        "not-found-at-apple",
        9,
        "Apple does not know what the request names: a profile that nobody has any more, or an address that is wrong.",
        "assigning devices failed with status 404: Apple does not know what the\nrequest names",
        "Plan again.",
    ),
    code(
        "account-driven-url-refused",
        3,
        "Apple refuses the URL of account-driven enrollment: it has to be whole and https.",
        "setting the URL of account-driven enrollment failed with status 400\n(MDM_SERVICE_DISCOVERY_URL_NOT_VALID): …",
        "Correct `EnrollmentToken.accountDrivenEnrollmentUrl`, then plan again.",
    ),
    code(
        "organization-not-supported",
        3,
        "This organization cannot have a URL of account-driven enrollment.",
        "setting the URL of account-driven enrollment failed with status 400\n(ORG_NOT_SUPPORTED): …",
        "Leave `EnrollmentToken.accountDrivenEnrollmentUrl` out.",
    ),
    code(
        "apple-throttled",
        9,
        "Apple asked for patience, and the wait that the command allows was used up. Devices that Apple limits one by one are another thing: they stand in the report with their waiting times.",
        "reading the devices failed with status 429: Apple asks for patience",
        "Run again later or allow a longer wait.",
    ),
    code(
        "apple-unavailable",
        9,
        "Apple's enrollment service failed, also when asked again.",
        "reading the devices failed with status 503: Apple's service failed and\ngave no reason",
        "Run again later; if it lasts, see Apple's system status page.",
    ),
    code(
        "apple-unreachable",
        9,
        "No connection to Apple's enrollment service came about, so that it has seen nothing.",
        "signing in to Apple's enrollment service failed: no connection: Connection\nrefused (os error 111)",
        "Check the network, the proxy and the host name, then run again.",
    ),
    code(
        "answer-lost",
        9,
        "The connection broke, or no answer came in time. Of a write nobody knows whether it was carried out: it is read back before anything is sent again.",
        "assigning devices failed: no answer within 60 seconds",
        "Run again; if it lasts, see Apple's system status page.",
    ),
    code(
        "answer-unreadable",
        9,
        "Apple's enrollment service answered with something that cannot be read, or that is too long. A list that was cut short is no list.",
        "reading the devices failed: the answer cannot be read: missing field\n`cursor` (line 1, column 14)",
        "Run again later; if it lasts, report it with the message.",
    ),
    code(
        "answer-unexpected",
        9,
        "The answer is one that the enrollment service never gives, such as a redirect. Redirects are not followed: the session would go with them.",
        "reading the devices failed with status 302: the enrollment service never\nanswers so",
        "See whether a proxy answers in Apple's place, and check the address of the service.",
    ),
    code(
        "request-not-sendable",
        1,
        "The request cannot be made, so that nothing was sent: the address is not https, or the machine's OpenSSL does not sign with HMAC-SHA1, the only way in that Apple offers.",
        "signing in to Apple's enrollment service failed: the address of the\nenrollment service is not https",
        "See the message; if it does not help, report it.",
    ),
];
