//! The control port, the record, the kept world, a simulator elsewhere.

use super::*;

#[tokio::test]
async fn the_clock_is_stepped_from_outside() {
    let desk = Desk::new().await;
    let (_, services) = desk.control("GET", "/services", None).await;
    assert_eq!(services, serde_json::to_value(desk.sim.addresses()).unwrap());
    let (status, clock) = desk.control("POST", "/clock", Some(json!({"advance": "15m"}))).await;
    assert_eq!((status, &clock["now"]), (200, &json!("2026-11-02T08:15:00Z")));
    let (_, clock) = desk.control("POST", "/clock", Some(json!({"advance": "2d"}))).await;
    assert_eq!(clock["now"], "2026-11-04T08:15:00Z");
    for wrong in [json!({"advance": "soon"}), json!({"advance": "-5m"}), json!({"back": "1h"})] {
        assert_eq!(desk.control("POST", "/clock", Some(wrong)).await.0, 400);
    }
    let remote = RemoteSim::connect(&desk.sim.addresses().control).await.unwrap();
    assert_eq!(remote.services(), desk.sim.addresses());
    let clock = remote.clock();
    clock.sleep(Duration::from_secs(3600)).await;
    assert_eq!(clock.now(), desk.sim.clock().now());
    assert_eq!(clock.now().to_string(), "2026-11-04T09:15:00Z");
    assert_eq!(remote.calls().await.unwrap(), desk.sim.calls());
}

#[tokio::test]
async fn waits_side_by_side_do_not_add_up() {
    let desk = Desk::new().await;
    let clock = desk.sim.clock();
    let before = clock.now();
    let span = Duration::from_secs(60);
    tokio::join!(clock.sleep(span), clock.sleep(span), clock.sleep(span / 2));
    assert_eq!(clock.now(), after(before, span));
}

#[tokio::test]
async fn calls_are_listed_and_forgotten() {
    let desk = Desk::new().await;
    desk.created("a").await;
    let (_, calls) = desk.control("GET", "/calls", None).await;
    let create = "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post";
    let expected = json!([
        {"service": "graph", "operation": create, "kind": "write", "count": 1},
        {"service": "login", "operation": "token", "kind": "read", "count": 1},
    ]);
    assert_eq!(calls, expected);
    assert_eq!(serde_json::from_str::<Value>(&calls::to_json(&desk.sim.calls())).unwrap(), expected);
    assert_eq!(desk.control("DELETE", "/calls", None).await.0, 204);
    assert_eq!(desk.control("GET", "/calls", None).await.1, json!([]));
}

#[tokio::test]
async fn a_person_changes_the_world_by_the_portal() {
    let desk = Desk::new().await;
    let token = "School";
    let changes = json!([
        {"do": "createProfile", "token": token, "profile":
            {"@odata.type": "#microsoft.graph.depMacOSEnrollmentProfile", "displayName": "Macs", "fileVaultDisabled": true}},
        {"do": "renameProfile", "token": token, "profile": "Macs", "to": "MacBooks"},
        {"do": "patchProfile", "token": token, "profile": "MacBooks", "members": {"description": "by hand"}},
        {"do": "setDefault", "token": token, "profile": "MacBooks"},
        {"do": "assign", "token": token, "profile": "MacBooks", "serials": ["C02AAA"]},
        {"do": "assign", "token": token, "serials": ["C02BBB"]},
        {"do": "addSerials", "token": token, "serials": ["F99NEW"], "platform": "macOS"},
        {"do": "releaseDevices", "token": token, "serials": ["C02CCC"]},
        {"do": "purgeDevices", "token": token, "serials": ["C02CCC"]},
        {"do": "enroll", "token": token, "serials": ["C02AAA"]},
        {"do": "wipe", "token": token, "serials": ["C02EEE"]},
        {"do": "addScopeTag", "tenant": TENANT, "name": "Bonn"},
        {"do": "changeToken", "token": token, "tokenName": "Schools", "scopeTags": ["Bonn"],
         "expires": "2027-01-01T00:00:00Z", "termsPending": true},
    ]);
    let (status, body) = desk.control("POST", "/portal", Some(changes)).await;
    assert_eq!(status, 204, "{body}");
    let rows = desk.get(&desk.below("/importedAppleDeviceIdentities")).await;
    assert_eq!(rows["value"][0]["enrollmentState"], "enrolled");
    assert_eq!(rows["value"].as_array().unwrap().len(), 4);
    let profile = desk.get(&desk.below("/defaultMacOsEnrollmentProfile")).await;
    assert_eq!(profile["description"], "by hand");
    assert_eq!(profile["enabledSkipKeys"], json!(["FileVault"]));
    let here = desk.get(&desk.below("")).await;
    assert_eq!((&here["tokenName"], &here["roleScopeTagIds"]), (&json!("Schools"), &json!(["2"])));
    for wrong in [
        json!({"do": "enroll", "token": "nobody", "serials": []}),
        json!({"do": "enroll", "token": token, "serials": ["NOBODY"]}),
        json!({"do": "deleteProfile", "token": token, "profile": "nothing"}),
    ] {
        assert_eq!(desk.control("POST", "/portal", Some(wrong)).await.0, 409);
    }
    let twice = json!([
        {"do": "clearDefault", "token": token, "platform": "macOS"},
        {"do": "deleteProfile", "token": token, "profile": "MacBooks"},
    ]);
    assert_eq!(desk.control("POST", "/portal", Some(twice)).await.0, 204);
    assert!(desk.sim.with_world(|world| world.history == Default::default()));
}

#[tokio::test]
async fn the_record_holds_exchanges_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(World::from_seed(&seed()));
    options.record = Some(folder.path().join("exchanges.jsonl"));
    options.persist = Some(folder.path().join("world.json"));
    let desk = Desk::with(options).await;
    desk.created("a").await;
    let requests = json!([{"id": "1", "method": "GET", "url": "/deviceManagement/roleScopeTags?$top=5"}]);
    desk.ask("POST", "/$batch", Some(json!({"requests": requests}))).await;
    let kept = std::fs::read(folder.path().join("world.json")).unwrap();
    assert_eq!(World::from_json(&kept).unwrap().births, 1, "kept after the write");
    desk.advance(60);
    let (now, bearer) = (desk.sim.clock().now(), desk.bearer.clone());
    desk.sim.stop().await.unwrap();
    let kept = std::fs::read(folder.path().join("world.json")).unwrap();
    assert_eq!(World::from_json(&kept).unwrap().now, now, "kept at the end");
    let text = std::fs::read_to_string(folder.path().join("exchanges.jsonl")).unwrap();
    assert!(!text.contains("s3cret") && !text.contains(&bearer));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<(&str, u64, bool)> = lines
        .iter()
        .map(|l| (l["path"].as_str().unwrap(), l["status"].as_u64().unwrap(), l["batch"] == true))
        .collect();
    assert_eq!(seen[0].1, 200);
    assert!(seen[1].0.ends_with("/enrollmentProfiles") && seen[1].1 == 201);
    assert_eq!(seen[2], ("/beta/deviceManagement/roleScopeTags", 200, true));
    assert_eq!((lines[2]["query"].as_str(), seen[3]), (Some("$top=5"), ("/beta/$batch", 200, false)));
    assert_eq!(lines[1]["requestBody"]["displayName"], "a");
}

#[tokio::test]
async fn a_world_goes_on_from_what_get_world_returns() {
    let desk = Desk::new().await;
    desk.created("a").await;
    let url = format!("{}/world", desk.sim.addresses().control);
    let text = desk.http.get(url).send().await.unwrap().bytes().await.unwrap();
    let mut other = Desk::with(Options::new(World::from_json(&text).unwrap())).await;
    assert_eq!(other.get(&other.below("/enrollmentProfiles")).await["value"][0]["displayName"], "a");
    // A bearer of the first process is still good.
    other.bearer.clone_from(&desk.bearer);
    other.get("/deviceManagement/roleScopeTags").await;
}

#[tokio::test]
async fn a_wrong_request_is_told_what_is_right() {
    let desk = Desk::new().await;
    desk.created("a").await;
    let rename = |token: &str, profile: &str| json!([{"do": "renameProfile", "token": token, "profile": profile, "to": "b"}]);
    for (path, body, words) in [
        ("/nosuch", json!({}), "POST /portal"),
        ("/portal", json!({"do": "nosuch"}), "`renameProfile`"),
        ("/portal", json!([{"do": "wipe", "token": "School"}]), "`serials`"),
        ("/portal", rename("schol", "a"), "it has `School`"),
        ("/portal", rename("School", "b"), "it has `a`"),
        ("/faults", json!({"fault": "nosuch"}), "`late-visibility`"),
    ] {
        let (status, answer) = desk.control("POST", path, Some(body)).await;
        let error = answer["error"].as_str().unwrap();
        assert!((400..500).contains(&status) && error.contains(words), "{path}: {error}");
    }
}

#[tokio::test]
async fn fixed_ports_are_used_and_taken_ones_are_an_error() {
    let desk = Desk::new().await;
    let port: u16 = desk.sim.addresses().control.rsplit(':').next().unwrap().parse().unwrap();
    let mut options = Options::new(World::from_seed(&seed()));
    options.ports_from = Some(port);
    assert!(matches!(Sim::start(options).await, Err(SimError::Listen { .. })));
    let mut options = Options::new(World::from_seed(&seed()));
    options.ports_from = Some(65_534);
    assert!(Sim::start(options).await.is_err());
    assert!(matches!(RemoteSim::connect("http://127.0.0.1:9").await, Err(SimError::Remote { .. })));
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/sim-control.json");
    let expected = format!("{:#}\n", control_schema());
    if std::env::var_os("ESPALIER_ACCEPT").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == expected, "set ESPALIER_ACCEPT=1 to write schemas/sim-control.json anew");
}

#[tokio::test]
async fn what_the_control_port_says_and_takes_fits_the_schema() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "429", "retryAfter": 3, "operation": "$batch", "id": "one"}));
    desk.created("a").await;
    let mut samples: Vec<(String, Value)> = Vec::new();
    for path in ["/services", "/calls", "/world", "/clock", "/faults"] {
        samples.push((format!("GET {path}"), desk.control("GET", path, None).await.1));
    }
    let pem = crate::sim::dep::tests::certificate().0;
    let hits = desk.control("GET", "/faults/wait?id=one&hits=0", None).await.1;
    samples.push(("GET /faults/wait".to_owned(), hits));
    for (path, body) in [
        ("/clock", json!({"advance": "1h"})),
        ("/faults", json!([{"fault": "late-visibility", "seconds": 5}, {"fault": "cut", "when": "after"}])),
        ("/portal", json!({"do": "renameProfile", "token": "School", "profile": "a", "to": "b"})),
        (
            "/portal",
            json!([
                {"do": "addClientSecret", "tenant": TENANT, "clientId": "app", "secret": "x"},
                {"do": "addFederatedCredential", "tenant": TENANT, "clientId": "app", "subject": "s", "after": 60},
                {"do": "revokeCredentials", "tenant": TENANT, "clientId": "app"},
                {"do": "runWorkflow", "subject": "s", "requestToken": "r"},
                {"do": "assignManagedIdentity", "tenant": TENANT, "clientId": "i", "userAssigned": true},
            ]),
        ),
        ("/faults/release", json!({"id": "one"})),
        ("/world", serde_json::to_value(seed()).unwrap()),
        (
            "/world",
            json!({"start": "2026-11-02T08:00:00Z", "services": [{"name": "West", "serials": ["DMPW"]}]}),
        ),
        ("/faults", json!({"fault": "throttle-devices", "serials": ["DMPW"], "within": "West"})),
        (
            "/portal",
            json!([
                {"do": "uploadCertificate", "service": "West", "pem": pem},
                {"do": "downloadToken", "service": "West", "form": {"cipher": "aes-256-cbc", "newline": "lf"}},
                {"do": "activateDevices", "serials": ["DMPW"]},
                {"do": "revokeToken", "service": "West"},
            ]),
        ),
    ] {
        let (status, answer) = desk.control("POST", path, Some(body.clone())).await;
        assert!(status < 300, "{path}: {answer}");
        samples.push((format!("POST {path}"), body));
        if !answer.is_null() {
            samples.push((format!("POST {path} answer"), answer));
        }
    }
    samples.push(("error".to_owned(), desk.control("POST", "/faults", Some(json!({"fault": "x"}))).await.1));
    let credentials = desk.control("GET", "/credentials", None).await.1;
    assert_eq!((&credentials[0]["service"], credentials.as_array().unwrap().len()), (&json!("West"), 1));
    samples.push(("GET /credentials".to_owned(), credentials));
    let fits = |name: &str, sample: &Value| {
        let mut schema = control_schema();
        let pointer = name.replace('~', "~0").replace('/', "~1");
        schema["$ref"] = json!(format!("#/$defs/{}", pointer.replace(' ', "%20").replace('…', "%E2%80%A6")));
        jsonschema::validator_for(&schema).unwrap().is_valid(sample)
    };
    for (name, sample) in &samples {
        assert!(fits(name, sample), "{name}: {sample}");
    }
    assert!(!fits("POST /clock", &json!({"advance": 15})));
    assert!(!fits("POST /faults", &json!({"fault": "unheard-of"})));
    assert!(!fits("POST /portal", &json!({"do": "renameProfile", "token": "School"})));
    assert!(fits(
        "POST /portal",
        &json!({"do": "addCertificate", "tenant": "t", "clientId": "c", "pem": "p"})
    ));
    let (status, error) = desk
        .control(
            "POST",
            "/portal",
            Some(json!({"do": "addCertificate", "tenant": TENANT, "clientId": "c", "pem": "p"})),
        )
        .await;
    assert!(
        status == 409 && error["error"].as_str().unwrap().contains("not a certificate in PEM"),
        "{error}"
    );
}
