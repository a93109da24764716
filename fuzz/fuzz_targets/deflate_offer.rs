//! Whatever a client offers in `Sec-WebSocket-Extensions`, the answer is one that RFC 7692 allows, and is itself an offer that can be taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::websocket::{WindowBits, negotiate};

fuzz_target!(|input: &[u8]| {
    let offers = || input.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let Some(deflate) = negotiate(offers()) else { return };
    assert!((WindowBits::MIN..=WindowBits::MAX).contains(&deflate.server_window()));
    assert!(offers().any(|offer| offer.starts_with(b"permessage-deflate")));
    let answer = deflate.answer();
    assert!(answer.starts_with("permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    assert_eq!(negotiate([answer.as_bytes()]), Some(deflate), "{answer}");
});
