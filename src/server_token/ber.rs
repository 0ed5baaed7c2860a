//! A bounded look at BER: definite and indefinite lengths, tags below 31. PURE.
//!
//! Nothing here calls itself and nothing is copied, so that no input costs stack or memory; a level
//! is walked once, however deep it nests.

/// How deep values of indefinite length may nest. CMS needs fewer than ten.
const DEEPEST: usize = 32;

/// `SEQUENCE`, constructed.
pub(super) const SEQUENCE: u8 = 0x30;
/// `SET`, constructed.
pub(super) const SET: u8 = 0x31;
/// `INTEGER`.
pub(super) const INTEGER: u8 = 0x02;
/// `OBJECT IDENTIFIER`.
pub(super) const OID: u8 = 0x06;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xA0;
/// `[0]`, primitive.
pub(super) const CONTEXT_0_PRIMITIVE: u8 = 0x80;

/// Why bytes are no BER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// They end before the value does.
    Short,
    /// They are none.
    Malformed,
}

/// A value of its tag; the body of a constructed one holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// The identifier octet: class, whether constructed, number.
    pub tag: u8,
    /// The content, without the end of an indefinite length.
    pub body: &'a [u8],
    /// The value with its head, as it stands.
    pub whole: &'a [u8],
}

/// Values one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next value; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Value<'a>>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let head = Head::read(self.0)?;
        let (end, whole) = match head.length {
            Some(length) => {
                let end = head.size.checked_add(length).ok_or(Fault::Malformed)?;
                (end, end)
            }
            None => indefinite(self.0, head.size)?,
        };
        let body = self.0.get(head.size..end).ok_or(Fault::Short)?;
        let (whole, rest) = self.0.split_at_checked(whole).ok_or(Fault::Short)?;
        self.0 = rest;
        Ok(Some(Value { tag: head.tag, body, whole }))
    }

    /// The next value, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Result<Value<'a>, Fault> {
        self.next()?.filter(|value| value.tag == tag).ok_or(Fault::Malformed)
    }
}

impl<'a> Value<'a> {
    /// The values within.
    pub fn values(&self) -> Reader<'a> {
        Reader(self.body)
    }
}

/// The first octets of a value.
struct Head {
    tag: u8,
    /// Octets of tag and length.
    size: usize,
    /// `None`: indefinite.
    length: Option<usize>,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let [tag, rest @ ..] = bytes else { return Err(Fault::Short) };
        // Numbers from 31 on take more octets; CMS has none.
        if tag & 0x1f == 0x1f {
            return Err(Fault::Malformed);
        }
        let [first, rest @ ..] = rest else { return Err(Fault::Short) };
        let constructed = tag & 0x20 != 0;
        let (size, length) = match first {
            0..0x80 => (2, Some(usize::from(*first))),
            0x80 if constructed => (2, None),
            0x81..=0x84 => {
                let octets = usize::from(first & 0x7f);
                let octets = rest.get(..octets).ok_or(Fault::Short)?;
                let length = octets.iter().fold(0u64, |sum, octet| sum << 8 | u64::from(*octet));
                (2 + octets.len(), Some(usize::try_from(length).map_err(|_| Fault::Malformed)?))
            }
            _ => return Err(Fault::Malformed),
        };
        Ok(Self { tag: *tag, size, length })
    }

    /// Two zero octets, which end an indefinite length.
    fn is_end(&self) -> bool {
        self.tag == 0 && self.length == Some(0)
    }
}

/// Where the content of an indefinite length ends, and where the value ends.
fn indefinite(bytes: &[u8], begin: usize) -> Result<(usize, usize), Fault> {
    let (mut open, mut at) = (1, begin);
    loop {
        let head = Head::read(bytes.get(at..).ok_or(Fault::Short)?)?;
        if head.is_end() {
            open -= 1;
            if open == 0 {
                return Ok((at, at + head.size));
            }
        }
        match head.length {
            Some(length) => {
                at = at.checked_add(head.size + length).ok_or(Fault::Malformed)?;
            }
            None if open == DEEPEST => return Err(Fault::Malformed),
            None => {
                open += 1;
                at += head.size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indefinite_lengths_end_where_they_say() {
        let bytes = [0x30, 0x80, 0xA0, 0x80, 0x02, 0x01, 0x07, 0, 0, 0x04, 0x00, 0, 0, 0x05, 0x00];
        let mut reader = Reader::new(&bytes);
        let outer = reader.expect(SEQUENCE).unwrap();
        let mut inner = outer.values();
        assert_eq!(inner.expect(CONTEXT_0).unwrap().body, [0x02, 0x01, 0x07]);
        assert!(inner.expect(0x04).unwrap().body.is_empty());
        assert_eq!(inner.next(), Ok(None));
        assert_eq!(reader.expect(0x05).unwrap().whole, [0x05, 0x00]);
    }

    #[test]
    fn what_is_short_is_told_from_what_is_wrong() {
        for short in [&[0x30u8][..], &[0x30, 0x82, 1], &[0x30, 0x05, 0], &[0x30, 0x80, 0x02, 1, 7, 0]] {
            assert_eq!(Reader::new(short).next(), Err(Fault::Short), "{short:?}");
        }
        for wrong in [&[0x1f, 0x81, 0x01, 0][..], &[0x04, 0x80, 0, 0], &[0x30, 0x85, 1, 1, 1, 1, 1, 0]] {
            assert_eq!(Reader::new(wrong).next(), Err(Fault::Malformed), "{wrong:?}");
        }
        let deep = [0x30, 0x80].repeat(500_000);
        assert_eq!(Reader::new(&deep).next(), Err(Fault::Malformed));
    }
}
