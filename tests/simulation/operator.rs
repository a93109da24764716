//! Somebody who is no session: edits documents over the server's head, makes and deletes them, looks at them, and sends sessions away. Keeps
//! the books of what it has asked for, and what the answers must be.

use std::collections::BTreeMap;
use std::sync::Arc;

use selvedge_shards::{Answer, DocumentId, Errand, ErrandFailed, Expected, Input, Sequence, SessionId};

use crate::checks::Checks;
use crate::coverage::Coverage;
use crate::edits;
use crate::random::Random;

/// What was asked for and is not answered.
#[derive(Debug)]
enum Pending {
    Edit { document: usize, update: Vec<u8>, epoch: u64 },
    Garbage,
    Outdated,
    Create,
    Delete { document: usize },
    Look,
    Dismiss,
}

pub(crate) struct Operator {
    random: Random,
    deletes: bool,
    next_job: u64,
    pending: BTreeMap<u64, Pending>,
    last_update: Option<(usize, Vec<u8>)>,
}

impl Operator {
    pub(crate) fn new(random: Random, deletes: bool) -> Self {
        Self { random, deletes, next_job: 0, pending: BTreeMap::new(), last_update: None }
    }

    /// What it wants now, and of which core. `sessions`: somebody's, with the core that has it.
    pub(crate) fn act(
        &mut self,
        documents: &[String],
        shards: u16,
        session: Option<(usize, SessionId)>,
        checks: &mut Checks,
    ) -> Option<(usize, Input<'static>)> {
        let document = self.random.below(documents.len());
        let name: Arc<str> = documents[document].as_str().into();
        let id = DocumentId::of(&name);
        let mut core = usize::from(id.owner(shards).0);
        let (pending, errand) = match self.random.below(20) {
            0 | 1 if self.deletes && !checks.is_deleting(document) => {
                checks.begin_deletion(document);
                let stored = self.random.percent(80);
                (Pending::Delete { document }, Errand::Delete { stored })
            }
            0..=2 => (Pending::Look, Errand::Inspect),
            3 => {
                let (at, session) = session?;
                core = at;
                (Pending::Dismiss, Errand::Dismiss { session })
            }
            4 => (Pending::Create, Errand::Create),
            5 => {
                let update = (0..self.random.between(1, 20)).map(|_| 0xff).collect();
                (Pending::Garbage, Errand::Edit { update, expected: Expected::Any })
            }
            6 => {
                let (_, update) = self.edit(document)?;
                (Pending::Outdated, Errand::Edit { update, expected: Expected::Exactly(Sequence(u64::MAX)) })
            }
            _ => {
                let (document, update) = match self.last_update.take() {
                    Some(again) if self.random.percent(50) && again.0 == document => again,
                    Some(_) | None => self.edit(document)?,
                };
                self.last_update = Some((document, update.clone()));
                let epoch = checks.epoch(document);
                (
                    Pending::Edit { document, update: update.clone(), epoch },
                    Errand::Edit { update, expected: Expected::Any },
                )
            }
        };
        if let Errand::Edit { update, .. } = &errand {
            checks.largest_message = checks.largest_message.max(update.len());
        }
        let job = self.next_job;
        self.next_job += 1;
        self.pending.insert(job, pending);
        Some((core, Input::Errand { job, document: id, name, errand }))
    }

    fn edit(&mut self, document: usize) -> Option<(usize, Vec<u8>)> {
        let doc = edits::document(self.random.next() >> 11);
        Some((document, edits::edit_flat(&doc, &mut self.random)?))
    }

    pub(crate) fn answered(&mut self, job: u64, answer: &Answer, checks: &mut Checks, coverage: &mut Coverage) {
        let Some(pending) = self.pending.remove(&job) else {
            return checks.fail(format!("job {job} is answered twice, or was never asked for: {answer:?}"));
        };
        match (pending, answer) {
            (Pending::Edit { document, update, epoch }, Answer::Edited { is_new, .. }) => {
                coverage.count(if *is_new { "errand: edited" } else { "errand: edited again" });
                checks.promise(document, epoch, &[update], coverage);
            }
            (Pending::Garbage, Answer::Failed(ErrandFailed::Refused(_))) => coverage.count("errand: refused"),
            (Pending::Outdated, Answer::Failed(ErrandFailed::Changed { .. })) => coverage.count("errand: outdated"),
            (Pending::Create, Answer::Created(is_new)) => {
                coverage.count(if *is_new { "errand: created" } else { "errand: was there" });
            }
            (Pending::Delete { document }, Answer::Deleted(was_there)) => {
                coverage.count(if *was_there { "errand: deleted" } else { "errand: nothing to delete" });
                checks.end_deletion(document, *was_there);
            }
            (Pending::Look, Answer::Inspected(_)) => coverage.count("errand: inspected"),
            (Pending::Dismiss, Answer::Dismissed(_)) => coverage.count("errand: dismissed"),
            (pending, Answer::Failed(failed)) => {
                coverage.count("errand: failed");
                let may_fail = match failed {
                    ErrandFailed::Stalled(_)
                    | ErrandFailed::Congested
                    | ErrandFailed::DocumentFull { .. }
                    | ErrandFailed::DocumentsFull { .. }
                    | ErrandFailed::Unreadable(_) => true,
                    ErrandFailed::Refused(_) | ErrandFailed::Lacks { .. } | ErrandFailed::Changed { .. } => false,
                };
                if let Pending::Delete { document } = pending {
                    checks.end_deletion(document, false);
                }
                if !may_fail {
                    checks.fail(format!("an errand failed: {failed:?}"));
                }
            }
            (pending, answer) => checks.fail(format!("{pending:?} is answered with {answer:?}")),
        }
    }

    /// The server has died: nothing will be answered. Gives the documents of which nobody knows whether they are deleted.
    pub(crate) fn forget(&mut self) -> Vec<usize> {
        let pending = std::mem::take(&mut self.pending).into_values();
        pending
            .filter_map(|pending| if let Pending::Delete { document } = pending { Some(document) } else { None })
            .collect()
    }

    /// What is not answered yet.
    pub(crate) fn waits_for(&self) -> Option<String> {
        (!self.pending.is_empty()).then(|| format!("errands are not answered: {:?}", self.pending))
    }
}
