use super::*;
use std::collections::BTreeMap;

fn variables() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        (STACK, "amiline"),
        (TAG_PREFIX, "amiline"),
        (ACCOUNT, "111111111111"),
        (LOG, "info"),
        (AWS_REGION, "us-east-1"),
        (TABLE, "amiline-lineage"),
        (POLICY_PATH, "/amiline/policies"),
        (KILL_SWITCH, "/amiline/kill-switch"),
        (ALLOWED_REGIONS, "us-west-2,, eu-west-1 ,"),
        (ALLOWED_ACCOUNTS, ""),
        (ALLOWED_ORGANIZATIONS, "arn:aws:organizations::123456789012:organization/o-123example"),
        (ALLOWED_ORGANIZATIONAL_UNITS, ","),
        (ALLOWED_KEYS, "alias/amiline,,alias/europe"),
        (MAX_IMAGES_PER_HOUR, "50"),
        (MINIMUM_INTERVAL_MINUTES, "0"),
        (CREATE_QUEUE, "https://sqs/create"),
        (DISTRIBUTE_QUEUE, "https://sqs/distribute"),
        (NOTIFY_QUEUE, "https://sqs/notify"),
        (SOURCE_REGIONS, "us-west-2,us-east-1"),
        (TOPIC, "arn:aws:sns:us-east-1:111111111111:amiline-notifications"),
        (ATTENTION_TOPIC, "arn:aws:sns:us-east-1:111111111111:amiline-attention"),
        (DIGEST_TOPIC, "arn:aws:sns:us-east-1:111111111111:amiline-digest"),
        (CHAT_TOPIC, "arn:aws:sns:us-east-1:111111111111:amiline-chat"),
        (BUS, "arn:aws:events:us-east-1:111111111111:event-bus/amiline-outcomes"),
    ])
}

fn read<S: Settings>(variables: &BTreeMap<&'static str, &'static str>) -> Result<S, SettingsError> {
    S::from_source(&|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn every_function_reads_what_it_declares_and_nothing_else() {
    fn check<S: Settings>() {
        // Only what is declared is there, so that reading anything else would be noticed twice.
        let declared: BTreeMap<_, _> = variables()
            .into_iter()
            .filter(|(name, _)| {
                S::FUNCTION.registered().variables.contains(name) || *name == AWS_REGION
            })
            .collect();
        assert!(read::<S>(&declared).is_ok());
        for missing in S::FUNCTION.registered().variables.iter().filter(|name| **name != LOG) {
            let mut fewer = declared.clone();
            fewer.remove(missing);
            let problems = read::<S>(&fewer).err().expect("a declared variable is needed").problems;
            assert_eq!(problems, [format!("{missing} is missing")]);
        }
        assert!(S::FUNCTION.registered().variables.is_sorted());
    }
    check::<CreateImage>();
    check::<DistributeImage>();
    check::<ScheduleTick>();
    check::<Notify>();
}

#[test]
fn lists_ignore_empty_parts_and_home_is_always_allowed() {
    let settings: CreateImage = read(&variables()).unwrap();
    let regions: Vec<&str> = settings.stack.bounds.regions.iter().map(Region::as_str).collect();
    assert_eq!(regions, ["eu-west-1", "us-east-1", "us-west-2"]);
    let bounds = &settings.stack.bounds;
    assert!(bounds.accounts.is_empty() && bounds.organizational_units.is_empty());
    assert_eq!((bounds.organizations.len(), bounds.keys.len()), (1, 2));
    let distribute: DistributeImage = read(&variables()).unwrap();
    assert_eq!(
        distribute.stack.bounds.organizations, bounds.organizations,
        "asked again before the call"
    );
    assert_eq!(settings.stack.bounds.images_per_hour_max, 50);
    let tick: ScheduleTick = read(&variables()).unwrap();
    let regions: Vec<&str> = tick.source_regions.iter().map(Region::as_str).collect();
    assert_eq!(regions, ["us-east-1", "us-west-2"]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut wrong = variables();
    wrong.remove(TABLE);
    wrong.insert(KILL_SWITCH, " ");
    wrong.insert(MAX_IMAGES_PER_HOUR, "many");
    wrong.insert(ALLOWED_REGIONS, "us-west-2,everywhere,nowhere");
    wrong.insert(LOG, "loud");
    let error = read::<CreateImage>(&wrong).err().unwrap();
    let text = error.to_string();
    assert_eq!(error.problems.len(), 6, "{text}");
    for part in [
        "AMILINE_TABLE is missing",
        "AMILINE_KILL_SWITCH is empty",
        "AMILINE_MAX_IMAGES_PER_HOUR: ",
        "\"everywhere\"",
        "\"nowhere\"",
        "AMILINE_LOG is \"loud\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_variable_that_is_not_declared_cannot_be_read() {
    let mut env = Env::new(Function::Notify.registered().variables, &|_| Some("there".to_owned()));
    assert_eq!(env.text(KILL_SWITCH), None);
    let problems = env.finish(Some(())).err().unwrap().problems;
    assert_eq!(problems, ["AMILINE_KILL_SWITCH is read but not declared; this is a defect"]);
}
