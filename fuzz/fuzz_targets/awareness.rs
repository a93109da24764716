//! Whatever parses as an awareness update can be read to its end, and is the same update after it was written anew.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::awareness::{Entry, Limits, encoded_len, parse, put_update};

const LIMITS: Limits = Limits { update_bytes_max: 4096, entries_max: 64, state_bytes_max: 1024, json_depth_max: 16 };

fuzz_target!(|input: &[u8]| {
    let Ok(update) = parse(input, &LIMITS) else { return };
    let entries: Vec<Entry<'_>> = update.entries().collect();
    assert_eq!(entries.len(), update.count());
    let mut written = Vec::new();
    put_update(&mut written, entries.iter().copied());
    assert_eq!(written.len(), encoded_len(entries.iter().copied()));
    let again = parse(&written, &LIMITS).expect("what was read can be written");
    assert!(again.entries().eq(entries));
});
