//! Presence: whose a client id is, what others hear of it, and how much there may be.

use selvedge_protocol::sync::Message;
use selvedge_shards::{CloseReason, Input};

use super::host::{Got, Host, at};
use super::{a_crowd, two};

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
