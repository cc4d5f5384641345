//! Two writers of one family, and a reply that does not arrive.

use super::write_surely;
use crate::ports::{CallError, Committed, Enrolled, RecordReader, RecordWriter, RejectedMessage};
use amiline_domain::budget::Budget;
use amiline_domain::enrolment::EnrolmentKey;
use amiline_domain::family::Family;
use amiline_domain::fault::Fault;
use amiline_domain::ids::{
    AccountId, FamilyId, ImageId, InstanceId, PolicyName, Region, StackName,
};
use amiline_domain::image::{InstanceState, ObservedInstance, RootDevice};
use amiline_domain::plan::{Begun, refuse};
use amiline_domain::press::{Press, PressKey};
use amiline_domain::reason::Rejection;
use amiline_domain::record::{Expected, FamilyChange, Transaction};
use amiline_domain::time::{Slot, plus_seconds};
use amiline_domain::work::WorkState;
use futures_util::FutureExt;
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// A table whose first transaction has no answer, and what is in it then.
struct Table {
    holds: RefCell<Family>,
    after_the_first: Family,
    commits: Cell<u32>,
}

impl RecordReader for Table {
    async fn press_and_budget(&self, _: &PressKey) -> Result<(Press, Budget), CallError> {
        unreachable!("no press is read here")
    }

    async fn enrolment(&self, _: &EnrolmentKey) -> Result<Enrolled, CallError> {
        unreachable!("no enrolment is read here")
    }

    async fn family(&self, _: &FamilyId) -> Result<Option<Family>, CallError> {
        Ok(Some(self.holds.borrow().clone()))
    }

    async fn family_of_image(
        &self,
        _: &Region,
        _: &ImageId,
    ) -> Result<Option<FamilyId>, CallError> {
        unreachable!("no image is looked for here")
    }

    async fn kept_policy(&self, _: &str) -> Result<Option<String>, CallError> {
        unreachable!("no policy is read here")
    }
}

impl RecordWriter for Table {
    async fn commit(&self, transaction: &Transaction) -> Result<Committed, CallError> {
        let write = transaction.family().unwrap();
        self.commits.set(self.commits.get() + 1);
        if self.commits.get() == 1 {
            self.holds.replace(self.after_the_first.clone());
            return Err(CallError {
                action: "dynamodb:TransactWriteItems",
                subject: write.family.id.as_str().into(),
                region: write.family.region.clone(),
                code: "NoAnswer".to_owned(),
                message: "the connection was closed".into(),
                request_id: None,
                fault: Fault::Unknown,
            });
        }
        if write.expected != Expected::Revision(self.holds.borrow().work.version) {
            return Ok(Committed::Conflict);
        }
        self.holds.replace(write.family.clone());
        Ok(Committed::Yes)
    }

    async fn leave_hint(&self, _: &FamilyId, _: &str) -> Result<bool, CallError> {
        unreachable!("nobody is woken here")
    }

    async fn keep_rejected(&self, _: &RejectedMessage) -> Result<(), CallError> {
        unreachable!("nothing is rejected here")
    }
}

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// Version 1 of a family that has nothing but its answer to give, without a lease.
fn first_version() -> Family {
    let instance = ObservedInstance {
        id: InstanceId::new("i-0123456789abcdef0").unwrap(),
        region: Region::new("us-east-1").unwrap(),
        state: InstanceState::Running,
        hibernation: false,
        root_device: RootDevice::Ebs,
        root_name: None,
        devices: BTreeSet::new(),
        tags: BTreeMap::new(),
    };
    let begun = Begun {
        stack: &StackName::new("amiline").unwrap(),
        account: &AccountId::new("111111111111").unwrap(),
        instance: &instance,
        press: &Press::untouched(),
        slot: Slot::next(now(), None),
        value: "nightly",
        heard_at: None,
        status_before: None,
    };
    let unknown =
        Rejection::UnknownPolicy { policy: PolicyName::new("nightly").unwrap(), near: None };
    let (family, _) = refuse(begun, None, &unknown, now());
    Family { work: WorkState { version: 1, ..family.work }, ..family }
}

/// A version 2 that differs from others by when the family is looked at again, and by nothing else.
fn second_version(seconds: i64) -> Family {
    let first = first_version();
    let due = first.work.due.map(|(at, role)| (plus_seconds(at, seconds), role));
    Family { work: WorkState { version: 2, due, ..first.work }, ..first }
}

/// What becomes of our version 2 when the first try has no answer and the table holds this after
/// it.
fn ours_is(after_the_first: Family) -> (Committed, Table) {
    let table =
        Table { holds: RefCell::new(first_version()), after_the_first, commits: Cell::new(0) };
    let (ours, expected) = (second_version(60), Expected::Revision(1));
    let change = FamilyChange {
        family: ours.clone(),
        expected,
        pending_hints: None,
        rows: Vec::new(),
        pointers: Vec::new(),
        history: Vec::new(),
        with: Vec::new(),
    };
    let transaction = change.transaction().unwrap();
    let committed =
        write_surely(&table, (&ours, expected), &transaction).now_or_never().unwrap().unwrap();
    (committed, table)
}

#[test]
fn a_transaction_that_was_written_though_its_reply_was_lost_is_not_sent_again() {
    // Somebody left a hint meanwhile; that is no version.
    let mut hinted = second_version(60);
    hinted.work.pending_hints = 1;
    let (committed, table) = ours_is(hinted);
    assert_eq!((committed, table.commits.get()), (Committed::Yes, 1));
}

#[test]
fn a_transaction_that_was_not_written_is_sent_again() {
    let (committed, table) = ours_is(first_version());
    assert_eq!((committed, table.commits.get()), (Committed::Yes, 2));
    assert_eq!(table.holds.into_inner(), second_version(60));
}

#[test]
fn another_writers_version_with_our_number_is_not_taken_for_ours() {
    let (committed, table) = ours_is(second_version(90));
    assert_eq!((committed, table.commits.get()), (Committed::Conflict, 1));
    assert_eq!(table.holds.into_inner(), second_version(90));
}
