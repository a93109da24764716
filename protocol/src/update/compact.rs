//! Makes an update smaller without changing what any client, however old its state, ends up with.
//!
//! Only what follows from the theorem of [`super`], and what the garbage collection of Yjs does itself, is done here.
//! Tempting and wrong, each shown by documents that come out different: gluing structs whose right origins differ;
//! turning deleted items into Gc (whatever has a Gc as its origin becomes one, so live text is lost); forgetting the
//! right origin of deleted items; dropping deletions that a Deleted struct seems to imply (a client that has the item
//! alive would never learn of it).

mod bury;
mod glue;

use glue::{Glue, Piece, What, grows};

use super::Result;
use super::delete_set::{DeleteRange, DeleteSet};
use super::limits::Limits;
use super::structs::{Body, Id, Item, Kind, Struct};
use super::walk::{close, open, walk};
use super::write::{Header, NO_PAYLOAD, cut_payload};
use crate::lib0::Reader;

/// What happens to the content of deleted items. The items themselves always stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedContent {
    /// It stays. Loses nothing, so also right for documents with version history (clients with `gc: false`).
    Keep,
    /// It becomes a length, unless cutting it out of live text would take more bytes than it saves. The smallest.
    WhenSmaller,
    /// It becomes a length, always: what Yjs does, and what "deleted" means to a person.
    Always,
}

/// How an update is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// What happens to deleted content. Neighbouring structs are glued in any case.
    pub deleted: DeletedContent,
    /// A deleted type becomes a length too, and everything under it Gc, as in Yjs. Needs a causally complete update, or
    /// it finds less; without effect when deleted content is kept.
    pub bury: bool,
}

impl Compaction {
    /// Glues structs and loses nothing: for the merged updates of one turn, and for documents with version history.
    pub const SQUASH: Self = Self { deleted: DeletedContent::Keep, bury: false };
    /// The fewest bytes. Some deleted words stay readable in them.
    pub const SMALLEST: Self = Self { deleted: DeletedContent::WhenSmaller, bury: true };
    /// Forgets all content that the garbage collection of Yjs forgets.
    pub const COLLECT: Self = Self { deleted: DeletedContent::Always, bury: true };
}

/// Makes an update smaller. Doing it twice changes nothing.
pub fn compact(update: &[u8], how: Compaction) -> Result<Vec<u8>> {
    match how.deleted {
        DeletedContent::Keep => squash(update),
        DeletedContent::WhenSmaller | DeletedContent::Always => forget(update, how),
    }
}

fn squash(update: &[u8]) -> Result<Vec<u8>> {
    let mut rewriting = Rewriting::of(update, Compaction::SQUASH)?;
    rewriting.structs(&DeleteSet::default(), &[])?;
    let mut deletes = DeleteSet::default();
    deletes.read(&mut rewriting.r, &Limits::UNLIMITED)?;
    close(&rewriting.r)?;
    deletes.normalise();
    Ok(rewriting.glue.finish(&deletes))
}

fn forget(update: &[u8], how: Compaction) -> Result<Vec<u8>> {
    // Deletions come last in the bytes and are needed first.
    let mut r = open(update, &Limits::UNLIMITED)?;
    let mut has_types = false;
    walk(&mut r, &Limits::UNLIMITED, |s| {
        has_types |= matches!(s.body, Body::Item(Item { kind: Kind::Type, .. }));
        Ok(())
    })?;
    let mut deletes = DeleteSet::default();
    deletes.read(&mut r, &Limits::UNLIMITED)?;
    close(&r)?;
    deletes.normalise();
    if how.bury && has_types && !deletes.is_empty() {
        // Finding what is buried takes memory for each struct, of which there are far fewer once they are glued.
        let squashed = squash(update)?;
        let buried = bury::find(&squashed, &mut deletes)?;
        return rewrite(&squashed, how, &deletes, &buried);
    }
    rewrite(update, how, &deletes, &[])
}

fn rewrite(update: &[u8], how: Compaction, deletes: &DeleteSet, buried: &[bool]) -> Result<Vec<u8>> {
    let mut rewriting = Rewriting::of(update, how)?;
    rewriting.structs(deletes, buried)?;
    Ok(rewriting.glue.finish(deletes))
}

/// One pass over the structs, each glued to what came before it.
struct Rewriting<'a> {
    r: Reader<'a>,
    how: Compaction,
    glue: Glue<'a>,
}

impl<'a> Rewriting<'a> {
    fn of(update: &'a [u8], how: Compaction) -> Result<Self> {
        let r = open(update, &Limits::UNLIMITED)?;
        // As many sections come out as go in.
        let sections = { r }.count(1)?;
        Ok(Self { r, how, glue: Glue::new(sections, update.len()) })
    }

    /// `buried` has a flag for each struct, or none at all.
    fn structs(&mut self, deletes: &DeleteSet, buried: &[bool]) -> Result<()> {
        let Self { r, how, glue } = self;
        let mut buried = buried.iter();
        let (mut client, mut ranges): (Option<u64>, &[DeleteRange]) = (None, &[]);
        walk(r, &Limits::UNLIMITED, |s| {
            if client != Some(s.id.client) {
                client = Some(s.id.client);
                ranges = deletes.of(s.id.client);
            }
            let is_buried = buried.next() == Some(&true);
            match &s.body {
                Body::Gc => glue.push(Piece::bare(s.id, s.len, What::Gc)),
                Body::Skip => glue.push(Piece::bare(s.id, s.len, What::Skip)),
                Body::Item(_) if is_buried => glue.push(Piece::bare(s.id, s.len, What::Gc)),
                Body::Item(item) => {
                    while let [range, rest @ ..] = ranges
                        && range.end <= s.id.clock
                    {
                        ranges = rest;
                    }
                    let stays = ranges.first().is_none_or(|range| range.start >= s.end);
                    if !(stays && glue.grow(s, item)) {
                        push_item(glue, s, item, ranges, *how);
                    }
                }
            }
            Ok(())
        })?;
        glue.close_section();
        Ok(())
    }
}

/// Cuts an item where deletion begins or ends, and pushes the parts. `ranges` begin with the first that ends in or after
/// the item.
///
/// The cut between the halves of a surrogate pair makes U+FFFD of both, as it does in Yjs when it applies the same
/// deletion.
#[inline]
fn push_item<'a>(glue: &mut Glue<'a>, s: &Struct<'a>, item: &Item<'a>, ranges: &[DeleteRange], how: Compaction) {
    let (forgets, may_stay) = match how.deleted {
        DeletedContent::Keep => (false, false),
        DeletedContent::WhenSmaller => (true, grows(item.kind, item.info)),
        DeletedContent::Always => (true, false),
    };
    let forgets = forgets && item.kind != Kind::Deleted && (item.kind != Kind::Type || how.bury);
    let mut ranges = ranges.iter().take_while(|range| forgets && range.start < s.end).peekable();
    let mut from = s.id.clock;
    while from < s.end {
        let (to, deleted) = match ranges.peek() {
            None => (s.end, false),
            Some(range) if from < range.start => (range.start, false),
            Some(range) => (range.end.min(s.end), true),
        };
        if deleted {
            ranges.next();
        }
        let offset = from - s.id.clock;
        let mut header = Header::at(item, s.id, offset);
        let content_goes = deleted && !may_stay;
        if content_goes {
            header.kind = Kind::Deleted;
        }
        let payload = if content_goes { NO_PAYLOAD } else { cut_payload(item, s.len, offset, to - s.id.clock) };
        glue.push(Piece {
            id: Id { client: s.id.client, clock: from },
            len: to - from,
            what: What::Item(header),
            payload,
            soft: deleted && may_stay,
        });
        from = to;
    }
}
