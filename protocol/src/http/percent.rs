//! Percent-decoding (RFC 3986, section 2.1). Does not know which part of a URL it is given.

use std::{borrow::Cow, error::Error, fmt};

/// A `%` that two hexadecimal digits do not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// Index of the `%`.
    pub at: usize,
}

impl fmt::Display for BadEscape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the % at byte {} is not followed by two hexadecimal digits; a literal % is written %25", self.at)
    }
}

impl Error for BadEscape {}

/// Decodes every escape of `text`, once: `%2541` gives `%41`. A `+` stays a `+`; only forms use it for a space.
pub fn percent_decode(text: &str) -> Result<Cow<'_, [u8]>, BadEscape> {
    let bytes = text.as_bytes();
    let Some(first) = bytes.iter().position(|&byte| byte == b'%') else {
        return Ok(Cow::Borrowed(bytes));
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    decoded.extend_from_slice(&bytes[..first]);
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            decoded.push(escaped(&bytes[at + 1..]).ok_or(BadEscape { at })?);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    Ok(Cow::Owned(decoded))
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let [high, low] = *digits.first_chunk::<2>()?;
    let (high, low) = (char::from(high).to_digit(16)?, char::from(low).to_digit(16)?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_once_or_refused() {
        let cases: &[(&str, Result<&[u8], BadEscape>)] = &[
            ("", Ok(b"")),
            ("plain", Ok(b"plain")),
            ("a%20b", Ok(b"a b")),
            ("%e2%82%AC", Ok("€".as_bytes())),
            ("%2541", Ok(b"%41")),
            ("%2F+%00%ff", Ok(b"/+\x00\xff")),
            ("%", Err(BadEscape { at: 0 })),
            ("ab%", Err(BadEscape { at: 2 })),
            ("ab%4", Err(BadEscape { at: 2 })),
            ("%41%4g", Err(BadEscape { at: 3 })),
            ("%+1", Err(BadEscape { at: 0 })),
            ("%%41", Err(BadEscape { at: 0 })),
            ("%é", Err(BadEscape { at: 0 })),
        ];
        for (text, expected) in cases {
            assert_eq!(percent_decode(text).as_deref(), expected.as_ref().map(|bytes| *bytes), "{text}");
        }
    }
}
