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

enum Turn<T> {
    Done(T),
    Yielded,
    /// Waits for something that will never happen: it hangs, or its caller is dead.
    Stuck,
}

fn turn<F: Future + ?Sized>(future: Pin<&mut F>) -> Turn<F::Output> {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    match future.poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(value) => Turn::Done(value),
        Poll::Pending if woken.0.load(Ordering::Relaxed) => Turn::Yielded,
        Poll::Pending => Turn::Stuck,
    }
}

/// Runs a future to its end; panics if it hangs.
pub fn block_on<F: Future>(future: F) -> F::Output {
    run(future).expect("the future hangs: a fault or a death was planned for it; use `run`")
}

/// Runs a future until it ends, or drops it when it hangs (`None`): that is a crashed invocation.
pub fn run<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    loop {
        match turn(future.as_mut()) {
            Turn::Done(value) => return Some(value),
            Turn::Yielded => {}
            Turn::Stuck => return None,
        }
    }
}

/// In what order invocations take their turns. A turn ends at the next port call, before its effect.
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

    /// Runs all of them until each has ended or hangs. `None` stands for one that hangs; it is dropped at once.
    pub fn run(mut self, order: Order) -> Vec<Option<T>> {
        let mut turns = Turns::new(order);
        loop {
            let ready: Vec<usize> = (0..self.tasks.len()).filter(|n| self.tasks[*n].future.is_some()).collect();
            if ready.is_empty() {
                return self.tasks.into_iter().map(|task| task.result).collect();
            }
            let task = &mut self.tasks[turns.next(&ready)];
            let outcome = task.future.as_mut().map(|future| turn(future.as_mut()));
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

struct Turns {
    order: Order,
    last: Option<usize>,
}

impl Turns {
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
