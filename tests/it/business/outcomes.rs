//! What becomes of every device, one by one, whatever becomes of its activity.

use std::time::Duration;

use espalier::apply::{ApplyReport, StepOutcome};
use espalier::model::Serial;
use espalier::model::live::Cause;
use espalier::progress::NoProgress;
use serde_json::{Value, json};

use super::fleet::{self, AMPLE, serials};
use super::ground::{Ground, HORIZON, is_pending, open, step};

/// Two tokens of Intune with a profile, and new devices for the first of them; `more` are further documents.
fn documents(budget: &str, new: &[Serial], more: &str) -> String {
    [
        fleet::head(budget),
        fleet::token("alpha", "Alpha", "Alpha", ""),
        fleet::token("beta", "Beta", "Beta", ""),
        fleet::profile("pads", "alpha, beta"),
        fleet::given("alpha", "pads", new),
        more.to_owned(),
    ]
    .concat()
}

/// So many new devices, which no service has, and what the organisation has besides.
async fn with_new(count: usize, more: &Value) -> Ground {
    let mut members = more.clone();
    let mut devices = fleet::devices(&serials('N', 0..count), "iPad", None);
    devices.extend(more["devices"].as_array().into_iter().flatten().cloned());
    members["devices"] = json!(devices);
    let seed = fleet::seed_of(&["Alpha", "Beta"], &[], &members);
    Ground::new(&documents(AMPLE, &serials('N', 0..count), ""), &seed, None).await
}

/// The profile that each device has at a token of Intune.
fn profiles(ground: &Ground, token: &str) -> Vec<(Serial, String)> {
    let suffix = format!(" at Intune's {token}");
    let state = ground.state();
    let of = |(what, profile): (&String, &String)| {
        let serial = Serial::new(what.strip_suffix(&suffix)?)?;
        Some((serial, profile.clone()))
    };
    state.iter().filter_map(of).collect()
}

fn with_profile(of: &[Serial]) -> Vec<(Serial, String)> {
    of.iter().map(|serial| (*serial, "pads".to_owned())).collect()
}

/// Counts the activities that were created.
fn activities(ground: &Ground) -> u64 {
    ground.history().activities.values().sum()
}

fn assert_done(report: &ApplyReport) {
    assert!(report.exit_code() == 0 && report.is_complete(), "{report:#?}");
}

#[tokio::test]
async fn a_device_that_fails_alone_is_named_and_the_others_get_their_profile() {
    let all = serials('N', 0..4);
    // With its log, and by the lists alone.
    for log in [true, false] {
        for fate in ["activity-failure", "activity-lie"] {
            let ground = with_new(4, &json!({})).await;
            ground.fault(json!({"fault": fate, "operation": "create activity", "serials": [all[1]]}));
            if !log {
                ground.fault(json!({"fault": "log-gone", "operation": "download log", "times": 0}));
            }
            let report = ground.apply().await;
            let case = format!("{fate}, log {log}: {report:#?}");
            let moved = step(&report, "move EnrollmentToken/alpha");
            let items = moved.items.as_ref().expect("counts");
            assert_eq!(items.committed, 3, "{case}");
            match fate {
                "activity-failure" => {
                    assert_eq!((report.exit_code(), &items.failed), (6, &vec![all[1]]), "{case}");
                }
                // Apple said that it was done: it may still show.
                _ => assert_eq!((&items.waiting, &items.failed), (&vec![all[1]], &vec![]), "{case}"),
            }
            assert_ne!(report.exit_code(), 0, "{case}");
            assert_eq!(profiles(&ground, "Alpha"), with_profile(&[all[0], all[2], all[3]]), "{case}");
            ground.pass(HORIZON).await;
            assert_done(&ground.apply().await);
            assert_eq!(profiles(&ground, "Alpha"), with_profile(&all), "{case}");
            assert_eq!((activities(&ground), ground.never()), (2, Vec::new()), "{case}");
            assert_eq!(ground.rests().await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn an_activity_that_broke_is_told_and_sent_once_more_by_the_next_run() {
    for (fate, word) in [("activity-stopped", "STOPPED"), ("activity-failed", "FAILED")] {
        let ground = with_new(3, &json!({})).await;
        ground.fault(json!({"fault": fate, "operation": "create activity"}));
        let report = ground.apply().await;
        let told = open(&report).join("\n");
        assert!(told.contains(word), "{told}");
        let moved = step(&report, "move EnrollmentToken/alpha");
        assert_eq!(moved.items.as_ref().map(|items| items.failed.len()), Some(3), "{moved:?}");
        assert_ne!(report.exit_code(), 0);
        assert_eq!(activities(&ground), 1, "not again in the same run");
        assert_done(&ground.apply().await);
        assert_eq!((activities(&ground), ground.never()), (2, Vec::new()));
        assert_eq!(profiles(&ground, "Alpha").len(), 3);
    }
}

#[tokio::test]
async fn after_a_lost_answer_nothing_is_sent_inside_the_horizon_and_then_exactly_what_is_needed() {
    for (when, in_all) in [("before", 1), ("after", 1)] {
        let mut ground = with_new(3, &json!({})).await;
        ground.wait = Duration::from_secs(5 * 60);
        ground.fault(json!({"fault": "cut", "when": when, "operation": "create activity"}));
        let report = ground.apply().await;
        let moved = step(&report, "move EnrollmentToken/alpha");
        assert!(matches!(moved.outcome, StepOutcome::Unknown { .. }), "{when}: {moved:?}");
        assert_eq!(report.exit_code(), 6, "{when}: the profiles are made: {report:#?}");
        let sent = ground.asked("create activity");
        for _ in 0..2 {
            ground.pass(Duration::from_secs(4 * 60)).await;
            let report = ground.apply().await;
            assert!(report.steps.iter().all(|step| !step.id.starts_with("move")), "{when}: {report:#?}");
            assert_eq!(ground.asked("create activity"), sent, "{when}: inside the horizon");
            assert_eq!(report.waiting, 3, "{when}: {report:#?}");
        }
        ground.pass(HORIZON).await;
        assert_done(&ground.apply().await);
        let more = if when == "before" { 1 } else { 0 };
        assert_eq!(ground.asked("create activity"), sent + more, "{when}");
        assert_eq!((activities(&ground), ground.never()), (in_all, Vec::new()), "{when}");
        assert_eq!(profiles(&ground, "Alpha").len(), 3, "{when}");
        assert_eq!(ground.rests().await, [""; 0], "{when}");
    }
}

#[tokio::test]
async fn a_snapshot_that_breaks_on_page_30_of_60_tells_nothing_of_any_device() {
    let held = fleet::devices(&serials('A', 0..590), "iPad", Some("Beta"));
    let mut members = json!({"devices": held});
    let new = serials('N', 0..10);
    members["devices"].as_array_mut().expect("a list").extend(fleet::devices(&new, "iPad", None));
    let seed = fleet::seed_of(&["Alpha", "Beta"], &[], &members);
    let beta = fleet::given("beta", "pads", &serials('A', 580..582));
    let ground = Ground::new(&documents(AMPLE, &new, &beta), &seed, Some(10)).await;
    ground.fault(json!({"fault": "page-error", "operation": "list devices", "page": 30, "times": 0}));
    let plan = ground.plan().await;
    assert!(ground.asked("list devices") >= 30, "{:?}", ground.calls());
    let [blocked] = plan.blocked.as_slice() else { panic!("{:#?}", plan.blocked) };
    assert_eq!(
        (blocked.cause, blocked.connection.to_string().as_str()),
        (Cause::Unavailable, "apple:company")
    );
    let waiting: Vec<_> = plan.waiting.iter().filter(|one| one.reason.contains("not in the org")).collect();
    assert!(waiting.is_empty(), "{waiting:#?}");
    let told = serde_json::to_string(&(&plan.left_alone, &plan.findings, &plan.waiting)).expect("JSON");
    assert!(!told.contains("vanished") && !told.contains("gone"), "{told}");

    // The tenant goes on: its own devices get their profile.
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 6, "{report:#?}");
    let given = profiles(&ground, "Beta").into_iter().filter(|(_, profile)| profile == "pads");
    assert_eq!(given.count(), 2);
    assert_eq!(activities(&ground), 0);
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 9, "nothing else is left to do: {report:#?}");
    ground.sim.clear_faults();
    assert_done(&ground.apply().await);
    assert_eq!(profiles(&ground, "Alpha"), with_profile(&new));
}

#[tokio::test]
async fn a_serial_that_the_organisation_does_not_have_waits_and_is_not_sent() {
    let ground = with_new(2, &json!({})).await;
    let wished = serials('N', 0..3);
    ground.write(&documents(AMPLE, &wished, ""));
    let plan = ground.plan().await;
    let waiting: Vec<_> = plan.waiting.iter().filter(|one| one.serials == [wished[2]]).collect();
    assert!(waiting.iter().any(|one| one.reason.contains("not in the organisation")), "{:#?}", plan.waiting);
    let report = ground.apply().await;
    assert_eq!((report.exit_code(), report.waiting), (0, 1), "{report:#?}");
    assert_eq!(profiles(&ground, "Alpha"), with_profile(&wished[..2]));
    ground
        .portal(&json!([{
            "do": "buyDevices", "organization": fleet::ORGANISATION, "serials": [wished[2]], "family": "iPad",
        }]))
        .await;
    ground.pass(HORIZON).await;
    assert_done(&ground.apply().await);
    assert_eq!(profiles(&ground, "Alpha"), with_profile(&wished));
    assert_eq!(ground.rests().await, [""; 0]);
}

/// Between the reading and the request a device leaves the organisation: Apple refuses all of them, or
/// takes the request and does nothing for that one.
#[tokio::test]
async fn a_serial_that_goes_in_between_costs_the_others_one_run_at_most() {
    for silent in [false, true] {
        let ground = with_new(3, &json!({})).await;
        let all = serials('N', 0..3);
        if silent {
            ground.fault(json!({"fault": "silent-serials"}));
        }
        let session = ground.session("espalier apply").await;
        let prepared = session.prepare(&NoProgress).await.expect("the lock");
        ground
            .portal(&json!([{
                "do": "releaseFromOrganization", "organization": fleet::ORGANISATION, "serials": [all[2]],
            }]))
            .await;
        let report = session.execute(prepared, &NoProgress).await.expect("a ledger that can be written");
        assert_ne!(report.exit_code(), 0, "{silent}: {report:#?}");
        let there = if silent { 2 } else { 0 };
        assert_eq!(profiles(&ground, "Alpha").len(), there, "{silent}: {report:#?}");
        drop(session);
        ground.pass(HORIZON).await;
        let report = ground.apply().await;
        assert_eq!((report.exit_code(), report.waiting), (0, 1), "{silent}: {report:#?}");
        assert_eq!(profiles(&ground, "Alpha"), with_profile(&all[..2]), "{silent}");
        assert_eq!(ground.never(), [""; 0], "{silent}");
    }
}

#[tokio::test]
async fn what_the_budget_has_no_room_for_is_pending_with_its_time_and_the_next_run_goes_on() {
    let services = ["Site 1", "Site 2", "Site 3", "Site 4"];
    let mut documents = fleet::head("    getPerMinute: 20\n    postPerHour: 2\n");
    for (at, service) in services.iter().enumerate() {
        let name = format!("site-{at}");
        documents += &fleet::token(&name, service, service, "");
        let to = format!("  token: {name}\n");
        documents += &fleet::assignment(&format!("to-{at}"), &to, &serials('N', at..at + 1));
    }
    let devices = fleet::devices(&serials('N', 0..4), "iPad", None);
    let behaviour = json!({"getPerMinute": 20, "postPerHour": 2});
    let seed = fleet::seed_of(&services, &[], &json!({"devices": devices, "behaviour": behaviour}));
    let ground = Ground::new(&documents, &seed, None).await;
    let plan = ground.plan().await;
    let forecast = plan.forecast.apple.values().next().expect("an organisation").clone();
    assert_eq!((forecast.posts, forecast.posts_later), (4, 2), "{forecast:?}");
    assert!(forecast.minutes_later > 0, "{forecast:?}");

    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let pending: Vec<_> = report.steps.iter().filter(|step| is_pending(step)).collect();
    assert_eq!(pending.len(), 2, "{report:#?}");
    let now = ground.sim.clock().now();
    for step in &pending {
        let StepOutcome::Pending { until: Some(until), .. } = &step.outcome else { panic!("{step:?}") };
        assert!(*until > now && until.duration_since(now) <= jiff::SignedDuration::from_hours(1), "{until}");
    }
    // At once there is room for nothing, and that is an answer of its own.
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 9, "{report:#?}");
    assert_eq!(activities(&ground), 2);
    ground.pass(Duration::from_secs(3_700)).await;
    assert_done(&ground.apply().await);
    assert_eq!((activities(&ground), ground.never()), (4, Vec::new()));
    assert!((0..4).all(|at| ground.service_of(&serials('N', at..at + 1)[0]) == services[at]));
    // The service never had to refuse: the program counts itself.
    let refused = ground.sim.with_world(|world| world.organizations[0].activities_made);
    assert_eq!((refused, ground.asked("create activity")), (4, 4));
}

#[tokio::test]
async fn a_device_of_a_foreign_service_is_taken_only_when_it_is_named() {
    let foreign = fleet::devices(&serials('F', 0..3), "iPad", Some("Foreign"));
    let ours = fleet::devices(&serials('B', 0..1), "iPad", Some("Beta"));
    let there = [foreign, ours].concat();
    let more = json!({"services": [{"name": "Foreign"}], "devices": there});
    let ground = with_new(1, &more).await;
    let selected = "---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {name: all-pads}
spec:
  token: beta
  profile: pads
  devices: {where: {productFamilies: [ipad]}}
";
    let named = fleet::assignment("one", "  token: beta\n  profile: pads\n", &serials('F', 0..1));
    ground.write(&documents(AMPLE, &serials('N', 0..1), &(selected.to_owned() + &named)));
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let at = |place: char, number: usize| ground.service_of(&fleet::serial(place, number));
    assert_eq!((at('F', 0), at('F', 1), at('F', 2)), ("Beta".into(), "Foreign".into(), "Foreign".into()));
    assert_eq!((at('N', 0), at('B', 0)), ("Alpha".into(), "Beta".into()), "named beats selected");
    assert_eq!(ground.rests().await, [""; 0]);
}

#[tokio::test]
async fn a_serial_that_two_organisations_list_is_told_and_left() {
    let mut seed = fleet::seed_of(
        &["Alpha", "Beta", "Elsewhere"],
        &[],
        &json!({"devices": fleet::devices(&serials('N', 0..2), "iPad", None)}),
    );
    let mut second = seed.organizations[0].clone();
    let client = "BUSINESSAPI.77777777-7f6e-4f2b-9a38-1b6c7d8e9f05";
    second.name = "Other".to_owned();
    second.accounts[0].client_id = client.to_owned();
    let elsewhere = seed.organizations[0].services.pop().expect("three services");
    second.services = vec![elsewhere];
    second.devices.retain(|device| device.serial == fleet::serial('N', 1));
    seed.organizations.push(second);
    let other = format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: other}}
spec:
  appleBusiness: {{clientId: {client}, keyId: {}, privateKey: {{env: NOBODY_READS_IT}}}}
{}",
        fleet::KEY,
        fleet::token("elsewhere", "Elsewhere", "Elsewhere", "").replace("company", "other")
    );
    let ground = Ground::new(&documents(AMPLE, &serials('N', 0..2), &other), &seed, None).await;
    let plan = ground.plan().await;
    let told: Vec<_> = plan.blocked.iter().filter(|one| one.reason.contains("two organisations")).collect();
    assert_eq!(told.len(), 1, "{:#?}", plan.blocked);
    assert!(told[0].reason.contains(fleet::serial('N', 1).as_str()), "{told:?}");
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 6, "{report:#?}");
    assert_eq!(profiles(&ground, "Alpha"), with_profile(&serials('N', 0..1)));
    ground
        .portal(&json!([{
            "do": "releaseFromOrganization", "organization": "Other", "serials": [fleet::serial('N', 1)],
        }]))
        .await;
    ground.pass(HORIZON).await;
    assert_done(&ground.apply().await);
    assert_eq!(profiles(&ground, "Alpha"), with_profile(&serials('N', 0..2)));
}

#[tokio::test]
async fn a_family_is_dropped_first_and_taken_then_and_never_from_a_foreign_service() {
    let families = json!({"Alpha": ["iPad"], "Foreign": ["Mac"]});
    let more = json!({"services": [{"name": "Foreign"}], "families": families});
    let seed = fleet::seed_of(&["Alpha", "Beta"], &[], &more);
    let of = |alpha: &str, beta: &str| {
        [
            fleet::head(AMPLE),
            fleet::token("alpha", "Alpha", "Alpha", alpha),
            fleet::token("beta", "Beta", "Beta", beta),
        ]
        .concat()
    };
    let documents = of("  defaultFor: []\n", "  defaultFor: [ipad, mac]\n");
    let ground = Ground::new(&documents, &seed, None).await;
    // The first of the two requests is refused: the second is not even tried.
    ground.fault(json!({"fault": "403", "operation": "update service", "times": 1}));
    let report = ground.apply().await;
    assert!(report.exit_code() != 0 && ground.history().services_changed.is_empty(), "{report:#?}");
    assert!(matches!(step(&report, "take-families").outcome, StepOutcome::Skipped { .. }), "{report:#?}");
    ground.sim.clear_faults();
    let report = ground.apply().await;
    let mac = report.blocked.iter().find(|one| one.reason.contains("Foreign"));
    assert!(mac.is_some(), "who holds the Macs is told: {:#?}", report.blocked);
    let state = ground.state();
    assert_eq!(state["service Foreign"], "default for {\"Mac\"}");
    assert_eq!(state["service Alpha"], "default for {}");
    assert_eq!(state["service Beta"], "default for {\"IPad\"}", "{report:#?}");
    ground.write(&of("  defaultFor: []\n", "  defaultFor: [ipad]\n"));
    assert_eq!(ground.rests().await, [""; 0]);
}

#[tokio::test]
async fn what_keeps_an_organisation_shut_leaves_the_others_alone_and_has_its_next_step() {
    let mut nexts = Vec::new();
    for trouble in ["terms", "403", "revoked"] {
        let ground =
            with_new(2, &json!({"devices": fleet::devices(&serials('B', 0..1), "iPad", Some("Beta"))})).await;
        let beta = fleet::given("beta", "pads", &serials('B', 0..1));
        ground.write(&documents(AMPLE, &serials('N', 0..2), &beta));
        match trouble {
            "revoked" => {
                ground.portal(&json!([{"do": "revokeApiKey", "clientId": fleet::CLIENT}])).await;
            }
            fault => {
                for operation in ["list devices", "list services"] {
                    ground.fault(json!({"fault": fault, "operation": operation, "times": 0}));
                }
            }
        }
        let plan = ground.plan().await;
        let blocked: Vec<_> = plan.blocked.iter().filter(|one| one.token.is_none()).collect();
        let [blocked] = blocked[..] else { panic!("{trouble}: {:#?}", plan.blocked) };
        assert_eq!(blocked.cause, Cause::Credentials, "{trouble}: {blocked:?}");
        nexts.push(blocked.next.clone());
        let report = ground.apply().await;
        assert_eq!(report.exit_code(), 6, "{trouble}: {report:#?}");
        assert_eq!(profiles(&ground, "Beta"), with_profile(&serials('B', 0..1)), "{trouble}");
        assert_eq!(ground.apply().await.exit_code(), 8, "{trouble}: nothing else is left to do");
        assert_eq!(activities(&ground), 0, "{trouble}");
        if trouble == "revoked" {
            let anew = json!([{"do": "revokeApiKey", "clientId": fleet::CLIENT, "newKeyId": fleet::KEY}]);
            ground.portal(&anew).await;
        }
        ground.sim.clear_faults();
        assert_done(&ground.apply().await);
        assert_eq!(profiles(&ground, "Alpha"), with_profile(&serials('N', 0..2)), "{trouble}");
    }
    nexts.sort();
    nexts.dedup();
    assert_eq!(nexts.len(), 3, "each has a next step of its own: {nexts:#?}");
}
