//! Refusals that repeat themselves: what a service refuses of one document on three tokens in the
//! same way it refuses on the fourth, too.

use std::collections::BTreeMap;

use crate::model::Address;
use crate::model::live::Cause;
use crate::plan::{Action, Step};
use crate::provider::Trouble;

/// So many equal refusals stop the rest of a document.
const ENOUGH: usize = 3;

/// What a refusal is about. Giving a profile to devices is wished by other documents than the
/// profile itself, and is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    document: String,
    assigns: bool,
}

impl About {
    /// `None` for steps of a token, which has one step of each kind.
    fn of(step: &Step) -> Option<Self> {
        let Address { kind, name, token: Some(_) } = &step.address else { return None };
        let assigns = matches!(step.action, Action::Assign { .. });
        Some(Self { document: format!("{kind}/{name}"), assigns })
    }
}

/// The refusals of one run.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// By document and kind of refusal, the steps that met it, in the order of their sending.
    seen: BTreeMap<(About, String), Vec<String>>,
    /// Documents whose rest is not sent, and why.
    stopped: BTreeMap<About, String>,
}

impl Refusals {
    /// Hears of a refusal. What passes by itself, and what is the tenant's and not the document's
    /// (sign-in, permission), does not count.
    pub fn add(&mut self, step: &Step, error: &Trouble) {
        let Some(about) = About::of(step).filter(|_| is_permanent(error)) else { return };
        let kind = kind_of(step, error);
        let steps = self.seen.entry((about.clone(), kind)).or_default();
        steps.push(step.id.clone());
        if steps.len() == ENOUGH {
            let reason = format!(
                "{} were refused in the same way, so the rest of {} is not sent: {error}",
                steps.join(", "),
                about.document
            );
            self.stopped.entry(about).or_insert(reason);
        }
    }

    /// Why a step is not sent any more.
    pub fn stop(&self, step: &Step) -> Option<&str> {
        self.stopped.get(&About::of(step)?).map(String::as_str)
    }
}

/// Whether the same request will be refused again, by what it asks for.
fn is_permanent(error: &Trouble) -> bool {
    match (error.cause, error.status) {
        (Cause::Manifest | Cause::Refused, _) => true,
        (Cause::Credentials | Cause::Throttled | Cause::LostAnswer, _) => false,
        (Cause::Unavailable, Some(401 | 403 | 408 | 425 | 429)) => false,
        (Cause::Unavailable, Some(status)) => (400..500).contains(&status),
        (Cause::Unavailable, None) => false,
    }
}

/// The operation and what was refused about it, without what differs from object to object.
fn kind_of(step: &Step, error: &Trouble) -> String {
    let message = match step.name.as_str() {
        "" => error.message.clone(),
        name => error.message.replace(name, "#"),
    };
    let code = error.code.as_deref().unwrap_or_default();
    let status = error.status.unwrap_or_default();
    format!("{} {status} {code} {}", error.operation, without_particulars(&message))
}

/// A text whose ids, serial numbers, dates and numbers are all `#`: the words with a digit in them,
/// and those in capitals that are as long as a serial number.
fn without_particulars(text: &str) -> String {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_inner) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_inner(c)).unwrap_or(from.len()));
        // A full stop behind a number belongs to the sentence.
        let core = word.trim_end_matches(['.', ':', '-']);
        let is_serial = core.len() >= 8 && core.chars().all(|c| c.is_ascii_uppercase());
        let is_particular = is_serial || core.chars().any(|c| c.is_ascii_digit());
        plain.push_str(before);
        plain.push_str(if is_particular { "#" } else { core });
        plain.push_str(&word[core.len()..]);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_object_to_object_is_no_part_of_a_refusal() {
        let one = "Device C02ZX0ABLMF5 of 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40 was refused on 2026-11-21T12:00:00.5Z (id 7).";
        let other = "Device DMPQWXYZABCD of 00000000-5b0a-4b6e-9a55-3d2b8f1c7e41 was refused on 2027-01-01T00:00:00Z (id 81).";
        assert_eq!(without_particulars(one), "Device # of # was refused on # (id #).");
        assert_eq!(without_particulars(one), without_particulars(other));
        let property = |name: &str| without_particulars(&format!("Invalid value for `{name}`."));
        assert_ne!(property("supportDepartment"), property("supportPhoneNumber"));
        assert_eq!(without_particulars("Größe 5 µ"), "Größe # µ");
        assert_eq!(without_particulars(""), "");
    }
}
