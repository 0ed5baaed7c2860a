mod counting;
mod files;
mod fixed;
pub(crate) mod forge;
mod real;
mod signing;
mod statements;
mod vectors;

use super::{AllowedSigners, Approved, Refusal, Statement, verify};
use crate::model::clock::Timestamp;

/// The instant of all tests; [`vectors::STATEMENT`] was made half an hour earlier.
fn now() -> Timestamp {
    at("2026-11-22T09:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn signers(text: &str) -> AllowedSigners {
    AllowedSigners::parse(text).unwrap()
}

/// The key of a kind, as `ssh-keygen` wrote it, and its signature.
fn vector(kind: &str) -> (&'static str, &'static str) {
    let found = vectors::SIGNED.into_iter().find(|(name, ..)| *name == kind).unwrap();
    (found.1, found.2)
}

/// Verifies a fixed signature by these signers.
fn by(signers_text: &str, kind: &str) -> Result<Approved, Refusal> {
    verify(&signers(signers_text), vectors::STATEMENT.as_bytes(), vector(kind).1.as_bytes(), now())
}

fn statement() -> Statement {
    Statement::parse(vectors::STATEMENT.as_bytes()).unwrap()
}
