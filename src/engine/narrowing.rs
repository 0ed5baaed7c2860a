//! What `--connection`, `--token` and `-l` choose: names and labels to the tokens of a run. PURE.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::manifest::nearest;
use crate::model::desired::{Desired, Token};
use crate::model::{Kind, Name, Scope};

/// How a run is narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Narrowing {
    /// Not at all.
    #[default]
    Nothing,
    /// To what somebody names.
    To(Selection),
    /// To what a saved plan was narrowed to.
    As(Scope),
}

/// A choice of tokens. Names of one kind add up; the kinds narrow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Tokens of these connections, and those whose service is in such an organisation; empty: of all.
    pub connections: Vec<String>,
    /// These tokens; empty: all.
    pub tokens: Vec<String>,
    /// Tokens with these labels; all have to hold.
    pub labels: Vec<LabelTerm>,
}

/// A condition on `metadata.labels` of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelTerm {
    /// The label.
    pub key: String,
    /// The value that it has, or has not.
    pub value: String,
    /// `=`; else `!=`, which a token without the label meets as well.
    pub is_equal: bool,
}

/// A text that is no condition on a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not KEY=VALUE or KEY!=VALUE, as in region=north,stage!=pilot")]
pub struct InvalidLabelTerm(String);

impl FromStr for LabelTerm {
    type Err = InvalidLabelTerm;
    fn from_str(text: &str) -> Result<Self, InvalidLabelTerm> {
        let invalid = || InvalidLabelTerm(text.to_owned());
        let (key, value) = text.split_once('=').ok_or_else(invalid)?;
        let (key, is_equal) = match key.strip_suffix('!') {
            Some(key) => (key, false),
            None => (key, true),
        };
        let value = if is_equal { value.strip_prefix('=').unwrap_or(value) } else { value };
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || key.contains('!') || value.contains('=') {
            return Err(invalid());
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned(), is_equal })
    }
}

impl fmt::Display for LabelTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.key, if self.is_equal { "=" } else { "!=" }, self.value)
    }
}

impl LabelTerm {
    fn holds(&self, token: &Token) -> bool {
        (token.identity.labels.get(&self.key) == Some(&self.value)) == self.is_equal
    }
}

/// Why a narrowing is none (exit 64).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NarrowingError {
    /// No document has the name.
    #[error("no {kind} document is called `{name}`")]
    Unknown {
        /// `Connection` or `EnrollmentToken`.
        kind: Kind,
        /// The name.
        name: String,
        /// The nearest name that there is, or some of them.
        next: String,
    },
    /// Every name is known, and no token is meant by all of them.
    #[error("no EnrollmentToken is chosen by {0}")]
    Empty(String, String),
}

impl NarrowingError {
    /// What to do next.
    pub fn next(&self) -> &str {
        match self {
            NarrowingError::Unknown { next, .. } | NarrowingError::Empty(_, next) => next,
        }
    }
}

impl Narrowing {
    /// The tokens that are meant, among those of `documents`: those in order, and those that could be
    /// read in part.
    ///
    /// # Errors
    /// [`NarrowingError`]: an unknown name, or nothing chosen.
    pub fn scope(&self, documents: &[&Desired]) -> Result<Scope, NarrowingError> {
        match self {
            Narrowing::Nothing => Ok(Scope::whole()),
            Narrowing::As(scope) => Ok(scope.clone()),
            Narrowing::To(selection) if *selection == Selection::default() => Ok(Scope::whole()),
            Narrowing::To(selection) => selection.scope(documents),
        }
    }
}

impl Selection {
    fn scope(&self, documents: &[&Desired]) -> Result<Scope, NarrowingError> {
        let connections: BTreeSet<&str> = documents
            .iter()
            .flat_map(|all| all.connections.keys().chain(all.organisations.keys()))
            .map(Name::as_str)
            .collect();
        let tokens = || documents.iter().flat_map(|all| all.tokens.iter());
        let names: BTreeSet<&str> = tokens().map(|(name, _)| name.as_str()).collect();
        known(Kind::Connection, &self.connections, &connections)?;
        known(Kind::EnrollmentToken, &self.tokens, &names)?;
        let is_meant = |(name, token): &(&Name, &Token)| {
            let named =
                |all: &[String], one: &Name| all.is_empty() || all.iter().any(|it| it == one.as_str());
            named(&self.tokens, name)
                && (self.connections.is_empty()
                    || token.realm.connection().is_some_and(|one| named(&self.connections, one))
                    || token.apple.as_ref().is_some_and(|one| named(&self.connections, &one.connection)))
                && self.labels.iter().all(|term| term.holds(token))
        };
        let chosen: Vec<Name> = tokens().filter(is_meant).map(|(name, _)| name.clone()).collect();
        if chosen.is_empty() {
            return Err(NarrowingError::Empty(self.to_string(), self.way_out(tokens().map(|(_, one)| one))));
        }
        Ok(Scope::of(chosen))
    }

    /// What helps where nothing is chosen.
    fn way_out<'a>(&self, tokens: impl Iterator<Item = &'a Token>) -> String {
        let labels: Vec<(&str, &str)> =
            tokens.flat_map(|token| &token.identity.labels).map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let keys: BTreeSet<&str> = labels.iter().map(|(key, _)| *key).collect();
        for term in self.labels.iter().filter(|term| term.is_equal) {
            let key = term.key.as_str();
            if !keys.contains(key) {
                return match nearest(key, keys.iter().copied()) {
                    Some(near) => format!("no token has the label `{key}`; did you mean `{near}`?"),
                    None if keys.is_empty() => "no token has labels: write `metadata.labels`".to_owned(),
                    None => format!("no token has the label `{key}`; there are: {}", few(&keys)),
                };
            }
            let values: BTreeSet<&str> =
                labels.iter().filter(|(one, _)| *one == key).map(|(_, value)| *value).collect();
            if !values.contains(term.value.as_str()) {
                return match nearest(&term.value, values.iter().copied()) {
                    Some(near) => format!("did you mean `{key}={near}`?"),
                    None => format!("values of `{key}`: {}", few(&values)),
                };
            }
        }
        "together they exclude each other: leave one of them out".to_owned()
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.connections.iter().map(|name| format!("--connection {name}")));
        words.extend(self.tokens.iter().map(|name| format!("--token {name}")));
        words.extend(self.labels.iter().map(|term| format!("-l {term}")));
        f.write_str(&words.join(" "))
    }
}

fn known(kind: Kind, asked: &[String], there: &BTreeSet<&str>) -> Result<(), NarrowingError> {
    let Some(name) = asked.iter().find(|name| !there.contains(name.as_str())) else { return Ok(()) };
    let next = match nearest(name, there.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if there.is_empty() => format!("the folder has no {kind} documents"),
        None => format!("there are: {}", few(there)),
    };
    Err(NarrowingError::Unknown { kind, name: name.clone(), next })
}

/// The first of them.
fn few(all: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = all.iter().take(20).copied().collect();
    let more = if all.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::load_text;

    /// Three tokens at two connections.
    fn documents() -> Desired {
        let head = "apiVersion: espalier.dev/v1alpha1\nkind:";
        let mut text = format!(
            "{head} Fleet\nmetadata: {{name: f}}\nspec: {{ledger: {{id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {{path: l.db}}}}}}\n"
        );
        for (connection, tenant) in [("contoso", '1'), ("globex", '2')] {
            let tenant = "00000000-0000-4000-8000-00000000000".to_owned() + &tenant.to_string();
            text += &format!(
                "---\n{head} Connection\nmetadata: {{name: {connection}}}\nspec:\n  intune: {{tenantId: {tenant}, clientId: {tenant}, credential: {{clientSecret: {{env: S}}}}}}\n"
            );
        }
        for (token, connection, labels) in [
            ("berlin", "contoso", "region: north, stage: pilot"),
            ("munich", "contoso", "region: south"),
            ("hamburg", "globex", "region: north"),
        ] {
            text += &format!(
                "---\n{head} EnrollmentToken\nmetadata: {{name: {token}, labels: {{{labels}}}}}\nspec: {{mdm: {connection}}}\n"
            );
        }
        let loaded = load_text(&[("all.yaml", &text)]);
        assert!(!loaded.diagnostics.refuse(), "{:#?}", loaded.diagnostics);
        loaded.desired
    }

    fn chosen(connections: &[&str], tokens: &[&str], labels: &[&str]) -> Result<Vec<String>, NarrowingError> {
        let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let selection = Selection {
            connections: own(connections),
            tokens: own(tokens),
            labels: labels.iter().map(|one| one.parse().unwrap()).collect(),
        };
        let scope = Narrowing::To(selection).scope(&[&documents()])?;
        Ok(scope.tokens().unwrap().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_of_one_kind_add_up_and_kinds_narrow_each_other() {
        assert_eq!(chosen(&["contoso"], &[], &[]).unwrap(), ["berlin", "munich"]);
        assert_eq!(chosen(&[], &["munich", "hamburg"], &[]).unwrap(), ["hamburg", "munich"]);
        assert_eq!(chosen(&["contoso", "globex"], &["hamburg"], &[]).unwrap(), ["hamburg"]);
        assert_eq!(chosen(&["contoso"], &[], &["region=north"]).unwrap(), ["berlin"]);
        assert_eq!(chosen(&[], &[], &["region==north", "stage!=pilot"]).unwrap(), ["hamburg"]);
        assert_eq!(Narrowing::Nothing.scope(&[]).unwrap(), Scope::whole());
        assert_eq!(Narrowing::To(Selection::default()).scope(&[]).unwrap(), Scope::whole());
    }

    #[test]
    fn unknown_names_and_empty_choices_say_what_there_is() {
        let error = chosen(&["contosso"], &[], &[]).unwrap_err();
        assert_eq!(error.to_string(), "no Connection document is called `contosso`");
        assert_eq!(error.next(), "did you mean `contoso`?");
        let error = chosen(&[], &["vienna"], &[]).unwrap_err();
        assert_eq!(error.next(), "there are: berlin, hamburg, munich");
        let error = chosen(&["globex"], &["munich"], &[]).unwrap_err();
        assert_eq!(error.to_string(), "no EnrollmentToken is chosen by --connection globex --token munich");
        assert!(error.next().contains("exclude each other"), "{}", error.next());
        assert_eq!(chosen(&[], &[], &["region=noth"]).unwrap_err().next(), "did you mean `region=north`?");
        assert_eq!(
            chosen(&[], &[], &["regoin=north"]).unwrap_err().next(),
            "no token has the label `regoin`; did you mean `region`?"
        );
    }

    #[test]
    fn a_condition_on_a_label_has_a_key_and_a_value() {
        for wrong in ["region", "=north", "!=north", "a=b=c", ""] {
            assert!(wrong.parse::<LabelTerm>().is_err(), "{wrong}");
        }
        assert_eq!("a!=b".parse::<LabelTerm>().unwrap().to_string(), "a!=b");
        assert_eq!("a=".parse::<LabelTerm>().unwrap().value, "", "an empty value is one");
    }
}
