//! The lib0 encoding that every Yjs message is made of: a reader over borrowed bytes, and what writes it.
//!
//! It is strict where JavaScript is lenient, because whatever two readers read differently is an attack: a number has
//! one encoding, text is UTF-8, and a count is held against the bytes that are left before anyone reserves memory for
//! it. It knows nothing of Yjs.

pub mod any;
pub mod json;
mod text;

use std::fmt;

pub use text::{TextCut, cut_text, utf16_len};

/// The largest integer that JavaScript reads exactly, and the largest that is read here.
pub const UINT_MAX: u64 = (1 << 53) - 1;

/// How deep Any and JSON values may be nested when the caller names no other bound. Clients read both recursively, so
/// without a bound a few kilobytes of brackets overflow every client's stack.
pub const DEPTH_MAX: u8 = 128;

/// From this length on `simdutf8` checks UTF-8 faster than the standard library does.
const SIMD_BYTES_MIN: usize = 64;

/// Why bytes are not lib0. Always the fault of who wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end inside a value.
    Truncated,
    /// A number with more bytes than it needs, which lib0 never writes.
    NotCanonical,
    /// A number above [`UINT_MAX`], or above `u32::MAX` where a clock or a length stands.
    NumberTooLarge,
    /// A declared count or length that the bytes left cannot hold.
    CountTooLarge,
    /// Text that is not UTF-8. The decoder of JavaScript clients is fatal: every one of them would throw.
    NotUtf8,
    /// Text in the place of JSON that `JSON.parse` throws at.
    NotJson,
    /// An Any value with a tag that lib0 does not have.
    UnknownAnyTag(u8),
    /// Any or JSON nested deeper than was allowed.
    TooDeep {
        /// How deep it might have been.
        depth_max: u8,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end inside a value"),
            Self::NotCanonical => f.write_str("a number is written with more bytes than it needs"),
            Self::NumberTooLarge => f.write_str("a number is too large"),
            Self::CountTooLarge => f.write_str("a count is larger than the bytes left can hold"),
            Self::NotUtf8 => f.write_str("a text is not UTF-8"),
            Self::NotJson => f.write_str("a text is not JSON"),
            Self::UnknownAnyTag(tag) => write!(f, "no Any value has the tag {tag}"),
            Self::TooDeep { depth_max } => write!(f, "a value is nested deeper than {depth_max} levels"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Reads lib0 values from borrowed bytes. A copy of it is a cheap way to look ahead.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Invariant: at most `bytes.len()`.
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads from the byte at `position`, or from the end when there are not so many.
    #[must_use]
    pub fn starting_at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, at: position.min(bytes.len()) }
    }

    /// How many bytes lie before the next one.
    #[inline]
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    #[inline]
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes read since `position` was what [`Self::position`] said.
    ///
    /// # Panics
    /// When `position` lies ahead.
    #[inline]
    #[must_use]
    pub fn since(&self, position: usize) -> &'a [u8] {
        &self.bytes[position..self.at]
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed::Truncated)?;
        // Never wraps: a byte lay there.
        self.at = self.at.wrapping_add(1);
        Ok(byte)
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.bytes[self.at..].get(..count).ok_or(Malformed::Truncated)?;
        self.at += count;
        Ok(taken)
    }

    /// varUint, at most [`UINT_MAX`].
    #[inline]
    pub fn uint(&mut self) -> Result<u64, Malformed> {
        let first = self.u8()?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.uint_rest(u64::from(first & 0x7f), 7) }
    }

    /// The groups after the first, which gave the lowest `shift` bits.
    #[inline]
    fn uint_rest(&mut self, mut value: u64, mut shift: u32) -> Result<u64, Malformed> {
        loop {
            let byte = self.u8()?;
            if shift > 49 {
                return Err(Malformed::NumberTooLarge);
            }
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                // A last group of zero could have been left out.
                if byte == 0 {
                    return Err(Malformed::NotCanonical);
                }
                return if value > UINT_MAX { Err(Malformed::NumberTooLarge) } else { Ok(value) };
            }
        }
    }

    /// A clock or a length in clocks: a varUint that fits a `u32`.
    #[inline]
    pub fn clock(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.uint()?).map_err(|_| Malformed::NumberTooLarge)
    }

    /// A count of things of which each takes at least `size_min` bytes (at least 1), held against the bytes left.
    #[inline]
    pub fn count(&mut self, size_min: usize) -> Result<usize, Malformed> {
        let count = self.uint()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.left() / size_min => Ok(count),
            Ok(_) | Err(_) => Err(Malformed::CountTooLarge),
        }
    }

    /// Passes over a varInt: bit 7 more, bit 6 sign, 6 bits, then 7 bits a byte. Minus zero is legal: it is the `-0` of
    /// JavaScript.
    pub fn skip_int(&mut self) -> Result<(), Malformed> {
        let first = self.u8()?;
        if first >= 0x80 {
            self.uint_rest(u64::from(first & 0x3f), 6)?;
        }
        Ok(())
    }

    /// varUint8Array: a length and so many bytes.
    #[inline]
    pub fn buf(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.count(1)?;
        self.take(len)
    }

    /// varString: a length in bytes and so much UTF-8.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.buf()?;
        if bytes.len() < SIMD_BYTES_MIN {
            std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)
        } else {
            simdutf8::basic::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)
        }
    }
}

/// Writes a varUint.
#[inline]
pub fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a varUint8Array; of UTF-8 bytes it is a varString.
#[inline]
pub fn put_buf(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes [`put_uint`] writes.
#[inline]
#[must_use]
pub fn uint_size(value: u64) -> usize {
    ((u64::BITS - (value | 1).leading_zeros()) as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uint(bytes: &[u8]) -> Result<u64, Malformed> {
        Reader::new(bytes).uint()
    }

    #[test]
    fn numbers_come_back_as_they_were_written() {
        let powers = (0..53).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for value in powers.chain([UINT_MAX]) {
            let mut bytes = Vec::new();
            put_uint(&mut bytes, value);
            let mut r = Reader::new(&bytes);
            assert_eq!(r.uint(), Ok(value));
            assert_eq!((r.left(), r.position()), (0, uint_size(value)));
            for cut in 0..bytes.len() {
                assert_eq!(uint(&bytes[..cut]), Err(Malformed::Truncated), "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_number_has_one_encoding() {
        assert_eq!(uint(&[0x80, 0]), Err(Malformed::NotCanonical));
        assert_eq!(uint(&[0xff, 0x80, 0]), Err(Malformed::NotCanonical));
        assert_eq!(Reader::new(&[0xc1, 0]).skip_int(), Err(Malformed::NotCanonical));
    }

    #[test]
    fn numbers_above_53_bits_and_clocks_above_32_are_too_large() {
        assert_eq!(uint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]), Err(Malformed::NumberTooLarge));
        assert_eq!(uint(&[0xff; 12]), Err(Malformed::NumberTooLarge));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).clock(), Ok(u32::MAX));
        assert_eq!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x10]).clock(), Err(Malformed::NumberTooLarge));
    }

    #[test]
    fn a_count_never_exceeds_what_the_bytes_left_can_hold() {
        assert_eq!(Reader::new(&[2, 0, 0, 0, 0]).count(2), Ok(2));
        assert_eq!(Reader::new(&[3, 0, 0, 0, 0]).count(2), Err(Malformed::CountTooLarge));
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]).count(1),
            Err(Malformed::CountTooLarge)
        );
    }

    #[test]
    fn minus_zero_and_long_integers_are_passed_over() {
        for bytes in [&[0x40][..], &[0x00], &[0x3f], &[0x80, 1], &[0xff, 0xff, 0x7f]] {
            let mut r = Reader::new(bytes);
            assert_eq!((r.skip_int(), r.left()), (Ok(()), 0), "{bytes:?}");
        }
    }

    #[test]
    fn text_is_utf8_whatever_its_length() {
        for len in [0, 1, 63, 64, 65, 500] {
            let mut bytes = Vec::new();
            put_buf(&mut bytes, "é".repeat(len).as_bytes());
            assert_eq!(Reader::new(&bytes).str(), Ok("é".repeat(len).as_str()));
            if let Some(last) = bytes.last_mut().filter(|_| len > 0) {
                *last = 0xff;
                assert_eq!(Reader::new(&bytes).str(), Err(Malformed::NotUtf8));
            }
        }
        // A surrogate half and an overlong slash are not UTF-8; a byte order mark is text like any other.
        assert_eq!(Reader::new(&[3, 0xed, 0xa0, 0x80]).str(), Err(Malformed::NotUtf8));
        assert_eq!(Reader::new(&[2, 0xc0, 0xaf]).str(), Err(Malformed::NotUtf8));
        assert_eq!(Reader::new(&[3, 0xef, 0xbb, 0xbf]).str(), Ok("\u{feff}"));
    }

    #[test]
    fn reading_beyond_the_end_is_truncated() {
        let mut r = Reader::starting_at(&[1, 2, 3], 9);
        assert_eq!((r.position(), r.left()), (3, 0));
        assert_eq!(r.u8(), Err(Malformed::Truncated));
        assert_eq!(r.take(1), Err(Malformed::Truncated));
        assert_eq!(r.take(usize::MAX), Err(Malformed::Truncated));
        assert_eq!(r.take(0), Ok(&[][..]));
    }
}
