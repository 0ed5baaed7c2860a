//! Which server a token belongs to, and what becomes of it when that is another one.

use espalier::model::live::Cause;
use espalier::plan::Plan;
use espalier::sim::SeedService;
use serde_json::json;

use super::stand::{self, Stand, serial};
/// What blocks the one token.
fn blocked(plan: &Plan) -> (Cause, String, String) {
    let [one] = plan.blocked.as_slice() else { panic!("{:?}", plan.blocked) };
    (one.cause, one.reason.clone(), one.next.clone())
}

/// A person downloads the token anew.
async fn download(stand: &Stand, person: Option<&str>) {
    let mut json = json!({"do": "downloadToken", "service": "alpha"});
    if let Some(person) = person {
        json["person"] = json!(person);
    }
    let upload = json!({"do": "uploadCertificate", "service": "alpha", "pem": &*stand::CERTIFICATE});
    stand.portal(&json!([upload, json])).await;
}

#[tokio::test]
async fn a_renewed_token_of_the_same_server_goes_on() {
    for person in [None, Some("another@example.org")] {
        let stand = stand::simple(3).await;
        assert_eq!(stand.apply().await.exit_code(), 0);
        download(&stand, person).await;
        stand.sim.forget_calls();
        assert!(!stand.plan().await.has_changes(), "{person:?}");
        assert_eq!(stand.calls().get("account.get"), Some(&1), "{person:?}: other credentials are asked for");
        assert_eq!(stand.apply().await.exit_code(), 0);
        stand.sim.forget_calls();
        stand.plan().await;
        assert_eq!(stand.calls().get("account.get"), None, "{person:?}: the ledger knows them by now");
        assert_eq!(stand.rests().await, [""; 0]);
    }
}

#[tokio::test]
async fn another_servers_token_is_refused_with_both_servers() {
    let stand = stand::simple(3).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    // The service is made anew under the same name.
    let other = SeedService { server_uuid: Some("0".repeat(32)), ..stand::service("alpha", 1, 2) };
    let credentials = SeedService { name: "other".to_owned(), ..other.clone() };
    let fresh = stand::world(vec![credentials]);
    stand.sim.with_world(|world| {
        let mut service = fresh.services[0].clone();
        service.name = "alpha".to_owned();
        service.known_as = ["alpha".to_owned()].into();
        world.services[0] = service;
    });
    stand.sim.forget_calls();
    let (cause, reason, next) = blocked(&stand.plan().await);
    assert_eq!(cause, Cause::Credentials);
    assert!(reason.contains("[token-other-server]") && reason.contains(&"0".repeat(32)), "{reason}");
    assert!(next.contains("right server"), "{next}");
    assert_eq!(stand.apply().await.exit_code(), 8);
    assert_eq!(stand.writes(), 0);
}

#[tokio::test]
async fn an_id_in_the_document_is_asked_for_and_compared() {
    let of = |id: &str| [stand::fleet(), stand::token("alpha", &format!("  id: {id}\n"))].concat();
    let uuid = "1B2C3D4E5F60718293A4B5C6D7E8F901";
    let world = || {
        stand::world(vec![SeedService {
            server_uuid: Some(uuid.to_owned()),
            ..stand::service("alpha", 0, 1)
        }])
    };
    let stand = Stand::new(&of("1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901"), world()).await;
    let plan = stand.plan().await;
    assert!(plan.blocked.is_empty(), "{:?}", plan.blocked);
    assert_eq!(stand.calls().get("account.get"), Some(&1));
    assert_eq!(stand.apply().await.exit_code(), 0);
}

#[tokio::test]
async fn two_documents_of_one_server_are_refused() {
    let documents = [
        stand::fleet(),
        stand::token("alpha", ""),
        stand::token("twin", "").replace("displayName: twin", "displayName: alpha"),
        stand::profile("ipads", "alpha", ""),
        stand::assignment("all", "alpha", "ipads", &[serial(0, 0)]),
    ];
    let alone = [&documents[..2], &documents[3..]].concat().concat();
    let world = || stand::world(vec![stand::service("alpha", 0, 1)]);
    let stand = Stand::new(&documents.concat(), world()).await;
    let plan = stand.plan().await;
    assert_eq!(plan.blocked.len(), 2, "nobody knows which one is right: {:?}", plan.blocked);
    assert!(plan.blocked.iter().all(|one| one.reason.contains("[token-same-server]")), "{:?}", plan.blocked);
    assert_eq!(stand.apply().await.exit_code(), 3);
    assert_eq!(stand.writes(), 0);
    // The one that the ledger knows goes on.
    let stand = Stand::new(&alone, world()).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    stand.write(&documents.concat());
    let (_, reason, _) = blocked(&stand.plan().await);
    assert!(reason.contains("EnrollmentToken/alpha"), "{reason}");
}
