//! The directory of a store: whose it is, who holds it, whether it takes writes. Does not know RocksDB's files.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::StoreError;

/// The format of the directory and the keys in it. The values carry their own.
pub(super) const FORMAT: u32 = 2;
/// Of earlier builds: without the index of names and the versions, which an opening makes.
pub(super) const FORMAT_WITHOUT_NAMES: u32 = 1;

/// The marker file: one line that says that the directory is ours, its format, and whether the store in it is complete.
/// It is locked as long as the store is open.
pub(super) const MARKER: &str = "SELVEDGE";
const MARKER_WORDS: &str = "selvedge storage";
/// A new store, of which nothing was ever acknowledged. As long as the other, so that one overwrites the other in place.
const STATE_NEW: &str = "new  ";
const STATE_READY: &str = "ready";
/// A marker is never longer; more is not read.
const MARKER_BYTES_MAX: u64 = 64;

/// A file that lies beside whatever else is in a directory as long as somebody fills it with a copy of a store.
pub const UNFINISHED: &str = "UNFINISHED";

/// The subdirectory that RocksDB keeps.
pub(super) const DATABASE: &str = "rocksdb";
/// The file that is written to find out whether writes succeed.
const PROBE: &str = "probe";
/// What an opening writes beside what it sorts into files: RocksDB's manifest, diary and file ends.
const OPENING_BYTES: u64 = 256 << 10;
/// What others on the same file system find free at every moment, whatever is tried here.
const LEFT_BYTES: u64 = 4 << 20;
/// A directory that is made here is its owner's alone: all documents are in it. One that is there already stays as it is.
const MODE: u32 = 0o700;
/// What lies in the root of a new file system.
const LOST_AND_FOUND: &str = "lost+found";

pub(super) struct Directory {
    path: PathBuf,
    marker: File,
    state: State,
    /// What the marker says.
    format: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Ready,
}

impl Directory {
    /// Takes the directory for this store alone. Writes nothing but a marker into a missing or empty directory.
    pub(super) fn claim(path: &Path) -> Result<Directory, StoreError> {
        check_whole(path)?;
        let marker_path = path.join(MARKER);
        let marker = match OpenOptions::new().read(true).write(true).open(&marker_path) {
            Ok(marker) => marker,
            Err(error) if error.kind() == ErrorKind::NotFound => begin(path, &marker_path)?,
            Err(error) => return Err(not_accessible(&marker_path, &error)),
        };
        lock(path, &marker)?;
        let mut text = String::new();
        match (&marker).take(MARKER_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(foreign(path, "its marker is no text")),
            Err(error) => return Err(not_accessible(&marker_path, &error)),
        }
        let (state, format) = if text.is_empty() {
            // Whoever made it was stopped before it wrote anything, here or elsewhere in the directory.
            check_empty(path, Some(MARKER))?;
            (State::New, FORMAT)
        } else {
            parse_marker(path, &text)?
        };
        let directory = Directory { path: path.to_owned(), marker, state, format };
        if text.is_empty() {
            directory.mark(STATE_NEW)?;
        }
        Ok(directory)
    }

    /// Whether the store has not been completed yet.
    pub(super) fn is_new(&self) -> bool {
        self.state == State::New
    }

    /// Whether an earlier build has written the store, or begun it.
    pub(super) fn is_older(&self) -> bool {
        self.format < FORMAT
    }

    /// Says, durably, that the store is complete and of this format: from now on a missing database is a loss and not a beginning.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        if self.state == State::Ready && !self.is_older() {
            return Ok(());
        }
        sync_directory(&self.path)?;
        self.mark(STATE_READY)?;
        (self.state, self.format) = (State::Ready, FORMAT);
        Ok(())
    }

    /// Where RocksDB keeps its files.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Probes whether the disk takes what opening the database will write: what was in logs only is sorted into files. That is all of the logs where
    /// nobody knows how much of them is in files already.
    pub(super) fn probe_opening(&self, unsorted_bytes: Option<u64>) -> Result<(), StoreError> {
        let log_bytes = self.write_ahead_log_bytes().map_err(|error| disk(&error))?;
        let unsorted_bytes = unsorted_bytes.map_or(log_bytes, |unsorted_bytes| unsorted_bytes.min(log_bytes));
        self.probe(unsorted_bytes.saturating_add(OPENING_BYTES))
    }

    /// Writes and syncs this many bytes, and removes them. Where that would leave others too little, nothing is written.
    pub(super) fn probe(&self, bytes: u64) -> Result<(), StoreError> {
        let path = self.path.join(PROBE);
        // Of a process that was killed while it probed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(disk(&error)),
            Ok(()) | Err(_) => {}
        }
        let needed_bytes = bytes.saturating_add(LEFT_BYTES);
        if let Some(free_bytes) = self.free_bytes()?.filter(|free_bytes| *free_bytes < needed_bytes) {
            return Err(StoreError::Short { needed_bytes, free_bytes });
        }
        let written = write_probe(&path, bytes).and_then(|()| sync_all(&self.path));
        let removed = fs::remove_file(&path);
        written.map_err(|error| disk(&error))?;
        removed.map_err(|error| disk(&error))
    }

    /// What this user may still fill; nothing where the file system does not say.
    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        let found = rustix::fs::statvfs(&self.path).map_err(|error| disk(&error.into()))?;
        Ok((found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize)))
    }

    /// The size of the logs that an opening replays.
    fn write_ahead_log_bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.database())? {
            let entry = entry?;
            if Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == "log") {
                bytes += entry.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    fn mark(&self, state: &str) -> Result<(), StoreError> {
        let mut marker = &self.marker;
        let line = format!("{MARKER_WORDS} {FORMAT} {state}\n");
        let written = marker.rewind().and_then(|()| marker.write_all(line.as_bytes()));
        written.and_then(|()| marker.sync_all()).map_err(|error| match disk(&error) {
            StoreError::Full => StoreError::Full,
            _not_full => not_accessible(&self.path.join(MARKER), &error),
        })
    }
}

impl Drop for Directory {
    /// Unlocks by name and not by closing: a process that is being started at this moment has the marker open, too, until it
    /// runs its program.
    fn drop(&mut self) {
        // Closing it unlocks it as well, only later.
        let _unlocked = self.marker.unlock();
    }
}

/// Where the database of a complete store is, for somebody who only looks: nothing is locked.
pub(super) fn look(path: &Path) -> Result<PathBuf, StoreError> {
    check_whole(path)?;
    let marker_path = path.join(MARKER);
    let marker = match File::open(&marker_path) {
        Ok(marker) => marker,
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_dir() => {
            return Err(foreign(path, "it has no marker (a file SELVEDGE)"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(foreign(path, "there is no such folder")),
        Err(error) => return Err(not_accessible(&marker_path, &error)),
    };
    let mut text = String::new();
    if let Err(error) = marker.take(MARKER_BYTES_MAX).read_to_string(&mut text) {
        return Err(not_accessible(&marker_path, &error));
    }
    match parse_marker(path, &text)? {
        (State::Ready, _) => Ok(path.join(DATABASE)),
        (State::New, _) => Err(foreign(path, "the store in it was never completed")),
    }
}

/// Locks the directory for somebody who only reads it.
pub(super) fn hold(path: &Path) -> Result<File, StoreError> {
    let marker_path = path.join(MARKER);
    let marker = File::open(&marker_path).map_err(|error| not_accessible(&marker_path, &error))?;
    lock(path, &marker)?;
    Ok(marker)
}

fn lock(path: &Path, marker: &File) -> Result<(), StoreError> {
    match marker.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(not_accessible(&path.join(MARKER), &error)),
    }
}

/// Says, durably, that the database that was put here is a complete store.
pub(super) fn finish_copy(path: &Path) -> Result<(), StoreError> {
    let marker_path = path.join(MARKER);
    let line = format!("{MARKER_WORDS} {FORMAT} {STATE_READY}\n");
    let written = File::create_new(&marker_path).and_then(|mut marker| {
        marker.write_all(line.as_bytes())?;
        marker.sync_all()
    });
    written.map_err(|error| not_accessible(&marker_path, &error))?;
    sync_directory(&path.join(DATABASE))?;
    sync_directory(path)
}

/// Makes the directory where it is missing, and an empty marker where nothing else is in it.
fn begin(path: &Path, marker_path: &Path) -> Result<File, StoreError> {
    DirBuilder::new().recursive(true).mode(MODE).create(path).map_err(|error| not_accessible(path, &error))?;
    check_empty(path, None)?;
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(marker_path);
    let marker = opened.map_err(|error| not_accessible(marker_path, &error))?;
    sync_directory(path)?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_directory(parent)?;
    }
    Ok(marker)
}

fn check_whole(path: &Path) -> Result<(), StoreError> {
    if path.join(UNFINISHED).exists() {
        return Err(foreign(
            path,
            "a copy into it was broken off (a backup or a restore), and what is in it is not whole",
        ));
    }
    Ok(())
}

fn check_empty(path: &Path, but_for: Option<&str>) -> Result<(), StoreError> {
    for entry in fs::read_dir(path).map_err(|error| not_accessible(path, &error))? {
        let name = entry.map_err(|error| not_accessible(path, &error))?.file_name();
        if name != LOST_AND_FOUND && but_for.is_none_or(|known| name != known) {
            return Err(foreign(path, &format!("it holds {} and no marker", name.display())));
        }
    }
    Ok(())
}

fn parse_marker(path: &Path, text: &str) -> Result<(State, u32), StoreError> {
    let unknown = || foreign(path, "its marker is not one of ours");
    let line = text.strip_prefix(MARKER_WORDS).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(unknown)?;
    let (format, state) = line.split_once(' ').ok_or_else(unknown)?;
    // The format first: another one may end its line in its own way.
    let format = match format.parse().map_err(|_| unknown())? {
        format @ (FORMAT | FORMAT_WITHOUT_NAMES) => format,
        found => return Err(StoreError::Version { path: path.to_owned(), found, supported: FORMAT }),
    };
    match state.strip_suffix('\n') {
        Some(STATE_NEW) => Ok((State::New, format)),
        Some(STATE_READY) => Ok((State::Ready, format)),
        Some(_) | None => Err(unknown()),
    }
}

fn write_probe(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    // Not zeros, which some file systems store as holes.
    let chunk = [0x5e; 64 << 10];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
        file.write_all(&chunk[..length])?;
        left -= length as u64;
    }
    file.sync_all()
}

fn sync_directory(path: &Path) -> Result<(), StoreError> {
    sync_all(path).map_err(|error| not_accessible(path, &error))
}

fn sync_all(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn disk(error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
        _other => StoreError::Io { why: error.to_string() },
    }
}

pub(super) fn not_accessible(path: &Path, error: &io::Error) -> StoreError {
    StoreError::NotAccessible { path: path.to_owned(), why: error.to_string() }
}

fn foreign(path: &Path, why: &str) -> StoreError {
    StoreError::NotADatabase { path: path.to_owned(), why: why.to_owned() }
}
