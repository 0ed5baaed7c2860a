//! Fields of documents by their paths, from the tables that check the documents. PURE.

use crate::manifest::kinds;
use crate::manifest::shape::{Field, Shape, Type, Word};
use crate::manifest::suggest;
use crate::model::Kind;
use crate::model::screens::{self, Screen};

use super::rows::{self, Row};

/// A kind, a field, or a screen at its place in a document.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A kind of documents: the fields of its `spec`.
    Kind(Kind),
    /// A field.
    Field(At),
    /// A screen below `EnrollmentProfile.setupAssistant`.
    Screen(&'static Screen),
}

/// A field at its place.
#[derive(Clone, Debug)]
pub struct At {
    /// The path: `KIND.field.field`, the latter below `spec` or beginning with `metadata`.
    pub path: String,
    /// The kind.
    pub kind: Kind,
    /// The field as its table has it. Of a key of a mapping by words: that word, with the meaning
    /// of the mapping.
    pub field: Field,
}

impl Entry {
    /// The path, or the screen's name.
    pub fn path(&self) -> &str {
        match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Field(at) => &at.path,
            Self::Screen(screen) => screen.name,
        }
    }

    /// The bare name of a field; `None` for a kind.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Kind(_) => None,
            Self::Field(at) => Some(at.field.name),
            Self::Screen(screen) => Some(screen.name),
        }
    }
}

impl At {
    /// The path below the kind: `sharedIpad.maximumCachedUsers`.
    pub fn below_kind(&self) -> &str {
        self.path.split_once('.').map_or("", |(_, below)| below)
    }

    /// The fields that it holds.
    pub fn children(&self) -> Vec<At> {
        children(self.field.ty)
            .into_iter()
            .map(|field| At { path: format!("{}.{}", self.path, field.name), kind: self.kind, field })
            .collect()
    }

    /// The rows that concern it: those of the field, of what it lies in, and of what it holds.
    pub fn rows(&self) -> Vec<&'static Row> {
        rows_of(&self.path)
    }
}

/// The rows that concern the field at this path.
pub fn rows_of(path: &str) -> Vec<&'static Row> {
    let touches = |known: &str| {
        let (short, long) = if known.len() < path.len() { (known, path) } else { (path, known) };
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    rows::all().filter(|row| row.fields.iter().any(|known| touches(known))).collect()
}

/// The fields of a table that documents write, now or later.
fn listed(shape: &'static Shape) -> impl Iterator<Item = &'static Field> {
    shape.fields.iter().filter(|field| !field.never)
}

/// The fields below a type. Words of a mapping by words count as fields.
fn children(ty: Type) -> Vec<Field> {
    match ty {
        Type::Object(shape) => listed(shape).copied().collect(),
        Type::List(item) => children(*item),
        Type::Tokens => kinds::MATCH_LABELS.fields.to_vec(),
        Type::WordMap(words, item) => words.iter().map(|word| of_word(word, *item)).collect(),
        _ => Vec::new(),
    }
}

fn of_word(word: &'static Word, item: Type) -> Field {
    let doc = match item {
        Type::Object(shape) => shape.doc,
        _ => "",
    };
    Field { later: word.later, ..crate::manifest::shape::field(word.word, item, doc) }
}

/// The kind of this name; case does not matter.
pub fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
}

/// The names of the fields of a kind's `spec`, in their order.
pub fn names_of(kind: Kind) -> Vec<&'static str> {
    listed(kinds::spec_of(kind)).map(|field| field.name).collect()
}

/// The kind, field or screen at a path that begins with a kind; `spec` may stand in it. Case does
/// not matter.
pub fn find(path: &str) -> Option<Entry> {
    let mut parts = path.split('.').map(str::trim);
    let kind = kind(parts.next()?)?;
    let mut parts: Vec<&str> = parts.collect();
    let mut at = None;
    if parts.first().is_some_and(|part| part.eq_ignore_ascii_case("spec")) {
        parts.remove(0);
    } else if parts.first().is_some_and(|part| part.eq_ignore_ascii_case("metadata")) {
        parts.remove(0);
        at = Some(metadata(kind));
    }
    for (nth, part) in parts.iter().enumerate() {
        if let Some(screen) = at.as_ref().and_then(|at| screen_in(at, part)) {
            // Nothing lies below a screen.
            return (nth + 1 == parts.len()).then_some(Entry::Screen(screen));
        }
        let below = at.as_ref().map_or_else(|| top(kind), At::children);
        at = Some(below.into_iter().find(|at| at.field.name.eq_ignore_ascii_case(part))?);
    }
    Some(at.map_or(Entry::Kind(kind), Entry::Field))
}

/// The fields of a kind's `spec`.
pub fn top(kind: Kind) -> Vec<At> {
    listed(kinds::spec_of(kind))
        .map(|field| At { path: format!("{kind}.{}", field.name), kind, field: *field })
        .collect()
}

fn metadata(kind: Kind) -> At {
    static METADATA: Shape = kinds::METADATA;
    let field = crate::manifest::shape::field("metadata", Type::Object(&METADATA), METADATA.doc).required();
    At { path: format!("{kind}.metadata"), kind, field }
}

/// The screen of this name, where screens are named.
fn screen_in(at: &At, part: &str) -> Option<&'static Screen> {
    let lists_screens = match at.field.ty {
        Type::List(item) => matches!(item, Type::Screen),
        Type::Object(shape) => {
            shape.field(part).is_none()
                && shape.fields.iter().any(|field| matches!(field.ty, Type::List(Type::Screen)))
        }
        _ => false,
    };
    if lists_screens { screens::lookup(part) } else { None }
}

/// Every kind and field, with what lies below them.
pub fn all() -> Vec<Entry> {
    fn add(at: At, all: &mut Vec<Entry>) {
        let below = at.children();
        all.push(Entry::Field(at));
        for at in below {
            add(at, all);
        }
    }
    let mut all = Vec::new();
    for kind in Kind::ALL {
        all.push(Entry::Kind(kind));
        add(metadata(kind), &mut all);
        for at in top(kind) {
            add(at, &mut all);
        }
    }
    all
}

/// The fields that are called so: by a name or the end of a path. Case does not matter.
pub fn called(word: &str) -> Vec<Entry> {
    let word = word.to_ascii_lowercase();
    let mut found = all();
    found.retain(|entry| {
        let path = entry.path().to_ascii_lowercase();
        path.strip_suffix(&word).is_some_and(|before| before.ends_with('.'))
    });
    found
}

/// What a path with a slip in one of its parts may have meant.
pub fn nearest(path: &str) -> Option<String> {
    let (first, rest) = path.split_once('.')?;
    let kind = kind(first).or_else(|| {
        let name = suggest::nearest(first, Kind::ALL.map(Kind::as_str))?;
        kind(name)
    })?;
    let mut known = kind.as_str().to_owned();
    let mut below = top(kind);
    for part in rest.split('.').filter(|part| !part.eq_ignore_ascii_case("spec")) {
        let names: Vec<&str> = below.iter().map(|at| at.field.name).collect();
        let Some(name) = suggest::nearest(part, names.iter().copied()) else {
            // What is right so far lists what there is.
            return (known != kind.as_str()).then_some(known);
        };
        known = format!("{known}.{name}");
        below =
            below.into_iter().find(|at| at.field.name == name).map(|at| at.children()).unwrap_or_default();
    }
    Some(known)
}

/// What a field holds, in words.
pub fn type_words(ty: Type) -> String {
    match ty {
        Type::Text => "text".to_owned(),
        Type::Filled => "text, not empty".to_owned(),
        Type::Bool => "true or false".to_owned(),
        Type::Int(least, i64::MAX) => format!("whole number from {least} on"),
        Type::Int(least, most) => format!("whole number, {least} to {most}"),
        Type::Word(_) => "one of the words below".to_owned(),
        Type::Name => "the `metadata.name` of a document".to_owned(),
        Type::Duration => "duration: `30d`, `72h`, `15m`".to_owned(),
        Type::Time => "time: `2027-01-31`, or RFC 3339".to_owned(),
        Type::Instant => "time in RFC 3339: `2027-01-31T12:00:00Z`".to_owned(),
        Type::Uuid | Type::Guid => "UUID".to_owned(),
        Type::Tenant => "UUID, or a domain of the tenant".to_owned(),
        Type::Path => "file, relative to the document".to_owned(),
        Type::Origin => "scheme and host: `https://graph.example`".to_owned(),
        Type::HttpsUrl => "https address".to_owned(),
        Type::SecretOrPath => {
            "file, relative to the document; or reference to a secret: `{env: NAME}`, `{file: path}`, `{sops: path, key: k}` or `{exec: [program]}`"
                .to_owned()
        }
        Type::List(item) => match item {
            Type::Screen => "list of Setup Assistant screens".to_owned(),
            item => format!("list: {}", type_words(*item)),
        },
        Type::Map(item) => format!("mapping from names to {}", type_words(*item)),
        Type::WordMap(_, item) => format!("mapping from the words below to {}", type_words(*item)),
        Type::Object(_) => "object with the fields below".to_owned(),
        Type::Secret => {
            "reference to a secret: `{env: NAME}`, `{file: path}`, `{sops: path, key: k}` or `{exec: [program]}`"
                .to_owned()
        }
        Type::Serials => "list of serial numbers".to_owned(),
        Type::Screen => "Setup Assistant screen".to_owned(),
        Type::Tokens => "list of token names, or `{matchLabels: …}`".to_owned(),
        Type::Anything => "of a later version".to_owned(),
    }
}

/// The words that a field takes.
pub fn words(ty: Type) -> &'static [Word] {
    match ty {
        Type::Word(words) => words,
        Type::List(item) => words(*item),
        _ => &[],
    }
}
