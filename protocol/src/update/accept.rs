//! Decides whether an update may join a document of which only [`Known`] is known.
//!
//! Whatever is accepted, one after another, is causally complete: every origin, right origin, parent and deleted range
//! exists, no client has a gap, and there is an order in which every struct comes after what it refers to.
//!
//! What needs the document itself is not judged. A parent that is no type makes a Gc of its children, in every client alike. A right
//! origin that stands before the origin, which no editor writes, makes clients that learn of it in different ways put that item in
//! different places: whoever may write can do that to a document.

use std::borrow::Cow;

use super::delete_set::walk_delete_set;
use super::limits::{Limit, Limits};
use super::merge::write_runs;
use super::order::{Section, find, in_order};
use super::runs::read_runs;
use super::structs::{Body, Id};
use super::walk::{close, open, walk, within};
use super::{DeleteRange, DeleteSet, Known, OneOrMany, Refused, Result};
use crate::lib0::Reader;

/// What becomes of an update.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It, or a part of it, is new and complete.
    Accepted(Accepted<'a>),
    /// Everything in it is known: to be acknowledged, but neither stored nor relayed.
    Duplicate,
    /// It refers to something that the document does not have: it cannot be accepted as a whole before the document's clock
    /// of `client` is above `clock`. There may be more that it lacks. What can be accepted of it [`super::divide()`] finds.
    Missing {
        /// Whose struct is missing.
        client: u64,
        /// Which.
        clock: u32,
    },
    /// It never can be accepted, and its sender is at fault.
    Refused(Refused),
}

/// The news in an update.
#[derive(Clone, Debug)]
pub struct Accepted<'a> {
    /// What to store and to relay. Never hand on the bytes that came instead: Yjs checks references of structs that it
    /// knows too, and an update whose known part is wrong throws, or waits for ever, in every client.
    ///
    /// Borrowed when the update was canonical and all of it new, which is nearly always.
    pub update: Cow<'a, [u8]>,
    /// The new clock of each client that has new structs.
    pub clocks: OneOrMany<(u64, u32)>,
    /// What is deleted and was not before.
    pub deletes: DeleteSet,
}

impl Accepted<'_> {
    /// Whether it may join a document that has gone on, as far as limits of the document say: others may have brought as much meanwhile.
    ///
    /// # Errors
    ///
    /// It would make the document larger than it may be.
    pub fn fits(&self, known: &Known, limits: &Limits) -> Result<()> {
        let new_clients = self.clocks.iter().filter(|&&(client, _)| known.clocks().clock(client) == 0).count();
        // Mostly it need not be counted.
        if known.delete_ranges() + self.deletes.ranges().len() <= limits.document_delete_ranges_max {
            return fits(known, new_clients, &DeleteSet::default(), limits);
        }
        let mut news = DeleteSet::default();
        self.deletes.ranges().iter().for_each(|&range| known.deletes().missing(range, |new| news.push(new)));
        fits(known, new_clients, &news, limits)
    }
}

/// Checks an update against what is known of the document.
#[must_use]
pub fn accept<'a>(known: &Known, update: &'a [u8], limits: &Limits) -> Verdict<'a> {
    try_accept(known, update, limits).unwrap_or_else(Verdict::Refused)
}

fn try_accept<'a>(known: &Known, update: &'a [u8], limits: &Limits) -> Result<Verdict<'a>> {
    let mut r = open(update, limits)?;
    let mut survey = Survey::of(known, &mut r, limits)?;
    let deletions = Deletions::of(known, &mut r, &mut survey, limits)?;
    close(&r)?;
    if survey.forward {
        let is_known = |id: Id| id.clock < known.clocks().clock(id.client);
        let missing = in_order(update, &survey.sections, is_known, |_, _| {})?;
        survey.missing = survey.missing.or(missing);
    }
    if let Some(Id { client, clock }) = survey.missing {
        return Ok(Verdict::Missing { client, clock });
    }
    let clocks: OneOrMany<_> = survey.sections.iter().filter(|s| s.end > s.known).map(|s| (s.client, s.end)).collect();
    let Deletions { news: deletes, whole } = deletions;
    if clocks.is_empty() && deletes.is_empty() {
        return Ok(Verdict::Duplicate);
    }
    let new_clients = survey.sections.iter().filter(|s| s.known == 0).count();
    fits(known, new_clients, &deletes, limits)?;
    let update = if whole && !survey.cut {
        Cow::Borrowed(update)
    } else {
        let mut runs = Vec::new();
        read_runs(update, 0, known.clocks(), &mut runs, &mut DeleteSet::default())?;
        Cow::Owned(write_runs(&[update], runs, known.clocks(), &deletes))
    };
    Ok(Verdict::Accepted(Accepted { update, clocks, deletes }))
}

/// Refuses what would make a document larger than it may be.
#[inline]
pub(super) fn fits(known: &Known, new_clients: usize, deletes: &DeleteSet, limits: &Limits) -> Result<()> {
    within(known.clients() + new_clients, limits.document_clients_max, Limit::DocumentClients)?;
    let ranges = known.deletes().ranges_with(deletes);
    within(ranges, limits.document_delete_ranges_max, Limit::DocumentDeleteRanges)
}

/// What one pass over the structs learns.
#[derive(Default)]
pub(super) struct Survey {
    /// Clients descend.
    pub(super) sections: OneOrMany<Section>,
    /// A part is known already, so the bytes cannot be handed on as they are.
    cut: bool,
    /// Something refers to a struct that is not known yet. Whether it is in this update takes another pass.
    forward: bool,
    /// Something that the update needs and the document lacks.
    missing: Option<Id>,
}

impl Survey {
    /// Finds sections and gaps, and judges the references that can be judged at once.
    #[inline]
    pub(super) fn of(known: &Known, r: &mut Reader<'_>, limits: &Limits) -> Result<Self> {
        let mut survey = Self::default();
        walk(r, limits, |s| {
            let Id { client, clock } = s.id;
            let section = survey.section(known, s.id, s.at);
            section.count += 1;
            section.end = s.end;
            if s.end <= section.known {
                return Ok(());
            }
            if let Body::Skip = s.body {
                survey.missing.get_or_insert(Id { client, clock: s.end - 1 });
            }
            for id in s.references() {
                if id.client == client {
                    // Yjs does not check this, and throws while it integrates.
                    if id.clock >= clock {
                        return Err(Refused::Circular(s.id));
                    }
                } else if id.clock >= known.clocks().clock(id.client) {
                    survey.forward = true;
                }
            }
            Ok(())
        })?;
        Ok(survey)
    }

    /// The section of a struct, which is the last one or begins with it.
    #[inline]
    fn section(&mut self, known: &Known, Id { client, clock }: Id, at: usize) -> &mut Section {
        if self.sections.last().is_none_or(|last| last.client != client) {
            let known = known.clocks().clock(client);
            if clock > known {
                self.missing.get_or_insert(Id { client, clock: clock - 1 });
            }
            self.cut |= clock < known;
            self.sections.push(Section { client, known, end: clock, count: 0, at, clock });
        }
        self.sections.last_mut().expect("pushed when there was none")
    }
}

/// What one pass over the delete set learns.
struct Deletions {
    news: DeleteSet,
    /// All of it is new and written as Yjs writes it today.
    whole: bool,
}

impl Deletions {
    #[inline]
    fn of(known: &Known, r: &mut Reader<'_>, survey: &mut Survey, limits: &Limits) -> Result<Self> {
        let mut news = News { known, survey, deletes: DeleteSet::default(), all_new: true, end_of: None };
        let written = *r;
        let (mut last, mut in_order): (Option<DeleteRange>, bool) = (None, true);
        let canonical = walk_delete_set(r, limits, |range| {
            in_order &= last.is_none_or(|last| last.is_before(&range));
            last = Some(range);
            if in_order {
                news.look_at(range);
            }
        })?;
        if !canonical {
            news.put_in_order(written, limits)?;
        }
        Ok(Self { whole: canonical && news.all_new, news: news.deletes })
    }
}

/// What is found of deletions that come in order.
struct News<'a> {
    known: &'a Known,
    survey: &'a mut Survey,
    deletes: DeleteSet,
    all_new: bool,
    /// Where the structs of the client end that was looked at last. Ranges of one stand together, so it is looked up once.
    end_of: Option<(u64, u32)>,
}

impl News<'_> {
    /// Begins anew with ranges that did not come in order. Of those that overlap, each would be news in as many pieces as the document
    /// has ranges there.
    #[cold]
    fn put_in_order(&mut self, mut r: Reader<'_>, limits: &Limits) -> Result<()> {
        let mut all = DeleteSet::default();
        all.read(&mut r, limits)?;
        all.normalise();
        self.deletes = DeleteSet::default();
        all.ranges().iter().for_each(|range| self.look_at(*range));
        Ok(())
    }

    #[inline]
    fn look_at(&mut self, range: DeleteRange) {
        let Self { known, survey, .. } = self;
        let end = match self.end_of {
            Some((client, end)) if client == range.client => end,
            Some(_) | None => {
                let here = find(&survey.sections, range.client).map_or(0, |at| survey.sections[at].end);
                let end = here.max(known.clocks().clock(range.client));
                self.end_of = Some((range.client, end));
                end
            }
        };
        if range.end > end {
            survey.missing.get_or_insert(Id { client: range.client, clock: range.end - 1 });
            return;
        }
        let mut is_new = false;
        known.deletes().missing(range, |new| {
            is_new = new == range;
            self.deletes.push(new);
        });
        self.all_new &= is_new;
    }
}
