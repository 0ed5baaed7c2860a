//! Everything that the simulator answers as Apple's enrollment service, held to the contracts without
//! the client: the schemas, and what was recorded of the real service.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use espalier::http::{self, Reach};
use espalier::model::Serial;
use espalier::sim::apple::Family;
use espalier::sim::portal::{self, Change};
use espalier::sim::{Options, Seed, SeedService, Sim, World};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::support::contract::contracts_folder;
use crate::support::contract::dep::{DepJudge, Side};

const SERVICE: &str = "School";

/// The simulator, and a plain client with a session.
struct Desk {
    sim: Sim,
    http: reqwest::Client,
    session: String,
    version: &'static str,
}

impl Desk {
    async fn new(recording: &Path) -> Self {
        let serial = |text: &str| Serial::new(text).expect("a serial");
        let service = SeedService {
            name: SERVICE.to_owned(),
            serials: ["DMPA1", "DMPA2", "FCHPHONE", "C02MAC", "TVTV", "VISION"].map(serial).to_vec(),
            families: [
                ("FCHPHONE", Family::IPhone),
                ("C02MAC", Family::Mac),
                ("TVTV", Family::AppleTv),
                ("VISION", Family::Vision),
            ]
            .map(|(text, family)| (serial(text), family))
            .into(),
            ..SeedService::default()
        };
        let seed = Seed {
            seed: 3,
            start: "2026-11-02T08:00:00Z".parse().expect("an instant"),
            surroundings: true,
            services: vec![service],
            tenants: Vec::new(),
            ..Seed::default()
        };
        let mut options = Options::new(World::from_seed(&seed));
        options.record = Some(recording.to_owned());
        let sim = Sim::start(options).await.expect("a simulator on free ports");
        let http = http::client(Reach::Loopback).expect("a client");
        let mut desk = Self { sim, http, session: String::new(), version: "10" };
        desk.sign_in().await;
        desk
    }

    async fn sign_in(&mut self) {
        let token = self.sim.server_token(SERVICE).expect("a token");
        let url = format!("{}/session", self.sim.addresses().dep);
        let now = self.sim.clock().now().as_second();
        let pairs = [
            ("oauth_consumer_key", token.consumer_key.as_str()),
            ("oauth_nonce", "only once"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &now.to_string()),
            ("oauth_token", &token.access_token),
        ]
        .map(|(name, value)| (name, encoded(value)));
        let joined =
            pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let text = format!("GET&{}&{}", encoded(&url), encoded(&joined));
        let key = format!("{}&{}", token.consumer_secret, token.access_secret);
        let key = PKey::hmac(key.as_bytes()).expect("a key");
        let mut signer = Signer::new(MessageDigest::sha1(), &key).expect("a signer");
        let signature = STANDARD.encode(signer.sign_oneshot_to_vec(text.as_bytes()).expect("a signature"));
        let shown =
            pairs.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(", ");
        let header = format!("OAuth {shown}, oauth_signature=\"{}\"", encoded(&signature));
        let answer =
            self.http.get(url).header("Authorization", header).header("User-Agent", "desk/1").send().await;
        let answer: Value = answer.expect("an answer").json().await.expect("JSON");
        self.session = answer["auth_session_token"].as_str().expect("a session").to_owned();
    }

    /// Status and body; a text that is no JSON is a text.
    async fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.sim.addresses().dep);
        let mut request = self
            .http
            .request(method.parse().expect("a method"), url)
            .header("User-Agent", "desk/1")
            .header("X-ADM-Auth-Session", &self.session)
            .header("X-Server-Protocol-Version", self.version);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json;charset=UTF8").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        if let Some(session) = answer.headers().get("x-adm-auth-session") {
            self.session = session.to_str().expect("a text").to_owned();
        }
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a text");
        (status, serde_json::from_str(&text).unwrap_or(Value::from(text)))
    }

    async fn good(&mut self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, body) = self.ask(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        body
    }

    fn by_hand(&self, changes: Value) {
        let changes: Vec<Change> = serde_json::from_value(changes).expect("changes of the portal");
        self.sim.with_world(|world| {
            for change in changes {
                portal::change(world, change).expect("a possible change");
            }
        });
    }
}

/// RFC 3986 encoding of what these tests sign.
fn encoded(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

fn profile(name: &str) -> Value {
    json!({
        "profile_name": name, "url": "https://mdm.example/enroll", "configuration_web_url": "https://mdm.example/web",
        "org_magic": "0729093D-D02C-4D8B-89DC-4EF900AED5B2", "allow_pairing": false, "is_supervised": true,
        "is_mandatory": true, "is_mdm_removable": false, "await_device_configured": true, "language": "de",
        "region": "DE", "support_phone_number": "1", "support_email_address": "a@b.example", "department": "IT",
        "anchor_certs": ["AAAA"], "supervising_host_certs": [], "skip_setup_items": ["AppleID", "Android"],
    })
}

#[tokio::test]
async fn every_answer_of_the_enrollment_service_is_as_described() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let mut desk = Desk::new(&recording).await;
    for version in ["1", "3", "7", "9", "10"] {
        desk.version = version;
        desk.good("GET", "/account", None).await;
        let page = desk.good("POST", "/server/devices", Some(json!({"limit": 5}))).await;
        let rest = Some(json!({"limit": 1000, "cursor": page["cursor"]}));
        let end = desk.good("POST", "/server/devices", rest).await;
        let uuid = desk.good("POST", "/profile", Some(profile(version))).await["profile_uuid"].clone();
        let path = format!("/profile?profile_uuid={}", uuid.as_str().expect("a UUID"));
        desk.good("GET", &path, None).await;
        for (method, devices) in
            [("POST", json!(["DMPA1", "C02MAC", "NOBODY"])), ("PUT", json!(["DMPA2", "TVTV"]))]
        {
            let body = json!({"profile_uuid": uuid, "devices": devices});
            desk.good(method, "/profile/devices", Some(body)).await;
        }
        let fault = json!({"fault": "throttle-devices", "serials": ["VISION"]});
        desk.sim.add_fault(serde_json::from_value(fault).expect("a fault"));
        let body = json!({"profile_uuid": uuid, "devices": ["VISION", "FCHPHONE"]});
        desk.good("POST", "/profile/devices", Some(body)).await;
        desk.by_hand(json!([
            {"do": "activateDevices", "serials": ["DMPA1"]},
            {"do": "scheduleMigration", "serials": ["DMPA2"], "deadline": "2026-12-01T00:00:00Z"},
            {"do": "moveDevices", "serials": ["VISION"]},
            {"do": "moveDevices", "serials": ["VISION"], "to": SERVICE},
        ]));
        let delta = desk.good("POST", "/devices/sync", Some(json!({"cursor": end["cursor"]}))).await;
        assert!(delta["devices"].as_array().expect("rows").len() > 8);
        desk.good("POST", "/devices/sync", Some(json!({"cursor": delta["cursor"], "limit": 1}))).await;
        desk.good("POST", "/devices", Some(json!({"devices": ["DMPA1", "DMPA2", "NOBODY"]}))).await;
        desk.good("DELETE", "/profile/devices", Some(json!({"devices": ["DMPA2", "NOBODY"]}))).await;
    }
    desk.by_hand(json!([{"do": "replaceDevice", "serial": "TVTV", "by": "TVNEW"}]));
    desk.good("GET", "/device/replacementDetails?device=TVNEW", None).await;
    desk.good("GET", "/os-beta-enrollment/tokens", None).await;
    let discovery = "/account-driven-enrollment/profile";
    let url =
        json!({"mdm_service_discovery_url": "https://mdm.example/.well-known/com.apple.remotemanagement"});
    desk.good("POST", discovery, Some(url)).await;
    desk.good("GET", discovery, None).await;
    desk.good("DELETE", discovery, None).await;
    for device in ["DMPA1", "C02MAC", "NOBODY"] {
        let body = json!({"device": device, "escrow_key": "0".repeat(64), "lost_message": "call us"});
        desk.good("POST", "/device/activationlock", Some(body)).await;
    }
    desk.good("POST", "/devices/disown", Some(json!({"devices": ["TVNEW", "NOBODY"]}))).await;
    for (method, path, body) in [
        ("GET", "/profile?profile_uuid=ABC", None),
        ("POST", "/profile/devices", Some(json!({"profile_uuid": "ABC", "devices": ["DMPA1"]}))),
        ("POST", "/devices/sync", Some(json!({"cursor": "ABC"}))),
        ("GET", discovery, None),
    ] {
        let (status, body) = desk.ask(method, path, body).await;
        assert!(status >= 400 && body.is_string(), "{status} {body}");
    }
    desk.sim.stop().await.expect("the simulator stops");
    let text = std::fs::read_to_string(&recording).expect("a recording");
    assert!(text.contains("[secret]") && !text.contains("sim-dep-session"), "a session is in the record");
    if let Some(judge) = DepJudge::from_env() {
        let faults = judge.file(&recording, Side::Own);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// Every place of a document with the type of what is there. Lists and maps by serial are one place.
fn shape(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let by_serial = place == "/devices";
                shape(member, &format!("{place}/{}", if by_serial { "*" } else { name }), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{place}/*"), found)),
        _ => {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                _ => "text",
            };
            found.insert(format!("{place}: {kind}"));
        }
    }
}

#[tokio::test]
async fn what_was_recorded_of_the_service_has_the_shape_of_what_is_played() {
    let Some(contracts) = contracts_folder() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut desk = Desk::new(&folder.path().join("exchanges.jsonl")).await;
    desk.version = "3";
    let uuid = desk.good("POST", "/profile", Some(profile("default"))).await["profile_uuid"].clone();
    let body = json!({"profile_uuid": uuid, "devices": ["C02MAC"]});
    desk.good("POST", "/profile/devices", Some(body)).await;
    let page = desk.good("POST", "/server/devices", Some(json!({}))).await;
    let path = format!("/profile?profile_uuid={}", uuid.as_str().expect("a UUID"));
    for (file, played) in [
        ("account_response", desk.good("GET", "/account", None).await),
        ("device_response", page.clone()),
        (
            "device_details_response",
            desk.good("POST", "/devices", Some(json!({"devices": ["C02MAC"]}))).await,
        ),
        (
            "empty_sync_response",
            desk.good("POST", "/devices/sync", Some(json!({"cursor": page["cursor"]}))).await,
        ),
        ("fetch_profile_response", desk.good("GET", &path, None).await),
    ] {
        let path = contracts.join(format!("recorded/dep/{file}.json"));
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).expect("a sample")).expect("JSON");
        let mut shapes = [BTreeSet::new(), BTreeSet::new()];
        shape(&recorded, "", &mut shapes[0]);
        shape(&played, "", &mut shapes[1]);
        let missing: Vec<&String> = shapes[0].difference(&shapes[1]).collect();
        assert!(missing.is_empty(), "{file}: {missing:?} in {played:#}");
        // Booleans that came later, and what the profile of this test has beside the recorded one.
        let explained = [
            "/is_return_to_service",
            "/do_not_use_profile_from_backup",
            "/devices/*/profile_push_time",
            "/configuration_web_url",
            "/language",
            "/region",
            "/anchor_certs",
        ];
        let surplus = shapes[1].difference(&shapes[0]);
        let unexplained: Vec<&String> =
            surplus.filter(|place| !explained.iter().any(|member| place.starts_with(member))).collect();
        assert!(unexplained.is_empty(), "{file}: {unexplained:?}");
    }
}
