//! Kills: nothing acknowledged is missing afterwards, synced or not.

use selvedge_storage::Durability::{self, Synced, Written};

use crate::{
    child::{Acknowledged, Appender, DOCUMENTS},
    support::{Random, Scratch, check_document, crash_rounds, document, open, seed},
};

fn check(durability: Durability) {
    let mut random = Random::new(seed());
    let scratch = Scratch::new();
    let mut acknowledged: Acknowledged = [0; DOCUMENTS as usize];
    for round in 0..crash_rounds(8) {
        let mut child = Appender::start(&scratch.store(), durability, random.below(u64::MAX));
        child.wait(1 + random.below(200), &mut acknowledged);
        child.kill(&mut acknowledged);
        let store = open(&scratch.store()).expect("opens after a kill");
        assert_eq!(store.broken_log(), None, "a torn end is no damage");
        for number in 0..DOCUMENTS {
            let found = check_document(&store, document(number));
            let expected = acknowledged[usize::from(number)];
            assert!(found >= expected, "round {round}: {expected} was acknowledged, {found} is there");
        }
    }
}

#[test]
fn a_kill_takes_nothing_that_was_synced() {
    check(Synced);
}

#[test]
fn a_kill_takes_nothing_that_was_written() {
    check(Written);
}
