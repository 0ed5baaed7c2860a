//! The code that reads what others send, each with what it is given and what must hold of its answer.

use std::error::Error;
use std::sync::OnceLock;

use espalier::model::Secret;
use espalier::provider::dep::{Account, read_details, read_page, read_session};
use espalier::server_token::{Envelope, KeyPair, content};
use secrecy::SecretSlice;
use serde_json::Value;

use super::apple;
use super::corpus::{self, CERTIFICATE, KEY, PLANTED};

/// Something that reads.
#[derive(Debug)]
pub struct Target {
    /// A word for it.
    pub name: &'static str,
    /// Reads an input: what it took, or why it refused.
    pub read: fn(&[u8]) -> Result<String, String>,
    /// What somebody wrote for it.
    pub corpus: fn() -> Vec<Group>,
}

/// Inputs that are changed, and what is put around them afterwards: changes inside of a message would
/// otherwise break its outside first.
#[derive(Debug)]
pub struct Group {
    /// Unchanged.
    pub inputs: Vec<Vec<u8>>,
    /// Makes a whole input of a changed one.
    pub wrap: fn(&[u8]) -> Vec<u8>,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "p7m", read: file, corpus: corpus::files },
    Target { name: "content", read: decrypted, corpus: corpus::contents },
    Target { name: "pair", read: key_pair, corpus: corpus::pairs },
    Target { name: "session", read: session, corpus: corpus::sessions },
    Target { name: "account", read: account, corpus: corpus::accounts },
    Target { name: "page", read: page, corpus: corpus::pages },
    Target { name: "details", read: details, corpus: corpus::details },
    Target { name: "refusal", read: apple::dep_refusal, corpus: apple::dep_refusals },
    Target { name: "devices", read: apple::devices, corpus: apple::device_pages },
    Target { name: "log", read: apple::log, corpus: apple::logs },
    Target { name: "errors", read: apple::errors, corpus: apple::error_documents },
    Target { name: "organisation", read: apple::organisation, corpus: apple::organisations },
];

fn pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| {
        KeyPair::read(&Secret::new(KEY.to_owned()), CERTIFICATE.as_bytes()).expect("a good pair")
    })
}

fn file(input: &[u8]) -> Result<String, String> {
    let envelope = Envelope::read(input).map_err(|error| refused(error.code(), &error))?;
    let shown = format!("{envelope:?}");
    assert!(!shown.contains(PLANTED), "what is shown of a file has a secret: {shown}");
    for recipient in envelope.recipients() {
        let _ = recipient.to_string();
    }
    let token = envelope.open(pair()).map_err(|error| refused(error.code(), &error))?;
    assert!(envelope.is_for(pair()), "a file for somebody else was opened");
    Ok(taken(&token))
}

fn decrypted(input: &[u8]) -> Result<String, String> {
    let token = content::token(&SecretSlice::from(input.to_vec()));
    let token = token.map_err(|error| refused(error.code(), &error))?;
    // What is kept is read again as it was.
    let again = content::held(&content::stored(&token)).expect("a kept token is read");
    for (new, old) in again.secrets().iter().zip(token.secrets()) {
        assert!(new.reveal() == old.reveal(), "a kept token is another one");
    }
    Ok(taken(&token))
}

fn taken(token: &espalier::model::ServerToken) -> String {
    let shown = format!("{token:?} {} {}", token.fingerprint(), token.credentials_fingerprint());
    assert!(!shown.contains(PLANTED), "what is shown of a token has a secret: {shown}");
    format!("{:?}", token.oddities())
}

fn key_pair(input: &[u8]) -> Result<String, String> {
    let read = match input.split_first() {
        Some((b'k', key)) => {
            let key = std::str::from_utf8(key).map_err(|_| "no text".to_owned())?;
            KeyPair::read(&Secret::new(key.to_owned()), CERTIFICATE.as_bytes())
        }
        Some((_, certificate)) => KeyPair::read(&Secret::new(KEY.to_owned()), certificate),
        None => KeyPair::read(&Secret::new(String::new()), b""),
    };
    let pair = read.map_err(|error| refused(error.code(), &error))?;
    pair.check().map_err(|error| refused(error.code(), &error))?;
    let shown = format!("{pair:?} {}", pair.recipient());
    assert!(!shown.contains("PRIVATE KEY"), "what is shown of a pair has the key: {shown}");
    pair.certificate_pem().and_then(|_| pair.key_pem()).expect("a good pair is written");
    Ok(String::new())
}

fn session(input: &[u8]) -> Result<String, String> {
    let session = read_session(input).map_err(|error| refused("session", &error))?;
    assert!(!session.reveal().is_empty(), "an empty session was taken");
    assert!(!format!("{session:?}").contains(PLANTED), "what is shown of a session is the session");
    Ok(String::new())
}

fn account(input: &[u8]) -> Result<String, String> {
    let account: Account = serde_json::from_slice(input).map_err(|error| unread(&error))?;
    let _ = format!("{account:?}");
    Ok(format!("{:?} {}", account.administrator().map(str::len), account.urls.len()))
}

fn page(input: &[u8]) -> Result<String, String> {
    let mut rows = 0;
    let read = read_page(input, &mut |row| {
        let _ = format!("{row:?} {:?} {:?} {}", row.serial(), row.profile(), row.is_accessible());
        rows += 1;
    });
    let page = read.map_err(|error| unread(&error))?;
    assert_eq!(page.rows, rows, "the page miscounts its rows");
    assert!(!page.cursor.is_empty(), "a page without a cursor was taken");
    // A list that was cut short must not look whole. Which of two members of one name counts is
    // nobody's rule.
    if ["devices", "cursor", "more_to_follow"].iter().all(|name| times(input, name) == 1)
        && let Ok(whole) = serde_json::from_slice::<Value>(input)
    {
        let there = whole["devices"].as_array().map_or(0, Vec::len);
        assert_eq!(rows, there, "rows are lost or made up");
        assert_eq!(whole["cursor"], page.cursor);
        assert_eq!(whole["more_to_follow"], page.more_to_follow);
    }
    Ok(format!("{} {}", rows.min(3), page.more_to_follow))
}

fn details(input: &[u8]) -> Result<String, String> {
    let mut rows = 0;
    let read = read_details(input, &mut |row| {
        let _ = format!("{row:?} {:?} {:?} {}", row.serial(), row.profile(), row.is_accessible());
        rows += 1;
    });
    let counted = read.map_err(|error| unread(&error))?;
    assert_eq!(counted, rows, "the details miscount their rows");
    Ok(rows.min(3).to_string())
}

/// How often a word stands in an input; escapes may hide more of them.
pub fn times(input: &[u8], word: &str) -> usize {
    let is_escaped = input.windows(2).any(|pair| pair == b"\\u");
    let found = input.windows(word.len()).filter(|part| *part == word.as_bytes()).count();
    if is_escaped { usize::MAX } else { found }
}

/// Why JSON was not read, without the place and the values.
pub fn unread(error: &serde_json::Error) -> String {
    let sentence = error.to_string();
    sentence.chars().filter(|letter| letter.is_ascii_alphabetic() || *letter == ' ').take(30).collect()
}

/// The beginning of a refusal, which is a sentence without secrets, and so is each of its causes.
pub fn refused(code: &str, error: &(dyn Error + 'static)) -> String {
    let mut whole = format!("{error:?}\n{error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        whole.push_str(&format!("\n{error}"));
        cause = error.source();
    }
    assert!(!whole.contains(PLANTED), "a refusal has a secret: {whole}");
    let sentence = error.to_string();
    assert!(!sentence.trim().is_empty(), "a refusal without a word");
    let beginning: String = sentence.chars().take(40).collect();
    format!("{code}: {beginning}")
}
