//! Durations as users write them: `90s`, `15m`, `24h`, `30d`, `1h30m`. PURE.

use std::fmt::Write as _;
use std::time::Duration;

/// The units, greatest first, with their seconds.
const UNITS: [(char, u64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration like 90s, 15m, 24h, 30d or 1h30m")]
pub struct InvalidDuration(String);

/// Reads a duration: one or more whole numbers, each with a unit of `w d h m s`, greater units
/// first and each at most once. A bare number is refused, for its unit could only be guessed.
///
/// # Errors
/// [`InvalidDuration`], also for one that is too long to count in seconds.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let wrong = || InvalidDuration(text.to_owned());
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        // The iterator goes on where the last unit was found: that keeps order and uniqueness.
        let (_, worth) = units.find(|(unit, _)| *unit == character).ok_or_else(wrong)?;
        let count: u64 = number.parse().map_err(|_| wrong())?;
        seconds = count.checked_mul(*worth).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        number.clear();
    }
    if text.is_empty() || !number.is_empty() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(seconds))
}

/// Writes a duration for people, with its two greatest units: `4 s`, `3 min 20 s`, `2 h 5 min`.
pub fn words(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds % 86_400 / 3_600, "h"),
        (seconds % 3_600 / 60, "min"),
        (seconds % 60, "s"),
    ];
    let mut text = String::new();
    for (count, unit) in parts.into_iter().skip_while(|(count, _)| *count == 0).take(2) {
        if count > 0 {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a String does not fail.
            let _ = write!(text, "{space}{count} {unit}");
        }
    }
    if text.is_empty() { "0 s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        for (text, seconds) in [
            ("90s", 90),
            ("15m", 900),
            ("24h", 86_400),
            ("30d", 2_592_000),
            ("1h30m", 5_400),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "15", "m", "15 m", "-5m", "1.5h", "30m1h", "1m1m", "5y", "99999999999999999999s", "m5"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("99999999999999999w").is_err(), "too long to count");
    }

    #[test]
    fn durations_in_words() {
        for (seconds, text) in [
            (0, "0 s"),
            (4, "4 s"),
            (200, "3 min 20 s"),
            (3_600, "1 h"),
            (7_505, "2 h 5 min"),
            (86_460, "1 d"),
        ] {
            assert_eq!(words(seconds), text);
        }
    }
}
