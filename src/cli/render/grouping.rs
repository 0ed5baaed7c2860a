//! Steps that are one change over many tokens. PURE.
//!
//! Steps of one document that do the same are one group, shown in full once. Where a document has
//! values of each tenant's own, no two do exactly the same: those whose fields agree in everything
//! but texts are one group too, and each token's texts are shown. A few that differ from many alike
//! stay apart, for they are what a reader looks for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::json;

use super::alike::without;
use super::change::is_word;
use super::service;
use super::step::{former, had};
use crate::diff::FieldChange;
use crate::model::{Kind, Value};
use crate::plan::{Action, ServiceAction, Step};

/// How many different ones there have to be before texts of each token's own are supposed.
const OWN_TEXTS_FROM: usize = 3;

/// Steps that are shown as one paragraph; never empty.
#[derive(Clone, Debug)]
pub struct StepGroup<'a> {
    /// The steps, in the order of the plan.
    pub steps: Vec<&'a Step>,
}

impl<'a> StepGroup<'a> {
    /// The step that speaks for all in everything but texts.
    pub fn first(&self) -> &'a Step {
        self.steps[0]
    }
}

/// Puts steps together. The order is that of each group's first step. Takes time in the number of
/// steps.
pub fn grouped<'a>(steps: impl Iterator<Item = &'a Step>) -> Vec<StepGroup<'a>> {
    /// Steps of one shape: exact groups with where their first step stood.
    #[derive(Default)]
    struct Shape<'a> {
        exact: Vec<(usize, Vec<&'a Step>)>,
        known: HashMap<String, usize>,
        steps: usize,
    }
    let mut shapes: Vec<Shape<'a>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, step) in steps.enumerate() {
        let index = match known.entry(shape(step)) {
            Entry::Occupied(index) => *index.get(),
            Entry::Vacant(free) => {
                shapes.push(Shape::default());
                *free.insert(shapes.len() - 1)
            }
        };
        let shape = &mut shapes[index];
        shape.steps += 1;
        match shape.known.entry(own(step)) {
            Entry::Occupied(index) => shape.exact[*index.get()].1.push(step),
            Entry::Vacant(free) => {
                free.insert(shape.exact.len());
                shape.exact.push((at, vec![step]));
            }
        }
    }
    let mut groups: Vec<(usize, Vec<&Step>)> = Vec::new();
    for Shape { exact, steps, .. } in shapes {
        if exact.len() >= OWN_TEXTS_FROM && exact.len() * 2 > steps {
            let first = exact.iter().map(|(at, _)| *at).min().unwrap_or_default();
            let mut all: Vec<&Step> = exact.into_iter().flat_map(|(_, steps)| steps).collect();
            all.sort_by(|a, b| a.address.cmp(&b.address));
            groups.push((first, all));
        } else {
            groups.extend(exact);
        }
    }
    groups.sort_by_key(|(at, _)| *at);
    groups.into_iter().map(|(_, steps)| StepGroup { steps }).collect()
}

/// What steps have in common when they differ in their token and in texts only.
fn shape(step: &Step) -> String {
    let field = |change: &FieldChange| {
        json!([change.field, fixed(&change.field, &change.before), fixed(&change.field, &change.after)])
    };
    let action = match &step.action {
        Action::UpdateToken { changes, scope_tag_ids: _ } => {
            json!(changes.iter().map(field).collect::<Vec<_>>())
        }
        Action::UpdateProfile { changes, .. } => json!(changes.iter().map(field).collect::<Vec<_>>()),
        Action::CreateProfile { fields, .. } => {
            json!(fields.iter().map(|(name, value)| (name, fixed(name, value))).collect::<Vec<_>>())
        }
        Action::Define { fields, changes, replaces, .. } => json!([
            fields.iter().map(|(name, value)| (name, fixed(name, value))).collect::<Vec<_>>(),
            changes.iter().map(field).collect::<Vec<_>>(),
            replaces.is_some()
        ]),
        Action::SetAccountDrivenUrl { from, to } => json!([from, to]),
        Action::SetDefault { from, from_name } => json!(former(from.as_ref(), from_name.as_deref())),
        Action::Assign { groups, after_sync: _ } => {
            // The former ones of one document are several, and are shown as one.
            let mut from: Vec<String> = groups.iter().map(had).collect();
            from.dedup();
            json!(from)
        }
        Action::Service(action) => at_apple(action, step),
        Action::DeleteToken | Action::DeleteProfile | Action::Unassign { .. } | Action::Sync { .. } => {
            json!(null)
        }
    };
    let token = step.address.domain().as_str();
    let notes: Vec<_> = step.notes.iter().map(|note| (&note.rule, without(&note.text, token))).collect();
    // A token's own document has its name.
    let name = (step.address.kind != Kind::EnrollmentToken).then_some(&step.address.name);
    let document = json!([step.address.kind, name, step.action.verb()]);
    json!([document, action, step.reason, step.class, step.not_before, notes]).to_string()
}

/// What is done at Apple Business or Apple School Manager, but for devices and ids. Moves into services
/// of several names can be one change; all else goes by the name of the service.
fn at_apple(action: &ServiceAction, step: &Step) -> serde_json::Value {
    match action {
        ServiceAction::Assign { groups, deadline, id: _ } => {
            let from: Vec<String> = groups.iter().map(service::origin).collect();
            json!([from, deadline])
        }
        ServiceAction::Unassign { .. }
        | ServiceAction::CancelMigration { .. }
        | ServiceAction::Create { .. }
        | ServiceAction::Delete { .. } => json!(step.name),
        ServiceAction::UpdateDeadline { deadline, serials: _ } => json!([step.name, deadline]),
        ServiceAction::DropFamilies { families, keeps, id: _ } => json!([step.name, families, keeps]),
        ServiceAction::TakeFamilies { families, has, id: _ } => json!([step.name, families, has]),
        ServiceAction::Rename { from, id: _ } => json!([step.name, from]),
    }
}

/// What steps of one shape can differ in: their texts.
fn own(step: &Step) -> String {
    let texts = |changes: &[FieldChange]| {
        let both = changes.iter().filter(|change| !is_word(&change.field));
        json!(both.map(|change| (text(&change.before), text(&change.after))).collect::<Vec<_>>())
    };
    let texts = match &step.action {
        Action::UpdateToken { changes, .. } => return texts(changes).to_string(),
        Action::UpdateProfile { changes, .. } => texts(changes),
        Action::CreateProfile { fields, .. } | Action::Define { fields, .. } => {
            let own = fields.iter().filter(|(name, _)| !is_word(name));
            json!(own.map(|(_, value)| text(value)).collect::<Vec<_>>())
        }
        Action::Sync { .. } | Action::DeleteToken | Action::SetAccountDrivenUrl { .. } => {
            return String::new();
        }
        Action::SetDefault { .. }
        | Action::Assign { .. }
        | Action::Unassign { .. }
        | Action::Service(_)
        | Action::DeleteProfile => json!(null),
    };
    json!([texts, step.name]).to_string()
}

fn text(value: &Value) -> Option<&str> {
    value.as_text()
}

/// The value, unless it is a text that can be each token's own.
fn fixed<'v>(field: &str, value: &'v Value) -> Option<&'v Value> {
    (is_word(field) || text(value).is_none()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::plan::tests::{name, step};
    use crate::model::Fields;
    use crate::plan::{Class, Reason};

    fn create(token: &str, description: &str) -> Step {
        let fields = Fields::from([
            ("displayName".into(), Value::text("iPads")),
            ("description".into(), Value::text(description)),
            ("supervised".into(), Value::Bool(true)),
        ]);
        step(token, Action::CreateProfile { fields, vpp_token: None }, Reason::New, Class::Safe)
    }

    fn sizes(steps: &[Step]) -> Vec<usize> {
        grouped(steps.iter()).iter().map(|group| group.steps.len()).collect()
    }

    #[test]
    fn seventy_alike_are_one_and_the_odd_one_stands_apart() {
        let mut steps: Vec<Step> = (0..70).map(|n| create(&format!("t{n}"), "the same")).collect();
        assert_eq!(sizes(&steps), [70]);
        steps[30] = create("t30", "another one");
        assert_eq!(sizes(&steps), [69, 1]);
        // Two that differ could be anything; so could one of three.
        assert_eq!(sizes(&[create("a", "x"), create("b", "y")]), [1, 1]);
        assert_eq!(sizes(&[create("a", "x"), create("b", "y"), create("c", "y")]), [1, 2]);
    }

    #[test]
    fn texts_of_each_tenants_own_are_one_paragraph() {
        let mut steps: Vec<Step> = (0..70).map(|n| create(&format!("t{n}"), &format!("for {n}"))).collect();
        assert_eq!(sizes(&steps), [70]);
        // What is no text stays a difference.
        if let Action::CreateProfile { fields, .. } = &mut steps[3].action {
            fields.insert("supervised".into(), Value::Bool(false));
        }
        assert_eq!(sizes(&steps), [69, 1]);
    }

    #[test]
    fn a_word_of_ours_is_no_text() {
        let with = |token: &str, word: &str| {
            let fields = Fields::from([("userAffinity".into(), Value::text(word))]);
            step(token, Action::CreateProfile { fields, vpp_token: None }, Reason::New, Class::Safe)
        };
        assert_eq!(sizes(&[with("a", "user"), with("b", "none"), with("c", "user")]), [2, 1]);
    }

    #[test]
    fn steps_on_tokens_themselves_go_together() {
        let sync = |token: &str| {
            let mut sync =
                step(token, Action::Sync { serials: Vec::new() }, Reason::SerialsWait, Class::Safe);
            sync.address = crate::model::Address::token(&name(token));
            sync.name = format!("Token of {token}");
            sync
        };
        assert_eq!(sizes(&[sync("a"), sync("b")]), [2]);
    }
}
