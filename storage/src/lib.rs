//! DISK: op log, snapshots and versions. Knows nothing of CRDTs, sockets or threads of others.
//!
//! An update is opaque bytes with a sequence. [`Store`] is the contract, and [`Catalog`] what is kept beside it; [`RocksStore`] keeps it on
//! a disk and [`MemoryStore`] in memory, where faults can be ordered. `docs/STORAGE.md` describes the format byte for byte.
#![forbid(unsafe_code)]

mod document;
mod error;
mod memory;
mod record;
mod rocks;
mod store;
mod version;

pub use document::DocumentKey;
pub use error::{Corruption, Limit, StoreError};
pub use memory::{Faults, MemoryStore};
pub use rocks::{
    BrokenLog, Examination, FamilyFigures, Figures, Found, HeldStore, LEVELS, RocksOptions, RocksStore, UNFINISHED,
    broken_log, files,
};
pub use store::{
    Append, Catalog, Deletion, Description, Durability, Listed, Listing, NAME_BYTES_MAX, Outline, Record,
    SNAPSHOT_BYTES_MAX, Store, Stored, UPDATE_BYTES_MAX, check_append, check_snapshot,
};
pub use version::{NewVersion, VERSION_TEXT_BYTES_MAX, Version};
