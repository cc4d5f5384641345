//! What Amiline decides, as pure functions on plain data.
//!
//! Nothing here is async, talks to AWS, reads a clock or the environment, or draws a random number:
//! `now` is passed in, and the same input always gives the same answer. `shared/app` carries the
//! decisions out.

pub mod answers;
pub mod bounds;
pub mod budget;
pub mod bus;
pub mod chat;
pub mod console;
pub mod coverage;
pub mod day;
pub mod description;
pub mod digest;
pub mod document;
pub mod enrolment;
pub mod escape;
pub mod family;
pub mod fault;
pub mod history;
pub mod ids;
pub mod image;
pub mod key;
pub mod lineage;
pub mod look;
pub mod making;
mod memo;
pub mod message;
pub mod name;
pub mod notice;
pub mod plan;
pub mod policy;
pub mod press;
pub mod reason;
pub mod receiver;
pub mod record;
pub mod schedule;
pub mod selection;
pub mod share_checks;
pub mod status;
pub mod switch;
pub mod tags;
pub mod target;
pub mod time;
pub mod why;
pub mod work;
