//! Every job takes the least number of calls that pages and batches allow (goal G6).

use std::collections::BTreeMap;

use espalier::model::Serial;
use espalier::sim::{CallKind, Seed, SeedTenant, SeedToken, World};

use super::fleet::{self, ONE};
use super::stand::Stand;

const TOKENS: &str = "deviceManagement.depOnboardingSettings.get";
const TAGS: &str = "deviceManagement.roleScopeTags.get";
const PROFILES: &str = "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.get";
const DEVICES: &str = "deviceManagement.depOnboardingSettings.item.importedAppleDeviceIdentities.get";
const CREATE: &str = "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post";
const ASSIGN: &str =
    "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.item.updateDeviceProfileAssignment.post";
/// The most requests of a `$batch`.
const BATCH: usize = 20;
/// `assignBatch` of the documents.
const ASSIGN_BATCH: usize = 2;

fn serial(token: usize, number: usize) -> Serial {
    Serial::new(&format!("DMPK{token:02}A{number:03}F5")).expect("a serial")
}

/// So many tokens of one tenant with so many devices each, and as many profiles under each as
/// `shares` has entries, which say how many devices get it.
async fn fleet_of(tokens: usize, devices: usize, shares: &[usize], page: usize) -> Stand {
    let names: Vec<String> = (0..tokens).map(|token| format!("token-{token:02}")).collect();
    let mut documents = fleet::ground();
    for name in &names {
        documents += &fleet::token(name, "one", name, "");
    }
    for (profile, _) in shares.iter().enumerate() {
        documents +=
            &fleet::profile(&format!("profile-{profile}"), &format!("P{profile}"), &names.join(", "), "");
    }
    for (token, name) in names.iter().enumerate() {
        let mut next = 0;
        for (profile, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0) {
            let serials: Vec<String> =
                (next..next + share).map(|number| serial(token, number).to_string()).collect();
            next += share;
            let document = format!("assign-{profile}-{name}");
            documents +=
                &fleet::assignment(&document, name, &format!("profile-{profile}"), &serials.join(", "));
        }
    }
    let seeded = names.iter().enumerate().map(|(token, name)| SeedToken {
        name: name.clone(),
        serials: (0..devices).map(|number| serial(token, number)).collect(),
        ..SeedToken::default()
    });
    let tenant = SeedTenant { tenant_id: ONE.to_owned(), tokens: seeded.collect(), ..SeedTenant::default() };
    let seed = Seed { tenants: vec![tenant], ..fleet::seed() };
    Stand::new(&documents, World::from_seed(&seed), page).await
}

/// The calls by operation, without those within batches.
fn calls(stand: &Stand, kind: CallKind) -> BTreeMap<String, usize> {
    let calls = stand.sim.calls().into_iter().filter(|call| call.kind == kind);
    calls.map(|call| (call.operation, call.count as usize)).collect()
}

/// The requests within batches that write, by operation.
fn written_in_batches(stand: &Stand) -> BTreeMap<String, u64> {
    let batches = stand.sim.calls().into_iter().filter(|call| call.kind == CallKind::Write);
    batches.flat_map(|call| call.parts).map(|part| (part.operation, part.count)).collect()
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let named = expected.iter().filter(|(_, count)| *count > 0);
    named.map(|(operation, count)| ((*operation).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_plan_without_changes_takes_the_least_number_of_reads() {
    const PAGE: usize = 10;
    for (tokens, devices) in [(1, 3), (1, 10), (1, 34), (2, 10), (20, 4), (25, 4), (25, 23)] {
        let stand = fleet_of(tokens, devices, &[2], PAGE).await;
        assert_eq!(stand.apply().await.exit_code(), 0);
        stand.sim.forget_calls();
        assert_eq!(stand.nothing_to_plan().await, [""; 0]);
        let batches = if tokens == 1 { 0 } else { tokens.div_ceil(BATCH) };
        let further = tokens * (devices.div_ceil(PAGE) - 1);
        let alone = usize::from(tokens == 1);
        let expected = counts(&[
            ("token", 1),
            (TOKENS, tokens.div_ceil(PAGE)),
            ("$batch", 2 * batches),
            (PROFILES, alone),
            (DEVICES, alone + further),
        ]);
        assert_eq!(calls(&stand, CallKind::Read), expected, "{tokens} tokens, {devices} devices");
        assert_eq!(calls(&stand, CallKind::Write), BTreeMap::new());
    }
}

#[tokio::test]
async fn scope_tags_are_read_only_where_a_document_names_them() {
    let stand = fleet_of(1, 3, &[2], 10).await;
    stand.plan().await;
    assert!(!calls(&stand, CallKind::Read).contains_key(TAGS));
    let stand = Stand::between_editions().await;
    stand.plan().await;
    assert_eq!(calls(&stand, CallKind::Read)[TAGS], 1);
}

#[tokio::test]
async fn assignments_travel_twenty_to_a_batch_and_lists_are_read_back_once() {
    const PAGE: usize = 10;
    for (tokens, shares) in [(1, &[45, 7, 1][..]), (1, &[3]), (1, &[1]), (2, &[10, 11]), (3, &[40, 41])] {
        let devices: usize = shares.iter().sum();
        let stand = fleet_of(tokens, devices, shares, PAGE).await;
        let report = stand.apply().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
        let requests: usize = tokens * shares.iter().map(|share| share.div_ceil(ASSIGN_BATCH)).sum::<usize>();
        // A request that is alone in its batch goes without one.
        let single = usize::from(requests % BATCH == 1);
        let batches = requests.div_ceil(BATCH) - single;
        let expected = counts(&[(CREATE, tokens * shares.len()), ("$batch", batches), (ASSIGN, single)]);
        assert_eq!(calls(&stand, CallKind::Write), expected, "{tokens} tokens, {shares:?}");
        let in_batches = written_in_batches(&stand).get(ASSIGN).copied().unwrap_or(0);
        assert_eq!(in_batches as usize + single, requests);
        // Read once to plan and once to see what came of it. With several tokens the first one's
        // profiles are seen before the others follow; a list that is alone goes without a batch.
        let pages = devices.div_ceil(PAGE);
        let reads = calls(&stand, CallKind::Read);
        let (batches, profiles, firsts) = match tokens {
            1 => (0, 1 + 1, 1 + 1),
            2 => (2 + 1, 1 + 1, 0),
            _ => (2 + 2, 1, 0),
        };
        let expected = counts(&[
            ("token", 1),
            (TOKENS, 1),
            ("$batch", batches),
            (PROFILES, profiles),
            (DEVICES, firsts + 2 * tokens * (pages - 1)),
        ]);
        assert_eq!(reads, expected, "{tokens} tokens, {shares:?}");
        assert_eq!(stand.nothing_to_apply().await, [""; 0]);
    }
}
