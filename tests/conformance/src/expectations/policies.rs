//! Policies with their versions, as their administrator reads and writes them.

use crate::lab::Lab;
use crate::suite::expected;
use amiline_app::ports::{BoundsReader, Freshness, PolicyHistory, PolicyStore, PolicyWriter};
use amiline_domain::ids::PolicyName;

expected! {
    "aws-behaviour.md#putparameter-has-no-expected-version" {
        a_policy_is_created_once_and_replaced_with_the_next_version,
        what_somebody_else_wrote_shows_in_the_version,
        replacing_a_policy_that_is_not_there_makes_its_first_version,
        a_policy_has_the_number_and_the_time_of_its_newest_version,
    }
    "aws-behaviour.md#versions-of-a-parameter" {
        every_version_is_kept_oldest_first,
        a_policy_that_was_taken_away_has_no_versions,
    }
    "aws-behaviour.md#versions-of-a-parameter" {
        all_policies_are_listed_by_name,
    }
    "SSM, DeleteParameter: ParameterNotFound" {
        a_policy_is_deleted_with_its_versions_and_once,
    }
    "aws-behaviour.md#values-of-a-parameter" {
        the_bounds_are_read_as_they_were_stated,
    }
}

fn name(text: &str) -> PolicyName {
    PolicyName::new(text).unwrap()
}

async fn a_policy_is_created_once_and_replaced_with_the_next_version(lab: &impl Lab) {
    let (name, operator) = (name("made"), lab.operator());
    assert_eq!(operator.stored_policy(&name).await, Ok(None));
    assert_eq!(operator.create_policy(&name, "{}").await, Ok(Some(1)));
    assert_eq!(operator.create_policy(&name, "{\"deadline_hours\":2}").await, Ok(None));
    let stored = operator.stored_policy(&name).await.unwrap().unwrap();
    assert_eq!((stored.name.as_str(), stored.text.as_str(), stored.version), ("made", "{}", 1));
    assert_eq!(operator.replace_policy(&name, "{\"deadline_hours\":3}").await, Ok(2));
    let stored = operator.stored_policy(&name).await.unwrap().unwrap();
    assert_eq!((stored.text.as_str(), stored.version), ("{\"deadline_hours\":3}", 2));
}

async fn what_somebody_else_wrote_shows_in_the_version(lab: &impl Lab) {
    let (name, operator) = (name("shared-desk"), lab.operator());
    operator.create_policy(&name, "{}").await.unwrap();
    lab.put_policy("shared-desk", Some("{\"deadline_hours\":4}")).await;
    assert_eq!(operator.replace_policy(&name, "{\"deadline_hours\":5}").await, Ok(3));
    let versions = operator.policy_versions(&name, Freshness::Fresh).await.unwrap();
    assert_eq!(versions[1].text, "{\"deadline_hours\":4}", "nothing is lost");
}

async fn every_version_is_kept_oldest_first(lab: &impl Lab) {
    let (name, operator) = (name("busy"), lab.operator());
    for hours in 1..=60 {
        lab.put_policy("busy", Some(&format!("{{\"deadline_hours\":{hours}}}"))).await;
    }
    let versions = operator.policy_versions(&name, Freshness::Fresh).await.unwrap();
    let numbers: Vec<u64> = versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
    assert_eq!(versions[41].text, "{\"deadline_hours\":42}");
    assert!(versions.iter().all(|version| !version.by.is_empty()));
    assert!(versions.is_sorted_by_key(|version| version.at));
}

async fn a_policy_that_was_taken_away_has_no_versions(lab: &impl Lab) {
    let (name, operator) = (name("fleeting"), lab.operator());
    lab.put_policy("fleeting", Some("{}")).await;
    lab.put_policy("fleeting", None).await;
    assert_eq!(operator.policy_versions(&name, Freshness::Fresh).await, Ok(Vec::new()));
    assert_eq!(operator.stored_policy(&name).await, Ok(None));
    assert_eq!(operator.create_policy(&name, "{}").await, Ok(Some(1)), "counted anew");
}

async fn a_policy_is_deleted_with_its_versions_and_once(lab: &impl Lab) {
    let (name, operator) = (name("deleted"), lab.operator());
    lab.put_policy("deleted", Some("{}")).await;
    lab.put_policy("deleted", Some("{\"deadline_hours\":2}")).await;
    assert_eq!(operator.delete_policy(&name).await, Ok(true));
    assert_eq!(operator.stored_policy(&name).await, Ok(None));
    assert_eq!(operator.policy_versions(&name, Freshness::Fresh).await, Ok(Vec::new()));
    assert_eq!(operator.delete_policy(&name).await, Ok(false));
}

async fn all_policies_are_listed_by_name(lab: &impl Lab) {
    let names: Vec<String> = (0..12).map(|number| format!("listed-{number:02}")).collect();
    for name in names.iter().rev() {
        lab.put_policy(name, Some("{}")).await;
    }
    let listed = lab.operator().policies().await.unwrap();
    assert!(listed.is_sorted_by(|one, other| one.name < other.name));
    let ours: Vec<&str> = listed
        .iter()
        .map(|policy| policy.name.as_str())
        .filter(|name| name.starts_with("listed-"))
        .collect();
    assert_eq!(ours, names);
}

async fn the_bounds_are_read_as_they_were_stated(lab: &impl Lab) {
    lab.put_bounds(None).await;
    assert_eq!(lab.operator().stated_bounds().await, Ok(None));
    lab.put_bounds(Some("{\"stack\":\"x\"}")).await;
    assert_eq!(lab.operator().stated_bounds().await, Ok(Some("{\"stack\":\"x\"}".to_owned())));
}

async fn replacing_a_policy_that_is_not_there_makes_its_first_version(lab: &impl Lab) {
    let (name, operator) = (name("replaced"), lab.operator());
    assert_eq!(operator.replace_policy(&name, "{}").await, Ok(1));
    assert_eq!(operator.create_policy(&name, "{}").await, Ok(None));
}

async fn a_policy_has_the_number_and_the_time_of_its_newest_version(lab: &impl Lab) {
    let (name, operator) = (name("dated"), lab.operator());
    for text in ["{}", "{\"deadline_hours\":2}"] {
        lab.put_policy("dated", Some(text)).await;
        lab.pass().await;
    }
    let versions = operator.policy_versions(&name, Freshness::Fresh).await.unwrap();
    let newest = versions.last().unwrap();
    let listed = operator.policies().await.unwrap();
    let listed = listed.into_iter().find(|policy| policy.name == "dated").unwrap();
    assert_eq!((listed.version, listed.at, &listed.text), (2, newest.at, &newest.text));
    assert_eq!(operator.stored_policy(&name).await, Ok(Some(listed)));
}
