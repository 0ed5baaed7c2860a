//! A tenant that years of work by hand have made: documents that name a few of its profiles change
//! those, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::handmade::years_of_work;
use crate::support::{SimServer, TestEnv};

/// The token by its name in the portal.
const TOKEN: &str = "Made by hand";

const FLEET: &str = "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: { name: contoso }
spec:
  ledger: { id: 7c1de0ff-7b3f-4a34-9c0e-3f8a4b1d2e5a, sqlite: { path: .espalier/ledger.db } }
  screens: \"2026-10\"
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: { name: tenant }
spec:
  intune:
    tenantId: 8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: { clientSecret: { env: INTUNE_CLIENT_SECRET } }
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: { name: by-hand }
spec: { mdm: tenant, displayName: Made by hand }
";

/// What the documents name: address, display name, further lines of the `spec`.
const NAMED: [(&str, &str, &str); 6] = [
    // Violations that stand, and of which no document says a word.
    ("locked", "Locked, unsupervised", "platform: ios, department: Front desk"),
    ("shared-awaiting", "Shared, awaiting", "platform: ios, supervised: true"),
    ("accounts", "Accounts that do not wait", "platform: macos, department: Design"),
    ("old-keys", "Old keys", "platform: macos, setupAssistant: { hide: [appStore] }"),
    ("department-07", "Department 07", "platform: ios, lockedEnrollment: true"),
    ("kiosks", "Kiosks", "platform: ios, userAffinity: none, deviceNameTemplate: \"K-{{SERIAL}}\""),
];

fn document(name: &str, display_name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{ name: {name} }}
spec: {{ tokens: [by-hand], displayName: \"{display_name}\", {spec} }}
---"
    )
}

/// The folder, and the tenant as the years have left it.
fn by_hand() -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    env.write("fleet.yaml", FLEET);
    let profiles: String = NAMED.iter().map(|(name, display, spec)| document(name, display, spec)).collect();
    env.write("profiles.yaml", &profiles);
    let server = env.serve();
    server.portal(&years_of_work(TOKEN));
    (env, server)
}

/// Every profile of the tenant, by its id, with all that the simulator knows of it.
fn profiles(server: &SimServer) -> BTreeMap<String, Value> {
    let world = server.world();
    let token = &world["tenants"][0]["tokens"][0];
    assert_eq!(token["name"], TOKEN);
    let all = token["profiles"].as_object().expect("profiles");
    all.values().map(|one| (one["id"].as_str().expect("an id").to_owned(), one.clone())).collect()
}

fn display_name(profile: &Value) -> &str {
    profile["members"]["displayName"].as_str().expect("a name")
}

/// The ids of the classic profiles with this name.
fn ids(profiles: &BTreeMap<String, Value>, name: &str) -> Vec<String> {
    let named = profiles.iter().filter(|(_, one)| display_name(one) == name && one["mirrored"] == false);
    named.map(|(id, _)| id.clone()).collect()
}

fn texts<'v>(list: &'v Value, member: &str) -> BTreeSet<&'v str> {
    let list = list.as_array().expect("a list");
    list.iter().map(|one| one[member].as_str().unwrap_or_else(|| panic!("no {member} in {one}"))).collect()
}

#[test]
fn only_what_a_document_names_is_planned_and_touched() {
    let (env, server) = by_hand();
    let before = profiles(&server);
    assert!(before.len() > 40, "only {} profiles", before.len());
    server.forget_calls();

    let plan = env.run(["plan", "--format", "json", "--detailed-exitcode", &server.flag()]).expect(2).json();
    let wished = ["accounts", "department-07", "kiosks", "locked"];
    let steps = texts(&plan["steps"], "address");
    let addresses: BTreeSet<String> =
        wished.iter().map(|name| format!("EnrollmentProfile/{name}@by-hand")).collect();
    assert_eq!(steps, addresses.iter().map(String::as_str).collect(), "{plan:#}");
    assert_eq!(plan["blocked"], Value::Null, "{plan:#}");
    assert_eq!(server.count("write"), 0, "a plan only reads");

    // Three rules are broken by what stands: told, counted, and no failure.
    let standing = |name: &str| {
        let address = format!("EnrollmentProfile/{name}@by-hand");
        let all = plan["grandfathered"].as_array().expect("a list").iter();
        all.filter(|one| one["address"] == address.as_str()).map(|one| &one["rule"]).collect::<Vec<_>>()
    };
    assert_eq!(standing("locked"), ["P-12"]);
    assert_eq!(standing("shared-awaiting"), ["P-14"]);
    assert_eq!(standing("accounts"), ["P-32"]);
    assert_eq!(plan["grandfathered"].as_array().map(Vec::len), Some(3), "{:#}", plan["grandfathered"]);

    // Whatever no document names is left alone, each by its id.
    let named: BTreeSet<&str> = NAMED.iter().map(|(_, name, _)| *name).collect();
    let unnamed: BTreeSet<&str> = before
        .iter()
        .filter(|(_, one)| !named.contains(display_name(one)))
        .map(|(id, _)| id.as_str())
        .collect();
    assert!(unnamed.len() > 35, "{} profiles that no document names", unnamed.len());
    let shown = env.run(["plan", "--show-unmanaged", "--format", "json", &server.flag()]).expect(0).json();
    assert_eq!(shown["steps"], plan["steps"]);
    let left: BTreeSet<&str> = shown["leftAlone"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["what"] == "profile")
        .map(|one| one["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(left, unnamed);

    env.run(["apply", "--yes", &server.flag()]).expect(0);
    let after = profiles(&server);
    for (id, profile) in &before {
        let name = display_name(profile);
        if !wished.iter().any(|wish| NAMED.iter().any(|(one, display, _)| one == wish && *display == name)) {
            assert_eq!(after.get(id), Some(profile), "{name} was touched");
        }
    }
    let made: Vec<&Value> =
        after.iter().filter(|(id, _)| !before.contains_key(*id)).map(|(_, one)| one).collect();
    assert_eq!(made.iter().map(|one| display_name(one)).collect::<Vec<_>>(), ["Kiosks"]);
    assert_eq!(after.len(), before.len() + 1);
    // What was touched has changed in nothing but what its document says.
    for (name, member, value) in [
        ("Locked, unsupervised", "supportDepartment", json!("Front desk")),
        ("Accounts that do not wait", "supportDepartment", json!("Design")),
        ("Department 07", "profileRemovalDisabled", json!(true)),
    ] {
        let [id] = &ids(&before, name)[..] else { panic!("one profile called {name}") };
        let mut expected = before[id].clone();
        expected["members"][member] = value;
        if name == "Accounts that do not wait" {
            // Any change makes the service wait beside accounts; nobody asks it to.
            expected["members"]["waitForDeviceConfiguredConfirmation"] = json!(true);
        }
        assert_eq!(after[id]["members"], expected["members"], "{name}");
    }
    env.run(["plan", "--detailed-exitcode", &server.flag()]).expect(0);
}

#[test]
fn two_profiles_of_one_name_block_with_both_ids() {
    let (env, server) = by_hand();
    env.write("twice.yaml", &document("twice", "Twice", "platform: ios, department: IT"));
    let before = profiles(&server);
    let both = ids(&before, "Twice");
    assert_eq!(both.len(), 2, "beside the mirrors of that name");
    let plan = env.run(["plan", "--format", "json", &server.flag()]).expect(3).json();
    let blocked = plan["blocked"].as_array().expect("a list");
    assert_eq!(blocked.len(), 1, "{blocked:#?}");
    assert_eq!(blocked[0]["address"], "EnrollmentProfile/twice@by-hand");
    let told = blocked[0]["reason"].as_str().expect("a reason").to_owned()
        + blocked[0]["next"].as_str().expect("a step");
    for id in &both {
        assert!(told.contains(id.as_str()), "no {id} in {told:?}");
    }
    // The others are done all the same, and neither of the two is.
    env.run(["apply", "--yes", &server.flag()]).expect(6);
    let after = profiles(&server);
    for (id, profile) in before.iter().filter(|(_, one)| display_name(one) == "Twice") {
        assert_eq!(after.get(id), Some(profile));
    }
    assert_eq!(ids(&after, "Kiosks").len(), 1);

    // The id says which one is meant.
    env.replace("twice.yaml", "department: IT", &format!("department: IT, id: {}", both[1]));
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    let after = profiles(&server);
    assert_eq!(after[&both[0]], before[&both[0]]);
    assert_eq!(after[&both[1]]["members"]["supportDepartment"], "IT");
}

#[test]
fn a_change_that_touches_a_standing_violation_is_refused() {
    let (env, server) = by_hand();
    env.replace("profiles.yaml", "department: Design", "primaryAccount: { standardUser: true }");
    let before = profiles(&server);
    let plan = env.run(["plan", "--format", "json", &server.flag()]).expect(3).json();
    assert_eq!(plan["blocked"][0]["rule"], "P-32", "{plan:#}");
    env.run(["apply", "--yes", &server.flag()]).expect(3);
    assert_eq!(profiles(&server), before);
}
