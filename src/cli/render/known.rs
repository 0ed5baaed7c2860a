//! What a plan counts and does not shout: grandfathered and acknowledged findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::{BOLD, NOTE, QUIET, clean, count, labelled, paint, some_of};
use crate::plan::file::SavedPlan;
use crate::rules::counted;

/// How many objects or tokens a line names.
const SHOWN: usize = 5;

/// Tells grandfathered findings, a line per row, and how many are acknowledged.
pub fn text(out: &mut String, plan: &SavedPlan) {
    let mut by_row: BTreeMap<&str, Vec<&crate::model::Address>> = BTreeMap::new();
    for one in plan.grandfathered.iter().filter(|one| !one.acknowledged) {
        by_row.entry(&one.rule).or_default().push(&one.address);
    }
    let acknowledged = counted(&plan.acknowledged);
    if by_row.is_empty() && acknowledged.is_none() {
        return;
    }
    // Writing to a String does not fail.
    let _ = writeln!(out, "{}", paint(BOLD, "Known"));
    for (row, addresses) in by_row {
        let findings = count(addresses.len() as u64, "grandfathered finding");
        let _ = writeln!(out, "  {} {findings} {}", paint(NOTE, "="), paint(QUIET, clean(row)));
        labelled(out, 6, paint(QUIET, "on"), 6, &some_of(addresses.iter(), SHOWN));
        labelled(out, 6, paint(QUIET, "why"), 6, "at the service already, and not touched by this plan");
    }
    if let Some(acknowledged) = acknowledged {
        let _ = writeln!(out, "  {} {}", paint(NOTE, "="), clean(&acknowledged));
    }
    out.push('\n');
}

/// The same in one line, for where room is short; `None`: nothing is known.
pub fn line(plan: &SavedPlan) -> Option<String> {
    let mut by_row: BTreeMap<&str, u64> = BTreeMap::new();
    for one in plan.grandfathered.iter().filter(|one| !one.acknowledged) {
        *by_row.entry(&one.rule).or_default() += 1;
    }
    let rows: Vec<&str> = by_row.keys().copied().collect();
    let grandfathered = (!rows.is_empty()).then(|| {
        let findings = count(by_row.values().sum(), "grandfathered finding");
        format!("{findings} ({})", rows.join(", "))
    });
    let parts: Vec<String> = grandfathered.into_iter().chain(counted(&plan.acknowledged)).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::text::plain;
    use super::*;
    use crate::model::{Address, Name};
    use crate::plan::{Acknowledged, Grandfathered, Plan};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn grandfathered(rule: &str, token: &str, acknowledged: bool) -> Grandfathered {
        let address = Address::profile(&name("kiosk"), &name(token));
        Grandfathered { rule: rule.to_owned(), address, message: "broken".to_owned(), acknowledged }
    }

    fn shown(plan: &Plan) -> String {
        let mut out = String::new();
        text(&mut out, &SavedPlan::new(plan, None, "2026-11-21T12:00:00Z".parse().unwrap()));
        plain(&out)
    }

    #[test]
    fn a_line_for_each_row_and_one_for_what_is_acknowledged() {
        let acknowledged = |rule: &str, until: &str, findings| Acknowledged {
            rule: rule.to_owned(),
            reason: "known".to_owned(),
            until: until.parse().unwrap(),
            place: "fleet.yaml:7:5".to_owned(),
            findings,
        };
        let plan = Plan {
            grandfathered: vec![
                grandfathered("P-14", "school", false),
                grandfathered("P-12", "school", false),
                grandfathered("P-12", "office", false),
                grandfathered("P-9", "school", true),
            ],
            acknowledged: vec![
                acknowledged("P-9", "2027-06-01T00:00:00Z", 1),
                acknowledged("P-6", "2027-02-01T00:00:00Z", 1),
            ],
            ..Plan::default()
        };
        insta::assert_snapshot!(shown(&plan), @r"
        Known
          = 2 grandfathered findings P-12
              on     EnrollmentProfile/kiosk@school, EnrollmentProfile/kiosk@office
              why    at the service already, and not touched by this plan
          = 1 grandfathered finding P-14
              on     EnrollmentProfile/kiosk@school
              why    at the service already, and not touched by this plan
          = 2 acknowledged, next until 2027-01-31 (P-6, P-9)
        ");
        let saved = SavedPlan::new(&plan, None, "2026-11-21T12:00:00Z".parse().unwrap());
        assert_eq!(
            line(&saved).as_deref(),
            Some("3 grandfathered findings (P-12, P-14); 2 acknowledged, next until 2027-01-31 (P-6, P-9)")
        );
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        assert_eq!(shown(&Plan::default()), "");
    }
}
