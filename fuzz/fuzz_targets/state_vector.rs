//! State vectors as clients send them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::update::{Limits, StateVector};

fuzz_target!(|input: &[u8]| {
    let Ok(vector) = StateVector::decode(input, &Limits::default()) else { return };
    assert!(vector.len() <= input.len());
    assert_eq!(StateVector::decode(&vector.encode(), &Limits::default()).as_ref(), Ok(&vector));
    assert!(vector.covers(&vector));
    for (client, clock) in vector.iter() {
        assert_eq!(vector.clock(client), clock);
    }
});
