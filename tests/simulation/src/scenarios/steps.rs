//! What people do in the named scenarios, and what is set up before.

use crate::conditions::{Conditions, Deliveries};
use crate::people::{GARBAGE, deploy, enrol, press, take_the_name};
use crate::policies::{SCHEDULES, put_policy};
use crate::run::{Later, Origin, Run};
use amiline_app::functions::Queue;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::image::ImageState;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::{Dark, FaultKind, FaultRule, Volume};
use amiline_scenarios::{east, west};

pub(super) fn first(run: &Run) -> (Region, InstanceId) {
    run.instances[0].clone()
}

pub(super) fn press_first(run: &mut Run, policy: &str) {
    let (place, instance) = first(run);
    press(run, &place, &instance, policy);
}

pub(super) fn as_it_is(_: &mut Conditions) {}

pub(super) fn lose_events(conditions: &mut Conditions) {
    conditions.events = Deliveries { lost: 10_000, doubled: 0, late: 0 };
    conditions.forwarded = false;
}

pub(super) fn with_schedules(conditions: &mut Conditions) {
    conditions.enrols = true;
}

pub(super) fn with_schedules_unheard(conditions: &mut Conditions) {
    lose_events(conditions);
    conditions.enrols = true;
}

pub(super) fn enrol_zoned(run: &mut Run) {
    let (place, instance) = first(run);
    enrol(run, &place, &instance, "zoned");
}

pub(super) fn enrol_capped(run: &mut Run) {
    let (place, instance) = first(run);
    enrol(run, &place, &instance, "capped");
}

pub(super) fn press_capped(run: &mut Run) {
    let (place, instance) = run.instances[1].clone();
    press(run, &place, &instance, "capped");
}

pub(super) fn break_zoned(run: &mut Run) {
    put_policy(run, "zoned", Some("{"));
}

pub(super) fn mend_zoned(run: &mut Run) {
    put_policy(run, "zoned", Some(SCHEDULES[2].1));
}

pub(super) fn slowly(conditions: &mut Conditions) {
    conditions.pending = 1900;
}

pub(super) fn deafen_the_bus(run: &mut Run) {
    run.cloud
        .inject(FaultRule::new(FaultKind::SomeRefused(0b101)).action("events:PutEvents").times(12));
}

pub(super) fn press_plain(run: &mut Run) {
    press_first(run, "plain");
}

pub(super) fn press_copies(run: &mut Run) {
    press_first(run, "copies");
}

pub(super) fn press_default(run: &mut Run) {
    press_first(run, "default");
}

pub(super) fn press_own_keys(run: &mut Run) {
    press_first(run, "own-keys");
}

pub(super) fn press_organization(run: &mut Run) {
    press_first(run, "organization");
}

pub(super) fn forbid_organizations(run: &mut Run) {
    deploy(run, |bounds| {
        bounds.organizations.clear();
        bounds.organizational_units.clear();
    });
}

pub(super) fn press_reboot(run: &mut Run) {
    press_first(run, "reboot");
}

/// The policy of this story.
const AS_ASKED: &str = r#"{"create":{"name":"{tag:Name}","tags":{"Stage":"test"},"carry_tags":["Team"],"exclude_devices":["/dev/sdf"],
    "delete_on_termination":{"/dev/xvda":false}}}"#;

pub(super) fn describe_and_press(run: &mut Run) {
    let (place, instance) = first(run);
    put_policy(run, "as-asked", Some(AS_ASKED));
    for (key, value) in [("Name", "shop front"), ("Team", "web")] {
        run.cloud.tag(&place, &instance, key, value);
    }
    press(run, &place, &instance, "as-asked");
}

pub(super) fn describe_otherwise(run: &mut Run) {
    let (place, instance) = first(run);
    run.cloud.tag(&place, &instance, "Team", "another");
    run.cloud.untag(&place, &instance, "Name");
    run.cloud.attach(&place, &instance, "/dev/sdf", &Volume::Plain);
}

pub(super) fn press_nothing(run: &mut Run) {
    press_first(run, "no-such-policy");
}

pub(super) fn press_secret_plainly(run: &mut Run) {
    let instance = run.cloud.launch(&east());
    run.instances[0] = (east(), instance);
    press_first(run, "secret");
}

pub(super) fn press_another(run: &mut Run) {
    let (place, instance) = run.instances[1].clone();
    press(run, &place, &instance, "plain");
}

pub(super) fn take_back(run: &mut Run) {
    let (place, instance) = first(run);
    run.cloud.untag(&place, &instance, "amiline:image");
    let now = run.cloud.now();
    if let Some(pressed) = run.diary.standing(&place, &instance) {
        pressed.taken_back = Some(now);
    }
}

pub(super) fn fail_west(run: &mut Run) {
    run.cloud.fail_next(&west(), "Client.InternalError");
}

pub(super) fn fail_east(run: &mut Run) {
    run.cloud.fail_next(&east(), "Client.InternalError");
}

pub(super) fn retry(run: &mut Run) {
    let Some(family) = run.cloud.families().first().map(|family| family.id.clone()) else { return };
    run.retry = Some(family);
    run.start_for("operator", "retry", 60, Origin::Person);
}

/// The name that the press of this second will lead to is taken.
pub(super) fn squat(run: &mut Run) {
    let (place, instance) = first(run);
    take_the_name(run, &place, &instance, "plain");
}

/// Names are not unique, reads of the home Region are seven minutes behind, and the first answer is
/// lost: so the image is looked for in vain, and made again.
pub(super) fn forget_names(run: &mut Run) {
    run.oracle.lax_names = true;
    run.cloud.set_lax_names(true);
    run.cloud.set_image_lag(&east(), 420);
    run.cloud.inject(FaultRule::new(FaultKind::LostReply).action("ec2:CreateImage").once());
}

pub(super) fn see_again(run: &mut Run) {
    run.cloud.set_image_lag(&east(), 0);
}

pub(super) fn terminate(run: &mut Run) {
    let (place, instance) = first(run);
    let now = run.cloud.now();
    run.cloud.terminate(&place, &instance);
    run.diary.terminated.insert((place, instance), now);
}

pub(super) fn switch_on(run: &mut Run) {
    run.turn_kill_switch(Some("on"));
}

pub(super) fn switch_off(run: &mut Run) {
    run.turn_kill_switch(Some("off"));
}

pub(super) fn darken_west(run: &mut Run) {
    run.cloud.set_dark(&west(), Some(Dark::Unavailable));
    run.later(plus_seconds(run.cloud.now(), 3600), Later::Light(west()));
}

pub(super) fn send_nonsense(run: &mut Run) {
    for queue in [Queue::Create, Queue::Distribute, Queue::Notify] {
        for body in GARBAGE {
            run.cloud.push(queue, body);
        }
    }
}

pub(super) fn deregister(run: &mut Run) {
    for image in
        run.cloud.images(&east()).into_iter().filter(|image| image.state == ImageState::Pending)
    {
        run.diary.touched.insert((east(), image.id.clone()));
        run.cloud.deregister(&east(), &image.id);
    }
}
