//! Writing policies: compared with what is stored, within the stack's bounds, and never over a version that nobody saw.

use crate::ports::{BoundsReader, CallError, Freshness, PolicyHistory, PolicyStore, PolicyVersion, PolicyWriter};
use amiline_domain::bounds::{Bounds, NoBounds, StatedBounds};
use amiline_domain::ids::{PolicyName, StackName};
use amiline_domain::policy::{BeyondBounds, Verdict, Written, compare};
use amiline_domain::tags::TagKeys;
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
    /// The version that it was compared with; `None` if there was none.
    pub version: Option<u64>,
    /// What writing it would do.
    pub verdict: Verdict,
    /// In what it exceeds the stack's bounds.
    pub beyond: Vec<BeyondBounds>,
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
    /// The stack states none.
    #[error(
        "the stack states no bounds; if its TagPrefix is another, give it with --prefix; if its template is older, deploy \
         it again"
    )]
    Missing,
    /// They are another stack's.
    #[error("the parameters under that prefix belong to the stack {0}; give that stack's --prefix or another --stack")]
    OtherStack(StackName),
    /// They cannot be read.
    #[error(transparent)]
    Unreadable(#[from] NoBounds),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The bounds that the stack states.
pub async fn bounds_of<W: BoundsReader>(world: &W, stack: &StackName) -> Result<Bounds, BoundsError> {
    Ok(stated_by(world, stack).await?.bounds)
}

/// What the stack states of itself.
pub async fn stated_by<W: BoundsReader>(world: &W, stack: &StackName) -> Result<StatedBounds, BoundsError> {
    let stated = StatedBounds::parse(&world.stated_bounds().await?.ok_or(BoundsError::Missing)?)?;
    if stated.stack != *stack {
        return Err(BoundsError::OtherStack(stated.stack));
    }
    Ok(stated)
}

/// Compares policies with the stored ones.
pub async fn compare_all<W: PolicyStore>(
    world: &W,
    proposed: Vec<Proposed>,
    bounds: &Bounds,
    keys: &TagKeys,
) -> Result<Vec<Compared>, CallError> {
    let mut compared = Vec::new();
    for proposed in proposed {
        let stored = world.stored_policy(&proposed.name).await?;
        let verdict = compare(stored.as_ref().map(|stored| stored.text.as_str()), &proposed.written);
        let beyond = proposed.written.policy.beyond(bounds, keys);
        compared.push(Compared { proposed, version: stored.map(|stored| stored.version), verdict, beyond });
    }
    Ok(compared)
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

/// What happened between the last look and the writing. Parameter Store cannot prevent it, but its versions show it.
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

/// Writes what was compared, as far as it changes anything. Before anything is written, everything is looked at again:
/// a version that moved since stops it all. What was written before a failure comes back with it.
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
            Some(stored) if stored.text == written.text => Ok(applied(stored.version, Meanwhile::Nothing)),
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
    let of_others =
        |other: &PolicyVersion| other.version > before && other.version < version && other.text != written.text;
    let meanwhile = match world.policy_versions(name, Freshness::Fresh).await {
        Ok(versions) => match versions.into_iter().filter(of_others).collect::<Vec<_>>() {
            none if none.is_empty() => Meanwhile::Nothing,
            others => Meanwhile::Covered(others),
        },
        Err(_) => Meanwhile::Unread,
    };
    Ok(applied(version, meanwhile))
}
