//! What is read, with how many calls, and when it is unknown.

use super::*;
use crate::model::act::{
    ActionResult, ActionState, ApprovalState, CodeRead, ManagementState, Ownership, ResultSecret,
    ResultSource,
};
use crate::model::live::Cause;

fn device(id: &str, serial: &str) -> Json {
    json!({
        "id": id, "serialNumber": serial, "deviceName": "cart-7", "operatingSystem": "iOS",
        "osVersion": "26.1", "model": "iPad Air", "isSupervised": true, "managementState": "wipePending",
        "managementAgent": "mdm", "deviceEnrollmentType": "appleBulkWithoutUser",
        "enrollmentProfileName": "Carts", "managedDeviceOwnerType": "company",
        "lastSyncDateTime": "0001-01-01T00:00:00Z", "enrolledDateTime": "2026-09-01T08:00:00.1234567Z",
        "lostModeState": "disabled", "userPrincipalName": "a@b.example", "future": { "deep": [1] },
        "deviceActionResults": [{
            "@odata.type": "#microsoft.graph.remoteLockActionResult", "actionName": "remoteLock",
            "actionState": "pending", "startDateTime": "2026-09-02T08:00:00Z",
            "lastUpdatedDateTime": "0001-01-01T00:00:00Z", "unlockPin": "314159"
        }]
    })
}

fn page(rows: &[Json]) -> Json {
    json!({ "@odata.context": "c", "value": rows })
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn records_are_read_to_the_last_page_with_list_safe_members_only() {
    let fixture = Fixture::start(|base, seen| match seen.line.as_str() {
        line if line.ends_with("token") => Reply::Empty(404),
        line if line.contains("skiptoken=2") => ok(page(&[
            json!({ "id": "r-3", "serialNumber": "", "operatingSystem": "Windows", "isSupervised": null }),
            // Seen before: the list moved while it was read.
            device("r-1", "SN1"),
        ])),
        _ => {
            let next = base.join(&format!("{BASE}?$skiptoken=2")).unwrap();
            ok(json!({ "@odata.nextLink": next, "value": [device("r-1", "OLD"), device("r-2", "SN1")] }))
        }
    })
    .await;
    let records = known(fixture.observer().records().await);
    let ids: Vec<&str> = records.all().iter().map(|record| record.id.0.as_str()).collect();
    assert_eq!(ids, ["r-2", "r-3", "r-1"]);
    assert_eq!(records.of(&serial("SN1")).count(), 2);
    assert_eq!(records.of(&serial("OLD")).count(), 0, "the later word counts");
    let record = records.of(&serial("SN1")).next().unwrap();
    assert_eq!(record.enrolled, Some(instant("2026-09-01T08:00:00.1234567Z")));
    assert_eq!((record.os, record.os_version.as_str()), (Os::Ipados, "26.1"));
    assert_eq!((record.supervised, record.lost_mode), (Some(true), Some(false)));
    assert_eq!((record.ownership, record.state), (Ownership::Company, ManagementState::Wiping));
    assert_eq!((record.name.as_str(), record.model.as_str()), ("cart-7", "iPad Air"));
    assert_eq!((record.user.as_str(), record.agent.as_str()), ("a@b.example", "mdm"));
    assert_eq!((record.enrollment.as_str(), record.profile.as_str()), ("appleBulkWithoutUser", "Carts"));
    assert_eq!(record.last_sync, None, "the year 1 is never");
    let result = ActionResult {
        name: "remoteLock".into(),
        state: ActionState::Pending,
        started: Some(instant("2026-09-02T08:00:00Z")),
        updated: None,
        source: ResultSource::Record,
    };
    assert_eq!(record.results, [result]);
    let other = &records.all().iter().as_slice()[1];
    assert_eq!((other.os, other.supervised, other.serial), (Os::Windows, None, None));
    assert_eq!((other.enrolled, other.lost_mode, other.ownership), (None, None, Ownership::Unknown));
    assert!(other.epoch().is_none());
    let lines = fixture.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(&format!("GET {BASE}?$select=id,deviceName,serialNumber,")), "{lines:?}");
    assert!(!lines[0].contains("activationLockBypassCode") && !lines[0].contains("top"), "{lines:?}");
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_unknown() {
    let foreign = json!({ "@odata.nextLink": "https://elsewhere.example/x", "value": [] });
    for broken in [
        ok(json!({})),
        ok(json!({ "value": [{ "serialNumber": "SN1" }] })),
        ok(json!({ "value": [{ "id": "", "serialNumber": "SN1" }] })),
        ok(json!({ "value": [{ "id": "../x", "serialNumber": "SN1" }] })),
        ok(json!({ "value": [{ "id": 7 }] })),
        ok(foreign.clone()),
        refusal(403),
        refusal(400),
    ] {
        let fixture = Fixture::start(in_turn(vec![broken])).await;
        unknown(fixture.observer().records().await);
        assert_eq!(fixture.lines().len(), 1);
    }
    let fixture = Fixture::start(in_turn(vec![refusal(403)])).await;
    let unknown = unknown(fixture.observer().records().await);
    assert!(unknown.next.contains("DeviceManagementManagedDevices.Read.All"), "{}", unknown.next);
    let fixture = Fixture::start(in_turn(vec![ok(foreign)])).await;
    fixture.observer().audits(Timestamp::MIN).await.unknown().unwrap();
}

/// One `$batch` with the record as `by_id` and the list of its serial.
async fn fresh_with(
    by_id: (u16, Json),
    by_serial: (u16, Json),
) -> (Fact<Option<crate::model::act::FreshRecord>>, Fixture) {
    let fixture = Fixture::start(move |_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => batch_of(seen, |request| {
            let is_list = request["url"].as_str().unwrap().contains("$filter");
            let (status, body) = if is_list { by_serial.clone() } else { by_id.clone() };
            Some((status, json!({}), body))
        }),
    })
    .await;
    let fresh = fixture.observer().fresh(&record("r-1"), &serial("SN1")).await;
    (fresh, fixture)
}

fn twins(ids: &[(&str, &str)]) -> Json {
    let rows = ids.iter().map(|(id, serial)| json!({ "id": id, "serialNumber": serial }));
    page(&rows.collect::<Vec<_>>())
}

fn refused(code: &str) -> Json {
    json!({ "error": { "code": code, "message": "words" } })
}

#[tokio::test]
async fn a_record_is_read_anew_with_all_who_have_its_serial_in_one_call() {
    for (list, expected) in [
        (twins(&[("r-1", "SN1")]), 0),
        (twins(&[("R-1", "SN1"), ("r-1", "SN1")]), 0),
        (twins(&[("r-2", "SN1"), ("r-1", "SN1"), ("r-3", "SN1")]), 2),
    ] {
        let (fresh, fixture) = fresh_with((200, device("r-1", "SN1")), (200, list)).await;
        let fresh = known(fresh).unwrap();
        assert_eq!((fresh.record().id.0.as_str(), fresh.twins()), ("r-1", expected));
        assert_eq!((fresh.read(), fresh.record().serial), (fixture.clock.now(), Some(serial("SN1"))));
        assert_eq!(fixture.lines(), ["POST /beta/$batch"]);
        assert_eq!(fixture.client.meter().calls(), (2, 0), "one sign-in, one read");
        let sent = fixture.calls()[0].json();
        let urls: Vec<&str> = (0..2).map(|at| sent["requests"][at]["url"].as_str().unwrap()).collect();
        assert!(urls[0].starts_with("/deviceManagement/managedDevices/r-1?$select=id,"), "{urls:?}");
        assert_eq!(
            urls[1],
            "/deviceManagement/managedDevices?$filter=serialNumber%20eq%20%27SN1%27&$select=id,serialNumber"
        );
        assert!(sent["requests"].as_array().unwrap().iter().all(|request| request["method"] == "GET"));
    }
    // Microsoft's pages show single objects wrapped.
    let wrapped = json!({ "value": device("r-1", "SN1") });
    let (fresh, _) = fresh_with((200, wrapped), (200, twins(&[("r-1", "SN1")]))).await;
    assert!(known(fresh).is_some());
}

#[tokio::test]
async fn several_records_are_read_anew_ten_to_a_call_in_their_order() {
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => batch_of(seen, |request| {
            let url = request["url"].as_str().unwrap();
            match url.split_once("%27") {
                Some((_, rest)) => {
                    let number = rest.split('%').next().unwrap().strip_prefix("SN").unwrap();
                    let twins = match number {
                        "3" => twins(&[("r-3", "SN3"), ("r-x", "SN3")]),
                        "4" => twins(&[]),
                        number => twins(&[(&format!("r-{number}"), &format!("SN{number}"))]),
                    };
                    Some((200, json!({}), twins))
                }
                None => {
                    let number = url.split("r-").nth(1).unwrap().split('?').next().unwrap();
                    Some((200, json!({}), device(&format!("r-{number}"), &format!("SN{number}"))))
                }
            }
        }),
    })
    .await;
    let of: Vec<(RecordId, Serial)> =
        (0..21).map(|at| (record(&format!("r-{at}")), serial(&format!("SN{at}")))).collect();
    let read = fixture.observer().fresh_each(&of).await;
    assert_eq!(read.len(), 21);
    for (at, read) in read.into_iter().enumerate() {
        if at == 4 {
            unknown(read);
            continue;
        }
        let fresh = known(read).unwrap();
        assert_eq!((fresh.record().id.0.clone(), fresh.twins()), (format!("r-{at}"), usize::from(at == 3)));
    }
    assert_eq!(fixture.lines(), vec!["POST /beta/$batch"; 3]);
    assert!(fixture.observer().fresh_each(&[]).await.is_empty());
}

#[tokio::test]
async fn a_record_is_gone_only_where_the_service_itself_says_so() {
    let none = || (200, twins(&[]));
    for status in [404, 410] {
        let (fresh, _) = fresh_with((status, refused("ResourceNotFound")), none()).await;
        assert!(known(fresh).is_none(), "{status}");
        let (fresh, _) = fresh_with((status, Json::Null), none()).await;
        unknown(fresh);
        let (fresh, _) =
            fresh_with((status, refused("ResourceNotFound")), (200, twins(&[("r-1", "SN1")]))).await;
        unknown(fresh);
        let unread =
            json!({ "error": { "code": "BadRequest", "message": "Resource not found for the segment 'x'" } });
        let (fresh, _) = fresh_with((status, unread), none()).await;
        unknown(fresh);
        // Whether another record has the serial is part of the answer.
        let (fresh, _) = fresh_with((status, refused("ResourceNotFound")), (403, refused("Forbidden"))).await;
        unknown(fresh);
    }
}

#[tokio::test]
async fn every_doubt_about_a_record_leaves_it_unknown() {
    let it = || (200, device("r-1", "SN1"));
    let alone = || (200, twins(&[("r-1", "SN1")]));
    let mut on = twins(&[("r-1", "SN1")]);
    on["@odata.nextLink"] = json!("https://elsewhere.example/next");
    for (what, by_id, by_serial) in [
        ("the filter was ignored", it(), (200, twins(&[("r-1", "SN1"), ("r-2", "SN2")]))),
        ("a row without a serial", it(), (200, page(&[json!({ "id": "r-1" })]))),
        ("a serial in other letters", it(), (200, twins(&[("r-1", "sn1")]))),
        ("the record is not among them", it(), (200, twins(&[("r-2", "SN1")]))),
        ("nobody is among them", it(), (200, twins(&[]))),
        ("there are more", it(), (200, on)),
        ("no list", it(), (200, json!({ "error": {} }))),
        ("the list was refused", it(), (400, refused("BadRequest"))),
        ("the list failed", it(), (404, refused("ResourceNotFound"))),
        ("another record", (200, device("r-9", "SN1")), alone()),
        ("another serial", (200, device("r-1", "SN9")), alone()),
        ("no serial", (200, json!({ "id": "r-1" })), alone()),
        ("no record", (200, json!({ "value": [] })), alone()),
        ("no id", (200, json!({ "serialNumber": "SN1" })), alone()),
        ("refused", (403, refused("Forbidden")), alone()),
        ("empty", (204, Json::Null), alone()),
    ] {
        let (fresh, fixture) = fresh_with(by_id, by_serial).await;
        let unknown = match fresh {
            Fact::Unknown(unknown) => unknown,
            Fact::Known(known) => panic!("{what}: {known:?}"),
        };
        assert!(!unknown.reason.is_empty() && !unknown.next.is_empty(), "{what}");
        assert_eq!(fixture.lines().len(), 1, "{what}");
    }
    // One that the batch does not mention.
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => batch_of(seen, |request| {
            let is_list = request["url"].as_str().unwrap().contains("$filter");
            (!is_list).then(|| (200, json!({}), device("r-1", "SN1")))
        }),
    })
    .await;
    unknown(fixture.observer().fresh(&record("r-1"), &serial("SN1")).await);
}

#[tokio::test]
async fn a_record_that_took_long_to_read_is_as_old_as_its_question() {
    let mut refusals = 1;
    let fixture = Fixture::start(move |_, seen| {
        if seen.line.ends_with("/oauth2/v2.0/token") {
            return Reply::Empty(404);
        }
        if refusals > 0 {
            refusals -= 1;
            return Reply::With(429, "retry-after", "30".into(), json!({}));
        }
        batch_of(seen, |request| {
            let is_list = request["url"].as_str().unwrap().contains("$filter");
            let body = if is_list { twins(&[("r-1", "SN1")]) } else { device("r-1", "SN1") };
            Some((200, json!({}), body))
        })
    })
    .await;
    let asked = fixture.clock.now();
    let fresh = known(fixture.observer().fresh(&record("r-1"), &serial("SN1")).await).unwrap();
    assert_eq!(fresh.read(), asked);
    assert!(fixture.clock.now() > asked);
}

fn coded(id: &str, serial: &str, code: Json) -> Json {
    json!({ "id": id, "serialNumber": serial, "activationLockBypassCode": code })
}

fn told(read: Fact<CodeRead>) -> Option<String> {
    match known(read) {
        CodeRead::Code(code) => Some(code.reveal().to_owned()),
        CodeRead::Null => None,
    }
}

#[tokio::test]
async fn a_bypass_code_is_read_by_its_record_and_null_is_no_code() {
    let url = format!("GET {BASE}/r-1?$select=id,serialNumber,activationLockBypassCode");
    for (code, expected) in [
        (json!("PLANTED-CODE"), Some("PLANTED-CODE")),
        (Json::Null, None),
        (json!(""), None),
        (json!("  "), None),
    ] {
        let fixture = Fixture::start(in_turn(vec![ok(coded("r-1", "SN1", code))])).await;
        let read = fixture.observer().bypass_code(&record("r-1"), &serial("SN1")).await;
        assert_eq!(told(read).as_deref(), expected);
        assert_eq!(fixture.lines(), std::slice::from_ref(&url));
    }
    let missing = ok(json!({ "id": "r-1", "serialNumber": "SN1" }));
    let fixture = Fixture::start(in_turn(vec![missing])).await;
    assert_eq!(told(fixture.observer().bypass_code(&record("r-1"), &serial("SN1")).await), None);
    for reply in [
        ok(coded("r-2", "SN1", json!("PLANTED"))),
        ok(coded("r-1", "SN2", json!("PLANTED"))),
        ok(json!({ "id": "r-1", "activationLockBypassCode": "PLANTED" })),
        ok(coded("r-1", "SN1", json!(["PLANTED"]))),
        ok(coded("r-1", "SN1", json!(271_828))),
        refusal(404),
        refusal(403),
        Reply::Empty(204),
    ] {
        let fixture = Fixture::start(in_turn(vec![reply])).await;
        let unknown = unknown(fixture.observer().bypass_code(&record("r-1"), &serial("SN1")).await);
        assert!(!format!("{unknown:?}").contains("PLANTED"), "{unknown:?}");
        assert!(!format!("{unknown:?}").contains("271"), "{unknown:?}");
    }
}

#[tokio::test]
async fn bypass_codes_go_twenty_to_a_call_and_keep_their_order() {
    let fixture = Fixture::start(|_, seen| match seen.line.as_str() {
        line if line.ends_with("/oauth2/v2.0/token") => Reply::Empty(404),
        _ => batch_of(seen, |request| {
            let url = request["url"].as_str().unwrap();
            let at = url.split("r-").nth(1).unwrap().split('?').next().unwrap();
            match at {
                "7" => Some((404, json!({}), refused("ResourceNotFound"))),
                // An answer that is about somebody else.
                "8" => Some((200, json!({}), coded("r-9", "SN9", json!("CODE-9")))),
                "9" => Some((200, json!({}), coded("r-9", "SN9", Json::Null))),
                at => Some((
                    200,
                    json!({}),
                    coded(&format!("r-{at}"), &format!("SN{at}"), json!(format!("CODE-{at}"))),
                )),
            }
        }),
    })
    .await;
    let of: Vec<(RecordId, Serial)> =
        (0..45).map(|at| (record(&format!("r-{at}")), serial(&format!("SN{at}")))).collect();
    let read = fixture.observer().bypass_codes(&of).await;
    assert_eq!(read.len(), 45);
    for (at, read) in read.into_iter().enumerate() {
        match at {
            7 | 8 => drop(unknown(read)),
            9 => assert_eq!(told(read), None),
            at => assert_eq!(told(read), Some(format!("CODE-{at}"))),
        }
    }
    assert_eq!(fixture.lines(), vec!["POST /beta/$batch"; 3]);
    assert!(fixture.observer().bypass_codes(&[]).await.is_empty());
    assert_eq!(fixture.lines().len(), 3);
}

#[tokio::test]
async fn the_secrets_of_results_come_with_their_results() {
    let result = |name: &str, state: &str, more: Json| {
        let mut result =
            json!({ "actionName": name, "actionState": state, "startDateTime": "2026-09-02T08:00:00Z" });
        result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        result
    };
    let place = json!({ "latitude": 52.5, "longitude": 13.4, "speed": null });
    let body = json!({ "id": "r-1", "serialNumber": "SN1", "deviceActionResults": [
        result("remoteLock", "pending", json!({ "unlockPin": null })),
        result("remoteLock", "done", json!({ "unlockPin": "314159" })),
        result("resetPasscode", "done", json!({ "passcode": "PLANTED", "errorCode": 0 })),
        result("locateDevice", "done", json!({ "deviceLocation": place })),
        result("locateDevice", "pending", json!({ "deviceLocation": null })),
        result("rebootNow", "failed", json!({})),
    ]});
    let fixture = Fixture::start(in_turn(vec![ok(body)])).await;
    let held = known(fixture.observer().action_secrets(&record("r-1"), &serial("SN1")).await);
    assert_eq!(fixture.lines(), [format!("GET {BASE}/r-1?$select=id,serialNumber,deviceActionResults")]);
    let shown: Vec<(&str, ActionState, &str)> = held
        .iter()
        .map(|held| {
            let secret = match &held.secret {
                ResultSecret::UnlockPin(secret)
                | ResultSecret::Passcode(secret)
                | ResultSecret::Location(secret) => secret.reveal(),
            };
            (held.result.name.as_str(), held.result.state, secret)
        })
        .collect();
    let place = place.to_string();
    assert_eq!(
        shown,
        [
            ("remoteLock", ActionState::Done, "314159"),
            ("resetPasscode", ActionState::Done, "PLANTED"),
            ("locateDevice", ActionState::Done, place.as_str()),
        ]
    );
    assert_eq!(held[0].result.started, Some(instant("2026-09-02T08:00:00Z")));
    for reply in [
        ok(json!({ "id": "r-2", "serialNumber": "SN1", "deviceActionResults": [] })),
        ok(json!({ "id": "r-1", "serialNumber": "SN2", "deviceActionResults": [] })),
        ok(json!({ "id": "r-1", "serialNumber": "SN1", "deviceActionResults": "PLANTED" })),
        refusal(404),
    ] {
        let fixture = Fixture::start(in_turn(vec![reply])).await;
        unknown(fixture.observer().action_secrets(&record("r-1"), &serial("SN1")).await);
    }
    let none = ok(json!({ "id": "r-1", "serialNumber": "SN1", "deviceActionResults": null }));
    let fixture = Fixture::start(in_turn(vec![none])).await;
    assert!(known(fixture.observer().action_secrets(&record("r-1"), &serial("SN1")).await).is_empty());
}

fn audit(record: Json, action: &str, at: &str) -> Json {
    json!({ "id": "a", "managedDeviceId": record, "action": action, "actionState": "done", "requestDateTime": at })
}

#[tokio::test]
async fn audits_are_asked_for_by_time_and_judged_by_it_again() {
    let rows = page(&[
        audit(json!("r-1"), "remoteLock", "2026-09-03T00:00:00Z"),
        audit(json!("r-1"), "factoryReset", "2026-09-02T00:00:00Z"),
        audit(json!("r-2"), "removeCompanyData", "2026-09-02T12:00:00Z"),
        audit(json!("r-2"), "delete", "2026-08-31T23:59:59.5Z"),
        audit(json!(null), "delete", "2026-09-02T00:00:00Z"),
        audit(json!(""), "delete", "2026-09-02T00:00:00Z"),
    ]);
    let since = instant("2026-09-01T00:00:00Z");
    let base = "/beta/deviceManagement/remoteActionAudits";
    for refuses in [false, true] {
        let rows = rows.clone();
        let fixture = Fixture::start(move |_, seen| match seen.line.as_str() {
            line if line.ends_with("/oauth2/v2.0/token") => Reply::Empty(404),
            line if line.contains("$filter") && refuses => refusal(400),
            _ => ok(rows.clone()),
        })
        .await;
        let audits = known(fixture.observer().audits(since).await);
        let names =
            |id: &str| -> Vec<&str> { audits[&record(id)].iter().map(|audit| audit.name.as_str()).collect() };
        assert_eq!(
            (audits.len(), names("r-1"), names("r-2")),
            (2, vec!["factoryReset", "remoteLock"], vec!["removeCompanyData"])
        );
        assert!(audits[&record("r-1")].iter().all(|audit| audit.source == ResultSource::Audit));
        let mut lines = vec![format!("GET {base}?$filter=requestDateTime%20gt%202026-08-31T23:59:59Z")];
        if refuses {
            lines.push(format!("GET {base}"));
        }
        assert_eq!(fixture.lines(), lines);
    }
    let fixture = Fixture::start(in_turn(vec![refusal(403)])).await;
    unknown(fixture.observer().audits(since).await);
}

#[tokio::test]
async fn an_approval_is_found_by_its_code() {
    let row = |id: &str, status: &str| json!({ "id": id, "status": status });
    let of = |request: &str, status: &str| json!({ "id": "x", "requestId": request, "status": status });
    for (rows, expected) in [
        (vec![row("other-id", "needsApproval")], ApprovalState::NeedsApproval),
        (vec![row("other-id", "approved")], ApprovalState::Approved),
        (vec![row("c-1", "rejected")], ApprovalState::Rejected),
        (vec![of("C-1", "cancelled")], ApprovalState::Cancelled),
        (vec![row("c-1", "completed")], ApprovalState::Completed),
        (vec![row("c-1", "expired")], ApprovalState::Expired),
        (vec![row("c-1", "unknownFutureValue")], ApprovalState::Unknown),
        (vec![], ApprovalState::Unknown),
        // The filter was ignored.
        (vec![of("c-9", "approved")], ApprovalState::Unknown),
        (vec![row("a", "approved"), row("b", "approved")], ApprovalState::Unknown),
        (vec![row("a", "approved"), row("c-1", "needsApproval")], ApprovalState::NeedsApproval),
        (vec![of("c-1", "approved"), of("c-1", "rejected")], ApprovalState::Unknown),
    ] {
        let fixture = Fixture::start(in_turn(vec![ok(page(&rows))])).await;
        assert_eq!(known(fixture.observer().approval(&code("c-1")).await), expected, "{rows:?}");
        assert_eq!(
            fixture.lines(),
            ["GET /beta/deviceManagement/operationApprovalRequests?$filter=requestId%20eq%20%27c-1%27"]
        );
    }
    let fixture = Fixture::start(in_turn(vec![refusal(403)])).await;
    let unknown = unknown(fixture.observer().approval(&code("c-1")).await);
    assert_eq!(unknown.cause, Cause::Credentials);
}

#[tokio::test]
async fn reads_are_repeated_where_that_helps_and_given_up_in_the_end() {
    let fixture = Fixture::start(in_turn(vec![
        refusal(503),
        Reply::With(429, "retry-after", "2".into(), json!({})),
        ok(page(&[device("r-1", "SN1")])),
    ]))
    .await;
    assert_eq!(known(fixture.observer().records().await).all().len(), 1);
    let fixture = Fixture::start(in_turn((0..9).map(|_| refusal(503)).collect())).await;
    unknown(fixture.observer().records().await);
    assert_eq!(fixture.lines().len(), 4);
}
