//! Devices of `DeviceAction` documents, lowered to what a simulated world begins with: enrolled since a month
//! before the first of them was asked for, and as the documents expect them.

use std::collections::{BTreeMap, HashSet};

use crate::model::act::ActOptions;
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, DeviceAction};
use crate::model::{ActionKind, Name, Serial};
use crate::sim::apple::organization::Lock;
use crate::sim::{SeedManagedDevice, SeedTenant};

use super::apple::family_of_model;

/// How long devices have been enrolled when the first act is asked for.
const ENROLLED_FOR: i64 = 30 * 24;

/// Adds the devices of acts to the tenants that have, or get, them.
pub(super) fn add(desired: &Desired, tenants: &mut [SeedTenant]) {
    let Some((oldest, _)) = super::super::acts::requested(desired) else { return };
    let enrolled = oldest.checked_sub(jiff::SignedDuration::from_hours(ENROLLED_FOR)).unwrap_or(oldest);
    let named: HashSet<Serial> =
        tenants.iter().flat_map(|tenant| &tenant.tokens).flat_map(|token| token.serials.clone()).collect();
    let mut devices: BTreeMap<Serial, (Option<Name>, SeedManagedDevice)> = BTreeMap::new();
    for action in desired.actions.values() {
        for device in &action.devices {
            let token = token_of(desired, action);
            let seeded =
                devices.entry(device.serial).or_insert_with(|| (token, seeded(device.serial, enrolled)));
            expected(action, &mut seeded.1);
        }
    }
    for (serial, (token, mut device)) in devices {
        let place = tenants
            .iter()
            .position(|tenant| tenant.tokens.iter().any(|token| token.serials.contains(&serial)));
        if let Some(at) = place {
            tenants[at].devices.push(device);
            continue;
        }
        let document = token.and_then(|name| desired.tokens.get(&name));
        let Some(document) = document.filter(|_| !named.contains(&serial)) else { continue };
        let tenant = document.realm.connection().and_then(|name| desired.connections.get(name));
        let Some(tenant) = tenant.map(|connection| &connection.tenant_id) else { continue };
        let of_tenant = tenants.iter_mut().find(|one| one.tenant_id == *tenant);
        let display = &document.identity.display_name;
        if let Some(seed) = of_tenant
            && let Some(token) = seed.tokens.iter_mut().find(|token| token.name == *display)
        {
            token.serials.push(serial);
            device.token = Some(document.identity.id.clone().unwrap_or_else(|| display.clone()));
            seed.devices.push(device);
        }
    }
}

fn seeded(serial: Serial, enrolled: Timestamp) -> SeedManagedDevice {
    SeedManagedDevice { enrolled_at: Some(enrolled), ..SeedManagedDevice::new(serial) }
}

/// The token that a device of an act is on, where no assignment names it: the first one at Intune; of a
/// hand-over one that it is not handed over to.
fn token_of(desired: &Desired, action: &DeviceAction) -> Option<Name> {
    let target = match &action.content.options {
        ActOptions::HandOver { token, .. } if action.kind() == ActionKind::HandOver => Some(token),
        _ => None,
    };
    let mut at_intune = desired.tokens.iter().filter(|(_, token)| token.realm.connection().is_some());
    at_intune.find(|(name, _)| Some(*name) != target).map(|(name, _)| name.clone())
}

/// What a document expects of the device, and what its action needs.
fn expected(action: &DeviceAction, device: &mut SeedManagedDevice) {
    let expect = &action.content.expect;
    if let Some(model) = &expect.model {
        device.family = family_of_model(model).or(device.family);
        device.model = Some(model.clone());
    }
    device.user = expect.user.clone().or(device.user.take());
    device.name = expect.name.clone().or(device.name.take());
    if matches!(action.kind(), ActionKind::LogOutSharedIpadUser | ActionKind::DeleteSharedIpadUser) {
        device.shared = Some(true);
    }
    // What is to be lifted is there: a rehearsal shows it.
    if action.kind().needs_hand() {
        device.lock = Some(Lock::User);
    }
    if let ActOptions::SharedIpadUser { user } = &action.content.options
        && !device.users.contains(user)
    {
        device.users.push(user.clone());
    }
}
