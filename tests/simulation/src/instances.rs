//! Instances: how they are launched, and what people write on them and attach to them.

use crate::run::Run;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::image::RootDevice;
use amiline_fakecloud::{Image, Launch, Volume};
use amiline_scenarios::{east, europe, west};
use std::collections::BTreeMap;

/// The tag of a member of an Auto Scaling group.
pub(crate) const GROUP: &str = "aws:autoscaling:groupName";

/// Launches an instance that runs at once.
pub(crate) fn launch(run: &mut Run, from: Option<&Image>) -> (Region, InstanceId) {
    launch_that_runs_after(run, from, 0)
}

/// Launches an instance that is pending for so many seconds.
pub(crate) fn launch_that_runs_after(
    run: &mut Run,
    from: Option<&Image>,
    seconds: i64,
) -> (Region, InstanceId) {
    let place = match from {
        Some(image) => image.region.clone(),
        None => run.choices.one_of(&[east(), east(), west(), europe()]).clone(),
    };
    let ours = || Volume::Under("alias/amiline".to_owned());
    let mut volumes = run
        .choices
        .one_of(&[
            vec![ours()],
            vec![Volume::Plain],
            vec![Volume::AwsManaged],
            vec![Volume::Plain, ours()],
        ])
        .clone();
    if run.cloud.key_arn(&place, "alias/amiline").is_none() {
        volumes = vec![Volume::Plain];
    }
    let root_device =
        if run.choices.often(300) { RootDevice::InstanceStore } else { RootDevice::Ebs };
    let mut tags = tags_of_a_new_instance(run.instances.len());
    // With the button there is no room for another tag.
    let full = if run.choices.often(500) { 49 } else { 0 };
    tags.extend((tags.len()..full).map(|number| (format!("tag-{number}"), String::new())));
    let image = from.map(|image| image.id.clone());
    let pending_seconds = Some(seconds);
    let launch = Launch { volumes, root_device, tags, image, pending_seconds, ..Launch::default() };
    let instance = run.cloud.launch_with(&place, launch);
    run.instances.push((place.clone(), instance.clone()));
    (place, instance)
}

/// What people write on instances: words, something that is no name at all, or nothing.
fn tags_of_a_new_instance(number: usize) -> BTreeMap<String, String> {
    let long = "\u{e9}{slot}".repeat(36);
    let tags: &[(&str, &str)] = match number % 3 {
        0 => &[("Name", "shop front"), ("Team", "web"), ("Secret", "not ours to tell")],
        1 => &[
            ("Name", &long),
            ("Team", "a\n\u{202e}\"}"),
            ("Name of the server", "x=1"),
            ("aws:created", "by AWS"),
            (GROUP, "shop"),
        ],
        _ => &[],
    };
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What people do to an instance between two presses; each time something else.
pub(crate) fn change(run: &mut Run, place: &Region, instance: &InstanceId) {
    let before = run.cloud.instance_now(place, instance);
    if before.state.is_gone() || before.tags.len() >= 49 {
        return;
    }
    let number = run.diary.presses.len();
    match number % 4 {
        0 => run.cloud.tag(place, instance, "Team", &format!("team {number}")),
        1 => drop(run.cloud.attach(place, instance, "/dev/sdf", &Volume::Plain)),
        2 => {
            run.cloud.detach(place, instance, "/dev/sdb");
            run.diary.detached.insert((place.clone(), instance.clone()));
        }
        _ => {
            run.cloud.untag(place, instance, "Team");
            run.cloud.tag(place, instance, "Owner", "somebody");
        }
    }
}
