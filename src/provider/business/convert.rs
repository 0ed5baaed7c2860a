//! From the API's words to the model's. PURE.

use jiff::Timestamp;

use super::device::DeviceAttributes;
use super::wire::{LockAttributes, ServiceAttributes, ServiceRecord, Told};
use crate::model::live::{Cause, Fact, Unknown};
use crate::model::organisation::{
    ActivationLock, ActivityState, LiveService, Migration, MigrationStatus, OrgRow, ProductFamily,
    PurchaseSource, ServiceId, ServiceKind,
};

/// An empty text is none.
fn filled<'t>(text: &'t Option<std::borrow::Cow<'_, str>>) -> Option<&'t str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// A row of the device list.
pub(super) fn row<'t>(attributes: &'t DeviceAttributes<'_>) -> OrgRow<'t> {
    OrgRow {
        model: filled(&attributes.device_model),
        product_type: filled(&attributes.product_type),
        order: filled(&attributes.order_number),
        family: filled(&attributes.product_family).and_then(ProductFamily::from_apple),
        source: filled(&attributes.purchase_source_type).and_then(PurchaseSource::from_apple),
        source_id: filled(&attributes.purchase_source_id).or(filled(&attributes.purchase_source_uid)),
        added: attributes.added_to_org_date_time,
        assigned: match filled(&attributes.status) {
            Some("ASSIGNED") => Some(true),
            Some("UNASSIGNED") => Some(false),
            _ => None,
        },
        migration: Migration {
            capable: attributes.is_mdm_migration_capable,
            status: filled(&attributes.mdm_migration_status).map(MigrationStatus::from_apple),
            deadline: attributes.mdm_migration_deadline_date_time,
        },
    }
}

/// A service of the list: its default families are not in it.
pub(super) fn service(record: ServiceRecord) -> LiveService {
    let attributes = record.attributes.unwrap_or_default();
    LiveService {
        id: ServiceId::new(&record.id),
        kind: match attributes.server_type.as_deref() {
            Some("MDM") => ServiceKind::Mdm,
            Some("APPLE_CONFIGURATOR") => ServiceKind::Configurator,
            Some("APPLE_MDM") => ServiceKind::BuiltIn,
            _ => ServiceKind::Other,
        },
        name: attributes.server_name.unwrap_or_default(),
        status: attributes.status.filter(|status| !status.is_empty()),
        device_count: attributes.device_count.and_then(|count| count.try_into().ok()),
        may_disown: attributes.enable_mdm_disown_flag,
        default_for: None,
        last_connected: attributes.last_connected_date_time,
    }
}

/// The default families of a service that was read by itself.
pub(super) fn default_families(attributes: &ServiceAttributes) -> Fact<Vec<ProductFamily>> {
    let words = match &attributes.default_product_families {
        Told::Value(words) => words.as_slice(),
        Told::Null => &[],
        Told::Absent => {
            return untold("Apple does not tell the default families of the service".to_owned());
        }
    };
    let mut families = Vec::with_capacity(words.len());
    for word in words {
        // Writing the list back without it would take the family away.
        let Some(family) = ProductFamily::from_apple(word) else {
            let word: String =
                word.chars().filter(|sign| sign.is_ascii_alphanumeric() || *sign == '_').take(40).collect();
            return untold(format!(
                "the service is the default of a family that this version does not know: {word}"
            ));
        };
        families.push(family);
    }
    families.sort_unstable();
    families.dedup();
    Fact::Known(families)
}

fn untold(reason: String) -> Fact<Vec<ProductFamily>> {
    let next = "set the families in Apple's portal, or update espalier".to_owned();
    Fact::Unknown(Unknown { cause: Cause::Unavailable, reason, next })
}

/// How services spell a family; devices spell it otherwise.
pub(super) const fn family_word(family: ProductFamily) -> &'static str {
    match family {
        ProductFamily::Iphone => "IPHONE",
        ProductFamily::Ipad => "IPAD",
        ProductFamily::Ipod => "IPOD",
        ProductFamily::Mac => "MAC",
        ProductFamily::AppleTv => "APPLE_TV",
        ProductFamily::Watch => "WATCH",
        ProductFamily::Vision => "VISION",
    }
}

/// How far an activity is. `COMPLETED` alone is no success; a word that is not known is no end.
pub fn activity_state(status: Option<&str>, sub_status: Option<&str>) -> ActivityState {
    let sub = sub_status.filter(|sub| !sub.is_empty());
    let both = |status: &str| match sub {
        Some(sub) => format!("{status}, {sub}"),
        None => status.to_owned(),
    };
    match (status.unwrap_or_default(), sub) {
        ("COMPLETED", Some("COMPLETED_WITH_SUCCESS")) => ActivityState::Succeeded,
        ("COMPLETED", Some(sub)) => ActivityState::EndedWithIssues(sub.to_owned()),
        ("COMPLETED", None) => ActivityState::EndedWithIssues("no sub-status".to_owned()),
        (status @ ("STOPPED" | "FAILED"), _) => ActivityState::Broken(both(status)),
        ("IN_PROGRESS" | "", sub) => ActivityState::Running(sub.unwrap_or("no sub-status").to_owned()),
        (other, _) => ActivityState::Running(both(other)),
    }
}

/// The lock; `None` where the two members contradict each other or do not tell.
pub(super) fn activation_lock(attributes: &LockAttributes) -> Option<ActivationLock> {
    match (attributes.is_locked, attributes.lock_type.as_deref().filter(|kind| !kind.is_empty())) {
        (Some(false), Some("NONE") | None) => Some(ActivationLock::Off),
        (Some(true) | None, Some("MDM")) => Some(ActivationLock::ByMdm),
        (Some(true) | None, Some("USER")) => Some(ActivationLock::ByUser),
        (None, Some("NONE")) => Some(ActivationLock::Off),
        _ => None,
    }
}

/// A deadline as the API takes it: whole seconds of UTC.
pub(super) fn deadline(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole.to_string()
}
