//! The options of a line of allowed signers.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::pattern::PatternList;
use crate::model::clock::Timestamp;

/// The earliest and the latest midnight of one date on Earth, in hours from that in UTC.
const EARLIEST_ZONE: i64 = -14;
const LATEST_ZONE: i64 = 12;

/// What a key is good for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `namespaces`; `None`: all.
    namespaces: Option<PatternList>,
    /// `valid-after`: from this instant on.
    valid_after: Option<Timestamp>,
    /// `valid-before`: up to and with this instant.
    valid_before: Option<Timestamp>,
}

/// Why a key does not count at some time for some namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// For another namespace.
    Namespace,
    /// Its time is over since.
    Expired(Timestamp),
    /// Its time comes at.
    NotYet(Timestamp),
}

impl Options {
    pub(super) fn check(&self, namespace: &str, now: Timestamp) -> Result<(), Unfit> {
        if self.namespaces.as_ref().is_some_and(|list| !list.matches(namespace)) {
            return Err(Unfit::Namespace);
        }
        if let Some(end) = self.valid_before.filter(|end| now > *end) {
            return Err(Unfit::Expired(end));
        }
        if let Some(begin) = self.valid_after.filter(|begin| now < *begin) {
            return Err(Unfit::NotYet(begin));
        }
        Ok(())
    }

    /// Reads options: `namespaces="file",valid-before="20270101Z"`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = text;
        loop {
            rest = options.take_one(rest)?;
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None if rest.is_empty() => break,
                None => return Err(format!("there is more than an option before `{}`", shown(rest))),
            }
        }
        match (options.valid_after, options.valid_before) {
            (Some(begin), Some(end)) if end <= begin => {
                Err("`valid-before` is not later than `valid-after`: the key would never be valid".to_owned())
            }
            _ => Ok(options),
        }
    }

    /// Takes one option, and gives what follows it.
    fn take_one<'t>(&mut self, text: &'t str) -> Result<&'t str, String> {
        let end = text.find(['=', ',']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let name = name.to_ascii_lowercase();
        if name == "cert-authority" {
            return Err("`cert-authority` is not in this version: name the signers' own keys".to_owned());
        }
        if !["namespaces", "valid-after", "valid-before"].contains(&name.as_str()) {
            return Err(format!("`{}` is no option of allowed signers", shown(&name)));
        }
        let quoted = rest.strip_prefix('=').ok_or_else(|| format!("`{name}` needs a value in quotes"))?;
        let (value, rest) =
            unquoted(quoted).ok_or_else(|| format!("the value of `{name}` is not in quotes"))?;
        let twice = || Err(format!("`{name}` stands twice"));
        match name.as_str() {
            "namespaces" if self.namespaces.is_some() => return twice(),
            "namespaces" => {
                let list = PatternList::parse(&value).map_err(|fault| format!("`namespaces`: {fault}"))?;
                self.namespaces = Some(list);
            }
            "valid-after" if self.valid_after.is_some() => return twice(),
            "valid-after" => self.valid_after = Some(instant(&name, &value, LATEST_ZONE)?),
            _ if self.valid_before.is_some() => return twice(),
            _ => self.valid_before = Some(instant(&name, &value, EARLIEST_ZONE)?),
        }
        Ok(rest)
    }
}

/// The text between quotes, in which `\"` is a quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &inner[at + 1..])),
            '\\' if inner[at + 1..].starts_with('"') => {
                chars.next();
                value.push('"');
            }
            char => value.push(char),
        }
    }
    None
}

/// `YYYYMMDD[Z]` or `YYYYMMDDHHMM[SS][Z]`. Without `Z` it would be another instant on every machine: it is
/// taken in the zone in which the key is valid for the shortest time, `hours` from UTC.
fn instant(name: &str, text: &str, hours: i64) -> Result<Timestamp, String> {
    let wrong = || {
        format!("`{name}` is not a time like 20270101Z, 202701011200Z or 20270101120000Z: `{}`", shown(text))
    };
    let upper = text.to_ascii_uppercase();
    let (digits, is_utc) = match upper.strip_suffix("UTC").or(upper.strip_suffix('Z')) {
        Some(digits) => (digits, true),
        None => (upper.as_str(), false),
    };
    if ![8, 12, 14].contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let padded = format!("{digits:0<14}");
    let part = |from: usize, to: usize| padded[from..to].parse::<i16>().map_err(|_| wrong());
    let small =
        |from: usize| part(from, from + 2).and_then(|number| i8::try_from(number).map_err(|_| wrong()));
    let local = DateTime::new(part(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, 0);
    let utc = local.and_then(|local| TimeZone::UTC.to_timestamp(local)).map_err(|_| wrong())?;
    let shift = jiff::SignedDuration::from_hours(if is_utc { 0 } else { hours });
    utc.checked_add(shift).map_err(|_| wrong())
}

/// A part of a line for people.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).take(40).collect()
}
