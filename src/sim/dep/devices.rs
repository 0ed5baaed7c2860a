//! Devices: full and delta reads, details, disowning.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Ask;
use super::cursor::Cursor;
use super::reply::{Refusal, Reply};
use super::rows::{Rows, push_time, quoted};
use crate::model::Serial;
use crate::sim::apple::Service;
use crate::sim::apple::fleet::{Op, Operation, Row};
use crate::sim::fault::Device;
use crate::sim::world::{AppleHistory, mix_text};

#[derive(Deserialize)]
struct ListRequest {
    cursor: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
struct DeviceRequest {
    devices: Option<Vec<String>>,
}

/// The key of a service's cursors.
fn key(seed: u64, service: &Service) -> u64 {
    mix_text(seed, &service.uuid)
}

/// The page that a list request asks for, counting from 1; 1 where that cannot be told.
pub(super) fn page(seed: u64, service: &Service, body: &[u8]) -> u32 {
    let request: Option<ListRequest> = serde_json::from_slice(body).ok();
    let cursor = request.and_then(|request| request.cursor);
    cursor.and_then(|text| Cursor::read(&text, key(seed, service)).ok()).map_or(1, |cursor| cursor.page + 1)
}

impl ListRequest {
    fn limit(&self, ask: &Ask<'_>) -> usize {
        let limit = self.limit.map_or(ask.default_limit, |limit| usize::try_from(limit).unwrap_or(1));
        limit.clamp(1, ask.most)
    }
}

/// `POST /server/devices`
pub(super) fn fetch(seed: u64, now: i64, service: &Service, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let request: ListRequest = ask.json()?;
    let key = key(seed, service);
    let cursor = match &request.cursor {
        None => Cursor::start(service.fleet.next_operation(), now),
        Some(text) => Cursor::read(text, key)?,
    };
    if cursor.done {
        return Err(Refusal::bad("EXHAUSTED_CURSOR"));
    }
    if cursor.is_expired(now) {
        return Err(Refusal::bad("INVALID_CURSOR"));
    }
    let limit = request.limit(ask);
    let shown = |row: &Row| !row.gone || ask.ways.deleted_rows;
    let rows = service.fleet.rows();
    let begin = usize::try_from(cursor.slot).unwrap_or(usize::MAX).min(rows.len());
    let mut text = Rows::new(service, ask.version, ask.ways.empty_times, limit);
    if ask.ways.duplicate_rows
        && let Some(again) = rows[..begin].iter().rfind(|row| shown(row))
    {
        text.row(again, None);
    }
    let mut told = 0;
    let mut next = begin;
    while let Some(row) = rows.get(next).filter(|_| told < limit) {
        next += 1;
        if shown(row) {
            told += 1;
            let left = Operation { op: Op::Deleted, at: service.fleet.changed, row: row.clone() };
            text.row(row, row.gone.then_some(&left));
        }
    }
    let more = rows[next..].iter().any(shown);
    let after = Cursor {
        done: !more,
        slot: next as u64,
        made: now,
        page: if more { cursor.page + 1 } else { 0 },
        number: cursor.number + 1,
        ..cursor
    };
    Ok(list(ask, text, &after.write(key), request.cursor.as_deref(), now, more))
}

/// `POST /devices/sync`
pub(super) fn sync(seed: u64, now: i64, service: &Service, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let request: ListRequest = ask.json()?;
    let key = key(seed, service);
    let required = Refusal::bad("CURSOR_REQUIRED");
    let cursor =
        Cursor::read(request.cursor.as_deref().filter(|text| !text.is_empty()).ok_or(required)?, key)?;
    // What a delta does with the cursor of a full read that is not at its end is not documented. To
    // go on from there would hide the devices of the pages that were not read.
    if !cursor.done || cursor.log > service.fleet.next_operation() {
        return Err(Refusal::bad("INVALID_CURSOR"));
    }
    if cursor.is_expired(now) {
        return Err(Refusal::bad("EXPIRED_CURSOR"));
    }
    let limit = request.limit(ask);
    let (operations, end) = service.fleet.since(cursor.log);
    let mut text = Rows::new(service, ask.version, ask.ways.empty_times, limit.min(64));
    let mut told = 0;
    for operation in operations.take(limit) {
        told += 1;
        let dropped = ask
            .devices
            .iter()
            .any(|harm| harm.harm == Device::Dropped && harm.concerns(&operation.row.serial));
        if !dropped {
            text.row(&operation.row, Some(operation));
        }
    }
    let log = cursor.log + told;
    let more = log < end;
    let page = if more { cursor.page + 1 } else { 0 };
    let after = Cursor { log, made: now, page, number: cursor.number + 1, ..cursor };
    Ok(list(ask, text, &after.write(key), request.cursor.as_deref(), now, more))
}

/// The answer that both lists have.
fn list(ask: &Ask<'_>, rows: Rows<'_>, cursor: &str, given: Option<&str>, now: i64, more: bool) -> Reply {
    let (cursor, more) = match given.filter(|_| ask.ways.same_cursor) {
        Some(given) => (given, true),
        None => (cursor, more),
    };
    let rows = rows.into_text();
    let mut body = String::with_capacity(rows.len() + 256);
    body.push_str("{\"devices\":[");
    body.push_str(&rows);
    body.push_str("],\"fetched_until\":\"");
    push_time(&mut body, now);
    body.push_str("\",\"more_to_follow\":");
    body.push_str(if more { "true" } else { "false" });
    body.push_str(",\"cursor\":");
    body.push_str(&quoted(cursor));
    body.push('}');
    Reply::text(body.into_bytes())
}

/// `POST /devices`
pub(super) fn details(service: &Service, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let serials = asked(ask)?;
    let mut text = Rows::new(service, ask.version, ask.ways.empty_times, serials.len());
    let mut told = HashSet::new();
    for serial in serials.iter().filter(|serial| told.insert(serial.as_str())) {
        let known = Serial::new(serial);
        if known.is_none_or(|serial| harm(ask, &serial).is_none_or(|(harm, _)| harm != Device::Missing)) {
            text.detail(serial, known.and_then(|serial| service.fleet.row(&serial)));
        }
    }
    Ok(Reply::text(format!("{{\"devices\":{{{}}}}}", text.into_text()).into_bytes()))
}

/// `POST /devices/disown`
pub(super) fn disown(
    now: i64,
    service: &mut Service,
    history: &mut AppleHistory,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let results = each(ask, service, asked(ask)?, |service, serial| {
        service.fleet.remove(serial, now);
        history.disowned.push(*serial);
        "SUCCESS"
    });
    Ok(Reply::json(&json!({"devices": results})))
}

/// The serials of a body that lists devices.
pub(super) fn asked(ask: &Ask<'_>) -> Result<Vec<String>, Refusal> {
    let request: DeviceRequest = ask.json()?;
    let devices = request.devices.unwrap_or_default();
    if devices.is_empty() { Err(Refusal::bad("DEVICE_ID_REQUIRED")) } else { Ok(devices) }
}

/// The result for each device of the service, by its serial as it was sent. Faults make devices
/// fail, or leave them out of the answer, before or after the effect.
pub(super) fn each(
    ask: &Ask<'_>,
    service: &mut Service,
    serials: Vec<String>,
    mut result: impl FnMut(&mut Service, &Serial) -> &'static str,
) -> Map<String, Value> {
    let mut results = Map::new();
    let mut told = HashSet::new();
    for text in serials {
        if !told.insert(text.clone()) {
            continue;
        }
        let Some(serial) = Serial::new(&text).filter(|serial| service.fleet.row(serial).is_some()) else {
            results.insert(text, Value::from("NOT_ACCESSIBLE"));
            continue;
        };
        let harm = harm(ask, &serial);
        let found =
            if harm.is_none_or(|(_, took_place)| took_place) { result(service, &serial) } else { "FAILED" };
        match harm {
            Some((Device::Missing, _)) => None,
            Some(_) => results.insert(text, Value::from("FAILED")),
            None => results.insert(text, Value::from(found)),
        };
    }
    results
}

/// The fault that lets a device fail, or leaves it out; with it whether the effect takes place.
fn harm(ask: &Ask<'_>, serial: &Serial) -> Option<(Device, bool)> {
    let mut harms = ask.devices.iter().filter(|harm| matches!(harm.harm, Device::Failed | Device::Missing));
    harms.find(|harm| harm.concerns(serial)).map(|harm| (harm.harm, harm.took_place))
}
