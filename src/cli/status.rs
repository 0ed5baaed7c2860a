//! `status`: one line per token, per other thing that expires, and per organisation at Apple, worst first.

use std::time::Duration;

use super::args::{Format, GlobalArgs, StatusArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::act_list::{self, OpenAct};
use super::render::expiry::{Expiring, ExpiryRow, Trouble};
use super::render::organisations::{self as at_apple, OrganisationRow};
use super::render::status::{self as render, BlockedStatus, StatusRow};
use super::setup;
use super::ui::Ui;
use crate::acts::ActState;
use crate::engine::{Observed, Session, Wants, organisations};
use crate::ledger::LedgerView;
use crate::model::clock::{Timestamp, after};
use crate::model::live::{Devices, Fact, LiveToken, Unknown};
use crate::model::{Name, Realm, TokenId};
use crate::plan::{ActNext, Blocked, Plan};

/// `Fleet.expiryWarning` where nobody says (T-6).
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);

/// After so many failures in a row the plan sends people to Apple's support.
const OFTEN: u32 = 3;

/// Shows how each token is.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used.
pub fn run(args: &StatusArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let mut settings = setup::settings(global, &args.folder, "status")?;
    settings.narrowing = args.narrow.narrowing();
    setup::block_on(async {
        let mut session = setup::open(settings, ui).await?;
        session.also_read(Wants {
            push_certificate: true,
            services: true,
            devices: true,
            families: true,
            ..Wants::default()
        });
        if let Some(age) = args.max_age {
            session.reuse(age);
        }
        let progress = ui.progress();
        let (plan, observed) = session.plan(&*progress).await?;
        drop(progress);
        let view = session.view()?;
        let rows = rows(&session, &plan, &observed, &view);
        let expiring = expiring(&session, &observed);
        let organisations = organisations(&session, &observed, &view);
        let acts = open_acts(&plan, &view);
        let code = render::exit_code(&rows, &expiring, &organisations, args.exit_code);
        let now = session.clock().now();
        match args.format {
            Format::Json => ui.print(&render::json(rows, expiring, organisations, acts))?,
            Format::Text => {
                // A folder of organisations alone has no tokens to speak of.
                let tokens = match rows.is_empty() && expiring.is_empty() && !organisations.is_empty() {
                    true => String::new(),
                    false => render::text(rows, expiring),
                };
                let acts = act_list::open_text(&acts);
                ui.print_text(&format!("{tokens}{}{acts}", at_apple::text(organisations, now)))?;
            }
        }
        session.close().await?;
        Ok(code)
    })
}

/// One row per token document, and one per connection of which nothing could be read.
fn rows(session: &Session, plan: &Plan, observed: &Observed, view: &LedgerView) -> Vec<StatusRow> {
    let now = session.clock().now();
    let warning = session.desired().fleet.expiry_warning.unwrap_or(EXPIRY_WARNING);
    let warns = |expires: Timestamp| expires <= after(now, warning);
    let is_told_below = |blocked: &Blocked| {
        blocked.connection.organisation().is_some_and(|name| observed.live.organisations.contains_key(name))
    };
    let lost = plan.blocked.iter().filter(|blocked| blocked.token.is_none() && !is_told_below(blocked));
    let mut rows: Vec<StatusRow> =
        lost.map(|blocked| StatusRow { blocked: Some(why(blocked)), ..empty(&blocked.connection) }).collect();
    let inside = session.desired().tokens.iter().filter(|(name, _)| session.scope().holds(name));
    for (name, document) in inside {
        if rows.iter().any(|row| row.token.is_none() && row.connection == document.realm) {
            continue;
        }
        let id = observed.tokens.get(name);
        let live = id.and_then(|id| live_token(observed, &document.realm, id));
        let devices = id.and_then(|id| devices(observed, &document.realm, id));
        let days = live.and_then(|live| live.expires).map(|expires| days_until(now, expires));
        let waiting = plan.waiting.iter().filter(|waiting| waiting.token.as_ref() == Some(name));
        let is_cooling =
            |waiting: &&crate::plan::Waiting| document.realm.is_direct() && waiting.until.is_some();
        let cooling: u64 = waiting.clone().filter(is_cooling).map(|one| one.serials.len() as u64).sum();
        rows.push(StatusRow {
            token: Some(name.clone()),
            token_id: id.cloned(),
            expires: live.and_then(|live| live.expires),
            days_to_expiry: days,
            expiry_warning: live.and_then(|live| live.expires).is_some_and(warns),
            last_sync: live.and_then(|live| live.last_sync_done),
            sync_error: live.map(|live| live.last_sync_error).filter(|code| *code != 0),
            devices: devices.map(|devices| devices.iter().filter(|device| !device.released).count() as u64),
            unassigned: devices.map(|devices| {
                let free = |device: &&_| devices.profile_of(device).is_none();
                devices.iter().filter(|device| !device.released).filter(free).count() as u64
            }),
            server: id.and_then(|id| known_server(view, name, id)),
            waiting: devices
                .map(|_| waiting.map(|waiting| waiting.serials.len() as u64).sum::<u64>() - cooling),
            cooling,
            failing: id.map_or(0, |id| failing(view, id, now)),
            open_acts: acts_of(plan, name, |_| true),
            unknown_acts: acts_of(plan, name, |state| state == ActState::Unknown),
            pending_intents: view.unsettled.iter().filter(|intent| intent.address.domain() == name).count()
                as u64,
            blocked: plan.blocked.iter().find(|blocked| blocked.token.as_ref() == Some(name)).map(why),
            ..empty(&document.realm)
        });
    }
    rows
}

/// How the organisations at Apple are, with the oldest of their open activities.
fn organisations(session: &Session, observed: &Observed, view: &LedgerView) -> Vec<OrganisationRow> {
    let all = organisations::statuses(session, observed, view).into_iter();
    all.map(|status| {
        let open = view.apple.open_activities(&status.client_id);
        let oldest = open.map(|(_, activity)| activity.accepted).min();
        OrganisationRow::new(status, oldest)
    })
    .collect()
}

/// What expires beside the tokens: each tenant's push certificate, and the VPP tokens that documents
/// name.
fn expiring(session: &Session, observed: &Observed) -> Vec<ExpiryRow> {
    let now = session.clock().now();
    let desired = session.desired();
    let warning = desired.fleet.expiry_warning.unwrap_or(EXPIRY_WARNING);
    let mut rows = Vec::new();
    for (connection, tenant) in &observed.live.tenants {
        let row = |what, name: Option<&str>| ExpiryRow {
            what,
            connection: connection.clone(),
            name: name.map(str::to_owned),
            apple_id: None,
            expires: None,
            days_to_expiry: None,
            expiry_warning: false,
            trouble: None,
        };
        let dated = |row: ExpiryRow, expires: Option<Timestamp>, apple_id: &Option<String>| {
            let days = expires.map(|expires| days_until(now, expires));
            ExpiryRow {
                expires,
                days_to_expiry: days,
                expiry_warning: expires.is_some_and(|expires| expires <= after(now, warning)),
                apple_id: apple_id.clone(),
                ..row
            }
        };
        let unread = |row: ExpiryRow, unknown: &Unknown| ExpiryRow {
            trouble: Some(Trouble { reason: unknown.reason.clone(), next: unknown.next.clone() }),
            ..row
        };
        let push = row(Expiring::PushCertificate, None);
        match &tenant.push_certificate {
            None => {}
            Some(Fact::Unknown(unknown)) => rows.push(unread(push, unknown)),
            Some(Fact::Known(Some(found))) => rows.push(dated(push, found.expires, &found.apple_id)),
            Some(Fact::Known(None)) => rows.push(ExpiryRow {
                trouble: Some(Trouble {
                    reason: "the tenant has no Apple MDM push certificate: no device can enroll (T-12)"
                        .to_owned(),
                    next:
                        "make one in the portal (Devices > Enrollment > Apple > Apple MDM push certificate)"
                            .to_owned(),
                }),
                ..push
            }),
        }
        let names = connection.connection().map(|name| desired.vpp_tokens_of(name)).unwrap_or_default();
        match &tenant.vpp_tokens {
            Some(Fact::Known(found)) => {
                for token in found.iter().filter(|token| names.contains(token.name.as_str())) {
                    let row =
                        dated(row(Expiring::VppToken, Some(&token.name)), token.expires, &token.apple_id);
                    let trouble = (!matches!(token.state.as_str(), "valid" | "unknown" | "")).then(|| Trouble {
                        reason: format!("the VPP token is in the state `{}` (P-4)", token.state),
                        next: "look at it in the portal (Tenant administration > Connectors and tokens > Apple VPP tokens)".to_owned(),
                    });
                    rows.push(ExpiryRow { trouble, ..row });
                }
            }
            Some(Fact::Unknown(unknown)) => {
                rows.extend(names.iter().map(|name| unread(row(Expiring::VppToken, Some(name)), unknown)));
            }
            None => {}
        }
    }
    rows
}

/// The acts of a token's devices that have not ended and stand so.
fn acts_of(plan: &Plan, token: &Name, stands: impl Fn(ActState) -> bool) -> u64 {
    let open = plan.acts.iter().filter(|act| !act.state.has_ended() && stands(act.state));
    open.filter(|act| act.token.as_ref() == Some(token)).count() as u64
}

/// The acts that have not ended, worst first.
fn open_acts(plan: &Plan, view: &LedgerView) -> Vec<OpenAct> {
    let open = plan.acts.iter().filter(|act| !act.state.has_ended());
    let mut acts: Vec<OpenAct> = open
        .map(|act| {
            let why = match &act.next {
                ActNext::Wait { why, .. } | ActNext::Stop { why, .. } | ActNext::End { why, .. } => {
                    why.clone()
                }
                _ => String::new(),
            };
            OpenAct {
                action: act.id.action.clone(),
                serial: act.id.serial,
                kind: act.kind,
                class: act.class,
                state: act.state,
                since: view.acts.act(&act.id).map(|record| record.since),
                connection: act.connection.as_ref().map(Realm::carrier),
                token: act.token.clone(),
                why,
            }
        })
        .collect();
    acts.sort_by_key(|act| {
        (act_list::rank_of(act.state, act.class), act.connection.clone(), act.token.clone())
    });
    acts
}

fn empty(connection: &Realm) -> StatusRow {
    StatusRow {
        connection: connection.clone(),
        token: None,
        token_id: None,
        expires: None,
        days_to_expiry: None,
        expiry_warning: false,
        last_sync: None,
        sync_error: None,
        devices: None,
        unassigned: None,
        waiting: None,
        server: None,
        cooling: 0,
        failing: 0,
        pending_intents: 0,
        open_acts: 0,
        unknown_acts: 0,
        blocked: None,
    }
}

/// Devices of a direct token on which Apple failed so often that a person has to ask.
fn failing(view: &LedgerView, id: &TokenId, now: Timestamp) -> u64 {
    let devices = view.cooling.get(id).into_iter().flat_map(|devices| devices.values());
    devices.filter(|one| one.why != "THROTTLED" && one.times >= OFTEN && one.until > now).count() as u64
}

/// The name of a direct token's server at Apple, once it was asked for.
fn known_server(view: &LedgerView, name: &Name, id: &TokenId) -> Option<String> {
    view.servers.get(name).filter(|server| server.token_id == *id)?.name.clone()
}

fn why(blocked: &Blocked) -> BlockedStatus {
    BlockedStatus { cause: blocked.cause, reason: blocked.reason.clone(), next: blocked.next.clone() }
}

fn live_token<'a>(observed: &'a Observed, connection: &Realm, id: &TokenId) -> Option<&'a LiveToken> {
    observed.live.tenants.get(connection)?.tokens.known()?.by_id(id).ok()
}

fn devices<'a>(observed: &'a Observed, connection: &Realm, id: &TokenId) -> Option<&'a Devices> {
    observed.live.tenants.get(connection)?.devices.get(id).and_then(Fact::known)
}

/// Whole days; negative once it is past.
fn days_until(now: Timestamp, then: Timestamp) -> i64 {
    then.duration_since(now).as_secs().div_euclid(86_400)
}
