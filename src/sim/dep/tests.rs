//! The enrollment service as a client sees it: plain HTTP over loopback.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde_json::{Value, json};

use crate::model::Serial;
use crate::sim::{Options, Seed, SeedService, ServerToken, Sim, World};

mod cursors;
mod faults;
mod portal;
mod profiles;
mod reads;
mod sign_in;

const NORTH: &str = "North";
const SOUTH: &str = "South";

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn service(name: &str, serials: &[&str]) -> SeedService {
    SeedService {
        name: name.to_owned(),
        serials: serials.iter().map(|text| serial(text)).collect(),
        ..SeedService::default()
    }
}

fn seed() -> Seed {
    use crate::sim::apple::Family;
    let mut north = service(NORTH, &["DMPA1", "DMPA2", "C02MAC", "FCHPHONE", "TVTV"]);
    north.families = [("C02MAC", Family::Mac), ("FCHPHONE", Family::IPhone), ("TVTV", Family::AppleTv)]
        .map(|(text, family)| (serial(text), family))
        .into();
    Seed {
        seed: 7,
        start: "2026-11-02T08:00:00Z".parse().unwrap(),
        surroundings: false,
        services: vec![north, service(SOUTH, &["DMPB1"])],
        tenants: Vec::new(),
        ..Seed::default()
    }
}

/// A running simulator and a client of one of its services.
pub(in crate::sim) struct Desk {
    pub sim: Sim,
    http: reqwest::Client,
    token: ServerToken,
    session: String,
    version: &'static str,
}

/// An answer: status, body as text, the new session if there is one, and what time it is there.
#[derive(Debug)]
struct Told {
    status: u16,
    text: String,
    session: Option<String>,
    retry_after: Option<String>,
    date: Option<String>,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Desk {
    async fn new() -> Self {
        Self::with(&seed()).await
    }

    async fn with(seed: &Seed) -> Self {
        let sim = Sim::start(Options::new(World::from_seed(seed))).await.unwrap();
        Self::at(sim, NORTH).await
    }

    pub async fn at(sim: Sim, service: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().user_agent("desk/1").build().unwrap();
        let token = sim.server_token(service).unwrap();
        let mut desk = Self { sim, http, token, session: String::new(), version: "10" };
        desk.sign_in().await;
        desk
    }

    /// Signs in with the token.
    async fn sign_in(&mut self) {
        let told = self.try_sign_in(&self.token).await;
        assert_eq!(told.status, 200, "{told:?}");
        self.session = told.json()["auth_session_token"].as_str().unwrap().to_owned();
    }

    async fn try_sign_in(&self, token: &ServerToken) -> Told {
        let header = self.header(token, &self.nonce(), self.now(), "HMAC-SHA1");
        self.sign_in_by(&header).await
    }

    async fn sign_in_by(&self, header: &str) -> Told {
        let url = format!("{}/session", self.sim.addresses().dep);
        answer(self.http.get(url).header("Authorization", header)).await.unwrap()
    }

    fn now(&self) -> i64 {
        self.sim.clock().now().as_second()
    }

    fn nonce(&self) -> String {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!("nonce-{}", NUMBER.fetch_add(1, Ordering::SeqCst))
    }

    /// A signed header, as RFC 5849 describes it.
    fn header(&self, token: &ServerToken, nonce: &str, timestamp: i64, method: &str) -> String {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let parameters = [
            ("oauth_consumer_key", token.consumer_key.clone()),
            ("oauth_nonce", nonce.to_owned()),
            ("oauth_signature_method", method.to_owned()),
            ("oauth_timestamp", timestamp.to_string()),
            ("oauth_token", token.access_token.clone()),
            ("oauth_version", "1.0".to_owned()),
        ];
        let joined: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{}/session", self.sim.addresses().dep);
        let text = format!("GET&{}&{}", encode(&url), encode(&joined.join("&")));
        let key =
            PKey::hmac(format!("{}&{}", token.consumer_secret, token.access_secret).as_bytes()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha1(), &key).unwrap();
        let signature = STANDARD.encode(signer.sign_oneshot_to_vec(text.as_bytes()).unwrap());
        let shown: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .chain([format!("oauth_signature=\"{}\"", encode(&signature))])
            .collect();
        format!("OAuth {}", shown.join(", "))
    }

    async fn try_ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Told, reqwest::Error> {
        let url = format!("{}{path}", self.sim.addresses().dep);
        let mut request = self
            .http
            .request(method.parse().unwrap(), url)
            .header("X-ADM-Auth-Session", &self.session)
            .header("X-Server-Protocol-Version", self.version)
            .header("Content-Type", "application/json;charset=UTF8");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let told = answer(request).await?;
        if let Some(session) = &told.session {
            self.session.clone_from(session);
        }
        Ok(told)
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Told {
        self.try_ask(method, path, body).await.unwrap()
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Value {
        let told = self.ask("POST", path, Some(body)).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    }

    async fn get(&mut self, path: &str) -> Value {
        let told = self.ask("GET", path, None).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.json()
    }

    /// The code with which a request is refused.
    async fn refused(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let told = self.ask(method, path, body).await;
        (told.status, told.text)
    }

    /// Every page of a full read: all rows, and the cursor.
    async fn read_all(&mut self, limit: u32) -> (Vec<Value>, String) {
        let mut rows = Vec::new();
        let mut body = json!({"limit": limit});
        loop {
            let page = self.post("/server/devices", body.clone()).await;
            rows.extend(page["devices"].as_array().unwrap().clone());
            let cursor = page["cursor"].as_str().unwrap().to_owned();
            if page["more_to_follow"] == false {
                return (rows, cursor);
            }
            body["cursor"] = json!(cursor);
        }
    }

    /// One page of a delta: its rows, and the cursor.
    async fn delta(&mut self, cursor: &str) -> (Vec<Value>, String) {
        let page = self.post("/devices/sync", json!({"cursor": cursor})).await;
        let rows = page["devices"].as_array().unwrap().clone();
        (rows, page["cursor"].as_str().unwrap().to_owned())
    }

    async fn define(&mut self, name: &str) -> String {
        let answer = self.post("/profile", profile(name)).await;
        answer["profile_uuid"].as_str().unwrap().to_owned()
    }

    async fn assign(&mut self, uuid: &str, serials: &[&str]) -> Value {
        self.post("/profile/devices", json!({"profile_uuid": uuid, "devices": serials})).await
    }

    /// One device's details.
    async fn device(&mut self, serial: &str) -> Value {
        self.post("/devices", json!({"devices": [serial]})).await["devices"][serial].clone()
    }

    fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).unwrap())
    }

    fn advance(&self, seconds: u64) {
        self.sim.with_world(|world| world.advance(std::time::Duration::from_secs(seconds)));
    }

    fn uuid(&self, service: &str) -> String {
        self.sim.with_world(|world| world.service(service).unwrap().uuid.clone())
    }

    async fn by_hand(&self, changes: Value) -> Value {
        let url = format!("{}/portal", self.sim.addresses().control);
        let told = answer(self.http.post(url).body(changes.to_string())).await.unwrap();
        assert!(told.status < 300, "{told:?}");
        if told.text.is_empty() { Value::Null } else { told.json() }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Told, reqwest::Error> {
    let answer = request.send().await?;
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (session, retry_after, date) = (header("x-adm-auth-session"), header("retry-after"), header("date"));
    let status = answer.status().as_u16();
    Ok(Told { status, text: answer.text().await?, session, retry_after, date })
}

fn profile(name: &str) -> Value {
    json!({
        "profile_name": name, "url": "https://mdm.example/enroll", "org_magic": "magic",
        "is_supervised": true, "is_mdm_removable": false, "skip_setup_items": ["Siri"],
    })
}

fn serials(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["serial_number"].as_str().unwrap()).collect()
}

/// A certificate in PEM and its key.
pub(in crate::sim) fn certificate() -> (String, PKey<openssl::pkey::Private>) {
    use openssl::asn1::Asn1Time;
    use openssl::bn::BigNum;
    use openssl::rsa::Rsa;
    use openssl::x509::{X509Builder, X509NameBuilder};
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "desk").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let number = BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap();
    builder.set_serial_number(&number).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (String::from_utf8(builder.build().to_pem().unwrap()).unwrap(), key)
}
