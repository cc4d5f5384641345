//! The index of what is due: sparse, in parts, and behind the table if the test wants it so.

use crate::state::State;
use crate::store::{enrolment_pk, family_pk, history_pk, history_sk, press_pk};
use crate::versioned::Versioned;
use amiline_app::ports::{Due, DuePage};
use amiline_domain::digest::DigestKey;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::{Family, Role, RowState};
use amiline_domain::history::HistoryItem;
use amiline_domain::ids::short_digest;
use amiline_domain::press::{Press, PressKey};
use jiff::{SignedDuration, Timestamp};

/// Seconds after which a history item that was not published is due.
const ANNOUNCE_SECONDS: i64 = 600;

impl State {
    /// Writes an item's entry of the index, or takes it out. The index knows whole seconds.
    pub(crate) fn set_due(&mut self, pk: String, sk: String, mut due: Option<Due>) {
        if let Some(
            Due::Family { at, .. }
            | Due::Press { at, .. }
            | Due::Enrolment { at, .. }
            | Due::History { at, .. }
            | Due::Digest { at, .. },
        ) = &mut due
        {
            *at = Timestamp::from_second(at.as_second()).expect("a second of a moment");
        }
        let now = self.now;
        let part = self.shard_of(&pk);
        let entry = self
            .store
            .due
            .entry((part, pk, sk))
            .or_insert_with(|| Versioned::new(Timestamp::MIN, None));
        entry.change(now, |value| *value = due);
    }

    /// The part of the index that a partition key belongs to (partitions `due#0` to `due#15`).
    fn shard_of(&self, pk: &str) -> u32 {
        u32::from_str_radix(&short_digest(&[pk], 1), 16).expect("a hexadecimal digit")
            % self.settings.shards
    }

    /// Whether the index shows anything that is due at `now`.
    pub(crate) fn anything_due(&self, now: Timestamp) -> bool {
        let seen = self.now - SignedDuration::from_secs(self.settings.index_lag_seconds);
        self.store.due.values().any(|due| {
            due.as_of(seen).is_some_and(|due| due.as_ref().is_some_and(|due| due_at(due) <= now))
        })
    }

    /// A family is due at its next look; one that somebody holds, when the lease ends.
    pub(crate) fn index_family(&mut self, family: &Family) {
        let copying = family.source().is_some_and(|row| row.state == RowState::Available);
        let turn = if copying { Role::Distribute } else { Role::Create };
        let role = family.work.due.map_or(turn, |(_, role)| role);
        let lease_ends = family.work.lease.as_ref().map(|lease| lease.until);
        let due = lease_ends.or(family.work.due.map(|(at, _)| at)).map(|at| Due::Family {
            family: family.id.clone(),
            role,
            at,
        });
        self.set_due(family_pk(&family.id), "META".to_owned(), due);
    }

    pub(crate) fn index_press(&mut self, key: &PressKey, press: &Press) {
        let due = press.next_look.map(|at| Due::Press { key: key.clone(), at });
        self.set_due(press_pk(key), "PRESS".to_owned(), due);
    }

    pub(crate) fn index_enrolment(&mut self, key: &EnrolmentKey, enrolment: &Enrolment) {
        let due = enrolment.next_look.map(|at| Due::Enrolment { key: key.clone(), at });
        self.set_due(enrolment_pk(key), "ENROLMENT".to_owned(), due);
    }

    pub(crate) fn index_history(&mut self, item: &HistoryItem) {
        let (pk, sk) = (history_pk(&item.subject), history_sk(item.seq));
        let at = item.at + SignedDuration::from_secs(ANNOUNCE_SECONDS);
        self.set_due(pk.clone(), sk.clone(), Some(Due::History { pk, sk, at }));
    }

    pub(crate) fn index_digest(&mut self, key: &DigestKey, at: Option<Timestamp>) {
        let sk = key.policy.as_ref().map_or("NONE".to_owned(), |policy| format!("POLICY#{policy}"));
        let due = at.map(|at| Due::Digest { key: key.clone(), at });
        self.set_due(format!("DIGEST#{}", key.day), sk, due);
    }

    /// One page of one part of the index, oldest first. Indexes are read as they were a while ago.
    pub(crate) fn due_page(&self, shard: u32, now: Timestamp, from: Option<&str>) -> DuePage {
        let seen = self.now - SignedDuration::from_secs(self.settings.index_lag_seconds);
        let mut entries: Vec<(String, Due)> = self
            .store
            .due
            .range((shard, String::new(), String::new())..(shard + 1, String::new(), String::new()))
            .filter_map(|((_, pk, sk), due)| Some((pk, sk, due.as_of(seen)?.clone()?)))
            .filter(|(_, _, due)| due_at(due) <= now)
            .map(|(pk, sk, due)| (format!("{:012}#{pk}#{sk}", due_at(&due).as_second()), due))
            .filter(|(place, _)| from.is_none_or(|from| place.as_str() > from))
            .collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let more = entries.len() > self.settings.page_size;
        entries.truncate(self.settings.page_size);
        let next = entries.last().filter(|_| more).map(|(place, _)| place.clone());
        DuePage { items: entries.into_iter().map(|(_, due)| due).collect(), next }
    }
}

/// Since when it is due.
pub(crate) fn due_at(due: &Due) -> Timestamp {
    match due {
        Due::Family { at, .. }
        | Due::Press { at, .. }
        | Due::Enrolment { at, .. }
        | Due::History { at, .. }
        | Due::Digest { at, .. } => *at,
    }
}
