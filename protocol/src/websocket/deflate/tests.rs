//! Messages compressed and inflated, cut and broken in every way.

use proptest::prelude::*;

use super::super::{
    Event, FrameHeader, Limits, MessageKind, OpCode, Read, Reader, Role, Violation, apply_mask, put_compressed_frame,
};
use super::*;

const LIMIT: usize = 1 << 20;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn inflate(kind: MessageKind, compressed: &[u8]) -> Result<Vec<u8>, Violation> {
    Inflater::default().inflate(kind, compressed, LIMIT).map(<[u8]>::to_vec)
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    Compressor::default().compress(payload, WindowBits::MAX).expect("it gets smaller").to_vec()
}

/// Zeros, which get hundreds of times smaller.
fn bomb(inflated_bytes: usize) -> Vec<u8> {
    compressed(&vec![0; inflated_bytes])
}

#[test]
fn the_examples_of_the_rfc_are_inflated() {
    for (compressed, section) in [
        (b"\xf2\x48\xcd\xc9\xc9\x07\x00".as_slice(), "7.2.3.1: one block"),
        (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "7.2.3.3: a block with no compression"),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "7.2.3.4: a final block"),
        (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "7.2.3.5: two blocks"),
    ] {
        assert_eq!(inflate(MessageKind::Text, compressed).as_deref(), Ok(b"Hello".as_slice()), "{section}");
    }
    assert_eq!(inflate(MessageKind::Text, b"\x00"), Ok(Vec::new()), "7.2.3.6: an empty message");
}

#[test]
fn a_stream_may_follow_a_final_block() {
    let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(inflate(MessageKind::Text, hello).as_deref(), Ok(b"Hello".as_slice()), "nothing behind it");
    let twice = [hello.as_slice(), hello, b"\x00"].concat();
    assert_eq!(inflate(MessageKind::Text, &twice).as_deref(), Ok(b"HelloHello".as_slice()));
    // An empty final block, many times over.
    assert_eq!(inflate(MessageKind::Binary, &[3, 0].repeat(256)), Ok(Vec::new()));
    assert_eq!(inflate(MessageKind::Binary, &[3, 0].repeat(257)), Err(Violation::DeflateBroken));
}

#[test]
fn what_is_not_whole_blocks_is_broken() {
    for (broken, why) in [
        (b"".as_slice(), "not even the start of the block that the tail ends"),
        (b"\x07", "a block of the reserved type"),
        (b"\xff\xff\xff\xff", "no codes"),
        (b"\xf2\x48\xcd\xc9\xc9\x07", "the last block is not flushed"),
        (b"\xf2\x48\xcd", "cut in the middle of a block"),
        (b"\x00\x05\x00\xfa\xff", "cut in the middle of a block with no compression"),
        (b"\x00\x05\x00\xfb\xff\x48\x65\x6c\x6c\x6f\x00", "a length that does not match its complement"),
        (b"\xf3\x48\xcd\xc9\xc9\x07\x00\xff", "garbage behind a final block"),
        (b"\x4b\x04\x32\x00", "a distance beyond the start"),
    ] {
        assert_eq!(inflate(MessageKind::Binary, broken), Err(Violation::DeflateBroken), "{why}");
    }
}

#[test]
fn nothing_of_one_message_is_left_for_the_next() {
    let mut inflater = Inflater::default();
    // "Hello" again, by a reference to the message before (RFC 7692, section 7.2.3.2).
    let (first, second) = (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00");
    assert_eq!(inflater.inflate(MessageKind::Text, first, LIMIT), Ok(b"Hello".as_slice()));
    assert_eq!(inflater.inflate(MessageKind::Text, second, LIMIT), Err(Violation::DeflateBroken));
    assert_eq!(inflater.inflate(MessageKind::Text, first, LIMIT), Ok(b"Hello".as_slice()));

    let mut compressor = Compressor::default();
    let text = b"over and over ".repeat(20);
    let once = compressor.compress(&text, WindowBits::MAX).map(<[u8]>::to_vec);
    assert_eq!(compressor.compress(&text, WindowBits::MAX).map(<[u8]>::to_vec), once);
}

#[test]
fn a_bomb_is_inflated_up_to_the_limit_and_no_further() {
    let bomb = bomb(64 << 20);
    assert!(bomb.len() < 700_000, "{} bytes", bomb.len());
    for limit in [1, 100, STEP - 1, STEP, STEP + 1, 100_000, LIMIT] {
        let mut inflater = Inflater::default();
        let refused = inflater.inflate(MessageKind::Binary, &bomb, limit).map(<[u8]>::len);
        let message_bytes = limit as u64 + 1;
        assert_eq!(refused, Err(Violation::TooBig { message_bytes, message_bytes_max: limit }));
        assert!(inflater.memory_bytes() <= limit, "{} bytes for a limit of {limit}", inflater.memory_bytes());
    }
}

const STEP: usize = 16 << 10;

#[test]
fn a_message_of_exactly_the_limit_is_taken_and_one_of_a_byte_more_is_not() {
    for bytes in [100, STEP - 1, STEP, STEP + 1, 2 * STEP, 100_000] {
        let message = compressed(&vec![b'a'; bytes]);
        let mut inflater = Inflater::default();
        let at = |inflater: &mut Inflater, limit| inflater.inflate(MessageKind::Text, &message, limit).map(<[u8]>::len);
        assert_eq!(at(&mut inflater, bytes), Ok(bytes));
        assert!(matches!(at(&mut inflater, bytes - 1), Err(Violation::TooBig { .. })));
        assert_eq!(at(&mut inflater, bytes + 1), Ok(bytes));
    }
}

#[test]
fn a_large_message_leaves_no_memory_behind() {
    let mut inflater = Inflater::default();
    inflater.inflate(MessageKind::Binary, &bomb(LIMIT), LIMIT).expect("within the limit");
    assert!(inflater.memory_bytes() >= LIMIT);
    inflater.tidy();
    assert!(inflater.memory_bytes() <= KEPT_BYTES_MAX);
}

#[test]
fn a_text_ends_with_the_step_in_which_it_is_found_not_to_be_utf8() {
    let mut text = vec![b'a'; 40_000];
    text[30_000] = 0xff;
    assert_eq!(inflate(MessageKind::Text, &compressed(&text)), Err(Violation::TextNotUtf8 { offset: 30_000 }));
    assert_eq!(inflate(MessageKind::Binary, &compressed(&text)), Ok(text.clone()));
    // What follows would be broken, and is not looked at.
    let mut behind = compressed(&text);
    behind.truncate(behind.len() - 2);
    assert_eq!(inflate(MessageKind::Text, &behind), Err(Violation::TextNotUtf8 { offset: 30_000 }));

    let mut cut = vec![b'a'; 3_000];
    cut.push(0xc3);
    assert_eq!(inflate(MessageKind::Text, &compressed(&cut)), Err(Violation::TextNotUtf8 { offset: 3_001 }));
}

#[test]
fn what_would_not_get_smaller_is_not_compressed() {
    let mut compressor = Compressor::default();
    for payload in [b"".as_slice(), b"a", b"ab", b"abc"] {
        assert_eq!(compressor.compress(payload, WindowBits::MAX), None);
    }
}

#[test]
fn a_message_that_did_not_get_smaller_leaves_the_compressor_whole() {
    let mut state = 7_u32;
    let mut noise = |bytes: usize| -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(bytes).collect()
    };
    let (mut compressor, mut inflater) = (Compressor::default(), Inflater::default());
    // Larger than what zlib holds back, so that its output stops in the middle.
    for bytes in [200_000, 1_000, 70_000, 300_000, 65_536, 131_072] {
        assert_eq!(compressor.compress(&noise(bytes), WindowBits::MAX), None);
        let text = [noise(bytes / 2), vec![b'a'; bytes]].concat();
        let smaller = compressor.compress(&text, WindowBits::MAX).expect("half of it is one letter");
        assert_eq!(inflater.inflate(MessageKind::Binary, smaller, LIMIT), Ok(text.as_slice()));
    }
}

/// What a server hears of a stream that comes in pieces.
fn heard(pieces: &[Vec<u8>], limits: &Limits) -> (Vec<(MessageKind, Vec<u8>)>, Option<Violation>) {
    let deflate = negotiate([b"permessage-deflate".as_slice()]).expect("an offer that can be taken");
    let (mut reader, mut inflater) = (Reader::with_deflate(Role::Server, deflate), Inflater::default());
    let mut heard = Vec::new();
    for piece in pieces {
        let (mut data, mut consumed) = (piece.clone(), 0);
        loop {
            match reader.next_inflated(&mut data, &mut consumed, limits, &mut inflater) {
                Ok(Some(Read::Event(Event::Message { kind, payload }))) => heard.push((kind, payload.to_vec())),
                Ok(Some(Read::Inflating | Read::Event(Event::Ping(_) | Event::Pong(_) | Event::Close(_)))) => {}
                Ok(None) => break,
                Err(violation) => return (heard, Some(violation)),
            }
        }
    }
    assert_eq!(reader.memory_bytes(), 0, "nothing is held between messages");
    (heard, None)
}

/// One message in frames cut at `cuts`, with a ping between them, as a client sends it.
fn frames(opcode: OpCode, compressed: bool, payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |fin, compressed, opcode, piece: &[u8]| {
        FrameHeader { fin, compressed, opcode, mask: Some(KEY), payload_bytes: piece.len() as u64 }.put(&mut out);
        let start = out.len();
        out.extend_from_slice(piece);
        apply_mask(&mut out[start..], KEY, 0);
    };
    let mut start = 0;
    for &cut in cuts {
        let opcode = if start == 0 { opcode } else { OpCode::Continuation };
        if cut > start {
            put(false, compressed && start == 0, opcode, &payload[start..cut]);
            put(true, false, OpCode::Ping, b"between");
            start = cut;
        }
    }
    let opcode = if start == 0 { opcode } else { OpCode::Continuation };
    put(true, compressed && start == 0, opcode, &payload[start..]);
    out
}

#[test]
fn a_refused_message_ends_nothing_but_itself() {
    let limits = Limits { message_bytes_max: 1000, fragments_max: 8 };
    let stream =
        [frames(OpCode::Binary, true, &bomb(5000), &[]), frames(OpCode::Close, false, b"\x03\xe8", &[])].concat();
    let (events, violation) = heard(std::slice::from_ref(&stream), &limits);
    assert_eq!(
        (events, violation),
        (Vec::new(), Some(Violation::TooBig { message_bytes: 1001, message_bytes_max: 1000 }))
    );

    let deflate = negotiate([b"permessage-deflate".as_slice()]).expect("an offer that can be taken");
    let (mut reader, mut inflater) = (Reader::with_deflate(Role::Server, deflate), Inflater::default());
    let (mut data, mut consumed) = (stream, 0);
    reader.next_inflated(&mut data, &mut consumed, &limits, &mut inflater).expect_err("a bomb");
    assert_eq!(reader.skip_to_close(&mut data[consumed..], &limits), Ok(true));
}

#[test]
fn the_bit_of_compression_stands_only_where_it_may() {
    let limits = Limits { message_bytes_max: 1000, fragments_max: 8 };
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let refused = Some(Violation::ReservedBits { bits: 0x40 });
    let mut continued = frames(OpCode::Text, true, hello, &[3]);
    let at = continued.len() - 6 - (hello.len() - 3);
    assert_eq!(continued[at], 0x80);
    continued[at] |= 0x40;
    assert_eq!(heard(&[continued], &limits).1, refused);
    let mut ping = frames(OpCode::Ping, false, b"", &[]);
    ping[0] |= 0x40;
    assert_eq!(heard(&[ping], &limits).1, refused);

    let mut reader = Reader::new(Role::Server);
    let (mut data, mut consumed) = (frames(OpCode::Text, true, hello, &[]), 0);
    assert_eq!(reader.next(&mut data, &mut consumed, &limits).err(), refused);
}

proptest! {
    #[test]
    fn a_message_comes_back_whatever_its_window_and_its_cuts(
        words in proptest::collection::vec("[a-f]{1,6}|[^a]{1,3}", 0..600),
        bits in 9..=15_u8,
        fragments in proptest::collection::vec(0.0..1.0_f64, 0..4),
        reads in proptest::collection::vec(0.0..1.0_f64, 0..6),
        text: bool,
    ) {
        let message = words.join(" ").into_bytes();
        let window = WindowBits::new(bits).expect("from 9 to 15");
        let mut compressor = Compressor::default();
        let (payload, compressed) = match compressor.compress(&message, window) {
            Some(payload) => (payload, true),
            None => (message.as_slice(), false),
        };
        prop_assert!(!compressed || payload.len() < message.len());
        let opcode = if text { OpCode::Text } else { OpCode::Binary };
        let places = |shares: &[f64], len: usize| {
            let mut places: Vec<usize> = shares.iter().map(|share| (share * len as f64) as usize).collect();
            places.sort_unstable();
            places
        };
        let stream = frames(opcode, compressed, payload, &places(&fragments, payload.len()));
        let mut pieces = Vec::new();
        let mut start = 0;
        for cut in places(&reads, stream.len()) {
            pieces.push(stream[start..cut].to_vec());
            start = cut;
        }
        pieces.push(stream[start..].to_vec());
        let limits = Limits { message_bytes_max: LIMIT, fragments_max: 8 };
        let (messages, violation) = heard(&pieces, &limits);
        prop_assert_eq!(violation, None);
        let kind = if text { MessageKind::Text } else { MessageKind::Binary };
        prop_assert_eq!(messages, vec![(kind, message)]);
    }

    #[test]
    fn any_bytes_are_inflated_or_refused_within_the_limit(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        limit in 1..5000_usize,
        text: bool,
    ) {
        let kind = if text { MessageKind::Text } else { MessageKind::Binary };
        let mut inflater = Inflater::default();
        if let Ok(message) = inflater.inflate(kind, &bytes, limit) {
            prop_assert!(message.len() <= limit);
            prop_assert!(!text || std::str::from_utf8(message).is_ok());
        }
        prop_assert!(inflater.memory_bytes() <= limit);
    }
}

#[test]
fn a_compressed_frame_is_written_as_in_the_rfc() {
    let mut out = Vec::new();
    put_compressed_frame(&mut out, OpCode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    assert_eq!(out, b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
}

#[test]
fn a_large_message_is_inflated_in_steps_and_is_the_same_as_at_once() {
    let mut compressor = Compressor::default();
    let mut state = 1_u32;
    let words: Vec<u8> = (0..300_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 28) as u8
        })
        .collect();
    for message in [words, vec![b'x'; 3 << 20]] {
        let compressed = compressor.compress(&message, WindowBits::MAX).expect("it gets smaller").to_vec();
        for budget in [1, 1_000, 100_000, usize::MAX] {
            let mut inflation = Inflation::new(MessageKind::Text, compressed.clone(), message.len());
            let mut steps = 1;
            while !inflation.step(budget).expect("it is sound") {
                steps += 1;
            }
            assert!(inflation.message() == message, "{budget}");
            // A step may go beyond its budget by what one call gives.
            assert!(steps >= message.len() / budget.saturating_add(STEP_BYTES_MAX), "{steps} steps of {budget}");
        }
        let mut inflation = Inflation::new(MessageKind::Binary, compressed, message.len() - 1);
        let refused = std::iter::repeat_with(|| inflation.step(10_000)).find(|step| *step != Ok(false));
        assert!(matches!(refused, Some(Err(Violation::TooBig { .. }))), "{refused:?}");
    }
}

/// See `STEP_BYTES` of the inflater.
const STEP_BYTES_MAX: usize = 16 << 10;

#[test]
fn a_reader_says_of_each_step_that_it_was_one() {
    let limits = Limits { message_bytes_max: 8 << 20, fragments_max: 8 };
    let mut compressor = Compressor::default();
    let message = vec![7; 8 << 20];
    let compressed = compressor.compress(&message, WindowBits::MAX).expect("it gets smaller").to_vec();
    let stream =
        [frames(OpCode::Binary, true, &compressed, &[100]), frames(OpCode::Ping, false, b"after", &[])].concat();
    let deflate = negotiate([b"permessage-deflate".as_slice()]).expect("an offer that can be taken");
    let (mut reader, mut inflater) = (Reader::with_deflate(Role::Server, deflate), Inflater::default());
    let (mut data, mut consumed) = (stream, 0);
    let (mut steps, mut heard) = (0, Vec::new());
    while let Some(read) = reader.next_inflated(&mut data, &mut consumed, &limits, &mut inflater).expect("it is sound")
    {
        match read {
            Read::Inflating => steps += 1,
            Read::Event(Event::Message { payload, .. }) => heard.push(payload == message),
            Read::Event(Event::Ping(payload)) => heard.push(payload == b"after" || payload == b"between"),
            Read::Event(Event::Pong(_) | Event::Close(_)) => panic!("nothing of this was sent"),
        }
        assert!(reader.memory_bytes() <= message.len() + (1 << 20));
    }
    assert_eq!(heard, [true, true, true], "a ping between the frames, the message, and a ping behind it");
    assert!(steps > 10, "{steps}");
    assert_eq!(reader.memory_bytes(), 0);
}
