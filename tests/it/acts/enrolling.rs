//! `escrow.onEnrollment`: the code of each device is read and sealed once in each of its lives.

use std::collections::BTreeMap;
use std::time::Duration;

use espalier::model::{SealedKind, Serial};
use serde_json::json;

use super::ground::{Ground, IPAD, IPHONE, MAC, SHARED, device};
use super::sealing::opened;

type Calls = BTreeMap<String, i64>;

const HOUR: Duration = Duration::from_secs(3600);
const ESCROW: &str = "  escrow: {recipients: [escrow.pem], onEnrollment: true}\n";

/// What one apply asks of the records, and what it sealed: codes, devices without one, failures.
async fn apply(ground: &Ground) -> (Calls, (usize, usize, usize)) {
    ground.forget_calls();
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let mut calls = ground.calls();
    calls.retain(|name, _| name.contains("records") || name == "$batch");
    let escrow = report.escrow.expect("codes are looked after");
    (calls, (escrow.sealed, escrow.none, escrow.failed))
}

fn calls<const N: usize>(all: [(&str, i64); N]) -> Calls {
    all.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

fn code(ground: &Ground, serial: &str) -> String {
    let serial = Serial::new(serial).expect("a serial");
    ground.sim.with_world(|world| world.bypass_code(&serial)).expect("a code")
}

/// How often the service gave the code of a device away.
fn reads(ground: &Ground, serial: &str) -> usize {
    ground.world()["history"]["devices"][serial]["codeReads"].as_array().map_or(0, Vec::len)
}

/// The tenant as its documents wish it, before anything is sealed early.
async fn settled(ground: &Ground) {
    ground.apply().await;
    ground.fleet(ESCROW);
}

/// The list of records, once: what every apply with this switch costs.
fn list() -> Calls {
    calls([("records.get", 1)])
}

#[tokio::test]
async fn l4_the_code_of_each_life_is_read_once_and_sealed() {
    let ground = Ground::new().await;
    settled(&ground).await;
    // Four devices: twenty codes share a call.
    let wanted = calls([("$batch", 1), ("$batch/records.item.get", 4), ("records.get", 1)]);
    assert_eq!(apply(&ground).await, (wanted, (4, 0, 0)));
    for serial in [IPAD, IPHONE, MAC, SHARED] {
        assert_eq!(opened(&ground, serial, SealedKind::BypassCode), code(&ground, serial));
    }
    for _ in 0..3 {
        ground.pass(12 * HOUR).await;
        assert_eq!(apply(&ground).await, (list(), (0, 0, 0)), "never again in this life");
    }
    // A new life has a new code; it is that device's alone that is read.
    ground.portal(&json!([{ "do": "setUpDevice", "serial": IPHONE }])).await;
    let wanted = calls([("records.get", 1), ("records.item.get", 1)]);
    assert_eq!(apply(&ground).await, (wanted, (1, 0, 0)));
    assert_eq!(apply(&ground).await, (list(), (0, 0, 0)));
    assert_eq!((reads(&ground, IPHONE), reads(&ground, IPAD)), (2, 1));
    let serial = Serial::new(IPHONE).expect("a serial");
    let book = ground.book();
    let lives: Vec<_> = book.sealed_of(&serial).iter().map(|row| row.epoch.clone()).collect();
    assert!(lives.len() == 2 && lives[0] != lives[1], "{lives:?}");
}

#[tokio::test]
async fn l7_a_device_that_shows_no_code_is_left_alone_for_a_day() {
    let ground = Ground::with(|tenant| tenant.devices[0].code_available = Some(false)).await;
    settled(&ground).await;
    let wanted = calls([("$batch", 1), ("$batch/records.item.get", 4), ("records.get", 1)]);
    assert_eq!(apply(&ground).await, (wanted, (3, 1, 0)));
    for _ in 0..3 {
        ground.pass(6 * HOUR).await;
        assert_eq!(apply(&ground).await, (list(), (0, 0, 0)));
    }
    ground.pass(7 * HOUR).await;
    let once_more = calls([("records.get", 1), ("records.item.get", 1)]);
    assert_eq!(apply(&ground).await, (once_more.clone(), (0, 1, 0)), "after a day it is asked again");
    ground.pass(HOUR).await;
    assert_eq!(apply(&ground).await, (list(), (0, 0, 0)));
    // Somebody allows Activation Lock: it is sealed at the next turn, and not asked for any more.
    ground.portal(&json!([{ "do": "changeDevice", "serial": IPAD, "codeAvailable": true }])).await;
    ground.pass(24 * HOUR).await;
    assert_eq!(apply(&ground).await, (once_more, (1, 0, 0)));
    assert_eq!(opened(&ground, IPAD, SealedKind::BypassCode), code(&ground, IPAD));
    ground.pass(25 * HOUR).await;
    assert_eq!(apply(&ground).await, (list(), (0, 0, 0)));
}

#[tokio::test]
async fn l4_twenty_codes_share_a_call_and_the_unsupervised_are_not_asked() {
    let ground = Ground::with(|tenant| {
        for number in 1..=41 {
            let mut one = device(&format!("DMPCCCCCCC{number:02}"), "iPad", "iPad (10th generation)");
            // Of the four that are there anyway all are supervised.
            one.supervised = Some(number > 5);
            tenant.devices.push(one);
        }
    })
    .await;
    settled(&ground).await;
    let wanted = calls([("$batch", 2), ("$batch/records.item.get", 40), ("records.get", 1)]);
    assert_eq!(apply(&ground).await, (wanted, (40, 0, 0)));
    assert_eq!(reads(&ground, "DMPCCCCCCC01"), 0);
    assert_eq!(apply(&ground).await, (list(), (0, 0, 0)));
}

#[tokio::test]
async fn l4_a_wipe_of_a_device_whose_code_was_sealed_early_seals_no_second_copy() {
    let ground = Ground::new().await;
    settled(&ground).await;
    apply(&ground).await;
    ground.asks("stolen", "wipe", &[IPAD], "");
    ground.apply().await;
    assert_eq!(ground.requests(IPAD, "wipe"), 1);
    let serial = Serial::new(IPAD).expect("a serial");
    let book = ground.book();
    let codes = book.sealed_of(&serial).iter().filter(|row| row.sealed.kind == SealedKind::BypassCode);
    assert_eq!(codes.count(), 1, "the same code is sealed once");
}
