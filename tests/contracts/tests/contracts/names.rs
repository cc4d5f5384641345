//! Names and the texts that parameters take: what a service refuses is refused before anything is
//! created.

use crate::{REGIONAL, TEMPLATE, both, plain, regional};
use amiline_contracts::stack::{Resource, Stack};
use amiline_domain::ids::{KeyAlias, Region, StackName, TagPrefix, patterns};
use serde_json::Value;

/// Where a resource of each type has its name, and how long the service allows it to be.
const NAMES: [(&str, &str, usize); 12] = [
    ("AWS::CloudWatch::Alarm", "AlarmName", 255),
    ("AWS::DynamoDB::Table", "TableName", 255),
    ("AWS::EventSchemas::Registry", "RegistryName", 64),
    ("AWS::Events::EventBus", "Name", 256),
    ("AWS::Events::Rule", "Name", 64),
    ("AWS::IAM::Role", "RoleName", 64),
    ("AWS::KMS::Alias", "AliasName", 256),
    ("AWS::Lambda::Function", "FunctionName", 64),
    ("AWS::Logs::LogGroup", "LogGroupName", 512),
    ("AWS::Scheduler::Schedule", "Name", 64),
    ("AWS::SNS::Topic", "TopicName", 256),
    ("AWS::SQS::Queue", "QueueName", 80),
];

/// Types that have no name of their own, or one that this stack never gives.
const NAMELESS: [&str; 7] = [
    "AWS::EventSchemas::Schema",
    "AWS::KMS::Key",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Parameter",
];

/// A resource's fixed name with its limit; none if CloudFormation makes the name, which it cuts
/// itself.
fn name(resource: &Resource) -> Option<(String, usize)> {
    let known = NAMES.iter().find(|(kind, ..)| *kind == resource.kind);
    let Some((_, property, limit)) = known else {
        assert!(
            NAMELESS.contains(&resource.kind.as_str()),
            "{}: how long may its name be?",
            resource.kind
        );
        return None;
    };
    resource.properties[*property].as_str().map(|name| (name.to_owned(), *limit))
}

/// How many characters the longest name leaves for the stack's.
fn room(template: &Value, given: &[(&str, &str)]) -> usize {
    let stack = "s";
    let resources = Stack::new(template, stack, "us-west-2", given).resources();
    let rooms = resources.iter().filter_map(name).filter(|(name, _)| !name.starts_with("alias/"));
    rooms.map(|(name, limit)| limit + stack.len() - name.len()).min().unwrap_or(128)
}

#[test]
fn a_stack_name_is_as_long_as_the_longest_suffix_allows() {
    let home = room(&TEMPLATE, &[]);
    assert_eq!(home, StackName::LENGTH_MAX, "the rule's name with the longest suffix decides");
    assert!(
        StackName::new("s".repeat(home)).is_ok() && StackName::new("s".repeat(home + 1)).is_err()
    );
    // regional.yaml gives its own rules no names, so any stack name that CloudFormation takes will
    // do there.
    assert_eq!(room(&REGIONAL, &[("HomeRegion", "us-east-1"), ("CreateKey", "true")]), 128);
}

/// `Retain` also holds when the creation of a stack is rolled back. What has a fixed name would
/// then block the second attempt, and a key would be paid for.
#[test]
fn nothing_with_a_fixed_name_outlives_a_creation_that_failed() {
    let key = regional("us-west-2", &[("CreateKey", "true")]);
    for stack in both().into_iter().chain([key]) {
        for resource in stack.resources() {
            let policy = &resource.definition["DeletionPolicy"];
            assert!(
                policy.is_null() || policy == "RetainExceptOnCreate",
                "{}: {policy}",
                resource.id
            );
            for protection in ["DeletionProtectionEnabled", "DeletionProtection"] {
                let on = &resource.properties[protection];
                assert!(
                    on.is_null() || on == "false",
                    "{} cannot be deleted by a rollback",
                    resource.id
                );
            }
        }
    }
    assert!(
        name(&plain().one("LineageTable")).is_some(),
        "the table's name is fixed, so this test has a case"
    );
}

fn pattern(template: &Value, parameter: &str) -> String {
    template["Parameters"][parameter]["AllowedPattern"].as_str().expect("a pattern").to_owned()
}

#[test]
fn parameters_take_exactly_the_texts_that_the_code_takes() {
    let list = |pattern: &str| format!("^$|^{pattern}$");
    for parameter in ["DestinationRegions", "SourceRegions", "AllowedRegions"] {
        assert_eq!(pattern(&TEMPLATE, parameter), list(patterns::REGION), "{parameter}");
    }
    assert_eq!(pattern(&REGIONAL, "HomeRegion"), format!("^{}$", patterns::REGION));
    for template in [&*TEMPLATE, &*REGIONAL] {
        assert_eq!(pattern(template, "TagPrefix"), format!("^{}$", patterns::TAG_PREFIX));
    }
    for parameter in ["KeyAlias", "AllowedKeyAliases"] {
        assert_eq!(pattern(&TEMPLATE, parameter), list(patterns::KEY_ALIAS), "{parameter}");
    }
    assert_eq!(pattern(&REGIONAL, "KeyAlias"), format!("^{}$", patterns::KEY_ALIAS));
    for parameter in ["ShareWithAccounts", "AllowedAccounts"] {
        assert_eq!(pattern(&TEMPLATE, parameter), list(patterns::ACCOUNT), "{parameter}");
    }
    assert_eq!(pattern(&REGIONAL, "ShareWithAccounts"), list(patterns::ACCOUNT));
}

/// A pattern as this test can run it: `(?!a|b)` is not in the language of `regex-lite`, so it is
/// taken out and asked apart.
fn matches(pattern: &str, text: &str) -> bool {
    let (before, rest) = match pattern.split_once("(?!") {
        Some((before, rest)) => (before, rest.split_once(')').expect("a closed (?!")),
        None => ("", ("", pattern)),
    };
    let (refused, after) = rest;
    let whole = regex_lite::Regex::new(&format!("^{before}{after}$")).expect("a pattern");
    let refused = refused.split('|').filter(|word| !word.is_empty());
    let begins = |word: &str| text.strip_prefix(before).is_some_and(|rest| rest.starts_with(word));
    whole.is_match(text) && !refused.into_iter().any(begins)
}

#[test]
fn the_patterns_and_the_code_agree_on_every_text() {
    for region in [
        "us-east-1",
        "eusc-de-east-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "us-isof-south-1",
        "eu-isoe-west-1",
        "us-gov-west-1",
        "cn-north-1",
        "cn-northwest-1",
        "mx-central-1",
        "ap-southeast-12",
    ] {
        assert!(Region::new(region).is_ok() && matches(patterns::REGION, region), "{region}");
    }
    for text in [
        "",
        "us-east",
        "US-EAST-1",
        "us--1",
        "us-east-1 ",
        "us-east-1\n",
        "everywhere",
        "u-east-1",
        "europe-west-1",
        "us-east-123",
        "us-e4st-1",
        "us-1",
        "a-b-c-d-e-f-1",
        "-us-east-1",
    ] {
        assert!(Region::new(text).is_err() && !matches(patterns::REGION, text), "{text:?}");
    }
    for (prefix, fits) in [
        ("amiline", true),
        ("a", true),
        ("a-1", true),
        ("images-aws", true),
        ("aws", false),
        ("aws-images", false),
        ("awsome", false),
        ("ssm", false),
        ("ssm-2", false),
        ("1a", false),
        ("Amiline", false),
        ("", false),
    ] {
        assert_eq!(
            (TagPrefix::new(prefix).is_ok(), matches(patterns::TAG_PREFIX, prefix)),
            (fits, fits),
            "{prefix:?}"
        );
    }
    assert!(TagPrefix::new("p".repeat(31)).is_ok() && TagPrefix::new("p".repeat(32)).is_err());
    for (alias, fits) in [
        ("alias/amiline", true),
        ("alias/a/b_c-d", true),
        ("alias/aws/ebs", false),
        ("alias/", false),
    ] {
        assert_eq!(
            (KeyAlias::new(alias).is_ok(), matches(patterns::KEY_ALIAS, alias)),
            (fits, fits),
            "{alias}"
        );
    }
}
