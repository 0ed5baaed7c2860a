//! The field table of the contracts, walked whole: manifest to wire, wire to manifest, and the
//! simulator without the client.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use espalier::diff;
use espalier::manifest::{export, load_text};
use espalier::model::live::{Fact, LiveProfile};
use espalier::model::{Fields, Name};
use espalier::provider::graph::{Outcome, Write, convert};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use serde_json::{Value, json};

use crate::support::contract::{Judge, contracts_folder};
use crate::support::desk::{Desk, TOKEN};
use crate::support::fields::{Certainty, Group, Row, Verdict, at, fill_placeholders, groups, merge, parse};

/// Fields of the table that this version does not carry yet; their documents are refused.
const LATER: [&str; 2] = ["companyPortal", "cellularActivationUrl"];

/// Rows of iOS that are not [`LATER`], at least: the table may grow, and a judge that sees fewer
/// has not read it.
const ROWS: usize = 259;

/// The rows of the table that tell what comes back.
const ROWS_BACK: usize = 199;

/// The rows of skip keys that follow from a boolean, at least.
const ROWS_DERIVED: usize = 48;

/// The path of the certificate in the table.
const CERTIFICATE: &str = "certs/host.cer";

struct Table {
    rows: Vec<Row>,
    pem: String,
}

impl Table {
    /// `None` without contracts, said on stderr.
    fn read() -> Option<Self> {
        let path = contracts_folder()?.join("fields/graph-classic.tsv");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut rows = parse(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        rows.retain(|row| row.platform == "ios");
        let certificate = certificate();
        let der = base64::engine::general_purpose::STANDARD.encode(certificate.to_der().expect("DER"));
        fill_placeholders(&mut rows, |_, placeholder| placeholder.starts_with("base64").then(|| der.clone()));
        let pem = String::from_utf8(certificate.to_pem().expect("PEM")).expect("PEM is text");
        Some(Self { rows, pem })
    }

    /// The groups of fields that are built here.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups = groups(&self.rows);
        groups.retain(|group| !is_later(group));
        groups
    }

    /// What a document wishes that carries `spec`, as (wished, created).
    fn wishes(&self, name: &str, spec: &Value) -> Result<(Fields, Fields), String> {
        // JSON is YAML.
        let document = json!({
            "apiVersion": "espalier.dev/v1alpha1",
            "kind": "EnrollmentProfile",
            "metadata": { "name": name },
            "spec": spec,
        });
        self.wishes_of(name, &document.to_string(), &[(CERTIFICATE.to_owned(), self.pem.clone())])
    }

    fn wishes_of(
        &self,
        name: &str,
        text: &str,
        beside: &[(String, String)],
    ) -> Result<(Fields, Fields), String> {
        let mut files = vec![("all.yaml", SURROUNDINGS), ("profile.yaml", text)];
        files.extend(beside.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        let mut loaded = load_text(&files);
        if loaded.diagnostics.refuse() {
            return Err(format!("refused: {:?}\n{text}", loaded.diagnostics));
        }
        let (name, token) = (name_of(name), name_of(TOKEN));
        let mut profile =
            loaded.desired.profiles.remove(&name).ok_or("no profile was made of the document")?;
        let both = profile.wished.remove(&token).zip(profile.created.remove(&token));
        both.ok_or_else(|| "the document wishes nothing on its token".to_owned())
    }
}

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
  intune: {tenantId: contoso.example, clientId: app, credential: {clientSecret: {env: SECRET}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: main}
spec: {mdm: tenant}
";

fn name_of(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn certificate() -> X509 {
    let made = || -> Result<X509, openssl::error::ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let mut subject = X509NameBuilder::new()?;
        subject.append_entry_by_text("CN", "host")?;
        let subject = subject.build();
        let mut certificate = X509Builder::new()?;
        certificate.set_subject_name(&subject)?;
        certificate.set_issuer_name(&subject)?;
        certificate.set_pubkey(&key)?;
        let (from, to) = (Asn1Time::from_unix(0)?, Asn1Time::from_unix(4_000_000_000)?);
        certificate.set_not_before(&from)?;
        certificate.set_not_after(&to)?;
        certificate.sign(&key, MessageDigest::sha256())?;
        Ok(certificate.build())
    };
    made().expect("a certificate")
}

/// Whether a group is about, or is only valid with, a field of a later version.
fn is_later(group: &Group<'_>) -> bool {
    group.rows.iter().any(|row| {
        let fragments = [Some(&row.value), row.note.with.as_ref()].into_iter().flatten();
        let mentions = |fragment: &Value| LATER.iter().any(|field| fragment.get(field).is_some());
        let root = row.path.split('.').next().unwrap_or_default();
        LATER.contains(&root) || fragments.into_iter().any(mentions)
    })
}

fn base_spec() -> Value {
    json!({ "tokens": [TOKEN], "platform": "ios", "userAffinity": "none" })
}

fn name_in(group: &Group<'_>) -> String {
    group.name().unwrap_or("example").to_owned()
}

/// Verdicts added up.
#[derive(Default)]
struct Tally {
    judged: usize,
    faults: Vec<String>,
}

impl Tally {
    fn add(&mut self, side: &str, verdict: Verdict) {
        self.judged += 1;
        match verdict {
            Verdict::Holds => {}
            Verdict::Fails(fault) => self.faults.push(format!("{side}: {fault}")),
            // Past the test runner's capture: nobody would see it in a run that passes.
            Verdict::Reported(fault) => {
                let _ = writeln!(std::io::stderr(), "unverified, {side}: {fault}");
            }
        }
    }

    fn fail(&mut self, side: &str, group: &Group<'_>, fault: &str) {
        let row = group.rows[0];
        self.faults.push(format!("{side}: row {} ({} {}): {fault}", row.line, row.path, row.value));
    }

    #[track_caller]
    fn finish(self, at_least: usize) {
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
        assert!(self.judged >= at_least, "only {} rows were judged, not {at_least}", self.judged);
    }
}

#[test]
fn only_what_is_announced_is_left_to_later_versions() {
    let Some(table) = Table::read() else { return };
    for group in groups(&table.rows).iter().filter(|group| is_later(group)) {
        let spec = group.spec(&base_spec());
        let refused = table.wishes(&name_in(group), &spec).expect_err("a field of a later version");
        assert!(refused.contains("not-in-this-version"), "{refused}");
    }
}

#[tokio::test]
async fn every_row_goes_to_the_wire_as_the_table_says() {
    let Some(table) = Table::read() else { return };
    let judge = Judge::from_env();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(|options| options.record = Some(recording.clone())).await;
    let (_, actuator) = desk.client();
    let mut tally = Tally::default();
    let mut sent = Vec::new();
    for group in table.groups().into_iter().filter(Group::is_written) {
        let created = match table.wishes(&name_in(&group), &group.spec(&base_spec())) {
            Ok((_, created)) => created,
            Err(fault) => {
                tally.fail("to the wire", &group, &fault);
                continue;
            }
        };
        let body = Value::Object(convert::create_body(&created));
        for verdict in group.judge_sent(&body) {
            tally.add("to the wire", verdict);
        }
        match actuator.write(&Write::CreateProfile { token: desk.token(), fields: created }).await {
            Outcome::Done(Some(_)) => sent.push(body),
            other => tally.fail("create", &group, &format!("{other:?}")),
        }
    }
    desk.sim.stop().await.expect("the simulator stops");
    assert_eq!(bodies_created(&recording), sent, "what was judged is what was sent");
    if let Some(judge) = judge {
        tally.faults.extend(judge.file(&recording));
    }
    tally.finish(ROWS);
}

/// The bodies of all creates in a recording.
fn bodies_created(recording: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(recording).expect("a recording");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .filter(|line| {
            let is =
                |name: &str, wanted: &str| line[name].as_str().is_some_and(|text| text.ends_with(wanted));
            is("method", "POST") && is("path", "/enrollmentProfiles")
        })
        .map(|mut line| line["requestBody"].take())
        .collect()
}

/// An object as the service holds it, with the wire values of a group.
fn wire_object(group: &Group<'_>) -> Value {
    let mut object = json!({
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile",
        "displayName": "example",
        "requiresUserAuthentication": false,
        "isMandatory": true,
        "iTunesPairingMode": "allow",
    });
    // What the path itself implies: numbers of Shared iPad mean something only while it is on, and
    // the service always has a number of users then.
    let path = &group.rows[0].path;
    if path.starts_with("sharedIpad") {
        merge(&mut object, &json!({ "enableSharedIPad": true, "sharedIPadMaximumUserCount": 10 }));
    }
    if path == "sharedIpad.temporarySessionTimeoutSeconds" {
        merge(&mut object, &json!({ "forceTemporarySession": true }));
    }
    merge(&mut object, &group.wire());
    object
}

#[tokio::test]
async fn the_simulator_returns_what_was_posted_and_derives_the_keys() {
    let Some(table) = Table::read() else { return };
    let desk = Desk::new(|_| {}).await;
    let mut tally = Tally::default();
    for group in table.groups().into_iter().filter(Group::reads_back) {
        let (status, made) = desk.post_profile(&wire_object(&group)).await;
        let Some(id) = made["id"].as_str().filter(|_| status == 201) else {
            tally.fail("simulator", &group, &format!("{status} {made}"));
            continue;
        };
        let shown = desk.get_profile(id).await;
        for row in group.rows.iter().filter(|row| row.reads_back() || row.note.derived) {
            if row.note.derived {
                // The simulator is of the opinion of the table, whoever is not sure of it.
                let sure = Row { certainty: Certainty::Documented, ..(*row).clone() };
                let verdict = match at(&shown, &row.member) {
                    Some(_) => sure.judge_sent(&shown),
                    None => Verdict::Fails(format!("row {}: {} is missing", row.line, row.member)),
                };
                tally.add("simulator", verdict);
            } else {
                tally.add("simulator", row.judge_sent(&shown));
            }
        }
    }
    tally.finish(ROWS_BACK + ROWS_DERIVED);
}

#[tokio::test]
async fn every_row_comes_back_as_the_table_says() {
    let Some(table) = Table::read() else { return };
    let desk = Desk::new(|_| {}).await;
    let (observer, _) = desk.client();
    let mut tally = Tally::default();
    let mut made = Vec::new();
    let table_groups = table.groups();
    for group in table_groups.iter().filter(|group| group.reads_back()) {
        let (status, body) = desk.post_profile(&wire_object(group)).await;
        match body["id"].as_str().filter(|_| status == 201) {
            Some(id) => made.push((group, id.to_owned())),
            None => tally.fail("back", group, &format!("{status} {body}")),
        }
    }
    let token = desk.token();
    let mut read = observer.profiles(std::slice::from_ref(&token)).await;
    let Some(Fact::Known(profiles)) = read.remove(&token) else { panic!("{read:?}") };
    for (group, id) in made {
        let Some(live) = profiles.iter().find(|profile| profile.id.0 == id) else {
            tally.fail("back", group, "the list does not show it");
            continue;
        };
        match comes_back(&table, &table_groups, group, live) {
            Ok(()) => {
                let rows = group.rows.iter().filter(|row| row.reads_back());
                rows.for_each(|_| tally.add("back", Verdict::Holds));
            }
            Err(fault) => {
                let sure =
                    group.rows.iter().any(|row| row.reads_back() && row.certainty != Certainty::Unverified);
                let fault = format!("row {}: {fault}", group.rows[0].line);
                tally.add("back", if sure { Verdict::Fails(fault) } else { Verdict::Reported(fault) });
            }
        }
    }
    tally.finish(ROWS_BACK);
}

/// Whether the export of a live profile says what the group says, and plans to nothing.
fn comes_back(table: &Table, all: &[Group<'_>], group: &Group<'_>, live: &LiveProfile) -> Result<(), String> {
    let name = name_of("example");
    let exported = export::spec_of(&live.fields, &name);
    let spec = serde_json::to_value(&exported.spec).map_err(|error| error.to_string())?;
    let row = group.rows[0];
    if row.path == "setupAssistant.otherwise" {
        let word = row.value.as_str().unwrap_or_default();
        for row in group.rows.iter().filter(|row| row.member != "enabledSkipKeys") {
            let screen = screen_of(all, &row.member)?;
            is_within(&json!({ word: [screen] }), &spec["setupAssistant"])?;
        }
    } else if row.path == "pairing.certificates" {
        // The files are called otherwise than in the table; what is in them counts.
        let count = row.value.as_array().map_or(0, Vec::len);
        let pems = vec![table.pem.as_bytes().to_vec(); count];
        let files: Vec<Vec<u8>> = exported.files.iter().map(|(_, bytes)| bytes.clone()).collect();
        let named = at(&spec, &row.path).and_then(Value::as_array).map(Vec::len);
        if (files != pems) || named != Some(count) {
            return Err(format!("certificates are {:?} with {} files", named, files.len()));
        }
    } else {
        is_within(&group.expected_fragment(), &spec)?;
    }
    if !exported.left_out.is_empty() {
        return Err(format!("left out: {:?}", exported.left_out));
    }
    let text = export::document(&name, &[name_of(TOKEN)], &exported).map_err(|error| error.to_string())?;
    let beside: Vec<(String, String)> = exported
        .files
        .iter()
        .map(|(path, bytes)| (path.display().to_string(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let (wished, _) = table.wishes_of("example", &text, &beside)?;
    let changes = diff::compare(&wished, &live.fields);
    if changes.is_empty() { Ok(()) } else { Err(format!("a plan after the export changes {changes:?}")) }
}

/// The screen whose boolean a member is, by the rows that hide one.
fn screen_of<'a>(all: &[Group<'a>], member: &str) -> Result<&'a Value, String> {
    let mut rows = all.iter().flat_map(|group| &group.rows);
    rows.find(|row| row.path == "setupAssistant.hide" && row.member == member)
        .and_then(|row| row.value.get(0))
        .ok_or_else(|| format!("no row hides a screen by {member}"))
}

/// Whether `whole` says everything that `part` says: objects member by member, lists as sets.
fn is_within(part: &Value, whole: &Value) -> Result<(), String> {
    match (part, whole) {
        (Value::Object(part), Value::Object(_)) => part.iter().try_for_each(|(name, value)| {
            is_within(value, &whole[name]).map_err(|fault| format!("{name}.{fault}"))
        }),
        (Value::Array(part), Value::Array(items)) if part.iter().all(|one| items.contains(one)) => Ok(()),
        (part, whole) if part == whole => Ok(()),
        (part, whole) => Err(format!(" is {whole}, not {part}")),
    }
}
