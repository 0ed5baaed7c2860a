//! Which devices a document picks at Apple, what they get there, and what two documents say of one.

use super::apple::*;
use super::*;
use crate::model::ProductFamily;
use crate::model::organisation::PurchaseSource;

#[test]
fn a1_conditions_are_lowered_in_the_words_of_both_sides() {
    let condition = "orderNumbers: ['0123', W1], models: [\"iPad14,8\"], productFamilies: [iPad, AppleTV], purchaseSources: [MANUALLY_ADDED, apple], unassigned: true";
    let loaded = load_one(&format!("  devices: {{where: {{{condition}}}}}\n  token: a\n"));
    assert_eq!(told(&loaded), [""; 0]);
    let found = route(&loaded).devices.selected.clone().unwrap();
    assert_eq!(found.order_numbers.unwrap(), ["0123", "W1"]);
    assert_eq!(found.models.unwrap(), ["iPad14,8"]);
    assert_eq!(found.product_families.unwrap(), [ProductFamily::Ipad, ProductFamily::AppleTv]);
    assert_eq!(found.purchase_sources.unwrap(), [PurchaseSource::ManuallyAdded, PurchaseSource::Apple]);
    assert!(found.unassigned && route(&loaded).devices.named.is_empty());
    assert!(loaded.desired.selections.is_empty() && loaded.desired.assignments.is_empty());
    // Once moved they are unassigned no more.
    let loaded =
        load_one("  devices: {where: {models: [iPad], unassigned: true}}\n  token: a\n  profile: ipads\n");
    let warned = only(&loaded);
    assert_eq!((warned.rule, warned.severity), (Some("A-1"), Severity::Warn));
    // With a profile the picked ones are a selection, the named ones an assignment.
    let loaded = load_one(
        "  devices: {serials: [DMQVG1RFK1], where: {models: [iPad]}}\n  tokens: {matchLabels: {site: b}}\n  profile: ipads\n",
    );
    assert_eq!(told(&loaded), [""; 0]);
    let one = selection(&loaded);
    assert!(one.one_for_all && one.devices.named.is_empty() && one.devices.selected.is_some());
    assert_eq!((names(&one.tokens), one.profiles.mac.as_ref()), (vec!["b"], Some(&name("ipads"))));
    assert_eq!(loaded.desired.assignments[0].devices.len(), 1);
}

#[test]
fn a1_conditions_that_ask_for_nothing_or_that_nobody_can_answer_are_refused() {
    for (rest, code, words) in [
        ("  devices: {where: {}}\n  token: a\n", "A-1", "asks for nothing"),
        ("  devices: {where: {unassigned: true}}\n  profile: ipads\n", "A-1", "without `token`"),
        (
            "  devices: {where: {models: [x]}}\n  token: plain\n  profile: ipads\n",
            "A-1",
            "needs Apple's side",
        ),
        ("  devices: {where: {models: [x]}}\n  profile: elsewhere\n", "A-1", "`plain` has no `apple`"),
        (
            "  devices: {where: {models: [x]}}\n  tokens: {matchLabels: {site: plain}}\n  profile: ipads\n",
            "A-1",
            "`plain` has no `apple`",
        ),
        ("  devices: {where: {unassigned: false}}\n  token: a\n", "bad-value", "takes `true` only"),
        ("  devices: {where: null}\n  token: a\n", "bad-value", "cannot be null"),
        ("  devices: {where: {models: null}}\n  token: a\n", "bad-value", "cannot be null"),
        ("  devices: {where: {model: [x]}}\n  token: a\n", "unknown-field", "devices.where.model"),
        ("  devices: {where: {productFamilies: [ipod]}}\n  token: a\n", "unknown-word", "`ipod`"),
        ("  devices: {where: {purchaseSources: [shop]}}\n  token: a\n", "unknown-word", "`shop`"),
        ("  devices: {}\n  token: a\n", "missing-field", "names no devices"),
    ] {
        let found = refused(rest);
        assert!(found.code == code && found.message.contains(words), "{rest}: {found:?}");
    }
    // One token with its side is enough where several are meant.
    assert_eq!(told(&load_one("  devices: {where: {models: [x]}}\n  profile: ipads\n")), [""; 0]);
}

#[test]
fn a3_profiles_by_family_are_followed_like_one_profile() {
    let loaded = load_one(&format!("{ONE}  profiles: {{iphone: phones, ipad: shared, mac: macs}}\n"));
    assert_eq!(told(&loaded), [""; 0]);
    let one = selection(&loaded);
    assert!(!one.one_for_all && one.devices.named.len() == 1 && one.devices.selected.is_none());
    assert_eq!(names(&one.tokens), ["a", "b", "plain"]);
    assert!(loaded.desired.assignments.is_empty() && loaded.desired.routes.is_empty());
    let loaded = load_one(&format!("{ONE}  token: a\n  profiles: {{ipad: ipads}}\n"));
    assert_eq!((told(&loaded).len(), route(&loaded).devices.named.len()), (0, 1));
    assert_eq!(names(&selection(&loaded).tokens), ["a"]);
    for (rest, code, words) in [
        ("profiles: {}", "missing-field", "names no profile"),
        ("profiles: {ipad: ipdas}", "unknown-reference", "`profiles.ipad` names"),
        (
            "profiles: {ipad: macs}",
            "A-3",
            "`profiles.ipad` gives iPads the EnrollmentProfile `macs`, which is for Mac",
        ),
        ("profiles: {mac: ipads}", "A-3", "gives Macs"),
        ("profiles: {ipad: elsewhere}\n  token: a", "A-3", "`tokens` do not select that token"),
        ("profiles: {watch: ipads}", "unknown-field", "profiles.watch"),
        ("profiles: {ipad: null}", "bad-value", "cannot be null"),
        ("profiles: {ipad: ipads}\n  profile: ipads", "bad-value", "exclude each other"),
        ("profiles: {ipad: ipads}\n  token: plain", "A-3", "needs the family"),
    ] {
        let found = refused(&format!("{ONE}  {rest}\n"));
        assert!(found.code == code && found.message.contains(words), "{rest}: {found:?}");
    }
}

#[test]
fn a3_one_profile_suits_the_families_that_are_picked() {
    for (families, profile, words) in [
        ("ipad, mac", "ipads", "`profile` gives Macs"),
        ("watch, ipad", "ipads", "a watch has no enrollment profile"),
    ] {
        let found = refused(&format!(
            "  devices: {{where: {{productFamilies: [{families}]}}}}\n  token: a\n  profile: {profile}\n"
        ));
        assert!(found.rule == Some("A-3") && found.message.contains(words), "{found:?}");
    }
    let loaded = load_one("  devices: {where: {productFamilies: [watch]}}\n  token: a\n");
    assert_eq!(told(&loaded), [""; 0], "a watch moves like any other");
}

#[test]
fn p14_an_iphone_gets_no_shared_ipad() {
    let by_family = refused(&format!("{ONE}  profiles: {{iphone: shared}}\n"));
    assert!(
        by_family.rule == Some("P-14") && by_family.message.contains("`profiles.iphone`"),
        "{by_family:?}"
    );
    let picked =
        refused("  devices: {where: {productFamilies: [ipad, iPhone]}}\n  token: a\n  profile: shared\n");
    assert_eq!((picked.rule, picked.also.len()), (Some("P-14"), 2));
    let right = load_one("  devices: {where: {productFamilies: [ipad]}}\n  token: a\n  profile: shared\n");
    assert_eq!(told(&right), [""; 0]);
}

#[test]
fn a11_a_deadline_is_for_devices_that_are_moved() {
    let loaded = load_one(&format!("{ONE}  token: a\n  moveBy: {{deadline: 2026-12-01T09:00:00+01:00}}\n"));
    assert_eq!(told(&loaded), [""; 0]);
    let wish = route(&loaded).move_by.as_ref().unwrap();
    assert_eq!(wish.deadline, "2026-12-01T08:00:00Z".parse().unwrap());
    let at = |now: &str| {
        let found = crate::rules::check_documents(&loaded.desired, now.parse().unwrap());
        found
            .iter()
            .filter(|one| one.code == "A-11")
            .map(|one| (one.severity, one.place == wish.place, names(&one.tokens).join(" ")))
            .collect::<Vec<_>>()
    };
    assert_eq!(at("2026-11-01T00:00:00Z"), []);
    assert_eq!(at("2026-09-02T08:00:00Z"), [], "90 days to the second");
    assert_eq!(at("2026-09-02T07:59:59Z"), [(Severity::Refuse, true, "a".to_owned())]);
    assert_eq!(at("2026-12-01T08:00:00Z"), [(Severity::Warn, true, "a".to_owned())]);
    for (rest, code) in [
        ("moveBy: {deadline: 2026-12-01}\n  profile: ipads", "A-11"),
        ("moveBy: {deadline: 2026-12-01}\n  profile: ipads\n  tokens: {matchLabels: {site: a}}", "A-11"),
        ("moveBy: {deadline: 2026-12-01}\n  profile: ipads\n  token: plain", "A-11"),
        ("moveBy: {deadline: 2026-12-01}\n  token: plain", "A-11"),
        ("moveBy: {deadline: soon}\n  token: a", "bad-value"),
        ("moveBy: {}\n  token: a", "missing-field"),
        ("moveBy: null\n  token: a", "bad-value"),
    ] {
        assert_eq!(refused(&format!("{ONE}  {rest}\n")).code, code, "{rest}");
    }
}

#[test]
fn a_csv_by_profiles_is_one_route_and_contributes_as_a_whole() {
    let rest = "  devices: {csv: {file: d.csv, column: S, profileColumn: P}}\n  token: a\n";
    let with = |csv: &str| load_with(&fleet(&[assignment("x", rest)]), &[("d.csv", csv)]);
    let loaded = with("S,P\nDMQVG1RFK1,ipads\nDMQVG1RFK2,shared\nDMQVG1RFK3,ipads\n");
    assert_eq!(told(&loaded), [""; 0]);
    let lines: Vec<u32> = route(&loaded).devices.named.iter().map(|one| one.line).collect();
    assert_eq!((lines, loaded.desired.assignments.len()), (vec![2, 3, 4], 2));
    assert_eq!(&*route(&loaded).places.of_serial(&route(&loaded).devices.named[0]).file, "d.csv");
    for broken in ["S,P\nDMQVG1RFK1,ipads\n1.2E+11,ipads\n", "S,P\nDMQVG1RFK1,ipads\nDMQVG1RFK2,\n"] {
        let loaded = with(broken);
        assert!(loaded.diagnostics.refuse());
        let named: usize = loaded.desired.routes.iter().map(|one| one.devices.named.len()).sum();
        assert_eq!((named, loaded.desired.unread_files.len()), (0, 1), "{broken}");
    }
    let plain = load_with(
        &fleet(&[assignment(
            "x",
            "  devices: {csv: {file: d.csv, column: S}}\n  token: a\n  profiles: {ipad: ipads}\n",
        )]),
        &[("d.csv", "S\nDMQVG1RFK1\n1.2E+11\n")],
    );
    assert_eq!(plain.desired.selections[0].devices.named.len(), 0);
    let both = rest.replace("token: a", "profiles: {ipad: ipads}");
    let documents = fleet(&[assignment("x", &both)]);
    let found = only(&load_with(&documents, &[("d.csv", "S,P\nDMQVG1RFK1,ipads\n")]));
    assert!(found.message.contains("`devices.csv.profileColumn` and `profiles` exclude each other"));
}

/// What two documents that name the same serial are told, and the tokens of it.
fn between(first: &str, second: &str) -> Option<(String, String)> {
    let loaded = load_fleet(&[
        assignment("one", &format!("{ONE}{first}")),
        assignment("two", &format!("{ONE}{second}")),
    ]);
    let mut found = severe(&loaded);
    assert!(found.len() <= 1, "{found:?}");
    let found = found.pop()?;
    assert_eq!((found.rule, found.severity, found.also.len()), (Some("A-9"), Severity::Refuse, 1));
    let mut tokens = found.tokens.clone();
    tokens.sort();
    tokens.dedup();
    Some((found.message, names(&tokens).join(" ")))
}

#[test]
fn a9_two_routes_that_lead_apart_are_refused_with_both_places() {
    for (first, second, words, tokens) in [
        (
            "  token: a\n",
            "  token: b\n",
            "`one` moves it to the token `a`, `two` moves it to the token `b`",
            "a b",
        ),
        ("  token: a\n", "  unassign: true\n", "`two` takes it off its service at Apple", ""),
        (
            "  token: a\n  moveBy: {deadline: 2026-12-01T00:00:00Z}\n",
            "  token: a\n  moveBy: {deadline: 2026-12-02T00:00:00Z}\n",
            "`one` moves it by 2026-12-01T00:00:00Z, `two` by 2026-12-02T00:00:00Z",
            "a",
        ),
    ] {
        let (message, concerned) = between(first, second).unwrap();
        assert!(message.contains("DMQVG1RFK1") && message.contains(words), "{message}");
        assert_eq!(concerned, tokens, "{message}");
    }
    let deadline = "  token: a\n  moveBy: {deadline: 2026-12-01T00:00:00Z}\n";
    for agreed in ["  token: a\n", deadline] {
        assert_eq!(between(deadline, agreed), None);
    }
}

#[test]
fn a9_the_token_of_one_and_the_profile_of_another_add_up_where_they_can() {
    assert_eq!(between("  token: a\n", "  profile: ipads\n"), None);
    assert_eq!(between("  token: a\n", "  token: a\n  profile: ipads\n"), None);
    assert_eq!(between("  token: a\n", "  profiles: {ipad: ipads}\n"), None);
    for (first, second, words) in [
        ("  token: b\n", "  token: a\n  profile: ipads\n", "moves it"),
        (
            "  token: plain\n  profile: ipads\n",
            "  token: b\n",
            "`one` gives it a profile on the token `plain`, `two` moves it to `b`",
        ),
        (
            "  token: b\n",
            "  profile: elsewhere\n",
            "a profile that is not on the token `b`, to which `one` moves it",
        ),
        ("  unassign: true\n", "  profile: ipads\n", "`two` gives it a profile, `one` takes it off"),
        ("  profiles: {ipad: ipads}\n", "  unassign: true\n", "`one` gives it a profile, `two` takes it off"),
    ] {
        let (message, _) = between(first, second).unwrap_or_else(|| panic!("{first}{second}"));
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a9_profiles_by_family_disagree_as_far_as_documents_tell() {
    for (first, second, words) in [
        (
            "  profile: ipads\n",
            "  profiles: {ipad: shared}\n",
            "`one` gives it the profile `ipads`, `two` the profile of its family, like `shared`",
        ),
        ("  profiles: {ipad: ipads}\n", "  profiles: {ipad: shared, mac: macs}\n", "like `ipads`"),
        ("  profile: ipads\n", "  profiles: {iphone: phones, ipad: ipads}\n", "like `phones`"),
    ] {
        let (message, tokens) = between(first, second).unwrap_or_else(|| panic!("{first}{second}"));
        assert!(message.contains(words), "{message}");
        assert_eq!(tokens, "a b plain");
    }
    for (first, second) in [
        ("  profile: ipads\n", "  profiles: {iphone: ipads, ipad: ipads}\n"),
        ("  profile: macs\n", "  profiles: {ipad: ipads, mac: macs}\n"),
        ("  profile: macs\n", "  profiles: {ipad: ipads}\n"),
        ("  profiles: {mac: macs}\n", "  profiles: {ipad: ipads, mac: macs}\n"),
        ("  profile: elsewhere\n", "  token: a\n  profiles: {ipad: ipads}\n"),
    ] {
        let expected = second.contains("token: a");
        assert_eq!(between(first, second).is_some(), expected, "{first}{second}");
    }
}
