//! The part of a fleet that a run works on. PURE.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Name;

/// The tokens that a run works on: all of them, or those that it was narrowed to.
///
/// Documents are always read whole: what lies outside is known to be wished, and is neither read nor
/// touched, nor taken for absent. As JSON: the names, ascending; left out where it is the whole fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(Option<BTreeSet<Name>>);

impl Scope {
    /// The whole fleet.
    pub const fn whole() -> Self {
        Self(None)
    }

    /// These tokens and nothing else. It stays a narrowing where they are all that there are.
    pub fn of(tokens: impl IntoIterator<Item = Name>) -> Self {
        Self(Some(tokens.into_iter().collect()))
    }

    /// Whether it is the whole fleet.
    pub const fn is_whole(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a token lies within.
    pub fn holds(&self, token: &Name) -> bool {
        self.0.as_ref().is_none_or(|tokens| tokens.contains(token))
    }

    /// The tokens that it was narrowed to, ascending; `None` for the whole fleet.
    pub const fn tokens(&self) -> Option<&BTreeSet<Name>> {
        self.0.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn the_whole_fleet_holds_everything_and_a_narrowing_what_it_names() {
        assert!(Scope::whole().is_whole() && Scope::whole().holds(&name("any")));
        let one = Scope::of([name("b"), name("a")]);
        assert!(!one.is_whole() && one.holds(&name("a")) && !one.holds(&name("c")));
        assert_eq!(serde_json::to_string(&one).unwrap(), r#"["a","b"]"#);
        assert_eq!(serde_json::from_str::<Scope>(r#"["b","a"]"#).unwrap(), one);
        assert!(!Scope::of([]).holds(&name("a")), "nothing is not everything");
    }
}
