//! The truth about the cloud, for assertions: what is, not what reads show.

use crate::cloud::FakeCloud;
use crate::ec2_images::{Image, Permission, Snapshot};
use crate::state::State;
use crate::trace::Effect;
use crate::versioned::Versioned;
use amiline_app::ports::{Due, RejectedMessage};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::{Family, RowState};
use amiline_domain::history::{HistoryItem, Subject};
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::press::{Press, PressKey};
use amiline_domain::receiver::Topic;
use amiline_domain::tags::{Button, Trigger};
use amiline_domain::work::Lease;
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

impl State {
    pub(crate) fn newest_families(
        &self,
        limit: usize,
        wanted: impl Fn(&Family) -> bool,
    ) -> Vec<Family> {
        let mut families: Vec<Family> = self
            .store
            .families
            .keys()
            .filter_map(|id| self.store.family(id))
            .filter(|family| wanted(family))
            .collect();
        // The keys of both lists are whole seconds, and then the id.
        families.sort_by(|a, b| {
            (b.created_at.as_second(), &b.id).cmp(&(a.created_at.as_second(), &a.id))
        });
        families.truncate(limit);
        families
    }
}

impl FakeCloud {
    /// Every image of a Region that was not deregistered, other accounts' too, oldest first.
    pub fn images(&self, region: &Region) -> Vec<Image> {
        self.all_images(region).into_iter().filter(Image::exists).collect()
    }

    /// Every image that a Region ever had, oldest first.
    pub fn all_images(&self, region: &Region) -> Vec<Image> {
        let state = self.state.borrow();
        let mut images: Vec<Image> =
            state.region(region).images.values().map(Versioned::current).cloned().collect();
        images.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
        images
    }

    /// When each image was made that any Region ever had.
    pub fn images_created_at(&self) -> Vec<Timestamp> {
        let state = self.state.borrow();
        let images = state.regions.values().flat_map(|region| region.images.values());
        images.map(|image| image.current().created_at).collect()
    }

    /// One image as it is; panics if there never was one.
    pub fn image(&self, region: &Region, id: &ImageId) -> Image {
        self.state.borrow().region(region).image(id).expect("an image of that Region").clone()
    }

    /// Every image that CreateImage ever made of an instance for us, wherever it stands now.
    pub fn images_created_for(&self, instance: &InstanceId) -> Vec<Image> {
        self.ours(|image| !image.is_copy && image.source_instance.as_ref() == Some(instance))
    }

    /// Every copy that CopyImage ever made of an image for us, in any Region.
    pub fn copies_of(&self, source: &ImageId) -> Vec<Image> {
        self.ours(|image| image.is_copy && image.source_image.as_ref() == Some(source))
    }

    /// Images that were made through the ports: not the ones that people made.
    fn ours(&self, wanted: impl Fn(&Image) -> bool) -> Vec<Image> {
        let all = self.regions().into_iter().flat_map(|region| self.all_images(&region));
        all.filter(|image| image.born_with.is_some() && wanted(image)).collect()
    }

    /// Who may launch an image.
    pub fn launch_permissions(&self, region: &Region, image: &ImageId) -> BTreeSet<Permission> {
        self.image(region, image).permissions
    }

    /// Images and snapshots that were made through the ports without the managed-by or the intent
    /// tag in the call.
    pub fn untagged(&self) -> Vec<String> {
        let keys = self.stack().keys;
        let bare = |tags: &BTreeMap<String, String>| {
            !tags.contains_key(&keys.managed_by()) || !tags.contains_key(&keys.intent())
        };
        let images = self.ours(|image| image.born_with.as_ref().is_some_and(bare));
        let snapshots = self.regions().into_iter().flat_map(|region| self.snapshots(&region));
        let ours: BTreeSet<ImageId> =
            self.ours(|_| true).into_iter().map(|image| image.id).collect();
        let snapshots =
            snapshots.filter(|snapshot| ours.contains(&snapshot.image) && bare(&snapshot.tags));
        images
            .iter()
            .map(|image| image.id.to_string())
            .chain(snapshots.map(|snapshot| snapshot.id.to_string()))
            .collect()
    }

    /// Every snapshot of a Region.
    pub fn snapshots(&self, region: &Region) -> Vec<Snapshot> {
        self.state.borrow().region(region).snapshots.values().cloned().collect()
    }

    /// The ARNs of the keys of an image's snapshots; `None` for one that is not encrypted.
    pub fn keys_of_image(&self, region: &Region, image: &ImageId) -> Vec<Option<String>> {
        let state = self.state.borrow();
        let image = state.region(region).image(image).expect("an image of that Region");
        state.keys_of(region, &image.snapshots).expect("its snapshots")
    }

    /// The most copies that were in flight to a Region at once.
    pub fn copies_peak(&self, region: &Region) -> usize {
        self.state.borrow().region(region).copies_peak
    }

    /// Calls that were made, the ones that failed too.
    pub fn calls(&self, caller: &str, action: &str) -> usize {
        let state = self.state.borrow();
        state.trace.calls.iter().filter(|(who, what)| **who == *caller && *what == action).count()
    }

    /// Every count of calls, by caller and action.
    pub fn call_counts(&self) -> BTreeMap<(String, &'static str), usize> {
        let state = self.state.borrow();
        let mut counts = BTreeMap::new();
        for (who, what) in &state.trace.calls {
            *counts.entry((who.to_string(), *what)).or_insert(0) += 1;
        }
        counts
    }

    /// Calls made over the cloud's life: the number of the newest one.
    pub fn calls_made(&self) -> u64 {
        self.state.borrow().calls_made
    }

    /// Calls that had an effect, answered or not.
    pub fn effects(&self) -> Vec<Effect> {
        self.state.borrow().trace.effects.clone()
    }

    /// How often an action had its effect.
    pub fn effects_of(&self, action: &str) -> usize {
        self.state.borrow().trace.effects.iter().filter(|effect| effect.action == action).count()
    }

    /// Calls that changed something in EC2.
    pub fn mutations(&self) -> usize {
        self.state.borrow().trace.effects.iter().filter(|effect| effect.changes_ec2()).count()
    }

    /// The hash of everything that happened: the same inputs give the same one, on any machine.
    pub fn trace_hash(&self) -> u64 {
        self.state.borrow().trace.hash()
    }

    /// Whether the trace's text is kept (it is at first); its hash always is.
    pub fn keep_trace(&self, keep: bool) {
        self.state.borrow_mut().trace.keep_lines(keep);
    }

    /// Adds a line of the teller's own to the trace.
    pub fn say(&self, text: std::fmt::Arguments<'_>) {
        self.state.borrow_mut().line(text);
    }

    /// What happened, line by line.
    pub fn trace(&self) -> String {
        self.state.borrow().trace.text()
    }

    /// The newest families, newest first.
    pub fn families(&self) -> Vec<Family> {
        self.state.borrow().newest_families(usize::MAX, |_| true)
    }

    /// The trigger of the first such family; they are shown without their rows.
    pub fn trigger_of(&self, wanted: impl Fn(&Family) -> bool) -> Option<Trigger> {
        self.state
            .borrow()
            .store
            .families
            .values()
            .find(|family| wanted(family))
            .map(|family| family.trigger.clone())
    }

    /// A family as it stands in the table.
    pub fn family(&self, id: &FamilyId) -> Option<Family> {
        self.state.borrow().store.family(id)
    }

    /// A family's history, oldest first.
    pub fn history(&self, id: &FamilyId) -> Vec<HistoryItem> {
        self.state.borrow().store.history_of(&Subject::Family(id.clone()))
    }

    /// What was told of an enrolment or a policy, oldest first.
    pub fn news(&self, subject: &Subject) -> Vec<HistoryItem> {
        self.state.borrow().store.history_of(subject)
    }

    /// History items that wait to be announced.
    pub fn unannounced(&self) -> Vec<HistoryItem> {
        let state = self.state.borrow();
        state
            .store
            .history
            .values()
            .filter(|kept| kept.unannounced)
            .map(|kept| kept.item.clone())
            .collect()
    }

    /// The press of an instance's button, as it stands in the table.
    pub fn press_of(&self, region: &Region, instance: &InstanceId) -> Option<Press> {
        let key = PressKey {
            account: self.account(),
            region: region.clone(),
            instance: instance.clone(),
            button: Button::Image,
        };
        self.state.borrow().store.presses.get(&key).cloned()
    }

    /// An instance's enrolment, as it stands in the table.
    pub fn enrolment_of(&self, region: &Region, instance: &InstanceId) -> Option<Enrolment> {
        let key = EnrolmentKey {
            account: self.account(),
            region: region.clone(),
            instance: instance.clone(),
        };
        self.state.borrow().store.enrolments.get(&key).cloned()
    }

    /// Who has a family's lease, and until when.
    pub fn lease_of(&self, family: &FamilyId) -> Option<Lease> {
        self.state.borrow().store.families.get(family)?.work.lease.clone()
    }

    /// Whether any of an instance's families is leased to this holder.
    pub fn holds_lease(&self, region: &Region, instance: &InstanceId, holder: &str) -> bool {
        let state = self.state.borrow();
        let of = |family: &&Family| family.region == *region && family.instance == *instance;
        let leases = state
            .store
            .families
            .values()
            .filter(of)
            .filter_map(|family| family.work.lease.as_ref());
        leases.into_iter().any(|lease| lease.holder == holder)
    }

    /// The family that an image belongs to, by its pointer.
    pub fn family_of(&self, region: &Region, image: &ImageId) -> Option<FamilyId> {
        self.state.borrow().store.pointers.get(&(region.clone(), image.clone())).cloned()
    }

    /// Whether a message was rejected and kept.
    pub fn was_rejected(&self, message: &str) -> bool {
        self.state.borrow().store.rejected.contains_key(message)
    }

    /// How many writes are wrong that no condition refused; [`FakeCloud::flaws`] tells them.
    pub fn wrong_writes(&self) -> usize {
        self.state.borrow().store.flaws.len()
    }

    /// The state of an image as it is; none if there never was one.
    pub fn image_state(&self, region: &Region, id: &ImageId) -> Option<ImageState> {
        self.state.borrow().region(region).image(id).map(|image| image.state)
    }

    /// What the creating call left without the managed-by or the intent tag, of an image and its
    /// snapshots.
    pub fn born_untagged(&self, region: &Region, id: &ImageId) -> Vec<String> {
        let keys = self.stack().keys;
        let bare = |tags: &BTreeMap<String, String>| {
            !tags.contains_key(&keys.managed_by()) || !tags.contains_key(&keys.intent())
        };
        let state = self.state.borrow();
        let Some(image) = state.region(region).image(id) else { return Vec::new() };
        let snapshots = image.snapshots.iter().map(|id| &state.region(region).snapshots[id]);
        let snapshots = snapshots
            .filter(|snapshot| bare(&snapshot.tags))
            .map(|snapshot| snapshot.id.to_string());
        image
            .born_with
            .iter()
            .filter(|tags| bare(tags))
            .map(|_| id.to_string())
            .chain(snapshots)
            .collect()
    }

    /// Messages that were rejected and kept.
    pub fn rejected(&self) -> Vec<RejectedMessage> {
        self.state.borrow().store.rejected.values().cloned().collect()
    }

    /// Everything in the index of what is due, whenever that is, soonest first.
    pub fn due(&self) -> Vec<Due> {
        let state = self.state.borrow();
        let mut due: Vec<Due> =
            state.store.due.values().filter_map(|due| due.current().clone()).collect();
        due.sort_by_key(crate::due::due_at);
        due
    }

    /// Whether a tick at this moment would find anything: something due, or a button that reads
    /// show as pressed.
    pub fn tick_would_find(&self, source_regions: &[Region]) -> bool {
        let state = self.state.borrow();
        let key = state.settings.button();
        state.anything_due(state.now)
            || source_regions.iter().any(|region| state.shows_any_with_tag(region, key))
    }

    /// When the next thing is due; none if nothing is.
    pub fn next_due(&self) -> Option<Timestamp> {
        let state = self.state.borrow();
        state
            .store
            .due
            .values()
            .filter_map(|due| due.current().as_ref())
            .map(crate::due::due_at)
            .min()
    }

    /// What is wrong whatever the scenario: writes that lost a row or broke the history's chain,
    /// records that say `available` of an image that no describe showed so, and notices of what was
    /// never recorded.
    pub fn flaws(&self) -> Vec<String> {
        let state = self.state.borrow();
        let mut flaws = state.store.flaws.clone();
        let seen = self.seen_available.borrow();
        for family in state.newest_families(usize::MAX, |_| true) {
            for row in family.rows.values().filter(|row| row.state == RowState::Available) {
                let known = row
                    .image
                    .as_ref()
                    .is_some_and(|id| seen.contains(&(row.region.clone(), id.to_string())));
                if !known {
                    flaws.push(format!(
                        "{}: {} is recorded as available and was never seen so",
                        family.id, row.image_role
                    ));
                }
            }
        }
        flaws.extend(state.never_recorded());
        flaws
    }
}

impl State {
    /// What was announced and stands in no history. Nothing is ever taken out of a history, so what
    /// was found there once is not looked for again.
    fn never_recorded(&self) -> Vec<String> {
        let (notices, events) = self.found_recorded.get();
        let recorded: BTreeSet<&str> =
            self.store.history.values().map(|kept| kept.item.outcome_id.as_str()).collect();
        let mut flaws = Vec::new();
        for published in
            self.published.iter().skip(notices).filter(|published| published.topic != Topic::Digest)
        {
            let outcome = Outcome::of(&published.notice.json);
            // A chat's form has no field of its own for it.
            let outcome =
                if published.topic == Topic::Chat { outcome.id } else { outcome.outcome_id };
            if !recorded.contains(&*outcome) {
                flaws.push(format!(
                    "{:?} was published and never recorded",
                    published.notice.subject
                ));
            }
        }
        for on_bus in self.on_bus.iter().skip(events) {
            if !recorded.contains(&*Outcome::of(&on_bus.event.detail).outcome_id) {
                flaws.push(format!(
                    "{:?} was put on the bus and never recorded",
                    on_bus.event.detail
                ));
            }
        }
        if flaws.is_empty() {
            self.found_recorded.set((self.published.len(), self.on_bus.len()));
        }
        flaws
    }
}

/// Of a document that was announced, what identifies it.
#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    outcome_id: Cow<'a, str>,
}

impl<'a> Outcome<'a> {
    fn of(document: &'a str) -> Self {
        serde_json::from_str(document).expect("a document is JSON")
    }
}
