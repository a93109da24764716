//! What somebody wants who is no session.

use selvedge_protocol::sync::Message;
use selvedge_protocol::update::merge;
use selvedge_shards::{
    Answer, Attended, CloseReason, DeletionCount, DocumentId, Errand, Expected, Input, Sequence, Unstored, Updates,
};

use super::host::{At, Got, Host, NAME, at, state_vector, typed};
use super::two;

fn edit(update: &[u8]) -> Errand {
    expecting(Expected::Any, &[update])
}

fn raw(parts: &[&[u8]]) -> Updates {
    Updates::Raw(parts.iter().map(|part| part.to_vec()).collect())
}

fn expecting(expected: Expected, parts: &[&[u8]]) -> Errand {
    Errand::Edit { updates: raw(parts), expected }
}

const CREATE: Errand = Errand::Create { expected: Expected::Any };

fn delete(stored: bool) -> Errand {
    Errand::Delete { stored, expected: Expected::Any }
}

fn replace(stored: bool, parts: &[&[u8]]) -> Errand {
    Errand::Replace { updates: raw(parts), stored }
}

/// Two sessions of a document that may not become large.
fn two_with_little_room(shards: u16) -> (Host, At, At) {
    let mut host = Host::with(shards, |config| config.document_bytes_max = 120);
    let (a, b) = (at(0, 1), at(usize::from(shards) - 1, 2));
    for session in [a, b] {
        host.attach(session);
        host.got(session);
    }
    (host, a, b)
}

/// How an edit is answered that was made after so many deletions.
fn edited(job: u64, sequence: u64, is_new: bool, deletions: u64) -> String {
    let (sequence, deletions) = (Sequence(sequence), DeletionCount(deletions));
    format!("{job}: {:?}", Answer::Edited { sequence, is_new, deletions })
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
        assert_eq!(host.answers(), [edited(1, 1, true, 0)]);
        host.errand(0, 2, edit(&update));
        assert_eq!(host.answers(), [edited(2, 1, false, 0)]);
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
    assert_eq!(host.answers(), [edited(1, 1, false, 0)]);
}

#[test]
fn an_errand_is_only_done_to_the_state_that_was_meant() {
    let (mut host, a, _) = two(1);
    let exactly = |sequence| Expected::Exactly(DeletionCount(0), Sequence(sequence));
    host.errand(0, 1, expecting(exactly(1), &[&typed(7, 0, "x")]));
    assert_eq!(host.answers(), ["1: Failed(Changed { sequence: Sequence(0) })"]);
    host.errand(0, 2, expecting(exactly(0), &[&typed(7, 0, "x")]));
    host.commit();
    assert_eq!(host.answers(), [edited(2, 1, true, 0)]);
    host.update(a, &typed(8, 0, "not durable"));
    for (job, expected) in (3..).zip([exactly(1), Expected::Nothing]) {
        host.errand(0, job, expecting(expected, &[&typed(9, 0, "x")]));
        host.errand(0, job, Errand::Create { expected });
        host.errand(0, job, Errand::Delete { stored: true, expected });
        let refused = format!("{job}: Failed(Changed {{ sequence: Sequence(2) }})");
        assert_eq!(host.answers(), [&*refused; 3]);
    }
    host.commit();
    assert!(host.closed.is_empty());
    host.errand(0, 5, Errand::Delete { stored: true, expected: exactly(2) });
    host.finish_deletion();
    assert_eq!(host.answers(), ["5: Deleted(true)"]);
    host.errand(0, 6, expecting(Expected::Nothing, &[&typed(9, 0, "x")]));
    host.commit();
    assert_eq!(host.answers(), [edited(6, 1, true, 1)]);
}

#[test]
fn what_is_meant_for_a_document_that_was_deleted_is_not_done_to_the_next() {
    for unloaded in [false, true] {
        let mut host = Host::with(1, |config| config.document_idle_ms = 1_000);
        host.errand(0, 0, edit(&typed(1, 0, "a")));
        host.commit();
        let (same, exactly) = (Expected::Same(DeletionCount(0)), Expected::Exactly(DeletionCount(0), Sequence(1)));
        host.errand(0, 1, expecting(same, &[&typed(2, 0, "b")]));
        host.commit();
        assert_eq!(host.answers().last(), Some(&edited(1, 2, true, 0)), "it has moved on, and is the same");

        host.errand(0, 2, delete(true));
        host.finish_deletion();
        host.errand(0, 3, edit(&typed(3, 0, "another one")));
        host.commit();
        host.answers();
        if unloaded {
            host.pass(5_000);
            assert_eq!(host.shard(0).counters().documents, 0);
        }
        // It stands at the same sequence, and is another one.
        let changed = if unloaded { 0 } else { 1 };
        host.errand(0, 4, Errand::Delete { stored: true, expected: same });
        assert_eq!(host.answers(), [format!("4: Failed(Changed {{ sequence: Sequence({changed}) }})")]);
        for expected in [same, exactly] {
            host.errand(0, 4, expecting(expected, &[&typed(4, 0, "c")]));
            host.errand(0, 4, Errand::Create { expected });
        }
        host.errand(0, 4, Errand::Delete { stored: true, expected: exactly });
        let answers = host.answers();
        assert!(
            answers.len() == 5 && answers.iter().all(|answer| answer.starts_with("4: Failed(Changed")),
            "{answers:?}"
        );
        assert!(host.appended.is_empty() && host.deletions.is_empty());
        host.errand(0, 5, expecting(Expected::Same(DeletionCount(1)), &[&typed(5, 0, "d")]));
        host.commit();
        let answers = host.answers();
        assert!(answers[0].starts_with("5: Edited"), "whoever has seen the new one may: {answers:?}");
    }
}

#[test]
fn a_document_that_is_not_in_memory_is_not_taken_for_another_that_was_deleted() {
    let mut host = Host::with(1, |config| config.document_idle_ms = 1_000);
    let same = Expected::Same(DeletionCount(0));
    let of_another = |host: &mut Host, job: u64, errand: Errand| {
        let name = "another";
        host.handle(0, Input::Errand { job, document: DocumentId::of(name), name: name.into(), errand });
        host.turn();
    };
    host.errand(0, 0, edit(&typed(1, 0, "a")));
    of_another(&mut host, 1, edit(&typed(1, 0, "a")));
    host.commit();
    of_another(&mut host, 2, delete(true));
    host.finish_deletion();
    host.pass(5_000);
    assert_eq!(host.shard(0).counters().documents, 0);
    host.answers();
    host.errand(0, 3, expecting(same, &[&typed(2, 0, "b")]));
    host.commit();
    assert_eq!(host.answers(), [edited(3, 1, true, 1)], "it was never deleted");
    of_another(&mut host, 4, expecting(same, &[&typed(2, 0, "b")]));
    assert_eq!(host.answers(), ["4: Failed(Changed { sequence: Sequence(0) })"]);
}

#[test]
fn an_edit_of_several_parts_is_made_wholly_or_not_at_all() {
    for shards in [1, 2] {
        let (mut host, a, b) = two_with_little_room(shards);
        host.update(a, &typed(1, 0, "before"));
        host.commit();
        drop((host.got(a), host.got(b)));
        let parts = [typed(7, 0, "one"), typed(7, 3, "two"), typed(8, 0, "three")];
        let [one, two, three] = parts.each_ref().map(Vec::as_slice);
        // The last refers to what is not there, is no update, or finds no room.
        for last in [typed(7, 9, "gap"), vec![0xff], typed(9, 0, &"x".repeat(120))] {
            host.errand(0, 1, expecting(Expected::Any, &[one, two, &last]));
            assert!(host.answers()[0].contains("Failed("));
            assert!(host.appended.is_empty());
        }
        host.errand(0, 2, expecting(Expected::Any, &[one, two, one, three]));
        let appended: Vec<_> =
            host.appended.iter().map(|(_, _, sequence, update)| (sequence.0, update.clone())).collect();
        assert_eq!(appended, [(2, parts[0].clone()), (3, parts[1].clone()), (4, parts[2].clone())]);
        for session in [a, b] {
            assert_eq!(host.got(session), parts.clone().map(Got::Update), "each by itself");
        }
        // Who asks for what is known already waits for the last of it.
        host.errand(0, 3, expecting(Expected::Any, &[one, three]));
        assert_eq!(host.answers(), [""; 0]);
        host.commit();
        assert_eq!(host.answers(), [edited(2, 4, true, 0), edited(3, 4, false, 0)]);
        assert_eq!(host.shard(0).counters().uncommitted_bytes, 0);
    }
}

#[test]
fn parts_that_belong_together_come_behind_what_gathers() {
    let (mut host, a, b) = two(1);
    host.say(a, Message::Update { update: &typed(1, 0, "gathers") });
    let document = DocumentId::of(NAME);
    let errand = expecting(Expected::Any, &[&typed(7, 0, "one"), &typed(7, 3, "two")]);
    host.handle(0, Input::Errand { job: 1, document, name: NAME.into(), errand });
    host.turn();
    let sequences: Vec<u64> = host.appended.iter().map(|(_, _, sequence, _)| sequence.0).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert_eq!(host.got(b).len(), 3);
    host.commit();
    assert_eq!(host.answers(), [edited(1, 3, true, 0)]);
}

#[test]
fn a_document_is_replaced_in_one_and_who_comes_meanwhile_finds_the_new_one() {
    for shards in [1, 2] {
        let (mut host, a, b) = two_with_little_room(shards);
        host.update(a, &typed(1, 0, "old"));
        host.got(b);
        let parts = [typed(7, 0, "one"), typed(7, 3, "two")];
        let [one, two] = parts.each_ref().map(Vec::as_slice);
        // What cannot be put in its place takes nothing away.
        for (job, last) in (1..).zip([typed(7, 9, "gap"), vec![0xff], typed(9, 0, &"x".repeat(120))]) {
            host.errand(0, job, replace(true, &[one, &last]));
            assert!(host.answers()[0].contains("Failed("));
        }
        assert!(host.closed.is_empty());
        host.errand(0, 4, replace(true, &[one, two]));
        assert_eq!(host.closed.values().collect::<Vec<_>>(), [&CloseReason::Deleted; 2]);
        host.commit();
        assert_eq!(host.deletions.front().map(|(_, _, successor)| successor.as_slice()), Some(&parts[..]));
        let c = at(usize::from(shards) - 1, 7);
        host.attach(c);
        host.errand(0, 5, edit(&typed(8, 0, "next")));
        assert_eq!((host.got(c), host.answers()), (Vec::new(), Vec::new()));
        host.finish_deletion();
        assert_eq!(host.answers(), ["4: Replaced { sequence: Sequence(2), was_there: true }"]);
        host.commit();
        assert_eq!(host.answers(), [edited(5, 3, true, 1)]);
        let got = host.got(c);
        assert!(matches!(&got[0], Got::Step1(known) if known.clock(7) == 6 && known.clock(1) == 0), "{got:?}");
        assert_eq!((host.got(a), host.got(b), host.shard(0).counters().uncommitted_bytes), (Vec::new(), Vec::new(), 0));
    }
}

#[test]
fn what_takes_no_place_is_made_and_what_cannot_be_read_can_be_replaced() {
    // Who has it open stays.
    let (mut host, a, _) = two(1);
    host.errand(0, 1, replace(false, &[&typed(7, 0, "one"), &typed(7, 3, "two")]));
    host.commit();
    assert_eq!(host.answers(), ["1: Replaced { sequence: Sequence(2), was_there: false }"]);
    assert_eq!(host.got(a).len(), 2);
    // The place of something may be taken by nothing.
    host.errand(0, 2, replace(true, &[&[0, 0]]));
    assert_eq!(host.deletions[0].2, [[0, 0]]);
    host.finish_deletion();
    assert_eq!(host.answers(), ["2: Replaced { sequence: Sequence(1), was_there: true }"]);
    host.errand(0, 3, CREATE);
    assert_eq!(host.answers(), ["3: Created { sequence: Sequence(1), is_new: false }"]);

    let mut host = Host::new(1);
    host.loads_end = false;
    host.errand(0, 1, replace(true, &[&[0xff]]));
    assert!(host.answers()[0].starts_with("1: Failed(Refused("));
    assert_eq!(host.shard(0).counters().documents, 0);
    host.errand(0, 2, replace(true, &[&typed(7, 0, "one")]));
    assert!(host.loads.is_empty(), "it need not be read");
    host.finish_deletion();
    assert_eq!(host.answers(), ["2: Replaced { sequence: Sequence(1), was_there: true }"]);

    let mut host = Host::new(1);
    host.loads_end = false;
    host.errand(0, 3, Errand::Delete { stored: true, expected: Expected::Exactly(DeletionCount(0), Sequence(1)) });
    host.errand(0, 4, replace(true, &[&typed(7, 0, "one")]));
    host.fail_load();
    assert!(host.answers()[0].starts_with("3: Failed(Unreadable("), "whoever means a state has to see it");
    host.finish_deletion();
    assert_eq!(host.answers(), ["4: Replaced { sequence: Sequence(1), was_there: true }"]);
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
    host.errand(0, 5, CREATE);
    host.errand(0, 6, delete(true));
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
    host.errand(0, 3, CREATE);
    host.fail_load();
    assert_eq!(host.answers(), ["3: Failed(Unreadable(Corrupt(\"checksum\")))"]);
    assert_eq!(host.shard(0).counters().documents, 0);
}

#[test]
fn a_document_is_made_with_a_record_that_says_nothing() {
    let (mut host, a, b) = two(2);
    host.errand(0, 1, CREATE);
    host.errand(0, 2, CREATE);
    assert_eq!(host.appended[0].3, [0, 0]);
    host.commit();
    assert_eq!(
        host.answers(),
        ["1: Created { sequence: Sequence(1), is_new: true }", "2: Created { sequence: Sequence(1), is_new: false }"]
    );
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
        host.errand(0, 1, delete(false));
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
        host.errand(0, 3, delete(true));
        assert_eq!((host.got(c), host.answers()), (Vec::new(), Vec::new()));
        host.finish_deletion();
        let answers = host.answers();
        assert_eq!(answers, ["1: Deleted(true)"]);
        assert_eq!(host.closed.get(&c), Some(&CloseReason::Deleted), "the next deletion comes behind the edit");
        host.commit();
        assert_eq!(host.answers(), [edited(2, 1, true, 1)]);
        host.finish_deletion();
        assert_eq!(host.answers(), ["3: Deleted(true)"]);
        let d = at(usize::from(shards) - 1, 8);
        host.attach(d);
        assert_eq!(host.got(d), [Got::Step1(state_vector(&[]))]);
        host.errand(0, 4, delete(false));
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
    host.errand(0, 1, delete(true));
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
    host.errand(0, 1, delete(true));
    assert!(host.loads.is_empty(), "it need not be read");
    host.finish_deletion();
    assert_eq!(host.answers(), ["1: Deleted(true)"]);
    host.errand(0, 2, delete(false));
    assert_eq!(host.answers(), ["2: Deleted(false)"]);

    let mut host = Host::new(1);
    host.loads_end = false;
    host.attach(at(0, 1));
    host.errand(0, 3, CREATE);
    host.errand(0, 4, delete(true));
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
