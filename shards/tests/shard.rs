//! What a shard does, by its inputs and effects alone.

#[path = "shard/divided.rs"]
mod divided;
#[path = "shard/errands.rs"]
mod errands;
#[path = "shard/host.rs"]
mod host;
#[path = "shard/prepared.rs"]
mod prepared;

use host::{At, Got, Host, NAME, at, state_vector, typed};
use selvedge_protocol::sync::Message;
use selvedge_protocol::update::{Known, Refused, merge};
use selvedge_shards::reading::{CatchUpFrom, ReadFailed};
use selvedge_shards::{
    Access, Audience, CloseReason, Dialect, DocumentId, Input, Load, Now, Sequence, SessionRef, ShardId,
};

const EMPTY_STEP_1: &[u8] = &[0];

/// Two sessions that have been greeted.
fn two(shards: u16) -> (Host, At, At) {
    let mut host = Host::new(shards);
    // The owner of the document is shard 0; with more shards, one of the two is remote.
    let (a, b) = (at(0, 1), at(usize::from(shards) - 1, 2));
    host.attach(a);
    host.attach(b);
    assert_eq!(host.got(a), [Got::Step1(state_vector(&[]))]);
    assert_eq!(host.got(b), [Got::Step1(state_vector(&[]))]);
    (host, a, b)
}

#[test]
fn the_tests_document_belongs_to_shard_0() {
    assert_eq!(selvedge_shards::DocumentId::of(NAME).owner(2).0, 0);
}

#[test]
fn others_see_an_update_at_once_and_its_author_after_the_commit() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        for (author, other, client) in [(a, b, 1), (b, a, 2)] {
            let update = typed(client, 0, "hi");
            host.update(author, &update);
            assert_eq!(host.got(other), [Got::Update(update.clone())]);
            assert_eq!(host.got(author), []);
            host.commit();
            assert_eq!(host.got(author), [Got::Update(update)]);
            assert_eq!(host.got(other), []);
        }
    }
}

#[test]
fn the_answer_to_a_sync_step_1_waits_for_the_commit_of_what_was_written_before() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        for (author, other, client) in [(a, b, 1), (b, a, 2)] {
            host.update(author, &typed(client, 0, "hi"));
            host.step_1(author, &[2, 2, 2, 1, 2]);
            assert_eq!(host.got(author), []);
            host.commit();
            let got = host.got(author);
            assert!(matches!(got[..], [Got::Update(_), Got::Step2(_)]), "{got:?}");
            host.got(other);
        }
    }
}

#[test]
fn a_known_update_is_acknowledged_after_the_commit_and_neither_stored_nor_relayed() {
    let (mut host, a, b) = two(1);
    let update = typed(1, 0, "hi");
    host.update(a, &update);
    host.got(b);
    host.update(b, &update);
    assert_eq!(host.appended.len(), 1);
    assert_eq!((host.got(a), host.got(b)), (vec![], vec![]));
    host.commit();
    assert_eq!(host.got(a), [Got::Update(update.clone())]);
    assert_eq!(host.got(b), [Got::Update(update.clone())]);
    host.update(b, &update);
    assert_eq!(host.got(b), [Got::Update(update)]);
    assert!(host.appended.is_empty());
}

#[test]
fn all_updates_of_a_turn_leave_as_one() {
    let (mut host, a, b) = two(1);
    let c = at(0, 3);
    host.attach(c);
    host.got(c);
    host.say(a, Message::Update { update: &typed(1, 0, "a") });
    host.say(b, Message::Update { update: &typed(2, 0, "b") });
    host.say(a, Message::Update { update: &typed(1, 1, "c") });
    host.turn();
    // Client 1 typed "a" and "c" in one go: one struct of two letters.
    let merged = [2, 1, 2, 0, 4, 1, 1, b't', 1, b'b', 1, 1, 0, 4, 1, 1, b't', 2, b'a', b'c', 0];
    assert_eq!(host.got(c), [Got::Update(merged.to_vec())]);
    assert_eq!((host.got(a), host.got(b)), (vec![], vec![]));
    host.commit();
    assert_eq!(host.got(a), [Got::Update(merged.to_vec())]);
    assert_eq!(host.got(b), [Got::Update(merged.to_vec())]);
}

#[test]
fn an_author_gets_later_turns_after_its_own() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(b, &typed(1, 0, "a"));
        host.update(a, &typed(2, 0, "b"));
        assert_eq!(host.got(b), []);
        host.commit();
        let got = host.got(b);
        assert!(matches!(got[..], [Got::Update(_), Got::Update(_)] | [Got::Update(_)]), "{got:?}");
        host.update(a, &typed(2, 1, "c"));
        assert_eq!(host.got(b), [Got::Update(typed(2, 1, "c"))]);
    }
}

#[test]
fn nothing_is_sent_or_read_before_the_first_load_has_ended() {
    for shards in [1, 2] {
        let mut host = Host::new(shards);
        host.loads_end = false;
        let (a, b) = (at(0, 1), at(usize::from(shards) - 1, 2));
        host.attach(a);
        host.attach(b);
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
        let mut host = Host::new(shards);
        host.loads_end = false;
        let (a, b) = (at(0, 1), at(usize::from(shards) - 1, 2));
        host.attach(a);
        host.attach(b);
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
fn awareness_reaches_everybody_its_sender_too_and_leaves_with_its_connection() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.announce(b, 7, 1, Some("{}"));
        let there = [Got::Awareness(vec![(7, 1, Some("{}".into()))])];
        assert_eq!(host.got(a), there);
        assert_eq!(host.got(b), there);
        let late = at(0, 9);
        host.attach(late);
        assert_eq!(host.got(late)[1..], there);
        host.detach(b);
        assert_eq!(host.got(a), [Got::Awareness(vec![(7, 1, None)])]);
    }
}

#[test]
fn an_owner_that_does_not_answer_loses_its_client_id() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.announce(b, 7, 1, Some("1"));
        host.announce(a, 7, 2, Some("2"));
        assert_eq!(host.probed, [b]);
        host.got(a);
        host.pass(5_250);
        assert_eq!(host.got(a), [Got::Awareness(vec![(7, 2, Some("2".into()))])]);
        host.announce(b, 8, 1, Some("3"));
        host.announce(a, 8, 2, Some("4"));
        host.handle(b.0, Input::Alive { session: b.1 });
        host.got(a);
        host.pass(10_000);
        assert_eq!(host.got(a), []);
    }
}

#[test]
fn who_passes_on_a_state_very_late_keeps_nobody_from_its_own_client_id() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.announce(b, 7, 4, Some("1"));
        host.detach(b);
        // Its client is back, and has no state at first. What the other heard of it has waited before a full disk.
        let back = at(b.0, 8);
        host.attach(back);
        host.pass(60_000);
        host.announce(a, 7, 4, Some("1"));
        host.got(a);
        host.announce(back, 7, 5, Some("2"));
        host.handle(a.0, Input::Alive { session: a.1 });
        host.pass(10_000);
        assert_eq!(host.got(a), [Got::Awareness(vec![(7, 5, Some("2".into()))])]);
        // One who has come since heard nothing of those before, and may count from the beginning.
        host.detach(back);
        let anew = at(b.0, 9);
        host.attach(anew);
        host.pass(60_000);
        host.got(a);
        host.announce(anew, 7, 0, Some("3"));
        assert_eq!(host.got(a), [Got::Awareness(vec![(7, 0, Some("3".into()))])]);
    }
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
fn too_many_client_ids_are_ignored_and_malformed_awareness_costs_the_session() {
    let (mut host, a, b) = two(1);
    for client in 1..=3 {
        host.announce(a, client, 1, Some("1"));
    }
    assert_eq!(host.closed.get(&a), None);
    assert_eq!(host.shard(0).counters().awareness_ignored, 1);
    host.say(b, Message::Awareness { update: &[1, 1, 1, 1, b'{'] });
    assert!(matches!(host.closed.get(&b), Some(CloseReason::AwarenessRefused(_))));
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
fn nothing_is_sent_to_a_quiet_session() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.pass(120_000);
        assert_eq!((host.got(a), host.got(b)), (vec![], vec![]), "what keeps a connection is its own matter");
    }
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
fn who_writes_alone_and_faster_than_the_disk_makes_one_record_for_each_commit() {
    let mut host = Host::with(1, |config| config.uncommitted_bytes_max = 10_000);
    let a = at(0, 1);
    host.attach(a);
    host.got(a);
    for clock in 0..10 {
        host.update(a, &typed(1, clock, "x"));
    }
    assert_eq!(host.appended.len(), 1);
    assert!(host.shard(0).is_gathering());
    host.commit();
    assert_eq!(host.stored.len(), 2, "the first letter, and the nine that gathered meanwhile");
    assert_eq!(host.stored[1].1.len(), typed(1, 1, "xxxxxxxxx").len());
    assert!(!host.shard(0).is_gathering());
    assert_eq!(host.got(a).len(), 2);
    // Who listens does not wait for the disk.
    host.update(a, &typed(1, 10, "y"));
    let b = at(0, 2);
    host.attach(b);
    host.got(b);
    host.update(a, &typed(1, 11, "z"));
    assert!(host.got(b).contains(&Got::Update(typed(1, 11, "z"))));
}

/// `members` sessions on shard 0 that have been greeted, and one more on the last shard.
fn a_crowd(shards: u16, members: u32) -> (Host, At) {
    let mut host = Host::with(shards, |config| {
        config.sessions_per_document_max = members + 1;
        config.uncommitted_bytes_max = 1 << 20;
        config.document_bytes_max = 1 << 20;
        config.outbox_bytes_max = 1_000;
    });
    let far = at(usize::from(shards) - 1, 1_000);
    for index in 0..members {
        host.attach(at(0, index));
    }
    host.attach(far);
    for index in 0..members {
        host.got(at(0, index));
    }
    host.got(far);
    (host, far)
}

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
fn a_document_with_many_sessions_is_hot_until_half_of_them_have_gone() {
    let mut host = Host::new(2);
    let document = selvedge_shards::DocumentId::of(NAME);
    let is_hot = |host: &Host| [0, 1].map(|shard| host.shard(shard).is_hot(document));
    for index in 0..3 {
        host.attach(at(0, index));
    }
    assert_eq!(is_hot(&host), [false; 2]);
    host.attach(at(1, 1));
    assert_eq!(is_hot(&host), [false, true], "its owner takes everybody anyway");
    host.attach(at(1, 2));
    for gone in [at(0, 0), at(0, 1), at(1, 2)] {
        host.detach(gone);
        assert_eq!(is_hot(&host), [false, true]);
    }
    host.detach(at(1, 1));
    assert_eq!(is_hot(&host), [false; 2]);
    assert_eq!(host.shard(0).counters().documents_heated, 1);
    host.detach(at(0, 2));
    for index in 0..4 {
        host.attach(at(1, 10 + index));
    }
    assert_eq!(is_hot(&host), [false, true]);
    for index in 0..4 {
        host.detach(at(1, 10 + index));
    }
    assert_eq!(is_hot(&host), [false; 2], "a document without sessions is not hot");
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

/// How many letters of client 1 a session has, of which it lacks none in between.
fn typed_by_1(got: Vec<Got>) -> u32 {
    let updates = got.into_iter().filter_map(|got| match got {
        Got::Step2(update) | Got::Update(update) => Some(update),
        Got::Step1(_) | Got::Awareness(_) | Got::Denied(_) | Got::Status(_) | Got::Stateless(_) => None,
    });
    let merged = merge(&updates.collect::<Vec<_>>()).expect("the server sends updates");
    Known::of(&merged).expect("nothing is missing before what is there").clocks().clock(1)
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
fn questions_that_cross_the_pause_between_two_cores_are_all_answered() {
    // More than a receive of questions holds, and a ring between two cores.
    const QUESTIONS: usize = 1_000;
    let (mut host, a, b) = two(2);
    host.update(a, &typed(1, 0, "hi"));
    host.commit();
    host.got(b);
    for _ in 0..QUESTIONS {
        host.say(b, Message::SyncStep1 { state_vector: EMPTY_STEP_1 });
    }
    host.turn();
    assert_eq!(host.paused.get(&b), Some(&true));
    host.catch_up();
    assert_eq!(host.got(b).len(), QUESTIONS);
    assert_eq!(host.paused.get(&b), Some(&false));
}

#[test]
fn who_comes_while_the_owner_ends_the_last_session_of_its_core_misses_nothing() {
    let (mut host, a, b) = two(2);
    let late = at(1, 9);
    host.mesh_delivers = false;
    host.say(b, Message::Awareness { update: &[1] });
    host.deliver_to(0);
    // The owner publishes, and knows of nobody on the other core to tell.
    host.update(a, &typed(1, 0, "a"));
    host.attach(late);
    host.mesh_delivers = true;
    host.deliver();
    assert!(host.closed.contains_key(&b));
    assert_eq!(host.got(late), [Got::Step1(state_vector(&[(1, 1)]))]);
    host.update(a, &typed(1, 1, "b"));
    assert_eq!(host.got(late), [Got::Update(typed(1, 1, "b"))]);
    host.commit();
    host.step_1(late, EMPTY_STEP_1);
    host.catch_up();
    assert!(matches!(&host.got(late)[..], [Got::Step2(_)]));
    host.update(a, &typed(1, 2, "c"));
    assert_eq!(host.got(late), [Got::Update(typed(1, 2, "c"))]);
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

#[test]
fn awareness_that_gathers_is_bounded_whoever_comes_and_goes() {
    let (mut host, far) = a_crowd(1, 20);
    let busy = at(0, 3);
    host.announce(busy, 1, 1, Some("1"));
    assert_eq!(host.got(far).len(), 1);
    for client in 2..=6 {
        host.announce(busy, client, 1, Some("1"));
        host.announce(busy, client, 1, None);
    }
    assert_eq!(host.got(far), [], "as many as may be there at once wait for the window");
    host.announce(busy, 7, 1, Some("1"));
    let got = host.got(far);
    assert!(matches!(&got[..], [Got::Awareness(clients)] if clients.len() == 6), "{got:?}");
}

#[test]
fn who_asks_for_all_awareness_again_gets_what_has_changed_meanwhile() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        let ask = |host: &mut Host| {
            host.pass(1_000);
            host.got(b);
            host.say(b, Message::QueryAwareness);
            host.turn();
            host.got(b)
        };
        host.announce(a, 7, 1, Some("1"));
        let first = vec![Got::Awareness(vec![(7, 1, Some("1".to_owned()))])];
        assert_eq!((ask(&mut host), ask(&mut host)), (first.clone(), first), "nothing has changed");
        host.announce(a, 7, 2, Some("2"));
        assert_eq!(ask(&mut host), [Got::Awareness(vec![(7, 2, Some("2".to_owned()))])]);
        host.detach(a);
        let gone = ask(&mut host);
        assert!(gone.iter().all(|got| *got == Got::Awareness(vec![])), "{gone:?}");
    }
}

#[test]
fn an_author_that_floods_is_not_read_from_until_it_may_send_more_and_nothing_is_lost() {
    for shards in [1, 2] {
        let mut host = Host::with(shards, |config| {
            config.author_updates_per_second_max = 10;
            config.document_updates_per_second_max = 1_000;
        });
        let (flooder, other) = (at(usize::from(shards) - 1, 1), at(0, 2));
        host.attach(flooder);
        host.attach(other);
        let start = host.now;
        let mut sent = 0_u8;
        let mut paused = 0;
        while host.now < start + 5_000 {
            if host.is_paused(flooder) {
                paused += 1;
            } else {
                host.update(flooder, &typed(1, sent, "x"));
                sent += 1;
            }
            assert!(!host.is_paused(other), "somebody else's flood is not its own");
            host.commit();
            host.pass_to_next(1);
        }
        assert!(paused > 100, "{paused}");
        // A burst of a second's worth, twice, because nobody is counted before there are too many; and then the rate.
        assert!((50..=80).contains(&sent), "{sent} in five seconds");
        assert_eq!(typed_by_1(host.got(other)), u32::from(sent));
        let counters = host.shard(0).counters();
        assert!(counters.authors_paused > 10 && counters.document_authors_paused == 0, "{counters:?}");
    }
}

#[test]
fn in_a_document_that_gets_too_much_every_author_gets_its_turn() {
    let mut host = Host::with(1, |config| {
        config.author_updates_per_second_max = 80;
        config.document_updates_per_second_max = 100;
    });
    let authors: Vec<At> = (1..=10).map(|index| at(0, index)).collect();
    authors.iter().for_each(|&author| host.attach(author));
    let start = host.now;
    let mut sent = [0_u32; 10];
    while host.now < start + 10_000 {
        for (&author, (sent, client)) in authors.iter().zip(sent.iter_mut().zip(1..)) {
            // The first two send whatever they may, the others once in a while.
            if !host.is_paused(author) && (client <= 2 || host.now % 500 < 5) {
                // What is known costs as much to find out.
                host.update(author, &typed(client, 0, "x"));
                *sent += 1;
            }
        }
        host.commit();
        host.pass_to_next(5);
    }
    let all: u32 = sent.iter().sum();
    assert!((900..=1_250).contains(&all), "{all} in ten seconds: {sent:?}");
    assert!(sent[2..].iter().all(|&sent| sent >= 10), "{sent:?}");
    assert!(host.shard(0).counters().document_authors_paused > 100);
}

#[test]
fn a_session_that_floods_with_awareness_is_not_read_from_for_a_while() {
    let mut host = Host::with(1, |config| config.session_awareness_per_second_max = 50);
    let (flooder, other) = (at(0, 1), at(0, 2));
    host.attach(flooder);
    host.attach(other);
    let start = host.now;
    let mut sent = 0;
    while host.now < start + 4_000 {
        if !host.is_paused(flooder) {
            sent += 1;
            host.say(flooder, Message::QueryAwareness);
        }
        host.pass_to_next(1);
    }
    assert!((200..=320).contains(&sent), "{sent} in four seconds");
    assert!(!host.is_paused(other) && host.shard(0).counters().awareness_paused > 10);
}

// --- sessions that count acknowledgements ---

/// A session of each dialect, where the one that counts is on shard 0 or on the last of them.
fn one_that_counts(shards: u16, access: Access) -> (Host, At, At) {
    let mut host = Host::new(shards);
    let (counting, other) = (at(usize::from(shards) - 1, 1), at(0, 2));
    host.attach(other);
    host.attach_speaking(counting, NAME, access, Dialect::Hocuspocus);
    host.got(other);
    assert_eq!(host.got(counting), [], "it is asked for nothing before it asks");
    (host, counting, other)
}

fn step_2(host: &mut Host, session: At, update: &[u8]) {
    host.say(session, Message::SyncStep2 { update });
    host.turn();
}

const SAVED: Got = Got::Status(true);
const NOT_SAVED: Got = Got::Status(false);

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
