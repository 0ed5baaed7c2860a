//! How many calls of an organisation's small budget a plan takes.

use super::world::*;
use crate::plan::tests::world::name;

#[test]
fn a_plan_tells_activities_reads_and_what_does_not_fit_now() {
    let mut fleet = Fleet::new();
    for at in 0..2_500 {
        fleet.ipad(&format!("C02A{at:06}"), if at % 2 == 0 { "" } else { "Jamf" });
    }
    let all: Vec<String> = (0..2_500).map(|at| format!("C02A{at:06}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    // Two classes of one destination are sent together.
    fleet.route("carts", "school", &all[..1_500]).route("desks", "office", &all[1_500..]);
    fleet.org().posts_free = 2;
    let plan = fleet.plan();
    assert_eq!(plan.steps.len(), 4);
    let calls = &plan.forecast.apple[&name(ORG)];
    assert_eq!((calls.posts, calls.posts_later), (3, 1));
    // A look at each activity, and one page of each service's list.
    assert_eq!((calls.gets, calls.minutes), (3 + 2, 1));
    assert_eq!((plan.forecast.writes, plan.forecast.reads), (0, 0), "nothing goes to Graph");
    assert!(Fleet::new().plan().forecast.apple.is_empty());
}
