//! What a shard does for somebody who is no session, by its inputs and effects alone.

use super::host::{Got, Host, at, state_vector, typed};
use super::two;
use selvedge_shards::{Answer, CloseReason, Errand, ErrandFailed, Sequence};

fn edit(update: &[u8], expected: Option<u64>) -> Errand {
    Errand::Edit { update: update.to_vec(), expected: expected.map(Sequence) }
}

#[test]
fn an_edit_is_seen_at_once_and_answered_when_it_is_durable() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.errand(0, 7, edit(&typed(9, 0, "x"), None));
        for session in [a, b] {
            assert!(matches!(host.got(session)[..], [Got::Update(_)]), "on {shards}");
        }
        assert!(host.answers().is_empty(), "it is not durable");
        host.commit();
        assert!(matches!(host.answers()[..], [(7, Answer::Edited { sequence: Sequence(1), is_new: true })]));
        host.errand(0, 8, edit(&typed(9, 0, "x"), None));
        assert!(matches!(host.answers()[..], [(8, Answer::Edited { sequence: Sequence(1), is_new: false })]));
        assert!(host.got(a).is_empty() && host.appended.is_empty(), "nothing is new");
    }
}

#[test]
fn an_edit_of_a_document_that_nobody_has_open_loads_it() {
    let mut host = Host::new(1);
    host.loads_end = false;
    host.errand(0, 1, edit(&typed(9, 0, "x"), Some(0)));
    assert!(host.answers().is_empty() && host.appended.is_empty());
    host.loads_end = true;
    host.turn();
    host.commit();
    assert!(matches!(host.answers()[..], [(1, Answer::Edited { sequence: Sequence(1), is_new: true })]));
    host.pass(60_000);
    assert_eq!(host.evicted.len(), 1, "nobody needs it");
}

#[test]
fn what_cannot_be_done_is_said_and_does_nothing() {
    let (mut host, a, b) = two(1);
    host.errand(0, 1, edit(&[1, 2, 3], None));
    assert!(matches!(host.answers()[..], [(1, Answer::Failed(ErrandFailed::Refused(_)))]));
    host.errand(0, 2, edit(&typed(9, 3, "x"), None));
    assert!(matches!(host.answers()[..], [(2, Answer::Failed(ErrandFailed::Lacks { client: 9, .. }))]));
    host.update(a, &typed(1, 0, "a"));
    host.commit();
    drop(host.got(b));
    host.errand(0, 3, edit(&typed(9, 0, "x"), Some(0)));
    assert!(matches!(host.answers()[..], [(3, Answer::Failed(ErrandFailed::Changed { .. }))]));
    assert!(host.got(b).is_empty() && host.appended.is_empty());
    host.errand(0, 4, edit(&typed(9, 0, "x"), Some(1)));
    host.commit();
    assert!(matches!(host.answers()[..], [(4, Answer::Edited { sequence: Sequence(2), is_new: true })]));
}

#[test]
fn a_deletion_ends_all_sessions_and_the_name_begins_anew() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(a, &typed(1, 0, "a"));
        host.commit();
        host.errand(0, 1, Errand::Delete { stored: true });
        for session in [a, b] {
            assert_eq!(host.closed.get(&session), Some(&CloseReason::Deleted), "on {shards}");
        }
        assert!(host.answers().is_empty(), "it is not durable");
        // Who comes meanwhile waits for the end of it.
        let late = at(0, 3);
        host.attach(late);
        host.delete();
        assert!(matches!(host.answers()[..], [(1, Answer::Deleted(true))]));
        host.turn();
        assert_eq!(host.got(late), [Got::Step1(state_vector(&[]))], "on {shards}: it is empty again");
        host.update(late, &typed(1, 0, "a"));
        let (_, _, sequence, _) = host.appended.front().expect("it is new again");
        assert_eq!(*sequence, Sequence(1));
    }
}

#[test]
fn an_inspection_shows_the_sessions_of_its_core_and_one_of_them_can_be_sent_away() {
    let (mut host, a, b) = two(2);
    host.announce(a, 5, 1, Some("{}"));
    host.errand(0, 1, Errand::Inspect);
    let answers = host.answers();
    let [(1, Answer::Inspected(here))] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(here.sessions.iter().map(|session| session.session).collect::<Vec<_>>(), [a.1]);
    assert_eq!(here.standing.expect("it is open here").sessions, 2);
    assert_eq!(here.states.iter().map(|state| (state.client, &*state.json)).collect::<Vec<_>>(), [(5, "{}")]);
    host.errand(1, 2, Errand::Dismiss { session: b.1 });
    assert_eq!(host.closed.get(&b), Some(&CloseReason::Dismissed));
    assert!(!host.closed.contains_key(&a));
    host.errand(1, 3, Errand::Dismiss { session: b.1 });
    assert!(matches!(host.answers()[..], [(2, Answer::Dismissed(true)), (3, Answer::Dismissed(false))]));
}
