//! What the reader makes of byte streams, cut in every way.

use proptest::prelude::*;

use super::super::{CloseCode, put_close, put_frame, put_masked_frame};
use super::*;

const LIMITS: Limits = Limits { message_bytes_max: 1 << 20, fragments_max: 64 };
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An event that outlives the buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message { kind: MessageKind::Text, payload } => {
                Self::Text(String::from_utf8(payload.to_vec()).expect("the reader checked the text"))
            }
            Event::Message { kind: MessageKind::Binary, payload } => Self::Binary(payload.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(close) => Self::Close(close.map(|close| (close.code.value(), close.reason.to_owned()))),
        }
    }
}

/// Everything the reader says about `stream` when it arrives in pieces cut at `cuts`, and how it ends.
fn read(role: Role, stream: &[u8], cuts: &[usize], limits: &Limits) -> (Vec<Seen>, Option<Violation>) {
    let mut reader = Reader::new(role);
    let mut events = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        let mut data = stream[start..cut].to_vec();
        start = cut;
        let mut consumed = 0;
        loop {
            match reader.next(&mut data, &mut consumed, limits) {
                Ok(Some(event)) => events.push(event.into()),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
        assert_eq!(consumed, data.len(), "None means that everything was consumed");
    }
    (events, None)
}

/// Reads `stream` whole, byte by byte and in every cut into two, and expects the same each time.
fn check(name: &str, role: Role, stream: &[u8], events: &[Seen], violation: Option<Violation>) {
    let expected = (events.to_vec(), violation);
    assert_eq!(read(role, stream, &[], &LIMITS), expected, "{name}: whole");
    let bytes: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(read(role, stream, &bytes, &LIMITS), expected, "{name}: byte by byte");
    if stream.len() < 1000 {
        for cut in 0..stream.len() {
            assert_eq!(read(role, stream, &[cut], &LIMITS), expected, "{name}: cut at {cut}");
        }
    }
}

/// A frame from a client.
fn frame(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    FrameHeader { fin, compressed: false, opcode, mask: Some(KEY), payload_bytes: payload.len() as u64 }.put(&mut out);
    let start = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[start..], KEY, 0);
    out
}

fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let hello = text("Hello");
    check(
        "a single-frame unmasked text message",
        Role::Client,
        &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        std::slice::from_ref(&hello),
        None,
    );
    check(
        "a single-frame masked text message",
        Role::Server,
        &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        std::slice::from_ref(&hello),
        None,
    );
    check(
        "a fragmented unmasked text message",
        Role::Client,
        &[0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f],
        &[hello],
        None,
    );
    check(
        "an unmasked Ping",
        Role::Client,
        &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        &[Seen::Ping(b"Hello".to_vec())],
        None,
    );
    check(
        "a masked Pong",
        Role::Server,
        &[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        &[Seen::Pong(b"Hello".to_vec())],
        None,
    );
    let (short, long) = (vec![0xab; 256], vec![0xcd; 65_536]);
    let short_frame = [&[0x82, 0x7e, 0x01, 0x00], short.as_slice()].concat();
    check("256 bytes of binary", Role::Client, &short_frame, &[Seen::Binary(short)], None);
    let long_frame = [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], long.as_slice()].concat();
    check("64 KiB of binary", Role::Client, &long_frame, &[Seen::Binary(long)], None);
}

/// A name, the frames that arrive, and what is seen of them.
type Case = (&'static str, Vec<Vec<u8>>, Vec<Seen>);

#[test]
fn messages_and_control_frames_are_read_in_order() {
    let cases: &[Case] = &[
        ("nothing", vec![], vec![]),
        ("an empty binary", vec![frame(true, OpCode::Binary, b"")], vec![Seen::Binary(vec![])]),
        ("an empty text", vec![frame(true, OpCode::Text, b"")], vec![text("")]),
        ("an empty Ping", vec![frame(true, OpCode::Ping, b"")], vec![Seen::Ping(vec![])]),
        ("the longest Ping", vec![frame(true, OpCode::Ping, &[7; 125])], vec![Seen::Ping(vec![7; 125])]),
        (
            "two messages",
            vec![frame(true, OpCode::Text, b"one"), frame(true, OpCode::Binary, b"two")],
            vec![text("one"), Seen::Binary(b"two".to_vec())],
        ),
        (
            "a character cut by fragments",
            vec![
                frame(false, OpCode::Text, b"\xf0\x9f"),
                frame(false, OpCode::Continuation, b"\xa7"),
                frame(true, OpCode::Continuation, b"\xb5"),
            ],
            vec![text("🧵")],
        ),
        (
            "control frames between fragments",
            vec![
                frame(false, OpCode::Binary, b"ab"),
                frame(true, OpCode::Ping, b"1"),
                frame(false, OpCode::Continuation, b""),
                frame(true, OpCode::Pong, b"2"),
                frame(true, OpCode::Continuation, b"cd"),
                frame(true, OpCode::Binary, b"ef"),
            ],
            vec![
                Seen::Ping(b"1".to_vec()),
                Seen::Pong(b"2".to_vec()),
                Seen::Binary(b"abcd".to_vec()),
                Seen::Binary(b"ef".to_vec()),
            ],
        ),
        (
            "an empty last fragment",
            vec![frame(false, OpCode::Binary, b"ab"), frame(true, OpCode::Continuation, b"")],
            vec![Seen::Binary(b"ab".to_vec())],
        ),
        ("a Close without a code", vec![frame(true, OpCode::Close, b"")], vec![Seen::Close(None)]),
        (
            "a Close inside a message, and bytes after it",
            vec![
                frame(false, OpCode::Text, b"ab"),
                frame(true, OpCode::Close, b"\x03\xe9bye"),
                frame(true, OpCode::Text, b"late"),
                vec![0xff; 40],
            ],
            vec![Seen::Close(Some((1001, "bye".to_owned())))],
        ),
    ];
    for (name, frames, events) in cases {
        check(name, Role::Server, &frames.concat(), events, None);
    }
}

#[test]
fn every_violation_is_found_behind_the_events_before_it() {
    use Violation as V;
    let fragment = frame(false, OpCode::Binary, b"a");
    let max = LIMITS.message_bytes_max;
    let cases: &[(&str, Vec<u8>, V, CloseCode)] = &[
        ("a reserved bit", vec![0xc2, 0x80], V::ReservedBits { bits: 0x40 }, CloseCode::PROTOCOL_ERROR),
        ("an unknown opcode", vec![0x83, 0x80], V::UnknownOpCode { opcode: 3 }, CloseCode::PROTOCOL_ERROR),
        (
            "a fragmented Ping",
            frame(false, OpCode::Ping, b""),
            V::FragmentedControl { opcode: OpCode::Ping },
            CloseCode::PROTOCOL_ERROR,
        ),
        (
            "a Ping of 126 bytes",
            frame(true, OpCode::Ping, &[0; 126]),
            V::OversizedControl { opcode: OpCode::Ping },
            CloseCode::PROTOCOL_ERROR,
        ),
        ("a frame without a mask", vec![0x82, 0x01, 0x00], V::Unmasked, CloseCode::PROTOCOL_ERROR),
        (
            "a length of 5 in 16 bits",
            vec![0x82, 0xfe, 0, 5],
            V::LengthNotMinimal { payload_bytes: 5 },
            CloseCode::PROTOCOL_ERROR,
        ),
        ("a negative length", vec![0x82, 0xff, 0xff], V::LengthTopBit, CloseCode::PROTOCOL_ERROR),
        (
            "a continuation of nothing",
            frame(true, OpCode::Continuation, b"a"),
            V::UnexpectedContinuation,
            CloseCode::PROTOCOL_ERROR,
        ),
        (
            "a message inside a message",
            [fragment.clone(), frame(true, OpCode::Text, b"b")].concat(),
            V::MessageInterrupted { opcode: OpCode::Text },
            CloseCode::PROTOCOL_ERROR,
        ),
        ("half a close code", frame(true, OpCode::Close, b"\x03"), V::CloseCodeCut, CloseCode::PROTOCOL_ERROR),
        (
            "a close code that only describes its absence",
            frame(true, OpCode::Close, b"\x03\xee"),
            V::CloseCodeInvalid { code: 1006 },
            CloseCode::PROTOCOL_ERROR,
        ),
        (
            "a close reason that is not UTF-8",
            frame(true, OpCode::Close, b"\x03\xe8\xff"),
            V::CloseReasonNotUtf8,
            CloseCode::INVALID_PAYLOAD,
        ),
        (
            "a text that is not UTF-8",
            frame(true, OpCode::Text, b"ab\xffcd"),
            V::TextNotUtf8 { offset: 2 },
            CloseCode::INVALID_PAYLOAD,
        ),
        (
            "a text that ends within a character",
            frame(true, OpCode::Text, b"ab\xce"),
            V::TextNotUtf8 { offset: 3 },
            CloseCode::INVALID_PAYLOAD,
        ),
        (
            "a fragmented text that is not UTF-8",
            [frame(false, OpCode::Text, b"a\xed"), frame(true, OpCode::Continuation, b"\xa0\x80")].concat(),
            V::TextNotUtf8 { offset: 2 },
            CloseCode::INVALID_PAYLOAD,
        ),
        (
            "a frame over the limit",
            frame(true, OpCode::Binary, &vec![0; max + 1])[..14].to_vec(),
            V::TooBig { message_bytes: max as u64 + 1, message_bytes_max: max },
            CloseCode::MESSAGE_TOO_BIG,
        ),
        (
            "a message over the limit by what its last frame declares",
            [fragment, frame(true, OpCode::Continuation, &vec![0; max])[..14].to_vec()].concat(),
            V::TooBig { message_bytes: max as u64 + 1, message_bytes_max: max },
            CloseCode::MESSAGE_TOO_BIG,
        ),
    ];
    let before = frame(true, OpCode::Binary, b"before");
    for (name, stream, violation, close_code) in cases {
        check(name, Role::Server, stream, &[], Some(*violation));
        let stream = [before.as_slice(), stream].concat();
        check(name, Role::Server, &stream, &[Seen::Binary(b"before".to_vec())], Some(*violation));
        assert_eq!(violation.close_code(), *close_code, "{name}");
        assert!(!violation.to_string().is_empty());
    }
    let mut from_client = Vec::new();
    put_masked_frame(&mut from_client, OpCode::Binary, b"a", KEY);
    let ended = [
        frame(false, OpCode::Text, b"a"),
        frame(true, OpCode::Continuation, b""),
        frame(true, OpCode::Continuation, b""),
    ];
    check(
        "a continuation of a message that has ended",
        Role::Server,
        &ended.concat(),
        &[text("a")],
        Some(V::UnexpectedContinuation),
    );
    check("a masked frame from a server", Role::Client, &from_client, &[], Some(V::Masked));
}

#[test]
fn nothing_is_read_after_a_violation() {
    let mut reader = Reader::new(Role::Server);
    let mut consumed = 0;
    let mut data = [vec![0x83], frame(true, OpCode::Ping, b"")].concat();
    assert_eq!(
        reader.next(&mut data, &mut consumed, &LIMITS),
        Err(Violation::UnknownOpCode { opcode: 3 }),
        "the violation is given once"
    );
    assert_eq!(consumed, data.len());
    let mut more = frame(true, OpCode::Ping, b"");
    let mut consumed = 0;
    assert_eq!(reader.next(&mut more, &mut consumed, &LIMITS), Ok(None));
    assert_eq!((consumed, reader.memory_bytes()), (more.len(), 0));
}

#[test]
fn what_follows_a_close_frame_is_consumed_even_if_the_close_frame_is_wrong() {
    for payload in [&b""[..], b"\x03\xe8", b"\x03"] {
        let mut data = [frame(true, OpCode::Close, payload), vec![0xff; 20]].concat();
        let mut reader = Reader::new(Role::Server);
        let mut consumed = 0;
        let close = reader.next(&mut data, &mut consumed, &LIMITS).map(|event| event.map(Seen::from));
        assert_ne!(close, Ok(None), "{payload:02x?}");
        assert_eq!(consumed, data.len(), "{payload:02x?}");
        assert_eq!(reader.next(&mut data, &mut 0, &LIMITS), Ok(None), "{payload:02x?}");
    }
}

#[test]
fn a_bad_byte_of_a_text_is_refused_as_soon_as_it_arrives() {
    let bad: &[&[u8]] = &[b"\xff", b"\xc0", b"\xe0\x9f", b"\xed\xa0", b"\xf0\x8f", b"\xf4\x90", b"\xce\xba\x80"];
    for sequence in bad {
        // The frame declares 100 bytes; none behind the sequence ever arrives.
        let mut stream = frame(false, OpCode::Text, &[b"good ", *sequence, &[b' '; 95]].concat());
        let end = 6 + 5 + sequence.len();
        stream.truncate(end);
        let offset = 5 + sequence.len() - 1;
        let violation = Violation::TextNotUtf8 { offset };
        check(&format!("{sequence:02x?}"), Role::Server, &stream, &[], Some(violation));
        check(&format!("{sequence:02x?}, one less"), Role::Server, &stream[..end - 1], &[], None);
    }
}

#[test]
fn a_declared_size_reserves_nothing() {
    let limits = Limits { message_bytes_max: 1 << 30, ..LIMITS };
    for fin in [true, false] {
        let mut reader = Reader::new(Role::Server);
        let mut header = Vec::new();
        FrameHeader { fin, compressed: false, opcode: OpCode::Binary, mask: Some(KEY), payload_bytes: 1 << 30 }
            .put(&mut header);
        assert_eq!(reader.next(&mut header, &mut 0, &limits), Ok(None));
        assert!(reader.memory_bytes() < 512, "{} bytes for a header", reader.memory_bytes());

        let mut arrived = 0;
        for piece_bytes in [1, 7, 100, 2048, 2048, 2048, 60_000] {
            assert_eq!(reader.next(&mut vec![0; piece_bytes], &mut 0, &limits), Ok(None));
            arrived += piece_bytes;
            assert!(reader.memory_bytes() < 512 + 2 * arrived, "{} for {arrived}", reader.memory_bytes());
        }
    }
}

#[test]
fn memory_never_grows_past_the_size_of_the_message() {
    let stream = frame(true, OpCode::Binary, &[1; 100_000]);
    let mut reader = Reader::new(Role::Server);
    let mut events = 0;
    for piece in stream.chunks(2048) {
        let (mut piece, mut consumed) = (piece.to_vec(), 0);
        while let Some(event) = reader.next(&mut piece, &mut consumed, &LIMITS).expect("the stream is valid") {
            assert_eq!(Seen::from(event), Seen::Binary(vec![1; 100_000]));
            events += 1;
            assert!(reader.memory_bytes() <= 100_000 + size_of::<Partial>());
        }
    }
    assert_eq!((events, reader.memory_bytes()), (1, 0), "given back when the event has been used");
}

#[test]
fn a_reader_between_messages_holds_nothing() {
    let stream = [
        frame(false, OpCode::Binary, &[1; 5000]),
        frame(true, OpCode::Ping, b"p"),
        frame(true, OpCode::Continuation, &[2; 5000]),
        frame(true, OpCode::Ping, b"q"),
    ]
    .concat();
    for cut in 0..=stream.len() {
        let mut reader = Reader::new(Role::Server);
        for piece in [&stream[..cut], &stream[cut..]] {
            let (mut piece, mut consumed) = (piece.to_vec(), 0);
            while reader.next(&mut piece, &mut consumed, &LIMITS).expect("the stream is valid").is_some() {}
        }
        assert_eq!(reader.memory_bytes(), 0, "cut at {cut}");
    }
}

#[test]
fn a_message_of_exactly_the_limit_is_read() {
    let limits = Limits { message_bytes_max: 1000, ..LIMITS };
    let whole = frame(true, OpCode::Binary, &[1; 1000]);
    let fragments = [frame(false, OpCode::Binary, &[1; 999]), frame(true, OpCode::Continuation, &[1])].concat();
    for stream in [whole, fragments] {
        for cut in 0..stream.len() {
            let read = read(Role::Server, &stream, &[cut], &limits);
            assert_eq!(read, (vec![Seen::Binary(vec![1; 1000])], None), "cut at {cut}");
        }
    }
}

#[test]
fn empty_fragments_are_counted() {
    let fragments = |count: u32| {
        let mut stream = frame(false, OpCode::Text, b"");
        for _ in 2..count {
            stream.extend(frame(false, OpCode::Continuation, b""));
        }
        stream.extend(frame(true, OpCode::Continuation, b""));
        stream
    };
    let fragments_max = LIMITS.fragments_max;
    check("as many as allowed", Role::Server, &fragments(fragments_max), &[text("")], None);
    let too_many = Some(Violation::TooManyFragments { fragments_max });
    check("one more", Role::Server, &fragments(fragments_max + 1), &[], too_many);
}

#[test]
fn unread_bytes_may_be_passed_again_later() {
    let mut stream = [frame(true, OpCode::Text, b"one"), frame(true, OpCode::Text, b"two")].concat();
    let cut = stream.len() - 2;
    let mut late = stream.split_off(cut);

    let mut reader = Reader::new(Role::Server);
    let mut consumed = 0;
    let first = reader.next(&mut stream, &mut consumed, &LIMITS).expect("valid").map(Seen::from);
    assert_eq!(first, Some(text("one")));
    let mut rest = stream[consumed..].to_vec();
    drop(stream);

    assert_eq!(reader.next(&mut rest, &mut 0, &LIMITS), Ok(None));
    let second = reader.next(&mut late, &mut 0, &LIMITS).expect("valid").map(Seen::from);
    assert_eq!(second, Some(text("two")));
}

#[test]
fn what_the_writer_writes_is_read_back() {
    let mut stream = Vec::new();
    put_frame(&mut stream, OpCode::Binary, &[5; 70_000]);
    put_frame(&mut stream, OpCode::Ping, b"are you there");
    put_close(&mut stream, Some(CloseFrame { code: CloseCode::SERVICE_RESTART, reason: "back soon" }));
    let events = [
        Seen::Binary(vec![5; 70_000]),
        Seen::Ping(b"are you there".to_vec()),
        Seen::Close(Some((1012, "back soon".to_owned()))),
    ];
    check("a server's frames", Role::Client, &stream, &events, None);
}

/// One frame or message of a random stream.
#[derive(Clone, Debug)]
enum Sent {
    Message { text: bool, payload: Vec<u8>, cuts: Vec<usize>, between: Vec<(bool, Vec<u8>)> },
    Control { ping: bool, payload: Vec<u8> },
}

fn sent() -> impl Strategy<Value = Sent> {
    let control = (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..=125));
    let payload = prop_oneof![
        ("[a-zé-ÿ漢🧵]{0,60}").prop_map(|text| (true, text.into_bytes())),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|payload| (false, payload)),
        (65_500usize..66_000).prop_map(|length| (false, vec![0x5a; length])),
    ];
    let cuts = proptest::collection::vec(any::<proptest::sample::Index>(), 0..5);
    prop_oneof![
        3 => (payload, cuts, proptest::collection::vec(control.clone(), 0..3)).prop_map(
            |((text, payload), cuts, between)| {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
                cuts.sort_unstable();
                Sent::Message { text, payload, cuts, between }
            }
        ),
        1 => control.prop_map(|(ping, payload)| Sent::Control { ping, payload }),
    ]
}

/// The bytes of the items as either end would send them, and what the other end should see.
fn encode(items: &[Sent], role: Role, key: [u8; 4]) -> (Vec<u8>, Vec<Seen>) {
    let (mut stream, mut events) = (Vec::new(), Vec::new());
    let mut key = u32::from_be_bytes(key);
    let mut put = |fin, opcode, payload: &[u8]| {
        key = key.wrapping_mul(2_654_435_761).wrapping_add(1);
        let mask = match role {
            Role::Server => Some(key.to_be_bytes()),
            Role::Client => None,
        };
        FrameHeader { fin, compressed: false, opcode, mask, payload_bytes: payload.len() as u64 }.put(&mut stream);
        let start = stream.len();
        stream.extend_from_slice(payload);
        apply_mask(&mut stream[start..], mask.unwrap_or_default(), 0);
    };
    let control = |ping: bool, payload: &[u8]| match ping {
        true => (OpCode::Ping, Seen::Ping(payload.to_vec())),
        false => (OpCode::Pong, Seen::Pong(payload.to_vec())),
    };
    for item in items {
        match item {
            Sent::Control { ping, payload } => {
                let (opcode, event) = control(*ping, payload);
                put(true, opcode, payload);
                events.push(event);
            }
            Sent::Message { text, payload, cuts, between } => {
                let mut between = between.iter();
                let mut start = 0;
                let first = if *text { OpCode::Text } else { OpCode::Binary };
                for (index, &cut) in cuts.iter().chain([&payload.len()]).enumerate() {
                    let opcode = if index == 0 { first } else { OpCode::Continuation };
                    put(index == cuts.len(), opcode, &payload[start..cut]);
                    start = cut;
                    if index < cuts.len()
                        && let Some((ping, payload)) = between.next()
                    {
                        let (opcode, event) = control(*ping, payload);
                        put(true, opcode, payload);
                        events.push(event);
                    }
                }
                events.push(match text {
                    true => Seen::Text(String::from_utf8(payload.clone()).expect("generated from text")),
                    false => Seen::Binary(payload.clone()),
                });
            }
        }
    }
    (stream, events)
}

fn sorted(cuts: &[proptest::sample::Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #[test]
    fn any_stream_gives_the_same_events_however_it_is_cut(
        items in proptest::collection::vec(sent(), 0..8),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
        step in 1usize..40,
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
        key in any::<[u8; 4]>(),
    ) {
        let (stream, events) = encode(&items, role, key);
        let expected = (events, None);
        prop_assert_eq!(&read(role, &stream, &[], &LIMITS), &expected);
        prop_assert_eq!(&read(role, &stream, &sorted(&cuts, stream.len()), &LIMITS), &expected);
        let steps: Vec<usize> = (0..stream.len()).step_by(step).collect();
        prop_assert_eq!(&read(role, &stream, &steps, &LIMITS), &expected);
    }

    #[test]
    fn a_damaged_stream_gives_the_same_events_and_violation_however_it_is_cut(
        items in proptest::collection::vec(sent(), 1..5),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
        key in any::<[u8; 4]>(),
    ) {
        let (mut stream, _) = encode(&items, Role::Server, key);
        for (index, byte) in damage {
            let index = index.index(stream.len());
            stream[index] = byte;
        }
        let limits = Limits { message_bytes_max: 65_700, fragments_max: 3 };
        let whole = read(Role::Server, &stream, &[], &limits);
        prop_assert_eq!(&read(Role::Server, &stream, &sorted(&cuts, stream.len()), &limits), &whole);
    }

    #[test]
    fn arbitrary_bytes_give_the_same_events_and_violation_however_they_are_cut(
        stream in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0x80), Just(0x81), Just(0x01), Just(0x00), Just(0x82), Just(0x89)], 0..80),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
    ) {
        let whole = read(role, &stream, &[], &LIMITS);
        prop_assert_eq!(&read(role, &stream, &sorted(&cuts, stream.len()), &LIMITS), &whole);
    }
}
