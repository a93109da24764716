//! Why a TLS session came to nothing. Always the peer's doing, or that of what lies between.

use std::fmt;

/// Why a session cannot go on.
#[derive(Debug)]
pub enum Failure {
    /// The peer speaks HTTP without TLS.
    PlainHttp,
    /// The peer broke TLS, or shares no version, cipher or protocol with this end. The alert for it waits to be sent.
    Tls(rustls::Error),
    /// The peer's handshake messages are larger than any that make sense here.
    Oversized,
    /// As much was sent under one key as its cipher allows, and TLS 1.2 has no way to another.
    KeyWornOut,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp => f.write_str("HTTP without TLS"),
            Self::Tls(error) => error.fmt(f),
            Self::Oversized => f.write_str("the handshake is larger than any that makes sense"),
            Self::KeyWornOut => f.write_str("the key has encrypted as much as it may"),
        }
    }
}

impl std::error::Error for Failure {}
