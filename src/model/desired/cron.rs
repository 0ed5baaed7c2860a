//! When a window begins: the five fields of cron, read strictly.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The longest expression, in bytes.
const LONGEST: usize = 400;

/// One of the five fields.
struct Field {
    name: &'static str,
    range: RangeInclusive<u8>,
    names: &'static [&'static str],
    /// The number of the first name.
    first: u8,
}

const MINUTE: Field = Field { name: "minute", range: 0..=59, names: &[], first: 0 };
const HOUR: Field = Field { name: "hour", range: 0..=23, names: &[], first: 0 };
const DAY: Field = Field { name: "day of month", range: 1..=31, names: &[], first: 1 };
const MONTH: Field = Field {
    name: "month",
    range: 1..=12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    first: 1,
};
/// Sunday is 0 and 7.
const WEEKDAY: Field = Field {
    name: "day of week",
    range: 0..=7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    first: 0,
};

/// What `@daily` and its like are in five fields.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The days that each month can have.
const LONGEST_MONTH: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// When something begins, as cron has it: minute, hour, day of month, month, day of week. A day counts
/// where both days do; where both are restricted, where one does (POSIX, crontab).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Cron {
    text: String,
    /// The minutes of a day at which it begins, ascending.
    minutes: Vec<u16>,
    is_hourly: bool,
    days: Set,
    months: Set,
    weekdays: Set,
}

/// A set of small numbers, and whether the field was `*`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Set {
    bits: u64,
    is_any: bool,
    /// It begins with `*` and has a step.
    is_stepped_any: bool,
}

impl Set {
    fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| number < 64 && self.bits >> number & 1 == 1)
    }

    fn numbers(self) -> impl Iterator<Item = u8> {
        (0..64u8).filter(move |number| self.bits >> number & 1 == 1)
    }
}

impl Cron {
    /// Reads five fields.
    ///
    /// # Errors
    /// What is wrong and what to write instead, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} characters"));
        }
        if text.starts_with('@') {
            let known = SHORTHANDS.into_iter().find(|(short, _)| short.eq_ignore_ascii_case(text));
            return Err(match known {
                Some((_, fields)) => format!("`{text}` has to be written out: `{fields}`"),
                None => {
                    format!("`{text}` is not five fields: minute, hour, day of month, month, day of week")
                }
            });
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            let hint = if fields.len() == 6 { "; there are no seconds and no years" } else { "" };
            return Err(format!(
                "it has {} fields, and needs five: minute, hour, day of month, month, day of week{hint}",
                fields.len()
            ));
        };
        let (minutes, hours) = (MINUTE.read(minute)?, HOUR.read(hour)?);
        let (days, months) = (DAY.read(day)?, MONTH.read(month)?);
        let mut weekdays = WEEKDAY.read(weekday)?;
        weekdays.bits = (weekdays.bits | weekdays.bits >> 7) & 0x7f;
        let is_stepped = |one: Set, other: Set| one.is_stepped_any && !other.is_any;
        if is_stepped(days, weekdays) || is_stepped(weekdays, days) {
            return Err(
                "a step over all days beside another restriction of days is read differently by every cron: write the days out"
                    .to_owned(),
            );
        }
        let exists = |month: u8, day: u8| day <= LONGEST_MONTH[usize::from(month - 1)];
        if weekdays.is_any && !months.numbers().any(|month| days.numbers().any(|day| exists(month, day))) {
            return Err("there is no such day: none of its months has that many".to_owned());
        }
        let minutes = hours
            .numbers()
            .flat_map(|hour| minutes.numbers().map(move |minute| u16::from(hour) * 60 + u16::from(minute)));
        Ok(Self {
            text: fields.join(" "),
            minutes: minutes.collect(),
            is_hourly: hours.numbers().count() == 24,
            days,
            months,
            weekdays,
        })
    }

    /// The five fields with one space between them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it begins on this day.
    pub fn is_on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let (day, weekday) = (self.days.has(date.day()), self.weekdays.has(weekday));
        let is_day = if self.days.is_any || self.weekdays.is_any { day && weekday } else { day || weekday };
        self.months.has(date.month()) && is_day
    }

    /// The minutes of such a day at which it begins, counted from midnight, ascending; at least one.
    pub fn minutes(&self) -> &[u16] {
        &self.minutes
    }

    /// Whether it begins in every hour, and so in every hour that there really is: not in one that is
    /// skipped when clocks are put forward, and twice in one that is repeated.
    pub fn is_hourly(&self) -> bool {
        self.is_hourly
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.text)
    }
}

impl TryFrom<String> for Cron {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}

impl Field {
    fn read(&self, text: &str) -> Result<Set, String> {
        let mut bits = 0u64;
        for item in text.split(',') {
            bits |= self.item(item).map_err(|fault| format!("{} `{text}`: {fault}", self.name))?;
        }
        let is_any = text == "*";
        Ok(Set { bits, is_any, is_stepped_any: !is_any && text.contains('*') })
    }

    /// One of the items between commas: `*`, a number, a range, each but the number with a step.
    fn item(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (first, last) = (*self.range.start(), *self.range.end());
        let (begin, end) = if range == "*" {
            // Sunday is not to be counted twice by a step.
            (first, if self.names.len() == 7 { 6 } else { last })
        } else if let Some((begin, end)) = range.split_once('-') {
            self.range(begin, end)?
        } else {
            let one = self.number(range)?;
            if step.is_some() {
                return Err(format!("a step needs a range: `{one}-{last}/…` or `*/…`"));
            }
            (one, one)
        };
        let step = match step {
            None => 1,
            Some(step) => match step.parse::<u8>() {
                Ok(number) if number > 0 && step.bytes().all(|byte| byte.is_ascii_digit()) => number,
                _ => return Err(format!("`{step}` is no step: a number from 1 on")),
            },
        };
        if step > 1 && usize::from(step) > usize::from(end - begin) {
            return Err(format!(
                "the step {step} leads beyond the range, so that only {begin} is left: write that"
            ));
        }
        Ok((begin..=end).step_by(usize::from(step)).fold(0, |bits, number| bits | 1 << number))
    }

    fn range(&self, begin: &str, end: &str) -> Result<(u8, u8), String> {
        let (from, mut to) = (self.number(begin)?, self.number(end)?);
        // A week may end with its Sunday.
        if self.names.len() == 7 && to == 0 && from > 0 {
            to = 7;
        }
        if from > to {
            return Err(format!("the range `{begin}-{end}` runs backwards: write two, with a comma"));
        }
        Ok((from, to))
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let lower = text.to_ascii_lowercase();
        if let Some(index) = self.names.iter().position(|name| *name == lower) {
            return Ok(self.first + index as u8);
        }
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(number) =
            text.parse::<u8>().ok().filter(|number| is_digits && self.range.contains(number))
        {
            return Ok(number);
        }
        let (first, last) = (self.range.start(), self.range.end());
        let named = self.names.iter().find(|name| lower.len() > 3 && lower.starts_with(*name));
        Err(match named {
            Some(name) => format!("`{text}` is no {}; did you mean `{name}`?", self.name),
            None if text.is_empty() => "there is nothing between two of its signs".to_owned(),
            None if is_digits => format!("`{text}` is out of range, which is {first} to {last}"),
            None if ["?", "L", "W", "#"].iter().any(|sign| text.contains(sign)) => {
                format!("`{text}` is a sign of other schedulers: write numbers, ranges, lists or `*`")
            }
            None if self.names.is_empty() => format!("`{text}` is no number from {first} to {last}"),
            None => format!(
                "`{text}` is neither a number from {first} to {last} nor one of {}",
                self.names.join(", ")
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn minutes(text: &str) -> Vec<u16> {
        Cron::parse(text).unwrap().minutes
    }

    /// The days of October 2026, which begins on a Thursday, on which it begins.
    fn october(text: &str) -> Vec<i8> {
        let cron = Cron::parse(text).unwrap();
        (1..=31).filter(|day| cron.is_on(date(2026, 10, *day))).collect()
    }

    #[test]
    fn times_of_a_day_are_read() {
        assert_eq!(minutes("30 22 * * *"), [22 * 60 + 30]);
        assert_eq!(minutes("0,30 8-9 * * *"), [480, 510, 540, 570]);
        assert_eq!(minutes("*/20 0 * * *"), [0, 20, 40]);
        assert_eq!(minutes("5-20/5,59 1 * * *"), [65, 70, 75, 80, 119]);
        assert_eq!(minutes("* * * * *").len(), 1440);
        assert_eq!(minutes("0 22-23,0-5/2 * * *"), [0, 120, 240, 1320, 1380]);
        assert!(Cron::parse("0 * * * *").unwrap().is_hourly());
        assert!(Cron::parse("0 0-23 * * *").unwrap().is_hourly());
        assert!(!Cron::parse("0 0-22 * * *").unwrap().is_hourly());
    }

    #[test]
    fn days_are_read_by_number_and_name() {
        assert_eq!(october("0 0 1,15 * *"), [1, 15]);
        assert_eq!(october("0 0 * * sun"), [4, 11, 18, 25]);
        for sundays in ["0", "7", "SUN", "Sun", "0,7", "7-7"] {
            assert_eq!(october(&format!("0 0 * * {sundays}")), [4, 11, 18, 25], "{sundays}");
        }
        assert_eq!(october("0 0 * * mon-fri").len(), 22);
        assert_eq!(october("0 0 * * fri-sun"), october("0 0 * * 5,6,0"));
        assert_eq!(october("0 0 * * sat-7"), october("0 0 * * 6-7"));
        assert_eq!(october("0 0 * * sun-mon"), october("0 0 * * 0-1"));
        assert_eq!(october("0 0 * * */2"), october("0 0 * * 0,2,4,6"));
        assert_eq!(october("0 0 */10 * *"), [1, 11, 21, 31]);
        assert_eq!(october("0 0 * OCT *").len(), 31);
        assert_eq!(october("0 0 * jan-mar,12 *"), [0i8; 0]);
        assert_eq!(october("0 0 31 * *"), [31]);
    }

    #[test]
    fn two_restrictions_of_days_add_up_as_posix_has_it() {
        assert_eq!(october("0 0 1 * mon"), [1, 5, 12, 19, 26]);
        assert_eq!(october("0 0 1-31 * mon").len(), 31, "a list of all days is a restriction, too");
    }

    #[test]
    fn a_leap_day_is_a_day() {
        let cron = Cron::parse("0 0 29 2 *").unwrap();
        assert!(cron.is_on(date(2028, 2, 29)) && !cron.is_on(date(2028, 3, 29)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_way_out() {
        for (text, wanted) in [
            ("", "it has 0 fields"),
            ("0 0 * *", "it has 4 fields"),
            (
                "0 0 0 * * *",
                "it has 6 fields, and needs five: minute, hour, day of month, month, day of week; there are no seconds",
            ),
            ("@daily", "`@daily` has to be written out: `0 0 * * *`"),
            ("@sometimes", "is not five fields"),
            ("60 0 * * *", "minute `60`: `60` is out of range, which is 0 to 59"),
            ("0 24 * * *", "hour `24`: `24` is out of range, which is 0 to 23"),
            ("0 0 0 * *", "day of month `0`: `0` is out of range, which is 1 to 31"),
            ("0 0 * 13 *", "month `13`"),
            ("0 0 * * 8", "day of week `8`"),
            ("0 0 * * monday", "`monday` is no day of week; did you mean `mon`?"),
            ("0 0 * octobre *", "did you mean `oct`?"),
            ("0 0 * foo *", "nor one of jan, feb"),
            ("0 x * * *", "`x` is no number from 0 to 23"),
            ("-5 0 * * *", "there is nothing between"),
            ("+5 0 * * *", "`+5` is no number"),
            ("1,,2 0 * * *", "there is nothing between"),
            ("1, 0 * * *", "there is nothing between"),
            ("1-2-3 0 * * *", "`2-3` is no number"),
            ("0 22-5 * * *", "the range `22-5` runs backwards: write two, with a comma"),
            ("0 0 * * fri-mon", "the range `fri-mon` runs backwards"),
            ("5/10 0 * * *", "a step needs a range: `5-59/…`"),
            ("*/0 0 * * *", "`0` is no step"),
            ("*/x 0 * * *", "`x` is no step"),
            ("*/+5 0 * * *", "`+5` is no step"),
            ("*/ 0 * * *", "`` is no step"),
            ("*/90 0 * * *", "the step 90 leads beyond the range, so that only 0 is left"),
            ("0 0 ? * mon", "`?` is a sign of other schedulers"),
            ("0 0 L * *", "`L` is a sign of other schedulers"),
            ("0 0 * * 5#2", "`5#2` is a sign of other schedulers"),
            ("0 0 30 2 *", "there is no such day"),
            ("0 0 31 2,4,6,9,11 *", "there is no such day"),
            ("0 0 */2 * mon", "write the days out"),
            ("0 0 1 * */2", "write the days out"),
        ] {
            let error = Cron::parse(text).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
        assert!(Cron::parse(&"0".repeat(500)).is_err());
    }

    #[test]
    fn its_text_is_kept() {
        let cron = Cron::parse("  0   22 *  * mon-fri ").unwrap();
        assert_eq!(cron.as_str(), "0 22 * * mon-fri");
        assert_eq!(serde_json::to_value(&cron).unwrap(), "0 22 * * mon-fri");
        assert_eq!(serde_json::from_value::<Cron>("0 22 * * mon-fri".into()).unwrap(), cron);
        assert!(serde_json::from_value::<Cron>("0 22 * *".into()).is_err());
    }
}
