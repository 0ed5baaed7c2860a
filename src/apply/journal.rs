//! What the ledger hears of a step, before and after it is sent.

use super::executor::Executor;
use crate::ledger::{Event, How, IntentState, Lease, Ledger, LedgerError, NewIntent};
use crate::model::clock::Clock;
use crate::model::desired::LimitKind;
use crate::model::{Fields, ProfileId, ServiceId};
use crate::plan::{Action, Bookkeeping, Plan, ServiceAction, Step, content};
use crate::provider::Done;

/// The operation's word in the ledger.
pub(super) fn word(action: &Action) -> &'static str {
    match action {
        Action::UpdateToken { .. } => "updateToken",
        Action::DeleteToken => "deleteToken",
        Action::CreateProfile { .. } => "createProfile",
        Action::UpdateProfile { .. } => "updateProfile",
        Action::DeleteProfile => "deleteProfile",
        Action::SetDefault { .. } => "setDefault",
        Action::Assign { after_sync: false, .. } => "assign",
        // A word of its own: in one run both may be open for the same profile.
        Action::Assign { after_sync: true, .. } => "assignAfterSync",
        Action::Define { .. } => "defineProfile",
        Action::Unassign { .. } => "unassign",
        Action::SetAccountDrivenUrl { .. } => "setAccountDrivenUrl",
        Action::Service(action) => match action {
            ServiceAction::Assign { deadline: None, .. } => "assignService",
            ServiceAction::Assign { deadline: Some(_), .. } => "migrate",
            ServiceAction::Unassign { .. } => "unassignService",
            ServiceAction::UpdateDeadline { .. } => "updateDeadline",
            ServiceAction::CancelMigration { .. } => "cancelMigration",
            ServiceAction::DropFamilies { .. } => "dropFamilies",
            ServiceAction::TakeFamilies { .. } => "takeFamilies",
            ServiceAction::Create { .. } => "createService",
            ServiceAction::Rename { .. } => "renameService",
            ServiceAction::Delete { .. } => "deleteService",
        },
        Action::Sync { .. } => "sync",
    }
}

/// The promise to send a step.
pub(super) fn intent(step: &Step, tenant: &str, object: Option<ProfileId>) -> NewIntent {
    NewIntent {
        address: step.address.clone(),
        tenant: tenant.to_owned(),
        write: word(&step.action).to_owned(),
        part: 0,
        name: matches!(
            step.action,
            Action::CreateProfile { .. } | Action::Service(ServiceAction::Create { .. })
        )
        .then(|| step.name.clone()),
        object,
        platform: step.platform,
        items: step.action.serials().max(1) as u64,
        service: service_of(&step.action),
        serials: Vec::new(),
    }
}

/// The service at Apple that a step is about.
fn service_of(action: &Action) -> Option<ServiceId> {
    match action {
        Action::Service(
            ServiceAction::Rename { id, .. }
            | ServiceAction::Delete { id }
            | ServiceAction::DropFamilies { id, .. }
            | ServiceAction::TakeFamilies { id, .. },
        ) => Some(id.clone()),
        _ => None,
    }
}

/// Writes to the ledger at the time of the services' clock; without a ledger it writes nothing.
#[derive(Clone, Copy)]
pub(super) struct Scribe<'a> {
    pub ledger: Option<(&'a Ledger, &'a Lease)>,
    pub clock: &'a dyn Clock,
}

impl Scribe<'_> {
    /// Writes promises durably, before anything is sent. Without a ledger there are none.
    pub fn intend(&self, intents: &[NewIntent]) -> Result<Vec<i64>, LedgerError> {
        match self.ledger {
            Some((ledger, lease)) => ledger.intend(lease, self.clock.now(), intents),
            None => Ok(Vec::new()),
        }
    }

    /// Writes what came of promises, with the facts that follow, in one transaction.
    pub fn settle(
        &self,
        results: &[(i64, IntentState, String)],
        events: &[Event],
    ) -> Result<(), LedgerError> {
        match self.ledger {
            Some((ledger, lease)) if !results.is_empty() || !events.is_empty() => {
                ledger.settle(lease, self.clock.now(), results, events)
            }
            _ => Ok(()),
        }
    }
}

impl Executor<'_> {
    pub(super) fn scribe(&self) -> Scribe<'_> {
        Scribe { ledger: self.ledger, clock: &*self.clock }
    }

    /// See [`Scribe::intend`].
    pub(super) fn intend(&self, intents: &[NewIntent]) -> Result<Vec<i64>, LedgerError> {
        self.scribe().intend(intents)
    }

    /// See [`Scribe::settle`].
    pub(super) fn settle(
        &self,
        results: &[(i64, IntentState, String)],
        events: &[Event],
    ) -> Result<(), LedgerError> {
        self.scribe().settle(results, events)
    }

    /// The facts that follow from a step that had its effect on a service at Apple. `made` is the one
    /// that it made.
    pub(super) fn facts_of_service(&self, step: &Step, tenant: &str, made: Option<&ServiceId>) -> Vec<Event> {
        let Action::Service(action) = &step.action else { return Vec::new() };
        let known = |service: &ServiceId, made| Event::ServiceKnown {
            token: step.address.clone(),
            tenant: tenant.to_owned(),
            service: service.clone(),
            name: step.name.clone(),
            made,
        };
        match (action, made) {
            (ServiceAction::Create { .. }, Some(made)) => vec![known(made, true)],
            (ServiceAction::Rename { id, .. }, _) => vec![known(id, false)],
            (ServiceAction::Delete { .. }, _) => vec![Event::Destroyed {
                address: step.address.clone(),
                token: step.address.domain().clone(),
                kind: LimitKind::Delete,
                count: 1,
            }],
            _ => Vec::new(),
        }
    }

    /// The facts that follow from a step that had its effect. `object` is the profile that it made
    /// or changed.
    pub(super) fn facts(&self, step: &Step, tenant: &str, object: Option<&ProfileId>) -> Vec<Event> {
        let owned = |how| Event::Owned {
            address: step.address.clone(),
            tenant: tenant.to_owned(),
            token_id: step.token_id.clone(),
            object: object.cloned(),
            how,
            name: step.name.clone(),
        };
        let applied =
            |fields: &Fields| Event::Applied { address: step.address.clone(), fields: fields.clone() };
        let managed = self.managed.get(&step.address);
        match &step.action {
            // Without its id the object is recognised by its name next time.
            Action::CreateProfile { fields, .. } if object.is_some() => {
                vec![owned(How::Created), applied(managed.unwrap_or(fields))]
            }
            // Missing means the value last applied, so that all of them are kept, and not only those
            // that the documents state.
            Action::Define { fields, content, replaces, changes, adopt } => match object {
                Some(defined) => {
                    let known = |object: &ProfileId, content: String| Event::Defined {
                        address: step.address.clone(),
                        token_id: step.token_id.clone(),
                        object: object.clone(),
                        name: step.name.clone(),
                        content,
                    };
                    let mut events =
                        vec![owned(How::Created), applied(fields), known(defined, content.clone())];
                    // One that is taken over is this document's from now on: devices that do not follow
                    // at once have an earlier one of its profiles, and not a stranger's.
                    if let Some(former) = replaces.as_ref().filter(|_| *adopt) {
                        events.push(known(former, content::former_hash(fields, changes)));
                    }
                    events
                }
                None => Vec::new(),
            },
            Action::UpdateProfile { changes, adopt, .. } => {
                let mut events = Vec::new();
                if *adopt {
                    events.push(owned(How::Adopted));
                }
                let changed = || changes.iter().map(|c| (c.field.clone(), c.after.clone())).collect();
                events.push(applied(&managed.cloned().unwrap_or_else(changed)));
                events
            }
            Action::UpdateToken { .. } if !self.owned.contains(&step.address) => {
                vec![owned(How::Adopted)]
            }
            Action::DeleteProfile | Action::DeleteToken => vec![
                Event::Disowned { address: step.address.clone(), why: step.reason.words().to_owned() },
                Event::Destroyed {
                    address: step.address.clone(),
                    token: step.address.domain().clone(),
                    kind: LimitKind::Delete,
                    count: 1,
                },
            ],
            Action::Sync { serials } => vec![Event::SyncAsked {
                token: step.address.clone(),
                token_id: step.token_id.clone(),
                serials: serials.clone(),
            }],
            // What was taken from devices is counted where it is answered device by device.
            Action::CreateProfile { .. }
            | Action::Service(_)
            | Action::Unassign { .. }
            | Action::SetAccountDrivenUrl { .. }
            | Action::UpdateToken { .. }
            | Action::SetDefault { .. }
            | Action::Assign { .. } => Vec::new(),
        }
    }

    /// What a plan wants remembered and no service needs to hear: adoptions of equal objects, what
    /// is in force, what is gone.
    pub fn bookkeeping(&self, plan: &Plan) -> Vec<Event> {
        let mut events = Vec::new();
        for adoption in &plan.adopted {
            let tenant = plan.tenants.get(&adoption.connection).cloned().unwrap_or_default();
            events.push(Event::Owned {
                address: adoption.address.clone(),
                tenant,
                token_id: adoption.token_id.clone(),
                object: adoption.object.clone(),
                how: How::Adopted,
                name: adoption.name.clone(),
            });
            let all = Some(&adoption.fields).filter(|fields| !fields.is_empty());
            // Devices that have it are known to follow its document's changes from now on.
            if let (Some(fields), Some(object)) = (all, &adoption.object) {
                events.push(Event::Defined {
                    address: adoption.address.clone(),
                    token_id: adoption.token_id.clone(),
                    object: object.clone(),
                    name: adoption.name.clone(),
                    content: content::hash(fields),
                });
            }
            if let Some(fields) = all.or_else(|| self.managed.get(&adoption.address)) {
                events.push(Event::Applied { address: adoption.address.clone(), fields: fields.clone() });
            }
        }
        for entry in &plan.bookkeeping {
            match entry {
                Bookkeeping::Applied { address, fields } => {
                    events.push(Event::Applied { address: address.clone(), fields: fields.clone() });
                }
                Bookkeeping::Gone { address, why } => {
                    events.push(Event::Disowned { address: address.clone(), why: why.clone() });
                }
                Bookkeeping::NotWaiting { token_id, token, serials } => events.push(Event::NotWaiting {
                    token: token.clone(),
                    token_id: token_id.clone(),
                    serials: serials.clone(),
                }),
                Bookkeeping::Resumed { address, connection, token_id, object, name, fields } => {
                    events.push(Event::Owned {
                        address: address.clone(),
                        tenant: plan.tenants.get(connection).cloned().unwrap_or_default(),
                        token_id: token_id.clone(),
                        object: Some(object.clone()),
                        how: How::Created,
                        name: name.clone(),
                    });
                    events.push(Event::Applied { address: address.clone(), fields: fields.clone() });
                }
                Bookkeeping::ServiceKnown { token, tenant, service, name } => {
                    events.push(Event::ServiceKnown {
                        token: token.clone(),
                        tenant: tenant.clone(),
                        service: service.clone(),
                        name: name.clone(),
                        made: false,
                    });
                }
                Bookkeeping::MigrationOver { tenant, serials } => {
                    events.push(Event::MigrationOver { tenant: tenant.clone(), serials: serials.clone() });
                }
                // Written before anything is sent: see [`cooled`].
                Bookkeeping::Cooled { .. } => {}
            }
        }
        events
    }
}

/// The devices that need not be left in peace any more.
pub(super) fn cooled(plan: &Plan) -> Vec<Event> {
    let entries = plan.bookkeeping.iter();
    entries
        .filter_map(|entry| match entry {
            Bookkeeping::Cooled { token_id, serials } => {
                Some(Event::Cooled { token_id: token_id.clone(), serials: serials.clone() })
            }
            _ => None,
        })
        .collect()
}

/// The id of the profile that a step concerns, as far as the service told it.
pub(super) fn object_after(step: &Step, done: &Done) -> Option<ProfileId> {
    match step.action {
        // There every change is a new object.
        Action::Define { .. } => done.object.clone(),
        _ => step.object.clone().or_else(|| done.object.clone()),
    }
}
