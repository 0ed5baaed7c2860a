//! Entries that are equal but for their token, put together: one line for seventy tenants. PURE.
//!
//! Two entries are put together only where every word that is shown agrees once each one's own
//! token is taken out of it; so what is said of several holds for each of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::text::{count, number, some_of};
use crate::apply::{StepOutcome, StepResult};
use crate::diag::{Diagnostic, Severity};
use crate::model::{Address, Name, Serial};
use crate::plan::file::SavedFinding;
use crate::plan::{Adoption, Blocked, LeftAlone, Stop, Waiting};

/// Stands for the token's name in what is said of several.
pub const TOKEN: &str = "TOKEN";

/// How many tokens a line names.
pub const TOKENS_SHOWN: usize = 5;

/// Entries of which the same is said.
#[derive(Clone, Debug)]
pub struct Together<'a, T> {
    /// The entries in their order; never empty.
    pub all: Vec<&'a T>,
    /// The token of each, in the same order; absent where it has none.
    pub tokens: Vec<Option<Cow<'a, str>>>,
}

impl<'a, T> Together<'a, T> {
    /// The entry that speaks for all.
    pub fn first(&self) -> &'a T {
        self.all[0]
    }

    /// Whether it stands for one entry only.
    pub fn is_one(&self) -> bool {
        self.all.len() == 1
    }

    /// A text of the first entry, with [`TOKEN`] for its token where it speaks for several.
    pub fn say<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match (&self.tokens[0], self.is_one()) {
            (Some(token), false) => without(text, token),
            _ => Cow::Borrowed(text),
        }
    }

    /// The names of the tokens, in order, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tokens.iter().flatten().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The tokens, counted and some of them named: `70 tokens: aspen, birch and 68 more`.
    pub fn on(&self) -> String {
        let names = self.names();
        format!("{}: {}", count(names.len() as u64, "token"), some_of(names.iter(), TOKENS_SHOWN))
    }
}

/// The text with [`TOKEN`] for every whole word that is `name`.
pub fn without<'t>(text: &'t str, name: &str) -> Cow<'t, str> {
    instead(text, name, TOKEN)
}

/// The text with another word for every whole word that is `name`.
pub fn instead<'t>(text: &'t str, name: &str, word: &str) -> Cow<'t, str> {
    if name.is_empty() || !text.contains(name) {
        return Cow::Borrowed(text);
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        out.push_str(before);
        let is_part =
            out.chars().next_back().is_some_and(is_word) || after.chars().next().is_some_and(is_word);
        out.push_str(if is_part { name } else { word });
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Puts together what has one key, in the order of each one's first. `key` is given an entry and
/// returns `None` for one that stands alone. Takes time in the number of entries.
pub fn grouped<'a, T, K: Eq + Hash>(
    all: impl IntoIterator<Item = &'a T>,
    token: impl Fn(&'a T) -> Option<Cow<'a, str>>,
    key: impl Fn(&'a T, &str) -> Option<K>,
) -> Vec<Together<'a, T>> {
    let mut groups: Vec<Together<'a, T>> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for one in all {
        let its_token = token(one);
        let at = match key(one, its_token.as_deref().unwrap_or_default()) {
            None => groups.len(),
            Some(key) => match known.entry(key) {
                Entry::Occupied(at) => *at.get(),
                Entry::Vacant(free) => *free.insert(groups.len()),
            },
        };
        if at == groups.len() {
            groups.push(Together { all: Vec::new(), tokens: Vec::new() });
        }
        groups[at].all.push(one);
        groups[at].tokens.push(its_token);
    }
    groups
}

fn name(name: &Name) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(name.as_str()))
}

/// The address without its token.
fn object(address: &Address) -> (crate::model::Kind, &str) {
    (address.kind, if address.token.is_some() { address.name.as_str() } else { "" })
}

/// Blocked entries; those of a whole connection go by the connection's name.
pub fn blocked(all: &[Blocked]) -> Vec<Together<'_, Blocked>> {
    let token = |one: &'_ Blocked| -> Option<String> {
        Some(match (&one.address, &one.token) {
            (Some(address), _) => address.domain().to_string(),
            (None, Some(token)) => token.to_string(),
            (None, None) => one.connection.to_string(),
        })
    };
    grouped(
        all,
        |one| token(one).map(Cow::Owned),
        |one, token| {
            let scope = (one.address.as_ref().map(object), one.token.is_some());
            Some((scope, &one.rule, without(&one.reason, token), without(&one.next, token)))
        },
    )
}

/// Waiting serials.
pub fn waiting(all: &[Waiting]) -> Vec<Together<'_, Waiting>> {
    grouped(
        all,
        |one| one.token.as_ref().and_then(name),
        |one, token| {
            one.token
                .is_some()
                .then(|| (&one.profile, &one.assignment, without(&one.reason, token), one.until))
        },
    )
}

/// All serials of a group.
pub fn serials(group: &Together<'_, Waiting>) -> Vec<Serial> {
    group.all.iter().flat_map(|one| &one.serials).copied().collect()
}

/// Objects taken over as they are.
pub fn adopted(all: &[Adoption]) -> Vec<Together<'_, Adoption>> {
    grouped(all, |one| name(one.address.domain()), |one, _| Some(object(&one.address)))
}

/// What is left alone. Counts in words are added up by [`left_name`].
pub fn left_alone<'a>(all: impl IntoIterator<Item = &'a LeftAlone>) -> Vec<Together<'a, LeftAlone>> {
    grouped(
        all,
        |one| name(&one.token),
        |one, token| Some((&one.what, called(one), without(&one.why, token), one.was_managed)),
    )
}

/// The name of a line that stands for a count of objects, without the count and in the plural: that of
/// one device goes with that of several. `None` for what is called by its own name.
fn behind_count(one: &LeftAlone) -> Option<Cow<'_, str>> {
    let counted = one.id.is_empty().then(|| one.name.strip_prefix(&one.count.to_string())).flatten()?;
    if one.count != 1 {
        return Some(Cow::Borrowed(counted));
    }
    let mut words: Vec<&str> = counted.split(' ').collect();
    for (singular, plural) in [("device", "devices"), ("serial", "serials"), ("watch", "watches")] {
        if let Some(at) = words.iter().position(|word| *word == singular) {
            words[at] = plural;
            break;
        }
    }
    Some(Cow::Owned(words.join(" ")))
}

/// What a left alone object goes by when lines are put together.
fn called(one: &LeftAlone) -> Cow<'_, str> {
    behind_count(one).unwrap_or(Cow::Borrowed(&one.name))
}

/// What a group of left alone objects is called: a count over all tokens, or their common name.
pub fn left_name(group: &Together<'_, LeftAlone>) -> String {
    let first = group.first();
    match behind_count(first) {
        Some(rest) if !group.is_one() => {
            format!("{}{rest}", number(group.all.iter().map(|one| one.count).sum()))
        }
        _ => first.name.clone(),
    }
}

/// Findings of a plan.
pub fn findings(all: &[SavedFinding]) -> Vec<Together<'_, SavedFinding>> {
    let one_token = |one: &SavedFinding| match one.tokens.as_slice() {
        [token] => Some(Cow::Owned(token.as_str().to_owned())),
        _ => None,
    };
    grouped(all, one_token, |one, token| {
        // Refusals stand where they are to be mended, each at its place.
        let place = (one.tokens.len() != 1 || one.severity == "refuse").then_some(&one.place);
        Some((&one.code, &one.severity, without(&one.message, token), without(&one.next, token), place))
    })
}

/// Findings over documents. Warnings and notes that are said of one token each go together; a
/// refusal stands alone, for each has to be mended where it stands.
pub fn diagnostics(all: &[Diagnostic]) -> Vec<Together<'_, Diagnostic>> {
    let one_token = |one: &Diagnostic| match one.tokens.as_slice() {
        [token] if one.severity != Severity::Refuse => Some(Cow::Owned(token.as_str().to_owned())),
        _ => None,
    };
    grouped(all, one_token, |one, token| {
        let texts = (without(&one.message, token), without(&one.next, token));
        (!token.is_empty()).then_some((one.code, one.severity, texts))
    })
}

/// Exceeded gates: those that end in a token's name.
pub fn stops(all: &[Stop]) -> Vec<Together<'_, Stop>> {
    let token = |one: &Stop| match one.gate.split('/').collect::<Vec<_>>().as_slice() {
        ["limit", _, token] | ["protected", "token", token] => Some((*token).to_owned()),
        _ => None,
    };
    grouped(
        all,
        |one| token(one).map(Cow::Owned),
        |one, token| {
            let texts = (without(&one.gate, token), without(&one.reason, token), without(&one.next, token));
            (!token.is_empty()).then_some(texts)
        },
    )
}

/// Results of steps. One with devices that did not get what they should stands alone.
pub fn results(all: &[StepResult]) -> Vec<Together<'_, StepResult>> {
    grouped(
        all,
        |one| name(&one.token),
        |one, token| {
            let whole = one.items.as_ref().is_none_or(|items| {
                items.failed.is_empty() && items.unknown.is_empty() && items.waiting.is_empty()
            });
            let said = outcome(&one.outcome, token);
            let next = one.next.as_deref().map(|next| without(next, token));
            whole.then(|| (without(&one.id, token), said, one.items.is_some(), &one.not_taken, next))
        },
    )
}

/// What an outcome says, without its token.
fn outcome(outcome: &StepOutcome, token: &str) -> String {
    let text = match outcome {
        StepOutcome::Committed => String::new(),
        StepOutcome::AlreadyAsWished => "as wished".to_owned(),
        StepOutcome::Failed { cause, reason, next } => format!("failed {cause:?} {reason}\n{next}"),
        StepOutcome::Unknown { reason, until } => format!("unknown {reason}\n{until}"),
        StepOutcome::Unconfirmed { reason } => format!("unconfirmed {reason}"),
        StepOutcome::Skipped { needs } => format!("skipped {needs}"),
        StepOutcome::HeldBack { reason } => format!("held back {reason}"),
        StepOutcome::Pending { reason, until } => format!("pending {reason}\n{until:?}"),
        StepOutcome::Stopped { gate } => format!("stopped {gate}"),
    };
    without(&text, token).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Realm;
    use crate::model::live::Cause;

    fn token(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn blocked_on(name: &str, reason: &str) -> Blocked {
        Blocked {
            connection: Realm::Mdm(token("tenant")),
            token: Some(token(name)),
            address: None,
            cause: Cause::Credentials,
            rule: Some("T-6".to_owned()),
            reason: reason.to_owned(),
            next: format!("renew {name}"),
        }
    }

    #[test]
    fn only_whole_words_are_the_token() {
        assert_eq!(
            without("main of mainland, main-1, a@main: main", "main"),
            "TOKEN of mainland, main-1, a@TOKEN: TOKEN"
        );
        assert_eq!(without("nothing", "main"), "nothing");
        assert_eq!(without("é main é", ""), "é main é");
    }

    #[test]
    fn equal_but_for_the_token_is_one_and_a_difference_stands_apart() {
        let all = [
            blocked_on("birch", "the token birch expired"),
            blocked_on("cedar", "the token cedar expired 3 days ago"),
            blocked_on("aspen", "the token aspen expired"),
        ];
        let groups = blocked(&all);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].on(), "2 tokens: aspen, birch");
        assert_eq!(groups[0].say(&groups[0].first().reason), "the token TOKEN expired");
        assert_eq!(groups[1].say(&groups[1].first().reason), "the token cedar expired 3 days ago");
    }

    #[test]
    fn counts_over_tokens_are_added_up() {
        let left = |name: &str, count: u64| LeftAlone {
            token: token(name),
            what: "devices".to_owned(),
            name: format!("{count} devices without any profile"),
            id: String::new(),
            count,
            why: "they cannot enroll before they get one (P-31)".to_owned(),
            was_managed: true,
        };
        let all = [left("aspen", 600), left("birch", 700)];
        let groups = left_alone(&all);
        assert_eq!(groups.len(), 1);
        assert_eq!(left_name(&groups[0]), "1,300 devices without any profile");
        assert_eq!(left_name(&left_alone(&all[..1])[0]), "600 devices without any profile");
        let one = LeftAlone { name: "1 device without any profile".to_owned(), ..left("cedar", 1) };
        let all = [one, left("birch", 700)];
        let groups = left_alone(&all);
        assert_eq!(groups.len(), 1);
        assert_eq!(left_name(&groups[0]), "701 devices without any profile");
        assert_eq!(left_name(&left_alone(&all[..1])[0]), "1 device without any profile");
    }

    #[test]
    fn gates_of_several_tokens_are_one_and_a_serial_stands_alone() {
        let stop = |gate: &str, reason: &str| Stop {
            gate: gate.to_owned(),
            reason: reason.to_owned(),
            next: format!("--override {gate}=DIGEST"),
            steps: vec![format!("update {gate}")],
        };
        let all = [
            stop("limit/update/aspen", "update on aspen: 51 profiles"),
            stop("limit/update/birch", "update on birch: 51 profiles"),
            stop("protected/serial/C02X", "the device would feel it"),
            stop("protected/serial/C02Y", "the device would feel it"),
        ];
        let groups = stops(&all);
        assert_eq!(groups.iter().map(|group| group.all.len()).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(groups[0].say(&groups[0].first().next), "--override limit/update/TOKEN=DIGEST");
    }
}
