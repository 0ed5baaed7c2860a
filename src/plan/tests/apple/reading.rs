//! What a plan says, picked out.

use crate::model::Serial;
use crate::plan::tests::world::{self, serial};
use crate::plan::{Action, Plan, Waiting};

/// The serials of a step, ascending.
pub fn serials_of(plan: &Plan, id: &str) -> Vec<String> {
    let step = world::step(plan, id);
    let mut all: Vec<String> = match &step.action {
        Action::Service(action) => action.serials().map(Serial::to_string).collect(),
        Action::Assign { groups, .. } => {
            groups.iter().flat_map(|group| &group.serials).map(Serial::to_string).collect()
        }
        Action::Sync { serials } => serials.iter().map(Serial::to_string).collect(),
        other => panic!("{other:?}"),
    };
    all.sort();
    all
}

/// The only line of what waits that names a serial.
pub fn waits<'p>(plan: &'p Plan, one: &str) -> &'p Waiting {
    let found: Vec<_> = plan.waiting.iter().filter(|line| line.serials.contains(&serial(one))).collect();
    match found.as_slice() {
        [only] => only,
        other => {
            panic!("{one} waits {} times: {:#?} blocked: {:#?}", other.len(), plan.waiting, plan.blocked)
        }
    }
}

/// The rows of notes of a step.
pub fn rows<'p>(plan: &'p Plan, id: &str) -> Vec<&'p str> {
    world::step(plan, id).notes.iter().map(|note| note.rule.as_str()).collect()
}
