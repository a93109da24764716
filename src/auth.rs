//! Who may do what with which document: tokens in, grants out. Has no socket, and does not know how a token came.
//!
//! [`Authority`] is what one core asks; it waits for nobody. [`Keeper`] is the thread that keeps what it knows up to date.

mod base64url;
mod claims;
mod denied;
mod fetcher;
mod file;
mod grant;
mod issue;
mod json;
mod keeper;
mod key;
mod keys;
mod revoked;
mod sources;
mod start_error;
mod token;
mod verified;

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

pub use claims::{PATTERN_BYTES_MAX, PATTERNS_MAX, SUBJECT_BYTES_MAX, is_subject};
pub use denied::Denied;
pub use grant::{Grant, Pattern, Right};
pub use issue::{IssueError, Issued, issue};
pub use keeper::{Keeper, Publish, RevokeError, Revoker};
pub use key::{
    Algorithm, KEY_ID_BYTES_MAX, KEYS_MAX, KeyFault, RSA_BITS_MAX, RSA_BITS_MIN, SECRET_BYTES_MIN, SetFault,
};
pub use revoked::{REVOKED_MAX, RevokedFault};
pub use sources::{Sources, is_for_this_machine_only};
pub use start_error::{FileFault, StartError};
pub use token::TOKEN_BYTES_MAX;

use claims::Claims;
use keeper::Command;
use keys::Keys;
use revoked::Revoked;
use token::Unverified;
use verified::Verified;

/// Who is asked whether somebody may come in. What it knows does not change; when keys do, every core is given another one.
#[derive(Clone, Debug)]
pub struct Authority(Asks);

#[derive(Clone, Debug)]
enum Asks {
    /// For nothing: everybody gets this.
    Nothing(Arc<Grant>),
    /// For a token.
    Token(Box<Trusted>),
}

/// What tokens are held against.
#[derive(Clone, Debug)]
struct Trusted {
    keys: Keys,
    verified: Arc<Verified>,
    revoked: Arc<Revoked>,
    demands: Arc<Demands>,
    issuer: Option<Issuer>,
}

/// What is asked of tokens beyond a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Demands {
    audience: Option<String>,
    issuer: Option<String>,
    /// How far clocks may be apart.
    leeway: Duration,
}

/// That keys are fetched from somewhere, and what is known of it.
#[derive(Clone, Debug)]
struct Issuer {
    /// None have come so far.
    is_pending: bool,
    /// Names that were asked for, and that the issuer did not have.
    absent: Arc<[Box<str>]>,
    /// Where to ask for others.
    ask: SyncSender<Command>,
}

impl Authority {
    /// Asks for no token, and gives everything to everybody.
    #[must_use]
    pub fn open() -> Self {
        Self(Asks::Nothing(Arc::new(Grant::everything())))
    }

    /// Whether everybody is let in, whatever is given.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.0 {
            Asks::Nothing(_) => true,
            Asks::Token(_) => false,
        }
    }

    /// What a token allows; `None` where none was given.
    ///
    /// # Errors
    ///
    /// The token, or that there is none, is no reason to let anybody in.
    pub fn admit(&self, token: Option<&str>, now: SystemTime) -> Result<Arc<Grant>, Denied> {
        match &self.0 {
            Asks::Nothing(everybody) => Ok(Arc::clone(everybody)),
            Asks::Token(trusted) => {
                let claims = trusted.verify(token.ok_or(Denied::Missing)?)?;
                trusted.grant(claims, now).map(Arc::new)
            }
        }
    }

    /// Whether what was granted still holds: for connections that live longer than a request.
    ///
    /// # Errors
    ///
    /// It is over, or its subject was revoked.
    pub fn uphold(&self, grant: &Grant, now: SystemTime) -> Result<(), Denied> {
        match (&self.0, &grant.subject) {
            (Asks::Token(trusted), Some(subject)) if trusted.revoked.contains(subject) => Err(Denied::Revoked),
            (Asks::Token(_) | Asks::Nothing(_), _) if grant.expires_at.is_some_and(|end| now >= end) => {
                Err(Denied::Expired)
            }
            (Asks::Token(_) | Asks::Nothing(_), _) => Ok(()),
        }
    }

    /// Whether it revokes somebody whom the other does not: then what was granted has to be looked at.
    #[must_use]
    pub fn revokes_beyond(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Asks::Token(new), Asks::Token(old)) => new.revoked.adds_to(&old.revoked),
            (Asks::Nothing(_), _) | (_, Asks::Nothing(_)) => false,
        }
    }
}

impl Trusted {
    fn verify(&self, token: &str) -> Result<Claims, Denied> {
        match (token::verify(token, &self.keys, &self.verified), &self.issuer) {
            (Ok(claims), _) => Ok(claims),
            (Err(Unverified::Denied(denied)), _) => Err(denied),
            (Err(Unverified::NoKey | Unverified::UnknownKey(_)), None) => Err(Denied::Untrusted),
            (Err(Unverified::NoKey | Unverified::UnknownKey(_)), Some(issuer)) if issuer.is_pending => {
                Err(Denied::KeysPending)
            }
            (Err(Unverified::NoKey), Some(_)) => Err(Denied::Untrusted),
            (Err(Unverified::UnknownKey(id)), Some(issuer)) => Err(issuer.ask(id)),
        }
    }

    fn grant(&self, claims: Claims, now: SystemTime) -> Result<Grant, Denied> {
        let Demands { audience, issuer, leeway } = &*self.demands;
        if issuer.is_some() && claims.issuer != *issuer {
            return Err(Denied::Issuer);
        }
        if let Some(audience) = audience
            && !claims.audiences.is_some_and(|given| given.contains(audience))
        {
            return Err(Denied::Audience);
        }
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        // The same moment for who comes and for who is there: between two, a client would come back only to be sent away again.
        let expires_at = at(claims.expires_at) + *leeway;
        if now >= expires_at {
            return Err(Denied::Expired);
        }
        if claims.not_before.is_some_and(|start| at(start) > now + *leeway) {
            return Err(Denied::NotYetValid);
        }
        if self.revoked.contains(&claims.subject) {
            return Err(Denied::Revoked);
        }
        let Claims { subject, documents, admin, .. } = claims;
        Ok(Grant { subject: Some(subject), expires_at: Some(expires_at), documents, admin })
    }
}

impl Issuer {
    /// An unknown name may be that of a new key. Whoever makes names up is told to come again once, and then that the name is not trusted.
    fn ask(&self, id: String) -> Denied {
        if self.absent.iter().any(|absent| **absent == *id) {
            return Denied::Untrusted;
        }
        // Where the keeper has its hands full, the next try asks again.
        drop(self.ask.try_send(Command::Unknown(id.into())));
        Denied::KeyPending
    }
}

#[cfg(test)]
mod tests;
