//! The unkindnesses of the services, each with a name, scripted or at random with a seed.
//!
//! A fault matches requests by operation and kind, strikes at the nth match and so many times,
//! before or after the effect. Within a `$batch` the requests are matched, not the envelope: that
//! one only where a fault names `$batch`. Time in faults is the world's, but for `slow`.

mod business;
mod dep;
mod managed;
mod name;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calls::CallKind;
use super::world::{mix, mix_text};
use crate::model::Serial;
pub(super) use dep::{Device, DeviceHarm};
pub use name::FaultName;

/// A fault to be switched on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What it is called in `/faults/wait`, `/faults/release` and lists; absent: a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What happens.
    pub fault: FaultName,
    /// The operation's id; absent or `*`: any but the envelope `$batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only requests with this text in their path, e.g. a token's id, or at Apple's enrollment service
    /// those of the service with this UUID or name; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Only reads or only writes; absent: both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CallKind>,
    /// Strikes from this match on, counting from 1; absent: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many times it strikes; 0: without end. Absent: once for what hits a request, without
    /// end for ways to answer (`late-visibility`, `patch-204`, `ecv2`, `duplicate-rows`,
    /// `unknown-members`, `drop-skip-keys`, `reset-accounts`, `empty-results`, `stale-results`,
    /// `no-result-secrets`, `ghost-records`, `other-serial`, `no-supervision`, and Apple's `same-cursor`, `deleted-rows`,
    /// `empty-times`, `depsim`, `any-timestamp`, and Business' `silent-serials`, `kid-refused`,
    /// `empty-relationship`, `text-members`, `list-members`, `source-uid`, `no-instance`, `totals`, `lift-limits`,
    /// and lags), for `403`, `no-segment`, `random`, and for what lasts until a person
    /// acts (`terms`, `access-denied`, `token-rejected`, `signature-invalid`, `token-expired`,
    /// `user-agent`, `clock-skew`, `seed-off`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Before or after the effect took place.
    #[serde(default)]
    pub when: When,
    /// `429`, `503`, `batch-item-429`: the `Retry-After` in seconds; absent: no such header.
    /// `throttle-devices`: `retry_after_seconds`; absent: a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// `slow`: real milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// `slow`: world seconds that pass. `late-visibility`: world seconds during which a created
    /// profile is not found by its id (absent: 30). `clock-skew`: seconds by which the service's clock
    /// is ahead of the world's (absent: 600). `status-lag`, `linkage-lag`, `count-lag`,
    /// `relationship-lag`: world seconds until a change is seen (absent: 30).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// `late-visibility`: world seconds during which lists do not show it; absent: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<u32>,
    /// `page-error`: the page of the list, counting from 1; absent: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// `page-error`: the status; 0: the line is cut. Absent: 500. `token-limit`: the status; absent: 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `throttle-devices`, `fail-devices`, `missing-serials`, `remove-profile`, `delta-drops`, faults of
    /// activities: the devices that it concerns; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<Serial>,
    /// `random`: what chance follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// `random`: the share of matching requests that are hit, 0 to 1; absent: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// `random`: the faults to choose from; absent: those that a retry may overcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<FaultName>,
}

/// On which side of the effect a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Nothing has been done.
    #[default]
    Before,
    /// Everything has been done; only the answer suffers.
    After,
}

/// A fault as `GET /faults` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaultState {
    /// Its id.
    pub id: String,
    /// How often it has struck.
    pub hits: u64,
    /// As it was switched on.
    pub fault: Fault,
}

/// A request as faults see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// As calls and the record name it.
    pub service: &'static str,
    pub operation: &'a str,
    pub kind: CallKind,
    pub path: &'a str,
    /// Names beside the path that `within` may mean, compared whole.
    pub about: &'a [String],
    pub in_batch: bool,
    /// The page of a list, counting from 1; `None` for other requests.
    pub page: Option<u32>,
}

/// What a request has to suffer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Suffering {
    pub before: Option<Blow>,
    pub after: Option<Blow>,
    pub ways: Ways,
    pub devices: Vec<DeviceHarm>,
}

/// A blow, and the fault whose hit it counts as.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blow {
    pub fault_id: String,
    pub harm: Harm,
}

/// What a blow does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Harm {
    Status {
        status: u16,
        retry_after: Option<u32>,
    },
    ExpireBearer,
    Cut,
    Hold,
    Slow {
        delay_ms: u64,
        seconds: u32,
    },
    Garbage,
    /// Apple's refusal with this code.
    Told {
        status: u16,
        code: &'static str,
    },
}

/// How an answer differs without being a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    pub patch_204: bool,
    pub ecv2: bool,
    pub duplicate_rows: bool,
    pub unknown_members: bool,
    pub drop_skip_keys: bool,
    pub reset_accounts: bool,
    pub rotate_session: bool,
    pub empty_session: bool,
    pub same_cursor: bool,
    pub deleted_rows: bool,
    pub empty_times: bool,
    pub depsim: bool,
    pub any_timestamp: bool,
    /// Seconds by which the clock of Apple's service is ahead of the world's.
    pub clock_ahead: u32,
    pub silent_serials: bool,
    pub kid_refused: bool,
    pub empty_relationship: bool,
    pub text_members: bool,
    pub list_members: bool,
    pub source_uid: bool,
    pub no_instance: bool,
    pub totals: bool,
    pub foreign_next: bool,
    pub missing_rows: bool,
    pub cut_body: bool,
    pub lift_limits: bool,
    pub status_lag: u32,
    pub linkage_lag: u32,
    pub count_lag: u32,
    pub relationship_lag: u32,
    /// A refusal for being asked too often: its status, and its `Retry-After`.
    pub limit: Option<(u16, Option<u32>)>,
    pub empty_results: bool,
    pub stale_results: bool,
    pub no_secrets: bool,
    pub ghost_records: bool,
    pub other_serial: bool,
    pub no_supervision: bool,
    /// World seconds until a created profile is found by id, and until it is listed.
    pub late: Option<(u32, u32)>,
}

#[derive(Debug)]
struct Armed {
    id: String,
    fault: Fault,
    seen: u64,
    struck: u64,
    hits: u64,
}

/// All faults that are switched on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    armed: Vec<Armed>,
    made: u64,
    /// How often each request was asked, so that chance does not depend on the order in which
    /// requests that run side by side arrive.
    asked: BTreeMap<String, u64>,
}

const BY_CHANCE: [FaultName; 7] = [
    FaultName::Unauthorized,
    FaultName::TooManyRequests,
    FaultName::InternalError,
    FaultName::BadGateway,
    FaultName::Unavailable,
    FaultName::GatewayTimeout,
    FaultName::Cut,
];

impl Faults {
    /// Switches one on. Returns its id.
    pub(super) fn add(&mut self, fault: Fault) -> String {
        self.made += 1;
        let id = fault.id.clone().unwrap_or_else(|| self.made.to_string());
        self.armed.push(Armed { id: id.clone(), fault, seen: 0, struck: 0, hits: 0 });
        id
    }

    /// Switches all off.
    pub(super) fn clear(&mut self) {
        self.armed.clear();
        self.asked.clear();
    }

    /// All of them.
    pub(super) fn list(&self) -> Vec<FaultState> {
        self.armed
            .iter()
            .map(|armed| FaultState { id: armed.id.clone(), hits: armed.hits, fault: armed.fault.clone() })
            .collect()
    }

    /// How often the fault has struck; `None` for one that is not there.
    pub(super) fn hits(&self, id: &str) -> Option<u64> {
        self.armed.iter().find(|armed| armed.id == id).map(|armed| armed.hits)
    }

    /// Notes that a fault has struck.
    pub(super) fn hit(&mut self, id: &str) {
        if let Some(armed) = self.armed.iter_mut().find(|armed| armed.id == id) {
            armed.hits += 1;
        }
    }

    /// Decides what a request has to suffer. The first fault that strikes on a side wins it.
    pub(super) fn strike(&mut self, asked: Asked<'_>) -> Suffering {
        let mut suffering = Suffering::default();
        if self.armed.is_empty() {
            return suffering;
        }
        let request = asked
            .about
            .iter()
            .fold(format!("{} {}", asked.operation, asked.path), |text, name| text + " " + name);
        let count = self.asked.entry(request.clone()).or_default();
        *count += 1;
        for armed in &mut self.armed {
            if !armed.fault.matches(asked) {
                continue;
            }
            armed.seen += 1;
            let limit = armed.fault.limit();
            if armed.seen < armed.fault.nth.unwrap_or(1) || (limit > 0 && armed.struck >= limit) {
                continue;
            }
            let mut name = armed.fault.fault;
            let mut when = armed.fault.when;
            if name == FaultName::Random {
                let chance = mix(mix_text(armed.fault.seed.unwrap_or(0), &request) ^ *count);
                let Some(chosen) = armed.fault.choose(chance) else { continue };
                (name, when) = chosen;
            }
            if armed.fault.adopt(name, when, &armed.id, &mut suffering) {
                armed.struck += 1;
                if armed.fault.is_a_way(name) {
                    armed.hits += 1;
                }
            }
        }
        suffering
    }
}

impl Fault {
    /// Why the fault cannot be; `None` for one that can.
    pub(super) fn impossible(&self) -> Option<&'static str> {
        let unfit = |name: &FaultName| matches!(name, FaultName::Random | FaultName::Hold);
        if self.fault == FaultName::Random && self.kinds.iter().any(unfit) {
            return Some("`random` cannot choose `random` or `hold`");
        }
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Some("`rate` is a share from 0 to 1");
        }
        (self.nth == Some(0)).then_some("`nth` counts from 1")
    }

    fn limit(&self) -> u64 {
        let endless = matches!(self.fault, FaultName::Random | FaultName::Forbidden | FaultName::NoSegment)
            || self.fault.is_endless()
            || (self.is_a_way(self.fault)
                && !self.fault.is_for_once()
                && !self.fault.is_for_once_of_business());
        self.times.unwrap_or(if endless { 0 } else { 1 })
    }

    fn is_a_way(&self, name: FaultName) -> bool {
        matches!(
            name,
            FaultName::LateVisibility
                | FaultName::Patch204
                | FaultName::Ecv2
                | FaultName::DuplicateRows
                | FaultName::UnknownMembers
                | FaultName::DropSkipKeys
                | FaultName::ResetAccounts
        ) || name.is_a_way_of_apple()
            || name.is_a_way_of_business()
            || name.is_a_way_of_managed()
    }

    fn matches(&self, asked: Asked<'_>) -> bool {
        let operation = match self.operation.as_deref() {
            None | Some("*") => asked.operation != "$batch",
            Some(operation) => operation == asked.operation,
        };
        let apt = match self.fault {
            FaultName::PageError => asked.page == Some(self.page.unwrap_or(2)),
            FaultName::DuplicateRows => {
                asked.page.is_some_and(|page| page > 1) && asked.operation != "devices.sync.post"
            }
            FaultName::BatchItem429 | FaultName::BatchItem500 => asked.in_batch,
            FaultName::LateVisibility => asked.operation.ends_with(".enrollmentProfiles.post"),
            FaultName::Patch204 => asked.operation.ends_with(".patch"),
            FaultName::DropSkipKeys => {
                let tail = asked.operation.split_once(".enrollmentProfiles.").map(|(_, tail)| tail);
                tail.is_some_and(|tail| matches!(tail, "post" | "item.patch"))
            }
            FaultName::ResetAccounts => asked.operation.ends_with(".enrollmentProfiles.item.patch"),
            name if name.is_a_way_of_managed() => asked.operation.contains(".managedDevices."),
            name => name.is_apt_of_business(asked).unwrap_or_else(|| name.is_apt(asked)),
        };
        let within = self.within.as_deref().is_none_or(|part| {
            asked.path.contains(part) || asked.about.iter().any(|name| name.eq_ignore_ascii_case(part))
        });
        operation && apt && within && self.kind.is_none_or(|kind| kind == asked.kind)
    }

    /// Chooses by chance; `None` where chance spares the request.
    fn choose(&self, chance: u64) -> Option<(FaultName, When)> {
        let share = (chance >> 11) as f64 / (1u64 << 53) as f64;
        if share >= self.rate.unwrap_or(0.1) {
            return None;
        }
        let choice = mix(chance);
        let kinds: &[FaultName] = if self.kinds.is_empty() { &BY_CHANCE } else { &self.kinds };
        let name = kinds[(choice % kinds.len() as u64) as usize];
        let late = choice >> 63 == 1;
        let refuses = matches!(
            name,
            FaultName::Unauthorized
                | FaultName::ExpiredBearer
                | FaultName::Forbidden
                | FaultName::NoSegment
                | FaultName::TooManyRequests
                | FaultName::Random
        );
        Some((name, if late && !refuses { When::After } else { When::Before }))
    }

    /// Puts the fault into `suffering`; `false` where its side is taken.
    fn adopt(&self, name: FaultName, when: When, id: &str, suffering: &mut Suffering) -> bool {
        if self.adopt_of_business(name, when, suffering) || name.adopt_of_managed(&mut suffering.ways) {
            return true;
        }
        let status = |status| Harm::Status { status, retry_after: None };
        let throttled = Harm::Status { status: 429, retry_after: self.retry_after };
        let harm = match name {
            FaultName::Unauthorized => status(401),
            FaultName::Forbidden => status(403),
            FaultName::NoSegment => status(400),
            FaultName::ExpiredBearer => Harm::ExpireBearer,
            FaultName::TooManyRequests | FaultName::BatchItem429 => throttled,
            FaultName::InternalError | FaultName::BatchItem500 => status(500),
            FaultName::BadGateway => status(502),
            FaultName::Unavailable => Harm::Status { status: 503, retry_after: self.retry_after },
            FaultName::GatewayTimeout => status(504),
            FaultName::Cut => Harm::Cut,
            FaultName::Hold => Harm::Hold,
            FaultName::Slow => {
                Harm::Slow { delay_ms: self.delay_ms.unwrap_or(0), seconds: self.seconds.unwrap_or(0) }
            }
            FaultName::PageError => match self.status {
                Some(0) => Harm::Cut,
                other => status(other.unwrap_or(500)),
            },
            FaultName::Garbage => Harm::Garbage,
            FaultName::LateVisibility => {
                suffering.ways.late = Some((self.seconds.unwrap_or(30), self.hidden.unwrap_or(0)));
                return true;
            }
            FaultName::Patch204 => {
                suffering.ways.patch_204 = true;
                return true;
            }
            FaultName::Ecv2 => {
                suffering.ways.ecv2 = true;
                return true;
            }
            FaultName::DuplicateRows => {
                suffering.ways.duplicate_rows = true;
                return true;
            }
            FaultName::UnknownMembers => {
                suffering.ways.unknown_members = true;
                return true;
            }
            FaultName::DropSkipKeys => {
                suffering.ways.drop_skip_keys = true;
                return true;
            }
            FaultName::ResetAccounts => {
                suffering.ways.reset_accounts = true;
                return true;
            }
            FaultName::Random => return false,
            name => match Self::told_of_business(name).or_else(|| self.adopt_of_apple(name, when, suffering))
            {
                Some(harm) => harm,
                None => return true,
            },
        };
        let when = if harm == Harm::Garbage { When::After } else { when };
        let side = match when {
            When::Before => &mut suffering.before,
            When::After => &mut suffering.after,
        };
        if side.is_some() {
            return false;
        }
        *side = Some(Blow { fault_id: id.to_owned(), harm });
        true
    }
}
