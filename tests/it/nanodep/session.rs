//! Sessions that end, change and are not known any more while `depsyncer` reads.

use reqwest::Method;
use serde_json::json;

use super::alone::alone;
use super::ground::{Ground, SCHOOL};

/// A full read by fives under a fault, which has to be whole; how many sessions it took.
fn read_under(ground: &Ground<'_>, fault: serde_json::Value) -> u64 {
    ground.sim.fault(&fault);
    ground.sim.forget_calls();
    let mut syncer = ground.syncer(SCHOOL, 5);
    let cycle = syncer.cycle();
    let mut serials: Vec<&str> =
        cycle.devices(true).map(|device| device["serial_number"].as_str().expect("a serial")).collect();
    serials.sort_unstable();
    assert_eq!(serials, ground.serials(SCHOOL), "{:#?}", cycle.said);
    ground.sim.delete("/faults");
    ground.asked("session.get")
}

#[test]
fn a_session_that_ends_is_replaced_once() {
    alone("nanodep::session::a_session_that_ends_is_replaced_once", |programs| {
        let ground = Ground::connected(programs, 18);
        let ends = json!({ "fault": "expire-session", "operation": "server.devices.post", "nth": 3 });
        assert_eq!(read_under(&ground, ends), 2);
    });
}

#[test]
fn a_session_that_is_forbidden_is_replaced_once() {
    alone("nanodep::session::a_session_that_is_forbidden_is_replaced_once", |programs| {
        let ground = Ground::connected(programs, 18);
        let forbidden = json!({ "fault": "forbidden", "operation": "server.devices.post", "nth": 2 });
        assert_eq!(read_under(&ground, forbidden), 2);
    });
}

#[test]
fn a_session_that_any_answer_replaces_needs_no_sign_in() {
    alone("nanodep::session::a_session_that_any_answer_replaces_needs_no_sign_in", |programs| {
        let ground = Ground::connected(programs, 18);
        let rotates = json!({ "fault": "rotate-session", "times": 0 });
        assert_eq!(read_under(&ground, rotates), 1);
    });
}

#[test]
fn the_manners_of_the_vendors_own_simulator_are_understood() {
    alone("nanodep::session::the_manners_of_the_vendors_own_simulator_are_understood", |programs| {
        let ground = Ground::connected(programs, 18);
        assert_eq!(read_under(&ground, json!({ "fault": "depsim" })), 1);
        // With the cursor that was kept: its codes are in quotation marks.
        ground.sim.fault(&json!({ "fault": "depsim" }));
        let again = ground.syncer(SCHOOL, 5).cycle();
        assert!(again.says(&["cursor returned all devices previously"]), "{:#?}", again.said);
    });
}

#[test]
fn terms_that_wait_are_no_reason_to_sign_in_again() {
    alone("nanodep::session::terms_that_wait_are_no_reason_to_sign_in_again", |programs| {
        let ground = Ground::connected(programs, 3);
        let mut syncer = ground.syncer(SCHOOL, 5);
        syncer.cycle();
        ground.sim.forget_calls();
        ground.sim.portal(&json!({ "do": "changeService", "service": SCHOOL, "termsPending": true }));
        let refused = syncer.again();
        assert!(refused.says(&["error syncing", "403", "T_C_NOT_SIGNED"]), "{:#?}", refused.said);
        assert_eq!((ground.asked("session.get"), ground.asked("devices.sync.post")), (0, 1));
        ground.sim.portal(&json!({ "do": "changeService", "service": SCHOOL, "termsPending": false }));
        assert_eq!(syncer.again().pages.len(), 1, "the token itself is still good");
    });
}

#[test]
fn a_token_that_was_revoked_or_has_ended_is_refused() {
    alone("nanodep::session::a_token_that_was_revoked_or_has_ended_is_refused", |programs| {
        let ground = Ground::connected(programs, 3);
        let account = |word: &str| {
            let answer = ground.server.ask(Method::GET, "/proxy/school/account", None);
            assert!(!answer.status.is_success(), "{word}");
            assert!(answer.text.contains(word), "no {word} in {}", answer.text);
        };
        let ended =
            json!({ "do": "changeService", "service": SCHOOL, "tokenExpires": "2020-01-01T00:00:00Z" });
        ground.sim.portal(&ended);
        account("token_expired");
        ground.connect(SCHOOL);
        ground.proxy(Method::GET, "/account", None);
        ground.sim.portal(&json!({ "do": "revokeToken", "service": SCHOOL }));
        account("token_rejected");
    });
}
