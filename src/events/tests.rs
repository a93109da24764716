//! From a core to those who listen.

use selvedge_shards::{DocumentId, Now, Sequence, SessionId};

use super::*;

fn who() -> Who {
    Who { subject: Some("ada".into()), address: None, dialect: Dialect::YWebsocket }
}

const SESSION: SessionId = SessionId { index: 4, generation: 2 };

#[test]
fn a_core_gathers_while_somebody_listens_and_not_otherwise() {
    let events = Arc::new(Events::new(1));
    let mut core = events.gatherer(0);
    core.opened(SESSION, &"a".into(), who(), Now(0));
    core.lay_out(Now(0));
    assert!(events.trays[0].take().is_empty());

    let listening = events.listen();
    core.closed_unseen(SESSION, None, who(), "left".into());
    core.opened(SESSION, &"a".into(), who(), Now(10));
    core.appended(DocumentId([1; 16]), &"a".into(), Sequence(1), 3);
    core.committed(&[(DocumentId([1; 16]), Sequence(1))]);
    core.stateless(SESSION, None, "hello".into());
    core.closed(SESSION, "left".into(), Now(25));
    core.lay_out(Now(30));
    let told = events.feed.push(events.trays[0].take().records.into_iter().map(|record| (record.at, record.event)));
    let texts: Vec<serde_json::Value> =
        told.iter().map(|told| serde_json::from_str(&told.json()).expect("an object")).collect();
    let words: Vec<&str> = texts.iter().map(|text| text["event"].as_str().expect("a word")).collect();
    assert_eq!(words, ["closed", "opened", "stateless", "closed", "created", "changed"]);
    assert!(texts[0].get("document").is_none() && texts[0].get("duration_ms").is_none(), "{}", texts[0]);
    assert_eq!((&texts[3]["document"], &texts[3]["duration_ms"]), (&"a".into(), &15.into()));
    assert_eq!((&texts[1]["session"], &texts[2]["payload"]), (&"0-4-2".into(), &"hello".into()));

    drop(listening);
    events.rest(Instant::now());
    assert!(events.is_wanted(), "who comes back soon has missed nothing");
    events.rest(Instant::now() + LINGER);
    assert!(!events.is_wanted());
    core.lay_out(Now(40));
}

#[test]
fn what_found_no_room_is_told_of_and_counted() {
    let events = Arc::new(Events::new(1));
    let _listening = events.listen();
    let refused = || Event::Refused { address: None, subject: None, reason: "origin", detail: None };
    for _ in 0..1_000 {
        events.tell(refused());
    }
    let told = Arc::new(Mutex::new((0, 0)));
    let heard = Arc::clone(&told);
    let offer = move |told: &Arc<Told>| {
        let mut heard = heard.lock().expect("nobody panicked");
        match told.event {
            Event::Lost { count } => heard.1 += count,
            _ => heard.0 += 1,
        }
    };
    // It collects once more when it ends.
    drop(collect(&events, Box::new(offer)).expect("a thread"));
    let (refusals, lost) = *told.lock().expect("nobody panicked");
    assert_eq!((refusals + lost, events.lost()), (1_000, lost));
    assert!(lost > 0);
}

#[test]
fn every_word_is_the_word_of_one_kind() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.word()), Some(kind));
        assert!(KindSet::ALL.contains(kind));
        let others = KindSet::from_iter(Kind::ALL.into_iter().filter(|other| *other != kind));
        assert!(!others.contains(kind) && others != KindSet::ALL);
    }
    assert_eq!(Kind::parse("everything"), None);
}
