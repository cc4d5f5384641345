use super::spelling::distance;
use super::*;
use crate::policy::Policy;
use crate::policy::shape::leaves;

fn found(text: &str) -> Vec<String> {
    problems(&serde_json::from_str(text).unwrap()).iter().map(Problem::to_string).collect()
}

#[test]
fn every_problem_is_found_with_its_place() {
    let found = found(
        r#"{"descripton":"x","create":{"reboot":"yes"},"regions":[],"deadline_hours":200,
            "distribute":{"regions":["us-east",5]},"share":{"accounts":[222222222222]},"create":[]}"#,
    );
    let places: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let expected = [
        "descripton",
        "create.reboot",
        "regions",
        "deadline_hours",
        "distribute.regions[0]",
        "distribute.regions[1]",
        "share.accounts[0]",
        "create",
        "create",
        "policy shares images but names no customer-managed key for all of them",
    ];
    assert_eq!(places, expected, "{found:#?}");
}

#[test]
fn each_problem_says_what_is_allowed_and_how_to_mend_it() {
    for (text, said) in [
        (
            r#"{"shares":{}}"#,
            "did you mean \"share\"? Allowed: description, schedule, create, encrypt",
        ),
        (r#"{"Create":{}}"#, "did you mean \"create\"?"),
        (r#"{"create":{"rebot":true}}"#, "did you mean \"reboot\"?"),
        (r#"{"kms_key":"alias/a"}"#, "it belongs at encrypt.kms_key. Allowed: description"),
        (r#"{"retention":{}}"#, "there is no field \"retention\" here. Allowed: description"),
        (r#"{"encrypt":{}}"#, "the field \"kms_key\" is missing; give a key's alias"),
        (r#"{"encrypt":{"kms_key":"alias/aws/ebs"}}"#, "alias/aws/... keys belong to AWS"),
        (
            r#"{"create":{"reboot":"yes"}}"#,
            "found the text \"yes\"; allowed: true or false. Write true, without quotes",
        ),
        (
            r#"{"share":{"accounts":[222222222222]}}"#,
            "in quotes, such as \"222222222222\". Write \"222222222222\"",
        ),
        (r#"{"share":{"accounts":"222222222222"}}"#, "Write [\"222222222222\"]"),
        (r#"{"deadline_hours":169}"#, "found the number 169; allowed: 1 to 168"),
        (r#"{"deadline_hours":-1}"#, "found the number -1; allowed: 1 to 168"),
        (r#"{"deadline_hours":1.5}"#, "found the number 1.5; allowed: a whole number, 1 to 168"),
        (r#"{"deadline_hours":"24"}"#, "Take the quotes off"),
        (r#"{"description":5}"#, "Put it in quotes"),
        (r#"{"description":"a {{b}}"}"#, "two opening braces in a row"),
        (
            r#"{"create":[true]}"#,
            "found a list; allowed: an object with the fields reboot, name, description, tags",
        ),
        (
            r#"{"schedule":{}}"#,
            "the field \"cron\" is missing; give a list in which each item is a cron expression",
        ),
        (r#"{"schedule":{"cron":"0 2 * * *"}}"#, "Write [\"0 2 * * *\"]"),
        (
            r#"{"schedule":{"cron":["0 2 * *"]}}"#,
            "\"0 2 * *\" is not a valid cron expression: five fields (minute, hour",
        ),
        (r#"{"schedule":{"cron":["0 0 30 2 *"]}}"#, "that can happen, such as"),
        (r#"{"schedule":{"cron":[]}}"#, "a schedule needs at least one cron expression"),
        (
            r#"{"schedule":{"cron":["*/5 * * * *"]}}"#,
            "two slots come within 5 minutes of each other; allowed: 15 minutes",
        ),
        (
            r#"{"schedule":{"cron":["0 * * * *"],"jitter_minutes":60}}"#,
            "schedule.jitter_minutes: found 60; allowed: less than the 60 minutes between two slots",
        ),
        (
            r#"{"schedule":{"cron":["50 1 * * *","0 3 * * *"],"time_zone":"Europe/Berlin"}}"#,
            "two slots come within 10 minutes of each other where the clocks in Europe/Berlin are set forward, as on \
             2026-03-29; allowed: 15 minutes",
        ),
        (
            r#"{"schedule":{"cron":["0 */2 * * *"],"time_zone":"Europe/Berlin","jitter_minutes":100}}"#,
            "schedule.jitter_minutes: found 100; allowed: less than the 60 minutes between two slots where the clocks in",
        ),
        (
            r#"{"schedule":{"cron":["0 2 ? * 2-6"]}}"#,
            "Write \"0 2 * * MON-FRI\" as EventBridge reads it, or",
        ),
        (
            r#"{"schedule":{"cron":["0 2 * * *"],"time_zone":"CEST"}}"#,
            "\"CEST\" is not a valid time zone: a name of the IANA database, such as \"UTC\" or \"Europe/Berlin\"",
        ),
        (
            r#"{"distribute":{"regions":[{"kms_key":"alias/a"}]}}"#,
            "the field \"region\" is missing; give a Region's name",
        ),
        (
            r#"{"distribute":{"regions":[{"region":"us-west-2","kms_kye":"alias/a"}]}}"#,
            "did you mean \"kms_key\"?",
        ),
        (
            r#"{"distribute":{"regions":[{"region":"us-west-2","kms_key":null}]}}"#,
            "found nothing; allowed: a key's alias",
        ),
        (
            r#"{"distribute":{"regions":[["us-west-2"]]}}"#,
            "found a list; allowed: a Region's name, such as \"us-west-2\", or an",
        ),
        (r#"{"distribute":{"regions":"us-west-2"}}"#, "Write [\"us-west-2\"]"),
        (
            r#"{"distribute":{"regions":["us-west-2",{"region":"us-west-2","within_minutes":60}]}}"#,
            "distribute.regions[1]: the Region \"us-west-2\" is here twice with different settings; keep one of them",
        ),
        (
            r#"{"distribute":{"within_minutes":50}}"#,
            "found the number 50; allowed: 15 to 2880 in steps of 15, such as 60",
        ),
        (r#"{"distribute":{"within_minutes":10}}"#, "found the number 10; allowed: 15 to 2880"),
        (
            r#"{"distribute":{"within_minutes":2895},"deadline_hours":168}"#,
            "found the number 2895; allowed: 15 to 2880",
        ),
        (
            r#"{"distribute":{"within_minutes":"60"}}"#,
            "a whole number, 15 to 2880 in steps of 15. Take the quotes off",
        ),
        (
            r#"{"distribute":{"within_minutes":1440}}"#,
            "found 1440 minutes; allowed: less than deadline_hours, which is 24",
        ),
        (
            r#"{"deadline_hours":1,"distribute":{"regions":[{"region":"us-west-2","within_minutes":60}]}}"#,
            "distribute.regions[0].within_minutes: found 60 minutes; allowed: less than deadline_hours, which is 1",
        ),
        (
            r#"{"share":{"organizations":["o-123example"]}}"#,
            "is not a valid organization ARN: arn:aws:organizations::",
        ),
        (
            r#"{"share":{"organizational_units":["all"]}}"#,
            "is not a valid organizational unit ARN: arn:aws:organizations::",
        ),
        ("null", "The shortest policy is {}"),
    ] {
        let found = found(text);
        assert!(found[0].contains(said), "{text}: {found:?}");
    }
}

#[test]
fn a_region_may_be_named_again_if_nothing_else_is_said_of_it() {
    for regions in [
        r#"["us-west-2","us-west-2",{"region":"us-west-2"}]"#,
        r#"[{"region":"us-west-2","kms_key":"alias/a","within_minutes":60},
            {"within_minutes":60,"region":"us-west-2","kms_key":"alias/a"}]"#,
    ] {
        let text = format!(r#"{{"distribute":{{"regions":{regions}}}}}"#);
        assert_eq!(found(&text), Vec::<String>::new());
        assert!(Policy::parse(&text).is_ok());
    }
}

#[test]
fn each_problem_of_how_images_are_made_says_how_to_mend_it() {
    for (create, said) in [
        (
            r#""name":"web-{day}""#,
            "create.name: there is no placeholder \"{day}\"; allowed are {policy}, {instance}",
        ),
        (
            r#""name":"a {{date}}""#,
            "create.name: found \"{{\"; Parameter Store takes no text with two opening braces",
        ),
        (
            r#""name":5"#,
            "allowed: a text with placeholders, such as \"web-{date}\". Put it in quotes",
        ),
        (r#""name":{"date":null}"#, "Put the template in quotes: it has braces"),
        (r#""tags":["Team"]"#, "Write NAME: VALUE lines without dashes"),
        (
            r#""tags":{"Team":7}"#,
            "create.tags.Team: found the number 7; allowed: a tag's value in quotes",
        ),
        (r#""tags":{"Team":true}"#, "Put it in quotes"),
        (r#""tags":{"AWS:team":"a"}"#, "create.tags.AWS:team: \"AWS:team\" is not a valid tag key"),
        (r#""tags":{"a{{b":"a"}"#, "two opening braces in a row"),
        (r#""tags":{"a":"b{{"}"#, "two opening braces in a row"),
        (r#""tags":{"a":"1","a":"2"}"#, "create.tags.a: the field \"a\" is here twice"),
        (
            r#""tags":{"Name":"a"}"#,
            "the tag \"Name\" is Amiline's own on every image: it shows the image's name",
        ),
        (
            r#""carry_tags":["AMILINE-stack"]"#,
            "create.carry_tags[0]: the tag \"AMILINE-stack\" is Amiline's own",
        ),
        (r#""carry_tags":"Team""#, "Write [\"Team\"]"),
        (
            r#""tags":{"a":"1"},"carry_tags":["b","a"]"#,
            "create.carry_tags[1]: \"a\" is in create.tags too",
        ),
        (
            r#""exclude_devices":["sd f"]"#,
            "create.exclude_devices[0]: \"sd f\" is not a valid device name: as EC2 shows it",
        ),
        (
            r#""delete_on_termination":{"/dev/sdb":"yes"}"#,
            "allowed: true or false. Write true, without quotes",
        ),
        (
            r#""exclude_devices":["/dev/sdb"],"delete_on_termination":{"/dev/sdb":true}"#,
            "create.delete_on_termination./dev/sdb: \"/dev/sdb\" is in create.exclude_devices too",
        ),
    ] {
        let found = found(&format!("{{\"create\":{{{create}}}}}"));
        assert!(found.len() == 1 && found[0].contains(said), "{create}: {found:?}");
    }
}

#[test]
fn whoever_shares_needs_a_key_for_every_place_and_not_only_for_some() {
    let organization =
        r#""organizations":["arn:aws:organizations::123456789012:organization/o-123example"]"#;
    let unit = r#""organizational_units":["arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111"]"#;
    for shared in [r#""accounts":["222222222222"]"#, organization, unit] {
        let some = format!(
            r#"{{"share":{{{shared}}},"distribute":{{"regions":[{{"region":"us-west-2","kms_key":"alias/a"}}]}}}}"#
        );
        assert!(found(&some)[0].contains("add encrypt.kms_key"), "{some}");
        let all = format!(r#"{{"share":{{{shared}}},"encrypt":{{"kms_key":"alias/a"}}}}"#);
        assert_eq!(found(&all), Vec::<String>::new());
    }
    assert_eq!(
        found(r#"{"share":{"accounts":[],"organizations":[],"organizational_units":[]}}"#),
        Vec::<String>::new()
    );
}

#[test]
fn forty_tags_are_the_most_whether_they_are_set_or_carried() {
    let keys = |from: usize, to: usize| (from..to).map(|n| format!("k{n}")).collect::<Vec<_>>();
    let create = |set: Vec<String>, carried: Vec<String>| {
        let set: serde_json::Map<_, _> = set.into_iter().map(|key| (key, "v".into())).collect();
        found(&serde_json::json!({"create": {"tags": set, "carry_tags": carried}}).to_string())
    };
    assert!(create(keys(0, 25), keys(25, 40)).is_empty());
    let together = "create: tags and carry_tags name 41 tags together; allowed: at most 40";
    assert!(create(keys(0, 25), keys(25, 41))[0].starts_with(together));
    assert_eq!(
        create(keys(0, 41), vec![]),
        ["create.tags: found 41 different values; allowed: at most 40"]
    );
    assert_eq!(
        create(vec![], keys(0, 41)),
        ["create.carry_tags: found 41 different values; allowed: at most 40"]
    );
}

#[test]
fn twenty_regions_are_the_most_however_often_each_is_named() {
    let regions = |count: usize| (0..count).map(|n| format!("us-east-{n}")).collect::<Vec<_>>();
    let text =
        |regions: Vec<String>| serde_json::json!({"distribute": {"regions": regions}}).to_string();
    assert!(found(&text(regions(20))).is_empty());
    assert!(found(&text([regions(20), regions(20)].concat())).is_empty());
    assert_eq!(
        found(&text(regions(21))),
        ["distribute.regions: found 21 different values; allowed: at most 20"]
    );
}

#[test]
fn names_are_near_when_a_letter_is_wrong_missing_doubled_or_swapped() {
    for (one, other, expected) in [
        ("", "", 0),
        ("a", "", 1),
        ("reboot", "rebot", 1),
        ("reboot", "rebooot", 1),
        ("reboot", "erboot", 1),
        ("abc", "xyz", 3),
    ] {
        assert_eq!(distance(one, other), expected, "{one} {other}");
        assert_eq!(distance(other, one), expected, "{other} {one}");
    }
}

/// The description is in words what the types are: what the one takes, the other takes.
#[test]
fn a_document_without_problems_is_one_that_the_types_take_field_by_field() {
    let values = [
        "null",
        "true",
        "0",
        "1",
        "168",
        "169",
        "-1",
        "1.0",
        "4294967297",
        "\"\"",
        "\"us-east-1\"",
        "\"222222222222\"",
        "\"alias/a\"",
        "\"Europe/Berlin\"",
        "[\"0 2 * * *\"]",
        "[]",
        "[null]",
        "[\"us-east-1\"]",
        "[\"222222222222\"]",
        "[1]",
        "{}",
        "{\"x\":1}",
        "15",
        "2880",
        "20",
        "[{}]",
        "[[\"us-east-1\"]]",
        "[{\"region\":\"us-east-1\"}]",
        "[{\"region\":\"us-east-1\",\"kms_key\":\"alias/a\",\"within_minutes\":15}]",
        "[{\"region\":\"us-east-1\",\"kms_key\":null}]",
        "[{\"region\":\"us-east-1\",\"within_minutes\":null}]",
        "[{\"region\":\"us-east-1\",\"within_minutes\":20}]",
        "[{\"region\":\"us-east-1\",\"region\":\"us-east-1\"}]",
        "[{\"region\":\"us-east-1\"},\"us-east-1\"]",
        "[{\"region\":\"us-east-1\",\"within_minutes\":15},\"us-east-1\"]",
        "[{\"region\":\"us-east-1\",\"x\":1}]",
        "[\"arn:aws:organizations::123456789012:organization/o-123example\"]",
        "[\"arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111\"]",
        "{\"x\":\"y\"}",
        "{\"/dev/sdf\":true}",
        "{\"aws:x\":\"y\"}",
        "{\"x y\":true}",
        "[\"/dev/sdf\"]",
        "[\"aws:x\"]",
        "\"web-{date}\"",
        "\"web-{}\"",
    ];
    let mut documents = Vec::new();
    for way in leaves() {
        for value in values {
            let wrapped = |value: &str, way: &[&str]| {
                way.iter()
                    .rev()
                    .fold(value.to_owned(), |inner, name| format!("{{\"{name}\":{inner}}}"))
            };
            documents.push(wrapped(value, &way));
            documents.push(wrapped(value, &way[..1]));
            documents.push(wrapped(value, &[&way[..], &["x"]].concat()));
        }
    }
    let mut taken = 0;
    for text in documents {
        let by_description = found(&text);
        let by_types = serde_json::from_str::<Policy>(&text);
        // These are rules of the policy as a whole, and serde takes a list for an object.
        let rules = [
            "names no customer",
            "1 to 168",
            "0 to 720",
            "at least one cron",
            "less than deadline_hours",
        ];
        let ruled = by_description.iter().any(|said| rules.iter().any(|rule| said.contains(rule)));
        let listed = text.contains("[")
            && by_description.iter().any(|said| said.contains("allowed: an object"));
        assert!(
            by_description.is_empty() == by_types.is_ok() || ruled || listed,
            "{text}: {by_description:?} {by_types:?}"
        );
        taken += usize::from(by_description.is_empty());
    }
    assert!(taken > 40, "{taken}");
}
