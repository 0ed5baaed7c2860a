//! How many calls a plan takes, and how long about.

use std::collections::{BTreeMap, BTreeSet};

use super::Input;
use super::apple::DEVICES_PER_ACTIVITY;
use super::direct::DEVICES_PER_REQUEST;
use crate::model::clock::{Timestamp, between};
use crate::model::organisation::{Budget, LiveOrganisation};
use crate::model::{ActivityKind, Address, Class, Name, Realm, ServiceId, TokenId};
use crate::plan::gates::Census;
use crate::plan::{Action, AppleForecast, Forecast, PlannedAct, ServiceAction, Step};

/// How many calls `apply` takes: one per write, assignments in batches; and the lists read back.
pub(super) fn of(steps: &[Step], input: &Input<'_>, census: &BTreeMap<TokenId, Census>) -> Forecast {
    let desired = input.desired;
    let mut forecast = Forecast::default();
    for (name, organisation) in &input.live.organisations {
        if let Some(calls) = at_apple(steps, name, organisation) {
            forecast.apple.insert(name.clone(), calls);
        }
    }
    direct_forecast(steps, &mut forecast);
    for (connection, document) in &desired.connections {
        let mut assigned: BTreeMap<&Address, usize> = BTreeMap::new();
        let (mut token_list, mut profile_lists, mut device_lists) = (false, BTreeSet::new(), BTreeSet::new());
        for step in steps.iter().filter(|step| step.connection.connection() == Some(connection)) {
            match step.action.verb() {
                "assign" => {
                    *assigned.entry(&step.address).or_default() += step.action.serials();
                    device_lists.insert(&step.token_id);
                    continue;
                }
                "assign-after-sync" => {
                    device_lists.insert(&step.token_id);
                }
                "default" => token_list = true,
                "sync" => {}
                _ if step.address.token.is_none() => token_list = true,
                _ => {
                    profile_lists.insert(&step.token_id);
                }
            }
            forecast.writes += 1;
        }
        let requests: usize =
            assigned.values().map(|serials| serials.div_ceil(document.assign_batch.max(1))).sum();
        forecast.writes += requests.div_ceil(20) as u64;
        let pages =
            |token: &&TokenId| census.get(*token).map_or(0, |census| census.devices.saturating_sub(1) / 1000);
        forecast.reads += u64::from(token_list)
            + profile_lists.len().div_ceil(20) as u64
            + device_lists.len().div_ceil(20) as u64
            + device_lists.iter().map(pages).sum::<u64>();
    }
    // About half a second a call; 100 writes in 20 seconds are allowed (reference intune-graph 8.1).
    forecast.seconds = ((forecast.writes + forecast.reads) / 2).max(forecast.writes / 5);
    forecast
}

/// What acts take besides: one look at each device right before, its code where one is escrowed, and the request;
/// what nobody loses anything by goes in batches.
pub(super) fn add_acts(acts: &[PlannedAct], forecast: &mut Forecast) {
    let mut batched: BTreeMap<Option<&Realm>, u64> = BTreeMap::new();
    for act in acts.iter().filter(|act| act.is_sent()) {
        forecast.reads += 1 + u64::from(act.kind.needs_safeguard());
        match act.class {
            Class::Safe | Class::Disruptive => *batched.entry(act.connection.as_ref()).or_default() += 1,
            Class::Destructive | Class::Irreversible => forecast.writes += 1,
        }
    }
    forecast.writes += batched.values().map(|acts| acts.div_ceil(20)).sum::<u64>();
    forecast.seconds = ((forecast.writes + forecast.reads) / 2).max(forecast.writes / 5);
}

/// At Apple's enrollment service: a call for each thousand devices, two to define a profile and read
/// it, and one delta per token to read the devices back.
fn direct_forecast(steps: &[Step], forecast: &mut Forecast) {
    let mut device_lists = BTreeSet::new();
    for step in steps.iter().filter(|step| step.connection.is_direct()) {
        match &step.action {
            Action::Assign { .. } | Action::Unassign { .. } => {
                forecast.writes += (step.action.serials() as u64).div_ceil(DEVICES_PER_REQUEST);
                device_lists.insert(&step.token_id);
            }
            _ => {
                forecast.writes += 1;
                forecast.reads += 1;
            }
        }
    }
    forecast.reads += device_lists.len() as u64;
}

/// At Apple Business and Apple School Manager: an activity for each destination and thousand devices, one
/// look at each at least, and the services' lists read back. `None`: nothing goes there.
fn at_apple(steps: &[Step], name: &Name, live: &LiveOrganisation) -> Option<AppleForecast> {
    type Shared<'s> = (ActivityKind, Option<&'s ServiceId>, Option<Timestamp>);
    let mut activities: BTreeMap<Shared<'_>, usize> = BTreeMap::new();
    let mut lists: BTreeSet<&ServiceId> = BTreeSet::new();
    let (mut gets, mut posts) = (0, 0);
    let (mut reads_services, mut reads_devices) = (false, false);
    for step in steps.iter().filter(|step| step.connection.organisation() == Some(name)) {
        let Action::Service(action) = &step.action else { continue };
        let Some(shared) = action.shared() else {
            posts += 1;
            // What a service is the default of is told by itself alone.
            let by_itself =
                matches!(action, ServiceAction::DropFamilies { .. } | ServiceAction::TakeFamilies { .. });
            gets += u64::from(by_itself);
            reads_services |= !by_itself;
            continue;
        };
        *activities.entry(shared).or_default() += action.serials().count();
        match shared.1 {
            Some(service) => drop(lists.insert(service)),
            None => reads_devices = true,
        }
    }
    let sent: u64 = activities.values().map(|all| all.div_ceil(DEVICES_PER_ACTIVITY) as u64).sum();
    posts += sent;
    if posts == 0 {
        return None;
    }
    let pages = |devices: u64| devices.div_ceil(1_000).max(1);
    if let Some(devices) = live.devices.known() {
        let counts = devices.count_by_service();
        gets += lists.iter().map(|service| pages(counts.get(service).copied().unwrap_or(0))).sum::<u64>();
        gets += if reads_devices { pages(devices.len() as u64) } else { 0 };
    }
    gets += sent + u64::from(reads_services);
    let Budget { get_per_minute, post_per_hour, posts_free, next_post } = live.budget;
    let posts_later = posts.saturating_sub(u64::from(posts_free));
    let per_hour = u64::from(post_per_hour.max(1));
    let until_next = next_post.map_or(0, |next| between(live.read_at, next).as_secs().div_ceil(60));
    let minutes_later = match posts_later {
        0 => 0,
        later => until_next + (later - 1) * 60 / per_hour,
    };
    Some(AppleForecast {
        gets,
        posts,
        posts_later,
        next_post,
        minutes: gets.div_ceil(u64::from(get_per_minute.max(1))),
        minutes_later,
    })
}
