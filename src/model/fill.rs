//! `${name}` in texts of profiles, filled from a token's `values`. PURE.
//!
//! `{{SERIAL}}` and the like are the service's and pass through. There is no way to write a `${` that
//! stays: no text of the service needs one.

use std::collections::BTreeMap;

/// Why a text cannot be filled.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfilled {
    /// The token has no such value.
    Missing(String),
    /// A `${` without its `}`.
    Unclosed,
}

/// The text with every `${name}` replaced.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, Unfilled> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or(Unfilled::Unclosed)?;
        let value = values.get(name).ok_or_else(|| Unfilled::Missing(name.to_owned()))?;
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The names that a text asks for.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_once_and_variables_of_the_service_pass() {
        let values = BTreeMap::from([("site".to_owned(), "${site}".to_owned())]);
        assert_eq!(fill("A ${site} {{SERIAL}} $5", &values).unwrap(), "A ${site} {{SERIAL}} $5");
        assert_eq!(fill("${town}", &values), Err(Unfilled::Missing("town".into())));
        assert_eq!(fill("a ${site", &values), Err(Unfilled::Unclosed));
        assert_eq!(names("${a} $b ${c}${d").collect::<Vec<_>>(), ["a", "c"]);
    }
}
