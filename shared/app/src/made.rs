//! What was made of an instance, as far back as is needed to judge its coverage.

use crate::ports::{CallError, MadeReader};
use amiline_domain::coverage::{Made, wanted};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};

/// Pages that are read at most. What is older than the newest thousand families is too old whatever
/// was promised.
const PAGES_MAX: usize = 40;

/// What was made of an instance, newest first: until there is an available image for everything
/// that it is promised, or as far back as an image could be new enough.
pub(crate) async fn made_of<W: MadeReader>(
    world: &W,
    key: &EnrolmentKey,
    enrolment: &Enrolment,
) -> Result<Vec<Made>, CallError> {
    let mut wanted = wanted(enrolment);
    let mut all = Vec::new();
    let mut from = None;
    for _ in 0..PAGES_MAX {
        if wanted.is_empty() {
            break;
        }
        let page = world.made(key, from).await?;
        for made in &page.made {
            wanted.retain(|(policy, region)| {
                *policy != made.policy || !made.available.contains_key(region)
            });
        }
        all.extend(page.made);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(all)
}
