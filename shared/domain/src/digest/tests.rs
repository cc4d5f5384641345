use super::*;
use serde_json::{Value, json};

fn address() -> StackAddress {
    crate::notice::tests::address()
}

fn day() -> Day {
    "2026-11-24".parse().unwrap()
}

fn key(policy: Option<&str>) -> DigestKey {
    DigestKey { policy: policy.map(|name| PolicyName::new(name).unwrap()), day: day() }
}

fn family(
    number: usize,
    policy: Option<&str>,
    at: &str,
    outcome: Option<&str>,
    status: Option<&str>,
) -> Family {
    serde_json::from_value(json!({
        "id": format!("fam-{number:016x}"), "work": {"version": 1, "lease": null, "due": null}, "stack": "amiline", "account": "111111111111",
        "region": "us-east-1", "instance": format!("i-{number:017x}"), "button": "image", "slot": 1_795_521_600,
        "requested": "x", "instance_name": "web-1", "policy": policy.map(|name| json!({"name": name, "hash": "h"})), "phase": "settled",
        "outcome": outcome, "status": status, "status_image": status.and_then(|status| status.split(' ').find(|word| word.starts_with("ami-0"))), "status_due": false, "reopen": false, "answer_refusals": 0,
        "answer_not_before": null, "round": 0, "seq": 1, "last_hash": "",
        "created_at": at, "row_versions": {},
    }))
    .unwrap()
}

fn of(families: &[Family], policy: Option<&str>) -> Option<Notice> {
    let mut digest = Digest::new(key(policy));
    families.iter().for_each(|family| digest.add(family));
    digest.notice(&address())
}

fn document(notice: &Notice) -> Value {
    serde_json::from_str(&notice.json).unwrap()
}

const NOON: &str = "2026-11-24T12:00:00Z";

#[test]
fn a_day_is_counted_and_what_did_not_go_as_asked_is_named_with_its_reason() {
    let families = [
        family(1, Some("web"), NOON, Some("complete"), Some("available ami-1 in 3 Regions")),
        family(2, Some("web"), "2026-11-24T00:00:00Z", Some("complete"), None),
        family(
            3,
            Some("web"),
            NOON,
            Some("partial"),
            Some("partial ami-0123456789abcdef0 in 2 Regions: eu-west-1: key disabled"),
        ),
        family(4, Some("web"), "2026-11-24T23:59:59Z", Some("failed"), Some("failed: denied")),
        family(5, Some("web"), NOON, Some("rejected"), Some("rejected: imaged minutes ago")),
        family(6, Some("web"), NOON, None, Some("creating ami-6")),
        family(7, Some("other"), NOON, Some("failed"), None),
        family(8, None, NOON, Some("rejected"), None),
        family(9, Some("web"), "2026-11-25T00:00:00Z", Some("failed"), None),
        family(10, Some("web"), "2026-11-23T23:59:59Z", Some("failed"), None),
    ];
    let notice = of(&families, Some("web")).unwrap();
    assert_eq!(
        notice.subject,
        "Amiline: web on 2026-11-24: 3 images, 1 partial, 1 failed, 1 under way, 1 rejected"
    );
    let lines: Vec<&str> = notice.text.lines().collect();
    let named = |number: usize, why: &str| format!("  web-1 (i-{number:017x}) in us-east-1: {why}");
    let console = "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#";
    let shown =
        |number: usize| format!("      {console}InstanceDetails:instanceId=i-{number:017x}");
    let retry = |number: usize| format!("      amiline retry fam-{number:016x} --region us-east-1");
    assert_eq!(
        lines,
        [
            "web, 2026-11-24 (UTC): 3 images, 1 partial, 1 failed, 1 under way, 1 rejected",
            "",
            "Partial or failed",
            &named(3, "partial ami-0123456789abcdef0 in 2 Regions: eu-west-1: key disabled"),
            &shown(3),
            &format!("      {console}ImageDetails:imageId=ami-0123456789abcdef0"),
            &retry(3),
            &named(4, "failed: denied"),
            &shown(4),
            &retry(4),
            "",
            "Still under way; you are told when they end",
            &named(6, "creating ami-6"),
            &shown(6),
            "",
            "Rejected",
            &named(5, "rejected: imaged minutes ago"),
            &shown(5),
            "      amiline why i-00000000000000005 --region us-east-1",
        ]
    );
    let json = document(&notice);
    assert_eq!(
        json["counts"],
        json!({"complete": 2, "partial": 1, "failed": 1, "rejected": 1, "under_way": 1})
    );
    assert_eq!(
        (&json["images"], &json["left_out"], &json["day"]),
        (&json!(3), &json!(0), &json!("2026-11-24"))
    );
    let outcomes: Vec<&Value> =
        json["families"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, [&json!("partial"), &json!("failed"), &Value::Null, &json!("rejected")]);
    assert_eq!(notice.attributes["severity"], "error");
}

#[test]
fn a_day_without_a_press_has_no_digest_and_a_good_day_a_short_one() {
    assert_eq!(of(&[family(1, Some("other"), NOON, Some("failed"), None)], Some("web")), None);
    let notice = of(&[family(1, Some("web"), NOON, Some("complete"), None)], Some("web")).unwrap();
    assert_eq!(notice.subject, "Amiline: web on 2026-11-24: 1 image");
    assert_eq!(notice.text, "web, 2026-11-24 (UTC): 1 image\n");
    assert_eq!(notice.attributes["severity"], "info");
}

#[test]
fn presses_that_named_no_policy_have_a_digest_of_their_own() {
    let notice =
        of(&[family(8, None, NOON, Some("rejected"), Some("rejected: no policy"))], None).unwrap();
    assert_eq!(notice.subject, "Amiline: no policy on 2026-11-24: 0 images, 1 rejected");
    assert_eq!(document(&notice)["policy"], Value::Null);
    assert!(!notice.attributes.contains_key("policy"));
}

#[test]
fn a_digest_stays_short_however_long_the_day_and_safe_whatever_a_status_says() {
    let hostile = format!("failed: <b>\u{202e}{}\nforged", "\u{1F4A5}".repeat(300));
    let families: Vec<Family> = (0..5000)
        .map(|n| {
            family(
                n,
                Some("web"),
                NOON,
                Some(if n % 2 == 0 { "failed" } else { "rejected" }),
                Some(&hostile),
            )
        })
        .collect();
    let notice = of(&families, Some("web")).unwrap();
    assert!(
        notice.text.len() < 40_000 && notice.json.len() < 100_000,
        "{} {}",
        notice.text.len(),
        notice.json.len()
    );
    assert!(
        notice.text.lines().all(|line| line.is_ascii() && line.len() <= 402 && !line.contains('<'))
    );
    assert!(!notice.json.contains('\n') && !notice.json.contains('\u{202e}'));
    assert!(notice.text.contains("and 2470 more"), "{}", notice.text);
    let json = document(&notice);
    assert_eq!(json["left_out"], 5000 - 2 * LISTED_MAX);
    assert_eq!(json["families"].as_array().unwrap().len(), 2 * LISTED_MAX);
    assert!(notice.subject.len() <= SUBJECT_MAX && notice.subject.is_ascii());
}

#[test]
fn one_digest_has_one_id_and_no_other_has_it() {
    let id = |key: &DigestKey, stack: &str| key.id(&StackName::new(stack).unwrap());
    let all = [
        id(&key(Some("web")), "amiline"),
        id(&key(None), "amiline"),
        id(&key(Some("web")), "staging"),
        id(&DigestKey { day: "2026-11-25".parse().unwrap(), ..key(Some("web")) }, "amiline"),
    ];
    assert_eq!(all[0], id(&key(Some("web")), "amiline"));
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    let notice = of(&[family(1, Some("web"), NOON, None, None)], Some("web")).unwrap();
    assert_eq!(document(&notice)["digest_id"], json!(all[0]));
}

#[test]
fn enrolments_that_ended_are_named_and_alone_make_a_digest() {
    let item = |number: usize, policy: &str, at: &str| -> HistoryItem {
        let instance = format!("i-{number:017x}");
        serde_json::from_value(json!({
            "enrolment": {"account": "111111111111", "region": "us-east-1", "instance": instance},
            "seq": 1, "prev_hash": "", "hash": "", "outcome_id": "0", "at": at, "event": "enrolment-ended",
            "account": "111111111111", "region": "us-east-1", "instance": instance, "policy": policy, "image": null,
            "reason": {"code": "enrolment-ended", "policy": "nightly", "key": "amiline:schedule"}, "images": [],
        }))
        .unwrap()
    };
    let mut digest = Digest::new(key(Some("web")));
    for number in 1..=40 {
        digest.add_ended(&item(number, "web", NOON));
    }
    digest.add_ended(&item(41, "other", NOON));
    digest.add_ended(&item(42, "web", "2026-11-25T00:00:00Z"));
    let notice = digest.notice(&address()).unwrap();
    assert_eq!(notice.subject, "Amiline: web on 2026-11-24: 0 images, 40 no longer enrolled");
    assert_eq!(notice.attributes["severity"], "warning");
    assert!(notice.text.contains(&format!("  i-{:017x} in us-east-1: the tag amiline:schedule is gone from the instance, so no further image is made under nightly", 1)), "{}", notice.text);
    assert!(notice.text.ends_with("  and 10 more\n"), "{}", notice.text);
    let ended = &document(&notice)["enrolments_ended"];
    assert_eq!((&ended["count"], ended["instances"].as_array().unwrap().len()), (&json!(40), 30));
}

#[test]
fn a_draft_of_any_day_comes_back_as_it_was_written_and_fits_into_an_item() {
    let widest = "\u{1f600}".repeat(400);
    let mut draft = Draft::new(key(Some("web")));
    for number in 0..400 {
        let outcome = [None, Some("partial"), Some("failed"), Some("rejected")][number % 4];
        let mut family = family(number, Some("web"), NOON, outcome, Some(&widest));
        family.requested.clone_from(&widest);
        family.instance_name = InstanceName::of(&widest);
        draft.digest.add(&family);
    }
    draft.from = ReadFrom::Families(Some(widest));
    let json = serde_json::to_string(&draft).unwrap();
    assert_eq!(serde_json::from_str::<Draft>(&json).unwrap(), draft);
    // An item has at most 400 KB, names included.
    assert!(json.len() < 390_000, "{}", json.len());
}
