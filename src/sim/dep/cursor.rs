//! Cursors: opaque to clients, bound to one service, and without memory here, so that the same one
//! may be used again after a lost answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::reply::Refusal;
use crate::sim::world::mix_text;

/// How long a cursor is good for a delta, in seconds.
const LIFE: i64 = 7 * 86_400;
/// The longest cursor that is read, in characters.
const LONGEST: usize = 1000;

/// A place in the devices of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Whether everything was told: it is one for deltas.
    pub done: bool,
    /// The position of the next row of a full read.
    pub slot: u64,
    /// The number of the next operation to be told.
    pub log: u64,
    /// When it was made, Unix seconds.
    pub made: i64,
    /// How many pages of the read were told with it.
    pub page: u32,
    /// How many answers led to it, so that each answer has one of its own.
    pub number: u64,
}

impl Cursor {
    /// Where a full read begins.
    pub(super) fn start(log: u64, now: i64) -> Self {
        Self { done: false, slot: 0, log, made: now, page: 0, number: 0 }
    }

    /// As text. `key` is the service's.
    pub(super) fn write(&self, key: u64) -> String {
        let text = self.text();
        STANDARD_NO_PAD.encode(format!("{text}:{:x}", mix_text(key, &text)))
    }

    /// Reads one.
    ///
    /// # Errors
    /// `INVALID_CURSOR` for a text that this service never gave out.
    pub(super) fn read(text: &str, key: u64) -> Result<Self, Refusal> {
        Self::parse(text, key).ok_or(Refusal::bad("INVALID_CURSOR"))
    }

    /// Whether it is too old for a delta.
    pub(super) fn is_expired(&self, now: i64) -> bool {
        self.made + LIFE < now
    }

    fn text(&self) -> String {
        let Self { done, slot, log, made, page, number } = self;
        format!("{slot}:{log}:{}:{page}:{done}:{number}", made * 1000)
    }

    fn parse(text: &str, key: u64) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let text = std::str::from_utf8(&bytes).ok()?;
        let (text, tag) = text.rsplit_once(':')?;
        if tag != format!("{:x}", mix_text(key, text)) {
            return None;
        }
        let mut parts = text.split(':');
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (slot, log, made, page) = (number()?, number()?, number()? / 1000, number()?);
        let done = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        Some(Self { done, slot: slot as u64, log: log as u64, made, page: page as u32, number })
    }
}
