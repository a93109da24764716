//! What a token allows. Does not know tokens.

use std::sync::Arc;
use std::time::SystemTime;

use selvedge_shards::Access;

/// What somebody may do with a document. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Read it, and be seen in its awareness.
    Read,
    /// Also send stateless messages.
    Comment,
    /// Also change it.
    Write,
}

impl Right {
    /// What a shard has to know of it.
    #[must_use]
    pub fn access(self) -> Access {
        match self {
            Self::Read | Self::Comment => Access::ReadOnly,
            Self::Write => Access::ReadWrite,
        }
    }

    /// As tokens name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Comment => "comment",
            Self::Write => "write",
        }
    }

    /// The right of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "comment" => Some(Self::Comment),
            "write" => Some(Self::Write),
            _ => None,
        }
    }
}

/// Names of documents: `*` stands for any number of any characters, slashes too; everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Any text is a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether a document of this name is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().expect("a split has at least one part");
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // The leftmost place of each part leaves the most for those behind it: nothing is ever tried twice.
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// Whose connection this is, and what it may do until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user; nobody in particular where no tokens are asked for.
    pub subject: Option<Arc<str>>,
    /// From then on it allows nothing; never where no tokens are asked for.
    pub expires_at: Option<SystemTime>,
    /// The documents, each with the right on it.
    pub documents: Vec<(Pattern, Right)>,
    /// May use the whole control plane.
    pub admin: bool,
}

impl Grant {
    /// Everything, for everybody, for ever.
    #[must_use]
    pub fn everything() -> Self {
        Self { subject: None, expires_at: None, documents: vec![(Pattern::new("*"), Right::Write)], admin: true }
    }

    /// Nothing: of somebody who has not said yet who they are.
    #[must_use]
    pub fn nothing() -> Self {
        Self { subject: None, expires_at: None, documents: Vec::new(), admin: false }
    }

    /// The most that any pattern allows on a document of this name.
    #[must_use]
    pub fn right_on(&self, name: &str) -> Option<Right> {
        self.documents.iter().filter(|(pattern, _)| pattern.matches(name)).map(|&(_, right)| right).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_nothing_else_does() {
        let cases = [
            ("*", "a/b", true),
            ("notes/*", "notes/", true),
            ("notes/*", "notes/a/b", true),
            ("notes/*", "notes", false),
            ("notes/*", "other/notes/a", false),
            ("notes", "notes", true),
            ("notes", "notes2", false),
            ("*/draft", "a/draft", true),
            ("*/draft", "a/draft/x", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a**c", "ac", true),
            ("a?c", "abc", false),
            ("a.c", "abc", false),
            ("tenant-a/*", "tenant-b/x", false),
            ("tenant-a/*", "tenant-a/../tenant-b/x", true),
            ("Notes", "notes", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_highest_right_of_all_patterns_counts() {
        let documents = [("*", Right::Read), ("notes/*", Right::Write), ("notes/x", Right::Comment)];
        let documents = documents.map(|(pattern, right)| (Pattern::new(pattern), right)).to_vec();
        let grant = Grant { documents, ..Grant::everything() };
        assert_eq!(grant.right_on("notes/x"), Some(Right::Write));
        assert_eq!(grant.right_on("other"), Some(Right::Read));
        assert_eq!(Grant { documents: Vec::new(), ..grant }.right_on("other"), None);
    }
}
