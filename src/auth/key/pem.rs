//! One public key in PEM (RFC 7468). Does not know files.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use super::super::base64url;
use super::{Algorithm, Key, KeyFault, check_modulus, fingerprint};

/// The curve P-256 as a key names it: the object identifier 1.2.840.10045.3.1.7 in DER. Other curves have points of the same length.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// Begins every PEM block.
const BEGIN: &str = "-----BEGIN ";

pub(super) fn parse(text: &str) -> Result<Key, KeyFault> {
    let mut blocks = text.split(BEGIN).skip(1);
    let block = blocks.next().ok_or(KeyFault::NotPem)?;
    if blocks.next().is_some() {
        return Err(KeyFault::SeveralPem);
    }
    let (label, rest) = block.split_once("-----").ok_or(KeyFault::NotPem)?;
    let pem = text.as_bytes();
    let (algorithm, material) = match label {
        "PUBLIC KEY" => subject_public_key(pem, rest)?,
        "RSA PUBLIC KEY" => (Algorithm::Rs256, rsa(pem)?),
        "CERTIFICATE" => return Err(KeyFault::Certificate),
        private if private.ends_with("PRIVATE KEY") => return Err(KeyFault::Private),
        _ => return Err(KeyFault::NotPem),
    };
    Ok(Key { id: None, algorithm, fingerprint: Some(fingerprint("pem", pem)), material })
}

/// RFC 5280, section 4.1.2.7. The library looks which kind it is.
fn subject_public_key(pem: &[u8], rest: &str) -> Result<(Algorithm, DecodingKey), KeyFault> {
    if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        let is_p256 = der_of(rest).is_some_and(|der| der.windows(P256.len()).any(|window| window == P256));
        return if is_p256 { Ok((Algorithm::Es256, key)) } else { Err(KeyFault::Curve) };
    }
    if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        return Ok((Algorithm::EdDsa, key));
    }
    Ok((Algorithm::Rs256, rsa(pem)?))
}

fn rsa(pem: &[u8]) -> Result<DecodingKey, KeyFault> {
    let key = DecodingKey::from_rsa_pem(pem).map_err(|_| KeyFault::NotPem)?;
    let der = key.try_get_as_bytes().map_err(|_| KeyFault::NotPem)?;
    let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
    let (modulus, _) = components(der).map_err(|_| KeyFault::NotPem)?;
    check_modulus(&modulus)?;
    Ok(key)
}

/// The bytes between the lines that begin and end a block.
fn der_of(rest: &str) -> Option<Vec<u8>> {
    let (body, _) = rest.split_once("-----END ")?;
    let url_alphabet = |byte: u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => other,
    };
    let text: Vec<u8> =
        body.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').map(url_alphabet).collect();
    base64url::decode(&text)
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};

    use super::*;

    #[test]
    fn a_public_key_pins_its_algorithm_and_nothing_else_is_taken() {
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        let ed25519 = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        for (pair, algorithm) in [(&rsa, Algorithm::Rs256), (&p256, Algorithm::Es256), (&ed25519, Algorithm::EdDsa)] {
            let key = parse(&pair.public_key_pem());
            assert_eq!(key.map(|key| key.algorithm).ok(), Some(algorithm));
            assert_eq!(parse(&pair.serialize_pem()).err(), Some(KeyFault::Private));
        }
        assert_eq!(parse(&p384.public_key_pem()).err(), Some(KeyFault::Curve));
        assert_eq!(parse(&(p256.public_key_pem() + &rsa.public_key_pem())).err(), Some(KeyFault::SeveralPem));
        let certificate = p256.public_key_pem().replace("PUBLIC KEY", "CERTIFICATE");
        assert_eq!(parse(&certificate).err(), Some(KeyFault::Certificate));
        let other = p256.public_key_pem().replace("PUBLIC KEY", "SOMETHING");
        let cut = &rsa.public_key_pem()[..200];
        for no_key in ["", "secret", "-----BEGIN ", "-----BEGIN PUBLIC KEY-----", cut, &other] {
            assert_eq!(parse(no_key).err(), Some(KeyFault::NotPem), "{no_key}");
        }
    }
}
