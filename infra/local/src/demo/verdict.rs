//! Whether what was seen is what was promised. Pure.

use super::observe::{ImageSeen, Observation};
use super::{Scene, wanted_regions};
use crate::{ACCOUNTS_SHARED_WITH, HOME_REGION, STACK};
use serde::Serialize;
use std::collections::BTreeMap;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As promised, in every point.
    Complete,
    /// There is an image that can be used, and something is missing.
    Partial,
    /// There is none.
    Failed,
}

/// Every point in which what was seen is not what was promised.
pub(super) fn deviations(seen: &Observation, scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    let mut unless = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    for region in wanted_regions() {
        let here: Vec<&ImageSeen> =
            seen.images.iter().filter(|image| image.region == region).collect();
        unless(here.len() == 1, format!("{region}: {} images instead of one", here.len()));
        for image in here {
            for what in of_image(image, seen, scene) {
                unless(false, format!("{region}: {} {what}", image.image_id));
            }
        }
    }
    unless(
        seen.press.is_none(),
        "the button did not spring back: amiline:image is still on the instance".to_owned(),
    );
    let answered = seen.status.as_deref().is_some_and(|status| status.starts_with("available"));
    unless(
        answered,
        format!(
            "amiline:status is {}",
            seen.status.as_deref().map_or("missing".to_owned(), |s| format!("{s:?}"))
        ),
    );

    let mut arrived: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for notification in &seen.notifications {
        let region = notification
            .message
            .get("region")
            .and_then(|region| region.as_str())
            .unwrap_or_default();
        let times = arrived.entry((notification.event(), region)).or_default();
        *times = times.saturating_add(1);
    }
    let mut promised = vec![("image-available", HOME_REGION), ("family-complete", HOME_REGION)];
    promised.extend(crate::DESTINATION_REGIONS.map(|region| ("copy-available", region)));
    for (event, region) in promised {
        unless(
            arrived.contains_key(&(event, region)),
            format!("no notification {event} of {region} arrived"),
        );
    }
    for ((event, region), times) in arrived {
        unless(times == 1, format!("notification {event} of {region} arrived {times} times"));
    }
    found
}

fn of_image(image: &ImageSeen, seen: &Observation, scene: &Scene) -> Vec<String> {
    let mut found = Vec::new();
    let mut unless = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    let reason =
        image.state_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    unless(image.state == "available", format!("is {}{reason}", image.state));
    let key = scene.keys.get(&image.region);
    let under_key = image
        .snapshots
        .iter()
        .all(|snapshot| snapshot.encrypted && snapshot.kms_key_id.as_ref() == key);
    unless(image.encrypted, "is not encrypted".to_owned());
    unless(
        !image.snapshots.is_empty() && under_key,
        "has snapshots that are not under the customer key".to_owned(),
    );
    unless(
        image.shared_with == ACCOUNTS_SHARED_WITH,
        format!("is shared with {:?}", image.shared_with),
    );
    if image.source_instance.is_none() {
        let home = seen.home().map(|home| home.image_id.as_str());
        unless(
            image.source_image.as_deref() == home,
            "was not copied from the image made of the instance".to_owned(),
        );
    }
    let tag_sets =
        std::iter::once(&image.tags).chain(image.snapshots.iter().map(|snapshot| &snapshot.tags));
    for tags in tag_sets {
        let tag = |key: &str| tags.get(key).map(String::as_str);
        let ours = tag("amiline:managed-by") == Some(STACK) && tag("amiline-stack") == Some(STACK);
        let described = tag("amiline:source-instance") == Some(&scene.instance)
            && tag("amiline:family") == seen.family()
            && ["amiline:family", "amiline:intent", "amiline:policy"]
                .iter()
                .all(|key| tag(key).is_some());
        unless(
            ours && described,
            "or one of its snapshots lacks a tag that describes it".to_owned(),
        );
    }
    found
}

/// What it amounts to.
pub(super) fn outcome(seen: &Observation, deviations: &[String]) -> Outcome {
    if deviations.is_empty() {
        Outcome::Complete
    } else if seen.home().is_some_and(|home| home.state == "available") {
        Outcome::Partial
    } else {
        Outcome::Failed
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::inbox::Notification;
    use super::super::observe::SnapshotSeen;
    use super::*;
    use serde_json::json;

    pub(in super::super) fn scene() -> Scene {
        let keys = wanted_regions()
            .into_iter()
            .map(|region| (region.to_owned(), format!("key-{region}")))
            .collect();
        Scene { instance: "i-1".to_owned(), keys, queue_url: String::new() }
    }

    pub(in super::super) fn done() -> Observation {
        let tags: BTreeMap<String, String> = [
            ("amiline:managed-by", STACK),
            ("amiline-stack", STACK),
            ("amiline:family", "fam-1"),
            ("amiline:intent", "x"),
            ("amiline:policy", "default"),
            ("amiline:source-instance", "i-1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let image = |(n, region): (usize, &str)| ImageSeen {
            region: region.to_owned(),
            image_id: format!("ami-{n}"),
            state: "available".to_owned(),
            state_reason: None,
            encrypted: true,
            shared_with: ACCOUNTS_SHARED_WITH.map(str::to_owned).to_vec(),
            source_instance: (region == HOME_REGION).then(|| "i-1".to_owned()),
            source_image: Some(
                if region == HOME_REGION { "ami-launched" } else { "ami-0" }.to_owned(),
            ),
            tags: tags.clone(),
            snapshots: vec![SnapshotSeen {
                snapshot_id: format!("snap-{n}"),
                state: "completed".to_owned(),
                encrypted: true,
                kms_key_id: Some(format!("key-{region}")),
                tags: tags.clone(),
            }],
        };
        let notification = |(event, region): (&str, &str)| Notification {
            subject: event.to_owned(),
            attributes: BTreeMap::new(),
            message: json!({"event": event, "region": region}),
        };
        let events = [
            ("image-available", 0),
            ("copy-available", 1),
            ("copy-available", 2),
            ("family-complete", 0),
        ];
        Observation {
            press: None,
            status: Some("available ami-0 in 3 Regions".to_owned()),
            images: wanted_regions().into_iter().enumerate().map(image).collect(),
            notifications: events
                .map(|(event, region)| (event, wanted_regions()[region]))
                .map(notification)
                .to_vec(),
        }
    }

    #[test]
    fn all_as_promised_is_complete() {
        let found = deviations(&done(), &scene());
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(outcome(&done(), &found), Outcome::Complete);
    }

    #[test]
    fn each_point_counts() {
        let changes: [fn(&mut Observation); 14] = [
            |seen| seen.press = Some("default".to_owned()),
            |seen| seen.status = None,
            |seen| seen.status = Some("partial ami-0 in 2 Regions".to_owned()),
            |seen| drop(seen.images.pop()),
            |seen| seen.images.push(seen.images[1].clone()),
            |seen| seen.images[1].state = "failed".to_owned(),
            |seen| seen.images[1].encrypted = false,
            |seen| seen.images[1].shared_with.clear(),
            |seen| seen.images[1].source_image = Some("ami-9".to_owned()),
            |seen| seen.images[2].snapshots[0].kms_key_id = Some("aws/ebs".to_owned()),
            |seen| drop(seen.images[2].snapshots[0].tags.remove("amiline:family")),
            |seen| drop(seen.images[0].tags.remove("amiline:managed-by")),
            |seen| drop(seen.notifications.pop()),
            |seen| seen.notifications.push(seen.notifications[0].clone()),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut seen = done();
            change(&mut seen);
            let found = deviations(&seen, &scene());
            assert!(!found.is_empty(), "change {number} was not noticed");
            assert_eq!(outcome(&seen, &found), Outcome::Partial);
        }
    }

    #[test]
    fn without_a_home_image_it_failed() {
        let mut seen = done();
        seen.images.clear();
        assert_eq!(outcome(&seen, &deviations(&seen, &scene())), Outcome::Failed);
    }
}
