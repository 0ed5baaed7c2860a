//! Accounts and sign-in of Macs (P-32). Sources: manifests.md; reference intune-graph section 3.6.

use super::{MACOS, Needs, ProfileRule, int, is, is_none, note, refuse, says, text, when};
use crate::model::{Fields, Value};

/// What the service fills into a primary account's short name.
const USER_NAME: [&str; 4] = ["serialNumber", "partialupn", "managedDeviceName", "OnPremisesSamAccountName"];

/// What the service fills into a primary account's full name.
const FULL_NAME: [&str; 3] = ["username", "serialNumber", "OnPremisesSamAccountName"];

const NEEDS_ADMIN: &str = "describe the administrator in `localAdmin`, or remove `standardUser`";
const NEEDS_ACCOUNT: &str = "describe the administrator in `localAdmin`, or remove `create`";

/// Accounts are made in Setup Assistant, once somebody has signed in and while it waits.
const ACCOUNTS: &[&str] = &[
    "localAdmin",
    "primaryAccount.create",
    "primaryAccount.standardUser",
    "primaryAccount.prefill",
    "primaryAccount.userName",
    "primaryAccount.fullName",
];

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    when(
        refuse(
            "P-32",
            &["primaryAccount.standardUser", "localAdmin"],
            "`primaryAccount.standardUser: true` needs `localAdmin`: without it the Mac has no administrator",
            NEEDS_ADMIN,
        )
        .on(MACOS),
        |fields| standard_user(fields) && is(fields, "localAdmin", false),
    ),
    when(
        refuse(
            "P-32",
            &["primaryAccount.standardUser"],
            "a new profile with `primaryAccount.standardUser: true` needs `localAdmin`: without it the Mac has no administrator",
            NEEDS_ADMIN,
        )
        .on(MACOS)
        .over(Needs::Create),
        |fields| standard_user(fields) && !fields.contains_key("localAdmin"),
    ),
    when(
        refuse(
            "P-32",
            &["primaryAccount.create", "localAdmin"],
            "`primaryAccount.create: false` needs `localAdmin`: without it the Mac has no account",
            NEEDS_ACCOUNT,
        )
        .on(MACOS),
        |fields| no_account(fields) && is(fields, "localAdmin", false),
    ),
    when(
        refuse(
            "P-32",
            &["primaryAccount.create"],
            "a new profile with `primaryAccount.create: false` needs `localAdmin`: without it the Mac has no account",
            NEEDS_ACCOUNT,
        )
        .on(MACOS)
        .over(Needs::Create),
        |fields| no_account(fields) && !fields.contains_key("localAdmin"),
    ),
    says(
        refuse(
            "P-32",
            &["primaryAccount.prefill", "primaryAccount.userName", "primaryAccount.fullName"],
            "`primaryAccount.prefill: true` needs `userName` and `fullName`",
            "write both names, e.g. `userName: \"{{partialupn}}\"` and `fullName: \"{{username}}\"`",
        )
        .on(MACOS),
        prefill_without_names,
    ),
    when(
        note(
            "P-32",
            &["primaryAccount.restrictEditing", "primaryAccount.prefill"],
            "`primaryAccount.restrictEditing: true` matters only with `prefill: true`",
            "nothing; or remove it",
        )
        .on(MACOS),
        |fields| {
            is(fields, "primaryAccount.restrictEditing", true) && is(fields, "primaryAccount.prefill", false)
        },
    ),
    says(
        refuse(
            "P-32",
            &["primaryAccount.userName"],
            "`primaryAccount.userName` knows {{serialNumber}}, {{partialupn}}, {{managedDeviceName}} and {{OnPremisesSamAccountName}} only",
            "write one of {{serialNumber}}, {{partialupn}}, {{managedDeviceName}}, {{OnPremisesSamAccountName}}",
        )
        .on(MACOS),
        |fields| unknown_variable(fields, "primaryAccount.userName", &USER_NAME),
    ),
    says(
        refuse(
            "P-32",
            &["primaryAccount.fullName"],
            "`primaryAccount.fullName` knows {{username}}, {{serialNumber}} and {{OnPremisesSamAccountName}} only",
            "write one of {{username}}, {{serialNumber}}, {{OnPremisesSamAccountName}}",
        )
        .on(MACOS),
        |fields| unknown_variable(fields, "primaryAccount.fullName", &FULL_NAME),
    ),
    says(
        refuse(
            "P-32",
            &["localAdmin.rotateEveryDays"],
            "`localAdmin.rotateEveryDays` has to be 1 to 180",
            "write a number from 1 to 180, or null for never",
        )
        .on(MACOS),
        |fields| outside(fields, "localAdmin.rotateEveryDays", 180),
    ),
    says(
        refuse(
            "P-32",
            &["localAdmin.rotateAfterRetrievalHours"],
            "`localAdmin.rotateAfterRetrievalHours` has to be 1 to 24",
            "write a number from 1 to 24, or null for never",
        )
        .on(MACOS),
        |fields| outside(fields, "localAdmin.rotateAfterRetrievalHours", 24),
    ),
    says(
        refuse(
            "P-32",
            &[
                "awaitConfiguration",
                "localAdmin",
                "primaryAccount.create",
                "primaryAccount.standardUser",
                "primaryAccount.prefill",
                "primaryAccount.userName",
                "primaryAccount.fullName",
            ],
            "account settings need `awaitConfiguration: true`: the service turns it on itself",
            "remove `awaitConfiguration`, or set it to true",
        )
        .on(MACOS),
        |fields| {
            let account = account(fields).filter(|_| is(fields, "awaitConfiguration", false))?;
            Some(format!("`awaitConfiguration: false` is refused beside `{account}`: accounts are made while Setup Assistant waits"))
        },
    ),
    says(
        refuse(
            "P-32",
            &[
                "userAffinity",
                "localAdmin",
                "primaryAccount.create",
                "primaryAccount.standardUser",
                "primaryAccount.prefill",
                "primaryAccount.userName",
                "primaryAccount.fullName",
            ],
            "account settings need `userAffinity: user` and a sign-in in Setup Assistant",
            "set `userAffinity: user` with `authentication: setupAssistantModern`, or remove the account settings",
        )
        .on(MACOS),
        |fields| {
            let affinity = text(fields, "userAffinity").filter(|affinity| *affinity != "user")?;
            let account = account(fields)?;
            Some(format!("`{account}` needs `userAffinity: user` and a sign-in in Setup Assistant, not `{affinity}`"))
        },
    ),
    when(
        refuse(
            "P-32",
            &["platformSso", "authentication"],
            "`platformSso: true` and `authentication: setupAssistantModern` exclude each other",
            "remove one of the two",
        )
        .on(MACOS),
        |fields| {
            is(fields, "platformSso", true) && text(fields, "authentication") == Some("setupAssistantModern")
        },
    ),
];

/// The live fields as the rules judge them: a profile without any account setting carries the member
/// of `prefill` as if names were filled in, and with neither name it fills in none.
pub fn without_empty_prefill(mut live: Fields) -> Fields {
    let has_no = |field: &str| live.get(field).is_none_or(|value| *value == Value::None);
    if has_no("primaryAccount.userName")
        && has_no("primaryAccount.fullName")
        && let Some(prefill) = live.get_mut("primaryAccount.prefill")
    {
        *prefill = Value::Bool(false);
    }
    live
}

fn standard_user(fields: &Fields) -> bool {
    is(fields, "primaryAccount.standardUser", true)
}

fn no_account(fields: &Fields) -> bool {
    is(fields, "primaryAccount.create", false)
}

/// The first account setting that is otherwise than without any.
fn account(fields: &Fields) -> Option<&'static str> {
    ACCOUNTS.iter().copied().find(|field| match *field {
        "primaryAccount.create" => no_account(fields),
        field => matches!(fields.get(field), Some(Value::Bool(true) | Value::Text(_))),
    })
}

fn prefill_without_names(fields: &Fields) -> Option<String> {
    let missing: Vec<&str> = ["userName", "fullName"]
        .into_iter()
        .filter(|name| is_none(fields, &format!("primaryAccount.{name}")))
        .collect();
    if missing.is_empty() || !is(fields, "primaryAccount.prefill", true) {
        return None;
    }
    Some(format!("`primaryAccount.prefill: true` needs `{}`", missing.join("` and `")))
}

/// Says which variable of a text the service does not fill in.
fn unknown_variable(fields: &Fields, field: &str, known: &[&str]) -> Option<String> {
    let mut rest = text(fields, field)?;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}").filter(|_| !before.contains("}}")) else {
            return Some(format!("`{field}` holds `{{{{` or `}}}}` without the other"));
        };
        if !known.contains(&name) {
            return Some(format!("`{field}` holds the unknown variable {{{{{name}}}}}"));
        }
        rest = after;
    }
    rest.contains("}}").then(|| format!("`{field}` holds `}}}}` without its `{{{{`"))
}

fn outside(fields: &Fields, field: &str, most: i64) -> Option<String> {
    let number = int(fields, field).filter(|number| !(1..=most).contains(number))?;
    Some(format!("`{field}` is {number}, it has to be 1 to {most}"))
}
