//! Text as JavaScript counts it: in UTF-16 code units, over UTF-8 bytes.

/// Length in UTF-16 code units, which is how Yjs counts text.
#[inline]
#[must_use]
pub fn utf16_len(text: &str) -> usize {
    // Every byte that starts a character counts, and one that starts a character beyond the basic plane counts twice.
    // Shaped so that the compiler turns it into vector instructions.
    text.as_bytes().iter().map(|&byte| usize::from((byte as i8) >= -0x40) + usize::from(byte >= 0xf0)).sum()
}

/// Where a text is cut after so many UTF-16 code units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextCut {
    /// Where in the UTF-8 bytes the left part ends.
    pub left: usize,
    /// Where the right part starts.
    pub right: usize,
    /// The cut falls between the halves of a surrogate pair, which is then in neither part. Yjs writes U+FFFD in the
    /// place of each half, so that lengths stay what they were.
    pub in_pair: bool,
}

/// Finds the byte after `units` UTF-16 code units; the end of the text when it has fewer.
#[must_use]
pub fn cut_text(text: &str, units: usize) -> TextCut {
    let bytes = text.as_bytes();
    if bytes.get(..units).is_some_and(<[u8]>::is_ascii) {
        return TextCut { left: units, right: units, in_pair: false };
    }
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen == units {
            return TextCut { left: at, right: at, in_pair: false };
        }
        if c.len_utf16() == 2 && seen + 1 == units {
            return TextCut { left: at, right: at + c.len_utf8(), in_pair: true };
        }
        seen += c.len_utf16();
    }
    TextCut { left: bytes.len(), right: bytes.len(), in_pair: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_counted_in_utf16_code_units() {
        for text in ["", "abc", "é", "日本", "a😀b", "\u{feff}\u{10ffff}", &"x😀é".repeat(100)] {
            assert_eq!(utf16_len(text), text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn a_cut_through_a_surrogate_pair_leaves_the_pair_out_of_both_parts() {
        assert_eq!(cut_text("a😀b", 1), TextCut { left: 1, right: 1, in_pair: false });
        assert_eq!(cut_text("a😀b", 2), TextCut { left: 1, right: 5, in_pair: true });
        assert_eq!(cut_text("a😀b", 3), TextCut { left: 5, right: 5, in_pair: false });
    }

    #[test]
    fn a_cut_beyond_the_end_is_at_the_end() {
        for text in ["", "abc", "é😀"] {
            assert_eq!(cut_text(text, 99), TextCut { left: text.len(), right: text.len(), in_pair: false });
        }
    }
}
