//! Managed devices of the simulator, held to the description of Graph without the client: every member
//! and every refusal; and the record of exchanges, which no secret gets into.

use std::time::Duration;

use espalier::sim::portal::{self, Change};
use espalier::sim::{Seed, World};
use serde_json::{Value, json};

use crate::support::contract::Judge;
use crate::support::desk::{Desk, TENANT, TOKEN};

const BASE: &str = "/deviceManagement/managedDevices";

fn world() -> World {
    let device = |serial: &str, family: &str| {
        json!({"serial": serial, "token": TOKEN, "family": family, "notes": "desk 4",
               "habits": {"setUpAfter": 60}})
    };
    let profile = |kind: &str| {
        json!({"@odata.type": format!("#microsoft.graph.{kind}"), "displayName": kind, "isDefault": true,
               "requiresUserAuthentication": true, "isMandatory": true})
    };
    let mut shared = device("SHARED01", "iPad");
    shared["users"] = json!(["ida@sim.example", "leo@sim.example"]);
    let seed = json!({
        "seed": 11, "start": "2026-11-02T08:00:00Z",
        "tenants": [{
            "tenantId": TENANT,
            "tokens": [{"name": TOKEN, "profiles": [
                profile("depIOSEnrollmentProfile"),
                profile("depMacOSEnrollmentProfile"),
                profile("depTvOSEnrollmentProfile"),
                profile("depVisionOSEnrollmentProfile"),
            ], "serials": ["DERIVED1", "DERIVED2", "DERIVED3", "DERIVED4", "DERIVED5"]}],
            "devices": [
                device("PHONE001", "iPhone"), device("MAC00001", "Mac"), device("TV000001", "AppleTV"),
                device("VISION01", "Vision"), shared, device("PHONE002", "iPhone"), device("PHONE003", "iPhone"),
            ],
        }],
    });
    let seed: Seed = serde_json::from_value(seed).expect("a seed");
    World::from_seed(&seed)
}

async fn record(desk: &Desk, serial: &str) -> String {
    let (_, page) = desk.ask(&format!("{BASE}?$filter=serialNumber%20eq%20'{serial}'&$select=id")).await;
    page["value"][0]["id"].as_str().expect("a record").to_owned()
}

/// Asks devices for something, in one `$batch`. The statuses in the order of the requests.
async fn acts(desk: &Desk, wishes: &[(&str, &str, Option<Value>)]) -> Vec<u64> {
    let mut requests = Vec::new();
    for (at, (serial, action, body)) in wishes.iter().enumerate() {
        let url = format!("{BASE}/{}/{action}", record(desk, serial).await);
        let mut request = json!({"id": at.to_string(), "method": "POST", "url": url});
        if let Some(body) = body {
            request["body"] = body.clone();
            request["headers"] = json!({"Content-Type": "application/json"});
        }
        requests.push(request);
    }
    let answers = desk.batch(Value::from(requests)).await;
    (0..wishes.len()).map(|at| answers[&at.to_string()]["status"].as_u64().expect("a status")).collect()
}

fn by_hand(desk: &Desk, change: Value) {
    let change: Change = serde_json::from_value(change).expect("a change of the portal");
    desk.sim.with_world(|world| portal::change(world, change)).expect("a possible change");
}

fn advance(desk: &Desk, seconds: u64) {
    desk.sim.with_world(|world| world.advance(Duration::from_secs(seconds)));
}

#[tokio::test]
async fn what_is_told_of_managed_devices_is_as_described() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(|options| {
        options.world = world();
        options.record = Some(recording.clone());
        options.page_size = Some(3);
    })
    .await;
    let (_, first) = desk.ask(BASE).await;
    assert!(
        first["@odata.nextLink"].is_string() && first["value"].as_array().is_some_and(|rows| rows.len() == 3)
    );
    assert_eq!(desk.ask(&format!("{BASE}/$count")).await.1, json!(8));
    let mut secrets = Vec::new();
    for serial in ["PHONE001", "MAC00001", "TV000001", "VISION01", "SHARED01", "DERIVED5"] {
        let id = record(&desk, serial).await;
        let names = "id,serialNumber,activationLockBypassCode,udid,notes,iccid,hardwareInformation,\
                     ethernetMacAddress,physicalMemoryInBytes,bootstrapTokenEscrowed,remoteAssistanceSessionUrl";
        assert_eq!(desk.ask(&format!("{BASE}/{id}")).await.0, 200);
        let (_, told) = desk.ask(&format!("{BASE}/{id}?$select={names}")).await;
        secrets.extend(told["activationLockBypassCode"].as_str().map(str::to_owned));
    }
    assert_eq!(secrets.len(), 4, "an Apple TV and a Vision have none");

    let lost = json!({"message": "Please call", "phoneNumber": "1", "footer": "IT"});
    let user = json!({"userPrincipalName": "ida@sim.example"});
    let accepted = acts(
        &desk,
        &[
            ("PHONE001", "enableLostMode", Some(lost)),
            ("PHONE001", "playLostModeSound", Some(json!({"durationInMinutes": "5"}))),
            ("PHONE001", "locateDevice", None),
            ("PHONE001", "resetPasscode", None),
            ("PHONE001", "bypassActivationLock", None),
            ("PHONE001", "disableLostMode", None),
            ("MAC00001", "remoteLock", None),
            ("TV000001", "remoteLock", None),
            ("VISION01", "rebootNow", None),
            ("SHARED01", "logoutSharedAppleDeviceActiveUser", None),
            ("SHARED01", "setDeviceName", Some(json!({"deviceName": "Cart-1"}))),
            ("SHARED01", "deleteUserFromSharedAppleDevice", Some(user)),
            ("DERIVED5", "syncDevice", None),
            ("DERIVED5", "shutDown", None),
            ("PHONE002", "wipe", Some(json!({"persistEsimDataPlan": true}))),
            ("PHONE003", "retire", None),
            ("PHONE003", "wipe", Some(json!({"keepUserData": true}))),
        ],
    )
    .await;
    let (refused, others) = accepted.split_last().expect("statuses");
    assert!(*refused == 400 && others.iter().all(|status| *status == 204), "{accepted:?}");
    let gone = record(&desk, "PHONE002").await;
    // Pending, active, done: every state on its way.
    let mut states = std::collections::BTreeSet::new();
    for _ in 0..30 {
        let mut link = Some(format!("{BASE}?$filter=contains(deviceName,'-')"));
        while let Some(at) = link {
            let (status, page) = desk.ask(&at).await;
            assert_eq!(status, 200, "{page}");
            for result in page["value"]
                .as_array()
                .expect("rows")
                .iter()
                .flat_map(|row| row["deviceActionResults"].as_array().expect("results"))
            {
                states.insert(result["actionState"].as_str().expect("a state").to_owned());
                secrets.extend(result["unlockPin"].as_str().map(str::to_owned));
                secrets
                    .extend(result["deviceLocation"]["latitude"].as_f64().map(|number| number.to_string()));
            }
            link = page["@odata.nextLink"]
                .as_str()
                .map(|link| link.split_once("/beta").expect("beta").1.to_owned());
        }
        advance(&desk, 5);
    }
    let expected = ["active", "done", "notSupported", "pending"].map(str::to_owned);
    assert_eq!(Vec::from_iter(states), expected);
    assert!(secrets.len() > 6, "{secrets:?}");
    assert_eq!(desk.ask(&format!("{BASE}/{gone}")).await.0, 404);
    let mut link = Some("/deviceManagement/remoteActionAudits".to_owned());
    let mut audits = Vec::new();
    while let Some(at) = link {
        let (_, page) = desk.ask(&at).await;
        audits.extend(page["value"].as_array().expect("rows").clone());
        link =
            page["@odata.nextLink"].as_str().map(|link| link.split_once("/beta").expect("beta").1.to_owned());
    }
    assert_eq!(audits.len(), 16);
    let audit = audits[0]["id"].as_str().expect("an id");
    assert_eq!(desk.ask(&format!("/deviceManagement/remoteActionAudits/{audit}")).await.0, 200);

    let behaviour = json!({"approvals": ["deviceDelete", "deviceRetire"], "retiresPerDay": 0});
    by_hand(&desk, json!({"do": "changeDeviceBehaviour", "tenant": TENANT, "behaviour": behaviour}));
    let delete = json!([{
        "id": "1", "method": "DELETE", "url": format!("{BASE}/{}", record(&desk, "TV000001").await),
        "headers": {"x-msft-approval-justification": "bG9zdA=="},
    }]);
    assert_eq!(desk.batch(delete.clone()).await["1"]["status"], 403);
    assert_eq!(desk.batch(delete).await["1"]["status"], 409);
    assert_eq!(acts(&desk, &[("MAC00001", "retire", None)]).await, [400]);
    let requests = "/deviceManagement/operationApprovalRequests";
    let (_, page) = desk.ask(requests).await;
    let code = page["value"][0]["id"].as_str().expect("a code").to_owned();
    by_hand(
        &desk,
        json!({"do": "decideApproval", "tenant": TENANT, "decision": "approve", "justification": "yes"}),
    );
    assert_eq!(desk.ask(&format!("{requests}/{code}")).await.1["approvalJustification"], "yes");
    let (_, page) = desk.ask(&format!("{requests}?$filter=requestId%20eq%20'{code}'")).await;
    assert_eq!(page["value"][0]["status"], "approved");
    let again = json!([{
        "id": "1", "method": "DELETE", "url": format!("{BASE}/{}", record(&desk, "TV000001").await),
        "headers": {"x-msft-approval-code": code},
    }]);
    assert_eq!(desk.batch(again).await["1"]["status"], 204);

    desk.sim.stop().await.expect("the simulator stops");
    let text = std::fs::read_to_string(&recording).expect("a recording");
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "{secret} is in the record");
    }
    if let Some(judge) = Judge::from_env() {
        let faults = judge.file(&recording);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
