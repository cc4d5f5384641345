//! Our own messages, in the shape of EventBridge's envelopes.

use super::OUR_SOURCE;
use crate::digest::DigestKey;
use crate::ids::{FamilyId, InstanceId, PolicyName, Region};
use crate::policy::Followers;
use serde_json::Value;

/// Our own message that asks for a look at an instance.
pub fn look_at_instance(region: &Region, instance: &InstanceId) -> String {
    ours("LookAtInstance", &serde_json::json!({"region": region, "instance": instance}))
}

/// Our own message that asks for a look at an instance's schedules.
pub fn look_at_schedule(region: &Region, instance: &InstanceId) -> String {
    ours("LookAtSchedule", &serde_json::json!({"region": region, "instance": instance}))
}

/// Our own message that asks for a look at an instance's schedules and at its coverage.
pub fn look_at_coverage(region: &Region, instance: &InstanceId) -> String {
    ours(
        "LookAtSchedule",
        &serde_json::json!({"region": region, "instance": instance, "coverage": true}),
    )
}

/// Our own message that asks for a look at a policy.
pub fn look_at_policy(policy: &PolicyName) -> String {
    ours("LookAtPolicy", &serde_json::json!({"policy": policy}))
}

/// Our own message that asks for a look at a policy that gives no image to those who follow it.
pub fn look_at_followers(policy: &PolicyName, followers: &Followers) -> String {
    ours("LookAtPolicy", &serde_json::json!({"policy": policy, "followers": followers}))
}

/// Our own message that a family's time has come.
pub fn family_due(family: &FamilyId) -> String {
    ours("FamilyDue", &serde_json::json!({"family": family}))
}

/// Our own message that a family is to be looked at before its time.
pub fn family_due_early(family: &FamilyId) -> String {
    ours("FamilyDue", &serde_json::json!({"family": family, "early": true}))
}

/// Our own message that a family is to be asked with whom its images are shared.
pub fn look_at_shares(family: &FamilyId) -> String {
    ours("FamilyDue", &serde_json::json!({"family": family, "shares": true}))
}

/// Our own message that a history item waits to be published.
pub fn announce_history(pk: &str, sk: &str) -> String {
    ours("AnnounceHistory", &serde_json::json!({"pk": pk, "sk": sk}))
}

/// Our own message that a digest is due.
pub fn digest_due(key: &DigestKey) -> String {
    ours("DigestDue", &serde_json::json!({"day": key.day.to_string(), "policy": key.policy}))
}

fn ours(detail_type: &str, detail: &Value) -> String {
    serde_json::json!({"source": OUR_SOURCE, "detail-type": detail_type, "detail": detail})
        .to_string()
}
