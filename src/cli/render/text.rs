//! Small pieces of text: colours, counts, clipping. PURE.
//!
//! Everything here writes colours; the stream that it is written to takes them out where they do
//! not belong (`NO_COLOR`, no terminal, `--color never`). So nothing asks twice.

use std::borrow::Cow;
use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};

use crate::model::Serial;

/// Something new.
pub const CREATE: Style = AnsiColor::Green.on_default();
/// Something changed.
pub const UPDATE: Style = AnsiColor::Yellow.on_default();
/// Something that goes.
pub const DELETE: Style = AnsiColor::Red.on_default();
/// A word that goes, within a line.
pub const DELETED_WORD: Style = AnsiColor::Red.on_default().bold().underline();
/// A word that comes, within a line.
pub const ADDED_WORD: Style = AnsiColor::Green.on_default().bold().underline();
/// An explanation.
pub const NOTE: Style = AnsiColor::Cyan.on_default();
/// A trouble.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// A warning.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// An advice.
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// A heading or the subject of a line.
pub const BOLD: Style = Style::new().bold();
/// What can be passed over.
pub const QUIET: Style = Style::new().dimmed();

/// A value that is shown in a style.
pub struct Painted<T>(Style, T);

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        self.1.fmt(f)?;
        write!(f, "{:#}", self.0)
    }
}

/// Shows a value in a style.
pub fn paint<T: Display>(style: Style, value: T) -> Painted<T> {
    Painted(style, value)
}

/// The text with control characters made visible, line ends kept: what services and files say must
/// not steer the terminal. A line end behind which a command to a runner of workflows would begin
/// (`::error::`, `##[group]`) is made visible, too.
pub fn clean(text: &str) -> Cow<'_, str> {
    shown(text, commands)
}

/// As [`clean`], on one line: a name must not look like another line.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    shown(text, |_| true)
}

/// As [`clean`], with all line ends kept, for who encodes them.
pub fn clean_to_encode(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// Whether a line that begins so would be taken for a command by GitHub's or Azure's runner, which
/// look past blanks.
fn commands(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("::") || line.starts_with("##[")
}

/// `hides` tells of what follows a line end whether that is made visible.
fn shown(text: &str, hides: impl Fn(&str) -> bool) -> Cow<'_, str> {
    // Besides control characters, the marks that turn the direction of writing or end a line.
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut clean = String::new();
    let mut done = 0;
    for (at, c) in text.char_indices() {
        let next = at + c.len_utf8();
        // At the end there is no line that it begins.
        let is_hidden = steers(c) || (c == '\n' && next < text.len() && hides(&text[next..]));
        if is_hidden {
            clean.push_str(&text[done..at]);
            if c == '\n' {
                clean.push_str("\\n")
            } else {
                clean.extend(c.escape_unicode())
            }
            done = next;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// The text in at most `width` characters; a longer one ends in `…`.
pub fn clip(text: &str, width: usize) -> Cow<'_, str> {
    if text.chars().count() <= width {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    Cow::Owned(short)
}

/// A number with thousands parted: `12,500`.
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 device`, `12,500 devices`.
pub fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count))
}

/// Some items by name and the others as a count: `a, b, c and 4 more`.
pub fn some_of<T: Display>(items: impl ExactSizeIterator<Item = T>, shown: usize) -> String {
    let more = items.len().saturating_sub(shown);
    let names: Vec<String> = items.take(shown).map(|item| item.to_string()).collect();
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {} more", number(more as u64)) }
}

/// How many serials a text names; the JSON has all.
pub const SERIALS_SHOWN: usize = 5;

/// The first serials and a count of the others.
pub fn serials(serials: &[Serial]) -> String {
    some_of(serials.iter(), SERIALS_SHOWN)
}

/// The width that texts are wrapped to. It does not depend on the terminal: a plan is read in pull
/// requests and logs, too.
pub const LINE_WIDTH: usize = 80;

/// The text in lines of at most `width` characters, parted at spaces. What stands between
/// backticks is to be copied and stays together, and no line begins like a command to a runner.
pub fn wrapped(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut length, mut quoted) = (0, 0, false);
    // The last space at which the line can end, and the length of the line up to it.
    let mut space: Option<(usize, usize)> = None;
    for (at, c) in text.char_indices() {
        match c {
            '`' => quoted = !quoted,
            ' ' if !quoted && length > 0 && !commands(&text[at..]) => space = Some((at, length)),
            _ => {}
        }
        length += 1;
        if let Some((end, before)) = space
            && length > width
            && c != ' '
        {
            lines.push(&text[start..end]);
            (start, length, space) = (end + 1, length - before - 1, None);
        }
    }
    lines.push(&text[start..]);
    lines
}

/// Writes `text` behind a label, wrapped; further lines of it are indented to stand below the first.
pub fn labelled(out: &mut String, indent: usize, label: impl Display, width: usize, text: &str) {
    labelled_in(out, indent, label, width, Style::new(), text);
}

/// As [`labelled`], with the text in a style.
pub fn labelled_in(
    out: &mut String,
    indent: usize,
    label: impl Display,
    width: usize,
    style: Style,
    text: &str,
) {
    use std::fmt::Write as _;
    let before = indent + width + 1;
    let text = clean(text);
    let lines = text.lines().flat_map(|line| wrapped(line, LINE_WIDTH.saturating_sub(before)));
    for (at, line) in lines.enumerate() {
        let line = paint(style, line);
        // Writing to a String does not fail.
        let _ = if at == 0 {
            writeln!(out, "{:indent$}{label:width$} {line}", "")
        } else {
            writeln!(out, "{:indent$}{:width$} {line}", "", "")
        };
    }
}

/// The commands that ask services, so that they need the world that the present one works on.
const ASKING: [&str; 11] = [
    "plan", "apply", "status", "devices", "drift", "watch", "doctor", "token", "action", "escrow", "journal",
];

/// The text with an option behind every quoted command of ours that asks services: a next step told in a
/// simulated world is to be taken there.
pub fn with_flag<'t>(text: &'t str, flag: &str) -> Cow<'t, str> {
    const OURS: &str = "`espalier ";
    let option = flag.split('=').next().unwrap_or(flag);
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OURS) {
        let (before, quoted) = rest.split_at(at + OURS.len());
        out.push_str(before);
        let end = quoted.find(['`', '\n']).unwrap_or(quoted.len());
        let (command, after) = quoted.split_at(end);
        out.push_str(command);
        let mut words = command.split_whitespace();
        let asks = words.next().is_some_and(|word| ASKING.contains(&word));
        let has_it = words.any(|word| word.split('=').next() == Some(option));
        if after.starts_with('`') && asks && !has_it {
            out.push(' ');
            out.push_str(flag);
        }
        rest = after;
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The text without colours.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_parted_by_thousands() {
        for (count, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (200_000, "200,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(number(count), text);
        }
        assert_eq!(super::count(1, "device"), "1 device");
        assert_eq!(super::count(0, "device"), "0 devices");
    }

    #[test]
    fn what_others_say_begins_no_line_with_a_command_to_a_runner() {
        assert_eq!(clean("a\n::error::b\n  ##[group]c\nd::e"), "a\\n::error::b\\n  ##[group]c\nd::e");
        assert_eq!(clean_to_encode("a\n::error::b"), "a\n::error::b");
        assert_eq!(on_one_line("a\nb\u{7}\n"), "a\\nb\\u{7}\n");
        assert_eq!(wrapped("aaaa bbbb ::error::c", 10), ["aaaa", "bbbb ::error::c"]);
        let mut out = String::new();
        labelled(&mut out, 2, "why", 4, "no id \n::add-mask::x");
        assert_eq!(out, "  why  no id \\n::add-mask::x\n");
    }

    #[test]
    fn control_characters_are_shown_and_do_not_steer() {
        assert_eq!(clean("a\x1b[31mb\nc\u{9b}d\r"), "a\\u{1b}[31mb\nc\\u{9b}d\\u{d}");
        assert_eq!(clean("a\u{202e}b\u{200f}c\u{2028}d"), "a\\u{202e}b\\u{200f}c\\u{2028}d");
        assert!(matches!(clean("nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_lists_are_cut_with_a_count() {
        assert_eq!(some_of(["a", "b"].iter(), 2), "a, b");
        assert_eq!(some_of(["a", "b", "c"].iter(), 2), "a, b and 1 more");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("äöü", 3), "äöü");
    }

    #[test]
    fn long_texts_are_wrapped_and_what_is_quoted_stays_together() {
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 6), ["one", "two", "three"]);
        assert_eq!(wrapped("überübermäßig lang", 4), ["überübermäßig", "lang"]);
        assert_eq!(wrapped("say `a b c d` now", 6), ["say", "`a b c d`", "now"]);
        assert_eq!(wrapped("an `open quote goes on", 8), ["an", "`open quote goes on"]);
    }

    #[test]
    fn a_next_step_in_a_simulated_world_stays_there() {
        for (text, told) in [
            ("see `espalier plan`, then say --yes", "see `espalier plan --sim`, then say --yes"),
            (
                "`espalier plan --sim=w.json` and `espalier explain P-14`",
                "`espalier plan --sim=w.json` and `espalier explain P-14`",
            ),
            (
                "`espalier devices --unassigned` `espalier apply`",
                "`espalier devices --unassigned --sim` `espalier apply --sim`",
            ),
            ("`espalier plan\nno end", "`espalier plan\nno end"),
            ("nothing of ours", "nothing of ours"),
        ] {
            assert_eq!(with_flag(text, "--sim"), told);
        }
        assert_eq!(with_flag("`espalier plan`", "--sim=http://x"), "`espalier plan --sim=http://x`");
    }

    #[test]
    fn colours_come_off() {
        assert_eq!(plain(&paint(CREATE, "+").to_string()), "+");
        assert_ne!(paint(CREATE, "+").to_string(), "+");
    }
}
