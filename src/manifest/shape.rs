//! The vocabulary of the field tables: what a field is called, holds and means. The tables in
//! [`super::kinds`] are the one source for checking documents and for the JSON Schemas.

/// A set of fields.
#[derive(Debug)]
pub struct Shape {
    /// What the object is.
    pub doc: &'static str,
    /// Its fields in the order of manifests.md.
    pub fields: &'static [Field],
    /// Fields that exclude each other.
    pub one_of: &'static [OneOf],
}

impl Shape {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// Fields that exclude each other.
#[derive(Debug)]
pub struct OneOf {
    /// Their names.
    pub names: &'static [&'static str],
    /// Whether one of them has to be there.
    pub required: bool,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// What it means, for editors and `explain`.
    pub doc: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// Why `null` is refused; `None`: null is the default.
    pub no_null: Option<&'static str>,
    /// Whether manifests.md knows it and this version does not carry it.
    pub later: bool,
    /// Whether it is of other kinds or services only: listed to say why it is not here.
    pub never: bool,
    /// What missing or null means, in words; `None`: nothing, or `model::settings` has it.
    pub default: Option<&'static str>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Any text.
    Text,
    /// A text that is not empty.
    Filled,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds, both included.
    Int(i64, i64),
    /// One of some words.
    Word(&'static [Word]),
    /// The `metadata.name` of a document.
    Name,
    /// `30d`, `72h`, `15m`.
    Duration,
    /// RFC 3339, or a date, whose end is meant.
    Time,
    /// RFC 3339 with its hour and zone.
    Instant,
    /// A UUID.
    Uuid,
    /// The id of an application as Entra shows it: a GUID, kept in its spelling.
    Guid,
    /// A tenant: a GUID, or a domain name.
    Tenant,
    /// A file, relative to the document.
    Path,
    /// The scheme and host of a service.
    Origin,
    /// An https address.
    HttpsUrl,
    /// A list.
    List(&'static Type),
    /// A mapping with free keys.
    Map(&'static Type),
    /// A mapping with keys out of some words.
    WordMap(&'static [Word], &'static Type),
    /// An object.
    Object(&'static Shape),
    /// A reference to a secret, never the secret.
    Secret,
    /// A reference to a secret (a mapping), or the path of a file (a text).
    SecretOrPath,
    /// Serial numbers.
    Serials,
    /// A Setup Assistant screen.
    Screen,
    /// Names of tokens, or `{matchLabels: …}`.
    Tokens,
    /// Anything: a field of a later version.
    Anything,
}

/// A word of an enum.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// The portal's English labels for it, taken as well (exact but for case).
    pub labels: &'static [&'static str],
    /// Whether manifests.md knows it and this version does not carry it.
    pub later: bool,
}

/// A word that this version carries.
pub const fn word(word: &'static str) -> Word {
    Word { word, labels: &[], later: false }
}

/// A word of a later version.
pub const fn later_word(word: &'static str) -> Word {
    Word { word, labels: &[], later: true }
}

impl Word {
    /// Is called so in the portal.
    pub const fn label(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    /// Whether a user's text means this word.
    pub fn is_called(&self, text: &str) -> bool {
        self.word == text || self.labels.iter().any(|label| label.eq_ignore_ascii_case(text))
    }
}

/// An optional field whose `null` means its default.
pub const fn field(name: &'static str, ty: Type, doc: &'static str) -> Field {
    Field { name, ty, doc, required: false, no_null: None, later: false, never: false, default: None }
}

/// A field of a later version.
pub const fn later(name: &'static str, doc: &'static str) -> Field {
    Field { later: true, ..field(name, Type::Anything, doc) }
}

/// What one might look for here and is not here, with what to do instead: refused.
pub const fn never(name: &'static str, why: &'static str) -> Field {
    Field { never: true, ..field(name, Type::Anything, why) }
}

impl Field {
    /// Whether documents can write it.
    pub const fn is_carried(&self) -> bool {
        !self.later && !self.never
    }

    /// Has to be there.
    pub const fn required(self) -> Self {
        Self { required: true, no_null: Some("it is required"), ..self }
    }

    /// Means this where it is missing or null.
    pub const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Cannot be null, and why.
    pub const fn no_null(self, why: &'static str) -> Self {
        Self { no_null: Some(why), ..self }
    }
}
