//! A connection's life without a socket: whatever way the bytes are cut, the same things are heard and said.

use selvedge_protocol::websocket::{CloseCode, OpCode, put_masked_frame};

use super::*;
use crate::endpoints::{Endpoints, Routed};
use crate::health::Health;

const LIMITS: Limits = Limits { message_bytes_max: 1 << 16, fragments_max: 64 };

fn frame(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_masked_frame(&mut out, opcode, payload, [9, 8, 7, 6]);
    out
}

fn open(route: Route) -> Connection {
    let mut connection = Connection::new();
    connection.open(route, b"101".to_vec(), None);
    assert_eq!(said(&mut connection), b"101");
    connection
}

/// Everything that is sent from here on, each send ending at once.
fn said(connection: &mut Connection) -> Vec<u8> {
    let mut said = Vec::new();
    while let Some(frame) = connection.poll_send() {
        said.extend_from_slice(frame.as_ref());
        connection.sent();
    }
    said
}

/// Hands the bytes in as the loop does, and gives the messages.
fn receive(connection: &mut Connection, data: &[u8]) -> Vec<Vec<u8>> {
    let mut data = data.to_vec();
    let mut messages = Vec::new();
    let (mut consumed, mut inflater) = (0, Inflater::default());
    while connection.phase() == Phase::Open && !connection.is_held() {
        match connection.hear(&mut data, &mut consumed, &LIMITS, &mut inflater) {
            Some(Heard::Message { payload, .. }) => messages.push(payload.to_vec()),
            Some(Heard::Inflating | Heard::Control | Heard::Pong { .. } | Heard::Closing(_)) => {}
            None => break,
        }
    }
    match connection.phase() {
        Phase::Open => assert!(connection.keep(&data[consumed..])),
        Phase::Closing { .. } => connection.discard(&mut data[consumed..], &LIMITS),
        Phase::Head | Phase::Leaving | Phase::Gone => panic!("an open connection closes in order"),
    }
    messages
}

#[test]
fn an_idle_connection_has_nothing_on_the_heap() {
    let mut connection = open(Route::Session);
    receive(&mut connection, &frame(OpCode::Ping, b"x"));
    receive(&mut connection, &frame(OpCode::Binary, b"message"));
    assert!(connection.pending.is_some());
    said(&mut connection);
    assert!(connection.pending.is_none());
    assert_eq!(connection.reader.memory_bytes(), 0);
}

#[test]
fn however_the_bytes_are_cut_the_same_is_heard_and_said() {
    let stream = [
        frame(OpCode::Binary, b"one"),
        frame(OpCode::Ping, b"ping"),
        frame(OpCode::Binary, &[7; 300]),
        frame(OpCode::Close, &[0x03, 0xe9]),
        frame(OpCode::Binary, b"too late"),
    ]
    .concat();
    for piece in 1..stream.len() {
        let mut connection = open(Route::Session);
        let mut heard = Vec::new();
        for data in stream.chunks(piece) {
            if connection.phase() == Phase::Open {
                heard.extend(receive(&mut connection, data));
            }
        }
        assert_eq!(heard, [b"one".to_vec(), vec![7; 300]], "pieces of {piece}");
        assert_eq!(said(&mut connection), b"\x8a\x04ping\x88\x02\x03\xe9", "pieces of {piece}");
        assert!(connection.is_finished());
    }
}

#[test]
fn a_request_cut_anywhere_is_read_and_what_follows_is_kept() {
    let health = Health::default();
    let endpoints = Endpoints {
        head_bytes_max: 8192,
        conformance: false,
        compression: false,
        health: &health,
        authority: &crate::auth::Authority::open(),
        now: std::time::SystemTime::UNIX_EPOCH,
        door: None,
    };
    let head = b"GET /yjs/a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let stream = [head.as_slice(), b"behind"].concat();
    for piece in 1..=stream.len() {
        let mut connection = Connection::new();
        let mut left = stream.chunks(piece);
        let head_bytes = loop {
            let received = connection.gather_head(left.next().expect("the head is in the stream"));
            match endpoints.route(received, false) {
                Routed::Incomplete => {}
                Routed::Upgrade { head_bytes, .. } => break head_bytes,
                Routed::Refused { refused, .. } => panic!("{refused:?}"),
                Routed::Answer { response, .. } => panic!("{}", String::from_utf8_lossy(&response)),
            }
        };
        connection.finish_head(head_bytes);
        let rest: Vec<u8> = left.flatten().copied().collect();
        assert!(connection.keep(&rest));
        assert_eq!(connection.take_unread().bytes(), b"behind", "pieces of {piece}");
    }
}

#[test]
fn pings_during_a_send_do_not_grow_and_the_latest_is_answered() {
    let mut connection = open(Route::Session);
    connection.send(Frame::new(b"data".to_vec()));
    assert!(connection.poll_send().is_some());
    for number in 0..100_000_u32 {
        receive(&mut connection, &frame(OpCode::Ping, &number.to_be_bytes()));
    }
    assert!(connection.poll_send().is_none(), "one send at a time");
    assert_eq!(connection.sent(), Sent::Data);
    let said = said(&mut connection);
    assert!(said.len() <= 2048, "{}", said.len());
    assert!(said.ends_with(&99_999_u32.to_be_bytes()));
}

#[test]
fn a_few_pings_are_all_answered_in_order() {
    let mut connection = open(Route::Session);
    let pings: Vec<u8> = (0..10_u8).flat_map(|number| frame(OpCode::Ping, &[number])).collect();
    receive(&mut connection, &pings);
    let pongs: Vec<u8> = (0..10_u8).flat_map(|number| [0x8a, 1, number]).collect();
    assert_eq!(said(&mut connection), pongs);
}

#[test]
fn a_held_connection_hears_nothing_and_then_everything_in_order() {
    let mut connection = open(Route::Session);
    assert!(connection.hold(Hold::Shard));
    assert!(!connection.hold(Hold::Mesh));
    for number in 0..10_u8 {
        assert!(connection.keep(&frame(OpCode::Binary, &[number])));
    }
    assert_eq!(connection.poll_receiving(), None, "it did not receive before");
    assert!(!connection.unhold(Hold::Mesh));
    assert!(connection.unhold(Hold::Shard));
    let mut unread = connection.take_unread();
    let (data, consumed) = unread.parts();
    let mut inflater = Inflater::default();
    let mut heard = Vec::new();
    // Held again after the third message: the rest waits.
    while heard.len() < 3 {
        let Some(Heard::Message { payload, .. }) = connection.hear(data, consumed, &LIMITS, &mut inflater) else {
            panic!("a message")
        };
        heard.push(payload[0]);
    }
    connection.put_back(unread);
    let rest = connection.take_unread().bytes().to_vec();
    heard.extend(receive(&mut connection, &rest).into_iter().map(|message| message[0]));
    assert_eq!(heard, (0..10).collect::<Vec<u8>>());
    assert_eq!(connection.poll_receiving(), Some(true));
    assert_eq!(connection.poll_receiving(), None);
}

#[test]
fn what_is_kept_unread_is_bounded() {
    let mut connection = open(Route::Session);
    connection.hold(Hold::Shard);
    let piece = vec![0; 1 << 20];
    let kept = (0..100).take_while(|_| connection.keep(&piece)).count();
    assert_eq!(kept, UNREAD_BYTES_MAX / piece.len());
}

#[test]
fn text_and_violations_close_with_their_codes_behind_what_waits() {
    let cases: [(&[u8], u16); 3] = [
        (&frame(OpCode::Text, b"text"), 1003),
        (&[0x82, 0x01, 0x00], 1002),
        (&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4], 1009),
    ];
    for (bytes, code) in cases {
        let mut connection = open(Route::Session);
        connection.send(Frame::new(b"waits".to_vec()));
        receive(&mut connection, bytes);
        let said = said(&mut connection);
        assert!(said.starts_with(b"waits\x88"), "{said:02x?}");
        assert_eq!(u16::from_be_bytes([said[7], said[8]]), code);
        assert!(!connection.is_finished(), "the peer may still be sending");
        connection.end();
        assert!(connection.is_finished());
    }
}

#[test]
fn a_goodbye_waits_for_the_answer_even_among_what_was_kept() {
    let goodbye = Goodbye { code: CloseCode::SERVICE_RESTART, reason: "the server stops".into() };
    let mut connection = open(Route::Session);
    connection.close(&goodbye, &LIMITS);
    assert!(said(&mut connection).ends_with(b"the server stops"));
    assert!(!connection.is_finished());
    connection.discard(&mut [frame(OpCode::Binary, b"late"), frame(OpCode::Close, b"")].concat(), &LIMITS);
    assert!(connection.is_finished());

    let mut connection = open(Route::Session);
    connection.hold(Hold::Drain);
    assert!(connection.keep(&frame(OpCode::Close, &[0x03, 0xe8])));
    connection.close(&goodbye, &LIMITS);
    assert!(!connection.is_finished(), "our own word is not yet out");
    said(&mut connection);
    assert!(connection.is_finished());
}

#[test]
fn a_probe_is_answered_by_whatever_comes() {
    let mut connection = open(Route::Session);
    assert!(!connection.is_alive());
    assert!(connection.probe(*b"1234abcd"));
    assert_eq!(said(&mut connection), b"\x89\x081234abcd");
    assert!(connection.is_alive());
    assert!(!connection.is_alive());
    connection.hold(Hold::Shard);
    assert!(!connection.probe(*b"1234abcd"), "nobody would hear the answer");
}

#[test]
fn the_peers_close_is_found_after_a_violation() {
    let mut connection = open(Route::Echo);
    assert!(receive(&mut connection, &frame(OpCode::Text, b"\xff and more")).is_empty());
    assert_eq!(said(&mut connection)[2..4], CloseCode::INVALID_PAYLOAD.value().to_be_bytes());
    let mut late = frame(OpCode::Text, b"sent before it knew");
    connection.discard(&mut late, &LIMITS);
    assert!(!connection.is_finished());
    let mut close = frame(OpCode::Close, &[3, 232]);
    connection.discard(&mut close, &LIMITS);
    assert!(connection.is_finished());
}
