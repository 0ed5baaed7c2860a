//! Pages, cursors and sparse fields.

use super::*;

#[tokio::test]
async fn pages_join_to_the_whole_list() {
    let desk = Desk::new().await;
    let whole = ids(&desk.all("/v1/orgDevices", 1000).await).join(" ");
    for limit in [1, 2, 4, 9, 10] {
        assert_eq!(ids(&desk.all("/v1/orgDevices", limit).await).join(" "), whole, "{limit}");
    }
    assert_eq!(desk.all("/v1/mdmServers", 2).await.len(), 5);
    let page = desk.get("/v1/orgDevices?limit=4&fields[orgDevices]=status").await;
    assert_eq!(page["meta"]["paging"]["limit"], 4);
    assert!(page["meta"]["paging"].get("total").is_none());
    let cursor = page["meta"]["paging"]["nextCursor"].as_str().unwrap();
    let next = page["links"]["next"].as_str().unwrap();
    assert!(next.starts_with(&format!("{}/v1/orgDevices?", desk.base())), "{next}");
    assert!(next.contains("limit=4") && next.contains(cursor) && next.contains("fields"), "{next}");
    // The cursor may be given by hand, again and again, and with another limit.
    let by_link = desk.get(next).await;
    let by_hand =
        desk.get(&format!("/v1/orgDevices?cursor={cursor}&limit=4&fields[orgDevices]=status")).await;
    assert_eq!(by_link["data"], by_hand["data"]);
    assert_eq!(
        desk.get(&format!("/v1/orgDevices?cursor={cursor}")).await["data"].as_array().unwrap().len(),
        5
    );
    let last = desk.get("/v1/orgDevices").await;
    assert_eq!(last["meta"]["paging"], json!({"limit": 100}), "the end has neither link nor cursor");
    assert!(last["links"].get("next").is_none());
    desk.fault(json!({"fault": "totals"}));
    assert_eq!(desk.get("/v1/orgDevices?limit=2").await["meta"]["paging"]["total"], 9);
}

#[tokio::test]
async fn parameters_that_are_not_right_are_named() {
    let desk = Desk::new().await;
    let other = desk.get("/v1/mdmServers?limit=1").await["meta"]["paging"]["nextCursor"].clone();
    let of_another_list = format!("cursor={}", other.as_str().unwrap());
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=10&limit=10", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        (of_another_list.as_str(), "cursor"),
        ("fields[orgDevices]=nickname", "fields[orgDevices]"),
        ("fields[orgDevices]=isMdmMigrationCapable", "fields[orgDevices]"),
        ("filter[status]=ASSIGNED", "filter[status]"),
        ("sort=id", "sort"),
    ] {
        let told = desk.ask("GET", &format!("/v1/orgDevices?{query}"), None).await;
        assert_eq!(told.refusal(), (400, "PARAMETER_ERROR.INVALID".to_owned()), "{query}");
        assert_eq!(told.json()["errors"][0]["source"]["parameter"], name, "{query}");
    }
    assert_eq!(desk.get("/v1/orgDevices?limit=1000").await["meta"]["paging"]["limit"], 1000);
}

#[tokio::test]
async fn only_the_fields_that_are_asked_for_come() {
    let desk = Desk::new().await;
    let rows = desk.all("/v1/orgDevices?fields%5BorgDevices%5D=status,productFamily", 100).await;
    assert_eq!(rows[0]["attributes"].as_object().unwrap().len(), 2);
    assert!(rows[0].get("relationships").is_none());
    let rows = desk.all("/v1/orgDevices?fields[orgDevices]=assignedServer", 100).await;
    assert_eq!(rows[0]["attributes"], json!({}));
    assert!(rows[0]["relationships"].get("appleCareCoverage").is_none());
}

#[tokio::test]
async fn rows_come_twice_or_not_at_all_while_a_list_is_read() {
    let desk = Desk::new().await;
    let whole = desk.all("/v1/orgDevices", 100).await;
    desk.fault(json!({"fault": "duplicate-rows", "operation": "list devices", "times": 1}));
    let rows = desk.all("/v1/orgDevices", 4).await;
    assert_eq!(rows.len(), whole.len() + 1);
    assert_eq!(rows[3]["id"], rows[4]["id"]);
    desk.sim.clear_faults();
    desk.fault(json!({"fault": "missing-rows", "operation": "list devices"}));
    let rows = desk.all("/v1/orgDevices", 4).await;
    assert_eq!(rows.len(), whole.len() - 1);
    assert!(rows.iter().all(|row| row["id"] != whole[4]["id"]));
}

#[tokio::test]
async fn what_comes_and_goes_between_pages_moves_no_other_row() {
    let desk = Desk::new().await;
    let path = format!("/v1/mdmServers/{}/relationships/devices", desk.id("Direct"));
    let first = desk.get(&format!("{path}?limit=1")).await;
    desk.by_hand(json!([
        {"do": "assignToService", "organization": ORGANIZATION, "serials": [first["data"][0]["id"]]},
        {"do": "buyDevices", "organization": ORGANIZATION, "serials": ["NEWMAC1"], "family": "Mac"},
    ]))
    .await;
    let cursor = first["meta"]["paging"]["nextCursor"].as_str().unwrap();
    let rest = desk.all(&format!("{path}?cursor={cursor}"), 10).await;
    assert_eq!(rest.len(), 3, "the two that were there, and the new one");
    assert_eq!(ids(&rest).last(), Some(&"NEWMAC1"));
}
