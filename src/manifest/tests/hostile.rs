//! Input that nobody meant: it may be refused, never panic, never take long.

use proptest::prelude::*;

use super::super::yaml;
use super::apple::ORGANISATION;
use super::*;

#[test]
fn an_alias_bomb_is_refused_with_the_limit() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
    }
    let found = only(&load_text(&[("f.yaml", FLEET), ("bomb.yaml", &text)]));
    assert_eq!(found.code, "yaml-limit");
    assert!(found.message.contains("alias"), "{}", found.message);
}

#[test]
fn a_ledger_lies_where_nothing_else_is_written_and_has_an_id() {
    let refused = |id: &str, path: &str| {
        let ledger = format!("{{id: {id}, sqlite: {{path: {path}}}}}");
        let text = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: Fleet\nmetadata: {{name: f}}\nspec:\n  ledger: {ledger}\n"
        );
        severe(&load_text(&[("f.yaml", &text)])).len()
    };
    let id = "6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40";
    assert_eq!(refused(id, ".espalier/ledger.db"), 0);
    for path in [".espalier/sim/ledger.db", "a/../.espalier/SIM/x", ".espalier/sim", ".espalier/reads.json"] {
        assert_eq!(refused(id, path), 1, "{path}");
    }
    // The nil id means that there is no ledger.
    assert_eq!(refused("00000000-0000-0000-0000-000000000000", ".espalier/ledger.db"), 1);
}

#[test]
fn deep_nesting_is_refused() {
    let found = only(&load_text(&[("f.yaml", FLEET), ("deep.yaml", &"[".repeat(100_000))]));
    assert!(matches!(found.code, "yaml-limit" | "yaml-syntax"), "{found:?}");
    let deep = format!("a: {}{}", "[".repeat(70), "]".repeat(70));
    assert_eq!(only(&load_text(&[("f.yaml", FLEET), ("deep.yaml", &deep)])).code, "yaml-limit");
}

#[test]
fn deep_blocks_are_refused_whatever_they_are_made_of() {
    let stairs: String = (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    for text in ["- ".repeat(5000), "? ".repeat(5000), stairs] {
        assert_eq!(only(&load_text(&[("f.yaml", FLEET), ("deep.yaml", &text)])).code, "yaml-limit");
    }
}

#[test]
fn aliases_are_counted_over_the_whole_file() {
    let documents = vec!["a: &a 1\nb: *a\n"; 101].join("---\n");
    let loaded = load_text(&[("f.yaml", FLEET), ("many.yaml", &documents)]);
    assert!(severe(&loaded).iter().any(|d| d.code == "yaml-limit"));
}

#[test]
fn aliases_keep_spelling_and_place() {
    let loaded = load(&[
        token("t", ""),
        profile(
            "p",
            "[t]",
            "  supervised: &yes true\n  lockedEnrollment: *yes\n  department: &d 0123\n  description: *d\n",
        ),
        assignment(
            "a",
            "  profile: p\n  devices:\n    serials: [&s DMQVG1RFK1, \"DMQVG1RFK2\", *s, 1E101010,\n      'DMQVG1RFK4']\n",
        ),
    ]);
    assert_eq!(told(&loaded), [""; 0]);
    let settings = &loaded.desired.profiles[&crate::model::Name::new("p").unwrap()].settings;
    assert_eq!(settings.locked_enrollment.set(), Some(&true));
    assert_eq!(settings.description.set().unwrap(), "0123");
    let a = loaded.desired.assignments_of(&crate::model::Name::new("a").unwrap()).next().unwrap();
    let lines: Vec<_> = a.devices.iter().map(|device| (device.serial.to_string(), device.line)).collect();
    assert_eq!(lines[3], ("1E101010".to_owned(), 24));
    assert_eq!(lines[2], ("DMQVG1RFK1".to_owned(), 24));
    assert_eq!(lines[4], ("DMQVG1RFK4".to_owned(), 25));
}

#[test]
fn words_are_placed_alike_the_short_and_the_long_way() {
    let list = "x: ü\nserials:\n  - DMQVG1RFK1\n  - \"DMQVG1RFK2\" # two\n\n  -   'DMQVG1RFK3'\n  - 012\n";
    let places = |text: &str| -> Vec<(String, u32, u32)> {
        let piece = &yaml::split(text)[0];
        let root = yaml::parse(piece, &yaml::Allowance::default()).unwrap();
        let yaml::Yaml::Map(entries) = root.value else { panic!() };
        match &entries[1].value.value {
            yaml::Yaml::Words(words) => words.iter().map(|w| (w.text.to_owned(), w.line, w.column)).collect(),
            yaml::Yaml::Seq(items) => items
                .iter()
                .map(|item| match &item.value {
                    yaml::Yaml::Text(text) | yaml::Yaml::Bare(text) => {
                        (text.to_string(), item.line, item.column)
                    }
                    other => panic!("{other:?}"),
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    };
    let short = places(list);
    assert_eq!(short, places(&list.replace("serials", "strange")));
    assert_eq!(short[1], ("DMQVG1RFK2".to_owned(), 4, 5));
}

fn sample() -> String {
    [
        FLEET.to_owned(),
        CONNECTION.to_owned(),
        token("t", "  scopeTags: [Default]\n  values: {a: b}\n  defaultProfiles: {ios: p}\n"),
        profile(
            "p",
            "[t]",
            "  userAffinity: none\n  sharedIpad: {maximumCachedUsers: 3}\n  deviceNameTemplate: \"${a}-{{SERIAL}}\"\n  setupAssistant: {hide: [siri], otherwise: show}\n",
        ),
        assignment("x", "  devices: {serials: [DMQVG1RFK1], csv: {file: d.csv, column: S}}\n  profile: p\n"),
        ORGANISATION.to_owned(),
        token("s", "  apple: {connection: org, service: Lab}\n  defaultFor: [iPad, APPLE_TV]\n"),
        assignment(
            "y",
            "  devices: {csv: {file: d.csv, column: S, profileColumn: P}, where: {models: [iPad], unassigned: true}}\n  token: s\n  profiles: {ipad: p}\n  moveBy: {deadline: 2026-12-01T00:00:00Z}\n",
        ),
        assignment("z", "  devices: {serials: [DMQVG1RFK1]}\n  unassign: true\n"),
    ]
    .join("---\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn soup_never_panics(text in "[\\PC\n\t]{0,200}", csv in "[\\PC\n\t\"]{0,100}") {
        let loaded = load_text(&[("a.yaml", &text), ("d.csv", &csv)]);
        let _ = crate::rules::check_documents(&loaded.desired, jiff::Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn yaml_like_soup_never_panics(text in "[-a-c:{}\\[\\],&*!|>'\"#%?~ \n0-9.]{0,120}") {
        load_text(&[("a.yaml", &text)]);
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = super::super::csv::read(
            &bytes,
            &super::super::csv::Wanted {
                column: "S",
                rows: &std::collections::BTreeMap::new(),
                profile_column: Some("P"),
            },
        );
        let mut reader = super::super::Reader::default();
        reader.file("a.yaml".into(), bytes);
    }

    #[test]
    fn damaged_documents_never_panic(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), "[-a-z:{}\\[\\],&*!|'\" \n$0-9é]{0,4}", 0usize..5), 1..6),
        csv in "S[,;\t]?[A-Z]{0,3}\n([A-Z0-9+.]{0,14}[,;\"]?\n){0,4}",
    ) {
        let mut text: Vec<char> = sample().chars().collect();
        for (at, insert, remove) in cuts {
            let at = at.index(text.len());
            let end = (at + remove).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        let loaded = load_text(&[("a.yaml", &text), ("d.csv", &csv)]);
        let found = crate::rules::check_documents(&loaded.desired, jiff::Timestamp::UNIX_EPOCH);
        for diagnostic in loaded.diagnostics.iter().chain(found.iter()) {
            prop_assert!(!diagnostic.message.is_empty());
            prop_assert!(diagnostic.severity == Severity::Note || !diagnostic.next.is_empty());
        }
    }
}
