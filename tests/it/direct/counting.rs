//! Every job takes the least number of calls that pages, cursors and sessions allow (goal G6).

use std::collections::BTreeMap;

use espalier::model::Serial;
use espalier::progress::NoProgress;

use super::stand::{self, PAGE, Stand, serial};

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, u64> {
    let named = expected.iter().filter(|(_, count)| *count > 0);
    named.map(|(operation, count)| ((*operation).to_owned(), *count as u64)).collect()
}

/// Several tokens with so many devices, of which the first get profiles in the given shares.
async fn fleet_of(tokens: usize, devices: usize, shares: &[usize]) -> Stand {
    let names: Vec<String> = (0..tokens).map(|token| format!("token-{token:02}")).collect();
    let mut documents = stand::fleet();
    for name in &names {
        documents += &stand::token(name, "");
    }
    for (number, _) in shares.iter().enumerate() {
        documents += &stand::profile(&format!("p{number}"), &names.join(", "), "");
    }
    for (token, name) in names.iter().enumerate() {
        let mut next = 0;
        for (number, share) in shares.iter().enumerate() {
            let serials: Vec<Serial> = (next..next + share).map(|device| serial(token, device)).collect();
            next += share;
            documents +=
                &stand::assignment(&format!("a{number}-{name}"), name, &format!("p{number}"), &serials);
        }
    }
    let services =
        names.iter().enumerate().map(|(token, name)| stand::service(name, token, devices)).collect();
    Stand::new(&documents, stand::world(services)).await
}

#[tokio::test]
async fn a_first_plan_reads_pages_and_later_ones_read_only_what_changed() {
    for (tokens, devices) in [(1, 1), (1, PAGE), (1, 3 * PAGE + 1), (3, 2 * PAGE)] {
        let stand = fleet_of(tokens, devices, &[1]).await;
        assert!(stand.plan().await.has_changes());
        let pages = tokens * devices.div_ceil(PAGE);
        let full = counts(&[("session.get", tokens), ("server.devices.post", pages)]);
        assert_eq!(stand.calls(), full, "{tokens} tokens, {devices} devices");
        stand.sim.forget_calls();
        assert!(stand.plan().await.has_changes());
        let changes = counts(&[("session.get", tokens), ("devices.sync.post", tokens)]);
        assert_eq!(stand.calls(), changes, "{tokens} tokens, {devices} devices");
    }
}

#[tokio::test]
async fn an_apply_defines_assigns_and_reads_back_once() {
    for (tokens, shares) in [(1, &[3][..]), (1, &[2, 1, 5]), (2, &[1, 4])] {
        let devices: usize = shares.iter().sum();
        let stand = fleet_of(tokens, devices, shares).await;
        stand.plan().await;
        stand.sim.forget_calls();
        let report = stand.apply().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
        // What the plan read is kept, so that the apply begins with changes, too.
        let expected = counts(&[
            ("session.get", tokens),
            ("account.get", tokens),
            ("devices.sync.post", tokens + tokens * devices.div_ceil(PAGE)),
            ("profile.post", tokens * shares.len()),
            ("profile.get", tokens * shares.len()),
            ("profile.devices.post", tokens * shares.len()),
        ]);
        assert_eq!(stand.calls(), expected, "{tokens} tokens, {shares:?}");
        assert_eq!(stand.rests().await, [""; 0]);
        let expected = counts(&[("session.get", tokens), ("devices.sync.post", tokens)]);
        assert_eq!(stand.calls(), expected, "nothing is asked that the ledger knows");
        assert!(stand.nothing_repeated());
    }
}

#[tokio::test]
async fn a_thousand_devices_travel_in_one_request() {
    let stand = stand::simple(1_001).await;
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 0, "{:?}", report.steps);
    assert_eq!(stand.calls()["profile.devices.post"], 2);
    assert_eq!(
        report.steps.iter().filter_map(|step| step.items.as_ref()).map(|all| all.committed).sum::<usize>(),
        1_001
    );
    // At most 300 bytes for a changed device, and not one for all others.
    let ledger = std::fs::metadata(stand.folder().join(".espalier/sim/ledger.db")).expect("the ledger").len();
    assert!(ledger < 300 * 1_001, "{ledger} bytes");
    assert_eq!(stand.rests().await, [""; 0]);
}

#[tokio::test]
async fn a_kept_session_saves_the_sign_in() {
    let stand = stand::simple(3).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    let (host, documents) = stand.host().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        stand.sim.forget_calls();
        let session = host.session(&documents).await.expect("documents in order");
        let (plan, _) = session.plan(&NoProgress).await.expect("a plan");
        assert!(!plan.has_changes() && plan.blocked.is_empty(), "{:?}", plan.blocked);
        seen.push(stand.calls());
    }
    assert_eq!(seen[0], counts(&[("session.get", 1), ("devices.sync.post", 1)]));
    assert_eq!(seen[1], counts(&[("devices.sync.post", 1)]));
}

#[tokio::test]
async fn a_profile_of_others_is_asked_for_once() {
    let stand = stand::simple(2).await;
    let define =
        serde_json::json!({"profile_name": "Theirs", "url": "https://other.example/", "org_magic": "o"});
    stand.sim.with_world(|world| {
        let (seed, now) = (world.seed, world.now);
        let service = &mut world.services[0];
        let birth = service.define(seed, now, define.as_object().cloned().unwrap_or_default());
        let first = serial(0, 0);
        service.fleet.assign(&first, birth, now.as_second()).expect("it may be assigned");
    });
    stand.plan().await;
    assert_eq!(stand.calls().get("profile.get"), Some(&1));
    stand.sim.forget_calls();
    stand.plan().await;
    assert_eq!(stand.calls(), counts(&[("session.get", 1), ("devices.sync.post", 1)]));
}

#[tokio::test]
async fn the_url_of_account_driven_enrollment_is_asked_for_only_where_it_is_stated() {
    let url = "  accountDrivenEnrollmentUrl: https://mdm.example/discover\n";
    let documents = [stand::fleet(), stand::token("alpha", url)].concat();
    let stand = Stand::new(&documents, stand::world(vec![stand::service("alpha", 0, 1)])).await;
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let discovery =
        |call: &str| stand.calls().get(&format!("account-driven-enrollment.profile.{call}")).copied();
    // Once to plan, once to read back.
    assert_eq!((discovery("get"), discovery("post")), (Some(2), Some(1)));
    assert_eq!(stand.rests().await, [""; 0]);
    stand.write(&documents.replace("https://mdm.example/discover", "null"));
    stand.sim.forget_calls();
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(discovery("delete"), Some(1));
    stand.write(&[stand::fleet(), stand::token("alpha", "")].concat());
    stand.sim.forget_calls();
    stand.plan().await;
    assert_eq!(discovery("get"), None);
}
