//! Follows references between documents, over everything that could be read. PURE.

mod action;
mod apple;

use std::collections::{BTreeMap, BTreeSet};

use super::{sides, suggest};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{Desired, Profile, State, Token, TokenSelector};
use crate::model::fill::{self, Unfilled, fill};
use crate::model::settings::Side;
use crate::model::{Family, Kind, Name, Place, Platform, Realm, canonical};

/// Everything that was there to be read, broken documents included: a reference to one of those
/// is not reported as dangling.
pub type Present = BTreeSet<(Kind, Name)>;

/// How many references get a did-you-mean: each is compared with every name there is.
const MOST_HINTS: usize = 100;

/// Follows all references, those of `broken` documents too, and fills in what hangs on them.
pub fn resolve(desired: &mut Desired, present: &Present, broken: &Present, found: &mut Diagnostics) {
    let mut resolver = Resolver { present, broken, found, dangling: 0 };
    resolver.holders(desired);
    resolver.services(desired);
    resolver.protected(desired);
    resolver.protected_by_policy(desired);
    resolver.protected_by_organisations(desired);
    resolver.profiles(desired);
    sides::check(desired, resolver.found);
    resolver.rollouts(desired);
    resolver.defaults(desired);
    resolver.assignments(desired);
    resolver.selections(desired);
    resolver.routes(desired);
    resolver.actions(desired);
    resolver.canonical_forms(desired);
    resolver.unused_values(desired);
    resolver.display_names(desired);
}

struct Resolver<'a> {
    present: &'a Present,
    broken: &'a Present,
    found: &'a mut Diagnostics,
    /// How many references lead nowhere.
    dangling: usize,
}

impl Resolver<'_> {
    fn is_broken(&self, kind: Kind, name: &Name) -> bool {
        self.broken.contains(&(kind, name.clone()))
    }

    fn dangling(&mut self, kind: Kind, name: &Name, field: &str, place: &Place) {
        if self.present.contains(&(kind, name.clone())) {
            return;
        }
        let known = || self.present.iter().filter(|(one, _)| *one == kind).map(|(_, name)| name.as_str());
        self.dangling += 1;
        let near = if self.dangling <= MOST_HINTS { suggest::nearest(name.as_str(), known()) } else { None };
        let next = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if known().next().is_none() => format!("add a document of kind {kind} called `{name}`"),
            None => format!("known: {}", known().take(20).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{field}` names the {kind} `{name}`, which no document describes");
        self.found
            .push(Diagnostic::new("unknown-reference", Severity::Refuse, place.clone(), message).next(next));
    }

    fn protected(&mut self, desired: &Desired) {
        for name in &desired.fleet.gates.protected_tokens {
            if !desired.tokens.contains_key(name) {
                let place = desired.fleet.places.at("protected.tokens");
                self.dangling(Kind::EnrollmentToken, name, "protected.tokens", place);
            }
        }
    }

    /// A policy protects tokens of its own tenant only: on others it would protect nothing.
    fn protected_by_policy(&mut self, desired: &Desired) {
        for (name, connection) in &desired.connections {
            let place = connection.places.at("policy.protected.tokens");
            for token in connection.policy.iter().flat_map(|policy| &policy.protected_tokens) {
                match desired.tokens.get(token) {
                    None => self.dangling(Kind::EnrollmentToken, token, "policy.protected.tokens", place),
                    Some(document) if document.realm.connection() != Some(name) => {
                        let message = format!(
                            "`policy.protected.tokens` names the EnrollmentToken `{token}`, which {} holds",
                            match document.realm.connection() {
                                Some(holder) => format!("the Connection `{holder}`"),
                                None => "espalier itself".to_owned(),
                            }
                        );
                        self.found.push(
                            Diagnostic::new("policy-elsewhere", Severity::Refuse, place.clone(), message)
                                .next("protect it in the policy of its own Connection, or in the Fleet")
                                .and_at(document.identity.places.at("mdm").clone()),
                        );
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// The tokens of a selector, sorted; names that do not exist are reported.
    fn select(
        &mut self,
        selector: &TokenSelector,
        tokens: &BTreeMap<Name, Token>,
        field: &str,
        place: impl Fn(&Name) -> Place,
        whole: &Place,
    ) -> Vec<Name> {
        match selector {
            TokenSelector::Names(names) => {
                let mut selected: Vec<Name> = Vec::with_capacity(names.len());
                for name in names {
                    if tokens.contains_key(name) {
                        selected.push(name.clone());
                    } else {
                        self.dangling(Kind::EnrollmentToken, name, field, &place(name));
                    }
                }
                selected.sort();
                selected.dedup();
                if names.is_empty() {
                    self.selects_nothing(whole, "the list is empty".to_owned(), "name a token");
                }
                selected
            }
            TokenSelector::Labels(labels) => {
                let matches = |token: &Token| {
                    labels.iter().all(|(key, value)| token.identity.labels.get(key) == Some(value))
                };
                let selected: Vec<Name> =
                    tokens.iter().filter(|(_, token)| matches(token)).map(|(name, _)| name.clone()).collect();
                if selected.is_empty() {
                    let wanted: Vec<String> =
                        labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                    let why = format!("no EnrollmentToken has the labels {{{}}}", wanted.join(", "));
                    self.selects_nothing(
                        whole,
                        why,
                        "compare with `metadata.labels` of the tokens; objects that were there before are left alone",
                    );
                }
                selected
            }
        }
    }

    fn selects_nothing(&mut self, place: &Place, why: String, next: &str) {
        self.found.push(
            Diagnostic::new(
                "selects-no-token",
                Severity::Warn,
                place.clone(),
                format!("this selects no token: {why}"),
            )
            .next(next),
        );
    }

    fn profiles(&mut self, desired: &mut Desired) {
        let mut selected = Vec::with_capacity(desired.profiles.len());
        for (name, profile) in &desired.profiles {
            let places = &profile.identity.places;
            if self.is_broken(Kind::EnrollmentProfile, name)
                && profile.selector == TokenSelector::Names(Vec::new())
            {
                selected.push(Vec::new());
                continue;
            }
            let at = |name: &Name| places.at(&format!("tokens.{name}")).clone();
            selected.push(self.select(&profile.selector, &desired.tokens, "tokens", at, places.at("tokens")));
        }
        for (profile, tokens) in desired.profiles.values_mut().zip(selected) {
            profile.tokens = tokens;
        }
    }

    fn defaults(&mut self, desired: &Desired) {
        for (name, token) in &desired.tokens {
            for (word, wanted) in token.defaults.all() {
                let field = format!("defaultProfiles.{word}");
                let platform = platform_of_default(word);
                let place = token.identity.places.at(&field);
                let Some(profile) = desired.profiles.get(wanted) else {
                    self.dangling(Kind::EnrollmentProfile, wanted, &field, place);
                    continue;
                };
                if profile.platform != platform && !self.is_broken(Kind::EnrollmentProfile, wanted) {
                    let message = format!(
                        "`{field}` names the EnrollmentProfile `{wanted}`, which is for {} (P-30)",
                        profile.platform.devices()
                    );
                    self.found.push(
                        Diagnostic::by_row("P-30", Severity::Refuse, place.clone(), message)
                            .next(format!("name a profile with `platform: {platform}`"))
                            .and_at(profile.identity.places.at("platform").clone())
                            .for_tokens([name.clone()]),
                    );
                    continue;
                }
                self.has_profile(profile, wanted, name, place, "is its default profile", "P-30");
            }
        }
    }

    /// `rollout.first` names tokens of the profile.
    fn rollouts(&mut self, desired: &Desired) {
        for (name, profile) in &desired.profiles {
            let place = profile.identity.places.at("rollout.first");
            for token in &profile.rollout_first {
                if !desired.tokens.contains_key(token) {
                    self.dangling(Kind::EnrollmentToken, token, "rollout.first", place);
                } else if profile.tokens.binary_search(token).is_err()
                    && !self.is_broken(Kind::EnrollmentProfile, name)
                {
                    let message = format!(
                        "`rollout.first` names the EnrollmentToken `{token}`, which `tokens` of `{name}` does not select"
                    );
                    self.found.push(
                        Diagnostic::new("rollout-elsewhere", Severity::Refuse, place.clone(), message)
                            .next("name tokens that carry the profile")
                            .and_at(profile.identity.places.at("tokens").clone()),
                    );
                }
            }
        }
    }

    /// Refuses the use of a profile on a token that it is not selected for.
    fn has_profile(
        &mut self,
        profile: &Profile,
        profile_name: &Name,
        token: &Name,
        place: &Place,
        role: &str,
        row: &'static str,
    ) -> bool {
        let places = &profile.identity.places;
        let (message, next, other) = if profile.identity.state == State::Absent {
            let message = format!(
                "the EnrollmentProfile `{profile_name}` {role} on `{token}`, but its state is `absent` ({row})"
            );
            (message, "name another profile, or keep this one".to_owned(), places.at("state"))
        } else if profile.tokens.binary_search(token).is_err() {
            // A token that could not be read is reported where it stands.
            let message = format!(
                "the EnrollmentProfile `{profile_name}` {role} on the EnrollmentToken `{token}`, but its `tokens` do not select that token ({row})"
            );
            (
                message,
                format!("add `{token}` to `tokens` of `{profile_name}`, or name another profile"),
                places.at("tokens"),
            )
        } else {
            return true;
        };
        if self.is_broken(Kind::EnrollmentProfile, profile_name) {
            return true;
        }
        self.found.push(
            Diagnostic::by_row(row, Severity::Refuse, place.clone(), message)
                .next(next)
                .and_at(other.clone())
                .for_tokens([token.clone()]),
        );
        false
    }

    fn assignments(&mut self, desired: &mut Desired) {
        let mut selected = Vec::with_capacity(desired.assignments.len());
        for assignment in &desired.assignments {
            let places = &assignment.places;
            let field = if places.fields.contains_key("token") { "token" } else { "tokens" };
            let place = places.at(field);
            let chosen = assignment
                .selector
                .as_ref()
                .map(|selector| self.select(selector, &desired.tokens, field, |_| place.clone(), place));
            let Some(profile) = desired.profiles.get(&assignment.profile) else {
                self.dangling(Kind::EnrollmentProfile, &assignment.profile, "profile", places.at("profile"));
                selected.push(chosen.unwrap_or_default());
                continue;
            };
            let tokens = chosen.unwrap_or_else(|| profile.tokens.clone());
            let at = places.at("profile");
            let carried = |token: &Name| {
                self.has_profile(profile, &assignment.profile, token, at, "is assigned", "A-3")
            };
            selected.push(tokens.into_iter().filter(carried).collect());
        }
        for (assignment, tokens) in desired.assignments.iter_mut().zip(selected) {
            assignment.tokens = tokens;
        }
    }

    fn canonical_forms(&mut self, desired: &mut Desired) {
        let edition = canonical::edition(&desired.fleet);
        for profile in desired.profiles.values_mut() {
            for name in &profile.tokens {
                let Some(token) = desired.tokens.get(name) else { continue };
                for why in profile.identity.formerly.iter().filter_map(|text| fill(text, &token.values).err())
                {
                    if !self.is_broken(Kind::EnrollmentToken, name) {
                        let place = profile.identity.places.at("formerly");
                        self.unfilled(place, "formerly", &why, name, token);
                    }
                }
                match canonical::wished(profile, token, edition) {
                    Ok(wished) => {
                        let created = canonical::created(profile, Side::of(&token.realm), &wished);
                        profile.created.insert(name.clone(), created);
                        profile.wished.insert(name.clone(), wished);
                    }
                    // Its values may be what was refused.
                    Err(_) if self.is_broken(Kind::EnrollmentToken, name) => {}
                    Err(unfilled) => {
                        for (field, why) in unfilled {
                            self.unfilled(profile.identity.places.at(field), field, &why, name, token);
                        }
                    }
                }
            }
        }
    }

    /// A value that no text asks for is likely a slip; told once for all tokens that carry it.
    fn unused_values(&mut self, desired: &Desired) {
        // What a broken document asks for is not known.
        if self.broken.iter().any(|(kind, _)| *kind == Kind::EnrollmentProfile) {
            return;
        }
        let edition = canonical::edition(&desired.fleet);
        let mut asked: BTreeMap<&Name, BTreeSet<String>> = BTreeMap::new();
        for profile in desired.profiles.values() {
            for side in Side::ALL {
                let texts = canonical::texts(profile, side, edition);
                let names: BTreeSet<String> =
                    texts.iter().flat_map(|text| fill::names(text)).map(str::to_owned).collect();
                let is_here = |token: &&Name| {
                    desired.tokens.get(*token).is_some_and(|token| Side::of(&token.realm) == side)
                };
                for token in profile.tokens.iter().filter(|_| !names.is_empty()).filter(is_here) {
                    asked.entry(token).or_default().extend(names.iter().cloned());
                }
            }
        }
        let mut unused: BTreeMap<&str, Vec<(&Name, &Token)>> = BTreeMap::new();
        for (name, token) in &desired.tokens {
            let is_asked = |value: &&String| asked.get(name).is_some_and(|names| names.contains(*value));
            for value in token.values.keys().filter(|value| !is_asked(value)) {
                unused.entry(value).or_default().push((name, token));
            }
        }
        for (value, tokens) in unused {
            let Some((_, first)) = tokens.first() else { continue };
            let place = first.identity.places.at(&format!("values.{value}")).clone();
            let message =
                format!("no profile of the token asks for ${{{value}}}: `values.{value}` fills nothing");
            self.found.push(
                Diagnostic::new("unused-value", Severity::Note, place, message)
                    .next("remove it, or compare its spelling with the texts")
                    .for_tokens(tokens.into_iter().map(|(name, _)| name.clone())),
            );
        }
    }

    fn unfilled(&mut self, place: &Place, field: &str, why: &Unfilled, name: &Name, token: &Token) {
        let (message, next) = match why {
            Unfilled::Missing(value) => (
                format!(
                    "`{field}` asks for ${{{value}}}, which `values` of the EnrollmentToken `{name}` does not have"
                ),
                match suggest::nearest(value, token.values.keys().map(String::as_str)) {
                    Some(near) => {
                        format!("did you mean `${{{near}}}`? else add `{value}: …` to `values` of `{name}`")
                    }
                    None => format!("add `{value}: …` to `values` of `{name}`"),
                },
            ),
            Unfilled::Unclosed => {
                (format!("`{field}` holds `${{` without its `}}`"), "close it with `}`".to_owned())
            }
        };
        self.found.push(
            Diagnostic::new("missing-value", Severity::Refuse, place.clone(), message)
                .next(next)
                .and_at(token.identity.places.at("values").clone())
                .for_tokens([name.clone()]),
        );
    }

    /// Display names are the identity at the service until the ledger knows an id: two documents
    /// cannot mean the same object.
    fn display_names(&mut self, desired: &Desired) {
        let mut seen: BTreeMap<(&Name, Platform, &str), &Profile> = BTreeMap::new();
        for profile in desired.profiles.values().filter(|profile| profile.identity.id.is_none()) {
            for (token, fields) in &profile.wished {
                let Some(text) = fields.get("displayName").and_then(|value| value.as_text()) else {
                    continue;
                };
                if let Some(other) = seen.insert((token, profile.platform, text), profile) {
                    let message = format!(
                        "two EnrollmentProfiles are called {text:?} on the EnrollmentToken `{token}`"
                    );
                    let place = profile.identity.places.at("displayName").clone();
                    self.same_name(place, message, other.identity.places.at("displayName"), token);
                }
            }
        }
        let mut seen: BTreeMap<(&Realm, &str), &Token> = BTreeMap::new();
        for (name, token) in desired.tokens.iter().filter(|(_, token)| token.identity.id.is_none()) {
            let text = token.identity.display_name.as_str();
            if let Some(other) = seen.insert((&token.realm, text), token) {
                let message = match &token.realm {
                    Realm::Mdm(connection) | Realm::Apple(connection) => {
                        format!("two EnrollmentTokens of the Connection `{connection}` are called {text:?}")
                    }
                    Realm::Direct(_) => format!("two direct EnrollmentTokens are called {text:?}"),
                };
                let place = token.identity.places.at("displayName").clone();
                self.same_name(place, message, other.identity.places.at("displayName"), name);
            }
        }
    }

    fn same_name(&mut self, place: Place, message: String, other: &Place, token: &Name) {
        self.found.push(
            Diagnostic::new("same-display-name", Severity::Refuse, place, message)
                .next("give one another `displayName`, or pick the live objects by `id`")
                .and_at(other.clone())
                .for_tokens([token.clone()]),
        );
    }
}

/// The platform of a field of `defaultProfiles`: a platform's word, or a family's.
fn platform_of_default(word: &str) -> Platform {
    Platform::from_word(word)
        .or_else(|| {
            let family = |family: &Family| family.word().eq_ignore_ascii_case(word);
            Family::ALL.into_iter().find(family).map(Family::platform)
        })
        .unwrap_or(Platform::Ios)
}
