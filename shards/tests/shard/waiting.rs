//! Updates that refer to what the document does not have: they wait, within bounds, and their senders are asked.

use super::host::{Got, state_vector, typed};
use super::{EMPTY_STEP_1, two};

#[test]
fn an_update_waits_for_what_it_refers_to_and_its_sender_is_asked_for_it() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &typed(1, 2, "c"));
        host.update(b, &typed(1, 1, "b"));
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[]))], "asked once");
        assert_eq!(host.got(a), []);
        assert!(host.appended.is_empty());
        host.update(b, &typed(1, 0, "a"));
        assert_eq!(host.appended.len(), 1);
        assert_eq!(host.got(a), [Got::Update(typed(1, 0, "abc"))]);
        host.commit();
        assert_eq!(host.got(b), [Got::Update(typed(1, 0, "abc"))]);
    }
}

#[test]
fn who_asks_while_something_of_its_own_waits_is_asked_first_so_that_the_answer_promises_nothing() {
    for shards in [1, 2] {
        let (mut host, _, b) = two(shards);
        host.update(b, &typed(1, 1, "b"));
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[]))]);
        host.update(b, &typed(1, 2, "c"));
        assert_eq!(host.got(b), []);
        host.step_1(b, EMPTY_STEP_1);
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[])), Got::Step2(vec![0, 0])]);
    }
}

#[test]
fn what_waits_in_vain_is_dropped_and_its_sender_is_told_to_sync() {
    let (mut host, a, _) = two(1);
    host.update(a, &typed(1, 2, "c"));
    host.got(a);
    host.pass(10_250);
    assert_eq!(host.got(a), [Got::Step1(state_vector(&[]))]);
    host.update(a, &typed(1, 0, "ab"));
    assert_eq!(host.shard(0).counters().updates_dropped, 1);
    assert_eq!(host.appended.len(), 1);
    assert_eq!(host.appended[0].3, typed(1, 0, "ab"));
}

#[test]
fn waiting_updates_are_bounded() {
    let (mut host, a, _) = two(1);
    for clock in 1..100 {
        host.update(a, &typed(1, clock, "x"));
    }
    let counters = host.shard(0).counters();
    assert!(counters.updates_waited > 0 && counters.updates_dropped > 50, "{counters:?}");
}

#[test]
fn who_sent_what_found_no_room_is_asked_again_also_when_all_that_waited_is_complete() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &typed(1, 1, "b"));
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[]))]);
        // Its answer may be made before it writes this, for which there is no room.
        host.update(b, &typed(1, 2, &"c".repeat(100)));
        host.update(b, &typed(1, 102, &"d".repeat(100)));
        assert_eq!(host.shard(0).counters().updates_dropped, 1);
        assert_eq!(host.got(b), []);
        host.update(a, &typed(1, 0, "a"));
        host.commit();
        host.got(b);
        host.pass(5_250);
        assert_eq!(host.got(b), [Got::Step1(state_vector(&[(1, 102)]))]);
        host.pass(10_000);
        assert_eq!(host.got(b), [], "once");
    }
}
