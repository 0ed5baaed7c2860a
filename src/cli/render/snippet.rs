//! The line of a document that a finding speaks of, with what is meant in it marked.
//!
//! Invariant: no line that may hold a secret is ever shown, and nothing that stands in a document
//! reaches a terminal as a control character.

use std::collections::HashMap;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar as _;

use crate::model::place::Place;

/// Returns the text of a file of the folder by the path that places carry; `None` shows no line.
pub type Sources<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The widest piece of a line that is shown, in columns of a terminal.
const LINE_WIDTH: usize = 120;

/// How much of a cut line is kept before its mark, in columns.
const BEFORE_MARK: usize = 40;

/// The last column that is looked for: a line that is longer was written by no person, and going
/// through it anew for each of its findings would be felt.
const LAST_COLUMN: usize = 20_000;

/// How a tab is shown.
const TAB: &str = "    ";

/// Findings whose line is shown without its value.
const VALUE_HIDDEN: [&str; 3] = ["unknown-field", "not-in-this-version", "duplicate-key"];

/// Words that tell of a secret, in the key of a line or of anything above it.
const SECRET_WORDS: [&str; 7] =
    ["secret", "passw", "passphrase", "credential", "privatekey", "apikey", "assertion"];

/// A line as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The line, cut around what is meant; `…` stands for what was cut.
    pub text: String,
    /// The mark below it: columns before it, and its width; `None` where the place is the line.
    pub mark: Option<(usize, usize)>,
}

/// The lines of files, each file fetched once.
pub struct Snippets<'a> {
    sources: Sources<'a>,
    files: HashMap<Arc<str>, Option<File>>,
}

/// A file and where its lines begin: a file with many findings is gone through once, not for each.
struct File {
    text: String,
    starts: Vec<usize>,
    /// By line: whether it, or anything that it lies within by indentation, speaks of a secret.
    secret: Vec<bool>,
}

impl File {
    fn new(text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let mut file = Self { text, starts, secret: Vec::new() };
        // What the present line lies within: indentation, and whether it or its own parents tell.
        let mut within: Vec<(usize, bool)> = Vec::new();
        file.secret = (0..file.starts.len())
            .map(|at| {
                let line = file.line(at).unwrap_or_default();
                let inherited = |within: &[(usize, bool)]| within.last().is_some_and(|(_, tells)| *tells);
                if line.trim().is_empty() {
                    return inherited(&within);
                }
                let indent = line.len() - line.trim_start().len();
                within.truncate(within.partition_point(|(outer, _)| *outer < indent));
                let text = line.to_ascii_lowercase();
                let tells = inherited(&within) || SECRET_WORDS.iter().any(|word| text.contains(word));
                within.push((indent, tells));
                tells
            })
            .collect();
        file
    }

    fn line(&self, at: usize) -> Option<&str> {
        let start = *self.starts.get(at)?;
        let end = self.starts.get(at + 1).map_or(self.text.len(), |next| next - 1);
        self.text.get(start..end).map(|line| line.trim_end_matches('\r'))
    }
}

impl<'a> Snippets<'a> {
    /// With the texts that lines are taken from.
    pub fn new(sources: Sources<'a>) -> Self {
        Self { sources, files: HashMap::new() }
    }

    /// The line at a place, for a finding with this code; `None` where there is none, where it may
    /// hold a secret, and where nobody could read it.
    pub fn of(&mut self, place: &Place, code: &str) -> Option<Snippet> {
        let line = self.line(place)?;
        let masked;
        let line = match line.split_once(':') {
            // What stands behind a name that nobody knows may be anything.
            Some((name, _)) if VALUE_HIDDEN.contains(&code) => {
                masked = format!("{name}: …");
                masked.as_str()
            }
            _ => line,
        };
        cut(line, place.column as usize)
    }

    /// The column after what is meant at a place, in characters from 1; `None` where nobody knows.
    pub fn end_column(&mut self, place: &Place) -> Option<u32> {
        let column = (place.column as usize).checked_sub(1).filter(|column| *column < LAST_COLUMN)?;
        let line: Vec<char> = self.line(place)?.chars().take(column + LINE_WIDTH).collect();
        let length = u32::try_from(extent(&line, column)).ok()?;
        (length > 0).then_some(place.column + length)
    }

    /// The line at a place, unless it may hold a secret.
    fn line(&mut self, place: &Place) -> Option<&str> {
        let at = (place.line as usize).checked_sub(1)?;
        let sources = self.sources;
        let file = self.files.entry(place.file.clone());
        let file = file.or_insert_with(|| sources(&place.file).map(File::new)).as_ref()?;
        if file.secret.get(at).copied().unwrap_or(true) { None } else { file.line(at) }
    }
}

/// The line as it is shown, around a column from 1; column 0 marks nothing, and neither does one that is blank:
/// such a place is the line.
fn cut(line: &str, column: usize) -> Option<Snippet> {
    if column > LAST_COLUMN {
        return None;
    }
    let column =
        if line.chars().nth(column.wrapping_sub(1)).is_some_and(char::is_whitespace) { 0 } else { column };
    let marked = column.checked_sub(1);
    // Enough for the mark and for what is shown behind it.
    let chars: Vec<char> = line.chars().take(column + 2 * LINE_WIDTH).collect();
    let is_all = chars.len() < column + 2 * LINE_WIDTH;
    let cells: Vec<(String, usize)> = chars.iter().map(|c| cell(*c)).collect();
    let width = |cells: &[(String, usize)]| cells.iter().map(|(_, width)| width).sum::<usize>();

    let fits = is_all && width(&cells) <= LINE_WIDTH;
    let mark_at = marked.unwrap_or(0).min(cells.len());
    let mut from = 0;
    if !fits && width(&cells[..mark_at]) > LINE_WIDTH / 2 {
        from = mark_at;
        let mut kept = 0;
        while from > 0 && kept + cells[from - 1].1 <= BEFORE_MARK {
            from -= 1;
            kept += cells[from].1;
        }
    }
    let mut to = from;
    let mut shown = 0;
    while to < cells.len() && (fits || shown + cells[to].1 <= LINE_WIDTH - 2) {
        shown += cells[to].1;
        to += 1;
    }
    let is_cut_after = to < cells.len() || !is_all;
    let mut text = String::from(if from > 0 { "…" } else { "" });
    text.extend(cells[from..to].iter().map(|(shown, _)| shown.as_str()));
    text.push_str(if is_cut_after { "…" } else { "" });

    // A value that is hidden, or a line that has changed meanwhile, has no place to point at.
    let mark = marked.filter(|column| *column <= cells.len()).map(|column| {
        let until = (column + extent(&chars, column)).clamp(column, to.max(column));
        let before = usize::from(from > 0) + width(&cells[from..column.min(to)]);
        (before, width(&cells[column..until]).max(1))
    });
    Some(Snippet { text, mark })
}

/// A character as it is shown, and how many columns it takes.
fn cell(c: char) -> (String, usize) {
    if c == '\t' {
        return (TAB.to_owned(), TAB.len());
    }
    let mut buffer = [0; 4];
    let text = super::text::clean(c.encode_utf8(&mut buffer)).into_owned();
    // One that was made visible is plain text now.
    let width = if text.starts_with(c) { c.width().unwrap_or(0) } else { text.len() };
    (text, width)
}

/// How many characters from `at` on are one value, or one key, by the looks of the line; 0 at its
/// end.
fn extent(line: &[char], at: usize) -> usize {
    let Some(rest) = line.get(at..) else { return 0 };
    let trimmed = rest.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1);
    let rest = &rest[..trimmed];
    match rest.first() {
        None => 0,
        Some(quote @ ('"' | '\'')) => quoted(rest, *quote),
        Some('[' | '{') => bracketed(rest),
        Some(c) if c.is_whitespace() => 0,
        Some(_) => plain(rest, is_in_flow(&line[..at])),
    }
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while let Some(c) = rest.get(at) {
        match *c {
            '\\' if quote == '"' => at += 1,
            // Two single quotes are one within a text.
            '\'' if quote == '\'' && rest.get(at + 1) == Some(&'\'') => at += 1,
            c if c == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

fn bracketed(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    for (at, c) in rest.iter().enumerate() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

fn plain(rest: &[char], in_flow: bool) -> usize {
    for (at, c) in rest.iter().enumerate().skip(1) {
        let next_is_space = rest.get(at + 1).is_none_or(|next| next.is_whitespace());
        let ends = match c {
            ':' => next_is_space,
            '#' => rest[at - 1].is_whitespace(),
            ',' => in_flow,
            ']' | '}' => in_flow,
            _ => false,
        };
        if ends {
            return rest[..at].iter().rposition(|c| !c.is_whitespace()).map_or(at, |last| last + 1);
        }
    }
    rest.len()
}

/// Whether a bracket before is still open.
fn is_in_flow(before: &[char]) -> bool {
    let mut depth = 0_i32;
    for c in before {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent_of(line: &str, column: usize) -> String {
        let chars: Vec<char> = line.chars().collect();
        let length = extent(&chars, column - 1);
        chars.iter().skip(column - 1).take(length).collect()
    }

    /// The snippet in two lines, as it stands on a terminal.
    fn drawn(line: &str, column: usize) -> (String, String) {
        let Snippet { text, mark } = cut(line, column).expect("a line that is shown");
        let below = mark.map_or(String::new(), |(before, width)| " ".repeat(before) + &"^".repeat(width));
        (text, below)
    }

    #[test]
    fn exactly_the_value_is_marked() {
        for (line, column, value) in [
            ("  supervised: maybe  # why", 15, "maybe"),
            ("  supervised: maybe", 3, "supervised"),
            ("  name: \"a \\\" b\" # c", 9, "\"a \\\" b\""),
            ("  name: 'it''s' # c", 9, "'it''s'"),
            ("  hide: [siri, sirri, zoom]", 16, "sirri"),
            ("  hide: [siri, zoom]", 16, "zoom"),
            ("  hide: [siri, [zoom]] # x", 9, "[siri, [zoom]]"),
            ("  shared: { users: 99, x: 1 }", 20, "99"),
            ("  url: https://host:1/a#b", 8, "https://host:1/a#b"),
            ("  - C02X0001", 5, "C02X0001"),
            ("  open: [siri,", 9, "[siri,"),
            ("  end:", 7, ""),
        ] {
            assert_eq!(extent_of(line, column), value, "{line}");
        }
    }

    #[test]
    fn a_place_in_the_margin_is_the_line_and_marks_nothing() {
        let shown = cut("    serials: [C02X0001]", 1).expect("it is shown");
        assert_eq!(shown, Snippet { text: "    serials: [C02X0001]".to_owned(), mark: None });
    }

    #[test]
    fn tabs_wide_letters_and_control_characters_keep_the_mark_below_its_place() {
        assert_eq!(drawn("\tname: x", 8), ("    name: x".to_owned(), "          ^".to_owned()));
        // Each of the two takes two columns of a terminal.
        assert_eq!(drawn("a: 校長", 4), ("a: 校長".to_owned(), "   ^^^^".to_owned()));
        assert_eq!(drawn("校: 長", 4), ("校: 長".to_owned(), "    ^^".to_owned()));
        // A combining mark takes none.
        assert_eq!(drawn("e\u{301}: x", 5), ("e\u{301}: x".to_owned(), "   ^".to_owned()));
        let (text, below) = drawn("a\x1b[31m: x", 9);
        assert_eq!((text.as_str(), below.as_str()), ("a\\u{1b}[31m: x", "             ^"));
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let long = format!("a: [{}, wrong, {}]", "b".repeat(300), "c".repeat(300));
        let column = long.find("wrong").expect("it is there") + 1;
        let (text, below) = drawn(&long, column);
        assert!(text.starts_with('…') && text.ends_with('…') && text.contains("wrong"), "{text}");
        assert!(text.chars().count() <= LINE_WIDTH, "{text}");
        assert_eq!(text.chars().skip(below.find('^').unwrap()).take(5).collect::<String>(), "wrong");
        assert_eq!(below.matches('^').count(), 5);

        let (text, below) = drawn(&long, 1);
        assert!(text.starts_with("a: [") && text.ends_with('…'), "{text}");
        assert_eq!(below, "^");
        assert_eq!(cut(&"x".repeat(LAST_COLUMN + 9), LAST_COLUMN + 1), None);
    }

    #[test]
    fn a_value_over_the_cut_is_marked_as_far_as_it_is_shown() {
        let (text, below) = drawn(&format!("a: {}", "b".repeat(500)), 4);
        assert!(text.chars().count() <= LINE_WIDTH);
        assert!(below.len() <= LINE_WIDTH && below.matches('^').count() > 100, "{below}");
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown_and_has_no_end() {
        let sources = |_: &str| Some("credential:\n  clientSecret: hunter2\nname: x\n".to_owned());
        let mut snippets = Snippets::new(&sources);
        let at = |line| Place { file: "c.yaml".into(), line, column: 7 };
        assert_eq!((snippets.of(&at(2), "x"), snippets.end_column(&at(2))), (None, None));
        assert!(snippets.of(&at(3), "x").is_some());
        assert_eq!(snippets.end_column(&at(3)), Some(8));
        assert_eq!(snippets.of(&at(9), "x"), None, "a line that is not there");
    }
}
