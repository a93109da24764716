//! Which key has made which token, as far as that was computed before. Knows no clock, and nothing of what tokens say: what is remembered here was so
//! when it was computed and stays so for ever, and whether it counts is asked anew each time.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;

use super::key::Key;

/// Parts of the table, each of which takes memory when something in it is remembered: a server with a hundred users has no use for all of it.
const PARTS: usize = 1 << 12;

/// Rows of a part.
const ROWS: usize = 32;

/// Places of a row. A mark can stand in one row only, and takes the place of another where the row is full.
const PLACES: usize = 8;

/// Most tokens that are remembered: as many as a machine has connections. They take 16 MiB.
pub(super) const TOKENS_MAX: usize = PARTS * ROWS * PLACES;

// A mark takes 16 bytes.
const _: () = assert!(TOKENS_MAX == 1 << 20 && TOKENS_MAX * size_of::<Place>() == 16 << 20);

/// Half of a mark each; both 0 where there is none. Halves of two marks may stand here while one takes the place of another: then neither is found.
type Place = [AtomicU64; 2];
type Part = [[Place; PLACES]; ROWS];

/// Stands for a key and a token that it has signed. Made with a secret of this process: nobody can look for two that have one mark, or choose whose
/// place is taken. That two have it by chance is a matter of 127 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark([u64; 2]);

/// What was computed. Shared by all cores, which wait for each other at most while 4 KiB are zeroed.
pub(super) struct Verified {
    /// None where the system has no randomness to give: then nothing is remembered.
    secret: Option<hmac::Key>,
    parts: Box<[OnceLock<Box<Part>>]>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

impl Verified {
    pub(super) fn new() -> Self {
        Self {
            secret: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
            parts: (0..PARTS).map(|_| OnceLock::new()).collect(),
        }
    }

    /// The mark of a whole token, its signature with it, and a key. None where computing it is not cheaper than looking at the signature.
    pub(super) fn mark(&self, key: &Key, token: &str) -> Option<Mark> {
        let mut context = hmac::Context::with_key(self.secret.as_ref()?);
        // Always of one length, so that what follows begins where it ends.
        context.update(key.fingerprint.as_ref()?);
        context.update(token.as_bytes());
        let tag = context.sign();
        let half = |at: usize| tag.as_ref().get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        // Not 0, as where there is none.
        Some(Mark([half(0)? | 1, half(8)?]))
    }

    /// Whether the key was found to have made the token.
    pub(super) fn knows(&self, mark: Mark) -> bool {
        let (part, row) = place(mark);
        let Some(part) = self.parts[part].get() else { return false };
        part[row].iter().any(|place| load(place) == mark.0)
    }

    /// The key has made the token.
    pub(super) fn remember(&self, mark: Mark) {
        let (part, row) = place(mark);
        let part = self.parts[part].get_or_init(Box::default);
        let row = &part[row];
        let free = row.iter().position(|place| load(place) == [0, 0]);
        // Any; the row says nothing of these bits.
        let at = free.unwrap_or((mark.0[0] >> 61) as usize % PLACES);
        for (half, value) in row[at].iter().zip(mark.0) {
            half.store(value, Ordering::Relaxed);
        }
    }
}

/// Nothing else hangs on a mark, so no order is needed.
fn load(place: &Place) -> [u64; 2] {
    [place[0].load(Ordering::Relaxed), place[1].load(Ordering::Relaxed)]
}

/// Part and row of a mark.
fn place(Mark([_, high]): Mark) -> (usize, usize) {
    let bits = high as usize;
    (bits % PARTS, bits / PARTS % ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        let mut key = secret();
        key.fingerprint = Some(super::super::key::fingerprint("test", text.as_bytes()));
        key
    }

    fn secret() -> Key {
        Key::from_secret(&[7; 32]).expect("long enough")
    }

    #[test]
    fn a_token_is_known_with_the_key_that_made_it_and_whole() {
        let verified = Verified::new();
        let mark = |key: &Key, token: &str| verified.mark(key, token).expect("there is randomness");
        let (a, b) = (key("a"), key("b"));
        assert!(!verified.knows(mark(&a, "x.y.z")));
        verified.remember(mark(&a, "x.y.z"));
        assert!(verified.knows(mark(&a, "x.y.z")));
        for (key, token) in [(&b, "x.y.z"), (&a, "x.y.zz"), (&a, "x.y"), (&a, "X.y.z"), (&a, "")] {
            assert!(!verified.knows(mark(key, token)), "{token}");
        }
        assert!(!Verified::new().knows(mark(&a, "x.y.z")));
        assert_ne!(Verified::new().mark(&a, "x.y.z"), Some(mark(&a, "x.y.z")), "each process has a secret of its own");
    }

    #[test]
    fn a_secret_has_no_mark() {
        assert_eq!(Verified::new().mark(&secret(), "x.y.z"), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_last_is_known() {
        let verified = Verified::new();
        let marks: Vec<Mark> =
            (1..=3 * PLACES as u64).map(|number| Mark([number << 59 | number << 1 | 1, 5])).collect();
        for &mark in &marks {
            verified.remember(mark);
            assert!(verified.knows(mark));
        }
        let known = marks.iter().filter(|&&mark| verified.knows(mark)).count();
        assert_eq!(known, PLACES, "they have one row");
        assert_eq!(verified.parts.iter().filter(|part| part.get().is_some()).count(), 1);
    }

    #[test]
    fn nothing_is_known_where_nothing_stands() {
        let verified = Verified::new();
        verified.remember(Mark([1, 0]));
        assert!(verified.knows(Mark([1, 0])) && !verified.knows(Mark([3, 0])));
        for high in 0..PARTS as u64 {
            assert!(!verified.knows(Mark([3, high])));
        }
    }

    #[test]
    fn cores_find_what_others_remember() {
        let verified = Verified::new();
        let a = key("a");
        let mark = |number: u32| verified.mark(&a, &number.to_string()).expect("there is randomness");
        std::thread::scope(|scope| {
            for core in 0..4 {
                let mark = &mark;
                let verified = &verified;
                scope.spawn(move || (0..1_000).for_each(|number| verified.remember(mark(core * 1_000 + number))));
            }
        });
        // Far fewer than there are places: a row of eight is never full.
        let known = (0..4_000).filter(|&number| verified.knows(mark(number))).count();
        assert!(known >= 3_990, "{known}: two cores may take one place at once");
        assert!((4_000..5_000).all(|number| !verified.knows(mark(number))));
    }
}
