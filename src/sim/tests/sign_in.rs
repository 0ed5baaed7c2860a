//! Signing in by assertion, and the services that vouch for a program. Assertions are made here by
//! hand, by nothing of the product's client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Signer};
use openssl::x509::{X509, X509NameBuilder};

use super::*;

const APP: &str = "3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const KIND: (&str, &str) =
    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

/// A key with its certificate, good for some days from the given offset to the world's start on.
struct Signed {
    key: PKey<Private>,
    certificate: X509,
}

impl Signed {
    fn new(from_day: i64, to_day: i64) -> Self {
        let start = seed().start.as_second();
        let at = |day: i64| Asn1Time::from_unix(start + day * 86_400).unwrap();
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut builder = X509::builder().unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "test").unwrap();
        builder.set_subject_name(&name.build()).unwrap();
        builder.set_not_before(&at(from_day)).unwrap();
        builder.set_not_after(&at(to_day)).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { key, certificate: builder.build() }
    }

    fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    fn public_pem(&self) -> String {
        String::from_utf8(self.key.public_key_to_pem().unwrap()).unwrap()
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.certificate.digest(MessageDigest::sha256()).unwrap())
    }

    /// A JWT; with a salt length it is PSS, without one PKCS#1 1.5.
    fn jwt(&self, header: &Value, claims: &Value, salt: Option<RsaPssSaltlen>) -> String {
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        if let Some(salt) = salt {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(salt).unwrap();
        }
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Desk {
    async fn portal(&self, change: Value) {
        let (status, answer) = self.control("POST", "/portal", Some(change)).await;
        assert_eq!(status, 204, "{answer}");
    }

    /// The status, and the `AADSTS…` of a refusal.
    async fn show(&self, assertion: &str) -> (u16, String) {
        let (status, body) =
            self.login(TENANT, &[("client_id", APP), KIND, ("client_assertion", assertion)]).await;
        let text = body["error_description"].as_str().unwrap_or_default();
        (status, text.split(':').next().unwrap_or_default().to_owned())
    }

    fn now(&self) -> i64 {
        self.sim.with_world(|world| world.now.as_second())
    }

    async fn get_from(&self, url: String, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.http.get(url);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn own_claims(now: i64, id: &str) -> Value {
    json!({
        "aud": format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/token"), "iss": APP, "sub": APP, "jti": id,
        "nbf": now, "iat": now, "exp": now + 480,
    })
}

fn changed(value: &Value, name: &str, to: Value) -> Value {
    let mut value = value.clone();
    value[name] = to;
    value
}

#[tokio::test]
async fn an_own_assertion_is_held_to_signature_header_and_claims() {
    let desk = Desk::new().await;
    let (own, other) = (Signed::new(-1, 30), Signed::new(-1, 30));
    let add = |pem| json!({ "do": "addCertificate", "tenant": TENANT, "clientId": APP, "pem": pem });
    desk.portal(add(own.pem())).await;
    let now = desk.now();
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": own.thumbprint() });
    let claims = |id: &str| own_claims(now, id);
    let salt = || Some(RsaPssSaltlen::DIGEST_LENGTH);

    let good = own.jwt(&header, &claims("1"), salt());
    assert_eq!(desk.show(&good).await, (200, String::new()));
    assert_eq!(desk.show(&good).await, (401, "AADSTS50013".into()), "a jti is good once");
    assert_eq!(desk.show(&own.jwt(&header, &claims("2"), salt())).await.0, 200);

    let with_claim = |name, to| own.jwt(&header, &changed(&claims(name), name, to), salt());
    let with_header = |name, to| own.jwt(&changed(&header, name, to), &claims(name), salt());
    let (signed, _) = good.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(claims("forged").to_string());
    let signature = good.rsplit_once('.').unwrap().1;
    for (assertion, code, what) in [
        (with_claim("aud", json!("https://login.microsoftonline.us/t/oauth2/v2.0/token")), 700_023, "aud"),
        (with_claim("aud", json!(format!("{AUTHORITY}/other/oauth2/v2.0/token"))), 700_023, "tenant"),
        (with_claim("iss", json!("other")), 700_021, "iss"),
        (with_claim("sub", json!("other")), 700_021, "sub"),
        (with_claim("exp", json!(now - 301)), 700_024, "exp"),
        (with_claim("exp", json!(null)), 700_024, "no exp"),
        (with_claim("nbf", json!(now + 301)), 700_024, "nbf"),
        (with_claim("jti", json!("")), 50_027, "jti"),
        (with_header("alg", json!("RS256")), 700_027, "alg"),
        (with_header("alg", json!("none")), 700_027, "none"),
        (with_header("typ", json!("x")), 700_027, "typ"),
        (with_header("x5t#S256", json!(other.thumbprint())), 700_027, "x5t#S256"),
        (other.jwt(&header, &claims("a"), salt()), 700_027, "another key"),
        (own.jwt(&header, &claims("b"), None), 700_027, "no PSS"),
        (own.jwt(&header, &claims("c"), Some(RsaPssSaltlen::custom(20))), 700_027, "salt length"),
        (format!("{head}.{forged}.{signature}"), 700_027, "forged claims"),
        (format!("{head}.{forged}."), 700_027, "no signature"),
        ("no jwt".to_owned(), 50_027, "no JWT"),
    ] {
        let (status, found) = desk.show(&assertion).await;
        assert_eq!(
            (status, found),
            (if code == 50_027 { 400 } else { 401 }, format!("AADSTS{code}")),
            "{what}"
        );
    }
    // The certificate ends, and with it what it signs.
    desk.advance(31 * 86_400);
    let late = own.jwt(&header, &own_claims(desk.now(), "late"), salt());
    assert_eq!(desk.show(&late).await, (401, "AADSTS700027".into()));
}

#[tokio::test]
async fn an_assertion_is_for_the_authority_of_the_scopes_cloud() {
    let desk = Desk::new().await;
    let own = Signed::new(-1, 30);
    let add = json!({ "do": "addCertificate", "tenant": TENANT, "clientId": APP, "pem": own.pem() });
    desk.portal(add).await;
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": own.thumbprint() });
    let (graphs, authorities) = (
        [
            "graph.microsoft.com",
            "graph.microsoft.us",
            "dod-graph.microsoft.us",
            "microsoftgraph.chinacloudapi.cn",
        ],
        [
            "login.microsoftonline.com",
            "login.microsoftonline.us",
            "login.microsoftonline.us",
            "login.partner.microsoftonline.cn",
        ],
    );
    for (graph, right) in graphs.iter().zip(authorities) {
        for (at, authority) in authorities.iter().enumerate() {
            let claims = changed(
                &own_claims(desk.now(), &format!("{graph} {at}")),
                "aud",
                json!(format!("https://{authority}/{TENANT}/oauth2/v2.0/token")),
            );
            let jwt = own.jwt(&header, &claims, Some(RsaPssSaltlen::DIGEST_LENGTH));
            let scope = format!("https://{graph}/.default");
            let form = [("client_id", APP), ("scope", &scope), KIND, ("client_assertion", &jwt)];
            let (status, _) = desk.login(TENANT, &form).await;
            assert_eq!(status == 200, *authority == right, "{graph} {authority}: {status}");
        }
    }
}

#[tokio::test]
async fn another_issuers_token_is_matched_letter_by_letter() {
    let desk = Desk::new().await;
    let (own, other) = (Signed::new(-1, 30), Signed::new(-1, 30));
    let trust = |subject: &str, after: u32| {
        json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP, "after": after,
            "issuer": "https://issuer.example", "subject": subject, "publicKey": own.public_pem() })
    };
    let now = desk.now();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "k" });
    let claims = json!({ "iss": "https://issuer.example", "sub": "system:serviceaccount:a:b",
        "aud": ["api://AzureADTokenExchange"], "exp": now + 600 });
    let good = own.jwt(&header, &claims, None);

    desk.portal(json!({ "do": "revokeCredentials", "tenant": TENANT, "clientId": APP })).await;
    assert_eq!(desk.show(&good).await, (400, "AADSTS70021".into()));
    desk.portal(trust("system:serviceaccount:a:b", 120)).await;
    assert_eq!(desk.show(&good).await, (400, "AADSTS70021".into()), "it takes minutes to be known");
    desk.advance(120);
    assert_eq!(desk.show(&good).await, (200, String::new()));
    assert_eq!(desk.show(&good).await.0, 200, "it may be shown again");
    for (name, to, code) in [
        ("iss", json!("https://issuer.example/"), 700_211),
        ("sub", json!("system:serviceaccount:A:b"), 700_213),
        ("aud", json!("api://azureadtokenexchange"), 700_212),
        ("aud", json!(["api://AzureADTokenExchange", "x"]), 700_212),
        ("exp", json!(now - 301), 700_024),
    ] {
        let jwt = own.jwt(&header, &changed(&claims, name, to), None);
        assert_eq!(desk.show(&jwt).await, (401, format!("AADSTS{code}")), "{name}");
    }
    let wrong = other.jwt(&header, &claims, None);
    assert_eq!(desk.show(&wrong).await, (401, "AADSTS50013".into()));
    let ps256 = changed(&header, "alg", json!("PS256"));
    let pss = own.jwt(&ps256, &claims, Some(RsaPssSaltlen::DIGEST_LENGTH));
    assert_eq!(desk.show(&pss).await, (401, "AADSTS50013".into()), "RS256 only");
}

#[tokio::test]
async fn github_gives_id_tokens_to_the_workflow_that_runs() {
    let desk = Desk::new().await;
    let url = format!(
        "{}/7//idtoken/x?api-version=2.0&audience=api://AzureADTokenExchange",
        desk.sim.addresses().github
    );
    let ask = |token: &'static str| {
        let url = url.clone();
        let desk = &desk;
        async move { desk.get_from(url, &[("authorization", token)]).await }
    };
    assert_eq!(ask("Bearer r").await.0, 401, "no workflow runs");
    desk.portal(
        json!({ "do": "runWorkflow", "subject": "repo:o/r:ref:refs/heads/main", "requestToken": "r" }),
    )
    .await;
    assert_eq!(ask("Bearer other").await.0, 401);
    let (status, body) = ask("Bearer r").await;
    assert_eq!(status, 200, "{body}");
    let token = body["value"].as_str().unwrap();
    desk.portal(json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP,
        "subject": "repo:o/r:ref:refs/heads/main" }))
        .await;
    assert_eq!(desk.show(token).await, (200, String::new()));
    desk.portal(json!({ "do": "runWorkflow", "subject": "repo:o/r:pull_request", "requestToken": "r" }))
        .await;
    let (_, body) = ask("bearer r").await;
    assert_eq!(desk.show(body["value"].as_str().unwrap()).await, (401, "AADSTS700213".into()));
    desk.advance(601);
    assert_eq!(desk.show(token).await, (401, "AADSTS700024".into()));
}

#[tokio::test]
async fn azure_answers_for_the_identities_of_the_machine() {
    let desk = Desk::new().await;
    let resource = "resource=https://graph.microsoft.com";
    let vm = |rest: &str| {
        format!(
            "{}/metadata/identity/oauth2/token?api-version=2018-02-01&{resource}{rest}",
            desk.sim.addresses().imds
        )
    };
    let metadata = [("Metadata", "true")];
    let (status, body) = desk.get_from(vm(""), &metadata).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("Identity not found")));
    let assign = |id: &str, by_user: bool| json!({ "do": "assignManagedIdentity", "tenant": TENANT, "clientId": id, "userAssigned": by_user, "identityHeader": "h" });
    desk.portal(assign("one", true)).await;
    let (status, body) = desk.get_from(vm(""), &metadata).await;
    assert_eq!((status, &body["client_id"], &body["expires_in"]), (200, &json!("one"), &json!("3600")));
    desk.portal(assign("two", true)).await;
    assert_eq!(desk.get_from(vm(""), &metadata).await.0, 400, "which one is not said");
    assert_eq!(desk.get_from(vm("&client_id=TWO"), &metadata).await.1["client_id"], "two");
    desk.portal(assign("own", false)).await;
    assert_eq!(desk.get_from(vm(""), &metadata).await.1["client_id"], "own");
    assert_eq!(desk.get_from(vm("&client_id=three"), &metadata).await.0, 400);
    assert_eq!(desk.get_from(vm(""), &[]).await.0, 400, "the header is missing");
    let proxied = [("Metadata", "true"), ("X-Forwarded-For", "10.0.0.1")];
    assert_eq!(desk.get_from(vm(""), &proxied).await.0, 400);
    let other = vm("").replace("graph.microsoft.com", "vault.azure.net");
    assert_eq!(desk.get_from(other, &metadata).await.0, 400);

    let app = format!("{}/msi/token?api-version=2019-08-01&{resource}", desk.sim.addresses().identity);
    assert_eq!(desk.get_from(app.clone(), &[("X-IDENTITY-HEADER", "no")]).await.0, 401);
    let (status, body) = desk.get_from(app, &[("X-IDENTITY-HEADER", "h")]).await;
    assert_eq!((status, &body["expires_in"]), (200, &Value::Null), "the end alone is told");
    assert_eq!(body["expires_on"], (desk.now() + 3600).to_string());
    // Graph takes the bearer.
    let mut desk = desk;
    desk.bearer = body["access_token"].as_str().unwrap().to_owned();
    desk.get("/deviceManagement/depOnboardingSettings").await;
}

#[tokio::test]
async fn a_client_secret_ends() {
    let desk = Desk::new().await;
    let end = after(seed().start, Duration::from_secs(60));
    desk.portal(
        json!({ "do": "addClientSecret", "tenant": TENANT, "clientId": APP, "secret": "x", "expires": end }),
    )
    .await;
    let form = [("client_id", APP), ("client_secret", "x")];
    assert_eq!(desk.login(TENANT, &form).await.0, 200);
    desk.advance(60);
    let (status, body) = desk.login(TENANT, &form).await;
    assert!(
        status == 401 && body["error_description"].as_str().unwrap().starts_with("AADSTS7000222"),
        "{body}"
    );
}
