//! Who may approve: OpenSSH's allowed-signers format (`man ssh-keygen`, ALLOWED SIGNERS), read strictly.

use std::collections::BTreeSet;

use base64::Engine as _;

use super::key::PublicKey;
use super::options::{Options, shown};
use super::pattern::PatternList;

/// The longest text that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// What the lines of allowed signers allow: each a list of principals, options and a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) principals: PatternList,
    pub(super) options: Options,
    pub(super) key: PublicKey,
}

/// A line of allowed signers that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the signers: {what}")]
pub struct SignersError {
    /// The line, counted from 1; 0 where it is about the whole file.
    pub line: usize,
    /// What is wrong, in words.
    pub what: String,
}

impl SignersError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        "signers-invalid"
    }

    /// What to do next.
    pub fn next(&self) -> &'static str {
        "write each line as `PRINCIPALS [OPTIONS] KEYTYPE KEY`, as `man ssh-keygen` has it under ALLOWED SIGNERS"
    }
}

impl AllowedSigners {
    /// Reads a file's text. A file without a signer is one: then nobody can approve anything.
    ///
    /// # Errors
    /// Every line that cannot be taken: who may approve is known of the whole file or not at all.
    pub fn parse(text: &str) -> Result<Self, Vec<SignersError>> {
        if text.len() > LONGEST {
            let what = format!("it has {} bytes, and at most {LONGEST} are read", text.len());
            return Err(vec![SignersError { line: 0, what }]);
        }
        let (mut lines, mut faults) = (Vec::new(), Vec::new());
        for (index, text) in text.lines().enumerate() {
            let text = text.trim_matches([' ', '\t', '\r']);
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match line(text) {
                Ok(line) => lines.push(line),
                Err(what) => faults.push(SignersError { line: index + 1, what }),
            }
        }
        if faults.is_empty() { Ok(Self { lines }) } else { Err(faults) }
    }

    /// How many different keys may sign.
    pub fn key_count(&self) -> usize {
        self.lines.iter().map(|line| line.key.blob()).collect::<BTreeSet<_>>().len()
    }

    /// Whether nobody can approve anything.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines of a key, whatever their options.
    pub(super) fn of_key<'s>(&'s self, key: &PublicKey) -> impl Iterator<Item = &'s Line> {
        self.lines.iter().filter(move |line| line.key == *key)
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }
}

fn line(text: &str) -> Result<Line, String> {
    let (principals, rest) = principals(text)?;
    let principals = PatternList::parse(principals).map_err(|fault| format!("its principals: {fault}"))?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (first, behind) = word(rest);
    if first.is_empty() {
        return Err("it has no key".to_owned());
    }
    // A name that no option has: the options are missing.
    if let Some(key) = key(first, behind) {
        return Ok(Line { principals, options: Options::default(), key: key? });
    }
    let (options, behind) = options(rest)?;
    let options = Options::parse(options)?;
    let (kind, behind) = word(behind.trim_start_matches([' ', '\t']));
    match key(kind, behind) {
        Some(key) => Ok(Line { principals, options, key: key? }),
        None if kind.is_empty() => Err("it has no key".to_owned()),
        None => Err(format!("`{}` is no kind of SSH key", shown(kind))),
    }
}

/// The first field, which may be quoted, and what follows.
fn principals(text: &str) -> Result<(&str, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (first, rest) = word(text);
        return if first.contains('"') {
            Err("there is a quote within its principals".to_owned())
        } else {
            Ok((first, rest))
        };
    };
    let (inner, rest) = quoted.split_once('"').ok_or("the quote around its principals does not end")?;
    if inner.is_empty() || !rest.starts_with([' ', '\t']) {
        return Err("its principals cannot be told from what follows".to_owned());
    }
    Ok((inner, rest))
}

/// Up to the next white space, and what follows.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find([' ', '\t']).unwrap_or(text.len()))
}

/// Up to the next white space outside quotes, and what follows.
fn options(text: &str) -> Result<(&str, &str), String> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            '"' if !is_escaped => is_quoted = !is_quoted,
            ' ' | '\t' if !is_quoted => return Ok(text.split_at(at)),
            _ => {}
        }
        is_escaped = char == '\\' && !is_escaped;
    }
    if is_quoted { Err("a quote in its options does not end".to_owned()) } else { Ok((text, "")) }
}

/// A key of this kind; `None` where the word names no kind of key.
fn key(kind: &str, rest: &str) -> Option<Result<PublicKey, String>> {
    let is_kind =
        ["ssh-", "ecdsa-", "sk-", "rsa-", "x509", "webauthn-"].iter().any(|begin| kind.starts_with(begin));
    if !is_kind || kind.contains(['=', ',', '"']) {
        return None;
    }
    let (digits, _comment) = word(rest.trim_start_matches([' ', '\t']));
    let read = || {
        let blob = base64::engine::general_purpose::STANDARD
            .decode(digits)
            .map_err(|_| format!("its {} key is not base64", shown(kind)))?;
        let key = PublicKey::parse(&blob).map_err(|fault| fault.to_string())?;
        if key.kind() != kind {
            return Err(format!("its key is `{}` and not `{}`", shown(key.kind()), shown(kind)));
        }
        Ok(key)
    };
    Some(read())
}
