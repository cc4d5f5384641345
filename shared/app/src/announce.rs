//! Announcing the history: what was recorded, and nothing else, to everybody who is to hear of it.
//!
//! The topics and the bus are told each for itself. An item counts as announced when all of them
//! have it; who has it already is kept in the record, so that a bus that is out of order makes no
//! e-mail come twice, nor the other way round.

use crate::error::UseCaseError;
use crate::ports::{Announcer, CallError, Clock};
use amiline_domain::bus;
use amiline_domain::chat;
use amiline_domain::fault::Fault;
use amiline_domain::history::HistoryItem;
use amiline_domain::notice::{self, Notice};
use amiline_domain::receiver::{Receiver, Topic, Unannounced, Way};
use std::collections::{BTreeMap, BTreeSet};

/// How often an event is put on the bus that refuses it for the moment. What it still lacks is left
/// to the tick.
const PUTS_MAX: usize = 3;

/// What became of a history item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announced {
    /// Everybody was told, and it is marked.
    Everywhere,
    /// Some have it, which is noted, and some do not, for this reason: the tick sends it to them.
    Partly(CallError),
    /// A step that is not announced.
    NotAnnounced,
    /// Gone, or announced before.
    NothingWaiting,
}

/// Announces history items in their order, as far as the first that nobody could be told of: its
/// end is the last one. Whatever a crash keeps from being marked is announced again with the same
/// `outcome_id`.
pub async fn announce<W: Announcer + Clock>(
    world: &W,
    items: &[Unannounced],
) -> Vec<Result<Announced, UseCaseError>> {
    let mut deliveries: Vec<Delivery<'_>> = items.iter().map(Delivery::new).collect();
    put_on_bus(world, &mut deliveries).await;
    let mut ended = Vec::with_capacity(deliveries.len());
    for mut delivery in deliveries {
        delivery.publish(world).await;
        let end = delivery.conclude(world).await;
        let failed = end.is_err();
        ended.push(end);
        if failed {
            break;
        }
    }
    ended
}

/// Announces an item that the stream did not bring, or not to everybody. If somebody still lacks it
/// that is an error, so that its message comes again.
pub async fn announce_waiting<W: Announcer + Clock>(
    world: &W,
    pk: &str,
    sk: &str,
) -> Result<Announced, UseCaseError> {
    let Some(item) = world.waiting_history(pk, sk).await? else {
        return Ok(Announced::NothingWaiting);
    };
    match announce(world, std::slice::from_ref(&item)).await.pop() {
        Some(Ok(Announced::Partly(error))) => Err(error.into()),
        Some(ended) => ended,
        None => Ok(Announced::NothingWaiting),
    }
}

/// Puts on the bus what it lacks, in as few calls as its limits allow. Of a batch it may take some
/// events and refuse others: only those are put there again, if they were refused for the moment.
async fn put_on_bus<W: Announcer + Clock>(world: &W, deliveries: &mut [Delivery<'_>]) {
    for round in 0..PUTS_MAX {
        let lacking = deliveries.iter_mut().filter(|delivery| delivery.is_to_be_put(round));
        let lacking = lacking.map(|delivery| {
            let event = bus::event(delivery.item());
            (delivery, event)
        });
        let batches = bus::batches(lacking.collect());
        if batches.is_empty() {
            return;
        }
        if round > 0 {
            world.give_way(round).await;
        }
        for batch in batches {
            let (whose, events): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let mut refused = match world.put_on_bus(&events).await {
                Ok(refused) => refused,
                Err(error) => (0..events.len()).map(|place| (place, error.clone())).collect(),
            };
            for (place, delivery) in whose.into_iter().enumerate() {
                delivery.ended(Receiver::Bus, refused.remove(&place));
            }
        }
    }
}

/// One item on its way to its receivers.
struct Delivery<'a> {
    waiting: &'a Unannounced,
    told: BTreeSet<Receiver>,
    failed: BTreeMap<Receiver, CallError>,
}

impl<'a> Delivery<'a> {
    fn new(waiting: &'a Unannounced) -> Self {
        Self { waiting, told: BTreeSet::new(), failed: BTreeMap::new() }
    }

    fn item(&self) -> &'a HistoryItem {
        &self.waiting.item
    }

    /// First whatever the bus lacks, then what it refused with certainty and may take now.
    fn is_to_be_put(&self, round: usize) -> bool {
        match self.failed.get(&Receiver::Bus) {
            Some(error) => error.fault == Fault::Later,
            None => round == 0 && self.waiting.missing().contains(&Receiver::Bus),
        }
    }

    fn ended(&mut self, receiver: Receiver, failure: Option<CallError>) {
        match failure {
            Some(error) => {
                self.failed.insert(receiver, error);
            }
            None => {
                self.failed.remove(&receiver);
                self.told.insert(receiver);
            }
        }
    }

    async fn publish<W: Announcer>(&mut self, world: &W) {
        let address = world.address();
        let mut usual: Option<Notice> = None;
        for receiver in self.waiting.missing() {
            let Way::Topic(topic) = receiver.way() else { continue };
            let usual = usual.get_or_insert_with(|| notice::render(&self.waiting.item, &address));
            let published = match topic {
                Topic::Notifications | Topic::Attention | Topic::Digest => {
                    world.publish(topic, usual).await
                }
                Topic::Chat => {
                    world
                        .publish(topic, &chat::instead_of(usual, &self.waiting.item, &address))
                        .await
                }
            };
            self.ended(receiver, published.err());
        }
    }

    /// Writes down who was told.
    async fn conclude<W: Announcer>(self, world: &W) -> Result<Announced, UseCaseError> {
        let item = self.item();
        if !item.event.is_announced() {
            return Ok(Announced::NotAnnounced);
        }
        let lacking: Vec<&str> = self.failed.keys().map(|receiver| receiver.as_str()).collect();
        let lacking = lacking.join(" ");
        let Some((_, error)) = self.failed.into_iter().next() else {
            world.mark_announced(&item.subject, item.seq).await?;
            tracing::info!(
                subject = %item.subject,
                instance = item.instance.as_ref().map(ToString::to_string),
                region = %item.region,
                image = item.image.as_ref().map(ToString::to_string),
                action = "announce",
                outcome = item.event.as_str(),
                outcome_id = item.outcome_id,
                "announced"
            );
            return Ok(Announced::Everywhere);
        };
        if self.told.is_empty() && self.waiting.told.is_empty() {
            return Err(error.into());
        }
        if !self.told.is_empty() {
            world.note_told(&item.subject, item.seq, &self.told).await?;
        }
        tracing::error!(
            subject = %item.subject,
            action = "announce",
            outcome = item.event.as_str(),
            outcome_id = item.outcome_id,
            lacking,
            error = %error,
            "announced to some only; the tick sends it to the others"
        );
        Ok(Announced::Partly(error))
    }
}
