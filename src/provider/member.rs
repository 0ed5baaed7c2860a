//! Members of Apple's answers, read as freely as they are written: a long list must not fail for one odd
//! record. PURE.
//!
//! Null is the same as absent, texts borrow from the answer, what is no time is no time.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// A text that borrows from the page unless it holds escapes. (A bare `Option<Cow<str>>` would always
/// copy.)
#[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A word of a closed list that may grow.
pub(super) trait Word: Sized {
    fn of(word: &str) -> Self;
}

/// A text, or a number as text: production was seen to be free with `device_assigned_by`.
pub(super) fn text<'de, D: Deserializer<'de>>(read: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    struct Reader;
    impl<'de> Visitor<'de> for Reader {
        type Value = Option<Cow<'de, str>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }
        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Some(Cow::Borrowed(text)))
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(Cow::Owned(text.to_owned())))
        }
        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(Cow::Owned(number.to_string())))
        }
        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(Cow::Owned(number.to_string())))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    read.deserialize_any(Reader)
}

/// A word; the empty one is absent.
pub(super) fn word<'de, D: Deserializer<'de>, W: Word>(read: D) -> Result<Option<W>, D::Error> {
    struct Reader<W>(std::marker::PhantomData<W>);
    impl<W: Word> Visitor<'_> for Reader<W> {
        type Value = Option<W>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a word")
        }
        fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
            Ok((!word.is_empty()).then(|| W::of(word)))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    read.deserialize_any(Reader(std::marker::PhantomData))
}

/// A time; what is no time is absent, since one odd record must not hide all others.
pub(super) fn time<'de, D: Deserializer<'de>>(read: D) -> Result<Option<Timestamp>, D::Error> {
    struct Reader;
    impl Visitor<'_> for Reader {
        type Value = Option<Timestamp>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time")
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(instant(text))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    read.deserialize_any(Reader)
}

/// A truth value; null is false.
pub(super) fn flag<'de, D: Deserializer<'de>>(read: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(read)?.unwrap_or_default())
}

/// Reads a time. Nearly all are `2018-09-08T16:49:09Z` or `2018-09-08T16:49:09.123Z`, and a list has a million of them: this shape
/// is read by hand, every other as RFC 3339.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if text.is_empty() {
        return None;
    }
    usual_instant(text.as_bytes()).or_else(|| text.parse().ok())
}

fn usual_instant(text: &[u8]) -> Option<Timestamp> {
    // Apple's enrollment service writes whole seconds, Apple Business milliseconds.
    let (text, fraction) = match text.len() {
        20 => (text, &b"000"[..]),
        24 if text[19] == b'.' && text[23] == b'Z' => (text, &text[20..23]),
        _ => return None,
    };
    if [text[4], text[7], text[10], text[13], text[16]] != *b"--T::" || !matches!(text[19], b'Z' | b'.') {
        return None;
    }
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i64, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    let digits = |from: usize, to: usize| number(&text[from..to]);
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    // The last days of months are left to the thorough reader.
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, counted in years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Timestamp::from_millisecond(seconds * 1_000 + number(fraction)?).ok()
}

/// Why a successful answer cannot be read. The reader's own words may quote the answer, which may hold
/// anything: only the place is told, and which member is missing.
pub(super) fn why_unreadable(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let why = match words.split_once(" at line ") {
        Some((missing, _)) if missing.starts_with("missing field `") => missing,
        _ if error.is_eof() => "it ends too early",
        _ if error.is_data() => "a member has another type than documented",
        _ => "it is no JSON",
    };
    format!("the answer cannot be read: {why} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_hand_as_the_thorough_reader_reads_them() {
        for text in [
            "2018-09-08T16:49:09Z",
            "2018-09-08T16:49:09.123Z",
            "2024-02-29T23:59:59.999Z",
            "1999-12-31T00:00:00Z",
            "2026-01-28T00:00:00.000Z",
            "2026-03-01T12:00:00.5Z",
            "2026-03-01T12:00:00+02:00",
        ] {
            assert_eq!(instant(text), Some(text.parse().unwrap()), "{text}");
        }
        for text in
            ["", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.1x3Z", "2026-01-01", "yesterday at three"]
        {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
