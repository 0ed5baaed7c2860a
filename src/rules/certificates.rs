//! Pairing by certificate (P-21). Expiry needs a clock: [`super::documents`] warns, `plan` refuses a
//! new upload.

use super::{BOTH, ProfileRule, note, refuse, says, text, when};
use crate::model::{Fields, Value};

const FIELDS: &[&str] = &["pairing.certificates", "pairing.mode"];

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    when(
        refuse(
            "P-21",
            FIELDS,
            "`pairing.mode: allowByCertificate` needs at least one certificate",
            "name the hosts' certificates in `pairing.certificates`",
        )
        .on(BOTH),
        |fields| text(fields, "pairing.mode") == Some("allowByCertificate") && count(fields) == 0,
    ),
    says(
        refuse(
            "P-21",
            FIELDS,
            "at most 10 pairing certificates are taken",
            "remove some, or share one certificate between hosts",
        )
        .on(BOTH),
        |fields| {
            let count = count(fields);
            (count > 10).then(|| format!("{count} pairing certificates are given, at most 10 are taken"))
        },
    ),
    says(
        note(
            "P-21",
            FIELDS,
            "pairing certificates are without effect in another mode than allowByCertificate",
            "set `pairing.mode: allowByCertificate`, or remove them",
        )
        .on(BOTH),
        without_effect,
    ),
    when(
        note(
            "P-21",
            &["pairing.mode"],
            "`pairing.mode: denyAll` limits the port to charging: no computer, and no Apple Configurator, can reach the device",
            "nothing, if that is wished",
        )
        .on(BOTH),
        |fields| text(fields, "pairing.mode") == Some("denyAll"),
    ),
    when(
        note(
            "P-21",
            FIELDS,
            "the same certificate has to be on the host, and an uploaded copy cannot be changed",
            "keep the certificate and its key on the host",
        )
        .on(BOTH),
        |fields| text(fields, "pairing.mode") == Some("allowByCertificate") && count(fields) > 0,
    ),
];

fn count(fields: &Fields) -> usize {
    match fields.get("pairing.certificates") {
        Some(Value::List(list)) => list.len(),
        _ => 0,
    }
}

fn without_effect(fields: &Fields) -> Option<String> {
    let mode = text(fields, "pairing.mode").filter(|mode| *mode != "allowByCertificate")?;
    (count(fields) > 0).then(|| format!("certificates are without effect with `pairing.mode: {mode}`"))
}
