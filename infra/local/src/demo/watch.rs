//! Looking again and again until all is as promised, or can no longer become so.

use super::observe::{Observation, observe};
use super::verdict::deviations;
use super::{Scene, Script, inbox, tick};
use crate::aws::{Aws, AwsError};
use crate::error::LocalError;
use crate::progress::Progress;
use crate::stack::LocalAws;
use std::io::Write;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(100);
const TICK_EVERY: Duration = Duration::from_millis(500);
/// After the last word of a family, how long the rest may take to become visible.
const SETTLE: Duration = Duration::from_secs(3);

/// What was seen in the end.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) seen: Observation,
    pub(crate) deviations: Vec<String>,
    /// From the tag to the moment when all was seen.
    pub(crate) took: Duration,
}

pub(super) async fn until_done(
    local: &LocalAws,
    aws: &Aws,
    scene: &Scene,
    script: &Script,
    tagged: Instant,
) -> Result<Watched, LocalError> {
    let mut teller = Teller { progress: script.progress, tagged };
    teller.say(&format!("tagged {} with {}={}", scene.instance, super::BUTTON.0, super::BUTTON.1));
    let allowed = Duration::from_secs_f64(30.0 + 4.0 * script.pending_seconds);
    let ticker =
        script.drop_events.and_then(|_| local.deployed().functions.get("schedule-tick").cloned());
    let mut next_tick = tagged;
    let mut before = Observation::default();
    let mut last_word: Option<Instant> = None;
    let mut clock = tokio::time::interval(EVERY);
    loop {
        clock.tick().await;
        if let Some(function) = ticker.as_ref().filter(|_| Instant::now() >= next_tick) {
            tick::invoke(aws, function).await.map_err(LocalError::aws("invoking the tick"))?;
            next_tick = Instant::now().checked_add(TICK_EVERY).unwrap_or(next_tick);
        }
        let seen = look(aws, scene, &before)
            .await
            .map_err(LocalError::aws("looking at EC2 and the queue"))?;
        teller.changes(&before, &seen);
        let deviations = deviations(&seen, scene);
        let took = tagged.elapsed();
        if last_word.is_none()
            && seen.notifications.iter().any(|notification| notification.outcome().is_some())
        {
            last_word = Some(Instant::now());
        }
        let settled = last_word.is_some_and(|since| since.elapsed() > SETTLE);
        if deviations.is_empty() || settled || took > allowed {
            return Ok(Watched { seen, deviations, took });
        }
        before = seen;
    }
}

async fn look(aws: &Aws, scene: &Scene, before: &Observation) -> Result<Observation, AwsError> {
    let mut seen = observe(aws, scene).await?;
    seen.notifications.clone_from(&before.notifications);
    // SNS and our outbox deliver at least once; a receiver tells a repeat by its outcome_id and
    // drops it.
    for notification in inbox::receive(aws, &scene.queue_url).await? {
        if !seen.notifications.iter().any(|known| known.outcome_id() == notification.outcome_id()) {
            seen.notifications.push(notification);
        }
    }
    Ok(seen)
}

/// Says what changed between two looks.
struct Teller {
    progress: Progress,
    tagged: Instant,
}

impl Teller {
    fn say(&mut self, what: &str) {
        if self.progress == Progress::Lines {
            // A closed standard error is no reason to fail.
            let _ = writeln!(
                std::io::stderr(),
                "{:6.1} s  {what}",
                self.tagged.elapsed().as_secs_f64()
            );
        }
    }

    fn changes(&mut self, before: &Observation, now: &Observation) {
        for image in &now.images {
            let (id, region) = (&image.image_id, &image.region);
            let old = before.images.iter().find(|old| old.image_id == *id);
            if old.is_none() {
                let source =
                    image.source_image.as_ref().filter(|_| image.source_instance.is_none());
                let from =
                    source.map(|source| format!(", copied from {source}")).unwrap_or_default();
                self.say(&format!("{id} is {} in {region}{from}", image.state));
            } else if old.is_some_and(|old| old.state != image.state) {
                let reason = image
                    .state_reason
                    .as_deref()
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                self.say(&format!("{id} is {} in {region}{reason}", image.state));
            }
            let shared = |shared: &[String]| shared.join(", ");
            if !image.shared_with.is_empty()
                && old.is_none_or(|old| old.shared_with != image.shared_with)
            {
                self.say(&format!("{id} is shared with {}", shared(&image.shared_with)));
            }
        }
        if now.press.is_none() && before.press.is_some() {
            self.say("the tag sprang back");
        }
        if let Some(status) =
            now.status.as_ref().filter(|status| before.status.as_ref() != Some(status))
        {
            self.say(&format!("amiline:status is \"{status}\""));
        }
        for notification in now.notifications.iter().skip(before.notifications.len()) {
            self.say(&format!("notified: {}", notification.subject));
        }
    }
}
