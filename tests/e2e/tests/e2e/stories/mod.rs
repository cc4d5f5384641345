//! The stories.

pub(crate) mod bounds;
pub(crate) mod chance;
pub(crate) mod distribution;
pub(crate) mod making;
pub(crate) mod news;
pub(crate) mod pages;
pub(crate) mod policies;
pub(crate) mod press;
pub(crate) mod refusals;
pub(crate) mod schedules;
pub(crate) mod trouble;
pub(crate) mod whole;
