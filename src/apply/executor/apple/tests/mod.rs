//! The life of activities against a played organisation.

mod crash;
mod played;
mod services;

use std::collections::BTreeMap;

use played::{Ground, Played, Trouble as Fault};

use super::super::super::report::{ItemCounts, StepOutcome};
use crate::ledger::{Event, IntentState};
use crate::model::Serial;
use crate::model::live::Cause;
use crate::plan::ServiceAction;

fn serials(texts: &[&str]) -> Vec<Serial> {
    texts.iter().map(|text| Serial::new(text).unwrap()).collect()
}

/// Moves A0, B1, C2 from service F1 to F2, with what is set on the organisation beforehand.
async fn moved(set: impl FnOnce(&Played)) -> (Ground, StepOutcome, ItemCounts) {
    let ground = Ground::new();
    ground.org.put("F1", &["A0", "B1", "C2"]);
    set(&ground.org);
    let step = ground.assign("F2", &[("F1", &["A0", "B1", "C2"])], "");
    let (outcome, items) = ground.run_one(&step).await;
    (ground, outcome, items)
}

#[tokio::test]
async fn a_move_is_one_post_one_look_and_each_list_once() {
    let (ground, outcome, items) = moved(|_| {}).await;
    assert_eq!((outcome, items.committed), (StepOutcome::Committed, 3));
    assert_eq!(ground.org.calls(), "begin look linkage:F1 linkage:F2");
    assert_eq!(ground.org.at("F2"), serials(&["A0", "B1", "C2"]));
    let view = ground.view();
    assert!(view.unsettled.is_empty());
    let [activity] = view.apple.activities.values().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(activity.ended.as_ref().unwrap().state, "COMPLETED, COMPLETED_WITH_SUCCESS");
}

#[tokio::test]
async fn the_name_of_an_activity_is_written_with_the_end_of_its_intent_before_it_is_asked_for() {
    let (ground, ..) = moved(|org| org.polls(3)).await;
    let rows = ground.ledger.journal(9).unwrap();
    let told: Vec<&str> = rows.iter().map(|row| row.text.split(' ').next().unwrap()).collect();
    assert_eq!(told[1..], ["EnrollmentToken/two", "intent", "intent", "activity"], "{rows:?}");
    assert_eq!(rows[2].at, rows[3].at);
    assert!(ground.org.calls().starts_with("begin look look look linkage"));
    let first_look = ground.org.first_look().unwrap();
    assert!(rows[3].at < first_look, "by the clock it was there before");
}

#[tokio::test]
async fn steps_of_one_destination_go_into_one_activity_and_a_thousand_devices_are_its_most() {
    let ground = Ground::new();
    let names: Vec<String> = (0..1500).map(|at| format!("S{at:05}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    ground.org.put("F1", &all);
    let safe = ground.assign("F2", &[("F1", &all[..700])], "");
    let disruptive = ground.assign("F2", &[("F1", &all[700..])], "");
    let mut disruptive = disruptive;
    disruptive.id.push_str(" foreign");
    let results = ground.run(&[&safe, &disruptive]).await;
    assert_eq!(ground.org.posts(), 2, "{}", ground.org.calls());
    assert_eq!(results.iter().map(|(_, items)| items.committed).collect::<Vec<_>>(), [700, 800]);
    assert_eq!(ground.org.at("F2").len(), 1500);
}

#[tokio::test]
async fn a_thousand_devices_over_six_services_are_six_posts_six_looks_and_six_lists() {
    let ground = Ground::new();
    let services = ["F1", "F2", "F3", "F4", "F5", "F6"];
    let names: Vec<Vec<String>> =
        (0..6).map(|of| (0..167).map(|at| format!("S{of}{at:05}")).collect()).collect();
    let mut steps = Vec::new();
    for (of, devices) in names.iter().enumerate() {
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        ground.org.put(services[of], &devices);
        steps.push(ground.assign(services[(of + 1) % 6], &[(services[of], &devices)], ""));
    }
    let results = ground.run(&steps.iter().collect::<Vec<_>>()).await;
    assert!(results.iter().all(|(outcome, _)| *outcome == StepOutcome::Committed), "{results:?}");
    let calls = ground.org.calls();
    let count = |word: &str| calls.split(' ').filter(|call| call.starts_with(word)).count();
    assert_eq!([count("begin"), count("look"), count("linkage")], [6, 6, 6], "{calls}");
    // Each list once; all are posted before any is looked at.
    assert!(calls.starts_with("begin begin begin begin begin begin look"), "{calls}");
}

#[tokio::test]
async fn rows_with_issues_are_told_in_apples_words_and_the_lists_are_believed_first() {
    // C2 is told with an issue although it arrives.
    let (ground, outcome, items) = moved(|org| {
        org.issue("B1", "ISSUE: DEVICE_NOT_FOUND", false);
        org.issue("C2", "ISSUE: ALREADY_ASSIGNED", true);
    })
    .await;
    let StepOutcome::Failed { cause: Cause::Refused, reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("1 device: ISSUE: DEVICE_NOT_FOUND"), "{reason}");
    assert_eq!((items.committed, items.failed), (2, serials(&["B1"])));
    let view = ground.view();
    let ended = view.apple.activities.values().next().unwrap().ended.clone().unwrap();
    assert_eq!(ended.issues.len(), 2);
    assert!(ended.state.contains("COMPLETED_WITH_FAILURE"));
}

#[tokio::test]
async fn without_a_log_the_lists_alone_tell() {
    let (_, outcome, items) = moved(|org| org.no_log()).await;
    assert_eq!((outcome, items.committed), (StepOutcome::Committed, 3));
    let (_, outcome, items) = moved(|org| {
        org.no_log();
        org.issue("B1", "ISSUE", false);
    })
    .await;
    assert!(matches!(&outcome, StepOutcome::Failed { reason, .. } if reason.contains("does not tell of it")));
    assert_eq!((items.committed, items.failed), (2, serials(&["B1"])));
}

#[tokio::test]
async fn of_a_stopped_activity_the_lists_tell_what_it_did() {
    let (ground, outcome, items) = moved(|org| org.break_off(2)).await;
    assert!(
        matches!(&outcome, StepOutcome::Failed { reason, .. } if reason.contains("STOPPED")),
        "{outcome:?}"
    );
    assert_eq!((items.committed, items.failed.len()), (2, 1));
    assert_eq!(ground.org.posts(), 1, "nothing is sent again");
}

#[tokio::test]
async fn lists_that_lag_are_read_again_and_only_those() {
    let (ground, outcome, _) = moved(|org| org.lag(20)).await;
    assert_eq!(outcome, StepOutcome::Committed);
    assert_eq!(ground.org.calls().matches("linkage:F2").count(), 3, "{}", ground.org.calls());
    let (_, outcome, items) = moved(|org| org.lag(100_000)).await;
    assert!(matches!(&outcome, StepOutcome::Unconfirmed { reason } if reason.contains("do not show it yet")));
    assert_eq!((items.committed, items.waiting.len()), (0, 3));
}

#[tokio::test]
async fn an_activity_that_runs_longer_than_the_wait_is_told_and_stays_open_in_the_ledger() {
    let (ground, outcome, items) = moved(|org| org.polls(1000)).await;
    assert!(
        matches!(&outcome, StepOutcome::Unconfirmed { reason } if reason.contains("has not ended")),
        "{outcome:?}"
    );
    assert_eq!(items.waiting.len(), 3);
    assert_eq!(ground.view().apple.open_activities("org").count(), 1);
    assert!(!ground.org.calls().contains("linkage"));
    // Its devices are kept from every other one.
    let again = ground.assign("F3", &[("F1", &["A0", "D4"])], "");
    ground.org.put("F1", &["D4"]);
    ground.org.polls(1);
    let (outcome, items) = ground.run_one(&again).await;
    assert!(
        matches!(&outcome, StepOutcome::Pending { reason, .. } if reason.contains("an earlier activity has 1"))
    );
    assert_eq!((items.committed, items.waiting), (1, serials(&["A0"])));
}

#[tokio::test]
async fn what_the_budget_has_no_room_for_is_pending_with_its_time_and_the_rest_goes_on() {
    let ground = Ground::new();
    ground.org.put("F1", &["A0", "B1", "C2"]);
    ground.org.room_for(1);
    let steps = [
        ground.assign("F2", &[("F1", &["A0"])], ""),
        ground.assign("F3", &[("F1", &["B1"])], ""),
        ground.assign("F4", &[("F1", &["C2"])], ""),
    ];
    let results = ground.run(&steps.iter().collect::<Vec<_>>()).await;
    assert_eq!(results[0].0, StepOutcome::Committed);
    for (outcome, items) in &results[1..] {
        let StepOutcome::Pending { until: Some(until), .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(*until, ground.org.next_room());
        assert_eq!(items.waiting.len(), 1);
    }
    assert_eq!(ground.org.posts(), 2, "the third is not even tried");
    assert!(ground.view().unsettled.is_empty());
}

#[tokio::test]
async fn what_is_refused_or_not_sent_has_no_effect_and_leaves_no_promise() {
    let (ground, outcome, items) = moved(|org| org.trouble(&[Fault::Refused])).await;
    assert!(
        matches!(&outcome, StepOutcome::Failed { reason, .. } if reason.contains("played")),
        "{outcome:?}"
    );
    assert_eq!((items.committed, items.waiting.len(), ground.org.posts()), (0, 3, 1));
    assert!(ground.view().unsettled.is_empty() && ground.view().apple.activities.is_empty());
}

#[tokio::test]
async fn after_a_lost_answer_nothing_is_sent_within_the_horizon_and_one_more_only_where_it_had_no_effect() {
    for (faults, posts, committed) in [
        (&[Fault::LostAfter][..], 1, 3),
        (&[Fault::LostBefore], 2, 3),
        (&[Fault::LostBefore, Fault::LostBefore], 2, 0),
    ] {
        let (ground, outcome, items) = moved(|org| org.trouble(faults)).await;
        assert_eq!((ground.org.posts(), items.committed), (posts, committed), "{faults:?} {outcome:?}");
        match committed {
            3 => {
                assert_eq!(outcome, StepOutcome::Committed, "{faults:?}");
                assert!(ground.view().unsettled.is_empty());
                let apart = ground.org.times_of_posts();
                if let [first, second] = apart[..] {
                    let minutes = crate::model::clock::between(first, second).as_secs() / 60;
                    assert!(minutes >= 15, "{minutes}");
                }
            }
            _ => {
                assert!(matches!(outcome, StepOutcome::Unknown { .. }), "{outcome:?}");
                let [intent] = &ground.view().unsettled[..] else { panic!() };
                assert_eq!(intent.state, IntentState::Unknown);
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_stays_unknown_where_the_wait_does_not_reach_the_horizon() {
    let mut ground = Ground::new();
    ground.wait = std::time::Duration::from_secs(300);
    ground.org.put("F1", &["A0"]);
    ground.org.trouble(&[Fault::LostBefore]);
    let (outcome, items) = ground.run_one(&ground.assign("F2", &[("F1", &["A0"])], "")).await;
    assert!(matches!(outcome, StepOutcome::Unknown { .. }), "{outcome:?}");
    assert_eq!((ground.org.posts(), items.unknown), (1, serials(&["A0"])));
    assert!(ground.org.calls().ends_with("begin"), "{}", ground.org.calls());
}

#[tokio::test]
async fn devices_that_are_taken_off_are_counted_by_the_limits() {
    let ground = Ground::new();
    ground.org.put("F1", &["A0", "B1", "C2"]);
    ground.org.issue("B1", "ISSUE", false);
    let step = ground
        .step(ServiceAction::Unassign { id: "F1".to_owned().into(), serials: serials(&["A0", "B1", "C2"]) });
    let (_, items) = ground.run_one(&step).await;
    assert_eq!((items.committed, items.failed), (2, serials(&["B1"])));
    assert_eq!(ground.view().destroyed.iter().map(|(.., count)| *count).sum::<u64>(), 2);
}

#[tokio::test]
async fn migrations_are_remembered_when_they_are_asked_for_and_forgotten_where_apple_refuses() {
    let ground = Ground::new();
    ground.org.put("F1", &["A0", "B1"]);
    ground.org.issue("B1", "ISSUE: NOT_CAPABLE", false);
    let deadline = "2027-01-01T00:00:00Z";
    let (_, items) = ground.run_one(&ground.assign("F2", &[("F1", &["A0", "B1"])], deadline)).await;
    assert_eq!((items.committed, items.failed), (1, serials(&["B1"])));
    let asked: BTreeMap<_, _> = ground.view().apple.migrations.remove("org").unwrap();
    assert_eq!(asked.keys().copied().collect::<Vec<_>>(), serials(&["A0"]));
    assert_eq!(asked.values().next().unwrap().deadline.to_string(), deadline);
    assert_eq!(asked.values().next().unwrap().assignment.as_str(), "kiosks");

    let later: crate::model::clock::Timestamp = "2027-02-01T00:00:00Z".parse().unwrap();
    let update = ServiceAction::UpdateDeadline { deadline: later, serials: serials(&["A0"]) };
    let (outcome, _) = ground.run_one(&ground.step(update)).await;
    assert_eq!(outcome, StepOutcome::Committed);
    assert_eq!(ground.view().apple.migrations["org"].values().next().unwrap().deadline, later);

    let cancel = ServiceAction::CancelMigration { serials: serials(&["A0"]) };
    let (outcome, _) = ground.run_one(&ground.step(cancel)).await;
    assert_eq!(outcome, StepOutcome::Committed);
    assert!(ground.view().apple.migrations.is_empty());
    assert!(ground.org.calls().ends_with("begin look begin look"), "no list tells of deadlines");
}

#[tokio::test]
async fn a_run_that_is_told_to_end_sends_no_further_activity() {
    let ground = Ground::new();
    ground.org.put("F1", &["A0"]);
    ground.stop();
    let (outcome, _) = ground.run_one(&ground.assign("F2", &[("F1", &["A0"])], "")).await;
    assert!(matches!(&outcome, StepOutcome::Pending { reason, .. } if reason.contains("interrupted")));
    assert_eq!(ground.org.calls(), "");
    assert_eq!(ground.ledger.journal(9).unwrap().len(), 1);
}

#[tokio::test]
async fn lists_that_cannot_be_read_leave_the_devices_unknown_and_nothing_is_called_gone() {
    let (_, outcome, items) = moved(|org| org.unreadable("F2")).await;
    assert!(
        matches!(&outcome, StepOutcome::Unconfirmed { reason } if reason.contains("could not be read back"))
    );
    assert_eq!((items.committed, items.unknown.len(), items.failed.len()), (0, 3, 0));
}

#[test]
fn what_ended_is_told_in_apples_words() {
    use crate::model::organisation::ActivityState;
    let about = super::batch::About {
        tenant: "org",
        address: &crate::model::Address::token(&crate::model::Name::new("two").unwrap()),
        write: "unassignService",
        serials: &serials(&["A0", "B1"]),
    };
    let id = crate::model::ActivityId("b1".to_owned());
    let events = about.ended(&id, &ActivityState::Broken("FAILED, PROCESSING".to_owned()), &[]);
    let [Event::ActivityEnded { state, .. }, Event::Destroyed { count: 2, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(state, "FAILED, PROCESSING");
}
