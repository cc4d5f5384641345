//! What the engine promises every kind of work, shown with a kind of two counters and a call.

mod counter;
mod world;

use counter::Hint;
use futures_util::FutureExt;
use world::{Trouble, World};

const ID: &str = "c-1";
/// How many are wanted at first.
const WANTED: u64 = 2;

/// Runs the first invocation into the planned trouble, and then whatever its message, the due time
/// and redelivery bring, until nothing is to come any more. The first message is an event's or the
/// tick's, which says less.
fn live(plan: &[(usize, Trouble)], first: Hint) -> World {
    let world = World::new(WANTED, plan);
    let mut message = Some(first);
    for _ in 0..20 {
        let due = world.state.borrow().table.as_ref().and_then(|counter| counter.work.due_at());
        let Some(hint) = message.or(due.map(|_| Hint::default())) else { break };
        // A crash leaves the future waiting for ever; an error and a crash bring the message again.
        let ended = world.run(&world.invocation(), hint).now_or_never();
        message = message.filter(|_| !matches!(ended, Some(Ok(_))));
        // The queue shows the message again, and the tick finds what is due, when the invocation
        // and its lease are over.
        world.pass(600);
    }
    world
}

/// What must be so when nothing is to come any more, whatever went wrong.
fn holds(world: &World, plan: &[(usize, Trouble)]) {
    let state = world.state.borrow();
    let counter = state.table.as_ref().unwrap();
    assert!(state.broken.is_empty(), "{plan:?}: {:?}", state.broken);
    let wanted: Vec<u64> = (1..=state.outside.wanted).collect();
    assert_eq!(
        state.outside.made.iter().copied().collect::<Vec<_>>(),
        wanted,
        "{plan:?}: each is made once"
    );
    assert_eq!(
        (counter.made, counter.calling),
        (state.outside.wanted, None),
        "{plan:?}: the record says so"
    );
    assert_eq!(
        (&counter.work.lease, counter.work.due),
        (&None, None),
        "{plan:?}: nobody has it, and nothing is due"
    );
    let told: Vec<String> =
        state.history.iter().filter_map(|line| Some(line.split_once(": ")?.1.to_owned())).collect();
    let expected: Vec<String> = wanted.iter().map(|number| format!("made {number}")).collect();
    assert_eq!(told, expected, "{plan:?}: each is told once");
}

/// What is at rest stays as it is: a look that finds nothing new writes nothing.
fn rests(world: &World, plan: &[(usize, Trouble)]) {
    world.calm();
    let before = world.state.borrow().commits;
    let ended = world.run(&world.invocation(), Hint { anything: true }).now_or_never();
    assert!(matches!(ended, Some(Ok(_))), "{plan:?}: {ended:?}");
    assert_eq!(world.state.borrow().commits, before, "{plan:?}: it wrote something");
}

fn is_survived(plan: &[(usize, Trouble)]) -> usize {
    let places = [Hint::default(), Hint { anything: true }].map(|first| {
        let world = live(plan, first);
        holds(&world, plan);
        let places = world.places.get();
        rests(&world, plan);
        places
    });
    places.into_iter().max().unwrap_or_default()
}

#[test]
fn without_trouble_everything_is_made_and_told_once() {
    assert!(is_survived(&[]) > 10, "there are places for trouble");
}

#[test]
fn every_trouble_at_every_place_is_survived() {
    let places = is_survived(&[]);
    for trouble in Trouble::ALL {
        for place in 0..places {
            is_survived(&[(place, trouble)]);
        }
    }
}

#[test]
fn every_two_troubles_are_survived() {
    // The second may be at a place that only the first leads to.
    let places = is_survived(&[]) + 10;
    for (first, second) in
        Trouble::ALL.into_iter().flat_map(|first| Trouble::ALL.map(|second| (first, second)))
    {
        for one in 0..places {
            for other in one + 1..places {
                is_survived(&[(one, first), (other, second)]);
            }
        }
    }
}

#[test]
fn a_hint_that_comes_while_another_has_the_lease_is_read_by_that_other_at_once() {
    let places = is_survived(&[]);
    let mut left = 0;
    for place in 0..places {
        let world = World::new(WANTED, &[(place, Trouble::News)]);
        let ended = world.run(&world.invocation(), Hint::default()).now_or_never();
        assert!(matches!(ended, Some(Ok(_))), "{place}: {ended:?}");
        // No due time and no other message was needed.
        holds(&world, &[(place, Trouble::News)]);
        left += u64::from(world.state.borrow().table.as_ref().unwrap().work.pending_hints > 0);
    }
    assert!(left > 0, "a hint was left for somebody");
}

#[test]
fn while_the_kill_switch_is_on_nothing_is_called_and_what_is_known_is_written() {
    let world = World::new(WANTED, &[]);
    world.pause(true);
    assert!(matches!(
        world.run(&world.invocation(), Hint { anything: true }).now_or_never(),
        Some(Ok(_))
    ));
    {
        let state = world.state.borrow();
        let counter = state.table.as_ref().unwrap();
        assert_eq!((state.outside.made.len(), counter.wanted, counter.made), (0, WANTED, 0));
        assert!(
            counter.work.due.is_some_and(|(at, ())| at > world.now())
                && counter.work.lease.is_none()
        );
    }
    world.pause(false);
    world.pass(60);
    assert!(matches!(world.run(&world.invocation(), Hint::default()).now_or_never(), Some(Ok(_))));
    holds(&world, &[]);
}

#[test]
fn work_that_does_not_come_to_an_end_says_so_and_goes_on_with_its_message() {
    let world = World::new(20, &[]);
    let ended = world.run(&world.invocation(), Hint { anything: true }).now_or_never().unwrap();
    let told = ended.unwrap_err().to_string();
    assert_eq!(
        told,
        "counter c-1 is not settled after 16 rounds; this is a defect: report it with its history"
    );
    for _ in 0..5 {
        world.pass(600);
        let _ = world.run(&world.invocation(), Hint { anything: true }).now_or_never();
    }
    holds(&world, &[]);
}
