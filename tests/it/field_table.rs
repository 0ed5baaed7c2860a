//! The field table of the contracts, walked whole on both platforms: manifest to wire, and wire to
//! manifest. No row is left out; rows that nobody is sure of are reported and never fail.

use std::io::Write as _;
use std::path::Path;

use espalier::diff;
use espalier::manifest::{export, load_text};
use espalier::model::live::{Complete, Fact, LiveProfile, VppToken};
use espalier::model::{Fields, Name, Platform, Secret, Value as FieldValue};
use espalier::provider::graph::{Outcome, Resolved, Write, convert};
use serde_json::{Value, json};

use crate::support::contract::{Judge, contracts_folder};
use crate::support::desk::{Desk, TOKEN};
use crate::support::fields::{Certainty, Group, Row, Verdict, at, fill_placeholders, groups, merge, parse};
use crate::support::wire::{base, certificate, circumstances};

/// Rows that are written, at least: the table may grow, and a judge that sees fewer has not read it.
const WRITTEN: usize = 440;

/// Rows that tell what comes back, likewise.
const BACK: usize = 330;

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
        let certificate = certificate();
        fill_placeholders(&mut rows, |_, placeholder| {
            placeholder.starts_with("base64").then(|| certificate.base64.clone())
        });
        Some(Self { rows, pem: certificate.pem.clone() })
    }

    /// How many rows a judge has to see.
    fn count(&self, counts: impl Fn(&Row) -> bool, at_least: usize) -> usize {
        let count = self.rows.iter().filter(|row| counts(row)).count();
        assert!(count >= at_least, "the table has {count} such rows, not {at_least}");
        count
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
  intune: {tenantId: contoso.example, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {clientSecret: {env: SECRET}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: main}
spec: {mdm: tenant}
";

fn name_of(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn base_spec(group: &Group<'_>) -> Value {
    json!({ "tokens": [TOKEN], "platform": group.platform(), "userAffinity": "none" })
}

fn platform_of(group: &Group<'_>) -> Platform {
    Platform::from_word(group.platform()).expect("a platform")
}

/// What stands behind the words of a document's fields: the id of the VPP token that the service shows
/// under the name, and the text of the environment that the group asks for.
fn resolved(group: &Group<'_>, fields: &Fields, tokens: &Complete<VppToken>) -> Resolved {
    let text = |field: &str| fields.get(field).and_then(FieldValue::as_text);
    let vpp_token = text("companyPortal.vppToken").and_then(|name| {
        let named = tokens.named(name, |_| true).ok()?;
        named.first().map(|token| token.id.clone())
    });
    let password = text("localAdmin.password").and_then(|reference| {
        let variable = reference.strip_prefix("env ")?;
        let (_, value) = group.env().into_iter().find(|(name, _)| *name == variable)?;
        Some(Secret::new(value.to_owned()))
    });
    Resolved { vpp_token, password }
}

fn name_in(group: &Group<'_>) -> String {
    group.name().unwrap_or("example").to_owned()
}

/// Verdicts added up.
#[derive(Default)]
pub struct Tally {
    judged: usize,
    faults: Vec<String>,
}

impl Tally {
    /// Adds the verdict on one row.
    pub fn add(&mut self, side: &str, verdict: Verdict) {
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

    /// Adds what stops a whole group.
    pub fn fail(&mut self, side: &str, group: &Group<'_>, fault: &str) {
        let row = group.rows[0];
        self.faults.push(format!("{side}: row {} ({} {}): {fault}", row.line, row.path, row.value));
    }

    /// Fails with every fault, or where another number of rows was judged.
    #[track_caller]
    pub fn finish(self, rows: usize) {
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
        assert_eq!(self.judged, rows, "rows that were judged");
    }
}

#[tokio::test]
async fn every_row_goes_to_the_wire_as_the_table_says() {
    let Some(table) = Table::read() else { return };
    let judge = Judge::from_env();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(|options| options.record = Some(recording.clone())).await;
    let (observer, actuator) = desk.client();
    let Fact::Known(tokens) = observer.vpp_tokens().await else { panic!("the VPP tokens are not known") };
    let mut tally = Tally::default();
    let mut sent = Vec::new();
    for group in groups(&table.rows).into_iter().filter(Group::is_written) {
        let fields = match table.wishes(&name_in(&group), &group.spec(&base_spec(&group))) {
            Ok((_, created)) => created,
            Err(fault) => {
                tally.fail("to the wire", &group, &fault);
                continue;
            }
        };
        let (platform, resolved) = (platform_of(&group), resolved(&group, &fields, &tokens));
        let body = Value::Object(convert::create_body(platform, &fields, &resolved));
        for verdict in group.judge_sent(&body) {
            tally.add("to the wire", verdict);
        }
        match actuator.write(&Write::CreateProfile { token: desk.token(), platform, fields, resolved }).await
        {
            Outcome::Done(Some(_)) => sent.push(without_password(body)),
            other => tally.fail("create", &group, &format!("{other:?}")),
        }
    }
    desk.sim.stop().await.expect("the simulator stops");
    assert_eq!(bodies_created(&recording), sent, "what was judged is what was sent");
    if let Some(judge) = judge {
        tally.faults.extend(judge.file(&recording));
    }
    tally.finish(table.count(|row| !row.note.back, WRITTEN));
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
        .map(|mut line| without_password(line["requestBody"].take()))
        .collect()
}

/// A recording does not keep the password; that it is sent, the row of the table says.
fn without_password(mut body: Value) -> Value {
    if let Some(password) = body.get_mut("adminAccountPassword") {
        *password = Value::Null;
    }
    body
}

/// An object as the service holds it, with the wire values of a group.
fn wire_object(group: &Group<'_>) -> Value {
    let mut object = base(group.platform());
    merge(&mut object, &circumstances(group));
    // There is an administrator where it has a user name, which the rows have from `with`.
    if group.rows[0].path.starts_with("localAdmin.") {
        merge(
            &mut object,
            &json!({ "adminAccountUserName": "ladmin", "adminAccountFullName": "Local Admin" }),
        );
    }
    merge(&mut object, &group.wire());
    object
}

#[tokio::test]
async fn every_row_comes_back_as_the_table_says() {
    let Some(table) = Table::read() else { return };
    let desk = Desk::new(|_| {}).await;
    let (observer, _) = desk.client();
    let mut tally = Tally::default();
    let mut made = Vec::new();
    let table_groups = groups(&table.rows);
    assert!(observer.vpp_tokens().await.known().is_some(), "the names of VPP tokens are read first");
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

/// The same of each row of a group that tells what comes back.
pub fn tell(tally: &mut Tally, group: &Group<'_>, verdict: impl Fn(&Row) -> Verdict) {
    for row in group.rows.iter().filter(|row| row.reads_back()) {
        tally.add("back", verdict(row));
    }
}

/// Whether the export of a live profile says what the group says, and plans to nothing.
fn comes_back(table: &Table, all: &[Group<'_>], group: &Group<'_>, live: &LiveProfile) -> Result<(), String> {
    let name = name_of("example");
    let exported = export::spec_of(platform_of(group), &live.fields, &name);
    let spec = serde_json::to_value(&exported.spec).map_err(|error| error.to_string())?;
    let row = group.rows[0];
    if row.path == "setupAssistant.otherwise" {
        let word = row.value.as_str().unwrap_or_default();
        for row in group.rows.iter().filter(|row| row.member != "enabledSkipKeys") {
            let screen = screen_of(all, row)?;
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

/// The screen whose boolean the row's member is, by the rows that hide one.
fn screen_of<'a>(all: &[Group<'a>], of: &Row) -> Result<&'a Value, String> {
    let (platform, member) = (&of.platform, &of.member);
    let mut rows = all.iter().flat_map(|group| &group.rows).filter(|row| row.platform == *platform);
    rows.find(|row| row.path == "setupAssistant.hide" && row.member == *member)
        .and_then(|row| row.value.get(0))
        .ok_or_else(|| format!("no row hides a screen by {member}"))
}

/// Whether `whole` says everything that `part` says: objects member by member, lists as sets.
pub fn is_within(part: &Value, whole: &Value) -> Result<(), String> {
    match (part, whole) {
        (Value::Object(part), Value::Object(_)) => part.iter().try_for_each(|(name, value)| {
            is_within(value, &whole[name]).map_err(|fault| format!("{name}.{fault}"))
        }),
        (Value::Array(part), Value::Array(items)) if part.iter().all(|one| items.contains(one)) => Ok(()),
        (part, whole) if part == whole => Ok(()),
        (part, whole) => Err(format!(" is {whole}, not {part}")),
    }
}
