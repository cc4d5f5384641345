use super::*;
use crate::ids::InvalidId;
use crate::time::seconds_between;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn timetable(crons: &[&str], zone: &str) -> Timetable {
    let schedule = Schedule {
        cron: crons.iter().map(|cron| CronExpression::new(*cron).unwrap()).collect(),
        time_zone: ZoneName::new(zone).unwrap(),
        jitter_minutes: 0,
    };
    schedule.timetable().unwrap()
}

/// The slots between two moments, as a person in UTC reads them.
fn slots(crons: &[&str], zone: &str, from: &str, to: &str) -> Vec<String> {
    let table = timetable(crons, zone);
    let all = std::iter::successors(table.next(at(from)), |slot| table.next(slot.timestamp()));
    all.take_while(|slot| slot.timestamp() <= at(to))
        .map(|slot| slot.timestamp().to_string())
        .collect()
}

/// What happens, cron, zone, between, and the slots in UTC.
type Case = (&'static str, &'static str, &'static str, [&'static str; 2], &'static [&'static str]);

/// What changes of clocks in real zones do to a schedule.
#[test]
fn clocks_that_are_set_neither_repeat_a_slot_nor_lose_one() {
    let table: &[Case] = &[
        (
            "in spring 02:30 does not exist in Berlin: at the first moment after the gap, 03:00",
            "30 2 * * *",
            "Europe/Berlin",
            ["2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z"],
            &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "in autumn 02:30 is there twice in Berlin: the first time",
            "30 2 * * *",
            "Europe/Berlin",
            ["2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z"],
            &["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "several times in one gap are one slot",
            "0,15,30,45 2 * * *",
            "Europe/Berlin",
            ["2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z"],
            &["2026-03-29T01:00:00Z"],
        ),
        (
            "a slot in the gap and one at its end are one",
            "0,30 2-3 * * *",
            "America/New_York",
            ["2026-03-08T00:00:00Z", "2026-03-08T12:00:00Z"],
            &["2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"],
        ),
        (
            "the hour that comes twice has each of its slots once",
            "*/30 * * * *",
            "America/New_York",
            ["2026-11-01T04:59:00Z", "2026-11-01T07:30:00Z"],
            &[
                "2026-11-01T05:00:00Z",
                "2026-11-01T05:30:00Z",
                "2026-11-01T07:00:00Z",
                "2026-11-01T07:30:00Z",
            ],
        ),
        (
            "midnight that does not exist in Cairo",
            "0 0 * * *",
            "Africa/Cairo",
            ["2026-04-23T00:00:00Z", "2026-04-25T12:00:00Z"],
            &["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"],
        ),
        (
            "half an hour on Lord Howe Island",
            "15 2 * * *",
            "Australia/Lord_Howe",
            ["2026-10-02T20:00:00Z", "2026-10-04T20:00:00Z"],
            &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "a whole day that Samoa left out in 2011",
            "0 12 * * *",
            "Pacific/Apia",
            ["2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z"],
            &[
                "2011-12-29T22:00:00Z",
                "2011-12-30T10:00:00Z",
                "2011-12-30T22:00:00Z",
                "2011-12-31T22:00:00Z",
            ],
        ),
        (
            "southern summer time, the other way round",
            "30 2 * * *",
            "Australia/Sydney",
            ["2026-04-03T20:00:00Z", "2026-04-05T20:00:00Z"],
            &["2026-04-04T15:30:00Z", "2026-04-05T16:30:00Z"],
        ),
        (
            "no change of clocks at all",
            "0 3 * * 0",
            "Asia/Tokyo",
            ["2026-11-20T00:00:00Z", "2026-12-05T00:00:00Z"],
            &["2026-11-21T18:00:00Z", "2026-11-28T18:00:00Z"],
        ),
        (
            "the thirty-first, and the leap day",
            "0 0 29,31 2,3 *",
            "UTC",
            ["2026-01-01T00:00:00Z", "2028-03-30T00:00:00Z"],
            &[
                "2026-03-29T00:00:00Z",
                "2026-03-31T00:00:00Z",
                "2027-03-29T00:00:00Z",
                "2027-03-31T00:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-03-29T00:00:00Z",
            ],
        ),
        (
            "the last Sunday of the month",
            "0 4 * * 0L",
            "Europe/London",
            ["2026-09-01T00:00:00Z", "2026-11-30T00:00:00Z"],
            &["2026-09-27T03:00:00Z", "2026-10-25T04:00:00Z", "2026-11-29T04:00:00Z"],
        ),
    ];
    for (what, cron, zone, [from, to], expected) in table {
        assert_eq!(slots(&[cron], zone, from, to), *expected, "{what}");
    }
}

/// From both sides the same slots are found: the latest one by any moment is the one after which
/// the next one comes.
#[test]
fn looking_back_finds_what_looking_ahead_found() {
    let cases = [
        ("*/30 * * * *", "America/New_York", "2026-11-01T03:00:00Z"),
        ("*/15 * * * *", "Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("*/20 * * * *", "Europe/Berlin", "2026-10-24T22:00:00Z"),
        ("5 * * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"),
        ("0 */6 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z"),
    ];
    for (cron, zone, from) in cases {
        let table = timetable(&[cron], zone);
        let mut slot = table.next(at(from)).unwrap();
        for minute in 1..60 * 30 {
            let now = plus_seconds(slot.timestamp().min(at(from)), minute * 60);
            if let Some(next) = table.next(slot.timestamp()).filter(|next| next.timestamp() <= now)
            {
                slot = next;
            }
            if now >= slot.timestamp() {
                assert_eq!(
                    table.latest(at("2000-01-01T00:00:00Z"), now),
                    Some(slot),
                    "{cron} {zone} at {now}"
                );
            }
        }
    }
}

#[test]
fn several_expressions_are_one_schedule() {
    let between = ["2026-11-25T00:00:00Z", "2026-11-26T02:00:00Z"];
    let found = slots(&["0 12 * * *", "0 1 * * *"], "UTC", between[0], between[1]);
    assert_eq!(found, ["2026-11-25T01:00:00Z", "2026-11-25T12:00:00Z", "2026-11-26T01:00:00Z"]);
}

#[test]
fn missed_slots_are_counted_and_only_the_latest_is_due() {
    let table = timetable(&["0 * * * *"], "UTC");
    let (done, now) = (at("2026-11-25T01:00:00Z"), at("2026-11-25T06:20:00Z"));
    let slot = table.latest(done, now).unwrap();
    assert_eq!(slot.timestamp(), at("2026-11-25T06:00:00Z"));
    assert_eq!(table.count(done, slot.timestamp(), 100), 4);
    assert_eq!(table.count(done, slot.timestamp(), 2), 2);
    assert_eq!(table.latest(slot.timestamp(), now), None);
}

#[test]
fn instances_are_spread_over_the_window_and_each_keeps_its_place() {
    let schedule = Schedule {
        cron: BTreeSet::from([CronExpression::new("0 2 * * *").unwrap()]),
        time_zone: ZoneName::default(),
        jitter_minutes: 60,
    };
    let (table, policy) = (schedule.timetable().unwrap(), PolicyName::new("nightly").unwrap());
    let slot = table.next(at("2026-11-25T00:00:00Z")).unwrap();
    let mut by_minute = [0usize; 60];
    for number in 0..6000 {
        let instance = InstanceId::new(format!("i-{number:017x}")).unwrap();
        let after = seconds_between(slot.timestamp(), table.turn(slot, &policy, &instance));
        let tomorrow = table.next(slot.timestamp()).unwrap();
        assert_eq!(
            after,
            seconds_between(tomorrow.timestamp(), table.turn(tomorrow, &policy, &instance))
        );
        by_minute[usize::try_from(after / 60).unwrap()] += 1;
    }
    assert!(by_minute.iter().all(|count| (60..140).contains(count)), "{by_minute:?}");
}

fn closest(crons: &[&str], zone: &str) -> Option<(i64, Option<String>)> {
    let schedule = Schedule {
        cron: crons.iter().map(|cron| CronExpression::new(*cron).unwrap()).collect(),
        time_zone: ZoneName::new(zone).unwrap(),
        jitter_minutes: 0,
    };
    schedule
        .closest()
        .map(|closest| (closest.minutes, closest.clocks_change_on.map(|date| date.to_string())))
}

#[test]
fn the_closest_two_slots_are_found_where_clocks_are_set_and_wherever_in_the_year_they_are() {
    let on = |date: &str| Some(date.to_owned());
    type Closest = Option<(i64, Option<String>)>;
    let table: &[(&[&str], &str, Closest)] = &[
        (&["0 3 * * *"], "Europe/Berlin", Some((23 * 60, on("2026-03-29")))),
        (&["*/5 * * * *"], "UTC", Some((5, None))),
        (&["0 3 * * *", "10 3 * * 6"], "UTC", Some((10, None))),
        (&["50 1 * * *", "0 3 * * *"], "Europe/Berlin", Some((10, on("2026-03-29")))),
        (&["0 */2 * * *"], "Europe/Berlin", Some((60, on("2026-03-29")))),
        (&["30 2 * * *", "5 3 * * *"], "Europe/Berlin", Some((5, on("2026-03-29")))),
        (&["45 1 * * *", "30 2 * * *"], "America/New_York", Some((15, on("2026-03-08")))),
        (&["30 2 * * *", "45 2 * * *"], "Australia/Lord_Howe", Some((15, None))),
        // Late in the year, and in one year of several.
        (&["*/30 * * * *", "10 0 1 7 *"], "UTC", Some((10, None))),
        (&["0 0 29 2 *", "5 0 29 2 *"], "UTC", Some((5, None))),
        (&["0 0 1 1 *"], "UTC", Some((365 * 1440, None))),
        (&["59 23 * * *", "1 0 * * *"], "Asia/Tokyo", Some((2, None))),
    ];
    for (crons, zone, expected) in table {
        assert_eq!(closest(crons, zone), *expected, "{crons:?} {zone}");
    }
}

/// The same answer as that of somebody who looks at every slot of fifteen years.
#[test]
fn the_closest_two_slots_are_those_that_all_slots_show() {
    let cases: &[(&[&str], &str)] = &[
        (&["20 */6 * * *"], "Europe/Berlin"),
        (&["30 2 * * 0", "50 1 * * 1-5"], "America/New_York"),
        (&["45 23 L * *", "15 0 1 * *"], "Africa/Cairo"),
        (&["15 2 * * *", "0 12 */3 * *"], "Africa/Casablanca"),
        (&["30 2 15W * *", "0 3 * * 6#2", "10 4 * 3,10 SUNL"], "Australia/Sydney"),
        (&["0 0 * * *"], "America/Santiago"),
    ];
    for (crons, zone) in cases {
        let table = timetable(crons, zone);
        let all = std::iter::successors(table.next(at("2025-12-31T23:59:59Z")), |slot| {
            table.next(slot.timestamp())
        });
        let all: Vec<Slot> =
            all.take_while(|slot| slot.timestamp() < at("2041-01-01T00:00:00Z")).collect();
        let pairs = all.iter().zip(all.iter().skip(1));
        let shown =
            pairs.map(|(one, two)| seconds_between(one.timestamp(), two.timestamp()) / 60).min();
        assert_eq!(closest(crons, zone).map(|(minutes, _)| minutes), shown, "{crons:?} {zone}");
    }
}

#[test]
fn a_zone_whose_sign_is_the_other_way_round_says_so() {
    let caution = |zone: &str| ZoneName::new(zone).unwrap().caution();
    assert!(caution("Etc/GMT+5").unwrap().contains("is UTC-5"));
    assert!(caution("Etc/GMT-11").unwrap().contains("is UTC+11"));
    for plain in ["UTC", "Europe/Berlin", "Etc/UTC", "Etc/GMT"] {
        assert_eq!(caution(plain), None, "{plain}");
    }
}

#[test]
fn expressions_that_cannot_be_read_or_never_happen_are_refused() {
    for good in ["* * * * *", "0 2 * * MON-FRI", "0 0 L * *", "0 9 * * 1#2", "@daily", "0 0 29 2 *"]
    {
        assert!(CronExpression::new(good).is_ok(), "{good}");
    }
    let long = format!("0 0 {} * *", vec!["1"; 60].join(","));
    for bad in [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "0 0 30 2 *",
        "every night",
        "0 0 * * 8",
        "0 0\n* * *\0",
        &long,
    ] {
        let refused: Result<_, InvalidId> = CronExpression::new(bad);
        assert!(refused.is_err(), "{bad:?}");
    }
}

#[test]
fn zones_have_the_names_and_the_spelling_of_the_database() {
    for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
        assert!(ZoneName::new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "europe/berlin",
        "CEST",
        "Etc/Unknown",
        "Mars/Olympus",
        "../etc/passwd",
        "EST5EDT,M3.2.0,M11.1.0",
    ] {
        assert!(ZoneName::new(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Around changes of clocks above all: there the order of wall-clock times is not the order of
    /// times.
    #[test]
    fn a_timetable_answers_the_same_whatever_it_was_asked_before(
        (cron, zone, from) in proptest::sample::select(vec![
            ("*/30 * * * *", "America/New_York", "2026-10-31T12:00:00Z"),
            ("15 2 * * *", "America/New_York", "2026-03-07T00:00:00Z"),
            ("*/15 1-3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z"),
            ("*/20 * * * *", "Europe/Berlin", "2026-10-24T12:00:00Z"),
            ("5,45 * * * *", "Australia/Lord_Howe", "2026-04-03T12:00:00Z"),
            ("0 */6 * * *", "Pacific/Apia", "2011-12-28T00:00:00Z"),
            ("0 0 29 2 *", "UTC", "2027-12-01T00:00:00Z"),
        ]),
        seconds in proptest::collection::vec(0..200_000_i64, 1..60),
    ) {
        let asked_before = timetable(&[cron], zone);
        for second in seconds {
            let (now, before) = (plus_seconds(at(from), second), at("1990-01-01T00:00:00Z"));
            let anew = timetable(&[cron], zone);
            prop_assert_eq!(asked_before.next(now), anew.next(now), "next after {}", now);
            let anew = timetable(&[cron], zone);
            prop_assert_eq!(asked_before.latest(before, now), anew.latest(before, now), "latest by {}", now);
        }
    }
}
