//! Findings about documents that serve no requirement row.

use super::{Code, Group};

const fn refusal(code: &'static str, means: &'static str, example: &'static str, next: &'static str) -> Code {
    Code { code, group: Group::Document, means, example, next, exit: Some(3) }
}

/// The codes, in the order in which a document is read.
pub const CODES: &[Code] = &[
    refusal(
        "not-utf8",
        "A file of the folder is not UTF-8 text. Only the documents themselves have to be; a CSV file may be UTF-16, too.",
        "department: B\\xfcro",
        "Save the file as UTF-8; the place names the first line that is not.",
    ),
    refusal(
        "yaml-syntax",
        "The file is not YAML. Nothing of the document is used; the other documents of the file and of the folder are still checked.",
        "spec:\n\tplatform: ios          # a tab",
        "Correct the line that is named: indent with spaces, let the fields of one level begin in the same column, and put texts with `:`, `#`, `{`, `*` or `&` into quotes.",
    ),
    refusal(
        "yaml-limit",
        "The file, or one of its documents, is larger or more deeply nested than any reasonable one, or its aliases multiply. Documents come from pull requests: a file must not be able to eat the runner's memory.",
        "a: &a [x, x, x]\nb: &b [*a, *a, *a]     # and so on",
        "Split the file. Long lists of serial numbers fit into a CSV file.",
    ),
    refusal(
        "duplicate-key",
        "A mapping has the same key twice, so that nobody can tell which value is meant.",
        "department: IT\ndepartment: Sales",
        "Remove one of the two.",
    ),
    refusal(
        "no-document",
        "A YAML file in the folder is no document of espalier: it has neither `apiVersion` nor `kind`. It might be one with both forgotten, so it is not passed over.",
        "metadata: { name: kiosk }",
        "Add both, or move the file out of the folder. Hidden folders, `target` and `node_modules` are not read.",
    ),
    refusal(
        "unknown-version",
        "`apiVersion` is none that this version reads.",
        "apiVersion: espalier.dev/v2",
        "Write `apiVersion: espalier.dev/v1alpha1`.",
    ),
    refusal(
        "unknown-kind",
        "`kind` is none of the kinds.",
        "kind: EnrolmentProfile",
        "Correct it; `espalier explain` lists the kinds.",
    ),
    refusal(
        "kind-after-spec",
        "`spec` stands before `kind`. Editors and people read from above: what a field means depends on the kind.",
        "spec: { … }\nkind: Fleet",
        "Put `apiVersion`, `kind` and `metadata` before `spec`.",
    ),
    refusal(
        "unknown-field",
        "The kind has no field of this name. A misspelt field is never passed over, for the wish behind it would be lost without a word.",
        "spec:\n  supervized: true",
        "Take the name that is proposed, or see `espalier explain KIND` for all of them.",
    ),
    refusal(
        "missing-field",
        "A field that has to be there is not.",
        "kind: EnrollmentProfile\nspec:\n  platform: ios         # and no tokens",
        "Add it; `espalier explain KIND.field` says what it holds.",
    ),
    refusal(
        "not-in-this-version",
        "The field, word or kind is planned and not built yet. It is refused, and not ignored, so that no document promises what nobody does.",
        "kind: DeviceAction",
        "Remove it for now; the changelog tells when it is there.",
    ),
    refusal(
        "bad-value",
        "The value is not of the field's type, out of its range, or stands where it means nothing.",
        "supervised: \"yes\"",
        "Write what the message asks for; `espalier explain KIND.field` has the type, the range and the default.",
    ),
    refusal(
        "unknown-word",
        "The field takes one of some words, and this is none of them, nor the portal's label of one.",
        "userAffinity: everyone",
        "Take the word that is proposed; `espalier explain KIND.field` lists them.",
    ),
    refusal(
        "bad-serial",
        "A serial number does not look like one of Apple's: 8 to 15 capital letters and digits. Spreadsheets turn some into numbers, and scanners put an `S` before them.",
        "serials: [1.23E+10]",
        "Copy the serial number from the device or from Apple's portal; take the proposed one if it is yours.",
    ),
    refusal(
        "plain-secret",
        "A secret stands in the document itself. Documents refer to secrets and never hold them.",
        "clientSecret: hunter2",
        "Write `{env: NAME}`, `{file: path}`, `{sops: path, key: k}` or `{exec: [program]}`. Treat the value as known to others and replace it: git remembers.",
    ),
    refusal(
        "not-allowed",
        "The document wants something that only the runner can allow: a secret from a program, a file outside the folder, or another host for a service. A pull request can change documents, so they cannot allow it to themselves.",
        "clientSecret: { exec: [pass, intune] }",
        "Do without, or let the runner allow it: `ESPALIER_ALLOW=exec`, `files`, `endpoints`.",
    ),
    refusal(
        "file",
        "A file that the document names cannot be read: it is not there, no regular file, or too large.",
        "csv: { file: devices.cvs, column: Serial }",
        "Correct the path. It is relative to the document that names it.",
    ),
    Code {
        code: "csv-read",
        group: Group::Document,
        means: "Says how a CSV file was understood: how many serial numbers, which delimiter, which encoding. A wrong guess would be seen here.",
        example: "note[csv-read]: 300 serial numbers read (delimiter `;`, UTF-8)",
        next: "Nothing, if the number is right.",
        exit: None,
    },
    refusal(
        "same-name",
        "Two documents of one kind have the same `metadata.name`, which is their address. Neither is used, for it is unknown which one is meant.",
        "kind: EnrollmentProfile\nmetadata: { name: kiosk }   # in two files",
        "Rename one, or remove it.",
    ),
    refusal(
        "two-fleets",
        "The folder has more than one `Fleet`, and so two ledgers and two sets of limits.",
        "kind: Fleet                 # in two files",
        "Keep one of them.",
    ),
    refusal(
        "no-fleet",
        "The folder has documents and no `Fleet`, which says where the ledger is and what the limits are.",
        "error in a folder with profiles only",
        "Run `espalier init` for a starter folder, or add a `Fleet` with its ledger.",
    ),
    refusal(
        "unknown-reference",
        "A document names another one that does not exist.",
        "profile: kisok",
        "Take the name that is proposed, or add the document. Names are `metadata.name`, not display names.",
    ),
    Code {
        code: "selects-no-token",
        group: Group::Document,
        means: "A selector by labels matches no `EnrollmentToken`, so that the document does nothing.",
        example: "tokens: { matchLabels: { stage: prod } }",
        next: "Compare it with `metadata.labels` of the tokens. Objects that were there before are left alone.",
        exit: None,
    },
    Code {
        code: "unused-value",
        group: Group::Document,
        means: "A token's `values` hold one that no text of any profile on it asks for.",
        example: "values: { adress: Berlin }",
        next: "Correct its name, or remove it; it does no harm.",
        exit: None,
    },
    refusal(
        "wrong-connection",
        "A token names a Connection of the other kind: `mdm` is the tenant that holds the token, `apple.connection` the organisation at Apple in which its service is.",
        "spec: { mdm: apple-business }     # a Connection with `appleBusiness`",
        "Name a Connection with `intune` in `mdm`, and one with `appleBusiness` or `appleSchool` in `apple.connection`.",
    ),
    refusal(
        "policy-elsewhere",
        "`policy.protected.tokens` of a Connection names a token of another one, which the policy of a tenant or organisation cannot protect.",
        "policy: { protected: { tokens: [school-of-another-tenant] } }",
        "Name tokens of this connection, or protect the other one in the Fleet.",
    ),
    refusal(
        "unknown-rule",
        "An acknowledgement names a row or code that no finding is called by, so that it would never fold anything.",
        "acknowledge: [{ rule: P-99, reason: …, until: 2027-01-31 }]",
        "Take the name that is proposed: the row or the code that the finding shows.",
    ),
    Code {
        code: "acknowledgement",
        group: Group::Document,
        means: "Something about the acknowledgements themselves: how many findings they fold, which one has ended, folds nothing, or names a refusal, which cannot be acknowledged.",
        example: "note[acknowledgement]: the acknowledgement of P-6 ended on 2026-10-31 (kiosks); it is told again",
        next: "Correct what it is about, give it a later date, or remove it.",
        exit: None,
    },
    refusal(
        "rollout-elsewhere",
        "`rollout.first` names a token that the profile is not on, so that the order means nothing there.",
        "tokens: [school-a, school-b]\nrollout: { first: [pilot] }",
        "Name tokens of the profile, or add the token to `tokens`.",
    ),
    refusal(
        "missing-value",
        "A text asks for `${name}`, which the `values` of one of its tokens do not have. Only that token is stopped.",
        "displayName: \"${school} iPads\"",
        "Add the value to the token, or correct the name.",
    ),
    refusal(
        "same-display-name",
        "Two documents mean objects of the same display name in the same place. The display name is the identity at the service until the ledger knows an id.",
        "displayName: Kiosk          # in two profiles of one token",
        "Give one another `displayName`, or pick the live objects by `id`.",
    ),
];
