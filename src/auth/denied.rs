//! Why somebody is not let in, or not any longer. Never says anything of the token itself.

use std::fmt;

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A token is asked for, and none was given.
    Missing,
    /// It is over.
    Expired,
    /// It is good, and says nothing of this document.
    Forbidden,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "a token is needed",
            Self::Expired => "the token has expired",
            Self::Forbidden => "the token does not allow this document",
        })
    }
}
