//! Finding devices and records, and beginning to keep what followed from an identity before.

use std::borrow::Cow;

use uuid::Uuid;

use super::derive::{may_be_first, record_id};
use super::{Handset, Record, Standing};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::world::{Device, EnrollmentState, PendingChange, Tenant, Token, World, mix_text};

/// Where a record of a tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Found {
    /// The device.
    pub serial: Serial,
    /// The record's number among the device's.
    pub number: u32,
}

impl World {
    /// The live record of a tenant with this id.
    pub(in crate::sim) fn find_record(&self, tenant: usize, id: &str) -> Option<Found> {
        let here = self.tenants.get(tenant)?;
        let kept = self.handsets.iter().find_map(|(serial, handset)| {
            let record = handset.records.iter().find(|record| {
                record.standing == Standing::Live && record.is_of(here) && record.id.eq_ignore_ascii_case(id)
            })?;
            Some(Found { serial: *serial, number: record.number })
        });
        if kept.is_some() {
            return kept;
        }
        let id = Uuid::try_parse(id).ok()?;
        let first = |device: &&Device| {
            device.state == EnrollmentState::Enrolled && may_be_first(self.seed, &id, &device.serial)
        };
        let mut devices = here.tokens.iter().flat_map(|token| &token.devices).filter(first);
        let device = devices.find(|device| {
            record_id(self.seed, &here.id, &device.serial, 0) == id
                && self.handsets.get(&device.serial).is_none()
        })?;
        Some(Found { serial: device.serial, number: 0 })
    }

    /// A device, kept or as it follows from its identity; `None`: no token and no seed names it.
    pub fn handset(&self, serial: &Serial) -> Option<Cow<'_, Handset>> {
        if let Some(handset) = self.handsets.get(serial) {
            return Some(Cow::Borrowed(handset));
        }
        let (tenant, token, device) = self.identity_of(serial)?;
        Some(Cow::Owned(self.of_identity(tenant, token, device)))
    }

    /// The identity that a device follows from: the enrolled one, where there are several.
    fn identity_of(&self, serial: &Serial) -> Option<(&Tenant, &Token, &Device)> {
        let all = || {
            self.tenants.iter().flat_map(move |tenant| {
                tenant.tokens.iter().filter_map(move |token| Some((tenant, token, token.device(serial)?)))
            })
        };
        all().find(|(_, _, device)| device.state == EnrollmentState::Enrolled).or_else(|| all().next())
    }

    /// Begins to keep a device. `false`: there is none.
    pub(in crate::sim) fn touch(&mut self, serial: &Serial) -> bool {
        if self.handsets.get(serial).is_none() {
            let Some(handset) = self.handset(serial).map(Cow::into_owned) else { return false };
            self.handsets.by_serial.insert(*serial, handset);
        }
        true
    }

    /// Changes a device together with the world around it, in which it is not to be found meanwhile,
    /// and notes when something falls due for it next. `None`: there is no such device.
    pub(in crate::sim) fn with_handset<T>(
        &mut self,
        serial: &Serial,
        change: impl FnOnce(&mut World, &mut Handset) -> T,
    ) -> Option<T> {
        if !self.touch(serial) {
            return None;
        }
        let mut handset = self.handsets.by_serial.remove(serial)?;
        let result = change(self, &mut handset);
        if let Some(due) = handset.next_due() {
            self.handsets.agenda.insert((due, *serial));
        }
        self.handsets.by_serial.insert(*serial, handset);
        Some(result)
    }

    /// Puts a device there, or takes the place of one.
    pub(super) fn put_handset(&mut self, serial: Serial, handset: Handset) {
        self.handsets.by_serial.insert(serial, handset);
    }

    /// Begins to keep the devices whose identities the running syncs may take away: what enrolled
    /// stays enrolled wherever Apple points it.
    pub(in crate::sim) fn keep_leaving_devices(&mut self) {
        let leaving: Vec<Serial> = self
            .tenants
            .iter()
            .flat_map(|tenant| &tenant.tokens)
            .flat_map(|token| {
                let named = token.pending.keys().chain(token.at_apple.iter().map(|arrival| &arrival.serial));
                named.filter(|serial| {
                    let known = token.device(serial);
                    known.is_some_and(|device| device.state == EnrollmentState::Enrolled)
                })
            })
            .copied()
            .collect();
        for serial in leaving {
            self.touch(&serial);
        }
    }

    /// Changes the enrollment state of every identity of a device that has this one.
    pub(super) fn identities_become(
        &mut self,
        serial: &Serial,
        from: &[EnrollmentState],
        to: EnrollmentState,
    ) {
        for token in self.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens) {
            if let Some(device) = token.device_mut(serial).filter(|device| from.contains(&device.state)) {
                device.state = to;
            }
        }
    }

    /// The tenant and token at which a device would enroll now, as Apple points it; `None`: nowhere,
    /// or without a profile.
    pub(super) fn enrolling_place(&self, serial: &Serial) -> Option<(usize, usize)> {
        let places = self.tenants.iter().enumerate().flat_map(|(at, tenant)| {
            tenant.tokens.iter().enumerate().map(move |(token_at, token)| (at, token_at, token))
        });
        let mut found = None;
        for (tenant, at, token) in places {
            match token.pending.get(serial).map(|pending| pending.change) {
                // Apple points it here, and nobody here knows it yet.
                Some(PendingChange::Arrived { .. }) => return None,
                Some(PendingChange::Left | PendingChange::Released) => continue,
                None => {}
            }
            if token.device(serial).is_some_and(|device| !device.released && device.profile != 0) {
                found = found.or(Some((tenant, at)));
            }
        }
        found
    }

    /// The token that has a device, with a profile or without.
    pub(super) fn place_of(&self, serial: &Serial) -> Option<(usize, usize)> {
        self.tenants.iter().enumerate().find_map(|(tenant, here)| {
            let at = here.tokens.iter().position(|token| token.device(serial).is_some())?;
            Some((tenant, at))
        })
    }

    /// Points a device that no organization has at a token, at a Unix second.
    pub(in crate::sim) fn move_identity(&mut self, serial: &Serial, to: &str, at: i64) {
        let platform = self.handset(serial).and_then(|handset| handset.family.platform());
        for token in self.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens) {
            if token.id != to {
                token.leaves(serial, at, false);
            } else if let Some(platform) = platform {
                token.arrives(*serial, platform, at);
            }
        }
    }

    /// The live records of a tenant from a key on, each with its key, in the order of lists: those of
    /// the tokens' identities in their order, then the others.
    pub(in crate::sim) fn records_from(
        &self,
        tenant: usize,
        first: u64,
    ) -> impl Iterator<Item = (u64, Serial, Cow<'_, Handset>, u32)> {
        let here = &self.tenants[tenant];
        let of_tokens = here.tokens.iter().enumerate().flat_map(move |(token_at, token)| {
            let key = (token_at as u64) << 36;
            // Within a token, rows before the first key are not even looked at.
            let skip = first.saturating_sub(key).min(1 << 36) >> 4;
            token
                .devices
                .iter()
                .enumerate()
                .skip(skip as usize)
                .map(move |(at, device)| (key | ((at as u64) << 4), token, device))
        });
        let placed = of_tokens.flat_map(move |(key, token, device)| {
            let serial = device.serial;
            let handset = match self.handsets.get(&serial) {
                Some(handset) => Some(Cow::Borrowed(handset)),
                None if device.state == EnrollmentState::Enrolled => {
                    Some(Cow::Owned(self.of_identity(here, token, device)))
                }
                None => None,
            };
            // A serial that two tokens of the tenant have is listed where it stands first.
            let elsewhere = handset.is_some()
                && here.tokens.iter().find(|other| other.device(&serial).is_some()).map(|other| &other.id)
                    != Some(&token.id);
            let handset = handset.filter(|_| !elsewhere);
            handset.into_iter().flat_map(move |handset| rows(here, key, serial, handset))
        });
        // Their order follows from the serials, so that one more moves no other.
        let mut loose: Vec<(u64, &Serial, &Handset)> = self
            .handsets
            .iter()
            .filter(|(serial, _)| here.tokens.iter().all(|token| token.device(serial).is_none()))
            .map(|(serial, handset)| ((1 << 62) | (mix_text(9, serial.as_str()) >> 8 << 4), serial, handset))
            .collect();
        loose.sort_unstable_by_key(|(key, ..)| *key);
        let loose = loose
            .into_iter()
            .flat_map(move |(key, serial, handset)| rows(here, key, *serial, Cow::Borrowed(handset)));
        placed.chain(loose).filter(move |(key, ..)| *key >= first)
    }

    /// As [`World::records_from`], of one serial alone.
    pub(in crate::sim) fn records_of(
        &self,
        tenant: usize,
        serial: &Serial,
    ) -> Vec<(u64, Serial, Cow<'_, Handset>, u32)> {
        let here = &self.tenants[tenant];
        // Another device's record may show this serial.
        let shown = self.handsets.iter().enumerate().filter(|(_, (real, handset))| {
            *real != serial && handset.records.iter().any(|record| record.serial == Some(*serial))
        });
        let mut found: Vec<_> = match self.handset(serial) {
            Some(handset) => rows(here, 0, *serial, handset).collect(),
            None => Vec::new(),
        };
        found.extend(shown.flat_map(|(at, (real, handset))| {
            rows(here, ((at as u64) + 1) << 4, *real, Cow::Borrowed(handset))
        }));
        found.retain(|(_, real, handset, number)| {
            handset.record(*number).and_then(|record| record.serial).unwrap_or(*real) == *serial
        });
        found
    }
}

/// The live records that a device has in a tenant; at most 16 have a key of their own.
fn rows<'a>(
    tenant: &Tenant,
    key: u64,
    serial: Serial,
    handset: Cow<'a, Handset>,
) -> impl Iterator<Item = (u64, Serial, Cow<'a, Handset>, u32)> + use<'a> {
    let live = |record: &&Record| record.standing == Standing::Live && record.is_of(tenant);
    let numbers: Vec<u32> = handset.records.iter().filter(live).map(|record| record.number).collect();
    numbers
        .into_iter()
        .take(16)
        .enumerate()
        .map(move |(at, number)| (key | at as u64, serial, handset.clone(), number))
}

impl Record {
    /// Whether it is a tenant's.
    pub fn is_of(&self, tenant: &Tenant) -> bool {
        self.tenant.eq_ignore_ascii_case(&tenant.id)
    }
}

impl Handset {
    /// When something falls due next.
    fn next_due(&self) -> Option<Timestamp> {
        let ends = self.records.iter().flat_map(|record| &record.acts).filter_map(|act| act.ends);
        let leaving = self.records.iter().filter(|record| record.standing == Standing::Live);
        let leaves = leaving.filter_map(|record| record.leaves);
        [self.check_in, self.sets_up, self.reopens].into_iter().flatten().chain(ends).chain(leaves).min()
    }
}
