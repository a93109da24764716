//! A reader where compression was agreed on: any stream gives the same messages and the same violation in one piece and in many, and a plain
//! reader says the same of it up to the first compressed frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::websocket::{Event, Inflater, Limits, MessageKind, Read, Reader, Role, Violation, negotiate};

/// A box for what is incomplete, whatever it is.
const FIXED_BYTES_MAX: usize = 512;

fn read(
    mut reader: Reader,
    limits: &Limits,
    pieces: impl Iterator<Item = Vec<u8>>,
) -> (Vec<(u8, Vec<u8>)>, Option<Violation>) {
    let mut inflater = Inflater::default();
    let mut events = Vec::new();
    let mut arrived = 0;
    for mut piece in pieces {
        arrived += piece.len();
        let mut consumed = 0;
        loop {
            match reader.next_inflated(&mut piece, &mut consumed, limits, &mut inflater) {
                Ok(Some(Read::Event(Event::Message { kind, payload }))) => {
                    assert!(payload.len() <= limits.message_bytes_max);
                    assert!(kind == MessageKind::Binary || std::str::from_utf8(payload).is_ok());
                    events.push((if kind == MessageKind::Text { 1 } else { 2 }, payload.to_vec()));
                }
                Ok(Some(Read::Event(Event::Ping(payload)))) => events.push((9, payload.to_vec())),
                Ok(Some(Read::Event(Event::Pong(payload)))) => events.push((10, payload.to_vec())),
                Ok(Some(Read::Event(Event::Close(_)))) => events.push((8, Vec::new())),
                Ok(Some(Read::Inflating)) => continue,
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
            // What is inflated at once is the inflater's; of a large message the reader holds what is there, and the stream.
            let inflating = if arrived > 2 << 10 { limits.message_bytes_max + (64 << 10) } else { 0 };
            assert!(reader.memory_bytes() <= FIXED_BYTES_MAX + 3 * arrived + inflating);
        }
        assert_eq!(consumed, piece.len());
    }
    (events, None)
}

fuzz_target!(|input: &[u8]| {
    let [settings, step, stream @ ..] = input else { return };
    let limits = Limits {
        message_bytes_max: if settings & 1 == 0 { 1 << 16 } else { 100 },
        fragments_max: if settings & 2 == 0 { 1000 } else { 3 },
    };
    let deflate = negotiate([b"permessage-deflate".as_slice()]).expect("an offer that can be taken");
    let agreed = || Reader::with_deflate(Role::Server, deflate);
    let whole = read(agreed(), &limits, std::iter::once(stream.to_vec()));
    let cut = read(agreed(), &limits, stream.chunks(usize::from(*step).max(1)).map(<[u8]>::to_vec));
    assert_eq!(whole, cut);

    let (plain, violation) = read(Reader::new(Role::Server), &limits, std::iter::once(stream.to_vec()));
    assert!(whole.0.starts_with(&plain));
    match violation {
        Some(Violation::ReservedBits { bits: 0x40 }) => {}
        _ => assert_eq!(whole, (plain, violation)),
    }
});
