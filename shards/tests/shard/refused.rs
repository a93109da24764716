//! What is not taken, from whom and why: no right, no sense, no disk.

use selvedge_protocol::update::Refused;
use selvedge_shards::{Access, CloseReason, Input};

use super::host::{Got, NAME, at, state_vector, typed};
use super::two;

#[test]
fn a_reader_is_told_that_it_may_not_write() {
    for shards in [1, 2] {
        let (mut host, a, _) = two(shards);
        let reader = at(usize::from(shards) - 1, 7);
        host.attach_as(reader, NAME, Access::ReadOnly);
        host.got(reader);
        host.update(reader, &typed(1, 0, "hi"));
        assert!(matches!(&host.got(reader)[..], [Got::Denied(_)]));
        assert_eq!(host.got(a), []);
        assert!(host.appended.is_empty());
        host.update(a, &typed(1, 0, "hi"));
        assert_eq!(host.got(reader).len(), 1);
    }
}

#[test]
fn what_no_document_can_take_costs_its_sender_the_session_and_nobody_else_notices() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &[9]);
        assert!(matches!(host.closed.get(&b), Some(CloseReason::UpdateRefused(Refused::Malformed(_)))));
        let c = at(0, 3);
        host.attach(c);
        host.step_1(c, &[0xff]);
        assert!(matches!(host.closed.get(&c), Some(CloseReason::StateVectorRefused(_))));
        assert_eq!(host.got(a), []);
        assert_eq!(host.sessions(), 1);
    }
}

#[test]
fn while_nothing_can_be_written_changes_are_refused_and_then_asked_for() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &typed(1, 0, "a"));
        for shard in 0..usize::from(shards) {
            host.handle(shard, Input::CommitFailed { reason: "disk full".into() });
        }
        host.got(a);
        host.update(b, &typed(1, 1, "b"));
        host.update(b, &typed(1, 2, "c"));
        let got = host.got(b);
        assert!(matches!(&got[..], [Got::Denied(reason)] if reason.contains("disk full")), "{got:?}");
        assert_eq!(host.got(a), []);
        host.announce(b, 7, 1, Some("{}"));
        assert_eq!(host.got(a).len(), 1, "presence goes on");
        host.got(b);
        host.step_1(a, &[1, 1, 1]);
        assert_eq!(host.got(a), [Got::Step2(vec![0, 0])], "reading goes on");
        host.commit();
        let got = host.got(b);
        assert!(
            got.contains(&Got::Update(typed(1, 0, "a"))) && got.contains(&Got::Step1(state_vector(&[(1, 1)]))),
            "{got:?}"
        );
        host.update(b, &typed(1, 1, "bc"));
        assert_eq!(host.got(a), [Got::Update(typed(1, 1, "bc"))]);
    }
}

#[test]
fn who_was_refused_in_a_stall_is_told_again_before_an_answer_that_would_promise_something() {
    for shards in [1, 2] {
        let (mut host, _, b) = two(shards);
        for shard in 0..usize::from(shards) {
            host.handle(shard, Input::CommitFailed { reason: "disk full".into() });
        }
        host.update(b, &typed(1, 0, "a"));
        host.update(b, &typed(1, 1, "b"));
        assert!(matches!(&host.got(b)[..], [Got::Denied(_)]), "once for many updates");
        host.step_1(b, &[1, 1, 2]);
        assert!(matches!(&host.got(b)[..], [Got::Denied(_), Got::Step2(_)]));
    }
}

#[test]
fn a_slow_disk_pauses_those_who_write() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        for clock in 0..11 {
            host.update(b, &typed(1, clock, "x"));
        }
        assert_eq!(host.paused.get(&b), Some(&true));
        assert_ne!(host.paused.get(&a), Some(&true));
        host.commit();
        assert_eq!(host.paused.get(&b), Some(&false));
        assert_eq!(host.shard(0).counters().uncommitted_bytes, 0);
    }
}
