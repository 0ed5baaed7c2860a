//! YAML to positioned nodes: the only room that knows the parser.
//!
//! Every scalar keeps its spelling and every node its place. A stream is split at its document
//! boundaries first, so that a syntax error hides nothing outside its own document.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{
    DuplicateKeyPolicy, Error, MessageFormatter, NonFiniteFloatPolicy, Spanned, UserMessageFormatter,
};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most documents in one file.
pub const MAX_DOCUMENTS: usize = 20_000;
/// The most values in one document.
pub const MAX_NODES: usize = 2_000_000;
/// The most aliases (`*name`) in one file.
pub const MAX_ALIASES: usize = 100;
/// How many parser events aliases may repeat in one document.
const MAX_REPEATED: usize = 20_000;
/// No field lies deeper than seven levels. Reading takes up to 32 KiB of stack a level in a debug
/// build, so that this fits a thread of 2 MiB with room to spare.
const MAX_DEPTH: usize = 16;

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node<'t> {
    /// The line in the file, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The value.
    pub value: Yaml<'t>,
}

/// A YAML value with the spelling of its scalars.
#[derive(Clone, Debug)]
pub enum Yaml<'t> {
    /// `null`, `~` or nothing.
    Null,
    /// A text, quoted or of a spelling that can be nothing else.
    Text(Cow<'t, str>),
    /// An unquoted scalar that YAML takes for a boolean or a number, as spelt.
    Bare(Cow<'t, str>),
    /// A [`Yaml::Bare`] whose spelling is still to be fetched; never seen outside this module.
    #[doc(hidden)]
    Unspelt {
        /// Where the spelling begins, in bytes.
        offset: u32,
        /// Its length.
        len: u32,
    },
    /// A long list of single words, read the short way: the value of a key [`WORDS`].
    Words(Vec<Word<'t>>),
    /// A list.
    Seq(Vec<Node<'t>>),
    /// A mapping in the order of writing; keys may repeat.
    Map(Vec<Entry<'t>>),
}

impl Yaml<'_> {
    /// What it is, for messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Yaml::Null => "null",
            Yaml::Text(_) => "a text",
            Yaml::Bare(text) if matches!(text.as_ref(), "true" | "false") => "a boolean",
            Yaml::Bare(_) | Yaml::Unspelt { .. } => "a number",
            Yaml::Words(_) | Yaml::Seq(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }
}

/// A word of a long list, 24 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Word<'t> {
    /// The spelling.
    pub text: &'t str,
    /// The line in the file.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// The key whose lists may hold 200,000 words.
const WORDS: &str = "serials";

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry<'t> {
    /// The key.
    pub key: Node<'t>,
    /// The value.
    pub value: Node<'t>,
}

/// One document of a file.
#[derive(Debug)]
pub struct Piece<'t> {
    /// The line on which its text begins.
    pub line: u32,
    /// Its text.
    pub text: &'t str,
}

/// What is wrong with a document's text.
#[derive(Debug)]
pub struct Fault {
    /// The line in the file.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// A stable code: `yaml-syntax` or `yaml-limit`.
    pub code: &'static str,
    /// The reason.
    pub message: String,
    /// What to do.
    pub next: &'static str,
}

/// Splits a file at its document boundaries: lines that begin with `---` or `...`, which YAML
/// allows nowhere else. Pieces without content are left out.
pub fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut start_line, mut has_content) = (0, 1, false);
    let mut offset = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let bare = line.trim_end();
        let opens = is_marker(bare, "---");
        let closes = is_marker(bare, "...");
        if opens || closes {
            if has_content {
                pieces.push(Piece { line: start_line, text: &text[start..offset] });
                has_content = false;
                (start, start_line) = (offset, number);
            }
            if closes {
                (start, start_line) = (offset + line.len(), number + 1);
            } else if !bare[3..].trim_start().is_empty() && !bare[3..].trim_start().starts_with('#') {
                has_content = true;
            }
        } else {
            let content = bare.trim_start().trim_start_matches('\u{feff}');
            has_content |= !(content.is_empty() || content.starts_with('#') || bare.starts_with('%'));
        }
        offset += line.len();
    }
    if has_content {
        pieces.push(Piece { line: start_line, text: &text[start..] });
    }
    pieces
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// Counts what a file may use up over all its documents.
#[derive(Debug, Default)]
pub struct Allowance {
    aliases: Rc<Cell<usize>>,
}

/// Reads one document.
pub fn parse<'t>(piece: &Piece<'t>, allowance: &Allowance) -> Result<Node<'t>, Fault> {
    // Words without places of their own are read in half the time; where that fails (a word that
    // is no plain text, an alias, any fault), the long way tells what is the matter and where.
    if piece.text.contains(WORDS) {
        let before = allowance.aliases.get();
        if let Ok(root) = read::<true>(piece, allowance) {
            return Ok(root);
        }
        allowance.aliases.set(before);
    }
    read::<false>(piece, allowance)
}

fn read<'t, const SHORT: bool>(piece: &Piece<'t>, allowance: &Allowance) -> Result<Node<'t>, Fault> {
    let above = piece.line - 1;
    let used = Rc::clone(&allowance.aliases);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
            max_depth: MAX_DEPTH,
            max_total_scalar_bytes: MAX_BYTES,
            max_aliases: MAX_ALIASES.saturating_sub(used.get()),
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPEATED },
        strict_booleans: true,
        // Both places of a repeated key are told by the caller.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `1E101010` may be a serial number; only its spelling counts.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        emit_comments: false,
        with_snippet: false,
    }
    .with_budget_report(move |report| used.set(used.get() + report.aliases));
    let read = serde_saphyr::with_deserializer_from_str_with_options(piece.text, options, |deserializer| {
        Spanned::<Reading<'t, SHORT>>::deserialize(deserializer)
    });
    let mut root = read.map(node).map_err(|error| fault(&error, above))?;
    match spell(&mut root, piece.text, above) {
        Some(()) => Ok(root),
        None => Err(Fault {
            line: piece.line,
            column: 1,
            code: "yaml-syntax",
            message: "the document's words cannot be placed".to_owned(),
            next: "write its lists without aliases",
        }),
    }
}

/// A value as serde hands it over: typed scalars are only marked, words have no places yet.
/// `SHORT` reads lists of words the short way.
struct Reading<'t, const SHORT: bool>(Yaml<'t>);

fn node<'t, const SHORT: bool>(read: Spanned<Reading<'t, SHORT>>) -> Node<'t> {
    let at = read.referenced;
    let value = match read.value.0 {
        Yaml::Unspelt { .. } => {
            let span = read.defined.span();
            Yaml::Unspelt {
                offset: span.byte_offset().map_or(u32::MAX, small),
                len: span.byte_len().map_or(0, small),
            }
        }
        value => value,
    };
    Node { line: small(at.line()), column: small(at.column()), value }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Gives typed scalars their spelling back, words their places, and all lines their number in the
/// file. `None` where a word does not stand where its list does.
fn spell<'t>(node: &mut Node<'t>, text: &'t str, above: u32) -> Option<()> {
    node.line = node.line.saturating_add(above);
    match &mut node.value {
        Yaml::Unspelt { offset, len } => {
            let start = *offset as usize;
            let spelt = text.get(start..start.saturating_add(*len as usize)).unwrap_or_default();
            node.value = Yaml::Bare(Cow::Borrowed(spelt.trim()));
        }
        Yaml::Words(words) => place_words(words, text, above)?,
        Yaml::Seq(items) => {
            for item in items {
                spell(item, text, above)?;
            }
        }
        Yaml::Map(entries) => {
            for entry in entries {
                spell(&mut entry.key, text, above)?;
                spell(&mut entry.value, text, above)?;
            }
        }
        Yaml::Null | Yaml::Text(_) | Yaml::Bare(_) => {}
    }
    Some(())
}

/// Finds the places of words by where they lie in the text, counting on from word to word.
fn place_words(words: &mut [Word], text: &str, above: u32) -> Option<()> {
    let (mut reached, mut line) = (0, above + 1);
    for word in words {
        let offset = (word.text.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let between = text.get(reached..offset)?;
        let breaks = between.bytes().filter(|byte| *byte == b'\n').count();
        line = line.saturating_add(u32::try_from(breaks).ok()?);
        let before = &text[text[..offset].rfind('\n').map_or(0, |at| at + 1)..offset];
        // The place of a quoted word is that of its quote.
        let column = before.strip_suffix(['"', '\'']).unwrap_or(before).chars().count() + 1;
        (word.line, word.column) = (line, u32::try_from(column).ok()?);
        reached = offset;
    }
    Some(())
}

impl<'de, const SHORT: bool> Deserialize<'de> for Reading<'de, SHORT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyYaml::<SHORT>).map(Self)
    }
}

/// A list of words, the short way.
struct WordList<'t>(Vec<Word<'t>>);

impl<'de> Deserialize<'de> for WordList<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(WordVisitor).map(Self)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Vec<Word<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<Word<'de>>, A::Error> {
        let mut words = Vec::new();
        while let Some(text) = access.next_element::<&'de str>()? {
            words.push(Word { text, line: 0, column: 0 });
        }
        Ok(words)
    }
}

struct AnyYaml<const SHORT: bool>;

const UNSPELT: Yaml<'static> = Yaml::Unspelt { offset: 0, len: 0 };

impl<'de, const SHORT: bool> Visitor<'de> for AnyYaml<SHORT> {
    type Value = Yaml<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Yaml<'de>, E> {
        Ok(Yaml::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Yaml<'de>, E> {
        Ok(UNSPELT)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Yaml<'de>, E> {
        Ok(UNSPELT)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Yaml<'de>, E> {
        Ok(UNSPELT)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Yaml<'de>, E> {
        Ok(UNSPELT)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Yaml<'de>, E> {
        Ok(Yaml::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Yaml<'de>, E> {
        Ok(Yaml::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Yaml<'de>, E> {
        Ok(Yaml::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Yaml<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Reading<'de, SHORT>>>()? {
            items.push(node(item));
        }
        Ok(Yaml::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Yaml<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<Reading<'de, SHORT>>>()? {
            let key = node(key);
            let value = match &key.value {
                Yaml::Text(name) if SHORT && name == WORDS => {
                    let words = access.next_value::<Spanned<WordList<'de>>>()?;
                    let at = words.referenced;
                    Node {
                        line: small(at.line()),
                        column: small(at.column()),
                        value: Yaml::Words(words.value.0),
                    }
                }
                _ => node(access.next_value::<Spanned<Reading<'de, SHORT>>>()?),
            };
            entries.push(Entry { key, value });
        }
        Ok(Yaml::Map(entries))
    }
}

fn fault(error: &Error, above: u32) -> Fault {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((0, 0), |at| (small(at.line()), small(at.column())));
    let line = if line == 0 { above + 1 } else { line.saturating_add(above) };
    let inner = match error {
        Error::AliasError { error, .. } => error.as_ref(),
        error => error,
    };
    let limit = |message: String, next| Fault { line, column, code: "yaml-limit", message, next };
    const SPLIT: &str = "split the document";
    const WRITE_OUT: &str = "write aliased values out";
    match inner {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Aliases { .. } => {
                limit(format!("the file uses more than {MAX_ALIASES} aliases"), WRITE_OUT)
            }
            BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
                limit(format!("the document holds more than {MAX_NODES} values"), SPLIT)
            }
            BudgetBreach::Depth { .. } => limit(
                format!("the document is nested deeper than {MAX_DEPTH} levels"),
                "correct the indentation: no field lies that deep",
            ),
            other => limit(format!("the document exceeds a limit of the reader: {other:?}"), SPLIT),
        },
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            limit(format!("aliases of the document repeat more than {MAX_REPEATED} values"), WRITE_OUT)
        }
        other => {
            let reason = UserMessageFormatter.format_message(other);
            let next = syntax_advice(&reason);
            Fault { line, column, code: "yaml-syntax", message: format!("this is not YAML: {reason}"), next }
        }
    }
}

/// What helps against the mistakes that are made most.
fn syntax_advice(reason: &str) -> &'static str {
    if reason.contains("tabs") {
        "indent with spaces"
    } else if reason.contains("block mapping") || reason.contains("indentation") {
        "let the fields of one level begin in the same column; texts with `:`, `#`, `{`, `*` or `&` need quotes"
    } else {
        "correct the syntax; texts with `:`, `#`, `{`, `*` or `&` need quotes"
    }
}
