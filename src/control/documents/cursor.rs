//! Where a list goes on: behind which name. Opaque to who holds it; whoever makes one up sees no more than by asking in another way.

use std::fmt::Write;

use selvedge_protocol::document_name::{DocumentName, NAME_BYTES_MAX};

use crate::control::problem::Problem;

/// Behind this name.
pub(super) fn encode(name: &str) -> String {
    let mut text = String::with_capacity(2 * name.len());
    for byte in name.bytes() {
        write!(text, "{byte:02x}").expect("a text takes everything");
    }
    text
}

pub(super) fn decode(text: &str) -> Result<String, Problem> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let name = || {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        if pairs.len() > NAME_BYTES_MAX {
            return None;
        }
        let bytes =
            pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect::<Option<Vec<u8>>>()?;
        let name = String::from_utf8(bytes).ok()?;
        DocumentName::check(&name).ok().map(|()| name)
    };
    name().ok_or_else(|| Problem::bad_request("cursor: the `next` of the page before, as it was"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_name_and_nothing_else_is_one() {
        for name in ["a", "notes/1", "漢🧵", &"é".repeat(NAME_BYTES_MAX / 2)] {
            assert_eq!(decode(&encode(name)).ok().as_deref(), Some(name));
        }
        let long = "61".repeat(NAME_BYTES_MAX + 1);
        for text in ["", "6", "6g", "6A", "00", "ff", "notes", &long] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
