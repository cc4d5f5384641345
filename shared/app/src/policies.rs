//! Writing policies: compared with what is stored, within the stack's bounds, and never over a
//! version that nobody saw.

use crate::functions::Queue;
use crate::policy_read::{of_versions, texts_of};
use crate::ports::{
    BoundsReader, CallError, Freshness, Messenger, PolicyHistory, PolicyStore, PolicyVersion,
    PolicyWriter, StoredPolicy, TagReader,
};
use crate::settings::{Stack, WatchedStack};
use crate::unread::Unread;
use amiline_domain::bounds::{Bounds, NoBounds, StatedBounds};
use amiline_domain::enrolment::Named;
use amiline_domain::ids::{InstanceId, PolicyName, Region, StackName, TagPrefix};
use amiline_domain::message::look_at_policy;
use amiline_domain::policy::{
    BeyondBounds, PolicyTexts, Verdict, Written, compare, refused, version_in_use,
};
use amiline_domain::tags::{Button, TagKeys};
use thiserror::Error;

/// A policy that somebody wants to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// Its name.
    pub name: PolicyName,
    /// What it says.
    pub written: Written,
}

/// A proposed policy beside the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What is proposed.
    pub proposed: Proposed,
    /// The newest version that is stored; `None` if there is none.
    pub version: Option<u64>,
    /// The version that it was compared with; `None` if no version can be.
    pub base: Option<Base>,
    /// What writing it would do.
    pub verdict: Verdict,
    /// In what it exceeds the stack's bounds.
    pub beyond: Vec<BeyondBounds>,
}

/// The newest version that is a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Its number.
    pub version: u64,
    /// Whether images are made under it; not if it exceeds the stack's bounds.
    pub in_force: bool,
}

impl Compared {
    /// Whether there is anything to write.
    pub fn changes(&self) -> bool {
        self.verdict != Verdict::Same
    }
}

/// Why the stack's bounds are not known.
#[derive(Debug, Error)]
pub enum BoundsError {
    /// There is no parameter that states them: the Region or the prefix is another stack's, or
    /// nobody's.
    #[error(
        "there is no stack of Amiline with the prefix {prefix} in {region}: the parameter /{prefix}/bounds, which every \
         stack writes, does not exist there. Give the stack's home Region with --region, and its TagPrefix with --prefix"
    )]
    Missing {
        /// Where it was looked for.
        region: Region,
        /// Under which prefix.
        prefix: TagPrefix,
    },
    /// They are another stack's.
    #[error(
        "the parameters under that prefix belong to the stack {0}; give that stack's --prefix or another --stack"
    )]
    OtherStack(StackName),
    /// They cannot be read.
    #[error(transparent)]
    Unreadable(#[from] NoBounds),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The stack that somebody named: what it is and what it watches, as it states it.
pub async fn stated_by<W: BoundsReader>(
    world: &W,
    stack: &StackName,
    home: &Region,
    prefix: &TagPrefix,
) -> Result<WatchedStack, BoundsError> {
    let missing = || BoundsError::Missing { region: home.clone(), prefix: prefix.clone() };
    let stated = StatedBounds::parse(&world.stated_bounds().await?.ok_or_else(missing)?)?;
    if stated.stack != *stack {
        return Err(BoundsError::OtherStack(stated.stack));
    }
    let StatedBounds { stack: name, account, mut source_regions, bounds } = stated;
    source_regions.remove(home);
    let keys = TagKeys::new(prefix.clone());
    Ok(WatchedStack {
        stack: Stack { name, account, home: home.clone(), keys },
        source_regions: std::iter::once(home.clone()).chain(source_regions).collect(),
        bounds,
    })
}

/// Compares policies with the stored versions that are in force.
pub async fn compare_all<W: PolicyStore + PolicyHistory>(
    world: &W,
    proposed: Vec<Proposed>,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Result<Vec<Compared>, CallError> {
    let mut compared = Vec::new();
    for proposed in proposed {
        let stored = world.stored_policy(&proposed.name).await?;
        let version = stored.as_ref().map(|stored| stored.version);
        let texts = texts_of(world, &proposed.name, stored.map(|stored| stored.text)).await?;
        let verdict = compare(&texts, &proposed.written);
        let beyond = proposed.written.policy.beyond(bounds, keys);
        let base = version.and_then(|newest| base(&texts, newest, bounds, keys));
        compared.push(Compared { proposed, version, base, verdict, beyond });
    }
    Ok(compared)
}

fn base(texts: &PolicyTexts, newest: u64, bounds: &Bounds, keys: &TagKeys) -> Option<Base> {
    let version = texts.in_force()?.ok()?.instead.map_or(newest, |instead| instead.version);
    Some(Base { version, in_force: version_in_use(texts, newest, bounds, keys).is_some() })
}

/// The version that images are made under, of all that are kept, oldest first.
pub fn version_in_force(
    versions: &[PolicyVersion],
    bounds: &Bounds,
    keys: &TagKeys,
) -> Option<u64> {
    let newest = versions.last()?.version;
    version_in_use(&of_versions(versions.to_vec()), newest, bounds, keys)
}

/// A stored policy, and what becomes of a press that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// As it is stored: its newest version.
    pub stored: StoredPolicy,
    /// What the version in force says of itself.
    pub description: String,
    /// The version that images are made under; none if there is none.
    pub in_force: Option<u64>,
    /// Why the newest version cannot be used as it was written.
    pub refused: Option<String>,
}

/// Every stored policy, by name.
pub async fn judged<W>(world: &W, bounds: &Bounds, keys: &TagKeys) -> Result<Vec<Judged>, CallError>
where
    W: PolicyStore + PolicyHistory,
{
    let mut all = Vec::new();
    for stored in world.policies().await? {
        all.push(judge(world, stored, bounds, keys).await?);
    }
    Ok(all)
}

/// One stored policy; `None` if there is none of that name.
pub async fn judged_one<W>(
    world: &W,
    name: &PolicyName,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Result<Option<Judged>, CallError>
where
    W: PolicyStore + PolicyHistory,
{
    match world.stored_policy(name).await? {
        Some(stored) => judge(world, stored, bounds, keys).await.map(Some),
        None => Ok(None),
    }
}

async fn judge<W: PolicyHistory>(
    world: &W,
    stored: StoredPolicy,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Result<Judged, CallError> {
    let name = match PolicyName::new(&stored.name) {
        Ok(name) => name,
        // No tag can name it.
        Err(error) => {
            let refused = Some(error.to_string());
            return Ok(Judged { stored, description: String::new(), in_force: None, refused });
        }
    };
    let texts = texts_of(world, &name, Some(stored.text.clone())).await?;
    let description =
        texts.in_force().and_then(Result::ok).map(|force| force.policy.description.clone());
    Ok(Judged {
        description: description.unwrap_or_default(),
        in_force: version_in_use(&texts, stored.version, bounds, keys),
        refused: refused(&texts, bounds, keys).map(|refused| refused.to_string()),
        stored,
    })
}

/// An instance whose tags name a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Follower {
    /// Its Region.
    pub region: Region,
    /// Its id.
    pub instance: InstanceId,
}

/// Who follows a policy, as far as it could be read.
#[derive(Debug, Default)]
pub struct Followers {
    /// Instances whose schedule tag names it.
    pub enrolled: Vec<Follower>,
    /// Instances whose button names it, and that have no answer yet.
    pub pressed: Vec<Follower>,
    /// The Regions that could not be read, and why: of those nothing is known.
    pub unread: Vec<Unread>,
}

/// The instances whose tags name the policy, in the Regions that the stack watches.
pub async fn followers<W: TagReader>(
    world: &W,
    stack: &WatchedStack,
    name: &PolicyName,
) -> Followers {
    let mut followers = Followers::default();
    let (schedule, button) = (stack.stack.keys.schedule(), stack.stack.keys.button(Button::Image));
    for region in &stack.source_regions {
        let tagged = match world.instances_tagged(region, &schedule).await {
            Ok(scheduled) => {
                world.instances_tagged(region, &button).await.map(|pressed| (scheduled, pressed))
            }
            Err(error) => Err(error),
        };
        let (scheduled, pressed) = match tagged {
            Ok(tagged) => tagged,
            Err(error) => {
                followers.unread.push(Unread { region: region.clone(), error });
                continue;
            }
        };
        let follower = |instance| Follower { region: region.clone(), instance };
        let named = |value: &str| Named::of(value).policies.contains(name);
        followers.enrolled.extend(
            scheduled
                .into_iter()
                .filter(|(_, value)| named(value))
                .map(|(instance, _)| follower(instance)),
        );
        followers.pressed.extend(
            pressed
                .into_iter()
                .filter(|(_, value)| value.trim() == name.as_str())
                .map(|(instance, _)| follower(instance)),
        );
    }
    followers.enrolled.sort();
    followers.pressed.sort();
    followers
}

/// Has it told now, and not by the next sweep, that policies can or cannot be used any longer.
pub async fn ask_to_tell<W: Messenger>(world: &W, names: &[PolicyName]) -> Result<(), CallError> {
    let messages: Vec<String> = names.iter().map(look_at_policy).collect();
    if messages.is_empty() { Ok(()) } else { world.send(Queue::Create, &messages).await }
}

/// A policy that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: PolicyName,
    /// The version that it has now.
    pub version: u64,
    /// What somebody else did between the last look and the writing.
    pub meanwhile: Meanwhile,
}

/// What happened between the last look and the writing. Parameter Store cannot prevent it, but its
/// versions show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing.
    Nothing,
    /// Others wrote these versions, which the new one covers. They are kept and can be restored.
    Covered(Vec<PolicyVersion>),
    /// Others wrote versions, but which cannot be read.
    Unread,
    /// The policy was deleted, so its versions are counted anew and the old ones are gone.
    Deleted,
}

/// Why not everything was written.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// Somebody wrote or deleted the policy after it was compared.
    #[error(
        "policy {name} was changed by somebody else after it was compared ({}, now {}), so it was not written; look at \
         `amiline policy history {name}`, then run this again", seen(*.compared), seen(*.now)
    )]
    Moved {
        /// Which.
        name: PolicyName,
        /// The version that was compared.
        compared: Option<u64>,
        /// The version that is there.
        now: Option<u64>,
    },
    /// It exceeds the stack's bounds.
    #[error("policy {name}: {beyond}")]
    Beyond {
        /// Which.
        name: PolicyName,
        /// In what.
        beyond: BeyondBounds,
    },
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

fn seen(version: Option<u64>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| format!("version {version}"))
}

/// Writes what was compared, as far as it changes anything. Before anything is written, everything
/// is looked at again: a version that moved since stops it all. What was written before a failure
/// comes back with it.
pub async fn apply<W: PolicyStore + PolicyHistory + PolicyWriter>(
    world: &W,
    compared: &[Compared],
) -> (Vec<Applied>, Result<(), ApplyError>) {
    let mut applied = Vec::new();
    let done = apply_each(world, compared, &mut applied).await;
    (applied, done)
}

async fn apply_each<W: PolicyStore + PolicyHistory + PolicyWriter>(
    world: &W,
    compared: &[Compared],
    applied: &mut Vec<Applied>,
) -> Result<(), ApplyError> {
    if let Some((one, beyond)) = compared.iter().find_map(|one| Some((one, one.beyond.first()?))) {
        return Err(ApplyError::Beyond { name: one.proposed.name.clone(), beyond: beyond.clone() });
    }
    let changing: Vec<&Compared> = compared.iter().filter(|one| one.changes()).collect();
    for one in &changing {
        let now = world.stored_policy(&one.proposed.name).await?.map(|stored| stored.version);
        if now != one.version {
            return Err(moved(one, now));
        }
    }
    for one in changing {
        applied.push(write(world, one).await?);
    }
    Ok(())
}

fn moved(one: &Compared, now: Option<u64>) -> ApplyError {
    ApplyError::Moved { name: one.proposed.name.clone(), compared: one.version, now }
}

async fn write<W: PolicyStore + PolicyHistory + PolicyWriter>(
    world: &W,
    one: &Compared,
) -> Result<Applied, ApplyError> {
    let Proposed { name, written } = &one.proposed;
    let applied = |version, meanwhile| Applied { name: name.clone(), version, meanwhile };
    let Some(before) = one.version else {
        if let Some(version) = world.create_policy(name, &written.text).await? {
            return Ok(applied(version, Meanwhile::Nothing));
        }
        // It may be ours, if the answer to a first attempt was lost.
        return match world.stored_policy(name).await? {
            Some(stored) if stored.text == written.text => {
                Ok(applied(stored.version, Meanwhile::Nothing))
            }
            stored => Err(moved(one, stored.map(|stored| stored.version))),
        };
    };
    let version = world.replace_policy(name, &written.text).await?;
    if version <= before {
        return Ok(applied(version, Meanwhile::Deleted));
    }
    if version == before.saturating_add(1) {
        return Ok(applied(version, Meanwhile::Nothing));
    }
    // What has our own text may be a first attempt of ours whose answer was lost.
    let of_others = |other: &PolicyVersion| {
        other.version > before && other.version < version && other.text != written.text
    };
    let meanwhile = match world.policy_versions(name, Freshness::Fresh).await {
        Ok(versions) => match versions.into_iter().filter(of_others).collect::<Vec<_>>() {
            none if none.is_empty() => Meanwhile::Nothing,
            others => Meanwhile::Covered(others),
        },
        Err(_) => Meanwhile::Unread,
    };
    Ok(applied(version, meanwhile))
}
