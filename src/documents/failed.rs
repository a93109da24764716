//! Why nothing came of what was wanted of a document, and whose fault it is. Does not know how that is told.

use std::fmt;

use selvedge_shards::ErrandFailed;
use selvedge_shards::reading::ReadFailed;
use selvedge_storage::StoreError;

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The caller's: no document can take it, or not this one.
    Refused(String),
    /// The caller's: the document has moved on, or is another one.
    PreconditionFailed {
        /// Where it stands.
        sequence: u64,
    },
    /// The caller's: the document would become larger than the setting allows.
    Full {
        /// The setting.
        bytes_max: u64,
    },
    /// Too many at once: as many documents are open as allowed, or more waits than may. Another try may help.
    Busy,
    /// The disk's: nothing can be written at present. It mends itself when the disk does.
    Stalled(String),
    /// No answer came in time. What was wanted may yet be done, or not.
    TimedOut,
    /// The disk's: reading or writing has failed.
    Storage(String),
    /// The document's: what is stored is damaged. It can be deleted.
    Damaged(String),
    /// The server's: it has a defect.
    Panicked,
    /// The server ends, and takes nothing new.
    Draining,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => f.write_str(reason),
            Self::PreconditionFailed { sequence } => {
                write!(f, "the document is in another state by now: its sequence is {sequence}")
            }
            Self::Full { bytes_max } => write!(f, "the document would exceed {bytes_max} bytes"),
            Self::Busy => f.write_str("the server is busy"),
            Self::Stalled(reason) => write!(f, "changes cannot be stored at the moment: {reason}"),
            Self::TimedOut => f.write_str("no answer in time; it may have been done all the same"),
            Self::Storage(reason) => write!(f, "the store failed: {reason}"),
            Self::Damaged(reason) => write!(f, "the stored document is damaged: {reason}"),
            Self::Panicked => f.write_str("the server has a defect"),
            Self::Draining => f.write_str("the server stops"),
        }
    }
}

impl std::error::Error for Failed {}

impl From<ErrandFailed> for Failed {
    fn from(failed: ErrandFailed) -> Self {
        match failed {
            ErrandFailed::Refused(refused) => Self::Refused(format!("the update is refused: {refused}")),
            ErrandFailed::Lacks { client, clock } => Self::Refused(format!(
                "the update refers to clock {clock} of client {client}, which the document does not have"
            )),
            ErrandFailed::Changed { sequence } => Self::PreconditionFailed { sequence: sequence.0 },
            ErrandFailed::DocumentFull { bytes_max } => Self::Full { bytes_max },
            ErrandFailed::DocumentsFull { .. } | ErrandFailed::Congested | ErrandFailed::Outdated => Self::Busy,
            ErrandFailed::Stalled(reason) => Self::Stalled(reason.to_string()),
            ErrandFailed::Unreadable(failed) => failed.into(),
        }
    }
}

impl From<ReadFailed> for Failed {
    fn from(failed: ReadFailed) -> Self {
        match failed {
            ReadFailed::Storage(why) => Self::Storage(why.to_string()),
            ReadFailed::Corrupt(why) => Self::Damaged(why.to_string()),
            ReadFailed::Busy => Self::Busy,
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } | StoreError::CorruptVersion { .. } => Self::Damaged(error.to_string()),
            StoreError::Full | StoreError::Short { .. } => Self::Stalled(error.to_string()),
            StoreError::TooLarge { .. } => Self::Refused(error.to_string()),
            StoreError::Locked { .. }
            | StoreError::NotAccessible { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::Version { .. }
            | StoreError::Io { .. }
            | StoreError::Damaged { .. }
            | StoreError::Unknown { .. }
            | StoreError::SequenceZero { .. } => Self::Storage(error.to_string()),
        }
    }
}
