//! The log of an ended activity: a CSV on a storage host, fetched without the bearer.
//!
//! ```text
//! KEY,value            some lines
//!
//! …,serial_number,…,operation_status,operation_substatus,…
//! one row per device; rows of different sections have different numbers of fields
//! ```
//!
//! The full list of columns is not published: they are found by name, and the text is kept as it came.
//! A serial that has no row is not told about, which is neither success nor failure.
//!
//! Source: reference apple-business-api section 6.4.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::USER_AGENT;
use url::Url;

use super::error::{BusinessError, Fault, Operation};
use super::wire::LogAddress;
use crate::http::redact::Redactor;
use crate::http::retry::{self, Attempts, Next, Repeat, Trouble};
use crate::http::{self, Answer};
use crate::model::Serial;
use crate::model::clock::{Clock, after};
use crate::model::organisation::ActivityRow;

/// The longest log that is read, in bytes: an activity has some thousand devices at most.
const LONGEST: usize = 16 << 20;
/// The longest word of a status that is kept, in characters.
const LONGEST_WORD: usize = 120;

/// Fetches logs. It has no bearer, and none can be given to it.
#[derive(Clone)]
pub struct LogReader {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    user_agent: String,
    patience: Duration,
    /// Addresses of this machine without TLS may be fetched.
    near: bool,
}

/// What the log of an activity told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityLog {
    /// The lines before the table, such as `SUB_STATUS`.
    pub preamble: Vec<(String, String)>,
    /// A row per device, by ascending serial.
    pub rows: Vec<ActivityRow>,
    /// Rows without a well-formed serial.
    pub without_serial: usize,
    /// The text as it came.
    pub raw: Bytes,
}

impl ActivityLog {
    /// Reads the text of a log.
    ///
    /// # Errors
    /// When it has no table of devices.
    pub fn read(text: Bytes) -> Result<Self, BusinessError> {
        read(text, &Redactor::default())
    }

    /// The row of a device; `None`: the log does not tell about it.
    pub fn of(&self, serial: &Serial) -> Option<&ActivityRow> {
        self.rows.binary_search_by(|row| row.serial.cmp(serial)).ok().map(|at| &self.rows[at])
    }
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http: _, clock: _, user_agent, patience, near } = self;
        f.debug_struct("LogReader")
            .field("user_agent", user_agent)
            .field("patience", patience)
            .field("near", near)
            .finish_non_exhaustive()
    }
}

impl LogReader {
    /// A reader beside a connection whose API is at `api`: logs of an API on this machine may be on this
    /// machine without TLS, all others are fetched by https alone.
    ///
    /// `http` should come from [`crate::http::client`]: it must not follow redirects.
    pub fn new(
        http: reqwest::Client,
        api: &Url,
        clock: Arc<dyn Clock>,
        user_agent: String,
        patience: Duration,
    ) -> Self {
        Self { http, clock, user_agent, patience, near: http::is_loopback(api) }
    }

    /// Fetches and reads a log.
    ///
    /// # Errors
    /// See [`BusinessError`]; whatever it is, what became of the devices is then not known from here.
    pub async fn fetch(&self, address: &LogAddress) -> Result<ActivityLog, BusinessError> {
        let operation = Operation::ReadLog;
        let own = |fault, message: &str| BusinessError::own(operation, fault, message);
        let Ok(url) = Url::parse(address.0.reveal()) else {
            return Err(own(Fault::LogAddress, "the address of the log is no URL"));
        };
        let is_near = self.near && http::is_loopback(&url) && url.scheme() == "http";
        if (url.scheme() != "https" && !is_near) || !url.username().is_empty() || url.password().is_some() {
            return Err(own(Fault::LogAddress, "the address of the log is not https"));
        }
        let redactor = Redactor::default();
        redactor.learn(&address.0);
        let mut attempts = Attempts::default();
        loop {
            let request = self.http.get(url.clone()).header(USER_AGENT, &self.user_agent);
            let (trouble, error) = match http::send_bounded(request, LONGEST).await {
                Ok(answer) if answer.status == 200 => return read(answer.body, &redactor),
                Ok(answer) => self.judge(&answer),
                Err(failure) => {
                    (Trouble::from(&failure), BusinessError::no_answer(operation, &failure, &redactor))
                }
            };
            let salt = self.clock.now().as_nanosecond() as u64;
            match attempts.after(trouble, Repeat::Read, self.patience, salt) {
                Next::Pause(pause) => self.clock.sleep(pause).await,
                Next::Renew | Next::GiveUp(_) => return Err(error),
            }
        }
    }

    /// Storage hosts quote the signature in their refusals: nothing of the body is told.
    fn judge(&self, answer: &Answer) -> (Trouble, BusinessError) {
        let pause = retry::retry_after(answer.header("retry-after"), self.clock.now());
        let (trouble, fault, message) = match answer.status {
            400 | 401 | 403 | 404 | 410 => {
                (Trouble::Refused, Fault::LogExpired, "the address of the log is no longer good")
            }
            429 => (Trouble::Throttled(pause), Fault::Throttled, "the storage host asks for patience"),
            408 | 500.. => (Trouble::Broken(pause), Fault::ServiceUnavailable, "the storage host failed"),
            _ => (Trouble::Refused, Fault::AnswerUnexpected, "a storage host does not answer so"),
        };
        let mut error = BusinessError::own(Operation::ReadLog, fault, message);
        error.status = Some(answer.status);
        error.not_before = pause.map(|pause| after(self.clock.now(), pause));
        (trouble, error)
    }
}

/// The columns of a section, by their place.
#[derive(Clone, Copy)]
struct Columns {
    serial: usize,
    status: usize,
    sub_status: Option<usize>,
}

/// Where the columns are, if a line is a header.
fn header(cells: &[String]) -> Option<Result<Columns, BusinessError>> {
    let plain = |cell: &String| cell.to_ascii_lowercase().replace([' ', '-'], "_");
    let names: Vec<String> = cells.iter().map(plain).collect();
    let at = |name: &str| names.iter().position(|column| column == name);
    let serial = at("serial_number").or_else(|| at("serialnumber"))?;
    Some(match at("operation_status") {
        Some(status) => Ok(Columns { serial, status, sub_status: at("operation_substatus") }),
        None => Err(unreadable("the log's table has no column `operation_status`")),
    })
}

fn unreadable(message: &str) -> BusinessError {
    BusinessError::own(Operation::ReadLog, Fault::LogUnreadable, message)
}

/// Reads the text of a log.
fn read(raw: Bytes, redactor: &Redactor) -> Result<ActivityLog, BusinessError> {
    let text = raw.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&raw);
    let mut lines =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text);
    let mut log = ActivityLog::default();
    let mut columns: Option<Columns> = None;
    let mut by_serial: BTreeMap<Serial, Option<String>> = BTreeMap::new();
    for line in lines.byte_records() {
        // Only what cannot happen in memory is an error here.
        let line = line.map_err(|_| unreadable("the log is no CSV"))?;
        let cells: Vec<String> = line.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
        if cells.iter().all(String::is_empty) {
            continue;
        }
        if let Some(found) = header(&cells) {
            columns = Some(found?);
            continue;
        }
        let Some(Columns { serial, status, sub_status }) = columns else {
            let mut cells = cells.into_iter();
            let key = cells.next().unwrap_or_default();
            log.preamble.push((key, cells.next().unwrap_or_default()));
            continue;
        };
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let Some(serial) = Serial::new(&cell(serial).to_ascii_uppercase()) else {
            log.without_serial += 1;
            continue;
        };
        let issue = issue(cell(status), sub_status.map(cell).unwrap_or_default(), redactor);
        // Of several rows about one device a trouble counts.
        let told = by_serial.entry(serial).or_insert(None);
        if told.is_none() {
            *told = issue;
        }
    }
    if columns.is_none() {
        return Err(unreadable("the log has no column `serial_number`"));
    }
    log.rows = by_serial.into_iter().map(|(serial, issue)| ActivityRow { serial, issue }).collect();
    log.raw = raw;
    Ok(log)
}

/// `None` for `SUCCESS`; else the words.
fn issue(status: &str, sub_status: &str, redactor: &Redactor) -> Option<String> {
    if status.eq_ignore_ascii_case("SUCCESS") {
        return None;
    }
    let words = match (status, sub_status) {
        ("", "") => "the log tells no status".to_owned(),
        ("", sub) => sub.to_owned(),
        (status, "") => status.to_owned(),
        (status, sub) => format!("{status}: {sub}"),
    };
    Some(redactor.clean(&words).chars().take(LONGEST_WORD).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Result<ActivityLog, BusinessError> {
        read(Bytes::from(text.to_owned()), &Redactor::default())
    }

    fn serial(text: &str) -> Serial {
        Serial::new(text).unwrap()
    }

    const USUAL: &str = "OPERATION,ASSIGN_DEVICES\nACTIVITY_ID,1\nSTARTED AT,2026-11-06\nSTATUS,COMPLETED\nSUB_STATUS,COMPLETED_WITH_ERROR,more\n\n\
        timestamp,serial_number,operation_status,operation_substatus\n\
        t,C,SUCCESS,\nt,A,SUCCESS\nt,B,ISSUE,DEVICE_NOT_FOUND,extra,fields\n";

    #[test]
    fn rows_are_found_by_the_names_of_their_columns() {
        let read = log(USUAL).unwrap();
        assert_eq!(read.preamble[4], ("SUB_STATUS".into(), "COMPLETED_WITH_ERROR".into()));
        let issues: Vec<_> =
            read.rows.iter().map(|row| (row.serial.as_str(), row.issue.as_deref())).collect();
        assert_eq!(issues, [("A", None), ("B", Some("ISSUE: DEVICE_NOT_FOUND")), ("C", None)]);
        assert_eq!(read.of(&serial("B")).unwrap().issue.as_deref(), Some("ISSUE: DEVICE_NOT_FOUND"));
        assert_eq!(read.of(&serial("D")), None, "it is not told about");
        assert_eq!(read.raw, USUAL.as_bytes());
        let other = USUAL.replace("\n", "\r\n").replace("serial_number", "\"Serial Number\"");
        assert_eq!(log(&format!("\u{feff}{other}")).unwrap().rows, read.rows);
    }

    #[test]
    fn only_success_is_success_and_trouble_outweighs_it() {
        let read = log("operation_status,serial_number\n\
            SUCCESS,A\nISSUE,A\nSUCCESS,A\nsuccess,b\nSUCCESSFUL,C\n,D\nFAILED\nSUCCESS,not a serial\n")
        .unwrap();
        let issues: Vec<_> =
            read.rows.iter().map(|row| (row.serial.as_str(), row.issue.as_deref())).collect();
        assert_eq!(
            issues,
            [
                ("A", Some("ISSUE")),
                ("B", None),
                ("C", Some("SUCCESSFUL")),
                ("D", Some("the log tells no status"))
            ]
        );
        assert_eq!(read.without_serial, 2);
    }

    #[test]
    fn a_second_table_has_columns_of_its_own() {
        let read = log("serial_number,operation_status\nA,SUCCESS\n\nSECTION,2\n\n\
            operation_status,operation_substatus,serial_number\nISSUE,LOCKED,B\n")
        .unwrap();
        // The line between the tables is a row without a serial: `SECTION` looks like one.
        assert_eq!(read.of(&serial("A")).unwrap().issue, None);
        assert_eq!(read.of(&serial("B")).unwrap().issue.as_deref(), Some("ISSUE: LOCKED"));
    }

    #[test]
    fn what_is_no_log_is_none() {
        for (text, word) in [
            ("", "serial_number"),
            ("<html>no</html>", "serial_number"),
            ("OPERATION,x\nSTATUS,COMPLETED\n", "serial_number"),
            ("serial_number,other\nA,SUCCESS\n", "operation_status"),
        ] {
            let error = log(text).unwrap_err();
            assert_eq!(error.code(), "activity-log-unreadable");
            assert!(error.message.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        let read = log(&format!("serial_number,operation_status\nA,{}\n", "x".repeat(4_000))).unwrap();
        assert_eq!(read.rows[0].issue.as_ref().unwrap().len(), LONGEST_WORD);
    }
}
