//! Who carries the requests about a token.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Name;
use super::id::InvalidName;

/// The service that holds a token: an MDM, reached through a `Connection`, or Apple's enrollment
/// service, where espalier itself holds the token.
///
/// As text, also in JSON: the connection's name (`contoso`), `direct:` and the token's name
/// (`direct:school`), or `apple:` and the connection's name. A name holds no colon, so that none is taken
/// for another.
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
    /// Apple Business or Apple School Manager: the organisation of a `Connection`. It holds no token;
    /// it says which token's service each device belongs to.
    Apple(Name),
}

/// What stands before the token's name.
const DIRECT: &str = "direct:";

/// What stands before the name of an organisation's connection.
const APPLE: &str = "apple:";

impl Realm {
    /// The connection of an MDM; `None` for a direct token and for an organisation.
    pub const fn connection(&self) -> Option<&Name> {
        match self {
            Realm::Mdm(connection) => Some(connection),
            Realm::Direct(_) | Realm::Apple(_) => None,
        }
    }

    /// The connection of an organisation at Apple.
    pub const fn organisation(&self) -> Option<&Name> {
        match self {
            Realm::Apple(connection) => Some(connection),
            Realm::Mdm(_) | Realm::Direct(_) => None,
        }
    }

    /// Whether espalier holds the token itself.
    pub const fn is_direct(&self) -> bool {
        matches!(self, Realm::Direct(_))
    }

    /// The service that carries the requests, for people: the connection's name, or `Apple`.
    pub fn carrier(&self) -> String {
        match self {
            Realm::Mdm(connection) | Realm::Apple(connection) => connection.to_string(),
            Realm::Direct(_) => "Apple".to_owned(),
        }
    }

    /// The document that describes it, for messages: `Connection/contoso`, `EnrollmentToken/school`.
    pub fn document(&self) -> String {
        match self {
            Realm::Mdm(connection) | Realm::Apple(connection) => format!("Connection/{connection}"),
            Realm::Direct(token) => format!("EnrollmentToken/{token}"),
        }
    }
}

impl TryFrom<String> for Realm {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if let Some(token) = text.strip_prefix(DIRECT) {
            return Name::new(token).map(Realm::Direct);
        }
        match text.strip_prefix(APPLE) {
            Some(connection) => Name::new(connection).map(Realm::Apple),
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
            Realm::Apple(connection) => write!(f, "{APPLE}{connection}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_a_text_that_says_which_kind_it_is() {
        let name = Name::new("school").unwrap();
        for (realm, text) in [
            (Realm::Mdm(name.clone()), "\"school\""),
            (Realm::Direct(name.clone()), "\"direct:school\""),
            (Realm::Apple(name), "\"apple:school\""),
        ] {
            assert_eq!(serde_json::to_string(&realm).unwrap(), text);
            assert_eq!(serde_json::from_str::<Realm>(text).unwrap(), realm);
        }
        assert!(serde_json::from_str::<Realm>("\"direct:\"").is_err());
        assert!(serde_json::from_str::<Realm>("\"other:school\"").is_err());
    }
}
