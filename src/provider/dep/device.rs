//! Device records and the pages that carry up to 1,000 of them. PURE.
//!
//! ```text
//! page's bytes ─▶ peek: cursor and whether more follows, without the rows ─▶ the next request
//!            └──▶ read_page: each row borrows from the bytes and goes straight into the sink
//! ```
//!
//! Answers are open: members that are not named here are skipped without being looked at, null and an
//! empty time are the same as absent, words that are not known are read as `Other`.
//!
//! Source: reference apple-enrollment-api sections 3.3 to 3.6.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::{Family, Serial};
use crate::provider::member::{Text, Word, flag, text, time, word};

/// Where rows go, one by one.
pub type Sink<'s> = dyn FnMut(DeviceRow<'_>) + Send + 's;

/// A device as a page or a details answer shows it. Every member may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct DeviceRow<'p> {
    /// `serial_number` as the service writes it; see [`DeviceRow::serial`].
    #[serde(default, borrow, deserialize_with = "text")]
    pub serial_number: Option<Cow<'p, str>>,
    /// `model`, e.g. `MacBook Pro`.
    #[serde(default, borrow, deserialize_with = "text")]
    pub model: Option<Cow<'p, str>>,
    /// `description`
    #[serde(default, borrow, deserialize_with = "text")]
    pub description: Option<Cow<'p, str>>,
    /// `color`
    #[serde(default, borrow, deserialize_with = "text")]
    pub color: Option<Cow<'p, str>>,
    /// `asset_tag`
    #[serde(default, borrow, deserialize_with = "text")]
    pub asset_tag: Option<Cow<'p, str>>,
    /// `device_family`; `None` also for a word that is not known.
    #[serde(default, deserialize_with = "family")]
    pub device_family: Option<Family>,
    /// `os`
    #[serde(default, deserialize_with = "word")]
    pub os: Option<DeviceOs>,
    /// `profile_status`
    #[serde(default, deserialize_with = "word")]
    pub profile_status: Option<ProfileStatus>,
    /// `profile_uuid`: to be believed only where the status is `assigned` or `pushed`.
    #[serde(default, borrow, deserialize_with = "text")]
    pub profile_uuid: Option<Cow<'p, str>>,
    /// `profile_assign_time`: when the profile was assigned.
    #[serde(default, deserialize_with = "time")]
    pub profile_assign_time: Option<Timestamp>,
    /// `profile_push_time`: when the device fetched it.
    #[serde(default, deserialize_with = "time")]
    pub profile_push_time: Option<Timestamp>,
    /// `device_assigned_date`: when the device came to this server.
    #[serde(default, deserialize_with = "time")]
    pub device_assigned_date: Option<Timestamp>,
    /// `device_assigned_by`: an e-mail address, or `-1`.
    #[serde(default, borrow, deserialize_with = "text")]
    pub device_assigned_by: Option<Cow<'p, str>>,
    /// `mdm_migration_deadline`: while a migration to this server is scheduled.
    #[serde(default, deserialize_with = "time")]
    pub mdm_migration_deadline: Option<Timestamp>,
    /// `op_type`: in changes; seen in full reads too.
    #[serde(default, deserialize_with = "word")]
    pub op_type: Option<OpType>,
    /// `op_date`: of several records of one serial the newest counts.
    #[serde(default, deserialize_with = "time")]
    pub op_date: Option<Timestamp>,
    /// `is_replacement_device`: it came in place of another unit.
    #[serde(default, deserialize_with = "flag")]
    pub is_replacement_device: bool,
    /// `released_by_replacement`: it went because another unit came.
    #[serde(default, deserialize_with = "flag")]
    pub released_by_replacement: bool,
    /// `response_status`: in details alone; `None` or `SUCCESS` where the device is this server's.
    #[serde(default, borrow, deserialize_with = "text")]
    pub response_status: Option<Cow<'p, str>>,
}

impl DeviceRow<'_> {
    /// The serial; `None` where it is missing or no serial.
    pub fn serial(&self) -> Option<Serial> {
        Serial::new(self.serial_number.as_deref()?)
    }

    /// Whether the device is this server's, as far as a details answer says.
    pub fn is_accessible(&self) -> bool {
        self.response_status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("SUCCESS"))
    }

    /// The profile that the device will get or got: its UUID where the status says that there is one.
    pub fn profile(&self) -> Option<&str> {
        let has_one = matches!(self.profile_status, Some(ProfileStatus::Assigned | ProfileStatus::Pushed));
        self.profile_uuid.as_deref().filter(|uuid| has_one && !uuid.is_empty())
    }
}

/// `os`: the operating system; an iPad's is `iPadOS` since protocol version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceOs {
    /// `iOS`
    Ios,
    /// `iPadOS`
    Ipados,
    /// `OSX`
    Osx,
    /// `tvOS`
    Tvos,
    /// `visionOS`
    Visionos,
    /// A word that is not known.
    Other,
}

impl Word for DeviceOs {
    fn of(word: &str) -> Self {
        match word {
            "iOS" => Self::Ios,
            "iPadOS" => Self::Ipados,
            "OSX" => Self::Osx,
            "tvOS" => Self::Tvos,
            "visionOS" => Self::Visionos,
            _ => Self::Other,
        }
    }
}

/// `profile_status`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileStatus {
    /// `empty`: no profile.
    Empty,
    /// `assigned`: the device has not fetched it yet.
    Assigned,
    /// `pushed`: the device fetched it.
    Pushed,
    /// `removed`: the profile was taken from the record, whatever UUID it still shows.
    Removed,
    /// A word that is not known.
    Other,
}

impl Word for ProfileStatus {
    fn of(word: &str) -> Self {
        match word {
            "empty" => Self::Empty,
            "assigned" => Self::Assigned,
            "pushed" => Self::Pushed,
            "removed" => Self::Removed,
            _ => Self::Other,
        }
    }
}

/// `op_type`: what happened to a device; case does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpType {
    /// `added`: it came to this server.
    Added,
    /// `modified`: anything else, an assignment of ours included.
    Modified,
    /// `deleted`: it went from this server.
    Deleted,
    /// A word that is not known.
    Other,
}

impl Word for OpType {
    fn of(word: &str) -> Self {
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if is("modified") {
            Self::Modified
        } else if is("added") {
            Self::Added
        } else if is("deleted") {
            Self::Deleted
        } else {
            Self::Other
        }
    }
}

/// A family; a word that is not known is absent.
fn family<'de, D: Deserializer<'de>>(read: D) -> Result<Option<Family>, D::Error> {
    struct Known(Option<Family>);
    impl Word for Known {
        fn of(word: &str) -> Self {
            Self(Family::from_word(word))
        }
    }
    Ok(word::<D, Known>(read)?.and_then(|known| known.0))
}

/// What a page said besides its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows of this page.
    pub rows: usize,
    /// `cursor`: where to go on; never empty.
    pub cursor: String,
    /// `more_to_follow`: whether to go on at once.
    pub more_to_follow: bool,
}

/// Reads a page of devices, row by row into `sink`. A page without `devices` is one without rows.
///
/// # Errors
/// When the body is no such page, or has no cursor, or does not say whether more follows: a list that
/// was cut short must not look whole. The sink then has a part of it, to be thrown away.
pub fn read_page(body: &[u8], sink: &mut Sink<'_>) -> Result<Page, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let page = PageSeed(sink).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(page)
}

/// Reads a details answer, row by row into `sink`; returns their number. A row that lacks its serial
/// gets it from the name under which it stands.
///
/// # Errors
/// When the body is no such answer.
pub fn read_details(body: &[u8], sink: &mut Sink<'_>) -> Result<usize, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let rows = DetailsSeed(sink).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(rows)
}

/// The cursor of a page and whether more follows, where they can be had without reading the rows: the
/// service writes them before or behind. It is a guess that [`read_page`] confirms, since an array
/// elsewhere may mislead it.
pub(super) fn peek(body: &[u8]) -> Option<(String, bool)> {
    #[derive(Deserialize, Default)]
    struct Around<'a> {
        #[serde(borrow)]
        cursor: Option<Text<'a>>,
        more_to_follow: Option<bool>,
    }
    let end = body.iter().rposition(|byte| *byte == b']')?;
    let start = body.iter().position(|byte| *byte == b'[')?;
    let behind = body[end + 1..].trim_ascii_start();
    let behind = [b"{", behind.strip_prefix(b",").unwrap_or(behind)].concat();
    let behind: Around<'_> = serde_json::from_slice(&behind).ok()?;
    let before = body[..start].trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let before = before.strip_suffix(b"\"devices\"")?.trim_ascii_end();
    let before = [before.strip_suffix(b",").unwrap_or(before), b"}"].concat();
    let before: Around<'_> = serde_json::from_slice(&before).ok()?;
    let cursor = behind.cursor.or(before.cursor)?.0.into_owned();
    Some((cursor, behind.more_to_follow.or(before.more_to_follow)?))
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum PageMember {
    Devices,
    Cursor,
    MoreToFollow,
    #[serde(other)]
    Other,
}

struct PageSeed<'r, 's>(&'r mut Sink<'s>);

impl<'de> DeserializeSeed<'de> for PageSeed<'_, '_> {
    type Value = Page;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageSeed<'_, '_> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a page of devices")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let (mut rows, mut cursor, mut more_to_follow) = (0, None, None);
        while let Some(member) = map.next_key()? {
            match member {
                PageMember::Devices => rows += map.next_value_seed(RowsSeed(&mut *self.0))?,
                PageMember::Cursor => cursor = map.next_value::<Option<String>>()?,
                PageMember::MoreToFollow => more_to_follow = map.next_value::<Option<bool>>()?,
                PageMember::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        Ok(Page {
            rows,
            cursor: cursor.ok_or_else(|| de::Error::missing_field("cursor"))?,
            more_to_follow: more_to_follow.ok_or_else(|| de::Error::missing_field("more_to_follow"))?,
        })
    }
}

struct RowsSeed<'r, 's>(&'r mut Sink<'s>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of devices")
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut rows = 0;
        while let Some(row) = seq.next_element::<DeviceRow<'de>>()? {
            (self.0)(row);
            rows += 1;
        }
        Ok(rows)
    }
}

/// The outer object of a details answer, and the inner one by serial.
struct DetailsSeed<'r, 's>(&'r mut Sink<'s>);
struct BySerialSeed<'r, 's>(&'r mut Sink<'s>);

impl<'de> DeserializeSeed<'de> for DetailsSeed<'_, '_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DetailsSeed<'_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer about single devices")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut rows = 0;
        while let Some(member) = map.next_key()? {
            match member {
                PageMember::Devices => rows += map.next_value_seed(BySerialSeed(&mut *self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(rows)
    }
}

impl<'de> DeserializeSeed<'de> for BySerialSeed<'_, '_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BySerialSeed<'_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("devices by serial")
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut rows = 0;
        while let Some((Text(serial), row)) = map.next_entry::<Text<'de>, Option<DeviceRow<'de>>>()? {
            // A member that is null says nothing about its device.
            let Some(mut row) = row else { continue };
            if row.serial_number.as_deref().is_none_or(str::is_empty) {
                row.serial_number = Some(serial);
            }
            (self.0)(row);
            rows += 1;
        }
        Ok(rows)
    }
}
