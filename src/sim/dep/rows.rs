//! Devices as JSON, written as text: a page of a thousand costs no value per device.

use std::fmt::Write as _;

use crate::sim::apple::fleet::{Operation, Row};
use crate::sim::apple::{Service, hardware};
use crate::sim::world::mix_text;

/// Writes the devices of one answer.
pub(super) struct Rows<'a> {
    service: &'a Service,
    version: u32,
    empty_times: bool,
    /// `device_assigned_by` as JSON.
    assigned_by: String,
    out: String,
    written: u32,
}

impl<'a> Rows<'a> {
    /// For an answer in a protocol version. `empty_times`: what never was comes as an empty text.
    pub(super) fn new(service: &'a Service, version: u32, empty_times: bool, devices: usize) -> Self {
        let out = String::with_capacity(devices.saturating_mul(700));
        let assigned_by = quoted(service.admin_id());
        Self { service, version, empty_times, assigned_by, out, written: 0 }
    }

    /// A row of a list, with the operation that it tells of.
    pub(super) fn row(&mut self, row: &Row, operation: Option<&Operation>) {
        self.separate();
        self.open(row);
        if let Some(Operation { op, at, .. }) = operation {
            let special = self.service.fleet.extras(&row.serial);
            self.text("op_type", op.as_str());
            self.time("op_date", *at);
            if self.version >= 10 && row.gone && special.is_some_and(|extras| extras.released_by_replacement)
            {
                self.out.push_str(",\"released_by_replacement\":true");
            }
        }
        self.out.push('}');
    }

    /// A member of details: the device under its serial, or why it is not shown.
    pub(super) fn detail(&mut self, serial: &str, row: Option<&Row>) {
        self.separate();
        self.out.push_str(&quoted(serial));
        self.out.push(':');
        match row {
            Some(row) => {
                self.open(row);
                self.out.push_str(",\"response_status\":\"SUCCESS\"}");
            }
            None => self.out.push_str("{\"response_status\":\"NOT_ACCESSIBLE\"}"),
        }
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.out
    }

    fn separate(&mut self) {
        if self.written > 0 {
            self.out.push(',');
        }
        self.written += 1;
    }

    /// Everything but the closing brace.
    fn open(&mut self, row: &Row) {
        let hardware = hardware::at(row.hardware);
        let extras = self.service.fleet.extras(&row.serial);
        self.out.push_str("{\"serial_number\":\"");
        self.out.push_str(row.serial.as_str());
        self.out.push('"');
        match extras.and_then(|extras| extras.model.as_deref()) {
            Some(model) => {
                self.out.push_str(",\"model\":");
                self.out.push_str(&quoted(model));
            }
            None => self.text("model", hardware.model),
        }
        self.text("description", hardware.description);
        self.text("color", hardware.color);
        if let Some(tag) = extras.and_then(|extras| extras.asset_tag.as_deref()) {
            self.out.push_str(",\"asset_tag\":");
            self.out.push_str(&quoted(tag));
        }
        if self.version >= 2 {
            self.text("device_family", hardware.family.as_str());
            self.text("os", hardware.family.os(self.version));
        }
        self.text("profile_status", row.status.as_str());
        let service = self.service;
        if let Some(profile) = service.profiles.get(&row.profile) {
            self.text("profile_uuid", &profile.uuid);
        }
        self.time_or_never("profile_assign_time", row.profile_assigned);
        self.time_or_never("profile_push_time", row.profile_pushed);
        self.time("device_assigned_date", row.assigned);
        self.out.push_str(",\"device_assigned_by\":");
        // Some rows name nobody, as was seen.
        match mix_text(3, row.serial.as_str()) % 50 {
            0 => self.out.push_str("\"-1\""),
            _ => self.out.push_str(&self.assigned_by),
        }
        if self.version >= 8
            && let Some(deadline) = extras.and_then(|extras| extras.migration_deadline)
        {
            self.time("mdm_migration_deadline", deadline);
        }
        if self.version >= 10 {
            hardware::push_radios(&mut self.out, hardware, &row.serial);
            let replaces = extras.is_some_and(|extras| extras.replaces.is_some());
            self.out.push_str(",\"is_replacement_device\":");
            self.out.push_str(if replaces { "true" } else { "false" });
        }
    }

    /// A member whose text needs no escape.
    fn text(&mut self, name: &str, text: &str) {
        for part in [",\"", name, "\":\"", text, "\""] {
            self.out.push_str(part);
        }
    }

    fn time_or_never(&mut self, name: &str, at: i64) {
        if at != 0 {
            self.time(name, at);
        } else if self.empty_times {
            self.text(name, "");
        }
    }

    fn time(&mut self, name: &str, at: i64) {
        for part in [",\"", name, "\":\""] {
            self.out.push_str(part);
        }
        push_time(&mut self.out, at);
        self.out.push('"');
    }
}

/// A text as JSON.
pub(in crate::sim) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An instant as `2026-11-02T08:00:00Z`, from Unix seconds.
pub(in crate::sim) fn push_time(out: &mut String, at: i64) {
    let (days, seconds) = (at.div_euclid(86_400), at.rem_euclid(86_400));
    // The civil date of a number of days, with the year begun in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a text cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::Timestamp;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for at in [0, 951_782_399, 951_782_400, 1_709_164_800, 1_793_606_400, 4_102_444_799, 13_574_563_200] {
            let mut text = String::new();
            push_time(&mut text, at);
            let expected = Timestamp::from_second(at).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            assert_eq!(text, expected);
        }
    }
}
