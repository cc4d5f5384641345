//! What a deployed stack is, as the use cases need to know it.

use amiline_domain::bounds::Bounds;
use amiline_domain::console::StackAddress;
use amiline_domain::ids::{AccountId, Region, StackName};
use amiline_domain::tags::TagKeys;

/// The stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name: the value of the managed-by tag.
    pub name: StackName,
    /// Its account.
    pub account: AccountId,
    /// The Region it is deployed to.
    pub home: Region,
    /// Its tag keys.
    pub keys: TagKeys,
}

impl Stack {
    /// What the command needs to find it.
    pub fn address(&self) -> StackAddress {
        StackAddress {
            stack: self.name.clone(),
            prefix: self.keys.prefix().clone(),
            home: self.home.clone(),
        }
    }
}

/// The stack and what the tick watches.
#[derive(Debug, Clone)]
pub struct WatchedStack {
    /// The stack.
    pub stack: Stack,
    /// The Regions whose instances are watched; home is among them.
    pub source_regions: Vec<Region>,
    /// Its bounds: no more turns are given out than the hour has room for, and what exceeds them is
    /// no policy to follow.
    pub bounds: Bounds,
}

impl WatchedStack {
    /// The stack and its bounds.
    pub fn bounded(&self) -> BoundedStack {
        BoundedStack { stack: self.stack.clone(), bounds: self.bounds.clone() }
    }
}

/// The stack and what it may do.
#[derive(Debug, Clone)]
pub struct BoundedStack {
    /// The stack.
    pub stack: Stack,
    /// Its bounds.
    pub bounds: Bounds,
}
