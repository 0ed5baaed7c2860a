//! The session of a token: which one is in use, and which answer may replace it. PURE.
//!
//! Any answer may bring a new session, and answers come in another order than their requests went out.
//! Requests are numbered as they are sent; a session counts only if it came with an answer to a later
//! request than the one in use did.

use std::sync::{Mutex, PoisonError};

use crate::model::Secret;

/// The session of one connection.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    value: Option<Secret>,
    /// The request whose answer brought it, or from which on answers count.
    since: u64,
    /// Requests numbered so far.
    sent: u64,
}

/// What a request is sent with.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub session: Secret,
    number: u64,
}

impl Session {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a request that is about to be sent; `None`: there is no session.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        let mut state = self.state();
        let session = state.value.clone()?;
        state.sent += 1;
        Some(Ticket { session, number: state.sent })
    }

    /// Takes the session of a sign-in. Answers to requests that are on their way do not count.
    pub(super) fn begin(&self, session: Secret) {
        let mut state = self.state();
        state.since = state.sent;
        state.value = Some(session);
    }

    /// Takes the session that an answer brought; returns whether it is in use from now on. One that the
    /// request itself was sent with is no news.
    pub(super) fn switch(&self, ticket: &Ticket, brought: Secret) -> bool {
        let mut state = self.state();
        if brought.reveal() == ticket.session.reveal() || ticket.number <= state.since {
            return false;
        }
        state.since = ticket.number;
        state.value = Some(brought);
        true
    }

    /// Drops the session that was refused, unless it has been replaced already.
    pub(super) fn forget(&self, ticket: &Ticket) {
        let mut state = self.state();
        if state.value.as_ref().is_some_and(|value| value.reveal() == ticket.session.reveal()) {
            state.value = None;
            state.since = state.sent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn in_use(session: &Session) -> Option<String> {
        session.ticket().map(|ticket| ticket.session.reveal().to_owned())
    }

    #[test]
    fn the_answer_to_the_later_request_wins_in_whatever_order_they_come() {
        for later_first in [false, true] {
            let session = Session::default();
            session.begin(secret("s1"));
            let (first, second) = (session.ticket().unwrap(), session.ticket().unwrap());
            if later_first {
                assert!(session.switch(&second, secret("s3")));
                assert!(!session.switch(&first, secret("s2")));
            } else {
                assert!(session.switch(&first, secret("s2")));
                assert!(session.switch(&second, secret("s3")));
            }
            assert_eq!(in_use(&session).as_deref(), Some("s3"));
        }
    }

    #[test]
    fn an_echo_of_the_old_session_changes_nothing() {
        let session = Session::default();
        session.begin(secret("s1"));
        let (first, second) = (session.ticket().unwrap(), session.ticket().unwrap());
        assert!(session.switch(&first, secret("s2")));
        assert!(!session.switch(&second, secret("s1")));
        assert_eq!(in_use(&session).as_deref(), Some("s2"));
    }

    #[test]
    fn a_sign_in_outlives_answers_to_earlier_requests() {
        let session = Session::default();
        session.begin(secret("s1"));
        let early = session.ticket().unwrap();
        session.forget(&early);
        assert!(in_use(&session).is_none());
        assert!(!session.switch(&early, secret("s2")));
        assert!(in_use(&session).is_none());
        session.begin(secret("s9"));
        assert!(!session.switch(&early, secret("s2")));
        assert_eq!(in_use(&session).as_deref(), Some("s9"));
    }

    #[test]
    fn only_the_refused_session_is_forgotten() {
        let session = Session::default();
        session.begin(secret("s1"));
        let (first, second) = (session.ticket().unwrap(), session.ticket().unwrap());
        assert!(session.switch(&first, secret("s2")));
        session.forget(&second);
        assert_eq!(in_use(&session).as_deref(), Some("s2"));
    }
}
