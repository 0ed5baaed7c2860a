//! Every stable code of findings, gates, causes and errors: meaning, example, next step. PURE.
//!
//! A finding of a requirement row has the row as its code and stands in [`super::rows`].

mod acting;
mod actions;
mod business;
mod dep;
mod documents;
mod errors;
mod escrow;
mod plans;
mod tokens;

#[cfg(test)]
mod tests;

/// A stable code.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// The code, e.g. `unknown-field`.
    pub code: &'static str,
    /// Where it is met.
    pub group: Group,
    /// What it means and why it is so.
    pub means: &'static str,
    /// What provokes it, or how it is shown: one or more lines.
    pub example: &'static str,
    /// What to do next.
    pub next: &'static str,
    /// What a command ends with because of it; `None`: it changes no exit code by itself.
    pub exit: Option<u8>,
}

/// Where a code is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A finding about documents: `refuse[unknown-field]: …`.
    Document,
    /// A finding, a gate or the cause of something blocked, in a plan or a report.
    Plan,
    /// The end of a command: `error[ledger-missing]: …`.
    Error,
}

impl Group {
    /// The group in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Document => "finding about documents",
            Self::Plan => "word of a plan or report",
            Self::Error => "error that ends a command",
        }
    }
}

/// All codes, by group.
pub fn all() -> impl Iterator<Item = &'static Code> {
    [
        documents::CODES,
        plans::CODES,
        business::CODES,
        dep::CODES,
        errors::LEDGER,
        errors::PLAN_FILES,
        errors::OTHERS,
        tokens::TOKENS,
        escrow::ESCROW,
        acting::ACTING,
        actions::ACTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The code of this name; case does not matter. A gate is found by its beginning, as in
/// `limit/update/school`.
pub fn find(name: &str) -> Option<&'static Code> {
    let name = name.trim();
    all()
        .find(|code| code.code.eq_ignore_ascii_case(name))
        .or_else(|| all().find(|code| code.code.contains('/') && same_gate(code.code, name)))
}

/// Whether a gate's name is of the form `pattern`, in which words in capitals stand for anything.
fn same_gate(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.split('/'), name.split('/'));
    loop {
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if wanted == part => {}
            (Some(wanted), Some(part))
                if !part.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_uppercase()) => {}
            _ => return false,
        }
    }
}
