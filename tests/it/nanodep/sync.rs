//! Full reads and deltas by `depsyncer`, page by page.

use std::fs;

use serde_json::{Value, json};

use super::alone::alone;
use super::ground::{Ground, OTHER, SCHOOL, fresh};
use super::programs::{Cycle, Page};

/// The serials of all full pages, sorted, duplicates and all.
fn fetched(cycle: &Cycle) -> Vec<String> {
    let serial = |device: &Value| device["serial_number"].as_str().expect("a serial").to_owned();
    let mut serials: Vec<String> = cycle.devices(true).map(serial).collect();
    serials.sort();
    serials
}

fn sizes(cycle: &Cycle, is_fetch: bool) -> Vec<usize> {
    let pages = cycle.pages.iter().filter(|page| page.is_fetch == is_fetch);
    pages.map(|page| page.devices().len()).collect()
}

/// What the deltas have to tell.
fn told(expected: &[(&String, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(serial, op)| ((*serial).clone(), (*op).to_owned())).collect()
}

#[test]
fn a_full_read_over_several_pages_shows_every_serial_once() {
    alone("nanodep::sync::a_full_read_over_several_pages_shows_every_serial_once", |programs| {
        let ground = Ground::connected(programs, 23);
        let mut syncer = ground.syncer(SCHOOL, 5);
        let first = syncer.cycle();
        assert_eq!(sizes(&first, true), [5, 5, 5, 5, 3], "{:#?}", first.said);
        assert_eq!(fetched(&first), ground.serials(SCHOOL));
        assert_eq!(sizes(&first, false), [0], "nothing happened during the read");
        // Only the last page of each says that nothing follows.
        let more = |page: &Page| page.response["more_to_follow"] == true;
        assert_eq!(first.pages.iter().map(more).collect::<Vec<_>>(), [true, true, true, true, false, false]);
        drop(syncer);

        // The cursor that it kept is one for deltas: a full read with it is over already.
        let mut syncer = ground.syncer(SCHOOL, 5);
        let again = syncer.cycle();
        assert!(again.says(&["cursor returned all devices previously", "phase=fetch"]), "{:#?}", again.said);
        assert_eq!((sizes(&again, true), sizes(&again, false)), (Vec::new(), vec![0]));
    });
}

#[test]
fn what_happens_in_the_portal_reaches_the_next_delta() {
    alone("nanodep::sync::what_happens_in_the_portal_reaches_the_next_delta", |programs| {
        let ground = Ground::connected(programs, 6);
        let mut syncer = ground.syncer(SCHOOL, 2);
        syncer.cycle();
        let old = ground.serials(SCHOOL);
        let new = fresh(3);
        ground.sim.portal(&json!([
            { "do": "addDevices", "service": SCHOOL, "serials": new, "family": "Mac" },
            { "do": "moveDevices", "serials": [old[0]], "to": OTHER },
            { "do": "defineProfile", "service": SCHOOL, "profile": { "profile_name": "By hand" } },
            { "do": "assignAtApple", "service": SCHOOL, "profile": "By hand", "serials": [old[1]] },
        ]));
        ground.sim.portal(&json!({ "do": "activateDevices", "serials": [old[1]] }));
        ground.sim.portal(&json!({ "do": "releaseSerials", "serials": [old[2]] }));
        let delta = syncer.again();
        let expected = [
            (&new[0], "added"),
            (&new[1], "added"),
            (&new[2], "added"),
            (&old[0], "deleted"),
            (&old[1], "modified"),
            (&old[1], "modified"),
            (&old[2], "deleted"),
        ];
        assert_eq!(delta.told(), told(&expected), "{:#?}", delta.said);
        assert_eq!(sizes(&delta, false), [2, 2, 2, 1]);
        let devices: Vec<&Value> = delta.devices(false).collect();
        assert_eq!(devices[0]["device_family"], "Mac");
        // The same device twice: as it was after each of them, the newest last.
        assert_eq!(
            (&devices[4]["profile_status"], &devices[5]["profile_status"]),
            (&json!("assigned"), &json!("pushed"))
        );
        assert!(devices[4]["op_date"].as_str() <= devices[5]["op_date"].as_str());

        // Nothing more: an empty page, and a new cursor all the same.
        let before = delta.pages.last().expect("a page").response["cursor"].clone();
        let empty = syncer.again();
        assert_eq!(sizes(&empty, false), [0]);
        assert_ne!(empty.pages[0].response["cursor"], before);

        // Away and back again; the other service is told as well.
        ground.sim.portal(&json!([
            { "do": "moveDevices", "serials": [old[0]], "to": SCHOOL },
            { "do": "moveDevices", "serials": [new[0]] },
        ]));
        assert_eq!(syncer.again().told(), told(&[(&old[0], "added"), (&new[0], "deleted")]));
    });
}

#[test]
fn an_expired_cursor_leads_to_a_full_read() {
    alone("nanodep::sync::an_expired_cursor_leads_to_a_full_read", |programs| {
        let ground = Ground::connected(programs, 7);
        let mut syncer = ground.syncer(SCHOOL, 3);
        syncer.cycle();
        let new = fresh(1);
        ground.step("6d");
        ground.sim.portal(&json!({ "do": "addDevices", "service": SCHOOL, "serials": new }));
        assert_eq!(syncer.again().told(), told(&[(&new[0], "added")]), "six days are not too long");

        let old = ground.serials(SCHOOL);
        ground.sim.portal(&json!({ "do": "moveDevices", "serials": [old[0]] }));
        ground.step("8d");
        let recovered = syncer.again();
        assert!(
            recovered.says(&["retrying with empty cursor", "phase=sync", "EXPIRED_CURSOR"]),
            "{:#?}",
            recovered.said
        );
        assert_eq!(sizes(&recovered, true), [3, 3, 1], "{:#?}", recovered.said);
        assert_eq!(fetched(&recovered), ground.serials(SCHOOL));

        // Who was away for so long, too.
        drop(syncer);
        ground.step("8d");
        let mut syncer = ground.syncer(SCHOOL, 3);
        let recovered = syncer.cycle();
        assert!(recovered.says(&["retrying with empty cursor", "_CURSOR"]), "{:#?}", recovered.said);
        assert_eq!(fetched(&recovered), ground.serials(SCHOOL));
    });
}

#[test]
fn a_cursor_of_another_service_leads_to_a_full_read() {
    alone("nanodep::sync::a_cursor_of_another_service_leads_to_a_full_read", |programs| {
        let ground = Ground::connected(programs, 4);
        ground.connect(OTHER);
        for name in [SCHOOL, OTHER] {
            ground.syncer(name, 2).cycle();
        }
        fs::copy(ground.kept("cursor.other"), ground.kept("cursor.school"))
            .expect("NanoDEP keeps its cursors");
        let recovered = ground.syncer(SCHOOL, 2).cycle();
        assert!(recovered.says(&["retrying with empty cursor", "INVALID_CURSOR"]), "{:#?}", recovered.said);
        assert_eq!(fetched(&recovered), ground.serials(SCHOOL));
    });
}

#[test]
fn devices_that_come_during_a_full_read_are_told_once() {
    alone("nanodep::sync::devices_that_come_during_a_full_read_are_told_once", |programs| {
        let ground = Ground::connected(programs, 9);
        ground
            .sim
            .fault(&json!({ "id": "mid", "fault": "hold", "operation": "server.devices.post", "nth": 2 }));
        let mut syncer = ground.syncer(SCHOOL, 4);
        assert!(ground.sim.fault_struck("mid"));
        let new = fresh(1);
        let old = ground.serials(SCHOOL);
        ground.sim.portal(&json!([
            { "do": "addDevices", "service": SCHOOL, "serials": new },
            { "do": "moveDevices", "serials": [old[0]] },
        ]));
        ground.sim.delete("/faults");
        let cycle = syncer.cycle();
        // Read and delta together show what is there: the last word on each device counts.
        let mut there: Vec<String> = fetched(&cycle);
        there.dedup();
        for (serial, op) in cycle.told() {
            there.retain(|known| *known != serial);
            if op != "deleted" {
                there.push(serial);
            }
        }
        there.sort();
        assert_eq!(there, ground.serials(SCHOOL), "{:#?}", cycle.said);
    });
}
