//! What the codec makes of updates that Yjs wrote, of every kind of content. `yjs/vectors.mjs` made the vectors and held
//! each against Yjs; here they must come out the same without it.

use std::fs;
use std::path::Path;

use selvedge_protocol::update::{
    Compaction, Divided, Known, Limits, StateVector, Verdict, accept, check, compact, diff, divide, merge, split,
    state_vector,
};

const PART_BYTES: usize = 40;

/// One file: each line is a word and what belongs to it.
struct Vector {
    name: String,
    lines: Vec<(String, String)>,
}

impl Vector {
    fn texts(&self, word: &str) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(first, _)| first == word).map(|(_, rest)| rest.as_str())
    }

    fn all(&self, word: &str) -> Vec<Vec<u8>> {
        self.texts(word).map(bytes).collect()
    }

    fn one(&self, word: &str) -> Vec<u8> {
        let [one] = <[Vec<u8>; 1]>::try_from(self.all(word)).expect("one such line");
        one
    }

    fn is_complete(&self) -> bool {
        self.texts("complete").eq(["true"])
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn each(mut test: impl FnMut(&Vector)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("the vectors are in the tree") {
        let path = entry.expect("readable").path();
        let text = fs::read_to_string(&path).expect("text");
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let lines = lines.map(|(word, rest)| (word.to_owned(), rest.to_owned())).collect();
        test(&Vector { name: path.display().to_string(), lines });
        seen += 1;
    }
    assert!(seen >= 19, "only {seen} vectors");
}

#[test]
fn merges_are_those_that_yjs_confirmed() {
    each(|vector| assert_eq!(merge(&vector.all("update")).as_ref(), Ok(&vector.one("merged")), "{}", vector.name));
}

#[test]
fn state_vectors_are_those_that_yjs_confirmed() {
    each(|vector| {
        let found = state_vector(&vector.one("merged")).expect("legal").encode();
        assert_eq!(found, vector.one("vector"), "{}", vector.name);
    });
}

#[test]
fn diffs_are_those_that_yjs_confirmed() {
    each(|vector| {
        for line in vector.texts("diff") {
            let (known, expected) = line.split_once(' ').expect("two values");
            let known = StateVector::decode(&bytes(known), &Limits::default()).expect("legal");
            assert_eq!(diff(&vector.one("merged"), &known), Ok(bytes(expected)), "{}", vector.name);
        }
    });
}

#[test]
fn compactions_are_those_that_yjs_confirmed() {
    each(|vector| {
        for (word, how) in
            [("squash", Compaction::SQUASH), ("smallest", Compaction::SMALLEST), ("collect", Compaction::COLLECT)]
        {
            let expected = vector.one(word);
            assert_eq!(compact(&vector.one("merged"), how).as_ref(), Ok(&expected), "{} {word}", vector.name);
            assert_eq!(compact(&expected, how), Ok(expected), "{} {word} twice", vector.name);
        }
    });
}

#[test]
fn parts_are_those_that_yjs_confirmed() {
    each(|vector| {
        if vector.is_complete() {
            assert_eq!(split(&vector.one("merged"), PART_BYTES), Ok(vector.all("part")), "{}", vector.name);
        }
    });
}

#[test]
fn accepting_in_either_order_gives_the_same_unless_something_is_missing() {
    each(|vector| {
        let updates = vector.all("update");
        let forwards = accept_all(updates.iter());
        let backwards = accept_all(updates.iter().rev());
        match (forwards, backwards) {
            (Some(forwards), Some(backwards)) => {
                assert!(vector.is_complete(), "{}", vector.name);
                assert_eq!(forwards, backwards, "{}", vector.name);
                assert_eq!(forwards.state_vector_bytes(), vector.one("vector"), "{}", vector.name);
                assert_eq!(Known::of(&vector.one("merged")), Ok(forwards), "{}", vector.name);
            }
            (None, None) => assert!(!vector.is_complete(), "{}", vector.name),
            (Some(_), None) | (None, Some(_)) => panic!("{}: the order decides", vector.name),
        }
    });
}

/// What is known when nothing more can be accepted; `None` when something is left.
fn accept_all<'a>(updates: impl Iterator<Item = &'a Vec<u8>>) -> Option<Known> {
    let mut known = Known::default();
    let mut waiting: Vec<&Vec<u8>> = updates.collect();
    loop {
        let before = waiting.len();
        waiting.retain(|update| match accept(&known, update, &Limits::default()) {
            Verdict::Accepted(accepted) => {
                known.apply(&accepted);
                false
            }
            Verdict::Duplicate => false,
            Verdict::Missing { .. } => true,
            Verdict::Refused(refused) => panic!("{refused}"),
        });
        if waiting.is_empty() {
            return Some(known);
        }
        if waiting.len() == before {
            return None;
        }
    }
}

#[test]
fn an_update_cut_at_any_byte_is_refused() {
    each(|vector| {
        for update in vector.all("update") {
            assert!(check(&update, &Limits::default()).is_ok(), "{}", vector.name);
            for cut in 0..update.len() {
                assert!(check(&update[..cut], &Limits::default()).is_err(), "{} cut at {cut}", vector.name);
            }
        }
    });
}

#[test]
fn an_update_with_a_flipped_bit_never_panics_and_what_is_written_of_it_can_be_read() {
    each(|vector| {
        let whole = vector.one("merged");
        let known = Known::of(&whole[..]).unwrap_or_default();
        for bit in 0..whole.len() * 8 {
            let mut update = whole.clone();
            update[bit / 8] ^= 1 << (bit % 8);
            for known in [&known, &Known::default()] {
                match accept(known, &update, &Limits::default()) {
                    Verdict::Accepted(accepted) => {
                        assert!(check(&accepted.update, &Limits::default()).is_ok(), "{} bit {bit}", vector.name);
                    }
                    Verdict::Missing { .. } => {
                        let Ok(Divided { part, rest }) = divide(known, &update, &Limits::default()) else { continue };
                        if let Some(part) = part {
                            let verdict = accept(known, &part.update, &Limits::default());
                            assert!(matches!(verdict, Verdict::Accepted(_)), "{} bit {bit}: {verdict:?}", vector.name);
                        }
                        let Some(rest) = rest else { continue };
                        let verdict = accept(known, &rest.update, &Limits::default());
                        assert!(matches!(verdict, Verdict::Missing { .. }), "{} bit {bit}: {verdict:?}", vector.name);
                    }
                    Verdict::Duplicate | Verdict::Refused(_) => {}
                }
            }
            let Ok(merged) = merge(&[&whole, &update]) else { continue };
            for how in [Compaction::SQUASH, Compaction::SMALLEST, Compaction::COLLECT] {
                let small = compact(&merged, how).expect("what was written can be read");
                assert_eq!(state_vector(&small), state_vector(&merged), "{} bit {bit}", vector.name);
            }
            if let Ok(parts) = split(&update, 10) {
                assert_eq!(
                    merge(&parts).and_then(|merged| state_vector(&merged)),
                    state_vector(&update),
                    "{} bit {bit}",
                    vector.name
                );
            }
        }
    });
}
