//! A simulated organisation at Apple Business and one at Apple School, and what is needed to talk to
//! them: with the client, or with none of the product's code.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use espalier::http::{self, Reach};
use espalier::model::{Edition, Secret};
use espalier::provider::business::{
    ApiKey, BearerStore, BusinessClient, BusinessSettings, CallBudget, CertificateForm, LogReader,
    MOST_SERIALS, NoStore, PastCalls, SignIn,
};
use espalier::sim::{Options, Seed, Sim, World};
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use serde_json::{Value, json};
use url::Url;

/// The API account of the organisation at Business, and that of the school.
pub const BUSINESS: &str = "BUSINESSAPI.11111111-2222-4333-8444-555555555555";
/// Likewise.
pub const SCHOOL: &str = "SCHOOLAPI.99999999-2222-4333-8444-555555555555";

/// Two organisations. `business` and `school` are members of them in the words of the seed's schema, in
/// the place of the usual ones.
pub fn seed(start: &str, business: &Value, school: &Value) -> Seed {
    let with = |mut usual: Value, other: &Value| {
        for (name, value) in other.as_object().into_iter().flatten() {
            usual[name] = value.clone();
        }
        usual
    };
    let one = json!({
        "name": "Acme", "edition": "business",
        "accounts": [{"clientId": BUSINESS, "keyId": "11111111-0000-4000-8000-000000000000"}],
        "services": [
            {"name": "Tablets", "families": ["iPad"]}, {"name": "Desks", "families": ["Mac"]},
            {"name": "Configurator", "type": "APPLE_CONFIGURATOR"}, {"name": "Built-in", "type": "APPLE_MDM"},
        ],
        "devices": [
            {"serial": "PAD1", "family": "iPad", "service": "Tablets"},
            {"serial": "PAD2", "family": "iPad", "service": "Tablets"},
            {"serial": "PHONE1", "family": "iPhone"}, {"serial": "MAC1", "family": "Mac", "service": "Desks"},
            {"serial": "MAC2", "family": "Mac"}, {"serial": "TV1", "family": "AppleTV"},
            {"serial": "OWN1", "family": "Mac", "service": "Built-in"},
        ],
    });
    let other = json!({
        "name": "Lakeside", "edition": "school",
        "accounts": [{"clientId": SCHOOL, "keyId": "22222222-0000-4000-8000-000000000000"}],
        "services": [{"name": "Pupils", "families": ["iPad"]}, {"name": "Staff"}],
        "devices": [{"serial": "PUPIL1", "family": "iPad", "service": "Pupils"}, {"serial": "PUPIL2"}],
    });
    let seed = json!({
        "seed": 7, "start": start, "organizations": [with(one, business), with(other, school)],
    });
    serde_json::from_value(seed).expect("a seed")
}

/// A behaviour without limits.
pub fn unlimited() -> Value {
    json!({"behaviour": {"getPerMinute": 0, "postPerHour": 0}})
}

/// Starts a simulator.
pub async fn start(seed: &Seed, record: Option<&Path>) -> Sim {
    let mut options = Options::new(World::from_seed(seed));
    options.record = record.map(Path::to_owned);
    Sim::start(options).await.expect("ports on loopback")
}

/// A client assertion for an account, made with OpenSSL and by nothing of the product's.
pub fn assertion(sim: &Sim, client_id: &str) -> String {
    let key = sim.api_key(client_id).expect("an account");
    let now = sim.clock().now().as_second();
    let parts = [
        json!({"alg": "ES256", "kid": key.key_id, "typ": "JWT"}),
        json!({
            "iss": client_id, "sub": client_id, "jti": "one", "iat": now, "exp": now + 1200,
            "aud": "https://account.apple.com/auth/oauth2/v2/token",
        }),
    ];
    let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let private = PKey::private_key_from_pem(key.private_key.as_bytes()).expect("a key");
    let private = private.ec_key().expect("a key of a curve");
    let signature = EcdsaSig::sign(&sha256(signed.as_bytes()), &private).expect("a signature");
    let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).expect("half a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode([half(signature.r()), half(signature.s())].concat()))
}

/// The form of a request for a bearer.
pub fn form(client_id: &str, assertion: &str) -> Vec<(&'static str, String)> {
    let scope = if client_id == SCHOOL { "school.api" } else { "business.api" };
    vec![
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", client_id.to_owned()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
        ("client_assertion", assertion.to_owned()),
        ("scope", scope.to_owned()),
    ]
}

/// What a client of an account needs to know: its key, no store, and a budget that nothing exhausts.
pub fn settings(sim: &Sim, client_id: &str) -> BusinessSettings {
    let is_school = client_id == SCHOOL;
    let key = sim.api_key(client_id).expect("an account");
    let addresses = sim.addresses();
    let api = if is_school { &addresses.school } else { &addresses.business };
    let url = |text: &str| Url::parse(text).expect("an address");
    BusinessSettings {
        edition: if is_school { Edition::School } else { Edition::Business },
        api: url(api),
        account: url(&addresses.account),
        account_name: None,
        client_id: client_id.to_owned(),
        key_id: key.key_id.clone(),
        send_key_id: true,
        sign_in: SignIn::Key(ApiKey::from_pem(&Secret::new(key.private_key)).expect("a key")),
        bearers: Arc::new(NoStore) as Arc<dyn BearerStore>,
        budget: CallBudget::new(100_000, 100_000, &PastCalls::default(), sim.clock().now()),
        most_serials: MOST_SERIALS,
        certificate: CertificateForm::Der,
        clock: sim.clock(),
        user_agent: "espalier-test/1".to_owned(),
        patience: Duration::from_secs(120),
    }
}

/// A client with these settings.
pub fn client(settings: BusinessSettings) -> BusinessClient {
    BusinessClient::new(settings, http::client(Reach::Loopback).expect("a client"))
}

/// A reader of logs beside it.
pub fn logs(sim: &Sim) -> LogReader {
    let api = Url::parse(&sim.addresses().business).expect("an address");
    let http = http::client(Reach::Loopback).expect("a client");
    LogReader::new(http, &api, sim.clock(), "espalier-test/1".to_owned(), Duration::from_secs(60))
}

/// The id of a service of an organisation, which either of its names tells.
pub fn service(sim: &Sim, organisation: &str, name: &str) -> String {
    sim.with_world(|world| {
        let here = world.organization(organisation).expect("an organisation");
        here.services[here.position(name).expect("a service")].id.clone()
    })
}
