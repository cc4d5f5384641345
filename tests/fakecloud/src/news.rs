//! News that belong to no family: the transaction that writes them with the record that remembers them.

use crate::settings::Plant;
use crate::state::State;
use amiline_app::ports::Committed;
use amiline_domain::history::Chain;
use amiline_domain::record::{NewsCommit, NewsRecord};

impl State {
    /// TransactWriteItems. `Conflict` if the record or an item of the history is not as expected.
    pub(crate) fn commit_news(&mut self, news: &NewsCommit) -> Committed {
        let as_expected = match &news.record {
            NewsRecord::Enrolment(write) => self.enrolment_as_expected(write),
            NewsRecord::Policy(write) => {
                self.store.watches.get(&write.policy).map_or(0, |watch| watch.rev) == write.expected_rev
            }
            NewsRecord::KillSwitch(write) => self.store.switch.rev == write.expected_rev,
        };
        let known = |history: &amiline_domain::history::HistoryItem| {
            self.store.history.contains_key(&(history.subject.clone(), history.seq))
        };
        if !as_expected || news.history.iter().any(known) {
            return Committed::Conflict;
        }
        self.note_news_flaws(news);
        match &news.record {
            NewsRecord::Enrolment(write) => self.write_enrolment(write),
            NewsRecord::Policy(write) => {
                self.store.watches.insert(write.policy.clone(), write.watch.clone());
            }
            NewsRecord::KillSwitch(write) => self.store.switch = write.switch.clone(),
        }
        if self.settings.plant != Some(Plant::HistoryLost) {
            news.history.iter().for_each(|item| self.write_history_item(item));
        }
        Committed::Yes
    }

    /// What no condition can refuse: news that nobody remembers, or a break in their history.
    fn note_news_flaws(&mut self, news: &NewsCommit) {
        let (before, after) = match &news.record {
            NewsRecord::Enrolment(write) => {
                (self.store.enrolments.get(&write.key).map(|known| known.news.clone()), &write.enrolment.news)
            }
            NewsRecord::Policy(write) => {
                (self.store.watches.get(&write.policy).map(|known| known.news.clone()), &write.watch.news)
            }
            NewsRecord::KillSwitch(write) => (Some(self.store.switch.news.clone()), &write.switch.news),
        };
        let mut end = before.unwrap_or_default();
        for item in &news.history {
            if !item.follows(&end) {
                self.store.flaws.push(format!("{}: news {} do not follow {}", item.subject, item.seq, end.seq));
            }
            end = Chain { seq: item.seq, last_hash: item.hash.clone() };
        }
        if end != *after {
            self.store.flaws.push(format!("the record ends with news {} and not {}", after.seq, end.seq));
        }
    }
}
