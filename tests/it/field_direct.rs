//! The field table of direct tokens, walked whole on every platform: manifest to Apple's JSON, and
//! Apple's JSON to manifest. Every body is held to Apple's schema, closed.

use std::collections::BTreeSet;

use espalier::manifest::{export, load_text};
use espalier::model::canonical::whole;
use espalier::model::{Fields, Name, Platform};
use espalier::provider::dep::convert;
use serde_json::{Map, Value, json};

use crate::field_table::{Tally, is_within, tell};
use crate::support::contract::contracts_folder;
use crate::support::fields::{Certainty, Group, Row, Verdict, at, fill_placeholders, groups, merge, parse};
use crate::support::wire::certificate;

/// Rows that are written, at least: the table may grow, and a judge that sees fewer has not read it.
const WRITTEN: usize = 309;

/// Rows that tell what comes back, likewise.
const BACK: usize = 250;

/// The certificates of the table.
const CERTIFICATES: [&str; 2] = ["certs/host.cer", "certs/ca.cer"];

const TOKEN: &str = "own";

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

struct Table {
    rows: Vec<Row>,
    schema: Value,
}

impl Table {
    /// `None` without contracts, said on stderr.
    fn read() -> Option<Self> {
        let folder = contracts_folder()?;
        let read = |path: &str| {
            let path = folder.join(path);
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let mut rows = parse(&read("fields/dep.tsv")).unwrap_or_else(|fault| panic!("dep.tsv: {fault}"));
        fill_placeholders(&mut rows, |_, placeholder| {
            placeholder.starts_with("base64").then(|| certificate().base64.clone())
        });
        let mut schema: Value =
            serde_json::from_str(&read("apple-device-services/dep/schemas/Profile.json")).expect("JSON");
        // What espalier sends has no member that Apple's page does not know.
        schema["additionalProperties"] = json!(false);
        Some(Self { rows, schema })
    }

    /// How many rows a judge has to see.
    fn count(&self, counts: impl Fn(&Row) -> bool, at_least: usize) -> usize {
        let count = self.rows.iter().filter(|row| counts(row)).count();
        assert!(count >= at_least, "the table has {count} such rows, not {at_least}");
        count
    }

    /// What a body breaks of Apple's schema.
    fn faults(&self, body: &Value) -> Vec<String> {
        let validator = jsonschema::validator_for(&self.schema).expect("a schema");
        validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

fn name_of(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn platform_of(group: &Group<'_>) -> Platform {
    Platform::from_word(group.platform()).expect("a platform")
}

/// What a document wishes on the direct token, as (wished, created).
fn wishes_of(name: &str, text: &str, beside: &[(String, String)]) -> Result<(Fields, Fields), String> {
    let mut files = vec![("all.yaml", SURROUNDINGS), ("profile.yaml", text)];
    files.extend(beside.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let mut loaded = load_text(&files);
    if loaded.diagnostics.refuse() {
        return Err(format!("refused: {:?}\n{text}", loaded.diagnostics));
    }
    let token = name_of(TOKEN);
    let mut profile = loaded.desired.profiles.remove(&name_of(name)).ok_or("no profile was made")?;
    let both = profile.wished.remove(&token).zip(profile.created.remove(&token));
    both.ok_or_else(|| "the document wishes nothing on its token".to_owned())
}

/// The body that a document with this `spec` becomes.
fn body_of(group: &Group<'_>) -> Result<Value, String> {
    let base = json!({
        "tokens": [TOKEN],
        "platform": group.platform(),
        "ade": { "url": "https://mdm.example/base", "orgMagic": "base" },
    });
    let name = group.name().unwrap_or("example");
    // JSON is YAML.
    let document = json!({
        "apiVersion": "espalier.dev/v1alpha1",
        "kind": "EnrollmentProfile",
        "metadata": { "name": name },
        "spec": group.spec(&base),
    });
    let beside = CERTIFICATES.map(|path| (path.to_owned(), certificate().pem.clone()));
    let (_, created) = wishes_of(name, &document.to_string(), &beside)?;
    Ok(Value::Object(convert::body(platform_of(group), &created)))
}

#[test]
fn every_row_goes_to_apple_as_the_table_says() {
    let Some(table) = Table::read() else { return };
    let mut tally = Tally::default();
    for group in groups(&table.rows).into_iter().filter(Group::is_written) {
        let body = match body_of(&group) {
            Ok(body) => body,
            Err(fault) => {
                tally.fail("to Apple", &group, &fault);
                continue;
            }
        };
        for verdict in group.judge_sent(&body) {
            tally.add("to Apple", verdict);
        }
        for fault in table.faults(&body) {
            tally.fail("schema", &group, &fault);
        }
    }
    tally.finish(table.count(|row| !row.note.back, WRITTEN));
}

/// What Apple shows of a profile with the values of a group: every truth value at its default, the
/// UUID, and no devices.
fn shown(group: &Group<'_>) -> Map<String, Value> {
    let mut shown = json!({
        "profile_name": "example", "url": "https://mdm.example/base", "org_magic": "base",
        "profile_uuid": "C1F123098EB5074580041E69883004C3",
        "allow_pairing": true, "is_mdm_removable": true, "is_supervised": false, "is_mandatory": false,
        "is_multi_user": false, "await_device_configured": false, "auto_advance_setup": false,
        "is_return_to_service": false, "do_not_use_profile_from_backup": false,
    });
    merge(&mut shown, &group.wire());
    shown.as_object().cloned().expect("an object")
}

#[test]
fn every_row_comes_back_from_apple_as_the_table_says() {
    let Some(table) = Table::read() else { return };
    let mut tally = Tally::default();
    for group in groups(&table.rows).iter().filter(|group| group.reads_back()) {
        match comes_back(&table, group) {
            Ok(()) => tell(&mut tally, group, |_| Verdict::Holds),
            Err(fault) => {
                let sure =
                    group.rows.iter().any(|row| row.reads_back() && row.certainty != Certainty::Unverified);
                tell(&mut tally, group, |row| {
                    let fault = format!("row {}: {fault}", row.line);
                    if sure { Verdict::Fails(fault) } else { Verdict::Reported(fault) }
                });
            }
        }
    }
    tally.finish(table.count(Row::reads_back, BACK));
}

/// Whether the export of what Apple shows says what the group says, and wishes the same whole.
fn comes_back(table: &Table, group: &Group<'_>) -> Result<(), String> {
    let (platform, name) = (platform_of(group), name_of("example"));
    let fields = convert::fields_from(platform, &shown(group));
    let exported = export::spec_of(platform, &fields, &name);
    if !exported.left_out.is_empty() {
        return Err(format!("left out: {:?}", exported.left_out));
    }
    let spec = serde_json::to_value(&exported.spec).map_err(|error| error.to_string())?;
    let row = group.rows[0];
    let mut expected = group.expected_fragment();
    for path in ["pairing.certificates", "ade.anchorCertificates"] {
        // The files are called otherwise than in the table; what is in them counts.
        let Some(count) = at(&expected, path).and_then(Value::as_array).map(Vec::len) else { continue };
        let pems = vec![certificate().pem.as_bytes().to_vec(); count];
        let files: Vec<Vec<u8>> = exported.files.iter().map(|(_, bytes)| bytes.clone()).collect();
        if files != pems || at(&spec, path).and_then(Value::as_array).map(Vec::len) != Some(count) {
            return Err(format!("`{path}` is {:?} with {} files", at(&spec, path), files.len()));
        }
        let (parent, member) = path.split_once('.').expect("a path of two parts");
        expected[parent].as_object_mut().expect("an object").remove(member);
    }
    if row.path == "setupAssistant.otherwise" {
        let named = |list: &str| -> BTreeSet<String> {
            let names = spec["setupAssistant"][list].as_array().into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let hidden: BTreeSet<String> = table
            .rows
            .iter()
            .filter(|one| one.platform == row.platform && one.path == "setupAssistant.hide")
            .filter(|one| {
                let keys = |wire: &Option<Value>| wire.clone().and_then(|keys| keys.as_array().cloned());
                let wire = keys(&row.wire).unwrap_or_default();
                keys(&one.wire).unwrap_or_default().iter().all(|key| wire.contains(key))
            })
            .filter_map(|one| one.value[0].as_str().map(str::to_owned))
            .collect();
        if named("hide") != hidden || named("show").is_empty() {
            return Err(format!("hides {:?}, not {hidden:?}", named("hide")));
        }
    } else {
        is_within(&expected, &spec)?;
    }
    let text = export::document(&name, &[name_of(TOKEN)], &exported).map_err(|error| error.to_string())?;
    let beside: Vec<(String, String)> = exported
        .files
        .iter()
        .map(|(path, bytes)| (path.display().to_string(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let (wished, _) = wishes_of("example", &text, &beside)?;
    let again = whole(platform, &Fields::new(), &wished);
    if again == fields { Ok(()) } else { Err(format!("the document wishes {again:?}, not {fields:?}")) }
}

#[test]
fn a_body_with_a_member_that_apple_does_not_know_is_a_fault() {
    let Some(table) = Table::read() else { return };
    let groups = groups(&table.rows);
    let body = body_of(&groups[0]).expect("a body");
    assert_eq!(table.faults(&body), [""; 0]);
    let changed = |member: &str, value: Value| {
        let mut body = body.clone();
        body[member] = value;
        table.faults(&body)
    };
    assert!(!changed("nickname", json!("x")).is_empty(), "an unknown member");
    assert!(!changed("is_supervised", json!("true")).is_empty(), "another type");
    assert!(groups[0].judge_sent(&json!({})).iter().any(|verdict| matches!(verdict, Verdict::Fails(_))));
}
