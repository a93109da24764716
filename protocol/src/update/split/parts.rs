//! Fills parts with structs and deletions, and starts the next when one is full.

use crate::lib0::{Reader, any, put_uint, uint_size, utf16_len};
use crate::update::delete_set::{DeleteRange, DeleteSet, put_ranges};
use crate::update::structs::{Body, Id, Item, Kind, Struct};
use crate::update::write::Header;

/// Bytes of the longest length or count.
const COUNT_BYTES_MAX: usize = 5;
/// Bytes of the longest id: 53 bits and 32.
const ID_BYTES_MAX: usize = 8 + 5;
/// The number of sections, and that of clients with deletions.
const FRAME_BYTES_MAX: usize = 2 * COUNT_BYTES_MAX;
/// Everything but parent and payload in a part that holds one piece of an item.
const PIECE_BYTES_MAX: usize =
    FRAME_BYTES_MAX + COUNT_BYTES_MAX + ID_BYTES_MAX + 1 + 2 * ID_BYTES_MAX + COUNT_BYTES_MAX;

/// One client's structs in the open part, which lie behind one another in the update too.
struct Stretch {
    section: usize,
    id: Id,
    at: usize,
    at_end: usize,
    count: u64,
}

pub(super) struct Parts<'a> {
    update: &'a [u8],
    bytes_max: usize,
    done: Vec<Vec<u8>>,
    /// The open part, and the most bytes that it can take.
    open: Vec<Stretch>,
    size: usize,
    /// Where in `open` a section is.
    stretch_of: Vec<Option<usize>>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(update: &'a [u8], bytes_max: usize, sections: usize) -> Self {
        let (done, open) = (Vec::new(), Vec::new());
        Self { update, bytes_max, done, open, size: FRAME_BYTES_MAX, stretch_of: vec![None; sections] }
    }

    pub(super) fn push(&mut self, section: usize, s: &Struct<'a>) {
        let section_bytes = COUNT_BYTES_MAX + uint_size(s.id.client) + uint_size(s.id.clock.into());
        let cost = s.bytes.len() + if self.stretch_of[section].is_none() { section_bytes } else { 0 };
        if self.size + cost > self.bytes_max {
            self.close(&[]);
            if FRAME_BYTES_MAX + section_bytes + s.bytes.len() > self.bytes_max
                && let Body::Item(item) = &s.body
                && self.push_pieces(s.id, item)
            {
                return;
            }
            self.size += section_bytes + s.bytes.len();
        } else {
            self.size += cost;
        }
        let at = *self.stretch_of[section].get_or_insert_with(|| {
            self.open.push(Stretch { section, id: s.id, at: s.at, at_end: s.at, count: 0 });
            self.open.len() - 1
        });
        let stretch = &mut self.open[at];
        debug_assert_eq!(stretch.at_end, s.at, "structs of one section come in order");
        stretch.at_end = s.at + s.bytes.len();
        stretch.count += 1;
    }

    /// Cuts an item that is too large for one part, and says whether that could be done.
    fn push_pieces(&mut self, id: Id, item: &Item<'a>) -> bool {
        let cut: fn(&'a [u8], usize) -> (usize, usize) = match item.kind {
            Kind::String => cut_text,
            Kind::Any => |payload, bytes_max| cut_values(payload, bytes_max, |r| any::skip_within(r, u8::MAX).is_ok()),
            Kind::Json => |payload, bytes_max| cut_values(payload, bytes_max, |r| r.buf().is_ok()),
            Kind::Deleted | Kind::Binary | Kind::Embed | Kind::Format | Kind::Type | Kind::Doc => return false,
        };
        let (mut offset, mut payload) = (0, item.payload);
        while !payload.is_empty() {
            let header = Header::at(item, id, offset);
            let (bytes, units) =
                cut(payload, self.bytes_max.saturating_sub(PIECE_BYTES_MAX + header.parent_bytes.len()));
            let (piece, rest) = payload.split_at(bytes);
            let mut out = Vec::with_capacity(PIECE_BYTES_MAX + header.parent_bytes.len() + piece.len());
            out.extend([1, 1]);
            put_uint(&mut out, id.client);
            put_uint(&mut out, u64::from(id.clock + offset));
            // No piece has more units than the item, whose length is a `u32`.
            header.put(&mut out, units as u32, piece.len());
            out.extend_from_slice(piece);
            out.push(0);
            self.done.push(out);
            offset += units as u32;
            payload = rest;
        }
        true
    }

    pub(super) fn push_deletes(&mut self, deletes: &DeleteSet) {
        let ranges = deletes.ranges();
        let mut first = 0;
        for (at, range) in ranges.iter().enumerate() {
            let range_bytes = uint_size(range.start.into()) + uint_size((range.end - range.start).into());
            let client_bytes = uint_size(range.client) + COUNT_BYTES_MAX;
            let same_client = at > first && ranges[at - 1].client == range.client;
            let cost = range_bytes + if same_client { 0 } else { client_bytes };
            if self.size + cost > self.bytes_max && (at > first || !self.open.is_empty()) {
                self.close(&ranges[first..at]);
                first = at;
                self.size += range_bytes + client_bytes;
            } else {
                self.size += cost;
            }
        }
        self.close(&ranges[first..]);
    }

    /// Writes the open part, if there is anything in it.
    fn close(&mut self, deletes: &[DeleteRange]) {
        if self.open.is_empty() && deletes.is_empty() {
            return;
        }
        let mut out = Vec::with_capacity(self.size);
        self.open.sort_unstable_by_key(|stretch| stretch.section);
        put_uint(&mut out, self.open.len() as u64);
        for stretch in self.open.drain(..) {
            self.stretch_of[stretch.section] = None;
            put_uint(&mut out, stretch.count);
            put_uint(&mut out, stretch.id.client);
            put_uint(&mut out, stretch.id.clock.into());
            out.extend_from_slice(&self.update[stretch.at..stretch.at_end]);
        }
        put_ranges(&mut out, deletes);
        self.done.push(out);
        self.size = FRAME_BYTES_MAX;
    }

    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        if self.done.is_empty() {
            self.done.push(vec![0, 0]);
        }
        self.done
    }
}

/// Bytes and units of the longest text, of at least one character, that fits `bytes_max`.
fn cut_text(payload: &[u8], bytes_max: usize) -> (usize, usize) {
    let starts_character = |at: usize| payload.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let bytes = (1..=bytes_max.min(payload.len()))
        .rev()
        .find(|&at| starts_character(at))
        .or_else(|| (1..=payload.len()).find(|&at| starts_character(at)))
        .unwrap_or_default();
    let text = std::str::from_utf8(&payload[..bytes]).expect("a String is checked to be UTF-8 when it is read");
    (bytes, utf16_len(text))
}

/// Bytes and number of the first values, at least one, that fit `bytes_max`.
fn cut_values(payload: &[u8], bytes_max: usize, skip: impl Fn(&mut Reader<'_>) -> bool) -> (usize, usize) {
    let mut r = Reader::new(payload);
    let (mut bytes, mut count) = (0, 0);
    while r.left() > 0 {
        assert!(skip(&mut r), "values are checked when they are read");
        if count > 0 && r.position() > bytes_max {
            break;
        }
        bytes = r.position();
        count += 1;
    }
    (bytes, count)
}
