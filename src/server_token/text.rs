//! Texts around the content: MIME headers, marker lines, base64. PURE.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// What a cut file leaves of base64 is decoded as far as it goes.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Header fields and what follows them.
pub(super) struct Part<'a> {
    /// Names in small letters, with their values unfolded.
    fields: Vec<(String, String)>,
    /// The rest, without the blank line.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// Cuts the header off, if there is one: lines `Name: value`, with folded ones after them, up to a
    /// blank line or one that is neither.
    pub fn of(text: &'a [u8]) -> Self {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut rest = text;
        while let Some((line, after)) = first_line(rest) {
            if line.is_empty() && !fields.is_empty() {
                rest = after;
                break;
            }
            let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            match (field(line), fields.last_mut()) {
                (_, Some((_, value))) if folded => value.push_str(&String::from_utf8_lossy(line)),
                (Some(field), _) => fields.push(field),
                _ => break,
            }
            rest = after;
        }
        Self { fields, body: rest }
    }

    /// The value of a field without its parameters, in small letters.
    pub fn field(&self, name: &str) -> Option<String> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == name)?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// The first line without its end, and what follows; `None` at the end.
pub(super) fn first_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let (line, rest) = match text.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[text.len()..]),
    };
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

/// `Name: value`.
fn field(line: &[u8]) -> Option<(String, String)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // A message in JSON, or base64, has no such beginning.
    (is_name && (1..=64).contains(&name.len())).then(|| (name.to_ascii_lowercase(), value.to_owned()))
}

/// Decodes base64 in any wrapping, up to a line that begins with `--`; what a cut leaves is decoded as
/// far as it goes. `None`: there is something else in it.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(text.len());
    let (mut rest, mut ended) = (text, false);
    while let Some((line, after)) = first_line(rest) {
        rest = after;
        if line.starts_with(b"--") {
            break;
        }
        for byte in line {
            match byte {
                b' ' | b'\t' | b'\r' => {}
                b'=' => ended = true,
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if !ended => digits.push(*byte),
                _ => return None,
            }
        }
    }
    // A single digit of four holds no whole octet.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).ok()
}

/// A text without byte order mark and leading white space; UTF-16 with its mark is turned into UTF-8.
pub(super) fn plain(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(bytes)
        && encoding != encoding_rs::UTF_8
    {
        let (text, ..) = encoding.decode(bytes);
        return text.trim_start().as_bytes().to_vec().into();
    }
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let begin = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    text[begin..].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_a_blank_line_or_where_they_are_none() {
        let part = Part::of(b"Content-Type: application/pkcs7-mime;\r\n name=\"x\"\r\nA: b\r\n\r\nbody\r\n");
        assert_eq!(part.field("content-type").as_deref(), Some("application/pkcs7-mime"));
        assert_eq!(part.body, b"body\r\n");
        assert_eq!(Part::of(b"A: b\n{\"x\": 1}").body, b"{\"x\": 1}");
        for bare in [&b"MIIB\nMIIC"[..], b"{\"a\": 1}"] {
            assert_eq!(Part::of(bare).body, bare);
        }
    }

    #[test]
    fn base64_is_taken_in_any_wrapping_and_as_far_as_it_goes() {
        for text in ["aGVs\r\nbG8=\r\n", "aGVsbG8=", "aGVsbG8", "aGVs\n bG8=\n--boundary--\n"] {
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(&b"hello"[..]), "{text}");
        }
        assert_eq!(base64(b"aGVsb"), Some(b"hel".to_vec()));
        for text in ["aGV%", "aGVsbG8=aGVs", "\u{e9}"] {
            assert_eq!(base64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn byte_order_marks_and_blank_lines_go() {
        assert_eq!(&*plain(b"\xEF\xBB\xBF\r\n\n MIME"), b"MIME");
        assert_eq!(&*plain(b"\xFF\xFEM\0I\0"), b"MI");
    }
}
