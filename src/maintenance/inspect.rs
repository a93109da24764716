//! What is stored of one document. A server that works on the data is not asked and not disturbed.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_millis;
use selvedge_protocol::document_name::DocumentName;
use selvedge_shards::DocumentId;
use selvedge_storage::{Description, DocumentKey, Examination, Outline};
use serde_json::{Value, json};

use super::Failed;
use crate::reader::stored::{assemble, last};

/// Clients of a document that are listed; of more only the number is told.
const CLIENTS_SHOWN_MAX: usize = 100;

/// What is stored of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    name: String,
    key: DocumentKey,
    description: Description,
    sequence: u64,
    log_records: u64,
    log_bytes: u64,
    /// All of it as one update.
    update_bytes: u64,
    /// Client ids, each with the clock that comes next.
    clients: Vec<(u64, u64)>,
}

/// Looks at a document in the store of a folder.
///
/// # Errors
///
/// It is not there, or damaged.
pub fn inspect(folder: &Path, name: &str) -> Result<Inspected, Failed> {
    let name = DocumentName::new(name).map_err(|error| Failed::Name(error.to_string()))?;
    let name = name.as_str().to_owned();
    let store = Examination::open(folder)?;
    let key = DocumentKey(DocumentId::of(&name).0);
    let damaged = |why: String| Failed::Damaged { name: name.clone(), why };
    let description = store.describe(key).map_err(|error| damaged(error.to_string()))?;
    let stored = store.load(key).map_err(|error| damaged(error.to_string()))?;
    let (Some(description), Some(stored)) = (description, stored) else { return Err(Failed::NoDocument { name }) };
    if stored.name != name {
        return Err(damaged(format!("its key is taken by {:?}", stored.name)));
    }
    let state = assemble(&stored, last(&stored)).map_err(|failed| damaged(format!("{failed:?}")))?;
    let known = state.known().map_err(|failed| damaged(format!("{failed:?}")))?;
    Ok(Inspected {
        key,
        description,
        sequence: state.sequence.0,
        log_records: stored.log.len() as u64,
        log_bytes: stored.log.iter().map(|record| record.update.len() as u64).sum(),
        update_bytes: state.update().len() as u64,
        clients: known.clocks().iter().map(|(client, clock)| (client, u64::from(clock))).collect(),
        name,
    })
}

impl Inspected {
    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let clients = self.clients.iter().take(CLIENTS_SHOWN_MAX);
        let clients: Vec<Value> = clients.map(|(client, clock)| json!({ "client": client, "clock": clock })).collect();
        json!({
            "name": self.name,
            "key": self.key.to_string(),
            "created": time(self.description.outline.created_ms),
            "sequence": self.sequence,
            "update_bytes": self.update_bytes,
            "snapshot": (self.description.outline.snapshot_sequence > 0).then(|| json!({
                "sequence": self.description.outline.snapshot_sequence,
                "bytes": self.description.outline.snapshot_bytes,
                "taken": time(self.description.outline.snapshot_ms),
            })),
            "log": { "records": self.log_records, "bytes": self.log_bytes },
            "clients": self.clients.len(),
            "state_vector": clients,
        })
    }
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outline { created_ms, snapshot_sequence, snapshot_bytes, snapshot_ms } = &self.description.outline;
        writeln!(f, "name           {:?}", self.name)?;
        writeln!(f, "key            {}", self.key)?;
        writeln!(f, "created        {}", time(*created_ms))?;
        writeln!(f, "sequence       {}", self.sequence)?;
        writeln!(f, "as one update  {} bytes", self.update_bytes)?;
        match snapshot_sequence {
            0 => writeln!(f, "snapshot       none")?,
            sequence => {
                writeln!(f, "snapshot       {snapshot_bytes} bytes, through {sequence}, taken {}", time(*snapshot_ms))?;
            }
        }
        writeln!(f, "log            {} records, {} bytes", self.log_records, self.log_bytes)?;
        writeln!(f, "clients        {}", self.clients.len())?;
        for (client, clock) in self.clients.iter().take(CLIENTS_SHOWN_MAX) {
            writeln!(f, "  {client:>20}  next clock {clock}")?;
        }
        Ok(())
    }
}

fn time(ms: u64) -> String {
    // A clock that was wrong must not end the command.
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms.min(253_402_300_799_000)));
    time.map_or_else(|| ms.to_string(), |time| format_rfc3339_millis(time).to_string())
}
