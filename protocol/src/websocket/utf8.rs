//! UTF-8 checked as it arrives, in pieces cut anywhere. Knows nothing of frames; keeps none of the text.

/// Says after each piece whether the bytes so far can still become valid UTF-8 (RFC 3629).
///
/// Fails at the first byte that no valid text has there, without waiting for the sequence or the text to end. It keeps
/// three bytes: how many continuation bytes are owed and the range that the next of them must lie in. That range is
/// what rules out overlong forms, surrogates and values above U+10FFFF at the earliest byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8Validator {
    owed: u8,
    next_min: u8,
    next_max: u8,
}

/// The text is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8 {
    /// Index, in the piece that was being checked, of the first byte that cannot be there. Equal to the length of the
    /// piece when the text ended in the middle of a character.
    pub offset: usize,
}

impl Default for Utf8Validator {
    fn default() -> Self {
        Self::new()
    }
}

impl Utf8Validator {
    /// At the start of a text.
    pub const fn new() -> Self {
        Self { owed: 0, next_min: 0x80, next_max: 0xbf }
    }

    /// Checks the next piece of the text.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let mut checked = 0;
        while self.owed > 0 && checked < piece.len() {
            self.step(piece[checked], checked)?;
            checked += 1;
        }
        let rest = &piece[checked..];
        let Err(error) = simdutf8::compat::from_utf8(rest) else {
            return Ok(());
        };
        // Either an invalid byte within the next four, which stepping finds exactly, or a character cut by the end.
        checked += error.valid_up_to();
        for (index, &byte) in piece.iter().enumerate().skip(checked) {
            self.step(byte, index)?;
        }
        Ok(())
    }

    /// The text ends here: fails if that cuts a character.
    pub fn finish(&self) -> Result<(), InvalidUtf8> {
        if self.owed == 0 { Ok(()) } else { Err(InvalidUtf8 { offset: 0 }) }
    }

    fn step(&mut self, byte: u8, offset: usize) -> Result<(), InvalidUtf8> {
        if self.owed > 0 {
            if !(self.next_min..=self.next_max).contains(&byte) {
                return Err(InvalidUtf8 { offset });
            }
            (self.owed, self.next_min, self.next_max) = (self.owed - 1, 0x80, 0xbf);
            return Ok(());
        }
        // The well-formed sequences of RFC 3629, section 4.
        (self.owed, self.next_min, self.next_max) = match byte {
            0x00..=0x7f => (0, 0x80, 0xbf),
            0xc2..=0xdf => (1, 0x80, 0xbf),
            0xe0 => (2, 0xa0, 0xbf),
            0xe1..=0xec | 0xee..=0xef => (2, 0x80, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            0x80..=0xc1 | 0xf5..=0xff => return Err(InvalidUtf8 { offset }),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes, and the index of the first byte that is wrong; `None` for valid text.
    /// The classes are those of Markus Kuhn's UTF-8 decoder stress test.
    const CASES: &[(&str, &[u8], Option<usize>)] = &[
        ("nothing", b"", None),
        ("Greek word", "κόσμε".as_bytes(), None),
        ("first of 1 byte", b"\x00", None),
        ("first of 2 bytes", b"\xc2\x80", None),
        ("first of 3 bytes", b"\xe0\xa0\x80", None),
        ("first of 4 bytes", b"\xf0\x90\x80\x80", None),
        ("first of 5 bytes", b"\xf8\x88\x80\x80\x80", Some(0)),
        ("first of 6 bytes", b"\xfc\x84\x80\x80\x80\x80", Some(0)),
        ("last of 1 byte", b"\x7f", None),
        ("last of 2 bytes", b"\xdf\xbf", None),
        ("last of 3 bytes", b"\xef\xbf\xbf", None),
        ("last of 4 bytes by pattern, above U+10FFFF", b"\xf7\xbf\xbf\xbf", Some(0)),
        ("U+D7FF, before the surrogates", b"\xed\x9f\xbf", None),
        ("U+E000, after the surrogates", b"\xee\x80\x80", None),
        ("U+FFFD", b"\xef\xbf\xbd", None),
        ("U+FFFE, a non-character but valid", b"\xef\xbf\xbe", None),
        ("U+10FFFF", b"\xf4\x8f\xbf\xbf", None),
        ("U+110000", b"\xf4\x90\x80\x80", Some(1)),
        ("lead F5", b"\xf5\x80\x80\x80", Some(0)),
        ("lone continuation 80", b"\x80", Some(0)),
        ("lone continuation BF", b"\xbf", Some(0)),
        ("continuations after text", b"ab\x80\xbf", Some(2)),
        ("lone lead C2 then space", b"\xc2 ", Some(1)),
        ("lone lead E1 then space", b"\xe1 ", Some(1)),
        ("lone lead F1 then space", b"\xf1 ", Some(1)),
        ("3-byte sequence one short", b"\xe1\x80 ", Some(2)),
        ("4-byte sequence one short", b"\xf1\x80\x80 ", Some(3)),
        ("2-byte sequence cut by the end", b"\xdf", Some(1)),
        ("3-byte sequence cut by the end", b"\xef\xbf", Some(2)),
        ("4-byte sequence cut by the end", b"\xf0\x90\x80", Some(3)),
        ("two incomplete sequences in a row", b"\xe1\x80\xe1\x80", Some(2)),
        ("byte FE", b"\xfe", Some(0)),
        ("byte FF", b"\xff", Some(0)),
        ("overlong slash in 2 bytes", b"\xc0\xaf", Some(0)),
        ("overlong slash in 3 bytes", b"\xe0\x80\xaf", Some(1)),
        ("overlong slash in 4 bytes", b"\xf0\x80\x80\xaf", Some(1)),
        ("longest overlong of 2 bytes", b"\xc1\xbf", Some(0)),
        ("longest overlong of 3 bytes", b"\xe0\x9f\xbf", Some(1)),
        ("longest overlong of 4 bytes", b"\xf0\x8f\xbf\xbf", Some(1)),
        ("overlong NUL", b"\xc0\x80", Some(0)),
        ("first high surrogate", b"\xed\xa0\x80", Some(1)),
        ("last high surrogate", b"\xed\xaf\xbf", Some(1)),
        ("first low surrogate", b"\xed\xb0\x80", Some(1)),
        ("last low surrogate", b"\xed\xbf\xbf", Some(1)),
        ("surrogate pair", b"\xed\xa0\x80\xed\xb0\x80", Some(1)),
        (
            "bad byte behind long text",
            b"0123456789012345678901234567890123456789012345678901234567890123456789\xff",
            Some(70),
        ),
    ];

    /// The first wrong byte when the text comes in pieces cut at `cuts`.
    fn first_wrong(text: &[u8], cuts: &[usize]) -> Option<usize> {
        let mut validator = Utf8Validator::new();
        let mut start = 0;
        for &cut in cuts.iter().chain([&text.len()]) {
            if let Err(error) = validator.feed(&text[start..cut]) {
                return Some(start + error.offset);
            }
            start = cut;
        }
        validator.finish().err().map(|_| text.len())
    }

    #[test]
    fn every_class_of_the_stress_test_fails_at_its_first_wrong_byte_wherever_it_is_cut() {
        for &(name, text, wrong) in CASES {
            assert_eq!(wrong.is_none(), std::str::from_utf8(text).is_ok(), "{name}: the table itself");
            assert_eq!(first_wrong(text, &[]), wrong, "{name}");
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    assert_eq!(first_wrong(text, &[first, second]), wrong, "{name}, cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn all_sequences_of_three_bytes_are_judged_as_the_standard_library_judges_them() {
        for value in 0..=0x00ff_ffffu32 {
            let bytes = value.to_be_bytes();
            let mut validator = Utf8Validator::new();
            let stepped = bytes[1..].iter().try_for_each(|&byte| validator.step(byte, 0)).is_ok();
            let valid = stepped && validator.finish().is_ok();
            assert_eq!(valid, std::str::from_utf8(&bytes[1..]).is_ok(), "{:02x?}", &bytes[1..]);
        }
    }

    proptest! {
        #[test]
        fn cutting_a_text_anywhere_does_not_change_the_verdict(
            mut text in proptest::collection::vec(prop_oneof![Just(b'a'), 0x80u8..=0xff, Just(0xf0), Just(0x90)], 0..40),
            prefix in ".{0,20}",
            cuts in proptest::collection::vec(0usize..100, 0..5),
        ) {
            text.splice(0..0, prefix.bytes());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let whole = first_wrong(&text, &[]);
            prop_assert_eq!(first_wrong(&text, &cuts), whole);
            prop_assert_eq!(whole.is_none(), std::str::from_utf8(&text).is_ok());
        }
    }
}
