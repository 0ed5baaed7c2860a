//! The requirement rows over documents and over resulting objects. PURE: imports `model`, `diag`.
//!
//! A rule over several fields judges what it can see: the stated fields in `validate`, the
//! resulting object (live overlaid by the wishes) in `plan`. A field that is not there is not
//! judged, so that the same table serves both.

mod certificates;
mod documents;
mod profiles;
mod screens;
mod shared_ipad;
mod template;

#[cfg(test)]
mod tests;

use crate::diag::Severity;
use crate::model::{Fields, Value};
pub use documents::check_documents;

/// A rule over the fields of one enrollment profile.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The requirement row.
    pub row: &'static str,
    /// How grave it is to break it.
    pub severity: Severity,
    /// The fields it reads; `setupAssistant` stands for all screens.
    pub fields: &'static [&'static str],
    /// Returns what is wrong and what to do, if anything.
    pub check: fn(&Fields) -> Option<Broken>,
}

/// What a broken rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong and why.
    pub message: String,
    /// What to do next.
    pub next: &'static str,
}

/// A rule that an object breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The requirement row.
    pub rule: &'static str,
    /// How grave.
    pub severity: Severity,
    /// The fields that were read.
    pub fields: &'static [&'static str],
    /// What is wrong and why; names the row.
    pub message: String,
    /// What to do next.
    pub next: String,
}

/// Every rule over the fields of one profile.
pub fn table() -> impl Iterator<Item = &'static Rule> {
    profiles::RULES.iter().chain(shared_ipad::RULES).chain(screens::RULES).chain(certificates::RULES)
}

/// Judges a profile's fields: the stated ones, or a resulting object.
pub fn judge(fields: &Fields) -> Vec<Finding> {
    judge_by(table(), fields)
}

/// What a create needs and `created` does not have (P-2, P-3, P-19). `created` is the form
/// with the defaults filled in.
pub fn required_on_create(created: &Fields) -> Vec<Finding> {
    judge_by(profiles::ON_CREATE.iter().chain(shared_ipad::ON_CREATE), created)
}

fn judge_by<'r>(rules: impl Iterator<Item = &'r Rule>, fields: &Fields) -> Vec<Finding> {
    rules
        .filter_map(|rule| {
            let Broken { message, next } = (rule.check)(fields)?;
            Some(Finding {
                rule: rule.row,
                severity: rule.severity,
                fields: rule.fields,
                message: format!("{message} ({})", rule.row),
                next: next.to_owned(),
            })
        })
        .collect()
}

fn broken(message: impl Into<String>, next: &'static str) -> Option<Broken> {
    Some(Broken { message: message.into(), next })
}

fn is(fields: &Fields, name: &str, value: bool) -> bool {
    fields.get(name).and_then(Value::as_bool) == Some(value)
}

fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name).and_then(Value::as_text)
}

fn int(fields: &Fields, name: &str) -> Option<i64> {
    fields.get(name).and_then(Value::as_int)
}
