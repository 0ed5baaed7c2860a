//! References between documents.

use super::*;
use crate::model::Name;

#[test]
fn unknown_names_get_a_hint_and_a_place() {
    let loaded = load(&[
        token("school", "  defaultProfiles: {ios: ipad}\n"),
        profile("ipads", "[scool]", ""),
        assignment("lab", "  devices: {serials: [DMQVG1RFK1]}\n  token: schol\n  profile: ipadz\n"),
    ]);
    assert_eq!(
        told(&loaded),
        [
            "unknown-reference x.yaml:6:26",
            "unknown-reference x.yaml:13:12",
            "unknown-reference x.yaml:20:10",
            "unknown-reference x.yaml:21:12",
        ]
    );
    let next: Vec<_> = severe(&loaded).into_iter().map(|d| d.next).collect();
    assert_eq!(
        next,
        [
            "did you mean `ipads`?",
            "did you mean `school`?",
            "did you mean `school`?",
            "did you mean `ipads`?"
        ]
    );
}

#[test]
fn a_broken_document_is_not_missing() {
    let loaded = load(&[token("school", "  nonsense: 1\n"), profile("ipads", "[school]", "")]);
    assert_eq!(told(&loaded), ["unknown-field x.yaml:6:3"]);
    assert!(loaded.desired.tokens.is_empty());
}

#[test]
fn labels_that_select_nothing_warn() {
    let loaded = load(&[token("school", ""), profile("ipads", "{matchLabels: {site: scool}}", "")]);
    let found = only(&loaded);
    assert_eq!((found.code, found.severity), ("selects-no-token", Severity::Warn));
    let loaded = load(&[token("a", ""), token("b", ""), profile("p", "{matchLabels: {site: b}}", "")]);
    assert_eq!(loaded.desired.profiles[&Name::new("p").unwrap()].tokens, [Name::new("b").unwrap()]);
}

#[test]
fn p30_a_default_has_to_be_on_its_token() {
    let loaded =
        load(&[token("a", "  defaultProfiles: {ios: p}\n"), token("b", ""), profile("p", "[b]", "")]);
    let found = only(&loaded);
    assert_eq!((found.rule, &found.tokens), (Some("P-30"), &vec![Name::new("a").unwrap()]));
    assert!(found.message.contains("`p`") && found.message.contains("`a`"));
    assert_eq!(found.also[0].line, 19);
}

#[test]
fn a_profile_is_assigned_on_its_own_tokens_only() {
    let devices = "  devices: {serials: [DMQVG1RFK1]}\n  profile: p\n";
    let documents = |rest: &str| {
        [
            token("a", ""),
            token("b", ""),
            profile("p", "[b]", ""),
            assignment("x", &format!("{devices}{rest}")),
        ]
    };
    assert_eq!(only(&load(&documents("  token: a\n"))).rule, Some("A-3"));
    assert_eq!(only(&load(&documents("  tokens: {matchLabels: {site: a}}\n"))).rule, Some("A-3"));
    let loaded = load(&documents(""));
    assert_eq!(told(&loaded), [""; 0]);
    assert_eq!(
        loaded.desired.assignments_of(&Name::new("x").unwrap()).next().unwrap().tokens,
        [Name::new("b").unwrap()]
    );
}

#[test]
fn a_missing_value_refuses_that_token_only() {
    let loaded = load(&[
        token("a", "  values: {town: Ulm}\n"),
        token("b", ""),
        profile(
            "p",
            "[a, b]",
            "  displayName: iPads ${town}\n  deviceNameTemplate: \"${town}-{{SERIAL}}\"\n",
        ),
    ]);
    let found = severe(&loaded);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|d| d.code == "missing-value" && d.tokens == [Name::new("b").unwrap()]));
    let profile = &loaded.desired.profiles[&Name::new("p").unwrap()];
    let wished = &profile.wished[&Name::new("a").unwrap()];
    assert_eq!(wished["displayName"].as_text(), Some("iPads Ulm"));
    assert_eq!(wished["deviceNameTemplate"].as_text(), Some("Ulm-{{SERIAL}}"));
    assert!(!profile.wished.contains_key(&Name::new("b").unwrap()));
    assert!(!loaded.diagnostics.stop_the_folder());
}

#[test]
fn two_documents_cannot_mean_the_same_object() {
    let loaded = load(&[
        token("t", ""),
        profile("p", "[t]", "  displayName: iPads\n"),
        profile("q", "[t]", "  displayName: iPads\n"),
    ]);
    assert_eq!(only(&loaded).code, "same-display-name");
}

#[test]
fn a_broken_document_is_judged_as_far_as_it_can_be_read() {
    let loaded = load(&[
        token("t", ""),
        profile("p", "[t, s]", "  nonsense: 1\n  sharedIpad: {}\n  userAffinity: user\n"),
        profile("q", "[t]", "  pairing: {mode: allowByCertificate, certificates: [nowhere.pem]}\n"),
    ]);
    assert_eq!(
        told(&loaded),
        ["unknown-reference x.yaml:12:15", "unknown-field x.yaml:13:3", "file x.yaml:23:54"]
    );
    assert_eq!(loaded.desired.profiles.len(), 1);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let rules = |desired| -> Vec<_> {
        let found = crate::rules::check_documents(desired, now);
        found.iter().filter(|d| d.severity != Severity::Note).map(|d| (d.code, d.place.line)).collect()
    };
    assert_eq!(rules(&loaded.doubtful), [("P-14", 14)]);
    assert_eq!(rules(&loaded.desired), []);
}

#[test]
fn nothing_is_built_on_a_broken_token() {
    let loaded = load(&[
        token("t", "  values: {town: [Ulm]}\n"),
        token("u", "  values: {town: Ulm}\n"),
        profile("p", "[t, u]", "  description: ${town}\n"),
        assignment("a", "  devices: {serials: [DMQVG1RFK1]}\n  profile: p\n"),
    ]);
    assert_eq!(told(&loaded), ["bad-value x.yaml:6:18"]);
    let u = Name::new("u").unwrap();
    let profile = &loaded.desired.profiles[&Name::new("p").unwrap()];
    assert_eq!(profile.tokens, std::slice::from_ref(&u));
    assert_eq!(profile.wished.keys().collect::<Vec<_>>(), [&u]);
    assert_eq!(loaded.desired.assignments.first().unwrap().tokens, [u]);
}

#[test]
fn a_value_that_no_text_asks_for_is_noted_once() {
    let unused = |text: &str| {
        let loaded = load(&[
            token("a", "  values: {town: Ulm, twon: Ulm}\n"),
            token("b", "  values: {twon: Bonn}\n"),
            token("c", "  values: {town: Köln}\n"),
            profile("p", "[a]", text),
        ]);
        assert!(!loaded.diagnostics.refuse(), "{:#?}", loaded.diagnostics);
        let found = loaded.diagnostics.iter().filter(|d| d.code == "unused-value");
        let tokens = |all: &[Name]| all.iter().map(Name::as_str).collect::<Vec<_>>().join(" ");
        found
            .map(|d| format!("{} {}", d.message.split('`').nth(1).unwrap(), tokens(&d.tokens)))
            .collect::<Vec<_>>()
    };
    assert_eq!(unused("  department: IT ${town}\n"), ["values.town c", "values.twon a b"]);
    assert_eq!(unused("  formerly: [\"${twon} ${town}\"]\n"), ["values.town c", "values.twon b"]);
}

#[test]
fn a_policy_protects_tokens_of_its_own_connection() {
    let with = |protected: &str| {
        let other = CONNECTION.replace("name: tenant", "name: other").replace("11111111", "99999999")
            + &format!("  policy: {{protected: {{tokens: [{protected}]}}}}\n");
        load_with(&[token("a", "")], &[("other.yaml", &other)])
    };
    assert_eq!(only(&with("a")).code, "policy-elsewhere");
    assert_eq!(only(&with("b")).code, "unknown-reference");
}
