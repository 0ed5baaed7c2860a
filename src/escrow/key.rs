//! A recipient's private key, for opening.

use std::fmt;

use openssl::pkey::{PKey, Private};

use super::error::OpenError;
use crate::model::Secret;

/// A private key that opens what is sealed. Its `Debug` shows nothing of it.
pub struct PrivateKey(pub(super) PKey<Private>);

impl PrivateKey {
    /// Reads a key from PEM, encrypted or not. Never asks at the terminal.
    ///
    /// # Errors
    /// [`OpenError::NoKey`], [`OpenError::NeedsPassphrase`], [`OpenError::WrongPassphrase`]
    pub fn parse(pem: &Secret, passphrase: Option<&Secret>) -> Result<Self, OpenError> {
        let mut asked = false;
        let read = PKey::private_key_from_pem_callback(pem.reveal().as_bytes(), |buffer| {
            asked = true;
            let given = passphrase.map_or(&[][..], |given| given.reveal().as_bytes());
            // One that is longer than OpenSSL takes opens nothing.
            match buffer.get_mut(..given.len()) {
                Some(place) => {
                    place.copy_from_slice(given);
                    Ok(given.len())
                }
                None => Ok(0),
            }
        });
        match (read, asked, passphrase) {
            (Ok(key), _, _) => Ok(Self(key)),
            (Err(_), true, None) => Err(OpenError::NeedsPassphrase),
            (Err(_), true, Some(_)) => Err(OpenError::WrongPassphrase),
            (Err(_), false, _) => Err(OpenError::NoKey),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey([secret])")
    }
}
