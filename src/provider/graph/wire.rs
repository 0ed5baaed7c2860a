//! Graph's JSON as it is on the wire.
//!
//! Objects that are few and may be written are read as [`Kept`]: known members typed, and every
//! member kept, known to this version or not. Device identities are up to 200,000 and are never
//! written back, so they have a lean record instead that borrows from the page's bytes and goes
//! straight into the builder; members that it does not name are skipped without being looked at.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::model::Platform;
use crate::model::live::{DevicesBuilder, EnrollmentState};

/// An object with its typed known members and all its members.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<T> {
    /// The members that this version reads.
    pub known: T,
    /// Every member as it came. Never sent back.
    pub members: Map<String, Value>,
}

impl<T: DeserializeOwned> Kept<T> {
    /// Types the known members.
    ///
    /// # Errors
    /// When a known member has another type than the service documents.
    pub fn new(members: Map<String, Value>) -> Result<Self, serde_json::Error> {
        Ok(Self { known: T::deserialize(&members)?, members })
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Map::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl<T> Serialize for Kept<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members.serialize(serializer)
    }
}

/// `depOnboardingSetting`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    /// `id`
    pub id: String,
    /// `tokenName`
    pub token_name: Option<String>,
    /// `tokenType`: `none` marks the pseudo token.
    pub token_type: Option<String>,
    /// `appleIdentifier`
    pub apple_identifier: Option<String>,
    /// `tokenExpirationDateTime`, RFC 3339.
    pub token_expiration_date_time: Option<String>,
    /// `lastSyncTriggeredDateTime`; the year 1 is never.
    pub last_sync_triggered_date_time: Option<String>,
    /// `lastSuccessfulSyncDateTime`; the year 1 is never.
    pub last_successful_sync_date_time: Option<String>,
    /// `lastSyncErrorCode`; 0 is none.
    pub last_sync_error_code: Option<i64>,
    /// `syncedDeviceCount`
    pub synced_device_count: Option<i64>,
    /// `roleScopeTagIds`
    pub role_scope_tag_ids: Option<Vec<String>>,
}

/// What every `enrollmentProfile` has.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRecord {
    /// `id`
    pub id: String,
    /// `displayName`
    pub display_name: Option<String>,
    /// `isDefault`; missing on types that do not have it.
    pub is_default: Option<bool>,
}

/// `roleScopeTag`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeTagRecord {
    /// `id`
    pub id: String,
    /// `displayName`
    pub display_name: Option<String>,
}

/// `vppToken`, the members that are read. Its secret `token` is not among them, and is skipped when a
/// page is parsed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VppTokenRecord {
    /// `id`
    pub id: String,
    /// `displayName`
    pub display_name: Option<String>,
    /// `expirationDateTime`, RFC 3339.
    pub expiration_date_time: Option<String>,
    /// `state`
    pub state: Option<String>,
    /// `automaticallyUpdateApps`
    pub automatically_update_apps: Option<bool>,
    /// `appleId`
    pub apple_id: Option<String>,
}

/// `applePushNotificationCertificate`, the members that are read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushCertificateRecord {
    /// `appleIdentifier`
    pub apple_identifier: Option<String>,
    /// `topicIdentifier`
    pub topic_identifier: Option<String>,
    /// `expirationDateTime`, RFC 3339.
    pub expiration_date_time: Option<String>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// The items of this page.
    pub value: Vec<T>,
    /// The address of the next page; `None` on the last one.
    #[serde(rename = "@odata.nextLink")]
    pub next_link: Option<String>,
}

/// Reads a single object. Microsoft's pages show it wrapped in `value`, the service sends it bare:
/// both are read.
///
/// # Errors
/// When the body is no such object.
pub fn read_one<T: DeserializeOwned>(body: &[u8]) -> Result<Kept<T>, serde_json::Error> {
    let mut members: Map<String, Value> = serde_json::from_slice(body)?;
    if !members.contains_key("id")
        && let Some(Value::Object(inner)) = members.get_mut("value")
    {
        members = std::mem::take(inner);
    }
    Kept::new(members)
}

/// A text that borrows from the page unless it holds escapes. (A bare `Option<Cow<str>>` would
/// always copy.)
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// `importedAppleDeviceIdentity`, the members that a plan needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRecord<'a> {
    #[serde(borrow)]
    serial_number: Option<Text<'a>>,
    #[serde(borrow)]
    requested_enrollment_profile_id: Option<Text<'a>>,
    #[serde(borrow)]
    enrollment_state: Option<Text<'a>>,
    #[serde(borrow)]
    platform: Option<Text<'a>>,
    is_deleted: Option<bool>,
    is_supervised: Option<bool>,
}

impl DeviceRecord<'_> {
    fn push_to(self, rows: &mut DevicesBuilder) {
        let state = self.enrollment_state.as_ref().map_or(EnrollmentState::Unknown, |word| state(&word.0));
        rows.push(
            self.serial_number.as_ref().map(|text| &*text.0),
            self.requested_enrollment_profile_id.as_ref().map(|text| &*text.0),
            state,
            self.is_deleted.unwrap_or(false),
            self.is_supervised.unwrap_or(false),
            self.platform.as_ref().and_then(|word| platform(&word.0)),
        );
    }
}

/// The service's word for a device's platform; iPads count as `ios`.
fn platform(word: &str) -> Option<Platform> {
    match word {
        "ios" => Some(Platform::Ios),
        "macOS" => Some(Platform::Macos),
        "tvOS" => Some(Platform::Tvos),
        "visionOS" => Some(Platform::Visionos),
        _ => None,
    }
}

fn state(word: &str) -> EnrollmentState {
    match word {
        "enrolled" => EnrollmentState::Enrolled,
        "pendingReset" => EnrollmentState::PendingReset,
        "failed" => EnrollmentState::Failed,
        "notContacted" => EnrollmentState::NotContacted,
        "blocked" => EnrollmentState::Blocked,
        _ => EnrollmentState::Unknown,
    }
}

/// What a page said besides its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRead {
    /// The rows of this page.
    pub rows: usize,
    /// `@odata.count`: rows of the whole list, where the service tells.
    pub count: Option<u64>,
}

/// Reads a page of device identities into `rows`; see `read_page`.
///
/// # Errors
/// When the body is no such page; `rows` then holds a part of it and must be thrown away.
pub fn read_devices_page(
    body: &[u8],
    rows: &mut DevicesBuilder,
    on_next: impl FnMut(&str),
) -> Result<PageRead, serde_json::Error> {
    read_page(body, |record: DeviceRecord<'_>| record.push_to(rows), on_next)
}

/// Reads a page of any list, row by row; a row may borrow from the body.
///
/// `on_next` is called with the next page's address as soon as it is met. Graph writes it before the
/// rows, so the next page can be under way while this one is parsed.
///
/// # Errors
/// When the body is no such page; what `each` got is then a part of it, to be thrown away.
pub(super) fn read_page<'de, T: Deserialize<'de>>(
    body: &'de [u8],
    each: impl FnMut(T),
    on_next: impl FnMut(&str),
) -> Result<PageRead, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let page = PageSeed { each, on_next, row: PhantomData }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(page)
}

struct PageSeed<T, E, N> {
    each: E,
    on_next: N,
    row: PhantomData<T>,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum PageMember {
    #[serde(rename = "value")]
    Value,
    #[serde(rename = "@odata.nextLink")]
    NextLink,
    #[serde(rename = "@odata.count")]
    Count,
    #[serde(other)]
    Other,
}

impl<'de, T: Deserialize<'de>, E: FnMut(T), N: FnMut(&str)> DeserializeSeed<'de> for PageSeed<T, E, N> {
    type Value = PageRead;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<PageRead, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>, E: FnMut(T), N: FnMut(&str)> Visitor<'de> for PageSeed<T, E, N> {
    type Value = PageRead;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a list")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<PageRead, A::Error> {
        let mut rows = None;
        let mut count = None;
        while let Some(member) = map.next_key()? {
            match member {
                PageMember::Value => {
                    rows = Some(map.next_value_seed(RowsSeed { each: &mut self.each, row: PhantomData })?);
                }
                PageMember::NextLink => {
                    if let Some(Text(link)) = map.next_value::<Option<Text<'de>>>()? {
                        (self.on_next)(&link);
                    }
                }
                PageMember::Count => count = map.next_value::<Option<u64>>()?,
                PageMember::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // A page without its list is an error in disguise, never an empty page.
        let rows = rows.ok_or_else(|| serde::de::Error::missing_field("value"))?;
        Ok(PageRead { rows, count })
    }
}

struct RowsSeed<'e, T, E> {
    each: &'e mut E,
    row: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, E: FnMut(T)> DeserializeSeed<'de> for RowsSeed<'_, T, E> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, E: FnMut(T)> Visitor<'de> for RowsSeed<'_, T, E> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut rows = 0;
        while let Some(row) = seq.next_element::<T>()? {
            (self.each)(row);
            rows += 1;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Serial;

    #[test]
    fn a_devices_page_goes_into_the_builder() {
        let body = br#"{"@odata.context":"c","@odata.count":9,"@odata.nextLink":"https://x/n","value":[
            {"id":"1","serialNumber":"SN1","requestedEnrollmentProfileId":"p\u0031","enrollmentState":"enrolled",
             "platform":"ios","isDeleted":null,"isSupervised":true,"future":{"a":[1]}},
            {"id":"2","serialNumber":"not a serial","platform":"macOS"}]}"#;
        let mut rows = DevicesBuilder::default();
        let mut links = Vec::new();
        let page = read_devices_page(body, &mut rows, |link| links.push(link.to_owned())).unwrap();
        assert_eq!(page, PageRead { rows: 2, count: Some(9) });
        assert_eq!(links, ["https://x/n"]);
        let devices = rows.after_last_page();
        assert_eq!((devices.len(), devices.without_serial), (1, 1));
        let device = devices.find(&Serial::new("SN1").unwrap()).unwrap();
        assert_eq!(device.state, EnrollmentState::Enrolled);
        assert!(device.platform == Some(Platform::Ios) && device.supervised && !device.released);
        assert_eq!(devices.profile_of(device).unwrap().0, "p1");
    }

    #[test]
    fn a_page_without_its_list_is_an_error() {
        for body in
            [r#"{}"#, r#"{"value":null}"#, r#"{"error":{}}"#, r#"{"value":[{}]"#, "", "{\"value\":[]} x"]
        {
            let read = read_devices_page(body.as_bytes(), &mut DevicesBuilder::default(), |_| {});
            assert!(read.is_err(), "{body}");
        }
    }

    #[test]
    fn unknown_members_are_kept() {
        let text = r#"{"id":"1","displayName":"x","future":{"deep":[1,null]}}"#;
        let kept: Kept<ScopeTagRecord> = serde_json::from_str(text).unwrap();
        let before: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&kept).unwrap(), before);
    }

    #[test]
    fn a_single_object_is_read_bare_and_wrapped() {
        for text in [r#"{"id":"1"}"#, r#"{"value":{"id":"1"}}"#] {
            assert_eq!(read_one::<ScopeTagRecord>(text.as_bytes()).unwrap().known.id, "1");
        }
    }
}
