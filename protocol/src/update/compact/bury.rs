//! Finds every item that lies under a deleted type, at any depth.

use crate::lib0::Reader;
use crate::update::Result;
use crate::update::delete_set::{DeleteRange, DeleteSet};
use crate::update::limits::Limits;
use crate::update::structs::{Body, Id, Kind, Parent, Struct};
use crate::update::walk::walk;

/// A flag for each struct; the items found are added to the deletions.
///
/// An item that names no parent has that of its origin, or else of its right origin, so parents are found by following
/// one reference for each struct. The paths are shared, so this is linear. What refers to a Gc is buried with it, as in
/// Yjs.
pub(super) fn find(update: &[u8], deletes: &mut DeleteSet) -> Result<Vec<bool>> {
    let mut rows = Vec::new();
    walk(&mut Reader::new(update), &Limits::UNLIMITED, |s| {
        rows.push(Row::of(s));
        Ok(())
    })?;
    let mut buried: Vec<Option<bool>> = vec![None; rows.len()];
    let mut path = Vec::new();
    for start in 0..rows.len() {
        let mut at = start;
        let verdict = loop {
            if let Some(found) = buried[at] {
                break found;
            }
            // Ends a circle, which only an update that was never accepted can have.
            buried[at] = Some(false);
            path.push(at);
            match step(&rows, at, deletes) {
                Step::Ends(verdict) => break verdict,
                Step::Like(other) => at = other,
            }
        };
        path.drain(..).for_each(|at| buried[at] = Some(verdict));
    }
    let buried: Vec<bool> =
        buried.into_iter().zip(&rows).map(|(buried, row)| row.is_item() && buried == Some(true)).collect();
    for (row, _) in rows.iter().zip(&buried).filter(|(_, buried)| **buried) {
        deletes.push(DeleteRange { client: row.id.client, start: row.id.clock, end: row.end });
    }
    deletes.normalise();
    Ok(buried)
}

struct Row {
    id: Id,
    end: u32,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Gc,
    Skip,
    Item { is_type: bool, place: Place },
}

/// Where an item has its parent from.
#[derive(Clone, Copy)]
enum Place {
    /// It is in a root.
    Root,
    /// It is where these are; they are the same when it names only one.
    Beside(Id, Id),
    Under(Id),
}

impl Row {
    fn of(s: &Struct<'_>) -> Self {
        let what = match &s.body {
            Body::Gc => What::Gc,
            Body::Skip => What::Skip,
            Body::Item(item) => {
                let place = match (item.origin, item.right_origin, item.parent) {
                    (Some(one), other, _) | (None, other @ Some(one), _) => Place::Beside(one, other.unwrap_or(one)),
                    (None, None, Some(Parent::Item(id))) => Place::Under(id),
                    (None, None, Some(Parent::Root) | None) => Place::Root,
                };
                What::Item { is_type: item.kind == Kind::Type, place }
            }
        };
        Self { id: s.id, end: s.end, what }
    }

    fn holds(&self, id: Id) -> bool {
        self.id.client == id.client && self.id.clock <= id.clock && id.clock < self.end
    }

    fn is_item(&self) -> bool {
        match self.what {
            What::Item { .. } => true,
            What::Gc | What::Skip => false,
        }
    }

    fn is_gc(&self) -> bool {
        match self.what {
            What::Gc => true,
            What::Skip | What::Item { .. } => false,
        }
    }
}

enum Step {
    /// Buried or not.
    Ends(bool),
    /// As that row is.
    Like(usize),
}

fn step(rows: &[Row], at: usize, deletes: &DeleteSet) -> Step {
    let What::Item { place, .. } = rows[at].what else { return Step::Ends(false) };
    match place {
        Place::Root => Step::Ends(false),
        Place::Beside(one, other) => match (row_of(rows, at, one), row_of(rows, at, other)) {
            (Some(one), Some(other)) if rows[one].is_gc() || rows[other].is_gc() => Step::Ends(true),
            (Some(one), Some(_)) => Step::Like(one),
            (None, _) | (_, None) => Step::Ends(false),
        },
        Place::Under(id) => match row_of(rows, at, id) {
            None => Step::Ends(false),
            Some(parent) => match rows[parent].what {
                What::Skip => Step::Ends(false),
                What::Item { is_type: true, .. } if !deletes.contains(id.client, id.clock) => Step::Like(parent),
                // A parent that is no type makes a Gc of its children in Yjs.
                What::Item { .. } | What::Gc => Step::Ends(true),
            },
        },
    }
}

/// The row that holds `id`, which is most often the one before `at`.
fn row_of(rows: &[Row], at: usize, id: Id) -> Option<usize> {
    if let Some(before) = at.checked_sub(1).filter(|&before| rows[before].holds(id)) {
        return Some(before);
    }
    // Sections descend by client and ascend by clock, so the rows are sorted.
    let past = rows
        .partition_point(|row| row.id.client > id.client || (row.id.client == id.client && row.id.clock <= id.clock));
    past.checked_sub(1).filter(|&at| rows[at].holds(id))
}
