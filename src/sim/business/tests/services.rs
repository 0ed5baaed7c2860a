//! Services, written.

use base64::engine::general_purpose::STANDARD;

use super::*;

const PATH: &str = "/v1/mdmServers";

fn body(id: Option<&str>, attributes: Value) -> Value {
    let mut data = json!({"type": "mdmServers", "attributes": attributes});
    if let Some(id) = id {
        data["id"] = json!(id);
    }
    json!({"data": data})
}

fn certificate(encoded: &[u8]) -> Value {
    json!({"name": "lab.pem", "data": STANDARD.encode(encoded)})
}

#[tokio::test]
async fn a_service_is_created_and_its_flag_told_wrong() {
    let desk = Desk::new().await;
    let (pem, key) = crate::sim::dep::tests::certificate();
    let der = openssl::x509::X509::from_pem(pem.as_bytes()).unwrap().to_der().unwrap();
    for (name, encoded) in [("By PEM", pem.as_bytes()), ("By DER", &der)] {
        let attributes = json!({"serverName": name, "serverCertificate": certificate(encoded), "enableMdmDisownFlag": true});
        let told = desk.ask("POST", PATH, Some(body(None, attributes))).await;
        assert_eq!(told.status, 201, "{told:?}");
        let made = told.json();
        let id = made["data"]["id"].as_str().unwrap().to_owned();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()), "{id}");
        let attributes = &made["data"]["attributes"];
        assert_eq!((&attributes["status"], &attributes["deviceCount"]), (&json!("ACTIVE"), &json!(0)));
        assert_eq!(attributes["enableMdmDisownFlag"], false, "whatever was sent");
        assert!(!made.to_string().contains("serverCertificate"));
        let one = desk.get(&format!("{PATH}/{id}")).await;
        assert_eq!(one["data"]["attributes"]["enableMdmDisownFlag"], true);
        assert_eq!(one["data"]["attributes"]["defaultProductFamilies"], json!([]));
    }
    // It takes devices, and a person can download its token.
    let assign = desk.activity("ASSIGN_DEVICES", Some("By DER"), &["FREE1"]);
    assert_eq!(desk.carry_out(assign).await, "COMPLETED_WITH_SUCCESS");
    assert!(desk.sim.server_token("By DER").is_none(), "there is none before");
    let told =
        desk.by_hand(json!({"do": "downloadToken", "service": "By DER", "person": "ada@acme.example"})).await;
    assert_eq!(told.status, 200, "{told:?}");
    drop(key);
    assert!(desk.sim.server_token("By DER").is_some());
    let fleet = desk.sim.with_world(|world| world.service("By DER").unwrap().fleet.len());
    assert_eq!(fleet, 1);
    let created = desk.sim.with_world(|world| world.history.organizations.services_created.clone());
    assert_eq!(created, [("By DER".to_owned(), 1), ("By PEM".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_service_needs_name_and_certificate() {
    let desk = Desk::new().await;
    let (pem, _) = crate::sim::dep::tests::certificate();
    let good = certificate(pem.as_bytes());
    for attributes in [
        json!({"serverName": "Lab"}),
        json!({"serverCertificate": good}),
        json!({"serverName": "", "serverCertificate": good}),
        json!({"serverName": "Lab", "serverCertificate": certificate(b"no certificate")}),
        json!({"serverName": "Lab", "serverCertificate": {"data": good["data"]}}),
        json!({"serverName": "Lab", "serverCertificate": good, "enableMdmDisownFlag": "yes"}),
        json!({"serverName": "Lab", "serverCertificate": good, "defaultProductFamilies": ["MAC"]}),
        json!({"serverName": "Lab", "serverCertificate": good, "serverType": "APPLE_MDM"}),
    ] {
        let told = desk.refused("POST", PATH, Some(body(None, attributes.clone()))).await;
        assert_eq!(told, (409, "ENTITY_ERROR.ATTRIBUTE.INVALID".to_owned()), "{attributes}");
    }
    assert_eq!(desk.refused("POST", PATH, Some(json!({"data": []}))).await.0, 422);
    assert_eq!(desk.all(PATH, 100).await.len(), 5);
}

#[tokio::test]
async fn families_are_cleared_moved_in_two_steps_and_refused_as_was_found() {
    let desk = Desk::new().await;
    let (intune, alone) = (desk.id("Intune"), desk.id("Alone"));
    let patch = async |id: &str, attributes: Value| {
        desk.ask("PATCH", &format!("{PATH}/{id}"), Some(body(Some(id), attributes))).await
    };
    let families = |list: Value| json!({"defaultProductFamilies": list});
    let told = patch(&alone, families(json!(["IPAD"]))).await;
    assert_eq!(told.status, 409, "another service has it: {told:?}");
    let told = patch(&intune, families(json!(["IPHONE"]))).await;
    assert_eq!(told.json()["data"]["attributes"]["defaultProductFamilies"], json!(["IPHONE"]));
    let told = patch(&alone, families(json!(["IPAD", "WATCH", "IPOD"]))).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(patch(&alone, families(json!([]))).await.status, 200, "cleared");
    assert_eq!(patch(&alone, families(json!([]))).await.status, 400, "there is nothing to clear");
    assert_eq!(patch(&alone, families(Value::Null)).await.status, 500);
    assert_eq!(patch(&alone, families(json!(["iPad"]))).await.status, 409, "the spelling of devices");
    assert_eq!(patch(&alone, json!({})).await.status, 400);
    assert_eq!(patch("ABC", json!({"serverName": "X"})).await.status, 404);
    let told =
        desk.ask("PATCH", &format!("{PATH}/{alone}"), Some(body(None, json!({"serverName": "X"})))).await;
    assert_eq!(told.status, 422, "the id belongs in the body: {told:?}");
    // What is left out stays.
    let told = patch(&intune, json!({"serverName": "Field", "enableMdmDisownFlag": true})).await;
    let attributes = &told.json()["data"]["attributes"];
    assert_eq!(
        (&attributes["serverName"], &attributes["enableMdmDisownFlag"]),
        (&json!("Field"), &json!(true))
    );
    assert_eq!(attributes["defaultProductFamilies"], json!(["IPHONE"]));
    let history = desk.sim.with_world(|world| world.history.organizations.clone());
    assert_eq!(history.services_renamed, [(intune.clone(), 1)].into());
    assert_eq!(history.services_changed, [(intune, 2), (alone, 2)].into());
}

#[tokio::test]
async fn a_renamed_service_is_renamed_at_the_enrollment_service() {
    let desk = Desk::new().await;
    let id = desk.id("Direct");
    let told =
        desk.ask("PATCH", &format!("{PATH}/{id}"), Some(body(Some(&id), json!({"serverName": "Own"})))).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert!(desk.sim.with_world(|world| world.services.iter().any(|server| server.name == "Own")));
}

#[tokio::test]
async fn a_service_goes_when_it_is_empty_and_nobodys_default() {
    let desk = Desk::new().await;
    let delete = async |name: &str| desk.ask("DELETE", &format!("{PATH}/{}", desk.id(name)), None).await;
    assert_eq!(delete("Alone").await.status, 409, "it has a device");
    let body = desk.activity("ASSIGN_DEVICES", Some("Direct"), &["ALONE1"]);
    desk.carry_out(body).await;
    let id = desk.id("Alone");
    let told = delete("Alone").await;
    assert_eq!((told.status, told.text.as_str()), (204, ""));
    assert_eq!(desk.refused("DELETE", &format!("{PATH}/{id}"), None).await.0, 404);
    assert_eq!(delete("Configurator").await.status, 409, "Apple's own");
    // One that has no devices any more, but is a default.
    let body =
        desk.activity("UNASSIGN_DEVICES", Some("Direct"), &["ALONE1", "DIRECT1", "DIRECT2", "DIRECT9"]);
    desk.carry_out(body).await;
    assert_eq!(delete("Direct").await.refusal(), (409, "FAILED_PRECONDITION".to_owned()));
    let direct = desk.id("Direct");
    let clear = super::services::body(Some(&direct), json!({"defaultProductFamilies": []}));
    assert_eq!(desk.ask("PATCH", &format!("{PATH}/{direct}"), Some(clear)).await.status, 200);
    assert_eq!(delete("Direct").await.status, 204);
    assert!(desk.sim.server_token("Direct server").is_none(), "its server is gone with it");
    let deleted = desk.sim.with_world(|world| world.history.organizations.services_deleted.clone());
    assert_eq!(deleted, [id, direct]);
}
