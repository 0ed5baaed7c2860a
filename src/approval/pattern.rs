//! Pattern lists as OpenSSH has them (`man ssh_config`, PATTERNS): `*`, `?`, `!`, commas.

/// The longest pattern, in bytes; OpenSSH takes no longer ones either.
const LONGEST: usize = 1023;

/// A list of patterns, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PatternList {
    text: String,
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    is_negated: bool,
    text: String,
}

impl PatternList {
    /// Reads a list.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(char::is_control) {
            return Err("it holds a control character");
        }
        let mut patterns = Vec::new();
        for one in text.split(',') {
            let (is_negated, one) = match one.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, one),
            };
            if one.is_empty() {
                return Err("it has an empty entry between its commas");
            }
            if one.len() > LONGEST {
                return Err("one of its entries is too long");
            }
            patterns.push(Pattern { is_negated, text: one.to_owned() });
        }
        Ok(Self { text: text.to_owned(), patterns })
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a name matches one of the patterns and none of the negated ones.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.matches_by(name, |a, b| a == b)
    }

    /// Likewise, whatever the case.
    pub(super) fn matches_any_case(&self, name: &str) -> bool {
        self.matches_by(name, |a, b| a.to_lowercase().eq(b.to_lowercase()))
    }

    fn matches_by(&self, name: &str, same: fn(char, char) -> bool) -> bool {
        let name: Vec<char> = name.chars().collect();
        let hit = |pattern: &&Pattern| {
            let text: Vec<char> = pattern.text.chars().collect();
            is_match(&text, &name, same)
        };
        let (no, yes): (Vec<&Pattern>, Vec<&Pattern>) = self.patterns.iter().partition(|one| one.is_negated);
        !no.iter().any(hit) && yes.iter().any(hit)
    }

    /// The names that it lists outright, in lower case: who is meant, where no pattern stands for anybody.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let outright = |one: &&Pattern| !one.is_negated && !one.text.contains(['*', '?']);
        self.patterns.iter().filter(outright).map(|one| one.text.to_lowercase())
    }

    /// Whether it stands for people whom it does not name.
    pub(super) fn is_open(&self) -> bool {
        self.patterns.iter().any(|one| !one.is_negated && one.text.contains(['*', '?']))
    }
}

/// Whether a name matches a pattern. Takes at most the product of both lengths.
fn is_match(pattern: &[char], name: &[char], same: fn(char, char) -> bool) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where the last star stands, and up to where it has taken the name.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(one) if *one == '?' || same(*one, name[read]) => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    read = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|one| *one == '*')
}
