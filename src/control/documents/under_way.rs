//! Entries of an archive that are being taken in: several at once, and told of in the archive's order. Does not know how they are taken in.

use std::collections::VecDeque;

use selvedge_protocol::document_name::DocumentName;
use tokio::task::JoinHandle;

use super::failure::failed;
use crate::control::problem::Problem;
use crate::documents::Failed;

/// Entries at once. Each waits for the disk; what waits together is synced together.
const ENTRIES_MAX: usize = 32;

/// Bytes at once of documents, unless it is one by itself.
const BYTES_MAX: usize = 4 << 20;

/// Archives take this part of what cores hold for the disk at most: what is above is refused, and nobody is refused because of others of one archive.
const UNCOMMITTED_PART: usize = 16;

/// How much may be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    entries_max: usize,
    bytes_max: usize,
}

impl Bounds {
    /// One after the other.
    pub(super) const SINGLE: Self = Self { entries_max: 1, bytes_max: 0 };

    /// As much as goes well with cores that hold so many bytes until they are on disk.
    pub(super) fn several(uncommitted_bytes_max: usize) -> Self {
        Self { entries_max: ENTRIES_MAX, bytes_max: BYTES_MAX.min(uncommitted_bytes_max / UNCOMMITTED_PART) }
    }
}

/// What becomes of an entry.
#[derive(Debug)]
pub(super) enum Became<T> {
    /// It is not taken.
    Refused { path: String, why: String },
    /// It was put in, or not.
    Put { name: DocumentName, result: Result<T, Problem> },
}

#[derive(Debug)]
enum Entry<T> {
    Refused { path: String, why: String },
    Put { name: DocumentName, bytes: usize, task: JoinHandle<Result<T, Problem>> },
}

/// The entries. Their tasks go on by themselves: whoever does not read what is told of the first holds nothing up that others wait for.
#[derive(Debug)]
pub(super) struct UnderWay<T> {
    bounds: Bounds,
    entries: VecDeque<Entry<T>>,
    /// Sum of all.
    bytes: usize,
}

impl<T: Send + 'static> UnderWay<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether another one may be read, however large it is: then it may have to wait until it [has its turn](Self::is_turn_of).
    pub(super) fn has_room(&self) -> bool {
        self.is_empty() || (self.entries.len() < self.bounds.entries_max && self.bytes < self.bounds.bytes_max)
    }

    /// Whether a document may be begun: not beside another of its name, of which it is to find what that leaves, and not above the bounds unless it is alone.
    pub(super) fn is_turn_of(&self, name: &DocumentName, bytes: usize) -> bool {
        let has_name = |entry: &Entry<T>| match entry {
            Entry::Refused { .. } => false,
            Entry::Put { name: other, .. } => other == name,
        };
        self.is_empty() || (self.bytes + bytes <= self.bounds.bytes_max && !self.entries.iter().any(has_name))
    }

    pub(super) fn refuse(&mut self, path: String, why: String) {
        self.entries.push_back(Entry::Refused { path, why });
    }

    pub(super) fn begin(
        &mut self,
        name: DocumentName,
        bytes: usize,
        put: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) {
        self.bytes += bytes;
        self.entries.push_back(Entry::Put { name, bytes, task: tokio::spawn(put) });
    }

    /// The first of them, once it is done; never, where there is none. Whoever stops waiting misses nothing.
    pub(super) async fn first(&mut self) -> Became<T> {
        let result = match self.entries.front_mut() {
            None => std::future::pending().await,
            Some(Entry::Refused { .. }) => None,
            Some(Entry::Put { task, .. }) => Some(task.await),
        };
        match (self.entries.pop_front(), result) {
            (Some(Entry::Put { name, bytes, .. }), Some(result)) => {
                self.bytes -= bytes;
                let given_up = |error: tokio::task::JoinError| {
                    Err(failed(if error.is_panic() { Failed::Panicked } else { Failed::Draining }))
                };
                Became::Put { name, result: result.unwrap_or_else(given_up) }
            }
            (Some(Entry::Refused { path, why }), None) => Became::Refused { path, why },
            (Some(Entry::Put { .. }), None) | (Some(Entry::Refused { .. }), Some(_)) | (None, _) => {
                unreachable!("it is the one that was waited for")
            }
        }
    }

    /// Waits for all of them, of which nobody wants to hear.
    pub(super) async fn finish(&mut self) {
        while !self.is_empty() {
            self.first().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::{Barrier, Semaphore};

    use super::*;

    const MANY: Bounds = Bounds { entries_max: 3, bytes_max: 100 };

    fn name(text: &str) -> DocumentName {
        DocumentName::new(text).expect("a name")
    }

    fn run(work: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work);
    }

    /// What was told: the number that each task gave, or why the entry was refused.
    async fn told(under_way: &mut UnderWay<usize>) -> String {
        match under_way.first().await {
            Became::Refused { path, why } => format!("{path}: {why}"),
            Became::Put { name, result } => match result {
                Ok(number) => format!("{}: {number}", name.as_str()),
                Err(problem) => format!("{}: {}", name.as_str(), problem.status()),
            },
        }
    }

    #[test]
    fn several_go_on_at_once_and_are_told_of_in_order() {
        run(async {
            let mut under_way = UnderWay::new(MANY);
            let all_are_here = Arc::new(Barrier::new(2));
            let may_end = Arc::new(Semaphore::new(0));
            let (here, end) = (Arc::clone(&all_are_here), Arc::clone(&may_end));
            under_way.begin(name("a"), 10, async move {
                here.wait().await;
                drop(end.acquire().await);
                Ok(1)
            });
            under_way.refuse("b".to_owned(), "no".to_owned());
            let (here, end) = (all_are_here, may_end);
            under_way.begin(name("c"), 10, async move {
                here.wait().await;
                end.add_permits(1);
                Ok(3)
            });
            assert!(!under_way.has_room());
            assert_eq!(told(&mut under_way).await, "a: 1");
            assert_eq!(told(&mut under_way).await, "b: no");
            assert_eq!(told(&mut under_way).await, "c: 3");
            assert!(under_way.is_empty() && under_way.bytes == 0);
        });
    }

    #[test]
    fn entries_and_bytes_have_a_bound_and_one_alone_is_never_too_large() {
        run(async {
            let mut under_way = UnderWay::new(MANY);
            assert!(under_way.is_turn_of(&name("large"), 1_000));
            under_way.begin(name("a"), 60, async { Ok(0) });
            assert!(under_way.has_room());
            assert!(under_way.is_turn_of(&name("b"), 40) && !under_way.is_turn_of(&name("b"), 41));
            assert!(!under_way.is_turn_of(&name("a"), 1), "it is to find what the other leaves");
            under_way.begin(name("b"), 40, async { Ok(0) });
            assert!(!under_way.has_room(), "as many bytes as there may be");
            under_way.first().await;
            under_way.begin(name("c"), 1, async { Ok(0) });
            under_way.begin(name("d"), 1, async { Ok(0) });
            assert!(!under_way.has_room(), "as many entries as there may be");
            under_way.finish().await;
            under_way.begin(name("large"), 1_000, async { Ok(0) });
            assert!(!under_way.has_room() && !under_way.is_turn_of(&name("b"), 0));
        });
    }

    #[test]
    fn one_after_the_other_is_one_at_a_time() {
        run(async {
            let mut under_way = UnderWay::new(Bounds::SINGLE);
            assert!(under_way.has_room() && under_way.is_turn_of(&name("a"), 10));
            under_way.begin(name("a"), 0, async { Ok(0) });
            assert!(!under_way.has_room());
        });
    }

    #[test]
    fn archives_together_leave_cores_most_of_what_they_hold_for_the_disk() {
        assert_eq!(Bounds::several(64 << 10).bytes_max, 4 << 10);
        assert_eq!(Bounds::several(usize::MAX).bytes_max, BYTES_MAX);
    }

    #[test]
    fn what_panics_fails_by_itself() {
        run(async {
            let mut under_way = UnderWay::new(MANY);
            under_way.begin(name("a"), 1, async { panic!("a test of what happens then") });
            under_way.begin(name("b"), 1, async { Ok(2) });
            assert_eq!(told(&mut under_way).await, "a: 500 Internal Server Error");
            assert_eq!(told(&mut under_way).await, "b: 2");
        });
    }
}
