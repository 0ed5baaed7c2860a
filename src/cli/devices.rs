//! `devices`: the inventory, joined from the tokens' lists, the organisations at Apple, and the documents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::args::{DevicesArgs, GlobalArgs, TableFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::filter::Conditions;
use super::render::devices::{self as render, DeviceRow, Gap, ListOf, Listing, LockRefresh};
use super::setup;
use super::ui::Ui;
use crate::acts::ActBook;
use crate::engine::inventory::Inventory;
use crate::engine::{Observed, Session, Wants};
use crate::model::clock::Timestamp;
use crate::model::desired::Desired;
use crate::model::live::{Cause, Fact, Unknown};
use crate::model::{Name, Realm, Serial};
use crate::plan::Plan;

/// Lists devices. Exit 8 or 9 where a list could not be read: what is shown is then not all.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used; a serial that is none.
pub fn run(args: &DevicesArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let (folder, named) = args.folder_and_serials()?;
    let mut settings = setup::settings(global, &folder, "devices")?;
    settings.narrowing = args.narrow.narrowing();
    setup::block_on(async {
        let mut session = setup::open(settings, ui).await?;
        let budget = args.calls.unwrap_or_else(|| calls_per_minute(&session));
        let conditions = Conditions::all(&args.conditions);
        let asks_locks = named.is_some();
        // Which devices meet conditions is known only once they were read.
        let picks_first =
            named.as_ref().is_some_and(Vec::is_empty) && (args.unassigned || !conditions.is_empty());
        let wants = Wants {
            services: true,
            devices: true,
            locks: named.clone().unwrap_or_default(),
            lock_calls: if asks_locks && !picks_first { budget } else { 0 },
            records: true,
            ..Wants::default()
        };
        session.also_read(wants.clone());
        if let Some(age) = args.max_age {
            session.reuse(age);
        }
        let started = session.clock().now();
        let progress = ui.progress();
        let (plan, mut observed) = session.plan(&*progress).await?;
        let chosen = |row: &DeviceRow<'_>| {
            let is_named = match named.as_deref() {
                None | Some([]) => true,
                Some(serials) => serials.contains(&row.serial),
            };
            is_named && (!args.unassigned || render::lack(row).is_some()) && conditions.hold(row)
        };
        if picks_first {
            let inventory = Inventory::of(&session, &plan, &observed);
            let at_apple = |row: &DeviceRow<'_>| row.apple.is_some_and(|apple| apple.organisation.is_some());
            let picked = inventory.rows().filter(chosen).filter(at_apple);
            let locks: Vec<Serial> = picked.map(|row| row.serial).collect();
            drop(inventory);
            if !locks.is_empty() {
                session.also_read(Wants { locks, lock_calls: budget, ..wants });
                // The lists were read right now.
                session.reuse(args.max_age.unwrap_or_default().max(JUST_NOW));
                let again = session.observe(&session.view()?, session.scope(), &*progress).await;
                observed.live.locks = again.live.locks;
            }
        }
        drop(progress);
        let book = session.view()?.acts;
        let inventory = Inventory::of(&session, &plan, &observed).with_codes(Arc::clone(&book));
        let rows = inventory.rows().filter(chosen);
        let (beside, gaps): (Vec<Gap>, Vec<Gap>) = gaps(&plan, &observed)
            .into_iter()
            .partition(|gap| !rests_on_records(session.desired(), &book) && is_only_permission(gap));
        for gap in beside {
            let Gap { connection, reason, next, .. } = gap;
            ui.warn(&format!(
                "the records of {} are left out, since no document here needs them: {reason}; {next}",
                connection.document()
            ));
        }
        let listing = Listing {
            gaps,
            locks: asks_locks.then(|| refresh(rows.clone(), calls_per_minute(&session), (budget, started))),
        };
        ui.result(|out| match args.format {
            TableFormat::Json => render::json(out, &listing, rows),
            TableFormat::Csv => render::csv(out, rows),
            TableFormat::Text => render::text(out, &listing, rows),
        })?;
        if args.format == TableFormat::Csv {
            for gap in &listing.gaps {
                ui.warn(&format!("not all of them: {}", gap.reason));
            }
        }
        let causes = plan.blocked.iter().map(|blocked| blocked.cause);
        let code = ExitCode::of_trouble(causes.chain(listing.gaps.iter().map(|gap| gap.cause)));
        session.close().await?;
        Ok(code.unwrap_or(ExitCode::Done))
    })
}

/// How old lists of this same run can be at most.
const JUST_NOW: Duration = Duration::from_secs(3600);

/// Whether anything of the folder or of its ledger hangs on the records of devices at an MDM.
fn rests_on_records(desired: &Desired, book: &ActBook) -> bool {
    !desired.actions.is_empty()
        || desired.fleet.escrow.is_some()
        || desired.connections.values().any(|one| one.escrow.is_some())
        || book.open().next().is_some()
}

/// Whether nothing is missing but the right to read records, which no other list of this command needs.
fn is_only_permission(gap: &Gap) -> bool {
    gap.unknown == ListOf::Records && gap.cause == Cause::Credentials
}

/// `getPerMinute` of all organisations that documents name.
fn calls_per_minute(session: &Session) -> u32 {
    session.desired().organisations.values().map(|organisation| organisation.get_per_minute).sum()
}

/// What a refresh of Activation Lock costs, and what is known after this run.
fn refresh<'a>(
    rows: impl Iterator<Item = DeviceRow<'a>>,
    per_minute: u32,
    (budget, started): (u32, Timestamp),
) -> LockRefresh {
    let mut all = LockRefresh { budget, ..LockRefresh::default() };
    for row in rows {
        if row.apple.is_some_and(|apple| apple.organisation.is_some()) {
            all.calls += 1;
        }
        match row.lock {
            Some(lock) if lock.state.is_some() && lock.at >= started => all.fresh += 1,
            Some(lock) if lock.state.is_some() => all.remembered += 1,
            _ => all.unknown += 1,
        }
    }
    all.minutes = (per_minute > 0).then(|| all.calls.div_ceil(u64::from(per_minute)));
    all
}

/// The lists that could not be read to their end.
fn gaps(plan: &Plan, observed: &Observed) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let gap = |connection: &Realm, token: Option<&Name>, unknown: ListOf, why: &Unknown| Gap {
        connection: connection.clone(),
        token: token.cloned(),
        unknown,
        cause: why.cause,
        reason: why.reason.clone(),
        next: why.next.clone(),
    };
    for (realm, tenant) in &observed.live.tenants {
        if let Fact::Unknown(why) = &tenant.tokens {
            gaps.push(gap(realm, None, ListOf::Tokens, why));
        }
        if let Some(Fact::Unknown(why)) = observed.live.records.get(realm) {
            gaps.push(gap(realm, None, ListOf::Records, why));
        }
        let name = |id| observed.tokens.iter().find(|(_, one)| *one == id).map(|(name, _)| name);
        for (id, list) in &tenant.devices {
            if let Fact::Unknown(why) = list {
                gaps.push(gap(realm, name(id), ListOf::Devices, why));
            }
        }
        for (id, list) in &tenant.profiles {
            if let Fact::Unknown(why) = list {
                gaps.push(gap(realm, name(id), ListOf::Profiles, why));
            }
        }
    }
    for (name, organisation) in &observed.live.organisations {
        let realm = Realm::Apple(name.clone());
        if let Fact::Unknown(why) = &organisation.services {
            gaps.push(gap(&realm, None, ListOf::Services, why));
        }
        if let Fact::Unknown(why) = &organisation.devices {
            gaps.push(gap(&realm, None, ListOf::Devices, why));
        }
    }
    // What stopped a domain before anything of it was asked for.
    let told: BTreeSet<(Realm, Option<Name>)> =
        gaps.iter().map(|gap| (gap.connection.clone(), gap.token.clone())).collect();
    for blocked in plan.blocked.iter().filter(|blocked| blocked.address.is_none()) {
        let domain = (blocked.connection.clone(), blocked.token.clone());
        if told.contains(&domain) || is_read(observed, &domain) {
            continue;
        }
        gaps.push(Gap {
            connection: domain.0,
            token: domain.1,
            unknown: ListOf::Everything,
            cause: blocked.cause,
            reason: blocked.reason.clone(),
            next: blocked.next.clone(),
        });
    }
    gaps
}

/// Whether the devices of a domain were read, although nothing can be planned for it.
fn is_read(observed: &Observed, (realm, token): &(Realm, Option<Name>)) -> bool {
    let Some(tenant) = observed.live.tenants.get(realm) else { return false };
    match token {
        Some(token) => observed
            .tokens
            .get(token)
            .and_then(|id| tenant.devices.get(id))
            .is_some_and(|list| list.known().is_some()),
        None => tenant.tokens.known().is_some(),
    }
}
