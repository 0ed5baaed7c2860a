//! Server tokens as Apple gives them: the key pair before, the `.p7m`, the token in it. Effects only in
//! [`store`], [`install`] and [`held`].
//!
//! ```text
//! pair ── certificate ─> portal ─> .p7m ── p7m::Envelope ──┐
//!   └─ store (pending, by fingerprint) ── the recipient's ──┴─ open ─> content ─> ServerToken
//! ```
//!
//! Key invariants: no error of this room holds any part of a key, of a token or of a message that
//! could not be read; no input costs more than its own size in memory, nor stack.
//!
//! Facts: reference apple-enrollment-api, section 1.

mod ber;
pub mod content;
mod error;
pub mod held;
pub mod install;
pub mod p7m;
pub mod pair;
pub mod store;
mod text;

#[cfg(test)]
mod tests;

pub use error::TokenFileError;
pub use p7m::{Envelope, Recipient};
pub use pair::{KeyPair, PairError};
