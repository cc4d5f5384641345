//! The people: they tag, untag, terminate, launch, share, deregister, edit policies and send
//! nonsense, in the middle of everything.

use crate::instances::{change, launch, launch_that_runs_after};
use crate::policies::{EUROPES_KEY, POLICIES, SCHEDULES, USABLE, put_policy};
use crate::run::{Later, OFF, Origin, Run};
use amiline_app::functions::{Function, Queue};
use amiline_domain::bounds::Bounds;
use amiline_domain::family::{Family, Outcome};
use amiline_domain::ids::{AccountId, InstanceId, PolicyName, Region};
use amiline_domain::image::ImageState;
use amiline_domain::key::{ImageKey, IntentKey};
use amiline_domain::name::ImageName;
use amiline_domain::tags::{Button, Trigger};
use amiline_domain::target::ShareTarget;
use amiline_domain::time::{Slot, plus_seconds};
use amiline_fakecloud::{Forged, Image, Permission, region};
use amiline_scenarios::{FRIEND, east, europe, west};
use std::rc::Rc;

/// What becomes of a policy with a schedule when somebody edits it.
const EDITED_SCHEDULES: [Option<&str>; 7] = [
    Some(SCHEDULES[0].1),
    Some(SCHEDULES[1].1),
    Some(SCHEDULES[2].1),
    Some("{}"),
    Some("{"),
    Some(r#"{"schedule":{"cron":["*/5 * * * *"]}}"#),
    None,
];

/// What people write into the tag of the schedule.
const ENROLMENTS: [&str; 8] = [
    "hourly",
    "often",
    "zoned",
    "often zoned",
    " hourly , zoned ",
    "no-such-schedule",
    "often,two+words",
    "capped",
];

/// Tag values that name no policy.
const NO_POLICIES: [&str; 3] = ["no-such-policy", "two words", "\u{202e}\u{0}line\nbreak"];

/// For how long a press of a pending instance waits, in seconds.
const WAITS_SECONDS: i64 = 1800;

/// Messages that nobody should send, and that arrive all the same.
pub(crate) const GARBAGE: [&str; 8] = [
    "",
    "{",
    "null",
    "\u{0}\u{1b}[31m\n{\"source\":\"aws.ec2\"}",
    r#"{"source":"aws.ec2","detail-type":"EC2 AMI State Change","account":"111111111111","detail":{"State":7}}"#,
    r#"{"source":"aws.tag","detail-type":"Tag Change on Resource","resources":["arn:aws:ec2:::instance/x"],"detail":{}}"#,
    r#"{"source":"amiline","detail-type":"FamilyDue","detail":{"family":"fam-\ud800"}}"#,
    r#"{"source":"amiline","detail-type":"Tick","detail":{}}"#,
];

/// Launches the first instances, and plans what people will do while things go wrong.
pub fn plan(run: &mut Run) {
    for _ in 0..run.conditions.instances {
        launch(run, None);
    }
    if run.conditions.enrols {
        enrol_some(run);
    }
    let now = run.cloud.now();
    run.later(now, Later::Act);
    for _ in 1..run.conditions.acts {
        let spread = *run.choices.one_of(&[300, 60, 1800, 5400]);
        let at = plus_seconds(now, run.choices.seconds(0, spread));
        run.later(at, Later::Act);
    }
    if run.conditions.dark {
        let place = run.choices.one_of(&[west(), europe(), east()]).clone();
        // Home holds the queues and the table, so a home that is dark is short.
        let seconds = if place == east() { 300 } else { *run.choices.one_of(&[3600, 5400]) };
        let begins = plus_seconds(now, *run.choices.one_of(&[0, 120, 600, 1800]));
        run.later(begins, Later::Dark(place.clone()));
        run.later(plus_seconds(begins, seconds), Later::Light(place));
    }
}

pub(crate) fn press(run: &mut Run, place: &Region, instance: &InstanceId, value: &str) {
    let before = run.cloud.instance_now(place, instance);
    // EC2 takes no fifty-first tag (aws-behaviour.md#limits-of-tags), and tells the person so.
    let full = before.tags.len() >= 50 && !before.tags.contains_key("amiline:image");
    if before.state.is_gone() || full {
        return;
    }
    run.cloud.press(place, instance, value);
    run.diary.press(place, instance, value, run.cloud.now());
}

pub(crate) type Act = (&'static str, u32, fn(&mut Run));

/// What people do, and how often of all.
pub(crate) const ACTS: [Act; 26] = [
    ("press", 30, press_some),
    ("change and press", 8, change_and_press),
    ("put back again and again", 4, keep_putting_back),
    ("take back", 6, take_back),
    ("terminate", 3, terminate),
    ("launch from a copy", 3, launch_from_image),
    ("launch and press at once", 4, launch_and_press),
    ("name in a template", 2, name_in_template),
    ("share by hand", 2, share_by_hand),
    ("unshare", 2, unshare),
    ("close an account", 2, close_account),
    ("ask with whom images are shared", 3, ask_with_whom),
    ("let EC2 fail an image", 6, fail_image),
    ("deregister", 5, deregister),
    ("disable", 3, disable),
    ("enable", 3, enable),
    ("take our tag off", 3, untag_image),
    ("squat a name", 3, squat),
    ("forge a twin", 2, forge_twin),
    ("edit a policy", 6, edit_policy),
    ("turn the kill switch", 3, kill_switch),
    ("lay hands on a key", 2, keys),
    ("deploy other bounds", 2, redeploy),
    ("send nonsense", 8, garbage),
    ("retry", 6, retry),
    ("tick early", 3, tick_early),
];

/// What people do besides where there are schedules.
pub(crate) const SCHEDULE_ACTS: [Act; 3] = [
    ("enrol", 25, enrol_some),
    ("leave the schedules", 5, leave_schedules),
    ("edit a schedule", 10, edit_schedule),
];

/// Something that a person does now.
pub(crate) fn act(run: &mut Run) {
    let more: &[Act] = if run.conditions.enrols { &SCHEDULE_ACTS } else { &[] };
    let acts = || ACTS.iter().chain(more);
    let all: u32 = acts().map(|(_, weight, _)| weight).sum();
    let mut left = run.choices.below(all);
    for (name, weight, act) in acts() {
        if left < *weight {
            *run.stats.acts.entry(name).or_insert(0) += 1;
            act(run);
            return;
        }
        left -= weight;
    }
}

fn enrol_some(run: &mut Run) {
    let (place, instance) = some_instance(run);
    let value = *run.choices.one_of(&ENROLMENTS);
    enrol(run, &place, &instance, value);
}

pub(crate) fn enrol(run: &mut Run, place: &Region, instance: &InstanceId, value: &str) {
    let before = run.cloud.instance_now(place, instance);
    let full = before.tags.len() >= 50 && !before.tags.contains_key("amiline:schedule");
    if before.state.is_gone() || full {
        return;
    }
    run.cloud.enrol(place, instance, value);
    run.diary.enrol(place, instance, Some(value), run.cloud.now());
}

fn leave_schedules(run: &mut Run) {
    let (place, instance) = some_instance(run);
    leave(run, &place, &instance);
}

pub(crate) fn leave(run: &mut Run, place: &Region, instance: &InstanceId) {
    if !run.cloud.instance_now(place, instance).state.is_gone() {
        run.cloud.untag(place, instance, "amiline:schedule");
        run.diary.enrol(place, instance, None, run.cloud.now());
    }
}

fn edit_schedule(run: &mut Run) {
    let (name, _) = SCHEDULES[run.choices.place(SCHEDULES.len())];
    let text = *run.choices.one_of(&EDITED_SCHEDULES);
    put_policy(run, name, text);
}

/// What people do when everything has long been answered, and expect to be heard.
const LATE_ACTS: [fn(&mut Run); 9] = [
    press_some,
    retry,
    disable,
    enable,
    deregister,
    share_by_hand,
    unshare,
    untag_image,
    tick_early,
];

/// Something that a person does to what is settled.
pub(crate) fn late_act(run: &mut Run) {
    run.choices.one_of(&LATE_ACTS)(run);
}

/// A person who will not wait asks for a tick that looks a day ahead.
fn tick_early(run: &mut Run) {
    run.start(Function::ScheduleTick, "tick", Origin::EarlyTick);
}

fn some_instance(run: &Run) -> (Region, InstanceId) {
    run.instances[run.choices.place(run.instances.len())].clone()
}

fn press_some(run: &mut Run) {
    let (place, instance) = some_instance(run);
    press_it(run, &place, &instance);
}

fn change_and_press(run: &mut Run) {
    let (place, instance) = some_instance(run);
    change(run, &place, &instance);
    press_it(run, &place, &instance);
}

fn press_it(run: &mut Run, place: &Region, instance: &InstanceId) {
    let value = match run.choices.below(12) {
        0..=8 => POLICIES[run.choices.place(USABLE)].0,
        9 => POLICIES[USABLE + run.choices.place(POLICIES.len() - USABLE)].0,
        _ => run.choices.one_of(&NO_POLICIES),
    };
    press(run, place, instance, value);
}

/// A tool that puts the button back each minute, with a value that is refused.
#[derive(Debug)]
pub(crate) struct PutBack {
    place: Region,
    instance: InstanceId,
    value: &'static str,
    /// How often it does so yet.
    left: u32,
}

fn keep_putting_back(run: &mut Run) {
    let (place, instance) = some_instance(run);
    let unusable = &POLICIES[USABLE..];
    let value = match run.choices.below(2) {
        0 => NO_POLICIES[run.choices.place(NO_POLICIES.len())],
        _ => unusable[run.choices.place(unusable.len())].0,
    };
    put_back(run, PutBack { place, instance, value, left: 12 });
}

/// Puts the button back, and once more a minute later.
pub(crate) fn put_back(run: &mut Run, tool: PutBack) {
    press(run, &tool.place, &tool.instance, tool.value);
    if let Some(left) = tool.left.checked_sub(1) {
        run.later(plus_seconds(run.cloud.now(), 60), Later::PutBack(PutBack { left, ..tool }));
    }
}

fn take_back(run: &mut Run) {
    let (place, instance) = some_instance(run);
    if run.cloud.instance_now(&place, &instance).state.is_gone() {
        return;
    }
    run.cloud.untag(&place, &instance, "amiline:image");
    let now = run.cloud.now();
    if let Some(pressed) = run.diary.standing(&place, &instance) {
        pressed.taken_back = Some(now);
    }
}

fn terminate(run: &mut Run) {
    let (place, instance) = some_instance(run);
    let now = run.cloud.now();
    if run.diary.terminated.insert((place.clone(), instance.clone()), now).is_none() {
        run.cloud.terminate(&place, &instance);
    }
}

/// One of our images that is in one of these states.
fn some_image(run: &Run, wanted: &[ImageState]) -> Option<Image> {
    let images: Vec<Image> = run
        .cloud
        .regions()
        .iter()
        .flat_map(|place| run.cloud.images(place))
        .filter(|image| image.born_with.is_some() && wanted.contains(&image.state))
        .collect();
    let place = run.choices.place(images.len());
    images.into_iter().nth(place)
}

/// Lays hands on an image: the naive model expects nothing of it any more.
fn touch(run: &mut Run, wanted: &[ImageState]) -> Option<Image> {
    let image = some_image(run, wanted)?;
    run.diary.touched.insert((image.region.clone(), image.id.clone()));
    Some(image)
}

fn launch_from_image(run: &mut Run) {
    let Some(image) = some_image(run, &[ImageState::Available]) else { return };
    let (place, instance) = launch(run, Some(&image));
    press(run, &place, &instance, "copies");
}

/// A person, or a pipeline, that does not wait until the instance runs. One that stays pending runs
/// after all waiting.
fn launch_and_press(run: &mut Run) {
    let seconds = *run.choices.one_of(&[5, 60, 400, 2400]);
    let (place, instance) = launch_that_runs_after(run, None, seconds);
    if seconds > WAITS_SECONDS {
        run.diary.never_ran_in_time.insert((place.clone(), instance.clone()));
    }
    press(run, &place, &instance, "plain");
}

fn name_in_template(run: &mut Run) {
    if let Some(image) = some_image(run, &[ImageState::Available]) {
        run.cloud.name_in_template(&image.region, "web", &image.id);
    }
}

fn share_by_hand(run: &mut Run) {
    let Some(image) = touch(run, &[ImageState::Available]) else { return };
    let stranger = Permission::account("999999999999".parse::<AccountId>().expect("an account"));
    let with = run.choices.one_of(&[stranger, Permission::Everybody]).clone();
    // EC2 may refuse it; that is the person's affair.
    let _ = run.cloud.share(&image.region, &image.id, with);
    *run.diary.shared.entry((image.region, image.id)).or_default() += 1;
}

fn unshare(run: &mut Run) {
    let Some(image) = touch(run, &[ImageState::Available]) else { return };
    let friend = Permission::account(FRIEND.parse::<AccountId>().expect("an account"));
    let with =
        image.permissions.iter().nth(run.choices.place(image.permissions.len())).unwrap_or(&friend);
    run.cloud.unshare(&image.region, &image.id, with);
    *run.diary.shared.entry((image.region.clone(), image.id.clone())).or_default() += 1;
}

/// A person who will not wait for each family's turn.
fn ask_with_whom(run: &mut Run) {
    run.start(Function::ScheduleTick, "sweep", Origin::ShareSweep);
}

/// An account with which images are shared is closed: EC2 refuses it, and with it everybody in the
/// same call.
fn close_account(run: &mut Run) {
    let friend: ShareTarget = FRIEND.parse().expect("an account");
    run.cloud.close(&friend);
    run.diary.closed.insert(friend);
}

/// Not a person's doing: EC2 fails an image that it was making, long after it took the order.
fn fail_image(run: &mut Run) {
    if let Some(image) = some_image(run, &[ImageState::Pending]) {
        run.cloud.fail(
            &image.region,
            &image.id,
            "Client.InternalError: Client error on snapshot copy",
        );
    }
}

fn deregister(run: &mut Run) {
    if let Some(image) = touch(
        run,
        &[ImageState::Available, ImageState::Pending, ImageState::Failed, ImageState::Disabled],
    ) {
        run.cloud.deregister(&image.region, &image.id);
    }
}

fn disable(run: &mut Run) {
    if let Some(image) = touch(run, &[ImageState::Available]) {
        run.cloud.disable(&image.region, &image.id);
    }
}

fn enable(run: &mut Run) {
    if let Some(image) = touch(run, &[ImageState::Disabled]) {
        run.cloud.enable(&image.region, &image.id);
    }
}

fn untag_image(run: &mut Run) {
    let key = *run.choices.one_of(&["amiline:managed-by", "amiline:intent", "amiline:family"]);
    if let Some(image) = touch(run, &[ImageState::Available, ImageState::Pending]) {
        run.cloud.untag_image(&image.region, &image.id, key);
    }
}

/// Takes the name that a press of this moment will lead to, as somebody can who knows how names are
/// made; then presses.
fn squat(run: &mut Run) {
    let (place, instance) = some_instance(run);
    take_the_name(run, &place, &instance, "plain");
    press(run, &place, &instance, "plain");
}

/// Makes an image under the name that the press of this second and policy will give.
pub(crate) fn take_the_name(run: &mut Run, place: &Region, instance: &InstanceId, policy: &str) {
    let slot = Slot::next(run.cloud.now(), None);
    let stack = run.stack.stack.clone();
    let trigger = &Trigger::Press(Button::Image);
    let intent = IntentKey {
        stack: &stack.name,
        account: &stack.account,
        region: place,
        instance,
        trigger,
        slot,
    };
    let policy = PolicyName::new(policy).expect("a policy's name");
    let name =
        ImageName::new(&policy, instance, slot, &ImageKey::create(&intent.family_id(), 1), 0);
    // Somebody may have had the idea before.
    let _ = run.cloud.forge(place, Forged { name: name.as_str().to_owned(), ..Forged::default() });
}

/// Makes an image that says it is one of ours.
fn forge_twin(run: &mut Run) {
    let Some(image) = some_image(run, &[ImageState::Available, ImageState::Pending]) else {
        return;
    };
    run.diary.touched.insert((image.region.clone(), image.id.clone()));
    let name = format!("{}-by-hand", image.name);
    let (tags, source_instance, source_image) =
        (image.tags, image.source_instance, image.source_image);
    let _ = run
        .cloud
        .forge(&image.region, Forged { name, tags, source_instance, source_image, owner: None });
}

fn edit_policy(run: &mut Run) {
    let (name, _) = POLICIES[run.choices.place(USABLE)];
    let texts: Vec<Option<&str>> =
        POLICIES.iter().map(|(_, text)| Some(*text)).chain([None]).collect();
    let text = *run.choices.one_of(&texts);
    put_policy(run, name, text);
}

fn kill_switch(run: &mut Run) {
    let value = *run.choices.one_of(&[Some("on"), Some("of"), Some("")]);
    run.turn_kill_switch(value);
    let minutes = *run.choices.one_of(&[3, 20, 90, 1600]);
    run.later(plus_seconds(run.cloud.now(), minutes * 60), Later::SwitchOff);
}

fn keys(run: &mut Run) {
    let place = run.choices.one_of(&[west(), europe(), east()]).clone();
    run.diary.keys_touched.insert(place.clone());
    let alias =
        if place == europe() && run.choices.often(3000) { EUROPES_KEY } else { "alias/amiline" };
    if run.cloud.key_arn(&place, alias).is_none() {
        run.cloud.create_key(&place, alias);
    } else if run.choices.often(5000) {
        run.cloud.delete_key(&place, alias);
    } else {
        run.cloud.set_key_enabled(&place, alias, run.choices.often(3000));
    }
}

fn redeploy(run: &mut Run) {
    let change = run.choices.below(5);
    deploy(run, |bounds| match change {
        0 => bounds.accounts.clear(),
        1 => drop(bounds.regions.remove(&europe())),
        2 => bounds.regions.extend([region(OFF), europe()]),
        3 => {
            bounds.organizations.clear();
            bounds.organizational_units.clear();
        }
        _ => bounds.keys.retain(|key| key.as_str() != EUROPES_KEY),
    });
}

/// The stack is deployed with other bounds.
pub(crate) fn deploy(run: &mut Run, change: impl FnOnce(&mut Bounds)) {
    let mut stack = (*run.stack).clone();
    change(&mut stack.bounds);
    run.stack = Rc::new(stack);
    run.diary.redeployed.push((run.cloud.now(), run.stack.bounds.clone()));
}

fn garbage(run: &mut Run) {
    let queue = *run.choices.one_of(&[Queue::Create, Queue::Distribute, Queue::Notify]);
    let known = run.cloud.events();
    match (run.choices.below(4), known.get(run.choices.place(known.len()))) {
        // An old event again, or as if it came from another account.
        (1, Some(event)) => run.cloud.push(queue, &event.body),
        (2, Some(event)) => {
            run.cloud.push(queue, &event.body.replace("\"111111111111\"", "\"999999999999\""))
        }
        _ => run.cloud.push(queue, GARBAGE[run.choices.place(GARBAGE.len())]),
    }
}

/// `amiline retry`, of a family that did not work out; if all did, of any.
fn retry(run: &mut Run) {
    let mut families = run.cloud.families();
    let failed =
        |family: &Family| matches!(family.outcome, Some(Outcome::Partial | Outcome::Failed));
    if families.iter().any(failed) {
        families.retain(failed);
    }
    let Some(family) = families.get(run.choices.place(families.len())) else { return };
    run.retry = Some(family.id.clone());
    run.start_for("operator", "retry", 60, Origin::Person);
}
