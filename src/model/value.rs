//! The canonical form of a managed object: field names as users write them, and plain values.
//!
//! Wishes and live objects meet in this form, so that *equal means equal* and one small diff
//! serves every kind. What a vendor calls a field, and with which polarity, ends in its adapter.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// The three states of a field in a document.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// Left out: not compared; an update carries the live value, a create sends the default.
    #[default]
    Missing,
    /// `null`: compared with, and set to, the default of the field table.
    Null,
    /// A value.
    Set(T),
}

impl<T> Field<T> {
    /// The value, if one is written.
    pub fn set(&self) -> Option<&T> {
        match self {
            Field::Set(value) => Some(value),
            Field::Missing | Field::Null => None,
        }
    }

    /// Whether the document leaves the field out.
    pub fn is_missing(&self) -> bool {
        matches!(self, Field::Missing)
    }

    /// Applies `f` to a written value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Field::Missing => Field::Missing,
            Field::Null => Field::Null,
            Field::Set(value) => Field::Set(f(value)),
        }
    }
}

/// As in a document: nothing for null. A missing field has to be left out by its owner, with
/// `skip_serializing_if = "Field::is_missing"`.
impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.set().serialize(serializer)
    }
}

/// A field's name in a document, with dots for nesting: `pairing.mode`, `setupAssistant.siri`.
pub type FieldName = Cow<'static, str>;

/// A canonical object: only the fields that are known (live) or wished (desired).
pub type Fields = BTreeMap<FieldName, Value>;

/// A canonical value. Empty texts are [`Value::None`]; lists that are sets are sorted.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(untagged)]
pub enum Value {
    /// Nothing: null and the empty text alike.
    None,
    /// Yes or no.
    Bool(bool),
    /// A whole number; durations in seconds.
    Int(i64),
    /// A text that is not empty, or the word of an enum.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

impl Value {
    /// A text, or nothing for an empty one.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Value::None } else { Value::Text(text) }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("(none)"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::List(items) => f.debug_list().entries(items).finish(),
        }
    }
}
