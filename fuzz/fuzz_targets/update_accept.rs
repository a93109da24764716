//! Two updates, accepted one after the other. What is accepted is canonical, complete, and then known.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::update::{Known, Limits, Verdict, accept, merge};

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let Some((&at, updates)) = input.split_first() else { return };
    let (first, second) = updates.split_at(usize::from(at).min(updates.len()));
    let mut known = Known::default();
    let mut state = vec![0, 0];
    for update in [first, second, first] {
        let Verdict::Accepted(accepted) = accept(&known, update, &limits) else { continue };
        match accept(&known, &accepted.update, &limits) {
            Verdict::Accepted(again) => assert_eq!(again.update, accepted.update, "accepting is idempotent"),
            other => panic!("what is accepted is acceptable: {other:?}"),
        }
        known.apply(&accepted);
        assert!(matches!(accept(&known, &accepted.update, &limits), Verdict::Duplicate), "what is accepted is known");
        assert!(matches!(accept(&known, update, &limits), Verdict::Duplicate), "and so is what it came from");
        state = merge(&[&state[..], &accepted.update]).expect("what is accepted can be merged");
        assert_eq!(Known::of(&state).as_ref(), Ok(&known), "what is accepted is complete");
    }
});
