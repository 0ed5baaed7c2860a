//! All to whom a secret is sealed.

use std::path::Path;

use super::error::RecipientError;
use super::recipient::Recipient;
use crate::model::clock::Timestamp;
use crate::model::desired;

/// The recipients of a fleet, or of a tenant whose policy names its own: at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Reads certificates from the contents of their files. A certificate that stands in two of them
    /// counts once.
    ///
    /// # Errors
    /// Every fault of every file; [`RecipientError::Nobody`] where there is none.
    pub fn parse<'f, I>(files: I) -> Result<Self, Vec<RecipientError>>
    where
        I: IntoIterator<Item = (&'f Path, &'f [u8])>,
    {
        let (mut all, mut faults) = (Vec::<Recipient>::new(), Vec::new());
        for (file, bytes) in files {
            match Recipient::parse(file, bytes) {
                Ok(one) if all.contains(&one) => {}
                Ok(one) => all.push(one),
                Err(fault) => faults.push(fault),
            }
        }
        if all.is_empty() && faults.is_empty() {
            faults.push(RecipientError::Nobody);
        }
        if faults.is_empty() { Ok(Self(all)) } else { Err(faults) }
    }

    /// The recipients that documents name.
    ///
    /// # Errors
    /// As [`Recipients::parse`].
    pub fn of(named: &[desired::Recipient]) -> Result<Self, Vec<RecipientError>> {
        Self::parse(named.iter().map(|one| (one.file.as_path(), one.pem.as_bytes())))
    }

    /// Whether all may be sealed to at this instant: one who can open nothing would be found out when it
    /// is too late.
    ///
    /// # Errors
    /// The first whose time is over or has not come.
    pub fn check(&self, now: Timestamp) -> Result<(), RecipientError> {
        self.0.iter().try_for_each(|one| one.check(now))
    }

    /// Each recipient, in the order of the documents.
    pub fn iter(&self) -> impl Iterator<Item = &Recipient> {
        self.0.iter()
    }

    /// Their fingerprints, in the same order.
    pub fn fingerprints(&self) -> Vec<String> {
        self.iter().map(|one| one.fingerprint().to_owned()).collect()
    }
}
