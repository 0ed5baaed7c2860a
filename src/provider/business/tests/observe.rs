//! The read half: lists that are whole or an error, and single looks.

use super::*;
use crate::model::live::{Cause, Fact};
use crate::model::organisation::{
    ActivationLock, ActivityId, ActivityState, Belongs, MigrationStatus, ProductFamily, PurchaseSource,
    ServiceKind,
};

async fn serials(fixture: &Fixture) -> Result<Vec<String>, BusinessError> {
    let mut found = Vec::new();
    fixture.observer().devices(&mut |serial, _| found.push(serial.to_owned()), &mut |_| {}).await?;
    Ok(found)
}

fn page(serials: &[&str], next: Json) -> Json {
    let data: Vec<Json> = serials.iter().map(|serial| device(serial, "UNASSIGNED")).collect();
    json!({ "data": data, "links": { "self": "x", "next": next } })
}

#[tokio::test]
async fn pages_are_followed_one_by_one_with_the_largest_limit_set_once() {
    let mut at = 0;
    let fixture = Fixture::start(move |seen| {
        let host = format!("http://{}", seen.field("host"));
        match seen.is_bearer_wish() {
            true => Reply::Usual,
            false => {
                at += 1;
                ok(match at {
                    1 => page(&["A", "B"], json!(format!("{host}/v1/orgDevices?cursor=a%2Bb%3D&limit=1000"))),
                    2 => page(&["C"], json!(format!("{host}/v1/orgDevices?limit=100&cursor=3&limit=100"))),
                    3 => page(&["D"], json!("/v1/orgDevices?cursor=4")),
                    4 => json!({ "data": [], "links": { "self": "x" },
                                 "meta": { "paging": { "limit": 1000, "nextCursor": "5 &" } } }),
                    _ => page(&["E"], json!(null)),
                })
            }
        }
    })
    .await;
    assert_eq!(serials(&fixture).await.unwrap(), ["A", "B", "C", "D", "E"]);
    assert_eq!(
        fixture.lines(),
        [
            "GET /v1/orgDevices?limit=1000",
            "GET /v1/orgDevices?cursor=a%2Bb%3D&limit=1000",
            "GET /v1/orgDevices?cursor=3&limit=1000",
            "GET /v1/orgDevices?cursor=4&limit=1000",
            "GET /v1/orgDevices?limit=1000&cursor=5+%26",
        ]
    );
}

#[tokio::test]
async fn the_bearer_does_not_follow_a_link_elsewhere() {
    let elsewhere = Fixture::start(|_| bare(200, "")).await;
    let port = elsewhere.base.port().unwrap();
    for next in [
        format!("http://127.0.0.1:{port}/v1/orgDevices?cursor=2"),
        "https://127.0.0.1/v1/orgDevices?cursor=2".to_owned(),
        "//evil.example/v1/orgDevices".to_owned(),
        "ftp://evil.example/".to_owned(),
        "mailto:somebody".to_owned(),
    ] {
        let fixture = Fixture::start(in_turn(vec![ok(page(&["A"], json!(next)))])).await;
        let error = serials(&fixture).await.unwrap_err();
        assert_eq!((error.code(), error.cause), ("page-at-another-origin", Cause::Unavailable), "{next}");
        assert_eq!(fixture.calls().len(), 1);
    }
    assert!(elsewhere.all().is_empty());
    let fixture = Fixture::start(in_turn(vec![Reply::Answer(
        302,
        vec![("Location", elsewhere.base.to_string())],
        String::new(),
    )]))
    .await;
    assert_eq!(serials(&fixture).await.unwrap_err().code(), "api-answer-unexpected");
    assert!(elsewhere.all().is_empty(), "redirects are not followed");
}

#[tokio::test]
async fn a_list_that_leads_in_a_circle_is_not_whole() {
    let fixture = Fixture::start(|seen| match seen.is_bearer_wish() {
        true => Reply::Usual,
        false => ok(page(&["A"], json!("/v1/orgDevices?cursor=2&limit=1000"))),
    })
    .await;
    assert_eq!(serials(&fixture).await.unwrap_err().code(), "pages-repeat");
    assert_eq!(fixture.calls().len(), 2);
}

#[tokio::test]
async fn a_page_that_fails_is_read_again_and_one_that_is_torn_ends_the_list() {
    let next = json!("/v1/orgDevices?cursor=2");
    let fixture = Fixture::start(in_turn(vec![
        ok(page(&["A"], next.clone())),
        bare(502, "<html>bad gateway</html>"),
        Reply::Cut,
        Reply::Answer(429, vec![("Retry-After", "9".into())], "<html>".into()),
        ok(page(&["B"], json!(null))),
    ]))
    .await;
    assert_eq!(serials(&fixture).await.unwrap(), ["A", "B"]);
    assert_eq!(fixture.calls().len(), 5);
    assert_eq!(fixture.clock.pauses()[2], Duration::from_secs(9));
    for torn in [r#"{"data":[{"id":"A"}"#, r#"{"data":[{"id":"A"}]}"#, r#"{"links":{}}"#, "<html>", ""] {
        let fixture = Fixture::start(in_turn(vec![ok(page(&["A"], next.clone())), bare(200, torn)])).await;
        let error = serials(&fixture).await.unwrap_err();
        assert_eq!(error.code(), "api-answer-unreadable", "{torn}");
    }
    let fixture = Fixture::start(in_turn((0..9).map(|_| bare(503, "")).collect())).await;
    assert_eq!(serials(&fixture).await.unwrap_err().code(), "api-unavailable");
    assert_eq!(fixture.calls().len(), 4);
    // An hour is more patience than there is.
    let hour = Reply::Answer(429, vec![("Retry-After", "3600".into())], String::new());
    let fixture = Fixture::start(in_turn(vec![hour])).await;
    let error = serials(&fixture).await.unwrap_err();
    let later = crate::model::clock::after(fixture.clock.now(), Duration::from_secs(3_600));
    assert_eq!((error.code(), error.not_before), ("api-throttled", Some(later)));
    assert_eq!(fixture.client.meter().asked_until(), Some(later));
}

#[tokio::test]
async fn reads_keep_to_the_minute() {
    let adjust = |settings: &mut BusinessSettings| {
        let spent = vec![settings.clock.now(); 17];
        let past = PastCalls { minute: spent, hour: Vec::new() };
        settings.budget = CallBudget::new(20, 10, &past, settings.clock.now());
    };
    let fixture = Fixture::start_with(adjust, |seen| match seen.is_bearer_wish() {
        true => Reply::Usual,
        false => ok(last(json!([]))),
    })
    .await;
    let start = fixture.clock.now();
    for _ in 0..43 {
        fixture.observer().services().await.unwrap();
    }
    // 3 at once, then 20 in each of two further minutes.
    assert_eq!(fixture.clock.now(), crate::model::clock::after(start, Duration::from_secs(120)));
    let budget = fixture.client.budget();
    assert_eq!((budget.free(Spent::Minute, fixture.clock.now()), budget.free(Spent::Hour, start)), (0, 10));
    assert_eq!(budget.past(fixture.clock.now()).minute.len(), 20);
}

#[tokio::test]
async fn a_device_is_read_in_all_its_spellings() {
    let attributes = json!({
        "serialNumber": "A", "deviceModel": "iPad \"mini\"", "productType": "iPad14,1", "productFamily": "iPad",
        "orderNumber": "O1", "purchaseSourceType": "MANUALLY_ADDED", "purchaseSourceUid": "-2085650007946880",
        "addedToOrgDateTime": "2026-01-02T03:04:05.678Z", "status": "ASSIGNED", "imei": ["1", "2"],
        "ethernetMacAddress": "aa", "isMdmMigrationCapable": true, "mdmMigrationStatus": "REQUESTED",
        "mdmMigrationDeadlineDateTime": "2026-12-01T09:00:00Z", "newMember": { "x": [1] }
    });
    let empty = json!({ "serialNumber": "B", "deviceModel": "", "productFamily": "HomePod", "orderNumber": null,
        "purchaseSourceType": "GIFT", "addedToOrgDateTime": "", "status": "NEW_STATUS", "imei": null,
        "isMdmMigrationCapable": null, "mdmMigrationStatus": "PAUSED" });
    let list = json!([{ "type": "orgDevices", "id": "A", "attributes": attributes },
                      { "type": "orgDevices", "id": "B", "attributes": empty }, { "id": "C" }]);
    let fixture = Fixture::start(in_turn(vec![ok(last(list))])).await;
    let mut seen = 0;
    let mut rows = 0;
    fixture
        .observer()
        .devices(
            &mut |serial, row| {
                rows += 1;
                match serial {
                    "A" => {
                        assert_eq!((row.model, row.product_type), (Some("iPad \"mini\""), Some("iPad14,1")));
                        assert_eq!((row.order, row.source_id), (Some("O1"), Some("-2085650007946880")));
                        assert_eq!(row.family, Some(ProductFamily::Ipad));
                        assert_eq!(row.source, Some(PurchaseSource::ManuallyAdded));
                        assert_eq!(row.added, Some("2026-01-02T03:04:05.678Z".parse().unwrap()));
                        assert_eq!((row.assigned, row.migration.capable), (Some(true), Some(true)));
                        assert_eq!(row.migration.status, Some(MigrationStatus::Requested));
                        assert_eq!(row.migration.deadline, Some("2026-12-01T09:00:00Z".parse().unwrap()));
                    }
                    "B" => {
                        assert_eq!((row.model, row.order, row.family, row.source), (None, None, None, None));
                        assert_eq!((row.added, row.assigned), (None, None));
                        assert_eq!(row.migration.status, Some(MigrationStatus::Other));
                    }
                    other => assert_eq!((other, row.assigned), ("C", None)),
                }
            },
            &mut |rows| seen = rows,
        )
        .await
        .unwrap();
    assert_eq!((rows, seen), (3, 3));
}

#[tokio::test]
async fn one_device_is_here_released_or_not_here() {
    let here = json!({ "data": { "id": "A", "attributes": { "status": "UNASSIGNED", "imei": "1",
        "meid": ["m", null, ""], "wifiMacAddress": "w", "ethernetMacAddress": ["e1", "e2"], "orderNumber": "O" } } });
    let gone = json!({ "data": { "id": "B", "attributes": { "releasedFromOrgDateTime": "2026-05-01T00:00:00.000Z" } } });
    let fixture =
        Fixture::start(by_line(vec![("GET /v1/orgDevices/A", here), ("GET /v1/orgDevices/B", gone)])).await;
    let observer = fixture.observer();
    let Look::Here(device) = observer.device(&serial("A")).await.unwrap() else { panic!() };
    assert_eq!((device.imei, device.meid), (vec!["1".to_owned()], vec!["m".to_owned()]));
    assert_eq!(device.mac_addresses, ["w", "e1", "e2"]);
    assert_eq!((device.assigned, device.order.as_deref()), (Some(false), Some("O")));
    let Look::Released(at, _) = observer.device(&serial("B")).await.unwrap() else { panic!() };
    assert_eq!(at, "2026-05-01T00:00:00Z".parse().unwrap());
    assert_eq!(observer.device(&serial("C")).await.unwrap(), Look::NotHere);
    // A 404 that the API did not write says nothing about the device.
    let fixture = Fixture::start(in_turn(vec![bare(404, "<html>")])).await;
    assert_eq!(fixture.observer().device(&serial("A")).await.unwrap_err().code(), "api-answer-unexpected");
}

#[tokio::test]
async fn no_service_is_said_in_several_ways() {
    let path = "GET /v1/orgDevices/A/relationships/assignedServer";
    for body in [
        json!({ "data": null }),
        json!({ "links": {} }),
        json!({ "data": { "type": "mdmServers", "id": "" } }),
    ] {
        let fixture = Fixture::start(by_line(vec![(path, body)])).await;
        assert_eq!(fixture.observer().assigned_service(&serial("A")).await.unwrap(), None);
    }
    let fixture = Fixture::start(by_line(vec![])).await;
    assert_eq!(fixture.observer().assigned_service(&serial("A")).await.unwrap(), None, "404");
    let body = json!({ "data": { "type": "mdmServers", "id": "1f97" } });
    let fixture = Fixture::start(by_line(vec![(path, body)])).await;
    assert_eq!(fixture.observer().assigned_service(&serial("A")).await.unwrap(), Some(service("1F97")));
    let fixture = Fixture::start(in_turn(vec![refusal(403, "FORBIDDEN_ERROR", "no")])).await;
    assert_eq!(fixture.observer().assigned_service(&serial("A")).await.unwrap_err().code(), "api-role-lacks");
}

#[tokio::test]
async fn a_lock_that_is_not_told_is_unknown() {
    let path = "GET /v1/orgDevices/A/activationLockStatus";
    for (attributes, lock) in [
        (json!({ "isLocked": false, "lockType": "NONE" }), Some(ActivationLock::Off)),
        (json!({ "isLocked": true, "lockType": "MDM" }), Some(ActivationLock::ByMdm)),
        (json!({ "isLocked": true, "lockType": "USER" }), Some(ActivationLock::ByUser)),
        (json!({ "isLocked": true, "lockType": "NONE" }), None),
        (json!({ "isLocked": false, "lockType": "USER" }), None),
        (json!({ "isLocked": true, "lockType": "NEW" }), None),
        (json!({}), None),
    ] {
        let body = json!({ "data": { "id": "A", "attributes": attributes } });
        let fixture = Fixture::start(by_line(vec![(path, body)])).await;
        assert_eq!(fixture.observer().activation_lock(&serial("A")).await.ok(), lock, "{attributes}");
    }
    let fixture = Fixture::start(in_turn((0..4).map(|_| bare(500, "")).collect())).await;
    let error = fixture.observer().activation_lock(&serial("A")).await.unwrap_err();
    assert_eq!((error.code(), error.cause), ("api-unavailable", Cause::Unavailable));
}

#[tokio::test]
async fn an_activity_is_no_success_by_status_alone() {
    for (status, sub, state) in [
        ("IN_PROGRESS", "SUBMITTED", ActivityState::Running("SUBMITTED".into())),
        ("COMPLETED", "COMPLETED_WITH_SUCCESS", ActivityState::Succeeded),
        ("COMPLETED", "COMPLETED_WITH_ERROR", ActivityState::EndedWithIssues("COMPLETED_WITH_ERROR".into())),
        ("COMPLETED", "", ActivityState::EndedWithIssues("no sub-status".into())),
        ("STOPPED", "STOPPING", ActivityState::Broken("STOPPED, STOPPING".into())),
        ("FAILED", "", ActivityState::Broken("FAILED".into())),
        ("PAUSED", "X", ActivityState::Running("PAUSED, X".into())),
    ] {
        let body = json!({ "data": { "id": "a", "attributes": { "status": status, "subStatus": sub,
            "downloadUrl": "https://x/planted", "completedDateTime": "2026-01-01T00:00:00Z" } } });
        let fixture = Fixture::start(by_line(vec![("GET /v1/orgDeviceActivities/a", body)])).await;
        let look = fixture.observer().activity(&ActivityId("a".into())).await.unwrap();
        assert_eq!(look.state, state);
        assert!(look.log.is_some() && look.completed.is_some());
        assert!(!format!("{look:?}").contains("planted"));
    }
    let fixture = Fixture::start(by_line(vec![])).await;
    let look = fixture.observer().activity(&ActivityId("a".into())).await.unwrap();
    assert_eq!(look.state, ActivityState::Forgotten);
}

const LIST: &str = "GET /v1/mdmServers?limit=1000";
const DEVICES: &str = "GET /v1/orgDevices?limit=1000";

fn organisation() -> Vec<(&'static str, Json)> {
    let mut built_in = server("CC", "Apple's own");
    built_in["attributes"]["serverType"] = json!("APPLE_MDM");
    let mut lab = server("AA", "Lab");
    lab["attributes"]["defaultProductFamilies"] = json!(["APPLE_TV", "IPHONE", "IPHONE"]);
    vec![
        (LIST, last(json!([server("AA", "Lab"), server("BB", "School"), built_in, server("AA", "Lab")]))),
        (
            DEVICES,
            last(json!([
                device("S1", "ASSIGNED"),
                device("S2", "ASSIGNED"),
                device("S3", "UNASSIGNED"),
                device("TWICE", "ASSIGNED"),
                device("LAG1", "UNASSIGNED"),
                device("LAG2", "ASSIGNED"),
                device("S1", "ASSIGNED"),
            ])),
        ),
        (
            "GET /v1/mdmServers/AA/relationships/devices?limit=1000",
            last(json!([linkage("S1"), linkage("S1"), linkage("TWICE"), linkage("LAG1")])),
        ),
        (
            "GET /v1/mdmServers/BB/relationships/devices?limit=1000",
            last(json!([linkage("S2"), linkage("TWICE")])),
        ),
        ("GET /v1/mdmServers/CC/relationships/devices?limit=1000", last(json!([]))),
        ("GET /v1/mdmServers/AA", json!({ "data": lab })),
        ("GET /v1/mdmServers/BB", json!({ "data": server("BB", "School") })),
    ]
}

#[tokio::test]
async fn a_snapshot_turns_the_lists_round_and_guesses_nothing() {
    let fixture = Fixture::start(by_line(organisation())).await;
    let families = Families::Named(["Lab".to_owned(), "School".to_owned()].into());
    let snapshot = fixture.observer().snapshot(&families, &mut |_| {}).await;
    let services = snapshot.services.known().unwrap();
    assert_eq!(services.len(), 3);
    let lab = services.by_id(&service("AA")).unwrap();
    let told = lab.default_for.as_ref().unwrap().known().unwrap();
    assert_eq!(told, &[ProductFamily::Iphone, ProductFamily::AppleTv]);
    let school = services.by_id(&service("BB")).unwrap().default_for.as_ref().unwrap();
    assert!(school.unknown().unwrap().reason.contains("does not tell"));
    let own = services.by_id(&service("CC")).unwrap();
    assert_eq!(own.kind, ServiceKind::BuiltIn);
    assert!(own.default_for.is_none(), "it was not asked for");
    let devices = snapshot.devices.known().unwrap();
    assert_eq!(devices.len(), 6);
    let of = |text: &str| devices.service_of(devices.find(&serial(text)).unwrap());
    assert_eq!(of("S1"), Belongs::To(&service("AA")));
    assert_eq!(of("S2"), Belongs::To(&service("BB")));
    assert_eq!(of("S3"), Belongs::ToNone);
    for unclear in ["TWICE", "LAG1", "LAG2"] {
        assert_eq!(of(unclear), Belongs::Unclear, "{unclear}");
    }
    assert_eq!(fixture.calls().len() as u64, least_calls(7, &[4, 2, 0], 2));
}

#[tokio::test]
async fn a_snapshot_with_a_broken_list_knows_that_part_not_at_all() {
    for broken in ["GET /v1/mdmServers/BB/relationships/devices?limit=1000", DEVICES] {
        let mut table = by_line(organisation());
        let fixture = Fixture::start(move |seen| match seen.line == broken {
            true => bare(500, "<html>"),
            false => table(seen),
        })
        .await;
        let snapshot = fixture.observer().snapshot(&Families::None, &mut |_| {}).await;
        assert_eq!(snapshot.services.known().unwrap().len(), 3);
        let unknown = snapshot.devices.unknown().unwrap();
        assert_eq!(unknown.cause, Cause::Unavailable);
        assert!(unknown.reason.contains("[api-unavailable]"), "{unknown}");
    }
    let fixture = Fixture::start(in_turn(vec![refusal(403, "FORBIDDEN_ERROR", "no")])).await;
    let snapshot = fixture.observer().snapshot(&Families::All, &mut |_| {}).await;
    assert!(matches!((snapshot.services, snapshot.devices), (Fact::Unknown(_), Fact::Unknown(_))));
    assert_eq!(fixture.calls().len(), 1);
}

#[tokio::test]
async fn families_that_cannot_be_read_are_unknown_with_their_reason() {
    let refused = refusal(403, "FORBIDDEN_ERROR", "resource does not allow GET_INSTANCE");
    let fixture = Fixture::start(in_turn(vec![refused])).await;
    let families = fixture.observer().default_families(&service("AA")).await;
    assert!(families.unknown().unwrap().reason.contains("api-operation-not-supported"));
    for (value, known) in [(json!([]), true), (json!(null), true), (json!(["HOME_POD"]), false)] {
        let mut one = server("AA", "Lab");
        one["attributes"]["defaultProductFamilies"] = value.clone();
        let fixture = Fixture::start(in_turn(vec![ok(json!({ "data": one }))])).await;
        let families = fixture.observer().default_families(&service("AA")).await;
        assert_eq!(families.known().is_some(), known, "{value}");
    }
}
