//! How large an update may be, and a document. A limit of the sender is a refusal; nothing is cut down in silence.

use std::fmt;

use crate::lib0;

/// Which limit an update exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::update_bytes_max`].
    UpdateBytes,
    /// [`Limits::structs_max`].
    Structs,
    /// [`Limits::clients_max`].
    Clients,
    /// [`Limits::delete_ranges_max`].
    DeleteRanges,
    /// [`Limits::state_vector_entries_max`].
    StateVectorEntries,
    /// [`Limits::depth_max`].
    Depth,
    /// [`Limits::document_clients_max`].
    DocumentClients,
    /// [`Limits::document_delete_ranges_max`].
    DocumentDeleteRanges,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UpdateBytes => "bytes in an update",
            Self::Structs => "structs in an update",
            Self::Clients => "clients in an update",
            Self::DeleteRanges => "delete ranges in an update",
            Self::StateVectorEntries => "entries in a state vector",
            Self::Depth => "levels of nesting",
            Self::DocumentClients => "clients in a document",
            Self::DocumentDeleteRanges => "delete ranges in a document",
        })
    }
}

/// Bounds on what is read from outside. Each is compared with the declared count before anything is reserved for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one update.
    pub update_bytes_max: usize,
    /// Structs in one update, Skip structs included.
    pub structs_max: usize,
    /// Client sections in one update, and clients in its delete set.
    pub clients_max: usize,
    /// Ranges in the delete set of one update.
    pub delete_ranges_max: usize,
    /// Entries of a state vector that a client sends.
    pub state_vector_entries_max: usize,
    /// Nesting of Any and JSON values. Every client reads them recursively.
    pub depth_max: u8,
    /// Clients that may ever have written to one document: 16 bytes of memory each.
    pub document_clients_max: usize,
    /// Delete ranges known of one document: 8 bytes of memory each.
    pub document_delete_ranges_max: usize,
}

impl Limits {
    /// For what has been accepted before, perhaps under larger limits. Offsets are kept in 32 bits, so one bound stays.
    pub const UNLIMITED: Self = Self {
        update_bytes_max: u32::MAX as usize,
        structs_max: usize::MAX,
        clients_max: usize::MAX,
        delete_ranges_max: usize::MAX,
        state_vector_entries_max: usize::MAX,
        depth_max: u8::MAX,
        document_clients_max: usize::MAX,
        document_delete_ranges_max: usize::MAX,
    };

    const DEFAULT: Self = Self {
        update_bytes_max: 32 << 20,
        structs_max: 4 << 20,
        clients_max: 1 << 16,
        delete_ranges_max: 1 << 19,
        state_vector_entries_max: 1 << 16,
        depth_max: lib0::DEPTH_MAX,
        document_clients_max: 1 << 16,
        document_delete_ranges_max: 1 << 19,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

// A client that reconnects sends every struct that the document may have, its whole delete set and state vector. What a
// document may hold, one message must be able to say, or clients of a large document could never sync again.
const _: () = {
    let limits = Limits::DEFAULT;
    assert!(limits.document_clients_max <= limits.clients_max);
    assert!(limits.document_clients_max <= limits.state_vector_entries_max);
    assert!(limits.document_delete_ranges_max <= limits.delete_ranges_max);
    assert!(limits.update_bytes_max <= Limits::UNLIMITED.update_bytes_max);
};
