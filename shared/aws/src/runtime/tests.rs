use super::*;
use amiline_app::engine::Advanced;
use amiline_app::ports::{Announcer, CallError, Clock, Committed, RecordWriter, RejectedMessage};
use amiline_domain::bus::BusEvent;
use amiline_domain::console::StackAddress;
use amiline_domain::fault::Fault;
use amiline_domain::history::Subject;
use amiline_domain::ids::{FamilyId, Region, StackName, TagPrefix};
use amiline_domain::notice::Notice;
use amiline_domain::receiver::{Receiver, Topic, Unannounced};
use amiline_domain::record::Transaction;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Fake {
    kept: RefCell<Vec<RejectedMessage>>,
    published: RefCell<Vec<String>>,
    on_bus: RefCell<Vec<&'static str>>,
    marked: RefCell<Vec<u64>>,
    told: RefCell<Vec<(u64, BTreeSet<Receiver>)>>,
    deaf_bus: bool,
    broken: bool,
}

fn broken() -> CallError {
    CallError {
        action: "test:Break",
        subject: "it".into(),
        region: Region::new("us-east-1").unwrap(),
        code: "Broken".to_owned(),
        message: "as asked".into(),
        request_id: None,
        fault: Fault::Later,
    }
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn give_way(&self, _: usize) {}
}

impl RecordWriter for Fake {
    async fn commit(&self, _: &Transaction) -> Result<Committed, CallError> {
        Err(broken())
    }
    async fn leave_hint(&self, _: &FamilyId, _: &str) -> Result<bool, CallError> {
        Err(broken())
    }
    async fn keep_rejected(&self, rejected: &RejectedMessage) -> Result<(), CallError> {
        if self.broken {
            return Err(broken());
        }
        self.kept.borrow_mut().push(rejected.clone());
        Ok(())
    }
}

impl Announcer for Fake {
    fn address(&self) -> StackAddress {
        StackAddress {
            stack: StackName::new("amiline").unwrap(),
            prefix: TagPrefix::new("amiline").unwrap(),
            home: Region::new("us-east-1").unwrap(),
        }
    }
    async fn publish(&self, topic: Topic, notice: &Notice) -> Result<(), CallError> {
        if self.broken {
            return Err(broken());
        }
        self.published.borrow_mut().push(format!("{}: {}", topic.as_str(), notice.subject));
        Ok(())
    }
    async fn put_on_bus(
        &self,
        events: &[BusEvent],
    ) -> Result<BTreeMap<usize, CallError>, CallError> {
        if self.broken || self.deaf_bus {
            return Err(broken());
        }
        self.on_bus.borrow_mut().extend(events.iter().map(|event| event.detail_type));
        Ok(BTreeMap::new())
    }
    async fn mark_announced(&self, _: &Subject, seq: u64) -> Result<(), CallError> {
        self.marked.borrow_mut().push(seq);
        Ok(())
    }
    async fn note_told(
        &self,
        _: &Subject,
        seq: u64,
        told: &BTreeSet<Receiver>,
    ) -> Result<(), CallError> {
        self.told.borrow_mut().push((seq, told.clone()));
        Ok(())
    }
    async fn waiting_history(&self, _: &str, _: &str) -> Result<Option<Unannounced>, CallError> {
        Ok(None)
    }
}

const DUE: &str =
    r#"{"source":"amiline","detail-type":"FamilyDue","detail":{"family":"fam-0123456789abcdef"}}"#;
const TICK: &str = r#"{"source":"amiline","detail-type":"Tick","detail":{}}"#;

async fn batch(world: &Fake, bodies: &[&str]) -> Vec<String> {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(
            |(index, body)| serde_json::json!({"messageId": index.to_string(), "body": body, "eventSource": "aws:sqs"}),
        )
        .collect();
    let event = serde_json::from_value(serde_json::json!({"Records": records})).unwrap();
    let invocation = Invocation { id: "request-1".to_owned(), deadline: Timestamp::UNIX_EPOCH };
    let handle = async |message: &Message, invocation: &Invocation| {
        assert_eq!(invocation.id, "request-1");
        match message {
            Message::FamilyDue(_) => Ok(Handled::Family(Advanced::Done)),
            Message::Tick(_) => Ok(Handled::NotMine),
            Message::InstanceTagged(_)
            | Message::ImageState(_)
            | Message::LookAtInstance { .. }
            | Message::LookAtSchedule { .. }
            | Message::LookAtPolicy(_)
            | Message::AnnounceHistory { .. }
            | Message::DayEnded(_)
            | Message::DigestDue(_) => Err(UseCaseError::Call(broken())),
        }
    };
    let response = queue_event(world, Function::CreateImage, event, &invocation, &handle).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn only_what_failed_is_delivered_again_and_what_is_rejected_is_kept() {
    let world = Fake::default();
    let look = amiline_domain::message::look_at_instance(
        &Region::new("us-east-1").unwrap(),
        &amiline_domain::ids::InstanceId::new("i-0123456789abcdef0").unwrap(),
    );
    let failed = batch(&world, &[DUE, "nonsense\n", TICK, &look]).await;
    assert_eq!(failed, ["3"]);
    let kept = world.kept.borrow();
    let codes: Vec<(&str, &str)> =
        kept.iter().map(|r| (r.message_id.as_str(), r.code.as_str())).collect();
    assert_eq!(codes, [("1", "malformed"), ("2", "bad-field")]);
    assert_eq!(kept[1].reason, "detail-type: Tick is not for create-image");
    assert_eq!(kept[0].excerpt, "nonsense?");
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_stays_in_the_queue() {
    let world = Fake { broken: true, ..Fake::default() };
    assert_eq!(batch(&world, &["nonsense", DUE]).await, ["0"]);
}

fn stream(names: &[(&str, &str)]) -> aws_lambda_events::dynamodb::Event {
    let records: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(index, (name, sk))| {
            let data = serde_json::json!({"M": {
                "family": {"S": "fam-0123456789abcdef"}, "seq": {"N": "1"}, "prev_hash": {"S": ""}, "hash": {"S": ""},
                "outcome_id": {"S": "o"}, "at": {"S": "2026-11-24T12:00:00Z"}, "event": {"S": "family-failed"},
                "account": {"S": "111111111111"}, "region": {"S": "us-east-1"}, "instance": {"S": "i-0123456789abcdef0"},
                "policy": {"NULL": true}, "image": {"NULL": true}, "reason": {"NULL": true}, "images": {"L": []},
            }});
            let keys = serde_json::json!({"pk": {"S": "FAMILY#fam-0123456789abcdef"}, "sk": {"S": sk}});
            let mut image = keys.clone();
            image["data"] = data;
            image["unannounced"] = serde_json::json!({"BOOL": true});
            serde_json::json!({
                "awsRegion": "us-east-1", "eventID": "e", "eventName": name, "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": keys, "NewImage": image, "SequenceNumber": index.to_string(), "SizeBytes": 1,
                    "StreamViewType": "NEW_IMAGE", "ApproximateCreationDateTime": 1795521600,
                },
            })
        })
        .collect();
    serde_json::from_value(serde_json::json!({"Records": records})).unwrap()
}

#[tokio::test]
async fn the_stream_publishes_new_history_and_nothing_else() {
    let world = Fake::default();
    let invocation = invocation(&Context::default());
    let event = stream(&[
        ("INSERT", "HISTORY#000000000001"),
        ("MODIFY", "HISTORY#000000000001"),
        ("INSERT", "META"),
    ]);
    let response = stream_event(&world, event, &invocation).await;
    assert_eq!(response, serde_json::json!({"batchItemFailures": []}));
    let subject = "Amiline: i-0123456789abcdef0: no image could be made";
    let to_all = ["notifications", "attention", "chat"].map(|topic| format!("{topic}: {subject}"));
    assert_eq!(*world.published.borrow(), to_all);
    assert_eq!(*world.on_bus.borrow(), ["family-failed"]);
    assert_eq!(*world.marked.borrow(), [1]);
}

#[tokio::test]
async fn what_only_some_were_told_of_is_noted_and_not_delivered_again() {
    let world = Fake { deaf_bus: true, ..Fake::default() };
    let event = stream(&[("INSERT", "HISTORY#000000000001"), ("INSERT", "HISTORY#000000000002")]);
    let response = stream_event(&world, event, &invocation(&Context::default())).await;
    assert_eq!(response, serde_json::json!({"batchItemFailures": []}));
    assert_eq!(world.published.borrow().len(), 6);
    let topics = BTreeSet::from([Receiver::Notifications, Receiver::Attention, Receiver::Chat]);
    assert_eq!(
        world.told.borrow().iter().map(|(_, told)| told.clone()).collect::<Vec<_>>(),
        [topics.clone(), topics]
    );
    assert!(world.marked.borrow().is_empty());
}

#[tokio::test]
async fn the_stream_goes_on_from_the_first_record_that_failed() {
    let world = Fake { broken: true, ..Fake::default() };
    let event = stream(&[
        ("REMOVE", "META"),
        ("INSERT", "HISTORY#000000000001"),
        ("INSERT", "HISTORY#000000000002"),
    ]);
    let response = stream_event(&world, event, &invocation(&Context::default())).await;
    assert_eq!(response, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "1"}]}));
}

#[test]
fn the_deadline_is_lambdas() {
    let mut context = Context::default();
    context.request_id = "request-1".to_owned();
    context.deadline = 1_795_521_600_250;
    let invocation = invocation(&context);
    assert_eq!(
        (invocation.id.as_str(), invocation.deadline.to_string().as_str()),
        ("request-1", "2026-11-24T12:00:00.25Z")
    );
    context.deadline = u64::MAX;
    assert_eq!(super::invocation(&context).deadline, Timestamp::UNIX_EPOCH);
}
