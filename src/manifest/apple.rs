//! What documents say of Apple's side, taken out of checked values. PURE.

use super::value::{Item, Object, Read};
use crate::model::desired::{AppleService, FamilyProfiles, MoveBy, Where};
use crate::model::organisation::PurchaseSource;
use crate::model::{Field, ProductFamily};

/// `EnrollmentToken.apple`.
pub fn service(apple: &Object) -> Option<AppleService> {
    Some(AppleService {
        connection: apple.name("connection").set()?.clone(),
        service: apple.text("service").set()?.clone(),
    })
}

/// A list of product families, in the order of their writing.
pub fn families(object: &Object, field: &str) -> Field<Vec<ProductFamily>> {
    words(object, field, |word| ProductFamily::ALL.into_iter().find(|family| family.word() == word))
}

fn words<T>(object: &Object, field: &str, of: impl Fn(&str) -> Option<T>) -> Field<Vec<T>> {
    object.list(field).map(|items| {
        let word = |item: &Item| match item.read {
            Read::Word(word) => of(word),
            _ => None,
        };
        items.iter().filter_map(word).collect()
    })
}

/// `devices.where`.
pub fn condition(devices: &Object) -> Option<Where> {
    let written = devices.object("where")?;
    let sources = words(written, "purchaseSources", |word| {
        PurchaseSource::ALL.into_iter().find(|source| source.word() == word)
    });
    Some(Where {
        order_numbers: written.text_list("orderNumbers").set().cloned(),
        models: written.text_list("models").set().cloned(),
        product_families: families(written, "productFamilies").set().cloned(),
        purchase_sources: sources.set().cloned(),
        unassigned: written.bool("unassigned").set() == Some(&true),
    })
}

/// `profiles`.
pub fn profiles(spec: &Object) -> Option<FamilyProfiles> {
    let written = spec.object("profiles")?;
    let of = |family| written.name(family).set().cloned();
    Some(FamilyProfiles {
        iphone: of("iphone"),
        ipad: of("ipad"),
        mac: of("mac"),
        apple_tv: of("appleTv"),
        vision: of("vision"),
    })
}

/// `moveBy`.
pub fn move_by(spec: &Object) -> Option<MoveBy> {
    let written = spec.object("moveBy")?;
    match written.items.get("deadline") {
        Some(Item { read: Read::Time(deadline), place }) => {
            Some(MoveBy { deadline: *deadline, place: place.clone() })
        }
        _ => None,
    }
}
