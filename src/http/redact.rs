//! Takes secrets out of texts that services send, and bounds their length, before they are kept.
//!
//! Two nets: the secrets that this process itself holds, wherever they stand, and whatever looks
//! like a credential (a JWT, the word behind `Bearer`).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::model::Secret;

/// The longest message that is kept, in characters.
const LONGEST: usize = 500;
/// What stands in the place of a secret.
const INSTEAD: &str = "[secret]";
/// Shorter texts are no secrets, and replacing them would eat the message.
const SHORTEST_SECRET: usize = 4;

/// How many passing secrets are known at once: more than requests are on their way.
const MOST_PASSING: usize = 64;

/// Knows the secrets in use. Its `Debug` shows none of them.
#[derive(Debug, Default)]
pub struct Redactor {
    lasting: Mutex<Vec<Secret>>,
    /// The newest last.
    passing: Mutex<VecDeque<Secret>>,
}

impl Redactor {
    /// Notes a secret that must not appear in any text.
    pub fn learn(&self, secret: &Secret) {
        let mut known = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|other| other.reveal() == secret.reveal()) {
            known.push(secret.clone());
        }
    }

    /// Notes a secret that is in use for a short time only, such as a session that answers replace:
    /// the last 64 of them are known, so that a long run does not gather them without end.
    pub fn learn_passing(&self, secret: &Secret) {
        let mut passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        if passing.iter().any(|other| other.reveal() == secret.reveal()) {
            return;
        }
        if passing.len() == MOST_PASSING {
            passing.pop_front();
        }
        passing.push_back(secret.clone());
    }

    /// The text without secrets and control characters, at most 500 characters of it.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let lasting = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        let passing = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in lasting.iter().chain(passing.iter()) {
            let secret = secret.reveal().trim();
            if secret.len() >= SHORTEST_SECRET && text.contains(secret) {
                text = text.replace(secret, INSTEAD);
            }
        }
        capped(&without_credentials(&text))
    }
}

/// Replaces words that look like credentials. A word ends at any character that no token has.
fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut behind_bearer = false;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_token_char(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !word.is_empty() {
            let secret = is_jwt(word) || (behind_bearer && word.len() >= 16);
            clean.push_str(if secret { INSTEAD } else { word });
            behind_bearer = word.eq_ignore_ascii_case("bearer");
        }
        let mut chars = after.chars();
        if let Some(separator) = chars.next() {
            clean.push(if separator.is_control() { ' ' } else { separator });
        }
        rest = chars.as_str();
    }
    clean
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/')
}

/// Every JWT begins with the base64url of `{"`.
fn is_jwt(word: &str) -> bool {
    word.starts_with("eyJ") && word.len() > 20
}

fn capped(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_and_credential_like_words_disappear() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("pl4nted-secret".into()));
        let text =
            "no pl4nted-secret, no eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln, no Bearer abcdefghijklmnop";
        assert_eq!(redactor.clean(text), "no [secret], no [secret], no Bearer [secret]");
        assert_eq!(redactor.clean("a Bearer token is missing"), "a Bearer token is missing");
        assert!(!format!("{redactor:?}").contains("pl4nted"));
    }

    #[test]
    fn the_last_passing_secrets_are_known() {
        let redactor = Redactor::default();
        for count in 0..1_000 {
            redactor.learn_passing(&Secret::new(format!("session-{count:04}")));
        }
        assert_eq!(redactor.clean("session-0999 session-0936"), "[secret] [secret]");
        assert_eq!(redactor.passing.lock().unwrap().len(), MOST_PASSING);
    }

    #[test]
    fn long_texts_are_cut_and_lines_joined() {
        let redactor = Redactor::default();
        assert_eq!(redactor.clean(&"ä".repeat(600)).chars().count(), 501);
        assert_eq!(redactor.clean("one\ntwo\u{1b}[31m"), "one two [31m");
    }
}
