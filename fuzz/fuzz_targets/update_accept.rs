//! Two updates, accepted one after the other. What is accepted is canonical, complete, and then known. What lacks something is divided
//! into a part that is so too, and a rest of which nothing more can be taken; nothing is lost between the two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_protocol::update::{Accepted, Divided, Known, Limits, Verdict, accept, divide, merge};

/// The document as far as it matters here.
struct Document {
    known: Known,
    state: Vec<u8>,
}

impl Document {
    fn take(&mut self, accepted: &Accepted<'_>, limits: &Limits) {
        match accept(&self.known, &accepted.update, limits) {
            Verdict::Accepted(again) => {
                assert_eq!(again.update, accepted.update, "accepting is idempotent");
                assert_eq!((&*again.clocks, &again.deletes), (&*accepted.clocks, &accepted.deletes));
            }
            other => panic!("what is accepted is acceptable: {other:?}"),
        }
        self.known.apply(accepted);
        assert!(
            matches!(accept(&self.known, &accepted.update, limits), Verdict::Duplicate),
            "what is accepted is known"
        );
        self.state = merge(&[&self.state[..], &accepted.update]).expect("what is accepted can be merged");
        assert_eq!(Known::of(&self.state).as_ref(), Ok(&self.known), "what is accepted is complete");
    }

    /// What is left of an update that lacks something, when the part is taken.
    fn take_part(&mut self, update: &[u8], limits: &Limits) -> Option<Vec<u8>> {
        let Ok(Divided { part, rest }) = divide(&self.known, update, limits) else { return None };
        if let Some(part) = part {
            self.take(&part, limits);
        }
        let Some(rest) = rest else {
            let again = divide(&self.known, update, limits).expect("it was divided before");
            assert!(again.part.is_none() && again.rest.is_none(), "all of it is known");
            return None;
        };
        assert!(self.known.clocks().clock(rest.client) <= rest.clock, "what is lacking is not there");
        assert!(matches!(accept(&self.known, &rest.update, limits), Verdict::Missing { .. }), "a rest lacks something");
        for same in [&rest.update[..], update] {
            let again = divide(&self.known, same, limits).expect("it was divided before");
            assert!(again.part.is_none(), "the part is all that can be taken");
            assert_eq!(again.rest.expect("it still lacks something").update, rest.update);
        }
        Some(rest.update)
    }
}

fuzz_target!(|input: &[u8]| {
    let limits = Limits::default();
    let Some((&at, updates)) = input.split_first() else { return };
    let (first, second) = updates.split_at(usize::from(at).min(updates.len()));
    let mut document = Document { known: Known::default(), state: vec![0, 0] };
    let mut rests: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for update in [first, second, first] {
        match accept(&document.known, update, &limits) {
            Verdict::Accepted(accepted) => {
                document.take(&accepted, &limits);
                assert!(matches!(accept(&document.known, update, &limits), Verdict::Duplicate), "it is known");
            }
            Verdict::Missing { .. } => {
                let rest = document.take_part(update, &limits);
                rests.extend(rest.map(|rest| (update, rest)));
            }
            Verdict::Duplicate | Verdict::Refused(_) => {}
        }
        // Whenever a rest is offered again, it comes to the same as if the whole were.
        for (whole, rest) in &rests {
            match (accept(&document.known, whole, &limits), accept(&document.known, rest, &limits)) {
                (Verdict::Accepted(whole), Verdict::Accepted(rest)) => assert_eq!(whole.update, rest.update),
                (Verdict::Duplicate, Verdict::Duplicate)
                | (Verdict::Missing { .. }, Verdict::Missing { .. })
                | (Verdict::Refused(_), Verdict::Refused(_)) => {}
                // What nothing follows on is in no rest, and may be all that the whole lacks.
                (Verdict::Missing { .. }, Verdict::Refused(_)) => {
                    assert!(divide(&document.known, whole, &limits).is_err());
                }
                (Verdict::Missing { .. }, Verdict::Accepted(rest)) => {
                    let divided = divide(&document.known, whole, &limits).expect("the rest is accepted");
                    assert!(divided.rest.is_none());
                    assert_eq!(divided.part.expect("it is new").update, rest.update);
                }
                (Verdict::Missing { .. }, Verdict::Duplicate) => {
                    let divided = divide(&document.known, whole, &limits).expect("the rest is known");
                    assert!(divided.part.is_none() && divided.rest.is_none());
                }
                (whole, rest) => panic!("the whole is {whole:?}, the rest {rest:?}"),
            }
        }
    }
});
