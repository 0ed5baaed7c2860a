//! Managed devices and what belongs to them, as they are on the wire. PURE.
//!
//! Rows borrow from the page. Members that a row does not name are skipped without being looked at: so the
//! secrets of results pass by where only their states are read.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::act::{
    ActionResult, ActionState, HeldSecret, ManagementState, Os, Ownership, Record, RecordId, ResultSecret,
    ResultSource,
};
use crate::model::{Secret, Serial};
use crate::provider::member::{Text, time};

/// The members that [`RecordRow`] reads. All of them are shown by lists.
pub(super) const RECORD: &str = "$select=id,deviceName,serialNumber,operatingSystem,osVersion,model,\
    isSupervised,managementState,managementAgent,deviceEnrollmentType,enrollmentProfileName,\
    managedDeviceOwnerType,lastSyncDateTime,enrolledDateTime,lostModeState,userPrincipalName,\
    deviceActionResults";

/// `managedDevice`, as lists show it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordRow<'p> {
    #[serde(borrow)]
    id: Text<'p>,
    #[serde(borrow)]
    serial_number: Option<Text<'p>>,
    #[serde(default, deserialize_with = "time")]
    enrolled_date_time: Option<Timestamp>,
    #[serde(borrow)]
    device_name: Option<Text<'p>>,
    #[serde(borrow)]
    model: Option<Text<'p>>,
    #[serde(borrow)]
    operating_system: Option<Text<'p>>,
    #[serde(borrow)]
    os_version: Option<Text<'p>>,
    is_supervised: Option<bool>,
    #[serde(borrow)]
    managed_device_owner_type: Option<Text<'p>>,
    #[serde(borrow)]
    user_principal_name: Option<Text<'p>>,
    #[serde(borrow)]
    management_state: Option<Text<'p>>,
    #[serde(borrow)]
    management_agent: Option<Text<'p>>,
    #[serde(borrow)]
    lost_mode_state: Option<Text<'p>>,
    #[serde(borrow)]
    device_enrollment_type: Option<Text<'p>>,
    #[serde(borrow)]
    enrollment_profile_name: Option<Text<'p>>,
    #[serde(default, deserialize_with = "time")]
    last_sync_date_time: Option<Timestamp>,
    #[serde(borrow)]
    device_action_results: Option<Vec<ResultRow<'p>>>,
}

/// `deviceActionResult`, without the members of its subtypes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultRow<'p> {
    #[serde(borrow)]
    action_name: Option<Text<'p>>,
    #[serde(borrow)]
    action_state: Option<Text<'p>>,
    #[serde(default, deserialize_with = "time")]
    start_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    last_updated_date_time: Option<Timestamp>,
}

/// Whether the text can be the id of a record: part of a path, and never one that leads elsewhere.
pub(super) fn is_id(text: &str) -> bool {
    let is_of_ids = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_of_ids)
}

impl RecordRow<'_> {
    /// The record; `None`: its id is none.
    pub(super) fn record(self) -> Option<Record> {
        if !is_id(&self.id.0) {
            return None;
        }
        let (model, os) = (owned(self.model), owned(self.operating_system));
        let results = self.device_action_results.unwrap_or_default();
        Some(Record {
            id: RecordId(self.id.0.into_owned()),
            serial: serial(&self.serial_number),
            enrolled: told(self.enrolled_date_time),
            name: owned(self.device_name),
            os: system(&os, &model),
            model,
            os_version: owned(self.os_version),
            supervised: self.is_supervised,
            ownership: match word(&self.managed_device_owner_type) {
                "company" => Ownership::Company,
                "personal" => Ownership::Personal,
                _ => Ownership::Unknown,
            },
            user: owned(self.user_principal_name),
            state: management(word(&self.management_state)),
            agent: owned(self.management_agent),
            lost_mode: match word(&self.lost_mode_state) {
                "enabled" => Some(true),
                "disabled" => Some(false),
                _ => None,
            },
            enrollment: owned(self.device_enrollment_type),
            profile: owned(self.enrollment_profile_name),
            last_sync: told(self.last_sync_date_time),
            results: results.into_iter().map(ResultRow::result).collect(),
        })
    }
}

impl ResultRow<'_> {
    fn result(self) -> ActionResult {
        let Self { action_name, action_state, start_date_time, last_updated_date_time } = self;
        result(action_name, &action_state, start_date_time, last_updated_date_time)
    }
}

/// `deviceActionResult`, of whatever subtype.
fn result(
    name: Option<Text<'_>>,
    in_words: &Option<Text<'_>>,
    started: Option<Timestamp>,
    updated: Option<Timestamp>,
) -> ActionResult {
    ActionResult {
        name: owned(name),
        state: state(word(in_words)),
        started: told(started),
        updated: told(updated),
        source: ResultSource::Record,
    }
}

fn owned(text: Option<Text<'_>>) -> String {
    text.map(|text| text.0.into_owned()).unwrap_or_default()
}

fn word<'t>(text: &'t Option<Text<'_>>) -> &'t str {
    text.as_ref().map_or("", |text| &text.0)
}

fn serial(text: &Option<Text<'_>>) -> Option<Serial> {
    Serial::new(word(text))
}

/// The year 1 is how the service writes "never".
fn told(instant: Option<Timestamp>) -> Option<Timestamp> {
    instant.filter(|instant| *instant > NEVER)
}

/// 0001-01-02
const NEVER: Timestamp = Timestamp::constant(-62_135_510_400, 0);

/// `operatingSystem`, which calls old iPads iOS.
fn system(name: &str, model: &str) -> Os {
    let name = name.trim().to_ascii_lowercase();
    let is_ipad = model.trim_start().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("ipad"));
    match name.as_str() {
        "ios" if is_ipad => Os::Ipados,
        "ios" => Os::Ios,
        "ipados" => Os::Ipados,
        "macos" | "mac os x" | "os x" => Os::Macos,
        "tvos" => Os::Tvos,
        "visionos" => Os::Visionos,
        name if name.starts_with("android") => Os::Android,
        name if name.starts_with("windows") => Os::Windows,
        _ => Os::Other,
    }
}

fn management(word: &str) -> ManagementState {
    match word {
        "wipePending" | "wipeIssued" => ManagementState::Wiping,
        "wipeFailed" | "wipeCanceled" => ManagementState::WipeEnded,
        "retirePending" | "retireIssued" => ManagementState::Retiring,
        "retireFailed" | "retireCanceled" => ManagementState::RetireEnded,
        "deletePending" => ManagementState::Deleting,
        _ => ManagementState::Managed,
    }
}

fn state(word: &str) -> ActionState {
    match word {
        "pending" => ActionState::Pending,
        "canceled" => ActionState::Canceled,
        "active" => ActionState::Active,
        "done" => ActionState::Done,
        "failed" => ActionState::Failed,
        "notSupported" => ActionState::NotSupported,
        _ => ActionState::None,
    }
}

/// A device of which only the serial was asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TwinRow<'p> {
    #[serde(borrow)]
    id: Text<'p>,
    #[serde(borrow)]
    serial_number: Option<Text<'p>>,
}

impl TwinRow<'_> {
    /// The id, and the serial where it is one.
    pub(super) fn named(self) -> (RecordId, Option<Serial>) {
        let serial = serial(&self.serial_number);
        (RecordId(self.id.0.into_owned()), serial)
    }
}

/// A device with its bypass code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeRow<'p> {
    #[serde(borrow)]
    id: Text<'p>,
    #[serde(borrow)]
    serial_number: Option<Text<'p>>,
    activation_lock_bypass_code: Option<Secret>,
}

/// A device with the secrets of its results.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretsRow<'p> {
    #[serde(borrow)]
    id: Text<'p>,
    #[serde(borrow)]
    serial_number: Option<Text<'p>>,
    #[serde(borrow)]
    device_action_results: Option<Vec<SecretRow<'p>>>,
}

/// `deviceActionResult` with the secret members of its subtypes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretRow<'p> {
    #[serde(borrow)]
    action_name: Option<Text<'p>>,
    #[serde(borrow)]
    action_state: Option<Text<'p>>,
    #[serde(default, deserialize_with = "time")]
    start_date_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    last_updated_date_time: Option<Timestamp>,
    unlock_pin: Option<Secret>,
    passcode: Option<Secret>,
    #[serde(borrow)]
    device_location: Option<&'p RawValue>,
}

/// A single answer that says whom it is about.
pub(super) trait About {
    /// The record and its serial.
    fn about(&self) -> (&str, Option<Serial>);
}

impl About for CodeRow<'_> {
    fn about(&self) -> (&str, Option<Serial>) {
        (&self.id.0, serial(&self.serial_number))
    }
}

impl About for SecretsRow<'_> {
    fn about(&self) -> (&str, Option<Serial>) {
        (&self.id.0, serial(&self.serial_number))
    }
}

impl CodeRow<'_> {
    /// The code; `None` for null and for an empty one.
    pub(super) fn code(self) -> Option<Secret> {
        not_empty(self.activation_lock_bypass_code)
    }
}

impl SecretsRow<'_> {
    /// Every secret with the result that it stands in.
    pub(super) fn held(self) -> Vec<HeldSecret> {
        let mut held = Vec::new();
        for row in self.device_action_results.unwrap_or_default() {
            let location = row.device_location.filter(|place| tells_a_place(place));
            let secrets = [
                not_empty(row.unlock_pin).map(ResultSecret::UnlockPin),
                not_empty(row.passcode).map(ResultSecret::Passcode),
                location.map(|place| ResultSecret::Location(Secret::new(place.get().to_owned()))),
            ];
            let (started, updated) = (row.start_date_time, row.last_updated_date_time);
            let result = result(row.action_name, &row.action_state, started, updated);
            let secrets = secrets.into_iter().flatten();
            held.extend(secrets.map(|secret| HeldSecret { result: result.clone(), secret }));
        }
        held
    }
}

fn not_empty(secret: Option<Secret>) -> Option<Secret> {
    secret.filter(|secret| !secret.reveal().trim().is_empty())
}

/// A location that was asked for and has not come may stand there without coordinates.
fn tells_a_place(location: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Place {
        latitude: Option<f64>,
        longitude: Option<f64>,
    }
    serde_json::from_str::<Place>(location.get())
        .is_ok_and(|place| place.latitude.is_some() && place.longitude.is_some())
}

/// `remoteActionAudit`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditRow<'p> {
    #[serde(borrow)]
    action: Option<Text<'p>>,
    #[serde(borrow)]
    action_state: Option<Text<'p>>,
    #[serde(borrow)]
    managed_device_id: Option<Text<'p>>,
    #[serde(default, deserialize_with = "time")]
    request_date_time: Option<Timestamp>,
}

impl AuditRow<'_> {
    /// The record and what was asked of it; `None` for an entry that names no record.
    pub(super) fn result(self) -> Option<(RecordId, ActionResult)> {
        let record = self.managed_device_id.filter(|id| !id.0.is_empty())?;
        let result = ActionResult {
            state: state(word(&self.action_state)),
            name: owned(self.action),
            started: told(self.request_date_time),
            updated: None,
            source: ResultSource::Audit,
        };
        Some((RecordId(record.0.into_owned()), result))
    }
}

/// `operationApprovalRequest`. The id that a filter knows as `requestId` is no documented member: where it
/// comes, it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApprovalRow<'p> {
    #[serde(borrow)]
    id: Option<Text<'p>>,
    #[serde(borrow)]
    request_id: Option<Text<'p>>,
    #[serde(borrow)]
    status: Option<Text<'p>>,
}

impl ApprovalRow<'_> {
    /// Whether it says that it is the request of this code; `None`: it says nothing of the kind.
    pub(super) fn is_of(&self, code: &str) -> Option<bool> {
        match (&self.request_id, &self.id) {
            (Some(request), _) => Some(request.0.eq_ignore_ascii_case(code)),
            (None, Some(id)) if id.0.eq_ignore_ascii_case(code) => Some(true),
            (None, _) => None,
        }
    }

    /// Its state.
    pub(super) fn status(&self) -> &str {
        word(&self.status)
    }
}

/// Reads a single object. Microsoft's pages show it wrapped in `value`, the service sends it bare: both are
/// read.
///
/// # Errors
/// When the body is no such object. The error may quote it: only its place may be told.
pub(super) fn read_single<'p, T: Deserialize<'p>>(body: &'p [u8]) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct Wrapped<T> {
        value: T,
    }
    serde_json::from_slice::<T>(body)
        .or_else(|error| serde_json::from_slice::<Wrapped<T>>(body).map(|one| one.value).map_err(|_| error))
}

/// Whether a text is the id of a record.
pub(super) fn same_id(one: &str, other: &RecordId) -> bool {
    // GUIDs: the service does not promise one case of their letters.
    one.eq_ignore_ascii_case(&other.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_told_apart_by_name_and_model() {
        for (name, model, os) in [
            ("iOS", "iPhone 15", Os::Ios),
            ("iOS", "iPad Pro (12.9-inch)", Os::Ipados),
            ("iPadOS", "", Os::Ipados),
            ("macOS", "MacBook Air", Os::Macos),
            ("tvOS", "Apple TV 4K", Os::Tvos),
            ("visionOS", "Vision Pro", Os::Visionos),
            ("AndroidEnterprise", "Pixel", Os::Android),
            ("Windows", "Surface", Os::Windows),
            ("Windows Phone", "Lumia", Os::Windows),
            ("Linux", "", Os::Other),
            ("", "iPad", Os::Other),
            ("iOS", "ïpad", Os::Ios),
        ] {
            assert_eq!(system(name, model), os, "{name} {model}");
        }
    }

    #[test]
    fn states_that_are_not_known_tell_nothing() {
        assert_eq!(management("discovered"), ManagementState::Managed);
        assert_eq!(management("wipeIssued"), ManagementState::Wiping);
        assert_eq!(state("unknownFutureValue"), ActionState::None);
        assert_eq!(state("notSupported"), ActionState::NotSupported);
    }

    #[test]
    fn a_location_without_coordinates_is_none() {
        for (text, tells) in [
            ("null", false),
            ("{}", false),
            (r#"{"latitude":1.5,"longitude":null}"#, false),
            (r#"{"latitude":1.5,"longitude":-0.1,"speed":null}"#, true),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
            assert_eq!(tells_a_place(&raw), tells, "{text}");
        }
    }
}
