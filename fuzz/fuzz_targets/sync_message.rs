//! Whatever parses as a message is written back byte for byte: there is one encoding, and nothing is overlooked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::sync::parse;

fuzz_target!(|input: &[u8]| {
    if let Ok(message) = parse(input) {
        let mut written = Vec::new();
        message.put(&mut written);
        assert_eq!(written, input);
        assert_eq!(written.len(), message.encoded_len());
    }
});
