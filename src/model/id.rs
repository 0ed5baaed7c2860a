//! Identifiers. Each is a newtype, so that a serial is never taken for a profile id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `metadata.name` of a document: `[a-z0-9][a-z0-9-]{0,62}`, unique per kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Name(String);

impl Name {
    /// Returns the name if it is well formed.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let goes_on_well = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts_well && goes_on_well && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no `metadata.name`.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a name: lower-case letters, digits and hyphens, at most 63, not beginning with a hyphen"
)]
pub struct InvalidName(String);

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// An Apple serial number: 1 to 15 characters of `[A-Z0-9]`, kept inline (16 bytes), so that
/// 200,000 of them cost 3.2 MB and no allocation each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial {
    // The bytes come first so that the derived order is the order of the text; unused ones are 0.
    bytes: [u8; 15],
    len: u8,
}

impl Serial {
    /// The longest serial that is accepted, in characters. Apple's have 8 to 14.
    pub const MAX_LEN: usize = 15;

    /// Returns the serial if the text is one exactly (no trimming, no change of case).
    pub fn new(text: &str) -> Option<Self> {
        let source = text.as_bytes();
        if source.is_empty() || source.len() > Self::MAX_LEN {
            return None;
        }
        if !source.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return None;
        }
        let mut bytes = [0u8; 15];
        bytes[..source.len()].copy_from_slice(source);
        Some(Self { bytes, len: source.len() as u8 })
    }

    /// The serial as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.bytes[..self.len as usize]).unwrap_or_default()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Serial {
    type Err = InvalidSerial;
    fn from_str(text: &str) -> Result<Self, InvalidSerial> {
        Self::new(text).ok_or_else(|| InvalidSerial(text.to_owned()))
    }
}

/// A text that is no serial number.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a serial number: 1 to 15 letters A-Z and digits")]
pub struct InvalidSerial(String);

impl Serialize for Serial {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Serial {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Serial {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Serial".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z0-9]{1,15}$" })
    }
}

/// The id of an enrollment token at Intune (`depOnboardingSetting.id`, a GUID).
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct TokenId(pub String);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of an enrollment profile at Intune, as the service wrote it.
///
/// One profile travels as `{token}_{guid}`, as `ECV2_{token}_{guid}` and as bare `{guid}`
/// (reference intune-graph section 3.1 and quirk 8). Equality, order and hash go by
/// [`ProfileId::key`], the part that all spellings share; requests use the spelling of the list.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ProfileId(pub String);

impl ProfileId {
    /// The part that every spelling of the id shares.
    pub fn key(&self) -> &str {
        let id = self.0.strip_prefix("ECV2_").unwrap_or(&self.0);
        match id.split_once('_') {
            Some((token, rest)) if is_guid(token) => rest,
            _ => id,
        }
    }

    /// The key without regard to case. Every device of a token is compared by it: no allocation.
    fn folded(&self) -> impl Iterator<Item = u8> {
        self.key().bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for ProfileId {
    fn eq(&self, other: &Self) -> bool {
        self.key().eq_ignore_ascii_case(other.key())
    }
}
impl Eq for ProfileId {}
impl PartialOrd for ProfileId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ProfileId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(other.folded())
    }
}
impl std::hash::Hash for ProfileId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded().for_each(|byte| state.write_u8(byte));
        state.write_u8(0xff);
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The kinds of documents.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Kind {
    /// One per folder: ledger, limits, protection.
    Fleet,
    /// A tenant or organisation and how to sign in there.
    Connection,
    /// An ADE server token.
    EnrollmentToken,
    /// An enrollment profile.
    EnrollmentProfile,
    /// Which devices get which profile.
    DeviceAssignment,
    /// What is done to devices, once each.
    DeviceAction,
}

impl Kind {
    /// Every kind that this version carries, in the order of dependence.
    pub const ALL: [Kind; 6] = [
        Kind::Fleet,
        Kind::Connection,
        Kind::EnrollmentToken,
        Kind::EnrollmentProfile,
        Kind::DeviceAssignment,
        Kind::DeviceAction,
    ];

    /// The word that users write behind `kind:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Fleet => "Fleet",
            Kind::Connection => "Connection",
            Kind::EnrollmentToken => "EnrollmentToken",
            Kind::EnrollmentProfile => "EnrollmentProfile",
            Kind::DeviceAssignment => "DeviceAssignment",
            Kind::DeviceAction => "DeviceAction",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The stable name of a managed object everywhere: plan, ledger, messages.
///
/// A profile or assignment document becomes one object per token, hence `token`:
/// `EnrollmentProfile/ipads@school`. A token's own address has no `@`: `EnrollmentToken/school`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The kind of the document.
    pub kind: Kind,
    /// Its `metadata.name`.
    pub name: Name,
    /// The token on which the object lives; `None` for a token itself.
    pub token: Option<Name>,
}

impl Address {
    /// The address of an enrollment token.
    pub fn token(token: &Name) -> Self {
        Self { kind: Kind::EnrollmentToken, name: token.clone(), token: None }
    }

    /// The address of a profile on one token.
    pub fn profile(profile: &Name, token: &Name) -> Self {
        Self { kind: Kind::EnrollmentProfile, name: profile.clone(), token: Some(token.clone()) }
    }

    /// The token in whose domain the object lies: its own name for a token.
    pub fn domain(&self) -> &Name {
        self.token.as_ref().unwrap_or(&self.name)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.token {
            Some(token) => write!(f, "{}/{}@{}", self.kind, self.name, token),
            None => write!(f, "{}/{}", self.kind, self.name),
        }
    }
}

/// A text that is no address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an address like EnrollmentProfile/ipads@school")]
pub struct InvalidAddress(String);

impl FromStr for Address {
    type Err = InvalidAddress;
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let wrong = || InvalidAddress(text.to_owned());
        let (kind, rest) = text.split_once('/').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|k| k.as_str() == kind).ok_or_else(wrong)?;
        let (name, token) = match rest.split_once('@') {
            Some((name, token)) => (name, Some(token)),
            None => (rest, None),
        };
        Ok(Self {
            kind,
            name: Name::new(name).map_err(|_| wrong())?,
            token: token.map(Name::new).transpose().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "KIND/NAME or KIND/NAME@TOKEN" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_profile_id_are_one_profile() {
        let token = "0aa2e1a6-1111-2222-3333-444455556666";
        let guid = "9bb2e1a6-1111-2222-3333-444455556666";
        let listed = ProfileId(format!("{token}_{guid}"));
        let prefixed = ProfileId(format!("ECV2_{token}_{guid}"));
        assert_eq!(listed, prefixed);
        assert_eq!(listed, ProfileId(guid.to_uppercase()));
        assert_ne!(listed, ProfileId(format!("{token}_{token}")));
    }

    #[test]
    fn serials_keep_their_order_and_text() {
        let a = Serial::new("C02").unwrap();
        let b = Serial::new("C02A").unwrap();
        assert!(a < b);
        assert_eq!(b.to_string(), "C02A");
        assert!(Serial::new("c02").is_none());
        assert!(Serial::new("").is_none());
        assert!(Serial::new("ABCDEFGHIJKLMNOP").is_none());
        assert_eq!(size_of::<Serial>(), 16);
    }

    #[test]
    fn an_address_reads_back() {
        for text in ["EnrollmentToken/main", "EnrollmentProfile/ipads@main"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }
}
