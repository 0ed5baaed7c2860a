//! The joined inventory: a row per device, written as it comes, for there can be 200,000 of them.

use std::io::{self, Write};

use serde::Serialize;

use super::JSON_VERSION;
use super::text::{BOLD, ERROR, HINT, NOTE, QUIET, clip, count, labelled, number, on_one_line, paint};
use crate::cli::duration;
use crate::engine::inventory::{AtApple, CodeState, LockSource, RecordSide};
pub use crate::engine::inventory::{DeviceRow, LockSide};
use crate::model::live::{Cause, EnrollmentState};
use crate::model::organisation::ActivationLock;
use crate::model::{Name, Realm};

/// What a device lacks on its way to being managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Lack {
    /// No device management service at Apple has it.
    Service,
    /// It is on a token and has no profile (P-31).
    Profile,
}

/// What a device lacks; `None`: nothing, or it is only waited for.
pub fn lack(row: &DeviceRow<'_>) -> Option<Lack> {
    if row.lacks_a_service() {
        Some(Lack::Service)
    } else if row.lacks_a_profile() {
        Some(Lack::Profile)
    } else {
        None
    }
}

/// A row, with what follows from it.
#[derive(Clone, Copy, Debug, Serialize, schemars::JsonSchema)]
pub struct ListedDevice<'a> {
    /// The device.
    #[serde(flatten)]
    pub row: DeviceRow<'a>,
    /// What it lacks; null for nothing.
    pub lacks: Option<Lack>,
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ListOf {
    /// The tokens of an MDM.
    Tokens,
    /// The profiles of a token: their names are not known.
    Profiles,
    /// The devices of a token, or of an organisation.
    Devices,
    /// The records of enrolled devices at an MDM.
    Records,
    /// The device management services of an organisation.
    Services,
    /// Everything that would have been read.
    Everything,
}

impl ListOf {
    const fn words(self) -> &'static str {
        match self {
            ListOf::Tokens => "its tokens",
            ListOf::Profiles => "the names of its profiles",
            ListOf::Devices => "its devices",
            ListOf::Records => "its records of enrolled devices",
            ListOf::Services => "its services",
            ListOf::Everything => "anything of it",
        }
    }
}

/// A list that could not be read to its end: devices may be missing, and sides of devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The service.
    #[schemars(with = "String")]
    pub connection: Realm,
    /// The token; null for a list of the whole connection.
    #[schemars(with = "Option<String>")]
    pub token: Option<Name>,
    /// What is not known.
    pub unknown: ListOf,
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// Why.
    pub reason: String,
    /// What to do next.
    pub next: String,
}

/// What a refresh of Activation Lock costs, and what this run spent on it (L-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockRefresh {
    /// The devices that are listed and that an organisation has: a call each.
    pub calls: u64,
    /// How many minutes that takes, within the calls of a minute; null where no organisation is there.
    pub minutes: Option<u64>,
    /// The most calls that this run was allowed.
    pub budget: u32,
    /// Devices whose status is of this run.
    pub fresh: u64,
    /// Devices whose status an earlier run was told.
    pub remembered: u64,
    /// Devices of which nothing is known.
    pub unknown: u64,
}

/// What is said of a list of devices as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The lists that could not be read.
    pub gaps: Vec<Gap>,
    /// Activation Lock was asked for.
    pub locks: Option<LockRefresh>,
}

/// `{"version": …, "complete": …, "devices": […]}`, for its schema. The text itself is written row by row.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct DevicesJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// Every list was read to its end: a device that is not here is in none of them.
    pub complete: bool,
    /// The lists that were not, and why.
    pub gaps: Vec<Gap>,
    /// What a refresh of Activation Lock costs; null without `--activation-lock`.
    pub locks: Option<LockRefresh>,
    /// The devices, in the order in which they were given.
    pub devices: Vec<ListedDevice<'a>>,
}

/// Writes the devices as JSON, one line each.
///
/// # Errors
/// Those of `out`.
pub fn json<'a>(
    out: &mut dyn Write,
    listing: &Listing,
    rows: impl Iterator<Item = DeviceRow<'a>>,
) -> io::Result<()> {
    let Listing { gaps, locks } = listing;
    write!(out, "{{\"version\": {JSON_VERSION}, \"complete\": {}, \"gaps\": ", gaps.is_empty())?;
    serde_json::to_writer(&mut *out, gaps)?;
    out.write_all(b", \"locks\": ")?;
    serde_json::to_writer(&mut *out, locks)?;
    out.write_all(b", \"devices\": [")?;
    for (at, row) in rows.enumerate() {
        out.write_all(if at == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, &ListedDevice { row, lacks: lack(&row) })?;
    }
    out.write_all(b"\n]}\n")
}

/// The columns of the CSV.
const CSV_COLUMNS: [&str; 28] = [
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
    "organisation",
    "serviceId",
    "status",
    "orderNumber",
    "purchaseSource",
    "productType",
    "lacks",
    "activationLock",
    "lockSource",
    "lockAt",
    "record",
    "enrolled",
    "name",
    "user",
    "bypassCode",
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
            &harmless(row.apple.and_then(|apple| apple.service).unwrap_or_default()),
            row.apple.and_then(|apple| apple.profile_status).unwrap_or_default(),
            row.apple.and_then(|apple| apple.organisation).unwrap_or_default(),
            row.apple.and_then(|apple| apple.service_id).map_or("", |id| id.as_str()),
            row.apple.and_then(|apple| apple.status).map_or("", at_apple),
            &harmless(row.apple.and_then(|apple| apple.order_number).unwrap_or_default()),
            row.apple.and_then(|apple| apple.purchase_source).unwrap_or_default(),
            &harmless(row.apple.and_then(|apple| apple.product_type).unwrap_or_default()),
            lack(&row).map_or("", lack_word),
            row.lock.map_or("", |lock| lock.state.map_or("unknown", lock_csv)),
            row.lock.map_or("", |lock| source(lock.source)),
            &row.lock.map_or(String::new(), |lock| lock.at.to_string()),
            record(&row).map_or("", |record| record.id),
            &record(&row).and_then(|record| record.enrolled).map_or(String::new(), |at| at.to_string()),
            &harmless(record(&row).map_or("", |record| record.name)),
            &harmless(record(&row).and_then(|record| record.user).unwrap_or_default()),
            row.bypass_code.map_or("", code_word),
        ])?;
    }
    csv.flush()
}

fn record<'a>(row: &DeviceRow<'a>) -> Option<RecordSide<'a>> {
    row.mdm.and_then(|mdm| mdm.record)
}

const fn code_word(code: CodeState) -> &'static str {
    match code {
        CodeState::Sealed => "sealed",
        CodeState::None => "none",
        CodeState::Unknown => "unknown",
    }
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

const fn at_apple(status: AtApple) -> &'static str {
    match status {
        AtApple::Assigned => "assigned",
        AtApple::Unassigned => "unassigned",
        AtApple::Unclear => "unclear",
    }
}

const fn lack_word(lack: Lack) -> &'static str {
    match lack {
        Lack::Service => "service",
        Lack::Profile => "profile",
    }
}

const fn lock_csv(lock: ActivationLock) -> &'static str {
    match lock {
        ActivationLock::Off => "off",
        ActivationLock::ByMdm => "byMdm",
        ActivationLock::ByUser => "byUser",
    }
}

const fn source(source: LockSource) -> &'static str {
    match source {
        LockSource::Apple => "apple",
    }
}

/// Activation Lock with its source and age, for people.
fn lock_words(row: &DeviceRow<'_>) -> String {
    let code = match row.bypass_code {
        Some(CodeState::Sealed) => ", code sealed",
        Some(CodeState::None) => ", no code",
        Some(CodeState::Unknown) | None => "",
    };
    format!("{}{code}", lock_state(row.lock))
}

fn lock_state(lock: Option<LockSide>) -> String {
    let Some(LockSide { state, source, at: _, age_seconds }) = lock else {
        return "not asked for".to_owned();
    };
    let state = match state {
        Some(ActivationLock::Off) => "off",
        Some(ActivationLock::ByMdm) => "on, by MDM",
        Some(ActivationLock::ByUser) => "on, by user",
        None => "unknown",
    };
    let source = match source {
        LockSource::Apple => "Apple",
    };
    let age =
        if age_seconds == 0 { "now".to_owned() } else { format!("{} ago", duration::words(age_seconds)) };
    format!("{state} ({source}, {age})")
}

/// The widest column of names.
const NAME_WIDTH: usize = 32;

/// How wide the columns are; 0 for one that is left out.
#[derive(Clone, Copy, Debug)]
struct Widths {
    serial: usize,
    model: usize,
    service: usize,
    token: usize,
    profile: usize,
    name: usize,
    user: usize,
    lock: usize,
}

impl Widths {
    fn of<'a>(listing: &Listing, rows: impl Iterator<Item = DeviceRow<'a>>) -> (Self, u64) {
        let chars = |text: &str| text.chars().count().min(NAME_WIDTH);
        let mut widths =
            Self { serial: 6, model: 0, service: 0, token: 5, profile: 7, name: 0, user: 0, lock: 0 };
        let mut devices = 0;
        for row in rows {
            widths.serial = widths.serial.max(row.serial.as_str().len());
            widths.token = widths.token.max(row.token.map_or(0, chars));
            widths.profile = widths.profile.max(chars(profile_name(&row)));
            widths.model = widths.model.max(row.model.map_or(0, |model| chars(model).max(5)));
            if row.apple.is_some_and(|apple| apple.organisation.is_some()) {
                widths.service = widths.service.max(chars(service_name(&row)).max(7));
            }
            if let Some(record) = record(&row) {
                widths.name = widths.name.max(chars(record.name).max(4));
                widths.user = widths.user.max(record.user.map_or(0, |user| chars(user).max(4)));
            }
            if listing.locks.is_some() {
                widths.lock = widths.lock.max(lock_words(&row).len().max(15));
            }
            devices += 1;
        }
        (widths, devices)
    }

    fn line(
        self,
        [serial, model, service, token, state, profile, name, user, lock, note]: [&str; 10],
    ) -> String {
        let Self {
            serial: for_serial,
            model: for_model,
            service: for_service,
            token: for_token,
            profile: for_profile,
            name: for_name,
            user: for_user,
            lock: for_lock,
        } = self;
        let mut line = format!("{serial:for_serial$}  ");
        let mut column = |text: &str, width: usize| {
            if width > 0 {
                line.push_str(&format!("{text:width$}  "));
            }
        };
        column(model, for_model);
        column(service, for_service);
        column(token, for_token);
        column(state, 12);
        column(profile, for_profile);
        column(name, for_name);
        column(user, for_user);
        column(lock, for_lock);
        line.push_str(note);
        line
    }
}

/// Writes the devices as a table. It goes over the rows twice: for the widths, and to write. Columns that
/// nobody tells anything for are left out: models and services, which only Apple knows.
///
/// # Errors
/// Those of `out`.
pub fn text<'a>(
    out: &mut dyn Write,
    listing: &Listing,
    rows: impl Iterator<Item = DeviceRow<'a>> + Clone,
) -> io::Result<()> {
    let (widths, devices) = Widths::of(listing, rows.clone());
    if devices > 0 {
        let heads = [
            "SERIAL",
            "MODEL",
            "SERVICE",
            "TOKEN",
            "STATE",
            "PROFILE",
            "NAME",
            "USER",
            "ACTIVATION LOCK",
            "NOTE",
        ];
        writeln!(out, "{}", paint(BOLD, widths.line(heads)))?;
    }
    for row in rows {
        let line = widths.line([
            row.serial.as_str(),
            &clip(&on_one_line(row.model.unwrap_or_default()), NAME_WIDTH),
            &clip(&on_one_line(service_name(&row)), NAME_WIDTH),
            &clip(row.token.unwrap_or("-"), NAME_WIDTH),
            standing(&row),
            &clip(&on_one_line(profile_name(&row)), NAME_WIDTH),
            &clip(&on_one_line(record(&row).map_or("-", |record| record.name)), NAME_WIDTH),
            &clip(&on_one_line(record(&row).and_then(|record| record.user).unwrap_or("-")), NAME_WIDTH),
            &lock_words(&row),
            &remarks(&row),
        ]);
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "{}", paint(QUIET, count(devices, "device")))?;
    let mut rest = String::new();
    if let Some(locks) = &listing.locks {
        lock_lines(&mut rest, locks);
    }
    gap_lines(&mut rest, &listing.gaps);
    out.write_all(rest.as_bytes())
}

/// What a refresh takes, and what this run did of it.
fn lock_lines(out: &mut String, locks: &LockRefresh) {
    let LockRefresh { calls, minutes, budget, fresh, remembered, unknown } = *locks;
    out.push_str("\nActivation Lock (L-2)\n");
    if minutes.is_none() {
        let next = "Apple alone tells it: add a Connection with `appleBusiness` or `appleSchool` for the organisation";
        labelled(out, 2, paint(HINT, "next"), 4, next);
        return;
    }
    let time = match minutes {
        Some(0 | 1) => ", about 1 minute within Apple's calls of a minute".to_owned(),
        Some(minutes) => format!(", about {} within Apple's calls of a minute", count(minutes, "minute")),
        None => String::new(),
    };
    labelled(
        out,
        2,
        paint(QUIET, "cost"),
        4,
        &format!("a refresh of all takes {}{time}", count(calls, "call")),
    );
    let told = format!(
        "{} asked for now, {} as an earlier run was told, {} not known; this run was allowed {}",
        number(fresh),
        number(remembered),
        number(unknown),
        count(u64::from(budget), "call"),
    );
    labelled(out, 2, paint(QUIET, "now"), 4, &told);
    let next = if calls == 0 || remembered + unknown == 0 {
        ""
    } else if u64::from(budget) < calls {
        "name the serials that matter, or allow more with `--calls N`; a later run goes on with those that were asked for longest ago"
    } else if fresh < calls {
        "run it again: not every call was answered, and what is not answered is unknown"
    } else {
        // The rest is in no organisation that was read: Apple cannot be asked for it.
        "nothing: every device that an organisation has was asked for; Apple tells nothing of those that none has"
    };
    if !next.is_empty() {
        labelled(out, 2, paint(HINT, "next"), 4, next);
    }
}

/// Which lists are not all there, and why.
fn gap_lines(out: &mut String, gaps: &[Gap]) {
    if gaps.is_empty() {
        return;
    }
    out.push_str(&format!(
        "\n{}\n",
        paint(ERROR, "Not all of them: what could not be read is unknown, not absent.")
    ));
    for gap in gaps {
        let subject = match &gap.token {
            Some(token) => format!("EnrollmentToken/{token}"),
            None => gap.connection.document(),
        };
        out.push_str(&format!("{subject}: {}\n", gap.unknown.words()));
        labelled(out, 2, paint(QUIET, "why"), 4, &gap.reason);
        labelled(out, 2, paint(HINT, "next"), 4, &gap.next);
    }
}

/// The service at Apple, where an organisation was read.
fn service_name<'a>(row: &DeviceRow<'a>) -> &'a str {
    let Some(apple) = row.apple else { return "-" };
    match apple.status {
        Some(AtApple::Unassigned) => "(none)",
        Some(AtApple::Unclear) => "(unclear)",
        _ => apple.service.or(apple.service_id.map(|id| id.as_str())).unwrap_or("?"),
    }
}

/// Where the device stands: at the MDM, or by Apple's word.
fn standing<'a>(row: &DeviceRow<'a>) -> &'a str {
    match (row.mdm, row.apple) {
        (Some(mdm), _) => state(mdm.state),
        // Of a device of no token nobody was asked for a profile.
        (None, Some(apple)) if row.token.is_some() => apple.profile_status.unwrap_or("unknown"),
        (None, _) => "-",
    }
}

fn profile_name<'a>(row: &DeviceRow<'a>) -> &'a str {
    row.profile.map_or("-", |profile| profile.name.unwrap_or(profile.id))
}

/// What is worth a word: what a person would look for in the row.
fn remarks(row: &DeviceRow<'_>) -> String {
    let mut remarks = Vec::new();
    match lack(row) {
        Some(Lack::Service) => remarks.push("at no service".to_owned()),
        Some(Lack::Profile) => remarks.push("no profile (P-31)".to_owned()),
        None => {}
    }
    if row.waiting {
        remarks.push("waiting for the service to show it".to_owned());
    }
    if let Some(apple) = row.apple {
        if apple.status == Some(AtApple::Unclear) {
            remarks.push("Apple's lists contradict each other".to_owned());
        }
        if let Some(other) = apple.also_in {
            remarks.push(format!("also in the organisation {other}"));
        }
        if apple.purchase_source == Some("manuallyAdded") {
            remarks.push("added by hand (A-5)".to_owned());
        }
        if let Some(deadline) = apple.migration.and_then(|migration| migration.deadline) {
            remarks.push(format!("to migrate by {}", deadline.strftime("%Y-%m-%d %H:%MZ")));
        }
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
#[path = "devices_tests.rs"]
pub(in crate::cli) mod tests;
