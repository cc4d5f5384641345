//! Publishing the history: what was recorded, and nothing else.

use crate::family::UseCaseError;
use crate::ports::Announcer;
use amiline_domain::history::HistoryItem;
use amiline_domain::notice::render;

/// What became of a history item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// Published and marked.
    Published,
    /// A step that is not published.
    NotAnnounced,
    /// Gone, or published before.
    NothingWaiting,
}

/// Publishes a history item and marks it. After a crash in between it is published again with the same `outcome_id`.
pub async fn announce<W: Announcer>(world: &W, item: &HistoryItem) -> Result<Announced, UseCaseError> {
    if !item.event.is_announced() {
        return Ok(Announced::NotAnnounced);
    }
    world.publish(&render(item)).await?;
    world.mark_announced(&item.family, item.seq).await?;
    tracing::info!(
        family = %item.family,
        instance = %item.instance,
        region = %item.region,
        image = item.image.as_ref().map(ToString::to_string),
        action = "announce",
        outcome = item.event.as_str(),
        outcome_id = item.outcome_id,
        "announced"
    );
    Ok(Announced::Published)
}

/// Publishes an item that the stream did not bring in time.
pub async fn announce_waiting<W: Announcer>(world: &W, pk: &str, sk: &str) -> Result<Announced, UseCaseError> {
    match world.waiting_history(pk, sk).await? {
        Some(item) => announce(world, &item).await,
        None => Ok(Announced::NothingWaiting),
    }
}
