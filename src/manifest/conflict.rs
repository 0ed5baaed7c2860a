//! a serial that two documents name and of which they wish what cannot both be. PURE.
//!
//! All serials are sorted together once: 24 bytes apiece, no hashing of texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{
    Assignment, Desired, NamedSerial, Places, Route, RouteTo, Selection, TokenSelector,
};
use crate::model::{Family, Name, Serial};

/// How many serials of one pair of wishes are told one by one.
const MOST_TOLD: usize = 20;

/// What a document wishes of serials that it names.
#[derive(Clone, Copy)]
enum Wish<'d> {
    /// A profile.
    Profile(&'d Assignment),
    /// A profile by family.
    Profiles(&'d Selection),
    /// A service, or none.
    Place(&'d Route),
}

/// The serials that a pair of wishes disagrees about.
#[derive(Default)]
struct Shared {
    /// The devices' places in either list.
    told: Vec<(u32, u32)>,
    /// How many there are besides.
    more: usize,
}

/// What a pair of wishes disagrees about.
struct Disagreement {
    /// What either says.
    who: String,
    /// The tokens concerned; none: the whole folder.
    tokens: Vec<Name>,
}

/// Refuses serials of which two documents wish what cannot both be.
pub fn check(desired: &Desired, found: &mut Diagnostics) {
    let wishes: Vec<Wish> = desired
        .assignments
        .iter()
        .map(Wish::Profile)
        .chain(desired.selections.iter().map(Wish::Profiles))
        .chain(desired.routes.iter().map(Wish::Place))
        .collect();
    let total = wishes.iter().map(|one| one.named().len()).sum();
    let mut rows: Vec<(Serial, u32, u32)> = Vec::with_capacity(total);
    for (at, wish) in (0u32..).zip(&wishes) {
        rows.extend((0u32..).zip(wish.named()).map(|(device, named)| (named.serial, at, device)));
    }
    rows.sort_unstable();
    let mut disagreeing: BTreeMap<(u32, u32), Shared> = BTreeMap::new();
    for group in rows.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        // One row for each wish: a serial that one repeats is no conflict.
        let mut once = group.to_vec();
        once.dedup_by_key(|(_, at, _)| *at);
        for (i, &(_, first, a)) in once.iter().enumerate() {
            for &(_, second, b) in &once[i + 1..] {
                if !wishes[first as usize].may_differ(&wishes[second as usize]) {
                    continue;
                }
                let shared = disagreeing.entry((first, second)).or_default();
                if shared.told.len() < MOST_TOLD {
                    shared.told.push((a, b));
                } else {
                    shared.more += 1;
                }
            }
        }
    }
    let of = |pair: &(u32, u32)| (wishes[pair.0 as usize], wishes[pair.1 as usize]);
    // What two documents say of the place is told once, not again for the profiles there.
    let apart: BTreeSet<(&Name, &Name)> = disagreeing
        .keys()
        .map(of)
        .filter_map(|pair| match pair {
            (Wish::Place(a), Wish::Place(b)) => routes(a, b).map(|_| (&a.name, &b.name)),
            _ => None,
        })
        .flat_map(|(a, b)| [(a, b), (b, a)])
        .collect();
    for (pair, shared) in &disagreeing {
        let (first, second) = of(pair);
        let is_place = matches!((first, second), (Wish::Place(_), Wish::Place(_)));
        if !is_place && apart.contains(&(first.name(), second.name())) {
            continue;
        }
        if let Some(disagreement) = first.disagreement(second, desired) {
            report(first, second, &disagreement, shared, found);
        }
    }
}

impl<'d> Wish<'d> {
    fn name(self) -> &'d Name {
        match self {
            Wish::Profile(one) => &one.name,
            Wish::Profiles(one) => &one.name,
            Wish::Place(one) => &one.name,
        }
    }

    fn places(self) -> &'d Places {
        match self {
            Wish::Profile(one) => &one.places,
            Wish::Profiles(one) => &one.places,
            Wish::Place(one) => &one.places,
        }
    }

    fn named(self) -> &'d [NamedSerial] {
        match self {
            Wish::Profile(one) => &one.devices,
            Wish::Profiles(one) => &one.devices.named,
            Wish::Place(one) => &one.devices.named,
        }
    }

    /// The tokens on which it gives profiles.
    fn tokens(self) -> &'d [Name] {
        match self {
            Wish::Profile(one) => &one.tokens,
            Wish::Profiles(one) => &one.tokens,
            Wish::Place(_) => &[],
        }
    }

    /// The one token that it names for its profiles.
    fn only_token(self) -> Option<&'d Name> {
        let selector = match self {
            Wish::Profile(one) => one.selector.as_ref(),
            Wish::Profiles(one) => one.selector.as_ref(),
            Wish::Place(_) => None,
        };
        match selector {
            Some(TokenSelector::Names(names)) => names.first(),
            _ => None,
        }
    }

    /// Whether the two have to be looked at: quick, for it is asked for every serial that both name.
    fn may_differ(&self, other: &Wish) -> bool {
        match (self, other) {
            (Wish::Profile(a), Wish::Profile(b)) => a.profile != b.profile,
            (Wish::Place(a), Wish::Place(b)) => a.to != b.to || a.move_by != b.move_by,
            (Wish::Profile(_) | Wish::Profiles(_), Wish::Profile(_) | Wish::Profiles(_)) => true,
            // What one document wishes fits together.
            _ => self.name() != other.name(),
        }
    }

    fn disagreement(self, other: Wish, desired: &Desired) -> Option<Disagreement> {
        match (self, other) {
            (Wish::Place(a), Wish::Place(b)) => routes(a, b),
            (Wish::Place(_), _) => other.against(self),
            (_, Wish::Place(_)) => self.against(other),
            _ => self.profiles_differ(other, desired),
        }
    }

    /// Two that give profiles, on a token that they share.
    fn profiles_differ(self, other: Wish, desired: &Desired) -> Option<Disagreement> {
        let tokens: Vec<Name> =
            self.tokens().iter().filter(|token| other.tokens().contains(token)).cloned().collect();
        let (ours, theirs) = match (self, other) {
            (Wish::Profile(a), Wish::Profile(b)) => (&a.profile, &b.profile),
            _ => Family::ALL.into_iter().find_map(|family| {
                let pair = (self.profile_of(family, desired)?, other.profile_of(family, desired)?);
                (pair.0 != pair.1).then_some(pair)
            })?,
        };
        if tokens.is_empty() {
            return None;
        }
        let who = if self.name() == other.name() {
            format!("`{}` gives it the profiles `{ours}` and `{theirs}`", self.name())
        } else {
            let (ours, theirs) = (self.gift(ours), other.gift(theirs));
            format!("`{}` gives it {ours}, `{}` {theirs}", self.name(), other.name())
        };
        Some(Disagreement { who, tokens })
    }

    /// What it gives a device of a family. One that gets one profile is of a family of that profile's.
    fn profile_of<'a>(self, family: Family, desired: &'a Desired) -> Option<&'a Name>
    where
        'd: 'a,
    {
        match self {
            Wish::Profile(one) => {
                let profile = desired.profiles.get(&one.profile)?;
                (profile.platform == family.platform()).then_some(&one.profile)
            }
            Wish::Profiles(one) => one.profiles.of(family),
            Wish::Place(_) => None,
        }
    }

    fn gift(self, profile: &Name) -> String {
        match self {
            Wish::Profiles(_) => format!("the profile of its family, like `{profile}`"),
            _ => format!("the profile `{profile}`"),
        }
    }

    /// A profile that its device cannot get where a route leads.
    fn against(self, route: Wish) -> Option<Disagreement> {
        let Wish::Place(route) = route else { return None };
        let (ours, theirs) = (self.name(), &route.name);
        let mut tokens: Vec<Name> = self.tokens().to_vec();
        let to = match &route.to {
            RouteTo::Nowhere => {
                // Nothing of a token would hold it back, so that it stops the folder.
                let who =
                    format!("`{ours}` gives it a profile, `{theirs}` takes it off its service at Apple");
                return Some(Disagreement { who, tokens: Vec::new() });
            }
            RouteTo::Token(to) => to,
        };
        let who = match self.only_token() {
            Some(token) if token == to => return None,
            Some(token) => {
                format!("`{ours}` gives it a profile on the token `{token}`, `{theirs}` moves it to `{to}`")
            }
            None if tokens.is_empty() || tokens.contains(to) => return None,
            None => {
                format!(
                    "`{ours}` gives it a profile that is not on the token `{to}`, to which `{theirs}` moves it"
                )
            }
        };
        tokens.push(to.clone());
        Some(Disagreement { who, tokens })
    }
}

fn routes(a: &Route, b: &Route) -> Option<Disagreement> {
    let says = |route: &Route| match &route.to {
        RouteTo::Token(token) => format!("`{}` moves it to the token `{token}`", route.name),
        RouteTo::Nowhere => format!("`{}` takes it off its service at Apple", route.name),
    };
    let who = if a.to != b.to {
        format!("{}, {}", says(a), says(b))
    } else {
        // One that sets a deadline and one that does not add up.
        let (ours, theirs) = (a.move_by.as_ref()?, b.move_by.as_ref()?);
        if ours.deadline == theirs.deadline {
            return None;
        }
        format!("`{}` moves it by {}, `{}` by {}", a.name, ours.deadline, b.name, theirs.deadline)
    };
    let mut tokens = Vec::new();
    for route in [a, b] {
        match &route.to {
            RouteTo::Token(token) => tokens.push(token.clone()),
            RouteTo::Nowhere => return Some(Disagreement { who, tokens: Vec::new() }),
        }
    }
    Some(Disagreement { who, tokens })
}

fn report(
    first: Wish,
    second: Wish,
    disagreement: &Disagreement,
    disagreeing: &Shared,
    found: &mut Diagnostics,
) {
    let Shared { told, more } = disagreeing;
    for (at, &(a, b)) in told.iter().enumerate() {
        let (a, b) = (&first.named()[a as usize], &second.named()[b as usize]);
        let mut message = format!(
            "the serial number {} is assigned in two ways that disagree: {} (A-9)",
            a.serial, disagreement.who
        );
        if *more > 0 && at + 1 == told.len() {
            message.push_str(&format!("; and so are {more} more"));
        }
        found.push(
            Diagnostic::by_row("A-9", Severity::Refuse, second.places().of_serial(b), message)
                .next("remove it from one of the two")
                .and_at(first.places().of_serial(a))
                .for_tokens(disagreement.tokens.iter().cloned()),
        );
    }
}
