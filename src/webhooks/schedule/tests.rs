//! One target, with made-up time.

use std::time::SystemTime;

use super::*;

const RULES: Rules =
    Rules { deliveries_max: 4, attempts_max: 3, age_ms_max: 100_000, debounce_ms: 2_000, debounce_ms_max: 10_000 };

fn told(number: u64, event: Event) -> Arc<Told> {
    Arc::new(Told { number, id: format!("0-{number}").into(), at: SystemTime::UNIX_EPOCH, event })
}

fn created(number: u64, document: &str) -> Arc<Told> {
    told(number, Event::Created { document: document.into() })
}

fn changed(number: u64, document: &str) -> Arc<Told> {
    told(number, Event::Changed { document: document.into(), sequence: number, updates: 1, bytes: 1 })
}

fn failure() -> Result<(), Failure> {
    Err(Failure { error: "status 500".into(), retry_after_ms: None })
}

fn sent(schedule: &mut Schedule, now: u64) -> (LaneKey, Delivery) {
    match schedule.poll(now) {
        Next::Send(key, delivery) => (key, delivery),
        other => panic!("{other:?}"),
    }
}

fn waits(schedule: &mut Schedule, now: u64) -> Option<u64> {
    match schedule.poll(now) {
        Next::Wait(until) => until,
        other => panic!("{other:?}"),
    }
}

fn given_up(schedule: &mut Schedule, now: u64) -> (String, GivenUp) {
    match schedule.poll(now) {
        Next::GiveUp(letter) => (letter.delivery.id.to_string(), letter.why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_failed_goes_again_before_what_came_after_it_on_its_document() {
    let mut schedule = Schedule::new(RULES, 1);
    schedule.offer(0, &created(1, "a"));
    schedule.offer(0, &created(2, "b"));
    schedule.offer(0, &created(3, "a"));
    let (key, first) = sent(&mut schedule, 0);
    let (other_key, other) = sent(&mut schedule, 0);
    assert_eq!((&*first.id, &*other.id), ("0-1", "0-2"));
    schedule.done(0, &key, first, failure());
    schedule.done(0, &other_key, other, Ok(()));
    let due = waits(&mut schedule, 0).expect("it goes again");
    assert!((500..=1_000).contains(&due), "{due}");
    let (key, again) = sent(&mut schedule, due);
    assert_eq!((&*again.id, again.attempts), ("0-1", 1));
    schedule.done(due, &key, again, Ok(()));
    let (key, last) = sent(&mut schedule, due);
    assert_eq!(&*last.id, "0-3");
    schedule.done(due, &key, last, Ok(()));
    assert_eq!((schedule.waiting(), schedule.bytes, waits(&mut schedule, due)), (0, 0, None));
    assert_eq!((schedule.counted.delivered, schedule.counted.failed), (3, 1));
}

#[test]
fn deliveries_are_given_up_after_attempts_or_time_and_where_there_is_no_room() {
    let mut schedule = Schedule::new(RULES, 2);
    for number in 1..=5 {
        schedule.offer(0, &created(number, "a"));
    }
    assert_eq!(given_up(&mut schedule, 0), ("0-5".into(), GivenUp::QueueFull));
    let mut now = 0;
    for _ in 0..3 {
        now = waits_until_ready(&mut schedule, now);
        let (key, delivery) = sent(&mut schedule, now);
        schedule.done(now, &key, delivery, failure());
    }
    assert_eq!(given_up(&mut schedule, now), ("0-1".into(), GivenUp::Attempts));
    let (key, delivery) = sent(&mut schedule, now);
    schedule.done(99_999, &key, delivery, failure());
    assert_eq!(given_up(&mut schedule, 99_999), ("0-2".into(), GivenUp::Age));
    assert_eq!(schedule.counted.dead, 3);
}

/// When the schedule has something to do, from now on.
fn waits_until_ready(schedule: &mut Schedule, mut now: u64) -> u64 {
    while !schedule.lanes.has_ready(now) {
        now = waits(schedule, now).expect("something is due");
    }
    now
}

#[test]
fn an_open_breaker_lets_deliveries_wait_and_then_one_through() {
    let mut schedule = Schedule::new(Rules { deliveries_max: 100, attempts_max: 100, ..RULES }, 3);
    for number in 0..10 {
        schedule.offer(0, &created(number, &number.to_string()));
    }
    for _ in 0..5 {
        let (key, delivery) = sent(&mut schedule, 0);
        schedule.done(0, &key, delivery, failure());
    }
    assert_eq!(schedule.breaker(0), (Phase::Open, 1));
    let until = waits(&mut schedule, 0).expect("it is asked again");
    let (key, delivery) = sent(&mut schedule, until);
    assert_eq!(waits(&mut schedule, until), Some(RULES.age_ms_max + 1), "one at a time");
    schedule.done(until, &key, delivery, Ok(()));
    assert_eq!(schedule.breaker(until), (Phase::Closed, 1));
    let (_, _) = (sent(&mut schedule, until), sent(&mut schedule, until));
}

#[test]
fn what_waits_behind_an_open_breaker_is_given_up_when_it_is_too_old() {
    let rules = Rules { deliveries_max: 100, attempts_max: 100, age_ms_max: 3_000, ..RULES };
    let mut schedule = Schedule::new(rules, 6);
    for number in 0..5 {
        schedule.offer(0, &created(number, &number.to_string()));
    }
    schedule.offer(1_000, &created(5, "a"));
    schedule.offer(2_000, &created(6, "a"));
    for _ in 0..5 {
        let (key, delivery) = sent(&mut schedule, 2_000);
        schedule.done(2_000, &key, delivery, failure());
    }
    assert_eq!(schedule.breaker(2_000).0, Phase::Open);
    assert_eq!(waits(&mut schedule, 3_000), Some(3_001), "it is still as old as it may be");
    for number in 0..5 {
        assert_eq!(given_up(&mut schedule, 3_001), (format!("0-{number}"), GivenUp::Age));
    }
    assert_eq!(waits(&mut schedule, 3_001), Some(4_001));
    assert_eq!(given_up(&mut schedule, 4_001), ("0-5".into(), GivenUp::Age));
    assert_eq!((waits(&mut schedule, 4_001), schedule.waiting()), (Some(5_001), 1));
    assert_eq!(given_up(&mut schedule, 5_001), ("0-6".into(), GivenUp::Age));
    assert_eq!((waits(&mut schedule, 5_001), schedule.waiting(), schedule.bytes), (None, 0, 0));
}

#[test]
fn what_is_given_up_is_bounded_in_bytes_until_it_is_written_down() {
    let mut schedule = Schedule::new(Rules { deliveries_max: 10_000, ..RULES }, 7);
    let payload = Some("x".repeat(BYTES_MAX / 10).into());
    let large = Event::Stateless { document: None, session: None, subject: None, bytes: 0, payload };
    for number in 0..30 {
        schedule.offer(0, &told(number, large.clone()));
    }
    // Nine wait, and as many are given up and can be written down: their other parts count as well.
    assert_eq!((schedule.waiting(), schedule.dead.len()), (9, 9));
    assert_eq!((schedule.counted.dead, schedule.counted.lost), (21, 12));
    for number in 9..18 {
        assert_eq!(given_up(&mut schedule, 0), (format!("0-{number}"), GivenUp::QueueFull));
    }
    assert_eq!(schedule.dead_bytes, 0);
}

#[test]
fn changes_pause_before_they_are_told_and_never_come_after_a_version_or_the_end_of_them() {
    let mut schedule = Schedule::new(RULES, 4);
    schedule.offer(0, &changed(1, "a"));
    schedule.offer(500, &changed(2, "a"));
    assert_eq!(waits(&mut schedule, 500), Some(2_500));
    let version = Event::Version { document: "a".into(), version: "v".into(), name: None, sequence: 2 };
    schedule.offer(600, &told(3, version));
    let (key, first) = sent(&mut schedule, 600);
    assert!(first.body.contains("\"updates\":2"), "{}", first.body);
    schedule.done(600, &key, first, Ok(()));
    let (key, version) = sent(&mut schedule, 600);
    assert_eq!(&*version.id, "0-3");
    schedule.done(600, &key, version, Ok(()));
    schedule.offer(700, &changed(4, "a"));
    schedule.offer(800, &told(5, Event::Deleted { document: "a".into() }));
    for id in ["0-4", "0-5"] {
        let (key, delivery) = sent(&mut schedule, 800);
        assert_eq!(&*delivery.id, id);
        schedule.done(800, &key, delivery, Ok(()));
    }
}

#[test]
fn a_server_that_stops_tries_once_and_gives_up_the_rest() {
    let mut schedule = Schedule::new(RULES, 5);
    schedule.offer(0, &changed(1, "a"));
    schedule.offer(0, &created(2, "b"));
    schedule.offer(0, &created(3, "b"));
    schedule.begin_to_end();
    let (key, delivery) = sent(&mut schedule, 0);
    schedule.done(0, &key, delivery, failure());
    assert_eq!(given_up(&mut schedule, 0).1, GivenUp::Stopped);
    let (flying, last) = sent(&mut schedule, 0);
    let mut left: Vec<_> =
        schedule.give_up_all().into_iter().map(|letter| (letter.delivery.id.to_string(), letter.why)).collect();
    left.sort_by(|one, other| one.0.cmp(&other.0));
    let stopped = ["0-1", "0-3"].map(|id| (id.to_owned(), GivenUp::Stopped));
    assert_eq!((left.as_slice(), schedule.counted.dead), (&stopped[..], 3), "also what is on its way");
    schedule.done(0, &flying, last, Ok(()));
    assert_eq!((schedule.waiting(), schedule.bytes, schedule.counted.delivered), (0, 0, 0));
}
