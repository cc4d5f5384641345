//! What could not be read: shown beside whatever could, and never taken for "there is nothing".

use crate::ports::CallError;
use amiline_domain::ids::Region;

/// A Region that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Where.
    pub region: Region,
    /// Why.
    pub error: CallError,
}
