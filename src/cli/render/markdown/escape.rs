//! What others wrote, as markdown that is nothing but text. PURE.
//!
//! | where | how |
//! |---|---|
//! | a name or value in a line | [`code`]: a code span, longer than any run of backticks in it |
//! | a sentence in a line | [`prose`]: plain words; every word with a sign in it is a code span |
//! | a line of HTML (`<summary>`) | [`html`]: `<code>` with entities |
//! | several lines | [`fenced`]: a fence longer than any run of backticks in it |
//!
//! Hosts look for mentions, references and addresses in everything but code, so what could be one
//! is code. No text of others begins a line, where GitLab looks for quick actions, and none spans
//! two.

use crate::cli::render::text::{clean, clean_to_encode, clip};

/// Stands for an end of a line within a line.
const LINE_END: &str = "⏎";

/// The longest text in a code span, in characters.
const SPAN: usize = 400;

/// The text in one line and without control characters.
fn line(text: &str) -> String {
    clean_to_encode(text.trim_end_matches('\n')).replace('\n', LINE_END)
}

/// The longest run of backticks.
fn run(text: &str) -> usize {
    let mut longest = 0;
    let mut now = 0;
    for c in text.chars() {
        now = if c == '`' { now + 1 } else { 0 };
        longest = longest.max(now);
    }
    longest
}

/// A code span, shortened where the text is very long.
pub fn code(text: &str) -> String {
    let text = line(text);
    let text = clip(&text, SPAN);
    if text.trim().is_empty() {
        return "`(empty)`".to_owned();
    }
    let ticks = "`".repeat(run(&text) + 1);
    // One space on each side is taken off again where both are there.
    let edge = |c: Option<char>| matches!(c, Some('`' | ' '));
    let space = if edge(text.chars().next()) || edge(text.chars().next_back()) { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// `<code>` for a line of HTML, at most `width` characters long.
pub fn html(text: &str, width: usize) -> String {
    let text = line(text);
    let mut out = String::from("<code>");
    for c in clip(&text, width).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
    out + "</code>"
}

/// Sentences. What stands between backticks is one code span.
pub fn prose(text: &str) -> String {
    let text = line(text).replace(LINE_END, " ");
    let mut parts: Vec<String> = Vec::new();
    let pieces: Vec<&str> = text.split('`').collect();
    for (at, piece) in pieces.iter().enumerate() {
        // A last backtick without its partner quotes nothing.
        let is_quoted = at % 2 == 1 && at + 1 < pieces.len();
        if is_quoted {
            parts.push(code(piece));
        } else {
            words(&mut parts, piece);
        }
    }
    let mut out = String::new();
    for part in &parts {
        // A full stop behind a quoted command belongs to it.
        let is_stop = part.chars().all(|c| matches!(c, '.' | ',' | ';' | ':' | ')'));
        if !out.is_empty() && !is_stop {
            out.push(' ');
        }
        out.push_str(part);
    }
    out
}

/// Words one by one; several that are no plain ones make one code span.
fn words(parts: &mut Vec<String>, text: &str) {
    let mut signs: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        if is_plain(word) {
            if !signs.is_empty() {
                spanned(parts, &signs);
                signs.clear();
            }
            parts.push(word.to_owned());
        } else {
            signs.push(word);
        }
    }
    if !signs.is_empty() {
        spanned(parts, &signs);
    }
}

/// Words that are no plain ones as one code span; the comma or colon behind them is no part of it.
fn spanned(parts: &mut Vec<String>, signs: &[&str]) {
    let text = signs.join(" ");
    let inner = text.strip_suffix(['.', ',', ';', ':']).unwrap_or(&text);
    // More than one at the edge may mean something, and so may one that stands alone.
    if inner.len() < text.len() && inner.ends_with(char::is_alphanumeric) {
        parts.push(code(inner));
        parts.push(text[inner.len()..].to_owned());
    } else {
        parts.push(code(&text));
    }
}

/// Whether a word can be nothing but a word, on any host.
fn is_plain(word: &str) -> bool {
    let inner = word.trim_start_matches(['(', '"']).trim_end_matches(['.', ',', ';', ':', ')', '"']);
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '.' | ',' | '-' | '(' | ')' | '"' | '\'');
    let lower = inner.to_ascii_lowercase();
    // A commit, an issue of some tracker (`GH-12`), an address.
    let is_commit = inner.len() >= 7 && inner.chars().all(|c| c.is_ascii_hexdigit());
    let is_issue = inner.split_once('-').is_some_and(|(letters, digits)| {
        letters.chars().all(char::is_alphanumeric) && digits.starts_with(|c: char| c.is_ascii_digit())
    });
    let is_address = lower.contains("www.");
    // More than one sign at the edge could be more than punctuation (`::`, `--`).
    word.len() <= inner.len() + 3
        && inner.chars().all(is_inner)
        && !inner.starts_with(['-', '.', ','])
        && !inner.contains("--")
        && !(is_commit || is_issue || is_address)
}

/// A fenced block; `language` is ours. Ends with an empty line.
pub fn fenced(language: &str, text: &str) -> String {
    let text = clean(text.trim_end_matches('\n'));
    let fence = "`".repeat((run(&text) + 1).max(3));
    format!("{fence}{language}\n{text}\n{fence}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_code_span() {
        assert_eq!(code("iPads"), "`iPads`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" a "), "`  a  `");
        assert_eq!(code("a\n\n</details>"), "`a⏎⏎</details>`");
        assert_eq!(code(""), "`(empty)`");
        assert_eq!(code("\x1b[31m"), "`\\u{1b}[31m`");
    }

    #[test]
    fn sentences_stay_readable_and_what_could_be_more_is_code() {
        for (text, shown) in [
            ("the token expired 3 days ago", "the token expired 3 days ago"),
            (
                "ask @org/team, or see https://evil.example/x now",
                "ask `@org/team`, or see `https://evil.example/x` now",
            ),
            ("run `espalier plan -o FILE`.", "run `espalier plan -o FILE`."),
            ("an odd ` stays", "an odd ` stays".replace('`', "").replace("  ", " ").as_str()),
            (
                "<img src=x> *b* _i_ [a](b) #12 GH-12 P-14: www.evil.com",
                "`<img src=x> *b* _i_ [a](b) #12 GH-12 P-14: www.evil.com`",
            ),
            ("line one\n/merge", "line one `/merge`"),
            ("deadbeef1 is a commit", "`deadbeef1` is a commit"),
            ("at most 50 % allowed (4 of 8)", "at most 50 `%` allowed (4 of 8)"),
        ] {
            assert_eq!(prose(text), shown, "{text}");
        }
    }

    #[test]
    fn a_fence_is_longer_than_any_within() {
        assert_eq!(fenced("diff", "+ a\n"), "```diff\n+ a\n```\n\n");
        assert_eq!(fenced("diff", "+ ````x"), "`````diff\n+ ````x\n`````\n\n");
    }

    #[test]
    fn html_is_text() {
        assert_eq!(html("<b>&\"'`", 20), "<code>&lt;b&gt;&amp;&quot;&#39;&#96;</code>");
        assert_eq!(html("abcdef", 4), "<code>abc…</code>");
    }
}
