//! Which operation of the description a request belongs to.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

/// The path templates of a description, the most literal ones first.
#[derive(Debug)]
pub struct Paths {
    templates: Vec<Template>,
}

#[derive(Debug)]
struct Template {
    path: String,
    segments: Vec<Segment>,
}

/// One path segment: literal, or a key or function argument between two literals.
#[derive(Debug)]
enum Segment {
    Literal(String),
    Key { before: String, after: String },
}

impl Segment {
    fn parse(text: &str) -> Self {
        match (text.find('{'), text.rfind('}')) {
            (Some(start), Some(end)) if start < end => {
                Self::Key { before: text[..start].to_owned(), after: text[end + 1..].to_owned() }
            }
            _ => Self::Literal(text.to_owned()),
        }
    }

    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == text,
            Self::Key { before, after } => text
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(after.as_str()))
                .is_some_and(|key| !key.is_empty()),
        }
    }

    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

impl Paths {
    /// The templates of `openapi`.
    pub fn of(openapi: &Value) -> Self {
        let paths = openapi["paths"].as_object().expect("the description has paths");
        let mut templates: Vec<Template> = paths
            .keys()
            .map(|path| Template {
                path: path.clone(),
                segments: path.trim_start_matches('/').split('/').map(Segment::parse).collect(),
            })
            .collect();
        // `$count` and functions also look like keys: where both fit, the literal one is meant.
        templates.sort_by_cached_key(|template| {
            Reverse(template.segments.iter().map(Segment::is_literal).collect::<Vec<_>>())
        });
        Self { templates }
    }

    /// The template that `path` (as sent, below the service root) belongs to.
    pub fn find(&self, path: &str) -> Option<&str> {
        let segments: Vec<String> = path.strip_prefix('/')?.split('/').map(percent_decoded).collect();
        let found = self.templates.iter().find(|template| {
            template.segments.len() == segments.len()
                && template.segments.iter().zip(&segments).all(|(segment, text)| segment.accepts(text))
        })?;
        Some(&found.path)
    }
}

/// The query parameters that an operation describes, each with its schema.
pub fn query_parameters<'a>(item: &'a Value, operation: &'a Value) -> BTreeMap<&'a str, &'a Value> {
    let of = |holder: &'a Value| holder["parameters"].as_array().into_iter().flatten();
    of(item)
        .chain(of(operation))
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| Some((parameter["name"].as_str()?, &parameter["schema"])))
        .collect()
}

/// The names of a query's parameters.
pub fn query_names(query: &str) -> Vec<String> {
    let pairs = query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| percent_decoded(pair.split('=').next().unwrap_or(pair))).collect()
}

/// What is wrong with the value of a query parameter.
pub fn query_value_fault(schema: &Value, value: &str) -> Option<String> {
    let fits = match schema["type"].as_str() {
        Some("boolean") => matches!(value, "true" | "false"),
        Some("integer") => {
            value.parse::<i64>().is_ok_and(|n| schema["minimum"].as_i64().is_none_or(|min| n >= min))
        }
        Some("array") => !value.is_empty() && value.split(',').all(|item| !item.trim().is_empty()),
        _ => !value.is_empty(),
    };
    (!fits).then(|| format!("{value:?} is no {}", schema["type"].as_str().unwrap_or("value")))
}

/// `text` with its percent escapes resolved; what is no escape stays as it is.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
