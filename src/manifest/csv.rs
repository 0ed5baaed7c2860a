//! Serial numbers out of CSV files. PURE: bytes in, serials or mistakes out.
//!
//! One bad line and the file contributes nothing: a list that is read by halves would look like
//! devices that nobody names.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::serial::{self, Serials};
use super::suggest;
use crate::diag::words::count;

/// What is wanted of a file.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The heading of the column with the serials.
    pub column: &'a str,
    /// Only rows whose columns have these values.
    pub rows: &'a BTreeMap<String, String>,
    /// The heading of the column with the profiles' names.
    pub profile_column: Option<&'a str>,
}

/// A file that was read.
#[derive(Debug)]
pub struct Sheet {
    /// The serials with their lines, in the order of the file, repeated ones included. Empty only
    /// where `where` passes over every row.
    pub serials: Serials,
    /// What the column of profiles says of them.
    pub profiles: Option<Profiles>,
    /// How many rows `where` passed over.
    pub passed_over: usize,
    /// How many rows repeat a serial of the file.
    pub repeated: usize,
    /// The delimiter that was found.
    pub delimiter: char,
    /// The encoding that was found.
    pub encoding: &'static str,
}

/// A column of profiles' names: each text once.
#[derive(Debug, Default)]
pub struct Profiles {
    /// The texts, trimmed, with the first line of each.
    pub texts: Vec<(String, u32)>,
    /// For each serial, the place of its text.
    pub of_rows: Vec<u32>,
}

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line; 0: the file as a whole.
    pub line: u32,
    /// The reason.
    pub message: String,
    /// What to do.
    pub next: String,
}

impl Mistake {
    fn new(line: u64, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { line: u32::try_from(line).unwrap_or(u32::MAX), message: message.into(), next: next.into() }
    }
}

/// How many bad lines of a file are told one by one.
const MOST_TOLD: usize = 20;

/// Reads the columns of a file.
pub fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Sheet, Vec<Mistake>> {
    let (text, encoding) = decode(bytes).map_err(|mistake| vec![mistake])?;
    let text = with_plain_line_ends(text);
    let (text, said) = without_sep_line(&text);
    let header = text.lines().find(|line| !line.trim().is_empty()).ok_or_else(|| {
        vec![Mistake::new(
            0,
            "the file is empty",
            "export it again; a heading line and the rows are expected",
        )]
    })?;
    let delimiter = said.unwrap_or_else(|| delimiter_of(header, wanted.column));
    // The line that only tells the delimiter is a line of the file all the same.
    let above = u64::from(said.is_some());
    if let Some(line) = open_quote(text, delimiter) {
        let message = "a quoted cell is never closed: the file was cut off, or a quote is missing";
        return Err(vec![Mistake::new(line + above, message, "export the file again")]);
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.iter().map(str::trim).collect::<csv::StringRecord>(),
        Err(error) => {
            return Err(vec![Mistake::new(
                1 + above,
                format!("the heading cannot be read: {error}"),
                "export the file again",
            )]);
        }
    };
    let columns = Columns::of(&headers, wanted, above).map_err(|mistake| vec![mistake])?;
    let mut rows = Rows::default();
    let mut row = csv::StringRecord::new();
    loop {
        let line = reader.position().line() + above;
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {
                let line = row.position().map_or(line, |position| position.line() + above);
                rows.take(&row, &columns, line);
            }
            Err(error) => {
                rows.mistakes.push(Mistake::new(
                    line,
                    format!("the line cannot be read: {error}"),
                    "export the file again",
                ));
                break;
            }
        }
    }
    rows.finish(&columns, char::from(delimiter), encoding)
}

/// The columns that count.
struct Columns<'a> {
    all: usize,
    serial: usize,
    conditions: Vec<(usize, &'a str)>,
    profile: Option<usize>,
}

impl<'a> Columns<'a> {
    fn of(headers: &csv::StringRecord, wanted: &Wanted<'a>, above: u64) -> Result<Self, Mistake> {
        let at = |column: &str| {
            column_of(headers, column.trim()).map_err(|mut mistake| {
                mistake.line += u32::try_from(above).unwrap_or(0);
                mistake
            })
        };
        let mut conditions = Vec::with_capacity(wanted.rows.len());
        for (column, value) in wanted.rows {
            conditions.push((at(column)?, value.trim()));
        }
        Ok(Self {
            all: headers.len(),
            serial: at(wanted.column)?,
            conditions,
            profile: wanted.profile_column.map(at).transpose()?,
        })
    }
}

/// The rows read so far.
#[derive(Default)]
struct Rows {
    serials: Serials,
    profiles: Profiles,
    places: HashMap<String, u32>,
    passed_over: usize,
    mistakes: Vec<Mistake>,
    /// How many mistakes are told no more, and the line of the first.
    untold: (usize, u64),
}

impl Rows {
    fn take(&mut self, row: &csv::StringRecord, columns: &Columns<'_>, line: u64) {
        let whole = is_whole(row, columns.all, line);
        let is_meant = |(at, value): &(usize, &str)| row.get(*at).unwrap_or_default().trim() == *value;
        // A row that nobody asked for may hold anything, but a torn file is torn everywhere.
        if whole.is_ok() && !columns.conditions.iter().all(is_meant) {
            self.passed_over += 1;
            return;
        }
        let cell = row.get(columns.serial).unwrap_or_default();
        let serial = whole.and_then(|()| {
            serial::in_csv(cell).map_err(|mistake| Mistake::new(line, mistake.message, mistake.next))
        });
        match serial {
            Ok(serial) => {
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                self.serials.push((serial, line));
                if let Some(at) = columns.profile {
                    self.take_profile(row.get(at).unwrap_or_default().trim(), line);
                }
            }
            Err(mistake) if self.mistakes.len() < MOST_TOLD => self.mistakes.push(mistake),
            Err(_) => {
                let (count, first) = &mut self.untold;
                if *count == 0 {
                    *first = line;
                }
                *count += 1;
            }
        }
    }

    fn take_profile(&mut self, text: &str, line: u32) {
        let place = match self.places.get(text) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.profiles.texts.len()).unwrap_or(u32::MAX);
                self.profiles.texts.push((text.to_owned(), line));
                self.places.insert(text.to_owned(), place);
                place
            }
        };
        self.profiles.of_rows.push(place);
    }

    fn finish(
        mut self,
        columns: &Columns<'_>,
        delimiter: char,
        encoding: &'static str,
    ) -> Result<Sheet, Vec<Mistake>> {
        let (untold, first) = self.untold;
        if untold > 0 {
            let message = match untold {
                1 => "one further line is bad".to_owned(),
                _ => format!("{untold} further lines are bad, from this one on"),
            };
            self.mistakes.push(Mistake::new(first, message, "correct the first ones and validate again"));
        }
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        if self.serials.is_empty() && self.passed_over == 0 {
            let message = "the file has a heading but no rows";
            return Err(vec![Mistake::new(0, message, "export it again, or remove it from the document")]);
        }
        let repeated = count_repeated(&self.serials);
        Ok(Sheet {
            repeated,
            serials: self.serials,
            profiles: columns.profile.is_some().then_some(self.profiles),
            passed_over: self.passed_over,
            delimiter,
            encoding,
        })
    }
}

/// The text with `\n` at the end of each line, so that lines are counted as editors count them.
fn with_plain_line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// The text without a first line like `sep=;`, by which a spreadsheet tells the delimiter.
fn without_sep_line(text: &str) -> (&str, Option<u8>) {
    let first = text.lines().next().unwrap_or_default();
    let told = first.trim_matches('"').strip_prefix("sep=").map(str::as_bytes);
    match told {
        Some([delimiter @ (b',' | b';' | b'\t')]) => {
            (text[first.len()..].strip_prefix('\n').unwrap_or_default(), Some(*delimiter))
        }
        _ => (text, None),
    }
}

fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, &'static str), Mistake> {
    let (encoding, skip) = encoding_rs::Encoding::for_bom(bytes).unwrap_or((encoding_rs::UTF_8, 0));
    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[skip..]);
    match text {
        Some(text) if !text.contains('\0') => Ok((text, encoding.name())),
        Some(_) => Err(Mistake::new(
            0,
            "the file holds NUL signs: it is UTF-16 without a byte order mark, or no text",
            "save it as \"CSV UTF-8\", or as UTF-16 with a byte order mark",
        )),
        None => Err(Mistake::new(
            0,
            format!("the file is not valid {}", encoding.name()),
            "save it as \"CSV UTF-8\", or as UTF-16 with a byte order mark",
        )),
    }
}

/// The delimiter under which the heading holds the column; else the most frequent one.
fn delimiter_of(header: &str, column: &str) -> u8 {
    const KNOWN: [u8; 3] = [b',', b';', b'\t'];
    let holds = |delimiter: &u8| {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).delimiter(*delimiter).from_reader(header.as_bytes());
        reader
            .records()
            .next()
            .and_then(Result::ok)
            .is_some_and(|row| row.iter().any(|cell| cell.trim() == column.trim()))
    };
    let count = |delimiter: &u8| header.bytes().filter(|byte| byte == delimiter).count();
    let by_count = || KNOWN.into_iter().rev().max_by_key(count).unwrap_or(b',');
    // Where several fit, the heading is that column alone, or the frequent one decides.
    let fitting: Vec<u8> = KNOWN.into_iter().filter(holds).collect();
    fitting.iter().copied().rev().max_by_key(count).unwrap_or_else(by_count)
}

/// The line on which a quoted cell begins that is never closed.
fn open_quote(text: &str, delimiter: u8) -> Option<u64> {
    if !text.contains('"') {
        return None;
    }
    let (mut line, mut opened) = (1u64, None);
    let mut at_start = true;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\n' {
            line += 1;
        }
        if opened.is_some() {
            if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
                opened = None;
            }
            at_start = false;
        } else {
            if byte == b'"' && at_start {
                opened = Some(line);
            }
            at_start = byte == delimiter || byte == b'\n' || byte == b'\r';
        }
    }
    opened
}

fn column_of(headers: &csv::StringRecord, column: &str) -> Result<usize, Mistake> {
    let mut fitting = headers.iter().enumerate().filter(|(_, name)| *name == column).map(|(at, _)| at);
    match (fitting.next(), fitting.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => {
            Err(Mistake::new(1, format!("two columns are called `{column}`"), "rename one of the columns"))
        }
        (None, _) => {
            let next = match suggest::nearest(column, headers.iter()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    format!("the columns are: {}", headers.iter().take(20).collect::<Vec<_>>().join(", "))
                }
            };
            Err(Mistake::new(1, format!("there is no column `{column}`"), next))
        }
    }
}

/// Whether a row has as many cells as the heading.
fn is_whole(row: &csv::StringRecord, columns: usize, line: u64) -> Result<(), Mistake> {
    if row.len() == columns {
        return Ok(());
    }
    let message = format!("the line has {}, the heading has {columns}", count(row.len(), "column"));
    let next = if row.len() < columns {
        "the file may have been cut off: export it again"
    } else {
        "put cells that hold the delimiter into quotes"
    };
    Err(Mistake::new(line, message, next))
}

fn count_repeated(serials: &Serials) -> usize {
    let mut sorted: Vec<_> = serials.iter().map(|(serial, _)| *serial).collect();
    sorted.sort_unstable();
    sorted.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], column: &str) -> Result<Sheet, Vec<Mistake>> {
        super::read(bytes, &Wanted { column, rows: &BTreeMap::new(), profile_column: None })
    }

    fn serials(bytes: &[u8]) -> Vec<String> {
        read(bytes, "Serial").unwrap().serials.iter().map(|(s, l)| format!("{s}@{l}")).collect()
    }

    fn mistake(text: &str) -> Mistake {
        read(text.as_bytes(), "Serial").unwrap_err().remove(0)
    }

    #[test]
    fn a1_each_delimiter_is_found() {
        for (delimiter, text) in [
            (',', "Serial,Model\nDMQVG1RFK1,iPad\n"),
            (';', "Model;Serial\niPad, large;DMQVG1RFK1"),
            ('\t', "Serial\tA,B\r\nDMQVG1RFK1\tx\r\n"),
        ] {
            let sheet = read(text.as_bytes(), "Serial").unwrap();
            assert_eq!((sheet.delimiter, sheet.serials.len()), (delimiter, 1));
        }
    }

    #[test]
    fn a1_utf16_and_byte_order_marks_are_read() {
        let text = "Serial;Büro\ndmqvg1rfk1;ä\n";
        let utf16: Vec<u8> =
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(serials(&utf16), ["DMQVG1RFK1@2"]);
        assert_eq!(serials(format!("\u{feff}{text}").as_bytes()), ["DMQVG1RFK1@2"]);
        assert!(read(b"Serial\n\xff\xfe\xfd", "Serial").is_err());
    }

    #[test]
    fn a1_truncated_files_are_refused() {
        assert!(mistake("").message.contains("empty"));
        assert!(mistake("Serial,Model\nDMQVG1RFK1,iPad\nDMQVG1RFK2").message.contains("1 column,"));
        assert!(mistake("Serial,Model\nDMQVG1RFK1,\"iPad").message.contains("never closed"));
        assert!(mistake("Serial,Model\n").message.contains("no rows"));
    }

    #[test]
    fn a1_a_missing_column_gets_a_hint() {
        let mistake = mistake("serial,Model\nDMQVG1RFK1,iPad\n");
        assert_eq!((mistake.line, mistake.next.as_str()), (1, "did you mean `serial`?"));
    }

    #[test]
    fn a1_bad_lines_are_told_by_number() {
        let mistakes = read(b"Serial\nDMQVG1RFK1\n1.2E+11\nSDMPXQ1RFK1FT\n", "Serial").unwrap_err();
        assert_eq!(mistakes.iter().map(|m| m.line).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a1_only_the_rows_that_are_asked_for_are_looked_at() {
        let text = "Serial , Type,Site\nDMQVG1RFK1,iPad,A\nn/a,PC,A\nDMQVG1RFK2, iPad ,B\n";
        let rows = BTreeMap::from([("Type".to_owned(), "iPad".to_owned())]);
        let wanted = Wanted { column: "Serial", rows: &rows, profile_column: None };
        let sheet = super::read(text.as_bytes(), &wanted).unwrap();
        assert_eq!((sheet.serials.len(), sheet.passed_over), (2, 1));
        // A row that was cut off may have been any.
        let torn = super::read(format!("{text}DMQ").as_bytes(), &wanted).unwrap_err();
        assert_eq!(torn[0].line, 5);
        let rows = BTreeMap::from([("Typ".to_owned(), "iPad".to_owned())]);
        let wanted = Wanted { rows: &rows, ..wanted };
        assert_eq!(super::read(text.as_bytes(), &wanted).unwrap_err()[0].next, "did you mean `Type`?");
    }

    #[test]
    fn a3_a_column_names_the_profiles() {
        let text = "Serial,Profile\nDMQVG1RFK1,a\nDMQVG1RFK2, b\nDMQVG1RFK3,a\nDMQVG1RFK4,\n";
        let wanted = Wanted { column: "Serial", rows: &BTreeMap::new(), profile_column: Some("Profile") };
        let profiles = super::read(text.as_bytes(), &wanted).unwrap().profiles.unwrap();
        assert_eq!(profiles.of_rows, [0, 1, 0, 2]);
        assert_eq!(profiles.texts, [("a".to_owned(), 2), ("b".to_owned(), 3), (String::new(), 5)]);
    }

    #[test]
    fn a1_a_line_that_tells_the_delimiter_and_old_line_ends_are_read() {
        assert_eq!(serials(b"sep=;\r\nSerial;A,B\r\nDMQVG1RFK1;x\r\n"), ["DMQVG1RFK1@3"]);
        assert_eq!(read(b"Serial,A\rDMQVG1RFK1,x\rDMQVG1RFK2,y", "Serial").unwrap().serials.len(), 2);
        let mistake = read(b"sep=;\nSerial;A\nDMQVG1RFK1", "Serial").unwrap_err().remove(0);
        assert_eq!(mistake.line, 3);
    }

    #[test]
    fn a1_repeated_serials_are_counted() {
        assert_eq!(read(b"Serial\nDMQVG1RFK1\ndmqvg1rfk1\nDMQVG1RFK2\n", "Serial").unwrap().repeated, 1);
    }
}
