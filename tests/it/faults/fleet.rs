//! The fleet of the fault tests: two tenants, four tokens, and documents in two editions. Going
//! from the first to the second takes every write there is, and most of them more than once.
//!
//! | token (tenant) | what the second edition changes |
//! |---|---|
//! | `main` (one) | name, scope tags, default; a profile updated, made, wished absent, pruned; devices given, moved, waiting |
//! | `second` (one) | the same profiles updated and made; devices moved |
//! | `old` (one) | the token goes, and its profile before it |
//! | `other` (two) | the same profiles updated and made; devices moved |

use std::collections::BTreeMap;

use espalier::model::Serial;
use espalier::sim::world::{Platform, Token, World};
use espalier::sim::{Seed, SeedTenant, SeedToken};

/// The tenant of three tokens.
pub const ONE: &str = "11111111-0c3e-4f7b-b8a4-2e9d5c7f1a36";
/// The tenant of one token.
pub const TWO: &str = "22222222-0c3e-4f7b-b8a4-2e9d5c7f1a36";
/// The id of `main`.
pub const MAIN: &str = "aaaaaaaa-0000-4000-8000-000000000001";
/// The id of `second`.
pub const SECOND: &str = "aaaaaaaa-0000-4000-8000-000000000002";
/// The id of `old`.
pub const OLD: &str = "aaaaaaaa-0000-4000-8000-000000000003";
/// The id of `other`.
pub const OTHER: &str = "bbbbbbbb-0000-4000-8000-000000000001";
/// All of them.
pub const ALL: [&str; 4] = [MAIN, SECOND, OLD, OTHER];

/// Rows per page: `main`'s devices fill three pages, its profiles two.
pub const PAGE: usize = 4;

/// The serial of device `number` of token `token`.
pub fn serial(token: u8, number: u8) -> Serial {
    Serial::new(&format!("DMPK{token}A{number:02}LMF5")).expect("a serial")
}

/// `count` serials from `first` on, as items of a YAML list.
fn serials(token: u8, first: u8, count: u8) -> String {
    (first..first + count).map(|number| format!("{}, ", serial(token, number))).collect()
}

/// The tenants before the first apply.
pub fn seed() -> Seed {
    let token = |name: &str, id: &str, number: u8, devices: u8| SeedToken {
        name: name.to_owned(),
        id: Some(id.to_owned()),
        serials: (1..=devices).map(|device| serial(number, device)).collect(),
        ..SeedToken::default()
    };
    let mut main = token("Main", MAIN, 1, 9);
    let mirror = serde_json::json!({
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "New iPads",
        "requiresUserAuthentication": true, "mirrored": true,
    });
    main.profiles.extend(mirror.as_object().cloned());
    let tenant = |id: &str, tokens| SeedTenant {
        tenant_id: id.to_owned(),
        scope_tags: vec!["Berlin".to_owned()],
        tokens,
        ..SeedTenant::default()
    };
    Seed {
        seed: 7,
        start: "2026-11-02T08:00:00Z".parse().expect("an instant"),
        surroundings: false,
        services: Vec::new(),
        tenants: vec![
            tenant(ONE, vec![main, token("Second", SECOND, 2, 3), token("Old", OLD, 3, 0)]),
            tenant(TWO, vec![token("Other", OTHER, 4, 3)]),
        ],
        ..Seed::default()
    }
}

/// What does not change: the fleet and its connections.
pub fn ground() -> String {
    let connection = |name: &str, tenant: &str| {
        format!(
            "---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: {name}}}
spec:
  intune:
    tenantId: {tenant}
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: {{clientSecret: {{env: INTUNE_CLIENT_SECRET}}}}
    assignBatch: 2
"
        )
    };
    format!(
        "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {{name: faults}}
spec:
  ledger: {{id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {{path: .espalier/ledger.db}}}}
  limits:
    update: {{count: 100}}
    delete: {{count: 100}}
    reassign: {{count: 100}}
{}{}",
        connection("one", ONE),
        connection("two", TWO)
    )
}

/// A document of a token; `rest` is more of its `spec`.
pub fn token(name: &str, connection: &str, display_name: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {name}}}
spec:
  displayName: {display_name}
  mdm: {connection}
  prune: created
{rest}"
    )
}

/// A document of a profile; `rest` is more of its `spec`.
pub fn profile(name: &str, display_name: &str, tokens: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: {name}}}
spec:
  displayName: {display_name}
  tokens: [{tokens}]
  platform: ios
  userAffinity: none
  supervised: true
  lockedEnrollment: true
{rest}"
    )
}

/// A document that gives a profile to serials, written as items of a YAML list.
pub fn assignment(name: &str, token: &str, profile: &str, serials: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {{name: {name}}}
spec:
  token: {token}
  profile: {profile}
  devices: {{serials: [{serials}]}}
"
    )
}

/// The first edition.
pub fn first() -> String {
    [
        ground(),
        token("main", "one", "Main", "  defaultProfiles: {ios: standard}\n"),
        token("second", "one", "Second", ""),
        token("old", "one", "Old", ""),
        token("other", "two", "Other", ""),
        profile("standard", "Standard", "main, second, other", "  department: One\n"),
        profile("gone", "Gone", "main", ""),
        profile("pruned", "Pruned", "main", ""),
        profile("oldest", "Oldest", "old", ""),
        assignment("standard-main", "main", "standard", &serials(1, 1, 4)),
        assignment("pruned-main", "main", "pruned", &serials(1, 5, 1)),
        assignment("standard-second", "second", "standard", &serials(2, 1, 2)),
        assignment("standard-other", "other", "standard", &serials(4, 1, 2)),
    ]
    .concat()
}

/// The second edition.
pub fn second() -> String {
    [
        ground(),
        token(
            "main",
            "one",
            "Main renamed",
            "  scopeTags: [Default, Berlin]\n  defaultProfiles: {ios: kiosk}\n",
        ),
        token("second", "one", "Second", ""),
        token("old", "one", "Old", "  state: absent\n"),
        token("other", "two", "Other", ""),
        profile("standard", "Standard", "main, second, other", "  department: Two\n"),
        profile("kiosk", "Kiosk", "main, second, other", "  department: Two\n"),
        profile("gone", "Gone", "main", "  state: absent\n"),
        assignment(
            "standard-main",
            "main",
            "standard",
            &(serials(1, 1, 1) + &serials(1, 6, 3) + &serials(1, 20, 1)),
        ),
        assignment("kiosk-main", "main", "kiosk", &serials(1, 2, 4)),
        assignment("kiosk-second", "second", "kiosk", &serials(2, 1, 2)),
        assignment("kiosk-other", "other", "kiosk", &serials(4, 1, 3)),
    ]
    .concat()
}

/// The profiles that the second edition may delete, by token.
pub const DELETABLE: [(&str, &[&str]); 2] = [(MAIN, &["Gone", "Pruned"]), (OLD, &["Oldest"])];

/// The display name of the profile that each device of `token` has.
fn assigned(token: &Token) -> BTreeMap<Serial, &str> {
    let name = |birth: u32| token.profiles.get(&birth).map_or("", |profile| profile.display_name());
    token.devices.iter().map(|device| (device.serial, name(device.profile))).collect()
}

/// How a token differs from what the second edition wishes; empty where it does not. `old` is
/// wished away.
pub fn differences(world: &World, id: &str) -> Vec<String> {
    let tokens: Vec<&Token> = world.tenants.iter().flat_map(|tenant| &tenant.tokens).collect();
    let token = tokens.iter().find(|token| token.id == id);
    if id == OLD {
        return token.map(|_| "old: the token is still there".to_owned()).into_iter().collect();
    }
    let Some(token) = token else { return vec![format!("the token {id} is gone")] };
    let mut differences = Vec::new();
    let mut expect = |what: &str, found: String, wished: String| {
        if found != wished {
            differences.push(format!("{}: {what} is {found}, not {wished}", token.name));
        }
    };
    let own = token.profiles.values().filter(|profile| !profile.mirrored);
    let mut names: Vec<&str> = own.clone().map(|profile| profile.display_name()).collect();
    names.sort_unstable();
    expect("profiles", format!("{names:?}"), format!("{:?}", ["Kiosk", "Standard"]));
    for profile in own {
        let department = profile.members.get("supportDepartment").and_then(|value| value.as_str());
        expect(profile.display_name(), format!("{department:?}"), format!("{:?}", Some("Two")));
    }
    let device_of = |serials: &[(u8, u8, u8, &'static str)]| -> BTreeMap<Serial, &str> {
        let spread = |(token, first, last, name): &(u8, u8, u8, &'static str)| {
            let (token, name) = (*token, *name);
            (*first..=*last).map(move |number| (serial(token, number), name))
        };
        serials.iter().flat_map(spread).collect()
    };
    let wished = match id {
        MAIN => device_of(&[
            (1, 1, 1, "Standard"),
            (1, 2, 5, "Kiosk"),
            (1, 6, 8, "Standard"),
            (1, 9, 9, ""),
            (1, 20, 20, "Standard"),
        ]),
        SECOND => device_of(&[(2, 1, 2, "Kiosk"), (2, 3, 3, "")]),
        _ => device_of(&[(4, 1, 3, "Kiosk")]),
    };
    expect("its devices", format!("{:?}", assigned(token)), format!("{wished:?}"));
    if id == MAIN {
        expect("its name", token.name.clone(), "Main renamed".to_owned());
        expect("its scope tags", token.scope_tag_ids.join(","), "0,1".to_owned());
        let default = token.defaults.get(&Platform::Ios).and_then(|birth| token.profiles.get(birth));
        expect(
            "its default",
            format!("{:?}", default.map(|profile| profile.display_name())),
            format!("{:?}", Some("Kiosk")),
        );
    }
    differences
}
