//! Device records of the API. PURE.
//!
//! Rows of a page borrow from it. Members that a plan does not need are skipped without being looked
//! at; of a single device they are kept. Source: reference apple-business-api section 4.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::convert;
use super::wire::read_one;
use crate::model::organisation::{Migration, ProductFamily, PurchaseSource};
use crate::provider::member::{text, time};

/// A resource of `orgDevices`.
#[derive(Debug, Deserialize)]
pub(super) struct DeviceRecord<'p> {
    /// The serial.
    #[serde(default, borrow, deserialize_with = "text")]
    pub id: Option<Cow<'p, str>>,
    #[serde(default, borrow)]
    pub attributes: Option<DeviceAttributes<'p>>,
}

/// Its attributes, each of which may be missing, null or empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DeviceAttributes<'p> {
    #[serde(borrow, deserialize_with = "text")]
    pub serial_number: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub device_model: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub product_type: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub product_family: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub order_number: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub purchase_source_type: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub purchase_source_id: Option<Cow<'p, str>>,
    /// Apple's sample spells it so in one place.
    #[serde(borrow, deserialize_with = "text")]
    pub purchase_source_uid: Option<Cow<'p, str>>,
    #[serde(borrow, deserialize_with = "text")]
    pub status: Option<Cow<'p, str>>,
    #[serde(deserialize_with = "time")]
    pub added_to_org_date_time: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    pub released_from_org_date_time: Option<Timestamp>,
    pub is_mdm_migration_capable: Option<bool>,
    #[serde(borrow, deserialize_with = "text")]
    pub mdm_migration_status: Option<Cow<'p, str>>,
    #[serde(deserialize_with = "time")]
    pub mdm_migration_deadline_date_time: Option<Timestamp>,
}

impl DeviceRecord<'_> {
    /// The serial as the service writes it: the resource's id, which is the same.
    pub(super) fn serial(&self) -> Option<&str> {
        let of_attributes = || self.attributes.as_ref()?.serial_number.as_deref();
        self.id.as_deref().filter(|id| !id.is_empty()).or_else(of_attributes)
    }
}

/// One device, asked for by its serial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SingleDevice {
    /// `deviceModel`; `None` where Apple does not tell, here as below.
    pub model: Option<String>,
    /// `productType`
    pub product_type: Option<String>,
    /// `productFamily`; `None` for a word that this version does not know.
    pub family: Option<ProductFamily>,
    /// `orderNumber`
    pub order: Option<String>,
    /// `purchaseSourceType`
    pub source: Option<PurchaseSource>,
    /// `purchaseSourceId`
    pub source_id: Option<String>,
    /// `status`: whether it belongs to a service.
    pub assigned: Option<bool>,
    /// `addedToOrgDateTime`
    pub added: Option<Timestamp>,
    /// The three migration members.
    pub migration: Migration,
    /// `imei`, one or several.
    pub imei: Vec<String>,
    /// `meid`, likewise.
    pub meid: Vec<String>,
    /// `wifiMacAddress`, `bluetoothMacAddress` and `ethernetMacAddress`, in this order.
    pub mac_addresses: Vec<String>,
}

/// What a look at one serial showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The organisation has it.
    Here(Box<SingleDevice>),
    /// The organisation had it: it was released at this instant.
    Released(Timestamp, Box<SingleDevice>),
    /// The organisation does not have it, or not yet.
    NotHere,
}

/// Reads the answer about one device.
pub(super) fn read_single(body: &[u8]) -> Result<Look, serde_json::Error> {
    let Some(record) = read_one::<DeviceRecord<'_>>(body)? else {
        return Err(serde::de::Error::missing_field("data"));
    };
    let attributes = record.attributes.unwrap_or_default();
    let numbers = read_one::<NumbersRecord>(body)?.and_then(|record| record.attributes).unwrap_or_default();
    let row = convert::row(&attributes);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let Numbers { imei, meid, wifi_mac_address, bluetooth_mac_address, ethernet_mac_address } = numbers;
    let device = Box::new(SingleDevice {
        model: owned(row.model),
        product_type: owned(row.product_type),
        family: row.family,
        order: owned(row.order),
        source: row.source,
        source_id: owned(row.source_id),
        assigned: row.assigned,
        added: row.added,
        migration: row.migration,
        imei: imei.0,
        meid: meid.0,
        mac_addresses: [wifi_mac_address, bluetooth_mac_address, ethernet_mac_address]
            .into_iter()
            .flat_map(|texts| texts.0)
            .collect(),
    });
    Ok(match attributes.released_from_org_date_time {
        Some(at) => Look::Released(at, device),
        None => Look::Here(device),
    })
}

#[derive(Deserialize)]
struct NumbersRecord {
    #[serde(default)]
    attributes: Option<Numbers>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Numbers {
    imei: Texts,
    meid: Texts,
    wifi_mac_address: Texts,
    bluetooth_mac_address: Texts,
    ethernet_mac_address: Texts,
}

/// A text or a list of texts: some members changed from one to the other.
#[derive(Debug, Default)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(read: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(String),
            Several(Vec<Option<String>>),
            Other(serde::de::IgnoredAny),
        }
        let mut texts = match Option::<Form>::deserialize(read)? {
            Some(Form::One(text)) => vec![text],
            Some(Form::Several(texts)) => texts.into_iter().flatten().collect(),
            Some(Form::Other(_)) | None => Vec::new(),
        };
        texts.retain(|text| !text.trim().is_empty());
        Ok(Self(texts))
    }
}
