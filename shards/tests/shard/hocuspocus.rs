//! What only sessions of Hocuspocus have: acknowledgements that are counted, and stateless messages.

use selvedge_protocol::sync::Message;
use selvedge_shards::{Access, Audience, DocumentId, Input, SessionRef, ShardId};

use super::host::{At, Got, NAME, typed};
use super::{EMPTY_STEP_1, NOT_SAVED, SAVED, one_that_counts, step_2};

#[test]
fn an_update_is_acknowledged_once_after_its_commit_and_before_its_echo() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadWrite);
        host.say(a, Message::Update { update: &typed(1, 0, "a") });
        host.update(a, &typed(1, 1, "b"));
        assert_eq!((host.got(a), host.got(b).len()), (vec![], 1));
        host.commit();
        let got = host.got(a);
        assert!(matches!(&got[..], [SAVED, SAVED, Got::Update(_)]), "{got:?}");
        host.update(a, &typed(1, 0, "a"));
        assert_eq!(host.got(a), [SAVED], "it is durable already");
        host.update(b, &typed(2, 0, "c"));
        host.got(a);
        host.update(a, &typed(2, 0, "c"));
        assert_eq!(host.got(a), [], "what another has written is not durable yet");
        host.commit();
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 1);
    }
}

#[test]
fn a_sync_step_1_of_one_that_counts_is_answered_by_one_and_its_sync_step_2_is_acknowledged() {
    for shards in [1, 2] {
        let (mut host, a, _) = one_that_counts(shards, Access::ReadWrite);
        for (clock, news) in [(0, "a"), (1, "b")] {
            host.step_1(a, EMPTY_STEP_1);
            if clock > 0 {
                host.catch_up();
            }
            let got = host.got(a);
            assert!(matches!(&got[..], [Got::Step1(_), Got::Step2(_)]), "{got:?}");
            step_2(&mut host, a, &typed(1, clock, news));
            assert_eq!(host.got(a), []);
            host.commit();
            assert_eq!(host.got(a)[0], SAVED);
        }
        host.step_1(a, &[1, 1, 2]);
        host.got(a);
        step_2(&mut host, a, &[0, 0]);
        assert_eq!(host.got(a), [SAVED], "nothing new, and all is durable");
        host.handle(a.0, Input::Reply { session: a.1, message: Message::SyncStep1 { state_vector: &[1, 1, 2] } });
        host.turn();
        assert!(matches!(host.got(a)[..], [Got::Step2(_)]), "a reply wants nothing back");
    }
}

#[test]
fn nothing_is_acknowledged_to_a_session_that_waits_for_its_first_answer() {
    // On another core it has not heard yet that it is paused when it answers the server's SyncStep1.
    let (mut host, a, b) = one_that_counts(2, Access::ReadWrite);
    host.update(b, &typed(2, 0, "b"));
    host.commit();
    host.got(a);
    host.step_1(a, EMPTY_STEP_1);
    assert!(matches!(host.got(a)[..], [Got::Step1(_)]));
    step_2(&mut host, a, &[0, 0]);
    host.pass(3_000);
    assert_eq!(host.got(a), [], "its number would be zero, and it without the document");
    host.catch_up();
    let got = host.got(a);
    assert!(matches!(got[..], [Got::Step2(_), SAVED]), "{got:?}");
    host.update(a, &typed(1, 0, "a"));
    host.commit();
    assert_eq!(host.got(a)[0], SAVED, "from here on nothing waits");
}

#[test]
fn what_was_written_before_the_first_sync_step_1_is_not_acknowledged_before_its_answer() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadWrite);
        host.update(b, &typed(2, 0, "b"));
        host.commit();
        host.update(a, &typed(1, 0, "a"));
        host.step_1(a, EMPTY_STEP_1);
        step_2(&mut host, a, &typed(1, 0, "a"));
        host.got(a);
        host.commit();
        let got = host.got(a);
        assert!(!got.contains(&SAVED), "the answer is still being made: {got:?}");
        host.catch_up();
        let got = host.got(a);
        let step_2 = got.iter().position(|got| matches!(got, Got::Step2(_)));
        let saved = got.iter().position(|got| *got == SAVED);
        assert!(step_2.is_some() && step_2 < saved, "{got:?}");
        host.pass(3_000);
        assert_eq!(host.got(a), [SAVED], "what it sent before its SyncStep1");
    }
}

#[test]
fn what_waits_is_acknowledged_when_it_is_committed_and_the_sync_step_2_that_brings_the_gap_is_not() {
    for shards in [1, 2] {
        let (mut host, a, _) = one_that_counts(shards, Access::ReadWrite);
        host.update(a, &typed(1, 1, "b"));
        assert!(matches!(host.got(a)[..], [Got::Step1(_)]));
        step_2(&mut host, a, &typed(1, 0, "ab"));
        assert_eq!(host.got(a), []);
        host.commit();
        let got = host.got(a);
        assert_eq!(got.iter().filter(|got| **got == SAVED).count(), 1, "{got:?}");
    }
}

#[test]
fn what_comes_late_is_not_taken_for_the_acknowledgement_of_what_waits() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadWrite);
        // It refers to what another client typed and nobody has brought.
        let refers = [1, 1, 1, 0, 0x84, 2, 0, 1, b'a', 0];
        host.update(a, &refers);
        host.step_1(a, EMPTY_STEP_1);
        host.got(a);
        step_2(&mut host, a, &refers);
        host.pass(3_000);
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 0, "nothing of it is stored");
        host.update(b, &typed(2, 0, "b"));
        host.commit();
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 1, "its SyncStep2");
        host.pass(3_000);
        assert_eq!(host.got(a), [SAVED], "what it sent before its SyncStep1");
    }
}

#[test]
fn what_found_no_room_is_not_saved_and_acknowledged_with_the_sync_step_2_that_brings_it() {
    for shards in [1, 2] {
        let (mut host, a, _) = one_that_counts(shards, Access::ReadWrite);
        let long = "x".repeat(120);
        for clock in [121, 122, 123] {
            host.update(a, &typed(1, clock, &long));
        }
        let got = host.got(a);
        assert_eq!(got.iter().filter(|got| **got == NOT_SAVED).count(), 2, "{got:?}");
        step_2(&mut host, a, &typed(1, 0, "y"));
        host.commit();
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 2, "the first still waits");
        host.pass(10_000);
        let got = host.got(a);
        assert!(got.contains(&NOT_SAVED) && got.iter().any(|got| matches!(got, Got::Step1(_))), "{got:?}");
        step_2(&mut host, a, &typed(1, 1, "z"));
        host.commit();
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 1);
    }
}

#[test]
fn what_a_stalled_disk_refuses_is_acknowledged_when_it_is_brought_again() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadWrite);
        host.update(b, &typed(2, 0, "b"));
        host.got(a);
        host.handle(0, Input::CommitFailed { reason: "full".into() });
        host.update(a, &typed(1, 0, "a"));
        host.update(a, &typed(1, 1, "b"));
        assert_eq!(host.got(a), [NOT_SAVED, NOT_SAVED]);
        host.commit();
        let got = host.got(a);
        assert!(matches!(got[..], [Got::Step1(_)]), "{got:?}");
        step_2(&mut host, a, &typed(1, 0, "ab"));
        assert_eq!(host.got(a), []);
        host.commit();
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 2);
    }
}

#[test]
fn who_may_only_read_is_told_in_numbers_and_acknowledged_where_it_brings_nothing() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadOnly);
        host.step_1(a, EMPTY_STEP_1);
        host.got(a);
        step_2(&mut host, a, &[0, 0]);
        assert_eq!(host.got(a), [SAVED]);
        host.update(a, &typed(1, 0, "a"));
        assert_eq!((host.got(a), host.got(b)), (vec![NOT_SAVED], vec![]));
        // It gets the right: what was refused is asked for.
        host.handle(a.0, Input::AccessChanged { session: a.1, access: Access::ReadWrite });
        host.turn();
        assert!(matches!(host.got(a)[..], [Got::Step1(_)]));
        step_2(&mut host, a, &typed(1, 0, "a"));
        host.commit();
        assert_eq!(host.got(a)[0], SAVED);
        host.handle(a.0, Input::AccessChanged { session: a.1, access: Access::ReadOnly });
        host.turn();
        host.update(a, &typed(1, 1, "b"));
        assert_eq!(host.got(a), [NOT_SAVED]);
    }
}

#[test]
fn what_a_sync_step_1_overtook_is_acknowledged_when_the_session_is_quiet() {
    for shards in [1, 2] {
        let (mut host, a, _) = one_that_counts(shards, Access::ReadWrite);
        host.update(a, &typed(1, 0, "a"));
        host.step_1(a, &[1, 1, 1]);
        step_2(&mut host, a, &[0, 0]);
        host.commit();
        assert_eq!(host.got(a).iter().filter(|got| **got == SAVED).count(), 1);
        host.pass(500);
        assert_eq!(host.got(a), []);
        host.pass(1_000);
        assert_eq!(host.got(a), [SAVED]);
    }
}

#[test]
fn stateless_messages_reach_those_who_understand_them() {
    for shards in [1, 2] {
        let (mut host, a, b) = one_that_counts(shards, Access::ReadOnly);
        let document = DocumentId::of(NAME);
        let one = |session: At| {
            Audience::One(SessionRef { shard: ShardId(u16::try_from(session.0).expect("few")), session: session.1 })
        };
        for (to, payload) in [(Audience::All, "all"), (one(a), "one"), (one(b), "not you")] {
            host.handle(0, Input::Stateless { document, to, payload });
            host.turn();
        }
        assert_eq!(host.got(a), [Got::Stateless("all".into()), Got::Stateless("one".into())]);
        assert_eq!(host.got(b), []);
        host.handle(a.0, Input::StatelessCame { session: a.1, payload: "out" });
        assert_eq!(host.outward, [(document, a, "out".to_owned())]);
        // Who does not take them does without.
        host.sockets_take = false;
        for _ in 0..20 {
            host.handle(0, Input::Stateless { document, to: Audience::All, payload: "0123456789" });
            host.turn();
        }
        let dropped: u64 = (0..usize::from(shards)).map(|shard| host.shard(shard).counters().stateless_dropped).sum();
        assert!(dropped > 10, "{dropped}");
    }
}
