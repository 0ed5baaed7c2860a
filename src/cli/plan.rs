//! `plan`: what `apply` would do. Reads only.

use std::collections::BTreeSet;
use std::fs;

use super::args::{GlobalArgs, PlanArgs, PlanFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::findings;
use super::render::markdown::plan::{self as markdown, MarkdownView};
use super::render::plan::{self as render, AsWished, PlanView};
use super::setup;
use super::ui::Ui;
use crate::diag::{Diagnostic, Diagnostics, Place, Severity};
use crate::engine::{Observed, Session};
use crate::model::desired::Token;
use crate::model::live::{Cause, LiveDevice};
use crate::model::{Name, Serial};
use crate::plan::Plan;
use crate::plan::file::SavedPlan;

/// Plans, shows the plan, and saves it where asked to.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used; a file that cannot be written.
pub fn run(args: &PlanArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let mut settings = setup::settings(global, &args.folder, "plan")?;
    settings.allow_empty = args.dangerous_allow_empty;
    settings.narrowing = args.narrow.narrowing();
    setup::block_on(async {
        let folder = args.folder.as_path();
        let mut session = match args.format.of_findings() {
            None => setup::open(settings, ui).await?,
            // Who asks for findings gets those that stop the folder, too.
            Some(format) => {
                setup::open_or(settings, ui, |all, sources| {
                    ui.print(&findings::shown(all, sources, folder, format))
                })
                .await?
            }
        };
        if let Some(age) = args.max_age {
            session.reuse(age);
        }
        let progress = ui.progress();
        let (plan, observed) = session.plan(&*progress).await?;
        drop(progress);
        let saved = SavedPlan::new(&plan, session.commit(), session.clock().now());
        if let Some(file) = &args.output {
            save(file, &saved)?;
            ui.say(format_args!("Saved to {}; it can be applied until {}.", file.display(), saved.expires));
        }
        match args.format {
            PlanFormat::Sarif | PlanFormat::Github | PlanFormat::Gitlab => {
                let all = findings_of(&session, &plan);
                let format = args.format.of_findings().unwrap_or_default();
                ui.print(&findings::shown(&all, session.sources(), folder, format))?;
            }
            PlanFormat::Json => ui.print(&saved.to_json())?,
            PlanFormat::Markdown => {
                let view = MarkdownView {
                    show_unmanaged: args.show_unmanaged,
                    as_wished: Some(as_wished(&session, &plan, &observed)),
                    limit: args.max_size,
                    see: "`espalier plan` shows all of it.",
                };
                ui.print(&markdown::text(&saved, view))?;
            }
            PlanFormat::Text => {
                let view = PlanView {
                    show_unmanaged: args.show_unmanaged,
                    as_wished: Some(as_wished(&session, &plan, &observed)),
                    with_origin: false,
                };
                ui.print_text(&render::text(&saved, view))?;
            }
        }
        let refused = session.refuses(&plan);
        let code = ExitCode::of_plan(&plan.blocked, refused, plan.has_changes(), args.detailed_exitcode);
        session.close().await?;
        Ok(code)
    })
}

/// What there is to say of the documents, now that the services were read: findings, and what is
/// blocked at the document concerned.
fn findings_of(session: &Session, plan: &Plan) -> Diagnostics {
    let mut all = session.findings().clone();
    for finding in &plan.findings {
        all.push(finding.clone());
    }
    for blocked in &plan.blocked {
        let is_told = |token: &Name| {
            let refusals = session.findings().iter().filter(|one| one.severity == Severity::Refuse);
            refusals.flat_map(|one| &one.tokens).any(|told| told == token)
        };
        // A refusal by a rule over documents stands among the findings already.
        if blocked.cause == Cause::Manifest && blocked.token.as_ref().is_some_and(is_told) {
            continue;
        }
        let document = blocked.token.as_ref().and_then(|token| session.desired().tokens.get(token));
        let place = document.map_or_else(Place::default, |token| token.identity.places.document.clone());
        let finding = Diagnostic::new("blocked", Severity::Refuse, place, blocked.reason.clone());
        all.push(finding.next(blocked.next.clone()).for_tokens(blocked.token.clone()));
    }
    all
}

/// Writes a plan for others to read as well: it holds no secret.
fn save(file: &std::path::Path, saved: &SavedPlan) -> Result<(), CommandError> {
    fs::write(file, saved.to_json()).map_err(|error| CommandError::file("write", file, &error))
}

/// The devices of direct tokens that no assignment names and whose family has a default there.
fn by_default(session: &Session, plan: &Plan, observed: &Observed, named: &[Serial]) -> u64 {
    let desired = session.desired();
    let tokens =
        desired.tokens.iter().filter(|(name, token)| token.direct.is_some() && plan.scope.holds(name));
    let count = tokens.filter_map(|(name, token)| {
        let tenant = observed.live.tenants.get(&token.realm)?;
        let devices = tenant.devices.get(observed.tokens.get(name)?)?.known()?;
        let has_default = |family| {
            let profile = token.defaults.of_family(family).and_then(|name| desired.profiles.get(name));
            profile.is_some_and(|profile| profile.platform == family.platform())
        };
        let counts = |device: &&LiveDevice| {
            device.family.is_some_and(has_default) && named.binary_search(&device.serial).is_err()
        };
        Some(devices.iter().filter(counts).count() as u64)
    });
    count.sum()
}

/// How much is as the documents say already.
pub fn as_wished(session: &Session, plan: &Plan, observed: &Observed) -> AsWished {
    let desired = session.desired();
    let touched =
        |verbs: &[&str]| plan.steps.iter().filter(|step| verbs.contains(&step.action.verb())).count() as u64;
    // Of a token that could not be read, nothing is known to be as anybody says.
    let shut: BTreeSet<&Name> = plan
        .blocked
        .iter()
        .filter(|blocked| blocked.address.is_none())
        .flat_map(|blocked| {
            let on = move |(name, token): &(&Name, &Token)| match &blocked.token {
                Some(one) => one == *name,
                None => token.realm == blocked.connection,
            };
            desired.tokens.iter().filter(on).map(|(name, _)| name)
        })
        .collect();
    let is_known = |token: &Name| observed.tokens.contains_key(token) && !shut.contains(token);
    let profiles = desired
        .profiles
        .values()
        .map(|profile| profile.tokens.iter().filter(|token| is_known(token)).count() as u64);
    let tokens = observed.tokens.keys().filter(|token| is_known(token)).count();
    let objects = tokens as u64 + profiles.sum::<u64>();
    let mut serials: Vec<_> = desired
        .assignments
        .iter()
        .filter(|assignment| assignment.tokens.iter().any(is_known))
        // Where the serials of several tokens are is not known within a narrowing.
        .filter(|assignment| assignment.tokens.iter().all(|token| plan.scope.holds(token)))
        .flat_map(|assignment| assignment.devices.iter().map(|device| device.serial))
        .collect();
    serials.sort_unstable();
    serials.dedup();
    let by_default = by_default(session, plan, observed, &serials);
    let waiting: usize = plan.waiting.iter().map(|waiting| waiting.serials.len()).sum();
    let assigned: usize = plan
        .steps
        .iter()
        .filter(|step| step.action.verb() == "assign")
        .map(|step| step.action.serials())
        .sum();
    let blocked = plan.blocked.iter().filter(|blocked| blocked.address.is_some()).count() as u64;
    AsWished {
        objects: objects
            .saturating_sub(touched(&["create", "update", "adopt", "define", "replace"]) + blocked),
        devices: (serials.len() as u64 + by_default).saturating_sub((waiting + assigned) as u64),
    }
}
