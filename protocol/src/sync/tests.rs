//! Messages as y-protocols 1.0.7 writes them, and what is not one.

use super::*;
use crate::lib0::Malformed;
use crate::websocket::{Event, Limits, MessageKind, Reader as FrameReader, Role};
use proptest::prelude::*;

const UPDATE_OF_YJS: &[u8] = b"\x01\x01\x07\x00\x04\x01\x01t\x03h\xc3\xa9\x00";

/// Written by `writeSyncStep1`, `writeSyncStep2`, `writeUpdate` and `writePermissionDenied` of y-protocols 1.0.7 for an
/// empty document and for one in which client 7 wrote `hé`.
const WRITTEN_BY_Y_PROTOCOLS: &[(&[u8], Message<'_>)] = &[
    (b"\x00\x00\x01\x00", Message::SyncStep1 { state_vector: b"\x00" }),
    (b"\x00\x00\x03\x01\x07\x02", Message::SyncStep1 { state_vector: b"\x01\x07\x02" }),
    (b"\x00\x01\x02\x00\x00", Message::SyncStep2 { update: b"\x00\x00" }),
    (b"\x00\x01\x0d\x01\x01\x07\x00\x04\x01\x01t\x03h\xc3\xa9\x00", Message::SyncStep2 { update: UPDATE_OF_YJS }),
    (b"\x00\x02\x0d\x01\x01\x07\x00\x04\x01\x01t\x03h\xc3\xa9\x00", Message::Update { update: UPDATE_OF_YJS }),
    (b"\x01\x01\x00", Message::Awareness { update: b"\x00" }),
    (b"\x02\x00\x09read-only", Message::PermissionDenied { reason: "read-only" }),
    (b"\x03", Message::QueryAwareness),
];

/// The one message in the one frame of `frame`.
fn unframed(frame: &mut [u8]) -> Vec<u8> {
    let (mut reader, mut consumed) = (FrameReader::new(Role::Client), 0);
    let limits = Limits { message_bytes_max: usize::MAX, fragments_max: 1 };
    let Ok(Some(Event::Message { kind: MessageKind::Binary, payload })) = reader.next(frame, &mut consumed, &limits)
    else {
        panic!("a frame with a binary message");
    };
    let message = payload.to_vec();
    assert_eq!(consumed, frame.len(), "nothing is behind the frame");
    message
}

#[test]
fn what_y_protocols_writes_is_read_and_written_alike() {
    for (bytes, message) in WRITTEN_BY_Y_PROTOCOLS {
        assert_eq!(parse(bytes), Ok(*message));
        let mut frame = Vec::new();
        message.put_frame(&mut frame);
        assert_eq!(unframed(&mut frame), *bytes, "{message:?}");
    }
}

#[test]
fn each_writer_writes_its_message() {
    type Put = fn(&mut Vec<u8>);
    let cases: &[(Put, Message<'_>)] = &[
        (|out| put_sync_step_1(out, b"\x00"), Message::SyncStep1 { state_vector: b"\x00" }),
        (|out| put_sync_step_2(out, UPDATE_OF_YJS), Message::SyncStep2 { update: UPDATE_OF_YJS }),
        (|out| put_update(out, UPDATE_OF_YJS), Message::Update { update: UPDATE_OF_YJS }),
        (|out| put_permission_denied(out, "read-only"), Message::PermissionDenied { reason: "read-only" }),
        (
            |out| put_awareness(out, [Entry { client: 7, clock: 1, state: Some("{}") }].into_iter()),
            Message::Awareness { update: b"\x01\x07\x01\x02{}" },
        ),
    ];
    for (put, message) in cases {
        let mut frame = Vec::new();
        put(&mut frame);
        assert_eq!(parse(&unframed(&mut frame)), Ok(*message));
    }
}

#[test]
fn every_message_cut_short_is_truncated_and_every_longer_one_has_trailing_bytes() {
    for (bytes, message) in WRITTEN_BY_Y_PROTOCOLS {
        for cut in 0..bytes.len() {
            let refused = parse(&bytes[..cut]);
            let expected = [Malformed::Truncated, Malformed::CountTooLarge].map(SyncError::Malformed);
            assert!(refused.is_err_and(|error| expected.contains(&error)), "{message:?} cut at {cut}: {refused:?}");
        }
        let longer = [*bytes, b"\x00\x00"].concat();
        assert_eq!(parse(&longer), Err(SyncError::TrailingBytes { trailing_bytes: 2 }), "{message:?}");
    }
}

#[test]
fn what_is_not_a_message_is_refused_with_the_reason() {
    let cases: &[(&[u8], SyncError)] = &[
        (b"\x04", SyncError::UnknownMessage { message_type: 4 }),
        (b"\x64rest", SyncError::UnknownMessage { message_type: 100 }),
        (b"\x80\x01", SyncError::UnknownMessage { message_type: 128 }),
        (b"\x00\x03\x00", SyncError::UnknownSync { sync_type: 3 }),
        (b"\x02\x01\x00", SyncError::UnknownAuth { auth_type: 1 }),
        (b"\x80\x00", SyncError::Malformed(Malformed::NotCanonical)),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", SyncError::Malformed(Malformed::NumberTooLarge)),
        (b"\x00\x02\xff\xff\xff\xff\x0f", SyncError::Malformed(Malformed::CountTooLarge)),
        (b"\x02\x00\x01\xff", SyncError::Malformed(Malformed::NotUtf8)),
    ];
    for (bytes, error) in cases {
        assert_eq!(parse(bytes), Err(*error), "{bytes:02x?}");
        assert!(!error.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn whatever_parses_is_written_back_byte_for_byte(
        head in proptest::collection::vec(0u8..4, 0..3),
        tail in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..20),
    ) {
        let bytes = [head, tail].concat();
        if let Ok(message) = parse(&bytes) {
            let mut written = Vec::new();
            message.put(&mut written);
            prop_assert_eq!(written.len(), message.encoded_len());
            prop_assert_eq!(written, bytes);
        }
    }

    #[test]
    fn bodies_of_every_size_survive_the_frame(body_bytes in prop_oneof![0usize..300, 16_200usize..16_500, 65_400usize..65_600]) {
        let update = vec![7; body_bytes];
        let mut frame = Vec::new();
        put_update(&mut frame, &update);
        let message = unframed(&mut frame);
        prop_assert_eq!(parse(&message), Ok(Message::Update { update: &update }));
    }
}
