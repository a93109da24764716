//! What sessions lack, because they have just come or fell behind, and that they get all of it.

use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Known, merge};
use selvedge_shards::Load;

use super::host::{Got, Host, at, state_vector, typed};
use super::{EMPTY_STEP_1, a_crowd, two, typed_by_1};

#[test]
fn who_has_every_struct_is_answered_from_memory() {
    let (mut host, a, b) = two(1);
    host.update(a, &typed(1, 0, "hi"));
    host.update(a, &[0, 1, 1, 1, 0, 1]);
    host.commit();
    host.got(b);
    host.step_1(b, &[1, 1, 2]);
    assert_eq!(host.got(b), [Got::Step2(vec![0, 1, 1, 1, 0, 1])]);
    assert!(host.jobs.is_empty());
}

#[test]
fn equal_questions_of_the_same_moment_are_answered_by_one_catch_up() {
    let (mut host, a, b) = two(2);
    host.update(a, &typed(1, 0, "hi"));
    host.commit();
    let late = [at(0, 3), at(0, 4), at(1, 5)];
    for session in late {
        host.attach(session);
        host.step_1(session, EMPTY_STEP_1);
        assert_eq!(host.got(session), [Got::Step1(state_vector(&[(1, 2)]))]);
    }
    assert_eq!(host.jobs.len(), 1);
    // What happens meanwhile comes after the answer on the core of the document.
    host.got(b);
    host.update(a, &typed(1, 2, "!"));
    assert_eq!(host.got(late[0]), []);
    host.catch_up();
    for session in &late[..2] {
        assert_eq!(host.got(*session), [Got::Step2(typed(1, 0, "hi")), Got::Update(typed(1, 2, "!"))]);
    }
    let got = host.got(late[2]);
    assert!(got.contains(&Got::Step2(typed(1, 0, "hi"))) && got.contains(&Got::Update(typed(1, 2, "!"))));
}

#[test]
fn a_session_has_one_catch_up_made_at_a_time() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(a, &typed(1, 0, "hi"));
        host.commit();
        host.step_1(b, EMPTY_STEP_1);
        assert_eq!(host.paused.get(&b), Some(&true));
        host.catch_up();
        assert_eq!(host.paused.get(&b), Some(&false));
    }
}

#[test]
fn who_joins_gets_what_was_published_before_and_is_not_committed() {
    for shards in [1, 2] {
        let (mut host, a, _) = two(shards);
        host.update(a, &typed(1, 0, "a"));
        host.commit();
        host.update(a, &typed(1, 1, "b"));
        let late = at(usize::from(shards) - 1, 9);
        host.attach(late);
        host.step_1(late, EMPTY_STEP_1);
        host.commit();
        host.update(a, &typed(1, 2, "c"));
        host.got(late);
        host.stored.truncate(1);
        host.catch_up();
        let got = host.got(late);
        assert!(got.contains(&Got::Step2(typed(1, 0, "a"))), "{got:?}");
        let rest = [Got::Update(typed(1, 1, "bc")), Got::Update(typed(1, 1, "b"))];
        assert!(got.iter().any(|got| rest.contains(got)), "{got:?}");
    }
}

#[test]
fn who_writes_while_its_catch_up_is_made_does_not_see_its_record_before_the_disk_has_it() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(a, &typed(1, 0, "a"));
        host.commit();
        host.got(b);
        host.say(b, Message::SyncStep1 { state_vector: EMPTY_STEP_1 });
        // On its way between two cores when the session is paused.
        host.say(b, Message::Update { update: &typed(2, 0, "b") });
        host.turn();
        host.catch_up();
        let early = host.got(b);
        assert!(early.iter().all(|got| *got == Got::Step2(typed(1, 0, "a"))), "{early:?}");
        host.commit();
        if shards == 2 {
            assert_eq!(early, []);
            host.catch_up();
        }
        let got = host.got(b);
        assert!(!got.is_empty() && host.jobs.is_empty(), "{got:?}");
    }
}

#[test]
fn a_session_that_is_being_caught_up_gets_no_records_until_then_wherever_it_is() {
    for (shards, load) in [(1, Load::NONE), (2, Load::NONE), (1, Load::FULL), (2, Load::FULL)] {
        let (mut host, far) = a_crowd(shards, 20);
        let writer = at(0, 3);
        host.load = load;
        for clock in 0..2 {
            host.update(writer, &typed(1, clock, "a"));
            host.commit();
        }
        host.now += 16;
        host.turn();
        host.got(far);
        host.step_1(far, EMPTY_STEP_1);
        host.update(writer, &typed(1, 2, "b"));
        host.now += 16;
        host.update(writer, &typed(1, 3, "c"));
        assert_eq!(host.got(far), []);
        host.catch_up();
        let got = host.got(far);
        assert!(matches!(&got[..], [Got::Step2(_), Got::Update(_)]), "{got:?}");
        host.now += 16;
        host.update(writer, &typed(1, 4, "d"));
        assert_eq!(host.got(far), [Got::Update(typed(1, 4, "d"))]);
    }
}

#[test]
fn who_falls_behind_before_it_asks_misses_nothing_of_what_was_not_committed_when_it_came() {
    for shards in [1, 2] {
        let (mut host, writer) = (Host::with(shards, |config| config.uncommitted_bytes_max = 10_000), at(0, 1));
        let late = at(usize::from(shards) - 1, 2);
        host.attach(writer);
        host.update(writer, &typed(1, 0, "a"));
        host.sockets_take = false;
        host.attach(late);
        for clock in 1..12 {
            host.update(writer, &typed(1, clock, "b"));
        }
        host.step_1(late, EMPTY_STEP_1);
        host.catch_up();
        host.sockets_take = true;
        host.commit();
        while !host.jobs.is_empty() {
            host.catch_up();
        }
        assert_eq!(typed_by_1(host.got(late)), 12);
    }
}

#[test]
fn who_fell_behind_before_it_asked_and_got_out_of_it_gets_what_was_not_committed_when_it_came() {
    let (mut host, a, _) = two(1);
    host.update(a, &typed(1, 0, "a"));
    let late = at(0, 3);
    host.attach(late);
    drop(host.got(late));
    host.sockets_take = false;
    // More than its outbox takes while its socket takes nothing.
    for clock in 1..8 {
        host.update(a, &typed(1, clock, "b"));
    }
    host.step_1(late, EMPTY_STEP_1);
    host.sockets_take = true;
    host.take(late);
    // Nothing is committed, so nothing is in the answer.
    host.catch_up();
    let updates: Vec<Vec<u8>> = host
        .got(late)
        .into_iter()
        .filter_map(|got| match got {
            Got::Update(update) | Got::Step2(update) => Some(update),
            Got::Step1(_) | Got::Awareness(_) | Got::Denied(_) | Got::Status(_) | Got::Stateless(_) => None,
        })
        .collect();
    let all = merge(&updates.iter().map(Vec::as_slice).collect::<Vec<_>>()).expect("updates");
    let known = Known::of(&all).expect("all of it is there");
    assert_eq!(*known.clocks(), state_vector(&[(1, 8)]));
}

#[test]
fn who_overflows_on_what_follows_its_catch_up_misses_nothing_of_that() {
    let (mut host, writer, late) = (Host::with(1, |config| config.uncommitted_bytes_max = 10_000), at(0, 1), at(0, 2));
    host.attach(writer);
    host.update(writer, &typed(1, 0, "a"));
    host.sockets_take = false;
    host.attach(late);
    // It waits in the outbox, and stands behind what the catch-up leaves out.
    host.update(writer, &typed(1, 1, "b"));
    host.step_1(late, EMPTY_STEP_1);
    for clock in 2..60 {
        host.update(writer, &typed(1, clock, "c"));
    }
    host.catch_up();
    host.sockets_take = true;
    host.commit();
    while !host.jobs.is_empty() {
        host.catch_up();
    }
    assert_eq!(typed_by_1(host.got(late)), 60);
}

#[test]
fn who_leaves_while_its_catch_up_is_made_keeps_no_records_in_memory() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(a, &typed(1, 0, "x"));
        host.commit();
        let late = at(usize::from(shards) - 1, 9);
        host.attach(late);
        host.step_1(late, EMPTY_STEP_1);
        host.detach(late);
        host.catch_up();
        host.got(b);
        host.sockets_take = false;
        for clock in 1..13 {
            host.update(a, &typed(1, clock, "x"));
        }
        host.commit();
        host.take(b);
        assert_eq!(host.jobs.len(), 1, "what it is behind is on disk only");
    }
}
