//! Any bytes are a request, a refusal or an incomplete head, and the first prefix that gets an answer gets that of the
//! whole. Any path is split into segments that are document names or say why not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::document_name::{DocumentName, NAME_BYTES_MAX};
use selvedge_protocol::http::{Limits, parse_request, write_refusal};

const LIMITS: Limits = Limits { head_bytes_max: 512 };

fuzz_target!(|input: &[u8]| {
    let verdict = |bytes| parse_request(bytes, &LIMITS).map(|parsed| parsed.map(|(request, len)| (request.kind, len)));
    let whole = verdict(input);
    for cut in 0..input.len() {
        match verdict(&input[..cut]) {
            Ok(None) => {}
            answered => {
                assert_eq!(answered, whole);
                break;
            }
        }
    }

    match parse_request(input, &LIMITS) {
        Ok(None) => assert!(input.len() < LIMITS.head_bytes_max),
        Ok(Some((request, head_bytes))) => {
            assert!(head_bytes <= input.len() && head_bytes <= LIMITS.head_bytes_max);
            assert!(request.path.starts_with('/') && !request.path.contains('?'));
            for segment in request.path_segments() {
                if let Ok(name) = DocumentName::from_path_segment(segment) {
                    assert!((1..=NAME_BYTES_MAX).contains(&name.as_str().len()));
                    assert!(!name.as_str().contains(char::is_control));
                }
            }
            request.query_parameters().for_each(drop);
            request.protocols().chain(request.extensions()).chain(request.forwarded_for()).for_each(drop);
        }
        Err(error) => write_refusal(&mut Vec::new(), &error),
    }
});
