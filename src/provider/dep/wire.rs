//! The service's JSON but for devices, whose lists are long: see [`super::device`]. PURE.
//!
//! Answers are open: members that are not named here are skipped, null is the same as absent.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::model::{Secret, Serial};
use crate::provider::member::Text;

/// Reads the answer of `/session` (reference section 2.1).
///
/// # Errors
/// When the body is no such answer, or the session in it is empty or cannot be sent as a header field.
pub fn read_session(body: &[u8]) -> Result<Secret, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        auth_session_token: Secret,
    }
    // The reader's own words can quote what it read, and that may be a session.
    let place = |error: serde_json::Error| -> serde_json::Error {
        let (line, column) = (error.line(), error.column());
        serde::de::Error::custom(format_args!("no answer with a session at line {line} column {column}"))
    };
    let session = serde_json::from_slice::<Answer>(body).map_err(place)?.auth_session_token;
    if is_session(session.reveal()) {
        return Ok(session);
    }
    Err(serde::de::Error::missing_field("auth_session_token"))
}

/// Whether a text can be a session: visible ASCII, of a bounded length.
pub(super) fn is_session(text: &str) -> bool {
    (1..=8192).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a server token acts for: the answer of `GET /account`. Every member may be absent.
///
/// Source: reference section 3.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// `server_name`: the name of the server's record in the portal.
    pub server_name: Option<String>,
    /// `server_uuid`: the stable id of that record; real ones have 32 capital hexadecimal digits.
    pub server_uuid: Option<String>,
    /// `admin_id`: the Apple Account of who downloaded the token in use (T-4).
    pub admin_id: Option<String>,
    /// `facilitator_id`: the older name of the same.
    pub facilitator_id: Option<String>,
    /// `org_name`
    pub org_name: Option<String>,
    /// `org_email`
    pub org_email: Option<String>,
    /// `org_phone`
    pub org_phone: Option<String>,
    /// `org_address`
    pub org_address: Option<String>,
    /// `org_id`
    pub org_id: Option<String>,
    /// `org_id_hash`: the same as that of Apps and Books.
    pub org_id_hash: Option<String>,
    /// `org_type`: `edu`, `org`, `tvprovider`.
    pub org_type: Option<String>,
    /// `org_version`: `v1` or `v2`.
    pub org_version: Option<String>,
    /// `urls`: what this token may call.
    #[serde(default, deserialize_with = "or_default")]
    pub urls: Vec<AccountUrl>,
}

impl Account {
    /// Who downloaded the token in use.
    pub fn administrator(&self) -> Option<&str> {
        self.admin_id.as_deref().or(self.facilitator_id.as_deref())
    }
}

/// An address that a token may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AccountUrl {
    /// `uri`, e.g. `/devices/sync`.
    pub uri: Option<String>,
    /// `http_method`: the methods.
    #[serde(default, deserialize_with = "or_default")]
    pub http_method: Vec<String>,
    /// `limit`: entries per page; only where there are pages.
    pub limit: Option<AccountLimit>,
}

/// Entries per page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AccountLimit {
    /// `default`: without `limit` in the request.
    pub default: Option<i64>,
    /// `maximum`
    pub maximum: Option<i64>,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(read: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(read)?.unwrap_or_default())
}

/// A profile as Apple keeps it: the answer of `GET /profile`.
///
/// Apple spells out every boolean, leaves texts out that were not sent, and gives no `devices`
/// (reference section 3.10). `Debug` shows no member, since the address of an MDM may carry a key.
#[derive(Clone, PartialEq)]
pub struct ProfileRecord {
    /// `profile_uuid` as the service writes it; as asked for where the answer leaves it out.
    pub profile_uuid: String,
    /// Every member as it came, `profile_uuid` included. Never sent back as it is.
    pub members: Map<String, Value>,
}

impl fmt::Debug for ProfileRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<&String> = self.members.keys().collect();
        f.debug_struct("ProfileRecord")
            .field("profile_uuid", &self.profile_uuid)
            .field("members", &members)
            .finish()
    }
}

pub(super) fn read_profile(body: &[u8], asked: &str) -> Result<ProfileRecord, serde_json::Error> {
    let members: Map<String, Value> = serde_json::from_slice(body)?;
    let profile_uuid = match members.get("profile_uuid") {
        Some(Value::String(uuid)) if !uuid.is_empty() => uuid.clone(),
        // An answer without any member of a profile is something else.
        _ if members.contains_key("profile_name") || members.contains_key("url") => asked.to_owned(),
        _ => return Err(serde::de::Error::missing_field("profile_uuid")),
    };
    Ok(ProfileRecord { profile_uuid, members })
}

/// The URL of account-driven enrollment (reference section 3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDrivenUrl {
    /// `mdm_service_discovery_url` as the service writes it.
    pub mdm_service_discovery_url: String,
    /// `last_updated_timestamp`; `None`: not told.
    pub last_updated_timestamp: Option<Timestamp>,
}

pub(super) fn read_account_driven_url(body: &[u8]) -> Result<Option<AccountDrivenUrl>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        mdm_service_discovery_url: Option<String>,
        last_updated_timestamp: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    let url = answer.mdm_service_discovery_url.filter(|url| !url.is_empty());
    Ok(url.map(|mdm_service_discovery_url| AccountDrivenUrl {
        mdm_service_discovery_url,
        last_updated_timestamp: answer.last_updated_timestamp.and_then(|time| time.parse().ok()),
    }))
}

/// Which device a replacement stands for (reference section 3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// `serial_number`: the device that came.
    pub serial_number: Serial,
    /// `original_device_serial_number`: the device that went; `None`: not told.
    pub original_device_serial_number: Option<Serial>,
    /// `replacement_date`, in UTC; `None`: not told.
    pub replacement_date: Option<jiff::civil::Date>,
}

pub(super) fn read_replacement(body: &[u8], asked: &Serial) -> Result<Replacement, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        original_device_serial_number: Option<String>,
        replacement_date: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(Replacement {
        serial_number: *asked,
        original_device_serial_number: answer
            .original_device_serial_number
            .and_then(|serial| Serial::new(&serial)),
        replacement_date: answer.replacement_date.and_then(|date| date.get(..10)?.parse().ok()),
    })
}

/// The answer of `POST /profile`, as far as it matters: a new UUID.
pub(super) fn read_defined(body: &[u8]) -> Result<String, serde_json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        profile_uuid: String,
    }
    let uuid = serde_json::from_slice::<Answer>(body)?.profile_uuid;
    if uuid.is_empty() { Err(serde::de::Error::missing_field("profile_uuid")) } else { Ok(uuid) }
}

/// What became of one device in an assignment, a removal or a disowning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceResult {
    /// `SUCCESS`
    Success,
    /// `NOT_ACCESSIBLE`: the serial is not on this server.
    NotAccessible,
    /// `FAILED`, or a word that is not known: for reasons that Apple keeps to itself. After three tries
    /// Apple wants its support to be asked.
    Failed,
    /// `THROTTLED`: Apple limits this very device; not before the time that the answer names.
    Throttled,
    /// The answer does not speak of the device: to be taken as failed.
    Missing,
}

/// What an answer about many devices said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statuses {
    pub devices: std::collections::HashMap<Serial, DeviceResult>,
    pub retry_after_seconds: Option<u64>,
}

/// Reads the answer of an assignment, a removal or a disowning. Serials that nobody asked for do no
/// harm; an answer without `devices` speaks of none.
pub(super) fn read_statuses(body: &[u8]) -> Result<Statuses, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let statuses = StatusesSeed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(statuses)
}

struct StatusesSeed;

impl<'de> DeserializeSeed<'de> for StatusesSeed {
    type Value = Statuses;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Statuses, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StatusesSeed {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("results by device")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Statuses, A::Error> {
        type ByDevice<'a> = std::collections::HashMap<Text<'a>, Option<Text<'a>>>;
        let mut statuses = Statuses::default();
        while let Some(Text(member)) = map.next_key::<Text<'de>>()? {
            match &*member {
                "devices" => {
                    let devices = map.next_value::<Option<ByDevice<'de>>>()?.unwrap_or_default();
                    statuses.devices = devices
                        .into_iter()
                        .filter_map(|(serial, word)| Some((Serial::new(&serial.0)?, result(&word?.0))))
                        .collect();
                }
                "retry_after_seconds" => {
                    statuses.retry_after_seconds =
                        map.next_value::<Option<i64>>()?.and_then(|seconds| seconds.try_into().ok());
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(statuses)
    }
}

fn result(word: &str) -> DeviceResult {
    match word {
        "SUCCESS" => DeviceResult::Success,
        "NOT_ACCESSIBLE" => DeviceResult::NotAccessible,
        "THROTTLED" => DeviceResult::Throttled,
        _ => DeviceResult::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_and_an_empty_one_is_none() {
        let session = read_session(br#"{"auth_session_token":"S-1","more":[1]}"#).unwrap();
        assert_eq!(session.reveal(), "S-1");
        for body in [
            "",
            "{}",
            "[]",
            r#"{"auth_session_token":""}"#,
            r#"{"auth_session_token":null}"#,
            r#"{"auth_session_token":7}"#,
            r#"{"auth_session_token":"a b"}"#,
            r#"{"auth_session_token":"a\nX-Other: b"}"#,
        ] {
            assert!(read_session(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn results_are_read_by_device() {
        let body = br#"{"profile_uuid":"P","devices":{"A":"SUCCESS","B":"NOT_ACCESSIBLE","C":"FAILED",
            "D":"THROTTLED","E":"NEW_WORD","F":null,"not a serial":"SUCCESS"},"retry_after_seconds":60}"#;
        let statuses = read_statuses(body).unwrap();
        let of = |serial| statuses.devices.get(&Serial::new(serial).unwrap()).copied();
        assert_eq!(of("A"), Some(DeviceResult::Success));
        assert_eq!(of("B"), Some(DeviceResult::NotAccessible));
        assert_eq!(of("C"), Some(DeviceResult::Failed));
        assert_eq!(of("D"), Some(DeviceResult::Throttled));
        assert_eq!(of("E"), Some(DeviceResult::Failed));
        assert_eq!(of("F"), None);
        assert_eq!((statuses.devices.len(), statuses.retry_after_seconds), (5, Some(60)));
        for body in
            [r#"{}"#, r#"{"devices":null,"retry_after_seconds":null}"#, r#"{"retry_after_seconds":-1}"#]
        {
            assert_eq!(read_statuses(body.as_bytes()).unwrap(), Statuses::default(), "{body}");
        }
        for body in ["", "[]", r#"{"devices":[]}"#, "\"SUCCESS\"", "{} x"] {
            assert!(read_statuses(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn members_that_are_null_are_absent() {
        let account: Account =
            serde_json::from_str(r#"{"server_name":null,"urls":null,"org_name":"A","new":{}}"#).unwrap();
        assert_eq!(account, Account { org_name: Some("A".into()), ..Account::default() });
        assert_eq!(read_account_driven_url(br#"{"mdm_service_discovery_url":null}"#).unwrap(), None);
        let replacement = read_replacement(b"{}", &Serial::new("A").unwrap()).unwrap();
        assert_eq!(replacement.original_device_serial_number, None);
    }

    #[test]
    fn a_profile_is_no_other_object() {
        assert!(read_profile(b"{}", "P").is_err());
        assert!(read_profile(br#"{"devices":{}}"#, "P").is_err());
        assert_eq!(read_profile(br#"{"profile_name":"n"}"#, "P").unwrap().profile_uuid, "P");
        let record = read_profile(br#"{"profile_uuid":"Q","url":"https://x/planted"}"#, "P").unwrap();
        assert_eq!(record.profile_uuid, "Q");
        assert!(!format!("{record:?}").contains("planted"));
    }
}
