//! Serial numbers out of CSV files. PURE: bytes in, serials or mistakes out.
//!
//! One bad line and the file contributes nothing: a list that is read by halves would look like
//! devices that nobody names.

use super::serial::{self, Serials};
use super::suggest;

/// A file that was read.
#[derive(Debug)]
pub struct Sheet {
    /// The serials with their lines, in the order of the file, repeated ones included.
    pub serials: Serials,
    /// How many rows repeat a serial of the file.
    pub repeated: usize,
    /// The delimiter that was found.
    pub delimiter: char,
    /// The encoding that was found.
    pub encoding: &'static str,
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

/// Reads the column of a file.
pub fn read(bytes: &[u8], column: &str) -> Result<Sheet, Vec<Mistake>> {
    let (text, encoding) = decode(bytes).map_err(|mistake| vec![mistake])?;
    let header = text.lines().find(|line| !line.trim().is_empty()).ok_or_else(|| {
        vec![Mistake::new(
            0,
            "the file is empty",
            "export it again; a heading line and the rows are expected",
        )]
    })?;
    let delimiter = delimiter_of(header, column);
    if let Some(line) = open_quote(&text, delimiter) {
        let message = "a quoted cell is never closed: the file was cut off, or a quote is missing";
        return Err(vec![Mistake::new(line, message, "export the file again")]);
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => {
            return Err(vec![Mistake::new(
                1,
                format!("the heading cannot be read: {error}"),
                "export the file again",
            )]);
        }
    };
    let at = column_of(&headers, column).map_err(|mistake| vec![mistake])?;
    let mut serials = Serials::new();
    let mut mistakes = Vec::new();
    let mut untold = 0usize;
    let mut row = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {
                let line = row.position().map_or(line, csv::Position::line);
                match cell(&row, at, headers.len(), line) {
                    Ok(serial) => serials.push((serial, u32::try_from(line).unwrap_or(u32::MAX))),
                    Err(mistake) if mistakes.len() < MOST_TOLD => mistakes.push(mistake),
                    Err(_) => untold += 1,
                }
            }
            Err(error) => {
                mistakes.push(Mistake::new(
                    line,
                    format!("the line cannot be read: {error}"),
                    "export the file again",
                ));
                break;
            }
        }
    }
    if untold > 0 {
        mistakes.push(Mistake::new(
            0,
            format!("{untold} further lines are bad"),
            "correct the first ones and validate again",
        ));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    if serials.is_empty() {
        return Err(vec![Mistake::new(
            0,
            "the file has a heading but no rows",
            "export it again, or remove it from the document",
        )]);
    }
    let repeated = count_repeated(&serials);
    Ok(Sheet { serials, repeated, delimiter: char::from(delimiter), encoding })
}

fn decode(bytes: &[u8]) -> Result<(std::borrow::Cow<'_, str>, &'static str), Mistake> {
    let (encoding, skip) = encoding_rs::Encoding::for_bom(bytes).unwrap_or((encoding_rs::UTF_8, 0));
    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[skip..]);
    match text {
        Some(text) if !text.contains('\0') => Ok((text, encoding.name())),
        _ => Err(Mistake::new(
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
        reader.records().next().and_then(Result::ok).is_some_and(|row| row.iter().any(|cell| cell == column))
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

fn cell(
    row: &csv::StringRecord,
    at: usize,
    columns: usize,
    line: u64,
) -> Result<crate::model::Serial, Mistake> {
    if row.len() != columns {
        let plural = if row.len() == 1 { "" } else { "s" };
        let message = format!("the line has {} column{plural}, the heading has {columns}", row.len());
        let next = if row.len() < columns {
            "the file may have been cut off: export it again"
        } else {
            "put cells that hold the delimiter into quotes"
        };
        return Err(Mistake::new(line, message, next));
    }
    serial::in_csv(row.get(at).unwrap_or_default())
        .map_err(|mistake| Mistake::new(line, mistake.message, mistake.next))
}

fn count_repeated(serials: &Serials) -> usize {
    let mut sorted: Vec<_> = serials.iter().map(|(serial, _)| *serial).collect();
    sorted.sort_unstable();
    sorted.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a1_repeated_serials_are_counted() {
        assert_eq!(read(b"Serial\nDMQVG1RFK1\ndmqvg1rfk1\nDMQVG1RFK2\n", "Serial").unwrap().repeated, 1);
    }
}
