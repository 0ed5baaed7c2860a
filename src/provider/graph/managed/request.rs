//! What is asked of a device: one type per request, with the members that the service documents for it and
//! no others (reference section 5.3). PURE.

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

use crate::model::Secret;
use crate::model::act::{ActionKind, ApprovalCode, Obliteration, Os, RecordId};
use crate::model::class::Class;
use crate::model::clock::Timestamp;

/// One request to one device. It cannot be copied, and sending uses it up: what was checked for one request
/// serves one.
#[derive(Debug)]
pub struct DeviceRequest {
    pub(super) record: RecordId,
    pub(super) call: DeviceCall,
    pub(super) approval: ApprovalHeader,
    pub(super) until: Timestamp,
}

impl DeviceRequest {
    /// A request that is not put on the wire from `until` on: it may have to wait for its turn after all was
    /// checked.
    pub(crate) fn new(
        record: RecordId,
        call: DeviceCall,
        approval: ApprovalHeader,
        until: Timestamp,
    ) -> Self {
        Self { record, call, approval, until }
    }

    /// The record.
    pub fn record(&self) -> &RecordId {
        &self.record
    }

    /// What is asked.
    pub fn call(&self) -> &DeviceCall {
        &self.call
    }

    /// Not sent from this instant on.
    pub fn until(&self) -> Timestamp {
        self.until
    }
}

/// What goes along for those who approve at Intune (reference section 8.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalHeader {
    /// The request is sent for the first time: why, for them to read. It goes with what an approval policy
    /// can cover, which is wipe, retire and delete.
    First {
        /// At most 1,024 characters of it are sent.
        justification: String,
    },
    /// The identical request was approved under this code.
    Again(ApprovalCode),
}

/// What is asked of a device.
#[derive(Debug)]
pub enum DeviceCall {
    /// `syncDevice`
    Sync,
    /// `playLostModeSound`
    PlaySound {
        /// `durationInMinutes`; `None` leaves it to the service.
        minutes: Option<u32>,
    },
    /// `locateDevice`
    Locate,
    /// `remoteLock`; it takes neither message nor number.
    Lock,
    /// `enableLostMode`
    EnableLostMode {
        /// `message`
        message: String,
        /// `phoneNumber`
        phone_number: String,
        /// `footer`
        footnote: Option<String>,
    },
    /// `disableLostMode`
    DisableLostMode,
    /// `rebootNow`
    Restart,
    /// `shutDown`
    ShutDown,
    /// `setDeviceName`
    Rename {
        /// `deviceName`
        name: String,
    },
    /// `logoutSharedAppleDeviceActiveUser`
    LogOutSharedIpadUser,
    /// `resetPasscode`
    ResetPasscode,
    /// `bypassActivationLock`
    BypassActivationLock,
    /// `retire`
    Retire,
    /// `DELETE` of the record.
    DeleteRecord,
    /// `deleteUserFromSharedAppleDevice`
    DeleteSharedIpadUser {
        /// `userPrincipalName`
        user: String,
    },
    /// `wipe`
    Wipe(WipeBody),
}

impl DeviceCall {
    /// The kind of act that asks for it. The parts of a hand-over are the kinds that they are by themselves.
    pub const fn kind(&self) -> ActionKind {
        match self {
            DeviceCall::Sync => ActionKind::Sync,
            DeviceCall::PlaySound { .. } => ActionKind::PlaySound,
            DeviceCall::Locate => ActionKind::Locate,
            DeviceCall::Lock => ActionKind::Lock,
            DeviceCall::EnableLostMode { .. } => ActionKind::EnableLostMode,
            DeviceCall::DisableLostMode => ActionKind::DisableLostMode,
            DeviceCall::Restart => ActionKind::Restart,
            DeviceCall::ShutDown => ActionKind::ShutDown,
            DeviceCall::Rename { .. } => ActionKind::Rename,
            DeviceCall::LogOutSharedIpadUser => ActionKind::LogOutSharedIpadUser,
            DeviceCall::ResetPasscode => ActionKind::ClearPasscode,
            DeviceCall::BypassActivationLock => ActionKind::DisableActivationLock,
            DeviceCall::Retire => ActionKind::Retire,
            DeviceCall::DeleteRecord => ActionKind::DeleteRecord,
            DeviceCall::DeleteSharedIpadUser { .. } => ActionKind::DeleteSharedIpadUser,
            DeviceCall::Wipe(_) => ActionKind::Wipe,
        }
    }

    /// Whether it may share a request with others.
    pub const fn may_be_batched(&self) -> bool {
        matches!(self.kind().class(), Class::Safe | Class::Disruptive)
    }

    /// Whether a policy at Intune can want it approved.
    pub(super) const fn may_need_approval(&self) -> bool {
        matches!(self, DeviceCall::Wipe(_) | DeviceCall::Retire | DeviceCall::DeleteRecord)
    }

    pub(super) const fn method(&self) -> Method {
        match self {
            DeviceCall::DeleteRecord => Method::DELETE,
            _ => Method::POST,
        }
    }

    /// What stands behind the record in the path; `None` for the record itself.
    pub(super) const fn action(&self) -> Option<&'static str> {
        Some(match self {
            DeviceCall::Sync => "syncDevice",
            DeviceCall::PlaySound { .. } => "playLostModeSound",
            DeviceCall::Locate => "locateDevice",
            DeviceCall::Lock => "remoteLock",
            DeviceCall::EnableLostMode { .. } => "enableLostMode",
            DeviceCall::DisableLostMode => "disableLostMode",
            DeviceCall::Restart => "rebootNow",
            DeviceCall::ShutDown => "shutDown",
            DeviceCall::Rename { .. } => "setDeviceName",
            DeviceCall::LogOutSharedIpadUser => "logoutSharedAppleDeviceActiveUser",
            DeviceCall::ResetPasscode => "resetPasscode",
            DeviceCall::BypassActivationLock => "bypassActivationLock",
            DeviceCall::Retire => "retire",
            DeviceCall::DeleteSharedIpadUser { .. } => "deleteUserFromSharedAppleDevice",
            DeviceCall::Wipe(_) => "wipe",
            DeviceCall::DeleteRecord => return None,
        })
    }

    /// The body; `None` for those that have none.
    pub(super) fn body(&self) -> Option<Bytes> {
        let body = match self {
            DeviceCall::PlaySound { minutes: None } => json!({}),
            // A text in the description of the service.
            DeviceCall::PlaySound { minutes: Some(minutes) } => {
                json!({ "durationInMinutes": minutes.to_string() })
            }
            DeviceCall::EnableLostMode { message, phone_number, footnote } => {
                let mut body = Map::new();
                body.insert("message".into(), json!(message));
                body.insert("phoneNumber".into(), json!(phone_number));
                if let Some(footnote) = footnote.as_ref().filter(|text| !text.is_empty()) {
                    body.insert("footer".into(), json!(footnote));
                }
                Json::Object(body)
            }
            DeviceCall::Rename { name } => json!({ "deviceName": name }),
            DeviceCall::DeleteSharedIpadUser { user } => json!({ "userPrincipalName": user }),
            DeviceCall::Wipe(body) => body.json(),
            DeviceCall::Sync
            | DeviceCall::Locate
            | DeviceCall::Lock
            | DeviceCall::DisableLostMode
            | DeviceCall::Restart
            | DeviceCall::ShutDown
            | DeviceCall::LogOutSharedIpadUser
            | DeviceCall::ResetPasscode
            | DeviceCall::BypassActivationLock
            | DeviceCall::Retire
            | DeviceCall::DeleteRecord => return None,
        };
        Some(Bytes::from(body.to_string()))
    }
}

/// Six digits that a Mac asks for after it was erased.
#[derive(Clone, Debug)]
pub struct UnlockCode(Secret);

impl UnlockCode {
    /// The code, if the text is one: exactly six digits.
    pub fn new(text: Secret) -> Option<Self> {
        let is_code = text.reveal().len() == 6 && text.reveal().bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(text))
    }

    /// The code, to be sent or sealed.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// What a wipe says besides: each platform has its own members, and the service refuses a mixture.
#[derive(Debug)]
pub enum WipeBody {
    /// Apple TV and Apple Vision: nothing.
    Bare,
    /// iPhones and iPads.
    Cellular {
        /// `persistEsimDataPlan`
        keep_data_plan: bool,
    },
    /// Macs.
    Mac {
        /// `macOsUnlockCode`
        unlock_code: Option<UnlockCode>,
        /// `obliterationBehavior`
        obliteration: Option<Obliteration>,
    },
}

/// Why no wipe can say what was wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WipeBodyError {
    /// A platform that is not wiped here.
    #[error("a wipe is sent to Apple devices only, and this one runs something else")]
    Platform,
    /// Members of another platform.
    #[error("`pin` and `obliteration` are for Macs, and this device is none")]
    MacsOnly,
    /// The code is none.
    #[error("`pin` has to be exactly six digits")]
    Pin,
    /// The service documents no such member.
    #[error("Intune's wipe does not know `returnToService`")]
    ReturnToService,
}

impl WipeBody {
    /// What a wipe of this platform says.
    ///
    /// # Errors
    /// See [`WipeBodyError`].
    pub fn of(
        os: Os,
        keep_data_plan: bool,
        pin: Option<Secret>,
        obliteration: Option<Obliteration>,
        return_to_service: Option<bool>,
    ) -> Result<Self, WipeBodyError> {
        if return_to_service == Some(true) {
            return Err(WipeBodyError::ReturnToService);
        }
        let is_macs = pin.is_some() || obliteration.is_some();
        match os {
            Os::Macos => {
                let unlock_code = match pin {
                    Some(pin) => Some(UnlockCode::new(pin).ok_or(WipeBodyError::Pin)?),
                    None => None,
                };
                Ok(WipeBody::Mac { unlock_code, obliteration })
            }
            Os::Android | Os::Windows | Os::Other => Err(WipeBodyError::Platform),
            Os::Ios | Os::Ipados | Os::Tvos | Os::Visionos if is_macs => Err(WipeBodyError::MacsOnly),
            Os::Ios | Os::Ipados => Ok(WipeBody::Cellular { keep_data_plan }),
            Os::Tvos | Os::Visionos => Ok(WipeBody::Bare),
        }
    }

    pub(super) fn unlock_code(&self) -> Option<&Secret> {
        match self {
            WipeBody::Mac { unlock_code: Some(code), .. } => Some(code.secret()),
            WipeBody::Mac { .. } | WipeBody::Bare | WipeBody::Cellular { .. } => None,
        }
    }

    fn json(&self) -> Json {
        let mut body = Map::new();
        match self {
            WipeBody::Bare => {}
            WipeBody::Cellular { keep_data_plan } => {
                body.insert("persistEsimDataPlan".into(), json!(keep_data_plan));
            }
            WipeBody::Mac { unlock_code, obliteration } => {
                if let Some(code) = unlock_code {
                    body.insert("macOsUnlockCode".into(), json!(code.secret().reveal()));
                }
                if let Some(obliteration) = obliteration {
                    let word = match obliteration {
                        Obliteration::Default => "default",
                        Obliteration::DoNotObliterate => "doNotObliterate",
                        Obliteration::ObliterateWithWarning => "obliterateWithWarning",
                        Obliteration::Always => "always",
                    };
                    body.insert("obliterationBehavior".into(), json!(word));
                }
            }
        }
        Json::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<Secret> {
        Some(Secret::new(text.to_owned()))
    }

    #[test]
    fn a_wipe_says_what_its_platform_knows_and_nothing_else() {
        let of = |os, pin, obliteration| WipeBody::of(os, true, pin, obliteration, None);
        let json = |body: Result<WipeBody, WipeBodyError>| body.map(|body| body.json());
        for os in [Os::Ios, Os::Ipados] {
            assert_eq!(json(of(os, None, None)), Ok(json!({ "persistEsimDataPlan": true })));
        }
        for os in [Os::Tvos, Os::Visionos] {
            assert_eq!(json(of(os, None, None)), Ok(json!({})));
        }
        assert_eq!(json(of(Os::Macos, None, None)), Ok(json!({})), "no eSIM on a Mac");
        assert_eq!(
            json(of(Os::Macos, secret("123456"), Some(Obliteration::DoNotObliterate))),
            Ok(json!({ "macOsUnlockCode": "123456", "obliterationBehavior": "doNotObliterate" }))
        );
        for os in [Os::Ios, Os::Ipados, Os::Tvos, Os::Visionos] {
            assert_eq!(json(of(os, secret("123456"), None)), Err(WipeBodyError::MacsOnly));
            assert_eq!(json(of(os, None, Some(Obliteration::Always))), Err(WipeBodyError::MacsOnly));
        }
        for os in [Os::Android, Os::Windows, Os::Other] {
            assert_eq!(json(of(os, None, None)), Err(WipeBodyError::Platform));
        }
        for pin in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(json(of(Os::Macos, secret(pin), None)), Err(WipeBodyError::Pin), "{pin}");
        }
        let returned = WipeBody::of(Os::Ios, true, None, None, Some(true));
        assert_eq!(json(returned), Err(WipeBodyError::ReturnToService));
        assert!(WipeBody::of(Os::Ios, true, None, None, Some(false)).is_ok());
    }
}
