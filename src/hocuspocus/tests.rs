use std::collections::BTreeMap;

use selvedge_protocol::lib0::put_buf;
use selvedge_protocol::sync::Message;
use selvedge_protocol::websocket::{FrameHeader, Role};

use super::*;

const LIMITS: Limits = Limits {
    documents_max: 3,
    queued_bytes_max: 200,
    queued_messages_max: 4,
    token_timeout_ms: 1_000,
    token_refresh_ms: 300,
};

const WRITER: Admitted = Admitted { right: Right::Write, expires: None };
const READER: Admitted = Admitted { right: Right::Read, expires: None };

fn addressed(address: &str, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_buf(&mut frame, address.as_bytes());
    frame.extend_from_slice(body);
    frame
}

/// A connection with its sessions, as its core would have them.
struct Client {
    many: Hocuspocus,
    now: Now,
    sessions: u32,
    places: BTreeMap<String, u32>,
}

impl Client {
    fn new() -> Self {
        Self { many: Hocuspocus::new(LIMITS, Now(0)), now: Now(0), sessions: 0, places: BTreeMap::new() }
    }

    fn says(&mut self, address: &str, body: &[u8]) -> Result<Matter, Fatal> {
        match self.many.hear(&addressed(address, body), self.now)? {
            Step::Matter(matter) => Ok(matter),
            Step::Said(input) => panic!("it says {input:?}"),
        }
    }

    /// Sends a token, which is judged like this.
    fn authenticates(&mut self, address: &str, result: Result<Admitted, &str>) -> Admission {
        let matter = self.says(address, b"\x02\x00\x01x").expect("tokens are heard");
        let Matter::Token { place, token, .. } = matter else { panic!("{matter:?}") };
        assert_eq!(token.as_deref(), Some("x"));
        self.places.insert(address.to_owned(), place);
        let admission = self.many.admit(place, result, self.now);
        if let Admission::Open(admitted) = admission {
            self.sessions += 1;
            let name = self.many.open(place, session(self.sessions), admitted, self.now);
            assert_eq!(address.split('\0').next(), Some(&*name));
        }
        admission
    }

    fn place(&self, address: &str) -> u32 {
        self.places[address]
    }

    /// The messages that the socket is given now, which it takes.
    fn told(&mut self) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        while let Some(frame) = self.many.poll_send() {
            self.many.sent();
            told.extend(messages(&frame));
        }
        told
    }
}

fn session(index: u32) -> SessionId {
    SessionId { index, generation: 0 }
}

fn messages(frame: &Frame) -> Vec<Vec<u8>> {
    let mut bytes = frame.as_ref();
    let mut messages = Vec::new();
    while let Some((header, start)) = FrameHeader::parse(bytes, Role::Client).expect("valid") {
        let end = start + usize::try_from(header.payload_bytes).expect("small");
        messages.push(bytes[start..end].to_vec());
        bytes = &bytes[end..];
    }
    messages
}

fn frame(message: &[u8]) -> Frame {
    let mut bytes = vec![0x82, u8::try_from(message.len()).expect("short")];
    bytes.extend_from_slice(message);
    Frame::new(bytes)
}

const READ_WRITE: &[u8] = b"\x02\x02\x0aread-write";
const READ_ONLY: &[u8] = b"\x02\x02\x08readonly";

#[test]
fn what_comes_before_the_token_waits_and_is_heard_after_it_in_order() {
    let mut client = Client::new();
    assert_eq!(client.says("a", b"\x03"), Ok(Matter::Nothing));
    assert_eq!(client.says("a", b"\x05\x01x"), Ok(Matter::Nothing));
    assert_eq!(client.many.poll_queued(), None);
    assert!(matches!(client.authenticates("a", Ok(WRITER)), Admission::Open(_)));
    assert_eq!(client.many.poll_queued().as_deref(), Some(&*addressed("a", b"\x03")));
    assert_eq!(client.many.poll_queued().as_deref(), Some(&*addressed("a", b"\x05\x01x")));
    assert_eq!((client.many.poll_queued(), client.many.queued_bytes()), (None, 0));
    assert_eq!(client.told(), [addressed("a", READ_WRITE)]);
}

#[test]
fn nothing_is_heard_of_the_queue_while_a_session_is_paused() {
    let mut client = Client::new();
    client.says("a", b"\x03").expect("it waits");
    client.authenticates("a", Ok(WRITER));
    client.authenticates("b", Ok(WRITER));
    let (a, b) = (client.place("a"), client.place("b"));
    client.many.pause(a);
    client.many.pause(b);
    client.many.resume(a);
    assert!(client.many.is_paused() && client.many.poll_queued().is_none());
    // Who ends while paused must not hold the others for ever.
    client.many.closed(b, "gone");
    assert!(!client.many.is_paused() && client.many.poll_queued().is_some());
}

#[test]
fn a_session_says_what_both_dialects_have() {
    let mut client = Client::new();
    client.authenticates("a\0one", Ok(WRITER));
    client.authenticates("a\0two", Ok(WRITER));
    for (address, id) in [("a\0one", session(1)), ("a\0two", session(2))] {
        let (message, reply) = (addressed(address, b"\x03"), addressed(address, b"\x04\x00\x01\x00"));
        let stateless = addressed(address, b"\x05\x01x");
        let Ok(Step::Said(Input::Message { session, message: Message::QueryAwareness })) =
            client.many.hear(&message, Now(0))
        else {
            panic!("a message")
        };
        assert_eq!(session, id);
        let Ok(Step::Said(Input::Reply { session, message: Message::SyncStep1 { state_vector: [0] } })) =
            client.many.hear(&reply, Now(0))
        else {
            panic!("a reply")
        };
        assert_eq!(session, id);
        let Ok(Step::Said(Input::StatelessCame { session, payload: "x" })) = client.many.hear(&stateless, Now(0))
        else {
            panic!("a stateless message")
        };
        assert_eq!(session, id);
    }
    assert!(matches!(client.many.hear(&[10], Now(0)), Ok(Step::Matter(Matter::Nothing))));
    assert_eq!(client.says("a\0one", b"\x0b"), Ok(Matter::Nothing), "a type of later versions");
}

#[test]
fn a_denied_document_is_told_and_forgotten_and_may_try_again() {
    let mut client = Client::new();
    client.says("a", b"\x03").expect("it waits");
    assert_eq!(client.authenticates("a", Err("no")), Admission::Told);
    assert_eq!(client.told(), [addressed("a", b"\x02\x01\x02no")]);
    assert_eq!(client.many.queued_bytes(), 0);
    assert!(client.many.unproven_since.is_some());
    assert!(matches!(client.authenticates("a", Ok(READER)), Admission::Open(_)));
    assert_eq!(client.told(), [addressed("a", READ_ONLY)]);
    assert_eq!(client.many.unproven_since, None);
    assert_eq!(client.many.poll_queued(), None, "what came before the denial is gone");
}

#[test]
fn what_a_client_says_of_a_document_that_is_over_ends_nothing_and_waits_for_a_token() {
    let mut client = Client::new();
    client.authenticates("b", Ok(WRITER));
    client.authenticates("a", Ok(WRITER));
    client.many.closed(client.place("a"), "over");
    client.told();
    for _ in 0..100 {
        assert_eq!(client.says("a", b"\x03"), Ok(Matter::Nothing), "more than would be kept");
        assert!(client.many.queued_bytes() <= LIMITS.queued_bytes_max);
    }
    client.says("a", b"\x00\x00\x01\x00").expect("it waits");
    // Nor is the client told again and again that it is over.
    client.now = Now(500);
    client.many.poll_alarm();
    assert_eq!(client.many.look_at_clock(Now(2_000)), Ok(Vec::new()));
    assert_eq!((client.told(), client.many.queued_bytes(), client.many.poll_alarm()), (Vec::new(), 0, None));
    // The npm client begins to sync before its token when it tries again.
    client.says("a", b"\x00\x00\x01\x00").expect("it waits");
    assert!(client.many.poll_alarm().is_some());
    // What it says meanwhile is not said under the next token.
    let writes: [&[u8]; 5] =
        [b"\x00\x01\x02\x00\x00", b"\x00\x02\x02\x00\x00", b"\x01\x01\x00", b"\x04\x02\x02\x00\x00", b"\x05\x01x"];
    for body in writes {
        assert_eq!(client.says("a", body), Ok(Matter::Nothing));
    }
    assert!(matches!(client.authenticates("a", Ok(WRITER)), Admission::Open(_)));
    assert_eq!(client.many.poll_queued().as_deref(), Some(&*addressed("a", b"\x00\x00\x01\x00")));
    assert_eq!(client.many.poll_queued(), None);
}

#[test]
fn a_document_that_is_over_makes_room_for_another() {
    let mut client = Client::new();
    client.authenticates("a", Ok(WRITER));
    client.authenticates("b", Err("no"));
    client.authenticates("c", Ok(WRITER));
    client.says("b", b"\x03").expect("it waits");
    assert!(matches!(client.authenticates("d", Ok(WRITER)), Admission::Open(_)));
    assert_eq!(client.many.queued_bytes(), 0);
    client.told();
    assert_eq!(client.says("b", b"\x02\x00\x01x"), Ok(Matter::Nothing));
    assert!(client.told()[0].starts_with(b"\x01b\x07"));
}

#[test]
fn who_may_only_read_is_told_that_stateless_messages_are_refused() {
    let mut client = Client::new();
    client.authenticates("a", Ok(READER));
    client.told();
    assert_eq!(client.says("a", b"\x05\x01x"), Ok(Matter::Nothing));
    let told = client.told();
    assert!(told[0].starts_with(b"\x01a\x02\x01"), "{told:?}");
    client.authenticates("a", Ok(Admitted { right: Right::Comment, expires: None }));
    assert!(matches!(client.many.hear(&addressed("a", b"\x05\x01x"), Now(0)), Ok(Step::Said(_))));
}

#[test]
fn a_later_token_changes_rights_or_ends_the_session_and_no_other() {
    let mut client = Client::new();
    client.authenticates("a", Ok(READER));
    client.authenticates("b", Ok(WRITER));
    client.told();
    assert_eq!(client.authenticates("a", Ok(READER)), Admission::Told);
    assert_eq!(client.told(), Vec::<Vec<u8>>::new());
    let changed = Admission::Changed { session: session(1), access: Access::ReadWrite };
    assert_eq!(client.authenticates("a", Ok(WRITER)), changed);
    assert_eq!(client.told(), [addressed("a", READ_WRITE)]);
    assert_eq!(client.authenticates("a", Err("bad")), Admission::Left { session: session(1) });
    assert_eq!(client.told(), [addressed("a", b"\x07\x03bad")]);
    assert_eq!(client.many.sessions().collect::<Vec<_>>(), [session(2)]);
}

#[test]
fn documents_end_one_by_one() {
    let mut client = Client::new();
    for address in ["a", "b", "c"] {
        client.authenticates(address, Ok(WRITER));
    }
    client.told();
    assert_eq!(client.says("a", b"\x07"), Ok(Matter::Left { session: session(1) }));
    assert_eq!(client.says("b", b"\x06\x00"), Ok(Matter::Left { session: session(2) }));
    assert_eq!(client.says("c", b"\x00\x07"), Ok(Matter::Left { session: session(3) }));
    let told = client.told();
    assert_eq!(told.len(), 3);
    for (message, begin) in told.iter().zip([b"\x01a\x07", b"\x01b\x07", b"\x01c\x07"]) {
        assert!(message.starts_with(begin), "{message:?}");
    }
    assert_eq!(client.many.sessions().count(), 0);
    assert!(matches!(client.authenticates("a", Ok(WRITER)), Admission::Open(_)));
}

#[test]
fn documents_beyond_the_limit_are_told_and_leave_nothing() {
    let mut client = Client::new();
    for address in ["a", "b", "c"] {
        client.authenticates(address, Ok(WRITER));
    }
    client.told();
    assert_eq!(client.says("d", b"\x02\x00\x01x"), Ok(Matter::Nothing));
    let told = client.told();
    assert!(told[0].starts_with(b"\x01d\x07"), "{told:?}");
    client.says("a", b"\x07").expect("it leaves");
    assert!(matches!(client.authenticates("d", Ok(WRITER)), Admission::Open(_)));
}

#[test]
fn the_queue_of_all_documents_is_bounded_in_messages_and_bytes() {
    let mut client = Client::new();
    for address in ["a", "b", "a", "b"] {
        assert_eq!(client.says(address, b"\x03"), Ok(Matter::Nothing));
    }
    assert_eq!(client.says("a", b"\x03"), Err(Fatal::QueueFull));
    let mut client = Client::new();
    assert_eq!(client.says("a", &[&[0, 2, 100][..], &[7; 100]].concat()), Ok(Matter::Nothing));
    assert_eq!(client.says("b", &[&[0, 2, 100][..], &[7; 100]].concat()), Err(Fatal::QueueFull));
}

#[test]
fn a_frame_for_no_document_ends_the_connection() {
    let mut client = Client::new();
    assert!(matches!(client.says("", b"\x03"), Err(Fatal::Address(_))));
    assert!(matches!(client.says("a\nb", b"\x03"), Err(Fatal::Address(_))));
    assert!(matches!(client.many.hear(&[200, 1], Now(0)), Err(Fatal::Address(_))));
}

#[test]
fn a_connection_that_proves_nothing_ends_at_its_deadline_whatever_it_sends() {
    let mut client = Client::new();
    assert_eq!(client.many.poll_alarm(), Some(Now(1_000)));
    client.now = Now(900);
    client.authenticates("a", Err("no"));
    client.says("b", b"\x03").expect("it waits");
    assert_eq!(client.many.poll_alarm(), None, "the alarm is set");
    assert_eq!(client.many.look_at_clock(Now(999)), Ok(Vec::new()));
    assert_eq!(client.many.poll_alarm(), Some(Now(1_000)));
    assert_eq!(client.many.look_at_clock(Now(1_000)), Err(Fatal::Unproven));
}

#[test]
fn a_document_without_a_token_ends_alone_where_another_has_one() {
    let mut client = Client::new();
    client.authenticates("a", Ok(WRITER));
    client.now = Now(400);
    client.says("b", b"\x03").expect("it waits");
    client.told();
    assert_eq!(client.many.poll_alarm(), Some(Now(1_400)));
    assert_eq!(client.many.look_at_clock(Now(1_400)), Ok(Vec::new()));
    let told = client.told();
    assert!(told[0].starts_with(b"\x01b\x07"), "{told:?}");
    assert_eq!((client.many.queued_bytes(), client.many.poll_alarm()), (0, None));
}

#[test]
fn another_token_is_asked_for_in_time_and_without_one_the_session_ends() {
    let until = |ms| Ok(Admitted { right: Right::Write, expires: Some(Now(ms)) });
    let mut client = Client::new();
    client.authenticates("a", until(1_000));
    // Half of 400 is less than the setting.
    client.authenticates("b", until(400));
    client.told();
    assert_eq!(client.many.poll_alarm(), Some(Now(200)));
    assert_eq!(client.many.look_at_clock(Now(200)), Ok(Vec::new()));
    assert_eq!(client.told(), [addressed("b", b"\x02\x00")]);
    assert_eq!(client.many.poll_alarm(), Some(Now(400)));
    client.now = Now(250);
    assert_eq!(client.authenticates("b", until(2_000)), Admission::Told);
    assert_eq!(client.many.look_at_clock(Now(400)), Ok(Vec::new()));
    assert_eq!(client.many.poll_alarm(), Some(Now(700)));
    assert_eq!(client.many.look_at_clock(Now(700)), Ok(Vec::new()));
    assert_eq!(client.told(), [addressed("a", b"\x02\x00")]);
    assert_eq!(client.many.poll_alarm(), Some(Now(1_000)));
    assert_eq!(client.many.look_at_clock(Now(1_000)), Ok(vec![session(1)]));
    let told = client.told();
    assert!(told[0].starts_with(b"\x01a\x07"), "{told:?}");
    assert_eq!(client.many.sessions().collect::<Vec<_>>(), [session(2)]);
}

#[test]
fn one_send_is_in_flight_and_the_next_gathers_what_waits() {
    let mut client = Client::new();
    client.many.send(session(1), frame(b"one"));
    let first = client.many.poll_send().expect("nothing is in flight");
    client.many.send(session(2), frame(b"two"));
    client.many.send(session(3), frame(b"three"));
    assert_eq!(client.many.poll_send(), None);
    assert_eq!((messages(&first), client.many.sent()), (vec![b"one".to_vec()], vec![session(1)]));
    let second = client.many.poll_send().expect("two wait");
    assert_eq!(messages(&second), [b"two".to_vec(), b"three".to_vec()]);
    assert_eq!(client.many.sent(), [session(2), session(3)]);
    let large = Frame::new(vec![0; 1 << 20]);
    client.many.send(session(1), large.clone());
    client.many.send(session(2), frame(b"two"));
    assert!(client.many.poll_send().is_some_and(|sent| sent.is_same(&large)), "large frames are not copied");
}

#[test]
fn replies_that_are_not_taken_hold_the_connection_back() {
    let mut client = Client::new();
    let mut heard = 0;
    while !client.many.is_glutted() {
        client.authenticates("a", Err("no"));
        heard += 1;
        assert!(heard < 1_000);
    }
    client.told();
    assert!(!client.many.is_glutted());
    // A frame of a session that has gone is nobody's.
    client.authenticates("a", Ok(WRITER));
    client.told();
    let id = session(client.sessions);
    client.many.send(id, frame(b"x"));
    client.says("a", b"\x07").expect("it leaves");
    client.many.poll_send();
    assert_eq!(client.many.sent(), []);
}

#[test]
fn whoever_asked_for_a_sign_of_life_gets_it_once() {
    let mut client = Client::new();
    client.authenticates("a", Ok(WRITER));
    client.authenticates("b", Ok(WRITER));
    client.many.probe(client.place("b"));
    assert_eq!(client.many.take_probed(), [session(2)]);
    assert_eq!(client.many.take_probed(), []);
}
