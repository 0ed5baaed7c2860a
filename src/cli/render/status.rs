//! One line per token and per other thing that expires, worst first.

use std::cmp::Reverse;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use super::JSON_VERSION;
use super::act_list::OpenAct;
use super::acts::actions;
use super::expiry::ExpiryRow;
use super::organisations::{self, OrganisationRow};
use super::text::{CREATE, ERROR, HINT, QUIET, WARN, clean, count, labelled, number, paint};
use crate::cli::exit::ExitCode;
use crate::model::clock::Timestamp;
use crate::model::live::Cause;
use crate::model::{Name, Realm, TokenId};

/// How a token is, or a connection of which nothing could be read. A number that is not known is
/// `None`, never 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusRow {
    /// The `Connection` document; `direct:` and the token for one that espalier itself holds.
    #[schemars(with = "String")]
    pub connection: Realm,
    /// The `EnrollmentToken` document; null for a whole connection.
    #[schemars(with = "Option<String>")]
    pub token: Option<Name>,
    /// The token's id at the service; null where it is not known.
    pub token_id: Option<TokenId>,
    /// When the token expires (T-6).
    #[schemars(with = "Option<String>")]
    pub expires: Option<Timestamp>,
    /// Whole days until then, negative when it is past; null where it is not known.
    pub days_to_expiry: Option<i64>,
    /// It expires within `Fleet.expiryWarning`, or has expired.
    pub expiry_warning: bool,
    /// When Intune last heard all of Apple (S-2).
    #[schemars(with = "Option<String>")]
    pub last_sync: Option<Timestamp>,
    /// `lastSyncErrorCode`; null for none.
    pub sync_error: Option<i64>,
    /// Devices of the token, released ones left out.
    pub devices: Option<u64>,
    /// Those of them that have no profile.
    pub unassigned: Option<u64>,
    /// Serials that documents name for the token and that it does not have.
    pub waiting: Option<u64>,
    /// The name of the server at Apple that a direct token belongs to; null where it is not known, and
    /// for a token of an MDM.
    pub server: Option<String>,
    /// Devices of a direct token that are left in peace for a while, because Apple limits them or
    /// failed on them.
    pub cooling: u64,
    /// Those of them on which Apple failed three times in a row: its support has to look.
    pub failing: u64,
    /// Writes of earlier runs of which it is not known what came of them.
    pub pending_intents: u64,
    /// Acts on its devices that have not ended; for a whole connection those of devices that are on no token.
    pub open_acts: u64,
    /// Those of them of which nobody knows what came: a person resolves them.
    pub unknown_acts: u64,
    /// Why nothing can be planned for it; null if something can.
    pub blocked: Option<BlockedStatus>,
}

/// Why nothing can be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedStatus {
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// What is the matter.
    pub reason: String,
    /// What to do next.
    pub next: String,
}

/// How a row is, from fine to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    /// Nothing to do.
    Fine,
    /// Serials wait, devices have no profile, or acts are open: told, never a trouble.
    Open,
    /// It expires soon, a sync failed, or the outcome of a write is not known.
    Attention,
    /// It has expired, or nothing can be planned for it.
    Bad,
}

impl StatusRow {
    /// How the row is.
    pub fn health(&self) -> Health {
        if self.blocked.is_some() || self.days_to_expiry.is_some_and(|days| days < 0) {
            Health::Bad
        } else if self.expiry_warning
            || self.sync_error.is_some()
            || self.pending_intents > 0
            || self.failing > 0
        {
            Health::Attention
        } else if self.waiting.unwrap_or(0) + self.unassigned.unwrap_or(0) + self.cooling + self.open_acts > 0
        {
            Health::Open
        } else {
            Health::Fine
        }
    }
}

/// The rows, worst first; among equals those that expire first, then by name.
pub fn worst_first(mut rows: Vec<StatusRow>) -> Vec<StatusRow> {
    rows.sort_by_cached_key(|row| {
        let days = row.days_to_expiry.unwrap_or(i64::MAX);
        (Reverse(row.health()), days, row.connection.clone(), row.token.clone())
    });
    rows
}

/// A line of the table.
enum Line {
    Token(StatusRow),
    Expiry(ExpiryRow),
}

impl Line {
    fn health(&self) -> Health {
        match self {
            Line::Token(row) => row.health(),
            Line::Expiry(row) => row.health(),
        }
    }

    fn days(&self) -> Option<i64> {
        match self {
            Line::Token(row) => row.days_to_expiry,
            Line::Expiry(row) => row.days_to_expiry,
        }
    }
}

/// All lines, worst first; among equals those that expire first, then tokens, then by name.
fn lines(rows: Vec<StatusRow>, expiring: Vec<ExpiryRow>) -> Vec<Line> {
    let mut lines: Vec<Line> = worst_first(rows).into_iter().map(Line::Token).collect();
    lines.extend(worst_first_expiring(expiring).into_iter().map(Line::Expiry));
    lines.sort_by_key(|line| (Reverse(line.health()), line.days().unwrap_or(i64::MAX)));
    lines
}

fn worst_first_expiring(mut rows: Vec<ExpiryRow>) -> Vec<ExpiryRow> {
    rows.sort_by_cached_key(|row| {
        let days = row.days_to_expiry.unwrap_or(i64::MAX);
        (Reverse(row.health()), days, row.connection.clone(), row.what, row.name.clone())
    });
    rows
}

/// The exit code of `status`: 8, 9 or 3 for what is blocked; else 2 for what needs attention, where
/// `--exit-code` (`asked`) wants to hear it.
pub fn exit_code(
    rows: &[StatusRow],
    expiring: &[ExpiryRow],
    organisations: &[OrganisationRow],
    asked: bool,
) -> ExitCode {
    let causes = rows.iter().filter_map(|row| row.blocked.as_ref()).map(|blocked| blocked.cause);
    let at_apple = organisations.iter().filter_map(|row| row.status.trouble.as_ref()).map(|one| one.cause);
    let worst =
        worst(rows, expiring).max(organisations.iter().map(|row| row.health).max().unwrap_or(Health::Fine));
    match ExitCode::of_trouble(causes.chain(at_apple)) {
        Some(code) => code,
        None if asked && worst >= Health::Attention => ExitCode::Changes,
        None => ExitCode::Done,
    }
}

fn worst(rows: &[StatusRow], expiring: &[ExpiryRow]) -> Health {
    let all = rows.iter().map(StatusRow::health).chain(expiring.iter().map(ExpiryRow::health));
    all.max().unwrap_or(Health::Fine)
}

/// The columns; all but the first two hold numbers or times.
const COLUMNS: [&str; 9] =
    ["", "TOKEN", "CONNECTION", "DAYS LEFT", "LAST SYNC", "DEVICES", "NO PROFILE", "WAITING", "OPEN"];

/// Shows the rows as a table, worst first, with what is the matter below it. The text has colours.
pub fn text(rows: Vec<StatusRow>, expiring: Vec<ExpiryRow>) -> String {
    let rows = lines(rows, expiring);
    if rows.is_empty() {
        return "No tokens.\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(COLUMNS);
    for row in &rows {
        table.add_row(match row {
            Line::Token(row) => cells(row),
            Line::Expiry(row) => expiry_cells(row),
        });
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if at >= 3 && at != 4 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut out = String::new();
    // The colour goes on whole lines, behind the layout, so that it counts for no width.
    let style = |row: &Line| match row.health() {
        Health::Bad => ERROR,
        Health::Attention => WARN,
        Health::Open => anstyle::Style::new(),
        Health::Fine => CREATE,
    };
    let styles = std::iter::once(super::text::BOLD).chain(rows.iter().map(style));
    for (line, style) in table.lines().zip(styles) {
        out.push_str(&paint(style, line.trim_end()).to_string());
        out.push('\n');
    }
    for row in &rows {
        match row {
            Line::Token(row) => matters(&mut out, row),
            Line::Expiry(row) => {
                let subject = format!("{} of {}", row.label(), row.connection.document());
                tell(&mut out, &subject, row.matters());
            }
        }
    }
    out
}

pub(super) fn mark(health: Health) -> String {
    match health {
        Health::Bad => "!",
        Health::Attention => "~",
        Health::Open => "=",
        Health::Fine => "+",
    }
    .to_owned()
}

fn days_left(days: Option<i64>) -> String {
    days.map_or("?".to_owned(), |days| days.to_string())
}

fn expiry_cells(row: &ExpiryRow) -> [String; 9] {
    let none = || "-".to_owned();
    let days = days_left(row.days_to_expiry);
    [
        mark(row.health()),
        row.label(),
        row.connection.to_string(),
        days,
        none(),
        none(),
        none(),
        none(),
        none(),
    ]
}

fn cells(row: &StatusRow) -> [String; 9] {
    let known = |count: Option<u64>| count.map_or("?".to_owned(), number);
    [
        mark(row.health()),
        row.token.as_ref().map_or("(all)".to_owned(), ToString::to_string),
        match &row.server {
            Some(server) => format!("{} ({})", row.connection, clean(server)),
            None => row.connection.to_string(),
        },
        days_left(row.days_to_expiry),
        row.last_sync.map_or("?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%MZ").to_string()),
        known(row.devices),
        known(row.unassigned),
        known(row.waiting),
        number(row.pending_intents),
    ]
}

/// What is the matter with a row, in words.
fn matters(out: &mut String, row: &StatusRow) {
    let mut matters: Vec<(String, String)> = Vec::new();
    if let Some(BlockedStatus { cause: _, reason, next }) = &row.blocked {
        matters.push((format!("blocked: {reason}"), next.clone()));
    }
    match row.days_to_expiry {
        Some(days) if days < 0 => matters.push((
            format!("the token expired {} ago (T-6)", count(days.unsigned_abs(), "day")),
            "renew it: enrollment and sync stand still until then".to_owned(),
        )),
        Some(days) if row.expiry_warning => {
            matters.push((
                format!("the token expires in {} (T-6)", count(days.unsigned_abs(), "day")),
                "renew it in time".to_owned(),
            ));
        }
        _ => {}
    }
    if let Some(code) = row.sync_error {
        let next = "look at the token in the Intune portal".to_owned();
        matters.push((format!("the last sync with Apple failed with code {code} (S-2)"), next));
    }
    if row.cooling > 0 {
        let text = format!(
            "{} left in peace, because Apple limits them or failed on them",
            count(row.cooling, "device")
        );
        matters.push((
            text,
            "nothing: a later apply tries them again; `espalier devices` tells when".to_owned(),
        ));
    }
    if row.failing > 0 {
        let text = format!("on {} of them Apple failed three times or more (A-3)", number(row.failing));
        matters.push((text, "ask Apple's support, with the serials that `espalier plan` names".to_owned()));
    }
    if row.pending_intents > 0 {
        let text =
            format!("it is not known what came of {} of earlier runs", count(row.pending_intents, "write"));
        matters.push((text, "apply again: it looks at the lists first".to_owned()));
    }
    if row.unknown_acts > 0 {
        let text = format!("nobody knows what came of {}", actions(row.unknown_acts));
        let next =
            "look at the devices, then `espalier action resolve`; `espalier action list --open` names them";
        matters.push((text, next.to_owned()));
    }
    let subject = match &row.token {
        Some(token) => format!("EnrollmentToken/{token}"),
        None => row.connection.document(),
    };
    tell(out, &subject, matters);
}

fn tell(out: &mut String, subject: &str, matters: Vec<(String, String)>) {
    if matters.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", clean(subject)));
    for (what, next) in matters {
        labelled(out, 2, paint(QUIET, "why"), 4, &what);
        labelled(out, 2, paint(HINT, "next"), 4, &next);
    }
}

/// What is the matter, below other rows with labels of eight letters.
pub(super) fn tell_rows(out: &mut String, matters: Vec<(String, String)>) {
    for (what, next) in matters {
        labelled(out, 2, paint(QUIET, "why"), 8, &what);
        labelled(out, 2, paint(HINT, "next"), 8, &next);
    }
}

/// The rows as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusJson {
    /// The version of this shape.
    pub version: u32,
    /// One per token, worst first.
    pub tokens: Vec<TokenStatusJson>,
    /// What expires besides, worst first.
    pub expiring: Vec<ExpiryStatusJson>,
    /// One per organisation at Apple, worst first.
    pub organisations: Vec<OrganisationRow>,
    /// Acts on devices that have not ended, worst first; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<OpenAct>,
}

/// Something that expires, with how it is.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryStatusJson {
    /// How it is.
    pub health: Health,
    /// The row.
    #[serde(flatten)]
    pub row: ExpiryRow,
}

/// A row with how it is.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatusJson {
    /// How it is.
    pub health: Health,
    /// The row.
    #[serde(flatten)]
    pub row: StatusRow,
}

/// Shows the rows as JSON, worst first.
pub fn json(
    rows: Vec<StatusRow>,
    expiring: Vec<ExpiryRow>,
    organisations: Vec<OrganisationRow>,
    acts: Vec<OpenAct>,
) -> String {
    let tokens =
        worst_first(rows).into_iter().map(|row| TokenStatusJson { health: row.health(), row }).collect();
    let expiring = worst_first_expiring(expiring)
        .into_iter()
        .map(|row| ExpiryStatusJson { health: row.health(), row })
        .collect();
    let organisations = organisations::worst_first(organisations);
    let status = StatusJson { version: JSON_VERSION, tokens, expiring, organisations, acts };
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&status).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::expiry::Expiring;
    use super::super::text::plain;
    use super::*;

    fn row(token: &str) -> StatusRow {
        StatusRow {
            connection: Realm::Mdm(Name::new("tenant").unwrap()),
            token: Some(Name::new(token).unwrap()),
            token_id: None,
            expires: None,
            days_to_expiry: Some(200),
            expiry_warning: false,
            last_sync: Some(Timestamp::UNIX_EPOCH),
            sync_error: None,
            devices: Some(12_500),
            unassigned: Some(0),
            waiting: Some(0),
            server: None,
            cooling: 0,
            failing: 0,
            pending_intents: 0,
            open_acts: 0,
            unknown_acts: 0,
            blocked: None,
        }
    }

    pub(in crate::cli) fn rows() -> Vec<StatusRow> {
        let blocked = BlockedStatus {
            cause: Cause::Unavailable,
            reason: "503 from the service".to_owned(),
            next: "try again later".to_owned(),
        };
        let whole = StatusRow {
            token: None,
            days_to_expiry: None,
            last_sync: None,
            devices: None,
            unassigned: None,
            waiting: None,
            blocked: Some(blocked),
            ..row("x")
        };
        vec![
            row("fine"),
            StatusRow { waiting: Some(3), unassigned: Some(40), ..row("open") },
            StatusRow { days_to_expiry: Some(12), expiry_warning: true, pending_intents: 1, ..row("soon") },
            whole,
            StatusRow { days_to_expiry: Some(-3), sync_error: Some(7), ..row("expired") },
        ]
    }

    #[test]
    fn the_worst_comes_first_with_its_reason() {
        insta::assert_snapshot!(plain(&text(rows(), Vec::new())), @r#"
           TOKEN    CONNECTION  DAYS LEFT  LAST SYNC          DEVICES  NO PROFILE  WAITING  OPEN
        !  expired  tenant             -3  1970-01-01 00:00Z   12,500           0        0     0
        !  (all)    tenant              ?  ?                        ?           ?        ?     0
        ~  soon     tenant             12  1970-01-01 00:00Z   12,500           0        0     1
        =  open     tenant            200  1970-01-01 00:00Z   12,500          40        3     0
        +  fine     tenant            200  1970-01-01 00:00Z   12,500           0        0     0

        EnrollmentToken/expired
          why  the token expired 3 days ago (T-6)
          next renew it: enrollment and sync stand still until then
          why  the last sync with Apple failed with code 7 (S-2)
          next look at the token in the Intune portal

        Connection/tenant
          why  blocked: 503 from the service
          next try again later

        EnrollmentToken/soon
          why  the token expires in 12 days (T-6)
          next renew it in time
          why  it is not known what came of 1 write of earlier runs
          next apply again: it looks at the lists first
        "#);
    }

    #[test]
    fn the_line_of_what_is_bad_is_red() {
        let coloured = text(rows(), Vec::new());
        insta::assert_snapshot!(coloured.lines().take(3).collect::<Vec<_>>().join("\n").replace('\x1b', "^"), @r#"
        ^[1m   TOKEN    CONNECTION  DAYS LEFT  LAST SYNC          DEVICES  NO PROFILE  WAITING  OPEN^[0m
        ^[1m^[31m!  expired  tenant             -3  1970-01-01 00:00Z   12,500           0        0     0^[0m
        ^[1m^[31m!  (all)    tenant              ?  ?                        ?           ?        ?     0^[0m
        "#);
    }

    pub(in crate::cli) fn expiring() -> Vec<ExpiryRow> {
        let push = ExpiryRow {
            what: Expiring::PushCertificate,
            connection: Realm::Mdm(Name::new("tenant").unwrap()),
            name: None,
            apple_id: Some("mdm@acme.example".to_owned()),
            expires: None,
            days_to_expiry: Some(9),
            expiry_warning: true,
            trouble: None,
        };
        let apps = ExpiryRow {
            what: Expiring::VppToken,
            name: Some("Apps".to_owned()),
            apple_id: None,
            days_to_expiry: Some(-1),
            ..push.clone()
        };
        let fine = ExpiryRow {
            days_to_expiry: Some(90),
            expiry_warning: false,
            name: Some("More apps".to_owned()),
            ..apps.clone()
        };
        vec![push, fine, apps]
    }

    #[test]
    fn t12_everything_that_expires_is_listed_worst_first() {
        let tokens = rows().into_iter().filter(|row| row.token.is_some()).collect();
        insta::assert_snapshot!(plain(&text(tokens, expiring())), @r#"
           TOKEN             CONNECTION  DAYS LEFT  LAST SYNC          DEVICES  NO PROFILE  WAITING  OPEN
        !  expired           tenant             -3  1970-01-01 00:00Z   12,500           0        0     0
        !  VPP Apps          tenant             -1  -                        -           -        -     -
        ~  push certificate  tenant              9  -                        -           -        -     -
        ~  soon              tenant             12  1970-01-01 00:00Z   12,500           0        0     1
        =  open              tenant            200  1970-01-01 00:00Z   12,500          40        3     0
        +  VPP More apps     tenant             90  -                        -           -        -     -
        +  fine              tenant            200  1970-01-01 00:00Z   12,500           0        0     0

        EnrollmentToken/expired
          why  the token expired 3 days ago (T-6)
          next renew it: enrollment and sync stand still until then
          why  the last sync with Apple failed with code 7 (S-2)
          next look at the token in the Intune portal

        VPP Apps of Connection/tenant
          why  the VPP token expired 1 day ago (P-4)
          next renew it in Apple Business and upload it to Intune; devices that wait for
               Company Portal are blocked once it has expired

        push certificate of Connection/tenant
          why  the Apple MDM push certificate expires in 9 days (T-12)
          next renew it with the same Apple account, never with another one: every
               device would have to enroll again (Apple account mdm@acme.example)

        EnrollmentToken/soon
          why  the token expires in 12 days (T-6)
          next renew it in time
          why  it is not known what came of 1 write of earlier runs
          next apply again: it looks at the lists first
        "#);
    }

    #[test]
    fn exit_codes_of_status() {
        assert_eq!(exit_code(&[], &expiring(), &[], true), ExitCode::Changes);
        assert_eq!(exit_code(&[], &expiring(), &[], false), ExitCode::Done);
        let rows = rows();
        assert_eq!(exit_code(&rows, &[], &[], false), ExitCode::Unavailable);
        assert_eq!(exit_code(&rows[..3], &[], &[], true), ExitCode::Changes);
        assert_eq!(exit_code(&rows[..3], &[], &[], false), ExitCode::Done);
        assert_eq!(exit_code(&rows[..2], &[], &[], true), ExitCode::Done);
    }

    #[test]
    fn json_tells_unknown_from_nothing() {
        let read: serde_json::Value =
            serde_json::from_str(&json(rows(), expiring(), Vec::new(), Vec::new())).unwrap();
        assert_eq!(read["version"], 1);
        assert_eq!(read["tokens"][1]["health"], "bad");
        let whole = read["tokens"].as_array().unwrap().iter().find(|row| row["token"].is_null()).unwrap();
        assert!(whole["devices"].is_null());
        assert_eq!(whole["blocked"]["cause"], "unavailable");
    }
}
