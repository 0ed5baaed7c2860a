//! What the Fleet and policies say of escrow, approvals and limits of acts.

use std::sync::OnceLock;

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509Builder, X509NameBuilder};

use super::*;
use crate::model::Class;
use crate::model::desired::{Approvals, Gates, Limit, LimitKind};
use crate::model::{ActionKind, Name};

const SIGNERS: &str = "# who may agree\nanna@school.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKB4x5Gk1oUO39hkZdWuU7yeEyXdgTh9GvPPbmaDAxht\n\nben@school.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICp2JJmfXqHIicJah0kpNgwwDJI17UmmNUE3iAT3Cd+A\n";

fn pem(key: &PKey<Private>, called: &str, until: i64) -> String {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", called).unwrap();
    let subject = subject.build();
    let mut certificate = X509Builder::new().unwrap();
    certificate.set_subject_name(&subject).unwrap();
    certificate.set_issuer_name(&subject).unwrap();
    certificate.set_pubkey(key).unwrap();
    certificate.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::from_unix(until).unwrap()).unwrap();
    let digest =
        if key.id() == openssl::pkey::Id::ED25519 { MessageDigest::null() } else { MessageDigest::sha256() };
    certificate.sign(key, digest).unwrap();
    String::from_utf8(certificate.build().to_pem().unwrap()).unwrap()
}

fn on(curve: Nid) -> PKey<Private> {
    PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap()).unwrap()
}

const LATER: i64 = 2_000_000_000;

/// Certificates of two persons, and others that are no recipients: file and text.
pub fn certificates() -> &'static [(&'static str, String)] {
    static ALL: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let anna = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let ben = on(Nid::X9_62_PRIME256V1);
        let weak = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        let annas = pem(&anna, "anna", LATER);
        vec![
            ("anna.pem", annas.clone()),
            ("anna-again.pem", annas.clone()),
            ("ben.pem", pem(&ben, "ben", LATER)),
            ("old.pem", pem(&ben, "old", 1_700_000_000)),
            ("weak.pem", pem(&weak, "weak", LATER)),
            ("curve.pem", pem(&on(Nid::SECP256K1), "curve", LATER)),
            ("signs.pem", pem(&PKey::generate_ed25519().unwrap(), "signs", LATER)),
            ("both.pem", format!("{annas}{}", pem(&ben, "ben", LATER))),
            ("key.pem", String::from_utf8(anna.private_key_to_pem_pkcs8().unwrap()).unwrap() + &annas),
            ("text.pem", "not a certificate\n".to_owned()),
        ]
    })
}

fn with(fleet: &str, connection: &str) -> Loaded {
    let (fleet, connection) = (format!("{FLEET}{fleet}"), format!("{CONNECTION}{connection}"));
    let mut files = vec![
        ("fleet.yaml", fleet.as_str()),
        ("connection.yaml", &connection),
        ("signers", SIGNERS),
        ("nobody", "# nobody yet\n\n"),
        ("wrong", "anna@school.example ssh-ed25519 AAAA\n# fine\nben\n"),
        ("secret", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"),
    ];
    files.extend(certificates().iter().map(|(file, text)| (*file, text.as_str())));
    load_text(&files)
}

#[test]
fn l4_recipients_of_sealed_secrets_are_read() {
    let loaded = with("  escrow: {recipients: [anna.pem, ben.pem], onEnrollment: true}\n", "");
    assert_eq!(told(&loaded), [""; 0]);
    let escrow = loaded.desired.fleet.escrow.unwrap();
    assert!(escrow.on_enrollment);
    let files: Vec<_> = escrow.recipients.iter().map(|one| one.file.to_str().unwrap()).collect();
    assert_eq!(files, ["anna.pem", "ben.pem"]);
    assert_eq!(escrow.recipients[0].pem, certificates()[0].1);
    assert!(crate::escrow::Recipients::of(&escrow.recipients).is_ok());
    let plain = with("  escrow: {recipients: [anna.pem]}\n", "");
    assert!(!plain.desired.fleet.escrow.unwrap().on_enrollment);
    assert!(with("", "").desired.fleet.escrow.is_none());
    // A policy's replace them.
    let loaded =
        with("  escrow: {recipients: [anna.pem]}\n", "  policy: {escrow: {recipients: [ben.pem]}}\n");
    assert_eq!(told(&loaded), [""; 0]);
    let connection = loaded.desired.connections.values().next().unwrap();
    assert_eq!(connection.escrow.as_ref().unwrap()[0].file.to_str(), Some("ben.pem"));
    assert_eq!(loaded.desired.fleet.escrow.unwrap().recipients[0].file.to_str(), Some("anna.pem"));
}

#[test]
fn l4_what_nothing_can_be_sealed_to_is_refused() {
    for (written, code, words) in [
        ("[weak.pem]", "L-4", "an RSA key of 1024 bits"),
        ("[curve.pem]", "L-4", "elliptic curve"),
        ("[signs.pem]", "L-4", "only sign"),
        ("[both.pem]", "L-4", "several certificates"),
        ("[key.pem]", "L-4", "private key"),
        ("[text.pem]", "L-4", "no X.509 certificate"),
        ("[gone.pem]", "file", "no such file"),
        ("[/etc/anna.pem]", "not-allowed", "out of the documents' folder"),
        ("[]", "missing-field", "nobody could open"),
        ("[anna.pem, anna-again.pem]", "bad-value", "same certificate as anna.pem"),
        ("[anna.pem, text.pem]", "L-4", "no X.509 certificate"),
    ] {
        let loaded = with(&format!("  escrow: {{recipients: {written}}}\n"), "");
        let found = only(&loaded);
        assert!(found.code == code && found.message.contains(words), "{written}: {found:?}");
        assert!(loaded.diagnostics.stop_the_folder() && !found.next.is_empty());
        if code == "L-4" {
            assert!(loaded.desired.fleet.escrow.is_none(), "{written}");
            assert_eq!(found.place.to_string(), format!("fleet.yaml:7:{}", found.place.column));
        }
        // Likewise in a policy.
        let found = only(&with("", &format!("  policy: {{escrow: {{recipients: {written}}}}}\n"))).code;
        assert_eq!(found, code, "{written}");
    }
    assert_eq!(only(&with("  escrow: {}\n", "")).code, "missing-field");
    assert_eq!(only(&with("  escrow: null\n", "")).code, "bad-value");
    let elsewhere = only(&with("", "  policy: {escrow: {recipients: [anna.pem], onEnrollment: true}}\n"));
    assert!(elsewhere.code == "unknown-field" && elsewhere.next.contains("Fleet"), "{elsewhere:?}");
    let told = format!("{:?}", with("  escrow: {recipients: [key.pem]}\n", "").diagnostics);
    assert!(!told.contains("BEGIN"));
}

#[test]
fn l4_a_recipient_whose_time_is_over_warns_by_the_calendar() {
    let warned = |loaded: &Loaded, now: &str| -> Vec<(String, u32)> {
        let found = crate::rules::check_documents(&loaded.desired, now.parse().unwrap());
        let of = found.iter().filter(|one| one.rule == Some("L-4") && one.severity == Severity::Warn);
        of.map(|one| (one.message.clone(), one.place.line)).collect()
    };
    let loaded = with("  escrow: {recipients: [anna.pem, old.pem]}\n", "");
    assert_eq!(told(&loaded), [""; 0]);
    let found = warned(&loaded, "2026-11-22T09:00:00Z");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.contains("CN=old expired at 2023-11-14") && found[0].1 == 7, "{found:?}");
    assert_eq!(warned(&loaded, "2023-11-01T00:00:00Z").len(), 0);
    let policy = with("", "  policy: {escrow: {recipients: [old.pem]}}\n");
    assert_eq!(warned(&policy, "2026-11-22T09:00:00Z").len(), 1);
}

#[test]
fn approvals_have_signers_that_can_be_enough() {
    let approvals = |written: &str| {
        let loaded = with(&format!("  approvals: {written}\n"), "");
        assert_eq!(told(&loaded), [""; 0], "{written}");
        loaded.desired.fleet.gates.approvals.unwrap()
    };
    let default = Approvals {
        signers: SIGNERS.to_owned(),
        classes: vec![Class::Destructive, Class::Irreversible],
        count: 1,
        valid_for: 72 * 3600,
    };
    assert_eq!(approvals("{signers: signers}"), default);
    assert_eq!(approvals("{signers: signers, classes: null, count: null, validFor: null}"), default);
    assert_eq!(
        approvals(
            "{signers: signers, classes: [irreversible, disruptive, irreversible], count: 2, validFor: 24h}"
        ),
        Approvals {
            classes: vec![Class::Disruptive, Class::Irreversible],
            count: 2,
            valid_for: 24 * 3600,
            ..default
        }
    );
    assert!(with("", "").desired.fleet.gates.approvals.is_none());
    for (written, code, words) in [
        ("{}", "missing-field", "signers"),
        ("{signers: gone}", "file", "no such file"),
        ("{signers: ../signers}", "not-allowed", "out of the documents' folder"),
        ("{signers: nobody}", "bad-value", "names nobody"),
        ("{signers: secret}", "bad-value", "private key"),
        (
            "{signers: signers, count: 3}",
            "bad-value",
            "asks for 3 persons, and the file of signers has 2 keys",
        ),
        ("{signers: signers, count: 0}", "bad-value", "from 1"),
        ("{signers: signers, classes: []}", "bad-value", "is empty"),
        ("{signers: signers, classes: [grave]}", "unknown-word", "grave"),
        ("{signers: signers, validFor: 0h}", "bad-value", "validFor"),
        ("{signers: signers, validFor: 91d}", "bad-value", "at most 90d"),
    ] {
        let loaded = with(&format!("  approvals: {written}\n"), "");
        let found = only(&loaded);
        assert!(found.code == code && found.message.contains(words), "{written}: {found:?}");
        assert!(loaded.diagnostics.stop_the_folder() && loaded.desired.fleet.gates.approvals.is_none());
    }
    let wrong = severe(&with("  approvals: {signers: wrong}\n", ""));
    assert_eq!(wrong.iter().map(|one| one.place.to_string()).collect::<Vec<_>>(), ["wrong:1:1", "wrong:3:1"]);
    assert!(wrong.iter().all(|one| one.code == "bad-value" && one.also.len() == 1), "{wrong:#?}");
    let large = format!("{FLEET}  approvals: {{signers: large}}\n");
    let text = SIGNERS.repeat(2000);
    let loaded = load_text(&[("fleet.yaml", &large), ("large", &text)]);
    assert!(only(&loaded).message.contains("larger than 256 KiB"));
}

#[test]
fn every_action_can_be_bounded_and_a_policy_narrows() {
    let loaded = with(
        "  limits: {wipe: {count: 3}, lock: {percent: 5, count: 10}}\n",
        "  policy: {limits: {wipe: {count: 0}}, approvals: {signers: signers, count: 2}, protected: {serials: [DMQVG1RFK1]}}\n",
    );
    assert_eq!(told(&loaded), [""; 0]);
    let limit = |kind, percent, count| (LimitKind::Act(kind), Limit { percent, count });
    let limits = &loaded.desired.fleet.gates.limits;
    for (kind, wanted) in [
        limit(ActionKind::Wipe, None, Some(3)),
        limit(ActionKind::Lock, Some(5), Some(10)),
        limit(ActionKind::Release, None, Some(1)),
    ] {
        assert_eq!(limits.get(&kind), Some(&wanted), "{kind:?}");
    }
    let policy = loaded.desired.connections[&Name::new("tenant").unwrap()].policy.clone().unwrap();
    assert_eq!(policy.limits.len(), 1);
    assert_eq!(
        (policy.approvals.as_ref().map(|one| one.count), policy.protected_serials.len()),
        (Some(2), 1)
    );
    let unbounded = Gates { approvals: policy.approvals.clone(), ..Gates::unbounded() };
    assert_eq!(unbounded.approvals.unwrap().signers, SIGNERS);
    for kind in LimitKind::all() {
        let loaded = with(&format!("  limits: {{{}: {{count: 7}}}}\n", kind.word()), "");
        assert_eq!(told(&loaded), [""; 0], "{kind:?}");
        assert_eq!(loaded.desired.fleet.gates.limits[&kind].count, Some(7));
    }
    assert!(only(&with("  limits: {whipe: {count: 1}}\n", "")).next.contains("`wipe`"));
}

#[test]
fn an_organisation_has_a_policy_of_its_own() {
    let organisation = format!(
        "{}  policy: {{limits: {{release: {{count: 0}}}}, escrow: {{recipients: [ben.pem]}}, approvals: {{signers: signers}}}}\n",
        super::apple::ORGANISATION
    );
    let ben = &certificates()[2];
    let loaded = load_with(&[organisation], &[("signers", SIGNERS), (ben.0, &ben.1)]);
    assert_eq!(told(&loaded), [""; 0]);
    let one = &loaded.desired.organisations[&Name::new("org").unwrap()];
    let policy = one.policy.as_ref().unwrap();
    assert_eq!(policy.limits[&LimitKind::Act(ActionKind::Release)].count, Some(0));
    assert!(policy.approvals.is_some() && one.escrow.as_ref().is_some_and(|all| all.len() == 1));
}

#[test]
fn windows_say_when_classes_may_run() {
    const NIGHTS: &str = "{allow: '0 20 * * mon-fri', for: 10h, timezone: Europe/Berlin, classes: [destructive, irreversible]}";
    const EXAMS: &str = "{deny: '0 0 1 7 *', for: 14d, timezone: UTC, classes: [disruptive]}";
    let loaded =
        with(&format!("  windows: [{NIGHTS}, {EXAMS}]\n"), &format!("  policy: {{windows: [{EXAMS}]}}\n"));
    assert_eq!(told(&loaded), [""; 0]);
    let [statement] = loaded.desired.fleet.gates.windows.as_slice() else { panic!() };
    let shown: Vec<_> = statement.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["allow `0 20 * * mon-fri` for 10h (Europe/Berlin)", "deny `0 0 1 7 *` for 14d (UTC)"]);
    assert_eq!(
        statement[0].classes().iter().copied().collect::<Vec<_>>(),
        [Class::Destructive, Class::Irreversible]
    );
    let fleet = &loaded.desired.fleet.gates;
    let policy = loaded.desired.connections.values().next().unwrap().policy.clone().unwrap();
    assert_eq!(policy.windows.len(), 1);
    // Each statement has to be open; what both say is said once.
    let both = fleet.stricter(&policy);
    assert_eq!(both.windows, [fleet.windows[0].clone(), policy.windows[0].clone()]);
    assert_eq!(both.stricter(fleet).windows, both.windows);
    let stored = serde_json::to_string(&both).unwrap();
    assert_eq!(serde_json::from_str::<Gates>(&stored).unwrap(), both);
    assert!(!serde_json::to_string(&Gates::default()).unwrap().contains("windows"));
    for none in ["", "  windows: []\n", "  windows: null\n"] {
        assert!(with(none, "").desired.fleet.gates.windows.is_empty(), "{none}");
    }
    for (from, to, code, words) in [
        ("allow: '0 20 * * mon-fri', ", "", "missing-field", "`allow`, `deny`"),
        ("allow:", "deny: '0 0 * * *', allow:", "bad-value", "exclude each other"),
        ("0 20 * * mon-fri", "0 25 * * *", "bad-value", "`windows[].allow`"),
        ("0 20 * * mon-fri", "every night", "bad-value", "`windows[].allow`"),
        ("Europe/Berlin", "Europe/Berlim", "bad-value", "did you mean `Europe/Berlin`?"),
        ("timezone: Europe/Berlin, ", "", "missing-field", "`windows[].timezone`"),
        ("for: 10h", "for: 40d", "bad-value", "1m to 31d"),
        ("for: 10h", "for: 30s", "bad-value", "1m to 31d"),
        ("[destructive, irreversible]", "[]", "bad-value", "names none"),
        ("[destructive, irreversible]", "[destructiv]", "unknown-word", "destructiv"),
        (", classes: [destructive, irreversible]", "", "missing-field", "classes"),
    ] {
        let written = NIGHTS.replace(from, to);
        assert_ne!(written, NIGHTS);
        let loaded = with(&format!("  windows: [{written}]\n"), "");
        let found = only(&loaded);
        assert!(found.code == code && found.message.contains(words), "{written}: {found:?}");
        assert!(loaded.diagnostics.stop_the_folder());
    }
}
