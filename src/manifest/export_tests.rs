//! There and back: what is exported is read as the same wishes.

use std::sync::OnceLock;

use base64::Engine as _;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509Builder, X509NameBuilder};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::diff::compare;
use crate::manifest::load_text;
use crate::model::live::{Complete, VppToken};
use crate::model::settings::{SETTINGS, WRITE_ONLY};
use crate::provider::graph::Resolved;
use crate::provider::graph::convert::{self, VppNames};

const SURROUNDINGS: &str = "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: fleet}
spec:
  ledger: {id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {path: ledger.db}}
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: tenant}
spec:
  intune:
    tenantId: 8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: {clientSecret: {env: SECRET}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: main}
spec: {mdm: tenant}
";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The wishes of a document.
fn wished(text: &str, exported: &Exported) -> Fields {
    let pems: Vec<(String, String)> = exported
        .files
        .iter()
        .map(|(path, bytes)| (path.to_str().unwrap().to_owned(), String::from_utf8(bytes.clone()).unwrap()))
        .collect();
    let mut files = vec![("all.yaml", SURROUNDINGS), ("profile.yaml", text)];
    files.extend(pems.iter().map(|(path, pem)| (path.as_str(), pem.as_str())));
    let loaded = load_text(&files);
    assert!(!loaded.diagnostics.refuse(), "{:?}\n{text}", loaded.diagnostics);
    loaded.desired.profiles[&name("exported")].wished[&name("main")].clone()
}

fn there_and_back(fields: &Fields) -> (Fields, Exported) {
    there_and_back_on(Platform::Ios, fields)
}

fn there_and_back_on(platform: Platform, fields: &Fields) -> (Fields, Exported) {
    let exported = spec_of(platform, fields, &name("exported"));
    let text = document(&name("exported"), &[name("main")], &exported).unwrap();
    (wished(&text, &exported), exported)
}

fn fields(pairs: Vec<(&'static str, Value)>) -> Fields {
    pairs.into_iter().map(|(field, value)| (field.into(), value)).collect()
}

/// Base64 of the DER of two certificates, sorted.
pub(super) fn certificates() -> &'static [String] {
    static CERTIFICATES: OnceLock<Vec<String>> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let mut ders: Vec<String> = ["one", "two"].map(certificate).to_vec();
        ders.sort();
        ders
    })
}

fn certificate(common_name: &str) -> String {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", common_name).unwrap();
    let subject = subject.build();
    let mut certificate = X509Builder::new().unwrap();
    certificate.set_subject_name(&subject).unwrap();
    certificate.set_issuer_name(&subject).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::from_unix(2_000_000_000).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(certificate.build().to_der().unwrap())
}

/// A text as a service may hold it, spelling traps of YAML among them.
pub(super) fn text() -> impl Strategy<Value = String> {
    let traps = select(vec![
        "null",
        "~",
        "true",
        "0x1F",
        "1e3",
        "+49 30 5550100",
        "---",
        "...",
        "- a",
        "a: b",
        "# c",
        "'",
        "\"",
        "{{SERIAL}}",
        " leads",
        "trails ",
        "two\nlines\n",
        "a\r\nb",
        "\u{feff}",
        "\u{2028}",
        "\u{1}",
        "$5 {x}",
        "2026-01-01",
        "=",
        "<<",
        "!tag",
        "&a",
        "*a",
        "|",
        ">",
        "@",
        "`",
        "%TAG",
        "\\n",
        "é",
        "\u{1f600}",
    ]);
    prop_oneof![traps.prop_map(str::to_owned), any::<String>(), "[ -~\n]{1,100}"]
        .prop_filter("`${` has a meaning", |text| !text.contains("${"))
        .prop_filter("nothing is no text", |text| !text.is_empty())
}

fn some(field: &'static str, value: Option<Value>) -> Option<(FieldName, Value)> {
    value.map(|value| (field.into(), value))
}

fn texts() -> impl Strategy<Value = Fields> {
    let field = || option::of(option::of(text()));
    let display_name = text().prop_filter("a name is not blank", |text| !text.trim().is_empty());
    (display_name, field(), field(), field(), field()).prop_map(|(display_name, a, b, c, d)| {
        let value = |text: Option<Option<String>>| text.map(|text| text.map_or(Value::None, Value::Text));
        let optional = [
            some("description", value(a)),
            some("deviceNameTemplate", value(b)),
            some("department", value(c)),
            some("departmentPhone", value(d)),
        ];
        optional.into_iter().flatten().chain([("displayName".into(), Value::Text(display_name))]).collect()
    })
}

fn sign_in() -> impl Strategy<Value = Fields> {
    let user =
        select(vec!["setupAssistantModern", "setupAssistantLegacy", "companyPortal"]).prop_map(|method| {
            fields(vec![("userAffinity", Value::text("user")), ("authentication", Value::text(method))])
        });
    let none = select(vec!["none", "entraShared"]).prop_map(|affinity| {
        fields(vec![("userAffinity", Value::text(affinity)), ("authentication", Value::None)])
    });
    prop_oneof![user, none, Just(Fields::new())]
}

fn switches() -> impl Strategy<Value = Fields> {
    let bool = || option::of(any::<bool>().prop_map(Value::Bool));
    (bool(), bool(), bool()).prop_map(|(a, b, c)| {
        [some("supervised", a), some("lockedEnrollment", b), some("awaitConfiguration", c)]
            .into_iter()
            .flatten()
            .collect()
    })
}

fn shared_ipad() -> impl Strategy<Value = Fields> {
    let int = |range: std::ops::RangeInclusive<i64>| option::of(range.prop_map(Value::Int));
    let grace = option::of(option::of(select(vec![0, 60, 300, 900, 3600, 14_400])));
    let on = (option::of(any::<bool>()), int(1..=24), grace, int(0..=100_000), int(0..=100_000)).prop_map(
        |(only, users, grace, session, temporary)| {
            let lasting = [
                some("sharedIpad.maximumCachedUsers", users),
                some(
                    "sharedIpad.passwordAfterLockSeconds",
                    grace.map(|grace| grace.map_or(Value::None, Value::Int)),
                ),
                some("sharedIpad.userSessionTimeoutSeconds", session),
            ];
            let lasting = lasting.into_iter().flatten().filter(|_| only != Some(true));
            [
                some("sharedIpad", Some(Value::Bool(true))),
                some("sharedIpad.temporarySessionOnly", only.map(Value::Bool)),
                some("sharedIpad.temporarySessionTimeoutSeconds", temporary),
            ]
            .into_iter()
            .flatten()
            .chain(lasting)
            .collect()
        },
    );
    prop_oneof![Just(Fields::new()), Just(fields(vec![("sharedIpad", Value::Bool(false))])), on]
}

fn pairing() -> impl Strategy<Value = Fields> {
    let mode = option::of(select(vec!["allowAll", "denyAll", "allowByCertificate"]));
    let list = option::of(subsequence(certificates().to_vec(), 0..=2));
    (mode, list).prop_map(|(mode, list)| {
        [some("pairing.mode", mode.map(Value::text)), some("pairing.certificates", list.map(Value::List))]
            .into_iter()
            .flatten()
            .collect()
    })
}

fn filled() -> impl Strategy<Value = Value> {
    text().prop_filter("a name is not blank", |text| !text.trim().is_empty()).prop_map(Value::Text)
}

fn company_portal() -> impl Strategy<Value = Fields> {
    let bool = || option::of(any::<bool>().prop_map(Value::Bool));
    let vpp = option::of(prop_oneof![Just(Value::None), filled()]);
    let url = option::of(prop_oneof![Just(Value::None), filled()]);
    (bool(), vpp, bool(), url).prop_map(|(install, vpp, single, url)| {
        [
            some("companyPortal.install", install),
            some("companyPortal.vppToken", vpp),
            some("companyPortal.singleAppMode", single),
            some("cellularActivationUrl", url),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}

fn sign_in_on_a_mac() -> impl Strategy<Value = Fields> {
    sign_in().prop_filter("what a Mac does not have", |fields| {
        let word = |field: &str| fields.get(field).and_then(Value::as_text);
        word("userAffinity") != Some("entraShared") && word("authentication") != Some("companyPortal")
    })
}

fn accounts() -> impl Strategy<Value = Fields> {
    let bool = || option::of(any::<bool>().prop_map(Value::Bool));
    let every = |most: i64| option::of(option::of(1..=most).prop_map(|n| n.map_or(Value::None, Value::Int)));
    let name = || option::of(option::of(text()).prop_map(|text| text.map_or(Value::None, Value::Text)));
    let on =
        (filled(), filled(), bool(), every(180), every(24)).prop_map(|(user, full, hidden, days, hours)| {
            [
                some("localAdmin", Some(Value::Bool(true))),
                some("localAdmin.userName", Some(user)),
                some("localAdmin.fullName", Some(full)),
                some("localAdmin.hidden", hidden),
                some("localAdmin.rotateEveryDays", days),
                some("localAdmin.rotateAfterRetrievalHours", hours),
            ]
            .into_iter()
            .flatten()
            .collect::<Fields>()
        });
    let admin = prop_oneof![Just(Fields::new()), Just(fields(vec![("localAdmin", Value::Bool(false))])), on];
    let primary = (bool(), bool(), bool(), bool(), name(), name());
    let others = (bool(), bool(), bool());
    (admin, primary, others).prop_map(|(admin, (create, standard, prefill, restrict, user, full), others)| {
        let rest = [
            some("primaryAccount.create", create),
            some("primaryAccount.standardUser", standard),
            some("primaryAccount.prefill", prefill),
            some("primaryAccount.restrictEditing", restrict),
            some("primaryAccount.userName", user),
            some("primaryAccount.fullName", full),
            some("platformSso", others.0),
            some("autoAdvance", others.1),
            some("networkTether", others.2),
        ];
        admin.into_iter().chain(rest.into_iter().flatten()).collect()
    })
}

fn screens(platform: Platform) -> impl Strategy<Value = Fields> {
    let names: Vec<&str> =
        crate::provider::graph::screens::screens_of(platform).map(|(name, ..)| name).collect();
    let all = names.len();
    (subsequence(names, 0..=all), any::<u64>()).prop_map(|(names, bits)| {
        let word = |at: usize| if bits >> (at % 64) & 1 == 1 { "hide" } else { "show" };
        let screen = |(at, name)| (format!("setupAssistant.{name}").into(), Value::text(word(at)));
        names.into_iter().enumerate().map(screen).collect()
    })
}

proptest! {
    #[test]
    fn what_is_exported_is_read_as_the_same_wishes(
        parts in (texts(), sign_in(), switches(), shared_ipad(), pairing(), company_portal(), screens(Platform::Ios))
    ) {
        let mut all = parts.0;
        for part in [parts.1, parts.2, parts.3, parts.4, parts.5, parts.6] {
            all.extend(part);
        }
        let (back, exported) = there_and_back(&all);
        prop_assert!(exported.left_out.is_empty(), "{:?}", exported.left_out);
        prop_assert_eq!(back, all);
    }
}

proptest! {
    #[test]
    fn what_is_exported_of_a_mac_is_read_as_the_same_wishes(
        parts in (texts(), sign_in_on_a_mac(), accounts(), switches(), screens(Platform::Macos))
    ) {
        let mut all = parts.0;
        for part in [parts.1, parts.2, parts.3, parts.4] {
            all.extend(part);
        }
        all.remove("supervised");
        let (back, exported) = there_and_back_on(Platform::Macos, &all);
        prop_assert!(exported.left_out.is_empty(), "{:?}", exported.left_out);
        prop_assert_eq!(back, all);
    }
}

/// What a create of these wishes puts on the wire, as it is read again.
fn over_the_wire(platform: Platform, all: &Fields) -> Fields {
    const ID: &str = "3f2c1b0a-1111-4222-8333-444455556666";
    let token = VppToken {
        id: ID.to_owned(),
        name: all.get("companyPortal.vppToken").and_then(Value::as_text).unwrap_or("Others").to_owned(),
        expires: None,
        state: "valid".to_owned(),
        updates_apps: None,
        apple_id: None,
    };
    let names = VppNames::of(&Complete::after_last_page(vec![token]));
    let resolved = Resolved { vpp_token: Some(ID.to_owned()), password: None };
    let body = convert::create_body(platform, all, &resolved);
    convert::fields_from(platform, &body, &names).0
}

/// What is wished comes back from the wire, and a document of what came back wishes it again.
fn round_trip(platform: Platform, all: &Fields) -> Result<(), TestCaseError> {
    let read = over_the_wire(platform, all);
    prop_assert_eq!(compare(all, &read), vec![]);
    let (back, exported) = there_and_back_on(platform, &read);
    prop_assert!(exported.left_out.is_empty(), "{:?}", exported.left_out);
    prop_assert_eq!(compare(all, &back), vec![]);
    prop_assert_eq!(compare(&back, &read), vec![], "a plan after the export is empty");
    Ok(())
}

proptest! {
    #[test]
    fn what_is_wished_of_an_ios_profile_survives_the_wire_and_a_document(
        parts in (texts(), sign_in(), switches(), shared_ipad(), pairing(), company_portal(), screens(Platform::Ios))
    ) {
        let mut all = parts.0;
        for part in [parts.1, parts.2, parts.3, parts.4, parts.5, parts.6] {
            all.extend(part);
        }
        round_trip(Platform::Ios, &all)?;
    }

    #[test]
    fn what_is_wished_of_a_mac_survives_the_wire_and_a_document(
        parts in (texts(), sign_in_on_a_mac(), accounts(), switches(), screens(Platform::Macos))
    ) {
        let mut all = parts.0;
        for part in [parts.1, parts.2, parts.3, parts.4] {
            all.extend(part);
        }
        all.remove("supervised");
        round_trip(Platform::Macos, &all)?;
    }
}

/// Every setting of the table is in the property above, or never comes back.
#[test]
fn the_round_trip_knows_every_setting() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    let ios = (texts(), sign_in(), switches(), shared_ipad(), pairing(), company_portal());
    let macos = accounts();
    for _ in 0..400 {
        let (a, b, c, d, e, f) = ios.new_tree(&mut runner).unwrap().current();
        let g = macos.new_tree(&mut runner).unwrap().current();
        seen.extend([a, b, c, d, e, f, g].into_iter().flat_map(|fields| fields.into_keys()));
    }
    let missing: Vec<&str> = SETTINGS
        .iter()
        .filter(|setting| Platform::CLASSIC.iter().any(|platform| setting.is_on(*platform)))
        .map(|setting| setting.field)
        .filter(|field| !WRITE_ONLY.contains(field) && !seen.contains(*field))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_document_reads_like_one_by_hand() {
    let live = fields(vec![
        ("displayName", Value::text("Standard")),
        ("description", Value::None),
        ("userAffinity", Value::text("none")),
        ("authentication", Value::None),
        ("sharedIpad", Value::Bool(false)),
        ("pairing.mode", Value::text("denyAll")),
        ("departmentPhone", Value::text("0100")),
        ("setupAssistant.siri", Value::text("hide")),
        ("setupAssistant.passcode", Value::text("show")),
    ]);
    let text =
        document(&name("standard"), &[name("main")], &spec_of(Platform::Ios, &live, &name("standard")))
            .unwrap();
    insta::assert_snapshot!(text, @r#"
    apiVersion: espalier.dev/v1alpha1
    kind: EnrollmentProfile
    metadata:
      name: standard
    spec:
      displayName: Standard
      tokens:
        - main
      platform: ios
      description: null
      userAffinity: none
      sharedIpad: null
      pairing:
        mode: denyAll
      departmentPhone: "0100"
      setupAssistant:
        hide:
          - siri
        show:
          - passcode
    "#);
}

#[test]
fn p18_what_temporary_sessions_cancel_is_left_out() {
    let live = fields(vec![
        ("displayName", Value::text("Guests")),
        ("sharedIpad", Value::Bool(true)),
        ("sharedIpad.temporarySessionOnly", Value::Bool(true)),
        ("sharedIpad.maximumCachedUsers", Value::Int(0)),
        ("sharedIpad.userSessionTimeoutSeconds", Value::Int(300)),
    ]);
    let (back, exported) = there_and_back(&live);
    assert!(exported.left_out.is_empty());
    assert!(crate::diff::compare(&back, &live).is_empty());
    assert!(!back.contains_key("sharedIpad.userSessionTimeoutSeconds"));
}

#[test]
fn what_no_document_can_say_is_left_out_and_told() {
    let live = fields(vec![
        ("displayName", Value::text("Standard")),
        ("description", Value::text("costs ${5}")),
        ("sharedIpad", Value::Bool(true)),
        ("sharedIpad.maximumCachedUsers", Value::Int(0)),
    ]);
    let (back, exported) = there_and_back(&live);
    let told: Vec<&str> = exported.left_out.iter().map(|(field, _)| field.as_ref()).collect();
    assert_eq!(told, ["description", "sharedIpad.maximumCachedUsers"]);
    assert!(crate::diff::compare(&back, &live).is_empty(), "nothing is planned for them");
}

#[test]
fn p4_a_vpp_token_without_a_known_name_is_left_out_and_told() {
    let id = "id 3f2c1b0a-1111-4222-8333-444455556666";
    let live = fields(vec![
        ("displayName", Value::text("Standard")),
        ("companyPortal.vppToken", Value::text(id)),
        ("companyPortal.singleAppMode", Value::Bool(false)),
    ]);
    let (back, exported) = there_and_back(&live);
    let [(field, why)] = exported.left_out.as_slice() else { panic!("{:?}", exported.left_out) };
    assert!(field == "companyPortal.vppToken" && why.contains(id), "{why}");
    assert!(!back.contains_key("companyPortal.vppToken"));
    assert!(crate::diff::compare(&back, &live).is_empty());
}

#[test]
fn an_administrator_whom_no_document_can_name_is_left_out_and_told() {
    let live = fields(vec![
        ("displayName", Value::text("Macs")),
        ("localAdmin", Value::Bool(true)),
        ("localAdmin.userName", Value::text("ladmin")),
        ("localAdmin.fullName", Value::None),
        ("localAdmin.rotateEveryDays", Value::Int(0)),
    ]);
    let (back, exported) = there_and_back_on(Platform::Macos, &live);
    let told: Vec<&str> = exported.left_out.iter().map(|(field, _)| field.as_ref()).collect();
    assert_eq!(told, ["localAdmin"]);
    assert!(crate::diff::compare(&back, &live).is_empty(), "nothing is planned for it");
}
