//! One request as all services know it, and what is left of it when it is given up.

use std::fmt;

use bytes::Bytes;
use reqwest::Method;
use url::Url;

use super::retry::{Effect, Repeat};
use super::{LONGEST_ANSWER, NoAnswer, retry};

/// One request to a service whose operations are `O`. Its `Debug` leaves the body out, which may hold
/// a secret.
#[derive(Clone)]
pub struct Call<O> {
    /// What is being done.
    pub operation: O,
    /// The HTTP method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// JSON; `None` sends no body.
    pub body: Option<Bytes>,
    /// How often it may be carried out.
    pub repeat: Repeat,
    /// The longest answer that is read, in bytes.
    pub longest: usize,
    /// How many requests it counts for: those within a batch, else 1.
    pub weight: u32,
}

impl<O> Call<O> {
    /// A request that reads an address.
    pub fn get(operation: O, url: Url) -> Self {
        Self::new(operation, Method::GET, url, None, Repeat::Read)
    }

    /// Any request; its answer is bounded by [`LONGEST_ANSWER`], and it counts for one.
    pub fn new(operation: O, method: Method, url: Url, body: Option<Bytes>, repeat: Repeat) -> Self {
        Self { operation, method, url, body, repeat, longest: LONGEST_ANSWER, weight: 1 }
    }

    /// The same, for an answer of at most so many bytes.
    #[must_use]
    pub fn at_most(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// The same, counting for so many requests.
    #[must_use]
    pub fn weighing(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}

impl<O: fmt::Debug> fmt::Debug for Call<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, method, url, body, repeat, longest, weight } = self;
        f.debug_struct("Call")
            .field("operation", operation)
            .field("method", method)
            .field("url", &url.as_str())
            .field("body", &body.as_ref().map(Bytes::len))
            .field("repeat", repeat)
            .field("longest", longest)
            .field("weight", weight)
            .finish()
    }
}

/// A call that was given up, with the service's kind of error.
#[derive(Clone, Debug)]
pub struct Failure<E> {
    /// What went wrong.
    pub error: E,
    /// What is known about its effect; [`Effect::NotSent`] for a read means nothing more than that.
    pub effect: Effect,
}

impl From<&NoAnswer> for retry::Trouble {
    fn from(failure: &NoAnswer) -> Self {
        match failure {
            NoAnswer::NotConnected(_) => Self::Unreached,
            NoAnswer::TimedOut | NoAnswer::Cut(_) | NoAnswer::TooLong(_) => Self::Broken(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_its_address_and_not_its_body() {
        let url = Url::parse("https://example.com/x").unwrap();
        let body = Some(Bytes::from_static(b"planted"));
        let call = Call::new("writing", Method::POST, url, body, Repeat::Never).at_most(9).weighing(2);
        let shown = format!("{call:?}");
        assert!(!shown.contains("planted") && shown.contains("Some(7)"), "{shown}");
        assert!(shown.contains("https://example.com/x") && shown.contains("writing"), "{shown}");
        assert_eq!((call.longest, call.weight), (9, 2));
    }
}
