//! The client and a simulator in one process: right and wrong keys, claims, clocks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use espalier::http::{self, Reach};
use espalier::model::Secret;
use espalier::model::clock::{Clock, Timestamp, after};
use espalier::model::desired::Cloud;
use espalier::model::live::{Cause, Unknown};
use espalier::provider::graph::{
    GithubRunner, GraphClient, GraphObserver, GraphSettings, ManagedIdentity, SignIn, SigningCertificate,
};
use espalier::sim::portal::{self, Change};
use espalier::sim::{Options, Seed, SeedTenant, SeedToken, Sim, World};
use serde_json::{Value, json};

use crate::support::keys::KeyPair;

const TENANT: &str = "7a4d3c1e-0000-4000-8000-000000000001";
const APP: &str = "3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6";
const MAIN: &str = "repo:contoso/fleet:ref:refs/heads/main";

/// A simulator with one tenant and one token.
struct Stand {
    sim: Sim,
}

impl Stand {
    async fn start() -> Self {
        let seed = Seed {
            seed: 5,
            start: "2026-11-02T08:00:00Z".parse().expect("a time"),
            surroundings: false,
            services: Vec::new(),
            organizations: Vec::new(),
            tenants: vec![SeedTenant {
                tenant_id: TENANT.to_owned(),
                tokens: vec![SeedToken { name: "School".to_owned(), ..SeedToken::default() }],
                ..SeedTenant::default()
            }],
        };
        let sim = Sim::start(Options::new(World::from_seed(&seed))).await.expect("a simulator");
        Self { sim }
    }

    fn now(&self) -> Timestamp {
        self.sim.clock().now()
    }

    fn portal(&self, change: Value) {
        let change: Change = serde_json::from_value(change).expect("a change");
        self.sim.with_world(|world| portal::change(world, change)).expect("a change that is possible");
    }

    fn fault(&self, fault: Value) {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"));
    }

    fn advance(&self, span: Duration) {
        self.sim.with_world(|world| world.advance(span));
    }

    /// A client as the engine makes it.
    fn client(&self, sign_in: SignIn) -> GraphObserver {
        self.client_of(sign_in, Cloud::Global, self.sim.clock())
    }

    fn client_of(&self, sign_in: SignIn, cloud: Cloud, clock: Arc<dyn Clock>) -> GraphObserver {
        let url = |text: &str| text.parse().expect("an address");
        let settings = GraphSettings {
            tenant_id: TENANT.to_owned(),
            client_id: APP.to_owned(),
            sign_in,
            cloud,
            graph: url(&self.sim.addresses().graph),
            login: url(&self.sim.addresses().login),
            assign_batch: 100,
            clock,
            user_agent: "espalier/test".to_owned(),
            patience: Duration::from_secs(60),
        };
        GraphObserver::new(GraphClient::new(settings, http::client(Reach::Loopback).expect("a client")))
    }

    fn certificate(&self, keys: &KeyPair) -> SignIn {
        let pem = Secret::new(keys.pem());
        let certificate = SigningCertificate::from_pem(&pem).expect("key and certificate");
        self.portal(
            json!({ "do": "addCertificate", "tenant": TENANT, "clientId": APP, "pem": keys.certificate() }),
        );
        SignIn::Certificate(certificate)
    }

    fn workflow(&self, request_token: &str) -> SignIn {
        let url = format!("{}/idtoken?api-version=2.0", self.sim.addresses().github);
        let variable = |name: &str| match name {
            "ACTIONS_ID_TOKEN_REQUEST_URL" => Some(url.clone()),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN" => Some(request_token.to_owned()),
            _ => None,
        };
        SignIn::GithubOidc(GithubRunner::from_variables(&variable, true).expect("a runner"))
    }

    fn identity(&self, client_id: Option<&str>, header: Option<&str>) -> SignIn {
        let addresses = self.sim.addresses();
        let variable = |name: &str| match name {
            "AZURE_POD_IDENTITY_AUTHORITY_HOST" => Some(addresses.imds.clone()),
            "IDENTITY_ENDPOINT" if header.is_some() => Some(format!("{}/msi/token", addresses.identity)),
            "IDENTITY_HEADER" => header.map(str::to_owned),
            _ => None,
        };
        let id = client_id.map(str::to_owned);
        SignIn::ManagedIdentity(ManagedIdentity::from_variables(id, &variable, true).expect("an identity"))
    }

    /// How often an operation was asked for.
    fn count(&self, service: &str, operation: &str) -> u64 {
        let calls = self.sim.calls();
        calls
            .iter()
            .filter(|call| call.service == service && call.operation == operation)
            .map(|call| call.count)
            .sum()
    }
}

async fn works(client: &GraphObserver) {
    let tokens = client.tokens().await;
    assert_eq!(tokens.known().map(|tokens| tokens.len()), Some(1), "{:?}", tokens.unknown());
}

async fn refused(client: &GraphObserver) -> Unknown {
    let tokens = client.tokens().await;
    let unknown = tokens.unknown().expect("no bearer, no tokens").clone();
    assert_eq!(unknown.cause, Cause::Credentials, "{unknown}");
    unknown
}

/// A clock that goes beside another one.
struct Beside(Arc<dyn Clock>, i64);

impl Clock for Beside {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.now().as_second() + self.1).expect("a time")
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.sleep(span)
    }
}

#[tokio::test]
async fn a_certificate_signs_in_to_every_cloud() {
    for cloud in [Cloud::Global, Cloud::UsGov, Cloud::UsDod, Cloud::China] {
        let stand = Stand::start().await;
        let sign_in = stand.certificate(&KeyPair::new(stand.now(), 90));
        works(&stand.client_of(sign_in, cloud, stand.sim.clock())).await;
        assert_eq!(stand.count("login", "token"), 1);
    }
}

#[tokio::test]
async fn a_certificate_that_entra_does_not_know_is_explained() {
    let stand = Stand::start().await;
    stand.certificate(&KeyPair::new(stand.now(), 90));
    let pem = Secret::new(KeyPair::new(stand.now(), 90).pem());
    let other = SignIn::Certificate(SigningCertificate::from_pem(&pem).expect("a certificate"));
    let unknown = refused(&stand.client(other)).await;
    assert!(unknown.reason.contains("AADSTS700027"), "{unknown}");
    assert!(unknown.next.contains("upload exactly this certificate"), "{}", unknown.next);
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_not_even_shown() {
    let stand = Stand::start().await;
    let sign_in = stand.certificate(&KeyPair::new(stand.now(), 1));
    works(&stand.client(sign_in.clone())).await;
    stand.advance(Duration::from_secs(86_400));
    stand.sim.forget_calls();
    let unknown = refused(&stand.client(sign_in)).await;
    assert!(unknown.reason.contains("CN=espalier test expired on 2026-11-03"), "{unknown}");
    assert!(unknown.next.contains("upload it"), "{}", unknown.next);
    assert_eq!(stand.count("login", "token"), 0);
}

#[tokio::test]
async fn a_clock_that_goes_wrong_is_named() {
    let stand = Stand::start().await;
    let sign_in = stand.certificate(&KeyPair::new(stand.now(), 90));
    for (wrong_by, works_still) in [(-240, true), (240, true), (-3600, false), (3600, false)] {
        let clock = Arc::new(Beside(stand.sim.clock(), wrong_by));
        let client = stand.client_of(sign_in.clone(), Cloud::Global, clock);
        if works_still {
            works(&client).await;
        } else {
            let unknown = refused(&client).await;
            assert!(unknown.reason.contains("AADSTS700024"), "{unknown}");
            assert!(unknown.next.contains("clock"), "{}", unknown.next);
        }
    }
}

#[tokio::test]
async fn an_assertion_whose_answer_got_lost_is_made_anew() {
    let stand = Stand::start().await;
    let sign_in = stand.certificate(&KeyPair::new(stand.now(), 90));
    // Entra has taken each assertion before its answer breaks: shown again, it would be refused.
    for fault in ["503", "cut", "429"] {
        stand.fault(json!({ "fault": fault, "operation": "token", "when": "after" }));
    }
    works(&stand.client(sign_in)).await;
    assert_eq!(stand.count("login", "token"), 4);
}

#[tokio::test]
async fn a_workflow_signs_in_with_githubs_token() {
    let stand = Stand::start().await;
    stand.portal(json!({ "do": "runWorkflow", "subject": MAIN, "requestToken": "r" }));
    stand.portal(
        json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP, "subject": MAIN }),
    );
    let client = stand.client(stand.workflow("r"));
    works(&client).await;
    works(&client).await;
    assert_eq!((stand.count("github", "idToken"), stand.count("login", "token")), (1, 1));
    // The id token has ended long ago when the bearer has: a new one is fetched.
    stand.advance(Duration::from_secs(3600));
    works(&client).await;
    assert_eq!((stand.count("github", "idToken"), stand.count("login", "token")), (2, 2));
}

#[tokio::test]
async fn githubs_troubles_are_overcome_or_told() {
    let stand = Stand::start().await;
    stand.portal(json!({ "do": "runWorkflow", "subject": MAIN, "requestToken": "r" }));
    stand.portal(
        json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP, "subject": MAIN }),
    );
    stand.fault(json!({ "fault": "503", "operation": "idToken", "times": 2 }));
    works(&stand.client(stand.workflow("r"))).await;
    assert_eq!((stand.count("github", "idToken"), stand.count("login", "token")), (3, 1));
    let unknown = refused(&stand.client(stand.workflow("an old job's"))).await;
    assert!(unknown.reason.contains("GitHub gave no id token"), "{unknown}");
    assert!(unknown.next.contains("id-token: write"), "{}", unknown.next);
    assert_eq!(stand.count("login", "token"), 1, "nothing was shown to Entra");
}

#[tokio::test]
async fn another_branch_or_a_new_credential_is_explained() {
    let stand = Stand::start().await;
    stand.portal(json!({ "do": "runWorkflow", "subject": MAIN, "requestToken": "r" }));
    stand.portal(json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP, "subject": MAIN, "after": 300 }));
    let client = stand.client(stand.workflow("r"));
    let unknown = refused(&client).await;
    assert!(unknown.reason.contains("AADSTS70021") && unknown.next.contains("some minutes"), "{unknown}");
    stand.advance(Duration::from_secs(300));
    works(&client).await;
    stand.portal(
        json!({ "do": "runWorkflow", "subject": "repo:contoso/fleet:pull_request", "requestToken": "r" }),
    );
    let unknown = refused(&stand.client(stand.workflow("r"))).await;
    assert!(unknown.reason.contains("AADSTS700213"), "{unknown}");
    assert!(unknown.reason.contains("repo:contoso/fleet:pull_request"), "{unknown}");
    assert!(unknown.next.contains("letter by letter"), "{}", unknown.next);
}

#[tokio::test]
async fn a_token_file_of_another_issuer_is_judged_by_its_key() {
    let stand = Stand::start().await;
    let (issuer, other) = (KeyPair::new(stand.now(), 1), KeyPair::new(stand.now(), 1));
    stand.portal(json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP,
        "issuer": "https://oidc.example", "subject": "system:serviceaccount:mdm:espalier", "publicKey": issuer.public_key() }));
    let claims = |exp: i64| {
        json!({ "iss": "https://oidc.example", "sub": "system:serviceaccount:mdm:espalier",
            "aud": ["api://AzureADTokenExchange"], "exp": stand.now().as_second() + exp })
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let shown = |token: String| {
        std::fs::write(&file, token + "\n").expect("a file");
        stand.client(SignIn::FederatedTokenFile(file.clone()))
    };
    works(&shown(issuer.token(&claims(600)))).await;
    assert!(refused(&shown(issuer.token(&claims(-600)))).await.reason.contains("AADSTS700024"));
    let forged = refused(&shown(other.token(&claims(600)))).await;
    assert!(forged.reason.contains("AADSTS50013") && forged.next.contains("signature"), "{forged}");
    assert!(refused(&shown("no token".to_owned())).await.reason.contains("AADSTS50027"));
}

#[tokio::test]
async fn a_machine_signs_in_by_its_managed_identity() {
    let stand = Stand::start().await;
    let nobody = refused(&stand.client(stand.identity(None, None))).await;
    assert!(nobody.reason.contains("Identity not found"), "{nobody}");
    assert!(nobody.next.contains("managedIdentity.clientId"), "{}", nobody.next);
    let assign = |id: &str, by_user: bool| {
        stand.portal(json!({ "do": "assignManagedIdentity", "tenant": TENANT, "clientId": id,
            "userAssigned": by_user, "identityHeader": "h" }));
    };
    assign("one", true);
    assign("two", true);
    refused(&stand.client(stand.identity(None, None))).await;
    stand.sim.forget_calls();
    let client = stand.client(stand.identity(Some("two"), None));
    works(&client).await;
    works(&client).await;
    assert_eq!((stand.count("imds", "identityToken"), stand.count("login", "token")), (1, 0));
    // App Service tells the end alone, and that is enough to renew in time.
    let app = stand.client(stand.identity(Some("one"), Some("h")));
    works(&app).await;
    stand.advance(Duration::from_secs(54 * 60));
    works(&app).await;
    assert_eq!(stand.count("identity", "identityToken"), 1);
    stand.advance(Duration::from_secs(61));
    works(&app).await;
    assert_eq!(stand.count("identity", "identityToken"), 2);
    let unknown = refused(&stand.client(stand.identity(Some("one"), Some("wrong")))).await;
    assert!(unknown.reason.contains("the app's identity endpoint"), "{unknown}");
    assert!(unknown.next.contains("IDENTITY_HEADER"), "{}", unknown.next);
}

#[tokio::test]
async fn a_machine_asks_for_its_own_clouds_graph_and_waits_for_a_busy_service() {
    let stand = Stand::start().await;
    stand.portal(json!({ "do": "assignManagedIdentity", "tenant": TENANT, "clientId": "own" }));
    stand.fault(json!({ "fault": "429", "operation": "identityToken", "retryAfter": 7 }));
    stand.fault(json!({ "fault": "500", "operation": "identityToken" }));
    let begin = stand.now();
    for cloud in [Cloud::UsGov, Cloud::UsDod, Cloud::China, Cloud::Global] {
        works(&stand.client_of(stand.identity(None, None), cloud, stand.sim.clock())).await;
    }
    assert_eq!(stand.count("imds", "identityToken"), 4 + 2);
    assert!(stand.now() >= after(begin, Duration::from_secs(7)), "it waited by the given clock");
}

#[tokio::test]
async fn a_bearer_that_is_refused_is_renewed_once() {
    let stand = Stand::start().await;
    let sign_in = stand.certificate(&KeyPair::new(stand.now(), 90));
    let client = stand.client(sign_in);
    works(&client).await;
    stand.fault(json!({ "fault": "expired-bearer", "operation": "*" }));
    works(&client).await;
    assert_eq!(stand.count("login", "token"), 2);
    stand.fault(json!({ "fault": "401", "times": 2, "kind": "read", "within": "depOnboarding" }));
    let unknown = refused(&client).await;
    assert!(unknown.reason.contains("status 401"), "{unknown}");
    assert_eq!(stand.count("login", "token"), 3);
}

#[tokio::test]
async fn credentials_that_were_taken_away_are_explained() {
    let stand = Stand::start().await;
    let sign_in = stand.certificate(&KeyPair::new(stand.now(), 90));
    stand.portal(json!({ "do": "revokeCredentials", "tenant": TENANT, "clientId": APP }));
    assert!(refused(&stand.client(sign_in)).await.reason.contains("AADSTS700027"));
    stand.portal(json!({ "do": "addClientSecret", "tenant": TENANT, "clientId": APP, "secret": "right",
        "expires": after(stand.now(), Duration::from_secs(60)) }));
    let secret = |text: &str| stand.client(SignIn::ClientSecret(Secret::new(text.to_owned())));
    works(&secret("right")).await;
    assert!(refused(&secret("wrong")).await.next.contains("the secret's value, not its id"));
    stand.advance(Duration::from_secs(60));
    assert!(refused(&secret("right")).await.next.contains("make a new one"));
}
