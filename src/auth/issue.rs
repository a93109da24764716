//! Makes tokens, for development and for services of one's own. Whatever it makes, a server with the same settings takes until it is
//! over.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::claims::{self, Claims, PATTERN_BYTES_MAX, PATTERNS_MAX, SECONDS_MAX, SUBJECT_BYTES_MAX};
use super::file::Watched;
use super::key::{Algorithm, KEY_ID_BYTES_MAX, KeyFault, check_secret, is_id, without_line_end};
use super::token::TOKEN_BYTES_MAX;
use super::{Denied, FileFault, Right};
use crate::settings::Settings;

/// What is to be in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// `sub`.
    pub subject: String,
    /// Patterns of documents, each with its right.
    pub documents: Vec<(String, Right)>,
    /// Whether it opens the whole control plane.
    pub admin: bool,
    /// How long it is good.
    pub ttl: Duration,
    /// `aud`; that of the settings otherwise.
    pub audience: Option<String>,
    /// `iss`; that of the settings otherwise.
    pub issuer: Option<String>,
    /// `kid`.
    pub key_id: Option<String>,
    /// A private key in PEM; the secret of the settings otherwise.
    pub key: Option<PathBuf>,
}

impl Issued {
    /// It says who somebody is, and gives them nothing.
    #[must_use]
    pub fn opens_nothing(&self) -> bool {
        self.documents.is_empty() && !self.admin
    }
}

/// Why there is no token. Who asked is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueError {
    /// There is nothing to sign with.
    NoKey,
    /// The file of the secret or the key cannot be taken.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        fault: FileFault,
    },
    /// The file has no private key that can be used.
    NotAPrivateKey {
        /// Which.
        path: PathBuf,
    },
    /// No subject, or one that no server takes.
    Subject,
    /// A name of a key that no server takes.
    KeyId,
    /// Two rights for one pattern.
    Twice {
        /// The pattern.
        pattern: String,
    },
    /// More patterns than a server takes.
    TooManyPatterns,
    /// It would end at once, or after the year 9999.
    Ttl,
    /// A server would refuse it.
    Refused(Denied),
    /// More than a server takes.
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str(
                "there is nothing to sign with: name a secret (--auth-secret-file, or auth_secret_file where the server has it) or a \
                 private key (--key); `openssl rand -hex -out FILE 32` makes a secret",
            ),
            Self::File { path, fault } => write!(f, "{}: {fault}", path.display()),
            Self::NotAPrivateKey { path } => write!(
                f,
                "{}: not a private key in PEM that can be used (RSA of 2048 bits or more, EC on P-256, Ed25519; BEGIN PRIVATE KEY: \
                 `openssl pkcs8 -topk8 -nocrypt -in OTHER -out FILE` converts others)",
                path.display()
            ),
            Self::Subject => {
                write!(f, "--sub: a subject is 1 to {SUBJECT_BYTES_MAX} bytes without control characters")
            }
            Self::KeyId => write!(f, "--kid: a key's name is 1 to {KEY_ID_BYTES_MAX} bytes without control characters"),
            Self::Twice { pattern } => write!(f, "--document: two rights are given for {pattern:?}"),
            Self::TooManyPatterns => write!(f, "--document: {PATTERNS_MAX} patterns are the most"),
            Self::Ttl => f.write_str("--ttl: at least one second, and at most until the year 9999"),
            Self::Refused(denied) => write!(f, "no server would take it: {denied}"),
            Self::TooLong { bytes } => {
                write!(f, "the token would have {bytes} bytes, and {TOKEN_BYTES_MAX} are the most; give fewer patterns")
            }
        }
    }
}

impl std::error::Error for IssueError {}

impl Issued {
    /// Reads `PATTERN=RIGHT`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for people.
    pub fn document(text: &str) -> Result<(String, Right), String> {
        let example = "such as 'notes/*=write'";
        let Some((pattern, right)) = text.rsplit_once('=') else { return Err(format!("no right; {example}")) };
        let Some(right) = Right::parse(right) else {
            return Err(format!("no such right: {right:?}; there are read, comment and write"));
        };
        if !claims::is_pattern(pattern) {
            return Err(format!("a pattern is 1 to {PATTERN_BYTES_MAX} bytes without control characters; {example}"));
        }
        Ok((pattern.to_owned(), right))
    }
}

/// The token, signed.
///
/// # Errors
///
/// It cannot be signed, or no server would take it.
pub fn issue(issued: &Issued, settings: &Settings, now: SystemTime) -> Result<String, IssueError> {
    let claims = claims_of(issued, settings, now)?;
    let (algorithm, key) = match (&issued.key, &settings.auth_secret_file) {
        (Some(path), _) => private_key(path)?,
        (None, Some(path)) => (Algorithm::Hs256, secret(path)?),
        (None, None) => return Err(IssueError::NoKey),
    };
    let mut header = Header::new(algorithm.of_library());
    header.kid.clone_from(&issued.key_id);
    let unusable = |_| IssueError::NotAPrivateKey { path: issued.key.clone().unwrap_or_default() };
    let token = jsonwebtoken::encode(&header, &claims, &key).map_err(unusable)?;
    if token.len() > TOKEN_BYTES_MAX { Err(IssueError::TooLong { bytes: token.len() }) } else { Ok(token) }
}

fn claims_of(issued: &Issued, settings: &Settings, now: SystemTime) -> Result<Value, IssueError> {
    if !claims::is_subject(&issued.subject) {
        return Err(IssueError::Subject);
    }
    if issued.key_id.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(IssueError::KeyId);
    }
    let mut documents = Map::new();
    for (pattern, right) in &issued.documents {
        if documents.insert(pattern.clone(), right.name().into()).is_some() {
            return Err(IssueError::Twice { pattern: pattern.clone() });
        }
    }
    if documents.len() > PATTERNS_MAX {
        return Err(IssueError::TooManyPatterns);
    }
    let issued_at = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let expires_at = issued_at.checked_add(issued.ttl.as_secs()).filter(|&end| end > issued_at && end <= SECONDS_MAX);
    let mut claims = json!({
        "sub": issued.subject,
        "iat": issued_at,
        "exp": expires_at.ok_or(IssueError::Ttl)?,
        "selvedge": { "documents": documents },
    });
    if issued.admin {
        claims["selvedge"]["admin"] = true.into();
    }
    for (claim, given, own) in
        [("aud", &issued.audience, &settings.auth_audience), ("iss", &issued.issuer, &settings.auth_issuer)]
    {
        if let Some(name) = given.as_ref().or(own.as_ref()) {
            claims[claim] = name.as_str().into();
        }
    }
    Claims::parse(claims.to_string().as_bytes()).map_err(IssueError::Refused)?;
    Ok(claims)
}

fn content(path: &Path) -> Result<Vec<u8>, IssueError> {
    let watched = Watched::open("key", path);
    watched.seen().clone().map_err(|fault| IssueError::File { path: path.to_owned(), fault })
}

fn secret(path: &Path) -> Result<EncodingKey, IssueError> {
    let content = content(path)?;
    let secret = without_line_end(&content);
    let weak = |fault: KeyFault| IssueError::File { path: path.to_owned(), fault: FileFault::Key(fault) };
    check_secret(secret).map_err(weak)?;
    Ok(EncodingKey::from_secret(secret))
}

fn private_key(path: &Path) -> Result<(Algorithm, EncodingKey), IssueError> {
    let pem = content(path)?;
    let unusable = || IssueError::NotAPrivateKey { path: path.to_owned() };
    let is_private = String::from_utf8_lossy(&pem).contains("PRIVATE KEY-----");
    if !is_private {
        return Err(unusable());
    }
    EncodingKey::from_ec_pem(&pem)
        .map(|key| (Algorithm::Es256, key))
        .or_else(|_| EncodingKey::from_ed_pem(&pem).map(|key| (Algorithm::EdDsa, key)))
        .or_else(|_| EncodingKey::from_rsa_pem(&pem).map(|key| (Algorithm::Rs256, key)))
        .map_err(|_| unusable())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued() -> Issued {
        Issued {
            subject: "user-1".into(),
            documents: vec![("notes/*".into(), Right::Write)],
            admin: false,
            ttl: Duration::from_secs(3_600),
            audience: None,
            issuer: None,
            key_id: None,
            key: None,
        }
    }

    #[test]
    fn what_no_server_would_take_is_not_made() {
        let settings = Settings::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let refused = |issued: Issued| issue(&issued, &settings, now).expect_err("there is no key either");
        assert_eq!(refused(issued()), IssueError::NoKey);
        assert_eq!(refused(Issued { subject: String::new(), ..issued() }), IssueError::Subject);
        assert_eq!(refused(Issued { subject: "a\nb".into(), ..issued() }), IssueError::Subject);
        assert_eq!(refused(Issued { key_id: Some(String::new()), ..issued() }), IssueError::KeyId);
        for ttl in [Duration::ZERO, Duration::from_millis(999), Duration::MAX, Duration::from_secs(SECONDS_MAX)] {
            assert_eq!(refused(Issued { ttl, ..issued() }), IssueError::Ttl);
        }
        let twice = vec![("a".to_owned(), Right::Read), ("a".to_owned(), Right::Write)];
        assert_eq!(refused(Issued { documents: twice, ..issued() }), IssueError::Twice { pattern: "a".into() });
        let many = (0..=PATTERNS_MAX).map(|number| (number.to_string(), Right::Read)).collect();
        assert_eq!(refused(Issued { documents: many, ..issued() }), IssueError::TooManyPatterns);
    }

    #[test]
    fn a_pattern_may_hold_equals_signs_and_a_right_is_one_of_three() {
        assert_eq!(Issued::document("a=b=read"), Ok(("a=b".to_owned(), Right::Read)));
        for (text, said) in [
            ("notes", "no right"),
            ("notes=", "no such right"),
            ("notes=Write", "no such right: \"Write\"; there are read, comment and write"),
            ("=write", "a pattern is 1 to 256 bytes"),
        ] {
            let error = Issued::document(text).expect_err("it is wrong");
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
