use super::*;
use serde_json::{Value, json};

pub(crate) fn address() -> StackAddress {
    StackAddress {
        stack: crate::ids::StackName::new("amiline").unwrap(),
        prefix: crate::ids::TagPrefix::new("amiline").unwrap(),
        home: crate::ids::Region::new("us-east-1").unwrap(),
    }
}

pub(crate) fn item(event: &str, region: &str, name: Option<&str>) -> HistoryItem {
    serde_json::from_value(json!({
        "family": "fam-0123456789abcdef", "seq": 3, "prev_hash": "", "hash": "00ff", "outcome_id": "0123456789abcdef",
        "at": "2026-11-23T10:19:33Z", "event": event, "account": "111111111111", "region": region,
        "instance": "i-0a1b2c3d4e5f60718", "instance_region": "us-east-1", "instance_name": name,
        "requested": "default", "policy": "default", "image": "ami-0f1e2d3c4b5a69788", "reason": {"code": "source-gone"}, "images": [],
    }))
    .unwrap()
}

fn subject_of(event: &str, region: &str, name: &str) -> String {
    render(&item(event, region, Some(name)), &address()).subject
}

#[test]
fn a_subject_names_the_machine_and_stays_within_what_sns_takes() {
    assert_eq!(
        subject_of("image-creating", "us-east-1", "web-1"),
        "Amiline: web-1 (i-0a1b2c3d4e5f60718): creating ami-0f1e2d3c4b5a69788"
    );
    for event in [
        "image-deregistered",
        "duplicate-found",
        "copy-available",
        "coverage-restored",
        "share-failed",
        "family-complete",
    ] {
        for name in
            ["a".repeat(64), "\u{1f4b0}".repeat(64), "名前".to_owned(), "<b>\u{202e}`x".to_owned()]
        {
            let subject = subject_of(event, "ap-southeast-3", &name);
            assert!(subject.is_ascii() && subject.len() < 100, "{subject}");
            assert!(subject.contains("i-0a1b2c3d4e5f60718") && !subject.contains('<'), "{subject}");
            assert_eq!(subject.contains("aaaaaaaa"), name.starts_with('a'), "{subject}");
        }
    }
    assert_eq!(
        subject_of("family-failed", "us-east-1", "名前"),
        "Amiline: i-0a1b2c3d4e5f60718: no image could be made",
        "a name of question marks helps nobody"
    );
}

#[test]
fn a_mail_says_which_machine_where_to_look_and_what_to_type() {
    let copy = item("family-partial", "us-east-1", Some("web-1"));
    let text = render(&copy, &address()).text;
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            "web-1 (i-0a1b2c3d4e5f60718): ami-0f1e2d3c4b5a69788 is only partly distributed",
            "",
            "Reason    the source image is gone",
            "Instance  web-1 (i-0a1b2c3d4e5f60718)",
            "Image     ami-0f1e2d3c4b5a69788",
            "Region    us-east-1",
            "Account   111111111111",
            "Policy    default",
            "Family    fam-0123456789abcdef",
            "Time      2026-11-23T10:19:33Z",
            "Console   https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=i-0a1b2c3d4e5f60718",
            "Console   https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#ImageDetails:imageId=ami-0f1e2d3c4b5a69788",
            "Next      amiline retry fam-0123456789abcdef --region us-east-1",
        ]
    );
    let names = render(&item("family-complete", "us-east-1", Some("名前 <b>")), &address()).text;
    assert!(
        names.contains("Instance  名前 ?b? (i-0a1b2c3d4e5f60718)") && !names.contains("Next"),
        "{names}"
    );
    let copied = render(&item("copy-available", "eu-west-1", None), &address()).text;
    assert!(
        copied.contains("region=us-east-1#InstanceDetails")
            && copied.contains("region=eu-west-1#ImageDetails")
    );
}

#[test]
fn the_next_command_fits_what_happened() {
    let next = |event: &str| {
        let text = render(&item(event, "us-east-1", None), &address()).text;
        text.lines().find_map(|line| line.strip_prefix("Next      amiline ")).map(str::to_owned)
    };
    let why = Some("why i-0a1b2c3d4e5f60718 --region us-east-1".to_owned());
    let retry = Some("retry fam-0123456789abcdef --region us-east-1".to_owned());
    for event in ["request-rejected", "coverage-lost", "slots-missed"] {
        assert_eq!(next(event), why, "{event}");
    }
    for event in ["family-partial", "family-failed", "image-deregistered", "image-disabled"] {
        assert_eq!(next(event), retry, "{event}");
    }
    assert_eq!(
        next("policy-refused"),
        Some("policy history default --region us-east-1".to_owned())
    );
    assert_eq!(next("copy-failed"), None, "nothing can be retried before the family has ended");
}

#[test]
fn a_request_that_names_no_policy_is_quoted() {
    let mut item = item("request-rejected", "us-east-1", None);
    (item.policy, item.requested) = (None, Some("no such\u{202e}<policy>".to_owned()));
    let notice = render(&item, &address());
    assert!(notice.text.contains("Requested \"no such??policy?\"\n"), "{}", notice.text);
    let json: Value = serde_json::from_str(&notice.json).unwrap();
    assert_eq!(json["policy"], Value::Null);
}
