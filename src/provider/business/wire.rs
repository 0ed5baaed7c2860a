//! The API's JSON but for devices: see [`super::device`]. PURE.
//!
//! Answers are open: members that are not named here are skipped, null is the same as absent, and so is
//! an empty text. Source: reference apple-business-api sections 3, 5 and 6.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::Secret;
use crate::provider::member::{Text, text, time};

/// What follows a page; both `None`: it was the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// `links.next`
    pub next: Option<String>,
    /// `meta.paging.nextCursor`
    pub cursor: Option<String>,
}

/// Reads a page of a list, item by item into `each`.
///
/// # Errors
/// When the body is no page: without `data`, or without both `links` and `meta`, since a list that was
/// cut short must not look whole. `each` then has a part of it, to be thrown away.
pub(super) fn read_page<'p, T: Deserialize<'p>>(
    body: &'p [u8],
    each: &mut dyn FnMut(T),
) -> Result<Paging, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let paging = PageSeed { each }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(paging)
}

struct PageSeed<'e, T> {
    each: &'e mut dyn FnMut(T),
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for PageSeed<'_, T> {
    type Value = Paging;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Paging, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for PageSeed<'_, T> {
    type Value = Paging;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Paging, A::Error> {
        #[derive(Deserialize)]
        struct Links {
            next: Option<String>,
        }
        #[derive(Deserialize)]
        struct Meta {
            paging: Option<MetaPaging>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct MetaPaging {
            next_cursor: Option<String>,
        }
        let (mut data, mut links, mut meta) = (false, None, None);
        while let Some(Text(member)) = map.next_key::<Text<'de>>()? {
            match &*member {
                "data" => {
                    map.next_value_seed(ItemsSeed { each: &mut *self.each })?;
                    data = true;
                }
                "links" => links = map.next_value::<Option<Links>>()?,
                "meta" => meta = map.next_value::<Option<Meta>>()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !data {
            return Err(de::Error::missing_field("data"));
        }
        if links.is_none() && meta.is_none() {
            return Err(de::Error::missing_field("links"));
        }
        let filled = |text: &String| !text.is_empty();
        Ok(Paging {
            next: links.and_then(|links| links.next).filter(filled),
            cursor: meta.and_then(|meta| meta.paging?.next_cursor).filter(filled),
        })
    }
}

struct ItemsSeed<'e, T> {
    each: &'e mut dyn FnMut(T),
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for ItemsSeed<'_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsSeed<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element()? {
            (self.each)(item);
        }
        Ok(())
    }
}

/// Reads a single object; `None`: there is none, in whichever way that is written.
pub(super) fn read_one<'p, T: Deserialize<'p>>(body: &'p [u8]) -> Result<Option<T>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Document<T> {
        // Without this, the reader would demand `T: Default`.
        #[serde(default = "none")]
        data: Option<T>,
        #[serde(skip)]
        _item: PhantomData<T>,
    }
    fn none<T>() -> Option<T> {
        None
    }
    serde_json::from_slice::<Document<T>>(body).map(|document| document.data)
}

/// `{type, id}`
#[derive(Debug, Deserialize)]
pub(super) struct Linkage<'p> {
    #[serde(default, borrow, deserialize_with = "text")]
    pub id: Option<std::borrow::Cow<'p, str>>,
}

/// A resource of `mdmServers`.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceRecord {
    pub id: String,
    #[serde(default)]
    pub attributes: Option<ServiceAttributes>,
}

/// Its attributes, each of which may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ServiceAttributes {
    pub server_name: Option<String>,
    pub server_type: Option<String>,
    pub status: Option<String>,
    pub device_count: Option<i64>,
    pub enable_mdm_disown_flag: Option<bool>,
    pub default_product_families: Told<Vec<String>>,
    #[serde(deserialize_with = "time")]
    pub last_connected_date_time: Option<Timestamp>,
}

/// A member for which null is something else than absent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Told<T> {
    /// It is not there.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// It has a value.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Told<T> {
    fn deserialize<D: Deserializer<'de>>(read: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(read)?.map_or(Told::Null, Told::Value))
    }
}

/// A resource of `orgDeviceActivities`.
#[derive(Debug, Deserialize)]
pub(super) struct ActivityRecord {
    pub id: String,
    #[serde(default)]
    pub attributes: Option<ActivityAttributes>,
}

/// Its attributes, each of which may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ActivityAttributes {
    pub status: Option<String>,
    pub sub_status: Option<String>,
    #[serde(deserialize_with = "time")]
    pub created_date_time: Option<Timestamp>,
    #[serde(deserialize_with = "time")]
    pub completed_date_time: Option<Timestamp>,
    pub download_url: Option<LogAddress>,
}

/// Where the log of an activity can be fetched, for about an hour. Whoever knows the address can: it is
/// a secret, and its `Debug` says nothing of it.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct LogAddress(pub(super) Secret);

impl fmt::Debug for LogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogAddress([secret])")
    }
}

/// The answer about an Activation Lock.
#[derive(Debug, Deserialize)]
pub(super) struct LockRecord {
    #[serde(default)]
    pub attributes: Option<LockAttributes>,
}

/// Its attributes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LockAttributes {
    pub is_locked: Option<bool>,
    pub lock_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> Result<(Vec<String>, Paging), serde_json::Error> {
        let mut ids = Vec::new();
        let paging = read_page(body.as_bytes(), &mut |item: Linkage<'_>| {
            ids.push(item.id.map(String::from).unwrap_or_default());
        })?;
        Ok((ids, paging))
    }

    #[test]
    fn a_page_tells_what_follows() {
        let body = r#"{"links":{"self":"x","next":"https://a/b?cursor=2"},"data":[{"type":"orgDevices","id":"A"},
            {"id":"B","new":[1]}],"meta":{"paging":{"limit":1000,"nextCursor":"2","total":5}},"included":[]}"#;
        let (ids, paging) = page(body).unwrap();
        assert_eq!(ids, ["A", "B"]);
        assert_eq!(
            (paging.next.as_deref(), paging.cursor.as_deref()),
            (Some("https://a/b?cursor=2"), Some("2"))
        );
        for last in [
            r#"{"data":[],"links":{"self":"x"}}"#,
            r#"{"data":[],"links":{"self":"x","next":null},"meta":null}"#,
            r#"{"data":[],"links":{"next":""},"meta":{"paging":{"limit":1,"nextCursor":""}}}"#,
            r#"{"data":[],"meta":{"paging":{"limit":1}}}"#,
            r#"{"data":[],"meta":{}}"#,
        ] {
            assert_eq!(page(last).unwrap(), (Vec::new(), Paging::default()), "{last}");
        }
    }

    #[test]
    fn a_page_that_is_cut_short_is_no_page() {
        for body in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"links":{"self":"x"}}"#,
            r#"{"data":null,"links":{}}"#,
            r#"{"data":{},"links":{}}"#,
            r#"{"data":[]}"#,
            r#"{"data":[{"id":"A"},"#,
            r#"{"data":[{"id":"A"}],"links":{"next":"#,
            r#"{"data":[],"links":{}} x"#,
        ] {
            assert!(page(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_single_object_may_be_missing_in_every_way() {
        for body in [r#"{"data":null}"#, r#"{"links":{}}"#, "{}"] {
            assert!(read_one::<Linkage<'_>>(body.as_bytes()).unwrap().is_none(), "{body}");
        }
        let one: Linkage<'_> = read_one(br#"{"data":{"type":"mdmServers","id":""}}"#).unwrap().unwrap();
        assert_eq!(one.id.as_deref(), Some(""));
        assert!(read_one::<Linkage<'_>>(b"<html>").is_err());
    }

    #[test]
    fn a_log_address_is_a_secret() {
        let body = br#"{"data":{"id":"1","attributes":{"downloadUrl":"https://x/planted?sig=1"}}}"#;
        let record: ActivityRecord = read_one(body).unwrap().unwrap();
        assert!(!format!("{record:?}").contains("planted"));
    }
}
