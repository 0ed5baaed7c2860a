//! `approvals` of the Fleet and of policies: who has to agree before grave steps and acts.

use std::path::Path;
use std::time::Duration;

use super::lower::Context;
use super::value::{Item, Object, Read};
use crate::approval::AllowedSigners;
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::Approvals;
use crate::model::{Class, Place};

/// The largest file of signers, in bytes. The ledger keeps it with the gates.
const MOST_BYTES: usize = 256 * 1024;

/// How many bad lines of it are told one by one.
const MOST_TOLD: usize = 20;

/// `validFor` where a document is silent.
const VALID_FOR: Duration = Duration::from_secs(72 * 3600);

/// The longest `validFor`.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

impl Context<'_> {
    /// `approvals` of an object; nothing where something of it is refused.
    pub fn approvals(&mut self, object: &Object) -> Option<Approvals> {
        let written = object.object("approvals")?;
        let signers = self.signers(written);
        let classes = self.classes(written);
        let valid_for = self.valid_for(written);
        let count = match written.items.get("count").map(|item| &item.read) {
            Some(Read::Int(count)) => u32::try_from(*count).ok()?,
            Some(Read::Bad) => return None,
            _ => 1,
        };
        let (signers, keys) = signers?;
        if keys < count as usize {
            let place = written.items.get("count").map_or(&written.place, |item| &item.place);
            let message = format!(
                "`approvals.count` asks for {count} persons, and the file of signers has {keys} keys"
            );
            let next = "add signers, or ask for fewer: what nobody can approve never runs";
            self.refuse("bad-value", place, message, next);
            return None;
        }
        Some(Approvals { signers, classes: classes?, count, valid_for: valid_for?.as_secs() })
    }

    fn classes(&mut self, written: &Object) -> Option<Vec<Class>> {
        let Some(item) = written.items.get("classes") else {
            return Some(vec![Class::Destructive, Class::Irreversible]);
        };
        let items = match &item.read {
            Read::Null => return Some(vec![Class::Destructive, Class::Irreversible]),
            Read::List(items) => items,
            _ => return None,
        };
        if items.is_empty() {
            let message = "`approvals.classes` is empty: no step would need an approval".to_owned();
            self.refuse("bad-value", &item.place, message, "name classes, or remove `approvals`");
            return None;
        }
        let class = |item: &Item| match item.read {
            Read::Word(word) => Class::ALL.into_iter().find(|class| class.word() == word),
            _ => None,
        };
        let mut classes = items.iter().map(class).collect::<Option<Vec<Class>>>()?;
        classes.sort();
        classes.dedup();
        Some(classes)
    }

    fn valid_for(&mut self, written: &Object) -> Option<Duration> {
        let Some(item) = written.items.get("validFor") else { return Some(VALID_FOR) };
        match item.read {
            Read::Null => Some(VALID_FOR),
            Read::Duration(span) if !span.is_zero() && span <= LONGEST => Some(span),
            Read::Duration(_) => {
                let message = "`approvals.validFor` has to be longer than nothing and at most 90d".to_owned();
                self.refuse(
                    "bad-value",
                    &item.place,
                    message,
                    "write how long a signature is good for, like 72h",
                );
                None
            }
            _ => None,
        }
    }

    /// The text of the file of signers, and how many keys may sign.
    fn signers(&mut self, written: &Object) -> Option<(String, usize)> {
        let item = written.items.get("signers")?;
        let Read::Text(path) = &item.read else { return None };
        let (file, bytes) = match self.source.read(&item.place.file, Path::new(path), self.allow) {
            Ok(read) => read,
            Err(error) => {
                self.unreadable(&item.place, Path::new(path), &error);
                return None;
            }
        };
        let text = match text_of(bytes) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("{path} is no file of signers: {why}");
                let next = "write a line for each person in OpenSSH's allowed-signers format: `anna@school.example ssh-ed25519 AAAA…`";
                self.refuse("bad-value", &item.place, message, next);
                return None;
            }
        };
        let faults = match AllowedSigners::parse(&text) {
            Ok(signers) if !signers.is_empty() => return Some((text, signers.key_count())),
            Ok(_) => {
                let message = format!("{path} is no file of signers: it names nobody");
                let next = "write a line for each person; without approvals leave `approvals` out";
                self.refuse("bad-value", &item.place, message, next);
                return None;
            }
            Err(faults) => faults,
        };
        for fault in faults.iter().take(MOST_TOLD) {
            let line = u32::try_from(fault.line).unwrap_or(0);
            let place = Place { file: file.to_string_lossy().into(), line, column: u32::from(line > 0) };
            let message = format!("{fault}: who may approve is unknown");
            let refusal = Diagnostic::new("bad-value", Severity::Refuse, place, message);
            self.found.push(refusal.next(fault.next()).and_at(item.place.clone()));
        }
        None
    }
}

fn text_of(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("it is larger than 256 KiB");
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    if text.contains("PRIVATE KEY") {
        return Err("it holds a private key, which belongs to its owner alone; treat it as known to others");
    }
    Ok(text)
}
