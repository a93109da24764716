//! Updates that are held against what a document knows, on its core or beside it. What is left to do afterwards is to see whether that still
//! holds. Knows no document, and not what is done with them.

use std::borrow::Cow;

use selvedge_protocol::update::{self, Accepted, Known, Limit, Limits, Refused, Verdict};

use crate::errand::ErrandFailed;
use crate::fan_out::update_frame;
use crate::frame::Frame;
use crate::id::DeletionCount;

/// An update that says nothing: no structs, no deletions. The first record of a document that is made empty.
pub(crate) const NOTHING: [u8; 2] = [0, 0];

/// What a document knows at one moment.
#[derive(Clone, Debug, Default)]
pub struct Base {
    known: Known,
    /// The deletions that its shard had counted. `None` where nothing is known: what needs nothing of a document can be held against any.
    deletions: Option<DeletionCount>,
}

impl Base {
    /// Of a document that is none of those deleted after so many.
    pub(crate) fn of(known: Known, deletions: DeletionCount) -> Self {
        Self { known, deletions: Some(deletions) }
    }
}

/// Updates that join a document one after the other, all of them or none, or why they do not.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// As in [`Base`].
    deletions: Option<DeletionCount>,
    /// Whose structs they bring, and from which clock on; or lack.
    begins: Vec<(u64, u32)>,
    /// How many there are, those of which nothing is new included.
    updates: u64,
    outcome: Result<Vec<Part>, ErrandFailed>,
}

/// What is new in an update.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    accepted: Accepted<'static>,
    frame: Frame,
}

impl Part {
    pub(crate) fn new(accepted: Accepted<'static>) -> Self {
        Self { frame: update_frame(&accepted.update), accepted }
    }

    /// Nothing is new.
    pub(crate) fn nothing() -> Self {
        let (clocks, deletes) = Default::default();
        Self::new(Accepted { update: Cow::Borrowed(&NOTHING), clocks, deletes })
    }

    pub(crate) fn len(&self) -> usize {
        self.accepted.update.len()
    }

    pub(crate) fn accepted(&self) -> &Accepted<'static> {
        &self.accepted
    }

    /// Its record, and the same for all who have the document open.
    pub(crate) fn into_record(self) -> (Vec<u8>, Frame) {
        (self.accepted.update.into_owned(), self.frame)
    }
}

impl Prepared {
    /// Holds updates against a document, none of which refers to a later one. Takes as long as they are large.
    #[must_use]
    pub fn of(base: Base, updates: Vec<Vec<u8>>, limits: &Limits) -> Self {
        let Base { mut known, deletions } = base;
        let count = updates.len() as u64;
        let (mut begins, mut parts, mut failed) = (Vec::new(), Vec::with_capacity(updates.len()), None);
        for update in updates {
            let Accepted { update: news, clocks, deletes } = match update::accept(&known, &update, limits) {
                Verdict::Accepted(accepted) => accepted,
                Verdict::Duplicate => continue,
                Verdict::Missing { client, clock } => {
                    begins.push((client, known.clocks().clock(client)));
                    failed = Some(ErrandFailed::Lacks { client, clock });
                    break;
                }
                Verdict::Refused(refused) => {
                    failed = Some(ErrandFailed::Refused(refused));
                    break;
                }
            };
            begins.extend(clocks.iter().map(|&(client, _)| (client, known.clocks().clock(client))));
            let news = match news {
                Cow::Owned(news) => Some(news),
                // Then it is all of it.
                Cow::Borrowed(_) => None,
            };
            let accepted = Accepted { update: Cow::Owned(news.unwrap_or(update)), clocks, deletes };
            known.apply(&accepted);
            parts.push(Part::new(accepted));
        }
        // Where several bring structs of one client, the first says from where on.
        begins.sort();
        begins.dedup_by_key(|&mut (client, _)| client);
        Self { deletions, begins, updates: count, outcome: failed.map_or(Ok(parts), Err) }
    }

    /// What comes of them in a document that knows this, and of which it is known when it was deleted last: the parts, and what it knows with them.
    ///
    /// Whatever else a document has learned takes nothing away that they refer to, unless it was deleted. So they can join where nobody has
    /// brought structs of the same clients meanwhile; that they delete what others have deleted as well does no harm.
    pub(crate) fn join(
        self,
        known: &Known,
        deleted: DeletionCount,
        limits: &Limits,
    ) -> Result<(Vec<Part>, Known), ErrandFailed> {
        let Self { deletions, begins, updates: _, outcome } = self;
        let holds = deletions.is_none_or(|seen| deleted <= seen)
            && begins.iter().all(|&(client, clock)| known.clocks().clock(client) == clock);
        if !holds {
            return Err(ErrandFailed::Outdated);
        }
        let parts = outcome?;
        let mut known = known.clone();
        for part in &parts {
            known.apply(&part.accepted);
        }
        let over = |limit, allowed| Err(ErrandFailed::Refused(Refused::OverLimit { limit, allowed }));
        match () {
            () if parts.is_empty() => {}
            () if known.clients() > limits.document_clients_max => {
                return over(Limit::DocumentClients, limits.document_clients_max);
            }
            () if known.delete_ranges() > limits.document_delete_ranges_max => {
                return over(Limit::DocumentDeleteRanges, limits.document_delete_ranges_max);
            }
            () => {}
        }
        Ok((parts, known))
    }

    /// How many updates it was.
    pub(crate) fn updates(&self) -> u64 {
        self.updates
    }

    /// All of a document: they need nothing but themselves.
    pub(crate) fn begin(self, limits: &Limits) -> Result<(Vec<Part>, Known), ErrandFailed> {
        match self.deletions {
            Some(_) => Err(ErrandFailed::Outdated),
            None => self.join(&Known::default(), DeletionCount::default(), limits),
        }
    }

    /// The clients whose structs they bring, and the new clock of each.
    pub(crate) fn clocks(parts: &[Part]) -> impl Iterator<Item = &(u64, u32)> {
        parts.iter().flat_map(|part| part.accepted.clocks.iter())
    }
}
