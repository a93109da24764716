//! What a turn makes of updates: one record, one frame, and when its authors get theirs.

use selvedge_protocol::sync::Message;

use super::host::{Got, Host, at, typed};
use super::two;

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
