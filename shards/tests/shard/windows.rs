//! What gathers under load: until when, and for whom it does not.

use selvedge_shards::{Load, Now};

use super::host::{Got, Host, at, typed};
use super::{EMPTY_STEP_1, a_crowd, two};

#[test]
fn under_load_what_comes_after_a_pause_is_sent_at_once_and_what_follows_gathers_until_the_window_ends() {
    for shards in [1, 2] {
        let (mut host, far) = a_crowd(shards, 20);
        let (writer, near) = (at(0, 3), at(0, 5));
        host.load = Load::FULL;
        host.update(writer, &typed(1, 0, "a"));
        assert_eq!(host.got(far), [Got::Update(typed(1, 0, "a"))], "nothing was sent for long");
        assert_eq!(host.next_due(0), None);
        host.got(near);

        host.now += 3;
        host.update(writer, &typed(1, 1, "b"));
        host.now += 2;
        host.update(writer, &typed(1, 2, "c"));
        assert_eq!((host.got(far), host.got(near)), (vec![], vec![]));
        assert_eq!(host.next_due(0), Some(Now(host.now - 5 + 16)));
        host.now += 10;
        host.turn();
        assert_eq!((host.got(far), host.got(near)), (vec![], vec![]), "one millisecond is left");
        host.now += 1;
        host.turn();
        let both = typed(1, 1, "bc");
        assert_eq!((host.got(far), host.got(near)), (vec![Got::Update(both.clone())], vec![Got::Update(both)]));
        assert_eq!(host.next_due(0), None);

        host.now += 16;
        host.update(writer, &typed(1, 3, "d"));
        assert_eq!(host.got(far), [Got::Update(typed(1, 3, "d"))]);
        let counters = host.shard(0).counters();
        assert_eq!((counters.fan_outs, counters.fan_out_updates, counters.fan_outs_delayed), (3, 4, 1));
        assert_eq!((counters.fan_out_window_ms, counters.fan_out_window_widest_ms), (48, 16));
    }
}

#[test]
fn an_author_gets_its_record_after_the_commit_whatever_the_window_and_then_nothing_twice() {
    for shards in [1, 2] {
        for author_is_far in [false, true] {
            let (mut host, far) = a_crowd(shards, 20);
            let (other, near) = (at(0, 3), at(0, 5));
            let author = if author_is_far { far } else { at(0, 7) };
            host.load = Load::FULL;
            host.update(other, &typed(1, 0, "a"));
            host.commit();
            for session in [author, near, other] {
                host.got(session);
            }

            host.update(other, &typed(1, 1, "b"));
            host.update(author, &typed(2, 0, "x"));
            assert_eq!(host.got(author), []);
            host.commit();
            // What the other wrote before comes with it: nobody sees a record before those that come before it.
            let got = host.got(author);
            assert!(matches!(&got[..], [Got::Update(_)] | [Got::Update(_), Got::Update(_)]), "{got:?}");
            assert_eq!(host.got(near), []);
            host.update(other, &typed(1, 2, "c"));
            host.commit();
            assert_eq!((host.got(author), host.got(near)), (vec![], vec![]), "both wait for the window now");
            host.now += 16;
            host.turn();
            assert_eq!(host.got(author), [Got::Update(typed(1, 2, "c"))]);
            let got = host.got(near);
            assert!(matches!(&got[..], [Got::Update(_)]), "{got:?}");
        }
    }
}

#[test]
fn what_is_large_and_what_only_its_author_would_see_does_not_wait_for_a_window() {
    let (mut host, far) = a_crowd(1, 20);
    host.load = Load::FULL;
    host.update(far, &typed(1, 0, "a"));
    host.commit();
    host.got(at(0, 5));
    let mut large = vec![1, 1, 1, 1, 0x84, 1, 0];
    selvedge_protocol::lib0::put_uint(&mut large, 70_000);
    large.extend([b'x'; 70_000]);
    large.push(0);
    host.update(far, &large);
    assert_eq!(host.got(at(0, 5)).len(), 1);

    let (mut host, a, b) = two(1);
    host.detach(b);
    host.load = Load::FULL;
    for clock in 0..3 {
        host.update(a, &typed(1, clock, "a"));
        host.commit();
        assert_eq!(host.got(a), [Got::Update(typed(1, clock, "a"))]);
        assert_eq!(host.next_due(0), None);
    }
}

#[test]
fn who_asks_for_what_it_lacks_within_a_window_is_answered_and_misses_nothing() {
    for shards in [1, 2] {
        let (mut host, far) = a_crowd(shards, 20);
        let (writer, late) = (at(0, 3), at(usize::from(shards) - 1, 2_000));
        host.load = Load::FULL;
        host.update(writer, &typed(1, 0, "a"));
        host.update(writer, &typed(1, 1, "b"));
        host.commit();
        host.detach(at(0, 9));
        host.attach(late);
        host.got(late);
        host.step_1(late, EMPTY_STEP_1);
        host.update(writer, &typed(1, 2, "c"));
        host.catch_up();
        let got = host.got(late);
        assert!(matches!(&got[..], [Got::Step2(_), Got::Update(_)]), "{got:?}");
        host.now += 16;
        host.turn();
        assert_eq!(host.got(far).len(), 2, "the first and the rest");
        host.update(writer, &typed(1, 3, "d"));
        host.now += 16;
        host.turn();
        let got = host.got(late);
        assert_eq!(got.last(), Some(&Got::Update(typed(1, 3, "d"))), "{got:?}");
    }
}

#[test]
fn awareness_is_sent_at_the_end_of_its_window_to_the_millisecond() {
    let (mut host, far) = a_crowd(2, 23);
    host.announce(at(0, 1), 1, 1, Some("1"));
    assert_eq!(host.got(far), [Got::Awareness(vec![(1, 1, Some("1".into()))])]);
    host.now += 1;
    host.announce(at(0, 1), 1, 2, Some("2"));
    host.announce(far, 2, 1, Some("3"));
    assert_eq!(host.next_due(0), Some(Now(host.now + 2)), "an eighth of a millisecond for each of 24 sessions");
    assert_eq!(host.got(far), []);
    host.now += 2;
    host.turn();
    assert_eq!(host.got(far), [Got::Awareness(vec![(1, 2, Some("2".into())), (2, 1, Some("3".into()))])]);
    let counters = host.shard(0).counters();
    assert_eq!((counters.awareness_published, counters.awareness_delayed), (2, 1));
    assert_eq!((counters.awareness_window_ms, counters.awareness_window_widest_ms), (6, 3));
}

#[test]
fn a_document_that_is_let_go_within_a_window_is_not_due_any_more() {
    let (mut host, far) = a_crowd(1, 20);
    host.load = Load::FULL;
    for clock in 0..2 {
        host.update(far, &typed(1, clock, "a"));
    }
    host.commit();
    assert!(host.next_due(0).is_some() && host.shard(0).is_gathering());
    host.detach(far);
    for index in 0..20 {
        host.detach(at(0, index));
    }
    host.pass(10_000);
    assert_eq!(host.evicted.len(), 1);
    assert_eq!(host.next_due(0), None);
    assert!(!host.shard(0).is_gathering());
}

#[test]
fn in_a_crowd_what_is_written_within_two_milliseconds_is_one_record() {
    for shards in [1, 2] {
        let (mut host, far) = a_crowd(shards, 120);
        let (one, other) = (at(0, 3), far);
        host.load = Load::FULL;
        host.update(one, &typed(1, 0, "a"));
        host.commit();
        assert_eq!(host.stored.len(), 1, "nothing was written for long");
        host.got(one);

        host.now += 1;
        host.update(one, &typed(1, 1, "b"));
        host.update(other, &typed(2, 0, "x"));
        assert_eq!(host.appended.len(), 0, "one millisecond is left");
        assert_eq!(host.next_due(0), Some(Now(host.now + 1)));
        host.now += 1;
        host.turn();
        assert_eq!(host.appended.len(), 1);
        // A record is on its way: what comes now waits for its commit and for the two milliseconds, whichever is later.
        host.update(one, &typed(1, 2, "c"));
        host.commit();
        assert_eq!((host.stored.len(), host.appended.len()), (2, 0));
        assert!(host.got(one).len() == 1 && host.shard(0).is_gathering());
        host.now += 2;
        host.turn();
        host.commit();
        assert_eq!(host.stored.len(), 3);
        assert!(!host.got(one).is_empty(), "acknowledged before the window ends");
    }
}

#[test]
fn those_who_do_not_take_what_they_are_sent_do_not_widen_the_window_of_others() {
    let (mut host, reader) = a_crowd(1, 120);
    let writer = at(0, 3);
    host.load = Load::FULL;
    let takes = |host: &mut Host| {
        for session in [writer, reader] {
            while host.is_in_flight(session) {
                host.take(session);
            }
        }
    };
    let mut clock = 0;
    let mut types = |host: &mut Host| {
        host.update(writer, &typed(1, clock, "x"));
        takes(host);
        host.commit();
        takes(host);
        clock += 1;
        !host.got(reader).is_empty()
    };
    // All take what they are sent: each waits for the others' sake.
    assert!(types(&mut host));
    host.now += 4;
    assert!(!types(&mut host), "the window is 16 ms");
    host.now += 12;
    host.turn();
    assert!(!host.got(reader).is_empty());

    // A socket that takes nothing is given one frame; what comes after it waits with what is there already.
    host.sockets_take = false;
    for _ in 0..3 {
        host.now += 16;
        assert!(types(&mut host));
    }
    for _ in 0..20 {
        host.now += 4;
        assert!(types(&mut host), "two sessions have a quarter of the window, and no author waits for a crowd");
    }
    // They are sent what they lack, and count again.
    host.sockets_take = true;
    host.turn();
    host.now += 16;
    assert!(types(&mut host));
    host.now += 4;
    assert!(!types(&mut host));
}
