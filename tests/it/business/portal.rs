//! What takes more than one run and a person in between: services that are made, renamed and deleted, and
//! migrations with a deadline.

use espalier::model::Serial;
use serde_json::json;

use super::fleet::{self, AMPLE, serials};
use super::ground::{Ground, HORIZON, step};

#[tokio::test]
async fn a_service_is_made_its_token_fetched_by_a_person_and_the_loop_closes() {
    let devices = fleet::devices(&serials('N', 0..2), "iPad", None);
    let seed = fleet::seed_of(&["Alpha"], &[], &json!({"devices": devices}));
    let of = |service: &str, rest: &str, to: &str| {
        [
            fleet::head(AMPLE),
            fleet::token("alpha", "Alpha", "Alpha", ""),
            fleet::direct("lab", "Lab", service, rest),
            fleet::direct_profile("lone", "lab"),
            to.to_owned(),
        ]
        .concat()
    };
    let given = fleet::given("lab", "lone", &serials('N', 0..2));
    let ground = Ground::new(&of("Lab", "", &given), &seed, None).await;
    let report = ground.apply().await;
    let made = step(&report, "create-service EnrollmentToken/lab");
    assert!(made.outcome.is_done(), "{report:#?}");
    assert!(made.next.as_ref().is_some_and(|next| next.contains("token import")), "{made:?}");
    assert_eq!(ground.history().services_created.get("Lab"), Some(&1));
    // Without its token nothing more can be done, and it is not made again.
    ground.pass(HORIZON).await;
    ground.apply().await;
    assert_eq!(ground.history().services_created.get("Lab"), Some(&1));

    ground.portal(&json!([{"do": "downloadToken", "service": "Lab"}])).await;
    for _ in 0..2 {
        ground.pass(HORIZON).await;
        ground.apply().await;
    }
    let state = ground.state();
    let there = serials('N', 0..2).iter().all(|serial| ground.service_of(serial) == "Lab");
    assert!(there, "{state:#?}");
    assert_eq!(state.values().filter(|profile| *profile == "lone").count(), 2, "{state:#?}");
    assert_eq!(ground.rests().await, [""; 0]);

    // Renamed: the same service.
    ground.write(&of("Laboratory", "", &given));
    let report = ground.apply().await;
    assert!(report.exit_code() == 0 && report.is_complete(), "{report:#?}");
    assert!(ground.state().contains_key("service Laboratory"), "{:#?}", ground.state());
    assert_eq!(ground.history().services_created.len(), 1);
    assert_eq!(ground.rests().await, [""; 0]);

    // Deleted once its devices are elsewhere.
    let away = fleet::assignment("away", "  token: alpha\n", &serials('N', 0..2));
    let absent =
        of("Laboratory", "  state: absent\n", &away).replace(&fleet::direct_profile("lone", "lab"), "");
    ground.write(&absent);
    for _ in 0..2 {
        ground.apply().await;
        ground.pass(HORIZON).await;
    }
    assert_eq!(ground.history().services_deleted.len(), 1, "{:#?}", ground.state());
    assert!(serials('N', 0..2).iter().all(|serial| ground.service_of(serial) == "Alpha"));
    assert_eq!(ground.rests().await, [""; 0]);
}

/// Until when a device has to migrate, and how far that is.
fn migration(ground: &Ground, serial: &Serial) -> Option<String> {
    ground.sim.with_world(|world| {
        let here = world.organization(fleet::ORGANISATION).expect("an organisation");
        let one = here.roster.extras(serial)?.migration?;
        let at = jiff::Timestamp::from_second(one.deadline).expect("an instant");
        Some(format!("{} {}", one.status.as_str(), at))
    })
}

#[tokio::test]
async fn a_migration_is_asked_for_put_off_and_called_off() {
    let all = serials('M', 0..3);
    let mut devices = fleet::devices(&all, "iPad", Some("Foreign"));
    for device in &mut devices[..2] {
        device["migrates"] = json!(true);
    }
    let seed =
        fleet::seed_of(&["Alpha"], &[], &json!({"services": [{"name": "Foreign"}], "devices": devices}));
    let of = |deadline: Option<&str>| {
        let by = deadline.map_or(String::new(), |at| format!("  moveBy: {{deadline: '{at}'}}\n"));
        [
            fleet::head(AMPLE),
            fleet::token("alpha", "Alpha", "Alpha", ""),
            fleet::profile("pads", "alpha"),
            fleet::assignment("moving", &format!("  token: alpha\n  profile: pads\n{by}"), &all),
        ]
        .concat()
    };
    // Further ahead than Apple takes: nothing is sent.
    let ground = Ground::new(&of(Some("2027-06-01T09:00:00Z")), &seed, None).await;
    let report = ground.apply().await;
    assert!(report.exit_code() != 0 && ground.history().activities.is_empty(), "{report:#?}");

    ground.write(&of(Some("2026-12-01T09:00:00Z")));
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 6, "the third cannot migrate: {report:#?}");
    assert_eq!(migration(&ground, &all[0]).as_deref(), Some("REQUESTED 2026-12-01T09:00:00Z"));
    assert_eq!((ground.service_of(&all[0]), ground.service_of(&all[2])), ("Alpha".into(), "Foreign".into()));

    ground.write(&of(Some("2026-12-08T09:00:00Z")));
    ground.pass(HORIZON).await;
    ground.apply().await;
    assert_eq!(migration(&ground, &all[1]).as_deref(), Some("REQUESTED 2026-12-08T09:00:00Z"));
    assert!(ground.history().deadlines_changed.values().all(|count| *count == 1));
    assert_eq!(ground.history().deadlines_changed.len(), 2);

    // Taken out: the migration is called off, and the devices stay where they are pointed.
    ground.write(&of(None).replace(", DMPKM002LMF5", ""));
    ground.pass(HORIZON).await;
    let report = ground.apply().await;
    assert!(report.exit_code() == 0 && report.is_complete(), "{report:#?}");
    assert_eq!(ground.history().migrations_cancelled.len(), 2, "{report:#?}");
    assert_eq!((migration(&ground, &all[0]), ground.service_of(&all[0])), (None, "Alpha".into()));
    assert_eq!(ground.never(), [""; 0]);
    assert_eq!(ground.rests().await, [""; 0]);
}
