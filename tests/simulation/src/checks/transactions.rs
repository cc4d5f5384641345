//! A transaction by what it is about: a family, a button alone, or news.

use super::oracle::Oracle;
use crate::diary::Diary;
use amiline_domain::family::{Family, ImageRow};
use amiline_domain::history::HistoryItem;
use amiline_domain::record::{Expected, PressWrite, Transaction, Write};
use amiline_fakecloud::{FakeCloud, Happening};

/// A transaction that writes a family.
pub(super) struct Written<'a> {
    pub(super) family: &'a Family,
    pub(super) expected: Expected,
    pub(super) rows: Vec<&'a ImageRow>,
    pub(super) history: Vec<&'a HistoryItem>,
    pub(super) press: Option<&'a PressWrite>,
    pub(super) policy_text: Option<&'a str>,
}

impl<'a> Written<'a> {
    fn of(transaction: &'a Transaction) -> Option<Self> {
        let write = transaction.family()?;
        let mut written = Self {
            family: &write.family,
            expected: write.expected,
            rows: Vec::new(),
            history: transaction.history().collect(),
            press: None,
            policy_text: None,
        };
        for write in transaction.writes() {
            match write {
                Write::Image(_, row) => written.rows.push(row),
                Write::Press(press) => written.press = Some(press),
                Write::PolicyText { text, .. } => written.policy_text = Some(text),
                _ => {}
            }
        }
        Some(written)
    }
}

impl Oracle {
    pub(super) fn see_transaction(
        &mut self,
        cloud: &FakeCloud,
        diary: &mut Diary,
        happening: &Happening,
        transaction: &Transaction,
    ) {
        if let Some(written) = Written::of(transaction) {
            return self.see_written(cloud, diary, happening, &written);
        }
        if let [Write::Press(write)] = transaction.writes()
            && let PressWrite::Put { key, press, .. } = &**write
        {
            // A repeated refusal has removed the tag; one that is held back has not.
            return match press.cleared_at {
                None => self.see_held_back(happening, key),
                Some(_) => self.see_repeated(diary, happening, key, press),
            };
        }
        self.see_news(cloud, diary, happening, transaction);
    }
}
