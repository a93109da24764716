//! Versions of documents: whole states, kept by hand or by a rule, and thinned out as they age. Read and written away from the cores, from
//! what is committed. Knows no HTTP.

mod changes;
mod keeping;
mod thinning;

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::DocumentId;
use selvedge_storage::{Catalog, StoreError, Version};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

pub use changes::{Changes, Pace};
pub use keeping::{NotKept, Wish};
pub use thinning::Room;

use crate::documents::{Failed, blocking};
use crate::events::Events;
use crate::inbox::{Deliver, Note};
use crate::priority;
use crate::reader::stored::key;
use keeping::{Keeping, now_ms};

/// Threads that may be busy for long at once with what is asked here.
pub(crate) const BUSY_THREADS_MAX: usize = 1;

/// How often it is looked which documents are due.
const LOOK: Duration = Duration::from_secs(5);

/// After a version nothing is done for so many times as long as it took: reading and writing whole documents takes a fifth of one thread at most.
const REST: u32 = 4;

/// All versions. Clones are the same.
#[derive(Clone)]
pub struct Versions {
    store: Arc<dyn Catalog>,
    keeping: Arc<Keeping>,
    /// Whoever waits to keep a version waits here, and not on one of the few threads for what blocks.
    turn: Arc<Semaphore>,
}

impl Versions {
    /// The versions in this store. Of each that is made those are told who listen.
    #[must_use]
    pub fn new(store: Arc<dyn Catalog>, room: Room, events: Arc<Events>) -> Self {
        let keeping = Arc::new(Keeping::new(Arc::clone(&store), room, events));
        Self { store, keeping, turn: Arc::new(Semaphore::new(BUSY_THREADS_MAX)) }
    }

    /// From the next version of each document on, its versions may take so much.
    pub fn set_room(&self, room: Room) {
        self.keeping.set_room(room);
    }

    /// All of a document, ascending.
    ///
    /// # Errors
    ///
    /// The store.
    pub async fn list(&self, name: &DocumentName) -> Result<Vec<Version>, Failed> {
        let document = DocumentId::of(name.as_str());
        self.blocking(move |store| store.versions(key(document))).await
    }

    /// One with its state, which is a Yjs update; `None` where it is not there.
    ///
    /// # Errors
    ///
    /// The store.
    pub async fn get(&self, name: &DocumentName, id: u64) -> Result<Option<(Version, Bytes)>, Failed> {
        let document = DocumentId::of(name.as_str());
        let found = self.blocking(move |store| store.version(key(document), id)).await?;
        Ok(found.map(|(version, update)| (version, Bytes::from(update))))
    }

    /// Keeps a version of what is committed. `None` where a rule wants it and the last one is the same.
    ///
    /// # Errors
    ///
    /// There is none: the document, its room, or the store.
    pub async fn save(&self, name: &DocumentName, wish: Wish) -> Result<Option<Version>, NotKept> {
        let document = DocumentId::of(name.as_str());
        let turn = Arc::clone(&self.turn).acquire_owned().await.expect("it is never closed");
        let keeping = Arc::clone(&self.keeping);
        let keep = move || {
            // Whoever asked may be gone: the next one waits all the same.
            let _turn = turn;
            keeping.keep(document, &wish, now_ms())
        };
        let kept = spawn_blocking(keep).await;
        kept.unwrap_or_else(|ended| Err(NotKept::Store(StoreError::Io { why: ended.to_string() })))
    }

    /// Takes a version away. Says whether it was there.
    ///
    /// # Errors
    ///
    /// The store.
    pub async fn delete(&self, name: &DocumentName, id: u64) -> Result<bool, Failed> {
        let document = DocumentId::of(name.as_str());
        self.blocking(move |store| {
            let was_there = store.versions(key(document))?.iter().any(|version| version.id == id);
            // Also where it is damaged, and so not seen.
            store.delete_versions(key(document), &[id])?;
            Ok(was_there)
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Catalog) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failed> {
        let store = Arc::clone(&self.store);
        Ok(blocking(move || act(&*store)).await??)
    }
}

/// The thread that keeps automatic versions.
#[derive(Debug)]
pub struct Keeper {
    changes: Arc<Changes>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts it. What is told to [`watch`] leads to versions.
    ///
    /// # Errors
    ///
    /// The system has no thread to give.
    pub fn spawn(versions: &Versions, changes: Arc<Changes>) -> io::Result<Self> {
        let (keeping, seen) = (Arc::clone(&versions.keeping), Arc::clone(&changes));
        let thread = thread::Builder::new().name("versions".to_owned()).spawn(move || {
            priority::stand_back();
            keep_all(&keeping, &seen);
        })?;
        Ok(Self { changes, thread })
    }

    /// Ends the thread when it has finished the version that it is at.
    pub fn stop(self) {
        self.changes.stop();
        if self.thread.join().is_err() {
            tracing::error!("the keeper of versions has panicked");
        }
    }
}

/// Passes notes on, and says what is committed to those who keep versions.
#[must_use]
pub fn watch(changes: Arc<Changes>, deliver: Deliver) -> Deliver {
    Arc::new(move |core, note| {
        match &note {
            Note::Committed(commits) => changes.committed(commits, Instant::now()),
            Note::Deleted(documents) => changes.deleted(documents),
            Note::CommitFailed(_)
            | Note::Loaded { .. }
            | Note::CaughtUp { .. }
            | Note::Prepared { .. }
            | Note::SnapshotTaken { .. }
            | Note::Authority(_)
            | Note::Rules(_)
            | Note::Farewell(_)
            | Note::Errand(_) => {}
        }
        deliver(core, note);
    })
}

fn keep_all(keeping: &Keeping, changes: &Changes) {
    let wish = Wish { is_automatic: true, ..Wish::default() };
    while !changes.wait(LOOK) {
        for document in changes.take_due(Instant::now()) {
            let start = Instant::now();
            match keeping.keep(document, &wish, now_ms()) {
                Ok(_) | Err(NotKept::NoDocument) => {}
                // One is larger than all may be together: the operator's choice.
                Err(NotKept::NoRoom(_)) => tracing::debug!(?document, "there is no room for an automatic version"),
                Err(NotKept::Unreadable(why)) => tracing::warn!(?document, ?why, "no version of a document"),
                Err(NotKept::Store(error)) => tracing::warn!(?document, %error, "no version of a document"),
            }
            if changes.wait(start.elapsed() * REST) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_storage::MemoryStore;
    use tokio::runtime;
    use tokio::task::{JoinSet, yield_now};
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn those_who_keep_versions_leave_threads_to_others() {
        let room = Room { versions_max: 2, bytes_max: 1 };
        let versions = Versions::new(Arc::new(MemoryStore::new(1)), room, Arc::new(Events::new(1)));
        let name = DocumentName::new("name").expect("a name");
        let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
        let runtime = runtime.expect("threads can be had");
        // As while the rule keeps a large one.
        let large = versions.keeping.alone();
        let mut saves = JoinSet::new();
        let listed = runtime.block_on(async {
            for _ in 0..8 {
                let (versions, name) = (versions.clone(), name.clone());
                saves.spawn(async move { versions.save(&name, Wish::default()).await });
            }
            yield_now().await;
            // A bound for the failure, not a measure.
            timeout(Duration::from_secs(20), versions.list(&name)).await
        });
        assert_eq!(listed.expect("a thread was left"), Ok(Vec::new()));
        drop(large);
        runtime.block_on(async {
            while let Some(saved) = saves.join_next().await {
                assert_eq!(saved.expect("no panic"), Err(NotKept::NoDocument));
            }
        });
    }
}
