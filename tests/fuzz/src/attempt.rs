//! One run of a target, with its panic caught.

use crate::target::{Broken, Outcome, Target};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static PANIC: RefCell<Option<Broken>> = const { RefCell::new(None) };
}

/// Gives the target an input. A panic is a broken law, told by its place and message, and prints
/// nothing.
pub fn attempt(target: &Target, input: &[u8]) -> Outcome {
    note_panics();
    CATCHING.set(true);
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    CATCHING.set(false);
    ended.unwrap_or_else(|_| {
        Err(PANIC.take().unwrap_or_else(|| Broken::new("nothing panics", "a panic without a word")))
    })
}

/// Panics of a target are kept; others are printed as ever.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                return before(panic);
            }
            let place = panic
                .location()
                .map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
            let message = panic.payload_as_str().unwrap_or("no message");
            PANIC.set(Some(Broken::new(format!("nothing panics{place}"), message)));
        }));
    });
}
