//! Everything that is done to stored updates, on whatever bytes: what it writes can be read and says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::update::{
    Compaction, DeletedContent, Known, Limits, StateVector, Verdict, accept, check, compact, diff, merge, split,
    state_vector,
};

fuzz_target!(|input: &[u8]| {
    let [at, client, clock, bytes_max, updates @ ..] = input else { return };
    let (first, second) = updates.split_at(usize::from(*at).min(updates.len()));
    let Ok(merged) = merge(&[first, second]) else { return };
    let vector = state_vector(&merged).expect("what was written can be read");
    assert_eq!(merge(&[&merged[..], first, second]), Ok(merged.clone()), "merging again adds nothing");
    let known: StateVector = [(u64::from(*client), u32::from(*clock))].into_iter().collect();
    let lacking = diff(&merged, &known).expect("what was written can be read");
    assert!(check(&lacking, &Limits::UNLIMITED).is_ok());
    for deleted in [DeletedContent::Keep, DeletedContent::WhenSmaller, DeletedContent::Always] {
        for bury in [false, true] {
            let how = Compaction { deleted, bury };
            let small = compact(&merged, how).expect("what was written can be read");
            assert_eq!(state_vector(&small).as_ref(), Ok(&vector));
            assert_eq!(compact(&small, how), Ok(small), "compacting twice changes nothing");
        }
    }
    if let Verdict::Accepted(accepted) = accept(&Known::default(), &merged, &Limits::default()) {
        let parts = split(&merged, usize::from(*bytes_max)).expect("what is accepted has an order");
        let mut known = Known::default();
        for part in &parts {
            match accept(&known, part, &Limits::default()) {
                Verdict::Accepted(accepted) => known.apply(&accepted),
                other => panic!("a part waits or is refused: {other:?}"),
            }
        }
        let mut whole = Known::default();
        whole.apply(&accepted);
        assert_eq!(known, whole, "the parts are the update");
    }
});
