//! An order of an update's structs in which each comes after what it refers to.

use super::structs::{Body, Id, Struct, read_struct};
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
/// is neither known nor in the update, or at a gap between structs, and gives back what is missing; refuses circles.
///
/// Walks as Yjs does when it integrates: a stack of clients, each waiting for a clock of the one above it. Linear, since
/// after each wait a cursor moves.
pub(super) fn in_order<'a>(
    update: &'a [u8],
    sections: &[Section],
    is_known: impl Fn(Id) -> bool,
    mut visit: impl FnMut(usize, &Struct<'a>),
) -> Result<Option<Id>> {
    let cursors = sections.iter().map(|section| Cursor::of(update, section)).collect();
    let mut walk = Walk { sections, cursors, stack: Vec::new() };
    for root in 0..sections.len() {
        if let Some(missing) = walk.give_out(root, &is_known, &mut visit)? {
            return Ok(Some(missing));
        }
    }
    Ok(None)
}

/// The same of an update that lacks something: gives out all that can be, as Yjs does, and goes on with the other sections
/// where one is stuck. Says of each where it stands in the end.
///
/// Linear too: a section that is stuck is not tried again, because nothing in the update can free it.
pub(super) fn as_far_as_possible<'a>(
    update: &'a [u8],
    sections: &[Section],
    is_known: impl Fn(Id) -> bool,
    mut visit: impl FnMut(usize, &Struct<'a>),
) -> Result<Vec<Cursor<'a>>> {
    let cursors = sections.iter().map(|section| Cursor::behind(update, section)).collect();
    let mut walk = Walk { sections, cursors, stack: Vec::new() };
    for root in 0..sections.len() {
        walk.give_out(root, &is_known, &mut visit)?;
    }
    Ok(walk.cursors)
}

/// How far one section has been given out.
pub(super) struct Cursor<'a> {
    /// Before the first struct that has not been.
    pub(super) r: Reader<'a>,
    /// So many have not been.
    pub(super) left: u32,
    /// Its clock.
    pub(super) clock: u32,
    /// References below this are satisfied.
    reached: u32,
    standing: Standing,
}

#[derive(Clone, Copy)]
enum Standing {
    Free,
    /// It is on the stack, waiting for a struct of the cursor above it.
    Waiting,
    /// It cannot go on without this.
    Stuck(Id),
}

impl<'a> Cursor<'a> {
    fn of(update: &'a [u8], section: &Section) -> Self {
        let r = Reader::starting_at(update, section.at);
        Self { r, left: section.count, clock: section.clock, reached: section.clock, standing: Standing::Free }
    }

    /// Of a section that is stuck from the beginning where it does not follow on what is known.
    fn behind(update: &'a [u8], section: &Section) -> Self {
        let cursor = Self::of(update, section);
        if section.clock <= section.known {
            return cursor;
        }
        let gap = Id { client: section.client, clock: section.clock - 1 };
        Self { reached: section.known, standing: Standing::Stuck(gap), ..cursor }
    }

    /// What it needs and nobody has.
    pub(super) fn lack(&self) -> Option<Id> {
        match self.standing {
            Standing::Stuck(lack) => Some(lack),
            Standing::Free | Standing::Waiting => None,
        }
    }
}

/// What whoever refers to `wanted` lacks, where that cannot be given out for the lack of `lack`. Inside of a gap, less of it may do.
fn lack_of(wanted: Id, lack: Id) -> Id {
    if wanted.client == lack.client { wanted.min(lack) } else { lack }
}

enum Step {
    /// The clock that was wanted.
    Reached,
    /// Another section must first get to this clock.
    Needs(usize, u32),
    /// Neither the document nor the update has this, or it cannot be given out.
    Missing(Id),
}

struct Walk<'s, 'a> {
    sections: &'s [Section],
    cursors: Vec<Cursor<'a>>,
    /// Sections, and the clock up to which each is wanted.
    stack: Vec<(usize, u32)>,
}

impl<'a> Walk<'_, 'a> {
    /// Gives out one section to its end, and of others what that takes. Says what is missing where it gets stuck, and all that
    /// waited for it with it.
    fn give_out(
        &mut self,
        root: usize,
        is_known: &impl Fn(Id) -> bool,
        visit: &mut impl FnMut(usize, &Struct<'a>),
    ) -> Result<Option<Id>> {
        if let Some(lack) = self.cursors[root].lack() {
            return Ok(Some(lack));
        }
        self.stack.push((root, self.sections[root].end));
        while let Some(&(top, wanted)) = self.stack.last() {
            match self.advance(top, wanted, is_known, visit)? {
                Step::Reached => {
                    self.stack.pop();
                    if let Some(&(below, _)) = self.stack.last() {
                        self.cursors[below].standing = Standing::Free;
                    }
                }
                Step::Needs(other, wanted) => {
                    self.cursors[top].standing = Standing::Waiting;
                    self.stack.push((other, wanted));
                }
                Step::Missing(id) => {
                    let mut lack = id;
                    for (section, wanted) in self.stack.drain(..).rev() {
                        self.cursors[section].standing = Standing::Stuck(lack);
                        lack = lack_of(Id { client: self.sections[section].client, clock: wanted - 1 }, lack);
                    }
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }

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
                if let Body::Skip = s.body {
                    return Ok(Step::Missing(Id { client: section.client, clock: s.end - 1 }));
                }
                for id in s.references() {
                    match self.need(&s, id, is_known)? {
                        None => {}
                        Some(step) => return Ok(step),
                    }
                }
            }
            let cursor = &mut self.cursors[top];
            cursor.r = ahead;
            (cursor.clock, cursor.reached) = (s.end, s.end);
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
            Some(other) if id.clock < self.cursors[other].reached => Ok(None),
            Some(other) if id.clock < self.sections[other].end => match self.cursors[other].standing {
                Standing::Free => Ok(Some(Step::Needs(other, id.clock + 1))),
                Standing::Waiting => Err(Refused::Circular(s.id)),
                Standing::Stuck(lack) => Ok(Some(Step::Missing(lack_of(id, lack)))),
            },
            Some(_) | None => Ok(Some(Step::Missing(id))),
        }
    }
}
