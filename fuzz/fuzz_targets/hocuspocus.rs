//! Whatever comes is taken apart without loss, and what both dialects have means the same in both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::document_name::DocumentName;
use selvedge_protocol::hocuspocus::{Body, Incoming, parse, parse_body};
use selvedge_protocol::sync;

fuzz_target!(|input: &[u8]| {
    let Ok(Incoming::Document { address, body }) = parse(input) else { return };
    assert_eq!([address.encoded(), body].concat(), input);
    assert!(DocumentName::new(address.document()).is_ok());
    match parse_body(body) {
        Ok(Body::Message(message)) => {
            assert_eq!(sync::parse(body), Ok(message));
            assert!(!matches!(message, sync::Message::PermissionDenied { .. }));
        }
        Ok(Body::SyncReply(message)) => {
            let mut written = Vec::new();
            message.put(&mut written);
            assert_eq!(written[1..], body[1..]);
        }
        Ok(Body::Token { .. } | Body::Stateless { .. } | Body::BroadcastStateless | Body::Close)
        | Ok(Body::Unknown { .. })
        | Err(_) => {}
    }
});
