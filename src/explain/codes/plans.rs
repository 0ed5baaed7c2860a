//! Words of plans and reports: findings, gates, and causes of what is blocked.

use super::{Code, Group};

const fn cause(
    code: &'static str,
    means: &'static str,
    example: &'static str,
    next: &'static str,
    exit: u8,
) -> Code {
    Code { code, group: Group::Plan, means, example, next, exit: Some(exit) }
}

/// The codes.
pub const CODES: &[Code] = &[
    Code {
        code: "blocked",
        group: Group::Plan,
        means: "Nothing can be planned for a token or an object: a rule refuses it, or what it rests on is not known. Only the lists of findings for hosts (SARIF, annotations) carry it under this code.",
        example: "error[blocked]: the tenant has no enrollment token named \"School\"",
        next: "Do what the finding says; everything else goes on.",
        exit: None,
    },
    Code {
        code: "snapshot-reused",
        group: Group::Plan,
        means: "The plan rests on what an earlier run read of an organisation in Apple Business or Apple School Manager, as `--max-age` allows: a full read costs many calls of a small budget. What has changed there since is not in it.",
        example: "note[snapshot-reused]: what Connection/business has was read 12 minutes ago by an\nearlier run (2026-11-21T11:48:00Z)",
        next: "Nothing, if that age is good enough: `apply` reads anew, and refuses a saved plan whose devices have changed. Leave `--max-age` out to see them as they are now.",
        exit: None,
    },
    Code {
        code: "no-longer-managed",
        group: Group::Plan,
        means: "A field that the document set at its last application is left out now. Missing means \"not compared\": the service keeps the value, and nobody watches it any more. Said once.",
        example: "note[no-longer-managed]: department of \"Kiosk\" on main is no longer managed, stays \"IT\"",
        next: "Nothing, if that is meant. Else write the field again, or `null` for its default.",
        exit: None,
    },
    Code {
        code: "write-only",
        group: Group::Plan,
        means: "The service takes the field and never gives it back, such as an account's password. Of a profile that was taken over it is not known whether the value is as wished, so it is not sent.",
        example: "note[write-only]: localAdmin.password of \"Macs\" on main never comes back",
        next: "Refer to another secret once the profile is managed, and it is sent.",
        exit: None,
    },
    Code {
        code: "limit/KIND/TOKEN",
        group: Group::Plan,
        means: "A gate: the plan would do more of one kind of step on this token than `Fleet.limits` lets one apply do, in number or, from ten objects up, in percent. It stops these steps in `apply`, never the plan, and the rest goes on.",
        example: "limit/update/school: 60 updates, 50 are allowed",
        next: "See whether so many are meant. Then raise the limit in the Fleet, or open the gate for exactly this plan: `--override limit/KIND/TOKEN=DIGEST`.",
        exit: Some(4),
    },
    Code {
        code: "protected/token/TOKEN",
        group: Group::Plan,
        means: "A gate: `Fleet.protected` names the token, and the step is disruptive or worse.",
        example: "protected/token/executives",
        next: "Leave it, take the token out of `Fleet.protected` by a commit of its own, or open the gate for this plan with `--override`.",
        exit: Some(4),
    },
    Code {
        code: "protected/serial/SERIAL",
        group: Group::Plan,
        means: "A gate: `Fleet.protected` names the serial number, and a step that is disruptive or worse would touch the device.",
        example: "protected/serial/DMPK1A01LMF5",
        next: "Leave it, take the serial number out of `Fleet.protected` by a commit of its own, or open the gate for this plan with `--override`.",
        exit: Some(4),
    },
    Code {
        code: "no-ledger",
        group: Group::Plan,
        means: "A gate: the run works without the ledger (`--no-ledger`) and so does safe steps only. Nothing is deleted, nothing disruptive done.",
        example: "no-ledger: update EnrollmentProfile/kiosk@main needs the ledger",
        next: "Run without `--no-ledger` where the ledger is.",
        exit: Some(4),
    },
    cause(
        "credentials",
        "Something is blocked because signing in, a permission, or a token at Apple failed. A person has to act; the other tokens go on.",
        "blocked: the application lacks DeviceManagementServiceConfig.ReadWrite.All",
        "Do what the message names: a new secret, a permission with admin consent, a renewed token.",
        8,
    ),
    cause(
        "unavailable",
        "The service did not answer, or not usefully, after all retries.",
        "blocked: graph.microsoft.com answered 503",
        "Run again later. What could not be read is unknown, and nothing was done because of it.",
        9,
    ),
    cause(
        "throttled",
        "The service asked for more patience than this run had.",
        "blocked: Intune asked to wait for 10m",
        "Run again later, or allow more with `--wait`.",
        9,
    ),
    Code {
        code: "lostAnswer",
        group: Group::Plan,
        means: "The answer to an earlier write was lost, and services show writes late: for two minutes it is unknown whether it took effect. Until then nothing is decided about the object.",
        example: "unknown: the answer to `create EnrollmentProfile/kiosk@main` was lost",
        next: "Run again after the time that is named; the run looks up what came of it.",
        exit: Some(1),
    },
    cause(
        "manifest",
        "The documents have to change before this object can be planned; the others are not concerned.",
        "blocked: two live profiles are called \"Kiosk\"",
        "Do what the message says, e.g. pick one by `id`.",
        3,
    ),
    cause(
        "refused",
        "The service refused a request that espalier took for right.",
        "failed: Intune answered 400 BadRequest",
        "Read the service's own words in the message. If the documents are right, report it.",
        1,
    ),
    cause(
        "organisation-key-lacks",
        "The private key of an API account cannot be had, or is none: the secret that `privateKey` names is not there, is no PEM text, or holds no EC key on P-256. Only this organisation is blocked.",
        "Connection/company: its API key cannot be had: `APPLE_API_KEY` is not set",
        "Give the runner the secret that `privateKey` names: the PEM text that Apple's portal gave when the key was made.",
        8,
    ),
    cause(
        "organisation-named-twice",
        "Two Connection documents lead into one organisation at Apple, by the same API account or by two of its accounts. Each would spend the other's few calls and undo its work. The one that the ledger knows goes on; if it knows both or neither, none does.",
        "Connection/company has the same API account (`clientId`)",
        "Keep one of the two documents, and let all tokens name that one.",
        3,
    ),
    cause(
        "organisation-not-simulated",
        "The simulated world has no organization with this API account, or its key was given from outside, so that a rehearsal cannot sign in with it.",
        "the simulated world has no API account \"BUSINESSAPI.…\"",
        "Correct `clientId`, or add the organization and its account to the world.",
        3,
    ),
];
