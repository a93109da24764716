//! Edits that were held against a document beside its core, and what has become of the document meanwhile.

use selvedge_protocol::update::{Limit, Limits, Refused};
use selvedge_shards::{
    Answer, Base, DeletionCount, Errand, ErrandFailed, Expected, Input, Prepared, Sequence, Updates,
};

use super::host::{Got, Host, at, state_vector, typed};
use super::two;

/// Asks what the document knows.
fn base(host: &mut Host) -> Base {
    host.errand(0, 0, Errand::Base);
    match host.answers.pop() {
        Some((0, Answer::Base(base))) => *base,
        other => panic!("{other:?}"),
    }
}

fn prepared(base: &Base, parts: &[&[u8]]) -> Updates {
    let parts = parts.iter().map(|part| part.to_vec()).collect();
    Updates::Prepared(Box::new(Prepared::of(base.clone(), parts, &Limits::default())))
}

fn edit(updates: Updates) -> Errand {
    Errand::Edit { updates, expected: Expected::Any }
}

fn raw(part: &[u8]) -> Errand {
    edit(Updates::Raw(vec![part.to_vec()]))
}

const OUTDATED: &str = "1: Failed(Outdated)";

#[test]
fn what_is_prepared_joins_a_document_that_has_gone_on() {
    for shards in [1, 2] {
        let (mut host, a, b) = two(shards);
        host.update(a, &typed(1, 0, "here"));
        let base = base(&mut host);
        let parts = [typed(7, 0, "one"), typed(7, 3, "two"), typed(8, 0, "three")];
        let [one, two, three] = parts.each_ref().map(Vec::as_slice);
        let updates = prepared(&base, &[one, &typed(1, 0, "here"), two, three]);
        // Others write in between, committed and not.
        host.update(b, &typed(1, 4, "there"));
        host.commit();
        host.update(a, &typed(2, 0, "nowhere"));
        drop((host.got(a), host.got(b)));
        host.errand(0, 1, edit(updates));
        let appended: Vec<_> = host.appended.iter().map(|(_, _, sequence, update)| (sequence.0, update)).collect();
        assert_eq!(appended[1..], [(4, &parts[0]), (5, &parts[1]), (6, &parts[2])]);
        assert_eq!(host.got(b), parts.clone().map(Got::Update), "each by itself, and at once");
        assert!(host.answers().is_empty());
        host.commit();
        assert_eq!(host.answers(), ["1: Edited { sequence: Sequence(6), is_new: true, deletions: DeletionCount(0) }"]);
        // What it brought is known, and what came in between is, too.
        let clocks = [(1, 9), (2, 7), (7, 6), (8, 5)];
        let c = at(usize::from(shards) - 1, 9);
        host.attach(c);
        assert_eq!(host.got(c), [Got::Step1(state_vector(&clocks))]);
        assert_eq!(host.shard(0).counters().uncommitted_bytes, 0);
    }
}

#[test]
fn what_others_have_brought_meanwhile_is_not_brought_twice() {
    let (mut host, a, b) = two(1);
    let old = base(&mut host);
    let [one, two] = [typed(7, 0, "one"), typed(7, 3, "two")];
    host.update(a, &one);
    host.got(b);
    // Of a client whose structs have come, also where a later part begins.
    for parts in [vec![&one[..], &two[..]], vec![&typed(6, 0, "x"), &one]] {
        host.errand(0, 1, edit(prepared(&old, &parts)));
        assert_eq!(host.answers(), [OUTDATED]);
    }
    assert_eq!((host.appended.len(), host.got(b)), (1, Vec::new()));
    // Prepared again, the rest of it joins; and then nothing of it is new, whatever else comes.
    let new = base(&mut host);
    host.errand(0, 2, edit(prepared(&new, &[&one, &two])));
    assert_eq!(host.got(b), [Got::Update(two.clone())]);
    let newer = base(&mut host);
    let nothing = prepared(&newer, &[&one, &two]);
    host.update(a, &typed(7, 6, "three"));
    host.errand(0, 3, edit(nothing));
    host.commit();
    let answers = host.answers();
    assert!(answers[0].starts_with("2: Edited { sequence: Sequence(2), is_new: true"), "{answers:?}");
    assert!(answers[1].starts_with("3: Edited { sequence: Sequence(3), is_new: false"), "{answers:?}");
}

#[test]
fn what_was_lacking_may_have_come_and_what_is_wrong_stays_so() {
    let (mut host, a, _) = two(1);
    let old = base(&mut host);
    let (lacks, garbage) = (prepared(&old, &[&typed(7, 3, "two")]), prepared(&old, &[&typed(8, 0, "x"), &[0xff]]));
    // What was meant is looked at first.
    let elsewhere = Expected::Exactly(DeletionCount(0), Sequence(9));
    for updates in [&lacks, &garbage] {
        host.errand(0, 1, Errand::Edit { updates: updates.clone(), expected: elsewhere });
        assert_eq!(host.answers(), ["1: Failed(Changed { sequence: Sequence(0) })"]);
    }
    host.errand(0, 1, edit(lacks.clone()));
    assert_eq!(host.answers(), ["1: Failed(Lacks { client: 7, clock: 2 })"]);
    // Also where the parts before it bring some of that client.
    let gap: [&[u8]; 2] = [&typed(7, 0, "one"), &typed(7, 9, "gap")];
    let whole = Errand::Replace { updates: prepared(&Base::default(), &gap), stored: true };
    let at_once = edit(Updates::Raw(gap.map(<[u8]>::to_vec).to_vec()));
    for errand in [edit(prepared(&old, &gap)), at_once, whole] {
        host.errand(0, 1, errand);
        assert_eq!(host.answers(), ["1: Failed(Lacks { client: 7, clock: 8 })"]);
    }
    assert_eq!(host.shard(0).counters().updates_refused, 0);
    host.update(a, &typed(7, 0, "one"));
    host.errand(0, 1, edit(lacks));
    assert_eq!(host.answers(), [OUTDATED]);
    host.errand(0, 1, edit(garbage));
    assert!(host.answers()[0].starts_with("1: Failed(Refused("));
    assert_eq!((host.shard(0).counters().updates_refused, host.appended.len()), (1, 1));
}

#[test]
fn what_refers_to_a_document_that_was_deleted_joins_no_other() {
    for (successor, unloaded) in [(false, false), (true, false), (false, true)] {
        let mut host = Host::new(1);
        host.errand(0, 0, raw(&typed(7, 0, "one")));
        host.commit();
        host.answers();
        let old = base(&mut host);
        // Its own client is new: that it refers to another's is what nobody would see.
        let mut reply = typed(9, 0, "reply");
        reply.splice(4..8, [0x84, 7, 2]);
        let updates = prepared(&old, &[&reply]);
        host.errand(
            0,
            2,
            match successor {
                false => Errand::Delete { stored: true, expected: Expected::Any },
                true => Errand::Replace { updates: Updates::Raw(vec![typed(3, 0, "new")]), stored: true },
            },
        );
        // While the end is under way, it waits for it.
        host.errand(0, 1, edit(updates.clone()));
        assert!(host.answers().is_empty());
        host.finish_deletion();
        let answers = host.answers();
        assert_eq!((answers.len(), &*answers[1]), (2, OUTDATED), "{answers:?}");
        if unloaded {
            host.pass(10_000);
            assert_eq!(host.shard(0).counters().documents, 0);
        }
        host.errand(0, 1, edit(updates));
        assert_eq!(host.answers(), [OUTDATED]);
        assert!(host.appended.is_empty());
        // What needs nothing of a document joins this one as well.
        host.errand(0, 3, edit(prepared(&Base::default(), &[&typed(7, 0, "one"), &reply])));
        host.commit();
        let sequence = if successor { 3 } else { 2 };
        let deletions = DeletionCount(1);
        let edited = Answer::Edited { sequence: Sequence(sequence), is_new: true, deletions };
        assert_eq!(host.answers(), [format!("3: {edited:?}")]);
    }
}

#[test]
fn what_is_prepared_outlives_that_the_document_is_let_go() {
    let mut host = Host::new(1);
    let base = base(&mut host);
    let updates = prepared(&base, &[&typed(7, 0, "one"), &typed(7, 3, "two")]);
    host.pass(10_000);
    assert_eq!((host.evicted.len(), host.shard(0).counters().documents), (1, 0));
    host.loads_end = false;
    host.errand(0, 1, edit(updates.clone()));
    host.errand(0, 2, Errand::Base);
    assert!(host.answers().is_empty(), "both wait until it is read");
    host.loads_end = true;
    host.turn();
    host.commit();
    let answers = host.answers();
    assert!(answers[0].starts_with("2: Base(") && answers[1].starts_with("1: Edited"), "{answers:?}");

    let mut host = Host::new(1);
    host.loads_end = false;
    host.errand(0, 1, edit(updates));
    host.errand(0, 2, Errand::Base);
    host.fail_load();
    let why = "Failed(Unreadable(Corrupt(\"checksum\")))";
    assert_eq!(host.answers(), [format!("1: {why}"), format!("2: {why}")]);
}

#[test]
fn what_is_prepared_finds_the_limits_of_the_moment_in_which_it_joins() {
    let limits = |config: &mut selvedge_shards::Config| {
        (config.document_bytes_max, config.uncommitted_bytes_max) = (100, 20);
        config.update.document_clients_max = 2;
    };
    let mut host = Host::with(1, limits);
    let old = base(&mut host);
    let updates = prepared(&old, &[&typed(7, 0, "one"), &typed(8, 0, "two")]);
    host.errand(0, 0, raw(&typed(1, 0, "more than may wait for the disk")));
    host.answers();
    host.errand(0, 1, edit(prepared(&old, &[&typed(7, 0, "one")])));
    assert_eq!(host.answers(), ["1: Failed(Congested)"]);
    host.commit();
    host.answers();
    host.errand(0, 1, edit(updates.clone()));
    let over = Refused::OverLimit { limit: Limit::DocumentClients, allowed: 2 };
    assert_eq!(host.answers(), [format!("1: {:?}", Answer::Failed(ErrandFailed::Refused(over)))]);
    host.errand(0, 1, edit(prepared(&old, &[&typed(7, 0, &"x".repeat(90))])));
    assert_eq!(host.answers(), ["1: Failed(DocumentFull { bytes_max: 100 })"]);
    host.handle(0, Input::CommitFailed { reason: "full".into() });
    host.errand(0, 1, edit(prepared(&old, &[&typed(7, 0, "one")])));
    assert_eq!(host.answers(), ["1: Failed(Stalled(\"full\"))"]);
    assert!(host.appended.is_empty());
    let after = base(&mut host);
    assert_eq!(format!("{after:?}").matches("clocks: [(1, 31)]").count(), 1, "nothing was taken: {after:?}");
}

#[test]
fn that_others_have_deleted_the_same_meanwhile_does_no_harm() {
    let (mut host, a, b) = two(1);
    host.update(a, &typed(1, 0, "hello"));
    let old = base(&mut host);
    // Units 1 to 3, and by somebody else 2 to 4.
    let updates = prepared(&old, &[&[0, 1, 1, 1, 1, 3]]);
    host.update(b, &[0, 1, 1, 1, 2, 3]);
    host.commit();
    host.got(b);
    host.errand(0, 1, edit(updates));
    assert_eq!(host.got(b), [Got::Update(vec![0, 1, 1, 1, 1, 3])]);
    host.commit();
    assert!(host.answers()[0].starts_with("1: Edited"));
    // All four are one range now.
    host.update(a, &[0, 1, 1, 1, 1, 4]);
    assert!(host.appended.is_empty(), "nothing of that is new");
}

#[test]
fn a_document_begins_with_what_needs_no_other() {
    let (mut host, a, _) = two(1);
    host.update(a, &typed(1, 0, "old"));
    host.commit();
    let old = base(&mut host);
    let [one, two] = [typed(7, 0, "one"), typed(7, 3, "two")];
    for stored in [true, false] {
        host.errand(0, 1, Errand::Replace { updates: prepared(&old, &[&one, &two]), stored });
        assert_eq!(host.answers(), [OUTDATED]);
    }
    assert!(host.closed.is_empty());
    host.errand(0, 2, Errand::Replace { updates: prepared(&Base::default(), &[&one, &two]), stored: true });
    assert_eq!(host.deletions[0].2, [one, two]);
    host.finish_deletion();
    assert_eq!(host.answers(), ["2: Replaced { sequence: Sequence(2), was_there: true }"]);
    let b = at(0, 9);
    host.attach(b);
    assert_eq!(host.got(b), [Got::Step1(state_vector(&[(7, 6)]))]);
}

#[test]
fn what_waits_for_something_that_is_prepared_comes_with_it() {
    let (mut host, a, b) = two(1);
    let old = base(&mut host);
    host.update(a, &typed(7, 3, "two"));
    host.got(b);
    host.errand(0, 1, edit(prepared(&old, &[&typed(7, 0, "one"), &typed(8, 0, "x")])));
    assert_eq!(host.got(b), [typed(7, 0, "one"), typed(8, 0, "x"), typed(7, 3, "two")].map(Got::Update));
}
