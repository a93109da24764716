//! RocksDB's write-ahead log, looked through before it is replayed: a replay ends at the first batch that is not whole, and does not say
//! whether that was the last one. Does not know what is in a batch.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::directory;
use crate::StoreError;

/// The log is cut into blocks, and each begins with a header: behind damage, reading can go on at the next.
const BLOCK_BYTES: usize = 32 << 10;
/// Checksum u32, length of what follows u16, type u8; all little-endian.
const HEADER_BYTES: usize = 7;
/// A batch begins with its sequence number (u64) and the number of its records (u32), each of which takes one.
const BATCH_HEAD_BYTES: usize = 12;
/// What RocksDB adds to a checksum that it stores.
const MASK_DELTA: u32 = 0xa282_ead8;
/// The end of the names of its files.
const EXTENSION: &str = "log";

/// A place in the write-ahead log at which a replay ends, though batches were written behind it: they are lost.
///
/// What was being written when power was lost is no such place: nothing was written behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLog {
    /// The file.
    pub path: PathBuf,
    /// Where in it what is wrong begins.
    pub offset: u64,
}

impl fmt::Display for BrokenLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset } = self;
        write!(
            f,
            "the write-ahead log {} is damaged at byte {offset}: what was written behind it is lost",
            path.display()
        )
    }
}

/// Looks through the log of the complete store in `path`. Nobody may work on it.
///
/// # Errors
///
/// There is no complete store, or its log cannot be read.
pub fn broken_log(path: impl AsRef<Path>) -> Result<Option<BrokenLog>, StoreError> {
    look_through(&directory::look(path.as_ref())?)
}

/// The same for RocksDB's own folder.
pub(super) fn look_through(database: &Path) -> Result<Option<BrokenLog>, StoreError> {
    let mut walk = Walk::default();
    for path in files(database)? {
        let walked = File::open(&path).and_then(|file| walk.file(&path, file));
        if walked.map_err(|error| directory::not_accessible(&path, &error))? {
            return Ok(walk.broken);
        }
    }
    Ok(None)
}

/// In the order in which they were written.
fn files(database: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let inaccessible = |error: io::Error| directory::not_accessible(database, &error);
    let entries = match fs::read_dir(database) {
        Ok(entries) => entries,
        // The opening says that the database is gone.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(inaccessible(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(inaccessible)?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|extension| extension == EXTENSION)) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

#[derive(Default)]
struct Walk {
    /// The first place that is wrong. It may still turn out to be the end.
    broken: Option<BrokenLog>,
    /// The sequence number that follows the last batch that was whole.
    next: Option<u64>,
    /// The first bytes of a batch whose end has not come yet.
    unfinished: Option<Head>,
}

#[derive(Clone, Copy)]
struct Head {
    bytes: [u8; BATCH_HEAD_BYTES],
    known: usize,
}

/// A batch that does not fit into what is left of a block is cut into fragments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    First,
    Middle,
    Last,
    /// Not of a batch.
    Other,
}

impl Walk {
    /// Whether it is certain now that the log is broken.
    fn file(&mut self, path: &Path, mut file: File) -> io::Result<bool> {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let mut begins = 0;
        loop {
            block.clear();
            let length = file.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
            if self.block(path, begins, &block) {
                return Ok(true);
            }
            begins += length as u64;
            if length < BLOCK_BYTES {
                break;
            }
        }
        if self.unfinished.take().is_some() {
            self.wrong(path, begins);
        }
        Ok(false)
    }

    fn block(&mut self, path: &Path, begins: u64, block: &[u8]) -> bool {
        let mut at = 0;
        while at + HEADER_BYTES <= block.len() {
            let Some((kind, bytes)) = fragment(&block[at..]) else {
                self.unfinished = None;
                // Once is enough: that takes the square of a block's length.
                let is_first = self.wrong(path, begins + at as u64);
                return is_first && (at + 1..block.len()).any(|at| begins_batch(&block[at..]));
            };
            if self.fragment(path, begins + at as u64, kind, bytes) {
                return true;
            }
            at += HEADER_BYTES + bytes.len();
        }
        // A header does not begin so near to the end of a block; at the end of a file one was cut off.
        if at < block.len() && block.len() < BLOCK_BYTES {
            self.wrong(path, begins + at as u64);
        }
        false
    }

    fn fragment(&mut self, path: &Path, offset: u64, kind: Kind, bytes: &[u8]) -> bool {
        match kind {
            Kind::Full | Kind::First => {
                if self.unfinished.take().is_some() {
                    self.wrong(path, offset);
                }
                let head = Head::default().and(bytes);
                if self.broken.as_ref().is_some_and(|broken| broken.path == path || self.is_gap(head)) {
                    return true;
                }
                self.broken = None;
                match kind {
                    Kind::Full => self.next = head.next(),
                    Kind::First | Kind::Middle | Kind::Last | Kind::Other => self.unfinished = Some(head),
                }
            }
            Kind::Middle | Kind::Last => match self.unfinished.take() {
                Some(head) if kind == Kind::Middle => self.unfinished = Some(head.and(bytes)),
                Some(head) => self.next = head.and(bytes).next(),
                None => drop(self.wrong(path, offset)),
            },
            Kind::Other => {}
        }
        false
    }

    /// Whether something is missing before a batch at the beginning of a file. Nothing is where the file before ended in a write that was
    /// broken off, and this one was begun when it had been replayed.
    fn is_gap(&self, head: Head) -> bool {
        self.next.is_some_and(|next| head.sequence() != Some(next))
    }

    /// Notes a place, and says whether it is the first.
    fn wrong(&mut self, path: &Path, offset: u64) -> bool {
        let is_first = self.broken.is_none();
        self.broken.get_or_insert_with(|| BrokenLog { path: path.to_owned(), offset });
        is_first
    }
}

impl Default for Head {
    fn default() -> Self {
        Self { bytes: [0; BATCH_HEAD_BYTES], known: 0 }
    }
}

impl Head {
    fn and(mut self, bytes: &[u8]) -> Self {
        let length = bytes.len().min(BATCH_HEAD_BYTES - self.known);
        self.bytes[self.known..][..length].copy_from_slice(&bytes[..length]);
        self.known += length;
        self
    }

    fn sequence(self) -> Option<u64> {
        let sequence = self.bytes.first_chunk().copied().map(u64::from_le_bytes);
        sequence.filter(|_| self.known == BATCH_HEAD_BYTES)
    }

    /// The sequence number after the batch.
    fn next(self) -> Option<u64> {
        let count = self.bytes.last_chunk().copied().map(u32::from_le_bytes)?;
        self.sequence()?.checked_add(count.into())
    }
}

/// The fragment at the beginning of these bytes of a block, where it is whole.
fn fragment(block: &[u8]) -> Option<(Kind, &[u8])> {
    let (header, rest) = block.split_first_chunk::<HEADER_BYTES>()?;
    let [c0, c1, c2, c3, l0, l1, kind] = *header;
    let bytes = rest.get(..usize::from(u16::from_le_bytes([l0, l1])))?;
    let known = match kind {
        // What is allocated before it is written, or a page that was never written.
        0 => return None,
        1 => Kind::Full,
        2 => Kind::First,
        3 => Kind::Middle,
        4 => Kind::Last,
        5.. => Kind::Other,
    };
    let sum = crc32c::crc32c_append(crc32c::crc32c(&[kind]), bytes);
    let masked = sum.rotate_right(15).wrapping_add(MASK_DELTA);
    (masked == u32::from_le_bytes([c0, c1, c2, c3])).then_some((known, bytes))
}

fn begins_batch(block: &[u8]) -> bool {
    fragment(block).is_some_and(|(kind, _)| matches!(kind, Kind::Full | Kind::First))
}
