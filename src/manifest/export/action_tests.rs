//! There and back: what is written is read as the same request.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::manifest::{Allow, load, load_text};
use crate::model::act::ActContent;
use crate::model::clock::{Timestamp, after};
use crate::model::desired::{Acknowledgement, NamedSerial, Places, SerialSource};
use crate::model::organisation::PurchaseSource;
use crate::model::{ActionKind, Class, Place, ProductFamily};

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
kind: Connection
metadata: {name: org}
spec:
  appleBusiness:
    clientId: BUSINESSAPI.3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    keyId: a0d7c1e2-4b1f-4a57-8d0f-9e6a5b4c3d2e
    privateKey: {env: KEY}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: 'no'}
spec: {mdm: tenant, apple: {connection: org, service: A}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: '0123'}
spec: {platform: ios, tokens: ['no']}
";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Texts that YAML takes for something else, or that have to be quoted.
fn texts() -> impl Strategy<Value = String> {
    let nasty = select(vec![
        "null",
        "~",
        "true",
        "no",
        "0123",
        "1E10",
        "2026-11-20",
        "- x",
        "a: b",
        "# x",
        "x # y",
        "'",
        "\"",
        "{a}",
        "[a]",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "a\nb\n",
        "a\r\nb",
        " a ",
        "\ta",
        "\u{feff}a",
        "ä ß 漢",
        "a\u{85}b",
        "\\n",
        "---",
        "...",
        "${name}",
        "<<",
    ]);
    let any = "\\PC{1,24}".prop_filter("blank", |text: &String| !text.trim().is_empty());
    prop_oneof![nasty.prop_map(str::to_owned), any]
}

fn secrets() -> impl Strategy<Value = SecretRef> {
    prop_oneof![
        Just(SecretRef::Env("PIN_2".into())),
        select(vec!["pin", "acts/pin", "acts/deep/pin", "other/a b"])
            .prop_map(|path| SecretRef::File(path.into())),
        texts().prop_map(|key| SecretRef::Sops { path: "acts/secrets.yaml".into(), key }),
    ]
}

fn options(kind: ActionKind) -> BoxedStrategy<ActOptions> {
    match kind {
        ActionKind::Wipe => (
            any::<bool>(),
            option::of(secrets()),
            option::of(select(vec![
                Obliteration::Default,
                Obliteration::DoNotObliterate,
                Obliteration::ObliterateWithWarning,
                Obliteration::Always,
            ])),
        )
            .prop_map(|(keep_data_plan, pin, obliteration)| ActOptions::Wipe {
                keep_data_plan,
                pin,
                obliteration,
                return_to_service: None,
            })
            .boxed(),
        ActionKind::Lock => Just(ActOptions::Lock { message: None, phone_number: None }).boxed(),
        ActionKind::EnableLostMode => (texts(), texts(), option::of(texts()))
            .prop_map(|(message, phone_number, footnote)| ActOptions::LostMode {
                message,
                phone_number,
                footnote,
            })
            .boxed(),
        ActionKind::Rename => {
            let named = select(vec!["IPAD-1", "1E10", "-", "null", "0x1F", "a"]);
            named.prop_map(|name| ActOptions::Rename { name: name.to_owned() }).boxed()
        }
        ActionKind::PlaySound => {
            option::of(1_u32..=60).prop_map(|minutes| ActOptions::PlaySound { minutes }).boxed()
        }
        ActionKind::DeleteSharedIpadUser => {
            let users = select(vec!["anna@school.example", "@@a", "'@x"])
                .prop_filter("a name", |user| !user.starts_with('@'));
            users.prop_map(|user| ActOptions::SharedIpadUser { user: user.to_owned() }).boxed()
        }
        ActionKind::HandOver => {
            Just(ActOptions::HandOver { token: name("no"), profile: name("0123") }).boxed()
        }
        _ => Just(ActOptions::None).boxed(),
    }
}

fn conditions() -> impl Strategy<Value = Where> {
    let list = || option::of(prop::collection::vec(texts(), 0..3));
    let families: Vec<ProductFamily> = ["iphone", "ipad", "mac"]
        .iter()
        .filter_map(|word| ProductFamily::ALL.into_iter().find(|one| one.word() == *word))
        .collect();
    let sources = PurchaseSource::ALL.to_vec();
    (
        list(),
        list(),
        option::of(subsequence(families, 0..=3)),
        option::of(subsequence(sources.clone(), 0..=sources.len())),
        any::<bool>(),
    )
        .prop_map(|(order_numbers, models, product_families, purchase_sources, unassigned)| Where {
            order_numbers,
            models,
            product_families,
            purchase_sources,
            unassigned,
        })
        .prop_filter("it asks for something", |one| *one != Where::default())
}

prop_compose! {
    fn contents(kind: ActionKind)(
        expect in (option::of(texts()), option::of(texts()), option::of(texts())),
        requested in 1_600_000_000_i64..2_000_000_000,
        nanos in select(vec![0, 1, 500_000_000]),
        // Seconds, hours, days.
        lasts in prop_oneof![1_u64..=100, (1_u64..=100).prop_map(|hours| hours * 3600), (1_u64..=90).prop_map(|days| days * 86_400)],
        reason in texts(),
        has_reason in any::<bool>(),
        waiver in option::of(texts()),
        options in options(kind),
    ) -> ActContent {
        let requested_at = Timestamp::new(requested, nanos).unwrap();
        ActContent {
            kind,
            expect: Expect { model: expect.0, user: expect.1, name: expect.2 },
            requested_at,
            expires: after(requested_at, Duration::from_secs(lasts)),
            reason: (has_reason || kind.class() >= Class::Disruptive).then_some(reason),
            physically_in_hand: kind.needs_hand(),
            accept_no_bypass_code: waiver.filter(|_| kind.needs_safeguard()),
            options,
        }
    }
}

fn kinds() -> impl Strategy<Value = ActionKind> {
    select(ActionKind::ALL.to_vec())
}

fn named(text: &str) -> NamedSerial {
    NamedSerial { serial: Serial::new(text).unwrap(), line: 0, source: SerialSource::Document }
}

fn actions() -> impl Strategy<Value = DeviceAction> {
    let serials = subsequence(vec!["DMQVG1RFK1", "123456789012", "1E101010", "00000000"], 1..=4);
    let content = kinds().prop_flat_map(contents);
    (
        select(vec!["lost-ipad", "0123", "no", "null"]),
        serials,
        content,
        option::of(conditions()),
        any::<bool>(),
    )
        .prop_map(|(called, serials, content, selected, known)| {
            let selected = selected.filter(|_| content.kind.class() == Class::Safe);
            let content = match &selected {
                Some(_) => ActContent { expect: Expect::default(), ..content },
                None => content,
            };
            let until = "2027-01-31T00:00:00Z".parse().unwrap();
            let acknowledge = known.then(|| Acknowledgement {
                rule: "L-4".into(),
                reason: "known: yes".into(),
                until,
                place: Place::default(),
            });
            DeviceAction {
                name: name(called),
                devices: if selected.is_some() {
                    Vec::new()
                } else {
                    serials.into_iter().map(named).collect()
                },
                selected,
                content,
                acknowledge: acknowledge.into_iter().collect(),
                places: Places::default(),
            }
        })
}

fn same(written: &DeviceAction, file: &str) -> Result<(), TestCaseError> {
    let text = document(written, Path::new(file)).unwrap();
    let loaded = load_text(&[("all.yaml", SURROUNDINGS), (file, &text)]);
    prop_assert!(!loaded.diagnostics.refuse(), "{:?}\n{text}", loaded.diagnostics);
    let read = &loaded.desired.actions[&written.name];
    let serials = |one: &DeviceAction| one.devices.iter().map(|one| one.serial).collect::<Vec<_>>();
    prop_assert_eq!(serials(read), serials(written), "{}", text);
    prop_assert_eq!(&read.selected, &written.selected, "{}", text);
    prop_assert_eq!(&read.content, &written.content, "{}", text);
    prop_assert_eq!(read.content.canonical(), written.content.canonical());
    let known = |one: &DeviceAction| {
        one.acknowledge
            .iter()
            .map(|one| (one.rule.clone(), one.reason.clone(), one.until))
            .collect::<Vec<_>>()
    };
    prop_assert_eq!(known(read), known(written));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_the_same_request(action in actions(), file in select(vec!["one.yaml", "acts/one.yaml", "acts/deep/one.yml"])) {
        same(&action, file)?;
    }
}

#[test]
fn a_document_is_tidy() {
    let requested_at = "2026-11-20T08:00:00Z".parse().unwrap();
    let action = DeviceAction {
        name: name("lost-ipad"),
        devices: vec![named("DMQVG1RFK1")],
        selected: None,
        content: ActContent {
            kind: ActionKind::Wipe,
            expect: Expect { user: Some("anna@school.example".into()), ..Expect::default() },
            requested_at,
            expires: after(requested_at, Duration::from_secs(72 * 3600)),
            reason: Some("left on the train".into()),
            physically_in_hand: false,
            accept_no_bypass_code: None,
            options: ActOptions::Wipe {
                keep_data_plan: true,
                pin: Some(SecretRef::File("pins/one".into())),
                obliteration: None,
                return_to_service: None,
            },
        },
        acknowledge: Vec::new(),
        places: Places::default(),
    };
    let text = document(&action, Path::new("acts/lost.yaml")).unwrap();
    insta::assert_snapshot!(text, @r#"
    apiVersion: espalier.dev/v1alpha1
    kind: DeviceAction
    metadata:
      name: lost-ipad
    spec:
      action: wipe
      devices:
        serials:
          - DMQVG1RFK1
        expect:
          user: anna@school.example
      requestedAt: "2026-11-20T08:00:00Z"
      expiresAfter: 3d
      reason: left on the train
      options:
        pin:
          file: ../pins/one
    "#);
}

#[test]
fn paths_lead_from_the_document() {
    for (path, file, wanted) in [
        ("pin", "one.yaml", "pin"),
        ("acts/pin", "acts/one.yaml", "pin"),
        ("pin", "acts/deep/one.yaml", "../../pin"),
        ("acts/other/pin", "acts/deep/one.yaml", "../other/pin"),
        ("/run/pin", "acts/one.yaml", "/run/pin"),
    ] {
        assert_eq!(relative(Path::new(path), Path::new(file)), Path::new(wanted));
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("acts")).unwrap();
    std::fs::write(folder.path().join("all.yaml"), SURROUNDINGS).unwrap();
    let loaded = load(folder.path(), Allow::default()).unwrap();
    assert!(!loaded.diagnostics.refuse(), "{:?}", loaded.diagnostics);
}
