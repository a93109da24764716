//! Parts an update that lacks something into what may join the document as it is, and what has to wait.
//!
//! The part is what Yjs would integrate of the update: of each client the structs up to the first that lacks something, and of
//! what is deleted whatever exists then. The rest is what Yjs would keep as pending.

use std::borrow::Cow;

use super::accept::{Survey, fits};
use super::limits::Limits;
use super::merge::write_runs;
use super::order::{Cursor, Section, as_far_as_possible, find};
use super::runs::Run;
use super::structs::{Body, Id, read_struct};
use super::walk::{close, open};
use super::{Accepted, DeleteRange, DeleteSet, Known, Result};

/// An update in two.
#[derive(Debug)]
pub struct Divided {
    /// What can be accepted now, as if it had come alone.
    pub part: Option<Accepted<'static>>,
    /// What is left. Nothing, where all that was lacking is something that no struct follows on.
    pub rest: Option<Rest>,
}

/// What lacks something.
#[derive(Debug)]
pub struct Rest {
    /// An update, without anything that is known or in the part. To be offered again: it was only looked at as far as that takes.
    pub update: Vec<u8>,
    /// Something that is lacking: none of the structs that need it can be accepted before the document's clock of `client` is
    /// above `clock`.
    pub client: u64,
    /// Which.
    pub clock: u32,
}

/// Divides an update of which [`super::accept()`] said that it lacks something, against the same document.
///
/// # Errors
///
/// It never can be accepted, and its sender is at fault.
pub fn divide(known: &Known, update: &[u8], limits: &Limits) -> Result<Divided> {
    let mut r = open(update, limits)?;
    let Survey { sections, .. } = Survey::of(known, &mut r, limits)?;
    let mut deletes = DeleteSet::default();
    deletes.read(&mut r, limits)?;
    close(&r)?;
    deletes.normalise();

    let mut taken: Vec<Run> = sections.iter().map(nothing_of).collect();
    let is_known = |id: Id| id.clock < known.clocks().clock(id.client);
    let cursors = as_far_as_possible(update, &sections, is_known, |section, s| {
        if s.end > sections[section].known {
            let run = &mut taken[section];
            if run.count == 0 {
                (run.clock, run.at) = (s.id.clock, s.at as u32);
            }
            // It fits: `open` refuses updates of more bytes.
            (run.end, run.at_end) = (s.end, s.at.wrapping_add(s.bytes.len()) as u32);
            run.count += 1;
        }
    })?;
    let mut left = Vec::new();
    let mut lack = None;
    for (section, cursor) in sections.iter().zip(&cursors) {
        if let Some(run) = what_is_left(section, cursor)? {
            left.push(run);
            lack = lack.or(cursor.lack());
        }
    }
    let end_of = |client| find(&sections, client).map_or_else(|| known.clocks().clock(client), |at| taken[at].end);
    let (now, later) = divide_deletes(known, &deletes, end_of);
    let lack = lack.or(later.ranges().first().map(|range| Id { client: range.client, clock: range.end - 1 }));
    let rest = lack.map(|Id { client, clock }| {
        let update = write_runs(&[update], left, known.clocks(), &later);
        Rest { update, client, clock }
    });

    taken.retain(|run| run.count > 0);
    if taken.is_empty() && now.is_empty() {
        return Ok(Divided { part: None, rest });
    }
    let new_clients = taken.iter().filter(|run| known.clocks().clock(run.client) == 0).count();
    fits(known, new_clients, &now, limits)?;
    let clocks = taken.iter().map(|run| (run.client, run.end)).collect();
    let update = Cow::Owned(write_runs(&[update], taken, known.clocks(), &now));
    Ok(Divided { part: Some(Accepted { update, clocks, deletes: now }), rest })
}

/// Before anything is taken of a section.
fn nothing_of(section: &Section) -> Run {
    let Section { client, known, .. } = *section;
    Run { client, clock: known, end: known, update: 0, at: 0, at_end: 0, count: 0 }
}

/// The structs of a section behind its cursor, from the first to the last, gaps between them included.
fn what_is_left(section: &Section, cursor: &Cursor<'_>) -> Result<Option<Run>> {
    let (mut r, mut clock) = (cursor.r, cursor.clock);
    let (mut run, mut count) = (nothing_of(section), 0);
    for _ in 0..cursor.left {
        let s = read_struct(&mut r, section.client, clock, u8::MAX)?;
        clock = s.end;
        count += 1;
        if let Body::Skip = s.body {
            continue;
        }
        if run.count == 0 {
            (run.clock, run.at) = (s.id.clock, s.at as u32);
            count = 1;
        }
        (run.end, run.at_end, run.count) = (s.end, r.position() as u32, count);
    }
    Ok((run.count > 0).then_some(run))
}

/// Of what exists up to `end_of` its client what is news, and all that does not exist yet. Cuts ranges there, as Yjs does.
fn divide_deletes(known: &Known, deletes: &DeleteSet, end_of: impl Fn(u64) -> u32) -> (DeleteSet, DeleteSet) {
    let (mut now, mut later) = (DeleteSet::default(), DeleteSet::default());
    for of_client in deletes.ranges().chunk_by(|a, b| a.client == b.client) {
        let end = end_of(of_client[0].client);
        for &range in of_client {
            if range.start < end {
                known.deletes().missing(DeleteRange { end: range.end.min(end), ..range }, |new| now.push(new));
            }
            if range.end > end {
                later.push(DeleteRange { start: range.start.max(end), ..range });
            }
        }
    }
    (now, later)
}
