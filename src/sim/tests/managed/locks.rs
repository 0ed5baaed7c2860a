//! Activation Lock, at Apple and here.

use super::*;
use crate::sim::apple::organization::Edition;

#[tokio::test]
async fn a_bypass_lifts_the_lock_of_a_user_until_find_my_is_opened_again() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!({"do": "setDeviceLock", "serials": [PHONE, MAC, SCREEN], "lock": "USER"})).await;
    let id = desk.acted(PHONE, "bypassActivationLock", None).await;
    assert_eq!(desk.lock(PHONE), Lock::User);
    desk.advance(60);
    assert_eq!(desk.result(&id, "bypassActivationLock").await["actionState"], "done");
    assert_eq!(desk.lock(PHONE), Lock::None);
    let past = desk.past(PHONE);
    assert_eq!(past.of(DeedKind::LockBypassed).next().unwrap().lock, Lock::User);
    desk.by_hand(json!({"do": "changeDevice", "serial": MAC, "habits": {"reopensFindMyAfter": 600}})).await;
    desk.acted(MAC, "bypassActivationLock", None).await;
    desk.advance(300);
    assert_eq!(desk.lock(MAC), Lock::None);
    desk.advance(600);
    assert_eq!(desk.lock(MAC), Lock::User, "the user opened Find My again");
    desk.by_hand(json!({"do": "setDeviceLock", "serials": [PHONE], "lock": "MDM"})).await;
    desk.acted(PHONE, "bypassActivationLock", None).await;
    desk.advance(60);
    assert_eq!(desk.lock(PHONE), Lock::Mdm, "the MDM's own lock is another one");
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "codeAvailable": false})).await;
    desk.acted(PHONE, "bypassActivationLock", None).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, "bypassActivationLock").await["actionState"], "failed");
}

#[tokio::test]
async fn a_locked_device_is_not_set_up_until_its_code_is_typed_in() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!({"do": "setDeviceLock", "serials": [PHONE], "lock": "USER"})).await;
    let id = desk.record(PHONE).await;
    let code = desk.code(&id).await;
    desk.acted(PHONE, "wipe", None).await;
    desk.advance(86_400);
    assert_eq!(desk.lock(PHONE), Lock::User, "a lock survives the wipe");
    assert!(desk.rows(PHONE).await.is_empty());
    for change in [
        json!({"do": "setUpDevice", "serial": PHONE}),
        json!({"do": "enterBypassCode", "serial": PHONE, "code": "00000-00000-0000-0000-0000-0000"}),
        json!({"do": "setDeviceLock", "serials": ["NOBODY"], "lock": "NONE"}),
    ] {
        assert_eq!(desk.control("POST", "/portal", Some(change)).await.0, 409);
    }
    desk.by_hand(json!([
        {"do": "enterBypassCode", "serial": PHONE, "code": code},
        {"do": "setUpDevice", "serial": PHONE},
    ]))
    .await;
    assert_eq!((desk.lock(PHONE), desk.rows(PHONE).await.len()), (Lock::None, 1));
    assert_eq!(desk.past(PHONE).of(DeedKind::Wiped).next().unwrap().lock, Lock::User);
}

#[tokio::test]
async fn apple_and_intune_know_one_lock() {
    let mut seed = fleet();
    seed.organizations = vec![SeedOrganization {
        name: "Org".to_owned(),
        edition: Edition::Business,
        accounts: vec![SeedApiAccount {
            client_id: "BUSINESSAPI.1".to_owned(),
            key_id: "k".to_owned(),
            ..SeedApiAccount::default()
        }],
        services: vec![SeedDeviceService {
            name: "Intune".to_owned(),
            intune: Some(SeedIntuneLink { tenant: TENANT.to_owned(), token: "School".to_owned() }),
            ..SeedDeviceService::default()
        }],
        ..SeedOrganization::default()
    }];
    seed.tenants[0].devices[0].lock = Some(Lock::User);
    let desk = Desk::lasting(Options::new(World::from_seed(&seed))).await;
    let at_apple = || {
        desk.sim.with_world(|world| {
            world.organizations[0].roster.extras(&serial(PHONE)).map_or(Lock::None, |extras| extras.lock)
        })
    };
    assert_eq!((desk.lock(PHONE), at_apple()), (Lock::User, Lock::User));
    desk.acted(PHONE, "bypassActivationLock", None).await;
    desk.advance(60);
    assert_eq!((desk.lock(PHONE), at_apple()), (Lock::None, Lock::None));
    desk.by_hand(
        json!({"do": "setActivationLock", "organization": "Org", "serials": [PHONE, PAD], "lock": "USER"}),
    )
    .await;
    assert_eq!((desk.lock(PHONE), desk.lock(PAD)), (Lock::User, Lock::User));
    // Programs that move or release a locked device are remembered.
    desk.sim.with_world(|world| {
        use crate::sim::apple::organization::ActivityType;
        use crate::sim::apple::organization::activity::{Bound, Wish};
        for (kind, device) in [
            (ActivityType::UnassignDevices, PHONE),
            (ActivityType::ReleaseDevices, PAD),
            (ActivityType::UnassignDevices, MAC),
        ] {
            let wish = Wish {
                kind,
                service: None,
                deadline: None,
                serials: vec![serial(device)],
                bound: Bound::default(),
            };
            world.create_activity(0, "BUSINESSAPI.1", wish);
        }
    });
    desk.advance(60);
    let moved = desk.past(PHONE).moves_under_lock;
    assert_eq!((moved.len(), moved[0].lock, moved[0].to.clone()), (1, Lock::User, None));
    assert!(desk.past(MAC).moves_under_lock.is_empty());
    let past = desk.past(PAD);
    let released = past.of(DeedKind::Released).next().unwrap();
    assert_eq!((released.lock, released.code_read, released.record.is_some()), (Lock::User, false, true));
    // A release is for ever, and does not take the device out of management.
    desk.sim.with_world(|world| {
        let seed = seed.clone();
        world.add(&seed);
        assert!(world.organizations[0].roster.device(&serial(PAD)).is_none());
    });
    assert_eq!(desk.sim.with_world(|world| world.history.organizations.releases[&serial(PAD)]), 1);
    assert_eq!(desk.rows(PAD).await.len(), 1);
    desk.advance(86_400);
    let page = desk.get(&desk.below("/importedAppleDeviceIdentities")).await;
    let row = page["value"].as_array().unwrap().iter().find(|row| row["serialNumber"] == PAD).unwrap();
    assert_eq!(row["isDeleted"], true);
    assert_eq!(desk.rows(PAD).await.len(), 1);
}
