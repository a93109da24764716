//! Signatures of deliveries, as Standard Webhooks 1.0 has them: HMAC-SHA-256 over id, time and body. Does not know what is signed.

use aws_lc_rs::hmac;

/// A shorter secret could be guessed.
pub(super) const SECRET_BYTES_MIN: usize = 24;

/// What signatures are made with. There is no debug text of it.
pub(super) struct Secret(hmac::Key);

/// What is wrong with a secret, without the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretFault {
    /// It begins with `whsec_`, and what follows is no base64.
    NotBase64,
    /// It is too short.
    TooShort,
}

impl Secret {
    /// Out of a file: `whsec_` and base64, as others make them, or any bytes but the line end behind them.
    pub(super) fn parse(content: &[u8]) -> Result<Self, SecretFault> {
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let bytes = match content.strip_prefix(b"whsec_") {
            Some(base64) => decode(base64).ok_or(SecretFault::NotBase64)?,
            None => content.to_vec(),
        };
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(SecretFault::TooShort);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body.as_bytes());
        format!("v1,{}", encode(context.sign().as_ref()))
    }
}

/// What deliveries of one target are signed with.
pub(super) struct Secrets {
    pub(super) current: Secret,
    /// The one before, as long as who is told may still check with that.
    pub(super) former: Option<Secret>,
}

impl Secrets {
    /// The value of `webhook-signature`: one signature of each secret, with a space between them, of which the receiver needs one.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signature = self.current.sign(id, timestamp, body);
        match &self.former {
            Some(former) => format!("{signature} {}", former.sign(id, timestamp, body)),
            None => signature,
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, section 4).
fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    text
}

/// Bits that are left over have to be zero.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut group, mut bits) = (0_u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|letter| letter == digit)?;
        group = (group << 6 | u32::try_from(value).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits & 0xff) as u8);
        }
    }
    (group & ((1 << bits) - 1) == 0 && bits < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_delivery_has_the_known_signature() {
        // Of the reference implementations of Standard Webhooks.
        let secret = Secret::parse(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a secret");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()), Some(bytes.as_bytes().to_vec()), "{text}");
        }
        for wrong in ["Zg=", "Zg", "Zh==", "Z===", "====", "Zm9v!mFy", "Zm8=Zm8=", "-_-_"] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_long_enough_and_end_with_their_line() {
        let fault = |content: &[u8]| Secret::parse(content).err();
        assert_eq!(fault(&[b'x'; SECRET_BYTES_MIN]), None);
        assert_eq!(fault(&[b'x'; SECRET_BYTES_MIN - 1]), Some(SecretFault::TooShort));
        assert_eq!(fault(b"whsec_Zm9vYmFy"), Some(SecretFault::TooShort));
        assert_eq!(fault(b"whsec_not base64"), Some(SecretFault::NotBase64));
        let signed = |content: &[u8]| Secret::parse(content).expect("a secret").sign("a", 1, "b");
        assert_eq!(signed(b"0123456789abcdef0123456789abcdef\r\n"), signed(b"0123456789abcdef0123456789abcdef"));
    }
}
