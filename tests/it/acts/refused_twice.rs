//! What was given up, asked for in another life, or told by nobody but a person: none of it is a way to a second
//! request, and what stops says the way out that there is.

use std::time::Duration;

use espalier::acts::{ActState, Leg, SafeguardKind};
use espalier::model::{SealedKind, Serial};
use serde_json::json;

use super::departments::two_departments;
use super::ground::{Ground, IPAD, IPHONE, SHARED, act, of, recipient};

const HAND_OVER: &str = "  physicallyInHand: true\n  options: {token: other, profile: lobby}\n";

#[tokio::test]
async fn a_hand_over_whose_document_went_is_cancelled_and_comes_back_with_no_commit() {
    let ground = two_departments(|_| {}).await;
    ground.asks("to-lobby", "handOver", &[IPAD], HAND_OVER);
    let report = ground.apply().await;
    assert_eq!(ground.state("to-lobby", IPAD), ActState::Sent, "{report:#?}");
    let document = std::fs::read_to_string(ground.folder().join("to-lobby.yaml")).expect("the document");
    ground.remove("to-lobby.yaml");
    let report = ground.apply().await;
    assert_eq!(of(&report, "to-lobby", IPAD).state, ActState::Cancelled);
    assert_eq!(ground.state("to-lobby", IPAD), ActState::Cancelled, "and it is written down");
    let report = ground.apply().await;
    assert!(report.acts.iter().all(|one| one.before.has_ended()), "it is told once: {:#?}", report.acts);
    ground.put("to-lobby.yaml", &document);
    for _ in 0..4 {
        ground.pass(Duration::from_secs(3600)).await;
        ground.apply().await;
    }
    assert_eq!((ground.deeds(IPAD, "wiped"), ground.requests(IPAD, "wipe")), (0, 0));
    assert_eq!(ground.state("to-lobby", IPAD), ActState::Cancelled);
}

#[tokio::test]
async fn a_hand_over_whose_time_is_over_ends_and_moves_nothing() {
    let ground = two_departments(|_| {}).await;
    ground.asks("to-lobby", "handOver", &[IPAD], &format!("{HAND_OVER}  expiresAfter: 3h\n"));
    ground.apply().await;
    assert_eq!(ground.state("to-lobby", IPAD), ActState::Sent);
    ground.pass(Duration::from_secs(3 * 3600)).await;
    let report = ground.apply().await;
    assert!(report.steps.is_empty(), "{:#?}", report.steps);
    let result = of(&report, "to-lobby", IPAD);
    assert!(result.evidence.contains("before the wipe"), "{result:#?}");
    assert_eq!(ground.state("to-lobby", IPAD), ActState::Expired);
    // It stands in nobody's way any more.
    ground.asks("stolen", "wipe", &[IPAD], "");
    let fleet = std::fs::read_to_string(ground.folder().join("fleet.yaml")).expect("the fleet");
    ground.put("fleet.yaml", &fleet.replace(&format!("[{IPHONE}, "), &format!("[{IPAD}, {IPHONE}, ")));
    let report = ground.apply().await;
    assert!(of(&report, "stolen", IPAD).sent, "{report:#?}");
}

#[tokio::test]
async fn a_release_is_for_the_life_at_the_mdm_in_which_it_was_asked_for() {
    let ground = two_departments(|tenant| {
        tenant.devices[1].enrolled_at = Some("2026-11-20T08:30:00Z".parse().expect("an instant"));
    })
    .await;
    ground.asks("sold", "release", &[IPHONE], "");
    let report = ground.apply().await;
    let result = of(&report, "sold", IPHONE);
    assert!(!result.sent && result.state == ActState::Superseded, "{result:#?}");
    assert_eq!((ground.state("sold", IPHONE), ground.deeds(IPHONE, "released")), (ActState::Superseded, 0));
}

#[tokio::test]
async fn a_release_waits_while_the_records_cannot_be_read() {
    let ground = two_departments(|_| {}).await;
    ground.asks("sold", "release", &[IPHONE], "");
    let id = ground
        .fault(json!({ "fault": "403", "operation": "deviceManagement.managedDevices.get", "times": 0 }));
    let report = ground.apply().await;
    assert!(ground.sim.fault_hits(&id).is_some_and(|hits| hits > 0));
    let result = of(&report, "sold", IPHONE);
    assert!(!result.sent && result.waits.is_some(), "{result:#?}");
    assert_eq!(ground.deeds(IPHONE, "released"), 0);
}

#[tokio::test]
async fn l4_a_code_sealed_to_people_who_left_is_sealed_anew_before_the_wipe() {
    let ground = Ground::new().await;
    ground.asks("kept", "escrowBypassCode", &[IPAD], "");
    ground.apply().await;
    let (_, other) = recipient();
    ground.put("other.pem", &String::from_utf8(other.to_pem().expect("a PEM")).expect("a text"));
    ground.fleet("  escrow: {recipients: [other.pem]}\n");
    ground.asks("stolen", "wipe", &[IPAD], "");
    let report = ground.apply().await;
    assert!(of(&report, "stolen", IPAD).sent, "{report:#?}");
    let book = ground.book();
    let wipe = book.act(&act("stolen", IPAD)).expect("an act").leg(Leg::Whole).expect("a promise").clone();
    assert_eq!(wipe.safeguard, SafeguardKind::Sealed);
    let serial = Serial::new(IPAD).expect("a serial");
    let rows: Vec<_> =
        book.sealed_of(&serial).iter().filter(|row| row.sealed.kind == SealedKind::BypassCode).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_ne!(rows[0].sealed.recipients, rows[1].sealed.recipients);
}

#[tokio::test]
async fn l4_a_code_sealed_to_people_who_left_that_is_shown_no_more_stops_the_wipe() {
    let ground = Ground::new().await;
    ground.asks("kept", "escrowBypassCode", &[IPAD], "");
    ground.apply().await;
    let (_, other) = recipient();
    ground.put("other.pem", &String::from_utf8(other.to_pem().expect("a PEM")).expect("a text"));
    ground.fleet("  escrow: {recipients: [other.pem]}\n");
    ground.portal(&json!([{ "do": "changeDevice", "serial": IPAD, "codeAvailable": false }])).await;
    ground.asks("stolen", "wipe", &[IPAD], "");
    let report = ground.apply().await;
    let result = of(&report, "stolen", IPAD);
    let stop = result.stop.as_ref().expect("it is stopped");
    assert!(stop.why.contains("nobody who is named"), "{stop:?}");
    assert_eq!(ground.requests(IPAD, "wipe"), 0);
    // Whoever has the key is named again.
    ground.fleet("  escrow: {recipients: [escrow.pem, other.pem]}\n");
    let report = ground.apply().await;
    assert!(of(&report, "stolen", IPAD).sent, "{report:#?}");
}

#[tokio::test]
async fn a_wipe_that_was_sent_is_followed_and_called_failed_by_nobody() {
    let ground = Ground::new().await;
    ground.portal(&json!([{ "do": "changeDevice", "serial": IPAD, "reach": "offline" }])).await;
    ground.asks("stolen", "wipe", &[IPAD], "");
    ground.apply().await;
    let before = ground.state("stolen", IPAD);
    assert!(matches!(before, ActState::Sent | ActState::Acknowledged), "{before}");
    let session = ground.session().await;
    let said = session.resolve_act(&act("stolen", IPAD), ActState::Failed, "anna", "it lies there");
    assert!(said.is_err());
    // What this ledger has not sent is no history either.
    ground.asks("again", "wipe", &[IPAD], "");
    let session = ground.session().await;
    let said = session.resolve_act(&act("again", IPAD), ActState::Done, "anna", "no need");
    assert!(said.is_err());
    ground.apply().await;
    assert_eq!((ground.state("stolen", IPAD), ground.requests(IPAD, "wipe")), (before, 1));
}

#[tokio::test]
async fn a_limit_is_no_dead_end_and_says_so() {
    let escrow = "  escrow: {recipients: [escrow.pem]}\n";
    let ground = Ground::new().await;
    ground.fleet(&format!("{escrow}  limits: {{wipe: {{count: 2}}}}\n"));
    ground.apply().await;
    ground.asks("carts", "wipe", &[IPAD, IPHONE, SHARED], "");
    let report = ground.apply().await;
    let result = of(&report, "carts", IPAD);
    assert!(result.stop.is_some() && !result.sent, "{result:#?}");
    // A raised limit is for what is seen after it was applied.
    ground.fleet(&format!("{escrow}  limits: {{wipe: {{count: 10}}}}\n"));
    ground.apply().await;
    let report = ground.apply().await;
    let result = of(&report, "carts", IPAD);
    let next = result.next.clone().expect("the way out");
    assert!(result.stop.is_some() && next.contains("take devices out of its document"), "{result:#?}");
    assert!(next.contains("under a new name once a raised Fleet.limits.wipe was applied"), "{next}");
    ground.asks("carts", "wipe", &[IPAD, IPHONE], "");
    let report = ground.apply().await;
    for serial in [IPAD, IPHONE] {
        assert!(of(&report, "carts", serial).sent, "{report:#?}");
    }
    assert_eq!(ground.state("carts", SHARED), ActState::Cancelled);
    // And by the raised limit under a new name.
    ground.asks("the-third", "wipe", &[SHARED], "");
    let report = ground.apply().await;
    assert!(of(&report, "the-third", SHARED).sent, "{report:#?}");
}

#[tokio::test]
async fn l4_a_code_that_was_shown_and_not_sealed_is_told_before_and_after() {
    let ground = two_departments(|_| {}).await;
    let fleet = std::fs::read_to_string(ground.folder().join("fleet.yaml")).expect("the fleet");
    ground.put("fleet.yaml", &fleet.replace("  escrow: {recipients: [escrow.pem]}\n", ""));
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "NONE" }])).await;
    ground.asks("stolen", "wipe", &[IPHONE], "");
    let (session, prepared) = ground.prepare().await;
    let planned = prepared.plan.acts.iter().find(|one| one.id == act("stolen", IPHONE)).expect("an act");
    assert!(planned.is_unsealable(), "{planned:#?}");
    let progress = espalier::progress::NoProgress;
    let report = session.execute(prepared, &progress).await.expect("a ledger that can be written");
    let result = of(&report, "stolen", IPHONE);
    let warning = result.warning.as_ref().expect("a warning");
    assert!(result.sent && warning.contains("could not be sealed"), "{result:#?}");
    assert!(result.next.as_ref().is_none_or(|next| !next.contains("escrow reveal")), "{result:#?}");
}
