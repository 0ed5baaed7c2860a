//! a serial in two assignments that disagree. PURE.
//!
//! All serials are sorted together once: 24 bytes apiece, no hashing of texts.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{Assignment, Desired};
use crate::model::{Name, Serial};

/// How many serials of one pair of assignments are told one by one.
const MOST_TOLD: usize = 20;

/// The serials that a pair of assignments disagrees about.
#[derive(Default)]
struct Shared {
    /// The devices' places in either list.
    told: Vec<(u32, u32)>,
    /// How many there are besides.
    more: usize,
}

/// Refuses serials that two assignments give different profiles on a token they share.
pub fn check(desired: &Desired, found: &mut Diagnostics) {
    let assignments: Vec<&Assignment> = desired.assignments.iter().collect();
    let total = assignments.iter().map(|one| one.devices.len()).sum();
    let mut rows: Vec<(Serial, u32, u32)> = Vec::with_capacity(total);
    for (at, assignment) in (0u32..).zip(&assignments) {
        rows.extend((0u32..).zip(&assignment.devices).map(|(device, named)| (named.serial, at, device)));
    }
    rows.sort_unstable();
    let mut disagreeing: BTreeMap<(u32, u32), Shared> = BTreeMap::new();
    for group in rows.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
        // One row for each assignment: a serial that one repeats is no conflict.
        let mut once = group.to_vec();
        once.dedup_by_key(|(_, at, _)| *at);
        for (i, &(_, first, a)) in once.iter().enumerate() {
            for &(_, second, b) in &once[i + 1..] {
                if assignments[first as usize].profile == assignments[second as usize].profile {
                    continue;
                }
                let shared = disagreeing.entry((first, second)).or_default();
                if shared.told.len() < MOST_TOLD {
                    shared.told.push((a, b));
                } else {
                    shared.more += 1;
                }
            }
        }
    }
    for ((first, second), shared) in disagreeing {
        report(assignments[first as usize], assignments[second as usize], &shared, found);
    }
}

fn report(first: &Assignment, second: &Assignment, disagreeing: &Shared, found: &mut Diagnostics) {
    let shared: Vec<Name> =
        first.tokens.iter().filter(|token| second.tokens.contains(token)).cloned().collect();
    if shared.is_empty() {
        return;
    }
    let who = format!(
        "`{}` gives it the profile `{}`, `{}` the profile `{}` (A-9)",
        first.name, first.profile, second.name, second.profile
    );
    let who = if first.name == second.name {
        format!("`{}` gives it the profiles `{}` and `{}` (A-9)", first.name, first.profile, second.profile)
    } else {
        who
    };
    let Shared { told, more } = disagreeing;
    for (at, &(a, b)) in told.iter().enumerate() {
        let (a, b) = (&first.devices[a as usize], &second.devices[b as usize]);
        let mut message =
            format!("the serial number {} is assigned in two ways that disagree: {who}", a.serial);
        if *more > 0 && at + 1 == told.len() {
            message.push_str(&format!("; and so are {more} more"));
        }
        found.push(
            Diagnostic::by_row("A-9", Severity::Refuse, second.place_of(b), message)
                .next("remove it from one of the two")
                .and_at(first.place_of(a))
                .for_tokens(shared.iter().cloned()),
        );
    }
}
