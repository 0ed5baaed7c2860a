//! Organisations of documents, lowered to what a simulated world begins with.
//!
//! Services exist, and so do all devices that documents name or choose; that they belong to a service
//! does not: the devices of a route begin at none, those to be unassigned at a service, those to migrate
//! at the service of a former MDM. For each condition of `where` three devices are made up.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::desired::{Desired, Organisation, Profile, Route, RouteTo, Selection, Where};
use crate::model::organisation::PurchaseSource;
use crate::model::{Edition, Name, Platform, ProductFamily, Serial};
use crate::sim::apple::hardware::Family;
use crate::sim::apple::organization::seed::{
    SeedApiAccount, SeedDeviceService, SeedIntuneLink, SeedOrganizationDevice,
};
use crate::sim::apple::organization::{Edition as SimEdition, Lock, SeedOrganization, Source};

/// The service that devices belong to which documents make migrate.
const FORMER: &str = "Former MDM";

/// How many devices are made up for a condition.
const FOR_A_CONDITION: u32 = 3;

/// The serials that documents lead somewhere at Apple: no token of the world has them at the beginning.
pub(super) fn routed(desired: &Desired) -> HashSet<Serial> {
    let named = desired.routes.iter().flat_map(|route| &route.devices.named);
    named.map(|device| device.serial).collect()
}

/// The organisations with their services and devices.
pub(super) fn organizations(desired: &Desired) -> Vec<SeedOrganization> {
    let families = families(desired);
    desired.organisations.iter().map(|(name, one)| organization(desired, name, one, &families)).collect()
}

fn organization(
    desired: &Desired,
    name: &Name,
    document: &Organisation,
    families: &HashMap<Serial, Family>,
) -> SeedOrganization {
    let mut seed = SeedOrganization {
        name: name.to_string(),
        edition: match document.edition {
            Edition::Business => SimEdition::Business,
            Edition::School => SimEdition::School,
        },
        accounts: vec![SeedApiAccount {
            client_id: document.client_id.clone(),
            key_id: document.key_id.clone(),
            key: None,
        }],
        ..SeedOrganization::default()
    };
    for (token, wishes, service) in desired.services_of(name) {
        let tenant = wishes.realm.connection().and_then(|one| desired.connections.get(one));
        seed.services.push(SeedDeviceService {
            name: service.to_owned(),
            direct: wishes.realm.is_direct().then(|| super::direct_key(desired, token)).flatten(),
            intune: tenant.map(|tenant| SeedIntuneLink {
                tenant: tenant.tenant_id.clone(),
                token: wishes.identity.id.clone().unwrap_or_else(|| wishes.identity.display_name.clone()),
            }),
            ..SeedDeviceService::default()
        });
    }
    let routes: Vec<&Route> = desired.routes.iter().filter(|one| is_of(desired, one, name)).collect();
    if routes.iter().any(|route| route.move_by.is_some()) {
        seed.services.push(SeedDeviceService { name: FORMER.to_owned(), ..SeedDeviceService::default() });
    }
    let first = seed.services.first().map(|service| service.name.clone());
    let mut known = HashSet::new();
    for route in routes {
        let service = match (&route.to, &route.move_by) {
            (RouteTo::Nowhere, _) => first.clone(),
            (RouteTo::Token(_), Some(_)) => Some(FORMER.to_owned()),
            (RouteTo::Token(_), None) => None,
        };
        for device in route.devices.named.iter().filter(|one| known.insert(one.serial)) {
            let family = families.get(&device.serial).copied();
            let mut seeded = at(device.serial, family, service.clone());
            seeded.migrates = route.move_by.is_some();
            seed.devices.push(seeded);
        }
        let chosen = route.devices.selected.iter().flat_map(|one| made_up(&route.name, one, None));
        seed.devices.extend(chosen.filter(|one| known.insert(one.serial)));
    }
    for selection in desired.selections.iter().filter(|one| chooses_in(desired, one, name)) {
        let here = selection.tokens.iter().find_map(|token| {
            let apple = desired.tokens.get(token)?.apple.as_ref()?;
            (apple.connection == *name).then(|| apple.service.clone())
        });
        for device in selection.devices.named.iter().filter(|one| known.insert(one.serial)) {
            let family = families.get(&device.serial).copied();
            seed.devices.push(at(device.serial, family, here.clone()));
        }
        let family = of_profiles(desired, selection).first().copied();
        let chosen = selection.devices.selected.iter().flat_map(|one| made_up(&selection.name, one, family));
        for mut device in chosen {
            if known.insert(device.serial) {
                device.service.clone_from(&here);
                seed.devices.push(device);
            }
        }
    }
    seed
}

/// Whether a route leads to a service of an organisation; one to nowhere is of the first.
fn is_of(desired: &Desired, route: &Route, organisation: &Name) -> bool {
    match &route.to {
        RouteTo::Token(token) => {
            let apple = desired.tokens.get(token).and_then(|token| token.apple.as_ref());
            apple.is_some_and(|apple| apple.connection == *organisation)
        }
        RouteTo::Nowhere => desired.organisations.keys().next() == Some(organisation),
    }
}

/// Whether the tokens of a selection are of an organisation.
fn chooses_in(desired: &Desired, selection: &Selection, organisation: &Name) -> bool {
    selection.tokens.iter().any(|token| {
        let apple = desired.tokens.get(token).and_then(|token| token.apple.as_ref());
        apple.is_some_and(|apple| apple.connection == *organisation)
    })
}

fn at(serial: Serial, family: Option<Family>, service: Option<String>) -> SeedOrganizationDevice {
    SeedOrganizationDevice {
        serial,
        family,
        model: None,
        service,
        order_number: None,
        source: Source::Apple,
        source_id: None,
        lock: Lock::None,
        migrates: false,
    }
}

/// Devices that a condition chooses, the same ones in every world. `family` is what the document's
/// profiles are for.
fn made_up(document: &Name, condition: &Where, family: Option<Family>) -> Vec<SeedOrganizationDevice> {
    let one_of_none = [None];
    let orders: Vec<Option<String>> = match &condition.order_numbers {
        Some(orders) => orders.iter().cloned().map(Some).collect(),
        None => one_of_none.to_vec(),
    };
    let model = condition.models.as_ref().and_then(|models| models.first());
    let wished = condition.product_families.as_ref().and_then(|families| families.first());
    let family = match (wished, model) {
        (Some(family), _) => Some(sim_family(*family)),
        (None, Some(model)) => family_of_model(model).or(family),
        (None, None) => family,
    };
    let source = condition.purchase_sources.as_ref().and_then(|sources| sources.first());
    let mut devices = Vec::new();
    for order in orders {
        for number in 0..FOR_A_CONDITION {
            let Some(serial) = made_up_serial(document, order.as_deref(), number) else { continue };
            let mut device = at(serial, family, None);
            device.order_number.clone_from(&order);
            device.model = model.cloned();
            device.source = match source {
                Some(PurchaseSource::Reseller) => Source::Reseller,
                Some(PurchaseSource::ManuallyAdded) => Source::ManuallyAdded,
                Some(PurchaseSource::Apple) | None => Source::Apple,
            };
            devices.push(device);
        }
    }
    devices
}

/// Twelve characters of those that serials have, which follow from what asks for them.
fn made_up_serial(document: &Name, order: Option<&str>, number: u32) -> Option<Serial> {
    const OF_SERIALS: &[u8; 32] = b"0123456789CDFGHJKLMNPQRTVWXYABEZ";
    let text = format!("{document}\n{}\n{number}", order.unwrap_or_default());
    let hash = openssl::sha::sha256(text.as_bytes());
    let serial: String =
        hash[..12].iter().map(|byte| char::from(OF_SERIALS[usize::from(byte % 32)])).collect();
    Serial::new(&serial)
}

/// The family of the serials whose profile tells it.
fn families(desired: &Desired) -> HashMap<Serial, Family> {
    let mut families = HashMap::new();
    for assignment in &desired.assignments {
        let Some(profile) = desired.profiles.get(&assignment.profile) else { continue };
        families.extend(assignment.devices.iter().map(|device| (device.serial, of_profile(profile))));
    }
    for selection in &desired.selections {
        let all = of_profiles(desired, selection);
        if all.is_empty() {
            continue;
        }
        let named = selection.devices.named.iter().enumerate();
        families.extend(named.map(|(at, device)| (device.serial, all[at % all.len()])));
    }
    families
}

/// The family that a profile is for. Where iPhones and iPads may have it, its name tells which are meant.
fn of_profile(profile: &Profile) -> Family {
    let is_for_ipads = || profile.identity.display_name.to_ascii_lowercase().contains("ipad");
    match profile.platform {
        Platform::Ios if profile.settings.shared_ipad.set().is_some() || is_for_ipads() => Family::IPad,
        Platform::Ios => Family::IPhone,
        Platform::Macos => Family::Mac,
        Platform::Tvos => Family::AppleTv,
        Platform::Visionos => Family::Vision,
    }
}

/// The families that the profiles of a selection are for, one after the other.
fn of_profiles(desired: &Desired, selection: &Selection) -> Vec<Family> {
    if selection.one_for_all {
        let one = selection.profiles.written().next().and_then(|(_, name)| desired.profiles.get(name));
        return one.map(of_profile).into_iter().collect();
    }
    let by_field = BTreeMap::from([
        ("iphone", Family::IPhone),
        ("ipad", Family::IPad),
        ("mac", Family::Mac),
        ("appleTv", Family::AppleTv),
        ("vision", Family::Vision),
    ]);
    selection.profiles.written().filter_map(|(field, _)| by_field.get(field).copied()).collect()
}

const fn sim_family(family: ProductFamily) -> Family {
    match family {
        ProductFamily::Iphone => Family::IPhone,
        ProductFamily::Ipad => Family::IPad,
        ProductFamily::Ipod => Family::IPod,
        ProductFamily::Mac => Family::Mac,
        ProductFamily::AppleTv => Family::AppleTv,
        ProductFamily::Watch => Family::Watch,
        ProductFamily::Vision => Family::Vision,
    }
}

/// The family of a marketing name or a model identifier.
pub(super) fn family_of_model(model: &str) -> Option<Family> {
    let plain: String = model.chars().filter(|one| !one.is_whitespace()).collect();
    let plain = plain.to_ascii_lowercase();
    let words = [
        ("iphone", Family::IPhone),
        ("ipad", Family::IPad),
        ("ipod", Family::IPod),
        ("appletv", Family::AppleTv),
        ("vision", Family::Vision),
        ("watch", Family::Watch),
        ("mac", Family::Mac),
    ];
    words.into_iter().find(|(word, _)| plain.contains(word)).map(|(_, family)| family)
}
