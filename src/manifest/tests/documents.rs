//! The envelope, the tables, the three states.

use super::super::{Allow, load_text, schema, schema_all};
use super::*;
use crate::model::desired::{Credential, Prune, State};
use crate::model::{Field, Kind, Name};

#[test]
fn a_small_folder_is_read_without_findings() {
    let loaded = load(&[
        token("school", "  displayName: School\n  scopeTags: [Default]\n  prune: created\n"),
        profile("ipads", "[school]", "  userAffinity: none\n"),
        assignment("lab", "  devices: {serials: [DMQVG1RFK1]}\n  profile: ipads\n"),
    ]);
    assert_eq!(told(&loaded), [""; 0]);
    assert_eq!(loaded.documents, 5);
    let token = &loaded.desired.tokens[&Name::new("school").unwrap()];
    assert_eq!((token.prune, token.identity.display_name.as_str()), (Prune::Created, "School"));
    let lab = loaded.desired.assignments_of(&Name::new("lab").unwrap()).next().unwrap();
    assert_eq!((lab.tokens.len(), lab.devices[0].line), (1, 22));
    let connection = &loaded.desired.connections[&Name::new("tenant").unwrap()];
    assert!(matches!(&connection.credential, Credential::ClientSecret(_)));
    assert_eq!(connection.assign_batch, 100);
}

#[test]
fn ten_mistakes_in_one_document_are_ten_diagnostics() {
    let text = "\
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: Ipads}
spec:
  platform: tvos
  tokens: school
  userAffinty: none
  authentication: companyPortl
  supervised: yes
  sharedIpad:
    maximumCachedUsers: 25
    maximumCachedUsers: 24
  ade: {url: x}
  userAffinity: null
  setupAssistant: {hide: [siry]}
";
    let loaded = load_text(&[("fleet.yaml", FLEET), ("x.yaml", text)]);
    assert_eq!(
        told(&loaded),
        [
            "bad-value x.yaml:3:18",
            "bad-value x.yaml:6:11",
            "unknown-field x.yaml:7:3",
            "unknown-word x.yaml:8:19",
            "bad-value x.yaml:9:15",
            "bad-value x.yaml:11:25",
            "duplicate-key x.yaml:12:5",
            "missing-field x.yaml:13:8",
            "bad-value x.yaml:14:17",
            "P-25 x.yaml:15:27",
        ]
    );
    for diagnostic in severe(&loaded) {
        assert!(!diagnostic.next.is_empty(), "{diagnostic:?}");
        assert!(!diagnostic.message.is_empty());
    }
    let next = |at: usize| severe(&loaded)[at].next.clone();
    assert_eq!(next(2), "did you mean `userAffinity`?");
    assert_eq!(next(3), "did you mean `companyPortal`?");
    assert_eq!(next(9), "did you mean `siri`?");
    assert_eq!(severe(&loaded)[6].also[0].to_string(), "x.yaml:11:5");
}

#[test]
fn a_syntax_error_hides_only_its_own_document() {
    let loaded = load(&[
        "kind: EnrollmentToken\nmetadata: {name: school}\nspec: [\n".to_owned(),
        profile("ipads", "[school, scool]", ""),
    ]);
    assert_eq!(told(&loaded), ["yaml-syntax x.yaml:3:7", "unknown-reference x.yaml:10:20"]);
}

#[test]
fn lines_are_those_of_the_file() {
    let text = format!("%YAML 1.2\n--- # one\n{CONNECTION}...\n\n---\nkind: Nonsense\n");
    let loaded = load_text(&[("fleet.yaml", FLEET), ("a.yaml", &text)]);
    assert_eq!(loaded.documents, 3);
    assert!(told(&loaded).contains(&"unknown-kind a.yaml:14:7".to_owned()), "{:?}", told(&loaded));
}

#[test]
fn what_a_later_version_carries_is_refused_as_such() {
    for (kind, spec, line) in [
        (Kind::EnrollmentProfile, "tokens: []\n  platform: ios\n  intune: {generation: policy}", 7),
        (Kind::Connection, "nanomdm: {url: x}", 5),
        (Kind::DeviceAssignment, "profile: x\n  devices: {serials: []}\n  state: absent", 7),
    ] {
        let text = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n  {spec}\n"
        );
        let loaded = load_text(&[("fleet.yaml", FLEET), ("x.yaml", &text)]);
        let codes: Vec<_> = severe(&loaded).into_iter().filter(|d| d.code == "not-in-this-version").collect();
        assert_eq!(codes.iter().map(|d| d.place.line).collect::<Vec<_>>(), [line], "{:?}", told(&loaded));
        assert!(codes[0].message.contains("not in this version"));
        assert!(severe(&loaded).iter().all(|d| d.code != "unknown-field" && d.code != "missing-field"));
    }
}

#[test]
fn kind_stands_before_spec() {
    let text = "apiVersion: espalier.dev/v1alpha1\nmetadata: {name: a}\nspec: {mdm: tenant}\nkind: EnrollmentToken\n";
    let found = only(&load(&[text.to_owned()]));
    assert_eq!(
        (found.code, found.next.as_str(), found.place.line),
        ("kind-after-spec", "put kind before spec", 3)
    );
}

#[test]
fn names_are_unique_per_kind() {
    let found = only(&load(&[token("a", ""), token("a", "")]));
    assert_eq!((found.code, found.place.line, found.also[0].line), ("same-name", 9, 3));
}

#[test]
fn there_is_exactly_one_fleet() {
    assert_eq!(only(&load_text(&[("x.yaml", CONNECTION)])).code, "no-fleet");
    let other = FLEET.replace("name: fleet", "name: other");
    assert_eq!(only(&load_text(&[("a.yaml", FLEET), ("b.yaml", &other)])).code, "two-fleets");
    assert_eq!(only(&load_text(&[("a.yaml", FLEET), ("b.yaml", FLEET)])).code, "same-name");
    let broken = FLEET.replace("ledger", "ledgr");
    assert!(told(&load_text(&[("a.yaml", &broken)])).iter().all(|line| !line.contains("no-fleet")));
    assert_eq!(load_text(&[("a.yaml", "# nothing\n---\n")]).documents, 0);
}

#[test]
fn three_states_arrive() {
    let loaded = load(&[
        token("t", "  scopeTags: []\n"),
        profile("p", "[t]", "  description: null\n  department: \"\"\n  supervised: ~\n  state: absent\n"),
    ]);
    assert_eq!(told(&loaded), [""; 0]);
    let profile = &loaded.desired.profiles[&Name::new("p").unwrap()];
    assert_eq!(profile.settings.description, Field::Null);
    assert_eq!(profile.settings.supervised, Field::Null);
    assert_eq!(profile.settings.department, Field::Set(String::new()));
    assert_eq!(profile.settings.user_affinity, Field::Missing);
    assert_eq!(profile.identity.state, State::Absent);
    assert_eq!(loaded.desired.tokens[&Name::new("t").unwrap()].scope_tags, Field::Set(vec![]));
}

#[test]
fn p30_null_is_refused_where_there_is_no_default() {
    let found = only(&load(&[token("t", "  defaultProfiles: {ios: null}\n")]));
    assert!(found.message.contains("P-30") && found.message.contains("cannot be null"), "{found:?}");
}

#[test]
fn spelling_is_kept_and_booleans_are_strict() {
    let loaded = load(&[
        token("t", ""),
        profile(
            "p",
            "[t]",
            "  description: 0123\n  department: NO\n  departmentPhone: 1E10\n  supervised: true\n",
        ),
    ]);
    assert_eq!(told(&loaded), [""; 0]);
    let settings = &loaded.desired.profiles[&Name::new("p").unwrap()].settings;
    assert_eq!(settings.description.set().unwrap(), "0123");
    assert_eq!(settings.department.set().unwrap(), "NO");
    assert_eq!(settings.department_phone.set().unwrap(), "1E10");
    for word in ["yes", "\"true\"", "True", "1", "on"] {
        let loaded = load(&[token("t", ""), profile("p", "[t]", &format!("  supervised: {word}\n"))]);
        assert_eq!(only(&loaded).code, "bad-value", "{word}");
    }
}

#[test]
fn fleet_carries_limits_and_protection() {
    let fleet = format!(
        "{FLEET}  expiryWarning: 14d\n  limits: {{update: {{percent: 5}}, create: {{count: 3}}}}\n  protected: {{serials: [DMQVG1RFK1], tokens: [t]}}\n"
    );
    let loaded = load_text(&[("f.yaml", &fleet), ("c.yaml", CONNECTION), ("t.yaml", &token("t", ""))]);
    assert_eq!(told(&loaded), [""; 0]);
    let fleet = &loaded.desired.fleet;
    assert_eq!(fleet.expiry_warning, Some(std::time::Duration::from_secs(14 * 86_400)));
    assert_eq!(fleet.gates.limits.len(), 11, "six for acts by default");
    assert_eq!((fleet.gates.protected_serials.len(), fleet.gates.protected_tokens.len()), (1, 1));
    let unknown = load_text(&[("f.yaml", &FLEET.replace("2026-10", "2031-01"))]);
    assert!(only(&unknown).next.contains("2026-10"));
}

#[test]
fn the_runner_decides_about_endpoints_files_and_programs() {
    let connection = CONNECTION.replace("{env: SECRET}", "{exec: [pass, show]}")
        + "  endpoints: {graph: \"http://127.0.0.1:1\"}\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f.yaml"), FLEET).unwrap();
    std::fs::write(folder.path().join("c.yaml"), connection).unwrap();
    let loaded = super::super::load(folder.path(), Allow::default()).unwrap();
    assert_eq!(told(&loaded), ["not-allowed c.yaml:8:32", "not-allowed c.yaml:9:14"]);
    assert!(severe(&loaded).iter().all(|d| d.next.contains("ESPALIER_ALLOW=")));
    let all = Allow { exec: true, files: true, endpoints: true };
    let loaded = super::super::load(folder.path(), all).unwrap();
    assert_eq!(told(&loaded), [""; 0]);
    assert!(loaded.desired.connections.values().all(|c| c.endpoints.graph.is_some()));
    assert!(super::super::load(&folder.path().join("nowhere"), all).is_err());
}

#[test]
fn what_the_runner_allows_is_a_list_of_words() {
    assert_eq!("".parse(), Ok(Allow::default()));
    assert_eq!("exec, files".parse(), Ok(Allow { exec: true, files: true, endpoints: false }));
    assert!("everything".parse::<Allow>().is_err());
}

#[test]
fn a_file_that_is_no_document_is_told_once() {
    let found = only(&load(&["services:\n  web: {image: x}\n".to_owned()]));
    assert_eq!((found.code, found.place.line), ("no-document", 1));
}

#[test]
fn a_plain_secret_is_refused_and_never_printed() {
    for secret in
        ["hunter2", "{value: hunter2}", "{hunter2: x}", "[hunter2]", "{env: [hunter2]}", "{exec: hunter2}"]
    {
        let loaded =
            load_text(&[("f.yaml", FLEET), ("c.yaml", &CONNECTION.replace("{env: SECRET}", secret))]);
        assert!(loaded.diagnostics.refuse(), "{secret}");
        assert!(!format!("{:?}", loaded.diagnostics).contains("hunter2"), "{secret}");
    }
    let beside = CONNECTION.replace("{clientSecret:", "{clientSecretValue: hunter2, clientSecret:");
    let loaded = load_text(&[("f.yaml", FLEET), ("c.yaml", &beside)]);
    assert_eq!(only(&loaded).code, "unknown-field");
    assert!(!format!("{:?}", loaded.diagnostics).contains("hunter2"));
}

#[test]
fn schemas_accept_what_the_reader_accepts() {
    let good = serde_json::json!({
        "apiVersion": "espalier.dev/v1alpha1", "kind": "EnrollmentProfile", "metadata": {"name": "p"},
        "spec": {"platform": "ios", "tokens": {"matchLabels": {"site": "a"}}, "sharedIpad": null,
                 "setupAssistant": {"hide": ["siri", "TOS"], "otherwise": "show"}, "description": null}
    });
    let validator = jsonschema::validator_for(&schema(Kind::EnrollmentProfile)).unwrap();
    assert!(validator.is_valid(&good));
    assert!(jsonschema::validator_for(&schema_all()).unwrap().is_valid(&good));
    for (pointer, value) in [
        ("/spec/platform", serde_json::json!("watchos")),
        ("/spec/supervized", serde_json::json!(true)),
        ("/spec/userAffinity", serde_json::json!(null)),
        ("/metadata/name", serde_json::json!("Not a name")),
    ] {
        let mut bad = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn the_daemons_switches_have_defaults() {
    use super::super::load_text;
    use crate::model::desired::{OnCommit, OnDrift};
    use std::time::Duration;
    let fleet = |watch: &str| load_text(&[("fleet.yaml", &format!("{FLEET}{watch}"))]);
    let switches = |watch: &str| {
        let loaded = fleet(watch);
        assert_eq!(told(&loaded), [""; 0], "{watch}");
        let watch = loaded.desired.fleet.watch;
        (watch.on_commit, watch.on_drift, watch.resync, watch.actions)
    };
    let hour = Duration::from_secs(3600);
    for default in ["", "  watch: {}\n", "  watch: {onCommit: null, actions: off, resync: null}\n"] {
        assert_eq!(switches(default), (OnCommit::Plan, OnDrift::Report, hour, false), "{default}");
    }
    let all = switches("  watch: {onCommit: apply, onDrift: heal, resync: 5m, actions: approved}\n");
    assert_eq!(all, (OnCommit::Apply, OnDrift::Heal, Duration::from_secs(300), true));
    for (written, words) in [
        ("{actions: approve}", "`approve`"),
        ("{resync: 30s}", "shorter than a minute"),
        ("{onCommit: merge}", "`merge`"),
    ] {
        let found = only(&fleet(&format!("  watch: {written}\n")));
        assert!(found.message.contains(words), "{written}: {found:?}");
    }
}
