//! The canonical *before* of what is done in Apple Business or Apple School Manager. PURE.
//!
//! Members that are in no *before*: a service's device count, status and last connection, and of a device
//! everything but the service that it has and, where a migration is meant, how far that is.

use serde_json::{Value as Json, json};

use super::super::{Action, ServiceAction, Step, file};
use super::Standing;
use crate::model::live::{Complete, Fact, Unknown};
use crate::model::organisation::{
    Belongs, LiveOrganisation, LiveService, Migration, MigrationStatus, OrgDevices, ServiceKind,
};
use crate::model::{ProductFamily, Serial, ServiceId};

/// Compares a step at Apple of a saved plan with what is live now.
///
/// # Errors
/// The reason, where what the step rests on could not be read.
pub fn standing<'a>(step: &Step, organisation: &'a LiveOrganisation) -> Result<Standing, &'a Unknown> {
    if is_done(step, organisation)? {
        return Ok(Standing::Done);
    }
    let same = file::fingerprint(&of(step, organisation)?) == step.fingerprint;
    Ok(if same { Standing::Same } else { Standing::Changed })
}

/// The canonical *before* of a step at Apple.
///
/// # Errors
/// The reason, where what the step rests on could not be read.
pub fn of<'a>(step: &Step, organisation: &'a LiveOrganisation) -> Result<Json, &'a Unknown> {
    let Action::Service(action) = &step.action else { return Ok(Json::Null) };
    Ok(match action {
        ServiceAction::Assign { deadline, .. } => {
            let there = service(organisation, action_service(action))?.map(|service| service.id.as_str());
            json!([there, rows(action, devices(organisation)?, deadline.is_some())])
        }
        ServiceAction::Unassign { .. } => json!(rows(action, devices(organisation)?, false)),
        ServiceAction::UpdateDeadline { .. } | ServiceAction::CancelMigration { .. } => {
            json!(rows(action, devices(organisation)?, true))
        }
        ServiceAction::DropFamilies { id, .. } => json!(families(organisation, id)?),
        // Apple refuses a family that another service has.
        ServiceAction::TakeFamilies { id, families: wished, .. } => {
            let own = families(organisation, id)?;
            let mut holders = Vec::new();
            for one in services(organisation)?.iter().filter(|one| one.id != *id) {
                let Some(Fact::Known(families)) = &one.default_for else { continue };
                let held: Vec<&ProductFamily> = families.iter().filter(|one| wished.contains(one)).collect();
                if !held.is_empty() {
                    holders.push(json!([one.id, held]));
                }
            }
            holders.sort_by_cached_key(Json::to_string);
            json!([own, holders])
        }
        ServiceAction::Create { .. } => {
            let mut named: Vec<&str> =
                named(organisation, &step.name)?.iter().map(|one| one.id.as_str()).collect();
            named.sort_unstable();
            json!({ "named": named })
        }
        ServiceAction::Rename { id, .. } => {
            json!(service(organisation, Some(id))?.map(|service| (service.id.as_str(), &service.name)))
        }
        ServiceAction::Delete { id } => {
            let here = service(organisation, Some(id))?.is_some();
            let devices = devices(organisation)?;
            json!([here, families(organisation, id)?, devices.count_by_service().contains_key(id)])
        }
    })
}

/// Whether what is live already is what a step at Apple wishes.
///
/// # Errors
/// The reason, where what the step rests on could not be read.
pub fn is_done<'a>(step: &Step, organisation: &'a LiveOrganisation) -> Result<bool, &'a Unknown> {
    let Action::Service(action) = &step.action else { return Ok(false) };
    Ok(match action {
        ServiceAction::Assign { id, deadline, .. } => {
            let devices = devices(organisation)?;
            action.serials().all(|serial| {
                devices.find(serial).is_some_and(|device| {
                    devices.service_of(device) == Belongs::To(id)
                        && deadline.is_none_or(|_| devices.migration_of(device).status.is_some())
                })
            })
        }
        ServiceAction::Unassign { id, serials } => {
            let devices = devices(organisation)?;
            let is_off = |serial: &Serial| {
                devices.find(serial).is_none_or(|device| {
                    !matches!(devices.service_of(device), Belongs::Unclear)
                        && devices.service_of(device) != Belongs::To(id)
                })
            };
            serials.iter().all(is_off)
        }
        ServiceAction::UpdateDeadline { deadline, serials } => {
            let devices = devices(organisation)?;
            let has_it = |migration: Migration| migration.deadline == Some(*deadline);
            serials
                .iter()
                .all(|serial| devices.find(serial).is_some_and(|device| has_it(devices.migration_of(device))))
        }
        ServiceAction::CancelMigration { serials } => {
            let devices = devices(organisation)?;
            serials.iter().all(|serial| {
                devices.find(serial).is_none_or(|device| {
                    let status = devices.migration_of(device).status;
                    !matches!(status, Some(MigrationStatus::Requested | MigrationStatus::Started))
                })
            })
        }
        ServiceAction::DropFamilies { id, families: dropped, .. } => {
            families(organisation, id)?.is_some_and(|has| !has.iter().any(|one| dropped.contains(one)))
        }
        ServiceAction::TakeFamilies { id, families: wished, .. } => {
            families(organisation, id)?.is_some_and(|has| wished.iter().all(|one| has.contains(one)))
        }
        ServiceAction::Create { .. } => named(organisation, &step.name)?.len() == 1,
        ServiceAction::Rename { id, .. } => {
            service(organisation, Some(id))?.is_some_and(|service| service.name == step.name)
        }
        // Only a list that was read proves that something is gone.
        ServiceAction::Delete { id } => service(organisation, Some(id))?.is_none(),
    })
}

fn action_service(action: &ServiceAction) -> Option<&ServiceId> {
    action.shared().and_then(|(_, service, _)| service)
}

/// Each serial with the service that it has, and with its migration where that is meant.
fn rows(action: &ServiceAction, devices: &OrgDevices, with_migration: bool) -> Vec<Json> {
    let mut serials: Vec<&Serial> = action.serials().collect();
    serials.sort_unstable();
    let row = |serial: &Serial| {
        let Some(device) = devices.find(serial) else { return json!([serial.as_str(), "gone"]) };
        let service = match devices.service_of(device) {
            Belongs::To(id) => id.as_str(),
            Belongs::ToNone => "none",
            Belongs::Unclear => "unclear",
        };
        if !with_migration {
            return json!([serial.as_str(), service]);
        }
        let Migration { capable: _, status, deadline } = devices.migration_of(device);
        json!([serial.as_str(), service, status, deadline.map(|deadline| deadline.to_string())])
    };
    serials.into_iter().map(row).collect()
}

/// The services of an organisation.
///
/// # Errors
/// The reason, where the list could not be read.
pub fn services(organisation: &LiveOrganisation) -> Result<&Complete<LiveService>, &Unknown> {
    match &organisation.services {
        Fact::Known(services) => Ok(services),
        Fact::Unknown(unknown) => Err(unknown),
    }
}

/// The devices of an organisation.
///
/// # Errors
/// The reason, where a list could not be read to its end.
pub fn devices(organisation: &LiveOrganisation) -> Result<&OrgDevices, &Unknown> {
    match &organisation.devices {
        Fact::Known(devices) => Ok(devices),
        Fact::Unknown(unknown) => Err(unknown),
    }
}

fn service<'a>(
    organisation: &'a LiveOrganisation,
    id: Option<&ServiceId>,
) -> Result<Option<&'a LiveService>, &'a Unknown> {
    Ok(services(organisation)?.by_id(id.unwrap_or(&ServiceId::new(""))).ok())
}

fn named<'a>(organisation: &'a LiveOrganisation, name: &str) -> Result<Vec<&'a LiveService>, &'a Unknown> {
    Ok(services(organisation)?.named(name, |one| one.kind == ServiceKind::Mdm).unwrap_or_default())
}

/// The families that a service is the default of, ascending; `None` where it is not there or they were
/// not asked for.
fn families<'a>(
    organisation: &'a LiveOrganisation,
    id: &ServiceId,
) -> Result<Option<&'a Vec<ProductFamily>>, &'a Unknown> {
    match service(organisation, Some(id))?.and_then(|service| service.default_for.as_ref()) {
        Some(Fact::Known(families)) => Ok(Some(families)),
        Some(Fact::Unknown(unknown)) => Err(unknown),
        None => Ok(None),
    }
}
