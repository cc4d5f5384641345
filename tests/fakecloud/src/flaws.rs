//! What no condition can refuse, and is wrong all the same: a lost image, a skipped revision, a
//! broken history.

use crate::state::State;
use amiline_domain::history::{Chain, Subject};
use amiline_domain::record::{Expected, FamilyWrite, Transaction, Write};

impl State {
    /// Looks at a transaction before it is written.
    pub(crate) fn note_flaws(&mut self, transaction: &Transaction) {
        let flaws: Vec<String> = transaction
            .writes()
            .iter()
            .flat_map(|write| self.flaws_of(write, transaction))
            .collect();
        self.store.flaws.extend(flaws);
    }

    fn flaws_of(&self, write: &Write, transaction: &Transaction) -> Vec<String> {
        let store = &self.store;
        let (subject, expected, revision, before, after) = match write {
            Write::Family(write) => return self.flaws_of_family(write, transaction),
            Write::Enrolment(key, expected, is) => {
                let was = store.enrolments.get(key).map(|was| &was.news);
                (Subject::Enrolment(key.clone()), expected, is.rev, was, &is.news)
            }
            Write::Watch(policy, expected, is) => {
                let was = store.watches.get(policy).map(|was| &was.news);
                (Subject::Policy(policy.clone()), expected, is.rev, was, &is.news)
            }
            Write::KillSwitch(stack, expected, is) => {
                let was = store.switches.get(stack).map(|was| &was.news);
                (Subject::KillSwitch(stack.clone()), expected, is.rev, was, &is.news)
            }
            Write::Image(..)
            | Write::Pointer(..)
            | Write::Listing(_)
            | Write::History(_)
            | Write::Press(_)
            | Write::HourCount(..)
            | Write::DayCount(..)
            | Write::PolicyText { .. }
            | Write::Check(..) => return Vec::new(),
        };
        let mut flaws: Vec<String> =
            revision_flaw(&subject, revision, *expected).into_iter().collect();
        flaws.extend(history_flaws(
            &subject,
            before.cloned().unwrap_or_default(),
            after,
            transaction,
        ));
        flaws
    }

    fn flaws_of_family(&self, write: &FamilyWrite, transaction: &Transaction) -> Vec<String> {
        let family = &write.family;
        let subject = Subject::Family(family.id.clone());
        let mut flaws: Vec<String> =
            revision_flaw(&subject, family.work.version, write.expected).into_iter().collect();
        let stored = self.store.rows.get(&family.id);
        for (place, row) in &family.rows {
            let written = transaction.writes().iter().find_map(|write| match write {
                Write::Image(of, row) if *of == family.id && row.image_role == *place => {
                    Some(&**row)
                }
                _ => None,
            });
            if written.or_else(|| stored?.get(place)) != Some(row) {
                flaws.push(format!(
                    "{} version {}: row {place} is not written as it is",
                    family.id, family.work.version
                ));
            }
        }
        let end = |seq: u64, last_hash: &String| Chain { seq, last_hash: last_hash.clone() };
        let before = self.store.families.get(&family.id).map(|was| end(was.seq, &was.last_hash));
        let after = end(family.seq, &family.last_hash);
        flaws.extend(history_flaws(&subject, before.unwrap_or_default(), &after, transaction));
        flaws
    }
}

fn revision_flaw(subject: &Subject, revision: u64, expected: Expected) -> Option<String> {
    (revision != expected.next())
        .then(|| format!("{subject}: revision {revision} follows {expected:?}"))
}

/// The items of a subject go on where its history ended, and the record says where it ends now.
fn history_flaws(
    subject: &Subject,
    before: Chain,
    after: &Chain,
    transaction: &Transaction,
) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut end = before;
    for item in transaction.history().filter(|item| item.subject == *subject) {
        if !item.follows(&end) {
            flaws.push(format!("{subject}: history item {} does not follow {}", item.seq, end.seq));
        }
        end = Chain { seq: item.seq, last_hash: item.hash.clone() };
    }
    if end != *after {
        flaws
            .push(format!("{subject}: its last history item is {} and not {}", end.seq, after.seq));
    }
    flaws
}
