//! Cuts one large update into several that a client can apply one after the other, nothing ever waiting in between.

mod parts;

use parts::Parts;

use super::delete_set::DeleteSet;
use super::limits::Limits;
use super::order::{Section, find, in_order};
use super::structs::{Body, Id};
use super::walk::{close, open, walk};
use super::{Refused, Result};
use crate::lib0::Reader;

/// Cuts a causally complete update, or a diff of one, into parts of at most `bytes_max` bytes.
///
/// Applied in order, every struct comes after what it refers to, so Yjs integrates each part at once and whole. Merged,
/// they are the update unit by unit. Deletions come last, because they may be of anything.
///
/// A text, or a list of values, that is larger than a part is cut at a clock, never inside a surrogate pair. What cannot
/// be cut (one binary value, one character) makes a part as large as it is. References to what is not in the update are
/// taken to be known to whoever the parts are for. An update with gaps is refused: it has no such order.
///
/// Let parts be as large as they may. After each update Yjs tidies the formatting of texts that are shown: marks with
/// nothing between them are deleted, also when a later part would bring text that stands there. Of documents that are
/// mostly formatting, cut every few bytes, about one in a hundred loses a mark so; sent whole, none does.
pub fn split(update: &[u8], bytes_max: usize) -> Result<Vec<Vec<u8>>> {
    let mut r = open(update, &Limits::UNLIMITED)?;
    let sections = sections(&mut r)?;
    let mut deletes = DeleteSet::default();
    deletes.read(&mut r, &Limits::UNLIMITED)?;
    close(&r)?;
    if update.len() <= bytes_max {
        return Ok(vec![update.to_vec()]);
    }
    deletes.normalise();
    let mut parts = Parts::new(update, bytes_max, sections.len());
    let outside = |id: Id| {
        let section = find(&sections, id.client).map(|at| &sections[at]);
        section.is_none_or(|section| id.clock < section.clock || id.clock >= section.end)
    };
    in_order(update, &sections, outside, |section, s| parts.push(section, s))?;
    parts.push_deletes(&deletes);
    Ok(parts.finish())
}

fn sections(r: &mut Reader<'_>) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    walk(r, &Limits::UNLIMITED, |s| {
        if let Body::Skip = s.body {
            return Err(Refused::Incomplete(s.id));
        }
        match sections.last_mut() {
            Some(last) if last.client == s.id.client => {
                last.end = s.end;
                last.count += 1;
            }
            Some(_) | None => {
                let Id { client, clock } = s.id;
                sections.push(Section { client, known: 0, end: s.end, count: 1, at: s.at, clock });
            }
        }
        Ok(())
    })?;
    Ok(sections)
}
