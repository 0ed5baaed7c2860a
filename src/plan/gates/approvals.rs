//! Who has to agree, and who has.

use std::collections::BTreeMap;
use std::time::Duration;

use uuid::Uuid;

use super::{Since, Statement};
use crate::acts::Rule;
use crate::acts::event::ApprovedBy;
use crate::approval::{AllowedSigners, Approvals, Authors, Digest, Found, Wanted, count_approvals};
use crate::model::clock::Timestamp;
use crate::model::desired::Approvals as Stated;
use crate::model::{Class, Name};

/// What is to be approved, and what lies there.
#[derive(Clone, Copy)]
pub(super) struct Offer<'a> {
    pub ledger: Uuid,
    pub digest: &'a str,
    /// What statements have to say that they are about.
    pub about: &'a str,
    pub found: &'a [Found],
    pub authors: &'a [String],
    /// Why nobody can tell who wrote it; `None`: `authors` did.
    pub unattributed: Option<&'a str>,
    pub now: Timestamp,
}

/// What the approvals come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Agreed {
    /// What is missing; `None`: nothing.
    pub missing: Option<String>,
    /// Who agreed.
    pub by: Vec<ApprovedBy>,
}

/// The statements of one source over time: the Fleet, or one tenant's policy.
#[derive(Default)]
struct Source<'a> {
    demands: Vec<&'a Stated>,
    /// Whose signers count: what was applied, never this folder's own.
    signers: Vec<&'a str>,
}

/// Whether any statement wants approval of a class.
pub(super) fn wanted(statements: &[Statement<'_>], class: Class) -> bool {
    sources(statements).values().any(|source| source.wants(class))
}

/// Counts for every source that wants approval of the class: each has to be satisfied by its own signers. Of the
/// classes, the number and the time the strictest hold; a person counts whom every list of signers knows that was
/// applied, now and when the act was seen first.
pub(super) fn agreed(statements: &[Statement<'_>], class: Class, offer: &Offer<'_>) -> Agreed {
    let mut agreed = Agreed::default();
    for (policy, source) in sources(statements).into_iter().filter(|(_, source)| source.wants(class)) {
        match source.count(offer) {
            Ok(by) => agreed.by.extend(by),
            Err(missing) => {
                let whose = policy.map_or("Fleet.approvals".to_owned(), |connection| {
                    format!("Connection/{connection} policy.approvals")
                });
                let said = format!("{whose}: {missing}; what is signed is {}", offer.digest);
                agreed.missing = agreed.missing.or(Some(said));
            }
        }
    }
    agreed.by.sort_by(|a, b| (&a.principal, &a.key).cmp(&(&b.principal, &b.key)));
    agreed.by.dedup();
    agreed
}

fn sources<'a>(statements: &[Statement<'a>]) -> BTreeMap<Option<&'a Name>, Source<'a>> {
    let mut sources: BTreeMap<Option<&Name>, Source<'_>> = BTreeMap::new();
    for one in statements {
        let Some(approvals) = &one.gates.approvals else { continue };
        let source = sources.entry(one.policy).or_default();
        source.demands.push(approvals);
        let is_theirs = match one.since {
            Since::Now => !Rule::Signers.in_force(),
            Since::Applied | Since::Seen => Rule::Signers.in_force(),
        };
        if is_theirs && !source.signers.contains(&approvals.signers.as_str()) {
            source.signers.push(&approvals.signers);
        }
    }
    sources
}

impl Source<'_> {
    fn wants(&self, class: Class) -> bool {
        self.demands.iter().any(|one| one.classes.contains(&class))
    }

    /// Who agreed, where they are enough; else what is missing.
    fn count(&self, offer: &Offer<'_>) -> Result<Vec<ApprovedBy>, String> {
        let needed = self.demands.iter().map(|one| one.count).max().unwrap_or(1).max(1);
        let valid_for = self.demands.iter().map(|one| one.valid_for()).min().unwrap_or(Duration::ZERO);
        if self.signers.is_empty() {
            return Err("no signers were applied yet: a full apply has to record them first".to_owned());
        }
        if let Some(why) = offer.unattributed {
            return Err(format!("nobody approves their own, and who wrote this is not known: {why}"));
        }
        let digest = Digest::parse(offer.digest).ok_or_else(|| "the digest cannot be signed".to_owned())?;
        let authors = Authors::of(offer.authors);
        let wanted = Wanted {
            ledger: offer.ledger,
            digest: &digest,
            about: Some(offer.about),
            needed,
            valid_for,
            authors: &authors,
        };
        let mut counts: Vec<Approvals> = Vec::new();
        for text in &self.signers {
            let signers = AllowedSigners::parse(text).map_err(|errors| {
                let first = errors.first().map(ToString::to_string).unwrap_or_default();
                format!("the applied signers cannot be read: {first}")
            })?;
            counts.push(count_approvals(&signers, offer.found, &wanted, offer.now));
        }
        let Some((first, rest)) = counts.split_first() else { return Err(String::new()) };
        let in_all = |file: &str| rest.iter().all(|one| one.counted.iter().any(|other| other.file == file));
        let both: Vec<ApprovedBy> = first
            .counted
            .iter()
            .filter(|one| in_all(&one.file))
            .map(|one| ApprovedBy {
                principal: one.approved.principal.clone(),
                key: one.approved.key.to_string(),
                at: one.approved.at(),
            })
            .collect();
        if both.len() >= usize::try_from(needed).unwrap_or(usize::MAX) {
            return Ok(both);
        }
        // The list that is the hardest to satisfy says best what is missing.
        let worst = counts.iter().find(|one| !one.is_enough());
        Err(match worst {
            Some(worst) => worst.to_string(),
            None => {
                format!("{} of {needed} persons stand in every list of signers that was applied", both.len())
            }
        })
    }
}
