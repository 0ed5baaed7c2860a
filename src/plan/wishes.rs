//! What the documents wish on each token, as hashes by parts: the ledger remembers them once they are
//! in force, and what is wished later is held against them. PURE.

mod apple;

use std::collections::BTreeMap;

use serde_json::json;

use super::file::sha256;
use crate::model::desired::{Assignment, Desired, Identity, Profile, Prune, State, Token};
use crate::model::{Field, Name, Platform, Serial};

pub(super) use apple::{DEFAULT_FOR, NOWHERE, ROUTE, SERVICE};

/// The wishes on a token by parts, each as `sha256:` and hex.
pub type Wishes = BTreeMap<String, String>;

/// The part that is the token itself.
pub(super) const TOKEN: &str = "token";

/// The defaults of a direct token, by family.
pub(super) const FAMILIES: &str = "families";

/// The URL for account-driven enrollment of a direct token.
pub(super) const ACCOUNT_URL: &str = "accountDrivenEnrollmentUrl";

/// How the parts begin that speak of the devices of one profile.
pub(super) const DEVICES: &str = "devices/";

/// The default of a platform.
pub(super) fn default_part(platform: Platform) -> String {
    format!("default/{platform}")
}

/// A profile.
pub(super) fn profile_part(profile: &Name) -> String {
    format!("profile/{profile}")
}

/// The devices of a profile.
pub(super) fn devices_part(profile: &Name) -> String {
    format!("{DEVICES}{profile}")
}

/// The documents in order by token: each token costs what speaks of it, and not the whole folder.
pub struct Wished<'a> {
    desired: &'a Desired,
    /// By token, the profiles that are wished there.
    profiles: BTreeMap<&'a Name, Vec<(&'a Name, &'a Profile)>>,
    /// By token and profile, the places of the assignments that give it there, ascending.
    assignments: BTreeMap<&'a Name, BTreeMap<&'a Name, Vec<usize>>>,
    /// By the places of assignments, the hash over all their serials. A document names the serials of
    /// all its tokens together: hashed token by token, its work would grow with the square of the fleet.
    serials: BTreeMap<Vec<usize>, String>,
}

impl<'a> Wished<'a> {
    /// Puts documents in order. Goes over them once.
    pub fn of(desired: &'a Desired) -> Self {
        let (mut profiles, serials) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        for (name, profile) in &desired.profiles {
            for token in profile.wished.keys() {
                profiles.entry(token).or_default().push((name, profile));
            }
        }
        let mut assignments = BTreeMap::<_, BTreeMap<_, Vec<usize>>>::new();
        for (at, Assignment { profile, tokens, .. }) in desired.assignments.iter().enumerate() {
            for token in tokens {
                let places = assignments.entry(token).or_default().entry(profile).or_default();
                if places.last() != Some(&at) {
                    places.push(at);
                }
            }
        }
        Self { desired, profiles, assignments, serials }
    }

    /// Hashes everything that the documents wish on a token; `None` for one that no document names.
    /// Places, labels and the values of `${name}` are left out: what they lead to stands in the fields.
    pub fn on(&mut self, name: &Name) -> Option<Wishes> {
        // Every field by name, so that a new one does not compile until somebody decides whether its
        // change is a new wish.
        let Token {
            identity,
            realm,
            // Another source of the same credentials is no other wish.
            direct: _,
            apple_id: _,
            consent_to_share_data: _,
            scope_tags,
            defaults,
            values: _,
            prune,
            account_driven_url,
            apple,
            default_for,
        } = self.desired.tokens.get(name)?;
        let of = |identity: &Identity| {
            let Identity { labels: _, display_name, id, formerly: _, state, acknowledge: _, places: _ } =
                identity;
            json!([display_name, id, *state == State::Present])
        };
        let prune = match prune {
            Prune::Never => "never",
            Prune::Created => "created",
            Prune::All => "all",
        };
        let three = |field: Field<serde_json::Value>| match field {
            Field::Missing => json!([]),
            Field::Null => json!([null]),
            Field::Set(value) => json!([value]),
        };
        let mut wishes = Wishes::new();
        let mut add = |part: String, wished: serde_json::Value| {
            wishes.insert(part, sha256(&wished.to_string()));
        };
        let tags = three(scope_tags.clone().map(|tags| json!(tags)));
        add(TOKEN.to_owned(), json!([of(identity), realm, tags, prune]));
        for platform in Platform::CLASSIC {
            let wished = defaults.of(platform).clone().map(|profile| json!(profile));
            add(default_part(platform), three(wished));
        }
        if realm.is_direct() {
            let defaults: BTreeMap<&str, &Name> = defaults.all().collect();
            add(FAMILIES.to_owned(), json!(defaults));
            let url = account_driven_url.clone().map(|url| json!(url.as_str()));
            add(ACCOUNT_URL.to_owned(), three(url));
        }
        apple::add_parts(self.desired, name, apple.as_ref(), default_for, &mut add);
        for (profile, document) in self.profiles.get(name).into_iter().flatten() {
            let wished = document.wished.get(name);
            add(profile_part(profile), json!([of(&document.identity), wished]));
        }
        for (profile, places) in self.assignments.get(name).into_iter().flatten() {
            let hash = match self.serials.get(places) {
                Some(hash) => hash,
                None => self.serials.entry(places.clone()).or_insert(serials_of(self.desired, places)),
            };
            wishes.insert(devices_part(profile), hash.clone());
        }
        for (profile, conditions) in apple::selected(self.desired, name) {
            let part = wishes.entry(devices_part(profile)).or_default();
            *part = sha256(&json!([part, conditions]).to_string());
        }
        Some(wishes)
    }
}

/// Hashes the serials of the assignments at these places.
fn serials_of(desired: &Desired, places: &[usize]) -> String {
    let assignments = places.iter().map(|at| &desired.assignments[*at]);
    let mut serials: Vec<Serial> =
        assignments.flat_map(|assignment| &assignment.devices).map(|device| device.serial).collect();
    serials.sort_unstable();
    sha256(&json!(serials).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::world::{World, name};

    /// Tokens that share a profile for all of which one document names two serials each; another
    /// document names one more serial for the first of them.
    fn sharing(tokens: usize) -> Desired {
        let mut world = World::new();
        let names: Vec<String> = (0..tokens).map(|token| format!("token-{token}")).collect();
        for token in &names {
            world.token(token, "contoso", "");
        }
        world.profile("kiosk", &format!("[{}]", names.join(", ")), "");
        let serials: Vec<String> = (0..2 * tokens).rev().map(|number| format!("C02A{number:04}")).collect();
        world.assignment("all", "kiosk", &serials.join(", "), "");
        world.assignment("one", "kiosk", "C02B0001", "token: token-0");
        world.desired()
    }

    #[test]
    fn serials_are_hashed_once_for_all_tokens_that_share_their_assignments() {
        let hashed = |tokens: usize| {
            let desired = sharing(tokens);
            let mut wished = Wished::of(&desired);
            let all: Vec<Wishes> = desired.tokens.keys().filter_map(|token| wished.on(token)).collect();
            assert!(all.iter().filter(|wishes| wishes.contains_key("devices/kiosk")).count() >= tokens);
            wished.serials.keys().flatten().map(|at| desired.assignments[*at].devices.len()).sum::<usize>()
        };
        // The first token's own, and those of all others together: whatever their number.
        assert_eq!(hashed(10), (20 + 1) + 20);
        assert_eq!(hashed(40), (80 + 1) + 80);
    }

    #[test]
    fn the_devices_of_a_profile_are_those_of_all_its_assignments_on_the_token() {
        let desired = sharing(2);
        let mut wished = Wished::of(&desired);
        let of = |serials: &[&str]| sha256(&json!(serials).to_string());
        let shared = ["C02A0000", "C02A0001", "C02A0002", "C02A0003"];
        let own = [&shared[..], &["C02B0001"]].concat();
        assert_eq!(wished.on(&name("token-0")).unwrap()["devices/kiosk"], of(&own));
        assert_eq!(wished.on(&name("token-1")).unwrap()["devices/kiosk"], of(&shared));
    }
}
