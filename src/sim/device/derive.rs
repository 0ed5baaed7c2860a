//! What a device is of which nobody said anything: it follows from its identity at the token.
//!
//! An enrolled identity is a managed device. Its record keeps nothing until somebody touches it.

use uuid::Uuid;

use super::action::has_activation_lock;
use super::record::{ManagementState, Record, Standing};
use super::{Handset, Ownership, Reach, User};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::organization::Lock;
use crate::sim::apple::{Family, hardware};
use crate::sim::world::{Device, EnrollmentState, Profile, Tenant, Token, World, mix, mix_text};

/// What runs on all devices of which nobody said anything else.
const OS_VERSION: &str = "26.1";
/// Seconds between two contacts that nobody asks for.
pub(super) const RHYTHM: i64 = 8 * 3600;

const FIRST: [&str; 16] = [
    "Ada", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Klara", "Leo", "Mia",
    "Noah", "Paula", "Tom",
];
const LAST: [&str; 16] = [
    "Adler", "Bauer", "Conrad", "Dietz", "Ernst", "Fuchs", "Graf", "Horn", "Jung", "Koch", "Lang", "Moser",
    "Neumann", "Otto", "Peters", "Roth",
];

/// The id of a device's record with this number.
pub(super) fn record_id(seed: u64, tenant: &str, serial: &Serial, number: u32) -> Uuid {
    let high = high_half(seed, serial, number);
    let low = mix_text(high, &tenant.to_ascii_lowercase());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_sha1_bytes(bytes).into_uuid()
}

fn high_half(seed: u64, serial: &Serial, number: u32) -> u64 {
    mix_text(mix(seed ^ u64::from(number) ^ 0x6d64), serial.as_str())
}

/// Whether the id may be that of the first record of a device: cheaper than making the id.
pub(super) fn may_be_first(seed: u64, id: &Uuid, serial: &Serial) -> bool {
    // The version stands in the lower half of the first eight bytes.
    id.as_u64_pair().0 >> 32 == high_half(seed, serial, 0) >> 32
}

/// The bypass code that a device made after it was erased so often.
pub(super) fn bypass_code(seed: u64, serial: &Serial, life: u32) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ACDEFGHJKLMNPQRTUVWXYZ";
    let mut chance = mix_text(seed ^ 0x616c ^ (u64::from(life) << 32), serial.as_str());
    let mut text = String::with_capacity(31);
    for place in 0..26 {
        if [5, 10, 14, 18, 22].contains(&place) {
            text.push('-');
        }
        text.push(char::from(ALPHABET[(chance % 32) as usize]));
        chance = mix(chance);
    }
    text
}

/// The PIN that the request with this number made.
pub(super) fn unlock_pin(seed: u64, serial: &Serial, number: u64) -> String {
    format!("{:06}", mix_text(seed ^ 0x7069 ^ (number << 20), serial.as_str()) % 1_000_000)
}

/// The latest contact that nobody asked for, not after `now`, in Unix seconds.
pub(super) fn regular_contact(serial: &Serial, now: i64) -> i64 {
    let offset = (mix_text(5, serial.as_str()) % RHYTHM as u64) as i64;
    now - (now + offset).rem_euclid(RHYTHM)
}

/// Somebody who follows from the serial.
pub(super) fn somebody(serial: &Serial) -> User {
    let chance = mix_text(3, serial.as_str());
    let (first, last) = (FIRST[(chance % 16) as usize], LAST[(chance / 16 % 16) as usize]);
    User {
        principal_name: format!("{}.{}@sim.example", first.to_lowercase(), last.to_lowercase()),
        display_name: format!("{first} {last}"),
    }
}

/// The name that a device gets by a profile, or without one.
pub(super) fn name_of(profile: Option<&Profile>, family: Family, serial: &Serial) -> String {
    match template(profile) {
        Some(template) => {
            template.replace("{{SERIAL}}", serial.as_str()).replace("{{DEVICETYPE}}", family.as_str())
        }
        None => {
            let text = serial.as_str();
            format!("{}-{}", family.as_str(), &text[text.len().saturating_sub(6)..])
        }
    }
}

/// The `deviceNameTemplate`, where there is one.
pub(super) fn template(profile: Option<&Profile>) -> Option<&str> {
    let text = profile?.members.get("deviceNameTemplate")?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// Whether somebody signs in when a device enrolls with a profile.
pub(super) fn has_user(profile: Option<&Profile>) -> bool {
    let member = profile.and_then(|profile| profile.members.get("requiresUserAuthentication"));
    member.is_none_or(|value| value.as_bool().unwrap_or(false))
}

impl World {
    /// A device as it follows from its identity. One that is enrolled has its record.
    pub(super) fn of_identity(&self, tenant: &Tenant, token: &Token, device: &Device) -> Handset {
        let serial = device.serial;
        let profile = token.profiles.get(&device.profile);
        let (family, model) = self.kind_of(&serial, device);
        let enrolled = device.state == EnrollmentState::Enrolled;
        let user = has_user(profile).then(|| somebody(&serial));
        let mut handset = plain(family, model);
        handset.name = name_of(profile, family, &serial);
        handset.shared = profile
            .and_then(|profile| profile.members.get("enableSharedIPad"))
            .is_some_and(|value| value == &serde_json::Value::Bool(true));
        handset.erased = !enrolled;
        if enrolled {
            handset.user = user;
            handset.managed = Some(0);
            handset.contact = Timestamp::from_second(device.contacted).ok();
            let at = device.created + 3600 + (mix_text(6, serial.as_str()) % 86_400) as i64;
            let at = if device.contacted == 0 { at } else { at.min(device.contacted) };
            handset.records.push(Record {
                number: 0,
                tenant: tenant.id.clone(),
                id: record_id(self.seed, &tenant.id, &serial, 0).to_string(),
                enrolled: Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH),
                profile: profile.map(|profile| profile.display_name().to_owned()).unwrap_or_default(),
                serial: None,
                life: 0,
                standing: Standing::Live,
                state: ManagementState::Managed,
                notes: None,
                leaves: None,
                acts: Vec::new(),
            });
        }
        handset
    }

    /// Family and model: as the organization knows them that has the device, or by chance.
    fn kind_of(&self, serial: &Serial, device: &Device) -> (Family, String) {
        for organization in &self.organizations {
            if let Some(row) = organization.roster.row(serial) {
                let named = organization.roster.extras(serial).and_then(|extras| extras.model.clone());
                return (row.family(), named.unwrap_or_else(|| row.hardware().model.to_owned()));
            }
        }
        let family = Family::of_platform(device.platform);
        let model = hardware::at(hardware::model_of(family, serial)).model;
        (family, model.to_owned())
    }
}

/// Whether somebody who sets such a device up gives it a passcode.
pub(super) fn has_passcode(family: Family) -> bool {
    matches!(family, Family::IPad | Family::IPhone | Family::IPod | Family::Vision)
}

/// A device that waits in its box.
pub(super) fn plain(family: Family, model: String) -> Handset {
    Handset {
        family,
        model,
        os_version: OS_VERSION.to_owned(),
        supervised: true,
        ownership: Ownership::Company,
        name: family.as_str().to_owned(),
        user: None,
        shared: false,
        users: Default::default(),
        active_user: None,
        reach: Reach::Online,
        off: false,
        passcode: has_passcode(family),
        locked: false,
        pin: None,
        lost: false,
        lock: Lock::None,
        code_available: has_activation_lock(family),
        life: 0,
        erased: true,
        managed: None,
        records: Vec::new(),
        contact: None,
        renamed: None,
        check_in: None,
        sets_up: None,
        reopens: None,
        habits: Default::default(),
    }
}
