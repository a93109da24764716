//! Base64 of the URL alphabet without padding (RFC 7515, section 2), one text for each value. Knows nothing of what it holds.

/// The bytes that the text stands for; `None` where a strict encoder would not have written it: padding, another alphabet, white space,
/// bits left over that are not zero. A second spelling of a token would get past whoever compares tokens.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for &byte in group {
            bits = bits << 6 | u32::from(sextet(byte)?);
        }
        let whole = group.len() * 6 / 8;
        let left_over = group.len() * 6 % 8;
        if bits & ((1 << left_over) - 1) != 0 {
            return None;
        }
        let bits = bits >> left_over;
        bytes.extend_from_slice(&bits.to_be_bytes()[4 - whole..]);
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_text_for_each_value() {
        let cases: [(&str, Option<&[u8]>); 15] = [
            ("", Some(b"")),
            ("Zg", Some(b"f")),
            ("Zm8", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9vYg", Some(b"foob")),
            ("-_-_", Some(&[0xfb, 0xff, 0xbf])),
            ("Zg==", None),
            ("Zh", None),
            ("Zm9", None),
            ("Z", None),
            ("Zm9vY", None),
            ("+/+/", None),
            ("Zm 9", None),
            ("Zm9v\n", None),
            ("Zm9é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text.as_bytes()).as_deref(), expected, "{text:?}");
        }
    }
}
