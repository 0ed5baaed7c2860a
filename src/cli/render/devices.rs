//! The joined inventory: a row per device, written as it comes, for there can be 200,000 of them.

use std::io::{self, Write};

use serde::Serialize;

use super::JSON_VERSION;
use super::text::{BOLD, NOTE, QUIET, clip, count, on_one_line, paint};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::model::live::EnrollmentState;

/// One device. The borrowed texts are interned by those who read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRow<'a> {
    /// The serial number.
    pub serial: Serial,
    /// The model as Apple words it; null where only Intune is read, which does not know it before a
    /// device is enrolled.
    pub model: Option<&'a str>,
    /// The product family in Apple's word, likewise.
    pub family: Option<&'a str>,
    /// Apple's side; null for a device of a token that an MDM holds.
    pub apple: Option<AppleSide<'a>>,
    /// The MDM's side; null for a serial that it does not have.
    pub mdm: Option<MdmSide>,
    /// The name of the `EnrollmentToken` document on which the device is; null for a serial that is on none.
    pub token: Option<&'a str>,
    /// The profile that the device has for its next activation; null for none.
    pub profile: Option<ProfileRef<'a>>,
    /// The name of the `EnrollmentProfile` document that an assignment wishes; null for a device
    /// that no document names.
    pub wished_profile: Option<&'a str>,
    /// A document names the serial and the service does not have it yet.
    pub waiting: bool,
    /// Until when it is left in peace, because Apple limits it or failed on it; null: it is not.
    #[schemars(with = "Option<String>")]
    pub cooling_until: Option<Timestamp>,
}

impl DeviceRow<'_> {
    /// Whether the device cannot enroll for want of a profile (P-31): one that the service has and
    /// that was not released at Apple.
    pub fn lacks_a_profile(&self) -> bool {
        self.profile.is_none() && !self.waiting && self.mdm.is_none_or(|mdm| !mdm.released)
    }
}

/// What Apple's enrollment service knows of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleSide<'a> {
    /// The device management service ("MDM server") that it is assigned to.
    pub service: &'a str,
    /// `profile_status` in Apple's word: `empty`, `assigned`, `pushed`, `removed`; null for another.
    pub profile_status: Option<&'a str>,
}

/// What the MDM knows of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MdmSide {
    /// Where the device is on its way to being enrolled.
    pub state: EnrollmentState,
    /// Released at Apple, and listed for some weeks still (S-6).
    pub released: bool,
    /// Whether it is supervised.
    pub supervised: bool,
}

/// A live profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRef<'a> {
    /// Its display name; null where the list of profiles does not have it.
    pub name: Option<&'a str>,
    /// Its id at the service.
    pub id: &'a str,
}

/// `{"version": …, "devices": […]}`, for its schema. The text itself is written row by row.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DevicesJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// The devices, in the order in which they were given.
    pub devices: Vec<DeviceRow<'a>>,
}

/// Writes the devices as JSON, one line each.
///
/// # Errors
/// Those of `out`.
pub fn json<'a>(out: &mut dyn Write, rows: impl Iterator<Item = DeviceRow<'a>>) -> io::Result<()> {
    write!(out, "{{\"version\": {JSON_VERSION}, \"devices\": [")?;
    for (at, row) in rows.enumerate() {
        out.write_all(if at == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, &row)?;
    }
    out.write_all(b"\n]}\n")
}

/// The columns of the CSV.
const CSV_COLUMNS: [&str; 13] = [
    "serial",
    "token",
    "state",
    "released",
    "supervised",
    "profile",
    "profileId",
    "wishedProfile",
    "waiting",
    "family",
    "model",
    "service",
    "profileStatus",
];

/// Writes the devices as CSV with a header; unknown and absent values are empty.
///
/// # Errors
/// Those of `out`.
pub fn csv<'a>(out: &mut dyn Write, rows: impl Iterator<Item = DeviceRow<'a>>) -> io::Result<()> {
    let word = |value: bool| if value { "true" } else { "false" };
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(CSV_COLUMNS)?;
    for row in rows {
        csv.write_record([
            row.serial.as_str(),
            row.token.unwrap_or_default(),
            row.mdm.map_or("", |mdm| state(mdm.state)),
            row.mdm.map_or("", |mdm| word(mdm.released)),
            row.mdm.map_or("", |mdm| word(mdm.supervised)),
            &harmless(row.profile.and_then(|profile| profile.name).unwrap_or_default()),
            row.profile.map_or("", |profile| profile.id),
            row.wished_profile.unwrap_or_default(),
            word(row.waiting),
            row.family.unwrap_or_default(),
            &harmless(row.model.unwrap_or_default()),
            &harmless(row.apple.map_or("", |apple| apple.service)),
            row.apple.and_then(|apple| apple.profile_status).unwrap_or_default(),
        ])?;
    }
    csv.flush()
}

/// A display name that a spreadsheet does not take for a formula.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

const fn state(state: EnrollmentState) -> &'static str {
    match state {
        EnrollmentState::Unknown => "unknown",
        EnrollmentState::Enrolled => "enrolled",
        EnrollmentState::PendingReset => "pendingReset",
        EnrollmentState::Failed => "failed",
        EnrollmentState::NotContacted => "notContacted",
        EnrollmentState::Blocked => "blocked",
        EnrollmentState::Removed => "removed",
    }
}

/// The widest column of names.
const NAME_WIDTH: usize = 32;

/// Writes the devices as a table. It goes over the rows twice: for the widths, and to write.
///
/// # Errors
/// Those of `out`.
pub fn text<'a>(out: &mut dyn Write, rows: impl Iterator<Item = DeviceRow<'a>> + Clone) -> io::Result<()> {
    let (mut serial, mut token, mut profile, mut devices) = (6, 5, 7, 0);
    // Only Apple tells models: without any there is no such column.
    let mut model = 0;
    for row in rows.clone() {
        serial = serial.max(row.serial.as_str().len());
        token = token.max(row.token.map_or(0, |token| token.chars().count().min(NAME_WIDTH)));
        profile = profile.max(profile_name(&row).chars().count().min(NAME_WIDTH));
        model = model.max(row.model.map_or(0, |model| model.chars().count().min(NAME_WIDTH) + 2));
        devices += 1;
    }
    let model = if model > 0 { model.max(7) } else { 0 };
    if devices > 0 {
        let state = "STATE";
        let what = if model > 0 { "MODEL" } else { "" };
        let header = format!(
            "{:serial$}  {what:model$}{:token$}  {state:12}  {:profile$}  NOTE",
            "SERIAL", "TOKEN", "PROFILE"
        );
        writeln!(out, "{}", paint(BOLD, header))?;
    }
    for row in rows {
        let name = on_one_line(profile_name(&row));
        let line = format!(
            "{:serial$}  {:model$}{:token$}  {:12}  {:profile$}  {}",
            row.serial,
            clip(&on_one_line(row.model.unwrap_or_default()), NAME_WIDTH),
            clip(row.token.unwrap_or("-"), NAME_WIDTH),
            standing(&row),
            clip(&name, NAME_WIDTH),
            remarks(&row),
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "{}", paint(QUIET, count(devices, "device")))
}

/// Where the device stands: at the MDM, or by Apple's word.
fn standing<'a>(row: &DeviceRow<'a>) -> &'a str {
    match (row.mdm, row.apple) {
        (Some(mdm), _) => state(mdm.state),
        (None, Some(apple)) => apple.profile_status.unwrap_or("unknown"),
        (None, None) => "-",
    }
}

fn profile_name<'a>(row: &DeviceRow<'a>) -> &'a str {
    row.profile.map_or("-", |profile| profile.name.unwrap_or(profile.id))
}

/// What is worth a word: what a person would look for in the row.
fn remarks(row: &DeviceRow<'_>) -> String {
    let mut remarks = Vec::new();
    if row.waiting {
        remarks.push("waiting for the service to show it".to_owned());
    }
    if let Some(until) = row.cooling_until {
        remarks.push(format!("left in peace until {}", until.strftime("%Y-%m-%d %H:%MZ")));
    }
    if let Some(mdm) = row.mdm {
        if mdm.released {
            remarks.push("released at Apple".to_owned());
        }
        if mdm.state == EnrollmentState::Enrolled && !mdm.supervised {
            remarks.push("not supervised".to_owned());
        }
    }
    if let Some(wished) = row.wished_profile {
        remarks.push(format!("document {wished}"));
    }
    if remarks.is_empty() { String::new() } else { paint(NOTE, remarks.join(", ")).to_string() }
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;

    #[test]
    fn p31_a_device_that_was_released_or_is_awaited_does_not_lack_a_profile() {
        let lacking = rows().into_iter().map(|row| DeviceRow { profile: None, ..row });
        for row in lacking {
            let released = row.mdm.is_some_and(|mdm| mdm.released);
            assert_eq!(row.lacks_a_profile(), !released && !row.waiting, "{row:?}");
        }
        let rows = rows();
        let of =
            |is_meant: fn(&MdmSide) -> bool| rows.iter().find(|row| row.mdm.as_ref().is_some_and(is_meant));
        assert!(!DeviceRow { profile: None, ..*of(|mdm| mdm.released).unwrap() }.lacks_a_profile());
        assert!(DeviceRow { profile: None, ..*of(|mdm| !mdm.released).unwrap() }.lacks_a_profile());
    }

    pub(in crate::cli) fn rows() -> Vec<DeviceRow<'static>> {
        let serial = |text| Serial::new(text).unwrap();
        let bare = DeviceRow {
            serial: serial("C02X0001"),
            model: None,
            family: None,
            apple: None,
            mdm: None,
            token: None,
            profile: None,
            wished_profile: None,
            waiting: false,
            cooling_until: None,
        };
        let mdm = MdmSide { state: EnrollmentState::Enrolled, released: false, supervised: true };
        let profile = ProfileRef { name: Some("=iPads; \"all\""), id: "9bb2" };
        vec![
            DeviceRow {
                mdm: Some(mdm),
                token: Some("school"),
                profile: Some(profile),
                wished_profile: Some("ipads"),
                ..bare
            },
            DeviceRow { serial: serial("C02X0002"), wished_profile: Some("ipads"), waiting: true, ..bare },
            DeviceRow {
                serial: serial("C02X0003"),
                mdm: Some(MdmSide {
                    state: EnrollmentState::NotContacted,
                    released: true,
                    supervised: false,
                }),
                token: Some("school"),
                profile: Some(ProfileRef { name: None, id: "77" }),
                ..bare
            },
        ]
    }

    fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        plain(&String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_table_for_people() {
        insta::assert_snapshot!(written(|out| text(out, rows().into_iter())), @r#"
        SERIAL    TOKEN   STATE         PROFILE        NOTE
        C02X0001  school  enrolled      =iPads; "all"  document ipads
        C02X0002  -       -             -              waiting for the service to show it, document ipads
        C02X0003  school  notContacted  77             released at Apple
        3 devices
        "#);
        insta::assert_snapshot!(written(|out| text(out, std::iter::empty())), @"0 devices");
    }

    #[test]
    fn apples_side_is_shown_with_the_model() {
        let bare = rows()[1];
        let apple = |profile_status| Some(AppleSide { service: "Lab", profile_status });
        let rows = [
            DeviceRow {
                waiting: false,
                model: Some("iPad Air"),
                family: Some("iPad"),
                token: Some("school"),
                apple: apple(Some("assigned")),
                profile: Some(ProfileRef { name: Some("iPads"), id: "9bb2" }),
                ..bare
            },
            DeviceRow {
                waiting: false,
                token: Some("school"),
                apple: apple(None),
                cooling_until: Some("2026-11-03T08:00:00Z".parse().unwrap()),
                ..bare
            },
        ];
        insta::assert_snapshot!(written(|out| text(out, rows.into_iter())), @r"
        SERIAL    MODEL     TOKEN   STATE         PROFILE  NOTE
        C02X0002  iPad Air  school  assigned      iPads    document ipads
        C02X0002            school  unknown       -        left in peace until 2026-11-03 08:00Z, document ipads
        2 devices
        ");
    }

    #[test]
    fn json_has_both_sides_in_every_row() {
        let text = written(|out| json(out, rows().into_iter()));
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["version"], 1);
        assert_eq!(read["devices"].as_array().unwrap().len(), 3);
        assert_eq!(
            read["devices"][0],
            serde_json::json!({
                "serial": "C02X0001", "model": null, "family": null, "apple": null,
                "mdm": {"state": "enrolled", "released": false, "supervised": true},
                "token": "school", "profile": {"name": "=iPads; \"all\"", "id": "9bb2"},
                "wishedProfile": "ipads", "waiting": false, "coolingUntil": null,
            })
        );
        assert!(read["devices"][1]["mdm"].is_null());
        let none = written(|out| json(out, std::iter::empty()));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&none).unwrap()["devices"],
            serde_json::json!([])
        );
    }

    #[test]
    fn csv_is_quoted_and_no_formula() {
        insta::assert_snapshot!(written(|out| csv(out, rows().into_iter())), @r#"
        serial,token,state,released,supervised,profile,profileId,wishedProfile,waiting,family,model,service,profileStatus
        C02X0001,school,enrolled,false,true,"'=iPads; ""all""",9bb2,ipads,false,,,,
        C02X0002,,,,,,,ipads,true,,,,
        C02X0003,school,notContacted,true,false,,77,,false,,,,
        "#);
    }

    #[test]
    fn many_rows_are_written_as_they_come() {
        struct Count(usize);
        impl Write for Count {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += bytes.iter().filter(|byte| **byte == b'\n').count();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let row = rows()[0];
        let mut lines = Count(0);
        text(&mut lines, std::iter::repeat_n(row, 20_000)).unwrap();
        assert_eq!(lines.0, 20_002);
        let mut lines = Count(0);
        json(&mut lines, std::iter::repeat_n(row, 20_000)).unwrap();
        assert_eq!(lines.0, 20_002);
    }
}
