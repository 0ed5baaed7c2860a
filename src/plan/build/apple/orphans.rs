//! What is at Apple and no document of the folder names (T-11).

use super::{Apple, Org, services};
use crate::diag::words::count;
use crate::model::Name;
use crate::model::organisation::{Belongs, ServiceKind};
use crate::plan::LeftAlone;

/// Tells services with devices that no document names, and the devices of no service. Only a run over
/// the whole fleet knows.
pub(super) fn tell(apple: &mut Apple<'_>) {
    if !apple.input.scope.is_whole() {
        return;
    }
    let meant = services::meant(apple);
    let mut left = Vec::new();
    for org in apple.orgs.values() {
        if org.devices.is_none() {
            continue;
        }
        // A service that could not be told from another one is not nobody's.
        let unclear = apple
            .seats
            .values()
            .any(|seat| matches!(seat, super::Seat::Unknown { org: one } if *one == org.name));
        let orphans =
            org.services.iter().filter(|one| one.kind == ServiceKind::Mdm && !meant.contains(&one.id));
        for service in orphans.filter(|_| !unclear) {
            let Some(devices) = org.counts.get(&service.id) else { continue };
            let known = known_as(apple, org, &service.id.to_string());
            let (why, was_managed) = match known {
                None => (
                    format!(
                        "no document names this service; {} of it are left as they are (T-11)",
                        count(*devices, "device")
                    ),
                    false,
                ),
                Some(token) => {
                    let deleted =
                        apple.input.ledger.tokens_deleted.get(token).map(|at| at.strftime("%Y-%m-%d"));
                    let what = match deleted {
                        Some(day) => format!(
                            "it was the service of EnrollmentToken/{token}, whose token was deleted on {day}"
                        ),
                        None => format!(
                            "it was the service of EnrollmentToken/{token}, which no document describes any more"
                        ),
                    };
                    (
                        format!(
                            "{what}; {} at Apple are still assigned to it, and would come back with it (S-5, T-11): point them at another service, or take them off",
                            count(*devices, "device")
                        ),
                        true,
                    )
                }
            };
            let (name, id) = (service.name.clone(), service.id.to_string());
            let line = services::left(org, "service", name, id, *devices, why);
            left.push(LeftAlone { was_managed, ..line });
        }
        left.extend(unassigned(apple, org));
    }
    apple.out.left_alone.extend(left);
}

/// The token whose service the ledger knew it to be.
fn known_as<'a>(apple: &Apple<'a>, org: &Org<'_>, id: &str) -> Option<&'a Name> {
    let services = &apple.input.ledger.apple.services;
    services
        .iter()
        .find(|(_, known)| known.tenant == org.live.tenant && known.id.as_str() == id)
        .map(|(name, _)| name)
}

/// The devices of no service that this plan does not move.
fn unassigned(apple: &Apple<'_>, org: &Org<'_>) -> Option<LeftAlone> {
    let devices = org.devices?;
    let stays = devices.iter().filter(|device| {
        devices.service_of(device) == Belongs::ToNone && !apple.going.contains_key(&device.serial)
    });
    let many = stays.count();
    (many > 0).then(|| {
        let why = "they cannot enroll by themselves before they have one; `espalier devices --unassigned` lists them (T-11)";
        let name = format!("{} at no service", count(many, "device"));
        services::left(org, "devices", name, String::new(), many as u64, why.to_owned())
    })
}
