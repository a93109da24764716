//! Roots: below which root type each struct of a document lies, which most structs say only by their neighbours. Keeps a few words for each struct.

use super::limits::Limits;
use super::structs::{Body, Id, Parent, Struct};
use super::walk::{close, open, walk};
use super::{Result, Span, delete_set::walk_delete_set};
use crate::lib0::Reader;

/// What a struct says of where it lies.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Below this root, by its number.
    Root(u32),
    /// Where this struct does, or inside of it.
    With(Id),
    /// Nowhere any more.
    Nowhere,
}

/// Shows the spans of a whole document with the root that they lie below; what was collected lies below none, and is not shown.
///
/// # Errors
///
/// It is not an update. Nothing was shown then.
pub fn roots(state: &[u8], limits: &Limits, mut visit: impl FnMut(&str, Span)) -> Result<()> {
    let mut r = open(state, limits)?;
    let mut survey = Survey::default();
    walk(&mut r, limits, |s| survey.add(s))?;
    walk_delete_set(&mut r, limits, |_| {})?;
    close(&r)?;
    for at in 0..survey.spans.len() {
        if let Some(root) = survey.root_of(at) {
            visit(survey.names[root as usize], survey.spans[at]);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Survey<'a> {
    /// By client, descending, and clock.
    spans: Vec<Span>,
    places: Vec<Place>,
    names: Vec<&'a str>,
}

impl<'a> Survey<'a> {
    fn add(&mut self, s: &Struct<'a>) -> Result<()> {
        let place = match &s.body {
            Body::Gc | Body::Skip => Place::Nowhere,
            Body::Item(item) => match (item.origin.or(item.right_origin), item.parent) {
                (Some(neighbour), _) | (None, Some(Parent::Item(neighbour))) => Place::With(neighbour),
                (None, Some(Parent::Root)) => {
                    let mut parent = Reader::new(item.parent_bytes);
                    parent.uint()?;
                    Place::Root(self.number(parent.str()?))
                }
                (None, None) => Place::Nowhere,
            },
        };
        self.spans.push(Span { client: s.id.client, clock: s.id.clock, end: s.end });
        self.places.push(place);
        Ok(())
    }

    /// Documents have few roots; where one has many, the latest is mostly asked for.
    fn number(&mut self, name: &'a str) -> u32 {
        let number = self.names.iter().rposition(|&known| known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        u32::try_from(number).expect("updates have fewer bytes")
    }

    fn find(&self, id: Id) -> Option<usize> {
        // Clients descend, clocks ascend.
        let order = |span: &Span| id.client.cmp(&span.client).then(span.clock.cmp(&id.clock));
        let at = self.spans.partition_point(|span| order(span).is_le()).checked_sub(1)?;
        let span = self.spans[at];
        (span.client == id.client && (span.clock..span.end).contains(&id.clock)).then_some(at)
    }

    /// Follows neighbours, and writes down for each on the way what was found.
    fn root_of(&mut self, at: usize) -> Option<u32> {
        let mut way = Vec::new();
        let mut here = at;
        let found = loop {
            match self.places[here] {
                Place::Root(root) => break Place::Root(root),
                Place::Nowhere => break Place::Nowhere,
                Place::With(neighbour) => {
                    // Who comes by again has gone in a circle.
                    self.places[here] = Place::Nowhere;
                    way.push(here);
                    match self.find(neighbour) {
                        Some(next) => here = next,
                        None => break Place::Nowhere,
                    }
                }
            }
        };
        for at in way {
            self.places[at] = found;
        }
        match self.places[at] {
            Place::Root(root) => Some(root),
            Place::With(_) | Place::Nowhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(state: &[u8]) -> Result<Vec<(String, u64, u32, u32)>> {
        let mut found = Vec::new();
        roots(state, &Limits::default(), |root, span| {
            found.push((root.to_owned(), span.client, span.clock, span.end))
        })?;
        Ok(found)
    }

    #[test]
    fn a_struct_lies_where_its_neighbours_and_its_parent_do() {
        // Client 2: "x" before client 1's "b", whose parent it does not say; then a Gc.
        // Client 1: "ab" in the root `t`; a type in the root `m` under `k`; "c" inside that.
        let mut state = vec![2, 2, 2, 0, 0xc4, 1, 0, 1, 1, 1, b'x', 0, 1];
        state.extend([3, 1, 0, 4, 1, 1, b't', 2, b'a', b'b']);
        state.extend([0x27, 1, 1, b'm', 1, b'k', 2, 4, 0, 1, 2, 1, b'c', 0]);
        let all = [("t", 2, 0, 1), ("t", 1, 0, 2), ("m", 1, 2, 3), ("m", 1, 3, 4)];
        assert_eq!(
            of(&state),
            Ok(all.map(|(root, client, clock, end)| (root.to_owned(), client, clock, end)).to_vec())
        );
    }

    #[test]
    fn circles_and_what_is_not_there_lie_nowhere() {
        // Client 1: "a" after itself, "b" after what is not there, "c" after "d", "d" after "c".
        let state = [1, 4, 1, 0, 0x84, 1, 0, 1, b'a', 0x84, 9, 9, 1, b'b', 0x84, 1, 3, 1, b'c', 0x84, 1, 2, 1, b'd', 0];
        assert_eq!(of(&state), Ok(vec![]));
        assert!(of(&state[..9]).is_err());
    }
}
