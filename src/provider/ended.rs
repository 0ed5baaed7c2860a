//! What became of one write, with each service's own kind of error.

use crate::http::call::Failure;
use crate::http::retry::Effect;
use crate::model::live::Cause;

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Ended<T, E> {
    /// Carried out; what the service answered.
    Done(T),
    /// Refused by the service: proven to have no effect.
    Refused(E),
    /// Not carried out (credentials, no connection, throttled beyond patience): proven to have no
    /// effect.
    NotSent(E),
    /// The answer was lost or cannot be read: may have had its effect.
    Lost(E),
}

/// A service's kind of error.
pub(super) trait ServiceFailure {
    /// The kind of trouble.
    fn cause(&self) -> Cause;

    /// The same, as what became of a write whose answer is lost.
    fn lost(self) -> Self;
}

impl<T, E> Ended<T, E> {
    /// From what became of the request. A successful answer that cannot be read proves nothing about
    /// what was done.
    pub(super) fn of<S>(sent: Result<S, Failure<E>>, read: impl FnOnce(S) -> Result<T, E>) -> Self
    where
        E: ServiceFailure,
    {
        match sent {
            Ok(success) => match read(success) {
                Ok(done) => Ended::Done(done),
                Err(error) => Ended::Lost(error.lost()),
            },
            Err(Failure { error, effect: Effect::Unknown }) => Ended::Lost(error.lost()),
            Err(Failure { error, .. }) if matches!(error.cause(), Cause::Credentials | Cause::Throttled) => {
                Ended::NotSent(error)
            }
            Err(Failure { error, effect: Effect::NotSent }) => Ended::NotSent(error),
            Err(Failure { error, effect: Effect::Refused }) => Ended::Refused(error),
        }
    }
}
