//! What holds for all worlds: nothing in the way means that every rule's condition holds, by a predicate that was
//! written for itself; and nothing is ever told to be done without something that shows it.

use proptest::prelude::*;

use super::world::{World, later};
use crate::acts::evidence::{names, of};
use crate::acts::{ActState, Hold, Leg, Rule, digest};
use crate::model::act::{
    ActOptions, ActionResult, ActionState, Expect, ManagementState, Os, Ownership, Record, RecordId, Records,
    ResultSource,
};
use crate::model::live::Complete;
use crate::model::{ActionKind, Class, Serial};

#[derive(Clone, Debug)]
struct Odd {
    kind: ActionKind,
    os: Os,
    supervised: Option<bool>,
    ownership: Ownership,
    lost_mode: Option<bool>,
    version: &'static str,
    agent: &'static str,
    enrolled: Option<i64>,
    serial: &'static str,
    twins: usize,
    requested: i64,
    expires: i64,
    born: i64,
    bound: bool,
    changed: bool,
    state: Option<ActState>,
    beside: Option<(ActionKind, ActState)>,
    expect: Option<&'static str>,
}

fn odd() -> impl Strategy<Value = Odd> {
    let kind = proptest::sample::select(ActionKind::ALL.to_vec());
    let os =
        proptest::sample::select(vec![Os::Ios, Os::Ipados, Os::Macos, Os::Tvos, Os::Android, Os::Windows]);
    let maybe = || proptest::sample::select(vec![Some(true), Some(true), Some(true), Some(false), None]);
    let ownership =
        proptest::sample::select(vec![Ownership::Company, Ownership::Personal, Ownership::Unknown]);
    let version = proptest::sample::select(vec!["18.1", "18.1", "7.0", ""]);
    let agent = proptest::sample::select(vec!["mdm", "mdm", "mdm", "eas", ""]);
    let enrolled = proptest::sample::select(vec![Some(-86_400), Some(-86_400), Some(-60), None]);
    let serial = proptest::sample::select(vec!["C02A0001", "C02A0001", "C02A0001", "C02A0002", ""]);
    let twins = proptest::sample::select(vec![0_usize, 0, 0, 1]);
    let requested = proptest::sample::select(vec![-3600_i64, -3600, -30, 299, 301]);
    let expires = proptest::sample::select(vec![3600_i64, 3600, 0, -10]);
    let born = proptest::sample::select(vec![-900_000_i64, -900_000, -1800]);
    let state = proptest::option::weighted(0.3, proptest::sample::select(ActState::ALL.to_vec()));
    let beside = proptest::option::weighted(
        0.3,
        (
            proptest::sample::select(ActionKind::ALL.to_vec()),
            proptest::sample::select(ActState::ALL.to_vec()),
        ),
    );
    let expect = proptest::sample::select(vec![None, None, Some("iphone 15"), Some("iPad")]);
    let device = (os, maybe(), ownership, maybe(), version, agent, enrolled, serial, twins);
    let asked =
        (kind, requested, expires, born, proptest::bool::weighted(0.7), proptest::bool::weighted(0.1));
    (device, asked, state, beside, expect).prop_map(|(device, asked, state, beside, expect)| {
        let (os, supervised, ownership, lost_mode, version, agent, enrolled, serial, twins) = device;
        let (kind, requested, expires, born, bound, changed) = asked;
        Odd {
            kind,
            os,
            supervised,
            ownership,
            lost_mode,
            version,
            agent,
            enrolled,
            serial,
            twins,
            requested,
            expires,
            born,
            bound,
            changed,
            state,
            beside,
            expect,
        }
    })
}

/// The world of an oddity, and the states that could be reached in it.
fn world_of(odd: &Odd) -> World {
    let mut world = World::unbound(odd.kind);
    world.content.requested_at = later(odd.requested);
    world.content.expires = later(odd.expires);
    world.content.expect = Expect { model: odd.expect.map(str::to_owned), ..Expect::default() };
    world.born = later(odd.born);
    world.record.enrolled = Some(later(-86_400));
    if odd.bound {
        world.bind();
        if let Some(state) = odd.state {
            reach(&mut world, state);
        }
    }
    if let Some((kind, state)) = odd.beside {
        let other = super::world::id("beside", "C02A0001");
        let asked = super::world::content(kind);
        world.bind_as(&other.action, vec![other.serial], &asked);
        let own = std::mem::replace(&mut world.act, other);
        reach(&mut world, state);
        world.act = own;
    }
    if odd.changed {
        world.content.reason = Some("something else".to_owned());
    }
    world.record.enrolled = odd.enrolled.map(later);
    world.record.serial = Serial::new(odd.serial);
    world.record.os = odd.os;
    world.record.supervised = odd.supervised;
    world.record.ownership = odd.ownership;
    world.record.lost_mode = odd.lost_mode;
    world.record.os_version = odd.version.to_owned();
    world.record.agent = odd.agent.to_owned();
    world.twins = odd.twins;
    world
}

/// Brings the act as near to a state as the book lets it.
fn reach(world: &mut World, state: ActState) {
    let direct = [ActState::Cancelled, ActState::Expired];
    if !direct.contains(&state) && state != ActState::Waiting && state != ActState::NeedsApproval {
        let event = world.promised(&world.act, Leg::Whole, crate::acts::SafeguardKind::Sealed);
        if world.book.clone().take(50, later(-600), event.clone()).is_err() {
            return;
        }
        world.take(later(-600), event);
    }
    let (act, evidence) = (world.act.clone(), String::new());
    let moved = crate::acts::ActEvent::Moved { act, leg: Leg::Whole, to: state, evidence, approval: None };
    if world.book.clone().take(51, later(-599), moved.clone()).is_ok() {
        world.take(later(-599), moved);
    }
}

/// Everything that design section 5 asks of an act before it may be sent, written without the rules' code.
fn may_be_sent(world: &World) -> bool {
    let World { act, content, record, twins, book, born, now, .. } = world;
    let known = book.act(act);
    let bound = book.action(&act.action);
    let never_sent_or_may_go_again = match known.map(|one| one.state) {
        None | Some(ActState::Waiting | ActState::NeedsApproval | ActState::ApprovalElsewhere) => true,
        Some(ActState::Sent | ActState::Acknowledged) => content.kind == ActionKind::HandOver,
        Some(_) => false,
    };
    let is_bound_content = bound.is_none_or(|one| one.content == digest::content(content));
    let is_bound_serial = bound.is_none_or(|one| one.serials.contains(&act.serial));
    let in_time = content.requested_at.as_second() <= now.as_second() + 300
        && *now < content.expires
        && content.requested_at >= *born;
    let is_it = record.serial == Some(act.serial) && *twins == 0;
    let same_life = record.enrolled.is_some_and(|enrolled| {
        content.requested_at >= enrolled
            && known
                .and_then(|one| one.promises.first())
                .is_none_or(|one| one.epoch.record == record.id && one.epoch.enrolled == enrolled)
    });
    let is_expected =
        content.expect.model.as_ref().is_none_or(|model| model.to_lowercase() == record.model.to_lowercase());
    let supervision_known = record.supervised.is_some()
        || !matches!(
            content.kind,
            ActionKind::Wipe | ActionKind::Release | ActionKind::DeleteRecord | ActionKind::HandOver
        );
    let alone = content.kind.class() < Class::Destructive
        || !book.acts().any(|(other, one)| {
            other.serial == act.serial
                && other != act
                && book.action(&other.action).is_some_and(|one| one.kind.class() >= Class::Destructive)
                && matches!(
                    one.state,
                    ActState::Promised
                        | ActState::Sent
                        | ActState::Acknowledged
                        | ActState::Unknown
                        | ActState::ApprovalElsewhere
                )
        });
    let managed = record.agent == "mdm" || content.kind == ActionKind::Release;
    never_sent_or_may_go_again
        && is_bound_content
        && is_bound_serial
        && in_time
        && is_it
        && same_life
        && is_expected
        && supervision_known
        && alone
        && managed
}

fn any_result() -> impl Strategy<Value = ActionResult> {
    let every: Vec<&'static str> =
        ActionKind::ALL.into_iter().flat_map(names).copied().chain(["else"]).collect();
    let states = vec![
        ActionState::None,
        ActionState::Pending,
        ActionState::Active,
        ActionState::Canceled,
        ActionState::Failed,
        ActionState::NotSupported,
        ActionState::Done,
    ];
    let started = proptest::option::of(-2000_i64..100);
    (proptest::sample::select(every), proptest::sample::select(states), started, any::<bool>()).prop_map(
        |(name, state, started, audit)| ActionResult {
            name: name.to_owned(),
            state,
            started: started.map(later),
            updated: None,
            source: if audit { ResultSource::Audit } else { ResultSource::Record },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_the_way_means_that_every_condition_holds(odd in odd()) {
        let world = world_of(&odd);
        if world.judge().is_none() {
            prop_assert!(may_be_sent(&world), "{world:#?}");
        }
    }

    #[test]
    fn what_every_condition_lets_through_is_held_by_the_table_of_support_alone(odd in odd()) {
        let world = world_of(&odd);
        if may_be_sent(&world) {
            let held = world.judge();
            let of_lost_mode =
                matches!(world.content.kind, ActionKind::Locate | ActionKind::PlaySound | ActionKind::DisableLostMode);
            let by_table = match &held {
                None => true,
                Some(Hold::Stop { rule, .. }) => *rule == Rule::Support,
                // what needs lost mode waits for it.
                Some(Hold::Wait { .. }) => of_lost_mode && world.record.lost_mode == Some(false),
                Some(Hold::End { .. }) => false,
            };
            prop_assert!(by_table, "{held:?}\n{world:#?}");
        }
    }

    #[test]
    fn done_is_told_by_what_shows_it_and_never_from_what_ended(
        odd in odd(),
        results in proptest::collection::vec(any_result(), 0..4),
        audits in proptest::collection::vec(any_result(), 0..3),
        gone in proptest::bool::weighted(0.2),
        again in proptest::option::weighted(0.3, -700_i64..-1),
        management in proptest::sample::select(vec![ManagementState::Managed, ManagementState::Wiping]),
        wished in proptest::bool::ANY,
    ) {
        let mut world = world_of(&Odd { bound: true, enrolled: Some(-86_400), serial: "C02A0001", ..odd });
        world.record.results = results.clone();
        world.record.state = management;
        if world.content.kind == ActionKind::Rename && wished {
            world.content.options = ActOptions::Rename { name: world.record.name.clone() };
        }
        let mut records: Vec<Record> = if gone { Vec::new() } else { vec![world.record.clone()] };
        if let Some(at) = again {
            let id = RecordId("another".to_owned());
            records.push(Record { id, enrolled: Some(later(at)), results: Vec::new(), ..world.record.clone() });
        }
        let list = Records::new(Complete::after_last_page(records));
        let World { book, act, content, .. } = &world;
        for (leg, told) in of(book, act, Some(content), Some(&list), &[], &audits, world.now) {
            let promise = book.act(act).unwrap().leg(leg).unwrap();
            prop_assert!(promise.state.may_become(told.to), "{} to {}", promise.state, told.to);
            if told.to != ActState::Done {
                continue;
            }
            let kind = content.kind;
            let is_about = |one: &ActionResult| {
                one.state == ActionState::Done
                    && names(kind).iter().any(|name| one.name.eq_ignore_ascii_case(name))
                    && one.started.is_some_and(|at| at.as_second() + 120 >= promise.at.as_second())
            };
            let own = if gone { &[][..] } else { results.as_slice() };
            let by_result = own.iter().chain(&audits).any(is_about);
            let new_life = again.is_some_and(|at| later(at) > promise.at)
                && matches!(kind, ActionKind::Wipe | ActionKind::Retire | ActionKind::DeleteRecord);
            let by_effect = match kind {
                ActionKind::Rename => !gone && wished,
                ActionKind::EnableLostMode => !gone && world.record.lost_mode == Some(true),
                ActionKind::DisableLostMode => !gone && world.record.lost_mode == Some(false),
                ActionKind::Retire | ActionKind::DeleteRecord => {
                    gone && matches!(promise.state, ActState::Sent | ActState::Acknowledged)
                }
                ActionKind::Sync => !gone && world.record.last_sync.is_some_and(|at| at > promise.at),
                _ => false,
            };
            prop_assert!(by_result || new_life || by_effect, "{kind}: {told:?}");
        }
    }
}
