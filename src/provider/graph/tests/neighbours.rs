//! What a tenant has beside its enrollment tokens: VPP tokens and the push certificate.

use super::convert::VppNames;
use super::*;
use crate::model::Value;
use crate::model::live::{Cause, Complete, Fact};

const VPP_ID: &str = "3F2C1B0A-1111-4222-8333-444455556666";

/// Sign-ins are answered by the fixture.
fn is_sign_in(seen: &Seen) -> bool {
    seen.line.ends_with("/oauth2/v2.0/token")
}

fn vpp(id: &str, name: &str) -> Json {
    json!({ "id": id, "displayName": name, "token": "planted-vpp-secret", "state": "expired",
            "expirationDateTime": "2027-01-02T03:04:05Z", "automaticallyUpdateApps": false, "appleId": "" })
}

fn portal_profile(vpp: &str) -> Json {
    let mut profile = ios_profile("p");
    profile["companyPortalVppTokenId"] = json!(vpp);
    profile
}

async fn shown(fixture: &Fixture) -> Value {
    let token = token("t");
    let profiles = fixture.observer().profiles(std::slice::from_ref(&token)).await;
    let profiles = profiles[&token].known().unwrap();
    let profile = profiles.iter().next().unwrap();
    profile.fields["companyPortal.vppToken"].clone()
}

#[tokio::test]
async fn p4_vpp_tokens_are_listed_to_the_last_page_without_their_secret() {
    let fixture = Fixture::start(|base, seen| match seen.line.contains("skiptoken") {
        _ if is_sign_in(seen) => Reply::Empty(404),
        true => ok(json!({ "value": [vpp("b", "Office")] })),
        false => {
            let next = format!("{base}beta/deviceAppManagement/vppTokens?$skiptoken=2");
            ok(json!({ "value": [vpp("a", "Field apps")], "@odata.nextLink": next }))
        }
    })
    .await;
    let read = fixture.observer().vpp_tokens().await;
    let tokens: Vec<_> = read.known().unwrap().iter().collect();
    assert_eq!(tokens.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Field apps", "Office"]);
    assert_eq!((tokens[0].state.as_str(), tokens[0].updates_apps), ("expired", Some(false)));
    assert_eq!(
        (tokens[0].expires.unwrap().to_string(), &tokens[0].apple_id),
        ("2027-01-02T03:04:05Z".into(), &None)
    );
    assert_eq!(fixture.lines()[0], "GET /beta/deviceAppManagement/vppTokens");
    assert!(!format!("{read:?} {:?}", fixture.observer()).contains("planted-vpp-secret"));
}

#[tokio::test]
async fn p4_profiles_say_the_name_of_their_vpp_token_once_it_is_known() {
    let fixture = Fixture::start(|_, seen| match seen.line.contains("vppTokens") {
        _ if is_sign_in(seen) => Reply::Empty(404),
        true => ok(json!({ "value": [vpp(VPP_ID, "Field apps")] })),
        false => ok(json!({ "value": [portal_profile(&VPP_ID.to_lowercase())] })),
    })
    .await;
    assert_eq!(shown(&fixture).await, Value::Text(format!("id {}", VPP_ID.to_lowercase())), "not read yet");
    assert!(fixture.observer().vpp_tokens().await.known().is_some());
    assert_eq!(shown(&fixture).await, Value::text("Field apps"), "whatever the spelling of the id");
}

#[test]
fn p4_null_empty_and_the_zero_id_are_no_vpp_token() {
    let names = VppNames::of(&Complete::default());
    for id in ["", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(names.shown(id), Value::None);
    }
}

#[tokio::test]
async fn p4_vpp_tokens_that_may_not_be_read_are_unknown_with_the_permission() {
    let fixture = Fixture::start(in_turn(vec![refusal(403)])).await;
    let read = fixture.observer().vpp_tokens().await;
    let unknown = read.unknown().unwrap();
    assert_eq!(unknown.cause, Cause::Credentials);
    assert!(unknown.next.contains("DeviceManagementServiceConfig.Read.All"), "{}", unknown.next);
}

#[tokio::test]
async fn t12_the_push_certificate_is_read_absent_or_unknown_with_the_permission() {
    let certificate = json!({ "id": "c", "appleIdentifier": "mdm@contoso.example", "topicIdentifier": "com.apple.mgmt.x",
        "certificate": "MII", "expirationDateTime": "2027-01-02T03:04:05Z" });
    let fixture = Fixture::start(in_turn(vec![
        ok(certificate.clone()),
        ok(json!({ "value": certificate })),
        refusal(404),
        Reply::Empty(204),
        ok(json!({ "id": "c", "appleIdentifier": null, "expirationDateTime": "0001-01-01T00:00:00Z" })),
        refusal(403),
    ]))
    .await;
    let observer = fixture.observer();
    for _ in 0..2 {
        let Fact::Known(Some(read)) = observer.push_certificate().await else { panic!() };
        assert_eq!(read.apple_id.as_deref(), Some("mdm@contoso.example"));
        assert_eq!(read.topic.as_deref(), Some("com.apple.mgmt.x"));
        assert_eq!(read.expires.unwrap().to_string(), "2027-01-02T03:04:05Z");
    }
    for absent in ["404", "no body", "an object that says nothing"] {
        assert!(matches!(observer.push_certificate().await, Fact::Known(None)), "{absent}");
    }
    let read = observer.push_certificate().await;
    let unknown = read.unknown().unwrap();
    assert_eq!(unknown.cause, Cause::Credentials);
    assert!(unknown.next.contains("DeviceManagementManagedDevices.Read.All"), "{}", unknown.next);
    assert_eq!(fixture.lines()[0], "GET /beta/deviceManagement/applePushNotificationCertificate");
}
