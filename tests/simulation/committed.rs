//! What the server was told is committed of each document, from the records that it appended: whoever asks is to be given at least that. Does not
//! know who asks, and reads no disk but at the beginning of a life.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use selvedge_protocol::update::{self, Known, Limits, Verdict};
use selvedge_shards::{DocumentId, Sequence};

use crate::disk::Disk;

/// One book for each document that honest clients have.
pub(crate) struct Committed(BTreeMap<DocumentId, Book>);

#[derive(Default)]
struct Book {
    known: Arc<Known>,
    /// Appended, and not reported.
    appended: VecDeque<(Sequence, Vec<u8>)>,
    /// Of a document that is being deleted: what takes its place.
    successor: Vec<Vec<u8>>,
}

impl Committed {
    pub(crate) fn new(documents: &[String]) -> Self {
        Self(documents.iter().map(|name| (DocumentId::of(name), Book::default())).collect())
    }

    /// The server has died: whatever is stored is committed for the next.
    pub(crate) fn begin_life(&mut self, disk: &Disk) {
        for (&document, book) in &mut self.0 {
            let known = disk.state(document).map(|state| state.known().expect("what is stored is complete"));
            *book = Book { known: Arc::new(known.unwrap_or_default()), ..Book::default() };
        }
    }

    pub(crate) fn appended(&mut self, document: DocumentId, first: Sequence, updates: impl Iterator<Item = Vec<u8>>) {
        if let Some(book) = self.0.get_mut(&document) {
            book.appended.extend((first.0..).map(Sequence).zip(updates));
        }
    }

    pub(crate) fn deleting(&mut self, document: DocumentId, successor: &[Vec<u8>]) {
        if let Some(book) = self.0.get_mut(&document) {
            book.successor = successor.to_vec();
        }
    }

    /// The persister has reported that all records up to this one are durable.
    pub(crate) fn commit(&mut self, document: DocumentId, through: Sequence) {
        if let Some(book) = self.0.get_mut(&document) {
            book.commit(through);
        }
    }

    /// The persister has reported that the document is gone.
    pub(crate) fn deleted(&mut self, document: DocumentId) {
        if let Some(book) = self.0.get_mut(&document) {
            let appended = (1..).map(Sequence).zip(std::mem::take(&mut book.successor)).collect();
            *book = Book { appended, ..Book::default() };
        }
    }

    /// All of the document that is committed now.
    pub(crate) fn of(&self, document: DocumentId) -> Arc<Known> {
        self.0.get(&document).map(|book| Arc::clone(&book.known)).unwrap_or_default()
    }
}

impl Book {
    fn commit(&mut self, through: Sequence) {
        while let Some((_, record)) = self.appended.pop_front_if(|(sequence, _)| *sequence <= through) {
            match update::accept(&self.known, &record, &Limits::UNLIMITED) {
                Verdict::Accepted(accepted) => Arc::make_mut(&mut self.known).apply(&accepted),
                Verdict::Duplicate => {}
                verdict @ (Verdict::Missing { .. } | Verdict::Refused(_)) => {
                    panic!("what is appended follows on what is there: {verdict:?}")
                }
            }
        }
    }
}

/// Why somebody who has `known` does not have all of `committed`.
pub(crate) fn lacks(known: &Known, committed: &Known) -> Option<String> {
    if !committed.is_covered_by(known.clocks()) {
        return Some(format!("{:?} of {:?}", known.clocks(), committed.clocks()));
    }
    match update::accept(known, &committed.encode_deletes(), &Limits::UNLIMITED) {
        Verdict::Duplicate => None,
        verdict @ (Verdict::Accepted(_) | Verdict::Missing { .. } | Verdict::Refused(_)) => {
            Some(format!("deletions: {verdict:?}"))
        }
    }
}
