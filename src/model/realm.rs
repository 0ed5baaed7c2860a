//! Who carries the requests about a token.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Name;
use super::id::InvalidName;

/// The service that holds a token: an MDM, reached through a `Connection`, or Apple's enrollment
/// service, where espalier itself holds the token.
///
/// As text, also in JSON: the connection's name (`contoso`), or `direct:` and the token's name
/// (`direct:school`). A name holds no colon, so that none is taken for the other.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Realm {
    /// The MDM of a `Connection`.
    Mdm(Name),
    /// Apple's enrollment service with the token of an `EnrollmentToken` that has `direct`.
    Direct(Name),
}

/// What stands before the token's name.
const DIRECT: &str = "direct:";

impl Realm {
    /// The connection; `None` for a direct token.
    pub const fn connection(&self) -> Option<&Name> {
        match self {
            Realm::Mdm(connection) => Some(connection),
            Realm::Direct(_) => None,
        }
    }

    /// Whether espalier holds the token itself.
    pub const fn is_direct(&self) -> bool {
        matches!(self, Realm::Direct(_))
    }

    /// The service that carries the requests, for people: the connection's name, or `Apple`.
    pub fn carrier(&self) -> String {
        match self {
            Realm::Mdm(connection) => connection.to_string(),
            Realm::Direct(_) => "Apple".to_owned(),
        }
    }

    /// The document that describes it, for messages: `Connection/contoso`, `EnrollmentToken/school`.
    pub fn document(&self) -> String {
        match self {
            Realm::Mdm(connection) => format!("Connection/{connection}"),
            Realm::Direct(token) => format!("EnrollmentToken/{token}"),
        }
    }
}

impl TryFrom<String> for Realm {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        match text.strip_prefix(DIRECT) {
            Some(token) => Name::new(token).map(Realm::Direct),
            None => Name::new(&text).map(Realm::Mdm),
        }
    }
}

impl From<Realm> for String {
    fn from(realm: Realm) -> Self {
        realm.to_string()
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Realm::Mdm(connection) => connection.fmt(f),
            Realm::Direct(token) => write!(f, "{DIRECT}{token}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_a_text_that_says_which_kind_it_is() {
        let name = Name::new("school").unwrap();
        for (realm, text) in
            [(Realm::Mdm(name.clone()), "\"school\""), (Realm::Direct(name), "\"direct:school\"")]
        {
            assert_eq!(serde_json::to_string(&realm).unwrap(), text);
            assert_eq!(serde_json::from_str::<Realm>(text).unwrap(), realm);
        }
        assert!(serde_json::from_str::<Realm>("\"direct:\"").is_err());
        assert!(serde_json::from_str::<Realm>("\"other:school\"").is_err());
    }
}
