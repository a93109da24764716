//! Makes a version of what is stored, and room for it. Waits for the disk; does not know who wants the version.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use selvedge_shards::DocumentId;
use selvedge_shards::reading::ReadFailed;
use selvedge_storage::{Catalog, NewVersion, StoreError, Version};

use super::thinning::{Coming, Origin, Room, has_room, thin};
use crate::events::{Event, Events};
use crate::reader::stored::{assemble, key, last};

/// A version that somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// What it is to be called.
    pub name: String,
    /// Who wants it.
    pub author: Option<String>,
    /// Nobody: a rule wants it. Then there is none where nothing has changed since the last one.
    pub is_automatic: bool,
}

/// Why there is no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Nothing is stored of the document.
    NoDocument,
    /// As many as this share allows were kept by hand, or as many bytes; or it is larger than all automatic ones may be together.
    NoRoom(Room),
    /// What is stored cannot be read.
    Unreadable(ReadFailed),
    /// The store does not take it.
    Store(StoreError),
}

impl From<StoreError> for NotKept {
    fn from(error: StoreError) -> Self {
        match error {
            // It was deleted in between.
            StoreError::Unknown { .. } => Self::NoDocument,
            StoreError::Corrupt { .. }
            | StoreError::CorruptVersion { .. }
            | StoreError::Locked { .. }
            | StoreError::NotAccessible { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::Version { .. }
            | StoreError::Full
            | StoreError::Short { .. }
            | StoreError::Io { .. }
            | StoreError::Damaged { .. }
            | StoreError::SequenceZero { .. }
            | StoreError::TooLarge { .. } => Self::Store(error),
        }
    }
}

/// Where versions are made, one at a time: each is a whole document in memory.
pub(super) struct Keeping {
    store: Arc<dyn Catalog>,
    room: RwLock<Room>,
    /// Who is told of each.
    events: Arc<Events>,
    one_at_a_time: Mutex<()>,
}

impl Keeping {
    pub(super) fn new(store: Arc<dyn Catalog>, room: Room, events: Arc<Events>) -> Self {
        Self { store, room: RwLock::new(room), events, one_at_a_time: Mutex::new(()) }
    }

    /// From the next version of each document on.
    pub(super) fn set_room(&self, room: Room) {
        *self.room.write().unwrap_or_else(PoisonError::into_inner) = room;
    }

    /// Waits until nobody else keeps a version, and lets nobody as long as it is held.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a version of what is committed. `None` where a rule wants it and the last one is the same.
    pub(super) fn keep(&self, document: DocumentId, wish: &Wish, now_ms: u64) -> Result<Option<Version>, NotKept> {
        let _alone = self.alone();
        let room = *self.room.read().unwrap_or_else(PoisonError::into_inner);
        let stored = self.store.load(key(document))?.ok_or(NotKept::NoDocument)?;
        let created_ms = stored.created_ms;
        let state = assemble(&stored, last(&stored)).map_err(NotKept::Unreadable)?;
        let document_name: Arc<str> = stored.name.as_str().into();
        drop(stored);
        let versions = self.store.versions(key(document))?;
        let is_last = versions.last().is_some_and(|version| version.sequence == state.sequence.0);
        if wish.is_automatic && is_last {
            return Ok(None);
        }
        let origin = Origin::of(wish.is_automatic, &wish.name);
        let coming = Coming { origin, bytes: state.update().len() as u64 };
        let gone = thin(&versions, now_ms, room, coming);
        if !has_room(&versions, &gone, room, coming) {
            return Err(NotKept::NoRoom(room.share()));
        }
        let new = NewVersion {
            document: key(document),
            created_ms,
            name: &wish.name,
            author: wish.author.as_deref(),
            is_automatic: wish.is_automatic,
            sequence: state.sequence.0,
            update: state.update(),
        };
        let version = self.store.save_version(new)?;
        self.events.tell(Event::Version {
            document: document_name,
            version: version.id.to_string().into(),
            name: (!wish.name.is_empty()).then(|| wish.name.as_str().into()),
            sequence: version.sequence,
        });
        // Only when the new one is there. Where this fails there is one too many until the next time.
        if !gone.is_empty() {
            self.store.delete_versions(key(document), &gone)?;
        }
        Ok(Some(version))
    }
}

/// Since 1970.
pub(super) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use selvedge_storage::{Append, Deletion, Durability, MemoryStore, Store};

    use super::*;

    /// What stands for the time in the store is near 0: nothing goes because of its age.
    const NOW_MS: u64 = 1_000;

    fn append(store: &MemoryStore, document: DocumentId, sequence: u64) {
        let update = [1, 1, u8::try_from(sequence).expect("small"), 0, 4, 1, 1, b't', 1, b'x', 0];
        let record = Append { document: key(document), name: "name", sequence, update: &update };
        store.append(&[record], Durability::Synced).expect("the disk is well");
    }

    fn by_hand(name: &str) -> Wish {
        Wish { name: name.to_owned(), author: Some("ada".to_owned()), is_automatic: false }
    }

    #[test]
    fn a_rule_keeps_what_has_changed_and_a_person_keeps_what_they_like() {
        let store = Arc::new(MemoryStore::new(1));
        let room = Room { versions_max: 10, bytes_max: 1 << 20 };
        let keeping = Keeping::new(Arc::clone(&store) as _, room, Arc::new(Events::new(1)));
        let document = DocumentId::of("name");
        let automatic = automatic();
        assert_eq!(keeping.keep(document, &automatic, NOW_MS), Err(NotKept::NoDocument));
        append(&store, document, 1);
        let first = keeping.keep(document, &automatic, NOW_MS).expect("kept").expect("it is the first");
        assert_eq!((first.sequence, first.is_automatic), (1, true));
        assert_eq!(keeping.keep(document, &automatic, NOW_MS), Ok(None));
        let second = keeping.keep(document, &by_hand("done"), NOW_MS).expect("kept").expect("somebody wants it");
        assert_eq!((second.name.as_str(), second.author.as_deref(), second.sequence), ("done", Some("ada"), 1));
        append(&store, document, 2);
        assert!(keeping.keep(document, &automatic, NOW_MS).expect("kept").is_some());
        let (_, state) = store.version(key(document), second.id).expect("readable").expect("there");
        assert_eq!(state.len() as u64, second.bytes);
        store.delete(&[Deletion { document: key(document), name: "name", successor: &[] }]).expect("the disk is well");
        assert_eq!(store.versions(key(document)), Ok(Vec::new()));
    }

    fn automatic() -> Wish {
        Wish { is_automatic: true, ..Wish::default() }
    }

    fn names(store: &MemoryStore) -> Vec<String> {
        let versions = store.versions(key(DocumentId::of("name"))).expect("readable");
        versions.into_iter().map(|version| version.name).collect()
    }

    #[test]
    fn automatic_ones_make_room_for_one_another_and_those_kept_by_hand_fill_their_own() {
        let store = Arc::new(MemoryStore::new(1));
        let room = Room { versions_max: 4, bytes_max: 1 << 20 };
        let keeping = Keeping::new(Arc::clone(&store) as _, room, Arc::new(Events::new(1)));
        let document = DocumentId::of("name");
        for sequence in 1..=3 {
            append(&store, document, sequence);
            keeping.keep(document, &automatic(), NOW_MS).expect("there is room");
        }
        for name in ["a", "b"] {
            keeping.keep(document, &by_hand(name), NOW_MS).expect("they have a share");
        }
        assert_eq!(names(&store), ["", "", "a", "b"]);
        assert_eq!(keeping.keep(document, &by_hand("c"), NOW_MS), Err(NotKept::NoRoom(room.share())));
        append(&store, document, 4);
        keeping.keep(document, &automatic(), NOW_MS).expect("the oldest goes");
        assert_eq!(names(&store), ["", "a", "b", ""]);
    }

    #[test]
    fn the_way_back_from_a_restore_is_kept_however_full_or_small_the_room_is() {
        let store = Arc::new(MemoryStore::new(1));
        let room = Room { versions_max: 2, bytes_max: 1 };
        let keeping = Keeping::new(Arc::clone(&store) as _, room, Arc::new(Events::new(1)));
        let document = DocumentId::of("name");
        for sequence in 1..=3 {
            append(&store, document, sequence);
            let name = format!("back {sequence}");
            let wish = Wish { name: name.clone(), author: None, is_automatic: true };
            assert!(keeping.keep(document, &wish, NOW_MS).expect("there is a place for it").is_some());
            assert_eq!(names(&store), [name]);
        }
        assert_eq!(keeping.keep(document, &by_hand("x"), NOW_MS), Err(NotKept::NoRoom(room.share())));
    }
}
