//! The key of an opening handshake and its answer (RFC 6455, sections 4.1 and 4.2.2). Proves nothing about the client.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// The value of a `Sec-WebSocket-Key` header: 16 bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpgradeKey([u8; Self::BYTES]);

impl UpgradeKey {
    const BYTES: usize = 24;
    const NONCE_BYTES: usize = 16;
    const ACCEPT_BYTES: usize = 28;
    const GUID: &'static [u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// A client's key. The nonce should be random, so that no cache in between answers.
    #[must_use]
    pub fn new(nonce: [u8; Self::NONCE_BYTES]) -> Self {
        let mut value = [0; Self::BYTES];
        STANDARD.encode_slice(nonce, &mut value).expect("16 bytes are 24 characters of base64");
        Self(value)
    }

    /// The value of the header.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the value of the header, if it is one.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let key = Self(value.try_into().ok()?);
        // What 24 characters can hold at most is 18 bytes.
        let mut nonce = [0; 18];
        (STANDARD.decode_slice(key.0, &mut nonce) == Ok(Self::NONCE_BYTES)).then_some(key)
    }

    /// What the server answers in `Sec-WebSocket-Accept`, and the client checks.
    pub fn accept(&self) -> [u8; Self::ACCEPT_BYTES] {
        let digest = Sha1::new().chain_update(self.0).chain_update(Self::GUID).finalize();
        let mut accept = [0; Self::ACCEPT_BYTES];
        STANDARD.encode_slice(digest, &mut accept).expect("20 bytes are 28 characters of base64");
        accept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_answered() {
        let key = UpgradeKey::parse(b"dGhlIHNhbXBsZSBub25jZQ==").expect("16 bytes in base64");
        assert_eq!(&key.accept(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn only_16_bytes_in_base64_are_a_key() {
        let cases: &[(&[u8], bool)] = &[
            (b"AAAAAAAAAAAAAAAAAAAAAA==", true),
            (b"+/+/+/+/+/+/+/+/+/+/+w==", true),
            (b"", false),
            (b"AAAAAAAAAAAAAAAAAAAA", false),
            (b"AAAAAAAAAAAAAAAAAAAAAAA=", false),
            (b"AAAAAAAAAAAAAAAAAAAAAAAA", false),
            (b"AAAAAAAAAAAAAAAAAAAAAA", false),
            (b"AAAAAAAAAAAAAAAAAAAAAA=A", false),
            (b"-_-_AAAAAAAAAAAAAAAAAA==", false),
            (b"AAAAAAAAAAAAAAAAAAAAAA===", false),
            (b" AAAAAAAAAAAAAAAAAAAAA==", false),
        ];
        for (value, valid) in cases {
            assert_eq!(UpgradeKey::parse(value).is_some(), *valid, "{}", String::from_utf8_lossy(value));
        }
    }
}
