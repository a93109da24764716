//! Messages as @hocuspocus/provider 4.8.0 and @hocuspocus/server 4.7.0 write them, and what is not one.

use super::*;
use crate::document_name::{DocumentNameError, NAME_BYTES_MAX};
use crate::lib0::{Malformed, put_buf};
use crate::sync::Message;
use crate::websocket::{FrameHeader, Role};
use proptest::prelude::*;

const UPDATE_OF_YJS: &[u8] = b"\x01\x01\x07\x00\x04\x01\x01t\x03h\xc3\xa9\x00";

/// Written by a provider of document `doc` with the token `x`, whose client 7 types `hé` and says `hé`.
const WRITTEN_BY_THE_PROVIDER: &[(&[u8], Body<'_>)] = &[
    (b"\x03doc\x02\x00\x01x\x054.8.0", Body::Token { token: "x" }),
    (b"\x03doc\x00\x00\x01\x00", Body::Message(Message::SyncStep1 { state_vector: b"\x00" })),
    (b"\x03doc\x01\x06\x01\x07\x00\x02{}", Body::Message(Message::Awareness { update: b"\x01\x07\x00\x02{}" })),
    (
        b"\x03doc\x00\x02\x0d\x01\x01\x07\x00\x04\x01\x01t\x03h\xc3\xa9\x00",
        Body::Message(Message::Update { update: UPDATE_OF_YJS }),
    ),
    (b"\x03doc\x05\x03h\xc3\xa9", Body::Stateless { payload: "hé" }),
    (b"\x03doc\x03", Body::Message(Message::QueryAwareness)),
    (b"\x03doc\x04\x00\x03\x01\x07\x02", Body::SyncReply(Message::SyncStep1 { state_vector: b"\x01\x07\x02" })),
    (b"\x03doc\x06\x03h\xc3\xa9", Body::BroadcastStateless),
    (b"\x03doc\x07", Body::Close),
];

/// Written by `OutgoingMessage` of the server for the address `doc`.
fn written_by_the_server() -> Vec<(&'static [u8], Vec<u8>)> {
    type Put = fn(&mut Vec<u8>, &[u8]);
    let cases: [(&[u8], Put); 8] = [
        (b"\x03doc\x02\x02\nread-write", |out, address| put_authenticated(out, address, false)),
        (b"\x03doc\x02\x02\x08readonly", |out, address| put_authenticated(out, address, true)),
        (b"\x03doc\x02\x01\x11permission-denied", |out, a| put_permission_denied(out, a, "permission-denied")),
        (b"\x03doc\x02\x00", put_token_request),
        (b"\x03doc\x07\x12provider_initiated", |out, address| put_close(out, address, "provider_initiated")),
        (b"\x03doc\x08\x01", |out, address| put_sync_status(out, address, true)),
        (b"\x03doc\x08\x00", |out, address| put_sync_status(out, address, false)),
        (b"\x03doc\x05\x03h\xc3\xa9", |out, address| put_stateless(out, address, "hé")),
    ];
    cases
        .map(|(bytes, put)| {
            let mut frame = Vec::new();
            put(&mut frame, b"\x03doc");
            (bytes, frame)
        })
        .to_vec()
}

fn body(frame: &[u8]) -> Result<Body<'_>, BodyError> {
    match parse(frame) {
        Ok(Incoming::Document { address, body }) => {
            assert_eq!((address.document(), address.encoded()), ("doc", &b"\x03doc"[..]));
            parse_body(body)
        }
        other => panic!("{other:?}"),
    }
}

fn addressed(text: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_buf(&mut frame, text);
    frame.push(3);
    frame
}

#[test]
fn what_the_provider_writes_is_read() {
    for (frame, expected) in WRITTEN_BY_THE_PROVIDER {
        assert_eq!(body(frame), Ok(*expected));
    }
}

#[test]
fn what_is_written_is_what_the_server_of_hocuspocus_writes() {
    for (expected, frame) in written_by_the_server() {
        let (header, len) = FrameHeader::parse(&frame, Role::Client).expect("valid").expect("whole");
        assert_eq!(usize::try_from(header.payload_bytes).expect("small"), frame.len() - len);
        assert_eq!(&frame[len..], expected);
    }
}

#[test]
fn a_ping_is_one_byte_and_needs_no_address() {
    let mut frame = Vec::new();
    put_ping(&mut frame);
    assert_eq!(frame, [0x82, 1, 9]);
    assert_eq!((parse(&[9]), parse(&[10])), (Ok(Incoming::Alive), Ok(Incoming::Alive)));
    // Two bytes are an address, or the begin of one.
    assert_eq!(parse(&[9, 9]), Err(AddressError::Malformed(Malformed::CountTooLarge)));
    assert_eq!(parse(&[8]), Err(AddressError::Malformed(Malformed::CountTooLarge)));
}

#[test]
fn an_address_is_a_document_and_perhaps_a_session() {
    let session = "s".repeat(SESSION_BYTES_MAX);
    let long = format!("n\0{session}x");
    let name = "n".repeat(NAME_BYTES_MAX + 1);
    let in_document = AddressError::Document;
    let cases: &[(&str, Result<&str, AddressError>)] = &[
        ("doc", Ok("doc")),
        ("a/b \u{a0}漢", Ok("a/b \u{a0}漢")),
        ("doc\0s1", Ok("doc")),
        ("doc\0", Ok("doc")),
        (&long[..long.len() - 1], Ok("n")),
        ("", Err(in_document(DocumentNameError::Empty))),
        ("\0s1", Err(in_document(DocumentNameError::Empty))),
        ("a\nb", Err(in_document(DocumentNameError::ControlCharacter { character: '\n', at: 1 }))),
        (&name, Err(in_document(DocumentNameError::TooLong { name_bytes: NAME_BYTES_MAX + 1 }))),
        (&long, Err(AddressError::SessionTooLong { session_bytes: SESSION_BYTES_MAX + 1 })),
        ("doc\0a\0b", Err(AddressError::SessionControlCharacter)),
        ("doc\0\u{85}", Err(AddressError::SessionControlCharacter)),
    ];
    for (text, expected) in cases {
        let frame = addressed(text.as_bytes());
        let parsed = parse(&frame).map(|incoming| match incoming {
            Incoming::Document { address, body } => {
                assert_eq!((address.encoded(), body), (&frame[..frame.len() - 1], &[3][..]));
                address.document()
            }
            Incoming::Alive => panic!("it has an address"),
        });
        assert_eq!(parsed, *expected, "{text:?}");
    }
    assert_eq!(parse(&addressed(b"a\xff")), Err(AddressError::Malformed(Malformed::NotUtf8)));
    assert_eq!(parse(&[]), Err(AddressError::Malformed(Malformed::Truncated)));
    for error in cases.iter().filter_map(|(_, expected)| expected.err()) {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn what_is_not_a_message_is_refused_with_the_reason() {
    let cases: &[(&[u8], BodyError)] = &[
        (b"\x00\x03\x00", SyncError::UnknownSync { sync_type: 3 }.into()),
        (b"\x04\x03\x00", SyncError::UnknownSync { sync_type: 3 }.into()),
        (b"\x04\x00\x01\x00\x00", SyncError::TrailingBytes { trailing_bytes: 1 }.into()),
        (b"\x02\x01\x00", BodyError::UnknownAuth { auth_type: 1 }),
        (b"\x02\x02\x00", BodyError::UnknownAuth { auth_type: 2 }),
        (b"\x02\x00\x05x", Malformed::CountTooLarge.into()),
        (b"\x02\x00\x01\xff", Malformed::NotUtf8.into()),
        (b"\x05\x01\xff", Malformed::NotUtf8.into()),
        (b"\x05\x01xy", SyncError::TrailingBytes { trailing_bytes: 1 }.into()),
        (b"", Malformed::Truncated.into()),
    ];
    for (bytes, error) in cases {
        assert_eq!(parse_body(bytes), Err(*error), "{bytes:02x?}");
        assert!(!error.to_string().is_empty());
    }
    for message_type in [8, 9, 10, 11, 127] {
        assert_eq!(parse_body(&[message_type, 1]), Ok(Body::Unknown { message_type: u64::from(message_type) }));
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_taken_apart_without_loss(frame in proptest::collection::vec(prop_oneof![0u8..12, any::<u8>()], 0..40)) {
        if let Ok(Incoming::Document { address, body }) = parse(&frame) {
            prop_assert_eq!(&[address.encoded(), body].concat(), &frame);
            let _ = parse_body(body);
        }
    }

    #[test]
    fn what_the_other_dialect_has_means_the_same_here(body in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 1..20)) {
        if let (Ok(message), false) = (sync::parse(&body), body[0] == 2) {
            prop_assert_eq!(parse_body(&body), Ok(Body::Message(message)));
        }
    }
}
