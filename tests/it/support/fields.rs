//! The table judge: which manifest value becomes which member on the wire, by another hand.
//!
//! Reads `fields/graph-classic.tsv` of the contracts: tab-separated, `#` lines, one header line,
//! columns platform, manifest path, manifest value, member, wire value, certainty, note. The note
//! is parted by ` | `: tokens first, words after. Pure: text and JSON values in, verdicts out.

use serde_json::{Map, Value};

/// How sure the table is of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The vendor's pages state it.
    Documented,
    /// Somebody's working code or a recorded read shows it.
    Observed,
    /// Nobody settled it: a mismatch is reported and never a failure.
    Unverified,
}

/// What the tokens of a note say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Note {
    /// `with {json}`: merged into `spec` before the row's value.
    pub with: Option<Value>,
    /// `name X`: `metadata.name` of the document.
    pub name: Option<String>,
    /// `env N=V`: the environment of the run.
    pub env: Vec<(String, String)>,
    /// `contains`: the wire value's items are among the member's.
    pub contains: bool,
    /// `lacks KEY`: the member's items do not include it.
    pub lacks: Option<String>,
    /// `derived`: the service fills it; a client may leave it out and must agree where it sends it.
    pub derived: bool,
    /// `implied`: has to be sent though the field is another.
    pub implied: bool,
    /// `default`: what `null` means.
    pub default: bool,
    /// `back`: read only, never written.
    pub back: bool,
    /// `one way`: written only, another manifest reads back.
    pub one_way: bool,
    /// `write only`: a secret, which never comes back.
    pub write_only: bool,
    /// Words for people.
    pub words: Vec<String>,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line in the file, from one.
    pub line: usize,
    /// `ios` or `macos`.
    pub platform: String,
    /// Below `spec`; `.` where the value is a fragment of `spec`.
    pub path: String,
    /// The manifest's value.
    pub value: Value,
    /// The member at the service; a dot parts nested objects.
    pub member: String,
    /// `None`: the member is left out.
    pub wire: Option<Value>,
    /// How sure the row is.
    pub certainty: Certainty,
    /// What else it says.
    pub note: Note,
}

/// Rows that hold together: equal platform, path, value and `with`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a> {
    /// Never empty, in the table's order.
    pub rows: Vec<&'a Row>,
}

/// What a row says of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The body is as the row demands.
    Holds,
    /// It is not, and the row is sure.
    Fails(String),
    /// It is not, and nobody knows better.
    Reported(String),
}

/// All rows of a table.
///
/// # Errors
///
/// The first line that the grammar does not allow, with its number.
pub fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut lines =
        text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    match lines.next() {
        Some((_, header)) if header.starts_with("platform\tmanifest_path\t") => {}
        _ => return Err("the header line is missing".to_owned()),
    }
    lines
        .map(|(index, line)| row(index + 1, line).map_err(|fault| format!("line {}: {fault}", index + 1)))
        .collect()
}

fn row(line: usize, text: &str) -> Result<Row, String> {
    let cells: Vec<&str> = text.split('\t').collect();
    let [platform, path, value, member, wire, certainty, note] = cells[..] else {
        return Err(format!("{} columns instead of 7", cells.len()));
    };
    Ok(Row {
        line,
        platform: platform.to_owned(),
        path: path.to_owned(),
        value: json(value)?,
        member: member.to_owned(),
        wire: if wire.is_empty() { None } else { Some(json(wire)?) },
        certainty: match certainty {
            "documented" => Certainty::Documented,
            "observed" => Certainty::Observed,
            "unverified" => Certainty::Unverified,
            other => return Err(format!("unknown certainty {other:?}")),
        },
        note: parse_note(note)?,
    })
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{text:?} is no JSON: {error}"))
}

fn parse_note(text: &str) -> Result<Note, String> {
    let mut note = Note::default();
    for part in text.split(" | ").filter(|part| !part.is_empty()) {
        // Words may begin like a token: after the first of them nothing is a token any more.
        if !note.words.is_empty() || !token(part, &mut note)? {
            note.words.push(part.to_owned());
        }
    }
    Ok(note)
}

/// Takes `part` into `note` if it is a token.
fn token(part: &str, note: &mut Note) -> Result<bool, String> {
    match part {
        "contains" => note.contains = true,
        "derived" => note.derived = true,
        "implied" => note.implied = true,
        "default" => note.default = true,
        "back" => note.back = true,
        "one way" => note.one_way = true,
        "write only" => note.write_only = true,
        _ => match part.split_once(' ') {
            Some(("with", fragment)) if fragment.starts_with('{') => note.with = Some(json(fragment)?),
            Some(("name", name)) if !name.contains(' ') => note.name = Some(name.to_owned()),
            Some(("lacks", key)) if !key.contains(' ') => note.lacks = Some(key.to_owned()),
            Some(("env", setting)) => {
                let (name, value) =
                    setting.split_once('=').ok_or_else(|| format!("{part:?} sets nothing"))?;
                note.env.push((name.to_owned(), value.to_owned()));
            }
            _ => return Ok(false),
        },
    }
    Ok(true)
}

/// The rows that hold together, groups in the order of their first row.
pub fn groups(rows: &[Row]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|group| group.holds(row)) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { rows: vec![row] }),
        }
    }
    groups
}

impl<'a> Group<'a> {
    fn first(&self) -> &'a Row {
        self.rows[0]
    }

    fn holds(&self, row: &Row) -> bool {
        let first = self.first();
        first.platform == row.platform
            && first.path == row.path
            && first.value == row.value
            && first.note.with == row.note.with
    }

    /// `ios` or `macos`.
    pub fn platform(&self) -> &'a str {
        &self.first().platform
    }

    /// `metadata.name`, where a row asks for one.
    pub fn name(&self) -> Option<&'a str> {
        self.rows.iter().find_map(|row| row.note.name.as_deref())
    }

    /// The environment that the rows ask for.
    pub fn env(&self) -> Vec<(&'a str, &'a str)> {
        self.rows
            .iter()
            .flat_map(|row| &row.note.env)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// `spec` with `with` merged in, and the value after it.
    pub fn spec(&self, base: &Value) -> Value {
        let first = self.first();
        let mut spec = base.clone();
        if let Some(with) = &first.note.with {
            merge(&mut spec, with);
        }
        match first.path.as_str() {
            "." => merge(&mut spec, &first.value),
            path => set(&mut spec, path, first.value.clone()),
        }
        spec
    }

    /// Whether anything of it is written: `false` where all rows are `back` rows.
    pub fn is_written(&self) -> bool {
        self.rows.iter().any(|row| !row.note.back)
    }

    /// The verdicts on a body that was sent for [`Group::spec`], one per written row.
    pub fn judge_sent(&self, body: &Value) -> Vec<Verdict> {
        self.rows.iter().filter(|row| !row.note.back).map(|row| row.judge_sent(body)).collect()
    }

    /// Whether the way back from the wire to the manifest can be told by these rows.
    pub fn reads_back(&self) -> bool {
        self.rows.iter().any(|row| row.reads_back())
    }

    /// The wire object of all rows that read back, to be merged into a live object.
    pub fn wire(&self) -> Value {
        let mut object = Value::Object(Map::new());
        for row in self.rows.iter().filter(|row| row.reads_back()) {
            if let Some(wire) = &row.wire {
                set(&mut object, &row.member, wire.clone());
            }
        }
        object
    }

    /// What an export of [`Group::wire`] must say: the expected fragment of `spec`.
    pub fn expected_fragment(&self) -> Value {
        let first = self.first();
        let mut fragment = Value::Object(Map::new());
        match first.path.as_str() {
            "." => merge(&mut fragment, &first.value),
            path => set(&mut fragment, path, first.value.clone()),
        }
        fragment
    }
}

impl Row {
    /// Whether the wire value alone gives the manifest value back.
    pub fn reads_back(&self) -> bool {
        let note = &self.note;
        !(note.default || note.implied || note.derived || note.one_way || note.write_only)
    }

    /// Holds one body that was sent to this row.
    pub fn judge_sent(&self, body: &Value) -> Verdict {
        match self.mismatch(at(body, &self.member)) {
            None => Verdict::Holds,
            Some(fault) => {
                let fault =
                    format!("row {} ({} {} {}): {fault}", self.line, self.platform, self.path, self.value);
                match self.certainty {
                    Certainty::Unverified => Verdict::Reported(fault),
                    _ => Verdict::Fails(fault),
                }
            }
        }
    }

    fn mismatch(&self, sent: Option<&Value>) -> Option<String> {
        let member = &self.member;
        if self.note.derived && sent.is_none() {
            return None;
        }
        if let Some(key) = &self.note.lacks {
            let has = items(sent).iter().any(|item| item.as_str() == Some(key));
            return has.then(|| format!("{member} holds {key}"));
        }
        if self.note.contains {
            let missing: Vec<&Value> =
                items(self.wire.as_ref()).iter().filter(|item| !items(sent).contains(item)).collect();
            return (!missing.is_empty()).then(|| format!("{member} lacks {missing:?}"));
        }
        let expected = self.wire.as_ref();
        (!is_same(sent, expected)).then(|| format!("{member} is {}, not {}", shown(sent), shown(expected)))
    }
}

/// Equal, member for member; an object in the table names the members to compare, and others
/// beside them are not its business (who fills `thumbprint` is open).
fn is_same(sent: Option<&Value>, expected: Option<&Value>) -> bool {
    match (sent, expected) {
        (Some(Value::Array(sent)), Some(Value::Array(expected))) => {
            sent.len() == expected.len()
                && sent.iter().zip(expected).all(|(sent, expected)| is_same(Some(sent), Some(expected)))
        }
        (Some(Value::Object(sent)), Some(Value::Object(expected))) => {
            expected.iter().all(|(name, expected)| is_same(sent.get(name), Some(expected)))
        }
        (sent, expected) => sent == expected,
    }
}

/// Puts what `fill` computes in the place of each `<…>` text of the wire values; a placeholder for
/// which it has nothing stays.
pub fn fill_placeholders(rows: &mut [Row], fill: impl Fn(&Row, &str) -> Option<String>) {
    for row in rows {
        let Some(mut wire) = row.wire.take() else { continue };
        fill_value(&mut wire, &|placeholder| fill(row, placeholder));
        row.wire = Some(wire);
    }
}

fn fill_value(value: &mut Value, fill: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            let placeholder = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            if let Some(computed) = placeholder.and_then(fill) {
                *text = computed;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_value(item, fill)),
        Value::Object(members) => members.values_mut().for_each(|member| fill_value(member, fill)),
        _ => {}
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "left out".to_owned(), Value::to_string)
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Merges `from` into `into`, deeply: objects member by member, all else replaced.
pub fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// The value at a dotted path; a member that begins with `@` is one name, dots and all.
pub fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    steps(path).into_iter().try_fold(value, |value, step| value.get(step))
}

/// Sets the value at a dotted path, making the objects on the way.
pub fn set(into: &mut Value, path: &str, value: Value) {
    let fragment = steps(path)
        .into_iter()
        .rev()
        .fold(value.clone(), |value, step| Value::Object(Map::from_iter([(step.to_owned(), value)])));
    merge(into, &fragment);
    // A merge keeps what stood in an object; the row's value stands for the whole field.
    if let Some(target) = steps(path).into_iter().try_fold(into, |value, step| value.get_mut(step)) {
        *target = value;
    }
}

fn steps(path: &str) -> Vec<&str> {
    if path.starts_with('@') { vec![path] } else { path.split('.').collect() }
}
