//! Answers that depend on a text alone, kept by that text.
//!
//! A policy is read at every look, and a sweep reads each several times, so one invocation asks the
//! same questions about the same few texts again and again. Keep only what never changes for its
//! text.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Answers that one memo keeps. One more text, and it forgets all of them: a stack has few
/// policies.
const KEPT_MAX: usize = 64;

/// Answers to one question, by the text that they are about.
pub(crate) struct Memo<T>(RefCell<BTreeMap<String, T>>);

impl<T: Clone> Memo<T> {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(BTreeMap::new()))
    }

    /// The answer for a text. `compute` may ask this memo about other texts.
    pub(crate) fn get(&self, text: &str, compute: impl FnOnce() -> T) -> T {
        self.look(text, compute, T::clone)
    }

    /// What somebody wants to know of the answer.
    pub(crate) fn look<R>(
        &self,
        text: &str,
        compute: impl FnOnce() -> T,
        look: impl FnOnce(&T) -> R,
    ) -> R {
        if let Some(kept) = self.0.borrow().get(text) {
            return look(kept);
        }
        let answer = compute();
        let looked = look(&answer);
        let mut kept = self.0.borrow_mut();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(text.to_owned(), answer);
        looked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_computed_once_while_it_is_kept() {
        let (memo, computed) = (Memo::new(), RefCell::new(0));
        let length = |text: &str| {
            memo.get(text, || {
                *computed.borrow_mut() += 1;
                text.len()
            })
        };
        assert_eq!((length("abc"), length("abc"), length("ab")), (3, 3, 2));
        assert_eq!(*computed.borrow(), 2);
        for number in 0..KEPT_MAX {
            length(&number.to_string());
        }
        assert_eq!((length("abc"), *computed.borrow()), (3, 3 + KEPT_MAX));
    }

    #[test]
    fn computing_may_ask_the_same_memo() {
        let memo = Memo::new();
        assert_eq!(memo.get("outer", || memo.get("inner", || 1) + 1), 2);
    }
}
