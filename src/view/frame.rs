//! Messages between the server and a worker, on pipes: what they look like. Reads and writes nothing itself.
//!
//! ```text
//! frame    = tag (1 byte), length of the first part, length of the second (4 bytes each, little-endian), first part, second part
//! request  = 1 json(update) | 2 text(update) | 3 text of a root(update, root) | 4 patch(update, operations as JSON)
//!          | 5 compare(before, after) | 6 restore(now, version)
//! response = 0 answer(bytes) | 1 malformed | 2 no such root | 3 bad operation(index in 4 bytes, why) | 4 too large(1 byte: what)
//! ```
//!
//! A part that a tag does not have has length 0. Neither end believes the other: lengths are compared with a bound before anything is
//! reserved, and whatever is not exactly a frame of these is the end of the worker.

use std::borrow::Cow;
use std::str;

use axum::body::Bytes;

use super::error::Size;

/// Bytes before the parts.
pub(super) const HEADER_BYTES: usize = 9;

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    pub(super) lengths: [u32; 2],
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = self.tag;
        bytes[1..5].copy_from_slice(&self.lengths[0].to_le_bytes());
        bytes[5..].copy_from_slice(&self.lengths[1].to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: [u8; HEADER_BYTES]) -> Self {
        let [tag, a0, a1, a2, a3, b0, b1, b2, b3] = bytes;
        Self { tag, lengths: [u32::from_le_bytes([a0, a1, a2, a3]), u32::from_le_bytes([b0, b1, b2, b3])] }
    }

    /// The lengths of the parts, where they are not above so many bytes together.
    pub(super) fn within(self, bytes_max: usize) -> Option<[usize; 2]> {
        let lengths = self.lengths.map(|length| usize::try_from(length).expect("64 bits"));
        (lengths[0] + lengths[1] <= bytes_max).then_some(lengths)
    }

    fn of(tag: u8, parts: &[&[u8]; 2]) -> Option<Self> {
        Some(Self { tag, lengths: [u32::try_from(parts[0].len()).ok()?, u32::try_from(parts[1].len()).ok()?] })
    }
}

/// What a worker is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Json { update: Bytes },
    Text { update: Bytes },
    TextOf { update: Bytes, root: String },
    Patch { update: Bytes, operations: Bytes },
    Compare { before: Bytes, after: Bytes },
    Restore { now: Bytes, version: Bytes },
}

impl Request {
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Json { update } | Self::Text { update } => [update, &[]],
            Self::TextOf { update, root } => [update, root.as_bytes()],
            Self::Patch { update, operations } => [update, operations],
            Self::Compare { before, after } => [before, after],
            Self::Restore { now, version } => [now, version],
        }
    }

    /// Nothing where a part is longer than its length can say.
    pub(super) fn header(&self) -> Option<Header> {
        let tag = match self {
            Self::Json { .. } => 1,
            Self::Text { .. } => 2,
            Self::TextOf { .. } => 3,
            Self::Patch { .. } => 4,
            Self::Compare { .. } => 5,
            Self::Restore { .. } => 6,
        };
        Header::of(tag, &self.parts())
    }

    pub(super) fn parse(tag: u8, parts: [Vec<u8>; 2]) -> Option<Self> {
        let [first, second] = parts;
        let alone = second.is_empty();
        let first = Bytes::from(first);
        match tag {
            1 if alone => Some(Self::Json { update: first }),
            2 if alone => Some(Self::Text { update: first }),
            3 => Some(Self::TextOf { update: first, root: String::from_utf8(second).ok()? }),
            4 => Some(Self::Patch { update: first, operations: second.into() }),
            5 => Some(Self::Compare { before: first, after: second.into() }),
            6 => Some(Self::Restore { now: first, version: second.into() }),
            _ => None,
        }
    }
}

/// What a worker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Answer(Vec<u8>),
    Malformed,
    NoSuchRoot,
    BadOperation { index: u32, why: String },
    TooLarge(Size),
}

impl Response {
    pub(super) fn parts(&self) -> [Cow<'_, [u8]>; 2] {
        let nothing = Cow::Borrowed(&[][..]);
        match self {
            Self::Answer(bytes) => [bytes.into(), nothing],
            Self::Malformed | Self::NoSuchRoot => [nothing.clone(), nothing],
            Self::BadOperation { index, why } => [index.to_le_bytes().to_vec().into(), why.as_bytes().into()],
            Self::TooLarge(size) => [vec![size.code()].into(), nothing],
        }
    }

    /// Nothing where a part is longer than its length can say.
    pub(super) fn header(&self) -> Option<Header> {
        let tag = match self {
            Self::Answer(_) => 0,
            Self::Malformed => 1,
            Self::NoSuchRoot => 2,
            Self::BadOperation { .. } => 3,
            Self::TooLarge(_) => 4,
        };
        let [first, second] = self.parts();
        Header::of(tag, &[&first, &second])
    }

    pub(super) fn parse(tag: u8, parts: [Vec<u8>; 2]) -> Option<Self> {
        let [first, second] = parts;
        match (tag, first.as_slice(), second.as_slice()) {
            (0, _, []) => Some(Self::Answer(first)),
            (1, [], []) => Some(Self::Malformed),
            (2, [], []) => Some(Self::NoSuchRoot),
            (3, &[a, b, c, d], why) => {
                let why = str::from_utf8(why).ok()?.to_owned();
                Some(Self::BadOperation { index: u32::from_le_bytes([a, b, c, d]), why })
            }
            (4, &[code], []) => Size::from_code(code).map(Self::TooLarge),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_writes_the_other_reads_and_nothing_else() {
        let update = Bytes::from_static(&[1, 2, 3]);
        let other = Bytes::from_static(b"[]");
        let requests = [
            Request::Json { update: update.clone() },
            Request::Text { update: update.clone() },
            Request::TextOf { update: update.clone(), root: "r".into() },
            Request::Patch { update: update.clone(), operations: other.clone() },
            Request::Compare { before: update.clone(), after: other.clone() },
            Request::Restore { now: update, version: other },
        ];
        for request in requests {
            let header = Header::decode(request.header().expect("short").encode());
            let parts = request.parts().map(<[u8]>::to_vec);
            assert_eq!(header.within(6), Some([parts[0].len(), parts[1].len()]));
            assert_eq!(header.within(2), None);
            assert_eq!(Request::parse(header.tag, parts), Some(request));
        }
        let responses = [
            Response::Answer(vec![1, 2]),
            Response::Malformed,
            Response::NoSuchRoot,
            Response::BadOperation { index: 7, why: "because".into() },
            Response::TooLarge(Size::Depth),
        ];
        for response in responses {
            let header = Header::decode(response.header().expect("short").encode());
            let parts = response.parts().map(std::borrow::Cow::into_owned);
            assert_eq!(Response::parse(header.tag, parts), Some(response));
        }
        let none = || [Vec::new(), Vec::new()];
        assert_eq!(Request::parse(0, none()), None);
        assert_eq!(Request::parse(1, [vec![0], vec![0]]), None);
        assert_eq!(Request::parse(3, [vec![], vec![0xff]]), None);
        assert_eq!(Response::parse(0, [vec![1], vec![1]]), None);
        assert_eq!(Response::parse(1, [vec![1], vec![]]), None);
        assert_eq!(Response::parse(3, [vec![1], vec![]]), None);
        assert_eq!(Response::parse(4, [vec![200], vec![]]), None);
        assert_eq!(Response::parse(9, none()), None);
    }
}
