//! Services themselves: made, renamed, deleted, and the product families that they are the default of.
//! Each is one request, read back by the service's own record.

use std::collections::BTreeSet;

use super::super::super::report::StepOutcome;
use super::super::readback::LATE_PAUSES;
use super::super::{Run, Service, failed};
use super::door::{Door, Real};
use crate::ledger::{IntentState, LedgerError};
use crate::model::clock::after;
use crate::model::live::{Cause, Fact, Unknown};
use crate::model::organisation::LiveService;
use crate::model::{ProductFamily, ServiceId};
use crate::plan::build::apple::ACTIVITY_HORIZON;
use crate::plan::{Action, ServiceAction, Step};
use crate::provider::{AppleWrite, Outcome, Trouble, Write};

/// What a service's own record says of a step.
pub(super) enum Shown {
    /// It is as wished; the service, where the step makes one.
    AsWished(Option<ServiceId>),
    /// It is not, in words.
    Otherwise(String),
    /// Several services carry the name of the one that was to be made.
    Several(Vec<String>),
}

impl<'r> Run<'r> {
    /// Carries out what a step does to a service. A lost answer is looked up after the horizon, and what
    /// had no effect is sent once more.
    pub(in super::super) async fn change_service(&mut self, step: &'r Step) -> Result<(), LedgerError> {
        let Some(service) = self.exec.services.get(&step.connection) else { return Ok(()) };
        if let Err(outcome) = self.rests_on(step) {
            self.outcomes.insert(&step.id, outcome);
            return Ok(());
        }
        for attempt in 0..2 {
            let write = match self.write_to_service(step) {
                Ok(write) => Write::Apple(write),
                Err(outcome) => {
                    self.outcomes.insert(&step.id, outcome);
                    return Ok(());
                }
            };
            match self.send(step, service, &write).await? {
                Outcome::Done(done) => {
                    self.read_service_back(step, service, done.service.as_ref()).await;
                    return Ok(());
                }
                Outcome::NotSent(error) if error.cause == Cause::Throttled => {
                    self.throttled = true;
                    let (reason, until) = (error.to_string(), error.not_before);
                    self.outcomes.insert(&step.id, StepOutcome::Pending { reason, until });
                    return Ok(());
                }
                Outcome::Refused(error) | Outcome::NotSent(error) => {
                    self.refuse(step, &error);
                    return Ok(());
                }
                Outcome::Lost(error) => {
                    if !self.look_up_service(step, service, &error, attempt == 0).await? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The request of a step.
    fn write_to_service(&self, step: &Step) -> Result<AppleWrite, StepOutcome> {
        let Action::Service(action) = &step.action else { return Err(failed(&Trouble::misdirected())) };
        Ok(match action {
            ServiceAction::Create { certificate } => {
                let found = (self.exec.certificates)(&step.address).map_err(|unknown| {
                    let Unknown { cause, reason, next } = unknown;
                    StepOutcome::Failed { cause, reason, next }
                })?;
                let is_planned = sha256(&found).is_some_and(|hash| hash.eq_ignore_ascii_case(certificate));
                if !is_planned {
                    return Err(StepOutcome::Failed {
                        cause: Cause::Manifest,
                        reason: format!(
                            "the certificate of {} is another one than in the plan",
                            step.address
                        ),
                        next: "plan again".to_owned(),
                    });
                }
                AppleWrite::CreateService { name: step.name.clone(), certificate: found }
            }
            ServiceAction::Rename { id, from: _ } => {
                AppleWrite::RenameService { id: id.clone(), name: step.name.clone() }
            }
            ServiceAction::Delete { id } => AppleWrite::DeleteService { id: id.clone() },
            ServiceAction::DropFamilies { id, families, keeps } => {
                let has = keeps.iter().chain(families).copied().collect::<BTreeSet<_>>();
                AppleWrite::SetFamilies {
                    id: id.clone(),
                    has: has.into_iter().collect(),
                    shall_have: keeps.clone(),
                }
            }
            ServiceAction::TakeFamilies { id, families, has } => AppleWrite::SetFamilies {
                id: id.clone(),
                has: has.iter().filter(|family| !families.contains(family)).copied().collect(),
                shall_have: has.clone(),
            },
            ServiceAction::Assign { .. }
            | ServiceAction::Unassign { .. }
            | ServiceAction::UpdateDeadline { .. }
            | ServiceAction::CancelMigration { .. } => return Err(failed(&Trouble::misdirected())),
        })
    }

    /// Reads the service's record until it shows what was sent, as far as the wait allows.
    async fn read_service_back(&mut self, step: &'r Step, service: &Service, made: Option<&ServiceId>) {
        let mut reason = String::new();
        for pause in std::iter::once(0).chain(LATE_PAUSES) {
            if pause > 0 && !self.patience().pause(pause).await {
                break;
            }
            match shown(step, &Real(service), made).await {
                Ok(Shown::AsWished(_)) => {
                    if let Action::Service(ServiceAction::Create { .. }) = &step.action {
                        self.next.insert(&step.id, fetch_the_token(&step.name));
                    }
                    self.outcomes.insert(&step.id, StepOutcome::Committed);
                    return;
                }
                Ok(Shown::Otherwise(words)) => reason = words,
                Ok(Shown::Several(ids)) => reason = several(step, &ids),
                Err(trouble) => reason = format!("it could not be read back: {trouble}"),
            }
        }
        self.outcomes.insert(&step.id, StepOutcome::Unconfirmed { reason });
    }

    /// Waits for the horizon and looks. True: it had no effect and may be sent again.
    async fn look_up_service(
        &mut self,
        step: &'r Step,
        service: &Service,
        error: &Trouble,
        again: bool,
    ) -> Result<bool, LedgerError> {
        let until = after(self.exec.clock.now(), ACTIVITY_HORIZON);
        let unknown = |reason: String| StepOutcome::Unknown { reason, until };
        if !self.patience().sleep_until(until).await {
            self.outcomes.insert(&step.id, unknown(error.to_string()));
            return Ok(false);
        }
        let shown = match shown(step, &Real(service), None).await {
            Ok(Shown::Several(ids)) => {
                self.outcomes.insert(&step.id, unknown(several(step, &ids)));
                return Ok(false);
            }
            Err(trouble) => {
                let reason = format!("{error}; and it could not be looked up: {trouble}");
                self.outcomes.insert(&step.id, unknown(reason));
                return Ok(false);
            }
            Ok(shown) => shown,
        };
        let tenant = self.tenant_of(step);
        let (note, events) = match &shown {
            Shown::AsWished(made) => {
                let facts = self.exec.facts_of_service(step, &tenant, made.as_ref());
                ("found: it had its effect", facts)
            }
            _ => ("not found: it had no effect", Vec::new()),
        };
        let ids = self.unsettled_of(step)?.into_iter();
        let results: Vec<_> = ids.map(|id| (id, IntentState::Settled, note.to_owned())).collect();
        self.exec.settle(&results, &events)?;
        if let Shown::AsWished(made) = shown {
            self.read_service_back(step, service, made.as_ref()).await;
            return Ok(false);
        }
        if !again {
            self.refuse(step, error);
        }
        Ok(again)
    }
}

/// What the records show of a step. Of a service that was just made its id is known: whatever else the
/// answer said of it is not to be believed.
pub(super) async fn shown(step: &Step, door: &impl Door, made: Option<&ServiceId>) -> Result<Shown, Trouble> {
    let Action::Service(action) = &step.action else { return Err(Trouble::misdirected()) };
    let families = |service: &LiveService| match &service.default_for {
        Some(Fact::Known(families)) => Ok(families.iter().copied().collect::<BTreeSet<ProductFamily>>()),
        Some(Fact::Unknown(unknown)) => Err(unknown.to_string()),
        None => Err("Apple does not tell its default families".to_owned()),
    };
    let otherwise = |words: &str| Shown::Otherwise(words.to_owned());
    match action {
        ServiceAction::Create { .. } => {
            let services = door.services().await?;
            let named: Vec<&LiveService> = services
                .iter()
                .filter(|one| !is_deleted(one) && made.map_or(one.name == step.name, |made| one.id == *made))
                .collect();
            match named.as_slice() {
                [] => Ok(otherwise("no service of the name is listed")),
                [only] => Ok(Shown::AsWished(Some(only.id.clone()))),
                several => Ok(Shown::Several(several.iter().map(|one| one.id.to_string()).collect())),
            }
        }
        ServiceAction::Rename { id, .. } => match door.service(id).await? {
            Some(service) if service.name == step.name => Ok(Shown::AsWished(None)),
            Some(service) => Ok(otherwise(&format!("it is still named {:?}", service.name))),
            None => Ok(otherwise("Apple does not know the service any more")),
        },
        ServiceAction::Delete { id } => match door.service(id).await? {
            Some(service) if !is_deleted(&service) => Ok(otherwise("it is still there")),
            _ => Ok(Shown::AsWished(None)),
        },
        ServiceAction::DropFamilies { id, families: dropped, .. } => match door.service(id).await? {
            Some(service) => match families(&service) {
                Ok(has) if dropped.iter().all(|family| !has.contains(family)) => Ok(Shown::AsWished(None)),
                Ok(_) => Ok(otherwise("it is still the default of the families")),
                Err(words) => Ok(Shown::Otherwise(words)),
            },
            None => Ok(otherwise("Apple does not know the service any more")),
        },
        ServiceAction::TakeFamilies { id, families: taken, .. } => match door.service(id).await? {
            Some(service) => match families(&service) {
                Ok(has) if taken.iter().all(|family| has.contains(family)) => Ok(Shown::AsWished(None)),
                Ok(_) => Ok(otherwise("it is not the default of the families yet")),
                Err(words) => Ok(Shown::Otherwise(words)),
            },
            None => Ok(otherwise("Apple does not know the service any more")),
        },
        ServiceAction::Assign { .. }
        | ServiceAction::Unassign { .. }
        | ServiceAction::UpdateDeadline { .. }
        | ServiceAction::CancelMigration { .. } => Err(Trouble::misdirected()),
    }
}

fn is_deleted(service: &LiveService) -> bool {
    service.status.as_deref() == Some("DELETED")
}

fn several(step: &Step, ids: &[String]) -> String {
    format!(
        "several services are named {:?} ({}): a person has to tell in Apple's portal which one is meant",
        step.name,
        ids.join(", ")
    )
}

/// What a person has to do once a service is made: no interface gives its server token out.
fn fetch_the_token(name: &str) -> String {
    format!(
        "download the server token (.p7m) of {name:?} in Apple's portal, under its device management services, and run `espalier token import` with it; no interface gives it out"
    )
}

/// SHA-256 in hex over a certificate's DER.
fn sha256(certificate: &openssl::x509::X509) -> Option<String> {
    let digest = certificate.digest(openssl::hash::MessageDigest::sha256()).ok()?;
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
