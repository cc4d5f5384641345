//! Words that inputs are made of: what our code looks for, and what is known to hurt.

/// The keys that our code looks for, in events, messages and policies.
const KEYS: &str = "source detail-type account region time resources detail version id changed-tag-keys tags service \
    resource-type ImageId State ErrorMessage instance family early due_within_seconds pk sk scheduled day policy \
    description create reboot name tags carry_tags exclude_devices delete_on_termination Team /dev/sdf /dev/xvda encrypt \
    kms_key schedule cron time_zone jitter_minutes distribute regions region within_minutes share accounts organizations organizational_units deadline_hours";

/// Values that it accepts somewhere, tag names, and codes that EC2 answers with.
const VALUES: &str = "aws.tag aws.ec2 amiline LookAtInstance FamilyDue AnnounceHistory DigestDue DayEnded Tick ec2 instance \
    available failed 2026-11-24 deregistered disabled pending 111111111111 222222222222 us-east-1 us-west-2 eu-west-1 ap-southeast-3 us-gov-west-1 \
    i-0123456789abcdef0 i-1a2b3c4d ami-0123456789abcdef0 fam-0123456789abcdef alias/amiline alias/aws/ebs alias/other \
    arn:aws:ec2:us-east-1:111111111111:instance/i-0123456789abcdef0 2026-11-24T01:38:45Z -009999-01-01T00:00:00Z \
    9999-12-31T23:59:59.999999999Z 1970-01-01T00:00:00+25:59 FAMILY#fam-0123456789abcdef HISTORY#0000000001 default \
    amiline:image amiline:status amiline:managed-by amiline:family amiline:intent amiline-stack Name \
    arn:aws:organizations::123456789012:organization/o-123example \
    arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111 15 60 2880 \
    0 * */5 1-5 L W # 5L MON-FRI @daily ? UTC Europe/Berlin Pacific/Apia LookAtSchedule LookAtPolicy coverage limits interval_minutes images_per_day amiline:schedule AWS:x {policy} {instance} {slot} {date} {tag:Name} {tag: {} \
    InvalidAMIName.Duplicate InvalidInstanceID.NotFound RequestLimitExceeded UnauthorizedOperation IncorrectState";

/// The same, with spaces or quotation marks in them.
const PHRASES: [&str; 7] = [
    "Tag Change on Resource",
    "EC2 AMI State Change",
    "AMI name amiline/x is already in use by AMI ami-0123456789abcdef0",
    r#"{"create":{"reboot":true}}"#,
    r#"{"distribute":{"regions":["us-west-2","eu-west-1"]}}"#,
    r#"{"region":"us-west-2","kms_key":"alias/amiline","within_minutes":60}"#,
    r#""organizations":["arn:aws:organizations::123456789012:organization/o-123example"]"#,
];

/// What is between the parts of an input; controls; ends of lines; what turns the reading
/// direction; what is not seen; characters of each length in UTF-8; what Rust's Debug writes as an
/// escape; what JSON is made of.
const CHARACTERS: &str = "\u{1e}\0\n\r\t\u{b}\u{c}\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{61c}\u{200e}\u{200f}\u{202a}\
    \u{202e}\u{2066}\u{2069}\u{feff}\u{200b}\u{300}é\u{3a9}\u{fffd}\u{ffff}😀\u{e0001}\u{10ffff}\"\\[]{}:,/*?'";

/// Escapes of JSON (controls, lone halves of pairs, a pair, broken ones); numbers; what other
/// readers would obey.
const NASTY: &str = r"\u0000 \u000a \ud800 \udc00 \ud83d\ude00 \u2028 \u202e \u061c \u12 \x null true 0 -0 -1 1e999 1e-999
    0.1 168 169 4294967295 4294967296 18446744073709551615 -9223372036854775808 99999999999999999999999999999999999999999
    <script> `id` ${x} %s%n {} {0} ../../ aws: --";

/// What would begin another line of the log, and other things with spaces in them.
const FORGED: [&str; 5] = [
    "\n{\"level\":\"ERROR\",\"message\":\"forged\"}\n",
    "\"}",
    "\r\n",
    "\u{1b}[2J",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦",
];

/// Every word.
pub(crate) fn words() -> Vec<&'static str> {
    let characters = CHARACTERS
        .char_indices()
        .filter_map(|(at, c)| CHARACTERS.get(at..at.saturating_add(c.len_utf8())));
    [KEYS, VALUES, NASTY]
        .into_iter()
        .flat_map(str::split_ascii_whitespace)
        .chain(characters)
        .chain(PHRASES)
        .chain(FORGED)
        .collect()
}

/// Whether it is a key that our code looks for.
pub(crate) fn is_key(word: &str) -> bool {
    KEYS.split_ascii_whitespace().any(|key| key == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        let words = words();
        for word in ["source", "deadline_hours", "\u{61c}", "\n", "'", r"\ud800", "<script>", "--"]
        {
            assert!(words.contains(&word), "{word:?}");
        }
        assert!(words.iter().all(|word| !word.is_empty()));
        assert!(is_key("kms_key") && !is_key("kms"));
    }
}
