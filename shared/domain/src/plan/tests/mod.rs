//! The planner's decisions, one at a time. Whole runs are in tests/scenarios.

mod button;
mod changes;
mod distributing;
mod instance;
mod making;
mod mending;
mod permissions;
mod restating;
mod vanishing;

use super::*;
use crate::budget::Budget;
use crate::family::{Family, Outcome, Phase, Role, RowState, ShareState};
use crate::history::{EventKind, append};
use crate::ids::AccountId;
use crate::image::{InstanceState, ObservedInstance, RootDevice};
use crate::look::Admission;
use crate::policy::PolicyRef;
use crate::press::Press;
use crate::reason::{ImageReason, OutcomeReason, Reason};
use crate::time::{Slot, plus_seconds};

const SHARED: &str = r#"{"encrypt":{"kms_key":"alias/k"},"distribute":{"regions":["us-west-2","eu-west-1"]},
    "share":{"accounts":["222222222222"]}}"#;

#[derive(Clone)]
struct Stage {
    keys: TagKeys,
    policy: Policy,
    bounds: Bounds,
    family: Family,
    instance: ObservedInstance,
    observed: Observed,
    now: Timestamp,
}

fn region(text: &str) -> Region {
    Region::new(text).unwrap()
}

/// A call that AWS refused with this code.
fn refused(fault: Fault, code: &str) -> Ended {
    Ended::Refused { fault, error: AwsError::new("ec2:CreateImage", code, "no", None) }
}

fn image_id(n: u8) -> ImageId {
    ImageId::new(format!("ami-{n:017x}")).unwrap()
}

/// A call whose function is known by its type.
trait Concluded {
    fn conclude(&self, family: &mut Family, ended: &Ended, input: PlanInput<'_>) -> Changes;
}

impl Concluded for CreateAction {
    fn conclude(&self, family: &mut Family, ended: &Ended, input: PlanInput<'_>) -> Changes {
        Creating::conclude(family, self, ended, input)
    }
}

impl Concluded for DistributeAction {
    fn conclude(&self, family: &mut Family, ended: &Ended, input: PlanInput<'_>) -> Changes {
        Distributing::conclude(family, self, ended, input)
    }
}

impl Stage {
    fn new(policy: &str) -> Self {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let policy = Policy::parse(policy).unwrap();
        let instance = ObservedInstance {
            id: InstanceId::new("i-0123456789abcdef0").unwrap(),
            region: region("us-east-1"),
            state: InstanceState::Running,
            hibernation: false,
            root_device: RootDevice::Ebs,
            root_name: None,
            devices: ["/dev/xvda", "/dev/sdb"].map(|name| DeviceName::new(name).unwrap()).into(),
            tags: [("Team", "web"), ("Name", "shop")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        let press = Press::untouched();
        let begun = Begun {
            stack: &crate::ids::StackName::new("amiline").unwrap(),
            account: &AccountId::new("111111111111").unwrap(),
            instance: &instance,
            press: &press,
            slot: Slot::next(now, None),
            value: "default",
            heard_at: None,
            status_before: None,
        };
        let policy_ref =
            PolicyRef { name: crate::ids::PolicyName::new("default").unwrap(), hash: "h".into() };
        let admission = Admission {
            policy: policy.clone(),
            policy_ref,
            text: "{}".to_owned(),
            budget: Budget::default(),
            day: None,
        };
        let (family, _) = begin(begun, &admission, now);
        let keys = TagKeys::new(crate::ids::TagPrefix::new("amiline").unwrap());
        let bounds = Bounds {
            regions: ["us-east-1", "us-west-2", "eu-west-1"].into_iter().map(region).collect(),
            accounts: [AccountId::new("222222222222").unwrap()].into_iter().collect(),
            organizations: BTreeSet::new(),
            organizational_units: BTreeSet::new(),
            keys: [KeyAlias::new("alias/k").unwrap()].into_iter().collect(),
            images_per_hour_max: 50,
            interval_minutes_min: 0,
        };
        let observed = sees_instance(&instance);
        Self { keys, policy, bounds, family, instance, observed, now }
    }

    fn input(&self) -> PlanInput<'_> {
        PlanInput {
            keys: &self.keys,
            policy: Some(&self.policy),
            bounds: &self.bounds,
            now: self.now,
            paused: false,
        }
    }

    fn later(&mut self, seconds: i64) {
        self.now = plus_seconds(self.now, seconds);
        self.observed = sees_instance(&self.instance);
    }

    fn decide<D: Duty>(&mut self) -> (Vec<D::Action>, Changes) {
        let mut family = self.family.clone();
        let result = decide::<D>(&mut family, &self.observed, self.input());
        self.family = family;
        result
    }

    fn absorb(&mut self, hint: &FamilyHint) -> Changes {
        let mut family = self.family.clone();
        let changes = absorb(&mut family, &self.observed, hint, self.input());
        self.family = family;
        changes
    }

    fn conclude(&mut self, action: &impl Concluded, ended: &Ended) -> Changes {
        let mut family = self.family.clone();
        let changes = action.conclude(&mut family, ended, self.input());
        self.family = family;
        changes
    }

    fn row(&self, image_role: &ImageRole) -> &crate::family::ImageRow {
        &self.family.rows[image_role]
    }

    /// The image as EC2 would show it after the row's call.
    fn image(&self, image_role: &ImageRole, id: ImageId, state: ImageState) -> ObservedImage {
        let row = self.row(image_role);
        let source = image_role.is_source();
        ObservedImage {
            id,
            name: row.name.as_str().to_owned(),
            owner: Some(self.family.account.clone()),
            state,
            state_reason: None,
            source_instance: source.then(|| self.family.instance.clone()),
            source_image: if source { None } else { self.family.source_image().cloned() },
            snapshots: vec![crate::ids::SnapshotId::new("snap-00000000000000001").unwrap()],
            encrypted: true,
            public: false,
            tags: self.keys.of_image(&self.family, row, &self.family.key_of(row).unwrap()),
        }
    }

    fn sees(&mut self, image_role: &ImageRole, images: Vec<ObservedImage>) {
        self.observed.rows.insert(image_role.clone(), RowShown::Seen(images));
    }

    /// The interim answer, `creating ami-…`.
    fn writes_its_status(&mut self) {
        let (actions, _) = self.decide::<Creating>();
        assert!(
            matches!(&actions[..], [CreateAction::Answer(AnswerStep::WriteStatus(step))] if step.tag.value.starts_with("creating ami-"))
        );
        self.conclude(&actions[0], &Ended::Done);
    }

    /// Runs until the source is available and, if the policy asks for a key, known to be under it
    /// or not.
    fn with_available_source(policy: &str, under_key: bool) -> Self {
        let mut stage = Self::new(policy);
        let (actions, _) = stage.decide::<Creating>();
        stage.conclude(&actions[0], &Ended::Image(image_id(1)));
        stage.writes_its_status();
        stage.later(60);
        let image = stage.image(&ImageRole::Source, image_id(1), ImageState::Available);
        stage.sees(&ImageRole::Source, vec![image]);
        let key = Some("arn:key".to_owned());
        let keys = vec![if under_key { key.clone() } else { None }];
        stage.observed.source_keys = Some(KeysShown::Read(SnapshotKeys { keys, wanted: key }));
        stage.absorb(&FamilyHint::default());
        stage
    }
}

fn sees_instance(instance: &ObservedInstance) -> Observed {
    Observed { instance: Some(InstanceShown::Seen(Some(instance.clone()))), ..Observed::default() }
}

fn kinds(changes: &Changes) -> Vec<EventKind> {
    changes.facts.iter().map(|fact| fact.kind).collect()
}
