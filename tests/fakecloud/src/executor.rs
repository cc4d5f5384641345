//! A small deterministic executor: one future to its end, or several interleaved in a given order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How a turn ended.
#[derive(Debug)]
pub enum Turn<T> {
    /// The future has ended.
    Done(T),
    /// It is at its next port call, before the effect.
    Yielded,
    /// It waits for something that will never happen: it hangs, or its caller is dead.
    Stuck,
}

/// Gives futures their turns, one at a time.
pub struct Turns {
    woken: Arc<Woken>,
    waker: Waker,
}

impl Default for Turns {
    fn default() -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        Self { waker: Waker::from(Arc::clone(&woken)), woken }
    }
}

impl Turns {
    /// Runs the future until its next port call. A future that joins several calls makes one step
    /// of each.
    pub fn give<F: Future + ?Sized>(&self, future: Pin<&mut F>) -> Turn<F::Output> {
        self.woken.0.store(false, Ordering::Relaxed);
        match future.poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(value) => Turn::Done(value),
            Poll::Pending if self.woken.0.load(Ordering::Relaxed) => Turn::Yielded,
            Poll::Pending => Turn::Stuck,
        }
    }
}

/// Runs a future to its end; panics if it hangs.
pub fn block_on<F: Future>(future: F) -> F::Output {
    run(future).expect("the future hangs: a fault or a death was planned for it; use `run`")
}

/// Runs a future until it ends, or drops it when it hangs (`None`): that is a crashed invocation.
pub fn run<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let turns = Turns::default();
    loop {
        match turns.give(future.as_mut()) {
            Turn::Done(value) => return Some(value),
            Turn::Yielded => {}
            Turn::Stuck => return None,
        }
    }
}

/// In what order invocations take their turns. A turn ends at the next port call, before its
/// effect.
#[derive(Debug, Clone)]
pub enum Order {
    /// One after the other, round and round.
    RoundRobin,
    /// By a generator that begins with this seed.
    Seeded(u64),
    /// These, by number, as far as they still run; then round and round.
    Given(Vec<usize>),
}

/// Several invocations at once.
pub struct Race<'a, T> {
    tasks: Vec<Task<'a, T>>,
}

struct Task<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    result: Option<T>,
}

impl<T> Default for Race<'_, T> {
    fn default() -> Self {
        Self { tasks: Vec::new() }
    }
}

impl<'a, T> Race<'a, T> {
    /// No invocation yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an invocation; its number is how many were added before it.
    pub fn add(&mut self, future: impl Future<Output = T> + 'a) -> &mut Self {
        self.tasks.push(Task { future: Some(Box::pin(future)), result: None });
        self
    }

    /// Runs all of them until each has ended or hangs. `None` stands for one that hangs; it is
    /// dropped at once.
    pub fn run(mut self, order: Order) -> Vec<Option<T>> {
        let mut whose = WhoseTurn::new(order);
        let turns = Turns::default();
        loop {
            let ready: Vec<usize> =
                (0..self.tasks.len()).filter(|n| self.tasks[*n].future.is_some()).collect();
            if ready.is_empty() {
                return self.tasks.into_iter().map(|task| task.result).collect();
            }
            let task = &mut self.tasks[whose.next(&ready)];
            let outcome = task.future.as_mut().map(|future| turns.give(future.as_mut()));
            match outcome {
                Some(Turn::Done(value)) => {
                    task.result = Some(value);
                    task.future = None;
                }
                Some(Turn::Stuck) => task.future = None,
                Some(Turn::Yielded) | None => {}
            }
        }
    }
}

struct WhoseTurn {
    order: Order,
    last: Option<usize>,
}

impl WhoseTurn {
    fn new(order: Order) -> Self {
        Self { order, last: None }
    }

    fn next(&mut self, ready: &[usize]) -> usize {
        let next = self.pick(ready);
        self.last = Some(next);
        next
    }

    fn pick(&mut self, ready: &[usize]) -> usize {
        let later = ready.iter().copied().find(|n| self.last.is_none_or(|last| *n > last));
        let round = later.unwrap_or(ready[0]);
        match &mut self.order {
            Order::RoundRobin => round,
            Order::Seeded(state) => {
                // A remainder that fits the slice fits usize.
                let pick = split_mix(state) % u64::try_from(ready.len()).unwrap();
                ready[usize::try_from(pick).unwrap()]
            }
            Order::Given(given) => {
                while !given.is_empty() {
                    let wanted = given.remove(0);
                    if ready.contains(&wanted) {
                        return wanted;
                    }
                }
                round
            }
        }
    }
}

/// SplitMix64: a step of the seeded order.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Ends this turn.
pub(crate) fn yield_now() -> impl Future<Output = ()> {
    let mut yielded = false;
    std::future::poll_fn(move |context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
