//! Large updates of sessions: held against their document beside its core, while everything else goes on and what is behind them waits.

use selvedge_protocol::sync::Message;
use selvedge_protocol::update::merge;
use selvedge_shards::{Access, CloseReason, Config, Dialect, Errand, Expected, Input, Updates};

use super::host::{At, Got, Host, NAME, at, state_vector, typed};
use super::{NOT_SAVED, SAVED};

/// What has more bytes than this is large here.
const SMALL_BYTES: usize = 40;

fn limits(config: &mut Config) {
    config.large_update_bytes = SMALL_BYTES;
    (config.uncommitted_bytes_max, config.document_bytes_max) = (2_000, 20_000);
    config.outbox_bytes_max = 10_000;
    (config.waiting_bytes_per_session_max, config.waiting_bytes_per_document_max) = (2_000, 4_000);
}

/// One that writes, on the core of the document or on another, and one that only listens.
fn two(shards: u16) -> (Host, At, At) {
    two_speaking(shards, Dialect::YWebsocket, limits)
}

fn two_speaking(shards: u16, dialect: Dialect, limits: impl Fn(&mut Config)) -> (Host, At, At) {
    let mut host = Host::with(shards, limits);
    let (writer, other) = (at(usize::from(shards) - 1, 1), at(0, 2));
    host.attach(other);
    host.attach_speaking(writer, NAME, Access::ReadWrite, dialect);
    drop((host.got(writer), host.got(other)));
    (host, writer, other)
}

/// As many letters as are more than small.
fn large(client: u8, clock: u8) -> Vec<u8> {
    typed(client, clock, &"x".repeat(SMALL_BYTES))
}

const LETTERS: u8 = SMALL_BYTES as u8;

fn records(host: &Host) -> Vec<Vec<u8>> {
    host.appended.iter().map(|(.., update)| update.clone()).collect()
}

#[test]
fn the_turn_in_which_it_comes_does_not_look_into_it() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        // Whoever looks into it ends its session.
        host.update(writer, &[0xff; SMALL_BYTES + 1]);
        assert_eq!((host.closed.len(), host.large.len(), records(&host).len()), (0, 1, 0));
        assert!(host.is_paused(writer) && host.shard(0).is_gathering());
        assert_eq!(host.shard(0).preparing_bytes(), SMALL_BYTES + 1);
        // All others go on meanwhile.
        host.update(other, &typed(2, 0, "small"));
        host.commit();
        assert_eq!(host.got(other), [Got::Update(typed(2, 0, "small"))]);
        host.prepare();
        assert!(matches!(host.closed.get(&writer), Some(CloseReason::UpdateRefused(_))), "{:?}", host.closed);
        assert_eq!(host.shard(0).preparing_bytes(), 0);
    }
}

#[test]
fn the_turn_in_which_it_is_taken_does_not_either() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        let (mine, yours, more) = (large(1, 0), typed(2, 0, "small"), typed(3, 0, "more"));
        host.update(writer, &mine);
        // Not in one record with what comes in the same turn, and not in one message with what somebody has to wait with: to join it with anything is
        // to read it.
        host.say(other, Message::Update { update: &yours });
        host.prepare();
        host.say(other, Message::Update { update: &more });
        host.turn();
        host.commit();
        let stored: Vec<_> = host.stored.iter().map(|(_, record)| record.clone()).collect();
        assert_eq!(stored, [yours.clone(), mine.clone(), more.clone()]);
        let all = [yours, mine, more].map(Got::Update);
        assert_eq!(host.got(other), all);
        assert_eq!(host.got(writer), all);
        assert!(!host.is_paused(writer) && !host.shard(0).is_gathering());
        assert_eq!(host.shard(0).counters().uncommitted_bytes, 0);
    }
}

#[test]
fn what_its_session_says_behind_it_stays_behind_it() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        // Of a session on another core, all of this was sent before that heard that it is to be paused.
        host.mesh_delivers = false;
        host.say(writer, Message::Update { update: &large(1, 0) });
        let behind = [(large(1, LETTERS), 0), (typed(1, 2 * LETTERS, "end"), 0), (vec![1, 1, 2 * LETTERS + 3], 1)];
        let mut announced = Vec::new();
        selvedge_protocol::awareness::put_update(
            &mut announced,
            std::iter::once(selvedge_protocol::awareness::Entry { client: 1, clock: 1, state: Some("{}") }),
        );
        for (bytes, kind) in &behind {
            host.say(
                writer,
                match kind {
                    0 => Message::Update { update: bytes },
                    _ => Message::SyncStep1 { state_vector: bytes },
                },
            );
        }
        host.say(writer, Message::Awareness { update: &announced });
        host.turn();
        host.deliver();
        host.turn();
        host.mesh_delivers = true;
        host.pass_to_next(1_000);
        assert!(host.is_paused(writer));
        assert_eq!((host.large.len(), records(&host).len(), host.got(writer), host.got(other)), (1, 0, vec![], vec![]));
        host.prepare();
        assert!(host.is_paused(writer), "another one follows");
        assert_eq!((host.got(other), host.got(writer)), (vec![Got::Update(large(1, 0))], vec![]));
        host.commit();
        assert_eq!(host.got(writer), [Got::Update(large(1, 0))], "that is saved, and nothing behind it");
        host.prepare();
        host.pass_to_next(1_000);
        assert!(!host.is_paused(writer));
        let got = host.got(other);
        assert_eq!(got[..2], [Got::Update(large(1, LETTERS)), Got::Update(typed(1, 2 * LETTERS, "end"))]);
        assert!(matches!(got[2..], [Got::Awareness(_)]), "{got:?}");
        assert!(host.got(writer).iter().all(|got| matches!(got, Got::Awareness(_))), "nothing is promised yet");
        host.commit();
        let got = host.got(writer);
        assert!(
            matches!(got[..], [Got::Update(_), Got::Step2(_)] | [Got::Update(_), Got::Update(_), Got::Step2(_)]),
            "{got:?}"
        );
    }
}

#[test]
fn it_is_acknowledged_once_and_not_before_it_is_on_disk() {
    for shards in [1, 2] {
        let (mut host, writer, _) = two_speaking(shards, Dialect::Hocuspocus, limits);
        // Something that comes late, to a session that is quiet, is not to be taken for the acknowledgement of what is held.
        host.update(writer, &typed(1, 0, "x"));
        host.step_1(writer, &[0]);
        host.say(writer, Message::SyncStep2 { update: &[0, 0] });
        host.commit();
        host.catch_up();
        host.got(writer);
        host.update(writer, &large(1, 1));
        host.pass(5_000);
        assert_eq!(host.got(writer), []);
        host.prepare();
        host.pass(250);
        assert_eq!(host.got(writer), []);
        host.commit();
        let got = host.got(writer);
        assert_eq!(got.iter().filter(|got| **got == SAVED).count(), 1, "{got:?}");
        host.pass(5_000);
        assert_eq!(host.got(writer), [SAVED], "that was for the first");
    }
}

#[test]
fn what_it_may_bring_waits_for_it_for_as_long_as_it_is_held() {
    for shards in [1, 2] {
        let (mut host, writer, _) = two_speaking(shards, Dialect::Hocuspocus, limits);
        let lacking = typed(1, 40, "y");
        // Two that lack the same: the first is dropped when it has waited for long enough, and the session is asked for it.
        host.update(writer, &lacking);
        host.pass(5_000);
        host.update(writer, &typed(1, 41, "z"));
        host.pass(5_000);
        let got = host.got(writer);
        assert_eq!(got.iter().filter(|got| **got == NOT_SAVED).count(), 1, "{got:?}");
        assert!(got.contains(&Got::Step1(state_vector(&[]))), "{got:?}");
        // Its answer brings all, and is large. The second would have waited for long enough now, and nobody would ask for it any more.
        let all = merge(&[large(1, 0), typed(1, 40, "yz")]).expect("legal");
        host.say(writer, Message::SyncStep2 { update: &all });
        host.turn();
        host.pass(6_000);
        assert_eq!(host.got(writer), []);
        host.prepare();
        host.commit();
        let got = host.got(writer);
        assert_eq!(got.iter().filter(|got| **got == SAVED).count(), 2, "{got:?}");
    }
}

#[test]
fn it_is_taken_though_its_session_has_gone_or_may_not_write_any_more() {
    for shards in [1, 2] {
        for goes in [true, false] {
            let (mut host, writer, other) = two(shards);
            host.update(writer, &large(1, 0));
            let rest = merge(&[&large(1, LETTERS)[..], &[1, 1, 5, 0, 0x84, 9, 9, 1, b'r', 0]]).expect("legal");
            if goes {
                host.detach(other);
                host.detach(writer);
                host.pass(20_000);
                assert_eq!(host.evicted, [], "the document is in use");
            } else {
                let session = writer.1;
                host.handle(writer.0, Input::AccessChanged { session, access: Access::ReadOnly });
                host.turn();
            }
            host.prepare();
            assert_eq!(records(&host), [large(1, 0)]);
            host.commit();
            if !goes {
                assert_eq!(host.got(writer), [Got::Update(large(1, 0))]);
                host.update(writer, &rest);
                host.prepare();
                assert!(matches!(host.got(writer)[..], [Got::Denied(_)]));
            }
            assert_eq!(host.shard(0).preparing_bytes(), 0);
            host.detach(writer);
            host.detach(other);
            host.pass(20_000);
            assert_eq!((host.evicted.len(), host.sessions()), (1, 0));
        }
    }
}

#[test]
fn of_a_session_that_has_gone_only_what_is_complete_is_taken() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        let lacks = [1, 1, 5, 0, 0x84, 9, 9, 1, b'r', 0];
        host.update(writer, &merge(&[&large(1, 0)[..], &lacks]).expect("legal"));
        host.detach(writer);
        host.prepare();
        assert_eq!(host.got(other), [Got::Update(large(1, 0))]);
        host.update(other, &typed(9, 0, "0123456789"));
        host.commit();
        assert_eq!(host.stored.len(), 2, "nobody waits for that");
    }
}

#[test]
fn it_goes_with_a_document_that_is_deleted() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        host.update(other, &typed(2, 0, "old"));
        host.commit();
        host.update(writer, &large(1, 0));
        host.errand(0, 1, Errand::Delete { stored: true, expected: Expected::Any });
        assert_eq!(host.shard(0).preparing_bytes(), 0);
        host.finish_deletion();
        host.attach(at(0, 7));
        assert_eq!(host.got(at(0, 7)), [Got::Step1(state_vector(&[]))]);
        host.prepare();
        assert_eq!((records(&host), host.got(at(0, 7))), (vec![], vec![]));
        // Its place is free.
        for session in 0..3 {
            host.attach(at(0, 10 + session));
            host.update(at(0, 10 + session), &large(20 + session as u8, 0));
        }
        assert_eq!(host.large.len(), 2);
    }
}

#[test]
fn what_others_have_brought_meanwhile_is_not_brought_twice() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        host.update(writer, &large(1, 0));
        host.update(other, &typed(1, 0, "xx"));
        host.prepare();
        assert_eq!((records(&host).len(), host.large.len()), (1, 1), "it is held against the document once more");
        host.prepare();
        assert_eq!(records(&host)[1], typed(1, 2, &"x".repeat(SMALL_BYTES - 2)));
        host.commit();
        // All of it is known by then: it comes back.
        host.got(writer);
        host.update(writer, &large(3, 0));
        host.errand(0, 1, Errand::Edit { updates: Updates::Raw(vec![large(3, 0)]), expected: Expected::Any });
        host.prepare();
        host.prepare();
        assert_eq!(records(&host).len(), 1);
        host.commit();
        assert!(host.got(writer).ends_with(&[Got::Update(large(3, 0))]));
    }
}

#[test]
fn one_that_is_outdated_again_and_again_is_dropped_and_asked_for() {
    for (shards, dialect) in [(1, Dialect::YWebsocket), (2, Dialect::YWebsocket), (2, Dialect::Hocuspocus)] {
        let (mut host, writer, other) = two_speaking(shards, dialect, limits);
        host.update(writer, &large(1, 0));
        for clock in 0..3 {
            host.update(other, &typed(1, clock, "x"));
            host.prepare();
        }
        host.commit();
        let mut got = host.got(writer);
        got.retain(|got| !matches!(got, Got::Update(_)));
        let asked = Got::Step1(state_vector(&[(1, 3)]));
        match dialect {
            Dialect::YWebsocket => assert_eq!(got, [asked]),
            Dialect::Hocuspocus => assert_eq!(got, [NOT_SAVED, asked]),
        }
        assert!(host.large.is_empty() && !host.is_paused(writer));
        let counters = host.shard(0).counters();
        assert_eq!((counters.updates_dropped, host.shard(0).preparing_bytes()), (1, 0));
        // What it was asked for is worth what was dropped.
        host.say(writer, Message::SyncStep2 { update: &large(1, 0) });
        host.turn();
        host.prepare();
        host.commit();
        let saved = host.got(writer).iter().filter(|got| **got == SAVED).count();
        assert_eq!(saved, usize::from(dialect == Dialect::Hocuspocus));
    }
}

#[test]
fn one_that_is_outdated_again_and_again_goes_with_its_session() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        host.update(writer, &large(1, 0));
        host.detach(writer);
        for clock in 0..3 {
            host.update(other, &typed(1, clock, "x"));
            host.prepare();
        }
        host.commit();
        let lengths: Vec<_> = host.stored.iter().map(|(_, record)| record.len()).collect();
        assert!(lengths.iter().all(|&len| len < SMALL_BYTES), "{lengths:?}");
        // One on another core is gone only behind it.
        let dropped = host.shard(0).counters().updates_dropped;
        assert_eq!((host.shard(0).preparing_bytes(), dropped), (0, u64::from(shards) - 1));
        host.detach(other);
        host.pass(20_000);
        assert_eq!((host.evicted.len(), host.sessions()), (1, 0));
    }
}

#[test]
fn what_was_lacking_may_have_come_meanwhile() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        let lacks = [1, 1, 5, 0, 0x84, 9, 0, 1, b'r', 0];
        let whole = merge(&[&large(1, 0)[..], &lacks]).expect("legal");
        host.update(writer, &whole);
        host.update(other, &typed(9, 0, "x"));
        host.prepare();
        host.prepare();
        assert_eq!(records(&host)[1..], [whole]);
        assert_eq!(host.shard(0).counters().updates_waited, 0);
    }
}

#[test]
fn a_large_rest_is_held_again_when_what_it_lacks_comes() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        host.update(writer, &large(1, 5));
        host.prepare();
        assert_eq!((host.is_paused(writer), host.got(writer)), (false, vec![Got::Step1(state_vector(&[]))]));
        host.update(other, &typed(1, 0, "01234"));
        assert_eq!((host.large.len(), host.is_paused(writer), records(&host).len()), (1, true, 1));
        // It would be promised that all is saved.
        host.mesh_delivers = false;
        host.say(writer, Message::SyncStep1 { state_vector: &[0] });
        host.deliver();
        host.mesh_delivers = true;
        host.commit();
        assert!(host.jobs.is_empty());
        host.prepare();
        assert_eq!(records(&host), [large(1, 5)]);
        assert!(host.jobs.is_empty(), "not before that is on disk");
        host.commit();
        assert_eq!(host.jobs.len(), 1);
        assert!(host.is_paused(writer), "for its answer");
        host.catch_up();
        assert!(!host.is_paused(writer));
    }
}

#[test]
fn few_are_held_at_once_and_what_finds_no_room_is_looked_at_by_the_core() {
    let (mut host, writer, _) = two_speaking(1, Dialect::YWebsocket, |config| {
        limits(config);
        config.preparing_bytes_max = 4 * large(1, 0).len();
        config.sessions_per_document_max = 10;
        config.hot_document_sessions = 100;
    });
    host.update(writer, &large(1, 0));
    let others: Vec<At> = (3..7).map(|index| at(0, index)).collect();
    for (&session, client) in others.iter().zip(3..) {
        host.attach(session);
        host.update(session, &large(client, 0));
    }
    assert_eq!(host.large.len(), 2);
    assert_eq!(host.shard(0).preparing_bytes(), 4 * large(1, 0).len());
    assert_eq!(records(&host), [large(6, 0)], "the last one");
    assert!(others[..3].iter().all(|&session| host.is_paused(session)) && !host.is_paused(others[3]));
    // One that waits goes with its session as little as one that does not.
    host.detach(others[2]);
    for left in [2, 2, 1, 0] {
        host.prepare();
        assert_eq!(host.large.len(), left);
    }
    assert_eq!(records(&host), [6, 1, 3, 4, 5].map(|client| large(client, 0)));
    assert_eq!(host.shard(0).preparing_bytes(), 0);
}

#[test]
fn limits_and_stalls_are_those_of_the_moment_in_which_it_is_taken() {
    for shards in [1, 2] {
        let (mut host, writer, other) = two(shards);
        host.update(writer, &large(1, 0));
        host.handle(0, Input::CommitFailed { reason: "full".into() });
        host.prepare();
        assert!(matches!(host.got(writer)[..], [Got::Denied(_)]));
        assert!(records(&host).is_empty());

        let few = |config: &mut Config| {
            limits(config);
            (config.update.document_clients_max, config.document_bytes_max) = (2, 200);
        };
        let y = "y".repeat(90);
        let meanwhile = [
            ("DocumentClients", [typed(2, 0, "a"), typed(3, 0, "b")]),
            ("DocumentFull", [typed(2, 0, &y), typed(2, 90, &y[..60])]),
        ];
        for (reason, updates) in meanwhile {
            let (mut host, writer, _) = two_speaking(shards, Dialect::YWebsocket, few);
            host.update(writer, &large(1, 0));
            for update in updates {
                let updates = Updates::Raw(vec![update]);
                host.errand(0, 1, Errand::Edit { updates, expected: Expected::Any });
            }
            host.commit();
            host.prepare();
            let closed = format!("{:?}", host.closed.get(&writer));
            assert!(closed.contains(reason), "{closed}");
            assert_eq!(host.shard(0).preparing_bytes(), 0);
        }
        host.detach(other);
    }
}
