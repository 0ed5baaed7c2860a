//! Hand-overs in their checkpoints, and releases: Apple Business, token and Intune in one act.

use std::time::Duration;

use espalier::acts::ActState;
use serde_json::json;

use super::departments::{self, two_departments};
use super::ground::{IPAD, IPHONE, of};

#[tokio::test]
async fn a7_a_device_is_handed_over_unlocked_wiped_once_and_confirmed() {
    let ground = two_departments(|_| {}).await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPAD], "lock": "USER" }])).await;
    ground.asks("to-lobby", "handOver", &[IPAD], departments::TO_LOBBY);
    let mut last = None;
    for _ in 0..12 {
        let report = ground.apply().await;
        let done = report.acts.iter().any(|act| act.state == ActState::Done);
        last = Some(report);
        if done {
            break;
        }
        ground.pass(Duration::from_secs(3600)).await;
    }
    let report = last.expect("a report");
    assert_eq!(of(&report, "to-lobby", IPAD).state, ActState::Done, "{:#?}", report);
    assert_eq!(ground.deeds(IPAD, "wiped"), 1);
    let world = ground.world();
    let deeds = &world["history"]["devices"][IPAD]["deeds"];
    let wiped =
        deeds.as_array().and_then(|all| all.iter().find(|one| one["what"] == "wiped")).expect("a wipe");
    assert_eq!((&wiped["lock"], &wiped["codeRead"]), (&json!("NONE"), &json!(true)), "{deeds}");
}

#[tokio::test]
async fn a7_a_release_is_for_an_unlocked_device_and_takes_place_once() {
    let ground = two_departments(|_| {}).await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "USER" }])).await;
    ground.asks("sold", "release", &[IPHONE], "");
    let report = ground.apply().await;
    let result = of(&report, "sold", IPHONE);
    assert!(!result.sent && result.stop.is_some(), "{result:#?}");
    assert_eq!(ground.deeds(IPHONE, "released"), 0);
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "NONE" }])).await;
    let report = ground.apply().await;
    assert_eq!(of(&report, "sold", IPHONE).state, ActState::Done, "{:#?}", report.acts);
    assert_eq!(ground.deeds(IPHONE, "released"), 1);
    ground.apply().await;
    assert_eq!(ground.deeds(IPHONE, "released"), 1);
}
