//! What somebody changed about who may launch an image.

use super::*;
use crate::target::ShareTarget;

const FRIEND: &str = "222222222222";
const STRANGER: &str = "999999999999";

fn targets(of: &[&str]) -> BTreeSet<ShareTarget> {
    of.iter().map(|target| target.parse().unwrap()).collect()
}

fn asked() -> FamilyHint {
    FamilyHint { shares: true, ..FamilyHint::default() }
}

/// A complete family with one image at home, which is shared with the friend, ten minutes after it
/// was.
fn complete() -> Stage {
    let policy = r#"{"encrypt":{"kms_key":"alias/k"},"share":{"accounts":["222222222222"]}}"#;
    let mut stage = Stage::with_available_source(policy, true);
    let (actions, _) = stage.decide::<Distributing>();
    assert!(matches!(&actions[..], [DistributeAction::Share(_)]), "{actions:?}");
    stage.conclude(&actions[0], &Ended::Done);
    stage.decide::<Distributing>();
    stage.family.phase = Phase::Settled;
    stage.family.status_due = false;
    assert_eq!(stage.family.outcome, Some(Outcome::Complete));
    stage.later(600);
    stage.observed = Observed::default();
    stage
}

impl Stage {
    /// A look that shows the image, whether everybody may launch it, and with whom it is shared.
    fn is_asked(&mut self, permissions: PermissionsShown, public: bool) -> Vec<EventKind> {
        self.observed = Observed::default();
        let image = ObservedImage {
            public,
            ..self.image(&ImageRole::Source, image_id(1), ImageState::Available)
        };
        self.sees(&ImageRole::Source, vec![image]);
        self.observed.permissions.insert(ImageRole::Source, permissions);
        kinds(&self.absorb(&asked()))
    }

    fn shows(&mut self, shared_with: &[&str]) -> Vec<EventKind> {
        self.is_asked(PermissionsShown::Read(targets(shared_with)), false)
    }
}

#[test]
fn permissions_are_read_of_settled_families_only_and_not_right_after_a_call_of_ours() {
    let mut stage = complete();
    let wanted = |stage: &Stage, hint: &FamilyHint| {
        reads::<Distributing>(&stage.family, &Observed::default(), hint, stage.input())
    };
    let row = DistributeRead::Row(ImageRole::Source);
    let both = vec![row.clone(), DistributeRead::Permissions(ImageRole::Source)];
    assert_eq!(wanted(&stage, &asked()), both);
    assert_eq!(wanted(&stage, &FamilyHint::default()), vec![]);
    stage.now = plus_seconds(stage.now, -301);
    assert_eq!(wanted(&stage, &asked()), vec![row], "it may be behind");
    stage.family.phase = Phase::Working;
    assert!(!wanted(&stage, &asked()).contains(&DistributeRead::Permissions(ImageRole::Source)));
}

#[test]
fn shares_that_are_as_recorded_change_nothing_and_one_that_could_not_be_read_neither() {
    let mut stage = complete();
    let before = stage.family.clone();
    assert_eq!(stage.shows(&[FRIEND]), []);
    assert_eq!(stage.is_asked(PermissionsShown::Unread, false), []);
    assert_eq!(
        stage.shows(&[FRIEND, "111111111111"]),
        [],
        "the account itself may launch it anyway"
    );
    assert_eq!(stage.family, before);
}

#[test]
fn a_strangers_share_is_recorded_and_told_once_with_what_takes_it_back() {
    let mut stage = complete();
    stage
        .observed
        .permissions
        .insert(ImageRole::Source, PermissionsShown::Read(targets(&[FRIEND, STRANGER])));
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
    stage.sees(&ImageRole::Source, vec![image]);
    let changes = stage.absorb(&asked());
    assert_eq!(kinds(&changes), [EventKind::SharedByOthers]);
    let reason = changes.facts[0].reason.as_ref().unwrap().text();
    let command = "`aws ec2 modify-image-attribute --region us-east-1 --image-id ami-00000000000000001 \
                   --launch-permission 'Remove=[{UserId=999999999999}]'`";
    assert!(
        reason.starts_with("shared with 999999999999, whom") && reason.contains(command),
        "{reason}"
    );
    assert_eq!(stage.shows(&[FRIEND, STRANGER]), [], "once");
    let row = stage.row(&ImageRole::Source);
    assert_eq!(
        (&row.shared_with, &row.shared_by_others),
        (&targets(&[FRIEND]), &targets(&[STRANGER]))
    );
    assert_eq!(stage.family.outcome, Some(Outcome::Complete), "what the policy asks for is there");
    let tree = crate::lineage::tree(&stage.family);
    assert!(
        tree.contains("shared with 222222222222, also shared by somebody with 999999999999"),
        "{tree}"
    );
    let status = stage.family.status.clone().unwrap();
    assert!(
        status.ends_with("in 1 Region (also shared by somebody)") && stage.family.status_due,
        "{status}"
    );
    assert_eq!(retry(&mut stage.family.clone(), stage.now), Err(NothingToRetry::SharedByOthers));
    assert_eq!(
        stage.shows(&[FRIEND, STRANGER, "888888888888"]),
        [EventKind::SharedByOthers],
        "another one is news"
    );
    assert_eq!(stage.shows(&[FRIEND, "888888888888"]), [], "less of it is none");
    assert_eq!(stage.shows(&[FRIEND]), [EventKind::SharesInOrder]);
    assert_eq!(stage.family.status.as_deref(), Some("available ami-00000000000000001 in 1 Region"));
}

#[test]
fn a_share_that_was_taken_back_is_told_once_and_given_again_by_a_retry() {
    let mut stage = complete();
    assert_eq!(stage.shows(&[]), [EventKind::ShareTakenBack]);
    assert_eq!(stage.shows(&[]), [], "once");
    assert_eq!(stage.family.outcome, Some(Outcome::Partial));
    let status = stage.family.status.clone().unwrap();
    let says = "somebody took back the share with 222222222222; next: amiline retry fam-";
    assert!(status.contains(says), "{status}");
    let by_hand = stage.clone();
    retry(&mut stage.family, stage.now).unwrap();
    let (actions, _) = stage.decide::<Distributing>();
    assert!(
        matches!(&actions[0], DistributeAction::Share(step) if step.targets == targets(&[FRIEND])),
        "{actions:?}"
    );
    stage.conclude(&actions[0], &Ended::Done);
    stage.decide::<Distributing>();
    assert_eq!(
        (stage.family.outcome, stage.row(&ImageRole::Source).share),
        (Some(Outcome::Complete), ShareState::Shared)
    );
    let mut stage = by_hand;
    assert_eq!(
        stage.shows(&[FRIEND]),
        [EventKind::SharesInOrder],
        "whoever took it back may give it again"
    );
    assert_eq!(
        (stage.family.outcome, stage.row(&ImageRole::Source).reason.clone()),
        (Some(Outcome::Complete), None)
    );
}

#[test]
fn a_public_image_is_told_once_as_an_error_whatever_asked_for_the_look() {
    let mut stage = complete();
    let public = ObservedImage {
        public: true,
        ..stage.image(&ImageRole::Source, image_id(1), ImageState::Available)
    };
    stage.sees(&ImageRole::Source, vec![public]);
    let changes = stage.absorb(&FamilyHint::default());
    assert_eq!(kinds(&changes), [EventKind::ImageMadePublic]);
    assert_eq!(changes.facts[0].kind.severity(), crate::history::Severity::Error);
    assert!(changes.facts[0].reason.as_ref().unwrap().text().contains("'Remove=[{Group=all}]'"));
    let friends = || PermissionsShown::Read(targets(&[FRIEND]));
    assert_eq!(stage.is_asked(friends(), true), []);
    assert!(
        crate::lineage::tree(&stage.family).contains(", PUBLIC: somebody shared it with everybody")
    );
    assert!(stage.family.status.clone().unwrap().ends_with("(public)"));
    assert_eq!(stage.is_asked(friends(), false), [EventKind::SharesInOrder]);
}

#[test]
fn an_image_that_is_not_to_be_shared_at_all_has_only_strangers() {
    let mut stage = complete();
    stage.family.rows.get_mut(&ImageRole::Source).unwrap().share = ShareState::NotWanted;
    stage.family.rows.get_mut(&ImageRole::Source).unwrap().shared_with.clear();
    assert_eq!(stage.shows(&[FRIEND]), [EventKind::SharedByOthers]);
}

#[test]
fn disabling_an_image_ends_what_was_added_to_its_shares() {
    let mut stage = complete();
    stage.shows(&[FRIEND, STRANGER]);
    stage.observed = Observed::default();
    let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Disabled);
    stage.sees(&ImageRole::Source, vec![image]);
    stage.observed.permissions.insert(ImageRole::Source, PermissionsShown::Read(BTreeSet::new()));
    assert_eq!(
        kinds(&stage.absorb(&asked())),
        [EventKind::ImageDisabled],
        "and nothing was taken back beside it"
    );
    assert!(stage.row(&ImageRole::Source).shared_by_others.is_empty());
}
