//! What was made of an instance, as far back as is needed to judge its coverage.

use crate::ports::{CallError, MadeReader};
use amiline_domain::coverage::{Made, wanted};
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};

/// What was made of an instance, newest first: until there is an available image for everything that it is promised, or to
/// the beginning.
pub(crate) async fn made_of<W: MadeReader>(
    world: &W,
    key: &EnrolmentKey,
    enrolment: &Enrolment,
) -> Result<Vec<Made>, CallError> {
    let mut wanted = wanted(enrolment);
    let mut all = Vec::new();
    let mut from = None;
    while !wanted.is_empty() {
        let page = world.made(key, from).await?;
        for made in &page.made {
            wanted.retain(|(policy, region)| *policy != made.policy || !made.available.contains_key(region));
        }
        all.extend(page.made);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(all)
}
