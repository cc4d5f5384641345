use super::*;

fn keys() -> TagKeys {
    TagKeys::new(TagPrefix::new("images").unwrap())
}

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(text)
}

#[test]
fn an_empty_policy_makes_one_image_without_a_reboot_and_shares_nothing() {
    let policy = parse("{}").unwrap();
    assert!(!policy.create.reboot);
    assert!(
        policy.distribute.regions.is_empty()
            && policy.share.accounts.is_empty()
            && policy.encrypt.is_none()
    );
    assert_eq!(policy.deadline_hours, 24);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_policy() {
    assert_eq!(parse("\u{feff}{\"deadline_hours\": 5}").unwrap().deadline_hours, 5);
    let message = parse("\u{feff}{\"rebooot\": true}").unwrap_err().to_string();
    assert!(message.starts_with("policy is not valid at line 1, column 2: "), "{message}");
}

#[test]
fn a_misspelt_field_is_refused_with_its_place_and_the_allowed_names() {
    let message = parse(r#"{"create": {"rebooot": true}}"#).unwrap_err().to_string();
    assert!(
        message.starts_with("policy is not valid at line 1, column 13: create.rebooot: "),
        "{message}"
    );
    assert!(message.contains("\"reboot\""), "{message}");
    let message = parse("{\n \"share\": }").unwrap_err().to_string();
    assert!(message.contains("line 2"), "{message}");
}

#[test]
fn sharing_without_a_customer_key_is_refused_with_advice() {
    for text in [
        r#"{"share":{"accounts":["222222222222"]}}"#,
        r#"{"share":{"accounts":["222222222222"]},"encrypt":null}"#,
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(&error, PolicyError::Wrong { first, others: 0, .. } if first.wrong == Wrong::ShareWithoutKey)
        );
        assert!(error.to_string().contains("kms_key"));
    }
}

#[test]
fn the_aws_managed_key_is_refused() {
    let error = parse(r#"{"encrypt":{"kms_key":"alias/aws/ebs"}}"#).unwrap_err();
    assert!(error.to_string().contains("belong to AWS"), "{error}");
}

#[test]
fn a_refusal_names_the_first_problem_and_counts_the_others() {
    let error = parse(r#"{"deadline_hours":0,"create":[],"encrypt":{}}"#).unwrap_err().to_string();
    assert!(error.contains("deadline_hours") && error.contains("and 2 more"), "{error}");
}

#[test]
fn a_policy_beyond_the_bounds_is_refused_by_name() {
    let bounds = Bounds {
        regions: BTreeSet::from([Region::new("us-east-1").unwrap()]),
        accounts: BTreeSet::new(),
        organizations: BTreeSet::new(),
        organizational_units: BTreeSet::new(),
        keys: BTreeSet::from([KeyAlias::new("alias/ours").unwrap()]),
        images_per_hour_max: 50,
        interval_minutes_min: 0,
    };
    let policy = parse(r#"{"distribute":{"regions":["us-east-1","eu-west-1"]}}"#).unwrap();
    assert_eq!(
        policy.check(&bounds, &keys()),
        Err(BeyondBounds::Region(Region::new("eu-west-1").unwrap()))
    );
    let policy =
        parse(r#"{"encrypt":{"kms_key":"alias/k"},"share":{"accounts":["222222222222"]}}"#)
            .unwrap();
    assert!(matches!(policy.check(&bounds, &keys()), Err(BeyondBounds::Account(_))));
    assert_eq!(policy.beyond(&bounds, &keys()).len(), 2);
    let policy = parse(r#"{"encrypt":{"kms_key":"alias/other"}}"#).unwrap();
    assert_eq!(
        policy.check(&bounds, &keys()),
        Err(BeyondBounds::Key(KeyAlias::new("alias/other").unwrap()))
    );
    assert_eq!(
        parse(r#"{"encrypt":{"kms_key":"alias/ours"}}"#).unwrap().check(&bounds, &keys()),
        Ok(())
    );
    let policy = parse(
        r#"{"create":{"tags":{"Images:intent":"x"},"carry_tags":["images:family","amiline:x"]}}"#,
    )
    .unwrap();
    let beyond: Vec<String> =
        policy.beyond(&bounds, &keys()).iter().map(ToString::to_string).collect();
    assert!(
        beyond.len() == 2
            && beyond[0].contains("the tag \"Images:intent\", but keys that begin with images:"),
        "{beyond:?}"
    );
    let policy = r#"{"encrypt":{"kms_key":"alias/ours"},"distribute":{"regions":[{"region":"us-east-1","kms_key":"alias/other"}]}}"#;
    let policy = parse(policy).unwrap();
    assert_eq!(
        policy.check(&bounds, &keys()),
        Err(BeyondBounds::Key(KeyAlias::new("alias/other").unwrap()))
    );
}

#[test]
fn a_policy_shares_with_an_organization_or_a_unit_only_if_the_stack_names_it() {
    let organization =
        OrganizationArn::new("arn:aws:organizations::123456789012:organization/o-123example")
            .unwrap();
    let unit = "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";
    let unit = OrganizationalUnitArn::new(unit).unwrap();
    let mut bounds = Bounds {
        regions: BTreeSet::new(),
        accounts: BTreeSet::new(),
        organizations: BTreeSet::new(),
        organizational_units: BTreeSet::new(),
        keys: BTreeSet::from([KeyAlias::new("alias/k").unwrap()]),
        images_per_hour_max: 50,
        interval_minutes_min: 0,
    };
    let policy = parse(&format!(
        r#"{{"encrypt":{{"kms_key":"alias/k"}},"share":{{"organizations":["{organization}"],"organizational_units":["{unit}"]}}}}"#
    ))
    .unwrap();
    let beyond = policy.beyond(&bounds, &keys());
    let both = [
        BeyondBounds::Organization(organization.clone()),
        BeyondBounds::OrganizationalUnit(unit.clone()),
    ];
    assert_eq!(beyond, both);
    assert!(beyond[0].to_string().contains("add it to AllowedOrganizations or"));
    assert!(beyond[1].to_string().contains("add it to AllowedOrganizationalUnits or"));
    bounds.organizations.insert(organization);
    assert_eq!(policy.beyond(&bounds, &keys()), both[1..]);
    bounds.organizational_units.insert(unit);
    assert_eq!(policy.check(&bounds, &keys()), Ok(()));
}

#[test]
fn nonsense_is_refused_without_a_panic() {
    for text in [
        "",
        "null",
        "[]",
        "{",
        "{\"deadline_hours\":0}",
        "{\"deadline_hours\":-1}",
        "{\"create\":[true]}",
        "{\"create\":{\"reboot\":\"yes\"}}",
        "{\"description\":\"{{ssm:x}}\"}",
        "{\"create\":{},\"create\":{}}",
        "\u{0}",
        "{}{}",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert!(parse(&"[".repeat(4000)).is_err());
    assert!(matches!(parse(&" ".repeat(5000)), Err(PolicyError::TooLong { .. })));
}

#[test]
fn a_document_is_stored_as_it_was_written_and_not_when_it_is_too_long() {
    let document: Node =
        serde_json::from_str(r#"{"deadline_hours": 5, "create": {"reboot": true}}"#).unwrap();
    let written = Policy::from_document(&document).unwrap();
    assert_eq!(written.text, r#"{"deadline_hours":5,"create":{"reboot":true}}"#);
    assert_eq!(Policy::parse(&written.text), Ok(written.policy));

    let long = Node::Object(vec![("description".to_owned(), Node::Text("x".repeat(4096)))]);
    let problems = Policy::from_document(&long).unwrap_err();
    assert!(
        problems[0].to_string().contains("4114 bytes") && problems[0].to_string().contains("4096")
    );
}
