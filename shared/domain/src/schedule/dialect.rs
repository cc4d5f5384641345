//! Cron expressions that two cron implementations read differently. They are refused, with a way to
//! write each meaning.
//!
//! | form | here | elsewhere |
//! | --- | --- | --- |
//! | `?` with weekdays as numbers | Sunday is 0 | EventBridge and Quartz: Sunday is 1 |
//! | `L` alone as a weekday | nothing | Quartz: Saturday; others: the last day of the month |
//! | `*/N` with the other day field | either day suffices | Vixie's cron: both days are needed |

use std::fmt::Write as _;

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Why an expression has two meanings, and how to write each; none if it has one.
pub(super) fn ambiguity(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = <[&str; 5]>::try_from(fields).ok()?;
    let write = |day: &str, weekday: &str| {
        format!("\"{minute} {hour} {day} {month} {weekday}\"").replace('?', "*")
    };
    if let Some(other) = weekday_in_the_other_count(day, weekday) {
        let ours = named(weekday, 0)?;
        return Some(format!(
            "cron counts Sunday as 0, but EventBridge and Quartz, which have the \"?\", count it as 1. Write {} as \
             EventBridge reads it, or {} as cron does",
            write(day, &other),
            write(day, &ours)
        ));
    }
    if weekday.split(',').any(|part| part.eq_ignore_ascii_case("L")) {
        let others: Vec<&str> =
            weekday.split(',').filter(|part| !part.eq_ignore_ascii_case("L")).collect();
        let saturday: Vec<&str> = others.iter().copied().chain(["SAT"]).collect();
        let last: Vec<String> = others.iter().map(|part| format!("{part}L")).collect();
        return Some(match last.as_slice() {
            [] => format!(
                "\"L\" alone as day of week is Saturday in some crons and the last day of the month in others. Write {} \
                 for Saturdays, or {} for the last day of each month",
                write(day, "SAT"),
                write("L", "*")
            ),
            _ => format!(
                "\"L\" alone as day of week is Saturday in some crons and makes the others the last of the month in \
                 others. Write {} to add Saturday, or {} for the last of each month",
                write(day, &saturday.join(",")),
                write(day, &last.join(","))
            ),
        });
    }
    let restricted = |field: &str| field != "*" && field != "?";
    let stepped = |field: &str| field.starts_with('*') && restricted(field);
    let both = restricted(day) && restricted(weekday) && !weekday.starts_with('+');
    (both && (stepped(day) || stepped(weekday))).then(|| {
        format!(
            "with a \"*/\" in one day field, some crons run when either day matches and others only when both do. Write \
             [{}, {}] for either, or {} for both",
            write(day, "*"),
            write("*", weekday),
            write(day, &format!("+{weekday}"))
        )
    })
}

/// The weekdays by name, as EventBridge counts them; none if the expression does not look like one
/// of EventBridge's.
fn weekday_in_the_other_count(day: &str, weekday: &str) -> Option<String> {
    let looks_so = (day.contains('?') || weekday.contains('?')) && !weekday.starts_with('+');
    looks_so.then(|| named(weekday, 1)).flatten()
}

/// A field of weekdays with names instead of numbers; none if it has no number, or one that the
/// count does not have.
fn named(weekday: &str, sunday: usize) -> Option<String> {
    let mut has_number = false;
    let mut parts = Vec::new();
    for part in weekday.split(',') {
        let end = part.find(['/', '#', 'L', 'l']).unwrap_or(part.len());
        let (days, suffix) = part.split_at_checked(end)?;
        let (from, to) = days.split_once('-').unwrap_or((days, days));
        let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) else {
            parts.push(part.to_owned());
            continue;
        };
        has_number = true;
        let step =
            suffix.strip_prefix('/').and_then(|step| step.parse().ok()).filter(|step| *step > 0);
        let suffix = if step.is_some() { "" } else { suffix };
        let days: Vec<usize> = (from..=to.min(7)).step_by(step.unwrap_or(1)).collect();
        let names = days.iter().map(|day| Some(*WEEKDAYS.get(day.checked_sub(sunday)? % 7)?));
        let names: Vec<&str> = names.collect::<Option<_>>()?;
        parts.push(match names.as_slice() {
            // A range may not go on over the end of the week.
            [first, _, .., last] if step.is_none() && *last != "SUN" => format!("{first}-{last}"),
            names => {
                let mut text = String::new();
                for (place, name) in names.iter().enumerate() {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "{}{name}{suffix}", if place == 0 { "" } else { "," });
                }
                text
            }
        });
    }
    has_number.then(|| parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::CronExpression;

    fn refused(text: &str) -> String {
        CronExpression::new(text).err().map(|error| error.to_string()).unwrap_or_default()
    }

    /// Each with the two ways to write it, both of which are taken.
    #[test]
    fn what_two_crons_read_differently_is_refused_with_both_ways_to_write_it() {
        let table: &[(&str, &[&str])] = &[
            ("0 2 ? * 2-6", &["0 2 * * MON-FRI", "0 2 * * TUE-SAT"]),
            ("0 2 ? * 5-7", &["0 2 * * THU-SAT", "0 2 * * FRI,SAT,SUN"]),
            ("0 2 ? * 2,4", &["0 2 * * MON,WED", "0 2 * * TUE,THU"]),
            ("0 2 ? * 2-6/2", &["0 2 * * MON,WED,FRI", "0 2 * * TUE,THU,SAT"]),
            ("0 2 ? * 6#3", &["0 2 * * FRI#3", "0 2 * * SAT#3"]),
            ("0 2 ? * 6L", &["0 2 * * FRIL", "0 2 * * SATL"]),
            ("0 2 ? * MON,3", &["0 2 * * MON,TUE", "0 2 * * MON,WED"]),
            ("0 2 * * L", &["0 2 * * SAT", "0 2 L * *"]),
            ("0 2 * * MON,L", &["0 2 * * MON,SAT", "0 2 * * MONL"]),
            ("0 2 */2 * 1", &["0 2 */2 * *", "0 2 * * 1", "0 2 */2 * +1"]),
            ("0 2 1 * */2", &["0 2 1 * *", "0 2 * * */2", "0 2 1 * +*/2"]),
            ("0 2 */1 * MON-FRI", &["0 2 */1 * *", "0 2 * * MON-FRI", "0 2 */1 * +MON-FRI"]),
        ];
        for (text, ways) in table {
            let message = refused(text);
            for way in *ways {
                assert!(
                    message.contains(&format!("\"{way}\"")),
                    "{text}: {way} is not in: {message}"
                );
                assert_eq!(refused(way), "", "{way}");
            }
        }
    }

    #[test]
    fn what_every_cron_reads_alike_is_taken() {
        let alike = [
            "0 2 ? * MON-FRI",
            "0 2 15 * ?",
            "0 2 ? * *",
            "0 2 * * 1-5",
            "0 2 * * 0L",
            "0 2 L * *",
            "0 2 LW * *",
            "0 2 1 * 1",
            "0 2 1-31/2 * 1",
            "0 2 */2 * *",
            "0 2 * * */2",
            "0 2 */2 * +1",
            "0 2 ? * 0",
            "@weekly",
        ];
        for text in alike {
            assert_eq!(refused(text), "", "{text}");
        }
    }
}
