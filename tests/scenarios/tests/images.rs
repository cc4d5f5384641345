//! Stories about images and what becomes of them: crashes, lost answers, failing Regions, other
//! people.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use amiline_app::Operate;
use amiline_app::functions::Queue;
use amiline_app::retry::retry;
use amiline_domain::family::{ImageRole, Outcome, RowState};
use amiline_domain::message::family_due;
use amiline_fakecloud::{
    Delivery, EventKind, FaultKind, FaultRule, Forged, Launch, Volume, block_on, run,
};
use amiline_scenarios::{House, east, europe, west};

#[test]
fn a_crash_after_create_image_took_effect_is_finished_by_adoption() {
    let house = House::new();
    house.cloud.inject(FaultRule::new(FaultKind::HangAfterEffect).action("ec2:CreateImage").once());
    let instance = house.pressed("default");
    assert!(!house.serve(Queue::Create), "the invocation died");
    house.live(30);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    assert_eq!(
        house.cloud.calls("create-image", "ec2:CreateImage"),
        1,
        "adopted, not asked for again"
    );
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn a_lost_reply_and_an_image_that_stays_invisible_for_minutes_make_one_image() {
    let house = House::new();
    house.cloud.set_lag(&east(), 240);
    house.cloud.inject(FaultRule::new(FaultKind::LostReply).action("ec2:CreateImage").once());
    let instance = house.pressed("default");
    house.cloud.advance(240);
    house.live(60);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn an_image_that_stays_invisible_beyond_five_minutes_is_found_by_its_name() {
    let house = House::new();
    house.cloud.deliver(EventKind::ImageState, Delivery::Dropped);
    house.cloud.inject(FaultRule::new(FaultKind::LostReply).action("ec2:CreateImage").once());
    let instance = house.pressed("plain");
    house.deliver();
    house.cloud.set_lag(&east(), 900);
    house.live(12);
    house.cloud.set_lag(&east(), 0);
    house.live(60);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
    assert!(
        house.cloud.calls("create-image", "ec2:CreateImage") >= 2,
        "the same name was sent again and refused"
    );
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn available_before_the_record_of_the_image_adopts_it() {
    let house = House::new();
    house.cloud.set_create_seconds(&east(), Some(0));
    house.cloud.inject(FaultRule::new(FaultKind::HangAfterEffect).action("ec2:CreateImage").once());
    house.pressed("default");
    assert!(!house.serve(Queue::Create));
    house.cloud.lose_all(Queue::Create);
    house.cloud.advance(1);
    // The dead invocation's lease has to run out first.
    house.live(30);
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(house.cloud.calls("create-image", "ec2:CreateImage"), 1);
}

#[test]
fn available_twice_or_never_ends_the_same() {
    for delivery in [Delivery::Times(2), Delivery::Dropped, Delivery::After(1800)] {
        let house = House::new();
        house.cloud.deliver(EventKind::ImageState, delivery);
        house.pressed("default");
        house.live(120);
        house.assert_at_rest(Outcome::Complete);
        assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2, "{delivery:?}");
        assert_eq!(house.cloud.effects_of("ec2:ModifyImageAttribute"), 3, "{delivery:?}");
    }
}

#[test]
fn a_foreign_image_costs_two_reads_and_nothing_else() {
    let house = House::new();
    let forged = Forged { name: "somebody's".to_owned(), ..Forged::default() };
    house.cloud.forge(&east(), forged).unwrap();
    house.live(20);
    assert!(house.cloud.families().is_empty());
    assert_eq!(house.cloud.mutations(), 0);
}

#[test]
fn an_image_with_our_tags_forged_is_neither_copied_nor_shared_nor_recorded() {
    let house = House::new();
    let instance = house.pressed("default");
    house.live_by_events(10);
    let family = house.family();
    let real = house.cloud.image(&east(), family.source_image().unwrap());
    let before = house.cloud.mutations();
    // Everything that somebody who may tag can forge.
    let forged = Forged {
        name: "forged".to_owned(),
        tags: real.tags,
        source_instance: Some(instance),
        ..Forged::default()
    };
    let forged = house.cloud.forge(&east(), forged).unwrap();
    house.live(60);
    assert_eq!(house.cloud.mutations(), before, "{}", house.cloud.trace());
    assert!(house.cloud.copies_of(&forged).is_empty());
    assert_eq!(house.family().source_image(), family.source_image());
}

#[test]
fn our_own_copies_wake_nothing_new() {
    let house = House::new();
    house.pressed("default");
    house.live(120);
    assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2);
    assert_eq!(house.cloud.families().len(), 1);
}

#[test]
fn one_denied_region_ends_partial_with_its_reason_and_a_retry_completes_it() {
    let house = House::new();
    house
        .cloud
        .inject(FaultRule::new(FaultKind::Denied).action("ec2:CopyImage").region("eu-west-1"));
    let instance = house.pressed("default");
    house.live(15);
    house.assert_at_rest(Outcome::Partial);
    let status = house.status(&instance);
    assert!(
        status.starts_with("partial ami-")
            && status.contains("in 2 Regions: eu-west-1: UnauthorizedOperation"),
        "{status}"
    );
    assert_eq!(house.cloud.notices_of("copy-failed"), 1);
    house.cloud.clear_faults();
    let copies = house.cloud.effects_of("ec2:CopyImage");
    block_on(retry(&operator(&house), &house.family().id)).unwrap();
    house.live(15);
    let family = house.family();
    assert_eq!(family.outcome, Some(Outcome::Complete));
    assert_eq!(family.rows[&ImageRole::Copy(europe())].attempt, 2);
    assert_eq!(house.cloud.effects_of("ec2:CopyImage"), copies + 1, "what exists is left alone");
    assert!(house.status(&instance).starts_with("available"));
    assert_eq!(house.cloud.notices_of("family-complete"), 1);
}

fn operator(house: &House) -> impl Operate {
    house.cloud.as_caller("operator")
}

#[test]
fn a_copy_whose_key_is_missing_fails_late_and_the_others_complete() {
    let house = House::new();
    house.cloud.delete_key(&west(), "alias/amiline");
    house.pressed("default");
    house.live(30);
    house.assert_at_rest(Outcome::Partial);
    let family = house.family();
    assert_eq!(family.rows[&ImageRole::Copy(west())].state, RowState::Failed);
    assert_eq!(family.rows[&ImageRole::Copy(europe())].state, RowState::Available);
    house.cloud.create_key(&west(), "alias/amiline");
    block_on(retry(&operator(&house), &family.id)).unwrap();
    house.live(30);
    assert_eq!(house.family().outcome, Some(Outcome::Complete));
}

#[test]
fn a_dark_region_delays_only_itself() {
    let house = House::new();
    house.cloud.set_dark(&west(), Some(amiline_fakecloud::Dark::Unavailable));
    house.pressed("default");
    house.live(30);
    let family = house.family();
    assert_eq!(family.rows[&ImageRole::Copy(europe())].state, RowState::Available);
    assert_eq!(family.outcome, None, "its work goes on");
    house.cloud.set_dark(&west(), None);
    house.live(90);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn a_region_that_stays_dark_ends_partial_at_the_deadline() {
    let house = House::new();
    house.cloud.put_policy(
        "short",
        r#"{"distribute":{"regions":["us-west-2","eu-west-1"]},"deadline_hours":2}"#,
    );
    house.cloud.set_dark(&west(), Some(amiline_fakecloud::Dark::Unavailable));
    house.pressed("short");
    house.live(240);
    house.assert_at_rest(Outcome::Partial);
}

#[test]
fn an_image_that_fails_ends_the_slot_with_its_reason() {
    let house = House::new();
    house.cloud.fail_next(&east(), "Client.InternalError: volume is impaired");
    let instance = house.pressed("default");
    house.live(15);
    house.assert_at_rest(Outcome::Failed);
    assert!(house.status(&instance).starts_with("failed: Client.InternalError"));
    assert!(!house.is_pressed(&instance));
}

#[test]
fn an_unencrypted_instance_gets_an_encrypted_copy_at_home_and_that_one_is_shared() {
    let house = House::new();
    let instance = house
        .cloud
        .launch_with(&east(), Launch { volumes: vec![Volume::Plain], ..Launch::default() });
    house.cloud.press(&east(), &instance, "default");
    house.live(15);
    house.assert_at_rest(Outcome::Complete);
    let family = house.family();
    let source = family.source_image().unwrap();
    assert!(house.cloud.launch_permissions(&east(), source).is_empty());
    let home = family.rows[&ImageRole::Copy(east())].image.clone().unwrap();
    assert_eq!(house.cloud.launch_permissions(&east(), &home).len(), 1);
    assert_eq!(house.status(&instance), format!("available {home} in 3 Regions"));
}

#[test]
fn what_somebody_deregisters_or_disables_is_recorded_announced_and_not_rebuilt() {
    let house = House::new();
    house.pressed("default");
    house.live_by_events(10);
    let family = house.family();
    let copy = family.rows[&ImageRole::Copy(west())].image.clone().unwrap();
    let before = house.cloud.mutations();
    house.cloud.disable(&east(), family.source_image().unwrap());
    house.cloud.deregister(&west(), &copy);
    house.live(60);
    let family = house.family();
    assert!(house.cloud.mutations() - before <= 2, "nothing but the status is written");
    assert_eq!(family.rows[&ImageRole::Copy(west())].state, RowState::Deregistered);
    assert_eq!(family.source().unwrap().state, RowState::Disabled);
    assert_eq!(
        (house.cloud.notices_of("image-deregistered"), house.cloud.notices_of("image-disabled")),
        (1, 1)
    );
    assert_eq!(family.source_image(), house.family().source_image(), "the record stays");
}

#[test]
fn replaying_every_event_at_rest_changes_nothing() {
    let house = House::new();
    house.pressed("default");
    house.live(20);
    let before = house.cloud.mutations();
    house.cloud.replay_events();
    house.live(20);
    assert_eq!(house.cloud.mutations(), before);
    assert_eq!(house.cloud.families().len(), 1);
}

#[test]
fn two_workers_never_act_on_one_family_at_once() {
    for seed in 0..40 {
        let house = House::new();
        house.cloud.deliver(EventKind::ImageState, Delivery::Times(3));
        house.pressed("default");
        house.deliver();
        house.cloud.advance(600);
        let family = house.family().id;
        house.cloud.push(Queue::Distribute, &family_due(&family));
        let messages: Vec<_> = std::iter::from_fn(|| house.cloud.take(Queue::Distribute)).collect();
        let mut race = amiline_fakecloud::Race::new();
        for message in &messages {
            race.add(house.handle(
                house.cloud.as_caller("distribute-image"),
                Queue::Distribute,
                message,
            ));
        }
        race.run(amiline_fakecloud::Order::Seeded(seed));
        house.live(30);
        house.assert_at_rest(Outcome::Complete);
        assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2, "seed {seed}");
        assert_eq!(house.cloud.calls("distribute-image", "ec2:CopyImage"), 2, "seed {seed}");
    }
}

#[test]
fn two_images_under_lax_names_are_noticed_and_only_one_is_used() {
    let house = House::new();
    house.cloud.set_lax_names(true);
    house.cloud.deliver(EventKind::ImageState, Delivery::Dropped);
    house.cloud.inject(FaultRule::new(FaultKind::LostReply).action("ec2:CreateImage").once());
    let instance = house.pressed("default");
    house.deliver();
    house.cloud.set_lag(&east(), 900);
    house.live(25);
    house.cloud.set_lag(&east(), 0);
    house.live(90);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 2, "EC2 itself broke its word");
    assert_eq!(house.cloud.notices_of("duplicate-found"), 1);
    let family = house.family();
    assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2);
    assert_eq!(house.cloud.copies_of(family.source_image().unwrap()).len(), 2);
}

#[test]
fn a_notice_that_could_not_be_sent_is_sent_by_the_tick() {
    let house = House::new();
    house.cloud.inject(FaultRule::new(FaultKind::ServerError).action("sns:Publish").times(30));
    house.pressed("plain");
    house.live(45);
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn hostile_messages_are_kept_with_their_reason_and_the_next_one_is_served() {
    let house = House::new();
    for body in [
        "",
        "{",
        "{\"source\":\"aws.tag\"}",
        "\u{0}\u{1}",
        "[[[[",
        "{\"source\":\"amiline\",\"detail-type\":\"Nope\",\"detail\":{}}",
    ] {
        house.cloud.push(Queue::Create, body);
        house.cloud.push(Queue::Distribute, body);
    }
    house.pressed("plain");
    house.live(10);
    assert_eq!(house.cloud.rejected().len(), 12);
    assert!(
        house
            .cloud
            .rejected()
            .iter()
            .all(|kept| !kept.reason.contains('\n') && !kept.excerpt.contains('\n'))
    );
    house.assert_at_rest(Outcome::Complete);
}

#[test]
fn the_same_story_leaves_the_same_trace() {
    let tell = || {
        let house = House::new();
        house.pressed("default");
        house.live(15);
        house.cloud.trace()
    };
    assert_eq!(tell(), tell());
}

#[test]
fn a_dead_invocation_before_its_first_write_leaves_nothing_behind() {
    let house = House::new();
    let instance = house.pressed("plain");
    let message = house.cloud.take(Queue::Create).unwrap();
    let world = house.cloud.as_caller("create-image").dying_after(3);
    assert!(run(house.handle(world, Queue::Create, &message)).is_none());
    assert!(house.cloud.families().is_empty());
    house.live(10);
    assert_eq!(house.cloud.images_created_for(&instance).len(), 1);
}

#[test]
fn a_person_who_will_not_wait_brings_the_looks_forward_and_changes_nothing_else() {
    let house = House::new();
    house.cloud.deliver_all(Delivery::Dropped);
    house.pressed("default");
    for _ in 0..20 {
        house.tick_early();
        house.deliver();
        house.cloud.advance(30);
    }
    house.assert_at_rest(Outcome::Complete);
    assert_eq!(house.cloud.effects_of("ec2:CreateImage"), 1);
    assert_eq!(house.cloud.effects_of("ec2:CopyImage"), 2);
}

#[test]
fn a_region_that_never_answers_the_tick_holds_nothing_up_that_is_due() {
    let house = House::new();
    house.cloud.deliver(EventKind::ImageState, Delivery::Dropped);
    house.pressed("plain");
    house.deliver();
    house.cloud.advance(600);
    house.cloud.inject(FaultRule::new(FaultKind::Hang).action("ec2:DescribeTags"));
    let world = house.cloud.as_caller("schedule-tick");
    let ticked = run(amiline_app::tick::tick(
        &world,
        &house.cloud.watched_stack(&[east(), west()]),
        Default::default(),
    ));
    assert!(ticked.is_none(), "the invocation's time ran out");
    assert_eq!(house.cloud.waiting(Queue::Distribute).len(), 1, "what was due had been sent");
}

#[test]
fn a_copy_that_was_disabled_and_enabled_again_is_not_called_shared_and_a_retry_shares_it() {
    let house = House::new();
    house.cloud.set_copy_seconds(&europe(), None);
    house.pressed("default");
    house.live_by_events(10);
    let copy = house.family().rows[&ImageRole::Copy(west())].image.clone().unwrap();
    house.cloud.disable(&west(), &copy);
    house.deliver();
    house.cloud.enable(&west(), &copy);
    house.deliver();
    let slow = house.family().rows[&ImageRole::Copy(europe())].image.clone().unwrap();
    house.cloud.finish(&europe(), &slow);
    house.live(10);
    house.assert_at_rest(Outcome::Partial);
    block_on(retry(&operator(&house), &house.family().id)).unwrap();
    house.live(10);
    assert_eq!(house.family().outcome, Some(Outcome::Complete));
    assert_eq!(house.cloud.launch_permissions(&west(), &copy).len(), 1);
}

#[test]
fn a_deregistration_is_recorded_though_the_read_that_its_event_asked_for_failed() {
    let house = House::new();
    house.pressed("default");
    house.live_by_events(10);
    let copy = house.family().rows[&ImageRole::Copy(west())].image.clone().unwrap();
    // The read that the event asks for fails, and nothing else would ever look at a settled family.
    house
        .cloud
        .inject(FaultRule::new(FaultKind::ServerError).action("ec2:DescribeImages").times(2));
    house.cloud.deregister(&west(), &copy);
    house.live(30);
    assert_eq!(house.family().rows[&ImageRole::Copy(west())].state, RowState::Deregistered);
    assert_eq!(house.cloud.notices_of("image-deregistered"), 1);
    assert!(house.cloud.due().is_empty());
}

#[test]
fn after_somebodys_hand_record_tree_status_and_outcome_say_what_is_true_and_a_retry_mends_it() {
    let house = House::new();
    let instance = house.pressed("default");
    house.live_by_events(10);
    assert_eq!(house.family().outcome, Some(Outcome::Complete));
    let id = house.family().id.clone();
    let (abroad, gone) = (place_of(&house, &west()), place_of(&house, &europe()));
    house.cloud.disable(&west(), &abroad);
    house.deliver();
    house.cloud.advance(900);
    house.live(10);
    house.cloud.enable(&west(), &abroad);
    house.cloud.deregister(&europe(), &gone);
    house.live(30);
    let family = house.family();
    assert_eq!(family.outcome, Some(Outcome::Partial));
    assert!(family.rows[&ImageRole::Copy(europe())].shared_with.is_empty());
    let tree = amiline_domain::lineage::tree(&family);
    assert!(tree.contains("partial") && tree.contains("not shared: disabling it took"), "{tree}");
    assert_eq!(tree.matches("shared with").count(), 1, "the source alone is shared: {tree}");
    let status = house.status(&instance);
    assert!(
        status.starts_with("partial ami-")
            && status.ends_with(&format!("next: amiline retry {id}")),
        "{status}"
    );
    for event in ["image-disabled", "image-enabled", "image-deregistered"] {
        assert_eq!(house.cloud.notices_of(event), 1, "{event} is told once");
    }
    assert_eq!(house.cloud.notices_of("family-partial"), 0, "what happened was told already");
    assert!(house.cloud.due().is_empty());
    block_on(retry(&operator(&house), &id)).unwrap();
    house.live(20);
    assert_eq!(house.family().outcome, Some(Outcome::Complete));
    assert!(house.status(&instance).starts_with("available ami-"), "{}", house.status(&instance));
    assert_eq!(house.cloud.launch_permissions(&west(), &abroad).len(), 1);
}

#[test]
fn an_answer_that_a_lagging_read_does_not_show_is_corrected_all_the_same() {
    let house = House::new();
    let instance = house.pressed("default");
    house.deliver();
    for _ in 0..10 {
        if house.family().outcome.is_none() {
            house.live_by_events(1);
        }
    }
    // The next read shows the instance as it was before its answer.
    house.cloud.set_lag(&east(), 240);
    house.cloud.deregister(&west(), &place_of(&house, &west()));
    house.deliver();
    house.tick();
    house.deliver();
    assert!(house.status(&instance).starts_with("available ami-"), "that was not seen");
    house.cloud.set_lag(&east(), 0);
    house.live(10);
    assert!(house.status(&instance).starts_with("partial ami-"), "{}", house.status(&instance));
    assert!(house.cloud.due().is_empty());
}

#[test]
fn a_hand_on_an_old_family_leaves_the_answer_of_a_newer_one() {
    let house = House::new();
    let instance = house.pressed("default");
    house.live_by_events(10);
    let copy = place_of(&house, &west());
    house.cloud.advance(3600);
    house.cloud.press(&east(), &instance, "plain");
    house.live_by_events(10);
    let latest = house.status(&instance);
    house.cloud.deregister(&west(), &copy);
    house.live(30);
    assert_eq!(house.status(&instance), latest);
    assert!(house.cloud.due().is_empty());
}

fn place_of(house: &House, region: &amiline_domain::ids::Region) -> amiline_domain::ids::ImageId {
    house.family().rows[&ImageRole::Copy(region.clone())].image.clone().unwrap()
}
