//! Writes structs, whole or in part, and the sections around them.

use super::delete_set::DeleteSet;
use super::structs::{Body, GC, Id, Item, Kind, ORIGIN, PARENT_SUB, RIGHT_ORIGIN, SKIP, Struct};
use crate::lib0::{Reader, any, cut_text, put_uint};

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// What stands in front of an item's payload.
#[derive(Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) kind: Kind,
    /// Only whether it is a map entry is taken from here.
    pub(super) info: u8,
    pub(super) origin: Option<Id>,
    pub(super) right_origin: Option<Id>,
    pub(super) parent_bytes: &'a [u8],
}

impl<'a> Header<'a> {
    /// Header of the units of `item` from `offset` on, `id` being that of its first unit.
    pub(super) fn at(item: &Item<'a>, id: Id, offset: u32) -> Self {
        let Item { kind, info, right_origin, .. } = *item;
        if offset == 0 {
            Self { kind, info, origin: item.origin, right_origin, parent_bytes: item.parent_bytes }
        } else {
            let origin = Some(Id { client: id.client, clock: id.clock + (offset - 1) });
            Self { kind, info, origin, right_origin, parent_bytes: &[] }
        }
    }

    /// Writes the header and the length that `kind` states. `len` counts for Json, Any and Deleted, `payload_bytes` for
    /// String.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>, len: u32, payload_bytes: usize) {
        let origin = if self.origin.is_some() { ORIGIN } else { 0 };
        let right_origin = if self.right_origin.is_some() { RIGHT_ORIGIN } else { 0 };
        out.push(self.kind as u8 | origin | right_origin | (self.info & PARENT_SUB));
        for id in [self.origin, self.right_origin].into_iter().flatten() {
            put_uint(out, id.client);
            put_uint(out, u64::from(id.clock));
        }
        out.extend_from_slice(self.parent_bytes);
        match self.kind {
            Kind::Deleted | Kind::Json | Kind::Any => put_uint(out, u64::from(len)),
            Kind::String => put_uint(out, payload_bytes as u64),
            Kind::Binary | Kind::Embed | Kind::Format | Kind::Type | Kind::Doc => {}
        }
    }
}

pub(super) fn put_gc(out: &mut Vec<u8>, len: u32) {
    out.push(GC);
    put_uint(out, u64::from(len));
}

pub(super) fn put_skip(out: &mut Vec<u8>, len: u32) {
    out.push(SKIP);
    put_uint(out, u64::from(len));
}

/// The payload of some units of an item, in up to three parts: U+FFFD, the bytes, U+FFFD. One of the outer parts is
/// there where a cut falls between the halves of a surrogate pair.
pub(super) type Payload<'a> = [&'a [u8]; 3];

pub(super) const NO_PAYLOAD: Payload<'static> = [&[]; 3];

/// The payload of units `from..to` of an item of `len` units.
#[inline]
pub(super) fn cut_payload<'a>(item: &Item<'a>, len: u32, from: u32, to: u32) -> Payload<'a> {
    if from == 0 && to == len {
        return [&[], item.payload, &[]];
    }
    match item.kind {
        Kind::String => cut_string(item.payload, len, from, to),
        Kind::Json | Kind::Any => [&[], cut_values(item, from, to), &[]],
        Kind::Deleted => NO_PAYLOAD,
        Kind::Binary | Kind::Embed | Kind::Format | Kind::Type | Kind::Doc => [&[], item.payload, &[]],
    }
}

fn cut_string(payload: &[u8], len: u32, from: u32, to: u32) -> Payload<'_> {
    let text = std::str::from_utf8(payload).expect("a String is checked to be UTF-8 when it is read");
    let (mut start, mut head): (usize, &[u8]) = (0, &[]);
    if from > 0 {
        let cut = cut_text(text, from as usize);
        start = cut.right;
        head = if cut.in_pair { REPLACEMENT } else { &[] };
    }
    let (mut end, mut tail): (usize, &[u8]) = (text.len(), &[]);
    if to < len {
        // The second half of the pair that `from` cut is the first unit, and has no other.
        let cut = cut_text(text, to as usize);
        end = cut.left;
        tail = if cut.in_pair { REPLACEMENT } else { &[] };
    }
    [head, &payload[start..end.max(start)], tail]
}

fn cut_values<'a>(item: &Item<'a>, from: u32, to: u32) -> &'a [u8] {
    let mut r = Reader::new(item.payload);
    let mut start = 0;
    for unit in 0..to {
        if unit == from {
            start = r.position();
        }
        let skipped = if item.kind == Kind::Any { any::skip_within(&mut r, u8::MAX) } else { r.buf().map(drop) };
        skipped.expect("values are checked when they are read");
    }
    r.since(start)
}

/// Writes the units of a struct from `offset` on, `offset` being below its length.
pub(super) fn put_tail(out: &mut Vec<u8>, s: &Struct<'_>, offset: u32) {
    match &s.body {
        Body::Gc => put_gc(out, s.len - offset),
        Body::Skip => put_skip(out, s.len - offset),
        Body::Item(item) => put_part(out, s.id, item, s.len, offset, s.len),
    }
}

/// Writes units `from..to` of an item of `len` units.
pub(super) fn put_part(out: &mut Vec<u8>, id: Id, item: &Item<'_>, len: u32, from: u32, to: u32) {
    let payload = cut_payload(item, len, from, to);
    Header::at(item, id, from).put(out, to - from, payload.iter().map(|part| part.len()).sum());
    payload.iter().for_each(|part| out.extend_from_slice(part));
}

/// Writes an update section by section. The number of structs stands in front of a section, so each is gathered first.
pub(super) struct SectionWriter {
    out: Vec<u8>,
    /// The open section.
    pub(super) structs: Vec<u8>,
    pub(super) count: u64,
}

impl SectionWriter {
    /// `sections` must be how many times [`Self::close`] will be called.
    pub(super) fn new(sections: usize, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        put_uint(&mut out, sections as u64);
        Self { out, structs: Vec::new(), count: 0 }
    }

    /// Adds structs that are written already.
    #[inline]
    pub(super) fn put_bytes(&mut self, bytes: &[u8], structs: u32) {
        self.structs.extend_from_slice(bytes);
        self.count += u64::from(structs);
    }

    pub(super) fn close(&mut self, client: u64, clock: u32) {
        self.put_section(client, clock, None);
    }

    /// A section of one stretch of structs, which therefore need not be gathered.
    pub(super) fn put_whole(&mut self, client: u64, clock: u32, bytes: &[u8], structs: u32) {
        self.put_section(client, clock, Some((bytes, structs)));
    }

    fn put_section(&mut self, client: u64, clock: u32, whole: Option<(&[u8], u32)>) {
        let (bytes, structs) = whole.map_or((&self.structs[..], self.count), |(bytes, count)| (bytes, count.into()));
        debug_assert!(structs > 0, "an empty section is refused by whoever reads it");
        put_uint(&mut self.out, structs);
        put_uint(&mut self.out, client);
        put_uint(&mut self.out, u64::from(clock));
        self.out.extend_from_slice(bytes);
        self.structs.clear();
        self.count = 0;
    }

    pub(super) fn finish(mut self, deletes: &DeleteSet) -> Vec<u8> {
        deletes.put(&mut self.out);
        self.out
    }
}
