//! Whatever Apple's service does to a run: a token's fault stays with the token, and a later run ends
//! in what the documents wish.

use std::fs;
use std::time::Duration;

use espalier::model::Serial;
use espalier::model::live::Cause;
use espalier::sim::apple::ProfileStatus;
use serde_json::json;

use super::stand::{self, PAGE, Stand, serial};
use crate::support::{SimServer, TestEnv};

/// Two tokens of which only the first is hit.
fn two() -> String {
    let all = |token: usize| -> Vec<Serial> { (0..3).map(|number| serial(token, number)).collect() };
    [
        stand::fleet(),
        stand::token("alpha", ""),
        stand::token("beta", ""),
        stand::profile("ipads", "alpha, beta", ""),
        stand::assignment("at-alpha", "alpha", "ipads", &all(0)),
        stand::assignment("at-beta", "beta", "ipads", &all(1)),
    ]
    .concat()
}

fn two_services() -> Vec<espalier::sim::SeedService> {
    vec![stand::service("alpha", 0, 3), stand::service("beta", 1, 3)]
}

#[tokio::test]
async fn each_state_of_a_token_has_its_code_and_its_next_step_and_others_go_on() {
    let mut nexts = Vec::new();
    for (fault, code) in [
        ("token-expired", "token-expired"),
        ("token-rejected", "token-rejected"),
        ("signature-invalid", "signature-invalid"),
        ("terms", "terms-not-signed"),
        ("clock-skew", "clock-skew"),
        ("access-denied", "access-denied"),
    ] {
        let stand = Stand::new(&two(), stand::world(two_services())).await;
        stand.fault(json!({"fault": fault, "within": "alpha"}));
        let plan = stand.plan().await;
        let [blocked] = plan.blocked.as_slice() else { panic!("{fault}: {:?}", plan.blocked) };
        assert_eq!(blocked.token.as_ref().map(|name| name.as_str()), Some("alpha"), "{fault}");
        assert_eq!(blocked.cause, Cause::Credentials, "{fault}: {blocked:?}");
        assert!(blocked.reason.contains(&format!("[{code}]")), "{fault}: {blocked:?}");
        nexts.push(blocked.next.clone());
        let report = stand.apply().await;
        assert_eq!(report.exit_code(), 6, "{fault}: {report:#?}");
        assert_eq!((stand.profiles_of("alpha").len(), stand.profiles_of("beta").len()), (0, 3), "{fault}");
        let again = stand.apply().await;
        assert_eq!(again.exit_code(), 8, "{fault}: nothing else is left to do");
        stand.sim.clear_faults();
        assert_eq!(stand.apply().await.exit_code(), 0, "{fault}");
        assert_eq!(stand.profiles_of("alpha").len(), 3, "{fault}");
    }
    nexts.sort();
    nexts.dedup();
    assert_eq!(nexts.len(), 6, "each has a next step of its own: {nexts:#?}");
}

#[tokio::test]
async fn s4_a_delta_that_fails_is_followed_by_a_full_read() {
    for fault in ["503", "cut", "garbage", "same-cursor"] {
        let stand = stand::simple(2 * PAGE).await;
        assert_eq!(stand.apply().await.exit_code(), 0);
        stand.fault(json!({"fault": fault, "operation": "devices.sync.post", "times": 0}));
        stand.sim.forget_calls();
        let plan = stand.plan().await;
        if fault == "same-cursor" && plan.blocked.is_empty() {
            continue;
        }
        assert_eq!(plan.blocked.len(), 1, "{fault}: {:?}", plan.blocked);
        assert!(!plan.has_changes(), "{fault}");
        stand.sim.clear_faults();
        stand.sim.forget_calls();
        assert!(stand.plan().await.blocked.is_empty(), "{fault}");
        assert_eq!(stand.calls().get("server.devices.post"), Some(&2), "{fault}: {:?}", stand.calls());
        assert_eq!(stand.rests().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_cursor_that_is_lost_costs_a_full_read_in_the_same_run() {
    for fault in ["expired-cursor", "invalid-cursor", "exhausted-cursor"] {
        let stand = stand::simple(2).await;
        assert_eq!(stand.apply().await.exit_code(), 0);
        stand.fault(json!({"fault": fault, "operation": "devices.sync.post"}));
        stand.sim.forget_calls();
        let plan = stand.plan().await;
        assert!(plan.blocked.is_empty() && !plan.has_changes(), "{fault}: {:?}", plan.blocked);
        assert_eq!(stand.calls().get("server.devices.post"), Some(&1), "{fault}");
    }
}

/// Some devices never show in the changes (reference apple-enrollment-api, 3.4).
#[tokio::test]
async fn a_device_that_no_change_shows_is_not_given_its_profile_again() {
    for (dropped, details) in [(vec![], 1), (vec![serial(0, 1)], 1)] {
        let stand = stand::simple(PAGE).await;
        stand.fault(json!({"fault": "delta-drops", "times": 0, "serials": dropped}));
        stand.plan().await;
        stand.sim.forget_calls();
        assert_eq!(stand.apply().await.exit_code(), 0, "{dropped:?}");
        assert_eq!(stand.calls().get("devices.post"), Some(&details), "{:?}", stand.calls());
        assert_eq!(stand.profiles_of("alpha").len(), PAGE);
        // The next run goes by what is kept, and asks for no device.
        assert_eq!(stand.rests().await, [""; 0], "{dropped:?}");
        assert_eq!(stand.calls().get("devices.post"), None);
        assert!(stand.nothing_repeated(), "{dropped:?}");
    }
}

/// The answer is lost after the effect, and the changes do not show the effect either.
#[tokio::test]
async fn a_lost_answer_is_looked_up_by_device_where_the_changes_are_silent() {
    let stand = stand::simple(PAGE).await;
    stand.plan().await;
    stand.fault(json!({"fault": "delta-drops", "times": 0}));
    stand.fault(json!({"fault": "garbage", "when": "after", "operation": "profile.devices.post"}));
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.profiles_of("alpha").len(), PAGE);
    assert_eq!(stand.rests().await, [""; 0]);
    assert!(stand.nothing_repeated());
}

/// What Apple keeps of profiles that no device has, and for how long, is not documented.
#[tokio::test]
async fn a_profile_that_apple_has_lost_is_defined_anew() {
    let stand = stand::simple(2).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    stand.sim.with_world(|world| {
        let service = &mut world.services[0];
        service.profiles.clear();
        for number in 0..2 {
            service
                .fleet
                .set(&serial(0, number), |row| (row.profile, row.status) = (0, ProfileStatus::Empty));
        }
    });
    fs::remove_dir_all(stand.folder().join(".espalier/sim/cache")).expect("a cache");
    let report = stand.apply().await;
    assert_ne!(report.exit_code(), 0, "{report:#?}");
    assert!(format!("{report:?}").contains("defined anew"), "{report:#?}");
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.profiles_of("alpha").len(), 2);
    assert_eq!(stand.rests().await, [""; 0]);
}

#[tokio::test]
async fn s3_after_seven_days_everything_is_read_anew() {
    let stand = stand::simple(2).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    stand.pass(Duration::from_secs(7 * 86_400)).await;
    stand.sim.forget_calls();
    stand.plan().await;
    assert_eq!(stand.calls().get("server.devices.post"), Some(&1));
    assert_eq!(stand.calls().get("devices.sync.post"), None);
}

/// The first edition, applied; then documents that take every kind of write.
pub async fn between_editions() -> Stand {
    let (first, second) = editions();
    let stand = Stand::new(&first, stand::world(vec![stand::service("alpha", 0, 2 * PAGE + 1)])).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    stand.sim.with_world(|world| world.history.apple = Default::default());
    stand.write(&second);
    stand
}

/// Documents in two editions: from the first to the second one profile has a successor, one is new, one
/// is taken off its devices, and the URL changes.
pub fn editions() -> (String, String) {
    let all = |numbers: std::ops::Range<usize>| -> Vec<Serial> {
        numbers.map(|number| serial(0, number)).collect()
    };
    let url = |path: &str| format!("  accountDrivenEnrollmentUrl: https://mdm.example/{path}\n");
    let first = [
        stand::fleet(),
        stand::token("alpha", &url("one")),
        stand::profile("ipads", "alpha", "  department: One\n"),
        stand::profile("gone", "alpha", ""),
        stand::assignment("ipads", "alpha", "ipads", &all(0..4)),
        stand::assignment("gone", "alpha", "gone", &all(4..6)),
    ];
    let second = [
        stand::fleet(),
        stand::token("alpha", &url("two")),
        stand::profile("ipads", "alpha", "  department: Two\n"),
        stand::profile("kiosk", "alpha", ""),
        stand::profile("gone", "alpha", "  state: absent\n"),
        stand::assignment("ipads", "alpha", "ipads", &all(0..4)),
        stand::assignment("kiosk", "alpha", "kiosk", &all(6..9)),
    ];
    (first.concat(), second.concat())
}

/// How the world differs from what the second edition wishes.
fn differences(stand: &Stand) -> Vec<String> {
    stand.sim.with_world(|world| {
        let service = &world.services[0];
        let mut broken = Vec::new();
        for row in service.fleet.present() {
            let number: usize = row.serial.as_str()[7..10].parse().expect("a number");
            let wished = match number {
                0..=3 => "ipads Two",
                6..=8 => "kiosk ",
                _ => "",
            };
            let held = stand::held_by(service, row).map_or(String::new(), |profile| {
                let department = profile.members.get("department").and_then(|text| text.as_str());
                format!("{} {}", profile.name(), department.unwrap_or_default())
            });
            if held != wished {
                broken.push(format!("{} has {held:?}, not {wished:?}", row.serial));
            }
        }
        let url = service.discovery.as_ref().map(|one| one.url.as_str());
        if url != Some("https://mdm.example/two") {
            broken.push(format!("the URL is {url:?}"));
        }
        if !world.history.apple.disowned.is_empty() {
            broken.push("devices were disowned".to_owned());
        }
        broken
    })
}

/// Without faults, as often as needed but at most three times.
async fn converge(stand: &Stand) -> Vec<String> {
    stand.sim.clear_faults();
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(stand.apply().await.exit_code());
        if codes.last() == Some(&0) && differences(stand).is_empty() {
            break;
        }
    }
    let mut broken = differences(stand);
    if codes.last() != Some(&0) {
        broken.push(format!("without faults the runs ended with {codes:?}"));
    }
    broken.extend(stand.rests().await);
    broken
}

const OPERATIONS: [&str; 10] = [
    "session.get",
    "devices.sync.post",
    "server.devices.post",
    "profile.post",
    "profile.get",
    "profile.devices.post",
    "profile.devices.delete",
    "account-driven-enrollment.profile.get",
    "account-driven-enrollment.profile.post",
    "*",
];

/// What hits a request, when, and whether one of it is overcome without a trace.
const FAULTS: [(&str, &str); 12] = [
    ("expire-session", "before"),
    ("forbidden", "before"),
    ("rotate-session", "before"),
    ("429", "before"),
    ("500", "before"),
    ("503", "before"),
    ("cut", "before"),
    ("500", "after"),
    ("503", "after"),
    ("cut", "after"),
    ("garbage", "after"),
    ("slow", "after"),
];

#[tokio::test]
async fn one_fault_on_any_operation_is_overcome() {
    let mut broken = Vec::new();
    for operation in OPERATIONS {
        for (fault, when) in FAULTS {
            let stand = between_editions().await;
            let mut json = json!({"fault": fault, "operation": operation, "when": when});
            if fault == "slow" {
                json["seconds"] = json!(20);
            }
            let Ok(parsed) = serde_json::from_value(json) else { panic!("{fault}") };
            let id = stand.sim.add_fault(parsed);
            let code = stand.apply().await.exit_code();
            let struck = stand.sim.fault_hits(&id).unwrap_or(0) > 0;
            // What cannot be read is not asked for again at once, and a sign-in that is refused is final.
            let reads =
                !matches!(operation, "profile.post" | "profile.devices.post" | "profile.devices.delete");
            let may_block = (fault == "garbage" && reads)
                || (fault == "forbidden" && matches!(operation, "session.get" | "*"));
            if struck && !(code == 0 || may_block) {
                broken.push(format!("{operation} {fault} {when}: exit {code}"));
            }
            broken.extend(
                converge(&stand).await.into_iter().map(|why| format!("{operation} {fault} {when}: {why}")),
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn a_fault_that_lasts_is_told_and_a_later_run_ends_as_wished() {
    let mut broken = Vec::new();
    for operation in OPERATIONS {
        for (fault, when) in
            [("503", "before"), ("cut", "before"), ("503", "after"), ("cut", "after"), ("garbage", "after")]
        {
            let stand = between_editions().await;
            let id = stand.fault(json!({"fault": fault, "operation": operation, "when": when, "times": 0}));
            let code = stand.apply().await.exit_code();
            // What was done although its answer was lost is found.
            let was_found = when == "after" && differences(&stand).is_empty();
            if stand.sim.fault_hits(&id).unwrap_or(0) > 0 && code == 0 && !was_found {
                broken.push(format!("{operation} {fault} {when}: exit 0, and it was hit"));
            }
            broken.extend(
                converge(&stand).await.into_iter().map(|why| format!("{operation} {fault} {when}: {why}")),
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The real ways to a token: nothing of them is resolved with `--sim`.
#[test]
fn a_wrong_key_and_a_missing_token_stop_their_tokens_only() {
    let env = TestEnv::new();
    let world = stand::world_at(jiff::Timestamp::now(), two_services());
    let server: SimServer = env.serve_world(&serde_json::from_slice(&world.to_json()).expect("a world"));
    let documents = two().replace("env: SERVER_TOKEN", "env: ALPHA_TOKEN");
    let at = documents.find("metadata: {name: beta}").expect("beta");
    let (alpha, rest) = documents.split_at(at);
    let documents = format!("{alpha}{}", rest.replacen("ALPHA_TOKEN", "BETA_TOKEN", 1));
    env.write("fleet.yaml", &documents);
    let name = espalier::model::Name::new("alpha").expect("a name");
    let pair = |_| espalier::server_token::KeyPair::generate(&name, jiff::Timestamp::now()).expect("a pair");
    let (named, other) = (pair(()), pair(()));
    let pem = |pair: &espalier::server_token::KeyPair| {
        String::from_utf8(pair.certificate_pem().expect("a certificate")).expect("PEM")
    };
    env.write("certificate.pem", &pem(&named));
    let credentials = server.get_json("/credentials");
    let of = |service: &str| {
        let all = credentials.as_array().expect("a list");
        all.iter().find(|one| one["service"] == service).expect("a service")["token"].to_string()
    };
    let sealed = |pair: &espalier::server_token::KeyPair| {
        let mut certificates = openssl::stack::Stack::new().expect("a stack");
        certificates.push(pair.certificate().to_owned()).expect("room");
        let cms = openssl::cms::CmsContentInfo::encrypt(
            &certificates,
            of("alpha").as_bytes(),
            openssl::symm::Cipher::aes_128_cbc(),
            openssl::cms::CMSOptions::BINARY,
        );
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(cms.expect("sealed").to_der().expect("DER"))
    };
    let beta = of("beta");
    let run = |arguments: &[&str], alpha: Option<&str>| {
        let mut command = env.command(arguments);
        command
            .env("ESPALIER_ALLOW", "endpoints")
            .env("ESPALIER_DEP_URL", server.address("dep"))
            .env("TOKEN_KEY", named.key_pem().expect("a key").reveal())
            .env("BETA_TOKEN", &beta);
        if let Some(alpha) = alpha {
            command.env("ALPHA_TOKEN", alpha);
        }
        crate::support::Output::of(&mut command)
    };
    run(&["ledger", "create"], None).expect(0);
    let mut nexts = Vec::new();
    for (alpha, code) in [
        (Some(sealed(&other)), "token-other-certificate"),
        (Some("{}".to_owned()), "token-file-other"),
        (None, "token-missing"),
    ] {
        let plan = run(&["plan", "--format", "json"], alpha.as_deref()).expect(8);
        let json = plan.json();
        let blocked = json["blocked"].as_array().expect("a list");
        assert_eq!(blocked.len(), 1, "{blocked:?}");
        let reason = blocked[0]["reason"].as_str().expect("a reason");
        assert!(reason.contains(&format!("[{code}]")), "{reason}");
        nexts.push(blocked[0]["next"].to_string());
        assert!(!plan.stdout.contains("CS_") && !plan.stderr.contains("CS_"));
    }
    nexts.dedup();
    assert_eq!(nexts.len(), 3, "{nexts:?}");
    run(&["apply", "--yes"], Some(&sealed(&other))).expect(6);
    run(&["apply", "--yes"], Some(&sealed(&named))).expect(0);
    let world = server.world();
    assert_eq!(world["history"]["apple"]["assignments"].as_object().map(serde_json::Map::len), Some(6));
    run(&["plan", "--detailed-exitcode"], Some(&sealed(&named))).expect(0);
    let mut command = env.command(["plan"]);
    let output = command.env("ESPALIER_DEP_URL", server.address("dep")).env("BETA_TOKEN", &beta);
    let output = crate::support::Output::of(output).expect(8);
    assert!(
        output.stdout.contains("[not-allowed]") || output.stderr.contains("[not-allowed]"),
        "{}",
        output.stdout
    );
}
