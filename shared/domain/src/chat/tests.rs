use super::*;
use crate::notice::tests::{address, item};
use crate::reason::ImageReason;
use serde_json::{Value, json};

#[test]
fn a_notice_for_a_chat_says_what_happened_why_where_and_what_to_type() {
    let notice = render(&item("family-partial", "us-east-1", Some("web-1")), &address());
    let json: Value = serde_json::from_str(&notice.json).unwrap();
    let console = "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1";
    assert_eq!(
        json,
        json!({
            "version": "1.0",
            "source": "custom",
            "id": "0123456789abcdef",
            "content": {
                "textType": "client-markdown",
                "title": "Amiline needs you: web-1 (i-0a1b2c3d4e5f60718): ami-0f1e2d3c4b5a69788 is only partly distributed",
                "description": format!(
                    "Reason: `the source image is gone`\nus-east-1 in account 111111111111, policy default, 2026-11-23T10:19:33Z\n\
                     {console}#InstanceDetails:instanceId=i-0a1b2c3d4e5f60718\n\
                     {console}#ImageDetails:imageId=ami-0f1e2d3c4b5a69788"
                ),
                "nextSteps": ["`amiline retry fam-0123456789abcdef --region us-east-1`"],
                "keywords": ["family-partial", "default"],
            },
            "metadata": {
                "threadId": "fam-0123456789abcdef",
                "summary": "web-1 (i-0a1b2c3d4e5f60718): ami-0f1e2d3c4b5a69788 is only partly distributed",
                "eventType": "family-partial",
            },
        })
    );
}

#[test]
fn what_others_wrote_is_no_markup_and_mentions_nobody() {
    let mut item = item("family-failed", "us-east-1", Some("<!channel> *[x](http://y)*`"));
    let message = Some("`<@U1> \u{202e}".repeat(200));
    item.reason = Some(ImageReason::FailedInEc2 { message }.into());
    let json = render(&item, &address()).json;
    assert!(
        !json.contains("<!")
            && !json.contains("<@")
            && !json.contains("*[")
            && !json.contains('\u{202e}'),
        "{json}"
    );
    assert!(json.matches('`').count() == 4 && json.len() < 4000, "two pieces of code: {json}");
}
