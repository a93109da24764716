//! Who sends more than a document or a session may is read later, and loses nothing.

use selvedge_protocol::sync::Message;

use super::host::{At, Host, at, typed};
use super::typed_by_1;

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
