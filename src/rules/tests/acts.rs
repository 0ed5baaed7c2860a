//! What documents ask to be done to devices: documents in, findings out.

use super::documents::folder;
use crate::diag::{Diagnostic, Severity};
use crate::manifest::load_text;
use crate::rules::check_documents;

const NOW: &str = "2026-11-21T12:00:00Z";

fn act(name: &str, kind: &str, serials: &str, rest: &str) -> String {
    let hand =
        if kind == "handOver" || kind == "disableActivationLock" { "  physicallyInHand: true\n" } else { "" };
    format!(
        "---\napiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{name: {name}}}\nspec:\n  action: {kind}\n  devices: {{serials: [{serials}]}}\n  requestedAt: 2026-11-20T08:00:00Z\n  reason: lost\n{hand}{rest}"
    )
}

/// A folder with these acts and further documents: what the rules say of them.
fn said_at(now: &str, fleet: &str, more: &[String]) -> Vec<Diagnostic> {
    let text = folder("  platform: ios\n", fleet, "", &more.concat());
    let loaded = load_text(&[("x.yaml", &text)]);
    assert!(!loaded.diagnostics.refuse(), "{:#?}\n{text}", loaded.diagnostics);
    let known = ["P-25", "T-3"];
    check_documents(&loaded.desired, now.parse().unwrap())
        .sorted()
        .into_iter()
        .filter(|one| !known.contains(&one.code))
        .collect()
}

fn said(more: &[String]) -> Vec<Diagnostic> {
    said_at(NOW, "", more)
}

fn of<'d>(found: &'d [Diagnostic], code: &str) -> Vec<&'d Diagnostic> {
    found.iter().filter(|one| one.code == code).collect()
}

#[test]
fn l6_the_device_has_to_be_in_hand() {
    for (rest, broken) in
        [("", true), ("  physicallyInHand: false\n", true), ("  physicallyInHand: true\n", false)]
    {
        let text = act("one", "disableActivationLock", "DMQVG1RFK1", "")
            .replace("  physicallyInHand: true\n", "")
            + rest;
        let found = said(&[text]);
        let refused = of(&found, "L-6");
        assert_eq!(refused.len(), usize::from(broken), "{rest}: {found:#?}");
        if broken {
            assert!(refused[0].severity == Severity::Refuse && refused[0].tokens.is_empty());
            assert!(
                refused[0].message.contains("(L-6)") && refused[0].next.contains("physicallyInHand: true")
            );
        }
    }
    assert!(of(&said(&[act("one", "wipe", "DMQVG1RFK1", "")]), "L-6").is_empty());
}

#[test]
fn l4_without_recipients_and_reason_it_is_told_what_will_happen() {
    for kind in ["wipe", "deleteRecord", "release"] {
        let found = said(&[act("one", kind, "DMQVG1RFK1", "")]);
        let [warned] = of(&found, "L-4")[..] else { panic!("{kind}: {found:#?}") };
        assert!(
            warned.severity == Severity::Warn && warned.message.contains("Apple reports no lock"),
            "{warned:?}"
        );
        let waived = said(&[act("one", kind, "DMQVG1RFK1", "  acceptNoBypassCode: it never had one\n")]);
        assert!(of(&waived, "L-4").is_empty(), "{kind}");
    }
    for kind in ["locate", "escrowBypassCode"] {
        let found = said(&[act("one", kind, "DMQVG1RFK1", "")]);
        assert!(of(&found, "L-4")[0].message.contains("will not be sent"), "{kind}: {found:#?}");
    }
    for kind in ["sync", "lock", "retire", "clearPasscode"] {
        assert!(of(&said(&[act("one", kind, "DMQVG1RFK1", "")]), "L-4").is_empty(), "{kind}");
    }
}

#[test]
fn d1_and_d3_the_next_step_is_told() {
    for (kind, code, words) in [
        ("wipe", "D-1", "follow Setup Assistant"),
        ("retire", "D-1", "reset it to factory settings on the device"),
        ("deleteRecord", "D-3", "stays the organisation's at Apple"),
        ("release", "D-3", "for good"),
    ] {
        let waived = if kind == "retire" { "" } else { "  acceptNoBypassCode: x\n" };
        let found = said(&[act("one", kind, "DMQVG1RFK1", waived)]);
        let [noted] = of(&found, code)[..] else { panic!("{kind}: {found:#?}") };
        assert!(noted.severity == Severity::Note && noted.message.contains(words), "{noted:?}");
    }
    let found = said(&[act("one", "lock", "DMQVG1RFK1", "")]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn s5_a_device_that_stays_assigned_comes_back() {
    let assignment = |name: &str, rest: &str| {
        format!(
            "---\napiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata: {{name: {name}}}\nspec: {{devices: {{serials: [DMQVG1RFK1, DMQVG1RFK2]}}, {rest}}}\n"
        )
    };
    let deleted =
        act("one", "deleteRecord", "DMQVG1RFK3, DMQVG1RFK2, DMQVG1RFK1", "  acceptNoBypassCode: x\n");
    let found = said(&[deleted.clone(), assignment("all", "profile: p")]);
    let [warned] = of(&found, "S-5")[..] else { panic!("{found:#?}") };
    assert_eq!(warned.severity, Severity::Warn);
    assert!(
        warned.message.starts_with("DMQVG1RFK2 is deleted") && warned.message.contains("so are 1 more"),
        "{warned:?}"
    );
    assert_eq!(warned.also.len(), 1, "where it is assigned");
    assert!(of(&said(&[deleted]), "S-5").is_empty());
    let retired = act("one", "retire", "DMQVG1RFK1", "");
    let found = said(&[retired, assignment("all", "profile: p")]);
    assert_eq!(of(&found, "S-5")[0].severity, Severity::Note);
    // With its assignment gone at Apple it stays away.
    let organisation = "---\napiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata: {name: org}\nspec:\n  appleBusiness: {clientId: BUSINESSAPI.3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, keyId: a0d7c1e2-4b1f-4a57-8d0f-9e6a5b4c3d2e, privateKey: {env: KEY}}\n";
    let gone = said(&[
        act("one", "deleteRecord", "DMQVG1RFK1", "  acceptNoBypassCode: x\n"),
        organisation.to_owned(),
        assignment("gone", "unassign: true"),
    ]);
    assert!(of(&gone, "S-5").is_empty(), "{gone:#?}");
}

#[test]
fn requests_lie_in_the_past_and_end() {
    let one = || vec![act("one", "lock", "DMQVG1RFK1", "")];
    for (now, code) in [
        ("2026-11-20T07:54:59Z", Some("requested-ahead")),
        // A clock may be five minutes off.
        ("2026-11-20T07:55:00Z", None),
        ("2026-11-27T07:59:59Z", None),
        ("2026-11-27T08:00:00Z", Some("act-expired")),
    ] {
        let found = said_at(now, "", &one());
        assert_eq!(
            found.iter().map(|one| one.code).collect::<Vec<_>>(),
            code.into_iter().collect::<Vec<_>>(),
            "{now}"
        );
        let severity = found.first().map(|one| one.severity);
        let wanted = code.map(|code| if code == "act-expired" { Severity::Note } else { Severity::Refuse });
        assert_eq!(severity, wanted, "{now}");
    }
}

#[test]
fn acts_of_protected_devices_are_told() {
    let fleet = "  protected: {serials: [DMQVG1RFK1]}\n";
    let found = said_at(NOW, fleet, &[act("one", "lock", "DMQVG1RFK2, DMQVG1RFK1", "")]);
    let [warned] = of(&found, "act-on-protected")[..] else { panic!("{found:#?}") };
    assert!(
        warned.severity == Severity::Warn && warned.message.contains("DMQVG1RFK1 is protected by the Fleet")
    );
    assert!(of(&said_at(NOW, fleet, &[act("one", "sync", "DMQVG1RFK1", "")]), "act-on-protected").is_empty());
    let text = folder("  platform: ios\n", "", "", &act("one", "lock", "DMQVG1RFK1", ""));
    let text = text.replace("{env: S}}}}", "{env: S}}}, policy: {protected: {serials: [DMQVG1RFK1]}}}");
    let loaded = load_text(&[("x.yaml", &text)]);
    assert!(!loaded.diagnostics.refuse(), "{:#?}", loaded.diagnostics);
    let found: Vec<_> = check_documents(&loaded.desired, NOW.parse().unwrap()).into_vec();
    assert!(of(&found, "act-on-protected")[0].message.contains("the policy of `c`"), "{found:#?}");
}

#[test]
fn two_destructive_acts_of_one_device_at_one_time_are_told() {
    let wipe = act("one", "wipe", "DMQVG1RFK1, DMQVG1RFK2", "  acceptNoBypassCode: x\n");
    let clear = |rest: &str| act("two", "clearPasscode", "DMQVG1RFK2", rest);
    let found = said(&[wipe.clone(), clear("")]);
    let [warned] = of(&found, "acts-collide")[..] else { panic!("{found:#?}") };
    assert!(
        warned.message.contains("`one` and `two` ask for `wipe` and `clearPasscode` of DMQVG1RFK2"),
        "{warned:?}"
    );
    // The ledger alone knows that one of them is over.
    assert!(warned.message.contains("unless one of them has ended"), "{warned:?}");
    assert!(!warned.message.contains("at the same time"), "{warned:?}");
    assert!(warned.next.contains("action archive"), "{warned:?}");
    assert_eq!((warned.severity, warned.also.len()), (Severity::Warn, 1));
    // Not one after the other, not mild ones, not what is over.
    let earlier = clear("").replace("2026-11-20T08:00:00Z", "2026-11-10T08:00:00Z");
    assert!(of(&said(&[wipe.clone(), earlier]), "acts-collide").is_empty());
    let over = clear("  expiresAfter: 1h\n");
    assert!(of(&said(&[wipe.clone(), over]), "acts-collide").is_empty());
    let lock = act("two", "lock", "DMQVG1RFK2", "");
    assert!(of(&said(&[wipe, lock]), "acts-collide").is_empty());
}
