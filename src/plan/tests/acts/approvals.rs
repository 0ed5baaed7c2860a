//! Who has to agree, and whose signatures count.

use std::sync::Arc;

use super::world::*;
use crate::acts::mutation::Broken;
use crate::acts::{ActState, Rule};
use crate::approval::tests::forge::{Forger, Odd};
use crate::approval::{Digest, Found, Signed, Statement};
use crate::model::Class;
use crate::model::desired::{Approvals, Gates};
use crate::plan::gates::acts::{ABOUT_STEPS, APPROVAL_OF_STEPS, destructive_digest, standing};
use crate::plan::tests::world::{World, ago, profile_id};
use crate::plan::{ActNext, Plan};

const GATE: &str = "approval/act/lost/C02A0001";

fn approvals(signers: &str, count: u32) -> Approvals {
    let classes = vec![Class::Destructive, Class::Irreversible];
    Approvals { signers: signers.to_owned(), classes, count, valid_for: 72 * 3600 }
}

fn line(person: &str, key: &Forger) -> String {
    format!("{person} {}\n", key.public())
}

fn gates_with(approvals: Approvals) -> Gates {
    Gates { approvals: Some(approvals), ..Gates::default() }
}

fn apply(world: &mut World, approvals: Approvals) {
    world.ledger.gates = Some(gates_with(approvals));
    world.ledger.gates_row = Some(7);
}

fn sign(world: &mut World, key: &Forger, digest: &str, about: &str, seconds: i64) {
    let digest = Digest::parse(digest).unwrap();
    let statement = Statement::new(world.ledger.id, digest, about, ago(seconds)).unwrap().to_text();
    let signature = key.sign(statement.as_bytes(), &Odd::default()).into_bytes();
    let file = format!("approvals/{}.sig", world.offered.len());
    world.offered.push(Found { file, content: Ok(Signed { statement: statement.into_bytes(), signature }) });
}

fn sign_act(world: &mut World, key: &Forger) {
    let plan = world.plan();
    let act = only(&plan);
    sign(world, key, &act.digest, &act.step_id(), 60);
}

fn is_approved(world: &World) -> bool {
    let plan = world.plan();
    match gates(&plan).as_slice() {
        [] => true,
        [GATE] => {
            assert_eq!(only(&plan).state, ActState::NeedsApproval);
            assert!(!plan.stops[0].may_be_overridden());
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_approval_another_person_signs_the_digest_of_the_act() {
    let (anna, mallory) = (Forger::ed25519(), Forger::ed25519());
    let mut world = asked("wipe");
    apply(&mut world, approvals(&line("anna@example.com", &anna), 1));
    assert!(!is_approved(&world));
    {
        let _broken = Broken::rule(Rule::Approval);
        assert!(is_approved(&world));
    }
    sign_act(&mut world, &mallory);
    assert!(!is_approved(&world), "nobody knows the key");
    sign_act(&mut world, &anna);
    assert!(is_approved(&world));
    let desired = world.desired();
    let plan = world.plan();
    let standing = standing(&input(&world, &desired), only(&plan), &[], &Default::default());
    assert_eq!(standing.approved_by.len(), 1);
    // The author's own does not count.
    world.origin.authors = vec!["Anna".to_owned(), "anna@example.com".to_owned()];
    assert!(!is_approved(&world));
}

#[test]
fn an_approval_is_of_one_life_one_content_and_one_device() {
    let anna = Forger::ed25519();
    let mut world = asked("wipe");
    apply(&mut world, approvals(&line("anna@example.com", &anna), 1));
    sign_act(&mut world, &anna);
    assert!(is_approved(&world));
    let mut other_life = world.clone();
    edit_record(&mut other_life, |record| record.enrolled = Some(ago(7200)));
    assert!(!is_approved(&other_life));
    let mut other_content = world.clone();
    other_content.edit("DeviceAction/lost", "lost on the bus", "stolen");
    assert!(!is_approved(&other_content));
    // It is good for 72 hours.
    world.now = at("2026-11-24T12:00:01Z");
    assert!(!is_approved(&world));
    // The line that the signer reads has to say what it is.
    let mut lied = asked("wipe");
    apply(&mut lied, approvals(&line("anna@example.com", &anna), 1));
    let digest = only(&lied.plan()).digest.clone();
    sign(&mut lied, &anna, &digest, "sync DeviceAction/lost C02A0001", 60);
    assert!(!is_approved(&lied));
}

#[test]
fn rule_signers_come_from_what_was_applied_and_never_from_the_folder() {
    let (anna, mallory) = (Forger::ed25519(), Forger::ed25519());
    let mut world = asked("wipe");
    let mut desired = world.desired();
    desired.fleet.gates.approvals = Some(approvals(&line("mallory@example.com", &mallory), 1));
    let planned =
        |world: &World, desired: &crate::model::desired::Desired| -> Plan { world.plan_of(desired) };
    // The folder alone states approvals: nobody was applied yet.
    let plan = planned(&world, &desired);
    assert_eq!(gates(&plan), [GATE]);
    assert!(plan.stops[0].reason.contains("no signers were applied yet"), "{}", plan.stops[0].reason);
    // Others were applied: the folder's own signer is nobody.
    apply(&mut world, approvals(&line("anna@example.com", &anna), 1));
    sign_act(&mut world, &mallory);
    assert_eq!(gates(&planned(&world, &desired)), [GATE]);
    {
        let _broken = Broken::rule(Rule::Signers);
        assert_eq!(gates(&planned(&world, &desired)), Vec::<&str>::new());
    }
    sign_act(&mut world, &anna);
    assert_eq!(gates(&planned(&world, &desired)), Vec::<&str>::new());
}

#[test]
fn rule_signers_a_person_counts_who_was_a_signer_then_and_still_is() {
    let (anna, bert, cleo) = (Forger::ed25519(), Forger::ed25519(), Forger::ed25519());
    let mut world = asked("wipe");
    bind(&mut world, "lost", Some(3));
    let then = line("anna@example.com", &anna) + &line("bert@example.com", &bert);
    let now = line("bert@example.com", &bert) + &line("cleo@example.com", &cleo);
    world.ledger.gates_of_acts = Arc::new([(3, (gates_with(approvals(&then, 1)), Vec::new()))].into());
    apply(&mut world, approvals(&now, 1));
    for who in [&anna, &cleo] {
        sign_act(&mut world, who);
        assert!(!is_approved(&world));
    }
    sign_act(&mut world, &bert);
    assert!(is_approved(&world));
}

#[test]
fn rule_gates_the_number_of_persons_is_the_largest_that_anybody_states() {
    let (anna, bert) = (Forger::ed25519(), Forger::ed25519());
    let both = line("anna@example.com", &anna) + &line("bert@example.com", &bert);
    let mut world = asked("wipe");
    bind(&mut world, "lost", Some(3));
    world.ledger.gates_of_acts = Arc::new([(3, (gates_with(approvals(&both, 2)), Vec::new()))].into());
    apply(&mut world, approvals(&both, 1));
    sign_act(&mut world, &anna);
    assert!(!is_approved(&world));
    sign_act(&mut world, &bert);
    assert!(is_approved(&world));
    // What nobody has to agree to goes.
    let mut lock = asked("lock");
    apply(&mut lock, approvals(&both, 2));
    assert_eq!(next(&lock), ActNext::Send);
    assert_eq!(gates(&lock.plan()), Vec::<&str>::new());
}

#[test]
fn the_grave_steps_of_a_plan_are_signed_together() {
    let anna = Forger::ed25519();
    let mut world = World::new();
    world
        .token("school", "contoso", "prune: created")
        .profile("old", "[school]", "")
        .profile("main", "[school]", "");
    let mut world = world.settled();
    world.device("school", "C02A0001", Some(profile_id("main", "school")));
    world.remove("EnrollmentProfile", "old");
    assert_eq!(gates(&world.plan()), Vec::<&str>::new());
    apply(&mut world, approvals(&line("anna@example.com", &anna), 1));
    let plan = world.plan();
    assert_eq!(gates(&plan), [APPROVAL_OF_STEPS]);
    assert_eq!(plan.stops[0].steps, ["delete EnrollmentProfile/old@school"]);
    let digest = destructive_digest(&plan).unwrap();
    assert!(plan.stops[0].reason.contains(&digest));
    assert!(!plan.stops[0].may_be_overridden());
    sign(&mut world, &anna, &digest, ABOUT_STEPS, 60);
    assert_eq!(gates(&world.plan()), Vec::<&str>::new());
    // Another grave step is another digest; a safe one beside it is none.
    world.assignment("carts", "main", "C02A0001, C02NEW01", "");
    assert_eq!(gates(&world.plan()), Vec::<&str>::new());
}
