//! Sessions whose sockets take nothing: behind, not read from, and closed in the end.

use selvedge_protocol::sync::Message;
use selvedge_shards::reading::CatchUpFrom;
use selvedge_shards::{CloseReason, Sequence};

use super::host::{Got, typed};
use super::two;

#[test]
fn overflow_puts_the_session_behind_and_one_merged_update_catches_it_up() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.sockets_take = false;
        // The first is with the socket, some wait, then there is no room.
        for clock in 0..12 {
            host.update(a, &typed(1, clock, "x"));
        }
        assert_eq!(host.got(b), [Got::Update(typed(1, 0, "x"))]);
        host.take(b);
        let everything_after =
            Got::Update(vec![1, 1, 1, 1, 0x84, 1, 0, 11].into_iter().chain(*b"xxxxxxxxxxx").chain([0]).collect());
        assert_eq!(host.got(b), [everything_after], "what is not committed is still here");
        host.take(b);
        host.update(a, &typed(1, 12, "y"));
        assert_eq!(host.got(b), [Got::Update(typed(1, 12, "y"))], "it is live again");
    }
}

#[test]
fn a_session_behind_what_is_in_memory_is_caught_up_from_the_log() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.sockets_take = false;
        for clock in 0..12 {
            host.update(a, &typed(1, clock, "x"));
        }
        host.commit();
        host.got(b);
        host.take(b);
        assert_eq!(host.got(b), []);
        assert_eq!(host.jobs.len(), 1);
        assert_eq!(host.jobs[0].3, CatchUpFrom::Sequence(Sequence(1)));
        host.update(a, &typed(1, 12, "y"));
        host.catch_up();
        assert!(matches!(&host.got(b)[..], [Got::Update(update)] if update.len() > 11));
        host.take(b);
        assert_eq!(host.got(b), [Got::Update(typed(1, 12, "y"))]);
    }
}

#[test]
fn a_session_that_does_not_take_its_catch_up_is_closed_and_one_that_does_is_not() {
    let (mut host, a, b) = two(1);
    host.sockets_take = false;
    for clock in 0..12 {
        host.update(a, &typed(1, clock, "x"));
        host.commit();
    }
    host.pass(29_000);
    assert!(host.closed.is_empty());
    host.take(b);
    host.pass(29_000);
    assert_eq!(host.closed.get(&b), None);
    host.catch_up();
    host.pass(33_000);
    assert_eq!(host.closed.get(&b), Some(&CloseReason::TooSlow));
    let closed = host.closed.values().filter(|reason| **reason == CloseReason::TooSlow).count();
    assert_eq!(host.shard(0).counters().sessions_too_slow, closed as u64);
}

#[test]
fn a_session_that_asks_on_and_takes_no_answer_is_closed_in_the_end() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.sockets_take = false;
        while host.paused.get(&b) != Some(&true) {
            host.say(b, Message::QueryAwareness);
            host.turn();
        }
        host.pass(29_000);
        assert_eq!(host.closed.get(&b), None);
        host.pass(5_000);
        assert_eq!(host.closed.get(&b), Some(&CloseReason::TooSlow));
        assert_eq!(host.closed.get(&a), None);
        // On whichever shard the session is.
        assert_eq!((0..shards).map(|shard| host.shard(shard.into()).counters().sessions_too_slow).sum::<u64>(), 1);
    }
}

#[test]
fn who_asks_on_without_taking_the_answers_is_not_read_from() {
    for shards in [1, 2] {
        let (mut host, _, b) = two(shards);
        host.sockets_take = false;
        let mut asked = 0;
        while host.paused.get(&b) != Some(&true) {
            host.say(b, Message::QueryAwareness);
            asked += 1;
            assert!(asked < 20);
        }
        host.got(b);
        host.take(b);
        assert_eq!(host.got(b).len(), asked - 1, "the first was with the socket, the others leave together");
        host.take(b);
        assert_eq!(host.paused.get(&b), Some(&false));
    }
}

#[test]
fn nothing_is_sent_to_a_quiet_session() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.pass(120_000);
        assert_eq!((host.got(a), host.got(b)), (vec![], vec![]), "what keeps a connection is its own matter");
    }
}
