//! Checked values: what the tables promise, with places. Made by `check`, taken apart by `lower`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::serial::Serials;
use super::shape::Type;
use crate::model::desired::{Places, TokenSelector};
use crate::model::{Field, Name, Place, SecretRef};

/// A value and where it stands.
#[derive(Debug)]
pub struct Item {
    /// Where.
    pub place: Place,
    /// What.
    pub read: Read,
}

/// A checked value.
#[derive(Debug)]
pub enum Read {
    /// Was refused; a finding says why.
    Bad,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number within its bounds.
    Int(i64),
    /// A text in its spelling.
    Text(String),
    /// A word of an enum, or a screen.
    Word(&'static str),
    /// A name.
    Name(Name),
    /// A duration.
    Duration(Duration),
    /// An instant.
    Time(jiff::Timestamp),
    /// A UUID.
    Uuid(uuid::Uuid),
    /// An origin.
    Url(url::Url),
    /// A list.
    List(Vec<Item>),
    /// A mapping with free keys.
    Map(BTreeMap<String, Item>),
    /// An object.
    Object(Object),
    /// Where a secret is.
    Secret(SecretRef),
    /// Serials with lines.
    Serials(Serials),
    /// A choice of tokens, and where each name stands.
    Tokens(TokenSelector, BTreeMap<Name, Place>),
}

/// A checked object.
#[derive(Debug)]
pub struct Object {
    /// Where it begins.
    pub place: Place,
    /// Its written fields.
    pub items: BTreeMap<&'static str, Item>,
    /// It was no mapping at all.
    pub unreadable: bool,
}

impl Object {
    /// An empty object.
    pub fn new(place: Place) -> Self {
        Self { place, items: BTreeMap::new(), unreadable: false }
    }

    fn read(&self, name: &str) -> Option<&Read> {
        self.items.get(name).map(|item| &item.read)
    }

    /// Three states of a field; a refused value counts as missing.
    pub fn field<T>(&self, name: &str, take: impl FnOnce(&Read) -> Option<T>) -> Field<T> {
        match self.read(name) {
            None => Field::Missing,
            Some(Read::Null) => Field::Null,
            Some(read) => take(read).map_or(Field::Missing, Field::Set),
        }
    }

    /// A text field.
    pub fn text(&self, name: &str) -> Field<String> {
        self.field(name, |read| match read {
            Read::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A boolean field.
    pub fn bool(&self, name: &str) -> Field<bool> {
        self.field(name, |read| match read {
            Read::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// A number.
    pub fn int(&self, name: &str) -> Field<i64> {
        self.field(name, |read| match read {
            Read::Int(value) => Some(*value),
            _ => None,
        })
    }

    /// A word.
    pub fn word(&self, name: &str) -> Field<&'static str> {
        self.field(name, |read| match read {
            Read::Word(word) => Some(*word),
            _ => None,
        })
    }

    /// A name.
    pub fn name(&self, name: &str) -> Field<Name> {
        self.field(name, |read| match read {
            Read::Name(name) => Some(name.clone()),
            _ => None,
        })
    }

    /// An object within.
    pub fn object(&self, name: &str) -> Option<&Object> {
        match self.read(name) {
            Some(Read::Object(object)) if !object.unreadable => Some(object),
            _ => None,
        }
    }

    /// A list of items.
    pub fn list(&self, name: &str) -> Field<&[Item]> {
        match self.read(name) {
            None => Field::Missing,
            Some(Read::Null) => Field::Null,
            Some(Read::List(items)) => Field::Set(items),
            Some(_) => Field::Missing,
        }
    }

    /// A list of texts.
    pub fn text_list(&self, name: &str) -> Field<Vec<String>> {
        self.list(name).map(|items| {
            let text = |item: &Item| match &item.read {
                Read::Text(text) => Some(text.clone()),
                _ => None,
            };
            items.iter().filter_map(text).collect()
        })
    }

    /// A mapping of texts.
    pub fn texts(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let Some(Read::Map(map)) = self.read(name) else { return None };
        let text = |(key, item): (&String, &Item)| match &item.read {
            Read::Text(text) => Some((key.clone(), text.clone())),
            _ => None,
        };
        Some(map.iter().filter_map(text).collect())
    }

    /// Notes the places of all fields, by dotted name.
    pub fn note_places(&self, prefix: &str, places: &mut Places) {
        for (name, item) in &self.items {
            let name = if prefix.is_empty() { (*name).to_owned() } else { format!("{prefix}.{name}") };
            match &item.read {
                Read::Object(object) => object.note_places(&name, places),
                Read::Map(map) => {
                    for (key, item) in map {
                        places.fields.insert(format!("{name}.{key}"), item.place.clone());
                    }
                }
                Read::List(items) => {
                    for item in items {
                        if let Read::Word(word) = item.read {
                            places.fields.insert(format!("{name}.{word}"), item.place.clone());
                        }
                    }
                }
                Read::Tokens(_, named) => {
                    for (token, place) in named {
                        places.fields.insert(format!("{name}.{token}"), place.clone());
                    }
                }
                _ => {}
            }
            places.fields.insert(name, item.place.clone());
        }
    }
}

/// Reads `30d`, `72h`, `15m`, `90s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it is not a duration".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    // A century is more than any horizon needs, and keeps all arithmetic with times safe.
    let total = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    total
        .filter(|total| *total <= 36_525 * 86_400)
        .map(Duration::from_secs)
        .ok_or_else(|| "the duration is too long".to_owned())
}

/// Reads an instant in RFC 3339, or a date, which lasts until its end in UTC.
pub fn time(text: &str) -> Result<jiff::Timestamp, String> {
    let wrong = || "it is neither a date nor a time in RFC 3339".to_owned();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(instant);
    }
    // A date alone: what has an hour and no zone is not clear.
    let date = if text.len() == "2027-01-31".len() { text } else { "" };
    let day: jiff::civil::Date = date.parse().map_err(|_| wrong())?;
    let end = day.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC));
    end.map(|end| end.timestamp()).map_err(|_| wrong())
}

/// Reads an instant in RFC 3339.
pub fn instant(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "it is not a time in RFC 3339, with its hour and zone".to_owned())
}

/// Reads the scheme and host of a service.
pub fn origin(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("it must begin with https:// or http:// and name a host".to_owned());
    }
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err("only scheme, host and port are taken".to_owned());
    }
    Ok(url)
}

/// Reads an https address.
pub fn https(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    if url.scheme() != "https" || url.host().is_none() {
        return Err("it must begin with https:// and name a host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a user name or a password".to_owned());
    }
    Ok(url)
}

/// Reads the UUID of a server at Apple: 32 hex digits, dashed or not, in Apple's spelling (reference
/// apple-enrollment-api section 3.2).
pub fn server_uuid(text: &str) -> Option<String> {
    let plain = text.len() == 32 || text.len() == 36;
    let id = uuid::Uuid::try_parse(text).ok().filter(|id| plain && !id.is_nil())?;
    Some(id.simple().to_string().to_ascii_uppercase())
}

/// Reads the id of an application in the spelling that Entra shows. The one that is all zeros is
/// taken: starter documents hold it in the place of one to be filled in.
pub fn guid(text: &str) -> Result<String, String> {
    match uuid::Uuid::try_parse(text) {
        Ok(_) if text.len() == 36 => Ok(text.to_owned()),
        _ => Err("it is not a GUID".to_owned()),
    }
}

/// Reads a tenant: its GUID, or a domain name.
pub fn tenant(text: &str) -> Result<String, String> {
    if guid(text).is_ok() {
        return Ok(text.to_owned());
    }
    if ["common", "organizations", "consumers"].contains(&text.to_ascii_lowercase().as_str()) {
        return Err(format!("`{text}` stands for many tenants, and an application signs in to one"));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels: Vec<&str> = text.split('.').collect();
    let ends_as_a_name = labels.last().is_some_and(|end| end.bytes().any(|byte| byte.is_ascii_alphabetic()));
    match labels.len() >= 2 && text.len() <= 253 && ends_as_a_name && labels.into_iter().all(is_label) {
        true => Ok(text.to_owned()),
        false => Err("it is neither a GUID nor a domain name".to_owned()),
    }
}

/// What to write instead, by type.
pub fn example(ty: Type) -> &'static str {
    match ty {
        Type::Name => "write a name like `school-ipads`",
        Type::Duration => "write a number and a unit: 30d, 72h, 15m",
        Type::Time => "write a date like 2027-01-31, or a time like 2027-01-31T12:00:00Z",
        Type::Instant => "write a time like 2027-01-31T12:00:00Z",
        Type::Uuid => "write a UUID; `espalier init` and `uuidgen` make new ones",
        Type::Guid => {
            "write the client id from the app's page in Entra, e.g. 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6"
        }
        Type::Tenant => {
            "write the tenant id from Entra's overview page (a GUID), or a verified domain like contoso.onmicrosoft.com"
        }
        Type::Origin => "write scheme and host, e.g. https://graph.example",
        Type::HttpsUrl => "write an address like https://mdm.example/.well-known/enroll",
        Type::Path => "write the path of a file, relative to this document",
        _ => "write a text, or leave the field out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        for wrong in ["", "d", "30", "1.5h", "-1d", "99999999999999999999d", "400000d", "3é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tenant_is_a_guid_or_a_domain_name() {
        for right in
            ["7a4d3c1e-0000-4000-8000-000000000001", "contoso.onmicrosoft.com", "xn--bcher-kva.example"]
        {
            assert_eq!(tenant(right).as_deref(), Ok(right));
        }
        for wrong in [
            "contoso",
            "common",
            "7a4d3c1e000040008000000000000001",
            "{7a4d3c1e-0000-4000-8000-000000000001}",
            "7a4d3c1e-0000-4000-8000-00000000000",
            "10.0.0.1",
            "a..b",
            "-a.example",
            "a b.example",
            "contoso.example/x",
            "https://contoso.example",
            ".example",
            "contoso.",
        ] {
            assert!(tenant(wrong).is_err(), "{wrong}");
        }
        assert!(tenant("common").unwrap_err().contains("many tenants"));
    }

    #[test]
    fn an_application_is_a_guid_in_the_spelling_of_entra() {
        assert!(guid("3B7E9C04-6d5a-4812-9f0e-c1a2b3d4e5f6").is_ok());
        for wrong in
            ["app", "3b7e9c046d5a48129f0ec1a2b3d4e5f6", "urn:uuid:3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6", ""]
        {
            assert!(guid(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_lasts_until_its_end() {
        assert_eq!(time("2027-01-31"), Ok("2027-02-01T00:00:00Z".parse().unwrap()));
        assert_eq!(time("2027-01-31T12:00:00+02:00"), Ok("2027-01-31T10:00:00Z".parse().unwrap()));
        for wrong in ["", "soon", "31.01.2027", "2027-02-30", "2027-01-31T12:00"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_scheme_and_host_only() {
        assert!(origin("http://127.0.0.1:8080").is_ok());
        for wrong in ["ftp://x", "https://a/b", "https://u:p@a", "nonsense", "https://a?x=1"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
