//! What is known already: acknowledged findings are folded, and the same finding over many tokens or
//! documents becomes one.

use std::collections::BTreeMap;

use super::super::Plan;
use super::Input;
use crate::diag::{Diagnostic, Severity};
use crate::model::Place;
use crate::rules::Folding;

/// Folds and joins the findings of a plan. Goes over everything once.
pub(super) fn settle(input: &Input<'_>, plan: &mut Plan) {
    let mut folding = Folding::of(input.desired, input.now);
    let standing = plan.standing();
    // Those that the plan does not show count as found, too.
    for finding in input.findings.iter().filter(|finding| finding.severity != Severity::Warn) {
        if finding.severity != Severity::Refuse || !standing.covers(finding, |token| input.scope.holds(token))
        {
            folding.take(finding.clone());
        }
    }
    for one in &mut plan.grandfathered {
        let document = (one.address.kind, &one.address.name);
        one.acknowledged = folding.folds(&one.rule, document, one.address.token.as_ref());
    }
    let over_tokens = joined(std::mem::take(&mut plan.findings), |finding| Some(finding.place.clone()));
    let kept: Vec<Diagnostic> = over_tokens.into_iter().filter_map(|finding| folding.take(finding)).collect();
    plan.findings = joined(kept, |_| None);
    // Where something is blocked, nobody knows what would have been found there.
    let is_settled = plan.blocked.is_empty();
    let (acknowledged, said) = folding.finish(|_| is_settled);
    plan.acknowledged = acknowledged;
    plan.findings.extend(said);
}

/// Joins findings that say the same, in the order of their first one: tokens and places add up.
/// `apart` tells what has to be equal besides.
fn joined(findings: Vec<Diagnostic>, apart: impl Fn(&Diagnostic) -> Option<Place>) -> Vec<Diagnostic> {
    let mut joined: Vec<Diagnostic> = Vec::with_capacity(findings.len());
    let mut at: BTreeMap<(&'static str, Severity, String, String, Option<Place>), usize> = BTreeMap::new();
    for finding in findings {
        let key =
            (finding.code, finding.severity, finding.message.clone(), finding.next.clone(), apart(&finding));
        match at.get(&key) {
            None => {
                at.insert(key, joined.len());
                joined.push(finding);
            }
            Some(first) => {
                let first = &mut joined[*first];
                if finding.place != first.place {
                    first.also.push(finding.place);
                }
                first.also.extend(finding.also);
                first.tokens.extend(finding.tokens);
            }
        }
    }
    for finding in &mut joined {
        finding.tokens.sort();
        finding.tokens.dedup();
        finding.also.sort();
        finding.also.dedup();
        let place = finding.place.clone();
        finding.also.retain(|also| *also != place);
    }
    joined
}
