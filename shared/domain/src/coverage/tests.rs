use super::*;
use crate::policy::EarlierText;

const NIGHTLY: &str =
    r#"{"schedule":{"cron":["0 2 * * *"]},"distribute":{"regions":["eu-west-1"]}}"#;

/// An instance that follows one policy since noon of the 24th, and what was made of it.
struct Story {
    texts: PolicyTexts,
    enrolment: Enrolment,
    made: Vec<Made>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name() -> PolicyName {
    PolicyName::new("nightly").unwrap()
}

fn region(text: &str) -> Region {
    Region::new(text).unwrap()
}

impl Story {
    fn of(text: &str) -> Self {
        let mut story = Self {
            texts: PolicyTexts::newest(None),
            enrolment: Enrolment::default(),
            made: Vec::new(),
        };
        story.enrolment.seats.insert(name(), Box::new(Seat::taken(at("2026-11-24T12:00:00Z"))));
        story.edit(text, "2026-11-24T12:00:00Z");
        story
    }

    /// The policy is edited, and the instance looked at.
    fn edit(&mut self, text: &str, now: &str) {
        self.texts = PolicyTexts::newest(Some(text));
        let policy = Policy::prepared(text).unwrap();
        let seat = self.enrolment.seats.get_mut(&name()).unwrap();
        seat.promise(&policy, &region("us-east-1"), at(now));
        seat.text_hash = Some(Policy::hash(text));
    }

    fn image(&mut self, now: &str, regions: &[&str]) {
        let available = regions
            .iter()
            .map(|name| (region(name), ImageId::new("ami-0123456789abcdef0").unwrap()));
        let family = FamilyId::new("fam-0123456789abcdef").unwrap();
        self.made.insert(
            0,
            Made { family, policy: name(), at: at(now), available: available.collect() },
        );
    }

    fn covers(&self, now: &str) -> Vec<Cover> {
        let texts = BTreeMap::from([(name(), self.texts.clone())]);
        let instance = InstanceId::new("i-0123456789abcdef0").unwrap();
        coverage(&instance, &self.enrolment, &promises(&texts), &self.made, at(now))
    }

    /// What is told at a moment, and remembered.
    fn told(&mut self, now: &str) -> Vec<String> {
        let (news, lost) = news(&self.enrolment, &self.covers(now), at(now));
        self.enrolment.lost = lost;
        news.iter().map(|news| format!("{} {}", news.kind.as_str(), news.region)).collect()
    }
}

#[test]
fn coverage_is_lost_where_no_image_is_as_new_as_the_slot_when_its_time_is_up_and_told_once() {
    let mut story = Story::of(NIGHTLY);
    assert!(story.told("2026-11-25T02:00:00Z").is_empty(), "the slot has just come");
    story.image("2026-11-25T02:03:00Z", &["us-east-1"]);
    assert!(
        story.told("2026-11-26T01:59:59Z").is_empty(),
        "the copy may take as long as to the next slot"
    );
    assert_eq!(story.told("2026-11-26T02:00:00Z"), ["coverage-lost eu-west-1"]);
    assert!(story.told("2026-11-26T03:00:00Z").is_empty());
    story.image("2026-11-26T02:03:00Z", &["us-east-1", "eu-west-1"]);
    assert_eq!(story.told("2026-11-26T04:00:00Z"), ["coverage-restored eu-west-1"]);
    assert!(story.told("2026-11-27T01:00:00Z").is_empty());
}

#[test]
fn an_instance_that_never_gets_an_image_is_told_of_everywhere() {
    let mut story = Story::of(NIGHTLY);
    let cover = story.covers("2026-11-25T00:00:00Z").remove(0);
    assert_eq!((cover.newest, cover.lost_at), (None, Some(at("2026-11-26T02:00:00Z"))));
    assert_eq!(
        story.told("2026-11-26T02:00:00Z"),
        ["coverage-lost eu-west-1", "coverage-lost us-east-1"]
    );
}

#[test]
fn an_image_that_is_gone_covers_nothing() {
    let mut story = Story::of(NIGHTLY);
    story.image("2026-11-25T02:03:00Z", &["us-east-1", "eu-west-1"]);
    story.image("2026-11-26T02:03:00Z", &["us-east-1", "eu-west-1"]);
    assert!(story.told("2026-11-27T01:00:00Z").is_empty());
    story.made[0].available.remove(&region("us-east-1"));
    assert_eq!(story.told("2026-11-27T02:00:00Z"), ["coverage-lost us-east-1"]);
}

#[test]
fn a_press_covers_as_well_as_a_slot_does() {
    let mut story = Story::of(NIGHTLY);
    story.image("2026-11-25T14:00:00Z", &["us-east-1", "eu-west-1"]);
    assert!(story.told("2026-11-26T02:00:00Z").is_empty());
}

#[test]
fn a_short_deadline_is_the_time_that_an_image_may_take() {
    let mut story = Story::of(r#"{"schedule":{"cron":["0 2 * * 0"]},"deadline_hours":3}"#);
    // The 29th is a Sunday.
    assert!(story.told("2026-11-29T04:59:59Z").is_empty());
    assert_eq!(story.told("2026-11-29T05:00:00Z"), ["coverage-lost us-east-1"]);
    let cover = story.covers("2026-11-29T06:00:00Z").remove(0);
    assert_eq!(cover.interval_seconds, Some(7 * 86_400));
}

#[test]
fn what_a_policy_promises_anew_counts_from_the_edit_and_what_was_told_stays_until_there_is_an_image()
 {
    let mut story = Story::of(NIGHTLY);
    story.image("2026-11-25T02:03:00Z", &["us-east-1"]);
    assert_eq!(story.told("2026-11-26T02:00:00Z"), ["coverage-lost eu-west-1"]);
    let more =
        r#"{"schedule":{"cron":["0 * * * *"]},"distribute":{"regions":["eu-west-1","us-west-2"]}}"#;
    story.edit(more, "2026-11-26T12:30:00Z");
    assert!(
        story.told("2026-11-26T12:40:00Z").is_empty(),
        "it is hourly from now on, and not since the night before"
    );
    assert_eq!(
        story.told("2026-11-26T14:00:00Z"),
        ["coverage-lost us-east-1", "coverage-lost us-west-2"]
    );
    story.image("2026-11-26T13:30:00Z", &["us-east-1", "us-west-2", "eu-west-1"]);
    assert_eq!(story.told("2026-11-26T14:10:00Z").len(), 3);
}

#[test]
fn a_region_that_is_promised_no_more_is_told_of_as_ended() {
    let mut story = Story::of(NIGHTLY);
    story.image("2026-11-25T02:03:00Z", &["us-east-1"]);
    assert_eq!(story.told("2026-11-26T02:00:00Z"), ["coverage-lost eu-west-1"]);
    story.edit(r#"{"schedule":{"cron":["0 2 * * *"]}}"#, "2026-11-26T02:01:00Z");
    assert_eq!(story.told("2026-11-26T02:02:00Z"), ["coverage-restored eu-west-1"]);
    assert!(story.enrolment.lost.is_empty());
}

#[test]
fn of_a_policy_that_the_instance_has_not_seen_yet_nothing_is_said() {
    let mut story = Story::of(NIGHTLY);
    story.texts = PolicyTexts::newest(Some(r#"{"schedule":{"cron":["*/15 * * * *"]}}"#));
    assert!(story.covers("2026-11-30T00:00:00Z").is_empty());
    // One that turns invalid promises what it did, once the instance was looked at.
    let earlier = vec![EarlierText { version: 1, text: NIGHTLY.to_owned() }];
    story.texts = PolicyTexts { newest: Some("{".to_owned()), earlier };
    story.enrolment.seats.get_mut(&name()).unwrap().text_hash = Some(Policy::hash("{"));
    assert_eq!(story.told("2026-11-26T02:00:00Z").len(), 2);
}
