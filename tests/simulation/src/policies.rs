//! The policies that people write.

use crate::run::Run;
use amiline_scenarios::POLICY;

/// The policies at the beginning: name and text, first those that can be used while the stack is as
/// it was deployed. The others cannot, as in real life.
pub const POLICIES: [(&str, &str); 21] = [
    ("default", POLICY),
    ("plain", "{}"),
    (
        "copies",
        r#"{"create":{"name":"{tag:Name}/{policy} {date}","tags":{"Stage":"test","Empty":""},"carry_tags":["Team","Owner"]},"distribute":{"regions":["us-west-2"]}}"#,
    ),
    (
        "secret",
        r#"{"create":{"exclude_devices":["/dev/sdf","/dev/sdb"],"delete_on_termination":{"/dev/xvda":false,"/dev/sdc":false}},"encrypt":{"kms_key":"alias/amiline"}}"#,
    ),
    (
        "reboot",
        r#"{"create":{"reboot":true,"name":"{tag:Name}","carry_tags":["Name of the server","Team"],"exclude_devices":["/dev/sdc"]},"distribute":{"regions":["eu-west-1"]},"deadline_hours":1}"#,
    ),
    ("far", r#"{"distribute":{"regions":["ap-southeast-3","us-west-2"]}}"#),
    (
        "own-keys",
        r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"within_minutes":120,
            "regions":["us-west-2",{"region":"eu-west-1","kms_key":"alias/europe","within_minutes":60}]}}"#,
    ),
    (
        "keys-abroad",
        r#"{"distribute":{"regions":[{"region":"us-east-1","within_minutes":15},{"region":"eu-west-1","kms_key":"alias/europe"}]}}"#,
    ),
    (
        "organization",
        r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":["us-west-2"]},"share":{"accounts":["222222222222"],
            "organizations":["arn:aws:organizations::123456789012:organization/o-123example"]}}"#,
    ),
    (
        "unit",
        r#"{"encrypt":{"kms_key":"alias/amiline"},"distribute":{"regions":[{"region":"eu-west-1","kms_key":"alias/europe"}]},
            "share":{"organizational_units":["arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111"]}}"#,
    ),
    (
        "limited",
        r#"{"limits":{"interval_minutes":20,"images_per_day":2},"distribute":{"regions":["us-west-2"]}}"#,
    ),
    ("unsharable", r#"{"share":{"accounts":["222222222222"]}}"#),
    (
        "stranger",
        r#"{"encrypt":{"kms_key":"alias/amiline"},"share":{"accounts":["333333333333"]},"distribute":{"regions":["us-west-2"]}}"#,
    ),
    (
        "other-organization",
        r#"{"encrypt":{"kms_key":"alias/amiline"},
            "share":{"organizations":["arn:aws:organizations::999999999999:organization/o-stranger999"]}}"#,
    ),
    ("other-key", r#"{"distribute":{"regions":[{"region":"us-west-2","kms_key":"alias/other"}]}}"#),
    ("too-late", r#"{"distribute":{"regions":["us-west-2"],"within_minutes":1440}}"#),
    ("broken", "{\"distribute\":"),
    ("misspelt", r#"{"shares":{}}"#),
    ("rootless", r#"{"create":{"exclude_devices":["/dev/sdf","/dev/xvda"]}}"#),
    ("pretender", r#"{"create":{"tags":{"Amiline:managed-by":"amiline"}}}"#),
    ("unnamed", r#"{"create":{"name":"web-{day}"}}"#),
];

/// The policies with schedules: name and text. Their slots are close, so that a short life has
/// several.
pub const SCHEDULES: [(&str, &str); 4] = [
    ("often", r#"{"schedule":{"cron":["*/30 * * * *"]}}"#),
    (
        "hourly",
        r#"{"schedule":{"cron":["7 * * * *"],"jitter_minutes":15},"distribute":{"regions":["us-west-2"]}}"#,
    ),
    (
        "zoned",
        r#"{"schedule":{"cron":["15 */2 * * *"],"time_zone":"Asia/Kolkata"},"encrypt":{"kms_key":"alias/amiline"}}"#,
    ),
    (
        "capped",
        r#"{"schedule":{"cron":["*/30 * * * *"]},"limits":{"interval_minutes":10,"images_per_day":3}}"#,
    ),
];

/// How many of [`POLICIES`] can be used.
pub(crate) const USABLE: usize = 11;

/// The key that exists in one Region only.
pub(crate) const EUROPES_KEY: &str = "alias/europe";

/// The administrator's first work.
pub(crate) fn write_policies(run: &mut Run) {
    for (name, text) in POLICIES {
        put_policy(run, name, Some(text));
    }
    if run.conditions.enrols {
        for (name, text) in SCHEDULES {
            put_policy(run, name, Some(text));
        }
    }
}

pub(crate) fn put_policy(run: &mut Run, name: &str, text: Option<&str>) {
    match text {
        Some(text) => run.cloud.put_policy(name, text),
        None => run.cloud.delete_policy(name),
    }
    run.diary.write_policy(name, text, run.cloud.now());
}
