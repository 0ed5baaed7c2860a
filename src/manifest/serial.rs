//! Serial numbers as users write them. PURE.

use crate::model::Serial;

/// Serials with the line that names each: 20 bytes apiece.
pub type Serials = Vec<(Serial, u32)>;

/// Apple's serials have 8 to 14 characters; 15 leaves room.
const LEAST: usize = 8;

/// What is wrong with a serial.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The reason.
    pub message: String,
    /// What to do.
    pub next: String,
}

impl Mistake {
    /// A mistake with the usual advice.
    pub fn new(message: String) -> Self {
        Self { message, next: "copy the serial number from the device or from Apple's portal".into() }
    }

    fn next(message: String, next: String) -> Self {
        Self { message, next }
    }
}

/// Reads a serial of a document: exactly as Apple writes it.
pub fn in_document(text: &str) -> Result<Serial, Mistake> {
    match Serial::new(text) {
        Some(serial) if text.len() >= LEAST => Ok(serial),
        _ => {
            let cleaned = text.trim().to_ascii_uppercase();
            if cleaned != text && plausible(&cleaned).is_some() {
                let message =
                    format!("`{}` is no serial number as Apple writes it", super::check::shortened(text));
                return Err(Mistake::next(message, format!("did you mean `{cleaned}`?")));
            }
            Err(why_not(text))
        }
    }
}

/// Reads a serial of a CSV cell: trimmed and upper-cased.
pub fn in_csv(text: &str) -> Result<Serial, Mistake> {
    // Nearly every cell is a serial already; what begins with S may be a scanned label.
    let trimmed = text.trim();
    if let Some(serial) = plausible(trimmed)
        && !trimmed.starts_with('S')
    {
        return Ok(serial);
    }
    let cleaned = trimmed.to_ascii_uppercase();
    if is_scientific(&cleaned) {
        let message = format!(
            "`{cleaned}` is a number in scientific notation: a spreadsheet has destroyed the serial number"
        );
        return Err(Mistake::next(message, "format the column as text and export the file again".into()));
    }
    if let Some(mistake) = scanned(&cleaned) {
        return Err(mistake);
    }
    if let Some(serial) = plausible(&cleaned) {
        return Ok(serial);
    }
    let bare: String = cleaned.chars().filter(|one| !is_wrapping(*one)).collect();
    if bare != cleaned && plausible(&bare).is_some() {
        let shown = super::check::shortened(&cleaned);
        let message = format!("`{shown}` carries signs that no serial number has");
        return Err(Mistake::next(message, format!("did you mean `{bare}`?")));
    }
    Err(why_not(&cleaned))
}

/// Whether this is a scanned label: scanners put an S in front of the serial numbers on Apple's labels.
pub fn scanned(text: &str) -> Option<Mistake> {
    let rest =
        text.strip_prefix('S').filter(|rest| matches!(text.len(), 11 | 13) && plausible(rest).is_some())?;
    let message = format!("`{text}` has one character too many and begins with S, as a scanned label does");
    Some(Mistake::next(message, format!("did you mean `{rest}`?")))
}

/// What spreadsheets and scanners put around a serial number: `="…"`, an apostrophe, spaces in
/// groups, hyphens, marks without width.
fn is_wrapping(sign: char) -> bool {
    matches!(
        sign,
        '=' | '"' | '\'' | '-' | ' ' | '\u{a0}' | '\u{ad}' | '\u{200b}'
            ..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

fn plausible(text: &str) -> Option<Serial> {
    Serial::new(text).filter(|_| text.len() >= LEAST)
}

fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once('E') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let signed = exponent.strip_prefix(['+', '-']);
    let with_point = mantissa.split_once(['.', ',']);
    match (with_point, signed) {
        (Some((whole, rest)), exponent_of_sign) => {
            digits(whole) && digits(rest) && digits(exponent_of_sign.unwrap_or(exponent))
        }
        (None, Some(exponent)) => digits(mantissa) && digits(exponent),
        // `1E10` and the like may be what a spreadsheet made of a long number, but also the
        // beginning of a real serial number; those have eight characters at least.
        (None, None) => text.len() < LEAST && digits(mantissa) && digits(exponent),
    }
}

fn why_not(text: &str) -> Mistake {
    let shown = super::check::shortened(text);
    let length = text.chars().count();
    Mistake::new(if text.trim().is_empty() {
        "the serial number is empty".to_owned()
    } else if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        format!("`{shown}` is no serial number: only letters A-Z and digits")
    } else if length < LEAST {
        format!(
            "`{shown}` has {length} characters, a serial number has {LEAST} to {}: it was cut off",
            Serial::MAX_LEN
        )
    } else {
        format!("`{shown}` has {length} characters, a serial number has {LEAST} to {}", Serial::MAX_LEN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_lower_case_in_a_document_gets_a_hint() {
        let mistake = in_document("dmqvg1rfk1").unwrap_err();
        assert_eq!(mistake.next, "did you mean `DMQVG1RFK1`?");
        assert!(in_document("DMQVG1RFK1").is_ok());
    }

    #[test]
    fn a1_csv_cells_are_trimmed_and_upper_cased() {
        assert_eq!(in_csv(" dmqvg1rfk1 ").unwrap().as_str(), "DMQVG1RFK1");
    }

    #[test]
    fn a1_a_scanned_label_gets_a_hint() {
        assert_eq!(in_csv("SDMPXQ1RFK1FT").unwrap_err().next, "did you mean `DMPXQ1RFK1FT`?");
        assert_eq!(in_csv("SDMPXQ1RFK1").unwrap_err().next, "did you mean `DMPXQ1RFK1`?");
        assert!(in_csv("SMPXQ1RFK1").is_ok(), "a serial may begin with S");
    }

    #[test]
    fn a1_scientific_notation_is_refused() {
        for cell in ["1.23E+11", "1,5E+10", "5E+12", "1E10", "1.23457E11"] {
            assert!(in_csv(cell).unwrap_err().message.contains("scientific"), "{cell}");
        }
        assert!(in_csv("123E45678").is_ok());
    }

    #[test]
    fn a1_what_spreadsheets_put_around_a_serial_gets_a_hint() {
        for cell in ["=\"DMQVG1RFK1\"", "'DMQVG1RFK1", "DMQVG 1RFK1", "\u{200b}DMQVG1RFK1", "dmqvg-1rfk1"] {
            assert_eq!(in_csv(cell).unwrap_err().next, "did you mean `DMQVG1RFK1`?", "{cell:?}");
        }
    }

    #[test]
    fn a1_a_cut_off_serial_is_refused() {
        assert!(in_document("DMQV").unwrap_err().message.contains("cut off"));
        assert!(in_csv("").unwrap_err().message.contains("empty"));
    }
}
