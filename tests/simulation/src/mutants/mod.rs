//! Beginning an invocation: the product as it is, or with something wrong on purpose.

mod catalogue;
mod instances;
mod ports;
mod shares;

use crate::run::{Future, Origin, Run};
use amiline_app::announce::announce;
use amiline_app::engine::Invocation;
use amiline_app::functions::schedule_tick;
use amiline_app::retry::retry;
use amiline_app::{Create, Distribute, Notify, Operate, Tick};
use amiline_domain::ids::FamilyId;
use amiline_domain::message::{self, Message};
use amiline_fakecloud::{StreamRecord, World};
use amiline_scenarios::handle_decoded;
use jiff::Timestamp;
use std::rc::Rc;

pub use catalogue::{Mutant, PENDING};
pub use ports::Mutated;

/// The future of an invocation.
pub(crate) fn begin(run: &mut Run, world: World, deadline: Timestamp, origin: &Origin) -> Future {
    let invocation = Invocation { id: format!("invocation-{}", world.invocation()), deadline };
    match run.mutant {
        None => future(run, world, invocation, origin),
        Some(mutant) => {
            let mutated = Mutated::new(world, mutant, run);
            future(run, mutated, invocation, origin)
        }
    }
}

fn future<W>(run: &mut Run, world: W, invocation: Invocation, origin: &Origin) -> Future
where
    W: Create + Distribute + Notify + Tick + Operate + 'static,
{
    match origin {
        Origin::Message { queue, message, decoded, .. } => {
            let (queue, message, decoded, stack) =
                (*queue, message.clone(), Rc::clone(decoded), Rc::clone(&run.stack));
            Box::pin(async move {
                handle_decoded(&world, &stack, (queue, &message, &decoded), &invocation).await
            })
        }
        Origin::Records { records, .. } => {
            let waiting: Vec<_> = records.iter().map(StreamRecord::waiting).collect();
            Box::pin(async move {
                announce(&world, &waiting).await.into_iter().try_for_each(|end| end.map(|_| ()))
            })
        }
        Origin::Tick => scheduled(run, world, Message::Tick(message::Tick::default())),
        Origin::EarlyTick => {
            let request = message::Tick { due_within_seconds: 86_400, ..message::Tick::default() };
            scheduled(run, world, Message::Tick(request))
        }
        Origin::Sweep => scheduled(
            run,
            world,
            Message::Tick(message::Tick { sweep: true, ..message::Tick::default() }),
        ),
        Origin::ShareSweep => {
            let request =
                message::Tick { sweep: true, all_shares: true, ..message::Tick::default() };
            scheduled(run, world, Message::Tick(request))
        }
        Origin::DayEnded(day, _) => scheduled(run, world, Message::DayEnded(*day)),
        Origin::Person => {
            let family: Option<FamilyId> = run.retry.take();
            Box::pin(async move {
                if let Some(family) = family {
                    // The person reads why it was refused.
                    let _ = retry(&world, &family).await;
                }
                Ok(())
            })
        }
    }
}

/// An invocation of `schedule-tick`.
fn scheduled<W: Tick + 'static>(run: &Run, world: W, message: Message) -> Future {
    let watched = run.watched_stack();
    Box::pin(async move { schedule_tick(&world, &watched, &message).await.map(|_| ()) })
}
