//! Every rule as data, and the words by which findings are called.

use super::{RuleEntry, acts, at_apple, elsewhere, live, statements, table, template, tokens};
use crate::diag::codes;

/// Every rule, also those whose check stands elsewhere. A row may have several.
pub fn catalogue() -> impl Iterator<Item = RuleEntry> {
    table()
        .map(|rule| rule.entry)
        .chain([template::ASSIGNED])
        .chain(statements::RULES.iter().map(|rule| rule.entry))
        .chain(tokens::RULES.iter().map(|rule| rule.entry))
        .chain(live::TOKENS.iter().map(|rule| rule.entry))
        .chain(live::TENANTS.iter().map(|rule| rule.entry))
        .chain(live::VPP.iter().map(|rule| rule.entry))
        .chain(at_apple::MOVES.iter().map(|rule| rule.entry))
        .chain(at_apple::RULES.iter().copied())
        .chain(acts::RULES.iter().map(|rule| rule.entry))
        .chain(acts::OTHERS.iter().copied())
        .chain(elsewhere::RULES.iter().copied())
}

/// Whether a finding can be called so: a row with a rule, or a diagnostic code.
pub fn is_known(word: &str) -> bool {
    known().any(|known| known == word)
}

/// What findings can be called: rows with a rule, some several times, and diagnostic codes.
pub fn known() -> impl Iterator<Item = &'static str> {
    catalogue().map(|entry| entry.row).chain(codes::CODES.iter().map(|code| code.code))
}
