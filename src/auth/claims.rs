//! What a token says (RFC 7519, section 4.1), read strictly: a claim that is not of its form refuses the whole token. Does not know
//! whether it was signed, nor what time it is.

use std::sync::Arc;

use selvedge_protocol::document_name::NAME_BYTES_MAX;
use serde_json::{Map, Value};

use super::{Denied, Pattern, Right, json};

/// Longest `sub`, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 256;

/// Most patterns in one token. Each is tried against a document's name.
pub const PATTERNS_MAX: usize = 256;

/// Longest pattern, in bytes: a longer one without stars could match no name.
pub const PATTERN_BYTES_MAX: usize = NAME_BYTES_MAX;

/// The last second of the year 9999: later times are not meant, and not every clock can hold them.
pub(super) const SECONDS_MAX: u64 = 253_402_300_799;

/// The claims that decide something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) subject: Arc<str>,
    /// Seconds since 1970.
    pub(super) expires_at: u64,
    /// Seconds since 1970.
    pub(super) not_before: Option<u64>,
    pub(super) issuer: Option<String>,
    pub(super) audiences: Option<Vec<String>>,
    /// Empty where the token says nothing of documents.
    pub(super) documents: Vec<(Pattern, Right)>,
    /// May use the whole control plane.
    pub(super) admin: bool,
}

impl Claims {
    /// Reads the payload of a token.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Denied> {
        let claims = json::parse_object(payload).ok_or(Denied::Malformed)?;
        // Says nothing here, and has to be what it is called.
        seconds(&claims, "iat")?;
        Ok(Self {
            subject: subject(&claims)?,
            expires_at: seconds(&claims, "exp")?.ok_or(Denied::Claim("exp"))?,
            not_before: seconds(&claims, "nbf")?,
            issuer: claims.get("iss").map(|value| text(value).ok_or(Denied::Claim("iss"))).transpose()?,
            audiences: claims.get("aud").map(|value| texts(value).ok_or(Denied::Claim("aud"))).transpose()?,
            documents: documents(&claims)?,
            admin: admin(&claims)?,
        })
    }
}

/// Whether a text can be a subject. Control characters would let it forge lines of a log.
#[must_use]
pub fn is_subject(text: &str) -> bool {
    !text.is_empty() && text.len() <= SUBJECT_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Whether a text can be a pattern of documents.
pub(super) fn is_pattern(text: &str) -> bool {
    !text.is_empty() && text.len() <= PATTERN_BYTES_MAX && !text.chars().any(char::is_control)
}

fn subject(claims: &Map<String, Value>) -> Result<Arc<str>, Denied> {
    match claims.get("sub") {
        Some(Value::String(subject)) if is_subject(subject) => Ok(subject.as_str().into()),
        Some(_) | None => Err(Denied::Claim("sub")),
    }
}

/// Whole seconds, from 1970 to the year 9999.
fn seconds(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<u64>, Denied> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    match value.as_u64() {
        Some(seconds) if seconds <= SECONDS_MAX => Ok(Some(seconds)),
        Some(_) | None => Err(Denied::Claim(claim)),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// One text, or a list of them (RFC 7519, section 4.1.3).
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(text).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

const NESTED: Denied = Denied::Claim("selvedge");

/// A claim of ours: `selvedge: {name: …}`, or `selvedge.name: …` for issuers that can only write flat claims. `flat` is the error for its
/// flat form.
fn own<'a>(claims: &'a Map<String, Value>, name: &str, flat: Denied) -> Result<Option<&'a Value>, Denied> {
    let nested = match claims.get("selvedge") {
        Some(Value::Object(selvedge)) => selvedge.get(name),
        Some(_) => return Err(NESTED),
        None => None,
    };
    match (nested, claims.get(&format!("selvedge.{name}"))) {
        // Two answers to one question.
        (Some(_), Some(_)) => Err(flat),
        (one, other) => Ok(one.or(other)),
    }
}

fn documents(claims: &Map<String, Value>) -> Result<Vec<(Pattern, Right)>, Denied> {
    const FLAT: Denied = Denied::Claim("selvedge.documents");
    match own(claims, "documents", FLAT)? {
        None => Ok(Vec::new()),
        Some(Value::Object(documents)) if documents.len() <= PATTERNS_MAX => {
            documents.iter().map(|(pattern, right)| granted(pattern, right).ok_or(FLAT)).collect()
        }
        Some(_) => Err(FLAT),
    }
}

fn admin(claims: &Map<String, Value>) -> Result<bool, Denied> {
    const FLAT: Denied = Denied::Claim("selvedge.admin");
    match own(claims, "admin", FLAT)? {
        None => Ok(false),
        Some(Value::Bool(admin)) => Ok(*admin),
        Some(_) => Err(FLAT),
    }
}

fn granted(pattern: &str, right: &Value) -> Option<(Pattern, Right)> {
    if !is_pattern(pattern) {
        return None;
    }
    Some((Pattern::new(pattern), Right::parse(right.as_str()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(payload: &str) -> Option<Denied> {
        Claims::parse(payload.as_bytes()).err()
    }

    #[test]
    fn what_a_token_says_is_read() {
        let payload = r#"{"sub":"user-1","exp":2000,"nbf":1000,"iat":1000,"iss":"me","aud":["a","b"],"other":{"x":1.5},
            "selvedge":{"documents":{"notes/*":"write","*":"read"},"later":1}}"#;
        let claims = Claims::parse(payload.as_bytes()).expect("a token of ours");
        assert_eq!(&*claims.subject, "user-1");
        assert_eq!((claims.expires_at, claims.not_before), (2000, Some(1000)));
        assert_eq!(claims.issuer.as_deref(), Some("me"));
        assert_eq!(claims.audiences, Some(vec!["a".to_owned(), "b".to_owned()]));
        let expected = [(Pattern::new("*"), Right::Read), (Pattern::new("notes/*"), Right::Write)];
        assert_eq!(claims.documents, expected);

        let flat = r#"{"sub":"a","exp":1,"aud":"x","selvedge.documents":{"n":"comment"}}"#;
        let claims = Claims::parse(flat.as_bytes()).expect("a token of ours");
        assert_eq!(claims.documents, [(Pattern::new("n"), Right::Comment)]);
        assert_eq!(claims.audiences, Some(vec!["x".to_owned()]));
        let nothing = Claims::parse(br#"{"sub":"a","exp":1}"#).expect("a token of ours");
        assert!(nothing.documents.is_empty() && nothing.audiences.is_none() && !nothing.admin);
        for admin in
            [r#"{"sub":"a","exp":1,"selvedge":{"admin":true}}"#, r#"{"sub":"a","exp":1,"selvedge.admin":true}"#]
        {
            assert!(Claims::parse(admin.as_bytes()).expect("a token of ours").admin);
        }
    }

    #[test]
    fn one_claim_that_is_not_of_its_form_refuses_the_token() {
        let long = "x".repeat(SUBJECT_BYTES_MAX + 1);
        let many: Vec<String> = (0..=PATTERNS_MAX).map(|number| format!("\"{number}\":\"read\"")).collect();
        let cases = [
            ("sub", r#"{"exp":1}"#.to_owned()),
            ("sub", r#"{"exp":1,"sub":""}"#.to_owned()),
            ("sub", r#"{"exp":1,"sub":7}"#.to_owned()),
            ("sub", r#"{"exp":1,"sub":null}"#.to_owned()),
            ("sub", r#"{"exp":1,"sub":"a\nb"}"#.to_owned()),
            ("sub", format!(r#"{{"exp":1,"sub":"{long}"}}"#)),
            ("exp", r#"{"sub":"a"}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":"1"}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":-1}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":1.0}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":1e3}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":253402300800}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":18446744073709551616}"#.to_owned()),
            ("exp", r#"{"sub":"a","exp":null}"#.to_owned()),
            ("nbf", r#"{"sub":"a","exp":1,"nbf":"0"}"#.to_owned()),
            ("iat", r#"{"sub":"a","exp":1,"iat":[]}"#.to_owned()),
            ("iss", r#"{"sub":"a","exp":1,"iss":["me"]}"#.to_owned()),
            ("aud", r#"{"sub":"a","exp":1,"aud":{"a":1}}"#.to_owned()),
            ("aud", r#"{"sub":"a","exp":1,"aud":["a",1]}"#.to_owned()),
            ("selvedge", r#"{"sub":"a","exp":1,"selvedge":[]}"#.to_owned()),
            ("selvedge.documents", r#"{"sub":"a","exp":1,"selvedge":{"documents":["*"]}}"#.to_owned()),
            ("selvedge.admin", r#"{"sub":"a","exp":1,"selvedge":{"admin":"true"}}"#.to_owned()),
            ("selvedge.admin", r#"{"sub":"a","exp":1,"selvedge.admin":1}"#.to_owned()),
            ("selvedge.admin", r#"{"sub":"a","exp":1,"selvedge":{"admin":true},"selvedge.admin":true}"#.to_owned()),
            ("selvedge.documents", r#"{"sub":"a","exp":1,"selvedge":{"documents":{"*":"admin"}}}"#.to_owned()),
            ("selvedge.documents", r#"{"sub":"a","exp":1,"selvedge":{"documents":{"*":"Write"}}}"#.to_owned()),
            ("selvedge.documents", r#"{"sub":"a","exp":1,"selvedge":{"documents":{"*":["read"]}}}"#.to_owned()),
            ("selvedge.documents", r#"{"sub":"a","exp":1,"selvedge":{"documents":{"":"read"}}}"#.to_owned()),
            ("selvedge.documents", r#"{"sub":"a","exp":1,"selvedge":{"documents":{"\u0000":"read"}}}"#.to_owned()),
            ("selvedge.documents", format!(r#"{{"sub":"a","exp":1,"selvedge.documents":{{"{long}":"read"}}}}"#)),
            ("selvedge.documents", format!(r#"{{"sub":"a","exp":1,"selvedge.documents":{{{}}}}}"#, many.join(","))),
            (
                "selvedge.documents",
                r#"{"sub":"a","exp":1,"selvedge":{"documents":{}},"selvedge.documents":{}}"#.to_owned(),
            ),
        ];
        for (claim, payload) in cases {
            assert_eq!(refused(&payload), Some(Denied::Claim(claim)), "{payload}");
        }
        for malformed in ["", "[]", "null", r#"{"sub":"a","exp":1,"exp":2}"#, r#"{"sub":"a","exp":1}x"#] {
            assert_eq!(refused(malformed), Some(Denied::Malformed), "{malformed}");
        }
    }
}
