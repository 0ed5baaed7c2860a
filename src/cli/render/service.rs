//! What steps at Apple Business and Apple School Manager do, in words. PURE.
//!
//! Text and markdown show the same rows: a label, what is said, and the devices that it is said of.

use super::text::{count, some_of};
use crate::model::{ProductFamily, Serial};
use crate::plan::{Action, MoveGroup, ServiceAction, Step};

/// A line below a step's first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the line is about, in at most six letters.
    pub label: &'static str,
    /// What is said, without the devices.
    pub text: String,
    /// The devices, in the order of the steps.
    pub serials: Vec<Serial>,
}

/// The action of a step at Apple Business or Apple School Manager.
pub const fn action(step: &Step) -> Option<&ServiceAction> {
    match &step.action {
        Action::Service(action) => Some(action),
        _ => None,
    }
}

/// What a step does, in words for its first line; its subject is behind them.
pub const fn verb(action: &ServiceAction) -> &'static str {
    match action {
        ServiceAction::Assign { deadline: None, .. } => "move devices to",
        ServiceAction::Assign { deadline: Some(_), .. } => "migrate devices to",
        ServiceAction::Unassign { .. } => "take devices off the service, for",
        ServiceAction::UpdateDeadline { .. } => "change the deadline, for",
        ServiceAction::CancelMigration { .. } => "cancel migrations, for",
        ServiceAction::DropFamilies { .. } => "take default families off",
        ServiceAction::TakeFamilies { .. } => "give default families to",
        ServiceAction::Create { .. } => "create the service of",
        ServiceAction::Rename { .. } => "rename the service of",
        ServiceAction::Delete { .. } => "delete the service of",
    }
}

/// The mark of an action, as those of other steps: what comes, changes or goes.
pub const fn mark(action: &ServiceAction) -> char {
    match action {
        ServiceAction::Assign { .. } | ServiceAction::Create { .. } => '+',
        ServiceAction::Unassign { .. } | ServiceAction::Delete { .. } => '-',
        ServiceAction::UpdateDeadline { .. }
        | ServiceAction::CancelMigration { .. }
        | ServiceAction::DropFamilies { .. }
        | ServiceAction::TakeFamilies { .. }
        | ServiceAction::Rename { .. } => '~',
    }
}

/// Where devices are that move, in words.
pub fn origin(group: &MoveGroup) -> String {
    let name = match (&group.from_name, &group.from) {
        (Some(name), _) => format!("{name:?}"),
        (None, Some(id)) => id.to_string(),
        (None, None) => return "no service".to_owned(),
    };
    if group.foreign { format!("the foreign service {name}") } else { name }
}

/// The rows of steps that do the same; none for steps elsewhere.
pub fn rows(steps: &[&Step]) -> Vec<Row> {
    let Some(first) = steps.first().copied() else { return Vec::new() };
    let actions = || steps.iter().filter_map(|step| action(step));
    let Some(head) = action(first) else { return Vec::new() };
    let plain = |label, text: String| vec![Row { label, text, serials: Vec::new() }];
    let all = || actions().flat_map(ServiceAction::serials).copied().collect::<Vec<_>>();
    match head {
        ServiceAction::Assign { groups: _, deadline, id: _ } => {
            let mut rows = moves(actions());
            if let Some(deadline) = deadline {
                let text = format!("{deadline} at the latest, when enrolled devices migrate by themselves");
                rows.extend(plain("by", text));
            }
            rows
        }
        ServiceAction::Unassign { .. } => {
            let serials = all();
            let text = format!("{} off {:?}, to no service", devices(&serials), first.name);
            vec![Row { label: "take", text, serials }]
        }
        ServiceAction::UpdateDeadline { deadline, serials: _ } => {
            let serials = all();
            let text = format!("{} to migrate by {deadline}", devices(&serials));
            vec![Row { label: "set", text, serials }]
        }
        ServiceAction::CancelMigration { serials: _ } => {
            let serials = all();
            let text = format!("{} to stay where they are managed now", devices(&serials));
            vec![Row { label: "leave", text, serials }]
        }
        ServiceAction::DropFamilies { id: _, families, keeps } => {
            plain("drop", format!("{}; it keeps {}", words(families), words(keeps)))
        }
        ServiceAction::TakeFamilies { id: _, families, has } => {
            plain("add", format!("{}; it then has {}", words(families), words(has)))
        }
        ServiceAction::Create { certificate } => {
            let short: String = certificate.chars().take(12).collect();
            plain(
                "with",
                match steps {
                    [_] => format!("the token's certificate, sha256 {short}…"),
                    _ => "each token's own certificate".to_owned(),
                },
            )
        }
        ServiceAction::Rename { id: _, from } => plain("set", format!("{from:?} -> {:?}", first.name)),
        ServiceAction::Delete { id: _ } => Vec::new(),
    }
}

/// Moves over all steps, by where the devices are now.
fn moves<'a>(actions: impl Iterator<Item = &'a ServiceAction>) -> Vec<Row> {
    let mut all: Vec<(String, Vec<Serial>)> = Vec::new();
    for action in actions {
        let ServiceAction::Assign { groups, .. } = action else { continue };
        for group in groups {
            let from = origin(group);
            let at = all.iter().position(|(known, _)| *known == from).unwrap_or_else(|| {
                all.push((from, Vec::new()));
                all.len() - 1
            });
            all[at].1.extend(&group.serials);
        }
    }
    let row = |(from, serials): (String, Vec<Serial>)| Row {
        label: "move",
        text: format!("{} from {from}", devices(&serials)),
        serials,
    };
    all.into_iter().map(row).collect()
}

fn devices(serials: &[Serial]) -> String {
    count(serials.len() as u64, "device")
}

/// Families in the words of documents.
pub fn words(families: &[ProductFamily]) -> String {
    if families.is_empty() { "none".to_owned() } else { some_of(families.iter(), families.len()) }
}

/// Where a step at Apple is done: the organisation, and the service's id where there is one.
pub fn place(steps: &[&Step]) -> Option<String> {
    let first = steps.first()?;
    let organisation = first.connection.organisation()?;
    Some(match steps {
        [only] if !only.token_id.0.is_empty() => {
            format!("Apple, organisation {organisation}, service {}", only.token_id.0)
        }
        [_] => format!("Apple, organisation {organisation}"),
        several => {
            let mut names: Vec<String> = several.iter().map(|step| step.connection.carrier()).collect();
            names.sort_unstable();
            names.dedup();
            match names.as_slice() {
                [_] => format!("Apple, organisation {organisation}"),
                names => format!("Apple, {}", count(names.len() as u64, "organisation")),
            }
        }
    })
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
