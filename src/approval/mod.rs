//! Approvals: that another person than the author agrees to an act or to a plan's grave steps (design
//! section 4). PURE but for OpenSSL and for [`folder`], which alone reads files; imports `model`.
//!
//! ```text
//! approvals/x     Statement ──┐
//! approvals/x.sig Signature ──┼─ verify ─> Approved ─┐
//! AllowedSigners ─────────────┘                      ├─ count_approvals ─> Approvals
//! digest, ledger, authors, count, validFor ──────────┘
//! ```
//!
//! A signature is what `ssh-keygen -Y sign -n espalier-approval@espalier.dev` makes (OpenSSH's
//! PROTOCOL.sshsig), and signers stand in OpenSSH's allowed-signers format. Whatever `ssh-keygen -Y verify`
//! refuses is refused here.
//!
//! Key invariants: nothing counts that cannot be told to be a person's; every signature that does not
//! count says why; no input makes this room panic or use more than a few times its own size.

mod count;
pub mod folder;
mod key;
mod options;
mod pattern;
mod signature;
mod signers;
mod statement;
mod verify;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub use count::{Approvals, Authors, Counted, Found, NotCounted, Signed, Wanted, Why, count_approvals};
pub use key::KeyFingerprint;
pub use signers::{AllowedSigners, SignersError};
pub use statement::{Digest, Statement, StatementError};
pub use verify::{Approved, Refusal, verify};

/// The namespace of signatures: no signature that was made for something else is an approval.
pub const NAMESPACE: &str = "espalier-approval@espalier.dev";

/// How a statement's file is signed; the signature stands in `FILE.sig` then.
pub fn sign_command(file: &str) -> String {
    format!("ssh-keygen -Y sign -f ~/.ssh/KEY -n {NAMESPACE} {file}")
}
