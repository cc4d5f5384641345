//! What each function is registered with is what it does.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of test functions: a panic is a failed test"
)]

use amiline_app::engine::Invocation;
use amiline_app::functions::{
    Function, Handled, create_image, distribute_image, notify, schedule_tick,
};
use amiline_app::settings::WatchedStack;
use amiline_domain::digest::DigestKey;
use amiline_domain::ids::{FamilyId, ImageId, InstanceId, PolicyName};
use amiline_domain::image::ImageState;
use amiline_domain::message::{
    FamilyDue, ImageStateChange, InstanceTagged, Message, MessageKind, PolicyAsked, Tick,
};
use amiline_domain::policy::Followers;
use amiline_domain::time::plus_seconds;
use amiline_fakecloud::run;
use amiline_scenarios::{House, east};
use std::collections::{BTreeMap, BTreeSet};

/// One message of each kind, about what is not there.
fn messages(house: &House) -> Vec<Message> {
    let (region, instance) = (east(), InstanceId::new("i-0123456789abcdef0").unwrap());
    let account = house.stack.stack.account.clone();
    let day = "2026-11-24".parse().unwrap();
    let family = FamilyId::new("fam-0123456789abcdef").unwrap();
    let policy = PolicyName::new("nobodys").unwrap();
    vec![
        Message::InstanceTagged(InstanceTagged {
            account: account.clone(),
            region: region.clone(),
            instance: instance.clone(),
            time: house.cloud.now(),
            changed_keys: Vec::new(),
            tags: BTreeMap::new(),
        }),
        Message::ImageState(ImageStateChange {
            account,
            region: region.clone(),
            image: ImageId::new("ami-0123456789abcdef0").unwrap(),
            state: ImageState::Available,
        }),
        Message::LookAtInstance { region: region.clone(), instance: instance.clone() },
        Message::LookAtSchedule { region, instance, coverage: false },
        Message::LookAtPolicy(PolicyAsked { policy, followers: Followers::default() }),
        Message::FamilyDue(FamilyDue { family, early: false, shares: false }),
        Message::AnnounceHistory {
            pk: "FAMILY#fam-0123456789abcdef".to_owned(),
            sk: "HISTORY#1".to_owned(),
        },
        Message::Tick(Tick::default()),
        Message::DayEnded(day),
        Message::DigestDue(DigestKey { policy: None, day }),
    ]
}

#[test]
fn each_function_takes_the_messages_it_is_registered_for_and_no_others() {
    let house = House::new();
    let messages = messages(&house);
    let kinds: BTreeSet<MessageKind> = messages.iter().map(Message::kind).collect();
    let watched = WatchedStack {
        stack: house.stack.stack.clone(),
        source_regions: vec![east()],
        bounds: house.stack.bounds.clone(),
    };
    let mut taken_by_somebody = BTreeSet::new();
    for function in Function::ALL {
        let world = house.cloud.as_caller(function.name());
        let invocation =
            Invocation { id: "i".to_owned(), deadline: plus_seconds(house.cloud.now(), 60) };
        for message in &messages {
            let handled = run(async {
                match function {
                    Function::CreateImage => {
                        create_image(&world, &house.stack, message, &invocation).await
                    }
                    Function::DistributeImage => {
                        distribute_image(&world, &house.stack, message, &invocation).await
                    }
                    Function::ScheduleTick => schedule_tick(&world, &watched, message).await,
                    Function::Notify => notify(&world, message).await,
                }
            });
            let takes = !matches!(handled, Some(Ok(Handled::NotMine)));
            let kind = message.kind();
            assert_eq!(
                takes,
                function.registered().takes.contains(&kind),
                "{kind:?} of {function:?}: {handled:?}"
            );
            taken_by_somebody.extend(takes.then_some(kind));
        }
    }
    assert_eq!(taken_by_somebody, kinds, "no kind of message is nobody's");
}
