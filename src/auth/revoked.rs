//! Subjects that are not let in any more, whatever their tokens say. Does not know where the list is kept.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::claims::is_subject;

/// Most subjects: what the file may hold of short ones.
pub const REVOKED_MAX: usize = 100_000;

/// A list, not changed any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revoked(HashSet<Arc<str>>);

/// Why a file is no such list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedFault {
    /// Bytes that are not UTF-8.
    NotText,
    /// A line that no token can have as its subject.
    NotASubject {
        /// Counted from 1.
        line: usize,
    },
    /// More than [`REVOKED_MAX`].
    TooMany,
}

impl fmt::Display for RevokedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("not UTF-8"),
            Self::NotASubject { line } => {
                write!(f, "line {line} is longer than a subject may be, or has control characters")
            }
            Self::TooMany => write!(f, "more than {REVOKED_MAX} subjects"),
        }
    }
}

impl Revoked {
    /// Reads a file: a subject a line, each as it stands in `sub`. Empty lines are passed over.
    pub(super) fn parse(file: &[u8]) -> Result<Self, RevokedFault> {
        let text = std::str::from_utf8(file).map_err(|_| RevokedFault::NotText)?;
        let mut subjects = HashSet::new();
        for (line, subject) in (1..).zip(text.lines()).filter(|(_, subject)| !subject.is_empty()) {
            if !is_subject(subject) {
                return Err(RevokedFault::NotASubject { line });
            }
            if subjects.len() >= REVOKED_MAX {
                return Err(RevokedFault::TooMany);
            }
            subjects.insert(subject.into());
        }
        Ok(Self(subjects))
    }

    pub(super) fn contains(&self, subject: &str) -> bool {
        self.0.contains(subject)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, subject: Arc<str>) {
        self.0.insert(subject);
    }

    /// What is on either list.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Whether something is on this list that is not on the other.
    pub(super) fn adds_to(&self, other: &Self) -> bool {
        !self.0.is_subset(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_a_line_exactly_as_in_its_tokens() {
        let revoked = Revoked::parse("user-1\r\n\n user 2 \nüser\n# no comment".as_bytes()).expect("a list");
        assert_eq!(revoked.len(), 4);
        for (subject, expected) in [
            ("user-1", true),
            (" user 2 ", true),
            ("user 2", false),
            ("üser", true),
            ("USER-1", false),
            ("# no comment", true),
        ] {
            assert_eq!(revoked.contains(subject), expected, "{subject:?}");
        }
        assert_eq!(Revoked::parse(b""), Ok(Revoked::default()));
        assert_eq!(Revoked::parse(b"a\n\xff"), Err(RevokedFault::NotText));
        assert_eq!(Revoked::parse(b"a\nb\tc"), Err(RevokedFault::NotASubject { line: 2 }));
        let many: String = (0..=REVOKED_MAX).map(|number| format!("{number}\n")).collect();
        assert_eq!(Revoked::parse(many.as_bytes()), Err(RevokedFault::TooMany));
    }
}
