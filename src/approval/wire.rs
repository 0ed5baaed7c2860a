//! SSH's wire format (RFC 4251 section 5), read strictly.

use openssl::bn::{BigNum, BigNumRef};

/// Octets that are not what they should be: cut, too long, or in a form that nobody writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// A place within octets.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The next `count` octets.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        let octets: [u8; 4] = self.take(4)?.try_into().map_err(|_| Malformed)?;
        Ok(u32::from_be_bytes(octets))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.string()?).map_err(|_| Malformed)
    }

    /// A positive number in its shortest form.
    pub(super) fn positive(&mut self) -> Result<BigNum, Malformed> {
        let octets = self.string()?;
        let digits = match octets {
            [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => rest,
            [first, ..] if (1..0x80).contains(first) => octets,
            _ => return Err(Malformed),
        };
        BigNum::from_slice(digits).map_err(|_| Malformed)
    }

    /// Sees that nothing is left.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Appends a string.
pub(super) fn put_string(octets: &mut Vec<u8>, string: &[u8]) {
    // Nothing that comes here is anywhere near 4 GiB.
    octets.extend((string.len() as u32).to_be_bytes());
    octets.extend(string);
}

/// Whether a number is odd.
pub(super) fn is_odd(number: &BigNumRef) -> bool {
    number.is_bit_set(0)
}
