//! How organisations at Apple are, for `status` and for figures: their services, what no document
//! names, and what their API account has left.

use serde::Serialize;

use super::{Observed, Session};
use crate::ledger::LedgerView;
use crate::model::clock::{Timestamp, between};
use crate::model::desired::Desired;
use crate::model::live::{Cause, Fact, Unknown};
use crate::model::organisation::{
    Belongs, Edition, LiveOrganisation, LiveService, ProductFamily, ServiceKind,
};
use crate::model::{Name, ServiceId};

/// How one organisation is. What is not known is null, never 0.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganisationStatus {
    /// The `Connection` document.
    pub connection: Name,
    /// Business or School.
    pub edition: Edition,
    /// `clientId`
    pub client_id: String,
    /// `keyId`
    pub key_id: String,
    /// When the API key was used for the first time, as the ledger knows: Apple tells nothing of its
    /// age. Null where it was not recorded yet.
    #[schemars(with = "Option<String>")]
    pub key_known_since: Option<Timestamp>,
    /// Whole days since then.
    pub key_age_days: Option<u64>,
    /// Its services, by name; null where they could not be read.
    pub services: Option<Vec<ServiceStatus>>,
    /// Devices of the organisation; null where they were not read, or not to the end.
    pub devices: Option<u64>,
    /// Those of them that belong to no service.
    pub unassigned: Option<u64>,
    /// Those of them of which the lists contradict each other.
    pub unclear: Option<u64>,
    /// Devices on services that no document names (T-11).
    pub orphans: Option<u64>,
    /// Activities of earlier runs that nobody has seen end.
    pub open_activities: u64,
    /// Migrations that espalier asked for and that have not ended.
    pub open_migrations: u64,
    /// When services and devices were read.
    #[schemars(with = "String")]
    pub read_at: Timestamp,
    /// How long ago that is, in seconds.
    pub age_seconds: u64,
    /// They were read by an earlier run (`--max-age`).
    pub reused: bool,
    /// `getPerMinute`
    pub get_per_minute: u32,
    /// `postPerHour`
    pub post_per_hour: u32,
    /// Writes that fit now.
    pub posts_free: u32,
    /// When the next write fits, where none does now.
    #[schemars(with = "Option<String>")]
    pub next_post: Option<Timestamp>,
    /// Why its services are not known, or its devices.
    pub trouble: Option<OrganisationTrouble>,
}

/// Why something of an organisation is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganisationTrouble {
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// What is the matter.
    pub reason: String,
    /// What to do next.
    pub next: String,
    /// Apple's current terms have to be accepted in the portal.
    pub terms: bool,
    /// Only the devices are not known: the services were read.
    pub devices_only: bool,
}

/// A device management service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Its id.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: ServiceKind,
    /// `status`, as Apple words it.
    pub status: Option<String>,
    /// The `EnrollmentToken` documents that name it; more than one is a mistake.
    pub tokens: Vec<Name>,
    /// Its devices, by its own list; null where that was not read.
    pub devices: Option<u64>,
    /// `deviceCount`, which lags.
    pub device_count: Option<u64>,
    /// The families that it is the default of; null where that was not read.
    pub default_for: Option<Vec<ProductFamily>>,
    /// `enableMdmDisownFlag`
    pub may_disown: Option<bool>,
    /// `lastConnectedDateTime`
    #[schemars(with = "Option<String>")]
    pub last_connected: Option<Timestamp>,
}

impl ServiceStatus {
    /// Whether it has devices and no document names it (T-11). What Apple brings along is nobody's
    /// oversight.
    pub fn is_orphan(&self) -> bool {
        self.kind == ServiceKind::Mdm && self.tokens.is_empty() && self.devices.is_some_and(|count| count > 0)
    }
}

/// Whether something of an organisation is unknown only because nobody asked for it.
pub fn is_unasked(unknown: &Unknown) -> bool {
    super::reading_apple::is_unasked(unknown)
}

/// Whether an organisation was not asked because it failed lately.
pub fn is_left_alone(live: &LiveOrganisation) -> bool {
    live.services.unknown().is_some_and(super::reading_apple::is_left_alone)
}

/// Why nothing, or nothing of the devices, is known of an organisation that was asked; `None` where it
/// was not asked, or left alone.
pub fn failure(live: &LiveOrganisation) -> Option<&Unknown> {
    let unknown = live.services.unknown().or(live.devices.unknown())?;
    (!is_unasked(unknown) && !is_left_alone(live)).then_some(unknown)
}

/// How the organisations are that were read, by their connections' names.
pub fn statuses(session: &Session, observed: &Observed, view: &LedgerView) -> Vec<OrganisationStatus> {
    let now = session.clock().now();
    let organisations = observed.live.organisations.iter();
    organisations.filter_map(|(name, live)| status(session.desired(), name, live, view, now)).collect()
}

/// How one organisation is; `None` where no document describes it.
pub fn status(
    desired: &Desired,
    name: &Name,
    live: &LiveOrganisation,
    view: &LedgerView,
    now: Timestamp,
) -> Option<OrganisationStatus> {
    let document = desired.organisations.get(name)?;
    let apple = &view.apple;
    let key = apple.keys.get(&live.tenant).and_then(|keys| keys.get(&document.key_id)).copied();
    let devices = live.devices.known();
    let counts = devices.map(|devices| devices.count_by_service());
    let services = live.services.known().map(|services| {
        let mut all: Vec<ServiceStatus> = services
            .iter()
            .map(|service| ServiceStatus {
                tokens: tokens_of(desired, name, service, view),
                devices: counts.as_ref().map(|counts| counts.get(&service.id).copied().unwrap_or_default()),
                ..service_status(service)
            })
            .collect();
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        all
    });
    let count = |which: fn(&Belongs<'_>) -> bool| {
        devices.map(|devices| devices.iter().filter(|one| which(&devices.service_of(one))).count() as u64)
    };
    let orphans = services.as_ref().zip(devices).map(|(services, _)| {
        services.iter().filter(|service| service.is_orphan()).filter_map(|service| service.devices).sum()
    });
    let budget = live.budget;
    Some(OrganisationStatus {
        connection: name.clone(),
        edition: live.edition,
        client_id: document.client_id.clone(),
        key_id: document.key_id.clone(),
        key_known_since: key,
        key_age_days: key.map(|since| between(since, now).as_secs() / 86_400),
        devices: devices.map(|devices| devices.len() as u64),
        unassigned: count(|belongs| matches!(belongs, Belongs::ToNone)),
        unclear: count(|belongs| matches!(belongs, Belongs::Unclear)),
        orphans,
        open_activities: apple.open_activities(&live.tenant).count() as u64,
        open_migrations: apple.migrations.get(&live.tenant).map_or(0, |all| all.len() as u64),
        read_at: live.read_at,
        age_seconds: between(live.read_at, now).as_secs(),
        reused: live.reused,
        get_per_minute: budget.get_per_minute,
        post_per_hour: budget.post_per_hour,
        posts_free: budget.posts_free,
        next_post: budget.next_post,
        trouble: trouble(live),
        services,
    })
}

/// The tokens whose documents mean a service: by the id that the ledger knows, else by its name.
fn tokens_of(desired: &Desired, organisation: &Name, service: &LiveService, view: &LedgerView) -> Vec<Name> {
    desired
        .services_of(organisation)
        .filter(|(token, _, named)| match view.apple.services.get(*token) {
            // A service that was renamed is the same one still.
            Some(known) if known.id == service.id => true,
            _ => *named == service.name,
        })
        .map(|(token, _, _)| token.clone())
        .collect()
}

fn service_status(service: &LiveService) -> ServiceStatus {
    ServiceStatus {
        id: service.id.clone(),
        name: service.name.clone(),
        kind: service.kind,
        status: service.status.clone(),
        tokens: Vec::new(),
        devices: None,
        device_count: service.device_count,
        default_for: service.default_for.as_ref().and_then(Fact::known).cloned(),
        may_disown: service.may_disown,
        last_connected: service.last_connected,
    }
}

fn trouble(live: &LiveOrganisation) -> Option<OrganisationTrouble> {
    let tell = |unknown: &Unknown, devices_only| OrganisationTrouble {
        cause: unknown.cause,
        reason: unknown.reason.clone(),
        next: unknown.next.clone(),
        terms: unknown.reason.contains(TERMS),
        devices_only,
    };
    match (live.services.unknown(), live.devices.unknown()) {
        (Some(unknown), _) => Some(tell(unknown, false)),
        // What nobody asked for is no trouble.
        (None, Some(unknown)) if !is_unasked(unknown) => Some(tell(unknown, true)),
        _ => None,
    }
}

/// The code of a refusal for want of accepted terms, as it stands behind the words.
const TERMS: &str = "[organisation-terms-not-accepted]";
