//! A managed device as JSON.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::filter::Comparison;
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::{Family, hardware};
use crate::sim::device::desk::ActionNames;
use crate::sim::device::{Act, ActState, Handset, ManagedAction, Reach, Record, Results};
use crate::sim::graph::Ask;
use crate::sim::graph::query::Query;
use crate::sim::graph::reply::Refusal;
use crate::sim::world::{World, derive_id, mix_text};

/// How long a Mac's PIN is shown, in seconds.
const PIN_SHOWN: i64 = 30 * 86_400;

/// Members that are answered.
const MEMBERS: [&str; 47] = [
    "id",
    "activationLockBypassCode",
    "azureADDeviceId",
    "azureADRegistered",
    "bootstrapTokenEscrowed",
    "complianceState",
    "deviceActionResults",
    "deviceCategoryDisplayName",
    "deviceEnrollmentType",
    "deviceName",
    "deviceRegistrationState",
    "deviceType",
    "emailAddress",
    "enrolledDateTime",
    "enrollmentProfileName",
    "ethernetMacAddress",
    "hardwareInformation",
    "iccid",
    "imei",
    "isEncrypted",
    "isSupervised",
    "jailBroken",
    "joinType",
    "lastSyncDateTime",
    "lostModeState",
    "managedDeviceName",
    "managedDeviceOwnerType",
    "managementAgent",
    "managementCertificateExpirationDate",
    "managementState",
    "manufacturer",
    "model",
    "notes",
    "operatingSystem",
    "osVersion",
    "ownerType",
    "phoneNumber",
    "physicalMemoryInBytes",
    "remoteAssistanceSessionUrl",
    "roleScopeTagIds",
    "serialNumber",
    "totalStorageSpaceInBytes",
    "udid",
    "userDisplayName",
    "userId",
    "userPrincipalName",
    "wiFiMacAddress",
];

/// Members that may be asked for and are not answered: nothing here needs them.
const SILENT: &[&str] = &[
    "aadRegistered",
    "androidSecurityPatchLevel",
    "autopilotEnrolled",
    "azureActiveDirectoryDeviceId",
    "chassisType",
    "chromeOSDeviceInfo",
    "cloudPcRemoteActionResults",
    "complianceGracePeriodExpirationDateTime",
    "configurationManagerClientEnabledFeatures",
    "configurationManagerClientHealthState",
    "configurationManagerClientInformation",
    "deviceFirmwareConfigurationInterfaceManaged",
    "deviceHealthAttestationState",
    "deviceHealthScriptStates",
    "easActivated",
    "easActivationDateTime",
    "easDeviceId",
    "enrolledByUserPrincipalName",
    "exchangeAccessState",
    "exchangeAccessStateReason",
    "exchangeLastSuccessfulSyncDateTime",
    "freeStorageSpaceInBytes",
    "managementFeatures",
    "meid",
    "partnerReportedThreatState",
    "preferMdmOverGroupPolicyAppliedDateTime",
    "processorArchitecture",
    "remoteAssistanceSessionErrorDetails",
    "requireUserEnrollmentApproval",
    "retireAfterDateTime",
    "securityPatchLevel",
    "skuFamily",
    "skuNumber",
    "specificationVersion",
    "subscriberCarrier",
    "usersLoggedOn",
    "windowsActiveMalwareCount",
    "windowsRemediatedMalwareCount",
];

/// Members that lists can be filtered by (reference section 5.1; the serial and the operating system by
/// common practice).
pub(super) const FILTERED: &[(&str, Comparison)] = &[
    ("id", Comparison::Equality),
    ("deviceName", Comparison::Text),
    ("serialNumber", Comparison::Text),
    ("operatingSystem", Comparison::Equality),
    ("userPrincipalName", Comparison::Equality),
    ("model", Comparison::Equality),
    ("lastSyncDateTime", Comparison::Time),
    ("enrolledDateTime", Comparison::Time),
];

/// Refuses members that the type does not have.
pub(super) fn check(query: &Query) -> Result<(), Refusal> {
    query.check_select("managedDevice", |name| MEMBERS.contains(&name) || SILENT.contains(&name))?;
    query.check_expand("managedDevice", &[])
}

/// The id of a ghost, which stands beside a record under the same serial.
fn ghost_of(id: &str) -> String {
    flipped(id)
}

/// The id of the record beside which a ghost stands.
pub(super) fn behind_ghost(id: &str) -> Option<String> {
    (id.len() == 36).then(|| flipped(id))
}

/// An id with another last digit, which gives the first one when done twice.
fn flipped(id: &str) -> String {
    let mut text = id.to_ascii_lowercase();
    let last = text.pop().and_then(|digit| digit.to_digit(16)).unwrap_or(0);
    text.extend(char::from_digit(15 - last, 16));
    text
}

/// A record with the device behind it.
pub(super) struct Row<'a> {
    pub world: &'a World,
    pub serial: Serial,
    pub handset: Cow<'a, Handset>,
    pub number: u32,
    /// Whether this is a ghost beside the record.
    pub ghost: bool,
    /// The context, where it was asked for by its id.
    pub one: Option<String>,
}

impl Row<'_> {
    fn record(&self) -> Option<&Record> {
        self.handset.record(self.number)
    }

    /// A member as text, for filters.
    pub(super) fn text(&self, name: &str, tenant: usize) -> Option<String> {
        let value = self.value(name, self.record()?, tenant, None);
        value.as_str().map(str::to_owned).or_else(|| (!value.is_null()).then(|| value.to_string()))
    }

    /// The members that are asked for.
    pub(super) fn members(&self, tenant: usize, ask: &Ask<'_>) -> Map<String, Value> {
        let mut members = Map::new();
        if let Some(context) = &self.one {
            members.insert("@odata.context".to_owned(), json!(context));
        }
        let Some(record) = self.record() else { return members };
        for name in MEMBERS.into_iter().filter(|name| ask.query.wants(name)) {
            // In lists, and where nobody names it, there is nothing of it.
            if name == "hardwareInformation" && !self.is_asked_for(ask) {
                continue;
            }
            members.insert(name.to_owned(), self.value(name, record, tenant, Some(ask)));
        }
        members
    }

    /// Whether members that no list has are given.
    fn is_asked_for(&self, ask: &Ask<'_>) -> bool {
        self.one.is_some() && ask.query.select.is_some()
    }

    fn value(&self, name: &str, record: &Record, tenant: usize, ask: Option<&Ask<'_>>) -> Value {
        let handset = &*self.handset;
        let user = handset.user.as_ref();
        let serial = &self.serial;
        let alone = ask.is_some_and(|ask| self.is_asked_for(ask));
        let derived = |what: &str| derive_id(self.world.seed, &format!("device/{serial}/{what}"));
        match name {
            "id" if self.ghost => json!(ghost_of(&record.id)),
            "id" => json!(record.id),
            "activationLockBypassCode" if alone && handset.shows_code(record) => {
                json!(self.world.bypass_code(serial))
            }
            "ethernetMacAddress" if alone => json!(self.radios().ethernet.unwrap_or_default()),
            "iccid" if alone => json!(self.radios().modem.map(|modem| modem.2[..19].to_owned())),
            "udid" if alone => json!(derived("udid").to_string().to_uppercase()),
            "notes" if alone => json!(record.notes),
            "remoteAssistanceSessionUrl" if alone => json!(""),
            "activationLockBypassCode"
            | "ethernetMacAddress"
            | "iccid"
            | "udid"
            | "notes"
            | "remoteAssistanceSessionUrl" => Value::Null,
            "physicalMemoryInBytes" if alone => json!(8_589_934_592u64),
            "physicalMemoryInBytes" => json!(0),
            "bootstrapTokenEscrowed" => json!(alone && handset.family == Family::Mac),
            "hardwareInformation" => json!({
                "serialNumber": self.shown_serial(record, ask),
                "isSharedDevice": handset.shared,
                "isSupervised": handset.supervised,
                "model": handset.model,
                "manufacturer": "Apple",
            }),
            "azureADDeviceId" => json!(derived("entra")),
            "azureADRegistered" => json!(user.is_some()),
            "complianceState" => json!("compliant"),
            "deviceActionResults" => Value::Array(self.results(record, tenant, ask)),
            "deviceCategoryDisplayName" => json!(""),
            "deviceEnrollmentType" if user.is_some() => json!("appleBulkWithUser"),
            "deviceEnrollmentType" => json!("appleBulkWithoutUser"),
            "deviceName" => json!(handset.name),
            "deviceRegistrationState" => json!("registered"),
            "deviceType" => json!(match handset.family {
                Family::IPad => "iPad",
                Family::IPhone => "iPhone",
                Family::IPod => "iPod",
                Family::Mac => "macMDM",
                Family::AppleTv => "tvOS",
                Family::Vision => "visionOS",
                Family::Watch => "unknown",
            }),
            "emailAddress" | "userPrincipalName" => {
                json!(user.map_or("", |user| user.principal_name.as_str()))
            }
            "userDisplayName" => json!(user.map_or("", |user| user.display_name.as_str())),
            "userId" => json!(user.map_or_else(String::new, |user| {
                derive_id(self.world.seed, &format!("user/{}", user.principal_name)).to_string()
            })),
            // The moment since which a ghost stands there is not its device's.
            "enrolledDateTime" if self.ghost => json!(before(record.enrolled)),
            "enrolledDateTime" => json!(record.enrolled),
            "enrollmentProfileName" => json!(record.profile),
            "imei" => json!(self.radios().modem.map_or_else(String::new, |modem| modem.0)),
            "isEncrypted" => json!(handset.passcode),
            "isSupervised" if ask.is_some_and(|ask| ask.ways.no_supervision) => Value::Null,
            "isSupervised" => json!(handset.supervised),
            "jailBroken" => json!("False"),
            "joinType" => json!("azureADRegistered"),
            "lastSyncDateTime" => json!(self.last_sync(record)),
            "lostModeState" => json!(if handset.lost { "enabled" } else { "disabled" }),
            "managedDeviceName" => json!(format!("{}_{}", handset.name, record.enrolled.as_second())),
            "managedDeviceOwnerType" | "ownerType" => json!(handset.ownership),
            "managementAgent" => json!("mdm"),
            "managementCertificateExpirationDate" => {
                json!(crate::model::clock::after(
                    record.enrolled,
                    std::time::Duration::from_secs(365 * 86_400)
                ))
            }
            "managementState" => json!(record.state),
            "manufacturer" => json!("Apple"),
            "model" => json!(handset.model),
            "operatingSystem" => json!(match handset.family {
                Family::IPad => "iPadOS",
                Family::IPhone | Family::IPod => "iOS",
                Family::Mac => "macOS",
                Family::AppleTv => "tvOS",
                Family::Vision => "visionOS",
                Family::Watch => "watchOS",
            }),
            "osVersion" => json!(handset.os_version),
            "phoneNumber" => json!(""),
            "roleScopeTagIds" => json!(["0"]),
            "serialNumber" => json!(self.shown_serial(record, ask)),
            "totalStorageSpaceInBytes" => json!(68_719_476_736u64),
            "wiFiMacAddress" => json!(self.radios().wifi.replace(':', "")),
            _ => Value::Null,
        }
    }

    fn shown_serial(&self, record: &Record, ask: Option<&Ask<'_>>) -> Serial {
        let shown = record.serial.unwrap_or(self.serial);
        match ask {
            Some(ask) if ask.ways.other_serial && self.one.is_some() => other(&shown),
            _ => shown,
        }
    }

    fn radios(&self) -> hardware::Radios {
        let at = hardware::model_named(&self.handset.model, self.handset.family, &self.serial);
        hardware::Radios::of(hardware::at(at), &self.serial)
    }

    fn last_sync(&self, record: &Record) -> Timestamp {
        let handset = &*self.handset;
        let known = handset.contact.unwrap_or(record.enrolled);
        if handset.managed != Some(record.number) || handset.off || handset.reach == Reach::Offline {
            return known;
        }
        known.max(self.world.regular_contact(&self.serial))
    }

    fn results(&self, record: &Record, tenant: usize, ask: Option<&Ask<'_>>) -> Vec<Value> {
        let ways = ask.map(|ask| ask.ways).unwrap_or_default();
        let habit = match self.handset.habits.results {
            _ if ways.empty_results => Some(Results::Empty),
            _ if ways.stale_results => Some(Results::Stale),
            _ if ways.no_secrets => Some(Results::WithoutSecrets),
            habit => habit,
        };
        if self.ghost || habit == Some(Results::Empty) {
            return Vec::new();
        }
        let stale = habit == Some(Results::Stale);
        let own = |one: &&Record| one.number == record.number || (stale && one.id == record.id);
        let acts = self.handset.records.iter().filter(own).flat_map(|record| &record.acts);
        let acts: Vec<&Act> = acts.filter(|act| !act.silent).collect();
        let latest: Vec<&Act> = acts
            .iter()
            .enumerate()
            .filter(|(at, act)| acts[at + 1..].iter().all(|later| later.action != act.action))
            .filter_map(|(at, act)| match stale {
                false => Some(*act),
                true => acts[..at].iter().rev().find(|earlier| earlier.action == act.action).copied(),
            })
            .collect();
        let names = self.world.tenants[tenant].device_desk.behaviour.action_names;
        latest
            .into_iter()
            .map(|act| self.result(act, names, habit == Some(Results::WithoutSecrets)))
            .collect()
    }

    fn result(&self, act: &Act, names: ActionNames, without_secrets: bool) -> Value {
        let name = match names {
            ActionNames::RemoteAction => act.action.remote_action().unwrap_or(act.action.route()),
            ActionNames::Route => act.action.route(),
        };
        let mut result = json!({
            "actionName": name,
            "actionState": act.state,
            "startDateTime": act.requested,
            "lastUpdatedDateTime": act.updated,
        });
        let done = act.state == ActState::Done;
        let (kind, member) = match act.action {
            ManagedAction::RemoteLock => {
                let age = self.world.now.as_second() - act.updated.as_second();
                let shown = done
                    && self.handset.family == Family::Mac
                    && !without_secrets
                    && !act.forgotten
                    && age <= PIN_SHOWN;
                let pin = shown.then(|| self.world.unlock_pin(&self.serial, act.number));
                ("remoteLockActionResult", Some(("unlockPin", json!(pin))))
            }
            ManagedAction::ResetPasscode => {
                let failed = act.state == ActState::Failed;
                result["errorCode"] = json!(if failed { 12_067 } else { 0 });
                ("resetPasscodeActionResult", Some(("passcode", Value::Null)))
            }
            ManagedAction::LocateDevice => {
                let location = (done && !without_secrets).then(|| self.location(act));
                ("locateDeviceActionResult", Some(("deviceLocation", json!(location))))
            }
            ManagedAction::DeleteUserFromSharedAppleDevice => (
                "deleteUserFromSharedAppleDeviceActionResult",
                Some(("userPrincipalName", json!(act.particulars.user))),
            ),
            _ => ("deviceActionResult", None),
        };
        result["@odata.type"] = json!(format!("#microsoft.graph.{kind}"));
        if let Some((member, value)) = member {
            result[member] = value;
        }
        result
    }

    fn location(&self, act: &Act) -> Value {
        let chance = mix_text(self.world.seed ^ act.number, self.serial.as_str());
        let part = |shift: u64| ((chance >> shift) % 100_000) as f64 / 100_000.0;
        json!({
            "lastCollectedDateTime": act.updated,
            "latitude": 50.0 + part(0),
            "longitude": 8.0 + part(20),
            "altitude": 112.5,
            "horizontalAccuracy": 15.0,
            "verticalAccuracy": 10.0,
            "heading": 0.0,
            "speed": 0.0,
        })
    }
}

/// Some days before.
fn before(at: Timestamp) -> Timestamp {
    crate::sim::world::back(at, 24 * 40)
}

/// Another serial: its last character is another one.
fn other(serial: &Serial) -> Serial {
    let mut text = serial.as_str().to_owned();
    let last = text.pop();
    text.push(if last == Some('X') { 'Y' } else { 'X' });
    Serial::new(&text).unwrap_or(*serial)
}
