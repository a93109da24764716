//! Coverage: how much of a document each client has been sent, without keeping any of it. Servers send the same bytes to many: what they hold is
//! read once for each thread. Does not know what the document says.

use std::collections::HashMap;

use selvedge_protocol::update::Span;

/// Different updates whose contents are kept. Beyond that all are forgotten, and read again.
const KNOWN_MAX: usize = 4096;

/// The spans of one update that belong to either author.
type Spans = Box<[(usize, u32, u32)]>;

/// See the module.
pub(crate) struct Coverage {
    authors: [u64; 2],
    /// By client: up to which clock of either author it has all.
    clocks: Vec<[u32; 2]>,
    /// By the bytes' fingerprint.
    known: HashMap<u64, Spans>,
}

impl Coverage {
    pub(crate) fn new(clients: u32, authors: [u64; 2]) -> Self {
        Self { authors, clocks: vec![[0; 2]; clients as usize], known: HashMap::new() }
    }

    pub(crate) fn clocks(&self, client: u32) -> [u32; 2] {
        self.clocks[client as usize]
    }

    /// A client was sent an update, which `read` reads. Gives up to where it has all now. What does not continue what it has is not counted:
    /// servers send a document from its beginning.
    pub(crate) fn add<E>(
        &mut self,
        client: u32,
        update: &[u8],
        read: impl FnOnce(&[u8], &mut dyn FnMut(Span)) -> Result<(), E>,
    ) -> Result<[u32; 2], E> {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        let fingerprint = fingerprint(update);
        let spans = match self.known.entry(fingerprint) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let mut spans = Vec::new();
                let authors = self.authors;
                read(update, &mut |span| {
                    if let Some(author) = authors.iter().position(|&author| author == span.client) {
                        spans.push((author, span.clock, span.end));
                    }
                })?;
                vacant.insert(spans.into())
            }
        };
        let clocks = &mut self.clocks[client as usize];
        for &(author, clock, end) in &**spans {
            if clock <= clocks[author] {
                clocks[author] = clocks[author].max(end);
            }
        }
        Ok(*clocks)
    }
}

/// 64 bits that differ for different bytes, as long as nobody means harm. Four words at a time, none of which waits for another, because
/// documents are large and go to many.
fn fingerprint(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: &[u8; 8]| (hash.rotate_left(29) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);
    let mut lanes = [1, 2, 3, 4];
    for block in blocks.iter().chain([&last]) {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = mix(*lane, word);
        }
    }
    let hash = lanes.iter().fold(bytes.len() as u64, |hash, lane| mix(hash, &lane.to_le_bytes()));
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORS: [u64; 2] = [7, 8];

    fn add(coverage: &mut Coverage, update: &[u8], spans: &[(u64, u32, u32)]) -> [u32; 2] {
        let read = |_: &[u8], visit: &mut dyn FnMut(Span)| {
            for &(client, clock, end) in spans {
                visit(Span { client, clock, end });
            }
            Ok::<(), ()>(())
        };
        coverage.add(0, update, read).expect("it can be read")
    }

    #[test]
    fn what_continues_is_covered_and_what_leaves_a_gap_is_not() {
        let mut coverage = Coverage::new(1, AUTHORS);
        assert_eq!(add(&mut coverage, b"a", &[(7, 0, 5), (9, 0, 100)]), [5, 0]);
        assert_eq!(add(&mut coverage, b"b", &[(7, 6, 9), (8, 0, 2)]), [5, 2]);
        assert_eq!(add(&mut coverage, b"c", &[(7, 3, 8)]), [8, 2]);
        assert_eq!(coverage.clocks(0), [8, 2]);
    }

    #[test]
    fn the_same_bytes_are_read_once_and_others_anew() {
        let mut coverage = Coverage::new(2, AUTHORS);
        let document = vec![1; 1000];
        let mut other = document.clone();
        other[999] = 2;
        assert_eq!(add(&mut coverage, &document, &[(7, 0, 5)]), [5, 0]);
        let unread = |_: &[u8], _: &mut dyn FnMut(Span)| Err("read");
        assert_eq!(coverage.add(1, &document, unread), Ok([5, 0]));
        assert_eq!(coverage.add(1, &other, unread), Err("read"));
        assert_eq!(coverage.add(1, &document[1..], unread), Err("read"));
    }
}
