//! The table, the logs, the parameters: what is kept.

use crate::{FUNCTIONS, HOME, TEMPLATE, both, plain, wide};
use amiline_contracts::stack::Stack;
use amiline_domain::policy::Policy;
use serde_json::{Value, json};

#[test]
fn the_record_outlives_mistakes_and_the_stack() {
    let table = plain().one("LineageTable");
    assert_eq!(table.definition["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(table.definition["UpdateReplacePolicy"], "Retain");
    // Off at first: a protected table would survive the rollback of a creation that fails, and
    // block the next one.
    assert_eq!(table.properties["DeletionProtectionEnabled"], "false");
    let protected = Stack::new(&TEMPLATE, "amiline", HOME, &[("ProtectTable", "true")]);
    assert_eq!(protected.one("LineageTable").properties["DeletionProtectionEnabled"], "true");
    for (stack, says) in [(plain(), "deploy again with ProtectTable=true"), (protected, "on")] {
        let output = stack.resolve(&stack.section("Outputs")["LineageTableProtection"]["Value"]);
        assert!(output.as_str().unwrap().contains(says), "{output}");
    }
    assert_eq!(
        table.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
    assert_eq!(table.properties["SSESpecification"]["SSEEnabled"], true);
}

#[test]
fn the_table_has_the_keys_the_indexes_the_stream_and_the_expiry_that_the_code_uses() {
    let table = plain().one("LineageTable").properties;
    let keys = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    assert_eq!(table["KeySchema"], keys("pk", "sk"));
    let indexes: Vec<_> = table["GlobalSecondaryIndexes"].as_array().unwrap().iter().collect();
    let [due, listing] = indexes.as_slice() else { panic!("two indexes") };
    assert_eq!(
        (&due["IndexName"], &due["KeySchema"]),
        (&json!("due"), &keys("due_shard", "due_at"))
    );
    assert_eq!(
        (&listing["IndexName"], &listing["KeySchema"]),
        (&json!("listing"), &keys("list_pk", "list_sk"))
    );
    assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
    assert_eq!(
        table["TimeToLiveSpecification"],
        json!({"AttributeName": "expires_at", "Enabled": true})
    );
}

#[test]
fn every_function_writes_to_a_log_of_its_own_that_does_not_grow_for_ever() {
    let stack = plain();
    for (function, _, name) in FUNCTIONS.iter() {
        let group = stack.one(&format!("{}LogGroup", function.trim_end_matches("Function")));
        assert_eq!(group.properties["LogGroupName"], format!("/aws/lambda/amiline-{name}"));
        assert_eq!(group.properties["RetentionInDays"], 90);
        assert_eq!(stack.one(function).properties["LoggingConfig"]["LogGroup"], group.id.as_str());
    }
}

fn default_policy(stack: &Stack) -> (String, Policy) {
    let parameter = stack.one("DefaultPolicyParameter").properties;
    assert_eq!(parameter["Name"], "/amiline/policies/default");
    let text = parameter["Value"].as_str().expect("a text").to_owned();
    let policy = Policy::parse(&text).expect("the default policy is valid");
    (text, policy)
}

#[test]
fn the_default_policy_says_what_the_parameters_say() {
    let (_, policy) = default_policy(&plain());
    assert!(
        policy.encrypt.is_none()
            && policy.distribute.regions.is_empty()
            && policy.share.accounts.is_empty()
    );
    assert!(!policy.create.reboot);

    let (_, policy) = default_policy(&wide());
    let read = serde_json::to_value(policy).unwrap();
    assert_eq!(read["encrypt"]["kms_key"], "alias/amiline");
    assert_eq!(read["distribute"]["regions"], json!(["eu-west-1", "us-west-2"]));
    assert_eq!(read["share"]["accounts"], json!(["222222222222"]));
}

#[test]
fn parameter_store_takes_the_default_policy() {
    for stack in both() {
        let (text, _) = default_policy(&stack);
        assert!(text.len() <= 4096 && !text.contains("{{"), "{text}");
    }
}

#[test]
fn sharing_without_a_key_is_refused_before_anything_is_deployed() {
    let stack = plain();
    let rules = stack.section("Rules").as_object().expect("rules");
    let refuses = |rule: &Value| {
        let text = rule.to_string();
        text.contains(r#"{"Ref":"ShareWithAccounts"}"#) && text.contains(r#"{"Ref":"KeyAlias"}"#)
    };
    assert!(rules.values().any(refuses));
}

/// CloudFormation puts a parameter's value back whenever it touches the resource, so a deployment
/// would release it.
#[test]
fn no_deployment_turns_the_kill_switch() {
    for stack in both() {
        for parameter in stack.all("AWS::SSM::Parameter") {
            assert_ne!(parameter.properties["Name"], "/amiline/kill-switch", "{}", parameter.id);
        }
        for function in ["CreateImageFunction", "DistributeImageFunction"] {
            let variables = stack.one(function).properties["Environment"]["Variables"].clone();
            assert_eq!(variables["AMILINE_KILL_SWITCH"], "/amiline/kill-switch");
        }
        let output = stack.resolve(&stack.section("Outputs")["KillSwitchParameterName"]["Value"]);
        assert_eq!(output, "/amiline/kill-switch");
    }
}
