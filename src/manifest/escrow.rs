//! `escrow` of the Fleet and of policies: the certificates to which secrets of devices are sealed (L-4).

use std::path::Path;

use super::lower::Context;
use super::value::{Object, Read};
use crate::diag::{Diagnostic, Severity};
use crate::escrow;
use crate::model::Place;
use crate::model::desired::{Escrow, Recipient};

impl Context<'_> {
    /// `escrow` of an object. One of whose recipients anything is refused seals nothing.
    pub fn escrow(&mut self, object: &Object) -> Option<Escrow> {
        let written = object.object("escrow")?;
        let item = written.items.get("recipients")?;
        let Read::List(files) = &item.read else { return None };
        if files.is_empty() {
            let message = "`escrow.recipients` names no certificate: nobody could open what is sealed";
            let next = "name the certificate of at least one person or vault";
            self.refuse("missing-field", &item.place, message.to_owned(), next);
            return None;
        }
        let mut read: Vec<escrow::Recipient> = Vec::with_capacity(files.len());
        for file in files {
            let Read::Text(path) = &file.read else { return None };
            let recipient = self.recipient(Path::new(path), &file.place);
            if let Some(recipient) = &recipient
                && let Some(twin) = read.iter().find(|other| *other == recipient)
            {
                // Somebody would be missing whom the documents seem to name.
                let message = format!("{path} holds the same certificate as {}", twin.file().display());
                self.refuse("bad-value", &file.place, message, "name each recipient once");
            }
            read.extend(recipient);
        }
        let kept =
            |one: &escrow::Recipient| Some(Recipient { file: one.file().to_owned(), pem: one.to_pem()? });
        let recipients: Vec<Recipient> = read.iter().filter_map(kept).collect();
        let on_enrollment = written.bool("onEnrollment").set() == Some(&true);
        (recipients.len() == files.len()).then_some(Escrow { recipients, on_enrollment })
    }

    fn recipient(&mut self, written: &Path, place: &Place) -> Option<escrow::Recipient> {
        let (file, bytes) = match self.source.read(&place.file, written, self.allow) {
            Ok(read) => read,
            Err(error) => {
                self.unreadable(place, written, &error);
                return None;
            }
        };
        match escrow::Recipient::parse(&file, &bytes) {
            Ok(recipient) => Some(recipient),
            Err(error) => {
                let refusal =
                    Diagnostic::by_row("L-4", Severity::Refuse, place.clone(), format!("{error} (L-4)"));
                self.found.push(refusal.next(error.next()));
                None
            }
        }
    }
}
