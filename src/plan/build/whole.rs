//! What planning asks of all documents and of the whole ledger, put in order once: asked token by
//! token, each of these questions would go over everything again, and the time would grow with the
//! square of the fleet.

use std::collections::{BTreeMap, BTreeSet};

use super::super::gates::{Destroyed, InForce};
use super::Input;
use super::apple::{Apple, Stands};
use crate::diag::{Diagnostic, Severity};
use crate::ledger::Ownership;
use crate::model::desired::Profile;
use crate::model::settings::Side;
use crate::model::{Address, Kind, Name, ProfileId, Serial, TokenId};
use crate::rules;

/// The input of a plan, in order.
pub(super) struct Whole<'a> {
    pub input: Input<'a>,
    /// Apple's side; `None` while only refusals are asked for.
    pub apple: Option<&'a Apple<'a>>,
    /// The gates in force: the stricter of the documents' and those of the last full apply.
    pub gates: InForce,
    /// What was destroyed lately.
    pub destroyed: Destroyed<'a>,
    profiles: BTreeMap<&'a Name, Vec<(&'a Name, &'a Profile)>>,
    owners: BTreeMap<(&'a TokenId, &'a ProfileId), Vec<(&'a Address, &'a Ownership)>>,
    under: BTreeMap<&'a TokenId, Vec<(&'a Address, &'a Ownership)>>,
    refusals: BTreeMap<&'a Name, Vec<&'a Diagnostic>>,
    token_names: BTreeMap<&'a TokenId, BTreeSet<Name>>,
    /// The profile documents by the file and the line in which they begin.
    starts: BTreeMap<(&'a str, u32), &'a Profile>,
}

impl<'a> Whole<'a> {
    /// Goes over everything once.
    pub fn of(input: &Input<'a>, apple: Option<&'a Apple<'a>>) -> Self {
        let mut whole = Self {
            input: *input,
            apple,
            gates: InForce::of(input.desired, input.ledger),
            destroyed: Destroyed::of(input.ledger),
            profiles: BTreeMap::new(),
            owners: BTreeMap::new(),
            under: BTreeMap::new(),
            refusals: BTreeMap::new(),
            token_names: input.ledger.token_names(),
            starts: BTreeMap::new(),
        };
        for (name, profile) in &input.desired.profiles {
            let place = &profile.identity.places.document;
            whole.starts.insert((&place.file, place.line), profile);
            for token in profile.tokens.iter().collect::<BTreeSet<_>>() {
                whole.profiles.entry(token).or_default().push((name, profile));
            }
        }
        for (address, owned) in &input.ledger.owned {
            if let (Kind::EnrollmentProfile, Some(object)) = (address.kind, &owned.object) {
                whole.owners.entry((&owned.token_id, object)).or_default().push((address, owned));
                whole.under.entry(&owned.token_id).or_default().push((address, owned));
            }
        }
        for finding in input.findings.iter().filter(|finding| finding.severity == Severity::Refuse) {
            for token in finding.tokens.iter().collect::<BTreeSet<_>>() {
                if !whole.is_judged_again(token, finding) {
                    whole.refusals.entry(token).or_default().push(finding);
                }
            }
        }
        whole
    }

    /// Whether a refusal is about the stated fields of a profile: with what is live beside them they
    /// are judged again, and what stands there already is no failure.
    fn is_judged_again(&self, token: &Name, finding: &Diagnostic) -> bool {
        let file: &str = &finding.place.file;
        let before = self.starts.range(..=(file, finding.place.line)).next_back();
        let Some((_, profile)) = before.filter(|((one, _), _)| *one == file) else { return false };
        let Some(fields) = profile.wished.get(token).filter(|_| finding.rule.is_some()) else { return false };
        let side = self.input.desired.tokens.get(token).map_or(Side::Classic, |one| Side::of(&one.realm));
        rules::judge_on(side, profile.platform, fields)
            .iter()
            .any(|one| one.severity == Severity::Refuse && one.message == finding.message)
    }

    /// The profile documents that select a token, by name.
    pub fn profiles_on(&self, token: &Name) -> &[(&'a Name, &'a Profile)] {
        self.profiles.get(token).map_or(&[], Vec::as_slice)
    }

    /// What the ledger knows of a live profile: the addresses that own it; of a renamed document
    /// both the old one and the new.
    pub fn owners_of(&self, token: &TokenId, profile: &ProfileId) -> Vec<(&'a Address, &'a Ownership)> {
        self.owners.get(&(token, profile)).cloned().unwrap_or_default()
    }

    /// The profiles that the ledger owns under a token.
    pub fn owned_under(&self, token: &TokenId) -> &[(&'a Address, &'a Ownership)] {
        self.under.get(token).map_or(&[], Vec::as_slice)
    }

    /// All names under which the ledger knows a token.
    pub fn names_of(&self, token: &TokenId) -> BTreeSet<Name> {
        self.token_names.get(token).cloned().unwrap_or_default()
    }

    /// Where a device stands at Apple, as seen from a token.
    pub fn stands(&self, serial: &Serial, token: &Name) -> Stands<'_, 'a> {
        self.apple.map_or(Stands::NotAsked, |apple| apple.stands(serial, token))
    }

    /// The refusal that stops a token, in words.
    pub fn refusal_for(&self, token: &Name) -> Option<String> {
        let refusals = self.refusals.get(token)?;
        let first = refusals.first()?;
        let more = refusals.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        Some(format!("{}: {} [{}]{more}", first.place, first.message, first.code))
    }
}
