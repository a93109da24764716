//! Any stream of bytes gives the same events and the same violation in one piece and in many, and never makes the reader
//! hold more than twice what has arrived.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::websocket::{Event, Limits, MessageKind, Reader, Role, Violation};

/// A box for what is incomplete, whatever it is.
const FIXED_BYTES_MAX: usize = 512;

/// The events, written down so that they outlive the buffers, and the violation that ended them.
fn read(role: Role, limits: &Limits, pieces: impl Iterator<Item = Vec<u8>>) -> (Vec<(u8, Vec<u8>)>, Option<Violation>) {
    let mut reader = Reader::new(role);
    let mut events = Vec::new();
    let mut arrived = 0;
    for mut piece in pieces {
        arrived += piece.len();
        let mut consumed = 0;
        loop {
            match reader.next(&mut piece, &mut consumed, limits) {
                Ok(Some(Event::Message { kind: MessageKind::Text, payload })) => {
                    assert!(std::str::from_utf8(payload).is_ok());
                    events.push((1, payload.to_vec()));
                }
                Ok(Some(Event::Message { kind: MessageKind::Binary, payload })) => events.push((2, payload.to_vec())),
                Ok(Some(Event::Ping(payload))) => events.push((9, payload.to_vec())),
                Ok(Some(Event::Pong(payload))) => events.push((10, payload.to_vec())),
                Ok(Some(Event::Close(close))) => {
                    let text = close.map(|close| format!("{} {}", close.code.value(), close.reason));
                    events.push((8, text.unwrap_or_default().into_bytes()));
                }
                Ok(None) => break,
                Err(violation) => {
                    assert_eq!(consumed, piece.len());
                    return (events, Some(violation));
                }
            }
            assert!(reader.memory_bytes() <= FIXED_BYTES_MAX + 2 * arrived);
        }
        assert_eq!(consumed, piece.len());
        assert!(reader.memory_bytes() <= FIXED_BYTES_MAX + 2 * arrived);
    }
    (events, None)
}

fuzz_target!(|input: &[u8]| {
    let [settings, step, stream @ ..] = input else { return };
    let role = if settings & 1 == 0 { Role::Server } else { Role::Client };
    let limits = Limits {
        message_bytes_max: if settings & 2 == 0 { 1 << 30 } else { 100 },
        fragments_max: if settings & 4 == 0 { 1000 } else { 3 },
    };
    let whole = read(role, &limits, std::iter::once(stream.to_vec()));
    let cut = read(role, &limits, stream.chunks(usize::from(*step).max(1)).map(<[u8]>::to_vec));
    assert_eq!(whole, cut);
});
