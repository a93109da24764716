//! The name of a document, as clients and operators see it. Does not know where names come from or whether one exists.

use std::{borrow::Borrow, error::Error, fmt};

use crate::http::{BadEscape, percent_decode};

/// Longest name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 256;

/// A name that may be given to a document: 1 to [`NAME_BYTES_MAX`] bytes of UTF-8 without control characters (C0, DEL
/// and C1), which would let a name forge lines of a log, and neither `.` nor `..`, which whoever reads a URL takes away however
/// they are escaped: such a document could be made and not be reached. Names are equal when their bytes are; nothing is normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentName(Box<str>);

impl DocumentName {
    /// Takes `name`, if it may be one.
    pub fn new(name: &str) -> Result<Self, DocumentNameError> {
        Self::check(name).map(|()| Self(name.into()))
    }

    /// Whether `name` may be one, for who needs no name of its own.
    pub fn check(name: &str) -> Result<(), DocumentNameError> {
        if name.is_empty() {
            return Err(DocumentNameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(DocumentNameError::TooLong { name_bytes: name.len() });
        }
        if matches!(name, "." | "..") {
            return Err(DocumentNameError::Dots);
        }
        match name.char_indices().find(|(_, character)| character.is_control()) {
            Some((at, character)) => Err(DocumentNameError::ControlCharacter { character, at }),
            None => Ok(()),
        }
    }

    /// Takes the name that one segment of a URL path stands for. The segment is decoded once: `%2F` becomes part of the
    /// name, where an undecoded `/` would have ended the segment.
    pub fn from_path_segment(segment: &str) -> Result<Self, DocumentNameError> {
        let bytes = percent_decode(segment).map_err(DocumentNameError::BadEscape)?;
        let name =
            std::str::from_utf8(&bytes).map_err(|error| DocumentNameError::NotUtf8 { at: error.valid_up_to() })?;
        Self::new(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for DocumentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for DocumentName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something cannot be the name of a document. The fault of who named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentNameError {
    /// Nothing.
    Empty,
    /// More than [`NAME_BYTES_MAX`] bytes.
    TooLong {
        /// How many.
        name_bytes: usize,
    },
    /// `.` or `..`.
    Dots,
    /// A control character.
    ControlCharacter {
        /// Which.
        character: char,
        /// Its index in bytes of the decoded name.
        at: usize,
    },
    /// Bytes that are not UTF-8.
    NotUtf8 {
        /// Index of the first of them in the decoded name.
        at: usize,
    },
    /// A URL with a malformed escape.
    BadEscape(BadEscape),
}

impl fmt::Display for DocumentNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the document name is empty")?,
            Self::TooLong { name_bytes } => write!(f, "the document name is {name_bytes} bytes long")?,
            Self::Dots => f.write_str("URLs do not keep a document name of one or two dots")?,
            Self::ControlCharacter { character, at } => {
                write!(f, "the document name has the control character U+{:04X} at byte {at}", u32::from(*character))?;
            }
            Self::NotUtf8 { at } => write!(f, "the document name is not UTF-8 at byte {at}")?,
            Self::BadEscape(error) => write!(f, "the document name is not encoded for a URL: {error}")?,
        }
        write!(f, "; allowed are 1 to {NAME_BYTES_MAX} bytes of UTF-8 without control characters, but for . and ..")
    }
}

impl Error for DocumentNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_names_a_document_or_says_what_is_wrong() {
        use DocumentNameError as E;
        let longest = "é".repeat(NAME_BYTES_MAX / 2);
        let too_long = format!("{longest}x");
        let escaped = "%C3%A9".repeat(NAME_BYTES_MAX / 2);
        let cases: &[(&str, Result<&str, DocumentNameError>)] = &[
            ("notes", Ok("notes")),
            ("my%20notes", Ok("my notes")),
            ("a%2Fb", Ok("a/b")),
            ("a%252Fb", Ok("a%2Fb")),
            ("a+b", Ok("a+b")),
            ("%E6%BC%A2%F0%9F%A7%B5", Ok("漢🧵")),
            ("漢", Ok("漢")),
            ("...", Ok("...")),
            ("../etc", Ok("../etc")),
            (".", Err(E::Dots)),
            ("%2e%2E", Err(E::Dots)),
            ("%EF%BB%BF", Ok("\u{feff}")),
            (&longest, Ok(&longest)),
            (&escaped, Ok(&longest)),
            ("", Err(E::Empty)),
            (&too_long, Err(E::TooLong { name_bytes: NAME_BYTES_MAX + 1 })),
            ("a%00b", Err(E::ControlCharacter { character: '\0', at: 1 })),
            ("%0A", Err(E::ControlCharacter { character: '\n', at: 0 })),
            ("%1f", Err(E::ControlCharacter { character: '\u{1f}', at: 0 })),
            ("ab%7F", Err(E::ControlCharacter { character: '\u{7f}', at: 2 })),
            ("%C2%80", Err(E::ControlCharacter { character: '\u{80}', at: 0 })),
            ("%C2%9F", Err(E::ControlCharacter { character: '\u{9f}', at: 0 })),
            ("%C2%A0", Ok("\u{a0}")),
            ("a%FF", Err(E::NotUtf8 { at: 1 })),
            ("%ED%A0%80", Err(E::NotUtf8 { at: 0 })),
            ("%C0%AF", Err(E::NotUtf8 { at: 0 })),
            ("100%", Err(E::BadEscape(BadEscape { at: 3 }))),
            ("%zz", Err(E::BadEscape(BadEscape { at: 0 }))),
        ];
        for (segment, expected) in cases {
            let name = DocumentName::from_path_segment(segment);
            assert_eq!(name.as_ref().map(DocumentName::as_str), expected.as_ref().copied(), "{segment}");
        }
    }

    #[test]
    fn every_error_says_what_is_allowed() {
        let errors = ["", ".", "%0A", "%FF", "%"].map(DocumentName::from_path_segment);
        for error in errors {
            let text = error.expect_err("none of them is a name").to_string();
            assert!(
                text.ends_with("allowed are 1 to 256 bytes of UTF-8 without control characters, but for . and .."),
                "{text}"
            );
        }
        let control = DocumentNameError::ControlCharacter { character: '\u{7}', at: 3 };
        assert!(control.to_string().starts_with("the document name has the control character U+0007 at byte 3;"));
    }
}
