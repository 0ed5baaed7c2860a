//! Nodes against the field tables: collects every unknown field and bad value of a document.
//!
//! Values are never printed where a secret may stand: messages name fields and types, and only
//! words of closed sets and names are repeated.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kinds;
use super::serial::{self, Serials};
use super::shape::{Field, Shape, Type, Word};
use super::suggest;
use super::value::{self, Item, Object, Read};
use super::yaml::{Entry, Node, Yaml};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::{Name, Place, SecretRef, Serial, desired::TokenSelector, screens};

/// How many bad serials of a list are told one by one.
const MOST_TOLD: usize = 50;

/// Checks the nodes of one document.
pub struct Checker<'d> {
    /// The document's file.
    pub file: Arc<str>,
    /// Where findings go.
    pub found: &'d mut Diagnostics,
    /// Whether anything was refused.
    pub broken: bool,
}

impl<'d> Checker<'d> {
    /// A checker for one document.
    pub fn new(file: Arc<str>, found: &'d mut Diagnostics) -> Self {
        Self { file, found, broken: false }
    }

    /// The place of a node.
    pub fn place(&self, node: &Node) -> Place {
        Place { file: self.file.clone(), line: node.line, column: node.column }
    }

    /// Refuses something.
    pub fn refuse(&mut self, diagnostic: Diagnostic) {
        self.broken |= diagnostic.severity == Severity::Refuse;
        self.found.push(diagnostic);
    }

    fn bad(&mut self, node: &Node, message: String, next: impl Into<String>) -> Read {
        let place = self.place(node);
        self.refuse(Diagnostic::new("bad-value", Severity::Refuse, place, message).next(next));
        Read::Bad
    }

    /// The entries of a mapping by key, repeated ones refused.
    pub fn entries<'n, 't>(
        &mut self,
        node: &'n Node<'t>,
        path: &str,
    ) -> Option<Vec<(&'n str, &'n Entry<'t>)>> {
        let Yaml::Map(entries) = &node.value else {
            let what = if path.is_empty() { "a document".to_owned() } else { format!("`{path}`") };
            self.bad(
                node,
                format!("{what} must be a mapping of fields, this is {}", node.value.describe()),
                "write `field: value` lines, indented below it",
            );
            return None;
        };
        let mut first: BTreeMap<&str, &Entry> = BTreeMap::new();
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = match &entry.key.value {
                Yaml::Text(text) | Yaml::Bare(text) => text.as_ref(),
                other => {
                    let message = format!("a field's name must be a text, this is {}", other.describe());
                    self.bad(&entry.key, message, "write the name of the field");
                    continue;
                }
            };
            if let Some(earlier) = first.get(key) {
                let message = format!("`{}` is written twice", join(path, key));
                let (place, also) = (self.place(&entry.key), self.place(&earlier.key));
                self.refuse(
                    Diagnostic::new("duplicate-key", Severity::Refuse, place, message)
                        .next("keep one of the two")
                        .and_at(also),
                );
                continue;
            }
            first.insert(key, entry);
            kept.push((key, entry));
        }
        Some(kept)
    }

    /// Checks an object against its table.
    pub fn object(&mut self, node: &Node, shape: &'static Shape, path: &str) -> Object {
        let mut object = Object::new(self.place(node));
        let Some(entries) = self.entries(node, path) else {
            object.unreadable = true;
            return object;
        };
        for (key, entry) in &entries {
            let full = join(path, key);
            match shape.field(key) {
                None => self.unknown(entry, key, shape, path),
                Some(field) if field.later => self.later(&entry.key, format!("`{full}`"), field.doc),
                Some(field) if field.never => self.never(&entry.key, &full, field.doc),
                Some(field) => {
                    let read = self.field(&entry.value, field, &full);
                    let place = self.place(&entry.value);
                    object.items.insert(field.name, Item { place, read });
                }
            }
        }
        let has = |name: &str| entries.iter().any(|(key, _)| *key == name);
        for field in shape.fields.iter().filter(|field| field.required && !has(field.name)) {
            self.missing(node, format!("`{}` is missing: {}", join(path, field.name), field.doc), field.name);
        }
        for group in shape.one_of {
            let given: Vec<&str> = group.names.iter().copied().filter(|name| has(name)).collect();
            if given.len() > 1 {
                let message = format!("{} exclude each other", quoted(&given));
                self.bad(node, message, "keep one of them");
            } else if given.is_empty() && group.required {
                let carried: Vec<&str> = shape
                    .fields
                    .iter()
                    .filter(|field| field.is_carried() && group.names.contains(&field.name))
                    .map(|field| field.name)
                    .collect();
                let of = if path.is_empty() { "spec" } else { path };
                let one_of = if carried.len() > 1 { "one of " } else { "" };
                self.missing(node, format!("`{of}` needs {one_of}{}", quoted(&carried)), carried[0]);
            }
        }
        object
    }

    fn missing(&mut self, node: &Node, message: String, add: &str) {
        let place = self.place(node);
        self.refuse(
            Diagnostic::new("missing-field", Severity::Refuse, place, message)
                .next(format!("add `{add}: …`")),
        );
    }

    fn unknown(&mut self, entry: &Entry, key: &str, shape: &Shape, path: &str) {
        let names = || shape.fields.iter().filter(|field| field.is_carried()).map(|field| field.name);
        let near = shape.fields.iter().filter(|field| !field.never).map(|field| field.name);
        let next = match suggest::nearest(key, near) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", names().collect::<Vec<_>>().join(", ")),
        };
        let place = self.place(&entry.key);
        let message = format!("there is no field `{}`", join(path, &shortened(key)));
        self.refuse(Diagnostic::new("unknown-field", Severity::Refuse, place, message).next(next));
    }

    /// Refuses what is of other kinds or services, with what to do instead.
    fn never(&mut self, node: &Node, path: &str, why: &str) {
        let place = self.place(node);
        let message = format!("there is no field `{path}` here");
        self.refuse(Diagnostic::new("unknown-field", Severity::Refuse, place, message).next(why));
    }

    /// Refuses what only a later version carries.
    fn later(&mut self, node: &Node, what: String, doc: &str) {
        let place = self.place(node);
        let message = format!("{what} is not in this version of espalier ({})", doc.trim_end_matches('.'));
        self.refuse(
            Diagnostic::new("not-in-this-version", Severity::Refuse, place, message)
                .next("remove it, or use a version that carries it"),
        );
    }

    fn field(&mut self, node: &Node, field: &Field, path: &str) -> Read {
        if matches!(node.value, Yaml::Null) {
            return match field.no_null {
                None => Read::Null,
                Some(why) => self.bad(
                    node,
                    format!("`{path}` cannot be null: {why}"),
                    "write a value, or leave the field out",
                ),
            };
        }
        self.value(node, field.ty, path)
    }

    fn value(&mut self, node: &Node, ty: Type, path: &str) -> Read {
        match ty {
            Type::Anything => Read::Bad,
            Type::Object(shape) => Read::Object(self.object(node, shape, path)),
            Type::List(item) => self.list(node, *item, path),
            Type::Map(item) => self.map(node, path, |_, _, _| Some(*item)),
            Type::WordMap(words, item) => {
                self.map(node, path, |checker, key, text| checker.word(key, text, words, path).map(|_| *item))
            }
            Type::Secret => self.secret(node, path),
            Type::SecretOrPath => self.secret_or_path(node, path),
            Type::Serials => self.serials(node, path),
            Type::Tokens => self.tokens(node, path),
            Type::Bool => match &node.value {
                Yaml::Bare(text) if text == "true" => Read::Bool(true),
                Yaml::Bare(text) if text == "false" => Read::Bool(false),
                _ => self.bad(
                    node,
                    format!("`{path}` takes true or false only"),
                    "write `true` or `false`, without quotes",
                ),
            },
            Type::Int(least, most) => self.int(node, least, most, path),
            _ => match &node.value {
                Yaml::Text(text) | Yaml::Bare(text) => self.text(node, text, ty, path),
                other => {
                    let message = format!("`{path}` must be a text, this is {}", other.describe());
                    self.bad(node, message, "write a single value")
                }
            },
        }
    }

    fn list(&mut self, node: &Node, item: Type, path: &str) -> Read {
        let Yaml::Seq(items) = &node.value else {
            let message = format!("`{path}` must be a list, this is {}", node.value.describe());
            return self.bad(node, message, "write `[a, b]`, or lines that begin with `- `");
        };
        let items = items.iter().map(|one| {
            let path = format!("{path}[]");
            let read = match &one.value {
                Yaml::Null => {
                    self.bad(one, format!("`{path}` is empty"), "write a value, or remove the line")
                }
                _ => self.value(one, item, &path),
            };
            Item { place: self.place(one), read }
        });
        Read::List(items.collect())
    }

    fn map(
        &mut self,
        node: &Node,
        path: &str,
        mut ty_of: impl FnMut(&mut Self, &Node, &str) -> Option<Type>,
    ) -> Read {
        let Some(entries) = self.entries(node, path) else { return Read::Bad };
        let mut map = BTreeMap::new();
        for (key, entry) in entries {
            let Some(ty) = ty_of(self, &entry.key, key) else { continue };
            let path = join(path, key);
            let read = match &entry.value.value {
                Yaml::Null => self.bad(
                    &entry.value,
                    format!("`{path}` has no value"),
                    "write a value, or remove the line",
                ),
                _ => self.value(&entry.value, ty, &path),
            };
            map.insert(key.to_owned(), Item { place: self.place(&entry.value), read });
        }
        Read::Map(map)
    }

    fn int(&mut self, node: &Node, least: i64, most: i64, path: &str) -> Read {
        let range = match (least, most) {
            (least, i64::MAX) => format!("a whole number from {least} up"),
            (least, most) => format!("a whole number from {least} to {most}"),
        };
        let Yaml::Bare(text) = &node.value else {
            let message = format!("`{path}` must be {range}, this is {}", node.value.describe());
            return self.bad(node, message, "write digits only, without quotes");
        };
        match text.parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Read::Int(number),
            _ => self.bad(
                node,
                format!("`{path}` must be {range}, not {}", shortened(text)),
                "write a number within the range",
            ),
        }
    }

    fn word(&mut self, node: &Node, text: &str, words: &'static [Word], path: &str) -> Option<&'static str> {
        let place = self.place(node);
        if let Some(word) = words.iter().find(|word| word.is_called(text)) {
            if word.later {
                self.later(node, format!("`{text}` of `{path}`"), "a word of a later version");
                return None;
            }
            return Some(word.word);
        }
        let carried: Vec<&str> = words.iter().filter(|word| !word.later).map(|word| word.word).collect();
        let spellings = words.iter().flat_map(|word| {
            let labels = word.labels.iter().copied();
            std::iter::once(word.word).chain(labels).map(move |spelling| (spelling, word.word))
        });
        let next = match suggest::nearest_of(text, spellings) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", quoted(&carried)),
        };
        let message = format!("`{path}` does not know `{}`", shortened(text));
        self.refuse(Diagnostic::new("unknown-word", Severity::Refuse, place, message).next(next));
        None
    }

    fn text(&mut self, node: &Node, text: &str, ty: Type, path: &str) -> Read {
        let read = match ty {
            Type::Word(words) => return self.word(node, text, words, path).map_or(Read::Bad, Read::Word),
            Type::Screen => return self.screen(node, text, path),
            Type::Filled | Type::Path if text.trim().is_empty() => Err("it is empty".to_owned()),
            Type::Name => Name::new(text).map(Read::Name).map_err(|error| error.to_string()),
            Type::Duration => value::duration(text).map(Read::Duration),
            Type::Time => value::time(text).map(Read::Time),
            Type::Instant => value::instant(text).map(Read::Time),
            Type::Uuid => match uuid::Uuid::parse_str(text) {
                Ok(id) if id.is_nil() => Err("it is the UUID that stands for none".to_owned()),
                Ok(id) => Ok(Read::Uuid(id)),
                Err(_) => Err("it is not a UUID".to_owned()),
            },
            Type::Guid => value::guid(text).map(Read::Text),
            Type::Tenant => value::tenant(text).map(Read::Text),
            Type::Origin => value::origin(text).map(Read::Url),
            Type::HttpsUrl => value::https(text).map(Read::Url),
            _ => Ok(Read::Text(text.to_owned())),
        };
        read.unwrap_or_else(|why| self.bad(node, format!("`{path}`: {why}"), value::example(ty)))
    }

    fn screen(&mut self, node: &Node, text: &str, path: &str) -> Read {
        if let Some(screen) = screens::lookup(text) {
            return Read::Word(screen.name);
        }
        let words = screens::SCREENS.iter().flat_map(|screen| {
            [Some(screen.name), screen.label, screen.key]
                .into_iter()
                .flatten()
                .map(move |word| (word, screen.name))
        });
        let next = match suggest::nearest_of(text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "screens are named as the portal names them, in camelCase: passcode, locationServices, siri, …".to_owned(),
        };
        let message = format!("`{path}`: there is no screen `{}` (P-25)", shortened(text));
        let place = self.place(node);
        self.refuse(Diagnostic::by_row("P-25", Severity::Refuse, place, message).next(next));
        Read::Bad
    }

    fn tokens(&mut self, node: &Node, path: &str) -> Read {
        if matches!(node.value, Yaml::Map(_)) {
            let object = self.object(node, &kinds::MATCH_LABELS, path);
            return match object.texts("matchLabels") {
                Some(labels) => Read::Tokens(TokenSelector::Labels(labels), BTreeMap::new()),
                None => Read::Bad,
            };
        }
        let Read::List(items) = self.list(node, Type::Name, path) else { return Read::Bad };
        let mut places = BTreeMap::new();
        let mut names = Vec::new();
        for item in items {
            if let Read::Name(name) = item.read {
                places.entry(name.clone()).or_insert(item.place);
                names.push(name);
            }
        }
        Read::Tokens(TokenSelector::Names(names), places)
    }

    fn secret(&mut self, node: &Node, path: &str) -> Read {
        const NEXT: &str =
            "write {env: NAME}, {file: path}, {sops: path, key: k} or {exec: [program, argument]}";
        let Yaml::Map(_) = &node.value else {
            let message = format!("`{path}` holds a plain value; a secret is only ever referred to");
            let place = self.place(node);
            self.refuse(
                Diagnostic::new("plain-secret", Severity::Refuse, place, message)
                    .next(format!("{NEXT}; treat the value as known to others and replace it")),
            );
            return Read::Bad;
        };
        let Some(entries) = self.entries(node, path) else { return Read::Bad };
        let mut found: BTreeMap<&str, &Node> = BTreeMap::new();
        for (key, entry) in entries {
            if matches!(key, "env" | "file" | "exec" | "sops" | "key") {
                found.insert(key, &entry.value);
            } else {
                let place = self.place(&entry.key);
                let message =
                    format!("`{path}` has an unknown field; its name is not shown, for it may be a secret");
                self.refuse(Diagnostic::new("unknown-field", Severity::Refuse, place, message).next(NEXT));
            }
        }
        let text = |name: &str| match found.get(name).map(|node| &node.value) {
            Some(Yaml::Text(text) | Yaml::Bare(text)) if !text.is_empty() => Some(text.to_string()),
            _ => None,
        };
        let keys: Vec<&str> = found.keys().copied().collect();
        let secret = match keys.as_slice() {
            // What can be no variable's name may be the secret itself, written at the wrong place.
            ["env"] => text("env").filter(|name| is_variable(name)).map(SecretRef::Env),
            ["file"] => text("file").map(|path| SecretRef::File(path.into())),
            ["key", "sops"] => {
                text("sops").zip(text("key")).map(|(path, key)| SecretRef::Sops { path: path.into(), key })
            }
            ["exec"] => found.get("exec").and_then(|node| argv(node)).map(SecretRef::Exec),
            _ => None,
        };
        match secret {
            Some(secret) => Read::Secret(secret),
            None => self.bad(node, format!("`{path}` is no reference to a secret"), NEXT),
        }
    }

    /// A text is a path; one that looks like what the file should hold is not shown.
    fn secret_or_path(&mut self, node: &Node, path: &str) -> Read {
        let (Yaml::Text(text) | Yaml::Bare(text)) = &node.value else { return self.secret(node, path) };
        const SIGNS: [&str; 4] = ["-----", "consumer_", "access_", "MIME"];
        let is_content = text.contains(['\n', '\r', '{']) || text.len() > 1024;
        if is_content || SIGNS.iter().any(|sign| text.contains(sign)) {
            return self.secret(node, path);
        }
        self.text(node, text, Type::Path, path)
    }

    fn serials(&mut self, node: &Node, path: &str) -> Read {
        let mut serials = Serials::new();
        let mut bad = 0;
        match &node.value {
            Yaml::Words(words) => {
                serials.reserve_exact(words.len());
                for word in words {
                    let place = (word.line, word.column);
                    self.serial(serial::in_document(word.text), place, &mut serials, &mut bad);
                }
            }
            Yaml::Seq(items) => {
                for item in items {
                    let read = match &item.value {
                        Yaml::Text(text) | Yaml::Bare(text) => serial::in_document(text),
                        other => Err(serial::Mistake::new(format!(
                            "a serial number must be a text, this is {}",
                            other.describe()
                        ))),
                    };
                    self.serial(read, (item.line, item.column), &mut serials, &mut bad);
                }
            }
            other => {
                let message = format!("`{path}` must be a list, this is {}", other.describe());
                return self.bad(node, message, "write a list of serial numbers");
            }
        }
        if bad > MOST_TOLD {
            let message =
                format!("`{path}` holds {} further entries that are no serial numbers", bad - MOST_TOLD);
            return self.bad(node, message, "correct the first ones and validate again");
        }
        Read::Serials(serials)
    }

    fn serial(
        &mut self,
        read: Result<Serial, serial::Mistake>,
        (line, column): (u32, u32),
        serials: &mut Serials,
        bad: &mut usize,
    ) {
        match read {
            Ok(serial) => serials.push((serial, line)),
            Err(mistake) => {
                *bad += 1;
                if *bad > MOST_TOLD {
                    return;
                }
                let place = Place { file: self.file.clone(), line, column };
                self.refuse(
                    Diagnostic::new("bad-serial", Severity::Refuse, place, mistake.message)
                        .next(mistake.next),
                );
            }
        }
    }
}

fn argv(node: &Node) -> Option<Vec<String>> {
    let Yaml::Seq(items) = &node.value else { return None };
    let words: Option<Vec<String>> = items
        .iter()
        .map(|item| match &item.value {
            Yaml::Text(text) | Yaml::Bare(text) => Some(text.to_string()),
            _ => None,
        })
        .collect();
    words.filter(|words| words.first().is_some_and(|program| !program.is_empty()))
}

/// Whether a shell can set a variable of this name.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A user's word, kept short in messages. What no one sees in it is spelt out.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown = String::new();
    for (at, sign) in text.chars().enumerate() {
        match sign {
            _ if at == MOST => {
                shown.push('…');
                break;
            }
            '\u{a0}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'
            | '\u{feff}' => {
                shown.extend(sign.escape_unicode());
            }
            sign if sign.is_control() => shown.extend(sign.escape_unicode()),
            sign => shown.push(sign),
        }
    }
    shown
}
