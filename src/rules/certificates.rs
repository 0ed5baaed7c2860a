//! Pairing by certificate (P-21). Expiry needs a clock and stands in [`super::documents`].

use super::{Broken, Rule, broken, text};
use crate::diag::Severity::{Note, Refuse};
use crate::model::{Fields, Value};

const FIELDS: &[&str] = &["pairing.certificates", "pairing.mode"];

/// Rules over any object.
pub const RULES: &[Rule] = &[
    Rule { row: "P-21", severity: Refuse, fields: FIELDS, check: none_given },
    Rule { row: "P-21", severity: Refuse, fields: FIELDS, check: too_many },
    Rule { row: "P-21", severity: Note, fields: FIELDS, check: without_effect },
    Rule { row: "P-21", severity: Note, fields: &["pairing.mode"], check: deny_all },
];

fn count(fields: &Fields) -> usize {
    match fields.get("pairing.certificates") {
        Some(Value::List(list)) => list.len(),
        _ => 0,
    }
}

fn none_given(fields: &Fields) -> Option<Broken> {
    if text(fields, "pairing.mode") != Some("allowByCertificate") || count(fields) > 0 {
        return None;
    }
    broken(
        "`pairing.mode: allowByCertificate` needs at least one certificate",
        "name the hosts' certificates in `pairing.certificates`",
    )
}

fn too_many(fields: &Fields) -> Option<Broken> {
    let count = count(fields);
    if count <= 10 {
        return None;
    }
    broken(
        format!("{count} pairing certificates are given, at most 10 are taken"),
        "remove some, or share one certificate between hosts",
    )
}

fn without_effect(fields: &Fields) -> Option<Broken> {
    let mode = text(fields, "pairing.mode").filter(|mode| *mode != "allowByCertificate")?;
    if count(fields) == 0 {
        return None;
    }
    broken(
        format!("certificates are without effect with `pairing.mode: {mode}`"),
        "set `pairing.mode: allowByCertificate`, or remove them",
    )
}

fn deny_all(fields: &Fields) -> Option<Broken> {
    if text(fields, "pairing.mode") != Some("denyAll") {
        return None;
    }
    broken(
        "`pairing.mode: denyAll` limits the port to charging: no computer, and no Apple Configurator, can reach the device",
        "nothing, if that is wished",
    )
}
