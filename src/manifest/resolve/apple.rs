//! References to Apple's side: organisations and their services, and what documents wish of devices
//! that only Apple's side can pick, tell apart or move. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::{Resolver, suggest};
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::{
    Desired, Places, Profile, RouteTo, Selection, State, Token, TokenSelector, Where,
};
use crate::model::settings::Side;
use crate::model::{Edition, Family, Field, Kind, Name, Place, ProductFamily};

/// The families that have a profile, with their fields in `profiles`.
const FAMILIES: [(&str, Family); 5] = [
    ("iphone", Family::Iphone),
    ("ipad", Family::Ipad),
    ("mac", Family::Mac),
    ("appleTv", Family::AppleTv),
    ("vision", Family::Vision),
];

/// What a document gives devices of one family.
struct Given<'a> {
    family: Family,
    profile: &'a Name,
    /// The field that gives it.
    field: String,
    /// Where the family is written, if not in that field.
    also: Option<Place>,
}

impl Resolver<'_> {
    /// Connections of tokens: `mdm` is a tenant's, `apple.connection` an organisation's.
    pub(super) fn holders(&mut self, desired: &Desired) {
        for token in desired.tokens.values() {
            let places = &token.identity.places;
            if let Some(mdm) = token.realm.connection()
                && !desired.connections.contains_key(mdm)
            {
                let place = places.at("mdm");
                match desired.organisations.get(mdm) {
                    None => self.dangling(Kind::Connection, mdm, "mdm", place),
                    Some(other) => {
                        let what = format!(
                            "an organisation in {}, which holds no tokens: it says which service a device belongs to",
                            other.edition.words()
                        );
                        let right: Vec<&Name> = desired.connections.keys().collect();
                        let wanted = "`intune`";
                        self.other_kind(("mdm", place), mdm, &what, (&right, wanted), &other.places.document);
                    }
                }
            }
            if let Some(apple) = &token.apple
                && !desired.organisations.contains_key(&apple.connection)
            {
                let (name, place) = (&apple.connection, places.at("apple.connection"));
                match desired.connections.get(name) {
                    None => self.dangling(Kind::Connection, name, "apple.connection", place),
                    Some(other) => {
                        let right: Vec<&Name> = desired.organisations.keys().collect();
                        let wanted = "`appleBusiness` or `appleSchool`";
                        let what = "a tenant of Microsoft Intune, which has no services of Apple";
                        let field = ("apple.connection", place);
                        self.other_kind(field, name, what, (&right, wanted), &other.places.document);
                    }
                }
            }
        }
    }

    /// A policy protects tokens of its own organisation only.
    pub(super) fn protected_by_organisations(&mut self, desired: &Desired) {
        for (name, organisation) in &desired.organisations {
            let place = organisation.places.at("policy.protected.tokens");
            for token in organisation.policy.iter().flat_map(|policy| &policy.protected_tokens) {
                let Some(document) = desired.tokens.get(token) else {
                    self.dangling(Kind::EnrollmentToken, token, "policy.protected.tokens", place);
                    continue;
                };
                if document.apple.as_ref().is_some_and(|apple| apple.connection == *name) {
                    continue;
                }
                let message = format!(
                    "`policy.protected.tokens` names the EnrollmentToken `{token}`, whose service is not in the Connection `{name}`"
                );
                self.found.push(
                    Diagnostic::new("policy-elsewhere", Severity::Refuse, place.clone(), message)
                        .next("protect it in the policy of its own Connection, or in the Fleet")
                        .and_at(document.identity.places.document.clone()),
                );
            }
        }
    }

    fn other_kind(
        &mut self,
        (field, place): (&str, &Place),
        name: &Name,
        what: &str,
        (right, wanted): (&[&Name], &str),
        other: &Place,
    ) {
        let near = suggest::nearest(name.as_str(), right.iter().map(|name| name.as_str()));
        let next = match (near, right) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, [only]) => format!("did you mean `{only}`?"),
            (None, []) => format!("add a Connection with {wanted}, and name that"),
            (None, _) => {
                let names: Vec<&str> = right.iter().take(20).map(|name| name.as_str()).collect();
                format!("Connections with {wanted}: {}", names.join(", "))
            }
        };
        let message = format!("`{field}` names the Connection `{name}`, which is {what}");
        self.found.push(
            Diagnostic::new("wrong-connection", Severity::Refuse, place.clone(), message)
                .next(next)
                .and_at(other.clone()),
        );
    }

    /// Whether there is a document of the kind that could not be made out.
    pub(super) fn any_unknown(&self, kind: Kind, known: usize) -> bool {
        self.present.iter().filter(|(one, _)| *one == kind).count() > known
            || self.broken.iter().any(|(one, _)| *one == kind)
    }

    /// A service belongs to one token, a family to one service.
    pub(super) fn services(&mut self, desired: &Desired) {
        let mut services: BTreeMap<(&Name, &str), (&Name, &Token)> = BTreeMap::new();
        let mut families: BTreeMap<(&Name, ProductFamily), (&Name, &Token)> = BTreeMap::new();
        for (name, token) in &desired.tokens {
            let places = &token.identity.places;
            let Some(apple) = &token.apple else {
                let is_read = !self.is_broken(Kind::EnrollmentToken, name);
                if !token.default_for.is_missing() && is_read {
                    let message =
                        "`defaultFor` stands without `apple`: it is a setting of a service at Apple";
                    let next = "add `apple: {connection, service}`, or remove `defaultFor`";
                    self.at_apple("A-2", places.at("defaultFor"), (message.to_owned(), next), [name], []);
                }
                continue;
            };
            if let Some((other_name, other)) =
                services.insert((&apple.connection, &apple.service), (name, token))
            {
                let message = format!(
                    "the EnrollmentTokens `{other_name}` and `{name}` both belong to the service {:?} of the Connection `{}`: a service has one token",
                    apple.service, apple.connection
                );
                let next = "name another service, or remove one of the two tokens";
                let place = places.at("apple.service");
                let also = other.identity.places.at("apple.service").clone();
                self.at_apple("A-2", place, (message, next), [other_name, name], [also]);
            }
            self.default_families(desired, (name, token), &apple.connection, &mut families);
        }
    }

    fn default_families<'d>(
        &mut self,
        desired: &'d Desired,
        (name, token): (&'d Name, &'d Token),
        organisation: &'d Name,
        claimed: &mut BTreeMap<(&'d Name, ProductFamily), (&'d Name, &'d Token)>,
    ) {
        let places = &token.identity.places;
        let edition = desired.organisations.get(organisation).map(|one| one.edition);
        if !token.default_for.is_missing() && edition == Some(Edition::School) {
            let message = format!(
                "`defaultFor` cannot be set through Apple School Manager, where `{organisation}` is: its API changes no services"
            );
            let next = "remove it, and set the default service in the portal";
            self.at_apple("A-2", places.at("defaultFor"), (message, next), [name], []);
            return;
        }
        if token.identity.state == State::Absent {
            return;
        }
        let Field::Set(families) = &token.default_for else { return };
        for family in families {
            let Some((other_name, other)) = claimed.insert((organisation, *family), (name, token)) else {
                continue;
            };
            let message = format!(
                "`defaultFor` of the EnrollmentTokens `{other_name}` and `{name}` both claim `{family}` in the Connection `{organisation}`: a family has one default service"
            );
            let field = format!("defaultFor.{family}");
            let also = other.identity.places.at(&field).clone();
            let told = (message, "keep it with one of the two");
            self.at_apple("A-2", places.at(&field), told, [other_name, name], [also]);
        }
    }

    /// Refuses something by its row, with its next step; without tokens it stops the folder.
    fn at_apple<'n>(
        &mut self,
        row: &'static str,
        place: &Place,
        (message, next): (String, &str),
        tokens: impl IntoIterator<Item = &'n Name>,
        also: impl IntoIterator<Item = Place>,
    ) {
        let mut diagnostic =
            Diagnostic::by_row(row, Severity::Refuse, place.clone(), format!("{message} ({row})"))
                .next(next)
                .for_tokens(tokens.into_iter().cloned());
        diagnostic.also.extend(also);
        self.found.push(diagnostic);
    }

    /// Routes of tokens without a service move nothing: told, unless the document says something else
    /// with its token, and taken out.
    pub(super) fn routes(&mut self, desired: &mut Desired) {
        let gives: BTreeSet<&Name> = desired
            .assignments
            .iter()
            .map(|one| &one.name)
            .chain(desired.selections.iter().map(|one| &one.name))
            .collect();
        for route in &desired.routes {
            let places = &route.places;
            let broken = self.is_broken(Kind::DeviceAssignment, &route.name);
            let RouteTo::Token(name) = &route.to else {
                self.unassigned(desired, route.devices.selected.is_some(), places);
                continue;
            };
            let Some(token) = desired.tokens.get(name) else {
                // With a profile it is told already.
                if !gives.contains(&route.name) {
                    self.dangling(Kind::EnrollmentToken, name, "token", places.at("token"));
                }
                continue;
            };
            if broken || self.is_broken(Kind::EnrollmentToken, name) {
                continue;
            }
            if token.apple.is_some() {
                if token.identity.state == State::Absent {
                    let message = format!(
                        "the document moves devices to the EnrollmentToken `{name}`, whose state is `absent`: it goes only once no devices are under it"
                    );
                    let next = "name the token that they shall have instead, or keep this one";
                    let other = token.identity.places.at("state").clone();
                    self.at_apple("A-2", places.at("token"), (message, next), [name], [other]);
                }
                continue;
            }
            let other = token.identity.places.document.clone();
            if route.move_by.is_some() {
                let message = format!(
                    "`moveBy` needs a token whose service is at Apple, and the EnrollmentToken `{name}` has no `apple`"
                );
                let next = format!("add `apple: {{connection, service}}` to `{name}`, or remove `moveBy`");
                self.at_apple("A-11", places.at("moveBy"), (message, &next), [name], [other]);
            } else if !gives.contains(&route.name) {
                let message = format!(
                    "the document moves devices to the EnrollmentToken `{name}` and gives them no profile, but that token has no `apple`: without Apple's side nothing moves"
                );
                let next = format!("add `apple: {{connection, service}}` to `{name}`, or give a `profile`");
                self.at_apple("A-2", places.at("token"), (message, &next), [name], [other]);
            }
        }
        let tokens = &desired.tokens;
        desired.routes.retain(|route| match &route.to {
            RouteTo::Token(name) => tokens.get(name).is_some_and(|token| token.apple.is_some()),
            RouteTo::Nowhere => true,
        });
    }

    fn unassigned(&mut self, desired: &Desired, selects: bool, places: &Places) {
        let known = desired.connections.len() + desired.organisations.len();
        if desired.organisations.is_empty() && !self.any_unknown(Kind::Connection, known) {
            let message =
                "`unassign` needs Apple's side, and no Connection has `appleBusiness` or `appleSchool`";
            let next = "add the Connection of your organisation, or unassign the devices in Apple's portal";
            self.at_apple("A-2", places.at("unassign"), (message.to_owned(), next), [], []);
        } else if selects
            && desired.tokens.values().all(|token| token.apple.is_none())
            && !self.any_unknown(Kind::EnrollmentToken, desired.tokens.len())
        {
            let message = "`devices.where` picks devices of tokens of this folder, and no EnrollmentToken says with `apple` which service is its own";
            let next = "add `apple: {connection, service}` to the tokens, or name the devices";
            self.at_apple("A-1", places.at("devices.where"), (message.to_owned(), next), [], []);
        }
    }

    /// What only Apple's side can pick or tell apart: its tokens and profiles.
    pub(super) fn selections(&mut self, desired: &mut Desired) {
        let mut resolved = Vec::with_capacity(desired.selections.len());
        for selection in &desired.selections {
            let broken = self.is_broken(Kind::DeviceAssignment, &selection.name);
            let tokens = self.tokens_of(desired, selection);
            if !broken {
                self.sees_devices(desired, selection, &tokens);
            }
            let given = given(selection);
            let mut fits = true;
            for one in &given {
                fits &= broken || self.fits(desired, selection, one, &tokens);
            }
            if !broken && fits {
                self.no_watches(selection, &tokens);
            }
            resolved.push(tokens);
        }
        for (selection, tokens) in desired.selections.iter_mut().zip(resolved) {
            selection.tokens = tokens;
        }
    }

    /// The tokens of a selection that carry its profiles, sorted.
    fn tokens_of(&mut self, desired: &Desired, selection: &Selection) -> Vec<Name> {
        let places = &selection.places;
        let field = if places.fields.contains_key("token") { "token" } else { "tokens" };
        let place = places.at(field);
        // Named devices with one profile are an assignment, which tells of its references by itself.
        let told = selection.one_for_all && desired.assignments.iter().any(|one| one.name == selection.name);
        let chosen = match &selection.selector {
            Some(selector) if told => Some(chosen_silently(selector, desired)),
            Some(selector) => Some(self.select(selector, &desired.tokens, field, |_| place.clone(), place)),
            None => None,
        };
        let mut written: Vec<(String, &Name)> = selection
            .profiles
            .written()
            .map(|(family, profile)| match selection.one_for_all {
                true => ("profile".to_owned(), profile),
                false => (format!("profiles.{family}"), profile),
            })
            .collect();
        if selection.one_for_all {
            written.truncate(1);
        }
        let mut tokens = chosen.clone().unwrap_or_default();
        for (field, name) in written {
            let at = places.at(&field);
            let Some(profile) = desired.profiles.get(name) else {
                if !told {
                    self.dangling(Kind::EnrollmentProfile, name, &field, at);
                }
                continue;
            };
            match &chosen {
                None => tokens.extend(profile.tokens.iter().cloned()),
                Some(chosen) if !told => {
                    for token in chosen {
                        if !self.has_profile(profile, name, token, at, "is assigned", "A-3") {
                            tokens.retain(|one| one != token);
                        }
                    }
                }
                Some(_) => tokens.retain(|token| profile.tokens.binary_search(token).is_ok()),
            }
        }
        tokens.sort();
        tokens.dedup();
        tokens
    }

    /// Conditions need Apple's side of at least one token; a family shows on direct tokens, too.
    fn sees_devices(&mut self, desired: &Desired, selection: &Selection, tokens: &[Name]) {
        let of = |name: &Name| desired.tokens.get(name);
        let known = |name: &Name| !self.is_broken(Kind::EnrollmentToken, name);
        // Without tokens there is another finding.
        if tokens.is_empty() || !tokens.iter().all(known) {
            return;
        }
        let at_apple = tokens.iter().filter_map(of).any(|token| token.apple.is_some());
        let direct = tokens.iter().filter_map(of).any(|token| Side::of(&token.realm) == Side::Direct);
        if at_apple {
            return;
        }
        let names: Vec<String> = tokens.iter().take(3).map(|name| format!("`{name}`")).collect();
        let whose = match (tokens.len(), names.len()) {
            (1, _) => format!("the EnrollmentToken {} has", names.join("")),
            (all, told) if all > told => {
                format!("the EnrollmentTokens {} and {} more have", names.join(", "), all - told)
            }
            _ => format!("the EnrollmentTokens {} have", names.join(", ")),
        };
        if selection.devices.selected.is_some() {
            let message = format!(
                "`devices.where` needs Apple's side, and {whose} no `apple`: order, model and source of a device that never enrolled stand in Apple's portals only"
            );
            let next = "add `apple: {connection, service}` to a token that is meant, or name the devices";
            self.at_apple("A-1", selection.places.at("devices.where"), (message, next), tokens, []);
        } else if !direct {
            let message = format!(
                "`profiles` needs the family of each device, and {whose} no `apple`: Intune does not know it of a device that never enrolled"
            );
            let next = "add `apple: {connection, service}` to the token, or write one `profile` for devices of one kind";
            self.at_apple("A-3", selection.places.at("profiles"), (message, next), tokens, []);
        }
    }

    /// Whether a profile suits the family that it is given to.
    fn fits(&mut self, desired: &Desired, selection: &Selection, one: &Given, tokens: &[Name]) -> bool {
        let Some(profile) = desired.profiles.get(one.profile) else { return true };
        if self.is_broken(Kind::EnrollmentProfile, one.profile) {
            return true;
        }
        let place = selection.places.at(&one.field);
        let devices = devices_of(one.family);
        let (row, message, next, other) = if profile.platform != one.family.platform() {
            (
                "A-3",
                format!(
                    "`{}` gives {devices} the EnrollmentProfile `{}`, which is for {}",
                    one.field,
                    one.profile,
                    profile.platform.devices()
                ),
                match one.also {
                    Some(_) => "write `profiles` by family, or narrow `productFamilies`".to_owned(),
                    None => format!("name a profile with `platform: {}`", one.family.platform()),
                },
                "platform",
            )
        } else if one.family == Family::Iphone && is_shared(profile) {
            (
                "P-14",
                format!(
                    "`{}` gives iPhones the EnrollmentProfile `{}`, which makes a Shared iPad: an iPhone that gets it has to be wiped",
                    one.field, one.profile
                ),
                "name a profile without `sharedIpad` for iPhones".to_owned(),
                "sharedIpad",
            )
        } else {
            return true;
        };
        let other = profile.identity.places.at(other).clone();
        let also = one.also.clone().into_iter().chain([other]);
        self.at_apple(row, place, (message, &next), tokens, also);
        false
    }

    fn no_watches(&mut self, selection: &Selection, tokens: &[Name]) {
        let families = families_of(selection.devices.selected.as_ref());
        if families.contains(&ProductFamily::Watch) {
            let place = selection.places.at("devices.where.productFamilies.watch");
            let message = "`devices.where` picks watches, and a watch has no enrollment profile";
            let next = "take `watch` out; a document with `token` alone moves watches";
            self.at_apple("A-3", place, (message.to_owned(), next), tokens, []);
        }
    }
}

/// As [`Resolver::select`], where the findings are told already.
fn chosen_silently(selector: &TokenSelector, desired: &Desired) -> Vec<Name> {
    let is_meant = |(name, token): &(&Name, &Token)| match selector {
        TokenSelector::Names(names) => names.contains(name),
        TokenSelector::Labels(labels) => {
            labels.iter().all(|(key, value)| token.identity.labels.get(key) == Some(value))
        }
    };
    desired.tokens.iter().filter(is_meant).map(|(name, _)| name.clone()).collect()
}

fn families_of(condition: Option<&Where>) -> &[ProductFamily] {
    condition.and_then(|one| one.product_families.as_deref()).unwrap_or_default()
}

/// What a selection gives which family, as far as the document tells.
fn given(selection: &Selection) -> Vec<Given<'_>> {
    let places = &selection.places;
    FAMILIES
        .into_iter()
        .filter_map(|(word, family)| {
            let profile = selection.profiles.of(family)?;
            if !selection.one_for_all {
                return Some(Given { family, profile, field: format!("profiles.{word}"), also: None });
            }
            let condition = families_of(selection.devices.selected.as_ref());
            let meant = condition.iter().any(|one| one.family() == Some(family));
            let also = Some(places.at(&format!("devices.where.productFamilies.{word}")).clone());
            meant.then(|| Given { family, profile, field: "profile".to_owned(), also })
        })
        .collect()
}

fn devices_of(family: Family) -> &'static str {
    match family {
        Family::Iphone => "iPhones",
        Family::Ipad => "iPads",
        Family::Ipod => "iPods",
        Family::Mac => "Macs",
        Family::AppleTv => "Apple TVs",
        Family::Vision => "Apple Visions",
    }
}

fn is_shared(profile: &Profile) -> bool {
    profile.settings.shared_ipad.set().is_some()
}
