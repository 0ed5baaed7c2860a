//! `$filter`, as far as these lists take it: comparisons of single members, joined by `and` and `or`.

use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::graph::reply::Refusal;

/// A condition: any of the lists holds, of which all terms hold.
#[derive(Debug, Default)]
pub(super) struct Filter(Vec<Vec<Term>>);

#[derive(Debug)]
struct Term {
    member: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Contains(String),
    Before(Timestamp),
    After(Timestamp),
}

/// What a member may be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `eq`
    Equality,
    /// `eq` and `contains`
    Text,
    /// `lt` and `gt`
    Time,
}

impl Filter {
    /// Reads a filter; absent, everything holds.
    ///
    /// # Errors
    /// A refusal for a member that cannot be compared so, or a text that is no condition.
    pub(super) fn read(text: Option<&str>, members: &[(&str, Comparison)]) -> Result<Self, Refusal> {
        let Some(text) = text else { return Ok(Self::default()) };
        let invalid = || Refusal::bad_request(format!("Invalid filter clause: '{text}'."));
        let words = words(text).ok_or_else(invalid)?;
        let mut any = Vec::new();
        for part in words.split(|word| *word == Word::Plain("or".to_owned())) {
            let mut all = Vec::new();
            for term in part.split(|word| *word == Word::Plain("and".to_owned())) {
                let term = Term::read(term).ok_or_else(invalid)?;
                let known = members.iter().find(|(name, _)| *name == term.member);
                let apt = known.is_some_and(|(_, comparison)| match term.test {
                    Test::Equal(_) => *comparison != Comparison::Time,
                    Test::Contains(_) => *comparison == Comparison::Text,
                    Test::Before(_) | Test::After(_) => *comparison == Comparison::Time,
                });
                if !apt {
                    return Err(Refusal::bad_request(format!(
                        "The property '{}' cannot be filtered so.",
                        term.member
                    )));
                }
                all.push(term);
            }
            any.push(all);
        }
        Ok(Self(any))
    }

    /// The only serial that can satisfy it; `None`: several may.
    pub(super) fn serial(&self) -> Option<Serial> {
        let [only] = self.0.as_slice() else { return None };
        let named = only.iter().find_map(|term| match &term.test {
            Test::Equal(text) if term.member == "serialNumber" => Some(text),
            _ => None,
        })?;
        Serial::new(&named.to_ascii_uppercase())
    }

    /// Whether it holds for an object of which `text` gives the members.
    pub(super) fn holds(&self, text: impl Fn(&str) -> Option<String>) -> bool {
        let term = |term: &Term| {
            let Some(value) = text(&term.member) else { return false };
            let time = || value.parse::<Timestamp>().ok();
            match &term.test {
                Test::Equal(wanted) => value.eq_ignore_ascii_case(wanted),
                Test::Contains(part) => value.to_lowercase().contains(&part.to_lowercase()),
                Test::Before(limit) => time().is_some_and(|at| at < *limit),
                Test::After(limit) => time().is_some_and(|at| at > *limit),
            }
        };
        self.0.is_empty() || self.0.iter().any(|all| all.iter().all(term))
    }
}

impl Term {
    fn read(words: &[Word]) -> Option<Self> {
        let (member, test) = match words {
            [Word::Plain(member), Word::Plain(operator), value] => match (operator.as_str(), value) {
                ("eq", Word::Quoted(text)) => (member, Test::Equal(text.clone())),
                ("lt", Word::Plain(time)) => (member, Test::Before(time.parse().ok()?)),
                ("gt", Word::Plain(time)) => (member, Test::After(time.parse().ok()?)),
                _ => return None,
            },
            [
                Word::Plain(function),
                Word::Open,
                Word::Plain(member),
                Word::Comma,
                Word::Quoted(part),
                Word::Close,
            ] if function == "contains" => (member, Test::Contains(part.clone())),
            _ => return None,
        };
        Some(Self { member: member.clone(), test })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
    Open,
    Comma,
    Close,
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' => {
                words.push(Word::Open);
                1
            }
            ')' => {
                words.push(Word::Close);
                1
            }
            ',' => {
                words.push(Word::Comma);
                1
            }
            '\'' => {
                let (quoted, length) = quoted(rest)?;
                words.push(Word::Quoted(quoted));
                length
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(rest.len());
                words.push(Word::Plain(rest[..end].to_owned()));
                end
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(words)
}

/// The text between quotation marks, of which two stand for one, and the length of all.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut marks = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = marks.next() {
        if character != '\'' {
            inner.push(character);
        } else if marks.next_if(|(_, next)| *next == '\'').is_some() {
            inner.push('\'');
        } else {
            return Some((inner, at + 1));
        }
    }
    None
}
