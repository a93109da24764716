//! Archives of others, whole and broken, in pieces of every size.

use std::convert::Infallible;
use std::io::Write;

use futures_util::stream;
use tar::Builder;

use super::*;

const DOCUMENT_BYTES_MAX: usize = 4_000;

/// What an archive holds, as text, and why it ended.
fn read(archive: &[u8], piece_bytes: usize) -> (Vec<String>, Option<Broken>) {
    let pieces: Vec<_> =
        archive.chunks(piece_bytes).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
    let mut archive = Archive::new(stream::iter(pieces), Arc::new(Room::new(Arc::default())), DOCUMENT_BYTES_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let mut found = Vec::new();
        loop {
            match archive.next().await {
                Ok(None) => return (found, None),
                Ok(Some(Item::Document { name, update, .. })) => found.push(format!("{name}: {} bytes", update.len())),
                Ok(Some(Item::Refused { path, why })) => found.push(format!("{path}! {why}")),
                Err(broken) => return (found, Some(broken)),
            }
        }
    })
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header
}

fn put(builder: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    builder.append_data(&mut header(EntryType::Regular, bytes.len() as u64), path, bytes).expect("it is in memory");
}

fn written(write: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    write(&mut builder);
    builder.into_inner().expect("it is in memory")
}

#[test]
fn documents_come_out_whatever_the_pieces_and_the_writer() {
    let long = "x".repeat(250);
    let archive = written(|builder| {
        put(builder, "a.yjs", b"1");
        put(builder, "a%2Fb.yjs", &[7; 512]);
        // A name that only an extended header holds, in the ways of GNU and of POSIX.
        put(builder, &format!("{long}.yjs"), &[7; DOCUMENT_BYTES_MAX]);
        let path = format!("{long}y.yjs");
        builder.append_pax_extensions([("path", path.as_bytes()), ("size", b"3"), ("mtime", b"1.5")]).expect("memory");
        put(builder, "short", b"abc");
        put(builder, entry_name::MANIFEST, b"{}");
        put(builder, "empty.yjs", b"");
    });
    let expected = [
        "a: 1 bytes".to_owned(),
        "a/b: 512 bytes".to_owned(),
        format!("{long}: {DOCUMENT_BYTES_MAX} bytes"),
        format!("{long}y: 3 bytes"),
        "empty: 0 bytes".to_owned(),
    ];
    for piece_bytes in [1, 7, 511, 512, 513, archive.len()] {
        assert_eq!(read(&archive, piece_bytes), (expected.to_vec(), None), "{piece_bytes}");
    }
    for end in 0..archive.len() - 1_024 {
        let (found, broken) = read(&archive[..end], 4_096);
        assert_eq!(broken, Some(Broken::Truncated), "cut at {end}");
        assert!(expected.starts_with(&found), "cut at {end}: {found:?}");
    }
}

#[test]
fn what_is_no_document_is_told_and_passed_over() {
    let archive = written(|builder| {
        builder.append_data(&mut header(EntryType::Directory, 0), "folder/", &[][..]).expect("memory");
        for kind in [EntryType::Symlink, EntryType::Link] {
            builder.append_link(&mut header(kind, 0), "link.yjs", "/etc/passwd").expect("memory");
        }
        for kind in [EntryType::Fifo, EntryType::Char, EntryType::Block, EntryType::GNUSparse] {
            builder.append_data(&mut header(kind, 0), "special.yjs", &[][..]).expect("memory");
        }
        put(builder, "folder/in.yjs", b"12");
        put(builder, "large.yjs", &[0; DOCUMENT_BYTES_MAX + 1]);
        put(builder, "good.yjs", b"123");
    });
    let (found, broken) = read(&archive, 1_000);
    assert_eq!(broken, None, "{found:?}");
    assert_eq!(found.len(), 9, "{found:?}");
    assert!(found[..6].iter().all(|line| line.contains(".yjs! it is not a file")), "{found:?}");
    assert!(found[6].contains("it is in a folder") && found[7].contains("it has 4001 bytes"), "{found:?}");
    assert_eq!(found[8], "good: 3 bytes");
}

/// A header as somebody wrote it, with the checksum that it has to have.
fn raw(path: &[u8], size: &[u8], kind: u8) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let bytes = header.as_mut_bytes();
    bytes[..path.len()].copy_from_slice(path);
    bytes[124..124 + size.len()].copy_from_slice(size);
    bytes[156] = kind;
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn sizes_and_headers_that_lie_end_it_and_take_no_memory() {
    let huge = [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let mut wrong_sum = raw(b"a.yjs", b"00000000000", b'0');
    wrong_sum[0] = b'b';
    let endless: Vec<u8> = (0..10).flat_map(|_| raw(b"x", b"00000000000", b'x')).collect();
    let mut size_of_text = raw(b"x", b"00000000013", b'x');
    size_of_text.extend(b"11 size=-1\n");
    size_of_text.resize(1_024, 0);
    let cases = [
        (raw(b"a.yjs", &huge, b'0'), Broken::Truncated),
        (raw(b"a.yjs", b"77777777777", b'0'), Broken::Truncated),
        (raw(b"link", &huge, b'2'), Broken::Truncated),
        (raw(b"a.yjs", b"hello", b'0'), Broken::Header("a size is not a number")),
        (raw(b"x", b"77777777777", b'x'), Broken::Header("an extended header is too long")),
        (raw(b"x", b"77777777777", b'L'), Broken::Header("an extended header is too long")),
        (raw(b"x", b"77777777777", b'g'), Broken::Header("an extended header is too long")),
        (wrong_sum, Broken::Header("a checksum is wrong")),
        (endless, Broken::Header("too many extended headers in a row")),
        (size_of_text, Broken::Header("a size is not a number")),
        (b"PK\x03\x04 is no tar".repeat(100), Broken::Header("a checksum is wrong")),
        (vec![0x1f; 512], Broken::Header("a checksum is wrong")),
        (b"too short".to_vec(), Broken::Truncated),
        (Vec::new(), Broken::Truncated),
    ];
    for (archive, expected) in cases {
        let (found, broken) = read(&archive, 512);
        assert_eq!(broken, Some(expected), "{found:?}");
        assert!(found.iter().all(|line| line.contains('!')), "{found:?}");
    }
}

#[test]
fn names_that_would_forge_lines_are_not_said_as_they_are() {
    let mut archive = raw(b"a\n{\"document\":\"b\"}\x1b[2J\xff", b"00000000000", b'0');
    archive.write_all(&[0; 1_024]).expect("it is in memory");
    let (found, broken) = read(&archive, 512);
    assert_eq!((found.len(), broken), (1, None));
    assert!(!found[0].chars().any(char::is_control), "{found:?}");
}

#[test]
fn any_bytes_end() {
    let seed = 0x5e1_ed6e_u64;
    println!("seed {seed:#x}");
    let archive = written(|builder| {
        put(builder, &format!("{}.yjs", "x".repeat(200)), &[1; 700]);
        builder.append_pax_extensions([("path", b"b.yjs".as_slice())]).expect("memory");
        put(builder, "b", b"2");
    });
    let mut state = seed;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).expect("64 bits") % below
    };
    for _ in 0..20_000 {
        let mut damaged = archive.clone();
        for _ in 0..1 + random(4) {
            let at = random(damaged.len());
            damaged[at] = u8::try_from(random(256)).expect("a byte");
            // Every other time the checksum of the first header is made right again.
            if random(2) == 0 {
                let mut header = Header::from_byte_slice(&damaged[..512]).clone();
                header.set_cksum();
                damaged[..512].copy_from_slice(header.as_bytes());
            }
        }
        let (found, _) = read(&damaged, 1 + random(2_000));
        assert!(found.len() <= 16, "{found:?}");
    }
}
