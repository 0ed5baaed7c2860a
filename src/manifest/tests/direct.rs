//! Tokens that espalier holds itself, and profiles that go to them.

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::X509Builder;

use super::{load, load_with, only, profile, severe, token};
use crate::diag::{Diagnostic, Severity};
use crate::manifest::Loaded;
use crate::model::desired::ServerTokenSource;
use crate::model::{Family, Field, Name, Realm, SecretRef, Value};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A direct token whose files are all secrets but the certificate.
fn direct(name: &str, rest: &str) -> String {
    held(name, "{env: TOKEN}", rest)
}

fn held(name: &str, server_token: &str, rest: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata: {{name: {name}}}\nspec:\n  direct:\n    privateKey: {{env: KEY}}\n    certificate: own.pem\n    serverToken: {server_token}\n{rest}"
    )
}

fn pem(key: &PKey<Private>) -> String {
    let mut certificate = X509Builder::new().unwrap();
    certificate.set_pubkey(key).unwrap();
    certificate.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::from_unix(4_000_000_000).unwrap()).unwrap();
    certificate.sign(key, MessageDigest::sha256()).unwrap();
    String::from_utf8(certificate.build().to_pem().unwrap()).unwrap()
}

fn rsa() -> String {
    pem(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap())
}

/// With the certificate in its place.
fn load_own(documents: &[String]) -> Loaded {
    load_with(documents, &[("own.pem", &rsa())])
}

const ADE: &str = "  ade: {url: https://mdm.example/enroll, orgMagic: m}\n";

#[test]
fn t1_a_direct_token_is_lowered_with_all_that_it_can_say() {
    let loaded = load_own(&[
        direct(
            "own",
            "  id: 677cab70-fe18-11e2-b778-0800200c9a66\n  appleId: it@school.example\n  accountDrivenEnrollmentUrl: https://mdm.example/.well-known/x\n  defaultProfiles: {ios: p, iphone: null, ipad: p}\n  prune: created\n",
        ),
        profile("p", "[own]", ADE),
    ]);
    assert_eq!(severe(&loaded), []);
    let token = &loaded.desired.tokens[&name("own")];
    assert_eq!(token.realm, Realm::Direct(name("own")));
    assert_eq!(token.identity.id.as_deref(), Some("677CAB70FE1811E2B7780800200C9A66"));
    let held = token.direct.as_ref().unwrap();
    assert_eq!(held.private_key, SecretRef::Env("KEY".into()));
    assert_eq!(held.certificate, std::path::Path::new("own.pem"));
    assert_eq!(held.server_token, ServerTokenSource::Secret(SecretRef::Env("TOKEN".into())));
    assert_eq!(
        token.account_driven_url.set().map(url::Url::as_str),
        Some("https://mdm.example/.well-known/x")
    );
    let default = |family| token.defaults.of_family(family).map(Name::as_str);
    assert_eq!(default(Family::Iphone), None, "null wishes none");
    assert_eq!(
        (default(Family::Ipad), default(Family::Ipod), default(Family::Mac)),
        (Some("p"), Some("p"), None)
    );
    assert_eq!(token.identity.places.at("direct.serverToken").line, 8);
}

#[test]
fn t1_a_server_token_is_a_file_or_a_secret_and_never_stands_in_the_document() {
    let loaded = load_with(&[held("own", "token.p7m", "")], &[("own.pem", &rsa()), ("token.p7m", "x")]);
    assert_eq!(severe(&loaded), []);
    let source = loaded.desired.tokens[&name("own")].direct.clone().unwrap().server_token;
    assert_eq!(source, ServerTokenSource::File("token.p7m".into()));
    for plain in [
        "'{\"consumer_key\": \"CK_0a1b\"}'",
        "\"-----BEGIN MESSAGE-----0a1b\"",
        "|\n      line 0a1b\n      more",
    ] {
        let found = only(&load_own(&[held("own", plain, "")]));
        assert_eq!(found.code, "plain-secret");
        assert!(!format!("{found:?}").contains("0a1b"), "{found:?}");
    }
}

#[test]
fn t1_what_is_not_there_yet_stops_nothing_and_says_how_it_is_made() {
    let loaded = load(&[held("own", "token.p7m", "")]);
    let found = severe(&loaded);
    assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), ["T-1", "T-1"]);
    assert!(
        found
            .iter()
            .all(|one| one.severity == Severity::Warn && one.next.contains("espalier token keygen own"))
    );
    assert!(!loaded.diagnostics.refuse());
    assert_eq!(
        loaded.desired.tokens[&name("own")].direct.as_ref().unwrap().certificate.to_str(),
        Some("own.pem")
    );
}

#[test]
fn t1_the_certificate_is_one_and_has_an_rsa_key() {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let elliptic = pem(&PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap());
    for (content, why) in [("no certificate", "no X.509"), (elliptic.as_str(), "RSA")] {
        let loaded = load_with(&[direct("own", ""), token("other", "")], &[("own.pem", content)]);
        let found = only(&loaded);
        assert_eq!(
            (found.code, found.severity, &found.tokens),
            ("T-1", Severity::Refuse, &vec![name("own")])
        );
        assert!(found.message.contains(why), "{found:?}");
        assert!(!loaded.diagnostics.stop_the_folder(), "the other token goes on");
    }
}

#[test]
fn what_the_other_holder_alone_can_say_is_refused_with_its_reason() {
    let refused = |document: String| {
        let loaded = load_own(&[document, profile("p", "[t]", "")]);
        let found: Vec<Diagnostic> =
            severe(&loaded).into_iter().filter(|one| one.severity == Severity::Refuse).collect();
        found.into_iter().map(|one| (one.code, one.message)).collect::<Vec<_>>()
    };
    for (field, code, why) in [
        ("scopeTags: [Default]", "T-5", "no scope tags"),
        ("consentToShareData: true", "T-3", "uploads no token"),
        ("id: 0", "bad-value", "UUID of its server"),
        ("accountDrivenEnrollmentUrl: http://mdm.example", "bad-value", "https://"),
    ] {
        let found = refused(direct("t", &format!("  {field}\n")));
        assert!(
            found.iter().any(|(one, message)| *one == code && message.contains(why)),
            "{field}: {found:?}"
        );
    }
    for (field, code, why) in [
        ("defaultProfiles: {ipad: p}", "P-30", "iPhone and iPad together"),
        ("defaultProfiles: {tvos: p}", "P-30", "direct tokens"),
        ("accountDrivenEnrollmentUrl: https://mdm.example", "bad-value", "by the holder of the token"),
    ] {
        let found = refused(token("t", &format!("  {field}\n")));
        assert!(
            found.iter().any(|(one, message)| *one == code && message.contains(why)),
            "{field}: {found:?}"
        );
    }
    let both = direct("t", "  mdm: tenant\n");
    assert!(refused(both).iter().any(|(_, message)| message.contains("exclude each other")));
}

#[test]
fn p30_a_family_takes_a_profile_of_its_platform() {
    let found =
        only(&load_own(&[direct("own", "  defaultProfiles: {mac: p}\n"), profile("p", "[own]", ADE)]));
    assert_eq!(found.code, "P-30");
    assert!(found.next.contains("platform: macos"), "{found:?}");
}

#[test]
fn p32_one_profile_serves_both_kinds_of_tokens_as_far_as_both_can_say_it() {
    let loaded = load_own(&[
        direct("own", ""),
        token("theirs", ""),
        profile(
            "p",
            "[own, theirs]",
            &format!(
                "  userAffinity: none\n  description: for people\n  department: IT\n  setupAssistant: {{hide: [siri]}}\n{ADE}"
            ),
        ),
    ]);
    assert_eq!(severe(&loaded), []);
    let notes: Vec<_> = loaded.diagnostics.iter().filter(|one| one.code == "P-32").collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    let wished = &loaded.desired.profiles[&name("p")].wished;
    let keys = |token: &str| wished[&name(token)].keys().map(AsRef::as_ref).collect::<Vec<&str>>();
    assert_eq!(keys("own"), ["ade.orgMagic", "ade.url", "department", "displayName", "setupAssistant.siri"]);
    assert_eq!(
        keys("theirs"),
        ["authentication", "department", "description", "displayName", "setupAssistant.siri", "userAffinity"]
    );
    let created = &loaded.desired.profiles[&name("p")].created;
    assert_eq!(created[&name("own")]["setupAssistant.passcode"], Value::text("show"));
    assert!(!created[&name("theirs")].contains_key("setupAssistant.passcode"));
}

#[test]
fn p32_what_one_side_cannot_carry_is_refused_on_its_tokens_alone() {
    let on = |tokens: &str, rest: &str| {
        let loaded = load_own(&[direct("own", ""), token("theirs", ""), profile("p", tokens, rest)]);
        severe(&loaded)
            .into_iter()
            .map(|one| {
                let tokens: Vec<String> = one.tokens.iter().map(Name::to_string).collect();
                (one.code, one.message, tokens.join(" "))
            })
            .collect::<Vec<_>>()
    };
    let found = on("[own, theirs]", &format!("  deviceNameTemplate: x\n{ADE}"));
    assert_eq!(
        found,
        [(
            "P-32",
            "`deviceNameTemplate` goes to EnrollmentToken/own, which espalier holds itself: Apple's profiles have no such member (P-32)".to_owned(),
            "own".to_owned()
        )]
    );
    let found = on("[own, theirs]", "  ade: {url: https://mdm.example/, orgMagic: m, mandatory: true}\n");
    assert_eq!((found.len(), found[0].2.as_str()), (1, "theirs"), "{found:?}");
    assert!(found[0].1.contains("`ade.mandatory` goes to EnrollmentToken/theirs, which an MDM holds"));
    // Nobody takes it: the whole object is told.
    let found = on("[theirs]", ADE);
    assert!(found.len() == 1 && found[0].1.starts_with("`ade` goes to"), "{found:?}");
    let found = on("[own]", &format!("  userAffinity: none\n  companyPortal: {{install: true}}\n{ADE}"));
    assert_eq!(found.len(), 2, "{found:?}");
    let found = on("[own]", &format!("  sharedIpad: {{maximumCachedUsers: 3}}\n{ADE}"));
    assert!(found.len() == 1 && found[0].1.contains("`sharedIpad.maximumCachedUsers`"), "{found:?}");
    assert_eq!(on("[own]", &format!("  sharedIpad: {{}}\n  platformSso: null\n{ADE}")), []);
}

#[test]
fn p32_platforms_and_their_fields_depend_on_the_holder() {
    let on = |tokens: &str, platform: &str, rest: &str| {
        let document = profile("p", tokens, rest).replace("platform: ios", &format!("platform: {platform}"));
        severe(&load_own(&[direct("own", ""), token("theirs", ""), document]))
            .into_iter()
            .map(|one| one.message)
            .collect::<Vec<_>>()
    };
    let of_tv = format!("  autoAdvance: true\n  supervised: true\n{ADE}");
    assert_eq!(on("[own]", "tvos", &of_tv), [""; 0]);
    let theirs = on("[theirs]", "tvos", "");
    assert!(
        theirs.len() == 1 && theirs[0].contains("`platform: tvos` goes to EnrollmentToken/theirs"),
        "{theirs:?}"
    );
    let ios = on("[own]", "ios", &of_tv);
    assert!(ios.len() == 1 && ios[0].contains("`autoAdvance` is a setting of Mac and Apple TV"), "{ios:?}");
    let mac = on("[theirs]", "macos", "  supervised: true\n");
    assert!(mac.len() == 1 && mac[0].contains("`supervised` goes to EnrollmentToken/theirs"), "{mac:?}");
    let language = on("[own]", "ios", "  ade: {url: https://mdm.example/, orgMagic: m, language: de}\n");
    assert!(language.len() == 1 && language[0].contains("`ade.language` is a setting of Mac and Apple TV"));
}

#[test]
fn p25_a_screen_without_apples_key_is_refused_on_direct_tokens() {
    let rest = format!("  setupAssistant: {{hide: [expressLanguage], show: [siri]}}\n{ADE}");
    let found = only(&load_own(&[direct("own", ""), profile("p", "[own]", &rest)]));
    assert_eq!((found.code, found.severity), ("P-25", Severity::Refuse));
    assert!(found.message.contains("`expressLanguage`"), "{found:?}");
}

#[test]
fn values_fill_apples_members_and_are_asked_for_by_what_a_side_carries() {
    let rest = "  userAffinity: none\n  ade: {url: 'https://${host}/enroll', orgMagic: m}\n";
    let loaded = load_own(&[
        direct("own", "  values: {host: mdm.example}\n"),
        token("theirs", ""),
        profile("p", "[own, theirs]", rest),
    ]);
    assert_eq!(severe(&loaded), [], "the other side asks for no `host`");
    let wished = &loaded.desired.profiles[&name("p")].wished[&name("own")];
    assert_eq!(wished["ade.url"], Value::text("https://mdm.example/enroll"));
    assert_eq!(loaded.desired.profiles[&name("p")].settings.description, Field::Missing);
}
