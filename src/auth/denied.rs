//! Why somebody is not let in, or not any longer. Never says anything that is in the token itself.

use std::fmt;

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A token is asked for, and none was given.
    Missing,
    /// Several tokens were given that are not the same.
    Ambiguous,
    /// It is no token (RFC 7519), or one with parts that are not understood.
    Malformed,
    /// No key that is trusted has signed it in the way in which that key signs.
    Untrusted,
    /// It is signed, and this claim is missing or not of the form that it has to have.
    Claim(&'static str),
    /// It is over.
    Expired,
    /// Its time comes later.
    NotYetValid,
    /// It is meant for somebody else.
    Audience,
    /// Another issuer has made it.
    Issuer,
    /// Its subject is not let in any more.
    Revoked,
    /// It is good, and says nothing of this document.
    Forbidden,
    /// It may be good: the keys of the issuer have not been fetched yet.
    KeysPending,
    /// It may be good: it names a key that is not known, and the issuer is asked for it.
    KeyPending,
}

impl Denied {
    /// Its names for programs, in the order of [`Denied::place`].
    pub const REASONS: [&'static str; 13] = [
        "missing",
        "ambiguous",
        "malformed",
        "untrusted",
        "claim",
        "expired",
        "not_yet_valid",
        "audience",
        "issuer",
        "revoked",
        "forbidden",
        "keys_pending",
        "key_pending",
    ];

    /// Where it stands among them, for counting.
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Ambiguous => 1,
            Self::Malformed => 2,
            Self::Untrusted => 3,
            Self::Claim(_) => 4,
            Self::Expired => 5,
            Self::NotYetValid => 6,
            Self::Audience => 7,
            Self::Issuer => 8,
            Self::Revoked => 9,
            Self::Forbidden => 10,
            Self::KeysPending => 11,
            Self::KeyPending => 12,
        }
    }

    /// What can never have been good counts towards a ban. What was good once, or is good for something else, does not: an office whose tokens have
    /// expired must not lose those who have new ones.
    #[must_use]
    pub fn is_failed_login(self) -> bool {
        match self {
            Self::Ambiguous | Self::Malformed | Self::Untrusted | Self::Claim(_) => true,
            Self::Missing
            | Self::Expired
            | Self::NotYetValid
            | Self::Audience
            | Self::Issuer
            | Self::Revoked
            | Self::Forbidden
            | Self::KeysPending
            | Self::KeyPending => false,
        }
    }

    /// Whether trying the same again later can end differently by itself.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::NotYetValid | Self::KeysPending | Self::KeyPending => true,
            Self::Missing
            | Self::Ambiguous
            | Self::Malformed
            | Self::Untrusted
            | Self::Claim(_)
            | Self::Expired
            | Self::Audience
            | Self::Issuer
            | Self::Revoked
            | Self::Forbidden => false,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "a token is needed",
            Self::Ambiguous => "several different tokens were given",
            Self::Malformed => "the token is malformed",
            Self::Untrusted => "the token is not signed by a trusted key",
            Self::Claim(claim) => return write!(f, "the claim {claim} of the token is missing or malformed"),
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::Audience => "the token is for another audience",
            Self::Issuer => "the token is of another issuer",
            Self::Revoked => "the subject of the token is revoked",
            Self::Forbidden => "the token does not allow this document",
            Self::KeysPending => "the keys of the issuer are not known yet",
            Self::KeyPending => "the key of the token is not known yet",
        })
    }
}
