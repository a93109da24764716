//! A large update of a session, held against what its document knows beside its core. Knows no document, and not whose update it is.

use std::borrow::Cow;

use selvedge_protocol::update::{self, Accepted, Divided, Known, Limits, Refused, Rest, Verdict};

use crate::fan_out::update_frame;
use crate::frame::Frame;
use crate::prepared::Part;

/// What is to be held against what.
#[derive(Clone, Debug)]
pub struct Large {
    known: Known,
    update: Vec<u8>,
    limits: Limits,
}

/// What comes of it in a document that knows this, and perhaps in one that has gone on.
#[derive(Debug)]
pub struct Judged {
    /// As it came. Empty where the part is all of it.
    update: Vec<u8>,
    /// Whose structs the part brings, and from which clock on.
    begins: Vec<(u64, u32)>,
    outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing of it is new: its echo.
    Nothing(Frame),
    /// What can join now, and what lacks something: one of them at least.
    News { part: Option<Part>, rest: Option<Rest> },
    /// Its sender is at fault.
    Refused(Refused),
}

impl Large {
    pub(crate) fn new(known: Known, update: Vec<u8>, limits: Limits) -> Self {
        Self { known, update, limits }
    }

    /// Does with it what a core does with a small one, which takes as long as it is large.
    #[must_use]
    pub fn judge(self) -> Judged {
        let Self { known, mut update, limits } = self;
        let divided = match update::accept(&known, &update, &limits) {
            Verdict::Duplicate => Ok(Divided { part: None, rest: None }),
            Verdict::Refused(refused) => Err(refused),
            Verdict::Missing { .. } => update::divide(&known, &update, &limits),
            Verdict::Accepted(Accepted { update: news, clocks, deletes }) => {
                let news = match news {
                    Cow::Owned(news) => news,
                    // Then it is all of it.
                    Cow::Borrowed(_) => std::mem::take(&mut update),
                };
                Ok(Divided { part: Some(Accepted { update: Cow::Owned(news), clocks, deletes }), rest: None })
            }
        };
        let begins = match &divided {
            Ok(Divided { part: Some(part), .. }) => {
                part.clocks.iter().map(|&(client, _)| (client, known.clocks().clock(client))).collect()
            }
            Ok(Divided { part: None, .. }) | Err(_) => Vec::new(),
        };
        let outcome = match divided {
            Ok(Divided { part: None, rest: None }) => Outcome::Nothing(update_frame(&update)),
            Ok(Divided { part, rest }) => Outcome::News { part: part.map(Part::new), rest },
            Err(refused) => Outcome::Refused(refused),
        };
        Judged { update, begins, outcome }
    }
}

impl Judged {
    /// It comes to the same in a document that knows this, and has gone on from where it was held against it.
    ///
    /// What a document has learned since takes nothing away that the part refers to, so that it joins where nobody has brought structs of the same
    /// clients; that it deletes what others have deleted as well does no harm. What was lacking must not have come: nobody would offer the rest again.
    pub(crate) fn holds(&self, known: &Known) -> bool {
        match &self.outcome {
            Outcome::Nothing(_) | Outcome::Refused(_) => true,
            Outcome::News { part: _, rest } => {
                self.begins.iter().all(|&(client, clock)| known.clocks().clock(client) == clock)
                    && rest.as_ref().is_none_or(|rest| known.clocks().clock(rest.client) <= rest.clock)
            }
        }
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    /// The update, as it came.
    pub(crate) fn into_update(self) -> Vec<u8> {
        match self.outcome {
            Outcome::News { part: Some(part), .. } if self.update.is_empty() => part.into_record().0,
            Outcome::News { .. } | Outcome::Nothing(_) | Outcome::Refused(_) => self.update,
        }
    }
}
