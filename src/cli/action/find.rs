//! The one device that somebody means, by what the MDM knows of it. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::args::WhichDevice;
use crate::apply::report::exit_of;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::render::text::{clip, count};
use crate::engine::inventory::DeviceRow;
use crate::manifest;
use crate::model::act::{Expect, Record, Records};
use crate::model::desired::Desired;
use crate::model::live::{Fact, Unknown};
use crate::model::{ActionKind, Realm, Serial};

/// How many candidates are shown.
const SHOWN: usize = 20;

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The device.
    pub serial: Serial,
    /// Its record; `None`: a release needs none.
    pub record: Option<Record>,
}

impl Found {
    /// What its document expects of it.
    pub fn expect(&self) -> Expect {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
        self.record.as_ref().map_or(Expect::default(), |record| Expect {
            model: text(&record.model),
            user: text(&record.user),
            name: text(&record.name),
        })
    }

    /// The device, for people.
    pub fn words(&self) -> String {
        match &self.record {
            None => format!("{}, of which the MDM has no record", self.serial),
            Some(record) => words(record),
        }
    }
}

fn words(record: &Record) -> String {
    let serial = record.serial.map_or_else(String::new, |serial| format!("{serial}, "));
    let mut text = format!("{serial}{:?}", record.name);
    for part in [record.model.as_str(), record.os.words(), record.user.as_str()] {
        if !part.is_empty() {
            let _ = write!(text, ", {part}");
        }
    }
    text
}

/// The code of an error that says that no record fits.
pub const UNKNOWN: &str = "device-unknown";

/// Finds it: exactly one live record has to fit. A protected device is never suggested.
///
/// # Errors
/// [`ExitCode::Usage`] where none or several fit, with the candidates; what a tenant that could not be read
/// says, unless a record with the very serial was found elsewhere.
pub fn find(
    kind: ActionKind,
    which: &WhichDevice,
    tenants: &BTreeMap<Realm, Fact<Records>>,
    protected: &BTreeSet<Serial>,
) -> Result<Found, CommandError> {
    let wanted = Wanted::of(which)?;
    let unread = tenants.iter().find_map(|(realm, fact)| match fact {
        Fact::Unknown(unknown) => Some((realm, unknown)),
        Fact::Known(_) => None,
    });
    let all = || tenants.values().filter_map(Fact::known).flat_map(|records| records.all().iter());
    let fits: Vec<&Record> = all().filter(|record| wanted.is(record)).collect();
    match fits.as_slice() {
        [record] if unread.is_none() || matches!(wanted, Wanted::Serial(_)) => match record.serial {
            Some(serial) => Ok(Found { serial, record: Some((*record).clone()) }),
            None => Err(CommandError::new(
                ExitCode::Usage,
                format!("the MDM knows no serial number of {}", words(record)),
            )
            .coded("device-unknown")
            .hint("an act is of a device with a serial number; look at it in the portal")),
        },
        _ if unread.is_some() => Err(unread
            .map_or_else(|| nobody(&wanted, [].into_iter(), protected), |(realm, why)| not_read(realm, why))),
        [] => match (kind, &wanted) {
            (ActionKind::Release, Wanted::Serial(serial)) => Ok(Found { serial: *serial, record: None }),
            _ => Err(nobody(&wanted, all(), protected)),
        },
        several => Err(candidates(&wanted, several)),
    }
}

/// What is looked for.
#[derive(Clone, Debug)]
enum Wanted {
    Serial(Serial),
    User(String),
    Name(String),
}

impl Wanted {
    fn of(which: &WhichDevice) -> Result<Self, CommandError> {
        Ok(match which {
            WhichDevice { serial: Some(text), .. } => Self::Serial(super::serial(text)?),
            WhichDevice { user: Some(text), .. } => Self::User(folded(text)),
            WhichDevice { name, .. } => Self::Name(folded(name.as_deref().unwrap_or_default())),
        })
    }

    fn is(&self, record: &Record) -> bool {
        match self {
            Self::Serial(serial) => record.serial == Some(*serial),
            Self::User(user) => !user.is_empty() && folded(&record.user) == *user,
            Self::Name(name) => !name.is_empty() && folded(&record.name) == *name,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Serial(serial) => format!("the serial number {serial}"),
            Self::User(user) => format!("the user {user}"),
            Self::Name(name) => format!("the name {name:?}"),
        }
    }
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// What documents protect: an act of class disruptive or above on it would be stopped.
pub fn protected(desired: &Desired) -> BTreeSet<Serial> {
    let policies = desired.connections.values().filter_map(|one| one.policy.as_ref());
    let policies = policies.chain(desired.organisations.values().filter_map(|one| one.policy.as_ref()));
    std::iter::once(&desired.fleet.gates)
        .chain(policies)
        .flat_map(|gates| gates.protected_serials.iter().copied())
        .collect()
}

/// A device that lists know and of which the MDM has no record: nothing near it is meant.
pub fn not_enrolled(serial: Serial, row: &DeviceRow<'_>) -> CommandError {
    let mdm = row.mdm;
    let place = match (row.token, row.apple.and_then(|apple| apple.organisation)) {
        (Some(token), _) => format!("known on token {token}"),
        (None, _) if mdm.is_some() => "known on a token that no document names".to_owned(),
        (None, Some(organisation)) => format!("known to the organisation {organisation} at Apple"),
        (None, None) => "known to the documents alone".to_owned(),
    };
    let state = match mdm {
        Some(mdm) if mdm.released => "released at Apple",
        _ => "not enrolled",
    };
    CommandError::new(
        ExitCode::Usage,
        format!("{serial} is {place}, {state}: the MDM has no record of it"),
    )
    .coded("device-not-enrolled")
    .hint("nothing can be asked of it before it enrolls: switch it on and follow Setup Assistant; giving it up at Apple is `release`")
}

fn nobody<'r>(
    wanted: &Wanted,
    all: impl Iterator<Item = &'r Record>,
    protected: &BTreeSet<Serial>,
) -> CommandError {
    let all = all.filter(|one| one.serial.is_none_or(|serial| !protected.contains(&serial)));
    let (text, known): (String, Vec<String>) = match wanted {
        Wanted::Serial(serial) => {
            (serial.to_string(), all.filter_map(|one| one.serial).map(|serial| serial.to_string()).collect())
        }
        Wanted::User(user) => (user.clone(), all.map(|one| folded(&one.user)).collect()),
        Wanted::Name(name) => (name.clone(), all.map(|one| folded(&one.name)).collect()),
    };
    let near = manifest::nearest(&text, known.iter().map(String::as_str));
    let hint = match near.filter(|near| !near.is_empty()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`espalier devices` lists what is known; a device that is not enrolled has no record, and nothing can be asked of it".to_owned(),
    };
    CommandError::new(ExitCode::Usage, format!("no device at the MDM has {}", wanted.words()))
        .coded("device-unknown")
        .hint(hint)
}

fn candidates(wanted: &Wanted, several: &[&Record]) -> CommandError {
    let mut message = format!("{} have {}:", count(several.len() as u64, "record"), wanted.words());
    let widest = |text: fn(&Record) -> &str, most: usize| {
        several.iter().take(SHOWN).map(|one| text(one).chars().count()).max().unwrap_or_default().min(most)
    };
    let name = widest(|record| &record.name, 18);
    let model = widest(|record| &record.model, 16);
    let user = widest(|record| &record.user, 24);
    for record in several.iter().take(SHOWN) {
        let serial = record.serial.map_or("(no serial)".to_owned(), |serial| serial.to_string());
        let enrolled =
            record.enrolled.map_or("not told".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
        let _ = write!(
            message,
            "\n  {serial:<12}  {:<name$}  {:<model$}  {:<user$}  {enrolled}",
            clip(&record.name, name),
            clip(&record.model, model),
            clip(&record.user, user)
        );
    }
    if several.len() > SHOWN {
        let _ = write!(message, "\n  and {} more", several.len() - SHOWN);
    }
    let hint = match wanted {
        Wanted::Serial(_) => {
            "nothing is done to a device of which two live records exist (D-3): delete the stale one in the portal"
        }
        _ => "name the device by its serial number: --serial SERIAL",
    };
    CommandError::new(ExitCode::Usage, message).coded("device-ambiguous").hint(hint)
}

fn not_read(realm: &Realm, why: &Unknown) -> CommandError {
    let code = ExitCode::from_code(exit_of(why.cause));
    CommandError::new(code, format!("the devices of {} could not be read: {}", realm.document(), why.reason))
        .hint(why.next.clone())
}
