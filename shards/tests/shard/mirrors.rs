//! Sessions on other cores than their document's.

use selvedge_protocol::sync::Message;
use selvedge_shards::DocumentId;

use super::host::{Got, Host, NAME, at, state_vector, typed};
use super::{EMPTY_STEP_1, two};

#[test]
fn a_document_with_many_sessions_is_hot_until_half_of_them_have_gone() {
    let mut host = Host::new(2);
    let document = DocumentId::of(NAME);
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
