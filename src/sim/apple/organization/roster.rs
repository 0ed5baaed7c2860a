//! The devices of an organization, and which service has each.
//!
//! A row keeps its position for ever, so that a cursor stays true while devices come and go; a
//! device that was released leaves its row behind.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::super::hardware::{self, Family, Hardware};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// How long the service before a change is remembered, in seconds: the longest lag there can be.
const REMEMBERED: i64 = 86_400;

/// A device of an organization, 48 bytes; what follows from the serial is not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The id of its resource.
    pub serial: Serial,
    /// Its model, a position in [`hardware::MODELS`].
    pub hardware: u8,
    /// The number of the service that has it; 0: none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub service: u16,
    /// The position of its order in [`Roster::orders`].
    pub order: u32,
    /// `addedToOrgDateTime`, Unix seconds.
    pub added: i64,
    /// `updatedDateTime`, Unix seconds.
    pub updated: i64,
    /// `releasedFromOrgDateTime`, Unix seconds; 0: it is in the organization.
    #[serde(default, skip_serializing_if = "is_never")]
    pub released: i64,
}

fn is_none(number: &u16) -> bool {
    *number == 0
}

fn is_never(at: &i64) -> bool {
    *at == 0
}

impl Row {
    /// What it is.
    pub fn hardware(&self) -> &'static Hardware {
        hardware::at(self.hardware)
    }

    /// Its family.
    pub fn family(&self) -> Family {
        self.hardware().family
    }

    /// Whether it was released.
    pub fn is_released(&self) -> bool {
        self.released != 0
    }
}

/// An order that devices came by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// `orderNumber`; empty for devices added by hand.
    pub number: String,
    /// `purchaseSourceType`
    pub source: Source,
    /// `purchaseSourceId`; empty where there is none.
    pub source_id: String,
    /// `orderDateTime`, Unix seconds.
    pub at: i64,
}

/// `purchaseSourceType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// Bought from Apple.
    #[default]
    Apple,
    /// Bought from a reseller.
    Reseller,
    /// Added with Apple Configurator.
    ManuallyAdded,
}

impl Source {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Apple => "APPLE",
            Source::Reseller => "RESELLER",
            Source::ManuallyAdded => "MANUALLY_ADDED",
        }
    }
}

/// `lockType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Lock {
    /// Not locked.
    #[default]
    None,
    /// By the MDM.
    Mdm,
    /// By the Apple Account of a person.
    User,
}

impl Lock {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Lock::None => "NONE",
            Lock::Mdm => "MDM",
            Lock::User => "USER",
        }
    }

    fn is_none(&self) -> bool {
        *self == Lock::None
    }
}

/// A migration from one MDM to another, with a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// `mdmMigrationStatus`
    pub status: MigrationStatus,
    /// Since when it has been so, Unix seconds.
    pub since: i64,
    /// `mdmMigrationDeadlineDateTime`, Unix seconds.
    pub deadline: i64,
}

/// `mdmMigrationStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum MigrationStatus {
    /// The device will be asked to.
    Requested,
    /// It is on its way.
    Started,
    /// It is there.
    Success,
    /// It did not get there.
    Failed,
}

impl MigrationStatus {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            MigrationStatus::Requested => "REQUESTED",
            MigrationStatus::Started => "STARTED",
            MigrationStatus::Success => "SUCCESS",
            MigrationStatus::Failed => "FAILED",
        }
    }
}

/// What few devices have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extras {
    /// `deviceModel`, where a seed named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its Activation Lock.
    #[serde(skip_serializing_if = "Lock::is_none")]
    pub lock: Lock,
    /// Whether what runs on it can migrate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub migrates: bool,
    /// The migration that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<Migration>,
    /// Who released it: `releaserEntityType` and `releaserId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub releaser: Option<(String, String)>,
}

/// A change of service that readers may not see yet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Change {
    /// When it was, Unix seconds.
    at: i64,
    /// The service before it.
    from: u16,
}

/// The devices of an organization.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roster {
    rows: Vec<Row>,
    /// The orders that devices came by.
    pub orders: Vec<Order>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extras: BTreeMap<Serial, Extras>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    changes: BTreeMap<Serial, Change>,
    #[serde(skip)]
    positions: HashMap<Serial, u32>,
}

impl Roster {
    /// All rows, in the order in which the devices came; released ones among them.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The devices of the organization.
    pub fn present(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.is_released())
    }

    /// How many rows there are, released devices among them.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there never was a device.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Makes room.
    pub fn reserve(&mut self, devices: usize) {
        self.rows.reserve(devices);
        self.positions.reserve(devices);
    }

    /// The row of a serial, released or not.
    pub fn row(&self, serial: &Serial) -> Option<&Row> {
        self.positions.get(serial).and_then(|at| self.rows.get(*at as usize))
    }

    /// The row of a device that is in the organization.
    pub fn device(&self, serial: &Serial) -> Option<&Row> {
        self.row(serial).filter(|row| !row.is_released())
    }

    /// What is special about a device; `None`: nothing.
    pub fn extras(&self, serial: &Serial) -> Option<&Extras> {
        self.extras.get(serial)
    }

    /// As [`Roster::extras`], to be changed.
    pub fn extras_mut(&mut self, serial: &Serial) -> &mut Extras {
        self.extras.entry(*serial).or_default()
    }

    /// Devices for which a migration was asked for.
    pub(super) fn migrations(&mut self) -> impl Iterator<Item = (&Serial, &mut Migration)> {
        self.extras.iter_mut().filter_map(|(serial, extras)| Some((serial, extras.migration.as_mut()?)))
    }

    /// The position of an order, which is noted where it is new.
    pub fn order(&mut self, order: Order) -> u32 {
        // Orders come one after the other: the last one is the likeliest.
        let known = self.orders.iter().rposition(|known| *known == order);
        known.unwrap_or_else(|| {
            self.orders.push(order);
            self.orders.len() - 1
        }) as u32
    }

    /// Adds a device, or takes one back that was released. `false`: it is there already.
    pub fn add(&mut self, row: Row) -> bool {
        match self.positions.get(&row.serial) {
            None => {
                self.positions.insert(row.serial, self.rows.len() as u32);
                self.rows.push(row);
                true
            }
            Some(at) => match self.rows.get_mut(*at as usize) {
                Some(known) if known.is_released() => {
                    self.extras.remove(&row.serial);
                    self.changes.remove(&row.serial);
                    *known = row;
                    true
                }
                _ => false,
            },
        }
    }

    /// Says what a device is and how it was bought.
    pub(super) fn set_origin(&mut self, serial: &Serial, hardware: u8, order: u32) {
        if let Some(row) = self.positions.get(serial).and_then(|at| self.rows.get_mut(*at as usize)) {
            row.hardware = hardware;
            row.order = order;
        }
    }

    /// Points a device at a service; 0: at none. Returns the one before; `None`: it is not there.
    pub(super) fn point(&mut self, serial: &Serial, to: u16, now: i64) -> Option<u16> {
        let at = *self.positions.get(serial)? as usize;
        let row = self.rows.get_mut(at).filter(|row| !row.is_released())?;
        let from = std::mem::replace(&mut row.service, to);
        row.updated = now;
        if from != to {
            self.changes.insert(*serial, Change { at: now, from });
        }
        Some(from)
    }

    /// Releases a device. Returns the service that had it; `None`: it is not there.
    pub(super) fn release(&mut self, serial: &Serial, now: i64, releaser: (&str, &str)) -> Option<u16> {
        let from = self.point(serial, 0, now)?;
        if let Some(row) = self.positions.get(serial).and_then(|at| self.rows.get_mut(*at as usize)) {
            row.released = now;
        }
        let extras = self.extras_mut(serial);
        extras.releaser = Some((releaser.0.to_owned(), releaser.1.to_owned()));
        extras.migration = None;
        Some(from)
    }

    /// The service that a reader sees who learns of changes so many seconds late; 0: none.
    pub fn seen(&self, row: &Row, lag: u32, now: i64) -> u16 {
        if lag == 0 {
            return row.service;
        }
        let change = self.changes.get(&row.serial).filter(|change| now < change.at + i64::from(lag));
        change.map_or(row.service, |change| change.from)
    }

    /// `isMdmMigrationCapable` as a reader sees it who learns of an assignment so many seconds late.
    pub fn may_migrate(&self, row: &Row, lag: u32, now: i64) -> bool {
        let Some(extras) = self.extras(&row.serial).filter(|extras| extras.migrates) else { return false };
        let begun = extras.migration.is_some_and(|one| one.status == MigrationStatus::Started);
        row.service != 0 && !begun && self.seen(row, lag, now) == row.service
    }

    /// Forgets what no reader can be late for any more.
    pub fn forget(&mut self, now: i64) {
        self.changes.retain(|_, change| change.at + REMEMBERED > now);
    }

    /// Finds the devices anew after the roster was read from a text.
    pub fn index(&mut self) {
        self.positions = self.rows.iter().enumerate().map(|(at, row)| (row.serial, at as u32)).collect();
    }

    /// When an order was made, and its texts.
    pub fn order_of(&self, row: &Row) -> Option<&Order> {
        self.orders.get(row.order as usize)
    }
}

/// Seconds as an instant.
pub fn instant(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH)
}
