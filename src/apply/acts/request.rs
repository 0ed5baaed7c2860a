//! From what a document asks to what is asked of the device. PURE.

use crate::acts::{Hold, Rule};
use crate::model::act::{ActContent, ActOptions, Record};
use crate::model::{ActionKind, Secret};
use crate::provider::graph::{DeviceCall, WipeBody, WipeBodyError};

/// What is asked of a device for an act. `pin`: the secret behind `options.pin`, where the document has one.
///
/// # Errors
/// What the platform cannot be asked; acts that are no request to the device at all.
pub(super) fn call_of(
    content: &ActContent,
    record: &Record,
    pin: Option<Secret>,
) -> Result<DeviceCall, Hold> {
    let unfit = |why: String| Hold::Stop {
        rule: Rule::Support,
        row: Some("R-2"),
        why,
        next: "correct the document: what is asked otherwise takes a new name".to_owned(),
    };
    Ok(match (content.kind, &content.options) {
        (ActionKind::Sync, _) => DeviceCall::Sync,
        (ActionKind::PlaySound, ActOptions::PlaySound { minutes }) => {
            DeviceCall::PlaySound { minutes: *minutes }
        }
        (ActionKind::PlaySound, _) => DeviceCall::PlaySound { minutes: None },
        (ActionKind::Locate, _) => DeviceCall::Locate,
        (ActionKind::Lock, _) => DeviceCall::Lock,
        (ActionKind::EnableLostMode, ActOptions::LostMode { message, phone_number, footnote }) => {
            DeviceCall::EnableLostMode {
                message: message.clone(),
                phone_number: phone_number.clone(),
                footnote: footnote.clone(),
            }
        }
        (ActionKind::DisableLostMode, _) => DeviceCall::DisableLostMode,
        (ActionKind::Restart, _) => DeviceCall::Restart,
        (ActionKind::ShutDown, _) => DeviceCall::ShutDown,
        (ActionKind::Rename, ActOptions::Rename { name }) => DeviceCall::Rename { name: name.clone() },
        (ActionKind::LogOutSharedIpadUser, _) => DeviceCall::LogOutSharedIpadUser,
        (ActionKind::ClearPasscode, _) => DeviceCall::ResetPasscode,
        (ActionKind::DisableActivationLock, _) => DeviceCall::BypassActivationLock,
        (ActionKind::Retire, _) => DeviceCall::Retire,
        (ActionKind::DeleteRecord, _) => DeviceCall::DeleteRecord,
        (ActionKind::DeleteSharedIpadUser, ActOptions::SharedIpadUser { user }) => {
            DeviceCall::DeleteSharedIpadUser { user: user.clone() }
        }
        (ActionKind::Wipe, options) => {
            wipe(options, record, pin).map_err(|error| unfit(error.to_string()))?
        }
        (ActionKind::EnableLostMode | ActionKind::Rename | ActionKind::DeleteSharedIpadUser, _) => {
            return Err(unfit(format!("{} needs its `options`", content.kind)));
        }
        (ActionKind::EscrowBypassCode | ActionKind::HandOver | ActionKind::Release, _) => {
            return Err(unfit(format!("{} is no single request to the device", content.kind)));
        }
    })
}

/// The wipe that ends the former life of a device that is handed over.
pub(super) fn wipe_of_hand_over(record: &Record) -> Result<DeviceCall, Hold> {
    wipe(&ActOptions::None, record, None).map_err(|error| Hold::Stop {
        rule: Rule::Support,
        row: Some("R-2"),
        why: error.to_string(),
        next: "look at the device in the portal".to_owned(),
    })
}

fn wipe(options: &ActOptions, record: &Record, pin: Option<Secret>) -> Result<DeviceCall, WipeBodyError> {
    let (keep_data_plan, obliteration, return_to_service) = match options {
        ActOptions::Wipe { keep_data_plan, obliteration, return_to_service, .. } => {
            (*keep_data_plan, *obliteration, *return_to_service)
        }
        _ => (true, None, None),
    };
    let body = WipeBody::of(record.os, keep_data_plan, pin, obliteration, return_to_service)?;
    Ok(DeviceCall::Wipe(body))
}
