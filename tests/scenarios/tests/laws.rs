//! Laws of the decisions that hold for any input.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use amiline_domain::bounds::Bounds;
use amiline_domain::budget::Budget;
use amiline_domain::escape::{one_line, plain};
use amiline_domain::fault::{classify, owner_of_name};
use amiline_domain::ids::{
    FamilyId, ImageId, InstanceId, OrganizationArn, OrganizationalUnitArn, PolicyName, Region,
    TagPrefix,
};
use amiline_domain::key::ImageKey;
use amiline_domain::message::decode;
use amiline_domain::name::ImageName;
use amiline_domain::policy::Policy;
use amiline_domain::press::{Hint, LookDecision, Press, PressState, decide_look};
use amiline_domain::tags::TagKeys;
use amiline_domain::target::ShareTarget;
use amiline_domain::time::{Slot, plus_seconds};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn keys() -> TagKeys {
    TagKeys::new(TagPrefix::new("amiline").unwrap())
}

fn start() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

/// Something like an event: right keys, any values.
fn event_like() -> impl Strategy<Value = String> {
    let source = prop_oneof![Just("aws.tag"), Just("aws.ec2"), Just("amiline"), Just("x")];
    let kind = prop_oneof![
        Just("Tag Change on Resource"),
        Just("EC2 AMI State Change"),
        Just("LookAtInstance"),
        Just("FamilyDue"),
        Just("AnnounceHistory"),
        Just("Tick")
    ];
    (source, kind, any::<String>(), any::<String>(), any::<String>()).prop_map(|(source, kind, a, b, c)| {
        serde_json::json!({
            "source": source, "detail-type": kind, "account": a, "region": b, "time": c, "resources": [a, b],
            "detail": {"ImageId": a, "State": b, "tags": {a.clone(): c}, "changed-tag-keys": [b], "service": "ec2",
                "resource-type": "instance", "region": b, "instance": a, "family": c, "pk": a, "sk": b}
        })
        .to_string()
    })
}

proptest! {
    #[test]
    fn no_message_makes_decoding_panic_or_break_a_line(body in prop_oneof![any::<String>(), event_like()]) {
        if let Err(bad) = decode(&body) {
            let text = bad.to_string();
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }

    #[test]
    fn no_policy_text_makes_parsing_panic(text in any::<String>()) {
        let _ = Policy::parse(&text);
    }

    #[test]
    fn a_policy_that_parses_is_either_within_the_bounds_or_refused(regions in proptest::collection::btree_set("[a-z]{2}-[a-z]{4,9}-[1-3]", 0..5), allowed in proptest::collection::btree_set("[a-z]{2}-[a-z]{4,9}-[1-3]", 0..5)) {
        let text = serde_json::json!({"distribute": {"regions": regions}}).to_string();
        let policy = Policy::parse(&text).unwrap();
        let allowed: BTreeSet<Region> = allowed.into_iter().map(|region| Region::new(region).unwrap()).collect();
        let bounds = Bounds {
            regions: allowed.clone(), accounts: BTreeSet::new(), organizations: BTreeSet::new(), organizational_units: BTreeSet::new(),
            keys: BTreeSet::new(), images_per_hour_max: 1, interval_minutes_min: 0,
        };
        prop_assert_eq!(policy.check(&bounds, &keys()).is_ok(), policy.distribute.regions.regions().all(|region| allowed.contains(region)));
    }

    #[test]
    fn ids_are_validated_without_a_panic(text in any::<String>()) {
        let _ = (OrganizationArn::new(text.clone()), OrganizationalUnitArn::new(text.clone()), ShareTarget::try_from(text.clone()));
        let _ = (ImageId::new(text.clone()), InstanceId::new(text.clone()), Region::new(text.clone()), TagPrefix::new(text.clone()));
        if let Err(bad) = PolicyName::new(text) {
            prop_assert!(!bad.to_string().contains('\n'));
        }
    }

    #[test]
    fn made_safe_text_is_one_line_within_its_limit(text in any::<String>(), limit in 1usize..400) {
        let line = one_line(&text, limit);
        prop_assert!(line.chars().count() <= limit && !line.chars().any(char::is_control));
        let ascii = plain(&text, limit);
        prop_assert!(ascii.len() <= limit && ascii.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
    }

    #[test]
    fn every_name_is_one_that_ec2_takes(policy in "[A-Za-z0-9][A-Za-z0-9._-]{0,39}", second in 0i64..4_000_000_000, attempt in any::<u32>(), rename in 0u8..5) {
        let key = ImageKey::create(&FamilyId::new("fam-0123456789abcdef").unwrap(), attempt);
        let slot = Slot::next(Timestamp::from_second(second).unwrap(), None);
        let instance = InstanceId::new("i-0123456789abcdef0").unwrap();
        let name = ImageName::new(&PolicyName::new(policy).unwrap(), &instance, slot, &key, rename);
        prop_assert!((3..=127).contains(&name.as_str().len()));
        prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"._/()-".contains(&b)));
    }

    #[test]
    fn slots_only_go_up(steps in proptest::collection::vec(-400i64..400, 1..50)) {
        let mut now = start();
        let mut last = None;
        for step in steps {
            now = plus_seconds(now, step);
            let slot = Slot::next(now, last);
            prop_assert!(last.is_none_or(|last| slot > last));
            last = Some(slot);
        }
    }

    #[test]
    fn never_more_images_than_the_limit_in_any_hour(gaps in proptest::collection::vec(0i64..900, 1..200), limit in 1u32..20) {
        let mut budget = Budget::default();
        let mut taken: Vec<i64> = Vec::new();
        let mut now = start();
        for gap in gaps {
            now = plus_seconds(now, gap);
            if let Some(next) = budget.take(now, limit) {
                budget = next;
                taken.push(now.as_second());
                let hour = taken.iter().filter(|at| **at > now.as_second() - 3600).count();
                prop_assert!(hour <= usize::try_from(limit).unwrap());
            }
        }
    }

    #[test]
    fn a_press_under_way_never_begins_a_second_one(value in "[a-z]{1,8}", tag in "[a-z]{1,8}", age in -400i64..4000, answered: bool) {
        let slot = Slot::next(start(), None);
        let state = if answered { PressState::Answered { slot, value } } else { PressState::Accepted { slot, value } };
        let press = Press { state, last_slot: Some(slot), ..Press::untouched() };
        let now = plus_seconds(start(), age);
        let hint = Hint { time: now, button: Some(tag.clone()), status: None, pressed: true };
        let decision = decide_look(&press, Some(&tag), Some(&hint), now);
        prop_assert!(!matches!(decision, LookDecision::Begin(_)), "{:?}", decision);
    }

    #[test]
    fn nothing_begins_without_the_tag(age in 0i64..4000, cleared in proptest::option::of(0i64..4000)) {
        let press = Press { cleared_at: cleared.map(|at| plus_seconds(start(), at)), ..Press::untouched() };
        let now = plus_seconds(start(), age);
        let hint = Hint { time: now, button: Some("default".to_owned()), status: None, pressed: true };
        let decision = decide_look(&press, None, Some(&hint), now);
        prop_assert!(!matches!(decision, LookDecision::Begin(_)), "{:?}", decision);
    }

    #[test]
    fn any_error_has_a_class(code in any::<String>(), status in proptest::option::of(any::<u16>())) {
        let _ = classify(Some(&code), status);
        let _ = owner_of_name(&code);
    }
}
