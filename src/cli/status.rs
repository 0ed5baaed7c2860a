//! `status`: one line per token, worst first.

use std::time::Duration;

use super::args::{Format, GlobalArgs, StatusArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::status::{self as render, BlockedStatus, StatusRow};
use super::setup;
use super::ui::Ui;
use crate::engine::{Observed, Session};
use crate::ledger::LedgerView;
use crate::model::clock::Timestamp;
use crate::model::live::{Devices, Fact, LiveToken};
use crate::model::{Name, TokenId};
use crate::plan::{Blocked, Plan};

/// `Fleet.expiryWarning` where nobody says (T-6).
const EXPIRY_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);

/// Shows how each token is.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used.
pub fn run(args: &StatusArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = setup::settings(global, &args.folder, "status")?;
    setup::block_on(async {
        let session = setup::open(settings, ui).await?;
        let progress = ui.progress();
        let (plan, observed) = session.plan(&*progress).await?;
        drop(progress);
        let view = session.view()?;
        let rows = rows(&session, &plan, &observed, &view);
        let code = render::exit_code(&rows, args.exit_code);
        match args.format {
            Format::Json => ui.print(&render::json(rows))?,
            Format::Text => ui.print(&render::text(rows))?,
        }
        session.close().await?;
        Ok(code)
    })
}

/// One row per token document, and one per connection of which nothing could be read.
fn rows(session: &Session, plan: &Plan, observed: &Observed, view: &LedgerView) -> Vec<StatusRow> {
    let now = session.clock().now();
    let warning = session.desired().fleet.expiry_warning.unwrap_or(EXPIRY_WARNING);
    let lost = plan.blocked.iter().filter(|blocked| blocked.token.is_none());
    let mut rows: Vec<StatusRow> =
        lost.map(|blocked| StatusRow { blocked: Some(why(blocked)), ..empty(&blocked.connection) }).collect();
    for (name, document) in &session.desired().tokens {
        if rows.iter().any(|row| row.token.is_none() && row.connection == document.connection) {
            continue;
        }
        let id = observed.tokens.get(name);
        let live = id.and_then(|id| live_token(observed, &document.connection, id));
        let devices = id.and_then(|id| devices(observed, &document.connection, id));
        let days = live.and_then(|live| live.expires).map(|expires| days_until(now, expires));
        let waiting = plan.waiting.iter().filter(|waiting| waiting.token.as_ref() == Some(name));
        rows.push(StatusRow {
            token: Some(name.clone()),
            token_id: id.cloned(),
            expires: live.and_then(|live| live.expires),
            days_to_expiry: days,
            expiry_warning: days.is_some_and(|days| days <= (warning.as_secs() / 86_400) as i64),
            last_sync: live.and_then(|live| live.last_sync_done),
            sync_error: live.map(|live| live.last_sync_error).filter(|code| *code != 0),
            devices: devices.map(|devices| devices.iter().filter(|device| !device.released).count() as u64),
            unassigned: devices.map(|devices| {
                let free = |device: &&_| devices.profile_of(device).is_none();
                devices.iter().filter(|device| !device.released).filter(free).count() as u64
            }),
            waiting: devices.map(|_| waiting.map(|waiting| waiting.serials.len() as u64).sum()),
            pending_intents: view.unsettled.iter().filter(|intent| intent.address.domain() == name).count()
                as u64,
            blocked: plan.blocked.iter().find(|blocked| blocked.token.as_ref() == Some(name)).map(why),
            ..empty(&document.connection)
        });
    }
    rows
}

fn empty(connection: &Name) -> StatusRow {
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
        pending_intents: 0,
        blocked: None,
    }
}

fn why(blocked: &Blocked) -> BlockedStatus {
    BlockedStatus { cause: blocked.cause, reason: blocked.reason.clone(), next: blocked.next.clone() }
}

fn live_token<'a>(observed: &'a Observed, connection: &Name, id: &TokenId) -> Option<&'a LiveToken> {
    observed.live.tenants.get(connection)?.tokens.known()?.iter().find(|token| token.id == *id)
}

fn devices<'a>(observed: &'a Observed, connection: &Name, id: &TokenId) -> Option<&'a Devices> {
    observed.live.tenants.get(connection)?.devices.get(id).and_then(Fact::known)
}

/// Whole days; negative once it is past.
fn days_until(now: Timestamp, then: Timestamp) -> i64 {
    then.duration_since(now).as_secs().div_euclid(86_400)
}
