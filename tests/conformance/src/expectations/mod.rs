//! What is expected, by what it is about.

pub(crate) mod announcing;
pub(crate) mod copying;
pub(crate) mod coverage;
pub(crate) mod creating;
pub(crate) mod days;
pub(crate) mod due;
pub(crate) mod enrolments;
pub(crate) mod events;
pub(crate) mod images;
pub(crate) mod instances;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod messages;
pub(crate) mod parameters;
pub(crate) mod policies;
pub(crate) mod presses;
pub(crate) mod records;
pub(crate) mod sharing;
pub(crate) mod tags;
pub(crate) mod transactions;
