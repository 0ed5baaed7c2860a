//! Which document each profile of a direct token belongs to.
//!
//! A change of a document makes a new profile, and devices have the former ones until they are given
//! it. What a document's profile was at any time is its lineage: known from the ledger, which
//! remembers every profile that it saw defined, and from what documents take over.

use std::collections::BTreeMap;

use super::super::domain::Domain;
use crate::model::desired::Profile;
use crate::model::{Address, Name, ProfileId};
use crate::plan::effect::Holders;

/// By profile, the document that it belongs to; never two.
#[derive(Debug, Default)]
pub(super) struct Lineage<'a>(BTreeMap<&'a ProfileId, &'a Name>);

impl<'a> Lineage<'a> {
    /// What the ledger and the documents' ids tell. The documents are those on the token.
    pub fn gather(domain: &Domain<'a>, documents: &[(&'a Name, &'a Profile)]) -> Self {
        let mut lineage = Self::default();
        for (name, _) in documents {
            let owned = domain.input.ledger.owned.get(&Address::profile(name, domain.name));
            let object =
                owned.filter(|owned| owned.token_id == domain.live.id).and_then(|one| one.object.as_ref());
            if let Some(object) = object {
                lineage.claim(object, name);
            }
        }
        let by_name: BTreeMap<&Name, &'a Name> = documents.iter().map(|(name, _)| (*name, *name)).collect();
        for (id, defined) in domain.input.ledger.defined.get(&domain.live.id).into_iter().flatten() {
            if let Some(name) = by_name.get(&defined.address.name) {
                lineage.claim(id, name);
            }
        }
        for (name, document) in documents {
            let live = document.identity.id.as_deref().and_then(|id| by_id(domain, id));
            if let Some(id) = live {
                lineage.claim(id, name);
            }
        }
        lineage
    }

    /// Adds a profile to a document, unless it belongs to one already.
    pub fn claim(&mut self, id: &'a ProfileId, document: &'a Name) {
        self.0.entry(id).or_insert(document);
    }

    /// The document that a profile belongs to.
    pub fn document_of(&self, id: &ProfileId) -> Option<&'a Name> {
        self.0.get(id).copied()
    }

    /// The devices that have any profile of a document's lineage, by document.
    pub fn all_holders(&self, domain: &Domain<'_>) -> BTreeMap<&'a Name, Holders> {
        let mut all: BTreeMap<&'a Name, Holders> = BTreeMap::new();
        for (id, holders) in &domain.holders {
            if let Some(document) = self.document_of(id) {
                let sum = all.entry(document).or_default();
                *sum = add(*sum, *holders);
            }
        }
        all
    }
}

fn add(one: Holders, other: Holders) -> Holders {
    Holders { enrolled: one.enrolled + other.enrolled, waiting: one.waiting + other.waiting }
}

/// The profile of a token that an `id` in a document names: one that the service showed, or that the
/// ledger saw defined. Apple writes its ids without dashes.
pub(super) fn by_id<'a>(domain: &Domain<'a>, id: &str) -> Option<&'a ProfileId> {
    let spellings = [ProfileId(id.to_owned()), ProfileId(id.replace('-', ""))];
    let live = spellings.iter().find_map(|id| domain.profiles.by_id(id).ok().map(|live| &live.id));
    let defined = domain.input.ledger.defined.get(&domain.live.id);
    live.or_else(|| spellings.iter().find_map(|id| defined?.get_key_value(id).map(|(id, _)| id)))
}
