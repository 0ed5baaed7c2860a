//! Managed devices: what is read of them, what is asked of them and how often, and what no text shows.

mod contract;
mod once;
mod reads;
mod requests;
mod secrets;

use super::*;
use crate::model::act::{ApprovalCode, Obliteration, Os, RecordId};
use crate::model::live::{Fact, Unknown};
use crate::model::{ActionKind, Serial};

const BASE: &str = "/beta/deviceManagement/managedDevices";

fn record(id: &str) -> RecordId {
    RecordId(id.into())
}

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn code(text: &str) -> ApprovalCode {
    ApprovalCode::new(text).unwrap()
}

fn unknown<T: std::fmt::Debug>(fact: Fact<T>) -> Unknown {
    match fact {
        Fact::Unknown(unknown) => unknown,
        Fact::Known(known) => panic!("{known:?}"),
    }
}

fn known<T>(fact: Fact<T>) -> T {
    match fact {
        Fact::Known(known) => known,
        Fact::Unknown(unknown) => panic!("{unknown}"),
    }
}

fn first() -> ApprovalHeader {
    ApprovalHeader::First { justification: "lost in the tram, Jürgen".into() }
}

fn request_at(id: &str, call: DeviceCall) -> DeviceRequest {
    DeviceRequest::new(record(id), call, first(), Timestamp::MAX)
}

fn request(call: DeviceCall) -> DeviceRequest {
    request_at("r-1", call)
}

fn pin(text: &str) -> Option<Secret> {
    Some(Secret::new(text.into()))
}

fn mac_wipe() -> DeviceCall {
    let body = WipeBody::of(Os::Macos, true, pin("271828"), Some(Obliteration::DoNotObliterate), None);
    DeviceCall::Wipe(body.unwrap())
}

/// Every request that there is, with its method, what stands behind the record in its path, and its body.
fn calls() -> Vec<(DeviceCall, &'static str, &'static str, Option<Json>)> {
    let wipe = |os| DeviceCall::Wipe(WipeBody::of(os, true, None, None, None).unwrap());
    let lost = |footnote: Option<&str>| DeviceCall::EnableLostMode {
        message: "call us".into(),
        phone_number: "+49 1".into(),
        footnote: footnote.map(str::to_owned),
    };
    vec![
        (DeviceCall::Sync, "POST", "/syncDevice", None),
        (DeviceCall::PlaySound { minutes: None }, "POST", "/playLostModeSound", Some(json!({}))),
        (
            DeviceCall::PlaySound { minutes: Some(5) },
            "POST",
            "/playLostModeSound",
            Some(json!({ "durationInMinutes": "5" })),
        ),
        (DeviceCall::Locate, "POST", "/locateDevice", None),
        (DeviceCall::Lock, "POST", "/remoteLock", None),
        (
            lost(None),
            "POST",
            "/enableLostMode",
            Some(json!({ "message": "call us", "phoneNumber": "+49 1" })),
        ),
        (
            lost(Some("IT")),
            "POST",
            "/enableLostMode",
            Some(json!({ "message": "call us", "phoneNumber": "+49 1", "footer": "IT" })),
        ),
        (DeviceCall::DisableLostMode, "POST", "/disableLostMode", None),
        (DeviceCall::Restart, "POST", "/rebootNow", None),
        (DeviceCall::ShutDown, "POST", "/shutDown", None),
        (
            DeviceCall::Rename { name: "cart-7".into() },
            "POST",
            "/setDeviceName",
            Some(json!({ "deviceName": "cart-7" })),
        ),
        (DeviceCall::LogOutSharedIpadUser, "POST", "/logoutSharedAppleDeviceActiveUser", None),
        (DeviceCall::ResetPasscode, "POST", "/resetPasscode", None),
        (DeviceCall::BypassActivationLock, "POST", "/bypassActivationLock", None),
        (DeviceCall::Retire, "POST", "/retire", None),
        (DeviceCall::DeleteRecord, "DELETE", "", None),
        (
            DeviceCall::DeleteSharedIpadUser { user: "a@b.example".into() },
            "POST",
            "/deleteUserFromSharedAppleDevice",
            Some(json!({ "userPrincipalName": "a@b.example" })),
        ),
        (wipe(Os::Ipados), "POST", "/wipe", Some(json!({ "persistEsimDataPlan": true }))),
        (wipe(Os::Tvos), "POST", "/wipe", Some(json!({}))),
        (
            mac_wipe(),
            "POST",
            "/wipe",
            Some(json!({ "macOsUnlockCode": "271828", "obliterationBehavior": "doNotObliterate" })),
        ),
    ]
}

/// The same, for tests that look at nothing but what becomes of them.
fn every_call() -> Vec<DeviceCall> {
    calls().into_iter().map(|(call, ..)| call).collect()
}

#[test]
fn every_kind_that_is_asked_of_intune_has_its_request() {
    let has: std::collections::BTreeSet<ActionKind> = every_call().iter().map(DeviceCall::kind).collect();
    let elsewhere = [ActionKind::EscrowBypassCode, ActionKind::HandOver, ActionKind::Release];
    let all: std::collections::BTreeSet<ActionKind> =
        ActionKind::ALL.into_iter().filter(|kind| !elsewhere.contains(kind)).collect();
    assert_eq!(has, all);
}
