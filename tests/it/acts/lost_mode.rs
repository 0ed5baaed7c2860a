//! What needs lost mode waits for it, is done once it is on, and once.

use std::time::Duration;

use espalier::acts::ActState;
use espalier::model::SealedKind;
use serde_json::json;

use super::ends::ends;
use super::ground::{Ground, IPAD, IPHONE, MAC, of};
use super::sealing::opened;

/// Each action with the words of its request and its deed.
const ACTIONS: [(&str, &str, &str); 3] = [
    ("locate", "locateDevice", "located"),
    ("playSound", "playLostModeSound", "soundPlayed"),
    ("disableLostMode", "disableLostMode", "lostModeOff"),
];

/// A device on which a person switched lost mode on.
async fn lost(ground: &Ground, serial: &str) {
    ground.portal(&json!([{ "do": "requestAction", "device": serial, "action": "enableLostMode" }])).await;
    ground.pass(Duration::from_secs(120)).await;
}

#[tokio::test]
async fn what_needs_lost_mode_waits_for_it_and_is_then_done_once() {
    for (action, request, deed) in ACTIONS {
        let ground = Ground::new().await;
        ground.asks("one", action, &[IPAD], "");
        for _ in 0..2 {
            let report = ground.apply().await;
            let result = of(&report, "one", IPAD);
            assert_eq!((result.state, result.sent), (ActState::Waiting, false), "{action}: {result:#?}");
            let waits = result.waits.as_ref().map(|waits| waits.why.clone()).unwrap_or_default();
            assert!(waits.contains("lost mode"), "{action}: {result:#?}");
            assert_eq!(report.exit_code(), 0, "waiting is no failure: {report:#?}");
        }
        assert_eq!(ground.requests(IPAD, request), 0);
        lost(&ground, IPAD).await;
        ends(&ground, "one", IPAD, deed).await;
        assert_eq!(ground.requests(IPAD, request), 1, "{action}");
    }
}

#[tokio::test]
async fn lost_mode_and_what_needs_it_stand_in_one_folder() {
    let ground = Ground::new().await;
    ground.asks("on", "enableLostMode", &[IPAD], "  options: {message: Lost, phoneNumber: '+49 30 1'}\n");
    ground.asks("where", "locate", &[IPAD], "");
    for _ in 0..3 {
        ground.apply().await;
    }
    for (name, deed) in [("on", "lostModeOn"), ("where", "located")] {
        assert_eq!((ground.state(name, IPAD), ground.deeds(IPAD, deed)), (ActState::Done, 1), "{name}");
    }
}

#[tokio::test]
async fn where_a_device_is_stands_sealed_in_the_ledger_and_nowhere_else() {
    let ground = Ground::new().await;
    lost(&ground, IPAD).await;
    ground.asks("where", "locate", &[IPAD], "");
    let report = ground.apply().await;
    let result = of(&report, "where", IPAD);
    assert_eq!(result.state, ActState::Done, "{result:#?}");
    assert!(result.evidence.contains("sealed"), "{result:#?}");
    let place = opened(&ground, IPAD, SealedKind::Location);
    let numbers: Vec<&str> =
        place.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|part| part.len() > 6).collect();
    assert!(!numbers.is_empty(), "a place has numbers: {place}");
    for number in numbers {
        assert!(!format!("{report:?}").contains(number), "{number}");
        assert_eq!(ground.holding(number), Vec::<std::path::PathBuf>::new(), "{number}");
    }
}

#[tokio::test]
async fn a_device_that_does_not_say_where_it_is_has_been_asked_once_all_the_same() {
    let ground = Ground::with(|tenant| {
        let habits = json!({ "results": "withoutSecrets" });
        tenant.devices[0].habits = serde_json::from_value(habits).expect("habits");
    })
    .await;
    lost(&ground, IPAD).await;
    ground.asks("where", "locate", &[IPAD], "");
    ends(&ground, "where", IPAD, "located").await;
    assert_eq!(ground.book().sealed().count(), 0);
    let book = ground.book();
    let evidence = &book.act(&super::ground::act("where", IPAD)).expect("an act").evidence;
    assert!(evidence.contains("shows no"), "{evidence}");
}

#[tokio::test]
async fn what_a_lost_device_refuses_has_failed_and_is_not_repeated() {
    for (action, request, deed) in ACTIONS {
        let ground = Ground::with(|tenant| {
            let habits = json!({ "fails": { request: "before" } });
            tenant.devices[1].habits = serde_json::from_value(habits).expect("habits");
        })
        .await;
        ground.apply().await;
        lost(&ground, IPHONE).await;
        ground.asks("one", action, &[IPHONE], "");
        let report = ground.apply().await;
        assert_eq!(of(&report, "one", IPHONE).state, ActState::Failed, "{action}: {report:#?}");
        assert_eq!(report.exit_code(), 1);
        ground.pass(Duration::from_secs(3600)).await;
        ground.apply().await;
        assert_eq!((ground.requests(IPHONE, request), ground.deeds(IPHONE, deed)), (1, 0), "{action}");
    }
}

#[tokio::test]
async fn r2_what_needs_lost_mode_is_refused_where_there_is_none() {
    let ground = Ground::new().await;
    for (action, ..) in ACTIONS {
        ground.asks(&action.to_lowercase(), action, &[MAC], "");
    }
    let report = ground.apply().await;
    for (action, request, _) in ACTIONS {
        let stop = of(&report, &action.to_lowercase(), MAC).stop.clone().expect("it is stopped");
        assert_eq!(stop.row.as_deref(), Some("R-2"), "{action}: {stop:?}");
        assert_eq!(ground.requests(MAC, request), 0);
    }
    assert_eq!(report.exit_code(), 4);
}

#[tokio::test]
async fn lost_mode_that_never_comes_lets_what_waits_for_it_expire() {
    let ground = Ground::new().await;
    ground.asks("where", "locate", &[IPAD], "  expiresAfter: 2d\n");
    ground.apply().await;
    ground.pass(Duration::from_secs(2 * 86_400)).await;
    ground.apply().await;
    assert_eq!(ground.state("where", IPAD), ActState::Expired);
    lost(&ground, IPAD).await;
    ground.apply().await;
    assert_eq!(ground.requests(IPAD, "locateDevice"), 0);
}
