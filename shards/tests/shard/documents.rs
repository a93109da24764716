//! A document's life on its shard: loaded once, bounded, compacted, let go.

use selvedge_protocol::sync::Message;
use selvedge_shards::reading::ReadFailed;
use selvedge_shards::{Access, CloseReason, Input, Sequence};

use super::host::{At, Host, at, typed};
use super::{EMPTY_STEP_1, two};

/// Two sessions of a document whose load does not end, on its core and on the last.
fn two_that_wait(shards: u16) -> (Host, At, At) {
    let mut host = Host::new(shards);
    host.loads_end = false;
    let (a, b) = (at(0, 1), at(usize::from(shards) - 1, 2));
    host.attach(a);
    host.attach(b);
    (host, a, b)
}

#[test]
fn nothing_is_sent_or_read_before_the_first_load_has_ended() {
    for shards in [1, 2] {
        let (mut host, a, b) = two_that_wait(shards);
        assert_eq!(host.loads.len(), 1, "one load for all");
        assert_eq!((host.got(a), host.got(b)), (vec![], vec![]));
        assert_eq!((host.paused.get(&a), host.paused.get(&b)), (Some(&true), Some(&true)));
        host.loads_end = true;
        host.turn();
        assert_eq!((host.paused.get(&a), host.paused.get(&b)), (Some(&false), Some(&false)));
        assert_eq!((host.got(a).len(), host.got(b).len()), (1, 1));
    }
}

#[test]
fn a_failed_load_ends_its_sessions_and_leaves_nothing() {
    for shards in [1, 2] {
        let (mut host, a, b) = two_that_wait(shards);
        host.fail_load();
        let failed = CloseReason::LoadFailed(ReadFailed::Corrupt("checksum".into()));
        assert_eq!((host.closed.get(&a), host.closed.get(&b)), (Some(&failed), Some(&failed)));
        for shard in 0..usize::from(shards) {
            let counters = host.shard(shard).counters();
            assert_eq!((counters.sessions, counters.documents), (0, 0));
        }
        host.attach(a);
        assert_eq!(host.loads.len(), 1, "the next who comes tries again");
    }
}

#[test]
fn a_document_takes_so_many_sessions_and_bytes_and_a_shard_so_many_documents() {
    let mut host = Host::new(1);
    for index in 0..6 {
        host.attach(at(0, index));
    }
    assert_eq!(host.closed.get(&at(0, 5)), Some(&CloseReason::SessionsFull { sessions_max: 5 }));
    for index in 6..9 {
        host.attach_as(at(0, index), &format!("other {index}"), Access::ReadWrite);
    }
    assert_eq!(host.closed.get(&at(0, 8)), Some(&CloseReason::DocumentsFull { documents_max: 3 }));
    host.detach(at(0, 7));
    host.attach_as(at(0, 9), "room now", Access::ReadWrite);
    assert_eq!(host.closed.get(&at(0, 9)), None, "one that nobody uses makes room");
    let mut long = vec![1, 1, 1, 0, 4, 1, 1, b't', 0xd1, 0x0f];
    long.extend(vec![b'x'; 2001]);
    long.push(0);
    host.update(at(0, 0), &long);
    assert_eq!(host.closed.get(&at(0, 0)), Some(&CloseReason::DocumentFull { bytes_max: 2_000 }));
    let counters = host.shard(0).counters();
    let counted = [counters.sessions_refused, counters.documents_refused, counters.updates_too_large];
    assert_eq!((counted, counters.updates_accepted), ([1; 3], 0), "each is counted as what it was");
}

#[test]
fn a_long_log_is_compacted_once_at_a_time() {
    let (mut host, a, _) = two(1);
    for clock in 0..8 {
        host.update(a, &typed(1, clock, "x"));
        host.commit();
    }
    assert_eq!(host.snapshots.len(), 1);
    for clock in 8..20 {
        host.update(a, &typed(1, clock, "x"));
        host.commit();
    }
    assert_eq!(host.snapshots.len(), 1);
    let (shard, document, through) = host.snapshots.pop_front().expect("one");
    assert_eq!(through, Sequence(8));
    host.handle(shard, Input::SnapshotTaken { document, result: Ok((through, 20)) });
    host.update(a, &typed(1, 20, "x"));
    host.commit();
    assert_eq!(host.snapshots.len(), 1);
}

#[test]
fn a_document_that_nobody_has_is_let_go_after_a_while() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &typed(1, 0, "hi"));
        host.detach(a);
        host.detach(b);
        host.pass(6_000);
        assert!(host.evicted.is_empty(), "something is on its way to the disk");
        host.commit();
        host.pass(4_000);
        assert!(host.evicted.is_empty());
        host.pass(2_000);
        assert_eq!(host.evicted.len(), 1);
        for shard in 0..usize::from(shards) {
            let counters = host.shard(shard).counters();
            assert_eq!((counters.sessions, counters.documents, counters.uncommitted_bytes), (0, 0, 0));
        }
    }
}

#[test]
fn what_comes_for_sessions_that_are_gone_is_ignored() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &typed(1, 0, "hi"));
        host.step_1(a, EMPTY_STEP_1);
        host.detach(a);
        host.detach(b);
        for session in [a, b] {
            host.handle(session.0, Input::Drained { session: session.1 });
            host.handle(session.0, Input::Alive { session: session.1 });
            host.handle(session.0, Input::Detached { session: session.1 });
            host.say(session, Message::QueryAwareness);
        }
        host.commit();
        if !host.jobs.is_empty() {
            host.catch_up();
        }
        assert!(host.got(a).is_empty() || host.got(b).is_empty());
    }
}

#[test]
fn a_document_that_was_used_again_rests_anew() {
    let (mut host, a, b) = two(1);
    host.detach(a);
    host.detach(b);
    host.pass(3_000);
    host.attach(a);
    host.detach(a);
    host.pass(4_500);
    assert!(host.evicted.is_empty(), "it was left a moment ago");
    host.pass(1_000);
    assert_eq!(host.evicted.len(), 1);
}

#[test]
fn very_many_documents_are_let_go_in_several_ticks() {
    const DOCUMENTS: u64 = 5_000;
    let mut host = Host::with(1, |config| config.documents_max = 10_000);
    for document in 0..DOCUMENTS {
        host.attach_as(at(0, 1), &format!("document {document}"), Access::ReadWrite);
        host.detach(at(0, 1));
    }
    host.now += 5_000;
    host.handle(0, Input::Tick);
    let left = host.shard(0).counters().documents;
    assert!(0 < left && left < DOCUMENTS, "{left} are left, and others were served before these go");
    host.handle(0, Input::Tick);
    assert_eq!(host.shard(0).counters().documents, 0);
    assert_eq!(host.evicted.len() as u64, DOCUMENTS);
}
