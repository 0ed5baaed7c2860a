//! The parts that speak of Apple Business and Apple School Manager.

use std::collections::BTreeMap;

use serde_json::json;

use crate::model::desired::{AppleService, Desired, RouteTo, Where};
use crate::model::{Field, Name, ProductFamily, Serial};

/// The service at Apple.
pub(in crate::plan) const SERVICE: &str = "service";

/// What the service is the default of.
pub(in crate::plan) const DEFAULT_FOR: &str = "defaultFor";

/// Which devices shall be at the token's service.
pub(in crate::plan) const ROUTE: &str = "route";

/// Which devices shall be at no service: the same for every token with one.
pub(in crate::plan) const NOWHERE: &str = "nowhere";

/// What the documents wish of a token's side in Apple Business or Apple School Manager. A token without
/// one has no such part.
pub(super) fn add_parts(
    desired: &Desired,
    name: &Name,
    apple: Option<&AppleService>,
    default_for: &Field<Vec<ProductFamily>>,
    add: &mut dyn FnMut(String, serde_json::Value),
) {
    let Some(AppleService { connection, service }) = apple else { return };
    add(SERVICE.to_owned(), json!([connection, service]));
    if let Field::Set(families) = default_for {
        let mut families = families.clone();
        families.sort_unstable();
        add(DEFAULT_FOR.to_owned(), json!(families));
    }
    let routes = |to: &dyn Fn(&RouteTo) -> bool| {
        let mut named: Vec<(Serial, Option<String>)> = Vec::new();
        let mut selected = Vec::new();
        for route in desired.routes.iter().filter(|route| to(&route.to)) {
            let deadline = route.move_by.as_ref().map(|by| by.deadline.to_string());
            named.extend(route.devices.named.iter().map(|device| (device.serial, deadline.clone())));
            let conditions = route.devices.selected.as_ref();
            selected.extend(conditions.map(|one| json!([conditions_of(one), deadline]).to_string()));
        }
        named.sort_unstable();
        selected.sort_unstable();
        (!named.is_empty() || !selected.is_empty()).then(|| json!([named, selected]))
    };
    if let Some(wished) = routes(&|to| matches!(to, RouteTo::Token(token) if token == name)) {
        add(ROUTE.to_owned(), wished);
    }
    if let Some(wished) = routes(&|to| *to == RouteTo::Nowhere) {
        add(NOWHERE.to_owned(), wished);
    }
}

/// What selections wish on a token, by profile: the conditions, for what they pick changes by itself.
pub(super) fn selected<'d>(desired: &'d Desired, name: &Name) -> BTreeMap<&'d Name, Vec<serde_json::Value>> {
    let mut parts: BTreeMap<&Name, Vec<serde_json::Value>> = BTreeMap::new();
    for selection in desired.selections.iter().filter(|one| one.tokens.contains(name)) {
        let mut serials: Vec<Serial> = selection.devices.named.iter().map(|device| device.serial).collect();
        serials.sort_unstable();
        let conditions = selection.devices.selected.as_ref().map(conditions_of);
        for (family, profile) in selection.profiles.written() {
            let family = (!selection.one_for_all).then_some(family);
            parts.entry(profile).or_default().push(json!([family, serials, conditions]));
        }
    }
    for conditions in parts.values_mut() {
        conditions.sort_by_cached_key(serde_json::Value::to_string);
        conditions.dedup();
    }
    parts
}

fn conditions_of(conditions: &Where) -> serde_json::Value {
    let Where { order_numbers, models, product_families, purchase_sources, unassigned } = conditions;
    json!([order_numbers, models, product_families, purchase_sources, unassigned])
}
