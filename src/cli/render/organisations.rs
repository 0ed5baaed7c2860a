//! Organisations at Apple in `status`: a line each, worst first, and what is behind it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use super::status::Health;
use super::text::{
    BOLD, CREATE, ERROR, QUIET, WARN, clean, count, labelled, number, on_one_line, paint, some_of,
};
use crate::cli::duration;
use crate::engine::organisations::{OrganisationStatus, ServiceStatus};
use crate::model::clock::{Timestamp, between};
use crate::model::organisation::{ProductFamily, ServiceKind};

/// An organisation, with what the ledger tells beside it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganisationRow {
    /// How it is.
    pub health: Health,
    /// What was read, and what is remembered.
    #[serde(flatten)]
    pub status: OrganisationStatus,
    /// When Apple took on the oldest activity that nobody has seen end; null for none.
    #[schemars(with = "Option<String>")]
    pub oldest_activity: Option<Timestamp>,
}

impl OrganisationRow {
    /// A row; `oldest_activity` as the ledger has it.
    pub fn new(status: OrganisationStatus, oldest_activity: Option<Timestamp>) -> Self {
        Self { health: health(&status), status, oldest_activity }
    }
}

/// How an organisation is: what cannot be read is bad, what nobody placed or saw end is open.
fn health(status: &OrganisationStatus) -> Health {
    let open = [status.unassigned, status.unclear, status.orphans];
    if status.trouble.is_some() {
        Health::Bad
    } else if open.iter().any(|count| count.unwrap_or(0) > 0) || status.open_activities > 0 {
        Health::Open
    } else {
        Health::Fine
    }
}

/// The rows, worst first, then by name.
pub fn worst_first(mut rows: Vec<OrganisationRow>) -> Vec<OrganisationRow> {
    rows.sort_by(|a, b| {
        (Reverse(a.health), &a.status.connection).cmp(&(Reverse(b.health), &b.status.connection))
    });
    rows
}

const COLUMNS: [&str; 9] =
    ["", "ORGANISATION", "SERVICES", "DEVICES", "NO SERVICE", "ORPHANS", "KEY AGE", "POSTS LEFT", "OPEN"];

/// How many services a line names.
const SERVICES_SHOWN: usize = 8;

/// Shows organisations below the table of tokens; empty where there are none. `now` is the clock of the
/// services.
pub fn text(rows: Vec<OrganisationRow>, now: Timestamp) -> String {
    let rows = worst_first(rows);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(COLUMNS);
    for row in &rows {
        table.add_row(cells(row));
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if at >= 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = String::from("\n");
    let style = |row: &OrganisationRow| match row.health {
        Health::Bad => ERROR,
        Health::Attention => WARN,
        Health::Open => anstyle::Style::new(),
        Health::Fine => CREATE,
    };
    let styles = std::iter::once(BOLD).chain(rows.iter().map(style));
    for (line, style) in table.lines().zip(styles) {
        out.push_str(&format!("{}\n", paint(style, line.trim_end())));
    }
    for row in &rows {
        details(&mut out, row, now);
    }
    out
}

fn cells(row: &OrganisationRow) -> [String; 9] {
    let status = &row.status;
    let known = |count: Option<u64>| count.map_or("?".to_owned(), number);
    let services = status.services.as_ref().map(|services| services.len() as u64);
    [
        super::status::mark(row.health),
        status.connection.to_string(),
        known(services),
        known(status.devices),
        known(status.unassigned),
        known(status.orphans),
        status.key_age_days.map_or("?".to_owned(), |days| format!("{} d", number(days))),
        format!("{}/{}", status.posts_free, status.post_per_hour),
        number(status.open_activities),
    ]
}

fn details(out: &mut String, row: &OrganisationRow, now: Timestamp) {
    let status = &row.status;
    out.push_str(&format!("\nConnection/{} ({})\n", status.connection, status.edition.words()));
    let mut line = |label: &str, text: &str| labelled(out, 2, paint(QUIET, label), 8, text);
    if let Some(services) = &status.services {
        let shown = some_of(by_devices(services).into_iter().map(service), SERVICES_SHOWN);
        line("services", if shown.is_empty() { "none" } else { &shown });
        if let Some(families) = families(services) {
            line("families", &families);
        }
    }
    if status.reused {
        let age = duration::words(status.age_seconds);
        line("read", &format!("{age} ago by an earlier run (--max-age), at {}", status.read_at));
    }
    line("key", &key(status));
    line("calls", &calls(status));
    if status.open_migrations > 0 {
        line(
            "moving",
            &format!("{} asked for with a deadline (A-11)", count(status.open_migrations, "migration")),
        );
    }
    super::status::tell_rows(out, matters(row, now));
}

/// Those with the most devices first: of many the first ones are shown.
fn by_devices(services: &[ServiceStatus]) -> Vec<&ServiceStatus> {
    let mut all: Vec<&ServiceStatus> = services.iter().collect();
    all.sort_by_key(|service| Reverse(service.devices.or(service.device_count).unwrap_or(0)));
    all
}

fn service(service: &ServiceStatus) -> String {
    let devices = match (service.devices, service.device_count) {
        (Some(devices), _) => number(devices),
        (None, Some(about)) => format!("about {}", number(about)),
        (None, None) => "?".to_owned(),
    };
    let whose = match (service.kind, service.tokens.as_slice()) {
        (ServiceKind::Configurator, []) => "Apple Configurator".to_owned(),
        (ServiceKind::BuiltIn, []) => "Apple's own".to_owned(),
        (_, []) => "no document".to_owned(),
        (_, [token]) => format!("token {token}"),
        (_, tokens) => format!("tokens {}", some_of(tokens.iter(), 3)),
    };
    format!("{:?} {devices} ({whose})", on_one_line(&service.name))
}

/// Which service is the default of which families; `None` where nothing of it was read.
fn families(services: &[ServiceStatus]) -> Option<String> {
    let mut holders: BTreeMap<ProductFamily, Vec<&str>> = BTreeMap::new();
    let mut unread = Vec::new();
    for service in services {
        match &service.default_for {
            Some(families) => {
                families.iter().for_each(|family| holders.entry(*family).or_default().push(&service.name));
            }
            None => unread.push(service.name.as_str()),
        }
    }
    if unread.len() == services.len() {
        return None;
    }
    let held = holders.iter().map(|(family, names)| format!("{family}: {}", quoted(names)));
    let mut parts: Vec<String> = held.collect();
    if parts.is_empty() {
        parts.push("no service is the default of any".to_owned());
    }
    if !unread.is_empty() {
        parts.push(format!("not known of {}", quoted(&unread)));
    }
    Some(parts.join(", "))
}

fn quoted(names: &[&str]) -> String {
    some_of(names.iter().map(|name| format!("{:?}", on_one_line(name))), 3)
}

/// The age of the API key (T-12): Apple tells none, so that only its first use is known.
fn key(status: &OrganisationStatus) -> String {
    let key = clean(&status.key_id);
    match (status.key_known_since, status.key_age_days) {
        (Some(since), Some(days)) => format!(
            "{key}, made before {}: used for {} at least; Apple does not tell its age (T-12)",
            since.strftime("%Y-%m-%d"),
            count(days, "day"),
        ),
        _ => format!(
            "{key}, of an age that nobody knows: no apply has used it yet, and Apple does not tell (T-12)"
        ),
    }
}

fn calls(status: &OrganisationStatus) -> String {
    let next = match status.next_post {
        Some(at) if status.posts_free == 0 => {
            format!(", the next one fits at {}", at.strftime("%Y-%m-%d %H:%MZ"))
        }
        _ => String::new(),
    };
    format!(
        "{} of {} writes left in this hour{next}; {} a minute",
        status.posts_free,
        status.post_per_hour,
        count(u64::from(status.get_per_minute), "read"),
    )
}

/// What is the matter, each with what to do.
fn matters(row: &OrganisationRow, now: Timestamp) -> Vec<(String, String)> {
    let status = &row.status;
    let mut matters = Vec::new();
    if let Some(trouble) = &status.trouble {
        let what = if trouble.devices_only { "its devices are not known: " } else { "blocked: " };
        matters.push((format!("{what}{}", trouble.reason), trouble.next.clone()));
    }
    if let Some(orphans) = status.orphans.filter(|count| *count > 0) {
        let services = status.services.iter().flatten().filter(|service| service.is_orphan());
        let names: Vec<&str> = services.map(|service| service.name.as_str()).collect();
        matters.push((
            format!("{} at services that no document names: {} (T-11)", count(orphans, "device"), quoted(&names)),
            "name the service in `EnrollmentToken.apple`, or move the devices by a DeviceAssignment that names them".to_owned(),
        ));
    }
    for service in status.services.iter().flatten().filter(|service| service.tokens.len() > 1) {
        matters.push((
            format!(
                "the service {:?} is named by {} (A-2)",
                on_one_line(&service.name),
                count(service.tokens.len() as u64, "token")
            ),
            "let one token name it: a service at Apple belongs to one token".to_owned(),
        ));
    }
    if let Some(free) = status.unassigned.filter(|count| *count > 0) {
        matters.push((
            format!(
                "{} at no service: they reach no MDM when they are activated (A-2)",
                count(free, "device")
            ),
            "`espalier devices --unassigned` lists them; a DeviceAssignment with `token` moves them"
                .to_owned(),
        ));
    }
    if let Some(unclear) = status.unclear.filter(|count| *count > 0) {
        matters.push((
            format!(
                "of {} Apple's lists contradict each other, as they do for a while after a change",
                count(unclear, "device")
            ),
            "look again in some minutes: nothing is done with them until then".to_owned(),
        ));
    }
    if status.open_activities > 0 {
        let age = row.oldest_activity.map_or(String::new(), |at| {
            format!(", the oldest since {}", duration::words(between(at, now).as_secs()))
        });
        matters.push((
            format!("{} at Apple not seen to end{age} (A-2)", count_activities(status.open_activities)),
            "`espalier apply` follows them to their end; Apple keeps an activity for 30 days".to_owned(),
        ));
    }
    matters
}

fn count_activities(number_of: u64) -> String {
    if number_of == 1 { "1 activity".to_owned() } else { format!("{} activities", number(number_of)) }
}

#[cfg(test)]
#[path = "organisations_tests.rs"]
pub(in crate::cli) mod tests;
