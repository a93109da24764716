//! Makes tokens, good ones and forged ones. Nothing here is checked before it is sent.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};

/// The server's secret.
pub(crate) const SECRET: &str = "the secret that only the server and its issuer know";

/// Whom the server is called by, and who makes its tokens.
pub(crate) const AUDIENCE: &str = "selvedge";
pub(crate) const ISSUER: &str = "https://issuer.example";

/// One private key of each kind.
pub(crate) struct Keys {
    pub(crate) rsa: KeyPair,
    pub(crate) ec: KeyPair,
    pub(crate) ed: KeyPair,
}

/// How a token is signed, whatever its header says.
#[derive(Clone, Copy)]
pub(crate) enum Signed<'a> {
    Hmac(&'a [u8]),
    Rsa(&'a Keys),
    Ec(&'a Keys),
    Ed(&'a Keys),
    /// This text stands where the signature would be.
    With(&'a str),
}

impl Keys {
    pub(crate) fn generate() -> Self {
        Self {
            rsa: KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key"),
            ec: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"),
            ed: KeyPair::generate_for(&PKCS_ED25519).expect("a key"),
        }
    }

    /// The public halves as a JWK set, called `rsa`, `ec` and `ed` with something behind it.
    pub(crate) fn set(&self, suffix: &str) -> String {
        format!(
            r#"{{"keys":[{},{},{}]}}"#,
            self.rsa_jwk(&format!("rsa{suffix}")),
            self.ec_jwk(&format!("ec{suffix}")),
            self.ed_jwk(&format!("ed{suffix}"))
        )
    }

    pub(crate) fn rsa_jwk(&self, id: &str) -> String {
        let (n, e) = rsa_numbers(self.rsa.public_key_raw());
        format!(
            r#"{{"kty":"RSA","kid":"{id}","alg":"RS256","use":"sig","n":"{}","e":"{}"}}"#,
            base64url(n),
            base64url(e)
        )
    }

    pub(crate) fn ec_jwk(&self, id: &str) -> String {
        let (x, y) = self.ec.public_key_raw()[1..].split_at(32);
        format!(r#"{{"kty":"EC","crv":"P-256","kid":"{id}","x":"{}","y":"{}"}}"#, base64url(x), base64url(y))
    }

    pub(crate) fn ed_jwk(&self, id: &str) -> String {
        let x = base64url(self.ed.public_key_raw());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{x}"}}"#)
    }
}

/// Modulus and exponent of an RSAPublicKey in DER (RFC 8017, appendix A.1.1) of 2048 bits.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let modulus = 9..9 + 256;
    assert_eq!(&der[4..9], [0x02, 0x82, 0x01, 0x01, 0x00], "a modulus of 2048 bits");
    assert_eq!(&der[265..267], [0x02, 0x03], "an exponent of three bytes");
    (&der[modulus], &der[267..270])
}

/// The token of these texts.
pub(crate) fn token(header: &str, claims: &str, signed: Signed<'_>) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let by = |key: Result<EncodingKey, _>, algorithm| {
        crypto::sign(message.as_bytes(), &key.expect("a private key"), algorithm).expect("it can be signed")
    };
    let signature = match signed {
        Signed::Hmac(secret) => by(Ok(EncodingKey::from_secret(secret)), Algorithm::HS256),
        Signed::Rsa(keys) => by(EncodingKey::from_rsa_pem(keys.rsa.serialize_pem().as_bytes()), Algorithm::RS256),
        Signed::Ec(keys) => by(EncodingKey::from_ec_pem(keys.ec.serialize_pem().as_bytes()), Algorithm::ES256),
        Signed::Ed(keys) => by(EncodingKey::from_ed_pem(keys.ed.serialize_pem().as_bytes()), Algorithm::EdDSA),
        Signed::With(text) => text.to_owned(),
    };
    format!("{message}.{signature}")
}

/// Signed with the server's secret.
pub(crate) fn by_secret(claims: &str) -> String {
    token(r#"{"alg":"HS256","typ":"JWT"}"#, claims, Signed::Hmac(SECRET.as_bytes()))
}

/// Claims of a token that is good for a while.
pub(crate) fn claims(subject: &str, pattern: &str, right: &str) -> String {
    until(now() + 600, subject, pattern, right)
}

pub(crate) fn until(end: u64, subject: &str, pattern: &str, right: &str) -> String {
    format!(
        r#"{{"sub":"{subject}","exp":{end},"aud":"{AUDIENCE}","iss":"{ISSUER}","selvedge":{{"documents":{{"{pattern}":"{right}"}}}}}}"#
    )
}

/// The machine's time, as tokens have it.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}
