//! `Fleet.windows`: when which classes of steps and acts may run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::cron::Cron;
use crate::model::Class;

/// The shortest and the longest time that a window is open or shut, in seconds.
const SHORTEST: u64 = 60;
const LONGEST: u64 = 31 * 24 * 3600;

/// The zones as they came with this program: what is allowed does not depend on files of the machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Whether a window lets classes run or keeps them from it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum WindowKind {
    /// `allow`
    Allow,
    /// `deny`: wins over every `allow`.
    Deny,
}

impl WindowKind {
    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// One of `Fleet.windows`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", try_from = "Stored")]
pub struct Window {
    kind: WindowKind,
    cron: Cron,
    #[serde(rename = "for")]
    seconds: u64,
    timezone: Zone,
    classes: BTreeSet<Class>,
}

/// A window as it is stored, not yet believed.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    kind: WindowKind,
    cron: Cron,
    #[serde(rename = "for")]
    seconds: u64,
    timezone: Zone,
    classes: BTreeSet<Class>,
}

impl TryFrom<Stored> for Window {
    type Error = String;
    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { kind, cron, seconds, timezone, classes } = stored;
        Self::new(kind, cron, Duration::from_secs(seconds), timezone, classes)
    }
}

impl Window {
    /// A window that begins as `cron` says on the clocks of a zone, and lasts.
    ///
    /// # Errors
    /// In words: it lasts less than a minute, more than 31 days or a part of a second, or names no class.
    pub fn new(
        kind: WindowKind,
        cron: Cron,
        lasts: Duration,
        timezone: Zone,
        classes: impl IntoIterator<Item = Class>,
    ) -> Result<Self, String> {
        let seconds = lasts.as_secs();
        if !(SHORTEST..=LONGEST).contains(&seconds) || lasts.subsec_nanos() != 0 {
            return Err("`for` has to be 1m to 31d".to_owned());
        }
        let classes: BTreeSet<Class> = classes.into_iter().collect();
        if classes.is_empty() {
            return Err("`classes` names none: the window would change nothing".to_owned());
        }
        Ok(Self { kind, cron, seconds, timezone, classes })
    }

    /// Whether it allows or denies.
    pub fn kind(&self) -> WindowKind {
        self.kind
    }

    /// When it begins.
    pub fn cron(&self) -> &Cron {
        &self.cron
    }

    /// How long it lasts, whatever clocks are put to meanwhile.
    pub fn lasts(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// On whose clocks it begins.
    pub fn timezone(&self) -> &Zone {
        &self.timezone
    }

    /// The classes that it is about; at least one.
    pub fn classes(&self) -> &BTreeSet<Class> {
        &self.classes
    }
}

/// ``deny `0 8 * * mon-fri` for 10h (Europe/Berlin)``
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds;
        let (count, unit) = match seconds {
            _ if seconds.is_multiple_of(86_400) => (seconds / 86_400, 'd'),
            _ if seconds.is_multiple_of(3600) => (seconds / 3600, 'h'),
            _ if seconds.is_multiple_of(60) => (seconds / 60, 'm'),
            _ => (seconds, 's'),
        };
        write!(f, "{} `{}` for {count}{unit} ({})", self.kind.word(), self.cron, self.timezone)
    }
}

/// A time zone of IANA's database, by its name.
#[derive(Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone of a name, `Europe/Berlin` or `UTC`, in the database's own spelling.
    ///
    /// # Errors
    /// In words, with the name that was probably meant.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = ZONES.get(name).ok();
        match found {
            // The database does not mind the case; documents that are compared do.
            Some(zone) if zone.iana_name() == Some(name) => Ok(Self { name: name.to_owned(), zone }),
            _ => {
                let shown: String = name.chars().filter(|char| !char.is_control()).take(60).collect();
                let meant =
                    nearest(name).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
                Err(format!(
                    "`{shown}` is no time zone of IANA's database, like `Europe/Berlin` or `UTC`{meant}"
                ))
            }
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Its rules.
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

/// The zone that was probably meant: in another case, without its continent, or with a slip.
fn nearest(name: &str) -> Option<String> {
    let wanted: String = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let wanted = wanted.replace(' ', "_");
    let distance = |known: &str| {
        let known = known.to_lowercase();
        let city = known.rsplit('/').next().unwrap_or(&known);
        match strsim::osa_distance(&wanted, &known) {
            0 => 0,
            _ if wanted == city => 1,
            further => further + 1,
        }
    };
    let known = ZONES.available().map(|known| (distance(known.as_str()), known.as_str().to_owned()));
    let allowed = 1 + (wanted.chars().count() / 4).clamp(1, 3);
    known.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(seconds: u64, classes: &[Class]) -> Result<Window, String> {
        let cron = Cron::parse("0 8 * * mon-fri").unwrap();
        let zone = Zone::parse("Europe/Berlin").unwrap();
        Window::new(WindowKind::Deny, cron, Duration::from_secs(seconds), zone, classes.iter().copied())
    }

    #[test]
    fn zones_are_iana_names_in_their_own_spelling() {
        for name in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Etc/UTC", "Asia/Kolkata"] {
            assert_eq!(Zone::parse(name).unwrap().as_str(), name);
        }
        for (name, meant) in [
            ("europe/berlin", Some("Europe/Berlin")),
            ("Europe/Berlim", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("New York", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("Middle-earth/Shire", None),
            ("CET-1CEST", None),
            ("+02:00", None),
            ("", None),
            ("../../etc/passwd", None),
        ] {
            let error = Zone::parse(name).expect_err(name);
            match meant {
                Some(meant) => assert!(error.ends_with(&format!("did you mean `{meant}`?")), "{error}"),
                None => assert!(!error.contains("did you mean `Europe"), "{error}"),
            }
        }
    }

    #[test]
    fn a_window_lasts_a_minute_to_31_days_and_is_about_something() {
        for (seconds, taken) in
            [(0, false), (59, false), (60, true), (31 * 86_400, true), (31 * 86_400 + 1, false)]
        {
            assert_eq!(window(seconds, &[Class::Safe]).is_ok(), taken, "{seconds}");
        }
        assert!(window(60, &[]).is_err());
    }

    #[test]
    fn it_is_stored_and_read_back() {
        let window = window(36_000, &[Class::Irreversible, Class::Destructive]).unwrap();
        let json = serde_json::to_value(&window).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "kind": "deny", "cron": "0 8 * * mon-fri", "for": 36000, "timezone": "Europe/Berlin",
                "classes": ["destructive", "irreversible"],
            })
        );
        assert_eq!(serde_json::from_value::<Window>(json.clone()).unwrap(), window);
        assert_eq!(window.to_string(), "deny `0 8 * * mon-fri` for 10h (Europe/Berlin)");
        for (member, value) in [
            ("for", serde_json::json!(0)),
            ("classes", serde_json::json!([])),
            ("timezone", "Nowhere".into()),
        ] {
            let mut broken = json.clone();
            broken[member] = value;
            assert!(serde_json::from_value::<Window>(broken).is_err(), "{member}");
        }
    }
}
