//! Managed devices (`managedDevice`), what is asked of them, the audits of that, and the requests for a
//! second person's approval (reference sections 5 and 8.6).

mod act;
mod filter;
mod lists;
mod row;

use super::Ask;
use super::query::context_url;
use super::reply::{Refusal, Reply};
use crate::sim::device::{Found, Standing};
use crate::sim::world::{EnrollmentState, World};
pub(super) use act::act;
use filter::Filter;
pub(super) use lists::{approval, approvals, audit, audits};
use row::Row;

const CONTEXT: &str = "deviceManagement/managedDevices";

/// GET the list.
pub(super) fn list(world: &World, tenant: usize, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    row::check(&ask.query)?;
    let filter = Filter::read(ask.query.filter.as_deref(), row::FILTERED)?;
    let first = ask.query.first_key(ask.ways.duplicate_rows);
    let found: Box<dyn Iterator<Item = _> + '_> = match filter.serial() {
        // One device is not looked for among all.
        Some(serial) => {
            let mut rows = world.records_of(tenant, &serial);
            rows.retain(|(key, ..)| *key >= first);
            Box::new(rows.into_iter())
        }
        None => Box::new(world.records_from(tenant, first)),
    };
    let rows = found.flat_map(|(key, serial, handset, number)| {
        let ghost = ask.ways.ghost_records.then(|| (key | 8, handset.clone(), true));
        std::iter::once((key, handset, false))
            .chain(ghost)
            .map(move |(key, handset, ghost)| (key, Row { world, serial, handset, number, ghost, one: None }))
    });
    let rows = rows.filter(|(key, row)| *key >= first && filter.holds(|name| row.text(name, tenant)));
    let rows = rows.map(|(key, row)| (key, row.members(tenant, ask)));
    Ok(ask.query.answer(&ask.url(), CONTEXT, ask.page_size, rows))
}

/// GET how many there are.
pub(super) fn count(world: &World, tenant: usize) -> usize {
    let here = &world.tenants[tenant];
    let derived = here.tokens.iter().flat_map(|token| &token.devices).filter(|device| {
        device.state == EnrollmentState::Enrolled && world.handsets.get(&device.serial).is_none()
    });
    let records = world.handsets.iter().flat_map(|(_, handset)| &handset.records);
    let kept = records.filter(|record| record.standing == Standing::Live && record.is_of(here));
    derived.count() + kept.count()
}

/// GET one by its id.
pub(super) fn get(world: &World, tenant: usize, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    row::check(&ask.query)?;
    let (found, ghost) = find(world, tenant, id, ask)?;
    let handset = world.handset(&found.serial).ok_or_else(|| not_found(id))?;
    let one = Some(context_url(&format!("{CONTEXT}/$entity")));
    let row = Row { world, serial: found.serial, handset, number: found.number, ghost, one };
    let members = row.members(tenant, ask);
    let reveals = members.get("activationLockBypassCode").is_some_and(|code| code.is_string());
    Ok(Reply { reveals: reveals.then_some((found.serial, found.number)), ..Reply::json(200, &members) })
}

/// The record with an id, and whether the id is that of its ghost.
fn find(world: &World, tenant: usize, id: &str, ask: &Ask<'_>) -> Result<(Found, bool), Refusal> {
    if let Some(found) = world.find_record(tenant, id) {
        return Ok((found, false));
    }
    let real = row::behind_ghost(id).filter(|_| ask.ways.ghost_records);
    let found = real.and_then(|real| world.find_record(tenant, &real));
    found.map(|found| (found, true)).ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("The managed device {id} was not found."))
}
