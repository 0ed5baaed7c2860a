//! Secrets of devices, sealed for people: bypass codes, unlock PINs, temporary passcodes, places (L-4,
//! R-3; design section 5). PURE but for OpenSSL; imports `model`.
//!
//! ```text
//! certificates ─ Recipients ──┐
//! Secret ─┬─ {serial, record, kind, readAt, value} ─ seal ─> Sealed ─ ledger
//! About ──┘                                                     │
//!      PrivateKey, the row's serial and record ──────── open ───┴─> Opened
//! ```
//!
//! A sealed secret is CMS in DER: AuthEnvelopedData (RFC 5083) with AES-256-GCM for X.509 recipients. The
//! holder of one of their keys needs nothing of ours to read it:
//! `openssl cms -decrypt -inform DER -in FILE -inkey KEY`.
//!
//! Key invariants: what a secret belongs to is sealed with it, so that no row can pass another device's
//! code for its own; nothing but [`crate::model::Secret`] carries a value, and no text, `Debug` or error
//! of this room holds any part of a value or of a key.

mod error;
mod fingerprint;
mod key;
mod open;
mod recipient;
mod recipients;
mod seal;

#[cfg(test)]
mod tests;

pub use error::{NOT_YET, OpenError, RecipientError, SealError};
pub use fingerprint::fingerprint;
pub use key::PrivateKey;
pub use open::{Opened, open};
pub use recipient::Recipient;
pub use recipients::Recipients;
pub use seal::{About, seal, to_der, to_pem};
