//! The unkindnesses of Apple's enrollment service.

use super::{Asked, Fault, FaultName, Harm, Suffering, When};
use crate::model::Serial;
use crate::sim::apple::organization::Fate;

/// What is wrong with devices of an otherwise good answer.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim) struct DeviceHarm {
    pub harm: Device,
    /// Whom it concerns; empty: all.
    pub serials: Vec<Serial>,
    /// Whether what was asked took place all the same.
    pub took_place: bool,
}

/// What is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Device {
    /// `THROTTLED` for so many seconds.
    Throttled { seconds: u32 },
    /// `FAILED`
    Failed,
    /// Left out of the answer.
    Missing,
    /// The profile is removed at once.
    Removed,
    /// Left out of the delta.
    Dropped,
    /// They are part of an activity that is bound for this.
    Bound(Fate),
}

impl DeviceHarm {
    /// Whether it concerns the device.
    pub fn concerns(&self, serial: &Serial) -> bool {
        self.serials.is_empty() || self.serials.contains(serial)
    }
}

impl FaultName {
    /// Whether it lasts until a person acts.
    pub(super) fn is_endless(self) -> bool {
        matches!(
            self,
            FaultName::Terms
                | FaultName::AccessDenied
                | FaultName::TokenRejected
                | FaultName::SignatureInvalid
                | FaultName::TokenExpired
                | FaultName::ClockSkew
                | FaultName::UserAgent
                | FaultName::SeedOff
        )
    }

    /// Whether it is a way to answer that strikes once unless told otherwise.
    pub(super) fn is_for_once(self) -> bool {
        matches!(self, FaultName::RotateSession | FaultName::EmptySession) || self.is_of_devices()
    }

    /// Whether it is a way to answer and no failure of the request.
    pub(super) fn is_a_way_of_apple(self) -> bool {
        self.is_for_once()
            || matches!(
                self,
                FaultName::SameCursor
                    | FaultName::DeletedRows
                    | FaultName::EmptyTimes
                    | FaultName::Depsim
                    | FaultName::AnyTimestamp
                    | FaultName::ClockSkew
            )
    }

    /// Whether it can strike the request at all.
    pub(super) fn is_apt(self, asked: Asked<'_>) -> bool {
        let at_apple = asked.service == "dep";
        let is_list = matches!(asked.operation, "server.devices.post" | "devices.sync.post");
        let assigns =
            matches!(asked.operation, "profile.devices.post" | "profile.devices.put" | "profile.post");
        let takes = matches!(asked.operation, "profile.devices.delete" | "devices.disown.post");
        match self {
            FaultName::EmptySession | FaultName::ClockSkew | FaultName::AnyTimestamp => {
                asked.operation == "session.get"
            }
            FaultName::RotateSession | FaultName::ExpireSession => {
                at_apple && asked.operation != "session.get"
            }
            FaultName::SameCursor | FaultName::InvalidCursor | FaultName::ExhaustedCursor => is_list,
            FaultName::ExpiredCursor | FaultName::DeltaDrops => asked.operation == "devices.sync.post",
            FaultName::DeletedRows => asked.operation == "server.devices.post",
            FaultName::ThrottleDevices | FaultName::RemoveProfile => assigns,
            FaultName::FailDevices => assigns || takes,
            FaultName::MissingSerials => assigns || takes || asked.operation == "devices.post",
            FaultName::ExpiredBearer => asked.operation != "session.get",
            FaultName::SeedOff => asked.operation == "os-beta-enrollment.tokens.get",
            FaultName::ForbiddenOnce
            | FaultName::Terms
            | FaultName::AccessDenied
            | FaultName::TokenRejected
            | FaultName::SignatureInvalid
            | FaultName::TokenExpired
            | FaultName::UserAgent
            | FaultName::EmptyTimes
            | FaultName::Depsim => at_apple,
            FaultName::NoSegment | FaultName::Ecv2 => !at_apple,
            _ => true,
        }
    }

    fn is_of_devices(self) -> bool {
        matches!(
            self,
            FaultName::ThrottleDevices
                | FaultName::FailDevices
                | FaultName::MissingSerials
                | FaultName::RemoveProfile
                | FaultName::DeltaDrops
        )
    }
}

impl Fault {
    /// Puts a way into `suffering` and returns `None`; for another fault of Apple's returns its harm.
    pub(super) fn adopt_of_apple(
        &self,
        name: FaultName,
        when: When,
        suffering: &mut Suffering,
    ) -> Option<Harm> {
        let told = |status, code| Some(Harm::Told { status, code });
        let device =
            |harm| DeviceHarm { harm, serials: self.serials.clone(), took_place: when == When::After };
        let seconds = self.retry_after.unwrap_or(86_400);
        let ways = &mut suffering.ways;
        match name {
            FaultName::ThrottleDevices => suffering.devices.push(device(Device::Throttled { seconds })),
            FaultName::FailDevices => suffering.devices.push(device(Device::Failed)),
            FaultName::MissingSerials => suffering.devices.push(device(Device::Missing)),
            FaultName::RemoveProfile => suffering.devices.push(device(Device::Removed)),
            FaultName::DeltaDrops => suffering.devices.push(device(Device::Dropped)),
            FaultName::RotateSession => ways.rotate_session = true,
            FaultName::EmptySession => ways.empty_session = true,
            FaultName::SameCursor => ways.same_cursor = true,
            FaultName::DeletedRows => ways.deleted_rows = true,
            FaultName::EmptyTimes => ways.empty_times = true,
            FaultName::Depsim => ways.depsim = true,
            FaultName::AnyTimestamp => ways.any_timestamp = true,
            FaultName::ClockSkew => ways.clock_ahead = self.seconds.unwrap_or(600),
            FaultName::ExpireSession => return Some(Harm::ExpireBearer),
            FaultName::ForbiddenOnce => return told(403, "FORBIDDEN"),
            FaultName::Terms => return told(403, "T_C_NOT_SIGNED"),
            FaultName::AccessDenied => return told(403, "ACCESS_DENIED"),
            FaultName::TokenRejected => return told(403, "token_rejected"),
            FaultName::SignatureInvalid => return told(403, "signature_invalid"),
            FaultName::TokenExpired => return told(401, "token_expired"),
            FaultName::UserAgent => return told(400, "USER_AGENT_INVALID"),
            FaultName::ExpiredCursor => return told(400, "EXPIRED_CURSOR"),
            FaultName::InvalidCursor => return told(400, "INVALID_CURSOR"),
            FaultName::ExhaustedCursor => return told(400, "EXHAUSTED_CURSOR"),
            FaultName::SeedOff => return told(403, "APPLE_SEED_FOR_IT_TURNED_OFF"),
            _ => {}
        }
        None
    }
}
