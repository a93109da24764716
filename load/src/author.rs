//! Authors: Yjs updates written by hand, without a document, so that a writer costs a few bytes and no time. Every update appends text
//! behind the author's last one, as somebody does who types at one place.

use selvedge_protocol::lib0::{put_buf, put_uint};

/// The root text that is written to; recorded sessions use the same.
pub(crate) const ROOT: &str = "text";

/// Content kinds and flags of a struct's first byte.
const STRING: u8 = 4;
const ORIGIN: u8 = 0x80;
/// A parent is a root, named by a string.
const PARENT_IS_ROOT: u64 = 1;

/// So many a document takes from one client.
pub(crate) const UNITS_MAX: u64 = 1 << 32;

/// One Yjs client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author {
    client: u32,
    /// How many units it has written: fewer than [`UNITS_MAX`], which is looked at when a run is planned.
    clock: u32,
}

impl Author {
    pub(crate) fn new(client: u32) -> Self {
        Self { client, clock: 0 }
    }

    /// Appends an update of one struct with this text, which is ASCII and not empty.
    pub(crate) fn put_update(&mut self, out: &mut Vec<u8>, text: &[u8]) {
        put_uint(out, 1);
        put_uint(out, 1);
        put_uint(out, u64::from(self.client));
        put_uint(out, u64::from(self.clock));
        let origin = self.clock.checked_sub(1).map(|clock| (self.client, clock));
        put_string(out, origin, text);
        put_uint(out, 0);
        self.clock += u32::try_from(text.len()).expect("a message is shorter than 2^32 bytes");
    }
}

/// Two authors who take turns: no server can squash what they wrote into fewer structs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// Invariant: both clocks are equal between calls, and the second's client is the first's plus 1.
    clock: u32,
    first: u32,
}

impl Pair {
    pub(crate) fn new(first: u32) -> Self {
        Self { clock: 0, first }
    }

    /// Clients and their next clocks.
    pub(crate) fn clocks(self) -> [(u64, u32); 2] {
        [(u64::from(self.first), self.clock), (u64::from(self.first) + 1, self.clock)]
    }

    /// Appends an update in which each of both writes `turns` times `text`, which is ASCII and not empty.
    pub(crate) fn put_update(&mut self, out: &mut Vec<u8>, turns: u32, text: &[u8]) {
        let length = u32::try_from(text.len()).expect("a struct is shorter than 2^32 bytes");
        let (first, second) = (self.first, self.first + 1);
        put_uint(out, 2);
        // Sections descend by client.
        for client in [second, first] {
            put_uint(out, u64::from(turns));
            put_uint(out, u64::from(client));
            put_uint(out, u64::from(self.clock));
            for turn in 0..turns {
                let end = self.clock + turn * length;
                let origin = if client == second {
                    Some((first, end + length - 1))
                } else {
                    end.checked_sub(1).map(|clock| (second, clock))
                };
                put_string(out, origin, text);
            }
        }
        put_uint(out, 0);
        self.clock += turns * length;
    }
}

fn put_string(out: &mut Vec<u8>, origin: Option<(u32, u32)>, text: &[u8]) {
    match origin {
        Some((client, clock)) => {
            out.push(STRING | ORIGIN);
            put_uint(out, u64::from(client));
            put_uint(out, u64::from(clock));
        }
        None => {
            out.push(STRING);
            put_uint(out, PARENT_IS_ROOT);
            put_buf(out, ROOT.as_bytes());
        }
    }
    put_buf(out, text);
}

#[cfg(test)]
mod tests {
    use selvedge_protocol::update::{Limits, check, state_vector};
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, GetString, ReadTxn, Transact, Update};

    use super::*;

    fn apply(doc: &Doc, update: &[u8]) {
        check(update, &Limits::default()).expect("a legal update");
        let update = Update::decode_v1(update).expect("a legal update");
        doc.transact_mut().apply_update(update).expect("it is integrated");
    }

    fn text(doc: &Doc) -> String {
        let text = doc.get_or_insert_text(ROOT);
        let txn = doc.transact();
        assert!(!txn.has_missing_updates());
        text.get_string(&txn)
    }

    #[test]
    fn what_an_author_writes_is_what_yjs_reads() {
        let doc = Doc::new();
        let mut author = Author::new(77);
        for part in ["one ", "two ", "three"] {
            let mut update = Vec::new();
            author.put_update(&mut update, part.as_bytes());
            apply(&doc, &update);
        }
        assert_eq!(text(&doc), "one two three");
    }

    #[test]
    fn a_pair_takes_turns_in_one_text() {
        let doc = Doc::new();
        let mut pair = Pair::new(5);
        let mut last = Vec::new();
        for _ in 0..2 {
            last.clear();
            pair.put_update(&mut last, 3, b"ab");
            apply(&doc, &last);
        }
        assert_eq!(text(&doc), "ab".repeat(12));
        assert_eq!(pair.clocks(), [(5, 12), (6, 12)]);
        // Only the structs behind clock 0 count without a document.
        assert!(state_vector(&last).expect("legal").is_empty());
        let insertions = doc.transact().state_vector();
        assert_eq!(insertions.get(&yrs::block::ClientID::new(5)), 12);
    }
}
