//! Every job at Apple takes the least number of calls that pages and services allow (goal G6): its
//! interfaces take about twenty reads a minute and ten writes an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use espalier::model::Serial;
use espalier::plan::Plan;
use serde_json::json;

use super::fleet::{self, AMPLE};
use super::ground::{Ground, open};

/// How many calls were made, without those that were not.
fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, u64> {
    let named = expected.iter().filter(|(_, count)| *count > 0);
    named.map(|(operation, count)| ((*operation).to_owned(), *count as u64)).collect()
}

/// Pages that a list of so many rows takes.
fn pages(rows: usize, page: usize) -> usize {
    rows.div_ceil(page).max(1)
}

const SERVICES: [&str; 6] = ["Site 1", "Site 2", "Site 3", "Site 4", "Site 5", "Site 6"];

/// A thousand devices over six services, each of which shall get those of the one before it.
fn resorted() -> (String, Vec<Vec<Serial>>) {
    let all = fleet::serials('R', 0..1_000);
    let by_service: Vec<Vec<Serial>> =
        (0..6).map(|at| all.iter().skip(at).step_by(6).copied().collect()).collect();
    let mut documents = fleet::head(AMPLE);
    for (at, service) in SERVICES.iter().enumerate() {
        let name = format!("site-{at}");
        documents += &fleet::token(&name, service, service, "");
        let here = &by_service[(at + 5) % 6];
        documents += &fleet::assignment(&format!("to-{at}"), &format!("  token: {name}\n"), here);
    }
    (documents, by_service)
}

#[tokio::test]
async fn a_thousand_devices_are_sorted_anew_with_one_activity_for_each_destination() {
    for page in [1_000, 100] {
        let (documents, by_service) = resorted();
        let devices: Vec<_> = by_service
            .iter()
            .zip(SERVICES)
            .flat_map(|(serials, service)| fleet::devices(serials, "iPad", Some(service)))
            .collect();
        let behaviour = json!({"getPerMinute": 0, "postPerHour": 0, "activityPolls": 1});
        let seed = fleet::seed_of(&SERVICES, &[], &json!({"devices": devices, "behaviour": behaviour}));
        let ground = Ground::new(&documents, &seed, Some(page)).await;
        let lists: usize = by_service.iter().map(|serials| pages(serials.len(), page)).sum();

        let snapshot = counts(&[
            ("token", 1),
            ("list devices", pages(1_000, page)),
            ("list services", 1),
            ("list linkages", lists),
        ]);
        let plan = ground.plan().await;
        assert_eq!(ground.calls(), snapshot, "pages of {page}");
        assert_eq!(plan.steps.len(), 6, "{:?}", plan.steps);
        let forecast = &plan.forecast.apple.values().next().expect("an organisation").clone();
        assert_eq!((forecast.posts, forecast.posts_later), (6, 0), "{forecast:?}");

        ground.sim.forget_calls();
        let report = ground.apply().await;
        assert_eq!((report.exit_code(), open(&report)), (0, Vec::new()), "pages of {page}");
        // The bearer of the plan is kept. Each activity is looked at once, and each list read back once.
        let expected = counts(&[
            ("list devices", pages(1_000, page)),
            ("list services", 1),
            ("list linkages", 2 * lists),
            ("create activity", 6),
            ("read activity", 6),
            ("download log", 6),
        ]);
        assert_eq!(ground.calls(), expected, "pages of {page}");
        for (at, serials) in by_service.iter().enumerate() {
            let service = SERVICES[(at + 1) % 6];
            assert!(serials.iter().all(|serial| ground.service_of(serial) == service), "{service}");
        }
        assert_eq!(ground.history().assignments.len(), 1_000);
        assert_eq!(ground.never(), [""; 0]);
        assert_eq!(ground.rests().await, [""; 0]);
        let idle =
            counts(&[("list devices", pages(1_000, page)), ("list services", 1), ("list linkages", lists)]);
        assert_eq!(ground.calls(), idle, "a run with nothing to do reads what a plan reads");
    }
}

#[tokio::test]
async fn single_services_are_read_only_where_their_families_matter() {
    let services = ["One", "Two", "Three"];
    let of = |families: [&str; 2]| {
        [
            fleet::head(AMPLE),
            fleet::token("one", "One", "One", families[0]),
            fleet::token("two", "Two", "Two", families[1]),
        ]
        .concat()
    };
    let seed = fleet::seed_of(&services, &[], &json!({"families": {"One": ["iPad"], "Three": ["Mac"]}}));
    for (families, singles) in [
        (["", ""], 0),
        (["  defaultFor: [ipad]\n", ""], 1),
        (["  defaultFor: []\n", "  defaultFor: [ipad]\n"], 2),
        // Who holds the Macs has to be found.
        (["  defaultFor: [ipad, mac]\n", ""], 3),
    ] {
        let ground = Ground::new(&of(families), &seed, None).await;
        ground.plan().await;
        let expected = counts(&[
            ("token", 1),
            ("list devices", 1),
            ("list services", 1),
            ("list linkages", 3),
            ("read service", singles),
        ]);
        assert_eq!(ground.calls(), expected, "{families:?}");
    }
}

/// What a plan says of its age.
fn age(plan: &Plan) -> Vec<&str> {
    let notes = plan.findings.iter().filter(|one| one.code == "snapshot-reused");
    notes.map(|one| one.message.as_str()).collect()
}

#[tokio::test]
async fn fifty_thousand_devices_are_planned_in_the_least_number_of_calls_and_from_the_cache_in_none() {
    const COUNT: usize = 5_000;
    let services: Vec<String> = (0..10).map(|at| format!("Site {at}")).collect();
    let named = fleet::devices(&fleet::serials('N', 0..5), "iPad", None);
    let generated: Vec<_> = services
        .iter()
        .map(|service| json!({"count": COUNT, "service": service, "family": "iPad"}))
        .collect();
    let others: Vec<_> = services.iter().map(|name| json!({"name": name})).collect();
    // The limits are those that others found.
    let seed = fleet::seed_of(
        &["Ours"],
        &[],
        &json!({"services": others, "generated": generated, "devices": named, "behaviour": {}}),
    );
    let documents = [
        fleet::head(""),
        fleet::token("ours", "Ours", "Ours", ""),
        fleet::assignment("new", "  token: ours\n", &fleet::serials('N', 0..5)),
    ];
    let ground = Ground::new(&documents.concat(), &seed, None).await;
    let begun = ground.sim.clock().now();
    let plan = ground.plan().await;
    assert_eq!((plan.steps.len(), plan.blocked.len()), (1, 0), "{:?}", plan.blocked);
    let expected = counts(&[
        ("token", 1),
        ("list devices", pages(10 * COUNT + 5, 1_000)),
        ("list services", 1),
        ("list linkages", 10 * pages(COUNT, 1_000) + 1),
    ]);
    assert_eq!(ground.calls(), expected);
    // 103 reads at 20 a minute, of which none is refused.
    let took = ground.sim.clock().now().duration_since(begun).as_secs();
    assert!((5 * 60..=6 * 60).contains(&took), "{took} s");
    assert_eq!(age(&plan), [""; 0]);

    ground.pass(Duration::from_secs(10 * 60)).await;
    ground.sim.forget_calls();
    let before = ground.sim.clock().now();
    let (again, observed) = ground.plan_with_max_age(Duration::from_secs(3_600)).await;
    assert_eq!(ground.calls(), counts(&[]), "nothing of the organisation is asked for");
    assert_eq!(ground.sim.clock().now(), before, "nor waited for");
    assert!(observed.live.organisations.values().all(|one| one.reused));
    let ids = |plan: &Plan| plan.steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&plan));
    let [age] = age(&again)[..] else { panic!("{:?}", again.findings) };
    assert!(age.contains("ago by an earlier run"), "{age}");
}
