//! The values of the column families: rkyv archives, each with a checksum and, last, its format. Does not know
//! where they are stored, but for the key, which the checksum covers: a value under another's key does not pass.

use std::mem;

use rkyv::{
    Archive, Serialize,
    api::low::{LowSerializer, to_bytes_in_with_alloc},
    rancor::Failure,
    ser::allocator::SubAllocator,
    with::InlineAsBox,
};

use crate::{Corruption, DocumentKey, Version};

/// The format of every value written by this build, but for log records. It stands in the last two bytes of a value, in every format
/// that will ever be, so that an unknown one is told from a damaged one before anything else is read.
const FORMAT: u16 = 1;
/// The format of log records: with the time at which they were written.
const LOG_FORMAT: u16 = 2;
/// The format of log records of earlier builds.
const LOG_FORMAT_TIMELESS: u16 = 1;

/// What a value is. The first byte that its checksum covers, so that no kind passes for another.
#[derive(Clone, Copy)]
enum Kind {
    Log = 1,
    SnapshotPart = 2,
    Meta = 3,
    Name = 4,
    Version = 5,
    VersionPart = 6,
    TimedLog = 7,
}

#[derive(Archive, Serialize)]
struct LogValue<'a> {
    #[rkyv(with = InlineAsBox)]
    update: &'a [u8],
    written_ms: u64,
    checksum: u32,
    format: u16,
}

#[derive(Archive)]
#[allow(dead_code, reason = "earlier builds wrote it; this one only reads it")]
struct TimelessLogValue<'a> {
    #[rkyv(with = InlineAsBox)]
    update: &'a [u8],
    checksum: u32,
    format: u16,
}

#[derive(Archive, Serialize)]
struct NameValue {
    document: [u8; 16],
    checksum: u32,
    format: u16,
}

#[derive(Archive, Serialize)]
struct VersionValue<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    author: &'a str,
    taken_ms: u64,
    sequence: u64,
    bytes: u64,
    parts: u32,
    flags: u8,
    checksum: u32,
    format: u16,
}

#[derive(Archive, Serialize)]
struct SnapshotPartValue<'a> {
    #[rkyv(with = InlineAsBox)]
    bytes: &'a [u8],
    checksum: u32,
    format: u16,
}

#[derive(Archive, Serialize)]
struct MetaValue<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    created_ms: u64,
    snapshot_sequence: u64,
    snapshot_bytes: u64,
    snapshot_parts: u32,
    snapshot_ms: u64,
    checksum: u32,
    format: u16,
}

/// What is kept of a document beside its updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) name: String,
    /// Milliseconds since 1970.
    pub(crate) created_ms: u64,
    pub(crate) snapshot: Option<SnapshotMeta>,
}

/// What is kept of a snapshot beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotMeta {
    /// Never 0: that stands for "no snapshot" on disk.
    pub(crate) sequence: u64,
    pub(crate) bytes: u64,
    pub(crate) parts: u32,
    /// Milliseconds since 1970.
    pub(crate) taken_ms: u64,
}

/// What a log record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged<'a> {
    pub(crate) update: &'a [u8],
    /// Milliseconds since 1970; 0 where an earlier build wrote it.
    pub(crate) written_ms: u64,
}

/// Writes the value of a log record into `value`, in place of what is there.
pub(crate) fn encode_log(document: DocumentKey, sequence: u64, logged: Logged<'_>, value: &mut Vec<u8>) {
    let Logged { update, written_ms } = logged;
    let checksum = timed_log_checksum(document, sequence, logged);
    encode(&LogValue { update, written_ms, checksum, format: LOG_FORMAT }, value);
}

/// What is in the value of a log record.
pub(crate) fn parse_log(document: DocumentKey, sequence: u64, value: &[u8]) -> Result<Logged<'_>, Corruption> {
    match format_of(value)? {
        LOG_FORMAT => {
            let archived = rkyv::access::<ArchivedLogValue<'_>, Failure>(value).map_err(|_| Corruption::Malformed)?;
            let logged = Logged { update: &archived.update, written_ms: archived.written_ms.to_native() };
            check(timed_log_checksum(document, sequence, logged), archived.checksum.to_native())?;
            Ok(logged)
        }
        LOG_FORMAT_TIMELESS => {
            let archived =
                rkyv::access::<ArchivedTimelessLogValue<'_>, Failure>(value).map_err(|_| Corruption::Malformed)?;
            let update: &[u8] = &archived.update;
            check(log_checksum(document, sequence, update), archived.checksum.to_native())?;
            Ok(Logged { update, written_ms: 0 })
        }
        found => Err(Corruption::Format { found }),
    }
}

/// Writes the value under a document's name into `value`, in place of what is there.
pub(crate) fn encode_name(name: &str, document: DocumentKey, value: &mut Vec<u8>) {
    encode(&NameValue { document: document.0, checksum: name_checksum(name, document), format: FORMAT }, value);
}

/// The document that has this name.
pub(crate) fn parse_name(name: &str, value: &[u8]) -> Result<DocumentKey, Corruption> {
    check_format(value)?;
    let archived = rkyv::access::<ArchivedNameValue, Failure>(value).map_err(|_| Corruption::Malformed)?;
    let document = DocumentKey(archived.document);
    check(name_checksum(name, document), archived.checksum.to_native())?;
    Ok(document)
}

/// What is kept of a version beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionMeta {
    pub(crate) version: Version,
    pub(crate) parts: u32,
}

/// In the flags of a version.
const AUTOMATIC: u8 = 1;
/// It has an author, who may have an empty name.
const AUTHORED: u8 = 2;

/// Writes the value that describes a version into `value`, in place of what is there.
pub(crate) fn encode_version(document: DocumentKey, meta: &VersionMeta, value: &mut Vec<u8>) {
    let VersionMeta { version, parts } = meta;
    let flags = if version.is_automatic { AUTOMATIC } else { 0 } | if version.author.is_some() { AUTHORED } else { 0 };
    let archive = VersionValue {
        name: &version.name,
        author: version.author.as_deref().unwrap_or_default(),
        taken_ms: version.taken_ms,
        sequence: version.sequence,
        bytes: version.bytes,
        parts: *parts,
        flags,
        checksum: version_checksum(document, meta, flags),
        format: FORMAT,
    };
    encode(&archive, value);
}

/// What is kept of a version.
pub(crate) fn parse_version(document: DocumentKey, id: u64, value: &[u8]) -> Result<VersionMeta, Corruption> {
    check_format(value)?;
    let archived = rkyv::access::<ArchivedVersionValue<'_>, Failure>(value).map_err(|_| Corruption::Malformed)?;
    let flags = archived.flags;
    let meta = VersionMeta {
        version: Version {
            id,
            name: archived.name.to_string(),
            author: (flags & AUTHORED != 0).then(|| archived.author.to_string()),
            taken_ms: archived.taken_ms.to_native(),
            sequence: archived.sequence.to_native(),
            bytes: archived.bytes.to_native(),
            is_automatic: flags & AUTOMATIC != 0,
        },
        parts: archived.parts.to_native(),
    };
    check(version_checksum(document, &meta, flags), archived.checksum.to_native())?;
    Ok(meta)
}

/// Writes the value of one part of a version into `value`, in place of what is there.
pub(crate) fn encode_version_part(document: DocumentKey, id: u64, part: u32, bytes: &[u8], value: &mut Vec<u8>) {
    let checksum = part_checksum(Kind::VersionPart, document, id, part, bytes);
    encode(&SnapshotPartValue { bytes, checksum, format: FORMAT }, value);
}

/// The bytes in the value of one part of a version.
pub(crate) fn parse_version_part(document: DocumentKey, id: u64, part: u32, value: &[u8]) -> Result<&[u8], Corruption> {
    parse_part(Kind::VersionPart, document, id, part, value)
}

/// Writes the value of one part of a snapshot into `value`, in place of what is there.
pub(crate) fn encode_snapshot_part(document: DocumentKey, sequence: u64, part: u32, bytes: &[u8], value: &mut Vec<u8>) {
    let checksum = part_checksum(Kind::SnapshotPart, document, sequence, part, bytes);
    encode(&SnapshotPartValue { bytes, checksum, format: FORMAT }, value);
}

/// The bytes in the value of one part of a snapshot.
pub(crate) fn parse_snapshot_part(
    document: DocumentKey,
    sequence: u64,
    part: u32,
    value: &[u8],
) -> Result<&[u8], Corruption> {
    parse_part(Kind::SnapshotPart, document, sequence, part, value)
}

fn parse_part(kind: Kind, document: DocumentKey, of: u64, part: u32, value: &[u8]) -> Result<&[u8], Corruption> {
    check_format(value)?;
    let archived = rkyv::access::<ArchivedSnapshotPartValue<'_>, Failure>(value).map_err(|_| Corruption::Malformed)?;
    let bytes: &[u8] = &archived.bytes;
    check(part_checksum(kind, document, of, part, bytes), archived.checksum.to_native())?;
    Ok(bytes)
}

/// Writes the value of a document's meta record into `value`, in place of what is there.
pub(crate) fn encode_meta(document: DocumentKey, meta: &Meta, value: &mut Vec<u8>) {
    let none = SnapshotMeta { sequence: 0, bytes: 0, parts: 0, taken_ms: 0 };
    let snapshot = meta.snapshot.unwrap_or(none);
    let archive = MetaValue {
        name: &meta.name,
        created_ms: meta.created_ms,
        snapshot_sequence: snapshot.sequence,
        snapshot_bytes: snapshot.bytes,
        snapshot_parts: snapshot.parts,
        snapshot_ms: snapshot.taken_ms,
        checksum: meta_checksum(document, meta.name.as_bytes(), meta.created_ms, snapshot),
        format: FORMAT,
    };
    encode(&archive, value);
}

/// A document's meta record.
pub(crate) fn parse_meta(document: DocumentKey, value: &[u8]) -> Result<Meta, Corruption> {
    check_format(value)?;
    let archived = rkyv::access::<ArchivedMetaValue<'_>, Failure>(value).map_err(|_| Corruption::Malformed)?;
    let snapshot = SnapshotMeta {
        sequence: archived.snapshot_sequence.to_native(),
        bytes: archived.snapshot_bytes.to_native(),
        parts: archived.snapshot_parts.to_native(),
        taken_ms: archived.snapshot_ms.to_native(),
    };
    let created_ms = archived.created_ms.to_native();
    let expected = meta_checksum(document, archived.name.as_bytes(), created_ms, snapshot);
    check(expected, archived.checksum.to_native())?;
    let snapshot = (snapshot.sequence != 0).then_some(snapshot);
    Ok(Meta { name: archived.name.to_string(), created_ms, snapshot })
}

fn encode(archive: &impl for<'a> Serialize<LowSerializer<Vec<u8>, SubAllocator<'a>, Failure>>, value: &mut Vec<u8>) {
    value.clear();
    // None of the values needs scratch space.
    let encoded = to_bytes_in_with_alloc::<_, _, Failure>(archive, mem::take(value), SubAllocator::new(&mut []));
    *value = encoded.expect("a value is far below the two gigabytes that a pointer spans");
}

fn format_of(value: &[u8]) -> Result<u16, Corruption> {
    value.last_chunk().map(|format| u16::from_le_bytes(*format)).ok_or(Corruption::Malformed)
}

fn check_format(value: &[u8]) -> Result<(), Corruption> {
    match format_of(value)? {
        FORMAT => Ok(()),
        found => Err(Corruption::Format { found }),
    }
}

fn check(expected: u32, found: u32) -> Result<(), Corruption> {
    if expected == found { Ok(()) } else { Err(Corruption::Checksum) }
}

fn log_checksum(document: DocumentKey, sequence: u64, update: &[u8]) -> u32 {
    let sum = begin_checksum(Kind::Log, document);
    let sum = crc32c::crc32c_append(sum, &sequence.to_le_bytes());
    crc32c::crc32c_append(sum, update)
}

fn timed_log_checksum(document: DocumentKey, sequence: u64, logged: Logged<'_>) -> u32 {
    let sum = begin_checksum(Kind::TimedLog, document);
    let sum = crc32c::crc32c_append(sum, &sequence.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &logged.written_ms.to_le_bytes());
    crc32c::crc32c_append(sum, logged.update)
}

fn name_checksum(name: &str, document: DocumentKey) -> u32 {
    crc32c::crc32c_append(begin_checksum(Kind::Name, document), name.as_bytes())
}

fn version_checksum(document: DocumentKey, meta: &VersionMeta, flags: u8) -> u32 {
    let VersionMeta { version, parts } = meta;
    let mut sum = begin_checksum(Kind::Version, document);
    let author = version.author.as_deref().unwrap_or_default();
    let numbers = [
        version.id,
        version.taken_ms,
        version.sequence,
        version.bytes,
        u64::from(*parts),
        u64::from(flags),
        // Where the name ends and the author begins.
        version.name.len() as u64,
    ];
    for number in numbers {
        sum = crc32c::crc32c_append(sum, &number.to_le_bytes());
    }
    let sum = crc32c::crc32c_append(sum, version.name.as_bytes());
    crc32c::crc32c_append(sum, author.as_bytes())
}

/// `of`: the sequence of a snapshot, the id of a version.
fn part_checksum(kind: Kind, document: DocumentKey, of: u64, part: u32, bytes: &[u8]) -> u32 {
    let sum = begin_checksum(kind, document);
    let sum = crc32c::crc32c_append(sum, &of.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &part.to_le_bytes());
    crc32c::crc32c_append(sum, bytes)
}

fn meta_checksum(document: DocumentKey, name: &[u8], created_ms: u64, snapshot: SnapshotMeta) -> u32 {
    let mut sum = begin_checksum(Kind::Meta, document);
    for number in [created_ms, snapshot.sequence, snapshot.bytes, u64::from(snapshot.parts), snapshot.taken_ms] {
        sum = crc32c::crc32c_append(sum, &number.to_le_bytes());
    }
    crc32c::crc32c_append(sum, name)
}

fn begin_checksum(kind: Kind, document: DocumentKey) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&[kind as u8]), &document.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: DocumentKey = DocumentKey([0xd0; 16]);

    fn log_value(sequence: u64, update: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        encode_log(DOCUMENT, sequence, Logged { update, written_ms: 5 }, &mut value);
        value
    }

    fn logged(update: &[u8]) -> Result<Logged<'_>, Corruption> {
        Ok(Logged { update, written_ms: 5 })
    }

    #[test]
    fn a_log_value_has_the_documented_bytes() {
        let value = log_value(7, b"abc");
        let covered = [&[7][..], &[0xd0; 16], &7_u64.to_le_bytes(), &5_u64.to_le_bytes(), b"abc"].concat();
        let expected = [
            &b"abc"[..],
            &(-3_i32).to_le_bytes(),
            &3_u32.to_le_bytes(),
            &5_u64.to_le_bytes(),
            &crc32c::crc32c(&covered).to_le_bytes(),
            &2_u16.to_le_bytes(),
        ]
        .concat();
        assert_eq!(value, expected);
    }

    #[test]
    fn a_log_value_of_format_1_is_read() {
        let checksum = crc32c::crc32c(&[&[1][..], &[0xd0; 16], &7_u64.to_le_bytes(), b"abc"].concat());
        let offset = -3_i32;
        let value =
            [&b"abc"[..], &offset.to_le_bytes(), &3_u32.to_le_bytes(), &checksum.to_le_bytes(), &1_u16.to_le_bytes()]
                .concat();
        assert_eq!(parse_log(DOCUMENT, 7, &value), Ok(Logged { update: b"abc", written_ms: 0 }));
        assert_eq!(parse_log(DOCUMENT, 8, &value), Err(Corruption::Checksum));
    }

    #[test]
    fn the_value_under_a_name_has_the_documented_bytes() {
        let mut value = Vec::new();
        encode_name("ab", DOCUMENT, &mut value);
        let checksum = crc32c::crc32c(&[&[4][..], &[0xd0; 16], b"ab"].concat());
        assert_eq!(value, [&[0xd0; 16][..], &checksum.to_le_bytes(), &1_u16.to_le_bytes()].concat());
        assert_eq!(parse_name("ab", &value), Ok(DOCUMENT));
        assert_eq!(parse_name("ac", &value), Err(Corruption::Checksum), "under another name");
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_name("ab", &damaged).is_err(), "bit {bit} flipped unnoticed");
        }
    }

    fn version() -> VersionMeta {
        let version = Version {
            id: 9,
            name: "n".to_owned(),
            author: Some("who".to_owned()),
            taken_ms: 1,
            sequence: 2,
            bytes: 3,
            is_automatic: true,
        };
        VersionMeta { version, parts: 4 }
    }

    #[test]
    fn a_version_has_the_documented_bytes() {
        let mut value = Vec::new();
        encode_version(DOCUMENT, &version(), &mut value);
        let numbers: Vec<u8> = [9_u64, 1, 2, 3, 4, 3, 1].into_iter().flat_map(u64::to_le_bytes).collect();
        let checksum = crc32c::crc32c(&[&[5][..], &[0xd0; 16], &numbers, b"n", b"who"].concat());
        let expected = [
            &b"nwho"[..],
            &(-4_i32).to_le_bytes(),
            &1_u32.to_le_bytes(),
            &(-11_i32).to_le_bytes(),
            &3_u32.to_le_bytes(),
            &1_u64.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &3_u64.to_le_bytes(),
            &4_u32.to_le_bytes(),
            &[3],
            &checksum.to_le_bytes(),
            &1_u16.to_le_bytes(),
        ]
        .concat();
        assert_eq!(value, expected);
        assert_eq!(parse_version(DOCUMENT, 9, &value), Ok(version()));
        assert_eq!(parse_version(DOCUMENT, 8, &value), Err(Corruption::Checksum));
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_version(DOCUMENT, 9, &damaged).is_err(), "bit {bit} flipped unnoticed");
        }
        let nobody = Version { author: None, is_automatic: false, ..version().version };
        let nobody = VersionMeta { version: nobody, parts: 0 };
        encode_version(DOCUMENT, &nobody, &mut value);
        assert_eq!(parse_version(DOCUMENT, 9, &value), Ok(nobody));
    }

    #[test]
    fn a_part_of_a_version_has_the_documented_bytes_and_is_no_part_of_a_snapshot() {
        let mut value = Vec::new();
        encode_version_part(DOCUMENT, 9, 2, b"part", &mut value);
        let covered = [&[6][..], &[0xd0; 16], &9_u64.to_le_bytes(), &2_u32.to_le_bytes(), b"part"].concat();
        let expected = [
            &b"part"[..],
            &(-4_i32).to_le_bytes(),
            &4_u32.to_le_bytes(),
            &crc32c::crc32c(&covered).to_le_bytes(),
            &1_u16.to_le_bytes(),
        ]
        .concat();
        assert_eq!(value, expected);
        assert_eq!(parse_version_part(DOCUMENT, 9, 2, &value), Ok(&b"part"[..]));
        assert_eq!(parse_snapshot_part(DOCUMENT, 9, 2, &value), Err(Corruption::Checksum));
    }

    #[test]
    fn a_snapshot_part_has_the_documented_bytes() {
        let mut value = Vec::new();
        encode_snapshot_part(DOCUMENT, 9, 2, b"part", &mut value);
        let covered = [&[2][..], &[0xd0; 16], &9_u64.to_le_bytes(), &2_u32.to_le_bytes(), b"part"].concat();
        let expected = [
            &b"part"[..],
            &(-4_i32).to_le_bytes(),
            &4_u32.to_le_bytes(),
            &crc32c::crc32c(&covered).to_le_bytes(),
            &1_u16.to_le_bytes(),
        ]
        .concat();
        assert_eq!(value, expected);
    }

    #[test]
    fn a_meta_value_has_the_documented_bytes() {
        let snapshot = SnapshotMeta { sequence: 2, bytes: 3, parts: 4, taken_ms: 5 };
        let meta = Meta { name: "n".to_owned(), created_ms: 1, snapshot: Some(snapshot) };
        let mut value = Vec::new();
        encode_meta(DOCUMENT, &meta, &mut value);
        let numbers: Vec<u8> = (1_u64..=5).flat_map(u64::to_le_bytes).collect();
        let checksum = crc32c::crc32c(&[&[3][..], &[0xd0; 16], &numbers, b"n"].concat());
        let expected = [
            &b"n"[..],
            &(-1_i32).to_le_bytes(),
            &1_u32.to_le_bytes(),
            &1_u64.to_le_bytes(),
            &2_u64.to_le_bytes(),
            &3_u64.to_le_bytes(),
            &4_u32.to_le_bytes(),
            &5_u64.to_le_bytes(),
            &checksum.to_le_bytes(),
            &1_u16.to_le_bytes(),
        ]
        .concat();
        assert_eq!(value, expected);
        assert_eq!(parse_meta(DOCUMENT, &value), Ok(meta));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let value = log_value(7, b"some update");
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_log(DOCUMENT, 7, &damaged).is_err(), "bit {bit} flipped unnoticed");
        }
    }

    #[test]
    fn every_cut_is_found() {
        let value = log_value(7, b"some update");
        for length in 0..value.len() {
            assert!(parse_log(DOCUMENT, 7, &value[..length]).is_err(), "cut to {length} unnoticed");
            assert!(parse_log(DOCUMENT, 7, &value[value.len() - length..]).is_err(), "first bytes lost unnoticed");
        }
    }

    #[test]
    fn a_value_under_another_key_or_of_another_kind_is_found() {
        let value = log_value(7, b"u");
        assert_eq!(parse_log(DOCUMENT, 7, &value), logged(b"u"));
        assert_eq!(parse_log(DOCUMENT, 8, &value), Err(Corruption::Checksum));
        assert_eq!(parse_log(DocumentKey([0; 16]), 7, &value), Err(Corruption::Checksum));
        // Their formats differ, which is seen first.
        assert_eq!(parse_snapshot_part(DOCUMENT, 7, 0, &value), Err(Corruption::Format { found: 2 }));
        let mut part = Vec::new();
        encode_snapshot_part(DOCUMENT, 7, 0, b"u", &mut part);
        assert_eq!(parse_version_part(DOCUMENT, 7, 0, &part), Err(Corruption::Checksum));
    }

    #[test]
    fn an_unknown_format_is_named() {
        let mut value = log_value(7, b"u");
        let last = value.len() - 2;
        value[last] = 9;
        assert_eq!(parse_log(DOCUMENT, 7, &value), Err(Corruption::Format { found: 9 }));
    }

    #[test]
    fn an_empty_update_is_read_back() {
        assert_eq!(parse_log(DOCUMENT, 1, &log_value(1, b"")), logged(b""));
    }

    #[test]
    fn values_are_read_at_any_address() {
        let value = log_value(7, b"update");
        for shift in 0..8 {
            let shifted = [&vec![0; shift][..], &value].concat();
            assert_eq!(parse_log(DOCUMENT, 7, &shifted[shift..]), logged(b"update"));
        }
    }
}
