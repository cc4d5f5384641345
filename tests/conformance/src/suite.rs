//! The list of expectations, and how it is run.

use crate::expectations;
use crate::lab::Lab;
use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

type Run<L> = for<'a> fn(&'a L) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Something that holds in every place.
pub struct Expectation<L> {
    /// What is expected.
    pub name: String,
    /// Where it is said: an entry of `docs/reference/aws-behaviour.md`, a section of
    /// `ARCHITECTURE.md`, or a service's documentation.
    pub fact: &'static str,
    /// Panics if it does not hold.
    pub run: Run<L>,
}

/// Every expectation.
pub fn all<L: Lab>() -> Vec<Expectation<L>> {
    let all: Vec<Expectation<L>> = [
        expectations::announcing::all(),
        expectations::copying::all(),
        expectations::coverage::all(),
        expectations::creating::all(),
        expectations::days::all(),
        expectations::due::all(),
        expectations::enrolments::all(),
        expectations::events::all(),
        expectations::images::all(),
        expectations::instances::all(),
        expectations::keys::all(),
        expectations::lists::all(),
        expectations::messages::all(),
        expectations::parameters::all(),
        expectations::policies::all(),
        expectations::presses::all(),
        expectations::records::all(),
        expectations::sharing::all(),
        expectations::tags::all(),
        expectations::transactions::all(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let names: BTreeSet<&str> = all.iter().map(|expectation| expectation.name.as_str()).collect();
    assert_eq!(names.len(), all.len(), "two expectations have one name");
    all
}

/// Runs every expectation, and panics with the names of those that do not hold.
pub fn check<L: Lab>(mut run: impl FnMut(&Expectation<L>)) {
    let all = all::<L>();
    let mut broken = Vec::new();
    for expectation in &all {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(expectation))) {
            broken.push(format!(
                "{} ({}):\n    {}",
                expectation.name,
                expectation.fact,
                message(panic.as_ref())
            ));
        }
    }
    assert!(
        broken.is_empty(),
        "{} of {} do not hold:\n{}",
        broken.len(),
        all.len(),
        broken.join("\n")
    );
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_default().replace('\n', "\n    ")
}

/// Lists a module's expectations. One that is left out is never used, which the compiler reports.
macro_rules! expected {
    ($($fact:literal { $($name:ident),* $(,)? })*) => {
        pub(crate) fn all<L: $crate::lab::Lab>() -> Vec<$crate::suite::Expectation<L>> {
            vec![$($($crate::suite::Expectation {
                name: stringify!($name).replace('_', " "),
                fact: $fact,
                run: |lab| Box::pin($name(lab)),
            }),*),*]
        }
    };
}
pub(crate) use expected;
