//! What the large examples show: every setting of a profile, and one baseline over many tenants.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use espalier::manifest::{Allow, load};
use espalier::model::desired::{Desired, SerialSource};
use espalier::model::settings::SETTINGS;
use espalier::model::{Name, Platform, Value};
use serde_json::Value as Json;

use crate::support::TestEnv;

/// The wishes of an example, which has to be in order.
fn wishes(example: &str) -> Desired {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
    let loaded = load(&folder, Allow::default()).expect("a folder that can be read");
    assert!(!loaded.diagnostics.refuse(), "{:?}", loaded.diagnostics);
    loaded.desired
}

/// Applies an example twice to the simulator that its folder keeps: the second run sends no write.
fn comes_to_rest(env: &TestEnv) {
    let writes = || -> u64 {
        let calls: Vec<Json> =
            serde_json::from_str(&env.read(".espalier/sim/calls.json")).expect("a list of calls");
        assert!(!calls.is_empty(), "the simulator was not asked at all");
        let written = calls.iter().filter(|call| call["kind"] == "write");
        written.map(|call| call["count"].as_u64().expect("a count")).sum()
    };
    env.run(["apply", "--sim", "--yes"]).expect(0);
    assert!(writes() > 0, "the first run writes");
    env.run(["apply", "--sim", "--yes"]).expect(0);
    assert_eq!(writes(), 0, "the second run writes nothing");
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
}

#[test]
fn acme_wishes_every_setting_that_intune_has() {
    let desired = wishes("acme");
    let wished: BTreeSet<&str> = desired
        .profiles
        .values()
        .flat_map(|profile| profile.wished.values())
        .flat_map(|fields| fields.keys())
        .map(AsRef::as_ref)
        .collect();
    let classic =
        SETTINGS.iter().filter(|setting| Platform::CLASSIC.iter().any(|platform| setting.is_on(*platform)));
    let missing: Vec<&str> =
        classic.map(|setting| setting.field).filter(|field| !wished.contains(field)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn acme_has_two_tokens_three_hundred_rows_and_every_kind_of_device() {
    let desired = wishes("acme");
    assert_eq!(desired.tokens.len(), 2);
    let rows = TestEnv::with_example("acme").read("devices/inventory.csv");
    assert_eq!(rows.lines().count(), 301, "a heading and 300 rows");
    // How many rows of the file get a profile to which this applies.
    let given = |is_meant: &dyn Fn(&Name) -> bool| -> usize {
        let meant = desired.assignments.iter().filter(|one| is_meant(&one.profile));
        meant.flat_map(|one| &one.devices).filter(|device| device.source == SerialSource::Csv).count()
    };
    let on = |profile: &Name, platform: Platform, field: &str, value: &Value| {
        let profile = &desired.profiles[profile];
        profile.platform == platform && profile.wished.values().any(|fields| fields.get(field) == Some(value))
    };
    let all = given(&|_| true);
    assert!((200..=300).contains(&all), "{all} of the rows are meant by some document");
    for (what, platform, field, value) in [
        ("iPhones of people", Platform::Ios, "userAffinity", Value::text("user")),
        ("Shared iPads", Platform::Ios, "sharedIpad", Value::Bool(true)),
        ("kiosk iPads", Platform::Ios, "deviceNameTemplate", Value::text("KIOSK-{{SERIAL}}")),
        ("Macs of people", Platform::Macos, "userAffinity", Value::text("user")),
        ("Macs of nobody", Platform::Macos, "userAffinity", Value::text("none")),
    ] {
        let devices = given(&|profile| on(profile, platform, field, &value));
        assert!(devices > 0 && devices < all, "{devices} {what}");
    }
}

#[test]
fn acme_comes_to_rest_and_warns_of_nothing() {
    let env = TestEnv::with_example("acme");
    let plan = env.run(["plan", "--sim", "--format", "json", "--detailed-exitcode"]).expect(2).json();
    let findings = plan["findings"].as_array().cloned().unwrap_or_default();
    let loud: Vec<&Json> = findings.iter().filter(|one| one["severity"] != "note").collect();
    assert!(loud.is_empty(), "{loud:#?}");
    for member in ["blocked", "grandfathered"] {
        assert!(plan[member].as_array().is_none_or(Vec::is_empty), "{member}: {:#}", plan[member]);
    }
    // Every acknowledgement folds something.
    let validated = env.run(["validate"]).expect(0);
    let told = validated.stdout + &validated.stderr;
    assert!(told.contains("acknowledged, next until") && !told.contains("folds nothing"), "{told}");
    comes_to_rest(&env);
    let plan = env.run(["plan", "--sim", "--format", "json"]).expect(0).json();
    assert!(plan["grandfathered"].as_array().is_none_or(Vec::is_empty), "{:#}", plan["grandfathered"]);
}

#[test]
fn msp_gives_one_baseline_to_seventy_tenants_by_label() {
    let desired = wishes("msp");
    assert_eq!((desired.connections.len(), desired.tokens.len()), (70, 70));
    let tenants: BTreeSet<&str> =
        desired.connections.values().map(|connection| connection.tenant_id.as_str()).collect();
    assert_eq!(tenants.len(), 70, "each connection is another tenant");
    // No profile names a token: labels do, and one of them selects all.
    let baseline = &desired.profiles[&Name::new("iphones").expect("a name")];
    assert_eq!(baseline.tokens.len(), 70);
    let text = TestEnv::with_example("msp").read("baseline.yaml");
    assert_eq!(text.matches("matchLabels:").count(), desired.profiles.len(), "{text}");
    // Each tenant's own values are filled in.
    let departments: BTreeSet<String> = baseline
        .wished
        .values()
        .map(|fields| format!("{:?}", fields.get("department").expect("a department")))
        .collect();
    assert_eq!(departments.len(), 70);
    assert!(departments.iter().all(|one| !one.contains("${")), "{departments:?}");
}

#[test]
fn msp_comes_to_rest_and_is_planned_in_one_paragraph_per_profile() {
    let env = TestEnv::with_example("msp");
    let plan = env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2).stdout;
    let mut paragraphs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in plan.lines().filter(|line| line.trim_start().starts_with("+ create EnrollmentProfile/")) {
        let named = line.split_once('/').expect("an address").1;
        let name = named.split([' ', '@']).next().expect("a name");
        paragraphs.entry(name).or_default().push(line);
    }
    assert_eq!(paragraphs.keys().copied().collect::<Vec<_>>(), ["counter-ipads", "iphones", "macs"]);
    for (name, lines) in &paragraphs {
        assert_eq!(lines.len(), 1, "{name} is told in {} paragraphs:\n{}", lines.len(), lines.join("\n"));
    }
    comes_to_rest(&env);
}
