//! How the control plane reaches documents: what is stored it reads itself, off its thread, and what is live it asks the cores for. Everything
//! else about a document is decided by the shard that owns it. Knows no HTTP.

mod attendance;
mod failed;
mod preparing;
mod request;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use selvedge_protocol::document_name::DocumentName;
use selvedge_protocol::update::Limits;
use selvedge_shards::{Answer, DeletionCount, DocumentId, Errand, Expected, Inspection, SessionRef, ShardId, Unstored};
use selvedge_storage::{Catalog, Listed, Listing, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

pub use failed::Failed;
pub use request::{Answered, Person, Reply, Request, Wanted};
pub use view::{Description, Edited, Entry, Page, SessionName, SessionView, Sessions, State};

use crate::inbox::{Deliver, Note};
use crate::limits::Users;
use crate::reader::stored::{assemble, key, last};
use preparing::{Preparing, bytes_of};

/// Documents on one page at most.
pub const PAGE_DOCUMENTS_MAX: usize = 1_000;

/// Places for what cores are asked and have not answered. Most takes one; see [`PLACE_BYTES`].
const PLACES: usize = 1_024;

/// An update takes one more place for so many bytes: what is on its way to cores is bounded at 128 MiB, and as much again for what is sent of it.
const PLACE_BYTES: usize = 128 << 10;

// Any update that a record can hold finds room.
const _: () = assert!(selvedge_storage::UPDATE_BYTES_MAX / PLACE_BYTES < PLACES);

/// An update that says nothing: no structs, no deletions.
pub const EMPTY_UPDATE: &[u8] = &[0, 0];

/// Documents that are read whole at once.
const LOADS: usize = 2;

/// Threads that may be busy for long at once with what is asked here.
pub(crate) const BUSY_THREADS_MAX: usize = LOADS + preparing::AT_ONCE;

/// How long whoever asks waits. Both together are to end before the request does: it is to be said what has become of it.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until a core is asked to do something: for room, for a turn to prepare, for what a document knows. Whoever has waited for so long in all is told
    /// that the server is busy, and that nothing was done.
    pub room: Duration,
    /// From there on, for the answer.
    pub answer: Duration,
}

/// What the facade is made of.
pub struct Parts {
    /// Documents on disk.
    pub store: Arc<dyn Catalog>,
    /// The way to the cores.
    pub deliver: Deliver,
    /// How many there are.
    pub cores: u16,
    /// Users and their connections.
    pub users: Arc<Users>,
    /// How long whoever asks waits.
    pub patience: Patience,
    /// What updates are held to at present.
    pub limits: Box<dyn Fn() -> Limits + Send + Sync>,
}

/// All documents. Clones are the same.
#[derive(Clone)]
pub struct Documents {
    parts: Arc<Parts>,
    patience: Patience,
    places: Arc<Semaphore>,
    loads: Arc<Semaphore>,
    preparing: Preparing,
}

impl Documents {
    /// The documents of this store and these cores.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let (places, loads) = (Arc::new(Semaphore::new(PLACES)), Arc::new(Semaphore::new(LOADS)));
        let patience = parts.patience;
        Self { parts: Arc::new(parts), patience, places, loads, preparing: Preparing::new() }
    }

    /// The same for whoever is not bound by the time of a request, and waits for room as long as for an answer.
    #[must_use]
    pub fn unhurried(&self) -> Self {
        let patience = Patience { room: self.patience.answer, ..self.patience };
        Self { patience, ..self.clone() }
    }

    /// Documents whose names begin with `prefix`, behind the name `after`, in the order of the bytes of their names: those of which something is
    /// stored, and those that are only open. At most [`PAGE_DOCUMENTS_MAX`].
    ///
    /// # Errors
    ///
    /// The store, or a core that does not answer.
    pub async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page, Failed> {
        let limit = limit.clamp(1, PAGE_DOCUMENTS_MAX);
        // One more than is wanted says whether there are more.
        let wanted = Unstored { prefix: prefix.into(), after: after.map(Into::into), limit: limit + 1 };
        let place = self.place(0).await?;
        let asked = self.ask_all(&place, || Wanted::Unstored(wanted.clone()));
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        let stored = self
            .blocking(move |store| store.list(Listing { prefix: &prefix, after: after.as_deref(), limit: limit + 1 }));
        let mut documents = BTreeMap::new();
        for answered in asked.answers(self.patience.answer).await? {
            if let Answer::Unstored(names) = answered.answer {
                documents.extend(
                    names.iter().map(|name| (name.to_string(), Entry { name: name.to_string(), ..Entry::default() })),
                );
            }
        }
        // Behind the cores: one that was stored meanwhile is shown as that.
        for Listed { name, outline } in stored.await? {
            let created_ms = outline.map(|outline| outline.created_ms);
            documents.insert(name.clone(), Entry { name, created_ms });
        }
        let more = documents.len() > limit;
        let documents: Vec<Entry> = documents.into_values().take(limit).collect();
        let next = documents.last().filter(|_| more).map(|last| last.name.clone());
        Ok(Page { documents, next })
    }

    /// What is known of a document; `None` where nothing is stored of it and nobody has it open.
    ///
    /// # Errors
    ///
    /// The store, or the core that owns it.
    pub async fn describe(&self, name: &DocumentName) -> Result<Option<Description>, Failed> {
        let id = DocumentId::of(name.as_str());
        // The core first: what is read afterwards and deleted later was deleted after this count.
        let Inspection { standing: live, deletions, .. } = self.inspect(name).await?;
        let stored = self.blocking(move |store| store.describe(key(id))).await?;
        if stored.is_none() && live.is_none_or(|live| live.sessions == 0) {
            return Ok(None);
        }
        let mut description = Description {
            name: name.as_str().to_owned(),
            sessions: live.map_or(0, |live| live.sessions),
            deletions,
            ..Description::default()
        };
        if let Some(stored) = stored {
            description.sequence = stored.sequence;
            description.bytes = stored.outline.snapshot_bytes + stored.log_bytes;
            description.created_ms = Some(stored.outline.created_ms);
            description.updated_ms = Some(stored.updated_ms).filter(|&updated_ms| updated_ms > 0);
        }
        Ok(Some(description))
    }

    /// For [`Expected`]: what is read of the document from here on is of the same one as long as it is not deleted.
    ///
    /// # Errors
    ///
    /// The core that owns it.
    pub async fn deletions(&self, name: &DocumentName) -> Result<DeletionCount, Failed> {
        Ok(self.inspect(name).await?.deletions)
    }

    /// When the document was made that was edited. `None` where it is gone, or another one may be in its place.
    ///
    /// # Errors
    ///
    /// The store, or the core that owns it.
    pub async fn created_ms(&self, name: &DocumentName, edited: &Edited) -> Result<Option<u64>, Failed> {
        let id = DocumentId::of(name.as_str());
        // The core afterwards: what it has not deleted by then is what was read.
        let stored = self.blocking(move |store| store.describe(key(id))).await?;
        let is_same = self.inspect(name).await?.deleted <= edited.deletions;
        Ok(stored.filter(|_| is_same).map(|stored| stored.outline.created_ms))
    }

    async fn inspect(&self, name: &DocumentName) -> Result<Inspection, Failed> {
        let place = self.place(0).await?;
        match self.ask_owner(&place, name, Errand::Inspect).await?.answer {
            Answer::Inspected(inspection) => Ok(*inspection),
            other => Err(unexpected(other)),
        }
    }

    /// All that is committed, as one update; `None` where nothing is stored.
    ///
    /// # Errors
    ///
    /// The store.
    pub async fn state(&self, name: &DocumentName) -> Result<Option<State>, Failed> {
        let id = DocumentId::of(name.as_str());
        let place = Arc::clone(&self.loads).acquire_owned().await.map_err(|_| Failed::Draining)?;
        // What can be read is committed: RocksDB shows a batch only when it is as durable as it was wanted.
        let read = move |store: &dyn Catalog| -> Result<Option<State>, Failed> {
            let Some(stored) = store.load(key(id))? else { return Ok(None) };
            let created_ms = stored.created_ms;
            let state = assemble(&stored, last(&stored))?;
            drop(stored);
            Ok(Some(State { sequence: state.sequence.0, update: Bytes::from(state.update().to_vec()), created_ms }))
        };
        let store = Arc::clone(&self.parts.store);
        // Whoever asks may be gone before it is read: the place is taken as long as that goes on.
        let read = move || {
            let _place = place;
            read(&*store)
        };
        blocking(read).await?
    }

    /// Makes an empty document: its first record says nothing. Says whether it is new, and its last record.
    ///
    /// # Errors
    ///
    /// As [`Self::edit`].
    pub async fn create(&self, name: &DocumentName, expected: Expected) -> Result<(bool, u64), Failed> {
        let place = self.place(0).await?;
        match self.ask_owner(&place, name, Errand::Create { expected }).await?.answer {
            Answer::Created { sequence, is_new } => Ok((is_new, sequence.0)),
            other => Err(unexpected(other)),
        }
    }

    /// Puts a whole state in, or makes an empty document where the state is that of one. Gives the last record.
    ///
    /// # Errors
    ///
    /// As [`Self::edit`].
    pub async fn put_whole(&self, name: &DocumentName, parts: Vec<Bytes>, expected: Expected) -> Result<u64, Failed> {
        if parts == [EMPTY_UPDATE] {
            return self.create(name, expected).await.map(|(_, sequence)| sequence);
        }
        Ok(self.edit(name, parts, expected).await?.sequence)
    }

    /// Ends all sessions of a document, and takes away everything that is stored of it, versions too; returns when that is durable. Says whether
    /// there was anything.
    ///
    /// # Errors
    ///
    /// As [`Self::edit`].
    pub async fn delete(&self, name: &DocumentName, expected: Expected) -> Result<bool, Failed> {
        let stored = self.contains(name).await?;
        let place = self.place(0).await?;
        match self.ask_owner(&place, name, Errand::Delete { stored, expected }).await?.answer {
            Answer::Deleted(was_there) => Ok(was_there),
            other => Err(unexpected(other)),
        }
    }

    /// Deletes a document, and in the same moment puts another one in its place, of which these parts are all. Says whether there was one.
    ///
    /// # Errors
    ///
    /// As [`Self::edit`]: then what was there is there.
    pub async fn replace(&self, name: &DocumentName, parts: Vec<Bytes>) -> Result<bool, Failed> {
        let stored = self.contains(name).await?;
        let bytes = bytes_of(&parts);
        let until = self.until();
        let (updates, _turn) = self.whole(parts, until).await?;
        let place = self.place_until(bytes, until).await?;
        match self.ask_owner(&place, name, Errand::Replace { updates, stored }).await?.answer {
            Answer::Replaced { was_there, sequence: _ } => Ok(was_there),
            other => Err(unexpected(other)),
        }
    }

    async fn contains(&self, name: &DocumentName) -> Result<bool, Failed> {
        let id = DocumentId::of(name.as_str());
        self.blocking(move |store| store.contains(key(id))).await
    }

    /// Who has the document open, on all cores.
    ///
    /// # Errors
    ///
    /// A core that does not answer.
    pub async fn sessions(&self, name: &DocumentName) -> Result<Sessions, Failed> {
        let document = DocumentId::of(name.as_str());
        let shared: Arc<str> = name.as_str().into();
        let place = self.place(0).await?;
        let inspect = || Wanted::Errand { document, name: Arc::clone(&shared), errand: Errand::Inspect };
        let answers = self.ask_all(&place, inspect).answers(self.patience.answer).await?;
        let now_ms = since_1970_ms();
        let mut sessions = Sessions::default();
        let mut states: BTreeMap<SessionRef, Vec<(u64, Box<str>)>> = BTreeMap::new();
        for (core, answered) in (0..).zip(answers) {
            let Answer::Inspected(inspection) = answered.answer else { continue };
            let Inspection { sessions: seen, sessions_in_all, states: announced, .. } = *inspection;
            sessions.in_all += sessions_in_all;
            for (seen, person) in seen.into_iter().zip(answered.people) {
                sessions.shown.push(SessionView {
                    id: SessionName { core, session: seen.session },
                    subject: person.subject,
                    address: person.address.map(|address| address.to_string()),
                    since_ms: now_ms.saturating_sub(u64::from(seen.age_s) * 1_000),
                    access: seen.access,
                    dialect: seen.dialect,
                    awareness: Vec::new(),
                });
            }
            for state in announced {
                states.entry(state.session).or_default().push((state.client, state.json));
            }
        }
        for view in &mut sessions.shown {
            let of = SessionRef { shard: ShardId(view.id.core), session: view.id.session };
            view.awareness = states.remove(&of).unwrap_or_default();
        }
        Ok(sessions)
    }

    /// Disconnects one session of a document. Says whether it was there.
    ///
    /// # Errors
    ///
    /// The core does not answer.
    pub async fn dismiss(&self, name: &DocumentName, session: SessionName) -> Result<bool, Failed> {
        if session.core >= self.parts.cores {
            return Ok(false);
        }
        let place = self.place(0).await?;
        let document = DocumentId::of(name.as_str());
        let errand = Errand::Dismiss { session: session.session };
        let wanted = Wanted::Errand { document, name: name.as_str().into(), errand };
        let asked = self.ask(&place, ShardId(session.core), wanted);
        match answer(asked, self.patience.answer).await?.answer {
            Answer::Dismissed(was_there) => Ok(was_there),
            other => Err(unexpected(other)),
        }
    }

    /// Disconnects all sessions of a user, who may come back. Says how many.
    #[must_use]
    pub fn dismiss_user(&self, subject: &str) -> usize {
        self.parts.users.dismiss_all(subject)
    }

    /// Sends a stateless message to all sessions of a document that understand it. Says whether the document was open.
    ///
    /// # Errors
    ///
    /// The core does not answer.
    pub async fn send_stateless(&self, name: &DocumentName, payload: &str) -> Result<bool, Failed> {
        let place = self.place(payload.len()).await?;
        match self.ask_owner(&place, name, Errand::Tell { payload: payload.into() }).await?.answer {
            Answer::Told(was_open) => Ok(was_open),
            other => Err(unexpected(other)),
        }
    }

    // --- ways ---

    /// Something that waits for the store, away from this thread.
    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Catalog) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failed> {
        let store = Arc::clone(&self.parts.store);
        Ok(blocking(move || act(&*store)).await??)
    }

    /// Waits for a place among what is asked of cores.
    async fn place(&self, bytes: usize) -> Result<Arc<OwnedSemaphorePermit>, Failed> {
        self.place_until(bytes, self.until()).await
    }

    /// Until when whoever asks now waits for room.
    fn until(&self) -> Instant {
        Instant::now() + self.patience.room
    }

    async fn place_until(&self, bytes: usize, until: Instant) -> Result<Arc<OwnedSemaphorePermit>, Failed> {
        let places = (1 + bytes / PLACE_BYTES).min(PLACES);
        let places = u32::try_from(places).expect("there are not so many");
        let acquired = timeout_at(until, Arc::clone(&self.places).acquire_many_owned(places)).await;
        let place = acquired.map_err(|_| Failed::Busy)?.map_err(|_| Failed::Draining)?;
        Ok(Arc::new(place))
    }

    fn ask(&self, place: &Arc<OwnedSemaphorePermit>, core: ShardId, wanted: Wanted) -> oneshot::Receiver<Answered> {
        let (sender, receiver) = oneshot::channel();
        let reply = Reply { sender, _place: Arc::clone(place) };
        (self.parts.deliver)(usize::from(core.0), Note::Errand(Box::new(Request { wanted, reply })));
        receiver
    }

    fn ask_all(&self, place: &Arc<OwnedSemaphorePermit>, wanted: impl Fn() -> Wanted) -> Asked {
        Asked((0..self.parts.cores).map(|core| self.ask(place, ShardId(core), wanted())).collect())
    }

    async fn ask_owner(
        &self,
        place: &Arc<OwnedSemaphorePermit>,
        name: &DocumentName,
        errand: Errand,
    ) -> Result<Answered, Failed> {
        let document = DocumentId::of(name.as_str());
        let wanted = Wanted::Errand { document, name: name.as_str().into(), errand };
        let asked = self.ask(place, document.owner(self.parts.cores), wanted);
        answer(asked, self.patience.answer).await
    }
}

/// Does what waits on a thread of its own.
///
/// # Errors
///
/// It has panicked, or the control plane ends.
pub async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
    spawn_blocking(act).await.map_err(|error| if error.is_panic() { Failed::Panicked } else { Failed::Draining })
}

/// What all cores were asked.
struct Asked(Vec<oneshot::Receiver<Answered>>);

impl Asked {
    /// In the order of the cores.
    async fn answers(self, patience: Duration) -> Result<Vec<Answered>, Failed> {
        let mut answers = Vec::with_capacity(self.0.len());
        for asked in self.0 {
            answers.push(answer(asked, patience).await?);
        }
        Ok(answers)
    }
}

async fn answer(asked: oneshot::Receiver<Answered>, patience: Duration) -> Result<Answered, Failed> {
    let answered = timeout(patience, asked).await.map_err(|_| Failed::TimedOut)?;
    answered.map_err(|_| Failed::Draining)
}

/// An errand that failed; no other answer comes to it.
fn unexpected(answer: Answer) -> Failed {
    match answer {
        Answer::Failed(failed) => failed.into(),
        Answer::Base(_)
        | Answer::Edited { .. }
        | Answer::Created { .. }
        | Answer::Deleted(_)
        | Answer::Replaced { .. }
        | Answer::Told(_)
        | Answer::Inspected(_)
        | Answer::Dismissed(_)
        | Answer::Unstored(_)
        | Answer::Attended(_) => unreachable!("an errand is answered by its own kind"),
    }
}

fn since_1970_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
