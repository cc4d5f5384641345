//! What must hold at every transaction, and at every announcement.

use super::Check;
use super::making::Wanted;
use super::news::is_policy;
use super::oracle::{Oracle, Told, Words};
use super::transactions::Written;
use super::truth::read;
use crate::diary::Diary;
use crate::instances::GROUP;
use amiline_domain::bounds::Bounds;
use amiline_domain::enrolment::BadSchedule;
use amiline_domain::family::{Family, Outcome, Phase, RowState};
use amiline_domain::history::{EventKind, HistoryItem};
use amiline_domain::ids::PolicyName;
use amiline_domain::image::{ImageState, RootDevice};
use amiline_domain::policy::Policy;
use amiline_domain::press::{PressKey, STALE_READ_SECONDS};
use amiline_domain::reason::{Reason, Rejection};
use amiline_domain::receiver::Receiver;
use amiline_domain::record::{Expected, PressWrite};
use amiline_domain::tags::Trigger;
use amiline_domain::time::{plus_seconds, seconds_between};
use amiline_fakecloud::{FakeCloud, Happening, Permission};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Of a document that was announced, what can be held against the record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    outcome_id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    at: Cow<'a, str>,
}

impl Oracle {
    /// A receiver was told: of something that was recorded, that it is to hear of, and in the words
    /// of every other time.
    pub(super) fn see_announced(&mut self, receiver: Receiver, words: Words) {
        let document = match &words {
            Words::Notice(notice) => &notice.json,
            Words::Event(event) => &event.detail,
        };
        let document: Document = serde_json::from_str(document).unwrap_or_default();
        // A chat's form has no field of its own for it.
        let id = if receiver == Receiver::Chat { &document.id } else { &document.outcome_id };
        let id = id.clone().into_owned();
        let recorded = self.recorded.get(&id).map(|(event, ..)| *event);
        self.hold(Check::RecordedBeforeAnnounced, recorded.is_some(), || {
            format!("{words:?} was never recorded")
        });
        if let Some(event) = recorded {
            let wanted = hears(receiver, event);
            self.hold(Check::RightReceivers, wanted, || {
                format!("{receiver:?} is told of {}", event.as_str())
            });
        }
        if let Words::Event(event) = &words {
            let agrees = document.event == event.detail_type && document.at == event.at.to_string();
            self.hold(Check::RightReceivers, agrees, || format!("{event:?} is not of its type"));
        }
        if let Some(before) = self.announced.insert((receiver, id), words.clone()) {
            self.hold(Check::RecordedBeforeAnnounced, before == words, || {
                format!("one outcome in two wordings: {before:?} and {words:?}")
            });
        }
    }

    pub(super) fn see_written(
        &mut self,
        cloud: &FakeCloud,
        diary: &mut Diary,
        happening: &Happening,
        commit: &Written<'_>,
    ) {
        let family = commit.family;
        if let Some(PressWrite::Put { key, press, .. }) = commit.press {
            self.see_begun(cloud, diary, happening, key, commit);
            let last = self.slots.insert(key.clone(), press.last_slot);
            let later = last.is_none_or(|last| last < press.last_slot);
            self.hold(Check::PressWasSeen, later, || {
                format!("{}: the slot does not go up", family.id)
            });
        }
        if commit.expected == Expected::Absent && !matches!(family.trigger, Trigger::Press(_)) {
            self.see_slot(diary, happening, commit);
            self.begin_telling(cloud, diary, happening, commit);
        }
        if commit.history.iter().any(|item| item.event == EventKind::FamilyRetried)
            && let Some(told) = self.told.get_mut(&family.id)
        {
            told.refused.clear();
            told.retried += 1;
            told.began = happening.at;
        }
        for item in &commit.history {
            let known = (item.event, item.subject.clone(), item.image.clone());
            self.recorded.insert(item.outcome_id.clone(), known);
            if let (Some(outcome), Some(told)) =
                (item.event.outcome(), self.told.get_mut(&family.id))
            {
                told.ended.push((happening.at, outcome));
                told.status.clone_from(&family.status);
                self.see_ended(cloud, diary, family, item, outcome);
            }
        }
        for row in commit.rows.iter().filter(|row| row.state == RowState::Available) {
            if let (Some(image), Some(told)) = (&row.image, self.told.get_mut(&family.id)) {
                told.available.entry((row.region.clone(), image.clone())).or_insert(happening.at);
            }
            let seen = row
                .image
                .as_ref()
                .is_some_and(|id| self.available_seen.contains(&(row.region.clone(), id.clone())));
            self.hold(Check::AvailableWasSeen, seen, || {
                format!("{}: {} is recorded as available", family.id, row.image_role)
            });
        }
        self.look_at_lineage(family);
        self.look_at_the_record(cloud, diary, happening, commit);
    }

    pub(super) fn look_at_lineage(&mut self, family: &Family) {
        let Some(told) = self.told.get_mut(&family.id) else { return };
        let mut wrong = None;
        for row in family.rows.values() {
            let attempt = told.attempts.entry(row.image_role.clone()).or_insert(row.attempt);
            if row.attempt < *attempt {
                wrong = Some(format!("{} goes back to attempt {}", row.image_role, row.attempt));
            }
            *attempt = row.attempt;
            if let Some(image) = &row.image {
                let id = told
                    .ids
                    .entry((row.image_role.clone(), row.attempt))
                    .or_insert_with(|| image.clone());
                if id != image {
                    wrong = Some(format!(
                        "{} of attempt {} was {id} and is {image}",
                        row.image_role, row.attempt
                    ));
                }
            }
        }
        if told.attempts.keys().any(|place| !family.rows.contains_key(place)) {
            wrong = Some("a row is gone".to_owned());
        }
        self.hold(Check::LineageKept, wrong.is_none(), || {
            format!("{}: {}", family.id, wrong.unwrap_or_default())
        });
    }

    /// What holds of the record itself at every transaction: it is due, it is written by its
    /// holder, and what it says of its images is so.
    fn look_at_the_record(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        commit: &Written<'_>,
    ) {
        let (family, now) = (commit.family, happening.at);
        let me = format!("invocation-{}", happening.invocation);
        let unfinished = family.phase != Phase::Settled
            || family.status_due
            || family.rows.values().any(|row| row.recheck.is_some());
        let due = family.work.due_at();
        // An hour, and two clocks.
        let in_time = due.is_some_and(|at| seconds_between(now, at) <= 3600 + 60);
        self.hold(Check::AlwaysDue, !unfinished || in_time, || {
            format!("{} is unfinished and due {due:?}", family.id)
        });
        let deadline = self.shown.get(&happening.invocation).and_then(|shown| shown.deadline);
        if let (Some(lease), Some(deadline)) = (&family.work.lease, deadline) {
            let right = lease.holder == me && lease.until <= plus_seconds(deadline, 60);
            self.hold(Check::OneWorker, right, || format!("{me} writes the lease {lease:?}"));
        }
        if let Some(told) = self.told.get_mut(&family.id) {
            let before = std::mem::replace(&mut told.lease, family.work.lease.clone());
            let foreign =
                before.filter(|lease| lease.holder != me && seconds_between(now, lease.until) > 40);
            self.hold(Check::OneWorker, foreign.is_none(), || {
                format!("{me} writes {} under {foreign:?}", family.id)
            });
        }
        for row in &commit.rows {
            let Some(image) = &row.image else { continue };
            let mine = cloud.family_of(&row.region, image).as_ref() == Some(&family.id);
            self.hold(Check::LineageKept, mine, || {
                format!("{image} has no pointer to {}", family.id)
            });
            if cloud.image_state(&row.region, image).is_some() && !diary.touched(&row.region, image)
            {
                let may = cloud.launch_permissions(&row.region, image);
                let so = row
                    .shared_with
                    .iter()
                    .all(|target| may.contains(&Permission::Target(target.clone())));
                self.hold(Check::AnnouncedIsTrue, so, || {
                    format!(
                        "{image} is recorded as shared with {:?}, and is with {may:?}",
                        row.shared_with
                    )
                });
            }
        }
    }

    /// A person's press stood there, and no other family has answered it. One that was refused
    /// again without a family, and whose tag could not be removed, stands still.
    fn answers_a_press(
        &self,
        diary: &mut Diary,
        happening: &Happening,
        key: &PressKey,
        family: &Family,
    ) -> bool {
        let stood = diary.presses.iter_mut().find(|pressed| {
            pressed.region == key.region
                && pressed.instance == key.instance
                && pressed.value == family.requested
                && (pressed.family.is_none()
                    || (pressed.removed.is_none() && self.refused_again(pressed)))
                && pressed.at <= happening.at
                && pressed
                    .taken_back
                    .or(pressed.removed)
                    .is_none_or(|end| seconds_between(end, happening.at) <= STALE_READ_SECONDS)
        });
        if let Some(pressed) = stood {
            pressed.family = Some(family.id.clone());
            return true;
        }
        false
    }

    pub(super) fn see_begun(
        &mut self,
        cloud: &FakeCloud,
        diary: &mut Diary,
        happening: &Happening,
        key: &PressKey,
        commit: &Written<'_>,
    ) {
        let family = commit.family;
        let shown = self.shown.entry(happening.invocation).or_default();
        let saw =
            shown.idle_press.as_ref() == Some(key) && shown.tag.as_ref() == Some(&family.requested);
        self.hold(Check::PressWasSeen, saw, || {
            format!("{} began without a look at the tag", family.id)
        });
        // A clock that is far behind takes an old event for news; that costs an answer too many,
        // and no clock is.
        let answers = self.answers_a_press(diary, happening, key, family);
        if !self.skewed {
            self.hold(Check::NoInventedPress, answers, || {
                format!("{} answers no press of {:?} that stood", family.id, family.requested)
            });
        }
        self.begin_telling(cloud, diary, happening, commit);
    }

    /// From its first transaction on a family is told of.
    pub(super) fn begin_telling(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        commit: &Written<'_>,
    ) {
        let family = commit.family;
        let rejected = family.outcome == Some(Outcome::Rejected);
        let text = commit.policy_text;
        let asked = text.and_then(read);
        let seen = self.shown.get(&happening.invocation).and_then(|shown| shown.instance.as_ref());
        let seen = seen.filter(|seen| seen.id == family.instance && seen.region == family.region);
        let wanted = asked.as_deref().zip(seen);
        let wanted =
            wanted.map(|(asked, seen)| Wanted::of(asked, &family.requested, seen, family.slot));
        let told = Told {
            region: family.region.clone(),
            instance: family.instance.clone(),
            value: family.requested.clone(),
            press: matches!(family.trigger, Trigger::Press(_)),
            slot: family.slot,
            at: happening.at,
            began: happening.at,
            retried: 0,
            asked,
            wanted: wanted.unwrap_or_default(),
            rejected,
            reason: rejected.then(|| reason_of(commit)).flatten(),
            sources: Vec::new(),
            copies: BTreeMap::new(),
            refused: BTreeSet::new(),
            ended: Vec::new(),
            status: None,
            lease: commit.family.work.lease.clone(),
            workers: Vec::new(),
            ids: BTreeMap::new(),
            attempts: BTreeMap::new(),
            available: BTreeMap::new(),
        };
        self.look_at_admission(cloud, diary, happening, &told, commit);
        self.is_no_repeat(happening, &told);
        if !rejected {
            self.look_at_rates(happening, &told);
            self.requested_at.push((happening.at, told.region.clone(), told.instance.clone()));
        }
        self.told.insert(family.id.clone(), told);
    }

    /// Admitted with a text that stood under the name, and that the stack allows; refused only for
    /// the reason that holds.
    fn look_at_admission(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        happening: &Happening,
        told: &Told,
        commit: &Written<'_>,
    ) {
        let Some(stack) = self.stack_of(happening.invocation) else { return };
        let from = plus_seconds(happening.at, -60);
        let texts = diary.in_force_between(&told.value, from, happening.at, &is_policy);
        let usable = |text: &Option<&str>| {
            text.and_then(read).is_some_and(|asked| asked.is_within(&stack.bounds))
        };
        let rootless = |text: &Option<&str>| {
            text.and_then(read).is_some_and(|asked| asked.left_out.contains("/dev/xvda"))
        };
        let here = cloud.instance_now(&told.region, &told.instance);
        let member = here.tags.contains_key(GROUP);
        let reboots_a_member =
            |text: &Option<&str>| member && text.and_then(read).is_some_and(|asked| asked.reboot);
        let place = stack.bounds.regions.contains(&told.region);
        let named = commit.family.policy_name().is_some();
        let known = texts.iter().any(|text| text.is_some() == named);
        self.hold(Check::RefusalsHaveReasons, known, || {
            let is = if named { "names" } else { "does not name" };
            format!("the record of {}={} {is} a policy", told.instance, told.value)
        });
        if told.rejected {
            let terminated =
                diary.terminated.contains_key(&(told.region.clone(), told.instance.clone()));
            let holds = told.reason.as_ref().is_some_and(|reason| match reason {
                Rejection::UnknownPolicy { .. } => texts.contains(&None),
                Rejection::NoSchedule { .. } => texts
                    .iter()
                    .any(|text| text.and_then(read).is_some_and(|asked| asked.slots.is_none())),
                Rejection::RootLeftOut { .. } => {
                    texts.iter().any(|text| usable(text) && rootless(text))
                }
                Rejection::AutoScalingMember { .. } => texts.iter().any(reboots_a_member),
                Rejection::DailyLimit { .. } => self.is_full(happening, told, &texts),
                Rejection::InvalidPolicy { .. } | Rejection::BeyondBounds { .. } => {
                    texts.iter().any(|text| text.is_some() && !usable(text))
                }
                Rejection::BadValue(_) | Rejection::BadSchedule(BadSchedule::NoName(_)) => {
                    PolicyName::new(told.value.as_str()).is_err()
                }
                Rejection::BadSchedule(BadSchedule::TooMany { .. } | BadSchedule::Empty) => false,
                Rejection::RegionNotAllowed { .. } => !place,
                Rejection::Terminated => terminated,
                Rejection::InstanceStoreRoot => here.root_device == RootDevice::InstanceStore,
                Rejection::HourlyLimit { .. } => self.is_busy(happening, &stack.bounds),
                Rejection::TooSoon { .. } => {
                    self.was_imaged(happening, told, interval_minutes(&texts, &stack.bounds))
                }
            });
            self.hold(Check::RefusalsHaveReasons, holds, || {
                format!("{}={} was refused: {:?}", told.instance, told.value, told.reason)
            });
        } else {
            let kept = commit.family.policy.as_ref().map(|policy| policy.hash.clone());
            let may_stand =
                |text: &Option<&str>| usable(text) && !rootless(text) && !reboots_a_member(text);
            let stood = texts
                .iter()
                .any(|text| may_stand(text) && text.map(Policy::hash).map(String::from) == kept);
            let holds = stood && place && here.root_device == RootDevice::Ebs;
            self.hold(Check::RefusalsHaveReasons, holds, || {
                format!("{}={} was admitted", told.instance, told.value)
            });
        }
    }

    /// Whether as many images were asked for within the hour, rounded up to a bucket, as the stack
    /// allows.
    fn is_busy(&self, happening: &Happening, bounds: &Bounds) -> bool {
        let within = |at: &Timestamp| seconds_between(*at, happening.at) < 3600 + 300 + 120;
        let hour = self.requested_at.iter().filter(|(at, ..)| within(at)).count();
        hour >= usize::try_from(bounds.images_per_hour_max).unwrap_or(usize::MAX)
    }

    /// Whether as many images were asked for under the policy on this day as it allows.
    fn is_full(&self, happening: &Happening, told: &Told, texts: &[Option<&str>]) -> bool {
        let asked = texts.iter().flatten().filter_map(|text| read(text));
        asked
            .filter_map(|asked| asked.per_day)
            .any(|max| self.made_on_the_day(happening, told) >= max)
    }

    /// Images that were asked for on this day under the policy while it had such a limit.
    fn made_on_the_day(&self, happening: &Happening, told: &Told) -> i64 {
        let day = |at: Timestamp| at.as_second().div_euclid(86_400);
        let same = |other: &&Told| {
            !other.rejected
                && other.value == told.value
                && day(other.at) == day(happening.at)
                && other.asked.as_ref().is_some_and(|asked| asked.per_day.is_some())
        };
        i64::try_from(self.told.values().filter(same).count()).unwrap_or(i64::MAX)
    }

    /// Whether an image of the instance was asked for within the interval.
    fn was_imaged(&self, happening: &Happening, told: &Told, minutes: i64) -> bool {
        let seconds = minutes * 60 + 120;
        self.requested_at.iter().any(|(at, region, instance)| {
            *region == told.region
                && *instance == told.instance
                && seconds_between(*at, happening.at) < seconds
        })
    }

    pub(super) fn look_at_rates(&mut self, happening: &Happening, told: &Told) {
        if self.skewed {
            return;
        }
        let Some(stack) = self.stack_of(happening.invocation) else { return };
        let hour = self
            .requested_at
            .iter()
            .filter(|(at, ..)| seconds_between(*at, happening.at) < 3300)
            .count();
        let max = usize::try_from(stack.bounds.images_per_hour_max).unwrap_or(usize::MAX);
        self.hold(Check::HourlyLimit, hour < max, || {
            format!("{} images within the hour, {max} allowed", hour + 1)
        });
        let own = told.asked.as_ref().map_or(0, |asked| asked.interval);
        let minutes = i64::from(stack.bounds.interval_minutes_min).max(own);
        if let Some(max) = told.asked.as_ref().and_then(|asked| asked.per_day) {
            let made = self.made_on_the_day(happening, told);
            self.hold(Check::DailyLimit, made < max, || {
                format!("{} of {} on one day", made + 1, told.value)
            });
        }
        let mut same = self
            .requested_at
            .iter()
            .filter(|(_, region, id)| *region == told.region && *id == told.instance);
        // A minute less: the slot is taken before the transaction is written.
        let apart = same.all(|(at, ..)| seconds_between(*at, happening.at) >= minutes * 60 - 60);
        self.hold(Check::MinimumInterval, apart, || {
            format!("{} is imaged again within {minutes} minutes", told.instance)
        });
    }

    /// What the end announces must be so at that moment, as far as nobody else laid hands on it.
    fn see_ended(
        &mut self,
        cloud: &FakeCloud,
        diary: &Diary,
        family: &Family,
        item: &HistoryItem,
        outcome: Outcome,
    ) {
        for image in item.images.iter().filter(|image| image.state == RowState::Available) {
            let so = image.image.as_ref().is_some_and(|id| {
                diary.touched(&image.region, id)
                    || cloud.image_state(&image.region, id) == Some(ImageState::Available)
            });
            self.hold(Check::AnnouncedIsTrue, so, || {
                format!("{}: {image:?} is not available", family.id)
            });
        }
        if outcome != Outcome::Complete {
            return;
        }
        let Some(told) = self.told.get(&family.id) else { return };
        let asked = told.asked.clone().unwrap_or_default();
        let home = told.region.clone();
        let there = |place: &str| {
            item.images.iter().any(|image| image.region.as_str() == place && image.image.is_some())
        };
        let missing: Vec<String> =
            asked.regions.keys().filter(|name| !there(name)).cloned().collect();
        let none = told.sources.is_empty();
        self.hold(Check::AnnouncedIsTrue, missing.is_empty() && !none, || {
            format!("{} is complete without {missing:?}", family.id)
        });
        let home_copy =
            item.images.iter().any(|image| image.role == "copy" && image.region == home);
        for image in item.images.iter().filter(|image| !(home_copy && image.role == "source")) {
            let shared_with = |friend: &String| {
                image.shared_with.iter().any(|shared| shared.as_str() == friend.as_str())
            };
            let all = asked.friends.iter().all(shared_with);
            self.hold(Check::AnnouncedIsTrue, all, || {
                format!("{}: {image:?} is not shared with all", family.id)
            });
        }
        let regions: BTreeSet<_> = item.images.iter().map(|image| &image.region).collect();
        let at_home = item
            .images
            .iter()
            .find(|image| image.region == home && (image.role == "copy") == home_copy);
        let words = at_home.and_then(|image| image.image.as_ref()).map(|id| {
            format!(
                "available {id} in {} Region{}",
                regions.len(),
                if regions.len() == 1 { "" } else { "s" }
            )
        });
        let by_hand = item
            .images
            .iter()
            .filter_map(|image| Some((image.region.clone(), image.image.clone()?)));
        let by_hand = by_hand.into_iter().any(|image| diary.shared.contains_key(&image));
        let additions: &[&str] =
            if by_hand { &["", " (public)", " (also shared by somebody)"] } else { &[""] };
        let said = |addition: &&str| {
            words.as_ref().map(|words| format!("{words}{addition}")) == family.status
        };
        self.hold(Check::StatusIsTrue, additions.iter().any(said), || {
            format!("{} says {:?}, and {words:?} is so", family.id, family.status)
        });
    }
}

/// The longest interval that one of the texts or the stack asks for.
fn interval_minutes(texts: &[Option<&str>], bounds: &Bounds) -> i64 {
    let own =
        texts.iter().flatten().filter_map(|text| read(text)).map(|asked| asked.interval).max();
    i64::from(bounds.interval_minutes_min).max(own.unwrap_or_default())
}

/// The receivers of an event, as docs/reference/events.md promises them: everything goes to the
/// topic for everything and to the bus, what somebody has to act on to the topic for that, and all
/// but the steps of a family to the chat.
pub(super) fn hears(receiver: Receiver, event: EventKind) -> bool {
    let step = matches!(
        event,
        EventKind::ImageRequested
            | EventKind::CopyStarted
            | EventKind::ImageShared
            | EventKind::FamilyRetried
    );
    let under_way = matches!(
        event,
        EventKind::ImageCreating
            | EventKind::ImageAvailable
            | EventKind::ImageFailed
            | EventKind::CopyAvailable
            | EventKind::CopyFailed
            | EventKind::ShareFailed
    );
    let trouble = matches!(
        event,
        EventKind::DuplicateFound
            | EventKind::ImageMadePublic
            | EventKind::FamilyPartial
            | EventKind::FamilyFailed
            | EventKind::CoverageLost
            | EventKind::PolicyRefused
    );
    match receiver {
        Receiver::Notifications | Receiver::Bus => !step,
        Receiver::Attention => trouble,
        Receiver::Chat => !step && !under_way,
    }
}

/// Why a family was refused, without how often it was before.
fn reason_of(commit: &Written<'_>) -> Option<Rejection> {
    match commit.history.first()?.reason.as_ref()? {
        Reason::Request(reason) => Some(reason.rejection.clone()),
        Reason::Image(_)
        | Reason::Outcome(_)
        | Reason::ByHand(_)
        | Reason::Schedule(_)
        | Reason::Policy(_)
        | Reason::Switch(_) => None,
    }
}
