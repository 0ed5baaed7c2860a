//! Giving a device up: what is read right before, what a permit wants, and that it is sent once.

use super::*;
use crate::model::act::{Epoch, FreshLock, FreshOrgDevice, RecordId};
use crate::model::clock::Timestamp;
use crate::model::live::{Cause, Fact};
use crate::model::organisation::{ActivationLock, ActivityId};

fn added() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

fn epoch(serial: &str, enrolled: Timestamp) -> Epoch {
    Epoch { record: RecordId(serial.into()), enrolled }
}

fn fresh(text: &str, added: Option<Timestamp>, released: Option<Timestamp>) -> FreshOrgDevice {
    FreshOrgDevice::just_read(serial(text), added, released, Some(true), Timestamp::MIN)
}

fn lock(text: &str, lock: ActivationLock) -> FreshLock {
    FreshLock::just_read(serial(text), lock, Timestamp::MIN)
}

pub(super) fn permit() -> ReleasePermit {
    let device = fresh("A", Some(added()), None);
    ReleasePermit::of(&epoch("A", added()), device, lock("A", ActivationLock::Off)).unwrap()
}

fn known<T>(fact: Fact<T>) -> T {
    match fact {
        Fact::Known(known) => known,
        Fact::Unknown(unknown) => panic!("{unknown}"),
    }
}

#[tokio::test]
async fn one_device_is_read_with_its_life_in_the_organisation() {
    let one = |attributes: Json| {
        ok(json!({ "data": { "type": "orgDevices", "id": "A", "attributes": attributes } }))
    };
    let released = "2026-10-01T00:00:00Z";
    let fixture = Fixture::start(in_turn(vec![
        one(json!({ "serialNumber": "A", "status": "ASSIGNED", "addedToOrgDateTime": "2026-03-01T09:00:00Z",
                    "releasedFromOrgDateTime": null })),
        one(json!({ "releasedFromOrgDateTime": released })),
    ]))
    .await;
    let asked = fixture.clock.now();
    let device = known(fixture.observer().fresh_device(&serial("A")).await).unwrap();
    assert_eq!((device.serial(), device.read()), (serial("A"), asked));
    assert_eq!((device.assigned(), device.added(), device.released()), (Some(true), Some(added()), None));
    assert_eq!(device.epoch(), Some(epoch("A", added())));
    let device = known(fixture.observer().fresh_device(&serial("A")).await).unwrap();
    assert_eq!((device.released(), device.epoch()), (Some(released.parse().unwrap()), None));
    assert_eq!(fixture.lines(), ["GET /v1/orgDevices/A", "GET /v1/orgDevices/A"]);
}

#[tokio::test]
async fn an_answer_about_another_device_is_none() {
    let fixture = Fixture::start(in_turn(vec![
        ok(json!({ "data": { "type": "orgDevices", "id": "B", "attributes": { "serialNumber": "B" } } })),
        ok(json!({ "data": null })),
        refusal(403, "FORBIDDEN", "no"),
        bare(404, "not Apple's"),
        refusal(404, "NOT_FOUND", "no such device"),
    ]))
    .await;
    for _ in 0..4 {
        assert!(fixture.observer().fresh_device(&serial("A")).await.unknown().is_some());
    }
    assert!(known(fixture.observer().fresh_device(&serial("A")).await).is_none());
}

#[tokio::test]
async fn a_lock_is_read_for_one_purpose_or_is_unknown() {
    let told = |attributes: Json| ok(json!({ "data": { "type": "x", "id": "A", "attributes": attributes } }));
    let fixture = Fixture::start(in_turn(vec![
        told(json!({ "isLocked": false, "lockType": "NONE" })),
        told(json!({ "isLocked": true, "lockType": "MDM" })),
        told(json!({ "isLocked": true, "lockType": "NONE" })),
        refusal(404, "NOT_FOUND", "no such device"),
    ]))
    .await;
    let asked = fixture.clock.now();
    for expected in [ActivationLock::Off, ActivationLock::ByMdm] {
        let lock = known(fixture.observer().fresh_lock(&serial("A")).await);
        assert_eq!((lock.serial(), lock.lock(), lock.read()), (serial("A"), expected, asked));
    }
    for _ in 0..2 {
        assert!(fixture.observer().fresh_lock(&serial("A")).await.unknown().is_some());
    }
    assert_eq!(fixture.lines(), vec!["GET /v1/orgDevices/A/activationLockStatus"; 4]);
}

#[test]
fn a7_a_permit_wants_the_same_life_not_released_and_no_lock() {
    let later = crate::model::clock::after(added(), Duration::from_secs(1));
    let of =
        |epoch: &Epoch, device, lock| ReleasePermit::of(epoch, device, lock).map(|permit| permit.serial());
    let (a, off) = (epoch("A", added()), ActivationLock::Off);
    assert_eq!(of(&a, fresh("A", Some(added()), None), lock("A", off)), Ok(serial("A")));
    for (device, lock, refused) in [
        (
            fresh("A", Some(added()), None),
            lock("B", off),
            ReleaseRefused::TwoDevices(serial("A"), serial("B")),
        ),
        (fresh("B", Some(added()), None), lock("B", off), ReleaseRefused::OtherEpoch(serial("B"))),
        (fresh("A", Some(later), None), lock("A", off), ReleaseRefused::OtherEpoch(serial("A"))),
        (fresh("A", None, None), lock("A", off), ReleaseRefused::OtherEpoch(serial("A"))),
        (
            fresh("A", Some(added()), Some(later)),
            lock("A", off),
            ReleaseRefused::Released(serial("A"), later),
        ),
        (
            fresh("A", Some(added()), None),
            lock("A", ActivationLock::ByMdm),
            ReleaseRefused::Locked(serial("A")),
        ),
        (
            fresh("A", Some(added()), None),
            lock("A", ActivationLock::ByUser),
            ReleaseRefused::Locked(serial("A")),
        ),
    ] {
        assert_eq!(of(&a, device, lock), Err(refused));
    }
}

#[tokio::test]
async fn a_release_is_one_request_about_one_device() {
    let begun = json!({ "data": { "type": "orgDeviceActivities", "id": "a-1" } });
    let fixture = Fixture::start(in_turn(vec![ok(begun)])).await;
    let Ended::Done(id) = fixture.actuator().release(permit(), Timestamp::MAX).await else { panic!() };
    assert_eq!(id, ActivityId("a-1".into()));
    assert_eq!(fixture.lines(), ["POST /v1/orgDeviceActivities"]);
    assert_eq!(
        fixture.calls()[0].json(),
        json!({ "data": { "type": "orgDeviceActivities", "attributes": { "activityType": "RELEASE_DEVICES" },
                "relationships": { "devices": { "data": [{ "type": "orgDevices", "id": "A" }] } } } })
    );
    assert_eq!(fixture.client.meter().calls(), (1, 1));
}

#[tokio::test]
async fn no_end_has_a_release_sent_again() {
    for status in [301, 307, 400, 401, 403, 404, 408, 409, 429, 499, 500, 502, 503] {
        let reply = Reply::Answer(
            status,
            vec![("retry-after", "1".to_owned())],
            json!({ "errors": [{ "code": "C", "title": "T", "detail": "d" }] }).to_string(),
        );
        let fixture = Fixture::start(in_turn(vec![reply, ok(json!({ "data": { "id": "a" } }))])).await;
        match fixture.actuator().release(permit(), Timestamp::MAX).await {
            Ended::Lost(error) if !(400..500).contains(&status) || [408, 499].contains(&status) => {
                assert_eq!(error.cause, Cause::LostAnswer, "{status}");
                assert!(error.next.contains("action resolve"), "{status}");
            }
            Ended::Refused(_) | Ended::NotSent(_) if (400..500).contains(&status) => {
                assert!(![408, 499].contains(&status), "{status}");
            }
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(fixture.lines().len(), 1, "{status}");
        assert!(fixture.clock.pauses().is_empty(), "{status}");
    }
    for reply in [Reply::Cut, ok(json!({ "data": { "id": "" } })), ok(json!({})), bare(204, "")] {
        let fixture = Fixture::start(in_turn(vec![reply, ok(json!({ "data": { "id": "a" } }))])).await;
        assert!(matches!(fixture.actuator().release(permit(), Timestamp::MAX).await, Ended::Lost(_)));
        assert_eq!(fixture.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_release_is_not_sent_after_its_time_nor_without_a_bearer() {
    let fixture = Fixture::start(in_turn(vec![])).await;
    let now = fixture.clock.now();
    assert!(matches!(fixture.actuator().release(permit(), now).await, Ended::NotSent(_)));
    assert!(fixture.calls().is_empty());
    let fixture = Fixture::start(|_| refusal(400, "C", "no bearer")).await;
    assert!(matches!(fixture.actuator().release(permit(), Timestamp::MAX).await, Ended::NotSent(_)));
    assert!(fixture.calls().is_empty());
}
