//! What is read of messages, and what is refused.

use super::*;

#[test]
fn what_we_send_we_can_read() {
    let region = Region::new("us-east-1").unwrap();
    let instance = InstanceId::new("i-0123456789abcdef0").unwrap();
    assert_eq!(
        decode(&look_at_instance(&region, &instance)),
        Ok(Message::LookAtInstance { region, instance })
    );
    let family = FamilyId::new("fam-0123456789abcdef").unwrap();
    let due =
        |early, shares| Ok(Message::FamilyDue(FamilyDue { family: family.clone(), early, shares }));
    assert_eq!(decode(&family_due(&family)), due(false, false));
    assert_eq!(decode(&family_due_early(&family)), due(true, false));
    assert_eq!(decode(&look_at_shares(&family)), due(false, true));
    for policy in [None, Some(PolicyName::new("web-tier").unwrap())] {
        let key = DigestKey { policy, day: "2026-11-24".parse().unwrap() };
        assert_eq!(decode(&digest_due(&key)), Ok(Message::DigestDue(key)));
    }
}

#[test]
fn the_day_that_ended_is_the_one_before_the_scheduled_time_however_late_it_comes() {
    let ended = |scheduled: &str| {
        let body = serde_json::json!({"source": "amiline", "detail-type": "DayEnded", "detail": {"scheduled": scheduled}});
        decode(&body.to_string())
    };
    let day: Day = "2026-11-24".parse().unwrap();
    assert_eq!(ended("2026-11-25T00:15:00Z"), Ok(Message::DayEnded(day)));
    assert_eq!(ended("2026-11-25T00:00:00Z"), Ok(Message::DayEnded(day)));
    assert!(matches!(ended("<aws.scheduler.scheduled-time>"), Err(BadEvent::BadField { .. })));
}

#[test]
fn hostile_messages_are_refused_with_a_reason_of_one_line() {
    let long = "x".repeat(BODY_BYTES_MAX + 1);
    let deep = "[".repeat(100_000);
    let bodies = [
        "",
        "null",
        "{}",
        "[1,2]",
        "\u{0}",
        &long,
        &deep,
        r#"{"source":"aws.ec2","detail-type":"EC2 AMI State Change","detail":{"ImageId":"ami-1\n2","State":"available"},"account":"111111111111","region":"us-east-1"}"#,
        r#"{"source":"aws.ec2","detail-type":"EC2 AMI State Change","detail":"{}"}"#,
        r#"{"source":"evil\n{\"level\":\"info\"}","detail-type":"x","detail":{}}"#,
        &format!(r#"{{"source":"x","detail-type":"{}","detail":{{}}}}"#, "\u{10ffff}".repeat(99)),
    ];
    for body in bodies {
        let error = decode(body).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        assert!(error.chars().count() < 400, "{error}");
    }
}
