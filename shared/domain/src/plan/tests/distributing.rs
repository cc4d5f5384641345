//! Where copies go, under which key, within which time; and who may launch the images.

use super::*;
use crate::policy::CopyMinutes;

const ORGANIZATION: &str = "arn:aws:organizations::123456789012:organization/o-123example";
const UNIT: &str = "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";

/// The key and the time of a copy.
type Asked<'a> = (Option<&'a str>, Option<u32>);

fn copies(actions: &[DistributeAction]) -> BTreeMap<&str, Asked<'_>> {
    let copies = actions.iter().filter_map(|action| match action {
        DistributeAction::Copy(step) => Some(step),
        DistributeAction::Share(_) | DistributeAction::Answer(_) => None,
    });
    let said = |step: &'_ CopyStep| step.within_minutes.map(CopyMinutes::get);
    copies
        .map(|step| {
            (step.destination.as_str(), (step.kms_key.as_ref().map(KeyAlias::as_str), said(step)))
        })
        .collect()
}

#[test]
fn each_copy_has_the_key_and_the_time_of_its_destination_and_else_the_policys() {
    let policy = r#"{"encrypt":{"kms_key":"alias/k"},"distribute":{"within_minutes":120,
        "regions":["us-west-2",{"region":"eu-west-1","kms_key":"alias/eu","within_minutes":60}]}}"#;
    let mut stage = Stage::with_available_source(policy, true);
    let (actions, _) = stage.decide::<Distributing>();
    let expected =
        [("eu-west-1", (Some("alias/eu"), Some(60))), ("us-west-2", (Some("alias/k"), Some(120)))];
    assert_eq!(copies(&actions), expected.into());
}

#[test]
fn a_destination_may_have_a_key_where_the_policy_has_none() {
    let policy =
        r#"{"distribute":{"regions":["us-west-2",{"region":"eu-west-1","kms_key":"alias/eu"}]}}"#;
    let mut stage = Stage::with_available_source(policy, true);
    let wanted = reads::<Distributing>(
        &stage.family,
        &Observed::default(),
        &FamilyHint::default(),
        stage.input(),
    );
    assert!(!wanted.contains(&DistributeRead::SourceKeys), "nothing is asked of the image at home");
    let (actions, _) = stage.decide::<Distributing>();
    assert_eq!(
        copies(&actions),
        [("eu-west-1", (Some("alias/eu"), None)), ("us-west-2", (None, None))].into()
    );
}

#[test]
fn the_encrypted_copy_at_home_has_no_time_unless_home_is_a_destination() {
    let policy = r#"{"encrypt":{"kms_key":"alias/k"},"distribute":{"within_minutes":30,"regions":["us-west-2"]}}"#;
    let mut stage = Stage::with_available_source(policy, false);
    let (actions, _) = stage.decide::<Distributing>();
    let expected =
        [("us-east-1", (Some("alias/k"), None)), ("us-west-2", (Some("alias/k"), Some(30)))];
    assert_eq!(copies(&actions), expected.into());

    let policy = r#"{"distribute":{"regions":[{"region":"us-east-1","kms_key":"alias/home","within_minutes":15}]}}"#;
    let mut stage = Stage::with_available_source(policy, false);
    let (actions, _) = stage.decide::<Distributing>();
    assert_eq!(copies(&actions), [("us-east-1", (Some("alias/home"), Some(15)))].into());
}

/// A stage whose policy shares with an account, an organization and a unit, all of which the stack
/// allows.
fn shared_widely() -> (Stage, BTreeSet<ShareTarget>) {
    let policy = format!(
        r#"{{"encrypt":{{"kms_key":"alias/k"}},"share":{{"accounts":["222222222222"],"organizations":["{ORGANIZATION}"],
            "organizational_units":["{UNIT}"]}}}}"#
    );
    let mut stage = Stage::with_available_source(&policy, true);
    stage.bounds.organizations = [ORGANIZATION.parse().unwrap()].into();
    stage.bounds.organizational_units = [UNIT.parse().unwrap()].into();
    // As it was before anybody looked at the bounds.
    let row = stage.family.rows.get_mut(&ImageRole::Source).unwrap();
    (row.share, row.reason) = (ShareState::NotWanted, None);
    let targets = [ORGANIZATION, UNIT, "222222222222"].map(|text| text.parse().unwrap()).into();
    (stage, targets)
}

#[test]
fn nothing_is_copied_or_shared_but_an_image_that_this_look_saw_available_and_managed() {
    type Change = fn(&mut ObservedImage);
    let changes: [(&str, Change); 4] = [
        ("another image was seen", |image| image.id = image_id(7)),
        ("it was not available", |image| image.state = ImageState::Pending),
        ("its tag says another stack", |image| {
            image.tags.insert("amiline:managed-by".to_owned(), "another".to_owned());
        }),
        ("another account owns it", |image| {
            image.owner = Some(AccountId::new("999999999999").unwrap());
        }),
    ];
    for (why, change) in changes {
        let mut stage = Stage::with_available_source(SHARED, true);
        let mut image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
        change(&mut image);
        // The record says still that it is available, and so does no later read than this.
        stage.sees(&ImageRole::Source, vec![image]);
        let (actions, _) = stage.decide::<Distributing>();
        assert_eq!(actions, [], "{why}");
        stage.observed.rows.insert(ImageRole::Source, RowShown::Unread);
        assert_eq!(stage.decide::<Distributing>().0, [], "nothing was read");
    }
    let mut stage = Stage::with_available_source(SHARED, true);
    assert_eq!(stage.decide::<Distributing>().0.len(), 3, "two copies and a share");
}

#[test]
fn everybody_whom_the_policy_names_is_added_in_one_call_and_recorded() {
    let (mut stage, everybody) = shared_widely();
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Distributing>();
    let [DistributeAction::Share(step)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(step.targets, everybody);
    let changes = stage.conclude(&actions[0], &Ended::Done);
    assert_eq!(kinds(&changes), [EventKind::ImageShared]);
    assert_eq!(stage.row(&ImageRole::Source).shared_with, everybody);
}

#[test]
fn an_image_is_shared_with_nobody_when_one_of_them_is_not_allowed_any_more() {
    for (lacking, parameter) in
        [(ORGANIZATION, "AllowedOrganizations"), (UNIT, "AllowedOrganizationalUnits")]
    {
        let (mut stage, _) = shared_widely();
        stage.bounds.organizations.retain(|arn| arn.as_str() != lacking);
        stage.bounds.organizational_units.retain(|arn| arn.as_str() != lacking);
        let changes = stage.absorb(&FamilyHint::default());
        assert_eq!(kinds(&changes), [EventKind::ShareFailed]);
        let reason = stage.row(&ImageRole::Source).reason.as_ref().unwrap().to_string();
        assert!(reason.contains(lacking) && reason.contains(parameter), "{reason}");
        assert!(
            !stage
                .decide::<Distributing>()
                .0
                .iter()
                .any(|action| matches!(action, DistributeAction::Share(_)))
        );
    }
}

/// Twenty destinations and the encrypted copy at home, each shared with as many accounts as a
/// policy's 4 KB can name, and each refused in every way that there is. The message holds the
/// document as JSON in JSON.
#[test]
fn the_end_of_the_largest_family_fits_into_one_message_and_one_event() {
    let mut stage = Stage::new(SHARED);
    let account = |n: u64| format!("{n:012}").parse::<ShareTarget>().unwrap();
    let error = |length: usize| {
        AwsError::new(
            "ec2:ModifyImageAttribute",
            "InvalidAMIAttributeItemValue",
            &"\"x".repeat(length),
            None,
        )
    };
    let mut worst = stage.row(&ImageRole::Source).clone();
    worst.state = RowState::Available;
    worst.shared_with = (100_000_000_000..100_000_000_270).map(account).collect();
    worst.refused_targets =
        (200_000_000_000..200_000_000_010).map(|n| (account(n), error(200))).collect();
    worst.reason = Some(ImageReason::not_shared_with(&worst, Some(error(2000))));
    worst.share = ShareState::Failed;
    for n in 0..22 {
        let image_role = ImageRole::Copy(region(&format!(
            "ap-{}-{}",
            ["northeast", "southeast", "south"][n % 3],
            n / 3 + 1
        )));
        stage.family.rows.insert(image_role.clone(), ImageRow { image_role, ..worst.clone() });
    }
    let fact = Fact::of(EventKind::FamilyPartial, &ImageRole::Source, None)
        .because(OutcomeReason::of(&stage.family));
    let item = append(&mut stage.family, fact, stage.now);
    assert!(
        crate::bus::event(&item).bytes() < crate::bus::BYTES_MAX,
        "{}",
        crate::bus::event(&item).bytes()
    );
    let notice = crate::notice::render(&item, &crate::notice::tests::address());
    let message =
        serde_json::json!({"default": notice.json, "email": notice.text, "sms": notice.subject})
            .to_string();
    assert!(message.len() < 256 * 1024, "{}", message.len());
    let one = OutcomeReason::of(&Family {
        rows: [(ImageRole::Source, worst)].into(),
        ..stage.family.clone()
    });
    assert!(Reason::from(one).text().contains(&"\"x".repeat(1999)), "of one image it is whole");
}

#[test]
fn an_image_that_everybody_was_refused_is_not_announced_as_shared() {
    let (mut stage, everybody) = shared_widely();
    stage.absorb(&FamilyHint::default());
    let (actions, _) = stage.decide::<Distributing>();
    let error =
        AwsError::new("ec2:ModifyImageAttribute", "InvalidAMIAttributeItemValue", "no", None);
    let refused = everybody.iter().map(|target| (target.clone(), error.clone())).collect();
    let ended = Ended::Shared { shared: BTreeSet::new(), refused, stopped: None };
    assert_eq!(kinds(&stage.conclude(&actions[0], &ended)), [EventKind::ShareFailed]);
}
