//! `amiline why`: the answer, as a person reads it.

use super::{Answer, connect, regions_of, stack_of};
use crate::args::Args;
use crate::failure::CommandError;
use crate::output::width;
use crate::paint::Paint;
use crate::table::Table;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::time::utc;
use amiline_domain::why::Why;
use std::fmt::Write as _;

pub(super) async fn run(
    args: &Args,
    instance: &InstanceId,
    region: Option<Region>,
) -> Result<Answer, CommandError> {
    let aws = connect(args).await?;
    let stack = stack_of(args, &aws).await?;
    let regions = match region {
        Some(region) => vec![region],
        None => regions_of(&aws, &stack).await?,
    };
    let why = amiline_app::why::why(&aws, &stack, &regions, instance).await?;
    let text = if args.json {
        serde_json::json!(why).to_string()
    } else {
        text(&why, Paint::for_output())
    };
    Ok(Answer::done(text))
}

/// As paragraphs with short tables.
fn text(why: &Why, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ =
        writeln!(out, "{} in {}: {}", paint.strong(why.instance.as_str()), why.region, why.state);
    let _ = writeln!(out, "\n{}", paint.strong("Now"));
    let mut now = Table::indented(1);
    for line in &why.now {
        now.row([line.about.clone(), line.says.clone()]);
    }
    let _ = write!(out, "{}", now.text(width()));
    if !why.images.is_empty() {
        let _ = writeln!(out, "\n{}", paint.strong("Newest images"));
        let mut images = Table::indented(1);
        for one in &why.images {
            let says = if one.lost { paint.bad(&one.says) } else { one.says.clone() };
            images.row([one.policy.to_string(), one.region.to_string(), says]);
        }
        let _ = write!(out, "{}", images.text(width()));
    }
    let _ = writeln!(out, "\n{}", paint.strong("Last"));
    match &why.last {
        Some(last) => {
            let at = utc(last.at);
            let _ = writeln!(out, " {at}: {} ({})", last.says, last.family);
            let _ = writeln!(
                out,
                " `amiline lineage {} --in {}` shows all of it",
                why.instance, why.region
            );
        }
        None => {
            let _ = writeln!(out, " nothing was ever asked for");
        }
    }
    out
}
