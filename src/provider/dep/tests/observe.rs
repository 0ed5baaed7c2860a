//! The read half: pages to the last one, changes, single objects.

use super::*;

async fn fetched(fixture: &Fixture) -> (Result<Cursor, DepError>, Vec<String>, Vec<usize>) {
    let (mut rows, mut read) = (Vec::new(), Vec::new());
    let end = fixture
        .observer()
        .fetch(&mut |row| rows.push(row.serial_number.unwrap().into_owned()), &mut |count| read.push(count))
        .await;
    (end, rows, read)
}

fn cursor(text: &str) -> Cursor {
    Cursor::new(text.to_owned()).unwrap()
}

#[tokio::test]
async fn all_pages_are_read_with_one_request_each() {
    let fixture = Fixture::start(in_turn(vec![
        page(&["A", "B"], "c1", true),
        page(&[], "c2", true),
        page(&["C"], "c3", false),
    ]))
    .await;
    let (end, rows, read) = fetched(&fixture).await;
    assert_eq!(end.unwrap().as_str(), "c3");
    assert_eq!((rows.join(" "), read), ("A B C".to_owned(), vec![2, 2, 3]));
    let bodies: Vec<Json> = fixture.calls().iter().map(Seen::json).collect();
    assert_eq!(
        bodies,
        [
            json!({ "limit": 1000 }),
            json!({ "cursor": "c1", "limit": 1000 }),
            json!({ "cursor": "c2", "limit": 1000 })
        ]
    );
    assert_eq!(fixture.client.meter().calls(), (4, 0), "pages and the session");
}

/// The sink of the first page waits until the service has seen the request for the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_next_page_is_on_its_way_while_one_is_read() {
    let (told, heard) = std::sync::mpsc::channel();
    let mut replies = vec![page(&["A"], "c1", true), page(&["B"], "c2", false)].into_iter();
    let fixture = Fixture::start(move |seen| match seen.is_sign_in() {
        true => Reply::Usual,
        false => {
            told.send(seen.json()["cursor"].clone()).unwrap();
            replies.next().unwrap()
        }
    })
    .await;
    let heard = Mutex::new(heard);
    let observer = fixture.observer();
    let mut rows = 0;
    let mut sink = |_: DeviceRow<'_>| {
        rows += 1;
        let asked = heard.lock().unwrap().recv_timeout(Duration::from_secs(30));
        match rows {
            1 => {
                assert_eq!(asked.unwrap(), Json::Null);
                let next = heard.lock().unwrap().recv_timeout(Duration::from_secs(30));
                assert_eq!(next.expect("the next page is asked for"), "c1");
            }
            _ => assert!(asked.is_err(), "nothing follows the last page"),
        }
        // The second row must not wait for what never comes.
        drop(std::mem::replace(&mut *heard.lock().unwrap(), std::sync::mpsc::channel().1));
    };
    observer.fetch(&mut sink, &mut |_| {}).await.unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn a_page_is_followed_in_whatever_order_its_members_come() {
    let with = |text: &str| bare(200, text);
    let fixture = Fixture::start(in_turn(vec![
        with(r#"{"cursor":"c1","devices":[{"serial_number":"A","imei":["1"]}],"more_to_follow":true,"new":[{"cursor":"no"}]}"#),
        with(r#"{"new":[1],"more_to_follow":true,"cursor":"c\u0032","devices":[{"serial_number":"B"}]}"#),
        with("{\"more_to_follow\" : true ,\n \"devices\" : [ ] , \"cursor\" : \"c3\" }"),
        // Misleading: the array behind the list seems to belong to the page.
        with(r#"{"devices":[{"serial_number":"C"}],"cursor":"c4","more_to_follow":true,"new":[],"x":{"cursor":"no"}}"#),
        with(r#"{"cursor":"c5","more_to_follow":false}"#),
    ]))
    .await;
    let (end, rows, _) = fetched(&fixture).await;
    assert_eq!((end.unwrap().as_str(), rows.join(" ")), ("c5", "A B C".to_owned()));
    let asked: Vec<Json> = fixture.calls().iter().map(|seen| seen.json()["cursor"].clone()).collect();
    assert_eq!(asked, [Json::Null, json!("c1"), json!("c2"), json!("c3"), json!("c4")]);
}

#[tokio::test]
async fn a_cursor_that_stays_or_comes_back_ends_the_read() {
    for cursors in [&["c1", "c1"][..], &["c1", "c2", "c1"]] {
        let replies = cursors.iter().map(|cursor| page(&["A"], cursor, true)).collect();
        let fixture = Fixture::start(in_turn(replies)).await;
        let (end, ..) = fetched(&fixture).await;
        assert_eq!(end.unwrap_err().code(), "cursor-stuck");
        assert_eq!(fixture.calls().len(), cursors.len());
    }
    let fixture = Fixture::start(in_turn(vec![page(&[], "c1", true)])).await;
    let error = fixture.observer().sync(&cursor("c1"), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "cursor-stuck");
}

#[tokio::test]
async fn an_exhausted_cursor_ends_a_full_read_well_and_only_behind_a_page() {
    let fixture =
        Fixture::start(in_turn(vec![page(&["A"], "c1", true), bare(400, "\"EXHAUSTED_CURSOR\"")])).await;
    let (end, rows, _) = fetched(&fixture).await;
    assert_eq!((end.unwrap().as_str(), rows.len()), ("c1", 1));
    let fixture = Fixture::start(in_turn(vec![bare(400, "EXHAUSTED_CURSOR")])).await;
    assert_eq!(fetched(&fixture).await.0.unwrap_err().code(), "cursor-exhausted");
    let fixture = Fixture::start(in_turn(vec![page(&["A"], "c1", true), bare(400, "INVALID_CURSOR")])).await;
    assert_eq!(fetched(&fixture).await.0.unwrap_err().code(), "cursor-invalid");
}

#[tokio::test]
async fn a_list_that_was_cut_short_is_no_list() {
    for body in [
        "",
        "{}",
        r#"{"devices":[]}"#,
        r#"{"devices":[],"cursor":"c"}"#,
        r#"{"devices":[],"more_to_follow":false}"#,
        r#"{"devices":[],"more_to_follow":false,"cursor":""}"#,
        r#"{"devices":[],"more_to_follow":null,"cursor":"c"}"#,
        r#"{"devices":{},"more_to_follow":false,"cursor":"c"}"#,
        r#"{"devices":[{"serial_number":"A"}"#,
        r#"{"devices":[],"more_to_follow":false,"cursor":"c"} x"#,
    ] {
        let fixture = Fixture::start(in_turn(vec![bare(200, body)])).await;
        let error = fetched(&fixture).await.0.unwrap_err();
        assert_eq!((error.code(), error.operation), ("answer-unreadable", Operation::ReadDevices), "{body}");
    }
}

#[tokio::test]
async fn a_page_that_breaks_is_asked_for_again() {
    let fixture = Fixture::start(in_turn(vec![
        page(&["A"], "c1", true),
        Reply::Cut,
        bare(503, ""),
        page(&["B"], "c2", false),
    ]))
    .await;
    let (end, rows, _) = fetched(&fixture).await;
    assert_eq!((end.unwrap().as_str(), rows.join(" ")), ("c2", "A B".to_owned()));
    assert_eq!((fixture.calls().len(), fixture.clock.pauses().len()), (4, 2));
}

#[tokio::test]
async fn changes_are_read_from_a_cursor_to_a_new_one() {
    let fixture = Fixture::start(in_turn(vec![
        page(&["A", "A"], "c2", true),
        page(&["B"], "c3", false),
        page(&[], "c4", false),
    ]))
    .await;
    let mut rows = Vec::new();
    let mut sink = |row: DeviceRow<'_>| rows.push(row.serial().unwrap());
    let end = fixture.observer().sync(&cursor("c1"), &mut sink).await.unwrap();
    assert_eq!(end, Synced::Done { cursor: cursor("c3"), seen: 3 });
    let end = fixture.observer().sync(&cursor("c3"), &mut sink).await.unwrap();
    assert_eq!(end, Synced::Done { cursor: cursor("c4"), seen: 0 }, "an empty delta has a new cursor too");
    assert_eq!(rows, [serial("A"), serial("A"), serial("B")]);
    assert_eq!(fixture.lines(), ["POST /devices/sync"; 3]);
    assert_eq!(fixture.calls()[0].json(), json!({ "cursor": "c1", "limit": 1000 }));
}

#[tokio::test]
async fn a_cursor_that_is_lost_is_told_from_a_failure() {
    for (body, lost) in [
        ("EXPIRED_CURSOR", CursorLost::Expired),
        ("\"INVALID_CURSOR\"", CursorLost::Invalid),
        (r#"{"code":"EXHAUSTED_CURSOR"}"#, CursorLost::Exhausted),
    ] {
        for behind_a_page in [false, true] {
            let mut replies = vec![bare(400, body)];
            if behind_a_page {
                replies.insert(0, page(&["A"], "c2", true));
            }
            let fixture = Fixture::start(in_turn(replies)).await;
            let end = fixture.observer().sync(&cursor("c1"), &mut |_| {}).await.unwrap();
            assert_eq!(end, Synced::CursorLost(lost));
        }
    }
    let fixture = Fixture::start(in_turn(vec![bare(400, "MALFORMED_REQUEST_BODY")])).await;
    assert!(fixture.observer().sync(&cursor("c1"), &mut |_| {}).await.is_err());
}

#[tokio::test]
async fn details_are_asked_for_a_thousand_at_a_time() {
    let asked = serials(1_001);
    let fixture = Fixture::start(|seen| match seen.is_sign_in() {
        true => Reply::Usual,
        false => {
            let body = seen.json();
            let asked = body["devices"].as_array().unwrap();
            // One is not spoken of; another is not this server's and comes bare.
            let rows: serde_json::Map<String, Json> = asked
                .iter()
                .filter_map(Json::as_str)
                .filter(|serial| *serial != "SN000003")
                .map(|serial| match serial {
                    "SN000005" => (serial.to_owned(), json!({ "response_status": "NOT_ACCESSIBLE" })),
                    _ => (
                        serial.to_owned(),
                        json!({ "serial_number": serial, "model": "iPad", "response_status": "SUCCESS" }),
                    ),
                })
                .collect();
            ok(json!({ "devices": rows }))
        }
    })
    .await;
    let (mut here, mut elsewhere) = (0, Vec::new());
    let missing = fixture
        .observer()
        .details(&asked, &mut |row| match row.is_accessible() {
            true => here += 1,
            false => elsewhere.push(row.serial().unwrap()),
        })
        .await
        .unwrap();
    assert_eq!((here, elsewhere, missing), (999, vec![serial("SN000005")], vec![serial("SN000003")]));
    assert_eq!(fixture.lines(), ["POST /devices"; 2]);
    // `devices` may be missing altogether.
    let fixture = Fixture::start(in_turn(vec![ok(json!({}))])).await;
    assert_eq!(fixture.observer().details(&serials(2), &mut |_| {}).await.unwrap(), serials(2));
    let fixture = Fixture::start(in_turn(vec![])).await;
    assert!(fixture.observer().details(&[], &mut |_| {}).await.unwrap().is_empty());
    assert!(fixture.all().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_an_answer() {
    for (status, body) in [(400, "NOT_FOUND"), (404, "\"NOT_FOUND\""), (404, "DEVICE_NOT_FOUND")] {
        let fixture = Fixture::start(move |seen| match seen.is_sign_in() {
            true => Reply::Usual,
            false => bare(status, body),
        })
        .await;
        assert_eq!(fixture.observer().profile("P&1").await.unwrap(), None);
        assert_eq!(fixture.observer().account_driven_url().await.unwrap(), None);
        assert_eq!(fixture.observer().replacement(&serial("A")).await.unwrap(), None);
        assert_eq!(
            fixture.lines(),
            [
                "GET /profile?profile_uuid=P%261",
                "GET /account-driven-enrollment/profile",
                "GET /device/replacementDetails?device=A"
            ]
        );
    }
    // A proxy's 404 proves nothing.
    let fixture = Fixture::start(in_turn(vec![bare(404, "<html>Not Found</html>")])).await;
    assert_eq!(fixture.observer().profile("P").await.unwrap_err().code(), "not-found-at-apple");
    let fixture = Fixture::start(in_turn(vec![bare(400, "ORG_NOT_SUPPORTED")])).await;
    let error = fixture.observer().account_driven_url().await.unwrap_err();
    assert_eq!(error.fault, Fault::OrgNotSupported);
}

#[tokio::test]
async fn single_objects_are_read() {
    let fixture = Fixture::start(in_turn(vec![
        ok(json!({ "profile_uuid": "P1", "profile_name": "n", "is_mandatory": false })),
        ok(json!({ "mdm_service_discovery_url": "https://mdm.example.com/d",
                   "last_updated_timestamp": "2026-01-02T03:04:05Z" })),
        ok(json!({ "serial_number": "B", "original_device_serial_number": "A", "replacement_date": "2026-01-02" })),
        ok(json!({ "server_uuid": "U", "facilitator_id": "f@example.com",
                   "urls": [{ "uri": "/devices/sync", "http_method": ["POST"],
                              "limit": { "default": 100, "maximum": 1000 } }] })),
    ]))
    .await;
    let observer = fixture.observer();
    let profile = observer.profile("P1").await.unwrap().unwrap();
    assert_eq!((&*profile.profile_uuid, &profile.members["is_mandatory"]), ("P1", &json!(false)));
    let url = observer.account_driven_url().await.unwrap().unwrap();
    assert_eq!(url.mdm_service_discovery_url, "https://mdm.example.com/d");
    assert_eq!(url.last_updated_timestamp, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    let replacement = observer.replacement(&serial("B")).await.unwrap().unwrap();
    assert_eq!(replacement.original_device_serial_number, Some(serial("A")));
    assert_eq!(replacement.replacement_date, Some("2026-01-02".parse().unwrap()));
    let account = observer.account().await.unwrap();
    assert_eq!((account.administrator(), account.server_uuid.as_deref()), (Some("f@example.com"), Some("U")));
    assert_eq!(account.urls[0].limit.unwrap().maximum, Some(1000));
}
