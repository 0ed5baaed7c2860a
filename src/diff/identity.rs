//! Which live object a document means (manifests.md, "Identity").
//!
//! The document's `id`; else the ledger's id for the address; else the exact display name, then the
//! former names, within its token and platform. Two matches block, with both ids.

use crate::model::desired::{Identity, State};
use crate::model::live::{Absence, Complete, LiveProfile, LiveToken, Named, ProfileKind};
use crate::model::{Platform, ProfileId, TokenId};

/// What was found for a document.
#[derive(Debug)]
pub enum Match<'a, T> {
    /// This one.
    Found {
        /// The live object.
        object: &'a T,
        /// How it was recognised.
        by: By,
    },
    /// None, and the list that proves it was complete.
    Absent {
        /// The proof.
        proof: Absence,
        /// The ledger knew an object for the address, and it is gone.
        was_owned: bool,
    },
    /// Several carry the name: their ids.
    Ambiguous(Vec<String>),
    /// The document's `id` names nothing.
    NoSuchId(String),
}

/// How an object was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By the document's `id`.
    Id,
    /// By the ledger.
    Ledger,
    /// By its display name.
    Name,
    /// By a former display name.
    FormerName,
}

impl By {
    /// Whether an id told, and not a name, which two documents can share.
    pub const fn is_certain(self) -> bool {
        matches!(self, By::Id | By::Ledger)
    }
}

/// What a document claims of a live object that it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How the object was recognised.
    pub by: By,
    /// What the document wishes.
    pub state: State,
}

/// Which of several claims to one live object holds, as its index; `None`: none of them, for
/// nobody knows which document is meant.
///
/// A name yields to an id: a document may take over a name that another one is giving up. Where
/// one document keeps what another one deletes, neither has its way.
pub fn holder(claims: &[Claim]) -> Option<usize> {
    if let [_] = claims {
        return Some(0);
    }
    if claims.iter().any(|claim| claim.state != claims[0].state) {
        return None;
    }
    let mut certain = claims.iter().enumerate().filter(|(_, claim)| claim.by.is_certain());
    match (certain.next(), certain.next()) {
        (Some((at, _)), None) => Some(at),
        _ => None,
    }
}

/// Finds the live token of a document. `owned` is the ledger's id for its address.
pub fn token<'a>(
    identity: &Identity,
    owned: Option<&TokenId>,
    live: &'a Complete<LiveToken>,
) -> Match<'a, LiveToken> {
    // A document may spell the id's letters in the other case.
    let by_id = |id: &str| {
        live.by_id(&TokenId(id.to_owned()))
            .or_else(|_| live.pick(|token| token.id.0.eq_ignore_ascii_case(id)).map(|found| found[0]))
    };
    find(live, identity, &identity.display_name, owned, |token| token.id.0.as_str(), |_| true, by_id)
}

/// Finds the live profile of a document on one token. `display_name` is the name wished there.
pub fn profile<'a>(
    identity: &Identity,
    platform: Platform,
    display_name: &str,
    owned: Option<&ProfileId>,
    live: &'a Complete<LiveProfile>,
) -> Match<'a, LiveProfile> {
    let by_id = |id: &str| live.by_id(&ProfileId(id.to_owned()));
    let is_kind = |profile: &LiveProfile| profile.kind == ProfileKind::Classic(platform);
    find(live, identity, display_name, owned, |profile| profile.id.0.as_str(), is_kind, by_id)
}

fn find<'a, T: Named>(
    live: &'a Complete<T>,
    identity: &Identity,
    display_name: &str,
    owned: Option<&T::Id>,
    id_of: impl Fn(&T) -> &str,
    is_kind: impl Fn(&T) -> bool,
    by_id: impl Fn(&str) -> Result<&'a T, Absence>,
) -> Match<'a, T> {
    if let Some(id) = &identity.id {
        return match by_id(id) {
            Ok(object) if is_kind(object) => Match::Found { object, by: By::Id },
            _ => Match::NoSuchId(id.clone()),
        };
    }
    if let Some(Ok(object)) = owned.map(|id| live.by_id(id))
        && is_kind(object)
    {
        return Match::Found { object, by: By::Ledger };
    }
    let names = std::iter::once((display_name, By::Name))
        .chain(identity.formerly.iter().map(|name| (name.as_str(), By::FormerName)));
    let mut proof = None;
    for (name, by) in names {
        match live.named(name, &is_kind) {
            Ok(found) if found.len() > 1 => {
                let mut ids: Vec<String> = found.into_iter().map(|object| id_of(object).to_owned()).collect();
                ids.sort();
                return Match::Ambiguous(ids);
            }
            Ok(found) => return Match::Found { object: found[0], by },
            Err(absence) => proof = Some(absence),
        }
    }
    match proof {
        // One of another kind that is still there is not gone: the document means something new.
        Some(proof) => Match::Absent { proof, was_owned: owned.is_some_and(|id| live.by_id(id).is_err()) },
        // At least the display name was looked for, so there is a proof.
        None => Match::Ambiguous(Vec::new()),
    }
}
