//! Every alert that there is: its name, its unit, how long it has to hold, and what to do about it. Knows no figure.

use crate::instruments::Timed;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should look at it today.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Severity {
    /// Both, rising.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Critical];

    /// As others read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// On which side of its bound a figure is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// Large ones are.
    Above,
    /// Small ones are.
    Below,
}

/// What an alert can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Cores whose loop does not turn.
    CoresNotTurning,
    /// Writes that fail.
    StorageNotWritable,
    /// A write that does not end.
    StorageNotAnswering,
    /// Writes and syncs that failed of late.
    SyncFailures,
    /// The slowest acknowledgements.
    AcknowledgeLatency,
    /// The slowest deliveries.
    DeliverLatency,
    /// An operation that takes longer than before; see [`COMPARED`].
    Slower(Timed),
    /// Work that was not done for clients.
    ErrorRate,
    /// Sessions whose sockets do not take what they are sent.
    SessionsBehind,
    /// Memory in use.
    MemoryUse,
    /// Memory that will be in use.
    MemoryGrowth,
}

/// Operations that are compared with how long they took before. What a turn takes grows with what is done in it, and says nothing by itself.
pub const COMPARED: [Timed; 6] =
    [Timed::Acknowledge, Timed::Deliver, Timed::Join, Timed::Load, Timed::CatchUp, Timed::Sync];

const OTHERS: [Kind; 10] = [
    Kind::CoresNotTurning,
    Kind::StorageNotWritable,
    Kind::StorageNotAnswering,
    Kind::SyncFailures,
    Kind::AcknowledgeLatency,
    Kind::DeliverLatency,
    Kind::ErrorRate,
    Kind::SessionsBehind,
    Kind::MemoryUse,
    Kind::MemoryGrowth,
];

impl Kind {
    /// How many there are.
    pub(super) const COUNT: usize = OTHERS.len() + COMPARED.len();

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        OTHERS.into_iter().chain(COMPARED.into_iter().map(Self::Slower))
    }

    /// As others read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CoresNotTurning => "cores_not_turning",
            Self::StorageNotWritable => "storage_not_writable",
            Self::StorageNotAnswering => "storage_not_answering",
            Self::SyncFailures => "sync_failures",
            Self::AcknowledgeLatency => "acknowledge_latency",
            Self::DeliverLatency => "deliver_latency",
            Self::Slower(timed) => match timed {
                Timed::Opening => "opening_slower",
                Timed::Join => "join_slower",
                Timed::Message => "message_slower",
                Timed::Acknowledge => "acknowledge_slower",
                Timed::Deliver => "deliver_slower",
                Timed::Load => "load_slower",
                Timed::CatchUp => "catch_up_slower",
                Timed::Snapshot => "snapshot_slower",
                Timed::Commit => "commit_slower",
                Timed::Sync => "sync_slower",
                Timed::Turn => "turn_slower",
            },
            Self::ErrorRate => "error_rate",
            Self::SessionsBehind => "sessions_behind",
            Self::MemoryUse => "memory_use",
            Self::MemoryGrowth => "memory_growth",
        }
    }

    /// Of its figures.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::CoresNotTurning => "cores",
            Self::StorageNotWritable => "stalls",
            Self::StorageNotAnswering => "seconds",
            Self::SyncFailures => "failures a minute",
            Self::AcknowledgeLatency | Self::DeliverLatency => "milliseconds",
            Self::Slower(_) | Self::ErrorRate | Self::SessionsBehind | Self::MemoryUse => "percent",
            Self::MemoryGrowth => "minutes until full",
        }
    }

    /// Which figures are bad.
    #[must_use]
    pub fn worse(self) -> Worse {
        match self {
            Self::MemoryGrowth => Worse::Below,
            Self::CoresNotTurning
            | Self::StorageNotWritable
            | Self::StorageNotAnswering
            | Self::SyncFailures
            | Self::AcknowledgeLatency
            | Self::DeliverLatency
            | Self::Slower(_)
            | Self::ErrorRate
            | Self::SessionsBehind
            | Self::MemoryUse => Worse::Above,
        }
    }

    /// How long its bound has to be passed before it is raised, in milliseconds: facts at once, figures that waver not.
    #[must_use]
    pub fn raised_after_ms(self) -> u64 {
        match self {
            Self::CoresNotTurning | Self::StorageNotWritable | Self::StorageNotAnswering | Self::SyncFailures => 0,
            Self::MemoryUse => 5_000,
            Self::AcknowledgeLatency | Self::DeliverLatency | Self::ErrorRate | Self::SessionsBehind => 10_000,
            Self::Slower(_) => 15_000,
            Self::MemoryGrowth => 60_000,
        }
    }

    /// How long it has to be over before it is resolved, in milliseconds.
    #[must_use]
    pub fn resolved_after_ms(self) -> u64 {
        match self {
            Self::CoresNotTurning | Self::StorageNotWritable | Self::StorageNotAnswering => 5_000,
            Self::SyncFailures
            | Self::MemoryUse
            | Self::AcknowledgeLatency
            | Self::DeliverLatency
            | Self::ErrorRate
            | Self::SessionsBehind
            | Self::Slower(_) => 15_000,
            Self::MemoryGrowth => 60_000,
        }
    }

    /// What to do.
    #[must_use]
    pub fn recommendation(self) -> &'static str {
        match self {
            Self::CoresNotTurning => {
                "A core does not come round: its documents and connections stand still. Look whether the machine is overcommitted or the process was stopped \
                 (top -H -p PID, steal time). If the core does not come back, save a stack (gdb -p PID -batch -ex 'thread apply all bt') and restart: \
                 what was acknowledged is on disk."
            }
            Self::StorageNotWritable => {
                "Nothing can be saved: clients read, but their edits are not acknowledged. Look at the free space of data_dir (df) and at the kernel's log \
                 (dmesg) for errors of the disk; /readyz and the log (commits still stall) say how much space is needed. Writing goes on by itself, without \
                 a restart, once it is possible again."
            }
            Self::StorageNotAnswering => {
                "A write to the disk has not ended: nothing is acknowledged meanwhile. Look at the disk of data_dir (iostat -x 1, dmesg), and at what else \
                 writes to it. Where it is a network disk, look at the network."
            }
            Self::SyncFailures => {
                "Writes failed and are tried again: nothing is lost, but who writes waits. The log says why (commits stall). Look at the free space \
                 (df) and the health of the disk of data_dir (smartctl -a, dmesg)."
            }
            Self::AcknowledgeLatency => {
                "Clients wait long until their edits are saved. Compare with latency_ms.sync: if that is as long, the disk is slow (a faster one, or fsync = interval=MS, which can \
                 lose that much on a power failure). If not, look at per_core: a core at full load needs more cores (shards), or fewer documents."
            }
            Self::DeliverLatency => {
                "Edits reach the others late. Look at per_core for a core at full load, and at fan_out_window_max_ms, which is part of it in \
                 crowded documents. slow_operations names the documents."
            }
            Self::Slower(timed) => match timed {
                Timed::Acknowledge | Timed::Commit | Timed::Sync => {
                    "The disk of data_dir takes longer than minutes ago. Look at what else uses it (iostat -x 1, backups, other services), at compactions \
                     (storage), and whether the load has grown (per_second)."
                }
                Timed::Deliver | Timed::Message | Timed::Turn | Timed::Opening => {
                    "Cores take longer than minutes ago. Look at per_core and per_second: has the load grown, or does something else use the processors \
                     (top, steal time)? slow_operations names the documents."
                }
                Timed::Join | Timed::Load | Timed::CatchUp | Timed::Snapshot => {
                    "Reading documents takes longer than minutes ago. Look at the hit rate of the cache (state_cache_bytes), at the jobs that wait for \
                     readers (reader_threads), and at slow_operations for large documents (snapshot_records and snapshot_bytes make joins cheaper)."
                }
            },
            Self::ErrorRate => {
                "Clients' updates are refused or documents cannot be read. totals says which kind: refused ones come from clients that are broken, hostile or over a limit \
                 (document_bytes_max, message_bytes_max; the log at log_level = debug names them), failed loads from storage (selvedge verify)."
            }
            Self::SessionsBehind => {
                "Many clients do not take what they are sent. Look at quality: if most are poor, it is the network in front of the server. If not, \
                 look at per_core, or raise outbox_bytes_max."
            }
            Self::MemoryUse => {
                "Memory is nearly used up: from 90 % on nobody new is let in, at 100 % connections are closed. memory.by_purpose_bytes says what holds it: \
                 lower state_cache_bytes, storage_memory_bytes or document_idle_ms, or raise memory_max_bytes or the machine."
            }
            Self::MemoryGrowth => {
                "Memory grows steadily and will be used up. If connections or documents grow as well, plan for a larger machine or lower connections_max; \
                 if they do not, lower state_cache_bytes and document_idle_ms, and report it with memory.by_purpose_bytes."
            }
        }
    }
}
