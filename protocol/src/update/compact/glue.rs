//! Glues each piece to the struct before it where both could have come from one cut, and writes what grows no more.

use crate::lib0::uint_size;
use crate::update::delete_set::DeleteSet;
use crate::update::structs::{Id, Item, Kind, PARENT_SUB, Struct};
use crate::update::write::{Header, NO_PAYLOAD, Payload, SectionWriter, put_gc, put_skip};

/// A struct, or a part of one. Pieces come in clock order, so each follows the one before it.
pub(super) struct Piece<'a> {
    pub(super) id: Id,
    pub(super) len: u32,
    pub(super) what: What<'a>,
    pub(super) payload: Payload<'a>,
    /// It is deleted, but its content came along and may stay.
    pub(super) soft: bool,
}

impl<'a> Piece<'a> {
    pub(super) fn bare(id: Id, len: u32, what: What<'a>) -> Self {
        Self { id, len, what, payload: NO_PAYLOAD, soft: false }
    }
}

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Gc,
    Skip,
    Item(Header<'a>),
}

/// May structs of this kind be glued while their content is there?
///
/// Not values of a map key: two live ones would become one entry. Legal clients delete the older one, but that deletion
/// may be in another update.
pub(super) fn grows(kind: Kind, info: u8) -> bool {
    match kind {
        Kind::Deleted => true,
        Kind::String | Kind::Any | Kind::Json => info & PARENT_SUB == 0,
        Kind::Binary | Kind::Embed | Kind::Format | Kind::Type | Kind::Doc => false,
    }
}

/// The struct that grows. Its payload is in [`Glue::payload`].
struct Open<'a> {
    id: Id,
    len: u32,
    what: What<'a>,
    /// How many units at its end are deleted but still have their content, and where that starts in the payload.
    soft: u32,
    soft_at: usize,
}

impl Open<'_> {
    /// Bytes of one more struct at this place: info, origin, right origin, length.
    fn cut_cost(&self) -> usize {
        let size = |id: Id| uint_size(id.client) + uint_size(u64::from(id.clock));
        match &self.what {
            What::Gc | What::Skip => 0,
            What::Item(header) => 2 + size(self.id) + header.right_origin.map_or(0, size),
        }
    }
}

pub(super) struct Glue<'a> {
    out: SectionWriter,
    /// The first id of the open section.
    section: Option<Id>,
    open: Option<Open<'a>>,
    payload: Vec<u8>,
}

impl<'a> Glue<'a> {
    pub(super) fn new(sections: usize, capacity: usize) -> Self {
        Self { out: SectionWriter::new(sections, capacity), section: None, open: None, payload: Vec::new() }
    }

    pub(super) fn finish(self, deletes: &DeleteSet) -> Vec<u8> {
        let mut out = self.out.finish(deletes);
        out.shrink_to_fit();
        out
    }

    #[inline]
    pub(super) fn push(&mut self, piece: Piece<'a>) {
        if self.section.is_none_or(|first| first.client != piece.id.client) {
            self.close_section();
            self.section = Some(piece.id);
        }
        match self.open.as_ref().map_or(Joint::Apart, |open| joint(open, &piece)) {
            Joint::Apart => {
                self.flush();
                self.start(&piece);
            }
            Joint::Content => {
                if !piece.soft {
                    self.settle();
                }
                match &mut self.open {
                    Some(open) => {
                        if piece.soft && open.soft == 0 {
                            open.soft_at = self.payload.len();
                        }
                        open.len += piece.len;
                        open.soft += if piece.soft { piece.len } else { 0 };
                    }
                    // Settling cut the tail out.
                    None => self.start(&piece),
                }
            }
            Joint::Length => {
                self.harden();
                if let Some(open) = &mut self.open {
                    open.len += piece.len;
                }
                return;
            }
        }
        for part in piece.payload.iter().filter(|part| !part.is_empty()) {
            self.payload.extend_from_slice(part);
        }
    }

    /// Adds a struct, no unit of which goes, to one of the same kind. Says whether it could; [`Self::push`] always can.
    ///
    /// Most structs of most updates are single letters that were typed one after the other. This is [`Self::push`] for
    /// those, at half the cost.
    #[inline]
    pub(super) fn grow(&mut self, s: &Struct<'a>, item: &Item<'a>) -> bool {
        let Some(open) = &mut self.open else { return false };
        let What::Item(header) = &open.what else { return false };
        let grown = item.kind == header.kind
            && open.soft == 0
            && item.origin == Some(Id { client: open.id.client, clock: open.id.clock + (open.len - 1) })
            && open.id.client == s.id.client
            && item.right_origin == header.right_origin
            && grows(item.kind, item.info | header.info);
        if grown {
            open.len += s.len;
            self.payload.extend_from_slice(item.payload);
        }
        grown
    }

    fn start(&mut self, piece: &Piece<'a>) {
        let soft = if piece.soft { piece.len } else { 0 };
        self.open = Some(Open { id: piece.id, len: piece.len, what: piece.what, soft, soft_at: 0 });
    }

    /// Live content follows the soft tail: keeps the tail as it is, or cuts it out when that is shorter.
    fn settle(&mut self) {
        let Some(open) = &mut self.open else { return };
        let bytes = self.payload.len() - open.soft_at;
        // Cutting the middle out of a text makes two structs more, cutting the start out one.
        let structs_more = if open.soft == open.len { 1 } else { 2 };
        if open.soft > 0 && bytes > open.cut_cost() * structs_more {
            self.harden();
            self.flush();
        } else {
            open.soft = 0;
        }
    }

    /// Makes the soft tail a Deleted of its own, which is then what is open.
    fn harden(&mut self) {
        let Some(open) = &mut self.open else { return };
        let What::Item(header) = &mut open.what else { return };
        if open.soft == 0 {
            return;
        }
        self.payload.truncate(open.soft_at);
        let soft = std::mem::take(&mut open.soft);
        if soft == open.len {
            header.kind = Kind::Deleted;
            return;
        }
        open.len -= soft;
        let id = Id { client: open.id.client, clock: open.id.clock + open.len };
        let origin = Some(Id { client: id.client, clock: id.clock - 1 });
        let header = Header { kind: Kind::Deleted, origin, parent_bytes: &[], ..*header };
        self.flush();
        self.start(&Piece::bare(id, soft, What::Item(header)));
    }

    fn flush(&mut self) {
        if let Some(open) = &self.open
            && open.soft > 0
            && (open.soft == open.len || self.payload.len() - open.soft_at > open.cut_cost())
        {
            self.harden();
        }
        let Some(open) = self.open.take() else { return };
        match &open.what {
            What::Gc => put_gc(&mut self.out.structs, open.len),
            What::Skip => put_skip(&mut self.out.structs, open.len),
            What::Item(header) => header.put(&mut self.out.structs, open.len, self.payload.len()),
        }
        self.out.put_bytes(&self.payload, 1);
        self.payload.clear();
    }

    pub(super) fn close_section(&mut self) {
        self.flush();
        if let Some(Id { client, clock }) = self.section.take() {
            self.out.close(client, clock);
        }
    }
}

enum Joint {
    Apart,
    /// As one struct, with the content of both.
    Content,
    /// As one Deleted.
    Length,
}

/// Could `next` be the right half of a cut through one struct?
///
/// Parent and key need no look: an item with an origin has those of its origin. Yjs asks in addition that the two are
/// neighbours in the list; for bytes that does not matter, because whatever came between refers to the middle and so
/// splits them again.
#[inline]
fn joint(open: &Open<'_>, next: &Piece<'_>) -> Joint {
    let (left, right) = match (&open.what, &next.what) {
        (What::Gc, What::Gc) | (What::Skip, What::Skip) => return Joint::Content,
        (What::Item(left), What::Item(right)) => (left, right),
        (What::Gc, What::Skip | What::Item(_))
        | (What::Skip, What::Gc | What::Item(_))
        | (What::Item(_), What::Gc | What::Skip) => return Joint::Apart,
    };
    let last = Id { client: open.id.client, clock: open.id.clock + (open.len - 1) };
    if right.origin != Some(last) || left.right_origin != right.right_origin {
        return Joint::Apart;
    }
    let left_goes = left.kind == Kind::Deleted || open.soft > 0;
    let right_goes = right.kind == Kind::Deleted || next.soft;
    if left_goes && right_goes && (left.kind == Kind::Deleted || right.kind == Kind::Deleted) {
        Joint::Length
    } else if left.kind == right.kind && grows(left.kind, left.info | right.info) {
        Joint::Content
    } else {
        Joint::Apart
    }
}
