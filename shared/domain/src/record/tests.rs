//! What is a transaction, and what is none.

use super::{Expected, Record, Revisioned, Transaction, TransactionError, WRITES_MAX, Write};
use crate::budget::DayCount;

fn check(number: usize) -> Write {
    Write::Check(
        Revisioned::DayCount(format!("policy-{number}").parse().unwrap()),
        Expected::Absent,
    )
}

fn count(number: usize) -> Write {
    Write::DayCount(format!("policy-{number}").parse().unwrap(), DayCount::default())
}

#[test]
fn a_transaction_has_a_hundred_writes_and_checks_at_most() {
    let with_a_write =
        |checks: usize| [count(0)].into_iter().chain((1..=checks).map(check)).collect();
    assert_eq!(Transaction::new(with_a_write(WRITES_MAX - 1)).unwrap().writes().len(), 100);
    assert_eq!(Transaction::new(with_a_write(WRITES_MAX)), Err(TransactionError::TooMany(101)));
}

#[test]
fn a_transaction_that_writes_nothing_is_refused() {
    assert_eq!(Transaction::new(Vec::new()), Err(TransactionError::Empty));
    assert_eq!(Transaction::new(vec![check(1), check(2)]), Err(TransactionError::Empty));
}

#[test]
fn a_record_is_written_or_checked_once() {
    let twice = Transaction::new(vec![check(6), check(7), count(7)]).unwrap_err();
    let record = Record::Of(Revisioned::DayCount("policy-7".parse().unwrap()));
    assert_eq!(twice, TransactionError::Twice(record));
    assert!(twice.to_string().contains("policy-7"), "{twice}");
}

#[test]
fn the_revision_that_was_read_is_expected_and_none_is_0() {
    assert_eq!((Expected::read_at(0), Expected::read_at(0).next()), (Expected::Absent, 1));
    assert_eq!((Expected::read_at(4), Expected::read_at(4).next()), (Expected::Revision(4), 5));
    assert_eq!(Expected::from(None), Expected::Absent);
}
