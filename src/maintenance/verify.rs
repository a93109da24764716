//! Reads everything that is stored, checks every checksum, and sees whether each document can be opened. Changes nothing.

use std::fmt;
use std::path::Path;

use selvedge_protocol::update::Known;
use selvedge_shards::DocumentId;
use selvedge_storage::{DocumentKey, Examination, Found, StoreError};
use serde_json::{Value, json};

use super::manifest;
use super::source::Source;
use super::{Failed, Plane, bar_of_bytes, bar_of_documents, copy};
use crate::reader::stored::{assemble, last};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The document's name, or its key where that is all that is known.
    pub document: String,
    /// What is wrong with it.
    pub why: String,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Documents that can be opened.
    pub documents: u64,
    /// Their records that are not in snapshots.
    pub records: u64,
    /// Bytes of their snapshots and records.
    pub bytes: u64,
    /// Versions that can be opened.
    pub versions: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

impl Verified {
    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let faults: Vec<Value> =
            self.faults.iter().map(|fault| json!({ "document": fault.document, "why": fault.why })).collect();
        json!({ "documents": self.documents, "records": self.records, "bytes": self.bytes, "versions": self.versions, "faults": faults })
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Fault { document, why } in &self.faults {
            if document.is_empty() {
                writeln!(f, "DAMAGED  {why}")?
            } else {
                writeln!(f, "DAMAGED  {document:?}: {why}")?
            }
        }
        let Self { documents, records, bytes, versions, faults } = self;
        writeln!(
            f,
            "{documents} documents and {versions} versions can be opened ({bytes} bytes, {records} records in logs), {} faults",
            faults.len()
        )
    }
}

/// Verifies the store in a folder: the data, or a backup, of which each file is held against its digest as well.
///
/// # Errors
///
/// It could not be looked at. What is wrong with documents, or with files of a backup, is no error here, but told.
pub fn verify(folder: &Path, plane: &Plane) -> Result<Verified, Failed> {
    let mut verified = Verified::default();
    // Nobody works on a backup.
    if folder.join(manifest::MANIFEST).exists() {
        verified.hold_against_manifest(folder)?;
        if let Err(failed) = verified.walk(folder) {
            // What was found by then tells more.
            verified.fault(String::new(), format!("it cannot be opened: {failed}"));
        }
    } else {
        let source = Source::of(folder, plane)?;
        verified.walk(source.path())?;
    }
    Ok(verified)
}

impl Verified {
    fn hold_against_manifest(&mut self, folder: &Path) -> Result<(), Failed> {
        let entries = manifest::read(folder)?;
        let progress = bar_of_bytes(entries.iter().map(|entry| entry.bytes).sum());
        for expected in &entries {
            let found = copy::digest(folder, &expected.path, &progress);
            if let Err(failed) = found.and_then(|found| expected.check(folder, &found)) {
                self.fault(String::new(), failed.to_string());
            }
        }
        progress.finish_and_clear();
        Ok(())
    }

    fn walk(&mut self, folder: &Path) -> Result<(), Failed> {
        // Opening does not fail because of it: what lies before is read.
        if let Some(broken) = selvedge_storage::broken_log(folder)? {
            self.fault(String::new(), broken.to_string());
        }
        let store = Examination::open(folder)?;
        let progress = bar_of_documents(store.documents_about());
        let walked = store.walk(|found| {
            match found {
                Found::Document(key) => self.open(&store, key),
                Found::Version { document, id } => self.open_version(&store, document, id),
                Found::Stray { document, family } => {
                    self.fault(document.to_string(), format!("there is something of it in {family}, and no document"));
                }
                Found::DamagedName { name, why } => {
                    self.fault(name, format!("its entry in the index of names is damaged: {why}"));
                }
                Found::StrayName { name, document } => {
                    self.fault(
                        name,
                        format!("the index of names leads to {document}, and that is no document of this name"),
                    );
                }
                Found::Unreadable { family, why } => {
                    self.fault(String::new(), format!("{family} cannot be read to its end: {why}"));
                }
                Found::Foreign { family, bytes } => {
                    self.fault(String::new(), format!("{family} has a key of {bytes} bytes, which is none of ours"));
                }
            }
            progress.inc(1);
        });
        progress.finish_and_clear();
        if let Err(error) = walked {
            self.fault(String::new(), format!("not everything could be looked at: {error}"));
        }
        Ok(())
    }

    fn open(&mut self, store: &Examination, key: DocumentKey) {
        let stored = match store.load(key) {
            Ok(Some(stored)) => stored,
            Ok(None) => return self.fault(key.to_string(), "it is gone".to_owned()),
            Err(error) => return self.fault(key.to_string(), error.to_string()),
        };
        if DocumentId::of(&stored.name).0 != key.0 {
            return self.fault(stored.name, format!("it is stored under {key}, which is not the key of this name"));
        }
        match store.is_named(&stored.name, key) {
            Ok(true) => {}
            Ok(false) => {
                self.fault(
                    stored.name.clone(),
                    "it is not in the index of names, and is not listed with that".to_owned(),
                );
            }
            Err(error) => self.fault(stored.name.clone(), format!("its entry in the index of names: {error}")),
        }
        match assemble(&stored, last(&stored)).and_then(|state| state.known()) {
            Ok(_) => {
                self.documents += 1;
                self.records += stored.log.len() as u64;
                let records = stored.snapshot.iter().chain(&stored.log);
                self.bytes += records.map(|record| record.update.len() as u64).sum::<u64>();
            }
            Err(failed) => self.fault(stored.name, format!("{failed:?}")),
        }
    }

    fn open_version(&mut self, store: &Examination, document: DocumentKey, id: u64) {
        let opened = match store.version(document, id) {
            Ok(Some(update)) => Known::of(&update).map(drop).map_err(|refused| refused.to_string()),
            Ok(None) => Err("it is gone".to_owned()),
            Err(StoreError::CorruptVersion { why, .. }) => Err(why.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match opened {
            Ok(()) => self.versions += 1,
            Err(why) => self.fault(document.to_string(), format!("version {id}: {why}")),
        }
    }

    fn fault(&mut self, document: String, why: String) {
        self.faults.push(Fault { document, why });
    }
}
