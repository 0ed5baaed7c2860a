use crate::acts::tests::world::{World, later};
use crate::acts::{ActEvent, ActState, Leg, SafeguardKind};
use crate::apply::acts::settle_dead;
use crate::model::ActionKind;

fn settled(world: &World) -> Vec<(Leg, ActState)> {
    settle_dead(&world.book)
        .into_iter()
        .map(|event| match event {
            ActEvent::Moved { act, leg, to, .. } => {
                assert_eq!(act, world.act);
                (leg, to)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn what_a_dead_run_promised_is_unknown_unless_nothing_was_to_be_sent() {
    for kind in ActionKind::ALL {
        let mut world = World::new(kind);
        assert_eq!(settled(&world), [], "{kind} was not promised");
        world.promise(later(-60), Leg::Whole);
        let wanted = match kind {
            ActionKind::HandOver => ActState::Sent,
            ActionKind::EscrowBypassCode => ActState::Done,
            _ => ActState::Unknown,
        };
        assert_eq!(settled(&world), [(Leg::Whole, wanted)], "{kind}");
        for event in settle_dead(&world.book) {
            world.take(later(-30), event);
        }
        assert_eq!(settled(&world), [], "{kind}: once");
    }
}

#[test]
fn a_leg_of_a_hand_over_that_a_dead_run_promised_is_unknown() {
    let mut world = World::handed_over();
    let wipe = world.promised(&world.act.clone(), Leg::Wipe, SafeguardKind::Sealed);
    world.take(later(-60), wipe);
    assert_eq!(settled(&world), [(Leg::Wipe, ActState::Unknown)]);
    for event in settle_dead(&world.book) {
        world.take(later(-30), event);
    }
    assert_eq!(world.book.act(&world.act).unwrap().state, ActState::Unknown, "and with it the whole");
}
