//! Two departments with a token each, in one organisation at Apple.

use espalier::sim::apple::organization::SeedOrganization;
use espalier::sim::apple::organization::seed::{SeedApiAccount, SeedDeviceService, SeedIntuneLink};
use espalier::sim::{SeedTenant, SeedToken};
use serde_json::Value;

use super::ground::{self, Ground, IPAD, IPHONE, TENANT};
use crate::support::TestEnv;

const CLIENT: &str = "BUSINESSAPI.0f6a1d3e-5c2b-4a7d-9e80-1b2c3d4e5f60";
const KEY: &str = "d1e2f3a4-5b6c-4d7e-8f90-a1b2c3d4e5f6";

/// What a hand-over to the other department says beside its device.
pub const TO_LOBBY: &str =
    "  physicallyInHand: true\n  options: {token: other, profile: lobby}\n  expiresAfter: 14d\n";

const DOCUMENTS: &str = "
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: apple}
spec:
  appleBusiness: {clientId: CLIENT, keyId: KEY, privateKey: {env: KEY}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {name: other}
spec: {mdm: tenant, apple: {connection: apple, service: Intune other}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: lobby}
spec: {tokens: [other], platform: ios, userAffinity: none}
";

fn organization() -> SeedOrganization {
    let link = |token: &str| {
        let intune = SeedIntuneLink { tenant: TENANT.to_owned(), token: token.to_owned() };
        SeedDeviceService {
            name: format!("Intune {token}"),
            intune: Some(intune),
            ..SeedDeviceService::default()
        }
    };
    SeedOrganization {
        name: "apple".to_owned(),
        accounts: vec![SeedApiAccount { client_id: CLIENT.to_owned(), key_id: KEY.to_owned(), key: None }],
        services: vec![link("main"), link("other")],
        ..SeedOrganization::default()
    }
}

fn with_other(tenant: &mut SeedTenant) {
    tenant.tokens.push(SeedToken { name: "other".to_owned(), ..SeedToken::default() });
}

/// The departments `main` and `other`; no document says where [`IPAD`] belongs, so that it can be handed over.
pub async fn two_departments(adjust: impl FnOnce(&mut SeedTenant)) -> Ground {
    let seed = |tenant: &mut SeedTenant| {
        with_other(tenant);
        adjust(tenant);
    };
    let ground = Ground::over(seed, vec![organization()]).await;
    ground.put("apple.yaml", &at_apple());
    ground.put("fleet.yaml", &fleet("  escrow: {recipients: [escrow.pem]}\n"));
    ground
}

/// The world that the departments begin with.
pub fn beginning() -> Value {
    ground::world_of(with_other, vec![organization()])
}

/// Writes the documents of the departments where the program itself is run.
pub fn documents(env: &TestEnv) {
    ground::documents(env, "");
    env.write("apple.yaml", &at_apple());
    env.write("fleet.yaml", &fleet("  escrow: {recipients: [escrow.pem]}\n"));
}

fn at_apple() -> String {
    DOCUMENTS.replace("CLIENT", CLIENT).replace("keyId: KEY", &format!("keyId: {KEY}"))
}

/// The fleet of the departments, with these lines in the `spec` of `Fleet`.
fn fleet(more: &str) -> String {
    let fleet = ground::fleet(more).replace(&format!("[{IPAD}, {IPHONE}, "), &format!("[{IPHONE}, "));
    let linked = "spec: {mdm: tenant, apple: {connection: apple, service: Intune main}}\n";
    fleet.replace("spec: {mdm: tenant}\n", linked)
}
