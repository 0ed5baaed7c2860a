//! Activities and services: sent once, believed when proven.

use espalier::model::organisation::ActivityState;
use espalier::model::{ActivityId, ProductFamily, Serial, ServiceId};
use espalier::provider::business::{
    Activity, BusinessActuator, CallBudget, Ended, Fault, NewService, PastCalls, ServiceChange,
};
use openssl::x509::X509;
use serde_json::{Value, json};

use super::Stand;
use crate::support::business;
use crate::support::wire::certificate;

fn serials(texts: &[&str]) -> Vec<Serial> {
    texts.iter().map(|text| Serial::new(text).expect("a serial")).collect()
}

fn id(stand: &Stand, name: &str) -> ServiceId {
    ServiceId::new(&business::service(&stand.sim, "Acme", name))
}

#[track_caller]
fn done<T>(ended: Ended<T>) -> T {
    match ended {
        Ended::Done(done) => done,
        Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => panic!("{error}"),
    }
}

/// Begins an assignment of these to Desks.
async fn begin(stand: &Stand, texts: &[&str]) -> Ended<ActivityId> {
    stand.actuator().begin(&Activity::Assign { to: id(stand, "Desks") }, &serials(texts)).await
}

/// Looks at an activity until its end; all states on the way.
async fn states(stand: &Stand, activity: &ActivityId) -> (Vec<String>, ActivityState) {
    let mut running = Vec::new();
    for _ in 0..30 {
        match stand.observer().activity(activity).await.expect("an answer").state {
            ActivityState::Running(word) => running.push(word),
            state => return (running, state),
        }
        stand.sim.clock().sleep(std::time::Duration::from_secs(2)).await;
    }
    panic!("it does not end");
}

async fn log_of(stand: &Stand, activity: &ActivityId) -> Vec<(String, Option<String>)> {
    let look = stand.observer().activity(activity).await.expect("an answer");
    let log = business::logs(&stand.sim).fetch(&look.log.expect("it has a log")).await.expect("a log");
    log.rows.into_iter().map(|row| (row.serial.to_string(), row.issue)).collect()
}

fn at(stand: &Stand, serial: &str) -> Option<String> {
    stand.sim.with_world(|world| {
        let here = world.organization("Acme").expect("it is there");
        let row = here.roster.row(&Serial::new(serial).expect("a serial")).expect("a device");
        here.service(row.service).map(|service| service.name.clone())
    })
}

#[tokio::test]
async fn an_activity_goes_through_its_states_and_tells_every_device() {
    let stand = Stand::unlimited().await;
    let activity = done(begin(&stand, &["MAC1", "MAC2", "PAD1"]).await);
    let (running, ended) = states(&stand, &activity).await;
    assert!(running.len() >= 3, "{running:?}");
    assert_eq!(ended, ActivityState::EndedWithIssues("COMPLETED_WITH_ERROR".into()));
    let rows = log_of(&stand, &activity).await;
    let issues: Vec<(&str, bool)> =
        rows.iter().map(|(serial, issue)| (serial.as_str(), issue.is_some())).collect();
    // One of them was there already.
    assert_eq!(issues, [("MAC1", true), ("MAC2", false), ("PAD1", false)]);
    assert_eq!(at(&stand, "PAD1").as_deref(), Some("Desks"));
    let unassign = Activity::Unassign { from: id(&stand, "Desks") };
    let activity = done(stand.actuator().begin(&unassign, &serials(&["PAD1"])).await);
    assert_eq!(states(&stand, &activity).await.1, ActivityState::Succeeded);
    assert_eq!((at(&stand, "PAD1"), stand.made()), (None, 2));
    let none = stand.observer().activity(&ActivityId("0d6b2f1c-94c3-4f0e-8e35-6a8f1f0f7b21".into())).await;
    assert_eq!(none.expect("an answer").state, ActivityState::Forgotten);
    stand.judged().await;
}

#[tokio::test]
async fn completed_is_believed_with_its_detail_alone() {
    let stand = Stand::unlimited().await;
    for (fault, wanted) in [
        (json!({"fault": "activity-stopped"}), "Broken"),
        (json!({"fault": "activity-failed"}), "Broken"),
        (json!({"fault": "activity-failure", "serials": ["TV1"]}), "COMPLETED_WITH_FAILURE"),
        (json!({"fault": "activity-post-processing"}), "COMPLETED_POST_PROCESSING_FAILED"),
        (json!({"fault": "activity-lie"}), "Succeeded"),
    ] {
        stand.fault(fault.clone());
        let activity = done(begin(&stand, &["MAC2", "TV1"]).await);
        let ended = states(&stand, &activity).await.1;
        assert!(format!("{ended:?}").contains(wanted), "{fault}: {ended:?}");
        stand.sim.clear_faults();
        for serial in ["MAC2", "TV1"] {
            let back = json!([{"do": "assignToService", "organization": "Acme", "serials": [serial]}]);
            let changes: Vec<espalier::sim::portal::Change> = serde_json::from_value(back).expect("changes");
            stand.sim.with_world(|world| {
                for change in changes {
                    espalier::sim::portal::change(world, change).expect("a possible change");
                }
            });
        }
    }
    stand.judged().await;
}

/// What a POST did whose answer is lost nobody knows, and it is not sent again.
#[tokio::test]
async fn a_lost_answer_is_lost_and_a_proven_refusal_is_not() {
    for (fault, outcome, sent, made) in [
        (json!({"fault": "cut", "when": "after"}), "lost", 1, 1),
        (json!({"fault": "cut", "when": "before"}), "lost", 1, 0),
        (json!({"fault": "503", "when": "after"}), "lost", 1, 1),
        (json!({"fault": "500", "when": "before"}), "lost", 1, 0),
        (json!({"fault": "garbage", "when": "after"}), "lost", 1, 1),
        (json!({"fault": "cut-body", "when": "after"}), "lost", 1, 1),
        (json!({"fault": "429", "retryAfter": 5}), "done", 2, 1),
        (json!({"fault": "html-429"}), "done", 2, 1),
        (json!({"fault": "401"}), "done", 2, 1),
    ] {
        let stand = Stand::unlimited().await;
        let mut fault_here = fault.clone();
        fault_here["operation"] = json!("create activity");
        stand.fault(fault_here);
        let ended = match begin(&stand, &["MAC2"]).await {
            Ended::Done(_) => "done",
            Ended::Lost(_) => "lost",
            Ended::Refused(error) | Ended::NotSent(error) => panic!("{fault}: {error}"),
        };
        let asked = (ended, stand.asked("business create activity"), stand.made());
        assert_eq!(asked, (outcome, sent, made), "{fault}");
        stand.judged().await;
    }
}

#[tokio::test]
async fn what_the_service_refuses_had_no_effect() {
    let stand = Stand::unlimited().await;
    for (texts, to) in [
        (&["NOBODY"][..], id(&stand, "Desks")),
        (&["MAC2"], ServiceId::new("00000000000000000000000000000000")),
    ] {
        let Ended::Refused(error) = stand.actuator().begin(&Activity::Assign { to }, &serials(texts)).await
        else {
            panic!("{texts:?} is refused")
        };
        assert_eq!(error.fault, Fault::RelationshipRefused, "{error}");
    }
    stand.fault(json!({"fault": "silent-serials"}));
    done(begin(&stand, &["NOBODY", "MAC2"]).await);
    let far = "2027-03-01T00:00:00Z".parse().expect("an instant");
    let deadline = Activity::AssignWithDeadline { to: id(&stand, "Desks"), deadline: far };
    let Ended::Refused(error) = stand.actuator().begin(&deadline, &serials(&["PAD1"])).await else {
        panic!("90 days are the most")
    };
    assert_eq!(error.fault, Fault::AttributeRefused, "{error}");
    stand.judged().await;
}

#[tokio::test]
async fn the_hour_has_its_posts_and_no_more() {
    // The usual limits of the simulator: ten in an hour.
    let stand = Stand::new(&json!({})).await;
    let mut settings = stand.settings();
    settings.budget = CallBudget::new(1000, 10, &PastCalls::default(), stand.sim.clock().now());
    let client = business::client(settings);
    let actuator = BusinessActuator::new(client.clone());
    let assign = Activity::Assign { to: id(&stand, "Desks") };
    for _ in 0..10 {
        done(actuator.begin(&assign, &serials(&["MAC2"])).await);
    }
    let Ended::NotSent(error) = actuator.begin(&assign, &serials(&["MAC2"])).await else {
        panic!("the hour is used up")
    };
    assert_eq!(error.fault, Fault::BudgetSpent, "{error}");
    let at = error.not_before.expect("when the next one fits");
    assert_eq!((stand.asked("business create activity"), stand.made()), (10, 10), "it was not sent");
    // A later run knows.
    let mut settings = stand.settings();
    let now = stand.sim.clock().now();
    settings.budget = CallBudget::new(1000, 10, &client.budget().past(now), now);
    let later = BusinessActuator::new(business::client(settings));
    assert!(matches!(later.begin(&assign, &serials(&["MAC2"])).await, Ended::NotSent(_)));
    stand.sim.clock().sleep(at.duration_since(now).unsigned_abs()).await;
    done(later.begin(&assign, &serials(&["MAC2"])).await);
    assert_eq!(stand.made(), 11);
    stand.judged().await;
}

#[tokio::test]
async fn a_service_is_made_changed_and_deleted() {
    let stand = Stand::unlimited().await;
    let actuator = stand.actuator();
    let certificate = X509::from_pem(certificate().pem.as_bytes()).expect("a certificate");
    let new = NewService { name: "Lab".into(), certificate: certificate.clone(), may_disown: Some(true) };
    let made = done(actuator.create_service(&new).await).id;
    let there = stand.observer().service(&made).await.expect("an answer").expect("it is there");
    assert_eq!((there.name.as_str(), there.may_disown), ("Lab", Some(true)), "the echo says false");
    let families = |has: &[ProductFamily], shall_have: &[ProductFamily]| ServiceChange::Families {
        has: has.to_vec(),
        shall_have: shall_have.to_vec(),
    };
    for change in [
        ServiceChange::Name("Laboratory".into()),
        ServiceChange::MayDisown(false),
        ServiceChange::Certificate(certificate),
        families(&[], &[ProductFamily::Watch]),
        families(&[ProductFamily::Watch], &[]),
        // Apple would refuse it.
        families(&[], &[]),
    ] {
        done(actuator.change_service(&made, &change).await);
    }
    assert_eq!(stand.asked("business update service"), 5);
    let Ended::Refused(error) = actuator.change_service(&made, &families(&[], &[ProductFamily::Ipad])).await
    else {
        panic!("Tablets has it")
    };
    assert_eq!(error.fault, Fault::AttributeRefused, "{error}");
    let Ended::Refused(error) = actuator.delete_service(&id(&stand, "Tablets")).await else {
        panic!("it has devices")
    };
    assert_eq!(error.fault, Fault::PreconditionFailed, "{error}");
    done(actuator.delete_service(&made).await);
    done(actuator.delete_service(&made).await);
    let school = BusinessActuator::new(business::client(business::settings(&stand.sim, business::SCHOOL)));
    assert!(matches!(school.delete_service(&made).await, Ended::NotSent(_)), "School has no such thing");
    let calls: Value = json!(stand.calls());
    assert!(calls.get("school delete service").is_none(), "{calls}");
    stand.judged().await;
}
