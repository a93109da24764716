//! An order of an update's structs in which each comes after what it refers to.

use super::structs::{Id, Struct, read_struct};
use super::{Refused, Result};
use crate::lib0::Reader;

/// One client's structs in an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) client: u64,
    /// What is known of the client: references of structs that end here or below do not matter.
    pub(super) known: u32,
    /// Clock after the last struct.
    pub(super) end: u32,
    /// How many structs there are, where the first is, and its clock.
    pub(super) count: u32,
    pub(super) at: usize,
    pub(super) clock: u32,
}

/// Where a client's section is; they descend by client.
#[inline]
pub(super) fn find(sections: &[Section], client: u64) -> Option<usize> {
    sections.binary_search_by(|section| client.cmp(&section.client)).ok()
}

/// Gives every struct to `visit`, with the number of its section, after all that it refers to. Stops at a reference that
/// is neither known nor in the update, and gives it back; refuses circles.
///
/// Walks as Yjs does when it integrates: a stack of clients, each waiting for a clock of the one above it. Linear, since
/// after each wait a cursor moves.
pub(super) fn in_order<'a>(
    update: &'a [u8],
    sections: &[Section],
    is_known: impl Fn(Id) -> bool,
    mut visit: impl FnMut(usize, &Struct<'a>),
) -> Result<Option<Id>> {
    let mut walk = Walk { sections, cursors: sections.iter().map(|section| Cursor::of(update, section)).collect() };
    // Sections, and the clock up to which each is wanted.
    let mut stack: Vec<(usize, u32)> = Vec::new();
    for (root, section) in sections.iter().enumerate() {
        stack.push((root, section.end));
        while let Some(&(top, wanted)) = stack.last() {
            match walk.advance(top, wanted, &is_known, &mut visit)? {
                Step::Reached => {
                    stack.pop();
                    if let Some(&(below, _)) = stack.last() {
                        walk.cursors[below].waiting = false;
                    }
                }
                Step::Needs(other, wanted) => {
                    walk.cursors[top].waiting = true;
                    stack.push((other, wanted));
                }
                Step::Missing(id) => return Ok(Some(id)),
            }
        }
    }
    Ok(None)
}

/// How far one section has been given out.
struct Cursor<'a> {
    r: Reader<'a>,
    left: u32,
    clock: u32,
    /// It is on the stack, waiting for a struct of the cursor above it.
    waiting: bool,
}

impl<'a> Cursor<'a> {
    fn of(update: &'a [u8], section: &Section) -> Self {
        let r = Reader::starting_at(update, section.at);
        Self { r, left: section.count, clock: section.clock, waiting: false }
    }
}

enum Step {
    /// The clock that was wanted.
    Reached,
    /// Another section must first get to this clock.
    Needs(usize, u32),
    /// Neither the document nor the update has this.
    Missing(Id),
}

struct Walk<'s, 'a> {
    sections: &'s [Section],
    cursors: Vec<Cursor<'a>>,
}

impl<'a> Walk<'_, 'a> {
    /// Moves one cursor until it reaches `wanted` or meets a struct that needs another section.
    fn advance(
        &mut self,
        top: usize,
        wanted: u32,
        is_known: &impl Fn(Id) -> bool,
        visit: &mut impl FnMut(usize, &Struct<'a>),
    ) -> Result<Step> {
        let section = &self.sections[top];
        while self.cursors[top].clock < wanted && self.cursors[top].left > 0 {
            let mut ahead = self.cursors[top].r;
            let s = read_struct(&mut ahead, section.client, self.cursors[top].clock, u8::MAX)?;
            if s.end > section.known {
                for id in s.references() {
                    match self.need(&s, id, is_known)? {
                        None => {}
                        Some(step) => return Ok(step),
                    }
                }
            }
            let cursor = &mut self.cursors[top];
            cursor.r = ahead;
            cursor.clock = s.end;
            cursor.left -= 1;
            visit(top, &s);
        }
        Ok(Step::Reached)
    }

    /// What has to happen before `s`, which refers to `id`.
    fn need(&self, s: &Struct<'_>, id: Id, is_known: &impl Fn(Id) -> bool) -> Result<Option<Step>> {
        if id.client == s.id.client {
            // Yjs does not check this, and throws while it integrates.
            return if id.clock < s.id.clock { Ok(None) } else { Err(Refused::Circular(s.id)) };
        }
        if is_known(id) {
            return Ok(None);
        }
        match find(self.sections, id.client) {
            Some(other) if id.clock < self.cursors[other].clock => Ok(None),
            Some(other) if id.clock < self.sections[other].end => {
                if self.cursors[other].waiting {
                    return Err(Refused::Circular(s.id));
                }
                Ok(Some(Step::Needs(other, id.clock + 1)))
            }
            Some(_) | None => Ok(Some(Step::Missing(id))),
        }
    }
}
