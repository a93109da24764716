//! Reads an archive of documents (tar) as it arrives, one document at a time. What comes is hostile: nothing of it is a path of this machine, and
//! nothing is believed before it is there. Knows no store.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use selvedge_protocol::document_name::DocumentName;
use tar::{EntryType, Header, PaxExtensions};
use tokio::time::timeout;

use super::entry_name;
use super::inventory::Inventory;
use super::room::{Held, Room};

/// The unit of the format.
pub(super) const BLOCK_BYTES: usize = 512;

/// Extended headers: names are the longest that is expected in them.
const EXTENDED_BYTES_MAX: u64 = 16 << 10;

/// Extended headers before one entry; writers make two at most.
const EXTENDED_MAX: usize = 4;

/// What says what is in it: names of documents that could not be read are most of it, a thousand at most.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// How much of a name that is refused is said again.
const SAID_BYTES_MAX: usize = 200;

/// Who sends slower than this on the whole, after a time to begin with, holds a place that others want.
const BYTES_PER_SECOND_MIN: u64 = 1 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing more can be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It ends before its end.
    Truncated,
    /// This is no header.
    Header(&'static str),
    /// The body does not arrive.
    Body(String),
    /// It comes too slowly.
    Slow,
    /// There is no memory to hold it now.
    Room,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the archive ends before its end"),
            Self::Header(what) => write!(f, "the archive is damaged, or not a tar: {what}"),
            Self::Body(error) => write!(f, "the archive did not arrive: {error}"),
            Self::Slow => write!(f, "the archive comes in slower than {BYTES_PER_SECOND_MIN} bytes a second"),
            Self::Room => f.write_str("too much is read and written at once; try again later"),
        }
    }
}

/// One thing that is in an archive.
#[derive(Debug)]
pub(super) enum Item {
    /// A document.
    Document {
        name: DocumentName,
        update: Bytes,
        /// The room that the update takes.
        held: Held,
    },
    /// Something that is not taken.
    Refused { path: String, why: String },
}

/// What is known of an entry.
struct Entry {
    path: Vec<u8>,
    size: u64,
    kind: EntryType,
}

/// An archive that arrives.
pub(super) struct Archive<S> {
    body: S,
    room: Arc<Room>,
    /// What has come and is not read yet.
    rest: Bytes,
    document_bytes_max: usize,
    inventory: Inventory,
    /// So much has come, and was waited for.
    received: u64,
    waited: Duration,
}

impl<S, E> Archive<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: fmt::Display,
{
    pub(super) fn new(body: S, room: Arc<Room>, document_bytes_max: usize) -> Self {
        Self {
            body,
            room,
            rest: Bytes::new(),
            document_bytes_max,
            inventory: Inventory::default(),
            received: 0,
            waited: Duration::ZERO,
        }
    }

    /// What it says of itself, and what has been found in it.
    pub(super) fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The next document, or what is there in the place of one; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, Broken> {
        while let Some(entry) = self.entry().await? {
            let said = || {
                let text = String::from_utf8_lossy(&entry.path[..entry.path.len().min(SAID_BYTES_MAX)]);
                text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
            };
            let verdict = match entry.kind {
                EntryType::Regular | EntryType::Continuous => entry_name::parse(&entry.path),
                EntryType::Directory => entry_name::Parsed::Nothing,
                _ => entry_name::Parsed::Refused("it is not a file: no links, devices or sparse files".to_owned()),
            };
            if entry.path.ends_with(entry_name::SUFFIX.as_bytes()) {
                self.inventory.found();
            }
            let item = match verdict {
                entry_name::Parsed::Manifest if entry.size <= MANIFEST_BYTES_MAX => {
                    let mut held = self.enter()?;
                    let manifest = self.read(entry.size, &mut held).await?;
                    self.inventory.said(Some(&manifest));
                    continue;
                }
                entry_name::Parsed::Manifest => {
                    self.inventory.said(None);
                    None
                }
                entry_name::Parsed::Nothing => None,
                entry_name::Parsed::Refused(why) => Some(Item::Refused { path: said(), why }),
                entry_name::Parsed::Document(_) if entry.size > self.document_bytes_max as u64 => {
                    let why = format!("it has {} bytes; a document may have {}", entry.size, self.document_bytes_max);
                    Some(Item::Refused { path: said(), why })
                }
                entry_name::Parsed::Document(name) => {
                    let mut held = self.enter()?;
                    let update = self.read(entry.size, &mut held).await?;
                    return Ok(Some(Item::Document { name, update: update.into(), held }));
                }
            };
            self.skip(padded(entry.size)).await?;
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// What stands in front of an entry's bytes; `None` at the end.
    async fn entry(&mut self) -> Result<Option<Entry>, Broken> {
        let (mut path, mut size) = (None, None);
        for _ in 0..=EXTENDED_MAX {
            let Some(header) = self.header().await? else { return Ok(None) };
            let own_size = header.entry_size().map_err(|_| Broken::Header("a size is not a number"))?;
            match header.entry_type() {
                kind @ (EntryType::XHeader
                | EntryType::GNULongName
                | EntryType::GNULongLink
                | EntryType::XGlobalHeader) => {
                    if own_size > EXTENDED_BYTES_MAX {
                        return Err(Broken::Header("an extended header is too long"));
                    }
                    let bytes = self.read(own_size, &mut self.enter()?).await?;
                    match kind {
                        EntryType::XHeader => extend(&bytes, &mut path, &mut size)?,
                        EntryType::GNULongName => path = Some(until_zero(&bytes).to_vec()),
                        // The target of a link, or what holds for all: nothing here asks for it.
                        _ => {}
                    }
                }
                kind => {
                    let path = path.unwrap_or_else(|| header.path_bytes().into_owned());
                    return Ok(Some(Entry { path, size: size.unwrap_or(own_size), kind }));
                }
            }
        }
        Err(Broken::Header("too many extended headers in a row"))
    }

    async fn header(&mut self) -> Result<Option<Header>, Broken> {
        let block = self.read(BLOCK_BYTES as u64, &mut self.enter()?).await?;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        // The checksum is that of a header whose checksum is spaces.
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
        match header.cksum() {
            Ok(given) if given == expected => Ok(Some(header)),
            Ok(_) | Err(_) => Err(Broken::Header("a checksum is wrong")),
        }
    }

    fn enter(&self) -> Result<Held, Broken> {
        self.room.enter().map_err(|_| Broken::Room)
    }

    /// So many bytes, and what fills their last block up.
    async fn read(&mut self, size: u64, held: &mut Held) -> Result<Vec<u8>, Broken> {
        let mut left = usize::try_from(size).expect("who asks has compared it with a limit");
        let mut bytes = Vec::new();
        while left > 0 {
            let piece = self.piece(left).await?;
            held.grow(bytes.len() + piece.len()).map_err(|_| Broken::Room)?;
            left -= piece.len();
            bytes.extend_from_slice(&piece);
        }
        self.skip(padded(size) - size).await?;
        Ok(bytes)
    }

    async fn skip(&mut self, mut size: u64) -> Result<(), Broken> {
        while size > 0 {
            let piece = self.piece(usize::try_from(size).unwrap_or(usize::MAX)).await?;
            size -= piece.len() as u64;
        }
        Ok(())
    }

    /// At least one byte, and at most so many.
    async fn piece(&mut self, most: usize) -> Result<Bytes, Broken> {
        while self.rest.is_empty() {
            let allowed = PATIENCE + Duration::from_secs(self.received / BYTES_PER_SECOND_MIN);
            let began = Instant::now();
            let next = timeout(allowed.saturating_sub(self.waited).min(PATIENCE), self.body.next()).await;
            self.waited += began.elapsed();
            match next {
                Err(_) => return Err(Broken::Slow),
                Ok(None) => return Err(Broken::Truncated),
                Ok(Some(Err(error))) => return Err(Broken::Body(error.to_string())),
                Ok(Some(Ok(piece))) => {
                    self.received += piece.len() as u64;
                    self.rest = piece;
                }
            }
        }
        Ok(self.rest.split_to(self.rest.len().min(most)))
    }

    /// Takes what writers put behind the end, so that the connection can be used again; more than that is not read.
    pub(super) async fn finish(&mut self) {
        self.discard(TRAILER_BYTES_MAX).await;
    }

    /// Takes the rest of an archive of which nothing more is wanted: who is cut off while sending may never read why (RFC 9112, section 9.6).
    pub(super) async fn give_up(&mut self) {
        self.discard(UNWANTED_BYTES_MAX).await;
    }

    /// It comes as fast as if it were wanted, or not at all.
    async fn discard(&mut self, bytes_max: usize) {
        let mut left = bytes_max;
        while left > 0 {
            match self.piece(left).await {
                Ok(piece) => left -= piece.len(),
                Err(_) => return,
            }
        }
    }
}

/// Above, whoever still sends is cut off.
const UNWANTED_BYTES_MAX: usize = 1 << 30;

/// Writers fill archives up to a multiple of 10 KiB, or more where they are told to.
const TRAILER_BYTES_MAX: usize = 1 << 20;

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK_BYTES as u64).unwrap_or(u64::MAX)
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Reads an extended header (pax): what it says of the entry behind it goes before what that one says itself.
fn extend(bytes: &[u8], path: &mut Option<Vec<u8>>, size: &mut Option<u64>) -> Result<(), Broken> {
    for extension in PaxExtensions::new(bytes) {
        let extension = extension.map_err(|_| Broken::Header("an extended header is malformed"))?;
        match extension.key_bytes() {
            b"path" => *path = Some(extension.value_bytes().to_vec()),
            b"size" => {
                let given = extension.value().ok().and_then(|text| text.parse().ok());
                *size = Some(given.ok_or(Broken::Header("a size is not a number"))?);
            }
            // Times, owners, and what others have to say.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
