use std::sync::OnceLock;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use proptest::prelude::*;

use super::{Verdict, verdict, verdict_of_all};
use crate::model::Class;
use crate::model::clock::Timestamp;
use crate::model::desired::{Cron, Window, WindowKind, Zone};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(kind: WindowKind, cron: &str, minutes: u64, zone: &str, classes: &[Class]) -> Window {
    let (cron, zone) = (Cron::parse(cron).unwrap(), Zone::parse(zone).unwrap());
    Window::new(kind, cron, Duration::from_secs(60 * minutes), zone, classes.iter().copied()).unwrap()
}

fn allow(cron: &str, minutes: u64) -> Window {
    window(WindowKind::Allow, cron, minutes, "Europe/Berlin", &[Class::Destructive])
}

fn deny(cron: &str, minutes: u64) -> Window {
    window(WindowKind::Deny, cron, minutes, "Europe/Berlin", &[Class::Destructive])
}

/// Until when it is closed; `None`: it is open.
fn closed(windows: &[Window], now: &str) -> Option<Option<Timestamp>> {
    match verdict(windows, Class::Destructive, at(now)) {
        Verdict::Open => None,
        Verdict::Closed { until, .. } => Some(until),
    }
}

fn until(text: &str) -> Option<Option<Timestamp>> {
    Some(Some(at(text)))
}

#[test]
fn a_class_that_no_window_names_is_free() {
    assert_eq!(closed(&[], "2026-11-22T09:00:00Z"), None);
    let windows = [allow("0 22 * * *", 60), deny("* * * * *", 60)];
    for class in [Class::Safe, Class::Disruptive, Class::Irreversible] {
        assert_eq!(verdict(&windows, class, at("2026-11-22T09:00:00Z")), Verdict::Open, "{class}");
    }
}

#[test]
fn an_allowed_class_runs_within_its_window_only() {
    let nights = [allow("0 22 * * *", 8 * 60)];
    // Berlin is an hour ahead of UTC in November.
    assert_eq!(closed(&nights, "2026-11-22T20:59:59Z"), until("2026-11-22T21:00:00Z"));
    assert_eq!(closed(&nights, "2026-11-22T21:00:00Z"), None);
    assert_eq!(closed(&nights, "2026-11-23T04:59:59Z"), None);
    assert_eq!(closed(&nights, "2026-11-23T05:00:00Z"), until("2026-11-23T21:00:00Z"));
    let two = [allow("0 22 * * *", 60), allow("0 12 * * sun", 60)];
    assert_eq!(closed(&two, "2026-11-22T11:30:00Z"), None, "the 22nd is a Sunday");
    assert_eq!(closed(&two, "2026-11-22T12:00:00Z"), until("2026-11-22T21:00:00Z"));
}

#[test]
fn a_denied_class_runs_outside_its_window_only() {
    let office = [deny("0 8 * * mon-fri", 10 * 60)];
    assert_eq!(closed(&office, "2026-11-22T09:00:00Z"), None, "a Sunday");
    assert_eq!(closed(&office, "2026-11-23T07:00:00Z"), until("2026-11-23T17:00:00Z"));
    assert_eq!(closed(&office, "2026-11-23T17:00:00Z"), None);
}

#[test]
fn deny_wins_and_the_opening_is_after_both() {
    let windows = [allow("0 22 * * *", 8 * 60), deny("30 21 22 11 *", 60)];
    assert_eq!(closed(&windows, "2026-11-22T20:00:00Z"), until("2026-11-22T21:30:00Z"));
    assert_eq!(closed(&windows, "2026-11-22T21:00:00Z"), until("2026-11-22T21:30:00Z"));
    assert_eq!(closed(&windows, "2026-11-22T21:30:00Z"), None);
    let swallowed = [allow("0 22 * * *", 60), deny("0 21 22 11 *", 3 * 60)];
    assert_eq!(closed(&swallowed, "2026-11-22T20:30:00Z"), until("2026-11-23T21:00:00Z"));
}

#[test]
fn windows_that_follow_each_other_are_one() {
    let freeze = [deny("0 0 20-31 12 *", 24 * 60), deny("0 0 1-6 1 *", 24 * 60)];
    assert_eq!(closed(&freeze, "2026-12-24T12:00:00Z"), until("2027-01-06T23:00:00Z"));
    // Thirty-one days reach the next first of a month from every month but October, which has an hour more.
    let months = [deny("0 0 1 * *", 31 * 24 * 60)];
    assert_eq!(closed(&months, "2026-11-22T00:00:00Z"), until("2027-10-31T22:00:00Z"));
    let one = [deny("0 0 1 11 *", 31 * 24 * 60)];
    assert_eq!(closed(&one, "2026-11-22T00:00:00Z"), until("2026-12-01T23:00:00Z"));
}

#[test]
fn what_never_opens_says_so() {
    assert_eq!(closed(&[deny("* * * * *", 1)], "2026-11-22T09:00:30Z"), Some(None));
    assert_eq!(
        closed(&[deny("0 * * * *", 60)], "2026-11-22T09:00:30Z"),
        Some(None),
        "in both hours of a fold, too"
    );
    assert_eq!(
        closed(&[allow("0 22 * * *", 60), deny("30 21 * * *", 120)], "2026-11-22T09:00:00Z"),
        Some(None)
    );
    // A day's window leaves an hour open on the day that has 25.
    assert_eq!(closed(&[deny("0 0 * * *", 24 * 60)], "2026-11-22T09:00:00Z"), until("2027-10-31T22:00:00Z"));
    let leap = [allow("0 0 29 2 *", 60)];
    assert_eq!(closed(&leap, "2096-03-01T00:00:00Z"), until("2104-02-28T23:00:00Z"));
}

#[test]
fn a_window_that_begins_in_a_gap_begins_when_clocks_are_put_forward() {
    // 2027-03-28 in Berlin: 02:00 becomes 03:00, at 01:00 UTC.
    let half_past_two = [allow("30 2 * * *", 60)];
    assert_eq!(closed(&half_past_two, "2027-03-28T00:59:59Z"), until("2027-03-28T01:00:00Z"));
    assert_eq!(closed(&half_past_two, "2027-03-28T01:59:59Z"), None);
    assert_eq!(closed(&half_past_two, "2027-03-28T02:00:00Z"), until("2027-03-29T00:30:00Z"));
    let hourly = [allow("30 * * * *", 10)];
    assert_eq!(closed(&hourly, "2027-03-28T00:50:00Z"), until("2027-03-28T01:30:00Z"), "half past three");
}

#[test]
fn a_window_that_begins_in_a_fold_begins_once_and_lasts_as_long_as_it_says() {
    // 2026-10-25 in Berlin: 03:00 becomes 02:00, at 01:00 UTC.
    let half_past_two = [allow("30 2 * * *", 45)];
    assert_eq!(closed(&half_past_two, "2026-10-25T00:00:00Z"), until("2026-10-25T00:30:00Z"));
    assert_eq!(closed(&half_past_two, "2026-10-25T01:14:59Z"), None);
    assert_eq!(
        closed(&half_past_two, "2026-10-25T01:30:00Z"),
        until("2026-10-26T01:30:00Z"),
        "not a second time"
    );
    let over_it = [allow("0 1 * * *", 180)];
    assert_eq!(closed(&over_it, "2026-10-25T01:59:59Z"), None, "01:00 to 03:00 are three hours on this day");
    assert_eq!(closed(&over_it, "2026-10-25T02:00:00Z"), until("2026-10-26T00:00:00Z"));
    let hourly = [allow("30 * * * *", 10)];
    assert_eq!(
        closed(&hourly, "2026-10-25T00:45:00Z"),
        until("2026-10-25T01:30:00Z"),
        "each hour that there is"
    );
}

#[test]
fn a_zone_is_a_windows_own() {
    let both = |class: Class| {
        [
            window(WindowKind::Allow, "0 9 * * *", 60, "Asia/Tokyo", &[class]),
            window(WindowKind::Allow, "0 9 * * *", 60, "America/New_York", &[class]),
        ]
    };
    let windows = both(Class::Irreversible);
    let verdict = |now| verdict(&windows, Class::Irreversible, at(now));
    assert!(verdict("2026-11-22T00:30:00Z").is_open() && verdict("2026-11-22T14:30:00Z").is_open());
    assert!(matches!(
        verdict("2026-11-22T09:00:00Z"),
        Verdict::Closed { until: Some(until), .. } if until == at("2026-11-22T14:00:00Z")
    ));
}

#[test]
fn all_statements_have_to_allow() {
    let (here, applied) = ([allow("0 22 * * *", 120)], [allow("0 23 * * *", 120)]);
    let verdict = |now| verdict_of_all(&[&here, &applied, &[]], Class::Destructive, at(now));
    let closed = |now| match verdict(now) {
        Verdict::Closed { until, .. } => until,
        Verdict::Open => panic!("{now} is open"),
    };
    assert_eq!(closed("2026-11-22T21:30:00Z"), Some(at("2026-11-22T22:00:00Z")));
    assert!(verdict("2026-11-22T22:30:00Z").is_open());
    assert_eq!(closed("2026-11-22T23:30:00Z"), Some(at("2026-11-23T22:00:00Z")));
    let apart = ([allow("0 22 * * *", 60)], [allow("0 23 * * *", 60)]);
    let never = verdict_of_all(&[&apart.0, &apart.1], Class::Destructive, at("2026-11-22T09:00:00Z"));
    assert!(matches!(never, Verdict::Closed { until: None, .. }));
}

#[test]
fn it_says_which_window_keeps_a_class() {
    let why = |windows: &[Window]| match verdict(windows, Class::Destructive, at("2026-11-23T09:00:00Z")) {
        Verdict::Closed { why, .. } => why,
        Verdict::Open => panic!(),
    };
    assert_eq!(
        why(&[deny("0 8 * * mon-fri", 600), allow("0 22 * * *", 60)]),
        "destructive is kept by the window deny `0 8 * * mon-fri` for 10h (Europe/Berlin)"
    );
    assert_eq!(
        why(&[allow("0 22 * * *", 60)]),
        "destructive runs only within a window that allows it, and none is open"
    );
}

#[test]
fn clocks_that_are_put_back_over_midnight_confuse_nothing() {
    // 2009-11-01 in St. John's: 00:01 became 23:01 of the day before, at 02:31 UTC.
    let of = |cron| window(WindowKind::Allow, cron, 5, "America/St_Johns", &[Class::Destructive]);
    let hourly = [of("0,40 * * * *")];
    let seen: Vec<Timestamp> = std::iter::successors(Some(at("2009-11-01T02:00:00Z")), |now| {
        match verdict(&hourly, Class::Destructive, *now) {
            Verdict::Closed { until, .. } => until,
            Verdict::Open => now.checked_add(SignedDuration::from_mins(5)).ok(),
        }
    })
    .take_while(|now| *now < at("2009-11-01T04:20:00Z"))
    .filter(|now| verdict(&hourly, Class::Destructive, *now).is_open())
    .collect();
    let wanted = ["02:10", "02:30", "03:10", "03:30", "04:10"];
    assert_eq!(seen, wanted.map(|time| at(&format!("2009-11-01T{time}:00Z"))));
}

/// Twelve days of minutes around a change of clocks, told by the clocks alone.
struct Stretch {
    zone: Zone,
    begin: Timestamp,
    local: Vec<Minute>,
}

/// What a clock shows in a minute.
struct Minute {
    local: DateTime,
    /// It showed the same before.
    is_again: bool,
    /// What it never showed, since it was put forward to this.
    skipped: Vec<DateTime>,
}

const STRETCH: usize = 12 * 1440;

/// Zones and the instants at which their clocks are put forward or back.
const CHANGES: [(&str, &str); 9] = [
    ("Europe/Berlin", "2027-03-28T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("America/New_York", "2027-03-14T07:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"),
    ("America/Santiago", "2026-09-06T04:00:00Z"),
    ("Asia/Kolkata", "2026-11-22T00:00:00Z"),
    ("America/St_Johns", "2009-11-01T02:31:00Z"),
];

fn stretch(index: usize) -> &'static Stretch {
    static ALL: [OnceLock<Stretch>; CHANGES.len()] = [const { OnceLock::new() }; CHANGES.len()];
    ALL[index].get_or_init(|| {
        let (zone, change) = CHANGES[index];
        let zone = Zone::parse(zone).unwrap();
        let begin = at(change).checked_sub(SignedDuration::from_hours(6 * 24)).unwrap();
        let mut local: Vec<Minute> = Vec::new();
        let mut shown = std::collections::HashSet::new();
        let later = |from: DateTime| from.checked_add(SignedDuration::from_mins(1)).unwrap();
        for number in 0..STRETCH {
            let minute = begin.checked_add(SignedDuration::from_mins(number as i64)).unwrap();
            let now = zone.time_zone().to_datetime(minute);
            let next = local.last().map_or(now, |before| later(before.local));
            let skipped = std::iter::successors(Some(next), |one| Some(later(*one)));
            let skipped = skipped.take_while(|one| *one < now).collect();
            local.push(Minute { local: now, is_again: !shown.insert(now), skipped });
        }
        Stretch { zone, begin, local }
    })
}

impl Stretch {
    /// The minutes at which a window begins, found by looking at the clock each minute.
    fn begins(&self, cron: &Cron) -> Vec<usize> {
        let mut asked = [false; 1440];
        cron.minutes().iter().for_each(|minute| asked[usize::from(*minute)] = true);
        let is_asked = |local: &DateTime| {
            asked[local.hour() as usize * 60 + local.minute() as usize] && cron.is_on(local.date())
        };
        let is_begin = |minute: &Minute| {
            let is_first = cron.is_hourly() || !minute.is_again;
            is_first && is_asked(&minute.local) || !cron.is_hourly() && minute.skipped.iter().any(is_asked)
        };
        (0..STRETCH).filter(|number| is_begin(&self.local[*number])).collect()
    }

    /// In which minutes a class may run.
    fn open(&self, windows: &[Window]) -> Vec<bool> {
        let mut denied = vec![false; STRETCH];
        let mut allowed = vec![!windows.iter().any(|one| one.kind() == WindowKind::Allow); STRETCH];
        for window in windows {
            for begin in self.begins(window.cron()) {
                let end = (begin + window.lasts().as_secs() as usize / 60).min(STRETCH);
                let (minutes, value) = match window.kind() {
                    WindowKind::Allow => (&mut allowed, true),
                    WindowKind::Deny => (&mut denied, true),
                };
                minutes[begin..end].fill(value);
            }
        }
        denied.into_iter().zip(allowed).map(|(denied, allowed)| allowed && !denied).collect()
    }
}

fn crons() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        Just("0".to_owned()),
        (0..60u8).prop_map(|minute| minute.to_string()),
        Just("*/15".to_owned()),
        Just("*".to_owned()),
        (0..30u8, 30..60u8).prop_map(|(a, b)| format!("{a},{b}")),
    ];
    let hour = prop_oneof![
        Just("*".to_owned()),
        (0..24u8).prop_map(|hour| hour.to_string()),
        Just("0-3".to_owned()),
        Just("1-3".to_owned()),
        Just("*/6".to_owned()),
        Just("22,23".to_owned()),
    ];
    let days = prop_oneof![
        4 => Just("* * *"),
        1 => Just("* * mon-fri"),
        1 => Just("* * sat,sun"),
        1 => Just("1,25,28 * *"),
        1 => Just("*/3 * *"),
        1 => Just("4 * 0"),
    ];
    (minute, hour, days).prop_map(|(minute, hour, days)| format!("{minute} {hour} {days}"))
}

fn lengths() -> impl Strategy<Value = u64> {
    prop_oneof![1..90u64, Just(60), Just(1440), 90..2880u64]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn until_is_the_first_instant_at_which_it_opens(
        which in 0..CHANGES.len(),
        windows in proptest::collection::vec((any::<bool>(), crons(), lengths()), 1..4),
        minute in 4 * 1440..8 * 1440usize,
        second in 0..60i64,
    ) {
        let stretch = stretch(which);
        let windows: Vec<Window> = windows
            .into_iter()
            .map(|(allows, cron, minutes)| {
                let kind = if allows { WindowKind::Allow } else { WindowKind::Deny };
                window(kind, &cron, minutes, stretch.zone.as_str(), &[Class::Destructive])
            })
            .collect();
        let open = stretch.open(&windows);
        let instant = |minute: usize| stretch.begin.checked_add(SignedDuration::from_mins(minute as i64)).unwrap();
        let now = instant(minute).checked_add(SignedDuration::from_secs(second)).unwrap();
        let found = verdict(&windows, Class::Destructive, now);
        let first = (minute + 1..STRETCH).find(|minute| open[*minute]);
        match (open[minute], found) {
            (true, found) => prop_assert_eq!(found, Verdict::Open),
            (false, Verdict::Open) => prop_assert!(false, "open, and should be closed"),
            (false, Verdict::Closed { until, .. }) => match first {
                Some(first) => prop_assert_eq!(until, Some(instant(first))),
                None => prop_assert!(until.is_none_or(|until| until >= instant(STRETCH))),
            },
        }
        if let Verdict::Closed { until: Some(until), .. } = verdict(&windows, Class::Destructive, now) {
            prop_assert!(verdict(&windows, Class::Destructive, until).is_open());
            let before = until.checked_sub(SignedDuration::from_nanos(1)).unwrap();
            prop_assert!(!verdict(&windows, Class::Destructive, before).is_open());
        }
    }
}
