//! When documents of this shard were deleted last, as far as is remembered. Counts deletions; has no clock.

use std::collections::{HashMap, VecDeque};

use crate::id::{DeletionCount, DocumentId};

/// Deletions that are remembered by document. Of documents whose last one is further back, only the last of theirs all is known.
const REMEMBERED_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Deletions {
    count: DeletionCount,
    last: HashMap<DocumentId, DeletionCount>,
    /// The latest ones, in order; of a document that was deleted again, the earlier ones as well.
    order: VecDeque<(DocumentId, DeletionCount)>,
    /// The last deletion of a document that is not remembered.
    forgotten: DeletionCount,
}

impl Deletions {
    /// Documents that were deleted so far.
    pub(crate) fn count(&self) -> DeletionCount {
        self.count
    }

    /// The last deletion of a document of this name, or, where it is not remembered whether there was one, perhaps a later one of another.
    pub(crate) fn last_of(&self, document: DocumentId) -> DeletionCount {
        self.last.get(&document).copied().unwrap_or(self.forgotten)
    }

    /// A document is deleted.
    pub(crate) fn deleted(&mut self, document: DocumentId) {
        self.count = self.count.next();
        self.last.insert(document, self.count);
        self.order.push_back((document, self.count));
        if self.order.len() > REMEMBERED_MAX
            && let Some((document, count)) = self.order.pop_front()
            && self.last.get(&document) == Some(&count)
        {
            self.last.remove(&document);
            self.forgotten = count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_its_own_last_deletion_as_long_as_that_is_remembered() {
        let document = |number: usize| DocumentId::of(&number.to_string());
        let mut deletions = Deletions::default();
        deletions.deleted(document(0));
        deletions.deleted(document(1));
        deletions.deleted(document(0));
        assert_eq!(deletions.count(), DeletionCount(3));
        assert_eq!([0, 1, 2].map(|number| deletions.last_of(document(number)).0), [3, 2, 0]);
        for number in 2..REMEMBERED_MAX {
            deletions.deleted(document(number));
        }
        // The first of document 0 was pushed out, which was not its last; the second is what is left of it.
        assert_eq!([0, 1, 2, REMEMBERED_MAX].map(|number| deletions.last_of(document(number)).0), [3, 2, 4, 0]);
        deletions.deleted(document(REMEMBERED_MAX));
        assert_eq!(
            [0, 1, 2].map(|number| deletions.last_of(document(number)).0),
            [3, 2, 4],
            "document 1 may be later, not earlier"
        );
        deletions.deleted(document(REMEMBERED_MAX + 1));
        let unknown = deletions.last_of(document(REMEMBERED_MAX + 9));
        assert_eq!((unknown, deletions.last_of(document(0))), (DeletionCount(3), DeletionCount(3)));
        assert!(deletions.last.len() <= REMEMBERED_MAX && deletions.order.len() <= REMEMBERED_MAX);
    }
}
