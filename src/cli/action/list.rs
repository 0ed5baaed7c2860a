//! `action list`: every act, as the ledger and the documents have it.

use std::collections::{BTreeMap, BTreeSet};

use super::args::ListArgs;
use crate::acts::{ActState, Leg};
use crate::approval::{AllowedSigners, Found, Statement, verify};
use crate::cli::args::{Format, GlobalArgs};
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::ledger;
use crate::cli::render::act_list::{self as render, ActRow};
use crate::cli::ui::Ui;
use crate::engine::EngineError;
use crate::ledger::LedgerView;
use crate::manifest::Loaded;
use crate::model::ActId;
use crate::model::clock::Timestamp;
use crate::plan::gates::acts::approvals_needed;

/// Shows them.
///
/// # Errors
/// A folder that cannot be read; what the ledger says (exit 10).
pub fn run(args: &ListArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = super::settings(global, &args.folder, "action list")?;
    let loaded = crate::manifest::load(&settings.folder, settings.allow).map_err(EngineError::Folder)?;
    let view = ledger::look(&settings, &loaded.desired, Timestamp::MAX)?;
    let offered = crate::approval::folder::read(&settings.folder);
    let rows = rows(&view, &loaded, &offered);
    let rows: Vec<ActRow> = rows
        .into_iter()
        .filter(|row| match (args.open, args.all) {
            (true, _) => !row.state.has_ended(),
            (_, true) => true,
            // What has ended and has no document any more is history.
            _ => !row.state.has_ended() || row.document.is_some(),
        })
        .collect();
    match args.format {
        Format::Json => ui.print(&render::json(&rows))?,
        Format::Text => ui.print_text(&render::text(&rows, args.all))?,
    }
    Ok(ExitCode::Done)
}

/// The acts of documents and ledger, the worst first.
fn rows(view: &LedgerView, loaded: &Loaded, offered: &[Found]) -> Vec<ActRow> {
    let desired = &loaded.desired;
    let mut rows: BTreeMap<ActId, ActRow> = BTreeMap::new();
    for (id, record) in view.acts.acts() {
        let Some(bound) = view.acts.action(&id.action) else { continue };
        let document = super::find(loaded, &id.action);
        let promise = record.promises.last();
        let approval = promise.and_then(|promise| promise.approval.clone());
        let is_named = document.is_some_and(|document| {
            document.selected.is_some() || document.devices.iter().any(|device| device.serial == id.serial)
        });
        rows.insert(
            id.clone(),
            ActRow {
                action: id.action.clone(),
                serial: id.serial,
                kind: bound.kind,
                class: bound.kind.class(),
                state: record.state,
                since: Some(record.since),
                evidence: record.evidence.clone(),
                device: document.and_then(|document| ActRow::expected(&document.content.expect)),
                document: document.filter(|_| is_named).map(|document| document.places.document.to_string()),
                reason: document.and_then(|document| document.content.reason.clone()),
                requested_at: bound.requested_at,
                expires: bound.expires,
                sent: record
                    .promises
                    .iter()
                    .find(|promise| promise.state != ActState::Waiting)
                    .map(|one| one.at),
                epoch: record.epoch().cloned(),
                safeguard: record.leg(Leg::Whole).map(|promise| promise.safeguard.to_string()),
                approved_by: promise
                    .map(|promise| promise.approved_by.iter().map(|by| by.principal.clone()).collect())
                    .unwrap_or_default(),
                approval_elsewhere: approval,
                approvals_missing: None,
                bound: true,
            },
        );
    }
    for document in desired.actions.values() {
        for id in document.acts() {
            let row = || ActRow {
                action: id.action.clone(),
                serial: id.serial,
                kind: document.kind(),
                class: document.kind().class(),
                state: ActState::Waiting,
                since: None,
                evidence: String::new(),
                device: ActRow::expected(&document.content.expect),
                document: Some(document.places.document.to_string()),
                reason: document.content.reason.clone(),
                requested_at: document.content.requested_at,
                expires: document.content.expires,
                sent: None,
                epoch: None,
                safeguard: None,
                approved_by: Vec::new(),
                approval_elsewhere: None,
                approvals_missing: None,
                bound: false,
            };
            rows.entry(id.clone()).or_insert_with(row);
        }
    }
    let mut rows: Vec<ActRow> = rows.into_values().collect();
    for row in rows.iter_mut().filter(|row| row.state == ActState::Waiting && row.document.is_some()) {
        let needed = approvals_needed(desired, view, &row.action, row.class);
        row.approvals_missing = needed.checked_sub(signed(view, offered, row)).filter(|missing| *missing > 0);
        if row.approvals_missing.is_some() {
            row.state = ActState::NeedsApproval;
        }
    }
    rows.sort_by(|a, b| {
        render::rank(a).cmp(&render::rank(b)).then_with(|| (&a.action, a.serial).cmp(&(&b.action, b.serial)))
    });
    rows
}

/// How many signers agree to an act by what lies with the documents: of one digest, the most. Whether that is the
/// digest of the device's present life, whether it is still good and not the author's own, `plan` tells.
fn signed(view: &LedgerView, offered: &[Found], row: &ActRow) -> u32 {
    let applied = view.gates.as_ref().and_then(|gates| gates.approvals.as_ref());
    let Some(Ok(signers)) = applied.map(|approvals| AllowedSigners::parse(&approvals.signers)) else {
        return 0;
    };
    let id = ActId { action: row.action.clone(), serial: row.serial };
    let about = format!("{} {id}", row.kind);
    let mut by_digest: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in offered {
        let Ok(signed) = &found.content else { continue };
        let Ok(statement) = Statement::parse(&signed.statement) else { continue };
        if statement.ledger != view.id || statement.about() != about {
            continue;
        }
        if let Ok(one) = verify(&signers, &signed.statement, &signed.signature, statement.at()) {
            by_digest.entry(statement.digest.to_string()).or_default().insert(one.principal);
        }
    }
    let most = by_digest.values().map(BTreeSet::len).max().unwrap_or(0);
    u32::try_from(most).unwrap_or(u32::MAX)
}
