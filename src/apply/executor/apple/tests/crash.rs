//! A run that dies at any call, with and without the effect of that call, and the runs after it.

use std::collections::BTreeMap;

use super::super::super::super::recover;
use super::played::Ground;
use super::serials;
use crate::model::Name;
use crate::model::clock::after;
use crate::model::live::Live;

/// Takes up what a run left, as every run does before it plans: activities are followed, lost answers
/// looked up in what is read.
async fn take_up(ground: &Ground) {
    use crate::model::clock::{Clock as _, between};
    ground.follow().await;
    if let Some(until) = recover::unknown_until(&ground.view()) {
        ground.org.sleep(between(ground.org.now(), until)).await;
    }
    let organisations = BTreeMap::from([(Name::new("acme").unwrap(), ground.org.live())]);
    let live = Live { organisations, ..Live::default() };
    let now = ground.org.now();
    let (view, recovery) = recover::recover(&ground.view(), &live, &BTreeMap::new(), now);
    ground.ledger.settle(ground.lease(), now, &recovery.settled, &recovery.events).unwrap();
    assert_eq!(view.unsettled, ground.view().unsettled);
    assert_eq!(view.apple, ground.view().apple, "the view is what the ledger becomes");
}

#[tokio::test]
async fn a_run_that_dies_at_any_call_is_finished_by_the_next_and_no_device_is_moved_twice() {
    for after_effect in [false, true] {
        for call in 0.. {
            let mut ground = Ground::new();
            ground.org.put("F1", &["A0", "B1", "C2"]);
            ground.org.polls(2);
            ground.org.die_at(call, after_effect);
            let dead = ground.org.died();
            let first = [
                ground.assign("F2", &[("F1", &["A0", "B1"])], ""),
                ground.assign("F3", &[("F1", &["C2"])], ""),
            ];
            let both = [&first[0], &first[1]];
            let finished = tokio::select! {
                biased;
                results = ground.run(&both) => Some(results),
                () = dead.notified() => None,
            };
            if let Some(results) = finished {
                // Every call of an undisturbed run was tried.
                assert!(call >= 8, "{} calls: {results:?}", ground.org.calls());
                break;
            }
            ground.org.revive();
            ground.next_run();
            take_up(&ground).await;
            // What is still elsewhere is planned again.
            let is_left = |serial: &&str| ground.org.at("F1").contains(&serials(&[*serial])[0]);
            let to_two: Vec<&str> = ["A0", "B1"].iter().filter(|one| is_left(one)).copied().collect();
            let to_three: Vec<&str> = ["C2"].iter().filter(|one| is_left(one)).copied().collect();
            let mut steps = Vec::new();
            if !to_two.is_empty() {
                steps.push(ground.assign("F2", &[("F1", &to_two)], ""));
            }
            if !to_three.is_empty() {
                steps.push(ground.assign("F3", &[("F1", &to_three)], ""));
            }
            let results = ground.run(&steps.iter().collect::<Vec<_>>()).await;
            let at = format!("call {call}, after its effect: {after_effect}: {results:?}");
            assert_eq!(ground.org.at("F2"), serials(&["A0", "B1"]), "{at}");
            assert_eq!(ground.org.at("F3"), serials(&["C2"]), "{at}");
            assert_eq!(ground.org.most_moves(), 1, "{at}");
            let view = ground.view();
            assert!(view.unsettled.is_empty(), "{at}");
            assert_eq!(view.apple.open_activities("org").count(), 0, "{at}");
        }
    }
}

#[tokio::test]
async fn within_the_horizon_a_later_run_sends_nothing_for_devices_of_a_lost_answer() {
    let mut ground = Ground::new();
    ground.org.put("F1", &["A0", "B1"]);
    ground.org.die_at(0, true);
    let dead = ground.org.died();
    let step = ground.assign("F2", &[("F1", &["A0"])], "");
    tokio::select! {
        _ = ground.run_one(&step) => panic!("it died"),
        () = dead.notified() => {}
    }
    ground.org.revive();
    ground.next_run();
    let again = ground.assign("F2", &[("F1", &["A0", "B1"])], "");
    let (_, items) = ground.run_one(&again).await;
    assert_eq!((items.committed, items.waiting), (1, serials(&["A0"])));
    assert_eq!(ground.org.most_moves(), 1);
    let until = recover::unknown_until(&ground.view()).unwrap();
    let horizon = std::time::Duration::from_secs(15 * 60);
    assert_eq!(until, after(ground.view().unsettled[0].since, horizon));
}

#[tokio::test]
async fn an_activity_of_an_earlier_run_is_followed_to_its_end_with_its_issues() {
    let mut ground = Ground::new();
    ground.wait = std::time::Duration::from_secs(1);
    ground.org.put("F1", &["A0", "B1"]);
    ground.org.issue("B1", "ISSUE: LOCKED", false);
    ground.org.polls(4);
    ground.run_one(&ground.assign("F2", &[("F1", &["A0", "B1"])], "")).await;
    assert_eq!(ground.view().apple.open_activities("org").count(), 1);
    ground.next_run();
    ground.wait = std::time::Duration::from_secs(600);
    assert!(ground.follow().await);
    let view = ground.view();
    let ended = view.apple.activities.values().next().unwrap().ended.clone().unwrap();
    assert_eq!(ended.issues, [(serials(&["B1"])[0], "ISSUE: LOCKED".to_owned())]);
    assert!(!ground.follow().await, "nothing is left to follow");
}
