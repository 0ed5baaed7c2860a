//! What devices hold secret is sealed, and stands nowhere else.

use espalier::acts::ActState;
use espalier::escrow::{PrivateKey, open};
use espalier::model::{SealedKind, Secret, Serial};
use serde_json::json;

use super::ground::{Ground, IPAD, IPHONE, MAC, RECIPIENT, SHARED, of};

/// The text of the only sealed secret of a kind.
pub fn opened(ground: &Ground, serial: &str, kind: SealedKind) -> String {
    let serial = Serial::new(serial).expect("a serial");
    let book = ground.book();
    let rows: Vec<_> = book.sealed_of(&serial).iter().filter(|row| row.sealed.kind == kind).collect();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let pem = RECIPIENT.0.private_key_to_pem_pkcs8().expect("a PEM");
    let pem = Secret::new(String::from_utf8(pem).expect("a text"));
    let key = PrivateKey::parse(&pem, None).expect("a key");
    let opened = open(&row.sealed, &key, None, serial, &row.epoch.record).expect("it opens");
    opened.value.reveal().to_owned()
}

#[tokio::test]
async fn l4_the_code_of_a_wiped_device_is_in_the_ledger_sealed_and_nowhere_in_the_clear() {
    let ground = Ground::new().await;
    let serial = Serial::new(IPAD).expect("a serial");
    let code = ground.sim.with_world(|world| world.bypass_code(&serial)).expect("a code");
    ground.asks("stolen", "wipe", &[IPAD], "");
    let report = ground.apply().await;
    assert!(!format!("{report:?}").contains(&code));
    assert_eq!(opened(&ground, IPAD, SealedKind::BypassCode), code);
    assert_eq!(ground.holding(&code), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn the_pin_of_a_locked_mac_is_sealed_and_nowhere_in_the_clear() {
    let ground = Ground::new().await;
    ground.asks("lost", "lock", &[MAC], "");
    let report = ground.apply().await;
    let result = of(&report, "lost", MAC);
    assert_eq!(result.state, ActState::Done, "{result:#?}");
    assert!(result.evidence.contains("unlock PIN is sealed"), "{result:#?}");
    let serial = Serial::new(MAC).expect("a serial");
    let number =
        ground.world()["history"]["devices"][MAC]["requests"][0]["number"].as_u64().expect("a number");
    let pin = ground.sim.with_world(|world| world.unlock_pin(&serial, number));
    assert_eq!(opened(&ground, MAC, SealedKind::UnlockPin), pin);
    assert!(!format!("{report:?}").contains(&pin));
}

#[tokio::test]
async fn without_recipients_nothing_is_sent_that_would_make_or_end_a_secret() {
    let ground = Ground::new().await;
    ground.fleet("");
    ground.asks("lost", "lock", &[MAC], "");
    ground.asks("stolen", "wipe", &[IPAD], "");
    ground.asks("kept", "escrowBypassCode", &[IPHONE], "");
    let report = ground.apply().await;
    for (name, serial) in [("lost", MAC), ("stolen", IPAD), ("kept", IPHONE)] {
        let result = of(&report, name, serial);
        assert!(result.stop.is_some() && !result.sent, "{result:#?}");
    }
    assert_eq!(ground.world()["history"]["devices"][MAC]["requests"], json!(null));
    assert_eq!(ground.requests(IPAD, "wipe"), 0);
}

#[tokio::test]
async fn l4_codes_of_enrolled_devices_are_sealed_once_in_a_life() {
    let ground = Ground::new().await;
    ground.fleet("  escrow: {recipients: [escrow.pem], onEnrollment: true}\n");
    let report = ground.apply().await;
    let escrow = report.escrow.expect("codes are read");
    assert_eq!((escrow.sealed, escrow.failed), (4, 0), "{escrow:?}");
    for serial in [IPAD, IPHONE, MAC, SHARED] {
        let code = ground
            .sim
            .with_world(|world| world.bypass_code(&Serial::new(serial).expect("a serial")))
            .expect("a code");
        assert_eq!(opened(&ground, serial, SealedKind::BypassCode), code);
    }
    let report = ground.apply().await;
    assert_eq!(report.escrow.expect("nothing is read").sealed, 0);
    assert_eq!(ground.world()["history"]["devices"][IPAD]["codeReads"].as_array().map(Vec::len), Some(1));
}
