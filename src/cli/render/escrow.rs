//! What is sealed of devices, as a table and as JSON. Nothing here can open anything. PURE.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::JSON_VERSION;
use super::text::{BOLD, NOTE, QUIET, count, labelled, paint};
use crate::acts::SealedRow;
use crate::escrow::Recipient;
use crate::model::clock::Timestamp;
use crate::model::desired::Desired;
use crate::model::{ActId, Epoch, SealedKind, Serial};

const INDENT: usize = 6;
const LABEL: usize = 6;

/// How much of a fingerprint tells a certificate from others.
const SHORT: usize = 16;

/// The documents' recipients by the fingerprint of their certificate.
pub type Names = BTreeMap<String, String>;

/// The recipients that documents name, by fingerprint.
pub fn recipients(desired: &Desired) -> Names {
    let fleet = desired.fleet.escrow.iter().flat_map(|escrow| &escrow.recipients);
    let parsed = fleet.filter_map(|one| {
        let parsed = Recipient::parse(Path::new(&one.file), one.pem.as_bytes()).ok()?;
        Some((parsed.fingerprint().to_owned(), one.file.display().to_string()))
    });
    parsed.collect()
}

/// Shows rows, each of a device. The text has colours.
pub fn text(rows: &[(&Serial, &SealedRow)], names: &Names) -> String {
    let mut out = String::new();
    if rows.is_empty() {
        return format!(
            "{} A wipe seals the code that it rests on; `Fleet.escrow.onEnrollment` seals every device's.\n",
            paint(BOLD, "Nothing is sealed.")
        );
    }
    for (serial, row) in rows {
        let entry = paint(QUIET, format!("entry {}", row.row));
        let head = format!("{serial}  {}", row.sealed.kind.words());
        // Writing to a String does not fail.
        let _ = writeln!(out, "  {} {}  {entry}", paint(NOTE, "="), paint(BOLD, head));
        let mut line = |label: &str, text: &str| labelled(&mut out, INDENT, paint(QUIET, label), LABEL, text);
        line("read", &row.read.to_string());
        line("life", &row.epoch.to_string());
        if let Some(act) = &row.act {
            line("of", &act.to_string());
        }
        line("for", &who_can(row, names).join(", "));
        for (at, who, why) in &row.revealed {
            line("opened", &format!("{at} by {who}: {why}"));
        }
    }
    let devices: std::collections::BTreeSet<&&Serial> = rows.iter().map(|(serial, _)| serial).collect();
    let _ = writeln!(
        out,
        "\n{} of {}.",
        paint(BOLD, format!("{} sealed", count(rows.len() as u64, "secret"))),
        count(devices.len() as u64, "device")
    );
    out
}

fn who_can(row: &SealedRow, names: &Names) -> Vec<String> {
    let name = |fingerprint: &String| match names.get(fingerprint) {
        Some(file) => file.clone(),
        None => format!(
            "certificate {}… (not in the Fleet any more)",
            fingerprint.get(..SHORT).unwrap_or_default()
        ),
    };
    row.sealed.recipients.iter().map(name).collect()
}

/// What is sealed, as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EscrowJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// What is sealed, by device, oldest first.
    pub sealed: Vec<SealedJson<'a>>,
}

/// One sealed secret, without what is in it.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealedJson<'a> {
    /// The device.
    pub serial: &'a Serial,
    /// The entry of the ledger that holds it.
    pub entry: i64,
    /// What it is.
    pub kind: SealedKind,
    /// The tenant that showed it.
    pub tenant: &'a str,
    /// The life of the device that it is of.
    pub epoch: &'a Epoch,
    /// The act that it belongs to; absent where it was sealed early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<&'a ActId>,
    /// When it was read.
    #[schemars(with = "String")]
    pub read: Timestamp,
    /// SHA-256 of each recipient's certificate, in lower-case hex.
    pub recipients: &'a [String],
    /// The Fleet's files of these certificates, as far as it has them.
    pub files: Vec<&'a str>,
    /// Who opened or exported it, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revealed: Vec<RevealedJson<'a>>,
}

/// Somebody opened or exported a sealed secret.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct RevealedJson<'a> {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Who.
    pub who: &'a str,
    /// Why.
    pub why: &'a str,
}

/// Shows rows as JSON.
pub fn json(rows: &[(&Serial, &SealedRow)], names: &Names) -> String {
    let sealed = rows.iter().map(|(serial, row)| SealedJson {
        serial,
        entry: row.row,
        kind: row.sealed.kind,
        tenant: &row.tenant,
        epoch: &row.epoch,
        act: row.act.as_ref(),
        read: row.read,
        recipients: &row.sealed.recipients,
        files: row.sealed.recipients.iter().filter_map(|one| names.get(one)).map(String::as_str).collect(),
        revealed: row.revealed.iter().map(|(at, who, why)| RevealedJson { at: *at, who, why }).collect(),
    });
    let all = EscrowJson { version: JSON_VERSION, sealed: sealed.collect() };
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;
    use crate::model::act::RecordId;
    use crate::model::{Name, Sealed};

    /// A sealed code that was opened once.
    pub(in crate::cli) fn row() -> (Serial, SealedRow) {
        let serial = Serial::new("DMPXK0A1").unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let row = SealedRow {
            row: 12,
            tenant: "t".to_owned(),
            epoch: Epoch { record: RecordId("9bb2e1a6".to_owned()), enrolled: at },
            act: Some(ActId { action: Name::new("lost").unwrap(), serial }),
            read: at,
            sealed: Sealed {
                kind: SealedKind::BypassCode,
                cms: "AAAA".to_owned(),
                recipients: vec!["ab".repeat(32), "cd".repeat(32)],
                fingerprint: None,
            },
            revealed: vec![(at, "ada@desk".to_owned(), "returned".to_owned())],
        };
        (serial, row)
    }

    #[test]
    fn a_row_says_everything_but_what_is_in_it() {
        let (serial, row) = row();
        let names = BTreeMap::from([("ab".repeat(32), "certs/recovery.pem".to_owned())]);
        let shown = plain(&text(&[(&serial, &row)], &names));
        let expected = [
            "  = DMPXK0A1  Activation Lock bypass code  entry 12",
            "      read   1970-01-01T00:00:00Z",
            "      life   record 9bb2e1a6 enrolled 1970-01-01T00:00:00Z",
            "      of     DeviceAction/lost DMPXK0A1",
            "      opened 1970-01-01T00:00:00Z by ada@desk: returned",
            "1 secret sealed of 1 device.",
        ];
        for line in expected {
            assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
        }
        assert!(shown.contains("certs/recovery.pem, certificate cdcdcdcdcdcdcdcd…"), "{shown}");
        let json = json(&[(&serial, &row)], &names);
        assert!(!shown.contains("AAAA") && !json.contains("AAAA"));
    }
}
