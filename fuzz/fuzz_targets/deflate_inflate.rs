//! Any payload of a compressed message is inflated or refused within the limit, whatever the message before it was; and any message comes
//! back from being compressed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::websocket::{Compressor, Inflater, MessageKind, WindowBits};

/// More than a compressor holds back.
const LONG_BYTES_MAX: usize = 100_000;

/// What is kept between messages.
const KEPT_BYTES_MAX: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let [settings, at, payload @ ..] = input else { return };
    let kind = if settings & 1 == 0 { MessageKind::Binary } else { MessageKind::Text };
    let limit = if settings & 2 == 0 { 1 << 20 } else { usize::from(*at) + 1 };
    let window = WindowBits::new(9 + (settings >> 2) % 7).expect("from 9 to 15");

    let mut inflater = Inflater::default();
    let fresh = inflater.inflate(kind, payload, limit).map(<[u8]>::to_vec);
    assert!(inflater.memory_bytes() <= limit.max(KEPT_BYTES_MAX));
    if let Ok(message) = &fresh {
        assert!(message.len() <= limit);
        assert!(kind == MessageKind::Binary || std::str::from_utf8(message).is_ok());
    }
    let (first, second) = payload.split_at(usize::from(*at).min(payload.len()));
    for other in [first, second] {
        _ = inflater.inflate(MessageKind::Binary, other, limit);
        assert_eq!(inflater.inflate(kind, payload, limit).map(<[u8]>::to_vec), fresh, "nothing is left of another");
    }

    let mut compressor = Compressor::default();
    // Long enough for the output to stop in the middle of what the compressor holds back.
    let mut long = payload.repeat(1 + usize::from(*at));
    long.truncate(LONG_BYTES_MAX);
    for message in [payload, &long, first] {
        if let Some(compressed) = compressor.compress(message, window) {
            assert!(compressed.len() < message.len());
            assert_eq!(inflater.inflate(MessageKind::Binary, compressed, message.len()), Ok(message));
        }
    }
});
