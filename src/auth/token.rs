//! A token in three parts (RFC 7515, section 7.1): which key it names, and what it says once that key has signed it. Knows no clock.

use serde_json::Value;

use super::claims::Claims;
use super::key::{Algorithm, Key};
use super::keys::{Chosen, Keys};
use super::verified::Verified;
use super::{Denied, base64url, json};

/// Longest token. It travels in the head of a request, which is bounded too.
pub const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Longest header of a token, in base64: it is read before anything is known to be signed.
const HEADER_BYTES_MAX: usize = 2 << 10;

/// Why what a token says does not count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unverified {
    /// Whatever keys there may be.
    Denied(Denied),
    /// It names a key that is not here.
    UnknownKey(String),
    /// It names no key, and there is none for its algorithm.
    NoKey,
}

impl From<Denied> for Unverified {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// What a token says, if one of the keys has signed it; `verified` is what was found before.
pub(super) fn verify(token: &str, keys: &Keys, verified: &Verified) -> Result<Claims, Unverified> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Denied::Malformed.into());
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Denied::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Denied::Malformed)?;
    if header.len() > HEADER_BYTES_MAX {
        return Err(Denied::Malformed.into());
    }
    // A fourth part would leave a dot in one of these, which is not of the alphabet. Before any key is tried, so that what is no token
    // costs no arithmetic.
    let header = Header::parse(&base64url::decode(header.as_bytes()).ok_or(Denied::Malformed)?)?;
    let payload = base64url::decode(payload.as_bytes()).ok_or(Denied::Malformed)?;
    base64url::decode(signature.as_bytes()).filter(|signature| !signature.is_empty()).ok_or(Denied::Malformed)?;

    let candidates = match keys.choose(header.key_id.as_deref(), header.algorithm) {
        Chosen::Unknown(id) => return Err(Unverified::UnknownKey(id.to_owned())),
        Chosen::Among(candidates) if candidates.is_empty() && header.key_id.is_none() => return Err(Unverified::NoKey),
        Chosen::Among(candidates) => candidates,
    };
    if !is_signed(token, (message, signature), &candidates, verified) {
        return Err(Denied::Untrusted.into());
    }
    Ok(Claims::parse(&payload)?)
}

/// Whether one of these keys has signed it. The keys are those of this moment, so what a key that is gone has signed is not looked for.
fn is_signed(token: &str, (message, signature): (&str, &str), keys: &[&Key], verified: &Verified) -> bool {
    let marks: Vec<_> = keys.iter().map(|key| verified.mark(key, token)).collect();
    if marks.iter().flatten().any(|&mark| verified.knows(mark)) {
        return true;
    }
    let Some(at) = keys.iter().position(|key| key.has_signed(message, signature)) else { return false };
    if let Some(mark) = marks[at] {
        verified.remember(mark);
    }
    true
}

/// What counts of the header (RFC 7515, section 4.1). Keys that it carries or points to (`jwk`, `jku`, `x5u`, `x5c`) are chosen by
/// whoever wrote it, so they are not looked at.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    fn parse(header: &[u8]) -> Result<Self, Denied> {
        let header = json::parse_object(header).ok_or(Denied::Malformed)?;
        // What must be understood and is not: every extension (section 4.1.11), and an unencoded payload (RFC 7797).
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(Denied::Malformed);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Denied::Malformed)?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) if super::key::is_id(id) => Some(id.clone()),
            Some(_) => return Err(Denied::Malformed),
        };
        Ok(Self { algorithm: Algorithm::parse(algorithm).ok_or(Denied::Untrusted)?, key_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_in_a_header_refuses_it() {
        let header = |text: &str| Header::parse(text.as_bytes());
        let (algorithm, key_id) = (Algorithm::Es256, Some("a".to_owned()));
        let with = r#"{"alg":"ES256","kid":"a","typ":"JWT","jku":"http://127.0.0.1/","jwk":{},"x5u":"x","x5c":["y"]}"#;
        assert_eq!(header(with), Ok(Header { algorithm, key_id }));
        for malformed in [
            "",
            "[]",
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","alg":"HS256"}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","b64":false}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","kid":""}"#,
            r#"{"alg":"HS256","kid":"a\u0000b"}"#,
        ] {
            assert_eq!(header(malformed), Err(Denied::Malformed), "{malformed}");
        }
        for name in
            ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS384", "RS512", "PS256", "ES384", "HS256\\u0000"]
        {
            assert_eq!(header(&format!(r#"{{"alg":"{name}"}}"#)), Err(Denied::Untrusted), "{name}");
        }
    }
}
