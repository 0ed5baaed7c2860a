//! Migrations with a deadline (`moveBy`, A-11): an enrolled device is asked to change its management.

use std::collections::BTreeMap;

use super::busy::Hold;
use super::moves::{Verdict, obstacle, wait};
use super::routes::{Wished, Wishes, address_of};
use super::{Apple, Org, services, some};
use crate::diag::words::count;
use crate::ledger::AskedMigration;
use crate::model::clock::{Timestamp, after};
use crate::model::organisation::{Migration, MigrationStatus};
use crate::model::{Name, Serial, ServiceId};
use crate::plan::{Bookkeeping, Class, Effect, LeftAlone, Note, Reason, ServiceAction, Step, When};
use std::time::Duration;

/// Apple takes no deadline that is further ahead.
const FURTHEST: Duration = Duration::from_secs(90 * 24 * 3600);

/// So long after an assignment Apple may not know yet whether a device can migrate.
const CAPABLE_LAG: Duration = Duration::from_secs(90);

/// What is to be done about migrations that were asked for.
#[derive(Default)]
pub(super) struct Due<'a> {
    /// By organisation, document and new deadline.
    pub update: BTreeMap<(&'a Name, &'a Name, Timestamp), Vec<Serial>>,
    /// By organisation and document.
    pub cancel: BTreeMap<(&'a Name, &'a Name), Vec<Serial>>,
    /// By organisation.
    pub over: BTreeMap<&'a Name, Vec<Serial>>,
}

/// The migration that espalier asked a device for.
fn asked<'a>(apple: &Apple<'a>, org: &Org<'a>, serial: &Serial) -> Option<&'a AskedMigration> {
    apple.input.ledger.apple.migrations.get(&org.live.tenant)?.get(serial)
}

/// A device that has its service already.
pub(super) fn settled<'a>(
    apple: &Apple<'a>,
    org: &Org<'a>,
    wished: &Wished<'a>,
    migration: Migration,
) -> Verdict<'a> {
    let Some(asked) = asked(apple, org, &wished.serial) else { return Verdict::Rest };
    match (migration.status, wished.deadline) {
        (Some(MigrationStatus::Success | MigrationStatus::Failed), _) => Verdict::Over,
        (Some(MigrationStatus::Requested | MigrationStatus::Started), Some(deadline)) => {
            if migration.deadline.unwrap_or(asked.deadline) == deadline {
                return Verdict::Rest;
            }
            if deadline > after(apple.input.now, FURTHEST) {
                return too_far(deadline);
            }
            Verdict::Deadline(deadline)
        }
        (Some(MigrationStatus::Requested), None) => Verdict::Cancel,
        (Some(MigrationStatus::Started), None) => {
            wait("its migration has started, and cannot be taken back any more (A-11)")
        }
        // Apple tells late that a migration was asked for, and not at all once it is forgotten.
        (Some(MigrationStatus::Other) | None, _) if asked.deadline > apple.input.now => Verdict::Rest,
        (Some(MigrationStatus::Other), _) => Verdict::Rest,
        (None, _) => Verdict::Over,
    }
}

fn too_far<'a>(deadline: Timestamp) -> Verdict<'a> {
    obstacle(
        "A-11",
        format!("its deadline {deadline} is more than 90 days ahead, which Apple refuses"),
        "write an earlier `moveBy.deadline`",
    )
}

/// What a migration that has not ended means for a device that is to go elsewhere; `None`: there is none.
pub(super) fn underway<'a>(
    apple: &Apple<'a>,
    org: &Org<'a>,
    serial: &Serial,
    migration: Migration,
) -> Option<Verdict<'a>> {
    let is_ours = asked(apple, org, serial).is_some();
    match migration.status {
        Some(MigrationStatus::Requested) if is_ours => Some(Verdict::Cancel),
        Some(MigrationStatus::Requested) => Some(obstacle(
            "A-11",
            "somebody else asked it to migrate by a deadline",
            "cancel that migration in the portal, or wait for its end",
        )),
        Some(MigrationStatus::Started) => {
            Some(wait("its migration to the service that it has now has started (A-11)"))
        }
        _ => None,
    }
}

/// A device that may be enrolled, and shall migrate by a deadline.
pub(super) fn bring<'a>(
    apple: &Apple<'a>,
    org: &Org<'a>,
    wished: &Wished<'a>,
    to: &'a Name,
    from: &'a ServiceId,
    migration: Migration,
    deadline: Timestamp,
) -> Verdict<'a> {
    let now = apple.input.now;
    if deadline <= now {
        return obstacle(
            "A-11",
            format!("its deadline {deadline} has passed"),
            "write a later `moveBy.deadline`, or take `moveBy` out: the device then moves with its next wipe",
        );
    }
    if deadline > after(now, FURTHEST) {
        return too_far(deadline);
    }
    let lately = org.busy.assigned_lately(&wished.serial).map(|at| after(at, CAPABLE_LAG));
    match migration.capable {
        Some(true) => {
            Verdict::Move { to, from: Some(from), class: Class::Disruptive, deadline: Some(deadline) }
        }
        _ if lately.is_some_and(|until| until > now) => Verdict::Wait(Hold {
            reason: "it was given its present service a moment ago, and Apple tells late whether it can migrate (A-11)".to_owned(),
            until: lately,
        }),
        None => wait("Apple does not tell whether it can migrate (A-11)"),
        Some(false) => obstacle(
            "A-11",
            "Apple tells that it cannot migrate by a deadline: that needs OS 26, enrollment by this organisation, no Shared iPad, and for one added by hand 30 days",
            "take `moveBy` out for it, and wipe it: it then enrolls with its new service",
        ),
    }
}

/// What a step with a deadline says.
pub(super) fn note(step: &mut Step) {
    step.notes.push(Note::new(
        "A-11",
        "enrolled devices are asked to migrate, and made to at the deadline; the Activation Lock of the former service ends with it. The profile has to keep `awaitConfiguration`, else managed apps are lost",
    ));
}

/// The steps of migrations that were asked for.
pub(super) fn plan<'a>(apple: &mut Apple<'a>, due: Due<'a>) {
    for ((org, assignment, deadline), serials) in due.update {
        let action = ServiceAction::UpdateDeadline { deadline, serials };
        let is_past = deadline <= apple.input.now;
        push(apple, org, assignment, action, |step| {
            step.class = Class::Disruptive;
            if is_past {
                step.notes.push(Note::new(
                    "A-11",
                    "the deadline has passed: the migration is enforced at once, and its user cannot postpone it",
                ));
            }
        });
    }
    for ((org, assignment), serials) in due.cancel {
        let action = ServiceAction::CancelMigration { serials };
        push(apple, org, assignment, action, |step| {
            step.notes.push(Note::new("A-11", "only what has not started can be cancelled; the devices keep the service that they were given"));
        });
    }
    for (org, serials) in due.over {
        over(apple, org, serials);
    }
}

fn push<'a>(
    apple: &mut Apple<'a>,
    org: &'a Name,
    assignment: &'a Name,
    action: ServiceAction,
    finish: impl FnOnce(&mut Step),
) {
    let Some(opened) = apple.orgs.get(org) else { return };
    let name = format!("DeviceAssignment/{assignment}");
    let mut step = apple.step(opened, address_of(assignment), None, &name, action, Reason::DeadlineChanged);
    let feel = step.action.serials() as u64;
    step.effect = Effect { when: When::Deadline, feel, ..Effect::default() };
    if let crate::plan::Action::Service(ServiceAction::UpdateDeadline { deadline, .. }) = &step.action {
        step.id = format!("{} to {deadline}", step.id);
    }
    finish(&mut step);
    apple.out.steps.push(step);
}

fn over<'a>(apple: &mut Apple<'a>, org: &'a Name, mut serials: Vec<Serial>) {
    let Some(opened) = apple.orgs.get(org) else { return };
    serials.sort_unstable();
    serials.dedup();
    let tenant = opened.live.tenant.clone();
    apple.out.bookkeeping.push(Bookkeeping::MigrationOver { tenant, serials });
}

/// Migrations that were asked for, and whose devices no document gives a deadline any more. Those whose
/// document still sends them where they are were judged there.
pub(super) fn take_back<'a>(apple: &mut Apple<'a>, wishes: &Wishes<'a>) {
    if !apple.input.scope.is_whole() || !apple.input.desired.unread_files.is_empty() {
        return;
    }
    let mut due = Due::default();
    let mut forgotten: BTreeMap<(&Name, &Name), Vec<Serial>> = BTreeMap::new();
    for org in apple.orgs.values() {
        let Some(devices) = org.devices else { continue };
        let Some(asked) = apple.input.ledger.apple.migrations.get(&org.live.tenant) else { continue };
        for (serial, asked) in asked {
            if wishes.of(serial).is_some() {
                continue;
            }
            let Some(device) = devices.find(serial) else {
                due.over.entry(org.name).or_default().push(*serial);
                continue;
            };
            match devices.migration_of(device).status {
                Some(MigrationStatus::Requested | MigrationStatus::Started) => {
                    forgotten.entry((org.name, &asked.assignment)).or_default().push(*serial);
                }
                None if asked.deadline > apple.input.now => {}
                _ => due.over.entry(org.name).or_default().push(*serial),
            }
        }
    }
    for ((org, assignment), serials) in forgotten {
        let Some(org) = apple.orgs.get(org) else { continue };
        let why = format!(
            "DeviceAssignment/{assignment} asked them to migrate and names them no more: their migrations go on ({})",
            some(&serials)
        );
        let name = format!("{} under migration", count(serials.len(), "device"));
        let line = services::left(org, "devices", name, String::new(), serials.len() as u64, why);
        apple.out.left_alone.push(LeftAlone { was_managed: true, ..line });
    }
    plan(apple, due);
}
