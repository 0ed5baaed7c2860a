//! The write half: what is sent, how often, and what is claimed about it; and the logs of activities.

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509NameBuilder};

use super::*;
use crate::model::live::Cause;
use crate::model::organisation::{ActivityId, ProductFamily};

pub(super) fn done<T>(end: Ended<T>) -> T {
    match end {
        Ended::Done(done) => done,
        Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => panic!("{error}"),
    }
}

fn serials(count: usize) -> Vec<Serial> {
    (0..count).map(|number| serial(&format!("SN{number:06}"))).collect()
}

fn begun() -> Reply {
    let body = json!({ "data": { "type": "orgDeviceActivities", "id": "a-1",
        "attributes": { "status": "IN_PROGRESS", "subStatus": "SUBMITTED" } }, "links": { "self": "x" } });
    Reply::Answer(201, Vec::new(), body.to_string())
}

pub(super) fn certificate() -> X509 {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "espalier").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(9).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build()
}

pub(super) fn activities() -> Vec<(Activity, Json)> {
    let deadline = "2026-12-01T09:00:00.750Z".parse().unwrap();
    let metadata = json!({ "mdmMigrationDeadlineDateTime": "2026-12-01T09:00:00Z" });
    let to = |id: &str| json!({ "data": { "type": "mdmServers", "id": id } });
    let devices =
        json!({ "data": [{ "type": "orgDevices", "id": "A" }, { "type": "orgDevices", "id": "B" }] });
    let body = |attributes: Json, server: Option<Json>| {
        let mut relationships = json!({ "devices": devices });
        if let Some(server) = server {
            relationships["mdmServer"] = server;
        }
        json!({ "data": { "type": "orgDeviceActivities", "attributes": attributes, "relationships": relationships } })
    };
    vec![
        (
            Activity::Assign { to: service("1f97") },
            body(json!({ "activityType": "ASSIGN_DEVICES" }), Some(to("1F97"))),
        ),
        (
            Activity::Unassign { from: service("2A") },
            body(json!({ "activityType": "UNASSIGN_DEVICES" }), Some(to("2A"))),
        ),
        (
            Activity::AssignWithDeadline { to: service("2A"), deadline },
            body(
                json!({ "activityType": "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", "activityTypeMetadata": metadata }),
                Some(to("2A")),
            ),
        ),
        (
            Activity::UpdateDeadline { deadline },
            body(
                json!({ "activityType": "UPDATE_MDM_MIGRATION_DEADLINE", "activityTypeMetadata": metadata }),
                None,
            ),
        ),
        (Activity::CancelMigration, body(json!({ "activityType": "CANCEL_MDM_MIGRATION" }), None)),
    ]
}

#[tokio::test]
async fn every_kind_of_activity_is_sent_as_documented() {
    for (activity, body) in activities() {
        let fixture = Fixture::start(in_turn(vec![begun()])).await;
        let id = done(fixture.actuator().begin(&activity, &[serial("A"), serial("B")]).await);
        assert_eq!(id, ActivityId("a-1".into()));
        assert_eq!(fixture.lines(), ["POST /v1/orgDeviceActivities"]);
        let call = &fixture.calls()[0];
        assert_eq!(call.json(), body, "{activity:?}");
        assert_eq!(
            (call.field("content-type"), call.field("accept")),
            ("application/json", "application/json")
        );
        assert_eq!(fixture.client.meter().calls(), (1, 1));
    }
}

#[tokio::test]
async fn an_activity_is_never_sent_twice_but_after_a_proof() {
    let begin = async |replies: Vec<Reply>| {
        let fixture = Fixture::start(in_turn(replies)).await;
        let end = fixture.actuator().begin(&Activity::CancelMigration, &serials(1)).await;
        (end, fixture.calls().len())
    };
    for lost in [
        Reply::Cut,
        bare(500, ""),
        bare(503, "<html>"),
        bare(408, ""),
        bare(201, ""),
        bare(201, r#"{"data":{"id":""}}"#),
    ] {
        let (end, calls) = begin(vec![lost, begun()]).await;
        let Ended::Lost(error) = end else { panic!("{end:?}") };
        assert_eq!((error.cause, calls), (Cause::LostAnswer, 1), "{error}");
    }
    let throttled = || Reply::Answer(429, vec![("Retry-After", "5".into())], "<html>".into());
    let (end, calls) = begin(vec![throttled(), throttled(), begun()]).await;
    assert!(matches!(end, Ended::Done(_)));
    assert_eq!(calls, 3);
    let (end, _) = begin((0..60).map(|_| throttled()).collect()).await;
    assert!(matches!(end, Ended::NotSent(error) if error.not_before.is_some()));
    // After a doubt nothing is proven, not even by 429.
    for (status, code, expected) in [
        (409, "ENTITY_ERROR.RELATIONSHIP.INVALID", "api-relationship-refused"),
        (409, "ENTITY_ERROR.ATTRIBUTE.INVALID", "api-attribute-refused"),
        (422, "X", "api-request-malformed"),
        (403, "FORBIDDEN_ERROR", "api-role-lacks"),
    ] {
        let (end, calls) = begin(vec![refusal(status, code, "why")]).await;
        let (Ended::Refused(error) | Ended::NotSent(error)) = end else { panic!() };
        assert_eq!((error.code(), calls), (expected, 1));
        assert!(error.to_string().contains("(request id 1d0a2f6e-"), "{error}");
    }
}

#[tokio::test]
async fn what_does_not_fit_into_the_hour_is_not_sent_and_says_when() {
    let adjust = |settings: &mut BusinessSettings| {
        settings.budget = CallBudget::new(20, 2, &PastCalls::default(), settings.clock.now());
    };
    let fixture =
        Fixture::start_with(adjust, |seen| if seen.is_bearer_wish() { Reply::Usual } else { begun() }).await;
    let start = fixture.clock.now();
    let begin = async || fixture.actuator().begin(&Activity::CancelMigration, &serials(1)).await;
    done(begin().await);
    fixture.clock.step(Duration::from_secs(60));
    done(begin().await);
    let Ended::NotSent(error) = begin().await else { panic!() };
    let at = crate::model::clock::after(start, Duration::from_secs(3_600));
    assert_eq!(
        (error.code(), error.cause, error.not_before),
        ("api-budget-spent", Cause::Throttled, Some(at))
    );
    assert!(error.message.contains(&at.to_string()), "{error}");
    assert_eq!(
        (fixture.calls().len(), fixture.clock.pauses().len()),
        (2, 0),
        "nothing is sent or waited for"
    );
    assert_eq!(fixture.client.budget().summary(fixture.clock.now()).next_post, Some(at));
    // Changes of services are of the minute.
    done(fixture.actuator().change_service(&service("A"), &ServiceChange::MayDisown(true)).await);
    fixture.clock.step(Duration::from_secs(3_540));
    done(begin().await);
    // A run whose hour is over does not even sign in.
    let adjust = |settings: &mut BusinessSettings| {
        let now = settings.clock.now();
        settings.budget = CallBudget::new(20, 1, &PastCalls { minute: Vec::new(), hour: vec![now] }, now);
    };
    let fixture = Fixture::start_with(adjust, |_| bare(418, "")).await;
    let end = fixture.actuator().begin(&Activity::CancelMigration, &serials(1)).await;
    assert!(matches!(end, Ended::NotSent(error) if error.code() == "api-budget-spent"));
    assert!(fixture.all().is_empty());
}

#[tokio::test]
async fn an_activity_has_at_least_one_device_and_no_more_than_allowed() {
    let fixture = Fixture::start(|seen| if seen.is_bearer_wish() { Reply::Usual } else { begun() }).await;
    for count in [0, MOST_SERIALS + 1] {
        let end = fixture.actuator().begin(&Activity::CancelMigration, &serials(count)).await;
        assert!(matches!(end, Ended::NotSent(error) if error.code() == "api-request-not-sendable"));
    }
    assert!(fixture.all().is_empty());
    done(fixture.actuator().begin(&Activity::CancelMigration, &serials(MOST_SERIALS)).await);
}

#[tokio::test]
async fn school_is_not_asked_for_what_it_cannot() {
    let fixture = Fixture::start_with(|settings| settings.edition = Edition::School, |_| bare(418, "")).await;
    let actuator = fixture.actuator();
    let new = NewService { name: "Lab".into(), certificate: certificate(), may_disown: None };
    for error in [
        actuator.create_service(&new).await.map_failed(),
        actuator.change_service(&service("A"), &ServiceChange::Name("B".into())).await.map_failed(),
        actuator.delete_service(&service("A")).await.map_failed(),
        actuator.release(super::release::permit(), jiff::Timestamp::MAX).await.map_failed(),
    ] {
        assert_eq!(error.unwrap().code(), "api-operation-not-supported");
    }
    assert!(fixture.all().is_empty());
}

impl<T> crate::provider::ended::Ended<T, BusinessError> {
    pub(super) fn map_failed(self) -> Option<BusinessError> {
        match self {
            Ended::Done(_) => None,
            Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => Some(error),
        }
    }
}

#[tokio::test]
async fn a_service_is_made_with_its_certificate_in_the_form_chosen() {
    let certificate = certificate();
    let pem = String::from_utf8(certificate.to_pem().unwrap()).unwrap();
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    for (form, data) in [
        (CertificateForm::Der, encode(&certificate.to_der().unwrap())),
        (CertificateForm::Pem, encode(pem.as_bytes())),
        (CertificateForm::PemText, pem.clone()),
    ] {
        let made = json!({ "data": { "type": "mdmServers", "id": "1f97", "attributes": { "enableMdmDisownFlag": false } } });
        let reply = Reply::Answer(201, Vec::new(), made.to_string());
        let fixture = Fixture::start_with(|settings| settings.certificate = form, in_turn(vec![reply])).await;
        let new =
            NewService { name: "Lab MDM".into(), certificate: certificate.clone(), may_disown: Some(true) };
        assert_eq!(done(fixture.actuator().create_service(&new).await).id, service("1F97"));
        assert_eq!(fixture.lines(), ["POST /v1/mdmServers"]);
        let expected = json!({ "data": { "type": "mdmServers", "attributes": { "serverName": "Lab MDM",
            "serverCertificate": { "name": "Lab-MDM.pem", "data": data }, "enableMdmDisownFlag": true } } });
        assert_eq!(fixture.calls()[0].json(), expected);
    }
    let new = NewService { name: "Lab".into(), certificate, may_disown: None };
    let fixture = Fixture::start(in_turn(vec![Reply::Cut])).await;
    assert!(matches!(fixture.actuator().create_service(&new).await, Ended::Lost(_)));
    assert_eq!(fixture.calls().len(), 1);
    assert!(fixture.calls()[0].json()["data"]["attributes"].get("enableMdmDisownFlag").is_none());
}

#[tokio::test]
async fn a_service_is_changed_one_thing_at_a_time() {
    use ProductFamily::{AppleTv, Ipad};
    let families = |has: &[ProductFamily], shall_have: &[ProductFamily]| ServiceChange::Families {
        has: has.to_vec(),
        shall_have: shall_have.to_vec(),
    };
    for (change, attributes) in [
        (ServiceChange::Name("New".into()), json!({ "serverName": "New" })),
        (families(&[], &[Ipad, AppleTv]), json!({ "defaultProductFamilies": ["IPAD", "APPLE_TV"] })),
        (families(&[Ipad], &[]), json!({ "defaultProductFamilies": [] })),
        (ServiceChange::MayDisown(false), json!({ "enableMdmDisownFlag": false })),
    ] {
        let fixture = Fixture::start(in_turn(vec![ok(json!({ "data": { "id": "1F97" } }))])).await;
        done(fixture.actuator().change_service(&service("1F97"), &change).await);
        assert_eq!(fixture.lines(), ["PATCH /v1/mdmServers/1F97"]);
        let expected = json!({ "data": { "type": "mdmServers", "id": "1F97", "attributes": attributes } });
        assert_eq!(fixture.calls()[0].json(), expected);
    }
    // Apple answers 400 to clearing what is clear.
    let fixture = Fixture::start(in_turn(vec![])).await;
    done(fixture.actuator().change_service(&service("1F97"), &families(&[], &[])).await);
    assert!(fixture.all().is_empty());
    let held = refusal(409, "ENTITY_STATE.CONFLICT", "IPAD is held by another server");
    let fixture = Fixture::start(in_turn(vec![held])).await;
    let end = fixture.actuator().change_service(&service("1F97"), &families(&[], &[Ipad])).await;
    assert!(
        matches!(end, Ended::Refused(error) if error.code() == "api-conflict" && error.next.contains("family"))
    );
    let fixture = Fixture::start(in_turn(vec![bare(500, "")])).await;
    let end = fixture.actuator().change_service(&service("1F97"), &families(&[], &[Ipad])).await;
    assert!(matches!(end, Ended::Lost(_)));
    assert_eq!(fixture.calls().len(), 1);
}

#[tokio::test]
async fn a_service_is_deleted_once() {
    for (reply, code) in [
        (bare(204, ""), None),
        (refusal(404, "NOT_FOUND", "gone"), None),
        (refusal(409, "FAILED_PRECONDITION", "default"), Some("api-precondition-failed")),
        (bare(404, "<html>"), Some("api-answer-unexpected")),
        (bare(500, ""), Some("api-unavailable")),
    ] {
        let fixture = Fixture::start(in_turn(vec![reply])).await;
        let end = fixture.actuator().delete_service(&service("1F97")).await.map_failed();
        assert_eq!(end.map(|error| error.code()), code);
        assert_eq!(fixture.lines(), ["DELETE /v1/mdmServers/1F97"]);
    }
}

fn address(text: String) -> LogAddress {
    LogAddress(Secret::new(text))
}

fn reader(api: &Url, clock: Arc<StepClock>) -> LogReader {
    LogReader::new(HTTP.clone(), api, clock, "espalier-test/1".into(), Duration::from_secs(120))
}

#[tokio::test]
async fn a_log_is_fetched_without_the_bearer() {
    let clock = StepClock::new();
    let mut at = 0;
    let (base, seen) = serve(clock.clone(), move |_| {
        at += 1;
        match at {
            1 => bare(503, "<Error>planted-signature</Error>"),
            _ => bare(200, "STATUS,COMPLETED\n\nserial_number,operation_status\nA,SUCCESS\n"),
        }
    })
    .await;
    let log = address(base.join("log.csv?sig=planted-signature").unwrap().to_string());
    let read = reader(&base, clock.clone()).fetch(&log).await.unwrap();
    assert_eq!(read.of(&serial("A")).unwrap().issue, None);
    assert_eq!(read.of(&serial("B")), None);
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    for request in seen {
        assert_eq!(
            (request.line.as_str(), request.field("authorization")),
            ("GET /log.csv?sig=planted-signature", "-")
        );
    }
    let api = Url::parse("https://api-business.apple.com").unwrap();
    let error = reader(&api, clock.clone()).fetch(&log).await.unwrap_err();
    assert_eq!(error.code(), "activity-log-address", "this machine is no place for logs of the world");
    for bad in [
        "http://storage.example/x",
        "file:///etc/passwd",
        "planted",
        "https://planted:planted@storage.example/",
    ] {
        let error = reader(&base, clock.clone()).fetch(&address(bad.into())).await.unwrap_err();
        assert_eq!(error.code(), "activity-log-address", "{bad}");
        assert!(!format!("{error:?}").contains("planted"));
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_had_is_unknown_and_quotes_nothing() {
    for (status, body, code) in [
        (403, "<Error>Expired planted-signature</Error>", "activity-log-expired"),
        (404, "planted-signature", "activity-log-expired"),
        (410, "", "activity-log-expired"),
        (302, "", "api-answer-unexpected"),
        (500, "planted-signature", "api-unavailable"),
        (200, "<html>planted-signature</html>", "activity-log-unreadable"),
    ] {
        let clock = StepClock::new();
        let (base, _) = serve(clock.clone(), move |_| bare(status, body)).await;
        let log = address(base.join("log.csv?sig=planted-signature").unwrap().to_string());
        let error = reader(&base, clock).fetch(&log).await.unwrap_err();
        assert_eq!((error.code(), error.cause), (code, Cause::Unavailable), "{status}");
        assert!(!format!("{error} {error:?} {log:?}").contains("planted"), "{error:?}");
    }
}
