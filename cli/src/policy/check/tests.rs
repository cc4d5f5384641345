use super::*;
use amiline_domain::bounds::Bounds;
use amiline_domain::tags::TagKeys;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn messages(text: &str, is_json: bool) -> Vec<String> {
    check_text(text, is_json)
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|found| found.message)
        .collect()
}

#[test]
fn a_json_file_holds_json_and_not_only_yaml() {
    assert!(check_text("{\"deadline_hours\": 5}", true).is_ok());
    for text in ["deadline_hours: 5", "{\"deadline_hours\": 5,}", "# a comment\n{}", "{}{}", ""] {
        assert!(messages(text, true)[0].starts_with("this is no JSON"), "{text}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_document() {
    let written = check_text("\u{feff}{\"deadline_hours\": 5}", true).unwrap();
    assert_eq!(written.text, r#"{"deadline_hours":5}"#);
    assert_eq!(check_text("\u{feff}deadline_hours: 5\n", false).unwrap(), written);
    let found = check_text("\u{feff}{\"hours\": 5}", true).unwrap_err();
    assert_eq!(found[0].spot, Some(Spot { line: 1, column: 2 }));
}

#[test]
fn an_alias_is_told_once_and_the_rest_is_told_too() {
    let found = check_text("a: &x 1\ndeadline_hours: *x\ncreate: []\n", false).unwrap_err();
    let lines: Vec<usize> = found.iter().map(|found| found.spot.unwrap().line).collect();
    assert_eq!(lines, [1, 2, 3], "{found:?}");
}

const NAMES: &[&str] = &[
    "description",
    "create",
    "reboot",
    "name",
    "tags",
    "carry_tags",
    "exclude_devices",
    "delete_on_termination",
    "Team",
    "/dev/sdf",
    "encrypt",
    "kms_key",
    "distribute",
    "regions",
    "share",
    "region",
    "within_minutes",
    "accounts",
    "organizations",
    "organizational_units",
    "deadline_hours",
];

#[test]
fn every_example_is_a_policy_within_the_bounds_of_a_stack_like_the_readmes() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/policies");
    let files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    let checked = check(&files);
    assert!(is_fine(&checked), "{}", super::text(&checked, Paint::plain()));
    let keys = TagKeys::new("amiline".parse().unwrap());
    let bounds = Bounds {
        regions: ["us-east-1", "us-west-2", "eu-west-1"]
            .map(|region| region.parse().unwrap())
            .into(),
        accounts: ["222222222222".parse().unwrap()].into(),
        organizations: ["arn:aws:organizations::222222222222:organization/o-123example"
            .parse()
            .unwrap()]
        .into(),
        organizational_units: [].into(),
        keys: ["alias/amiline", "alias/amiline-eu"].map(|alias| alias.parse().unwrap()).into(),
        images_per_hour_max: 50,
        interval_minutes_min: 5,
    };
    for Proposed { name, written } in all_fine(checked).unwrap() {
        assert_eq!(written.policy.check(&bounds, &keys), Ok(()), "{name}");
        assert!(!written.policy.description.is_empty(), "{name} does not say what it is for");
        assert!(written.text.len() <= TEXT_BYTES_MAX, "{name}");
    }
}

/// Something like a policy: mostly right names, and values of every kind.
fn document() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("us-east-1".to_owned()),
        Just("222222222222".to_owned()),
        Just("alias/amiline".to_owned()),
        Just("alias/aws/ebs".to_owned()),
        Just("Team".to_owned()),
        Just("/dev/sdf".to_owned()),
        Just("web-{date}-{tag:Name}".to_owned()),
        Just("{what}".to_owned()),
        "\\PC{0,8}",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        2 => Just(Value::Null),
        3 => any::<bool>().prop_map(Value::from),
        4 => (0i64..200).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        8 => word.prop_map(Value::from),
    ];
    let name = prop_oneof![
        12 => prop::sample::select(NAMES).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(name.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A policy of the right shape, each field right more often than not.
fn policy() -> impl Strategy<Value = Value> {
    fn or_any(
        right: impl Strategy<Value = Value> + 'static,
    ) -> impl Strategy<Value = Option<Value>> {
        prop_oneof![4 => Just(None), 9 => right.prop_map(Some), 1 => document().prop_map(Some)]
    }
    let list = |word: &'static str| {
        prop::collection::vec(word.prop_map(Value::from), 0..23).prop_map(Value::from)
    };
    let object = |name: &'static str, value: BoxedStrategy<Option<Value>>| {
        value.prop_map(move |value| {
            Value::Object(value.map(|value| (name.to_owned(), value)).into_iter().collect())
        })
    };
    let minutes = || or_any((0i64..40).prop_map(|quarters| Value::from(quarters * 15)));
    let region = "[a-z]{2}-[a-z]{4,9}-[1-9]".prop_map(Value::from);
    let own = (region.clone(), or_any("alias/[a-z]{1,8}".prop_map(Value::from)), minutes());
    let own = own.prop_map(|(region, key, minutes)| {
        let fields = [("region", Some(region)), ("kms_key", key), ("within_minutes", minutes)];
        Value::Object(
            fields
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
        )
    });
    let regions =
        prop::collection::vec(prop_oneof![8 => region, 1 => own], 0..23).prop_map(Value::from);
    let distribute = (or_any(regions), minutes()).prop_map(|(regions, minutes)| {
        let fields = [("regions", regions), ("within_minutes", minutes)];
        Value::Object(
            fields
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
        )
    });
    let share = prop_oneof![
        object("accounts", or_any(list("[0-9]{12}")).boxed()),
        object(
            "organizations",
            or_any(list("arn:aws:organizations::[0-9]{12}:organization/o-[a-z0-9]{9,10}")).boxed()
        ),
        object(
            "organizational_units",
            or_any(list(
                "arn:aws:organizations::[0-9]{12}:ou/o-[a-z0-9]{10}/ou-[a-z0-9]{4}-[a-z0-9]{8}"
            ))
            .boxed(),
        ),
    ];
    (
        or_any(any::<String>().prop_map(Value::from)),
        or_any(schedule()),
        or_any(create()),
        or_any(object("kms_key", or_any("alias/[a-z]{1,8}".prop_map(Value::from)).boxed())),
        or_any(distribute),
        or_any(share),
        or_any((0i64..180).prop_map(Value::from)),
    )
        .prop_map(|(description, schedule, create, encrypt, distribute, share, deadline)| {
            let fields = [
                ("description", description),
                ("schedule", schedule),
                ("create", create),
                ("encrypt", encrypt),
                ("distribute", distribute),
                ("share", share),
                ("deadline_hours", deadline),
            ];
            let given =
                fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(given.collect())
        })
}

/// A schedule, mostly one that can be kept.
fn schedule() -> impl Strategy<Value = Value> {
    const CRONS: &[&str] = &[
        "30 2 * * *",
        "0 4 * * MON-FRI",
        "*/20 * * * *",
        "0 0 L * *",
        "*/5 * * * *",
        "0 0 30 2 *",
    ];
    const ZONES: &[&str] = &["UTC", "Europe/Berlin", "Asia/Kolkata", "CEST"];
    // The later ones of each list are refused.
    let one_of = |all: &'static [&'static str]| {
        (0..all.len() * 2).prop_map(move |at| Value::from(all[at % all.len()]))
    };
    let crons = prop_oneof![
        6 => prop::sample::select(&CRONS[..4]).prop_map(Value::from),
        1 => one_of(CRONS),
    ];
    let zone = prop_oneof![6 => prop::sample::select(&ZONES[..3]).prop_map(Value::from), 1 => one_of(ZONES)];
    (prop::collection::vec(crons, 1..3).prop_map(Value::from), zone, 0u32..40)
        .prop_map(|(cron, zone, jitter)| serde_json::json!({"cron": cron, "time_zone": zone, "jitter_minutes": jitter}))
}

/// How images are made, each field right more often than not.
fn create() -> impl Strategy<Value = Value> {
    fn seldom(
        value: impl Strategy<Value = Value> + 'static,
    ) -> impl Strategy<Value = Option<Value>> {
        prop_oneof![12 => Just(None), 4 => value.prop_map(Some), 1 => document().prop_map(Some)]
    }
    let list = |word: &'static str| {
        prop::collection::vec(word.prop_map(Value::from), 0..23).prop_map(Value::from)
    };
    let map = |name: &'static str, value: BoxedStrategy<Value>| {
        prop::collection::btree_map(name, value, 0..6)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    };
    (
        seldom(any::<bool>().prop_map(Value::from)),
        seldom(
            "([a-z /]{0,3}|\\{(policy|slot|date|tag:[A-Za-z:]{1,5})\\}){1,4}\\{?"
                .prop_map(Value::from),
        ),
        seldom(map("[A-Za-z:]{1,6}", "\\PC{0,6}".prop_map(Value::from).boxed())),
        seldom(list("[A-Za-z]{1,2}")),
        seldom(list("/dev/sd[b-z]")),
        seldom(map("/dev/sd[b-z]", any::<bool>().prop_map(Value::from).boxed())),
    )
        .prop_map(|(reboot, name, tags, carry, exclude, delete)| {
            let fields = [
                ("reboot", reboot),
                ("name", name),
                ("tags", tags),
                ("carry_tags", carry),
                ("exclude_devices", exclude),
                ("delete_on_termination", delete),
            ];
            let given =
                fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(given.collect())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What the command finds no problem in is what the functions take, whether it is read as JSON
    /// or as YAML.
    #[test]
    fn check_finds_no_problem_if_and_only_if_the_functions_take_it(value in prop_oneof![policy(), document()], pretty: bool) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let taken = Policy::parse(&text);
        let checked = check_text(&text, true);
        prop_assert_eq!(checked.is_ok(), taken.is_ok(), "{} {:?} {:?}", text, checked, taken);
        if let (Ok(written), Ok(policy)) = (&checked, &taken) {
            prop_assert_eq!(&written.policy, policy);
            prop_assert_eq!(Policy::parse(&written.text), Ok(policy.clone()));
        }
        let as_yaml = check_text(&text, false);
        prop_assert_eq!(as_yaml.is_ok(), taken.is_ok(), "as YAML: {} {:?} {:?}", text, as_yaml, taken);
    }

    #[test]
    fn no_text_makes_the_check_panic_or_break_a_line(text in any::<String>(), json: bool) {
        for message in messages(&text, json) {
            prop_assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}

/// The strategy above makes both kinds often enough to say anything.
#[test]
fn policies_that_are_taken_are_made_often_enough() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let taken = (0..400).filter(|_| {
        let value = policy().new_tree(&mut runner).unwrap().current();
        Policy::parse(&value.to_string()).is_ok()
    });
    let taken = taken.count();
    assert!((40..360).contains(&taken), "{taken} of 400");
}
