//! What somebody wants who is no session.

use selvedge_protocol::update::merge;
use selvedge_shards::{Attended, CloseReason, DocumentId, Errand, Expected, Input, Sequence, Unstored};

use super::host::{Got, Host, NAME, at, state_vector, typed};
use super::two;

fn edit(update: &[u8]) -> Errand {
    Errand::Edit { update: update.to_vec(), expected: Expected::Any }
}

#[test]
fn an_edit_is_seen_by_all_at_once_and_answered_after_its_commit() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        let update = typed(7, 0, "hi");
        host.errand(0, 1, edit(&update));
        assert_eq!(host.got(a), [Got::Update(update.clone())]);
        assert_eq!(host.got(b), [Got::Update(update.clone())]);
        assert_eq!(host.answers(), [""; 0]);
        host.commit();
        assert_eq!(host.answers(), ["1: Edited { sequence: Sequence(1), is_new: true }"]);
        host.errand(0, 2, edit(&update));
        assert_eq!(host.answers(), ["2: Edited { sequence: Sequence(1), is_new: false }"]);
        assert_eq!((host.got(a), host.got(b)), (Vec::new(), Vec::new()), "nothing is new");
    }
}

#[test]
fn an_edit_of_what_is_not_durable_yet_is_answered_when_it_is() {
    let (mut host, a, _) = two(1);
    let update = typed(7, 0, "hi");
    host.update(a, &update);
    host.errand(0, 1, edit(&update));
    assert_eq!(host.answers(), [""; 0]);
    host.commit();
    assert_eq!(host.answers(), ["1: Edited { sequence: Sequence(1), is_new: false }"]);
}

#[test]
fn an_edit_is_only_made_to_the_state_that_was_meant() {
    let (mut host, a, _) = two(1);
    let expecting = |client, sequence| Errand::Edit {
        update: typed(client, 0, "x"),
        expected: Expected::Exactly(Sequence(sequence)),
    };
    host.errand(0, 1, expecting(7, 1));
    assert_eq!(host.answers(), ["1: Failed(Changed { sequence: Sequence(0) })"]);
    host.errand(0, 2, expecting(7, 0));
    host.commit();
    assert_eq!(host.answers(), ["2: Edited { sequence: Sequence(1), is_new: true }"]);
    host.update(a, &typed(8, 0, "not durable"));
    host.errand(0, 3, expecting(9, 1));
    assert_eq!(host.answers(), ["3: Failed(Changed { sequence: Sequence(2) })"]);
}

#[test]
fn an_edit_of_what_was_there_does_not_bring_it_back() {
    let (mut host, a, _) = two(1);
    let at_least = |client, sequence| Errand::Edit {
        update: typed(client, 0, "x"),
        expected: Expected::AtLeast(Sequence(sequence)),
    };
    host.update(a, &typed(1, 0, "a"));
    host.update(a, &typed(1, 1, "b"));
    host.commit();
    // It has moved on, and is there.
    host.errand(0, 1, at_least(7, 1));
    host.commit();
    assert_eq!(host.answers(), ["1: Edited { sequence: Sequence(3), is_new: true }"]);
    host.errand(0, 2, Errand::Delete { stored: true });
    host.finish_deletion();
    host.errand(0, 3, at_least(8, 3));
    assert_eq!(host.answers(), ["2: Deleted(true)", "3: Failed(Changed { sequence: Sequence(0) })"]);
    assert!(host.appended.is_empty());
}

#[test]
fn what_cannot_be_taken_is_said_to_who_asked_and_hurts_nobody() {
    let (mut host, a, b) = two(1);
    host.errand(0, 1, edit(&[0xff]));
    host.errand(0, 2, edit(&typed(7, 5, "without what comes before")));
    let answers = host.answers();
    assert!(answers[0].contains("Failed(Refused("), "{answers:?}");
    assert_eq!(answers[1], "2: Failed(Lacks { client: 7, clock: 4 })");
    host.handle(0, Input::CommitFailed { reason: "full".into() });
    host.errand(0, 4, edit(&typed(7, 0, "x")));
    host.errand(0, 5, Errand::Create);
    host.errand(0, 6, Errand::Delete { stored: true });
    assert_eq!(host.answers(), ["4: Failed(Stalled(\"full\"))", "5: Failed(Stalled(\"full\"))", "6: Deleted(false)"]);
    assert_eq!((host.got(a), host.got(b), host.closed.len()), (Vec::new(), Vec::new(), 0));
}

#[test]
fn a_document_takes_no_more_than_it_may_and_nor_does_a_slow_disk() {
    let mut host = Host::with(1, |config| (config.document_bytes_max, config.uncommitted_bytes_max) = (60, 20));
    host.errand(0, 1, edit(&typed(7, 0, "first, and as long as this")));
    host.errand(0, 2, edit(&typed(8, 0, "x")));
    assert_eq!(host.answers(), ["2: Failed(Congested)"]);
    host.commit();
    host.errand(0, 3, edit(&typed(8, 0, "more than there is room for")));
    let answers = host.answers();
    assert_eq!(answers[1], "3: Failed(DocumentFull { bytes_max: 60 })", "{answers:?}");
    let counters = host.shard(0).counters();
    assert_eq!((counters.updates_too_large, counters.updates_refused), (1, 0));
}

#[test]
fn a_document_that_nobody_has_open_is_loaded_for_an_edit_and_let_go() {
    let mut host = Host::new(1);
    host.loads_end = false;
    host.errand(0, 1, edit(&typed(7, 0, "hi")));
    host.errand(0, 2, edit(&typed(8, 0, "hi")));
    assert_eq!(host.loads.len(), 1);
    host.loads_end = true;
    host.turn();
    host.commit();
    assert_eq!(host.answers().len(), 2);
    host.now += 10_000;
    host.handle(0, Input::Tick);
    assert_eq!((host.evicted.len(), host.shard(0).counters().documents), (1, 0));
    host.loads_end = false;
    host.errand(0, 3, Errand::Create);
    host.fail_load();
    assert_eq!(host.answers(), ["3: Failed(Unreadable(Corrupt(\"checksum\")))"]);
    assert_eq!(host.shard(0).counters().documents, 0);
}

#[test]
fn a_document_is_made_with_a_record_that_says_nothing() {
    let (mut host, a, b) = two(2);
    host.errand(0, 1, Errand::Create);
    host.errand(0, 2, Errand::Create);
    assert_eq!(host.appended[0].3, [0, 0]);
    host.commit();
    assert_eq!(host.answers(), ["1: Created(true)", "2: Created(false)"]);
    host.got(a);
    host.update(b, &typed(2, 0, "hi"));
    assert_eq!(host.got(a), [Got::Update(typed(2, 0, "hi"))]);
    host.commit();
    let updates: Vec<&[u8]> = host.stored.iter().map(|(_, update)| update.as_slice()).collect();
    assert_eq!(merge(&updates), Ok(typed(2, 0, "hi")));
}

#[test]
fn a_deletion_ends_all_sessions_and_waits_for_all_that_is_on_its_way() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(a, &typed(1, 0, "hi"));
        host.step_1(b, &[0]);
        host.errand(0, 1, Errand::Delete { stored: false });
        assert_eq!(host.closed.values().collect::<Vec<_>>(), [&CloseReason::Deleted; 2]);
        assert_eq!(host.sessions(), 0);
        assert!(host.deletions.is_empty(), "a record is on its way");
        host.commit();
        if !host.jobs.is_empty() {
            assert!(host.deletions.is_empty(), "a catch-up is on its way");
            host.catch_up();
        }
        assert_eq!(host.deletions.len(), 1);
        assert_eq!(host.answers(), [""; 0]);

        // Who comes now finds another document.
        let c = at(usize::from(shards) - 1, 7);
        host.attach(c);
        host.errand(0, 2, edit(&typed(9, 0, "new")));
        host.errand(0, 3, Errand::Delete { stored: true });
        assert_eq!((host.got(c), host.answers()), (Vec::new(), Vec::new()));
        host.finish_deletion();
        let answers = host.answers();
        assert_eq!(answers, ["1: Deleted(true)"]);
        assert_eq!(host.closed.get(&c), Some(&CloseReason::Deleted), "the next deletion comes behind the edit");
        host.commit();
        assert_eq!(host.answers(), ["2: Edited { sequence: Sequence(1), is_new: true }"]);
        host.finish_deletion();
        assert_eq!(host.answers(), ["3: Deleted(true)"]);
        let d = at(usize::from(shards) - 1, 8);
        host.attach(d);
        assert_eq!(host.got(d), [Got::Step1(state_vector(&[]))]);
        host.errand(0, 4, Errand::Delete { stored: false });
        assert_eq!(host.answers(), ["4: Deleted(false)"]);
        assert!(!host.closed.contains_key(&d), "there was nothing to delete");
    }
}

#[test]
fn a_mirror_that_outlives_a_deletion_hands_out_nothing_of_what_was() {
    let (mut host, a, b) = two(2);
    host.update(a, &typed(1, 0, "old"));
    host.commit();
    host.got(b);
    host.mesh_delivers = false;
    // It is on its way to the owner when the document goes, so its mirror stays.
    let c = at(1, 9);
    host.attach(c);
    host.errand(0, 1, Errand::Delete { stored: true });
    host.finish_deletion();
    host.errand(0, 2, edit(&typed(2, 0, "new")));
    host.commit();
    host.mesh_delivers = true;
    host.deliver();
    host.turn();
    host.got(c);
    // The sequences of both documents are the same here.
    host.errand(0, 3, edit(&typed(2, 3, "er")));
    assert_eq!(host.got(c), [Got::Update(typed(2, 3, "er"))]);
    assert_eq!(host.closed.get(&b), Some(&CloseReason::Deleted));
}

#[test]
fn what_cannot_be_read_can_be_deleted() {
    let mut host = Host::new(1);
    host.loads_end = false;
    host.errand(0, 1, Errand::Delete { stored: true });
    assert!(host.loads.is_empty(), "it need not be read");
    host.finish_deletion();
    assert_eq!(host.answers(), ["1: Deleted(true)"]);
    host.errand(0, 2, Errand::Delete { stored: false });
    assert_eq!(host.answers(), ["2: Deleted(false)"]);

    let mut host = Host::new(1);
    host.loads_end = false;
    host.attach(at(0, 1));
    host.errand(0, 3, Errand::Create);
    host.errand(0, 4, Errand::Delete { stored: true });
    host.fail_load();
    assert!(host.answers()[0].starts_with("3: Failed(Unreadable("));
    host.finish_deletion();
    assert_eq!(host.answers(), ["4: Deleted(true)"]);
}

#[test]
fn sessions_are_shown_and_sent_away_where_they_are() {
    let (mut host, a, b) = two(2);
    host.announce(b, 77, 1, Some("{\"name\":1}"));
    host.now += 5_000;
    host.errand(0, 1, Errand::Inspect);
    host.errand(1, 2, Errand::Inspect);
    let answers = host.answers();
    assert!(answers[0].contains("sessions: 2") && answers[0].contains("sessions_in_all: 1"), "{answers:?}");
    assert!(answers[0].contains("client: 77, json: \"{\\\"name\\\":1}\""), "{answers:?}");
    assert!(answers[1].contains("standing: None") && answers[1].contains("age_s: 5"), "{answers:?}");
    host.errand(0, 3, Errand::Dismiss { session: b.1 });
    host.errand(1, 4, Errand::Dismiss { session: b.1 });
    host.errand(1, 5, Errand::Dismiss { session: b.1 });
    assert_eq!(host.answers(), ["3: Dismissed(false)", "4: Dismissed(true)", "5: Dismissed(false)"]);
    assert_eq!(host.closed.get(&b), Some(&CloseReason::Dismissed));
    host.got(a);
    host.update(a, &typed(1, 0, "on"));
    assert_eq!(host.sessions(), 1);
}

#[test]
fn sessions_are_counted_where_the_document_is_owned() {
    let (mut host, ..) = two(2);
    let count = |host: &mut Host, shard: usize, wanted| {
        host.handle(shard, Input::Attended { job: 1, wanted });
        host.answers().remove(0)
    };
    let ids = || Attended::Of([DocumentId::of(NAME), DocumentId::of("another")].into());
    assert_eq!(count(&mut host, 0, ids()), "1: Attended(Of([2, 0]))");
    assert_eq!(count(&mut host, 1, ids()), "1: Attended(Of([0, 0]))");
    let listed = format!("1: Attended(From {{ documents: [({NAME:?}, 2)], next: None }})");
    assert_eq!(count(&mut host, 0, Attended::From(0)), listed);
    let nothing = "1: Attended(From { documents: [], next: None })";
    assert_eq!(count(&mut host, 1, Attended::From(0)), nothing);
    assert_eq!(count(&mut host, 0, Attended::From(u32::MAX)), nothing);
}

#[test]
fn documents_that_are_only_open_are_listed_until_something_is_stored() {
    let (mut host, a, _) = two(1);
    let list = |host: &mut Host, prefix: &str, after: Option<&str>, limit| {
        let wanted = Unstored { prefix: prefix.into(), after: after.map(Into::into), limit };
        host.handle(0, Input::Unstored { job: 1, wanted });
        host.answers().remove(0)
    };
    let listed = format!("1: Unstored([{NAME:?}])");
    assert_eq!(list(&mut host, "", None, 9), listed);
    assert_eq!(list(&mut host, "doc", Some("do"), 9), listed);
    for (prefix, after, limit) in [("x", None, 9), ("", Some(NAME), 9), ("", None, 0)] {
        assert_eq!(list(&mut host, prefix, after, limit), "1: Unstored([])");
    }
    host.update(a, &typed(1, 0, "hi"));
    assert_eq!(list(&mut host, "", None, 9), "1: Unstored([])");
}
