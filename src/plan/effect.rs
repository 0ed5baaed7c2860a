//! When a step is felt, and by how many devices (P-28, P-30, A-4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::diff::FieldChange;
use crate::model::ProfileId;
use crate::model::live::{Devices, EnrollmentState};

/// When a step is felt and by how many devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// When the first device feels it.
    pub when: When,
    /// Enrolled devices that feel it without being reset.
    pub feel: u64,
    /// Enrolled devices that keep what they have until they are reset and activated again.
    pub after_reset: u64,
    /// Devices not enrolled yet: they take it when they are activated.
    pub at_activation: u64,
}

/// A moment of effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// By no device.
    #[default]
    Never,
    /// At once.
    Now,
    /// When a device next checks in.
    NextCheckIn,
    /// When a device is next activated; one that is enrolled has to be wiped first.
    NextActivation,
    /// When the token next syncs with Apple.
    NextSync,
    /// By the deadline of a migration at the latest.
    Deadline,
    /// By devices that are bought, or activated for the first time, from then on.
    NewDevices,
}

/// Devices of one profile, by whether they are enrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Enrolled: a reset is needed before they take anything new.
    pub enrolled: u64,
    /// Not enrolled.
    pub waiting: u64,
}

impl Holders {
    /// Both together.
    pub fn all(self) -> u64 {
        self.enrolled + self.waiting
    }
}

/// Counts a token's devices by the profile that they have. Released devices do not count (S-6).
pub fn holders(devices: &Devices) -> BTreeMap<&ProfileId, Holders> {
    let mut counts = vec![Holders::default(); devices.profiles().len()];
    for device in devices.iter().filter(|device| !device.released) {
        let Some(count) = devices.place_of(device).and_then(|place| counts.get_mut(place)) else { continue };
        if device.state == EnrollmentState::Enrolled {
            count.enrolled += 1;
        } else {
            count.waiting += 1;
        }
    }
    // One profile may be there in several spellings: they are one.
    let mut by_profile: BTreeMap<&ProfileId, Holders> = BTreeMap::new();
    for (profile, count) in devices.profiles().iter().zip(counts).filter(|(_, count)| count.all() > 0) {
        let all = by_profile.entry(profile).or_default();
        all.enrolled += count.enrolled;
        all.waiting += count.waiting;
    }
    by_profile
}

/// The one field that reaches enrolled devices, at their next check-in (P-28).
pub const FELT_AT_CHECK_IN: &str = "deviceNameTemplate";

/// The fields that only administrators see (P-1).
const NOT_FELT: [&str; 2] = ["displayName", "description"];

/// The effect of changes to a profile that `holders` have.
pub fn of_update(changes: &[FieldChange], holders: Holders) -> Effect {
    let template = changes.iter().any(|change| change.field == FELT_AT_CHECK_IN);
    let others = changes
        .iter()
        .any(|change| change.field != FELT_AT_CHECK_IN && !NOT_FELT.contains(&change.field.as_ref()));
    Effect {
        when: match (template, others) {
            (true, _) => When::NextCheckIn,
            (false, true) => When::NextActivation,
            (false, false) => When::Never,
        },
        feel: if template { holders.enrolled } else { 0 },
        after_reset: if others { holders.enrolled } else { 0 },
        at_activation: if template || others { holders.waiting } else { 0 },
    }
}
