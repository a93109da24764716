//! Keys from a JWK set (RFC 7517): each alone is good, or says why not. Does not know whether one bad key spoils the set.

use std::fmt;

use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::super::{base64url, json};
use super::{Algorithm, KEY_ID_BYTES_MAX, Key, KeyFault, check_modulus, check_secret, fingerprint};

/// Most keys in one set. Issuers publish two or three.
pub const KEYS_MAX: usize = 64;

/// Longest public exponent of an RSA key, in bytes: what the library takes.
const EXPONENT_BYTES_MAX: usize = 4;

/// Bytes of a coordinate of P-256, and of a public key of Ed25519.
const CURVE_BYTES: usize = 32;

/// Why something is no JWK set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// Not an object with a list of objects called `keys`.
    NotASet,
    /// More than [`KEYS_MAX`].
    TooMany {
        /// How many.
        keys: usize,
    },
}

impl fmt::Display for SetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASet => f.write_str("not a JWK set (RFC 7517, section 5)"),
            Self::TooMany { keys } => write!(f, "{keys} keys; the most are {KEYS_MAX}"),
        }
    }
}

/// What a set holds, in its order: the name of each key, as far as it has one, and the key.
pub(in super::super) type Set = Vec<(Option<Box<str>>, Result<Key, KeyFault>)>;

/// Reads a set.
pub(in super::super) fn parse_set(bytes: &[u8]) -> Result<Set, SetFault> {
    let set = json::parse_object(bytes).ok_or(SetFault::NotASet)?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(SetFault::NotASet)?;
    if keys.len() > KEYS_MAX {
        return Err(SetFault::TooMany { keys: keys.len() });
    }
    let mut read: Set = Vec::with_capacity(keys.len());
    for jwk in keys {
        let jwk = jwk.as_object().ok_or(SetFault::NotASet)?;
        let id = id(jwk);
        let name = id.clone().unwrap_or_default();
        let key = match id {
            Err(fault) => Err(fault),
            Ok(Some(id)) if read.iter().any(|(other, _)| other.as_ref() == Some(&id)) => Err(KeyFault::Duplicate),
            Ok(None) if keys.len() > 1 => Err(KeyFault::Unnamed),
            Ok(id) => key(jwk, id),
        };
        read.push((name, key));
    }
    Ok(read)
}

fn id(jwk: &Map<String, Value>) -> Result<Option<Box<str>>, KeyFault> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if is_id(id) => Ok(Some(id.as_str().into())),
        Some(_) => Err(KeyFault::Member("kid")),
    }
}

/// Whether a text can be the name of a key.
pub(in super::super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= KEY_ID_BYTES_MAX && !text.chars().any(char::is_control)
}

fn key(jwk: &Map<String, Value>, id: Option<Box<str>>) -> Result<Key, KeyFault> {
    check_purpose(jwk)?;
    let kind = jwk.get("kty").and_then(Value::as_str).ok_or(KeyFault::Member("kty"))?;
    // Not for `oct`, whose `k` is secret by itself.
    let is_private = jwk.contains_key("d");
    let curve = || jwk.get("crv").and_then(Value::as_str).ok_or(KeyFault::Member("crv"));
    let (algorithm, material) = match kind {
        _ if is_private => return Err(KeyFault::Private),
        "oct" => (Algorithm::Hs256, secret(jwk)?),
        "RSA" => (Algorithm::Rs256, rsa(jwk)?),
        "EC" if curve()? == "P-256" => (Algorithm::Es256, p256(jwk)?),
        "OKP" if curve()? == "Ed25519" => (Algorithm::EdDsa, ed25519(jwk)?),
        "EC" | "OKP" => return Err(KeyFault::Curve),
        _ => return Err(KeyFault::Type),
    };
    match jwk.get("alg") {
        None => {}
        Some(Value::String(name)) if Algorithm::parse(name) == Some(algorithm) => {}
        Some(_) => return Err(KeyFault::Algorithm { usable: algorithm }),
    }
    let fingerprint = match algorithm {
        Algorithm::Hs256 => None,
        Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => {
            let text = serde_json::to_vec(jwk).expect("it was JSON");
            Some(fingerprint("jwk", &text))
        }
    };
    Ok(Key { id, algorithm, fingerprint, material })
}

/// RFC 7517, sections 4.2 and 4.3.
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), KeyFault> {
    let used_for_signatures = match jwk.get("use") {
        None => true,
        Some(purpose) => purpose == "sig",
    };
    let may_verify = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    if used_for_signatures && may_verify { Ok(()) } else { Err(KeyFault::NotForSignatures) }
}

fn secret(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyFault> {
    let secret = octets(jwk, "k")?;
    check_secret(&secret)?;
    Ok(DecodingKey::from_secret(&secret))
}

fn rsa(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyFault> {
    let (modulus, exponent) = (octets(jwk, "n")?, octets(jwk, "e")?);
    check_modulus(&modulus)?;
    let odd = exponent.last().is_some_and(|last| last & 1 == 1);
    if !odd || exponent.len() > EXPONENT_BYTES_MAX || exponent == [1] {
        return Err(KeyFault::Member("e"));
    }
    // The library refuses numbers that begin with zeros, which some issuers write.
    let first = modulus.iter().position(|&byte| byte != 0).unwrap_or(0);
    Ok(DecodingKey::from_rsa_raw_components(&modulus[first..], &exponent))
}

/// A point that is not on the curve is not found out here; nothing is ever signed by it.
fn p256(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyFault> {
    let (x, y) = (coordinate(jwk, "x")?, coordinate(jwk, "y")?);
    // Uncompressed (SEC 1, section 2.3.3).
    Ok(DecodingKey::from_ec_der(&[&[4], &x[..], &y[..]].concat()))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<DecodingKey, KeyFault> {
    Ok(DecodingKey::from_ed_der(&coordinate(jwk, "x")?))
}

fn coordinate(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, KeyFault> {
    octets(jwk, member)
        .and_then(|octets| if octets.len() == CURVE_BYTES { Ok(octets) } else { Err(KeyFault::Member(member)) })
}

fn octets(jwk: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, KeyFault> {
    let text = jwk.get(member).and_then(Value::as_str).ok_or(KeyFault::Member(member))?;
    base64url::decode(text.as_bytes()).ok_or(KeyFault::Member(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 32 bytes.
    const COORDINATE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn modulus(bytes: usize) -> String {
        // Each four characters are three bytes of ones.
        "_".repeat(bytes * 4 / 3) + if bytes % 3 == 1 { "w" } else { "" }
    }

    fn faults(keys: &str) -> Vec<Option<KeyFault>> {
        let set = parse_set(format!("{{\"keys\":[{keys}]}}").as_bytes()).expect("a set");
        set.into_iter().map(|(_, key)| key.err()).collect()
    }

    #[test]
    fn the_type_of_a_key_pins_its_algorithm() {
        let rsa = modulus(256);
        let cases = [
            (format!(r#"{{"kty":"oct","k":"{COORDINATE}"}}"#), Algorithm::Hs256),
            (format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","alg":"RS256","use":"sig"}}"#), Algorithm::Rs256),
            (
                format!(r#"{{"kty":"EC","crv":"P-256","x":"{COORDINATE}","y":"{COORDINATE}","key_ops":["verify"]}}"#),
                Algorithm::Es256,
            ),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{COORDINATE}","alg":"EdDSA"}}"#), Algorithm::EdDsa),
        ];
        for (jwk, algorithm) in cases {
            let set = parse_set(format!("{{\"keys\":[{jwk}]}}").as_bytes()).expect("a set");
            let key = set.into_iter().next().expect("one").1;
            assert_eq!(key.map(|key| key.algorithm).ok(), Some(algorithm), "{jwk}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_say_why() {
        let (rsa, weak, long) = (modulus(256), modulus(255), modulus(1026));
        let cases = [
            (r#"{"kty":"oct","k":"c2hvcnQ"}"#.to_owned(), KeyFault::WeakSecret { bytes: 5 }),
            (
                format!(r#"{{"kty":"oct","k":"{COORDINATE}","alg":"RS256"}}"#),
                KeyFault::Algorithm { usable: Algorithm::Hs256 },
            ),
            (format!(r#"{{"kty":"oct","k":"{COORDINATE}="}}"#), KeyFault::Member("k")),
            (format!(r#"{{"kty":"RSA","n":"{weak}","e":"AQAB"}}"#), KeyFault::WeakRsa { bits: 2040 }),
            (format!(r#"{{"kty":"RSA","n":"{long}","e":"AQAB"}}"#), KeyFault::LongRsa { bits: 8208 }),
            (format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQ"}}"#), KeyFault::Member("e")),
            (format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAA"}}"#), KeyFault::Member("e")),
            (format!(r#"{{"kty":"RSA","n":"{rsa}"}}"#), KeyFault::Member("e")),
            (format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","d":"AQAB"}}"#), KeyFault::Private),
            (
                format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","alg":"PS256"}}"#),
                KeyFault::Algorithm { usable: Algorithm::Rs256 },
            ),
            (
                format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","alg":"HS256"}}"#),
                KeyFault::Algorithm { usable: Algorithm::Rs256 },
            ),
            (
                format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","alg":"none"}}"#),
                KeyFault::Algorithm { usable: Algorithm::Rs256 },
            ),
            (format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","use":"enc"}}"#), KeyFault::NotForSignatures),
            (format!(r#"{{"kty":"RSA","n":"{rsa}","e":"AQAB","key_ops":["sign"]}}"#), KeyFault::NotForSignatures),
            (format!(r#"{{"kty":"EC","crv":"P-384","x":"{COORDINATE}","y":"{COORDINATE}"}}"#), KeyFault::Curve),
            (format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{COORDINATE}","y":"{COORDINATE}"}}"#), KeyFault::Curve),
            (format!(r#"{{"kty":"EC","crv":"P-256","x":"{COORDINATE}"}}"#), KeyFault::Member("y")),
            (format!(r#"{{"kty":"EC","x":"{COORDINATE}","y":"{COORDINATE}"}}"#), KeyFault::Member("crv")),
            (format!(r#"{{"kty":"OKP","crv":"X25519","x":"{COORDINATE}"}}"#), KeyFault::Curve),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(), KeyFault::Member("x")),
            (r#"{"kty":"AKP"}"#.to_owned(), KeyFault::Type),
            (r#"{"k":"AA"}"#.to_owned(), KeyFault::Member("kty")),
            (format!(r#"{{"kty":"oct","k":"{COORDINATE}","kid":""}}"#), KeyFault::Member("kid")),
            (format!(r#"{{"kty":"oct","k":"{COORDINATE}","kid":7}}"#), KeyFault::Member("kid")),
        ];
        for (jwk, fault) in cases {
            assert_eq!(faults(&jwk), [Some(fault)], "{jwk}");
        }
    }

    #[test]
    fn several_keys_have_names_of_their_own() {
        let named = |id: &str| format!(r#"{{"kty":"oct","k":"{COORDINATE}","kid":"{id}"}}"#);
        let unnamed = format!(r#"{{"kty":"oct","k":"{COORDINATE}"}}"#);
        assert_eq!(faults(&[named("a"), named("b"), named("a")].join(",")), [None, None, Some(KeyFault::Duplicate)]);
        assert_eq!(faults(&[named("a"), unnamed].join(",")), [None, Some(KeyFault::Unnamed)]);
        for no_set in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[1]}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(matches!(parse_set(no_set.as_bytes()), Err(SetFault::NotASet)), "{no_set}");
        }
        let many = vec![named("a"); KEYS_MAX + 1].join(",");
        let many = parse_set(format!("{{\"keys\":[{many}]}}").as_bytes());
        assert!(matches!(many, Err(SetFault::TooMany { keys: 65 })));
    }
}
