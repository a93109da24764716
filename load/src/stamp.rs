//! Stamps: which message this is and when it was meant to be sent, as text that survives whatever a server does to a document's updates,
//! merging and squashing included. Does not know what is around it.

use crate::clock::Micros;

/// Length of a stamp in text, all of it ASCII.
pub(crate) const STAMP_BYTES: usize = 1 + WRITER_DIGITS + SEQUENCE_DIGITS + TIME_DIGITS;

/// Begins a stamp, and occurs nowhere else in what is written here.
const MAGIC: u8 = b'~';
/// What the rest of a message is filled with.
pub(crate) const FILLER: u8 = b'.';

/// Digits have six bits, the highest first.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const WRITER_DIGITS: usize = 4;
const SEQUENCE_DIGITS: usize = 5;
const TIME_DIGITS: usize = 6;

/// What a stamp can say at most; more writers than that are refused when a run is planned.
pub(crate) const WRITERS_MAX: u64 = 1 << (6 * WRITER_DIGITS);
/// How many messages of one writer can be told apart.
pub(crate) const SEQUENCES_MAX: u64 = 1 << (6 * SEQUENCE_DIGITS);
/// How long a run can be in which stamps do not repeat: 19 hours.
pub(crate) const TIME_MAX: Micros = 1 << (6 * TIME_DIGITS);

/// Value of a digit; 64 for anything else.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Number of the connection that wrote it.
    pub(crate) writer: u32,
    /// How many it had written before, modulo 2^30.
    pub(crate) sequence: u32,
    /// When it was meant to be sent.
    pub(crate) intended: Micros,
}

impl Stamp {
    /// Appends the stamp, filled up to `bytes`, which are at least [`STAMP_BYTES`].
    pub(crate) fn put(&self, out: &mut Vec<u8>, bytes: usize) {
        out.push(MAGIC);
        put_digits(out, u64::from(self.writer), WRITER_DIGITS);
        put_digits(out, u64::from(self.sequence), SEQUENCE_DIGITS);
        put_digits(out, self.intended, TIME_DIGITS);
        out.resize(out.len() + bytes.saturating_sub(STAMP_BYTES), FILLER);
    }

    /// All stamps in `bytes`, in order.
    pub(crate) fn scan(bytes: &[u8]) -> Scan<'_> {
        Scan { rest: bytes }
    }

    fn read(digits: &[u8; STAMP_BYTES - 1]) -> Option<Self> {
        let (writer, rest) = digits.split_at(WRITER_DIGITS);
        let (sequence, time) = rest.split_at(SEQUENCE_DIGITS);
        Some(Self {
            writer: u32::try_from(read_digits(writer)?).ok()?,
            sequence: u32::try_from(read_digits(sequence)?).ok()?,
            intended: read_digits(time)?,
        })
    }
}

/// See [`Stamp::scan`].
pub(crate) struct Scan<'a> {
    rest: &'a [u8],
}

impl Iterator for Scan<'_> {
    type Item = Stamp;

    fn next(&mut self) -> Option<Stamp> {
        loop {
            let at = self.rest.iter().position(|&byte| byte == MAGIC)?;
            self.rest = &self.rest[at + 1..];
            let digits = self.rest.first_chunk()?;
            if let Some(stamp) = Stamp::read(digits) {
                self.rest = &self.rest[digits.len()..];
                return Some(stamp);
            }
        }
    }
}

fn put_digits(out: &mut Vec<u8>, value: u64, count: usize) {
    for place in (0..count).rev() {
        out.push(DIGITS[(value >> (6 * place)) as usize & 63]);
    }
}

fn read_digits(digits: &[u8]) -> Option<u64> {
    let mut value = 0;
    for &digit in digits {
        let digit = VALUES[usize::from(digit)];
        if digit == 64 {
            return None;
        }
        value = value << 6 | u64::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_wherever_they_lie() {
        let stamps = [
            Stamp { writer: 0, sequence: 0, intended: 0 },
            Stamp { writer: 7, sequence: 1, intended: 123_456_789 },
            Stamp { writer: (WRITERS_MAX - 1) as u32, sequence: (1 << 30) - 1, intended: TIME_MAX - 1 },
        ];
        for bytes in [STAMP_BYTES, STAMP_BYTES + 1, 100] {
            // The 126 of a length is the magic byte, and a magic byte may stand alone.
            let mut text = b"\x00~\x7e".to_vec();
            for stamp in stamps {
                let before = text.len();
                stamp.put(&mut text, bytes);
                assert_eq!(text.len() - before, bytes);
                text.extend_from_slice(b"\x84~~\x01");
            }
            assert!(Stamp::scan(&text).eq(stamps));
            // One that is cut is none.
            assert_eq!(Stamp::scan(&text[..text.len() - 4 - bytes + STAMP_BYTES - 1]).count(), 2);
        }
        assert_eq!(Stamp::scan(b"").count() + Stamp::scan(b"~").count() + Stamp::scan(&[b'~'; 100]).count(), 0);
    }

    #[test]
    fn a_stamp_is_text_that_json_takes_as_it_is() {
        let mut text = Vec::new();
        Stamp { writer: 1, sequence: 2, intended: 3 }.put(&mut text, 64);
        assert!(text.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(byte)));
    }
}
