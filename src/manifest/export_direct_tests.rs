//! Profiles of direct tokens, there and back: wish, whole, body, what Apple shows of it, fields,
//! document, wish.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value as Json, json};

use super::tests::{certificates, text};
use super::*;
use crate::manifest::load_text;
use crate::model::canonical::whole;
use crate::model::settings::{AppleMember, SETTINGS, Setting};
use crate::provider::dep::convert;

const SURROUNDINGS: &str = "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: fleet}
spec:
  ledger: {id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {path: ledger.db}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: own}
spec: {direct: {privateKey: {env: KEY}, certificate: token.pem, serverToken: {env: TOKEN}}}
";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A value of a setting, missing or not.
fn value_of(setting: &'static Setting) -> BoxedStrategy<Option<Value>> {
    let filled =
        || text().prop_filter("a name is not blank", |text| !text.trim().is_empty()).prop_map(Value::Text);
    let needed = ["displayName", "ade.url", "ade.orgMagic"].contains(&setting.field);
    match setting.apple.0 {
        _ if needed => filled().prop_map(Some).boxed(),
        AppleMember::Text(_) => option::of(prop_oneof![Just(Value::None), filled()]).boxed(),
        AppleMember::Bool(_) | AppleMember::Not(_) => option::of(any::<bool>().prop_map(Value::Bool)).boxed(),
        AppleMember::Certificates(_) => option::of(
            subsequence(certificates().to_vec(), 0..=2)
                .prop_map(|list| if list.is_empty() { Value::None } else { Value::List(list) }),
        )
        .boxed(),
        AppleMember::Own(_) => {
            option::of(select(vec!["allowAll", "denyAll", "allowByCertificate"]).prop_map(Value::text))
                .boxed()
        }
        AppleMember::None => Just(None).boxed(),
    }
}

/// What a document may wish of a platform's profile.
fn wishes(platform: Platform) -> impl Strategy<Value = Fields> {
    let settings: Vec<&Setting> = SETTINGS.iter().filter(|one| one.is_on_direct(platform)).collect();
    let values: Vec<_> = settings.iter().map(|setting| value_of(setting)).collect();
    let screens: Vec<&str> = SCREENS
        .iter()
        .filter(|screen| screen.apple_key(platform).is_some())
        .map(|screen| screen.name)
        .collect();
    let all = screens.len();
    (values, subsequence(screens, 0..=all), any::<u64>()).prop_map(move |(values, screens, bits)| {
        let mut fields: Fields = settings
            .iter()
            .zip(values)
            .filter_map(|(setting, value)| Some((setting.field.into(), value?)))
            .collect();
        for (at, screen) in screens.into_iter().enumerate() {
            let word = if bits >> (at % 64) & 1 == 1 { "hide" } else { "show" };
            fields.insert(format!("setupAssistant.{screen}").into(), Value::text(word));
        }
        // By certificate needs one; it says so by a rule, and Apple has no other form for it.
        if fields.get("pairing.mode") == Some(&Value::text("allowByCertificate"))
            && !matches!(fields.get("pairing.certificates"), Some(Value::List(_)))
        {
            fields.insert("pairing.certificates".into(), Value::List(certificates().to_vec()));
        }
        fields
    })
}

fn any_wish() -> impl Strategy<Value = (Platform, Fields)> {
    select(Platform::ALL.to_vec())
        .prop_flat_map(|platform| wishes(platform).prop_map(move |fields| (platform, fields)))
}

/// What Apple shows of a profile: every truth value, and its UUID, without devices (reference
/// apple-enrollment-api section 3.10).
fn shown(body: &serde_json::Map<String, Json>) -> serde_json::Map<String, Json> {
    let mut shown = body.clone();
    for setting in SETTINGS {
        if let AppleMember::Bool(member) | AppleMember::Not(member) = setting.apple.0 {
            shown.entry(member).or_insert(json!(member == "is_mdm_removable"));
        }
    }
    shown.entry("allow_pairing").or_insert(json!(true));
    shown.insert("profile_uuid".to_owned(), json!("C1F123098EB5074580041E69883004C3"));
    shown
}

/// What a document of the export wishes on its token.
fn wished(platform: Platform, fields: &Fields) -> Fields {
    let exported = spec_of(platform, fields, &name("exported"));
    assert!(exported.left_out.is_empty(), "{:?}", exported.left_out);
    let text = document(&name("exported"), &[name("own")], &exported).unwrap();
    let pems: Vec<(String, String)> = exported
        .files
        .iter()
        .map(|(path, bytes)| (path.to_str().unwrap().to_owned(), String::from_utf8(bytes.clone()).unwrap()))
        .collect();
    let mut files = vec![("all.yaml", SURROUNDINGS), ("profile.yaml", text.as_str())];
    files.extend(pems.iter().map(|(path, pem)| (path.as_str(), pem.as_str())));
    let loaded = load_text(&files);
    assert!(!loaded.diagnostics.refuse(), "{:?}\n{text}", loaded.diagnostics);
    loaded.desired.profiles[&name("exported")].wished[&name("own")].clone()
}

proptest! {
    #[test]
    fn what_is_wished_of_a_direct_profile_survives_apple_and_a_document((platform, wish) in any_wish()) {
        let whole_one = whole(platform, &Fields::new(), &wish);
        let body = convert::body(platform, &whole_one);
        let shown = shown(&body);
        prop_assert_eq!(convert::content(&shown), convert::content(&body));
        let read = convert::fields_from(platform, &shown);
        prop_assert_eq!(&read, &whole_one);
        let again = wished(platform, &read);
        prop_assert_eq!(whole(platform, &Fields::new(), &again), whole_one);
    }

    #[test]
    fn what_was_applied_last_is_what_a_missing_field_means((platform, wish) in any_wish(), part in any::<u64>()) {
        let last = whole(platform, &Fields::new(), &wish);
        let kept = |at: usize, field: &FieldName| field == "displayName" || part >> (at % 64) & 1 == 1;
        let fewer: Fields = wish
            .iter()
            .enumerate()
            .filter(|(at, (field, _))| kept(*at, field))
            .map(|(_, (field, value))| (field.clone(), value.clone()))
            .collect();
        prop_assert_eq!(whole(platform, &last, &fewer), last);
    }
}

#[test]
fn what_a_document_cannot_name_is_left_out_and_told() {
    let mut live = whole(
        Platform::Ios,
        &Fields::new(),
        &[("displayName", "A"), ("ade.url", "https://mdm.example/"), ("ade.orgMagic", "m")]
            .map(|(field, text)| (FieldName::from(field), Value::text(text)))
            .into(),
    );
    live.insert("skip_setup_items.NewPane".into(), Value::text("hide"));
    live.insert("setupAssistant.fileVault".into(), Value::text("hide"));
    live.insert("autoAdvance".into(), Value::Bool(true));
    let exported = spec_of(Platform::Ios, &live, &name("a"));
    let told: Vec<&str> = exported.left_out.iter().map(|(field, _)| field.as_ref()).collect();
    assert_eq!(told, ["autoAdvance", "setupAssistant.fileVault", "skip_setup_items.NewPane"]);
    assert!(exported.spec.auto_advance.is_missing());
}
