//! What a backup has in it: a list of its files with their digests, in a file beside them. Written last, so a backup without it was not
//! finished.

use std::fs;
use std::path::{Component, Path};

use serde_json::{Value, json};

use super::Failed;

/// The file.
pub(super) const MANIFEST: &str = "backup.json";

/// The form of the file that is written and understood.
const FORMAT: u64 = 1;

/// Longest manifest that is read: some hundred thousand files.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below the backup's folder, with `/` between.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// Lowercase hexadecimal digits.
    pub(super) sha256: String,
}

impl Entry {
    /// Holds what was found in a backup's folder against what was backed up.
    pub(super) fn check(&self, folder: &Path, found: &Entry) -> Result<(), Failed> {
        let why = match (self.bytes == found.bytes, self.sha256 == found.sha256) {
            (true, true) => return Ok(()),
            (false, _) => "it has another length than when it was backed up",
            (true, false) => "its bytes are not those that were backed up",
        };
        Err(Failed::Changed { path: folder.join(&self.path), why })
    }
}

pub(super) fn text(created: &str, entries: &[Entry]) -> String {
    let files: Vec<Value> =
        entries.iter().map(|it| json!({ "path": it.path, "bytes": it.bytes, "sha256": it.sha256 })).collect();
    let manifest =
        json!({ "format": FORMAT, "created": created, "version": env!("CARGO_PKG_VERSION"), "files": files });
    format!("{manifest:#}\n")
}

pub(super) fn read(folder: &Path) -> Result<Vec<Entry>, Failed> {
    let not_a_backup = |why: &str| Failed::NotABackup { path: folder.to_owned(), why: why.to_owned() };
    let path = folder.join(MANIFEST);
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => {
            return Err(not_a_backup("it has no file backup.json: it was not finished, or is something else"));
        }
        Err(error) => return Err(Failed::File { path, error }),
    };
    if length > MANIFEST_BYTES_MAX {
        return Err(not_a_backup("its backup.json is too large"));
    }
    let text = fs::read_to_string(&path).map_err(Failed::file(&path))?;
    let manifest: Value =
        serde_json::from_str(&text).map_err(|error| not_a_backup(&format!("backup.json: {error}")))?;
    match manifest["format"].as_u64() {
        Some(FORMAT) => {}
        Some(other) => {
            return Err(not_a_backup(&format!("it has the format {other}, and this version knows {FORMAT}")));
        }
        None => return Err(not_a_backup("backup.json has no format")),
    }
    let entries = manifest["files"].as_array().ok_or_else(|| not_a_backup("backup.json lists no files"))?;
    entries.iter().map(|value| entry(value).ok_or_else(|| not_a_backup(&format!("backup.json: {value}")))).collect()
}

/// A path that leads out of the folder is none of ours.
fn entry(value: &Value) -> Option<Entry> {
    let path = value["path"].as_str()?;
    let is_inside = !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    let sha256 = value["sha256"].as_str()?;
    is_inside
        .then(|| Entry { path: path.to_owned(), bytes: 0, sha256: sha256.to_owned() })
        .and_then(|entry| Some(Entry { bytes: value["bytes"].as_u64()?, ..entry }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_refused() {
        for path in ["../x", "/etc/passwd", "a/../../x", "", "./a"] {
            assert_eq!(entry(&json!({ "path": path, "bytes": 1, "sha256": "" })), None, "{path}");
        }
        let taken = entry(&json!({ "path": "rocksdb/1.sst", "bytes": 7, "sha256": "ab" })).expect("a file of ours");
        assert_eq!((taken.path.as_str(), taken.bytes, taken.sha256.as_str()), ("rocksdb/1.sst", 7, "ab"));
        assert_eq!(entry(&json!({ "path": "a", "bytes": -1, "sha256": "" })), None);
    }
}
