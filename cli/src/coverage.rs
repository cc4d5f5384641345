//! `amiline coverage`: every enrolled instance's newest images, worst first.

use crate::output::width;
use crate::paint::Paint;
use crate::table::{Table, wrapped};
use amiline_app::coverage::InstanceCoverage;
use amiline_domain::coverage::{Cover, Unpromised};
use amiline_domain::escape::one_line;
use amiline_domain::ids::{InstanceId, Region};
use amiline_domain::time::{seconds_between, utc};
use amiline_domain::why::duration;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Policies that the last line names.
const NAMED_MAX: usize = 5;

/// One line of the table.
#[derive(Debug)]
pub(crate) enum Row<'a> {
    /// What is promised.
    Promised(&'a InstanceCoverage, &'a Cover),
    /// What the tag names in vain.
    InVain(&'a InstanceCoverage, &'a Unpromised),
}

impl Row<'_> {
    fn is_lost(&self) -> bool {
        match self {
            Row::Promised(_, cover) => cover.is_lost(),
            Row::InVain(_, one) => one.is_lost,
        }
    }

    /// Lost first, the longest lost before the others; then what the tag names in vain; then what
    /// will be lost first.
    fn order(&self) -> (u8, Option<Timestamp>, &Region, &InstanceId) {
        match self {
            Row::Promised(of, cover) => {
                let when = cover.lost_at.filter(|_| !cover.is_lost()).or(cover.lost_slot);
                let place = if cover.is_lost() { 0 } else { 2 };
                (place, when, &of.region, &of.instance)
            }
            Row::InVain(of, _) => (1, None, &of.region, &of.instance),
        }
    }
}

/// All lines, worst first; or those alone that are not in order.
pub(crate) fn rows(all: &[InstanceCoverage], bad_only: bool) -> Vec<Row<'_>> {
    let promised =
        all.iter().flat_map(|of| of.covers.iter().map(move |cover| Row::Promised(of, cover)));
    let in_vain =
        all.iter().flat_map(|of| of.unpromised.iter().map(move |one| Row::InVain(of, one)));
    let mut rows: Vec<Row<'_>> = promised.chain(in_vain).collect();
    if bad_only {
        rows.retain(|row| row.is_lost() || matches!(row, Row::InVain(..)));
    }
    rows.sort_by(|one, other| one.order().cmp(&other.order()));
    rows
}

/// Whether nothing is lost.
pub(crate) fn is_fine(rows: &[Row<'_>]) -> bool {
    !rows.iter().any(Row::is_lost)
}

/// A Region of whose instances nothing is known.
#[derive(Debug)]
pub(crate) struct Gap<'a> {
    pub(crate) region: &'a Region,
    pub(crate) reason: String,
}

/// As a table, and a line for each Region that could not be read: what is said of the others does
/// not hold there.
pub(crate) fn text(
    all: &[InstanceCoverage],
    rows: &[Row<'_>],
    gaps: &[Gap<'_>],
    now: Timestamp,
    paint: Paint,
) -> String {
    let mut out = read(all, rows, gaps.is_empty(), now, paint);
    for Gap { region, reason } in gaps {
        let line =
            format!("{region} could not be read, so its instances are not in this list: {reason}");
        out.push_str(&format!("\n{}", paint.bad(&wrapped(&line, 0, width()))));
    }
    out
}

fn read(
    all: &[InstanceCoverage],
    rows: &[Row<'_>],
    whole: bool,
    now: Timestamp,
    paint: Paint,
) -> String {
    let place = if whole { "" } else { " in the Regions that could be read" };
    if all.is_empty() && whole {
        return "No instance is enrolled: tag one amiline:schedule=POLICY, with a policy that has a schedule."
            .to_owned();
    }
    if all.is_empty() {
        return format!("No instance is enrolled{place}.");
    }
    let lost = rows.iter().filter(|row| row.is_lost() && matches!(row, Row::Promised(..))).count();
    let without = without_images(rows);
    let mut said = counted(all.len(), "instance is enrolled", "instances are enrolled");
    said.push_str(place);
    said.push_str(&match lost {
        0 if without.is_some() => String::new(),
        0 => ", and each has the images that it is promised".to_owned(),
        lost => format!("; {}", counted(lost, "image is missing", "images are missing")),
    });
    if let Some(without) = without {
        said.push_str(&format!("; {without}"));
    }
    if rows.is_empty() {
        return said;
    }
    let header = ["INSTANCE", "IN", "POLICY", "REGION", "NEWEST IMAGE", "AGE", "EVERY", "STATE"];
    let mut table = Table::new(header).right(5).right(6);
    for row in rows {
        table.row(match row {
            Row::Promised(of, cover) => promised(of, cover, now, paint),
            Row::InVain(of, one) => vec![
                of.instance.to_string(),
                of.region.to_string(),
                one_line(&one.policy, 40),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                match one.is_lost {
                    true => paint.bad(&format!("no image: {}", one_line(&one.reason.text(), 200))),
                    false => paint.change(&one_line(&one.reason.text(), 200)),
                },
            ],
        });
    }
    format!("{}\n{said}", table.text(width()))
}

/// Which policies give no image to those who follow them, each named once; none if there is none.
fn without_images(rows: &[Row<'_>]) -> Option<String> {
    let lost = rows.iter().filter_map(|row| match row {
        Row::InVain(of, one) if one.is_lost => {
            Some(((&of.region, &of.instance), one.policy.as_str()))
        }
        Row::InVain(..) | Row::Promised(..) => None,
    });
    let (instances, policies): (BTreeSet<(&Region, &InstanceId)>, BTreeSet<&str>) = lost.unzip();
    let named: Vec<String> =
        policies.iter().take(NAMED_MAX).map(|policy| one_line(policy, 40)).collect();
    let others = match policies.len().saturating_sub(named.len()) {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let count = counted(instances.len(), "instance gets", "instances get");
    (!instances.is_empty()).then(|| format!("{count} no image from {}{others}", named.join(", ")))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn promised(of: &InstanceCoverage, cover: &Cover, now: Timestamp, paint: Paint) -> Vec<String> {
    let newest = cover.newest.as_ref();
    let state = match (cover.lost_slot, cover.lost_at) {
        (Some(slot), _) => paint.bad(&format!("too old: none for the slot of {}", utc(slot))),
        (None, Some(at)) if newest.is_none() => format!("the first by {}", utc(at)),
        (None, Some(at)) => paint.good(&format!("in order until {}", utc(at))),
        (None, None) => "in order".to_owned(),
    };
    vec![
        of.instance.to_string(),
        of.region.to_string(),
        cover.policy.to_string(),
        cover.region.to_string(),
        newest.map_or("none", |newest| newest.image.as_str()).to_owned(),
        newest.map_or("-".to_owned(), |newest| duration(seconds_between(newest.at, now))),
        cover.interval_seconds.map_or("-".to_owned(), duration),
        state,
    ]
}

/// For programs.
pub(crate) fn as_json(rows: &[Row<'_>], gaps: &[Gap<'_>], now: Timestamp) -> String {
    let unread = gaps.iter().map(|gap| json!({"region": gap.region, "reason": gap.reason}));
    let unread: Vec<Value> = unread.collect();
    let rows = rows.iter().map(|row| match row {
        Row::Promised(of, cover) => json!({
            "instance": of.instance,
            "instance_region": of.region,
            "policy": cover.policy,
            "region": cover.region,
            "image": cover.newest.as_ref().map(|newest| &newest.image),
            "image_at": cover.newest.as_ref().map(|newest| newest.at),
            "age_seconds": cover.newest.as_ref().map(|newest| seconds_between(newest.at, now)),
            "interval_seconds": cover.interval_seconds,
            "lost": cover.is_lost(),
            "lost_slot": cover.lost_slot,
            "lost_at": cover.lost_at,
            "reason": Value::Null,
        }),
        Row::InVain(of, one) => json!({
            "instance": of.instance,
            "instance_region": of.region,
            "policy": one.policy,
            "region": Value::Null,
            "image": Value::Null,
            "image_at": Value::Null,
            "age_seconds": Value::Null,
            "interval_seconds": Value::Null,
            "lost": one.is_lost,
            "lost_slot": Value::Null,
            "lost_at": Value::Null,
            "reason": one.reason.document(),
        }),
    });
    json!({"coverage": rows.collect::<Vec<Value>>(), "unread": unread}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use amiline_domain::coverage::Newest;
    use amiline_domain::ids::{ImageId, PolicyName};
    use amiline_domain::reason::{Rejection, RequestReason};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cover(newest: Option<&str>, lost_at: &str, lost_slot: Option<&str>) -> Cover {
        Cover {
            policy: PolicyName::new("nightly").unwrap(),
            region: Region::new("eu-west-1").unwrap(),
            newest: newest.map(|text| Newest {
                image: ImageId::new("ami-0123456789abcdef0").unwrap(),
                at: at(text),
            }),
            interval_seconds: Some(86_400),
            lost_at: Some(at(lost_at)),
            lost_slot: lost_slot.map(at),
        }
    }

    fn fleet() -> Vec<InstanceCoverage> {
        let of = |id: &str, covers, unpromised| InstanceCoverage {
            region: Region::new("us-east-1").unwrap(),
            instance: InstanceId::new(id).unwrap(),
            covers,
            unpromised,
        };
        let unknown =
            Rejection::UnknownPolicy { policy: PolicyName::new("weekly").unwrap(), near: None };
        let reason = RequestReason::from(unknown).into();
        let nobody = Unpromised { policy: "weekly".to_owned(), reason, is_lost: true };
        vec![
            of(
                "i-00000001",
                vec![cover(Some("2026-11-24T02:03:00Z"), "2026-11-26T02:00:00Z", None)],
                vec![],
            ),
            of(
                "i-00000002",
                vec![
                    cover(
                        Some("2026-11-21T02:03:00Z"),
                        "2026-11-23T02:00:00Z",
                        Some("2026-11-22T02:00:00Z"),
                    ),
                    cover(None, "2026-11-25T02:00:00Z", None),
                ],
                vec![nobody],
            ),
            of(
                "i-00000003",
                vec![cover(None, "2026-11-22T02:00:00Z", Some("2026-11-21T02:00:00Z"))],
                vec![],
            ),
        ]
    }

    #[test]
    fn the_longest_lost_stands_first_and_what_is_in_order_last() {
        let fleet = fleet();
        let rows = rows(&fleet, false);
        let text = text(&fleet, &rows, &[], at("2026-11-24T12:00:00Z"), Paint::plain());
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            ("i-00000003", "too old: none for the slot of 2026-11-21 02:00 UTC"),
            ("i-00000002", "too old: none for the slot of 2026-11-22 02:00 UTC"),
            (
                "i-00000002",
                "no image: there is no policy weekly; create it or tag with another name",
            ),
            ("i-00000002", "the first by 2026-11-25 02:00 UTC"),
            ("i-00000001", "in order until 2026-11-26 02:00 UTC"),
        ];
        for (line, (instance, state)) in lines.iter().skip(1).zip(expected) {
            assert!(
                line.trim().starts_with(instance) && line.trim_end().ends_with(state),
                "{text}"
            );
        }
        assert_eq!(
            lines.last(),
            Some(
                &"3 instances are enrolled; 2 images are missing; 1 instance gets no image from weekly"
            ),
            "{text}"
        );
        assert!(text.contains("3 d 9 h") && text.contains("1 d 0 h"), "{text}");
        assert!(!is_fine(&rows));
    }

    #[test]
    fn nothing_is_in_order_over_a_gap() {
        let (fleet, now) = (fleet(), at("2026-11-24T12:00:00Z"));
        let (fine, west) = (&fleet[..1], Region::new("us-west-2").unwrap());
        let gaps = [Gap { region: &west, reason: "it is denied".to_owned() }];
        let told = text(fine, &rows(fine, true), &gaps, now, Paint::plain());
        let expected = "1 instance is enrolled in the Regions that could be read, and each has the images that it is \
                        promised\nus-west-2 could not be read, so its instances are not in this list: it is denied";
        assert_eq!(told, expected);
        let told = text(&[], &[], &gaps, now, Paint::plain());
        assert!(
            told.starts_with(
                "No instance is enrolled in the Regions that could be read.\nus-west-2 "
            ),
            "{told}"
        );
        let json: Value = serde_json::from_str(&as_json(&[], &gaps, now)).unwrap();
        assert_eq!(json["unread"], json!([{"region": "us-west-2", "reason": "it is denied"}]));
    }

    #[test]
    fn whoever_wants_trouble_only_gets_that_and_programs_get_all_of_it() {
        let fleet = fleet();
        assert_eq!(rows(&fleet, true).len(), 3);
        let json: Value =
            serde_json::from_str(&as_json(&rows(&fleet, false), &[], at("2026-11-24T12:00:00Z")))
                .unwrap();
        assert_eq!(json["coverage"].as_array().map(Vec::len), Some(5));
        assert_eq!(
            (&json["coverage"][0]["lost"], &json["coverage"][4]["age_seconds"]),
            (&json!(true), &json!(35_820))
        );
        let follows_nothing = InstanceCoverage { covers: Vec::new(), ..fleet[1].clone() };
        let alone = [
            follows_nothing.clone(),
            InstanceCoverage { instance: fleet[2].instance.clone(), ..follows_nothing },
        ];
        assert!(!is_fine(&rows(&alone, false)), "instances without any promise are not in order");
        let said =
            text(&alone, &rows(&alone, false), &[], at("2026-11-24T12:00:00Z"), Paint::plain());
        assert!(
            said.ends_with("2 instances are enrolled; 2 instances get no image from weekly"),
            "{said}"
        );
        let fine = &fleet[..1];
        assert!(is_fine(&rows(fine, false)));
        assert!(
            text(fine, &rows(fine, true), &[], at("2026-11-24T12:00:00Z"), Paint::plain())
                .starts_with("1 instance is enrolled, and each has")
        );
    }
}
