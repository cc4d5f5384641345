//! The ports on Parameter Store, the queues, the topics and the bus, all in the home Region.

use crate::happenings::What;
use crate::ports_table::Kept;
use crate::queues::{OnBus, Published};
use crate::refusal::Refusal;
use crate::trace::{Note, put};
use crate::world::World;
use amiline_app::functions::Queue;
use amiline_app::ports::{
    Announcer, CallError, Clock, Committed, DayPage, DayReader, DigestKeeper, EndedPage,
    KillSwitch, Messenger, PolicyReader,
};
use amiline_domain::bus::{self, BYTES_MAX, BusEvent, ENTRIES_MAX};
use amiline_domain::console::StackAddress;
use amiline_domain::day::Day;
use amiline_domain::digest::{DigestKey, DigestState, Draft};
use amiline_domain::history::Subject;
use amiline_domain::ids::PolicyName;
use amiline_domain::notice::Notice;
use amiline_domain::receiver::{Receiver, Topic, Unannounced};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Messages in one SendMessageBatch.
const BATCH_MAX: usize = 10;
const PUT_EVENTS: &str = "events:PutEvents";

impl PolicyReader for World {
    async fn policy_text(&self, name: &PolicyName) -> Result<Option<String>, CallError> {
        let home = self.cloud.home();
        let read = self.call("ssm:GetParameters", &home, name.as_str(), |state| {
            Ok(Kept(state.parameters.policies.get(name.as_str()).cloned()))
        });
        read.await.map(|kept| kept.0)
    }
}

impl KillSwitch for World {
    async fn is_on(&self) -> bool {
        let home = self.cloud.home();
        let read = self.call("ssm:GetParameter", &home, "kill-switch", |state| {
            let on = state.parameters.kill_switch_is_on();
            state.happened(self.invocation, || What::SwitchRead { on });
            Ok(on)
        });
        // A switch that cannot be read counts as on.
        read.await.unwrap_or(true)
    }
}

impl Messenger for World {
    async fn send(&self, queue: Queue, bodies: &[String]) -> Result<(), CallError> {
        let home = self.cloud.home();
        for batch in bodies.chunks(BATCH_MAX) {
            self.call(
                "sqs:SendMessage",
                &home,
                &format!("{queue:?} {} messages", batch.len()),
                |state| {
                    batch.iter().for_each(|body| state.enqueue(queue, body.clone()));
                    Ok(())
                },
            )
            .await?;
        }
        Ok(())
    }
}

impl Announcer for World {
    fn address(&self) -> StackAddress {
        self.cloud.stack().address()
    }

    async fn publish(&self, topic: Topic, notice: &Notice) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call(
            "sns:Publish",
            &home,
            &format!("{}: {}", topic.as_str(), notice.subject),
            |state| {
                let at = state.now;
                let notice = Rc::new(notice.clone());
                state.published.push(Published { at, topic, notice: Rc::clone(&notice) });
                state.happened(self.invocation, || What::Published(topic, notice));
                Ok(())
            },
        )
        .await
    }

    async fn put_on_bus(
        &self,
        events: &[BusEvent],
    ) -> Result<BTreeMap<usize, CallError>, CallError> {
        let home = self.cloud.home();
        let kinds: Vec<&str> = events.iter().map(|event| event.detail_type).collect();
        let subject = kinds.join(" ");
        let put = self.call(PUT_EVENTS, &home, &subject, |state| {
            let bytes: usize = events.iter().map(BusEvent::bytes).sum();
            if events.is_empty() || events.len() > ENTRIES_MAX || bytes >= BYTES_MAX {
                return Err(Refusal::new("ValidationException", "1 validation error detected"));
            }
            let refused = state.refused_entries;
            for (_, event) in events.iter().enumerate().filter(|(place, _)| !refused.holds(*place))
            {
                let at = state.now;
                let event = Rc::new(event.clone());
                state.on_bus.push(OnBus { at, event: Rc::clone(&event) });
                state.happened(self.invocation, || What::PutOnBus(event));
            }
            Ok(Places((0..events.len()).filter(|place| refused.holds(*place)).collect()))
        });
        let refused = |place| {
            let message = "the event could not be taken".into();
            let (code, region) = ("InternalFailure".to_owned(), home.clone());
            let fault = bus::refusal(&code);
            (
                place,
                CallError {
                    action: PUT_EVENTS,
                    subject: subject.as_str().into(),
                    region,
                    code,
                    message,
                    request_id: None,
                    fault,
                },
            )
        };
        put.await.map(|places| places.0.into_iter().map(refused).collect())
    }

    async fn mark_announced(&self, subject: &Subject, seq: u64) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:UpdateItem", &home, &format!("{subject} {seq}"), |state| {
            state.mark_announced(subject, seq);
            Ok(())
        })
        .await
    }

    async fn note_told(
        &self,
        subject: &Subject,
        seq: u64,
        told: &BTreeSet<Receiver>,
    ) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:UpdateItem", &home, &format!("{subject} {seq} {told:?}"), |state| {
            state.note_told(subject, seq, told);
            Ok(())
        })
        .await
    }

    async fn waiting_history(&self, pk: &str, sk: &str) -> Result<Option<Unannounced>, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:GetItem", &home, &format!("{pk} {sk}"), |state| {
            Ok(state.waiting_history(pk, sk))
        })
        .await
    }
}

impl DayReader for World {
    async fn families_of_day(&self, day: Day, from: Option<String>) -> Result<DayPage, CallError> {
        let home = self.cloud.home();
        // In truth two calls, of which the second may fail too: a page that was not read whole is
        // no page.
        self.call("dynamodb:Query", &home, &format!("families of {day}"), |state| {
            Ok(state.day_page(day, from.as_deref()))
        })
        .await
    }

    async fn enrolments_ended_on(
        &self,
        day: Day,
        from: Option<String>,
    ) -> Result<EndedPage, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:Query", &home, &format!("enrolments ended on {day}"), |state| {
            Ok(state.ended_page(day, from.as_deref()))
        })
        .await
    }
}

impl DigestKeeper for World {
    async fn digest(&self, key: &DigestKey) -> Result<DigestState, CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:GetItem", &home, &format!("digest {key:?}"), |state| {
            Ok(state.store.digests.get(key).cloned().unwrap_or(DigestState::Unknown))
        })
        .await
    }

    async fn keep_draft(&self, key: &DigestKey, draft: &Draft) -> Result<Committed, CallError> {
        let home = self.cloud.home();
        let now = self.now();
        self.call("dynamodb:UpdateItem", &home, &format!("digest {key:?}"), |state| {
            let rev = match state.store.digests.get(key) {
                None => Some(0),
                Some(DigestState::Begun(draft)) => Some(draft.rev),
                Some(DigestState::Unknown | DigestState::Published) => None,
            };
            if rev.is_none_or(|rev| rev + 1 != draft.rev) {
                return Ok(Committed::Conflict);
            }
            state.store.digests.insert(key.clone(), DigestState::Begun(Box::new(draft.clone())));
            state.index_digest(key, Some(now));
            Ok(Committed::Yes)
        })
        .await
    }

    async fn note_digest_published(&self, key: &DigestKey) -> Result<(), CallError> {
        let home = self.cloud.home();
        self.call("dynamodb:UpdateItem", &home, &format!("digest {key:?}"), |state| {
            state.store.digests.insert(key.clone(), DigestState::Published);
            state.index_digest(key, None);
            Ok(())
        })
        .await
    }
}

impl Note for DigestState {
    fn note(&self, out: &mut String) {
        match self {
            DigestState::Unknown => out.push_str("unknown"),
            DigestState::Begun(draft) => {
                put(out, format_args!("draft {} at {:?}", draft.rev, draft.from))
            }
            DigestState::Published => out.push_str("published"),
        }
    }
}

impl Note for EndedPage {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} enrolments", self.items.len()));
    }
}

impl Note for DayPage {
    fn note(&self, out: &mut String) {
        put(out, format_args!("{} families", self.families.len()));
    }
}

/// The places of entries that were refused.
struct Places(Vec<usize>);

impl Note for Places {
    fn note(&self, out: &mut String) {
        match self.0.as_slice() {
            [] => out.push_str("done"),
            some => put(out, format_args!("done, but for the entries {some:?}")),
        }
    }
}
