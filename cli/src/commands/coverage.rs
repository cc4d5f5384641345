//! `amiline coverage`: reads every enrolled instance's newest images.

use super::{Answer, connect, stack_of};
use crate::advice;
use crate::args::Args;
use crate::coverage;
use crate::failure::CommandError;
use crate::paint::Paint;
use amiline_app::coverage::coverage_of_all;
use amiline_app::ports::Clock;
use indicatif::ProgressBar;

pub(super) async fn run(args: &Args, bad: bool) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let stack = stack_of(args, &aws).await?.bounded();
    // Nothing is drawn where nobody looks.
    let bar = ProgressBar::new(0).with_message("reading the newest images");
    let mut progress = |done: usize, all: usize| {
        bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    };
    let covered = coverage_of_all(&aws, &stack, &mut progress).await?;
    bar.finish_and_clear();
    let rows = coverage::rows(&covered.instances, bad);
    let mut unread = Vec::new();
    for one in &covered.unread {
        unread.push(coverage::Gap {
            region: &one.region,
            reason: advice::said(&one.error, args).await,
        });
    }
    let now = aws.now();
    let text = match args.json {
        true => coverage::as_json(&rows, &unread, now),
        false => coverage::text(&covered.instances, &rows, &unread, now, Paint::for_output()),
    };
    Ok(Answer::ended(text, coverage::is_fine(&rows) && unread.is_empty()))
}
