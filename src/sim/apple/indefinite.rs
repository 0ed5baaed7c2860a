//! DER made into BER with indefinite lengths, as the portal writes its files: the outer layers and
//! the encrypted content are open-ended, the content comes in pieces, what lies between stays.

/// How many bytes of content a piece has.
const PIECE: usize = 1000;
/// The end of what has an indefinite length.
const END: [u8; 2] = [0, 0];

const SEQUENCE: u8 = 0x30;
/// `[0]`, primitive and constructed.
const CONTENT: u8 = 0x80;
const EXPLICIT: u8 = 0xa0;
const OCTETS: u8 = 0x04;
const INDEFINITE: u8 = 0x80;

/// A value with its tag; `whole` is both as they stand.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// Writes a `ContentInfo` of enveloped or authenticated-enveloped data anew. `None` for anything
/// else than their DER.
pub(super) fn rewrap(der: &[u8]) -> Option<Vec<u8>> {
    let [info] = elements(der)?.try_into().ok()?;
    let [kind, wrapper] = elements(info.content)?.try_into().ok()?;
    let [enveloped] = elements(wrapper.content)?.try_into().ok()?;
    if info.tag != SEQUENCE || wrapper.tag != EXPLICIT || enveloped.tag != SEQUENCE {
        return None;
    }
    let mut out = vec![SEQUENCE, INDEFINITE];
    out.extend(kind.whole);
    out.extend([EXPLICIT, INDEFINITE, SEQUENCE, INDEFINITE]);
    for part in elements(enveloped.content)? {
        if part.tag == SEQUENCE {
            push_content(&mut out, &part)?;
        } else {
            out.extend(part.whole);
        }
    }
    for _ in 0..3 {
        out.extend(END);
    }
    Some(out)
}

/// The encrypted content, in pieces.
fn push_content(out: &mut Vec<u8>, part: &Element<'_>) -> Option<()> {
    let [kind, algorithm, content] = elements(part.content)?.try_into().ok()?;
    if content.tag != CONTENT {
        return None;
    }
    out.extend([SEQUENCE, INDEFINITE]);
    out.extend(kind.whole);
    out.extend(algorithm.whole);
    out.extend([EXPLICIT, INDEFINITE]);
    for piece in content.content.chunks(PIECE) {
        out.push(OCTETS);
        push_length(out, piece.len());
        out.extend(piece);
    }
    out.extend(END);
    out.extend(END);
    Some(())
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=0x7f => out.push(length as u8),
        0x80..=0xff => out.extend([0x81, length as u8]),
        // A piece is no longer than this can say.
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
}

/// The elements that follow each other; `None` where the bytes are no DER.
fn elements(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let (length, header) = match first {
            0..=0x7f => (usize::from(*first), 2),
            0x81..=0x84 => {
                let digits = usize::from(first & 0x7f);
                let length = rest.get(..digits)?.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                (length, 2 + digits)
            }
            _ => return None,
        };
        let end = header.checked_add(length)?;
        let whole = bytes.get(..end)?;
        found.push(Element { tag: *tag, content: &whole[header..], whole });
        bytes = &bytes[end..];
    }
    if bytes.is_empty() { Some(found) } else { None }
}
