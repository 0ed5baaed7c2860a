//! Markdown for pull requests: the summary first, details folded, cut to what a host takes. PURE.
//!
//! Invariants, whatever names and texts the documents and the services bring: the text is never
//! larger than its limit, every tag and every fence that it opens is closed, and nothing of what
//! others wrote is markup, a mention or a link (see [`escape`]).

pub mod acts;
pub mod escape;
pub mod plan;
pub mod report;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::text::{count, number};

/// The largest comment that GitHub takes is 65,536 characters; a little is left for what scripts
/// put around it.
pub const DEFAULT_SIZE: usize = 65_000;

/// The smallest limit that is taken: the summary has to fit.
pub const SMALLEST_SIZE: usize = 2_000;

/// How much of the smallest limit the summary may take.
const HEAD_SIZE: usize = 1_200;

/// How much is kept for the word on what was cut.
const NOTICE_SIZE: usize = SMALLEST_SIZE - HEAD_SIZE;

/// A text in parts that can be left out one by one.
#[derive(Clone, Debug, Default)]
pub struct Document {
    head: String,
    sections: Vec<Section>,
    /// How to see what was cut; markdown of ours.
    see: String,
}

/// Paragraphs below one heading.
#[derive(Clone, Debug)]
pub struct Section {
    title: &'static str,
    /// All of it is folded, with this line to unfold it; else it has a heading.
    folded: Option<String>,
    blocks: Vec<Block>,
}

/// A paragraph, well-formed by itself.
#[derive(Clone, Debug)]
pub struct Block {
    /// All of it.
    pub full: String,
    /// Its first line, where all of it does not fit.
    pub short: String,
}

impl Document {
    /// An empty one; `see` says how to see what was cut.
    pub fn new(see: &str) -> Self {
        Self { see: see.to_owned(), ..Self::default() }
    }

    /// Adds lines to the summary, as long as there is room for them.
    pub fn head(&mut self, line: &str) {
        if self.head.len() + line.len() < HEAD_SIZE {
            self.head.push_str(line);
            self.head.push('\n');
        }
    }

    /// Adds a section; one without blocks is left out.
    pub fn section(&mut self, title: &'static str, blocks: Vec<Block>) {
        if !blocks.is_empty() {
            self.sections.push(Section { title, folded: None, blocks });
        }
    }

    /// Adds a section that is folded behind a line of HTML; one without blocks is left out.
    pub fn folded(&mut self, title: &'static str, summary: String, blocks: Vec<Block>) {
        if !blocks.is_empty() {
            self.sections.push(Section { title, folded: Some(summary), blocks });
        }
    }

    /// The text, in at most `limit` bytes and so in at most as many characters however a host
    /// counts them. `limit` is at least [`SMALLEST_SIZE`].
    pub fn text(&self, limit: usize) -> String {
        let limit = limit.max(SMALLEST_SIZE);
        let all = self.within(limit);
        // Nothing was cut: no room is needed to say so.
        if all.shortened == 0 && all.missing.is_empty() {
            return all.text;
        }
        let mut cut = self.within(limit - NOTICE_SIZE);
        cut.text.push_str(&self.notice(&cut, limit));
        cut.text
    }

    fn within(&self, room: usize) -> Cut {
        let mut cut = Cut { text: format!("{}\n", self.head), shortened: 0, missing: Vec::new() };
        let mut is_full = false;
        for section in &self.sections {
            let (open, close) = section.frame();
            let mut is_open = false;
            let mut shown = 0;
            for block in section.blocks.iter().take_while(|_| !is_full) {
                // What is open has to be closed again.
                let frame = if is_open { close.len() } else { open.len() + close.len() };
                let left = room.saturating_sub(cut.text.len() + frame);
                let text = if block.full.len() <= left {
                    &block.full
                } else if block.short.len() <= left {
                    cut.shortened += 1;
                    &block.short
                } else {
                    is_full = true;
                    break;
                };
                if !is_open {
                    cut.text.push_str(&open);
                    is_open = true;
                }
                cut.text.push_str(text);
                shown += 1;
            }
            if is_open {
                cut.text.push_str(&close);
            }
            if shown < section.blocks.len() {
                cut.missing.push((section.title, section.blocks.len() - shown));
            }
        }
        cut
    }

    fn notice(&self, cut: &Cut, limit: usize) -> String {
        let mut notice = format!("> **Cut to fit {} characters.**", number(limit as u64));
        if cut.shortened > 0 {
            let _ = write!(notice, " {} without details.", count(cut.shortened as u64, "paragraph"));
        }
        if !cut.missing.is_empty() {
            let missing: Vec<String> = cut
                .missing
                .iter()
                .map(|(title, count)| format!("{} of {title}", number(*count as u64)))
                .collect();
            let _ = write!(notice, " Not shown: {}.", missing.join(", "));
        }
        let _ = writeln!(notice, " {}", self.see);
        notice
    }
}

/// What fits.
struct Cut {
    text: String,
    shortened: usize,
    missing: Vec<(&'static str, usize)>,
}

impl Section {
    fn frame(&self) -> (String, String) {
        match &self.folded {
            None => (format!("### {}\n\n", self.title), String::new()),
            Some(summary) => {
                (format!("<details>\n<summary>{summary}</summary>\n\n"), "</details>\n\n".to_owned())
            }
        }
    }
}

/// The longest first line, in characters of what others wrote.
const SHORT: usize = 120;

/// A block with a first line in HTML, below which the rest is folded. `body` is markdown that ends
/// with an empty line.
pub(super) fn folded(summary: &str, is_open: bool, body: &str) -> Block {
    let open = if is_open { " open" } else { "" };
    Block {
        full: format!("<details{open}>\n<summary>{summary}</summary>\n\n{body}</details>\n\n"),
        short: format!("<details>\n<summary>{summary}</summary>\n\n</details>\n\n"),
    }
}

/// A block that is a list entry with further entries below it.
pub(super) fn entry(first: &str, rows: &[String]) -> Block {
    let mut full = format!("- {first}\n");
    for row in rows {
        let _ = writeln!(full, "  - {row}");
    }
    full.push('\n');
    Block { full, short: format!("- {first}\n\n") }
}

/// A label and what it says.
pub(super) fn row(label: &str, markdown: &str) -> String {
    format!("**{label}** {markdown}")
}

/// Names, folded behind what they are: tokens, serials.
pub(super) fn names<T: std::fmt::Display>(what: &str, names: &[T]) -> String {
    let codes: Vec<String> = names.iter().map(|name| escape::code(&name.to_string())).collect();
    format!("<details>\n<summary>{what}</summary>\n\n{}\n\n</details>\n\n", codes.join(", "))
}

/// The tokens of a group, folded.
pub(super) fn tokens<T: std::fmt::Display>(tokens: &[T]) -> String {
    names(&count(tokens.len() as u64, "token"), tokens)
}
