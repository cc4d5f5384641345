//! `amiline why`: the answer, as a person reads it.

use crate::paint::Paint;
use amiline_domain::why::Why;
use comfy_table::{Table, presets};
use std::fmt::Write as _;

/// As paragraphs with short tables.
pub(crate) fn text(why: &Why, paint: Paint) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} in {}: {}", paint.strong(why.instance.as_str()), why.region, why.state);
    let _ = writeln!(out, "\n{}", paint.strong("Now"));
    let mut now = table();
    for line in &why.now {
        now.add_row([&line.about, &line.says]);
    }
    let _ = writeln!(out, "{now}");
    if !why.images.is_empty() {
        let _ = writeln!(out, "\n{}", paint.strong("Newest images"));
        let mut images = table();
        for one in &why.images {
            let says = if one.lost { paint.bad(&one.says) } else { one.says.clone() };
            images.add_row([one.policy.to_string(), one.region.to_string(), says]);
        }
        let _ = writeln!(out, "{images}");
    }
    let _ = writeln!(out, "\n{}", paint.strong("Last"));
    match &why.last {
        Some(last) => {
            let at = last.at.strftime("%Y-%m-%d %H:%M UTC");
            let _ = writeln!(out, " {at}: {} ({})", last.says, last.family);
            let _ = writeln!(out, " `amiline lineage {} --in {}` shows all of it", why.instance, why.region);
        }
        None => {
            let _ = writeln!(out, " nothing was ever asked for");
        }
    }
    out
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}
