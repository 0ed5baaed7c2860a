//! `Fleet.escrow.onEnrollment`: every supervised device's bypass code is sealed once in each of its lives, since
//! it can be read for a limited time only (L-4).

use std::collections::BTreeSet;

use super::{Courier, Vault};
use crate::acts::ActEvent;
use crate::ledger::LedgerError;
use crate::model::act::{CodeRead, Os, Record, RecordId};
use crate::model::live::Fact;
use crate::model::{Epoch, Realm, SealedKind, Serial};

/// How many codes are read before they are written: what a run that dies has read is read again.
pub const EARLY_AT_ONCE: usize = 100;

/// What came of sealing codes early.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Early {
    /// Codes that were sealed.
    pub sealed: usize,
    /// Devices whose code is not shown (L-7), asked in this run.
    pub null: Vec<Epoch>,
    /// Devices whose code could not be read or sealed; the first reason.
    pub failed: Option<(usize, String)>,
}

/// Whether a device of this kind has a code that the MDM can know.
fn has_code(record: &Record) -> bool {
    record.supervised == Some(true) && matches!(record.os, Os::Ios | Os::Ipados | Os::Macos)
}

impl Courier<'_> {
    /// Reads and seals the codes of devices of which none was sealed in their present life. `asked`: those of
    /// which it is known from today that none is shown.
    ///
    /// # Errors
    /// Only where the ledger cannot be written.
    pub async fn seal_early(&self, asked: &BTreeSet<Epoch>) -> Result<Early, LedgerError> {
        let mut early = Early::default();
        if !self.ground.desired.fleet.escrow.as_ref().is_some_and(|escrow| escrow.on_enrollment) {
            return Ok(early);
        }
        for (realm, records) in &self.ground.live.records {
            let Fact::Known(records) = records else { continue };
            let Ok(graph) = self.graph(realm) else { continue };
            let view = self.view()?;
            let lacks = |record: &Record| {
                let (serial, epoch) = (record.serial?, record.epoch()?);
                let known = view.acts.code_of(&serial, &epoch).is_some() || asked.contains(&epoch);
                (has_code(record) && !known).then_some((epoch, serial))
            };
            let lacking: Vec<(Epoch, Serial)> = records.all().iter().filter_map(lacks).collect();
            drop(view);
            if lacking.is_empty() {
                continue;
            }
            if let Err(why) = self.vault.check(realm, self.now()) {
                early.fails(lacking.len(), &why.0);
                continue;
            }
            for (done, chunk) in lacking.chunks(EARLY_AT_ONCE).enumerate() {
                if self.is_stopped() {
                    return Ok(early);
                }
                self.progress.step(done * EARLY_AT_ONCE, lacking.len(), "bypass codes to be sealed");
                let of: Vec<(RecordId, Serial)> =
                    chunk.iter().map(|(epoch, serial)| (epoch.record.clone(), *serial)).collect();
                let codes = graph.bypass_codes(&of).await;
                let mut events = Vec::new();
                for ((epoch, serial), code) in chunk.iter().zip(codes) {
                    match code {
                        Fact::Known(CodeRead::Code(code)) => {
                            let of = (realm, epoch, *serial);
                            match sealed(self, self.vault, of, &code) {
                                Ok(event) => events.push(event),
                                Err(why) => early.fails(1, &why),
                            }
                        }
                        Fact::Known(CodeRead::Null) => early.null.push(epoch.clone()),
                        Fact::Unknown(unknown) => early.fails(1, &unknown.reason),
                    }
                }
                self.append(&events)?;
                early.sealed += events.len();
            }
        }
        Ok(early)
    }
}

impl Early {
    fn fails(&mut self, count: usize, why: &str) {
        let (all, _) = self.failed.get_or_insert_with(|| (0, why.to_owned()));
        *all += count;
    }
}

fn sealed(
    courier: &Courier<'_>,
    vault: &Vault,
    (realm, epoch, serial): (&Realm, &Epoch, Serial),
    code: &crate::model::Secret,
) -> Result<ActEvent, String> {
    let now = courier.now();
    let kind = SealedKind::BypassCode;
    let sealed = vault.seal(realm, code, (serial, &epoch.record), kind, now).map_err(|why| why.0)?;
    Ok(ActEvent::Sealed {
        serial,
        tenant: courier.tenants.get(realm).cloned().unwrap_or_default(),
        epoch: epoch.clone(),
        act: None,
        read: now,
        sealed,
    })
}
