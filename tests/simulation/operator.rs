//! Somebody who is no session: edits documents over the server's head, makes and deletes them, looks at them, and sends sessions away. Keeps
//! the books of what it has asked for, and what the answers must be.

use std::collections::BTreeMap;
use std::sync::Arc;

use selvedge_protocol::update::{self, Known, Limits, Verdict};
use selvedge_shards::{
    Answer, Base, DeletionCount, DocumentId, Errand, ErrandFailed, Expected, Input, Prepared, Sequence, SessionId,
    Updates,
};

use crate::checks::Checks;
use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::edits;
use crate::random::Random;

/// What was asked for and is not answered.
#[derive(Debug)]
enum Pending {
    /// `seen`: it was bound to that. `is_fresh`: nobody else has any part of it. `continues`: it refers to another edit. `prepared`: beside the
    /// server, when so many deletions had ended.
    Edit {
        document: usize,
        parts: Vec<Vec<u8>>,
        epoch: u64,
        seen: Option<Seen>,
        is_fresh: bool,
        continues: bool,
        prepared: Option<u64>,
    },
    Base {
        document: usize,
    },
    Garbage {
        document: usize,
        parts: Vec<Vec<u8>>,
    },
    Outdated,
    Create {
        only_new: bool,
    },
    Delete {
        document: usize,
        seen: Option<Seen>,
    },
    Replace {
        document: usize,
        parts: Vec<Vec<u8>>,
    },
    Look {
        document: usize,
    },
    Dismiss,
}

/// What a look at a document has shown.
#[derive(Clone, Copy, Debug)]
struct Seen {
    deletions: DeletionCount,
    sequence: Sequence,
    /// Deletions of this document that had ended by then.
    ended: u64,
    is_exact: bool,
}

impl Seen {
    fn expected(seen: Option<Self>) -> Expected {
        match seen {
            None => Expected::Any,
            Some(Self { deletions, sequence, is_exact: true, .. }) => Expected::Exactly(deletions, sequence),
            Some(Self { deletions, is_exact: false, .. }) => Expected::Same(deletions),
        }
    }
}

pub(crate) struct Operator {
    random: Random,
    deletes: bool,
    next_job: u64,
    pending: BTreeMap<u64, Pending>,
    last_edit: Option<(usize, Vec<Vec<u8>>)>,
    /// By document: what it knew once in this life of the server, and how many deletions had ended by then.
    bases: BTreeMap<usize, (Base, u64)>,
    /// By document: an edit by somebody who has seen one of those that were asked for.
    continued: BTreeMap<usize, Vec<Vec<u8>>>,
    /// By document: the last look in this life of the server.
    seen: BTreeMap<usize, Seen>,
    /// By document: deletions that have ended in this life of the server.
    ended: BTreeMap<usize, u64>,
    /// By document: the last record that brought something of an edit.
    edited: BTreeMap<usize, Sequence>,
}

impl Operator {
    pub(crate) fn new(random: Random, deletes: bool) -> Self {
        Self {
            random,
            deletes,
            next_job: 0,
            pending: BTreeMap::new(),
            last_edit: None,
            bases: BTreeMap::new(),
            continued: BTreeMap::new(),
            seen: BTreeMap::new(),
            ended: BTreeMap::new(),
            edited: BTreeMap::new(),
        }
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
        let (pending, errand) = match self.random.below(26) {
            0..=2 if self.deletes && !checks.is_deleting(document) => {
                let stored = self.random.percent(80);
                if self.random.percent(60) {
                    let parts = self.edit()?;
                    checks.begin_deletion(document);
                    let updates = if self.random.percent(50) {
                        prepared(&Base::default(), &parts)
                    } else {
                        Updates::Raw(parts.clone())
                    };
                    (Pending::Replace { document, parts }, Errand::Replace { updates, stored })
                } else {
                    checks.begin_deletion(document);
                    let seen = self.bound_to(document);
                    let expected = Seen::expected(seen);
                    (Pending::Delete { document, seen }, Errand::Delete { stored, expected })
                }
            }
            0..=3 => (Pending::Look { document }, Errand::Inspect),
            4 => {
                let (at, session) = session?;
                core = at;
                (Pending::Dismiss, Errand::Dismiss { session })
            }
            5 => {
                let only_new = self.random.percent(30);
                let expected = if only_new { Expected::Nothing } else { Expected::Any };
                (Pending::Create { only_new }, Errand::Create { expected })
            }
            6 => {
                let mut parts = if self.random.percent(50) { self.edit()? } else { Vec::new() };
                let garbage = (0..self.random.between(1, 20)).map(|_| 0xff).collect();
                let whole = parts.clone();
                parts.push(garbage);
                let updates =
                    if self.random.percent(30) { prepared(&Base::default(), &parts) } else { Updates::Raw(parts) };
                (Pending::Garbage { document, parts: whole }, Errand::Edit { updates, expected: Expected::Any })
            }
            7 => {
                let updates = Updates::Raw(self.edit()?);
                let expected = Expected::Exactly(DeletionCount(u64::MAX), Sequence(u64::MAX));
                (Pending::Outdated, Errand::Edit { updates, expected })
            }
            8..=10 => (Pending::Base { document }, Errand::Base),
            _ => {
                let mut continues = false;
                let (parts, is_fresh) = match self.last_edit.take() {
                    Some((of, parts)) if of == document && self.random.percent(50) => (parts, false),
                    Some(_) | None => match self.continued.remove(&document) {
                        Some(parts) => {
                            continues = true;
                            (parts, true)
                        }
                        None => (self.edit()?, true),
                    },
                };
                if !continues && self.random.percent(50) {
                    let next = self.continue_on(&parts)?;
                    self.continued.insert(document, next);
                }
                self.last_edit = Some((document, parts.clone())).filter(|_| !continues);
                let seen = self.bound_to(document);
                let expected = Seen::expected(seen);
                let epoch = checks.epoch(document);
                // Mostly the document has gone on since.
                let base = self.bases.get(&document).filter(|_| self.random.percent(70));
                let updates = base.map_or_else(|| Updates::Raw(parts.clone()), |(base, _)| prepared(base, &parts));
                let prepared = base.map(|&(_, ended)| ended);
                checks.largest_message = checks.largest_message.max(parts.iter().map(Vec::len).sum());
                let pending = Pending::Edit { document, parts, epoch, seen, is_fresh, continues, prepared };
                (pending, Errand::Edit { updates, expected })
            }
        };
        if let Pending::Garbage { parts, .. } | Pending::Replace { parts, .. } = &pending {
            checks.largest_message = checks.largest_message.max(parts.iter().map(Vec::len).sum::<usize>() + 20);
        }
        let job = self.next_job;
        self.next_job += 1;
        self.pending.insert(job, pending);
        Some((core, Input::Errand { job, document: id, name, errand }))
    }

    /// Mostly nothing.
    fn bound_to(&mut self, document: usize) -> Option<Seen> {
        let is_exact = self.random.percent(50);
        let seen = self.seen.get(&document).map(|&seen| Seen { is_exact, ..seen });
        seen.filter(|_| self.random.percent(50))
    }

    /// Parts of which each may need those before.
    fn edit(&mut self) -> Option<Vec<Vec<u8>>> {
        let doc = edits::document(self.random.next() >> 11);
        let count = self.random.pick(&[1, 1, 2, 4]);
        let parts: Vec<_> = (0..count).filter_map(|_| edits::edit_flat(&doc, &mut self.random)).collect();
        (!parts.is_empty()).then_some(parts)
    }

    /// What somebody else writes who has these.
    fn continue_on(&mut self, parts: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let doc = edits::document(self.random.next() >> 11);
        parts.iter().for_each(|part| edits::apply(&doc, part));
        edits::edit_flat(&doc, &mut self.random).map(|part| vec![part])
    }

    fn ended(&self, document: usize) -> u64 {
        self.ended.get(&document).copied().unwrap_or_default()
    }

    /// What was done to the document that was seen must not have been done to another one.
    fn check_same(&self, document: usize, seen: Option<Seen>, checks: &mut Checks) {
        let Some(seen) = seen else { return };
        if seen.ended != self.ended(document) {
            checks.fail(format!("an errand meant a document that was deleted before: {seen:?}"));
        }
        let edited = self.edited.get(&document).copied().unwrap_or_default();
        if seen.is_exact && edited > seen.sequence {
            checks.fail(format!("an errand meant {seen:?}, and {edited:?} was durable before"));
        }
    }

    fn end(&mut self, document: usize) {
        *self.ended.entry(document).or_default() += 1;
        self.edited.remove(&document);
    }

    pub(crate) fn answered(&mut self, job: u64, answer: &Answer, checks: &mut Checks, coverage: &mut Coverage) {
        let Some(pending) = self.pending.remove(&job) else {
            return checks.fail(format!("job {job} is answered twice, or was never asked for: {answer:?}"));
        };
        match (pending, answer) {
            (Pending::Base { document }, Answer::Base(base)) => {
                coverage.count("errand: base");
                self.bases.insert(document, (Base::clone(base), self.ended(document)));
            }
            (
                Pending::Edit { document, parts, epoch, seen, prepared, .. },
                &Answer::Edited { is_new, sequence, .. },
            ) => {
                coverage.add("errand: edited as prepared", u64::from(is_new && prepared.is_some()));
                coverage.count(match (is_new, parts.len()) {
                    (true, 1) => "errand: edited",
                    (true, _) => "errand: edited in parts",
                    (false, _) => "errand: edited again",
                });
                if is_new {
                    self.check_same(document, seen, checks);
                    coverage.add("errand: done to what was meant", u64::from(seen.is_some()));
                    self.edited.insert(document, sequence);
                }
                checks.promise(document, epoch, &parts, coverage);
            }
            (Pending::Garbage { .. }, Answer::Failed(ErrandFailed::Refused(_))) => coverage.count("errand: refused"),
            (Pending::Outdated, Answer::Failed(ErrandFailed::Changed { .. })) => coverage.count("errand: outdated"),
            (Pending::Create { only_new }, &Answer::Created { is_new, .. }) => {
                coverage.count(if is_new { "errand: created" } else { "errand: was there" });
                if only_new && !is_new {
                    checks.fail("what was there was to be new".to_owned());
                }
            }
            (Pending::Create { only_new: true }, Answer::Failed(ErrandFailed::Changed { .. })) => {
                coverage.count("errand: was there");
            }
            (Pending::Delete { document, seen }, Answer::Deleted(was_there)) => {
                coverage.count(if *was_there { "errand: deleted" } else { "errand: nothing to delete" });
                checks.end_deletion(document, *was_there);
                if *was_there {
                    self.check_same(document, seen, checks);
                    self.end(document);
                }
            }
            (Pending::Replace { document, parts }, Answer::Replaced { was_there, .. }) => {
                coverage.count(if *was_there { "errand: replaced" } else { "errand: nothing to replace" });
                checks.end_deletion(document, *was_there);
                if *was_there {
                    self.end(document);
                }
                checks.promise(document, checks.epoch(document), &parts, coverage);
            }
            (Pending::Look { document }, Answer::Inspected(inspection)) => {
                coverage.count("errand: inspected");
                if let Some(standing) = inspection.standing {
                    let seen = Seen {
                        deletions: inspection.deletions,
                        sequence: standing.sequence,
                        ended: self.ended(document),
                        is_exact: false,
                    };
                    self.seen.insert(document, seen);
                }
            }
            (Pending::Dismiss, Answer::Dismissed(_)) => coverage.count("errand: dismissed"),
            (pending, Answer::Failed(failed)) => {
                coverage.count("errand: failed");
                let bound = match &pending {
                    Pending::Edit { document, seen, .. } | Pending::Delete { document, seen, .. } => {
                        seen.map(|seen| (*document, seen))
                    }
                    Pending::Base { .. }
                    | Pending::Garbage { .. }
                    | Pending::Outdated
                    | Pending::Create { .. }
                    | Pending::Replace { .. }
                    | Pending::Look { .. }
                    | Pending::Dismiss => None,
                };
                let may_fail = match failed {
                    ErrandFailed::Stalled(_)
                    | ErrandFailed::Congested
                    | ErrandFailed::DocumentFull { .. }
                    | ErrandFailed::DocumentsFull { .. }
                    | ErrandFailed::Unreadable(_) => true,
                    // Nobody else has structs of its clients, so the document was deleted, or what it lacked has come.
                    ErrandFailed::Outdated => {
                        coverage.count("errand: prepared for another");
                        match &pending {
                            Pending::Edit { document, prepared: Some(ended), is_fresh, continues, .. } => {
                                !is_fresh || *continues || *ended < self.ended(*document)
                            }
                            Pending::Edit { .. }
                            | Pending::Base { .. }
                            | Pending::Garbage { .. }
                            | Pending::Outdated
                            | Pending::Create { .. }
                            | Pending::Delete { .. }
                            | Pending::Replace { .. }
                            | Pending::Look { .. }
                            | Pending::Dismiss => false,
                        }
                    }
                    // So few are deleted here that each deletion is remembered by document.
                    ErrandFailed::Changed { .. } => {
                        coverage.count("errand: not done to another");
                        bound.is_some_and(|(document, seen)| seen.is_exact || seen.ended < self.ended(document))
                    }
                    // What it continues has failed, or is gone.
                    ErrandFailed::Lacks { .. } => matches!(&pending, Pending::Edit { continues: true, .. }),
                    ErrandFailed::Refused(_) => false,
                };
                if let Pending::Delete { document, .. } | Pending::Replace { document, .. } = pending {
                    checks.end_deletion(document, false);
                }
                if !may_fail {
                    checks.fail(format!("an errand failed: {failed:?}"));
                }
            }
            (pending, answer) => checks.fail(format!("{pending:?} is answered with {answer:?}")),
        }
    }

    /// The server has died: nothing will be answered. What was under way is done wholly, or not at all.
    pub(crate) fn settle(&mut self, disk: &Disk, documents: &[String], checks: &mut Checks, coverage: &mut Coverage) {
        (self.seen, self.ended, self.edited, self.bases) = Default::default();
        for pending in std::mem::take(&mut self.pending).into_values() {
            match pending {
                Pending::Edit { document, parts, is_fresh: true, .. } => {
                    let there = parts_there(disk, &documents[document], &parts);
                    coverage.add("errand: undecided edit in parts", u64::from(parts.len() > 1));
                    if there != 0 && there != parts.len() {
                        checks.fail(format!("{there} of {} parts of an edit are there", parts.len()));
                    }
                }
                Pending::Garbage { document, parts } => {
                    if parts_there(disk, &documents[document], &parts) > 0 {
                        checks.fail("an edit that cannot be made is there in part".to_owned());
                    }
                }
                Pending::Delete { document, .. } => {
                    coverage.count("errand: undecided deletion");
                    checks.settle_deletion(document, disk, &documents[document]);
                }
                Pending::Replace { document, parts } => {
                    // Rare, as the end of a document is: what is wanted is one of both.
                    coverage.count("errand: undecided deletion");
                    coverage.count("errand: undecided replacement");
                    let is_done = parts_there(disk, &documents[document], &parts) == parts.len();
                    checks.settle_replacement(document, disk, &documents[document], is_done);
                }
                Pending::Edit { is_fresh: false, .. }
                | Pending::Base { .. }
                | Pending::Outdated
                | Pending::Create { .. }
                | Pending::Look { .. }
                | Pending::Dismiss => {}
            }
        }
    }

    /// What is not answered yet.
    pub(crate) fn waits_for(&self) -> Option<String> {
        (!self.pending.is_empty()).then(|| format!("errands are not answered: {:?}", self.pending))
    }
}

/// As the control plane does it.
fn prepared(base: &Base, parts: &[Vec<u8>]) -> Updates {
    Updates::Prepared(Box::new(Prepared::of(base.clone(), parts.to_vec(), &Limits::default())))
}

/// How many of these updates are stored.
fn parts_there(disk: &Disk, name: &str, parts: &[Vec<u8>]) -> usize {
    let state = disk.state(DocumentId::of(name));
    let known = state.map_or_else(Known::default, |state| state.known().expect("what is stored is complete"));
    let is_there = |part: &&Vec<u8>| match update::accept(&known, part, &Limits::UNLIMITED) {
        Verdict::Duplicate => true,
        Verdict::Accepted(_) | Verdict::Missing { .. } => false,
        Verdict::Refused(refused) => panic!("what was made is an update: {refused}"),
    };
    parts.iter().filter(is_there).count()
}
