//! One key that tokens are checked with: what it is made of pins the one algorithm that it is used for (RFC 8725, section 3.1). Knows
//! no token, and not where keys come from.

mod jwk;
mod pem;

use std::fmt;

use aws_lc_rs::digest;
use jsonwebtoken::{DecodingKey, crypto};

pub use jwk::{KEYS_MAX, SetFault};
pub(super) use jwk::{is_id, parse_set};

/// Shortest secret, in bytes: as long as what HS256 makes of it (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// Shortest modulus of an RSA key, in bits (RFC 7518, section 3.3).
pub const RSA_BITS_MIN: usize = 2048;

/// Longest modulus of an RSA key, in bits; longer ones are not checked by the library, and would cost a core milliseconds.
pub const RSA_BITS_MAX: usize = 8192;

/// Longest name of a key (`kid`), in bytes.
pub const KEY_ID_BYTES_MAX: usize = 256;

/// How a token may be signed (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// As in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of exactly this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// A key, the one algorithm it is for, and its name where it has one. Its debug text has nothing of what it is made of.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    /// Of what it is made of: two that have one check alike. None for a secret, of which nothing stands anywhere else, and which checks as fast as anybody
    /// could remember.
    pub(super) fingerprint: Option<Fingerprint>,
    /// Redacts itself, and is wiped when dropped.
    material: DecodingKey,
}

/// SHA-256.
pub(super) type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

/// Of a key in this form; texts of one form say one key each.
pub(super) fn fingerprint(form: &'static str, text: &[u8]) -> Fingerprint {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(form.as_bytes());
    // No form has it.
    context.update(&[0]);
    context.update(text);
    context.finish().as_ref().try_into().expect("SHA-256 has as many bytes")
}

impl Key {
    /// A secret, as it stands in a file: one line end at its end is the editor's.
    pub(super) fn from_secret(file: &[u8]) -> Result<Self, KeyFault> {
        let secret = without_line_end(file);
        check_secret(secret)?;
        let material = DecodingKey::from_secret(secret);
        Ok(Self { id: None, algorithm: Algorithm::Hs256, fingerprint: None, material })
    }

    /// A public key in PEM.
    pub(super) fn from_pem(text: &str) -> Result<Self, KeyFault> {
        pem::parse(text)
    }

    /// Whether the key has made this signature of the message; `signature` is in base64, as in a token.
    pub(super) fn has_signed(&self, message: &str, signature: &str) -> bool {
        crypto::verify(signature, message.as_bytes(), &self.material, self.algorithm.of_library()).unwrap_or(false)
    }
}

/// What is left of a secret's file when a line end at its end is taken away.
pub(super) fn without_line_end(file: &[u8]) -> &[u8] {
    let line = file.strip_suffix(b"\n").unwrap_or(file);
    if line.len() < file.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
}

pub(super) fn check_secret(secret: &[u8]) -> Result<(), KeyFault> {
    let bytes = secret.len();
    if bytes < SECRET_BYTES_MIN { Err(KeyFault::WeakSecret { bytes }) } else { Ok(()) }
}

fn check_modulus(modulus: &[u8]) -> Result<(), KeyFault> {
    let leading = modulus.iter().position(|&byte| byte != 0).unwrap_or(modulus.len());
    let bits = modulus.get(leading).map_or(0, |first| {
        (modulus.len() - leading) * 8 - usize::try_from(first.leading_zeros()).expect("a byte has eight bits")
    });
    match bits {
        ..RSA_BITS_MIN => Err(KeyFault::WeakRsa { bits }),
        RSA_BITS_MIN..=RSA_BITS_MAX => Ok(()),
        _ => Err(KeyFault::LongRsa { bits }),
    }
}

/// Why something is no key to check tokens with. Who gave it is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// A short secret can be guessed from one token.
    WeakSecret {
        /// How long it is.
        bytes: usize,
    },
    /// A short RSA key can be broken.
    WeakRsa {
        /// How long it is.
        bits: usize,
    },
    /// The library does not check with so long a key.
    LongRsa {
        /// How long it is.
        bits: usize,
    },
    /// A member of a JWK that is missing or is not as RFC 7518 says.
    Member(&'static str),
    /// A type of key (`kty`) that is not known.
    Type,
    /// A curve (`crv`) that is not known.
    Curve,
    /// `alg` is none that this type of key is used for here.
    Algorithm {
        /// The one that it is used for.
        usable: Algorithm,
    },
    /// `use` or `key_ops` say that it is not for signatures.
    NotForSignatures,
    /// It has what only the issuer may have.
    Private,
    /// A secret where everybody can read it.
    PublishedSecret,
    /// Its name is that of another key.
    Duplicate,
    /// One of several keys, and without a name: nobody could say which is meant.
    Unnamed,
    /// Not a public key in PEM.
    NotPem,
    /// Several keys in PEM, which cannot have names.
    SeveralPem,
    /// A certificate, which holds a key and is none.
    Certificate,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeakSecret { bytes } => write!(
                f,
                "the secret has {bytes} bytes, and needs {SECRET_BYTES_MIN} at least; `openssl rand -hex -out FILE 32` makes one"
            ),
            Self::WeakRsa { bits } => write!(f, "the RSA key has {bits} bits, and needs {RSA_BITS_MIN} at least"),
            Self::LongRsa { bits } => write!(f, "the RSA key has {bits} bits; the most are {RSA_BITS_MAX}"),
            Self::Member(member) => write!(f, "its {member:?} is missing or malformed (RFC 7517, RFC 7518)"),
            Self::Type => f.write_str("its type (\"kty\") is none of oct, RSA, EC, OKP"),
            Self::Curve => f.write_str("its curve is none of P-256, Ed25519"),
            Self::Algorithm { usable } => {
                write!(f, "it is for another algorithm (\"alg\") than the one its type is used for, {}", usable.name())
            }
            Self::NotForSignatures => f.write_str("it is not for signatures (\"use\", \"key_ops\")"),
            Self::Private => f.write_str("it is a private key; only the issuer may have it: give the public one"),
            Self::PublishedSecret => f.write_str("it is a secret, and everybody can read it"),
            Self::Duplicate => f.write_str("another key has its name (\"kid\")"),
            Self::Unnamed => f.write_str("it has no name (\"kid\"), and is not the only one"),
            Self::NotPem => f.write_str(
                "neither a JWK set nor a public key in PEM (RSA, EC on P-256, or Ed25519; BEGIN PUBLIC KEY)",
            ),
            Self::SeveralPem => f.write_str("several keys in PEM; a JWK set can hold several, by name"),
            Self::Certificate => {
                f.write_str("a certificate; `openssl x509 -pubkey -noout -in FILE` gives the public key in it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_loses_one_line_end_and_has_to_be_long() {
        let secret = [b'x'; SECRET_BYTES_MIN];
        for (end, bytes) in [("", 32), ("\n", 32), ("\r\n", 32), ("\n\n", 33), ("\r", 33), (" ", 33)] {
            let file = [secret.as_slice(), end.as_bytes()].concat();
            assert_eq!(without_line_end(&file).len(), bytes, "{end:?}");
            assert!(Key::from_secret(&file).is_ok());
        }
        let short = [&secret[1..], b"\n"].concat();
        assert_eq!(Key::from_secret(&short).err(), Some(KeyFault::WeakSecret { bytes: 31 }));
        assert!(Key::from_secret(b"").is_err());
    }

    #[test]
    fn the_bits_of_a_modulus_are_counted_from_its_first_one() {
        let modulus = |first: u8, bytes: usize| [vec![0, first], vec![0xff; bytes - 1]].concat();
        assert_eq!(check_modulus(&modulus(0x80, 256)), Ok(()));
        assert_eq!(check_modulus(&modulus(0x7f, 256)), Err(KeyFault::WeakRsa { bits: 2047 }));
        assert_eq!(check_modulus(&modulus(0xff, 1024)), Ok(()));
        assert_eq!(check_modulus(&modulus(0x01, 1025)), Err(KeyFault::LongRsa { bits: 8193 }));
        assert_eq!(check_modulus(&[0; 300]), Err(KeyFault::WeakRsa { bits: 0 }));
        assert_eq!(check_modulus(&[]), Err(KeyFault::WeakRsa { bits: 0 }));
    }

    #[test]
    fn nothing_of_a_key_is_in_its_debug_text() {
        let key = Key::from_secret(b"correct horse battery staple, twice").expect("long enough");
        let text = format!("{key:?}");
        assert!(!text.contains("horse") && !text.contains(&b'h'.to_string()), "{text}");
    }
}
